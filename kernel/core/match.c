// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Matches
 *
 * A match is a list of rules, all of which must be satisfied; a connection gets a
 * message when one of its matches is (reference section 5).  The rules are kept
 * in the form in which they came, as items.  Rules for messages never hit a
 * notification, nor the other way round.
 *
 * Most connections have none: those of classic clients have theirs with the host.  What one has
 * that has some is made with the first, is in bus.matchers, and goes with the last.
 */
#include "kernel/core/args.h"
#include "kernel/core/connection.h"
#include "kernel/core/match.h"
#include "kernel/core/names.h"

/*
 * @link: in matches.list
 * @cookie: by which it will be removed
 * @items_size: bytes of @items
 * @items: the rules
 */
struct kdbus_match {
	struct list_head link;
	u64 cookie;
	u64 items_size;
	struct kdbus_item items[];
};

static bool id_fits(u64 rule, u64 id)
{
	return rule == KDBUS_MATCH_ID_ANY || rule == id;
}

static bool bloom_fits(const struct kdbus_item *rule, const struct kdbus_message *msg)
{
	u64 bloom_size = msg->src->bus->bloom.size;
	u64 n_generations = kdbus_item_payload_size(rule) / bloom_size;
	u64 n_words = bloom_size / sizeof(u64), i;
	const u64 *mask;

	/* a sender that gave no filter leaves the decision to the receiver */
	if (!msg->bloom)
		return true;
	mask = rule->data64 + min_t(u64, msg->bloom_generation, n_generations - 1) * n_words;
	for (i = 0; i < n_words; i++) {
		if ((msg->bloom[i] & mask[i]) != mask[i])
			return false;
	}
	return true;
}

static bool rule_fits_notification(const struct kdbus_item *rule, const struct kdbus_message *msg)
{
	const struct kdbus_notification *n = &msg->notification;

	if (rule->type != n->type)
		return false;

	switch (rule->type) {
	case KDBUS_ITEM_ID_ADD:
		return id_fits(rule->id_change.id, n->new_id);
	case KDBUS_ITEM_ID_REMOVE:
		return id_fits(rule->id_change.id, n->old_id);
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		return id_fits(rule->name_change.old_id.id, n->old_id) &&
		       id_fits(rule->name_change.new_id.id, n->new_id) &&
		       (kdbus_item_payload_size(rule) == sizeof(struct kdbus_notify_name_change) ||
			strcmp(rule->name_change.name, msg->name->name) == 0);
	}
	return false;
}

static bool rule_fits_message(const struct kdbus_item *rule, const struct kdbus_message *msg)
{
	switch (rule->type) {
	case KDBUS_ITEM_BLOOM_MASK:
		return bloom_fits(rule, msg);
	case KDBUS_ITEM_ID:
		return id_fits(rule->id, msg->src->id);
	case KDBUS_ITEM_DST_ID:
		return id_fits(rule->id, msg->dst_id);
	case KDBUS_ITEM_NAME:
		return kdbus_name_is_held_by(msg->src, rule->str);
	}
	return false;
}

static bool match_fits(const struct kdbus_match *match, const struct kdbus_message *msg)
{
	const struct kdbus_item *rule;

	kdbus_items_for_each(rule, match->items, (const u8 *)match->items + match->items_size) {
		if (rule->type == KDBUS_ITEM_NEGOTIATE)
			continue;
		if (msg->is_notification ? !rule_fits_notification(rule, msg)
					 : !rule_fits_message(rule, msg))
			return false;
	}
	return true;
}

bool kdbus_match_hits(const struct kdbus_matches *matches, const struct kdbus_message *msg)
{
	struct kdbus_match *match;

	list_for_each_entry(match, &matches->list, link) {
		if (match_fits(match, msg))
			return true;
	}
	return false;
}

static u32 match_count(const struct kdbus_matches *matches, u64 cookie)
{
	struct kdbus_match *match;
	u32 n = 0;

	list_for_each_entry(match, &matches->list, link) {
		if (match->cookie == cookie)
			n++;
	}
	return n;
}

static u32 match_remove(struct kdbus_matches *matches, u64 cookie)
{
	struct kdbus_match *match, *tmp;
	u32 n = 0;

	list_for_each_entry_safe(match, tmp, &matches->list, link) {
		if (match->cookie != cookie)
			continue;
		list_del_init(&match->link);
		kfree(match);
		n++;
	}
	matches->n -= n;
	return n;
}

static int matches_new(struct kdbus_conn *conn)
{
	struct kdbus_matches *matches;

	matches = kzalloc(sizeof(*matches), GFP_KERNEL_ACCOUNT);
	if (!matches)
		return -ENOMEM;
	matches->conn = conn;
	INIT_LIST_HEAD(&matches->list);
	list_add_tail(&matches->bus_link, &conn->bus->matchers);
	conn->matches = matches;
	return 0;
}

static void matches_free_empty(struct kdbus_conn *conn)
{
	struct kdbus_matches *matches = conn->matches;

	if (matches->n > 0)
		return;
	list_del_init(&matches->bus_link);
	kfree(matches);
	conn->matches = NULL;
}

void kdbus_match_remove_all(struct kdbus_conn *conn)
{
	struct kdbus_match *match, *tmp;

	if (!conn->matches)
		return;
	list_for_each_entry_safe(match, tmp, &conn->matches->list, link) {
		list_del_init(&match->link);
		kfree(match);
	}
	conn->matches->n = 0;
	matches_free_empty(conn);
}

static const struct kdbus_args_rule match_add_rule = {
	.size = sizeof(struct kdbus_cmd_match),
	.flags = KDBUS_MATCH_REPLACE,
	.n_args = 9,
	.args =
		{
			{KDBUS_ITEM_BLOOM_MASK, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_NAME, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_ID, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_DST_ID, KDBUS_ARG_MULTIPLE | KDBUS_ARG_P2},
			{KDBUS_ITEM_NAME_ADD, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_NAME_REMOVE, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_NAME_CHANGE, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_ID_ADD, KDBUS_ARG_MULTIPLE},
			{KDBUS_ITEM_ID_REMOVE, KDBUS_ARG_MULTIPLE},
		},
};

static int match_check_rules(const struct kdbus_conn *conn, const struct kdbus_args *args)
{
	const struct kdbus_item *rule;
	u64 size;

	kdbus_items_for_each(rule, args->items, args->items_end) {
		switch (rule->type) {
		case KDBUS_ITEM_BLOOM_MASK:
			size = kdbus_item_payload_size(rule);
			if (size == 0 || size % conn->bus->bloom.size != 0)
				return -EDOM;
			break;
		case KDBUS_ITEM_NAME:
			if (!kdbus_name_is_valid(rule->str, false))
				return -EINVAL;
			break;
		}
	}
	return 0;
}

static int match_insert(struct kdbus_conn *conn, struct kdbus_match *match, bool replaces)
{
	struct kdbus_matches *matches;
	u32 n_replaced;
	int r;

	if (!conn->is_connected)
		return -ECONNRESET;
	if (!conn->matches) {
		r = matches_new(conn);
		if (r < 0)
			return r;
	}
	matches = conn->matches;
	n_replaced = replaces ? match_count(matches, match->cookie) : 0;
	if (matches->n - n_replaced >= kdbus_limit(conn->bus->domain, n_matches_conn)) {
		matches_free_empty(conn);
		return -EMFILE;
	}
	if (n_replaced > 0)
		match_remove(matches, match->cookie);
	list_add_tail(&match->link, &matches->list);
	matches->n++;
	return 0;
}

int kdbus_cmd_match_add(struct kdbus_conn *conn, struct kdbus_cmd_match *cmd)
{
	struct kdbus_match *match;
	struct kdbus_args args;
	u64 size;
	int r;

	if (!kdbus_conn_is_ordinary(conn))
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&match_add_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;
	r = match_check_rules(conn, &args);
	if (r < 0)
		return r;

	size = (const u8 *)args.items_end - (const u8 *)args.items;
	match = kzalloc(sizeof(*match) + KDBUS_ALIGN8(size), GFP_KERNEL_ACCOUNT);
	if (!match)
		return -ENOMEM;
	match->cookie = cmd->cookie;
	match->items_size = size;
	memcpy(match->items, args.items, size);

	kdbus_bus_lock(conn->bus);
	r = match_insert(conn, match, args.flags & KDBUS_MATCH_REPLACE);
	kdbus_bus_unlock(conn->bus);
	if (r < 0)
		kfree(match);
	return r;
}

static const struct kdbus_args_rule match_remove_rule = {
	.size = sizeof(struct kdbus_cmd_match),
};

int kdbus_cmd_match_remove(struct kdbus_conn *conn, struct kdbus_cmd_match *cmd)
{
	struct kdbus_args args;
	int r;

	if (!kdbus_conn_is_ordinary(conn))
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&match_remove_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	kdbus_bus_lock(conn->bus);
	if (!conn->is_connected) {
		r = -ECONNRESET;
	} else if (!conn->matches || match_remove(conn->matches, cmd->cookie) == 0) {
		r = -EBADSLT;
	} else {
		matches_free_empty(conn);
		r = 0;
	}
	kdbus_bus_unlock(conn->bus);
	return r;
}
