/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dbus-daemon with a random policy: see reference.h
 *
 * Every client sends its messages in one go; when the bus has answered a question
 * of each sender, and after that one of each receiver, everything that was going
 * to be delivered has been.  The calls that were delivered in the first round are
 * what the replies of the second answer.
 *
 * A mandatory section at the end of every configuration keeps these questions from
 * being part of the experiment: calls of the driver's own interface, and what it
 * answers.
 */
#include "tests/policy/reference.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy-parser/policy.h"

/* the name that can be activated, and that nobody owns */
#define ORPHAN (GENERATE_N_NAMES - 1)
/* of replies to nothing */
#define FIRST_STRAY_SERIAL 0x70000000u
/* of the questions that end a round */
#define FIRST_SYNC_SERIAL 0x60000000u

static const char *const unique_names[] = {":1.0", ":1.1", ":1.2", ":1.3", ":1.4"};

static int id_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void reference_find_users(struct universe *universe)
{
	unsigned n_users = 1, n_groups = 0;
	struct passwd *pw;
	struct group *gr;

	universe->uids[0] = 0;
	while ((pw = getpwent()) && n_users < GENERATE_N_USERS)
		if (pw->pw_uid)
			universe->uids[n_users++] = pw->pw_uid;
	endpwent();
	while ((gr = getgrent()) && n_groups < GENERATE_N_GROUPS)
		if (gr->gr_gid)
			universe->gids[n_groups++] = gr->gr_gid;
	endgrent();
	if (n_users < GENERATE_N_USERS || n_groups < GENERATE_N_GROUPS)
		skip("this machine has too few users or groups");
	qsort(universe->uids, GENERATE_N_USERS, sizeof(*universe->uids), id_compare);
	universe->unique_names = unique_names;
	universe->n_unique = N_CLIENTS;
}

bool reference_seat_users(const struct universe *universe, unsigned n_users)
{
	char path[64];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") < 0)
		return false;
	expect_eq(mkdir("/run/systemd", 0755), 0);
	/* a sign that logind runs */
	expect_eq(mkdir("/run/systemd/seats", 0755), 0);
	expect_eq(mkdir("/run/systemd/users", 0755), 0);
	for (unsigned i = GENERATE_N_USERS - n_users; i < GENERATE_N_USERS; i++) {
		snprintf(path, sizeof(path), "/run/systemd/users/%u", universe->uids[i]);
		file_write(path, "STATE=active\nSEATS=seat0\nACTIVE_SEATS=seat0\n"
				 "ONLINE_SEATS=seat0\n");
	}
	return true;
}

/* CONFIGURATION */

static void write_config(struct reference *reference)
{
	FILE *file = fopen(reference->config_path, "we");
	unsigned flags = GENERATE_COMPARABLE;

	expect(file != NULL);
	if (reference->has_connect)
		flags |= GENERATE_CONNECT;
	fprintf(file,
		"<busconfig>\n<type>session</type>\n<listen>unix:path=%s</listen>\n"
		"<servicedir>%s</servicedir>\n"
		"<limit name=\"max_replies_per_connection\">100000</limit>\n",
		sandbox_path(reference->sandbox, "bus"), reference->sandbox->dir);
	if (!reference->has_connect)
		fputs("<policy context=\"default\">\n<allow user=\"*\"/>\n</policy>\n", file);
	generate_policy(&reference->random, &reference->universe, flags, file);
	fputs("<policy context=\"mandatory\">\n"
	      "<allow send_destination=\"" DRIVER_NAME "\" send_interface=\"" DRIVER_NAME
	      "\" send_type=\"method_call\"/>\n"
	      "<allow receive_sender=\"" DRIVER_NAME "\" receive_type=\"method_return\"/>\n"
	      "<allow receive_sender=\"" DRIVER_NAME "\" receive_type=\"error\"/>\n"
	      "</policy>\n</busconfig>\n",
	      file);
	expect_eq(fclose(file), 0);
	file_write(sandbox_path(reference->sandbox, "c.c.service"),
		   "[D-BUS Service]\nName=c.c\nExec=/nonexistent\n");
}

static void start(struct reference *reference)
{
	const char *const argv[] = {"dbus-daemon",	    "--nofork",
				    "--print-address=20",   "--config-file",
				    reference->config_path, NULL};
	int fds[4];
	char byte;
	struct pollfd p;

	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	fds[2] = fds[1];
	fds[3] = 20;
	unlink(sandbox_path(reference->sandbox, "bus"));
	reference->pid = sandbox_spawn(reference->sandbox, argv, &fds[2], 1);
	close(fds[1]);
	p = (struct pollfd){fds[0], POLLIN, 0};
	if (poll(&p, 1, WAIT_MS) != 1 || read(fds[0], &byte, 1) != 1)
		fail("dbus-daemon does not start");
	close(fds[0]);
	expect(asprintf(&reference->address, "unix:path=%s",
			sandbox_path(reference->sandbox, "bus")) > 0);
}

static void stop(struct reference *reference)
{
	for (unsigned i = 0; i < N_CLIENTS; i++)
		reference->parties[i].conn = conn_close(reference->parties[i].conn);
	kill(reference->pid, SIGTERM);
	sandbox_wait(reference->sandbox, reference->pid);
	free(reference->address);
}

/* CLIENTS */

static void choose_creds(struct reference *reference, struct creds *creds)
{
	struct random *random = &reference->random;

	*creds = (struct creds)CREDS_NULL;
	creds->uid = random_pick(random, reference->universe.uids);
	creds->gid = random_pick(random, reference->universe.gids);
	creds->groups = calloc(GENERATE_N_GROUPS, sizeof(*creds->groups));
	expect(creds->groups != NULL);
	/* with or without the primary one */
	for (unsigned i = 0; i < GENERATE_N_GROUPS; i++)
		if (random_percent(random, 35))
			creds->groups[creds->n_groups++] = reference->universe.gids[i];
}

/* connected as somebody else: what counts is who calls connect() */
static struct conn *connect_as(const char *address, const struct creds *creds)
{
	struct conn *conn;

	expect_eq(setgroups(creds->n_groups, creds->groups), 0);
	expect_eq(setresgid(creds->gid, creds->gid, 0), 0);
	expect_eq(setresuid(creds->uid, creds->uid, 0), 0);
	conn = conn_auth(address, true);
	expect_eq(setresuid(0, 0, 0), 0);
	expect_eq(setresgid(0, 0, 0), 0);
	return conn;
}

/* Hello; NULL: the connection was closed */
static struct conn *register_conn(struct conn *conn, const char *unique)
{
	uint32_t serial = conn_send(conn, driver_msg("Hello"));
	struct msg *msg;
	const char *name;

	while ((msg = conn_recv(conn, WAIT_MS))) {
		if (msg->reply_serial == serial) {
			expect_eq(msg->type, MSG_RETURN);
			msg_read(msg, "s", &name);
			expect_str(name, unique);
			msg_free(msg);
			return conn;
		}
		msg_free(msg);
	}
	expect(conn->eof);
	return conn_close(conn);
}

static void connect_parties(struct reference *reference)
{
	unsigned n = 0;

	for (unsigned i = 0; i < N_CLIENTS; i++) {
		struct party *party = &reference->parties[i];

		choose_creds(reference, &party->creds);
		/* numbers are given out with Hello */
		party->unique = unique_names[n];
		party->conn =
			register_conn(connect_as(reference->address, &party->creds), party->unique);
		if (party->conn)
			n++;
		else
			party->unique = NULL;
	}
}

static void note_acquired(struct party *party)
{
	struct msg *msg;

	conn_sync(party->conn);
	while ((msg = party->conn->inbox)) {
		const char *name;

		msg = conn_recv(party->conn, 0);
		if (msg->type == MSG_SIGNAL && !strcmp(msg->member, "NameAcquired")) {
			msg_read(msg, "s", &name);
			for (unsigned k = 0; k < GENERATE_N_NAMES; k++)
				if (!strcmp(name, generate_names[k]))
					party->was_told[k] = true;
		}
		msg_free(msg);
	}
}

static void request_names(struct reference *reference, struct party *party)
{
	uint32_t serials[GENERATE_N_NAMES];

	for (unsigned k = 0; k < ORPHAN; k++) {
		party->asked[k] = random_percent(&reference->random, 55);
		if (party->asked[k])
			serials[k] = conn_send(party->conn, msg_append(driver_msg("RequestName"),
								       "su", generate_names[k], 0));
	}
	for (unsigned k = 0; k < ORPHAN; k++) {
		struct msg *reply;
		uint32_t result;

		if (!party->asked[k])
			continue;
		reply = conn_reply(party->conn, serials[k]);
		if (reply->type == MSG_RETURN) {
			msg_read(reply, "u", &result);
			party->holds[k] = true;
			party->is_first[k] = result == 1;
		} else {
			expect_str(reply->error_name, DRIVER_ERROR "AccessDenied");
		}
		msg_free(reply);
	}
	note_acquired(party);
}

static void set_up_parties(struct reference *reference)
{
	for (unsigned i = 0; i < N_CLIENTS; i++)
		if (reference->parties[i].conn)
			request_names(reference, &reference->parties[i]);
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		struct party *party = &reference->parties[i];

		party->is_listening = random_percent(&reference->random, 70);
		/* dbus-daemon lets its own user alone */
		party->is_eavesdropping =
			!party->creds.uid && random_percent(&reference->random, 50);
		if (party->conn && party->is_listening)
			add_match(party->conn, "type='signal'");
		if (party->conn && party->is_eavesdropping)
			add_match(party->conn, "eavesdrop='true'");
	}
}

/* MESSAGES */

static int owner_of(const struct reference *reference, unsigned name)
{
	for (int i = 0; i < N_CLIENTS; i++)
		if (reference->parties[i].is_first[name])
			return i;
	return TO_NOBODY;
}

/* false: that one is not there */
static bool choose_receiver(struct reference *reference, struct sent *sent)
{
	struct random *random = &reference->random;
	unsigned choice = random_below(random, 100), name;

	if (sent->message.type == MSG_SIGNAL && choice < 45) {
		sent->receiver = TO_EVERYBODY;
		return true;
	}
	if (sent->message.type == MSG_CALL && choice < 4) {
		sent->receiver = TO_DRIVER;
		sent->destination = DRIVER_NAME;
		return true;
	}
	if (choice >= 98) {
		sent->receiver = TO_NOBODY;
		sent->destination = generate_names[ORPHAN];
		return true;
	}
	if (choice < 50) {
		sent->receiver = random_below(random, N_CLIENTS);
		sent->destination = reference->parties[sent->receiver].unique;
		return sent->destination;
	}
	name = random_below(random, ORPHAN);
	sent->receiver = owner_of(reference, name);
	sent->destination = generate_names[name];
	return sent->receiver != TO_NOBODY;
}

static void send_message(struct reference *reference, struct sent *sent)
{
	const struct random_message *message = &sent->message;
	struct conn *conn = reference->parties[sent->sender].conn;
	struct msg *msg = msg_new(message->type);
	/* a descriptor that is there in any case */
	int fd = 0;

	msg->path = message->path ? strdup(message->path) : NULL;
	msg->interface = message->interface ? strdup(message->interface) : NULL;
	msg->member = message->member ? strdup(message->member) : NULL;
	msg->error_name = message->error ? strdup(message->error) : NULL;
	msg->reply_serial = sent->reply_serial;
	if (sent->destination)
		msg_to(msg, sent->destination);
	if (!sent->expects_reply)
		msg_flags(msg, MSG_NO_REPLY);
	for (unsigned i = 0; i < message->n_fds; i++)
		msg_attach(msg, fd);
	sent->serial = conn_send(conn, msg);
}

/* a delivered call that waits for its reply, or has had one already */
static const struct sent *choose_call(struct reference *reference, unsigned n_calls)
{
	for (unsigned tries = 0; n_calls && tries < 20; tries++) {
		const struct sent *call =
			&reference->sent[random_below(&reference->random, n_calls)];

		if (call->receiver >= 0 && call->expects_reply &&
		    call->is_delivered[call->receiver])
			return call;
	}
	return NULL;
}

static void make_stray(struct reference *reference, struct sent *sent)
{
	struct random *random = &reference->random;

	sent->message = generate_message(random, 0);
	sent->sender = random_below(random, N_CLIENTS);
	if (sent->message.type == MSG_RETURN || sent->message.type == MSG_ERROR ||
	    random_percent(random, 8)) {
		sent->flags = POLICY_MESSAGE_REPLY;
		sent->reply_serial = FIRST_STRAY_SERIAL + reference->n_sent;
	}
}

/* the first message that answers a call uses the record up, whatever becomes of the message */
static void make_reply(struct reference *reference, struct sent *sent, struct sent *call)
{
	static const uint8_t types[] = {MSG_RETURN, MSG_RETURN, MSG_RETURN, MSG_ERROR,
					MSG_ERROR,  MSG_ERROR,	MSG_SIGNAL, MSG_CALL};

	sent->message =
		generate_message(&reference->random, random_pick(&reference->random, types));
	sent->sender = call->receiver;
	sent->receiver = call->sender;
	sent->destination = reference->parties[call->sender].unique;
	sent->reply_serial = call->serial;
	sent->flags = POLICY_MESSAGE_REPLY;
	if (!call->is_answered)
		sent->flags |= POLICY_MESSAGE_REQUESTED;
	call->is_answered = true;
}

static void send_round(struct reference *reference, unsigned n_messages, unsigned n_calls)
{
	for (unsigned i = 0; i < n_messages; i++) {
		struct sent *sent = &reference->sent[reference->n_sent];
		const struct sent *call = choose_call(reference, n_calls);

		*sent = (struct sent){.sender = 0};
		if (call && random_percent(&reference->random, 90)) {
			make_reply(reference, sent, (struct sent *)call);
		} else {
			make_stray(reference, sent);
			if (!choose_receiver(reference, sent))
				continue;
		}
		if (!reference->parties[sent->sender].conn)
			continue;
		sent->expects_reply =
			sent->message.type == MSG_CALL && random_percent(&reference->random, 80);
		send_message(reference, sent);
		reference->n_sent++;
	}
}

/* OBSERVATIONS */

static struct sent *find_sent(struct reference *reference, int sender, uint32_t serial)
{
	for (unsigned i = 0; i < reference->n_sent; i++)
		if (reference->sent[i].sender == sender && reference->sent[i].serial == serial)
			return &reference->sent[i];
	return NULL;
}

static void note_refusal(struct sent *sent, const struct msg *msg)
{
	const char *text;
	char side[16];

	if (strcmp(msg->error_name, DRIVER_ERROR "AccessDenied"))
		return;
	msg_read(msg, "s", &text);
	if (sscanf(text, "Rejected %15s message, %u matched rules", side, &sent->n_matched) != 2)
		fail("a refusal says: %s", text);
	sent->is_refused = true;
	sent->is_refused_by_receiver = !strcmp(side, "receive");
}

static void observe(struct reference *reference, int receiver)
{
	struct conn *conn = reference->parties[receiver].conn;
	struct sent *sent;

	while (conn->inbox) {
		struct msg *msg = conn_recv(conn, 0);

		if (!strcmp(msg->sender, DRIVER_NAME)) {
			/* an eavesdropper sees those of others, too */
			sent = msg->type == MSG_ERROR && msg->destination &&
					       !strcmp(msg->destination,
						       reference->parties[receiver].unique)
				       ? find_sent(reference, receiver, msg->reply_serial)
				       : NULL;
			if (sent)
				note_refusal(sent, msg);
		} else {
			for (int i = 0; i < N_CLIENTS; i++) {
				if (!reference->parties[i].unique ||
				    strcmp(msg->sender, reference->parties[i].unique))
					continue;
				sent = find_sent(reference, i, msg->serial);
				if (sent)
					sent->is_delivered[receiver] = true;
			}
		}
		msg_free(msg);
	}
}

/* conn_sync(), whose serial could be one that an eavesdropped reply answers */
static void sync_party(struct conn *conn, uint32_t serial)
{
	struct msg *msg = driver_msg("GetId");

	msg->serial = serial;
	expect_return(conn_call(conn, msg));
}

static void finish_round(struct reference *reference)
{
	for (unsigned turn = 0; turn < 2; turn++)
		for (unsigned i = 0; i < N_CLIENTS; i++)
			if (reference->parties[i].conn)
				sync_party(reference->parties[i].conn, FIRST_SYNC_SERIAL + turn);
	for (unsigned i = 0; i < N_CLIENTS; i++)
		if (reference->parties[i].conn)
			observe(reference, i);
}

void reference_run(struct reference *reference, const struct sandbox *sandbox,
		   const struct universe *universe, uint64_t seed, unsigned n_messages)
{
	*reference = (struct reference){
		.random.state = seed,
		.universe = *universe,
		.sandbox = sandbox,
	};
	snprintf(reference->config_path, sizeof(reference->config_path), "%s",
		 sandbox_path(sandbox, "bus.conf"));
	random_next(&reference->random);
	reference->has_connect = random_percent(&reference->random, 10);
	write_config(reference);
	start(reference);
	connect_parties(reference);
	set_up_parties(reference);
	send_round(reference, n_messages * 3 / 5, 0);
	finish_round(reference);
	send_round(reference, n_messages * 2 / 5, reference->n_sent);
	finish_round(reference);
	stop(reference);
}

void reference_deinit(struct reference *reference)
{
	for (unsigned i = 0; i < N_CLIENTS; i++)
		creds_deinit(&reference->parties[i].creds);
}
