/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials: who is behind a name
 *
 * What the engine recorded when the connection was made; groups and label of the proxy's own
 * clients it need not have been told.  What is not known is left out, never invented: no uid
 * -1, no pid 0.  The bus itself is a good answer, too: clients ask for org.freedesktop.DBus.
 *
 * A descriptor of the process is only there for the proxy's own clients, whose socket
 * gave it: to look one up by pid is a race.
 *
 * See the specification, "org.freedesktop.DBus.GetConnectionCredentials".
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver-emu/driver-internal.h"

/**
 * struct identity - credentials that a record tells
 * @uid: CREDS_UNKNOWN: not known
 * @pid: 0: not known
 * @groups: sorted, the primary one included; owned
 * @seclabel: or NULL; borrowed
 */
struct identity {
	uint32_t uid;
	uint32_t pid;
	uint32_t n_groups;
	uint32_t *groups;
	const char *seclabel;
};

int driver_creds_init(struct driver *driver)
{
	gid_t primary = getegid();
	bool has_primary = false;
	gid_t *groups;
	int n = getgroups(0, NULL);

	if (n < 0)
		return -errno;
	groups = calloc(n + 1, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	n = getgroups(n, groups);
	if (n < 0)
		n = 0;
	for (int i = 0; i < n; i++)
		has_primary |= groups[i] == primary;
	if (!has_primary)
		groups[n++] = primary;
	creds_sort_groups(groups, n);
	_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are passed on as they are");
	driver->groups = groups;
	driver->n_groups = n;
	driver->uid = geteuid();
	driver->pid = getpid();
	return 0;
}

static int identity_add_groups(struct identity *identity, const struct kdbus_item *item,
			       uint32_t primary)
{
	size_t n = item ? (item->size - 16) / 8 : 0;
	bool has_primary = primary == CREDS_UNKNOWN;

	if (!n && has_primary)
		return 0;
	identity->groups = calloc(n + 1, sizeof(*identity->groups));
	if (!identity->groups)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		identity->groups[i] = item->data64[i];
		has_primary |= identity->groups[i] == primary;
	}
	if (!has_primary)
		identity->groups[n++] = primary;
	identity->n_groups = n;
	creds_sort_groups(identity->groups, n);
	return 0;
}

static int identity_copy_groups(struct identity *identity, const uint32_t *groups, uint32_t n)
{
	if (!n)
		return 0;
	identity->groups = calloc(n, sizeof(*groups));
	if (!identity->groups)
		return -ENOMEM;
	memcpy(identity->groups, groups, n * sizeof(*groups));
	identity->n_groups = n;
	return 0;
}

/* what only whoever holds the socket of a peer can tell; instead of what the bus knows of it */
static int identity_complete(struct identity *identity, struct driver_call *call,
			     const struct driver_record *record)
{
	const struct driver *driver = call->driver;
	const struct creds *creds = NULL;
	int r = 0;

	if (!record->is_driver && driver->ops->creds)
		r = driver->ops->creds(driver->userdata, record->id, &creds);
	if (r || !creds)
		return r;
	identity->seclabel = creds->seclabel;
	if (!creds->n_groups)
		return 0;
	free(identity->groups);
	identity->groups = NULL;
	identity->n_groups = 0;
	return identity_copy_groups(identity, creds->groups, creds->n_groups);
}

static int identity_init(struct identity *identity, const struct driver *driver,
			 const struct driver_record *record)
{
	const struct kdbus_item *item, *groups = NULL;
	uint32_t primary = CREDS_UNKNOWN;

	*identity = (struct identity){.uid = CREDS_UNKNOWN};
	if (record->is_driver) {
		identity->uid = driver->uid;
		identity->pid = driver->pid;
		return identity_copy_groups(identity, driver->groups, driver->n_groups);
	}

	driver_item_for_each(item, record->info) {
		switch (item->type) {
		case KDBUS_ITEM_CREDS:
			identity->uid = item->creds.euid;
			primary = item->creds.egid;
			break;
		case KDBUS_ITEM_PIDS:
			identity->pid = item->pids.pid;
			break;
		case KDBUS_ITEM_AUXGROUPS:
			groups = item;
			break;
		case KDBUS_ITEM_SECLABEL:
			identity->seclabel = item->str;
			break;
		}
	}
	/* of a peer without uid nothing is known about groups either */
	return identity->uid == CREDS_UNKNOWN ? 0 : identity_add_groups(identity, groups, primary);
}

static void identity_deinit(struct identity *identity)
{
	free(identity->groups);
}

int driver_run_get_unix_user(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	__cleanup(identity_deinit) struct identity identity = {0};
	const char *name;
	int r;

	r = driver_look_up_argument(call, KDBUS_ATTACH_CREDS, "UID", &name, &record);
	if (r)
		return driver_done(r);
	r = identity_init(&identity, call->driver, &record);
	if (r)
		return r;
	if (identity.uid == CREDS_UNKNOWN)
		return driver_fail(call, DRIVER_ERROR_FAILED, "Could not determine UID for '%s'",
				   name);
	return driver_reply_u32(call, identity.uid);
}

int driver_run_get_unix_process_id(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	__cleanup(identity_deinit) struct identity identity = {0};
	const char *name;
	int r;

	r = driver_look_up_argument(call, KDBUS_ATTACH_PIDS, "PID", &name, &record);
	if (r)
		return driver_done(r);
	r = identity_init(&identity, call->driver, &record);
	if (r)
		return r;
	if (!identity.pid)
		return driver_fail(call, DRIVER_ERROR_UNIX_PROCESS_ID_UNKNOWN,
				   "Could not determine PID for '%s'", name);
	return driver_reply_u32(call, identity.pid);
}

int driver_run_get_adt_audit_session_data(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	const char *name;
	int r;

	r = driver_look_up_argument(call, 0, "audit session data", &name, &record);
	if (r)
		return driver_done(r);
	return driver_fail(call, DRIVER_ERROR_ADT_AUDIT_DATA_UNKNOWN,
			   "Could not determine audit session data for '%s'", name);
}

int driver_run_get_selinux_security_context(struct driver_call *call)
{
	__cleanup(driver_record_release) struct driver_record record = {0};
	const char *name;
	int r;

	r = driver_look_up_argument(call, 0, "security context", &name, &record);
	if (r)
		return driver_done(r);
	return driver_fail(call, DRIVER_ERROR_SELINUX_CONTEXT_UNKNOWN,
			   "Could not determine security context for '%s'", name);
}

/* a duplicate of the pidfd behind a record, or -1 */
static int duplicate_pidfd(struct driver_call *call, const struct driver_record *record)
{
	const struct driver *driver = call->driver;
	int fd;

	if (record->is_driver || !driver->ops->pidfd || !(call->caller->flags & DRIVER_CALLER_FDS))
		return -1;
	fd = driver->ops->pidfd(driver->userdata, record->id);
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void put_identity(struct wire_writer *writer, const struct identity *identity)
{
	size_t mark;

	if (identity->uid != CREDS_UNKNOWN) {
		driver_put_key(writer, "UnixUserID", "u");
		wire_put_u32(writer, identity->uid);
	}
	if (identity->n_groups) {
		driver_put_key(writer, "UnixGroupIDs", "au");
		mark = wire_put_array(writer, 4);
		for (uint32_t i = 0; i < identity->n_groups; i++)
			wire_put_u32(writer, identity->groups[i]);
		wire_end_array(writer, mark, 4);
	}
	if (identity->pid) {
		driver_put_key(writer, "ProcessID", "u");
		wire_put_u32(writer, identity->pid);
	}
	if (identity->seclabel) {
		driver_put_key(writer, "LinuxSecurityLabel", "ay");
		mark = wire_put_array(writer, 1);
		wire_put_bytes(writer, identity->seclabel, strlen(identity->seclabel) + 1);
		wire_end_array(writer, mark, 1);
	}
}

int driver_run_get_credentials(struct driver_call *call)
{
	const uint64_t attach_flags = KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS |
				      KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_SECLABEL;
	__cleanup(driver_record_release) struct driver_record record = {0};
	__cleanup(identity_deinit) struct identity identity = {0};
	__cleanup(message_unrefp) struct message *message = NULL;
	__cleanup(closep) int pidfd = -1;
	struct wire_writer writer;
	const char *name;
	size_t mark;
	int r;

	r = driver_look_up_argument(call, attach_flags, "credentials", &name, &record);
	if (r)
		return driver_done(r);
	r = identity_init(&identity, call->driver, &record);
	r = r ?: identity_complete(&identity, call, &record);
	if (r)
		return r;
	pidfd = duplicate_pidfd(call, &record);

	wire_writer_init(&writer, WIRE_RETURN, WIRE_NO_REPLY_EXPECTED, SYNTHETIC_SERIAL);
	wire_put_field_u32(&writer, WIRE_FIELD_REPLY_SERIAL, call->message->header.serial);
	wire_put_field_string(&writer, WIRE_FIELD_DESTINATION, driver_caller_name(call->caller));
	wire_put_field_string(&writer, WIRE_FIELD_SENDER, DRIVER_NAME);
	if (pidfd >= 0)
		wire_put_field_u32(&writer, WIRE_FIELD_UNIX_FDS, 1);
	wire_put_body(&writer, call->method->out);
	mark = wire_put_array(&writer, 8);
	put_identity(&writer, &identity);
	if (pidfd >= 0) {
		driver_put_key(&writer, "ProcessFD", "h");
		wire_put_u32(&writer, 0);
	}
	wire_end_array(&writer, mark, 8);
	r = message_new_finish(&writer, &message);
	if (r)
		return r;
	if (pidfd >= 0)
		message->payload.fds[0] = steal_fd(&pidfd);
	driver_answer_add(call->answer, steal(message));
	return 0;
}
