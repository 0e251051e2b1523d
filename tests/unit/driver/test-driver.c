/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver: dispatch, names, matches, and the bus as a whole
 *
 * Expected texts were seen on dbus-daemon.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/driver/driver-util.h"
#include "tests/unit/proxy/rule-text.h"

#define EARLY                                                                                      \
	"error AccessDenied \"Client tried to send a message other than Hello without being "      \
	"registered\""
#define UNKNOWN(kind, method)                                                                      \
	"error Unknown" kind " \"org.freedesktop.DBus does not understand message " method "\""
#define N(array) (sizeof(array) / sizeof((array)[0]))

struct expectation {
	struct request request;
	const char *expected;
};

static void expect_all(struct bus *bus, struct member *member, const struct expectation *cases,
		       size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_request(bus, member, &cases[i].request, cases[i].expected, __FILE__,
			       __LINE__);
}

/* Hello */

CARRIER_TEST(hello_brings_a_name)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char expected[128];

	/* any path, without interface, whatever the flags */
	expect_eq(bus_dispatch(bus, a,
			       &(struct request){.member = "Hello",
						 .path = "/x",
						 .interface = "",
						 .flags = WIRE_NO_REPLY_EXPECTED}),
		  0);
	expect_eq(bus->answer.n_messages, 2);
	snprintf(expected, sizeof(expected), "return s \"%s\"", a->unique_name);
	expect_str(message_dump(bus->answer.messages[0]), expected);
	snprintf(expected, sizeof(expected), "signal NameAcquired s \"%s\"", a->unique_name);
	expect_str(message_dump(bus->answer.messages[1]), expected);
	expect_str(message_destination(bus->answer.messages[0]), a->unique_name);
	expect_str(message_destination(bus->answer.messages[1]), a->unique_name);
	expect_answer(bus, a, "Hello", "", "error Failed \"Already handled an Hello message\"");
	bus_free(bus);
}

CARRIER_TEST(before_hello_only_hello)
{
	static const struct expectation cases[] = {
		{{.member = "GetId"}, EARLY},
		{{.member = "Foo", .flags = WIRE_NO_REPLY_EXPECTED}, EARLY},
		{{.member = "Hello", .interface = "x.y"}, EARLY},
		{{.member = "Ping", .interface = "org.freedesktop.DBus.Peer"}, EARLY},
		{{.type = WIRE_SIGNAL}, EARLY},
		{{.type = WIRE_RETURN}, EARLY},
		{{.type = WIRE_ERROR}, EARLY},
		{{.type = 7},
		 "error AccessDenied \"Message bus will not accept messages of unknown type\n\""},
		{{.member = "Hello", .signature = "s", .args = {{.text = "x"}}},
		 "error InvalidArgs \"Call to Hello has wrong args (s, expected )\n\""},
		{{.member = "Ping", .interface = "org.freedesktop.DBus.Peer", .destination = ""},
		 "return"},
	};
	struct bus *bus = bus_new(address, NULL);

	expect_all(bus, &bus->members[0], cases, N(cases));
	bus_hello(bus, 1);
	bus_free(bus);
}

CARRIER_TEST(hello_may_be_refused_and_tried_again)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];

	bus->hello_outcome = DRIVER_HELLO_LIMIT;
	expect_answer(bus, a, "Hello", "",
		      "error LimitsExceeded \"The maximum number of active connections has been "
		      "reached\"");
	bus->hello_outcome = DRIVER_HELLO_USER_LIMIT;
	expect_answer(
		bus, a, "Hello", "",
		"error LimitsExceeded \"The maximum number of active connections for UID 1000 "
		"has been reached\"");
	bus->hello_outcome = -ENOMEM;
	expect_eq(bus_dispatch(bus, a, &(struct request){.member = "Hello"}), -ENOMEM);
	bus->hello_outcome = 0;
	bus_hello(bus, 1);
	bus_free(bus);
}

/* dispatch */

CARRIER_TEST(what_is_called_and_where)
{
	static const struct expectation cases[] = {
		{{.type = WIRE_SIGNAL}, ""},
		{{.type = WIRE_RETURN}, ""},
		{{.type = WIRE_ERROR}, ""},
		{{.type = 200},
		 "error AccessDenied \"Message bus will not accept messages of unknown type\n\""},
		{{.member = "Nope"}, UNKNOWN("Method", "Nope")},
		{{.member = "Nope", .interface = ""}, UNKNOWN("Method", "Nope")},
		{{.member = "Nope", .interface = "x.y"}, UNKNOWN("Interface", "Nope")},
		{{.member = "Ping"}, UNKNOWN("Method", "Ping")},
		{{.member = "GetId", .signature = "s", .args = {{.text = "x"}}},
		 "error InvalidArgs \"Call to GetId has wrong args (s, expected )\n\""},
		{{.member = "RequestName", .signature = "s", .args = {{.text = "x"}}},
		 "error InvalidArgs \"Call to RequestName has wrong args (s, expected su)\n\""},
		{{.member = "GetId"}, "return s \"0123456789abcdef0123456789abcdef\""},
		{{.member = "GetId", .path = "/any/path", .interface = ""},
		 "return s \"0123456789abcdef0123456789abcdef\""},
		{{.member = "GetId", .flags = WIRE_NO_REPLY_EXPECTED},
		 "return s \"0123456789abcdef0123456789abcdef\""},
		/* methods and interfaces of the canonical path */
		{{.member = "UpdateActivationEnvironment", .signature = "a{ss}", .path = "/"},
		 "error AccessDenied \"Method 'UpdateActivationEnvironment' is only available at "
		 "the canonical object path '/org/freedesktop/DBus'\""},
		{{.member = "UpdateActivationEnvironment",
		  .signature = "a{ss}",
		  .path = "/",
		  .interface = ""},
		 "error AccessDenied \"Method 'UpdateActivationEnvironment' is only available at "
		 "the canonical object path '/org/freedesktop/DBus'\""},
		{{.member = "GetAll", .path = "/", .interface = "org.freedesktop.DBus.Properties"},
		 UNKNOWN("Interface", "GetAll")},
		{{.member = "GetAll", .path = "/", .interface = ""}, UNKNOWN("Method", "GetAll")},
		{{.member = "BecomeMonitor",
		  .signature = "asu",
		  .path = "/",
		  .interface = "org.freedesktop.DBus.Monitoring"},
		 UNKNOWN("Interface", "BecomeMonitor")},
		{{.member = "GetStats",
		  .path = "/",
		  .interface = "org.freedesktop.DBus.Debug.Stats"},
		 UNKNOWN("Interface", "GetStats")},
		/* Peer, addressed */
		{{.member = "Ping", .interface = "org.freedesktop.DBus.Peer"}, "return"},
		{{.member = "Ping", .interface = "", .path = "/q"}, "return"},
		{{.member = "Ping", .interface = "", .flags = WIRE_NO_REPLY_EXPECTED}, ""},
		{{.member = "Ping",
		  .interface = "org.freedesktop.DBus.Peer",
		  .signature = "s",
		  .args = {{.text = "x"}}},
		 "error InvalidArgs \"Call to Ping has wrong args (s, expected )\n\""},
	};
	struct bus *bus = bus_new(address, NULL);

	bus_hello(bus, 1);
	expect_all(bus, &bus->members[0], cases, N(cases));
	bus_free(bus);
}

CARRIER_TEST(calls_to_nobody_are_for_the_peer)
{
	static const struct expectation cases[] = {
		{{.destination = "", .member = "Ping", .interface = "org.freedesktop.DBus.Peer"},
		 "return"},
		{{.destination = "",
		  .member = "Ping",
		  .interface = "org.freedesktop.DBus.Peer",
		  .flags = WIRE_NO_REPLY_EXPECTED,
		  .path = "/any",
		  .signature = "s",
		  .args = {{.text = "ignored"}}},
		 "return"},
		{{.destination = "", .member = "Ping", .interface = ""},
		 "error UnknownMethod \"Method \"Ping\" with signature \"\" on interface "
		 "\"(null)\" "
		 "doesn't exist\n\""},
		{{.destination = "", .member = "GetId"},
		 "error UnknownMethod \"Method \"GetId\" with signature \"\" on interface "
		 "\"org.freedesktop.DBus\" doesn't exist\n\""},
		{{.destination = "",
		  .member = "Foo",
		  .interface = "x.y",
		  .signature = "s",
		  .args = {{.text = "x"}}},
		 "error UnknownMethod \"Method \"Foo\" with signature \"s\" on interface \"x.y\" "
		 "doesn't exist\n\""},
		{{.destination = "", .member = "Introspect", .interface = ""},
		 "return s \"<!DOCTYPE node PUBLIC..."},
		{{.destination = "", .type = WIRE_RETURN}, ""},
		{{.destination = "", .type = WIRE_ERROR}, ""},
		{{.destination = "", .type = 9}, ""},
	};
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char *id;

	expect_all(bus, a, cases, N(cases));
	bus_hello(bus, 1);
	expect_all(bus, a, cases, N(cases));
	bus_dispatch(bus, a,
		     &(struct request){.member = "GetMachineId",
				       .interface = "org.freedesktop.DBus.Peer"});
	id = strdup(message_dump(bus->answer.messages[0]));
	expect_request(bus, a,
		       &(struct request){.member = "GetMachineId",
					 .interface = "org.freedesktop.DBus.Peer",
					 .destination = ""},
		       id, __FILE__, __LINE__);
	if (strncmp(id, "return s \"", 10) == 0)
		expect_eq(strspn(id + 10, "0123456789abcdef"), 32);
	free(id);
	bus_free(bus);
}

/* names */

CARRIER_TEST(names_that_cannot_be_owned)
{
	char longest[257];
	char expected[512];
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];

	bus_hello(bus, 1);
	static const char *const invalid[] = {"", "bad", "a..b", ".a", "a.1b", "a.b ", NULL};
	for (int i = 0; invalid[i]; i++) {
		snprintf(expected, sizeof(expected),
			 "error InvalidArgs \"Requested bus name \"%s\" is not valid\"",
			 invalid[i]);
		expect_answer(bus, a, "RequestName", "su", expected, invalid[i], 0);
		snprintf(expected, sizeof(expected),
			 "error InvalidArgs \"Given bus name \"%s\" is not valid\"", invalid[i]);
		expect_answer(bus, a, "ReleaseName", "s", expected, invalid[i]);
	}
	memset(longest, 'a', 256);
	longest[1] = '.';
	longest[256] = '\0';
	expect_answer(bus, a, "RequestName", "su", "error InvalidArgs ...", longest, 0);
	longest[255] = '\0';
	expect_answer(bus, a, "RequestName", "su", "return u 1", longest, 0);
	expect_answer(bus, a, "ReleaseName", "s", "return u 1", longest);

	expect_answer(bus, a, "RequestName", "su",
		      "error InvalidArgs \"Cannot acquire a service starting with ':' such as "
		      "\":1.5\"\"",
		      ":1.5", 0);
	expect_answer(bus, a, "ReleaseName", "s",
		      "error InvalidArgs \"Cannot release a service starting with ':' such as "
		      "\":1.5\"\"",
		      ":1.5");
	snprintf(expected, sizeof(expected),
		 "error InvalidArgs \"Connection \"%s\" is not allowed to own the service "
		 "\"org.freedesktop.DBus\"because it is reserved for D-Bus' use only\"",
		 a->unique_name);
	expect_answer(bus, a, "RequestName", "su", expected, DRIVER_NAME, 0);
	expect_answer(
		bus, a, "ReleaseName", "s",
		"error InvalidArgs \"Cannot release the org.freedesktop.DBus service because it "
		"is owned by the bus\"",
		DRIVER_NAME);
	bus_free(bus);
}

/* flags of RequestName */
enum { ALLOW = 1, REPLACE = 2, NO_QUEUE = 4 };

static void expect_owners(struct bus *bus, const char *name, const struct member *first,
			  const struct member *second, const struct member *third)
{
	const struct member *owners[] = {first, second, third, NULL};
	char expected[256] = "return as [";

	for (int i = 0; owners[i]; i++)
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
			 "%s\"%s\"", i ? ", " : "", owners[i]->unique_name);
	strcat(expected, "]");
	if (!first)
		snprintf(expected, sizeof(expected),
			 "error NameHasNoOwner \"Could not get owners of name '%s': no such name\"",
			 name);
	expect_answer(bus, &bus->members[5], "ListQueuedOwners", "s", expected, name);
}

#define REQUEST(member, flags, result)                                                             \
	expect_answer(bus, member, "RequestName", "su", "return u " #result, "a.b", flags)
#define RELEASE(member, result)                                                                    \
	expect_answer(bus, member, "ReleaseName", "s", "return u " #result, "a.b")

CARRIER_TEST(request_and_release)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1], *c = &bus->members[2];

	bus_hello(bus, 6);
	RELEASE(a, 2);
	REQUEST(a, 0, 1);
	REQUEST(a, NO_QUEUE, 4);
	REQUEST(a, 0, 4);
	RELEASE(b, 3);
	REQUEST(b, NO_QUEUE, 3);
	REQUEST(b, 0, 2);
	REQUEST(b, 0, 2);
	REQUEST(c, 0xf8, 2);
	expect_owners(bus, "a.b", a, b, c);
	/* no longer waiting */
	REQUEST(b, NO_QUEUE, 3);
	expect_owners(bus, "a.b", a, c, NULL);
	REQUEST(b, 0, 2);
	expect_owners(bus, "a.b", a, c, b);
	RELEASE(c, 1);
	expect_owners(bus, "a.b", a, b, NULL);
	RELEASE(a, 1);
	expect_owners(bus, "a.b", b, NULL, NULL);
	RELEASE(b, 1);
	RELEASE(b, 2);
	expect_owners(bus, "a.b", NULL, NULL, NULL);
	bus_free(bus);
}

CARRIER_TEST(replacement)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1], *c = &bus->members[2];

	bus_hello(bus, 6);
	REQUEST(a, ALLOW, 1);
	REQUEST(b, 0, 2);
	/* replaced, and second in the queue from then on */
	REQUEST(c, REPLACE | ALLOW, 1);
	expect_owners(bus, "a.b", c, a, b);
	/* without a queue it is gone */
	REQUEST(c, ALLOW | NO_QUEUE, 4);
	REQUEST(b, REPLACE, 1);
	expect_owners(bus, "a.b", b, a, NULL);
	/* not replaceable: directly behind the owner */
	REQUEST(c, REPLACE, 2);
	expect_owners(bus, "a.b", b, c, a);
	REQUEST(a, REPLACE, 2);
	expect_owners(bus, "a.b", b, a, c);
	REQUEST(c, REPLACE | NO_QUEUE, 3);
	expect_owners(bus, "a.b", b, a, NULL);
	/* the latest flags count */
	REQUEST(b, ALLOW, 4);
	REQUEST(c, REPLACE | NO_QUEUE, 1);
	expect_owners(bus, "a.b", c, b, a);
	bus_free(bus);
}

CARRIER_TEST(queue_of_a_strict_bus)
{
	struct bus *bus = bus_new_strict(address);
	struct member *a = &bus->members[0], *b = &bus->members[1];

	bus_hello(bus, 6);
	REQUEST(b, 0, 1);
	REQUEST(a, 0, 2);
	expect_owners(bus, "a.b", b, a, NULL);
	bus_free(bus);
}

CARRIER_TEST(limit_of_names)
{
	static const struct driver_limits limits = {4, 512};
	struct bus *bus = bus_new(address, &limits);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	char expected[256];

	bus_hello(bus, 6);
	expect_answer(bus, b, "RequestName", "su", "return u 1", "b.b", 0);
	/* the unique name and queued entries count */
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b1", 0);
	expect_answer(bus, a, "RequestName", "su", "return u 2", "b.b", 0);
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b2", 0);
	snprintf(expected, sizeof(expected),
		 "error LimitsExceeded \"Connection \"%s\" is not allowed to own more services "
		 "(increase limits in configuration file if required; "
		 "max_names_per_connection=4)\"",
		 a->unique_name);
	expect_answer(bus, a, "RequestName", "su", expected, "a.b3", 0);
	/* even if nothing would be added */
	expect_answer(bus, a, "RequestName", "su", expected, "a.b1", 0);
	expect_answer(bus, a, "ReleaseName", "s", "return u 1", "b.b");
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b3", 0);
	driver_set_limits(bus->driver, &(struct driver_limits){1, 1});
	expect_answer(bus, b, "RequestName", "su", "error LimitsExceeded ...", "b.c", 0);
	bus_free(bus);
}

CARRIER_TEST(look_ups)
{
	static const char *const unknown[] = {
		"",    "bad",	      "no.such", ":",
		":1",  ":1.01",	      ":1.999",	 ":1.18446744073709551615",
		"a b", "x.y\xc3\xa9", NULL};
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	char expected[256];

	bus_hello(bus, 2);
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b", 0);
	for (int i = 0; unknown[i]; i++) {
		expect_answer(bus, b, "NameHasOwner", "s", "return b false", unknown[i]);
		snprintf(expected, sizeof(expected),
			 "error NameHasNoOwner \"Could not get owner of name '%s': no such name\"",
			 unknown[i]);
		expect_answer(bus, b, "GetNameOwner", "s", expected, unknown[i]);
		snprintf(expected, sizeof(expected),
			 "error NameHasNoOwner \"Could not get owners of name '%s': no such name\"",
			 unknown[i]);
		expect_answer(bus, b, "ListQueuedOwners", "s", expected, unknown[i]);
	}
	expect_answer(bus, b, "NameHasOwner", "s", "return b true", "a.b");
	expect_answer(bus, b, "NameHasOwner", "s", "return b true", a->unique_name);
	expect_answer(bus, b, "NameHasOwner", "s", "return b true", DRIVER_NAME);
	snprintf(expected, sizeof(expected), "return s \"%s\"", a->unique_name);
	expect_answer(bus, b, "GetNameOwner", "s", expected, "a.b");
	expect_answer(bus, b, "GetNameOwner", "s", expected, a->unique_name);
	expect_answer(bus, b, "GetNameOwner", "s", "return s \"" DRIVER_NAME "\"", DRIVER_NAME);
	snprintf(expected, sizeof(expected), "return as [\"%s\"]", a->unique_name);
	expect_answer(bus, b, "ListQueuedOwners", "s", expected, "a.b");
	expect_answer(bus, b, "ListQueuedOwners", "s", expected, a->unique_name);
	expect_answer(bus, b, "ListQueuedOwners", "s", "return as [\"" DRIVER_NAME "\"]",
		      DRIVER_NAME);
	/* gone with its owner */
	a->caller.conn = engine_conn_close(a->caller.conn);
	expect_answer(bus, b, "NameHasOwner", "s", "return b false", "a.b");
	expect_answer(bus, b, "NameHasOwner", "s", "return b false", a->unique_name);
	bus_free(bus);
}

/* does a dumped list of strings have this element? */
static bool list_has(const char *list, const char *element)
{
	char quoted[300];

	snprintf(quoted, sizeof(quoted), "\"%s\"", element);
	return strstr(list, quoted);
}

static unsigned list_length(const char *list)
{
	unsigned n = 0;

	for (; *list; list++)
		n += *list == '"';
	return n / 2;
}

/* to clients, a name that waits for its owner has none */
CARRIER_TEST(activator_is_no_owner)
{
	static const char *const look_ups[] = {"GetConnectionUnixUser",
					       "GetConnectionUnixProcessID",
					       "GetConnectionCredentials",
					       "GetAdtAuditSessionData",
					       "GetConnectionSELinuxSecurityContext",
					       NULL};
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	struct engine_activator *activator;

	bus_hello(bus, 6);
	expect_eq(engine_activator_add(bus->engine, "a.b", NULL, 0, NULL, &activator), 0);
	expect_owners(bus, "a.b", NULL, NULL, NULL);
	expect_answer(bus, a, "NameHasOwner", "s", "return b false", "a.b");
	RELEASE(a, 2);
	for (int i = 0; look_ups[i]; i++)
		expect_answer(bus, a, look_ups[i], "s", "error NameHasNoOwner ...", "a.b");
	bus_dispatch(bus, a, &(struct request){.member = "ListNames"});
	expect(!strstr(message_dump(bus->answer.messages[0]), "a.b"));
	expect_eq(list_length(message_dump(bus->answer.messages[0])), 7);
	expect(!engine_find_owner(bus->engine, "a.b"));

	/* it can be owned, replaced, waited for as if there were no activator */
	REQUEST(a, NO_QUEUE, 1);
	REQUEST(a, 0, 4);
	RELEASE(b, 3);
	REQUEST(b, 0, 2);
	expect_owners(bus, "a.b", a, b, NULL);
	RELEASE(b, 1);
	expect_owners(bus, "a.b", a, NULL, NULL);
	expect(engine_find_owner(bus->engine, "a.b") == a->caller.conn);
	RELEASE(a, 1);
	expect_owners(bus, "a.b", NULL, NULL, NULL);
	RELEASE(a, 2);
	REQUEST(b, ALLOW | NO_QUEUE, 1);
	REQUEST(a, REPLACE, 1);
	/* as an activator of a name that has an owner */
	engine_activator_remove(activator);
	expect_eq(engine_activator_add(bus->engine, "a.b", NULL, 0, NULL, &activator), 0);
	expect_owners(bus, "a.b", a, NULL, NULL);
	RELEASE(b, 3);
	a->caller.conn = engine_conn_close(a->caller.conn);
	expect_owners(bus, "a.b", NULL, NULL, NULL);
	engine_activator_remove(activator);
	bus_free(bus);
}

CARRIER_TEST(list_of_names)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	const char *list;

	bus_hello(bus, 3);
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b", 0);
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.c", 0);
	expect_answer(bus, b, "RequestName", "su", "return u 2", "a.b", 0);
	bus_dispatch(bus, b, &(struct request){.member = "ListNames"});
	list = message_dump(bus->answer.messages[0]);
	if (strncmp(list, "return as [\"org.freedesktop.DBus\", ", 35) != 0)
		fail("%s", list);
	for (int i = 0; i < 3; i++)
		expect(list_has(list, bus->members[i].unique_name));
	expect(list_has(list, "a.b"));
	expect(list_has(list, "a.c"));
	expect_eq(list_length(list), 6);
	expect_answer(bus, a, "ListActivatableNames", "", "return as [\"" DRIVER_NAME "\"]");
	bus_free(bus);
}

CARRIER_TEST(long_lists)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char name[64];

	bus_hello(bus, 2);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "a.name%d", i);
		expect_answer(bus, a, "RequestName", "su", "return u 1", name, 0);
		bus_drain(a);
	}
	bus_dispatch(bus, a, &(struct request){.member = "ListNames"});
	expect_eq(list_length(message_dump(bus->answer.messages[0])), 203);
	bus_free(bus);
}

/* matches */

CARRIER_TEST(add_and_remove_match)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char rule[1040];

	bus_hello(bus, 2);
	expect_answer(bus, a, "AddMatch", "s", "return", "member='M'");
	expect_answer(bus, a, "AddMatch", "s", "return", "member=M,eavesdrop=false");
	expect_eq(a->caller.matches.n_rules, 2);
	expect_request(bus, a,
		       &(struct request){.member = "AddMatch",
					 .signature = "s",
					 .args = {{.text = "member='N'"}},
					 .flags = WIRE_NO_REPLY_EXPECTED},
		       "", __FILE__, __LINE__);
	expect_eq(a->caller.matches.n_rules, 3);
	expect_answer(bus, a, "RemoveMatch", "s", "return", "member='M'");
	expect_answer(bus, a, "RemoveMatch", "s", "return", "member='M'");
	expect_answer(bus, a, "RemoveMatch", "s",
		      "error MatchRuleNotFound \"The given match rule wasn't found and can't be "
		      "removed\"",
		      "member='M'");
	expect_answer(bus, &bus->members[1], "RemoveMatch", "s", "error MatchRuleNotFound ...",
		      "member='N'");
	expect_answer(bus, a, "AddMatch", "s",
		      "error MatchRuleInvalid \"Unknown key \"foo\" in match rule\"", "foo='x'");
	expect_answer(bus, a, "RemoveMatch", "s",
		      "error MatchRuleInvalid \"Match rule has a key with no subsequent '=' "
		      "character\"",
		      "zzz");
	memset(rule, 'x', sizeof(rule));
	memcpy(rule, "arg0=", 5);
	rule[1025] = '\0';
	expect_answer(bus, a, "AddMatch", "s",
		      "error LimitsExceeded \"Match rule text is 1025 bytes, maximum is 1024\"",
		      rule);
	expect_eq(a->caller.matches.n_rules, 1);
	bus_free(bus);
}

CARRIER_TEST(limit_of_matches)
{
	static const struct driver_limits limits = {512, 2};
	struct bus *bus = bus_new(address, &limits);
	struct member *a = &bus->members[0];
	char expected[256];

	bus_hello(bus, 1);
	expect_answer(bus, a, "AddMatch", "s", "return", "member='M'");
	expect_answer(bus, a, "AddMatch", "s", "return", "member='M'");
	snprintf(expected, sizeof(expected),
		 "error LimitsExceeded \"Connection \"%s\" is not allowed to add more match rules "
		 "(increase limits in configuration file if required; "
		 "max_match_rules_per_connection=2)\"",
		 a->unique_name);
	expect_answer(bus, a, "AddMatch", "s", expected, "member='M'");
	/* whatever the rule is */
	expect_answer(bus, a, "AddMatch", "s", expected, "bogus");
	expect_answer(bus, a, "RemoveMatch", "s", "return", "member='M'");
	expect_answer(bus, a, "AddMatch", "s", "return", "member='M'");
	bus_free(bus);
}

CARRIER_TEST(eavesdropping_is_a_privilege)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	static struct match_subject subject;
	struct message *message;
	char expected[128];

	bus_hello(bus, 2);
	b->caller.flags |= DRIVER_CALLER_PRIVILEGED;
	snprintf(expected, sizeof(expected),
		 "error AccessDenied \"rejected attempt to call AddMatch by connection %s "
		 "(uid=1000 pid=4000 comm=...",
		 a->unique_name);
	expect_answer(bus, a, "AddMatch", "s", expected, "eavesdrop='true'");
	expect_answer(bus, a, "AddMatch", "s", "return", "eavesdrop='false'");
	expect_answer(bus, b, "AddMatch", "s", "return", "eavesdrop='true'");
	message = request_message(&(struct request){.destination = "a.b"});
	match_subject_init_message(&subject, message);
	expect(!match_owner_accepts(bus->matches, &a->caller.matches, &subject));
	expect(match_owner_accepts(bus->matches, &b->caller.matches, &subject));
	subject.is_broadcast = true;
	expect(match_owner_accepts(bus->matches, &a->caller.matches, &subject));
	message_unref(message);
	expect_eq(match_registry_n_eavesdropping(bus->matches), 1);
	expect_answer(bus, b, "RemoveMatch", "s", "return", "eavesdrop='true'");
	expect_eq(match_registry_n_eavesdropping(bus->matches), 0);
	expect_answer(bus, a, "RemoveMatch", "s", "return", "");
	bus_free(bus);
}

/* monitors */

#define MONITORING .interface = "org.freedesktop.DBus.Monitoring", .signature = "asu"

CARRIER_TEST(become_monitor)
{
	static const char *const rules[] = {"type='signal'", "eavesdrop=true", NULL};
	static const char *const bad[] = {"type='signal'", "x", NULL};
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	struct match_rule *rule;
	char reason[MATCH_MAX_REASON], expected[128];

	bus_hello(bus, 1);
	snprintf(expected, sizeof(expected),
		 "error AccessDenied \"rejected attempt to call BecomeMonitor by connection %s "
		 "(uid=1000 pid=4000 comm=...",
		 a->unique_name);
	expect_request(bus, a, &(struct request){.member = "BecomeMonitor", MONITORING}, expected,
		       __FILE__, __LINE__);
	expect(!bus->answer.is_monitor);
	a->caller.flags |= DRIVER_CALLER_PRIVILEGED;
	expect_request(bus, a,
		       &(struct request){.member = "BecomeMonitor",
					 MONITORING,
					 .args = {{.texts = NULL}, {.number = 1}}},
		       "error InvalidArgs \"BecomeMonitor does not support any flags yet\"",
		       __FILE__, __LINE__);
	expect_request(
		bus, a,
		&(struct request){.member = "BecomeMonitor", MONITORING, .args = {{.texts = bad}}},
		"error MatchRuleInvalid \"Match rule has a key with no subsequent '=' "
		"character\"",
		__FILE__, __LINE__);
	expect(!bus->answer.is_monitor);
	expect_eq(bus->answer.n_rules, 0);

	expect_request(bus, a, &(struct request){.member = "BecomeMonitor", MONITORING}, "return",
		       __FILE__, __LINE__);
	expect(bus->answer.is_monitor);
	expect_eq(bus->answer.n_rules, 1);
	expect_eq(match_rule_parse("", 0, reason, &rule), 0);
	expect(rule_equals(bus->answer.rules[0], rule));
	expect_request(bus, a,
		       &(struct request){.member = "BecomeMonitor",
					 MONITORING,
					 .flags = WIRE_NO_REPLY_EXPECTED,
					 .args = {{.texts = rules}}},
		       "", __FILE__, __LINE__);
	expect(bus->answer.is_monitor);
	expect_eq(bus->answer.n_rules, 2);
	expect(rule_equals(bus->answer.rules[1], rule));
	match_rule_free(rule);
	bus_free(bus);
}

/* the bus as a whole */

CARRIER_TEST(reload)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];

	bus_hello(bus, 1);
	expect_answer(bus, a, "ReloadConfig", "", "return");
	expect_request(bus, a,
		       &(struct request){.member = "ReloadConfig",
					 .path = "/x",
					 .flags = WIRE_NO_REPLY_EXPECTED},
		       "return", __FILE__, __LINE__);
	bus->reload_outcome = 1;
	expect_answer(bus, a, "ReloadConfig", "", "error Failed \"it is broken\"");
	expect_eq(bus->n_reloads, 3);
	bus_free(bus);
}

CARRIER_TEST(environment)
{
	static const char *const variables[] = {"A", "1", "B", "", NULL};
	const struct request request = {.member = "UpdateActivationEnvironment",
					.signature = "a{ss}",
					.args = {{.texts = variables}}};
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];

	bus_hello(bus, 1);
	expect_request(bus, a, &request, "error AccessDenied ...", __FILE__, __LINE__);
	expect_str(bus->environment, "");
	a->caller.flags |= DRIVER_CALLER_PRIVILEGED;
	expect_request(bus, a, &request, "return", __FILE__, __LINE__);
	expect_str(bus->environment, "A=1;B=;");
	bus_free(bus);
}

CARRIER_TEST(start_service)
{
	static const char *const activatable[] = {"s.running", "s.idle", NULL};
	static const char *const unknown[] = {"", "no.such", ":1.999", DRIVER_NAME, "a.b", NULL};
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char expected[256];

	bus_hello(bus, 1);
	bus->activatable = activatable;
	expect_answer(bus, a, "ListActivatableNames", "",
		      "return as [\"org.freedesktop.DBus\", \"s.running\", \"s.idle\"]");
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b", 0);
	expect_answer(bus, a, "RequestName", "su", "return u 1", "s.running", 0);
	/* what runs but has no service file is unknown here, and flags do not matter */
	for (int i = 0; unknown[i]; i++) {
		snprintf(expected, sizeof(expected),
			 "error ServiceUnknown \"The name %s was not provided by any .service "
			 "files\"",
			 unknown[i]);
		expect_answer(bus, a, "StartServiceByName", "su", expected, unknown[i], 77);
	}
	expect_answer(bus, a, "StartServiceByName", "su", "return u 2", "s.running", 77);
	expect_answer(bus, a, "StartServiceByName", "su",
		      "error LimitsExceeded \"The maximum number of pending activations has been "
		      "reached, activation of s.full failed (max_pending_service_starts=9)\"",
		      "s.full", 0);
	/* who starts it is answered later, by the proxy */
	expect_answer(bus, a, "StartServiceByName", "su", "", "s.idle", 0);
	expect_ne(bus->start_serial, 0u);
	bus_free(bus);
}
