/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server, and those who are not nice to it
 *
 * A child serves a domain (remote-util.h); at the end of each test it must have ended
 * by itself, with no object and no descriptor left.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel/embedded/remote-protocol.h"
#include "kernel/engine/engine-items.h"
#include "kernel/engine/remote-client.h"
#include "tests/harness/tap.h"
#include "tests/unit/kernel/remote-util.h"

#define POOL_SIZE (4u * 1024 * 1024)

/**
 * struct node - the domain of a test, and one bus in it
 * @server: the child
 * @owner: handle that made the bus
 * @bus: its directory
 * @endpoint: path of its endpoint
 */
struct node {
	struct remote_server server;
	struct remote_client owner;
	char bus[128];
	char endpoint[160];
};

static int make(struct remote_client *client, unsigned long nr, const char *name, uint64_t flags)
{
	const struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 8};
	uint64_t space[32];
	struct kdbus_cmd *cmd = (void *)space;
	struct engine_items items;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(space));
	cmd->flags = flags;
	if (nr == KDBUS_CMD_BUS_MAKE)
		engine_items_add(&items, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	engine_items_add(&items, KDBUS_ITEM_MAKE_NAME, name, strlen(name) + 1);
	return remote_client_command(client, nr, cmd);
}

static void node_open(struct node *node, uint64_t flags)
{
	char path[128], name[32];

	remote_server_start(&node->server, true, NULL);
	snprintf(path, sizeof(path), "%s/control", node->server.dir);
	expect_eq(remote_client_open(&node->owner, path, REMOTE_CLIENT_EXACT), 0);
	snprintf(name, sizeof(name), "%u-test", geteuid());
	expect_eq(make(&node->owner, KDBUS_CMD_BUS_MAKE, name, flags), 0);
	snprintf(node->bus, sizeof(node->bus), "%s/%s", node->server.dir, name);
	snprintf(node->endpoint, sizeof(node->endpoint), "%s/bus", node->bus);
}

static void node_close(struct node *node)
{
	remote_client_close_last(&node->owner);
	remote_server_stop(&node->server);
}

static int try_hello(struct remote_client *client, const char *path, uint64_t *id_out)
{
	struct kdbus_cmd_hello cmd = {
		.size = sizeof(cmd),
		.flags = KDBUS_HELLO_ACCEPT_FD,
		.attach_flags_send = _KDBUS_ATTACH_ALL,
		.pool_size = POOL_SIZE,
	};
	int r;

	r = remote_client_open(client, path, REMOTE_CLIENT_EXACT);
	if (r < 0)
		return r;
	r = remote_client_command(client, KDBUS_CMD_HELLO, &cmd);
	if (r < 0) {
		remote_client_close(client);
		return r;
	}
	*id_out = cmd.id;
	return 0;
}

static uint64_t hello(struct remote_client *client, struct node *node)
{
	uint64_t id;

	expect_eq(try_hello(client, node->endpoint, &id), 0);
	return id;
}

/* a message to @dst_id with what @add adds */
static int send_items(struct remote_client *client, uint64_t dst_id, const void *items, size_t size)
{
	uint64_t space[512] = {0};
	struct kdbus_msg *msg = (void *)space;
	struct kdbus_cmd_send cmd = {.size = sizeof(cmd), .msg_address = (uintptr_t)msg};

	*msg = (struct kdbus_msg){
		.size = sizeof(*msg) + size,
		.dst_id = dst_id,
		.payload_type = KDBUS_PAYLOAD_DBUS,
		.cookie = 1,
	};
	memcpy(msg->items, items, size);
	return remote_client_command(client, KDBUS_CMD_SEND, &cmd);
}

static int send_bytes(struct remote_client *client, uint64_t dst_id, const void *bytes, size_t size)
{
	uint64_t item[4] = {32, KDBUS_ITEM_PAYLOAD_VEC, size, (uintptr_t)bytes};

	return send_items(client, dst_id, item, sizeof(item));
}

/* what is received stays mapped until the process ends */
static int receive(struct remote_client *client, const struct kdbus_msg **msg_out,
		   struct kdbus_cmd_recv *cmd)
{
	void *pool;
	int r;

	*cmd = (struct kdbus_cmd_recv){.size = sizeof(*cmd)};
	r = remote_client_command(client, KDBUS_CMD_RECV, cmd);
	if (r < 0)
		return r;
	expect_eq(remote_client_map(client, POOL_SIZE, PROT_READ, MAP_SHARED, 0, &pool), 0);
	*msg_out = (const void *)((const char *)pool + cmd->msg.offset);
	return 0;
}

static void expect_serves(struct node *node)
{
	struct remote_client a;
	uint64_t id;

	id = hello(&a, node);
	expect_eq(send_bytes(&a, id, "still there", 11), 0);
	remote_client_close_last(&a);
}

/* a socket that has connected, and nothing more */
static int connect_raw(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	expect(fd >= 0);
	strcpy(address.sun_path, path);
	expect_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* the server closes it without a word */
static void expect_closed(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	uint32_t kind;

	do {
		expect_eq(poll(&pollfd, 1, 5000), 1);
	} while (recv(fd, &kind, sizeof(kind), MSG_DONTWAIT) > 0 && kind == REMOTE_WAKE);
	expect_le(recv(fd, &kind, sizeof(kind), MSG_DONTWAIT), 0);
	close(fd);
}

/* nodes */

static mode_t mode_of(const char *dir, const char *name)
{
	struct stat st;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	expect_eq(stat(path, &st), 0);
	return st.st_mode;
}

TEST(nodes_have_the_modes_of_kdbusfs)
{
	static const struct {
		uint64_t flags;
		mode_t directory, file;
	} rows[] = {
		{0, 0700, 0600},
		{KDBUS_MAKE_ACCESS_GROUP, 0750, 0660},
		{KDBUS_MAKE_ACCESS_WORLD, 0755, 0666},
	};

	for (size_t i = 0; i < 3; i++) {
		struct remote_client endpoint;
		struct node node;
		char name[32];

		node_open(&node, rows[i].flags);
		expect_eq(mode_of(node.server.dir, "."), (mode_t)(S_IFDIR | 0755));
		expect_eq(mode_of(node.server.dir, "control"), (mode_t)(S_IFSOCK | 0666));
		expect_eq(mode_of(node.bus, "."), S_IFDIR | rows[i].directory);
		expect_eq(mode_of(node.bus, "bus"), S_IFSOCK | rows[i].file);

		expect_eq(remote_client_open(&endpoint, node.endpoint, 0), 0);
		snprintf(name, sizeof(name), "%u-custom", geteuid());
		expect_eq(make(&endpoint, KDBUS_CMD_ENDPOINT_MAKE, name, rows[i].flags), 0);
		expect_eq(mode_of(node.bus, name), S_IFSOCK | rows[i].file);
		remote_client_close_last(&endpoint);
		node_close(&node);
	}
}

/* else a link could take the place of a socket whose mode and owner are being set */
TEST(nodes_of_a_user_are_not_to_be_replaced_by_it)
{
	struct remote_server server;
	struct stat st;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip("only root can become somebody else");
	remote_server_start(&server, true, NULL);
	pid = fork();
	expect(pid >= 0);
	if (pid == 0) {
		struct remote_client client, conn;
		char path[128], other[128];
		uint64_t id;

		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		snprintf(path, sizeof(path), "%s/control", server.dir);
		if (remote_client_open(&client, path, REMOTE_CLIENT_EXACT) < 0 ||
		    make(&client, KDBUS_CMD_BUS_MAKE, "65534-test", 0) < 0)
			_exit(2);
		snprintf(path, sizeof(path), "%s/65534-test/bus", server.dir);
		snprintf(other, sizeof(other), "%s/65534-test/other", server.dir);
		if (stat(path, &st) < 0 || st.st_uid != 65534 || st.st_mode != (S_IFSOCK | 0600))
			_exit(3);
		if (rename(path, other) == 0 || unlink(path) == 0 || symlink("bus", other) == 0)
			_exit(4);
		_exit(try_hello(&conn, path, &id) == 0 ? 0 : 5);
	}
	expect_eq(waitpid(pid, &status, 0), pid);
	expect_eq(status, 0);
	remote_server_stop(&server);
}

TEST(nodes_go_with_the_handle_that_made_them)
{
	struct remote_client endpoint, conn;
	char name[32], path[256];
	struct node node;
	uint64_t id;

	node_open(&node, 0);
	expect_eq(remote_client_open(&endpoint, node.endpoint, 0), 0);
	snprintf(name, sizeof(name), "%u-custom", geteuid());
	expect_eq(make(&endpoint, KDBUS_CMD_ENDPOINT_MAKE, name, 0), 0);
	snprintf(path, sizeof(path), "%s/%s", node.bus, name);
	expect_eq(try_hello(&conn, path, &id), 0);
	remote_client_close_last(&endpoint);
	expect_eq(access(path, F_OK), -1);
	/* and who came through it is off the bus */
	expect_eq(send_bytes(&conn, id, "x", 1), -ECONNRESET);
	expect_eq(remote_client_poll(&conn), POLLERR | POLLHUP);
	remote_client_close(&conn);

	id = hello(&conn, &node);
	remote_client_close_last(&node.owner);
	expect_eq(access(node.bus, F_OK), -1);
	expect_eq(send_bytes(&conn, id, "x", 1), -ECONNRESET);
	remote_client_close(&conn);
	remote_server_stop(&node.server);
}

/* connects as soon as there is something; errno */
static int connect_at_once(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), r;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	do
		r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	while (r < 0 && errno == ENOENT);
	r = r < 0 ? errno : 0;
	close(fd);
	return r;
}

TEST(node_that_is_there_can_be_connected_to)
{
	struct remote_server server;
	char dir[] = "/tmp/test-remote-XXXXXX", path[64];
	int status;
	pid_t pid;

	expect(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/control", dir);
	for (int i = 0; i < 40; i++) {
		expect(i == 0 || mkdir(dir, 0755) == 0);
		pid = fork();
		expect(pid >= 0);
		if (pid == 0) {
			alarm(20);
			_exit(connect_at_once(path));
		}
		remote_server_start_in(&server, dir);
		expect_eq(waitpid(pid, &status, 0), pid);
		expect_eq(WEXITSTATUS(status), 0);
		remote_server_stop(&server);
	}
}

TEST(directory_is_taken_over_from_a_server_that_was_killed)
{
	struct remote_server server;
	struct node node;
	int status;

	node_open(&node, 0);
	expect_eq(kill(node.server.pid, SIGKILL), 0);
	expect_eq(waitpid(node.server.pid, &status, 0), node.server.pid);
	close(node.server.stop_fd);
	expect_eq(make(&node.owner, KDBUS_CMD_BUS_MAKE, "x", 0), -ECONNRESET);
	remote_client_close(&node.owner);
	expect_eq(access(node.endpoint, F_OK), 0);
	expect_eq(remote_client_open(&node.owner, node.endpoint, 0), -ECONNREFUSED);

	remote_server_start_in(&server, node.server.dir);
	expect_eq(access(node.bus, F_OK), -1);
	remote_server_stop(&server);
}

/* runs @test as another user; what it returns */
static int as_user(uid_t uid, int (*test)(struct node *node), struct node *node)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip("only root can become somebody else");
	pid = fork();
	expect(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(99);
		_exit(-test(node));
	}
	expect_eq(waitpid(pid, &status, 0), pid);
	expect(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int open_endpoint(struct node *node)
{
	struct remote_client client;
	uint64_t id;
	int r = try_hello(&client, node->endpoint, &id);

	if (r >= 0)
		remote_client_close_last(&client);
	return r;
}

static int make_endpoint(struct node *node)
{
	struct remote_client client;
	int r;

	r = remote_client_open(&client, node->endpoint, 0);
	if (r < 0)
		return r;
	r = make(&client, KDBUS_CMD_ENDPOINT_MAKE, "65534-mine", 0);
	remote_client_close_last(&client);
	return r;
}

static int make_own_bus(struct node *node)
{
	struct remote_client client;
	struct stat st;
	char path[128];
	int r;

	snprintf(path, sizeof(path), "%s/control", node->server.dir);
	r = remote_client_open(&client, path, 0);
	if (r < 0)
		return r;
	r = make(&client, KDBUS_CMD_BUS_MAKE, "0-not_mine", 0);
	if (r != -EINVAL)
		return -98;
	r = make(&client, KDBUS_CMD_BUS_MAKE, "65534-mine", 0);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/65534-mine/bus", node->server.dir);
	if (stat(path, &st) < 0 || st.st_uid != 65534 || st.st_mode != (S_IFSOCK | 0600))
		return -97;
	remote_client_close_last(&client);
	return 0;
}

TEST(credentials_are_those_of_who_connects)
{
	struct node node;

	node_open(&node, 0);
	expect_eq(as_user(65534, open_endpoint, &node), -EACCES);
	expect_eq(as_user(65534, make_own_bus, &node), 0);
	node_close(&node);

	node_open(&node, KDBUS_MAKE_ACCESS_WORLD);
	expect_eq(as_user(65534, open_endpoint, &node), 0);
	expect_eq(as_user(65534, make_endpoint, &node), -EPERM);
	node_close(&node);
}

/* payload */

TEST(payload_of_every_size_arrives)
{
	static const size_t sizes[] = {1,     7, 8, 4096, REMOTE_INLINE_MAX, REMOTE_INLINE_MAX + 1,
				       300000};
	const struct kdbus_msg *msg;
	struct remote_client a;
	struct kdbus_cmd_recv cmd;
	struct node node;
	uint64_t id;
	char *bytes = malloc(300000);

	for (size_t i = 0; i < 300000; i++)
		bytes[i] = i * 7 + i / 256;
	node_open(&node, 0);
	id = hello(&a, &node);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		expect_eq(send_bytes(&a, id, bytes, sizes[i]), 0);
		expect_eq(receive(&a, &msg, &cmd), 0);
		expect_eq(msg->items[0].type, (uint64_t)KDBUS_ITEM_PAYLOAD_OFF);
		expect_mem((const char *)msg + msg->items[0].vec.offset, sizes[i], bytes, sizes[i]);
		expect_eq(remote_client_command(
				  &a, KDBUS_CMD_FREE,
				  &(struct kdbus_cmd_free){.size = sizeof(struct kdbus_cmd_free),
							   .offset = cmd.msg.offset}),
			  0);
	}
	remote_client_close(&a);
	node_close(&node);
	free(bytes);
}

/* a message with descriptors @fds; memory file first, if @memfd is one */
static int send_fds(struct remote_client *client, uint64_t dst_id, int memfd, const int *fds,
		    size_t n_fds)
{
	uint64_t items[200] = {0}, *end = items;

	if (memfd >= 0) {
		end[0] = 40;
		end[1] = KDBUS_ITEM_PAYLOAD_MEMFD;
		end[2] = 0;
		end[3] = 4096;
		end[4] = (uint32_t)memfd;
		end += 5;
	}
	end[0] = 16 + n_fds * sizeof(int);
	end[1] = KDBUS_ITEM_FDS;
	memcpy(&end[2], fds, n_fds * sizeof(int));
	end += 2 + (n_fds + 1) / 2;
	return send_items(client, dst_id, items, (char *)end - (char *)items);
}

static void *list_peers(void *data)
{
	struct remote_client *client = data;
	struct kdbus_cmd_list list = {.size = sizeof(list), .flags = KDBUS_LIST_UNIQUE};

	return (void *)(intptr_t)remote_client_command(client, KDBUS_CMD_LIST, &list);
}

/* as some have that wait for little */
TEST(threads_with_a_small_stack)
{
	struct remote_client client;
	pthread_attr_t attr;
	pthread_t thread;
	struct node node;
	void *result;

	node_open(&node, 0);
	hello(&client, &node);
	expect_eq(pthread_attr_init(&attr), 0);
	expect_eq(pthread_attr_setstacksize(&attr, 64 * 1024), 0);
	expect_eq(pthread_create(&thread, &attr, list_peers, &client), 0);
	expect_eq(pthread_join(thread, &result), 0);
	pthread_attr_destroy(&attr);
	expect_eq((intptr_t)result, 0);
	remote_client_close_last(&client);
	node_close(&node);
}

static int sealed_memfd(unsigned seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	expect(fd >= 0);
	expect_eq(ftruncate(fd, 4096), 0);
	expect_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

static bool is_same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

TEST(descriptors_have_the_numbers_that_they_got)
{
	int memfd = sealed_memfd(SEALS),
	    fds[3] = {open("/dev/null", O_RDONLY | O_CLOEXEC), sealed_memfd(0), memfd};
	const struct kdbus_msg *msg;
	const struct kdbus_item *item;
	struct kdbus_cmd_recv cmd;
	struct remote_client a;
	struct node node;
	uint64_t id;

	node_open(&node, 0);
	id = hello(&a, &node);
	expect_eq(send_fds(&a, id, memfd, fds, 3), 0);
	expect_eq(receive(&a, &msg, &cmd), 0);
	expect_eq(cmd.msg.return_flags, 0u);
	item = msg->items;
	expect_eq(item->type, (uint64_t)KDBUS_ITEM_PAYLOAD_MEMFD);
	expect(item->memfd.fd != memfd && is_same_file(item->memfd.fd, memfd));
	expect_eq(fcntl(item->memfd.fd, F_GETFD), FD_CLOEXEC);
	close(item->memfd.fd);
	item = (const void *)((const char *)item + 40);
	expect_eq(item->type, (uint64_t)KDBUS_ITEM_FDS);
	for (int i = 0; i < 3; i++) {
		expect(item->fds[i] != fds[i] && is_same_file(item->fds[i], fds[i]));
		close(item->fds[i]);
		close(fds[i]);
	}
	remote_client_close(&a);
	node_close(&node);
}

TEST(descriptors_are_those_of_the_sender)
{
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	int unsealed = sealed_memfd(F_SEAL_WRITE);
	struct remote_client a;
	struct node node;
	uint64_t id;

	node_open(&node, 0);
	id = hello(&a, &node);
	/* numbers that the server has open, and we do not */
	for (int fd = 100; fd-- > 0;)
		if (fcntl(fd, F_GETFD) < 0)
			expect_eq(send_fds(&a, id, -1, &fd, 1), -EBADF);
	expect_eq(send_fds(&a, id, file, &file, 1), -EMEDIUMTYPE);
	expect_eq(send_fds(&a, id, unsealed, &file, 1), -ETXTBSY);
	expect_eq(send_fds(&a, id, -1, &a.fd, 1), -EOPNOTSUPP);
	close(file);
	close(unsealed);
	remote_client_close(&a);
	node_close(&node);
}

TEST(receiver_without_room_for_descriptors)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fds[4] = {null, null, null, null};
	struct rlimit limit, small;
	const struct kdbus_msg *msg;
	const struct kdbus_item *item;
	struct kdbus_cmd_recv cmd;
	struct remote_client a;
	struct node node;
	uint64_t id;

	node_open(&node, 0);
	id = hello(&a, &node);
	expect_eq(send_fds(&a, id, -1, fds, 4), 0);
	expect_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	small = limit;
	/* room for two more */
	small.rlim_cur = 0;
	for (int n_free = 0; n_free < 2; small.rlim_cur++)
		n_free += fcntl(small.rlim_cur, F_GETFD) < 0;
	expect_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
	expect_eq(receive(&a, &msg, &cmd), 0);
	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	expect_eq(cmd.msg.return_flags, (uint64_t)KDBUS_RECV_RETURN_INCOMPLETE_FDS);
	item = msg->items;
	expect(is_same_file(item->fds[0], null) && is_same_file(item->fds[1], null));
	expect_eq(item->fds[2], -1);
	expect_eq(item->fds[3], -1);
	close(item->fds[0]);
	close(item->fds[1]);
	close(null);
	remote_client_close(&a);
	node_close(&node);
}

/* memory */

TEST(memory_that_is_not_there)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *last = (uint64_t *)(page + 4096 - 8);
	struct kdbus_cmd_send send = {.size = sizeof(send), .msg_address = 4096};
	struct remote_client a;
	struct node node;
	uint64_t id;

	expect_eq(munmap(page + 4096, 4096), 0);
	node_open(&node, 0);
	id = hello(&a, &node);
	expect_eq(remote_client_command(&a, KDBUS_CMD_LIST, NULL), -EFAULT);
	expect_eq(remote_client_command(&a, KDBUS_CMD_LIST, page + 4), -EFAULT);
	*last = sizeof(struct kdbus_cmd_list);
	expect_eq(remote_client_command(&a, KDBUS_CMD_LIST, last), -EFAULT);
	*last = 8;
	expect_eq(remote_client_command(&a, KDBUS_CMD_LIST, last), -EINVAL);
	*last = 32769;
	expect_eq(remote_client_command(&a, KDBUS_CMD_LIST, last), -EMSGSIZE);
	expect_eq(remote_client_command(&a, KDBUS_CMD_SEND, &send), -EFAULT);
	expect_eq(send_bytes(&a, id, page + 4090, 7), -EFAULT);
	expect_eq(send_bytes(&a, id, page + 4096, REMOTE_INLINE_MAX + 1), -EFAULT);
	expect_eq(remote_client_command(&a, 0x1234, NULL), -ENOTTY);
	expect_eq(remote_client_command(&a, KDBUS_CMD_HELLO, NULL), -EBADFD);
	/* the result cannot be written */
	*(struct kdbus_cmd_list *)page = (struct kdbus_cmd_list){.size = 40, .flags = 1};
	expect_eq(mprotect(page, 4096, PROT_READ), 0);
	expect_eq(remote_client_command(&a, KDBUS_CMD_LIST, page), -EFAULT);
	munmap(page, 4096);
	remote_client_close(&a);
	node_close(&node);
}

TEST(pool_can_be_read_and_nothing_else)
{
	struct remote_client a;
	struct node node;
	char path[64];
	void *pool;
	int fd;

	node_open(&node, 0);
	expect_eq(remote_client_map(&node.owner, 4096, PROT_READ, MAP_SHARED, 0, &pool), -EBADFD);
	hello(&a, &node);
	expect_eq(remote_client_map(&a, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 0, &pool),
		  -EPERM);
	expect_eq(remote_client_map(&a, 4096, PROT_WRITE, MAP_PRIVATE, 0, &pool), -EPERM);
	expect_eq(remote_client_map(&a, POOL_SIZE + 1, PROT_READ, MAP_SHARED, 0, &pool), -EFAULT);
	expect_eq(remote_client_map(&a, POOL_SIZE, PROT_READ, MAP_PRIVATE, 0, &pool), 0);
	expect_eq(mprotect(pool, 4096, PROT_READ | PROT_WRITE), -1);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", a.pool_fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		expect_eq(ftruncate(fd, 0), -1);
		expect_eq(ftruncate(fd, 2 * POOL_SIZE), -1);
		expect_eq(pwrite(fd, "x", 1, 0), -1);
		expect_eq(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
		expect(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
		expect_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
		close(fd);
	}
	expect_eq(ftruncate(a.pool_fd, 0), -1);
	remote_client_close(&a);
	/* a mapping outlives everything */
	node_close(&node);
	expect_eq(*(volatile char *)pool, *(volatile char *)pool);
}

/* readiness */

static bool is_readable(const struct remote_client *client)
{
	struct pollfd pollfd = {.fd = client->fd, .events = POLLIN};

	return poll(&pollfd, 1, 0) > 0;
}

TEST(socket_is_readable_while_there_is_something_to_receive)
{
	const struct kdbus_msg *msg;
	struct remote_client a, b;
	struct kdbus_cmd_recv cmd;
	struct node node;
	uint64_t id;

	node_open(&node, 0);
	id = hello(&a, &node);
	hello(&b, &node);
	expect(!is_readable(&a));
	expect_eq(remote_client_poll(&a), POLLOUT | POLLWRNORM);
	expect_eq(send_bytes(&b, id, "1", 1), 0);
	expect_eq(send_bytes(&b, id, "2", 1), 0);
	expect(is_readable(&a));
	expect_eq(remote_client_poll(&a), POLLOUT | POLLWRNORM | POLLIN | POLLRDNORM);
	expect(is_readable(&a));
	expect_eq(a.position, 2u);
	expect_eq(receive(&a, &msg, &cmd), 0);
	expect(is_readable(&a));
	expect_eq(receive(&a, &msg, &cmd), 0);
	expect(!is_readable(&a));
	expect_eq(receive(&a, &msg, &cmd), -EAGAIN);
	remote_client_close(&b);
	remote_client_close(&a);
	node_close(&node);
}

TEST(late_answers_are_missed_by_the_server)
{
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct remote_client a, b;
	struct kdbus_cmd_recv cmd;
	struct pollfd pollfd;
	struct timespec now;
	struct kdbus_msg call = {
		.size = sizeof(call),
		.flags = KDBUS_MSG_EXPECT_REPLY,
		.payload_type = KDBUS_PAYLOAD_DBUS,
		.cookie = 7,
	};
	struct kdbus_cmd_send send = {.size = sizeof(send), .msg_address = (uintptr_t)&call};
	struct node node;

	node_open(&node, 0);
	hello(&a, &node);
	call.dst_id = hello(&b, &node);
	clock_gettime(CLOCK_MONOTONIC, &now);
	call.timeout_ns = now.tv_sec * 1000000000ull + now.tv_nsec + 20000000;
	expect_eq(remote_client_command(&a, KDBUS_CMD_SEND, &send), 0);
	pollfd = (struct pollfd){.fd = a.fd, .events = POLLIN};
	expect_eq(poll(&pollfd, 1, 5000), 1);
	expect_eq(receive(&a, &msg, &cmd), 0);
	expect_eq(msg->src_id, (uint64_t)KDBUS_SRC_ID_KERNEL);
	item = msg->items;
	while (item->type != KDBUS_ITEM_REPLY_TIMEOUT)
		item = (const void *)((const char *)item + ((item->size + 7) & ~7ull));
	expect_eq(msg->cookie_reply, 7u);
	remote_client_close(&b);
	remote_client_close(&a);
	node_close(&node);
}

/* those who are not nice */

static struct remote_request request_of(uint32_t op)
{
	return (struct remote_request){.version = REMOTE_VERSION, .op = op};
}

TEST(garbage_ends_who_sends_it)
{
	struct remote_request request;
	uint64_t bytes[16];
	struct node node;
	int fd;

	node_open(&node, KDBUS_MAKE_ACCESS_WORLD);
	for (unsigned i = 0; i < 6; i++) {
		fd = connect_raw(node.endpoint);
		memset(bytes, 0xa5, sizeof(bytes));
		request = request_of(REMOTE_OPEN);
		switch (i) {
		case 0:
			expect_eq(send(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
			break;
		case 1:
			expect_eq(send(fd, &request, 4, 0), 4);
			break;
		case 2:
			request.version++;
			expect_gt(send(fd, &request, sizeof(request), 0), 0);
			break;
		case 3:
			request.op = REMOTE_COMMAND;
			expect_gt(send(fd, &request, sizeof(request), 0), 0);
			break;
		case 4:
			expect_eq(send(fd, NULL, 0, 0), 0);
			break;
		default:
			request.n_segments = 1;
			expect_gt(send(fd, &request, sizeof(request), 0), 0);
			break;
		}
		expect_closed(fd);
	}
	expect_serves(&node);
	node_close(&node);
}

static void send_with_file(int fd, const void *packet, size_t size, int file)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {
		.header =
			{
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)),
			},
	};
	struct iovec iov = {.iov_base = (void *)packet, .iov_len = size};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &file, sizeof(file));
	expect_eq(sendmsg(fd, &msg, 0), (ssize_t)size);
}

TEST(descriptors_of_an_empty_packet_are_closed)
{
	int file = memfd_create("test", MFD_CLOEXEC);
	struct node node;

	node_open(&node, 0);
	for (unsigned i = 0; i < 20; i++) {
		int fd = connect_raw(node.endpoint);

		send_with_file(fd, NULL, 0, file);
		expect_closed(fd);
	}
	close(file);
	expect_serves(&node);
	/* which sees that none is left */
	node_close(&node);
}

/* a SEND to @dst_id whose payload is said to be @size bytes of @file */
static void send_from_file(struct remote_client *client, uint64_t dst_id, int file, uint64_t size)
{
	struct {
		struct remote_request head;
		struct remote_segment segments[3];
		struct kdbus_cmd_send cmd;
		struct kdbus_msg msg;
		uint64_t vec[4];
	} packet = {
		.head = request_of(REMOTE_COMMAND),
		.segments = {{0x1000, sizeof(struct kdbus_cmd_send)},
			     {0x2000, sizeof(struct kdbus_msg) + 32},
			     {0x3000, size, REMOTE_IN_FILE}},
		.cmd = {.size = sizeof(struct kdbus_cmd_send), .msg_address = 0x2000},
		.msg = {.size = sizeof(struct kdbus_msg) + 32,
			.dst_id = dst_id,
			.payload_type = KDBUS_PAYLOAD_DBUS},
		.vec = {32, KDBUS_ITEM_PAYLOAD_VEC, size, 0x3000},
	};

	packet.head.nr = KDBUS_CMD_SEND;
	packet.head.address = 0x1000;
	packet.head.n_segments = 3;
	packet.head.has_file = 1;
	send_with_file(client->fd, &packet, sizeof(packet), file);
}

static int answer_of(struct remote_client *client)
{
	struct remote_answer answer;
	char rest[1024];
	struct iovec iov[2] = {{&answer, sizeof(answer)}, {rest, sizeof(rest)}};

	do {
		expect_ge(readv(client->fd, iov, 2), (ssize_t)sizeof(answer));
	} while (answer.kind == REMOTE_WAKE);
	return answer.result;
}

TEST(file_that_is_shorter_than_it_was_said_to_be)
{
	int file = memfd_create("test", MFD_CLOEXEC), pipe_fds[2];
	struct remote_client a;
	struct node node;
	uint64_t id;

	node_open(&node, 0);
	id = hello(&a, &node);
	expect_eq(ftruncate(file, 100000), 0);
	send_from_file(&a, id, file, 100000);
	expect_eq(answer_of(&a), 0);
	send_from_file(&a, id, file, 100001);
	expect_eq(answer_of(&a), -EFAULT);
	expect_eq(ftruncate(file, 0), 0);
	send_from_file(&a, id, file, 1);
	expect_eq(answer_of(&a), -EFAULT);
	/* one that would have to be waited for is not even tried */
	expect_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	send_from_file(&a, id, pipe_fds[0], 1);
	expect_closed(dup(a.fd));
	remote_client_close(&a);
	expect_serves(&node);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	close(file);
	node_close(&node);
}

/* truncates the file again and again while the server reads it */
TEST(file_that_shrinks_while_it_is_read)
{
	int file = memfd_create("test", MFD_CLOEXEC), r;
	struct remote_client a;
	struct node node;
	uint64_t id;
	pid_t pid;

	node_open(&node, 0);
	id = hello(&a, &node);
	pid = fork();
	expect(pid >= 0);
	while (pid == 0)
		if (ftruncate(file, 400000) < 0 || ftruncate(file, 0) < 0)
			_exit(1);
	for (int i = 0; i < 2000; i++) {
		send_from_file(&a, id, file, 400000);
		r = answer_of(&a);
		expect(r == 0 || r == -EFAULT || r == -ENOBUFS || r == -EXFULL);
	}
	expect_eq(kill(pid, SIGKILL), 0);
	expect_eq(waitpid(pid, NULL, 0), pid);
	remote_client_close(&a);
	expect_serves(&node);
	close(file);
	node_close(&node);
}

TEST(message_that_names_the_same_bytes_again_and_again)
{
	enum { N = 900 };
	struct {
		struct remote_request head;
		struct remote_segment segments[3];
		struct kdbus_cmd_send cmd;
		struct kdbus_msg msg;
		uint64_t vecs[N][4];
	} packet = {
		.head = request_of(REMOTE_COMMAND),
		.segments = {{0x1000, sizeof(struct kdbus_cmd_send)},
			     {0x2000, sizeof(struct kdbus_msg) + N * 32},
			     {0x100000, 2 << 20, REMOTE_IN_FILE}},
		.cmd = {.size = sizeof(struct kdbus_cmd_send), .msg_address = 0x2000},
		.msg = {.size = sizeof(struct kdbus_msg) + N * 32,
			.payload_type = KDBUS_PAYLOAD_DBUS},
	};
	int file = memfd_create("test", MFD_CLOEXEC);
	struct remote_client a;
	struct node node;

	expect_eq(ftruncate(file, 2 << 20), 0);
	node_open(&node, 0);
	packet.msg.dst_id = hello(&a, &node);
	packet.head.nr = KDBUS_CMD_SEND;
	packet.head.address = 0x1000;
	packet.head.n_segments = 3;
	packet.head.has_file = 1;
	for (int i = 0; i < N; i++) {
		uint64_t vec[4] = {32, KDBUS_ITEM_PAYLOAD_VEC, 2 << 20, 0x100000};

		memcpy(packet.vecs[i], vec, sizeof(vec));
	}
	send_with_file(a.fd, &packet, sizeof(packet), file);
	expect_eq(answer_of(&a), -EMSGSIZE);
	close(file);
	remote_client_close(&a);
	expect_serves(&node);
	node_close(&node);
}

TEST(one_who_asks_and_does_not_read)
{
	struct remote_request request = request_of(REMOTE_OPEN);
	struct node node;
	int fd, n = 0;

	node_open(&node, 0);
	fd = connect_raw(node.endpoint);
	expect_gt(send(fd, &request, sizeof(request), 0), 0);
	request.op = REMOTE_POLL;
	while (n < 100000 && send(fd, &request, sizeof(request), MSG_DONTWAIT) > 0)
		n++;
	/* it is not read any more, and everybody else is */
	expect_lt(n, 100000);
	expect_serves(&node);
	close(fd);
	expect_serves(&node);
	node_close(&node);
}

TEST(one_who_dies_in_the_middle)
{
	struct node node;
	int status;
	pid_t pid;

	node_open(&node, 0);
	for (int i = 0; i < 50; i++) {
		pid = fork();
		expect(pid >= 0);
		if (pid == 0) {
			struct remote_client a;
			uint64_t id = hello(&a, &node);

			for (;;)
				send_bytes(&a, id, "x", 1);
		}
		usleep(1000 + i * 100);
		expect_eq(kill(pid, SIGKILL), 0);
		expect_eq(waitpid(pid, &status, 0), pid);
	}
	expect_serves(&node);
	node_close(&node);
}

TEST(handles_of_one_user_are_limited)
{
	struct engine_limits limits = {.n_conns_user = 10};
	struct remote_server server;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip("only root can become somebody else");
	remote_server_start(&server, true, &limits);
	pid = fork();
	expect(pid >= 0);
	if (pid == 0) {
		struct remote_client clients[100];
		char path[128];
		int n = 0;

		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		snprintf(path, sizeof(path), "%s/control", server.dir);
		while (n < 100 && remote_client_open(&clients[n], path, 0) == 0)
			n++;
		_exit(n == 74 ? 0 : 2);
	}
	expect_eq(waitpid(pid, &status, 0), pid);
	expect_eq(status, 0);
	remote_server_stop(&server);
}

TEST(descriptors_of_one_user_are_limited)
{
	struct remote_client clients[5];
	struct rlimit old, limit;
	int status, fds[20];
	struct node node;
	pid_t pid;

	if (geteuid() != 0)
		skip("only root can become somebody else");
	expect_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = 1024;
	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	/* all messages have 64, of each user 16 */
	node_open(&node, KDBUS_MAKE_ACCESS_WORLD);
	expect_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (size_t i = 0; i < 20; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (uid_t uid = 65530; uid < 65533; uid++) {
		pid = fork();
		expect(pid >= 0);
		if (pid == 0) {
			struct remote_client a, b;
			uint64_t ids[2];

			if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
			    setresuid(uid, uid, uid) < 0 ||
			    try_hello(&a, node.endpoint, &ids[0]) < 0 ||
			    try_hello(&b, node.endpoint, &ids[1]) < 0)
				_exit(1);
			/* of one user, not of one connection; who is killed leaves nothing */
			_exit(send_fds(&a, ids[1], -1, fds, 16) != 0 ||
			      send_fds(&a, ids[0], -1, fds, 1) != -EMFILE ||
			      send_fds(&b, ids[1], -1, fds, 1) != -EMFILE);
		}
		expect_eq(waitpid(pid, &status, 0), pid);
		expect_eq(status, 0);
	}
	/* who may speak for others has as many as there are */
	for (size_t i = 0; i < 5; i++) {
		uint64_t id = hello(&clients[i], &node);

		expect_eq(send_fds(&clients[i], id, -1, fds, 16), i < 4 ? 0 : -EMFILE);
	}
	for (size_t i = 0; i < 5; i++)
		remote_client_close_last(&clients[i]);
	for (size_t i = 0; i < 20; i++)
		close(fds[i]);
	node_close(&node);
}

TEST(copies_of_a_socket_are_one_handle)
{
	struct remote_client a, copy;
	struct node node;
	uint64_t id;
	void *pool;

	node_open(&node, 0);
	id = hello(&a, &node);
	expect_eq(remote_client_attach(&copy, dup(a.fd), 0), 0);
	remote_client_close(&a);
	expect_eq(send_bytes(&copy, id, "x", 1), 0);
	expect_eq(remote_client_map(&copy, 4096, PROT_READ, MAP_SHARED, 0, &pool), 0);
	remote_client_close(&copy);
	node_close(&node);
}
