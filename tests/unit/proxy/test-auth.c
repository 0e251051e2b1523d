/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Authentication: specification, section "Authentication Protocol", and what dbus-daemon answers
 *
 * A conversation is what the client says and what it must hear.  Each is held three
 * times: line by line, all at once, and byte by byte.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/auth.h"
#include "proxy/base/creds.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

#define GUID	 "0123456789abcdef0123456789abcdef"
#define OK	 "OK " GUID "\r\n"
#define REJECTED "REJECTED EXTERNAL ANONYMOUS\r\n"
#define BAD_HEX	 "ERROR \"Invalid hex encoding\"\r\n"
#define UNKNOWN	 "ERROR \"Unknown command\"\r\n"
#define ASCII	 "ERROR \"Command contained non-ASCII\"\r\n"

/* the uid is 1000, whose digits are 31303030 */
enum { UID = 1000 };

struct conversation {
	const char *say; /* behind the NUL; NULL ends a table */
	const char *hear;
	int outcome; /* 0: AUTH_MORE */
};

static void start(struct auth *auth, unsigned mechanisms)
{
	auth_init(auth, UID, GUID, mechanisms, true);
}

/* feeds in pieces, collects the answers; returns the last outcome */
static int feed(struct auth *auth, const char *bytes, size_t size, size_t piece, char *answers,
		size_t *consumed_out)
{
	size_t at = 0, n_answers = strlen(answers), n, consumed;
	int r = AUTH_MORE;

	while (at < size && r == AUTH_MORE) {
		const char *output;

		n = size - at < piece ? size - at : piece;
		r = auth_feed(auth, bytes + at, n, &consumed);
		at += consumed;
		output = auth_take_output(auth, &n);
		memcpy(answers + n_answers, output ?: "", n);
		n_answers += n;
		answers[n_answers] = '\0';
	}
	*consumed_out = at;
	return r;
}

static void expect_conversation(const struct conversation *c, unsigned mechanisms)
{
	size_t size = strlen(c->say), pieces[] = {1, 2, 3, 7, size + 1};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		char answers[4096] = "";
		struct auth auth;
		size_t consumed;
		int r;

		start(&auth, mechanisms);
		expect_eq(feed(&auth, "", 1, 1, answers, &consumed), AUTH_MORE);
		r = feed(&auth, c->say, size, pieces[i], answers, &consumed);
		if (strcmp(answers, c->hear))
			fail("in pieces of %zu: \"%s\" heard \"%s\" and not \"%s\"", pieces[i],
			     c->say, answers, c->hear);
		if (r != (c->outcome ?: AUTH_MORE))
			fail("in pieces of %zu: \"%s\" gave %d", pieces[i], c->say, r);
		if (r == AUTH_FAILED)
			expect_gt(strlen(auth_reason(&auth)), 5);
		auth_deinit(&auth);
		auth_deinit(&auth);
	}
}

static void expect_conversations(const struct conversation *table, unsigned mechanisms)
{
	for (; table->say; table++)
		expect_conversation(table, mechanisms);
}

TEST(external)
{
	static const struct conversation table[] = {
		{"AUTH EXTERNAL 31303030\r\n", OK},
		{"AUTH EXTERNAL 31303030\r\nBEGIN\r\n", OK, AUTH_DONE},
		{"AUTH EXTERNAL\r\nDATA\r\n", "DATA\r\n" OK},
		{"AUTH EXTERNAL\r\nDATA 31303030\r\n", "DATA\r\n" OK},
		{"AUTH EXTERNAL \t \r\nDATA  \r\nBEGIN\r\n", "DATA\r\n" OK, AUTH_DONE},
		{"AUTH\tEXTERNAL \t 31303030\r\n", OK},
		/* numbers are compared */
		{"AUTH EXTERNAL 303031303030\r\n", OK},
		{"AUTH EXTERNAL 30\r\n", REJECTED},
		{"AUTH EXTERNAL 313030\r\n", REJECTED},
		{"AUTH EXTERNAL 3130303030\r\n", REJECTED},
		{"AUTH EXTERNAL 726f6f74\r\n", REJECTED},
		{"AUTH EXTERNAL 3130303020\r\n", REJECTED},
		{"AUTH EXTERNAL 2d31\r\n", REJECTED},
		/* 2^32 - 1, 2^32 + 1000, 2^64 + 1000 */
		{"AUTH EXTERNAL 34323934393637323935\r\n", REJECTED},
		{"AUTH EXTERNAL 34323934393638323936\r\n", REJECTED},
		{"AUTH EXTERNAL 3138343436373434303733373039353532363136\r\n", REJECTED},
		{"AUTH EXTERNAL\r\nDATA 30\r\nDATA 31303030\r\n",
		 "DATA\r\n" REJECTED "ERROR \"Not currently in an auth conversation\"\r\n"},
		/* hex */
		{"AUTH EXTERNAL 3x\r\nAUTH EXTERNAL 31303030\r\n", BAD_HEX OK},
		{"AUTH EXTERNAL 31303030 \r\n", BAD_HEX},
		{"AUTH EXTERNAL 31303030 31\r\n", BAD_HEX},
		{"AUTH EXTERNAL\r\nDATA zz\r\nDATA\r\n", "DATA\r\n" BAD_HEX OK},
		/* the last digit is the high half of a byte */
		{"AUTH EXTERNAL 3130303\r\n", OK},
		{"AUTH EXTERNAL 3130304\r\n", REJECTED},
		/* again after a rejection */
		{"AUTH EXTERNAL 30\r\nAUTH EXTERNAL 31303030\r\nBEGIN\r\n", REJECTED OK, AUTH_DONE},
		{NULL},
	};

	expect_conversations(table, AUTH_EXTERNAL | AUTH_ANONYMOUS);
}

TEST(anonymous)
{
	static const struct conversation table[] = {
		{"AUTH ANONYMOUS\r\nBEGIN\r\n", OK, AUTH_DONE},
		{"AUTH ANONYMOUS 6c6f6c\r\n", OK},
		{"AUTH ANONYMOUS c3A4\r\n", OK},
		{"AUTH ANONYMOUS efbfbf\r\n", OK},
		{"AUTH ANONYMOUS ff\r\n", REJECTED},
		{"AUTH ANONYMOUS 00\r\n", REJECTED},
		{"AUTH ANONYMOUS eda080\r\n", REJECTED},
		{"AUTH ANONYMOUS zz\r\n", BAD_HEX},
		{NULL},
	};

	expect_conversations(table, AUTH_EXTERNAL | AUTH_ANONYMOUS);
}

TEST(mechanisms_that_are_not_enabled)
{
	static const struct conversation none[] = {
		{"AUTH\r\nAUTH EXTERNAL 31303030\r\nAUTH ANONYMOUS\r\n",
		 "REJECTED\r\nREJECTED\r\nREJECTED\r\n"},
		{NULL},
	};
	static const struct conversation external[] = {
		{"AUTH\r\nAUTH ANONYMOUS zz\r\n", "REJECTED EXTERNAL\r\nREJECTED EXTERNAL\r\n"},
		{"AUTH DBUS_COOKIE_SHA1 31\r\n", "REJECTED EXTERNAL\r\n"},
		{"AUTH external 31303030\r\n", "REJECTED EXTERNAL\r\n"},
		{"AUTH EXTERNALX 31303030\r\n", "REJECTED EXTERNAL\r\n"},
		{NULL},
	};
	static const struct conversation anonymous[] = {
		{"AUTH EXTERNAL 31303030\r\n", "REJECTED ANONYMOUS\r\n"},
		{NULL},
	};

	expect_conversations(none, 0);
	expect_conversations(external, AUTH_EXTERNAL);
	expect_conversations(anonymous, AUTH_ANONYMOUS);
}

TEST(every_command_in_every_state)
{
#define IN_DATA	 "AUTH EXTERNAL\r\n"
#define IN_BEGIN "AUTH EXTERNAL 31303030\r\n"
	static const struct conversation table[] = {
		/* waiting for auth */
		{"AUTH\r\n", REJECTED},
		{"AUTH \r\n", REJECTED},
		{"DATA\r\n", "ERROR \"Not currently in an auth conversation\"\r\n"},
		{"DATA zz\r\n", "ERROR \"Not currently in an auth conversation\"\r\n"},
		{"CANCEL\r\n", "ERROR \"Not currently in an auth conversation\"\r\n"},
		{"ERROR\r\n", REJECTED},
		{"ERROR \"why\"\r\n", REJECTED},
		{"BEGIN\r\n", "", AUTH_FAILED},
		{"BEGIN x\r\n", "", AUTH_FAILED},
		{"NEGOTIATE_UNIX_FD\r\n", "ERROR \"Need to authenticate first\"\r\n"},
		/* waiting for data */
		{IN_DATA "AUTH EXTERNAL 31303030\r\n",
		 "DATA\r\nERROR \"Sent AUTH while another AUTH in progress\"\r\n"},
		{IN_DATA "CANCEL\r\nAUTH EXTERNAL 31303030\r\n", "DATA\r\n" REJECTED OK},
		{IN_DATA "CANCEL x\r\n", "DATA\r\n" REJECTED},
		{IN_DATA "ERROR\r\nDATA\r\n",
		 "DATA\r\n" REJECTED "ERROR \"Not currently in an auth conversation\"\r\n"},
		{IN_DATA "BEGIN\r\n", "DATA\r\n", AUTH_FAILED},
		{IN_DATA "NEGOTIATE_UNIX_FD\r\n",
		 "DATA\r\nERROR \"Need to authenticate first\"\r\n"},
		{IN_DATA "WHAT\r\nDATA\r\n", "DATA\r\n" UNKNOWN OK},
		/* waiting for begin */
		{IN_BEGIN "AUTH\r\n", OK "ERROR \"Sent AUTH while expecting BEGIN\"\r\n"},
		{IN_BEGIN "DATA\r\n", OK "ERROR \"Sent DATA while expecting BEGIN\"\r\n"},
		{IN_BEGIN "CANCEL\r\nBEGIN\r\n", OK REJECTED, AUTH_FAILED},
		{IN_BEGIN "CANCEL\r\n" IN_BEGIN "BEGIN\r\n", OK REJECTED OK, AUTH_DONE},
		{IN_BEGIN "ERROR x\r\nBEGIN\r\n", OK REJECTED, AUTH_FAILED},
		{IN_BEGIN "NEGOTIATE_UNIX_FD\r\nBEGIN\r\n", OK "AGREE_UNIX_FD\r\n", AUTH_DONE},
		{IN_BEGIN "NEGOTIATE_UNIX_FD x\r\nNEGOTIATE_UNIX_FD\r\n",
		 OK "AGREE_UNIX_FD\r\nAGREE_UNIX_FD\r\n"},
		{IN_BEGIN "BEGIN now\r\n", OK, AUTH_DONE},
		{IN_BEGIN "WHAT\r\nBEGIN\r\n", OK UNKNOWN, AUTH_DONE},
		{NULL},
	};

	expect_conversations(table, AUTH_EXTERNAL | AUTH_ANONYMOUS);
}

TEST(lines)
{
	static const struct conversation table[] = {
		{"\r\n", UNKNOWN},
		{" AUTH\r\n", UNKNOWN},
		{"auth\r\n", UNKNOWN},
		{"AUTHENTICATE\r\n", UNKNOWN},
		{"OK\r\nREJECTED\r\nAGREE_UNIX_FD\r\n", UNKNOWN UNKNOWN UNKNOWN},
		{"AUTH\vEXTERNAL\r\n", UNKNOWN},
		{"\xc3\xa4\r\n", ASCII},
		{"AUTH EXTERNAL \xff\r\nAUTH EXTERNAL 31303030\r\n", ASCII OK},
		/* neither of the two alone ends a line */
		{"AUTH\n", ""},
		{"AUTH\n\r\n", UNKNOWN},
		{"AUTH\r", ""},
		{"AUTH\r\r\n", UNKNOWN},
		{"\n\n\n\r\nAUTH\r\n", UNKNOWN REJECTED},
		{NULL},
	};
	char answers[256] = "";
	struct auth auth;
	size_t consumed;

	expect_conversations(table, AUTH_EXTERNAL | AUTH_ANONYMOUS);

	start(&auth, AUTH_EXTERNAL);
	expect_eq(feed(&auth, "\0AU\0TH\r\n\0\r\n", 11, 99, answers, &consumed), AUTH_MORE);
	expect_str(answers, ASCII ASCII);
	auth_deinit(&auth);
}

TEST(first_byte_must_be_nul)
{
	struct auth auth;
	size_t consumed, size;

	start(&auth, AUTH_EXTERNAL);
	expect_eq(auth_feed(&auth, "", 0, &consumed), AUTH_MORE);
	expect_eq(auth_feed(&auth, "AUTH\r\n", 6, &consumed), AUTH_FAILED);
	auth_take_output(&auth, &size);
	expect_eq(size, 0);
	expect_str(auth_reason(&auth), "first byte is not NUL");
	/* it stays so */
	expect_eq(auth_feed(&auth, "\0AUTH\r\n", 7, &consumed), AUTH_FAILED);
	auth_deinit(&auth);
}

TEST(bytes_behind_begin_are_left)
{
	static const char bytes[] = "\0AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\nl\1";
	struct auth auth;
	size_t consumed;

	start(&auth, AUTH_EXTERNAL);
	expect_eq(auth_feed(&auth, bytes, sizeof(bytes) - 1, &consumed), AUTH_DONE);
	expect_eq(consumed, sizeof(bytes) - 3);
	expect(auth.is_fds_agreed);
	expect(!auth.is_anonymous);
	/* it is over */
	expect_eq(auth_feed(&auth, "l", 1, &consumed), AUTH_FAILED);
	auth_deinit(&auth);
}

static void converse(struct auth *auth, const char *say, int outcome)
{
	size_t consumed, n;

	expect_eq(auth_feed(auth, "", 1, &consumed), AUTH_MORE);
	expect_eq(auth_feed(auth, say, strlen(say), &consumed), outcome);
	auth_take_output(auth, &n);
}

TEST(who_is_it_in_the_end)
{
	struct auth auth;

	start(&auth, AUTH_EXTERNAL | AUTH_ANONYMOUS);
	converse(&auth, "AUTH ANONYMOUS\r\nBEGIN\r\n", AUTH_DONE);
	expect(auth.is_anonymous);
	expect(!auth.is_fds_agreed);
	auth_deinit(&auth);

	start(&auth, AUTH_EXTERNAL | AUTH_ANONYMOUS);
	converse(&auth, "AUTH ANONYMOUS\r\nCANCEL\r\nAUTH EXTERNAL 31303030\r\nBEGIN\r\n",
		 AUTH_DONE);
	expect(!auth.is_anonymous);
	auth_deinit(&auth);

	start(&auth, AUTH_EXTERNAL | AUTH_ANONYMOUS);
	converse(&auth, "AUTH EXTERNAL 31303030\r\nCANCEL\r\nAUTH ANONYMOUS\r\nBEGIN\r\n",
		 AUTH_DONE);
	expect(auth.is_anonymous);
	auth_deinit(&auth);
}

/* dbus-daemon keeps the agreement */
TEST(agreement_about_fds_outlasts_a_cancel)
{
	struct auth auth;

	start(&auth, AUTH_EXTERNAL);
	converse(&auth,
		 "AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nCANCEL\r\n"
		 "AUTH EXTERNAL 31303030\r\nBEGIN\r\n",
		 AUTH_DONE);
	expect(auth.is_fds_agreed);
	auth_deinit(&auth);
}

TEST(a_transport_without_fds)
{
	char answers[256] = "";
	struct auth auth;
	size_t consumed;

	auth_init(&auth, UID, GUID, AUTH_EXTERNAL, false);
	expect_eq(feed(&auth, "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 48, 99,
		       answers, &consumed),
		  AUTH_DONE);
	expect_str(answers, "DATA\r\n" OK "ERROR \"Unix fd passing is not supported\"\r\n");
	expect(!auth.is_fds_agreed);
	auth_deinit(&auth);
}

TEST(a_socket_that_tells_no_uid)
{
	struct auth auth;

	auth_init(&auth, CREDS_UNKNOWN, GUID, AUTH_EXTERNAL, true);
	converse(&auth, "AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n", AUTH_FAILED);
	auth_deinit(&auth);
	auth_init(&auth, CREDS_UNKNOWN, GUID, AUTH_EXTERNAL, true);
	converse(&auth, "AUTH EXTERNAL 34323934393637323935\r\nBEGIN\r\n", AUTH_FAILED);
	auth_deinit(&auth);
}

/* errors do not count, an OK in between resets nothing, the sixth is still sent */
TEST(six_rejections)
{
	static const struct conversation table[] = {
		{"AUTH\r\nAUTH\r\nAUTH\r\nAUTH\r\nAUTH\r\n",
		 REJECTED REJECTED REJECTED REJECTED REJECTED},
		{"AUTH\r\nAUTH\r\nAUTH\r\nAUTH\r\nAUTH\r\nAUTH\r\nAUTH\r\n",
		 REJECTED REJECTED REJECTED REJECTED REJECTED REJECTED, AUTH_FAILED},
		{"WHAT\r\nAUTH\r\nERROR\r\nAUTH EXTERNAL\r\nCANCEL\r\nAUTH EXTERNAL 31303030\r\n"
		 "CANCEL\r\nAUTH EXTERNAL 30\r\nWHAT\r\nAUTH ANONYMOUS ff\r\n",
		 UNKNOWN REJECTED REJECTED
		 "DATA\r\n" REJECTED OK REJECTED REJECTED UNKNOWN REJECTED,
		 AUTH_FAILED},
		{NULL},
	};

	expect_conversations(table, AUTH_EXTERNAL | AUTH_ANONYMOUS);
}

/* a line of @size bytes, CRLF included if it @is_whole */
static int long_line(size_t size, bool is_whole, size_t piece)
{
	char *line = malloc(size), answers[256] = "";
	struct auth auth;
	size_t consumed;
	int r;

	memset(line, 'A', size);
	if (is_whole)
		memcpy(line + size - 2, "\r\n", 2);
	start(&auth, AUTH_EXTERNAL);
	expect_eq(auth_feed(&auth, "", 1, &consumed), AUTH_MORE);
	r = feed(&auth, line, size, piece, answers, &consumed);
	expect_str(answers, is_whole && r == AUTH_MORE ? UNKNOWN : "");
	auth_deinit(&auth);
	free(line);
	return r;
}

TEST(lines_have_16_kib_at_most)
{
	static const size_t pieces[] = {1, 1000, 16383, 16384, 100000};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		expect_eq(long_line(16384, true, pieces[i]), AUTH_MORE);
		expect_eq(long_line(16385, true, pieces[i]), AUTH_FAILED);
		expect_eq(long_line(16384, false, pieces[i]), AUTH_MORE);
		expect_eq(long_line(16385, false, pieces[i]), AUTH_FAILED);
	}
}

/* the longest argument there can be */
TEST(a_line_full_of_hex)
{
	char line[16384];
	struct auth auth;
	size_t consumed;

	memset(line, '3', sizeof(line));
	memcpy(line, "AUTH ANONYMOUS ", 15);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	start(&auth, AUTH_ANONYMOUS);
	expect_eq(auth_feed(&auth, "", 1, &consumed), AUTH_MORE);
	expect_eq(auth_feed(&auth, line, sizeof(line), &consumed), AUTH_MORE);
	expect_eq(auth_feed(&auth, "BEGIN\r\n", 7, &consumed), AUTH_DONE);
	auth_deinit(&auth);
}

/* dbus-daemon sends 656 errors of 25 bytes, and closes */
TEST(answers_that_nobody_takes_have_an_end)
{
	struct auth auth;
	size_t consumed, size;
	int r = AUTH_MORE;
	unsigned n = 0;

	start(&auth, AUTH_EXTERNAL);
	expect_eq(auth_feed(&auth, "", 1, &consumed), AUTH_MORE);
	for (; r == AUTH_MORE; n++)
		r = auth_feed(&auth, "\r\n", 2, &consumed);
	expect_eq(r, AUTH_FAILED);
	expect_eq(n, 656);
	auth_take_output(&auth, &size);
	expect_eq(size, 656 * strlen(UNKNOWN));
	auth_deinit(&auth);
}

TEST(output_is_forgotten_once_taken)
{
	struct auth auth;
	size_t consumed, size;

	start(&auth, AUTH_EXTERNAL);
	expect_eq(auth_feed(&auth, "\0AUTH\r\n", 7, &consumed), AUTH_MORE);
	auth_take_output(&auth, &size);
	expect_eq(size, strlen("REJECTED EXTERNAL\r\n"));
	auth_take_output(&auth, &size);
	expect_eq(size, 0);
	auth_deinit(&auth);
}

TEST(every_allocation_may_fail)
{
	static const char *const parts[] = {"\0AUTH", " EXTERNAL 31303030\r\nAUTH\r\nAUTH\r\n",
					    "AUTH\r\nNEGOTIATE_UNIX_FD\r\nBEG", "IN\r\n"};
	static const size_t sizes[] = {5, 32, 28, 4};
	int r = 0;

	for (unsigned long n = 1;; n++) {
		struct auth auth;
		size_t consumed;

		start(&auth, AUTH_EXTERNAL);
		fault_at(n);
		for (int i = 0; i < 4 && r >= 0; i++)
			r = auth_feed(&auth, parts[i], sizes[i], &consumed);
		auth_deinit(&auth);
		if (!fault_disarm()) {
			expect_gt(n, 3);
			break;
		}
		expect_eq(r, -ENOMEM);
		r = 0;
	}
	expect_eq(r, AUTH_DONE);
}
