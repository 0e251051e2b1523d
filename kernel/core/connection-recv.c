// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Receiving, and what belongs to the peer until it is freed
 *
 * RECV of a pooled connection publishes the slice that was written when the
 * message was queued, after the descriptors have been installed: those are the
 * only bytes that change.  RECV of a direct connection hands out the queue entry.
 *
 * Results of commands are published the same way: as a slice, or as memory of a
 * direct connection, which is found again by its address.
 */
#include "kernel/core/args.h"
#include "kernel/core/connection.h"
#include "kernel/core/message.h"
#include "kernel/core/pool.h"
#include "kernel/core/reply.h"

int kdbus_conn_publish(struct kdbus_conn *conn, struct kdbus_buffer *buffer, u64 *offset_out,
		       u64 *size_out)
{
	struct kdbus_result *result;
	struct kdbus_slice *slice;
	int r = buffer->error;

	if (r < 0)
		goto exit_buffer;
	if (buffer->size == 0) {
		*offset_out = conn->pool_size;
		*size_out = 0;
		goto exit_buffer;
	}

	mutex_lock(&conn->lock);
	if (kdbus_conn_is_direct(conn)) {
		result = kdbus_buffer_steal(buffer);
		hlist_add_head(&result->link, &conn->results);
		*offset_out = (u64)(uintptr_t)result->data;
		*size_out = result->size;
	} else {
		r = kdbus_slice_alloc(conn->pool, buffer->size, &slice);
		if (r >= 0) {
			r = kdbus_slice_write(conn->pool, slice, 0, kdbus_buffer_data(buffer),
					      buffer->size);
			if (r >= 0) {
				kdbus_slice_publish(slice);
				*offset_out = slice->offset;
				*size_out = buffer->size;
			}
			kdbus_slice_put(conn->pool, slice);
		}
	}
	mutex_unlock(&conn->lock);
exit_buffer:
	kdbus_buffer_deinit(buffer);
	return r;
}

static struct kdbus_result *find_result(struct kdbus_conn *conn, u64 offset)
{
	struct kdbus_result *result;

	hlist_for_each_entry(result, &conn->results, link) {
		if ((u64)(uintptr_t)result->data == offset)
			return result;
	}
	return NULL;
}

const void *kdbus_conn_result(struct kdbus_conn *conn, u64 offset)
{
	struct kdbus_result *result;

	mutex_lock(&conn->lock);
	result = find_result(conn, offset);
	mutex_unlock(&conn->lock);
	return result ? result->data : NULL;
}

static int conn_free(struct kdbus_conn *conn, u64 offset)
{
	struct kdbus_result *result;

	if (offset == conn->pool_size)
		return 0;
	if (!kdbus_conn_is_direct(conn))
		return kdbus_slice_unpublish(conn->pool, offset);
	result = find_result(conn, offset);
	if (!result)
		return -ENXIO;
	hlist_del_init(&result->link);
	kvfree(result);
	return 0;
}

static const struct kdbus_args_rule free_rule = {
	.size = sizeof(struct kdbus_cmd_free),
};

int kdbus_cmd_free(struct kdbus_conn *conn, struct kdbus_cmd_free *cmd)
{
	struct kdbus_args args;
	int r;

	if (conn->flags & KDBUS_HELLO_POLICY_HOLDER)
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&free_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;

	mutex_lock(&conn->lock);
	r = conn->is_connected ? conn_free(conn, cmd->offset) : -ECONNRESET;
	mutex_unlock(&conn->lock);
	kdbus_reply_tell_rest(conn);
	return r;
}

bool kdbus_conn_is_readable(struct kdbus_conn *conn)
{
	bool is_readable;

	mutex_lock(&conn->lock);
	is_readable = kdbus_queue_first(&conn->queue) || conn->queue.n_lost > 0;
	mutex_unlock(&conn->lock);
	return is_readable;
}

/* takes the oldest entry out, and its reply away from it; 0, -EAGAIN or -ECONNRESET.  With the lock
 * held
 */
static int recv_take(struct kdbus_conn *conn, struct kdbus_queue_entry **entry_out,
		     struct kdbus_reply **reply_out)
{
	struct kdbus_queue_entry *entry = kdbus_queue_first(&conn->queue);

	if (!conn->is_connected)
		return -ECONNRESET;
	if (!entry)
		return -EAGAIN;
	kdbus_queue_remove(&conn->queue, entry);
	*reply_out = entry->reply;
	entry->reply = NULL;
	*entry_out = entry;
	return 0;
}

int kdbus_conn_recv(struct kdbus_conn *conn, struct kdbus_queue_entry **entry_out)
{
	struct kdbus_queue_entry *entry;
	struct kdbus_reply *reply;
	int r;

	mutex_lock(&conn->lock);
	r = recv_take(conn, &entry, &reply);
	if (list_empty(&conn->queue.entries)) {
		conn->queue.n_lost = 0;
		conn->is_armed = true;
	}
	mutex_unlock(&conn->lock);

	if (r < 0)
		return r;
	if (reply)
		kdbus_reply_received(conn->bus, reply);
	*entry_out = entry;
	return 0;
}

bool kdbus_conn_is_told(const struct kdbus_conn *src, const struct kdbus_reply *reply)
{
	const struct kdbus_host_ops *host;

	if (!src)
		return false;
	if (kdbus_conn_is_direct(src))
		return true;
	/* who waits in a command is woken */
	host = kdbus_conn_host(src);
	return host->is_told && host->is_told(src) && !(reply && reply->call);
}

int kdbus_conn_drop(struct kdbus_conn *conn, struct kdbus_queue_entry **entry_out,
		    bool *is_reply_dead_out)
{
	struct kdbus_bus *bus = conn->bus;
	struct kdbus_queue_entry *entry;
	struct kdbus_reply *reply;
	int r;

	down_read(&bus->registry);
	mutex_lock(&conn->lock);
	r = recv_take(conn, &entry, &reply);
	mutex_unlock(&conn->lock);
	if (r >= 0) {
		*entry_out = entry;
		*is_reply_dead_out = false;
		if (!kdbus_conn_is_told(kdbus_bus_find_conn(bus, entry->src_id), reply))
			*is_reply_dead_out = kdbus_reply_dropped(bus, reply);
		else if (reply)
			kdbus_reply_cancel(bus, reply);
	}
	up_read(&bus->registry);
	return r;
}

/* installs the descriptors of @entry and writes their numbers to its slice; @with_memfds: those of
 * memory files even if the peer takes no descriptors
 */
static int recv_install(struct kdbus_conn *conn, struct kdbus_queue_entry *entry, bool with_memfds,
			u64 *return_flags_out)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);
	bool accepts_fds = conn->flags & KDBUS_HELLO_ACCEPT_FD;
	const struct kdbus_msg *msg = &entry->body->msg;
	s32 memfds[KDBUS_MSG_MAX_MEMFDS], *fds = NULL;
	const struct kdbus_item *item;
	size_t n_memfds = 0;
	int r = 0;

	if (!accepts_fds && !with_memfds)
		return 0;
	if (entry->n_fds > 0) {
		fds = kmalloc_array(entry->n_fds, sizeof(*fds), GFP_KERNEL_ACCOUNT);
		if (!fds)
			return -ENOMEM;
	}
	if (host->payload_install(conn->host, entry->payload, memfds, fds) > 0)
		*return_flags_out |= KDBUS_RECV_RETURN_INCOMPLETE_FDS;

	mutex_lock(&conn->lock);
	kdbus_items_for_each(item, msg->items, (const u8 *)msg + msg->size) {
		/* an item is where it was in the message of the sender */
		u64 offset = (const u8 *)item - (const u8 *)msg;

		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD)
			r = kdbus_slice_write(conn->pool, entry->slice,
					      offset + offsetof(struct kdbus_item, memfd.fd),
					      &memfds[n_memfds++], sizeof(s32));
		else if (item->type == KDBUS_ITEM_FDS && entry->n_fds > 0)
			r = kdbus_slice_write(conn->pool, entry->slice,
					      offset + offsetof(struct kdbus_item, fds), fds,
					      entry->n_fds * sizeof(s32));
		if (r < 0)
			break;
	}
	mutex_unlock(&conn->lock);
	kfree(fds);
	return r;
}

static void recv_publish(struct kdbus_conn *conn, struct kdbus_queue_entry *entry,
			 struct kdbus_msg_info *info)
{
	kdbus_slice_publish(entry->slice);
	info->offset = entry->slice->offset;
	info->msg_size = entry->memory;
}

int kdbus_conn_take_answer(struct kdbus_conn *conn, struct kdbus_queue_entry *answer,
			   struct kdbus_msg_info *info)
{
	int r = 0;

	info->return_flags = 0;
	/* there is nothing else that could have been asked for memory files */
	if (answer->body && answer->payload &&
	    recv_install(conn, answer, true, &info->return_flags) < 0)
		info->return_flags |= KDBUS_RECV_RETURN_INCOMPLETE_FDS;
	mutex_lock(&conn->lock);
	if (conn->is_connected)
		recv_publish(conn, answer, info);
	else
		r = -ECONNRESET;
	mutex_unlock(&conn->lock);
	kdbus_queue_release(conn, answer);
	return r;
}

/* takes the lost counter; and if nothing is left, the host has to be told of what comes next */
static u64 recv_finish(struct kdbus_conn *conn, struct kdbus_cmd_recv *cmd)
{
	u64 n_lost = conn->queue.n_lost;

	conn->queue.n_lost = 0;
	kdbus_queue_rearm(conn);
	cmd->dropped_msgs = n_lost;
	return n_lost > 0 ? KDBUS_RECV_RETURN_DROPPED_MSGS : 0;
}

static struct kdbus_queue_entry *recv_select(struct kdbus_conn *conn,
					     const struct kdbus_cmd_recv *cmd, u64 flags)
{
	struct kdbus_queue_entry *entry;

	if (!(flags & KDBUS_RECV_USE_PRIORITY))
		return kdbus_queue_first(&conn->queue);
	entry = kdbus_queue_most_urgent(&conn->queue);
	return entry && entry->priority <= cmd->priority ? entry : NULL;
}

static const struct kdbus_args_rule recv_rule = {
	.size = sizeof(struct kdbus_cmd_recv),
	.flags = KDBUS_RECV_PEEK | KDBUS_RECV_DROP | KDBUS_RECV_USE_PRIORITY,
};

/* a message was thrown away by the one who should have answered it */
static void recv_dropped(struct kdbus_conn *conn, struct kdbus_reply *reply)
{
	if (!reply)
		return;
	down_read(&conn->bus->registry);
	kdbus_reply_dropped(conn->bus, reply);
	up_read(&conn->bus->registry);
}

int kdbus_cmd_recv(struct kdbus_conn *conn, struct kdbus_cmd_recv *cmd)
{
	struct kdbus_queue_entry *entry;
	struct kdbus_reply *reply = NULL;
	struct kdbus_args args;
	bool drops, peeks;
	int r;

	if (conn->flags & KDBUS_HELLO_POLICY_HOLDER)
		return -EOPNOTSUPP;
	if (kdbus_conn_is_direct(conn))
		return -EOPNOTSUPP;
	r = kdbus_args_parse_cmd(&recv_rule, conn->bus->domain, cmd, &args);
	if (r != 0)
		return r < 0 ? r : 0;
	drops = args.flags & KDBUS_RECV_DROP;
	peeks = !drops && (args.flags & KDBUS_RECV_PEEK);
	if (drops && (args.flags & KDBUS_RECV_USE_PRIORITY))
		return -EINVAL;

	cmd->msg.offset = conn->pool_size;
	cmd->msg.msg_size = 0;
	cmd->msg.return_flags = 0;
	cmd->dropped_msgs = 0;

	mutex_lock(&conn->lock);
	if (!conn->is_connected) {
		mutex_unlock(&conn->lock);
		return -ECONNRESET;
	}
	entry = recv_select(conn, cmd, args.flags);
	if (!entry) {
		r = -EAGAIN;
	} else if (peeks) {
		recv_publish(conn, entry, &cmd->msg);
	} else {
		kdbus_queue_remove(&conn->queue, entry);
		reply = entry->reply;
		entry->reply = NULL;
		if (drops)
			kdbus_slice_put(conn->pool, entry->slice);
	}
	cmd->return_flags = recv_finish(conn, cmd);
	mutex_unlock(&conn->lock);

	if (!entry || peeks)
		return r;
	if (drops) {
		recv_dropped(conn, reply);
	} else {
		kdbus_reply_received(conn->bus, reply);
		/* a message is worth more than its descriptors */
		if (entry->body && entry->payload &&
		    recv_install(conn, entry, false, &cmd->msg.return_flags) < 0)
			cmd->msg.return_flags |= KDBUS_RECV_RETURN_INCOMPLETE_FDS;
		mutex_lock(&conn->lock);
		recv_publish(conn, entry, &cmd->msg);
		kdbus_slice_put(conn->pool, entry->slice);
		mutex_unlock(&conn->lock);
	}
	kdbus_queue_entry_free(kdbus_conn_host(conn), entry);
	kdbus_reply_tell_rest(conn);
	return 0;
}
