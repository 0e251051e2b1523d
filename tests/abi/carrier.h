/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How an ABI test reaches a bus
 *
 * The tests know structs, numbers and what open(), ioctl(), poll(), mmap() and
 * close() of kdbus nodes do; which implementation answers is a carrier:
 *
 *	embedded	the core in the test process, a domain for each test
 *	late		the same, which reads payloads as late as the kernel does
 *	remote		a server in a process of its own, for each test another
 *	file		whatever is mounted at ABI_ROOT: kdbusfs, or what a preload
 *			library makes of it
 *
 * All functions return 0 or a negative errno, as the system call would set it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* who opens a node, and calls later on, so that @groups is to outlive that; NULL is whoever runs
 * the tests, privileged */
struct abi_cred {
	uint32_t uid;
	uint32_t gid;
	uint32_t n_groups;
	const uint32_t *groups;
};

/* what not every carrier can do */
#define ABI_CAN_CRED (1u << 0) /* be another user */
#define ABI_IS_FILE  (1u << 1) /* nodes have modes, handles are descriptors */
#define ABI_IS_APART (1u << 2) /* peers may be in several processes */

/**
 * struct abi_carrier - the system calls
 * @name: for the report
 * @features: ABI_CAN_* and ABI_IS_*
 * @begin: a domain as published, of profile P1 or P2
 * @end: it is needed no more; all handles were closed
 * @open: @path is relative to the mount: "control", "<bus>/<endpoint>"
 * @ioctl: ioctl(); may be called by several threads
 * @poll: waits until one of @events or an error is there, or for @timeout_ms, and returns
 *	revents
 * @mmap: mmap(); MAP_SHARED unless @is_private
 * @close: close() of the only reference
 * @fd: the descriptor that the handle is; only with ABI_IS_FILE
 * @exists: is there such a node
 * @set_attach_mask: P1: the module parameter of that name
 */
struct abi_carrier {
	const char *name;
	unsigned features;
	int (*begin)(bool p1);
	void (*end)(void);
	int (*open)(const char *path, const struct abi_cred *cred, void **handle_out);
	int (*ioctl)(void *handle, unsigned long nr, void *cmd);
	short (*poll)(void *handle, short events, int timeout_ms);
	int (*mmap)(void *handle, size_t length, int prot, bool is_private, uint64_t offset,
		    void **address_out);
	void (*close)(void *handle);
	int (*fd)(void *handle);
	bool (*exists)(const char *path);
	int (*set_attach_mask)(uint64_t mask);
};

extern const struct abi_carrier abi_embedded;
extern const struct abi_carrier abi_late;
extern const struct abi_carrier abi_file;
extern const struct abi_carrier abi_remote;

/* the server of abi_remote: where, and how it is told a mask, by itself or by a copy of that
 * descriptor in another process */
const char *abi_remote_dir(void);
int abi_remote_control(void);
int abi_remote_control_mask(int fd, uint64_t mask);
