// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Items
 *
 * What an item of each type must look like is a table (reference 2.7).  Nothing
 * here knows which command allows which items: that is args.c.
 */
#include "kernel/core/item.h"
#include "kernel/core/limits.h"

enum item_shape {
	SHAPE_ANY,
	SHAPE_EXACT,	/* exactly .size bytes */
	SHAPE_AT_LEAST, /* .size bytes or more */
	SHAPE_MULTIPLE, /* a multiple of .size bytes */
	SHAPE_STRING,	/* not empty, one NUL, at the end */
	SHAPE_SYSNAME,
	SHAPE_VEC,
	SHAPE_MEMFD,
	SHAPE_CAPS,
	SHAPE_NAME_CHANGE,
};

static const struct item_rule {
	u64 type;
	enum item_shape shape;
	u64 size;
} item_rules[] = {
	{KDBUS_ITEM_NEGOTIATE, SHAPE_MULTIPLE, sizeof(u64)},
	{KDBUS_ITEM_PAYLOAD_VEC, SHAPE_VEC},
	{KDBUS_ITEM_PAYLOAD_OFF, SHAPE_VEC},
	{KDBUS_ITEM_PAYLOAD_MEMFD, SHAPE_MEMFD},
	{KDBUS_ITEM_FDS, SHAPE_MULTIPLE, sizeof(s32)},
	{KDBUS_ITEM_CANCEL_FD, SHAPE_EXACT, sizeof(s32)},
	{KDBUS_ITEM_BLOOM_PARAMETER, SHAPE_EXACT, sizeof(struct kdbus_bloom_parameter)},
	{KDBUS_ITEM_BLOOM_FILTER, SHAPE_AT_LEAST, sizeof(struct kdbus_bloom_filter)},
	{KDBUS_ITEM_BLOOM_MASK, SHAPE_ANY},
	{KDBUS_ITEM_DST_NAME, SHAPE_STRING},
	{KDBUS_ITEM_MAKE_NAME, SHAPE_SYSNAME},
	{KDBUS_ITEM_ATTACH_FLAGS_SEND, SHAPE_EXACT, sizeof(u64)},
	{KDBUS_ITEM_ATTACH_FLAGS_RECV, SHAPE_EXACT, sizeof(u64)},
	{KDBUS_ITEM_ID, SHAPE_EXACT, sizeof(u64)},
	{KDBUS_ITEM_NAME, SHAPE_STRING},
	{KDBUS_ITEM_DST_ID, SHAPE_EXACT, sizeof(u64)},
	{KDBUS_ITEM_TIMESTAMP, SHAPE_EXACT, sizeof(struct kdbus_timestamp)},
	{KDBUS_ITEM_CREDS, SHAPE_EXACT, sizeof(struct kdbus_creds)},
	{KDBUS_ITEM_PIDS, SHAPE_EXACT, sizeof(struct kdbus_pids)},
	{KDBUS_ITEM_AUXGROUPS, SHAPE_MULTIPLE, sizeof(u32)},
	{KDBUS_ITEM_OWNED_NAME, SHAPE_ANY},
	{KDBUS_ITEM_TID_COMM, SHAPE_STRING},
	{KDBUS_ITEM_PID_COMM, SHAPE_STRING},
	{KDBUS_ITEM_EXE, SHAPE_STRING},
	{KDBUS_ITEM_CMDLINE, SHAPE_STRING},
	{KDBUS_ITEM_CGROUP, SHAPE_STRING},
	{KDBUS_ITEM_CAPS, SHAPE_CAPS},
	{KDBUS_ITEM_SECLABEL, SHAPE_STRING},
	{KDBUS_ITEM_AUDIT, SHAPE_EXACT, sizeof(struct kdbus_audit)},
	{KDBUS_ITEM_CONN_DESCRIPTION, SHAPE_SYSNAME},
	{KDBUS_ITEM_POLICY_ACCESS, SHAPE_EXACT, sizeof(struct kdbus_policy_access)},
	{KDBUS_ITEM_NAME_ADD, SHAPE_NAME_CHANGE},
	{KDBUS_ITEM_NAME_REMOVE, SHAPE_NAME_CHANGE},
	{KDBUS_ITEM_NAME_CHANGE, SHAPE_NAME_CHANGE},
	{KDBUS_ITEM_ID_ADD, SHAPE_EXACT, sizeof(struct kdbus_notify_id_change)},
	{KDBUS_ITEM_ID_REMOVE, SHAPE_EXACT, sizeof(struct kdbus_notify_id_change)},
	{KDBUS_ITEM_REPLY_TIMEOUT, SHAPE_EXACT, 0},
	{KDBUS_ITEM_REPLY_DEAD, SHAPE_EXACT, 0},
};

static bool is_string(const char *str, u64 size)
{
	return size > 0 && strnlen(str, size) == size - 1;
}

static int validate_caps(const struct kdbus_item *item, u64 size)
{
	u64 n_words;

	if (size < offsetof(struct kdbus_caps, caps))
		return -EINVAL;
	/* four sets; the number of words fits easily, last_cap has 32 bits */
	n_words = 4 * ((u64)item->caps.last_cap / 32 + 1);
	if (size - offsetof(struct kdbus_caps, caps) < n_words * sizeof(u32))
		return -EINVAL;
	return 0;
}

int kdbus_item_validate(const struct kdbus_item *item)
{
	u64 size = kdbus_item_payload_size(item);
	const struct item_rule *rule = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(item_rules); i++) {
		if (item_rules[i].type == item->type) {
			rule = &item_rules[i];
			break;
		}
	}
	if (!rule)
		return 0;

	switch (rule->shape) {
	case SHAPE_ANY:
		return 0;
	case SHAPE_EXACT:
		return size == rule->size ? 0 : -EINVAL;
	case SHAPE_AT_LEAST:
		return size >= rule->size ? 0 : -EINVAL;
	case SHAPE_MULTIPLE:
		return size % rule->size == 0 ? 0 : -EINVAL;
	case SHAPE_STRING:
		return is_string(item->str, size) ? 0 : -EINVAL;
	case SHAPE_SYSNAME:
		return kdbus_sysname_check(item->str, size);
	case SHAPE_VEC:
		if (size != sizeof(struct kdbus_vec) || item->vec.size == 0 ||
		    item->vec.size > SIZE_MAX)
			return -EINVAL;
		return 0;
	case SHAPE_MEMFD:
		if (size != sizeof(struct kdbus_memfd) || item->memfd.size == 0 ||
		    item->memfd.size > SIZE_MAX)
			return -EINVAL;
		return item->memfd.fd < 0 ? -EBADF : 0;
	case SHAPE_CAPS:
		return validate_caps(item, size);
	case SHAPE_NAME_CHANGE:
		if (size < offsetof(struct kdbus_notify_name_change, name))
			return -EINVAL;
		size -= offsetof(struct kdbus_notify_name_change, name);
		return size == 0 || is_string(item->name_change.name, size) ? 0 : -EINVAL;
	}
	return -EINVAL;
}

int kdbus_items_check(const void *items, u64 size)
{
	const u8 *pos = items;

	while (size > 0) {
		const struct kdbus_item *item = (const struct kdbus_item *)pos;

		if (size < KDBUS_ITEM_HEADER_SIZE || item->size < KDBUS_ITEM_HEADER_SIZE ||
		    item->size > size)
			return -EINVAL;
		if (KDBUS_ALIGN8(item->size) >= size)
			return 0;
		pos += KDBUS_ALIGN8(item->size);
		size -= KDBUS_ALIGN8(item->size);
	}
	return 0;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int kdbus_sysname_check(const char *name, u64 size)
{
	u64 i;

	if (size > KDBUS_SYSNAME_MAX_LEN + 1)
		return -ENAMETOOLONG;
	if (size < 2 || !is_string(name, size))
		return -EINVAL;
	for (i = 0; i < size - 1; i++) {
		if (is_letter(name[i]) || is_digit(name[i]) || name[i] == '_')
			continue;
		if (i > 0 && i < size - 2 && (name[i] == '-' || name[i] == '.'))
			continue;
		return -EINVAL;
	}
	return 0;
}

bool kdbus_sysname_has_uid(const char *name, u32 uid)
{
	char prefix[16], *pos = prefix + sizeof(prefix);

	*--pos = '\0';
	*--pos = '-';
	do {
		*--pos = '0' + uid % 10;
		uid /= 10;
	} while (uid > 0);
	return strncmp(name, pos, strlen(pos)) == 0;
}

bool kdbus_name_is_valid(const char *name, bool wildcard)
{
	bool at_label_start = true;
	unsigned int n_dots = 0;
	const char *c;

	for (c = name; *c; c++) {
		if (*c == '.') {
			if (at_label_start)
				return false;
			at_label_start = true;
			n_dots++;
			continue;
		}
		if (wildcard && *c == '*' && at_label_start && !c[1]) {
			at_label_start = false;
			continue;
		}
		if (!is_letter(*c) && *c != '_' && *c != '-' && (at_label_start || !is_digit(*c)))
			return false;
		at_label_start = false;
	}
	return !at_label_start && n_dots > 0 && c - name <= KDBUS_NAME_MAX_LEN;
}

void kdbus_buffer_deinit(struct kdbus_buffer *buffer)
{
	kvfree(buffer->mem);
	*buffer = (struct kdbus_buffer)KDBUS_BUFFER_INIT;
}

static int buffer_reserve(struct kdbus_buffer *buffer, size_t size)
{
	struct kdbus_result *mem;
	size_t capacity, total;

	if (size <= buffer->capacity - buffer->size)
		return 0;

	/* small results, which are most, fit at once */
	if (check_add_overflow(buffer->size, size, &capacity) ||
	    check_add_overflow(max_t(size_t, capacity, 2 * buffer->capacity), (size_t)64,
			       &capacity) ||
	    check_add_overflow(capacity, sizeof(*mem), &total))
		return -ENOMEM;
	mem = kvmalloc(total, GFP_KERNEL_ACCOUNT);
	if (!mem)
		return -ENOMEM;
	if (buffer->mem) {
		memcpy(mem->data, buffer->mem->data, buffer->size);
		kvfree(buffer->mem);
	}
	buffer->mem = mem;
	buffer->capacity = capacity;
	return 0;
}

void *kdbus_buffer_extend(struct kdbus_buffer *buffer, size_t size)
{
	void *pos;

	if (buffer->error)
		return NULL;
	buffer->error = buffer_reserve(buffer, size);
	if (buffer->error)
		return NULL;

	pos = buffer->mem->data + buffer->size;
	memset(pos, 0, size);
	buffer->size += size;
	buffer->padding = 0;
	return pos;
}

struct kdbus_item *kdbus_buffer_add_item(struct kdbus_buffer *buffer, u64 type, const void *data,
					 size_t size)
{
	struct kdbus_item *item;

	item = kdbus_buffer_extend(buffer, KDBUS_ITEM_PADDED_SIZE(size));
	if (!item)
		return NULL;
	item->size = KDBUS_ITEM_SIZE(size);
	item->type = type;
	if (data && size > 0)
		memcpy(item->data, data, size);
	buffer->padding = KDBUS_ITEM_PADDED_SIZE(size) - KDBUS_ITEM_SIZE(size);
	return item;
}

struct kdbus_result *kdbus_buffer_steal(struct kdbus_buffer *buffer)
{
	struct kdbus_result *mem = buffer->mem;

	if (mem) {
		INIT_HLIST_NODE(&mem->link);
		mem->size = buffer->size;
	}
	*buffer = (struct kdbus_buffer)KDBUS_BUFFER_INIT;
	return mem;
}
