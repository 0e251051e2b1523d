/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules, the tree they are found by: see match-tree.c
 *
 * Shared by what builds it (match-tree.c), what hangs owners on it
 * (match-registry.c) and what looks things up in it (match-search.c).
 */
#pragma once

#include "proxy/base/siphash.h"
#include "proxy/match-internal.h"

#define MATCH_MAX_HEIGHT 8 /* of the skip lists: for 4^8 nodes and more */

/**
 * struct match_level - children of one node that are of one kind
 * @next: other levels of the same node
 * @longest: length of the longest value there ever was
 * @n_well_known: values that are no unique names; parties only
 * @first: skip list, MATCH_ARG_PATH only
 */
struct match_level {
	struct match_level *next;
	struct match_node *parent;
	uint8_t key;
	uint8_t arg;
	uint16_t longest;
	uint32_t n_children;
	uint32_t n_well_known;
	struct match_node *first[];
};

/**
 * struct match_node - a value, and perhaps the rest of a rule
 * @level: where it is; NULL: the root
 * @levels: what is below
 * @after: the next nodes of the skip list, @height of them; MATCH_ARG_PATH only
 * @own: which of @terms is the node's own value; what follows is the tail, what
 *	comes before has moved to its parents
 */
struct match_node {
	struct hlist_node hash_link;
	struct match_level *level;
	struct match_level *levels;
	struct list_head subscriptions;
	struct match_node **after;
	uint64_t hash;
	uint8_t height;
	uint8_t own;
	uint8_t n_terms;
	struct match_term terms[]; /* and the text */
};

/**
 * struct match_subscription - one rule of one owner
 * @count: how often it was added
 * @wants: MATCH_WANTS_*
 */
struct match_subscription {
	struct list_head node_link;
	struct match_owner *owner;
	struct match_node *node;
	struct list_head owner_link;
	uint32_t count;
	uint8_t wants;
	bool is_eavesdropping;
};

/**
 * struct match_registry - a tree and its table
 * @key: secret, of the table's hash
 * @flags: MATCH_REGISTRY_*
 * @n_nodes: in the table
 * @n_subscribed: nodes with subscriptions
 * @n_eavesdropping: rules that eavesdrop
 * @n_finds: look-ups so far
 * @counts: for those who are curious
 */
struct match_registry {
	struct siphash_key key;
	unsigned flags;
	uint32_t n_nodes;
	uint32_t n_buckets;
	uint32_t n_subscribed;
	uint32_t n_eavesdropping;
	uint64_t n_finds;
	struct match_counts counts;
	struct hlist_head *buckets;
	struct match_node *root;
};

/* a term of a node, counting from its birth: its own is number @node->own */
static inline struct match_value match_node_value(const struct match_node *node, unsigned i)
{
	const struct match_term *term = &node->terms[i];

	return (struct match_value){
		.key = term->key,
		.arg = term->arg,
		.len = term->len,
		.text = (const char *)(node->terms + node->n_terms) + term->at,
	};
}

/* all values of the rule that ends at @node, root first; returns how many */
unsigned match_node_values(const struct match_node *node, struct match_value *values_out);

/* values */

/* path_namespace, argNpath, arg0namespace */
static inline bool match_key_is_hierarchical(enum match_key key)
{
	return key == MATCH_PATH_NAMESPACE || key == MATCH_ARG_PATH || key == MATCH_ARG_NAMESPACE;
}

/* where the step of a hierarchical value ends that begins at @at */
uint32_t match_next_step(enum match_key key, const char *text, uint32_t len, uint32_t at);

/* hash of a value up to the end of a step, from the hash @above up to its beginning (or 0) */
uint64_t match_hash_step(const struct match_registry *registry, uint64_t above, const char *text,
			 uint32_t len);

/* nodes */

/* the child with a value; @hash and @len as for hierarchical values */
struct match_node *match_find_child(const struct match_registry *registry,
				    const struct match_level *level, uint64_t hash,
				    const char *text, uint32_t len);

/* the first child of an argNpath level that is not below @text; more by node->after[0] */
struct match_node *match_find_sorted(struct match_level *level, const char *text, uint32_t len);

/* the node at which a rule ends, or NULL */
struct match_node *match_find_rule(const struct match_registry *registry,
				   const struct match_rule *rule);

/* the same, and makes what is missing; -ENOMEM leaves it as good as it was.  A node that gets no
 * subscription is to be put. */
int match_get_rule(struct match_registry *registry, const struct match_rule *rule,
		   struct match_node **node_out);

/* frees a node that nothing needs any more, and what was only needed for it */
void match_put_node(struct match_registry *registry, struct match_node *node);

/* the empty tree: 0, -ENOMEM, or the errno of getrandom() */
int match_tree_init(struct match_registry *registry);
void match_tree_deinit(struct match_registry *registry);
