/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queue, quota and RECV: reference sections 3.13, 4.4, 4.7, 4.8 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kernel/kdbus-util.h"

static uint64_t msg_size(size_t payload)
{
	return 64 + (payload > 0 ? 32 : 0) + KDBUS_ALIGN8(payload);
}

/* 4.7, worked numbers: one user gets a third of half a pool, 2796202 bytes of 16 MiB */
TEST(one_user_gets_a_third_of_half_the_pool)
{
	size_t share = 2796202;
	struct peer a, b;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, 0);
		peer_init(&b, &bus, kind);
		expect_eq(peer_send_to(&a, b.id, 1, 2 * MiB), 0);
		expect_eq(peer_send_to(&a, b.id, 2, 2 * MiB), -ENOBUFS);
		/* (avail - accounted + own) / 3 stays the same while nobody else has anything */
		expect_eq(peer_send_to(&a, b.id, 3, 128 * 1024), 0);
		share -= msg_size(2 * MiB) + msg_size(128 * 1024);
		share = share / 8 * 8;
		expect_eq(peer_send_to(&a, b.id, 4, share - 96 + 8), -ENOBUFS);
		expect_eq(peer_send_to(&a, b.id, 5, share - 96), 0);
		share = 2796202;

		expect_message(&b, a.id, 1);
		expect_message(&b, a.id, 3);
		expect_message(&b, a.id, 5);
		expect_nothing(&b);
		expect_eq(peer_send_to(&a, b.id, 6, 2 * MiB), 0);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* what one has queued leaves the other a third of what is left, and his own */
TEST(users_share_what_is_left)
{
	uint64_t avail = 8 * MiB, other = msg_size(1 * MiB), share;
	struct peer a, b, stranger;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, 0);
		peer_init(&b, &bus, kind);
		peer_init_uid(&stranger, &bus, 65534);
		expect_eq(peer_acquire(&b, "x.y", 0, NULL), 0);
		struct peer holder;

		peer_init_holder(&holder, &bus, "x.y", KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK,
				 0);
		expect_eq(peer_send_to(&stranger, b.id, 1, 1 * MiB), 0);
		share = (avail - other) / 3 / 8 * 8;
		expect_eq(peer_send_to(&a, b.id, 2, 2 * MiB), 0);
		share -= msg_size(2 * MiB);
		expect_eq(peer_send_to(&a, b.id, 3, share - 96 + 8), -ENOBUFS);
		expect_eq(peer_send_to(&a, b.id, 4, share - 96), 0);
		peer_deinit(&holder);
		peer_deinit(&stranger);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* What takes no room in a pool takes memory of a direct receiver, and counts for him.  One message
 * that is too much by itself has room with him, the next has not. */
TEST(zeros_count_for_a_direct_receiver)
{
	struct kdbus_vec zeros = {.size = 2 * MiB};
	struct peer a, b, direct;
	struct cmd msg;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	peer_init(&direct, &bus, PEER_DIRECT);
	msg_init(&msg, &(struct send){.dst_id = b.id});
	for (int i = 0; i < 2; i++)
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &zeros, sizeof(zeros));
	expect_eq(peer_send_msg(&a, &msg), 0);
	msg.msg.dst_id = direct.id;
	expect_eq(peer_send_msg(&a, &msg), 0);
	expect_eq(peer_send_msg(&a, &msg), -ENOBUFS);
	expect_eq(peer_send_to(&a, direct.id, 9, 0), -ENOBUFS);
	peer_deinit(&direct);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 11.13: 256 messages of a user, and no more, from all his connections together */
TEST(number_of_messages_is_limited_per_user)
{
	struct peer a, a2, b;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, 0);
		peer_init(&a2, &bus, 0);
		peer_init(&b, &bus, kind);
		for (int i = 0; i < 256; i++)
			expect_eq(peer_send_to(i & 1 ? &a : &a2, b.id, i + 1, 0), 0);
		expect_eq(peer_send_to(&a, b.id, 257, 0), -ENOBUFS);
		expect_eq(peer_send_to(&a2, b.id, 257, 0), -ENOBUFS);
		expect_message(&b, a2.id, 1);
		expect_eq(peer_send_to(&a, b.id, 257, 0), 0);
		expect_eq(peer_drain(&b), 256);
		peer_deinit(&b);
		peer_deinit(&a2);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* 4.7 step 6: sixteen descriptors of a user */
TEST(number_of_fds_is_limited_per_user)
{
	struct send send = {.cookie = 1};
	struct got got;
	struct peer a, b;
	struct bus bus;
	int fds[16];

	for (size_t i = 0; i < 16; i++)
		fds[i] = STDIN_FILENO;
	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&a, &bus, 0);
		peer_init(&b, &bus, kind);
		send.dst_id = b.id;
		send.fds = fds;
		send.n_fds = 10;
		expect_eq(peer_send(&a, &send), 0);
		send.n_fds = 7;
		expect_eq(peer_send(&a, &send), -EMFILE);
		send.n_fds = 6;
		expect_eq(peer_send(&a, &send), 0);
		send.n_fds = 1;
		expect_eq(peer_send(&a, &send), -EMFILE);
		send.n_fds = 0;
		expect_eq(peer_send(&a, &send), 0);

		got = peer_get(&b);
		expect_eq(got.n_fds, 10);
		for (size_t i = 0; i < got.n_fds; i++)
			expect_eq(close(got.fds[i]), 0);
		send.n_fds = 10;
		expect_eq(peer_send(&a, &send), 0);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* the quota is for what is queued: a slice that was not freed counts for space only */
TEST(received_messages_do_not_count)
{
	struct cmd cmd, hello;
	struct peer a, b;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	hello_init(&hello);
	hello.hello.pool_size = 64 * 1024;
	expect_eq(peer_hello(&b, &bus, 0, &hello, NULL), 0);
	for (int i = 0; i < 7; i++) {
		expect_eq(peer_send_to(&a, b.id, 1, 8192), 0);
		cmd_init(&cmd, sizeof(cmd.recv), 0);
		expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), 0);
	}
	/* 7 * 8288 bytes of 65536 are in use, which the quota does not know of */
	expect_eq(peer_send_to(&a, b.id, 1, 8192), -EXFULL);
	expect_eq(peer_send_to(&a, b.id, 1, 4096), 0);
	/* a send that failed for want of space is not charged: the share is 10922 */
	expect_eq(peer_send_to(&a, b.id, 1, 10922 - 4192 - 96 - 2), -EXFULL);
	expect_eq(peer_send_to(&a, b.id, 1, 10922 - 4192 - 96), -ENOBUFS);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 11.12 */
TEST(priorities)
{
	static const int64_t priorities[] = {25,  -600, 10,   -35, -100, 20,
					     -15, -800, -150, 10,  -800, -10};
	static const struct {
		int64_t limit, expected;
	} reads[] = {{-200, -800}, {-100, -800}, {-400, -600}, {-400, 0}, {10, -150}, {10, -100}};
	const struct kdbus_msg *msg;
	struct peer a, b;
	struct cmd cmd;
	struct bus bus;
	int r;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	for (size_t i = 0; i < ARRAY_SIZE(priorities); i++) {
		struct send send = {.dst_id = b.id, .cookie = i, .priority = priorities[i]};

		expect_eq(peer_send(&a, &send), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(reads); i++) {
		cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_USE_PRIORITY);
		cmd.recv.priority = reads[i].limit;
		r = peer_command(&b, KDBUS_CMD_RECV, &cmd);
		if (reads[i].expected == 0) {
			expect_eq(r, -EAGAIN);
			continue;
		}
		expect_eq(r, 0);
		msg = (const void *)(b.pool + cmd.recv.msg.offset);
		expect_eq(msg->priority, reads[i].expected);
		/* the older of the two that are alike comes first */
		if (i < 2)
			expect_eq(msg->cookie, i == 0 ? 7 : 10);
	}
	/* the rest is still in order */
	expect_message(&b, a.id, 0);
	expect_message(&b, a.id, 2);
	expect_message(&b, a.id, 3);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* C23 */
TEST(peek)
{
	uint64_t offset;
	struct peer a, b;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_PEEK);
	expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), -EAGAIN);
	expect_eq(peer_send_to(&a, b.id, 1, 100), 0);
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_PEEK);
	expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), 0);
	offset = cmd.recv.msg.offset;
	expect_eq(cmd.recv.msg.msg_size, msg_size(100));
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_PEEK);
	expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), 0);
	expect_eq(cmd.recv.msg.offset, offset);
	expect_eq(peer_free(&b, offset), 0);
	expect_eq(peer_free(&b, offset), -ENXIO);
	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), 0);
	expect_eq(cmd.recv.msg.offset, offset);
	expect_eq(peer_free(&b, offset), 0);
	expect_eq(peer_free(&b, offset), -ENXIO);
	expect_nothing(&b);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

TEST(drop)
{
	struct peer a, b;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	expect_eq(peer_send_to(&a, b.id, 1, 100), 0);
	expect_eq(peer_send_to(&a, b.id, 2, 100), 0);
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_DROP | KDBUS_RECV_USE_PRIORITY);
	expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), -EINVAL);
	/* together with PEEK it is DROP */
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_DROP | KDBUS_RECV_PEEK);
	expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), 0);
	expect_eq(cmd.recv.msg.offset, b.pool_size);
	expect_eq(cmd.recv.msg.msg_size, 0);
	expect_message(&b, a.id, 2);
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_DROP);
	expect_eq(peer_command(&b, KDBUS_CMD_RECV, &cmd), -EAGAIN);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* C20: a broadcast that finds no room is counted, and told once */
TEST(lost_broadcasts_are_counted)
{
	struct peer a, b;
	struct got got;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	peer_match_all(&b);
	for (int i = 0; i < 256; i++)
		expect_eq(peer_send_to(&a, b.id, i, 0), 0);
	expect_eq(peer_broadcast(&a, 1000), 0);
	expect_eq(peer_broadcast(&a, 1001), 0);
	/* a unicast that finds no room is the sender's to know of */
	expect_eq(peer_send_to(&a, b.id, 1002, 0), -ENOBUFS);
	got = peer_get(&b);
	expect_eq(got.dropped, 2);
	got = peer_get(&b);
	expect_eq(got.dropped, 0);
	expect_eq(peer_drain(&b), 254);
	expect_nothing(&b);

	/* with an empty queue: the counter alone makes it readable */
	for (int i = 0; i < 256; i++)
		expect_eq(peer_send_to(&a, b.id, i, 0), 0);
	expect_eq(peer_drain(&b), 256);
	expect_eq(kdbus_embedded_poll(b.handle), POLLOUT | POLLWRNORM);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

TEST(lost_counter_makes_it_readable)
{
	struct cmd hello;
	struct peer a, b;
	struct got got;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	hello_init(&hello);
	hello.hello.pool_size = 4096;
	expect_eq(peer_hello(&b, &bus, 0, &hello, NULL), 0);
	peer_match_all(&b);
	struct send big = {.flags = KDBUS_MSG_SIGNAL,
			   .dst_id = KDBUS_DST_ID_BROADCAST,
			   .data = &bus,
			   .size = 900};
	expect_eq(peer_send(&a, &big), 0);
	expect_eq(kdbus_embedded_poll(b.handle), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	expect_eq(peer_recv(&b, &got), -EAGAIN);
	expect_eq(got.dropped, 1);
	expect_eq(kdbus_embedded_poll(b.handle), POLLOUT | POLLWRNORM);
	expect_eq(peer_recv(&b, &got), -EAGAIN);
	expect_eq(got.dropped, 0);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* a direct receiver is told at once, with the sender named */
TEST(lost_broadcast_names_its_sender)
{
	struct kdbus_limits limits = KDBUS_LIMITS_DEFAULT;
	struct peer a, b;
	struct bus bus;

	limits.n_msgs_user = 1;
	bus_init_limits(&bus, 0, &limits);
	peer_init(&a, &bus, PEER_DIRECT | PEER_INDEXED);
	peer_init(&b, &bus, PEER_DIRECT | PEER_INDEXED);
	bus.candidates[0] = b.conn;
	bus.n_candidates = 1;
	expect_eq(peer_broadcast(&a, 1), 0);
	expect_eq(bus.n_lost, 0);
	expect_eq(peer_broadcast(&a, 2), 0);
	expect_eq(bus.n_lost, 1);
	expect_eq(bus.lost_src, a.id);
	expect_message(&b, a.id, 1);
	expect_nothing(&b);
	bus.n_candidates = 0;
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 11.13, kernel quota: 256 notifications, then they are lost, and nobody else's room is touched */
TEST(notifications_have_a_quota_of_their_own)
{
	struct peer reader, sender, other;
	struct got got;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	peer_init(&reader, &bus, 0);
	peer_match_notifications(&reader);
	peer_init(&sender, &bus, 0);
	expect_eq(peer_drain(&reader), 1);
	for (int i = 0; i < 128; i++) {
		peer_init(&other, &bus, 0);
		peer_deinit(&other);
	}
	expect_eq(peer_send_to(&sender, reader.id, 1, 0), 0);
	peer_deinit(&sender);
	peer_init(&other, &bus, 0);
	peer_deinit(&other);
	got = peer_get(&reader);
	expect_eq(got.dropped, 3);
	for (int i = 0; i < 256; i++)
		expect_eq(peer_get(&reader).dropped, 0);
	expect_nothing(&reader);
	peer_deinit(&reader);
	bus_deinit(&bus);
}

/* the host is told once, until RECV has said that there is nothing */
TEST(direct_wake_once)
{
	struct peer a, b;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, PEER_DIRECT);
	peer_init(&b, &bus, PEER_DIRECT);
	expect_eq(peer_send_to(&a, b.id, 1, 0), 0);
	expect_eq(b.n_wakes, 1);
	expect_eq(peer_send_to(&a, b.id, 2, 0), 0);
	expect_eq(b.n_wakes, 1);
	expect_message(&b, a.id, 1);
	expect_eq(peer_send_to(&a, b.id, 3, 0), 0);
	expect_eq(b.n_wakes, 1);
	expect_message(&b, a.id, 2);
	/* who has taken the last one need not ask for more */
	expect_message(&b, a.id, 3);
	expect_eq(peer_send_to(&a, b.id, 4, 0), 0);
	expect_eq(b.n_wakes, 2);
	expect_message(&b, a.id, 4);
	expect_nothing(&b);
	expect_eq(peer_send_to(&a, b.id, 5, 0), 0);
	expect_eq(b.n_wakes, 3);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

static bool fd_is_readable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, 0) == 1;
}

TEST(eventfd_follows_the_queue)
{
	struct peer a, b;
	struct bus bus;
	int fd;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	fd = kdbus_embedded_fd(b.handle);
	expect(!fd_is_readable(fd));
	for (int i = 0; i < 3; i++) {
		expect_eq(peer_send_to(&a, b.id, 1, 0), 0);
		expect_eq(peer_send_to(&a, b.id, 2, 0), 0);
		expect(fd_is_readable(fd));
		expect_message(&b, a.id, 1);
		expect(fd_is_readable(fd));
		expect_message(&b, a.id, 2);
		expect(!fd_is_readable(fd));
	}
	expect_eq(peer_byebye(&b), 0);
	expect(fd_is_readable(fd));
	expect_eq(kdbus_embedded_poll(b.handle), POLLERR | POLLHUP);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* positions are consecutive, whatever it is that is queued */
TEST(positions_are_consecutive)
{
	struct kdbus_queue_entry *entry;
	struct peer a, b;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, PEER_DIRECT);
	peer_init(&b, &bus, PEER_DIRECT);
	peer_match_everything(&b);
	expect_eq(peer_send_to(&a, b.id, 1, 0), 0);
	expect_eq(peer_acquire(&a, "x.y", 0, NULL), 0);
	expect_eq(peer_broadcast(&a, 2), 0);
	expect_eq(b.conn->queue.last_position, 3);
	for (uint64_t i = 1; i <= 3; i++) {
		expect_eq(kdbus_conn_recv(b.conn, &entry), 0);
		expect_eq(entry->position, i);
		kdbus_queue_entry_free(kdbus_conn_host(b.conn), entry);
	}
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* limits are the domain's, and can change */
TEST(new_limits_hold_at_once)
{
	struct peer a, b;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, PEER_DIRECT);
	peer_init(&b, &bus, PEER_DIRECT);
	kdbus_embedded_domain(bus.embedded)->limits.n_msgs_user = 3;
	for (int i = 0; i < 3; i++)
		expect_eq(peer_send_to(&a, b.id, i, 0), 0);
	expect_eq(peer_send_to(&a, b.id, 4, 0), -ENOBUFS);
	kdbus_embedded_domain(bus.embedded)->limits.n_msgs_user = 4;
	expect_eq(peer_send_to(&a, b.id, 4, 0), 0);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}
