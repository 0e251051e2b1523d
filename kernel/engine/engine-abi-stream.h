/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the ABI carrier: connections whose messages come by themselves */
#ifndef KERNEL_ENGINE_ENGINE_ABI_STREAM_H
#define KERNEL_ENGINE_ENGINE_ABI_STREAM_H

#include "kernel/engine/engine-abi.h"

/* before HELLO: a stream, if it is to be had; 0 or a negative errno */
int abi_stream_open(struct abi_conn *conn);
/* when the handle is closed, or there is none */
void abi_stream_free_all(struct abi_conn *conn);

/* SEND; @payload is kept until it is over */
int abi_stream_post(struct abi_conn *conn, struct kdbus_cmd_send *cmd,
		    struct engine_payload *payload);
/* is it the turn of something that was refused? */
bool abi_stream_next_refused(struct abi_conn *conn, struct engine_received *received_out);
/* the next message, as engine_stream_ops.take(); @waits: for all that is to come */
int abi_stream_take(struct abi_conn *conn, bool waits, struct engine_slice_at *slice_out);
int abi_stream_free(struct abi_conn *conn, const struct engine_slice_at *slice);

/* the engine's descriptor became readable: true if that is for the connection, which is woken */
bool abi_stream_guess(struct abi_engine *engine);
/* the descriptor of the connection did, and will not say so again */
void abi_stream_readable(struct abi_conn *conn);

/* operations of struct engine_carrier */
int abi_settle(struct engine_conn *base);
int abi_hasten(struct engine_conn *base);

#endif
