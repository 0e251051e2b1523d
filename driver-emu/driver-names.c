/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: Hello, and who owns what
 *
 * The registry is the engine's; here its answers become those of D-Bus.  NameLost,
 * NameOwnerChanged and NameAcquired are not made here either: they come out of the
 * caller's queue as notifications, in front of the answer.
 *
 * See the specification, "Message Bus Messages".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "driver-emu/driver-internal.h"

/* flags and results of RequestName and ReleaseName */
enum {
	NAME_ALLOW_REPLACEMENT = 1,
	NAME_REPLACE_EXISTING = 2,
	NAME_DO_NOT_QUEUE = 4,
};

enum {
	REQUEST_PRIMARY_OWNER = 1,
	REQUEST_IN_QUEUE = 2,
	REQUEST_EXISTS = 3,
	REQUEST_ALREADY_OWNER = 4,
};

enum {
	RELEASE_RELEASED = 1,
	RELEASE_NON_EXISTENT = 2,
	RELEASE_NOT_OWNER = 3,
};

/* a command whose only item is a name */
union name_command {
	struct kdbus_cmd cmd;
	uint8_t room[sizeof(struct kdbus_cmd) + 16 + WIRE_MAX_NAME + 1];
};

/* returns its size */
static uint64_t name_item_init(struct kdbus_item *item, const char *name)
{
	size_t len = strlen(name);

	item->size = 16 + len + 1;
	item->type = KDBUS_ITEM_NAME;
	memcpy(item->str, name, len + 1);
	return item->size;
}

static void name_command_init(union name_command *command, uint64_t flags, const char *name)
{
	command->cmd = (struct kdbus_cmd){.size = sizeof(command->cmd), .flags = flags};
	command->cmd.size += name_item_init(command->cmd.items, name);
}

int driver_run_hello(struct driver_call *call)
{
	struct driver_caller *caller = call->caller;
	struct message *message;
	int r;

	if (caller->conn)
		return driver_fail(call, DRIVER_ERROR_FAILED, "Already handled an Hello message");
	r = call->driver->ops->hello(call->driver->userdata, caller);
	switch (r) {
	case DRIVER_HELLO_LIMIT:
		return driver_fail(call, DRIVER_ERROR_LIMITS_EXCEEDED,
				   "The maximum number of active connections has been reached");
	case DRIVER_HELLO_USER_LIMIT:
		return driver_fail(call, DRIVER_ERROR_LIMITS_EXCEEDED,
				   "The maximum number of active connections for UID %d has been "
				   "reached",
				   (int)driver_caller_creds(call)->uid);
	case 0:
		break;
	default:
		return r;
	}

	r = driver_reply_string(call, caller->unique_name);
	if (r)
		return r;
	r = synthetic_name_acquired(caller->unique_name, caller->unique_name, &message);
	if (r)
		return r;
	driver_answer_add(call->answer, message);
	return 0;
}

/* lists */

/* one record of LIST: a connection, or one of its names */
struct list_entry {
	uint64_t id;
	const char *name; /* or NULL */
};

union list_command {
	struct kdbus_cmd_list cmd;
	uint8_t room[sizeof(struct kdbus_cmd_list) + 16 + WIRE_MAX_NAME + 1];
};

/**
 * list() - records about ordinary connections, or about activators
 * @flags: KDBUS_LIST_*; with KDBUS_LIST_ACTIVATORS nothing else
 * @name: only those about this name, in the order of its queue; NULL: all
 * @fn: called for each until it returns non-zero
 *
 * Return: 0, what @fn returned, or a negative errno: -EINVAL for a @name on a bus
 * that can list all names only.
 */
static int list(struct driver_call *call, uint64_t flags, const char *name,
		int (*fn)(void *userdata, const struct list_entry *entry), void *userdata)
{
	const uint64_t wanted = flags & KDBUS_LIST_ACTIVATORS ? KDBUS_HELLO_ACTIVATOR : 0;
	struct engine_conn *conn = call->caller->conn;
	union list_command command;
	const struct kdbus_info *info;
	const struct kdbus_item *item;
	const char *records;
	int r;

	command.cmd = (struct kdbus_cmd_list){.size = sizeof(command.cmd), .flags = flags};
	if (name)
		command.cmd.size += name_item_init(command.cmd.items, name);
	r = engine_command(conn, KDBUS_CMD_LIST, &command.cmd);
	if (r)
		return r;
	records = command.cmd.list_size ? engine_slice(conn, command.cmd.offset) : NULL;
	for (uint64_t at = 0; at < command.cmd.list_size && !r;
	     at += (info->size + 7) & ~UINT64_C(7)) {
		struct list_entry entry = {0};

		info = (const void *)(records + at);
		if ((info->flags & ENGINE_NO_PEER) != wanted)
			continue;
		entry.id = info->id;
		driver_item_for_each(item, info) {
			if (item->type == KDBUS_ITEM_OWNED_NAME)
				entry.name = item->name.name;
		}
		r = fn(userdata, &entry);
	}
	engine_slice_free(conn, command.cmd.offset);
	return r;
}

struct name_list {
	struct driver_call *call;
	struct wire_writer *writer;
	uint64_t last_id;
};

static int put_entry(void *userdata, const struct list_entry *entry)
{
	struct name_list *names = userdata;
	char unique_name[UNIQUE_NAME_SIZE];

	/* a connection with several names has a record for each, one behind the other */
	if (entry->id != names->last_id) {
		unique_name_format(entry->id, names->call->driver->id_offset, unique_name);
		wire_put_string(names->writer, unique_name);
		names->last_id = entry->id;
	}
	if (entry->name)
		wire_put_string(names->writer, entry->name);
	return 0;
}

int driver_run_list_names(struct driver_call *call)
{
	struct wire_writer writer;
	struct name_list names = {.call = call, .writer = &writer};
	size_t mark;
	int r;

	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 4);
	wire_put_string(&writer, DRIVER_NAME);
	r = list(call, KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES, NULL, put_entry, &names);
	if (r) {
		wire_writer_deinit(&writer);
		return r;
	}
	wire_end_array(&writer, mark, 4);
	return driver_reply_finish(call, &writer);
}

struct activator_list {
	int (*fn)(void *userdata, const char *name);
	void *userdata;
};

static int put_activator(void *userdata, const struct list_entry *entry)
{
	const struct activator_list *activators = userdata;

	return entry->name ? activators->fn(activators->userdata, entry->name) : 0;
}

int driver_list_activators(struct driver_call *call, int (*fn)(void *userdata, const char *name),
			   void *userdata)
{
	struct activator_list activators = {.fn = fn, .userdata = userdata};

	return list(call, KDBUS_LIST_ACTIVATORS, NULL, put_activator, &activators);
}

struct name_count {
	const uint64_t *id;
	uint64_t last_id;
	uint32_t n;
};

static int count_names(void *userdata, const struct list_entry *entry)
{
	struct name_count *count = userdata;

	if (count->id && *count->id != entry->id)
		return 0;
	if (count->last_id != entry->id)
		count->n++;
	count->last_id = entry->id;
	if (entry->name)
		count->n++;
	return 0;
}

int driver_count_names(struct driver_call *call, const uint64_t *id, uint32_t *n_out)
{
	struct name_count count = {.id = id};
	int r;

	r = list(call, KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES, NULL, count_names, &count);
	if (r)
		return r;
	*n_out = count.n;
	return 0;
}

/* RequestName and ReleaseName */

/* whether the caller has as many names as it may */
static bool has_all_names(struct driver_call *call)
{
	/* the unique name counts as well */
	return engine_conn_n_names(call->caller->conn) + 1 >= call->driver->limits.n_names;
}

/* for those who are curious */
static void note_names(struct driver_call *call)
{
	uint32_t n = engine_conn_n_names(call->caller->conn) + 1;

	if (n > call->caller->peak_names)
		call->caller->peak_names = n;
	if (n > call->driver->peak_names)
		call->driver->peak_names = n;
}

static int fail_limit(struct driver_call *call)
{
	return driver_fail(call, DRIVER_ERROR_LIMITS_EXCEEDED,
			   "Connection \"%s\" is not allowed to own more services (increase limits "
			   "in configuration file if required; max_names_per_connection=%u)",
			   call->caller->unique_name, call->driver->limits.n_names);
}

/* whether @name can be owned; if not, has answered */
static int check_name(struct driver_call *call, const char *name, bool *is_good_out)
{
	bool is_request = call->method->run == driver_run_request_name;

	*is_good_out = false;
	if (!wire_bus_name_is_valid(name, strlen(name)))
		return driver_fail(call, DRIVER_ERROR_INVALID_ARGS,
				   "%s bus name \"%s\" is not valid",
				   is_request ? "Requested" : "Given", name);
	if (name[0] == ':')
		return driver_fail(call, DRIVER_ERROR_INVALID_ARGS,
				   "Cannot %s a service starting with ':' such as \"%s\"",
				   is_request ? "acquire" : "release", name);
	if (strcmp(name, DRIVER_NAME) == 0) {
		/* COMPAT: without the blank, as dbus-daemon has it */
		if (is_request)
			return driver_fail(call, DRIVER_ERROR_INVALID_ARGS,
					   "Connection \"%s\" is not allowed to own the service "
					   "\"%s\"because it is reserved for D-Bus' use only",
					   call->caller->unique_name, name);
		return driver_fail(call, DRIVER_ERROR_INVALID_ARGS,
				   "Cannot release the %s service because it is owned by the bus",
				   name);
	}
	*is_good_out = true;
	return 0;
}

int driver_run_request_name(struct driver_call *call)
{
	const struct driver_ops *ops = call->driver->ops;
	char rule[DRIVER_MAX_RULE];
	const char *name = wire_read_string(&call->args, NULL);
	uint32_t flags = wire_read_u32(&call->args);
	union name_command command;
	uint64_t name_flags = 0;
	bool is_good;
	int r;

	r = check_name(call, name, &is_good);
	if (r || !is_good)
		return r;
	if (ops->may_own && !ops->may_own(call->driver->userdata, call->caller, name, rule))
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Connection \"%s\" is not allowed to own the service \"%s\" due "
				   "to security policies in the configuration file%s",
				   call->caller->unique_name, name, rule);
	if (has_all_names(call))
		return fail_limit(call);

	if (flags & NAME_ALLOW_REPLACEMENT)
		name_flags |= KDBUS_NAME_ALLOW_REPLACEMENT;
	if (flags & NAME_REPLACE_EXISTING)
		name_flags |= KDBUS_NAME_REPLACE_EXISTING;
	if (!(flags & NAME_DO_NOT_QUEUE))
		name_flags |= KDBUS_NAME_QUEUE;
	name_command_init(&command, name_flags, name);
	r = engine_command(call->caller->conn, KDBUS_CMD_NAME_ACQUIRE, &command.cmd);
	switch (r) {
	case 0:
		break;
	case -EEXIST:
		return driver_reply_u32(call, REQUEST_EXISTS);
	case -EALREADY: /* from a bus of profile P1 */
		return driver_reply_u32(call, REQUEST_ALREADY_OWNER);
	case -E2BIG:
		return fail_limit(call);
	case -EPERM:
		return driver_fail(call, DRIVER_ERROR_ACCESS_DENIED,
				   "Connection \"%s\" is not allowed to own the service \"%s\" due "
				   "to security policies in the configuration file",
				   call->caller->unique_name, name);
	default:
		return r;
	}

	note_names(call);
	if (command.cmd.return_flags & KDBUS_NAME_IN_QUEUE)
		return driver_reply_u32(call, REQUEST_IN_QUEUE);
	if (!(command.cmd.return_flags & KDBUS_NAME_PRIMARY))
		return driver_reply_u32(call, REQUEST_EXISTS);
	if (command.cmd.return_flags & KDBUS_NAME_ACQUIRED)
		return driver_reply_u32(call, REQUEST_PRIMARY_OWNER);
	return driver_reply_u32(call, REQUEST_ALREADY_OWNER);
}

/* the bus says the same of a name that another connection owns, and of one that an activator
 * holds: one that nobody owns */
static int fail_to_release(struct driver_call *call, const char *name)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	int r;

	r = driver_look_up(call, name, 0, &record);
	if (r < 0)
		return r;
	return driver_reply_u32(call, r ? RELEASE_NON_EXISTENT : RELEASE_NOT_OWNER);
}

int driver_run_release_name(struct driver_call *call)
{
	const char *name = wire_read_string(&call->args, NULL);
	union name_command command;
	bool is_good;
	int r;

	r = check_name(call, name, &is_good);
	if (r || !is_good)
		return r;
	name_command_init(&command, 0, name);
	r = engine_command(call->caller->conn, KDBUS_CMD_NAME_RELEASE, &command.cmd);
	switch (r) {
	case 0:
		return driver_reply_u32(call, RELEASE_RELEASED);
	case -ESRCH:
		return driver_reply_u32(call, RELEASE_NON_EXISTENT);
	case -EADDRINUSE:
		return fail_to_release(call, name);
	default:
		return r;
	}
}

/* owners */

int driver_run_name_has_owner(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	int r;

	r = driver_look_up(call, wire_read_string(&call->args, NULL), 0, &record);
	if (r < 0)
		return r;
	return driver_reply_bool(call, r == 0);
}

int driver_run_get_name_owner(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	const char *name;
	char unique_name[UNIQUE_NAME_SIZE];
	int r;

	r = driver_look_up_argument(call, 0, "owner", &name, &record);
	if (r)
		return driver_done(r);
	if (record.is_driver)
		return driver_reply_string(call, DRIVER_NAME);
	unique_name_format(record.id, call->driver->id_offset, unique_name);
	return driver_reply_string(call, unique_name);
}

/* in another process a name may change hands between two questions */
enum { QUEUE_RETRIES = 8 };

struct queue {
	struct name_list list;
	const char *name;
	uint64_t owner; /* that is there already, or 0 */
	unsigned n;
};

static int put_queued(void *userdata, const struct list_entry *entry)
{
	struct queue *queue = userdata;

	if (!entry->name || strcmp(entry->name, queue->name) != 0 || entry->id == queue->owner)
		return 0;
	queue->n++;
	return put_entry(&queue->list, &(struct list_entry){.id = entry->id});
}

/* all who are in the queue of a well-known name, @owner first; 1: it has changed hands since that
 * was looked up */
static int put_queue(struct driver_call *call, struct wire_writer *writer, const char *name,
		     uint64_t owner)
{
	struct queue queue = {.list = {.call = call, .writer = writer}, .name = name};
	char unique_name[UNIQUE_NAME_SIZE];
	int r;

	r = list(call, KDBUS_LIST_NAMES | KDBUS_LIST_QUEUED, name, put_queued, &queue);
	if (r != -EINVAL)
		return r ?: !queue.n;
	/* a bus as it was published does not tell the order */
	unique_name_format(owner, call->driver->id_offset, unique_name);
	wire_put_string(writer, unique_name);
	queue.owner = owner;
	return list(call, KDBUS_LIST_QUEUED, NULL, put_queued, &queue);
}

static int try_list_queued_owners(struct driver_call *call, const char *name,
				  const struct driver_record *record)
{
	char unique_name[UNIQUE_NAME_SIZE];
	struct wire_writer writer;
	size_t mark;
	int r = 0;

	driver_reply_init(call, &writer);
	mark = wire_put_array(&writer, 4);
	if (record->is_driver) {
		wire_put_string(&writer, DRIVER_NAME);
	} else if (name[0] == ':') {
		unique_name_format(record->id, call->driver->id_offset, unique_name);
		wire_put_string(&writer, unique_name);
	} else {
		r = put_queue(call, &writer, name, record->id);
	}
	if (r) {
		wire_writer_deinit(&writer);
		return r;
	}
	wire_end_array(&writer, mark, 4);
	return driver_reply_finish(call, &writer);
}

int driver_run_list_queued_owners(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	const __typeof__(call->args) args = call->args;
	const char *name;
	int r = 1;

	for (int i = 0; r > 0 && i < QUEUE_RETRIES; i++) {
		driver_record_release(&record);
		call->args = args;
		r = driver_look_up_argument(call, 0, "owners", &name, &record);
		if (r)
			return driver_done(r);
		r = try_list_queued_owners(call, name, &record);
	}
	if (r > 0)
		return driver_fail(call, DRIVER_ERROR_FAILED, "The owners of '%s' do not stay",
				   name);
	return r;
}
