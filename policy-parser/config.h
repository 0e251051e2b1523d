/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration
 *
 * A busconfig XML file and all it includes, read into one object.  The format is
 * bus-proxyd.conf(5).
 *
 *	struct config_messages messages = CONFIG_MESSAGES_NULL;
 *	struct config *config;
 *	int r = config_load(path, &options, &config, &messages);
 *
 * after which 0 means that there is a configuration (and perhaps warnings),
 * CONFIG_REFUSED that @messages say what is wrong with the file, and a negative
 * errno that the machine failed us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy-parser/messages.h"
#include "policy-parser/rule.h"
#include "proxy/base/cleanup.h"

enum config_type {
	CONFIG_TYPE_NONE, /* no <type> */
	CONFIG_TYPE_SESSION,
	CONFIG_TYPE_SYSTEM,
	CONFIG_TYPE_OTHER, /* anything else, see type_name */
};

#define CONFIG_AUTH_EXTERNAL  (1u << 0)
#define CONFIG_AUTH_ANONYMOUS (1u << 1)
#define CONFIG_AUTH_COOKIE    (1u << 2) /* DBUS_COOKIE_SHA1 */

enum config_apparmor {
	CONFIG_APPARMOR_ENABLED, /* the default: mediation where the kernel has it */
	CONFIG_APPARMOR_DISABLED,
	CONFIG_APPARMOR_REQUIRED,
};

/* the names of <limit name=...>; times are milliseconds */
enum config_limit_id {
	CONFIG_LIMIT_MAX_INCOMING_BYTES,
	CONFIG_LIMIT_MAX_INCOMING_UNIX_FDS,
	CONFIG_LIMIT_MAX_OUTGOING_BYTES,
	CONFIG_LIMIT_MAX_OUTGOING_UNIX_FDS,
	CONFIG_LIMIT_MAX_MESSAGE_SIZE,
	CONFIG_LIMIT_MAX_MESSAGE_UNIX_FDS,
	CONFIG_LIMIT_SERVICE_START_TIMEOUT,
	CONFIG_LIMIT_AUTH_TIMEOUT,
	CONFIG_LIMIT_PENDING_FD_TIMEOUT,
	CONFIG_LIMIT_MAX_COMPLETED_CONNECTIONS,
	CONFIG_LIMIT_MAX_INCOMPLETE_CONNECTIONS,
	CONFIG_LIMIT_MAX_CONNECTIONS_PER_USER,
	CONFIG_LIMIT_MAX_PENDING_SERVICE_STARTS,
	CONFIG_LIMIT_MAX_NAMES_PER_CONNECTION,
	CONFIG_LIMIT_MAX_MATCH_RULES_PER_CONNECTION,
	CONFIG_LIMIT_MAX_REPLIES_PER_CONNECTION,
	CONFIG_LIMIT_REPLY_TIMEOUT, /* -1: never */
	CONFIG_LIMIT_MAX_CONTAINERS,
	CONFIG_LIMIT_MAX_CONTAINERS_PER_USER,
	CONFIG_LIMIT_MAX_CONTAINER_METADATA_BYTES,
	CONFIG_LIMIT_MAX_CONNECTIONS_PER_CONTAINER,
	CONFIG_LIMIT_N,
};

/**
 * struct config_limit - a limit
 * @value: the configured value, else the default of the format; never negative,
 *	but for REPLY_TIMEOUT's default
 * @is_set: the configuration has the element
 */
struct config_limit {
	int64_t value;
	bool is_set;
};

/**
 * struct config_place - where something was configured
 * @file: NULL: nowhere
 */
struct config_place {
	const char *file;
	unsigned line;
};

/**
 * struct config_listen - one <listen>
 * @address: as written, not parsed; never empty
 */
struct config_listen {
	const char *address;
	struct config_place place;
};

/* file names must be NAME.service */
#define CONFIG_SERVICEDIR_STRICT_NAMES (1u << 0)
/* changes are seen on reload only */
#define CONFIG_SERVICEDIR_UNWATCHED (1u << 1)

/**
 * struct config_servicedir - a directory of service files, the first one wins
 * @path: where; what was written as a relative path has the directory of its file in front
 * @flags: CONFIG_SERVICEDIR_*
 */
struct config_servicedir {
	const char *path;
	unsigned flags;
};

/* one <associate> */
struct config_selinux_associate {
	const char *own;
	const char *context;
};

/**
 * struct config - a complete configuration
 *
 * All strings belong to it.
 *
 * @file: the path it was loaded by
 * @type, @type_name, @type_place: <type>; @type_name is the text, or NULL
 * @user: name or number to run as, or NULL
 * @fork, @keep_umask, @syslog, @allow_anonymous: the elements of that name
 * @pidfile: path, or NULL
 * @listen: in file order (the printed address has them reversed); may be empty:
 *	config_check_bus() refuses that
 * @auth, @auth_place: mask of CONFIG_AUTH_*: what the <auth> elements name, all
 *	without any
 * @servicedirs: without duplicates, the standard lists expanded in place
 * @servicehelper: path, or NULL; its presence marks a bus that is system-like
 * @limits: by enum config_limit_id
 * @policy: all rules
 * @apparmor, @apparmor_place: <apparmor>
 * @selinux: associations; of two with one name the later counts
 */
struct config {
	const char *file;
	enum config_type type;
	const char *type_name;
	struct config_place type_place;
	const char *user;
	struct config_place user_place;
	bool fork;
	bool keep_umask;
	bool syslog;
	bool allow_anonymous;
	const char *pidfile;
	struct config_listen *listen;
	size_t n_listen;
	unsigned auth;
	struct config_place auth_place;
	struct config_servicedir *servicedirs;
	size_t n_servicedirs;
	const char *servicehelper;
	struct config_limit limits[CONFIG_LIMIT_N];
	struct policy_rules policy;
	enum config_apparmor apparmor;
	struct config_place apparmor_place;
	struct config_selinux_associate *selinux;
	size_t n_selinux;
	struct config_private *private;
};

/**
 * struct config_environment - what the elements that look around see
 * @xdg_runtime_dir, @xdg_data_home, @home, @xdg_data_dirs: for
 *	<standard_session_servicedirs>; the variables of these names, or NULL
 * @datadir: of the installation: data files of D-Bus lie in @datadir/dbus-1
 * @selinux_root: for selinux_root_relative: where the policy in use lies
 * @is_selinux_enabled: for if_selinux_enabled
 * @is_selinux_enforcing: for config_check_bus()
 * @has_apparmor: for config_check_bus(): AppArmor is able to mediate D-Bus
 */
struct config_environment {
	const char *xdg_runtime_dir;
	const char *xdg_data_home;
	const char *home;
	const char *xdg_data_dirs;
	const char *datadir;
	char selinux_root[64];
	bool is_selinux_enabled;
	bool is_selinux_enforcing;
	bool has_apparmor;
};

/**
 * struct config_files - where bytes come from
 * @userdata: passed first
 * @read: the whole file into a fresh malloc()ed block, and its size; -ENOENT if
 *	there is none, -EFBIG if it has more than @max bytes, or another errno
 * @list: calls @add with the name of each entry of a directory, in any order; a
 *	non-zero value of @add ends it and is passed up; -ENOENT or -ENOTDIR if there is none
 */
struct config_files {
	void *userdata;
	int (*read)(void *userdata, const char *path, size_t max, char **data_out,
		    size_t *size_out);
	int (*list)(void *userdata, const char *path,
		    int (*add)(void *add_userdata, const char *name), void *add_userdata);
};

/* the file system */
extern const struct config_files config_files_system;

/* what would be reported and worked around is refused: a broken file of an <includedir>,
 * mediation by SELinux or AppArmor that would be missing */
#define CONFIG_STRICT (1u << 0)

/**
 * struct config_options - how to load
 * @flags: CONFIG_STRICT
 * @environment: NULL: one without variables, SELinux and AppArmor
 * @files: NULL: config_files_system
 */
struct config_options {
	unsigned flags;
	const struct config_environment *environment;
	const struct config_files *files;
};

/* outcomes */
enum {
	CONFIG_REFUSED = 1, /* messages hold at least one CONFIG_ERROR that says why */
};

/* what the process' environment, this machine and this build say; strings borrowed from getenv() */
void config_environment_init(struct config_environment *environment);

/* the configuration file of the session or system bus on this machine: the first of the usual
 * ones that exists, else the last; which these are was decided when this was built */
const char *config_standard_file(enum config_type type);

/**
 * config_load() - read a configuration and all it includes
 * @path: main file; relative to the working directory, as are then the files it
 *	names by relative paths
 * @options: NULL: none
 * @config_out: to be released with config_free()
 * @messages: gets what there is to say, also on success
 *
 * All that is wrong is reported, not only what was found first.
 *
 * An error in one file of an <includedir> must neither keep the bus from starting
 * nor open it: of such a file, and what it includes, the deny rules that can be
 * read stay and all else is dropped.  It is reported as CONFIG_ERROR all the same,
 * and with CONFIG_STRICT it is refused.
 *
 * Return: 0, CONFIG_REFUSED, or a negative errno (-ENOMEM).
 */
int config_load(const char *path, const struct config_options *options, struct config **config_out,
		struct config_messages *messages);
/* NULL is fine */
struct config *config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free);

/**
 * config_check_bus() - whether this bus can run with it
 * @options: those it was loaded with
 *
 * A bus must have a <listen> and an authentication mechanism that we have;
 * mediation by AppArmor or SELinux it cannot have, which is a warning when they are
 * at work, and refused when <apparmor> requires it or @options are strict.
 *
 * Return: 0, CONFIG_REFUSED, or -ENOMEM.
 */
int config_check_bus(const struct config *config, const struct config_options *options,
		     struct config_messages *messages);

/* the name of <limit name=...> */
const char *config_limit_name(enum config_limit_id id);
