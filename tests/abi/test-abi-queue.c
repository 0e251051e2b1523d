/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* RECV, quota, lost messages, notifications as received */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/abi/client.h"

ABI_TEST(recv_errors)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;

	row("3.13.drop-and-priority");
	expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP | KDBUS_RECV_USE_PRIORITY, 0, &recv), -EINVAL);
	row("3.13.empty");
	expect_eq(peer_recv_raw(a, 0, 0, &recv), -EAGAIN);
	row("3.13.empty-output");
	expect_eq(recv.msg.offset, a->pool_size);
	expect_eq(recv.msg.msg_size, 0);
	expect_eq(recv.dropped_msgs, 0);
	expect_eq(recv.return_flags, 0);
	row("3.13.peek-empty");
	expect_eq(peer_recv_raw(a, KDBUS_RECV_PEEK, 0, &recv), -EAGAIN);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP, 0, &recv), -EAGAIN);
	row("3.13.einval-keeps-message");
	expect_eq(peer_send_to(b, a->id, 1, 0), 0);
	recv.msg.offset = 5;
	expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP | KDBUS_RECV_USE_PRIORITY, 0, &recv), -EINVAL);
	expect_eq(recv.msg.offset, 0);
	expect_message(a, b->id, 1);
}

ABI_TEST(peek)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv, again;

	row("C23");
	expect_eq(peer_send_to(b, a->id, 1, 8), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_PEEK, 0, &recv), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_PEEK, 0, &again), 0);
	expect_eq(again.msg.offset, recv.msg.offset);
	expect_eq(peer_free(a, recv.msg.offset), 0);
	expect_eq(peer_recv_raw(a, 0, 0, &again), 0);
	expect_eq(again.msg.offset, recv.msg.offset);
	expect_eq(peer_free(a, recv.msg.offset), 0);
	expect_eq(peer_free(a, recv.msg.offset), -ENXIO);
	row("3.13.peek-keeps-queued");
	expect_eq(peer_send_to(b, a->id, 1, 8), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_PEEK, 0, &recv), 0);
	expect(peer_events(a) & POLLIN);
	expect_eq(peer_byebye(a), -EBUSY);
	row("10.4.peeked-and-received-is-one-slice");
	expect_eq(peer_recv_raw(a, 0, 0, &again), 0);
	expect_eq(again.msg.offset, recv.msg.offset);
	expect_eq(peer_free(a, recv.msg.offset), 0);
	expect_eq(peer_free(a, recv.msg.offset), -ENXIO);
	row("3.13.peek-and-drop");
	expect_eq(peer_send_to(b, a->id, 1, 8), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_PEEK | KDBUS_RECV_DROP, 0, &recv), 0);
	expect_eq(recv.msg.offset, a->pool_size);
	expect_nothing(a);
}

ABI_TEST(peek_installs_nothing)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *msg;
	int fd = eventfd(0, EFD_CLOEXEC);

	row("3.13.peek-fds");
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id, .fds = &fd, .n_fds = 1}), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_PEEK, 0, &recv), 0);
	msg = (const void *)(a->pool + recv.msg.offset);
	expect_eq(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_FDS)->fds[0], -1);
	expect_eq(peer_recv_raw(a, 0, 0, &recv), 0);
	close(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_FDS)->fds[0]);
	close(fd);
}

ABI_TEST(drop)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;

	row("3.13.drop");
	expect_eq(peer_send_to(b, a->id, 1, 8), 0);
	expect_eq(peer_send_to(b, a->id, 2, 8), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP, 0, &recv), 0);
	expect_eq(recv.msg.offset, a->pool_size);
	expect_eq(recv.msg.msg_size, 0);
	expect_message(a, b->id, 2);
	row("3.13.drop-frees");
	for (unsigned i = 0; i < 40; i++) {
		expect_eq(peer_send_to(b, a->id, i, 1 * MiB), 0);
		expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP, 0, &recv), 0);
	}
}

ABI_TEST(priorities)
{
	static const int64_t sent[] = {25, -600, 10, -35, -100, 20, -15, -800, -150, 10, -800, -10};
	static const struct {
		int64_t limit, expected;
	} takes[] = {{-200, -800}, {-100, -800}, {-400, -600}, {-400, 0}, {10, -150}, {10, -100}};
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;

	row("11.12");
	for (size_t i = 0; i < N_OF(sent); i++)
		expect_eq(peer_send(b, &(struct send){.dst_id = a->id,
						      .cookie = i,
						      .priority = sent[i]}),
			  0);
	for (size_t i = 0; i < N_OF(takes); i++) {
		int r = peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY, takes[i].limit, &recv);

		expect_eq(r, takes[i].expected ? 0 : -EAGAIN);
		if (r == 0)
			expect_eq(((const struct kdbus_msg *)(a->pool + recv.msg.offset))->priority,
				  takes[i].expected);
	}
	row("3.13.plain-is-fifo");
	expect_message(a, b->id, 0);
	row("3.13.priority-fifo-among-equals");
	expect_eq(peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY, 0, &recv), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY, 0, &recv), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY, 0, &recv), 0);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY, 10, &recv), 0);
	expect_eq(((const struct kdbus_msg *)(a->pool + recv.msg.offset))->cookie, 2);
	row("3.13.priority-peek");
	expect_eq(peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY | KDBUS_RECV_PEEK, 100, &recv), 0);
	expect_eq(((const struct kdbus_msg *)(a->pool + recv.msg.offset))->cookie, 9);
	row("3.13.priority-limit-inclusive");
	expect_eq(peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY, 9, &recv), -EAGAIN);
	expect_eq(peer_recv_raw(a, KDBUS_RECV_USE_PRIORITY, 10, &recv), 0);
}

/* quota */

/* bytes of the slice of a message with one VEC of @size bytes, no metadata */
static uint64_t slice_size(uint64_t size)
{
	return 64 + 32 + ALIGN8(size);
}

ABI_TEST(quota_to_the_byte)
{
	struct peer *a = peer(), *b = peer(), *other;
	/* a third of half of 16 MiB */
	uint64_t share = 8 * MiB / 3, used;

	row("4.7.share");
	expect_eq(share, 2796202);
	used = slice_size(2 * MiB);
	expect_eq(peer_send_to(b, a->id, 1, 2 * MiB), 0);
	expect_eq(peer_send_to(b, a->id, 2, 2 * MiB), -ENOBUFS);
	row("4.7.exact");
	/* the largest slice that still fits, and 8 bytes more */
	uint64_t left = (share - used) & ~7ULL;

	expect_eq(peer_send_to(b, a->id, 3, left - 96 + 8), -ENOBUFS);
	expect_eq(peer_send_to(b, a->id, 3, left - 96), 0);
	expect_eq(peer_send_to(b, a->id, 4, 0), -ENOBUFS);
	row("4.7.per-user");
	expect_eq(peer_send_to(peer(), a->id, 4, 0), -ENOBUFS);
	row("4.7.recv-releases");
	expect_message(a, b->id, 1);
	expect_eq(peer_send_to(b, a->id, 4, 1 * MiB), 0);
	row("4.7.others-share-the-rest");
	need(ABI_CAN_CRED);
	peer_drain(a);
	expect_eq(peer_send_to(b, a->id, 1, 2 * MiB), 0);
	other = peer_uid(OTHER_UID);
	peer_holder("com.example.a", KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	expect_eq(peer_acquire(a, "com.example.a", 0), 0);
	share = (8 * MiB - used) / 3;
	expect_eq(peer_send_to(other, a->id, 1, (share & ~7ULL) - 96 + 8), -ENOBUFS);
	expect_eq(peer_send_to(other, a->id, 1, (share & ~7ULL) - 96), 0);
}

ABI_TEST(quota_of_unread_only)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;

	row("4.7.unfreed-does-not-count");
	for (unsigned i = 0; i < 6; i++) {
		expect_eq(peer_send_to(b, a->id, i, 2 * MiB), 0);
		peer_get_raw(a, &recv);
	}
	row("4.7.but-takes-place");
	expect_eq(peer_send_to(b, a->id, 7, 2 * MiB), 0);
	peer_get_raw(a, &recv);
	expect_eq(peer_send_to(b, a->id, 8, 2 * MiB), -EXFULL);
}

ABI_TEST(quota_of_messages)
{
	struct peer *a = peer(), *b = peer();

	row("9.queued-messages");
	for (unsigned i = 0; i < 256; i++)
		expect_eq(peer_send_to(b, a->id, i, 0), 0);
	row("4.7.count");
	expect_eq(peer_send_to(b, a->id, 256, 0), -ENOBUFS);
	expect_message(a, b->id, 0);
	expect_eq(peer_send_to(b, a->id, 256, 0), 0);
	expect_eq(peer_send_to(b, a->id, 257, 0), -ENOBUFS);
	row("11.13.count");
	expect_eq(peer_drain(a), 256);
	expect_nothing(a);
}

ABI_TEST(quota_of_descriptors)
{
	struct peer *a = peer(), *b = peer();
	int fds[16], fd = eventfd(0, EFD_CLOEXEC);
	struct got got;

	for (unsigned i = 0; i < N_OF(fds); i++)
		fds[i] = fd;
	row("9.queued-fds");
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id, .fds = fds, .n_fds = 10}), 0);
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id, .fds = fds, .n_fds = 7}), -EMFILE);
	row("4.7.fds");
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id, .fds = fds, .n_fds = 6}), 0);
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id, .fds = fds, .n_fds = 1}), -EMFILE);
	row("4.7.fds-of-memory-before");
	expect_eq(peer_send_to(b, a->id, 1, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		got = peer_get(a);
		for (size_t j = 0; j < got.n_fds; j++)
			close(got.fds[j]);
	}
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id, .fds = fds, .n_fds = 16}), 0);
	peer_get(a);
	got = peer_get(a);
	expect_eq(got.n_fds, 16);
	for (size_t j = 0; j < got.n_fds; j++)
		close(got.fds[j]);
	close(fd);
}

ABI_TEST(quota_of_a_custom_endpoint)
{
	struct peer *a = peer(), *in1, *in2, *out = peer();
	struct cmd cmd;
	void *ep;

	expect_eq(peer_acquire(a, "com.example.a", 0), 0);
	ep = endpoint_make(endpoint_name("quota"), 0);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "com.example.a");
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	expect_eq(node_ioctl(ep, KDBUS_CMD_ENDPOINT_UPDATE, &cmd), 0);
	in1 = peer_at(endpoint_name("quota"), NULL);
	in2 = peer_at(endpoint_name("quota"), NULL);
	row("4.7.endpoint-user");
	for (unsigned i = 0; i < 256; i++)
		expect_eq(peer_send_to(in1, a->id, i, 0), 0);
	expect_eq(peer_send_to(in2, a->id, 1, 0), -ENOBUFS);
	row("4.7.endpoint-user-apart");
	expect_eq(peer_send_to(out, a->id, 1, 0), 0);
}

/* lost */

ABI_TEST(lost_counter)
{
	struct peer *a = peer(), *b = peer(), *monitor;
	struct kdbus_cmd_recv recv;

	peer_match_all(a);
	for (unsigned i = 0; i < 256; i++)
		expect_eq(peer_broadcast(b, i), 0);
	row("4.8.broadcast");
	expect_eq(peer_broadcast(b, 999), 0);
	expect_eq(peer_broadcast(b, 999), 0);
	row("4.8.unicast-not-counted");
	expect_eq(peer_send_to(b, a->id, 1, 0), -ENOBUFS);
	row("4.8.signal-not-counted");
	expect_eq(peer_send(b, &(struct send){.flags = KDBUS_MSG_SIGNAL, .dst_id = a->id}), 0);
	row("3.13.einval-keeps-counter");
	expect_eq(peer_recv_raw(a, KDBUS_RECV_DROP | KDBUS_RECV_USE_PRIORITY, 0, &recv), -EINVAL);
	row("3.13.dropped");
	expect_eq(peer_recv_raw(a, KDBUS_RECV_PEEK, 0, &recv), 0);
	expect_eq(recv.dropped_msgs, 2);
	expect_eq(recv.return_flags, (uint64_t)KDBUS_RECV_RETURN_DROPPED_MSGS);
	row("3.13.dropped-once");
	expect_eq(peer_recv_raw(a, 0, 0, &recv), 0);
	expect_eq(recv.dropped_msgs, 0);
	expect_eq(recv.return_flags, 0);
	peer_drain(a);

	row("4.8.monitor");
	monitor = peer_monitor();
	for (unsigned i = 0; i < 258; i++) {
		expect_eq(peer_send_to(b, a->id, i, 0), 0);
		expect_message(a, b->id, i);
	}
	expect_eq(peer_recv_raw(monitor, 0, 0, &recv), 0);
	expect_eq(recv.dropped_msgs, 2);
}

ABI_TEST(lost_counter_alone)
{
	struct peer *a = peer_pool(4096), *b = peer();
	struct kdbus_cmd_recv recv;
	struct cmd cmd;

	/* nothing fits into a pool that is full of results */
	row("C20");
	peer_match_all(a);
	cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_UNIQUE);
	while (peer_ioctl(a, KDBUS_CMD_LIST, &cmd) == 0)
		cmd.list.flags = KDBUS_LIST_UNIQUE;
	expect_eq(peer_broadcast(b, 1), 0);
	row("4.8.readable");
	expect(peer_events(a) & POLLIN);
	row("3.13.dropped-with-eagain");
	expect_eq(peer_recv_raw(a, 0, 0, &recv), -EAGAIN);
	expect_eq(recv.dropped_msgs, 1);
	expect_eq(recv.return_flags, (uint64_t)KDBUS_RECV_RETURN_DROPPED_MSGS);
	expect_eq(peer_events(a) & POLLIN, 0);
}

ABI_TEST(quota_of_notifications)
{
	struct peer *a = peer(), *b = peer(), *c;
	struct kdbus_cmd_recv recv;
	struct got got;

	row("11.13.kernel");
	peer_match_type(a, KDBUS_ITEM_ID_ADD);
	peer_match_type(a, KDBUS_ITEM_ID_REMOVE);
	for (unsigned i = 0; i < 128; i++)
		peer_close(peer_pool(4096));
	row("4.7.kernel-user");
	expect_eq(peer_send_to(b, a->id, 1, 0), 0);
	peer_close(b);
	c = peer();
	peer_close(c);
	expect_eq(peer_recv_raw(a, 0, 0, &recv), 0);
	row("4.8.notification");
	expect_eq(recv.dropped_msgs, 3);
	expect_eq(recv.return_flags, (uint64_t)KDBUS_RECV_RETURN_DROPPED_MSGS);
	for (unsigned i = 0; i < 255; i++) {
		got = peer_get(a);
		expect_eq(got.dropped, 0);
	}
	got = peer_get(a);
	expect_eq(got.cookie, 1);
	expect_nothing(a);
}

/* notifications */

ABI_TEST(layout_of_notifications)
{
	struct peer *a = peer_recv_flags(KDBUS_ATTACH_TIMESTAMP), *b;
	const struct kdbus_item *item;
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *msg;

	peer_match_notifications(a);
	row("B3");
	expect_eq(peer_acquire(a, "a.b", 0), 0);
	msg = peer_get_raw(a, &recv);
	expect_eq(msg->size, p1() ? 64 + 56 + 40 : 160);
	expect_eq(msg->flags, (uint64_t)KDBUS_MSG_SIGNAL);
	expect_eq(msg->priority, 0);
	expect_eq(msg->dst_id, BROADCAST);
	expect_eq(msg->src_id, (uint64_t)KDBUS_SRC_ID_KERNEL);
	expect_eq(msg->payload_type, (uint64_t)KDBUS_PAYLOAD_KERNEL);
	expect_eq(msg->cookie, 0);
	expect_eq(msg->cookie_reply, 0);
	item = msg->items;
	row(p1() ? "0.2.34.p1" : "0.2.34.p2");
	expect_eq(item->size, p1() ? 56 : 52);
	row("4.9.name-add");
	expect_eq(item->type, (uint64_t)KDBUS_ITEM_NAME_ADD);
	expect_eq(item->name_change.old_id.id, 0);
	expect_eq(item->name_change.old_id.flags, 0);
	expect_eq(item->name_change.new_id.id, a->id);
	expect_eq(item->name_change.new_id.flags, nf(KDBUS_NAME_PRIMARY));
	expect_str(item->name_change.name, "a.b");
	row("4.9.timestamp");
	item = ITEM_NEXT(item);
	expect_eq(item->type, (uint64_t)KDBUS_ITEM_TIMESTAMP);
	expect_eq(item->size, 40);

	row("4.9.id-add");
	b = peer();
	msg = peer_get_raw(a, &recv);
	expect_eq(msg->items[0].type, (uint64_t)KDBUS_ITEM_ID_ADD);
	expect_eq(msg->items[0].size, 32);
	expect_eq(msg->items[0].id_change.id, b->id);
	expect_eq(msg->items[0].id_change.flags, (uint64_t)KDBUS_HELLO_ACCEPT_FD);
	row("4.9.name-change");
	expect_eq(peer_acquire(b, "a.b", KDBUS_NAME_QUEUE), 0);
	expect_eq(peer_release(a, "a.b"), 0);
	expect_name(a, KDBUS_ITEM_NAME_CHANGE, "a.b", a->id, KDBUS_NAME_PRIMARY, b->id,
		    KDBUS_NAME_PRIMARY | KDBUS_NAME_QUEUE);
	row("4.9.name-remove");
	expect_eq(peer_release(b, "a.b"), 0);
	expect_name(a, KDBUS_ITEM_NAME_REMOVE, "a.b", b->id, KDBUS_NAME_PRIMARY | KDBUS_NAME_QUEUE,
		    0, 0);
	row("4.9.id-remove");
	expect_eq(peer_byebye(b), 0);
	msg = peer_get_raw(a, &recv);
	expect_eq(msg->items[0].type, (uint64_t)KDBUS_ITEM_ID_REMOVE);
	expect_eq(msg->items[0].id_change.id, b->id);
	expect_eq(msg->items[0].id_change.flags, (uint64_t)KDBUS_HELLO_ACCEPT_FD);
}

ABI_TEST(timestamp_of_notifications)
{
	struct peer *a = peer();
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *msg;

	row(p1() ? "0.2.26.p1" : "0.2.26.p2");
	peer_match_type(a, KDBUS_ITEM_NAME_ADD);
	expect_eq(peer_acquire(a, "a.b", 0), 0);
	msg = peer_get_raw(a, &recv);
	expect_eq(!items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TIMESTAMP), p1());
}

ABI_TEST(notifications_to_whom)
{
	struct peer *a = peer(), *b, *monitor = peer_monitor();

	row("4.9.own-change");
	peer_match_type(a, KDBUS_ITEM_NAME_ADD);
	expect_eq(peer_acquire(a, "a.b", 0), 0);
	expect_name(a, KDBUS_ITEM_NAME_ADD, "a.b", 0, 0, a->id, KDBUS_NAME_PRIMARY);
	row("4.9.monitor");
	expect_name(monitor, KDBUS_ITEM_NAME_ADD, "a.b", 0, 0, a->id, KDBUS_NAME_PRIMARY);
	row("4.9.not-own-id");
	b = peer();
	expect_nothing(b);
	expect_id(monitor, KDBUS_ITEM_ID_ADD, b->id);
	row("4.9.reply-to-monitor");
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	peer_drain(monitor);
	peer_close(b);
	expect_id(monitor, KDBUS_ITEM_REPLY_DEAD, 0);
	expect_id(monitor, KDBUS_ITEM_ID_REMOVE, b->id);
	row("4.9.reply-without-match");
	expect_reply_note(a, KDBUS_ITEM_REPLY_DEAD, 5);
	row("4.4.before-return");
	peer_match_type(a, KDBUS_ITEM_ID_ADD);
	b = peer();
	expect_id(a, KDBUS_ITEM_ID_ADD, b->id);
}
