/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handles, BUS_MAKE, ENDPOINT_MAKE, and what holds for every command: reference sections 1.4, 1.5,
 * 2.6 to 2.8, 3.1, 3.2, 10.1 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/kernel/kdbus-util.h"

static const struct {
	unsigned long nr;
	size_t size;
	const char *node; /* on which it is a setup command */
	uint64_t flags;	  /* supported */
} commands[] = {
	{KDBUS_CMD_BUS_MAKE, sizeof(struct kdbus_cmd), "control", 3},
	{KDBUS_CMD_ENDPOINT_MAKE, sizeof(struct kdbus_cmd), "bus", 3},
	{KDBUS_CMD_ENDPOINT_UPDATE, sizeof(struct kdbus_cmd), NULL, 0},
	{KDBUS_CMD_HELLO, sizeof(struct kdbus_cmd_hello), "bus", 0xf},
	{KDBUS_CMD_UPDATE, sizeof(struct kdbus_cmd), NULL, 0},
	{KDBUS_CMD_BYEBYE, sizeof(struct kdbus_cmd), NULL, 0},
	{KDBUS_CMD_FREE, sizeof(struct kdbus_cmd_free), NULL, 0},
	{KDBUS_CMD_CONN_INFO, sizeof(struct kdbus_cmd_info), NULL, 0},
	{KDBUS_CMD_BUS_CREATOR_INFO, sizeof(struct kdbus_cmd_info), NULL, 0},
	{KDBUS_CMD_LIST, sizeof(struct kdbus_cmd_list), NULL, 0xf},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), NULL, 1},
	{KDBUS_CMD_RECV, sizeof(struct kdbus_cmd_recv), NULL, 7},
	{KDBUS_CMD_NAME_ACQUIRE, sizeof(struct kdbus_cmd), NULL, 7},
	{KDBUS_CMD_NAME_RELEASE, sizeof(struct kdbus_cmd), NULL, 0},
	{KDBUS_CMD_MATCH_ADD, sizeof(struct kdbus_cmd_match), NULL, 1},
	{KDBUS_CMD_MATCH_REMOVE, sizeof(struct kdbus_cmd_match), NULL, 0},
};

/* a connected peer, a bus owner, and handles that are nothing yet */
struct scene {
	struct bus bus;
	struct peer peer;
	struct kdbus_embedded_handle *control, *endpoint;
};

static void scene_init(struct scene *s)
{
	bus_init(&s->bus, BUS_STRICT);
	peer_init(&s->peer, &s->bus, 0);
	expect_eq(kdbus_embedded_open(s->bus.embedded, "control", NULL, &s->control), 0);
	expect_eq(kdbus_embedded_open(s->bus.embedded, s->bus.path, NULL, &s->endpoint), 0);
}

static void scene_deinit(struct scene *s)
{
	kdbus_embedded_close(s->endpoint);
	kdbus_embedded_close(s->control);
	peer_deinit(&s->peer);
	bus_deinit(&s->bus);
}

/* the handle on which commands[i] is valid, if there is one in the scene */
static struct kdbus_embedded_handle *handle_for(struct scene *s, size_t i)
{
	if (commands[i].nr == KDBUS_CMD_ENDPOINT_UPDATE)
		return NULL;
	if (!commands[i].node)
		return s->peer.handle;
	return strcmp(commands[i].node, "control") == 0 ? s->control : s->endpoint;
}

/* 1.5 */
TEST(commands_in_the_wrong_state)
{
	struct scene s;
	struct cmd cmd;

	scene_init(&s);
	struct kdbus_embedded_handle *handles[] = {s.control, s.endpoint, s.bus.owner,
						   s.peer.handle};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(handles); j++) {
			if (handles[j] == handle_for(&s, i))
				continue;
			cmd_init(&cmd, commands[i].size, 0);
			expect_eq(kdbus_embedded_command(handles[j], commands[i].nr, &cmd),
				  -EBADFD);
		}
	}
	for (size_t j = 0; j < ARRAY_SIZE(handles); j++) {
		expect_eq(kdbus_embedded_command(handles[j], 0x1234, &cmd), -ENOTTY);
		expect_eq(kdbus_embedded_command(handles[j], _IOW(0x95, 0x80, struct kdbus_cmd),
						 &cmd),
			  -ENOTTY);
	}
	scene_deinit(&s);
}

/* 2.6, steps 1 to 4 */
TEST(struct_is_checked_in_order)
{
	struct kdbus_embedded_handle *handle;
	struct scene s;
	struct cmd cmd;

	scene_init(&s);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		handle = handle_for(&s, i);
		if (!handle)
			continue;
		cmd_init(&cmd, commands[i].size, 0);
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, (char *)&cmd + 1),
			  -EFAULT);
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, (void *)8), -EFAULT);
		cmd.cmd.return_flags = 99;
		cmd.size = commands[i].size - 1;
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		cmd.size = 32769;
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EMSGSIZE);
		expect_eq(cmd.cmd.return_flags, 99);
		/* from here on return_flags is written */
		cmd_init(&cmd, commands[i].size, 1ULL << 40);
		cmd.cmd.return_flags = 99;
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		expect_eq(cmd.cmd.return_flags, 0);
	}
	scene_deinit(&s);
}

/* 2.6, step 3: the size can be read, and nothing behind it */
TEST(struct_at_the_end_of_memory)
{
	struct scene s;
	struct cmd cmd;
	uint8_t *pages;
	uint64_t *size;

	scene_init(&s);
	pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(pages != MAP_FAILED);
	expect_eq(munmap(pages + 4096, 4096), 0);
	size = (uint64_t *)(pages + 4096 - sizeof(*size));
	*size = sizeof(struct kdbus_cmd_list);
	expect_eq(kdbus_embedded_command(s.peer.handle, KDBUS_CMD_LIST, size), -EFAULT);
	*size = sizeof(struct kdbus_msg);
	cmd_init(&cmd, sizeof(cmd.send), 0);
	cmd.send.msg_address = (uintptr_t)size;
	expect_eq(kdbus_embedded_command(s.peer.handle, KDBUS_CMD_SEND, &cmd), -EFAULT);
	/* memory that can only be read gets no answer */
	*size = 24;
	memset(pages, 0, sizeof(cmd.list));
	*(uint64_t *)pages = sizeof(cmd.list);
	expect_eq(mprotect(pages, 4096, PROT_READ), 0);
	expect_eq(kdbus_embedded_command(s.peer.handle, KDBUS_CMD_LIST, pages), -EFAULT);
	munmap(pages, 4096);
	scene_deinit(&s);
}

/* 2.6, step 5 */
TEST(items_are_checked)
{
	struct scene s;
	struct cmd cmd;

	scene_init(&s);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct kdbus_embedded_handle *handle = handle_for(&s, i);

		if (!handle || commands[i].nr == KDBUS_CMD_BYEBYE)
			continue;
		/* unknown */
		cmd_init(&cmd, commands[i].size, 0);
		cmd_add_u64(&cmd, 0x7777, 0);
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		/* cut: header, then payload */
		cmd_init(&cmd, commands[i].size, 0);
		cmd_add_u64(&cmd, KDBUS_ITEM_NEGOTIATE, 0);
		cmd.size -= 1;
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		cmd.size = commands[i].size + 15;
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		/* smaller than its header */
		cmd_init(&cmd, commands[i].size, 0);
		cmd_add_u64(&cmd, KDBUS_ITEM_NEGOTIATE, 0);
		((struct kdbus_item *)((char *)&cmd + commands[i].size))->size = 15;
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		/* something behind the last */
		cmd_init(&cmd, commands[i].size, 0);
		cmd_add_u64(&cmd, KDBUS_ITEM_NEGOTIATE, 0);
		cmd.size += 8;
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		/* one that may not come twice */
		cmd_init(&cmd, commands[i].size, 0);
		cmd_add_u64(&cmd, KDBUS_ITEM_NEGOTIATE, 0);
		cmd_add_u64(&cmd, KDBUS_ITEM_NEGOTIATE, 0);
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
		/* payload of the wrong size */
		cmd_init(&cmd, commands[i].size, 0);
		cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, "1234", 4);
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), -EINVAL);
	}
	scene_deinit(&s);
}

/* C26, C27, 2.8 */
TEST(negotiation_of_every_command)
{
	struct kdbus_embedded_handle *handle;
	struct kdbus_item *item;
	struct scene s;
	struct cmd cmd;

	scene_init(&s);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		uint64_t types[] = {KDBUS_ITEM_NEGOTIATE, 0x7777, KDBUS_ITEM_REPLY_DEAD};

		handle = handle_for(&s, i);
		if (!handle)
			continue;
		/* mandatory items may be missing */
		cmd_init(&cmd, commands[i].size, KDBUS_FLAG_NEGOTIATE);
		item = cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, types, sizeof(types));
		expect_eq(kdbus_embedded_command(handle, commands[i].nr, &cmd), 0);
		expect_eq(cmd.cmd.flags, commands[i].flags);
		expect_eq(item->data64[0], KDBUS_ITEM_NEGOTIATE);
		expect_eq(item->data64[1], 0);
		expect_eq(item->data64[2], 0);
	}
	/* nothing has happened to any of them */
	expect_eq(kdbus_embedded_poll(s.control), POLLERR | POLLHUP);
	expect_eq(kdbus_embedded_poll(s.endpoint), POLLERR | POLLHUP);
	expect_eq(kdbus_embedded_poll(s.peer.handle), POLLOUT | POLLWRNORM);

	uint64_t types[] = {KDBUS_ITEM_NEGOTIATE, KDBUS_ITEM_PAYLOAD_VEC, 0x1000};

	hello_init(&cmd);
	item = cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, types, sizeof(types));
	expect_eq(kdbus_embedded_command(s.endpoint, KDBUS_CMD_HELLO, &cmd), 0);
	expect_eq(item->data64[0], 1);
	expect_eq(item->data64[1], 0);
	expect_eq(item->data64[2], 0);
	expect_eq(kdbus_embedded_poll(s.endpoint), POLLOUT | POLLWRNORM);
	scene_deinit(&s);
}

/* the addition is told of where it exists */
TEST(negotiation_of_additions)
{
	struct kdbus_embedded_handle *handle;
	uint64_t type = KDBUS_ITEM_AUXGROUPS;
	struct kdbus_item *item;
	struct bus bus;
	struct cmd cmd;

	for (unsigned strict = 0; strict < 2; strict++) {
		bus_init(&bus, strict ? BUS_STRICT : 0);
		expect_eq(kdbus_embedded_open(bus.embedded, bus.path, NULL, &handle), 0);
		cmd_init(&cmd, sizeof(cmd.hello), KDBUS_FLAG_NEGOTIATE);
		item = cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, &type, sizeof(type));
		expect_eq(kdbus_embedded_command(handle, KDBUS_CMD_HELLO, &cmd), 0);
		expect_eq(item->data64[0], strict ? 0 : type);
		kdbus_embedded_close(handle);
		bus_deinit(&bus);
	}
}

/* 1.2: what a policy holder may not do, before its struct is looked at */
TEST(commands_a_holder_may_use)
{
	static const unsigned long refused[] = {
		KDBUS_CMD_BYEBYE,    KDBUS_CMD_SEND,	     KDBUS_CMD_RECV,
		KDBUS_CMD_FREE,	     KDBUS_CMD_NAME_ACQUIRE, KDBUS_CMD_NAME_RELEASE,
		KDBUS_CMD_MATCH_ADD, KDBUS_CMD_MATCH_REMOVE,
	};
	struct peer holder;
	struct bus bus;
	struct cmd cmd;

	bus_init(&bus, 0);
	peer_init_holder(&holder, &bus, "x.y", 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		expect_eq(kdbus_embedded_command(holder.handle, refused[i], (void *)1),
			  -EOPNOTSUPP);
	cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_UNIQUE);
	expect_eq(peer_command(&holder, KDBUS_CMD_LIST, &cmd), 0);
	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.id = holder.id;
	expect_eq(peer_command(&holder, KDBUS_CMD_CONN_INFO, &cmd), 0);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, 0);
	expect_eq(peer_command(&holder, KDBUS_CMD_UPDATE, &cmd), -EOPNOTSUPP);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, 0);
	expect_eq(peer_command(&holder, KDBUS_CMD_UPDATE, &cmd), -EOPNOTSUPP);
	peer_deinit(&holder);
	bus_deinit(&bus);
}

/* C1, C3 */
TEST(handle_before_hello)
{
	const void *pool;
	struct scene s;
	size_t size;

	scene_init(&s);
	expect_eq(kdbus_embedded_poll(s.control), POLLERR | POLLHUP);
	expect_eq(kdbus_embedded_poll(s.bus.owner), POLLERR | POLLHUP);
	expect_eq(kdbus_embedded_pool(s.endpoint, &pool, &size), -EBADFD);
	expect_eq(kdbus_embedded_pool(s.bus.owner, &pool, &size), -EBADFD);
	scene_deinit(&s);
}

static int bus_make(struct kdbus_embedded_handle *handle, const char *name, uint64_t bloom_size,
		    uint64_t n_hash)
{
	struct kdbus_bloom_parameter bloom = {.size = bloom_size, .n_hash = n_hash};
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add(&cmd, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	return kdbus_embedded_command(handle, KDBUS_CMD_BUS_MAKE, &cmd);
}

/* 11.2, 3.1 */
TEST(making_a_bus)
{
	struct kdbus_embedded_handle *endpoint, *second;
	char name[64], path[80], taken[64];
	struct scene s;
	struct cmd cmd;

	scene_init(&s);
	snprintf(name, sizeof(name), "%u-other", geteuid());
	snprintf(path, sizeof(path), "%s/bus", name);
	snprintf(taken, sizeof(taken), "%u-test", geteuid());
	expect_eq(bus_make(s.control, "foo", 64, 1), -EINVAL);
	expect_eq(bus_make(s.control, "4294967294-foo", 64, 1), -EINVAL);
	snprintf(path, sizeof(path), "%u-blah@123", geteuid());
	expect_eq(bus_make(s.control, path, 64, 1), -EINVAL);
	snprintf(path, sizeof(path), "%u-blah-", geteuid());
	expect_eq(bus_make(s.control, path, 64, 1), -EINVAL);
	snprintf(path, sizeof(path), "%u-%062d", geteuid(), 1);
	expect_eq(bus_make(s.control, path, 64, 1), -ENAMETOOLONG);
	/* bloom before the name */
	expect_eq(bus_make(s.control, taken, 0, 1), -EINVAL);
	expect_eq(bus_make(s.control, taken, 4, 1), -EINVAL);
	expect_eq(bus_make(s.control, taken, 60, 1), -EINVAL);
	expect_eq(bus_make(s.control, taken, 4104, 1), -EINVAL);
	expect_eq(bus_make(s.control, taken, 64, 0), -EINVAL);
	expect_eq(bus_make(s.control, taken, 64, 1), -EEXIST);
	/* mandatory items */
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	expect_eq(kdbus_embedded_command(s.control, KDBUS_CMD_BUS_MAKE, &cmd), -EINVAL);
	/* all that left the handle as it was */
	expect_eq(bus_make(s.control, name, 64, 1), 0);
	expect_eq(bus_make(s.control, name, 64, 1), -EBADFD);
	snprintf(path, sizeof(path), "%s/bus", name);
	expect_eq(kdbus_embedded_open(s.bus.embedded, path, NULL, &endpoint), 0);
	kdbus_embedded_close(endpoint);
	/* the name is free again when the owner goes */
	s.control = kdbus_embedded_close(s.control);
	expect_eq(kdbus_embedded_open(s.bus.embedded, path, NULL, &endpoint), -ENOENT);
	expect_eq(kdbus_embedded_open(s.bus.embedded, "control", NULL, &second), 0);
	expect_eq(bus_make(second, name, 4096, 8), 0);
	kdbus_embedded_close(second);
	scene_deinit(&s);
}

/* C32 */
TEST(number_of_buses_is_limited)
{
	struct kdbus_embedded_handle *handles[17];
	struct scene s;
	char name[64];

	scene_init(&s);
	for (int i = 0; i < 17; i++) {
		expect_eq(kdbus_embedded_open(s.bus.embedded, "control", NULL, &handles[i]), 0);
		snprintf(name, sizeof(name), "%u-b%d", geteuid(), i);
		/* one is there already */
		expect_eq(bus_make(handles[i], name, 64, 1), i < 15 ? 0 : -EMFILE);
	}
	kdbus_embedded_close(handles[0]);
	expect_eq(bus_make(handles[15], name, 64, 1), 0);
	expect_eq(bus_make(handles[16], "x", 64, 1), -EINVAL);
	for (int i = 1; i < 17; i++)
		kdbus_embedded_close(handles[i]);
	scene_deinit(&s);
}

static int endpoint_make(struct kdbus_embedded_handle *handle, const char *format)
{
	char name[128];
	struct cmd cmd;

	snprintf(name, sizeof(name), format, geteuid());
	cmd_init(&cmd, sizeof(cmd.cmd), KDBUS_MAKE_ACCESS_WORLD);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	return kdbus_embedded_command(handle, KDBUS_CMD_ENDPOINT_MAKE, &cmd);
}

/* 3.2, 11.8 */
TEST(making_an_endpoint)
{
	struct kdbus_embedded_cred stranger = cred_of(65534);
	struct kdbus_embedded_handle *other, *custom;
	char path[128];
	struct scene s;
	struct cmd cmd;

	scene_init(&s);
	expect_eq(
		endpoint_make(s.endpoint,
			      "%u-XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"),
		-ENAMETOOLONG);
	expect_eq(endpoint_make(s.endpoint, "1%u-foo"), -EINVAL);
	expect_eq(endpoint_make(s.endpoint, "%u-foo"), 0);
	expect_eq(endpoint_make(s.endpoint, "%u-bar"), -EBADFD);
	expect_eq(kdbus_embedded_open(s.bus.embedded, s.bus.path, NULL, &other), 0);
	expect_eq(endpoint_make(other, "%u-foo"), -EEXIST);
	kdbus_embedded_close(other);
	/* privileges are looked at before the struct */
	expect_eq(kdbus_embedded_open(s.bus.embedded, s.bus.path, &stranger, &other), 0);
	expect_eq(kdbus_embedded_command(other, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -EPERM);
	kdbus_embedded_close(other);
	snprintf(path, sizeof(path), "%s/%u-foo", s.bus.name, geteuid());
	expect_eq(kdbus_embedded_open(s.bus.embedded, path, NULL, &custom), 0);
	expect_eq(kdbus_embedded_command(custom, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -EPERM);
	/* 11.8: no monitor there */
	hello_init(&cmd);
	cmd.hello.flags = KDBUS_HELLO_MONITOR;
	expect_eq(kdbus_embedded_command(custom, KDBUS_CMD_HELLO, &cmd), -EOPNOTSUPP);
	hello_init(&cmd);
	expect_eq(kdbus_embedded_command(custom, KDBUS_CMD_HELLO, &cmd), 0);
	/* its end is the end of all who came through it */
	s.endpoint = kdbus_embedded_close(s.endpoint);
	expect_eq(kdbus_embedded_poll(custom), POLLERR | POLLHUP);
	expect_eq(kdbus_embedded_poll(s.peer.handle), POLLOUT | POLLWRNORM);
	kdbus_embedded_close(custom);
	expect_eq(kdbus_embedded_open(s.bus.embedded, path, NULL, &custom), -ENOENT);
	scene_deinit(&s);
}

TEST(endpoint_owner_whose_bus_died)
{
	struct scene s;
	struct cmd cmd;

	scene_init(&s);
	expect_eq(endpoint_make(s.endpoint, "%u-foo"), 0);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	expect_eq(kdbus_embedded_command(s.endpoint, KDBUS_CMD_ENDPOINT_UPDATE, &cmd), 0);
	s.bus.owner = kdbus_embedded_close(s.bus.owner);
	expect_eq(kdbus_embedded_command(s.endpoint, KDBUS_CMD_ENDPOINT_UPDATE, &cmd), -ESHUTDOWN);
	scene_deinit(&s);
}

TEST(nodes_that_are_not_there)
{
	struct kdbus_embedded_handle *handle;
	struct scene s;

	scene_init(&s);
	expect_eq(kdbus_embedded_open(s.bus.embedded, "contro", NULL, &handle), -ENOENT);
	expect_eq(kdbus_embedded_open(s.bus.embedded, "0-nothing/bus", NULL, &handle), -ENOENT);
	expect_eq(kdbus_embedded_open(s.bus.embedded, s.bus.name, NULL, &handle), -ENOENT);
	expect_eq(kdbus_embedded_open(s.bus.embedded, "/", NULL, &handle), -ENOENT);
	scene_deinit(&s);
}
