/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes before what.
 *
 * Per client the bus is one line: each message takes effect before the next is
 * looked at, and everything it sends to a client is one queue.  Programs are
 * built on that, mostly without knowing.  What they rely on, and its test:
 *
 *	messages of one sender			messages_of_one_sender_stay_in_order
 *	driver calls among them			driver_calls_take_effect_in_order
 *	all that is sent to one client		driver_answers_stand_in_line
 *						answer_comes_after_what_was_queued_before
 *	different clients see one order		everybody_sees_one_order
 *						what_follows_comes_after
 *	AddMatch, then what it shall catch	match_added_before_the_call_sees_its_signal
 *	AddMatch, then a question		watching_before_asking_misses_nothing
 *						..._agree_with_the_signals, test-order-speed.c
 *	RequestName and its signals		request_name_is_answered_last, test-names.c
 *	a signal, then the return		signal_before_the_return_arrives_before_it
 *	RemoveMatch				nothing_after_the_answer_to_remove_match
 *
 * The order of the signals about one name, order_when_a_name_is_..., lies with the
 * names in test-names.c.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "org.example.Name"

struct fixture {
	struct subject *subject;
	struct conn *a, *b;
};

static struct fixture fixture_start(void)
{
	struct fixture f = {subject_start(NULL)};

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

/* writes several messages in one go */
static void send_together(struct conn *conn, struct msg **messages, size_t n)
{
	struct blob blob = {0};

	for (size_t i = 0; i < n; i++) {
		messages[i]->serial = ++conn->serial;
		msg_encode(messages[i], &blob);
		msg_free(messages[i]);
	}
	conn_write(conn, blob.data, blob.size);
	blob_free(&blob);
}

TEST(match_added_before_the_call_sees_its_signal)
{
	struct fixture f = fixture_start();

	for (int i = 0; i < 50; i++) {
		const char *rule = "type='signal',interface='a.b'";
		struct msg *messages[] = {
			msg_flags(msg_append(driver_msg("AddMatch"), "s", rule), MSG_NO_REPLY),
			msg_call(f.b->unique, "/", "a.b", "Emit"),
			msg_append(driver_msg("RemoveMatch"), "s", rule),
		};
		struct msg *call;

		send_together(f.a, messages, 2);
		call = conn_find_call(f.b, "Emit");
		conn_send(f.b, msg_signal("/", "a.b", "Emitted"));
		conn_send(f.b, msg_return(call));
		/* the signal was sent first */
		expect_next(f.a, MSG_SIGNAL, "Emitted");
		expect_return(conn_next(f.a));
		msg_free(call);
		send_together(f.a, messages + 2, 1);
		expect_return(conn_next(f.a));
	}
	fixture_stop(&f);
}

TEST(nothing_after_the_answer_to_remove_match)
{
	struct fixture f = fixture_start();

	for (int i = 0; i < 50; i++) {
		struct msg *msg;
		uint32_t serial;

		add_match(f.a, "interface='a.b'");
		for (int j = 0; j < 10; j++)
			conn_send(f.b, msg_signal("/", "a.b", "Flood"));
		serial = conn_send(f.a,
				   msg_append(driver_msg("RemoveMatch"), "s", "interface='a.b'"));
		for (int j = 0; j < 10; j++)
			conn_send(f.b, msg_signal("/", "a.b", "Flood"));
		do {
			msg = conn_next(f.a);
			if (msg->type == MSG_SIGNAL)
				msg = msg_free(msg);
			else
				expect_eq(msg->reply_serial, serial);
		} while (!msg);
		msg_free(msg);
		conn_sync(f.b);
		expect_quiet(f.a);
	}
	fixture_stop(&f);
}

TEST(messages_of_one_sender_stay_in_order)
{
	enum { N = 300 };
	struct fixture f = fixture_start();
	struct msg *messages[N];

	add_match(f.b, "interface='a.b'");
	for (uint32_t i = 0; i < N; i++) {
		struct msg *msg = i % 3 == 0   ? msg_call(f.b->unique, "/", "a.b", "C")
				  : i % 3 == 1 ? msg_signal("/", "a.b", "C")
					       : msg_to(msg_signal("/", "a.b", "C"), f.b->unique);

		messages[i] = msg_append(msg_flags(msg, MSG_NO_REPLY), "u", i);
	}
	send_together(f.a, messages, N);
	for (uint32_t i = 0; i < N; i++) {
		struct msg *msg = conn_next(f.b);
		uint32_t value;

		msg_read(msg, "u", &value);
		expect_eq(value, i);
		msg_free(msg);
	}
	fixture_stop(&f);
}

static struct msg *self_call(const char *to, uint32_t i)
{
	return msg_append(msg_call(to, "/", "a.b", "Self"), "u", i);
}

/* A name is there for the very next message, and gone for the one behind its release; the
 * same for a match rule.  All of it is written at once. */
TEST(driver_calls_take_effect_in_order)
{
	enum { N = 20, PER_ROUND = 8 };
	struct fixture f = fixture_start();
	struct msg *messages[N * PER_ROUND];
	const char *rule = "interface='a.b',member='S'";
	uint32_t first = f.a->serial + 1;

	for (int i = 0; i < N; i++) {
		struct msg **m = messages + i * PER_ROUND;

		m[0] = msg_flags(msg_append(driver_msg("AddMatch"), "s", rule), MSG_NO_REPLY);
		m[1] = msg_append(msg_signal("/", "a.b", "S"), "u", i);
		m[2] = msg_append(driver_msg("RequestName"), "su", NAME, 0);
		m[3] = msg_flags(self_call(NAME, i), MSG_NO_REPLY);
		m[4] = msg_flags(msg_append(driver_msg("RemoveMatch"), "s", rule), MSG_NO_REPLY);
		m[5] = msg_append(msg_signal("/", "a.b", "S"), "u", ~0u);
		m[6] = msg_append(driver_msg("ReleaseName"), "s", NAME);
		m[7] = self_call(NAME, ~0u);
	}
	send_together(f.a, messages, N * PER_ROUND);
	for (int i = 0; i < N; i++) {
		uint32_t serial = first + i * PER_ROUND, value;
		struct msg *msg;

		msg = conn_next(f.a);
		expect_str(msg->member, "S");
		msg_read(msg, "u", &value);
		expect_eq(value, i);
		msg_free(msg);
		expect_driver_signal(f.a, "NameAcquired", NAME);
		msg = conn_next(f.a);
		expect_eq(msg->reply_serial, serial + 2);
		expect_eq(driver_u32_at(msg, __FILE__, __LINE__), 1);
		msg = conn_next(f.a);
		expect_str(msg->member, "Self");
		msg_read(msg, "u", &value);
		expect_eq(value, i);
		msg_free(msg);
		expect_driver_signal(f.a, "NameLost", NAME);
		msg = conn_next(f.a);
		expect_eq(msg->reply_serial, serial + 6);
		expect_eq(driver_u32_at(msg, __FILE__, __LINE__), 1);
		msg = conn_next(f.a);
		expect_eq(msg->reply_serial, serial + 7);
		expect_error(msg, "ServiceUnknown");
	}
	expect_quiet(f.a);
	fixture_stop(&f);
}

/* the answer to RequestName comes behind what is told of it, to whoever watches and to
 * whoever does not, however fast it goes */
static void request_and_release(bool is_watching)
{
	enum { N = 100 };
	struct fixture f = fixture_start();
	struct msg *messages[N * 2];
	uint32_t first;

	if (is_watching)
		add_match(f.a, "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	first = f.a->serial + 1;
	for (int i = 0; i < N; i++) {
		messages[i * 2] = msg_append(driver_msg("RequestName"), "su", NAME, 0);
		messages[i * 2 + 1] = msg_append(driver_msg("ReleaseName"), "s", NAME);
	}
	send_together(f.a, messages, N * 2);
	for (int i = 0; i < N * 2; i++) {
		struct msg *msg;

		if (i % 2)
			expect_driver_signal(f.a, "NameLost", NAME);
		if (is_watching)
			expect_driver_signal(f.a, "NameOwnerChanged", NAME,
					     i % 2 ? f.a->unique : "", i % 2 ? "" : f.a->unique);
		if (!(i % 2))
			expect_driver_signal(f.a, "NameAcquired", NAME);
		msg = conn_next(f.a);
		expect_eq(msg->reply_serial, first + i);
		expect_return(msg);
	}
	expect_quiet(f.a);
	fixture_stop(&f);
}

TEST(request_name_is_answered_last)
{
	request_and_release(false);
	request_and_release(true);
}

/* What a service says before it answers is heard before the answer: by the caller as a
 * broadcast and addressed, whether the answer is a return or an error. */
TEST(signal_before_the_return_arrives_before_it)
{
	struct fixture f = fixture_start();

	expect_eq(request_name(f.b, NAME, 0), 1);
	conn_drop(f.b);
	add_match(f.a, "type='signal',sender='" NAME "',interface='a.b'");
	for (uint32_t i = 0; i < 100; i++) {
		uint32_t serial = conn_send(f.a, msg_call(NAME, "/", "a.b", "Emit"));
		struct msg *call = conn_find_call(f.b, "Emit"), *messages[3];

		messages[0] = msg_signal("/", "a.b", "Broadcast");
		messages[1] = msg_to(msg_signal("/", "a.b", "Directed"), f.a->unique);
		messages[2] = i % 2 ? msg_return(call) : msg_error(call, "a.b.Failed");
		send_together(f.b, messages, 3);
		expect_next(f.a, MSG_SIGNAL, "Broadcast");
		expect_next(f.a, MSG_SIGNAL, "Directed");
		msg_free(call);
		call = conn_next(f.a);
		expect_eq(call->reply_serial, serial);
		expect_eq(call->type, i % 2 ? MSG_RETURN : MSG_ERROR);
		msg_free(call);
	}
	fixture_stop(&f);
}

TEST(driver_answers_stand_in_line)
{
	struct fixture f = fixture_start();
	struct msg *messages[20];

	for (int i = 0; i < 20; i += 2) {
		messages[i] = driver_msg("GetId");
		messages[i + 1] =
			msg_flags(msg_call(f.a->unique, "/", "a.b", "Self"), MSG_NO_REPLY);
	}
	send_together(f.a, messages, 20);
	for (int i = 0; i < 20; i += 2) {
		expect_return(conn_next(f.a));
		expect_next(f.a, MSG_CALL, "Self");
	}
	fixture_stop(&f);
}

/* a signal from elsewhere that the bus had queued before it looked at our call
 * comes before the answer */
TEST(answer_comes_after_what_was_queued_before)
{
	struct fixture f = fixture_start();

	add_match(f.a, "interface='a.b'");
	for (int i = 0; i < 100; i++) {
		uint32_t serial;
		struct msg *msg;

		conn_send(f.b, msg_signal("/", "a.b", "Before"));
		conn_sync(f.b);
		serial = conn_send(f.a, driver_msg("ListNames"));
		expect_next(f.a, MSG_SIGNAL, "Before");
		msg = conn_next(f.a);
		expect_eq(msg->reply_serial, serial);
		msg_free(msg);
	}
	fixture_stop(&f);
}

/* One client asks who owns the name while another takes and drops it without a
 * pause. Whoever follows the signals and reads the answers in order must never
 * be contradicted. */
static void follow_owner(const char *query)
{
	enum { N_QUERIES = 400 };
	struct fixture f = fixture_start();
	struct conn *third = conn_new(f.subject->address);
	char owner[64] = "";
	uint32_t last = 0;
	bool answered = true;
	int n_answers = 0, n_changes = 0;

	add_match(f.a, "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	while (n_answers < N_QUERIES) {
		struct conn *changer = n_answers % 2 ? f.b : third;
		struct msg *msg;

		conn_send(changer, msg_append(driver_msg("RequestName"), "su", NAME, 1 | 2));
		if (answered) {
			last = conn_send(f.a, msg_append(driver_msg(query), "s", NAME));
			answered = false;
		}
		conn_send(changer, msg_append(driver_msg("ReleaseName"), "s", NAME));
		conn_fill(changer, 0);
		conn_drop(changer);
		while (!answered || f.a->inbox) {
			const char *name, *old, *new;
			bool has_owner;

			msg = conn_next(f.a);
			if (msg->type == MSG_SIGNAL) {
				msg_read(msg, "sss", &name, &old, &new);
				expect_str(old, owner);
				snprintf(owner, sizeof(owner), "%s", new);
				n_changes++;
				msg_free(msg);
				continue;
			}
			expect_eq(msg->reply_serial, last);
			answered = true;
			n_answers++;
			if (!strcmp(query, "GetNameOwner")) {
				name = "";
				if (msg->type == MSG_RETURN)
					msg_read(msg, "s", &name);
				expect_str(name, owner);
			} else if (!strcmp(query, "NameHasOwner")) {
				has_owner = driver_u32_at(msg, __FILE__, __LINE__);
				expect_eq(has_owner, *owner != 0);
				continue;
			} else {
				has_owner = msg->type == MSG_RETURN;
				expect_eq(has_owner, *owner != 0);
			}
			msg_free(msg);
		}
	}
	expect_gt(n_changes, N_QUERIES / 2);
	conn_close(third);
	fixture_stop(&f);
}

TEST(get_name_owner_agrees_with_the_signals)
{
	follow_owner("GetNameOwner");
}

TEST(name_has_owner_agrees_with_the_signals)
{
	follow_owner("NameHasOwner");
}

TEST(list_queued_owners_agrees_with_the_signals)
{
	follow_owner("ListQueuedOwners");
}

TEST(credentials_agree_with_the_signals)
{
	follow_owner("GetConnectionUnixProcessID");
}

/* Two ask at once and see the changes in one order. */
TEST(everybody_sees_one_order)
{
	enum { N = 100 };
	struct fixture f = fixture_start();
	struct conn *watch[2];
	char order[2][N * 2 + 1] = {"", ""};

	for (int w = 0; w < 2; w++) {
		watch[w] = conn_new(f.subject->address);
		add_match(watch[w], "interface='a.b'");
	}
	for (int i = 0; i < N; i++) {
		conn_send(f.a, msg_signal("/", "a.b", "A"));
		conn_send(f.b, msg_signal("/", "a.b", "B"));
	}
	for (int w = 0; w < 2; w++) {
		for (int i = 0; i < N * 2; i++) {
			struct msg *msg = conn_next(watch[w]);

			order[w][i] = *msg->member;
			msg_free(msg);
		}
		conn_close(watch[w]);
	}
	expect_str(order[0], order[1]);
	fixture_stop(&f);
}

static void expect_heard(struct conn *conn, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct msg *msg = conn_next(conn);
		uint32_t value;

		expect_str(msg->member, "Heard");
		msg_read(msg, "u", &value);
		expect_eq(value, i);
		msg_free(msg);
	}
}

/* What a client does because of something that it was told comes behind that for everybody:
 * a name changes hands, the first to hear of it says so, the second says that it has heard
 * that, and the others get all of it in this order. */
TEST(what_follows_comes_after)
{
	enum { N = 50, N_CLIENTS = 4 };
	struct fixture f = fixture_start();
	struct conn *clients[N_CLIENTS];

	for (int c = 0; c < N_CLIENTS; c++) {
		clients[c] = conn_new(f.subject->address);
		add_match(clients[c], "type='signal',interface='a.b'");
		add_match(clients[c], "type='signal',member='NameOwnerChanged',arg0='" NAME "'");
	}
	for (int i = 0; i < N; i++) {
		struct conn *owner = i % 2 ? f.a : f.b;

		conn_send(owner, msg_append(driver_msg("RequestName"), "su", NAME, 1 | 2 | 4));
		for (int c = 0; c < N_CLIENTS; c++) {
			expect_next(clients[c], MSG_SIGNAL, "NameOwnerChanged");
			expect_heard(clients[c], 0, c);
			conn_send(clients[c], msg_append(msg_signal("/", "a.b", "Heard"), "u", c));
		}
		for (int c = 0; c < N_CLIENTS; c++)
			expect_heard(clients[c], c, N_CLIENTS);
	}
	for (int c = 0; c < N_CLIENTS; c++)
		conn_close(clients[c]);
	fixture_stop(&f);
}

/* The new owner does not get what was sent to the old one, nor the other way. */
TEST(calls_go_to_the_owner_of_their_moment)
{
	struct fixture f = fixture_start();
	struct conn *caller = conn_new(f.subject->address);

	for (int i = 0; i < 50; i++) {
		struct conn *owner = i % 2 ? f.a : f.b, *other = i % 2 ? f.b : f.a;

		expect_eq(request_name(owner, NAME, 1 | 2 | 4), 1);
		conn_send(caller, msg_flags(msg_append(msg_call(NAME, "/", "a.b", "C"), "u", i),
					    MSG_NO_REPLY));
		conn_sync(caller);
		msg_free(conn_find_call(owner, "C"));
		conn_sync(other);
		for (struct msg *msg = other->inbox; msg; msg = msg->next)
			expect_ne(msg->type, MSG_CALL);
		conn_drop(owner);
		conn_drop(other);
	}
	conn_close(caller);
	fixture_stop(&f);
}

/* between a lost name and a new owner the wait ends exactly once */
TEST(watching_before_asking_misses_nothing)
{
	struct fixture f = fixture_start();

	for (int i = 0; i < 50; i++) {
		struct msg *messages[] = {
			msg_flags(msg_append(driver_msg("AddMatch"), "s",
					     "member='NameOwnerChanged',arg0='" NAME "'"),
				  MSG_NO_REPLY),
			msg_append(driver_msg("GetNameOwner"), "s", NAME),
		};
		bool owned;
		struct msg *msg;

		conn_send(f.b, msg_append(driver_msg("RequestName"), "su", NAME, 0));
		send_together(f.a, messages, 2);
		msg = conn_next(f.a);
		if (msg->type == MSG_SIGNAL) {
			/* it happened between the two */
			msg_free(msg);
			msg = conn_next(f.a);
			expect_eq(msg->type, MSG_RETURN);
		}
		owned = msg->type == MSG_RETURN;
		msg_free(msg);
		conn_sync(f.b);
		if (!owned)
			expect_next(f.a, MSG_SIGNAL, "NameOwnerChanged");
		expect_quiet(f.a);
		conn_drop(f.b);
		remove_match(f.a, "member='NameOwnerChanged',arg0='" NAME "'");
		release_name(f.b, NAME);
		conn_drop(f.b);
	}
	fixture_stop(&f);
}
