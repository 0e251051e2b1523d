/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is the same for all commands: sizes, flags, items, negotiation
 *
 * A table says what each command accepts; everything that it does not is refused,
 * and nothing happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define MULTIPLE  (1u << 0)
#define MANDATORY (1u << 1)
#define NOT_P1	  (1u << 2)
#define NOT_P2	  (1u << 3)

static const struct command {
	unsigned long nr;
	size_t fixed;
	uint64_t flags;
	struct {
		uint64_t type;
		unsigned flags;
	} items[10];
} commands[] = {
	{KDBUS_CMD_BUS_MAKE,
	 24,
	 3,
	 {{KDBUS_ITEM_MAKE_NAME, MANDATORY},
	  {KDBUS_ITEM_BLOOM_PARAMETER, MANDATORY},
	  {KDBUS_ITEM_ATTACH_FLAGS_SEND},
	  {KDBUS_ITEM_ATTACH_FLAGS_RECV, NOT_P2}}},
	{KDBUS_CMD_ENDPOINT_MAKE, 24, 3, {{KDBUS_ITEM_MAKE_NAME, MANDATORY}}},
	{KDBUS_CMD_ENDPOINT_UPDATE,
	 24,
	 0,
	 {{KDBUS_ITEM_NAME, MULTIPLE}, {KDBUS_ITEM_POLICY_ACCESS, MULTIPLE}}},
	{KDBUS_CMD_HELLO,
	 96,
	 15,
	 {{KDBUS_ITEM_NAME},
	  {KDBUS_ITEM_CREDS},
	  {KDBUS_ITEM_PIDS},
	  {KDBUS_ITEM_SECLABEL},
	  {KDBUS_ITEM_CONN_DESCRIPTION},
	  {KDBUS_ITEM_POLICY_ACCESS, MULTIPLE}}},
	{KDBUS_CMD_UPDATE,
	 24,
	 0,
	 {{KDBUS_ITEM_ATTACH_FLAGS_SEND},
	  {KDBUS_ITEM_ATTACH_FLAGS_RECV},
	  {KDBUS_ITEM_NAME, MULTIPLE},
	  {KDBUS_ITEM_POLICY_ACCESS, MULTIPLE}}},
	{KDBUS_CMD_BYEBYE, 24, 0},
	{KDBUS_CMD_FREE, 32, 0},
	{KDBUS_CMD_CONN_INFO, 56, 0, {{KDBUS_ITEM_NAME}}},
	{KDBUS_CMD_BUS_CREATOR_INFO, 56, 0},
	{KDBUS_CMD_LIST, 40, 15},
	{KDBUS_CMD_SEND, 56, 1, {{KDBUS_ITEM_CANCEL_FD}}},
	{KDBUS_CMD_RECV, 64, 7},
	{KDBUS_CMD_NAME_ACQUIRE, 24, 7, {{KDBUS_ITEM_NAME, MANDATORY}}},
	{KDBUS_CMD_NAME_RELEASE, 24, 0, {{KDBUS_ITEM_NAME, MANDATORY}}},
	{KDBUS_CMD_MATCH_ADD,
	 32,
	 1,
	 {{KDBUS_ITEM_BLOOM_MASK, MULTIPLE},
	  {KDBUS_ITEM_NAME, MULTIPLE},
	  {KDBUS_ITEM_ID, MULTIPLE},
	  {KDBUS_ITEM_DST_ID, MULTIPLE | NOT_P1},
	  {KDBUS_ITEM_NAME_ADD, MULTIPLE},
	  {KDBUS_ITEM_NAME_REMOVE, MULTIPLE},
	  {KDBUS_ITEM_NAME_CHANGE, MULTIPLE},
	  {KDBUS_ITEM_ID_ADD, MULTIPLE},
	  {KDBUS_ITEM_ID_REMOVE, MULTIPLE}}},
	{KDBUS_CMD_MATCH_REMOVE, 32, 0},
};

/* the message of SEND is parsed by the same rules */
static const struct command message = {
	0,
	64,
	7,
	{{KDBUS_ITEM_PAYLOAD_VEC, MULTIPLE},
	 {KDBUS_ITEM_PAYLOAD_MEMFD, MULTIPLE},
	 {KDBUS_ITEM_FDS},
	 {KDBUS_ITEM_BLOOM_FILTER},
	 {KDBUS_ITEM_DST_NAME}},
};

static const uint64_t all_types[] = {ITEM_TYPES, _KDBUS_ITEM_NULL, 0x11, 0x100e,
				     0x2001,	 0x8007,	   ~0ULL};

static bool command_knows(const struct command *command, uint64_t type, unsigned *flags_out)
{
	for (size_t i = 0; i < N_OF(command->items); i++) {
		unsigned flags = command->items[i].flags;

		if (command->items[i].type != type || !type)
			continue;
		if (flags & (p1() ? NOT_P1 : NOT_P2))
			return false;
		*flags_out = flags;
		return true;
	}
	return false;
}

static struct peer *other;

/* a handle in the state in which @nr is valid */
static void *subject(unsigned long nr)
{
	static unsigned n;
	char name[16];
	void *h;

	switch (nr) {
	case KDBUS_CMD_BUS_MAKE:
		expect_eq(node_open("control", NULL, &h), 0);
		return h;
	case KDBUS_CMD_ENDPOINT_MAKE:
	case KDBUS_CMD_HELLO:
		expect_eq(node_open(B.path, NULL, &h), 0);
		return h;
	case KDBUS_CMD_ENDPOINT_UPDATE:
		snprintf(name, sizeof(name), "s%u", n++);
		return endpoint_make(endpoint_name(name), 0);
	default:
		return peer()->h;
	}
}

static struct cmd cmd, msg;

/* the valid form, with every second word behind it set so that too much reading shows */
static void fill(const struct command *command)
{
	memset(&cmd, 0xa5, 1024);
	cmd_fill(&cmd, &msg, command->nr, other->id);
}

/* an item that is valid as such */
static struct kdbus_item *add_valid(struct cmd *to, uint64_t type)
{
	static const struct kdbus_memfd memfd = {.size = 1, .fd = 0};
	static const struct kdbus_vec vec = {.size = 1};
	static const struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 1};
	static const struct kdbus_policy_access access = {.type = KDBUS_POLICY_ACCESS_WORLD};
	static const uint64_t zeros[32];

	switch (type) {
	case KDBUS_ITEM_PAYLOAD_VEC:
	case KDBUS_ITEM_PAYLOAD_OFF:
		return cmd_add(to, type, &vec, sizeof(vec));
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		return cmd_add(to, type, &memfd, sizeof(memfd));
	case KDBUS_ITEM_FDS:
	case KDBUS_ITEM_CANCEL_FD:
		return cmd_add(to, type, zeros, 4);
	case KDBUS_ITEM_BLOOM_PARAMETER:
		return cmd_add(to, type, &bloom, sizeof(bloom));
	case KDBUS_ITEM_BLOOM_FILTER:
		return cmd_add(to, type, zeros, 72);
	case KDBUS_ITEM_BLOOM_MASK:
	case KDBUS_ITEM_CREDS:
		return cmd_add(to, type, zeros, 64);
	case KDBUS_ITEM_DST_NAME:
	case KDBUS_ITEM_NAME:
		return cmd_add(to, type, "com.example.item", 17);
	case KDBUS_ITEM_MAKE_NAME:
	case KDBUS_ITEM_CONN_DESCRIPTION:
	case KDBUS_ITEM_TID_COMM:
	case KDBUS_ITEM_PID_COMM:
	case KDBUS_ITEM_EXE:
	case KDBUS_ITEM_CMDLINE:
	case KDBUS_ITEM_CGROUP:
	case KDBUS_ITEM_SECLABEL:
		return cmd_add(to, type, "text", 5);
	case KDBUS_ITEM_TIMESTAMP:
	case KDBUS_ITEM_PIDS:
		return cmd_add(to, type, zeros, 24);
	case KDBUS_ITEM_CAPS:
		return cmd_add(to, type, zeros, 20);
	case KDBUS_ITEM_POLICY_ACCESS:
		return cmd_add(to, type, &access, sizeof(access));
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		return cmd_add(to, type, zeros, 32);
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		return cmd_add(to, type, zeros, 16);
	case KDBUS_ITEM_REPLY_TIMEOUT:
	case KDBUS_ITEM_REPLY_DEAD:
		return cmd_add(to, type, NULL, 0);
	default:
		return cmd_add(to, type, zeros, 8);
	}
}

ABI_TEST(address_and_size)
{
	other = peer();
	for (size_t i = 0; i < N_OF(commands); i++) {
		unsigned long nr = commands[i].nr;
		size_t fixed = commands[i].fixed;
		uint8_t *page;
		void *h = subject(nr);

		row("2.6.alignment");
		fill(&commands[i]);
		expect_eq(node_ioctl(h, nr, (uint8_t *)&cmd + 1), -EFAULT);
		expect_eq(node_ioctl(h, nr, (uint8_t *)&cmd + 4), -EFAULT);
		row("2.6.unreadable-size");
		expect_eq(node_ioctl(h, nr, NULL), -EFAULT);
		expect_eq(node_ioctl(h, nr, (void *)(~0ULL << 12)), -EFAULT);
		row("2.6.too-small");
		cmd.size = fixed - 1;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		cmd.size = 1;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		row("2.6.too-large");
		cmd.size = 32769;
		expect_eq(node_ioctl(h, nr, &cmd), -EMSGSIZE);
		cmd.size = ~0ULL;
		expect_eq(node_ioctl(h, nr, &cmd), -EMSGSIZE);

		row("2.6.unreadable-struct");
		page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		munmap(page + 4096, 4096);
		*(uint64_t *)(page + 4088) = fixed;
		expect_eq(node_ioctl(h, nr, page + 4088), -EFAULT);
		munmap(page, 4096);
		row("2.6.return-flags-not-before");
		fill(&commands[i]);
		cmd.cmd.return_flags = 5;
		cmd.size = 1;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		expect_eq(cmd.cmd.return_flags, 5);
	}
}

ABI_TEST(flags)
{
	other = peer();
	for (size_t i = 0; i < N_OF(commands); i++) {
		void *h = subject(commands[i].nr);

		row("2.6.flags");
		for (unsigned bit = 0; bit < 63; bit++) {
			if (commands[i].flags & (1ULL << bit))
				continue;
			fill(&commands[i]);
			cmd.cmd.flags |= 1ULL << bit;
			cmd.cmd.return_flags = 5;
			expect_eq(node_ioctl(h, commands[i].nr, &cmd), -EINVAL);
			row("2.6.return-flags");
			expect_eq(cmd.cmd.return_flags, 0);
		}
	}
}

/* what is no list of items */
ABI_TEST(item_walk)
{
	struct kdbus_item *item;
	struct peer *p = peer();
	size_t at;

	other = p;
	for (size_t i = 0; i < N_OF(commands); i++) {
		unsigned long nr = commands[i].nr;
		void *h = subject(nr);

		row("2.6.item-header");
		for (size_t extra = 1; extra < 16; extra++) {
			fill(&commands[i]);
			at = ALIGN8(cmd.size);
			memset((uint8_t *)&cmd + at, 0, 16);
			cmd.size = at + extra;
			expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		}
		row("2.6.item-too-small");
		fill(&commands[i]);
		item = add_valid(&cmd, KDBUS_ITEM_NEGOTIATE);
		item->size = 15;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		item->size = 0;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		row("2.6.item-too-large");
		item->size = 25;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		item->size = ~0ULL;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
		item->size = ~0ULL - 6;
		expect_eq(node_ioctl(h, nr, &cmd), -EINVAL);
	}
	/* one that nobody validates further would be read beyond its end */
	match_init(&cmd, 1, 0);
	item = cmd_add(&cmd, KDBUS_ITEM_BLOOM_MASK, NULL, 64);
	cmd.size -= 32;
	expect_eq(peer_match(p, &cmd), -EINVAL);
	cmd.size += 32;
	expect_eq(peer_match(p, &cmd), 0);

	row("2.6.unpadded-end");
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "a.b");
	expect_eq(cmd.size % 8, 4);
	expect_eq(peer_ioctl(p, KDBUS_CMD_NAME_ACQUIRE, &cmd), 0);
	row("2.6.padded-end");
	cmd.size = ALIGN8(cmd.size);
	cmd.cmd.flags = 0;
	expect_eq(peer_ioctl(p, KDBUS_CMD_NAME_RELEASE, &cmd), 0);
	row("2.6.partly-padded-end");
	cmd.size -= 2;
	expect_eq(peer_ioctl(p, KDBUS_CMD_NAME_ACQUIRE, &cmd), 0);
	row("2.6.garbage-in-padding");
	memset((uint8_t *)&cmd + 24 + 20, 0xff, 4);
	cmd.size = 24 + 24;
	expect_eq(peer_ioctl(p, KDBUS_CMD_NAME_RELEASE, &cmd), 0);
	row("2.6.space-behind-last");
	cmd.size = 24 + 32;
	memset((uint8_t *)&cmd + 24 + 24, 0, 8);
	expect_eq(peer_ioctl(p, KDBUS_CMD_NAME_ACQUIRE, &cmd), -EINVAL);
}

ABI_TEST(item_types)
{
	unsigned flags;
	void *h;

	other = peer();
	row("2.6.item-type");
	for (size_t i = 0; i < N_OF(commands); i++) {
		h = subject(commands[i].nr);
		for (size_t j = 0; j < N_OF(all_types); j++) {
			if (command_knows(&commands[i], all_types[j], &flags))
				continue;
			fill(&commands[i]);
			add_valid(&cmd, all_types[j]);
			expect_eq(node_ioctl(h, commands[i].nr, &cmd), -EINVAL);
		}
	}
}

ABI_TEST(second_item)
{
	unsigned flags;
	void *h;

	other = peer();
	for (size_t i = 0; i < N_OF(commands); i++) {
		h = subject(commands[i].nr);
		for (size_t j = 0; j < N_OF(all_types); j++) {
			if (!command_knows(&commands[i], all_types[j], &flags) ||
			    (flags & MULTIPLE))
				continue;
			row("2.6.duplicate");
			fill(&commands[i]);
			add_valid(&cmd, all_types[j]);
			add_valid(&cmd, all_types[j]);
			expect_eq(node_ioctl(h, commands[i].nr, &cmd), -EINVAL);
		}
		row("2.6.duplicate-negotiate");
		fill(&commands[i]);
		add_valid(&cmd, KDBUS_ITEM_NEGOTIATE);
		add_valid(&cmd, KDBUS_ITEM_NEGOTIATE);
		expect_eq(node_ioctl(h, commands[i].nr, &cmd), -EINVAL);
	}
}

ABI_TEST(mandatory_items)
{
	static struct cmd full;
	uint64_t want[2];

	other = peer();
	for (size_t i = 0; i < N_OF(commands); i++) {
		void *h = subject(commands[i].nr);

		for (size_t j = 0; j < N_OF(commands[i].items); j++) {
			if (!(commands[i].items[j].flags & MANDATORY))
				continue;
			row("2.6.mandatory");
			fill(&commands[i]);
			memcpy(&full, &cmd, sizeof(full));
			cmd.size = commands[i].fixed;
			FOR_EACH_ITEM(item, full.cmd.items, (uint8_t *)&full + full.size)
			if (item->type != commands[i].items[j].type)
				cmd_add(&cmd, item->type, item->data,
					item->size - offsetof(struct kdbus_item, data));
			expect_eq(node_ioctl(h, commands[i].nr, &cmd), -EINVAL);

			row(p1() ? "0.2.30.p1" : "0.2.30.p2");
			cmd.cmd.flags = KDBUS_FLAG_NEGOTIATE;
			want[0] = want[1] = ~0ULL;
			cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, want, sizeof(want));
			expect_eq(node_ioctl(h, commands[i].nr, &cmd), p1() ? -EINVAL : 0);
			row(p1() ? "2.6.p1-mandatory-first" : "2.6.p2-mandatory-last");
			expect_eq(((uint64_t *)((uint8_t *)&cmd + cmd.size))[-1], p1() ? ~0ULL : 0);
		}
	}
}

ABI_TEST(negotiation_of_flags)
{
	struct peer *a = peer();

	other = a;
	for (size_t i = 0; i < N_OF(commands); i++) {
		void *h = subject(commands[i].nr);

		row("2.8.flags");
		fill(&commands[i]);
		if (commands[i].nr == KDBUS_CMD_SEND)
			cmd.send.msg_address = 0;
		cmd.cmd.flags = KDBUS_FLAG_NEGOTIATE;
		cmd.cmd.return_flags = 0;
		expect_eq(node_ioctl(h, commands[i].nr, &cmd), 0);
		expect_eq(cmd.cmd.flags, commands[i].flags);
		expect_eq(cmd.cmd.return_flags, 0);
		row("2.8.no-effect");
		fill(&commands[i]);
		if (commands[i].nr == KDBUS_CMD_SEND)
			cmd.send.msg_address = 0;
		cmd.cmd.flags = KDBUS_FLAG_NEGOTIATE | commands[i].flags;
		expect_eq(node_ioctl(h, commands[i].nr, &cmd), 0);
		expect_eq(cmd.cmd.flags, commands[i].flags);
	}
	expect_nothing(a);
	expect_str(peer_list(a, KDBUS_LIST_NAMES), "");
}

ABI_TEST(negotiation_of_items)
{
	unsigned flags;

	other = peer();
	for (size_t i = 0; i < N_OF(commands); i++) {
		void *h = subject(commands[i].nr);
		__u64 *answer;

		for (int with_flag = 1; with_flag >= 0; with_flag--) {
			/* without the flag the command is executed */
			row(with_flag ? "2.8.items" : "2.8.items-without-flag");
			fill(&commands[i]);
			if (commands[i].nr == KDBUS_CMD_SEND && with_flag)
				cmd.send.msg_address = 0;
			if (with_flag)
				cmd.cmd.flags = KDBUS_FLAG_NEGOTIATE;
			answer = cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, all_types, sizeof(all_types))
					 ->data64;
			if (with_flag)
				expect_eq(node_ioctl(h, commands[i].nr, &cmd), 0);
			else
				node_ioctl(h, commands[i].nr, &cmd);
			for (size_t j = 0; j < N_OF(all_types); j++)
				expect_eq(answer[j],
					  command_knows(&commands[i], all_types[j], &flags)
						  ? all_types[j]
						  : 0);
		}
		row("2.8.negotiate-itself");
		h = subject(commands[i].nr);
		fill(&commands[i]);
		answer = cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, &(uint64_t){KDBUS_ITEM_NEGOTIATE}, 8)
				 ->data64;
		node_ioctl(h, commands[i].nr, &cmd);
		expect_eq(answer[0], (uint64_t)KDBUS_ITEM_NEGOTIATE);
		abi_end();
		abi_begin();
		other = peer();
	}
}

ABI_TEST(negotiation_in_hello)
{
	uint64_t want[3] = {KDBUS_ITEM_NEGOTIATE, KDBUS_ITEM_PAYLOAD_VEC, 0x1000};
	__u64 *answer;
	struct peer *a;
	struct cmd c;
	void *h;

	row("C26");
	hello_init(&c, 0);
	answer = cmd_add(&c, KDBUS_ITEM_NEGOTIATE, want, sizeof(want))->data64;
	expect_eq(hello(&a, &c, NULL, NULL), 0);
	expect_eq(answer[0], 1);
	expect_eq(answer[1], 0);
	expect_eq(answer[2], 0);
	row("C27");
	expect_eq(node_open(B.path, NULL, &h), 0);
	hello_init(&c, KDBUS_FLAG_NEGOTIATE);
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &c), 0);
	expect_eq(c.hello.flags, 0xf);
	expect_eq(c.hello.return_flags, 0);
	expect_eq(c.hello.id, 0);
	expect_eq(carrier->poll(h, POLLIN, 0), POLLERR | POLLHUP);
}

ABI_TEST(message_parse)
{
	struct peer *a = peer(), *b = peer();
	uint8_t *page;
	struct cmd send;
	unsigned flags;

	row("3.12.row1");
	expect_eq(peer_ioctl(peer_monitor(), KDBUS_CMD_SEND, (void *)1), -EOPNOTSUPP);
	row("3.12.row2");
	cmd_init(&send, sizeof(send.send), 1ULL << 5);
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &send), -EINVAL);
	row("3.12.msg-alignment");
	msg_init(&msg, &(struct send){.dst_id = b->id});
	cmd_init(&send, sizeof(send.send), 0);
	send.send.msg_address = (uintptr_t)&msg + 1;
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &send), -EFAULT);
	row("3.12.msg-unreadable");
	send.send.msg_address = 0;
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &send), -EFAULT);
	page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(page + 4096, 4096);
	*(uint64_t *)(page + 4096 - 8) = 64;
	send.send.msg_address = (uintptr_t)page + 4096 - 8;
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &send), -EFAULT);
	munmap(page, 4096);
	row("3.12.msg-too-small");
	msg.size = 63;
	expect_eq(peer_send_msg(a, &msg), -EINVAL);
	row(p1() ? "0.2.19.p1" : "0.2.19.p2");
	msg.size = 32769;
	expect_eq(peer_send_msg(a, &msg), p1() ? -EINVAL : -EMSGSIZE);
	msg.size = 8193;
	expect_eq(peer_send_msg(a, &msg), -EINVAL);

	row("3.12.msg-flags");
	for (unsigned bit = 3; bit < 64; bit++) {
		msg_init(&msg, &(struct send){.dst_id = b->id});
		msg.msg.flags = 1ULL << bit;
		expect_eq(peer_send_msg(a, &msg), -EINVAL);
	}
	row("3.12.msg-walk");
	for (size_t extra = 1; extra < 16; extra++) {
		msg_init(&msg, &(struct send){.dst_id = b->id});
		memset(msg.msg.items, 0, 16);
		msg.size += extra;
		expect_eq(peer_send_msg(a, &msg), -EINVAL);
	}
	for (uint64_t size = 0; size <= 40; size += size == 15 ? 20 : 15) {
		msg_init(&msg, &(struct send){.dst_id = b->id});
		add_valid(&msg, KDBUS_ITEM_PAYLOAD_VEC)->size = size;
		expect_eq(peer_send_msg(a, &msg), -EINVAL);
	}
	row("3.12.msg-items");
	for (size_t i = 0; i < N_OF(all_types); i++) {
		if (command_knows(&message, all_types[i], &flags))
			continue;
		msg_init(&msg, &(struct send){.dst_id = b->id});
		add_valid(&msg, all_types[i]);
		expect_eq(peer_send_msg(a, &msg), -EINVAL);
	}
	row(p1() ? "0.2.16.p1" : "0.2.16.p2");
	static const uint64_t single[] = {KDBUS_ITEM_FDS, KDBUS_ITEM_BLOOM_FILTER,
					  KDBUS_ITEM_DST_NAME};
	for (size_t i = 0; i < N_OF(single); i++) {
		msg_init(&msg, &(struct send){.dst_id = b->id, .flags = 0});
		add_valid(&msg, single[i]);
		add_valid(&msg, single[i]);
		expect_eq(peer_send_msg(a, &msg), p1() ? -EEXIST : -EINVAL);
	}
	row("3.12.msg-memfd-negative");
	msg_init(&msg, &(struct send){.dst_id = b->id});
	add_valid(&msg, KDBUS_ITEM_PAYLOAD_MEMFD)->memfd.fd = -1;
	expect_eq(peer_send_msg(a, &msg), -EBADF);
	row("3.12.order-items-header");
	msg.msg.payload_type = KDBUS_PAYLOAD_KERNEL;
	expect_eq(peer_send_msg(a, &msg), p1() ? -EINVAL : -EBADF);
	expect_nothing(b);
}

ABI_TEST(negotiation_of_messages)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_item *item;
	struct cmd send;
	unsigned flags;

	row("2.8.send-command-only");
	cmd_init(&send, sizeof(send.send), KDBUS_FLAG_NEGOTIATE);
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &send), 0);
	expect_eq(send.send.flags, 1);

	msg_init(&msg, &(struct send){.dst_id = b->id});
	msg.msg.flags = KDBUS_FLAG_NEGOTIATE;
	item = cmd_add(&msg, KDBUS_ITEM_NEGOTIATE, all_types, sizeof(all_types));
	cmd_init(&send, sizeof(send.send), KDBUS_FLAG_NEGOTIATE);
	send.send.msg_address = (uintptr_t)&msg;
	expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &send), 0);
	expect_eq(send.send.flags, 1);
	if (p1()) {
		row("0.2.31.p1");
		expect_eq(msg.msg.flags, (uint64_t)KDBUS_FLAG_NEGOTIATE);
		expect_eq(item->data64[1], all_types[1]);
		expect_eq(peer_send_msg(a, &msg), -EINVAL);
		msg.msg.flags = 0;
		expect_eq(peer_send_msg(a, &msg), -EINVAL);
	} else {
		row("0.2.31.p2");
		expect_eq(msg.msg.flags, 7);
		for (size_t i = 0; i < N_OF(all_types); i++)
			expect_eq(item->data64[i],
				  command_knows(&message, all_types[i], &flags) ? all_types[i] : 0);
		row("2.8.send-message-alone");
		msg_init(&msg, &(struct send){.dst_id = b->id});
		msg.msg.flags = KDBUS_FLAG_NEGOTIATE;
		expect_eq(peer_send_msg(a, &msg), -EINVAL);
		expect_eq(msg.msg.flags, 7);
		row("2.8.send-both-invalid");
		msg_init(&msg, &(struct send){.dst_id = b->id});
		msg.msg.flags = 1ULL << 40;
		cmd_init(&send, sizeof(send.send), KDBUS_FLAG_NEGOTIATE);
		send.send.msg_address = (uintptr_t)&msg;
		expect_eq(peer_ioctl(a, KDBUS_CMD_SEND, &send), -EINVAL);
	}
	row("C50");
	msg_init(&msg, &(struct send){.dst_id = b->id});
	cmd_add(&msg, KDBUS_ITEM_NEGOTIATE, all_types, 8);
	expect_eq(peer_send_msg(a, &msg), -EINVAL);
	expect_nothing(b);
}

/* payload of items: the table of 2.7, each type in a command that knows it, else refused anyway */
ABI_TEST(item_payloads)
{
	static const struct kdbus_vec no_vec, vec = {.size = 1};
	static const struct kdbus_memfd no_memfd, memfd = {.size = 1, .fd = -1};
	static const uint8_t bytes[256] = {0};
	static const struct {
		const char *row;
		unsigned long nr; /* 0: in a message */
		uint64_t type;
		const void *data;
		size_t size;
		int error;
	} cases[] = {
		{"2.7.negotiate", KDBUS_CMD_LIST, KDBUS_ITEM_NEGOTIATE, bytes, 7, -EINVAL},
		{"2.7.negotiate", KDBUS_CMD_LIST, KDBUS_ITEM_NEGOTIATE, bytes, 0, 0},
		{"2.7.vec-size", 0, KDBUS_ITEM_PAYLOAD_VEC, &vec, 15, -EINVAL},
		{"2.7.vec-size", 0, KDBUS_ITEM_PAYLOAD_VEC, bytes, 24, -EINVAL},
		{"2.7.vec-empty", 0, KDBUS_ITEM_PAYLOAD_VEC, &no_vec, 16, -EINVAL},
		{"2.7.memfd-size", 0, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, 23, -EINVAL},
		{"2.7.memfd-size", 0, KDBUS_ITEM_PAYLOAD_MEMFD, bytes, 32, -EINVAL},
		{"2.7.memfd-empty", 0, KDBUS_ITEM_PAYLOAD_MEMFD, &no_memfd, 24, -EINVAL},
		{"2.7.memfd-fd", 0, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, 24, -EBADF},
		{"2.7.fds", 0, KDBUS_ITEM_FDS, bytes, 5, -EINVAL},
		{"2.7.cancel-fd", KDBUS_CMD_SEND, KDBUS_ITEM_CANCEL_FD, bytes, 8, -EINVAL},
		{"2.7.cancel-fd", KDBUS_CMD_SEND, KDBUS_ITEM_CANCEL_FD, bytes, 3, -EINVAL},
		{"2.7.bloom-filter", 0, KDBUS_ITEM_BLOOM_FILTER, bytes, 7, -EINVAL},
		{"2.7.attach-flags", KDBUS_CMD_UPDATE, KDBUS_ITEM_ATTACH_FLAGS_SEND, bytes, 4,
		 -EINVAL},
		{"2.7.attach-flags", KDBUS_CMD_UPDATE, KDBUS_ITEM_ATTACH_FLAGS_RECV, bytes, 16,
		 -EINVAL},
		{"2.7.id", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_ID, bytes, 4, -EINVAL},
		{"2.7.id", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_ID, bytes, 16, -EINVAL},
		{"2.7.dst-id", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_DST_ID, bytes, 4, -EINVAL},
		{"2.7.creds", KDBUS_CMD_HELLO, KDBUS_ITEM_CREDS, bytes, 63, -EINVAL},
		{"2.7.creds", KDBUS_CMD_HELLO, KDBUS_ITEM_CREDS, bytes, 72, -EINVAL},
		{"2.7.pids", KDBUS_CMD_HELLO, KDBUS_ITEM_PIDS, bytes, 16, -EINVAL},
		{"2.7.pids", KDBUS_CMD_HELLO, KDBUS_ITEM_PIDS, bytes, 32, -EINVAL},
		{"2.7.seclabel", KDBUS_CMD_HELLO, KDBUS_ITEM_SECLABEL, "", 0, -EINVAL},
		{"2.7.seclabel", KDBUS_CMD_HELLO, KDBUS_ITEM_SECLABEL, "ab", 2, -EINVAL},
		{"2.7.seclabel", KDBUS_CMD_HELLO, KDBUS_ITEM_SECLABEL, "a\0b", 4, -EINVAL},
		{"2.7.policy-access", KDBUS_CMD_HELLO, KDBUS_ITEM_POLICY_ACCESS, bytes, 23,
		 -EINVAL},
		{"2.7.id-change", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_ID_ADD, bytes, 8, -EINVAL},
		{"2.7.id-change", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_ID_REMOVE, bytes, 24, -EINVAL},
		{"2.7.name", KDBUS_CMD_NAME_RELEASE, KDBUS_ITEM_NAME, "", 0, -EINVAL},
		{"2.7.name", KDBUS_CMD_NAME_RELEASE, KDBUS_ITEM_NAME, "a.b", 3, -EINVAL},
		{"2.7.name", KDBUS_CMD_NAME_RELEASE, KDBUS_ITEM_NAME, "a.b\0", 5, -EINVAL},
		{"2.7.name", KDBUS_CMD_NAME_RELEASE, KDBUS_ITEM_NAME, "a.b", 4, -ESRCH},
		{"2.7.dst-name", 0, KDBUS_ITEM_DST_NAME, "a.b", 3, -EINVAL},
		{"2.7.dst-name", 0, KDBUS_ITEM_DST_NAME, "a\0b", 4, -EINVAL},
		{"2.7.make-name", KDBUS_CMD_BUS_MAKE, KDBUS_ITEM_MAKE_NAME, "x", 1, -EINVAL},
		{"2.7.make-name", KDBUS_CMD_ENDPOINT_MAKE, KDBUS_ITEM_MAKE_NAME, bytes, 65,
		 -ENAMETOOLONG},
		{"2.7.bloom-parameter", KDBUS_CMD_BUS_MAKE, KDBUS_ITEM_BLOOM_PARAMETER, bytes, 15,
		 -EINVAL},
		{"2.7.bloom-parameter", KDBUS_CMD_BUS_MAKE, KDBUS_ITEM_BLOOM_PARAMETER, bytes, 24,
		 -EINVAL},
		{"2.7.name-change", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_NAME_ADD, bytes, 31, -EINVAL},
		{"2.7.name-change", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_NAME_CHANGE, bytes, 34,
		 -EINVAL},
		{"2.7.name-change", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_NAME_REMOVE, bytes, 33, 0},
		{"2.7.name-change", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_NAME_REMOVE, bytes, 32, 0},
		{"2.7.bloom-mask", KDBUS_CMD_MATCH_ADD, KDBUS_ITEM_BLOOM_MASK, bytes, 0, -EDOM},
		{"2.7.unknown", KDBUS_CMD_LIST, 0x7777, bytes, 8, -EINVAL},
	};
	struct peer *p = peer();
	int r;

	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		if (!cases[i].nr) {
			msg_init(&msg, &(struct send){.dst_id = p->id});
			cmd_add(&msg, cases[i].type, cases[i].data, cases[i].size);
			expect_eq(peer_send_msg(p, &msg), cases[i].error);
			continue;
		}
		switch (cases[i].nr) {
		case KDBUS_CMD_HELLO:
			hello_init(&cmd, 0);
			break;
		case KDBUS_CMD_MATCH_ADD:
			match_init(&cmd, 1, 0);
			break;
		case KDBUS_CMD_LIST:
			cmd_init(&cmd, sizeof(cmd.list), 0);
			break;
		case KDBUS_CMD_SEND:
			cmd_init(&cmd, sizeof(cmd.send), 0);
			break;
		default:
			cmd_init(&cmd, sizeof(cmd.cmd), 0);
		}
		cmd_add(&cmd, cases[i].type, cases[i].data, cases[i].size);
		if (cases[i].nr == KDBUS_CMD_BUS_MAKE && cases[i].type != KDBUS_ITEM_MAKE_NAME)
			cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, bus_fresh_name());
		if (cases[i].nr == KDBUS_CMD_HELLO || cases[i].nr == KDBUS_CMD_BUS_MAKE ||
		    cases[i].nr == KDBUS_CMD_ENDPOINT_MAKE)
			r = node_ioctl(subject(cases[i].nr), cases[i].nr, &cmd);
		else
			r = peer_ioctl(p, cases[i].nr, &cmd);
		expect_eq(r, cases[i].error);
	}
	row("2.7.reply-notes");
	expect_eq(peer_drain(p), 0);
}

/* 2.6: what precedes what */
ABI_TEST(order_of_checks)
{
	struct peer *p = peer();

	row("2.6.order-size-before-flags");
	cmd_init(&cmd, sizeof(cmd.cmd), ~0ULL);
	cmd.size = 1;
	expect_eq(peer_ioctl(p, KDBUS_CMD_BYEBYE, &cmd), -EINVAL);
	cmd.size = 40000;
	expect_eq(peer_ioctl(p, KDBUS_CMD_BYEBYE, &cmd), -EMSGSIZE);
	row("2.6.order-flags-before-items");
	cmd_init(&cmd, sizeof(cmd.cmd), 1ULL << 9);
	memset(cmd.space + 3, 'x', 80);
	cmd.size += 80;
	cmd.space[3] = 81;
	cmd.space[4] = KDBUS_ITEM_MAKE_NAME;
	expect_eq(node_ioctl(subject(KDBUS_CMD_ENDPOINT_MAKE), KDBUS_CMD_ENDPOINT_MAKE, &cmd),
		  -EINVAL);
	row("2.6.order-items-in-order");
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add(&cmd, KDBUS_ITEM_MAKE_NAME, NULL, 70);
	cmd_add_u64(&cmd, 0x7777, 0);
	expect_eq(node_ioctl(subject(KDBUS_CMD_ENDPOINT_MAKE), KDBUS_CMD_ENDPOINT_MAKE, &cmd),
		  -ENAMETOOLONG);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, 0x7777, 0);
	cmd_add(&cmd, KDBUS_ITEM_MAKE_NAME, NULL, 70);
	expect_eq(node_ioctl(subject(KDBUS_CMD_ENDPOINT_MAKE), KDBUS_CMD_ENDPOINT_MAKE, &cmd),
		  -EINVAL);
}

ABI_TEST(layout_of_a_match)
{
	struct peer *a = peer(), *b;

	row("B4");
	match_init(&cmd, 1, 0);
	cmd_add_id_change(&cmd, KDBUS_ITEM_ID_ADD, ANY);
	expect_eq(cmd.size, 64);
	expect_eq(cmd.space[4], 32);
	expect_eq(cmd.space[5], 0x8003);
	expect_eq(cmd.space[6], ~0ULL);
	cmd.space[7] = 0x1234;
	expect_eq(peer_match(a, &cmd), 0);
	b = peer();
	expect_id(a, KDBUS_ITEM_ID_ADD, b->id);
}

ABI_TEST(attach_flags)
{
	static const uint64_t any = _KDBUS_ATTACH_ANY, bad = 1ULL << 14, worse = ~0ULL - 1;
	struct peer *p = peer();
	struct cmd c;

	row("2.5.attach-sanitize");
	expect_eq(peer_update_flags(p, &any, &any), 0);
	expect_eq(peer_update_flags(p, &bad, NULL), -EINVAL);
	expect_eq(peer_update_flags(p, NULL, &bad), -EINVAL);
	expect_eq(peer_update_flags(p, &worse, NULL), -EINVAL);
	expect_eq(peer_info(p, p->id, NULL, any, NULL), 0);
	expect_eq(peer_info(p, p->id, NULL, bad, NULL), -EINVAL);
	expect_eq(peer_creator_info(p, any, NULL), 0);
	expect_eq(peer_creator_info(p, bad, NULL), -EINVAL);
	hello_init(&c, 0);
	c.hello.attach_flags_send = c.hello.attach_flags_recv = any;
	expect_eq(hello(NULL, &c, NULL, NULL), 0);
	hello_init(&c, 0);
	c.hello.attach_flags_send = bad;
	expect_eq(hello(NULL, &c, NULL, NULL), -EINVAL);
	hello_init(&c, 0);
	c.hello.attach_flags_recv = bad;
	expect_eq(hello(NULL, &c, NULL, NULL), -EINVAL);
}
