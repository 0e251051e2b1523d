/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access: see access.h. */
#include "proxy/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "policy-parser/policy-users.h"
#include "proxy/daemon.h"

#define SYSTEM_UID_MAX 999 /* Debian's; who is above counts as at the console */

#define PASSWD_PATH "/etc/passwd"
#define GROUP_PATH  "/etc/group"

/* users */

/* how a file looks that may be replaced or written to; what is missing has no inode */
static struct access_stamp stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct access_stamp){0};
	return (struct access_stamp){
		.inode = st.st_ino,
		.size = st.st_size,
		.changed_s = st.st_ctim.tv_sec,
		.changed_ns = st.st_ctim.tv_nsec,
	};
}

static bool is_stamp_equal(const struct access_stamp *a, const struct access_stamp *b)
{
	return a->inode == b->inode && a->size == b->size && a->changed_s == b->changed_s &&
	       a->changed_ns == b->changed_ns;
}

static bool access_has_new_files(const struct access *access)
{
	struct access_stamp passwd = stamp_of(PASSWD_PATH), group = stamp_of(GROUP_PATH);

	return !is_stamp_equal(&passwd, &access->passwd) || !is_stamp_equal(&group, &access->group);
}

/* whether the table knows the user and all the groups of a peer */
static bool access_knows(const struct access *access, const struct creds *creds)
{
	if (!policy_users_get_user_name(access->users, creds->uid) ||
	    !policy_users_get_group_name(access->users, creds->gid))
		return false;
	for (size_t i = 0; i < creds->n_groups; i++)
		if (!policy_users_get_group_name(access->users, creds->groups[i]))
			return false;
	return true;
}

/* the policy */

int access_load(struct access *access, const struct config *config,
		const struct learned_users *learned)
{
	__cleanup(policy_users_unrefp) struct policy_users *users = NULL;
	/* looked at before they are read: what changes in between is read once more */
	struct access_stamp passwd = stamp_of(PASSWD_PATH), group = stamp_of(GROUP_PATH);
	struct policy *policy;
	int r;

	r = policy_users_new(&users);
	if (!r)
		r = policy_users_load(users, PASSWD_PATH, GROUP_PATH);
	if (!r)
		r = learned_users_add(learned, users);
	if (!r)
		r = policy_new(&config->policy, users, SYSTEM_UID_MAX + 1, &policy);
	if (r < 0)
		return r;
	access_deinit(access);
	access->policy = policy;
	access->users = steal(users);
	access->passwd = passwd;
	access->group = group;
	return 0;
}

static void stranger_forget(struct access_stranger *stranger)
{
	stranger->identity = policy_identity_unref(stranger->identity);
	free(stranger->creds.groups);
	stranger->creds = (struct creds)CREDS_NULL;
}

void access_deinit(struct access *access)
{
	for (unsigned i = 0; i < ACCESS_N_STRANGERS; i++)
		stranger_forget(&access->strangers[i]);
	access->policy = policy_unref(access->policy);
	access->users = policy_users_unref(access->users);
	access_end_message(access);
}

int access_need_groups(const struct access *access, struct client *client)
{
	return policy_asks_groups(access->policy) ? client_complete_creds(client) : 0;
}

int access_identify(struct access *access, struct client *client)
{
	struct policy_identity *identity;
	int r;

	r = access_need_groups(access, client);
	r = r ?: policy_identity_get(access->policy, &client->creds, &identity);
	if (r < 0)
		return r;
	policy_identity_unref(client->identity);
	client->identity = identity;
	return 0;
}

/* makes what will apply to each client; on failure there may be some */
static int access_prepare(const struct access *next, struct list_head *clients)
{
	struct client *client;
	int r = 0;

	list_for_each_entry(client, clients, link) {
		if (!client->identity)
			continue;
		r = access_need_groups(next, client);
		r = r ?: policy_identity_get(next->policy, &client->creds, &client->next_identity);
		if (r < 0)
			break;
	}
	return r;
}

/* what was made applies; or, on failure, does not */
static void access_commit(struct list_head *clients, bool applies)
{
	struct client *client;

	list_for_each_entry(client, clients, link) {
		if (applies && client->next_identity) {
			policy_identity_unref(client->identity);
			client->identity = steal(client->next_identity);
		}
		client->next_identity = policy_identity_unref(client->next_identity);
	}
}

int access_reload(struct daemon *daemon, const struct config *config)
{
	struct access next = {0};
	int r;

	r = access_load(&next, config, &daemon->learned_users);
	if (!r)
		r = access_prepare(&next, &daemon->clients);
	if (!r)
		r = access_prepare(&next, &daemon->desk.list);
	if (!r)
		r = access_prepare(&next, &daemon->desk.gone);
	/* behind it nothing can fail; on a bus that was joined its owner does it */
	if (!r && !daemon->is_joined)
		r = holders_load(daemon->holders, next.policy, daemon->owner_uid,
				 &daemon->activation.held);
	access_commit(&daemon->clients, !r);
	access_commit(&daemon->desk.list, !r);
	access_commit(&daemon->desk.gone, !r);
	if (r < 0) {
		access_deinit(&next);
		return r;
	}
	access_deinit(&daemon->access);
	daemon->access = next;
	return 0;
}

int access_learn(struct daemon *daemon, struct client *client)
{
	const struct access *access = &daemon->access;
	int r;

	if (client->is_anonymous || !policy_has_unresolved(access->policy))
		return 0;
	r = client_complete_creds(client);
	if (r < 0)
		return r;
	if (access_knows(access, &client->creds) || !access_has_new_files(access))
		return 0;
	return access_reload(daemon, daemon->config);
}

bool access_may_connect(const struct daemon *daemon, const struct client *client,
			char rule_out[ACCESS_MAX_RULE])
{
	struct policy_verdict verdict;

	*rule_out = '\0';
	if (client->is_anonymous)
		return daemon->config->allow_anonymous;
	if (policy_may_connect(daemon->access.policy, &client->creds, daemon->owner_uid, &verdict))
		return true;
	access_print_rule(daemon, &verdict, rule_out, ACCESS_MAX_RULE);
	return false;
}

/* facts */

static const char *access_next_name(void *userdata, void **position)
{
	bool is_queued;

	return engine_conn_next_name(userdata, position, &is_queued);
}

static struct policy_peer access_peer(const struct client *client)
{
	return (struct policy_peer){
		.unique_name = client->unique_name,
		.next_name = client->caller.conn ? access_next_name : NULL,
		.userdata = client->caller.conn,
	};
}

static const struct policy_peer access_driver = {.header_name = DRIVER_NAME};

static void access_describe(struct policy_message *facts, const struct message *message)
{
	*facts = (struct policy_message){
		.type = message->header.type,
		.flags = message->header.reply_serial ? POLICY_MESSAGE_REPLY : 0,
		.n_fds = message->header.n_fds,
		.path = message_path(message),
		.interface = message_interface(message),
		.member = message_member(message),
		.error = message_error_name(message),
		.destination = message_destination(message),
	};
}

/* a broadcast asks once for each receiver: it is described once */
static struct policy_message *access_facts(struct access *access, const struct message *message)
{
	if (access->sending != message) {
		access_describe(&access->facts, message);
		access->sending = message;
	}
	return &access->facts;
}

void access_end_message(struct access *access)
{
	access->sending = NULL;
}

/* explaining */

/* " (uid=0 pid=1 comm="...")" */
static void print_creds(FILE *stream, const struct creds *creds)
{
	char comm[CREDS_MAX_COMM];

	if (!creds) {
		fputs(" (bus)", stream);
		return;
	}
	creds_read_comm(creds, comm);
	fprintf(stream, " (");
	if (creds->uid != CREDS_UNKNOWN)
		fprintf(stream, "uid=%u ", creds->uid);
	fprintf(stream, "pid=%d comm=\"%s\")", (int)creds->pid, comm);
}

void access_print_peer(const struct client *client, char text[ACCESS_MAX_PEER])
{
	FILE *stream;

	*text = '\0';
	stream = client ? fmemopen(text, ACCESS_MAX_PEER, "w") : NULL;
	if (!stream)
		return;
	print_creds(stream, &client->creds);
	fclose(stream);
}

void access_print_rule(const struct daemon *daemon, const struct policy_verdict *verdict,
		       char *text, size_t size)
{
	unsigned line;
	const char *file = policy_rule_place(daemon->access.policy, verdict->rule, &line);

	if (file)
		snprintf(text, size, " rule=\"%s:%u\"", file, line);
	else
		snprintf(text, size, " rule=\"(none)\"");
}

static const char *or_unset(const char *text)
{
	return text ?: "(unset)";
}

/* the last decision, which was to do @what */
static void access_print(const struct daemon *daemon, const char *what, const char *sender,
			 const struct creds *creds, const struct message *message, bool with_rule,
			 char text[ACCESS_MAX_TEXT])
{
	static const char *const types[] = {"invalid", "method_call", "method_return", "error",
					    "signal"};
	const struct access *access = &daemon->access;
	uint8_t type = message->header.type;
	char rule[ACCESS_MAX_RULE];
	FILE *stream;

	*text = '\0';
	stream = fmemopen(text, ACCESS_MAX_TEXT, "w");
	if (!stream)
		return;
	fprintf(stream, "%s message, %u matched rules; type=\"%s\", sender=\"%s\"", what,
		access->verdict.n_matched, types[type <= WIRE_SIGNAL ? type : 0], or_unset(sender));
	print_creds(stream, creds);
	fprintf(stream, " interface=\"%s\" member=\"%s\" error name=\"%s\" requested_reply=\"%d\"",
		or_unset(message_interface(message)), or_unset(message_member(message)),
		or_unset(message_error_name(message)),
		!!(access->facts.flags & POLICY_MESSAGE_REQUESTED));
	fprintf(stream, " destination=\"%s\"", or_unset(message_destination(message)));
	print_creds(stream, access->has_receiver ? &access->receiver : NULL);
	if (with_rule) {
		access_print_rule(daemon, &access->verdict, rule, sizeof(rule));
		fputs(rule, stream);
	}
	fclose(stream);
	text[ACCESS_MAX_TEXT - 1] = '\0';
	/* of the rest only a path can be other than ASCII, or be cut */
	if (!wire_utf8_is_valid(text, strlen(text)))
		for (char *c = text; *c; c++)
			if (*c < ' ' || *c > '~')
				*c = '?';
}

void access_explain(const struct daemon *daemon, const struct client *src,
		    const struct message *message, bool with_rule, char text[ACCESS_MAX_TEXT])
{
	access_print(daemon, daemon->access.is_receive ? "Rejected receive" : "Rejected send",
		     src ? src->unique_name : NULL, src ? &src->creds : NULL, message, with_rule,
		     text);
}

void access_explain_received(const struct daemon *daemon, const struct engine_received *received,
			     const struct message *message, bool with_rule,
			     char text[ACCESS_MAX_TEXT])
{
	static const struct creds unknown = CREDS_NULL;
	struct engine_conn *conn = engine_find_conn(daemon->engine, received->src_id);
	char sender[UNIQUE_NAME_SIZE];

	if (conn) {
		access_explain(daemon, engine_conn_userdata(conn), message, with_rule, text);
		return;
	}
	unique_name_format(received->src_id, daemon->id_offset, sender);
	access_print(daemon, daemon->access.is_receive ? "Rejected receive" : "Rejected send",
		     sender, received->src_creds ?: &unknown, message, with_rule, text);
}

/* questions */

/* one side of a message */
struct access_side {
	const struct policy_identity *identity;
	struct policy_peer peer;
	const struct creds *creds;
};

static struct access_side access_client_side(const struct client *client)
{
	return (struct access_side){
		.identity = client->identity,
		.peer = access_peer(client),
		.creds = &client->creds,
	};
}

static int access_refused(struct access *access, const struct policy_verdict *verdict,
			  bool is_receive, const struct creds *receiver)
{
	access->verdict = *verdict;
	access->is_receive = is_receive;
	access->has_receiver = receiver;
	/* by the time that somebody asks it may have gone: all that is told of it is kept */
	access->receiver = (struct creds)CREDS_NULL;
	if (receiver) {
		access->receiver.uid = receiver->uid;
		access->receiver.pid = receiver->pid;
	}
	return -EACCES;
}

/* allowed, by a rule with log="true" */
static void access_log_allowed(struct daemon *daemon, const struct policy_verdict *verdict,
			       const struct access_side *src, const struct creds *dst,
			       const struct message *message)
{
	char text[ACCESS_MAX_TEXT];

	if (!log_limit_pass(&daemon->log_denied))
		return;
	access_refused(&daemon->access, verdict, false, dst);
	access_print(daemon, "Would reject", src->peer.unique_name, src->creds, message, true,
		     text);
	log_notice("%s", text);
}

/* the sender's rules, then the receiver's */
static int access_may_pass(struct daemon *daemon, const struct access_side *src,
			   const struct access_side *dst, const struct message *message,
			   unsigned flags)
{
	struct access *access = &daemon->access;
	struct policy_message *facts = access_facts(access, message);
	struct policy_verdict verdict;

	facts->flags = (facts->flags & POLICY_MESSAGE_REPLY) | flags;
	if (!policy_may_send(src->identity, facts, &dst->peer, &verdict))
		return access_refused(access, &verdict, false, dst->creds);
	if (verdict.log)
		access_log_allowed(daemon, &verdict, src, dst->creds, message);
	if (!policy_may_receive(dst->identity, facts, &src->peer, &verdict))
		return access_refused(access, &verdict, true, dst->creds);
	return 0;
}

int access_may_deliver(struct daemon *daemon, struct client *src, struct client *dst,
		       const struct message *message, unsigned flags)
{
	struct access_side sender, receiver;

	/* most of a message's way into a queue would else be this question */
	if (policy_allows_all(src->identity, POLICY_RULE_SEND) &&
	    policy_allows_all(dst->identity, POLICY_RULE_RECEIVE))
		return 0;
	sender = access_client_side(src);
	receiver = access_client_side(dst);
	return access_may_pass(daemon, &sender, &receiver, message, flags);
}

/* for whoever will own the destination */
static int access_side_may_wait(struct daemon *daemon, const struct access_side *src,
				const struct message *message)
{
	struct access *access = &daemon->access;
	struct policy_message *facts = access_facts(access, message);
	struct policy_peer receiver = {.header_name = message_destination(message)};
	struct policy_verdict verdict;

	facts->flags &= POLICY_MESSAGE_REPLY;
	if (!policy_may_send(src->identity, facts, &receiver, &verdict))
		return access_refused(access, &verdict, false, NULL);
	if (verdict.log)
		access_log_allowed(daemon, &verdict, src, NULL, message);
	return 0;
}

int access_may_wait(struct daemon *daemon, struct client *src, const struct message *message)
{
	struct access_side sender = access_client_side(src);

	return access_side_may_wait(daemon, &sender, message);
}

/* strangers */

static bool is_same_peer(const struct creds *a, const struct creds *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->n_groups == b->n_groups &&
	       (!a->n_groups || !memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)));
}

/* the rules for a stranger, good until the next but one is looked for */
static int access_identify_stranger(struct access *access, const struct creds *creds,
				    const struct policy_identity **identity_out)
{
	struct access_stranger *stranger;
	struct policy_identity *identity;
	uint32_t *groups;
	unsigned i;
	int r;

	for (i = 0; i < ACCESS_N_STRANGERS; i++) {
		stranger = &access->strangers[i];
		if (!stranger->identity || !is_same_peer(&stranger->creds, creds))
			continue;
		access->last_stranger = i;
		*identity_out = stranger->identity;
		return 0;
	}
	r = policy_identity_get(access->policy, creds, &identity);
	if (r < 0)
		return r;
	groups = malloc((creds->n_groups + 1) * sizeof(*groups));
	if (!groups) {
		policy_identity_unref(identity);
		return -ENOMEM;
	}
	if (creds->n_groups)
		memcpy(groups, creds->groups, creds->n_groups * sizeof(*groups));
	access->last_stranger = (access->last_stranger + 1) % ACCESS_N_STRANGERS;
	stranger = &access->strangers[access->last_stranger];
	stranger_forget(stranger);
	*stranger = (struct access_stranger){
		.identity = identity,
		.creds =
			{
				.uid = creds->uid,
				.gid = creds->gid,
				.n_groups = creds->n_groups,
				.groups = groups,
			},
	};
	*identity_out = identity;
	return 0;
}

static const char *access_next_listed_name(void *userdata, void **position)
{
	const char *name = *position;

	name = name ? name + strlen(name) + 1 : userdata;
	if (!*name)
		return NULL;
	*position = (void *)name;
	return name;
}

/* those that it waits for as well */
static const char *access_next_peer_name(void *userdata, void **position)
{
	bool is_queued;

	return engine_peer_next_name(userdata, position, &is_queued);
}

/* the names of a stranger: as the engine has them, or as the message came with them */
static struct policy_peer access_stranger_peer(struct daemon *daemon, uint64_t id,
					       const char *names, const char *unique_name)
{
	const struct engine_peer *peer = engine_find_peer(daemon->engine, id, NULL);

	if (peer)
		return (struct policy_peer){.unique_name = unique_name,
					    .next_name = access_next_peer_name,
					    .userdata = (void *)peer};
	return (struct policy_peer){.unique_name = unique_name,
				    .next_name = names ? access_next_listed_name : NULL,
				    .userdata = (void *)names};
}

/* @name has room for the unique name, which @side_out borrows, as it does the rest */
static int access_stranger_side(struct daemon *daemon, uint64_t id, const struct creds *creds,
				const char *names, char name[UNIQUE_NAME_SIZE],
				struct access_side *side_out)
{
	const struct policy_identity *identity;
	int r;

	r = access_identify_stranger(&daemon->access, creds, &identity);
	if (r < 0)
		return r;
	unique_name_format(id, daemon->id_offset, name);
	*side_out = (struct access_side){
		.identity = identity,
		.peer = access_stranger_peer(daemon, id, names, name),
		.creds = creds,
	};
	return 0;
}

/* of whom the bus knows nothing, nothing is known that would allow it */
static int access_refuse_unknown(struct access *access, const struct creds *receiver)
{
	const struct policy_verdict none = {.rule = POLICY_RULE_NONE};

	return access_refused(access, &none, false, receiver);
}

static int access_sender_side(struct daemon *daemon, const struct engine_received *received,
			      const struct creds *receiver, char name[UNIQUE_NAME_SIZE],
			      struct access_side *side_out)
{
	if (!received->src_creds)
		return access_refuse_unknown(&daemon->access, receiver);
	return access_stranger_side(daemon, received->src_id, received->src_creds,
				    received->src_names, name, side_out);
}

int access_may_receive(struct daemon *daemon, const struct engine_received *received,
		       struct client *dst, const struct message *message, unsigned flags)
{
	struct access_side sender, receiver = access_client_side(dst);
	struct policy_message *facts;
	char name[UNIQUE_NAME_SIZE];
	int r;

	r = access_sender_side(daemon, received, &dst->creds, name, &sender);
	if (r < 0)
		return r;
	/* where it goes is what the engine says, if its header says nothing */
	facts = access_facts(&daemon->access, message);
	if (received->dst_id != KDBUS_DST_ID_BROADCAST && !facts->destination)
		facts->destination = dst->unique_name;
	return access_may_pass(daemon, &sender, &receiver, message, flags);
}

int access_may_take(struct daemon *daemon, const struct engine_received *received,
		    struct client *dst, const struct message *message)
{
	struct engine_conn *src = engine_find_conn(daemon->engine, received->src_id);
	unsigned flags = received->cookie_reply ? POLICY_MESSAGE_REQUESTED : 0;
	int r;

	/* who is gone by now is a stranger as well */
	if (src)
		r = access_may_deliver(daemon, engine_conn_userdata(src), dst, message, flags);
	else
		r = access_may_receive(daemon, received, dst, message, flags);
	return r;
}

int access_may_send(struct daemon *daemon, struct client *src, const struct engine_stranger *dst,
		    const struct message *message, unsigned flags)
{
	struct access_side sender = access_client_side(src), receiver;
	char name[UNIQUE_NAME_SIZE];
	int r;

	if (dst->creds->uid == CREDS_UNKNOWN && !dst->creds->n_groups)
		return access_refuse_unknown(&daemon->access, dst->creds);
	r = access_stranger_side(daemon, dst->id, dst->creds, dst->names, name, &receiver);
	if (r < 0)
		return r;
	return access_may_pass(daemon, &sender, &receiver, message, flags);
}

int access_may_relay(struct daemon *daemon, const struct engine_received *received,
		     const struct engine_stranger *dst, const struct message *message,
		     unsigned flags)
{
	char sender_name[UNIQUE_NAME_SIZE], receiver_name[UNIQUE_NAME_SIZE];
	struct access_side sender, receiver;
	struct policy_message *facts;
	int r;

	if (dst->creds->uid == CREDS_UNKNOWN && !dst->creds->n_groups)
		return access_refuse_unknown(&daemon->access, dst->creds);
	r = access_sender_side(daemon, received, dst->creds, sender_name, &sender);
	if (!r)
		r = access_stranger_side(daemon, dst->id, dst->creds, dst->names, receiver_name,
					 &receiver);
	if (r < 0)
		return r;
	/* as in access_may_receive() */
	facts = access_facts(&daemon->access, message);
	if (!facts->destination)
		facts->destination = receiver_name;
	r = access_may_pass(daemon, &sender, &receiver, message, flags);
	if (facts->destination == receiver_name)
		access_end_message(&daemon->access);
	return r;
}

int access_may_await(struct daemon *daemon, const struct engine_received *received,
		     const struct message *message)
{
	struct access_side sender;
	char name[UNIQUE_NAME_SIZE];
	int r;

	r = access_sender_side(daemon, received, NULL, name, &sender);
	if (r < 0)
		return r;
	return access_side_may_wait(daemon, &sender, message);
}

/* the driver */

int access_may_call_driver(struct daemon *daemon, struct client *client,
			   const struct message *message)
{
	struct access_side side = access_client_side(client);
	struct access *access = &daemon->access;
	struct policy_verdict verdict;
	int r = 0;

	/* before Hello there is no policy */
	if (!client->identity)
		return 0;
	if (!policy_may_send(client->identity, access_facts(access, message), &access_driver,
			     &verdict))
		r = access_refused(access, &verdict, false, NULL);
	else if (verdict.log)
		access_log_allowed(daemon, &verdict, &side, NULL, message);
	access_end_message(access);
	return r;
}

bool access_may_hear_driver(struct daemon *daemon, struct client *client,
			    const struct message *message)
{
	struct policy_message *facts = &daemon->access.facts;
	struct policy_verdict verdict;

	/* what has no sender answers a call without destination: a matter of the connection */
	if (!client->identity || !message->header.sender.at)
		return true;
	access_describe(facts, message);
	if (facts->flags & POLICY_MESSAGE_REPLY)
		facts->flags |= POLICY_MESSAGE_REQUESTED;
	if (policy_may_receive(client->identity, facts, &access_driver, &verdict))
		return true;
	access_refused(&daemon->access, &verdict, true, &client->creds);
	return false;
}
