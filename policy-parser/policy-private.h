/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compiled policy: what its own files share
 *
 * A *tier* holds all sections for one kind of peer: the default ones, those of one
 * gid, of one uid, of the console or not, the mandatory ones.  The sequence of a
 * peer is a choice of tiers, in the order of their array, so that nothing is
 * copied per peer.  Within a tier the order is that of the file, which is that of
 * the rules' indexes.
 *
 * A tier has a *rule set* for each of send, receive and own.  The set finds rules
 * by the name they are about: one list of those about any name, one list per
 * name, one per prefix.  A rule lies in exactly one list, as a *test*.
 */
#pragma once

#include "policy-parser/policy-symbols.h"
#include "policy-parser/policy.h"
#include "proxy/base/htable.h"

/* the other kinds of rules are about connecting */
#define POLICY_N_SETS 3

#define POLICY_TYPE_CALL   1
#define POLICY_TYPE_SIGNAL 4

/* states of a message; bits 0 to 4 are its type, 0 for those that do not exist */
#define POLICY_STATE_TYPE(type)	  (1u << ((type) <= 4 ? (type) : 0))
#define POLICY_STATE_TYPES	  0x1fu
#define POLICY_STATE_BROADCAST	  (1u << 5)
#define POLICY_STATE_ADDRESSED	  (1u << 6)
#define POLICY_STATE_REQUESTED	  (1u << 7)
#define POLICY_STATE_UNREQUESTED  (1u << 8)
#define POLICY_STATE_EAVESDROPPED (1u << 9)
#define POLICY_STATE_MEANT	  (1u << 10)
#define POLICY_STATE_NO_INTERFACE (1u << 11)

/**
 * struct policy_test - the conditions of a rule, but for the name
 * @rule: its index
 * @skip: states of a message that the rule is not for, see policy_test_init()
 * @path, @interface, @member, @error: symbols; POLICY_SYMBOL_NONE: no condition
 * @min_fds, @max_fds: inclusive
 */
struct policy_test {
	uint32_t rule;
	uint32_t skip;
	uint32_t path;
	uint32_t interface;
	uint32_t member;
	uint32_t error;
	uint32_t min_fds;
	uint32_t max_fds;
};

/**
 * struct policy_list - the tests about one name, in the order of their rules
 * @symbol: the name; POLICY_SYMBOL_NONE: any
 * @first: index into policy.tests
 * @n_tests: number of tests
 */
struct policy_list {
	uint32_t symbol;
	uint32_t first;
	uint32_t n_tests;
};

/**
 * struct policy_rule_set - the rules of one kind of one tier
 * @any: about any name
 * @names: about a name, sorted by symbol
 * @prefixes: about a prefix, sorted by symbol
 * @n_names, @n_prefixes: their numbers
 * @last_named: the highest index of a rule of @names or @prefixes, if there is one
 * @max_depth: number of elements of the longest prefix
 * @is_closed: the first rule of @any matches whatever there is
 * @has_fields: a rule has a condition on path, interface, member or error
 */
struct policy_rule_set {
	struct policy_list any;
	const struct policy_list *names;
	const struct policy_list *prefixes;
	uint32_t n_names;
	uint32_t n_prefixes;
	uint32_t last_named;
	uint32_t max_depth;
	bool is_closed;
	bool has_fields;
};

/**
 * struct policy_tier - all sections of a kind and, if it has one, an id
 * @kind: of the sections
 * @id: gid or uid of GROUP and USER, else 0
 * @sets: by enum policy_rule_kind, SEND, RECEIVE and OWN
 */
struct policy_tier {
	enum policy_section_kind kind;
	uint32_t id;
	struct policy_rule_set sets[POLICY_N_SETS];
};

/**
 * struct policy_connect - one rule about who may connect
 * @is_any: "*"; else @id counts, a uid or a gid
 */
struct policy_connect {
	uint32_t rule;
	uint32_t id;
	bool is_group;
	bool is_any;
};

/**
 * struct policy - see policy.h
 * @tests, @lists: what the lists and rule sets point into
 * @tiers: sorted by kind, then by id; each is there once
 * @connects: in the order in which they apply
 * @has_unique_names: a rule mentions a unique name
 * @has_groups: a rule is about a group
 * @has_unresolved: policy_has_unresolved()
 * @identities: weak, by the tiers they are made of
 */
struct policy {
	unsigned n_refs;
	const struct policy_rules *rules;
	struct policy_users *users;
	uint32_t first_console_uid;
	struct policy_symbols symbols;
	struct policy_test *tests;
	struct policy_list *lists;
	struct policy_tier *tiers;
	size_t n_tiers;
	struct policy_connect *connects;
	size_t n_connects;
	bool has_unique_names;
	bool has_groups;
	bool has_unresolved;
	struct htable identities;
};

/**
 * struct policy_sequence - the rule sets of one kind that apply to a peer
 * @sets: the one that overrides all others first; nothing behind a closed one
 * @n_sets: number of sets
 * @constant: the rule that decides whatever the question, or NULL
 * @allows_all: there is such a rule, it allows, and nothing is to be logged
 * @max_depth: of their prefixes
 * @has_fields: as in one of them
 */
struct policy_sequence {
	const struct policy_rule_set **sets;
	const struct policy_test *constant;
	uint32_t n_sets;
	uint32_t max_depth;
	bool has_fields;
	bool allows_all;
};

/**
 * struct policy_identity - see policy.h
 * @policy: a reference
 * @node: in policy.identities
 * @sequences: by enum policy_rule_kind
 * @n_tiers: number of tiers
 * @tiers: indexes of the tiers, ascending; the key
 */
struct policy_identity {
	unsigned n_refs;
	struct policy *policy;
	struct htable_node node;
	struct policy_sequence sequences[POLICY_N_SETS];
	uint32_t n_tiers;
	uint32_t tiers[];
};

/**
 * policy_section_resolve() - whom a section is for
 * @id_out: gid or uid, 0 for kinds that have none
 *
 * Return: false if it is for a name that nobody has.
 */
bool policy_section_resolve(const struct policy_section *section, const struct policy_users *users,
			    uint32_t *id_out);

/* index of the tier, or policy->n_tiers */
size_t policy_find_tier(const struct policy *policy, enum policy_section_kind kind, uint32_t id);

/**
 * policy_test_init() - the states that a rule is not for, and its numbers
 * @test: its symbols stay as they are
 *
 * Return: false if no message whatever can match the rule.
 */
bool policy_test_init(struct policy_test *test, const struct policy_rule *rule, uint32_t index);

/* matches whatever there is; of a rule about any name */
bool policy_test_is_unconditional(const struct policy_test *test);

/* the tests about a name or a prefix, or NULL */
const struct policy_list *policy_set_find(const struct policy_rule_set *set, uint32_t symbol,
					  bool is_prefix);

/* size of the next longer prefix in whole elements; @size is 0 at first; 0 at the end */
size_t policy_next_prefix(const char *name, size_t name_size, size_t size);
