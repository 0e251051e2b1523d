/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a process is: its namespaces, as this process can see them
 *
 * Ids and pids are kept as they are here, and become numbers of somebody else's namespaces when
 * they are shown to him (reference 8.5).
 */
#pragma once

#include "kernel/core/os.h"

/* namespaces nest 32 deep below the first */
#define EMBEDDED_LEVELS 33
/* what an id without mapping is shown as */
#define EMBEDDED_OVERFLOW_ID 65534
/* for embedded_proc_path() */
#define EMBEDDED_PROC_PATH 64

/**
 * struct embedded_root - a root directory: two are the same if all of it is
 * @mount, @device, @inode: as statx() has them; all 0: not known
 */
struct embedded_root {
	u64 mount;
	u64 device;
	u64 inode;
};

/**
 * struct embedded_id_map - uid_map or gid_map
 * @n: number of ranges
 * @ranges: @count ids, from @inside on there, and from @outside on here
 */
struct embedded_id_map {
	u32 n;
	struct embedded_id_range {
		u32 inside;
		u32 outside;
		u32 count;
	} * ranges;
};

/**
 * struct embedded_pid_levels - numbers of a process
 * @n: of pid namespaces that know it, from ours on; 0: it is in none that we know
 * @spaces: their inodes; 0: not known
 * @numbers: what it is there
 */
struct embedded_pid_levels {
	u32 n;
	u64 spaces[EMBEDDED_LEVELS];
	u32 numbers[EMBEDDED_LEVELS];
};

/**
 * struct embedded_namespaces - where a process was when it was looked at
 * @kref: references
 * @pid: of the process; 0: it is not known here, and nothing else is
 * @started: when, in ticks since boot; 0: not known
 * @is_ours: its ids are the numbers that we have for them
 * @n_users: user namespaces from its own on, to ours
 * @users: their inodes; 0: not known
 * @owners: euid of who made each
 * @uids, @gids: unless @is_ours
 * @pids: the process itself
 * @root: its root directory
 */
struct embedded_namespaces {
	struct kref kref;
	pid_t pid;
	u64 started;
	bool is_ours;
	u32 n_users;
	u64 users[EMBEDDED_LEVELS];
	u32 owners[EMBEDDED_LEVELS];
	struct embedded_id_map uids;
	struct embedded_id_map gids;
	struct embedded_pid_levels pids;
	struct embedded_root root;
};

/* of this process: 0 or -ENOMEM */
int embedded_namespaces_self(struct embedded_namespaces **ns_out);
/**
 * embedded_namespaces_new() - of another process
 * @self: ours
 * @pid: as we see it, 0 if we do not
 *
 * One that does not show its namespaces to us, or has gone, is taken to be in ours.
 *
 * Return: 0, with a reference to @self if there is no difference, or -ENOMEM.
 */
int embedded_namespaces_new(struct embedded_namespaces *self, pid_t pid,
			    struct embedded_namespaces **ns_out);
/**
 * embedded_namespaces_again() - of a process that may have moved since
 * @ns: where it was
 * @user, @root: look whether its user namespace or its root directory has changed
 *
 * Return: 0, with a reference to @ns if it is where it was, or -ENOMEM.
 */
int embedded_namespaces_again(struct embedded_namespaces *self, struct embedded_namespaces *ns,
			      pid_t pid, bool user, bool root,
			      struct embedded_namespaces **now_out);
struct embedded_namespaces *embedded_namespaces_get(struct embedded_namespaces *ns);
/* NULL is fine */
void embedded_namespaces_put(struct embedded_namespaces *ns);

/* what @uid or @gid of ours is there: 65534 if nothing, U32_MAX stays */
u32 embedded_uid_show(struct embedded_namespaces *ns, u32 uid);
u32 embedded_gid_show(struct embedded_namespaces *ns, u32 gid);
/* what @uid or @gid there is here; U32_MAX: nothing */
u32 embedded_uid_make(struct embedded_namespaces *ns, u64 uid);
u32 embedded_gid_make(struct embedded_namespaces *ns, u64 gid);

/* what the process @of is there, 0: it is not to be seen */
u32 embedded_pid_show(const struct embedded_namespaces *ns, const struct embedded_namespaces *of);
/* the same of a process that we know as @pid and that was there @when, in embedded_ticks() */
u32 embedded_pid_number(const struct embedded_namespaces *ns, u32 pid, u64 when);
/* our number of who is @number there; 0: nobody */
u32 embedded_pid_find(const struct embedded_namespaces *ns, u32 number);

/* how capabilities of a task are those of one in another namespace (8.6) */
enum embedded_caps {
	EMBEDDED_CAPS_NONE,
	EMBEDDED_CAPS_ALL,
	EMBEDDED_CAPS_SAME,
};

/* those of @of, whose euid is that, as seen from @ns */
enum embedded_caps embedded_caps_show(const struct embedded_namespaces *ns,
				      const struct embedded_namespaces *of, u32 euid);

bool embedded_root_is_same(const struct embedded_root *a, const struct embedded_root *b);

/**
 * struct embedded_stat - what a process says of itself first
 * @ppid: its parent
 * @started: in ticks since boot
 */
struct embedded_stat {
	u32 ppid;
	u64 started;
};

/* now, in the unit of @started */
u64 embedded_ticks(void);
/* 0 or -ESRCH: there is none, or it does not say */
int embedded_process_stat(pid_t pid, struct embedded_stat *stat_out);
/* when it was started, 0: not known */
u64 embedded_process_started(pid_t pid);
/* where procfs has @file of a process, 0: of this one */
const char *embedded_proc_path(pid_t pid, const char *file, char path[EMBEDDED_PROC_PATH]);
/* up to @size bytes of @file of a process in procfs, 0: of this one; what cannot be read is
 * empty */
size_t embedded_proc_read(pid_t pid, const char *file, char *dst, size_t size);
