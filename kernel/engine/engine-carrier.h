/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a carrier gives to the seam
 *
 * The functions of engine.h check and count, and leave the rest to the carrier
 * through one table.  A carrier embeds struct engine and struct engine_conn as
 * the first members of its own structs, fills in what is marked "carrier", and
 * finds its struct again with container_of().
 */
#ifndef KERNEL_ENGINE_ENGINE_CARRIER_H
#define KERNEL_ENGINE_ENGINE_CARRIER_H

#include "kernel/engine/engine.h"

/**
 * struct engine_carrier - operations; the arguments and results are those of the
 * function of the same name in engine.h
 *
 * @set_limits: NULL: -EOPNOTSUPP
 * @needs_bloom: NULL: always
 * @expire: NULL: the bus watches its deadlines itself
 * @poll_fd: NULL: there is none
 * @dispatch: NULL: nothing to do
 * @subscribe: NULL: nothing to do
 * @publish: takes @fd; NULL: -EOPNOTSUPP
 * @get_published: a descriptor to be closed; NULL: -EOPNOTSUPP
 * @news_fd: NULL: -1
 * @asks_may_deliver: no operation: engine_asks_may_deliver()
 * @candidates_add: NULL if broadcast_candidates() is never called
 * @holder_open, @holder_update, @holder_close: a connection that holds policy, for
 *	engine-policy.c: HELLO and UPDATE as given; to the host it does not exist
 * @activator_open: HELLO as given, with what is to be told to the host about @activator by
 *	engine_activator_waits() and engine_activator_taken(); writes @activator.holder
 * @activator_update: UPDATE as given
 * @activator_close: of @activator.holder
 * @activator_is_holder, @activator_n_waiting, @activator_drop: as in engine.h; the latter
 *	writes every member but @ops
 * @begin, @answer_position: NULL: engine_conn_answer_position() is engine_conn_position()
 * @settle, @hasten: NULL: nothing is ever on its way
 * @recv: on success writes every member but @ops, which engine.c does
 * @received_release: drops what @received_out.carrier and the payload refer to
 */
struct engine_carrier {
	void (*close)(struct engine *engine);
	int (*set_limits)(struct engine *engine, const struct engine_limits *limits);
	bool (*needs_bloom)(const struct engine *engine);
	void (*expire)(struct engine *engine, uint64_t now_ns);
	int (*poll_fd)(const struct engine *engine);
	int (*dispatch)(struct engine *engine);

	int (*connect)(struct engine *engine, const struct engine_hello *hello,
		       struct engine_conn **conn_out);
	void (*conn_close)(struct engine_conn *conn);
	struct engine_conn *(*find_conn)(struct engine *engine, uint64_t id);
	struct engine_conn *(*find_owner)(struct engine *engine, const char *name);
	/* NULL: the direct carrier alone has them at hand */
	const struct engine_peer *(*find_peer)(struct engine *engine, uint64_t id,
					       const char *name);
	int (*subscribe)(struct engine_conn *conn, unsigned what);

	int (*command)(struct engine_conn *conn, unsigned long nr, void *cmd);
	const void *(*slice)(struct engine_conn *conn, uint64_t offset);
	void (*slice_free)(struct engine_conn *conn, uint64_t offset);
	const char *(*next_name)(struct engine_conn *conn, void **position, bool *queued_out);
	/* NULL: they are counted one by one */
	uint32_t (*n_names)(struct engine_conn *conn);
	int (*publish)(struct engine *engine, int fd);
	int (*get_published)(struct engine *engine, int *fd_out);
	int (*news_fd)(const struct engine *engine);
	bool asks_may_deliver;

	int (*holder_open)(struct engine *engine, struct kdbus_cmd_hello *cmd, void **holder_out);
	int (*holder_update)(struct engine *engine, void *holder, struct kdbus_cmd *cmd);
	void (*holder_close)(struct engine *engine, void *holder);

	int (*activator_open)(struct engine_activator *activator, struct kdbus_cmd_hello *cmd);
	int (*activator_update)(struct engine_activator *activator, struct kdbus_cmd *cmd);
	void (*activator_close)(struct engine_activator *activator);
	bool (*activator_is_holder)(const struct engine_activator *activator);
	uint32_t (*activator_n_waiting)(const struct engine_activator *activator);
	int (*activator_drop)(struct engine_activator *activator,
			      struct engine_received *received_out);

	int (*send)(struct engine_conn *conn, const struct engine_send *send);
	int (*settle)(struct engine_conn *conn);
	int (*hasten)(struct engine_conn *conn);
	uint64_t (*position)(struct engine_conn *conn);
	void (*begin)(struct engine_conn *conn);
	uint64_t (*answer_position)(struct engine_conn *conn);
	/* optional */
	void (*get_queue)(const struct engine_conn *conn, struct engine_queue *queue_out);
	int (*recv)(struct engine_conn *conn, struct engine_received *received_out);
	void (*received_release)(struct engine_received *received);
	void (*candidates_add)(struct engine_candidates *candidates, struct engine_conn *conn,
			       uint64_t tag);
};

/**
 * struct engine - what all carriers share
 * @carrier: carrier: its operations
 * @host: copy of what the host gave; operations it left out are NULL
 * @bus_id: carrier: UUID of the bus
 * @id_offset: carrier: engine_id_offset()
 * @has_strangers: carrier: engine_has_strangers()
 * @bloom_size: carrier: bytes of a filter
 * @bloom_n_hash: carrier: bits per word
 * @stats: @n_sends, @n_recvs and @n_notifications are counted by engine.c, @n_lost
 *	by engine_lost()
 * @n_conns: connections open, counted by engine.c
 * @n_policies: entries, counted by engine-policy.c; activators by engine-activator.c
 */
struct engine {
	const struct engine_carrier *carrier;
	struct engine_host host;
	uint8_t bus_id[16];
	uint64_t id_offset;
	bool has_strangers;
	size_t bloom_size;
	unsigned bloom_n_hash;
	struct engine_stats stats;
	unsigned long n_conns;
	unsigned long n_policies;
};

/**
 * struct engine_conn - what the connections of all carriers share
 * @engine: where it belongs; filled in by engine.c after connect(), and by the
 *	carrier if it may call the host before that
 * @id: carrier: id on the bus
 * @userdata: filled in as @engine
 * @is_judged: carrier: engine_conn_is_judged()
 * @is_closing: the carrier's own: what it still hears of the connection is nobody's business
 */
struct engine_conn {
	struct engine *engine;
	uint64_t id;
	void *userdata;
	bool is_judged;
	bool is_closing;
};

/**
 * struct engine_activator - what the activators of all carriers share
 * @engine: where it belongs
 * @holder: carrier: the connection
 * @userdata: of the host
 * @name: as it was given
 */
struct engine_activator {
	struct engine *engine;
	void *holder;
	void *userdata;
	char name[];
};

/* a carrier's open(): allocates its engine; engine.c has set nothing yet */
void engine_init(struct engine *engine, const struct engine_carrier *carrier,
		 const struct engine_options *options);

/* to be told by carriers */

/* @conn can be received from, after engine_recv() said that it is empty, or has become so */
void engine_wake(struct engine_conn *conn);
/* @n broadcasts from @src_id (0: not known) went missing for @conn */
void engine_lost(struct engine_conn *conn, uint64_t src_id, uint64_t n);
/* what engine_host.waits and .taken are told */
void engine_activator_waits(struct engine_activator *activator);
void engine_activator_taken(struct engine_activator *activator);

/**
 * engine_policy_command() - a command that carries an entry of the bus' policy
 * @fixed: bytes of the command without items, which become 0 but for the size
 * @name: the name that the entry is about
 *
 * Return: the command, to be freed, or NULL if there is no memory.
 */
void *engine_policy_command(size_t fixed, const char *name,
			    const struct kdbus_policy_access *grants, size_t n_grants);

/* for carriers with a domain in this process */

struct kdbus_domain;
/* the limits of @domain become those of @limits */
void engine_limits_apply(const struct engine_limits *limits, struct kdbus_domain *domain);

/* the carriers */

/* "embedded": engine-direct.c */
int engine_direct_open(const struct engine_options *options, struct engine **engine_out);
/* "embedded:pool": engine-pool.c */
int engine_pool_open(const struct engine_options *options, struct engine **engine_out);
/* "kernel:path=@path": engine-path.c */
int engine_kernel_open(const char *path, const struct engine_options *options,
		       struct engine **engine_out);
/* makes a bus in @directory, or joins its @endpoint; served by a process: engine-remote.c */
int engine_remote_open(const char *directory, const char *endpoint,
		       const struct engine_options *options, struct engine **engine_out);
/* mounted: engine-ioctl.c */
int engine_ioctl_open(const char *directory, const char *endpoint,
		      const struct engine_options *options, struct engine **engine_out);
/* other limits for what engine_mount() mounted */
int engine_mount_set_limits(const char *directory, const struct engine_limits *limits);

#endif
