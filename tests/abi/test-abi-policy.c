/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: uploads, questions, custom endpoints */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define USER  KDBUS_POLICY_ACCESS_USER
#define GROUP KDBUS_POLICY_ACCESS_GROUP
#define WORLD KDBUS_POLICY_ACCESS_WORLD
#define SEE   KDBUS_POLICY_SEE
#define TALK  KDBUS_POLICY_TALK
#define OWN   KDBUS_POLICY_OWN

static struct cmd c;

static int holder_try(const char *name, uint64_t type, uint64_t access, uint64_t id)
{
	struct peer *p;
	int r;

	hello_init(&c, KDBUS_HELLO_POLICY_HOLDER);
	cmd_add_str(&c, KDBUS_ITEM_NAME, name);
	if (type != 99)
		cmd_add_access(&c, type, access, id);
	r = hello(&p, &c, NULL, NULL);
	if (r == 0)
		peer_close(p);
	return r;
}

ABI_TEST(uploads)
{
	struct peer *a, *b;

	row("7.2.type");
	expect_eq(holder_try("a.b", 0, SEE, 0), -EINVAL);
	expect_eq(holder_try("a.b", 4, SEE, 0), -EINVAL);
	row("7.2.access");
	expect_eq(holder_try("a.b", WORLD, 3, 0), -EINVAL);
	expect_eq(holder_try("a.b", WORLD, ~0ULL, 0), -EINVAL);
	row("7.2.id");
	expect_eq(holder_try("a.b", USER, SEE, 0x1ffffffffULL), -EINVAL);
	expect_eq(holder_try("a.b", GROUP, SEE, 0xffffffff), -EINVAL);
	row("7.2.world-id-ignored");
	expect_eq(holder_try("a.b", WORLD, SEE, ~0ULL), 0);
	row("11.22");
	expect_eq(holder_try(".example.a", 99, 0, 0), -EINVAL);
	expect_eq(holder_try("example", 99, 0, 0), -EINVAL);
	a = peer_holder("com.example.a", 0, 0, 0);
	b = peer_holder("com.example.b", 0, 0, 0);
	expect_eq(peer_update_policy(a, "com.example.a", USER, SEE, 0), 0);
	expect_eq(peer_update_policy(b, "com.example.a", USER, SEE, 0), -EEXIST);
	expect_eq(peer_update_policy(b, "com.example.a.*", USER, SEE, 0), 0);
	expect_eq(peer_update_policy(a, "com.example.a.*", USER, SEE, 0), -EEXIST);
	expect_eq(peer_update_policy(a, "com.example.*", USER, SEE, 0), 0);
	expect_eq(peer_update_policy(b, "com.example.a", USER, SEE, 0), 0);
	expect_eq(peer_update_policy(b, "com.example.*", USER, SEE, 0), -EEXIST);
	expect_eq(peer_update_policy(b, ".example.*", USER, SEE, 0), -EINVAL);
	expect_eq(peer_update_policy(b, "example", USER, SEE, 0), -EINVAL);
	row("7.1.literal-beside-wildcard");
	peer_holder("com.example", 0, 0, 0);
	row("7.3.too-many-names");
	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.a");
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.a");
	expect_eq(peer_ioctl(a, KDBUS_CMD_UPDATE, &c), -E2BIG);
	row("7.3.other-items-skipped");
	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.z");
	cmd_add_u64(&c, KDBUS_ITEM_NEGOTIATE, 1);
	cmd_add_access(&c, WORLD, SEE, 0);
	expect_eq(peer_ioctl(a, KDBUS_CMD_UPDATE, &c), 0);
}

/* may somebody with these records own x.y */
static bool may_own(struct peer *who, struct peer *holder,
		    const struct kdbus_policy_access *records, size_t n)
{
	int r;

	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "x.y");
	for (size_t i = 0; i < n; i++)
		cmd_add_access(&c, records[i].type, records[i].access, records[i].id);
	expect_eq(peer_ioctl(holder, KDBUS_CMD_UPDATE, &c), 0);
	r = peer_acquire(who, "x.y", 0);
	if (r == 0)
		expect_eq(peer_release(who, "x.y"), 0);
	else
		expect_eq(r, -EPERM);
	return r == 0;
}

ABI_TEST(owning)
{
	static const uint32_t groups[] = {7000, 7001};
	struct abi_cred cred = {OTHER_UID, OTHER_UID, 2, groups};
	static const struct {
		const char *row;
		struct kdbus_policy_access records[3];
		size_t n;
		bool allowed;
	} cases[] = {
		{"7.4.no-records", {}, 0, false},
		{"7.2.user", {{USER, OWN, OTHER_UID}}, 1, true},
		{"7.2.user", {{USER, OWN, 1}}, 1, false},
		{"7.2.group-effective", {{GROUP, OWN, OTHER_UID}}, 1, true},
		{"7.2.group-supplementary", {{GROUP, OWN, 7001}}, 1, true},
		{"7.2.group-other", {{GROUP, OWN, 1}}, 1, false},
		{"7.2.world", {{WORLD, OWN, 5}}, 1, true},
		{"7.4.talk-is-not-own", {{WORLD, TALK, 0}, {USER, SEE, OTHER_UID}}, 2, false},
		{"7.4.highest",
		 {{USER, SEE, OTHER_UID}, {USER, OWN, OTHER_UID}, {WORLD, TALK, 0}},
		 3,
		 true},
		{"11.23.own-list",
		 {{USER, OWN, 1}, {USER, OWN, OTHER_UID}, {USER, OWN, 2}},
		 3,
		 true},
	};
	struct peer *who, *holder;

	need(ABI_CAN_CRED);
	who = peer_at("bus", &cred);
	row("7.4.no-entry");
	expect_eq(peer_acquire(who, "x.y", 0), -EPERM);
	holder = peer_holder("x.y", 0, 0, 0);
	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		expect_eq(may_own(who, holder, cases[i].records, cases[i].n), cases[i].allowed);
	}
	row("7.4.owner-may-own");
	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "x.y");
	expect_eq(peer_ioctl(holder, KDBUS_CMD_UPDATE, &c), 0);
	expect_eq(peer_acquire(peer(), "x.y", 0), 0);
	row("11.23.holder-of-unprivileged");
	hello_init(&c, KDBUS_HELLO_POLICY_HOLDER);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "x.z");
	expect_eq(hello(NULL, &c, NULL, &cred), -EPERM);
}

ABI_TEST(wildcards)
{
	struct peer *who = peer_uid(OTHER_UID);

	row("7.4.wildcard");
	peer_holder("com.example.*", WORLD, OWN, 0);
	expect_eq(peer_acquire(who, "com.example.a", 0), 0);
	row("7.4.wildcard-one-label");
	expect_eq(peer_acquire(who, "com.example.a.b", 0), -EPERM);
	expect_eq(peer_acquire(who, "com.examples", 0), -EPERM);
	row("7.4.wildcard-not-base");
	expect_eq(peer_acquire(who, "com.example", 0), -EPERM);
	row("7.4.literal-shadows");
	peer_holder("com.example.s", 0, 0, 0);
	expect_eq(peer_acquire(who, "com.example.s", 0), -EPERM);
	row("0.4.wildcard-label");
	peer_holder("org.*", WORLD, OWN, 0);
	expect_eq(peer_acquire(who, "org.x", 0), 0);
	expect_eq(peer_acquire(who, "org.x.y", 0), -EPERM);
}

ABI_TEST(talking)
{
	struct peer *svc = peer(), *who = peer_uid(OTHER_UID), *h;

	row("7.4.no-names");
	expect_eq(peer_send_to(who, svc->id, 1, 0), -EPERM);
	row("7.4.owner-talks");
	expect_eq(peer_send_to(svc, who->id, 1, 0), 0);
	row("7.4.same-uid");
	expect_eq(peer_send_to(peer_uid(OTHER_UID), who->id, 1, 0), 0);
	row("7.4.other-uid");
	expect_eq(peer_send_to(peer_uid(OTHER_UID + 1), who->id, 1, 0), -EPERM);
	expect_eq(peer_acquire(svc, "x.y", 0), 0);
	h = peer_holder("x.y", WORLD, SEE, 0);
	row("7.4.see-is-not-talk");
	expect_eq(peer_send_to(who, svc->id, 1, 0), -EPERM);
	row("7.4.talk");
	expect_eq(peer_update_policy(h, "x.y", WORLD, TALK, 0), 0);
	expect_eq(peer_send_to(who, svc->id, 1, 0), 0);
	row("7.4.own-implies-talk");
	expect_eq(peer_update_policy(h, "x.y", WORLD, OWN, 0), 0);
	expect_eq(peer_send_name(who, "x.y", 1), 0);
	row("7.4.one-name-is-enough");
	expect_eq(peer_acquire(svc, "x.z", 0), 0);
	expect_eq(peer_send_name(who, "x.z", 1), 0);
	row("7.4.waiting-names-do-not-count");
	{
		struct peer *waiter = peer();

		expect_eq(peer_acquire(waiter, "x.y", KDBUS_NAME_QUEUE), 0);
		expect_eq(peer_send_to(who, waiter->id, 1, 0), -EPERM);
	}
	row("7.6.revoked");
	expect_eq(peer_update_policy(h, "x.y", 0, 0, 0), 0);
	expect_eq(peer_send_name(who, "x.y", 1), -EPERM);
	row("11.23.holder-closed");
	expect_eq(peer_update_policy(h, "x.y", WORLD, TALK, 0), 0);
	expect_eq(peer_send_name(who, "x.y", 1), 0);
	peer_close(h);
	expect_eq(peer_send_name(who, "x.y", 1), -EPERM);
	row("11.23.broadcast-call");
	expect_eq(peer_send(who, &(struct send){.flags = KDBUS_MSG_SIGNAL | KDBUS_MSG_EXPECT_REPLY,
						.dst_id = BROADCAST,
						.cookie = 1,
						.cookie_reply = in_ms(1000)}),
		  p1() ? -ENOTUNIQ : -ENOTUNIQ);
}

ABI_TEST(broadcasts)
{
	struct peer *svc = peer(), *who = peer_uid(OTHER_UID);

	row("11.23.broadcast-needs-talk");
	peer_match_all(who);
	expect_eq(peer_acquire(svc, "com.example.broadcast", 0), 0);
	expect_eq(peer_broadcast(svc, 1), 0);
	expect_nothing(who);
	peer_holder("com.example.broadcast", WORLD, TALK, 0);
	expect_eq(peer_broadcast(svc, 2), 0);
	expect_message(who, svc->id, 2);
	row("7.4.receiver-asks");
	{
		struct peer *x = peer_uid(OTHER_UID + 1);

		peer_holder("com.example.x", WORLD, OWN, 0);
		expect_eq(peer_acquire(who, "com.example.x", 0), 0);
		peer_match_all(x);
		/* the receiver may talk to the sender, which is what counts */
		expect_eq(peer_broadcast(who, 3), 0);
		expect_message(x, who->id, 3);
		peer_drain(who);
		expect_eq(peer_broadcast(x, 4), 0);
		expect_eq(peer_drain(who), 0);
	}
}

/* custom endpoints */

static void *grant(const char *ep_name, const char *name, uint64_t access)
{
	static void *ep;

	if (ep_name)
		ep = endpoint_make(endpoint_name(ep_name), 0);
	cmd_init(&c, sizeof(c.cmd), 0);
	if (name) {
		cmd_add_str(&c, KDBUS_ITEM_NAME, name);
		cmd_add_access(&c, WORLD, access, 0);
	}
	expect_eq(node_ioctl(ep, KDBUS_CMD_ENDPOINT_UPDATE, &c), 0);
	return ep;
}

ABI_TEST(custom_endpoint)
{
	struct peer *out = peer(), *in, *in2;

	grant("pol", NULL, 0);
	in = peer_at(endpoint_name("pol"), NULL);
	in2 = peer_at(endpoint_name("pol"), NULL);
	expect_eq(peer_acquire(out, "x.y", 0), 0);
	row("C36");
	expect_eq(peer_send_to(in, out->id, 1, 0), -EPERM);
	expect_eq(peer_send_to(in, in2->id, 1, 0), -EPERM);
	row("C35");
	expect_eq(peer_send_name(in, "x.y", 1), -EPERM);
	expect_eq(peer_send_name(in, "x.none", 1), -ESRCH);
	row("7.5.info");
	expect_eq(peer_info(in, 0, "x.y", 0, NULL), -ESRCH);
	expect_eq(peer_info(in, 0, "x.none", 0, NULL), -ESRCH);
	expect_eq(peer_info(in, out->id, NULL, 0, NULL), -ENXIO);
	expect_eq(peer_info(in, 0xfffff, NULL, 0, NULL), -ENXIO);
	row("7.5.own-id");
	expect_eq(peer_info(in, in->id, NULL, 0, NULL), -ENXIO);
	row("7.4.custom-see");
	grant(NULL, "x.y", SEE);
	expect_eq(peer_info(in, 0, "x.y", 0, NULL), 0);
	expect_eq(peer_info(in, out->id, NULL, 0, NULL), 0);
	expect_eq(peer_send_name(in, "x.y", 1), -EPERM);
	row("7.4.custom-talk");
	grant(NULL, "x.y", TALK);
	expect_eq(peer_send_name(in, "x.y", 1), 0);
	expect_eq(peer_send_to(in, out->id, 1, 0), 0);
	row("7.4.custom-own");
	expect_eq(peer_acquire(in, "x.z", 0), -EPERM);
	grant(NULL, "x.z", OWN);
	row("7.4.custom-own-needs-bus");
	expect_eq(peer_acquire(in, "x.z", 0), -EPERM);
	peer_holder("x.z", WORLD, OWN, 0);
	expect_eq(peer_acquire(in, "x.z", 0), 0);
	row("7.1.endpoint-db-only-there");
	expect_eq(peer_send_to(out, in->id, 1, 0), 0);
}

ABI_TEST(custom_endpoint_needs_bus_policy)
{
	struct peer *svc = peer(), *in;

	row("7.4.custom-talk-needs-bus");
	expect_eq(peer_acquire(svc, "x.y", 0), 0);
	void *ep = endpoint_make(endpoint_name("both"), KDBUS_MAKE_ACCESS_WORLD);

	cmd_init(&c, sizeof(c.cmd), 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "x.y");
	cmd_add_access(&c, WORLD, TALK, 0);
	expect_eq(node_ioctl(ep, KDBUS_CMD_ENDPOINT_UPDATE, &c), 0);
	in = peer_at(endpoint_name("both"), &(struct abi_cred){OTHER_UID, OTHER_UID});
	expect_eq(peer_send_name(in, "x.y", 1), -EPERM);
	peer_holder("x.y", WORLD, TALK, 0);
	expect_eq(peer_send_name(in, "x.y", 1), 0);
}

ABI_TEST(custom_endpoint_notifications)
{
	struct peer *out = peer(), *in, *other;

	grant("note", NULL, 0);
	in = peer_at(endpoint_name("note"), NULL);
	peer_match_notifications(in);
	row("7.5.name-notifications");
	expect_eq(peer_acquire(out, "x.y", 0), 0);
	expect_nothing(in);
	expect_eq(peer_release(out, "x.y"), 0);
	expect_nothing(in);
	grant(NULL, "x.y", SEE);
	expect_eq(peer_acquire(out, "x.y", 0), 0);
	expect_name(in, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, out->id, KDBUS_NAME_PRIMARY);
	row(p1() ? "0.2.8.p1" : "0.2.8.p2");
	other = peer();
	peer_close(other);
	expect_eq(peer_drain(in), p1() ? 0 : 2);
	row("11.8");
	expect_eq(peer_info(in, 0, "x.y", 0, NULL), 0);
	expect_eq(peer_info(in, out->id, NULL, 0, NULL), 0);
}
