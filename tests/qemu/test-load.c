/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module comes and goes: LOAD_CYCLES times, in a way that LOAD_SEED says
 *
 * Each cycle loads it, mounts domains, lets processes talk there, and takes everything away
 * again in any order: mounts while files are open in them, processes at any point, owners of
 * buses under their clients.  Until the last of that is gone the module cannot be unloaded,
 * from then on it can.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/abi/client.h"
#include "tests/qemu/hammer.h"

#define N_DOMAINS 2
#define N_HAMMERS 2

/* what unloading waits for at most, in steps of 10 ms */
#define PATIENCE 3000

static const struct {
	const char *path, *options, *profile;
} domains[N_DOMAINS] = {
	{"/tmp/load-p2", "strict", "P2"},
	{"/tmp/load-p1", "p1", "P1"},
};

struct cycle {
	bool is_mounted[N_DOMAINS];
	pid_t pids[N_DOMAINS * N_HAMMERS + 1];
	unsigned n_pids;
	uint64_t *ids;
};

static void nap_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	expect_le(0, fd);
	expect_eq(syscall(SYS_finit_module, fd, "", 0), 0);
	close(fd);
}

static int unload(void)
{
	return syscall(SYS_delete_module, "kdbus", O_NONBLOCK) < 0 ? -errno : 0;
}

static void child(struct cycle *cycle, pid_t pid)
{
	expect_lt(0, pid);
	cycle->pids[cycle->n_pids++] = pid;
}

/* for a child: talks only while those who load and unload wait for something, which is often */
static void stand_back(void)
{
	errno = 0;
	expect(nice(10) >= 0 || errno == 0);
}

/* domains that nobody else sees come and go, some of them before a file in them */
static void mounter(void)
{
	int fd;

	if (unshare(CLONE_NEWNS) < 0)
		_exit(1);
	mkdir("/tmp/load-own", 0700);
	for (;;) {
		if (mount("kdbus", "/tmp/load-own", "kdbusfs", 0, NULL) < 0)
			continue;
		fd = open("/tmp/load-own/control", O_RDWR | O_CLOEXEC);
		umount2("/tmp/load-own", MNT_DETACH);
		close(fd);
	}
}

static void mounts(struct cycle *cycle)
{
	pid_t pid = fork();

	if (pid == 0) {
		stand_back();
		mounter();
	}
	child(cycle, pid);
}

/* a bus of its own; what it leaves to its children is there until they are gone */
static void traffic(struct cycle *cycle, unsigned domain)
{
	setenv("ABI_ROOT", domains[domain].path, 1);
	setenv("ABI_PROFILE", domains[domain].profile, 1);
	abi_begin();
	for (unsigned i = 0; i < N_HAMMERS; i++) {
		unsigned seed = rand();
		pid_t pid = fork();

		if (pid == 0) {
			/* that the bus goes under it is no failure */
			freopen("/dev/null", "w", stdout);
			stand_back();
			hammer(seed, cycle->ids + 8 * domain, 8);
		}
		child(cycle, pid);
	}
}

static void take_mount(struct cycle *cycle, unsigned domain)
{
	if (!cycle->is_mounted[domain])
		return;
	/* as long as files are open there it is only out of sight */
	expect_eq(umount2(domains[domain].path, MNT_DETACH), 0);
	cycle->is_mounted[domain] = false;
}

static void take_process(struct cycle *cycle, unsigned which)
{
	int status;

	if (which >= cycle->n_pids)
		return;
	kill(cycle->pids[which], SIGKILL);
	expect_eq(waitpid(cycle->pids[which], &status, 0), cycle->pids[which]);
	cycle->pids[which] = cycle->pids[--cycle->n_pids];
}

static void owners_end(void)
{
	/* there may have been none in this cycle */
	if (carrier)
		abi_end();
}

static void run_cycle(const char *module)
{
	struct cycle cycle = {};
	unsigned waited = 0;
	int r;

	cycle.ids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(cycle.ids != MAP_FAILED);
	load(module);
	for (unsigned i = 0; i < N_DOMAINS; i++) {
		mkdir(domains[i].path, 0700);
		expect_eq(mount("kdbus", domains[i].path, "kdbusfs", 0, domains[i].options), 0);
		cycle.is_mounted[i] = true;
		if (rand() % 4)
			traffic(&cycle, i);
	}
	if (rand() % 2)
		mounts(&cycle);
	nap_ms(rand() % 50);
	expect_eq(unload(), -EAGAIN);

	while (cycle.n_pids > 0 || cycle.is_mounted[0] || cycle.is_mounted[1]) {
		unsigned what = rand() % 9;

		if (what < 2)
			take_mount(&cycle, what);
		else if (what < 7)
			take_process(&cycle, what - 2);
		else if (what == 7)
			/* the owners of the buses go under their clients */
			owners_end();
		else if (cycle.is_mounted[0] || cycle.is_mounted[1])
			expect_eq(unload(), -EAGAIN);
	}
	owners_end();
	munmap(cycle.ids, 4096);

	/* files are put away a little later than they are closed */
	while ((r = unload()) == -EAGAIN && waited++ < PATIENCE)
		nap_ms(10);
	expect_eq(r, 0);
}

TEST_TIMEOUT(load_and_unload, 36000)
{
	unsigned n_cycles = strtoul(getenv("LOAD_CYCLES") ?: "20", NULL, 10);
	unsigned seed = strtoul(getenv("LOAD_SEED") ?: "1", NULL, 10);

	note("%u cycles with seed %u", n_cycles, seed);
	setenv("ABI_CARRIER", "file", 1);
	srand(seed);
	for (unsigned i = 0; i < n_cycles; i++)
		run_cycle("/kdbus.ko");
}
