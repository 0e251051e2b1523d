/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Per client: see per-client.h
 *
 *	as started	opens the bus: the credentials of this moment are those that the bus
 *			knows us by, and accounts the client by
 *	then		becomes the user that owns the bus, never the client's, who could
 *			signal or trace us; no capabilities, no_new_privs, not dumpable
 *	from then on	reads bytes of the client
 *
 * The rest is the daemon with one client and nobody to accept.  Its configuration is
 * what the owner of the bus has published (config-image.h), and what can be started
 * is what the engine has activators for.  What the owner alone does it is asked for at its
 * desk (errand.h).
 */
#include "proxy/per-client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "policy-parser/config-image.h"
#include "proxy/daemon.h"
#include "proxy/process.h"

enum { UNWATCH_MS = 1000 }; /* who comes and goes does not keep all proxies busy */

#define NS_PER_MS UINT64_C(1000000)

/**
 * struct published - what the owner leaves for us; an image of its configuration follows
 * @magic: PUBLISHED_MAGIC
 * @watch: DESK_WATCH_*
 * @desk: id of its desk
 * @rules_serial: changes whenever the configuration does
 * @flags: PUBLISHED_*
 */
struct published {
	uint32_t magic;
	uint32_t watch;
	uint64_t desk;
	uint64_t rules_serial;
	uint64_t flags;
};

#define PUBLISHED_MAGIC 0x32627564

#define PUBLISHED_SYSTEMD (1u << 0) /* systemd starts services */

/* the socket */

static bool is_client_socket(int fd)
{
	socklen_t size = sizeof(int);
	int is_listening = 1;

	return sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 0) > 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 &&
	       !is_listening;
}

static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

int per_client_take_socket(int *fd_out, bool *is_stderr_lost_out)
{
	int n = sd_listen_fds(1), from = n == 1 ? SD_LISTEN_FDS_START : STDIN_FILENO, null, fd;

	if (n > 1 || !is_client_socket(from))
		return -ENOTCONN;
	fd = fcntl(from, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	*is_stderr_lost_out = is_same_file(fd, STDERR_FILENO);
	for (int i = 0; i <= STDERR_FILENO; i++)
		if (is_same_file(fd, i))
			dup2(null, i);
	close(null);
	if (from > STDERR_FILENO)
		close(from);
	*fd_out = fd;
	return 0;
}

/* the bus */

/* whether @name is "UID-@kind", and that uid is the directory's owner's */
static bool is_bus_directory(int dir_fd, const char *name, const char *kind, uint32_t *uid_out)
{
	char *end;
	unsigned long uid;
	struct stat st;

	if (*name < '0' || *name > '9')
		return false;
	uid = strtoul(name, &end, 10);
	if (*end != '-' || strcmp(end + 1, kind) ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_uid != uid)
		return false;
	*uid_out = uid;
	return true;
}

/* the address of the bus of that kind in @dir; the user's own, if it is the user's */
static int find_bus(const char *dir, bool is_system, char **address_out)
{
	const char *kind = is_system ? "system" : "user";
	DIR *entries = opendir(dir);
	struct dirent *entry;
	uint32_t uid;
	int r = -ENOENT;

	if (!entries)
		return -errno;
	while (r == -ENOENT && (entry = readdir(entries))) {
		if (!is_bus_directory(dirfd(entries), entry->d_name, kind, &uid) ||
		    (!is_system && uid != geteuid()))
			continue;
		r = asprintf(address_out, "kernel:path=%s/%s/bus", dir, entry->d_name) < 0 ? -ENOMEM
											   : 0;
	}
	closedir(entries);
	return r;
}

static int usual_address(bool is_system, char **address_out)
{
	const char *runtime_dir = is_system ? NULL : getenv("XDG_RUNTIME_DIR");
	__cleanup(freep) char *dir = NULL;

	if (asprintf(&dir, "%s/kdbus", runtime_dir && *runtime_dir ? runtime_dir : "/run") < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	return find_bus(dir, is_system, address_out);
}

/* @known: of the rules that are in force, which are not read again: *@config_out is NULL then */
static int load_published(struct engine *engine, uint64_t known, struct published *published_out,
			  struct config **config_out)
{
	__cleanup(freep) void *bytes = NULL;
	const struct published *published;
	size_t size;
	int r;

	r = engine_get_published(engine, &bytes, &size);
	if (r < 0)
		return r;
	published = bytes;
	if (size < sizeof(*published) || published->magic != PUBLISHED_MAGIC)
		return -EBADMSG;
	*config_out = NULL;
	if (published->rules_serial != known)
		r = config_image_load(published + 1, size - sizeof(*published), config_out);
	if (!r)
		*published_out = *published;
	return r;
}

static void learn_published(struct daemon *daemon, const struct published *published)
{
	daemon->owner_desk = published->desk;
	daemon->owner_watch = published->watch;
	daemon->rules_serial = published->rules_serial;
}

static int bus_owner(const char *address, uint32_t *uid_out)
{
	const char *path = strchr(address, '=');
	struct stat st;

	if (!path)
		return -EINVAL;
	if (stat(path + 1, &st) < 0)
		return -errno;
	*uid_out = st.st_uid;
	return 0;
}

/* what is given up before the client is listened to */
static int become_owner(uint32_t uid)
{
	char user[16];
	int r;

	snprintf(user, sizeof(user), "%u", uid);
	r = process_become(user, -1);
	if (r < 0)
		return r;
	if (geteuid() != uid)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int join(const char *address, struct engine **engine_out, struct published *published_out,
		struct config **config_out)
{
	const struct engine_options options = {0};
	struct engine *engine;
	uint32_t uid = 0;
	int r;

	r = engine_open(address, &options, &engine);
	if (r < 0) {
		log_error("There is no bus at %s: %s", address, strerror(-r));
		return r;
	}
	r = load_published(engine, 0, published_out, config_out);
	if (r < 0) {
		log_error("The owner of the bus at %s does not say what its rules are: %s", address,
			  strerror(-r));
		engine_close(engine);
		return r;
	}
	r = bus_owner(address, &uid);
	if (!r)
		r = become_owner(uid);
	if (r < 0) {
		log_error("Failed to become the user that owns the bus: %s", strerror(-r));
		config_free(*config_out);
		engine_close(engine);
		return r;
	}
	*engine_out = engine;
	return 0;
}

/* with a bus that has been joined, and a client that nothing has been read of */
static int serve(struct engine *engine, const struct published *published, struct config *config,
		 int fd)
{
	const struct daemon_options options = {
		.joined = engine,
		.systemd_activation = published->flags & PUBLISHED_SYSTEMD,
	};
	__cleanup(daemon_freep) struct daemon *daemon = NULL;
	struct client *client;
	int r;

	r = daemon_new(config, &options, &daemon);
	if (r < 0) {
		config_free(config);
		close(fd);
		return r;
	}
	learn_published(daemon, published);
	r = client_new(daemon, fd, daemon->guid, &client);
	return r < 0 ? r : daemon_run(daemon);
}

int per_client_run(const struct per_client_options *options, int fd)
{
	__cleanup(freep) char *usual = NULL;
	struct published published;
	struct config *config;
	struct engine *engine;
	int r = 0;

	if (!options->engine)
		r = usual_address(options->is_system, &usual);
	if (r < 0)
		log_error("There is no %s bus: %s", options->is_system ? "system" : "user",
			  strerror(-r));
	else
		r = join(options->engine ?: usual, &engine, &published, &config);
	if (r < 0) {
		close(fd);
		return r;
	}
	r = serve(engine, &published, config, fd);
	if (r < 0)
		log_error("The client could not be served: %s", strerror(-r));
	return r;
}

/* the configuration */

static int publish(struct daemon *daemon)
{
	__cleanup(freep) struct published *published = NULL;
	__cleanup(freep) void *image = NULL;
	size_t size;
	int r;

	r = config_image_make(daemon->config, &image, &size);
	if (r < 0)
		return r;
	published = malloc(sizeof(*published) + size);
	if (!published)
		return -ENOMEM;
	*published = (struct published){
		.magic = PUBLISHED_MAGIC,
		.watch = daemon->desk.watch,
		.desk = engine_conn_id(daemon->desk.conn),
		.rules_serial = daemon->rules_serial,
		.flags = daemon->activation.is_systemd ? PUBLISHED_SYSTEMD : 0,
	};
	memcpy(published + 1, image, size);
	return engine_publish(daemon->engine, published, sizeof(*published) + size);
}

void per_client_publish(struct daemon *daemon)
{
	int r;

	daemon->rules_serial++;
	r = publish(daemon);
	if (r < 0)
		log_warning("Proxies of their own do not learn of the configuration: %s",
			    strerror(-r));
}

static void set_watch(struct daemon *daemon, unsigned watch)
{
	int r;

	if (watch == daemon->desk.watch)
		return;
	daemon->desk.watch = watch;
	r = publish(daemon);
	if (r < 0)
		log_warning("Proxies of their own do not learn of monitors: %s", strerror(-r));
}

void per_client_announce(struct daemon *daemon)
{
	struct loop_timer *timer = &daemon->desk.unwatch_timer;
	unsigned watch = desk_get_watch(daemon), told = daemon->desk.watch;

	set_watch(daemon, told | watch);
	if (told & ~watch && !loop_timer_is_armed(timer))
		loop_timer_arm(&daemon->loop, timer, loop_now_ns() + UNWATCH_MS * NS_PER_MS);
}

void per_client_unwatch(struct loop_timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, desk.unwatch_timer);

	set_watch(daemon, desk_get_watch(daemon));
}

void per_client_reload(struct daemon *daemon)
{
	struct published published;
	struct config *config;
	int r;

	r = load_published(daemon->engine, daemon->rules_serial, &published, &config);
	if (r == -ECONNRESET) {
		log_notice("The owner of the bus has left");
		loop_stop(&daemon->loop);
		return;
	}
	if (!r && config) {
		r = access_reload(daemon, config);
		if (r < 0)
			config_free(config);
	}
	if (r < 0) {
		log_error("The new configuration could not be put in force: %s", strerror(-r));
		return;
	}
	learn_published(daemon, &published);
	if (!config)
		return;
	daemon_set_limits(daemon, config);
	driver_set_limits(daemon->driver, &daemon->limits.driver);
	config_free(daemon->config);
	daemon->config = config;
}
