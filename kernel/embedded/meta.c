/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of tasks, in this process
 *
 * Ids are kept as numbers of 32 bits, because a bus has many clients and knows
 * little more of each; everything else as items, ready to be handed out.  All
 * peers of an embedded bus share its namespaces, so nothing is translated and all
 * of procfs is visible.
 *
 * The task behind a handle is this process, or the one that the handle works for, with the
 * credentials of whoever opened the handle.  Of another process all is told that its
 * procfs shows us, of its thread nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/core/connection.h"
#include "kernel/core/item.h"
#include "kernel/embedded/host.h"
#include "proxy/base/creds.h"

/**
 * struct kdbus_meta - identity of a task, of a connection, a bus, or a message being sent
 * @mask: which of the next three there are, as attach flags
 * @creds: in the order of struct kdbus_creds
 * @pids: in the order of struct kdbus_pids
 * @n_groups: number of supplementary groups
 * @items_size: bytes of the items
 * @data: the items, in the order of the ABI; then the groups
 */
struct kdbus_meta {
	u32 mask;
	u32 creds[8];
	u32 pids[3];
	u32 n_groups;
	u32 items_size;
	u64 data[];
};

static const struct kdbus_item *meta_items(const struct kdbus_meta *meta)
{
	return (const struct kdbus_item *)meta->data;
}

static u32 *meta_groups(const struct kdbus_meta *meta)
{
	return (u32 *)((u8 *)meta->data + meta->items_size);
}

/* with room for @n_groups; takes what is in @items */
static int meta_new(struct kdbus_buffer *items, size_t n_groups, struct kdbus_meta **meta_out)
{
	struct kdbus_meta *meta;
	int r = items->error;

	if (r < 0)
		goto exit_items;
	meta = kvzalloc(sizeof(*meta) + items->size + n_groups * sizeof(u32), GFP_KERNEL_ACCOUNT);
	if (!meta) {
		r = -ENOMEM;
		goto exit_items;
	}
	meta->n_groups = n_groups;
	meta->items_size = items->size;
	if (items->size > 0)
		memcpy(meta->data, kdbus_buffer_data(items), items->size);
	*meta_out = meta;
exit_items:
	kdbus_buffer_deinit(items);
	return r;
}

static void meta_set_creds(struct kdbus_meta *meta, const struct kdbus_creds *creds)
{
	const u64 ids[8] = {creds->uid, creds->euid, creds->suid, creds->fsuid,
			    creds->gid, creds->egid, creds->sgid, creds->fsgid};

	meta->mask |= KDBUS_ATTACH_CREDS;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		meta->creds[i] = ids[i];
}

static void meta_set_pids(struct kdbus_meta *meta, u32 pid, u32 tid, u32 ppid)
{
	meta->mask |= KDBUS_ATTACH_PIDS;
	meta->pids[0] = pid;
	meta->pids[1] = tid;
	meta->pids[2] = ppid;
}

void embedded_meta_free(struct kdbus_meta *meta)
{
	kvfree(meta);
}

static bool id_is_valid(u64 id)
{
	return id <= UINT32_MAX;
}

static bool creds_are_valid(const struct kdbus_creds *creds)
{
	return id_is_valid(creds->uid) && id_is_valid(creds->euid) && id_is_valid(creds->suid) &&
	       id_is_valid(creds->fsuid) && id_is_valid(creds->gid) && id_is_valid(creds->egid) &&
	       id_is_valid(creds->sgid) && id_is_valid(creds->fsgid);
}

/* a peer of ours may be gone by the time we speak for it; only the ABI as published insists */
static bool pid_is_valid(u64 pid, bool is_strict)
{
	if (pid > INT32_MAX)
		return false;
	return pid == 0 || !is_strict || kill(pid, 0) == 0 || errno == EPERM;
}

int embedded_meta_fake(void *data, const struct kdbus_fake *fake, struct kdbus_meta **meta_out)
{
	const struct embedded_caller *caller = data;
	bool is_strict = kdbus_embedded_domain(caller->embedded)->strict;
	struct kdbus_buffer items = KDBUS_BUFFER_INIT;
	struct kdbus_meta *meta;
	int r;

	if (fake->creds && !creds_are_valid(fake->creds))
		return -EINVAL;
	if (fake->pids && !(pid_is_valid(fake->pids->pid, is_strict) &&
			    pid_is_valid(fake->pids->tid, is_strict) &&
			    pid_is_valid(fake->pids->ppid, is_strict)))
		return -EINVAL;
	for (size_t i = 0; i < fake->n_groups; i++)
		if (!id_is_valid(fake->groups[i]))
			return -EINVAL;

	if (fake->seclabel)
		kdbus_buffer_add_item(&items, KDBUS_ITEM_SECLABEL, fake->seclabel,
				      strlen(fake->seclabel) + 1);
	r = meta_new(&items, fake->n_groups, &meta);
	if (r < 0)
		return r;
	if (fake->creds)
		meta_set_creds(meta, fake->creds);
	if (fake->pids)
		meta_set_pids(meta, fake->pids->pid, fake->pids->tid, fake->pids->ppid);
	if (fake->has_groups)
		meta->mask |= KDBUS_ATTACH_AUXGROUPS;
	for (size_t i = 0; i < fake->n_groups; i++)
		meta_groups(meta)[i] = fake->groups[i];
	*meta_out = meta;
	return 0;
}

#define PROC_PATH_SIZE 64

/* where procfs has @file of the process that calls */
static const char *proc_path(const struct embedded_caller *caller, const char *file,
			     char path[PROC_PATH_SIZE])
{
	if (caller->process)
		snprintf(path, PROC_PATH_SIZE, "/proc/%d/%s", (int)caller->process->pid, file);
	else
		snprintf(path, PROC_PATH_SIZE, "/proc/self/%s", file);
	return path;
}

/* @size is what fits; a file that cannot be read is empty */
static size_t read_file(const char *path, char *dst, size_t size)
{
	size_t done = 0;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (done < size && (n = read(fd, dst + done, size - done)) > 0)
		done += n;
	close(fd);
	return done;
}

static size_t read_proc(const struct embedded_caller *caller, const char *file, char *dst,
			size_t size)
{
	char path[PROC_PATH_SIZE];

	return read_file(proc_path(caller, file, path), dst, size);
}

/* the first line of a file as a string; without it, no item */
static void add_line(struct kdbus_buffer *buffer, u64 type, const struct embedded_caller *caller,
		     const char *file)
{
	char line[1024];
	size_t n = read_proc(caller, file, line, sizeof(line) - 1);

	n = strnlen(line, n);
	while (n > 0 && line[n - 1] == '\n')
		n--;
	line[n] = '\0';
	if (n > 0)
		kdbus_buffer_add_item(buffer, type, line, n + 1);
}

static void capture_creds(struct kdbus_meta *meta, const struct kdbus_cred *cred)
{
	const struct kdbus_embedded_cred *more = cred->host;
	struct kdbus_creds creds = {
		.uid = more->uid,
		.euid = more->euid,
		.suid = more->euid,
		.fsuid = more->euid,
		.gid = more->gid,
		.egid = more->egid,
		.sgid = more->egid,
		.fsgid = more->egid,
	};

	meta_set_creds(meta, &creds);
}

static void capture_groups(struct kdbus_meta *meta, const struct kdbus_cred *cred)
{
	const struct kdbus_embedded_cred *more = cred->host;

	meta->mask |= KDBUS_ATTACH_AUXGROUPS;
	for (uint32_t i = 0; i < more->n_groups; i++)
		meta_groups(meta)[i] = more->groups[i];
}

static void add_exe(struct kdbus_buffer *buffer, const struct embedded_caller *caller)
{
	char path[4096], link[PROC_PATH_SIZE];
	ssize_t n = readlink(proc_path(caller, "exe", link), path, sizeof(path) - 1);

	if (n <= 0)
		return;
	path[n] = '\0';
	kdbus_buffer_add_item(buffer, KDBUS_ITEM_EXE, path, n + 1);
}

static void add_cmdline(struct kdbus_buffer *buffer, const struct embedded_caller *caller)
{
	char args[4096];
	size_t n = read_proc(caller, "cmdline", args, sizeof(args));

	if (n == 0)
		return;
	/* one that was too long ends where there was no more room */
	args[n - 1] = '\0';
	kdbus_buffer_add_item(buffer, KDBUS_ITEM_CMDLINE, args, n);
}

static void add_cgroup(struct kdbus_buffer *buffer, const struct embedded_caller *caller)
{
	char line[4096], *end, *path;
	size_t n = read_proc(caller, "cgroup", line, sizeof(line) - 1);

	/* hierarchy:controllers:path, the first line of which is the hierarchy that counts */
	line[n] = '\0';
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	path = strchr(line, ':');
	path = path ? strchr(path + 1, ':') : NULL;
	if (path)
		kdbus_buffer_add_item(buffer, KDBUS_ITEM_CGROUP, path + 1, strlen(path + 1) + 1);
}

/* one set of /proc/self/status as two words; of 64 bits, whatever the last capability is */
static bool read_caps(const char *status, const char *key, u32 *words)
{
	const char *pos = strstr(status, key);
	unsigned long long set;

	if (!pos || sscanf(pos + strlen(key), "%llx", &set) != 1)
		return false;
	words[0] = set;
	words[1] = set >> 32;
	return true;
}

static void add_caps(struct kdbus_buffer *buffer, const struct embedded_caller *caller)
{
	static const char *const keys[] = {"CapInh:", "CapPrm:", "CapEff:", "CapBnd:"};
	char status[8192], last[16];
	struct kdbus_item *item;
	u32 last_cap, n_words, words[2];
	size_t n;

	n = read_proc(caller, "status", status, sizeof(status) - 1);
	status[n] = '\0';
	n = read_file("/proc/sys/kernel/cap_last_cap", last, sizeof(last) - 1);
	last[n] = '\0';
	last_cap = n > 0 ? strtoul(last, NULL, 10) : 0;
	n_words = last_cap / 32 + 1;
	if (n == 0 || n_words > 2)
		return;

	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_CAPS, NULL,
				     sizeof(u32) + 4 * n_words * sizeof(u32));
	if (!item)
		return;
	item->caps.last_cap = last_cap;
	for (size_t i = 0; i < 4; i++)
		if (read_caps(status, keys[i], words))
			memcpy(&item->caps.caps[i * n_words], words, n_words * sizeof(u32));
}

static void add_audit(struct kdbus_buffer *buffer, const struct embedded_caller *caller)
{
	struct kdbus_audit audit;
	char session[16], login[16];
	size_t n;

	n = read_proc(caller, "sessionid", session, sizeof(session) - 1);
	session[n] = '\0';
	if (n == 0)
		return;
	n = read_proc(caller, "loginuid", login, sizeof(login) - 1);
	login[n] = '\0';
	if (n == 0)
		return;
	audit.sessionid = strtoul(session, NULL, 10);
	audit.loginuid = strtoul(login, NULL, 10);
	kdbus_buffer_add_item(buffer, KDBUS_ITEM_AUDIT, &audit, sizeof(audit));
}

static void capture_pids(struct kdbus_meta *meta, const struct embedded_caller *caller)
{
	char status[1024], *parent;
	int ppid = 0;
	size_t n;

	if (!caller->process) {
		meta_set_pids(meta, getpid(), syscall(SYS_gettid), getppid());
		return;
	}
	n = read_proc(caller, "status", status, sizeof(status) - 1);
	status[n] = '\0';
	parent = strstr(status, "\nPPid:");
	if (parent)
		ppid = atoi(parent + strlen("\nPPid:"));
	meta_set_pids(meta, caller->process->pid, caller->process->pid, ppid);
}

int embedded_meta_capture(void *data, u64 mask, struct kdbus_meta **meta_out)
{
	const struct embedded_caller *caller = data;
	const struct kdbus_embedded_cred *more = caller->cred->host;
	struct kdbus_buffer items = KDBUS_BUFFER_INIT;
	bool is_self = !caller->process;
	struct kdbus_meta *meta;
	int r;

	/* a process that cannot be named has no procfs */
	if (!is_self && caller->process->pid <= 0)
		mask &= KDBUS_ATTACH_CREDS | KDBUS_ATTACH_AUXGROUPS;
	if (mask & KDBUS_ATTACH_TID_COMM)
		add_line(&items, KDBUS_ITEM_TID_COMM, caller,
			 is_self ? "../thread-self/comm" : "comm");
	if (mask & KDBUS_ATTACH_PID_COMM)
		add_line(&items, KDBUS_ITEM_PID_COMM, caller, "comm");
	if (mask & KDBUS_ATTACH_EXE)
		add_exe(&items, caller);
	if (mask & KDBUS_ATTACH_CMDLINE)
		add_cmdline(&items, caller);
	if (mask & KDBUS_ATTACH_CGROUP)
		add_cgroup(&items, caller);
	if (mask & KDBUS_ATTACH_CAPS)
		add_caps(&items, caller);
	if (mask & KDBUS_ATTACH_SECLABEL)
		add_line(&items, KDBUS_ITEM_SECLABEL, caller, "attr/current");
	if (mask & KDBUS_ATTACH_AUDIT)
		add_audit(&items, caller);

	r = meta_new(&items, more->n_groups, &meta);
	if (r < 0)
		return r;
	if (mask & KDBUS_ATTACH_CREDS)
		capture_creds(meta, caller->cred);
	if (mask & KDBUS_ATTACH_PIDS)
		capture_pids(meta, caller);
	if (mask & KDBUS_ATTACH_AUXGROUPS)
		capture_groups(meta, caller->cred);
	*meta_out = meta;
	return 0;
}

int embedded_conn_creds(const struct kdbus_conn *conn, struct creds *creds_out)
{
	const struct kdbus_embedded_cred *more = conn->cred->host;
	const struct kdbus_meta *meta = conn->meta;
	struct creds creds = CREDS_NULL;
	const u32 *groups = more->groups;
	u32 n_groups = more->n_groups;

	creds.uid = more->euid;
	creds.gid = more->egid;
	if (meta && meta->mask & KDBUS_ATTACH_CREDS) {
		creds.uid = meta->creds[1];
		creds.gid = meta->creds[5];
		groups = meta_groups(meta);
		n_groups = meta->mask & KDBUS_ATTACH_AUXGROUPS ? meta->n_groups : 0;
	}
	if (meta && meta->mask & KDBUS_ATTACH_PIDS)
		creds.pid = meta->pids[0];
	/* released by creds_deinit() */
	creds.groups = malloc((n_groups + 1) * sizeof(*creds.groups));
	if (!creds.groups)
		return -ENOMEM;
	for (u32 i = 0; i < n_groups; i++)
		creds.groups[i] = groups[i];
	creds.groups[n_groups] = creds.gid;
	creds.n_groups = n_groups + 1;
	creds_sort_groups(creds.groups, creds.n_groups);
	*creds_out = creds;
	return 0;
}

/* a list of numbers of 64 bits, which is what all three items are */
static void export_ids(struct kdbus_buffer *buffer, u64 type, const u32 *ids, size_t n)
{
	struct kdbus_item *item;

	item = kdbus_buffer_add_item(buffer, type, NULL, n * sizeof(u64));
	for (size_t i = 0; item && i < n; i++)
		item->data64[i] = ids[i];
}

void embedded_meta_export(struct kdbus_meta *meta, struct kdbus_conn *to, u64 granted, u64 visible,
			  struct kdbus_buffer *buffer)
{
	u64 mask = meta->mask & granted;
	const struct kdbus_item *item;

	if (mask & KDBUS_ATTACH_CREDS)
		export_ids(buffer, KDBUS_ITEM_CREDS, meta->creds, ARRAY_SIZE(meta->creds));
	if (mask & KDBUS_ATTACH_PIDS)
		export_ids(buffer, KDBUS_ITEM_PIDS, meta->pids, ARRAY_SIZE(meta->pids));
	if (mask & KDBUS_ATTACH_AUXGROUPS)
		export_ids(buffer, KDBUS_ITEM_AUXGROUPS, meta_groups(meta), meta->n_groups);

	/* attach item 0x1000 + n goes with attach flag bit n */
	kdbus_items_for_each(item, meta_items(meta), meta_groups(meta)) {
		if ((granted | visible) & (1ULL << (item->type - _KDBUS_ITEM_ATTACH_BASE)))
			kdbus_buffer_add_item(buffer, item->type, item->data,
					      kdbus_item_payload_size(item));
	}
}
