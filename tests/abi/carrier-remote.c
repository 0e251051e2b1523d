/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Carrier: a server in another process
 *
 * Each test has a server of its own, a child that serves an empty domain in a temporary
 * folder.  Whoever runs as root plays other users by changing the ids of the thread
 * while it connects: the server asks the socket.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/embedded/embedded.h"
#include "kernel/embedded/server.h"
#include "kernel/engine/remote-client.h"
#include "tests/abi/carrier.h"

/* one request at a time */
struct handle {
	struct remote_client client;
	pthread_mutex_t lock;
};

static char dir[64];
static pid_t server_pid;
static int control_fd; /* to the server: masks; its end is the end */
static struct kdbus_server *server;

static void on_deadline(void *userdata, struct kdbus_bus *bus, uint64_t deadline_ns)
{
	if (server)
		kdbus_server_deadline(server);
}

static int serve(int fd, bool p1)
{
	const struct kdbus_embedded_hooks hooks = {.deadline = on_deadline};
	const struct kdbus_embedded_options options = {.strict = true, .p1 = p1, .hooks = &hooks};
	struct kdbus_embedded *embedded;
	struct pollfd fds[2];
	uint64_t mask = 0;

	if (kdbus_embedded_new(&options, &embedded) < 0 ||
	    kdbus_server_new(embedded, dir, -1, &server) < 0 || write(fd, &mask, sizeof(mask)) < 0)
		return 2;
	fds[0] = (struct pollfd){.fd = kdbus_server_fd(server), .events = POLLIN};
	fds[1] = (struct pollfd){.fd = fd, .events = POLLIN};
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			return 3;
		if (fds[0].revents && kdbus_server_dispatch(server) < 0)
			return 4;
		if (!fds[1].revents)
			continue;
		if (read(fd, &mask, sizeof(mask)) != sizeof(mask))
			break;
		kdbus_embedded_set_attach_mask(embedded, mask);
		if (write(fd, &mask, sizeof(mask)) < 0)
			return 5;
	}
	server = kdbus_server_free(server);
	kdbus_embedded_free(embedded);
	return 0;
}

static int remote_begin(bool p1)
{
	uint64_t ready;
	int pair[2];

	snprintf(dir, sizeof(dir), "/tmp/abi-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	server_pid = fork();
	if (server_pid < 0)
		return -errno;
	if (server_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		_exit(serve(pair[1], p1));
	}
	close(pair[1]);
	control_fd = pair[0];
	return read(control_fd, &ready, sizeof(ready)) == sizeof(ready) ? 0 : -EIO;
}

static void remote_end(void)
{
	int status;

	close(control_fd);
	if (waitpid(server_pid, &status, 0) < 0 || status != 0)
		abort();
	rmdir(dir);
}

/* of this thread alone, which is what the system calls do and the library's do not */
static int become(const struct abi_cred *cred)
{
	if (!cred)
		return 0;
	if (syscall(SYS_setgroups, cred->n_groups, cred->groups) < 0 ||
	    syscall(SYS_setresgid, -1, cred->gid, -1) < 0 ||
	    syscall(SYS_setresuid, -1, cred->uid, -1) < 0)
		return -errno;
	return 0;
}

static void become_root(const struct abi_cred *cred)
{
	if (cred && (syscall(SYS_setresuid, -1, 0, -1) < 0 ||
		     syscall(SYS_setresgid, -1, 0, -1) < 0 || syscall(SYS_setgroups, 0, NULL) < 0))
		abort();
}

static int remote_open(const char *path, const struct abi_cred *cred, void **handle_out)
{
	struct handle *handle;
	char full[200];
	int r;

	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	snprintf(full, sizeof(full), "%s/%s", dir, path);
	r = become(cred);
	if (r == 0)
		r = remote_client_open(&handle->client, full, REMOTE_CLIENT_EXACT);
	become_root(cred);
	if (r < 0) {
		free(handle);
		return r;
	}
	pthread_mutex_init(&handle->lock, NULL);
	*handle_out = handle;
	return 0;
}

static int remote_ioctl(void *data, unsigned long nr, void *cmd)
{
	struct handle *handle = data;
	struct remote_client_call call;
	int r;

	pthread_mutex_lock(&handle->lock);
	r = remote_client_start(&handle->client, nr, cmd, &call);
	pthread_mutex_unlock(&handle->lock);
	if (r != REMOTE_CLIENT_WAITS)
		return r;
	remote_client_wait(&call);
	pthread_mutex_lock(&handle->lock);
	r = remote_client_end(&handle->client, &call);
	pthread_mutex_unlock(&handle->lock);
	return r;
}

static short remote_poll(void *data, short events, int timeout_ms)
{
	struct handle *handle = data;
	struct pollfd pollfd = {.events = POLLIN};
	int r;

	for (;;) {
		pthread_mutex_lock(&handle->lock);
		r = remote_client_poll(&handle->client);
		pollfd.fd = handle->client.fd;
		pthread_mutex_unlock(&handle->lock);
		if (r < 0)
			return POLLERR | POLLHUP;
		r &= events | POLLERR | POLLHUP;
		if (r || timeout_ms <= 0)
			return r;
		poll(&pollfd, 1, 5);
		timeout_ms -= 5;
	}
}

static int remote_mmap(void *data, size_t length, int prot, bool is_private, uint64_t offset,
		       void **address_out)
{
	struct handle *handle = data;
	int r;

	pthread_mutex_lock(&handle->lock);
	r = remote_client_map(&handle->client, length, prot, is_private ? MAP_PRIVATE : MAP_SHARED,
			      offset, address_out);
	pthread_mutex_unlock(&handle->lock);
	return r;
}

static void remote_close(void *data)
{
	struct handle *handle = data;

	remote_client_close_last(&handle->client);
	pthread_mutex_destroy(&handle->lock);
	free(handle);
}

static bool remote_exists(const char *path)
{
	char full[200];

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	return access(full, F_OK) == 0;
}

const char *abi_remote_dir(void)
{
	return dir;
}

int abi_remote_control(void)
{
	return control_fd;
}

int abi_remote_control_mask(int fd, uint64_t mask)
{
	if (write(fd, &mask, sizeof(mask)) < 0)
		return -errno;
	return read(fd, &mask, sizeof(mask)) == sizeof(mask) ? 0 : -EIO;
}

static int remote_set_attach_mask(uint64_t mask)
{
	return abi_remote_control_mask(control_fd, mask);
}

const struct abi_carrier abi_remote = {
	.name = "remote",
	.features = ABI_CAN_CRED | ABI_IS_APART,
	.begin = remote_begin,
	.end = remote_end,
	.open = remote_open,
	.ioctl = remote_ioctl,
	.poll = remote_poll,
	.mmap = remote_mmap,
	.close = remote_close,
	.exists = remote_exists,
	.set_attach_mask = remote_set_attach_mask,
};
