/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kernel-bench ROUNDS CALLS - what a round trip costs where the kernel has kdbus
 *
 * A client calls a service that answers with nothing, one call after the other: by the kdbus
 * interface itself, and as D-Bus clients of bus-proxyd with its bus in the kernel, of
 * bus-proxyd, dbus-broker and dbus-daemon.  All of them in turn, round by round, on one CPU.
 *
 * What is counted is all that was done for it: the processor time of client, service and
 * daemon, in the kernel and outside; and the time that passed, which on a CPU of their
 * own comes to the same.  Ratios are what it is about.  "make bench-kernel" runs it in an
 * emulated machine that has the instructions it executes for a clock, so they are ratios of
 * instructions, and the same again on any machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/include/uapi/linux/kdbus.h"
#include "tests/bench/contender.h"
#include "tests/bench/peer.h"
#include "tests/bench/spread.h"

enum {
	POOL_SIZE = 1 << 20,
	N_WAYS = 6,
	MAX_ROUNDS = 101,
};

#define TIMEOUT_NS UINT64_C(60000000000)
#define ALIGN8(n)  (((n) + 7) & ~(uint64_t)7)

/* how a call gets from client to service */
enum way_kind {
	NATIVE_SYNC, /* one SEND that waits */
	NATIVE,	     /* SEND, poll, RECV */
	DAEMON,
};

struct native {
	int fd;
	uint64_t id;
	const uint8_t *pool;
};

/**
 * struct way - one of those that are compared
 * @service: process that answers
 * @cpu_us, @wall_us: of a round trip, in each round
 */
struct way {
	const char *name;
	enum way_kind kind;
	struct contender contender;
	bool is_there;
	pid_t service;
	clockid_t service_clock;
	struct peer peer;
	struct template call;
	struct native native;
	uint64_t service_id, cookie;
	double cpu_us[MAX_ROUNDS], wall_us[MAX_ROUNDS];
};

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "kernel-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double clock_us(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

/* the kdbus interface itself */

static char mount_dir[] = "/tmp/kernel-bench-XXXXXX";

static void command_named(const char *name, int fd, unsigned long nr, void *cmd)
{
	if (ioctl(fd, nr, cmd) < 0)
		die(name);
}

#define command(fd, nr, cmd) command_named(#nr, fd, nr, cmd)

/* behind what is in @cmd, the first member of which is its size; it has room */
static void add_item(void *cmd, uint64_t type, const void *data, size_t size)
{
	uint64_t *total = cmd;
	struct kdbus_item *item = (void *)((char *)cmd + ALIGN8(*total));

	item->size = offsetof(struct kdbus_item, data) + size;
	item->type = type;
	memcpy(item->data, data, size);
	*total = ALIGN8(*total) + item->size;
}

static void native_make_bus(void)
{
	const struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 1};
	uint64_t buffer[32] = {0};
	struct kdbus_cmd *cmd = (void *)buffer;
	char path[64], name[32];
	int fd;

	if (!mkdtemp(mount_dir) || mount("kdbus", mount_dir, "kdbusfs", 0, NULL) < 0)
		die("mount");
	snprintf(path, sizeof(path), "%s/control", mount_dir);
	/* the bus lives as long as this process */
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	snprintf(name, sizeof(name), "%u-bench", geteuid());
	cmd->size = sizeof(*cmd);
	add_item(cmd, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	add_item(cmd, KDBUS_ITEM_MAKE_NAME, name, strlen(name) + 1);
	command(fd, KDBUS_CMD_BUS_MAKE, cmd);
}

static void native_open(struct native *native)
{
	struct kdbus_cmd_hello cmd = {.size = sizeof(cmd), .pool_size = POOL_SIZE};
	struct kdbus_cmd_free give_back = {.size = sizeof(give_back)};
	char path[64];

	snprintf(path, sizeof(path), "%s/%u-bench/bus", mount_dir, geteuid());
	native->fd = open(path, O_RDWR | O_CLOEXEC);
	if (native->fd < 0)
		die(path);
	command(native->fd, KDBUS_CMD_HELLO, &cmd);
	native->id = cmd.id;
	native->pool = mmap(NULL, POOL_SIZE, PROT_READ, MAP_SHARED, native->fd, 0);
	if (native->pool == MAP_FAILED)
		die("mmap");
	give_back.offset = cmd.offset;
	command(native->fd, KDBUS_CMD_FREE, &give_back);
}

static void native_free(struct native *native, uint64_t offset)
{
	struct kdbus_cmd_free cmd = {.size = sizeof(cmd), .offset = offset};

	command(native->fd, KDBUS_CMD_FREE, &cmd);
}

/* waits for the next message and says where it is in the pool */
static uint64_t native_recv(struct native *native)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
	struct pollfd pollfd = {.fd = native->fd, .events = POLLIN};

	while (ioctl(native->fd, KDBUS_CMD_RECV, &cmd) < 0) {
		if (errno != EAGAIN)
			die("RECV");
		if (poll(&pollfd, 1, -1) < 0)
			die("poll");
		cmd = (struct kdbus_cmd_recv){.size = sizeof(cmd)};
	}
	return cmd.msg.offset;
}

/* @bytes are those of a D-Bus call without a body; the offset of the reply, if it waits */
static uint64_t native_send(struct native *native, uint64_t dst_id, uint64_t flags,
			    uint64_t send_flags, uint64_t cookie, uint64_t cookie_reply)
{
	static const uint8_t bytes[128];
	const struct kdbus_vec vec = {.size = sizeof(bytes), .address = (uintptr_t)bytes};
	uint64_t buffer[32] = {0};
	struct kdbus_msg *msg = (void *)buffer;
	struct kdbus_cmd_send cmd = {
		.size = sizeof(cmd),
		.flags = send_flags,
		.msg_address = (uintptr_t)msg,
	};

	msg->size = sizeof(*msg);
	msg->flags = flags;
	msg->dst_id = dst_id;
	msg->payload_type = KDBUS_PAYLOAD_DBUS;
	msg->cookie = cookie;
	if (cookie_reply)
		msg->cookie_reply = cookie_reply;
	else if (flags & KDBUS_MSG_EXPECT_REPLY)
		msg->timeout_ns = (uint64_t)clock_us(CLOCK_MONOTONIC) * 1000 + TIMEOUT_NS;
	add_item(msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	command(native->fd, KDBUS_CMD_SEND, &cmd);
	return cmd.reply.offset;
}

static void __attribute__((noreturn)) native_serve(struct native *native)
{
	for (uint64_t cookie = 1;; cookie++) {
		uint64_t offset = native_recv(native);
		const struct kdbus_msg *msg = (const void *)(native->pool + offset);
		uint64_t src_id = msg->src_id, call = msg->cookie;

		native_free(native, offset);
		native_send(native, src_id, 0, 0, cookie, call);
	}
}

static void native_call(struct way *way)
{
	bool is_sync = way->kind == NATIVE_SYNC;
	uint64_t offset;

	offset = native_send(&way->native, way->service_id, KDBUS_MSG_EXPECT_REPLY,
			     is_sync ? KDBUS_SEND_SYNC_REPLY : 0, ++way->cookie, 0);
	native_free(&way->native, is_sync ? offset : native_recv(&way->native));
}

/* a daemon */

static void __attribute__((noreturn)) peer_serve(struct peer *peer)
{
	struct template *reply;
	struct message m;

	for (;;) {
		int r = peer_read(peer, &m);

		/* while the others have their turns */
		if (r == -ETIMEDOUT || r == -EAGAIN)
			continue;
		if (r < 0 || peer_reply(peer, &m, &reply) < 0 || peer_send(peer, reply) < 0)
			exit(1);
	}
}

/* the process that answers; what it is called by comes over a pipe */
static void start_service(struct way *way, char name[64])
{
	pid_t parent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe");
	way->service = fork();
	if (way->service < 0)
		die("fork");
	if (!way->service) {
		struct native native;
		struct peer peer = PEER_NULL;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			exit(1);
		close(fds[0]);
		if (way->kind != DAEMON) {
			native_open(&native);
			dprintf(fds[1], "%llu", (unsigned long long)native.id);
			close(fds[1]);
			native_serve(&native);
		}
		if (peer_open(&peer, way->contender.socket_path) < 0)
			exit(1);
		dprintf(fds[1], "%s", peer.unique_name);
		close(fds[1]);
		peer_serve(&peer);
	}
	close(fds[1]);
	memset(name, 0, 64);
	if (read(fds[0], name, 63) <= 0)
		die("service");
	close(fds[0]);
	if (clock_getcpuclockid(way->service, &way->service_clock))
		die("clock");
}

static void way_open(struct way *way)
{
	char name[64];

	way->peer = (struct peer)PEER_NULL;
	if (way->kind != DAEMON) {
		native_open(&way->native);
		start_service(way, name);
		way->service_id = strtoull(name, NULL, 10);
		return;
	}
	if (contender_start(&way->contender) < 0 ||
	    peer_open(&way->peer, way->contender.socket_path) < 0)
		die(way->name);
	start_service(way, name);
	if (template_init(&way->call, &(struct template_fields){
					      .type = MSG_CALL,
					      .destination = name,
					      .path = "/com/example/Service",
					      .interface = "com.example.Service",
					      .member = "Method",
				      }) < 0)
		die("template");
}

static void way_close(struct way *way)
{
	kill(way->service, SIGKILL);
	waitpid(way->service, NULL, 0);
	if (way->kind != DAEMON)
		return;
	template_deinit(&way->call);
	peer_close(&way->peer);
	contender_stop(&way->contender);
}

static double way_cpu_us(const struct way *way)
{
	double daemon = way->kind == DAEMON ? contender_cpu_us(&way->contender) : 0;

	return daemon + clock_us(way->service_clock) + clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

static void way_play(struct way *way, unsigned n_calls, double *cpu_us_out, double *wall_us_out)
{
	double cpu, wall;

	wall = clock_us(CLOCK_MONOTONIC);
	cpu = way_cpu_us(way);
	for (unsigned i = 0; i < n_calls; i++) {
		if (way->kind != DAEMON)
			native_call(way);
		else if (peer_call(&way->peer, &way->call) < 0)
			die(way->name);
	}
	*cpu_us_out = (way_cpu_us(way) - cpu) / n_calls;
	*wall_us_out = (clock_us(CLOCK_MONOTONIC) - wall) / n_calls;
}

static void report(struct way *ways, unsigned n_rounds)
{
	const struct way *first = &ways[0];

	printf("%-28s %28s  %10s\n", "round trip, empty call", "processor time of all, ratio",
	       "time ratio");
	for (unsigned w = 0; w < N_WAYS; w++) {
		struct way *way = &ways[w];
		double cpu[MAX_ROUNDS], wall[MAX_ROUNDS];
		struct spread cpu_spread, wall_spread;

		if (!way->is_there) {
			printf("%-28s not installed\n", way->name);
			continue;
		}
		/* each round by itself: what disturbs it disturbs all */
		for (unsigned i = 0; i < n_rounds; i++) {
			cpu[i] = way->cpu_us[i] / first->cpu_us[i];
			wall[i] = way->wall_us[i] / first->wall_us[i];
		}
		cpu_spread = spread_of(cpu, n_rounds);
		wall_spread = spread_of(wall, n_rounds);
		printf("%-28s %12.2f (%.2f to %.2f)  %10.2f\n", way->name, cpu_spread.median,
		       cpu_spread.low, cpu_spread.high, wall_spread.median);
	}
}

/* a program in front of a contender, for what contender_start() does not say */
static const char *with_option(const char *program, const char *option)
{
	static char path[] = "/tmp/kernel-bench-daemon-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		die(path);
	dprintf(fd, "#!/bin/sh\nexec %s %s \"$@\"\n", program, option);
	fchmod(fd, 0755);
	close(fd);
	return path;
}

int main(int argc, char **argv)
{
	unsigned n_rounds = argc > 1 ? atoi(argv[1]) : 9, n_calls = argc > 2 ? atoi(argv[2]) : 500;
	const char *ours = argc > 3 ? argv[3] : "./bus-proxyd";
	struct way ways[N_WAYS] = {
		{.name = "kdbus, send and receive", .kind = NATIVE},
		{.name = "kdbus, a call that waits", .kind = NATIVE_SYNC},
		{.name = "bus-proxyd in the kernel", .kind = DAEMON},
		{.name = "bus-proxyd embedded", .kind = DAEMON, .contender.program = ours},
		{.name = "dbus-broker",
		 .kind = DAEMON,
		 .contender = {.program = "dbus-broker", .kind = CONTENDER_BROKER}},
		{.name = "dbus-daemon", .kind = DAEMON, .contender.program = "dbus-daemon"},
	};
	cpu_set_t cpu;

	if (n_rounds < 1 || n_rounds > MAX_ROUNDS || n_calls < 1) {
		fputs("Usage: kernel-bench [ROUNDS [CALLS [BUS-PROXYD]]]\n", stderr);
		return 2;
	}
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu) < 0)
		die("affinity");
	signal(SIGPIPE, SIG_IGN);
	ways[2].contender.program = with_option(ours, "--bus=kernel");
	native_make_bus();
	for (unsigned w = 0; w < N_WAYS; w++) {
		struct way *way = &ways[w];
		double unused;

		way->contender.name = way->name;
		way->contender.controller = -1;
		way->is_there = way->kind != DAEMON || contender_probe(&way->contender);
		if (!way->is_there)
			continue;
		way_open(way);
		way_play(way, n_calls, &unused, &unused);
	}
	for (unsigned round = 0; round < n_rounds; round++)
		for (unsigned w = 0; w < N_WAYS; w++)
			if (ways[w].is_there)
				way_play(&ways[w], n_calls, &ways[w].cpu_us[round],
					 &ways[w].wall_us[round]);
	report(ways, n_rounds);
	for (unsigned w = 0; w < N_WAYS; w++)
		if (ways[w].is_there)
			way_close(&ways[w]);
	unlink(ways[2].contender.program);
	return 0;
}
