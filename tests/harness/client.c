/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A raw D-Bus client for tests: see client.h.
 *
 * The socket is non-blocking; whoever waits polls with a deadline.  Descriptors
 * are queued as they come and handed to messages in order by UNIX_FDS, as the
 * specification tells receivers to do.
 */
#include "tests/harness/client.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

char *address_value(const char *address, const char *key)
{
	const char *p = strchr(address, ':');
	size_t key_length = strlen(key);
	char *value, *out;

	for (; p && *p != ';'; p = strpbrk(p, ",;")) {
		p++;
		if (!strncmp(p, key, key_length) && p[key_length] == '=')
			break;
	}
	if (!p || *p == ';')
		return NULL;
	p += key_length + 1;
	value = out = malloc(strlen(p) + 1);
	if (!value)
		fail("out of memory");
	while (*p && *p != ',' && *p != ';') {
		unsigned int c;

		if (*p == '%' && sscanf(p + 1, "%2x", &c) == 1) {
			*out++ = c;
			p += 3;
		} else {
			*out++ = *p++;
		}
	}
	*out = 0;
	return value;
}

int address_connect(const char *address)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char *path = address_value(address, "path");
	char *abstract = path ? NULL : address_value(address, "abstract");
	const char *name = path ?: abstract;
	int fd, r;

	if (!name || strlen(name) >= sizeof(sa.sun_path) - 1)
		fail("cannot connect to %s", address);
	memcpy(sa.sun_path + !path, name, strlen(name));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	expect_ge(fd, 0);
	r = connect(fd, (struct sockaddr *)&sa,
		    offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1);
	if (r < 0) {
		r = -errno;
		close(fd);
	}
	free(path);
	free(abstract);
	return r < 0 ? r : fd;
}

struct conn *conn_take_fd(int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		fail("out of memory");
	conn->fd = fd;
	conn->inbox_tail = &conn->inbox;
	return conn;
}

struct conn *conn_open(const char *address)
{
	int fd = address_connect(address);

	if (fd < 0)
		fail("connect to %s: %s", address, strerror(-fd));
	return conn_take_fd(fd);
}

void conn_login(struct conn *conn, bool with_fds)
{
	char uid[16], text[64], *p = text;

	p += sprintf(p, "AUTH EXTERNAL ");
	sprintf(uid, "%u", getuid());
	for (const char *digit = uid; *digit; digit++)
		p += sprintf(p, "%02x", *digit);
	strcpy(p, "\r\n");
	conn_write(conn, "", 1);
	conn_text(conn, text);
	expect_line_like(conn, "OK ");
	if (with_fds) {
		conn_text(conn, "NEGOTIATE_UNIX_FD\r\n");
		expect_line(conn, "AGREE_UNIX_FD");
	}
	conn_text(conn, "BEGIN\r\n");
}

struct conn *conn_auth(const char *address, bool with_fds)
{
	struct conn *conn = conn_open(address);

	conn_login(conn, with_fds);
	return conn;
}

void conn_hello(struct conn *conn)
{
	struct msg *reply = conn_call(conn, driver_msg("Hello"));
	const char *name;

	expect_eq(reply->type, MSG_RETURN);
	msg_read(reply, "s", &name);
	conn->unique = strdup(name);
	msg_free(reply);
	expect_driver_signal(conn, "NameAcquired", conn->unique);
}

struct conn *conn_new(const char *address)
{
	struct conn *conn = conn_auth(address, true);

	conn_hello(conn);
	return conn;
}

/* what counts is who calls connect() */
static struct conn *as_nobody(struct conn *(*connect)(const char *address), const char *address)
{
	enum { NOBODY = 65534 };
	struct conn *conn;

	if (getuid())
		skip("needs to be run by root");
	expect_eq(setresgid(NOBODY, NOBODY, 0), 0);
	expect_eq(setresuid(NOBODY, NOBODY, 0), 0);
	conn = connect(address);
	expect_eq(setresuid(0, 0, 0), 0);
	expect_eq(setresgid(0, 0, 0), 0);
	return conn;
}

static struct conn *connect_nul(const char *address)
{
	struct conn *conn = conn_open(address);

	conn_write(conn, "", 1);
	return conn;
}

static struct conn *connect_auth(const char *address)
{
	return conn_auth(address, true);
}

struct conn *conn_open_nobody(const char *address)
{
	return as_nobody(connect_nul, address);
}

struct conn *conn_new_nobody(const char *address)
{
	struct conn *conn = as_nobody(connect_auth, address);

	conn_hello(conn);
	return conn;
}

bool conn_is_refused(struct conn *conn, uint32_t serial)
{
	struct msg *msg;
	bool is_refused = false;

	conn_sync(conn);
	while (conn->inbox) {
		msg = conn_recv(conn, 0);
		if (msg->type == MSG_ERROR && msg->reply_serial == serial) {
			expect_str(msg->error_name, DRIVER_ERROR "AccessDenied");
			expect_str(msg->sender, DRIVER_NAME);
			is_refused = true;
		}
		msg_free(msg);
	}
	return is_refused;
}

bool tells_loss_of(const struct msg *msg, const struct conn *conn)
{
	const char *name, *old;

	if (msg->type != MSG_SIGNAL || strcmp(msg->sender, DRIVER_NAME))
		return false;
	if (!strcmp(msg->member, "NameLost"))
		return !strcmp(msg->destination, conn->unique);
	if (strcmp(msg->member, "NameOwnerChanged"))
		return false;
	msg_read(msg, "ss", &name, &old);
	return !strcmp(old, conn->unique);
}

void conn_drop(struct conn *conn)
{
	struct msg *msg;

	while ((msg = conn->inbox)) {
		conn->inbox = msg->next;
		msg_free(msg);
	}
	conn->inbox_tail = &conn->inbox;
}

struct conn *conn_close(struct conn *conn)
{
	if (!conn)
		return NULL;
	conn_drop(conn);
	for (unsigned int i = 0; i < conn->n_in_fds; i++)
		close(conn->in_fds[i]);
	blob_free(&conn->in);
	close(conn->fd);
	free(conn->unique);
	free(conn);
	return NULL;
}

/* Reading */

static void take_fds(struct conn *conn, struct msghdr *mh)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm; cm = CMSG_NXTHDR(mh, cm)) {
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		expect_le(conn->n_in_fds + n, sizeof(conn->in_fds) / sizeof(conn->in_fds[0]));
		memcpy(conn->in_fds + conn->n_in_fds, CMSG_DATA(cm), n * sizeof(int));
		conn->n_in_fds += n;
	}
	if (mh->msg_flags & MSG_CTRUNC)
		fail("the test received more descriptors than it has room for");
}

/* Reads once. False: nothing there. */
static bool read_once(struct conn *conn)
{
	static char data[256 * 1024];
	char control[CMSG_SPACE(MSG_MAX_FDS * sizeof(int))];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(conn->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		conn->eof = true;
		return true;
	}
	take_fds(conn, &mh);
	blob_bytes(&conn->in, data, n);
	return true;
}

static bool wait_readable(struct conn *conn, int timeout_ms)
{
	struct pollfd p = {conn->fd, POLLIN, 0};

	return poll(&p, 1, timeout_ms) > 0;
}

static void consume(struct conn *conn, size_t size)
{
	conn->in.size -= size;
	memmove(conn->in.data, conn->in.data + size, conn->in.size);
}

/* Turns complete messages among the bytes into inbox entries. */
static void parse_messages(struct conn *conn)
{
	size_t done = 0;

	while (conn->in.size - done >= MSG_HEADER_SIZE) {
		const uint8_t *p = conn->in.data + done;
		size_t size = msg_size(p);
		const char *error;
		struct msg *msg;

		if (!size)
			fail("the bus sent something that is no message");
		if (conn->in.size - done < size)
			break;
		error = msg_parse(p, size, &msg);
		if (error)
			fail("the bus sent a malformed message: %s", error);
		if (msg->unix_fds > conn->n_in_fds)
			fail("the bus sent a message without its descriptors");
		msg->n_fds = msg->unix_fds;
		memcpy(msg->fds, conn->in_fds, msg->n_fds * sizeof(int));
		conn->n_in_fds -= msg->n_fds;
		memmove(conn->in_fds, conn->in_fds + msg->n_fds, conn->n_in_fds * sizeof(int));
		*conn->inbox_tail = msg;
		conn->inbox_tail = &msg->next;
		done += size;
	}
	if (done)
		consume(conn, done);
}

bool conn_fill(struct conn *conn, int timeout_ms)
{
	if (conn->eof || !wait_readable(conn, timeout_ms) || !read_once(conn))
		return false;
	parse_messages(conn);
	return true;
}

bool conn_wait_bytes(struct conn *conn)
{
	int64_t deadline = now_ms() + WAIT_MS;

	while (!conn->in.size && !conn->eof) {
		int64_t left = deadline - now_ms();

		if (left < 0)
			fail("the bus sent nothing");
		if (wait_readable(conn, left))
			read_once(conn);
	}
	return conn->in.size > 0;
}

char *conn_line(struct conn *conn)
{
	int64_t deadline = now_ms() + WAIT_MS;
	char *end, *line;

	while (!(end = conn->in.size ? memmem(conn->in.data, conn->in.size, "\r\n", 2) : NULL)) {
		int64_t left = deadline - now_ms();

		if (conn->eof)
			return NULL;
		if (left < 0 || !wait_readable(conn, left))
			fail("the bus sent no line");
		read_once(conn);
	}
	line = strndup((char *)conn->in.data, end - (char *)conn->in.data);
	if (!line)
		fail("out of memory");
	consume(conn, end - (char *)conn->in.data + 2);
	return line;
}

/* Writing */

static bool write_some(struct conn *conn, const char **data, size_t *size, const int *fds,
		       unsigned int n_fds)
{
	union {
		char bytes[CMSG_SPACE(MSG_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {(void *)*data, *size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (n_fds) {
		struct cmsghdr *cm;

		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, n_fds * sizeof(int));
	}
	n = sendmsg(conn->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0) {
		*data += n;
		*size -= n;
		return true;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* While the bus does not take more, what it sends is read: otherwise two sides
 * with full sockets would wait for each other. */
bool conn_write_fds(struct conn *conn, const void *data, size_t size, const int *fds,
		    unsigned int n_fds)
{
	int64_t deadline = now_ms() + WAIT_MS;
	const char *p = data;

	while (size) {
		struct pollfd pfd = {conn->fd, POLLIN | POLLOUT, 0};
		size_t before = size;

		if (conn->eof || !write_some(conn, &p, &size, fds, n_fds))
			return false;
		if (size < before) {
			n_fds = 0;
			deadline = now_ms() + WAIT_MS;
			continue;
		}
		if (now_ms() > deadline)
			fail("the bus does not read");
		poll(&pfd, 1, 1000);
		if (pfd.revents & POLLIN)
			read_once(conn);
	}
	return true;
}

bool conn_write(struct conn *conn, const void *data, size_t size)
{
	return conn_write_fds(conn, data, size, NULL, 0);
}

bool conn_text(struct conn *conn, const char *text)
{
	return conn_write(conn, text, strlen(text));
}

uint32_t conn_send(struct conn *conn, struct msg *msg)
{
	struct blob b = {0};
	uint32_t serial;

	if (!msg->serial)
		msg->serial = ++conn->serial;
	serial = msg->serial;
	msg_encode(msg, &b);
	conn_write_fds(conn, b.data, b.size, msg->fds, msg->n_fds);
	blob_free(&b);
	msg_free(msg);
	return serial;
}

/* The inbox */

static struct msg *unlink_msg(struct conn *conn, struct msg **at)
{
	struct msg *msg = *at;

	*at = msg->next;
	msg->next = NULL;
	if (conn->inbox_tail == &msg->next)
		conn->inbox_tail = at;
	return msg;
}

struct msg *conn_recv(struct conn *conn, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	parse_messages(conn);
	while (!conn->inbox) {
		int64_t left = deadline - now_ms();

		if (conn->eof || left < 0)
			return NULL;
		conn_fill(conn, left);
	}
	return unlink_msg(conn, &conn->inbox);
}

struct msg *conn_next_at(struct conn *conn, const char *file, int line)
{
	struct msg *msg = conn_recv(conn, WAIT_MS);

	if (!msg)
		fail_at(file, line, "no message came%s", conn->eof ? ": connection closed" : "");
	return msg;
}

/* Waits for the first message that fits; NULL on end of file. */
static struct msg *take_first_or_end(struct conn *conn,
				     bool (*fits)(const struct msg *, const void *),
				     const void *arg, const char *file, int line)
{
	int64_t deadline = now_ms() + WAIT_MS + conn->more_ms;
	struct msg **at = &conn->inbox;

	parse_messages(conn);
	for (;;) {
		int64_t left = deadline - now_ms();

		for (; *at; at = &(*at)->next)
			if (fits(*at, arg))
				return unlink_msg(conn, at);
		if (conn->eof)
			return NULL;
		if (left < 0)
			fail_at(file, line, "the message waited for did not come");
		conn_fill(conn, left);
	}
}

static struct msg *take_first(struct conn *conn, bool (*fits)(const struct msg *, const void *),
			      const void *arg, const char *file, int line)
{
	struct msg *msg = take_first_or_end(conn, fits, arg, file, line);

	if (!msg)
		fail_at(file, line, "connection closed while waiting for a message");
	return msg;
}

struct awaited {
	const char *unique;
	uint32_t serial;
};

static bool is_reply_to(const struct msg *msg, const void *arg)
{
	const struct awaited *awaited = arg;

	/* who eavesdrops sees replies to others, whose serials are like its own */
	if (awaited->unique && msg->destination && *msg->destination == ':' &&
	    strcmp(msg->destination, awaited->unique) != 0)
		return false;
	return (msg->type == MSG_RETURN || msg->type == MSG_ERROR) &&
	       msg->reply_serial == awaited->serial;
}

struct msg *conn_reply_at(struct conn *conn, uint32_t serial, const char *file, int line)
{
	return take_first(conn, is_reply_to, &(struct awaited){conn->unique, serial}, file, line);
}

struct msg *conn_reply_or_end_at(struct conn *conn, uint32_t serial, const char *file, int line)
{
	return take_first_or_end(conn, is_reply_to, &(struct awaited){conn->unique, serial}, file,
				 line);
}

struct kind {
	uint8_t type;
	const char *member;
};

static bool is_kind(const struct msg *msg, const void *arg)
{
	const struct kind *kind = arg;

	return msg->type == kind->type && msg->member && !strcmp(msg->member, kind->member);
}

struct msg *conn_find_at(struct conn *conn, uint8_t type, const char *member, const char *file,
			 int line)
{
	return take_first(conn, is_kind, &(struct kind){type, member}, file, line);
}

struct msg *conn_call_at(struct conn *conn, struct msg *call, const char *file, int line)
{
	return conn_reply_at(conn, conn_send(conn, call), file, line);
}

void conn_sync_at(struct conn *conn, const char *file, int line)
{
	msg_free(conn_call_at(conn, driver_msg("GetId"), file, line));
}

/* Driver calls */

struct msg *driver_msg(const char *member)
{
	return msg_call(DRIVER_NAME, DRIVER_PATH, DRIVER_NAME, member);
}

static const char *describe(const struct msg *msg, char *text, size_t size)
{
	static const char *const types[] = {"invalid", "call", "return", "error", "signal"};
	const char *first = "";

	if (msg->signature && msg->signature[0] == 's')
		msg_read(msg, "s", &first);
	snprintf(text, size, "%s %s %s from %s, reply serial %u, \"%.200s\"",
		 msg->type < 5 ? types[msg->type] : "message", msg->member ?: "",
		 msg->error_name ?: "", msg->sender ?: "(none)", msg->reply_serial, first);
	return text;
}

void expect_return_at(struct msg *msg, const char *file, int line)
{
	char text[512];

	if (msg->type != MSG_RETURN)
		fail_at(file, line, "expected a method return, got %s",
			describe(msg, text, sizeof(text)));
	msg_free(msg);
}

void expect_error_at(struct msg *msg, const char *error, const char *file, int line)
{
	char text[512], full[256];

	snprintf(full, sizeof(full), "%s%s",
		 strchr(error, '.') && strncmp(error, "Spawn.", 6) ? "" : DRIVER_ERROR, error);
	if (msg->type != MSG_ERROR || strcmp(msg->error_name, full))
		fail_at(file, line, "expected the error %s, got %s", full,
			describe(msg, text, sizeof(text)));
	msg_free(msg);
}

uint32_t driver_u32_at(struct msg *reply, const char *file, int line)
{
	uint32_t value;
	char text[512];

	if (reply->type != MSG_RETURN)
		fail_at(file, line, "expected a method return, got %s",
			describe(reply, text, sizeof(text)));
	if (!reply->signature || (strcmp(reply->signature, "u") && strcmp(reply->signature, "b")))
		fail_at(file, line, "expected a number, got \"%s\"", reply->signature ?: "");
	msg_read(reply, reply->signature, &value);
	msg_free(reply);
	return value;
}

void add_match_at(struct conn *conn, const char *rule, const char *file, int line)
{
	struct msg *call = msg_append(driver_msg("AddMatch"), "s", rule);

	expect_return_at(conn_call_at(conn, call, file, line), file, line);
}

void remove_match_at(struct conn *conn, const char *rule, const char *file, int line)
{
	struct msg *call = msg_append(driver_msg("RemoveMatch"), "s", rule);

	expect_return_at(conn_call_at(conn, call, file, line), file, line);
}

char *name_owner_at(struct conn *conn, const char *name, const char *file, int line)
{
	struct msg *call = msg_append(driver_msg("GetNameOwner"), "s", name);
	struct msg *reply = conn_call_at(conn, call, file, line);
	const char *owner;
	char *result;

	if (reply->type == MSG_ERROR) {
		expect_error_at(reply, "NameHasNoOwner", file, line);
		return NULL;
	}
	msg_read(reply, "s", &owner);
	result = strdup(owner);
	msg_free(reply);
	return result;
}

void expect_driver_signal_at(struct conn *conn, const char *file, int line, const char *member, ...)
{
	struct msg *msg = conn_next_at(conn, file, line);
	struct reader r = msg_reader(msg);
	const char *want;
	char text[512];
	va_list args;

	if (msg->type != MSG_SIGNAL || strcmp(msg->member, member) ||
	    strcmp(msg->interface, DRIVER_NAME) || strcmp(msg->path, DRIVER_PATH) ||
	    strcmp(msg->sender ?: "", DRIVER_NAME))
		fail_at(file, line, "expected the driver's signal %s, got %s", member,
			describe(msg, text, sizeof(text)));
	va_start(args, member);
	while ((want = va_arg(args, const char *))) {
		const char *value = read_string(&r);

		if (strcmp(value, want))
			fail_at(file, line, "expected %s(... \"%s\" ...), got \"%s\"", member, want,
				value);
	}
	va_end(args);
	if (r.pos != r.size)
		fail_at(file, line, "%s has more arguments than expected", member);
	msg_free(msg);
}

void expect_next_at(struct conn *conn, uint8_t type, const char *member, const char *file, int line)
{
	struct msg *msg = conn_next_at(conn, file, line);
	char text[512];

	if (!is_kind(msg, &(struct kind){type, member}))
		fail_at(file, line, "expected %s, got %s", member,
			describe(msg, text, sizeof(text)));
	msg_free(msg);
}

void expect_quiet_at(struct conn *conn, const char *file, int line)
{
	char text[512];

	conn_sync_at(conn, file, line);
	if (conn->inbox)
		fail_at(file, line, "expected nothing, got %s",
			describe(conn->inbox, text, sizeof(text)));
}

void expect_silence_at(struct conn *conn, int ms, const char *file, int line)
{
	struct msg *msg = conn_recv(conn, ms);
	char text[512];

	if (msg)
		fail_at(file, line, "expected nothing, got %s", describe(msg, text, sizeof(text)));
	if (conn->eof)
		fail_at(file, line, "the bus closed the connection");
}

void expect_eof_at(struct conn *conn, const char *file, int line)
{
	int64_t deadline = now_ms() + WAIT_MS;

	while (!conn->eof) {
		int64_t left = deadline - now_ms();

		if (left < 0)
			fail_at(file, line, "the bus did not close the connection");
		if (wait_readable(conn, left))
			read_once(conn);
	}
}
