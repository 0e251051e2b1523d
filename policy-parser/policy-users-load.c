/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and groups: from files
 *
 * The one place where the user database touches the file system.  Never through
 * the C library's getpwnam() and its like: they may ask services on the very bus
 * that is waiting for the answer.
 */
#include <errno.h>

#include "policy-parser/config.h"
#include "policy-parser/policy-users.h"

/* a few hundred thousand entries */
#define MAX_FILE_SIZE (64u << 20)

static int load_file(struct policy_users *users, const char *path,
		     int (*add)(struct policy_users *users, const char *text, size_t size))
{
	__cleanup(freep) char *text = NULL;
	size_t size;
	int r;

	r = config_files_system.read(NULL, path, MAX_FILE_SIZE, &text, &size);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	return add(users, text, size);
}

int policy_users_load(struct policy_users *users, const char *passwd_path, const char *group_path)
{
	int r = load_file(users, passwd_path, policy_users_add_passwd);

	return r < 0 ? r : load_file(users, group_path, policy_users_add_group);
}
