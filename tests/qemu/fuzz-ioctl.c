/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fuzzer of kdbusfs
 *
 *	fuzz-ioctl SECONDS [SEED]		new programs
 *	fuzz-ioctl --replay FILE SECONDS	those of a trace, again and again
 *
 * Runs as root in a guest whose kernel does the judging: what it says of its memory and locks
 * is looked at by who started the guest.  Here only a kernel that says nonsense is noticed, and
 * a process that cannot be killed.
 *
 * Two workers make programs of bytes (fuzz-program.c) - from nothing, or from those that have
 * run something in the module that none had before, which are kept by all - and run each in a
 * process of its own.  Without KCOV nothing is kept, and the programs follow from the seed alone.
 *
 * Every program is written to the debug port before it runs, as one line of hexadecimal digits:
 * the end of that trace is what a guest that fell over had been doing.  It is two programs at
 * least, and there may be a few more behind the one that was slow.  What the threads of a program
 * do to each other depends on chance, so that it may take more than one attempt.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/qemu/fuzz-program.h"

#define PORT 0xe9

#define N_WORKERS  2
#define CORPUS_MAX 4096
#define SEEN_SIZE  (1u << 17)

/* ms that a program may take, and that it may take to die */
#define PROGRAM_MS 15000
#define DEATH_MS   60000

struct program {
	size_t size;
	uint8_t bytes[PROGRAM_MAX];
};

/**
 * struct corpus - what all workers share
 * @lock: all of it, and the port
 * @kept: programs
 * @seen: see kcov_merge()
 */
static struct corpus {
	atomic_flag lock;
	unsigned n_kept;
	struct program kept[CORPUS_MAX];
	uint8_t seen[SEEN_SIZE];
	unsigned n_seen, n_run, n_killed;
	bool is_bad;
} * corpus;

static void corpus_lock(void)
{
	while (atomic_flag_test_and_set(&corpus->lock))
		sched_yield();
}

static void corpus_unlock(void)
{
	atomic_flag_clear(&corpus->lock);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* chance */

static uint64_t state;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

/* programs */

static void program_new(struct program *program)
{
	program->size = 20 + below(PROGRAM_MAX - 20);
	for (size_t i = 0; i < program->size; i++)
		program->bytes[i] = below(256);
}

static void program_erase(struct program *program, size_t at, size_t n)
{
	memmove(program->bytes + at, program->bytes + at + n, program->size - at - n);
	program->size -= n;
}

/* @bytes may be of @program itself, before @at */
static void program_insert(struct program *program, size_t at, const uint8_t *bytes, size_t n)
{
	uint8_t copy[PROGRAM_MAX];

	if (n > PROGRAM_MAX - program->size)
		n = PROGRAM_MAX - program->size;
	memcpy(copy, bytes, n);
	memmove(program->bytes + at + n, program->bytes + at, program->size - at);
	memcpy(program->bytes + at, copy, n);
	program->size += n;
}

static void program_mutate(struct program *program, const struct program *other)
{
	static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xbf, 0xc0, 0xe0, 0xf0, 0xff};
	size_t at = below(program->size), n = 1 + below(32), from;
	uint8_t noise[32];

	switch (below(7)) {
	case 0:
		program->bytes[at] ^= 1 << below(8);
		break;
	case 1:
		program->bytes[at] = edges[below(sizeof(edges))];
		break;
	case 2:
		program->bytes[at] += below(2) ? 1 : -1;
		break;
	case 3:
		if (program->size > at + n + 1)
			program_erase(program, at, n);
		break;
	case 4:
		for (size_t i = 0; i < n; i++)
			noise[i] = below(256);
		program_insert(program, at, noise, n);
		break;
	case 5:
		from = below(program->size);
		program_insert(program, at, program->bytes + from,
			       n < program->size - from ? n : program->size - from);
		break;
	default:
		from = below(other->size);
		n = 1 + below(other->size - from);
		if (at + 1 < program->size && below(2))
			program->size = at + 1;
		program_insert(program, at, other->bytes + from, n);
		break;
	}
}

static void program_choose(struct program *program)
{
	struct program other;
	unsigned n = 1 + below(6);

	if (corpus->n_kept == 0 || below(10) == 0) {
		program_new(program);
		return;
	}
	/* the youngest are the most interesting */
	corpus_lock();
	*program = corpus->kept[below(2) ? below(corpus->n_kept)
					 : corpus->n_kept - 1 - below((corpus->n_kept + 7) / 8)];
	other = corpus->kept[below(corpus->n_kept)];
	corpus_unlock();
	while (n--)
		program_mutate(program, &other);
}

static void program_trace(const struct program *program)
{
	static const char digits[] = "0123456789abcdef";
	char line[2 * PROGRAM_MAX + 1];
	size_t n = 0;

	for (size_t i = 0; i < program->size; i++) {
		line[n++] = digits[program->bytes[i] >> 4];
		line[n++] = digits[program->bytes[i] & 15];
	}
	line[n++] = '\n';
	corpus_lock();
	outsb(PORT, line, n);
	corpus_unlock();
}

/* workers */

static bool is_traced;

/* @pid has ended within that time */
static bool ended(pid_t pid, int ms)
{
	struct pollfd pollfd = {.fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int r = poll(&pollfd, 1, ms);

	close(pollfd.fd);
	return r > 0;
}

/* what all tasks that do not end wait for is in the log of the kernel then */
static void stuck(void)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	printf("a process cannot be killed\n");
	fflush(stdout);
	if (fd >= 0 && write(fd, "w", 1) == 1)
		close(fd);
	corpus->is_bad = true;
}

static void program_do(struct program_stage *stage, const struct program *program)
{
	bool is_killed = false;
	unsigned n_new = 0;
	uint64_t end_ms;
	int status = 0;
	pid_t pid;

	if (is_traced)
		program_trace(program);
	for (unsigned i = 0; i < PROGRAM_RUNS; i++)
		if (stage->kcov[i].area)
			stage->kcov[i].area[0] = 0;
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		program_run(stage, program->bytes, program->size);
	}
	if (pid < 0) {
		perror("fork");
		return;
	}
	setpgid(pid, pid);
	is_killed = !ended(pid, PROGRAM_MS);
	kill(-pid, SIGKILL);
	end_ms = now_ms() + DEATH_MS;
	if (is_killed && !ended(pid, DEATH_MS)) {
		stuck();
		return;
	}
	waitpid(pid, &status, 0);
	/* children that it has not waited for are ours now, and killed like it */
	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (pid > 0)
			continue;
		if (now_ms() > end_ms) {
			stuck();
			return;
		}
		usleep(1000);
	}

	corpus_lock();
	for (unsigned i = 0; i < PROGRAM_RUNS; i++)
		n_new += kcov_merge(&stage->kcov[i], corpus->seen, SEEN_SIZE);
	corpus->n_seen += n_new;
	corpus->n_run++;
	corpus->n_killed += is_killed;
	if (n_new > 0 && corpus->n_kept < CORPUS_MAX)
		corpus->kept[corpus->n_kept++] = *program;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
		printf("the kernel told a lie to: ");
		for (size_t i = 0; i < program->size; i++)
			printf("%02x", program->bytes[i]);
		printf("\n");
		fflush(stdout);
		corpus->is_bad = true;
	}
	corpus_unlock();
}

static int stage_init(struct program_stage *stage, unsigned worker)
{
	static const char *const options[PROGRAM_DOMAINS] = {"strict", "", "p1"};
	char *path;

	stage->arena = mmap(NULL, PROGRAM_ARENA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
	if (stage->arena == MAP_FAILED)
		return -ENOMEM;
	for (unsigned i = 0; i < PROGRAM_DOMAINS; i++) {
		if (asprintf(&path, "/tmp/fuzz-%u-%u", worker, i) < 0)
			return -ENOMEM;
		mkdir(path, 0755);
		stage->domains[i] = path;
		if (mount("kdbus", path, "kdbusfs", 0, options[i]) < 0) {
			perror(path);
			return -errno;
		}
	}
	for (unsigned i = 0; i < PROGRAM_RUNS; i++)
		if (kcov_open(&stage->kcov[i]) < 0 && worker == 0 && i == 0)
			printf("no KCOV: blind\n");
	return 0;
}

static void stage_deinit(struct program_stage *stage)
{
	for (unsigned i = 0; i < PROGRAM_DOMAINS; i++)
		if (umount(stage->domains[i]) < 0) {
			perror(stage->domains[i]);
			corpus->is_bad = true;
		}
}

static void worker_run(unsigned worker, uint64_t seed, uint64_t end_ms)
{
	struct program_stage stage = {};
	struct program program;

	state = (seed + worker + 1) * 0x9e3779b97f4a7c15;
	if (stage_init(&stage, worker) < 0)
		exit(EXIT_FAILURE);
	while (now_ms() < end_ms && !corpus->is_bad) {
		program_choose(&program);
		program_do(&stage, &program);
	}
	stage_deinit(&stage);
	exit(EXIT_SUCCESS);
}

/* Return: how many programs there are */
static unsigned replay_file(struct program_stage *stage, FILE *file)
{
	char line[2 * PROGRAM_MAX + 2];
	struct program program;
	unsigned byte, n = 0;

	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		program.size = 0;
		while (program.size < PROGRAM_MAX &&
		       sscanf(line + 2 * program.size, "%2x", &byte) == 1)
			program.bytes[program.size++] = byte;
		if (program.size == 0)
			continue;
		program_do(stage, &program);
		n++;
	}
	return n;
}

static int replay(const char *path, uint64_t end_ms)
{
	struct program_stage stage = {};
	FILE *file = fopen(path, "re");
	unsigned n;

	if (!file) {
		perror(path);
		return EXIT_FAILURE;
	}
	if (stage_init(&stage, 0) < 0)
		return EXIT_FAILURE;
	do
		n = replay_file(&stage, file);
	while (n > 0 && now_ms() < end_ms && !corpus->is_bad);
	fclose(file);
	stage_deinit(&stage);
	printf("fuzz-ioctl: %u programs of %s, run %u times\n", n, path,
	       n > 0 ? corpus->n_run / n : 0);
	return n == 0 || corpus->is_bad ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	bool is_replay = argc == 4 && strcmp(argv[1], "--replay") == 0;
	unsigned long seconds = argc > 1 ? strtoul(argv[is_replay ? 3 : 1], NULL, 10) : 0;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	int status, result = EXIT_SUCCESS;
	uint64_t end_ms;

	corpus = mmap(NULL, sizeof(*corpus), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (corpus == MAP_FAILED)
		return EXIT_FAILURE;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	is_traced = ioperm(PORT, 1, 1) == 0;
	if (seconds == 0) {
		fprintf(stderr, "usage: fuzz-ioctl SECONDS [SEED] | --replay FILE SECONDS\n");
		return EXIT_FAILURE;
	}
	end_ms = now_ms() + seconds * 1000;
	if (is_replay)
		return replay(argv[2], end_ms);

	for (unsigned i = 0; i < N_WORKERS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_CHILD_SUBREAPER, 1);
			worker_run(i, seed, end_ms);
		}
		if (pid < 0)
			return EXIT_FAILURE;
	}
	while (wait(&status) > 0)
		if (status != 0)
			result = EXIT_FAILURE;
	printf("fuzz-ioctl: seed %llu, %u programs, %u killed, %u kept, %u steps seen\n",
	       (unsigned long long)seed, corpus->n_run, corpus->n_killed, corpus->n_kept,
	       corpus->n_seen);
	return corpus->is_bad ? EXIT_FAILURE : result;
}
