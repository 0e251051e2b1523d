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
#include "tests/fuzz/fill.h"
#include "tests/fuzz/fuzz.h"

#define N_STEPS 128

/* structs */

static uint64_t cmd_space[FILL_WORDS], msg_space[FILL_WORDS];

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
		.uid = 77,
		.euid = 77,
		.gid = 7,
		.egid = 7,
		.n_groups = 2,
		.groups = groups,
	};
	char path[64];

	snprintf(path, sizeof(path), "%s/bus", fill_uid_names[0]);
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
	struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 1};
	struct kdbus_cmd *cmd = (void *)cmd_space;
	struct engine_items items;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(cmd_space));
	cmd->flags = KDBUS_MAKE_ACCESS_WORLD;
	engine_items_add(&items, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	engine_items_add(&items, KDBUS_ITEM_MAKE_NAME, fill_uid_names[0],
			 strlen(fill_uid_names[0]) + 1);
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
	};
	if (!bus ||
	    kdbus_cmd_hello(bus->default_ep, &direct.caller, direct.caller.cred,
			    KDBUS_CONN_DIRECT | KDBUS_CONN_INDEXED, &hello, &direct.conn) < 0)
		direct.conn = NULL;
}

static void direct_close(void)
{
	if (!direct.conn)
		return;
	kdbus_conn_disconnect(direct.conn);
	direct.conn = kdbus_conn_unref(direct.conn);
}

static void direct_payload_release(struct engine_payload *bytes)
{
}

static void direct_send(void)
{
	static const u64 bloom[8] = {1, 2, 3};
	static struct engine_payload bytes = {
		.refcount = 1,
		.data = fill_bytes,
		.fds = fill_fds,
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
	struct kdbus_cmd_list list = {.size = sizeof(list), .flags = take() & 15};
	struct kdbus_cmd_free free = {.size = sizeof(free)};

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
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};
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
	fuzz_expect(engine_message_parse(msg, info->msg_size, NULL, &received) == 0);
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

static void fill_send(struct kdbus_cmd_send *cmd)
{
	struct kdbus_msg *msg = (void *)msg_space;
	uint8_t byte;
	void *address;

	address = fill_struct(msg_space, &fill_message);
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
	const struct fill_command *command;
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
	command = &fill_commands[what % n_fill_commands];
	cmd = fill_struct(cmd_space, command);
	if (command->nr == KDBUS_CMD_SEND)
		fill_send((void *)cmd_space);
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
	struct kdbus_embedded_options options = {.strict = true, .hooks = &hooks};
	unsigned long n_objects = shim_alloc_count();
	unsigned n_fds = fuzz_count_fds();

	fuzz_expect(kdbus_embedded_new(&options, &embedded) == 0);
	node_open(&nodes[0]);
	bus_make(&nodes[0]);
	for (size_t i = 1; i < N(nodes); i++)
		node_open(&nodes[i]);
	for (size_t i = 1; i <= 3; i++)
		node_hello(&nodes[i]);
	for (int i = 0; i < N_STEPS && fill_left; i++) {
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
	fuzz_expect(fuzz_count_fds() == n_fds);
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
		.bloom = received->cookie % 2 ? fill_bytes : NULL,
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
	size_t size = fill_left & ~(size_t)7;
	uint64_t *slice = malloc(size ?: 1);

	fuzz_expect(slice);
	memcpy(slice, fill_input, size);
	/* descriptors it names would be closed */
	for (size_t i = 0; i < size / 8; i++)
		if (slice[i] == KDBUS_ITEM_FDS || slice[i] == KDBUS_ITEM_PAYLOAD_MEMFD)
			slice[i] = KDBUS_ITEM_PAYLOAD_OFF;
	if (engine_message_parse(slice, size, NULL, &received) == 0) {
		fuzz_expect(received.src_id || !received.payload);
		if (received.payload)
			send_again(&received);
		engine_message_release(&received);
	}
	free(slice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (!fill_fds[0])
		fill_open_fds();
	fill_start(bytes, size);
	if (take() == 0xff)
		run_slice();
	else
		run_program();
	return 0;
}
