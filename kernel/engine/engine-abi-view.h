/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the ABI carrier: payload that stays in the pool while somebody looks at it */
#ifndef KERNEL_ENGINE_ENGINE_ABI_VIEW_H
#define KERNEL_ENGINE_ENGINE_ABI_VIEW_H

#include "kernel/engine/engine-abi.h"

/**
 * struct abi_view - a payload in the pool
 * @payload: its data is in @slice
 * @link: in abi_conn.views
 * @conn: whose; NULL when it is closed
 * @slice: where
 * @pool: keeps the memory
 */
struct abi_view {
	struct engine_payload payload;
	struct list_head link;
	struct abi_conn *conn;
	struct engine_slice_at slice;
	struct engine_kept_pool *pool;
};

/* for a message that has come into the stream: NULL if a copy does as well, or has to */
struct abi_view *abi_view_new(struct abi_conn *conn, const struct engine_slice_at *slice);
/* it was not used: the slice is the caller's still */
struct abi_view *abi_view_free(struct abi_view *view);
/* the connection is about to be closed */
void abi_view_leave_all(struct abi_conn *conn);

#endif
