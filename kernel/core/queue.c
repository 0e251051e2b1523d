// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Queue
 *
 * A queue entry is all that a direct receiver gets of a message: everything but
 * the payload is copied into it, and the payload is shared.  For a pooled
 * receiver the message is written to a slice when it is queued, and the entry
 * remembers the slice.  A message passes from one queue to another as it is, between
 * two of the same kind; else it is rendered anew, which needs all that its sender gave.
 *
 * Quota (reference 4.7): half of the pool is for messages; of what others leave
 * of it, one user may have a third.  It is kept per receiver and sending user,
 * while a message is queued.
 */
#include "kernel/core/connection.h"
#include "kernel/core/message.h"
#include "kernel/core/names.h"
#include "kernel/core/pool.h"
#include "kernel/core/stage.h"

/* so many callers learn that they wait in vain while there is no memory */
#define RESERVE 16

/* the index of no quota */
#define QUOTA_NONE U32_MAX

static struct kmem_cache *entry_cache;
static mempool_t *entry_reserve;

int kdbus_queue_init_cache(void)
{
	entry_cache = KMEM_CACHE(kdbus_queue_entry, SLAB_ACCOUNT);
	if (!entry_cache)
		return -ENOMEM;
	entry_reserve = mempool_create_slab_pool(RESERVE, entry_cache);
	if (!entry_reserve) {
		kdbus_queue_exit_cache();
		return -ENOMEM;
	}
	return 0;
}

void kdbus_queue_exit_cache(void)
{
	mempool_destroy(entry_reserve);
	kmem_cache_destroy(entry_cache);
	entry_reserve = NULL;
	entry_cache = NULL;
}

void kdbus_queue_init(struct kdbus_queue *queue)
{
	INIT_LIST_HEAD(&queue->entries);
	queue->by_priority = RB_ROOT;
}

void kdbus_queue_deinit(struct kdbus_queue *queue)
{
	u32 i;

	WARN_ON(!list_empty(&queue->entries));
	for (i = 0; i < queue->n_quotas; i++)
		kdbus_user_unref(queue->quotas[i].user);
	kfree(queue->quotas);
	queue->quotas = NULL;
	queue->n_quotas = 0;
}

/* the slot of @user, or a free one for it */
static int queue_find_other_quota(struct kdbus_queue *queue, struct kdbus_user *user,
				  u32 *index_out)
{
	struct kdbus_quota *quotas;
	u32 i, n, unused = U32_MAX;

	for (i = 0; i < queue->n_quotas; i++) {
		if (queue->quotas[i].user == user) {
			*index_out = i;
			return 0;
		}
		if (queue->quotas[i].n_msgs == 0 && unused == U32_MAX)
			unused = i;
	}

	if (unused == U32_MAX) {
		n = max_t(u32, 1, 2 * queue->n_quotas);
		quotas = krealloc(queue->quotas, n * sizeof(*quotas), GFP_KERNEL_ACCOUNT);
		if (!quotas)
			return -ENOMEM;
		memset(&quotas[queue->n_quotas], 0, (n - queue->n_quotas) * sizeof(*quotas));
		unused = queue->n_quotas;
		queue->quotas = quotas;
		queue->n_quotas = n;
	}
	kdbus_user_unref(queue->quotas[unused].user);
	queue->quotas[unused].user = user ? kdbus_user_ref(user) : NULL;
	*index_out = unused;
	return 0;
}

/* most queues have what one user sent, and that is in the first slot */
static inline int queue_find_quota(struct kdbus_queue *queue, struct kdbus_user *user,
				   u32 *index_out)
{
	if (queue->n_quotas == 0 || queue->quotas[0].user != user)
		return queue_find_other_quota(queue, user, index_out);
	*index_out = 0;
	return 0;
}

/* REPLY_* cannot be repeated and there is at most one per request, which was counted: they always
 * have room with a direct receiver, so that nobody waits for ever
 */
static bool queue_is_exempt(const struct kdbus_conn *conn, const struct kdbus_message *msg)
{
	return msg->is_notification && kdbus_conn_is_direct(conn) && !kdbus_conn_is_strict(conn) &&
	       !kdbus_message_is_broadcast(msg);
}

/* may the message pass from an activator to somebody else, or to it */
static bool queue_may_move(const struct kdbus_message *msg)
{
	return msg->name && msg->name->activator && !msg->is_notification;
}

/* there are descriptors to install, or it may have to be rendered anew */
static bool queue_needs_body(const struct kdbus_message *msg)
{
	return msg->n_fds > 0 || msg->n_memfds > 0 || queue_may_move(msg);
}

/* @user: who sent it, NULL for the bus itself */
static __always_inline int queue_charge(struct kdbus_conn *conn, struct kdbus_user *user,
					bool is_exempt, struct kdbus_queue_entry *entry, u64 size,
					u32 n_fds)
{
	const struct kdbus_limits *limits = &conn->bus->domain->limits;
	struct kdbus_queue *queue = &conn->queue;
	u64 avail = conn->pool_size / 2, share;
	struct kdbus_quota *quota;
	u32 index;
	int r;

	r = queue_find_quota(queue, user, &index);
	if (r < 0 && is_exempt) {
		entry->quota = QUOTA_NONE;
		return 0;
	}
	if (r < 0)
		return r;
	quota = &queue->quotas[index];

	/* the limit may be smaller than a message: one of each user always has room */
	if (!quota->n_msgs && kdbus_conn_is_direct(conn) && !kdbus_conn_is_strict(conn))
		is_exempt = true;
	if (!is_exempt) {
		if (avail < queue->memory)
			return -ENOBUFS;
		share = (avail - queue->memory + quota->memory) / 3;
		if (share < quota->memory || share - quota->memory < size ||
		    quota->memory + size > U32_MAX)
			return -ENOBUFS;
		if (quota->n_msgs >= READ_ONCE(limits->n_msgs_user))
			return -ENOBUFS;
		if (quota->n_fds + n_fds > READ_ONCE(limits->n_fds_user))
			return -EMFILE;
	}

	quota->memory += size;
	quota->n_msgs++;
	quota->n_fds += n_fds;
	queue->memory += size;
	queue->n_fds += n_fds;
	queue->peak_memory = max_t(u64, queue->peak_memory, queue->memory);
	queue->peak_fds = max_t(u32, queue->peak_fds, queue->n_fds);
	entry->quota = index;
	entry->memory = size;
	entry->n_fds = n_fds;
	return 0;
}

static inline void queue_uncharge(struct kdbus_queue *queue, struct kdbus_queue_entry *entry)
{
	struct kdbus_quota *quota;

	if (entry->quota == QUOTA_NONE)
		return;
	quota = &queue->quotas[entry->quota];
	quota->memory -= entry->memory;
	quota->n_msgs--;
	quota->n_fds -= entry->n_fds;
	queue->memory -= entry->memory;
	queue->n_fds -= entry->n_fds;
	entry->quota = QUOTA_NONE;
}

static void queue_insert_priority(struct kdbus_queue *queue, struct kdbus_queue_entry *entry)
{
	struct rb_node **link = &queue->by_priority.rb_node, *parent = NULL;

	/* behind its equals, which are older */
	while (*link) {
		parent = *link;
		if (entry->priority <
		    rb_entry(parent, struct kdbus_queue_entry, by_priority)->priority)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&entry->by_priority, parent, link);
	rb_insert_color(&entry->by_priority, &queue->by_priority);
}

/* there is something to receive now */
static inline void queue_wake(struct kdbus_conn *conn)
{
	if (!conn->is_armed)
		return;
	/* who made an activator in this process wants to know of each message */
	conn->is_armed = kdbus_conn_is_direct(conn) && kdbus_conn_is_activator(conn);
	kdbus_conn_host(conn)->conn_wake(conn);
}

static inline void queue_entry_init(struct kdbus_queue_entry *entry,
				    const struct kdbus_message *msg,
				    const struct kdbus_host_ops *host, u64 tag)
{
	entry->body = NULL;
	entry->reply = NULL;
	entry->slice = NULL;
	entry->quota = QUOTA_NONE;
	entry->priority = msg->priority;
	entry->tag = tag;
	entry->src_id = msg->src ? msg->src->id : KDBUS_SRC_ID_KERNEL;
	entry->cookie_reply = msg->cookie_reply;
	if (msg->is_notification) {
		entry->notification = msg->notification;
	} else {
		entry->dst_id = msg->dst_id;
		entry->flags = msg->flags;
		entry->cookie = msg->cookie;
		entry->payload_type = msg->payload_type;
	}
	entry->name = kdbus_name_entry_ref(msg->name);
	entry->payload = msg->payload ? host->payload_get(msg->payload) : NULL;
}

/* writes the message to a new slice of the receiver */
static int queue_fill_slice(struct kdbus_conn *conn, struct kdbus_message *msg,
			    struct kdbus_queue_entry *entry, struct kdbus_buffer *buffer)
{
	struct kdbus_slice *slice;
	int r;

	r = kdbus_slice_alloc(conn->pool, entry->memory, &slice);
	if (r < 0)
		return r;
	r = kdbus_slice_write(conn->pool, slice, 0, kdbus_buffer_data(buffer), buffer->size);
	if (r >= 0 && msg->payload_size > 0)
		r = kdbus_stage_copy(msg, conn, slice->offset + buffer->size);
	if (r >= 0)
		r = kdbus_slice_pad(conn->pool, slice, buffer->size + msg->payload_size);
	if (r < 0) {
		kdbus_slice_put(conn->pool, slice);
		return r;
	}
	entry->slice = slice;
	return 0;
}

/* the slice that has the payload is as large as a new one would be, and only begins otherwise */
static int queue_reuse_slice(struct kdbus_conn *conn, struct kdbus_message *msg,
			     struct kdbus_queue_entry *entry, struct kdbus_buffer *buffer)
{
	struct kdbus_slice *slice = msg->stage->entry->slice;
	int r;

	r = kdbus_slice_write(conn->pool, slice, 0, kdbus_buffer_data(buffer), buffer->size);
	if (r < 0)
		return r;
	msg->stage->entry->slice = NULL;
	entry->slice = slice;
	return 0;
}

static int queue_charge_pooled(struct kdbus_conn *conn, struct kdbus_message *msg,
			       struct kdbus_queue_entry *entry, size_t header_size)
{
	return queue_charge(conn, msg->src ? msg->src->user : NULL, queue_is_exempt(conn, msg),
			    entry, header_size + KDBUS_ALIGN8(msg->payload_size), msg->n_fds);
}

/* the slice has the bytes */
static void queue_drop_unneeded(struct kdbus_conn *conn, struct kdbus_message *msg,
				struct kdbus_queue_entry *entry)
{
	if (queue_needs_body(msg)) {
		entry->body = kdbus_body_ref(msg->body);
	} else if (entry->payload) {
		kdbus_conn_host(conn)->payload_put(entry->payload);
		entry->payload = NULL;
	}
}

static int queue_add_pooled(struct kdbus_conn *conn, struct kdbus_message *msg,
			    struct kdbus_queue_entry *entry)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;
	int r;

	r = kdbus_message_render(msg, conn, &buffer);
	if (r < 0)
		goto exit_buffer;
	/* what was reserved counts for this one */
	if (kdbus_stage_is_in(msg, conn))
		queue_uncharge(&conn->queue, msg->stage->entry);
	r = queue_charge_pooled(conn, msg, entry, buffer.size);
	if (r < 0)
		goto exit_buffer;
	if (kdbus_stage_is_in(msg, conn) && msg->stage->header_size == buffer.size)
		r = queue_reuse_slice(conn, msg, entry, &buffer);
	else
		r = queue_fill_slice(conn, msg, entry, &buffer);
	if (r < 0)
		queue_uncharge(&conn->queue, entry);
	else
		queue_drop_unneeded(conn, msg, entry);
exit_buffer:
	kdbus_buffer_deinit(&buffer);
	return r;
}

/* room for the payload, behind the header that the message has as things are now */
static int queue_reserve_pooled(struct kdbus_conn *conn, struct kdbus_message *msg,
				struct kdbus_queue_entry *entry)
{
	struct kdbus_stage *stage = msg->stage;
	int r;

	r = kdbus_message_render(msg, conn, &stage->header);
	if (r < 0)
		goto exit_header;
	r = queue_charge_pooled(conn, msg, entry, stage->header.size);
	if (r < 0)
		goto exit_header;
	r = kdbus_slice_alloc(conn->pool, entry->memory, &entry->slice);
	if (r < 0)
		goto exit_charge;
	queue_drop_unneeded(conn, msg, entry);
	stage->header_size = stage->header.size;
	return 0;

exit_charge:
	queue_uncharge(&conn->queue, entry);
exit_header:
	kdbus_buffer_deinit(&stage->header);
	return r;
}

static int queue_add_direct(struct kdbus_conn *conn, struct kdbus_message *msg,
			    struct kdbus_queue_entry *entry)
{
	int r;

	r = queue_charge(conn, msg->src ? msg->src->user : NULL, queue_is_exempt(conn, msg), entry,
			 kdbus_message_direct_size(msg), msg->n_fds);
	if (r < 0)
		return r;
	entry->payload_size = msg->payload_size;
	/* what a direct sender gives is there; the rest was read by the host, or was not */
	if (msg->body && msg->payload) {
		r = kdbus_conn_host(conn)->payload_copy(msg->payload, NULL, 0);
		if (r < 0) {
			queue_uncharge(&conn->queue, entry);
			return r;
		}
	}
	if (queue_may_move(msg))
		entry->body = kdbus_body_ref(msg->body);
	return 0;
}

/* @entry, with all it refers to, is the newest of @conn */
static inline void queue_append(struct kdbus_conn *conn, struct kdbus_queue_entry *entry)
{
	if (entry->slice)
		queue_insert_priority(&conn->queue, entry);
	entry->position = ++conn->queue.last_position;
	list_add_tail(&entry->link, &conn->queue.entries);
	conn->queue.n_entries++;
	queue_wake(conn);
}

static int queue_admit(struct kdbus_conn *conn, const struct kdbus_message *msg)
{
	if (!conn->is_connected)
		return -ECONNRESET;
	if (msg->n_fds > 0 && !(conn->flags & (KDBUS_HELLO_ACCEPT_FD | KDBUS_HELLO_MONITOR)))
		return -ECOMM;
	return 0;
}

/* One that counts is made of it by @fill.  Each message passes here once per receiver: no call is
 * made that need not be.
 */
static __always_inline int
queue_entry_new(struct kdbus_conn *conn, struct kdbus_message *msg, u64 tag,
		int (*fill)(struct kdbus_conn *conn, struct kdbus_message *msg,
			    struct kdbus_queue_entry *entry),
		struct kdbus_queue_entry **entry_out)
{
	const struct kdbus_host_ops *host = kdbus_conn_host(conn);
	struct kdbus_queue_entry *entry;
	int r;

	r = queue_admit(conn, msg);
	if (r < 0)
		return r;
	if (queue_is_exempt(conn, msg))
		entry = mempool_alloc(entry_reserve, GFP_NOWAIT);
	else
		entry = kmem_cache_alloc(entry_cache, GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	queue_entry_init(entry, msg, host, tag);
	r = fill(conn, msg, entry);
	if (r < 0) {
		kdbus_queue_entry_free(host, entry);
		return r;
	}
	*entry_out = entry;
	return 0;
}

/* an entry of @msg that counts, but is in no queue */
static __always_inline int queue_make_locked(struct kdbus_conn *conn, struct kdbus_message *msg,
					     u64 tag, struct kdbus_queue_entry **entry_out)
{
	if (kdbus_stage_is_in(msg, conn) && msg->stage->generation == conn->bus->generation) {
		*entry_out = msg->stage->entry;
		msg->stage->entry = NULL;
		return 0;
	}
	if (kdbus_conn_is_direct(conn))
		return queue_entry_new(conn, msg, tag, queue_add_direct, entry_out);
	return queue_entry_new(conn, msg, tag, queue_add_pooled, entry_out);
}

int kdbus_queue_reserve(struct kdbus_conn *dst, struct kdbus_message *msg)
{
	int r;

	mutex_lock(&dst->lock);
	r = queue_entry_new(dst, msg, 0, queue_reserve_pooled, &msg->stage->entry);
	mutex_unlock(&dst->lock);
	return r;
}

int kdbus_queue_add(struct kdbus_conn *dst, struct kdbus_message *msg, struct kdbus_reply *reply,
		    u64 tag)
{
	struct kdbus_queue_entry *entry;
	int r;

	mutex_lock(&dst->lock);
	r = queue_make_locked(dst, msg, tag, &entry);
	if (r >= 0) {
		entry->reply = reply;
		queue_append(dst, entry);
	}
	mutex_unlock(&dst->lock);
	return r;
}

int kdbus_queue_make(struct kdbus_conn *dst, struct kdbus_message *msg,
		     struct kdbus_queue_entry **entry_out)
{
	int r;

	mutex_lock(&dst->lock);
	r = queue_make_locked(dst, msg, 0, entry_out);
	mutex_unlock(&dst->lock);
	return r;
}

void kdbus_queue_release(struct kdbus_conn *dst, struct kdbus_queue_entry *entry)
{
	mutex_lock(&dst->lock);
	queue_uncharge(&dst->queue, entry);
	kdbus_slice_put(dst->pool, entry->slice);
	mutex_unlock(&dst->lock);
	kdbus_queue_entry_free(kdbus_conn_host(dst), entry);
}

void kdbus_queue_rearm(struct kdbus_conn *conn)
{
	struct kdbus_queue *queue = &conn->queue;

	if (conn->is_armed || !list_empty(&queue->entries) || queue->n_lost > 0 ||
	    !conn->is_connected)
		return;
	conn->is_armed = true;
	kdbus_conn_host(conn)->conn_emptied(conn);
}

void kdbus_queue_detach(struct kdbus_conn *conn, const struct kdbus_name_entry *name,
			struct list_head *list)
{
	struct kdbus_queue *queue = &conn->queue;
	struct kdbus_queue_entry *entry, *tmp;
	struct kdbus_user *user;

	mutex_lock(&conn->lock);
	list_for_each_entry_safe(entry, tmp, &queue->entries, link) {
		if (entry->name != name || entry->src_id == KDBUS_SRC_ID_KERNEL)
			continue;
		user = kdbus_user_ref(queue->quotas[entry->quota].user);
		kdbus_queue_remove(queue, entry);
		entry->user = user;
		list_add_tail(&entry->link, list);
	}
	/* who made a direct connection was told that there is something, and will find nothing */
	if (!kdbus_conn_is_direct(conn))
		kdbus_queue_rearm(conn);
	mutex_unlock(&conn->lock);
}

static int queue_attach_direct(struct kdbus_conn *dst, struct kdbus_conn *src,
			       struct kdbus_queue_entry *entry, bool was_direct)
{
	struct kdbus_message msg;
	u64 size = entry->memory;

	if (!was_direct) {
		/* what is only in the slice is not for a direct connection */
		if (!src || !entry->body)
			return -ENXIO;
		kdbus_message_restore(&msg, src, entry);
		size = kdbus_message_direct_size(&msg);
		entry->payload_size = msg.payload_size;
	}
	return queue_charge(dst, entry->user, false, entry, size, entry->n_fds);
}

/* from one pool to another, as it is */
static int queue_attach_slice(struct kdbus_conn *dst, struct kdbus_conn *from,
			      struct kdbus_queue_entry *entry, const struct kdbus_slice *old)
{
	struct kdbus_slice *slice;
	int r;

	r = queue_charge(dst, entry->user, false, entry, entry->memory, entry->n_fds);
	if (r < 0)
		return r;
	r = kdbus_slice_alloc(dst->pool, entry->memory, &slice);
	if (r < 0)
		goto exit_charge;
	r = kdbus_conn_host(dst)->pool_copy(dst->pool->memory, slice->offset, from->pool->memory,
					    old->offset, entry->memory);
	if (r < 0)
		goto exit_slice;
	entry->slice = slice;
	return 0;

exit_slice:
	kdbus_slice_put(dst->pool, slice);
exit_charge:
	queue_uncharge(&dst->queue, entry);
	return r;
}

/* from a direct connection to one with a pool */
static int queue_attach_pooled(struct kdbus_conn *dst, struct kdbus_conn *src,
			       struct kdbus_queue_entry *entry)
{
	struct kdbus_buffer buffer = KDBUS_BUFFER_INIT;
	struct kdbus_body *body = entry->body;
	struct kdbus_message msg;
	int r;

	if (!src)
		return -ENXIO;
	kdbus_message_restore(&msg, src, entry);
	kdbus_body_ref(msg.body);
	entry->body = NULL;
	r = kdbus_message_render(&msg, dst, &buffer);
	if (r < 0)
		goto exit_body;
	r = queue_charge(dst, entry->user, false, entry,
			 buffer.size + KDBUS_ALIGN8(msg.payload_size), entry->n_fds);
	if (r < 0)
		goto exit_body;
	r = queue_fill_slice(dst, &msg, entry, &buffer);
	if (r < 0)
		queue_uncharge(&dst->queue, entry);
	else if (queue_needs_body(&msg))
		entry->body = kdbus_body_ref(msg.body);
exit_body:
	if (r < 0)
		entry->body = body;
	else
		kdbus_body_unref(body);
	kdbus_body_unref(msg.body);
	kdbus_buffer_deinit(&buffer);
	return r;
}

static int queue_attach_locked(struct kdbus_conn *dst, struct kdbus_conn *from,
			       struct kdbus_conn *src, struct kdbus_queue_entry *entry,
			       const struct kdbus_slice *old)
{
	int r;

	if (!dst->is_connected)
		return -ECONNRESET;
	if (entry->n_fds > 0 && !(dst->flags & KDBUS_HELLO_ACCEPT_FD))
		return -ECOMM;

	if (kdbus_conn_is_direct(dst))
		r = queue_attach_direct(dst, src, entry, !old);
	else if (old)
		r = queue_attach_slice(dst, from, entry, old);
	else
		r = queue_attach_pooled(dst, src, entry);
	if (r < 0)
		return r;
	queue_append(dst, entry);
	return 0;
}

int kdbus_queue_attach(struct kdbus_conn *dst, struct kdbus_conn *from, struct kdbus_conn *src,
		       struct kdbus_queue_entry *entry)
{
	struct kdbus_slice *old = entry->slice;
	int r;

	entry->slice = NULL;
	mutex_lock(&dst->lock);
	r = queue_attach_locked(dst, from, src, entry, old);
	mutex_unlock(&dst->lock);

	if (old) {
		mutex_lock(&from->lock);
		kdbus_slice_put(from->pool, old);
		mutex_unlock(&from->lock);
	}
	return r;
}

void kdbus_queue_lose(struct kdbus_conn *dst, u64 src_id)
{
	mutex_lock(&dst->lock);
	if (dst->is_connected) {
		dst->queue.n_lost++;
		kdbus_conn_host(dst)->conn_lost(dst, src_id);
		/* a direct receiver was told just now */
		if (!kdbus_conn_is_direct(dst))
			queue_wake(dst);
	}
	mutex_unlock(&dst->lock);
}

struct kdbus_queue_entry *kdbus_queue_first(struct kdbus_queue *queue)
{
	return list_first_entry_or_null(&queue->entries, struct kdbus_queue_entry, link);
}

struct kdbus_queue_entry *kdbus_queue_most_urgent(struct kdbus_queue *queue)
{
	struct rb_node *node = rb_first(&queue->by_priority);

	return node ? rb_entry(node, struct kdbus_queue_entry, by_priority) : NULL;
}

void kdbus_queue_remove(struct kdbus_queue *queue, struct kdbus_queue_entry *entry)
{
	list_del_init(&entry->link);
	if (entry->slice)
		rb_erase(&entry->by_priority, &queue->by_priority);
	queue->n_entries--;
	queue_uncharge(queue, entry);
}

void kdbus_queue_entry_free(const struct kdbus_host_ops *host, struct kdbus_queue_entry *entry)
{
	if (!entry)
		return;
	WARN_ON(entry->reply);
	if (entry->payload)
		host->payload_put(entry->payload);
	kdbus_body_unref(entry->body);
	kdbus_name_entry_unref(entry->name);
	mempool_free(entry, entry_reserve);
}
