/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules: who wants a message?
 *
 * Walks the tree from the root along the values that the subject has.  An owner
 * is hit at most once in a look-up, however many of its rules match: it is marked with
 * the look-up's number.
 */
#include <string.h>

#include "proxy/match-tree.h"

/**
 * struct search - one look-up on its way
 * @number: of this look-up; what owners are marked with once they were hit
 * @is_eavesdropping: only subscriptions that eavesdrop count
 * @known, @hashes: hashes of exact values of the subject, by key, as far as they were needed
 * @args_known, @arg_hashes: same for MATCH_ARG
 */
struct search {
	struct match_registry *registry;
	struct match_subject *subject;
	void (*hit)(void *userdata, struct match_owner *owner);
	void *userdata;
	uint64_t number;
	bool is_eavesdropping;
	uint8_t known;
	uint64_t args_known;
	uint64_t hashes[MATCH_ARG];
	uint64_t arg_hashes[MATCH_MAX_ARGS];
};

/* for a callback of match_party.names */
struct party_search {
	struct search *search;
	struct match_level *level;
};

static void search_level(struct search *search, struct match_level *level);

/* @node's own value is one of the subject's.  Each level below is a term further on, and a rule
 * has no more than MATCH_MAX_TERMS of them: so deep do these functions call one another. */
static void search_node(struct search *search, struct match_node *node)
{
	struct match_subscription *subscription;

	for (unsigned i = node->own + 1; i < node->n_terms; i++) {
		struct match_value value = match_node_value(node, i);

		if (!match_subject_has(search->subject, &value))
			return;
	}
	list_for_each_entry(subscription, &node->subscriptions, node_link) {
		struct match_owner *owner = subscription->owner;

		if (owner->hit == search->number ||
		    (search->is_eavesdropping && !subscription->is_eavesdropping))
			continue;
		owner->hit = search->number;
		search->hit(search->userdata, owner);
	}
	for (struct match_level *level = node->levels; level; level = level->next)
		search_level(search, level);
}

static void search_child(struct search *search, struct match_level *level, uint64_t hash,
			 const char *text, uint32_t len)
{
	struct match_node *node = match_find_child(search->registry, level, hash, text, len);

	if (node)
		search_node(search, node);
}

static int search_name(void *userdata, const char *name, bool queued)
{
	struct party_search *party = userdata;
	size_t len = strlen(name);

	if (!queued && len <= party->level->longest)
		search_child(party->search, party->level,
			     siphash(name, len, &party->search->registry->key), name, len);
	return 0;
}

static void search_party(struct search *search, struct match_level *level,
			 const struct match_party *party)
{
	struct party_search userdata = {search, level};

	if (!party->unique_name)
		return;
	search_name(&userdata, party->unique_name, false);
	if (party->names && level->n_well_known)
		party->names(party->context, search_name, &userdata);
}

static void search_steps(struct search *search, struct match_level *level,
			 const struct match_text *text)
{
	bool is_directory =
		level->key == MATCH_ARG_PATH && text->len && text->text[text->len - 1] == '/';
	uint64_t hash = 0;
	uint32_t end;

	/* "/", and an argument that is empty */
	if (level->key == MATCH_PATH_NAMESPACE || (level->key == MATCH_ARG_PATH && !text->len))
		search_child(search, level, hash, text->text, 0);
	for (uint32_t at = 0; at < text->len; at = end) {
		end = match_next_step(level->key, text->text, text->len, at);
		if (end > level->longest)
			break;
		hash = match_hash_step(search->registry, hash, text->text + at, end - at);
		/* the last step of a directory is the first of the range below */
		if (end < text->len || !is_directory)
			search_child(search, level, hash, text->text, end);
	}

	if (is_directory) {
		struct match_node *node = match_find_sorted(level, text->text, text->len);

		for (; node; node = node->after[0]) {
			struct match_value value = match_node_value(node, node->own);

			if (value.len < text->len || memcmp(value.text, text->text, text->len) != 0)
				break;
			search_node(search, node);
		}
	}
}

/* the hash of an exact value, each only once */
static uint64_t search_hash(struct search *search, const struct match_level *level,
			    const struct match_text *text)
{
	bool is_arg = level->key == MATCH_ARG;
	uint64_t *hash = is_arg ? &search->arg_hashes[level->arg] : &search->hashes[level->key];
	bool is_known =
		is_arg ? search->args_known >> level->arg & 1 : search->known >> level->key & 1;

	if (!is_known) {
		*hash = siphash(text->text, text->len, &search->registry->key);
		if (is_arg)
			search->args_known |= UINT64_C(1) << level->arg;
		else
			search->known |= 1u << level->key;
	}
	return *hash;
}

static void search_level(struct search *search, struct match_level *level)
{
	struct match_subject *subject = search->subject;
	struct match_text text;

	if (level->key == MATCH_SENDER) {
		search_party(search, level, &subject->sender);
	} else if (level->key == MATCH_DESTINATION) {
		search_party(search, level, &subject->receiver);
	} else if (!match_subject_text(subject, level->key, level->arg, &text)) {
		return;
	} else if (match_key_is_hierarchical(level->key)) {
		search_steps(search, level, &text);
	} else if (text.len <= level->longest) {
		/* a value longer than all of them need not be hashed */
		search_child(search, level, search_hash(search, level, &text), text.text, text.len);
	}
}

void match_registry_find(struct match_registry *registry, struct match_subject *subject,
			 void (*hit)(void *userdata, struct match_owner *owner), void *userdata)
{
	struct search search;

	search.registry = registry;
	search.subject = subject;
	search.hit = hit;
	search.userdata = userdata;
	search.is_eavesdropping =
		!subject->is_broadcast && !(registry->flags & MATCH_REGISTRY_MONITORS);
	search.known = 0;
	search.args_known = 0;
	if (search.is_eavesdropping && !registry->n_eavesdropping)
		return;
	search.number = ++registry->n_finds;
	search_node(&search, registry->root);
}

struct acceptance {
	struct match_owner *owner;
	bool is_hit;
};

static void note_owner(void *userdata, struct match_owner *owner)
{
	struct acceptance *acceptance = userdata;

	if (owner == acceptance->owner)
		acceptance->is_hit = true;
}

bool match_owner_accepts(struct match_registry *registry, struct match_owner *owner,
			 struct match_subject *subject)
{
	struct acceptance acceptance = {owner, false};

	if (owner->n_rules)
		match_registry_find(registry, subject, note_owner, &acceptance);
	return acceptance.is_hit;
}
