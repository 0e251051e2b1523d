// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Who a task is, to whom
 *
 * Metadata is taken from the task that calls, in its own context and with no lock
 * held, and kept as the kernel knows it: ids and pids without a namespace.  They
 * become numbers when they are given to somebody: in the user namespace of who
 * opened the receiving connection, and the pid namespace of who said HELLO on it.
 * Strings are made at once and never translated.
 *
 * Since procfs has its hidepid per mount, a pid namespace has none that could be
 * asked: what a receiver gets without the consent of the sender (8.2, "visible")
 * depends on the pid namespace alone.
 */
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/fs_struct.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "kernel/core/connection.h"
#include "kernel/core/item.h"
#include "kernel/module/compat.h"
#include "kernel/module/module.h"

/* bytes of an argument vector that are told of at most */
#define CMDLINE_MAX 4096

/**
 * struct kdbus_meta - what is known of a task
 * @mask: attach flags of what is in the members below
 * @cred: of the task; NULL if the peer gave false metadata
 * @uids: CREDS: real, effective, saved, fs
 * @gids: likewise
 * @groups: AUXGROUPS; a reference, or NULL
 * @tgid: PIDS; a reference, or NULL
 * @tid: likewise
 * @ppid: likewise
 * @tid_comm: TID_COMM
 * @pid_comm: PID_COMM
 * @exe: EXE, as seen from @root
 * @root: EXE; a reference
 * @cmdline: CMDLINE, each argument with its NUL
 * @cmdline_size: bytes of @cmdline
 * @cgroup: CGROUP
 * @seclabel: SECLABEL
 * @loginuid: AUDIT
 * @sessionid: AUDIT
 */
struct kdbus_meta {
	u64 mask;
	const struct cred *cred;
	kuid_t uids[4];
	kgid_t gids[4];
	struct group_info *groups;
	struct pid *tgid;
	struct pid *tid;
	struct pid *ppid;
	char tid_comm[TASK_COMM_LEN];
	char pid_comm[TASK_COMM_LEN];
	char *exe;
	struct path root;
	char *cmdline;
	size_t cmdline_size;
	char *cgroup;
	char *seclabel;
	kuid_t loginuid;
	u32 sessionid;
};

void kdbusfs_meta_free(struct kdbus_meta *meta)
{
	if (!meta)
		return;
	put_cred(meta->cred);
	if (meta->groups)
		put_group_info(meta->groups);
	put_pid(meta->tgid);
	put_pid(meta->tid);
	put_pid(meta->ppid);
	path_put(&meta->root);
	kfree(meta->exe);
	kfree(meta->cmdline);
	kfree(meta->cgroup);
	kfree(meta->seclabel);
	kfree(meta);
}

static void capture_creds(struct kdbus_meta *meta)
{
	const struct cred *cred = meta->cred;

	meta->uids[0] = cred->uid;
	meta->uids[1] = cred->euid;
	meta->uids[2] = cred->suid;
	meta->uids[3] = cred->fsuid;
	meta->gids[0] = cred->gid;
	meta->gids[1] = cred->egid;
	meta->gids[2] = cred->sgid;
	meta->gids[3] = cred->fsgid;
}

static void capture_pids(struct kdbus_meta *meta)
{
	rcu_read_lock();
	meta->tgid = get_pid(task_tgid(current));
	meta->tid = get_pid(task_pid(current));
	meta->ppid = get_pid(task_tgid(rcu_dereference(current->real_parent)));
	rcu_read_unlock();
}

static void capture_pid_comm(struct kdbus_meta *meta)
{
	rcu_read_lock();
	get_task_comm(meta->pid_comm, current->group_leader);
	rcu_read_unlock();
}

/* what cannot be had is left out; only want of memory is an error */
static int capture_exe(struct kdbus_meta *meta)
{
	struct file *file = compat_get_exe_file(current->mm);
	char *page, *path;
	int r = 0;

	if (!file)
		return 0;
	page = (char *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!page) {
		r = -ENOMEM;
		goto exit_file;
	}
	path = d_path(&file->f_path, page, PAGE_SIZE);
	if (IS_ERR(path))
		goto exit_page;
	meta->exe = kstrdup(path, GFP_KERNEL_ACCOUNT);
	if (!meta->exe) {
		r = -ENOMEM;
		goto exit_page;
	}
	get_fs_root(current->fs, &meta->root);
	meta->mask |= KDBUS_ATTACH_EXE;
exit_page:
	free_page((unsigned long)page);
exit_file:
	fput(file);
	return r;
}

static int capture_cmdline(struct kdbus_meta *meta)
{
	struct mm_struct *mm = current->mm;
	unsigned long start, end;
	size_t size;
	char *copy;

	spin_lock(&mm->arg_lock);
	start = mm->arg_start;
	end = mm->arg_end;
	spin_unlock(&mm->arg_lock);
	if (start >= end)
		return 0;
	size = min_t(size_t, end - start, CMDLINE_MAX);
	copy = kmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!copy)
		return -ENOMEM;
	if (copy_from_user(copy, (const char __user *)start, size)) {
		kfree(copy);
		return 0;
	}
	/* one that was too long ends where there was no more room */
	copy[size - 1] = '\0';
	meta->cmdline = copy;
	meta->cmdline_size = size;
	meta->mask |= KDBUS_ATTACH_CMDLINE;
	return 0;
}

static int capture_cgroup(struct kdbus_meta *meta)
{
#ifdef CONFIG_CGROUPS
	struct cgroup *cgroup;
	char *page;
	int n, r = 0;

	rcu_read_lock();
	cgroup = task_dfl_cgroup(current);
	if (!cgroup_tryget(cgroup))
		cgroup = NULL;
	rcu_read_unlock();
	if (!cgroup)
		return 0;
	page = (char *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!page) {
		r = -ENOMEM;
		goto exit_cgroup;
	}
	n = cgroup_path(cgroup, page, PAGE_SIZE);
	if (n > 0 && n < PAGE_SIZE) {
		meta->cgroup = kstrdup(page, GFP_KERNEL_ACCOUNT);
		r = meta->cgroup ? 0 : -ENOMEM;
		if (meta->cgroup)
			meta->mask |= KDBUS_ATTACH_CGROUP;
	}
	free_page((unsigned long)page);
exit_cgroup:
	cgroup_put(cgroup);
	return r;
#else
	return 0;
#endif
}

static void capture_seclabel(struct kdbus_meta *meta)
{
	meta->seclabel = compat_dup_seclabel(meta->cred);
	if (meta->seclabel)
		meta->mask |= KDBUS_ATTACH_SECLABEL;
}

static void capture_audit(struct kdbus_meta *meta)
{
	if (!IS_ENABLED(CONFIG_AUDIT))
		return;
	meta->loginuid = audit_get_loginuid(current);
	meta->sessionid = audit_get_sessionid(current);
	meta->mask |= KDBUS_ATTACH_AUDIT;
}

int kdbusfs_meta_capture(void *caller, u64 mask, struct kdbus_meta **meta_out)
{
	struct kdbus_meta *meta;
	int r = 0;

	meta = kzalloc(sizeof(*meta), GFP_KERNEL_ACCOUNT);
	if (!meta)
		return -ENOMEM;
	meta->cred = get_current_cred();
	meta->mask = mask & (KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS | KDBUS_ATTACH_AUXGROUPS |
			     KDBUS_ATTACH_TID_COMM | KDBUS_ATTACH_PID_COMM | KDBUS_ATTACH_CAPS);
	capture_creds(meta);
	capture_pids(meta);
	if (mask & KDBUS_ATTACH_AUXGROUPS)
		meta->groups = get_group_info(meta->cred->group_info);
	if (mask & KDBUS_ATTACH_TID_COMM)
		get_task_comm(meta->tid_comm, current);
	if (mask & KDBUS_ATTACH_PID_COMM)
		capture_pid_comm(meta);
	if (mask & KDBUS_ATTACH_EXE)
		r = capture_exe(meta);
	if (r >= 0 && (mask & KDBUS_ATTACH_CMDLINE))
		r = capture_cmdline(meta);
	if (r >= 0 && (mask & KDBUS_ATTACH_CGROUP))
		r = capture_cgroup(meta);
	if (mask & KDBUS_ATTACH_SECLABEL)
		capture_seclabel(meta);
	if (mask & KDBUS_ATTACH_AUDIT)
		capture_audit(meta);
	if (r < 0) {
		kdbusfs_meta_free(meta);
		return r;
	}
	*meta_out = meta;
	return 0;
}

/* -1 of 32 bits says that it is not known */
static int fake_uid(u64 id, kuid_t *uid_out)
{
	kuid_t uid = INVALID_UID;

	if (id > U32_MAX)
		return -EINVAL;
	if (id != U32_MAX) {
		uid = make_kuid(current_user_ns(), id);
		if (!uid_valid(uid))
			return -EINVAL;
	}
	*uid_out = uid;
	return 0;
}

static int fake_gid(u64 id, kgid_t *gid_out)
{
	kgid_t gid = INVALID_GID;

	if (id > U32_MAX)
		return -EINVAL;
	if (id != U32_MAX) {
		gid = make_kgid(current_user_ns(), id);
		if (!gid_valid(gid))
			return -EINVAL;
	}
	*gid_out = gid;
	return 0;
}

static int fake_creds(struct kdbus_meta *meta, const struct kdbus_creds *creds)
{
	const u64 uids[] = {creds->uid, creds->euid, creds->suid, creds->fsuid};
	const u64 gids[] = {creds->gid, creds->egid, creds->sgid, creds->fsgid};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(uids); i++) {
		if (fake_uid(uids[i], &meta->uids[i]) < 0 || fake_gid(gids[i], &meta->gids[i]) < 0)
			return -EINVAL;
	}
	meta->mask |= KDBUS_ATTACH_CREDS;
	return 0;
}

/* the client of a proxy may be gone already; only the ABI as published insists */
static int fake_pid(u64 id, bool is_strict, struct pid **pid_out)
{
	struct pid *pid = NULL;

	if (id > INT_MAX)
		return -EINVAL;
	if (id > 0) {
		pid = find_get_pid(id);
		if (!pid && is_strict)
			return -EINVAL;
	}
	*pid_out = pid;
	return 0;
}

static int fake_groups(struct kdbus_meta *meta, const struct kdbus_fake *fake)
{
	size_t i;

	meta->groups = groups_alloc(fake->n_groups);
	if (!meta->groups)
		return -ENOMEM;
	for (i = 0; i < fake->n_groups; i++) {
		if (fake_gid(fake->groups[i], &meta->groups->gid[i]) < 0)
			return -EINVAL;
	}
	meta->mask |= KDBUS_ATTACH_AUXGROUPS;
	return 0;
}

int kdbusfs_meta_fake(void *caller, const struct kdbus_fake *fake, struct kdbus_meta **meta_out)
{
	const struct kdbus_file *self = caller;
	bool is_strict = self->fs->domain->strict;
	struct kdbus_meta *meta;
	int r = 0;

	meta = kzalloc(sizeof(*meta), GFP_KERNEL_ACCOUNT);
	if (!meta)
		return -ENOMEM;
	if (fake->creds)
		r = fake_creds(meta, fake->creds);
	if (r >= 0 && fake->pids) {
		r = fake_pid(fake->pids->pid, is_strict, &meta->tgid);
		if (r >= 0)
			r = fake_pid(fake->pids->tid, is_strict, &meta->tid);
		if (r >= 0)
			r = fake_pid(fake->pids->ppid, is_strict, &meta->ppid);
		meta->mask |= KDBUS_ATTACH_PIDS;
	}
	if (r >= 0 && fake->has_groups)
		r = fake_groups(meta, fake);
	if (r >= 0 && fake->seclabel) {
		meta->seclabel = kstrdup(fake->seclabel, GFP_KERNEL_ACCOUNT);
		r = meta->seclabel ? 0 : -ENOMEM;
		meta->mask |= KDBUS_ATTACH_SECLABEL;
	}
	if (r < 0) {
		kdbusfs_meta_free(meta);
		return r;
	}
	*meta_out = meta;
	return 0;
}

static u64 show_uid(struct user_namespace *ns, kuid_t uid)
{
	return uid_valid(uid) ? from_kuid_munged(ns, uid) : U32_MAX;
}

static u64 show_gid(struct user_namespace *ns, kgid_t gid)
{
	return gid_valid(gid) ? from_kgid_munged(ns, gid) : U32_MAX;
}

static void export_creds(const struct kdbus_meta *meta, struct user_namespace *ns,
			 struct kdbus_buffer *buffer)
{
	struct kdbus_creds creds = {
		.uid = show_uid(ns, meta->uids[0]),
		.euid = show_uid(ns, meta->uids[1]),
		.suid = show_uid(ns, meta->uids[2]),
		.fsuid = show_uid(ns, meta->uids[3]),
		.gid = show_gid(ns, meta->gids[0]),
		.egid = show_gid(ns, meta->gids[1]),
		.sgid = show_gid(ns, meta->gids[2]),
		.fsgid = show_gid(ns, meta->gids[3]),
	};

	kdbus_buffer_add_item(buffer, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
}

static void export_pids(const struct kdbus_meta *meta, struct pid_namespace *ns,
			struct kdbus_buffer *buffer)
{
	struct kdbus_pids pids = {
		.pid = pid_nr_ns(meta->tgid, ns),
		.tid = pid_nr_ns(meta->tid, ns),
		.ppid = pid_nr_ns(meta->ppid, ns),
	};

	kdbus_buffer_add_item(buffer, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
}

static void export_groups(const struct kdbus_meta *meta, struct user_namespace *ns,
			  struct kdbus_buffer *buffer)
{
	const struct group_info *groups = meta->groups;
	struct kdbus_item *item;
	int i;

	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_AUXGROUPS, NULL,
				     groups->ngroups * sizeof(u64));
	for (i = 0; item && i < groups->ngroups; i++)
		item->data64[i] = show_gid(ns, groups->gid[i]);
}

static void export_string(u64 type, const char *str, struct kdbus_buffer *buffer)
{
	kdbus_buffer_add_item(buffer, type, str, strlen(str) + 1);
}

/* how capabilities of a task are those of one in another namespace (8.6) */
enum caps_view {
	CAPS_NONE,
	CAPS_ALL,
	CAPS_SAME,
};

static enum caps_view caps_view(const struct cred *cred, const struct user_namespace *ns)
{
	for (;; ns = ns->parent) {
		if (ns == cred->user_ns)
			return CAPS_SAME;
		if (!ns->parent)
			return CAPS_NONE;
		if (ns->parent == cred->user_ns && uid_eq(ns->owner, cred->euid))
			return CAPS_ALL;
	}
}

static void export_caps(const struct kdbus_meta *meta, const struct user_namespace *ns, bool is_p1,
			struct kdbus_buffer *buffer)
{
	const size_t n_words = CAP_LAST_CAP / 32 + 1;
	const struct cred *cred = meta->cred;
	const kernel_cap_t *sets[] = {
		&cred->cap_inheritable,
		&cred->cap_permitted,
		&cred->cap_effective,
		&cred->cap_bset,
	};
	enum caps_view view = caps_view(cred, ns);
	struct kdbus_item *item;
	size_t i;
	int cap;

	/* P1 tells nobody elsewhere */
	if (is_p1 && cred->user_ns != ns)
		return;
	item = kdbus_buffer_add_item(buffer, KDBUS_ITEM_CAPS, NULL,
				     sizeof(u32) + ARRAY_SIZE(sets) * n_words * sizeof(u32));
	if (!item)
		return;
	item->caps.last_cap = CAP_LAST_CAP;
	for (i = 0; i < ARRAY_SIZE(sets); i++) {
		for (cap = 0; cap <= CAP_LAST_CAP; cap++) {
			if ((view == CAPS_ALL && i > 0) ||
			    (view == CAPS_SAME && cap_raised(*sets[i], cap)))
				item->caps.caps[i * n_words + cap / 32] |= 1U << (cap % 32);
		}
	}
}

static void export_audit(const struct kdbus_meta *meta, struct user_namespace *ns,
			 struct kdbus_buffer *buffer)
{
	struct kdbus_audit audit = {
		.sessionid = meta->sessionid,
		.loginuid = from_kuid(ns, meta->loginuid),
	};

	kdbus_buffer_add_item(buffer, KDBUS_ITEM_AUDIT, &audit, sizeof(audit));
}

void kdbusfs_meta_export(struct kdbus_meta *meta, struct kdbus_conn *to, u64 granted, u64 visible,
			 struct kdbus_buffer *buffer)
{
	const struct kdbus_file *peer = to->host;
	struct user_namespace *ns = peer->opener->user_ns;
	u64 mask = granted;

	if (visible && pid_nr_ns(meta->tid, peer->pid_ns) != 0)
		mask |= visible;
	mask &= meta->mask;

	if (mask & KDBUS_ATTACH_CREDS)
		export_creds(meta, ns, buffer);
	if (mask & KDBUS_ATTACH_PIDS)
		export_pids(meta, peer->pid_ns, buffer);
	if (mask & KDBUS_ATTACH_AUXGROUPS)
		export_groups(meta, ns, buffer);
	if (mask & KDBUS_ATTACH_TID_COMM)
		export_string(KDBUS_ITEM_TID_COMM, meta->tid_comm, buffer);
	if (mask & KDBUS_ATTACH_PID_COMM)
		export_string(KDBUS_ITEM_PID_COMM, meta->pid_comm, buffer);
	if ((mask & KDBUS_ATTACH_EXE) && path_equal(&meta->root, &peer->root))
		export_string(KDBUS_ITEM_EXE, meta->exe, buffer);
	if (mask & KDBUS_ATTACH_CMDLINE)
		kdbus_buffer_add_item(buffer, KDBUS_ITEM_CMDLINE, meta->cmdline,
				      meta->cmdline_size);
	if (mask & KDBUS_ATTACH_CGROUP)
		export_string(KDBUS_ITEM_CGROUP, meta->cgroup, buffer);
	if (mask & KDBUS_ATTACH_CAPS)
		export_caps(meta, ns, to->bus->domain->is_p1, buffer);
	if (mask & KDBUS_ATTACH_SECLABEL)
		export_string(KDBUS_ITEM_SECLABEL, meta->seclabel, buffer);
	if (mask & KDBUS_ATTACH_AUDIT)
		export_audit(meta, ns, buffer);
}
