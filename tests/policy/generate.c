/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random policies and messages: see generate.h */
#include "tests/policy/generate.h"

#include <stddef.h>

#include "tests/harness/message.h"

#define MAX_PERCENT 100

const char *const generate_names[GENERATE_N_NAMES] = {"a.a", "a.b", "a.b.c", "b.a", "c.c"};

static const char *const prefixes[] = {"a", "a.b", "b", "a.b.c"};
static const char *const paths[] = {"/p", "/p/q"};
static const char *const interfaces[] = {"i.a", "i.b"};
static const char *const members[] = {"M", "N"};
static const char *const errors[] = {"e.a", "e.b"};
static const char *const types[] = {"method_call", "method_return", "error", "signal"};
static const char *const tristate[] = {"true", "false"};

static void attribute(FILE *file, const char *prefix, const char *name, const char *value)
{
	fprintf(file, " %s%s=\"%s\"", prefix, name, value);
}

static const char *pick_name(struct random *random, const struct universe *universe)
{
	if (universe->n_unique && random_percent(random, 8))
		return universe->unique_names[random_below(random, universe->n_unique)];
	return random_pick(random, generate_names);
}

/* path, interface, member and error in a combination that is allowed; was there any? */
static bool generate_fields(struct random *random, unsigned flags, const char *prefix, FILE *file)
{
	bool has_path = random_percent(random, 20);
	bool has_error = random_percent(random, 12);
	bool has_interface = !has_error && random_percent(random, 40);

	if ((flags & GENERATE_BROAD) && random_percent(random, 80))
		return false;

	if (has_path)
		attribute(file, prefix, "path", random_pick(random, paths));
	if (has_interface)
		attribute(file, prefix, "interface", random_pick(random, interfaces));
	if ((has_interface || has_path) && !has_error && random_percent(random, 40))
		attribute(file, prefix, "member", random_pick(random, members));
	if (has_error)
		attribute(file, prefix, "error", random_pick(random, errors));
	return has_path || has_interface || has_error;
}

static void generate_modifiers(struct random *random, bool is_send, const char *prefix,
			       bool has_destination, FILE *file)
{
	if (random_percent(random, 15))
		attribute(file, prefix, "requested_reply", random_pick(random, tristate));
	if (random_percent(random, 15))
		attribute(file, "", "eavesdrop", random_pick(random, tristate));
	if (random_percent(random, 14))
		attribute(file, "", "min_fds", random_percent(random, 70) ? "1" : "2");
	if (random_percent(random, 10))
		attribute(file, "", "max_fds", random_percent(random, 70) ? "0" : "1");
	if (is_send && random_percent(random, 20))
		attribute(file, prefix, "broadcast",
			  has_destination ? "false" : random_pick(random, tristate));
	if (is_send && random_percent(random, 12))
		attribute(file, "", "log", "true");
}

static void generate_message_rule(struct random *random, const struct universe *universe,
				  unsigned flags, bool is_send, FILE *file)
{
	const char *prefix = is_send ? "send_" : "receive_";
	bool has_destination = false;
	bool is_narrow;

	is_narrow = generate_fields(random, flags, prefix, file);
	if (is_send && random_percent(random, 12)) {
		attribute(file, prefix, "destination_prefix", random_pick(random, prefixes));
		is_narrow = true;
	} else if (random_percent(random, 50)) {
		attribute(file, prefix, is_send ? "destination" : "sender",
			  pick_name(random, universe));
		has_destination = is_narrow = true;
	} else if (random_percent(random, 10)) {
		attribute(file, prefix, is_send ? "destination" : "sender", "*");
	}
	if (random_percent(random, 35) || !is_narrow) {
		bool is_any = !(flags & GENERATE_COMPARABLE) && random_percent(random, 20);

		attribute(file, prefix, "type", is_any ? "*" : random_pick(random, types));
	}
	if (!(flags & GENERATE_BROAD) || random_percent(random, 20))
		generate_modifiers(random, is_send, prefix, has_destination, file);
}

static void generate_own_rule(struct random *random, FILE *file)
{
	if (random_percent(random, 30))
		attribute(file, "", "own_prefix", random_pick(random, prefixes));
	else
		attribute(file, "", "own", random_pick(random, generate_names));
}

static void generate_rule(struct random *random, const struct universe *universe, unsigned flags,
			  FILE *file)
{
	unsigned kind = random_below(random, MAX_PERCENT);

	fputs(random_percent(random, 50) ? "<allow" : "<deny", file);
	if (kind < 12)
		generate_own_rule(random, file);
	else
		generate_message_rule(random, universe, flags, kind < 65, file);
	fputs("/>\n", file);
}

/* rules that match whatever there is; nothing may be forgotten in front of them by anybody */
static void generate_constant_rule(struct random *random, FILE *file)
{
	static const char *const rules[] = {
		"<allow send_destination=\"*\" eavesdrop=\"true\"/>\n",
		"<deny send_requested_reply=\"true\"/>\n",
		"<allow eavesdrop=\"true\"/>\n",
		"<deny receive_requested_reply=\"true\"/>\n",
		"<allow own=\"*\"/>\n",
		"<deny own=\"*\"/>\n",
	};

	fputs(random_pick(random, rules), file);
}

static void generate_section(struct random *random, const struct universe *universe, unsigned flags,
			     const char *head, unsigned max_rules, FILE *file)
{
	unsigned n_rules = 1 + random_below(random, max_rules);

	fprintf(file, "<policy %s>\n", head);
	for (unsigned i = 0; i < n_rules; i++) {
		if (random_percent(random, 2))
			generate_constant_rule(random, file);
		else
			generate_rule(random, universe, flags, file);
	}
	fputs("</policy>\n", file);
}

/* the first rule of each kind: most of what follows is an exception from it */
static void generate_base(struct random *random, unsigned flags, FILE *file)
{
	static const char *const sends[] = {
		"<allow send_destination=\"*\" eavesdrop=\"true\"/>\n",
		"<allow send_destination=\"*\"/>\n",
		"<allow send_requested_reply=\"false\"/>\n",
		"<allow send_type=\"method_call\"/>\n<allow send_type=\"signal\"/>\n"
		"<allow send_type=\"error\"/>\n",
		"<allow send_broadcast=\"true\"/>\n",
		"<allow send_destination=\"*\" max_fds=\"1\"/>\n",
		"",
	};
	static const char *const receives[] = {
		"<allow eavesdrop=\"true\"/>\n",
		"<allow receive_sender=\"*\"/>\n",
		"<allow receive_requested_reply=\"false\"/>\n",
		"<allow receive_type=\"method_call\"/>\n<allow receive_type=\"signal\"/>\n"
		"<allow receive_type=\"method_return\"/>\n",
		"<allow receive_sender=\"*\" max_fds=\"1\"/>\n",
		"<allow eavesdrop=\"false\"/>\n",
	};

	fputs("<policy context=\"default\">\n", file);
	fputs(flags & GENERATE_BROAD ? sends[1] : random_pick(random, sends), file);
	fputs(flags & GENERATE_BROAD ? receives[1] : random_pick(random, receives), file);
	if (random_percent(random, 70))
		fputs("<allow own=\"*\"/>\n", file);
	fputs("</policy>\n", file);
}

static void generate_connect(struct random *random, const struct universe *universe, FILE *file)
{
	fprintf(file, "<policy context=\"%s\">\n",
		random_percent(random, 60) ? "default" : "mandatory");
	for (unsigned i = 0; i < 3; i++) {
		const char *verb = random_percent(random, 60) ? "allow" : "deny";

		if (random_percent(random, 20))
			fprintf(file, "<%s %s=\"*\"/>\n", verb,
				random_percent(random, 50) ? "user" : "group");
		else if (random_percent(random, 50))
			fprintf(file, "<%s user=\"%u\"/>\n", verb,
				random_pick(random, universe->uids));
		else
			fprintf(file, "<%s group=\"%u\"/>\n", verb,
				random_pick(random, universe->gids));
	}
	fputs("</policy>\n", file);
}

void generate_policy(struct random *random, const struct universe *universe, unsigned flags,
		     FILE *file)
{
	char head[64];

	generate_base(random, flags, file);
	/* the order in the file is not the one in which sections apply */
	if (random_percent(random, 30))
		generate_section(random, universe, flags, "context=\"mandatory\"", 2, file);
	for (unsigned i = 0; i < 3; i++) {
		if (random_percent(random, flags & GENERATE_BROAD ? 30 : 50)) {
			snprintf(head, sizeof(head), "user=\"%u\"",
				 random_pick(random, universe->uids));
			generate_section(random, universe, flags, head, 4, file);
		}
		if (random_percent(random, flags & GENERATE_BROAD ? 20 : 60)) {
			snprintf(head, sizeof(head), "group=\"%u\"",
				 random_pick(random, universe->gids));
			generate_section(random, universe, flags, head, 4, file);
		}
	}
	if (flags & GENERATE_UNRESOLVED) {
		generate_section(random, universe, flags, "user=\"nosuch\"", 3, file);
		generate_section(random, universe, flags, "group=\"nosuch\"", 3, file);
	}
	if (random_percent(random, 30))
		generate_section(random, universe, flags, "at_console=\"false\"", 2, file);
	if (random_percent(random, 20))
		generate_section(random, universe, flags, "at_console=\"true\"", 2, file);
	generate_section(random, universe, flags, "context=\"default\"",
			 flags & GENERATE_BROAD ? 6 : 10, file);
	if (flags & GENERATE_CONNECT)
		generate_connect(random, universe, file);
}

struct random_message generate_message(struct random *random, uint8_t type)
{
	struct random_message message = {.type = type};
	/* a field that the type does not need is allowed as well */
	bool has_more = random_percent(random, 30);

	if (!type) {
		static const uint8_t weights[] = {MSG_CALL,   MSG_CALL,	  MSG_CALL,  MSG_SIGNAL,
						  MSG_SIGNAL, MSG_RETURN, MSG_ERROR, MSG_ERROR};

		message.type = random_pick(random, weights);
	}
	if (message.type == MSG_CALL || message.type == MSG_SIGNAL || has_more)
		message.path = random_pick(random, paths);
	if (message.type == MSG_SIGNAL || has_more ||
	    (message.type == MSG_CALL && random_percent(random, 60)))
		message.interface = random_pick(random, interfaces);
	if (message.type == MSG_CALL || message.type == MSG_SIGNAL || has_more)
		message.member = random_pick(random, members);
	if (message.type == MSG_ERROR || (has_more && random_percent(random, 30)))
		message.error = random_pick(random, errors);
	if (random_percent(random, 30))
		message.n_fds = 1 + random_below(random, 2);
	return message;
}
