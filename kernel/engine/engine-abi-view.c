/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ABI carrier: views
 *
 * A large message need not be copied out of the pool only to be copied once more by who translates
 * it.  Its payload is then where the bus has put it, and the slice is done with when the last
 * reference is dropped: a view is for who looks and goes on, and what is kept for long is copied.
 *
 *	in use --last reference--> slice is free
 *	   \--connection closes--> left over --last reference--> memory is let go
 */
#include <stdlib.h>

#include "kernel/engine/engine-abi-stream.h"
#include "kernel/engine/engine-abi-view.h"

/* of less a copy costs no more */
#define VIEW_MIN 4096

static const struct engine_stream_ops *stream_ops(const struct abi_conn *conn)
{
	return abi_engine(conn->base.engine)->transport->ops->stream;
}

static void view_release(struct engine_payload *payload)
{
	struct abi_view *view = container_of(payload, struct abi_view, payload);

	/* if it cannot be told, the connection is dead, as the next operation finds */
	if (view->conn)
		abi_stream_free(view->conn, &view->slice);
	abi_view_free(view);
}

struct abi_view *abi_view_new(struct abi_conn *conn, const struct engine_slice_at *slice)
{
	struct abi_view *view;

	if (slice->size < VIEW_MIN)
		return NULL;
	view = malloc(sizeof(*view));
	if (!view)
		return NULL;
	*view = (struct abi_view){
		.payload = {.refcount = 1, .release = view_release},
		.conn = conn,
		.slice = *slice,
		.pool = stream_ops(conn)->keep_pool(conn->handle),
	};
	list_add_tail(&view->link, &conn->views);
	return view;
}

struct abi_view *abi_view_free(struct abi_view *view)
{
	if (!view)
		return NULL;
	list_del(&view->link);
	view->pool->release(view->pool);
	free(view);
	return NULL;
}

void abi_view_leave_all(struct abi_conn *conn)
{
	struct abi_view *view, *tmp;

	list_for_each_entry_safe(view, tmp, &conn->views, link) {
		view->conn = NULL;
		list_del_init(&view->link);
	}
}
