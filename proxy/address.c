/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses: see address.h
 *
 * Two levels: the syntax, which is that of every transport, gives keys and raw
 * values; then the transport picks the keys it knows.  All of the text must be
 * good, also the alternatives behind one that will work.
 */
#include "proxy/address.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"
#include "proxy/base/hex.h"

/* part of an address; not NUL-terminated */
struct text {
	const char *at;
	size_t len;
};

static bool text_is(struct text text, const char *word)
{
	return text.len == strlen(word) && !memcmp(text.at, word, text.len);
}

/* splits off what lies before @separator; @text is what lies behind it */
static struct text cut(struct text *text, char separator)
{
	const char *p = memchr(text->at, separator, text->len);
	struct text head = {text->at, p ? (size_t)(p - text->at) : text->len};
	size_t n = head.len + (p ? 1 : 0);

	text->at += n;
	text->len -= n;
	return head;
}

/* characters that need no escape; the backslash is for paths of another system */
static bool is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c && strchr("-_/.\\*", c));
}

/* resolves escapes; @out has room for @value->len and a NUL, or is NULL: then it only checks */
static const char *unescape(struct text value, char *out)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		if (c == '%') {
			int high = i + 2 < value.len ? hex_digit(value.at[i + 1]) : -1;
			int low = high >= 0 ? hex_digit(value.at[i + 2]) : -1;

			if (low < 0)
				return "percent character is not followed by two hex digits";
			c = high << 4 | low;
			if (!c)
				return "value contains a NUL";
			i += 2;
		} else if (!is_plain(c)) {
			return "value contains a character that should have been escaped";
		}
		if (out)
			*out++ = c;
	}
	if (out)
		*out = '\0';
	return NULL;
}

/* keys of the unix transport that say where the socket is, of which there must be one */
static const struct {
	const char *key;
	enum address_kind kind;
} unix_keys[] = {
	{"path", ADDRESS_UNIX_PATH},	   {"abstract", ADDRESS_UNIX_ABSTRACT},
	{"dir", ADDRESS_UNIX_DIR},	   {"tmpdir", ADDRESS_UNIX_TMPDIR},
	{"runtime", ADDRESS_UNIX_RUNTIME},
};

enum { N_UNIX_KEYS = sizeof(unix_keys) / sizeof(unix_keys[0]) };

/* the pairs behind the colon; @values_out[] has the raw values of unix_keys[] */
static const char *parse_pairs(struct text pairs, struct text *values_out)
{
	const char *reason;

	while (pairs.len) {
		struct text value = cut(&pairs, ','), key = cut(&value, '=');

		if (!key.len || !value.len)
			return "'=' character not found or has no value following it";
		reason = unescape(value, NULL);
		if (reason)
			return reason;
		for (unsigned i = 0; i < N_UNIX_KEYS; i++)
			if (text_is(key, unix_keys[i].key) && !values_out[i].at)
				values_out[i] = value;
	}
	return NULL;
}

static int set_value(struct address *address, struct text raw, const char **reason_out)
{
	address->value = malloc(raw.len + 1);
	if (!address->value)
		return -ENOMEM;
	*reason_out = unescape(raw, address->value);
	return *reason_out ? ADDRESS_INVALID : 0;
}

static int parse_unix(struct address *address, const struct text *values, const char **reason_out)
{
	const struct text *value = NULL;

	for (unsigned i = 0; i < N_UNIX_KEYS; i++) {
		if (!values[i].at)
			continue;
		if (value) {
			*reason_out = "cannot specify two of \"path\", \"tmpdir\", \"abstract\", "
				      "\"runtime\" and \"dir\" at the same time";
			return ADDRESS_INVALID;
		}
		value = &values[i];
		address->kind = unix_keys[i].kind;
	}
	if (!value) {
		*reason_out = "address of type unix was missing argument path or tmpdir or "
			      "abstract or runtime or dir";
		return ADDRESS_INVALID;
	}
	if (address->kind != ADDRESS_UNIX_RUNTIME)
		return set_value(address, *value, reason_out);
	if (!text_is(*value, "yes")) {
		*reason_out = "if given, the only value allowed for \"runtime\" is \"yes\"";
		return ADDRESS_INVALID;
	}
	return 0;
}

/* transports that dbus-daemon, or a client, knows and that need more than a unix socket */
static const char *const unsupported[] = {
	"tcp", "nonce-tcp", "unixexec", "launchd", "autolaunch",
};

static int parse_one(struct text text, struct address *address, const char **reason_out)
{
	struct text values[N_UNIX_KEYS] = {{NULL, 0}};
	bool has_colon = memchr(text.at, ':', text.len);
	struct text transport = cut(&text, ':');

	if (!has_colon) {
		*reason_out = "address does not contain a colon";
		return ADDRESS_INVALID;
	}
	*reason_out = parse_pairs(text, values);
	if (*reason_out)
		return ADDRESS_INVALID;
	if (text_is(transport, "unix"))
		return parse_unix(address, values, reason_out);
	if (text_is(transport, "systemd")) {
		address->kind = ADDRESS_SYSTEMD;
		return 0;
	}
	address->kind = ADDRESS_UNKNOWN;
	for (unsigned i = 0; i < sizeof(unsupported) / sizeof(unsupported[0]); i++)
		if (text_is(transport, unsupported[i]))
			address->kind = ADDRESS_UNSUPPORTED;
	address->value = strndup(transport.at, transport.len);
	return address->value ? 0 : -ENOMEM;
}

static int list_add_one(struct address_list *list, struct text text, const char **reason_out)
{
	struct address *more;

	/* doubles at each power of two */
	if (!(list->n_addresses & (list->n_addresses - 1))) {
		size_t room = list->n_addresses ? 2 * list->n_addresses : 1;

		more = reallocarray(list->addresses, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		list->addresses = more;
	}
	more = &list->addresses[list->n_addresses++];
	*more = (struct address){0};
	return parse_one(text, more, reason_out);
}

int address_parse(const char *text, struct address_list *list_out, const char **reason_out)
{
	__cleanup(address_list_deinit) struct address_list list = ADDRESS_LIST_NULL;
	struct text rest = {text, strlen(text)};
	const char *reason = "address is empty";
	int r = ADDRESS_INVALID;

	while (rest.len) {
		r = list_add_one(&list, cut(&rest, ';'), &reason);
		if (r)
			break;
	}
	if (r == ADDRESS_INVALID)
		*reason_out = reason;
	if (r)
		return r;
	*list_out = list;
	list = (struct address_list)ADDRESS_LIST_NULL;
	return 0;
}

void address_list_deinit(struct address_list *list)
{
	for (size_t i = 0; i < list->n_addresses; i++)
		free(list->addresses[i].value);
	free(list->addresses);
	*list = (struct address_list)ADDRESS_LIST_NULL;
}

char *address_escape(const char *value)
{
	static const char digits[] = "0123456789abcdef";
	char *escaped = malloc(3 * strlen(value) + 1), *p = escaped;

	if (!escaped)
		return NULL;
	for (; *value; value++) {
		if (is_plain(*value)) {
			*p++ = *value;
			continue;
		}
		*p++ = '%';
		*p++ = digits[(unsigned char)*value >> 4];
		*p++ = digits[*value & 15];
	}
	*p = '\0';
	return escaped;
}
