/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors in messages: which pass, to whom, how many, and what happens to
 * those that nobody wants. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	struct subject *subject;
	struct conn *a, *b;
	struct conn *plain; /* has not negotiated descriptors */
	unsigned int n_fds; /* of the daemon, with these three */
};

static struct fixture fixture_start(const char *xml)
{
	struct fixture f = {.subject = subject_start(xml)};
	unsigned int per_client, idle = subject_idle_fds(f.subject, &per_client);

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.plain = conn_auth(f.subject->address, false);
	conn_hello(f.plain);
	f.n_fds = idle + 3 * per_client;
	return f;
}

/* the daemon has kept nothing */
static void fixture_stop(struct fixture *f)
{
	expect_eq(subject_settle_fds(f->subject, f->n_fds), f->n_fds);
	conn_close(f->a);
	conn_close(f->b);
	conn_close(f->plain);
	subject_stop(f->subject);
}

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	expect_eq(fstat(a, &sa), 0);
	expect_eq(fstat(b, &sb), 0);
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static struct msg *fd_call(struct fixture *f, const char *member)
{
	return msg_flags(msg_call(f->b->unique, "/", "a.b", member), MSG_NO_REPLY);
}

/* Every kind of file */

static int new_fd(const char *kind)
{
	int fds[2];

	if (!strcmp(kind, "pipe")) {
		expect_eq(pipe2(fds, O_CLOEXEC), 0);
		close(fds[1]);
		return fds[0];
	}
	if (!strcmp(kind, "unix stream socket") || !strcmp(kind, "unix datagram socket")) {
		expect_eq(socketpair(AF_UNIX,
				     (strstr(kind, "stream") ? SOCK_STREAM : SOCK_DGRAM) |
					     SOCK_CLOEXEC,
				     0, fds),
			  0);
		close(fds[1]);
		return fds[0];
	}
	if (!strcmp(kind, "unbound inet socket"))
		return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!strcmp(kind, "memfd"))
		return memfd_create("test", MFD_CLOEXEC);
	if (!strcmp(kind, "eventfd"))
		return eventfd(0, EFD_CLOEXEC);
	if (!strcmp(kind, "O_PATH"))
		return open("/", O_PATH | O_CLOEXEC);
	if (!strcmp(kind, "directory"))
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

/* DIFFERENCES kernel-sockets */
static bool takes_sockets(void)
{
	return strcmp(subject_name(), "kernel") != 0;
}

TEST(every_kind_of_descriptor_passes)
{
	static const char *const kinds[] = {
		"pipe",
		"unix stream socket",
		"unix datagram socket",
		"unbound inet socket",
		"memfd",
		"eventfd",
		"O_PATH",
		"directory",
		"device",
	};
	struct fixture f = fixture_start(NULL);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int fd = new_fd(kinds[i]);
		struct msg *got;

		if (fd < 0)
			continue;
		if (!strncmp(kinds[i], "unix ", 5) && !takes_sockets()) {
			close(fd);
			continue;
		}
		conn_send(f.a, msg_append(msg_attach(fd_call(&f, "Fd"), fd), "h", 0));
		got = conn_find_call(f.b, "Fd");
		expect_eq(got->n_fds, 1);
		if (!same_file(got->fds[0], fd))
			fail("%s arrives as another file", kinds[i]);
		msg_free(got);
		close(fd);
	}
	fixture_stop(&f);
}

TEST(order_of_descriptors_is_kept)
{
	struct fixture f = fixture_start(NULL);
	struct msg *msg = fd_call(&f, "Fds"), *got;
	int fds[10];

	for (uint32_t i = 0; i < 10; i++) {
		fds[i] = memfd_create("test", MFD_CLOEXEC);
		msg_append(msg_attach(msg, fds[i]), "h", 9 - i);
	}
	conn_send(f.a, msg);
	got = conn_find_call(f.b, "Fds");
	expect_eq(got->n_fds, 10);
	for (int i = 0; i < 10; i++) {
		expect(same_file(got->fds[i], fds[i]));
		close(fds[i]);
	}
	msg_free(got);
	fixture_stop(&f);
}

TEST(a_passed_socket_works)
{
	struct fixture f = fixture_start(NULL);
	int pair[2];
	struct msg *got;
	char data[8];

	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	if (!takes_sockets()) {
		expect_error(conn_call(f.a, msg_append(msg_attach(msg_call(f.b->unique, "/", "a.b",
									   "Socket"),
								  pair[1]),
						       "h", 0)),
			     "NotSupported");
		close(pair[1]);
		expect_eq(read(pair[0], data, sizeof(data)), 0);
		close(pair[0]);
		fixture_stop(&f);
		return;
	}
	conn_send(f.a, msg_append(msg_attach(fd_call(&f, "Socket"), pair[1]), "h", 0));
	close(pair[1]);
	got = conn_find_call(f.b, "Socket");
	expect_eq(write(got->fds[0], "hello", 5), 5);
	expect_eq(read(pair[0], data, sizeof(data)), 5);
	msg_free(got);
	/* no copy is left anywhere */
	expect_eq(read(pair[0], data, sizeof(data)), 0);
	close(pair[0]);
	fixture_stop(&f);
}

TEST(replies_signals_and_broadcasts_carry_descriptors)
{
	struct fixture f = fixture_start(NULL);
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint32_t serial = conn_send(f.a, msg_call(f.b->unique, "/", "a.b", "Ask"));
	struct msg *call = conn_find_call(f.b, "Ask"), *got;

	conn_send(f.b, msg_append(msg_attach(msg_return(call), fd), "h", 0));
	got = conn_reply(f.a, serial);
	expect_eq(got->n_fds, 1);
	expect(same_file(got->fds[0], fd));
	msg_free(got);
	msg_free(call);
	conn_send(f.b, msg_append(msg_attach(msg_to(msg_signal("/", "a.b", "To"), f.a->unique), fd),
				  "h", 0));
	got = conn_find_signal(f.a, "To");
	expect_eq(got->n_fds, 1);
	msg_free(got);
	add_match(f.a, "interface='a.b'");
	add_match(f.b, "interface='a.b'");
	conn_send(f.b, msg_append(msg_attach(msg_signal("/", "a.b", "All"), fd), "h", 0));
	for (int i = 0; i < 2; i++) {
		got = conn_find_signal(i ? f.a : f.b, "All");
		expect_eq(got->n_fds, 1);
		expect(same_file(got->fds[0], fd));
		msg_free(got);
	}
	close(fd);
	fixture_stop(&f);
}

TEST(to_oneself)
{
	struct fixture f = fixture_start(NULL);
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct msg *got;

	conn_send(f.b, msg_append(msg_attach(fd_call(&f, "Self"), fd), "h", 0));
	got = conn_find_call(f.b, "Self");
	expect_eq(got->n_fds, 1);
	expect(same_file(got->fds[0], fd));
	msg_free(got);
	close(fd);
	fixture_stop(&f);
}

/* One that cannot take them */

TEST(receiver_without_negotiation)
{
	struct fixture f = fixture_start(NULL);
	int fd = new_fd("device");
	struct msg *msg = msg_call(f.plain->unique, "/", "a.b", "Fd");

	expect_error(conn_call(f.a, msg_append(msg_attach(msg, fd), "h", 0)), "NotSupported");
	add_match(f.plain, "interface='a.b'");
	add_match(f.b, "interface='a.b'");
	conn_send(f.a, msg_append(msg_attach(msg_signal("/", "a.b", "All"), fd), "h", 0));
	conn_send(f.a, msg_signal("/", "a.b", "Next"));
	msg_free(conn_find_signal(f.b, "All"));
	expect_next(f.plain, MSG_SIGNAL, "Next");
	expect_quiet(f.plain);
	expect_quiet(f.a);
	close(fd);
	fixture_stop(&f);
}

TEST(sender_without_negotiation_is_disconnected)
{
	struct fixture f = fixture_start(NULL);
	struct conn *conn = conn_auth(f.subject->address, false);
	int fd = new_fd("device");

	conn_hello(conn);
	conn_send(conn, msg_append(msg_attach(fd_call(&f, "Fd"), fd), "h", 0));
	expect_eof(conn);
	expect_quiet(f.b);
	conn_close(conn);
	close(fd);
	fixture_stop(&f);
}

TEST(descriptors_for_the_driver_are_dropped)
{
	struct fixture f = fixture_start(NULL);
	int fd = new_fd("device");

	expect_error(conn_call(f.a, msg_append(msg_attach(driver_msg("GetId"), fd), "h", 0)),
		     "InvalidArgs");
	expect_return(conn_call(f.a, msg_attach(driver_msg("GetId"), fd)));
	expect_error(
		conn_call(f.a,
			  msg_append(msg_attach(msg_call("org.example.None", "/", "a.b", "C"), fd),
				     "h", 0)),
		"ServiceUnknown");
	close(fd);
	fixture_stop(&f);
}

/* Too few, too many */

TEST(fewer_descriptors_than_the_header_says)
{
	struct fixture f = fixture_start(NULL);
	struct conn *conn = conn_new(f.subject->address);
	int fd = new_fd("device");
	struct msg *msg = msg_attach(fd_call(&f, "Few"), fd);

	msg->unix_fds = 2;
	conn_send(conn, msg_append(msg, "h", 0));
	expect_eof(conn);
	expect_quiet(f.b);
	conn_close(conn);
	close(fd);
	fixture_stop(&f);
}

TEST(descriptors_that_no_header_claims)
{
	struct fixture f = fixture_start("<limit name=\"pending_fd_timeout\">300</limit>");
	struct conn *conn = conn_new(f.subject->address);
	int fd = new_fd("device");
	struct msg *msg = msg_attach(fd_call(&f, "Surplus"), fd);

	/* the message itself is good; what nobody claims waits for the next one, but
	 * not for ever */
	msg->unix_fds = 0;
	conn_send(conn, msg);
	msg = conn_find_call(f.b, "Surplus");
	expect_eq(msg->n_fds, 0);
	msg_free(msg);
	expect_eof(conn);
	conn_close(conn);
	close(fd);
	fixture_stop(&f);
}

TEST(limit_of_descriptors_per_message)
{
	struct fixture f = fixture_start("<limit name=\"max_message_unix_fds\">4</limit>");
	struct conn *conn = conn_new(f.subject->address);
	struct msg *msg = fd_call(&f, "Four");
	int fd = new_fd("device");

	for (int i = 0; i < 4; i++)
		msg_attach(msg, fd);
	conn_send(conn, msg);
	msg = conn_find_call(f.b, "Four");
	expect_eq(msg->n_fds, 4);
	msg_free(msg);
	msg = fd_call(&f, "Five");
	for (int i = 0; i < 5; i++)
		msg_attach(msg, fd);
	conn_send(conn, msg);
	expect_eof(conn);
	expect_quiet(f.b);
	conn_close(conn);
	close(fd);
	fixture_stop(&f);
}

TEST(default_limit_is_sixteen)
{
	struct fixture f = fixture_start(NULL);
	struct conn *conn = conn_new(f.subject->address);
	struct msg *msg = fd_call(&f, "Sixteen");
	int fd = new_fd("device");

	for (int i = 0; i < 16; i++)
		msg_attach(msg, fd);
	conn_send(conn, msg);
	msg_free(conn_find_call(f.b, "Sixteen"));
	msg = fd_call(&f, "More");
	for (int i = 0; i < 17; i++)
		msg_attach(msg, fd);
	conn_send(conn, msg);
	expect_eof(conn);
	conn_close(conn);
	close(fd);
	fixture_stop(&f);
}

TEST(as_many_as_a_socket_carries)
{
	struct fixture f = fixture_start("<limit name=\"max_message_unix_fds\">253</limit>"
					 "<limit name=\"max_incoming_unix_fds\">1000</limit>"
					 "<limit name=\"max_outgoing_unix_fds\">1000</limit>");
	struct msg *msg = fd_call(&f, "Many");
	int fd = new_fd("device");

	for (int i = 0; i < MSG_MAX_FDS; i++)
		msg_attach(msg, fd);
	conn_send(f.a, msg);
	msg = conn_find_call(f.b, "Many");
	expect_eq(msg->n_fds, MSG_MAX_FDS);
	msg_free(msg);
	close(fd);
	fixture_stop(&f);
}

/* How they come */

TEST(descriptors_with_a_later_byte_of_their_message)
{
	struct fixture f = fixture_start(NULL);
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct msg *msg = msg_append(msg_attach(fd_call(&f, "Late"), fd), "hs", 0, "text");
	struct blob blob = {0};

	msg->serial = 999;
	msg_encode(msg, &blob);
	conn_write(f.a, blob.data, 20);
	usleep(2000);
	conn_write_fds(f.a, blob.data + 20, 20, &fd, 1);
	usleep(2000);
	conn_write(f.a, blob.data + 40, blob.size - 40);
	msg_free(msg);
	msg = conn_find_call(f.b, "Late");
	expect_eq(msg->n_fds, 1);
	expect(same_file(msg->fds[0], fd));
	msg_free(msg);
	blob_free(&blob);
	close(fd);
	fixture_stop(&f);
}

TEST(several_messages_with_descriptors_in_a_row)
{
	enum { N = 60 };
	struct fixture f = fixture_start(NULL);
	int fds[N];

	for (int i = 0; i < N; i++) {
		struct msg *msg = fd_call(&f, "Row");

		fds[i] = memfd_create("test", MFD_CLOEXEC);
		if (i % 3)
			msg_attach(msg, fds[i]);
		conn_send(f.a, msg);
	}
	for (int i = 0; i < N; i++) {
		struct msg *msg = conn_find_call(f.b, "Row");

		expect_eq(msg->n_fds, i % 3 != 0);
		if (msg->n_fds)
			expect(same_file(msg->fds[0], fds[i]));
		msg_free(msg);
		close(fds[i]);
	}
	fixture_stop(&f);
}

/* an incomplete message that holds descriptors does not hold them for ever */
TEST(pending_fd_timeout)
{
	struct fixture f = fixture_start("<limit name=\"pending_fd_timeout\">200</limit>");
	struct conn *with = conn_new(f.subject->address), *without = conn_new(f.subject->address);
	int fd = new_fd("device");
	struct msg *msg = msg_append(msg_attach(fd_call(&f, "Half"), fd), "hs", 0, "text");
	struct blob blob = {0};
	int64_t start;

	msg->serial = 999;
	msg_encode(msg, &blob);
	start = now_ms();
	conn_write_fds(with, blob.data, 30, &fd, 1);
	conn_write(without, blob.data, 30);
	expect_eof(with);
	expect_ge(now_ms() - start, 150);
	expect_lt(now_ms() - start, WAIT_MS / 2);
	/* one without them may wait for ever */
	expect_silence(without, 300);
	msg_free(msg);
	blob_free(&blob);
	conn_close(with);
	conn_close(without);
	close(fd);
	fixture_stop(&f);
}

TEST(client_leaves_in_mid_message_with_descriptors)
{
	struct fixture f = fixture_start(NULL);
	struct conn *conn = conn_new(f.subject->address);
	int fd = new_fd("device");
	struct msg *msg = msg_append(msg_attach(fd_call(&f, "Half"), fd), "hs", 0, "text");
	struct blob blob = {0};

	msg->serial = 999;
	msg_encode(msg, &blob);
	conn_write_fds(conn, blob.data, 30, &fd, 1);
	conn_close(conn);
	msg_free(msg);
	blob_free(&blob);
	close(fd);
	fixture_stop(&f);
}

TEST(receiver_leaves_with_descriptors_queued)
{
	struct fixture f = fixture_start(NULL);
	struct conn *conn = conn_new(f.subject->address);
	int fd = new_fd("device");

	for (int i = 0; i < 10; i++) {
		struct msg *msg = msg_call(conn->unique, "/", "a.b", "Queued");

		conn_send(f.a, msg_append(msg_attach(msg, fd), "h", 0));
	}
	conn_sync(f.a);
	conn_close(conn);
	for (int i = 0; i < 10; i++)
		expect_error(conn_next(f.a), "NoReply");
	close(fd);
	fixture_stop(&f);
}

/* An index beyond the descriptors.  The reference passes it on, and whoever reads
 * it has to look; ours takes it for malformed: DIFFERENCES fd-index. */
TEST(index_out_of_range)
{
	struct fixture f = fixture_start(NULL);
	struct conn *conn = conn_new(f.subject->address);

	conn_send(conn, msg_append(fd_call(&f, "Index"), "h", 7));
	if (subject_is_reference()) {
		msg_free(conn_find_call(f.b, "Index"));
		conn_sync(conn);
	} else {
		expect_eof(conn);
		expect_quiet(f.b);
	}
	conn_close(conn);
	fixture_stop(&f);
}
