/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Carrier: the core in this process
 *
 * Built with real locks, because a synchronous SEND blocks one thread while
 * another answers.  Deadlines are looked at while somebody polls.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "kernel/embedded/embedded.h"
#include "tests/abi/carrier.h"

static struct kdbus_embedded *embedded;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* as the kernel does it */
static bool is_late;

static int embedded_begin(bool p1)
{
	struct kdbus_embedded_options options = {
		.strict = true,
		.p1 = p1,
		.reads_late = is_late,
	};

	return kdbus_embedded_new(&options, &embedded);
}

static int embedded_begin_late(bool p1)
{
	is_late = true;
	return embedded_begin(p1);
}

static void embedded_end(void)
{
	embedded = kdbus_embedded_free(embedded);
}

static int embedded_open(const char *path, const struct abi_cred *cred, void **handle_out)
{
	struct kdbus_embedded_handle *handle;
	struct kdbus_embedded_cred other;
	int r;

	if (cred)
		other = (struct kdbus_embedded_cred){
			.uid = cred->uid,
			.euid = cred->uid,
			.gid = cred->gid,
			.egid = cred->gid,
			.n_groups = cred->n_groups,
			.groups = cred->groups,
		};
	r = kdbus_embedded_open(embedded, path, cred ? &other : NULL, &handle);
	if (r < 0)
		return r;
	*handle_out = handle;
	return 0;
}

static int embedded_ioctl(void *handle, unsigned long nr, void *cmd)
{
	return kdbus_embedded_command(handle, nr, cmd);
}

static short embedded_poll(void *handle, short events, int timeout_ms)
{
	uint64_t end = now_ns() + timeout_ms * 1000000ULL;
	short got;

	for (;;) {
		kdbus_embedded_expire(embedded, now_ns());
		got = kdbus_embedded_poll(handle) & (events | POLLERR | POLLHUP);
		if (got || now_ns() >= end)
			return got;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

static int embedded_mmap(void *handle, size_t length, int prot, bool is_private, uint64_t offset,
			 void **address_out)
{
	return kdbus_embedded_mmap(handle, length, prot, is_private ? MAP_PRIVATE : MAP_SHARED,
				   offset, address_out);
}

static void embedded_close(void *handle)
{
	kdbus_embedded_close(handle);
}

static bool embedded_exists(const char *path)
{
	struct kdbus_embedded_handle *handle;

	if (kdbus_embedded_open(embedded, path, NULL, &handle) < 0)
		return false;
	kdbus_embedded_close(handle);
	return true;
}

static int embedded_set_attach_mask(uint64_t mask)
{
	kdbus_embedded_set_attach_mask(embedded, mask);
	return 0;
}

#define CARRIER                                                                                    \
	.features = ABI_CAN_CRED, .end = embedded_end, .open = embedded_open,                      \
	.ioctl = embedded_ioctl, .poll = embedded_poll, .mmap = embedded_mmap,                     \
	.close = embedded_close, .exists = embedded_exists,                                        \
	.set_attach_mask = embedded_set_attach_mask

const struct abi_carrier abi_embedded = {.name = "embedded", .begin = embedded_begin, CARRIER};
const struct abi_carrier abi_late = {.name = "late", .begin = embedded_begin_late, CARRIER};
