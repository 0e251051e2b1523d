/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the commands of the ABI reach a bus
 *
 * The ABI carrier (engine-abi.c) knows nothing of a bus but the structs of
 * linux/kdbus.h, a pool that it can read, and a descriptor that it can poll.  A
 * transport gives it these: an ioctl on a file, a call into the bus in this
 * process, a message on a socket.
 *
 * A handle is what the ABI calls an open file: of the control node of a domain,
 * on which BUS_MAKE makes it the owner of a bus; or of an endpoint, on which
 * HELLO makes it a connection.  Closing it ends what it has become.
 */
#ifndef KERNEL_ENGINE_ENGINE_TRANSPORT_H
#define KERNEL_ENGINE_ENGINE_TRANSPORT_H

#include "kernel/engine/engine.h"

struct engine_handle;
struct engine_transport;

/**
 * struct engine_slice_at - a message in a pool
 * @offset: where
 * @size: its bytes
 */
struct engine_slice_at {
	uint64_t offset;
	uint64_t size;
};

/**
 * struct engine_stream_news - what became of SENDs that were posted
 * @n_over: how many are over
 * @error: 0, or the negative errno with which the last of them was refused
 * @n_before: messages that had been queued before that, or before nothing at all was left: those
 *	of which note was taken, and those that are still to come
 * @is_all: nothing is still to come of what had been queued
 */
struct engine_stream_news {
	uint64_t n_over;
	int error;
	uint64_t n_before;
	bool is_all;
};

/**
 * struct engine_kept_pool - a pool that can be read although its handle may be closed
 * @release: not any more
 */
struct engine_kept_pool {
	void (*release)(struct engine_kept_pool *pool);
};

#define ENGINE_STREAM_ASK 1

/**
 * struct engine_stream_ops - a handle whose messages come by themselves, and whose SENDs are not
 * waited for
 *
 * @open: asks for it, before HELLO.  @told is called whenever note was taken of something, from
 *	within any operation, and takes note only.
 *	-EPERM: it is not to be had.  Whoever has it is judged by the owner of the bus.
 * @post: SEND
 * @settle: until nothing is under way
 * @confirm: sees to it that @told is of all that was posted
 * @read: takes note of what has come; with @waits also of all that had been queued when the last
 *	command took effect.  -EAGAIN: there is nothing
 * @take: the next message of which note was taken; -EAGAIN; or ENGINE_STREAM_ASK: it has to be
 *	asked for by RECV, and is when this returns
 * @free: a message that was taken is done with
 * @n_dropped: broadcasts that went missing since this was asked last
 * @keep_pool: what was mapped stays until it is released
 *
 * 0 or a negative errno.
 */
struct engine_stream_ops {
	int (*open)(struct engine_handle *handle,
		    void (*told)(void *userdata, const struct engine_stream_news *news),
		    void *userdata);
	int (*post)(struct engine_handle *handle, struct kdbus_cmd_send *cmd);
	int (*settle)(struct engine_handle *handle);
	int (*confirm)(struct engine_handle *handle);
	int (*read)(struct engine_handle *handle, bool waits);
	int (*take)(struct engine_handle *handle, struct engine_slice_at *slice_out);
	int (*free)(struct engine_handle *handle, const struct engine_slice_at *slice);
	uint64_t (*n_dropped)(struct engine_handle *handle);
	struct engine_kept_pool *(*keep_pool)(struct engine_handle *handle);
};

/**
 * struct engine_transport_ops - operations of a transport
 *
 * @free: after all handles were closed
 * @set_limits: new limits for the domain; NULL: -EOPNOTSUPP
 * @expire: answer the replies that are due; NULL: the bus does it by itself
 *
 * @open: open @node of the domain, "control" or "<uid>-<bus>/bus"
 * @close: of a handle
 * @command: run KDBUS_CMD_* number @nr; @cmd is written back as the ABI says.
 *	0 or a negative errno
 * @map_pool: where the pool of a connected handle, of @size bytes, can be read until
 *	the handle is closed
 * @position: how far the queue of the handle's connection had got when its last command
 *	took effect: the number of what had ever been queued; NULL: it does not say
 * @published: the file that the owner of the bus of @handle has published, as
 *	a descriptor to be closed; @poll_fd of a handle that never said HELLO tells of the next;
 *NULL: there is none ever
 * @poll_fd: a descriptor that lives as long as the handle.  It becomes readable (or
 *	reports an error) whenever the handle becomes so by the rules of poll() in
 *	the ABI; it is watched for edges, and may stay readable longer than that
 * @stream: NULL: there are no streams
 */
struct engine_transport_ops {
	void (*free)(struct engine_transport *transport);
	int (*set_limits)(struct engine_transport *transport, const struct engine_limits *limits);
	void (*expire)(struct engine_transport *transport, uint64_t now_ns);

	int (*open)(struct engine_transport *transport, const char *node,
		    struct engine_handle **handle_out);
	void (*close)(struct engine_handle *handle);
	int (*command)(struct engine_handle *handle, unsigned long nr, void *cmd);
	int (*map_pool)(struct engine_handle *handle, size_t size, const void **address_out);
	uint64_t (*position)(struct engine_handle *handle);
	int (*published)(struct engine_handle *handle, int *fd_out);
	int (*poll_fd)(struct engine_handle *handle);
	const struct engine_stream_ops *stream;
};

/**
 * struct engine_transport - first member of a transport's own struct
 * @ops: what it can do
 * @id_offset: engine_id_offset() of buses made over it
 * @has_strangers: there may be others on the bus than connections of this process
 * @has_auxgroups: HELLO takes KDBUS_ITEM_AUXGROUPS, an addition to the ABI
 */
struct engine_transport {
	const struct engine_transport_ops *ops;
	uint64_t id_offset;
	bool has_strangers;
	bool has_auxgroups;
};

/**
 * engine_abi_open() - make a bus over a transport, or join one
 * @transport: the engine's from now on, also if this fails
 * @endpoint: node to join; NULL: make a bus
 *
 * Return: 0, or the errno of BUS_MAKE or of what else failed.
 */
int engine_abi_open(struct engine_transport *transport, const char *endpoint,
		    const struct engine_options *options, struct engine **engine_out);

#endif
