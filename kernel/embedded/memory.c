/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of the caller
 *
 * The memory of another process is what its request brought along.  If the caller
 * of a handle is in this process, what it says about its own
 * memory is believed as little as a process is believed by the kernel: an address
 * that cannot be read gives EFAULT.  The kernel checks that on the way, where it
 * lets a process look at itself; a sandbox that forbids it leaves plain copies.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel/embedded/host.h"

static int vm_copy(bool is_write, void *mine, u64 address, size_t size)
{
	struct iovec local = {.iov_base = mine, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t n;

	if (size == 0)
		return 0;
	if (address > UINTPTR_MAX || size > UINTPTR_MAX - address)
		return -EFAULT;
	n = is_write ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0)
		     : process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	if (n == (ssize_t)size)
		return 0;
	if (n >= 0 || errno == EFAULT)
		return -EFAULT;
	if (errno != ENOSYS && errno != EPERM)
		return -ENOMEM;

	if (is_write)
		memcpy(remote.iov_base, mine, size);
	else
		memcpy(mine, remote.iov_base, size);
	return 0;
}

int embedded_user_read(void *data, void *dst, u64 address, size_t size)
{
	struct embedded_caller *caller = data;

	if (caller->process)
		return caller->process->ops->read(caller->process, dst, address, size);
	return vm_copy(false, dst, address, size);
}

int embedded_user_write(void *data, u64 address, const void *src, size_t size)
{
	struct embedded_caller *caller = data;

	if (caller->process)
		return caller->process->ops->write(caller->process, address, src, size);
	return vm_copy(true, (void *)src, address, size);
}
