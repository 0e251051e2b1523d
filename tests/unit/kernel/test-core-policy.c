/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: reference section 7 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kernel/kdbus-util.h"

#define USER  KDBUS_POLICY_ACCESS_USER
#define GROUP KDBUS_POLICY_ACCESS_GROUP
#define WORLD KDBUS_POLICY_ACCESS_WORLD
#define SEE   KDBUS_POLICY_SEE
#define TALK  KDBUS_POLICY_TALK
#define OWN   KDBUS_POLICY_OWN

struct access {
	uint64_t type, access, id;
};

static int update(struct peer *holder, const char *name, size_t n, const struct access *records)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	if (name)
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	for (size_t i = 0; i < n; i++)
		cmd_add_access(&cmd, records[i].type, records[i].access, records[i].id);
	return peer_command(holder, KDBUS_CMD_UPDATE, &cmd);
}

#define ONE(t, a, i)                                                                               \
	1, &(const struct access)                                                                  \
	{                                                                                          \
		t, a, i                                                                            \
	}

/* 11.22 */
TEST(holders_do_not_share_entries)
{
	struct peer a, b;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init_holder(&a, &bus, "com.example.a", 0, 0, 0);
	peer_init_holder(&b, &bus, "com.example.b", 0, 0, 0);
	expect_eq(update(&a, "com.example.a", ONE(USER, SEE, 0)), 0);
	expect_eq(update(&b, "com.example.a", ONE(USER, SEE, 0)), -EEXIST);
	expect_eq(update(&b, "com.example.a.*", ONE(USER, SEE, 0)), 0);
	expect_eq(update(&a, "com.example.a.*", ONE(USER, SEE, 0)), -EEXIST);
	expect_eq(update(&a, "com.example.*", ONE(USER, SEE, 0)), 0);
	expect_eq(update(&b, "com.example.a", ONE(USER, SEE, 0)), 0);
	expect_eq(update(&b, "com.example.*", ONE(USER, SEE, 0)), -EEXIST);
	expect_eq(update(&b, ".example.*", ONE(USER, SEE, 0)), -EINVAL);
	expect_eq(update(&b, "example", ONE(USER, SEE, 0)), -EINVAL);
	/* a holder that goes leaves nothing behind */
	peer_deinit(&a);
	expect_eq(update(&b, "com.example.*", ONE(USER, SEE, 0)), 0);
	peer_deinit(&b);
	bus_deinit(&bus);
}

/* 7.3 */
TEST(uploads_are_checked)
{
	static const struct access bad[] = {
		{0, SEE, 0},
		{4, SEE, 0},
		{USER, 3, 0},
		{WORLD, ~0ULL, 0},
		{USER, OWN, 0xffffffff},
		{GROUP, OWN, 1ULL << 32},
	};
	struct peer a, other;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init_holder(&a, &bus, "com.example.a", USER, OWN, 65534);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_eq(update(&a, "com.example.b", 1, &bad[i]), -EINVAL);
	/* access without a name, two names */
	expect_eq(update(&a, NULL, ONE(USER, SEE, 0)), -EINVAL);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "com.example.a");
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "com.example.b");
	expect_eq(peer_command(&a, KDBUS_CMD_UPDATE, &cmd), -E2BIG);
	/* the old entries are still in place */
	peer_init_uid(&other, &bus, 65534);
	expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), 0);
	expect_eq(peer_acquire(&other, "com.example.b", 0, NULL), -EPERM);
	/* nothing at all changes nothing; a name alone takes everything back */
	expect_eq(update(&a, NULL, 0, NULL), 0);
	expect_eq(peer_release(&other, "com.example.a"), 0);
	expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), 0);
	expect_eq(update(&a, "com.example.a", 0, NULL), 0);
	expect_eq(peer_release(&other, "com.example.a"), 0);
	expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), -EPERM);
	peer_deinit(&other);

	struct cmd hello;

	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "com.example.a");
	expect_eq(peer_hello(&other, &bus, 0, &hello, NULL), -EEXIST);
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
	cmd_add_access(&hello, WORLD, OWN, 0);
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "com.example.c");
	expect_eq(peer_hello(&other, &bus, 0, &hello, NULL), -EINVAL);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 11.23: who may own */
TEST(owning)
{
	static const struct {
		size_t n;
		struct access records[3];
		int result;
	} cases[] = {
		{0, {}, -EPERM},
		{1, {{WORLD, OWN, 0}}, 0},
		{1, {{WORLD, TALK, 0}}, -EPERM},
		{1, {{WORLD, SEE, 0}}, -EPERM},
		{1, {{GROUP, OWN, 65534}}, 0},
		{1, {{GROUP, OWN, 1}}, -EPERM},
		{1, {{GROUP, OWN, 4000}}, 0},
		{1, {{USER, OWN, 65534}}, 0},
		{1, {{USER, OWN, 1}}, -EPERM},
		{3, {{USER, OWN, 1}, {USER, OWN, 65534}, {USER, OWN, 2}}, 0},
		{3, {{USER, OWN, 1}, {USER, TALK, 65534}, {WORLD, SEE, 2}}, -EPERM},
	};
	struct kdbus_embedded_cred cred = cred_of(65534);
	uint32_t groups[] = {3000, 4000};
	struct peer holder, own, other;
	struct cmd hello;
	struct bus bus;

	cred.groups = groups;
	cred.n_groups = 2;
	bus_init(&bus, 0);
	peer_init_holder(&holder, &bus, "com.example.a", 0, 0, 0);
	peer_init(&own, &bus, 0);
	hello_init(&hello);
	expect_eq(peer_hello(&other, &bus, 0, &hello, &cred), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_eq(update(&holder, "com.example.a", cases[i].n, cases[i].records), 0);
		expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), cases[i].result);
		if (cases[i].result == 0)
			expect_eq(peer_release(&other, "com.example.a"), 0);
	}
	/* the owner of the bus needs no permission */
	expect_eq(update(&holder, "com.example.a", 0, NULL), 0);
	expect_eq(peer_acquire(&own, "com.example.a", 0, NULL), 0);
	/* C45: who may not own does not learn whether the name exists */
	expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), -EPERM);
	peer_deinit(&other);
	peer_deinit(&own);
	peer_deinit(&holder);
	bus_deinit(&bus);
}

/* 7.4: one level, and a literal entry hides the wildcard */
TEST(wildcards)
{
	struct peer wild, literal, other;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init_holder(&wild, &bus, "com.example.*", WORLD, OWN, 0);
	peer_init_uid(&other, &bus, 65534);
	expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), 0);
	expect_eq(peer_acquire(&other, "com.example.a.b", 0, NULL), -EPERM);
	expect_eq(peer_acquire(&other, "com.example", 0, NULL), -EPERM);
	expect_eq(peer_acquire(&other, "com.examplea", 0, NULL), -EPERM);
	expect_eq(peer_release(&other, "com.example.a"), 0);
	peer_init_holder(&literal, &bus, "com.example.a", USER, OWN, 1);
	expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), -EPERM);
	expect_eq(peer_acquire(&other, "com.example.b", 0, NULL), 0);
	peer_deinit(&literal);
	expect_eq(peer_acquire(&other, "com.example.a", 0, NULL), 0);
	peer_deinit(&other);
	peer_deinit(&wild);
	bus_deinit(&bus);
}

/* 7.4: who may talk to whom */
TEST(talking)
{
	struct peer own, x, x2, y, holder;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&own, &bus, 0);
	peer_init_uid(&x, &bus, 65534);
	peer_init_uid(&x2, &bus, 65534);
	peer_init_uid(&y, &bus, 65533);
	peer_init_holder(&holder, &bus, "com.example.a", 0, 0, 0);
	struct send send = {.dst_name = "com.example.a"};

	/* the owner to all, all of one uid among themselves, nobody else */
	expect_eq(peer_send_to(&own, x.id, 1, 0), 0);
	expect_eq(peer_send_to(&x, x2.id, 1, 0), 0);
	expect_eq(peer_send_to(&x, own.id, 1, 0), -EPERM);
	expect_eq(peer_send_to(&x, y.id, 1, 0), -EPERM);
	expect_eq(peer_acquire(&own, "com.example.a", 0, NULL), 0);
	expect_eq(peer_send(&x, &send), -EPERM);
	expect_eq(update(&holder, "com.example.a", ONE(USER, TALK, 65534)), 0);
	expect_eq(peer_send(&x, &send), 0);
	/* it is the peer that may be talked to, by whatever address */
	expect_eq(peer_send_to(&x, own.id, 1, 0), 0);
	expect_eq(peer_send(&y, &send), -EPERM);
	expect_eq(update(&holder, "com.example.a", ONE(GROUP, TALK, 65533)), 0);
	expect_eq(peer_send(&y, &send), 0);
	expect_eq(peer_send(&x, &send), -EPERM);
	expect_eq(update(&holder, "com.example.a", ONE(WORLD, OWN, 0)), 0);
	expect_eq(peer_send(&x, &send), 0);
	expect_eq(update(&holder, "com.example.a", 3,
			 (const struct access[]){
				 {USER, TALK, 5}, {USER, SEE, 65534}, {USER, TALK, 6}}),
		  0);
	expect_eq(peer_send(&x, &send), -EPERM);
	expect_eq(update(&holder, "com.example.a", ONE(WORLD, TALK, 0)), 0);
	expect_eq(peer_send(&x, &send), 0);
	peer_deinit(&holder);
	expect_eq(peer_send(&x, &send), -EPERM);
	/* a name one waits for gives nobody anything */
	peer_init_holder(&holder, &bus, "com.example.b", WORLD, TALK, 0);
	expect_eq(peer_acquire(&own, "com.example.b", 0, NULL), 0);
	expect_eq(peer_acquire(&y, "com.example.b", KDBUS_NAME_QUEUE, NULL), -EPERM);
	expect_eq(update(&holder, "com.example.b", ONE(WORLD, OWN, 0)), 0);
	expect_eq(peer_acquire(&y, "com.example.b", KDBUS_NAME_QUEUE, NULL), 0);
	expect_eq(peer_send_to(&x, y.id, 1, 0), -EPERM);
	expect_eq(peer_release(&own, "com.example.b"), 0);
	expect_eq(peer_send_to(&x, y.id, 1, 0), 0);
	peer_deinit(&holder);
	peer_deinit(&y);
	peer_deinit(&x2);
	peer_deinit(&x);
	peer_deinit(&own);
	bus_deinit(&bus);
}

/* a custom endpoint, and a peer of ours that came through it */
struct scene {
	struct bus bus;
	struct peer own, inside;
	struct kdbus_embedded_handle *endpoint;
};

static void scene_init(struct scene *s)
{
	char name[64], path[128];
	struct cmd cmd;

	bus_init(&s->bus, 0);
	peer_init(&s->own, &s->bus, 0);
	expect_eq(kdbus_embedded_open(s->bus.embedded, s->bus.path, NULL, &s->endpoint), 0);
	snprintf(name, sizeof(name), "%u-ep", geteuid());
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	expect_eq(kdbus_embedded_command(s->endpoint, KDBUS_CMD_ENDPOINT_MAKE, &cmd), 0);
	snprintf(path, sizeof(path), "%s/%s", s->bus.name, name);
	hello_init(&cmd);
	expect_eq(peer_hello_at(&s->inside, &s->bus, path, &cmd, NULL), 0);
}

static void scene_deinit(struct scene *s)
{
	peer_deinit(&s->inside);
	kdbus_embedded_close(s->endpoint);
	peer_deinit(&s->own);
	bus_deinit(&s->bus);
}

static int endpoint_update(struct scene *s, const char *name, uint64_t type, uint64_t access,
			   uint64_t id)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	if (name) {
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, "other.*");
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
		cmd_add_access(&cmd, type, access, id);
	}
	return kdbus_embedded_command(s->endpoint, KDBUS_CMD_ENDPOINT_UPDATE, &cmd);
}

static int info_result(struct peer *peer, uint64_t id, const char *name)
{
	struct cmd cmd;
	int r;

	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.id = id;
	if (name)
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	r = peer_command(peer, KDBUS_CMD_CONN_INFO, &cmd);
	if (r == 0)
		expect_eq(peer_free(peer, cmd.info.offset), 0);
	return r;
}

/* 7.5, 11.8, C34, C35, C36 */
TEST(custom_endpoint)
{
	struct send known = {.dst_name = "foo.bar"}, unknown = {.dst_name = "foo.none"};
	struct scene s;

	scene_init(&s);
	peer_match_notifications(&s.inside);
	/* everything is invisible and forbidden, also to those of the same uid */
	expect_eq(peer_acquire(&s.own, "foo.bar", 0, NULL), 0);
	expect_nothing(&s.inside);
	expect_eq(info_result(&s.inside, 0, "foo.bar"), -ESRCH);
	expect_eq(info_result(&s.inside, 0, "foo.none"), -ESRCH);
	expect_eq(info_result(&s.inside, s.own.id, NULL), -ENXIO);
	expect_eq(info_result(&s.inside, 4711, NULL), -ENXIO);
	expect_str(peer_list(&s.inside, KDBUS_LIST_NAMES), "");
	/* names are hidden, ids are not; and who has a hidden name is as good as listed */
	expect_str(peer_list(&s.inside, KDBUS_LIST_NAMES | KDBUS_LIST_UNIQUE), "2");
	expect_str(peer_list(&s.inside, KDBUS_LIST_UNIQUE), "1 2");
	expect_eq(peer_send(&s.inside, &known), -EPERM);
	expect_eq(peer_send(&s.inside, &unknown), -ESRCH);
	expect_eq(peer_send_to(&s.inside, s.own.id, 1, 0), -EPERM);
	expect_eq(peer_acquire(&s.inside, "foo.mine", 0, NULL), -EPERM);

	expect_eq(endpoint_update(&s, "foo.bar", WORLD, SEE, 0), 0);
	expect_eq(peer_release(&s.own, "foo.bar"), 0);
	expect_eq(peer_acquire(&s.own, "foo.bar", 0, NULL), 0);
	expect_name(&s.inside, KDBUS_ITEM_NAME_REMOVE, "foo.bar", s.own.id, KDBUS_NAME_PRIMARY, 0,
		    0);
	expect_name(&s.inside, KDBUS_ITEM_NAME_ADD, "foo.bar", 0, 0, s.own.id, KDBUS_NAME_PRIMARY);
	expect_eq(info_result(&s.inside, 0, "foo.bar"), 0);
	expect_eq(info_result(&s.inside, s.own.id, NULL), 0);
	expect_eq(peer_send(&s.inside, &known), -EPERM);
	expect_eq(endpoint_update(&s, "foo.bar", USER, TALK, geteuid()), 0);
	expect_eq(peer_send(&s.inside, &known), 0);
	/* the other way it is no obstacle */
	expect_eq(peer_send_to(&s.own, s.inside.id, 1, 0), 0);
	/* owning takes both databases, and nobody there is owner of the bus */
	expect_eq(endpoint_update(&s, "foo.mine", USER, OWN, geteuid()), 0);
	expect_eq(peer_acquire(&s.inside, "foo.mine", 0, NULL), -EPERM);
	struct peer holder;

	peer_init_holder(&holder, &s.bus, "foo.mine", USER, OWN, geteuid());
	expect_eq(peer_acquire(&s.inside, "foo.mine", 0, NULL), 0);
	peer_deinit(&holder);
	expect_eq(endpoint_update(&s, "bad", USER, OWN, 0), -EINVAL);
	expect_eq(endpoint_update(&s, "foo.bar", USER, TALK, geteuid()), 0);
	expect_eq(peer_send(&s.inside, &known), 0);
	expect_eq(endpoint_update(&s, NULL, 0, 0, 0), 0);
	expect_eq(peer_send(&s.inside, &known), -EPERM);
	scene_deinit(&s);
}

/* 4.7: all who came through one endpoint share one user, and not with those of the same uid */
TEST(custom_endpoint_has_its_own_quota)
{
	struct scene s;

	scene_init(&s);
	expect_eq(peer_acquire(&s.own, "foo.bar", 0, NULL), 0);
	expect_eq(endpoint_update(&s, "foo.bar", WORLD, TALK, 0), 0);
	for (int i = 0; i < 256; i++)
		expect_eq(peer_send_to(&s.inside, s.own.id, i, 0), 0);
	expect_eq(peer_send_to(&s.inside, s.own.id, 256, 0), -ENOBUFS);
	expect_eq(peer_send_to(&s.own, s.own.id, 1, 0), 0);
	scene_deinit(&s);
}
