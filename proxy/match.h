/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules
 *
 * Three things:
 *
 *	struct match_rule	a rule that was parsed, and nothing more
 *	struct match_registry	all rules of a bus, indexed on every key
 *	struct match_owner	the rules of one client; embedded in it
 *
 * and what they are applied to, struct match_subject: a message, or a change of
 * ownership for which no message exists (yet).
 *
 * Semantics are those of the specification, section "Match Rules", read as
 * dbus-daemon reads them.  No I/O; nothing here blocks or logs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proxy/base/cleanup.h"
#include "proxy/base/list.h"
#include "proxy/message.h"
#include "proxy/unique-name.h"

#define MATCH_MAX_TEXT	 1024u /* bytes of a rule */
#define MATCH_MAX_TERMS	 16u   /* key=value pairs that are looked at */
#define MATCH_MAX_ARGS	 64u
#define MATCH_MAX_REASON 1280u /* room for the reason of MATCH_INVALID and its NUL */

enum match_outcome {
	MATCH_OK = 0,
	MATCH_INVALID,	 /* not a match rule */
	MATCH_TOO_LONG,	 /* above MATCH_MAX_TEXT */
	MATCH_NOT_FOUND, /* the owner has no such rule */
};

struct match_rule;

/* rules */

/**
 * match_rule_parse() - read a rule
 * @text: @len bytes, not necessarily terminated
 * @reason: what is wrong, for people; written for MATCH_INVALID and MATCH_TOO_LONG alone
 * @rule_out: to be freed with match_rule_free()
 *
 * Of more than MATCH_MAX_TERMS pairs the rest is ignored, valid or not.
 *
 * Return: MATCH_OK, MATCH_INVALID, MATCH_TOO_LONG or -ENOMEM.
 */
int match_rule_parse(const char *text, size_t len, char reason[MATCH_MAX_REASON],
		     struct match_rule **rule_out);
struct match_rule *match_rule_free(struct match_rule *rule);
DEFINE_CLEANUP(struct match_rule *, match_rule_free);

/* whether it says eavesdrop='true' */
bool match_rule_is_eavesdropping(const struct match_rule *rule);
/* forgets eavesdrop='true': for who need not */
void match_rule_clear_eavesdropping(struct match_rule *rule);

#define MATCH_WANTS_SIGNALS	  (1u << 0) /* could match messages of other clients */
#define MATCH_WANTS_NOTIFICATIONS (1u << 1) /* could match signals of the driver */

/* MATCH_WANTS_*: what it takes for the rule to see all it could match */
unsigned match_rule_wants(const struct match_rule *rule);

/* subjects */

/* one name that somebody owns, or waits for (@queued); non-zero ends the enumeration */
typedef int (*match_name_fn)(void *userdata, const char *name, bool queued);

/**
 * struct match_party - sender or addressed receiver of a subject
 * @unique_name: ":1.N"; "org.freedesktop.DBus" for the driver; NULL: there is none
 * @names: calls @fn for each well-known name of the party until it returns
 *	non-zero, and returns that; NULL: the party has no others
 * @context: first argument of @names
 */
struct match_party {
	const char *unique_name;
	int (*names)(void *context, match_name_fn fn, void *userdata);
	void *context;
};

struct match_text {
	const char *text; /* NULL: absent */
	uint32_t len;
};

struct match_arg {
	const char *text; /* NULL unless a string, object path or signature */
	uint32_t len;
	char type;
};

/**
 * struct match_subject - what rules are applied to
 * @sender, @receiver: filled in by the caller after match_subject_init_*();
 *	@receiver is that of a unicast, for destination=
 * @receiver_name: room for @receiver.unique_name, where nobody else keeps it
 * @is_broadcast: rules match broadcasts, and unicasts only when eavesdropping
 *
 * Borrows everything it points to.  The arguments are found as rules ask for
 * them, each once.
 */
struct match_subject {
	struct match_party sender;
	struct match_party receiver;
	char receiver_name[UNIQUE_NAME_SIZE];
	bool is_broadcast;

	/* private */
	uint8_t type;
	bool has_more_args;
	uint8_t n_args;
	struct match_text path, interface, member;
	struct wire_args more_args;
	struct match_arg args[MATCH_MAX_ARGS];
};

/* a message; without destination it is a broadcast */
void match_subject_init_message(struct match_subject *subject, const struct message *message);

/* the NameOwnerChanged signal of the driver with these arguments; the sender is filled in */
void match_subject_init_change(struct match_subject *subject, const char *name,
			       const char *old_owner, const char *new_owner);

/* registries */

/**
 * struct match_owner - the rules of one client
 * @n_rules: rules added and not removed, each as often as it was added
 * @peak_rules: the most there ever were
 * @n_signals: those with MATCH_WANTS_SIGNALS
 * @n_notifications: those with MATCH_WANTS_NOTIFICATIONS
 */
struct match_owner {
	uint64_t hit;		/* the look-up that found this owner last */
	struct list_head rules; /* struct match_subscription.owner_link */
	uint32_t n_rules;
	uint32_t peak_rules;
	uint32_t n_signals;
	uint32_t n_notifications;
};

void match_owner_init(struct match_owner *owner);

/* MATCH_WANTS_* of all its rules together */
static inline unsigned match_owner_wants(const struct match_owner *owner)
{
	return (owner->n_signals ? MATCH_WANTS_SIGNALS : 0) |
	       (owner->n_notifications ? MATCH_WANTS_NOTIFICATIONS : 0);
}

#define MATCH_REGISTRY_MONITORS (1u << 0) /* unicasts match every rule */

struct match_registry;

/**
 * match_registry_new() - an empty registry
 * @flags: MATCH_REGISTRY_*
 *
 * Return: 0, -ENOMEM, or the errno of getrandom().
 */
int match_registry_new(unsigned flags, struct match_registry **registry_out);
/* all owners must have been cleared; NULL is fine */
struct match_registry *match_registry_free(struct match_registry *registry);

/* adds a rule, once more if it is there already: 0 or -ENOMEM */
int match_registry_add(struct match_registry *registry, struct match_owner *owner,
		       const struct match_rule *rule);
/* removes a rule, once: MATCH_OK or MATCH_NOT_FOUND */
int match_registry_remove(struct match_registry *registry, struct match_owner *owner,
			  const struct match_rule *rule);
/* removes all rules of @owner; idempotent */
void match_registry_clear(struct match_registry *registry, struct match_owner *owner);

/* distinct rules, each counted once however many added it */
uint32_t match_registry_n_nodes(const struct match_registry *registry);
/* rules that eavesdrop, each as often as it was added */
uint32_t match_registry_n_eavesdropping(const struct match_registry *registry);

/**
 * struct match_counts - how many rules there are, and were
 * @n_rules: of all owners, each as often as it was added
 * @peak_rules: the most there ever were
 * @peak_rules_owner: the most that one owner ever had
 */
struct match_counts {
	uint32_t n_rules;
	uint32_t peak_rules;
	uint32_t peak_rules_owner;
};

/* what has been counted since the registry was made */
void match_registry_get_counts(const struct match_registry *registry,
			       struct match_counts *counts_out);

/**
 * match_registry_find() - who wants it?
 * @hit: called once for each owner of at least one rule that matches; may not
 *	change the registry
 *
 * Costs what matches and what matches in part, whatever other rules there are.
 */
void match_registry_find(struct match_registry *registry, struct match_subject *subject,
			 void (*hit)(void *userdata, struct match_owner *owner), void *userdata);

/* whether a rule of @owner matches */
bool match_owner_accepts(struct match_registry *registry, struct match_owner *owner,
			 struct match_subject *subject);

/**
 * match_owner_for_each() - the rules of an owner as text
 * @fn: gets each rule as often as it was added, in the order in which they were
 *	first added; the text is valid for the call; a non-zero return ends the walk
 *
 * Return: 0 or what @fn returned.
 */
int match_owner_for_each(const struct match_owner *owner,
			 int (*fn)(void *userdata, const char *text), void *userdata);
