/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdbus-run's library, what its parts share
 *
 * The library stands between a program and libc.  A path below /sys/fs/kdbus becomes one
 * below the directory of a server (kernel/embedded/server.h), a node that is opened
 * becomes a handle, and calls that libc cannot answer for a handle are answered by
 * remote-client.h.
 *
 * What the library does itself must not come back to it: between preload_enter() and
 * preload_leave() of a thread, its functions are nothing but libc's.
 */
#pragma once

#include <dlfcn.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "kernel/engine/remote-client.h"

#define PRELOAD_MOUNT "/sys/fs/kdbus"
/* where the nodes really are; set by kdbus-run */
#define PRELOAD_ROOT_VARIABLE "KDBUS_RUN_ROOT"

/* libc's function of that name; its type is that of the declaration */
#define REAL(name)                                                                                 \
	({                                                                                         \
		static void *found_##name;                                                         \
		if (!__atomic_load_n(&found_##name, __ATOMIC_RELAXED))                             \
			__atomic_store_n(&found_##name, dlsym(RTLD_NEXT, #name),                   \
					 __ATOMIC_RELAXED);                                        \
		(__typeof__(&name))__atomic_load_n(&found_##name, __ATOMIC_RELAXED);               \
	})

void preload_enter(void);
void preload_leave(void);
bool preload_is_inside(void);

/* the path that is meant by @path: itself, or in @room one below the server's directory;
 * NULL with errno if that is too long */
const char *preload_path(const char *path, char room[], size_t size);
/* is @path, as preload_path() returned it, a node that a server shows? */
bool preload_is_node(const char *path);

struct preload_handle;

/* handles; each of these takes care of preload_enter() */

/* opens a node; a descriptor, or -1 and errno */
int preload_open(const char *path, int flags);
/* the handle behind a descriptor, or NULL; good while the descriptor is open */
struct preload_handle *preload_find(int fd);
/* the same, also for a socket that came from elsewhere and leads to a server */
struct preload_handle *preload_adopt(int fd);
/* @copy is another descriptor of what @fd is one of */
void preload_add_copy(int fd, int copy);
/* before @fd is closed: true if that has been done, and the last close waited for */
bool preload_forget(int fd);
int preload_command(struct preload_handle *handle, unsigned long nr, void *cmd);
/* events, or -1 and errno */
int preload_poll(struct preload_handle *handle);
void *preload_map(struct preload_handle *handle, void *address, size_t size, int prot, int flags,
		  off_t offset);
int preload_stat(struct preload_handle *handle, int fd, struct stat *st);
