/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules: from text to terms, and back
 *
 * The grammar is the one dbus-daemon has, which is wider than the
 * specification's.  A rule is read in two steps, and an error of the first wins:
 *
 * 1. Pairs.  Blanks, a key up to '=' or a blank, blanks, '=', a value up to a comma
 *    outside apostrophes.  In apostrophes everything is literal; outside, a
 *    backslash and what follows it stand for themselves, except that \' is an
 *    apostrophe.  One comma may be left over at the end.  What comes behind sixteen
 *    pairs, or behind an empty key, does not exist.
 * 2. Terms.  Each pair is checked with the grammar of its key.
 *
 * The terms are then put in the order of enum match_key.  A rule is one
 * allocation.
 *
 * See the specification, "Message Bus Message Routing, Match Rules".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/match-internal.h"

#define DRIVER_SENDER	 "org.freedesktop.DBus"
#define DRIVER_PATH	 "/org/freedesktop/DBus"
#define DRIVER_INTERFACE "org.freedesktop.DBus"

/* a key=value pair as read; the value lies in the rule's text */
struct pair {
	const char *key;
	size_t key_len;
	uint16_t at;
	uint16_t len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* step 1 for one value; returns where the text goes on, or NULL for an open apostrophe */
static const char *read_value(const char *p, const char *end, struct match_rule *rule)
{
	bool in_quotes = false;

	for (; p < end; p++) {
		if (*p == '\'') {
			in_quotes = !in_quotes;
		} else if (in_quotes) {
			rule->text[rule->n_text++] = *p;
		} else if (*p == ',') {
			return p + 1;
		} else if (*p == '\\' && p + 1 < end) {
			if (p[1] != '\'')
				rule->text[rule->n_text++] = '\\';
			rule->text[rule->n_text++] = *++p;
		} else {
			rule->text[rule->n_text++] = *p;
		}
	}
	return in_quotes ? NULL : p;
}

static int read_pairs(const char *text, size_t len, struct match_rule *rule, struct pair *pairs,
		      unsigned *n_pairs_out, char *reason)
{
	const char *p = text, *end = text + len;
	unsigned n = 0;

	while (n < MATCH_MAX_TERMS) {
		struct pair *pair = &pairs[n];

		while (p < end && is_blank(*p))
			p++;
		if (p == end)
			break;
		pair->key = p;
		while (p < end && *p != '=' && !is_blank(*p))
			p++;
		pair->key_len = p - pair->key;
		while (p < end && is_blank(*p))
			p++;
		if (p == end || *p != '=') {
			snprintf(reason, MATCH_MAX_REASON,
				 "Match rule has a key with no subsequent '=' character");
			return MATCH_INVALID;
		}
		pair->at = rule->n_text;
		p = read_value(p + 1, end, rule);
		if (!p) {
			snprintf(reason, MATCH_MAX_REASON,
				 "Unbalanced quotation marks in match rule");
			return MATCH_INVALID;
		}
		if (!pair->key_len)
			break;
		pair->len = rule->n_text - pair->at;
		n++;
	}
	*n_pairs_out = n;
	return MATCH_OK;
}

static bool type_is_valid(const char *text, size_t len)
{
	static const char *const types[] = {"method_call", "method_return", "error", "signal"};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (len == strlen(types[i]) && memcmp(text, types[i], len) == 0)
			return true;
	return false;
}

static bool namespace_is_valid(const char *text, size_t len)
{
	/* a namespace of unique names: any of them */
	return wire_namespace_is_valid(text, len) ||
	       (len && text[0] == ':' && wire_bus_name_is_valid(text, len));
}

/* keys with a name of their own; "said" is what the texts of dbus-daemon call the value */
static const struct {
	const char *name;
	enum match_key key;
	bool (*is_valid)(const char *text, size_t len);
	const char *said;
} keys[] = {
	{"type", MATCH_TYPE, type_is_valid, NULL},
	{"sender", MATCH_SENDER, wire_bus_name_is_valid, "Sender name"},
	{"interface", MATCH_INTERFACE, wire_interface_is_valid, "Interface name"},
	{"member", MATCH_MEMBER, wire_member_is_valid, "Member name"},
	{"path", MATCH_PATH, wire_path_is_valid, "Path"},
	{"path_namespace", MATCH_PATH_NAMESPACE, wire_path_is_valid, "Path"},
	{"destination", MATCH_DESTINATION, wire_bus_name_is_valid, "Destination name"},
};

static bool text_is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

static bool has_term(const struct match_rule *rule, enum match_key key)
{
	for (unsigned i = 0; i < rule->n_terms; i++)
		if (rule->terms[i].key == key)
			return true;
	return false;
}

static bool has_arg(const struct match_rule *rule, unsigned arg)
{
	for (unsigned i = 0; i < rule->n_terms; i++)
		if (rule->terms[i].key >= MATCH_ARG && rule->terms[i].arg == arg)
			return true;
	return false;
}

static void add_term(struct match_rule *rule, enum match_key key, unsigned arg,
		     const struct pair *pair)
{
	rule->terms[rule->n_terms++] = (struct match_term){
		.key = key,
		.arg = arg,
		.at = pair->at,
		.len = pair->len,
	};
}

/* argN, argNpath, arg0namespace: step 2 for keys that start with "arg" */
static int read_arg(struct match_rule *rule, const struct pair *pair, char *reason)
{
	char key[MATCH_MAX_TEXT + 1], *junk;
	const char *value = rule->text + pair->at;
	enum match_key kind;
	unsigned long arg;

	memcpy(key, pair->key, pair->key_len);
	key[pair->key_len] = '\0';
	if (!key[3]) {
		snprintf(reason, MATCH_MAX_REASON,
			 "Key '%s' in match rule starts with 'arg' but lacks an arg number. "
			 "Should be 'arg0' or 'arg7' for example.\n",
			 key);
		return MATCH_INVALID;
	}
	/* COMPAT: a number as in C, octal, hexadecimal or signed, and a negative one wraps around
	 */
	errno = 0;
	arg = strtoul(key + 3, &junk, 0);
	if (junk == key + 3 || errno) {
		snprintf(reason, MATCH_MAX_REASON,
			 "Key '%s' in match rule starts with 'arg' but could not parse arg "
			 "number. Should be 'arg0' or 'arg7' for example.\n",
			 key);
		return MATCH_INVALID;
	}

	if (!*junk) {
		kind = MATCH_ARG;
	} else if (strcmp(junk, "path") == 0) {
		kind = MATCH_ARG_PATH;
	} else if (strcmp(key, "arg0namespace") == 0) {
		kind = MATCH_ARG_NAMESPACE;
		if (!namespace_is_valid(value, pair->len)) {
			snprintf(reason, MATCH_MAX_REASON,
				 "%s='%.*s' is not a valid prefix of a bus name", key, pair->len,
				 value);
			return MATCH_INVALID;
		}
	} else {
		snprintf(reason, MATCH_MAX_REASON,
			 "Key '%s' in match rule contains junk after argument number (%lu). Only "
			 "'arg%lupath' (for example) or 'arg0namespace' are valid",
			 key, arg, arg);
		return MATCH_INVALID;
	}

	if (arg >= MATCH_MAX_ARGS) {
		snprintf(reason, MATCH_MAX_REASON,
			 "Key '%s' in match rule has arg number %lu but the maximum is %u.\n", key,
			 arg, MATCH_MAX_ARGS - 1);
		return MATCH_INVALID;
	}
	if (has_arg(rule, arg)) {
		snprintf(reason, MATCH_MAX_REASON,
			 "Argument %s matched more than once in match rule\n", key);
		return MATCH_INVALID;
	}
	add_term(rule, kind, arg, pair);
	return MATCH_OK;
}

/* step 2 for one pair */
static int read_term(struct match_rule *rule, const struct pair *pair, char *reason)
{
	const char *value = rule->text + pair->at;
	bool is_path;

	if (text_is(pair->key, pair->key_len, "eavesdrop")) {
		if (!text_is(value, pair->len, "true") && !text_is(value, pair->len, "false")) {
			snprintf(reason, MATCH_MAX_REASON,
				 "eavesdrop='%.*s' is invalid, it should be 'true' or 'false'\n",
				 pair->len, value);
			return MATCH_INVALID;
		}
		rule->is_eavesdropping = value[0] == 't';
		return MATCH_OK;
	}
	if (pair->key_len >= 3 && memcmp(pair->key, "arg", 3) == 0)
		return read_arg(rule, pair, reason);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!text_is(pair->key, pair->key_len, keys[i].name))
			continue;

		is_path = keys[i].key == MATCH_PATH || keys[i].key == MATCH_PATH_NAMESPACE;
		if (is_path &&
		    (has_term(rule, MATCH_PATH) || has_term(rule, MATCH_PATH_NAMESPACE))) {
			snprintf(reason, MATCH_MAX_REASON,
				 "path or path_namespace specified twice in match rule\n");
			return MATCH_INVALID;
		}
		if (has_term(rule, keys[i].key)) {
			snprintf(reason, MATCH_MAX_REASON, "Key %s specified twice in match rule\n",
				 keys[i].name);
			return MATCH_INVALID;
		}
		if (!keys[i].is_valid(value, pair->len)) {
			if (keys[i].said)
				snprintf(reason, MATCH_MAX_REASON, "%s '%.*s' is invalid\n",
					 keys[i].said, pair->len, value);
			else
				snprintf(reason, MATCH_MAX_REASON,
					 "Invalid message type (%.*s) in match rule\n", pair->len,
					 value);
			return MATCH_INVALID;
		}
		add_term(rule, keys[i].key, 0, pair);
		return MATCH_OK;
	}

	snprintf(reason, MATCH_MAX_REASON, "Unknown key \"%.*s\" in match rule", (int)pair->key_len,
		 pair->key);
	return MATCH_INVALID;
}

static int compare_terms(const void *a, const void *b)
{
	const struct match_term *left = a, *right = b;

	if (left->key != right->key)
		return left->key < right->key ? -1 : 1;
	return left->arg < right->arg ? -1 : left->arg > right->arg;
}

int match_rule_parse(const char *text, size_t len, char reason[MATCH_MAX_REASON],
		     struct match_rule **rule_out)
{
	__cleanup(match_rule_freep) struct match_rule *rule = NULL;
	struct pair pairs[MATCH_MAX_TERMS];
	unsigned n_pairs;
	int r;

	if (len > MATCH_MAX_TEXT) {
		snprintf(reason, MATCH_MAX_REASON, "Match rule text is %zu bytes, maximum is %u",
			 len, MATCH_MAX_TEXT);
		return MATCH_TOO_LONG;
	}
	/* one byte more, so that there is something to point to behind the last value */
	rule = calloc(1, sizeof(*rule) + len + 1);
	if (!rule)
		return -ENOMEM;
	r = read_pairs(text, len, rule, pairs, &n_pairs, reason);
	if (r)
		return r;
	for (unsigned i = 0; i < n_pairs; i++) {
		r = read_term(rule, &pairs[i], reason);
		if (r)
			return r;
	}
	qsort(rule->terms, rule->n_terms, sizeof(rule->terms[0]), compare_terms);
	*rule_out = steal(rule);
	return MATCH_OK;
}

struct match_rule *match_rule_free(struct match_rule *rule)
{
	free(rule);
	return NULL;
}

bool match_rule_is_eavesdropping(const struct match_rule *rule)
{
	return rule->is_eavesdropping;
}

void match_rule_clear_eavesdropping(struct match_rule *rule)
{
	rule->is_eavesdropping = false;
}

static unsigned rule_values(const struct match_rule *rule, struct match_value *values)
{
	for (unsigned i = 0; i < rule->n_terms; i++) {
		values[i].key = rule->terms[i].key;
		values[i].arg = rule->terms[i].arg;
		values[i].len = rule->terms[i].len;
		values[i].text = rule->text + rule->terms[i].at;
	}
	return rule->n_terms;
}

unsigned match_rule_wants(const struct match_rule *rule)
{
	struct match_value values[MATCH_MAX_TERMS];

	return match_values_want(values, rule_values(rule, values));
}

unsigned match_values_want(const struct match_value *values, unsigned n_values)
{
	unsigned wants = MATCH_WANTS_SIGNALS | MATCH_WANTS_NOTIFICATIONS;

	for (unsigned i = 0; i < n_values; i++) {
		const struct match_value *value = &values[i];

		switch (value->key) {
		case MATCH_TYPE:
			if (!text_is(value->text, value->len, "signal"))
				return 0;
			break;
		case MATCH_DESTINATION:
			/* broadcasts have none */
			return 0;
		case MATCH_SENDER:
			wants &= text_is(value->text, value->len, DRIVER_SENDER)
					 ? MATCH_WANTS_NOTIFICATIONS
					 : MATCH_WANTS_SIGNALS;
			break;
		case MATCH_INTERFACE:
			if (!text_is(value->text, value->len, DRIVER_INTERFACE))
				wants &= ~MATCH_WANTS_NOTIFICATIONS;
			break;
		case MATCH_MEMBER:
			if (!text_is(value->text, value->len, "NameOwnerChanged"))
				wants &= ~MATCH_WANTS_NOTIFICATIONS;
			break;
		case MATCH_PATH:
			if (!text_is(value->text, value->len, DRIVER_PATH))
				wants &= ~MATCH_WANTS_NOTIFICATIONS;
			break;
		case MATCH_ARG:
		case MATCH_ARG_PATH:
			/* NameOwnerChanged has three arguments */
			if (value->arg > 2)
				wants &= ~MATCH_WANTS_NOTIFICATIONS;
			break;
		}
	}
	return wants;
}

static char *put(char *p, const char *text)
{
	size_t len = strlen(text);

	memcpy(p, text, len);
	return p + len;
}

static char *put_value(char *p, const struct match_value *value)
{
	static const char *const names[_MATCH_KEY_MAX] = {
		[MATCH_SENDER] = "sender",	 [MATCH_DESTINATION] = "destination",
		[MATCH_INTERFACE] = "interface", [MATCH_MEMBER] = "member",
		[MATCH_PATH] = "path",		 [MATCH_PATH_NAMESPACE] = "path_namespace",
		[MATCH_TYPE] = "type",		 [MATCH_ARG] = "",
		[MATCH_ARG_PATH] = "path",	 [MATCH_ARG_NAMESPACE] = "namespace",
	};

	if (value->key >= MATCH_ARG)
		p += sprintf(p, "arg%u", value->arg);
	p = put(p, names[value->key]);
	p = put(p, "='");
	for (unsigned i = 0; i < value->len; i++) {
		if (value->text[i] == '\'')
			p = put(p, "'\\''");
		else
			*p++ = value->text[i];
	}
	*p++ = '\'';
	return p;
}

/* the order in which people write keys; arguments by their number */
static unsigned written_order(const struct match_value *value)
{
	static const uint8_t order[_MATCH_KEY_MAX] = {
		[MATCH_TYPE] = 0,	 [MATCH_SENDER] = 1, [MATCH_INTERFACE] = 2,
		[MATCH_MEMBER] = 3,	 [MATCH_PATH] = 4,   [MATCH_PATH_NAMESPACE] = 4,
		[MATCH_DESTINATION] = 5,
	};

	return value->key >= MATCH_ARG ? 6u + value->arg : order[value->key];
}

size_t match_values_format(const struct match_value *values, unsigned n_values,
			   bool is_eavesdropping, char text_out[MATCH_MAX_FORMAT])
{
	const struct match_value *sorted[MATCH_MAX_TERMS];
	char *p = text_out;

	for (unsigned i = 0; i < n_values; i++) {
		unsigned at = i;

		for (; at && written_order(sorted[at - 1]) > written_order(&values[i]); at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &values[i];
	}
	for (unsigned i = 0; i < n_values; i++) {
		if (i)
			*p++ = ',';
		p = put_value(p, sorted[i]);
	}
	if (is_eavesdropping) {
		if (p != text_out)
			*p++ = ',';
		p = put(p, "eavesdrop='true'");
	}
	*p = '\0';
	return p - text_out;
}
