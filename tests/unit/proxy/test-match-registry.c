/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* proxy/match.h, registries: what the index finds is what a linear search finds
 *
 * The random tests know rules and subjects as structs of their own and decide by
 * themselves, from the specification, whether one matches the other.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proxy/match.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"
#include "tests/unit/proxy/rule-text.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct match_rule *must_parse(const char *text)
{
	char reason[MATCH_MAX_REASON];
	struct match_rule *rule;

	if (match_rule_parse(text, strlen(text), reason, &rule))
		fail("<%s>: %s", text, reason);
	return rule;
}

static struct match_registry *must_new(unsigned flags)
{
	struct match_registry *registry;

	expect_eq(match_registry_new(flags, &registry), 0);
	return registry;
}

static int add(struct match_registry *registry, struct match_owner *owner, const char *text)
{
	struct match_rule *rule = must_parse(text);
	int r = match_registry_add(registry, owner, rule);

	match_rule_free(rule);
	return r;
}

static int drop(struct match_registry *registry, struct match_owner *owner, const char *text)
{
	struct match_rule *rule = must_parse(text);
	int r = match_registry_remove(registry, owner, rule);

	match_rule_free(rule);
	return r;
}

/* subjects */

struct names {
	const char *const *names; /* up to NULL; "?x" waits for x */
};

static int list_names(void *context, match_name_fn fn, void *userdata)
{
	const struct names *names = context;

	for (const char *const *name = names->names; *name; name++) {
		bool queued = **name == '?';
		int r = fn(userdata, *name + queued, queued);

		if (r)
			return r;
	}
	return 0;
}

static struct message *make_message(uint8_t type, const char *path, const char *interface,
				    const char *member, const char *destination,
				    const char *signature, const char *const *args)
{
	struct wire_writer writer;
	struct message *message;

	wire_writer_init(&writer, type, 0, 1);
	if (path)
		wire_put_field_string(&writer, WIRE_FIELD_PATH, path);
	if (interface)
		wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, interface);
	if (member)
		wire_put_field_string(&writer, WIRE_FIELD_MEMBER, member);
	if (destination)
		wire_put_field_string(&writer, WIRE_FIELD_DESTINATION, destination);
	if (type == WIRE_ERROR)
		wire_put_field_string(&writer, WIRE_FIELD_ERROR_NAME, "e.E");
	if (type == WIRE_ERROR || type == WIRE_RETURN)
		wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 1);
	wire_put_body(&writer, signature);
	for (unsigned i = 0; signature[i]; i++) {
		if (signature[i] == 'u')
			wire_put_u32(&writer, 7);
		else
			wire_put_string(&writer, args[i]);
	}
	expect_eq(message_new_finish(&writer, &message), 0);
	return message;
}

static struct message *make_signal(const char *member, const char *arg)
{
	return make_message(WIRE_SIGNAL, "/p", "i.I", member, NULL, arg ? "s" : "", &arg);
}

static bool accepts(struct match_registry *registry, struct match_owner *owner,
		    const struct message *message)
{
	static struct match_subject subject;

	match_subject_init_message(&subject, message);
	subject.sender.unique_name = ":1.1";
	return match_owner_accepts(registry, owner, &subject);
}

TEST(rules_are_counted)
{
	struct match_registry *registry = must_new(0);
	struct message *message = make_signal("M", NULL);
	struct match_counts counts;
	struct match_owner owner;

	match_owner_init(&owner);
	expect_eq(drop(registry, &owner, "member='M'"), MATCH_NOT_FOUND);
	expect_eq(add(registry, &owner, "member='M'"), 0);
	expect_eq(add(registry, &owner, "member=M,type=signal"), 0);
	expect_eq(add(registry, &owner, "member=M"), 0);
	expect_eq(owner.n_rules, 3);
	expect_eq(match_registry_n_nodes(registry), 2);
	match_registry_get_counts(registry, &counts);
	expect_eq(counts.n_rules, 3);
	expect_eq(drop(registry, &owner, "type='signal',member='M'"), MATCH_OK);
	expect_eq(drop(registry, &owner, "member='M'"), MATCH_OK);
	expect(accepts(registry, &owner, message));
	expect_eq(drop(registry, &owner, "member='M'"), MATCH_OK);
	expect(!accepts(registry, &owner, message));
	expect_eq(drop(registry, &owner, "member='M'"), MATCH_NOT_FOUND);
	expect_eq(owner.n_rules, 0);
	expect_eq(owner.n_signals, 0);
	expect_eq(owner.n_notifications, 0);
	match_registry_get_counts(registry, &counts);
	expect_eq(counts.n_rules, 0);
	expect_eq(counts.peak_rules, 3);
	expect_eq(counts.peak_rules_owner, 3);
	expect_eq(owner.peak_rules, 3);
	match_registry_free(registry);
	message_unref(message);
}

TEST(an_owner_removes_only_its_own)
{
	struct match_registry *registry = must_new(0);
	struct message *message = make_signal("M", NULL);
	struct match_owner owners[3];

	for (size_t i = 0; i < N(owners); i++) {
		match_owner_init(&owners[i]);
		if (i < 2)
			expect_eq(add(registry, &owners[i], "member='M'"), 0);
	}
	expect_eq(match_registry_n_nodes(registry), 1);
	expect_eq(drop(registry, &owners[2], "member='M'"), MATCH_NOT_FOUND);
	match_registry_clear(registry, &owners[0]);
	match_registry_clear(registry, &owners[0]);
	expect(!accepts(registry, &owners[0], message));
	expect(accepts(registry, &owners[1], message));
	expect(!accepts(registry, &owners[2], message));
	match_registry_clear(registry, &owners[1]);
	expect_eq(match_registry_n_nodes(registry), 0);
	match_registry_free(registry);
	message_unref(message);
}

static void count_hit(void *userdata, struct match_owner *owner)
{
	(void)owner;
	++*(unsigned *)userdata;
}

TEST(one_message_is_delivered_once)
{
	struct match_registry *registry = must_new(0);
	struct message *message = make_signal("M", "x");
	static struct match_subject subject;
	struct match_owner owner;
	unsigned n = 0;

	match_owner_init(&owner);
	add(registry, &owner, "member='M'");
	add(registry, &owner, "");
	add(registry, &owner, "arg0='x',member='M'");
	add(registry, &owner, "arg0='x'");
	match_subject_init_message(&subject, message);
	match_registry_find(registry, &subject, count_hit, &n);
	expect_eq(n, 1);
	match_registry_find(registry, &subject, count_hit, &n);
	expect_eq(n, 2);
	match_registry_clear(registry, &owner);
	match_registry_free(registry);
	message_unref(message);
}

static int append_text(void *userdata, const char *text)
{
	strcat(userdata, text);
	strcat(userdata, ";");
	return 0;
}

static int stop_at_once(void *userdata, const char *text)
{
	(void)userdata;
	(void)text;
	return 42;
}

TEST(rules_can_be_listed)
{
	struct match_registry *registry = must_new(0);
	struct match_owner owner, other;
	char text[1024] = "";

	match_owner_init(&owner);
	match_owner_init(&other);
	/* shared, split and split again by others */
	add(registry, &owner, "interface='i.I',member='M',type='signal',arg0='x'");
	add(registry, &other, "interface='i.I',member='M',type='signal',arg0='y'");
	add(registry, &other, "interface='i.I',member='N'");
	add(registry, &owner, "");
	add(registry, &owner, "eavesdrop='true'");
	add(registry, &owner, "interface='i.I',member='M'");
	add(registry, &owner, "");
	expect_eq(match_owner_for_each(&owner, append_text, text), 0);
	expect_str(text, "type='signal',interface='i.I',member='M',arg0='x';;;"
			 "eavesdrop='true';interface='i.I',member='M';");
	expect_eq(match_owner_for_each(&owner, stop_at_once, NULL), 42);
	match_registry_clear(registry, &owner);
	text[0] = '\0';
	match_owner_for_each(&other, append_text, text);
	expect_str(text, "type='signal',interface='i.I',member='M',arg0='y';"
			 "interface='i.I',member='N';");
	match_registry_clear(registry, &other);
	match_registry_free(registry);
}

TEST(unicasts_are_for_eavesdroppers_and_monitors)
{
	static const char *const names[] = {"a.b", "?c.d", NULL};
	struct names receiver = {names};
	struct match_registry *registry = must_new(0), *monitors;
	struct message *message = make_message(WIRE_CALL, "/p", NULL, "M", "x.Y", "", NULL);
	static struct match_subject subject;
	struct match_owner owner, monitor;

	monitors = must_new(MATCH_REGISTRY_MONITORS);
	match_owner_init(&owner);
	match_owner_init(&monitor);
	match_subject_init_message(&subject, message);
	subject.sender.unique_name = ":1.1";
	subject.receiver = (struct match_party){":1.2", list_names, &receiver};
	expect(!subject.is_broadcast);

	add(registry, &owner, "");
	add(registry, &owner, "destination='a.b'");
	expect(!match_owner_accepts(registry, &owner, &subject));
	add(registry, &owner, "member='N',eavesdrop='true'");
	expect(!match_owner_accepts(registry, &owner, &subject));
	add(registry, &owner, "member='M',eavesdrop='true'");
	expect(match_owner_accepts(registry, &owner, &subject));
	drop(registry, &owner, "member='M',eavesdrop='true'");
	add(registry, &owner, "destination='a.b',eavesdrop='true'");
	expect(match_owner_accepts(registry, &owner, &subject));

	/* destination= is about who owns the name, not about the header */
	static const struct {
		const char *rule;
		bool matches;
	} cases[] = {
		{"", true},
		{"destination=':1.2'", true},
		{"destination='a.b'", true},
		{"destination='c.d'", false},
		{"destination='x.Y'", false},
		{"destination='a.b',sender=':1.1'", true},
		{"destination='a.b',sender=':1.3'", false},
	};
	for (size_t i = 0; i < N(cases); i++) {
		add(monitors, &monitor, cases[i].rule);
		if (match_owner_accepts(monitors, &monitor, &subject) != cases[i].matches)
			fail("<%s>", cases[i].rule);
		match_registry_clear(monitors, &monitor);
	}
	match_registry_clear(registry, &owner);
	match_registry_free(registry);
	match_registry_free(monitors);
	message_unref(message);
}

TEST(broadcasts_have_no_destination)
{
	struct match_registry *registry = must_new(0), *monitors;
	struct message *message = make_signal("M", NULL);
	struct match_owner owner, monitor;

	monitors = must_new(MATCH_REGISTRY_MONITORS);
	match_owner_init(&owner);
	match_owner_init(&monitor);
	add(registry, &owner, "destination=':1.2'");
	add(registry, &owner, "destination=':1.1',eavesdrop='true'");
	add(monitors, &monitor, "destination=':1.2'");
	expect(!accepts(registry, &owner, message));
	expect(!accepts(monitors, &monitor, message));
	match_registry_clear(registry, &owner);
	match_registry_clear(monitors, &monitor);
	match_registry_free(registry);
	match_registry_free(monitors);
	message_unref(message);
}

TEST(changes_match_without_a_message)
{
	static const struct {
		const char *rule;
		bool matches;
	} cases[] = {
		{"", true},
		{"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		 "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='a.b'",
		 true},
		{"arg0='a.b',arg1='',arg2=':1.7'", true},
		{"arg0namespace='a'", true},
		{"path_namespace='/org/freedesktop'", true},
		{"arg2path=':1.7'", true},
		{"arg0='a'", false},
		{"arg3=''", false},
		{"sender=':1.7'", false},
		{"member='NameLost'", false},
		{"type='error'", false},
		{"path_namespace='/org/free'", false},
	};
	struct match_registry *registry = must_new(0);
	struct match_owner owner;

	match_owner_init(&owner);
	for (size_t i = 0; i < N(cases); i++) {
		static struct match_subject subject;

		match_subject_init_change(&subject, "a.b", "", ":1.7");
		add(registry, &owner, cases[i].rule);
		if (match_owner_accepts(registry, &owner, &subject) != cases[i].matches)
			fail("<%s>", cases[i].rule);
		match_registry_clear(registry, &owner);
	}
	match_registry_free(registry);
}

/* random rules and subjects, small worlds so that much of it matches */

enum { KEY_NONE, KEY_EXACT, KEY_PATH, KEY_NAMESPACE };

struct world_rule {
	const char *type, *sender, *destination, *interface, *member, *path;
	bool is_namespace, eavesdrop;
	struct {
		int kind; /* KEY_* */
		const char *value;
	} args[4];
	struct match_rule *rule;
	unsigned owner;
};

struct world_subject {
	uint8_t type;
	const char *path, *interface, *member;
	char signature[8];
	const char *args[4];
	const char *sender;
	struct names sender_names, receiver_names;
	const char *receiver; /* of a unicast, or NULL */
};

static uint64_t random_state;

static unsigned roll(unsigned n)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (random_state >> 33) % n;
}

#define PICK(array) ((array)[roll(N(array))])

static const char *const world_types[] = {"signal", "method_call", "error", "method_return"};
static const char *const world_interfaces[] = {"a.b", "a.c", "org.freedesktop.DBus"};
static const char *const world_members[] = {"M", "N", "Mm"};
static const char *const world_paths[] = {"/", "/a", "/a/b", "/a/b/c", "/ab", "/b"};
static const char *const world_names[] = {":1.1", ":1.2", ":1.11", "x.y", "x.z", "x.y.z"};
static const char *const world_texts[] = {
	"",	 "a",  "a.b",  "a.b.c", "a.",  ".a",   "a.bc", "/",    "/a",  "/a/", "/a/b",
	"/a/b/", "//", "/a//", "a/",	"a/b", "b\\c", "b,c",  "it's", "/ab", "'",   "b'/"};
static const char *const world_namespaces[] = {"a", "a.b", "x", "a.b.c", ":1.1"};
static const char *const world_owned[][3] = {
	{NULL}, {"x.y"}, {"x.z", "?x.y"}, {"x.y", "x.z"}, {"?x.y.z"}, {"x.y.z"},
};

static void quote(char *out, const char *key, const char *value)
{
	out += strlen(out);
	out += sprintf(out, "%s='", key);
	for (; *value; value++)
		out += sprintf(out, *value == '\'' ? "'\\''" : "%c", *value);
	strcpy(out, "',");
}

static void make_rule(struct world_rule *rule)
{
	char text[2048] = "", key[32];

	*rule = (struct world_rule){0};
	if (roll(2))
		quote(text, "type", rule->type = roll(3) ? "signal" : PICK(world_types));
	if (!roll(3))
		quote(text, "member", rule->member = PICK(world_members));
	if (!roll(3))
		quote(text, "sender",
		      rule->sender = roll(8) ? PICK(world_names) : "org.freedesktop.DBus");
	for (int i = 3; i >= 0; i--) {
		if (roll(4))
			continue;
		rule->args[i].kind = 1 + roll(i ? 2 : 3);
		rule->args[i].value = rule->args[i].kind == KEY_NAMESPACE ? PICK(world_namespaces)
									  : PICK(world_texts);
		sprintf(key, "arg%d%s", i,
			rule->args[i].kind == KEY_EXACT	 ? ""
			: rule->args[i].kind == KEY_PATH ? "path"
							 : "namespace");
		quote(text, key, rule->args[i].value);
	}
	if (!roll(3)) {
		rule->is_namespace = roll(2);
		quote(text, rule->is_namespace ? "path_namespace" : "path",
		      rule->path = PICK(world_paths));
	}
	if (!roll(3))
		quote(text, "interface", rule->interface = PICK(world_interfaces));
	if (!roll(10))
		quote(text, "destination", rule->destination = PICK(world_names));
	if (!roll(6)) {
		rule->eavesdrop = true;
		quote(text, "eavesdrop", "true");
	}
	rule->rule = must_parse(text);
}

static struct message *make_subject(struct world_subject *subject)
{
	unsigned n_args = roll(5);

	*subject = (struct world_subject){.type = roll(3) ? WIRE_SIGNAL : 1 + roll(4)};
	subject->path = PICK(world_paths);
	subject->interface =
		subject->type == WIRE_SIGNAL || roll(2) ? PICK(world_interfaces) : NULL;
	subject->member = PICK(world_members);
	for (unsigned i = 0; i < n_args; i++) {
		subject->signature[i] = "sssou"[roll(5)];
		subject->args[i] =
			subject->signature[i] == 'o' ? PICK(world_paths) : PICK(world_texts);
	}
	subject->sender = roll(8) ? world_names[roll(3)] : "org.freedesktop.DBus";
	subject->sender_names.names = PICK(world_owned);
	if (!roll(3)) {
		subject->receiver = world_names[roll(3)];
		subject->receiver_names.names = PICK(world_owned);
	}
	return make_message(subject->type, subject->path, subject->interface, subject->member,
			    subject->receiver ? "any.Name" : NULL, subject->signature,
			    subject->args);
}

static bool differs(const char *wanted, const char *value)
{
	return wanted && (!value || strcmp(wanted, value) != 0);
}

static bool is_called(const char *unique_name, const struct names *names, const char *name)
{
	if (!unique_name)
		return false;
	if (strcmp(unique_name, name) == 0)
		return true;
	for (const char *const *at = names->names; at && *at; at++)
		if (strcmp(*at, name) == 0)
			return true;
	return false;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_in_slash(const char *text)
{
	return *text && text[strlen(text) - 1] == '/';
}

static bool arg_matches(int kind, const char *wanted, char type, const char *value)
{
	size_t len;

	if (kind == KEY_NONE)
		return true;
	len = strlen(wanted);
	if (type != 's' && !(kind == KEY_PATH && type == 'o'))
		return false;
	if (strcmp(value, wanted) == 0)
		return true;
	if (kind == KEY_PATH)
		return (ends_in_slash(wanted) && has_prefix(value, wanted)) ||
		       (ends_in_slash(value) && has_prefix(wanted, value));
	return kind == KEY_NAMESPACE && has_prefix(value, wanted) && value[len] == '.';
}

static bool rule_matches(const struct world_rule *rule, const struct world_subject *subject,
			 bool is_monitor)
{
	static const char *const names[] = {"", "method_call", "method_return", "error", "signal"};
	size_t len;

	if (subject->receiver && !is_monitor && !rule->eavesdrop)
		return false;
	if (differs(rule->type, names[subject->type]) ||
	    differs(rule->interface, subject->interface) || differs(rule->member, subject->member))
		return false;
	if (rule->sender && !is_called(subject->sender, &subject->sender_names, rule->sender))
		return false;
	if (rule->destination &&
	    !is_called(subject->receiver, &subject->receiver_names, rule->destination))
		return false;
	if (rule->path && !rule->is_namespace && differs(rule->path, subject->path))
		return false;
	if (rule->path && rule->is_namespace && strcmp(rule->path, "/") != 0) {
		len = strlen(rule->path);
		if (!has_prefix(subject->path, rule->path) ||
		    (subject->path[len] && subject->path[len] != '/'))
			return false;
	}
	for (int i = 0; i < 4; i++)
		if (!arg_matches(rule->args[i].kind, rule->args[i].value, subject->signature[i],
				 subject->args[i]))
			return false;
	return true;
}

enum { WORLD_OWNERS = 6, WORLD_RULES = 60 };

struct world {
	struct match_registry *registry;
	struct match_owner owners[WORLD_OWNERS];
	unsigned hits[WORLD_OWNERS];
	struct world_rule rules[WORLD_RULES];
	unsigned n_rules;
};

static void world_hit(void *userdata, struct match_owner *owner)
{
	struct world *world = userdata;

	world->hits[owner - world->owners]++;
}

static unsigned long world_check(struct world *world, bool is_monitor)
{
	static struct match_subject subject;
	struct world_subject wanted;
	struct message *message = make_subject(&wanted);
	unsigned long n_hits = 0;

	match_subject_init_message(&subject, message);
	subject.sender = (struct match_party){wanted.sender, list_names, &wanted.sender_names};
	if (wanted.receiver)
		subject.receiver =
			(struct match_party){wanted.receiver, list_names, &wanted.receiver_names};
	memset(world->hits, 0, sizeof(world->hits));
	match_registry_find(world->registry, &subject, world_hit, world);
	for (unsigned o = 0; o < WORLD_OWNERS; o++) {
		const struct world_rule *by = NULL;

		for (unsigned i = 0; i < world->n_rules && !by; i++)
			if (world->rules[i].owner == o &&
			    rule_matches(&world->rules[i], &wanted, is_monitor))
				by = &world->rules[i];
		if (world->hits[o] != !!by) {
			char *text = NULL;

			for (unsigned i = 0; i < world->n_rules; i++) {
				if (world->rules[i].owner != o)
					continue;
				text = rule_to_string(world->rules[i].rule);
				note("%s%s", &world->rules[i] == by ? "-> " : "   ", text);
				free(text);
			}
			fail("owner %u has %u hits; type %u path %s member %s signature %s arg0 %s",
			     o, world->hits[o], wanted.type, wanted.path, wanted.member,
			     wanted.signature, wanted.args[0] ? wanted.args[0] : "");
		}
		n_hits += world->hits[o];
	}
	message_unref(message);
	return n_hits;
}

static void run_worlds(unsigned flags, unsigned seed)
{
	static struct world world;
	unsigned long n_cases = 0, n_hits = 0;

	random_state = seed;
	for (int round = 0; round < 500; round++) {
		world.registry = must_new(flags);
		world.n_rules = 0;
		for (unsigned o = 0; o < WORLD_OWNERS; o++)
			match_owner_init(&world.owners[o]);
		for (int step = 0; step < 100; step++) {
			struct world_rule *rule = &world.rules[world.n_rules];

			if (world.n_rules < WORLD_RULES && roll(3)) {
				make_rule(rule);
				rule->owner = roll(WORLD_OWNERS);
				expect_eq(match_registry_add(world.registry,
							     &world.owners[rule->owner],
							     rule->rule),
					  0);
				world.n_rules++;
			} else if (world.n_rules) {
				rule = &world.rules[roll(world.n_rules)];
				expect_eq(match_registry_remove(world.registry,
								&world.owners[rule->owner],
								rule->rule),
					  MATCH_OK);
				match_rule_free(rule->rule);
				*rule = world.rules[--world.n_rules];
			}
			n_hits += world_check(&world, flags & MATCH_REGISTRY_MONITORS);
			n_cases += WORLD_OWNERS;
		}
		for (unsigned o = 0; o < WORLD_OWNERS; o++)
			match_registry_clear(world.registry, &world.owners[o]);
		for (unsigned i = 0; i < world.n_rules; i++)
			match_rule_free(world.rules[i].rule);
		expect_eq(match_registry_n_nodes(world.registry), 0);
		match_registry_free(world.registry);
	}
	note("%lu decisions, %lu of them hits", n_cases, n_hits);
	expect_gt(n_hits, n_cases / 20);
	expect_lt(n_hits, n_cases / 20 * 19);
}

TEST_TIMEOUT(index_agrees_with_linear_search, 120)
{
	run_worlds(0, 1);
}

TEST_TIMEOUT(index_agrees_with_linear_search_for_monitors, 120)
{
	run_worlds(MATCH_REGISTRY_MONITORS, 2);
}

TEST(long_and_deep_values_cost_their_length)
{
	struct match_registry *registry = must_new(0);
	struct match_owner owner;
	static char path[1 << 20];
	char text[1024];
	static struct match_subject subject;
	struct message *message;
	const char *arg = path;

	/* half a million directories */
	for (size_t i = 0; i < sizeof(path) - 1; i += 2) {
		path[i] = '/';
		path[i + 1] = 'a';
	}
	path[sizeof(path) - 1] = '\0';
	path[sizeof(path) - 2] = 'b';
	match_owner_init(&owner);
	for (int depth = 2; depth < 490; depth++) {
		sprintf(text, "arg0path='%.*s/'", 2 * depth, path);
		expect_eq(add(registry, &owner, text), 0);
		sprintf(text, "path_namespace='%.*s',member='N'", 2 * depth, path);
		expect_eq(add(registry, &owner, text), 0);
	}
	message = make_message(WIRE_SIGNAL, path, "i.I", "M", NULL, "s", &arg);
	for (int i = 0; i < 100; i++) {
		match_subject_init_message(&subject, message);
		expect(match_owner_accepts(registry, &owner, &subject));
	}
	message_unref(message);
	match_registry_clear(registry, &owner);
	match_registry_free(registry);
}

/* what a look-up costs */

enum { COST_RULES = 10000, COST_FINDS = 20000 };

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static uint64_t cost_of_find(struct match_registry *registry, const struct message *message)
{
	static const char *const owned[] = {"a.service", NULL};
	struct names names = {owned};
	static struct match_subject subject;
	uint64_t best = UINT64_MAX;
	unsigned n = 0;

	for (int round = 0; round < 7; round++) {
		uint64_t start = cpu_ns(), end;

		for (int i = 0; i < COST_FINDS; i++) {
			match_subject_init_message(&subject, message);
			subject.sender = (struct match_party){":1.7", list_names, &names};
			match_registry_find(registry, &subject, count_hit, &n);
		}
		end = cpu_ns();
		if (end - start < best)
			best = end - start;
	}
	expect_eq(n, 0);
	return best / COST_FINDS;
}

TEST_TIMEOUT(rules_that_do_not_match_cost_nothing, 120)
{
	static const char *const kinds[] = {
		"type='signal',interface='i.I',member='M',arg0='x%d'",
		"type='signal',interface='i.I',member='M',arg1='x%d'",
		"type='signal',interface='i.I',member='x%d'",
		"type='signal',path='/x/%d'",
		"type='signal',interface='i.x%d'",
		"type='signal',sender=':1.1%d'",
		"type='signal',sender='a.b%d',interface='i.I',member='M'",
		"type='signal',path_namespace='/x/%d'",
		"type='signal',interface='i.I',arg0path='/x/%d/'",
		"type='signal',interface='i.I',arg1path='/x/%d'",
		"type='signal',interface='i.I',arg0namespace='x.y%d'",
		"path_namespace='/p',arg0namespace='x.y%d'",
	};
	const char *args[] = {"a.value", "/a/b/"};
	struct message *message = make_message(WIRE_SIGNAL, "/p/q/r", "i.I", "M", NULL, "ss", args);
	struct match_owner owner;
	uint64_t none, cost;
	char text[256];

	match_owner_init(&owner);
	for (size_t i = 0; i < N(kinds); i++) {
		struct match_registry *registry = must_new(0);
		size_t before, after;

		/* one rule, as the value has to be looked at anyhow */
		sprintf(text, kinds[i], 0);
		add(registry, &owner, text);
		none = cost_of_find(registry, message);
		before = mallinfo2().uordblks;
		for (int n = 1; n <= COST_RULES; n++) {
			sprintf(text, kinds[i], n);
			add(registry, &owner, text);
		}
		after = mallinfo2().uordblks;
		cost = cost_of_find(registry, message);
		note("%llu ns with one, %llu ns with 10000, %zu bytes per rule: %s",
		     (unsigned long long)none, (unsigned long long)cost,
		     (after - before) / COST_RULES, kinds[i]);
		/* a search through all of them would be some hundred times as much */
		expect_lt(cost, 4 * none + 1000);
		match_registry_clear(registry, &owner);
		match_registry_free(registry);
	}
	message_unref(message);
}

TEST(out_of_memory)
{
	static const char *const texts[] = {
		"type='signal',interface='i.I',member='M',arg0='x'",
		"type='signal',interface='i.I',member='M',arg0='y'",
		"interface='i.I',arg0path='/a/'",
		"interface='i.I',arg0path='/a/',arg1path='/b'",
		"interface='i.I',arg0path='/a/',arg1path='/c'",
		"interface='i.I',member='N',arg0path='/a/b'",
		"sender='a.b',path_namespace='/'",
		"",
	};
	unsigned long n_failed = 0;

	for (unsigned long n = 1;; n++) {
		struct match_registry *registry = NULL;
		struct match_rule *rules[N(texts)];
		struct match_owner owner;
		bool added[N(texts)] = {false};
		bool has_failed;
		int r;

		for (size_t i = 0; i < N(texts); i++)
			rules[i] = must_parse(texts[i]);
		match_owner_init(&owner);
		fault_at(n);
		r = match_registry_new(0, &registry);
		for (size_t i = 0; i < N(texts) && !r; i++)
			added[i] = !match_registry_add(registry, &owner, rules[i]);
		has_failed = fault_disarm();
		if (r) {
			expect_eq(r, -ENOMEM);
			expect(!registry);
		} else {
			/* what was added is there, what was not is not */
			for (size_t i = 0; i < N(texts); i++)
				expect_eq(match_registry_remove(registry, &owner, rules[i]),
					  added[i] ? MATCH_OK : MATCH_NOT_FOUND);
			expect_eq(owner.n_rules, 0);
			match_registry_free(registry);
		}
		for (size_t i = 0; i < N(texts); i++)
			match_rule_free(rules[i]);
		if (!has_failed)
			break;
		n_failed++;
	}
	expect_gt(n_failed, 20);
}

TEST(table_grows_and_shrinks)
{
	struct match_registry *registry = must_new(0);
	struct message *message = make_signal("M", "x777");
	struct match_owner owner;
	char text[64];

	match_owner_init(&owner);
	for (int i = 0; i < 3000; i++) {
		sprintf(text, "arg0='x%d'", i);
		expect_eq(add(registry, &owner, text), 0);
	}
	expect(accepts(registry, &owner, message));
	for (int i = 0; i < 3000; i++) {
		if (i == 777)
			continue;
		sprintf(text, "arg0='x%d'", i);
		expect_eq(drop(registry, &owner, text), MATCH_OK);
	}
	expect(accepts(registry, &owner, message));
	expect_eq(match_registry_n_nodes(registry), 1);
	match_registry_clear(registry, &owner);
	match_registry_free(registry);
	message_unref(message);
}
