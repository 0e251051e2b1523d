/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdbus-run's library: handles
 *
 * A handle is what an open file is in the kernel; descriptors refer to it, in this
 * process and in those that were forked from it.  All of them share one socket, on which
 * an answer follows each request: so who has a request takes the lock, which is in
 * memory that forked processes share as well.
 *
 *	open --> [handle] <-- descriptors of this process: table
 *		 lock, n_processes: shared with children
 *
 * The last close of the last process waits until the server has done what it has to;
 * closes by exit and exec, and those of processes that got the socket by other ways, are
 * noticed by the server when it comes to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/tools/preload.h"

/* who has more descriptors open has to do without the others */
#define N_FDS 65536

/* @n_processes: that have the handle; so many that it is never the last if not known */
struct shared {
	pthread_mutex_t lock;
	unsigned n_processes;
};

#define PROCESSES_UNKNOWN (1u << 30)

/**
 * struct preload_handle - an open node
 * @client: its fd is one of the descriptors
 * @shared: with the processes forked from this one
 * @n_fds: descriptors of this process
 * @n_waiting: threads in a synchronous SEND; the handle is not closed before they return
 * @path: of the node; NULL if the socket came from elsewhere
 */
struct preload_handle {
	struct remote_client client;
	struct shared *shared;
	unsigned n_fds;
	unsigned n_waiting;
	char *path;
};

static struct preload_handle *table[N_FDS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static __thread unsigned n_inside __attribute__((tls_model("initial-exec")));

void preload_enter(void)
{
	n_inside++;
}

void preload_leave(void)
{
	n_inside--;
}

bool preload_is_inside(void)
{
	return n_inside;
}

/* what other functions of this file need around them */

static void table_enter(void)
{
	preload_enter();
	pthread_mutex_lock(&table_lock);
}

static void table_leave(void)
{
	pthread_mutex_unlock(&table_lock);
	preload_leave();
}

static void handle_lock(struct preload_handle *handle)
{
	preload_enter();
	/* a process that died with it may have left half an exchange: the server sees to that */
	if (pthread_mutex_lock(&handle->shared->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&handle->shared->lock);
}

static void handle_unlock(struct preload_handle *handle)
{
	pthread_mutex_unlock(&handle->shared->lock);
	preload_leave();
}

/* fork: nobody changes the table while it is copied; then one more process has each handle */

static void fork_prepare(void)
{
	pthread_mutex_lock(&table_lock);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&table_lock);
}

static void fork_child(void)
{
	for (int fd = 0; fd < N_FDS; fd++) {
		if (!table[fd] || table[fd]->client.fd != fd)
			continue;
		__atomic_add_fetch(&table[fd]->shared->n_processes, 1, __ATOMIC_RELAXED);
		/* those threads are not here */
		table[fd]->n_waiting = 0;
	}
	pthread_mutex_unlock(&table_lock);
}

static void __attribute__((constructor)) preload_init(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

static struct shared *shared_new(unsigned n_processes)
{
	pthread_mutexattr_t attr;
	struct shared *shared;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return NULL;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&shared->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	shared->n_processes = n_processes;
	return shared;
}

/* @client is taken; NULL and errno when there is no memory for it */
static struct preload_handle *handle_new(struct remote_client *client, unsigned n_processes)
{
	struct preload_handle *handle = NULL;

	if (client->fd >= N_FDS) {
		errno = EMFILE;
		return NULL;
	}
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return NULL;
	handle->shared = shared_new(n_processes);
	if (!handle->shared) {
		free(handle);
		return NULL;
	}
	handle->client = *client;
	handle->n_fds = 1;
	return handle;
}

/* its descriptor would be one that the program knows nothing of; there can be another */
static void drop_pool_fd(struct remote_client *client)
{
	if (client->pool_fd >= 0)
		close(client->pool_fd);
	client->pool_fd = -1;
}

int preload_open(const char *path, int flags)
{
	struct preload_handle *handle;
	struct remote_client client;
	int r;

	table_enter();
	r = remote_client_open(&client, path, REMOTE_CLIENT_EXACT);
	if (r < 0) {
		errno = -r;
		r = -1;
		goto exit;
	}
	handle = handle_new(&client, 1);
	if (handle)
		handle->path = strdup(path);
	if (!handle) {
		r = errno;
		remote_client_close(&client);
		errno = r;
		r = -1;
		goto exit;
	}
	r = client.fd;
	table[r] = handle;
	if (!(flags & O_CLOEXEC))
		fcntl(r, F_SETFD, 0);
	if (flags & O_NONBLOCK)
		fcntl(r, F_SETFL, O_RDWR | O_NONBLOCK);

exit:
	table_leave();
	return r;
}

struct preload_handle *preload_find(int fd)
{
	if (fd < 0 || fd >= N_FDS || preload_is_inside())
		return NULL;
	return __atomic_load_n(&table[fd], __ATOMIC_ACQUIRE);
}

/* Can it lead to a node that a server shows?  A program that has a command of the ABI for a
 * socket of this kind means no other. */
static bool leads_to_node(int fd)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address) - 1;
	int type = 0;
	socklen_t type_size = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) && type == SOCK_SEQPACKET &&
	       !getpeername(fd, (struct sockaddr *)&address, &size) &&
	       address.sun_family == AF_UNIX && address.sun_path[0] == '/';
}

struct preload_handle *preload_adopt(int fd)
{
	struct preload_handle *handle = preload_find(fd);
	struct remote_client client;

	if (handle || fd < 0 || preload_is_inside())
		return handle;
	table_enter();
	if (fd < N_FDS)
		handle = table[fd];
	if (!handle && leads_to_node(fd)) {
		int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

		/* who attaches owns the descriptor, and closes it when that fails */
		if (copy >= 0 && !remote_client_attach(&client, copy, REMOTE_CLIENT_EXACT)) {
			close(copy);
			client.fd = fd;
			handle = handle_new(&client, PROCESSES_UNKNOWN);
			if (handle)
				__atomic_store_n(&table[fd], handle, __ATOMIC_RELEASE);
			else
				free(client.buffer);
		}
	}
	table_leave();
	return handle;
}

void preload_add_copy(int fd, int copy)
{
	if (fd < 0 || fd >= N_FDS || copy < 0 || copy >= N_FDS || preload_is_inside())
		return;
	table_enter();
	if (table[fd] && !table[copy]) {
		__atomic_store_n(&table[copy], table[fd], __ATOMIC_RELEASE);
		table[fd]->n_fds++;
	}
	table_leave();
}

/* the handle goes on with another of its descriptors */
static void handle_switch(struct preload_handle *handle)
{
	for (int fd = 0; fd < N_FDS; fd++) {
		if (table[fd] == handle) {
			handle->client.fd = fd;
			return;
		}
	}
}

/*
 * Others may have had it, and be gone: then that was the last close.  Nobody knows but the
 * server, which notices in the order in which things happen.
 */
static void wait_for_server(const struct preload_handle *handle)
{
	struct remote_client client;

	if (handle->path && !remote_client_open(&client, handle->path, 0))
		remote_client_close(&client);
}

static void handle_free(struct preload_handle *handle)
{
	struct shared *shared = handle->shared;

	pthread_mutex_lock(&shared->lock);
	if (!__atomic_sub_fetch(&shared->n_processes, 1, __ATOMIC_RELAXED)) {
		remote_client_close_last(&handle->client);
	} else {
		remote_client_close(&handle->client);
		wait_for_server(handle);
	}
	pthread_mutex_unlock(&shared->lock);
	munmap(shared, sizeof(*shared));
	free(handle->path);
	free(handle);
}

bool preload_forget(int fd)
{
	struct preload_handle *handle;
	bool is_last, is_closed = false;

	if (!preload_find(fd))
		return false;
	table_enter();
	handle = table[fd];
	if (handle) {
		/* not in the middle of another thread's exchange */
		handle_lock(handle);
		__atomic_store_n(&table[fd], NULL, __ATOMIC_RELEASE);
		handle->n_fds--;
		if (handle->n_fds && handle->client.fd == fd)
			handle_switch(handle);
		is_last = !handle->n_fds && !handle->n_waiting;
		/* those who wait still need it */
		if (!handle->n_fds && !is_last)
			handle->client.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		handle_unlock(handle);
		if (is_last) {
			handle->client.fd = fd;
			handle_free(handle);
			is_closed = true;
		}
	}
	table_leave();
	return is_closed;
}

/* calls */

static int result_of(int r)
{
	if (r >= 0)
		return r;
	errno = -r;
	return -1;
}

/* the result of a SEND that waits; others have the handle meanwhile, also to close it */
static int command_wait(struct preload_handle *handle, struct remote_client_call *call)
{
	bool is_last;
	int r;

	/* a signal handler's calls are the program's */
	remote_client_wait(call);
	handle_lock(handle);
	r = remote_client_end(&handle->client, call);
	is_last = !--handle->n_waiting && !handle->n_fds;
	handle_unlock(handle);
	if (is_last) {
		preload_enter();
		handle_free(handle);
		preload_leave();
	}
	return r;
}

int preload_command(struct preload_handle *handle, unsigned long nr, void *cmd)
{
	struct remote_client_call call;
	int r;

	handle_lock(handle);
	r = remote_client_start(&handle->client, nr, cmd, &call);
	drop_pool_fd(&handle->client);
	handle->n_waiting += r == REMOTE_CLIENT_WAITS;
	handle_unlock(handle);
	if (r == REMOTE_CLIENT_WAITS)
		r = command_wait(handle, &call);
	return result_of(r);
}

int preload_poll(struct preload_handle *handle)
{
	int r;

	handle_lock(handle);
	r = remote_client_poll(&handle->client);
	handle_unlock(handle);
	/* without a server there is nothing to wait for */
	return r < 0 ? POLLERR | POLLHUP : r;
}

void *preload_map(struct preload_handle *handle, void *address, size_t size, int prot, int flags,
		  off_t offset)
{
	void *at = NULL;
	int r;

	handle_lock(handle);
	r = remote_client_map(&handle->client, size, prot, flags, offset, &at);
	drop_pool_fd(&handle->client);
	handle_unlock(handle);
	if (!r && (flags & MAP_FIXED))
		at = mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, address);
	return result_of(r) < 0 ? MAP_FAILED : at;
}

int preload_stat(struct preload_handle *handle, int fd, struct stat *st)
{
	int r;

	preload_enter();
	/* the node may be gone already */
	r = handle->path ? stat(handle->path, st) : -1;
	if (r < 0)
		r = fstat(fd, st);
	preload_leave();
	if (!r)
		st->st_mode = (st->st_mode & ~(mode_t)S_IFMT) | S_IFREG;
	return r;
}
