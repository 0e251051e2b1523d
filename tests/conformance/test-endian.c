/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Big-endian clients: a bus never swaps, it takes each message as it is. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct msg *big_call(const char *destination, const char *member)
{
	return msg_big(msg_call(destination, DRIVER_PATH,
				strcmp(destination, DRIVER_NAME) ? "a.b" : DRIVER_NAME, member));
}

static struct conn *big_client(const struct subject *subject)
{
	struct conn *conn = conn_auth(subject->address, true);
	struct msg *reply = conn_call(conn, big_call(DRIVER_NAME, "Hello"));
	const char *unique;

	msg_read(reply, "s", &unique);
	conn->unique = strdup(unique);
	msg_free(reply);
	expect_driver_signal(conn, "NameAcquired", conn->unique);
	return conn;
}

TEST(conversation_with_the_driver)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = big_client(subject);
	struct msg *reply;
	uint32_t result;

	reply = conn_call(
		conn, msg_append(big_call(DRIVER_NAME, "RequestName"), "su", "org.example.Big", 4));
	msg_read(reply, "u", &result);
	expect_eq(result, 1);
	msg_free(reply);
	conn_drop(conn);
	reply = conn_call(conn, msg_append(big_call(DRIVER_NAME, "GetConnectionUnixUser"), "s",
					   "org.example.Big"));
	msg_read(reply, "u", &result);
	expect_eq(result, getuid());
	msg_free(reply);
	reply = conn_call(conn, big_call(DRIVER_NAME, "ListNames"));
	free(msg_read_strings(reply, NULL));
	msg_free(reply);
	expect_error(conn_call(conn, big_call(DRIVER_NAME, "Nonsense")), "UnknownMethod");
	expect_error(conn_call(conn, big_call("org.example.None", "C")), "ServiceUnknown");
	conn_close(conn);
	subject_stop(subject);
}

TEST(bodies_pass_as_they_are)
{
	struct subject *subject = subject_start(NULL);
	struct conn *big = big_client(subject), *little = conn_new(subject->address);
	struct msg *call = big_call(little->unique, "Ask"), *got, *reply;
	struct blob body = {0};
	uint32_t serial;

	msg_append(call, "ybnqiuxtdsogvas(iy)a{sv}ai", 1, 1, -2, 3, -4, 5, -6ll, 7ull, 8.5, "s",
		   "/o", "g", "(us)", 9, "v", 2, "a", "b", 10, 11, 1, "key", "t", 12ull, 3, 13, 14,
		   15);
	blob_bytes(&body, call->body.data, call->body.size);
	serial = conn_send(big, call);
	got = conn_find_call(little, "Ask");
	expect_eq(got->endian, 'B');
	expect_eq(got->serial, serial);
	expect_str(got->sender, big->unique);
	expect_mem(got->body.data, got->body.size, body.data, body.size);
	/* answered in the other order */
	conn_send(little, msg_append(msg_return(got), "u", 0x01020304));
	reply = conn_reply(big, serial);
	expect_eq(reply->endian, 'l');
	expect_mem(reply->body.data, reply->body.size, "\4\3\2\1", 4);
	blob_free(&body);
	msg_free(got);
	msg_free(reply);
	conn_close(big);
	conn_close(little);
	subject_stop(subject);
}

TEST(matches_on_big_endian_signals)
{
	static const struct {
		const char *rule;
		bool matches;
	} cases[] = {
		{"arg0='text'", true},
		{"arg1path='/a/'", true},
		{"arg0='text',arg2='x'", true},
		{"arg2='y'", false},
		{"arg0namespace='text'", true},
		{"interface='a.b',member='C',path='/p'", true},
		{"path_namespace='/other'", false},
	};
	struct subject *subject = subject_start(NULL);
	struct conn *big = big_client(subject), *watch = conn_new(subject->address);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		add_match(watch, cases[i].rule);
		conn_send(big, msg_append(msg_big(msg_signal("/p", "a.b", "C")), "sosu", "text",
					  "/a/b", "x", 1));
		msg_free(conn_call(big, big_call(DRIVER_NAME, "GetId")));
		conn_sync(watch);
		if (!watch->inbox == cases[i].matches)
			fail("%s", cases[i].rule);
		conn_drop(watch);
		remove_match(watch, cases[i].rule);
	}
	conn_close(big);
	conn_close(watch);
	subject_stop(subject);
}

TEST(descriptors_of_big_endian_messages)
{
	struct subject *subject = subject_start(NULL);
	struct conn *big = big_client(subject), *little = conn_new(subject->address);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct msg *got;

	conn_send(big, msg_append(msg_attach(msg_attach(big_call(little->unique, "Fds"), fd), fd),
				  "ahs", 2, 0, 1, "x"));
	got = conn_find_call(little, "Fds");
	expect_eq(got->n_fds, 2);
	expect_eq(got->unix_fds, 2);
	msg_free(got);
	close(fd);
	conn_close(big);
	conn_close(little);
	subject_stop(subject);
}

TEST(replies_and_unknown_fields)
{
	struct subject *subject = subject_start(NULL);
	struct conn *big = big_client(subject), *little = conn_new(subject->address);
	uint32_t serial = conn_send(little, msg_call(big->unique, "/", "a.b", "Ask"));
	struct msg *call = conn_find_call(big, "Ask"), *reply = msg_big(msg_return(call));

	msg_field(reply, 77, "(us)", 5, "x");
	conn_send(big, msg_append(reply, "s", "answer"));
	reply = conn_reply(little, serial);
	expect_eq(reply->endian, 'B');
	expect_eq(reply->n_unknown_fields, 0);
	expect_str(reply->sender, big->unique);
	msg_free(reply);
	msg_free(call);
	conn_close(big);
	conn_close(little);
	subject_stop(subject);
}
