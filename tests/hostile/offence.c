/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one client may do to others: see offence.h. */
#include "tests/hostile/offence.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/peer.h"

#define MIB	  (1ll << 20)
#define DRIVER	  "org.freedesktop.DBus"
#define INTERFACE "to.all"

enum {
	N_BATCH = 256, /* messages written at once */
	N_CONNECTIONS = 100,
	N_LISTENERS = 51,
	N_FDS = 16, /* of a message */
	OUTGOING_MIB = 8,
	MESSAGE_MIB = 127,
	HALF_MIB = 1, /* of each message that is never finished */
	PIECE = 64 * 1024, /* of it, written at once */
};

const char offence_limits[] = "  <limit name=\"max_outgoing_bytes\">8388608</limit>\n"
			      "  <limit name=\"max_message_size\">134217728</limit>\n"
			      "  <limit name=\"max_connections_per_user\">256</limit>\n"
			      "  <limit name=\"max_incomplete_connections\">64</limit>\n"
			      "  <limit name=\"pending_fd_timeout\">1000</limit>\n"
			      "  <limit name=\"auth_timeout\">1000</limit>\n"
			      "  <servicedir>.</servicedir>\n";

struct bytes {
	uint8_t *data;
	size_t size;
};

static void bytes_add(struct bytes *bytes, const void *data, size_t size)
{
	bytes->data = realloc(bytes->data, bytes->size + size);
	if (!bytes->data)
		_exit(1);
	memcpy(bytes->data + bytes->size, data, size);
	bytes->size += size;
}

static void bytes_add_message(struct bytes *bytes, const struct template_fields *fields)
{
	static uint32_t serial = 100;
	struct template t;

	if (template_init(&t, fields) < 0)
		_exit(1);
	template_set_serial(&t, ++serial);
	bytes_add(bytes, t.data, t.size);
	template_deinit(&t);
}

static void add_driver_call(struct bytes *bytes, const char *member, const char *signature,
			    const char *string)
{
	uint8_t body[256];
	size_t size = 0;

	for (const char *type = signature; *type; type++)
		size = *type == 's' ? body_put_string(body, size, string)
				    : body_put_u32(body, size, 0);
	bytes_add_message(bytes, &(struct template_fields){
					 .type = MSG_CALL,
					 .destination = DRIVER,
					 .path = "/org/freedesktop/DBus",
					 .interface = DRIVER,
					 .member = member,
					 .signature = *signature ? signature : NULL,
					 .body = body,
					 .body_size = size,
				 });
}

/* a client, whatever it takes */
static struct peer join(const char *path)
{
	struct peer peer = PEER_NULL;

	while (peer_open(&peer, path) < 0) {
		peer_close(&peer);
		usleep(1000);
	}
	return peer;
}

/* Writes the bytes over and over until the bus has enough; answers are read and forgotten, or
 * not read. */
static void pour(const struct peer *peer, const struct bytes *bytes, bool is_reading)
{
	static char answers[256 * 1024];
	size_t at = 0;

	for (;;) {
		struct pollfd p = {peer->fd, POLLOUT | (is_reading ? POLLIN : 0), 0};
		ssize_t n = 1;

		if (poll(&p, 1, -1) < 0)
			return;
		if (p.revents & POLLIN)
			n = recv(peer->fd, answers, sizeof(answers), MSG_DONTWAIT);
		if (!n || p.revents & (POLLHUP | POLLERR))
			return;
		if (!(p.revents & POLLOUT))
			continue;
		n = send(peer->fd, bytes->data + at, bytes->size - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			at = (at + n) % bytes->size;
		else if (errno != EAGAIN && errno != EINTR)
			return;
	}
}

static void __attribute__((noreturn))
pour_for_ever(const char *path, const struct bytes *bytes, bool is_reading)
{
	for (;;) {
		struct peer peer = join(path);

		pour(&peer, bytes, is_reading);
		peer_close(&peer);
	}
}

static void flood_driver(const char *path, const char *victim)
{
	struct bytes bytes = {0};

	for (int i = 0; i < N_BATCH; i++)
		add_driver_call(&bytes, "GetId", "", NULL);
	pour_for_ever(path, &bytes, true);
}

static void flood_calls(const char *path, const char *victim)
{
	struct bytes bytes = {0};

	for (int i = 0; i < N_BATCH; i++)
		bytes_add_message(&bytes, &(struct template_fields){
						  .type = MSG_CALL,
						  .flags = MSG_NO_REPLY_EXPECTED,
						  .destination = victim,
						  .path = "/",
						  .interface = INTERFACE,
						  .member = "Flood",
					  });
	pour_for_ever(path, &bytes, true);
}

static void flood_signals(const char *path, const char *victim)
{
	struct bytes bytes = {0};

	for (int i = 0; i < N_BATCH; i++)
		bytes_add_message(&bytes, &(struct template_fields){
						  .type = MSG_SIGNAL,
						  .path = "/",
						  .interface = INTERFACE,
						  .member = "Flood",
					  });
	pour_for_ever(path, &bytes, true);
}

static void flood_nobody(const char *path, const char *victim)
{
	struct bytes bytes = {0};

	for (int i = 0; i < N_BATCH; i++)
		bytes_add_message(&bytes, &(struct template_fields){
						  .type = MSG_CALL,
						  .destination = "no.body.is.there",
						  .path = "/",
						  .interface = INTERFACE,
						  .member = "Flood",
					  });
	pour_for_ever(path, &bytes, true);
}

static void flood_names(const char *path, const char *victim)
{
	struct bytes bytes = {0};
	char text[64];

	for (int i = 0; i < N_BATCH / 4; i++) {
		snprintf(text, sizeof(text), "of.fender.n%d", i);
		add_driver_call(&bytes, "RequestName", "su", text);
	}
	for (int i = 0; i < N_BATCH / 4; i++) {
		snprintf(text, sizeof(text), "interface='to.all',arg0='%d'", i);
		add_driver_call(&bytes, "AddMatch", "s", text);
	}
	for (int i = 0; i < N_BATCH / 4; i++) {
		snprintf(text, sizeof(text), "of.fender.n%d", i);
		add_driver_call(&bytes, "ReleaseName", "s", text);
		snprintf(text, sizeof(text), "interface='to.all',arg0='%d'", i);
		add_driver_call(&bytes, "RemoveMatch", "s", text);
	}
	pour_for_ever(path, &bytes, true);
}

/* a service that is started in vain, over and over */
static void start_services(const char *path, const char *victim)
{
	struct bytes bytes = {0};

	for (int i = 0; i < N_BATCH / 2; i++) {
		add_driver_call(&bytes, "StartServiceByName", "su", OFFENCE_SERVICE);
		bytes_add_message(&bytes, &(struct template_fields){
						  .type = MSG_CALL,
						  .destination = OFFENCE_SERVICE,
						  .path = "/",
						  .interface = INTERFACE,
						  .member = "Start",
					  });
	}
	pour_for_ever(path, &bytes, true);
}

/* asks for long answers, makes the victim answer, and reads nothing of it */
static void never_read(const char *path, const char *victim)
{
	struct bytes bytes = {0};

	for (int i = 0; i < N_BATCH; i++)
		bytes_add_message(&bytes,
				  &(struct template_fields){
					  .type = MSG_CALL,
					  .destination = DRIVER,
					  .path = "/org/freedesktop/DBus",
					  .interface = "org.freedesktop.DBus.Introspectable",
					  .member = "Introspect",
				  });
	pour_for_ever(path, &bytes, false);
}

/* each message announces 127 MiB and never ends */
static void send_halves(const char *path, const char *victim)
{
	static uint8_t zeros[HALF_MIB * MIB];
	struct peer peers[N_CONNECTIONS];
	struct bytes bytes = {0};
	uint32_t array;
	int n = 0;

	bytes_add_message(&bytes, &(struct template_fields){
					  .type = MSG_CALL,
					  .destination = victim,
					  .path = "/",
					  .member = "Half",
					  .signature = "ay",
					  .body = zeros,
					  .body_size = 8,
				  });
	/* the sizes of the body and of the array in it */
	array = (MESSAGE_MIB - 1) * MIB;
	memcpy(bytes.data + bytes.size - 8, &array, 4);
	array += 4;
	memcpy(bytes.data + 4, &array, 4);
	for (; n < N_CONNECTIONS; n++) {
		peers[n] = (struct peer)PEER_NULL;
		if (peer_open(&peers[n], path) < 0)
			break;
		peer_write(&peers[n], bytes.data, bytes.size);
	}
	/* all of them at the same time */
	for (size_t at = 0; at < sizeof(zeros); at += PIECE)
		for (int i = 0; i < n; i++)
			peer_write(&peers[i], zeros, PIECE);
	/* and a little more of each, so that none is idle */
	for (unsigned int i = 0;; i++) {
		if (n)
			send(peers[i % n].fd, zeros, 64, MSG_DONTWAIT | MSG_NOSIGNAL);
		usleep(100);
	}
}

static ssize_t send_fds(int fd, const void *data, size_t size, int passed)
{
	union {
		struct cmsghdr header;
		uint8_t space[CMSG_SPACE(N_FDS * sizeof(int))];
	} control = {.header = {
			     .cmsg_len = CMSG_LEN(N_FDS * sizeof(int)),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
		     }};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};

	for (int i = 0; i < N_FDS; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &passed, sizeof(int));
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

/* some to one who does not read, some in front of a message that never comes */
static void hoard_fds(const char *path, const char *victim)
{
	int passed = open("/dev/null", O_RDONLY | O_CLOEXEC);

	for (;;) {
		struct peer sink = join(path), from = join(path), raw = join(path);
		struct bytes bytes = {0};
		char answers[4096];

		bytes_add_message(&bytes, &(struct template_fields){
						  .type = MSG_CALL,
						  .flags = MSG_NO_REPLY_EXPECTED,
						  .destination = sink.unique_name,
						  .path = "/",
						  .member = "Keep",
						  .n_fds = N_FDS,
					  });
		send_fds(raw.fd, "l", 1, passed);
		for (int i = 0; i < 1000; i++) {
			if (send_fds(from.fd, bytes.data, bytes.size, passed) !=
			    (ssize_t)bytes.size)
				break;
			while (recv(from.fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
				;
		}
		free(bytes.data);
		peer_close(&sink);
		peer_close(&from);
		peer_close(&raw);
	}
}

static int connect_raw(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* whole connections, and some that stop in the middle of authenticating */
static void come_and_go(const char *path, const char *victim)
{
	int half[N_CONNECTIONS / 4];

	memset(half, -1, sizeof(half));
	for (unsigned int i = 0;; i++) {
		int *fd = &half[i % (N_CONNECTIONS / 4)];
		struct peer peer = PEER_NULL;

		peer_open(&peer, path);
		peer_close(&peer);
		if (i % 16)
			continue;
		if (*fd >= 0)
			close(*fd);
		*fd = connect_raw(path);
		if (*fd >= 0 && send(*fd, "\0AUTH EXTERNAL\r\n", 16, MSG_NOSIGNAL) < 0)
			usleep(1000);
	}
}

/* Small messages take up to three times their bytes, which is what is limited. */
#define QUEUE_BYTES (3 * OUTGOING_MIB * MIB)

const struct offence offences[] = {
	{"flood-driver", "calls of the driver", flood_driver, QUEUE_BYTES},
	{"flood-calls", "calls to one of the good", flood_calls, QUEUE_BYTES},
	{"flood-nobody", "calls to a name that nobody has", flood_nobody, QUEUE_BYTES},
	{"flood-names", "names and match rules, taken and given up", flood_names, QUEUE_BYTES},
	{"flood-signals", "broadcasts that half of the good have asked for", flood_signals,
	 N_LISTENERS *QUEUE_BYTES, true},
	{"starts", "calls to a service that does not start", start_services, QUEUE_BYTES},
	{"never-reads", "asks, and does not read the answers", never_read, QUEUE_BYTES},
	{"halves", "100 messages of 127 MiB that never end", send_halves,
	 N_CONNECTIONS *MESSAGE_MIB *MIB},
	{"hoards-fds", "descriptors for who does not take them", hoard_fds, QUEUE_BYTES},
	{"comes-and-goes", "connects for ever, in whole and in part", come_and_go, QUEUE_BYTES},
};
const unsigned int n_offences = sizeof(offences) / sizeof(offences[0]);
