/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: who may connect, own a name, send and receive
 *
 * The rules of a configuration, resolved against the user database and indexed,
 * as facts in, verdict out: no I/O, no allocation per verdict, nothing known of
 * a bus.
 *
 *	struct policy          the rules of one configuration, compiled
 *	struct policy_identity what applies to one kind of peer: shared, counted
 *	struct policy_message  the facts of a message
 *	struct policy_peer     the names of the other side
 *	struct policy_verdict  yes or no, and by which rule
 *
 * The last rule that matches decides, over the sequence default, groups (by
 * ascending gid), user, console, mandatory; without a match the answer is no.
 * Where dbus-daemon differs from what is documented by accident (it forgets the
 * rules in front of one that only looks unconditional), what is documented holds.
 *
 * Not subject to any rule, so not to be asked here: Hello, calls without
 * destination, and the sending side of messages from the driver.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy-parser/rule.h"
#include "proxy/base/cleanup.h"

struct creds;
struct policy;
struct policy_identity;
struct policy_users;

/* no rule matched */
#define POLICY_RULE_NONE UINT32_MAX

/**
 * struct policy_verdict - a decision
 * @is_allowed: the decision
 * @log: the rule that decided has log="true": an allowed message is to be logged
 *	as one that would be rejected
 * @rule: index of the rule that decided, see policy_rule_place(), or POLICY_RULE_NONE
 * @n_matched: of a message that is refused, or allowed and to be logged: number of
 *	rules that matched ("N matched rules" of the text about it), not counting
 *	those in front of an unconditional one; else 0
 */
struct policy_verdict {
	bool is_allowed;
	bool log;
	uint32_t rule;
	uint32_t n_matched;
};

/* REPLY_SERIAL is present */
#define POLICY_MESSAGE_REPLY (1u << 0)
/* this reply was asked for: the pending record (caller = receiver, callee = sender,
 * serial) existed.  Replies of the driver were; eavesdropped copies never were */
#define POLICY_MESSAGE_REQUESTED (1u << 1)
/* the receiver is not the addressee, and there is one */
#define POLICY_MESSAGE_EAVESDROPPED (1u << 2)

/**
 * struct policy_message - the facts of a message
 * @type: of the wire, 1 to 4
 * @flags: POLICY_MESSAGE_*; may change from one receiver to the next
 * @n_fds: attached descriptors
 * @path, @interface, @member, @error: header fields, NULL when absent
 * @destination: header field, NULL when absent
 * @private: zero before the first question; the other members but @flags stay as
 *	they are then, and the policies that were asked must not be gone
 */
struct policy_message {
	uint8_t type;
	unsigned flags;
	uint32_t n_fds;
	const char *path;
	const char *interface;
	const char *member;
	const char *error;
	const char *destination;
	struct {
		const struct policy *policy;
		uint32_t path;
		uint32_t interface;
		uint32_t member;
		uint32_t error;
	} private;
};

/**
 * struct policy_peer - the other side of a message, by its names
 * @unique_name: NULL: not a connection, see below
 * @next_name: the names it owns and those it is queued for, in any order, one per
 *	call: *position is NULL at first and @next_name's own from then on; NULL
 *	ends it.  NULL: it has none
 * @userdata: for @next_name
 * @header_name: if there is no @unique_name: the destination (or, of a received
 *	message, the sender) in the header.  So for the driver, for a name that
 *	has yet to be activated, and for nobody
 */
struct policy_peer {
	const char *unique_name;
	const char *(*next_name)(void *userdata, void **position);
	void *userdata;
	const char *header_name;
};

/* COMPILED POLICY */

/**
 * policy_new() - compile rules
 * @rules: borrowed, with all their strings, until the policy is gone
 * @users: resolves the names of users and groups; a reference is taken
 * @first_console_uid: uids from here on count as at the console, those below
 *	do not; UINT32_MAX: nobody is
 * @policy_out: a reference
 *
 * Sections for names that @users does not know do not apply (policy_next_unresolved());
 * numbers are taken as they are.
 *
 * Return: 0 or -ENOMEM.
 */
int policy_new(const struct policy_rules *rules, struct policy_users *users,
	       uint32_t first_console_uid, struct policy **policy_out);
struct policy *policy_ref(struct policy *policy);
/* identities hold one, too; NULL is fine */
struct policy *policy_unref(struct policy *policy);
DEFINE_CLEANUP(struct policy *, policy_unref);

/* the rules it was made of */
const struct policy_rules *policy_get_rules(const struct policy *policy);

/**
 * policy_rule_place() - where a rule was written
 * @rule: index, of a verdict
 * @line_out: may be NULL
 *
 * Return: the file, or NULL for POLICY_RULE_NONE.
 */
const char *policy_rule_place(const struct policy *policy, uint32_t rule, unsigned *line_out);

/**
 * policy_next_unresolved() - names of users and groups that are not known
 * @position: 0 at first
 * @is_group_out: what the name is of
 *
 * A policy that has any should be compiled again when users change, before a
 * client with an unknown uid is let in.
 *
 * Return: a name, perhaps not for the first time, or NULL at the end.
 */
const char *policy_next_unresolved(const struct policy *policy, size_t *position,
				   bool *is_group_out);
/* whether there are any */
bool policy_has_unresolved(const struct policy *policy);

/* whether it may matter for policy_may_connect() and policy_identity_get() in which groups a peer
 * is beside its primary one; else its creds need not tell */
bool policy_asks_groups(const struct policy *policy);

/* IDENTITIES */

/**
 * policy_identity_get() - what applies to a peer
 * @creds: uid CREDS_UNKNOWN (anonymous): default and mandatory sections alone;
 *	the groups need not be sorted
 * @identity_out: a reference; peers to which the same sections apply share it
 *
 * Return: 0 or -ENOMEM.
 */
int policy_identity_get(struct policy *policy, const struct creds *creds,
			struct policy_identity **identity_out);
struct policy_identity *policy_identity_ref(struct policy_identity *identity);
/* NULL is fine */
struct policy_identity *policy_identity_unref(struct policy_identity *identity);
DEFINE_CLEANUP(struct policy_identity *, policy_identity_unref);

/* QUESTIONS: @verdict_out may be NULL; each returns the is_allowed of the verdict */

/**
 * policy_may_connect() - whether a peer with a uid may stay
 * @creds: the groups count only if the user database does not know the uid
 * @owner_uid: of the bus; allowed where no rule says otherwise
 *
 * Anonymous peers are refused: whether they may connect is no matter of rules.
 */
bool policy_may_connect(const struct policy *policy, const struct creds *creds, uint32_t owner_uid,
			struct policy_verdict *verdict_out);

/* whether @name may be owned, or waited for in its queue */
bool policy_may_own(const struct policy_identity *identity, const char *name,
		    struct policy_verdict *verdict_out);

/**
 * policy_may_send() - by the sender's rules
 * @sender: of the sender
 * @message: POLICY_MESSAGE_EAVESDROPPED makes no difference
 * @receiver: whom this copy would reach: of a broadcast, each receiver is a question
 */
bool policy_may_send(const struct policy_identity *sender, struct policy_message *message,
		     const struct policy_peer *receiver, struct policy_verdict *verdict_out);

/**
 * policy_may_receive() - by the receiver's rules
 * @receiver: of the receiver
 * @sender: who sent it; of the driver, @header_name is what it signs with
 */
bool policy_may_receive(const struct policy_identity *receiver, struct policy_message *message,
			const struct policy_peer *sender, struct policy_verdict *verdict_out);

/**
 * policy_allows_all() - is the question answered by who is asked about?
 * @kind: POLICY_RULE_SEND or POLICY_RULE_RECEIVE
 *
 * Whatever the message and whoever the other side, it is allowed, and is not to be logged: so
 * nothing needs to be described.  On most session buses, whose rules are few, that is so.
 */
bool policy_allows_all(const struct policy_identity *identity, enum policy_rule_kind kind);
