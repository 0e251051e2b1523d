/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matches: reference sections 2.9 and 5 */
#include <errno.h>
#include <string.h>

#include "tests/unit/kernel/kdbus-util.h"

struct scene {
	struct bus bus;
	struct peer a, b;
};

static void scene_init(struct scene *s, unsigned kind)
{
	bus_init(&s->bus, 0);
	peer_init(&s->a, &s->bus, 0);
	peer_init(&s->b, &s->bus, kind);
}

static void scene_deinit(struct scene *s)
{
	peer_deinit(&s->b);
	peer_deinit(&s->a);
	bus_deinit(&s->bus);
}

static void match_init(struct cmd *cmd, uint64_t cookie, uint64_t flags)
{
	cmd_init(cmd, sizeof(cmd->match), flags);
	cmd->match.cookie = cookie;
}

static int match_add(struct peer *peer, struct cmd *cmd)
{
	return peer_command(peer, KDBUS_CMD_MATCH_ADD, cmd);
}

static int match_remove(struct peer *peer, uint64_t cookie)
{
	struct cmd cmd;

	match_init(&cmd, cookie, 0);
	return peer_command(peer, KDBUS_CMD_MATCH_REMOVE, &cmd);
}

static int signal_with(struct peer *peer, const uint64_t *bloom, uint64_t generation)
{
	struct send send = {.flags = KDBUS_MSG_SIGNAL,
			    .dst_id = KDBUS_DST_ID_BROADCAST,
			    .cookie = 5,
			    .bloom = bloom,
			    .generation = generation};

	return peer_send(peer, &send);
}

TEST(no_match_no_broadcast)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		expect_eq(peer_broadcast(&s.a, 1), 0);
		expect_nothing(&s.b);
		peer_match_all(&s.b);
		expect_eq(peer_broadcast(&s.a, 2), 0);
		expect_message(&s.b, s.a.id, 2);
		expect_nothing(&s.b);
		/* to the sender itself as well, if it wants */
		expect_eq(peer_broadcast(&s.b, 3), 0);
		expect_message(&s.b, s.b.id, 3);
		expect_nothing(&s.a);
		scene_deinit(&s);
	}
}

/* C24 */
TEST(equal_cookies_coexist)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		peer_match_all(&s.b);
		peer_match_all(&s.b);
		/* one copy, however many match */
		expect_eq(peer_broadcast(&s.a, 1), 0);
		expect_message(&s.b, s.a.id, 1);
		expect_nothing(&s.b);
		expect_eq(match_remove(&s.b, 0), 0);
		expect_eq(peer_broadcast(&s.a, 1), 0);
		expect_nothing(&s.b);
		expect_eq(match_remove(&s.b, 0), -EBADSLT);
		scene_deinit(&s);
	}
}

/* C25 */
TEST(match_without_rules_gets_everything)
{
	struct peer c;
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		peer_match_everything(&s.b);
		expect_eq(peer_broadcast(&s.a, 1), 0);
		expect_message(&s.b, s.a.id, 1);
		expect_eq(peer_acquire(&s.a, "x.y", 0, NULL), 0);
		expect_name(&s.b, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, s.a.id, KDBUS_NAME_PRIMARY);
		peer_init(&c, &s.bus, 0);
		expect_id(&s.b, KDBUS_ITEM_ID_ADD, c.id);
		/* what is directed at somebody else is none of its business */
		expect_eq(peer_send_to(&s.a, c.id, 1, 0), 0);
		expect_nothing(&s.b);
		peer_deinit(&c);
		scene_deinit(&s);
	}
}

/* 11.26, bloom */
TEST(bloom_masks)
{
	uint8_t masks[128] = {[0] = 0x55, [63] = 0x80, [64 + 1] = 0xaa, [64 + 9] = 0x02};
	uint64_t words[8] = {};
	uint8_t *filter = (uint8_t *)words;
	struct scene s;
	struct cmd cmd;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		memset(filter, 0, 64);
		match_init(&cmd, 1, 0);
		cmd_add(&cmd, KDBUS_ITEM_BLOOM_MASK, masks, sizeof(masks));
		expect_eq(match_add(&s.b, &cmd), 0);

		expect_eq(signal_with(&s.a, words, 0), 0);
		expect_nothing(&s.b);
		filter[0] = 0x55;
		expect_eq(signal_with(&s.a, words, 0), 0);
		expect_nothing(&s.b);
		filter[63] = 0x80;
		expect_eq(signal_with(&s.a, words, 0), 0);
		expect_message(&s.b, s.a.id, 5);
		filter[0] = 0xff;
		filter[30] = 0x10;
		expect_eq(signal_with(&s.a, words, 0), 0);
		expect_message(&s.b, s.a.id, 5);
		expect_eq(signal_with(&s.a, words, 1), 0);
		expect_nothing(&s.b);
		filter[1] = 0xaa;
		filter[9] = 0x02;
		expect_eq(signal_with(&s.a, words, 1), 0);
		expect_message(&s.b, s.a.id, 5);
		/* a generation there is no mask for is tested against the last */
		expect_eq(signal_with(&s.a, words, 7), 0);
		expect_message(&s.b, s.a.id, 5);
		scene_deinit(&s);
	}
}

TEST(bloom_mask_size)
{
	uint8_t mask[128] = {};
	struct scene s;
	struct cmd cmd;

	scene_init(&s, 0);
	for (size_t size = 0; size <= 128; size += 8) {
		match_init(&cmd, 1, 0);
		cmd_add(&cmd, KDBUS_ITEM_BLOOM_MASK, mask, size);
		expect_eq(match_add(&s.b, &cmd), size > 0 && size % 64 == 0 ? 0 : -EDOM);
	}
	/* all zeros match everything */
	expect_eq(peer_broadcast(&s.a, 1), 0);
	expect_message(&s.b, s.a.id, 1);
	scene_deinit(&s);
}

TEST(rule_of_sender_id)
{
	struct peer c;
	struct scene s;
	struct cmd cmd;

	scene_init(&s, 0);
	peer_init(&c, &s.bus, 0);
	match_init(&cmd, 1, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ID, c.id);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(peer_broadcast(&s.a, 1), 0);
	expect_eq(peer_broadcast(&c, 2), 0);
	expect_message(&s.b, c.id, 2);
	expect_nothing(&s.b);
	peer_deinit(&c);
	scene_deinit(&s);
}

/* the name has to be held at that moment; waiting for it is not enough */
TEST(rule_of_sender_name)
{
	struct scene s;
	struct cmd cmd;

	scene_init(&s, 0);
	match_init(&cmd, 1, 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "x.y");
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(peer_broadcast(&s.a, 1), 0);
	expect_nothing(&s.b);
	expect_eq(peer_acquire(&s.b, "x.y", 0, NULL), 0);
	expect_eq(peer_acquire(&s.a, "x.y", KDBUS_NAME_QUEUE, NULL), 0);
	expect_eq(peer_broadcast(&s.a, 2), 0);
	expect_nothing(&s.b);
	expect_eq(peer_release(&s.b, "x.y"), 0);
	expect_eq(peer_broadcast(&s.a, 3), 0);
	expect_message(&s.b, s.a.id, 3);
	match_init(&cmd, 1, 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "x.*");
	expect_eq(match_add(&s.b, &cmd), -EINVAL);
	scene_deinit(&s);
}

/* the id as the sender gave it: 0 when it gave a name only */
TEST(rule_of_destination)
{
	struct scene s;
	struct cmd cmd;

	scene_init(&s, 0);
	struct send by_id = {.flags = KDBUS_MSG_SIGNAL, .dst_id = s.b.id, .cookie = 1};
	struct send by_name = {.flags = KDBUS_MSG_SIGNAL, .dst_name = "x.y", .cookie = 2};

	expect_eq(peer_acquire(&s.b, "x.y", 0, NULL), 0);
	match_init(&cmd, 1, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_DST_ID, s.b.id);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(peer_send(&s.a, &by_id), 0);
	expect_message(&s.b, s.a.id, 1);
	expect_eq(peer_send(&s.a, &by_name), 0);
	expect_eq(peer_broadcast(&s.a, 3), 0);
	expect_nothing(&s.b);
	match_init(&cmd, 1, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_DST_ID, 0);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(peer_send(&s.a, &by_name), 0);
	expect_message(&s.b, s.a.id, 2);
	/* ~0 is both BROADCAST and ANY */
	match_init(&cmd, 1, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_DST_ID, KDBUS_DST_ID_BROADCAST);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(peer_broadcast(&s.a, 3), 0);
	expect_message(&s.b, s.a.id, 3);
	scene_deinit(&s);
}

/* all rules of an entry; rules of the two sorts together never hit */
TEST(all_rules_must_be_satisfied)
{
	struct scene s;
	struct cmd cmd;

	scene_init(&s, 0);
	match_init(&cmd, 1, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ID, s.a.id);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "x.y");
	expect_eq(match_add(&s.b, &cmd), 0);
	match_init(&cmd, 2, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ID, KDBUS_MATCH_ID_ANY);
	cmd_add_name_change(&cmd, KDBUS_ITEM_NAME_ADD, KDBUS_MATCH_ID_ANY, KDBUS_MATCH_ID_ANY,
			    NULL);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(peer_broadcast(&s.a, 1), 0);
	expect_nothing(&s.b);
	expect_eq(peer_acquire(&s.a, "x.y", 0, NULL), 0);
	expect_nothing(&s.b);
	expect_eq(peer_broadcast(&s.a, 2), 0);
	expect_message(&s.b, s.a.id, 2);
	scene_deinit(&s);
}

/* 11.26: id-add, id-remove */
TEST(rules_of_ids)
{
	struct peer c, d;
	struct scene s;
	struct cmd cmd;
	uint64_t id;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		match_init(&cmd, 1, 0);
		cmd_add_id_change(&cmd, KDBUS_ITEM_ID_ADD, KDBUS_MATCH_ID_ANY);
		expect_eq(match_add(&s.b, &cmd), 0);
		peer_init(&c, &s.bus, 0);
		expect_id(&s.b, KDBUS_ITEM_ID_ADD, c.id);
		expect_eq(match_remove(&s.b, 1), 0);
		match_init(&cmd, 1, 0);
		cmd_add_id_change(&cmd, KDBUS_ITEM_ID_REMOVE, c.id);
		expect_eq(match_add(&s.b, &cmd), 0);
		peer_init(&d, &s.bus, 0);
		peer_deinit(&d);
		expect_nothing(&s.b);
		id = c.id;
		peer_deinit(&c);
		expect_id(&s.b, KDBUS_ITEM_ID_REMOVE, id);
		scene_deinit(&s);
	}
}

TEST(rules_of_name_changes)
{
	struct scene s;
	struct cmd cmd;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		/* another name, another new owner, another old owner, another type */
		match_init(&cmd, 1, 0);
		cmd_add_name_change(&cmd, KDBUS_ITEM_NAME_ADD, KDBUS_MATCH_ID_ANY,
				    KDBUS_MATCH_ID_ANY, "x.z");
		expect_eq(match_add(&s.b, &cmd), 0);
		match_init(&cmd, 1, 0);
		cmd_add_name_change(&cmd, KDBUS_ITEM_NAME_ADD, KDBUS_MATCH_ID_ANY, s.b.id, NULL);
		expect_eq(match_add(&s.b, &cmd), 0);
		match_init(&cmd, 1, 0);
		cmd_add_name_change(&cmd, KDBUS_ITEM_NAME_ADD, s.a.id, s.a.id, NULL);
		expect_eq(match_add(&s.b, &cmd), 0);
		match_init(&cmd, 1, 0);
		cmd_add_name_change(&cmd, KDBUS_ITEM_NAME_CHANGE, KDBUS_MATCH_ID_ANY,
				    KDBUS_MATCH_ID_ANY, NULL);
		expect_eq(match_add(&s.b, &cmd), 0);
		expect_eq(peer_acquire(&s.a, "x.y", 0, NULL), 0);
		expect_nothing(&s.b);
		/* the exact one; the old id of an addition is 0 */
		match_init(&cmd, 2, 0);
		cmd_add_name_change(&cmd, KDBUS_ITEM_NAME_ADD, 0, s.a.id, "x.w");
		expect_eq(match_add(&s.b, &cmd), 0);
		expect_eq(peer_acquire(&s.a, "x.w", 0, NULL), 0);
		expect_name(&s.b, KDBUS_ITEM_NAME_ADD, "x.w", 0, 0, s.a.id, KDBUS_NAME_PRIMARY);
		match_init(&cmd, 3, 0);
		cmd_add_name_change(&cmd, KDBUS_ITEM_NAME_REMOVE, s.a.id, 0, "x.w");
		expect_eq(match_add(&s.b, &cmd), 0);
		expect_eq(peer_release(&s.a, "x.w"), 0);
		expect_name(&s.b, KDBUS_ITEM_NAME_REMOVE, "x.w", s.a.id, KDBUS_NAME_PRIMARY, 0, 0);
		scene_deinit(&s);
	}
}

/* 11.26, replace */
TEST(replace)
{
	struct peer c;
	struct scene s;
	struct cmd cmd;
	uint64_t id;

	scene_init(&s, 0);
	match_init(&cmd, 7, 0);
	cmd_add_id_change(&cmd, KDBUS_ITEM_ID_ADD, KDBUS_MATCH_ID_ANY);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(match_add(&s.b, &cmd), 0);
	match_init(&cmd, 7, KDBUS_MATCH_REPLACE);
	cmd_add_id_change(&cmd, KDBUS_ITEM_ID_REMOVE, KDBUS_MATCH_ID_ANY);
	expect_eq(match_add(&s.b, &cmd), 0);
	peer_init(&c, &s.bus, 0);
	expect_nothing(&s.b);
	id = c.id;
	peer_deinit(&c);
	expect_id(&s.b, KDBUS_ITEM_ID_REMOVE, id);
	expect_eq(match_remove(&s.b, 7), 0);
	expect_eq(match_remove(&s.b, 7), -EBADSLT);
	scene_deinit(&s);
}

/* C33 */
TEST(number_of_matches_is_limited)
{
	struct scene s;
	struct cmd cmd;

	scene_init(&s, 0);
	for (uint64_t i = 0; i < 256; i++) {
		match_init(&cmd, i, 0);
		expect_eq(match_add(&s.b, &cmd), 0);
	}
	match_init(&cmd, 300, 0);
	expect_eq(match_add(&s.b, &cmd), -EMFILE);
	match_init(&cmd, 300, KDBUS_MATCH_REPLACE);
	expect_eq(match_add(&s.b, &cmd), -EMFILE);
	match_init(&cmd, 200, KDBUS_MATCH_REPLACE);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(match_remove(&s.b, 200), 0);
	match_init(&cmd, 300, 0);
	expect_eq(match_add(&s.b, &cmd), 0);
	scene_deinit(&s);
}

/* a NEGOTIATE item is answered, and is no rule (2.8) */
TEST(negotiate_item_is_no_rule)
{
	uint64_t types[] = {KDBUS_ITEM_ID, KDBUS_ITEM_FDS};
	struct kdbus_item *item;
	struct scene s;
	struct cmd cmd;

	scene_init(&s, 0);
	match_init(&cmd, 1, 0);
	item = cmd_add(&cmd, KDBUS_ITEM_NEGOTIATE, types, sizeof(types));
	cmd_add_u64(&cmd, KDBUS_ITEM_ID, KDBUS_MATCH_ID_ANY);
	expect_eq(match_add(&s.b, &cmd), 0);
	expect_eq(item->data64[0], KDBUS_ITEM_ID);
	expect_eq(item->data64[1], 0);
	expect_eq(peer_broadcast(&s.a, 1), 0);
	expect_message(&s.b, s.a.id, 1);
	scene_deinit(&s);
}

/* 7.4: the receiver must be allowed to talk to the sender */
TEST(policy_of_broadcasts)
{
	struct peer x, y, holder;
	struct scene s;

	scene_init(&s, 0);
	peer_init_uid(&x, &s.bus, 65534);
	peer_init_uid(&y, &s.bus, 65533);
	peer_match_all(&x);
	peer_match_all(&s.b);
	/* C37 */
	expect_eq(peer_broadcast(&y, 1), 0);
	expect_nothing(&x);
	/* the owner may talk to everybody */
	expect_message(&s.b, y.id, 1);
	expect_eq(peer_broadcast(&s.a, 2), 0);
	expect_message(&s.b, s.a.id, 2);
	expect_nothing(&x);
	peer_init_holder(&holder, &s.bus, "x.y", KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_TALK,
			 65534);
	expect_eq(peer_acquire(&s.a, "x.y", 0, NULL), 0);
	expect_eq(peer_broadcast(&s.a, 3), 0);
	expect_message(&x, s.a.id, 3);
	peer_deinit(&holder);
	expect_eq(peer_broadcast(&s.a, 4), 0);
	expect_nothing(&x);
	peer_deinit(&y);
	peer_deinit(&x);
	scene_deinit(&s);
}
