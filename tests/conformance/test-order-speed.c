/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A name that changes hands at full speed
 *
 * Changers are processes that take the name from each other and drop it, as fast as the bus
 * lets them.  Meanwhile:
 *
 * - whoever asks who owns it and follows the signals, is never contradicted: in the order in
 *   which he receives them, each answer is what the last signal said, and each signal goes on
 *   where the one before ended;
 * - a changer receives calls to the name only between its NameAcquired and its NameLost, and
 *   never has the name that it is not told of;
 * - each call is answered once: by an owner, or by the bus because there is none.
 *
 * A changer exits with status 0 if it saw nothing wrong.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "org.example.Name"
enum { N_CHANGERS = 3, N_QUESTIONS = 3000, N_AT_ONCE = 8 };
enum { ALLOW = 1, REPLACE = 2, NO_QUEUE = 4 };

/* The signals about a name's owner, as somebody who follows them */
struct follower {
	char owner[64];
	unsigned int n_changes;
};

static void follower_hear(struct follower *follower, const struct msg *msg)
{
	const char *name, *old, *new;

	expect_str(msg->member, "NameOwnerChanged");
	msg_read(msg, "sss", &name, &old, &new);
	expect_str(name, NAME);
	expect_str(old, follower->owner);
	expect_ne(strcmp(old, new), 0);
	snprintf(follower->owner, sizeof(follower->owner), "%s", new);
	follower->n_changes++;
}

/* Changers */

struct changer {
	struct conn *conn;
	bool is_owner; /* by NameAcquired and NameLost */
};

static void changer_take(struct changer *changer, struct msg *msg)
{
	const char *name;

	if (msg->type == MSG_SIGNAL) {
		msg_read(msg, "s", &name);
		expect_str(name, NAME);
		expect_str(msg->member, changer->is_owner ? "NameLost" : "NameAcquired");
		changer->is_owner = !changer->is_owner;
	} else if (msg->type == MSG_CALL) {
		expect_str(msg->destination, NAME);
		expect(changer->is_owner);
		conn_send(changer->conn, msg_return(msg));
	} else {
		expect_eq(msg->type, MSG_RETURN);
	}
	msg_free(msg);
}

/* Requests and releases in changing order, until the pipe stop_fd ends; started_fd gets a byte when
 * the first of them have been answered. */
static void changer_run(const char *address, int stop_fd, int started_fd, unsigned int seed)
{
	static const uint32_t flags[] = {ALLOW | REPLACE | NO_QUEUE, ALLOW | REPLACE, ALLOW};
	struct changer changer = {conn_new(address)};
	struct conn *conn = changer.conn;
	char byte;

	while (read(stop_fd, &byte, 1) < 0) {
		uint32_t serial = 0;

		for (int i = 0; i < 8; i++) {
			seed = seed * 1103515245 + 12345;
			if (seed >> 16 & 1)
				serial = conn_send(
					conn, msg_append(driver_msg("ReleaseName"), "s", NAME));
			else
				serial = conn_send(conn, msg_append(driver_msg("RequestName"), "su",
								    NAME, flags[(seed >> 17) % 3]));
		}
		for (bool is_answered = false; !is_answered;) {
			struct msg *msg = conn_next(conn);

			is_answered = msg->type == MSG_RETURN && msg->reply_serial == serial;
			changer_take(&changer, msg);
		}
		if (started_fd >= 0) {
			expect_eq(write(started_fd, "", 1), 1);
			close(started_fd);
			started_fd = -1;
		}
	}
	conn_send(conn, msg_append(driver_msg("ReleaseName"), "s", NAME));
	conn_sync(conn);
	while (conn->inbox)
		changer_take(&changer, conn_next(conn));
	expect(!changer.is_owner);
	conn_close(conn);
}

struct changers {
	pid_t pids[N_CHANGERS];
	int stop_fd;
};

/* until each of them has had the name, or heard that it has to wait for it */
static void changers_start(struct changers *changers, const struct subject *subject)
{
	int fds[2], started[2];
	char byte;

	expect_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	expect_eq(pipe2(started, O_CLOEXEC), 0);
	for (int i = 0; i < N_CHANGERS; i++) {
		changers->pids[i] = fork();
		expect_ge(changers->pids[i], 0);
		if (!changers->pids[i]) {
			close(fds[1]);
			close(started[0]);
			alarm(60);
			changer_run(subject->address, fds[0], started[1], i + 1);
			_exit(0);
		}
		sandbox_watch(&subject->sandbox, changers->pids[i]);
	}
	close(fds[0]);
	close(started[1]);
	for (int i = 0; i < N_CHANGERS; i++)
		expect_eq(read(started[0], &byte, 1), 1);
	close(started[0]);
	changers->stop_fd = fds[1];
}

static void changers_stop(struct changers *changers, const struct subject *subject)
{
	close(changers->stop_fd);
	for (int i = 0; i < N_CHANGERS; i++)
		expect_eq(sandbox_wait(&subject->sandbox, changers->pids[i]), 0);
}

/* Questions */

static void check_answer(const struct follower *follower, const struct msg *msg, int question)
{
	const char *owner = "", **queue;
	uint32_t has_owner;

	if (msg->type == MSG_ERROR) {
		expect_str(msg->error_name, DRIVER_ERROR "NameHasNoOwner");
	} else if (question == 0) {
		msg_read(msg, "s", &owner);
	} else if (question == 1) {
		msg_read(msg, "b", &has_owner);
		expect_eq(has_owner, *follower->owner != 0);
		return;
	} else {
		queue = msg_read_strings(msg, NULL);
		expect(queue[0] != NULL);
		expect_str(queue[0], follower->owner);
		free(queue);
		return;
	}
	expect_str(owner, follower->owner);
}

TEST_TIMEOUT(answers_agree_with_the_signals, 60)
{
	static const char *const questions[] = {"GetNameOwner", "NameHasOwner", "ListQueuedOwners"};
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	struct follower follower = {""};
	struct changers changers;
	uint32_t n_asked = 0, n_answered = 0, first;

	add_match(conn, "type='signal',sender='" DRIVER_NAME "',member='NameOwnerChanged',"
			"arg0='" NAME "'");
	first = conn->serial + 1;
	changers_start(&changers, subject);
	while (n_answered < N_QUESTIONS) {
		struct msg *msg;

		for (; n_asked < N_QUESTIONS && n_asked < n_answered + N_AT_ONCE; n_asked++)
			conn_send(conn, msg_append(driver_msg(questions[n_asked % 3]), "s", NAME));
		msg = conn_next(conn);
		if (msg->type == MSG_SIGNAL) {
			follower_hear(&follower, msg);
		} else {
			expect_eq(msg->reply_serial, first + n_answered);
			check_answer(&follower, msg, n_answered % 3);
			n_answered++;
		}
		msg_free(msg);
	}
	note("%u changes of owner beside %u answers", follower.n_changes, n_answered);
	expect_gt(follower.n_changes, N_QUESTIONS / 100);
	changers_stop(&changers, subject);
	conn_close(conn);
	subject_stop(subject);
}

TEST_TIMEOUT(calls_reach_the_owner_of_their_moment, 60)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	uint32_t n_asked = 0, n_answered = 0, n_returns = 0, first = conn->serial + 1;
	bool is_answered[N_QUESTIONS] = {false};
	struct changers changers;

	changers_start(&changers, subject);
	while (n_answered < N_QUESTIONS) {
		struct msg *msg;

		for (; n_asked < N_QUESTIONS && n_asked < n_answered + N_AT_ONCE; n_asked++)
			conn_send(conn, msg_call(NAME, "/", "a.b", "C"));
		msg = conn_next(conn);
		expect_ge(msg->reply_serial, first);
		expect_lt(msg->reply_serial, first + n_asked);
		expect(!is_answered[msg->reply_serial - first]);
		is_answered[msg->reply_serial - first] = true;
		n_answered++;
		if (msg->type == MSG_RETURN) {
			n_returns++;
			msg_free(msg);
		} else {
			expect_error(msg, "ServiceUnknown");
		}
	}
	note("%u of %u calls found an owner", n_returns, n_answered);
	expect_gt(n_returns, 0);
	changers_stop(&changers, subject);
	expect_quiet(conn);
	conn_close(conn);
	subject_stop(subject);
}
