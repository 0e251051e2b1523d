/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the server know of each other: server.c, server-accept.c, server-call.c,
 * server-node.c, server-peer.c, server-stream.c
 */
#pragma once

#include <sys/epoll.h>
#include <sys/stat.h>

#include "kernel/core/bus.h"
#include "kernel/core/connection.h"
#include "kernel/core/endpoint.h"
#include "kernel/embedded/host.h"
#include "kernel/embedded/remote-request.h"
#include "kernel/embedded/server.h"
#include "proxy/base/creds.h"
#include "proxy/base/list.h"
#include "proxy/base/loop-source.h"

/**
 * struct server_source - something that is polled
 * @base: for epoll
 * @fd: the same: owned, -1 once it is closed
 * @events: the same: what epoll is asked for
 * @server: set by server_watch()
 * @ready: called with what epoll says
 */
struct server_source {
	union {
		struct loop_source base;
		struct {
			int fd;
			uint32_t events;
		};
	};
	struct kdbus_server *server;
	void (*ready)(struct kdbus_server *server, struct server_source *source, uint32_t events);
};

/**
 * struct kdbus_server - see server.h
 * @embedded: the domain
 * @path: of the directory
 * @dir_fd: the directory
 * @lock_fd: says that it is ours
 * @epoll_fd: watches all sources
 * @is_guest: it is somebody else's, who calls kdbus_server_finish() behind each batch
 * @timer: rings when a reply is late, or when accept() is to be tried again
 * @retry_ns: when accept() is to be tried again, 0: it is not paused
 * @nodes: struct server_node
 * @peers: struct server_peer
 * @n_peers: number of them
 * @published_fd: what kdbus_server_publish() was given, or -1
 * @generation: how many of them there have been
 * @max_peers: how many there may be, so that descriptors are left for the process
 * @max_fds: how many their messages may hold, for the same reason
 * @shares: struct embedded_share, for each user that has peers or messages
 * @n_calls: synchronous calls under way
 * @max_calls: how many there may be
 * @n_stages: stages of peers
 * @max_stages: how many there may be
 * @last_call_id: of the newest
 * @closed_nodes, @closed_peers, @closed_calls: to be freed when the batch is done
 * @streaming: struct server_peer that may have something to be sent
 * @kick: makes kdbus_server_dispatch() be called for them
 * @is_busy: it has been
 * @n_batches: how often it was done
 * @pushed: a packet of a stream
 * @packet: the request that is looked at
 * @answer: the answer to it
 */
struct kdbus_server {
	struct kdbus_embedded *embedded;
	char *path;
	int dir_fd;
	int lock_fd;
	int epoll_fd;
	bool is_guest;
	struct server_source timer;
	uint64_t retry_ns;
	struct list_head nodes;
	struct list_head peers;
	uint32_t n_peers;
	int published_fd;
	uint64_t generation;
	uint32_t max_peers;
	int max_fds;
	struct list_head shares;
	uint32_t n_calls;
	uint32_t max_calls;
	uint32_t n_stages;
	uint32_t max_stages;
	uint64_t last_call_id;
	struct list_head closed_nodes;
	struct list_head closed_peers;
	struct list_head closed_calls;
	struct list_head streaming;
	struct server_source kick;
	bool is_busy;
	uint64_t n_batches;
	uint64_t pushed[(sizeof(struct remote_pushed) +
			 REMOTE_WINDOW * sizeof(struct remote_message)) /
			sizeof(uint64_t)];
	uint64_t packet[REMOTE_PACKET_MAX / sizeof(uint64_t)];
	uint64_t answer[REMOTE_PACKET_MAX / sizeof(uint64_t)];
};

int server_watch(struct kdbus_server *server, struct server_source *source, uint32_t events);
void server_unwatch(struct kdbus_server *server, struct server_source *source);
/* no more accept() for a while */
void server_pause(struct kdbus_server *server);

/**
 * struct server_node - a socket that listens
 * @source: the socket
 * @link: in kdbus_server.nodes
 * @owner: the peer whose it is; NULL: this process
 * @bus: name of its directory, NULL for the control node
 * @name: of its file
 * @uid, @gid, @mode: who may open it
 */
struct server_node {
	struct server_source source;
	struct list_head link;
	struct server_peer *owner;
	char *bus;
	char *name;
	uint32_t uid;
	uint32_t gid;
	mode_t mode;
};

/**
 * server_node_open() - make a node
 * @bus: its directory, made if it is the default endpoint's; NULL: the control node
 * @flags: KDBUS_MAKE_*, of the bus or the endpoint
 *
 * Return: 0 or a negative errno.
 */
int server_node_open(struct kdbus_server *server, struct server_peer *owner, const char *bus,
		     const char *name, uint64_t flags, const struct kdbus_embedded_cred *cred);
void server_node_close(struct kdbus_server *server, struct server_node *node);
/* those that @owner made, and all that is in their directories */
void server_node_close_owned(struct kdbus_server *server, const struct server_peer *owner);
/* empties the directory of what a server leaves behind that was killed */
void server_node_clean(struct kdbus_server *server);
void server_node_free_closed(struct kdbus_server *server);

/**
 * struct server_peer - an open file of another process
 * @source: its socket
 * @link: in kdbus_server.peers
 * @server: where
 * @process: what the core sees of it
 * @creds: from the socket
 * @cred: the same as the core wants it
 * @path: of the node that it connected to
 * @handle: NULL until OPEN
 * @is_woken: a WAKE is on its way
 * @generation: of the file that it was given, 0: none
 * @call: the request that runs
 * @cursor: where in that memory was found last
 * @fds: descriptors that came with it: n_numbers, and the file
 * @n_fds: number of them
 * @answer_size: bytes in kdbus_server.answer
 * @n_writes: in the answer
 * @slots: what goes where of @given
 * @n_slots: number of them
 * @given: our copies of descriptors for the answer
 * @n_given: number of them
 * @unsent: a packet that the socket had no room for
 * @unsent_size: its bytes
 * @install_offset: the message in the pool that waits for INSTALLED
 * @n_install: slots that it has
 * @calls: synchronous calls under way
 * @n_calls: number of them
 * @is_discarding: what comes of a command is not for it
 * @last_batch: kdbus_server.n_batches when it last had a request
 * @stream_link: in kdbus_server.streaming, or empty
 * @is_promised: a packet is due, be there messages or not
 * @more: what it was told last that there is: REMOTE_MORE_*
 * @n_pushed: messages of its stream that are out
 * @n_sends: SENDs of its stream that are over
 * @stage_fd: its stage, owned; or -1
 */
struct server_peer {
	struct server_source source;
	struct list_head link;
	struct kdbus_server *server;
	struct embedded_process process;
	struct creds creds;
	struct kdbus_embedded_cred cred;
	char *path;
	struct kdbus_embedded_handle *handle;
	bool is_woken;
	uint64_t generation;

	struct remote_call call;
	struct remote_cursor cursor;
	int *fds;
	uint32_t n_fds;

	size_t answer_size;
	uint32_t n_writes;
	int32_t *slots;
	uint32_t n_slots;
	int *given;
	uint32_t n_given;
	void *unsent;
	size_t unsent_size;

	uint64_t install_offset;
	uint32_t n_install;

	struct list_head calls;
	uint32_t n_calls;
	bool is_discarding;

	uint64_t last_batch;
	struct list_head stream_link;
	bool is_promised;
	uint32_t more;
	uint32_t n_pushed;
	uint64_t n_sends;
	int stage_fd;
};

/* takes @fd if it succeeds: 0, -EACCES (its peer may not open @node), -EMFILE (has too many), or
 * what else failed */
int server_peer_accept(struct kdbus_server *server, const struct server_node *node, int fd);
/* one that is zeroed, and nothing is known of yet; to be freed only if it is not accepted */
void server_peer_init(struct server_peer *peer, struct kdbus_server *server, int fd);
void server_peer_free(struct server_peer *peer);
void server_peer_close(struct server_peer *peer);
/* sends a packet that is no answer, or keeps it until there is room: there must not be another one
 * that is kept */
void server_peer_transmit(struct server_peer *peer, const void *packet, size_t size);
/* as good as the owner of the bus that this process has made, and on that */
bool server_peer_is_trusted(const struct server_peer *peer);
/* tells it, if it wants to know, that there is another published file */
void server_peer_news(struct server_peer *peer);
void server_peer_free_closed(struct kdbus_server *server);

/**
 * server_call_send() - SEND, as the request of @peer says
 * @fd_out, @id_out: with KDBUS_CALL_WAITS: what the peer shall wait for, owned by the caller, and
 *	how it names the call in COLLECT
 *
 * Return: 0, KDBUS_CALL_WAITS or a negative errno; -EMFILE if too many wait already.
 */
int server_call_send(struct server_peer *peer, int *fd_out, uint64_t *id_out);
/* the result of SEND, -EINTR if it is not over, -ENOENT if there is no such call */
int server_call_collect(struct server_peer *peer, uint64_t id);
/* as its handle is about to go */
void server_call_end_all(struct server_peer *peer);
void server_call_free_closed(struct kdbus_server *server);
/* whether the request is a SEND that waits for its reply */
bool server_call_is_synchronous(struct server_peer *peer);

/* has it asked for a stream */
static inline bool server_peer_has_stream(const struct server_peer *peer)
{
	return peer->process.is_judged;
}

/* REMOTE_STREAM: 0 or a negative errno */
int server_stream_open(struct server_peer *peer);
/* REMOTE_STAGE: 0 or a negative errno */
int server_stream_stage(struct server_peer *peer);
void server_stream_drop_stage(struct server_peer *peer);
/* HELLO has been said */
void server_stream_hello(struct server_peer *peer, struct kdbus_conn *conn);
/* it may have something to be sent: takes note only */
void server_stream_note(struct server_peer *peer);
/* the peer asks by RECV for what it was told of, and does so once: it is told of the next again */
void server_stream_asked(struct server_peer *peer);
/* and has it: one more that it will say is done with */
void server_stream_received(struct server_peer *peer);
/* the same as server_stream_note(), and something will be sent */
void server_stream_promise(struct server_peer *peer);
/* sends it to all of them */
void server_stream_flush(struct kdbus_server *server);
/* the messages that a request says are done with */
void server_stream_free(struct server_peer *peer);
/* a request that has no answer */
void server_stream_run(struct server_peer *peer);
