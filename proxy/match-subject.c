/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules: what they are applied to, and what each kind of term means
 *
 * match_subject_has() is the definition of every term; the index finds by hash
 * what it would find by trying.
 *
 * Arguments of a message are found from the first on, as far as a rule asks, and
 * remembered: a message that nobody's argN looks at is not walked.
 *
 * See the specification, "Message Bus Message Routing, Match Rules".
 */
#include <string.h>

#include "proxy/match-internal.h"

void match_subject_init_message(struct match_subject *subject, const struct message *message)
{
	const struct wire_header *header = &message->header;

	subject->sender = (struct match_party){NULL, NULL, NULL};
	subject->receiver = (struct match_party){NULL, NULL, NULL};
	subject->is_broadcast = !header->destination.at;
	subject->type = header->type;
	subject->path = (struct match_text){message_path(message), header->path.len};
	subject->interface = (struct match_text){message_interface(message), header->interface.len};
	subject->member = (struct match_text){message_member(message), header->member.len};
	subject->n_args = 0;
	subject->has_more_args = header->signature.at && header->signature.len;
	if (subject->has_more_args)
		wire_args_init(&subject->more_args, header, message->bytes, message_body(message));
}

static struct match_text constant(const char *text)
{
	return (struct match_text){text, strlen(text)};
}

void match_subject_init_change(struct match_subject *subject, const char *name,
			       const char *old_owner, const char *new_owner)
{
	const char *const args[] = {name, old_owner, new_owner};

	subject->sender = (struct match_party){"org.freedesktop.DBus", NULL, NULL};
	subject->receiver = (struct match_party){NULL, NULL, NULL};
	subject->is_broadcast = true;
	subject->type = WIRE_SIGNAL;
	subject->path = constant("/org/freedesktop/DBus");
	subject->interface = constant("org.freedesktop.DBus");
	subject->member = constant("NameOwnerChanged");
	subject->has_more_args = false;
	subject->n_args = 0;
	for (unsigned i = 0; i < 3; i++)
		subject->args[subject->n_args++] =
			(struct match_arg){args[i], strlen(args[i]), 's'};
}

/* the argument with that number, or NULL */
static const struct match_arg *subject_arg(struct match_subject *subject, unsigned n)
{
	while (subject->n_args <= n && subject->has_more_args) {
		struct match_arg *arg = &subject->args[subject->n_args];

		arg->text = NULL;
		arg->len = 0;
		arg->type = wire_args_next(&subject->more_args, &arg->text, &arg->len);
		if (!arg->type || ++subject->n_args == MATCH_MAX_ARGS)
			subject->has_more_args = false;
	}
	return n < subject->n_args ? &subject->args[n] : NULL;
}

bool match_subject_text(struct match_subject *subject, enum match_key key, unsigned arg,
			struct match_text *text_out)
{
	static const char *const types[] = {
		[WIRE_CALL] = "method_call",
		[WIRE_RETURN] = "method_return",
		[WIRE_ERROR] = "error",
		[WIRE_SIGNAL] = "signal",
	};
	const struct match_arg *value;

	switch (key) {
	case MATCH_TYPE:
		if (!subject->type || subject->type >= sizeof(types) / sizeof(types[0]))
			return false;
		*text_out = constant(types[subject->type]);
		return true;
	case MATCH_INTERFACE:
		*text_out = subject->interface;
		return text_out->text;
	case MATCH_MEMBER:
		*text_out = subject->member;
		return text_out->text;
	case MATCH_PATH:
	case MATCH_PATH_NAMESPACE:
		*text_out = subject->path;
		return text_out->text;
	case MATCH_ARG:
	case MATCH_ARG_NAMESPACE:
	case MATCH_ARG_PATH:
		value = subject_arg(subject, arg);
		if (!value ||
		    (value->type != 's' && !(key == MATCH_ARG_PATH && value->type == 'o')))
			return false;
		*text_out = (struct match_text){value->text, value->len};
		return true;
	default:
		return false;
	}
}

static int name_is(void *userdata, const char *name, bool queued)
{
	const struct match_value *value = userdata;

	return !queued && strlen(name) == value->len && memcmp(name, value->text, value->len) == 0;
}

static bool party_is(const struct match_party *party, const struct match_value *value)
{
	if (!party->unique_name)
		return false;
	return name_is((void *)value, party->unique_name, false) ||
	       (party->names && party->names(party->context, name_is, (void *)value) > 0);
}

static bool starts_with(const struct match_text *text, const char *prefix, size_t len)
{
	return text->len >= len && memcmp(text->text, prefix, len) == 0;
}

/* equal, or below it in a hierarchy with this separator */
static bool is_within(const struct match_text *text, const struct match_value *value,
		      char separator)
{
	return starts_with(text, value->text, value->len) &&
	       (text->len == value->len || text->text[value->len] == separator);
}

bool match_subject_has(struct match_subject *subject, const struct match_value *value)
{
	struct match_text text, other = {value->text, value->len};

	if (value->key == MATCH_SENDER)
		return party_is(&subject->sender, value);
	if (value->key == MATCH_DESTINATION)
		return party_is(&subject->receiver, value);
	if (!match_subject_text(subject, value->key, value->arg, &text))
		return false;

	switch (value->key) {
	case MATCH_PATH_NAMESPACE:
		return (value->len == 1 && value->text[0] == '/') || is_within(&text, value, '/');
	case MATCH_ARG_NAMESPACE:
		return is_within(&text, value, '.');
	case MATCH_ARG_PATH:
		/* equal, or one of them is a directory that the other lies in */
		if (value->len && value->text[value->len - 1] == '/' &&
		    starts_with(&text, value->text, value->len))
			return true;
		if (text.len && text.text[text.len - 1] == '/' &&
		    starts_with(&other, text.text, text.len))
			return true;
		__attribute__((fallthrough));
	default:
		return text.len == value->len && memcmp(text.text, value->text, text.len) == 0;
	}
}
