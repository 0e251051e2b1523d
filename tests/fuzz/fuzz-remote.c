/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to the server: the parser, and then the whole of it.
 *
 * The bytes are packets, each behind a head of two bytes: its size and how many
 * descriptors come along: a memory file, the socket, a memory file again.  The parser gets each one
 * alone: what it lets through is walked, every segment must be found where it is said to be.  Then
 * a server gets all of them, from a peer that has opened an endpoint and is connected, or from one
 * with a stream; each is answered or ends the peer, and at the end no object and no descriptor is
 * left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/embedded/embedded.h"
#include "kernel/embedded/remote-request.h"
#include "kernel/embedded/server.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "kernel/include/uapi/linux/kdbus.h"
#include "tests/fuzz/fuzz.h"

#define PACKET_MAX 4096

static uint64_t packet[PACKET_MAX / sizeof(uint64_t)];

/* parser */

static void check_call(const struct remote_call *call, size_t size)
{
	const uint8_t *end = (const uint8_t *)packet + size;
	struct remote_cursor cursor = {0};
	struct remote_range range;

	for (uint32_t i = 0; i < call->head.n_segments; i++) {
		const struct remote_segment *segment = &call->segments[i];

		fuzz_expect((const uint8_t *)(segment + 1) <= end);
		fuzz_expect(
			!remote_call_find(call, segment->address, segment->size, &cursor, &range));
		fuzz_expect(range.place == segment->place);
		if (range.place == REMOTE_IN_PACKET)
			fuzz_expect(range.bytes >= call->bytes &&
				    segment->size <= (size_t)(end - range.bytes));
		else if (range.place == REMOTE_IN_FILE)
			fuzz_expect(call->head.has_file && range.offset <= call->file_size &&
				    segment->size <= call->file_size - range.offset);
		else
			fuzz_expect(range.place == REMOTE_IN_STAGE && call->has_staged);
	}
	fuzz_expect((const uint8_t *)(call->numbers + call->head.n_numbers) <= end);
	fuzz_expect((const uint8_t *)(call->freed + call->head.n_freed) <= end);
}

/* server */

static char dir[] = "/tmp/fuzz-remote-XXXXXX";

static int connect_to(const char *node)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	fuzz_expect(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, node);
	fuzz_expect(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

/* one for all packets */
static int memory_file(void)
{
	static int file = -1;

	if (file < 0) {
		file = memfd_create("fuzz", MFD_CLOEXEC);
		fuzz_expect(file >= 0 && ftruncate(file, 4096) == 0);
	}
	return file;
}

static void send_packet(int fd, const void *bytes, size_t size, unsigned n_fds)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(8 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[8];

	for (unsigned i = 0; i < n_fds; i++)
		fds[i] = i % 2 ? fd : memory_file();
	if (n_fds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	/* one that was closed takes no more */
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		return;
}

static void check_pushed(const struct remote_pushed *pushed, size_t size)
{
	fuzz_expect(size >= sizeof(*pushed));
	fuzz_expect(pushed->n_messages <= REMOTE_WINDOW && pushed->result <= 0);
	fuzz_expect(size == sizeof(*pushed) + pushed->n_messages * sizeof(struct remote_message));
}

/* what the last call waits for; the one before is given up */
static int call_fd = -1;

/* closes the descriptors of an answer; false: there is none */
static bool take_answer(int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(254 * sizeof(int))];
	} control;
	static char bytes[REMOTE_PACKET_MAX];
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct remote_answer *answer = (const void *)bytes;
	struct cmsghdr *c;
	ssize_t n;

	n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return false;
	fuzz_expect((size_t)n >= sizeof(answer->kind));
	if (answer->kind == REMOTE_PUSHED) {
		check_pushed((const void *)bytes, n);
		return true;
	}
	fuzz_expect((size_t)n >= sizeof(*answer));
	fuzz_expect(answer->kind == REMOTE_ANSWER || answer->kind == REMOTE_WAKE);
	if (answer->call && (c = CMSG_FIRSTHDR(&msg))) {
		if (call_fd >= 0)
			close(call_fd);
		fuzz_expect(c->cmsg_len == CMSG_LEN(sizeof(int)));
		memcpy(&call_fd, CMSG_DATA(c), sizeof(call_fd));
		return true;
	}
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++)
			close(((int *)CMSG_DATA(c))[i]);
	return true;
}

static void dispatch(struct kdbus_server *server, int fd)
{
	for (int i = 0; i < 3; i++)
		fuzz_expect(kdbus_server_dispatch(server) == 0);
	while (take_answer(fd))
		continue;
}

/* a command whose struct is all there is to it */
static void send_command(struct kdbus_server *server, int fd, uint64_t nr, const void *cmd,
			 size_t size)
{
	struct {
		struct remote_request head;
		struct remote_segment segment;
		uint64_t bytes[32];
	} command = {
		.head = {REMOTE_VERSION, REMOTE_COMMAND, nr, 0x1000, .n_segments = 1},
		.segment = {0x1000, size},
	};

	memcpy(command.bytes, cmd, size);
	send_packet(fd, &command, sizeof(command) - sizeof(command.bytes) + ((size + 7) & ~7ul), 0);
	dispatch(server, fd);
}

static void send_request(struct kdbus_server *server, int fd, enum remote_op op)
{
	const struct remote_request request = {.version = REMOTE_VERSION, .op = op};

	send_packet(fd, &request, sizeof(request), 0);
	dispatch(server, fd);
}

static int open_node(struct kdbus_server *server, const char *node)
{
	int fd = connect_to(node);

	send_request(server, fd, REMOTE_OPEN);
	return fd;
}

/* BUS_MAKE; the node of the bus' endpoint */
static void fill_bus(uint64_t cmd[32], const char *name, char *node, size_t size)
{
	static const uint64_t items[] = {
		0, 0, 0, 32, KDBUS_ITEM_BLOOM_PARAMETER, 8, 1, 0, KDBUS_ITEM_MAKE_NAME};
	size_t length;

	memset(cmd, 0, 32 * sizeof(*cmd));
	memcpy(cmd, items, sizeof(items));
	length = snprintf((char *)&cmd[9], 32, "%u-%s", geteuid(), name);
	cmd[7] = 16 + length + 1;
	cmd[0] = 56 + cmd[7];
	snprintf(node, size, "%u-%s/bus", geteuid(), name);
}

static int make_bus(struct kdbus_server *server, char *node, size_t size)
{
	int fd = open_node(server, "control");
	uint64_t cmd[32];

	fill_bus(cmd, "fuzz", node, size);
	send_command(server, fd, KDBUS_CMD_BUS_MAKE, cmd, cmd[0]);
	return fd;
}

/* a bus of this process, and a stream on it */
static int open_stream(struct kdbus_server *server, struct kdbus_embedded *embedded,
		       const struct kdbus_cmd_hello *hello,
		       struct kdbus_embedded_handle **owner_out)
{
	struct kdbus_embedded_handle *owner;
	uint64_t cmd[32];
	char node[64];
	int fd;

	fill_bus(cmd, "own", node, sizeof(node));
	fuzz_expect(kdbus_embedded_open(embedded, "control", NULL, &owner) == 0);
	fuzz_expect(kdbus_embedded_command(owner, KDBUS_CMD_BUS_MAKE, cmd) == 0);
	fuzz_expect(kdbus_server_add_bus(server, kdbus_embedded_bus(owner)) == 0);
	fd = open_node(server, node);
	send_request(server, fd, REMOTE_STREAM);
	send_command(server, fd, KDBUS_CMD_HELLO, hello, sizeof(*hello));
	*owner_out = owner;
	return fd;
}

static void run_server(const uint8_t *bytes, size_t size)
{
	const struct kdbus_embedded_options options = {.strict = true};
	const struct kdbus_cmd_hello hello = {
		.size = sizeof(hello), .flags = KDBUS_HELLO_ACCEPT_FD, .pool_size = 65536};
	unsigned long n_objects = shim_alloc_count();
	struct kdbus_embedded *embedded;
	struct kdbus_embedded_handle *owner;
	struct kdbus_server *server;
	char node[64];
	unsigned n_open;
	int fds[4];

	memory_file();
	n_open = fuzz_count_fds();
	fuzz_expect(kdbus_embedded_new(&options, &embedded) == 0);
	fuzz_expect(kdbus_server_new(embedded, dir, -1, &server) == 0);
	fds[0] = make_bus(server, node, sizeof(node));
	fds[1] = open_node(server, node);
	send_command(server, fds[1], KDBUS_CMD_HELLO, &hello, sizeof(hello));
	fds[2] = open_node(server, node);
	fds[3] = open_stream(server, embedded, &hello, &owner);
	while (size >= 3) {
		size_t n = bytes[0] | (bytes[1] & 7) << 8;
		unsigned n_fds = bytes[2] & 7, to = (bytes[2] >> 3) % 4;

		bytes += 3;
		size -= 3;
		if (n > size)
			n = size;
		send_packet(fds[to], bytes, n, n_fds);
		dispatch(server, fds[to]);
		bytes += n;
		size -= n;
	}
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	if (call_fd >= 0)
		close(call_fd);
	call_fd = -1;
	fuzz_expect(kdbus_server_dispatch(server) == 0);
	kdbus_server_free(server);
	kdbus_embedded_close(owner);
	kdbus_embedded_free(embedded);
	fuzz_expect(shim_alloc_count() == n_objects);
	fuzz_expect(fuzz_count_fds() == n_open);
}

static void remove_dir(void)
{
	rmdir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static bool has_dir;
	struct remote_call call;

	if (!has_dir) {
		has_dir = true;
		fuzz_expect(mkdtemp(dir));
		atexit(remove_dir);
	}
	if (size < 1)
		return 0;
	if (bytes[0] & 1) {
		size_t n = size - 1 < PACKET_MAX ? size - 1 : PACKET_MAX;

		memcpy(packet, bytes + 1, n);
		if (remote_call_parse(packet, n, bytes[0] >> 1 & 7, &call) == 0)
			check_call(&call, n);
		return 0;
	}
	run_server(bytes + 1, size - 1);
	return 0;
}
