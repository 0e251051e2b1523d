// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Policy database
 *
 * Reference section 7.  A query looks at one entry: the literal one if there is
 * one, else the wildcard that covers the name; a literal entry that grants
 * nothing thus hides a wildcard that would.  Wildcards are stored under the name
 * without ".*" and are told apart by a flag.
 */
#include "kernel/core/limits.h"
#include "kernel/core/policy.h"

struct kdbus_policy_access_rule {
	u64 type;
	int access;
	kuid_t uid;
	kgid_t gid;
};

/*
 * @by_name: in the database
 * @link: in the list of an upload; later, of nothing
 * @owner: who uploaded it
 */
struct kdbus_policy_entry {
	struct kdbus_table_node by_name;
	struct list_head link;
	const void *owner;
	bool is_wildcard;
	size_t n_rules;
	struct kdbus_policy_access_rule *rules;
	size_t name_len;
	char name[];
};

int kdbus_policy_db_init(struct kdbus_policy_db *db, const siphash_key_t *key)
{
	db->key = *key;
	return kdbus_table_init(&db->entries);
}

static void kdbus_policy_entry_free(struct kdbus_policy_entry *entry)
{
	if (!entry)
		return;
	kvfree(entry->rules);
	kfree(entry);
}

void kdbus_policy_list_free(struct list_head *list)
{
	struct kdbus_policy_entry *entry, *tmp;

	list_for_each_entry_safe(entry, tmp, list, link) {
		list_del_init(&entry->link);
		kdbus_policy_entry_free(entry);
	}
}

static int kdbus_policy_entry_new(const char *name, bool wildcards, struct list_head *list,
				  struct kdbus_policy_entry **entry_out)
{
	struct kdbus_policy_entry *entry, *other;
	size_t len = strlen(name);
	bool is_wildcard;

	if (!kdbus_name_is_valid(name, wildcards))
		return -EINVAL;
	is_wildcard = len > 2 && name[len - 1] == '*';
	if (is_wildcard)
		len -= 2;

	list_for_each_entry(other, list, link) {
		if (other->is_wildcard == is_wildcard && other->name_len == len &&
		    memcmp(other->name, name, len) == 0)
			return -EEXIST;
	}

	entry = kzalloc(sizeof(*entry) + len + 1, GFP_KERNEL_ACCOUNT);
	if (!entry)
		return -ENOMEM;
	kdbus_table_node_init(&entry->by_name);
	entry->is_wildcard = is_wildcard;
	entry->name_len = len;
	memcpy(entry->name, name, len);
	list_add_tail(&entry->link, list);
	*entry_out = entry;
	return 0;
}

static int kdbus_policy_access_parse(const struct kdbus_host_ops *host, void *caller,
				     const struct kdbus_policy_access *access,
				     struct kdbus_policy_access_rule *rule)
{
	switch (access->access) {
	case KDBUS_POLICY_SEE:
	case KDBUS_POLICY_TALK:
	case KDBUS_POLICY_OWN:
		break;
	default:
		return -EINVAL;
	}
	rule->access = access->access;
	rule->type = access->type;

	switch (access->type) {
	case KDBUS_POLICY_ACCESS_USER:
		rule->uid = host->uid_make(caller, access->id);
		return uid_valid(rule->uid) ? 0 : -EINVAL;
	case KDBUS_POLICY_ACCESS_GROUP:
		rule->gid = host->gid_make(caller, access->id);
		return gid_valid(rule->gid) ? 0 : -EINVAL;
	case KDBUS_POLICY_ACCESS_WORLD:
		return 0;
	}
	return -EINVAL;
}

/* how many access records follow the name at @item */
static size_t count_rules(const struct kdbus_item *item, const void *items_end)
{
	size_t n = 0;

	kdbus_items_for_each(item, kdbus_item_next(item), items_end) {
		if (item->type == KDBUS_ITEM_NAME)
			break;
		if (item->type == KDBUS_ITEM_POLICY_ACCESS)
			n++;
	}
	return n;
}

int kdbus_policy_parse(const struct kdbus_host_ops *host, void *caller,
		       const struct kdbus_item *items, const void *items_end, size_t max_names,
		       bool wildcards, struct list_head *list)
{
	struct kdbus_policy_entry *entry = NULL;
	const struct kdbus_item *item;
	size_t n_names = 0, n;
	int r;

	kdbus_items_for_each(item, items, items_end) {
		switch (item->type) {
		case KDBUS_ITEM_NAME:
			if (n_names++ >= max_names)
				return -E2BIG;
			r = kdbus_policy_entry_new(item->str, wildcards, list, &entry);
			if (r < 0)
				return r;
			n = count_rules(item, items_end);
			if (n > 0) {
				entry->rules =
					kvcalloc(n, sizeof(*entry->rules), GFP_KERNEL_ACCOUNT);
				if (!entry->rules)
					return -ENOMEM;
			}
			break;
		case KDBUS_ITEM_POLICY_ACCESS:
			if (!entry)
				return -EINVAL;
			r = kdbus_policy_access_parse(host, caller, &item->policy_access,
						      &entry->rules[entry->n_rules]);
			if (r < 0)
				return r;
			entry->n_rules++;
			break;
		}
	}
	return 0;
}

static u32 hash_name(struct kdbus_policy_db *db, const char *name, size_t len)
{
	return siphash(name, len, &db->key);
}

static struct kdbus_policy_entry *kdbus_policy_find(struct kdbus_policy_db *db, const char *name,
						    size_t len, bool is_wildcard)
{
	struct kdbus_policy_entry *entry;
	u32 hash;

	if (db->entries.n_entries == 0)
		return NULL;
	hash = hash_name(db, name, len);
	kdbus_table_for_each_possible(entry, &db->entries, by_name, hash) {
		if (entry->by_name.hash == hash && entry->is_wildcard == is_wildcard &&
		    entry->name_len == len && memcmp(entry->name, name, len) == 0)
			return entry;
	}
	return NULL;
}

static struct kdbus_policy_entry *kdbus_policy_find_same(struct kdbus_policy_db *db,
							 const struct kdbus_policy_entry *entry)
{
	return kdbus_policy_find(db, entry->name, entry->name_len, entry->is_wildcard);
}

static void kdbus_policy_entry_drop(struct kdbus_policy_db *db, struct kdbus_policy_entry *entry)
{
	kdbus_table_remove(&db->entries, &entry->by_name);
	kdbus_policy_entry_free(entry);
}

int kdbus_policy_replace(struct kdbus_policy_db *db, const void *owner, struct list_head *list)
{
	return kdbus_policy_take_over(db, owner, list, NULL);
}

int kdbus_policy_take_over(struct kdbus_policy_db *db, const void *owner, struct list_head *list,
			   bool (*may_take)(const void *owner, const void *from))
{
	struct kdbus_policy_entry *entry, *tmp, *other;

	list_for_each_entry(entry, list, link) {
		other = kdbus_policy_find_same(db, entry);
		if (other && other->owner != owner && !(may_take && may_take(owner, other->owner)))
			return -EEXIST;
	}

	kdbus_policy_remove(db, owner);
	list_for_each_entry_safe(entry, tmp, list, link) {
		other = kdbus_policy_find_same(db, entry);
		if (other)
			kdbus_policy_entry_drop(db, other);
		list_del_init(&entry->link);
		entry->owner = owner;
		kdbus_table_add(&db->entries, &entry->by_name,
				hash_name(db, entry->name, entry->name_len));
	}
	return 0;
}

static void kdbus_policy_remove_all(struct kdbus_policy_db *db, const void *owner)
{
	struct kdbus_policy_entry *entry;
	struct hlist_node *tmp;
	u32 i;

	if (!db->entries.buckets)
		return;
	for (i = 0; i <= db->entries.mask; i++) {
		hlist_for_each_entry_safe(entry, tmp, &db->entries.buckets[i], by_name.link) {
			if (owner && entry->owner != owner)
				continue;
			kdbus_policy_entry_drop(db, entry);
		}
	}
}

void kdbus_policy_remove(struct kdbus_policy_db *db, const void *owner)
{
	kdbus_policy_remove_all(db, owner);
}

void kdbus_policy_db_deinit(struct kdbus_policy_db *db)
{
	kdbus_policy_remove_all(db, NULL);
	kdbus_table_deinit(&db->entries);
}

static bool rule_covers(const struct kdbus_policy_access_rule *rule,
			const struct kdbus_host_ops *host, const struct kdbus_cred *cred)
{
	switch (rule->type) {
	case KDBUS_POLICY_ACCESS_USER:
		return uid_eq(rule->uid, cred->euid);
	case KDBUS_POLICY_ACCESS_GROUP:
		return gid_eq(rule->gid, cred->egid) || host->cred_in_group(cred, rule->gid);
	case KDBUS_POLICY_ACCESS_WORLD:
		return true;
	}
	return false;
}

int kdbus_policy_query(struct kdbus_policy_db *db, const struct kdbus_host_ops *host,
		       const struct kdbus_cred *cred, const char *name)
{
	struct kdbus_policy_entry *entry;
	size_t i, len = strlen(name);
	int access = KDBUS_POLICY_NONE;
	const char *dot;

	entry = kdbus_policy_find(db, name, len, false);
	if (!entry) {
		dot = strrchr(name, '.');
		if (!dot)
			return access;
		entry = kdbus_policy_find(db, name, dot - name, true);
	}
	if (!entry)
		return access;

	for (i = 0; i < entry->n_rules; i++) {
		if (entry->rules[i].access > access && rule_covers(&entry->rules[i], host, cred))
			access = entry->rules[i].access;
	}
	return access;
}
