/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The benchmark's own client: see peer.h.
 *
 * Marshals and reads in the byte order of the machine ('l' on x86).  The
 * fields of a header are an array of (byte, variant); every value a bus puts
 * there is a string, a signature or a u32, so stepping over them needs no
 * general parser.
 */
#include "tests/bench/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ALIGN8(n) (((n) + 7) & ~(size_t)7)
#define ALIGN4(n) (((n) + 3) & ~(size_t)3)

enum {
	HEADER_SIZE = 16, /* with the length of the field array */
	READ_SIZE = 64 * 1024,
};

enum {
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_ERROR_NAME = 4,
	FIELD_REPLY_SERIAL = 5,
	FIELD_DESTINATION = 6,
	FIELD_SENDER = 7,
	FIELD_SIGNATURE = 8,
	FIELD_UNIX_FDS = 9,
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static const uint8_t endian_mark = 'l';
#else
static const uint8_t endian_mark = 'B';
#endif

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static void put_u32(uint8_t *p, uint32_t value)
{
	memcpy(p, &value, sizeof(value));
}

size_t body_put_u32(uint8_t *body, size_t size, uint32_t number)
{
	size_t at = ALIGN4(size);

	memset(body + size, 0, at - size);
	put_u32(body + at, number);
	return at + 4;
}

size_t body_put_string(uint8_t *body, size_t size, const char *string)
{
	size_t length = strlen(string);

	size = body_put_u32(body, size, length);
	memcpy(body + size, string, length + 1);
	return size + length + 1;
}

static size_t put_field(uint8_t *data, size_t size, int field, char type, const char *value)
{
	size_t at = ALIGN8(size);

	if (!value)
		return size;
	memset(data + size, 0, at - size);
	data[at++] = field;
	data[at++] = 1;
	data[at++] = type;
	data[at++] = 0;
	if (type != 'g')
		return body_put_string(data, at, value);
	data[at++] = strlen(value);
	memcpy(data + at, value, strlen(value) + 1);
	return at + strlen(value) + 1;
}

static size_t put_field_u32(uint8_t *data, size_t size, int field, uint32_t value)
{
	size_t at = ALIGN8(size);

	if (!value)
		return size;
	memset(data + size, 0, at - size);
	memcpy(data + at, (uint8_t[]){field, 1, 'u', 0}, 4);
	return body_put_u32(data, at + 4, value);
}

static size_t length_or_0(const char *string)
{
	return string ? strlen(string) : 0;
}

int template_init(struct template *t, const struct template_fields *f)
{
	size_t size = HEADER_SIZE, fields_end;

	/* each field costs at most 7 of padding, 4 of type, 4 of length, 1 of NUL */
	t->data = malloc(HEADER_SIZE + 8 * 16 + length_or_0(f->destination) + length_or_0(f->path) +
			 length_or_0(f->interface) + length_or_0(f->member) +
			 length_or_0(f->signature) + f->body_size);
	if (!t->data)
		return -ENOMEM;
	t->data[0] = endian_mark;
	t->data[1] = f->type;
	t->data[2] = f->flags;
	t->data[3] = 1;
	put_u32(t->data + 4, f->body_size);
	put_u32(t->data + 8, 0);
	size = put_field(t->data, size, FIELD_PATH, 'o', f->path);
	size = put_field(t->data, size, FIELD_DESTINATION, 's', f->destination);
	size = put_field(t->data, size, FIELD_INTERFACE, 's', f->interface);
	size = put_field(t->data, size, FIELD_MEMBER, 's', f->member);
	size = put_field(t->data, size, FIELD_SIGNATURE, 'g', f->signature);
	size = put_field_u32(t->data, size, FIELD_UNIX_FDS, f->n_fds);
	/* last, where peer_reply() finds it */
	size = put_field_u32(t->data, size, FIELD_REPLY_SERIAL, f->reply_serial);
	fields_end = size;
	put_u32(t->data + 12, fields_end - HEADER_SIZE);
	size = ALIGN8(size);
	memset(t->data + fields_end, 0, size - fields_end);
	if (f->body_size)
		memcpy(t->data + size, f->body, f->body_size);
	t->size = size + f->body_size;
	return 0;
}

void template_deinit(struct template *t)
{
	free(t->data);
	t->data = NULL;
	t->size = 0;
}

void template_set_serial(struct template *t, uint32_t serial)
{
	put_u32(t->data + 8, serial);
}

int peer_write(struct peer *peer, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size) {
		ssize_t n = send(peer->fd, p, size, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		}
		p += n;
		size -= n;
	}
	return 0;
}

int peer_send(struct peer *peer, struct template *t)
{
	template_set_serial(t, ++peer->serial);
	return peer_write(peer, t->data, t->size);
}

int peer_send_with_fd(struct peer *peer, struct template *t, int fd)
{
	union {
		struct cmsghdr header;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {
			     .cmsg_len = CMSG_LEN(sizeof(int)),
			     .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS,
		     }};
	struct iovec iov = {.iov_base = t->data, .iov_len = t->size};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t n;

	template_set_serial(t, ++peer->serial);
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	n = sendmsg(peer->fd, &m, MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return peer_write(peer, t->data + n, t->size - n);
}

/* whole size of the message at @at in the buffer; 0 while that is unknown */
static size_t size_at(const struct peer *peer, size_t at)
{
	const uint8_t *p = peer->buffer + at;

	if (peer->end - at < HEADER_SIZE)
		return 0;
	return HEADER_SIZE + ALIGN8((size_t)get_u32(p + 12)) + get_u32(p + 4);
}

static size_t front_size(const struct peer *peer)
{
	return size_at(peer, peer->begin);
}

int peer_has_message(const struct peer *peer)
{
	size_t size = front_size(peer);

	return size && size <= peer->end - peer->begin;
}

size_t peer_whole_size(const struct peer *peer)
{
	size_t at = peer->begin, size;

	while ((size = size_at(peer, at)) && size <= peer->end - at)
		at += size;
	return at - peer->begin;
}

int peer_fill(struct peer *peer)
{
	size_t want = front_size(peer);
	ssize_t n;

	if (want < READ_SIZE)
		want = READ_SIZE;
	if (peer->begin == peer->end) {
		peer->begin = 0;
		peer->end = 0;
	}
	if (peer->begin && peer->capacity - peer->begin < want) {
		memmove(peer->buffer, peer->buffer + peer->begin, peer->end - peer->begin);
		peer->end -= peer->begin;
		peer->begin = 0;
	}
	if (peer->capacity < want) {
		uint8_t *buffer = realloc(peer->buffer, want);

		if (!buffer)
			return -ENOMEM;
		peer->buffer = buffer;
		peer->capacity = want;
	}
	do
		n = recv(peer->fd, peer->buffer + peer->end, peer->capacity - peer->end, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!n)
		return -ECONNRESET;
	peer->end += n;
	return 0;
}

static int peer_poll(const struct peer *peer)
{
	struct pollfd p = {.fd = peer->fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, PEER_TIMEOUT_S * 1000);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

/* fills the buffer, waiting as the peer does */
static int peer_wait(struct peer *peer)
{
	int r = peer->is_polling ? peer_poll(peer) : 0;

	return r < 0 ? r : peer_fill(peer);
}

static int parse(struct message *m, const uint8_t *p, size_t size)
{
	size_t end = HEADER_SIZE + get_u32(p + 12);
	size_t at = HEADER_SIZE;

	if (p[0] != endian_mark || p[3] != 1)
		return -EPROTO;
	*m = (struct message){
		.type = p[1],
		.flags = p[2],
		.serial = get_u32(p + 8),
		.body = p + ALIGN8(end),
		.body_size = size - ALIGN8(end),
	};
	while (at < end) {
		int field;
		char type;

		at = ALIGN8(at);
		if (at + 6 > end) /* an empty signature is the shortest field */
			return -EPROTO;
		field = p[at];
		type = p[at + 2];
		at += 4;
		if (type == 'u') {
			if (field == FIELD_REPLY_SERIAL)
				m->reply_serial = get_u32(p + at);
			at += 4;
		} else if (type == 'g') {
			at += 1 + p[at] + 1;
		} else {
			if (field == FIELD_SENDER)
				m->sender = (const char *)p + at + 4;
			else if (field == FIELD_ERROR_NAME)
				m->error_name = (const char *)p + at + 4;
			at += 4 + (size_t)get_u32(p + at) + 1;
		}
	}
	return at == end ? 0 : -EPROTO;
}

int peer_read(struct peer *peer, struct message *message_out)
{
	size_t size;
	int r;

	while (!peer_has_message(peer)) {
		r = peer_wait(peer);
		if (r < 0)
			return r;
	}
	size = front_size(peer);
	r = parse(message_out, peer->buffer + peer->begin, size);
	peer->begin += size;
	return r;
}

int peer_reply(struct peer *peer, const struct message *call, struct template **reply_out)
{
	/* a relay does not say who calls */
	const char *sender = call->sender ?: "-";
	int r;

	if (strlen(sender) >= sizeof(peer->reply_to))
		return -EPROTO;
	if (strcmp(peer->reply_to, sender)) {
		template_deinit(&peer->reply);
		r = template_init(&peer->reply, &(struct template_fields){
							.type = MSG_RETURN,
							.flags = MSG_NO_REPLY_EXPECTED,
							.destination = call->sender,
							.reply_serial = call->serial,
						});
		if (r < 0)
			return r;
		strcpy(peer->reply_to, sender);
	}
	put_u32(peer->reply.data + HEADER_SIZE + get_u32(peer->reply.data + 12) - 4, call->serial);
	template_set_serial(&peer->reply, ++peer->serial);
	*reply_out = &peer->reply;
	return 0;
}

static int refused(const struct message *m)
{
	fprintf(stderr, "bus-bench: the bus answered %s\n", m->error_name ?: "?");
	return -EREMOTEIO;
}

int peer_wait_answer(struct peer *peer)
{
	struct message m;
	int r;

	do {
		r = peer_read(peer, &m);
		if (r < 0)
			return r;
	} while (m.reply_serial != peer->serial);
	if (m.type == MSG_RETURN)
		return 0;
	return refused(&m);
}

int peer_wait_answers(struct peer *peer, unsigned int n)
{
	struct message m;

	while (n) {
		int r = peer_read(peer, &m);

		if (r < 0)
			return r;
		if (m.type == MSG_ERROR)
			return refused(&m);
		n -= m.type == MSG_RETURN;
	}
	return 0;
}

int peer_call(struct peer *peer, struct template *t)
{
	int r = peer_send(peer, t);

	return r < 0 ? r : peer_wait_answer(peer);
}

int peer_send_driver(struct peer *peer, const char *member, const char *signature,
		     const char *string, uint32_t number)
{
	struct template t;
	uint8_t body[512];
	size_t size = 0;
	int r;

	for (const char *type = signature ?: ""; *type; type++) {
		if (*type == 's')
			size = body_put_string(body, size, string);
		else
			size = body_put_u32(body, size, number);
	}
	r = template_init(&t, &(struct template_fields){
				      .type = MSG_CALL,
				      .destination = "org.freedesktop.DBus",
				      .path = "/org/freedesktop/DBus",
				      .interface = "org.freedesktop.DBus",
				      .member = member,
				      .signature = signature,
				      .body = body,
				      .body_size = size,
			      });
	if (r < 0)
		return r;
	r = peer_send(peer, &t);
	template_deinit(&t);
	return r;
}

int peer_call_driver(struct peer *peer, const char *member, const char *signature,
		     const char *string, uint32_t number)
{
	int r = peer_send_driver(peer, member, signature, string, number);

	return r < 0 ? r : peer_wait_answer(peer);
}

static int authenticate(struct peer *peer)
{
	char line[256], uid[32], *hex;
	size_t size;
	int r;

	size = sprintf(line, "%cAUTH EXTERNAL ", 0);
	snprintf(uid, sizeof(uid), "%u", (unsigned int)getuid());
	for (hex = uid; *hex; hex++)
		size += sprintf(line + size, "%02x", (unsigned int)*hex);
	size += sprintf(line + size, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
	r = peer_write(peer, line, size);
	/* two lines are the whole answer; nothing follows before Hello */
	for (int n_lines = 0; r >= 0 && n_lines < 2;) {
		uint8_t *eol = peer->begin == peer->end ? NULL
							: memchr(peer->buffer + peer->begin, '\n',
								 peer->end - peer->begin);

		if (!eol) {
			r = peer_wait(peer);
			continue;
		}
		if (memcmp(peer->buffer + peer->begin, n_lines ? "AGREE_UNIX_FD" : "OK ",
			   n_lines ? 13 : 3))
			return -EPROTO;
		peer->begin = eol + 1 - peer->buffer;
		n_lines++;
	}
	return r;
}

static int say_hello(struct peer *peer)
{
	struct template t;
	struct message m;
	size_t length;
	int r;

	r = template_init(&t, &(struct template_fields){
				      .type = MSG_CALL,
				      .destination = "org.freedesktop.DBus",
				      .path = "/org/freedesktop/DBus",
				      .interface = "org.freedesktop.DBus",
				      .member = "Hello",
			      });
	if (r < 0)
		return r;
	r = peer_send(peer, &t);
	template_deinit(&t);
	if (r < 0)
		return r;
	r = peer_read(peer, &m);
	if (r < 0)
		return r;
	if (m.type != MSG_RETURN || m.body_size < 5)
		return -EPROTO;
	length = get_u32(m.body);
	if (length >= sizeof(peer->unique_name) || length + 5 != m.body_size)
		return -EPROTO;
	memcpy(peer->unique_name, m.body + 4, length + 1);
	return 0;
}

int peer_open_fd(struct peer *peer, int fd)
{
	struct timeval timeout = {.tv_sec = PEER_TIMEOUT_S};

	peer->fd = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	return authenticate(peer);
}

int peer_open(struct peer *peer, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0)
		return -errno;
	if (connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = peer_open_fd(peer, peer->fd);
	if (r < 0)
		return r;
	return say_hello(peer);
}

void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer->buffer);
	template_deinit(&peer->reply);
	*peer = (struct peer)PEER_NULL;
}
