/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Match rules: who has which
 *
 * A subscription ties one rule of one owner to the node of the tree at which the
 * rule ends, with a count, as a rule that was added twice must be removed twice.
 * It is in two lists: that of the node, for look-ups, and that of the owner, so that
 * a client that goes can be cleared.
 *
 * The registry belongs to the bus.  An owner is embedded in a client, which clears
 * it before it goes.  A registry has no idea of connections or delivery.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "proxy/match-tree.h"

/* owners and their subscriptions */

void match_owner_init(struct match_owner *owner)
{
	*owner = (struct match_owner){.n_rules = 0};
	INIT_LIST_HEAD(&owner->rules);
}

static struct match_subscription *subscription_at(struct list_head *link, bool in_node)
{
	return in_node ? list_entry(link, struct match_subscription, node_link)
		       : list_entry(link, struct match_subscription, owner_link);
}

/* a node may have many owners and an owner many rules: both lists are walked in step, so
 * that the shorter one decides what it costs */
static struct match_subscription *
find_subscription(struct match_node *node, struct match_owner *owner, bool is_eavesdropping)
{
	struct list_head *heads[] = {&owner->rules, &node->subscriptions};
	struct list_head *at[] = {heads[0]->next, heads[1]->next};

	while (at[0] != heads[0] && at[1] != heads[1]) {
		for (int i = 0; i < 2; i++) {
			struct match_subscription *subscription = subscription_at(at[i], i);

			if (subscription->node == node && subscription->owner == owner &&
			    subscription->is_eavesdropping == is_eavesdropping)
				return subscription;
			at[i] = at[i]->next;
		}
	}
	return NULL;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void count_rule(struct match_registry *registry, struct match_subscription *subscription,
		       int by)
{
	struct match_owner *owner = subscription->owner;
	struct match_counts *counts = &registry->counts;

	subscription->count += by;
	owner->n_rules += by;
	counts->n_rules += by;
	owner->peak_rules = max_u32(owner->peak_rules, owner->n_rules);
	counts->peak_rules = max_u32(counts->peak_rules, counts->n_rules);
	counts->peak_rules_owner = max_u32(counts->peak_rules_owner, owner->n_rules);
	if (subscription->wants & MATCH_WANTS_SIGNALS)
		owner->n_signals += by;
	if (subscription->wants & MATCH_WANTS_NOTIFICATIONS)
		owner->n_notifications += by;
	if (subscription->is_eavesdropping)
		registry->n_eavesdropping += by;
}

static void free_subscription(struct match_registry *registry,
			      struct match_subscription *subscription)
{
	struct match_node *node = subscription->node;

	list_del(&subscription->owner_link);
	list_del(&subscription->node_link);
	free(subscription);
	if (list_empty(&node->subscriptions))
		registry->n_subscribed--;
	match_put_node(registry, node);
}

int match_registry_add(struct match_registry *registry, struct match_owner *owner,
		       const struct match_rule *rule)
{
	struct match_subscription *subscription;
	struct match_node *node = match_find_rule(registry, rule);
	int r;

	subscription = node ? find_subscription(node, owner, rule->is_eavesdropping) : NULL;
	if (!subscription) {
		subscription = calloc(1, sizeof(*subscription));
		if (!subscription)
			return -ENOMEM;
		r = match_get_rule(registry, rule, &node);
		if (r) {
			free(subscription);
			return r;
		}
		if (list_empty(&node->subscriptions))
			registry->n_subscribed++;
		subscription->node = node;
		subscription->owner = owner;
		subscription->wants = match_rule_wants(rule);
		subscription->is_eavesdropping = rule->is_eavesdropping;
		list_add_tail(&subscription->node_link, &node->subscriptions);
		list_add_tail(&subscription->owner_link, &owner->rules);
	}
	count_rule(registry, subscription, 1);
	return 0;
}

int match_registry_remove(struct match_registry *registry, struct match_owner *owner,
			  const struct match_rule *rule)
{
	struct match_subscription *subscription;
	struct match_node *node = match_find_rule(registry, rule);

	subscription = node ? find_subscription(node, owner, rule->is_eavesdropping) : NULL;
	if (!subscription)
		return MATCH_NOT_FOUND;
	count_rule(registry, subscription, -1);
	if (!subscription->count)
		free_subscription(registry, subscription);
	return MATCH_OK;
}

void match_registry_clear(struct match_registry *registry, struct match_owner *owner)
{
	struct match_subscription *subscription, *tmp;

	list_for_each_entry_safe(subscription, tmp, &owner->rules, owner_link) {
		count_rule(registry, subscription, -(int)subscription->count);
		free_subscription(registry, subscription);
	}
	/* look-ups of another registry count on their own */
	owner->hit = 0;
}

int match_owner_for_each(const struct match_owner *owner,
			 int (*fn)(void *userdata, const char *text), void *userdata)
{
	struct match_value values[MATCH_MAX_TERMS];
	struct match_subscription *subscription;
	char text[MATCH_MAX_FORMAT];
	int r;

	list_for_each_entry(subscription, &owner->rules, owner_link) {
		match_values_format(values, match_node_values(subscription->node, values),
				    subscription->is_eavesdropping, text);
		for (uint32_t i = 0; i < subscription->count; i++) {
			r = fn(userdata, text);
			if (r)
				return r;
		}
	}
	return 0;
}

/* registries */

int match_registry_new(unsigned flags, struct match_registry **registry_out)
{
	struct match_registry *registry;
	int r;

	registry = calloc(1, sizeof(*registry));
	if (!registry)
		return -ENOMEM;
	registry->flags = flags;
	r = match_tree_init(registry);
	if (r) {
		free(registry);
		return r;
	}
	*registry_out = registry;
	return 0;
}

struct match_registry *match_registry_free(struct match_registry *registry)
{
	if (registry) {
		assert(!registry->n_nodes && !registry->n_subscribed);
		match_tree_deinit(registry);
		free(registry);
	}
	return NULL;
}

uint32_t match_registry_n_nodes(const struct match_registry *registry)
{
	return registry->n_subscribed;
}

uint32_t match_registry_n_eavesdropping(const struct match_registry *registry)
{
	return registry->n_eavesdropping;
}

void match_registry_get_counts(const struct match_registry *registry,
			       struct match_counts *counts_out)
{
	*counts_out = registry->counts;
}
