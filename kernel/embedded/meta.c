/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata of tasks, in this process
 *
 * Ids are kept as numbers of 32 bits, because a bus has many clients and knows
 * little more of each; everything else as items, ready to be handed out.  They are
 * those of our namespaces until they are handed to another process, which may be in
 * others: namespace.c.
 *
 * The task behind a handle is this process, or the one that the handle works for, with the
 * credentials of whoever opened the handle.  Of another process all is told that its
 * procfs shows us, of its thread nothing; and nothing but its number if that has become
 * somebody else's.
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
#include "kernel/embedded/namespace.h"
#include "proxy/base/creds.h"

/**
 * struct meta_ids - what many have in common: all clients of one user
 * @among: where others find it; NULL: it is part of the one that it is of
 * @n_refs: of those others; under @among.lock
 * @creds: in the order of struct kdbus_creds
 * @n_groups: number of supplementary groups
 * @items_size: bytes of the items
 * @data: the items, in the order of the ABI; then the groups
 */
struct meta_ids {
	struct embedded_ids *among;
	u32 n_refs;
	u32 creds[8];
	u32 n_groups;
	u32 items_size;
	u64 data[];
};

/**
 * struct kdbus_meta - identity of a task, of a connection, a bus, or a message being sent
 * @ids: owned, or shared
 * @namespaces: where the task was; a reference, NULL if it did not tell
 * @when: in ticks since boot; who of @pids is younger is another one
 * @mask: which of @ids.creds, @pids and the groups there are, as attach flags
 * @pids: in the order of struct kdbus_pids
 */
struct kdbus_meta {
	struct meta_ids *ids;
	struct embedded_namespaces *namespaces;
	u64 when;
	u32 mask;
	u32 pids[3];
};

static const struct kdbus_item *meta_items(const struct kdbus_meta *meta)
{
	return (const struct kdbus_item *)meta->ids->data;
}

static u32 *ids_groups(struct meta_ids *ids)
{
	return (u32 *)((u8 *)ids->data + ids->items_size);
}

static u32 *meta_groups(const struct kdbus_meta *meta)
{
	return ids_groups(meta->ids);
}

/* with room for @n_groups; takes what is in @items.  @extra: bytes in front of it, which are
 * where the result points to
 */
static int ids_new(struct kdbus_buffer *items, size_t n_groups, size_t extra, void **mem_out)
{
	struct meta_ids *ids;
	void *mem = NULL;
	int r = items->error;

	if (r < 0)
		goto exit_items;
	mem = kvzalloc(extra + sizeof(*ids) + items->size + n_groups * sizeof(u32),
		       GFP_KERNEL_ACCOUNT);
	if (!mem) {
		r = -ENOMEM;
		goto exit_items;
	}
	ids = (struct meta_ids *)((u8 *)mem + extra);
	ids->n_groups = n_groups;
	ids->items_size = items->size;
	if (items->size > 0)
		memcpy(ids->data, kdbus_buffer_data(items), items->size);
	*mem_out = mem;
exit_items:
	kdbus_buffer_deinit(items);
	return r;
}

static bool ids_is_same(const struct meta_ids *a, const struct meta_ids *b)
{
	return a->n_groups == b->n_groups && a->items_size == b->items_size &&
	       !memcmp(a->creds, b->creds, sizeof(a->creds)) &&
	       !memcmp(a->data, b->data, a->items_size + a->n_groups * sizeof(u32));
}

static struct meta_ids **ids_slot(struct embedded_ids *among, const struct meta_ids *ids)
{
	return &among->slots[ids->creds[1] % ARRAY_SIZE(among->slots)];
}

/* the same as @ids, which is taken: if the last one of its user's was, that one */
static struct meta_ids *ids_share(struct embedded_ids *among, struct meta_ids *ids)
{
	struct meta_ids **slot = ids_slot(among, ids), *found;

	mutex_lock(&among->lock);
	found = *slot;
	if (!found || !ids_is_same(found, ids)) {
		ids->among = among;
		*slot = found = ids;
	}
	found->n_refs++;
	mutex_unlock(&among->lock);
	if (found != ids)
		kvfree(ids);
	return found;
}

static void ids_put(struct meta_ids *ids)
{
	struct embedded_ids *among = ids->among;
	struct meta_ids **slot;
	bool is_last;

	if (!among)
		return;
	slot = ids_slot(among, ids);
	mutex_lock(&among->lock);
	is_last = --ids->n_refs == 0;
	if (is_last && *slot == ids)
		*slot = NULL;
	mutex_unlock(&among->lock);
	if (is_last)
		kvfree(ids);
}

void embedded_ids_init(struct embedded_ids *ids)
{
	*ids = (struct embedded_ids){};
	mutex_init(&ids->lock);
}

void embedded_ids_deinit(struct embedded_ids *ids)
{
	mutex_destroy(&ids->lock);
}

static void ids_set_creds(struct meta_ids *ids, const struct kdbus_creds *creds)
{
	const u64 numbers[8] = {creds->uid, creds->euid, creds->suid, creds->fsuid,
				creds->gid, creds->egid, creds->sgid, creds->fsgid};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		ids->creds[i] = numbers[i];
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
	if (!meta)
		return;
	embedded_namespaces_put(meta->namespaces);
	ids_put(meta->ids);
	kvfree(meta);
}

/* -1 of 32 bits says that it is not known */
static bool uid_make(struct embedded_namespaces *ns, u64 uid, u64 *uid_out)
{
	*uid_out = embedded_uid_make(ns, uid);
	return *uid_out != U32_MAX || uid == U32_MAX;
}

static bool gid_make(struct embedded_namespaces *ns, u64 gid, u64 *gid_out)
{
	*gid_out = embedded_gid_make(ns, gid);
	return *gid_out != U32_MAX || gid == U32_MAX;
}

static bool creds_make(struct embedded_namespaces *ns, const struct kdbus_creds *in,
		       struct kdbus_creds *out)
{
	return uid_make(ns, in->uid, &out->uid) && uid_make(ns, in->euid, &out->euid) &&
	       uid_make(ns, in->suid, &out->suid) && uid_make(ns, in->fsuid, &out->fsuid) &&
	       gid_make(ns, in->gid, &out->gid) && gid_make(ns, in->egid, &out->egid) &&
	       gid_make(ns, in->sgid, &out->sgid) && gid_make(ns, in->fsgid, &out->fsgid);
}

/* a peer of ours may be gone by the time we speak for it; only the ABI as published insists */
static bool pid_make(struct embedded_namespaces *ns, u64 number, bool is_strict, u64 *pid_out)
{
	pid_t pid;

	if (number > INT32_MAX)
		return false;
	pid = embedded_pid_find(ns, number);
	*pid_out = pid;
	if (number == 0 || !is_strict)
		return true;
	return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

static bool pids_make(struct embedded_namespaces *ns, const struct kdbus_pids *in, bool is_strict,
		      struct kdbus_pids *out)
{
	return pid_make(ns, in->pid, is_strict, &out->pid) &&
	       pid_make(ns, in->tid, is_strict, &out->tid) &&
	       pid_make(ns, in->ppid, is_strict, &out->ppid);
}

int embedded_meta_fake(void *data, const struct kdbus_fake *fake, struct kdbus_meta **meta_out)
{
	const struct embedded_caller *caller = data;
	bool is_strict = kdbus_embedded_domain(caller->embedded)->strict;
	struct embedded_namespaces *ns = embedded_caller_namespaces(caller);
	struct kdbus_buffer items = KDBUS_BUFFER_INIT;
	struct kdbus_creds creds;
	struct kdbus_pids pids;
	struct kdbus_meta *meta;
	struct meta_ids *ids;
	void *mem;
	u64 group;
	int r;

	if (fake->creds && !creds_make(ns, fake->creds, &creds))
		return -EINVAL;
	if (fake->pids && !pids_make(ns, fake->pids, is_strict, &pids))
		return -EINVAL;
	for (size_t i = 0; i < fake->n_groups; i++)
		if (!gid_make(ns, fake->groups[i], &group))
			return -EINVAL;

	if (fake->seclabel)
		kdbus_buffer_add_item(&items, KDBUS_ITEM_SECLABEL, fake->seclabel,
				      strlen(fake->seclabel) + 1);
	r = ids_new(&items, fake->n_groups, 0, &mem);
	if (r < 0)
		return r;
	ids = mem;
	meta = kzalloc(sizeof(*meta), GFP_KERNEL_ACCOUNT);
	if (!meta) {
		kvfree(ids);
		return -ENOMEM;
	}
	meta->when = embedded_ticks();
	if (fake->creds) {
		meta->mask |= KDBUS_ATTACH_CREDS;
		ids_set_creds(ids, &creds);
	}
	if (fake->pids)
		meta_set_pids(meta, pids.pid, pids.tid, pids.ppid);
	if (fake->has_groups)
		meta->mask |= KDBUS_ATTACH_AUXGROUPS;
	for (size_t i = 0; i < fake->n_groups; i++)
		ids_groups(ids)[i] = embedded_gid_make(ns, fake->groups[i]);
	meta->ids = ids_share(embedded_shared_ids(caller->embedded), ids);
	*meta_out = meta;
	return 0;
}

/* of whom procfs shall tell: 0 is this process */
static pid_t caller_pid(const struct embedded_caller *caller)
{
	return caller->process ? caller->process->pid : 0;
}

static size_t read_proc(const struct embedded_caller *caller, const char *file, char *dst,
			size_t size)
{
	return embedded_proc_read(caller_pid(caller), file, dst, size);
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

	ids_set_creds(meta->ids, &creds);
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
	char path[4096], link[EMBEDDED_PROC_PATH];
	ssize_t n = readlink(embedded_proc_path(caller_pid(caller), "exe", link), path,
			     sizeof(path) - 1);

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

/* one set of /proc/self/status as two words; of 64 bits, whatever the last capability is.  The
 * first line is the process' own, and has no end but the last */
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
	static const char *const keys[] = {"\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:"};
	char status[8192], last[16];
	struct kdbus_item *item;
	u32 last_cap, n_words, words[4][2];
	size_t n;

	n = read_proc(caller, "status", status, sizeof(status) - 1);
	status[n] = '\0';
	n = embedded_proc_read(0, "../sys/kernel/cap_last_cap", last, sizeof(last) - 1);
	last[n] = '\0';
	last_cap = n > 0 ? strtoul(last, NULL, 10) : 0;
	n_words = last_cap / 32 + 1;
	if (n == 0 || n_words > 2)
		return;
	for (size_t i = 0; i < 4; i++)
		if (!read_caps(status, keys[i], words[i]))
			return;

	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_CAPS, NULL,
				     sizeof(u32) + 4 * n_words * sizeof(u32));
	if (!item)
		return;
	item->caps.last_cap = last_cap;
	for (size_t i = 0; i < 4; i++)
		memcpy(&item->caps.caps[i * n_words], words[i], n_words * sizeof(u32));
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

/* whatever procfs says of the process */
static void capture_items(const struct embedded_caller *caller, u64 mask,
			  struct kdbus_buffer *items)
{
	if (mask & KDBUS_ATTACH_TID_COMM)
		add_line(items, KDBUS_ITEM_TID_COMM, caller,
			 caller->process ? "comm" : "../thread-self/comm");
	if (mask & KDBUS_ATTACH_PID_COMM)
		add_line(items, KDBUS_ITEM_PID_COMM, caller, "comm");
	if (mask & KDBUS_ATTACH_EXE)
		add_exe(items, caller);
	if (mask & KDBUS_ATTACH_CMDLINE)
		add_cmdline(items, caller);
	if (mask & KDBUS_ATTACH_CGROUP)
		add_cgroup(items, caller);
	if (mask & KDBUS_ATTACH_CAPS)
		add_caps(items, caller);
	if (mask & KDBUS_ATTACH_SECLABEL)
		add_line(items, KDBUS_ITEM_SECLABEL, caller, "attr/current");
	if (mask & KDBUS_ATTACH_AUDIT)
		add_audit(items, caller);
}

static int capture_namespaces(const struct embedded_caller *caller, u64 mask,
			      struct embedded_namespaces **ns_out)
{
	struct embedded_namespaces *self = embedded_self_namespaces(caller->embedded);

	if (caller->process)
		return embedded_namespaces_again(self, caller->process->opener,
						 caller->process->pid, mask & KDBUS_ATTACH_CAPS,
						 mask & KDBUS_ATTACH_EXE, ns_out);
	*ns_out = embedded_namespaces_get(self);
	return 0;
}

/* the last thing to be asked of a process; false: what was read before may not be about it */
static bool capture_parent(const struct embedded_caller *caller, u32 *ppid_out)
{
	const struct embedded_process *process = caller->process;
	struct embedded_stat stat;

	if (!process) {
		*ppid_out = getppid();
		return true;
	}
	if (!process->started || embedded_process_stat(process->pid, &stat) < 0 ||
	    stat.started != process->started)
		return false;
	*ppid_out = stat.ppid;
	return true;
}

static void capture_pids(struct kdbus_meta *meta, const struct embedded_caller *caller, u32 ppid)
{
	if (caller->process)
		meta_set_pids(meta, caller->process->pid, caller->process->pid, ppid);
	else
		meta_set_pids(meta, getpid(), syscall(SYS_gettid), ppid);
}

int embedded_meta_capture(void *data, u64 mask, struct kdbus_meta **meta_out)
{
	const struct embedded_caller *caller = data;
	const struct kdbus_embedded_cred *more = caller->cred->host;
	struct kdbus_buffer items = KDBUS_BUFFER_INIT;
	struct embedded_namespaces *ns;
	struct kdbus_meta *meta;
	u32 ppid = 0;
	void *mem;
	int r;

	/* a process that cannot be named has no procfs */
	if (caller->process && caller->process->pid <= 0)
		mask &= KDBUS_ATTACH_CREDS | KDBUS_ATTACH_AUXGROUPS;
	r = capture_namespaces(caller, mask, &ns);
	if (r < 0)
		return r;
	capture_items(caller, mask, &items);
	/* who has the number now had it all the time if he was there before */
	if (mask & ~(u64)(KDBUS_ATTACH_CREDS | KDBUS_ATTACH_AUXGROUPS) &&
	    !capture_parent(caller, &ppid)) {
		kdbus_buffer_deinit(&items);
		items = (struct kdbus_buffer)KDBUS_BUFFER_INIT;
	}

	/* one allocation: it may be made for each message, and is about this task alone */
	r = ids_new(&items, more->n_groups, sizeof(*meta), &mem);
	if (r < 0) {
		embedded_namespaces_put(ns);
		return r;
	}
	meta = mem;
	meta->ids = (struct meta_ids *)(meta + 1);
	meta->namespaces = ns;
	meta->when = embedded_ticks();
	/* needed for CAPS, too */
	capture_creds(meta, caller->cred);
	meta->mask |= mask & KDBUS_ATTACH_CREDS;
	if (mask & KDBUS_ATTACH_PIDS)
		capture_pids(meta, caller, ppid);
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
		creds.uid = meta->ids->creds[1];
		creds.gid = meta->ids->creds[5];
		groups = meta_groups(meta);
		n_groups = meta->mask & KDBUS_ATTACH_AUXGROUPS ? meta->ids->n_groups : 0;
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

/* export */

static void export_creds(const struct kdbus_meta *meta, struct embedded_namespaces *ns,
			 struct kdbus_buffer *buffer)
{
	struct kdbus_item *item;

	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_CREDS, NULL, sizeof(struct kdbus_creds));
	for (size_t i = 0; item && i < ARRAY_SIZE(meta->ids->creds); i++)
		item->data64[i] = i < 4 ? embedded_uid_show(ns, meta->ids->creds[i])
					: embedded_gid_show(ns, meta->ids->creds[i]);
}

static void export_groups(const struct kdbus_meta *meta, struct embedded_namespaces *ns,
			  struct kdbus_buffer *buffer)
{
	const u32 *groups = meta_groups(meta);
	struct kdbus_item *item;

	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_AUXGROUPS, NULL,
				     meta->ids->n_groups * sizeof(u64));
	for (size_t i = 0; item && i < meta->ids->n_groups; i++)
		item->data64[i] = embedded_gid_show(ns, groups[i]);
}

/* what meta->pids[@i] is there */
static u32 pid_show(const struct kdbus_meta *meta, const struct embedded_namespaces *ns, size_t i)
{
	/* who we speak of is there, too */
	if (ns->pids.n == 1)
		return meta->pids[i];
	if (i < 2 && meta->namespaces)
		return embedded_pid_show(ns, meta->namespaces);
	return embedded_pid_number(ns, meta->pids[i], meta->when);
}

static void export_pids(const struct kdbus_meta *meta, const struct embedded_namespaces *ns,
			struct kdbus_buffer *buffer)
{
	struct kdbus_item *item;

	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_PIDS, NULL, sizeof(struct kdbus_pids));
	for (size_t i = 0; item && i < ARRAY_SIZE(meta->pids); i++)
		item->data64[i] = pid_show(meta, ns, i);
}

static void export_caps(const struct kdbus_meta *meta, const struct embedded_namespaces *ns,
			const struct kdbus_item *own, struct kdbus_buffer *buffer)
{
	enum embedded_caps show = embedded_caps_show(ns, meta->namespaces, meta->ids->creds[1]);
	const u32 last_cap = own->caps.last_cap, n_words = last_cap / 32 + 1;
	struct kdbus_item *item;

	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_CAPS,
				     show == EMBEDDED_CAPS_SAME ? own->data : NULL,
				     kdbus_item_payload_size(own));
	if (!item)
		return;
	item->caps.last_cap = last_cap;
	/* all but what is inherited */
	for (u32 set = 1; show == EMBEDDED_CAPS_ALL && set < 4; set++)
		for (u32 cap = 0; cap <= last_cap; cap++)
			item->caps.caps[set * n_words + cap / 32] |= 1U << (cap % 32);
}

static void export_audit(struct embedded_namespaces *ns, const struct kdbus_item *own,
			 struct kdbus_buffer *buffer)
{
	struct kdbus_audit audit = {
		.sessionid = own->audit.sessionid,
		.loginuid = embedded_uid_show(ns, own->audit.loginuid),
	};

	/* one that is nobody is none */
	if (audit.loginuid == EMBEDDED_OVERFLOW_ID && own->audit.loginuid != EMBEDDED_OVERFLOW_ID)
		audit.loginuid = U32_MAX;
	kdbus_buffer_add_item(buffer, KDBUS_ITEM_AUDIT, &audit, sizeof(audit));
}

/* is it the root directory of @to as well, when it said HELLO */
static bool is_same_root(const struct kdbus_meta *meta, const struct kdbus_conn *to,
			 const struct embedded_namespaces *ns)
{
	const struct embedded_namespaces *mine = meta->namespaces;

	if (to->meta && to->meta->namespaces)
		ns = to->meta->namespaces;
	return mine == ns || embedded_root_is_same(&mine->root, &ns->root);
}

static void export_item(const struct kdbus_meta *meta, const struct kdbus_conn *to,
			struct embedded_namespaces *ns, const struct kdbus_item *item,
			struct kdbus_buffer *buffer)
{
	switch (item->type) {
	case KDBUS_ITEM_EXE:
		if (!is_same_root(meta, to, ns))
			return;
		break;
	case KDBUS_ITEM_CAPS:
		if (!to->bus->domain->is_p1)
			return export_caps(meta, ns, item, buffer);
		if (meta->namespaces->users[0] != ns->users[0])
			return;
		break;
	case KDBUS_ITEM_AUDIT:
		return export_audit(ns, item, buffer);
	}
	kdbus_buffer_add_item(buffer, item->type, item->data, kdbus_item_payload_size(item));
}

void embedded_meta_export(struct kdbus_meta *meta, struct kdbus_conn *to, u64 granted, u64 visible,
			  struct kdbus_buffer *buffer)
{
	struct embedded_namespaces *ns = embedded_caller_namespaces(to->host);
	u64 mask = meta->mask & granted;
	const struct kdbus_item *item;

	if (visible && (ns->pids.n == 1 || pid_show(meta, ns, 1)))
		granted |= visible;
	if (mask & KDBUS_ATTACH_CREDS)
		export_creds(meta, ns, buffer);
	if (mask & KDBUS_ATTACH_PIDS)
		export_pids(meta, ns, buffer);
	if (mask & KDBUS_ATTACH_AUXGROUPS)
		export_groups(meta, ns, buffer);

	/* attach item 0x1000 + n goes with attach flag bit n */
	kdbus_items_for_each(item, meta_items(meta), meta_groups(meta))
		if (granted & (1ULL << (item->type - _KDBUS_ITEM_ATTACH_BASE)))
			export_item(meta, to, ns, item, buffer);
}
