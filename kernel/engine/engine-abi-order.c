/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: where an answer belongs, on a bus that does not say so
 *
 * A bus in the kernel goes on while it is asked: what it has queued to a connection when the
 * answer is looked at is more than it had when the command took effect.  So that an answer is
 * not behind news that it knows nothing of:
 *
 *	a question	is asked again until no news came since, and is behind what came
 *	taking a name, or giving it up
 *			is behind the news that say that it was done, and what waited for
 *			that; in front of the next that are about that name
 */
#include "kernel/engine/engine-abi.h"
#include "kernel/engine/engine-items.h"

#include <string.h>

/* as often as news come; a name that changes hands all the time has an end */
#define MAX_QUESTIONS 64

static void answer_at(struct abi_conn *conn, uint64_t position)
{
	conn->has_answer = true;
	conn->answer_position = position;
}

static bool is_news(const struct engine_received *received)
{
	uint64_t type = received->notification.type;

	return received->src_id == KDBUS_SRC_ID_KERNEL && type != KDBUS_ITEM_REPLY_TIMEOUT &&
	       type != KDBUS_ITEM_REPLY_DEAD;
}

static bool has_news(struct abi_conn *conn)
{
	const struct engine_received *received;
	bool found = false;

	while (abi_queue_next(conn, &received))
		found |= received && is_news(received);
	return found;
}

static uint64_t answer_offset(unsigned long nr, const void *cmd)
{
	return nr == KDBUS_CMD_LIST ? ((const struct kdbus_cmd_list *)cmd)->offset
				    : ((const struct kdbus_cmd_info *)cmd)->offset;
}

static int ask(struct abi_conn *conn, unsigned long nr, void *cmd)
{
	int r;

	for (int i = 1;; i++) {
		r = abi_conn_command(conn, nr, cmd);
		if (!has_news(conn) || i == MAX_QUESTIONS)
			break;
		if (r >= 0)
			abi_conn_free_slice(conn, answer_offset(nr, cmd));
	}
	answer_at(conn, conn->last_position);
	return r;
}

/* the name that a command is about */
static const char *command_name(const struct kdbus_cmd *cmd)
{
	size_t at = sizeof(*cmd);
	struct engine_item item;

	while (engine_items_next(cmd, cmd->size, &at, &item))
		if (item.type == KDBUS_ITEM_NAME)
			return item.data;
	return "";
}

static int change(struct abi_conn *conn, unsigned long nr, struct kdbus_cmd *cmd)
{
	bool is_acquire = nr == KDBUS_CMD_NAME_ACQUIRE, is_done;
	const char *name = command_name(cmd);
	const struct engine_received *received;
	uint64_t next = 0;
	int r;

	r = abi_conn_command(conn, nr, cmd);
	is_done = r >= 0 && (!is_acquire || !(cmd->return_flags & KDBUS_NAME_IN_QUEUE));
	while (abi_queue_next(conn, &received)) {
		const struct engine_notification *news;

		if (!received || !is_news(received))
			continue;
		news = &received->notification;
		if (!news->name || strcmp(news->name, name))
			continue;
		if (is_done && (is_acquire ? news->new_id : news->old_id) == conn->base.id) {
			/* what there was in front is of before */
			is_done = false;
			next = 0;
		} else if (!next) {
			next = received->position;
		}
	}
	answer_at(conn, next ? next - 1 : conn->last_position);
	return r;
}

int abi_ordered_command(struct abi_conn *conn, unsigned long nr, void *cmd)
{
	switch (nr) {
	case KDBUS_CMD_CONN_INFO:
	case KDBUS_CMD_LIST:
		return ask(conn, nr, cmd);
	case KDBUS_CMD_NAME_ACQUIRE:
	case KDBUS_CMD_NAME_RELEASE:
		return change(conn, nr, cmd);
	default:
		return abi_conn_command(conn, nr, cmd);
	}
}
