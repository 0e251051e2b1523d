/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access: the policy, applied to clients and their messages
 *
 * policy-parser/ decides; here is what it decides about: who is asking, what names
 * the two sides have at this moment, whether a reply was asked for.  Whatever is
 * refused can be explained with the rule that did it.
 */
#pragma once

#include "kernel/engine/engine.h"
#include "policy-parser/policy.h"
#include "proxy/message.h"

struct client;
struct config;
struct daemon;
struct learned_users;

#define ACCESS_MAX_RULE 512

/* a state of a file */
struct access_stamp {
	uint64_t inode;
	int64_t size;
	int64_t changed_s, changed_ns;
};

/* strangers that are not looked up again, as long as they take turns */
#define ACCESS_N_STRANGERS 4

/**
 * struct access - the policy in force, and its last refusal
 * @policy: compiled from the configuration
 * @users: what names of users and groups mean
 * @passwd, @group: the files that @users was read from
 * @sending: the message that is just being sent, so that a broadcast is described once
 * @facts: of @sending
 * @strangers: the rules for some strangers, and who they are: uid, gid and groups
 * @last_stranger: the one who was looked for last
 * @verdict: of the last refusal
 * @is_receive: it was the receiver's rules that refused
 * @has_receiver: it would have reached somebody other than the driver
 * @receiver: whose uid and pid these are
 */
struct access {
	struct policy *policy;
	struct policy_users *users;
	struct access_stamp passwd, group;
	const struct message *sending;
	struct policy_message facts;
	struct access_stranger {
		struct policy_identity *identity;
		struct creds creds;
	} strangers[ACCESS_N_STRANGERS];
	unsigned last_stranger;
	struct policy_verdict verdict;
	bool is_receive;
	bool has_receiver;
	struct creds receiver;
};

/**
 * access_load() - make the policy of a configuration
 * @learned: users beside those of the files
 * @access: @policy and @users are written on success; the old ones are released
 *
 * Return: 0 or a negative errno; then nothing has changed.
 */
int access_load(struct access *access, const struct config *config,
		const struct learned_users *learned);
void access_deinit(struct access *access); /* idempotent */

/* has @client's creds tell the groups, if the policy asks for any; 0 or -ENOMEM */
int access_need_groups(const struct access *access, struct client *client);

/* what applies to @client from now on; 0 or -ENOMEM: what applied before still does */
int access_identify(struct access *access, struct client *client);

/**
 * access_reload() - put the policy of another configuration in force
 *
 * For all clients at once, or, on failure, for none.
 *
 * Return: 0 or a negative errno.
 */
int access_reload(struct daemon *daemon, const struct config *config);

/**
 * access_learn() - make sure that the rules for a peer apply
 *
 * Where the policy has names that do not exist, and the user or a group of the peer is
 * unknown, it may have been made since: the files are read again if they have
 * changed, and the policy is put in force anew for everybody.
 *
 * Return: 0 or a negative errno: rules that deny may be missing.
 */
int access_learn(struct daemon *daemon, struct client *client);

/* may a peer that has authenticated stay?  If not, @rule_out is as access_print_rule() has it,
 * or "" where it is no matter of rules */
bool access_may_connect(const struct daemon *daemon, const struct client *client,
			char rule_out[ACCESS_MAX_RULE]);

/**
 * access_may_deliver() - may @message go from @src to @dst?
 * @flags: POLICY_MESSAGE_REQUESTED: it answers a call that is pending
 *
 * The sender's rules, then the receiver's.
 *
 * Return: 0, or -EACCES, and access_explain() knows why.
 */
int access_may_deliver(struct daemon *daemon, struct client *src, struct client *dst,
		       const struct message *message, unsigned flags);

/**
 * access_may_wait() - may @message wait for whoever will own its destination?
 *
 * The sender's rules, for an owner who has that name and no other.
 *
 * Return: 0, or -EACCES, and access_explain() knows why.
 */
int access_may_wait(struct daemon *daemon, struct client *src, const struct message *message);

/**
 * access_may_receive() - may @message, of a connection of another process, reach @dst?
 * @received: the same message; who sent it is in there
 * @flags: as above
 *
 * Nobody has applied the sender's rules: both sides' are, here.
 *
 * Return: 0, -EACCES, or -ENOMEM.
 */
int access_may_receive(struct daemon *daemon, const struct engine_received *received,
		       struct client *dst, const struct message *message, unsigned flags);
/* either of the two: may @dst have what it has received, whoever sent it?  For an engine that did
 * not ask. */
int access_may_take(struct daemon *daemon, const struct engine_received *received,
		    struct client *dst, const struct message *message);
/* the other way round: may @message go from @src to a connection of another process? */
int access_may_send(struct daemon *daemon, struct client *src, const struct engine_stranger *dst,
		    const struct message *message, unsigned flags);
/* from one connection of another process to another */
int access_may_relay(struct daemon *daemon, const struct engine_received *received,
		     const struct engine_stranger *dst, const struct message *message,
		     unsigned flags);
/* access_may_wait() for @message of a connection of another process */
int access_may_await(struct daemon *daemon, const struct engine_received *received,
		     const struct message *message);

/* may @client say this to the driver?  0 or -EACCES */
int access_may_call_driver(struct daemon *daemon, struct client *client,
			   const struct message *message);

/* may @client hear this from the driver?  Not while another message is being sent. */
bool access_may_hear_driver(struct daemon *daemon, struct client *client,
			    const struct message *message);

/* forgets what it knows of the message that was being sent */
void access_end_message(struct access *access);

/* " rule=FILE:LINE" of the rule that decided */
void access_print_rule(const struct daemon *daemon, const struct policy_verdict *verdict,
		       char *text, size_t size);

#define ACCESS_MAX_PEER 96

/* " (uid=0 pid=1 comm="...")"; "" for NULL, who is not known */
void access_print_peer(const struct client *client, char text[ACCESS_MAX_PEER]);

#define ACCESS_MAX_TEXT 2048

/**
 * access_explain() - the text of the last refusal
 * @src: who sent the message; NULL: the driver
 * @with_rule: name the file and line of the rule as well
 *
 * In the words of dbus-daemon, which people and tools know.
 */
void access_explain(const struct daemon *daemon, const struct client *src,
		    const struct message *message, bool with_rule, char text[ACCESS_MAX_TEXT]);
/* the same of what was received, of a client of ours or of another process */
void access_explain_received(const struct daemon *daemon, const struct engine_received *received,
			     const struct message *message, bool with_rule,
			     char text[ACCESS_MAX_TEXT]);
