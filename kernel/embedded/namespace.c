/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a process is
 *
 * What procfs says of it, seen from here: uid_map and gid_map have our numbers on their right
 * side, NSpid has those of the process in each pid namespace from ours on, and the links in ns/
 * say which namespaces those are.  The links are shown to those alone who might trace the
 * process.  Without them its user namespace is ours if its maps read as ours do, and
 * its pid namespace if it has one number; any other pid namespace stays without a name, and
 * nobody is seen from there.
 *
 * A number may be given to another process at any time.  So what is known of one goes with
 * the time at which it was started, and who is asked later has to be as old as he was.
 *
 * A map is written once, perhaps after its process has come to us: an empty one is
 * read again.
 */
#include "kernel/embedded/namespace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* lines of a map, each of three numbers of ten digits at most */
#define MAP_RANGES 340
#define MAP_BYTES  (MAP_RANGES * 36)

const char *embedded_proc_path(pid_t pid, const char *file, char path[EMBEDDED_PROC_PATH])
{
	if (pid > 0)
		snprintf(path, EMBEDDED_PROC_PATH, "/proc/%d/%s", (int)pid, file);
	else
		snprintf(path, EMBEDDED_PROC_PATH, "/proc/self/%s", file);
	return path;
}

size_t embedded_proc_read(pid_t pid, const char *file, char *dst, size_t size)
{
	char path[EMBEDDED_PROC_PATH];
	size_t done = 0;
	ssize_t n;
	int fd;

	fd = open(embedded_proc_path(pid, file, path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	while (done < size && (n = read(fd, dst + done, size - done)) > 0)
		done += n;
	close(fd);
	return done;
}

/* time */

u64 embedded_ticks(void)
{
	u64 per_second = sysconf(_SC_CLK_TCK);
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * per_second + now.tv_nsec * per_second / 1000000000;
}

int embedded_process_stat(pid_t pid, struct embedded_stat *stat_out)
{
	unsigned long long started;
	char stat[1024], *end;
	unsigned int ppid;
	size_t n;

	n = embedded_proc_read(pid, "stat", stat, sizeof(stat) - 1);
	stat[n] = '\0';
	/* the name in the second field may be anything; the time is the 22nd */
	end = strrchr(stat, ')');
	if (!end ||
	    sscanf(end + 1, " %*c %u %*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s %llu",
		   &ppid, &started) != 2)
		return -ESRCH;
	*stat_out = (struct embedded_stat){.ppid = ppid, .started = started};
	return 0;
}

u64 embedded_process_started(pid_t pid)
{
	struct embedded_stat stat;

	return embedded_process_stat(pid, &stat) < 0 ? 0 : stat.started;
}

/* namespaces one above the other */

/* of @n at most, from that of the process to @last, if they are in a line; 0: it does not show
 * them.  @owners may be NULL */
static u32 chain_read(pid_t pid, const char *file, u64 last, u64 *inodes, u32 *owners)
{
	char path[EMBEDDED_PROC_PATH];
	struct stat st;
	int fd, parent;
	uid_t owner;
	u32 n = 0;

	fd = open(embedded_proc_path(pid, file, path), O_RDONLY | O_CLOEXEC);
	while (fd >= 0) {
		if (n == EMBEDDED_LEVELS || fstat(fd, &st) < 0) {
			n = 0;
			break;
		}
		inodes[n] = st.st_ino;
		if (owners)
			owners[n] = ioctl(fd, NS_GET_OWNER_UID, &owner) < 0 ? U32_MAX : owner;
		n++;
		if (st.st_ino == last)
			break;
		/* we are told of those below ours alone */
		parent = ioctl(fd, NS_GET_PARENT);
		close(fd);
		fd = parent;
	}
	if (fd >= 0)
		close(fd);
	return n;
}

static u64 space_inode(pid_t pid, const char *file)
{
	char path[EMBEDDED_PROC_PATH];
	struct stat st;

	return stat(embedded_proc_path(pid, file, path), &st) < 0 ? 0 : st.st_ino;
}

/* NSpid in status, in front of which there may be many groups */
static u32 numbers_read(pid_t pid, u32 *numbers)
{
	char path[EMBEDDED_PROC_PATH], line[512], *pos, *end;
	bool is_start = true;
	u32 n = 0;
	FILE *file;

	file = fopen(embedded_proc_path(pid, "status", path), "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (is_start && strncmp(line, "NSpid:", 6) == 0) {
			for (pos = line + 6; n < EMBEDDED_LEVELS; pos = end) {
				numbers[n] = strtoul(pos, &end, 10);
				if (end == pos)
					break;
				n++;
			}
			break;
		}
		is_start = strchr(line, '\n');
	}
	fclose(file);
	return n;
}

/* @last: our pid namespace */
static void levels_read(pid_t pid, u64 last, struct embedded_pid_levels *levels)
{
	u64 spaces[EMBEDDED_LEVELS];
	u32 n;

	memset(levels, 0, sizeof(*levels));
	levels->n = numbers_read(pid, levels->numbers);
	n = chain_read(pid, "ns/pid", last, spaces, NULL);
	for (u32 i = 0; i < n && n == levels->n; i++)
		levels->spaces[i] = spaces[n - 1 - i];
	levels->spaces[0] = last;
}

/* maps of ids */

/* what is there already stays */
static int map_parse(const char *text, struct embedded_id_map *map)
{
	struct embedded_id_range *range;
	unsigned int inside, outside, count;
	u32 n_lines = 0;

	for (const char *pos = text; *pos; pos++)
		n_lines += *pos == '\n';
	if (n_lines == 0 || map->n > 0)
		return 0;
	map->ranges = kmalloc_array(n_lines, sizeof(*range), GFP_KERNEL_ACCOUNT);
	if (!map->ranges)
		return -ENOMEM;
	for (const char *line = text; map->n < n_lines; line = strchr(line, '\n') + 1) {
		if (sscanf(line, "%u %u %u", &inside, &outside, &count) != 3)
			break;
		range = &map->ranges[map->n++];
		*range = (struct embedded_id_range){inside, outside, count};
		/* who is nobody here is nobody there */
		if (outside == U32_MAX)
			range->count = 0;
	}
	return 0;
}

static int maps_read(struct embedded_namespaces *ns)
{
	char *text = kmalloc(MAP_BYTES + 1, GFP_KERNEL_ACCOUNT);
	int r;

	if (!text)
		return -ENOMEM;
	text[embedded_proc_read(ns->pid, "uid_map", text, MAP_BYTES)] = '\0';
	r = map_parse(text, &ns->uids);
	if (r >= 0) {
		text[embedded_proc_read(ns->pid, "gid_map", text, MAP_BYTES)] = '\0';
		r = map_parse(text, &ns->gids);
	}
	kfree(text);
	return r;
}

/* its owner may have written it by now, if the process is still there and where it was */
static struct embedded_id_map *map_get(struct embedded_namespaces *ns, struct embedded_id_map *map)
{
	if (map->n == 0 && ns->pid > 0 && ns->started &&
	    space_inode(ns->pid, "ns/user") == ns->users[0] &&
	    embedded_process_started(ns->pid) == ns->started)
		maps_read(ns);
	return map;
}

static u32 id_show(struct embedded_namespaces *ns, struct embedded_id_map *map, u32 id)
{
	const struct embedded_id_range *range;

	if (ns->is_ours || id == U32_MAX)
		return id;
	map = map_get(ns, map);
	for (range = map->ranges; range && range < map->ranges + map->n; range++)
		if (id >= range->outside && id - range->outside < range->count)
			return range->inside + (id - range->outside);
	return EMBEDDED_OVERFLOW_ID;
}

static u32 id_make(struct embedded_namespaces *ns, struct embedded_id_map *map, u64 id)
{
	const struct embedded_id_range *range;

	if (id >= U32_MAX)
		return U32_MAX;
	if (ns->is_ours)
		return id;
	map = map_get(ns, map);
	for (range = map->ranges; range && range < map->ranges + map->n; range++)
		if (id >= range->inside && id - range->inside < range->count)
			return range->outside + (id - range->inside);
	return U32_MAX;
}

u32 embedded_uid_show(struct embedded_namespaces *ns, u32 uid)
{
	return id_show(ns, &ns->uids, uid);
}

u32 embedded_gid_show(struct embedded_namespaces *ns, u32 gid)
{
	return id_show(ns, &ns->gids, gid);
}

u32 embedded_uid_make(struct embedded_namespaces *ns, u64 uid)
{
	return id_make(ns, &ns->uids, uid);
}

u32 embedded_gid_make(struct embedded_namespaces *ns, u64 gid)
{
	return id_make(ns, &ns->gids, gid);
}

/* numbers of processes */

/* what somebody of @levels is in the pid namespace of @ns */
static u32 levels_number(const struct embedded_namespaces *ns,
			 const struct embedded_pid_levels *levels)
{
	u32 last = ns->pids.n - 1;

	if (ns->pids.n == 0 || levels->n <= last || ns->pids.spaces[last] == 0 ||
	    levels->spaces[last] != ns->pids.spaces[last])
		return 0;
	return levels->numbers[last];
}

u32 embedded_pid_show(const struct embedded_namespaces *ns, const struct embedded_namespaces *of)
{
	return levels_number(ns, &of->pids);
}

u32 embedded_pid_number(const struct embedded_namespaces *ns, u32 pid, u64 when)
{
	struct embedded_pid_levels levels;
	u64 started;

	if (ns->pids.n == 1 || pid == 0)
		return pid;
	if (ns->pids.n == 0)
		return 0;
	levels_read(pid, ns->pids.spaces[0], &levels);
	started = embedded_process_started(pid);
	return started && started <= when ? levels_number(ns, &levels) : 0;
}

u32 embedded_pid_find(const struct embedded_namespaces *ns, u32 number)
{
	struct embedded_pid_levels levels;
	struct dirent *entry;
	u32 pid, found = 0;
	DIR *dir;

	if (ns->pids.n == 1 || number == 0)
		return number;
	dir = ns->pids.n == 0 ? NULL : opendir("/proc");
	if (!dir)
		return 0;
	while (!found && (entry = readdir(dir))) {
		pid = strtoul(entry->d_name, NULL, 10);
		if (pid == 0)
			continue;
		levels_read(pid, ns->pids.spaces[0], &levels);
		if (levels_number(ns, &levels) == number)
			found = pid;
	}
	closedir(dir);
	return found;
}

/* capabilities */

enum embedded_caps embedded_caps_show(const struct embedded_namespaces *ns,
				      const struct embedded_namespaces *of, u32 euid)
{
	u64 own = of->n_users > 0 ? of->users[0] : 0;

	for (u32 i = 0; own && i < ns->n_users; i++) {
		if (ns->users[i] == own)
			return EMBEDDED_CAPS_SAME;
		if (i + 1 < ns->n_users && ns->users[i + 1] == own && ns->owners[i] == euid)
			return EMBEDDED_CAPS_ALL;
	}
	return EMBEDDED_CAPS_NONE;
}

/* root directories */

static void root_read(pid_t pid, struct embedded_root *root_out)
{
	char path[EMBEDDED_PROC_PATH];
	struct statx stx;

	*root_out = (struct embedded_root){};
	if (statx(AT_FDCWD, embedded_proc_path(pid, "root", path), 0, STATX_INO | STATX_MNT_ID,
		  &stx) < 0)
		return;
	root_out->mount = stx.stx_mnt_id;
	root_out->device = (u64)stx.stx_dev_major << 32 | stx.stx_dev_minor;
	root_out->inode = stx.stx_ino;
}

bool embedded_root_is_same(const struct embedded_root *a, const struct embedded_root *b)
{
	return a->inode && a->mount == b->mount && a->device == b->device && a->inode == b->inode;
}

/* all of it */

static void namespaces_free(struct kref *kref)
{
	struct embedded_namespaces *ns = container_of(kref, struct embedded_namespaces, kref);

	kfree(ns->uids.ranges);
	kfree(ns->gids.ranges);
	kfree(ns);
}

struct embedded_namespaces *embedded_namespaces_get(struct embedded_namespaces *ns)
{
	kref_get(&ns->kref);
	return ns;
}

void embedded_namespaces_put(struct embedded_namespaces *ns)
{
	if (ns)
		kref_put(&ns->kref, namespaces_free);
}

int embedded_namespaces_self(struct embedded_namespaces **ns_out)
{
	struct embedded_namespaces *ns = kzalloc(sizeof(*ns), GFP_KERNEL_ACCOUNT);

	if (!ns)
		return -ENOMEM;
	kref_init(&ns->kref);
	ns->pid = getpid();
	ns->started = embedded_process_started(0);
	ns->is_ours = true;
	ns->n_users = 1;
	ns->users[0] = space_inode(0, "ns/user");
	ns->pids.n = 1;
	ns->pids.spaces[0] = space_inode(0, "ns/pid");
	ns->pids.numbers[0] = ns->pid;
	root_read(0, &ns->root);
	*ns_out = ns;
	return 0;
}

/* do the ids of @pid read as ours do */
static int maps_are_ours(pid_t pid, bool *are_ours_out)
{
	char *ours = kmalloc(2 * MAP_BYTES, GFP_KERNEL_ACCOUNT), *theirs = ours + MAP_BYTES;
	size_t n_ours, n_theirs;

	if (!ours)
		return -ENOMEM;
	n_ours = embedded_proc_read(0, "uid_map", ours, MAP_BYTES);
	n_theirs = embedded_proc_read(pid, "uid_map", theirs, MAP_BYTES);
	*are_ours_out = n_ours == n_theirs && memcmp(ours, theirs, n_ours) == 0;
	kfree(ours);
	return 0;
}

static int users_read(struct embedded_namespaces *self, struct embedded_namespaces *ns)
{
	int r;

	ns->n_users = chain_read(ns->pid, "ns/user", self->users[0], ns->users, ns->owners);
	if (ns->n_users > 0) {
		ns->is_ours = ns->users[0] == self->users[0];
	} else {
		r = maps_are_ours(ns->pid, &ns->is_ours);
		if (r < 0)
			return r;
		ns->n_users = ns->is_ours;
		ns->users[0] = ns->is_ours ? self->users[0] : 0;
	}
	return ns->is_ours ? 0 : maps_read(ns);
}

static bool is_as(const struct embedded_namespaces *self, const struct embedded_namespaces *ns)
{
	return ns->is_ours && ns->pids.n == 1 &&
	       (embedded_root_is_same(&self->root, &ns->root) || !ns->root.inode);
}

/* what can be seen at a glance */
static bool is_near(const struct embedded_namespaces *self, pid_t pid)
{
	struct embedded_root root;

	root_read(pid, &root);
	return embedded_root_is_same(&self->root, &root) &&
	       space_inode(pid, "ns/user") == self->users[0] &&
	       space_inode(pid, "ns/pid") == self->pids.spaces[0];
}

int embedded_namespaces_new(struct embedded_namespaces *self, pid_t pid,
			    struct embedded_namespaces **ns_out)
{
	struct embedded_namespaces *ns;
	int r;

	if (pid > 0 && is_near(self, pid)) {
		*ns_out = embedded_namespaces_get(self);
		return 0;
	}
	ns = kzalloc(sizeof(*ns), GFP_KERNEL_ACCOUNT);
	if (!ns)
		return -ENOMEM;
	kref_init(&ns->kref);
	ns->pid = pid;
	if (pid > 0) {
		ns->started = embedded_process_started(pid);
		levels_read(pid, self->pids.spaces[0], &ns->pids);
		root_read(pid, &ns->root);
		r = users_read(self, ns);
		if (r < 0)
			goto exit_ns;
	}
	r = 0;
	*ns_out = ns;
	if (pid == 0 ||
	    (!is_as(self, ns) && ns->started && embedded_process_started(pid) == ns->started))
		return 0;
	*ns_out = embedded_namespaces_get(self);
exit_ns:
	embedded_namespaces_put(ns);
	return r;
}

int embedded_namespaces_again(struct embedded_namespaces *self, struct embedded_namespaces *ns,
			      pid_t pid, bool user, bool root, struct embedded_namespaces **now_out)
{
	u64 inode = user ? space_inode(pid, "ns/user") : 0;
	struct embedded_root now = {};

	if (root)
		root_read(pid, &now);
	if (pid == 0 || ((!inode || inode == ns->users[0]) &&
			 (!now.inode || embedded_root_is_same(&now, &ns->root)))) {
		*now_out = embedded_namespaces_get(ns);
		return 0;
	}
	return embedded_namespaces_new(self, pid, now_out);
}
