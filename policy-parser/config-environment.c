/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: the surroundings
 *
 * SELinux is asked the way its own library does it, by its files, as all that
 * is needed of it are two facts and a path.  AppArmor mediates D-Bus only where
 * the kernel has that feature; elsewhere nothing is missing without it.
 *
 * Which file is the configuration of the session or system bus is decided here, as
 * the launch helper has to read what the bus has read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy-parser/config.h"

#define SELINUX_DEFAULT_ROOT "/etc/selinux/targeted"

static const char *get_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool is_file_one(const char *path)
{
	FILE *file = fopen(path, "re");
	int c;

	if (!file)
		return false;
	c = fgetc(file);
	fclose(file);
	return c == '1';
}

/* the line SELINUXTYPE=NAME, or the default */
static void find_selinux_root(char *root, size_t size)
{
	FILE *file = fopen("/etc/selinux/config", "re");
	char line[256];
	char name[48];

	snprintf(root, size, "%s", SELINUX_DEFAULT_ROOT);
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, " SELINUXTYPE = %47[A-Za-z0-9_.-]", name) == 1)
			snprintf(root, size, "/etc/selinux/%s", name);
	}
	fclose(file);
}

#define STANDARD_FILES(name)                                                                       \
	{                                                                                          \
		BP_DATADIR "/dbus-1/" name, "/usr/share/dbus-1/" name,                             \
			BP_DATADIR "/bus-proxyd/" name                                             \
	}

const char *config_standard_file(enum config_type type)
{
	static const char *const session_files[] = STANDARD_FILES("session.conf");
	static const char *const system_files[] = STANDARD_FILES("system.conf");
	const char *const *files = type == CONFIG_TYPE_SYSTEM ? system_files : session_files;
	size_t last = sizeof(system_files) / sizeof(system_files[0]) - 1;

	for (size_t i = 0; i < last; i++) {
		/* the launch helper is setuid */
		if (!faccessat(AT_FDCWD, files[i], F_OK, AT_EACCESS))
			return files[i];
	}
	return files[last];
}

void config_environment_init(struct config_environment *environment)
{
	*environment = (struct config_environment){
		.xdg_runtime_dir = get_variable("XDG_RUNTIME_DIR"),
		.xdg_data_home = get_variable("XDG_DATA_HOME"),
		.home = get_variable("HOME"),
		.xdg_data_dirs = get_variable("XDG_DATA_DIRS"),
		.datadir = BP_DATADIR,
		.is_selinux_enabled = !access("/sys/fs/selinux/enforce", F_OK),
		.is_selinux_enforcing = is_file_one("/sys/fs/selinux/enforce"),
		.has_apparmor = !access("/sys/kernel/security/apparmor/features/dbus/mask", F_OK),
	};
	find_selinux_root(environment->selinux_root, sizeof(environment->selinux_root));
}
