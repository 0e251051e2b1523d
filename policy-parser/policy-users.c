/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and groups: see policy-users.h
 *
 * Entries are never changed or removed: a new state of the files is a new table.
 * Each entry hangs in a table by name and, the first of its number, in one by
 * number.  Membership is kept as the group file has it, by user name: whether the
 * passwd file has been fed by then makes no difference.
 */
#include "policy-parser/policy-users.h"

#include <errno.h>
#include <string.h>

#include "proxy/base/htable.h"

/**
 * struct entry - a user or a group
 * @by_name: in the table of names of its kind
 * @by_id: in the table of numbers of its kind, if it is the first with its number
 * @id: uid or gid
 * @primary_gid: of a user
 */
struct entry {
	struct htable_node by_name;
	struct htable_node by_id;
	uint32_t id;
	uint32_t primary_gid;
	char name[];
};

/* a user name in the last field of a group's line */
struct member {
	struct htable_node node;
	uint32_t gid;
	char name[];
};

/* users or groups */
struct directory {
	struct htable by_name;
	struct htable by_id;
};

struct policy_users {
	unsigned n_refs;
	struct policy_users *base;
	struct directory users;
	struct directory groups;
	struct htable members;
};

/* a part of a line; not terminated */
struct field {
	const char *text;
	size_t size;
};

#define N_PASSWD_FIELDS 7
#define N_GROUP_FIELDS	4

static void directory_init(struct directory *directory)
{
	htable_init(&directory->by_name);
	htable_init(&directory->by_id);
}

static void directory_deinit(struct directory *directory)
{
	struct hlist_node *tmp;
	struct entry *entry;
	size_t i;

	htable_for_each_safe(entry, tmp, i, &directory->by_id, by_id)
		htable_unlink(&directory->by_id, &entry->by_id);
	htable_for_each_safe(entry, tmp, i, &directory->by_name, by_name) {
		htable_unlink(&directory->by_name, &entry->by_name);
		free(entry);
	}
	htable_deinit(&directory->by_id);
	htable_deinit(&directory->by_name);
}

int policy_users_new(struct policy_users **users_out)
{
	struct policy_users *users = calloc(1, sizeof(*users));

	if (!users)
		return -ENOMEM;
	users->n_refs = 1;
	directory_init(&users->users);
	directory_init(&users->groups);
	htable_init(&users->members);
	*users_out = users;
	return 0;
}

int policy_users_new_overlay(struct policy_users *base, struct policy_users **users_out)
{
	struct policy_users *users;
	int r;

	r = policy_users_new(&users);
	if (r < 0)
		return r;
	users->base = policy_users_ref(base);
	*users_out = users;
	return 0;
}

struct policy_users *policy_users_ref(struct policy_users *users)
{
	users->n_refs++;
	return users;
}

struct policy_users *policy_users_unref(struct policy_users *users)
{
	struct hlist_node *tmp;
	struct member *member;
	size_t i;

	if (!users || --users->n_refs)
		return NULL;
	htable_for_each_safe(member, tmp, i, &users->members, node) {
		htable_unlink(&users->members, &member->node);
		free(member);
	}
	htable_deinit(&users->members);
	directory_deinit(&users->groups);
	directory_deinit(&users->users);
	policy_users_unref(users->base);
	free(users);
	return NULL;
}

static struct entry *directory_find_name(const struct directory *directory, const char *name,
					 size_t size)
{
	uint64_t hash = htable_hash(name, size);
	struct entry *entry;

	htable_for_each_match(entry, &directory->by_name, by_name, hash)
		if (!strncmp(entry->name, name, size) && !entry->name[size])
			return entry;
	return NULL;
}

static struct entry *directory_find_id(const struct directory *directory, uint32_t id)
{
	uint64_t hash = htable_hash(&id, sizeof(id));
	struct entry *entry;

	htable_for_each_match(entry, &directory->by_id, by_id, hash)
		if (entry->id == id)
			return entry;
	return NULL;
}

static int directory_add(struct directory *directory, const struct field *name, uint32_t id,
			 uint32_t primary_gid)
{
	struct entry *entry;

	if (directory_find_name(directory, name->text, name->size))
		return 0;
	entry = calloc(1, sizeof(*entry) + name->size + 1);
	if (!entry)
		return -ENOMEM;
	entry->id = id;
	entry->primary_gid = primary_gid;
	memcpy(entry->name, name->text, name->size);
	htable_add(&directory->by_name, &entry->by_name, htable_hash(name->text, name->size));
	if (!directory_find_id(directory, id))
		htable_add(&directory->by_id, &entry->by_id, htable_hash(&id, sizeof(id)));
	return 0;
}

static bool field_parse_id(const struct field *field, uint32_t *id_out)
{
	uint64_t id = 0;

	if (!field->size)
		return false;
	for (size_t i = 0; i < field->size; i++) {
		if (field->text[i] < '0' || field->text[i] > '9')
			return false;
		id = 10 * id + (field->text[i] - '0');
		if (id >= UINT32_MAX)
			return false;
	}
	*id_out = id;
	return true;
}

bool policy_users_parse_id(const char *text, uint32_t *id_out)
{
	struct field field = {text, strlen(text)};

	return field_parse_id(&field, id_out);
}

/* names that the formats of NIS begin with a sign are no names */
static bool field_is_name(const struct field *field)
{
	return field->size && !strchr("+-#", field->text[0]) &&
	       !memchr(field->text, '\0', field->size);
}

/* splits the text before the first @separator off @rest; what is behind the last one is all of it
 */
static struct field field_cut(struct field *rest, char separator)
{
	const char *end = memchr(rest->text, separator, rest->size);
	struct field head = {rest->text, end ? (size_t)(end - rest->text) : rest->size};
	size_t n_used = head.size + (end ? 1 : 0);

	rest->text += n_used;
	rest->size -= n_used;
	return head;
}

/* the number of fields of a line, of which the first @n_max are stored; the last one is the rest */
static size_t line_split(struct field line, struct field *fields, size_t n_max)
{
	size_t n = 0;

	while (n + 1 < n_max && memchr(line.text, ':', line.size))
		fields[n++] = field_cut(&line, ':');
	fields[n++] = line;
	return n;
}

int policy_users_add_passwd(struct policy_users *users, const char *text, size_t size)
{
	struct field rest = {text, size};
	struct field fields[N_PASSWD_FIELDS];
	uint32_t uid, gid;
	int r;

	while (rest.size) {
		if (line_split(field_cut(&rest, '\n'), fields, N_PASSWD_FIELDS) < 4 ||
		    !field_is_name(&fields[0]) || !field_parse_id(&fields[2], &uid) ||
		    !field_parse_id(&fields[3], &gid))
			continue;
		r = directory_add(&users->users, &fields[0], uid, gid);
		if (r < 0)
			return r;
	}
	return 0;
}

static uint64_t member_hash(uint32_t gid, const char *name, size_t size)
{
	return htable_hash(name, size) + gid;
}

static bool users_has_member(const struct policy_users *users, uint32_t gid, const char *name,
			     size_t size)
{
	struct member *member;

	htable_for_each_match(member, &users->members, node, member_hash(gid, name, size))
		if (member->gid == gid && !strncmp(member->name, name, size) && !member->name[size])
			return true;
	return false;
}

static int users_add_member(struct policy_users *users, uint32_t gid, const struct field *name)
{
	struct member *member;

	if (users_has_member(users, gid, name->text, name->size))
		return 0;
	member = calloc(1, sizeof(*member) + name->size + 1);
	if (!member)
		return -ENOMEM;
	member->gid = gid;
	memcpy(member->name, name->text, name->size);
	htable_add(&users->members, &member->node, member_hash(gid, name->text, name->size));
	return 0;
}

int policy_users_add_group(struct policy_users *users, const char *text, size_t size)
{
	struct field rest = {text, size};
	struct field fields[N_GROUP_FIELDS];
	uint32_t gid;
	int r;

	while (rest.size) {
		size_t n = line_split(field_cut(&rest, '\n'), fields, N_GROUP_FIELDS);

		if (n < 3 || !field_is_name(&fields[0]) || !field_parse_id(&fields[2], &gid))
			continue;
		r = directory_add(&users->groups, &fields[0], gid, 0);
		while (!r && n == N_GROUP_FIELDS && fields[3].size) {
			struct field name = field_cut(&fields[3], ',');

			if (field_is_name(&name))
				r = users_add_member(users, gid, &name);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

bool policy_users_find_user(const struct policy_users *users, const char *name, uint32_t *uid_out)
{
	const struct entry *entry = directory_find_name(&users->users, name, strlen(name));

	if (!entry)
		return users->base && policy_users_find_user(users->base, name, uid_out);
	*uid_out = entry->id;
	return true;
}

bool policy_users_find_group(const struct policy_users *users, const char *name, uint32_t *gid_out)
{
	const struct entry *entry = directory_find_name(&users->groups, name, strlen(name));

	if (!entry)
		return users->base && policy_users_find_group(users->base, name, gid_out);
	*gid_out = entry->id;
	return true;
}

const char *policy_users_get_user_name(const struct policy_users *users, uint32_t uid)
{
	const struct entry *entry = directory_find_id(&users->users, uid);

	if (!entry)
		return users->base ? policy_users_get_user_name(users->base, uid) : NULL;
	return entry->name;
}

const char *policy_users_get_group_name(const struct policy_users *users, uint32_t gid)
{
	const struct entry *entry = directory_find_id(&users->groups, gid);

	if (!entry)
		return users->base ? policy_users_get_group_name(users->base, gid) : NULL;
	return entry->name;
}

bool policy_users_is_member(const struct policy_users *users, uint32_t uid, uint32_t gid)
{
	const struct entry *entry = directory_find_id(&users->users, uid);

	if (!entry)
		return users->base && policy_users_is_member(users->base, uid, gid);
	return entry->primary_gid == gid ||
	       users_has_member(users, gid, entry->name, strlen(entry->name));
}

static int gid_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

int policy_users_get_groups(const struct policy_users *users, uint32_t uid, uint32_t *primary_out,
			    uint32_t **groups_out, uint32_t *n_groups_out)
{
	const struct entry *user = directory_find_id(&users->users, uid);
	uint32_t n = 0, n_unique = 0, *groups;
	struct hlist_node *tmp;
	struct member *member;
	size_t i;

	if (!user && users->base)
		return policy_users_get_groups(users->base, uid, primary_out, groups_out,
					       n_groups_out);
	if (!user)
		return -ENOENT;
	groups = calloc(users->members.n_entries + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	groups[n++] = user->primary_gid;
	htable_for_each_safe(member, tmp, i, &users->members, node)
		if (!strcmp(member->name, user->name))
			groups[n++] = member->gid;
	qsort(groups, n, sizeof(*groups), gid_compare);
	for (uint32_t k = 0; k < n; k++)
		if (!k || groups[k] != groups[n_unique - 1])
			groups[n_unique++] = groups[k];
	*primary_out = user->primary_gid;
	*groups_out = groups;
	*n_groups_out = n_unique;
	return 0;
}
