/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sequences of commands, with a second engine as the judge of what a failure leaves
 *
 * The bytes are a program of commands, as in fuzz-items.c.  Two engines begin alike.  The first
 * gets every command, the second only those that succeeded, or that the interface
 * lets have an effect although they fail.  Both have to answer alike; and whenever
 * a command has failed, and at the end, both have to look alike to everybody who
 * asks: lists, names, queues, places in the pool, matches, expected replies.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/core/item.h"
#include "kernel/embedded/embedded.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "tests/fuzz/fill.h"
#include "tests/fuzz/fuzz.h"

#define N_STEPS 48
#define N_NODES 7

static const struct {
	const char *path; /* NULL: the endpoint of the bus */
	bool is_stranger;
	uint64_t hello; /* flags with which it says HELLO before the program starts; ~0: it does not
			 */
} plan[N_NODES] = {
	{"control", false, ~0ULL},
	{NULL, false, KDBUS_HELLO_ACCEPT_FD},
	{NULL, false, 0},
	{NULL, true, KDBUS_HELLO_ACCEPT_FD},
	{NULL, false, KDBUS_HELLO_MONITOR},
	{NULL, false, ~0ULL},
	{"control", false, ~0ULL},
};

/**
 * struct world - an engine and who is on it
 * @cmd, @msg: its copies of what is about to be done
 */
struct world {
	struct kdbus_embedded *embedded;
	struct kdbus_embedded_handle *nodes[N_NODES];
	uint64_t cmd[FILL_WORDS], msg[FILL_WORDS];
};

static struct world worlds[2];

static void node_open(struct world *world, unsigned i)
{
	static const struct kdbus_embedded_cred stranger = {
		.uid = 77,
		.euid = 77,
		.gid = 7,
		.egid = 7,
	};
	char path[64];

	snprintf(path, sizeof(path), "%s/bus", fill_uid_names[0]);
	if (kdbus_embedded_open(world->embedded, plan[i].path ?: path,
				plan[i].is_stranger ? &stranger : NULL, &world->nodes[i]) < 0)
		world->nodes[i] = NULL;
}

static void node_hello(struct world *world, unsigned i)
{
	struct kdbus_cmd_hello hello = {
		.size = sizeof(hello),
		.flags = plan[i].hello,
		.attach_flags_send = _KDBUS_ATTACH_ALL,
		.pool_size = POOL_SIZE,
	};

	fuzz_expect(kdbus_embedded_command(world->nodes[i], KDBUS_CMD_HELLO, &hello) == 0);
}

static void world_init(struct world *world)
{
	static const struct kdbus_embedded_options options = {.strict = true};
	struct kdbus_cmd *cmd = (void *)world->cmd;
	struct kdbus_item *item = cmd->items;

	fuzz_expect(kdbus_embedded_new(&options, &world->embedded) == 0);
	node_open(world, 0);
	memset(world->cmd, 0, 200);
	cmd->flags = KDBUS_MAKE_ACCESS_WORLD;
	item->type = KDBUS_ITEM_BLOOM_PARAMETER;
	item->size = KDBUS_ITEM_SIZE(16);
	item->bloom_parameter.size = 64;
	item->bloom_parameter.n_hash = 1;
	item = (struct kdbus_item *)kdbus_item_next(item);
	item->type = KDBUS_ITEM_MAKE_NAME;
	item->size = KDBUS_ITEM_SIZE(strlen(fill_uid_names[0]) + 1);
	strcpy(item->str, fill_uid_names[0]);
	cmd->size = (char *)item + item->size - (char *)cmd;
	fuzz_expect(kdbus_embedded_command(world->nodes[0], KDBUS_CMD_BUS_MAKE, cmd) == 0);
	for (unsigned i = 1; i < N_NODES; i++) {
		node_open(world, i);
		if (plan[i].hello != ~0ULL)
			node_hello(world, i);
	}
}

static void world_deinit(struct world *world)
{
	for (unsigned i = 0; i < N_NODES; i++)
		world->nodes[i] = kdbus_embedded_close(world->nodes[i]);
	world->embedded = kdbus_embedded_free(world->embedded);
}

/* what both have to agree about, in the order in which it was seen */
struct view {
	uint64_t words[20000];
	size_t n;
};

static struct view views[2];

static void see(struct view *view, uint64_t word)
{
	if (view->n < N(view->words))
		view->words[view->n++] = word;
}

static void expect_same_view(void)
{
	fuzz_expect(views[0].n == views[1].n);
	fuzz_expect(memcmp(views[0].words, views[1].words, views[0].n * 8) == 0);
	views[0].n = views[1].n = 0;
}

static void node_free(struct kdbus_embedded_handle *handle, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};
	int r = kdbus_embedded_command(handle, KDBUS_CMD_FREE, &cmd);

	fuzz_expect(r == 0 || r == -EOPNOTSUPP);
}

static const uint8_t *node_pool(struct kdbus_embedded_handle *handle)
{
	const void *pool;
	size_t size;

	fuzz_expect(kdbus_embedded_pool(handle, &pool, &size) == 0);
	return pool;
}

static void close_fds(const struct kdbus_msg *msg)
{
	const struct kdbus_item *item;

	kdbus_items_for_each(item, msg->items, (const u8 *)msg + msg->size) {
		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD && item->memfd.fd >= 0)
			close(item->memfd.fd);
		for (size_t i = 0; item->type == KDBUS_ITEM_FDS &&
				   i < kdbus_item_payload_size(item) / sizeof(int);
		     i++)
			if (item->fds[i] >= 0)
				close(item->fds[i]);
	}
}

/* times and numbers of descriptors differ; numbers of messages do where one failed */
static void see_message(struct view *view, const struct kdbus_msg *msg)
{
	const struct kdbus_item *item;

	for (unsigned i = 0; i < 8; i++)
		see(view, ((const uint64_t *)msg)[i]);
	kdbus_items_for_each(item, msg->items, (const u8 *)msg + msg->size) {
		see(view, item->type);
		see(view, item->size);
		if (item->type >= KDBUS_ITEM_NAME_ADD && item->type <= KDBUS_ITEM_ID_REMOVE)
			for (size_t i = 0; i < kdbus_item_payload_size(item) / 8; i++)
				see(view, item->data64[i]);
	}
}

static int receive(struct view *view, struct kdbus_embedded_handle *handle, uint64_t flags)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd), .flags = flags};
	const struct kdbus_msg *msg;
	int r = kdbus_embedded_command(handle, KDBUS_CMD_RECV, &cmd);

	see(view, r);
	see(view, cmd.dropped_msgs);
	see(view, cmd.return_flags);
	if (r < 0)
		return r;
	see(view, cmd.msg.offset);
	see(view, cmd.msg.msg_size);
	msg = (const void *)(node_pool(handle) + cmd.msg.offset);
	see_message(view, msg);
	if (!(flags & KDBUS_RECV_PEEK))
		close_fds(msg);
	node_free(handle, cmd.msg.offset);
	return 0;
}

static void see_list(struct view *view, struct kdbus_embedded_handle *handle)
{
	struct kdbus_cmd_list cmd = {.size = sizeof(cmd), .flags = 15};
	int r = kdbus_embedded_command(handle, KDBUS_CMD_LIST, &cmd);
	const uint64_t *words;

	see(view, r);
	if (r < 0)
		return;
	see(view, cmd.offset);
	words = (const void *)(node_pool(handle) + cmd.offset);
	for (uint64_t i = 0; i < cmd.list_size / 8; i++)
		see(view, words[i]);
	node_free(handle, cmd.offset);
}

static void see_conn(struct view *view, struct kdbus_embedded_handle *handle, uint64_t id)
{
	struct kdbus_cmd_info cmd = {
		.size = sizeof(cmd),
		.id = id,
		.attach_flags = KDBUS_ATTACH_NAMES | KDBUS_ATTACH_CONN_DESCRIPTION,
	};
	int r = kdbus_embedded_command(handle, KDBUS_CMD_CONN_INFO, &cmd);

	see(view, r);
	if (r < 0)
		return;
	see(view, cmd.offset);
	see(view, cmd.info_size);
	node_free(handle, cmd.offset);
}

static void look_around(struct world *world, struct view *view)
{
	for (unsigned i = 0; i < N_NODES; i++) {
		struct kdbus_embedded_handle *handle = world->nodes[i];

		see(view, !handle);
		if (!handle)
			continue;
		see(view, kdbus_embedded_poll(handle));
		see_list(view, handle);
		for (uint64_t id = 1; id < N_NODES + 2; id++)
			see_conn(view, handle, id);
		receive(view, handle, KDBUS_RECV_PEEK);
	}
}

static int send_probe(struct kdbus_embedded_handle *handle, uint64_t flags, uint64_t dst_id,
		      uint64_t cookie_reply)
{
	/* header, item, generation, filter */
	uint64_t space[8 + 2 + 1 + 8] = {};
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd), .msg_address = (uintptr_t)space};
	struct kdbus_msg *msg = (void *)space;

	msg->size = sizeof(*msg);
	msg->flags = flags;
	msg->dst_id = dst_id;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	msg->cookie_reply = cookie_reply;
	if (flags & KDBUS_MSG_SIGNAL) {
		msg->size = sizeof(space);
		space[8] = sizeof(space) - sizeof(*msg);
		space[9] = KDBUS_ITEM_BLOOM_FILTER;
	}
	return kdbus_embedded_command(handle, KDBUS_CMD_SEND, &cmd);
}

/* what only shows when it is used up */
static void look_deeply(struct world *world, struct view *view)
{
	look_around(world, view);
	for (unsigned i = 0; i < N_NODES; i++)
		while (world->nodes[i] && receive(view, world->nodes[i], 0) == 0)
			continue;
	for (unsigned i = 0; i < N_NODES; i++) {
		if (!world->nodes[i])
			continue;
		see(view, send_probe(world->nodes[i], KDBUS_MSG_SIGNAL, KDBUS_DST_ID_BROADCAST, 0));
		for (uint64_t id = 1; id < N_NODES + 2; id++)
			for (uint64_t cookie = 1; cookie < 4; cookie++)
				see(view, send_probe(world->nodes[i], 0, id, cookie));
	}
	for (unsigned i = 0; i < N_NODES; i++)
		while (world->nodes[i] && receive(view, world->nodes[i], 0) == 0)
			continue;
}

/* one command */

static uint64_t cmd_space[FILL_WORDS], msg_space[FILL_WORDS];

static void fill_send(struct kdbus_cmd_send *cmd, bool *has_message_out)
{
	struct kdbus_msg *msg = (void *)msg_space;
	uint8_t byte;
	void *address = fill_struct(msg_space, &fill_message);

	*has_message_out = cmd->msg_address < 0xf0 && address == msg_space;
	byte = take();
	if (byte < 0xa0)
		msg->dst_id = byte % (N_NODES + 2);
	else if (byte < 0xe0)
		msg->dst_id = KDBUS_DST_ID_BROADCAST;
	if (take() < 0xf0) {
		msg->src_id = 0;
		msg->payload_type = KDBUS_PAYLOAD_DBUS;
	}
	byte = take();
	/* a call that waits would do so for ever: nobody answers meanwhile */
	if (byte < 0xf0 || (cmd->flags & KDBUS_SEND_SYNC_REPLY))
		msg->cookie_reply = byte % 4;
	if (take() < 0xf0)
		msg->cookie %= 4;
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

/* may a command that fails so have had an effect */
static bool may_have_effect(unsigned long nr, int error, const struct kdbus_msg *msg)
{
	if (nr == KDBUS_CMD_RECV)
		return error == -EAGAIN;
	if (nr != KDBUS_CMD_SEND)
		return false;
	/* monitors had their copy, or an expected reply is used up, before it failed */
	switch (error) {
	case -ECONNRESET:
	case -ECOMM:
	case -ENOBUFS:
	case -EMFILE:
	case -EXFULL:
	case -EFAULT:
	case -ETIMEDOUT:
	case -EPIPE:
	case -EREMOTEIO:
		return true;
	}
	return false;
}

static int execute(struct world *world, unsigned i, const struct fill_command *command,
		   void *address, bool has_message)
{
	memcpy(world->cmd, cmd_space, sizeof(cmd_space));
	memcpy(world->msg, msg_space, sizeof(msg_space));
	if (has_message)
		((struct kdbus_cmd_send *)world->cmd)->msg_address = (uintptr_t)world->msg;
	if (address == cmd_space)
		address = world->cmd;
	else if (address == (char *)cmd_space + 1)
		address = (char *)world->cmd + 1;
	return kdbus_embedded_command(world->nodes[i], command->nr, address);
}

static void expect_same_answer(const struct fill_command *command)
{
	struct kdbus_cmd_hello *hello;
	size_t size = command->fixed;

	if (command->nr == KDBUS_CMD_HELLO)
		for (unsigned i = 0; i < 2; i++) {
			hello = (void *)worlds[i].cmd;
			memset(hello->id128, 0, sizeof(hello->id128));
		}
	if (command->nr == KDBUS_CMD_SEND)
		for (unsigned i = 0; i < 2; i++)
			((struct kdbus_cmd_send *)worlds[i].cmd)->msg_address = 0;
	fuzz_expect(memcmp(worlds[0].cmd, worlds[1].cmd, size) == 0);
}

/* slices that the program gets belong to nobody: they are given back at once, or never */
static void settle(struct world *world, unsigned i, unsigned long nr, bool keeps)
{
	struct kdbus_embedded_handle *handle = world->nodes[i];
	const struct kdbus_cmd_recv *recv = (void *)world->cmd;
	uint64_t offset = POOL_SIZE;

	switch (nr) {
	case KDBUS_CMD_HELLO:
		offset = ((struct kdbus_cmd_hello *)world->cmd)->offset;
		break;
	case KDBUS_CMD_LIST:
		offset = ((struct kdbus_cmd_list *)world->cmd)->offset;
		break;
	case KDBUS_CMD_CONN_INFO:
	case KDBUS_CMD_BUS_CREATOR_INFO:
		offset = ((struct kdbus_cmd_info *)world->cmd)->offset;
		break;
	case KDBUS_CMD_RECV:
		offset = recv->msg.offset;
		if (recv->msg.msg_size > 0 && !(recv->flags & KDBUS_RECV_PEEK))
			close_fds((const void *)(node_pool(handle) + offset));
		break;
	default:
		return;
	}
	if (!keeps)
		node_free(handle, offset);
}

static void step(void)
{
	unsigned i = take_below(N_NODES), what = take();
	const struct fill_command *command;
	bool has_message = false, keeps, is_question;
	uint64_t now;
	void *address;
	int r;

	if (what >= 0xf8) {
		for (unsigned w = 0; w < 2; w++) {
			kdbus_embedded_close(worlds[w].nodes[i]);
			node_open(&worlds[w], i);
		}
		return;
	}
	if (what >= 0xf4) {
		now = take_value();
		for (unsigned w = 0; w < 2; w++)
			kdbus_embedded_expire(worlds[w].embedded, now);
		return;
	}
	if (!worlds[0].nodes[i])
		return;
	command = &fill_commands[what % n_fill_commands];
	address = fill_struct(cmd_space, command);
	if (command->nr == KDBUS_CMD_SEND)
		fill_send((void *)cmd_space, &has_message);
	if (command->nr == KDBUS_CMD_HELLO)
		fill_hello((void *)cmd_space);
	keeps = take() == 0xff;
	is_question = cmd_space[1] & KDBUS_FLAG_NEGOTIATE;

	r = execute(&worlds[0], i, command, address, has_message);
	fuzz_expect(r <= 0 && r > -4096);
	if (r == 0 || may_have_effect(command->nr, r, (void *)msg_space)) {
		fuzz_expect(execute(&worlds[1], i, command, address, has_message) == r);
		expect_same_answer(command);
	}
	if (r == 0 && !is_question) {
		settle(&worlds[0], i, command->nr, keeps);
		settle(&worlds[1], i, command->nr, keeps);
	}
	if (r < 0) {
		look_around(&worlds[0], &views[0]);
		look_around(&worlds[1], &views[1]);
		expect_same_view();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	unsigned long n_objects = shim_alloc_count();
	unsigned n_fds;

	if (!fill_fds[0])
		fill_open_fds();
	n_fds = fuzz_count_fds();
	fill_start(bytes, size);
	world_init(&worlds[0]);
	world_init(&worlds[1]);
	for (int i = 0; i < N_STEPS && fill_left; i++)
		step();
	look_deeply(&worlds[0], &views[0]);
	look_deeply(&worlds[1], &views[1]);
	expect_same_view();
	world_deinit(&worlds[0]);
	world_deinit(&worlds[1]);
	fuzz_expect(shim_alloc_count() == n_objects);
	fuzz_expect(fuzz_count_fds() == n_fds);
	return 0;
}
