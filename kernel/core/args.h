/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arguments of a command
 *
 * Every command struct, and a message, starts with size and flags and ends in
 * items.  What a command allows is a table; kdbus_args_parse() checks a struct
 * against it in the order the ABI promises (reference 2.6 to 2.8).
 */
#ifndef KDBUS_ARGS_H
#define KDBUS_ARGS_H

#include "kernel/core/item.h"

struct kdbus_domain;

#define KDBUS_ARG_MANDATORY (1U << 0)
#define KDBUS_ARG_MULTIPLE  (1U << 1)
/* an addition of ours: not known in a strict domain */
#define KDBUS_ARG_ADDITION (1U << 2)
/* known in one of the two published revisions only */
#define KDBUS_ARG_P1 (1U << 3)
#define KDBUS_ARG_P2 (1U << 4)

/* item types one command may allow, NEGOTIATE not counted */
#define KDBUS_ARGS_MAX 10

/**
 * struct kdbus_arg - an item type that a command allows
 * @type: KDBUS_ITEM_*
 * @flags: KDBUS_ARG_*
 */
struct kdbus_arg {
	u64 type;
	unsigned int flags;
};

/**
 * struct kdbus_args_rule - what a command allows
 * @size: bytes of its fixed part
 * @flags: allowed flags, NEGOTIATE not included
 * @flags_added: additions of ours: not known in a strict domain
 * @n_args: number of @args
 * @args: allowed items, NEGOTIATE not included
 */
struct kdbus_args_rule {
	u64 size;
	u64 flags;
	u64 flags_added;
	size_t n_args;
	struct kdbus_arg args[KDBUS_ARGS_MAX];
};

/**
 * struct kdbus_args - a parsed command
 * @items: the first item
 * @items_end: behind the last one
 * @flags: the flags the caller gave
 * @is_answered: flags or an item were overwritten, for the caller to read
 * @found: for each entry of the rule the first such item, or NULL
 */
struct kdbus_args {
	const struct kdbus_item *items;
	const void *items_end;
	u64 flags;
	bool is_answered;
	const struct kdbus_item *found[KDBUS_ARGS_MAX];
};

/* what kdbus_args_parse() says when the caller only wanted to know what there is */
#define KDBUS_ARGS_NEGOTIATED 1

/**
 * kdbus_args_parse() - check a command against its rule
 * @rule: what it allows
 * @domain: decides about additions, and about the revision of the ABI
 * @cmd: the struct with its items, in memory of the core or of the engine; in case of
 *	negotiation flags and items are overwritten
 * @args_out: pointers into @cmd
 *
 * return_flags is not touched: a message has none.
 *
 * Return: 0, KDBUS_ARGS_NEGOTIATED: nothing else is to be done, or a negative errno.
 */
int kdbus_args_parse(const struct kdbus_args_rule *rule, const struct kdbus_domain *domain,
		     void *cmd, struct kdbus_args *args_out);

/* same for a command proper: sets return_flags to 0 */
int kdbus_args_parse_cmd(const struct kdbus_args_rule *rule, const struct kdbus_domain *domain,
			 void *cmd, struct kdbus_args *args_out);

#endif
