/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authentication, as the specification's "Authentication Protocol" has it and as
 * dbus-daemon answers where that leaves a choice.
 *
 * A conversation is a table of what is said and what comes back.  An answer ends
 * in "*" when only its start matters; HANGUP: the bus closes.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXTERNAL_ONLY "<auth>EXTERNAL</auth>"
#define BOTH	      "<auth>ANONYMOUS</auth><auth>EXTERNAL</auth>"
#define HANGUP	      "(hang up)"

struct line {
	const char *say;    /* NULL ends the conversation; %U: our uid in hex */
	const char *answer; /* NULL: none */
};

/* The decimal number in hex, as EXTERNAL wants it */
static char *uid_in_hex(unsigned int uid, char *hex)
{
	char decimal[16], *p = hex;

	sprintf(decimal, "%u", uid);
	for (const char *digit = decimal; *digit; digit++)
		p += sprintf(p, "%02x", *digit);
	return hex;
}

static void say(struct conn *conn, const char *text)
{
	const char *mark = strstr(text, "%U");
	char whole[256], hex[64];

	if (mark)
		sprintf(whole, "%.*s%s%s\r\n", (int)(mark - text), text, uid_in_hex(getuid(), hex),
			mark + 2);
	else
		sprintf(whole, "%s\r\n", text);
	conn_text(conn, whole);
}

static void hear(struct conn *conn, const char *said, const char *answer)
{
	size_t length = strlen(answer);
	char *line;

	if (!strcmp(answer, HANGUP)) {
		expect_eof(conn);
		return;
	}
	line = conn_line(conn);
	if (answer[length - 1] == '*' ? !line || strncmp(line, answer, length - 1)
				      : !line || strcmp(line, answer))
		fail("\"%s\" is answered \"%s\", not \"%s\"", said, line ?: HANGUP, answer);
	free(line);
}

static struct conn *connect_nul(const struct subject *subject)
{
	struct conn *conn = conn_open(subject->address);

	conn_write(conn, "", 1);
	return conn;
}

static struct conn *converse(const struct subject *subject, const struct line *lines)
{
	struct conn *conn = connect_nul(subject);

	for (; lines->say; lines++) {
		say(conn, lines->say);
		if (lines->answer)
			hear(conn, lines->say, lines->answer);
	}
	return conn;
}

static void expect_conversations(const char *xml, const struct line (*tables)[8], size_t n)
{
	struct subject *subject = subject_start(xml);

	for (size_t i = 0; i < n; i++)
		conn_close(converse(subject, tables[i]));
	subject_stop(subject);
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The first byte */

TEST(first_byte_must_be_nul)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_open(subject->address);

	conn_text(conn, "AUTH EXTERNAL\r\n");
	expect_eof(conn);
	expect_eq(conn->in.size, 0);
	conn_close(conn);
	subject_stop(subject);
}

TEST(silent_before_the_client_speaks)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_open(subject->address);

	conn_write(conn, "", 1);
	expect(!conn_fill(conn, 50));
	say(conn, "AUTH EXTERNAL %U");
	hear(conn, "AUTH", "OK *");
	conn_close(conn);
	subject_stop(subject);
}

/* Mechanisms */

static const struct line external_forms[][8] = {
	{{"AUTH EXTERNAL %U", "OK *"}, {"BEGIN", NULL}},
	{{"AUTH EXTERNAL   \t %U", "OK *"}},
	{{"AUTH \t EXTERNAL %U", "OK *"}},
	{{"AUTH EXTERNAL", "DATA"}, {"DATA", "OK *"}},
	{{"AUTH EXTERNAL ", "DATA"}, {"DATA ", "OK *"}},
	{{"AUTH EXTERNAL", "DATA"}, {"DATA %U", "OK *"}},
	/* numbers are compared: leading zeros do not matter */
	{{"AUTH EXTERNAL 3030%U", "OK *"}},
	/* another uid, a name, rubbish */
	{{"AUTH EXTERNAL 3939393939", "REJECTED EXTERNAL"}},
	{{"AUTH EXTERNAL 726f6f74", "REJECTED EXTERNAL"}},
	{{"AUTH EXTERNAL 2d31", "REJECTED EXTERNAL"}},
	{{"AUTH EXTERNAL 34323934393637323935", "REJECTED EXTERNAL"}},
	{{"AUTH EXTERNAL 3432393439363732393630", "REJECTED EXTERNAL"}},
	{{"AUTH EXTERNAL", "DATA"}, {"DATA 3939393939", "REJECTED EXTERNAL"}},
	/* hex */
	{{"AUTH EXTERNAL xx", "ERROR *"}, {"AUTH EXTERNAL %U", "OK *"}},
	{{"AUTH EXTERNAL %U ", "ERROR *"}, {"AUTH EXTERNAL %U", "OK *"}},
	/* the start again after a rejection */
	{{"AUTH EXTERNAL 3939393939", "REJECTED EXTERNAL"}, {"AUTH EXTERNAL %U", "OK *"}},
	/* no or an unknown mechanism; all is case sensitive */
	{{"AUTH", "REJECTED EXTERNAL"}},
	{{"AUTH ", "REJECTED EXTERNAL"}},
	{{"AUTH external %U", "REJECTED EXTERNAL"}},
	{{"AUTH KERBEROS_V4", "REJECTED EXTERNAL"}},
	{{"AUTH EXTERNALLY %U", "REJECTED EXTERNAL"}},
	{{"auth EXTERNAL %U", "ERROR *"}},
};

TEST(external)
{
	expect_conversations(EXTERNAL_ONLY, external_forms, N_OF(external_forms));
}

/* DIFFERENCES uid-decimal: the reference reads the uid as C reads a number */
TEST(uid_is_decimal)
{
	static const struct line reference[][8] = {{{"AUTH EXTERNAL 307830", "OK *"}}};
	static const struct line ours[][8] = {{{"AUTH EXTERNAL 307830", "REJECTED EXTERNAL"}}};

	if (getuid())
		skip("0x0 is root");
	expect_conversations(EXTERNAL_ONLY, subject_is_reference() ? reference : ours, 1);
}

static const struct line anonymous_forms[][8] = {
	{{"AUTH", "REJECTED EXTERNAL ANONYMOUS"}},
	{{"AUTH ANONYMOUS", "OK *"}, {"BEGIN", NULL}},
	{{"AUTH ANONYMOUS 74657374", "OK *"}},
	{{"AUTH ANONYMOUS ff", "REJECTED EXTERNAL ANONYMOUS"}},
	{{"AUTH ANONYMOUS zz", "ERROR *"}},
	{{"AUTH EXTERNAL %U", "OK *"}},
};

TEST(anonymous)
{
	expect_conversations(BOTH "<allow_anonymous/>", anonymous_forms, N_OF(anonymous_forms));
}

TEST(mechanisms_not_configured_are_rejected)
{
	static const struct line lines[][8] = {
		{{"AUTH ANONYMOUS 74657374", "REJECTED EXTERNAL"}},
		{{"AUTH DBUS_COOKIE_SHA1 726f6f74", "REJECTED EXTERNAL"}},
	};
	static const struct line anonymous_only[][8] = {
		{{"AUTH EXTERNAL %U", "REJECTED ANONYMOUS"}},
	};

	expect_conversations(EXTERNAL_ONLY, lines, N_OF(lines));
	expect_conversations("<auth>ANONYMOUS</auth><allow_anonymous/>", anonymous_only, 1);
}

TEST(anonymous_not_allowed_is_closed_after_begin)
{
	struct subject *subject = subject_start(BOTH);
	struct conn *conn = converse(
		subject,
		(struct line[]){{"AUTH ANONYMOUS", "OK *"}, {"BEGIN", HANGUP}, {NULL, NULL}});

	conn_close(conn);
	subject_stop(subject);
}

TEST(anonymous_client_has_no_uid)
{
	struct subject *subject = subject_start(BOTH "<allow_anonymous/>");
	struct conn *conn = converse(subject, (struct line[]){{"AUTH ANONYMOUS 74657374", "OK *"},
							      {"BEGIN", NULL},
							      {NULL, NULL}});
	const char *signature;
	struct reader r;
	struct msg *reply;

	conn_hello(conn);
	expect_error(driver_call(conn, "GetConnectionUnixUser", "s", conn->unique), "Failed");
	reply = driver_call(conn, "GetConnectionCredentials", "s", conn->unique);
	expect(!msg_find(reply, "UnixUserID", &signature, &r));
	expect(!msg_find(reply, "UnixGroupIDs", &signature, &r));
	expect(msg_find(reply, "ProcessID", &signature, &r));
	expect_eq(read_u32(&r), (uint32_t)getpid());
	msg_free(reply);
	conn_close(conn);
	subject_stop(subject);
}

/* The state machine: each command in each state */

static const struct line in_waiting_for_auth[][8] = {
	{{"DATA", "ERROR *"}, {"AUTH EXTERNAL %U", "OK *"}},
	{{"DATA %U", "ERROR *"}},
	{{"CANCEL", "ERROR *"}},
	{{"ERROR", "REJECTED EXTERNAL"}},
	{{"ERROR something", "REJECTED EXTERNAL"}},
	{{"BEGIN", HANGUP}},
	{{"NEGOTIATE_UNIX_FD", "ERROR *"}},
	{{"REJECTED EXTERNAL", "ERROR *"}},
	{{"OK", "ERROR *"}},
	{{"", "ERROR *"}},
	{{" AUTH EXTERNAL %U", "ERROR *"}},
	{{"EXTENSION_FOO bar", "ERROR *"}, {"AUTH EXTERNAL %U", "OK *"}},
};

TEST(state_waiting_for_auth)
{
	expect_conversations(EXTERNAL_ONLY, in_waiting_for_auth, N_OF(in_waiting_for_auth));
}

#define WAIT_DATA                                                                                  \
	{                                                                                          \
		"AUTH EXTERNAL", "DATA"                                                            \
	}
static const struct line in_waiting_for_data[][8] = {
	{WAIT_DATA, {"AUTH EXTERNAL %U", "ERROR *"}, {"DATA", "OK *"}},
	{WAIT_DATA, {"CANCEL", "REJECTED EXTERNAL"}, {"AUTH EXTERNAL %U", "OK *"}},
	{WAIT_DATA, {"CANCEL now", "REJECTED EXTERNAL"}, {"DATA", "ERROR *"}},
	{WAIT_DATA, {"ERROR", "REJECTED EXTERNAL"}, {"AUTH EXTERNAL", "DATA"}},
	{WAIT_DATA, {"BEGIN", HANGUP}},
	{WAIT_DATA, {"NEGOTIATE_UNIX_FD", "ERROR *"}, {"DATA", "OK *"}},
	{WAIT_DATA, {"NONSENSE", "ERROR *"}, {"DATA", "OK *"}},
	{WAIT_DATA, {"", "ERROR *"}, {"DATA", "OK *"}},
	{WAIT_DATA, {"DATA zz", "ERROR *"}, {"DATA", "OK *"}},
};

TEST(state_waiting_for_data)
{
	expect_conversations(EXTERNAL_ONLY, in_waiting_for_data, N_OF(in_waiting_for_data));
}

#define WAIT_BEGIN                                                                                 \
	{                                                                                          \
		"AUTH EXTERNAL %U", "OK *"                                                         \
	}
static const struct line in_waiting_for_begin[][8] = {
	{WAIT_BEGIN, {"AUTH EXTERNAL %U", "ERROR *"}, {"BEGIN", NULL}},
	{WAIT_BEGIN, {"DATA", "ERROR *"}, {"BEGIN", NULL}},
	{WAIT_BEGIN, {"CANCEL", "REJECTED EXTERNAL"}, {"BEGIN", HANGUP}},
	{WAIT_BEGIN, {"CANCEL", "REJECTED EXTERNAL"}, WAIT_BEGIN},
	{WAIT_BEGIN, {"ERROR \"no\"", "REJECTED EXTERNAL"}, {"BEGIN", HANGUP}},
	{WAIT_BEGIN, {"ERROR", "REJECTED EXTERNAL"}, {"AUTH EXTERNAL", "DATA"}},
	{WAIT_BEGIN, {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD"}, {"BEGIN", NULL}},
	{WAIT_BEGIN,
	 {"NEGOTIATE_UNIX_FD please", "AGREE_UNIX_FD"},
	 {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD"},
	 {"BEGIN whenever you like", NULL}},
	{WAIT_BEGIN, {"NONSENSE", "ERROR *"}, {"BEGIN", NULL}},
	{WAIT_BEGIN, {"BEGINNING", "ERROR *"}, {"BEGIN", NULL}},
};

TEST(state_waiting_for_begin)
{
	struct subject *subject = subject_start(EXTERNAL_ONLY);

	for (size_t i = 0; i < N_OF(in_waiting_for_begin); i++) {
		const struct line *lines = in_waiting_for_begin[i];
		struct conn *conn = converse(subject, lines);
		size_t last = 0;

		while (lines[last + 1].say)
			last++;
		if (!lines[last].answer)
			conn_hello(conn);
		conn_close(conn);
	}
	subject_stop(subject);
}

TEST(descriptors_stay_negotiated_over_a_cancelled_attempt)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn =
		converse(subject, (struct line[]){WAIT_BEGIN,
						  {"NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD"},
						  {"CANCEL", "REJECTED *"},
						  WAIT_BEGIN,
						  {"BEGIN", NULL},
						  {NULL, NULL}});
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct msg *msg;

	conn_hello(conn);
	conn_send(conn, msg_attach(msg_to(msg_signal("/", "a.b", "Fd"), conn->unique), fd));
	msg = conn_find_signal(conn, "Fd");
	expect_eq(msg->n_fds, 1);
	msg_free(msg);
	close(fd);
	conn_close(conn);
	subject_stop(subject);
}

/* Lines */

TEST(line_feed_alone_ends_no_line)
{
	struct subject *subject = subject_start(EXTERNAL_ONLY);
	struct conn *conn = connect_nul(subject);

	conn_text(conn, "FOO\n");
	expect(!conn_fill(conn, 50));
	conn_text(conn, "\r\n");
	expect_line_like(conn, "ERROR");
	say(conn, "AUTH EXTERNAL %U");
	expect_line_like(conn, "OK ");
	conn_close(conn);
	subject_stop(subject);
}

TEST(bytes_that_are_not_ascii_are_an_error)
{
	struct subject *subject = subject_start(EXTERNAL_ONLY);
	struct conn *conn = connect_nul(subject);

	conn_text(conn, "AUTH \xc3\xa4\r\n");
	expect_line_like(conn, "ERROR");
	conn_write(conn, "AU\0TH\r\n", 7);
	expect_line_like(conn, "ERROR");
	say(conn, "AUTH EXTERNAL %U");
	expect_line_like(conn, "OK ");
	conn_close(conn);
	subject_stop(subject);
}

TEST(guid_is_the_listening_address_guid)
{
	struct subject *subject = subject_start(EXTERNAL_ONLY);
	char *guid = address_value(subject->address, "guid");
	struct conn *conn = connect_nul(subject);
	char *line;

	say(conn, "AUTH EXTERNAL %U");
	line = conn_line(conn);
	expect_eq(strlen(line), 3 + 32);
	expect_eq(strspn(line + 3, "0123456789abcdef"), 32);
	expect_str(line + 3, guid);
	free(line);
	free(guid);
	conn_close(conn);
	subject_stop(subject);
}

/* Other users; only root can be one */

enum { NOBODY = 65534 };

/* In a child that is somebody else: a conversation up to BEGIN, then Hello. */
static int as_nobody(const struct subject *subject, const char *auth, const char *answer,
		     bool registers)
{
	pid_t pid = fork();
	struct conn *conn;

	expect_ge(pid, 0);
	if (pid)
		return sandbox_wait(&subject->sandbox, pid);
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		_exit(77);
	conn = connect_nul(subject);
	say(conn, auth);
	hear(conn, auth, answer);
	if (strncmp(answer, "OK", 2))
		_exit(0);
	say(conn, "BEGIN");
	if (registers) {
		conn_hello(conn);
		if (driver_u32(conn, "GetConnectionUnixUser", "s", conn->unique) != NOBODY)
			fail("taken for another user");
	} else {
		expect_eof(conn);
	}
	_exit(0);
}

static void skip_unless_root(void)
{
	if (getuid())
		skip("only root can become another user");
}

TEST(another_user_is_closed_after_begin)
{
	struct subject *subject;

	skip_unless_root();
	subject = subject_start(EXTERNAL_ONLY);
	expect_eq(as_nobody(subject, "AUTH EXTERNAL 3635353334", "OK *", false), 0);
	expect_eq(as_nobody(subject, "AUTH EXTERNAL 30", "REJECTED EXTERNAL", false), 0);
	conn_close(conn_new(subject->address));
	subject_stop(subject);
}

TEST(another_user_may_be_allowed)
{
	struct subject *subject;

	skip_unless_root();
	subject = subject_start(EXTERNAL_ONLY
				"<policy context=\"default\"><allow user=\"*\"/></policy>");
	expect_eq(as_nobody(subject, "AUTH EXTERNAL 3635353334", "OK *", true), 0);
	expect_eq(as_nobody(subject, "AUTH EXTERNAL 30", "REJECTED EXTERNAL", false), 0);
	subject_stop(subject);
}

/* Limits */

TEST(sixth_rejection_closes)
{
	struct subject *subject = subject_start(EXTERNAL_ONLY);
	struct conn *conn = connect_nul(subject);

	/* errors do not count, an OK in between resets nothing */
	for (int i = 0; i < 10; i++) {
		say(conn, "WHAT");
		expect_line_like(conn, "ERROR");
	}
	say(conn, "AUTH EXTERNAL %U");
	expect_line_like(conn, "OK ");
	say(conn, "CANCEL");
	expect_line(conn, "REJECTED EXTERNAL");
	say(conn, "ERROR");
	expect_line(conn, "REJECTED EXTERNAL");
	say(conn, "AUTH EXTERNAL %U");
	expect_line_like(conn, "OK ");
	say(conn, "CANCEL");
	for (int i = 0; i < 3; i++) {
		expect_line(conn, "REJECTED EXTERNAL");
		say(conn, "AUTH");
	}
	expect_line(conn, "REJECTED EXTERNAL");
	expect_eof(conn);
	conn_close(conn);
	subject_stop(subject);
}

/* sends a line of size bytes, CRLF included if whole */
static struct conn *send_long_line(const struct subject *subject, size_t size, bool whole)
{
	struct conn *conn = connect_nul(subject);
	char *text = malloc(size);

	memset(text, 'A', size);
	if (whole)
		memcpy(text + size - 2, "\r\n", 2);
	conn_write(conn, text, size);
	free(text);
	return conn;
}

TEST(sixteen_kib_of_unparsed_input)
{
	struct subject *subject = subject_start(EXTERNAL_ONLY);
	struct conn *conn = send_long_line(subject, 16384, true);

	expect_line_like(conn, "ERROR");
	say(conn, "AUTH EXTERNAL %U");
	expect_line_like(conn, "OK ");
	conn_close(conn);
	conn = send_long_line(subject, 20000, true);
	expect_eof(conn);
	conn_close(conn);
	conn = send_long_line(subject, 20000, false);
	expect_eof(conn);
	conn_close(conn);
	subject_stop(subject);
}

TEST(unauthenticated_client_times_out)
{
	struct subject *subject = subject_start("<limit name=\"auth_timeout\">1000</limit>");
	struct conn *idle = connect_nul(subject), *half = connect_nul(subject);
	struct conn *no_hello, *good;
	int64_t start = now_ms();

	say(half, "AUTH EXTERNAL %U");
	expect_line_like(half, "OK ");
	no_hello = conn_auth(subject->address, false);
	good = conn_new(subject->address);
	expect_eof(idle);
	expect_eof(half);
	expect_eof(no_hello);
	expect_ge(now_ms() - start, 900);
	expect_quiet(good);
	conn_close(idle);
	conn_close(half);
	conn_close(no_hello);
	conn_close(good);
	subject_stop(subject);
}

TEST(incomplete_connections_are_limited)
{
	struct subject *subject =
		subject_start("<limit name=\"max_incomplete_connections\">3</limit>");
	struct conn *waiting[3], *late;

	for (int i = 0; i < 3; i++) {
		waiting[i] = connect_nul(subject);
		say(waiting[i], "AUTH EXTERNAL %U");
		expect_line_like(waiting[i], "OK ");
	}
	late = connect_nul(subject);
	say(late, "AUTH EXTERNAL %U");
	expect(!conn_fill(late, 100));
	/* one dies, one completes */
	conn_close(waiting[0]);
	expect_line_like(late, "OK ");
	conn_text(late, "BEGIN\r\n");
	conn_hello(late);
	conn_text(waiting[1], "BEGIN\r\n");
	conn_hello(waiting[1]);
	conn_close(conn_new(subject->address));
	conn_close(waiting[1]);
	conn_close(waiting[2]);
	conn_close(late);
	subject_stop(subject);
}

/* How the bytes come */

static void blob_hello(struct blob *blob, uint32_t serial)
{
	struct msg *hello = driver_msg("Hello");

	hello->serial = serial;
	msg_encode(hello, blob);
	msg_free(hello);
}

/* NUL to Hello as one string of bytes */
static void blob_conversation(struct blob *blob)
{
	char text[256], hex[64];

	sprintf(text, "AUTH EXTERNAL %s\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
		uid_in_hex(getuid(), hex));
	blob_u8(blob, 0);
	blob_bytes(blob, text, strlen(text));
	/* a message is aligned to its own start, not to the stream's */
	struct blob hello = {0};
	blob_hello(&hello, 1);
	blob_bytes(blob, hello.data, hello.size);
	blob_free(&hello);
}

static void expect_pipelined(struct conn *conn)
{
	expect_line_like(conn, "OK ");
	expect_line(conn, "AGREE_UNIX_FD");
	conn->serial = 1;
	expect_return(conn_reply(conn, 1));
	expect_next(conn, MSG_SIGNAL, "NameAcquired");
	expect_quiet(conn);
}

TEST(whole_conversation_in_one_write)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_open(subject->address);
	struct blob blob = {0};

	blob_conversation(&blob);
	conn_write(conn, blob.data, blob.size);
	expect_pipelined(conn);
	blob_free(&blob);
	conn_close(conn);
	subject_stop(subject);
}

TEST(whole_conversation_byte_by_byte)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_open(subject->address);
	struct blob blob = {0};

	blob_conversation(&blob);
	for (size_t i = 0; i < blob.size; i++) {
		conn_write(conn, blob.data + i, 1);
		usleep(200);
	}
	expect_pipelined(conn);
	blob_free(&blob);
	conn_close(conn);
	subject_stop(subject);
}

TEST(conversation_cut_anywhere)
{
	struct subject *subject = subject_start(NULL);
	struct blob blob = {0};

	blob_conversation(&blob);
	for (size_t cut = 1; cut < blob.size; cut += 3) {
		struct conn *conn = conn_open(subject->address);

		conn_write(conn, blob.data, cut);
		usleep(500);
		conn_write(conn, blob.data + cut, blob.size - cut);
		expect_pipelined(conn);
		conn_close(conn);
	}
	blob_free(&blob);
	subject_stop(subject);
}

TEST(data_form_pipelined)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_open(subject->address);

	conn_write(conn, "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 48);
	expect_line(conn, "DATA");
	expect_line_like(conn, "OK ");
	expect_line(conn, "AGREE_UNIX_FD");
	conn_hello(conn);
	conn_close(conn);
	subject_stop(subject);
}

TEST(descriptors_before_begin_are_dropped)
{
	struct subject *subject = subject_start(NULL);
	unsigned int per_client, n_fds = subject_idle_fds(subject, &per_client);
	struct conn *conn = conn_open(subject->address);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char text[64], hex[32];

	conn_write_fds(conn, "", 1, &fd, 1);
	sprintf(text, "AUTH EXTERNAL %s\r\n", uid_in_hex(getuid(), hex));
	conn_write_fds(conn, text, strlen(text), &fd, 1);
	expect_line_like(conn, "OK ");
	conn_text(conn, "BEGIN\r\n");
	conn_hello(conn);
	conn_sync(conn);
	expect_eq(subject_n_fds(subject), n_fds + per_client);
	conn_close(conn);
	expect_eq(subject_settle_fds(subject, n_fds), n_fds);
	close(fd);
	subject_stop(subject);
}

TEST(clients_that_leave_early_leave_nothing)
{
	struct subject *subject = subject_start(NULL);
	unsigned int n_fds = subject_idle_fds(subject, NULL);

	for (int i = 0; i < 20; i++) {
		struct conn *conn = conn_open(subject->address);

		if (i % 4 > 0)
			conn_write(conn, "", 1);
		if (i % 4 > 1)
			say(conn, "AUTH EXTERNAL %U");
		if (i % 4 > 2)
			say(conn, "BEGIN");
		conn_close(conn);
	}
	expect_eq(subject_settle_fds(subject, n_fds), n_fds);
	subject_stop(subject);
}
