/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Message: see message.h
 *
 * One allocation holds, one after the other, the object, its descriptors and its
 * bytes.  A message of the driver's keeps the buffer it was written into.  The
 * last reference, wherever it is dropped, closes the descriptors and frees all.
 */
#include "proxy/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* not a reply, which was asked for, nor a broadcast, which anybody may hold up */
static bool is_sent_to_somebody(const struct message *message)
{
	return message->header.destination.at && !message->header.reply_serial;
}

void message_charge(struct message *message, struct message_account *account)
{
	account->n_messages++;
	account->n_bytes += message->payload.size;
	account->n_fds += message->payload.n_fds;
	if (is_sent_to_somebody(message)) {
		account->n_sent_bytes += message->payload.size;
		account->n_sent_fds += message->payload.n_fds;
	}
	if (account->n_bytes > account->peak_bytes)
		account->peak_bytes = account->n_bytes;
	if (account->n_fds > account->peak_fds)
		account->peak_fds = account->n_fds;
	message->account = account;
}

static void message_discharge(struct message *message)
{
	struct message_account *account = message->account;

	account->n_messages--;
	account->n_bytes -= message->payload.size;
	account->n_fds -= message->payload.n_fds;
	if (is_sent_to_somebody(message)) {
		account->n_sent_bytes -= message->payload.size;
		account->n_sent_fds -= message->payload.n_fds;
	}
	if (account->relieved)
		account->relieved(account);
}

static void message_release(struct engine_payload *payload)
{
	struct message *message = message_from_payload(payload);

	if (message->account)
		message_discharge(message);
	tail_free(message->tail);
	for (uint32_t i = 0; i < payload->n_fds; i++)
		if (payload->fds[i] >= 0)
			close(payload->fds[i]);
	if (message->is_bytes_owned)
		free(message->bytes);
	free(message);
}

static size_t align8(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

int message_new(size_t size, uint32_t n_fds, struct message **message_out)
{
	size_t fds_at = align8(sizeof(struct message));
	size_t bytes_at = fds_at + align8(n_fds * sizeof(int));
	struct message *message;

	if (size > WIRE_MAX_SIZE || n_fds > WIRE_MAX_SIZE)
		return -EMSGSIZE;
	message = malloc(bytes_at + size);
	if (!message)
		return -ENOMEM;
	*message = (struct message){
		.payload.refcount = 1,
		.payload.n_fds = n_fds,
		.payload.size = size,
		.payload.fds = (int *)((char *)message + fds_at),
		.payload.release = message_release,
		.bytes = (uint8_t *)message + bytes_at,
	};
	message->payload.data = message->bytes;
	for (uint32_t i = 0; i < n_fds; i++)
		message->payload.fds[i] = -1;
	*message_out = message;
	return 0;
}

int message_new_finish(struct wire_writer *writer, struct message **message_out)
{
	__cleanup(message_unrefp) struct message *message = NULL;
	__cleanup(freep) uint8_t *bytes = NULL;
	struct wire_header header;
	size_t size;
	int r;

	r = wire_writer_finish(writer, &bytes, &size);
	if (r)
		return r;
	if (wire_header_parse(bytes, &header))
		return -EINVAL;
	r = message_new(0, header.n_fds, &message);
	if (r)
		return r;
	message->header = header;
	message->bytes = steal(bytes);
	message->is_bytes_owned = true;
	message->payload.data = message->bytes;
	message->payload.size = size;
	*message_out = steal(message);
	return 0;
}

int message_new_renamed(const struct message *message, const char *sender, size_t sender_len,
			struct message **message_out)
{
	const struct wire_header *header = &message->header;
	uint32_t size = wire_relay_size(message->bytes, header, sender_len);
	__cleanup(message_unrefp) struct message *renamed = NULL;
	int r;

	r = message_new((size_t)size + header->body_size, message->payload.n_fds, &renamed);
	if (r < 0)
		return r;
	wire_relay_header(message->bytes, header, sender, sender_len, renamed->bytes,
			  &renamed->header);
	memcpy(renamed->bytes + size, message_body(message), header->body_size);
	for (uint32_t i = 0; i < message->payload.n_fds; i++) {
		renamed->payload.fds[i] = fcntl(message->payload.fds[i], F_DUPFD_CLOEXEC, 3);
		if (renamed->payload.fds[i] < 0)
			return -errno;
	}
	*message_out = steal(renamed);
	return 0;
}
