/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services: when their directories change
 *
 * Each directory has one place: the directory itself, or as long as it does not
 * exist the nearest one above that does, where the next component of the path is
 * waited for.  Whenever something happens to a place - the component comes, the
 * directory goes - all places are looked up again and the directories count as
 * changed.
 *
 * Two directories may have one place, and inotify has one watch for it; so all
 * watches have one mask, and what an event means is found by going through the
 * directories.  There are a handful of them.
 *
 * A file counts when somebody has finished to write it, when it was moved, removed or
 * made readable, and at once only if it is a link: half a file that is
 * read would be one more line in the log.
 *
 * What cannot be seen this way (a symbolic link further up that is turned around, a
 * file below a directory that is mounted over, another machine's doings on a network file
 * system) is for a reload.
 */
#include "proxy/activation/services-watch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/list.h"

enum {
	MAX_READS = 256,   /* before others get their turn */
	MAX_ATTEMPTS = 16, /* to find a place while directories come and go */
};

#define MASK                                                                                       \
	(IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/**
 * struct watched - a directory
 * @path: of it
 * @wd: of its place, or -1: it could not be watched
 * @n_place: so much of @path is its place; all of it: the directory itself
 */
struct watched {
	char *path;
	int wd;
	size_t n_place;
};

/**
 * struct services_watch - several directories
 * @source: the inotify descriptor
 * @timer: armed while a change waits to be told
 * @is_changed: a change waits to be told
 */
struct services_watch {
	struct loop *loop;
	struct loop_source source;
	struct loop_timer timer;
	bool is_changed;
	void (*changed)(void *userdata);
	void *userdata;
	struct watched *dirs;
	size_t n_dirs;
};

/* @n without the last component and the slashes around it; 0: nothing is left */
static size_t path_parent(const char *path, size_t n)
{
	while (n && path[n - 1] == '/')
		n--;
	while (n && path[n - 1] != '/')
		n--;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return n;
}

/* the component of @path behind its first @n bytes */
static const char *path_next(const char *path, size_t n, size_t *size_out)
{
	path += n;
	path += strspn(path, "/");
	*size_out = strcspn(path, "/");
	return path;
}

/* is the next directory on the way from its place to @dir there? */
static bool has_next(const struct watched *dir)
{
	char path[PATH_MAX];
	struct stat st;
	size_t size;
	const char *next = path_next(dir->path, dir->n_place, &size);

	memcpy(path, dir->path, next + size - dir->path);
	path[next + size - dir->path] = '\0';
	return size && !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* watches the nearest that there is; 0 or a negative errno */
static int watch_nearest(struct services_watch *watch, struct watched *dir)
{
	char place[PATH_MAX];
	size_t n = strlen(dir->path);

	dir->wd = -1;
	if (n >= sizeof(place))
		return -ENAMETOOLONG;
	for (; n; n = path_parent(dir->path, n)) {
		memcpy(place, dir->path, n);
		place[n] = '\0';
		dir->n_place = n;
		dir->wd = inotify_add_watch(watch->source.fd, place, MASK);
		if (dir->wd >= 0)
			return 0;
		if (errno != ENOENT && errno != ENOTDIR)
			return -errno;
	}
	return -ENOENT;
}

/* finds the place of a directory and watches it; 0 or a negative errno */
static int find_place(struct services_watch *watch, struct watched *dir)
{
	int r;

	/* what has come just before it was waited for is not announced */
	for (unsigned i = 0; i < MAX_ATTEMPTS; i++) {
		r = watch_nearest(watch, dir);
		if (r < 0 || !has_next(dir))
			return r;
	}
	return -ELOOP;
}

/* watches that no directory has any more go; there are no more of them than directories */
static void drop_wd(struct services_watch *watch, int wd)
{
	if (wd < 0)
		return;
	for (size_t i = 0; i < watch->n_dirs; i++) {
		if (watch->dirs[i].wd == wd)
			return;
	}
	inotify_rm_watch(watch->source.fd, wd);
}

/* 0 or the first negative errno */
static int find_places(struct services_watch *watch)
{
	int result = 0;

	for (size_t i = 0; i < watch->n_dirs; i++) {
		struct watched *dir = &watch->dirs[i];
		int old = dir->wd;
		int r = find_place(watch, dir);

		if (r < 0 && !result)
			result = r;
		if (old != dir->wd)
			drop_wd(watch, old);
	}
	return result;
}

static bool is_service_file(const struct inotify_event *event)
{
	static const char suffix[] = ".service";
	size_t length = event->len ? strlen(event->name) : 0;

	return length >= strlen(suffix) && !strcmp(event->name + length - strlen(suffix), suffix);
}

/* a file that is just being written will be closed; a link is there already */
static bool is_link(const struct watched *dir, const struct inotify_event *event)
{
	char path[PATH_MAX];
	struct stat st;

	if (strlen(dir->path) + 1 + strlen(event->name) >= sizeof(path))
		return false;
	stpcpy(stpcpy(stpcpy(path, dir->path), "/"), event->name);
	return !lstat(path, &st) && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

/**
 * struct news - what a batch of events says
 * @is_changed: of the service files
 * @is_moved: places have to be found again
 */
struct news {
	bool is_changed;
	bool is_moved;
};

static void look_at(const struct watched *dir, const struct inotify_event *event, struct news *news)
{
	const char *wanted;
	size_t size;

	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
		news->is_moved = true;
		return;
	}
	if (dir->n_place == strlen(dir->path)) {
		if (is_service_file(event) && (event->mask != IN_CREATE || is_link(dir, event)))
			news->is_changed = true;
		return;
	}
	wanted = path_next(dir->path, dir->n_place, &size);
	if (event->len && event->mask & (IN_CREATE | IN_MOVED_TO) && strlen(event->name) == size &&
	    !memcmp(event->name, wanted, size))
		news->is_moved = true;
}

static void read_events(struct services_watch *watch, struct news *news)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	for (unsigned i = 0; i < MAX_READS; i++) {
		ssize_t n = read(watch->source.fd, buffer, sizeof(buffer));

		if (n <= 0)
			return;
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event = (const void *)(buffer + at);

			at += sizeof(*event) + event->len;
			if (event->mask & IN_Q_OVERFLOW)
				news->is_moved = true;
			for (size_t k = 0; k < watch->n_dirs; k++) {
				if (watch->dirs[k].wd == event->wd)
					look_at(&watch->dirs[k], event, news);
			}
		}
	}
}

/* reads what there is; is_changed says whether there is something to tell */
static void look(struct services_watch *watch)
{
	struct news news = {0};

	read_events(watch, &news);
	/* what cannot be watched now may be watched after the next reload */
	if (news.is_moved)
		find_places(watch);
	if (news.is_moved || news.is_changed)
		watch->is_changed = true;
}

static void tell(struct services_watch *watch)
{
	loop_timer_disarm(&watch->timer);
	watch->is_changed = false;
	watch->changed(watch->userdata);
}

static void dispatch(struct loop_source *source, uint32_t events)
{
	struct services_watch *watch = container_of(source, struct services_watch, source);

	look(watch);
	if (watch->is_changed && !loop_timer_is_armed(&watch->timer))
		loop_timer_arm(watch->loop, &watch->timer, loop_now_ns() + SERVICES_WATCH_DELAY_NS);
}

static void expired(struct loop_timer *timer)
{
	tell(container_of(timer, struct services_watch, timer));
}

void services_watch_settle(struct services_watch *watch)
{
	look(watch);
	if (watch->is_changed)
		tell(watch);
}

static void dirs_free(struct watched *dirs, size_t n_dirs)
{
	for (size_t i = 0; i < n_dirs; i++)
		free(dirs[i].path);
	free(dirs);
}

/* the directories that are to be watched */
static int dirs_copy(const struct config_servicedir *dirs, size_t n_dirs,
		     struct watched **watched_out, size_t *n_watched_out)
{
	struct watched *watched = calloc(n_dirs + 1, sizeof(*watched));
	size_t n = 0;

	if (!watched)
		return -ENOMEM;
	for (size_t i = 0; i < n_dirs; i++) {
		if (dirs[i].flags & CONFIG_SERVICEDIR_UNWATCHED)
			continue;
		watched[n].wd = -1;
		watched[n].path = strdup(dirs[i].path);
		if (!watched[n].path) {
			dirs_free(watched, n);
			return -ENOMEM;
		}
		n++;
	}
	*watched_out = watched;
	*n_watched_out = n;
	return 0;
}

int services_watch_set(struct services_watch *watch, const struct config_servicedir *dirs,
		       size_t n_dirs)
{
	struct watched *old = watch->dirs;
	size_t n_old = watch->n_dirs;
	int r;

	r = dirs_copy(dirs, n_dirs, &watch->dirs, &watch->n_dirs);
	if (r < 0)
		return r;
	r = find_places(watch);
	for (size_t i = 0; i < n_old; i++)
		drop_wd(watch, old[i].wd);
	dirs_free(old, n_old);
	return r;
}

int services_watch_new(struct loop *loop, void (*changed)(void *userdata), void *userdata,
		       struct services_watch **watch_out)
{
	struct services_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->loop = loop;
	watch->changed = changed;
	watch->userdata = userdata;
	watch->source.dispatch = dispatch;
	loop_timer_init(&watch->timer, expired);
	watch->source.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->source.fd < 0) {
		r = -errno;
		free(watch);
		return r;
	}
	r = loop_add(loop, &watch->source, EPOLLIN);
	if (r < 0) {
		close(watch->source.fd);
		free(watch);
		return r;
	}
	*watch_out = watch;
	return 0;
}

struct services_watch *services_watch_free(struct services_watch *watch)
{
	if (!watch)
		return NULL;
	loop_timer_disarm(&watch->timer);
	loop_remove(watch->loop, &watch->source);
	close(watch->source.fd);
	dirs_free(watch->dirs, watch->n_dirs);
	free(watch);
	return NULL;
}
