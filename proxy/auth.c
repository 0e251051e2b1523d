/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authentication: see auth.h
 *
 * A NUL byte, then lines.  Three states, and a table of what each command does in
 * each of them:
 *
 *	            AUTH, needs more          DATA is good
 *	   +------+ --------------> +------+ --------------+
 *	   | auth |                 | data |               v
 *	   |      | <-------------- +------+           +-------+  BEGIN
 *	   +------+  REJECTED                          | begin | -------> done
 *	     |  ^                                      +-------+
 *	     |  +---- REJECTED: CANCEL or ERROR ----------+  ^
 *	     +---------------- AUTH is good -----------------+
 *
 * Nothing secret travels: EXTERNAL compares the uid that the client claims with
 * the one that the kernel told, ANONYMOUS takes everybody.  Whether an anonymous
 * client is welcome is decided by the caller, after BEGIN.  DBUS_COOKIE_SHA1 is
 * not there.
 *
 * A line that comes in one piece is read where it lies; the buffer is for the
 * others.  Unparsed input and answers that nobody takes are bounded, as are
 * rejections.  Specification: section "Authentication Protocol".
 */
#include "proxy/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/creds.h"
#include "proxy/base/hex.h"
#include "proxy/wire.h"

enum state {
	STATE_AUTH,
	STATE_DATA,
	STATE_BEGIN,
	N_STATES,
	STATE_OVER = N_STATES,
};

enum command {
	COMMAND_AUTH,
	COMMAND_DATA,
	COMMAND_CANCEL,
	COMMAND_ERROR,
	COMMAND_BEGIN,
	COMMAND_NEGOTIATE_UNIX_FD,
	N_COMMANDS,
};

static const char *const command_names[N_COMMANDS] = {
	[COMMAND_AUTH] = "AUTH",     [COMMAND_DATA] = "DATA",
	[COMMAND_CANCEL] = "CANCEL", [COMMAND_ERROR] = "ERROR",
	[COMMAND_BEGIN] = "BEGIN",   [COMMAND_NEGOTIATE_UNIX_FD] = "NEGOTIATE_UNIX_FD",
};

/* part of a line; not NUL-terminated */
struct text {
	const char *at;
	size_t len;
};

struct mechanism {
	const char *name;
	unsigned flag;
	/* answers what the client sent with AUTH or DATA, decoded; NULL if AUTH came alone */
	int (*respond)(struct auth *auth, const struct text *response);
};

static int append(struct auth *auth, const char *text, size_t len)
{
	uint32_t capacity = auth->output_capacity ?: 128;
	char *output;

	while (capacity < auth->n_output + len)
		capacity *= 2;
	if (capacity != auth->output_capacity) {
		output = realloc(auth->output, capacity);
		if (!output)
			return -ENOMEM;
		auth->output = output;
		auth->output_capacity = capacity;
	}
	memcpy(auth->output + auth->n_output, text, len);
	auth->n_output += len;
	return 0;
}

/* three pieces and the end of the line */
static int answer(struct auth *auth, const char *start, const char *middle, const char *end)
{
	int r;

	r = append(auth, start, strlen(start));
	if (!r)
		r = append(auth, middle, strlen(middle));
	if (!r)
		r = append(auth, end, strlen(end));
	if (!r)
		r = append(auth, "\r\n", 2);
	return r ?: AUTH_MORE;
}

static int fail(struct auth *auth, const char *reason)
{
	auth->state = STATE_OVER;
	auth->reason = reason;
	return AUTH_FAILED;
}

static int answer_error(struct auth *auth, const char *text)
{
	return answer(auth, "ERROR \"", text, "\"");
}

static int answer_rejected(struct auth *auth)
{
	int r;

	r = answer(auth, "REJECTED", auth->mechanisms & AUTH_EXTERNAL ? " EXTERNAL" : "",
		   auth->mechanisms & AUTH_ANONYMOUS ? " ANONYMOUS" : "");
	if (r < 0)
		return r;
	auth->state = STATE_AUTH;
	auth->mechanism = 0;
	if (++auth->n_rejects == AUTH_MAX_REJECTS)
		return fail(auth, "too many rejected attempts to authenticate");
	return r;
}

static int answer_ok(struct auth *auth)
{
	auth->state = STATE_BEGIN;
	return answer(auth, "OK ", auth->guid, "");
}

/* the decimal number that is all of @text, or CREDS_UNKNOWN */
static uint32_t parse_uid(const struct text *text)
{
	uint64_t uid = 0;

	if (!text->len)
		return CREDS_UNKNOWN;
	for (size_t i = 0; i < text->len; i++) {
		if (text->at[i] < '0' || text->at[i] > '9')
			return CREDS_UNKNOWN;
		uid = uid * 10 + (text->at[i] - '0');
		if (uid >= CREDS_UNKNOWN)
			return CREDS_UNKNOWN;
	}
	return uid;
}

static int respond_external(struct auth *auth, const struct text *response)
{
	if (!response) {
		auth->state = STATE_DATA;
		return answer(auth, "DATA", "", "");
	}
	/* an empty response: whoever the kernel says */
	if (auth->uid == CREDS_UNKNOWN || (response->len && parse_uid(response) != auth->uid))
		return answer_rejected(auth);
	return answer_ok(auth);
}

/* the response is a trace for a log, if there is one */
static int respond_anonymous(struct auth *auth, const struct text *response)
{
	if (response && !wire_utf8_is_valid(response->at, response->len))
		return answer_rejected(auth);
	return answer_ok(auth);
}

static const struct mechanism mechanisms[] = {
	{"EXTERNAL", AUTH_EXTERNAL, respond_external},
	{"ANONYMOUS", AUTH_ANONYMOUS, respond_anonymous},
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool text_is(const struct text *text, const char *word)
{
	return text->len == strlen(word) && !memcmp(text->at, word, text->len);
}

/* splits off what lies before the first blanks; @rest_out is what lies behind them */
static struct text split_word(const struct text *text, struct text *rest_out)
{
	struct text word = {text->at, 0};
	size_t i;

	while (word.len < text->len && !is_blank(text->at[word.len]))
		word.len++;
	for (i = word.len; i < text->len && is_blank(text->at[i]); i++)
		;
	*rest_out = (struct text){text->at + i, text->len - i};
	return word;
}

/* COMPAT: a last digit without a partner is the high half of a byte */
static bool decode_hex(const struct text *hex, char *bytes)
{
	for (size_t i = 0; i < hex->len; i++) {
		int digit = hex_digit(hex->at[i]);

		if (digit < 0)
			return false;
		if (i % 2)
			bytes[i / 2] |= digit;
		else
			bytes[i / 2] = digit << 4;
	}
	return true;
}

static int respond(struct auth *auth, unsigned mechanism, const struct text *hex)
{
	char bytes[AUTH_MAX_LINE / 2]; /* a line has a command as well */
	struct text response = {bytes, (hex->len + 1) / 2};

	if (!decode_hex(hex, bytes))
		return answer_error(auth, "Invalid hex encoding");
	auth->mechanism = mechanism;
	/* an empty argument of AUTH is none */
	if (auth->state == STATE_AUTH && !hex->len)
		return mechanisms[mechanism].respond(auth, NULL);
	return mechanisms[mechanism].respond(auth, &response);
}

static int on_auth(struct auth *auth, const struct text *argument)
{
	struct text hex, name = split_word(argument, &hex);

	for (unsigned i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (auth->mechanisms & mechanisms[i].flag && text_is(&name, mechanisms[i].name))
			return respond(auth, i, &hex);
	return answer_rejected(auth);
}

static int on_data(struct auth *auth, const struct text *argument)
{
	return respond(auth, auth->mechanism, argument);
}

static int on_cancel(struct auth *auth, const struct text *argument)
{
	return answer_rejected(auth);
}

static int on_begin(struct auth *auth, const struct text *argument)
{
	auth->is_anonymous = mechanisms[auth->mechanism].flag == AUTH_ANONYMOUS;
	auth->state = STATE_OVER;
	return AUTH_DONE;
}

static int on_begin_too_early(struct auth *auth, const struct text *argument)
{
	return fail(auth, "BEGIN before authentication succeeded");
}

/* COMPAT: an agreement outlasts a CANCEL */
static int on_negotiate(struct auth *auth, const struct text *argument)
{
	if (!auth->can_fds)
		return answer_error(auth, "Unix fd passing is not supported");
	auth->is_fds_agreed = true;
	return answer(auth, "AGREE_UNIX_FD", "", "");
}

struct reaction {
	int (*run)(struct auth *auth, const struct text *argument);
	const char *error; /* the answer if there is no run() */
};

static const struct reaction reactions[N_STATES][N_COMMANDS] = {
	[STATE_AUTH] =
		{
			[COMMAND_AUTH] = {on_auth},
			[COMMAND_DATA] = {.error = "Not currently in an auth conversation"},
			[COMMAND_CANCEL] = {.error = "Not currently in an auth conversation"},
			[COMMAND_ERROR] = {on_cancel},
			[COMMAND_BEGIN] = {on_begin_too_early},
			[COMMAND_NEGOTIATE_UNIX_FD] = {.error = "Need to authenticate first"},
		},
	[STATE_DATA] =
		{
			[COMMAND_AUTH] = {.error = "Sent AUTH while another AUTH in progress"},
			[COMMAND_DATA] = {on_data},
			[COMMAND_CANCEL] = {on_cancel},
			[COMMAND_ERROR] = {on_cancel},
			[COMMAND_BEGIN] = {on_begin_too_early},
			[COMMAND_NEGOTIATE_UNIX_FD] = {.error = "Need to authenticate first"},
		},
	[STATE_BEGIN] =
		{
			[COMMAND_AUTH] = {.error = "Sent AUTH while expecting BEGIN"},
			[COMMAND_DATA] = {.error = "Sent DATA while expecting BEGIN"},
			[COMMAND_CANCEL] = {on_cancel},
			[COMMAND_ERROR] = {on_cancel},
			[COMMAND_BEGIN] = {on_begin},
			[COMMAND_NEGOTIATE_UNIX_FD] = {on_negotiate},
		},
};

/* a line without its CRLF */
static int auth_line(struct auth *auth, const struct text *line)
{
	struct text argument, word;

	for (size_t i = 0; i < line->len; i++)
		if (!line->at[i] || line->at[i] & 0x80)
			return answer_error(auth, "Command contained non-ASCII");
	word = split_word(line, &argument);
	for (unsigned i = 0; i < N_COMMANDS; i++) {
		const struct reaction *reaction = &reactions[auth->state][i];

		if (!text_is(&word, command_names[i]))
			continue;
		if (!reaction->run)
			return answer_error(auth, reaction->error);
		return reaction->run(auth, &argument);
	}
	return answer_error(auth, "Unknown command");
}

static int keep(struct auth *auth, const char *bytes, size_t size)
{
	uint32_t capacity = auth->line_capacity ?: 128;
	char *line;

	while (capacity < auth->n_line + size)
		capacity *= 2;
	if (capacity != auth->line_capacity) {
		line = realloc(auth->line, capacity);
		if (!line)
			return -ENOMEM;
		auth->line = line;
		auth->line_capacity = capacity;
	}
	memcpy(auth->line + auth->n_line, bytes, size);
	auth->n_line += size;
	return 0;
}

/* how many of the bytes belong to the line whose start may have been kept; 0: it is not complete */
static size_t find_end(const struct auth *auth, const char *bytes, size_t size)
{
	const char *p = bytes;

	for (;;) {
		p = memchr(p, '\n', bytes + size - p);
		if (!p)
			return 0;
		/* a lone LF is a character like any other */
		if (p > bytes ? p[-1] == '\r'
			      : auth->n_line && auth->line[auth->n_line - 1] == '\r')
			return p + 1 - bytes;
		p++;
	}
}

void auth_init(struct auth *auth, uint32_t uid, const char *guid, unsigned mechanisms, bool can_fds)
{
	*auth = (struct auth){
		.uid = uid,
		.guid = guid,
		.mechanisms = mechanisms,
		.can_fds = can_fds,
		.state = STATE_AUTH,
	};
}

void auth_deinit(struct auth *auth)
{
	free(auth->line);
	free(auth->output);
	auth->line = NULL;
	auth->output = NULL;
	auth->n_line = auth->line_capacity = 0;
	auth->n_output = auth->output_capacity = 0;
}

int auth_feed(struct auth *auth, const char *bytes, size_t size, size_t *consumed_out)
{
	size_t at = 0;
	int r;

	*consumed_out = size;
	if (auth->state == STATE_OVER)
		return fail(auth, auth->reason ?: "bytes after the end of the conversation");
	if (!auth->has_nul && size) {
		if (bytes[at++])
			return fail(auth, "first byte is not NUL");
		auth->has_nul = true;
	}
	while (at < size) {
		size_t n = find_end(auth, bytes + at, size - at);
		struct text line = {bytes + at, n - 2};

		if (auth->n_line + (n ?: size - at) > AUTH_MAX_LINE)
			return fail(auth, "line is too long");
		if (!n || auth->n_line) {
			r = keep(auth, bytes + at, n ?: size - at);
			if (r < 0)
				return r;
		}
		if (!n)
			break;
		if (auth->n_line)
			line = (struct text){auth->line, auth->n_line - 2};
		at += n;
		r = auth_line(auth, &line);
		auth->n_line = 0;
		if (r != AUTH_MORE) {
			if (r == AUTH_DONE)
				*consumed_out = at;
			return r;
		}
		if (auth->n_output > AUTH_MAX_OUTPUT)
			return fail(auth, "too many answers that the client does not read");
	}
	return AUTH_MORE;
}

const char *auth_take_output(struct auth *auth, size_t *size_out)
{
	*size_out = auth->n_output;
	auth->n_output = 0;
	return auth->output;
}

const char *auth_reason(const struct auth *auth)
{
	return auth->reason ?: "";
}
