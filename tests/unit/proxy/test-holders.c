/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy in the engine, as peers find it who come without a proxy
 *
 * A model says what a database allows whom; two peers of other users ask the bus, by
 * trying.  Names are owned by peers of ours all the time: to acquire one is refused
 * with EPERM by the policy, and with EEXIST where the policy allows it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/holders.h"
#include "tests/harness/fault.h"
#include "tests/unit/kernel/kdbus-util.h"
#include "tests/unit/policy/policy-fixture.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

enum {
	NONE = -1,
	SEE = POLICY_SEE,
	TALK = POLICY_TALK,
	OWN = POLICY_OWN,
};

static const uint32_t uids[] = {1001, 1002};
static const char *const names[] = {"com.a", "com.a.b", "com.a.c", "com.a.d", "com.b.x"};

/* entries that a database may have, in the order of one */
static const struct {
	const char *name;
	bool is_wildcard;
} universe[] = {
	{"com.a", false}, {"com.a", true}, {"com.a.b", false}, {"com.a.c", false}, {"com.b", true},
};

static LIST_HEAD(no_names);

/* BUS */

/* the domain of the engine that was opened last; an engine does not tell */
static struct kdbus_embedded *domain;

int __real_kdbus_embedded_new(const struct kdbus_embedded_options *options,
			      struct kdbus_embedded **embedded_out);
int __wrap_kdbus_embedded_new(const struct kdbus_embedded_options *options,
			      struct kdbus_embedded **embedded_out);

int __wrap_kdbus_embedded_new(const struct kdbus_embedded_options *options,
			      struct kdbus_embedded **embedded_out)
{
	int r = __real_kdbus_embedded_new(options, embedded_out);

	domain = r < 0 ? NULL : *embedded_out;
	return r;
}

struct fixture {
	struct engine *engine;
	struct holders *holders;
	struct bus bus;
	struct peer owners[N(names)];
	struct peer peers[N(uids)];
};

static void fixture_open(struct fixture *fixture, const char *address)
{
	struct engine_options options = {0};

	expect_eq(engine_open(address, &options, &fixture->engine), 0);
	fixture->bus.embedded = domain;
	snprintf(fixture->bus.path, sizeof(fixture->bus.path), "%u-bus/bus", geteuid());
	expect_eq(holders_new(fixture->engine, &fixture->holders), 0);
	for (size_t i = 0; i < N(names); i++) {
		peer_init(&fixture->owners[i], &fixture->bus, 0);
		expect_eq(peer_acquire(&fixture->owners[i], names[i], 0, NULL), 0);
	}
	for (size_t i = 0; i < N(uids); i++)
		peer_init_uid(&fixture->peers[i], &fixture->bus, uids[i]);
}

static void fixture_close(struct fixture *fixture)
{
	for (size_t i = 0; i < N(names); i++)
		peer_deinit(&fixture->owners[i]);
	for (size_t i = 0; i < N(uids); i++)
		peer_deinit(&fixture->peers[i]);
	holders_free(fixture->holders);
	engine_close(fixture->engine);
}

/* what the bus lets a peer do; OWN contains TALK */
static int probe(struct fixture *fixture, size_t who, size_t name)
{
	struct peer *peer = &fixture->peers[who], *owner = &fixture->owners[name];
	int own = peer_acquire(peer, names[name], 0, NULL);
	int talk = peer_send_to(peer, owner->id, 1, 8);

	expect(own == -EPERM || own == -EEXIST);
	expect(talk == -EPERM || talk == 0);
	expect_eq(peer_drain(owner), talk ? 0u : 1u);
	if (own == -EEXIST)
		expect_eq(talk, 0);
	return own == -EEXIST ? OWN : talk == 0 ? TALK : NONE;
}

/* MODEL */

/* uids are gids as well: see cred_of() */
static bool principal_is(const struct policy_principal *principal, uint32_t uid)
{
	return principal->kind == POLICY_WORLD || principal->id == uid;
}

static int model(const struct policy_grants *grants, size_t who, size_t name)
{
	const struct policy_holder *holder =
		grants ? policy_grants_find(grants, names[name]) : NULL;
	int access = NONE;

	for (size_t i = 0; holder && i < holder->n_grants; i++)
		if (principal_is(&holder->grants[i].principal, uids[who]) &&
		    (int)holder->grants[i].access > access)
			access = holder->grants[i].access;
	/* on an endpoint without a policy of its own everybody sees everything */
	return access == SEE ? NONE : access;
}

static void expect_state(struct fixture *fixture, const struct policy_grants *grants)
{
	for (size_t who = 0; who < N(uids); who++)
		for (size_t name = 0; name < N(names); name++)
			expect_eq(probe(fixture, who, name), model(grants, who, name));
}

/* between two databases: no more than one of them gives; and to the peer that no group is meant
 * for, whom both know as the same principal, no less than both */
static void expect_between(struct fixture *fixture, const struct policy_grants *from,
			   const struct policy_grants *to)
{
	for (size_t who = 0; who < N(uids); who++) {
		for (size_t name = 0; name < N(names); name++) {
			int a = model(from, who, name), b = model(to, who, name);
			int now = probe(fixture, who, name);

			expect_le(now, a > b ? a : b);
			if (who == 0)
				expect_ge(now, a > b ? b : a);
		}
	}
}

/* DATABASES */

static uint64_t seed;

static unsigned pick(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % n;
}

static struct policy_grants *grants_random(void)
{
	static const struct policy_principal principals[] = {
		{POLICY_USER, 1001}, {POLICY_USER, 1002}, {POLICY_GROUP, 1002}, {POLICY_WORLD, 0}};
	struct policy_grants *grants = calloc(1, sizeof(*grants));

	grants->holders = calloc(N(universe), sizeof(*grants->holders));
	for (size_t i = 0; i < N(universe); i++) {
		struct policy_holder *holder = &grants->holders[grants->n_holders];

		if (pick(3) == 0)
			continue;
		holder->name = strdup(universe[i].name);
		holder->is_wildcard = universe[i].is_wildcard;
		holder->grants = calloc(N(principals), sizeof(*holder->grants));
		for (size_t k = 0; k < N(principals); k++)
			if (pick(3) == 0)
				holder->grants[holder->n_grants++] =
					(struct policy_grant){principals[k], pick(3)};
		grants->n_holders++;
	}
	return grants;
}

/* one entry with the same grant many times */
static struct policy_grants *grants_repeated(const char *name, uint32_t uid, size_t n)
{
	struct policy_grants *grants = calloc(1, sizeof(*grants));
	struct policy_holder *holder = calloc(1, sizeof(*holder));

	holder->name = strdup(name);
	holder->grants = calloc(n, sizeof(*holder->grants));
	holder->n_grants = n;
	for (size_t i = 0; i < n; i++)
		holder->grants[i] = (struct policy_grant){{POLICY_USER, uid}, POLICY_OWN};
	grants->holders = holder;
	grants->n_holders = 1;
	return grants;
}

/* TESTS */

static const char *const carriers[] = {"embedded", "embedded:pool"};

#define FOR_EACH_CARRIER(i) for (size_t i = 0; i < N(carriers); i++)

/* 7.4: the highest of what applies; a name's own entry hides the wildcard */
TEST(entries)
{
	static const struct kdbus_policy_access world_talk = {KDBUS_POLICY_ACCESS_WORLD,
							      KDBUS_POLICY_TALK};
	static const struct kdbus_policy_access two[] = {
		{KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_OWN, 1001},
		{KDBUS_POLICY_ACCESS_GROUP, KDBUS_POLICY_TALK, 1002},
	};

	FOR_EACH_CARRIER(i)
	{
		struct engine_policy *name, *wildcard, *other;
		struct fixture f;

		fixture_open(&f, carriers[i]);
		expect_eq(probe(&f, 0, 0), NONE);
		expect_eq(engine_policy_add(f.engine, "com.a.*", &world_talk, 1, &wildcard), 0);
		expect_eq(probe(&f, 0, 0), NONE);
		expect_eq(probe(&f, 0, 1), TALK);
		expect_eq(engine_policy_add(f.engine, "com.a.b", NULL, 0, &name), 0);
		expect_eq(probe(&f, 0, 1), NONE);
		expect_eq(probe(&f, 0, 2), TALK);
		expect_eq(engine_policy_replace(name, two, 2), 0);
		expect_eq(probe(&f, 0, 1), OWN);
		expect_eq(probe(&f, 1, 1), TALK);
		expect_eq(engine_policy_add(f.engine, "com.a.b", two, 2, &other), -EEXIST);
		expect_eq(engine_policy_add(f.engine, "com.a.*", two, 2, &other), -EEXIST);
		expect_eq(engine_policy_add(f.engine, "com", two, 2, &other), -EINVAL);
		engine_policy_remove(name);
		expect_eq(probe(&f, 0, 1), TALK);
		engine_policy_remove(wildcard);
		expect_eq(probe(&f, 0, 1), NONE);
		expect_eq(engine_policy_remove(NULL), NULL);
		fixture_close(&f);
	}
}

/* to clients there are none of them: ids, limits, what the host may find */
TEST(entries_are_no_clients)
{
	struct creds creds = {.uid = geteuid(), .gid = getegid(), .pid = getpid(), .pidfd = -1};
	struct engine_hello hello = {.creds = &creds};
	struct engine_options options = {.limits.n_conns_user = 2};
	struct engine_policy *policies[40];
	struct engine_conn *first, *second, *third;
	struct engine *engine;
	char name[32];

	FOR_EACH_CARRIER(i)
	{
		expect_eq(engine_open(carriers[i], &options, &engine), 0);
		for (size_t k = 0; k < N(policies); k++) {
			snprintf(name, sizeof(name), "com.a%zu", k);
			expect_eq(engine_policy_add(engine, name, NULL, 0, &policies[k]), 0);
		}
		expect_eq(engine_connect(engine, &hello, &first), 0);
		expect_eq(engine_conn_id(first), engine_id_offset(engine));
		expect_eq(engine_connect(engine, &hello, &second), 0);
		expect_eq(engine_connect(engine, &hello, &third), -EMFILE);
		for (size_t k = 0; k < N(policies) + 2; k++)
			expect_eq(engine_find_conn(engine, KDBUS_SPECIAL_ID_BASE + k), NULL);
		engine_conn_close(first);
		for (size_t k = 0; k < N(policies); k++)
			engine_policy_remove(policies[k]);
		engine_conn_close(second);
		engine_close(engine);
	}
}

/* busconfig 5.6: a reload opens no window, and neither does the way back */
TEST_TIMEOUT(no_window_between_the_steps, 300)
{
	FOR_EACH_CARRIER(i)
	{
		struct policy_grants *from = NULL, *to;
		unsigned n_steps = 0;
		struct fixture f;

		seed = 1;
		fixture_open(&f, carriers[i]);
		for (unsigned round = 0; round < 300; round++) {
			struct policy_plan *plan;

			to = grants_random();
			expect_eq(policy_plan_new(from, to, &plan), 0);
			for (size_t k = 0; k < plan->n_steps; k++) {
				expect_eq(holders_take(f.holders, &plan->steps[k]), 0);
				expect_between(&f, from, to);
			}
			expect_state(&f, to);
			for (size_t k = plan->n_steps; k--;) {
				expect_eq(holders_take_back(f.holders, &plan->steps[k]), 0);
				expect_between(&f, from, to);
			}
			expect_state(&f, from);
			n_steps += plan->n_steps;
			policy_plan_free(plan);
			/* the databases belong to the holders from then on */
			expect_eq(holders_replace(f.holders, to, &no_names), 0);
			expect_state(&f, to);
			from = to;
		}
		note("%s: %u steps", carriers[i], n_steps);
		expect_gt(n_steps, 600u);
		fixture_close(&f);
	}
}

/* from rules to refusals */
TEST(rules)
{
	static const char body[] =
		"<policy context=\"default\"><deny own=\"*\"/><deny send_type=\"method_call\"/>"
		"<allow receive_sender=\"*\"/><allow send_type=\"signal\"/>"
		"<allow send_destination=\"com.a.b\"/></policy>"
		"<policy user=\"alice\"><allow own=\"com.a.c\"/></policy>";

	FOR_EACH_CARRIER(i)
	{
		struct fixture f;

		fixture_open(&f, carriers[i]);
		expect_eq(holders_load(f.holders, fixture_load(body), 0, &no_names), 0);
		expect_eq(probe(&f, 0, 1), TALK);
		expect_eq(probe(&f, 1, 1), TALK);
		expect_eq(probe(&f, 0, 2), OWN);
		expect_eq(probe(&f, 1, 2), NONE);
		expect_eq(probe(&f, 0, 0), NONE);
		expect_eq(holders_load(f.holders, fixture_load("<policy context=\"default\"/>"), 0,
				       &no_names),
			  0);
		expect_state(&f, NULL);
		fixture_reset();
		fixture_close(&f);
	}
}

/* rules that would take long to compile grant nothing, and leave nothing behind */
TEST(too_many_rules)
{
	static const char frame[] = "<policy context=\"default\"><allow receive_sender=\"*\"/>"
				    "<allow send_type=\"signal\"/>%s</policy>";
	static const char rule[] = "<allow send_destination=\"com.a.b\"/>";
	char *rules = calloc(4000, sizeof(rule)), *body, *end = rules;
	struct fixture f;

	fixture_open(&f, "embedded");
	for (unsigned i = 0; i < 3998; i++)
		end = stpcpy(end, rule);
	expect_gt(asprintf(&body, frame, rules), 0);
	expect_eq(holders_load(f.holders, fixture_load(body), 0, &no_names), 0);
	expect_eq(probe(&f, 0, 1), TALK);
	free(body);
	stpcpy(end, rule);
	expect_gt(asprintf(&body, frame, rules), 0);
	expect_eq(holders_load(f.holders, fixture_load(body), 0, &no_names), 0);
	expect_state(&f, NULL);
	free(body);
	free(rules);
	fixture_reset();
	fixture_close(&f);
}

/* what cannot be put into the engine leaves what is there */
TEST(failures_leave_the_old_policy)
{
	FOR_EACH_CARRIER(i)
	{
		struct policy_grants *from = grants_repeated("com.b.x", 1002, 1), *to;
		struct engine_policy *obstacle;
		struct fixture f;

		fixture_open(&f, carriers[i]);
		expect_eq(holders_replace(f.holders, from, &no_names), 0);
		/* 7.3: more than a command can carry */
		to = grants_repeated("com.a.b", 1001, 900);
		expect_eq(holders_replace(f.holders, to, &no_names), -EMSGSIZE);
		policy_grants_free(to);
		expect_state(&f, from);
		/* somebody else has the entry */
		expect_eq(engine_policy_add(f.engine, "com.a.b", NULL, 0, &obstacle), 0);
		to = grants_repeated("com.a.b", 1001, 700);
		expect_eq(holders_replace(f.holders, to, &no_names), -EEXIST);
		expect_state(&f, from);
		engine_policy_remove(obstacle);
		expect_eq(holders_replace(f.holders, to, &no_names), 0);
		expect_state(&f, to);
		fixture_close(&f);
	}
}

/* two databases that differ in every kind of step */
static void grants_pair(struct policy_grants **from_out, struct policy_grants **to_out)
{
	seed = 4;
	*from_out = grants_random();
	*to_out = grants_random();
}

TEST(each_allocation_fails)
{
	FOR_EACH_CARRIER(i)
	{
		unsigned long n;
		int r;

		for (n = 1;; n++) {
			struct policy_grants *from, *to;
			struct fixture f;

			fixture_open(&f, carriers[i]);
			grants_pair(&from, &to);
			expect_eq(holders_replace(f.holders, from, &no_names), 0);
			fault_at(n);
			r = holders_replace(f.holders, to, &no_names);
			if (!fault_disarm()) {
				expect_eq(r, 0);
				expect_state(&f, to);
				fixture_close(&f);
				break;
			}
			/* tables that get no memory to grow do without */
			if (r) {
				expect_eq(r, -ENOMEM);
				expect_state(&f, from);
				policy_grants_free(to);
			} else {
				expect_state(&f, to);
			}
			fixture_close(&f);
		}
		note("%s: %lu allocations", carriers[i], n - 1);
		expect_gt(n, 20u);
	}
}

/* neither forward nor back: then nothing is granted */
TEST(failures_on_the_way_back_grant_nothing)
{
	unsigned n_withdrawn = 0, n_old = 0;
	unsigned long n;
	bool is_done = false;

	for (n = 1; !is_done; n++) {
		struct policy_grants *from = grants_repeated("com.a.b", 1001, 2), *to;
		struct engine_policy *obstacle;
		struct fixture f;
		int r;

		fixture_open(&f, "embedded");
		expect_eq(holders_replace(f.holders, from, &no_names), 0);
		/* com.a.b goes, and then there is no room for com.b.x */
		expect_eq(engine_policy_add(f.engine, "com.b.x", NULL, 0, &obstacle), 0);
		to = grants_repeated("com.b.x", 1002, 1);
		fault_at(n);
		r = holders_replace(f.holders, to, &no_names);
		is_done = !fault_disarm();
		expect(r == -EEXIST || (r == -ENOMEM && !is_done));
		if (probe(&f, 0, 1) == OWN) {
			n_old++;
		} else {
			expect_state(&f, NULL);
			n_withdrawn++;
		}
		/* and it can be tried again */
		engine_policy_remove(obstacle);
		expect_eq(holders_replace(f.holders, to, &no_names), 0);
		expect_state(&f, to);
		fixture_close(&f);
	}
	expect_gt(n_withdrawn, 0u);
	expect_gt(n_old, 0u);
}

/* ACTIVATORS */

static struct holders_name startable[N(names)];

/* a list of those whose bit is set */
static void startable_set(struct list_head *list, unsigned mask)
{
	INIT_LIST_HEAD(list);
	for (size_t i = 0; i < N(names); i++) {
		startable[i].name = names[i];
		startable[i].userdata = &startable[i];
		if (mask & 1u << i)
			list_add_tail(&startable[i].link, list);
	}
}

static void expect_activators(unsigned mask)
{
	for (size_t i = 0; i < N(names); i++)
		expect_eq(!!startable[i].activator, !!(mask & 1u << i));
}

/* a name's entry is a holder or an activator, which makes no difference to what is granted */
TEST(activators_change_nothing_for_peers)
{
	FOR_EACH_CARRIER(i)
	{
		struct policy_grants *grants = NULL;
		struct list_head list;
		struct fixture f;

		seed = 2;
		memset(startable, 0, sizeof(startable));
		fixture_open(&f, carriers[i]);
		for (unsigned round = 0; round < 200; round++) {
			unsigned mask = pick(1u << N(names));

			startable_set(&list, mask);
			if (round % 3) {
				expect_eq(holders_rename(f.holders, &list), 0);
			} else {
				grants = grants_random();
				expect_eq(holders_replace(f.holders, grants, &list), 0);
			}
			expect_state(&f, grants);
			expect_activators(mask);
		}
		fixture_close(&f);
		expect_activators(0);
	}
}

TEST(activators_when_memory_fails)
{
	FOR_EACH_CARRIER(i)
	{
		bool is_done = false;
		unsigned long n;

		for (n = 1; !is_done; n++) {
			struct policy_grants *from, *to;
			struct list_head before, after;
			struct fixture f;
			int r;

			seed = 3;
			memset(startable, 0, sizeof(startable));
			fixture_open(&f, carriers[i]);
			from = grants_random();
			to = grants_random();
			/* one stays, two go, two come */
			startable_set(&before, 1 << 0 | 1 << 1 | 1 << 4);
			expect_eq(holders_replace(f.holders, from, &before), 0);
			startable_set(&after, 1 << 1 | 1 << 2 | 1 << 3);
			fault_at(n);
			r = holders_replace(f.holders, to, &after);
			is_done = !fault_disarm();
			if (r) {
				expect_eq(r, -ENOMEM);
				/* what failed once does not fail on the way back */
				expect_activators(1 << 0 | 1 << 1 | 1 << 4);
				expect_state(&f, from);
				/* and it can be tried again */
				startable_set(&after, 1 << 1 | 1 << 2 | 1 << 3);
				expect_eq(holders_replace(f.holders, to, &after), 0);
			}
			expect_state(&f, to);
			expect_activators(1 << 1 | 1 << 2 | 1 << 3);
			fixture_close(&f);
		}
		note("%s: %lu allocations", carriers[i], n - 1);
		expect_gt(n, 20u);
	}
}
