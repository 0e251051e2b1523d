/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a thread runs of the kernel: see kcov.h, and Documentation/dev-tools/kcov.rst of Linux */
#include "tests/qemu/kcov.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int kcov_open(struct kcov *kcov)
{
	void *area;

	*kcov = (struct kcov){.fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC)};
	if (kcov->fd < 0)
		return -errno;
	if (ioctl(kcov->fd, KCOV_INIT_TRACE, KCOV_SIZE) < 0)
		goto exit_fd;
	area = mmap(NULL, KCOV_SIZE * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
		    kcov->fd, 0);
	if (area == MAP_FAILED)
		goto exit_fd;
	kcov->area = area;
	return 0;

exit_fd:
	close(kcov->fd);
	kcov->fd = -1;
	return -ENOTTY;
}

void kcov_start(struct kcov *kcov)
{
	if (kcov->fd < 0)
		return;
	__atomic_store_n(&kcov->area[0], 0, __ATOMIC_RELAXED);
	ioctl(kcov->fd, KCOV_ENABLE, KCOV_TRACE_PC);
}

void kcov_stop(struct kcov *kcov)
{
	if (kcov->fd >= 0)
		ioctl(kcov->fd, KCOV_DISABLE, 0);
}

unsigned kcov_merge(const struct kcov *kcov, uint8_t *seen, size_t n_seen)
{
	uint64_t n, last = 0, step;
	unsigned n_new = 0;

	if (kcov->fd < 0)
		return 0;
	n = __atomic_load_n(&kcov->area[0], __ATOMIC_RELAXED);
	for (uint64_t i = 1; i <= n && i < KCOV_SIZE; i++) {
		step = (kcov->area[i] * 0x9e3779b97f4a7c15) ^ last;
		last = kcov->area[i] * 0xc2b2ae3d27d4eb4f >> 1;
		step = (step >> 32) & (n_seen - 1);
		if (!seen[step]) {
			seen[step] = 1;
			n_new++;
		}
	}
	return n_new;
}
