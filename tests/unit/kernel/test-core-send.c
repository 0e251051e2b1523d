/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SEND: reference sections 3.12, 4.1 to 4.3; Appendix B and C */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/kernel/kdbus-util.h"

struct scene {
	struct bus bus;
	struct peer a, b;
};

static void scene_init(struct scene *s, unsigned bus_flags, unsigned kind_a, unsigned kind_b)
{
	bus_init(&s->bus, bus_flags);
	peer_init(&s->a, &s->bus, kind_a);
	peer_init(&s->b, &s->bus, kind_b);
}

static void scene_deinit(struct scene *s)
{
	peer_deinit(&s->b);
	peer_deinit(&s->a);
	bus_deinit(&s->bus);
}

/* every pair of kinds */
#define FOR_EACH_PAIR(from, to)                                                                    \
	FOR_EACH_KIND(from)                                                                        \
		FOR_EACH_KIND(to)

TEST(unicast_by_id_and_by_name)
{
	struct scene s;
	struct got got;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		struct send by_id = {.dst_id = s.b.id, .cookie = 1, .data = "hello", .size = 5};
		struct send by_name = {.dst_name = "x.y",
				       .cookie = 2,
				       .data = "world!",
				       .size = 6,
				       .flags = KDBUS_MSG_NO_AUTO_START};

		expect_eq(peer_acquire(&s.b, "x.y", 0, NULL), 0);
		expect_eq(peer_send(&s.a, &by_id), 0);
		expect_eq(peer_send(&s.a, &by_name), 0);
		/* with an id that has to be the right one (C29) */
		by_name.cookie = 3;
		by_name.dst_id = s.a.id;
		expect_eq(peer_send(&s.a, &by_name), -EREMCHG);
		by_name.dst_id = s.b.id;
		expect_eq(peer_send(&s.a, &by_name), 0);

		got = peer_get(&s.b);
		expect_eq(got.src_id, s.a.id);
		expect_eq(got.dst_id, s.b.id);
		expect_eq(got.cookie, 1);
		expect_eq(got.flags, 0);
		expect_eq(got.payload_type, KDBUS_PAYLOAD_DBUS);
		expect_str(got.text, "hello");
		got = peer_get(&s.b);
		expect_eq(got.dst_id, 0);
		expect_eq(got.cookie, 2);
		expect_eq(got.flags, KDBUS_MSG_NO_AUTO_START);
		expect_str(got.text, "world!");
		got = peer_get(&s.b);
		expect_eq(got.dst_id, s.b.id);
		expect_nothing(&s.b);
		scene_deinit(&s);
	}
}

/* C5 */
TEST(message_to_oneself)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind, 0);
		expect_eq(peer_send_to(&s.a, s.a.id, 9, 3), 0);
		expect_message(&s.a, s.a.id, 9);
		scene_deinit(&s);
	}
}

/* a message of nothing but a header is valid */
TEST(message_without_items)
{
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		expect_eq(peer_send_to(&s.a, s.b.id, 9, 0), 0);
		expect_message(&s.b, s.a.id, 9);
		scene_deinit(&s);
	}
}

TEST(nobody_there)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind, kind);
		struct send send = {.dst_name = "x.y"};

		expect_eq(peer_send(&s.a, &send), -ESRCH);
		send.dst_name = "not a name";
		expect_eq(peer_send(&s.a, &send), -EINVAL);
		expect_eq(peer_send_to(&s.a, 4711, 1, 0), -ENXIO);
		/* holders and monitors have ids, but no address */
		struct peer holder;

		peer_init_holder(&holder, &s.bus, "x.y", 0, 0, 0);
		expect_eq(peer_send_to(&s.a, holder.id, 1, 0), -ENXIO);
		peer_deinit(&holder);
		scene_deinit(&s);
	}
}

/* rows 7 to 13 and 15 to 17, in both forms; and which of two errors is reported */
TEST(header_is_checked_in_order)
{
	enum to { TO_NAME, TO_ALL, TO_B };
	static const struct {
		uint64_t flags;
		enum to to;
		uint64_t cookie_reply;
		const char *dst_name;
		bool has_fds;
		int result, result_strict;
	} cases[] = {
		/* broadcast without SIGNAL, also with a timeout */
		{0, TO_ALL, 0, NULL, false, -EBADMSG, -EBADMSG},
		{KDBUS_MSG_EXPECT_REPLY, TO_ALL, 1, NULL, false, -EBADMSG, -EBADMSG},
		/* broadcast with a timeout or a cookie_reply */
		{KDBUS_MSG_SIGNAL, TO_ALL, 1, NULL, false, -ENOTUNIQ, -ENOTUNIQ},
		{KDBUS_MSG_SIGNAL | KDBUS_MSG_EXPECT_REPLY, TO_ALL, 1, NULL, false, -ENOTUNIQ,
		 -ENOTUNIQ},
		/* EXPECT_REPLY without timeout, before EXPECT_REPLY with SIGNAL */
		{KDBUS_MSG_EXPECT_REPLY, TO_B, 0, NULL, false, -EINVAL, -EINVAL},
		{KDBUS_MSG_SIGNAL | KDBUS_MSG_EXPECT_REPLY, TO_B, 0, NULL, false, -EINVAL, -EINVAL},
		{KDBUS_MSG_SIGNAL | KDBUS_MSG_EXPECT_REPLY, TO_B, 1, NULL, false, -ENOTUNIQ,
		 -ENOTUNIQ},
		/* a reply that is a signal */
		{KDBUS_MSG_SIGNAL, TO_B, 1, NULL, false, -EINVAL, -EINVAL},
		/* name and broadcast, before descriptors and broadcast */
		{KDBUS_MSG_SIGNAL, TO_ALL, 0, "x.y", false, -EBADMSG, -EBADMSG},
		{KDBUS_MSG_SIGNAL, TO_ALL, 0, "x.y", true, -EBADMSG, -EBADMSG},
		/* no destination */
		{0, TO_NAME, 0, NULL, false, -EDESTADDRREQ, -EDESTADDRREQ},
		{KDBUS_MSG_SIGNAL, TO_NAME, 0, NULL, false, -EDESTADDRREQ, -EDESTADDRREQ},
		/* descriptors for all: nowhere but here */
		{KDBUS_MSG_SIGNAL, TO_ALL, 0, NULL, true, 0, -ENOTUNIQ},
	};
	int fd = STDIN_FILENO;
	struct scene s;

	for (unsigned strict = 0; strict < 2; strict++) {
		FOR_EACH_KIND(kind) {
			scene_init(&s, strict ? BUS_STRICT : 0, kind, 0);
			for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
				const uint64_t to[] = {KDBUS_DST_ID_NAME, KDBUS_DST_ID_BROADCAST,
						       s.b.id};
				struct send send = {
					.flags = cases[i].flags,
					.dst_id = to[cases[i].to],
					.dst_name = cases[i].dst_name,
					.cookie_reply = cases[i].cookie_reply,
					.fds = &fd,
					.n_fds = cases[i].has_fds,
				};

				expect_eq(peer_send(&s.a, &send),
					  strict ? cases[i].result_strict : cases[i].result);
			}
			expect_nothing(&s.b);
			scene_deinit(&s);
		}
	}
}

/* rows 3, 6, 7, 14: what only a message in ABI form can get wrong */
TEST(message_is_checked_in_order)
{
	struct cmd msg, cmd;
	struct send send;
	struct scene s;
	int fds[17];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = STDIN_FILENO;
	scene_init(&s, BUS_STRICT, 0, 0);
	send = (struct send){.dst_id = s.b.id, .data = "x", .size = 1};

	/* alignment, before all else */
	cmd_init(&cmd, sizeof(cmd.send), 0);
	cmd.send.msg_address = (uintptr_t)&msg + 1;
	expect_eq(peer_command(&s.a, KDBUS_CMD_SEND, &cmd), -EFAULT);
	cmd.send.msg_address = 8;
	expect_eq(peer_command(&s.a, KDBUS_CMD_SEND, &cmd), -EFAULT);

	msg_init(&msg, &send);
	msg.size = 63;
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	msg.size = 32769;
	expect_eq(peer_send_msg(&s.a, &msg), -EMSGSIZE);

	/* unknown flag, unknown item, item twice, item cut */
	msg_init(&msg, &send);
	msg.msg.flags = 8;
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	msg_init(&msg, &send);
	cmd_add_str(&msg, KDBUS_ITEM_NAME, "x.y");
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	msg_init(&msg, &send);
	cmd_add_str(&msg, KDBUS_ITEM_DST_NAME, "x.y");
	cmd_add_str(&msg, KDBUS_ITEM_DST_NAME, "x.y");
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	msg_init(&msg, &send);
	msg.size -= 1;
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	msg_init(&msg, &send);
	msg.size += 9;
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);

	/* foreign source (C4), before kernel payload, before broadcast without signal */
	msg_init(&msg, &send);
	msg.msg.src_id = s.b.id;
	msg.msg.payload_type = KDBUS_PAYLOAD_KERNEL;
	msg.msg.dst_id = KDBUS_DST_ID_BROADCAST;
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	msg.msg.src_id = s.a.id;
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	msg.msg.payload_type = 5;
	expect_eq(peer_send_msg(&s.a, &msg), -EBADMSG);
	msg.msg.dst_id = s.b.id;
	expect_eq(peer_send_msg(&s.a, &msg), 0);
	expect_eq(peer_get(&s.b).payload_type, 5);

	/* per item, in the order of the items */
	struct kdbus_vec big = {.size = 2 * MiB + 1, .address = 8};
	struct kdbus_vec wild = {.size = 8, .address = 1ULL << 63};

	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &big, sizeof(big));
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &wild, sizeof(wild));
	expect_eq(peer_send_msg(&s.a, &msg), -EMSGSIZE);
	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &wild, sizeof(wild));
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &big, sizeof(big));
	expect_eq(peer_send_msg(&s.a, &msg), -EFAULT);
	send.fds = fds;
	send.n_fds = 17;
	msg_init(&msg, &send);
	expect_eq(peer_send_msg(&s.a, &msg), -EMFILE);
	send.n_fds = 0;

	/* bloom: multiple of 8, then the size of the bus, then SIGNAL that is missing */
	msg_init(&msg, &send);
	cmd_add(&msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 8 + 63);
	expect_eq(peer_send_msg(&s.a, &msg), -EFAULT);
	msg_init(&msg, &send);
	cmd_add(&msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 8 + 56);
	expect_eq(peer_send_msg(&s.a, &msg), -EDOM);
	msg_init(&msg, &send);
	cmd_add(&msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 8 + 64);
	expect_eq(peer_send_msg(&s.a, &msg), -EBADMSG);
	msg_init(&msg, &send);
	msg.msg.flags = KDBUS_MSG_SIGNAL;
	expect_eq(peer_send_msg(&s.a, &msg), -EBADMSG);

	msg_init(&msg, &send);
	cmd_add_str(&msg, KDBUS_ITEM_DST_NAME, "nodots");
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	expect_nothing(&s.b);
	scene_deinit(&s);
}

/* memory is read when it is known that somebody is to get it; nothing is delivered then */
TEST(unreadable_payload)
{
	struct kdbus_vec vec = {.size = 8, .address = 16};
	struct cmd msg;
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, 0, kind);
		msg_init(&msg, &(struct send){.dst_id = s.b.id});
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
		expect_eq(peer_send_msg(&s.a, &msg), -EFAULT);
		msg.msg.dst_id = 4711;
		expect_eq(peer_send_msg(&s.a, &msg), -ENXIO);
		expect_nothing(&s.b);
		/* it was not charged either */
		for (int i = 0; i < 300; i++) {
			msg.msg.dst_id = s.b.id;
			expect_eq(peer_send_msg(&s.a, &msg), -EFAULT);
		}
		expect_eq(peer_send_to(&s.a, s.b.id, 1, 8), 0);
		scene_deinit(&s);
	}
}

/* B.2, to the byte */
TEST(layout_of_a_unicast_by_name)
{
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct cmd cmd;
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind, 0);
		struct send send = {.dst_name = "a.b",
				    .cookie = 5,
				    .data = "0123456789abc",
				    .size = 13,
				    .priority = kind ? 0 : -3};

		expect_eq(peer_acquire(&s.b, "a.b", 0, NULL), 0);
		expect_eq(peer_send(&s.a, &send), 0);
		cmd_init(&cmd, sizeof(cmd.recv), 0);
		expect_eq(peer_command(&s.b, KDBUS_CMD_RECV, &cmd), 0);
		expect_eq(cmd.recv.msg.msg_size, 120 + 16);
		msg = (const void *)(s.b.pool + cmd.recv.msg.offset);
		expect_eq(msg->size, 120);
		expect_eq(msg->src_id, s.a.id);
		expect_eq(msg->dst_id, 0);
		expect_eq(msg->priority, send.priority);
		item = &msg->items[0];
		expect_eq(item->type, KDBUS_ITEM_DST_NAME);
		expect_eq(item->size, 20);
		expect_str(item->str, "a.b");
		item = kdbus_item_next(item);
		expect_eq(item->type, KDBUS_ITEM_PAYLOAD_OFF);
		expect_eq(item->size, 32);
		expect_eq(item->vec.size, 13);
		expect_eq(item->vec.offset, 120);
		expect_mem((const uint8_t *)msg + 120, 13, "0123456789abc", 13);
		scene_deinit(&s);
	}
}

/* C41; and what a direct receiver makes of it */
TEST(runs_of_zeros)
{
	static const char data[] = "12345678abc";
	struct kdbus_vec vecs[] = {{8, {(uintptr_t)data}}, {5, {0}}, {3, {(uintptr_t)data + 8}}};
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct cmd cmd, send;
	struct scene s;
	struct got got;

	scene_init(&s, 0, 0, 0);
	msg_init(&send, &(struct send){.dst_id = s.b.id});
	for (size_t i = 0; i < 3; i++)
		cmd_add(&send, KDBUS_ITEM_PAYLOAD_VEC, &vecs[i], sizeof(vecs[i]));
	expect_eq(peer_send_msg(&s.a, &send), 0);
	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(&s.b, KDBUS_CMD_RECV, &cmd), 0);
	msg = (const void *)(s.b.pool + cmd.recv.msg.offset);
	item = &msg->items[0];
	expect_eq(item->vec.size, 8);
	expect_eq(item->vec.offset, 160);
	item = kdbus_item_next(item);
	expect_eq(item->vec.size, 5);
	expect_eq(item->vec.offset, ~0ULL);
	item = kdbus_item_next(item);
	expect_eq(item->vec.size, 3);
	expect_eq(item->vec.offset, 160 + 13);
	expect_mem((const uint8_t *)msg + 160, 16, "12345678\0\0\0\0\0abc", 16);
	expect_eq(cmd.recv.msg.msg_size, 160 + 16);

	struct peer direct;

	peer_init(&direct, &s.bus, PEER_DIRECT);
	send.msg.dst_id = direct.id;
	expect_eq(peer_send_msg(&s.a, &send), 0);
	got = peer_get(&direct);
	expect_eq(got.size, 16);
	expect_mem(got.text, 16, "12345678\0\0\0\0\0abc", 16);
	peer_deinit(&direct);
	scene_deinit(&s);
}

static int make_memfd(const char *data, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	expect_ge(fd, 0);
	expect_eq(write(fd, data, strlen(data)), strlen(data));
	expect_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static int send_memfd(struct scene *s, uint64_t start, uint64_t size, int fd)
{
	struct kdbus_memfd memfd = {.start = start, .size = size, .fd = fd};
	struct cmd msg;

	msg_init(&msg, &(struct send){.dst_id = s->b.id, .data = "x", .size = 1});
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
	return peer_send_msg(&s->a, &msg);
}

/* C39, C40 */
TEST(memory_files)
{
	const struct kdbus_item *item;
	int fd, unsealed, plain, disk;
	char data[4];
	const struct kdbus_msg *msg;
	struct scene s;
	struct cmd cmd;
	struct got got;

	scene_init(&s, 0, 0, 0);
	fd = make_memfd("01234567", ALL_SEALS);
	expect_eq(send_memfd(&s, 4, 4, fd), 0);
	cmd_init(&cmd, sizeof(cmd.recv), 0);
	expect_eq(peer_command(&s.b, KDBUS_CMD_RECV, &cmd), 0);
	msg = (const void *)(s.b.pool + cmd.recv.msg.offset);
	item = kdbus_item_next(&msg->items[0]);
	expect_eq(item->type, KDBUS_ITEM_PAYLOAD_MEMFD);
	expect_eq(item->memfd.start, 4);
	expect_eq(item->memfd.size, 4);
	expect_ge(item->memfd.fd, 0);
	expect_ne(item->memfd.fd, fd);
	expect_eq(pread(item->memfd.fd, data, 4, 4), 4);
	expect_mem(data, 4, "4567", 4);
	expect_eq(fcntl(item->memfd.fd, F_GETFD), FD_CLOEXEC);
	close(item->memfd.fd);

	expect_eq(send_memfd(&s, 4, 5, fd), -EFAULT);
	expect_eq(send_memfd(&s, ~0ULL, 2, fd), -EMSGSIZE);
	expect_eq(send_memfd(&s, 0, 1, 999), -EBADF);
	expect_eq(send_memfd(&s, 0, 1, -1), -EBADF);
	unsealed = make_memfd("01234567", ALL_SEALS & ~F_SEAL_SEAL);
	expect_eq(send_memfd(&s, 0, 8, unsealed), -ETXTBSY);
	plain = memfd_create("test", MFD_CLOEXEC);
	expect_eq(send_memfd(&s, 0, 1, plain), -ETXTBSY);
	disk = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	expect_eq(send_memfd(&s, 0, 1, disk), -EMEDIUMTYPE);

	/* a direct receiver gets the bytes */
	struct peer direct;

	peer_init(&direct, &s.bus, PEER_DIRECT);
	s.b.id = direct.id;
	expect_eq(send_memfd(&s, 4, 4, fd), 0);
	got = peer_get(&direct);
	expect_str(got.text, "x4567");
	peer_deinit(&direct);
	close(disk);
	close(plain);
	close(unsealed);
	close(fd);
	scene_deinit(&s);
}

/* 11.7.5: the seventeenth memory file */
TEST(number_of_memory_files)
{
	struct kdbus_memfd memfd = {.size = 1};
	struct cmd msg;
	struct scene s;

	scene_init(&s, 0, 0, 0);
	memfd.fd = make_memfd("0", ALL_SEALS);
	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	for (int i = 0; i < 16; i++)
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
	msg.msg.dst_id = 4711;
	expect_eq(peer_send_msg(&s.a, &msg), -ENXIO);
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
	expect_eq(peer_send_msg(&s.a, &msg), -E2BIG);
	close(memfd.fd);
	scene_deinit(&s);
}

/* descriptors arrive, in order, close-on-exec; the sender may close his at once */
TEST(descriptors)
{
	struct scene s;
	struct got got;
	int fds[2], kept[2];
	char c;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		expect_eq(pipe(fds), 0);
		struct send send = {.dst_id = s.b.id,
				    .cookie = 1,
				    .data = "fds",
				    .size = 3,
				    .fds = fds,
				    .n_fds = 2};

		expect_eq(peer_send(&s.a, &send), 0);
		close(fds[0]);
		close(fds[1]);
		got = peer_get(&s.b);
		expect_str(got.text, "fds");
		expect_eq(got.n_fds, 2);
		expect_eq(got.return_flags, 0);
		memcpy(kept, got.fds, sizeof(kept));
		expect_eq(write(kept[1], "x", 1), 1);
		expect_eq(read(kept[0], &c, 1), 1);
		expect_eq(fcntl(kept[0], F_GETFD), FD_CLOEXEC);
		close(kept[0]);
		close(kept[1]);
		/* closed by now; a direct sender gives objects, not numbers */
		if (!from)
			expect_eq(peer_send(&s.a, &send), -EBADF);
		scene_deinit(&s);
	}
}

/* C38: the fd table is full before all are installed */
TEST(descriptors_without_a_place)
{
	struct rlimit limit, old;
	int fds[3], free_fd;
	struct scene s;
	struct got got;

	for (size_t i = 0; i < 3; i++)
		fds[i] = STDIN_FILENO;
	scene_init(&s, 0, 0, 0);
	struct send send = {.dst_id = s.b.id, .cookie = 1, .fds = fds, .n_fds = 3};

	expect_eq(peer_send(&s.a, &send), 0);
	free_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	close(free_fd);
	expect_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = free_fd + 1;
	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	got = peer_get(&s.b);
	expect_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	expect_eq(got.return_flags, KDBUS_RECV_RETURN_INCOMPLETE_FDS);
	expect_eq(got.n_fds, 3);
	/* the lowest number that is free */
	expect_eq(got.fds[0], free_fd);
	expect_eq(got.fds[1], -1);
	expect_eq(got.fds[2], -1);
	close(got.fds[0]);
	scene_deinit(&s);
}

/* those that nobody received are closed with the queue */
TEST(descriptors_of_lost_messages_are_closed)
{
	int fd = STDIN_FILENO, before;
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		before = count_fds();
		struct send send = {.dst_id = s.b.id, .fds = &fd, .n_fds = 1};

		expect_eq(peer_send(&s.a, &send), 0);
		expect_eq(count_fds(), before + 1);
		peer_deinit(&s.b);
		/* a handle has an eventfd and its pool */
		expect_eq(count_fds(), to ? before : before - 2);
		scene_deinit(&s);
	}
}

TEST(receiver_without_descriptors)
{
	int fd = STDIN_FILENO;
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to | PEER_NO_FDS);
		struct send send = {.dst_id = s.b.id, .fds = &fd, .n_fds = 1};

		expect_eq(peer_send(&s.a, &send), -ECOMM);
		expect_nothing(&s.b);
		scene_deinit(&s);
	}
}

/* AF_UNIX sockets pass unless the domain is strict, O_PATH descriptors always */
TEST(sockets_as_descriptors)
{
	int sockets[2], path;
	struct scene s;
	struct got got;

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	path = open("/", O_PATH | O_CLOEXEC);
	for (unsigned strict = 0; strict < 2; strict++) {
		scene_init(&s, strict ? BUS_STRICT : 0, 0, 0);
		struct send send = {.dst_id = s.b.id, .fds = sockets, .n_fds = 1};

		expect_eq(peer_send(&s.a, &send), strict ? -EOPNOTSUPP : 0);
		send.fds = &path;
		expect_eq(peer_send(&s.a, &send), 0);
		while (peer_recv(&s.b, &got) == 0)
			close(got.fds[0]);
		scene_deinit(&s);
	}
	close(path);
	close(sockets[0]);
	close(sockets[1]);
}

TEST(direct_peers_share_the_payload)
{
	struct kdbus_queue_entry *entry;
	struct scene s;

	scene_init(&s, 0, PEER_DIRECT, PEER_DIRECT);
	expect_eq(peer_send_to(&s.a, s.b.id, 1, 10), 0);
	expect_eq(kdbus_conn_recv(s.b.conn, &entry), 0);
	expect_eq(((struct engine_payload *)entry->payload)->refcount, 1);
	kdbus_queue_entry_free(kdbus_conn_host(s.b.conn), entry);
	scene_deinit(&s);
}

/* C19: a directed signal needs a match, unless the receiver is indexed; nobody is told */
TEST(unicast_signal_needs_a_match)
{
	struct peer indexed;
	struct scene s;

	FOR_EACH_PAIR(from, to) {
		scene_init(&s, 0, from, to);
		struct send send = {.flags = KDBUS_MSG_SIGNAL, .dst_id = s.b.id, .cookie = 3};

		expect_eq(peer_send(&s.a, &send), 0);
		expect_nothing(&s.b);
		peer_match_all(&s.b);
		expect_eq(peer_send(&s.a, &send), 0);
		expect_message(&s.b, s.a.id, 3);
		peer_init(&indexed, &s.bus, PEER_DIRECT | PEER_INDEXED);
		send.dst_id = indexed.id;
		expect_eq(peer_send(&s.a, &send), 0);
		expect_message(&indexed, s.a.id, 3);
		peer_deinit(&indexed);
		scene_deinit(&s);
	}
}

/* the host of direct peers has the last word, and what it says is what SEND returns */
TEST(host_may_refuse)
{
	struct scene s;

	scene_init(&s, 0, PEER_DIRECT, PEER_DIRECT);
	s.bus.refuses = -EACCES;
	expect_eq(peer_send_to(&s.a, s.b.id, 1, 0), -EACCES);
	expect_eq(peer_call(&s.a, s.b.id, 1, 1ULL << 62), -EACCES);
	expect_eq(s.bus.n_refusals_asked, 2);
	/* a refused call is not pending */
	s.bus.refuses = 0;
	expect_eq(peer_call(&s.a, s.b.id, 1, 1ULL << 62), 0);
	/* a refused reply is given all the same */
	s.bus.refuses = -EACCES;
	expect_eq(peer_reply(&s.b, s.a.id, 1), -EACCES);
	s.bus.refuses = 0;
	expect_eq(peer_reply(&s.b, s.a.id, 1), -EBADSLT);
	/* a broadcast leaves out who is not to get it */
	s.bus.refuses = -EACCES;
	peer_match_all(&s.b);
	peer_drain(&s.b);
	expect_eq(peer_broadcast(&s.a, 2), 0);
	expect_nothing(&s.b);
	expect_eq(s.bus.n_lost, 0);
	scene_deinit(&s);
}

/* who wants a broadcast: the host says it, once or more often, and says what goes with it */
TEST(candidates)
{
	struct scene s;
	struct got got;
	struct peer c;

	scene_init(&s, 0, PEER_DIRECT | PEER_INDEXED, PEER_DIRECT | PEER_INDEXED);
	peer_init(&c, &s.bus, PEER_DIRECT | PEER_INDEXED);
	s.bus.n_asked = 0;
	expect_eq(peer_broadcast(&s.a, 1), 0);
	expect_eq(s.bus.n_asked, 1);
	expect_nothing(&s.b);

	s.bus.candidates[0] = s.b.conn;
	s.bus.tags[0] = 1;
	s.bus.candidates[1] = s.a.conn;
	s.bus.candidates[2] = s.b.conn;
	s.bus.tags[2] = 4;
	s.bus.n_candidates = 3;
	expect_eq(peer_broadcast(&s.a, 2), 0);
	got = peer_get(&s.b);
	expect_eq(got.cookie, 2);
	expect_eq(got.tag, 5);
	expect_nothing(&s.b);
	/* oneself included */
	got = peer_get(&s.a);
	expect_eq(got.cookie, 2);
	expect_eq(got.tag, 0);
	expect_nothing(&c);
	s.bus.n_candidates = 0;
	peer_deinit(&c);
	scene_deinit(&s);
}

/* where nobody could look at it a direct signal needs no filter */
TEST(bloom_filter_is_needed_where_somebody_looks)
{
	struct scene s;

	scene_init(&s, 0, PEER_DIRECT | PEER_INDEXED, 0);
	expect(!kdbus_bus_needs_bloom(s.bus.core));
	peer_match_all(&s.b);
	expect(kdbus_bus_needs_bloom(s.bus.core));
	peer_deinit(&s.b);
	expect(!kdbus_bus_needs_bloom(s.bus.core));
	scene_deinit(&s);

	scene_init(&s, BUS_STRICT, PEER_DIRECT, 0);
	expect(kdbus_bus_needs_bloom(s.bus.core));
	scene_deinit(&s);
}

/* C21: a monitor sees what goes to others, and nothing of what was refused */
TEST(monitor)
{
	struct peer monitor, stranger;
	struct cmd hello, cmd;
	struct scene s;
	struct got got;
	int fd = STDIN_FILENO;

	scene_init(&s, 0, 0, 0);
	peer_init_uid(&stranger, &s.bus, 65534);
	peer_match_notifications(&s.b);
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_MONITOR;
	expect_eq(peer_hello(&monitor, &s.bus, 0, &hello, NULL), 0);
	/* it is not announced */
	expect_nothing(&s.b);
	expect_eq(peer_send_to(&s.a, monitor.id, 1, 0), -ENXIO);

	expect_eq(peer_send_to(&s.a, s.b.id, 1, 0), 0);
	expect_eq(peer_send_to(&stranger, s.b.id, 2, 0), -EPERM);
	expect_eq(peer_broadcast(&s.a, 3), 0);
	expect_eq(peer_call(&s.a, s.b.id, 4, 1ULL << 62), 0);
	expect_eq(peer_reply(&s.b, s.a.id, 4), 0);
	expect_eq(peer_acquire(&s.a, "x.y", 0, NULL), 0);
	struct send with_fd = {.dst_id = s.b.id, .cookie = 5, .fds = &fd, .n_fds = 1};

	expect_eq(peer_send(&s.a, &with_fd), 0);
	got = peer_get(&monitor);
	expect_eq(got.dst_id, s.b.id);
	expect_eq(got.cookie, 1);
	expect_message(&monitor, s.a.id, 3);
	expect_message(&monitor, s.a.id, 4);
	expect_message(&monitor, s.b.id, 77);
	expect_name(&monitor, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, s.a.id, KDBUS_NAME_PRIMARY);
	got = peer_get(&monitor);
	expect_eq(got.n_fds, 1);
	expect_eq(got.fds[0], -1);
	expect_eq(got.return_flags, 0);

	/* what it is too slow for it loses, and is told so */
	for (int i = 0; i < 257; i++) {
		expect_eq(peer_send_to(&s.a, s.b.id, i, 0), 0);
		while (peer_recv(&s.b, &got) == 0)
			for (size_t j = 0; j < got.n_fds; j++)
				close(got.fds[j]);
	}
	got = peer_get(&monitor);
	expect_eq(got.dropped, 1);

	cmd_init(&cmd, sizeof(cmd.match), 0);
	expect_eq(peer_command(&monitor, KDBUS_CMD_MATCH_ADD, &cmd), -EOPNOTSUPP);
	expect_eq(peer_acquire(&monitor, "x.z", 0, NULL), -EOPNOTSUPP);
	expect_eq(peer_byebye(&monitor), -EOPNOTSUPP);
	while (peer_recv(&s.b, &got) == 0)
		for (size_t i = 0; i < got.n_fds; i++)
			close(got.fds[i]);
	peer_deinit(&monitor);
	expect_nothing(&s.b);
	peer_deinit(&stranger);
	scene_deinit(&s);
}

/* C50, 2.8 */
TEST(negotiation)
{
	uint64_t types[] = {KDBUS_ITEM_NEGOTIATE, KDBUS_ITEM_FDS, KDBUS_ITEM_NAME, 0x7777};
	struct kdbus_item *item;
	struct cmd cmd, msg;
	struct scene s;

	scene_init(&s, 0, 0, 0);
	/* of the command alone */
	cmd_init(&cmd, sizeof(cmd.send), KDBUS_FLAG_NEGOTIATE);
	cmd.send.return_flags = 5;
	expect_eq(peer_command(&s.a, KDBUS_CMD_SEND, &cmd), 0);
	expect_eq(cmd.send.flags, KDBUS_SEND_SYNC_REPLY);
	expect_eq(cmd.send.return_flags, 0);

	/* of both: nothing is sent */
	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	msg.msg.flags = KDBUS_FLAG_NEGOTIATE;
	item = cmd_add(&msg, KDBUS_ITEM_NEGOTIATE, types, sizeof(types));
	cmd_init(&cmd, sizeof(cmd.send), KDBUS_FLAG_NEGOTIATE);
	cmd.send.msg_address = (uintptr_t)&msg;
	expect_eq(peer_command(&s.a, KDBUS_CMD_SEND, &cmd), 0);
	expect_eq(msg.msg.flags, 7);
	expect_eq(item->data64[0], KDBUS_ITEM_NEGOTIATE);
	expect_eq(item->data64[1], KDBUS_ITEM_FDS);
	expect_eq(item->data64[2], 0);
	expect_eq(item->data64[3], 0);
	/* of the command, with a message that asks nothing */
	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	cmd_init(&cmd, sizeof(cmd.send), KDBUS_FLAG_NEGOTIATE);
	cmd.send.msg_address = (uintptr_t)&msg;
	expect_eq(peer_command(&s.a, KDBUS_CMD_SEND, &cmd), 0);

	/* of the message alone */
	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	msg.msg.flags = KDBUS_FLAG_NEGOTIATE;
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	/* with an item in a message that is really sent: answered, and refused */
	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	item = cmd_add(&msg, KDBUS_ITEM_NEGOTIATE, types, sizeof(types));
	expect_eq(peer_send_msg(&s.a, &msg), -EINVAL);
	expect_eq(item->data64[2], 0);
	expect_nothing(&s.b);
	scene_deinit(&s);
}

/* flags that are not there yet are not known */
TEST(unknown_command_flags)
{
	struct cmd cmd, msg;
	struct scene s;

	scene_init(&s, 0, 0, 0);
	msg_init(&msg, &(struct send){.dst_id = s.b.id});
	cmd_init(&cmd, sizeof(cmd.send), 1ULL << 5);
	cmd.send.msg_address = (uintptr_t)&msg;
	cmd.send.return_flags = 5;
	expect_eq(peer_command(&s.a, KDBUS_CMD_SEND, &cmd), -EINVAL);
	expect_eq(cmd.send.return_flags, 0);
	scene_deinit(&s);
}
