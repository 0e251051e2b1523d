/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages: one object with its bytes and its descriptors, gone with the last reference */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/message.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

TEST(room_for_bytes_and_descriptors)
{
	struct message *message;

	expect_eq(message_new(1000, 3, &message), 0);
	expect_eq(message->payload.size, 1000);
	expect_eq(message->payload.n_fds, 3);
	expect_eq(message->payload.data, message->bytes);
	expect_eq((uintptr_t)message->bytes % 8, 0);
	for (int i = 0; i < 3; i++)
		expect_eq(message->payload.fds[i], -1);
	memset(message->bytes, 1, 1000);
	expect_eq(message_from_payload(&message->payload), message);
	expect_eq(message_unref(message), NULL);
	expect_eq(message_unref(NULL), NULL);
}

TEST(the_last_reference_closes_descriptors)
{
	struct message *message;
	int n_fds = count_fds();

	expect_eq(message_new(0, 2, &message), 0);
	message->payload.fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	message_ref(message);
	message_unref(message);
	expect_eq(count_fds(), n_fds + 1);
	message_unref(message);
	expect_eq(count_fds(), n_fds);
}

TEST(too_long)
{
	struct message *message = NULL;

	expect_eq(message_new((size_t)WIRE_MAX_SIZE + 1, 0, &message), -EMSGSIZE);
	expect_eq(message_new(SIZE_MAX, 0, &message), -EMSGSIZE);
	expect_eq(message_new(0, UINT32_MAX, &message), -EMSGSIZE);
	expect_eq(message, NULL);
}

static int finish(const char *destination, struct message **message_out)
{
	struct wire_writer writer;

	wire_writer_init(&writer, WIRE_ERROR, 0, 3);
	wire_put_field_string(&writer, WIRE_FIELD_ERROR_NAME, "a.b");
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, 4);
	wire_put_field_u32(&writer, WIRE_FIELD_UNIX_FDS, 2);
	wire_put_field_string(&writer, WIRE_FIELD_DESTINATION, destination);
	wire_put_body(&writer, "s");
	wire_put_string(&writer, "text");
	return message_new_finish(&writer, message_out);
}

TEST(of_what_was_written)
{
	struct message *message;

	expect_eq(finish(":1.3", &message), 0);
	expect_str(message_error_name(message), "a.b");
	expect_str(message_destination(message), ":1.3");
	expect_str(message_path(message), NULL);
	expect_str(message_interface(message), NULL);
	expect_str(message_member(message), NULL);
	expect_str(message_sender(message), NULL);
	expect_str(message_signature(message), "s");
	expect_eq(message->header.reply_serial, 4);
	expect_eq(message->payload.n_fds, 2);
	expect_eq(message->payload.fds[1], -1);
	expect_eq(message->payload.size, message->header.header_size + message->header.body_size);
	expect_eq(wire_body_check(&message->header, message->bytes, message_body(message)),
		  WIRE_OK);
	message_unref(message);
}

TEST(from_another_sender)
{
	struct message *message, *renamed = NULL;
	int n_fds = count_fds();

	expect_eq(finish(":1.3", &message), 0);
	/* one that cannot be duplicated */
	expect_eq(message_new_renamed(message, ":1.77", 5, &renamed), -EBADF);
	expect_eq(renamed, NULL);
	for (int i = 0; i < 2; i++)
		message->payload.fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fault_at(1);
	expect_eq(message_new_renamed(message, ":1.77", 5, &renamed), -ENOMEM);
	fault_disarm();
	expect_eq(message_new_renamed(message, ":1.77", 5, &renamed), 0);
	expect_eq(count_fds(), n_fds + 4);
	message_unref(message);
	expect_str(message_sender(renamed), ":1.77");
	expect_str(message_destination(renamed), ":1.3");
	expect_eq(renamed->header.n_fds, 2);
	expect_eq(renamed->payload.size, renamed->header.header_size + renamed->header.body_size);
	expect_eq(wire_body_check(&renamed->header, renamed->bytes, message_body(renamed)),
		  WIRE_OK);
	message_unref(renamed);
	expect_eq(count_fds(), n_fds);
}

TEST(a_field_with_a_value_that_is_not_allowed)
{
	struct message *message = NULL;

	expect_eq(finish("no name", &message), -EINVAL);
	expect_eq(message, NULL);
}

TEST(every_allocation_may_fail)
{
	struct message *message;
	int r;

	for (unsigned long n = 1;; n++) {
		fault_at(n);
		r = finish(":1.3", &message);
		if (!fault_disarm()) {
			expect_gt(n, 2);
			break;
		}
		expect_eq(r, -ENOMEM);
	}
	expect_eq(r, 0);
	message_unref(message);
}
