/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver: credentials, properties, introspection, statistics; memory that runs out */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness/fault.h"
#include "tests/unit/driver/driver-util.h"

#define N(array)   (sizeof(array) / sizeof((array)[0]))
#define PROPERTIES .interface = "org.freedesktop.DBus.Properties"
#define STATS	   .interface = "org.freedesktop.DBus.Debug.Stats"

#define expect_asked(bus, member, expected, ...)                                                   \
	expect_request(bus, member, &(struct request){__VA_ARGS__}, expected, __FILE__, __LINE__)

/* credentials */

CARRIER_TEST(credentials_of_nobody)
{
	static const struct {
		const char *method, *what;
	} methods[] = {
		{"GetConnectionUnixUser", "UID"},
		{"GetConnectionUnixProcessID", "PID"},
		{"GetConnectionCredentials", "credentials"},
		{"GetAdtAuditSessionData", "audit session data"},
		{"GetConnectionSELinuxSecurityContext", "security context"},
	};
	static const char *const names[] = {"", "bad", "no.such", ":1.999"};
	struct bus *bus = bus_new(address, NULL);
	char expected[256];

	bus_hello(bus, 1);
	for (size_t m = 0; m < N(methods); m++) {
		for (size_t n = 0; n < N(names); n++) {
			snprintf(expected, sizeof(expected),
				 "error NameHasNoOwner \"Could not get %s of name '%s': no such "
				 "name\"",
				 methods[m].what, names[n]);
			expect_answer(bus, &bus->members[0], methods[m].method, "s", expected,
				      names[n]);
		}
	}
	bus_free(bus);
}

CARRIER_TEST(credentials_of_a_client)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	const char *name = a->unique_name;
	char expected[256];

	bus_hello(bus, 2);
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b", 0);
	expect_answer(bus, b, "GetConnectionUnixUser", "s", "return u 1000", "a.b");
	expect_answer(bus, b, "GetConnectionUnixProcessID", "s", "return u 4000", name);
	/* sorted, twice what was twice, and as they were when the client came */
	a->creds.uid = 7;
	expect_answer(bus, b, "GetConnectionCredentials", "s",
		      "return a{sv} [\"UnixUserID\": u 1000, \"UnixGroupIDs\": au [5, 5, 100], "
		      "\"ProcessID\": u 4000, "
		      "\"LinuxSecurityLabel\": ay [108, 97, 98, 101, 108, 0]]",
		      name);
	snprintf(expected, sizeof(expected),
		 "error SELinuxSecurityContextUnknown \"Could not determine security context for "
		 "'%s'\"",
		 name);
	expect_answer(bus, b, "GetConnectionSELinuxSecurityContext", "s", expected, name);
	snprintf(expected, sizeof(expected),
		 "error AdtAuditDataUnknown \"Could not determine audit session data for '%s'\"",
		 name);
	expect_answer(bus, b, "GetAdtAuditSessionData", "s", expected, name);
	bus_free(bus);
}

/* groups and label that the bus was not told */
CARRIER_TEST(credentials_that_are_asked_for_late)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	uint32_t groups[] = {3, 100};
	const struct creds late = {
		.uid = 7, .gid = 8, .n_groups = 2, .groups = groups, .seclabel = "xy"};
	const struct creds nothing = CREDS_NULL;

	a->creds.n_groups = 0;
	a->creds.seclabel = NULL;
	bus_hello(bus, 1);
	bus->late_creds = &late;
	expect_answer(bus, a, "GetConnectionCredentials", "s",
		      "return a{sv} [\"UnixUserID\": u 1000, \"UnixGroupIDs\": au [3, 100], "
		      "\"ProcessID\": u 4000, \"LinuxSecurityLabel\": ay [120, 121, 0]]",
		      a->unique_name);
	/* a kernel that tells no groups: the primary one is known */
	bus->late_creds = &nothing;
	expect_answer(bus, a, "GetConnectionCredentials", "s",
		      "return a{sv} [\"UnixUserID\": u 1000, \"UnixGroupIDs\": au [100], "
		      "\"ProcessID\": u 4000]",
		      a->unique_name);
	bus->late_outcome = -ENOMEM;
	expect_answer(bus, a, "GetConnectionCredentials", "s", "error NoMemory ...",
		      a->unique_name);
	bus_free(bus);
}

CARRIER_TEST(what_is_not_known_is_left_out)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char expected[256];

	/* anonymous: no uid, hence no groups */
	a->creds.uid = CREDS_UNKNOWN;
	a->creds.gid = CREDS_UNKNOWN;
	a->creds.n_groups = 0;
	a->creds.seclabel = NULL;
	bus_hello(bus, 1);
	snprintf(expected, sizeof(expected), "error Failed \"Could not determine UID for '%s'\"",
		 a->unique_name);
	expect_answer(bus, a, "GetConnectionUnixUser", "s", expected, a->unique_name);
	expect_answer(bus, a, "GetConnectionCredentials", "s",
		      "return a{sv} [\"ProcessID\": u 4000]", a->unique_name);
	bus_free(bus);
}

CARRIER_TEST(process_of_a_client_that_has_none)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char expected[256];

	a->creds.pid = 0;
	a->creds.n_groups = 0;
	a->creds.seclabel = NULL;
	bus_hello(bus, 1);
	snprintf(expected, sizeof(expected),
		 "error UnixProcessIdUnknown \"Could not determine PID for '%s'\"", a->unique_name);
	expect_answer(bus, a, "GetConnectionUnixProcessID", "s", expected, a->unique_name);
	/* the primary group is one of the groups */
	expect_answer(bus, a, "GetConnectionCredentials", "s",
		      "return a{sv} [\"UnixUserID\": u 1000, \"UnixGroupIDs\": au [100]]",
		      a->unique_name);
	bus_free(bus);
}

CARRIER_TEST(process_fd)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	const struct request request = {.member = "GetConnectionCredentials",
					.signature = "s",
					.args = {{.text = a->unique_name}}};
	struct stat wanted, got;
	struct message *answer;
	const char *text;

	bus_hello(bus, 2);
	bus->pidfd = open("/", O_RDONLY | O_CLOEXEC);
	expect_ge(bus->pidfd, 0);
	/* only to those who can take it */
	expect_eq(bus_dispatch(bus, b, &request), 0);
	expect_eq(bus->answer.messages[0]->payload.n_fds, 0);
	b->caller.flags |= DRIVER_CALLER_FDS;
	expect_eq(bus_dispatch(bus, b, &request), 0);
	answer = bus->answer.messages[0];
	text = message_dump(answer);
	expect(strstr(text, "\"ProcessFD\": h 0]"));
	expect_eq(answer->header.n_fds, 1);
	expect_eq(answer->payload.n_fds, 1);
	expect_ne(answer->payload.fds[0], bus->pidfd);
	expect_eq(fstat(bus->pidfd, &wanted), 0);
	expect_eq(fstat(answer->payload.fds[0], &got), 0);
	expect_eq(got.st_ino, wanted.st_ino);
	expect(fcntl(answer->payload.fds[0], F_GETFD) & FD_CLOEXEC);
	close(bus->pidfd);
	/* nor when there is none */
	bus->pidfd = -1;
	expect_eq(bus_dispatch(bus, b, &request), 0);
	expect(!strstr(message_dump(bus->answer.messages[0]), "ProcessFD"));
	bus_free(bus);
}

CARRIER_TEST(credentials_of_the_bus)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0];
	char expected[256];

	bus_hello(bus, 1);
	snprintf(expected, sizeof(expected), "return u %u", geteuid());
	expect_answer(bus, a, "GetConnectionUnixUser", "s", expected, DRIVER_NAME);
	snprintf(expected, sizeof(expected), "return u %d", getpid());
	expect_answer(bus, a, "GetConnectionUnixProcessID", "s", expected, DRIVER_NAME);
	snprintf(expected, sizeof(expected),
		 "return a{sv} [\"UnixUserID\": u %u, \"UnixGroupIDs\": ...", geteuid());
	expect_answer(bus, a, "GetConnectionCredentials", "s", expected, DRIVER_NAME);
	expect_answer(bus, a, "GetAdtAuditSessionData", "s",
		      "error AdtAuditDataUnknown \"Could not determine audit session data for "
		      "'org.freedesktop.DBus'\"",
		      DRIVER_NAME);
	bus_free(bus);
}

/* properties */

#define FEATURES   "as [\"ActivatableServicesChanged\", \"HeaderFiltering\"]"
#define INTERFACES "as [\"org.freedesktop.DBus.Monitoring\", \"org.freedesktop.DBus.Debug.Stats\"]"

CARRIER_TEST(properties)
{
	static const struct {
		const char *method, *interface, *name, *expected;
	} cases[] = {
		{"Get", DRIVER_INTERFACE, "Features", "return v " FEATURES},
		{"Get", DRIVER_INTERFACE, "Interfaces", "return v " INTERFACES},
		{"Get", "", "Features", "error UnknownInterface \"Interface \"\" not found\""},
		{"Get", "x.y", "Features",
		 "error UnknownInterface \"Interface \"x.y\" not found\""},
		{"Get", DRIVER_INTERFACE, "X",
		 "error UnknownProperty \"Property \"org.freedesktop.DBus.X\" not found\""},
		{"Get", DRIVER_INTERFACE ".Peer", "X",
		 "error UnknownProperty \"Property \"org.freedesktop.DBus.Peer.X\" not found\""},
		{"Set", DRIVER_INTERFACE, "Features",
		 "error PropertyReadOnly \"Property 'org.freedesktop.DBus.Features' cannot be "
		 "set\""},
		{"Set", DRIVER_INTERFACE, "X",
		 "error UnknownProperty \"Property \"org.freedesktop.DBus.X\" not found\""},
		{"Set", "x.y", "Features",
		 "error UnknownInterface \"Interface \"x.y\" not found\""},
		{"GetAll", DRIVER_INTERFACE, NULL,
		 "return a{sv} [\"Features\": " FEATURES ", \"Interfaces\": " INTERFACES "]"},
		{"GetAll", DRIVER_INTERFACE ".Peer", NULL, "return a{sv} []"},
		{"GetAll", "", NULL, "error UnknownInterface \"Interface \"\" not found\""},
		{"GetAll", "x.y", NULL, "error UnknownInterface \"Interface \"x.y\" not found\""},
	};
	struct bus *bus = bus_new(address, NULL);

	bus_hello(bus, 1);
	for (size_t i = 0; i < N(cases); i++)
		expect_asked(bus, &bus->members[0], cases[i].expected, PROPERTIES,
			     .member = cases[i].method,
			     .signature = *cases[i].method == 'S' ? "ssv"
					  : cases[i].name	  ? "ss"
								  : "s",
			     .args = {{.text = cases[i].interface}, {.text = cases[i].name}});
	/* the interface may be missing */
	expect_asked(bus, &bus->members[0], "return v " FEATURES, .interface = "", .member = "Get",
		     .signature = "ss", .args = {{.text = DRIVER_INTERFACE}, {.text = "Features"}});
	bus_free(bus);
}

/* introspection */

static char *introspect(struct bus *bus, const char *path)
{
	const struct message *answer;
	struct wire_reader reader;

	expect_eq(bus_dispatch(
			  bus, &bus->members[0],
			  &(struct request){.member = "Introspect", .interface = "", .path = path}),
		  0);
	answer = bus->answer.messages[0];
	expect_eq(answer->header.type, WIRE_RETURN);
	wire_reader_init(&reader, &answer->header, message_body(answer));
	return strdup(wire_read_string(&reader, NULL));
}

static void expect_inside(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail("<%s> is not in <%s>", part, text);
}

TEST(introspection_of_the_driver)
{
	struct bus *bus = bus_new("embedded", NULL);
	char *canonical, *other, *root, *own;

	bus_hello(bus, 1);
	canonical = introspect(bus, DRIVER_PATH);
	other = introspect(bus, "/foo");
	root = introspect(bus, "/");
	own = driver_introspect();
	expect_str(canonical, own);
	expect_inside(canonical, "  <interface name=\"org.freedesktop.DBus.Monitoring\">\n"
				 "    <method name=\"BecomeMonitor\">\n"
				 "      <arg direction=\"in\" type=\"as\"/>\n"
				 "      <arg direction=\"in\" type=\"u\"/>\n"
				 "    </method>\n"
				 "  </interface>\n");
	expect_inside(canonical, "    <signal name=\"PropertiesChanged\">\n"
				 "      <arg type=\"s\" name=\"interface_name\"/>\n"
				 "      <arg type=\"a{sv}\" name=\"changed_properties\"/>\n"
				 "      <arg type=\"as\" name=\"invalidated_properties\"/>\n"
				 "    </signal>\n");
	expect_inside(canonical, "    <property name=\"Features\" type=\"as\" access=\"read\">\n");
	expect_inside(other, "      <arg direction=\"out\" type=\"a{sv}\"/>\n");
	expect(!strstr(canonical, "<node name="));
	expect(!strstr(other, "<node name="));
	expect(!strstr(other, ".Monitoring"));
	expect(!strstr(other, ".Properties\">"));
	expect_inside(other, "<interface name=\"org.freedesktop.DBus.Peer\">");
	expect_inside(root, "  <node name=\"org/freedesktop/DBus\"/>\n</node>\n");
	free(root);
	root = introspect(bus, "/org");
	expect_inside(root, "  <node name=\"freedesktop/DBus\"/>\n</node>\n");
	free(root);
	root = introspect(bus, "/org/freedesktop");
	expect_inside(root, "  <node name=\"DBus\"/>\n</node>\n");
	free(root);
	root = introspect(bus, "/org/free");
	expect(!strstr(root, "<node name="));
	free(root);
	root = introspect(bus, "/org/freedesktop/DBus/x");
	expect(!strstr(root, "<node name="));
	free(root);
	free(canonical);
	free(other);
	free(own);
	bus_free(bus);
}

/* statistics */

CARRIER_TEST(stats)
{
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	char expected[1024];

	bus_hello(bus, 2);
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b", 0);
	expect_answer(bus, b, "RequestName", "su", "return u 2", "a.b", 0);
	expect_answer(bus, a, "AddMatch", "s", "return", "member='M'");
	expect_answer(bus, a, "AddMatch", "s", "return", "member='M'");
	expect_answer(bus, a, "AddMatch", "s", "return", "arg0='it'\\''s'");
	expect_answer(bus, a, "RemoveMatch", "s", "return", "member='M'");
	expect_asked(
		bus, a,
		"return a{sv} [\"Serial\": u 4294967295, \"ActiveConnections\": u 42, "
		"\"IncompleteConnections\": u 7, \"MatchRules\": u 2, \"PeakMatchRules\": u 3, "
		"\"PeakMatchRulesPerConnection\": u 3, \"BusNames\": u 3, "
		"\"PeakBusNames\": u 9, \"PeakBusNamesPerConnection\": u 2, "
		"\"org.bus_proxyd.Sends\": t 0, \"org.bus_proxyd.Receives\": t 0, "
		"\"org.bus_proxyd.Lost\": t 0]",
		STATS, .member = "GetStats");
	snprintf(
		expected, sizeof(expected),
		"return a{sv} [\"Serial\": u 4294967295, \"UniqueName\": s \"%s\", \"BusNames\": u "
		"2, \"PeakBusNames\": u 2, \"MatchRules\": u 2, \"PeakMatchRules\": u 3, "
		"\"IncomingMessages\": u 1, \"IncomingBytes\": u 2, \"IncomingFDs\": u 3, "
		"\"PeakIncomingBytes\": u 4, \"PeakIncomingFDs\": u 5, "
		"\"OutgoingMessages\": u 6, \"OutgoingBytes\": u 4294967295, "
		"\"OutgoingFDs\": u 8, \"PeakOutgoingBytes\": u 9, \"PeakOutgoingFDs\": u 10, "
		"\"org.bus_proxyd.Queued\": u 11, \"org.bus_proxyd.Dropped\": t 12]",
		a->unique_name);
	expect_asked(bus, b, expected, STATS, .member = "GetConnectionStats", .signature = "s",
		     .args = {{.text = "a.b"}});
	expect_asked(
		bus, b,
		"error NameHasNoOwner \"Could not get statistics of name 'x.y': no such name\"",
		STATS, .member = "GetConnectionStats", .signature = "s", .args = {{.text = "x.y"}});
	expect_asked(bus, b,
		     "error InvalidArgs \"GetConnectionStats is not meaningful for the message bus "
		     "\"org.freedesktop.DBus\" itself\"",
		     STATS, .member = "GetConnectionStats", .signature = "s",
		     .args = {{.text = DRIVER_NAME}});
	snprintf(expected, sizeof(expected),
		 "return a{sas} [\"%s\": [\"member='M'\", \"arg0='it'\\''s'\"], \"%s\": []]",
		 a->unique_name, b->unique_name);
	expect_asked(bus, b, expected, STATS, .member = "GetAllMatchRules");
	bus_free(bus);
}

/* memory */

CARRIER_TEST(every_allocation_may_fail)
{
	static const char *const texts[] = {"a", "b", NULL};
	const struct request requests[] = {
		{.member = "GetId"},
		{.member = "ListNames"},
		{.member = "GetNameOwner", .signature = "s", .args = {{.text = "a.b"}}},
		{.member = "GetNameOwner", .signature = "s", .args = {{.text = "no.such"}}},
		{.member = "NameHasOwner", .signature = "s", .args = {{.text = "a.b"}}},
		{.member = "ListQueuedOwners", .signature = "s", .args = {{.text = "a.b"}}},
		{.member = "GetConnectionCredentials", .signature = "s", .args = {{.text = "a.b"}}},
		{.member = "GetConnectionUnixUser",
		 .signature = "s",
		 .args = {{.text = DRIVER_NAME}}},
		{.member = "ListActivatableNames"},
		{.member = "StartServiceByName", .signature = "su", .args = {{.text = "a.b"}}},
		{.member = "Introspect", .interface = ""},
		{.member = "Ping", .interface = ""},
		{.member = "GetMachineId", .interface = ""},
		{.member = "Ping", .destination = "", .interface = "org.freedesktop.DBus.Peer"},
		{.member = "Foo", .destination = ""},
		{.member = "Nope"},
		{.member = "GetAll", PROPERTIES, .signature = "s", .args = {{.text = DRIVER_NAME}}},
		{.member = "GetStats", STATS},
		{.member = "GetConnectionStats",
		 STATS,
		 .signature = "s",
		 .args = {{.text = "a.b"}}},
		{.member = "GetAllMatchRules", STATS},
		/* with effect */
		{.member = "RequestName", .signature = "su", .args = {{.text = "c.d"}}},
		{.member = "RequestName", .signature = "su", .args = {{.text = "a.b"}}},
		{.member = "ReleaseName", .signature = "s", .args = {{.text = "c.d"}}},
		{.member = "AddMatch", .signature = "s", .args = {{.text = "member='N',arg0='x'"}}},
		{.member = "AddMatch", .signature = "s", .args = {{.text = "bogus"}}},
		{.member = "RemoveMatch",
		 .signature = "s",
		 .args = {{.text = "member='N',arg0='x'"}}},
		{.member = "ReloadConfig"},
		{.member = "UpdateActivationEnvironment",
		 .signature = "a{ss}",
		 .args = {{.texts = texts}}},
		{.member = "BecomeMonitor",
		 .interface = "org.freedesktop.DBus.Monitoring",
		 .signature = "asu",
		 .args = {{.texts = (const char *const[]){"member='M'", "member='N'", NULL}}}},
	};
	struct bus *bus = bus_new(address, NULL);
	struct member *a = &bus->members[0], *b = &bus->members[1];
	unsigned long n_failed = 0;

	bus_hello(bus, 2);
	b->caller.flags |= DRIVER_CALLER_PRIVILEGED | DRIVER_CALLER_FDS;
	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b", 0);
	expect_answer(bus, a, "AddMatch", "s", "return", "member='M'");
	for (size_t i = 0; i < N(requests); i++) {
		struct message *message = request_message(&requests[i]);

		for (unsigned long n = 1;; n++) {
			struct driver_answer answer = DRIVER_ANSWER_NULL;
			bool has_failed;
			int r;

			fault_at(n);
			r = driver_dispatch(bus->driver, &b->caller, message, &answer);
			has_failed = fault_disarm();
			if (r) {
				expect_eq(r, -ENOMEM);
				expect_eq(answer.n_messages, 0);
				expect(!answer.is_monitor);
			} else {
				/* told in full, or that it could not be done */
				expect_eq(answer.n_messages, 1);
			}
			driver_answer_deinit(&answer);
			bus_drain(b);
			if (!has_failed)
				break;
			n_failed++;
			/* what may have been done is done again */
			if (strcmp(requests[i].member, "ReleaseName") == 0)
				expect_answer(bus, b, "RequestName", "su", "return u ...", "c.d",
					      0);
			if (strcmp(requests[i].member, "RemoveMatch") == 0)
				expect_answer(bus, b, "AddMatch", "s", "return",
					      "member='N',arg0='x'");
			bus_drain(b);
		}
		message_unref(message);
	}
	expect_gt(n_failed, 2 * N(requests));
	bus_free(bus);
}

CARRIER_TEST(hello_without_memory)
{
	const struct request request = {.member = "Hello"};
	struct bus *bus = bus_new(address, NULL);
	struct message *message = request_message(&request);
	unsigned long n;

	for (n = 1;; n++) {
		struct driver_answer answer = DRIVER_ANSWER_NULL;
		struct member *a = &bus->members[0];
		int r;

		fault_at(n);
		r = driver_dispatch(bus->driver, &a->caller, message, &answer);
		if (!fault_disarm()) {
			expect_eq(r, 0);
			expect_eq(answer.n_messages, 2);
			driver_answer_deinit(&answer);
			break;
		}
		/* some things are done without, such as growing a table */
		if (r)
			expect_eq(r, -ENOMEM);
		else
			expect_eq(answer.n_messages, 2);
		driver_answer_deinit(&answer);
		/* what the proxy does with it */
		a->caller.conn = engine_conn_close(a->caller.conn);
		a->caller.unique_name = NULL;
	}
	expect_gt(n, 4);
	message_unref(message);
	bus_free(bus);
}

TEST(driver_without_memory)
{
	struct bus *bus = bus_new("embedded", NULL);
	const struct driver_options options = {.engine = bus->engine, .guid = ""};
	unsigned long n;

	for (n = 1;; n++) {
		struct driver *driver = NULL;
		int r;

		fault_at(n);
		r = driver_new(&options, &driver);
		if (!fault_disarm()) {
			expect_eq(r, 0);
			driver_free(driver);
			break;
		}
		expect_eq(r, -ENOMEM);
		expect(!driver);
	}
	expect_gt(n, 2);
	bus_free(bus);
}
