/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What bus-proxyd says on stderr about bad clients: who, why, and not too often.
 * The reference has its own ways, so it is not asked. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct subject *start(const char *xml)
{
	if (subject_is_reference())
		skip("about bus-proxyd alone");
	return subject_start(xml);
}

/* how many lines of the log have all these pieces */
static unsigned int count_lines(const struct subject *subject, const char *const *pieces)
{
	char *text = file_read(sandbox_path(&subject->sandbox, "stderr")), *save = NULL;
	unsigned int n = 0;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		const char *const *piece = pieces;

		while (*piece && strstr(line, *piece))
			piece++;
		n += !*piece;
	}
	free(text);
	return n;
}

static void send_bad_message(const struct subject *subject)
{
	struct conn *conn = conn_new(subject->address);

	conn_send(conn, msg_new(0));
	expect_eof(conn);
	conn_close(conn);
}

static const char *piece(const char *format, unsigned int value)
{
	static char pieces[4][32];
	static unsigned int next;
	char *p = pieces[next++ % 4];

	snprintf(p, sizeof(pieces[0]), format, value);
	return p;
}

TEST(bad_message_names_process_user_and_reason)
{
	struct subject *subject = start(NULL);

	send_bad_message(subject);
	expect_eq(
		count_lines(subject,
			    (const char *[]){piece("pid=%u", getpid()), piece("uid=%u", getuid()),
					     subject_names(":1.0"), "bytes queued", "type", NULL}),
		1);
	subject_stop(subject);
}

TEST(bad_greeting_names_process_user_and_reason)
{
	struct subject *subject = start(NULL);
	struct conn *conn = conn_open(subject->address);

	conn_text(conn, "GET / HTTP/1.0\r\n\r\n");
	expect_eof(conn);
	conn_close(conn);
	expect_eq(count_lines(subject, (const char *[]){piece("pid=%u", getpid()),
							piece("uid=%u", getuid()), "NUL", NULL}),
		  1);
	subject_stop(subject);
}

TEST(good_clients_are_not_mentioned)
{
	struct subject *subject = start(NULL);
	struct conn *conn = conn_new(subject->address);

	expect_error(conn_call(conn, driver_msg("Nonsense")), "UnknownMethod");
	expect_error(conn_call(conn, msg_call("a.b", "/", "a.b", "C")), "ServiceUnknown");
	conn_close(conn);
	conn_close(conn_new(subject->address));
	expect_eq(count_lines(subject, (const char *[]){piece("pid=%u", getpid()), NULL}), 0);
	subject_stop(subject);
}

TEST(flood_of_bad_clients_does_not_flood_the_log)
{
	struct subject *subject = start(NULL);
	int64_t began = now_ms();
	unsigned int n;

	for (int i = 0; i < 300; i++)
		send_bad_message(subject);
	n = count_lines(subject, (const char *[]){piece("pid=%u", getpid()), NULL});
	expect_ge(n, 1);
	/* 20 in 10 s */
	expect_le(n, 40 + 20 * (now_ms() - began) / 10000);
	subject_stop(subject);
}

TEST(lost_broadcast_names_both_sides)
{
	struct subject *subject = start("<limit name=\"max_outgoing_bytes\">500000</limit>");
	struct conn *from = conn_new(subject->address), *stuck = conn_new(subject->address);
	struct blob body = {0};
	unsigned int n;

	add_match(stuck, "interface='a.b'");
	blob_u32(&body, 16384);
	blob_zero(&body, 16384);
	for (int i = 0; i < 500; i++) {
		conn_send(from, msg_body(msg_signal("/", "a.b", "C"), "ay", body.data, body.size));
		if (i % 10 == 0)
			conn_sync(from);
	}
	conn_sync(from);
	if (subject_is_pooled() || subject_is_per_client()) {
		/* a pool only counts, and is asked when its owner reads on */
		while (conn_fill(stuck, 200))
			;
		n = count_lines(subject, (const char *[]){stuck->unique, NULL});
	} else {
		n = count_lines(subject, (const char *[]){from->unique, stuck->unique, NULL});
	}
	expect_ge(n, 1);
	expect_le(n, 60);
	blob_free(&body);
	conn_close(from);
	conn_close(stuck);
	subject_stop(subject);
}

/* nothing that a client says goes into the log as it is */
TEST(log_stays_text)
{
	struct subject *subject = start(NULL);
	struct conn *conn = conn_open(subject->address);
	char *text;

	conn_write(conn, "\0\x1b[2J\n\x07\r\nAUTH \x1b[31m\r\nBEGIN\x1b[31m\r\n", 33);
	expect_line_like(conn, "ERROR");
	conn_text(conn, "BEGIN\r\n");
	expect_eof(conn);
	conn_close(conn);
	text = file_read(sandbox_path(&subject->sandbox, "stderr"));
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' && *p != '\n')
			fail("the log has a control character %d", *p);
	free(text);
	subject_stop(subject);
}

/* stderr is a pipe that is full, and stays so: the bus goes on */
TEST(log_that_nobody_reads)
{
	int fds[2];
	struct subject *subject;
	struct conn *good;

	if (subject_is_reference())
		skip("it logs other things");
	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	expect_eq(fcntl(fds[1], F_SETPIPE_SZ, 4096), 4096);
	/* what is written at start fits */
	subject = subject_start_with(
		&(struct subject_options){.fds = (const int[]){fds[1], 2}, .n_fds = 1});
	good = conn_new(subject->address);
	expect_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], "x", 1) == 1)
		continue;
	expect_eq(fcntl(fds[1], F_SETFL, 0), 0);
	for (int i = 0; i < 10; i++)
		send_bad_message(subject);
	conn_sync(good);
	expect_eq(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	conn_close(good);
	close(fds[0]);
	subject_stop(subject);
	close(fds[1]);
}
