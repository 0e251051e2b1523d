/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules: the tree they are found by
 *
 * A tree whose edges are terms.  Rules with the same first terms share the way
 * from the root; at each node the subject says which edges are worth a look.  All
 * nodes lie in one hash table, keyed by their level and value:
 *
 *	root -- sender ------ "org.freedesktop.DBus" -- arg ---- 0 "a.b"
 *	     |                                              `--- 0 "c.d"
 *	     `- interface --- "x.Y" member "Z"
 *
 *	node		one value; the subscriptions of the rule that ends here
 *	level		a node's children of one kind (key and argument number)
 *	subscription	one rule of one owner, with a count
 *
 * A node that has only one rule below it holds the rest of that rule as a tail,
 * to be compared directly.  A second rule that shares part of the tail splits it.
 * So most rules cost one node and one subscription.
 *
 * What a look-up costs: one probe for each kind of exact term at each node that is
 * reached, and one for each step of a hierarchical value (path_namespace, argNpath,
 * arg0namespace).  Nodes are reached by values that the subject has, never by
 * trying.  argNpath rules also match subjects that end in '/' and lie above them:
 * nodes of such levels are in a skip list, ordered by value, in which those form a
 * range.
 *
 * Values are chosen by clients: the table's hash is keyed.  Hierarchical values
 * hash step by step, each one keyed by the hash of what is above it, so that all
 * steps of a long value together cost no more than its length.
 *
 * The registry belongs to the bus.  An owner is embedded in a client, which clears
 * it before it goes.  A registry has no idea of connections or delivery.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "proxy/match-tree.h"

#define MIN_BUCKETS 64u

/* values */

static struct match_value rule_value(const struct match_rule *rule, unsigned i)
{
	const struct match_term *term = &rule->terms[i];

	return (struct match_value){
		.key = term->key,
		.arg = term->arg,
		.len = term->len,
		.text = rule->text + term->at,
	};
}

static bool value_equals(const struct match_value *a, const struct match_value *b)
{
	return a->key == b->key && a->arg == b->arg && a->len == b->len &&
	       memcmp(a->text, b->text, a->len) == 0;
}

unsigned match_node_values(const struct match_node *node, struct match_value *values)
{
	unsigned n = 0;

	for (const struct match_node *at = node; at->level; at = at->level->parent)
		n += at == node ? at->n_terms - at->own : 1;
	for (unsigned end = n; node->level; node = node->level->parent) {
		unsigned first = end == n ? end - (node->n_terms - node->own) : end - 1;

		for (unsigned i = first; i < end; i++)
			values[i] = match_node_value(node, node->own + i - first);
		end = first;
	}
	return n;
}

/* hashes */

uint32_t match_next_step(enum match_key key, const char *text, uint32_t len, uint32_t at)
{
	char separator = key == MATCH_ARG_NAMESPACE ? '.' : '/';

	/* directories include their '/', elements of a namespace begin with the separator */
	if (key == MATCH_ARG_PATH) {
		while (at < len && text[at] != separator)
			at++;
		return at < len ? at + 1 : len;
	}
	for (at++; at < len && text[at] != separator; at++)
		;
	return at;
}

uint64_t match_hash_step(const struct match_registry *registry, uint64_t above, const char *text,
			 uint32_t len)
{
	struct siphash_key key = registry->key;

	key.key[0] ^= above;
	key.key[1] += above;
	return siphash(text, len, &key);
}

/* the namespace "/" is everything, the empty value of its kind */
static uint32_t value_length(const struct match_value *value)
{
	return value->key == MATCH_PATH_NAMESPACE && value->len == 1 ? 0 : value->len;
}

static uint64_t hash_value(const struct match_registry *registry, const struct match_value *value)
{
	uint32_t len = value_length(value), end;
	uint64_t hash = 0;

	if (!match_key_is_hierarchical(value->key))
		return siphash(value->text, value->len, &registry->key);
	for (uint32_t at = 0; at < len; at = end) {
		end = match_next_step(value->key, value->text, len, at);
		hash = match_hash_step(registry, hash, value->text + at, end - at);
	}
	return hash;
}

static struct hlist_head *bucket_of(const struct match_registry *registry,
				    const struct match_level *level, uint64_t hash)
{
	uint64_t mixed = (hash ^ (uintptr_t)level) * UINT64_C(0x9e3779b97f4a7c15);

	return &registry->buckets[(mixed >> 32) & (registry->n_buckets - 1)];
}

struct match_node *match_find_child(const struct match_registry *registry,
				    const struct match_level *level, uint64_t hash,
				    const char *text, uint32_t len)
{
	struct match_node *node;

	hlist_for_each_entry(node, bucket_of(registry, level, hash), hash_link) {
		struct match_value value;

		if (node->hash != hash || node->level != level)
			continue;
		value = match_node_value(node, node->own);
		if (value_length(&value) == len && memcmp(value.text, text, len) == 0)
			return node;
	}
	return NULL;
}

static void resize_table(struct match_registry *registry, uint32_t n_buckets)
{
	struct hlist_head *buckets, *old = registry->buckets;
	uint32_t n_old = registry->n_buckets;
	struct hlist_node *tmp;
	struct match_node *node;

	/* a table that stays as it is costs time, nothing else */
	buckets = calloc(n_buckets, sizeof(*buckets));
	if (!buckets)
		return;
	registry->buckets = buckets;
	registry->n_buckets = n_buckets;
	for (uint32_t i = 0; i < n_old; i++) {
		hlist_for_each_entry_safe(node, tmp, &old[i], hash_link) {
			hlist_del(&node->hash_link);
			hlist_add_head(&node->hash_link,
				       bucket_of(registry, node->level, node->hash));
		}
	}
	free(old);
}

/* skip lists of MATCH_ARG_PATH levels */

static int compare_text(const struct match_value *value, const char *text, uint32_t len)
{
	uint32_t common = value->len < len ? value->len : len;
	int r = memcmp(value->text, text, common);

	return r ? r : value->len < len ? -1 : value->len > len;
}

/* for each height, what points to the first node not below @text */
static void sorted_find(struct match_level *level, const char *text, uint32_t len,
			struct match_node **before[MATCH_MAX_HEIGHT])
{
	struct match_node **links = level->first;

	for (int h = MATCH_MAX_HEIGHT - 1; h >= 0; h--) {
		while (links[h]) {
			struct match_value value = match_node_value(links[h], links[h]->own);

			if (compare_text(&value, text, len) >= 0)
				break;
			links = links[h]->after;
		}
		before[h] = &links[h];
	}
}

struct match_node *match_find_sorted(struct match_level *level, const char *text, uint32_t len)
{
	struct match_node **before[MATCH_MAX_HEIGHT];

	sorted_find(level, text, len, before);
	return *before[0];
}

static void sorted_add(struct match_level *level, struct match_node *node)
{
	struct match_node **before[MATCH_MAX_HEIGHT];
	struct match_value value = match_node_value(node, node->own);

	sorted_find(level, value.text, value.len, before);
	for (unsigned h = 0; h < node->height; h++) {
		node->after[h] = *before[h];
		*before[h] = node;
	}
}

static void sorted_remove(struct match_level *level, struct match_node *node)
{
	struct match_node **before[MATCH_MAX_HEIGHT];
	struct match_value value = match_node_value(node, node->own);

	sorted_find(level, value.text, value.len, before);
	for (unsigned h = 0; h < node->height; h++)
		*before[h] = node->after[h];
}

/* levels and nodes */

static bool is_party(enum match_key key)
{
	return key == MATCH_SENDER || key == MATCH_DESTINATION;
}

static struct match_level *find_level(const struct match_node *node, enum match_key key,
				      unsigned arg)
{
	for (struct match_level *level = node->levels; level; level = level->next)
		if (level->key == key && level->arg == arg)
			return level;
	return NULL;
}

/* finds or makes the level of @node for such values */
static struct match_level *get_level(struct match_node *node, const struct match_value *value)
{
	struct match_level *level = find_level(node, value->key, value->arg);
	size_t n_first = value->key == MATCH_ARG_PATH ? MATCH_MAX_HEIGHT : 0;

	if (level)
		return level;
	level = calloc(1, sizeof(*level) + n_first * sizeof(level->first[0]));
	if (!level)
		return NULL;
	level->parent = node;
	level->key = value->key;
	level->arg = value->arg;
	level->next = node->levels;
	node->levels = level;
	return level;
}

static void put_level(struct match_level *level)
{
	struct match_level **link = &level->parent->levels;

	if (level->n_children)
		return;
	while (*link != level)
		link = &(*link)->next;
	*link = level->next;
	free(level);
}

/**
 * struct place - what a node needs in order to be in a level
 *
 * Made before anything changes, so that linking a node cannot fail.
 */
struct place {
	uint64_t hash;
	struct match_node **after;
	uint8_t height;
};

static int place_init(struct place *place, const struct match_registry *registry,
		      const struct match_value *value)
{
	*place = (struct place){.hash = hash_value(registry, value)};
	if (value->key != MATCH_ARG_PATH)
		return 0;
	/* a quarter of the nodes reaches the next height; the hash is as good as dice */
	place->height = 1;
	for (uint64_t dice = place->hash; place->height < MATCH_MAX_HEIGHT && !(dice & 3);
	     dice >>= 2)
		place->height++;
	place->after = calloc(place->height, sizeof(*place->after));
	return place->after ? 0 : -ENOMEM;
}

/* puts a node into a level, by its own value; takes over @place */
static void link_node(struct match_registry *registry, struct match_level *level,
		      struct match_node *node, struct place *place)
{
	struct match_value value = match_node_value(node, node->own);

	node->hash = place->hash;
	node->after = steal(place->after);
	node->height = place->height;
	if (level->key == MATCH_ARG_PATH)
		sorted_add(level, node);
	node->level = level;
	level->n_children++;
	if (value.len > level->longest)
		level->longest = value.len;
	if (is_party(level->key) && value.text[0] != ':')
		level->n_well_known++;
	hlist_add_head(&node->hash_link, bucket_of(registry, level, node->hash));
}

/* takes a node out of its level; @place can put one of the same value in again */
static void unlink_node(struct match_node *node, struct place *place)
{
	struct match_value value = match_node_value(node, node->own);
	struct match_level *level = node->level;

	hlist_del(&node->hash_link);
	if (level->key == MATCH_ARG_PATH)
		sorted_remove(level, node);
	if (is_party(level->key) && value.text[0] != ':')
		level->n_well_known--;
	level->n_children--;
	node->level = NULL;
	*place = (struct place){node->hash, steal(node->after), node->height};
}

static struct match_node *new_node(const struct match_value *values, unsigned n_values)
{
	struct match_node *node;
	size_t n_text = 0;
	char *text;

	for (unsigned i = 0; i < n_values; i++)
		n_text += values[i].len;
	node = calloc(1, sizeof(*node) + n_values * sizeof(node->terms[0]) + n_text);
	if (!node)
		return NULL;
	INIT_LIST_HEAD(&node->subscriptions);
	node->n_terms = n_values;
	text = (char *)(node->terms + n_values);
	n_text = 0;
	for (unsigned i = 0; i < n_values; i++) {
		node->terms[i] = (struct match_term){
			.key = values[i].key,
			.arg = values[i].arg,
			.at = n_text,
			.len = values[i].len,
		};
		memcpy(text + n_text, values[i].text, values[i].len);
		n_text += values[i].len;
	}
	return node;
}

static int add_node(struct match_registry *registry, struct match_node *parent,
		    const struct match_value *values, unsigned n_values,
		    struct match_node **node_out)
{
	struct match_level *level;
	struct match_node *node;
	struct place place;

	node = new_node(values, n_values);
	if (!node)
		return -ENOMEM;
	if (place_init(&place, registry, &values[0]))
		goto free_node;
	level = get_level(parent, &values[0]);
	if (!level)
		goto free_place;

	link_node(registry, level, node, &place);
	registry->n_nodes++;
	if (registry->n_nodes > registry->n_buckets)
		resize_table(registry, 2 * registry->n_buckets);
	*node_out = node;
	return 0;

free_place:
	free(place.after);
free_node:
	free(node);
	return -ENOMEM;
}

/* makes the first term of a node's tail a node of its own: @node moves down, with all that
 * hangs on it, and a new one takes its place */
static int split_node(struct match_registry *registry, struct match_node *node,
		      struct match_node **above_out)
{
	struct match_value value = match_node_value(node, node->own);
	struct match_value next = match_node_value(node, node->own + 1);
	struct match_level *old = node->level, *level;
	struct place place, old_place;
	struct match_node *above;

	above = new_node(&value, 1);
	if (!above)
		return -ENOMEM;
	if (place_init(&place, registry, &next))
		goto free_above;
	level = get_level(above, &next);
	if (!level)
		goto free_place;

	unlink_node(node, &old_place);
	link_node(registry, old, above, &old_place);
	node->own++;
	link_node(registry, level, node, &place);
	registry->n_nodes++;
	*above_out = above;
	return 0;

free_place:
	free(place.after);
free_above:
	free(above);
	return -ENOMEM;
}

/* how many of @values, from the first on, are also the first of the node's own and its tail */
static unsigned n_common(const struct match_node *node, const struct match_value *values,
			 unsigned n_values)
{
	unsigned n = 0;

	while (n < n_values && node->own + n < node->n_terms) {
		struct match_value value = match_node_value(node, node->own + n);

		if (!value_equals(&value, &values[n]))
			break;
		n++;
	}
	return n;
}

static struct match_node *find_value(const struct match_registry *registry,
				     const struct match_node *node, const struct match_value *value)
{
	struct match_level *level = find_level(node, value->key, value->arg);

	if (!level)
		return NULL;
	return match_find_child(registry, level, hash_value(registry, value), value->text,
				value_length(value));
}

struct match_node *match_find_rule(const struct match_registry *registry,
				   const struct match_rule *rule)
{
	struct match_value values[MATCH_MAX_TERMS];
	struct match_node *node = registry->root;
	unsigned at = 0;

	for (unsigned i = 0; i < rule->n_terms; i++)
		values[i] = rule_value(rule, i);
	while (at < rule->n_terms) {
		unsigned n;

		node = find_value(registry, node, &values[at]);
		if (!node)
			return NULL;
		n = n_common(node, values + at, rule->n_terms - at);
		if (node->own + n < node->n_terms)
			return NULL;
		at += n;
	}
	return node;
}

int match_get_rule(struct match_registry *registry, const struct match_rule *rule,
		   struct match_node **node_out)
{
	struct match_value values[MATCH_MAX_TERMS];
	struct match_node *node = registry->root, *child;
	unsigned at = 0;
	int r;

	for (unsigned i = 0; i < rule->n_terms; i++)
		values[i] = rule_value(rule, i);
	while (at < rule->n_terms) {
		unsigned n;

		child = find_value(registry, node, &values[at]);
		if (!child)
			return add_node(registry, node, values + at, rule->n_terms - at, node_out);
		n = n_common(child, values + at, rule->n_terms - at);
		if (child->own + n < child->n_terms) {
			/* the tail goes another way, now or later */
			r = split_node(registry, child, &child);
			if (r)
				return r;
			n = 1;
		}
		at += n;
		node = child;
	}
	*node_out = node;
	return 0;
}

void match_put_node(struct match_registry *registry, struct match_node *node)
{
	while (node->level && list_empty(&node->subscriptions) && !node->levels) {
		struct match_level *level = node->level;
		struct match_node *parent = level->parent;
		struct place place;

		unlink_node(node, &place);
		free(place.after);
		free(node);
		registry->n_nodes--;
		put_level(level);
		node = parent;
	}
	if (registry->n_buckets > MIN_BUCKETS && registry->n_nodes < registry->n_buckets / 8)
		resize_table(registry, registry->n_buckets / 2);
}

/* registries */

int match_tree_init(struct match_registry *registry)
{
	int r = -ENOMEM;

	registry->n_buckets = MIN_BUCKETS;
	registry->buckets = calloc(MIN_BUCKETS, sizeof(*registry->buckets));
	registry->root = new_node(NULL, 0);
	if (!registry->buckets || !registry->root)
		goto deinit;
	if (getrandom(&registry->key, sizeof(registry->key), 0) != sizeof(registry->key)) {
		r = -errno;
		goto deinit;
	}
	return 0;

deinit:
	match_tree_deinit(registry);
	return r;
}

void match_tree_deinit(struct match_registry *registry)
{
	free(registry->root);
	free(registry->buckets);
}
