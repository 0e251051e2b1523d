/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Service files: the command line of Exec
 *
 * Words as a shell would make them, by quotes and backslashes alone.  What a shell
 * would do beyond that it does not: no variables, no patterns, no "~", and the
 * "%" of desktop files is an ordinary character.
 *
 *	'...'	as it is
 *	"..."	a backslash quotes $ ` " \ and a newline, before others it stays
 *	\x	x; nothing if x is a newline
 *	#	a comment up to and with the end of the line, even inside of a word
 *
 * The words are written into the block that is handed out, behind the pointers to
 * them.  A word takes no more bytes than it has in the command line, and every two
 * words have something between them, so the size is known before.
 */
#include "proxy/activation/service-exec.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"

/**
 * struct splitter - a command line being split
 * @at: what is left of it
 * @out: where the next character goes
 * @argv, @argc: the words so far
 * @is_in_word: the last of them goes on
 */
struct splitter {
	const char *at;
	char *out;
	char **argv;
	size_t argc;
	bool is_in_word;
};

static void begin_word(struct splitter *splitter)
{
	if (splitter->is_in_word)
		return;
	splitter->is_in_word = true;
	splitter->argv[splitter->argc++] = splitter->out;
}

static void end_word(struct splitter *splitter)
{
	if (!splitter->is_in_word)
		return;
	splitter->is_in_word = false;
	*splitter->out++ = '\0';
}

static void add_char(struct splitter *splitter, char c)
{
	begin_word(splitter);
	*splitter->out++ = c;
}

/* behind the opening quote; false: no closing one */
static bool split_single_quoted(struct splitter *splitter)
{
	while (*splitter->at && *splitter->at != '\'')
		add_char(splitter, *splitter->at++);
	if (!*splitter->at)
		return false;
	splitter->at++;
	return true;
}

static bool split_double_quoted(struct splitter *splitter)
{
	for (;;) {
		char c = *splitter->at;

		if (!c)
			return false;
		splitter->at++;
		if (c == '"')
			return true;
		if (c == '\\' && *splitter->at && strchr("$`\"\\\n", *splitter->at))
			c = *splitter->at++;
		add_char(splitter, c);
	}
}

/* behind the backslash; false: nothing stands there */
static bool split_escaped(struct splitter *splitter)
{
	char c = *splitter->at;

	if (!c)
		return false;
	splitter->at++;
	if (c != '\n')
		add_char(splitter, c);
	return true;
}

static int split(struct splitter *splitter)
{
	while (*splitter->at) {
		char c = *splitter->at++;
		bool is_balanced = true;

		switch (c) {
		case ' ':
		case '\t':
		case '\n':
			end_word(splitter);
			break;
		case '#':
			/* COMPAT: the end of the line belongs to it, and ends no word */
			splitter->at = strchrnul(splitter->at, '\n');
			splitter->at += *splitter->at == '\n';
			break;
		case '\'':
			begin_word(splitter);
			is_balanced = split_single_quoted(splitter);
			break;
		case '"':
			begin_word(splitter);
			is_balanced = split_double_quoted(splitter);
			break;
		case '\\':
			is_balanced = split_escaped(splitter);
			break;
		default:
			add_char(splitter, c);
		}
		if (!is_balanced)
			return SERVICE_EXEC_INVALID;
	}
	end_word(splitter);
	return splitter->argc ? 0 : SERVICE_EXEC_EMPTY;
}

int service_exec_split(const char *exec, char ***argv_out)
{
	size_t length = strlen(exec);
	size_t max_words = length / 2 + 1;
	struct splitter splitter = {.at = exec};
	__cleanup(freep) char **argv = NULL;
	int r;

	argv = malloc((max_words + 1) * sizeof(argv[0]) + length + 1);
	if (!argv)
		return -ENOMEM;
	splitter.argv = argv;
	splitter.out = (char *)(argv + max_words + 1);
	r = split(&splitter);
	if (r)
		return r;
	argv[splitter.argc] = NULL;
	*argv_out = steal(argv);
	return 0;
}
