/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus that runs out of descriptors pauses accepting and recovers. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { N_FILES = 64, N_CLIENTS = 100 };

struct fixture {
	struct subject *subject;
	struct conn *a, *b;
};

static struct fixture fixture_start(void)
{
	struct fixture f = {
		.subject = subject_start_with(&(struct subject_options){.n_files = N_FILES})};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	subject_stop(f->subject);
}

static void expect_talk(struct fixture *f)
{
	uint32_t serial = conn_send(f->a, msg_call(f->b->unique, "/", "a.b", "Ask"));
	struct msg *call = conn_find_call(f->b, "Ask");

	conn_send(f->b, msg_return(call));
	msg_free(call);
	expect_return(conn_reply(f->a, serial));
}

/* starts the conversation without waiting for answers */
static struct conn *start_client(const struct subject *subject)
{
	struct conn *conn = conn_open(subject->address);
	struct msg *hello = driver_msg("Hello");
	struct blob blob = {0};

	hello->serial = ++conn->serial;
	msg_encode(hello, &blob);
	conn_write(conn, "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 48);
	conn_write(conn, blob.data, blob.size);
	blob_free(&blob);
	msg_free(hello);
	return conn;
}

/* The rest of it. False: the bus sends it away, politely or not. */
static bool finish_client(struct conn *conn)
{
	struct msg *reply;

	if (!conn_wait_bytes(conn))
		return false;
	expect_line(conn, "DATA");
	expect_line_like(conn, "OK ");
	expect_line(conn, "AGREE_UNIX_FD");
	reply = conn_reply(conn, 1);
	if (reply->type == MSG_ERROR) {
		expect_error(reply, "LimitsExceeded");
		return false;
	}
	msg_free(reply);
	expect_next(conn, MSG_SIGNAL, "NameAcquired");
	return true;
}

TEST(more_clients_than_descriptors)
{
	struct fixture f = fixture_start();
	struct conn *clients[N_CLIENTS];
	int n_gone = 0;

	for (int i = 0; i < N_CLIENTS; i++)
		clients[i] = start_client(f.subject);
	/* those that are in go on talking */
	for (int i = 0; i < 50; i++)
		expect_talk(&f);
	expect_le(subject_n_fds(f.subject), N_FILES + 4);
	/* room is made; who waited comes in. A few of the incomplete ones may have
	 * been closed instead. */
	for (int i = 0; i < N_CLIENTS / 2; i++)
		conn_close(clients[i]);
	for (int i = N_CLIENTS / 2; i < N_CLIENTS; i++) {
		if (i % 10 == 0)
			expect_talk(&f);
		n_gone += !finish_client(clients[i]);
		conn_close(clients[i]);
	}
	note("%d clients were sent away", n_gone);
	/* a pooled client needs more than its socket, and gets to know of it later */
	if (!subject_is_pooled())
		expect_lt(n_gone, N_CLIENTS / 4);
	expect_talk(&f);
	conn_close(conn_new(f.subject->address));
	fixture_stop(&f);
}

/* waiting for descriptors is not spinning */
TEST(exhausted_bus_rests)
{
	struct fixture f = fixture_start();
	struct conn *clients[N_CLIENTS];
	unsigned long before, after;

	for (int i = 0; i < N_CLIENTS; i++)
		clients[i] = start_client(f.subject);
	expect_talk(&f);
	before = subject_cpu_ms(f.subject);
	usleep(500000);
	after = subject_cpu_ms(f.subject);
	/* the reference turns in circles: DIFFERENCES fd-exhaustion */
	if (subject_is_reference())
		note("%lu ms of 500", after - before);
	else
		expect_lt(after - before, 100);
	expect_talk(&f);
	for (int i = 0; i < N_CLIENTS; i++)
		conn_close(clients[i]);
	conn_close(conn_new(f.subject->address));
	fixture_stop(&f);
}

/* a message whose descriptors cannot be received takes its sender along only */
TEST(messages_with_descriptors_when_there_are_none_left)
{
	struct fixture f = fixture_start();
	struct conn *clients[N_CLIENTS], *sender = conn_new(f.subject->address);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct msg *msg = msg_flags(msg_call(f.b->unique, "/", "a.b", "Fds"), MSG_NO_REPLY);

	for (int i = 0; i < 16; i++)
		msg_attach(msg, fd);
	for (int i = 0; i < N_CLIENTS; i++)
		clients[i] = start_client(f.subject);
	expect_talk(&f);
	conn_send(sender, msg);
	expect_talk(&f);
	for (int i = 0; i < N_CLIENTS; i++)
		conn_close(clients[i]);
	expect_talk(&f);
	conn_drop(f.b);
	conn_close(sender);
	close(fd);
	conn_close(conn_new(f.subject->address));
	fixture_stop(&f);
}
