// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Arguments of a command
 *
 * Alignment and readability of the struct were the business of whoever copied
 * it in (handle.c); its size word is checked again here because direct
 * connections come without that.
 */
#include "kernel/core/args.h"
#include "kernel/core/domain.h"
#include "kernel/core/limits.h"

/* what all command structs and struct kdbus_msg have in common */
struct args_head {
	u64 size;
	u64 flags;
};

static bool is_known(const struct kdbus_arg *arg, const struct kdbus_domain *domain)
{
	if ((arg->flags & KDBUS_ARG_ADDITION) && domain->strict)
		return false;
	return !(arg->flags & (domain->is_p1 ? KDBUS_ARG_P2 : KDBUS_ARG_P1));
}

static u64 known_flags(const struct kdbus_args_rule *rule, const struct kdbus_domain *domain)
{
	return domain->strict ? rule->flags : rule->flags | rule->flags_added;
}

static const struct kdbus_arg *find_arg(const struct kdbus_args_rule *rule,
					const struct kdbus_domain *domain, u64 type,
					size_t *index_out)
{
	size_t i;

	for (i = 0; i < rule->n_args; i++) {
		if (rule->args[i].type == type && is_known(&rule->args[i], domain)) {
			*index_out = i;
			return &rule->args[i];
		}
	}
	return NULL;
}

static void negotiate_item(const struct kdbus_args_rule *rule, const struct kdbus_domain *domain,
			   struct kdbus_item *item)
{
	u64 i, n = kdbus_item_payload_size(item) / sizeof(u64);
	size_t index;

	for (i = 0; i < n; i++) {
		if (item->data64[i] != KDBUS_ITEM_NEGOTIATE &&
		    !find_arg(rule, domain, item->data64[i], &index))
			item->data64[i] = _KDBUS_ITEM_NULL;
	}
}

static int parse_items(const struct kdbus_args_rule *rule, const struct kdbus_domain *domain,
		       u64 size, struct kdbus_args *args, struct kdbus_item **negotiate_out)
{
	struct kdbus_item *negotiate = NULL;
	const struct kdbus_arg *arg;
	const struct kdbus_item *item = args->items;
	u64 left = size;
	size_t index;
	int r;

	while (left > 0) {
		if (left < KDBUS_ITEM_HEADER_SIZE || item->size < KDBUS_ITEM_HEADER_SIZE ||
		    item->size > left)
			return -EINVAL;

		if (item->type == KDBUS_ITEM_NEGOTIATE) {
			r = kdbus_item_validate(item);
			if (r < 0)
				return r;
			if (negotiate)
				return -EINVAL;
			negotiate = (struct kdbus_item *)item;
		} else {
			arg = find_arg(rule, domain, item->type, &index);
			if (!arg)
				return -EINVAL;
			r = kdbus_item_validate(item);
			if (r < 0)
				return r;
			if (!args->found[index])
				args->found[index] = item;
			else if (!(arg->flags & KDBUS_ARG_MULTIPLE))
				return -EINVAL;
		}

		if (KDBUS_ALIGN8(item->size) >= left)
			break;
		left -= KDBUS_ALIGN8(item->size);
		item = kdbus_item_next(item);
	}

	*negotiate_out = negotiate;
	return 0;
}

static int check_mandatory(const struct kdbus_args_rule *rule, const struct kdbus_args *args)
{
	size_t i;

	for (i = 0; i < rule->n_args; i++) {
		if ((rule->args[i].flags & KDBUS_ARG_MANDATORY) && !args->found[i])
			return -EINVAL;
	}
	return 0;
}

int kdbus_args_parse(const struct kdbus_args_rule *rule, const struct kdbus_domain *domain,
		     void *cmd, struct kdbus_args *args_out)
{
	struct kdbus_item *negotiate = NULL;
	struct args_head *head = cmd;
	struct kdbus_args args = {};
	int r;

	if (head->size < rule->size)
		return -EINVAL;
	if (head->size > KDBUS_CMD_MAX_SIZE)
		return -EMSGSIZE;
	if (head->flags & ~(known_flags(rule, domain) | KDBUS_FLAG_NEGOTIATE))
		return -EINVAL;

	args.flags = head->flags;
	args.items = (const struct kdbus_item *)((u8 *)cmd + rule->size);
	args.items_end = (u8 *)cmd + head->size;
	r = parse_items(rule, domain, head->size - rule->size, &args, &negotiate);
	if (r < 0)
		return r;

	/* P1 wants what is mandatory even of one who only asks */
	if (domain->is_p1) {
		r = check_mandatory(rule, &args);
		if (r < 0)
			return r;
	}
	if (args.flags & KDBUS_FLAG_NEGOTIATE)
		head->flags = known_flags(rule, domain);
	if (negotiate)
		negotiate_item(rule, domain, negotiate);
	args.is_answered = negotiate || (args.flags & KDBUS_FLAG_NEGOTIATE);
	if (args.flags & KDBUS_FLAG_NEGOTIATE) {
		*args_out = args;
		return KDBUS_ARGS_NEGOTIATED;
	}

	r = check_mandatory(rule, &args);
	if (r < 0)
		return r;
	*args_out = args;
	return 0;
}

int kdbus_args_parse_cmd(const struct kdbus_args_rule *rule, const struct kdbus_domain *domain,
			 void *cmd, struct kdbus_args *args_out)
{
	((struct kdbus_cmd *)cmd)->return_flags = 0;
	return kdbus_args_parse(rule, domain, cmd, args_out);
}
