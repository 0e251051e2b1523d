/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Outbound: see outbound.h. */
#include "proxy/outbound.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
	OUTBOUND_IOV = 256,	/* messages per sendmsg() */
	OUTBOUND_MAX_FDS = 253, /* per sendmsg(): SCM_MAX_FD */
};

struct answer {
	struct list_head link;
	uint64_t position;
	struct message *message;
};

void outbound_init(struct outbound *out)
{
	*out = (struct outbound){0};
	INIT_LIST_HEAD(&out->answers);
}

static void outbound_drop_unsent(struct outbound *out)
{
	for (uint32_t i = 0; i < out->n_unsent; i++)
		message_unref(out->unsent->messages[i]);
	free(out->unsent);
	out->unsent = NULL;
	out->n_unsent = 0;
}

void outbound_deinit(struct outbound *out)
{
	struct message *message;

	while ((message = outbound_take_answer(out, UINT64_MAX)))
		message_unref(message);
	outbound_drop_unsent(out);
}

static struct answer *answer_new(struct outbound *out, struct message *message, uint64_t position)
{
	struct answer *answer;

	answer = malloc(sizeof(*answer));
	if (!answer)
		return NULL;
	answer->position = position;
	answer->message = message_ref(message);
	out->n_answers++;
	out->n_answer_bytes += message->payload.size;
	out->n_answer_fds += message->payload.n_fds;
	if (out->n_answer_bytes > out->peak_bytes)
		out->peak_bytes = out->n_answer_bytes;
	if (out->n_answer_fds > out->peak_fds)
		out->peak_fds = out->n_answer_fds;
	return answer;
}

int outbound_answer(struct outbound *out, struct message *message, uint64_t position)
{
	struct answer *answer = answer_new(out, message, position);

	if (!answer)
		return -ENOMEM;
	list_add_tail(&answer->link, &out->answers);
	return 0;
}

int outbound_answer_first(struct outbound *out, struct message *message)
{
	struct answer *answer = answer_new(out, message, 0);

	if (!answer)
		return -ENOMEM;
	list_add(&answer->link, &out->answers);
	return 0;
}

void outbound_move_answers(struct outbound *out, struct outbound *from)
{
	list_splice_tail_init(&from->answers, &out->answers);
	out->n_answers += from->n_answers;
	out->n_answer_bytes += from->n_answer_bytes;
	out->n_answer_fds += from->n_answer_fds;
	from->n_answers = 0;
	from->n_answer_bytes = 0;
	from->n_answer_fds = 0;
}

struct message *outbound_take_answer(struct outbound *out, uint64_t position)
{
	struct answer *answer;
	struct message *message;

	answer = list_first_entry_or_null(&out->answers, struct answer, link);
	if (!answer || answer->position > position)
		return NULL;
	list_del(&answer->link);
	message = answer->message;
	out->n_answers--;
	out->n_answer_bytes -= message->payload.size;
	out->n_answer_fds -= message->payload.n_fds;
	free(answer);
	return message;
}

void outbound_count(const struct outbound *out, uint32_t *n_messages_out, uint64_t *n_bytes_out,
		    uint32_t *n_fds_out)
{
	const struct unsent *unsent = out->unsent;

	*n_messages_out = out->n_answers + out->n_unsent;
	*n_bytes_out = out->n_answer_bytes;
	*n_fds_out = out->n_answer_fds;
	for (uint32_t i = 0; i < out->n_unsent; i++) {
		*n_bytes_out += unsent->messages[i]->payload.size - (i ? 0 : unsent->n_sent);
		/* those of the first are gone with its first byte */
		if (i || !unsent->n_sent)
			*n_fds_out += unsent->messages[i]->payload.n_fds;
	}
}

uint32_t outbound_take_unsent(struct outbound *out, struct message **batch, size_t *n_sent_out)
{
	uint32_t n = out->n_unsent;

	memcpy(batch, out->unsent->messages, n * sizeof(*batch));
	*n_sent_out = out->unsent->n_sent;
	free(out->unsent);
	out->unsent = NULL;
	out->n_unsent = 0;
	return n;
}

/* how many messages can go with one sendmsg(): all up to the next that has descriptors, or a tail,
 * which goes alone */
static uint32_t outbound_group(struct message **batch, uint32_t n)
{
	uint32_t i;

	if (batch[0]->tail)
		return 1;
	for (i = 1; i < n && i < OUTBOUND_IOV; i++)
		if (batch[i]->payload.n_fds || batch[i]->tail)
			break;
	return i;
}

static ssize_t outbound_send(int fd, const struct message *message, size_t from, size_t to)
{
	return sendto(fd, message->bytes + from, to - from, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
}

/* what is in the pipe, where all that was not sent before is; as send() */
static ssize_t outbound_send_tail(int fd, struct message *message, size_t n_sent)
{
	ssize_t size = tail_drain(message->tail, fd);

	if (size == -EINVAL) {
		/* a kernel that takes out of sockets and does not put in */
		message_gather(message);
		return outbound_send(fd, message, n_sent, message->payload.size);
	}
	if (size < 0) {
		errno = -size;
		return -1;
	}
	return size;
}

static ssize_t outbound_sendmsg(int fd, struct message **batch, uint32_t n, size_t n_sent)
{
	struct iovec iov[OUTBOUND_IOV];
	struct msghdr header = {.msg_iov = iov, .msg_iovlen = n};
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(OUTBOUND_MAX_FDS * sizeof(int))];
	} control;

	if (batch[0]->tail)
		return outbound_send_tail(fd, batch[0], n_sent);
	for (uint32_t i = 0; i < n; i++)
		iov[i] = (struct iovec){batch[i]->bytes, batch[i]->payload.size};
	iov[0].iov_base = (uint8_t *)iov[0].iov_base + n_sent;
	iov[0].iov_len -= n_sent;
	/* descriptors go with a message's first byte */
	if (batch[0]->payload.n_fds && !n_sent) {
		size_t size = batch[0]->payload.n_fds * sizeof(int);

		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(size);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(&control.header), batch[0]->payload.fds, size);
	}
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* forgets the messages that @size bytes cover; returns how many; *n_sent is of the next one */
static uint32_t outbound_retire(struct message **batch, uint32_t n, size_t size, size_t *n_sent)
{
	uint32_t i;

	size += *n_sent;
	for (i = 0; i < n && size >= batch[i]->payload.size; i++) {
		size -= batch[i]->payload.size;
		message_unref(batch[i]);
	}
	*n_sent = size;
	return i;
}

static void outbound_keep(struct outbound *out, struct message **batch, uint32_t n, size_t n_sent,
			  struct reserve *reserve)
{
	struct unsent *unsent = reserve->unsent;

	assert(n <= reserve->n_unsent);
	reserve->unsent = NULL;
	unsent->n_sent = n_sent;
	memcpy(unsent->messages, batch, n * sizeof(*batch));
	out->unsent = realloc(unsent, sizeof(*unsent) + n * sizeof(*batch)) ?: unsent;
	out->n_unsent = n;
}

static int outbound_outcome(int error)
{
	if (error == EAGAIN || error == ENOBUFS || error == ENOMEM)
		return OUTBOUND_FULL;
	return error == ETOOMANYREFS ? OUTBOUND_FDS : OUTBOUND_BROKEN;
}

/* what is left is for later, or for nobody */
static int outbound_finish(struct outbound *out, int outcome, struct message **batch, uint32_t n,
			   size_t n_sent, struct reserve *reserve)
{
	if (outcome == OUTBOUND_BROKEN)
		for (uint32_t i = 0; i < n; i++)
			message_unref(batch[i]);
	else if (n)
		outbound_keep(out, batch, n, n_sent, reserve);
	return outcome;
}

int outbound_write(struct outbound *out, int fd, struct message **batch, uint32_t n, size_t n_sent,
		   struct reserve *reserve)
{
	int outcome = 0;

	while (n && !outcome) {
		uint32_t n_group = outbound_group(batch, n), n_done;
		ssize_t size = outbound_sendmsg(fd, batch, n_group, n_sent);

		if (size < 0) {
			if (errno == EINTR)
				continue;
			outcome = outbound_outcome(errno);
			break;
		}
		n_done = outbound_retire(batch, n_group, size, &n_sent);
		/* a short write means that the socket is full: no need to be told so */
		if (n_done < n_group)
			outcome = OUTBOUND_FULL;
		batch += n_done;
		n -= n_done;
	}
	return outbound_finish(out, outcome, batch, n, n_sent, reserve);
}

int outbound_write_lone(struct outbound *out, int fd, struct message *message,
			struct reserve *reserve)
{
	size_t whole = message->payload.size;
	ssize_t size;

	do
		size = outbound_send(fd, message, 0, whole);
	while (size < 0 && errno == EINTR);
	if (size == (ssize_t)whole) {
		message_unref(message);
		return 0;
	}
	return outbound_finish(out, size < 0 ? outbound_outcome(errno) : OUTBOUND_FULL, &message, 1,
			       size < 0 ? 0 : size, reserve);
}
