/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service that was written for kdbusfs
 *
 * Nothing but the ABI, below /sys/fs/kdbus: it takes the first bus that it finds, owns
 * com.example.Native, and answers D-Bus calls.  Where there is no kdbusfs, kdbus-run makes it
 * work all the same: test-native.c, which starts it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/include/uapi/linux/kdbus.h"
#include "tests/harness/command.h"
#include "tests/harness/message.h"
#include "tests/harness/tap.h"

#define MOUNT	  "/sys/fs/kdbus"
#define NAME	  "com.example.Native"
#define POOL_SIZE (4u << 20)

/**
 * struct peer - this service
 * @fd: its connection
 * @id: on the bus
 * @pool: mapped
 * @bloom_size: of the filters on this bus
 * @serial: of the last message sent
 * @kind: of what is said at the desk of the owner, or 0
 */
struct peer {
	int fd;
	uint64_t id;
	const uint8_t *pool;
	uint64_t bloom_size;
	uint32_t serial;
	uint32_t kind;
};

/* the first bus there is */
static void find_endpoint(char path[512])
{
	DIR *dir = opendir(MOUNT);
	struct dirent *entry;
	struct stat st;

	expect(dir != NULL);
	*path = '\0';
	while ((entry = readdir(dir)))
		if (*entry->d_name >= '0' && *entry->d_name <= '9')
			snprintf(path, 512, MOUNT "/%s/bus", entry->d_name);
	closedir(dir);
	expect(*path);
	expect_eq(stat(path, &st), 0);
	expect(S_ISREG(st.st_mode));
	expect_eq(access(path, R_OK | W_OK), 0);
	expect_eq(open(MOUNT "/none/bus", O_RDWR), -1);
	expect_eq(errno, ENOENT);
}

static void peer_connect(struct peer *peer)
{
	struct kdbus_cmd_hello hello = {.size = sizeof(hello),
					.flags = KDBUS_HELLO_ACCEPT_FD,
					.attach_flags_send = _KDBUS_ATTACH_ANY,
					.attach_flags_recv = KDBUS_ATTACH_CREDS,
					.pool_size = POOL_SIZE};
	struct kdbus_cmd_free cmd_free = {.size = sizeof(cmd_free)};
	struct pollfd pollfd = {.events = POLLIN | POLLOUT};
	const struct kdbus_item *item;
	char path[512], byte;
	struct stat st;
	int fd, copy;

	find_endpoint(path);
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	expect_ge(fd, 0);
	expect_eq(fstat(fd, &st), 0);
	expect(S_ISREG(st.st_mode));
	expect_eq(ioctl(fd, KDBUS_CMD_LIST, &cmd_free), -1);
	expect_eq(errno, EBADFD);
	expect_eq(ioctl(fd, _IO('T', 1), NULL), -1);
	expect_eq(errno, ENOTTY);
	expect_eq(ioctl(fd, KDBUS_CMD_HELLO, NULL), -1);
	expect_eq(errno, EFAULT);
	pollfd.fd = fd;
	expect_eq(poll(&pollfd, 1, -1), 1);
	expect_eq(pollfd.revents, POLLERR | POLLHUP);

	/* whichever descriptor: it is one open file */
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	expect_ge(copy, 100);
	expect_eq(ioctl(fd, KDBUS_CMD_HELLO, &hello), 0);
	expect_eq(close(fd), 0);
	expect_eq(ioctl(copy, KDBUS_CMD_HELLO, &hello), -1);
	expect_eq(errno, EBADFD);
	pollfd.fd = copy;
	expect_eq(poll(&pollfd, 1, -1), 1);
	expect_eq(pollfd.revents, POLLOUT);
	expect_eq(read(copy, &byte, 1), -1);
	expect_eq(errno, EINVAL);

	peer->fd = copy;
	peer->id = hello.id;
	expect(mmap(NULL, POOL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0) == MAP_FAILED);
	expect_eq(errno, EPERM);
	peer->pool = mmap(NULL, POOL_SIZE, PROT_READ, MAP_SHARED, copy, 0);
	expect(peer->pool != MAP_FAILED);
	item = (const void *)(peer->pool + hello.offset);
	expect_eq((uint64_t)item->type, (uint64_t)KDBUS_ITEM_BLOOM_PARAMETER);
	peer->bloom_size = item->bloom_parameter.size;
	cmd_free.offset = hello.offset;
	expect_eq(ioctl(copy, KDBUS_CMD_FREE, &cmd_free), 0);
}

static void peer_acquire(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, NAME);
	expect_eq(ioctl(peer->fd, KDBUS_CMD_NAME_ACQUIRE, &cmd), 0);
	expect(cmd.cmd.return_flags & KDBUS_NAME_PRIMARY);
}

/* all signals */
static void peer_match(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.match), 0);
	cmd.match.cookie = 1;
	cmd_add_u64(&cmd, KDBUS_ITEM_ID, KDBUS_MATCH_ID_ANY);
	expect_eq(ioctl(peer->fd, KDBUS_CMD_MATCH_ADD, &cmd), 0);
}

/* sending */

/* where the payload is, and what is wrong with the message */
enum where {
	IN_MEMORY,
	IN_FILE,
	LIE_VERSION,	 /* a message of version 2 */
	LIE_SERIAL,	 /* not the cookie */
	LIE_REPLY,	 /* it answers something else than it says */
	LIE_SENDER,	 /* another sender */
	LIE_DESTINATION, /* another destination */
	LIE_SHORT,	 /* the end is missing */
	LIE_EMPTY,	 /* there is no payload */
	LIE_HUGE,	 /* the payload is a file of a terabyte */
	LIE_SIGNAL,	 /* the answer to a call is a signal */
	LIE_TYPE,	 /* the payload is not of D-Bus */
	N_LIES,
};

static const char *const lies[N_LIES] = {
	[IN_MEMORY] = "none",	 [LIE_VERSION] = "version", [LIE_SERIAL] = "serial",
	[LIE_REPLY] = "reply",	 [LIE_SENDER] = "sender",   [LIE_DESTINATION] = "destination",
	[LIE_SHORT] = "short",	 [LIE_EMPTY] = "empty",	    [LIE_HUGE] = "huge",
	[LIE_SIGNAL] = "signal", [LIE_TYPE] = "type",
};

static enum where lie_called(const char *name)
{
	for (unsigned i = 0; i < N_LIES; i++)
		if (lies[i] && !strcmp(lies[i], name))
			return i;
	fail("no lie is called %s", name);
}

/* what it does to the message */
static void lie(enum where what, struct msg *msg, struct kdbus_msg *out)
{
	if (what == LIE_SERIAL)
		out->cookie += 1000;
	else if (what == LIE_TYPE)
		out->payload_type = 4711;
	else if (what == LIE_REPLY)
		msg->reply_serial += 7;
	else if (what == LIE_SENDER)
		msg->sender = strdup("org.freedesktop.DBus");
	else if (what == LIE_DESTINATION)
		msg_to(msg, "com.example.Somebody.Else");
	else if (what == LIE_SIGNAL)
		*msg = (struct msg){.endian = msg->endian,
				    .type = MSG_SIGNAL,
				    .version = 1,
				    .serial = msg->serial,
				    .path = strdup("/"),
				    .interface = strdup("com.example.Lie"),
				    .member = strdup("Signal")};
}

/* @size: with a hole behind the bytes */
static int payload_file(const struct blob *bytes, uint64_t size)
{
	int fd = memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	expect_ge(fd, 0);
	expect_eq(ftruncate(fd, size), 0);
	expect_eq(write(fd, bytes->data, bytes->size), (ssize_t)bytes->size);
	expect_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL),
		  0);
	return fd;
}

/* @msg is taken.  @dst_id: KDBUS_DST_ID_BROADCAST for a signal; KDBUS_DST_ID_NAME: to where the
 * message says.  0 or an errno; peer->serial is the message's */
static int peer_try_send(struct peer *peer, struct msg *msg, uint64_t dst_id, enum where where)
{
	bool is_call = msg->type == MSG_CALL && !(msg->flags & MSG_NO_REPLY);
	struct cmd out;
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd), .msg_address = (uintptr_t)&out};
	struct blob bytes = {0};
	struct kdbus_item *item;
	uint64_t size;
	int fd = -1, r;

	cmd_init(&out, sizeof(out.msg), 0);
	out.msg.dst_id = dst_id;
	out.msg.payload_type = KDBUS_PAYLOAD_DBUS;
	msg->serial = ++peer->serial;
	out.msg.cookie = msg->serial | (uint64_t)peer->kind << 32;
	if (!is_call && dst_id != KDBUS_DST_ID_BROADCAST && msg->reply_serial)
		out.msg.cookie_reply = msg->reply_serial;
	if (dst_id == KDBUS_DST_ID_NAME)
		cmd_add_str(&out, KDBUS_ITEM_DST_NAME, msg->destination);
	lie(where, msg, &out.msg);
	msg_encode(msg, &bytes);
	if (where == LIE_VERSION)
		bytes.data[3] = 2;
	else if (where == LIE_SHORT)
		bytes.size--;
	if (is_call) {
		out.msg.flags = KDBUS_MSG_EXPECT_REPLY;
		out.msg.timeout_ns = 1ULL << 62;
	} else if (dst_id == KDBUS_DST_ID_BROADCAST) {
		out.msg.flags = KDBUS_MSG_SIGNAL;
		/* for everybody who wants anything at all */
		item = cmd_add(&out, KDBUS_ITEM_BLOOM_FILTER, NULL, 8 + peer->bloom_size);
		memset(item->bloom_filter.data, 0xff, peer->bloom_size);
	}
	if (where == IN_FILE || where == LIE_HUGE) {
		size = where == LIE_HUGE ? 1ULL << 40 : bytes.size;
		fd = payload_file(&bytes, size);
		item = cmd_add(&out, KDBUS_ITEM_PAYLOAD_MEMFD, NULL, sizeof(item->memfd));
		item->memfd = (struct kdbus_memfd){.size = size, .fd = fd};
	} else if (where != LIE_EMPTY) {
		item = cmd_add(&out, KDBUS_ITEM_PAYLOAD_VEC, NULL, sizeof(item->vec));
		item->vec =
			(struct kdbus_vec){.size = bytes.size, .address = (uintptr_t)bytes.data};
	}
	r = ioctl(peer->fd, KDBUS_CMD_SEND, &cmd) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	blob_free(&bytes);
	msg_free(msg);
	return r;
}

static uint32_t peer_send(struct peer *peer, struct msg *msg, uint64_t dst_id, enum where where)
{
	expect_eq(peer_try_send(peer, msg, dst_id, where), 0);
	return peer->serial;
}

/* receiving */

/* the next D-Bus message; NULL: the bus itself says something, or this peer */
static struct msg *peer_receive_any(struct peer *peer, uint64_t *src_out)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
	struct kdbus_cmd_free cmd_free = {.size = sizeof(cmd_free)};
	struct pollfd pollfd = {.fd = peer->fd, .events = POLLIN};
	const struct kdbus_item *item;
	const struct kdbus_msg *in;
	struct blob bytes = {0};
	struct msg *msg = NULL;

	while (ioctl(peer->fd, KDBUS_CMD_RECV, &cmd) < 0) {
		expect_eq(errno, EAGAIN);
		expect_eq(poll(&pollfd, 1, 10000), 1);
		expect_eq(pollfd.revents, POLLIN);
	}
	in = (const void *)(peer->pool + cmd.msg.offset);
	for (item = in->items; (const uint8_t *)item < (const uint8_t *)in + in->size;
	     item = (const void *)((const uint8_t *)item + ((item->size + 7) & ~7ULL)))
		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD)
			close(item->memfd.fd);
		else if (item->type == KDBUS_ITEM_FDS)
			for (unsigned i = 0; i < (item->size - 16) / sizeof(int); i++)
				close(item->fds[i]);
		else if (item->type == KDBUS_ITEM_PAYLOAD_OFF)
			blob_bytes(&bytes, (const uint8_t *)in + item->vec.offset, item->vec.size);
	*src_out = in->src_id;
	if (in->src_id != KDBUS_SRC_ID_KERNEL && in->src_id != peer->id) {
		expect_str(msg_parse(bytes.data, bytes.size, &msg), NULL);
		expect_eq((uint64_t)msg->serial, in->cookie & UINT32_MAX);
	}
	blob_free(&bytes);
	cmd_free.offset = cmd.msg.offset;
	expect_eq(ioctl(peer->fd, KDBUS_CMD_FREE, &cmd_free), 0);
	return msg;
}

/* the next that is not its own: a broadcast reaches its sender as well */
static struct msg *peer_receive(struct peer *peer, uint64_t *src_out)
{
	struct msg *msg;

	do {
		msg = peer_receive_any(peer, src_out);
	} while (*src_out == peer->id);
	return msg;
}

/* methods */

static void answer_echo(struct peer *peer, const struct msg *call, uint64_t src, enum where where)
{
	const char *text;

	msg_read(call, "s", &text);
	peer_send(peer, msg_append(msg_return(call), "s", text), src, where);
}

/* calls the caller back, and answers with what it says */
static void answer_call_back(struct peer *peer, const struct msg *call, uint64_t src)
{
	struct msg *reply;
	const char *text;
	uint32_t serial;
	uint64_t from;

	serial = peer_send(peer, msg_call(NULL, "/", "com.example.Native", "Who"), src, IN_MEMORY);
	reply = peer_receive(peer, &from);
	expect_eq(reply->type, MSG_RETURN);
	expect_eq(reply->reply_serial, serial);
	expect_eq(from, src);
	msg_read(reply, "s", &text);
	peer_send(peer, msg_append(msg_return(call), "s", text), src, IN_MEMORY);
	msg_free(reply);
}

/* a child answers, on what it has inherited; and its end is not the end of the connection */
static void answer_from_child(struct peer *peer, const struct msg *call, uint64_t src)
{
	int status;
	pid_t pid;

	pid = fork();
	expect_ge(pid, 0);
	if (!pid) {
		answer_echo(peer, call, src, IN_MEMORY);
		close(peer->fd);
		_exit(0);
	}
	expect_eq(waitpid(pid, &status, 0), pid);
	expect_eq(status, 0);
	peer->serial++;
}

/* "a.b.C" */
static struct msg *message_of(uint8_t type, const char *destination, const char *method)
{
	char interface[128];
	char *dot;

	snprintf(interface, sizeof(interface), "%s", method);
	dot = strrchr(interface, '.');
	*dot++ = '\0';
	return type == MSG_CALL ? msg_call(destination, "/", interface, dot)
				: msg_to(msg_signal("/", interface, dot), destination);
}

/* what came of a message: an errno, or what was answered */
static void answer_outcome(struct peer *peer, const struct msg *call, uint64_t src,
			   const char *outcome)
{
	peer_send(peer, msg_append(msg_return(call), "s", outcome), src, IN_MEMORY);
}

/* what the answer to the call that was sent last is */
static const char *await_reply(struct peer *peer)
{
	uint32_t serial = peer->serial;
	static char error[128];
	struct msg *reply;
	uint64_t from;

	do {
		reply = peer_receive(peer, &from);
		if (!reply)
			return "dead";
	} while (reply->reply_serial != serial);
	snprintf(error, sizeof(error), "%s", reply->error_name ?: "return");
	msg_free(reply);
	return error;
}

/* a call to a name */
static void answer_call(struct peer *peer, const struct msg *call, uint64_t src)
{
	const char *name, *method;
	int r;

	msg_read(call, "ss", &name, &method);
	r = peer_try_send(peer, message_of(MSG_CALL, name, method), KDBUS_DST_ID_NAME, IN_MEMORY);
	answer_outcome(peer, call, src, r ? strerrorname_np(r) : await_reply(peer));
}

/* a call to a name, about which it lies */
static void answer_lie(struct peer *peer, const struct msg *call, uint64_t src)
{
	const char *name, *what;
	struct msg *lying;
	int r;

	msg_read(call, "ss", &name, &what);
	lying = msg_append(message_of(MSG_CALL, name, "com.example.Lie.Call"), "s", what);
	r = peer_try_send(peer, lying, KDBUS_DST_ID_NAME, lie_called(what));
	if (!strcmp(what, "serial"))
		peer->serial += 1000;
	answer_outcome(peer, call, src, r ? strerrorname_np(r) : await_reply(peer));
}

/* the same of a signal to everybody */
static void answer_lie_to_all(struct peer *peer, const struct msg *call, uint64_t src)
{
	const char *name, *what;
	struct msg *lying;
	int r;

	msg_read(call, "ss", &name, &what);
	lying = msg_append(message_of(MSG_SIGNAL, NULL, "com.example.Lie.Signal"), "s", what);
	r = peer_try_send(peer, lying, KDBUS_DST_ID_BROADCAST, lie_called(what));
	answer_outcome(peer, call, src, r ? strerrorname_np(r) : "sent");
}

/* answers the call itself so */
static void answer_lying(struct peer *peer, const struct msg *call, uint64_t src)
{
	const char *what;

	msg_read(call, "s", &what);
	peer_send(peer, msg_append(msg_return(call), "s", what), src, lie_called(what));
}

/* FLOODS: each goes on until the bus says no, or so often */

enum {
	FLOOD_MAX = 20000,
	FLOOD_CONNECTIONS = 1000,
	FLOOD_SIZE = 4096,
	FLOOD_FDS = 8,
	FLOOD_FILES = 16
};

static struct msg *flood_message(uint8_t type, const char *name)
{
	static char text[FLOOD_SIZE];

	memset(text, 'x', sizeof(text) - 1);
	return msg_flags(msg_append(message_of(type, name, "com.example.Flood.Drop"), "s", text),
			 MSG_NO_REPLY);
}

static int flood_calls(struct peer *peer, const char *name)
{
	return peer_try_send(peer, flood_message(MSG_CALL, name), KDBUS_DST_ID_NAME, IN_MEMORY);
}

static int flood_expecting(struct peer *peer, const char *name)
{
	return peer_try_send(peer, message_of(MSG_CALL, name, "com.example.Flood.Drop"),
			     KDBUS_DST_ID_NAME, IN_MEMORY);
}

static int flood_signals(struct peer *peer, const char *name)
{
	return peer_try_send(peer, flood_message(MSG_SIGNAL, NULL), KDBUS_DST_ID_BROADCAST,
			     IN_MEMORY);
}

static int flood_files(struct peer *peer, const char *name)
{
	return peer_try_send(peer, flood_message(MSG_CALL, name), KDBUS_DST_ID_NAME, IN_FILE);
}

/* @items: of a message to @name that has no sense */
static int flood_items(struct peer *peer, const char *name, struct cmd *out)
{
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd), .msg_address = (uintptr_t)out};

	out->msg.cookie = ++peer->serial;
	cmd_add_str(out, KDBUS_ITEM_DST_NAME, name);
	return ioctl(peer->fd, KDBUS_CMD_SEND, &cmd) < 0 ? errno : 0;
}

static int flood_fds(struct peer *peer, const char *name)
{
	int fds[FLOOD_FDS];
	struct cmd out;

	cmd_init(&out, sizeof(out.msg), 0);
	out.msg.payload_type = KDBUS_PAYLOAD_DBUS;
	for (unsigned i = 0; i < FLOOD_FDS; i++)
		fds[i] = 1;
	cmd_add(&out, KDBUS_ITEM_FDS, fds, sizeof(fds));
	return flood_items(peer, name, &out);
}

/* memory files, which no limit of descriptors is about */
static int flood_memory_files(struct peer *peer, const char *name)
{
	const struct blob bytes = {.data = (uint8_t *)"x", .size = 1};
	struct kdbus_item *item;
	int fd = payload_file(&bytes, 1), r;
	struct cmd out;

	cmd_init(&out, sizeof(out.msg), 0);
	out.msg.payload_type = KDBUS_PAYLOAD_DBUS;
	for (unsigned i = 0; i < FLOOD_FILES; i++) {
		item = cmd_add(&out, KDBUS_ITEM_PAYLOAD_MEMFD, NULL, sizeof(item->memfd));
		item->memfd = (struct kdbus_memfd){.size = 1, .fd = fd};
	}
	r = flood_items(peer, name, &out);
	close(fd);
	return r;
}

/* THE DESK of the bus' owner, where proxies of single clients ask and report (proxy/desk.h) */

#define DESK_FLAG (1ULL << 32)

enum { DESK_ASKS = 1, DESK_SAID, DESK_HEARD, DESK_PASSED, DESK_KINDS = 12 };

static uint64_t find_desk(struct peer *peer)
{
	struct kdbus_cmd_list cmd = {.size = sizeof(cmd), .flags = KDBUS_LIST_UNIQUE};
	struct kdbus_cmd_free cmd_free = {.size = sizeof(cmd_free)};
	const struct kdbus_info *info;
	uint64_t id = 0;

	expect_eq(ioctl(peer->fd, KDBUS_CMD_LIST, &cmd), 0);
	for (uint64_t at = 0; at < cmd.list_size; at += (info->size + 7) & ~7ULL) {
		info = (const void *)(peer->pool + cmd.offset + at);
		if (info->flags & DESK_FLAG)
			id = info->id;
	}
	cmd_free.offset = cmd.offset;
	expect_eq(ioctl(peer->fd, KDBUS_CMD_FREE, &cmd_free), 0);
	expect_ge(id, 1ULL << 48);
	return id;
}

static int desk_try_send(struct peer *peer, struct msg *msg, uint32_t kind, enum where where)
{
	uint64_t id = find_desk(peer);
	int r;

	peer->kind = kind;
	r = peer_try_send(peer, msg, id, where);
	peer->kind = 0;
	return r;
}

/* all that waits for this peer is of no interest; until nothing more comes */
static void drain(struct peer *peer)
{
	struct kdbus_cmd_free cmd_free = {.size = sizeof(cmd_free)};
	struct pollfd pollfd = {.fd = peer->fd, .events = POLLIN};

	while (poll(&pollfd, 1, 200) == 1) {
		struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};

		if (ioctl(peer->fd, KDBUS_CMD_RECV, &cmd) < 0)
			continue;
		cmd_free.offset = cmd.msg.offset;
		expect_eq(ioctl(peer->fd, KDBUS_CMD_FREE, &cmd_free), 0);
	}
}

/* questions whose answers it does not read */
static int flood_desk(struct peer *peer, const char *name)
{
	int r = desk_try_send(peer,
			      msg_flags(message_of(MSG_CALL, "org.freedesktop.DBus",
						   "org.freedesktop.DBus.Debug.Stats.GetStats"),
					MSG_NO_REPLY),
			      DESK_ASKS, IN_MEMORY);

	if (r)
		drain(peer);
	return r;
}

/* all that is no question and no report */
static int flood_desk_lies(struct peer *peer, const char *name)
{
	static const char *const methods[] = {"org.freedesktop.DBus.GetStats",
					      "org.freedesktop.DBus.RequestName", "a.b.C"};

	for (uint32_t kind = 0; kind < DESK_KINDS; kind++)
		for (enum where where = 0; where < N_LIES; where++)
			for (unsigned i = 0; i < 3; i++)
				for (uint8_t type = MSG_CALL; type <= MSG_SIGNAL; type++) {
					struct msg *msg =
						message_of(type, i ? "org.freedesktop.DBus" : name,
							   methods[i]);

					if (type == MSG_RETURN || type == MSG_ERROR)
						msg->reply_serial = 0;
					desk_try_send(peer, msg_flags(msg, MSG_NO_REPLY), kind,
						      where);
				}
	drain(peer);
	return ENOTNAM;
}

/* it says that @name heard something, and that somebody else said something */
static int flood_desk_forged(struct peer *peer, const char *name)
{
	struct msg *msg = message_of(MSG_SIGNAL, name, "com.example.Forged.Heard");

	expect_eq(desk_try_send(peer, msg, DESK_HEARD, IN_MEMORY), 0);
	msg = msg_flags(message_of(MSG_CALL, "org.freedesktop.DBus", "com.example.Forged.Said"),
			MSG_NO_REPLY);
	expect_eq(desk_try_send(peer, msg, DESK_SAID, LIE_SENDER), 0);
	return ENOTNAM;
}

static int connections[FLOOD_CONNECTIONS];
static unsigned n_connections;

/* connections that do nothing; they stay until the end */
static int flood_connections(struct peer *peer, const char *name)
{
	struct kdbus_cmd_hello hello = {
		.size = sizeof(hello), .attach_flags_send = _KDBUS_ATTACH_ANY, .pool_size = 4096};
	char path[512];
	int fd;

	find_endpoint(path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	connections[n_connections++] = fd;
	return ioctl(fd, KDBUS_CMD_HELLO, &hello) < 0 ? errno : 0;
}

static const struct flood {
	const char *name;
	int (*once)(struct peer *peer, const char *name);
	unsigned n_max;
} floods[] = {
	{"calls", flood_calls, FLOOD_MAX},
	{"expecting", flood_expecting, FLOOD_MAX},
	{"signals", flood_signals, FLOOD_MAX},
	{"files", flood_files, FLOOD_MAX},
	{"fds", flood_fds, FLOOD_MAX},
	{"memory-files", flood_memory_files, FLOOD_MAX},
	{"connections", flood_connections, FLOOD_CONNECTIONS},
	{"desk", flood_desk, FLOOD_MAX},
	{"desk-lies", flood_desk_lies, 1},
	{"desk-forged", flood_desk_forged, 1},
};

static void answer_flood(struct peer *peer, const struct msg *call, uint64_t src)
{
	const struct flood *flood = floods;
	const char *name, *what;
	int r = 0;

	msg_read(call, "ss", &name, &what);
	while (strcmp(flood->name, what) != 0)
		flood++;
	for (unsigned i = 0; i < flood->n_max && !r; i++)
		r = flood->once(peer, name);
	answer_outcome(peer, call, src, r ? strerrorname_np(r) : "sent");
}

/* a signal to everybody, or to a name */
static void answer_tell(struct peer *peer, const struct msg *call, uint64_t src)
{
	const char *name, *method;
	struct msg *signal;
	int r;

	msg_read(call, "ss", &name, &method);
	signal = message_of(MSG_SIGNAL, *name ? name : NULL, method);
	r = peer_try_send(peer, signal, *name ? KDBUS_DST_ID_NAME : KDBUS_DST_ID_BROADCAST,
			  IN_MEMORY);
	answer_outcome(peer, call, src, r ? strerrorname_np(r) : "sent");
}

/* false: it is to end */
static bool serve(struct peer *peer)
{
	struct msg *heard, *call;
	bool goes_on = true;
	uint64_t src, from;
	const char *text;

	call = peer_receive(peer, &src);
	/* all that is no call is for others */
	if (!call || call->type != MSG_CALL) {
		msg_free(call);
		return true;
	}
	if (!strcmp(call->member, "Echo")) {
		answer_echo(peer, call, src, IN_MEMORY);
	} else if (!strcmp(call->member, "EchoInFile")) {
		answer_echo(peer, call, src, IN_FILE);
	} else if (!strcmp(call->member, "EchoFromChild")) {
		answer_from_child(peer, call, src);
	} else if (!strcmp(call->member, "CallBack")) {
		answer_call_back(peer, call, src);
	} else if (!strcmp(call->member, "Signal")) {
		msg_read(call, "s", &text);
		peer_send(peer,
			  msg_append(msg_signal("/", "com.example.Native", "Said"), "s", text),
			  KDBUS_DST_ID_BROADCAST, IN_MEMORY);
		peer_send(peer, msg_return(call), src, IN_MEMORY);
	} else if (!strcmp(call->member, "Call")) {
		answer_call(peer, call, src);
	} else if (!strcmp(call->member, "Tell")) {
		answer_tell(peer, call, src);
	} else if (!strcmp(call->member, "Lie")) {
		answer_lie(peer, call, src);
	} else if (!strcmp(call->member, "LieToAll")) {
		answer_lie_to_all(peer, call, src);
	} else if (!strcmp(call->member, "AnswerLying")) {
		answer_lying(peer, call, src);
	} else if (!strcmp(call->member, "Flood")) {
		answer_flood(peer, call, src);
	} else if (!strcmp(call->member, "Hear")) {
		/* the next signal, which the caller sends behind this call */
		heard = peer_receive(peer, &from);
		expect_eq(heard->type, MSG_SIGNAL);
		expect_eq(from, src);
		peer_send(peer, msg_append(msg_return(call), "s", heard->member), src, IN_MEMORY);
		msg_free(heard);
	} else {
		expect_str(call->member, "Quit");
		peer_send(peer, msg_return(call), src, IN_MEMORY);
		goes_on = false;
	}
	msg_free(call);
	return goes_on;
}

TEST_TIMEOUT(serves, 60)
{
	struct peer peer = {0};
	struct kdbus_cmd cmd = {.size = sizeof(cmd)};

	peer_connect(&peer);
	peer_match(&peer);
	peer_acquire(&peer);
	while (serve(&peer))
		;
	expect_eq(ioctl(peer.fd, KDBUS_CMD_BYEBYE, &cmd), 0);
	expect_eq(ioctl(peer.fd, KDBUS_CMD_BYEBYE, &cmd), -1);
	expect_eq(errno, ECONNRESET);
	while (n_connections)
		close(connections[--n_connections]);
	munmap((void *)peer.pool, POOL_SIZE);
	close(peer.fd);
}
