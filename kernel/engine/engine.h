/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam: a kdbus bus as the proxy sees it
 *
 * An engine is one bus, reached through a carrier:
 *
 *	embedded	the core in this process, direct connections: RECV hands over a
 *			reference to what SEND was given; no pool, no descriptor
 *	embedded:pool	the core in this process behind nothing but ABI structs, a
 *			real pool and a descriptor; what the tests use to prove that
 *			nothing above the seam leans on the embedded engine
 *	kernel:path=DIR	a domain: a mount of kdbusfs, or what another process serves
 *			(struct engine_options).  A bus is made there
 *	kernel:path=DIR/BUS/ENDPOINT
 *			a bus that there is already, of another process; who joins it
 *			has to be as good as its owner
 *
 * The carriers differ in how a message travels, never in what it means.
 * Commands other than HELLO, SEND and RECV are the ABI's own structs
 * (linux/kdbus.h) through engine_command(): there is no second API for them.
 * SEND and RECV have one here because the direct carrier passes a reference
 * where the ABI passes bytes.
 *
 * Positions.  Each connection has one queue.  What is queued to it gets
 * consecutive positions, starting at 1; engine_conn_position() says how far the
 * queue has got, and what engine_recv() returns tells its position.  A caller
 * that runs a command, asks for the position (engine_conn_answer_position()), and
 * emits its own answer once everything up to that position has been received keeps
 * the order that D-Bus promises to its clients.
 *
 * One thread.  Callbacks may be called from within any function here and must not
 * call back into the engine, except where they say so.
 */
#ifndef KERNEL_ENGINE_ENGINE_H
#define KERNEL_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/include/uapi/linux/kdbus.h"
#include "proxy/base/creds.h"

struct engine;
struct engine_activator;
struct engine_candidates;
struct engine_carrier;
struct engine_conn;
struct engine_policy;

/**
 * struct engine_payload - what a message consists of, besides its address
 * @refcount: starts at 1, belongs to whoever holds a reference
 * @n_fds: descriptors that travel with it
 * @size: bytes
 * @data: the bytes; immutable from the first SEND on
 * @fds: owned by the payload, closed by @release
 * @release: called when the last reference is gone
 *
 * Embedded in the sender's message object.  The direct carrier passes on
 * references to it; the others copy.
 */
struct engine_payload {
	uint32_t refcount;
	uint32_t n_fds;
	size_t size;
	const void *data;
	int *fds;
	void (*release)(struct engine_payload *payload);
};

static inline uint32_t engine_payload_count(struct engine_payload *payload, int n)
{
#ifdef SHIM_THREADS
	return __atomic_add_fetch(&payload->refcount, n, __ATOMIC_ACQ_REL);
#else
	return payload->refcount += n;
#endif
}

static inline struct engine_payload *engine_payload_ref(struct engine_payload *payload)
{
	engine_payload_count(payload, 1);
	return payload;
}

static inline struct engine_payload *engine_payload_unref(struct engine_payload *payload)
{
	if (payload && !engine_payload_count(payload, -1))
		payload->release(payload);
	return NULL;
}

/**
 * struct engine_send - one message to be sent
 * @flags: KDBUS_MSG_EXPECT_REPLY, KDBUS_MSG_NO_AUTO_START, KDBUS_MSG_SIGNAL
 * @dst_id: connection id, KDBUS_DST_ID_NAME or KDBUS_DST_ID_BROADCAST; with
 *	@dst_name an id other than 0 is verified (EREMCHG)
 * @dst_name: well-known name or NULL
 * @cookie: the message's own number
 * @cookie_reply: what it answers, or 0
 * @timeout_ns: absolute CLOCK_MONOTONIC, with EXPECT_REPLY only
 * @bloom: filter of engine_bloom_parameters() size; needed for broadcasts where
 *	engine_needs_bloom(), else NULL
 * @payload: borrowed for the call
 * @is_awaited: engine_send() is to say what came of it
 */
struct engine_send {
	uint64_t flags;
	uint64_t dst_id;
	const char *dst_name;
	uint64_t cookie;
	uint64_t cookie_reply;
	uint64_t timeout_ns;
	const void *bloom;
	struct engine_payload *payload;
	bool is_awaited;
};

/* no reply deadline: far in the future, as the ABI has no "never" */
#define ENGINE_NO_TIMEOUT (UINT64_C(1) << 62)

/**
 * struct engine_notification - a change the bus itself reports
 * @type: KDBUS_ITEM_{ID_ADD,ID_REMOVE,NAME_ADD,NAME_REMOVE,NAME_CHANGE,
 *	REPLY_TIMEOUT,REPLY_DEAD}
 * @old_id, @old_flags, @new_id, @new_flags: as in the ABI; for ID_* the id is in
 *	@new_id (ADD) or @old_id (REMOVE) and the HELLO flags beside it
 * @cookie_reply: REPLY_* only
 * @name: NAME_* only; valid until the struct is released or the callback returns
 */
struct engine_notification {
	uint64_t type;
	uint64_t old_id, old_flags;
	uint64_t new_id, new_flags;
	uint64_t cookie_reply;
	const char *name;
};

/**
 * struct engine_received - one thing taken out of a connection's queue
 * @position: see above
 * @src_id: sender, or KDBUS_SRC_ID_KERNEL: then @notification is valid, and nothing
 *	below but @tag
 * @dst_id: as the sender gave it
 * @dst_name: the name the sender gave, or NULL
 * @flags, @cookie, @cookie_reply: as in struct kdbus_msg
 * @payload_type: KDBUS_PAYLOAD_*
 * @tag: what the host said about this receiver when the message was broadcast
 *	(engine_candidates_add(), or struct engine_host.accepts)
 * @src_names: of a broadcast that accepts() is asked about, and where there is @src_creds:
 *	the well-known names that the sender held when it sent it, each with its NUL,
 *	an empty one behind the last; else NULL
 * @src_creds: on a bus with strangers, and wherever the ABI carrier can ask for it: who the
 *	sender is; else NULL
 * @src_is_judged: direct carrier: the sender is of another process, which leaves the policy to
 *	the host, and so knows what the host may have to say
 * @payload: direct carrier: the very object the sender gave, a reference is held;
 *	other carriers: an object of the engine's own, with the received bytes; while it lives
 *	it may take room in the pool, so who wants them for long copies them
 * @is_shared: @payload is the sender's object
 * @is_cut: only its beginning is there, which has the header of a message if that is no longer
 *	than others are
 * @is_judged: the owner of the bus has applied the policy
 * @is_last: the queue is empty, and struct engine_host.wake tells when it no longer is: to ask
 *	again is of no use.  A carrier that would have to find out does not say so
 * @error: not 0: nothing was received, but what @payload says was not sent after all, as that
 *	negative errno says, although engine_send() took it; of the others @position alone is valid
 * @is_reply_dead: of engine_activator_drop(): whoever waits for the reply was told by the
 *	bus that there will be none
 * @notification: a kernel notification
 */
struct engine_received {
	uint64_t position;
	uint64_t src_id;
	uint64_t dst_id;
	const char *dst_name;
	uint64_t flags;
	uint64_t cookie;
	uint64_t cookie_reply;
	uint64_t payload_type;
	uint64_t tag;
	const char *src_names;
	const struct creds *src_creds;
	struct engine_payload *payload;
	bool src_is_judged;
	bool is_shared;
	bool is_cut;
	bool is_judged;
	bool is_last;
	bool is_reply_dead;
	int error;
	struct engine_notification notification;
	/* private */
	const struct engine_carrier *ops;
	void *carrier;
};

/**
 * struct engine_stranger - a connection of another process, as far as the bus knows it
 * @id: its connection id
 * @creds: whose it is; uid CREDS_UNKNOWN: the bus does not tell
 * @names: the well-known names that it has, each with its NUL, an empty one behind the last
 */
struct engine_stranger {
	uint64_t id;
	const struct creds *creds;
	const char *names;
};

/**
 * struct engine_broadcast - something about to go to many
 * @src: sender, NULL for a notification
 * @send: the message, NULL for a notification
 * @notification: NULL for a message
 * @received: a message of a stranger (may_receive()): then the others are NULL
 */
struct engine_broadcast {
	struct engine_conn *src;
	const struct engine_send *send;
	const struct engine_notification *notification;
	const struct engine_received *received;
};

/**
 * struct engine_host - what an engine asks the process it runs in
 *
 * All are optional.  @userdata is passed first.
 */
struct engine_host {
	void *userdata;
	/* The queue of @conn has become readable.  Called at most once between two
	 * engine_recv() of @conn that said "empty" or "last"; may only take note. */
	void (*wake)(void *userdata, struct engine_conn *conn);
	/* May this unicast or this broadcast reach @dst?  Called with the bus'
	 * registry stable, before anything is queued.  May look at names with
	 * engine_conn_names().  0, or the negative errno that SEND shall return
	 * (for a broadcast: any error leaves @dst out).  Not called for
	 * notifications; called for replies as well, where @is_reply says that a
	 * pending call is being answered.  Direct carrier only. */
	int (*may_deliver)(void *userdata, struct engine_conn *src, struct engine_conn *dst,
			   const struct engine_send *send, bool is_reply);
	/* May this message of a stranger reach @dst?  A stranger is a connection of another
	 * process; @received is as engine_recv() would give it, with @src_creds and @src_names, and
	 * belongs to the carrier.  It may be cut: what is in a memory file costs its sender
	 * nothing.  Otherwise as may_deliver(). */
	int (*may_receive)(void *userdata, struct engine_conn *dst,
			   const struct engine_received *received, bool is_reply);
	/* The other way round: may @src send this to a stranger?  Direct carrier only; on the
	 * others the sender finds out by engine_get_stranger(). */
	int (*may_send)(void *userdata, struct engine_conn *src, const struct engine_stranger *dst,
			const struct engine_send *send, bool is_reply);
	/* May this message of a stranger reach @dst, who is one as well, where one of them leaves
	 * it to us?  Not asked about broadcasts.  Direct carrier only, otherwise as may_receive().
	 */
	int (*may_pass)(void *userdata, const struct engine_stranger *dst,
			const struct engine_received *received, bool is_reply);
	/* Which connections want this broadcast?  Answers with
	 * engine_candidates_add(); a connection added twice gets one copy.  Without
	 * this operation nobody who is "indexed" gets any.  Direct carrier only. */
	void (*broadcast_candidates)(void *userdata, const struct engine_broadcast *broadcast,
				     struct engine_candidates *candidates);
	/* Is there anybody who wants to see what passes between others? */
	bool (*is_listening)(void *userdata);
	/* If so: this message of a stranger is about to go to @dst_id (KDBUS_DST_ID_BROADCAST: to
	 * many), who may be a stranger as well.  Each is told of once, in the order of the bus.
	 * @received is as in may_receive(), but whole.  On the other carriers than the direct one
	 * if there is news() as well, and a little later. */
	void (*overheard)(void *userdata, const struct engine_received *received, uint64_t dst_id);
	/* While somebody listens: a name or a connection has come, gone or changed, after all that
	 * was told before.  Not on the direct carrier, which asks broadcast_candidates(). */
	void (*news)(void *userdata, const struct engine_notification *notification);
	/* Does @conn want this broadcast or broadcast notification, which the bus
	 * delivered to it?  Asked by the carriers that do not ask
	 * broadcast_candidates(), when they take it out of the bus' queue: in
	 * engine_recv() and engine_conn_position().  Before the answer changes the
	 * host asks for the position, so that what was sent until then is judged by
	 * the old one. */
	bool (*accepts)(void *userdata, struct engine_conn *conn,
			const struct engine_received *received, uint64_t *tag_out);
	/* May this message, or this signal, wait at an activator, as the name that it is sent
	 * to has no owner?  Called as may_deliver() is.  0, or the negative errno that SEND
	 * shall return.  Direct carrier only: on the others it is for the sender to find out by
	 * CONN_INFO that only the activator holds the name. */
	int (*may_wait)(void *userdata, struct engine_conn *src, void *activator_userdata,
			const struct engine_send *send);
	/* The same for a message of a stranger, as in may_receive().  Direct carrier only, others:
	 * what the bus' own policy says. */
	int (*may_await)(void *userdata, void *activator_userdata,
			 const struct engine_received *received);
	/* A message has begun to wait at the activator, where none waited before; the direct
	 * carrier says so for each.  Also for those that the owner left unread when it let the
	 * name go.  May only take note. */
	void (*waits)(void *userdata, void *activator_userdata);
	/* The activator's name has got an owner, and the messages are with it.  On the other
	 * carriers than the direct one: only an owner that is a connection of this engine, and
	 * also one that takes the name from another owner.  May only take note. */
	void (*taken)(void *userdata, void *activator_userdata);
	/* A message that waited was not given to the new owner @dst (NULL: it is not ours), of
	 * which @error says why, as SEND would have: may_deliver() said so, or the quota, or
	 * @dst takes no descriptors.  @src sent it; it is for the host to answer, as a reply
	 * that @src waited for is no longer expected, and nothing tells it so.  @src is NULL where
	 * @message is one of those that are src_is_judged, for which the same holds; without memory
	 * it has no payload.
	 * @message is borrowed for the call.  May look and take note, and queue something to be
	 * written to a client; must not call the engine, except for engine_conn_position(),
	 * engine_find_conn() and engine_payload_ref().  Direct carrier only, others: @src gets
	 * REPLY_DEAD. */
	void (*undelivered)(void *userdata, struct engine_conn *src, struct engine_conn *dst,
			    const struct engine_received *message, int error);
	/* A broadcast from @src_id (0: notification or unknown) went missing for @conn. */
	void (*lost)(void *userdata, struct engine_conn *conn, uint64_t src_id);
	/* The earliest reply deadline is now @deadline_ns (CLOCK_MONOTONIC;
	 * UINT64_MAX: none): call engine_expire() then. */
	void (*deadline)(void *userdata, uint64_t deadline_ns);
};

/**
 * struct engine_limits - the limits of the domain; 0 means the ABI's default
 */
struct engine_limits {
	uint64_t pool_size;	 /* bytes, nominal for direct connections */
	uint32_t n_conns_user;	 /* connections per uid */
	uint32_t n_names_conn;	 /* well-known names per connection, owned or queued */
	uint32_t n_matches_conn; /* engine matches per connection */
	uint32_t n_replies_conn; /* expected replies per caller */
	uint32_t n_msgs_user;	 /* queued messages per sending uid and receiver */
	uint32_t n_fds_user;	 /* queued fds per sending uid and receiver */
	uint32_t n_fds_msg;	 /* fds per message */
};

/**
 * struct engine_options - how to open an engine
 * @bus_name: name of the bus, without the uid prefix; default "bus"
 * @limits: limits of the domain
 * @host: borrowed, must outlive the engine
 * @serve_dir: directory in which the bus is served to other processes, as sockets
 *	(kernel/embedded/server.h), or NULL; then the ids of the bus are its own, so
 *	that all agree on them: engine_id_offset() is 0.  "embedded" only
 * @has_epoll, @epoll_fd: with @serve_dir: an epoll set of the caller, the events of which have a
 *	struct loop_source (proxy/base/loop-source.h) as data.  Everything is watched there, not by
 *	engine_poll_fd(), and engine_dispatch() is called behind each batch, before the caller waits
 * @owns_domain: what is at the path is for this process alone (engine_mount()): its limits
 *	are those of engine_set_limits()
 * @strict: the ABI as published, without our additions to it; for tests
 */
struct engine_options {
	const char *bus_name;
	struct engine_limits limits;
	const struct engine_host *host;
	const char *serve_dir;
	bool has_epoll;
	int epoll_fd;
	bool owns_domain;
	bool strict;
};

/**
 * struct engine_stats - counters since the engine was opened
 * @n_sends, @n_recvs: messages between connections that passed SEND and RECV
 *	(a broadcast counts once as sent and once per receiver as received)
 * @n_notifications: notifications received
 * @n_lost: broadcasts that a receiver could not take
 */
struct engine_stats {
	uint64_t n_sends;
	uint64_t n_recvs;
	uint64_t n_notifications;
	uint64_t n_lost;
};

/* engine */

/**
 * engine_open() - make a bus and become its owner, or join one
 * @address: see above
 *
 * Return: 0, -EPROTONOSUPPORT for an address of unknown kind, -EOPNOTSUPP if it cannot
 * be served to others or if the domain has not our additions to the ABI, -EADDRINUSE if another
 * process serves the same directory, or the errno of what failed.
 */
int engine_open(const char *address, const struct engine_options *options,
		struct engine **engine_out);
/**
 * engine_mount() - a domain of our own in the kernel
 * @directory: where to mount it; made if it is not there.  A domain that is mounted there
 *	already, and has no bus, is taken over
 *
 * The address of what is made there is "kernel:path=@directory".
 *
 * Return: 0, -ENODEV (the kernel has no kdbus), -EPERM, -EADDRINUSE (somebody has a bus there),
 * or another errno of mount().
 */
int engine_mount(const char *directory, const struct engine_limits *limits);
/* the mount goes, the domain with its last user */
int engine_unmount(const char *directory);

/* all connections must be closed before, all entries of the policy and all activators; NULL is
 * fine */
/* another one to ask from now on, in place of engine_options.host; no connection is open */
void engine_set_host(struct engine *engine, const struct engine_host *host);
struct engine *engine_close(struct engine *engine);
/* new limits for the domain, for what happens from now on */
int engine_set_limits(struct engine *engine, const struct engine_limits *limits);
void engine_get_stats(const struct engine *engine, struct engine_stats *stats_out);
/* the 16 bytes that identify the bus */
const uint8_t *engine_bus_id(const struct engine *engine);
/* what to subtract from a connection id to get N of ":1.N"; fixed for the life of the bus */
uint64_t engine_id_offset(const struct engine *engine);
/* whether broadcasts must carry a bloom filter just now */
bool engine_needs_bloom(const struct engine *engine);
/* bytes of a filter, and number of hashes per word */
void engine_bloom_parameters(const struct engine *engine, size_t *size_out, unsigned *n_hash_out);
/* answers every expected reply whose deadline is not after @now_ns */
void engine_expire(struct engine *engine, uint64_t now_ns);
/* descriptor to poll for engines whose connections have one, or -1 */
int engine_poll_fd(const struct engine *engine);
/* calls wake() for the connections that became readable; after engine_poll_fd() did */
int engine_dispatch(struct engine *engine);

/**
 * engine_publish() - leave something for those who join the bus
 * @bytes, @size: copied
 *
 * Whoever has joined is told when it is replaced.
 *
 * Return: 0, -EOPNOTSUPP (the bus is not served to others), or what failed.
 */
int engine_publish(struct engine *engine, const void *bytes, size_t size);

/**
 * engine_get_published() - what the owner of the bus has left
 * @bytes_out: from malloc(), aligned to 8
 *
 * Return: 0, -ENODATA, -EOPNOTSUPP (the bus was not joined), or what failed.
 */
int engine_get_published(struct engine *engine, void **bytes_out, size_t *size_out);
/* a descriptor of a bus that was joined: readable when its owner has left something else, until
 * that is got; -1: there is none */
int engine_news_fd(const struct engine *engine);

/* whether there may be others on the bus than connections of this process that the policy of
 * the host is not applied to at SEND: so engine_received.src_creds is there to judge by */
bool engine_has_strangers(const struct engine *engine);

/* connections */

/* An addition to the ABI, for the owner of a bus: the connection is a part of the bus.  Its id is
 * of the range of holders and activators, which no unique name stands for; engine_find_conn() does
 * not find it, and in notifications and lists it is known by its flags. */
#define ENGINE_HELLO_APART (UINT64_C(1) << 32)
/* flags of connections that are no peers of others */
#define ENGINE_NO_PEER                                                                             \
	(KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER | KDBUS_HELLO_MONITOR |                 \
	 ENGINE_HELLO_APART)

/**
 * struct engine_hello - a new connection
 * @flags: KDBUS_HELLO_ACCEPT_FD, ENGINE_HELLO_APART
 * @creds: identity of the client, recorded by the bus; borrowed for the call
 * @description: or NULL
 * @userdata: for engine_conn_userdata()
 */
struct engine_hello {
	uint64_t flags;
	const struct creds *creds;
	const char *description;
	void *userdata;
};

/**
 * engine_connect() - HELLO
 *
 * The connection is "indexed": what broadcasts it wants is the host's business
 * (broadcast_candidates() or accepts()).
 *
 * Return: 0, -EMFILE (too many connections of this uid, or descriptors),
 * -ENOMEM, or another errno of HELLO.
 */
int engine_connect(struct engine *engine, const struct engine_hello *hello,
		   struct engine_conn **conn_out);
/* disconnects: names are released, replies owed are answered; NULL is fine */
struct engine_conn *engine_conn_close(struct engine_conn *conn);
uint64_t engine_conn_id(const struct engine_conn *conn);
void *engine_conn_userdata(const struct engine_conn *conn);
/* the connection with that id if it was made through this engine object, else NULL */
struct engine_conn *engine_find_conn(struct engine *engine, uint64_t id);

#define ENGINE_SUBSCRIBE_SIGNALS       (1u << 0) /* broadcasts of other connections */
#define ENGINE_SUBSCRIBE_NOTIFICATIONS (1u << 1) /* names and ids that are not its own */

/**
 * engine_conn_subscribe() - say which kinds of broadcasts the connection may want
 * @what: ENGINE_SUBSCRIBE_*; changes of the connection's own names always come
 *
 * A coarse covering set for the carriers whose bus filters by engine matches;
 * nothing to do for the direct carrier.
 */
int engine_conn_subscribe(struct engine_conn *conn, unsigned what);

/**
 * engine_command() - run one of the ABI's commands on a connection
 * @nr: KDBUS_CMD_*; not HELLO, SEND, RECV
 * @cmd: its struct, written back as the ABI says
 *
 * Return: 0 or the negative errno of the ABI.
 */
int engine_command(struct engine_conn *conn, unsigned long nr, void *cmd);
/* address of a result: the "offset" a command returned; valid until engine_slice_free() */
const void *engine_slice(struct engine_conn *conn, uint64_t offset);
void engine_slice_free(struct engine_conn *conn, uint64_t offset);

/* names */

/* the connection that primarily owns a well-known name, if it was made through this engine
 * object, else NULL; may be called from broadcast_candidates() and accepts() */
struct engine_conn *engine_find_owner(struct engine *engine, const char *name);

/**
 * engine_find_peer() - anybody on the bus, of this process or of another
 * @id: of the connection
 * @name: instead: one that it has; or NULL
 *
 * May be called where engine_find_owner() may, and asks nobody.  Direct carrier only.
 *
 * Return: NULL if there is no such ordinary connection; otherwise good until anything else happens
 * to the engine.
 */
const struct engine_peer *engine_find_peer(struct engine *engine, uint64_t id, const char *name);
uint64_t engine_peer_id(const struct engine_peer *peer);
/* engine_received.src_is_judged, of what it would send */
bool engine_peer_is_judged(const struct engine_peer *peer);
/* as engine_conn_next_name() */
const char *engine_peer_next_name(const struct engine_peer *peer, void **position,
				  bool *queued_out);

/**
 * engine_conn_next_name() - walk the names that @conn holds or waits for
 * @position: NULL at first, and the engine's own from then on; good until anything
 *	else happens to the engine
 * @queued_out: whether it waits for the name
 *
 * In the order in which they were acquired.  May be called from may_deliver(),
 * broadcast_candidates() and accepts(); where the bus has to be asked it is slow, and
 * a bus that does not answer has no names.
 *
 * Return: a name, valid as long as @position, or NULL at the end.
 */
const char *engine_conn_next_name(struct engine_conn *conn, void **position, bool *queued_out);
/* how many engine_conn_next_name() walks; embedded: without walking */
uint32_t engine_conn_n_names(struct engine_conn *conn);

/**
 * engine_get_stranger() - ask the bus about a connection
 * @conn: who asks
 * @id: of the connection, or 0
 * @name: instead, or as well: one that it has
 * @stranger_out: from malloc(), one piece
 *
 * Activators are no strangers.
 *
 * Return: 0, -ENXIO or -ESRCH (nobody has that id or name), -ENOMEM, or another errno of
 * CONN_INFO.
 */
int engine_get_stranger(struct engine_conn *conn, uint64_t id, const char *name,
			struct engine_stranger **stranger_out);

/* whether the owner of the bus, in another process, judges what @conn sends and receives, but for
 * broadcasts that it receives */
bool engine_conn_is_judged(const struct engine_conn *conn);

/* whether may_deliver() is asked; if not, it is for the sender to find out and to verify with
 * both dst_id and dst_name that nothing has changed since */
bool engine_asks_may_deliver(const struct engine *engine);

/* policy: what those may do who are on the bus without us; may_deliver() is not asked about them */

/**
 * engine_policy_add() - an entry of the bus' policy
 * @name: a well-known name; with ".*" at its end an entry for all names with one element
 *	more, but not for those that have their own
 * @grants: who may do what; the highest that applies to a peer holds
 * @n_grants: number of them; with none, all that the entry does is to hide the wildcard
 *
 * Behind an entry is a connection of the kind POLICY_HOLDER, with an id of the range
 * that ordinary connections have no part in.  The host does not get to see it, except
 * in notifications: by its flags.
 *
 * Return: 0, -EEXIST (there is one for this name), -EINVAL, -EMSGSIZE (more grants
 * than fit into a command of the ABI: some 800), -ENOMEM, or another errno of HELLO.
 */
int engine_policy_add(struct engine *engine, const char *name,
		      const struct kdbus_policy_access *grants, size_t n_grants,
		      struct engine_policy **policy_out);

/**
 * engine_policy_replace() - UPDATE: other grants, all at once
 *
 * Return: 0, or as engine_policy_add(); then the old ones stay.
 */
int engine_policy_replace(struct engine_policy *policy, const struct kdbus_policy_access *grants,
			  size_t n_grants);
/* the entry goes, and what it hid is seen again; NULL is fine */
struct engine_policy *engine_policy_remove(struct engine_policy *policy);

/* activators: a name that has no owner, and for which messages wait
 *
 * What is sent to the name by those who want it started waits in the engine, charged to its
 * sender by the quota, while no connection owns the name; when one does, it gets them in order:
 * behind the notification that the name is its own, and before anything that is sent to it later.
 * may_deliver() is asked about each once more, as things are then.  What waits from a sender that
 * has gone is dropped.  If the owner goes without having read what was sent to the name, that
 * waits again.
 *
 * An activator is not an owner: engine_find_owner() does not find it, and notifications tell it
 * apart by KDBUS_NAME_ACTIVATOR in the flags.  CONN_INFO and LIST of the ABI show it, with
 * KDBUS_HELLO_ACTIVATOR among the flags of the connection.
 */

/**
 * engine_activator_add() - an entry of the bus' policy that is the activator of its name, too
 * @name: a well-known name, no wildcard
 * @grants: as in engine_policy_add()
 * @n_grants: number of them
 * @userdata: for the operations of the host
 *
 * An entry that engine_policy_add() made for this name passes to the activator, and what is left
 * of it is to be removed; as the entry of an activator passes to one that engine_policy_add()
 * makes.  At no moment in between there is none.  Not on a strict bus: -EEXIST.
 *
 * Return: 0, -EEXIST (the name has an activator, or somebody else's entry), -EINVAL,
 * -EMSGSIZE, -ENOMEM, or another errno of HELLO.
 */
int engine_activator_add(struct engine *engine, const char *name,
			 const struct kdbus_policy_access *grants, size_t n_grants, void *userdata,
			 struct engine_activator **activator_out);

/**
 * engine_activator_replace() - UPDATE: other grants, all at once
 *
 * Return: 0, -EOPNOTSUPP on a strict bus, or as engine_policy_replace(); then the old ones stay.
 */
int engine_activator_replace(struct engine_activator *activator,
			     const struct kdbus_policy_access *grants, size_t n_grants);
/* the name can no longer be started; what still waits is answered by REPLY_DEAD; NULL is fine */
struct engine_activator *engine_activator_remove(struct engine_activator *activator);
const char *engine_activator_name(const struct engine_activator *activator);
/* has the name no owner, so that messages wait for one */
bool engine_activator_is_holder(const struct engine_activator *activator);
/* messages that wait; 1, if there is any, on the carriers that know no more than the ABI tells */
uint32_t engine_activator_n_waiting(const struct engine_activator *activator);

/**
 * engine_activator_drop() - take the oldest waiting message out, as nobody will come for it
 * @received_out: to be released by engine_received_release().  Its sender, if it is a connection
 *	of this engine, may have gone; without memory it has no payload
 *
 * Somebody who waits for its reply is told by the host, which knows why there will be none: the
 * direct carrier no longer expects one.  It cannot be so for senders that are neither ours nor
 * @received_out.src_is_judged, and on the other carriers: they get REPLY_DEAD, as
 * @received_out.is_reply_dead says.
 *
 * Return: 0, -EAGAIN when nothing waits, or another errno.
 */
int engine_activator_drop(struct engine_activator *activator, struct engine_received *received_out);

/* messages */

/**
 * engine_send() - SEND
 *
 * Where the bus is in another process, and judges for us, a message may be on its way there when
 * this returns 0; if it is refused engine_recv() tells.  engine_conn_settle() waits until nothing
 * is on its way, engine_conn_hasten() sees to it that payloads are let go of before long; 0 or a
 * negative errno: the connection is dead.
 *
 * Return: 0, or the negative errno of the ABI.  Not strict: -EEXIST for a call
 * with the cookie of one that the same pair still has pending.
 */
int engine_send(struct engine_conn *conn, const struct engine_send *send);
int engine_conn_settle(struct engine_conn *conn);
int engine_conn_hasten(struct engine_conn *conn);

/* position of what was queued last; everything queued by now has this or a lower one */
uint64_t engine_conn_position(struct engine_conn *conn);

/**
 * engine_conn_begin() - something is about to be answered, or has been
 *
 * engine_conn_answer_position() is then the position of what had been queued when the last
 * command that @conn has run since took effect; without one, engine_conn_position().
 * Where the bus is in another process it queues on while we ask.
 */
void engine_conn_begin(struct engine_conn *conn);
uint64_t engine_conn_answer_position(struct engine_conn *conn);

/**
 * struct engine_queue - what has been queued to a connection and not been received
 * @n_msgs: messages and notifications
 * @n_fds, @n_bytes: what they count
 * @peak_fds, @peak_bytes: the most there ever were
 */
struct engine_queue {
	uint32_t n_msgs;
	uint32_t n_fds;
	uint64_t n_bytes;
	uint32_t peak_fds;
	uint64_t peak_bytes;
};

/* false: the bus of this carrier does not tell */
bool engine_conn_get_queue(const struct engine_conn *conn, struct engine_queue *queue_out);

/**
 * engine_recv() - RECV
 * @received_out: to be released by engine_received_release()
 *
 * Return: 0, -EAGAIN when there is nothing, another errno when the connection is dead.
 */
int engine_recv(struct engine_conn *conn, struct engine_received *received_out);
/* drops the references of @received, once; its payload lives on while somebody else holds one */
void engine_received_release(struct engine_received *received);

/* candidates */

/* @conn gets the broadcast; @tag comes back in engine_received.tag (the OR of all adds) */
void engine_candidates_add(struct engine_candidates *candidates, struct engine_conn *conn,
			   uint64_t tag);

#endif
