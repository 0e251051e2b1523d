/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: a question in words, see policy-query.h
 *
 * A table of keys, each with the kinds of question it belongs to.  Defaults that
 * depend on several keys are filled in when all of them have been read.
 */
#include "policy-parser/policy-query.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DRIVER_NAME "org.freedesktop.DBus"
/* of a connection whose unique name nobody gave */
#define SOME_UNIQUE_NAME ":0.0"

/**
 * struct reading - a question being read
 * @groups: their lists, as given, by side
 */
struct reading {
	struct policy_query *query;
	const struct policy_users *users;
	char *error;
	const char *user[2];
	const char *groups[2];
	const char *names[2];
};

enum side {
	SENDER,
	RECEIVER,
};

struct key {
	const char *name;
	unsigned kinds;
	int (*read)(struct reading *reading, const struct key *key, const char *value);
	size_t offset;
	enum side side;
};

static int bad(struct reading *reading, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int bad(struct reading *reading, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reading->error, POLICY_QUERY_MAX_ERROR, format, args);
	va_end(args);
	return POLICY_QUERY_BAD;
}

static bool parse_number(const char *text, uint32_t *number_out)
{
	return policy_users_parse_id(text, number_out);
}

static bool find_user(const struct reading *reading, const char *text, uint32_t *uid_out)
{
	return policy_users_parse_id(text, uid_out) ||
	       policy_users_find_user(reading->users, text, uid_out);
}

/* KEYS */

static int read_string(struct reading *reading, const struct key *key, const char *value)
{
	*(const char **)((char *)reading->query + key->offset) = value;
	return 0;
}

/* kept, as what it means depends on other keys */
static int read_later(struct reading *reading, const struct key *key, const char *value)
{
	*(const char **)((char *)reading + key->offset + key->side * sizeof(value)) = value;
	return 0;
}

static int read_type(struct reading *reading, const struct key *key, const char *value)
{
	static const char *const types[] = {"method_call", "method_return", "error", "signal"};

	for (size_t i = 0; i < 4; i++) {
		if (!strcmp(value, types[i])) {
			reading->query->message.type = i + 1;
			return 0;
		}
	}
	return bad(reading, "type is method_call, method_return, error or signal, not \"%s\"",
		   value);
}

static int read_fds(struct reading *reading, const struct key *key, const char *value)
{
	if (!parse_number(value, &reading->query->message.n_fds))
		return bad(reading, "fds is a number, not \"%s\"", value);
	return 0;
}

static int read_owner(struct reading *reading, const struct key *key, const char *value)
{
	if (!find_user(reading, value, &reading->query->owner_uid))
		return bad(reading, "there is no user \"%s\"", value);
	reading->query->has_owner = true;
	return 0;
}

static int read_reply(struct reading *reading, const struct key *key, const char *value)
{
	unsigned *flags = &reading->query->message.flags;

	if (!strcmp(value, "requested"))
		*flags |= POLICY_MESSAGE_REPLY | POLICY_MESSAGE_REQUESTED;
	else if (!strcmp(value, "unrequested"))
		*flags |= POLICY_MESSAGE_REPLY;
	else
		return bad(reading, "reply is requested or unrequested, not \"%s\"", value);
	return 0;
}

static int read_eavesdrop(struct reading *reading, const struct key *key, const char *value)
{
	if (!strcmp(value, "true"))
		reading->query->message.flags |= POLICY_MESSAGE_EAVESDROPPED;
	else if (strcmp(value, "false"))
		return bad(reading, "eavesdrop is true or false, not \"%s\"", value);
	return 0;
}

#define CONNECT (1u << POLICY_QUERY_CONNECT)
#define OWN	(1u << POLICY_QUERY_OWN)
#define MESSAGE (1u << POLICY_QUERY_MESSAGE)

#define QUERY(member) offsetof(struct policy_query, member)
#define LATER(member) offsetof(struct reading, member)

static const struct key keys[] = {
	{"user", CONNECT | OWN, read_later, LATER(user), SENDER},
	{"groups", CONNECT | OWN, read_later, LATER(groups), SENDER},
	{"bus-owner", CONNECT, read_owner},
	{"name", OWN, read_string, QUERY(name)},
	{"sender-user", MESSAGE, read_later, LATER(user), SENDER},
	{"sender-groups", MESSAGE, read_later, LATER(groups), SENDER},
	{"sender-names", MESSAGE, read_later, LATER(names), SENDER},
	{"receiver-user", MESSAGE, read_later, LATER(user), RECEIVER},
	{"receiver-groups", MESSAGE, read_later, LATER(groups), RECEIVER},
	{"receiver-names", MESSAGE, read_later, LATER(names), RECEIVER},
	{"type", MESSAGE, read_type},
	{"destination", MESSAGE, read_string, QUERY(message.destination)},
	{"path", MESSAGE, read_string, QUERY(message.path)},
	{"interface", MESSAGE, read_string, QUERY(message.interface)},
	{"member", MESSAGE, read_string, QUERY(message.member)},
	{"error", MESSAGE, read_string, QUERY(message.error)},
	{"fds", MESSAGE, read_fds},
	{"reply", MESSAGE, read_reply},
	{"eavesdrop", MESSAGE, read_eavesdrop},
};

static const char *const kind_names[] = {
	[POLICY_QUERY_CONNECT] = "connect",
	[POLICY_QUERY_OWN] = "own",
	[POLICY_QUERY_MESSAGE] = "message",
};

static int read_word(struct reading *reading, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		return bad(reading, "\"%s\" is not KEY=VALUE", word);
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, word))
			continue;
		if (!(keys[i].kinds & (1u << reading->query->kind)))
			return bad(reading, "\"%s\" does not go with \"%s\"", word,
				   kind_names[reading->query->kind]);
		return keys[i].read(reading, &keys[i], value);
	}
	return bad(reading, "there is no key \"%s\"", word);
}

/* SIDES */

static const char *next_name(void *userdata, void **position)
{
	const struct policy_query_side *side = userdata;
	size_t i = *position ? (size_t)((char **)*position - side->names) : 0;

	while (i < side->n_names) {
		const char *name = side->names[i++];

		*position = &side->names[i];
		if (name[0] != ':')
			return name;
	}
	return NULL;
}

/* the elements of a list, which is taken apart */
static int split_list(const char *list, char ***items_out, size_t *n_items_out)
{
	size_t n_items = 0, n_max = 1;
	char *rest = (char *)list, *item;
	char **items;

	for (const char *c = list; *c; c++)
		n_max += *c == ',';
	items = calloc(n_max + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	while ((item = strsep(&rest, ",")))
		if (*item)
			items[n_items++] = item;
	*items_out = items;
	*n_items_out = n_items;
	return 0;
}

static int read_groups(struct reading *reading, const char *list, struct creds *creds)
{
	__cleanup(freep) char **names = NULL;
	size_t n_names;
	int r;

	r = split_list(list, &names, &n_names);
	if (r < 0)
		return r;
	creds->groups = calloc(n_names + 1, sizeof(*creds->groups));
	if (!creds->groups)
		return -ENOMEM;
	for (size_t i = 0; i < n_names; i++) {
		if (!policy_users_parse_id(names[i], &creds->groups[i]) &&
		    !policy_users_find_group(reading->users, names[i], &creds->groups[i]))
			return bad(reading, "there is no group \"%s\"", names[i]);
		creds->n_groups++;
	}
	if (creds->n_groups)
		creds->gid = creds->groups[0];
	return 0;
}

static int read_creds(struct reading *reading, enum side which, struct policy_query_side *side)
{
	const char *user = reading->user[which], *groups = reading->groups[which];
	int r;

	side->creds = (struct creds)CREDS_NULL;
	if (!user)
		return groups ? bad(reading, "groups need a user") : 0;
	side->has_creds = true;
	if (!strcmp(user, "anonymous"))
		return 0;
	if (!find_user(reading, user, &side->creds.uid))
		return bad(reading, "there is no user \"%s\"", user);
	if (groups)
		return read_groups(reading, groups, &side->creds);
	r = policy_users_get_groups(reading->users, side->creds.uid, &side->creds.gid,
				    &side->creds.groups, &side->creds.n_groups);
	return r == -ENOENT ? 0 : r;
}

static int read_peer(struct reading *reading, enum side which, struct policy_query_side *side)
{
	const char *destination = reading->query->message.destination;
	bool is_addressed = which == RECEIVER && destination &&
			    !(reading->query->message.flags & POLICY_MESSAGE_EAVESDROPPED);
	int r;

	if (reading->names[which]) {
		r = split_list(reading->names[which], &side->names, &side->n_names);
	} else {
		side->names = calloc(1, sizeof(*side->names));
		r = side->names ? 0 : -ENOMEM;
		if (!r && is_addressed)
			side->names[side->n_names++] = (char *)destination;
	}
	if (r < 0)
		return r;
	if (side->n_names == 1 && !strcmp(side->names[0], DRIVER_NAME)) {
		side->peer.header_name = DRIVER_NAME;
		return 0;
	}
	if (which == RECEIVER && !side->has_creds && !reading->names[which]) {
		side->peer.header_name = destination;
		return 0;
	}
	side->peer.unique_name = SOME_UNIQUE_NAME;
	for (size_t i = 0; i < side->n_names; i++)
		if (side->names[i][0] == ':')
			side->peer.unique_name = side->names[i];
	side->peer.next_name = next_name;
	side->peer.userdata = side;
	return 0;
}

static int read_all(struct reading *reading, const char *const *words, size_t n_words)
{
	struct policy_query *query = reading->query;
	int r;

	for (size_t i = 0; i < n_words; i++) {
		char *word = strdup(words[i]);

		if (!word)
			return -ENOMEM;
		query->words[query->n_words++] = word;
		r = read_word(reading, word);
		if (r)
			return r;
	}
	if (query->kind != POLICY_QUERY_MESSAGE && !reading->user[SENDER])
		return bad(reading, "%s needs user=", kind_names[query->kind]);
	if (query->kind == POLICY_QUERY_OWN && !query->name)
		return bad(reading, "own needs name=");
	if (query->kind == POLICY_QUERY_MESSAGE && !reading->user[SENDER] &&
	    !reading->user[RECEIVER])
		return bad(reading, "message needs sender-user= or receiver-user=");
	r = read_creds(reading, SENDER, &query->sender);
	if (!r)
		r = read_creds(reading, RECEIVER, &query->receiver);
	if (!r)
		r = read_peer(reading, SENDER, &query->sender);
	return r ? r : read_peer(reading, RECEIVER, &query->receiver);
}

int policy_query_init(struct policy_query *query, const struct policy_users *users,
		      const char *const *words, size_t n_words, char *error)
{
	struct reading reading = {.query = query, .users = users, .error = error};

	*query = (struct policy_query)POLICY_QUERY_NULL;
	query->message.type = 1;
	for (size_t i = 0; n_words && i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strcmp(kind_names[i], words[0]))
			continue;
		query->kind = i;
		query->words = calloc(n_words, sizeof(*query->words));
		if (!query->words)
			return -ENOMEM;
		return read_all(&reading, words + 1, n_words - 1);
	}
	return bad(&reading, "a question is connect, own or message%s%s", n_words ? ", not " : "",
		   n_words ? words[0] : "");
}

static void side_deinit(struct policy_query_side *side)
{
	creds_deinit(&side->creds);
	free(side->names);
	side->names = NULL;
	side->n_names = 0;
}

void policy_query_deinit(struct policy_query *query)
{
	side_deinit(&query->sender);
	side_deinit(&query->receiver);
	for (size_t i = 0; i < query->n_words; i++)
		free(query->words[i]);
	free(query->words);
	query->words = NULL;
	query->n_words = 0;
}
