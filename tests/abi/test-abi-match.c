/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* MATCH_ADD, MATCH_REMOVE, and what a match lets through */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/abi/client.h"

static struct cmd m;

ABI_TEST(match_errors)
{
	static const uint8_t zeros[256];
	struct peer *a = peer();

	row("5.1.bloom-size");
	for (size_t size = 0; size <= 192; size += 8) {
		match_init(&m, 1, 0);
		cmd_add(&m, KDBUS_ITEM_BLOOM_MASK, zeros, size);
		expect_eq(peer_match(a, &m), size > 0 && size % 64 == 0 ? 0 : -EDOM);
	}
	row("5.1.name");
	match_init(&m, 1, 0);
	cmd_add_str(&m, KDBUS_ITEM_NAME, "nodot");
	expect_eq(peer_match(a, &m), -EINVAL);
	match_init(&m, 1, 0);
	cmd_add_str(&m, KDBUS_ITEM_NAME, "a.b.*");
	expect_eq(peer_match(a, &m), -EINVAL);
	row("5.1.name-of-change-unchecked");
	match_init(&m, 1, 0);
	cmd_add_name_change(&m, KDBUS_ITEM_NAME_ADD, ANY, ANY, "..");
	expect_eq(peer_match(a, &m), 0);
	row("5.1.order-in-items");
	match_init(&m, 1, 0);
	cmd_add_str(&m, KDBUS_ITEM_NAME, "nodot");
	cmd_add(&m, KDBUS_ITEM_BLOOM_MASK, zeros, 8);
	expect_eq(peer_match(a, &m), -EINVAL);
	match_init(&m, 1, 0);
	cmd_add(&m, KDBUS_ITEM_BLOOM_MASK, zeros, 8);
	cmd_add_str(&m, KDBUS_ITEM_NAME, "nodot");
	expect_eq(peer_match(a, &m), -EDOM);
}

ABI_TEST(number_of_matches)
{
	struct peer *a = peer();

	row("9.matches");
	for (unsigned i = 0; i < 256; i++) {
		match_init(&m, i, 0);
		expect_eq(peer_match(a, &m), 0);
	}
	row("5.1.emfile");
	match_init(&m, 999, 0);
	expect_eq(peer_match(a, &m), -EMFILE);
	row("C33");
	match_init(&m, 7, KDBUS_MATCH_REPLACE);
	expect_eq(peer_match(a, &m), 0);
	match_init(&m, 999, KDBUS_MATCH_REPLACE);
	expect_eq(peer_match(a, &m), -EMFILE);
	row("5.1.emfile-keeps");
	expect_eq(peer_unmatch(a, 7), 0);
	expect_eq(peer_match(a, &m), 0);
}

ABI_TEST(cookies)
{
	struct peer *a = peer(), *b = peer();

	row("C24");
	for (unsigned i = 0; i < 2; i++) {
		match_init(&m, 7, 0);
		expect_eq(peer_match(a, &m), 0);
	}
	expect_eq(peer_broadcast(b, 1), 0);
	row("5.3.once");
	expect_message(a, b->id, 1);
	expect_nothing(a);
	expect_eq(peer_unmatch(a, 7), 0);
	row("5.2.unknown-cookie");
	expect_eq(peer_unmatch(a, 7), -EBADSLT);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_nothing(a);
	row("5.2.other-connection");
	match_init(&m, 7, 0);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_unmatch(b, 7), -EBADSLT);
}

ABI_TEST(replace)
{
	struct peer *a = peer(), *b;

	row("11.26.replace");
	match_init(&m, 7, 0);
	cmd_add_id_change(&m, KDBUS_ITEM_ID_ADD, ANY);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_match(a, &m), 0);
	match_init(&m, 7, KDBUS_MATCH_REPLACE);
	cmd_add_id_change(&m, KDBUS_ITEM_ID_REMOVE, ANY);
	expect_eq(peer_match(a, &m), 0);
	b = peer();
	expect_nothing(a);
	peer_close(b);
	expect_id(a, KDBUS_ITEM_ID_REMOVE, b->id);
	row("5.1.replace-failed");
	match_init(&m, 7, KDBUS_MATCH_REPLACE);
	cmd_add_str(&m, KDBUS_ITEM_NAME, "nodot");
	expect_eq(peer_match(a, &m), -EINVAL);
	peer_close(peer());
	expect_eq(peer_drain(a), 1);
}

ABI_TEST(without_rules)
{
	struct peer *a = peer(), *b = peer(), *stranger = peer_uid(OTHER_UID);

	row("C25");
	peer_match_empty(a);
	peer_match_empty(stranger);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_message(a, b->id, 1);
	expect_nothing(stranger);
	expect_eq(peer_acquire(b, "a.b", 0), 0);
	row("5.3.empty-hits-notifications");
	expect_name(a, KDBUS_ITEM_NAME_ADD, "a.b", 0, 0, b->id, KDBUS_NAME_PRIMARY);
	expect_name(stranger, KDBUS_ITEM_NAME_ADD, "a.b", 0, 0, b->id, KDBUS_NAME_PRIMARY);
}

ABI_TEST(kinds_of_rules)
{
	struct peer *a = peer(), *b = peer();

	row("5.3.kernel-rule-hits-no-message");
	match_init(&m, 1, 0);
	cmd_add_u64(&m, KDBUS_ITEM_ID, ANY);
	cmd_add_id_change(&m, KDBUS_ITEM_ID_ADD, ANY);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_nothing(a);
	row("5.3.user-rule-hits-no-notification");
	peer();
	expect_nothing(a);
	expect_eq(peer_unmatch(a, 1), 0);
	peer_match_all(a);
	peer();
	expect_nothing(a);
	row("5.3.all-rules-of-one-type");
	match_init(&m, 2, 0);
	cmd_add_id_change(&m, KDBUS_ITEM_ID_ADD, ANY);
	cmd_add_id_change(&m, KDBUS_ITEM_ID_REMOVE, ANY);
	expect_eq(peer_match(a, &m), 0);
	peer_close(peer());
	expect_nothing(a);
}

ABI_TEST(rule_id)
{
	struct peer *a = peer(), *b = peer(), *c = peer();

	row("5.3.id");
	match_init(&m, 1, 0);
	cmd_add_u64(&m, KDBUS_ITEM_ID, b->id);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_eq(peer_broadcast(c, 2), 0);
	expect_message(a, b->id, 1);
	expect_nothing(a);
	row("5.3.all-rules");
	expect_eq(peer_unmatch(a, 1), 0);
	match_init(&m, 1, 0);
	cmd_add_u64(&m, KDBUS_ITEM_ID, b->id);
	cmd_add_u64(&m, KDBUS_ITEM_ID, c->id);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_nothing(a);
	row("5.3.any-entry");
	match_init(&m, 2, 0);
	cmd_add_u64(&m, KDBUS_ITEM_ID, c->id);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_broadcast(c, 1), 0);
	expect_message(a, c->id, 1);
}

ABI_TEST(rule_dst_id)
{
	struct peer *a = peer(), *b = peer();

	match_init(&m, 1, 0);
	cmd_add_u64(&m, KDBUS_ITEM_DST_ID, a->id);
	if (p1()) {
		row("0.2.1.p1");
		expect_eq(peer_match(a, &m), -EINVAL);
		return;
	}
	row("0.2.1.p2");
	expect_eq(peer_match(a, &m), 0);
	row("5.3.dst-id");
	expect_eq(peer_send(b, &(struct send){.flags = KDBUS_MSG_SIGNAL, .dst_id = a->id}), 0);
	expect_eq(peer_drain(a), 1);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_nothing(a);
	row("5.3.dst-id-any");
	match_init(&m, 1, 0);
	cmd_add_u64(&m, KDBUS_ITEM_DST_ID, ANY);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_eq(peer_drain(a), 1);
}

ABI_TEST(rule_name)
{
	struct peer *a = peer(), *b = peer(), *c = peer();

	row("5.3.name");
	match_init(&m, 1, 0);
	cmd_add_str(&m, KDBUS_ITEM_NAME, "x.y");
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_nothing(a);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_message(a, b->id, 1);
	row("5.3.name-waiting");
	expect_eq(peer_acquire(c, "x.y", KDBUS_NAME_QUEUE), 0);
	expect_eq(peer_broadcast(c, 1), 0);
	expect_nothing(a);
}

ABI_TEST(rule_bloom)
{
	uint8_t mask[128] = {0}, filter[64];
	struct peer *a = peer(), *b = peer();
	struct send s = {.flags = KDBUS_MSG_SIGNAL, .dst_id = BROADCAST, .bloom = (void *)filter};

	row("11.26.bloom");
	mask[0] = 0x55;
	mask[63] = 0x80;
	mask[64 + 1] = 0xaa;
	mask[64 + 9] = 0x02;
	match_init(&m, 1, 0);
	cmd_add(&m, KDBUS_ITEM_BLOOM_MASK, mask, sizeof(mask));
	expect_eq(peer_match(a, &m), 0);
	memset(filter, 0, sizeof(filter));
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 0);
	filter[0] = 0x55;
	filter[63] = 0x80;
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 1);
	row("2.9.superset");
	filter[0] = 0x5d;
	filter[2] = 1;
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 1);
	row("2.9.generation");
	s.generation = 1;
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 0);
	filter[1] = 0xaa;
	filter[9] = 0x02;
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 1);
	row("2.9.generation-beyond");
	s.generation = 77;
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 1);
	filter[9] = 0;
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 0);
	row("2.9.zero-mask");
	memset(mask, 0, sizeof(mask));
	match_init(&m, 2, 0);
	cmd_add(&m, KDBUS_ITEM_BLOOM_MASK, mask, 64);
	expect_eq(peer_match(a, &m), 0);
	memset(filter, 0, sizeof(filter));
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 1);
	row("2.9.last-word");
	expect_eq(peer_unmatch(a, 2), 0);
	expect_eq(peer_unmatch(a, 1), 0);
	mask[63] = 1;
	match_init(&m, 2, 0);
	cmd_add(&m, KDBUS_ITEM_BLOOM_MASK, mask, 64);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_send(b, &s), 0);
	expect_eq(peer_drain(a), 0);
}

ABI_TEST(rules_of_ids)
{
	struct peer *a = peer(), *b, *c;

	row("11.26.id-add");
	peer_match_type(a, KDBUS_ITEM_ID_ADD);
	b = peer();
	expect_id(a, KDBUS_ITEM_ID_ADD, b->id);
	row("11.26.id-remove");
	match_init(&m, 2, 0);
	cmd_add_id_change(&m, KDBUS_ITEM_ID_REMOVE, b->id);
	expect_eq(peer_match(a, &m), 0);
	c = peer();
	peer_drain(a);
	peer_close(c);
	expect_nothing(a);
	peer_close(b);
	expect_id(a, KDBUS_ITEM_ID_REMOVE, b->id);
	row("5.3.id-add-id");
	expect_eq(peer_unmatch(a, 1), 0);
	match_init(&m, 1, 0);
	cmd_add_id_change(&m, KDBUS_ITEM_ID_ADD, 0xfffff);
	expect_eq(peer_match(a, &m), 0);
	peer();
	expect_nothing(a);
}

ABI_TEST(rules_of_names)
{
	static const struct {
		const char *row;
		uint64_t type, old_id, new_id; /* 1: b, 2: c, 3: nobody's */
		const char *name;
		unsigned n; /* how many of: x.y added to b, changed to c, removed; x.z added to b */
	} cases[] = {
		{"5.3.name-add", KDBUS_ITEM_NAME_ADD, ANY, ANY, NULL, 2},
		{"5.3.name-add", KDBUS_ITEM_NAME_ADD, ANY, ANY, "x.y", 1},
		{"5.3.name-add", KDBUS_ITEM_NAME_ADD, 0, 1, NULL, 2},
		{"5.3.name-add", KDBUS_ITEM_NAME_ADD, 3, 1, NULL, 0},
		{"5.3.name-add", KDBUS_ITEM_NAME_ADD, ANY, 2, NULL, 0},
		{"5.3.name-change", KDBUS_ITEM_NAME_CHANGE, 1, 2, "x.y", 1},
		{"5.3.name-change", KDBUS_ITEM_NAME_CHANGE, 2, ANY, "x.y", 0},
		{"5.3.name-change", KDBUS_ITEM_NAME_CHANGE, ANY, 1, NULL, 0},
		{"5.3.name-change", KDBUS_ITEM_NAME_CHANGE, ANY, ANY, "x.z", 0},
		{"5.3.name-remove", KDBUS_ITEM_NAME_REMOVE, 2, 0, NULL, 1},
		{"5.3.name-remove", KDBUS_ITEM_NAME_REMOVE, 1, ANY, NULL, 0},
		{"5.3.name-remove", KDBUS_ITEM_NAME_REMOVE, ANY, 3, NULL, 0},
	};
	struct peer *a = peer(), *b = peer(), *c = peer();

	for (size_t i = 0; i < N_OF(cases); i++) {
		uint64_t ids[] = {0, b->id, c->id, 0xfffff};
		uint64_t old_id = cases[i].old_id, new_id = cases[i].new_id;

		row(cases[i].row);
		match_init(&m, 1, 0);
		cmd_add_name_change(&m, cases[i].type, old_id == ANY ? ANY : ids[old_id],
				    new_id == ANY ? ANY : ids[new_id], cases[i].name);
		expect_eq(peer_match(a, &m), 0);
		expect_eq(peer_acquire(b, "x.y", 0), 0);
		expect_eq(peer_acquire(c, "x.y", KDBUS_NAME_QUEUE), 0);
		expect_eq(peer_release(b, "x.y"), 0);
		expect_eq(peer_release(c, "x.y"), 0);
		expect_eq(peer_acquire(b, "x.z", 0), 0);
		expect_eq(peer_drain(a), cases[i].n);
		expect_eq(peer_unmatch(a, 1), 0);
		expect_eq(peer_release(b, "x.z"), 0);
	}
	row("11.26.names");
	peer_match_notifications(a);
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_name(a, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, a->id, KDBUS_NAME_PRIMARY);
	expect_eq(peer_acquire(b, "x.y", KDBUS_NAME_QUEUE), 0);
	expect_eq(peer_release(a, "x.y"), 0);
	expect_name(a, KDBUS_ITEM_NAME_CHANGE, "x.y", a->id, KDBUS_NAME_PRIMARY, b->id,
		    KDBUS_NAME_PRIMARY | KDBUS_NAME_QUEUE);
}

ABI_TEST(rule_flags_are_ignored)
{
	struct kdbus_item *item;
	struct peer *a = peer(), *b = peer();

	row("5.3.flags-ignored");
	match_init(&m, 1, 0);
	cmd_add_name_change(&m, KDBUS_ITEM_NAME_ADD, ANY, ANY, NULL);
	item = m.match.items;
	item->name_change.old_id.flags = 77;
	item->name_change.new_id.flags = 77;
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_acquire(b, "x.y", 0), 0);
	expect_eq(peer_drain(a), 1);
	row("2.8.match-negotiate-is-no-rule");
	match_init(&m, 2, 0);
	cmd_add_u64(&m, KDBUS_ITEM_NEGOTIATE, KDBUS_ITEM_ID);
	expect_eq(peer_match(a, &m), 0);
	expect_eq(peer_broadcast(b, 1), 0);
	expect_eq(peer_drain(a), 1);
	expect_eq(peer_unmatch(a, 2), 0);
}
