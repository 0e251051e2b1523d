/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bus-policy-check: what a bus configuration allows, and why
 *
 * Works on files alone: no bus is needed, and none is touched.  See
 * bus-policy-check(1).
 */
/* of the build; "config.h" is our neighbour */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy-parser/check.h"

/* the first uid of people, where nobody says otherwise */
#define FIRST_CONSOLE_UID 1000

/**
 * struct arguments - the command line
 * @owner: of the bus, as given, or NULL
 * @compile_flags: POLICY_COMPILE_*
 */
struct arguments {
	bool json;
	bool strict;
	bool verbose;
	const char *passwd_path;
	const char *group_path;
	const char *owner;
	uint32_t first_console_uid;
	unsigned compile_flags;
};

enum {
	OPTION_PASSWD = 256,
	OPTION_GROUP,
	OPTION_OWNER,
	OPTION_CONSOLE,
	OPTION_EVERY_NAME,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{"json", no_argument, NULL, 'j'},
	{"strict", no_argument, NULL, 's'},
	{"verbose", no_argument, NULL, 'v'},
	{"passwd", required_argument, NULL, OPTION_PASSWD},
	{"group", required_argument, NULL, OPTION_GROUP},
	{"bus-owner", required_argument, NULL, OPTION_OWNER},
	{"console-uid", required_argument, NULL, OPTION_CONSOLE},
	{"every-name", no_argument, NULL, OPTION_EVERY_NAME},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

static const char usage[] =
	"bus-policy-check [OPTION...] lint FILE\n"
	"bus-policy-check [OPTION...] query FILE connect|own|message KEY=VALUE...\n"
	"bus-policy-check [OPTION...] compile FILE\n"
	"bus-policy-check [OPTION...] diff FILE FILE\n"
	"\n"
	"  --json               print JSON\n"
	"  --verbose            also print what did not matter\n"
	"  --strict             refuse a broken file of an included directory\n"
	"  --passwd=FILE        users, instead of /etc/passwd\n"
	"  --group=FILE         groups, instead of /etc/group\n"
	"  --bus-owner=USER     the user that the bus runs as\n"
	"  --console-uid=UID    users from here on are at the console\n"
	"  --every-name         compile: as if peers had every name that they may own\n"
	"  --help, --version\n";

static int trouble(const char *format, const char *what)
{
	fputs("bus-policy-check: ", stderr);
	fprintf(stderr, format, what);
	fputc('\n', stderr);
	return CHECK_TROUBLE;
}

static bool find_user(const struct policy_users *users, const char *text, uint32_t *uid_out)
{
	return policy_users_parse_id(text, uid_out) || policy_users_find_user(users, text, uid_out);
}

/* TARGETS */

static void target_deinit(struct check_target *target)
{
	policy_unref(target->policy);
	config_free(target->config);
}

static void print_messages(const struct config_messages *messages)
{
	for (size_t i = 0; i < messages->n_items; i++)
		fprintf(stderr, "%s\n", messages->items[i].text);
	if (messages->n_dropped)
		fprintf(stderr, "(%zu more)\n", messages->n_dropped);
}

static int target_find_owner(struct check_target *target, const struct arguments *arguments,
			     const struct policy_users *users)
{
	const char *user = target->config->user;

	/* who starts it, and for the system that is root */
	target->engine_uid = target->config->type == CONFIG_TYPE_SESSION ? getuid() : 0;
	if (arguments->owner && !find_user(users, arguments->owner, &target->engine_uid))
		return trouble("there is no user \"%s\"", arguments->owner);
	target->owner_uid = target->engine_uid;
	if (!arguments->owner && user)
		find_user(users, user, &target->owner_uid);
	return 0;
}

/* 0, CHECK_TROUBLE (it has been said why), or -ENOMEM */
static int target_init(struct check_target *target, const struct arguments *arguments,
		       struct policy_users *users, const char *path,
		       struct config_messages *messages)
{
	struct config_environment environment;
	struct config_options options = {.environment = &environment};
	int r;

	config_environment_init(&environment);
	if (arguments->strict)
		options.flags |= CONFIG_STRICT;
	r = config_load(path, &options, &target->config, messages);
	print_messages(messages);
	if (r < 0 && r != -ENOMEM)
		return trouble("%s", strerror(-r));
	if (r)
		return r < 0 ? r : CHECK_TROUBLE;
	r = target_find_owner(target, arguments, users);
	return r ? r
		 : policy_new(&target->config->policy, users, arguments->first_console_uid,
			      &target->policy);
}

/* COMMANDS: each has the operands behind its name; the exit status, or -ENOMEM */

static int run_lint(const struct arguments *arguments, const struct check_report *report,
		    struct policy_users *users, char **operands, int n_operands)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;
	__cleanup(target_deinit) struct check_target target = {NULL};
	int r;

	r = target_init(&target, arguments, users, operands[0], &messages);
	return r ? r : check_report_lint(report, &target, &messages);
}

static int run_query(const struct arguments *arguments, const struct check_report *report,
		     struct policy_users *users, char **operands, int n_operands)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;
	__cleanup(target_deinit) struct check_target target = {NULL};
	__cleanup(policy_query_deinit) struct policy_query query = POLICY_QUERY_NULL;
	char error[POLICY_QUERY_MAX_ERROR];
	int r;

	r = policy_query_init(&query, users, (const char *const *)operands + 1, n_operands - 1,
			      error);
	if (r == POLICY_QUERY_BAD)
		return trouble("%s", error);
	if (!r)
		r = target_init(&target, arguments, users, operands[0], &messages);
	return r ? r : check_report_query(report, &target, &query);
}

static int run_compile(const struct arguments *arguments, const struct check_report *report,
		       struct policy_users *users, char **operands, int n_operands)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;
	__cleanup(target_deinit) struct check_target target = {NULL};
	int r;

	r = target_init(&target, arguments, users, operands[0], &messages);
	return r ? r : check_report_compile(report, &target, users, arguments->compile_flags);
}

static int run_diff(const struct arguments *arguments, const struct check_report *report,
		    struct policy_users *users, char **operands, int n_operands)
{
	__cleanup(config_messages_deinit) struct config_messages messages = CONFIG_MESSAGES_NULL;
	__cleanup(config_messages_deinit) struct config_messages other = CONFIG_MESSAGES_NULL;
	__cleanup(target_deinit) struct check_target before = {NULL};
	__cleanup(target_deinit) struct check_target after = {NULL};
	int r;

	r = target_init(&before, arguments, users, operands[0], &messages);
	if (!r)
		r = target_init(&after, arguments, users, operands[1], &other);
	return r ? r : check_report_diff(report, &before, &after);
}

struct command {
	const char *name;
	int min_operands;
	int max_operands;
	int (*run)(const struct arguments *arguments, const struct check_report *report,
		   struct policy_users *users, char **operands, int n_operands);
};

static const struct command commands[] = {
	{"lint", 1, 1, run_lint},
	{"query", 2, 64, run_query},
	{"compile", 1, 1, run_compile},
	{"diff", 2, 2, run_diff},
};

static int run_command(const struct arguments *arguments, char **operands, int n_operands)
{
	__cleanup(policy_users_unrefp) struct policy_users *users = NULL;
	struct check_report report = {
		.file = stdout, .json = arguments->json, .verbose = arguments->verbose};
	const struct command *command = NULL;
	int r;

	for (size_t i = 0; n_operands && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, operands[0]))
			command = &commands[i];
	if (!command || n_operands - 1 < command->min_operands ||
	    n_operands - 1 > command->max_operands) {
		fputs(usage, stderr);
		return CHECK_TROUBLE;
	}
	r = policy_users_new(&users);
	if (r < 0)
		return r;
	r = policy_users_load(users, arguments->passwd_path, arguments->group_path);
	if (r < 0 && r != -ENOMEM)
		return trouble("cannot read users and groups: %s", strerror(-r));
	return r < 0 ? r : command->run(arguments, &report, users, operands + 1, n_operands - 1);
}

/* -1: go on */
static int parse_option(struct arguments *arguments, int option)
{
	switch (option) {
	case 'j':
		arguments->json = true;
		return -1;
	case 's':
		arguments->strict = true;
		return -1;
	case 'v':
		arguments->verbose = true;
		return -1;
	case OPTION_PASSWD:
		arguments->passwd_path = optarg;
		return -1;
	case OPTION_GROUP:
		arguments->group_path = optarg;
		return -1;
	case OPTION_OWNER:
		arguments->owner = optarg;
		return -1;
	case OPTION_CONSOLE:
		if (!policy_users_parse_id(optarg, &arguments->first_console_uid))
			return trouble("\"%s\" is no uid", optarg);
		return -1;
	case OPTION_EVERY_NAME:
		arguments->compile_flags |= POLICY_COMPILE_STRICT;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return CHECK_GOOD;
	case OPTION_VERSION:
		puts("bus-policy-check " PACKAGE_VERSION);
		return CHECK_GOOD;
	default:
		fputs(usage, stderr);
		return CHECK_TROUBLE;
	}
}

int main(int argc, char **argv)
{
	struct arguments arguments = {
		.passwd_path = "/etc/passwd",
		.group_path = "/etc/group",
		.first_console_uid = FIRST_CONSOLE_UID,
	};
	int option, status = -1;

	while (status < 0 && (option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
		status = parse_option(&arguments, option);
	if (status < 0)
		status = run_command(&arguments, argv + optind, argc - optind);
	if (status < 0)
		status = trouble("%s", strerror(-status));
	if (fflush(stdout) || ferror(stdout))
		status = trouble("cannot write: %s", strerror(errno));
	return status;
}
