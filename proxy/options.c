/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Command line
 *
 * One table says what there is; the usage is made of it.  An option with a
 * value is --NAME=VALUE or --NAME VALUE, where the VALUE of the second form
 * neither is an option nor starts with two dashes.  A value that is missing or
 * empty counts as not given; for a descriptor it means standard output, for the
 * directory of --engine-socket the usual one.
 *
 * What can be said once only says so when it is said again; of flags that
 * contradict each other the last one holds.  There are no short forms but those
 * of --help, no abbreviations, no positional arguments and no "--": all of that is
 * answered with the usage, as dbus-daemon does.
 *
 * COMPAT: dbus-daemon 1.14 takes an option that it does not know, and sometimes
 * one that it knows, as the value of the option in front, and then fails with
 * a message about that value; the exit status is the same.
 */
#include "proxy/options.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy-parser/config.h"

enum option_kind {
	OPTION_OUTCOME,	     /* ends the parsing with outcome @value */
	OPTION_FILE,	     /* selects configuration @value, NAMED by the argument */
	OPTION_TEXT,	     /* the argument goes to the const char * at @offset */
	OPTION_TEXT_OR_NONE, /* the same, but without one an empty string does */
	OPTION_DESCRIPTOR,   /* the argument, optional, goes to the int at @offset */
	OPTION_BOOL,	     /* sets the bool at @offset */
	OPTION_FORK,	     /* @value */
	OPTION_SYSLOG,	     /* @value */
};

struct option {
	const char *name;
	const char *placeholder; /* of the argument, or NULL */
	enum option_kind kind;
	int value;
	size_t offset;
};

#define AT(member) offsetof(struct options, member)

/* in the order of the usage */
static const struct option option_table[] = {
	{"--help", NULL, OPTION_OUTCOME, OPTIONS_USAGE},
	{"--version", NULL, OPTION_OUTCOME, OPTIONS_VERSION},
	{"--introspect", NULL, OPTION_OUTCOME, OPTIONS_INTROSPECT},
	{"--session", NULL, OPTION_FILE, OPTIONS_FILE_SESSION},
	{"--system", NULL, OPTION_FILE, OPTIONS_FILE_SYSTEM},
	{"--config-file", "FILE", OPTION_FILE, OPTIONS_FILE_NAMED},
	{"--address", "ADDRESS", OPTION_TEXT, .offset = AT(address)},
	{"--print-address", "DESCRIPTOR", OPTION_DESCRIPTOR, .offset = AT(print_address_fd)},
	{"--print-pid", "DESCRIPTOR", OPTION_DESCRIPTOR, .offset = AT(print_pid_fd)},
	{"--fork", NULL, OPTION_FORK, OPTIONS_FORK_YES},
	{"--nofork", NULL, OPTION_FORK, OPTIONS_FORK_NO},
	{"--nopidfile", NULL, OPTION_BOOL, .offset = AT(no_pidfile)},
	{"--syslog", NULL, OPTION_SYSLOG, OPTIONS_SYSLOG_YES},
	{"--syslog-only", NULL, OPTION_SYSLOG, OPTIONS_SYSLOG_ONLY},
	{"--nosyslog", NULL, OPTION_SYSLOG, OPTIONS_SYSLOG_NO},
	{"--systemd-activation", NULL, OPTION_BOOL, .offset = AT(systemd_activation)},
	{"--bus", "ADDRESS", OPTION_TEXT, .offset = AT(bus)},
	{"--engine-socket", "DIRECTORY", OPTION_TEXT_OR_NONE, .offset = AT(engine_socket)},
	{"--per-client", NULL, OPTION_BOOL, .offset = AT(per_client)},
	{"--strict", NULL, OPTION_BOOL, .offset = AT(strict)},
};

enum { N_OPTIONS = sizeof(option_table) / sizeof(option_table[0]) };

struct parser {
	struct options *options;
	bool is_given[N_OPTIONS]; /* with an argument */
};

static enum options_outcome refuse(struct parser *parser, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static enum options_outcome refuse(struct parser *parser, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->options->error, sizeof(parser->options->error), format, args);
	va_end(args);
	return OPTIONS_ERROR;
}

static enum options_outcome select_file(struct parser *parser, const struct option *option,
					const char *argument)
{
	struct options *options = parser->options;

	switch (options->file) {
	case OPTIONS_FILE_SESSION:
		return refuse(parser, "%s: --session was given already", option->name);
	case OPTIONS_FILE_SYSTEM:
		return refuse(parser, "%s: --system was given already", option->name);
	case OPTIONS_FILE_NAMED:
		return refuse(parser, "%s: configuration file %s was given already", option->name,
			      options->config_file);
	case OPTIONS_FILE_NONE:
		break;
	}
	if (option->value == OPTIONS_FILE_NAMED && !argument)
		return OPTIONS_RUN;
	options->file = option->value;
	options->config_file = argument;
	return OPTIONS_RUN;
}

static enum options_outcome set_text(struct parser *parser, const struct option *option,
				     const char **text, const char *argument)
{
	if (*text)
		return refuse(parser, "%s: %s was given already", option->name, *text);
	*text = argument;
	return OPTIONS_RUN;
}

static enum options_outcome set_descriptor(struct parser *parser, const struct option *option,
					   int *fd, const char *argument)
{
	bool *is_given = &parser->is_given[option - option_table];
	long number;
	char *end;

	if (!argument) {
		if (*fd < 0)
			*fd = STDOUT_FILENO;
		return OPTIONS_RUN;
	}
	if (*is_given)
		return refuse(parser, "%s: descriptor %d was given already", option->name, *fd);
	errno = 0;
	number = strtol(argument, &end, 0);
	if (errno || end == argument || *end || number < 0 || number > INT_MAX)
		return refuse(parser, "%s: invalid file descriptor \"%s\"", option->name, argument);
	*fd = number;
	*is_given = true;
	return OPTIONS_RUN;
}

static enum options_outcome apply(struct parser *parser, const struct option *option,
				  const char *argument)
{
	void *member = (char *)parser->options + option->offset;

	switch (option->kind) {
	case OPTION_OUTCOME:
		return option->value;
	case OPTION_FILE:
		return select_file(parser, option, argument);
	case OPTION_TEXT:
		return set_text(parser, option, member, argument);
	case OPTION_TEXT_OR_NONE:
		return set_text(parser, option, member, argument ?: "");
	case OPTION_DESCRIPTOR:
		return set_descriptor(parser, option, member, argument);
	case OPTION_BOOL:
		*(bool *)member = true;
		break;
	case OPTION_FORK:
		parser->options->fork = option->value;
		break;
	case OPTION_SYSLOG:
		parser->options->syslog = option->value;
		break;
	}
	return OPTIONS_RUN;
}

/* the option of a command line word, and its argument if that is a part of the word */
static const struct option *find_option(const char *word, const char **argument_out)
{
	*argument_out = NULL;
	if (!strcmp(word, "-h") || !strcmp(word, "-?"))
		word = "--help";
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option *option = &option_table[i];
		size_t length = strlen(option->name);

		if (strncmp(word, option->name, length))
			continue;
		if (!word[length])
			return option;
		if (option->placeholder && word[length] == '=') {
			*argument_out = word + length + 1;
			return option;
		}
	}
	return NULL;
}

static bool is_argument(const char *word)
{
	const char *unused;

	return strncmp(word, "--", 2) && !find_option(word, &unused);
}

enum options_outcome options_parse(int argc, char *const *argv, struct options *options_out)
{
	struct parser parser = {.options = options_out};

	*options_out = (struct options){
		.print_address_fd = -1,
		.print_pid_fd = -1,
	};
	for (int i = 1; i < argc; i++) {
		enum options_outcome outcome;
		const struct option *option;
		const char *argument;

		option = find_option(argv[i], &argument);
		if (!option) {
			refuse(&parser, "Not an option: \"%s\"", argv[i]);
			return OPTIONS_USAGE;
		}
		if (option->placeholder && !argument && i + 1 < argc && is_argument(argv[i + 1]))
			argument = argv[++i];
		if (argument && !*argument)
			argument = NULL;
		outcome = apply(&parser, option, argument);
		if (outcome != OPTIONS_RUN)
			return outcome;
	}
	if (options_out->per_client && options_out->file == OPTIONS_FILE_NAMED) {
		refuse(&parser, "--per-client: the owner of the bus reads the configuration");
		return OPTIONS_USAGE;
	}
	if (options_out->file == OPTIONS_FILE_NONE &&
	    !(options_out->per_client && options_out->bus)) {
		refuse(&parser, "No configuration file specified.");
		return OPTIONS_USAGE;
	}
	return OPTIONS_RUN;
}

void options_print_usage(const char *program, FILE *stream)
{
	fputs(program, stream);
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option *option = &option_table[i];
		bool is_optional =
			option->kind == OPTION_DESCRIPTOR || option->kind == OPTION_TEXT_OR_NONE;
		const char *format = is_optional ? " [%s[=%s]]" : " [%s=%s]";

		if (option->placeholder)
			fprintf(stream, format, option->name, option->placeholder);
		else
			fprintf(stream, " [%s]", option->name);
	}
	fputc('\n', stream);
}

int options_engine_dir(const struct options *options, bool is_needed, char **dir_out)
{
	const char *dir = options->engine_socket, *runtime_dir = getenv("XDG_RUNTIME_DIR");
	char *path;

	if (!dir && !is_needed) {
		*dir_out = NULL;
		return 0;
	}
	if (dir && *dir)
		path = strdup(dir);
	else if (asprintf(&path, "%s/kdbus", runtime_dir && *runtime_dir ? runtime_dir : "/run") <
		 0)
		path = NULL;
	if (!path)
		return -ENOMEM;
	/* the daemon may go to the background, and then to the root */
	if (*path != '/') {
		free(path);
		return -EINVAL;
	}
	*dir_out = path;
	return 0;
}

const char *options_config_file(const struct options *options)
{
	if (options->file == OPTIONS_FILE_NAMED)
		return options->config_file;
	return config_standard_file(options->file == OPTIONS_FILE_SYSTEM ? CONFIG_TYPE_SYSTEM
									 : CONFIG_TYPE_SESSION);
}
