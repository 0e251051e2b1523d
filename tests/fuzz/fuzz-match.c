/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules: parsing, printing, and finding them
 *
 * Each line of the input is one step on one registry:
 *
 *	!RULE	removed
 *	@PATH INTERFACE MEMBER SENDER ARG...	a broadcast with these strings
 *	RULE	added
 *
 * A rule's text is an equal rule; what the index finds is what the terms say one
 * by one; what was added can be removed, once.
 */
#include <string.h>

#include "proxy/match-internal.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/proxy/rule-text.h"

enum { MAX_RULES = 256 };

struct state {
	struct match_registry *registry;
	struct match_owner owners[2];
	struct match_rule *rules[MAX_RULES];
	unsigned n_rules;
};

/* the owner of a rule in the list: by its place */
static struct match_owner *owner_of(struct state *state, unsigned i)
{
	return &state->owners[i % 2];
}

static struct match_rule *parse(const char *line, size_t size)
{
	char reason[MATCH_MAX_REASON] = "", *text;
	struct match_rule *rule = NULL, *again = NULL;
	int r;

	r = match_rule_parse(line, size, reason, &rule);
	if (r) {
		fuzz_expect(r == MATCH_INVALID || r == MATCH_TOO_LONG);
		fuzz_expect(!rule && reason[0] && memchr(reason, '\0', sizeof(reason)));
		return NULL;
	}
	text = rule_to_string(rule);
	fuzz_expect(text);
	/* what was in no quotes may get longer */
	r = match_rule_parse(text, strlen(text), reason, &again);
	if (!memchr(line, '\0', size) && r != MATCH_TOO_LONG)
		fuzz_expect(r == MATCH_OK && rule_equals(rule, again));
	match_rule_free(again);
	free(text);
	return rule;
}

static bool rule_accepts(const struct match_rule *rule, struct match_subject *subject)
{
	for (unsigned i = 0; i < rule->n_terms; i++) {
		struct match_value value = {
			.key = rule->terms[i].key,
			.arg = rule->terms[i].arg,
			.len = rule->terms[i].len,
			.text = rule->text + rule->terms[i].at,
		};

		if (!match_subject_has(subject, &value))
			return false;
	}
	return true;
}

static struct match_text next_word(const char **p, const char *end)
{
	const char *start = *p;

	while (*p < end && **p != ' ')
		++*p;
	return (struct match_text){start, *p < end ? (*p)++ - start : *p - start};
}

static int one_name(void *context, match_name_fn fn, void *userdata)
{
	return fn(userdata, context, false);
}

static void expect_found(struct state *state, struct match_subject *subject, char *sender)
{
	subject->sender = (struct match_party){":1.1", one_name, sender};
	for (unsigned o = 0; o < 2; o++) {
		bool accepts = false;

		for (unsigned i = o; i < state->n_rules; i += 2)
			accepts |= rule_accepts(state->rules[i], subject) &&
				   (subject->is_broadcast || state->rules[i]->is_eavesdropping);
		fuzz_expect(match_owner_accepts(state->registry, &state->owners[o], subject) ==
			    accepts);
	}
}

static char *copy(struct match_text text)
{
	char *result = strndup(text.text, text.len);

	fuzz_expect(result);
	return result;
}

/* the subject as a message, if there is one with these fields; a third of them unicast */
static struct message *make_message(const struct match_subject *subject)
{
	char signature[MATCH_MAX_ARGS + 1] = "", *text;
	struct message *message = NULL;
	struct wire_writer writer;

	wire_writer_init(&writer, WIRE_SIGNAL, 0, 1);
	wire_put_field_string(&writer, WIRE_FIELD_PATH, text = copy(subject->path));
	free(text);
	wire_put_field_string(&writer, WIRE_FIELD_INTERFACE, text = copy(subject->interface));
	free(text);
	wire_put_field_string(&writer, WIRE_FIELD_MEMBER, text = copy(subject->member));
	free(text);
	if (subject->n_args % 3 == 2)
		wire_put_field_string(&writer, WIRE_FIELD_DESTINATION, "a.b");
	for (unsigned i = 0; i < subject->n_args; i++)
		signature[i] = subject->args[i].type;
	wire_put_body(&writer, signature);
	for (unsigned i = 0; i < subject->n_args; i++) {
		wire_put_string(&writer, text = copy((struct match_text){subject->args[i].text,
									 subject->args[i].len}));
		free(text);
	}
	if (message_new_finish(&writer, &message))
		return NULL;
	return message;
}

static void find(struct state *state, const char *line, size_t size)
{
	static struct match_subject subject;
	const char *p = line, *end = line + size;
	struct message *message;
	struct match_text sender;
	char name[64] = "";

	match_subject_init_change(&subject, "", "", "");
	expect_found(state, &subject, name);
	subject.n_args = 0;
	subject.path = next_word(&p, end);
	subject.interface = next_word(&p, end);
	subject.member = next_word(&p, end);
	sender = next_word(&p, end);
	memcpy(name, sender.text, sender.len < sizeof(name) ? sender.len : sizeof(name) - 1);
	while (p < end && subject.n_args < MATCH_MAX_ARGS) {
		struct match_text arg = next_word(&p, end);

		subject.args[subject.n_args++] = (struct match_arg){
			arg.text, arg.len, arg.len && *arg.text == '/' ? 'o' : 's'};
	}
	expect_found(state, &subject, name);

	message = make_message(&subject);
	if (!message)
		return;
	match_subject_init_message(&subject, message);
	expect_found(state, &subject, name);
	message_unref(message);
}

static int count_text(void *userdata, const char *text)
{
	fuzz_expect(text);
	++*(unsigned *)userdata;
	return 0;
}

static void drop(struct state *state, const struct match_rule *rule)
{
	struct match_rule **last;
	unsigned i = 0;

	while (i < state->n_rules && !rule_equals(state->rules[i], rule))
		i++;
	fuzz_expect(match_registry_remove(state->registry, owner_of(state, i), rule) ==
		    (i < state->n_rules ? MATCH_OK : MATCH_NOT_FOUND));
	if (i == state->n_rules)
		return;
	match_rule_free(state->rules[i]);
	/* the last one moves here, perhaps to another owner */
	last = &state->rules[--state->n_rules];
	if (i == state->n_rules)
		return;
	if (owner_of(state, i) != owner_of(state, state->n_rules)) {
		fuzz_expect(match_registry_remove(state->registry, owner_of(state, state->n_rules),
						  *last) == MATCH_OK);
		fuzz_expect(match_registry_add(state->registry, owner_of(state, i), *last) == 0);
	}
	state->rules[i] = *last;
}

static void step(struct state *state, const char *line, size_t size)
{
	struct match_rule *rule;

	if (size && line[0] == '@') {
		find(state, line + 1, size - 1);
		return;
	}
	if (size && line[0] == '!') {
		rule = parse(line + 1, size - 1);
		if (rule)
			drop(state, rule);
		match_rule_free(rule);
		return;
	}
	rule = parse(line, size);
	if (rule && state->n_rules < MAX_RULES) {
		fuzz_expect(match_registry_add(state->registry, owner_of(state, state->n_rules),
					       rule) == 0);
		state->rules[state->n_rules++] = rule;
	} else {
		match_rule_free(rule);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *at = (const char *)bytes, *end = at + size;
	struct state state = {.n_rules = 0};

	fuzz_expect(match_registry_new(0, &state.registry) == 0);
	match_owner_init(&state.owners[0]);
	match_owner_init(&state.owners[1]);
	while (at < end) {
		const char *line_end = memchr(at, '\n', end - at) ?: end;

		step(&state, at, line_end - at);
		at = line_end < end ? line_end + 1 : end;
	}
	for (unsigned o = 0; o < 2; o++) {
		unsigned n_texts = 0;

		fuzz_expect(match_owner_for_each(&state.owners[o], count_text, &n_texts) == 0);
		fuzz_expect(n_texts == (state.n_rules + !o) / 2);
	}
	for (unsigned i = 0; i < state.n_rules; i++) {
		/* the second owner is cleared */
		if (i % 2 == 0)
			fuzz_expect(match_registry_remove(state.registry, owner_of(&state, i),
							  state.rules[i]) == MATCH_OK);
		match_rule_free(state.rules[i]);
	}
	fuzz_expect(state.owners[0].n_rules == 0);
	match_registry_clear(state.registry, &state.owners[1]);
	match_registry_free(state.registry);
	return 0;
}
