/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the module is beyond the contract of the interface: a file system, in a kernel
 *
 * Runs in the guest, as root, with a strict kdbusfs at ABI_ROOT; mounts more of them.  A
 * process that is stuck in a fault of its own memory is made with userfaultfd, which
 * nobody ever answers.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/abi/client.h"
#include "tests/qemu/hammer.h"
#include "tests/qemu/stuck-file.h"

#define INSIDE_UID 4712

static const char *root(void)
{
	return getenv("ABI_ROOT");
}

static const char *path_of(const char *node)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", root(), node);
	return path;
}

static mode_t mode_of(const char *node)
{
	struct stat st;

	expect_eq(stat(path_of(node), &st), 0);
	return st.st_mode;
}

static void nap_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

ABI_TEST(modes_of_nodes)
{
	static const struct {
		uint64_t flags;
		mode_t dir, file;
	} cases[] = {
		{0, 0500, 0600},
		{KDBUS_MAKE_ACCESS_GROUP, 0550, 0660},
		{KDBUS_MAKE_ACCESS_WORLD, 0555, 0666},
		{KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD, 0555, 0666},
	};
	struct cmd cmd;

	expect_eq(mode_of(""), S_IFDIR | 0555);
	expect_eq(mode_of("control"), S_IFREG | 0666);
	for (size_t i = 0; i < N_OF(cases); i++) {
		const char *name = bus_fresh_name();
		char endpoint[128];
		void *owner;

		expect_eq(node_open("control", NULL, &owner), 0);
		bus_cmd(&cmd, name, 64, cases[i].flags);
		expect_eq(node_ioctl(owner, KDBUS_CMD_BUS_MAKE, &cmd), 0);
		expect_eq(mode_of(name), S_IFDIR | cases[i].dir);
		snprintf(endpoint, sizeof(endpoint), "%s/bus", name);
		expect_eq(mode_of(endpoint), S_IFREG | cases[i].file);
		node_close(owner);
		expect_eq(access(path_of(name), F_OK), -1);
	}
}

/* the names in a directory, each with a blank behind it */
static const char *listing(const char *node, unsigned *n_out)
{
	static char names[8192];
	struct dirent *entry;
	DIR *dir = opendir(path_of(node));
	size_t pos = 0;

	expect(dir);
	*n_out = 0;
	names[0] = '\0';
	while ((entry = readdir(dir))) {
		struct stat st;

		expect_eq(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
		expect(entry->d_type == (S_ISDIR(st.st_mode) ? DT_DIR : DT_REG));
		if (entry->d_name[0] != '.')
			expect_eq(entry->d_ino, st.st_ino);
		pos += snprintf(names + pos, sizeof(names) - pos, "%s ", entry->d_name);
		(*n_out)++;
	}
	closedir(dir);
	return names;
}

ABI_TEST(directories_list_what_there_is)
{
	unsigned n, n_before;
	void *endpoint;

	expect(strstr(listing("", &n), B.name));
	expect(strstr(listing("", &n), "control"));
	expect(strstr(listing(B.name, &n_before), "bus "));
	endpoint = endpoint_make(endpoint_name("one"), 0);
	expect(strstr(listing(B.name, &n), "-one "));
	expect_eq(n, n_before + 1);
	node_close(endpoint);
	listing(B.name, &n);
	expect_eq(n, n_before);
}

/* an open directory of a bus that has gone is an empty one */
ABI_TEST(directory_outlives_its_bus)
{
	int dir = open(path_of(B.name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	expect_le(0, dir);
	node_close(B.owner);
	expect_eq(openat(dir, "bus", O_RDWR | O_CLOEXEC), -1);
	expect_eq(errno, ENOENT);
	close(dir);
}

ABI_TEST(nothing_can_be_made_there)
{
	int dir = open(root(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	expect_eq(mkdirat(dir, "x", 0700), -1);
	expect_eq(openat(dir, "y", O_CREAT | O_RDWR | O_CLOEXEC, 0600), -1);
	expect_eq(unlinkat(dir, "control", 0), -1);
	expect_eq(renameat(dir, "control", dir, "z"), -1);
	close(dir);
}

ABI_TEST(file_system_says_what_it_is)
{
	struct statfs st;

	expect_eq(statfs(root(), &st), 0);
	expect_eq(st.f_type, 0x44427573);
}

/* somebody is always looking while buses of one name come and go */

static atomic_bool looks;

static void *looking_thread(void *data)
{
	struct stat st;

	while (looks)
		stat(data, &st);
	return NULL;
}

ABI_TEST(buses_are_looked_at_while_they_come_and_go)
{
	const char *name = bus_fresh_name();
	char path[256];
	pthread_t thread;
	struct stat st;
	struct cmd cmd;
	void *owner;

	snprintf(path, sizeof(path), "%s/%s", root(), name);
	looks = true;
	expect_eq(pthread_create(&thread, NULL, looking_thread, path), 0);
	for (unsigned i = 0; i < 1000; i++) {
		expect_eq(node_open("control", NULL, &owner), 0);
		bus_cmd(&cmd, name, 64, 0);
		expect_eq(node_ioctl(owner, KDBUS_CMD_BUS_MAKE, &cmd), 0);
		expect_eq(stat(path, &st), 0);
		expect_eq(st.st_gid, getegid());
		node_close(owner);
	}
	looks = false;
	expect_eq(pthread_join(thread, NULL), 0);
}

/* the pool */

ABI_TEST(pool_cannot_be_written)
{
	struct peer *a = peer();
	char line[512], link[128];
	unsigned long start = (unsigned long)a->pool;
	bool is_there = false;
	FILE *maps;
	int fd;

	expect_eq(mprotect((void *)a->pool, 4096, PROT_READ | PROT_WRITE), -1);
	expect_eq(errno, EACCES);
	maps = fopen("/proc/self/maps", "re");
	while (fgets(line, sizeof(line), maps))
		if (strtoul(line, NULL, 16) == start)
			is_there = strstr(line, "kdbus-conn") && strstr(line, "(deleted)");
	fclose(maps);
	expect(is_there);

	/* not even by who may open whatever is mapped */
	snprintf(link, sizeof(link), "/proc/self/map_files/%lx-%lx", start,
		 start + (unsigned long)a->pool_size);
	fd = open(link, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		expect_eq(pwrite(fd, "x", 1, 0), -1);
		expect_eq(ftruncate(fd, 0), -1);
		expect(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
		close(fd);
	}
}

/* calls that wait */

static void on_signal(int signal)
{
}

struct waiting {
	struct peer *from;
	uint64_t to;
	struct cmd cmd;
	struct cmd msg;
	int result;
};

static void *waiting_thread(void *data)
{
	struct waiting *waiting = data;

	waiting->result = node_ioctl(waiting->from->h, KDBUS_CMD_SEND, &waiting->cmd);
	return NULL;
}

static void waiting_init(struct waiting *waiting, struct peer *from, uint64_t to)
{
	*waiting = (struct waiting){.from = from, .to = to, .result = 1};
	msg_init(&waiting->msg, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					       .dst_id = to,
					       .cookie = 77,
					       .cookie_reply = in_ms(20000)});
	cmd_init(&waiting->cmd, sizeof(struct kdbus_cmd_send), KDBUS_SEND_SYNC_REPLY);
	waiting->cmd.send.msg_address = (uintptr_t)&waiting->msg;
}

ABI_TEST(call_is_restarted_after_a_signal)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct peer *a = peer(), *b = peer();
	static struct waiting waiting;
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	waiting_init(&waiting, a, b->id);
	expect_eq(pthread_create(&thread, NULL, waiting_thread, &waiting), 0);
	expect(peer_wait(b, 10000));
	for (int i = 0; i < 20; i++) {
		pthread_kill(thread, SIGUSR1);
		nap_ms(5);
	}
	expect_message(b, a->id, 77);
	expect_nothing(b);
	expect_eq(peer_reply(b, a->id, 77), 0);
	expect_eq(pthread_join(thread, NULL), 0);
	expect_eq(waiting.result, 0);
}

ABI_TEST(call_of_one_who_is_killed)
{
	struct peer *a = peer(), *b = peer();
	static struct waiting waiting;
	int status;
	pid_t pid;

	waiting_init(&waiting, a, b->id);
	pid = fork();
	if (pid == 0)
		_exit(!!waiting_thread(&waiting));
	expect(peer_wait(b, 10000));
	kill(pid, SIGKILL);
	expect_eq(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status));
	expect_message(b, a->id, 77);
	peer_reply(b, a->id, 77);
}

/* memory that never comes */

#define STUCK_SIZE (16 * 4096UL)

/* its pages are asked for, and nobody answers; @fd_out keeps it so */
static void *stuck_memory(int *fd_out)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	void *memory;

	*fd_out = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (*fd_out < 0)
		skip("no userfaultfd");
	expect_eq(ioctl(*fd_out, UFFDIO_API, &api), 0);
	memory = mmap(NULL, STUCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(memory != MAP_FAILED);
	range.range.start = (uintptr_t)memory;
	range.range.len = STUCK_SIZE;
	expect_eq(ioctl(*fd_out, UFFDIO_REGISTER, &range), 0);
	return memory;
}

static void expect_stuck(pid_t pid)
{
	int status;

	nap_ms(200);
	expect_eq(waitpid(pid, &status, WNOHANG), 0);
}

static void expect_end(pid_t pid)
{
	int status;

	expect_eq(waitpid(pid, &status, 0), pid);
	expect(WIFSIGNALED(status));
}

static void expect_killed(pid_t pid)
{
	kill(pid, SIGKILL);
	expect_end(pid);
}

/* neither the receiver @b nor the bus, nor who has the same connection @a */
static void expect_nobody_is_held_up(struct peer *a, struct peer *b, struct peer *c)
{
	expect_eq(peer_send_to(c, b->id, 2, 10), 0);
	expect_message(b, c->id, 2);
	expect_eq(peer_send_to(a, b->id, 3, 10), 0);
	expect_message(b, a->id, 3);
	expect_eq(peer_acquire(c, "a.b", 0), 0);
	expect_eq(peer_release(c, "a.b"), 0);
	peer_close(peer());
}

ABI_TEST(stuck_sender_holds_up_nobody)
{
	struct peer *a = peer(), *b = peer(), *c = peer();
	int fd;
	pid_t pid;

	peer_match_empty(b);
	pid = fork();
	if (pid == 0) {
		void *memory = stuck_memory(&fd);

		_exit(peer_send(a, &(struct send){.dst_id = b->id,
						  .cookie = 1,
						  .data = memory,
						  .size = STUCK_SIZE}) != 0);
	}
	expect_stuck(pid);
	expect_nobody_is_held_up(a, b, c);
	expect_killed(pid);
	peer_drain(b);
	expect_nothing(b);
}

/* a payload that is mapped from a file, the server of which does not answer.  Where the kernel
 * itself waits for the answer to a read that has been seen, not even SIGKILL ends that, whoever
 * reads: it has to be aborted.
 */
ABI_TEST(stuck_file_holds_up_nobody)
{
	struct peer *a = peer(), *b = peer(), *c = peer();

	for (unsigned i = 0; i < 4; i++) {
		bool is_broadcast = i & 2;
		struct stuck_file file = {.place = "/tmp/stuck", .is_async = i & 1};
		void *memory;
		pid_t pid;
		int fd;

		if (!stuck_file_begin(&file))
			skip("no FUSE");
		pid = fork();
		if (pid == 0) {
			close(file.fd);
			fd = open(file.path, O_RDONLY | O_CLOEXEC);
			memory = mmap(NULL, STUCK_FILE_SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
			_exit(peer_send(a,
					&(struct send){.flags = is_broadcast ? KDBUS_MSG_SIGNAL : 0,
						       .dst_id = is_broadcast ? BROADCAST : b->id,
						       .cookie = 1,
						       .data = memory,
						       .size = STUCK_FILE_SIZE}) != 0);
		}
		while (!file.is_read)
			expect_stuck(pid);
		expect_nobody_is_held_up(a, b, c);
		expect_stuck(pid);
		kill(pid, SIGKILL);
		if (!file.is_async)
			stuck_file_abort(&file);
		expect_end(pid);
		stuck_file_end(&file);
		expect_nothing(b);
	}
}

ABI_TEST(stuck_receiver_holds_up_nobody)
{
	struct peer *a = peer(), *b = peer();
	pid_t pid;
	int fd;

	pid = fork();
	if (pid == 0)
		_exit(node_ioctl(b->h, KDBUS_CMD_RECV, stuck_memory(&fd)) != 0);
	expect_stuck(pid);
	expect_eq(peer_send_to(a, b->id, 1, 10), 0);
	expect_message(b, a->id, 1);
	expect_killed(pid);
}

/* who waits for a handle that is stuck in HELLO can be killed himself */
ABI_TEST(stuck_hello_can_be_killed)
{
	pid_t stuck, waits;
	struct cmd cmd;
	void *handle;
	int fd;

	expect_eq(node_open(node_path("bus"), NULL, &handle), 0);
	stuck = fork();
	if (stuck == 0)
		_exit(node_ioctl(handle, KDBUS_CMD_HELLO, stuck_memory(&fd)) != 0);
	expect_stuck(stuck);
	waits = fork();
	if (waits == 0) {
		hello_init(&cmd, 0);
		_exit(node_ioctl(handle, KDBUS_CMD_HELLO, &cmd) != 0);
	}
	expect_stuck(waits);
	expect_killed(waits);
	peer_close(peer());
	expect_killed(stuck);
	hello_init(&cmd, 0);
	expect_eq(node_ioctl(handle, KDBUS_CMD_HELLO, &cmd), 0);
}

/* who is killed tells all that he has to, wherever in the pool it happens to lie */
ABI_TEST(killed_peers_are_announced)
{
	struct kdbus_cmd_recv recv;
	struct peer *a = peer();
	const struct kdbus_msg *msg;
	uint64_t id;
	int ids[2];

	peer_match_type(a, KDBUS_ITEM_ID_REMOVE);
	expect_eq(pipe2(ids, O_CLOEXEC), 0);
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			id = peer()->id;
			if (write(ids[1], &id, sizeof(id)) < 0)
				_exit(1);
			pause();
		}
		expect_eq(read(ids[0], &id, sizeof(id)), sizeof(id));
		expect_killed(pid);
		expect(peer_wait(a, 10000));
		/* it stays in the pool, so that the next one lies elsewhere */
		msg = peer_get_raw(a, &recv);
		expect_eq(recv.return_flags, 0);
		expect_eq(msg->items[0].type, KDBUS_ITEM_ID_REMOVE);
		expect_eq(msg->items[0].id_change.id, id);
	}
	close(ids[0]);
	close(ids[1]);
}

/* descriptors */

ABI_TEST(uring_is_refused)
{
	struct peer *a = peer(), *b = peer();
	struct io_uring_params params = {};
	int fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		skip("no io_uring");
	expect_eq(
		peer_send(a, &(struct send){.dst_id = b->id, .cookie = 1, .fds = &fd, .n_fds = 1}),
		-EOPNOTSUPP);
	close(fd);
	expect_nothing(b);
}

/* mounts */

static int mount_at(const char *path, const char *options, unsigned long flags)
{
	mkdir(path, 0700);
	return mount("kdbus", path, "kdbusfs", flags, options) < 0 ? -errno : 0;
}

/* a bus on that mount; a descriptor or a negative errno */
static int bus_at(const char *path, const char *name)
{
	char control[256];
	struct cmd cmd;
	int fd, r = 0;

	snprintf(control, sizeof(control), "%s/control", path);
	fd = open(control, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	bus_cmd(&cmd, name, 64, KDBUS_MAKE_ACCESS_WORLD);
	if (ioctl(fd, KDBUS_CMD_BUS_MAKE, &cmd) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

TEST(limits_are_mount_options)
{
	const char *path = "/tmp/limited";
	int one, two, three;

	expect_eq(mount_at(path, "buses=1,conns=3,nonsense=1", 0), -EINVAL);
	expect_eq(mount_at(path, "buses=1,conns=3", 0), 0);
	one = bus_at(path, "0-one");
	expect_le(0, one);
	expect_eq(bus_at(path, "0-two"), -EMFILE);
	expect_eq(mount_at(path, "buses=2", MS_REMOUNT), 0);
	two = bus_at(path, "0-two");
	expect_le(0, two);
	expect_eq(bus_at(path, "0-three"), -EMFILE);
	expect_eq(mount_at(path, "p1", MS_REMOUNT), -EINVAL);
	/* another mount is another domain */
	expect_eq(mount_at("/tmp/other", NULL, 0), 0);
	three = bus_at("/tmp/other", "0-one");
	expect_le(0, three);
	expect_eq(umount("/tmp/other"), -1);
	close(three);
	expect_eq(umount("/tmp/other"), 0);
	close(two);
	close(one);
	expect_eq(umount(path), 0);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(3);
	close(fd);
}

/* ids in names are those of who mounted */
static int in_user_namespace(void)
{
	char map[64];
	int fd;

	if (syscall(SYS_setresgid, INSIDE_UID, INSIDE_UID, INSIDE_UID) < 0 ||
	    syscall(SYS_setresuid, INSIDE_UID, INSIDE_UID, INSIDE_UID) < 0)
		return 4;
	/* its files in procfs are its own again */
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return 77;
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %d 1", INSIDE_UID);
	write_file("/proc/self/uid_map", map);
	write_file("/proc/self/gid_map", map);
	if (mount("kdbus", "/tmp/inside", "kdbusfs", 0, NULL) < 0)
		return 5;
	if (bus_at("/tmp/inside", "4712-bus") != -EINVAL)
		return 6;
	fd = bus_at("/tmp/inside", "0-bus");
	if (fd < 0)
		return 7;
	if (access("/tmp/inside/0-bus/bus", R_OK | W_OK) < 0)
		return 8;
	return 0;
}

TEST(mounted_in_a_user_namespace)
{
	int status;
	pid_t pid;

	mkdir("/tmp/inside", 0755);
	pid = fork();
	if (pid == 0)
		_exit(in_user_namespace());
	expect_eq(waitpid(pid, &status, 0), pid);
	if (WEXITSTATUS(status) == 77)
		skip("no user namespaces");
	expect_eq(status, 0);
}

/* many processes that come, talk and are killed at any point */

#define N_HAMMERS 6

TEST_TIMEOUT(killed_at_any_point, 100)
{
	pid_t pids[N_HAMMERS];
	uint64_t *ids;
	int status;

	abi_begin();
	ids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(ids != MAP_FAILED);
	for (unsigned round = 0; round < 60; round++) {
		for (unsigned i = 0; i < N_HAMMERS; i++) {
			if (round > 0 && i != round % N_HAMMERS)
				continue;
			if (round > 0) {
				kill(pids[i], SIGKILL);
				expect_eq(waitpid(pids[i], &status, 0), pids[i]);
				expect(WIFSIGNALED(status));
				expect_eq(WTERMSIG(status), SIGKILL);
			}
			pids[i] = fork();
			if (pids[i] == 0)
				hammer(round * N_HAMMERS + i, ids, 8);
		}
		nap_ms(100);
	}
	/* and the bus goes under them */
	node_close(B.owner);
	for (unsigned i = 0; i < N_HAMMERS; i++) {
		kill(pids[i], SIGKILL);
		expect_eq(waitpid(pids[i], &status, 0), pids[i]);
	}
	munmap(ids, 4096);
	abi_end();
}
