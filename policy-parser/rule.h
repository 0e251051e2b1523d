/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy rules, as written
 *
 * What <policy>, <allow> and <deny> of a bus configuration say, in file order
 * and with the place each was read from; nothing is evaluated or resolved here.
 * A rule belongs to one section (one <policy> element), the rules of a section
 * are neighbours in policy_rules.rules, and a section lies in one file.
 *
 * "*" means "no constraint" wherever the format knows it, and is stored as the
 * absence of the constraint (NULL); what kind of rule it is stays visible in
 * @kind.  All strings are interned in the configuration that owns the rules:
 * within one configuration equal strings have equal addresses.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* in the order in which the sections of a connection are applied */
enum policy_section_kind {
	POLICY_SECTION_DEFAULT,
	POLICY_SECTION_GROUP,
	POLICY_SECTION_USER,
	POLICY_SECTION_AT_CONSOLE,
	POLICY_SECTION_NOT_AT_CONSOLE,
	POLICY_SECTION_MANDATORY,
};

/**
 * struct policy_section - one <policy> element
 * @kind: whom it applies to
 * @name: GROUP and USER: the name or number as written, not looked up; else NULL
 * @file: the file it stands in
 * @line: the line of its start tag
 * @first_rule: index of its first rule
 * @n_rules: number of its rules
 */
struct policy_section {
	enum policy_section_kind kind;
	const char *name;
	const char *file;
	unsigned line;
	uint32_t first_rule;
	uint32_t n_rules;
};

enum policy_rule_kind {
	POLICY_RULE_SEND,    /* send_*: by the sender's sections */
	POLICY_RULE_RECEIVE, /* receive_*, or eavesdrop alone: by the receiver's sections */
	POLICY_RULE_OWN,     /* own, own_prefix */
	POLICY_RULE_USER,    /* user: who may connect */
	POLICY_RULE_GROUP,   /* group: who may connect */
};

/* an attribute that is "true", "false" or not there */
enum policy_tristate {
	POLICY_UNSET,
	POLICY_FALSE,
	POLICY_TRUE,
};

#define POLICY_MAX_FDS (1u << 25)

/**
 * struct policy_rule - one <allow> or <deny>
 * @section: index of its section
 * @line: the line of its tag, in the file of its section
 * @kind: what it is about
 * @is_allow: <allow>, else <deny>
 * @log: log="true"; has a meaning on SEND only
 * @is_prefix: @name is a name prefix (own_prefix, send_destination_prefix): it
 *	covers the name itself and everything below it, in whole elements
 * @type: SEND, RECEIVE: a message type of the wire (1 method call, 2 method
 *	return, 3 error, 4 signal), or 0 for no constraint
 * @requested_reply: SEND, RECEIVE
 * @eavesdrop: SEND, RECEIVE
 * @broadcast: SEND
 * @min_fds: SEND, RECEIVE: inclusive; 0 when not given
 * @max_fds: SEND, RECEIVE: inclusive; POLICY_MAX_FDS when not given
 * @name: SEND: the destination; RECEIVE: the sender; OWN: the name; USER, GROUP:
 *	name or number as written.  NULL: no constraint
 * @path: SEND, RECEIVE
 * @interface: SEND, RECEIVE
 * @member: SEND, RECEIVE
 * @error: SEND, RECEIVE
 */
struct policy_rule {
	uint32_t section;
	uint32_t line;
	uint8_t kind;
	bool is_allow : 1;
	bool log : 1;
	bool is_prefix : 1;
	uint8_t type;
	uint8_t requested_reply : 2;
	uint8_t eavesdrop : 2;
	uint8_t broadcast : 2;
	uint32_t min_fds;
	uint32_t max_fds;
	const char *name;
	const char *path;
	const char *interface;
	const char *member;
	const char *error;
};

/**
 * struct policy_rules - all sections and rules, in file order, includes in place
 */
struct policy_rules {
	struct policy_section *sections;
	size_t n_sections;
	struct policy_rule *rules;
	size_t n_rules;
};
