/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands and items of kdbus, on a strict bus with real pools.
 *
 * The bytes are a program: each step chooses a handle and a command and says how to
 * fill its struct.  Most of what comes out is well-formed with a flaw here and
 * there, as plain bytes would hardly ever get past the size of the first item.
 * What a successful command answers is checked: it lies within the pool, and its
 * records and items can be walked.  Allocations fail where the program says so.  At
 * the end no object and no descriptor is left.
 *
 * Beside the handles there is a direct connection, so that messages pass between both
 * kinds.
 *
 * An input that begins with 0xff is a slice for the parser of received messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/core/connection.h"
#include "kernel/core/delivery.h"
#include "kernel/core/handle.h"
#include "kernel/embedded/host.h"
#include "kernel/embedded/payload.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "kernel/engine/engine-items.h"
#include "kernel/engine/engine-message.h"
#include "tests/fuzz/fuzz.h"

#define POOL_SIZE (1024u * 1024)
#define N_STEPS	  128
#define N(array)  (sizeof(array) / sizeof((array)[0]))

/* the input */

static const uint8_t *input;
static size_t input_left;

static uint8_t take(void)
{
	if (!input_left)
		return 0;
	input_left--;
	return *input++;
}

static unsigned take_below(unsigned n)
{
	return take() % n;
}

/* a number that means something to somebody */
static uint64_t take_value(void)
{
	static const uint64_t values[] = {
		UINT64_MAX, POOL_SIZE, 4096, UINT32_MAX, UINT64_C(1) << 62, 2 * 1024 * 1024,
		2 * 1024 * 1024 + 1, 65536, INT64_MAX, UINT64_C(1) << 32, 32768, 63, 64, 255, 256,
	};
	uint8_t byte = take();

	return byte < 0xf0 ? byte : values[byte % N(values)];
}

/* mostly some of those that are allowed */
static uint64_t take_flags(uint64_t allowed)
{
	uint8_t byte = take();

	if (byte < 0xe0)
		return byte & allowed;
	if (byte < 0xf0)
		return (byte & allowed) | KDBUS_FLAG_NEGOTIATE;
	return byte < 0xf8 ? byte : UINT64_C(1) << 40;
}

/* what there is to refer to */

static int fds[8];
static char uid_names[3][32];
static unsigned char payload_bytes[8192];

static int take_fd(void)
{
	uint8_t byte = take();

	return fds[byte < 0xe0 ? byte % 4 : byte % N(fds)];
}

static const char *take_name(void)
{
	static char longest[300];
	static const char *const names[] = {
		"org.example.A", "org.example.B", "a.b", "org.example.*", "", "a", "a..b", ".a",
		"a.b.", "1.2", "a-b.c_d", "-x", "x\xff",
	};
	uint8_t byte = take();
	unsigned n = byte < 0xc0 ? byte % 4 : byte % (N(names) + N(uid_names) + 1);

	if (n < N(names))
		return names[n];
	n -= N(names);
	if (n < N(uid_names))
		return uid_names[n];
	n = 200 + take_below(90);
	memset(longest, 'a', n);
	longest[1] = '.';
	longest[n] = '\0';
	return longest;
}

static void open_fds(void)
{
	int pair[2], flags;

	snprintf(uid_names[0], sizeof(uid_names[0]), "%u-fuzz", (unsigned)geteuid());
	snprintf(uid_names[1], sizeof(uid_names[1]), "%u-other", (unsigned)geteuid());
	snprintf(uid_names[2], sizeof(uid_names[2]), "%u-fuzz", (unsigned)geteuid() + 1);
	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[1] = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fuzz_expect(ftruncate(fds[1], 10000) == 0);
	flags = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	fuzz_expect(fcntl(fds[1], F_ADD_SEALS, flags) == 0);
	fds[2] = open("/", O_PATH | O_CLOEXEC);
	fds[3] = fcntl(fds[1], F_DUPFD_CLOEXEC, 0);
	fuzz_expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	fds[4] = pair[0];
	close(pair[1]);
	fds[5] = memfd_create("not sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fds[6] = -1;
	fds[7] = 12345;
}

static int lowest_free_fd(void)
{
	int fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);

	fuzz_expect(fd >= 0);
	close(fd);
	return fd;
}

/* structs with items */

static uint64_t cmd_space[5000], msg_space[5000];

static const uint64_t item_types[] = {
	KDBUS_ITEM_NEGOTIATE,	    KDBUS_ITEM_PAYLOAD_VEC,	  KDBUS_ITEM_PAYLOAD_OFF,
	KDBUS_ITEM_PAYLOAD_MEMFD,   KDBUS_ITEM_FDS,		  KDBUS_ITEM_CANCEL_FD,
	KDBUS_ITEM_BLOOM_PARAMETER, KDBUS_ITEM_BLOOM_FILTER,	  KDBUS_ITEM_BLOOM_MASK,
	KDBUS_ITEM_DST_NAME,	    KDBUS_ITEM_MAKE_NAME,	  KDBUS_ITEM_ATTACH_FLAGS_SEND,
	KDBUS_ITEM_ATTACH_FLAGS_RECV, KDBUS_ITEM_ID,		  KDBUS_ITEM_NAME,
	KDBUS_ITEM_DST_ID,	    KDBUS_ITEM_TIMESTAMP,	  KDBUS_ITEM_CREDS,
	KDBUS_ITEM_PIDS,	    KDBUS_ITEM_AUXGROUPS,	  KDBUS_ITEM_OWNED_NAME,
	KDBUS_ITEM_TID_COMM,	    KDBUS_ITEM_PID_COMM,	  KDBUS_ITEM_EXE,
	KDBUS_ITEM_CMDLINE,	    KDBUS_ITEM_CGROUP,		  KDBUS_ITEM_CAPS,
	KDBUS_ITEM_SECLABEL,	    KDBUS_ITEM_AUDIT,		  KDBUS_ITEM_CONN_DESCRIPTION,
	KDBUS_ITEM_POLICY_ACCESS,   KDBUS_ITEM_NAME_ADD,	  KDBUS_ITEM_NAME_REMOVE,
	KDBUS_ITEM_NAME_CHANGE,	    KDBUS_ITEM_ID_ADD,		  KDBUS_ITEM_ID_REMOVE,
	KDBUS_ITEM_REPLY_TIMEOUT,   KDBUS_ITEM_REPLY_DEAD,	  0,
	0x1234,
};

/* @n numbers */
static size_t fill_values(uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		words[i] = take_value();
	return n * sizeof(*words);
}

static size_t fill_name(char *str)
{
	return strlen(strcpy(str, take_name())) + 1;
}

/* payload as items of that type have it; its size, at most 1100 */
static size_t fill_payload(uint64_t type, uint64_t *words)
{
	size_t size, n;

	switch (type) {
	case KDBUS_ITEM_NEGOTIATE:
		n = take_below(4);
		for (size_t i = 0; i < n; i++)
			words[i] = item_types[take_below(N(item_types))];
		return n * sizeof(*words);
	case KDBUS_ITEM_PAYLOAD_VEC:
	case KDBUS_ITEM_PAYLOAD_OFF:
		words[0] = take_value();
		n = take_below(8);
		words[1] = n == 0 ? 0 : n == 1 ? 8 : (uintptr_t)payload_bytes + n;
		return 16;
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		fill_values(words, 2);
		words[2] = take() < 0xe0 ? (uint32_t)fds[1] : (uint32_t)take_fd();
		return 24;
	case KDBUS_ITEM_FDS:
		n = take();
		n = n < 0xe0 ? n % 4 : n % 20;
		for (size_t i = 0; i < n; i++)
			((int *)words)[i] = take_fd();
		return n * sizeof(int);
	case KDBUS_ITEM_CANCEL_FD:
		*(int *)words = take_fd();
		return sizeof(int);
	case KDBUS_ITEM_BLOOM_PARAMETER:
		return fill_values(words, 2);
	case KDBUS_ITEM_BLOOM_FILTER:
		words[0] = take_below(4);
		size = take() ? 64 : take();
		memset(words + 1, take(), size);
		return 8 + size;
	case KDBUS_ITEM_BLOOM_MASK:
		size = 64 * take_below(4);
		memset(words, take(), size);
		return size;
	case KDBUS_ITEM_ATTACH_FLAGS_SEND:
	case KDBUS_ITEM_ATTACH_FLAGS_RECV:
		words[0] = take_below(8) ? take() << 6 : UINT64_MAX;
		return 8;
	case KDBUS_ITEM_ID:
	case KDBUS_ITEM_DST_ID:
		return fill_values(words, 1);
	case KDBUS_ITEM_TIMESTAMP:
	case KDBUS_ITEM_PIDS:
		return fill_values(words, 3);
	case KDBUS_ITEM_CREDS:
		return fill_values(words, 8);
	case KDBUS_ITEM_AUXGROUPS:
		return fill_values(words, take_below(5));
	case KDBUS_ITEM_AUDIT:
		return fill_values(words, 1);
	case KDBUS_ITEM_CAPS:
		memset(words, 0, 40);
		*(uint32_t *)words = take();
		return 36;
	case KDBUS_ITEM_POLICY_ACCESS:
		words[0] = take_below(5);
		words[1] = take_below(4);
		words[2] = take_value();
		return 24;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		fill_values(words, 4);
		return take_below(2) ? 32 : 32 + fill_name((char *)(words + 4));
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		return fill_values(words, 2);
	case KDBUS_ITEM_REPLY_TIMEOUT:
	case KDBUS_ITEM_REPLY_DEAD:
		return 0;
	default:
		return fill_name((char *)words);
	}
}

static void flaw_payload(uint64_t *words, size_t *size)
{
	switch (take_below(4)) {
	case 0:
		*size += take_below(9);
		break;
	case 1:
		*size -= *size ? 1 : 0;
		break;
	case 2:
		*size = take();
		for (size_t i = 0; i < *size; i++)
			((uint8_t *)words)[i] = take();
		break;
	default:
		*size = take() * 100;
		break;
	}
}

/* a struct of @fixed bytes with fields and items; @flags, @first: what suits it; where it is */
static void *fill_struct(uint64_t *space, size_t fixed, uint64_t flags, const uint64_t *first,
			 size_t n_first)
{
	static uint64_t words[4096];
	struct engine_items items;
	unsigned n = take(), flaw = take();
	uint64_t type;
	size_t size;

	n = n < 0xe0 && n_first ? n % 4 : n < 0xf0 ? 0 : 2 * (n - 0xf0);
	engine_items_init(&items, space, fixed, 5000 * sizeof(*space));
	space[1] = take_flags(flags);
	fill_values(space + 3, fixed / 8 - 3);
	while (n--) {
		memset(words, 0, sizeof(words));
		type = n_first && take() < 0xe0 ? first[take_below(n_first)]
						: item_types[take_below(N(item_types))];
		size = fill_payload(type, words);
		if (flaw == 1)
			flaw_payload(words, &size);
		engine_items_add(&items, type, words, size);
	}
	if (flaw == 2)
		space[0] -= take_below(17);
	if (flaw == 3)
		space[0] = take_value();
	if (flaw == 4)
		space[fixed / 8] = take_value();
	if (flaw == 5)
		return (char *)space + 1;
	return flaw == 6 ? (void *)16 : space;
}

/* commands */

static const uint64_t make_items[] = {KDBUS_ITEM_MAKE_NAME, KDBUS_ITEM_BLOOM_PARAMETER,
				      KDBUS_ITEM_ATTACH_FLAGS_SEND};
static const uint64_t hello_items[] = {KDBUS_ITEM_NAME,	    KDBUS_ITEM_CREDS,
				       KDBUS_ITEM_PIDS,	    KDBUS_ITEM_SECLABEL,
				       KDBUS_ITEM_AUXGROUPS, KDBUS_ITEM_CONN_DESCRIPTION,
				       KDBUS_ITEM_POLICY_ACCESS};
static const uint64_t update_items[] = {KDBUS_ITEM_ATTACH_FLAGS_SEND, KDBUS_ITEM_ATTACH_FLAGS_RECV,
					KDBUS_ITEM_NAME, KDBUS_ITEM_POLICY_ACCESS};
static const uint64_t name_items[] = {KDBUS_ITEM_NAME};
static const uint64_t send_items[] = {KDBUS_ITEM_CANCEL_FD};
static const uint64_t match_items[] = {KDBUS_ITEM_BLOOM_MASK, KDBUS_ITEM_NAME,
				       KDBUS_ITEM_ID,	      KDBUS_ITEM_DST_ID,
				       KDBUS_ITEM_NAME_ADD,   KDBUS_ITEM_NAME_REMOVE,
				       KDBUS_ITEM_NAME_CHANGE, KDBUS_ITEM_ID_ADD,
				       KDBUS_ITEM_ID_REMOVE};
static const uint64_t msg_items[] = {KDBUS_ITEM_PAYLOAD_VEC, KDBUS_ITEM_PAYLOAD_VEC,
				     KDBUS_ITEM_PAYLOAD_MEMFD, KDBUS_ITEM_FDS,
				     KDBUS_ITEM_BLOOM_FILTER, KDBUS_ITEM_DST_NAME};

static const struct command {
	unsigned long nr;
	size_t fixed;
	uint64_t flags;
	const uint64_t *items;
	size_t n_items;
} commands[] = {
	{KDBUS_CMD_BUS_MAKE, sizeof(struct kdbus_cmd), 3, make_items, N(make_items)},
	{KDBUS_CMD_ENDPOINT_MAKE, sizeof(struct kdbus_cmd), 3, make_items, 1},
	{KDBUS_CMD_ENDPOINT_UPDATE, sizeof(struct kdbus_cmd), 0, update_items + 2, 2},
	{KDBUS_CMD_HELLO, sizeof(struct kdbus_cmd_hello), 15, hello_items, N(hello_items)},
	{KDBUS_CMD_UPDATE, sizeof(struct kdbus_cmd), 0, update_items, N(update_items)},
	{KDBUS_CMD_BYEBYE, sizeof(struct kdbus_cmd), 0, NULL, 0},
	{KDBUS_CMD_FREE, sizeof(struct kdbus_cmd_free), 0, NULL, 0},
	{KDBUS_CMD_CONN_INFO, sizeof(struct kdbus_cmd_info), 0, name_items, 1},
	{KDBUS_CMD_BUS_CREATOR_INFO, sizeof(struct kdbus_cmd_info), 0, NULL, 0},
	{KDBUS_CMD_LIST, sizeof(struct kdbus_cmd_list), 15, NULL, 0},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), 0, send_items, 1},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), 0, NULL, 0},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), 0, NULL, 0},
	{KDBUS_CMD_RECV, sizeof(struct kdbus_cmd_recv), 7, NULL, 0},
	{KDBUS_CMD_RECV, sizeof(struct kdbus_cmd_recv), 7, NULL, 0},
	{KDBUS_CMD_NAME_ACQUIRE, sizeof(struct kdbus_cmd), 7, name_items, 1},
	{KDBUS_CMD_NAME_RELEASE, sizeof(struct kdbus_cmd), 0, name_items, 1},
	{KDBUS_CMD_MATCH_ADD, sizeof(struct kdbus_cmd_match), 1, match_items, N(match_items)},
	{KDBUS_CMD_MATCH_REMOVE, sizeof(struct kdbus_cmd_match), 0, NULL, 0},
	{0x12345678, sizeof(struct kdbus_cmd), 0, NULL, 0},
};

/* handles */

static struct kdbus_embedded *embedded;

/**
 * struct node - a handle and where it is
 * @path: what to open; NULL: the endpoint of the bus
 * @is_stranger: opened by another user
 * @handle: NULL if it could not be opened
 */
static struct node {
	const char *path;
	bool is_stranger;
	struct kdbus_embedded_handle *handle;
} nodes[] = {{"control"}, {NULL}, {NULL}, {NULL, true}, {NULL}, {"control"}};

static void node_open(struct node *node)
{
	static const uint32_t groups[] = {7, 8};
	static const struct kdbus_embedded_cred stranger = {
		.uid = 77, .euid = 77, .gid = 7, .egid = 7, .n_groups = 2, .groups = groups,
	};
	char path[64];

	snprintf(path, sizeof(path), "%s/bus", uid_names[0]);
	node->handle = NULL;
	if (kdbus_embedded_open(embedded, node->path ?: path, node->is_stranger ? &stranger : NULL,
				&node->handle) < 0)
		node->handle = NULL;
}

static void node_close(struct node *node)
{
	node->handle = kdbus_embedded_close(node->handle);
}

static void node_hello(struct node *node)
{
	struct kdbus_cmd_hello hello = {
		.size = sizeof(hello),
		.flags = KDBUS_HELLO_ACCEPT_FD,
		.attach_flags_send = _KDBUS_ATTACH_ALL,
		.attach_flags_recv = _KDBUS_ATTACH_ALL,
		.pool_size = POOL_SIZE,
	};

	fuzz_expect(kdbus_embedded_command(node->handle, KDBUS_CMD_HELLO, &hello) == 0);
}

static void bus_make(struct node *node)
{
	struct kdbus_bloom_parameter bloom = { .size = 64, .n_hash = 1 };
	struct kdbus_cmd *cmd = (void *)cmd_space;
	struct engine_items items;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(cmd_space));
	cmd->flags = KDBUS_MAKE_ACCESS_WORLD;
	engine_items_add(&items, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	engine_items_add(&items, KDBUS_ITEM_MAKE_NAME, uid_names[0], strlen(uid_names[0]) + 1);
	fuzz_expect(kdbus_embedded_command(node->handle, KDBUS_CMD_BUS_MAKE, cmd) == 0);
}

/* a direct connection */

static struct direct {
	struct embedded_caller caller;
	struct kdbus_conn *conn;
} direct;

static void direct_candidates(void *userdata, struct kdbus_bus *bus,
			      const struct kdbus_message *msg, struct kdbus_candidates *candidates)
{
	if (direct.conn && direct.conn->bus == bus)
		kdbus_candidates_add(candidates, direct.conn, 1);
}

static void direct_open(void)
{
	struct kdbus_cmd_hello hello = {
		.size = sizeof(hello),
		.flags = KDBUS_HELLO_ACCEPT_FD,
		.pool_size = POOL_SIZE,
	};
	struct kdbus_bus *bus = nodes[0].handle ? kdbus_embedded_bus(nodes[0].handle) : NULL;

	direct.caller = (struct embedded_caller){
		.embedded = embedded,
		.cred = embedded_self_cred(embedded),
		.is_direct = true,
	};
	if (!bus || kdbus_cmd_hello(bus->default_ep, &direct.caller, direct.caller.cred,
				    KDBUS_CONN_DIRECT | KDBUS_CONN_INDEXED, &hello,
				    &direct.conn) < 0)
		direct.conn = NULL;
}

static void direct_close(void)
{
	if (!direct.conn)
		return;
	kdbus_conn_disconnect(direct.conn);
	direct.conn = kdbus_conn_free(direct.conn);
}

static void direct_payload_release(struct engine_payload *bytes)
{
}

static void direct_send(void)
{
	static const u64 bloom[8] = {1, 2, 3};
	static struct engine_payload bytes = {
		.refcount = 1,
		.data = payload_bytes,
		.fds = fds,
		.release = direct_payload_release,
	};
	uint8_t dst = take(), byte;
	struct kdbus_message msg = {
		.flags = take() & 7,
		.dst_id = dst < 0xa0 ? dst % 7 : KDBUS_DST_ID_BROADCAST,
		.payload_type = KDBUS_PAYLOAD_DBUS,
		.cookie = take_value(),
		.cookie_reply = take_below(4),
		.payload = embedded_payload(&bytes),
	};
	int r;

	byte = take();
	if (byte & 1) {
		msg.dst_name = take_name();
		msg.dst_name_len = strlen(msg.dst_name);
	}
	if (!!(byte & 2) == !!(msg.flags & KDBUS_MSG_SIGNAL))
		msg.bloom = bloom;
	bytes.n_fds = byte & 4 ? 2 : 0;
	bytes.size = take();
	msg.n_fds = bytes.n_fds;
	msg.payload_size = bytes.size;
	r = kdbus_conn_send(direct.conn, &msg);
	fuzz_expect(r <= 0 && r > -4096);
}

static void direct_recv(void)
{
	struct kdbus_queue_entry *entry;

	if (kdbus_conn_recv(direct.conn, &entry) < 0)
		return;
	fuzz_expect(entry->src_id || !entry->payload);
	kdbus_queue_entry_free(kdbus_conn_host(direct.conn), entry);
}

static void direct_list(void)
{
	struct kdbus_cmd_list list = { .size = sizeof(list), .flags = take() & 15 };
	struct kdbus_cmd_free free = { .size = sizeof(free) };

	if (kdbus_conn_command(direct.conn, KDBUS_CMD_LIST, &list) < 0)
		return;
	if (list.list_size)
		fuzz_expect(kdbus_conn_result(direct.conn, list.offset));
	free.offset = list.offset;
	if (take() < 0xf0)
		fuzz_expect(kdbus_conn_command(direct.conn, KDBUS_CMD_FREE, &free) == 0);
}

static void step_direct(void)
{
	if (!direct.conn) {
		direct_open();
		return;
	}
	switch (take_below(8)) {
	case 0:
		direct_close();
		break;
	case 1:
		direct_list();
		break;
	case 2:
	case 3:
		direct_recv();
		break;
	default:
		direct_send();
		break;
	}
}

/* answers */

static void node_free(struct node *node, uint64_t offset)
{
	struct kdbus_cmd_free cmd = { .size = sizeof(cmd), .offset = offset };
	int r = kdbus_embedded_command(node->handle, KDBUS_CMD_FREE, &cmd);

	/* a policy holder may ask, but not give back */
	fuzz_expect(r == 0 || r == -EOPNOTSUPP);
}

/* where a slice is; NULL for the one that is none */
static const void *node_slice(struct node *node, uint64_t offset, uint64_t size)
{
	const void *pool;
	size_t pool_size;

	fuzz_expect(kdbus_embedded_pool(node->handle, &pool, &pool_size) == 0);
	if (offset == pool_size) {
		fuzz_expect(size == 0);
		return NULL;
	}
	fuzz_expect(offset % 8 == 0 && offset < pool_size && size <= pool_size - offset);
	return (const char *)pool + offset;
}

static void expect_items(const void *base, size_t at, size_t end)
{
	struct engine_item item;

	while (engine_items_next(base, end, &at, &item))
		continue;
	fuzz_expect(at >= end && at < end + 8);
}

static void expect_records(struct node *node, uint64_t offset, uint64_t size)
{
	const char *slice = node_slice(node, offset, size);
	const struct kdbus_info *info;

	for (uint64_t at = 0; at < size; at += info->size) {
		info = (const void *)(slice + at);
		fuzz_expect(size - at >= sizeof(*info) && info->size >= sizeof(*info));
		fuzz_expect(info->size <= size - at && info->size % 8 == 0);
		expect_items(info, sizeof(*info), info->size);
	}
}

static void expect_message(struct node *node, const struct kdbus_msg_info *info)
{
	const struct kdbus_msg *msg = node_slice(node, info->offset, info->msg_size);
	struct engine_received received;

	if (!msg)
		return;
	expect_items(msg, sizeof(*msg), msg->size);
	fuzz_expect(engine_message_parse(msg, info->msg_size, &received) == 0);
	engine_message_release(&received);
}

static void check_answer(struct node *node, unsigned long nr)
{
	const struct kdbus_cmd_hello *hello = (void *)cmd_space;
	const struct kdbus_cmd_info *info = (void *)cmd_space;
	const struct kdbus_cmd_list *list = (void *)cmd_space;
	const struct kdbus_cmd_recv *recv = (void *)cmd_space;
	bool keep = take() == 0xff;

	switch (nr) {
	case KDBUS_CMD_HELLO:
		expect_items(node_slice(node, hello->offset, hello->items_size), 0,
			     hello->items_size);
		if (!keep)
			node_free(node, hello->offset);
		break;
	case KDBUS_CMD_LIST:
		expect_records(node, list->offset, list->list_size);
		if (!keep)
			node_free(node, list->offset);
		break;
	case KDBUS_CMD_CONN_INFO:
	case KDBUS_CMD_BUS_CREATOR_INFO:
		expect_records(node, info->offset, info->info_size);
		if (!keep)
			node_free(node, info->offset);
		break;
	case KDBUS_CMD_RECV:
		expect_message(node, &recv->msg);
		if (!keep)
			node_free(node, recv->msg.offset);
		break;
	}
}

/* the program */

static void fill_message(struct kdbus_cmd_send *cmd)
{
	struct kdbus_msg *msg = (void *)msg_space;
	uint8_t byte;
	void *address;

	address = fill_struct(msg_space, sizeof(*msg), 7, msg_items, N(msg_items));
	if (cmd->msg_address < 0xf0)
		cmd->msg_address = (uintptr_t)address;
	/* ids of the bus begin with its own, those of connections follow */
	byte = take();
	if (byte < 0xa0)
		msg->dst_id = byte % 7;
	else if (byte < 0xe0)
		msg->dst_id = KDBUS_DST_ID_BROADCAST;
	if (take() < 0xf0) {
		msg->src_id = 0;
		msg->payload_type = KDBUS_PAYLOAD_DBUS;
	}
	byte = take();
	if (byte < 0xf0)
		msg->cookie_reply = byte % 4;
}

static void fill_hello(struct kdbus_cmd_hello *cmd)
{
	if (take() < 0xf0)
		cmd->pool_size = POOL_SIZE;
	if (take() < 0xf0) {
		cmd->attach_flags_send = _KDBUS_ATTACH_ALL;
		cmd->attach_flags_recv = take();
	}
}

static void step(void)
{
	unsigned i = take_below(N(nodes) + 1), what;
	struct node *node = &nodes[i];
	const struct command *command;
	bool is_question;
	void *cmd;
	int r;

	if (i == N(nodes)) {
		step_direct();
		return;
	}
	what = take();
	if (what >= 0xf8) {
		node_close(node);
		node_open(node);
		return;
	}
	if (what >= 0xf4) {
		kdbus_embedded_expire(embedded, take_value());
		return;
	}
	if (what >= 0xf0) {
		shim_alloc_fail_at(1 + take_below(16));
		what = take() % 0xf0;
	}
	if (!node->handle)
		return;
	command = &commands[what % N(commands)];
	cmd = fill_struct(cmd_space, command->fixed, command->flags, command->items,
			  command->n_items);
	if (command->nr == KDBUS_CMD_SEND)
		fill_message((void *)cmd_space);
	if (command->nr == KDBUS_CMD_HELLO)
		fill_hello((void *)cmd_space);
	is_question = cmd_space[1] & KDBUS_FLAG_NEGOTIATE;
	r = kdbus_embedded_command(node->handle, command->nr, cmd);
	/* not what follows */
	shim_alloc_fail_disarm();
	fuzz_expect(r <= 0 && r > -4096);
	if (r == 0 && !is_question)
		check_answer(node, command->nr);
}

static void run_program(void)
{
	static const struct kdbus_embedded_hooks hooks = {
		.broadcast_candidates = direct_candidates,
	};
	struct kdbus_embedded_options options = { .strict = true, .hooks = &hooks };
	unsigned long n_objects = shim_alloc_count();
	int fd = lowest_free_fd();

	fuzz_expect(kdbus_embedded_new(&options, &embedded) == 0);
	node_open(&nodes[0]);
	bus_make(&nodes[0]);
	for (size_t i = 1; i < N(nodes); i++)
		node_open(&nodes[i]);
	for (size_t i = 1; i <= 3; i++)
		node_hello(&nodes[i]);
	for (int i = 0; i < N_STEPS && input_left; i++) {
		step();
		shim_alloc_fail_disarm();
	}
	direct_close();
	for (size_t i = 0; i < N(nodes); i++)
		node_close(&nodes[take_below(2) ? i : N(nodes) - 1 - i]);
	for (size_t i = 0; i < N(nodes); i++)
		node_close(&nodes[i]);
	embedded = kdbus_embedded_free(embedded);
	fuzz_expect(shim_alloc_count() == n_objects);
	fuzz_expect(lowest_free_fd() == fd);
}

/* what was received can be sent, if it has not more parts than a message has room for */
static void send_again(const struct engine_received *received)
{
	static int some_fds[3] = {0, 1, 2};
	struct engine_payload payload = *received->payload;
	struct engine_send send = {
		.flags = received->flags,
		.dst_id = received->dst_id,
		.dst_name = received->dst_name,
		.cookie = received->cookie,
		.cookie_reply = received->cookie_reply,
		.timeout_ns = received->cookie,
		.bloom = received->cookie % 2 ? payload_bytes : NULL,
		.payload = &payload,
	};
	struct kdbus_msg *msg;

	payload.fds = some_fds;
	payload.n_fds = received->cookie % 4;
	msg = engine_message_build(&send, 64, msg_space);
	fuzz_expect(msg && msg->size <= ENGINE_MSG_SIZE_MAX && msg->size % 8 == 0);
	expect_items(msg, sizeof(*msg), msg->size);
}

static void run_slice(void)
{
	struct engine_received received;
	size_t size = input_left & ~(size_t)7;
	uint64_t *slice = malloc(size ?: 1);

	fuzz_expect(slice);
	memcpy(slice, input, size);
	/* descriptors it names would be closed */
	for (size_t i = 0; i < size / 8; i++)
		if (slice[i] == KDBUS_ITEM_FDS || slice[i] == KDBUS_ITEM_PAYLOAD_MEMFD)
			slice[i] = KDBUS_ITEM_PAYLOAD_OFF;
	if (engine_message_parse(slice, size, &received) == 0) {
		fuzz_expect(received.src_id || !received.payload);
		if (received.payload)
			send_again(&received);
		engine_message_release(&received);
	}
	free(slice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (!fds[0])
		open_fds();
	input = bytes;
	input_left = size;
	if (take() == 0xff)
		run_slice();
	else
		run_program();
	return 0;
}
