/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synthetic messages, and what notifications and errnos become */
#include <errno.h>
#include <string.h>

#include "driver-emu/synthetic.h"
#include "tests/harness/fault.h"
#include "tests/unit/driver/driver-util.h"

static void expect_message(struct message *message, const char *dump, const char *destination)
{
	expect_str(message_dump(message), dump);
	expect_str(message_destination(message), destination);
	expect_str(message_sender(message), DRIVER_NAME);
	expect_eq(message->header.serial, SYNTHETIC_SERIAL);
	expect_eq(message->header.flags, WIRE_NO_REPLY_EXPECTED);
	message_unref(message);
}

TEST(signals_of_the_driver)
{
	struct message *m;

	expect_eq(synthetic_name_owner_changed("a.b", "", ":1.1", NULL, &m), 0);
	expect_str(message_path(m), DRIVER_PATH);
	expect_str(message_interface(m), DRIVER_INTERFACE);
	expect_message(m, "signal NameOwnerChanged sss \"a.b\" \"\" \":1.1\"", NULL);
	expect_eq(synthetic_name_owner_changed("a.b", ":1.1", ":1.2", ":1.3", &m), 0);
	expect_message(m, "signal NameOwnerChanged sss \"a.b\" \":1.1\" \":1.2\"", ":1.3");
	expect_eq(synthetic_name_acquired("a.b", ":1.1", &m), 0);
	expect_message(m, "signal NameAcquired s \"a.b\"", ":1.1");
	expect_eq(synthetic_name_lost("a.b", ":1.1", &m), 0);
	expect_message(m, "signal NameLost s \"a.b\"", ":1.1");
	expect_eq(synthetic_activatable_services_changed(&m), 0);
	expect_message(m, "signal ActivatableServicesChanged", NULL);
}

TEST(errors_and_returns)
{
	struct wire_writer writer;
	struct message *m;

	expect_eq(synthetic_error(7, ":1.1", DRIVER_ERROR_FAILED, "so it is", &m), 0);
	expect_eq(m->header.reply_serial, 7);
	expect_message(m, "error Failed \"so it is\"", ":1.1");
	expect_eq(synthetic_error(7, ":1.1", DRIVER_ERROR_PEER_GONE, NULL, &m), 0);
	expect_message(m,
		       "error NoReply \"Message recipient disconnected from message bus without "
		       "replying\"",
		       ":1.1");
	synthetic_return_init(&writer, 9, ":1.2", "u");
	wire_put_u32(&writer, 5);
	expect_eq(message_new_finish(&writer, &m), 0);
	expect_eq(m->header.reply_serial, 9);
	expect_message(m, "return u 5", ":1.2");
}

TEST(every_error_has_a_valid_name_and_a_text)
{
	for (int error = DRIVER_ERROR_NONE + 1; error < _DRIVER_ERROR_MAX; error++) {
		const char *name = driver_error_name(error);

		expect(name && wire_error_name_is_valid(name, strlen(name)));
		expect(driver_error_text(error) && *driver_error_text(error));
	}
}

TEST(errnos_of_send)
{
	static const struct {
		int r;
		bool no_auto_start;
		enum driver_error error;
	} cases[] = {
		{0, false, DRIVER_ERROR_NONE},
		{-EBADSLT, false, DRIVER_ERROR_NONE},
		{-EREMCHG, false, DRIVER_ERROR_NONE},
		{-ESRCH, false, DRIVER_ERROR_SERVICE_UNKNOWN},
		{-ESRCH, true, DRIVER_ERROR_NAME_HAS_NO_OWNER},
		{-ENXIO, false, DRIVER_ERROR_SERVICE_UNKNOWN},
		{-ENXIO, true, DRIVER_ERROR_NAME_HAS_NO_OWNER},
		{-EADDRNOTAVAIL, true, DRIVER_ERROR_NAME_HAS_NO_OWNER},
		{-EPERM, false, DRIVER_ERROR_ACCESS_DENIED},
		{-EEXIST, false, DRIVER_ERROR_ACCESS_DENIED},
		{-ENOBUFS, false, DRIVER_ERROR_LIMITS_EXCEEDED},
		{-EXFULL, false, DRIVER_ERROR_LIMITS_EXCEEDED},
		{-EMLINK, false, DRIVER_ERROR_LIMITS_EXCEEDED},
		{-EMSGSIZE, false, DRIVER_ERROR_LIMITS_EXCEEDED},
		{-ENOMEM, false, DRIVER_ERROR_NO_MEMORY},
		{-ECOMM, false, DRIVER_ERROR_NOT_SUPPORTED},
		{-EOPNOTSUPP, false, DRIVER_ERROR_NOT_SUPPORTED},
		{-ECONNRESET, false, DRIVER_ERROR_PEER_GONE},
		{-EPIPE, false, DRIVER_ERROR_PEER_GONE},
		{-ETIMEDOUT, false, DRIVER_ERROR_TIMED_OUT},
		{-EIO, false, DRIVER_ERROR_FAILED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (driver_error_from_send(cases[i].r, cases[i].no_auto_start) != cases[i].error)
			fail("%s", strerror(-cases[i].r));
}

TEST(notifications)
{
	enum {
		ADD = KDBUS_ITEM_ID_ADD,
		REMOVE = KDBUS_ITEM_ID_REMOVE,
		NAME_ADD = KDBUS_ITEM_NAME_ADD,
		NAME_REMOVE = KDBUS_ITEM_NAME_REMOVE,
		NAME_CHANGE = KDBUS_ITEM_NAME_CHANGE,
		PRIMARY = KDBUS_NAME_PRIMARY,
		WAITS = KDBUS_NAME_IN_QUEUE,
		ACTIVATOR = KDBUS_NAME_ACTIVATOR | KDBUS_NAME_PRIMARY,
	};
	static const struct {
		struct engine_notification notification;
		const char *name; /* NULL: nothing to be seen */
		const char *old_owner, *new_owner;
	} cases[] = {
		{{ADD, .new_id = 5}, ":1.4", "", ":1.4"},
		{{ADD, .new_id = 5, .new_flags = KDBUS_HELLO_ACCEPT_FD}, ":1.4", "", ":1.4"},
		{{REMOVE, .old_id = 5}, ":1.4", ":1.4", ""},
		{{ADD, .new_id = 5, .new_flags = KDBUS_HELLO_ACTIVATOR}, NULL, NULL, NULL},
		{{ADD, .new_id = 5, .new_flags = KDBUS_HELLO_POLICY_HOLDER}, NULL, NULL, NULL},
		{{REMOVE, .old_id = 5, .old_flags = KDBUS_HELLO_MONITOR}, NULL, NULL, NULL},
		{{NAME_ADD, .new_id = 5, .new_flags = PRIMARY, .name = "a.b"}, "a.b", "", ":1.4"},
		{{NAME_ADD, .new_id = 5, .new_flags = ACTIVATOR, .name = "a.b"}, NULL, NULL, NULL},
		{{NAME_REMOVE, .old_id = 5, .old_flags = PRIMARY, .name = "a.b"},
		 "a.b",
		 ":1.4",
		 ""},
		{{NAME_REMOVE, .old_id = 5, .old_flags = ACTIVATOR, .name = "a.b"},
		 NULL,
		 NULL,
		 NULL},
		{{NAME_CHANGE, 5, PRIMARY, 6, PRIMARY, .name = "a.b"}, "a.b", ":1.4", ":1.5"},
		{{NAME_CHANGE, 5, ACTIVATOR, 6, PRIMARY, .name = "a.b"}, "a.b", "", ":1.5"},
		{{NAME_CHANGE, 5, PRIMARY, 6, ACTIVATOR, .name = "a.b"}, "a.b", ":1.4", ""},
		{{NAME_CHANGE, 5, WAITS, 6, ACTIVATOR, .name = "a.b"}, NULL, NULL, NULL},
		{{NAME_CHANGE, 5, PRIMARY, 5, PRIMARY, .name = "a.b"}, NULL, NULL, NULL},
		{{KDBUS_ITEM_REPLY_DEAD, .cookie_reply = 3}, NULL, NULL, NULL},
		{{KDBUS_ITEM_REPLY_TIMEOUT, .cookie_reply = 3}, NULL, NULL, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct synthetic_change change;
		bool is_seen = synthetic_change_init(&change, &cases[i].notification, 1);

		if (is_seen != !!cases[i].name)
			fail("case %zu is %sseen", i, is_seen ? "" : "not ");
		if (!is_seen)
			continue;
		expect_str(change.name, cases[i].name);
		expect_str(change.old_owner, cases[i].old_owner);
		expect_str(change.new_owner, cases[i].new_owner);
		expect_eq(change.old_id, *change.old_owner ? cases[i].notification.old_id : 0);
		expect_eq(change.new_id, *change.new_owner ? cases[i].notification.new_id : 0);
	}
}

TEST(out_of_memory)
{
	struct message *m = NULL;
	unsigned long n;
	int r;

	for (n = 1;; n++) {
		fault_at(n);
		r = synthetic_error(8, ":1.1", DRIVER_ERROR_FAILED, "x", &m);
		if (!fault_disarm())
			break;
		expect_eq(r, -ENOMEM);
		expect(!m);
	}
	expect_gt(n, 2);
	expect_eq(r, 0);
	message_unref(m);
}
