/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SEND: what is checked in which order, what the receiver finds, who it goes to */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define CALL   KDBUS_MSG_EXPECT_REPLY
#define SIGNAL KDBUS_MSG_SIGNAL

static struct cmd msg;

static int send_with(struct peer *peer, uint64_t flags, int cancel_fd)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.send), flags);
	cmd.send.msg_address = (uintptr_t)&msg;
	if (cancel_fd != -2)
		cmd_add(&cmd, KDBUS_ITEM_CANCEL_FD, &cancel_fd, sizeof(cancel_fd));
	return peer_ioctl(peer, KDBUS_CMD_SEND, &cmd);
}

static void add_vec(const void *address, uint64_t size)
{
	struct kdbus_vec vec = {.size = size, .address = (uintptr_t)address};

	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
}

static void add_memfd(int fd, uint64_t start, uint64_t size)
{
	struct kdbus_memfd memfd = {.start = start, .size = size, .fd = fd};

	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
}

static void add_fds(int fd, size_t n)
{
	int fds[64];

	for (size_t i = 0; i < n; i++)
		fds[i] = fd;
	cmd_add(&msg, KDBUS_ITEM_FDS, fds, n * sizeof(int));
}

static void to(struct peer *dst)
{
	msg_init(&msg, &(struct send){.dst_id = dst->id, .cookie = 1});
}

/* rows 4 to 13 of the table: the header */
ABI_TEST(header)
{
	struct peer *a = peer(), *b = peer();
	static const struct {
		const char *row;
		uint64_t flags, dst; /* 1: b */
		uint64_t cookie_reply, src, type;
		bool has_bloom;
		int error, error_p1;
	} cases[] = {
		{"3.12.src-zero", 0, 1, 0, 0, 1, false, 0, 0},
		{"3.12.src-own", 0, 1, 0, 1, 1, false, 0, 0},
		{"3.12.src-other", 0, 1, 0, 2, 1, false, -EINVAL, -EINVAL},
		{"3.12.payload-kernel", 0, 1, 0, 0, 0, false, -EINVAL, -EINVAL},
		{"3.12.payload-any", 0, 1, 0, 0, 0x1234, false, 0, 0},
		{"3.12.broadcast-no-signal", 0, BROADCAST, 0, 0, 1, false, -EBADMSG, -EBADMSG},
		{"3.12.broadcast-timeout", SIGNAL, BROADCAST, 5, 0, 1, true, -ENOTUNIQ, -EINVAL},
		{"3.12.broadcast-call", SIGNAL | CALL, BROADCAST, 5, 0, 1, true, -ENOTUNIQ,
		 -ENOTUNIQ},
		{"3.12.call-without-timeout", CALL, 1, 0, 0, 1, false, -EINVAL, -EINVAL},
		{"3.12.call-signal", CALL | SIGNAL, 1, 5, 0, 1, true, -ENOTUNIQ, -EINVAL},
		{"3.12.reply-signal", SIGNAL, 1, 5, 0, 1, true, -EINVAL, -EINVAL},
		{"3.12.signal-no-bloom", SIGNAL, 1, 0, 0, 1, false, -EBADMSG, -EBADMSG},
		{"3.12.bloom-no-signal", 0, 1, 0, 0, 1, true, -EBADMSG, -EBADMSG},
		{"3.12.no-destination", 0, 0, 0, 0, 1, false, -EDESTADDRREQ, -EDESTADDRREQ},
		/* what comes first */
		{"3.12.order-src-type", 0, 1, 0, 2, 0, false, -EINVAL, -EINVAL},
		{"3.12.order-type-dst", 0, BROADCAST, 0, 0, 0, false, -EINVAL, -EINVAL},
		{"3.12.order-broadcast", 0, BROADCAST, 5, 0, 1, false, -EBADMSG, -EBADMSG},
		{"3.12.order-broadcast-call", SIGNAL | CALL, BROADCAST, 0, 0, 1, true, -EINVAL,
		 -EINVAL},
		{"3.12.order-bloom-dst", SIGNAL, 0, 0, 0, 1, false, -EBADMSG, -EDESTADDRREQ},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		cmd_init(&msg, sizeof(msg.msg), cases[i].flags);
		msg.msg.dst_id = cases[i].dst == 1 ? b->id : cases[i].dst;
		msg.msg.cookie = 7;
		msg.msg.cookie_reply = cases[i].cookie_reply;
		msg.msg.src_id = cases[i].src == 1 ? a->id : cases[i].src == 2 ? b->id : 0;
		msg.msg.payload_type = cases[i].type == 1 ? KDBUS_PAYLOAD_DBUS : cases[i].type;
		if (cases[i].has_bloom)
			cmd_add(&msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 72);
		expect_eq(peer_send_msg(a, &msg), p1() ? cases[i].error_p1 : cases[i].error);
		expect_eq(peer_drain(b), cases[i].error == 0);
	}
	row("C4");
	to(b);
	msg.msg.src_id = b->id;
	expect_eq(peer_send_msg(a, &msg), -EINVAL);
}

ABI_TEST(sync_flags)
{
	struct peer *a = peer(), *b = peer();

	row("3.12.sync-without-call");
	to(b);
	expect_eq(send_with(a, KDBUS_SEND_SYNC_REPLY, -2), -EINVAL);
	msg.msg.flags = SIGNAL;
	cmd_add(&msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 72);
	expect_eq(send_with(a, KDBUS_SEND_SYNC_REPLY, -2), -EINVAL);
	expect_nothing(b);
}

ABI_TEST(cancel_fd)
{
	struct peer *a = peer(), *b = peer();
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), event = eventfd(0, EFD_CLOEXEC);
	int path = open("/", O_PATH | O_CLOEXEC), closed = dup(fd);

	close(closed);
	to(b);
	if (!p1()) {
		row("3.12.cancel-not-open");
		expect_eq(send_with(a, 0, closed), -EBADF);
		expect_eq(send_with(a, 0, -1), -EBADF);
		row("0.2.23.p2");
		expect_eq(send_with(a, 0, 12345), -EBADF);
		row("3.12.cancel-path-fd");
		expect_eq(send_with(a, 0, path), -EBADF);
	}
	row("3.12.cancel-not-pollable");
	expect_eq(send_with(a, 0, fd), -EINVAL);
	row("3.12.cancel-before-src");
	msg.msg.src_id = b->id;
	if (!p1())
		expect_eq(send_with(a, 0, closed), -EBADF);
	row("3.12.cancel-unused");
	to(b);
	expect_eq(send_with(a, 0, event), 0);
	expect_message(b, a->id, 1);
	close(fd);
	close(event);
	close(path);
}

/* rows 14 to 17: items, in order */
ABI_TEST(items)
{
	/* a page, and nothing behind it */
	char *page = mmap(NULL, 4 * MiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct peer *a = peer(), *b = peer();
	int memfd = memfd_sealed(100, ALL_SEALS);

	expect_eq(mprotect(page, 4096, PROT_READ), 0);
	row("3.12.vec-too-large");
	to(b);
	add_vec(page, 2 * MiB + 1);
	expect_eq(peer_send_msg(a, &msg), -EMSGSIZE);
	to(b);
	add_vec(NULL, 2 * MiB + 1);
	expect_eq(peer_send_msg(a, &msg), -EMSGSIZE);
	row("3.12.vec-address");
	to(b);
	add_vec((void *)(~0ULL - 4095), 8);
	expect_eq(peer_send_msg(a, &msg), -EFAULT);
	row("3.12.order-vec-routing");
	msg_init(&msg, &(struct send){.dst_id = 0xfffffff});
	add_vec((void *)(~0ULL - 4095), 8);
	expect_eq(peer_send_msg(a, &msg), -EFAULT);
	msg_init(&msg, &(struct send){.dst_id = 0xfffffff});
	add_vec((void *)8, 8);
	expect_eq(peer_send_msg(a, &msg), -ENXIO);
	row("11.14");
	to(b);
	add_vec((void *)0xffffffff81000000ULL, 8);
	expect_eq(peer_send_msg(a, &msg), -EFAULT);
	row("3.12.memfd-overflow");
	to(b);
	add_memfd(memfd, ~0ULL, 8);
	expect_eq(peer_send_msg(a, &msg), -EMSGSIZE);
	row("3.12.memfds-17");
	to(b);
	for (unsigned i = 0; i < 17; i++)
		add_memfd(memfd, 0, 8);
	expect_eq(peer_send_msg(a, &msg), -E2BIG);
	row("9.memfds");
	to(b);
	for (unsigned i = 0; i < 16; i++)
		add_memfd(memfd, 0, 8);
	expect_eq(peer_send_msg(a, &msg), 0);
	expect_eq(peer_drain(b), 1);
	row("3.12.fds-17");
	to(b);
	add_fds(memfd, 17);
	expect_eq(peer_send_msg(a, &msg), -EMFILE);
	row("3.12.bloom-multiple");
	msg_init(&msg, &(struct send){.dst_id = b->id});
	msg.msg.flags = SIGNAL;
	cmd_add(&msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 8 + 63);
	expect_eq(peer_send_msg(a, &msg), -EFAULT);
	row("3.12.bloom-size");
	msg_init(&msg, &(struct send){.dst_id = b->id});
	msg.msg.flags = SIGNAL;
	cmd_add(&msg, KDBUS_ITEM_BLOOM_FILTER, NULL, 8 + 56);
	expect_eq(peer_send_msg(a, &msg), -EDOM);
	row("3.12.dst-name-invalid");
	msg_init(&msg, &(struct send){.dst_name = "nodot"});
	expect_eq(peer_send_msg(a, &msg), -EINVAL);
	msg_init(&msg, &(struct send){.dst_name = "a.*"});
	expect_eq(peer_send_msg(a, &msg), -EINVAL);
	row("3.12.order-name-bloom");
	msg_init(&msg, &(struct send){.dst_name = "nodot"});
	msg.msg.flags = SIGNAL;
	expect_eq(peer_send_msg(a, &msg), -EINVAL);
	row("3.12.dst-name-broadcast");
	msg_init(&msg, &(struct send){.dst_name = "a.b", .dst_id = BROADCAST, .flags = SIGNAL});
	expect_eq(peer_send_msg(a, &msg), -EBADMSG);
	row("3.12.fds-broadcast");
	msg_init(&msg, &(struct send){.dst_id = BROADCAST, .flags = SIGNAL});
	add_fds(memfd, 1);
	expect_eq(peer_send_msg(a, &msg), -ENOTUNIQ);
	row("3.12.memfd-broadcast");
	msg_init(&msg, &(struct send){.dst_id = BROADCAST, .flags = SIGNAL});
	add_memfd(memfd, 0, 8);
	expect_eq(peer_send_msg(a, &msg), 0);
	row("3.12.order-items");
	to(b);
	add_fds(memfd, 17);
	for (unsigned i = 0; i < 17; i++)
		add_memfd(memfd, 0, 8);
	expect_eq(peer_send_msg(a, &msg), -EMFILE);
	to(b);
	for (unsigned i = 0; i < 17; i++)
		add_memfd(memfd, 0, 8);
	add_fds(memfd, 17);
	expect_eq(peer_send_msg(a, &msg), -E2BIG);
	row("3.12.order-items-import");
	if (!p1()) {
		to(b);
		add_memfd(12345, 0, 8);
		add_vec(page, 2 * MiB + 1);
		expect_eq(peer_send_msg(a, &msg), -EMSGSIZE);
	}
	expect_nothing(b);
	close(memfd);
}

/* row 18: import */
ABI_TEST(import)
{
	static const unsigned seals[] = {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE, F_SEAL_SEAL};
	struct peer *a = peer(), *b = peer();
	int memfd = memfd_sealed(100, ALL_SEALS), fd, pair[2], path;
	int tmp = memfd_create("unsealable", MFD_CLOEXEC);

	row("3.12.memfd-not-open");
	to(b);
	add_memfd(12345, 0, 8);
	expect_eq(peer_send_msg(a, &msg), -EBADF);
	row("3.12.memfd-path-fd");
	path = open("/", O_PATH | O_CLOEXEC);
	to(b);
	add_memfd(path, 0, 8);
	expect_eq(peer_send_msg(a, &msg), -EBADF);
	row("3.12.memfd-other-file");
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	to(b);
	add_memfd(fd, 0, 8);
	expect_eq(peer_send_msg(a, &msg), -EMEDIUMTYPE);
	close(fd);
	row("3.12.memfd-unsealed");
	expect_eq(write(tmp, "12345678", 8), 8);
	to(b);
	add_memfd(tmp, 0, 8);
	expect_eq(peer_send_msg(a, &msg), -ETXTBSY);
	row("3.12.memfd-seals");
	for (unsigned i = 0; i < N_OF(seals); i++) {
		fd = memfd_sealed(100, ALL_SEALS & ~seals[i]);
		to(b);
		add_memfd(fd, 0, 8);
		expect_eq(peer_send_msg(a, &msg), -ETXTBSY);
		close(fd);
	}
	row("C40");
	fd = memfd_sealed(8, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	to(b);
	add_memfd(fd, 0, 8);
	expect_eq(peer_send_msg(a, &msg), -ETXTBSY);
	close(fd);
	row(p1() ? "0.2.22.p1" : "0.2.22.p2");
	to(b);
	add_memfd(memfd, 93, 8);
	expect_eq(peer_send_msg(a, &msg), p1() ? -EBADF : -EFAULT);
	to(b);
	add_memfd(memfd, 92, 8);
	expect_eq(peer_send_msg(a, &msg), 0);
	expect_eq(peer_drain(b), 1);

	row("3.12.fd-not-open");
	to(b);
	add_fds(12345, 1);
	expect_eq(peer_send_msg(a, &msg), -EBADF);
	to(b);
	add_fds(-1, 1);
	expect_eq(peer_send_msg(a, &msg), -EBADF);
	row("3.12.fd-unix");
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	to(b);
	add_fds(pair[0], 1);
	expect_eq(peer_send_msg(a, &msg), -EOPNOTSUPP);
	close(pair[0]);
	close(pair[1]);
	row("3.12.fd-path");
	to(b);
	add_fds(path, 1);
	expect_eq(peer_send_msg(a, &msg), 0);
	close(peer_get(b).fds[0]);
	row("3.12.import-before-routing");
	msg_init(&msg, &(struct send){.dst_id = 0xfffffff});
	add_fds(12345, 1);
	expect_eq(peer_send_msg(a, &msg), -EBADF);
	expect_nothing(b);
	close(path);
	close(tmp);
	close(memfd);
}

ABI_TEST(connections_are_not_passed_on)
{
	struct peer *a = peer(), *b = peer();

	row("3.12.fd-kdbus");
	need(ABI_IS_FILE);
	to(b);
	add_fds(carrier->fd(a->h), 1);
	expect_eq(peer_send_msg(a, &msg), -EOPNOTSUPP);
	to(b);
	add_fds(carrier->fd(B.owner), 1);
	expect_eq(peer_send_msg(a, &msg), -EOPNOTSUPP);
	expect_nothing(b);
}

ABI_TEST(routing_errors)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *act;
	struct peer *dull = peer_flags(0);
	int fd = eventfd(0, EFD_CLOEXEC);

	row("4.3.unknown-name");
	expect_eq(peer_send_name(a, "com.example.none", 1), -ESRCH);
	row("4.3.id-and-name");
	expect_eq(peer_acquire(b, "com.example.b", 0), 0);
	expect_eq(peer_send(a, &(struct send){.dst_name = "com.example.b", .dst_id = c->id}),
		  -EREMCHG);
	expect_eq(peer_send(a, &(struct send){.dst_name = "com.example.b", .dst_id = b->id}), 0);
	row("C29");
	expect_eq(peer_send(a, &(struct send){.dst_name = "com.example.b", .dst_id = a->id}),
		  -EREMCHG);
	row("4.3.unknown-id");
	expect_eq(peer_send_to(a, 0xfffffff, 1, 0), -ENXIO);
	row("4.3.no-auto-start");
	act = peer_activator("com.example.act");
	expect_eq(peer_send(a, &(struct send){.dst_name = "com.example.act",
					      .flags = KDBUS_MSG_NO_AUTO_START}),
		  -EADDRNOTAVAIL);
	expect_eq(peer_send(a, &(struct send){.dst_name = "com.example.b",
					      .flags = KDBUS_MSG_NO_AUTO_START}),
		  0);
	row("4.3.remchg-before-no-auto-start");
	expect_eq(peer_send(a, &(struct send){.dst_name = "com.example.act",
					      .dst_id = b->id,
					      .flags = KDBUS_MSG_NO_AUTO_START}),
		  -EREMCHG);
	row("4.3.not-ordinary");
	expect_eq(peer_send_to(a, act->id, 1, 0), -ENXIO);
	row("4.3.ecomm");
	to(dull);
	add_fds(fd, 1);
	expect_eq(peer_send_msg(a, &msg), -ECOMM);
	expect_nothing(dull);
	row("4.3.efault");
	to(b);
	peer_drain(b);
	add_vec((void *)8, 8);
	expect_eq(peer_send_msg(a, &msg), -EFAULT);
	expect_nothing(b);
	row("4.3.ecomm-before-efault");
	to(dull);
	add_vec((void *)8, 8);
	add_fds(fd, 1);
	expect_eq(peer_send_msg(a, &msg), -ECOMM);
	row("C5");
	expect_eq(peer_send_to(a, a->id, 77, 0), 0);
	expect_message(a, a->id, 77);
	close(fd);
}

ABI_TEST(output_of_send)
{
	struct peer *a = peer(), *b = peer();
	struct cmd cmd;

	row("3.12.reply-output");
	to(b);
	cmd_init(&cmd, sizeof(cmd.send), 0);
	cmd.send.msg_address = (uintptr_t)&msg;
	memset(&cmd.send.reply, 0x55, sizeof(cmd.send.reply));
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &cmd), 0);
	expect_eq(cmd.send.reply.offset, a->pool_size);
	expect_eq(cmd.send.reply.msg_size, 0);
	expect_eq(cmd.send.reply.return_flags, 0);
	row("3.12.reply-untouched-on-failure");
	msg_init(&msg, &(struct send){.dst_id = 0xfffffff});
	memset(&cmd.send.reply, 0x55, sizeof(cmd.send.reply));
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &cmd), -ENXIO);
	expect_eq(cmd.send.reply.offset, 0x5555555555555555ULL);
}

/* payload */

ABI_TEST(payload_in_order)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *got;
	const struct kdbus_item *item;
	int memfd = memfd_sealed(8, ALL_SEALS);
	uint64_t base;

	row("4.1.order");
	to(b);
	add_vec("12345678", 8);
	add_vec(NULL, 5);
	add_vec("abc", 3);
	add_memfd(memfd, 4, 4);
	add_vec("de", 2);
	expect_eq(peer_send_msg(a, &msg), 0);
	close(memfd);
	got = peer_get_raw(b, &recv);
	base = ALIGN8(got->size);
	row("C41");
	item = got->items;
	expect_eq(item->type, (uint64_t)KDBUS_ITEM_PAYLOAD_OFF);
	expect_eq(item->vec.size, 8);
	row("4.2.payload-base");
	if (p1())
		expect_ge(item->vec.offset, base);
	else
		expect_eq(item->vec.offset, base);
	base = item->vec.offset;
	expect_mem((char *)got + base, 8, "12345678", 8);
	row("4.1.zero-vec");
	item = ITEM_NEXT(item);
	expect_eq(item->vec.size, 5);
	expect_eq(item->vec.offset, ~0ULL);
	item = ITEM_NEXT(item);
	row("4.1.zero-vec-keeps-alignment");
	expect_eq(item->vec.offset, base + 13);
	expect_mem((char *)got + base + 8, 8, "\0\0\0\0\0abc", 8);
	row("C39");
	item = ITEM_NEXT(item);
	expect_eq(item->type, (uint64_t)KDBUS_ITEM_PAYLOAD_MEMFD);
	expect_eq(item->memfd.start, 4);
	expect_eq(item->memfd.size, 4);
	row("4.1.memfd-installed");
	expect_ge(item->memfd.fd, 0);
	row("4.1.cloexec");
	expect_eq(fcntl(item->memfd.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(item->memfd.fd);
	row("4.1.memfd-keeps-alignment");
	item = ITEM_NEXT(item);
	expect_eq(item->vec.offset, base + 13 + 3 + 4);
	row("4.2.msg-size");
	expect_eq(recv.msg.msg_size, ALIGN8(base + 13 + 3 + 4 + 2));
}

ABI_TEST(layout_of_a_unicast)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *got;

	expect_eq(peer_acquire(b, "a.b", 0), 0);
	row("B2");
	msg_init(&msg, &(struct send){.dst_name = "a.b",
				      .cookie = 9,
				      .priority = -5,
				      .data = "0123456789abc",
				      .size = 13});
	expect_eq(msg.size, 120);
	expect_eq(peer_send_msg(a, &msg), 0);
	got = peer_get_raw(b, &recv);
	expect_eq(got->size, 120);
	expect_eq(got->src_id, a->id);
	expect_eq(got->dst_id, 0);
	expect_eq(got->items[0].type, (uint64_t)KDBUS_ITEM_DST_NAME);
	expect_eq(got->items[0].size, 20);
	expect_str(got->items[0].str, "a.b");
	expect_eq(ITEM_NEXT(got->items)->vec.size, 13);
	expect_eq(ITEM_NEXT(got->items)->vec.offset, 120);
	expect_mem((char *)got + 120, 16, "0123456789abc\0\0\0", 16);
	expect_eq(recv.msg.msg_size, 136);
	row("4.2.header-as-sent");
	expect_eq(got->cookie, 9);
	expect_eq(got->priority, -5);
	expect_eq(got->payload_type, (uint64_t)KDBUS_PAYLOAD_DBUS);
	row("4.2.no-items");
	cmd_init(&msg, sizeof(msg.msg), 0);
	msg.msg.dst_id = b->id;
	msg.msg.payload_type = KDBUS_PAYLOAD_DBUS;
	expect_eq(peer_send_msg(a, &msg), 0);
	got = peer_get_raw(b, &recv);
	expect_eq(got->size, 64);
	expect_eq(recv.msg.msg_size, 64);
}

ABI_TEST(receivers_without_descriptors)
{
	struct peer *a = peer(), *dull = peer_flags(0), *monitor = peer_monitor(), *b = peer();
	int memfd = memfd_sealed(8, ALL_SEALS);
	const struct kdbus_item *item;
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *got;

	row("4.1.memfd-without-accept");
	to(dull);
	add_memfd(memfd, 0, 8);
	expect_eq(peer_send_msg(a, &msg), 0);
	got = peer_get_raw(dull, &recv);
	expect_eq(got->items[0].memfd.fd, -1);
	row("4.1.memfd-not-incomplete");
	expect_eq(recv.msg.return_flags, 0);
	row("4.1.fds-without-accept");
	to(dull);
	add_fds(memfd, 1);
	expect_eq(peer_send_msg(a, &msg), -ECOMM);
	row("4.1.monitor-without-accept");
	peer_get_raw(monitor, &recv);
	to(b);
	add_fds(memfd, 1);
	expect_eq(peer_send_msg(a, &msg), 0);
	close(peer_get(b).fds[0]);
	for (;;) {
		got = peer_get_raw(monitor, &recv);
		if (got->dst_id == b->id)
			break;
	}
	item = items_find(got->items, MSG_END(got), KDBUS_ITEM_FDS);
	expect_eq(item->fds[0], -1);
	close(memfd);
}

ABI_TEST(descriptors)
{
	struct peer *a = peer(), *b = peer();
	int fds[2], sent;
	struct got got;
	char buffer[20];

	row("4.1.pinned");
	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	expect_eq(write(fds[1], "hello", 5), 5);
	to(b);
	add_fds(fds[0], 1);
	expect_eq(peer_send_msg(a, &msg), 0);
	sent = fds[0];
	close(fds[0]);
	got = peer_get(b);
	expect_eq(got.n_fds, 1);
	row("11.7.lowest-fd");
	expect_eq(got.fds[0], sent);
	expect_eq(read(got.fds[0], buffer, sizeof(buffer)), 5);
	row("4.1.fds-cloexec");
	expect_eq(fcntl(got.fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	row("11.7.eof");
	close(fds[1]);
	expect_eq(read(got.fds[0], buffer, sizeof(buffer)), 0);
	close(got.fds[0]);
	row("11.7.closed");
	to(b);
	add_fds(sent, 1);
	expect_eq(peer_send_msg(a, &msg), -EBADF);
	row("4.1.no-fds-until-recv");
	sent = eventfd(0, EFD_CLOEXEC);
	to(b);
	add_fds(sent, 1);
	expect_eq(peer_send_msg(a, &msg), 0);
	expect_eq(items_find(((const struct kdbus_msg *)b->pool)->items,
			     b->pool + ((const struct kdbus_msg *)b->pool)->size, KDBUS_ITEM_FDS)
			  ->fds[0],
		  -1);
	close(peer_get(b).fds[0]);
	close(sent);
}

ABI_TEST(descriptors_without_a_place)
{
	struct peer *a = peer(), *b = peer();
	int fd = eventfd(0, EFD_CLOEXEC), filler[200];
	struct rlimit limit;
	const struct kdbus_item *item;
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *got;
	size_t n = 0;

	row("C38");
	to(b);
	add_fds(fd, 3);
	expect_eq(peer_send_msg(a, &msg), 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 150;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (n < N_OF(filler) && (filler[n] = dup(fd)) >= 0)
		n++;
	expect_lt(n, N_OF(filler));
	close(filler[--n]);
	got = peer_get_raw(b, &recv);
	row("3.13.incomplete-fds");
	expect_eq(recv.msg.return_flags, (uint64_t)KDBUS_RECV_RETURN_INCOMPLETE_FDS);
	item = items_find(got->items, MSG_END(got), KDBUS_ITEM_FDS);
	expect_ge(item->fds[0], 0);
	expect_eq(item->fds[1], -1);
	expect_eq(item->fds[2], -1);
	close(item->fds[0]);
	while (n > 0)
		close(filler[--n]);
	close(fd);
}

/* routing */

ABI_TEST(broadcast)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *monitor = peer_monitor();

	peer_match_all(b);
	row("4.3.broadcast");
	expect_eq(peer_broadcast(a, 5), 0);
	expect_message(b, a->id, 5);
	expect_nothing(c);
	row("4.3.broadcast-monitor");
	expect_message(monitor, a->id, 5);
	row("4.3.broadcast-always-succeeds");
	expect_eq(peer_broadcast(c, 6), 0);
	row(p1() ? "0.2.7.p1" : "0.2.7.p2");
	expect_eq(peer_drain(b), 1);
	expect_eq(peer_broadcast(b, 7), 0);
	expect_eq(peer_drain(b), p1() ? 0 : 1);
}

ABI_TEST(broadcast_needs_permission)
{
	struct peer *a = peer(), *x = peer_uid(OTHER_UID), *y = peer_uid(OTHER_UID);
	struct peer *z = peer_uid(OTHER_UID + 1);

	peer_match_all(a);
	peer_match_all(x);
	peer_match_all(y);
	peer_match_all(z);
	row("4.3.broadcast-talk");
	expect_eq(peer_broadcast(a, 1), 0);
	expect_eq(peer_drain(x), 0);
	row("11.23.broadcast-owner-gets-all");
	peer_drain(a);
	expect_eq(peer_broadcast(x, 2), 0);
	expect_message(a, x->id, 2);
	row("11.23.broadcast-same-uid");
	expect_message(y, x->id, 2);
	row("C37");
	expect_nothing(z);
}

ABI_TEST(unicast_signal)
{
	struct peer *a = peer(), *b = peer(), *other = peer_uid(OTHER_UID), *monitor;
	struct send signal = {.flags = SIGNAL, .dst_id = b->id, .cookie = 3};

	row("C19");
	expect_eq(peer_send(a, &signal), 0);
	expect_nothing(b);
	row("4.3.signal-match");
	peer_match_all(b);
	expect_eq(peer_send(a, &signal), 0);
	expect_message(b, a->id, 3);
	row("4.3.signal-talk");
	peer_match_all(other);
	signal.dst_id = other->id;
	expect_eq(peer_send(a, &signal), 0);
	expect_nothing(other);
	row("4.3.signal-resolve");
	expect_eq(peer_send(a, &(struct send){.flags = SIGNAL, .dst_name = "a.b"}), -ESRCH);
	expect_eq(peer_send(a, &(struct send){.flags = SIGNAL, .dst_id = 0xffffff}), -ENXIO);
	row("C47");
	monitor = peer_monitor();
	struct peer *act = peer_activator("com.example.act");

	expect_eq(peer_drain(monitor), 2);
	expect_eq(peer_send(a, &(struct send){.flags = SIGNAL, .dst_name = "com.example.act"}), 0);
	expect_nothing(act);
	expect_eq(peer_drain(monitor), 1);
}

ABI_TEST(monitors)
{
	struct peer *a = peer(), *b = peer(), *other = peer_uid(OTHER_UID);
	struct peer *monitor = peer_monitor();

	row("C21");
	expect_eq(peer_send_to(a, b->id, 4, 10), 0);
	struct got got = peer_get(monitor);

	expect_eq(got.dst_id, b->id);
	expect_eq(got.cookie, 4);
	expect_eq(peer_send_to(other, b->id, 5, 10), -EPERM);
	expect_nothing(monitor);
	row("4.3.monitor-reply");
	expect_eq(peer_call(a, b->id, 6, in_ms(10000)), 0);
	expect_eq(peer_reply(b, a->id, 6), 0);
	expect_message(monitor, a->id, 6);
	expect_message(monitor, b->id, 1006);
	row("4.3.monitor-unresolved");
	expect_eq(peer_send_to(a, 0xffffff, 7, 0), -ENXIO);
	expect_nothing(monitor);
	row("4.3.monitor-of-failed-delivery");
	msg_init(&msg, &(struct send){.dst_id = b->id, .cookie = 8});
	add_vec((void *)8, 8);
	expect_eq(peer_send_msg(a, &msg), -EFAULT);
	row("11.9");
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *note;

	for (;;) {
		note = peer_get_raw(monitor, &recv);
		if (note->src_id == KDBUS_SRC_ID_KERNEL)
			break;
	}
	expect_eq(note->items[0].type, (uint64_t)KDBUS_ITEM_NAME_ADD);
}

ABI_TEST(order_of_messages)
{
	struct peer *a = peer(), *b = peer();

	row("4.4.fifo");
	for (unsigned i = 0; i < 100; i++)
		expect_eq(peer_send_to(a, b->id, i, i), 0);
	for (unsigned i = 0; i < 100; i++)
		expect_message(b, a->id, i);
}

ABI_TEST(sequence_numbers)
{
	struct peer *a = peer(), *b = peer_recv_flags(KDBUS_ATTACH_TIMESTAMP);
	const struct kdbus_item *item;
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *got;
	uint64_t last = 0;

	row("4.4.seqnum");
	peer_match_type(b, KDBUS_ITEM_NAME_ADD);
	expect_eq(peer_send_to(a, b->id, 1, 0), 0);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_send_to(a, b->id, 2, 0), 0);
	for (unsigned i = 0; i < 3; i++) {
		got = peer_get_raw(b, &recv);
		item = items_find(got->items, MSG_END(got), KDBUS_ITEM_TIMESTAMP);
		expect_gt(item->timestamp.seqnum, last);
		last = item->timestamp.seqnum;
		row("8.4.timestamp");
		expect_gt(item->timestamp.monotonic_ns, 0);
		expect_gt(item->timestamp.realtime_ns, 1000000000ULL * 1000000000);
	}
}
