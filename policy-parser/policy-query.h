/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policy: a question in words
 *
 * What bus-policy-check(1) takes on its command line, as facts for policy.h:
 *
 *	connect user=avahi
 *	own user=avahi name=org.freedesktop.Avahi
 *	message sender-user=bob sender-groups=netdev receiver-user=avahi
 *		destination=org.freedesktop.Avahi interface=... member=SetHostName
 */
#pragma once

#include "policy-parser/policy-users.h"
#include "policy-parser/policy.h"
#include "proxy/base/creds.h"

#define POLICY_QUERY_MAX_ERROR 256

enum policy_query_kind {
	POLICY_QUERY_CONNECT,
	POLICY_QUERY_OWN,
	POLICY_QUERY_MESSAGE,
};

/**
 * struct policy_query_side - a sender or a receiver
 * @creds: if @has_creds: rules of this side are asked
 * @peer: what the other side's rules see
 * @names: of @peer
 */
struct policy_query_side {
	bool has_creds;
	struct creds creds;
	struct policy_peer peer;
	char **names;
	size_t n_names;
};

/**
 * struct policy_query - a question
 * @name: OWN
 * @has_owner, @owner_uid: CONNECT: of the bus, if it was said
 * @sender: CONNECT, OWN: who asks
 * @receiver: MESSAGE
 * @message: MESSAGE
 * @words: copies, to which strings above point
 */
struct policy_query {
	enum policy_query_kind kind;
	const char *name;
	bool has_owner;
	uint32_t owner_uid;
	struct policy_query_side sender;
	struct policy_query_side receiver;
	struct policy_message message;
	char **words;
	size_t n_words;
};

#define POLICY_QUERY_NULL                                                                          \
	{                                                                                          \
		.sender.creds = CREDS_NULL, .receiver.creds = CREDS_NULL                           \
	}

/* outcomes */
enum {
	POLICY_QUERY_BAD = 1, /* @error says why */
};

/**
 * policy_query_init() - read a question
 * @query: written in any case, to be released with policy_query_deinit(); not to be moved
 * @words: the kind, then KEY=VALUE
 * @error: of POLICY_QUERY_MAX_ERROR bytes
 *
 * The groups of a user are those of @users where none are given.  A receiver of
 * whom nothing but the destination is known is one that is yet to be activated;
 * one with a user owns at least the name it is addressed by.
 *
 * Return: 0, POLICY_QUERY_BAD, or -ENOMEM.
 */
int policy_query_init(struct policy_query *query, const struct policy_users *users,
		      const char *const *words, size_t n_words, char *error);
/* idempotent */
void policy_query_deinit(struct policy_query *query);
