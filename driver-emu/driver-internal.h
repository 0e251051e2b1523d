/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Driver, what its parts share
 *
 * A method is a row of a table and a function.  The function finds the arguments in
 * call->args, in the order of the signature that the table gave and driver.c
 * checked, and ends with one of driver_reply_*(), driver_ack() or driver_fail().
 */
#pragma once

#include <sys/types.h>

#include "driver-emu/driver.h"

struct driver {
	unsigned flags; /* DRIVER_* of its options */
	struct engine *engine;
	struct match_registry *matches;
	const struct driver_ops *ops;
	void *userdata;
	struct driver_limits limits;
	uint64_t id_offset;
	char guid[33];
	char machine_id[33]; /* "" if the machine has none */
	/* of the bus itself */
	uint32_t uid;
	pid_t pid;
	uint32_t n_groups;
	uint32_t peak_names; /* the most that one caller had */
	uint32_t *groups;    /* sorted */
};

struct driver_call {
	struct driver *driver;
	struct driver_caller *caller;
	const struct message *message;
	const struct driver_method *method;
	struct wire_reader args;
	struct driver_answer *answer;
};

#define DRIVER_METHOD_CANONICAL	 (1u << 0) /* only on the canonical path */
#define DRIVER_METHOD_PRIVILEGED (1u << 1) /* only for root and the owner of the bus */
#define DRIVER_METHOD_EARLY	 (1u << 2) /* before Hello as well */
#define DRIVER_METHOD_EFFECT	 (1u << 3) /* changes something: no error says it did not */
#define DRIVER_METHOD_OWNER	 (1u << 4) /* only the owner of the bus can answer */

/**
 * struct driver_method - a method of the driver
 * @in, @out: signatures
 * @run: 0, or a negative errno
 * @flags: DRIVER_METHOD_*
 */
struct driver_method {
	const char *name;
	const char *in;
	const char *out;
	int (*run)(struct driver_call *call);
	unsigned flags;
};

/* @args: names of the arguments, or NULL */
struct driver_signal {
	const char *name;
	const char *signature;
	const char *const *args;
};

/* @put: writes the value, behind the variant's signature */
struct driver_property {
	const char *name;
	const char *signature;
	void (*put)(struct driver *driver, struct wire_writer *writer);
};

/**
 * struct driver_interface - an interface of the driver
 * @is_canonical: only on the canonical path
 * @is_advertised: named by the property Interfaces
 * @methods, @signals, @properties: up to one without name; may be NULL
 */
struct driver_interface {
	const char *name;
	bool is_canonical;
	bool is_advertised;
	const struct driver_method *methods;
	const struct driver_signal *signals;
	const struct driver_property *properties;
};

/* in the order in which methods are looked for; ends with one without name */
extern const struct driver_interface driver_interfaces[];

const struct driver_interface *driver_find_interface(const char *name);

/* answers; each returns 0 or -ENOMEM */

/* one more message for the caller; takes the reference */
void driver_answer_add(struct driver_answer *answer, struct message *message);
/* the same with what was written; 0 or what message_new_finish() returns */
int driver_answer_finish(struct driver_answer *answer, struct wire_writer *writer);
/* destination of the answer */
const char *driver_caller_name(const struct driver_caller *caller);
/* who calls */
const struct creds *driver_caller_creds(const struct driver_call *call);
/* begins the answer: the values follow, and driver_reply_finish() */
void driver_reply_init(struct driver_call *call, struct wire_writer *writer);
int driver_reply_finish(struct driver_call *call, struct wire_writer *writer);
int driver_reply_string(struct driver_call *call, const char *text);
int driver_reply_u32(struct driver_call *call, uint32_t value);
int driver_reply_bool(struct driver_call *call, bool value);
/* an answer without values, unless the caller wants none */
int driver_ack(struct driver_call *call);
int driver_fail(struct driver_call *call, enum driver_error error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* the caller is not privileged */
int driver_refuse(struct driver_call *call);

/* a dict entry of a{sv}: key and signature; the value follows */
void driver_put_key(struct wire_writer *writer, const char *key, const char *signature);

/* look-ups */

/**
 * struct driver_record - what the engine knows about somebody
 * @is_driver: it is the bus itself, nothing else is valid
 * @id: of the connection
 * @info: record of CONN_INFO
 */
struct driver_record {
	bool is_driver;
	uint64_t id;
	const struct kdbus_info *info;
	struct engine_conn *conn;
	uint64_t offset;
};

#define DRIVER_NOT_FOUND 1

/**
 * driver_look_up() - who owns a name?
 * @name: anything: well-known, unique, the driver's, or no name at all
 * @attach_flags: KDBUS_ATTACH_*: what the record shall tell
 *
 * Return: 0, DRIVER_NOT_FOUND, or a negative errno.
 */
int driver_look_up(struct driver_call *call, const char *name, uint64_t attach_flags,
		   struct driver_record *record_out);
void driver_record_release(struct driver_record *record);

/**
 * driver_look_up_argument() - who owns the name that is the only argument?
 * @what: the caller wants to know of it, for the error
 * @name_out: the name, also when nobody has it
 *
 * Return: 0, DRIVER_NOT_FOUND: the call has been answered with an error, or a
 * negative errno.
 */
int driver_look_up_argument(struct driver_call *call, uint64_t attach_flags, const char *what,
			    const char **name_out, struct driver_record *record_out);

/* what a method returns that found nothing, and has said so, or failed */
static inline int driver_done(int r)
{
	return r < 0 ? r : 0;
}

/**
 * driver_count_names() - unique and well-known names on the bus
 * @id: those of one connection only; or NULL
 *
 * Return: 0 or a negative errno.
 */
int driver_count_names(struct driver_call *call, const uint64_t *id, uint32_t *n_out);

/**
 * driver_list_activators() - names that the engine has an activator for
 * @fn: called for each until it returns non-zero
 *
 * Return: 0, what @fn returned, or a negative errno.
 */
int driver_list_activators(struct driver_call *call, int (*fn)(void *userdata, const char *name),
			   void *userdata);

#define driver_item_for_each(item, info)                                                           \
	for ((item) = (info)->items; (const char *)(item) < (const char *)(info) + (info)->size;   \
	     (item) = (const void *)((const char *)(item) + (((item)->size + 7) & ~UINT64_C(7))))

/* methods, by file */

void driver_peer_init(struct driver *driver); /* reads the machine id */
int driver_peer_dispatch(struct driver *driver, const struct message *call,
			 struct driver_answer *answer);
int driver_run_ping(struct driver_call *call);
int driver_run_get_machine_id(struct driver_call *call);

int driver_run_hello(struct driver_call *call);
int driver_run_request_name(struct driver_call *call);
int driver_run_release_name(struct driver_call *call);
int driver_run_list_queued_owners(struct driver_call *call);
int driver_run_list_names(struct driver_call *call);
int driver_run_name_has_owner(struct driver_call *call);
int driver_run_get_name_owner(struct driver_call *call);

int driver_creds_init(struct driver *driver); /* identity of this process */
int driver_run_get_unix_user(struct driver_call *call);
int driver_run_get_unix_process_id(struct driver_call *call);
int driver_run_get_adt_audit_session_data(struct driver_call *call);
int driver_run_get_selinux_security_context(struct driver_call *call);
int driver_run_get_credentials(struct driver_call *call);

int driver_run_add_match(struct driver_call *call);
int driver_run_remove_match(struct driver_call *call);

int driver_run_list_activatable_names(struct driver_call *call);
int driver_run_start_service(struct driver_call *call);
int driver_run_update_environment(struct driver_call *call);

int driver_run_get_id(struct driver_call *call);
int driver_run_reload_config(struct driver_call *call);

int driver_run_become_monitor(struct driver_call *call);

int driver_run_introspect(struct driver_call *call);

int driver_run_get_property(struct driver_call *call);
int driver_run_get_all_properties(struct driver_call *call);
int driver_run_set_property(struct driver_call *call);
void driver_put_features(struct driver *driver, struct wire_writer *writer);
void driver_put_interfaces(struct driver *driver, struct wire_writer *writer);

int driver_run_get_stats(struct driver_call *call);
int driver_run_get_connection_stats(struct driver_call *call);
int driver_run_get_all_match_rules(struct driver_call *call);
