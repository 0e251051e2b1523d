/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages as P1 checks them
 *
 * The older revision of the ABI says the same of a message, but in another order and
 * with other errnos (reference 3.12), and hands its items out in an order of its own.
 */
#ifndef KDBUS_MESSAGE_P1_H
#define KDBUS_MESSAGE_P1_H

#include "kernel/core/args.h"
#include "kernel/core/message.h"

/**
 * struct kdbus_items_p1 - what has been seen of the items of a message
 * @n_items: all of them
 * @vec_size: bytes in vectors
 * @has_fds, @has_bloom, @has_name: the items that there may be one of
 */
struct kdbus_items_p1 {
	size_t n_items;
	u64 vec_size;
	bool has_fds;
	bool has_bloom;
	bool has_name;
};

/* flags, and whether there is a list of items: 0 or -EINVAL */
int kdbus_message_parse_p1(struct kdbus_msg *msg, struct kdbus_args *args_out);
/* what the header says, with KDBUS_SEND_* */
int kdbus_message_check_header_p1(const struct kdbus_message *msg, u64 send_flags);
/* @item by itself, and after those that were @seen */
int kdbus_message_check_item_p1(const struct kdbus_conn *src, const struct kdbus_message *msg,
				const struct kdbus_item *item, struct kdbus_items_p1 *seen);
/* what does not go together; then the items get the order in which they are delivered */
int kdbus_message_finish_p1(const struct kdbus_conn *src, struct kdbus_message *msg);

#endif
