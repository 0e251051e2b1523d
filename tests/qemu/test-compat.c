/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program of 32 bits on a kernel of 64: all of the interface has one layout
 *
 * No C library of that kind need be there: system calls by int 0x80, and an exit status
 * that says which step failed.  A bus is made on the domain in /tmp/p2, and a message sent
 * and received.
 */
#include <linux/kdbus.h>

#define SYS_exit     1
#define SYS_open     5
#define SYS_ioctl    54
#define SYS_mmap     90
#define SYS_stat     106
#define SYS_getdents 141

#define O_RDWR	   2
#define PROT_READ  1
#define MAP_SHARED 1

#define POOL_SIZE (1 << 20)

_Static_assert(sizeof(void *) == 4, "to be built with -m32");
_Static_assert(sizeof(struct kdbus_cmd_hello) == 96 && __alignof__(struct kdbus_item) == 8,
	       "as with 64 bits");

static long call(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

static void done(int status)
{
	for (;;)
		call(SYS_exit, status, 0, 0);
}

static void command(long fd, unsigned long nr, void *cmd, int step)
{
	if (call(SYS_ioctl, fd, (long)nr, (long)cmd) != 0)
		done(step);
}

/* all numbers there are of 32 bits, too */
static void look(const char *path, int step)
{
	static char buffer[4096];
	long fd;

	if (call(SYS_stat, (long)path, (long)buffer, 0) != 0)
		done(step);
	fd = call(SYS_open, (long)path, 0, 0);
	if (call(SYS_getdents, fd, (long)buffer, sizeof(buffer)) <= 0)
		done(step + 1);
}

static struct {
	struct kdbus_cmd cmd;
	struct {
		__u64 size, type, data[2];
	} bloom, name;
} make = {
	.cmd = {.size = sizeof(make), .flags = KDBUS_MAKE_ACCESS_WORLD},
	.bloom = {32, KDBUS_ITEM_BLOOM_PARAMETER, {64, 1}},
	/* "0-compat" */
	.name = {16 + 9, KDBUS_ITEM_MAKE_NAME, {0x7461706d6f632d30ULL, 0}},
};

static struct kdbus_cmd_hello hello = {.size = sizeof(hello), .pool_size = POOL_SIZE};

static const char text[8] = "thirty2";

static struct {
	struct kdbus_msg msg;
	struct {
		__u64 size, type;
		struct kdbus_vec vec;
	} item;
} message = {
	.msg = {.size = sizeof(message), .payload_type = KDBUS_PAYLOAD_DBUS, .cookie = 32},
	.item = {32, KDBUS_ITEM_PAYLOAD_VEC, {.size = sizeof(text)}},
};

static struct kdbus_cmd_send send = {.size = sizeof(send)};
static struct kdbus_cmd_recv recv = {.size = sizeof(recv)};

void _start(void)
{
	long map[] = {0, POOL_SIZE, PROT_READ, MAP_SHARED, 0, 0};
	const struct kdbus_msg *got;
	long owner, peer, pool;
	const char *bytes;

	owner = call(SYS_open, (long)"/tmp/p2/control", O_RDWR, 0);
	if (owner < 0)
		done(2);
	command(owner, KDBUS_CMD_BUS_MAKE, &make, 3);
	look("/tmp/p2", 20);
	look("/tmp/p2/0-compat", 22);
	peer = call(SYS_open, (long)"/tmp/p2/0-compat/bus", O_RDWR, 0);
	if (peer < 0)
		done(4);
	command(peer, KDBUS_CMD_HELLO, &hello, 5);
	map[4] = peer;
	pool = call(SYS_mmap, (long)map, 0, 0);
	if (pool > -4096 && pool < 0)
		done(6);
	message.msg.dst_id = hello.id;
	message.item.vec.address = (unsigned long)text;
	send.msg_address = (unsigned long)&message;
	command(peer, KDBUS_CMD_SEND, &send, 7);
	command(peer, KDBUS_CMD_RECV, &recv, 8);
	got = (const struct kdbus_msg *)(pool + (unsigned long)recv.msg.offset);
	if (got->cookie != 32 || got->src_id != hello.id)
		done(9);
	bytes = (const char *)got + got->items[0].vec.offset;
	for (unsigned int i = 0; i < sizeof(text); i++)
		if (bytes[i] != text[i])
			done(10);
	done(0);
}
