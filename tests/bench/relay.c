/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bare relay: see relay.h.
 *
 * It writes without regard for who reads: in no measure that it takes part in is
 * anybody so far behind that a blocking write of it would wait for long.  No byte
 * of a message leaves before all of it has come.
 */
#include "tests/bench/relay.h"

#include "tests/bench/peer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX_CLIENTS = 2048,
	BATCH = 64,
};

/* what an event is about: the number of a client, or one of these */
enum {
	EVENT_LISTENER = MAX_CLIENTS,
	EVENT_CONTROL,
};

struct relay {
	int epoll, listener, control;
	struct peer clients[MAX_CLIENTS];
	bool has_begun[MAX_CLIENTS]; /* is authenticated */
	unsigned int n_clients;
	bool is_live;
};

static int watch(struct relay *relay, int fd, uint32_t what)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};

	return epoll_ctl(relay->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void accept_client(struct relay *relay)
{
	int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
	unsigned int i = 0;

	if (fd < 0)
		return;
	while (i < relay->n_clients && relay->clients[i].fd >= 0)
		i++;
	if (i == MAX_CLIENTS || watch(relay, fd, i) < 0) {
		close(fd);
		return;
	}
	relay->clients[i] = (struct peer){.fd = fd};
	snprintf(relay->clients[i].unique_name, sizeof(relay->clients[i].unique_name), ":1.%u", i);
	relay->has_begun[i] = false;
	if (i == relay->n_clients)
		relay->n_clients++;
}

/* the whole conversation of our own clients, which send all of it at once */
static int begin_client(struct peer *peer)
{
	static const char answer[] = "OK 0123456789abcdef0123456789abcdef\r\nAGREE_UNIX_FD\r\n";
	static const char begin[] = "BEGIN\r\n";

	if (!memmem(peer->buffer + peer->begin, peer->end - peer->begin, begin, strlen(begin)))
		return 0;
	peer->begin = peer->end;
	return peer_write(peer, answer, strlen(answer)) ?: 1;
}

/* Hello is told the name, RequestName that it worked, and others do not look */
static int answer_call(struct peer *peer, const struct message *call)
{
	bool is_hello = call->serial == 1;
	uint8_t body[128];
	struct template t;
	size_t size;
	int r;

	size = is_hello ? body_put_string(body, 0, peer->unique_name) : body_put_u32(body, 0, 1);
	r = template_init(&t, &(struct template_fields){
				      .type = MSG_RETURN,
				      .flags = MSG_NO_REPLY_EXPECTED,
				      .reply_serial = call->serial,
				      .signature = is_hello ? "s" : "u",
				      .body = body,
				      .body_size = size,
			      });
	if (r < 0)
		return r;
	r = peer_send(peer, &t);
	template_deinit(&t);
	return r;
}

static int set_up_client(struct relay *relay, unsigned int i)
{
	struct peer *peer = &relay->clients[i];
	struct message m;
	int r = 0;

	if (!relay->has_begun[i]) {
		r = begin_client(peer);
		if (r > 0)
			relay->has_begun[i] = true;
		return r;
	}
	while (r >= 0 && peer_has_message(peer)) {
		r = peer_read(peer, &m);
		if (r >= 0)
			r = answer_call(peer, &m);
	}
	return r;
}

/* what has come of whole messages, in one write for each who gets it */
static int forward(struct relay *relay, unsigned int from)
{
	struct peer *peer = &relay->clients[from];
	unsigned int last = relay->n_clients - 1;
	size_t size = peer_whole_size(peer);
	int r = 0;

	if (!size)
		return 0;
	if (from != last)
		r = peer_write(&relay->clients[last], peer->buffer + peer->begin, size);
	for (unsigned int i = 0; r >= 0 && from == last && i < last; i++)
		if (relay->clients[i].fd >= 0)
			r = peer_write(&relay->clients[i], peer->buffer + peer->begin, size);
	peer->begin += size;
	return r;
}

static void client_ready(struct relay *relay, unsigned int i)
{
	struct peer *peer = &relay->clients[i];
	int r = peer_fill(peer);

	if (r >= 0)
		r = relay->is_live ? forward(relay, i) : set_up_client(relay, i);
	if (r < 0)
		peer_close(peer);
}

/* false: it is over */
static bool control_ready(struct relay *relay)
{
	char byte;

	if (read(relay->control, &byte, 1) != 1)
		return false;
	relay->is_live = true;
	return write(relay->control, &byte, 1) == 1;
}

int relay_run(int listener, int control)
{
	static struct relay relay;
	struct epoll_event events[BATCH];

	relay = (struct relay){.listener = listener, .control = control};
	relay.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (relay.epoll < 0 || watch(&relay, listener, EVENT_LISTENER) < 0 ||
	    watch(&relay, control, EVENT_CONTROL) < 0)
		return 1;
	for (;;) {
		int n = epoll_wait(relay.epoll, events, BATCH, -1);

		if (n < 0 && errno != EINTR)
			return 1;
		for (int i = 0; i < n; i++) {
			uint32_t what = events[i].data.u32;

			if (what == EVENT_LISTENER)
				accept_client(&relay);
			else if (what != EVENT_CONTROL)
				client_ready(&relay, what);
			else if (!control_ready(&relay))
				return 0;
		}
	}
}
