/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* No grant says more than the policy it was compiled from
 *
 * Random policies over a small universe are compiled; then everything that the
 * grants enable is tried on the evaluator: each call of each principal to each peer
 * that could own the name, each signal back, and owning it.  The same for policies
 * in which a name is used that somebody gets only after the compilation, and for every
 * state on the way from one database to another.
 *
 *	POLICY_SOUNDNESS="POLICIES [SEED]"
 *
 * asks for more than the sample.  A policy that fails is cut down, line by line, to
 * one that still fails, and printed.
 */
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config.h"
#include "policy-parser/policy-compile.h"
#include "policy-parser/policy-users.h"
#include "proxy/base/creds.h"
#include "tests/harness/message.h"
#include "tests/harness/tap.h"
#include "tests/policy/generate.h"
#include "tests/unit/policy/memory-files.h"

#define N_SAMPLE    600
#define SEED	    20240612
#define OWNER_UID   1
#define OTHER_UID   77
#define NEW_UID	    88
#define NEW_GID	    99
#define CONSOLE_UID 3
#define MAX_PEERS   32
#define MAX_LINES   256

static const char *const unique_names[] = {":1.1", ":1.2"};

static const struct universe universe = {
	.uids = {1, 2, 3, 4},
	.gids = {10, 20, 30, 40},
	.unique_names = unique_names,
	.n_unique = 2,
};

/* the names of the universe, and one below each of its prefixes */
static const char *const names[] = {"a.a", "a.b",   "a.b.c", "b.a",    "c.c",
				    "a.z", "a.b.z", "b.z",   "a.b.c.z"};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

static unsigned long n_grants, n_questions;

/**
 * struct peer - somebody who talks to the engine itself
 * @creds: as the engine sees it
 * @identity: what the policy says
 * @unique: name
 * @has: by name: is it the owner
 */
struct peer {
	struct creds creds;
	uint32_t groups[GENERATE_N_GROUPS + 1];
	struct policy_identity *identity;
	const char *unique;
	bool has[N_NAMES];
};

/**
 * struct scene - a policy, what was compiled, and who is there
 * @later: the policy with the users that are there after the compilation
 * @error: what was found
 */
struct scene {
	struct config *config;
	struct policy *policy;
	struct policy *later;
	struct policy_grants *grants;
	unsigned flags;
	struct peer peers[MAX_PEERS];
	unsigned n_peers;
	char error[1024];
};

static struct policy_users *make_users(bool is_later)
{
	struct policy_users *users;
	char text[64];

	expect_eq(policy_users_new(&users), 0);
	if (!is_later)
		return users;
	snprintf(text, sizeof(text), "nosuch:x:%u:%u\n", NEW_UID, NEW_GID);
	expect_eq(policy_users_add_passwd(users, text, strlen(text)), 0);
	snprintf(text, sizeof(text), "nosuch:x:%u:\n", NEW_GID);
	expect_eq(policy_users_add_group(users, text, strlen(text)), 0);
	return users;
}

static struct policy *make_policy(const struct config *config, bool is_later)
{
	struct policy_users *users = make_users(is_later);
	struct policy *policy;

	expect_eq(policy_new(&config->policy, users, CONSOLE_UID, &policy), 0);
	policy_users_unref(users);
	return policy;
}

/* PEERS */

static void add_peer(struct scene *scene, uint32_t uid, unsigned group_mask)
{
	struct peer *peer = &scene->peers[scene->n_peers++];

	*peer = (struct peer){.creds = CREDS_NULL};
	peer->creds.uid = uid;
	peer->creds.groups = peer->groups;
	for (unsigned i = 0; i <= GENERATE_N_GROUPS; i++)
		if (group_mask & 1u << i)
			peer->groups[peer->creds.n_groups++] =
				i < GENERATE_N_GROUPS ? universe.gids[i] : NEW_GID;
	expect_eq(policy_identity_get(scene->later, &peer->creds, &peer->identity), 0);
}

static void add_peers(struct scene *scene, struct random *random)
{
	static const uint32_t uids[] = {OWNER_UID, 2, 3, 4, OTHER_UID, NEW_UID};

	for (unsigned i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
		add_peer(scene, uids[i], 0);
		add_peer(scene, uids[i], 1u << random_below(random, GENERATE_N_GROUPS + 1));
		add_peer(scene, uids[i], random_below(random, 32));
	}
}

static bool has_group(const struct creds *creds, uint32_t gid)
{
	for (uint32_t i = 0; i < creds->n_groups; i++)
		if (creds->groups[i] == gid)
			return true;
	return false;
}

/* what an entry of a database gives; -1: nothing */
static int grants_access(const struct policy_grant *grants, size_t n_grants,
			 const struct creds *creds)
{
	int access = -1;

	for (size_t i = 0; i < n_grants; i++) {
		const struct policy_principal *principal = &grants[i].principal;
		bool is_meant =
			principal->kind == POLICY_WORLD ||
			(principal->kind == POLICY_USER && principal->id == creds->uid) ||
			(principal->kind == POLICY_GROUP && has_group(creds, principal->id));

		if (is_meant && (int)grants[i].access > access)
			access = grants[i].access;
	}
	return access;
}

static int engine_access(const struct policy_grants *grants, const char *name,
			 const struct creds *creds)
{
	const struct policy_holder *holder = policy_grants_find(grants, name);

	return holder ? grants_access(holder->grants, holder->n_grants, creds) : -1;
}

static const char *next_name(void *userdata, void **position)
{
	const struct peer *peer = userdata;
	uintptr_t i = (uintptr_t)*position;

	while (i < N_NAMES) {
		*position = (void *)++i;
		if (peer->has[i - 1])
			return names[i - 1];
	}
	return NULL;
}

static struct policy_peer as_peer(struct peer *peer)
{
	return (struct policy_peer){
		.unique_name = peer->unique, .next_name = next_name, .userdata = peer};
}

/* @name, and with POLICY_COMPILE_STRICT others that it may own */
static void choose_names(const struct scene *scene, struct peer *peer, const char *name,
			 struct random *random)
{
	for (unsigned i = 0; i < N_NAMES; i++)
		peer->has[i] =
			(name && !strcmp(names[i], name)) ||
			((scene->flags & POLICY_COMPILE_STRICT) && random_percent(random, 50) &&
			 policy_may_own(peer->identity, names[i], NULL));
}

/* WHAT A GRANT ENABLES */

static void describe_peer(const struct peer *peer, char *text, size_t size)
{
	size_t n = snprintf(text, size, "uid %u groups", peer->creds.uid);

	for (uint32_t i = 0; i < peer->creds.n_groups; i++)
		n += snprintf(text + n, size - n, " %u", peer->creds.groups[i]);
	n += snprintf(text + n, size - n, " names");
	for (unsigned i = 0; i < N_NAMES; i++)
		if (peer->has[i])
			n += snprintf(text + n, size - n, " %s", names[i]);
}

static bool check_message(struct scene *scene, struct policy_message *message, struct peer *from,
			  struct peer *to, const char *name)
{
	struct policy_peer sender = as_peer(from), receiver = as_peer(to);
	char from_text[256], to_text[256];

	n_questions++;
	if (policy_may_send(from->identity, message, &receiver, NULL) &&
	    policy_may_receive(to->identity, message, &sender, NULL))
		return true;
	describe_peer(from, from_text, sizeof(from_text));
	describe_peer(to, to_text, sizeof(to_text));
	snprintf(scene->error, sizeof(scene->error),
		 "%s: from %s to %s: type %u path %s interface %s member %s fds %u%s", name,
		 from_text, to_text, message->type, message->path, message->interface ?: "-",
		 message->member, message->n_fds, message->destination ? "" : ", broadcast");
	return false;
}

static bool check_messages(struct scene *scene, struct peer *from, struct peer *to, uint8_t type,
			   const char *name)
{
	static const char *const interfaces[] = {"i.a", "i.b", "x.y", NULL};
	static const char *const members[] = {"M", "N", "X"};
	static const char *const paths[] = {"/p", "/p/q", "/"};

	for (unsigned i = 0; i < 4 * 3 * 3 * 2 * 2; i++) {
		struct policy_message message = {
			.type = type,
			.interface = interfaces[i % 4],
			.member = members[i / 4 % 3],
			.path = paths[i / 12 % 3],
			.n_fds = i / 36 % 2,
			.destination = i / 72 ? NULL : to->unique,
		};

		if (type == MSG_SIGNAL && !message.interface)
			continue;
		if (type == MSG_CALL && !message.destination)
			continue;
		if (!check_message(scene, &message, from, to, name))
			return false;
	}
	return true;
}

/* @is_by_owning: the access is that of somebody who may own the name as well */
static bool check_talk(struct scene *scene, struct peer *from, const char *name, bool is_by_owning,
		       struct random *random)
{
	for (unsigned i = 0; i < scene->n_peers; i++) {
		struct peer *owner = &scene->peers[i];

		if (owner->creds.uid == from->creds.uid ||
		    !policy_may_own(owner->identity, name, NULL))
			continue;
		/* what the bus owner puts up with is its own affair */
		if (is_by_owning && owner->creds.uid == OWNER_UID)
			continue;
		from->unique = unique_names[0];
		owner->unique = unique_names[1];
		choose_names(scene, from, NULL, random);
		choose_names(scene, owner, name, random);
		if (!check_messages(scene, from, owner, MSG_CALL, name) ||
		    !check_messages(scene, owner, from, MSG_SIGNAL, name))
			return false;
	}
	return true;
}

static bool check_grants(struct scene *scene, struct random *random)
{
	for (unsigned i = 0; i < scene->n_peers; i++) {
		struct peer *peer = &scene->peers[i];

		/* needs no grants */
		if (peer->creds.uid == OWNER_UID)
			continue;
		for (unsigned k = 0; k < N_NAMES; k++) {
			int access = engine_access(scene->grants, names[k], &peer->creds);

			n_grants += access >= POLICY_TALK;
			if (access == POLICY_OWN &&
			    !policy_may_own(peer->identity, names[k], NULL)) {
				snprintf(scene->error, sizeof(scene->error), "uid %u owns %s",
					 peer->creds.uid, names[k]);
				return false;
			}
			if (access >= POLICY_TALK &&
			    !check_talk(scene, peer, names[k], access == POLICY_OWN, random))
				return false;
		}
	}
	return true;
}

/* SCENES */

static void scene_deinit(struct scene *scene)
{
	for (unsigned i = 0; i < scene->n_peers; i++)
		policy_identity_unref(scene->peers[i].identity);
	policy_grants_free(scene->grants);
	policy_unref(scene->later);
	policy_unref(scene->policy);
	config_free(scene->config);
}

static void scene_init(struct scene *scene, const char *text, unsigned flags)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;

	*scene = (struct scene){.flags = flags};
	if (memory_load_body(text, &scene->config, &messages))
		fail("%s", messages.n_items ? messages.items[0].text : "no message");
	config_messages_deinit(&messages);
	scene->policy = make_policy(scene->config, false);
	scene->later = make_policy(scene->config, true);
	expect_eq(policy_compile(scene->policy, OWNER_UID, flags, &scene->grants), 0);
}

/* whether all is well; the same text and seed give the same answer */
static bool check_text(const char *text, unsigned flags, uint64_t seed, char *error)
{
	struct random random = {seed};
	struct scene *scene = calloc(1, sizeof(*scene));
	bool is_good;

	expect(scene != NULL);
	scene_init(scene, text, flags);
	add_peers(scene, &random);
	is_good = check_grants(scene, &random);
	strcpy(error, scene->error);
	scene_deinit(scene);
	free(scene);
	return is_good;
}

static char *generate_text(uint64_t seed)
{
	struct random random = {seed};
	struct universe here = universe;
	unsigned flags = 0;
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	expect(file != NULL);
	random_next(&random);
	flags |= random_percent(&random, 80) ? GENERATE_BROAD : 0;
	flags |= random_percent(&random, 25) ? GENERATE_UNRESOLVED : 0;
	if (random_percent(&random, 70))
		here.n_unique = 0;
	generate_policy(&random, &here, flags, file);
	fclose(file);
	return text;
}

/* MINIMISING */

static char *join_lines(char *const *lines, unsigned n_lines, unsigned without)
{
	char *text;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	for (unsigned i = 0; i < n_lines; i++)
		if (i != without)
			fprintf(file, "%s\n", lines[i]);
	fclose(file);
	return text;
}

static void print_smallest(const char *text, unsigned flags, uint64_t seed)
{
	char *copy = strdup(text), *rest = copy, *lines[MAX_LINES], error[1024];
	unsigned n_lines = 0;

	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line && n_lines < MAX_LINES)
			lines[n_lines++] = line;
	for (unsigned i = 0; i < n_lines;) {
		char *shorter = join_lines(lines, n_lines, i);
		bool is_rule = !strncmp(lines[i], "<allow", 6) || !strncmp(lines[i], "<deny", 5);

		if (is_rule && !check_text(shorter, flags, seed, error)) {
			memmove(&lines[i], &lines[i + 1], (--n_lines - i) * sizeof(*lines));
			i = 0;
		} else {
			i++;
		}
		free(shorter);
	}
	rest = join_lines(lines, n_lines, n_lines);
	check_text(rest, flags, seed, error);
	note("%s", rest);
	note("%s", error);
	free(rest);
	free(copy);
}

static void check_seed(uint64_t seed, unsigned flags)
{
	char *text = generate_text(seed), error[1024];

	if (!check_text(text, flags, seed, error)) {
		print_smallest(text, flags, seed);
		fail("POLICY_SOUNDNESS=\"1 %lu\" repeats it", (unsigned long)seed);
	}
	free(text);
}

static void read_wish(unsigned long *n, unsigned long *seed)
{
	const char *wish = getenv("POLICY_SOUNDNESS");

	*n = N_SAMPLE;
	*seed = SEED;
	if (wish)
		sscanf(wish, "%lu %lu", n, seed);
}

static void check_all(unsigned flags, unsigned long least_grants)
{
	unsigned long n, seed;

	read_wish(&n, &seed);
	for (unsigned long i = 0; i < n; i++)
		check_seed(seed + i, flags);
	note("%lu policies, %lu grants, %lu messages", n, n_grants, n_questions);
	if (n >= N_SAMPLE)
		expect_gt(n_grants, least_grants);
}

TEST_TIMEOUT(grants_are_allowed, 3600)
{
	check_all(0, 5000);
}

TEST_TIMEOUT(strict_grants_are_allowed_whatever_else_a_peer_owns, 3600)
{
	check_all(POLICY_COMPILE_STRICT, 500);
}

/* PLANS */

#define MAX_ENTRIES 64

struct entry {
	const char *name;
	bool is_wildcard;
	const struct policy_grant *grants;
	size_t n_grants;
};

struct engine {
	struct entry entries[MAX_ENTRIES];
	unsigned n_entries;
};

static struct entry *engine_find(struct engine *engine, const char *name, size_t size,
				 bool is_wildcard)
{
	for (unsigned i = 0; i < engine->n_entries; i++)
		if (engine->entries[i].is_wildcard == is_wildcard &&
		    !strncmp(engine->entries[i].name, name, size) && !engine->entries[i].name[size])
			return &engine->entries[i];
	return NULL;
}

static int engine_look_up(struct engine *engine, const char *name, const struct creds *creds)
{
	const char *dot = strrchr(name, '.');
	const struct entry *entry = engine_find(engine, name, strlen(name), false);
	int access;

	entry = entry ?: engine_find(engine, name, dot - name, true);
	access = entry ? grants_access(entry->grants, entry->n_grants, creds) : -1;
	return access < POLICY_TALK ? 0 : access;
}

static void engine_take(struct engine *engine, const struct policy_plan_step *step)
{
	struct entry *entry =
		engine_find(engine, step->name, strlen(step->name), step->is_wildcard);

	if (step->kind == POLICY_STEP_CREATE) {
		expect(!entry);
		expect_lt(engine->n_entries, (unsigned)MAX_ENTRIES);
		entry = &engine->entries[engine->n_entries++];
	}
	expect(entry != NULL);
	if (step->kind == POLICY_STEP_CLOSE) {
		expect_eq(step->n_grants, 0);
		*entry = engine->entries[--engine->n_entries];
		return;
	}
	expect_gt(step->n_grants, 0);
	*entry = (struct entry){step->name, step->is_wildcard, step->grants, step->n_grants};
}

/* what both databases give a peer for being one and the same principal */
static int common_access(const struct scene *from, const struct scene *to, const char *name,
			 const struct creds *creds)
{
	struct creds principal = {.uid = creds->uid};
	int common = 0;

	for (uint32_t i = 0; i <= creds->n_groups; i++) {
		int before = engine_access(from->grants, name, &principal);
		int after = engine_access(to->grants, name, &principal);

		if (before > common && after > common)
			common = before < after ? before : after;
		principal = (struct creds){
			.uid = CREDS_UNKNOWN, .n_groups = 1, .groups = &creds->groups[i]};
	}
	return common;
}

/* between any two steps: no more than before, or no more than wanted; never less than both */
static void check_state(struct engine *engine, const struct scene *from, const struct scene *to)
{
	bool is_within_from = true, is_within_to = true;

	for (unsigned i = 0; i < from->n_peers; i++) {
		for (unsigned k = 0; k < N_NAMES; k++) {
			const struct creds *creds = &from->peers[i].creds;
			int before = engine_access(from->grants, names[k], creds);
			int after = engine_access(to->grants, names[k], creds);
			int now = engine_look_up(engine, names[k], creds);

			before = before < POLICY_TALK ? 0 : before;
			after = after < POLICY_TALK ? 0 : after;
			is_within_from &= now <= before;
			is_within_to &= now <= after;
			expect_ge(now, common_access(from, to, names[k], creds));
		}
	}
	expect(is_within_from || is_within_to);
}

static void check_plan(const struct scene *from, const struct scene *to)
{
	struct engine engine = {.n_entries = 0};
	struct policy_plan *first, *plan;

	expect_eq(policy_plan_new(NULL, from->grants, &first), 0);
	for (size_t i = 0; i < first->n_steps; i++)
		engine_take(&engine, &first->steps[i]);
	expect_eq(policy_plan_new(from->grants, to->grants, &plan), 0);
	check_state(&engine, from, to);
	for (size_t i = 0; i < plan->n_steps; i++) {
		engine_take(&engine, &plan->steps[i]);
		check_state(&engine, from, to);
	}
	check_state(&engine, to, to);
	policy_plan_free(first);
	policy_plan_free(plan);
}

TEST_TIMEOUT(replacing_opens_nothing_on_the_way, 3600)
{
	struct scene *from = calloc(1, sizeof(*from)), *to = calloc(1, sizeof(*to));
	unsigned long n, seed;

	expect(from && to);
	read_wish(&n, &seed);
	for (unsigned long i = 0; i < n; i++) {
		struct random random = {seed + i};
		char *a = generate_text(seed + i), *b = generate_text(seed + i + 1);

		scene_init(from, a, 0);
		scene_init(to, b, 0);
		add_peers(from, &random);
		check_plan(from, to);
		scene_deinit(from);
		scene_deinit(to);
		free(a);
		free(b);
	}
	free(from);
	free(to);
}
