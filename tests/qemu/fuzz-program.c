/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of system calls on kdbusfs, out of bytes
 *
 * The first byte says in which domain a program runs and in how many threads, the last of
 * which may be one of another process.  Each step chooses one of a few nodes and a command, as
 * tests/fuzz/fill.c fills it, or something else that a process can do to a descriptor or to its
 * memory.  All is decoded before the first step is done, so that threads share nothing but
 * nodes and what the commands point to - which other steps may change or take away meanwhile.
 *
 * Numbers of connections are not known before there are any: small numbers where ids belong
 * stand for nodes.
 *
 * A program that is not through after a while gets signals that interrupt what it waits for,
 * and goes on to its end; whoever does not even then is killed by who started it.
 */
#include "tests/qemu/fuzz-program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/fuzz/fill.h"
#include "tests/fuzz/fuzz.h"

#define N_STEPS 40
#define N_NODES 7

/* uid of a stranger */
#define STRANGER 4711

/* ms until signals come, and then between them */
#define WAIT_MS 300

enum place {
	PLACE_CONTROL,
	PLACE_BUS,
	PLACE_ENDPOINT,
};

static const struct {
	enum place place;
	bool is_stranger;
	uint64_t hello; /* flags with which it says HELLO at first; ~0: it does not */
} plan[N_NODES] = {
	{PLACE_CONTROL, false, ~0ULL},
	{PLACE_BUS, false, KDBUS_HELLO_ACCEPT_FD},
	{PLACE_BUS, false, 0},
	{PLACE_BUS, true, KDBUS_HELLO_ACCEPT_FD},
	{PLACE_BUS, false, KDBUS_HELLO_MONITOR},
	{PLACE_BUS, false, ~0ULL},
	{PLACE_CONTROL, false, ~0ULL},
};

static struct node {
	atomic_int fd;
	_Atomic uint64_t id;
	_Atomic(void *) pool;
} nodes[N_NODES];

enum step_kind {
	STEP_COMMAND,
	STEP_REOPEN,
	STEP_CLOSE,
	STEP_DUP,
	STEP_MMAP,
	STEP_MUNMAP,
	STEP_POLL,
	STEP_EPOLL,
	STEP_FORK,
	STEP_SIGNAL,
	STEP_PAYLOAD_GONE,
	STEP_PAYLOAD_BACK,
	STEP_SCRIBBLE,
	STEP_LOOK,
	STEP_NAP,
	N_STEP_KINDS,
};

/**
 * struct step - one of a program
 * @shift: the struct is so far from where it should be
 * @is_nowhere: it is not there at all
 * @arg: what else there is to say
 */
struct step {
	enum step_kind kind;
	unsigned node, thread;
	unsigned long nr;
	unsigned shift;
	bool is_nowhere;
	uint64_t *cmd, *msg;
	unsigned arg, arg2;
};

static struct step steps[N_STEPS];
static unsigned n_steps, n_threads;
static bool is_forked;
static const char *domain;

/* memory that structs are copied to; pages of it may go */
static uint8_t *arena;
static size_t arena_used;

/* nodes */

static int node_open_at(const char *path, bool is_stranger)
{
	int fd;

	if (is_stranger)
		syscall(SYS_setresuid, STRANGER, STRANGER, 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (is_stranger)
		syscall(SYS_setresuid, 0, 0, 0);
	return fd;
}

static void node_open(unsigned i, unsigned place)
{
	static const char *const endpoints[] = {"bus", "0-other", "1-fuzz"};
	char path[128];

	if (plan[i].place == PLACE_CONTROL && place < 3)
		snprintf(path, sizeof(path), "%s/control", domain);
	else
		snprintf(path, sizeof(path), "%s/%s/%s", domain, fill_uid_names[place % 4 == 3],
			 endpoints[place % 3]);
	nodes[i].fd = node_open_at(path, plan[i].is_stranger);
}

static void node_hello(unsigned i)
{
	struct kdbus_cmd_hello hello = {
		.size = sizeof(hello),
		.flags = plan[i].hello,
		.attach_flags_send = _KDBUS_ATTACH_ALL,
		.attach_flags_recv = i == 1 ? _KDBUS_ATTACH_ALL : 0,
		.pool_size = POOL_SIZE,
	};
	struct kdbus_cmd_free free = {.size = sizeof(free)};

	if (ioctl(nodes[i].fd, KDBUS_CMD_HELLO, &hello) < 0)
		return;
	nodes[i].id = hello.id;
	free.offset = hello.offset;
	ioctl(nodes[i].fd, KDBUS_CMD_FREE, &free);
	nodes[i].pool = mmap(NULL, POOL_SIZE, PROT_READ, MAP_SHARED, nodes[i].fd, 0);
}

static void bus_make(void)
{
	struct {
		struct kdbus_cmd cmd;
		uint64_t bloom[4];
		uint64_t name[2];
		char text[32];
	} make = {
		.cmd = {.flags = KDBUS_MAKE_ACCESS_WORLD},
		.bloom = {32, KDBUS_ITEM_BLOOM_PARAMETER, 64, 1},
		.name = {17 + strlen(fill_uid_names[0]), KDBUS_ITEM_MAKE_NAME},
	};

	make.cmd.size = sizeof(make.cmd) + sizeof(make.bloom) + make.name[0];
	strcpy(make.text, fill_uid_names[0]);
	ioctl(nodes[0].fd, KDBUS_CMD_BUS_MAKE, &make);
}

static void match_add(unsigned i)
{
	struct kdbus_cmd_match match = {.size = sizeof(match), .cookie = 1};

	ioctl(nodes[i].fd, KDBUS_CMD_MATCH_ADD, &match);
}

static void nodes_begin(void)
{
	node_open(0, 0);
	bus_make();
	for (unsigned i = 1; i < N_NODES; i++) {
		node_open(i, 0);
		if (plan[i].hello != ~0ULL)
			node_hello(i);
	}
	match_add(1);
	match_add(3);
}

/* decoding */

/* a copy of what is in @space; where nothing behind the end of it is, if @at_end */
static uint64_t *arena_copy(const uint64_t *space, bool at_end)
{
	size_t size = space[0] < FILL_WORDS * sizeof(*space) ? space[0] : 4096;
	uint8_t *at;

	size = size < 256 ? 256 : (size + 7) & ~7ul;
	if (at_end)
		arena_used = ((arena_used + size + 4095) & ~4095ul) - size;
	fuzz_expect(arena_used + size + 4096 <= PROGRAM_ARENA);
	at = arena + arena_used;
	arena_used += size;
	memcpy(at, space, size);
	if (at_end) {
		mprotect(at + size, 4096, PROT_NONE);
		arena_used += 4096;
	}
	return (uint64_t *)at;
}

static void decode_send(struct kdbus_cmd_send *cmd, struct step *step)
{
	static uint64_t space[FILL_WORDS + 4096];
	struct kdbus_msg *msg = (void *)space;
	uint8_t byte;
	char *address;

	address = fill_struct(space, &fill_message);
	byte = take();
	if (byte < 0xa0)
		msg->dst_id = byte % (N_NODES + 1);
	else if (byte < 0xe0)
		msg->dst_id = KDBUS_DST_ID_BROADCAST;
	if (take() < 0xf0) {
		msg->src_id = 0;
		msg->payload_type = KDBUS_PAYLOAD_DBUS;
	}
	byte = take();
	/* as often answers as questions */
	if (byte < 0xf0)
		msg->cookie_reply = byte % 4;
	if (byte < 0xf0 && (msg->flags & KDBUS_MSG_EXPECT_REPLY))
		msg->timeout_ns = (uint64_t)(byte % 16) * 1000000;
	cmd->flags |= take_below(4) == 0 ? KDBUS_SEND_SYNC_REPLY : 0;
	step->msg = arena_copy(space, take_below(8) == 0);
	cmd->msg_address = cmd->msg_address >= 0xf0 && cmd->msg_address != UINT64_MAX
				   ? cmd->msg_address
				   : (uintptr_t)step->msg + (address - (char *)space == 1);
}

static void decode_hello(struct kdbus_cmd_hello *cmd)
{
	if (take() < 0xf0)
		cmd->pool_size = POOL_SIZE;
	if (take() < 0xf0) {
		cmd->attach_flags_send = _KDBUS_ATTACH_ALL;
		cmd->attach_flags_recv = take() << 6 | take();
	}
}

static void decode_command(struct step *step, uint8_t what)
{
	static uint64_t space[FILL_WORDS + 4096];
	const struct fill_command *command = &fill_commands[what % n_fill_commands];
	char *address;

	address = fill_struct(space, command);
	step->kind = STEP_COMMAND;
	step->nr = command->nr;
	step->is_nowhere = address == (void *)16;
	step->shift = address == (char *)space + 1;
	if (command->nr == KDBUS_CMD_SEND)
		decode_send((void *)space, step);
	if (command->nr == KDBUS_CMD_HELLO)
		decode_hello((void *)space);
	step->cmd = arena_copy(space, take_below(8) == 0);
}

static void decode(const uint8_t *bytes, size_t size)
{
	struct step *step;
	unsigned mode;
	uint8_t what;

	fill_start(bytes, size);
	mode = take();
	n_threads = 1 + mode % PROGRAM_RUNS;
	is_forked = mode & 0x80 && n_threads > 1;
	while (fill_left > 0 && n_steps < N_STEPS) {
		step = &steps[n_steps++];
		step->node = take_below(N_NODES);
		what = take();
		step->thread = what & 0x40 ? take_below(n_threads) : what % n_threads;
		if (what < 0xc0) {
			decode_command(step, what);
			continue;
		}
		step->kind = 1 + what % (N_STEP_KINDS - 1);
		step->arg = take();
		step->arg2 = take();
	}
}

/* what small numbers stand for, now that it is known */
static void map_id(__u64 *id)
{
	if (*id > 0 && *id <= N_NODES)
		*id = nodes[*id - 1].id;
}

/* answers */

static void answer_expect_range(uint64_t offset, uint64_t size)
{
	/* nothing has the whole pool as its offset; pools of other sizes are rare */
	fuzz_expect(offset % 8 == 0);
	fuzz_expect(size < 1ULL << 32);
}

/* gives back most of what the kernel has put into the pool */
static void answer(const struct step *step, int fd, const uint64_t *cmd)
{
	const struct kdbus_cmd_info *info = (const void *)cmd;
	const struct kdbus_cmd_list *list = (const void *)cmd;
	const struct kdbus_cmd_recv *recv = (const void *)cmd;
	const struct kdbus_cmd_send *send = (const void *)cmd;
	struct kdbus_cmd_free free = {.size = sizeof(free)};
	uint64_t size;

	switch (step->nr) {
	case KDBUS_CMD_LIST:
		free.offset = list->offset;
		size = list->list_size;
		break;
	case KDBUS_CMD_CONN_INFO:
	case KDBUS_CMD_BUS_CREATOR_INFO:
		free.offset = info->offset;
		size = info->info_size;
		break;
	case KDBUS_CMD_RECV:
		free.offset = recv->msg.offset;
		size = recv->msg.msg_size;
		break;
	case KDBUS_CMD_SEND:
		free.offset = send->reply.offset;
		size = send->reply.msg_size;
		break;
	default:
		return;
	}
	/* who else changes this memory may have done so since */
	if (n_threads == 1)
		answer_expect_range(free.offset, size);
	if (step->arg % 8)
		ioctl(fd, KDBUS_CMD_FREE, &free);
}

/* steps */

static void step_command(struct step *step)
{
	struct node *node = &nodes[step->node];
	int fd = node->fd, r;
	struct kdbus_cmd_hello *hello = (void *)step->cmd;
	void *address = step->is_nowhere ? (void *)16 : (char *)step->cmd + step->shift;
	bool is_question = step->cmd[1] & KDBUS_FLAG_NEGOTIATE;

	if (step->nr == KDBUS_CMD_SEND && step->msg)
		map_id(&((struct kdbus_msg *)step->msg)->dst_id);
	if (step->nr == KDBUS_CMD_CONN_INFO)
		map_id(&((struct kdbus_cmd_info *)step->cmd)->id);
	r = ioctl(fd, step->nr, address);
	if (r < 0) {
		fuzz_expect(errno > 0 && errno < 512);
		return;
	}
	if (is_question)
		return;
	if (step->nr == KDBUS_CMD_HELLO)
		node->id = hello->id;
	answer(step, fd, step->cmd);
}

/* the memory of payloads, whole pages in the midst of fill_bytes */
static void *payload_page(void)
{
	return (void *)(((uintptr_t)fill_bytes + 4095) & ~4095ul);
}

static void step_epoll(const struct step *step)
{
	struct epoll_event event = {.events = EPOLLIN | (step->arg & 1 ? EPOLLET : 0)};
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		return;
	epoll_ctl(fd, EPOLL_CTL_ADD, nodes[step->node].fd, &event);
	epoll_wait(fd, &event, 1, step->arg % 4);
	/* one in eight stays, until the end */
	if (step->arg % 8)
		close(fd);
}

/* a child has all descriptors for a moment, and uses this one */
static void step_fork(const struct step *step)
{
	struct kdbus_cmd_recv recv = {.size = sizeof(recv), .flags = step->arg & 7};
	pid_t pid = syscall(SYS_fork);

	if (pid == 0) {
		ioctl(nodes[step->node].fd, KDBUS_CMD_RECV, &recv);
		syscall(SYS_exit_group, 0);
	}
	if (step->arg & 8)
		kill(pid, SIGKILL);
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

/* somebody passes by in the file system */
static void step_look(const struct step *step)
{
	char path[128];
	struct stat st;
	char names[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", domain, step->arg & 1 ? fill_uid_names[0] : "");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	syscall(SYS_getdents64, fd, names, sizeof(names));
	fstatat(fd, step->arg & 2 ? "bus" : "control", &st, 0);
	close(fd);
}

static void step_scribble(const struct step *step)
{
	const struct step *other = &steps[step->arg % n_steps];
	uint64_t *words = step->arg2 & 1 ? other->msg : other->cmd;

	if (words)
		words[step->arg2 / 2 % 24] = step->arg < 128 ? step->arg : ~0ULL;
}

static void step_run(struct step *step)
{
	struct node *node = &nodes[step->node];
	struct pollfd pollfd = {.fd = node->fd, .events = POLLIN | POLLOUT};
	void *pool;

	switch (step->kind) {
	case STEP_COMMAND:
		step_command(step);
		break;
	case STEP_REOPEN:
		close(node->fd);
		node_open(step->node, step->arg % 8);
		break;
	case STEP_CLOSE:
		/* one of the threads does, whatever the others are doing to it */
		close(node->fd);
		break;
	case STEP_DUP:
		if (step->arg & 1)
			dup3(nodes[step->arg % N_NODES].fd, node->fd, O_CLOEXEC);
		else
			fcntl(node->fd, F_DUPFD_CLOEXEC, 0);
		break;
	case STEP_MMAP:
		pool = mmap(NULL, step->arg2 < 200 ? POOL_SIZE : step->arg2 * 4096ul,
			    step->arg & 1 ? PROT_READ : step->arg & 7,
			    step->arg & 8 ? MAP_PRIVATE : MAP_SHARED, node->fd,
			    step->arg2 & 3 ? 0 : 4096);
		/* in one that is too small this is the end */
		if (pool != MAP_FAILED && (step->arg & 1))
			(void)*(volatile char *)pool;
		break;
	case STEP_MUNMAP:
		pool = atomic_exchange(&node->pool, NULL);
		if (pool)
			munmap(pool, POOL_SIZE);
		break;
	case STEP_POLL:
		poll(&pollfd, 1, step->arg % 4);
		break;
	case STEP_EPOLL:
		step_epoll(step);
		break;
	case STEP_FORK:
		step_fork(step);
		break;
	case STEP_SIGNAL:
		kill(getpid(), step->arg & 1 ? SIGUSR1 : SIGUSR2);
		break;
	case STEP_PAYLOAD_GONE:
		mprotect(payload_page(), 4096, step->arg & 1 ? PROT_NONE : PROT_READ);
		if (step->arg & 2)
			madvise(arena, arena_used, step->arg & 4 ? MADV_REMOVE : MADV_DONTNEED);
		break;
	case STEP_PAYLOAD_BACK:
		mprotect(payload_page(), 4096, PROT_READ | PROT_WRITE);
		break;
	case STEP_SCRIBBLE:
		step_scribble(step);
		break;
	case STEP_LOOK:
		step_look(step);
		break;
	case STEP_NAP:
		usleep(step->arg * 20);
		break;
	case N_STEP_KINDS:
		break;
	}
}

/* running */

static struct program_stage *the_stage;

static void *thread_run(void *data)
{
	unsigned thread = (uintptr_t)data;

	kcov_start(&the_stage->kcov[thread]);
	for (unsigned i = 0; i < n_steps; i++)
		if (steps[i].thread == thread)
			step_run(&steps[i]);
	kcov_stop(&the_stage->kcov[thread]);
	return NULL;
}

static void on_signal(int signal)
{
}

/* what this process does until it is told to go, or is through */
static void threads_run(unsigned first, unsigned end)
{
	pthread_t threads[PROGRAM_RUNS];
	struct timespec until;
	sigset_t signals;

	for (unsigned i = first; i < end; i++)
		fuzz_expect(pthread_create(&threads[i], NULL, thread_run, (void *)(uintptr_t)i) ==
			    0);
	/* signals are for them */
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	for (unsigned i = first; i < end; i++) {
		for (;;) {
			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += WAIT_MS * 1000000L;
			until.tv_sec += until.tv_nsec / 1000000000L;
			until.tv_nsec %= 1000000000L;
			if (pthread_timedjoin_np(threads[i], NULL, &until) == 0)
				break;
			pthread_kill(threads[i], SIGUSR2);
		}
	}
}

void program_run(struct program_stage *stage, const uint8_t *bytes, size_t size)
{
	/* calls go on after the one, and end with the other */
	struct sigaction restart = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct sigaction interrupt = {.sa_handler = on_signal};
	pid_t pid = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGUSR1, &restart, NULL);
	sigaction(SIGUSR2, &interrupt, NULL);
	the_stage = stage;
	arena = stage->arena;
	fill_open_fds();
	domain = stage->domains[size > 0 ? bytes[0] / PROGRAM_RUNS % PROGRAM_DOMAINS : 0];
	decode(bytes, size);
	nodes_begin();
	if (is_forked) {
		pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			threads_run(n_threads - 1, n_threads);
			_exit(0);
		}
		n_threads--;
	}
	threads_run(0, n_threads);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	_exit(0);
}
