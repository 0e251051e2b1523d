/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NAME_ACQUIRE, NAME_RELEASE, and activators */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define REPLACE	 KDBUS_NAME_REPLACE_EXISTING
#define ALLOW	 KDBUS_NAME_ALLOW_REPLACEMENT
#define QUEUE	 KDBUS_NAME_QUEUE
#define IN_QUEUE KDBUS_NAME_IN_QUEUE
#define PRIMARY	 KDBUS_NAME_PRIMARY
#define ACQUIRED KDBUS_NAME_ACQUIRED
#define ACT	 KDBUS_NAME_ACTIVATOR

/* return_flags: of P1 only IN_QUEUE, or nothing */
static void expect_acquire(struct peer *peer, const char *name, uint64_t flags, uint64_t expected)
{
	uint64_t got;

	expect_eq(peer_acquire_flags(peer, name, flags, &got), 0);
	expect_eq(got, p1() ? expected & IN_QUEUE : expected);
}

static const char *listed(struct peer *p, uint64_t flags)
{
	static char text[64];

	snprintf(text, sizeof(text), "%llu:x.y/%llx", (unsigned long long)p->id,
		 (unsigned long long)nf(flags));
	return text;
}

ABI_TEST(acquire)
{
	struct peer *a = peer(), *w = peer();

	peer_match_notifications(w);
	row("6.3.free");
	expect_acquire(a, "x.y", 0, PRIMARY | ACQUIRED);
	expect_name(w, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, a->id, PRIMARY);
	row("11.10.basics");
	expect_str(peer_list(w, KDBUS_LIST_NAMES), listed(a, PRIMARY));
	row("6.5.primary");
	expect_eq(peer_release(a, "x.y"), 0);
	expect_name(w, KDBUS_ITEM_NAME_REMOVE, "x.y", a->id, PRIMARY, 0, 0);
	expect_str(peer_list(w, KDBUS_LIST_NAMES), "");
	row("6.5.unknown");
	expect_eq(peer_release(a, "x.y"), -ESRCH);
	row("6.3.stored-flags");
	expect_acquire(a, "x.y", ALLOW | QUEUE | REPLACE, PRIMARY | ACQUIRED | ALLOW | QUEUE);
	row("6.6.flags-allow");
	if (!p1())
		expect_str(peer_list(w, KDBUS_LIST_NAMES), listed(a, PRIMARY | ALLOW | QUEUE));
}

ABI_TEST(acquire_again)
{
	struct peer *a = peer(), *w = peer();
	uint64_t flags;

	peer_match_notifications(w);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	peer_drain(w);
	if (p1()) {
		row("0.2.3.p1");
		expect_eq(peer_acquire(a, "x.y", ALLOW), -EALREADY);
		return;
	}
	row("0.2.3.p2");
	expect_eq(peer_acquire_flags(a, "x.y", ALLOW, &flags), 0);
	expect_eq(flags, (uint64_t)(PRIMARY | ALLOW));
	row("6.3.self-primary");
	expect_nothing(w);
	expect_str(peer_list(w, KDBUS_LIST_NAMES), listed(a, PRIMARY | ALLOW));
	row("6.3.latest-flags-count");
	expect_acquire(w, "x.y", REPLACE, PRIMARY | ACQUIRED);
}

ABI_TEST(taken)
{
	struct peer *a = peer(), *b = peer(), *w = peer();
	uint64_t flags;

	peer_match_notifications(w);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	peer_drain(w);
	row("11.10.conflict");
	expect_eq(peer_acquire_flags(b, "x.y", 0, &flags), -EEXIST);
	row("6.3.exists");
	expect_eq(peer_acquire(b, "x.y", REPLACE), -EEXIST);
	expect_nothing(w);
	row("6.3.exists-return-flags");
	if (!p1()) {
		expect_eq(peer_acquire_flags(b, "x.y", ALLOW | REPLACE, &flags), -EEXIST);
		expect_eq(flags, (uint64_t)ALLOW);
	}
	row("6.5.not-mine");
	expect_eq(peer_release(b, "x.y"), -EADDRINUSE);
	row("6.3.allow-without-replace");
	expect_eq(peer_release(a, "x.y"), 0);
	expect_eq(peer_acquire(a, "x.y", ALLOW), 0);
	expect_eq(peer_acquire(b, "x.y", ALLOW), -EEXIST);
}

ABI_TEST(replacing)
{
	struct peer *a = peer(), *b = peer(), *w = peer();

	peer_match_notifications(w);
	expect_eq(peer_acquire(a, "x.y", ALLOW), 0);
	peer_drain(w);
	row("11.10.takeover");
	expect_acquire(b, "x.y", REPLACE, PRIMARY | ACQUIRED);
	row("6.3.replace");
	struct got got = peer_get(w);

	expect_eq(got.type, (uint64_t)KDBUS_ITEM_NAME_CHANGE);
	expect_eq(got.old_id, a->id);
	expect_eq(got.new_id, b->id);
	row("6.3.replace-loses");
	expect_eq(peer_release(a, "x.y"), -EADDRINUSE);
	row("4.9.change-flags");
	if (!p1()) {
		expect_eq(got.old_flags, (uint64_t)(PRIMARY | ALLOW));
		expect_eq(got.new_flags, (uint64_t)PRIMARY);
	}
	row("C15");
	expect_eq(peer_release(b, "x.y"), 0);
	expect_eq(peer_acquire(a, "x.y", QUEUE | ALLOW), 0);
	peer_drain(w);
	expect_eq(peer_acquire(b, "x.y", REPLACE), 0);
	expect_eq(peer_drain(w), 1);
	if (!p1())
		expect_str(peer_list(w, KDBUS_LIST_QUEUED), listed(a, QUEUE | ALLOW | IN_QUEUE));
	expect_eq(peer_release(b, "x.y"), 0);
	got = peer_get(w);
	expect_eq(got.type, (uint64_t)KDBUS_ITEM_NAME_CHANGE);
	expect_eq(got.old_id, b->id);
	expect_eq(got.new_id, a->id);
	if (!p1())
		expect_str(peer_list(w, KDBUS_LIST_NAMES), listed(a, PRIMARY | QUEUE | ALLOW));
}

ABI_TEST(replaced_owner_is_next)
{
	struct peer *a = peer(), *b = peer(), *c = peer();

	row(p1() ? "6.3.p1-replaced-is-last" : "6.3.p2-replaced-is-next");
	expect_eq(peer_acquire(a, "x.y", QUEUE | ALLOW), 0);
	expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
	expect_eq(peer_acquire(c, "x.y", REPLACE), 0);
	expect_eq(peer_release(c, "x.y"), 0);
	expect_eq(peer_release(p1() ? b : a, "x.y"), 0);
	expect_eq(peer_info(a, p1() ? a->id : b->id, "x.y", 0, NULL), 0);
}

ABI_TEST(queueing)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *w = peer();
	uint64_t flags;

	peer_match_notifications(w);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	row("11.10.queue");
	expect_acquire(b, "x.y", QUEUE, QUEUE | IN_QUEUE | ACQUIRED);
	row("6.3.queue-silent");
	expect_eq(peer_drain(w), 1);
	if (!p1()) {
		row("6.6.flags-waiting");
		expect_str(peer_list(w, KDBUS_LIST_QUEUED), listed(b, QUEUE | IN_QUEUE));
	}
	expect_eq(peer_acquire(c, "x.y", QUEUE), 0);
	if (p1()) {
		row("0.2.4.p1");
		expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
		expect_eq(peer_release(b, "x.y"), 0);
		expect_eq(peer_release(b, "x.y"), 0);
		expect_eq(peer_release(b, "x.y"), -EADDRINUSE);
		expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
		expect_eq(peer_release(c, "x.y"), 0);
		expect_eq(peer_acquire(c, "x.y", QUEUE), 0);
	} else {
		row("0.2.4.p2");
		expect_eq(peer_acquire_flags(b, "x.y", QUEUE | ALLOW, &flags), 0);
		expect_eq(flags, (uint64_t)(QUEUE | ALLOW | IN_QUEUE));
		row("6.3.queued-keeps-place");
	}
	expect_eq(peer_release(a, "x.y"), 0);
	row("6.5.next");
	struct got got = peer_get(w);

	expect_eq(got.type, (uint64_t)KDBUS_ITEM_NAME_CHANGE);
	expect_eq(got.old_id, a->id);
	expect_eq(got.new_id, b->id);
	row("6.6.flags-promoted");
	if (!p1())
		expect_str(peer_list(w, KDBUS_LIST_NAMES), listed(b, PRIMARY | QUEUE | ALLOW));
	row("6.5.waiter");
	expect_eq(peer_release(c, "x.y"), 0);
	expect_nothing(w);
	expect_eq(peer_release(c, "x.y"), -EADDRINUSE);
}

ABI_TEST(giving_up_to_wait)
{
	struct peer *a = peer(), *b = peer();
	uint64_t flags;

	if (p1())
		skip("P2 only");
	row("6.3.no-longer-queued");
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
	expect_eq(peer_acquire_flags(b, "x.y", 0, &flags), 0);
	expect_eq(flags & (PRIMARY | IN_QUEUE | ACQUIRED), 0);
	expect_eq(peer_release(b, "x.y"), -EADDRINUSE);
	row("6.3.queued-replaces");
	expect_eq(peer_acquire(a, "x.y", ALLOW), 0);
	expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
	expect_acquire(b, "x.y", REPLACE, PRIMARY | ACQUIRED);
	expect_eq(peer_release(a, "x.y"), -EADDRINUSE);
	expect_eq(peer_release(b, "x.y"), 0);
	expect_eq(peer_release(b, "x.y"), -ESRCH);
}

ABI_TEST(name_errors)
{
	static const char *invalid[] = {".bla.blaz", "foo", "foo.bla.bl.*"};
	struct peer *a = peer(), *stranger = peer_uid(OTHER_UID);
	char name[32];
	uint64_t flags;

	row("6.2.invalid");
	for (size_t i = 0; i < N_OF(invalid); i++) {
		expect_eq(peer_acquire(a, invalid[i], 0), -EINVAL);
		row("11.10.release-invalid");
		expect_eq(peer_release(a, invalid[i]), -ESRCH);
		row("6.2.invalid");
	}
	row("6.2.flags");
	for (unsigned bit = 3; bit < 63; bit++)
		expect_eq(peer_acquire(a, "x.y", 1ULL << bit), -EINVAL);
	row("6.2.policy");
	expect_eq(peer_acquire(stranger, "x.y", 0), -EPERM);
	row("C45");
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_acquire_flags(stranger, "x.y", 0, &flags), -EPERM);
	row("6.2.invalid-before-policy");
	expect_eq(peer_acquire(stranger, "nodot", 0), -EINVAL);
	row("9.names");
	for (unsigned i = 1; i < 256; i++) {
		snprintf(name, sizeof(name), "x.n%u", i);
		expect_eq(peer_acquire(a, name, 0), 0);
	}
	row("6.2.too-many");
	expect_eq(peer_acquire(a, "x.more", 0), -E2BIG);
	row("6.2.limit-only-for-new-entries");
	if (!p1())
		expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_release(a, "x.n9"), 0);
	expect_eq(peer_acquire(a, "x.more", 0), 0);
}

ABI_TEST(disconnect_releases)
{
	struct peer *a = peer(), *b = peer(), *w = peer();

	row("C14");
	peer_match_notifications(w);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
	expect_name(w, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, a->id, PRIMARY);
	peer_close(a);
	expect_name(w, KDBUS_ITEM_NAME_CHANGE, "x.y", a->id, PRIMARY, b->id, PRIMARY | QUEUE);
	expect_id(w, KDBUS_ITEM_ID_REMOVE, a->id);
	row("6.5.disconnect");
	expect_eq(peer_byebye(b), 0);
	expect_name(w, KDBUS_ITEM_NAME_REMOVE, "x.y", b->id, PRIMARY | QUEUE, 0, 0);
	expect_id(w, KDBUS_ITEM_ID_REMOVE, b->id);
	row("6.5.disconnect-of-waiter");
	a = peer();
	b = peer();
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
	peer_drain(w);
	peer_close(b);
	expect_id(w, KDBUS_ITEM_ID_REMOVE, b->id);
	expect_eq(peer_release(a, "x.y"), 0);
	expect_eq(peer_get(w).type, (uint64_t)KDBUS_ITEM_NAME_REMOVE);
}

/* 10.3 */
ABI_TEST(disconnect_sequence)
{
	struct peer *a = peer(), *b = peer(), *w = peer();

	row("10.3.order");
	peer_match_notifications(w);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	peer_drain(w);
	expect_eq(peer_call(w, a->id, 5, in_ms(10000)), 0);
	expect_eq(peer_call(a, b->id, 6, in_ms(10000)), 0);
	peer_close(a);
	expect_eq(peer_get(w).type, (uint64_t)KDBUS_ITEM_NAME_REMOVE);
	expect_reply_note(w, KDBUS_ITEM_REPLY_DEAD, 5);
	expect_id(w, KDBUS_ITEM_ID_REMOVE, a->id);
	expect_nothing(w);
	row("10.3.own-trackers");
	expect_eq(peer_reply(b, a->id, 6), -ENXIO);
	row("10.3.policy");
	{
		struct peer *h = peer_holder("com.example.h", 0, 0, 0);

		peer_close(h);
		peer_holder("com.example.h", 0, 0, 0);
	}
}

/* activators */

ABI_TEST(activator_holds)
{
	struct peer *w = peer(), *act, *a = peer();

	peer_match_notifications(w);
	row("6.4.free-name");
	act = peer_activator("x.y");
	expect_id(w, KDBUS_ITEM_ID_ADD, act->id);
	expect_name(w, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, act->id, ACT | PRIMARY);
	row("6.4.queues");
	expect_eq(peer_send_name(a, "x.y", 7), 0);
	expect(peer_events(act) & POLLIN);
	expect_message(act, a->id, 7);
	row("6.3.from-activator");
	expect_acquire(a, "x.y", 0, PRIMARY | ACQUIRED);
	expect_name(w, KDBUS_ITEM_NAME_CHANGE, "x.y", act->id, ACT | PRIMARY, a->id, PRIMARY);
	row("6.4.behind-owner-closes-silently");
	peer_close(act);
	expect_id(w, KDBUS_ITEM_ID_REMOVE, act->id);
	row("6.4.owned-name");
	act = peer_activator("x.y");
	expect_id(w, KDBUS_ITEM_ID_ADD, act->id);
	expect_nothing(w);
	row("6.5.back-to-activator");
	expect_eq(peer_release(a, "x.y"), 0);
	expect_name(w, KDBUS_ITEM_NAME_CHANGE, "x.y", a->id, PRIMARY, act->id, ACT | PRIMARY);
	row("6.4.holder-closes");
	expect_eq(peer_call(a, 0, 1, 0), -EINVAL);
	expect_eq(peer_send(a, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					      .dst_name = "x.y",
					      .cookie = 9,
					      .cookie_reply = in_ms(10000)}),
		  0);
	peer_close(act);
	expect_name(w, KDBUS_ITEM_NAME_REMOVE, "x.y", act->id, ACT | PRIMARY, 0, 0);
	expect_id(w, KDBUS_ITEM_ID_REMOVE, act->id);
	expect_reply_note(a, KDBUS_ITEM_REPLY_DEAD, 9);
}

ABI_TEST(waiters_precede_activator)
{
	struct peer *a = peer(), *b = peer();

	row("6.4.waiters-first");
	peer_activator("x.y");
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_acquire(b, "x.y", QUEUE), 0);
	expect_eq(peer_release(a, "x.y"), 0);
	expect_eq(peer_info(a, b->id, "x.y", 0, NULL), 0);
}

ABI_TEST(messages_follow)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *act = peer_activator("x.y");
	const struct kdbus_info *info;

	row("C16");
	peer_match_type(b, KDBUS_ITEM_NAME_CHANGE);
	for (unsigned i = 1; i <= 3; i++)
		expect_eq(peer_send_name(a, "x.y", i), 0);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	for (unsigned i = 1; i <= 3; i++)
		expect_message(b, a->id, i);
	row("4.9.moved-before-change");
	expect_name(b, KDBUS_ITEM_NAME_CHANGE, "x.y", act->id, ACT | PRIMARY, b->id, PRIMARY);
	expect_eq(peer_info(a, b->id, NULL, KDBUS_ATTACH_NAMES, &info), 0);
	expect_str(info->items[0].name.name, "x.y");
	expect_nothing(act);
	row("C17");
	expect_eq(peer_send_name(c, "x.y", 4), 0);
	expect_eq(peer_send_to(c, b->id, 5, 0), 0);
	expect_eq(peer_send_name(c, "x.y", 6), 0);
	expect_eq(peer_release(b, "x.y"), 0);
	expect_message(act, c->id, 4);
	expect_message(act, c->id, 6);
	expect_nothing(act);
	row("6.4.only-by-name");
	expect_message(b, c->id, 5);
}

ABI_TEST(trackers_follow)
{
	struct peer *a = peer(), *b = peer(), *act = peer_activator("x.y");
	struct send call = {.flags = KDBUS_MSG_EXPECT_REPLY,
			    .dst_name = "x.y",
			    .cookie = 5,
			    .cookie_reply = in_ms(10000)};

	row("C18");
	expect_eq(peer_send(a, &call), 0);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	expect_message(b, a->id, 5);
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_message(a, b->id, 1005);
	row("4.5.redirected-even-if-read");
	expect_eq(peer_release(b, "x.y"), 0);
	call.cookie = 6;
	expect_eq(peer_send(a, &call), 0);
	expect_message(act, a->id, 6);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	expect_eq(peer_reply(b, a->id, 6), 0);
	expect_message(a, b->id, 1006);
	row("4.5.not-of-the-holder-itself");
	expect_eq(peer_release(b, "x.y"), 0);
	call.cookie = 7;
	expect_eq(peer_send(b, &call), 0);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	peer_drain(b);
	expect_eq(peer_reply(b, b->id, 7), p1() ? -EPERM : -EBADSLT);
	row("6.4.tracker-returns");
	call.cookie = 8;
	expect_eq(peer_send(a, &call), 0);
	expect_eq(peer_release(b, "x.y"), 0);
	peer_close(act);
	expect_reply_note(a, KDBUS_ITEM_REPLY_DEAD, 8);
}

ABI_TEST(move_within_quota)
{
	struct peer *a = peer(), *b = peer_pool(4096), *act = peer_activator("x.y");
	static char bytes[400];
	struct got got;

	row("6.4.move-quota");
	for (unsigned i = 0; i < 4; i++)
		expect_eq(peer_send(a, &(struct send){.dst_name = "x.y",
						      .cookie = i,
						      .data = bytes,
						      .size = sizeof(bytes)}),
			  0);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	row("6.4.move-lost");
	got = peer_get(b);
	expect_eq(got.cookie, 0);
	expect_eq(got.dropped, 3);
	row("4.8.moved");
	expect_nothing(b);
	expect_nothing(act);
	row("6.4.move-without-accept-fd");
	{
		struct peer *dull = peer_flags(0);
		int fd = eventfd(0, EFD_CLOEXEC);

		expect_eq(peer_release(b, "x.y"), 0);
		expect_eq(peer_send(a, &(struct send){.dst_name = "x.y", .fds = &fd, .n_fds = 1}),
			  0);
		expect_eq(peer_acquire(dull, "x.y", 0), 0);
		struct kdbus_cmd_recv recv;

		expect_eq(peer_recv_raw(dull, 0, 0, &recv), -EAGAIN);
		expect_eq(recv.dropped_msgs, 1);
		close(fd);
	}
}

ABI_TEST(activator_quota)
{
	struct peer *sender = peer(), *second = peer(), *conn = peer(), *act;
	static char bytes[131088];
	struct send big = {.dst_name = "x.y", .data = bytes, .size = sizeof(bytes)};
	struct kdbus_cmd_recv recv;
	unsigned n = 0, left;

	row("11.13.activator");
	act = peer_activator("x.y");
	while (peer_send(sender, &big) == 0)
		n++;
	expect_eq(peer_send(sender, &big), -ENOBUFS);
	expect_gt(n, 0);
	expect_lt(n, 256);
	expect_eq(peer_send_to(sender, act->id, 1, 0), -ENXIO);
	expect_eq(peer_send(second, &big), -ENOBUFS);
	expect_eq(peer_broadcast(sender, 1), 0);
	expect_eq(peer_recv_raw(act, 0, 0, &recv), 0);
	expect_eq(recv.dropped_msgs, 0);
	left = n - 1;
	while (peer_send_to(sender, conn->id, 1, sizeof(bytes)) == 0)
		continue;
	expect_eq(peer_recv_raw(conn, 0, 0, &recv), 0);
	expect_eq(recv.dropped_msgs, 0);
	expect_eq(peer_acquire(conn, "x.y", REPLACE), 0);
	expect_eq(peer_recv_raw(conn, 0, 0, &recv), 0);
	expect_gt(recv.dropped_msgs, 0);
	expect_lt(recv.dropped_msgs, left);
	expect_eq(peer_release(conn, "x.y"), 0);
	expect_eq(peer_recv_raw(act, 0, 0, &recv), 0);
}

ABI_TEST(activator_selftest)
{
	struct abi_cred stranger = {OTHER_UID, OTHER_UID};
	struct peer *a = peer(), *svc = peer(), *act, *unpriv;
	struct cmd cmd;

	row("11.27");
	hello_init(&cmd, KDBUS_HELLO_ACTIVATOR);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "x.y");
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_OWN, geteuid());
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	act = peer_hello(&cmd, NULL, NULL);
	expect_eq(peer_send_name(a, "x.y", 0xdead), 0);
	expect(peer_events(act) & POLLIN);
	expect_eq(peer_acquire(a, "x.y", REPLACE), 0);
	expect_message(a, a->id, 0xdead);

	row("11.27.privileged");
	hello_init(&cmd, KDBUS_HELLO_ACTIVATOR);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "foo.priv.activator");
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_OWN, geteuid());
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_TALK, geteuid());
	act = peer_hello(&cmd, NULL, NULL);
	unpriv = peer_at("bus", &stranger);
	expect_eq(peer_send_to(unpriv, act->id, 1, 0), -ENXIO);
	expect_eq(peer_send_name(unpriv, "foo.priv.activator", 1), -EPERM);
	expect_eq(peer_events(act) & POLLIN, 0);
	expect_eq(peer_send_name(svc, "foo.priv.activator", 2), 0);
	expect_eq(peer_acquire(unpriv, "foo.priv.activator", REPLACE), -EPERM);
	expect_eq(peer_acquire(svc, "foo.priv.activator", REPLACE), 0);
	expect_message(svc, svc->id, 2);
	expect_eq(peer_send_name(unpriv, "foo.priv.activator", 3), -EPERM);
	peer_close(act);
	expect_eq(peer_send_name(unpriv, "foo.priv.activator", 3), -EPERM);
	peer_holder("foo.priv.activator", KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	expect_eq(peer_send_name(unpriv, "foo.priv.activator", 3), 0);
	expect_eq(peer_acquire(unpriv, "foo.priv.activator", REPLACE), -EPERM);
}
