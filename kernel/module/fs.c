// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * kdbusfs
 *
 *	<mount>/control
 *	<mount>/<bus>/bus
 *	<mount>/<bus>/<endpoint>
 *
 * Each mount is a domain.  The tree is not kept here: a lookup asks the core, and
 * an inode holds a reference to what the core found (a bus is a directory, an
 * endpoint a file).  No dentry outlives its last user, and one whose object has
 * died is not valid any more, so that a node is gone as soon as its owner closes.
 *
 * The limits of the domain are mount options, and may be changed by a remount:
 *
 *	strict		the ABI as published, without our additions
 *	p1		its older revision; implies strict
 *	pool_size=, vec_size=, buses=, conns=, names=, matches=, replies=, msgs=, fds=,
 *	msg_fds=	see struct kdbus_limits
 */
#include <linux/dcache.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/seq_file.h>
#include <linux/statfs.h>
#include <linux/stringhash.h>
#include <linux/user_namespace.h>

#include "kernel/core/endpoint.h"
#include "kernel/module/compat.h"
#include "kernel/module/module.h"

/* numbers of inodes: all of 32 bits, as there are programs that know no others */
#define INO_ROOT     1
#define INO_CONTROL  2
#define INO_ENDPOINT (1U << 30)
#define INO_BUS	     (1U << 31)

/* positions in a directory, behind "." and ".." */
#define POS_CONTROL 2
#define POS_FIRST   3

static DEFINE_MUTEX(mounts_lock);
static LIST_HEAD(mounts);
static u64 mounts_attach_mask;

void kdbusfs_set_attach_mask(u64 mask)
{
	struct kdbus_fs *fs;

	mutex_lock(&mounts_lock);
	mounts_attach_mask = mask;
	list_for_each_entry(fs, &mounts, link)
		WRITE_ONCE(fs->domain->attach_mask, mask);
	mutex_unlock(&mounts_lock);
}

/* nodes */

static umode_t access_bits(u64 flags)
{
	if (flags & KDBUS_MAKE_ACCESS_WORLD)
		return 0666;
	if (flags & KDBUS_MAKE_ACCESS_GROUP)
		return 0660;
	return 0600;
}

static struct inode *node_new(struct super_block *sb, u32 number, umode_t mode, kuid_t uid,
			      kgid_t gid)
{
	struct inode *inode;

	inode = new_inode(sb);
	if (!inode)
		return NULL;
	inode->i_ino = number;
	inode->i_mode = mode;
	inode->i_uid = uid;
	inode->i_gid = gid;
	compat_inode_init_times(inode);
	return inode;
}

static u32 bus_ino(const struct kdbus_bus *bus)
{
	return INO_BUS | (bus->id & (INO_BUS - 1));
}

static u32 endpoint_ino(const struct kdbus_endpoint *ep)
{
	u32 hash = full_name_hash((void *)(unsigned long)ep->bus->id, ep->name, strlen(ep->name));

	return INO_ENDPOINT | (hash & (INO_ENDPOINT - 1));
}

/* takes over the reference to @ep, which is NULL for the control node */
static struct inode *file_node_new(struct super_block *sb, struct kdbus_endpoint *ep)
{
	struct inode *inode;

	if (ep)
		inode = node_new(sb, endpoint_ino(ep), S_IFREG | access_bits(ep->flags),
				 ep->owner_uid, ep->owner_gid);
	else
		inode = node_new(sb, INO_CONTROL, S_IFREG | 0666, make_kuid(sb->s_user_ns, 0),
				 make_kgid(sb->s_user_ns, 0));
	if (!inode) {
		kdbus_endpoint_unref(ep);
		return NULL;
	}
	inode->i_fop = &kdbusfs_file_ops;
	inode->i_private = ep;
	return inode;
}

static const struct inode_operations bus_dir_inode_ops;
static const struct file_operations bus_dir_ops;

/* takes over the reference to @bus */
static struct inode *bus_node_new(struct super_block *sb, struct kdbus_bus *bus)
{
	umode_t bits = access_bits(bus->flags);
	struct inode *inode;

	/* who may read and write an endpoint may read and enter the directory */
	inode = node_new(sb, bus_ino(bus), S_IFDIR | (bits & 0444) | (bits & 0444) >> 2,
			 bus->owner_uid, bus->owner_gid);
	if (!inode) {
		kdbus_bus_unref(bus);
		return NULL;
	}
	inode->i_op = &bus_dir_inode_ops;
	inode->i_fop = &bus_dir_ops;
	inode->i_private = bus;
	set_nlink(inode, 2);
	return inode;
}

static void node_evict(struct inode *inode)
{
	truncate_inode_pages_final(&inode->i_data);
	clear_inode(inode);
	if (!inode->i_private)
		return;
	if (S_ISDIR(inode->i_mode))
		kdbus_bus_unref(inode->i_private);
	else
		kdbus_endpoint_unref(inode->i_private);
}

/* dentries */

static bool node_is_dead(const struct inode *inode)
{
	const struct kdbus_endpoint *ep = inode->i_private;
	const struct kdbus_bus *bus = inode->i_private;

	if (!inode->i_private)
		return false;
	return S_ISDIR(inode->i_mode) ? READ_ONCE(bus->is_dead) : READ_ONCE(ep->is_dead);
}

static int node_revalidate_dentry(struct dentry *dentry, unsigned int flags)
{
	/* without a reference the object behind it may go away any time */
	if (flags & LOOKUP_RCU)
		return -ECHILD;
	return d_really_is_positive(dentry) && !node_is_dead(d_inode(dentry));
}
COMPAT_D_REVALIDATE(node_revalidate)

static int node_delete(const struct dentry *dentry)
{
	return 1;
}

static const struct dentry_operations node_dentry_ops = {
	.d_revalidate = node_revalidate,
	.d_delete = node_delete,
};

static char *dentry_name(const struct dentry *dentry)
{
	return kmemdup_nul(dentry->d_name.name, dentry->d_name.len, GFP_KERNEL);
}

static struct dentry *lookup_done(struct dentry *dentry, struct inode *inode)
{
	if (!inode)
		return ERR_PTR(-ENOMEM);
	d_add(dentry, inode);
	return NULL;
}

static struct dentry *root_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct kdbus_fs *fs = dir->i_sb->s_fs_info;
	struct kdbus_bus *bus;
	char *name;

	if (dentry->d_name.len > KDBUS_SYSNAME_MAX_LEN)
		return ERR_PTR(-ENOENT);
	name = dentry_name(dentry);
	if (!name)
		return ERR_PTR(-ENOMEM);
	if (strcmp(name, "control") == 0) {
		kfree(name);
		return lookup_done(dentry, file_node_new(dir->i_sb, NULL));
	}
	bus = kdbus_bus_find(fs->domain, name);
	kfree(name);
	if (!bus)
		return ERR_PTR(-ENOENT);
	return lookup_done(dentry, bus_node_new(dir->i_sb, bus));
}

static struct dentry *bus_lookup(struct inode *dir, struct dentry *dentry, unsigned int flags)
{
	struct kdbus_endpoint *ep;
	char *name;

	if (dentry->d_name.len > KDBUS_SYSNAME_MAX_LEN)
		return ERR_PTR(-ENOENT);
	name = dentry_name(dentry);
	if (!name)
		return ERR_PTR(-ENOMEM);
	ep = kdbus_endpoint_find(dir->i_private, name);
	kfree(name);
	if (!ep)
		return ERR_PTR(-ENOENT);
	return lookup_done(dentry, file_node_new(dir->i_sb, ep));
}

static const struct inode_operations root_inode_ops = {
	.lookup = root_lookup,
};

static const struct inode_operations bus_dir_inode_ops = {
	.lookup = bus_lookup,
};

/* directories: names are given to the reader one by one, with no lock held */

/* the first bus with a number of at least @id; a reference, or NULL */
static struct kdbus_bus *bus_from(struct kdbus_domain *domain, u64 id)
{
	struct kdbus_bus *bus, *found = NULL;

	mutex_lock(&domain->lock);
	/* numbers grow along the list */
	list_for_each_entry(bus, &domain->buses, domain_link) {
		if (bus->id >= id) {
			found = kdbus_bus_ref(bus);
			break;
		}
	}
	mutex_unlock(&domain->lock);
	return found;
}

static int root_iterate(struct file *file, struct dir_context *ctx)
{
	struct kdbus_fs *fs = file_inode(file)->i_sb->s_fs_info;
	struct kdbus_bus *bus;
	bool is_taken;

	if (!dir_emit_dots(file, ctx))
		return 0;
	if (ctx->pos == POS_CONTROL) {
		if (!dir_emit(ctx, "control", strlen("control"), INO_CONTROL, DT_REG))
			return 0;
		ctx->pos++;
	}
	while ((bus = bus_from(fs->domain, ctx->pos - POS_FIRST))) {
		ctx->pos = POS_FIRST + bus->id;
		is_taken = dir_emit(ctx, bus->name, strlen(bus->name), bus_ino(bus), DT_DIR);
		kdbus_bus_unref(bus);
		if (!is_taken)
			break;
		ctx->pos++;
	}
	return 0;
}

/* the @nth endpoint; a reference, or NULL */
static struct kdbus_endpoint *endpoint_at(struct kdbus_bus *bus, u64 nth)
{
	struct kdbus_endpoint *ep, *found = NULL;

	down_read(&bus->registry);
	list_for_each_entry(ep, &bus->endpoints, bus_link) {
		if (nth-- == 0) {
			found = kdbus_endpoint_ref(ep);
			break;
		}
	}
	up_read(&bus->registry);
	return found;
}

static int bus_iterate(struct file *file, struct dir_context *ctx)
{
	struct kdbus_bus *bus = file_inode(file)->i_private;
	struct kdbus_endpoint *ep;
	bool is_taken;

	if (!dir_emit_dots(file, ctx))
		return 0;
	while ((ep = endpoint_at(bus, ctx->pos - POS_CONTROL))) {
		is_taken = dir_emit(ctx, ep->name, strlen(ep->name), endpoint_ino(ep), DT_REG);
		kdbus_endpoint_unref(ep);
		if (!is_taken)
			break;
		ctx->pos++;
	}
	return 0;
}

static const struct file_operations root_dir_ops = {
	.owner = THIS_MODULE,
	.iterate_shared = root_iterate,
	.read = generic_read_dir,
	.llseek = generic_file_llseek,
};

static const struct file_operations bus_dir_ops = {
	.owner = THIS_MODULE,
	.iterate_shared = bus_iterate,
	.read = generic_read_dir,
	.llseek = generic_file_llseek,
};

/* mounts */

/**
 * struct mount_options - what a mount was asked for
 * @strict: see domain.h
 * @is_p1: likewise
 * @limits: likewise
 */
struct mount_options {
	bool strict;
	bool is_p1;
	struct kdbus_limits limits;
};

enum {
	OPT_STRICT,
	OPT_P1,
	OPT_POOL_SIZE,
	OPT_VEC_SIZE,
	OPT_BUSES,
	OPT_CONNS,
	OPT_NAMES,
	OPT_MATCHES,
	OPT_REPLIES,
	OPT_MSGS,
	OPT_FDS,
	OPT_MSG_FDS,
};

static const struct fs_parameter_spec mount_parameters[] = {
	fsparam_flag("strict", OPT_STRICT),
	fsparam_flag("p1", OPT_P1),
	fsparam_u64("pool_size", OPT_POOL_SIZE),
	fsparam_u64("vec_size", OPT_VEC_SIZE),
	fsparam_u32("buses", OPT_BUSES),
	fsparam_u32("conns", OPT_CONNS),
	fsparam_u32("names", OPT_NAMES),
	fsparam_u32("matches", OPT_MATCHES),
	fsparam_u32("replies", OPT_REPLIES),
	fsparam_u32("msgs", OPT_MSGS),
	fsparam_u32("fds", OPT_FDS),
	fsparam_u32("msg_fds", OPT_MSG_FDS),
	{},
};

static int context_parse(struct fs_context *fc, struct fs_parameter *param)
{
	struct mount_options *options = fc->fs_private;
	struct kdbus_limits *limits = &options->limits;
	struct fs_parse_result result;
	int option;

	option = fs_parse(fc, mount_parameters, param, &result);
	if (option < 0)
		return option;
	switch (option) {
	case OPT_STRICT:
		options->strict = true;
		break;
	case OPT_P1:
		options->is_p1 = true;
		break;
	case OPT_POOL_SIZE:
		limits->pool_size = result.uint_64;
		break;
	case OPT_VEC_SIZE:
		limits->vec_size = result.uint_64;
		break;
	case OPT_BUSES:
		limits->n_buses_user = result.uint_32;
		break;
	case OPT_CONNS:
		limits->n_conns_user = result.uint_32;
		break;
	case OPT_NAMES:
		limits->n_names_conn = result.uint_32;
		break;
	case OPT_MATCHES:
		limits->n_matches_conn = result.uint_32;
		break;
	case OPT_REPLIES:
		limits->n_replies_conn = result.uint_32;
		break;
	case OPT_MSGS:
		limits->n_msgs_user = result.uint_32;
		break;
	case OPT_FDS:
		limits->n_fds_user = result.uint_32;
		break;
	case OPT_MSG_FDS:
		limits->n_fds_msg = result.uint_32;
		break;
	}
	return 0;
}

static int fs_show_options(struct seq_file *seq, struct dentry *root)
{
	static const struct kdbus_limits published = KDBUS_LIMITS_DEFAULT;
	const struct kdbus_fs *fs = root->d_sb->s_fs_info;
	const struct kdbus_limits *limits = &fs->domain->limits;

	if (fs->domain->is_p1)
		seq_puts(seq, ",p1");
	else if (fs->domain->strict)
		seq_puts(seq, ",strict");
	if (limits->pool_size != published.pool_size)
		seq_printf(seq, ",pool_size=%llu", limits->pool_size);
	if (limits->vec_size != published.vec_size)
		seq_printf(seq, ",vec_size=%llu", limits->vec_size);
	if (limits->n_buses_user != published.n_buses_user)
		seq_printf(seq, ",buses=%u", limits->n_buses_user);
	if (limits->n_conns_user != published.n_conns_user)
		seq_printf(seq, ",conns=%u", limits->n_conns_user);
	if (limits->n_names_conn != published.n_names_conn)
		seq_printf(seq, ",names=%u", limits->n_names_conn);
	if (limits->n_matches_conn != published.n_matches_conn)
		seq_printf(seq, ",matches=%u", limits->n_matches_conn);
	if (limits->n_replies_conn != published.n_replies_conn)
		seq_printf(seq, ",replies=%u", limits->n_replies_conn);
	if (limits->n_msgs_user != published.n_msgs_user)
		seq_printf(seq, ",msgs=%u", limits->n_msgs_user);
	if (limits->n_fds_user != published.n_fds_user)
		seq_printf(seq, ",fds=%u", limits->n_fds_user);
	if (limits->n_fds_msg != published.n_fds_msg)
		seq_printf(seq, ",msg_fds=%u", limits->n_fds_msg);
	return 0;
}

static const struct super_operations super_ops = {
	.statfs = simple_statfs,
	.drop_inode = generic_delete_inode,
	.evict_inode = node_evict,
	.show_options = fs_show_options,
};

static struct inode *root_new(struct super_block *sb)
{
	struct inode *inode;

	inode = node_new(sb, INO_ROOT, S_IFDIR | 0555, make_kuid(sb->s_user_ns, 0),
			 make_kgid(sb->s_user_ns, 0));
	if (!inode)
		return NULL;
	inode->i_op = &root_inode_ops;
	inode->i_fop = &root_dir_ops;
	set_nlink(inode, 2);
	return inode;
}

static int fs_new(struct super_block *sb, const struct mount_options *options)
{
	struct kdbus_fs *fs;
	int r;

	fs = kzalloc(sizeof(*fs), GFP_KERNEL_ACCOUNT);
	if (!fs)
		return -ENOMEM;
	r = kdbus_domain_new(&kdbusfs_host_ops, fs, &options->limits, options->strict,
			     options->is_p1, &fs->domain);
	if (r < 0) {
		kfree(fs);
		return r;
	}
	fs->user_ns = sb->s_user_ns;
	INIT_DELAYED_WORK(&fs->expire, kdbusfs_expire);
	spin_lock_init(&fs->due_lock);
	fs->due_ns = U64_MAX;
	mutex_lock(&mounts_lock);
	fs->domain->attach_mask = mounts_attach_mask;
	list_add_tail(&fs->link, &mounts);
	mutex_unlock(&mounts_lock);
	sb->s_fs_info = fs;
	return 0;
}

static int fs_fill(struct super_block *sb, struct fs_context *fc)
{
	int r;

	sb->s_magic = KDBUSFS_MAGIC;
	sb->s_op = &super_ops;
	sb->s_blocksize = PAGE_SIZE;
	sb->s_blocksize_bits = PAGE_SHIFT;
	sb->s_maxbytes = MAX_LFS_FILESIZE;
	sb->s_time_gran = 1;
	sb->s_iflags |= SB_I_NOEXEC | SB_I_NODEV;
	compat_set_dentry_ops(sb, &node_dentry_ops);
	/* the superblock is taken apart by fs_kill(), whatever comes of this */
	r = fs_new(sb, fc->fs_private);
	if (r < 0)
		return r;
	sb->s_root = d_make_root(root_new(sb));
	return sb->s_root ? 0 : -ENOMEM;
}

static int context_get_tree(struct fs_context *fc)
{
	return get_tree_nodev(fc, fs_fill);
}

/* limits may change; what kind of domain it is may not */
static int context_reconfigure(struct fs_context *fc)
{
	struct kdbus_fs *fs = fc->root->d_sb->s_fs_info;
	const struct mount_options *options = fc->fs_private;
	struct kdbus_domain *domain = fs->domain;

	if (options->is_p1 != domain->is_p1 ||
	    (options->strict || options->is_p1) != domain->strict)
		return -EINVAL;
	kdbus_domain_set_limits(domain, &options->limits);
	return 0;
}

static void context_free(struct fs_context *fc)
{
	kfree(fc->fs_private);
}

static const struct fs_context_operations context_ops = {
	.parse_param = context_parse,
	.get_tree = context_get_tree,
	.reconfigure = context_reconfigure,
	.free = context_free,
};

static int context_init(struct fs_context *fc)
{
	static const struct kdbus_limits published = KDBUS_LIMITS_DEFAULT;
	struct mount_options *options;
	struct kdbus_fs *fs;

	options = kzalloc(sizeof(*options), GFP_KERNEL);
	if (!options)
		return -ENOMEM;
	options->limits = published;
	if (fc->purpose == FS_CONTEXT_FOR_RECONFIGURE) {
		/* what is not mentioned stays */
		fs = fc->root->d_sb->s_fs_info;
		options->strict = fs->domain->strict;
		options->is_p1 = fs->domain->is_p1;
		options->limits = fs->domain->limits;
	}
	fc->fs_private = options;
	fc->ops = &context_ops;
	return 0;
}

/* every file is closed: there is no handle, hence no bus, and nothing that has a deadline */
static void fs_kill(struct super_block *sb)
{
	struct kdbus_fs *fs = sb->s_fs_info;

	kill_anon_super(sb);
	if (!fs)
		return;
	mutex_lock(&mounts_lock);
	list_del(&fs->link);
	mutex_unlock(&mounts_lock);
	kdbus_domain_kill(fs->domain);
	cancel_delayed_work_sync(&fs->expire);
	kdbus_domain_unref(fs->domain);
	kfree(fs);
}

struct file_system_type kdbusfs_type = {
	.owner = THIS_MODULE,
	.name = "kdbusfs",
	.init_fs_context = context_init,
	.parameters = mount_parameters,
	.kill_sb = fs_kill,
	.fs_flags = FS_USERNS_MOUNT,
};
