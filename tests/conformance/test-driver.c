/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver, method by method: answers, errors, paths, interfaces, signatures.
 * Names, matches and monitors have files of their own. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEER	       "org.freedesktop.DBus.Peer"
#define INTROSPECTABLE "org.freedesktop.DBus.Introspectable"
#define PROPERTIES     "org.freedesktop.DBus.Properties"
#define MONITORING     "org.freedesktop.DBus.Monitoring"
#define STATS	       "org.freedesktop.DBus.Debug.Stats"
#define N_OF(array)    (sizeof(array) / sizeof((array)[0]))

struct fixture {
	struct subject *subject;
	struct conn *conn, *other;
};

static struct fixture fixture_start(void)
{
	struct fixture f = {subject_start(NULL)};

	f.conn = conn_new(f.subject->address);
	f.other = conn_new(f.subject->address);
	return f;
}

static void fixture_stop(struct fixture *f)
{
	conn_close(f->conn);
	conn_close(f->other);
	subject_stop(f->subject);
}

static struct msg *call_on(struct conn *conn, const char *path, const char *interface,
			   const char *member)
{
	return conn_call(conn, msg_call(DRIVER_NAME, path, interface, member));
}

/* Answers look alike */

TEST(answer_has_sender_destination_and_serial)
{
	struct fixture f = fixture_start();
	struct msg *reply = conn_call(f.conn, driver_msg("GetId"));

	expect_str(reply->sender, DRIVER_NAME);
	expect_str(reply->destination, f.conn->unique);
	expect_ne(reply->serial, 0);
	expect_eq(reply->flags & MSG_NO_REPLY, MSG_NO_REPLY);
	msg_free(reply);
	reply = conn_call(f.conn, driver_msg("Nonsense"));
	expect_str(reply->sender, DRIVER_NAME);
	expect_str(reply->destination, f.conn->unique);
	expect_str(reply->signature, "s");
	msg_free(reply);
	fixture_stop(&f);
}

/* Which method is meant */

static const struct lookup {
	const char *path, *interface, *member, *error; /* NULL: answered */
} lookups[] = {
	{DRIVER_PATH, DRIVER_NAME, "GetId", NULL},
	{DRIVER_PATH, NULL, "GetId", NULL},
	{"/", DRIVER_NAME, "GetId", NULL},
	{"/any/where", NULL, "GetId", NULL},
	{"/any/where", PEER, "Ping", NULL},
	{"/", NULL, "Ping", NULL},
	{"/", INTROSPECTABLE, "Introspect", NULL},
	{"/", NULL, "Introspect", NULL},
	{"/any/where", DRIVER_NAME, "ListNames", NULL},
	{"/any/where", DRIVER_NAME, "ReloadConfig", NULL},
	/* unknown interface, unknown method */
	{DRIVER_PATH, "org.example.Nothing", "GetId", "UnknownInterface"},
	{"/", "org.example.Nothing", "GetId", "UnknownInterface"},
	{DRIVER_PATH, DRIVER_NAME, "Nothing", "UnknownMethod"},
	{DRIVER_PATH, DRIVER_NAME, "getId", "UnknownMethod"},
	{DRIVER_PATH, DRIVER_NAME, "Ping", "UnknownMethod"},
	{DRIVER_PATH, PEER, "GetId", "UnknownMethod"},
	{DRIVER_PATH, NULL, "Nothing", "UnknownMethod"},
	/* on another than its own path */
	{"/", DRIVER_NAME, "UpdateActivationEnvironment", "AccessDenied"},
	{"/", NULL, "UpdateActivationEnvironment", "AccessDenied"},
	{"/", PROPERTIES, "GetAll", "UnknownInterface"},
	{"/", NULL, "GetAll", "UnknownMethod"},
	{"/", MONITORING, "BecomeMonitor", "UnknownInterface"},
	{"/", NULL, "BecomeMonitor", "UnknownMethod"},
	/* the right path, wrong arguments */
	{DRIVER_PATH, NULL, "GetAll", "InvalidArgs"},
	{DRIVER_PATH, NULL, "BecomeMonitor", "InvalidArgs"},
	{DRIVER_PATH, DRIVER_NAME, "UpdateActivationEnvironment", "InvalidArgs"},
};

TEST(paths_and_interfaces)
{
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(lookups); i++) {
		const struct lookup *l = &lookups[i];
		struct msg *reply = call_on(f.conn, l->path, l->interface, l->member);

		if ((reply->type == MSG_RETURN) != !l->error)
			fail("%s.%s on %s: %s", l->interface ?: "", l->member, l->path,
			     reply->error_name ?: "answered");
		if (l->error)
			expect_error(reply, l->error);
		else
			expect_return(reply);
	}
	fixture_stop(&f);
}

static void expect_text(struct msg *reply, const char *error, const char *want)
{
	const char *text;

	expect_eq(reply->type, MSG_ERROR);
	msg_read(reply, "s", &text);
	expect_str(text, want);
	expect_error(reply, error);
}

TEST(texts_of_errors)
{
	struct fixture f = fixture_start();

	expect_text(call_on(f.conn, DRIVER_PATH, DRIVER_NAME, "Nothing"), "UnknownMethod",
		    DRIVER_NAME " does not understand message Nothing");
	expect_text(call_on(f.conn, DRIVER_PATH, "a.b", "GetId"), "UnknownInterface",
		    DRIVER_NAME " does not understand message GetId");
	expect_text(call_on(f.conn, "/", DRIVER_NAME, "UpdateActivationEnvironment"),
		    "AccessDenied",
		    "Method 'UpdateActivationEnvironment' is only available at the canonical "
		    "object path '/org/freedesktop/DBus'");
	expect_text(driver_call(f.conn, "GetNameOwner", "u", 1), "InvalidArgs",
		    "Call to GetNameOwner has wrong args (u, expected s)\n");
	fixture_stop(&f);
}

static const struct signature_case {
	const char *interface, *member;
} every_method[] = {
	{DRIVER_NAME, "RequestName"},
	{DRIVER_NAME, "ReleaseName"},
	{DRIVER_NAME, "StartServiceByName"},
	{DRIVER_NAME, "UpdateActivationEnvironment"},
	{DRIVER_NAME, "NameHasOwner"},
	{DRIVER_NAME, "ListNames"},
	{DRIVER_NAME, "ListActivatableNames"},
	{DRIVER_NAME, "AddMatch"},
	{DRIVER_NAME, "RemoveMatch"},
	{DRIVER_NAME, "GetNameOwner"},
	{DRIVER_NAME, "ListQueuedOwners"},
	{DRIVER_NAME, "GetConnectionUnixUser"},
	{DRIVER_NAME, "GetConnectionUnixProcessID"},
	{DRIVER_NAME, "GetAdtAuditSessionData"},
	{DRIVER_NAME, "GetConnectionSELinuxSecurityContext"},
	{DRIVER_NAME, "GetConnectionCredentials"},
	{DRIVER_NAME, "ReloadConfig"},
	{DRIVER_NAME, "GetId"},
	{INTROSPECTABLE, "Introspect"},
	{PEER, "Ping"},
	{PEER, "GetMachineId"},
	{PROPERTIES, "Get"},
	{PROPERTIES, "GetAll"},
	{PROPERTIES, "Set"},
	{MONITORING, "BecomeMonitor"},
};

TEST(every_method_refuses_wrong_arguments)
{
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(every_method); i++) {
		const struct signature_case *m = &every_method[i];
		struct msg *call = msg_call(DRIVER_NAME, DRIVER_PATH, m->interface, m->member);
		struct msg *reply = conn_call(f.conn, msg_append(call, "tt", 1ull, 2ull));

		if (reply->type != MSG_ERROR)
			fail("%s takes anything", m->member);
		expect_error(reply, "InvalidArgs");
	}
	fixture_stop(&f);
}

/* Introspection: XML is read with a pencil here; gdbus reads it elsewhere. */

static char *introspect(struct conn *conn, const char *path)
{
	struct msg *reply = call_on(conn, path, INTROSPECTABLE, "Introspect");
	const char *xml;
	char *copy;

	expect_eq(reply->type, MSG_RETURN);
	msg_read(reply, "s", &xml);
	copy = strdup(xml);
	msg_free(reply);
	return copy;
}

/* start and end tags pair up */
static void expect_well_formed(const char *xml)
{
	char open[16][64];
	int depth = 0;

	for (const char *p = strchr(xml, '<'); p; p = strchr(p + 1, '<')) {
		const char *end = strchr(p, '>');
		size_t length;

		expect(end != NULL);
		if (p[1] == '!' || p[1] == '?')
			continue;
		length = strcspn(p + 1 + (p[1] == '/'), " \t\n/>");
		if (p[1] == '/') {
			expect_gt(depth, 0);
			depth--;
			expect_eq(strlen(open[depth]), length);
			expect(!strncmp(open[depth], p + 2, length));
		} else if (end[-1] != '/') {
			expect_lt(depth, 16);
			snprintf(open[depth++], 64, "%.*s", (int)length, p + 1);
		}
	}
	expect_eq(depth, 0);
	expect(strstr(xml, "<node") != NULL);
}

TEST(introspection_lists_every_method)
{
	struct fixture f = fixture_start();
	char *xml = introspect(f.conn, DRIVER_PATH), tag[128];
	static const char *const others[] = {
		"method name=\"Hello\"",	"signal name=\"NameOwnerChanged\"",
		"signal name=\"NameAcquired\"", "signal name=\"NameLost\"",
		"property name=\"Features\"",	"property name=\"Interfaces\"",
	};

	expect_well_formed(xml);
	for (size_t i = 0; i < N_OF(every_method); i++) {
		char *interface, *end;

		snprintf(tag, sizeof(tag), "<interface name=\"%s\">", every_method[i].interface);
		interface = strstr(xml, tag);
		if (!interface)
			fail("no interface %s", every_method[i].interface);
		end = strstr(interface, "</interface>");
		snprintf(tag, sizeof(tag), "<method name=\"%s\"", every_method[i].member);
		interface = strstr(interface, tag);
		if (!interface || interface > end)
			fail("%s.%s is not listed", every_method[i].interface,
			     every_method[i].member);
	}
	for (size_t i = 0; i < N_OF(others); i++)
		if (!strstr(xml, others[i]))
			fail("%s is not listed", others[i]);
	free(xml);
	fixture_stop(&f);
}

TEST(introspection_of_other_paths)
{
	static const struct {
		const char *path, *child;
	} cases[] = {
		{"/", "<node name=\"org/freedesktop/DBus\"/>"},
		{"/org", "<node name=\"freedesktop/DBus\"/>"},
		{"/org/freedesktop", "<node name=\"DBus\"/>"},
		{"/com", NULL},
		{"/org/freedesktop/DBus/more", NULL},
	};
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(cases); i++) {
		char *xml = introspect(f.conn, cases[i].path);

		expect_well_formed(xml);
		expect(strstr(xml, "<method name=\"GetNameOwner\"") != NULL);
		expect(strstr(xml, "<interface name=\"" PROPERTIES "\"") == NULL);
		expect(strstr(xml, "<interface name=\"" MONITORING "\"") == NULL);
		if (cases[i].child)
			expect(strstr(xml, cases[i].child) != NULL);
		else
			expect(strstr(xml, "<node name=") == NULL);
		free(xml);
	}
	fixture_stop(&f);
}

/* Names */

TEST(list_names)
{
	struct fixture f = fixture_start();
	const char **names;
	struct msg *reply;
	bool seen[4] = {false};
	size_t n;

	request_name(f.other, "org.example.One", 0);
	reply = conn_call(f.conn, driver_msg("ListNames"));
	expect_str(reply->signature, "as");
	names = msg_read_strings(reply, &n);
	expect_eq(n, 4);
	expect_str(names[0], DRIVER_NAME);
	for (size_t i = 1; i < n; i++) {
		seen[1] |= !strcmp(names[i], f.conn->unique);
		seen[2] |= !strcmp(names[i], f.other->unique);
		seen[3] |= !strcmp(names[i], "org.example.One");
	}
	expect(seen[1] && seen[2] && seen[3]);
	free(names);
	msg_free(reply);
	reply = conn_call(f.conn, driver_msg("ListActivatableNames"));
	names = msg_read_strings(reply, &n);
	expect_eq(n, 1);
	expect_str(names[0], DRIVER_NAME);
	free(names);
	msg_free(reply);
	fixture_stop(&f);
}

TEST(name_has_owner_and_get_name_owner)
{
	static const char *const unknown[] = {
		"org.example.None",
		":1.999",
		":1.18446744073709551616",
		"",
		"bad",
		":",
		":1",
		":1.00",
		":1.0x",
		":2.0",
		":not.active.yet",
	};
	struct fixture f = fixture_start();
	char *owner;

	request_name(f.other, "org.example.One", 0);
	expect_eq(driver_u32(f.conn, "NameHasOwner", "s", DRIVER_NAME), 1);
	expect_eq(driver_u32(f.conn, "NameHasOwner", "s", f.other->unique), 1);
	expect_eq(driver_u32(f.conn, "NameHasOwner", "s", "org.example.One"), 1);
	owner = name_owner(f.conn, DRIVER_NAME);
	expect_str(owner, DRIVER_NAME);
	free(owner);
	owner = name_owner(f.conn, f.conn->unique);
	expect_str(owner, f.conn->unique);
	free(owner);
	owner = name_owner(f.conn, "org.example.One");
	expect_str(owner, f.other->unique);
	free(owner);
	for (size_t i = 0; i < N_OF(unknown); i++) {
		expect_eq(driver_u32(f.conn, "NameHasOwner", "s", unknown[i]), 0);
		expect_str(name_owner(f.conn, unknown[i]), NULL);
	}
	fixture_stop(&f);
}

TEST(start_service_by_name)
{
	struct fixture f = fixture_start();

	request_name(f.other, "org.example.One", 0);
	/* the service file is looked for first, and a running name has none here */
	expect_error(driver_call(f.conn, "StartServiceByName", "su", "org.example.One", 0),
		     "ServiceUnknown");
	expect_error(driver_call(f.conn, "StartServiceByName", "su", "org.example.None", 0),
		     "ServiceUnknown");
	expect_error(driver_call(f.conn, "StartServiceByName", "su", "bad", 0), "ServiceUnknown");
	expect_error(driver_call(f.conn, "StartServiceByName", "su", f.other->unique, 0),
		     "ServiceUnknown");
	expect_error(driver_call(f.conn, "StartServiceByName", "su", DRIVER_NAME, 77),
		     "ServiceUnknown");
	fixture_stop(&f);
}

/* Credentials */

TEST(unix_user_and_process)
{
	struct fixture f = fixture_start();
	const char *const names[] = {f.conn->unique, f.other->unique, "org.example.One"};

	request_name(f.other, "org.example.One", 0);
	for (size_t i = 0; i < N_OF(names); i++) {
		expect_eq(driver_u32(f.conn, "GetConnectionUnixUser", "s", names[i]), getuid());
		expect_eq(driver_u32(f.conn, "GetConnectionUnixProcessID", "s", names[i]),
			  (uint32_t)getpid());
	}
	expect_eq(driver_u32(f.conn, "GetConnectionUnixUser", "s", DRIVER_NAME), getuid());
	expect_eq(driver_u32(f.conn, "GetConnectionUnixProcessID", "s", DRIVER_NAME),
		  (uint32_t)f.subject->pid);
	fixture_stop(&f);
}

static const char *const per_connection[] = {
	"GetConnectionUnixUser",  "GetConnectionUnixProcessID",		 "GetConnectionCredentials",
	"GetAdtAuditSessionData", "GetConnectionSELinuxSecurityContext",
};

TEST(credentials_of_nobody)
{
	static const char *const unknown[] = {"org.example.None", ":1.999", "", "bad"};
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(per_connection); i++)
		for (size_t j = 0; j < N_OF(unknown); j++)
			expect_error(driver_call(f.conn, per_connection[i], "s", unknown[j]),
				     "NameHasNoOwner");
	fixture_stop(&f);
}

TEST(audit_data_is_unknown)
{
	struct fixture f = fixture_start();

	expect_error(driver_call(f.conn, "GetAdtAuditSessionData", "s", f.other->unique),
		     "AdtAuditDataUnknown");
	fixture_stop(&f);
}

TEST(selinux_context_is_unknown_without_selinux)
{
	struct fixture f = fixture_start();

	if (!access("/sys/fs/selinux/enforce", F_OK))
		skip("this machine has SELinux");
	expect_error(
		driver_call(f.conn, "GetConnectionSELinuxSecurityContext", "s", f.other->unique),
		"SELinuxSecurityContextUnknown");
	fixture_stop(&f);
}

static int compare_gids(const void *a, const void *b)
{
	gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return (x > y) - (x < y);
}

/* what the bus must report for us: sorted, the primary group among them */
static size_t own_groups(gid_t *groups, size_t max)
{
	int n = getgroups(max, groups);
	bool has_primary = false;

	expect_ge(n, 0);
	for (int i = 0; i < n; i++)
		has_primary |= groups[i] == getgid();
	if (!has_primary)
		groups[n++] = getgid();
	qsort(groups, n, sizeof(*groups), compare_gids);
	return n;
}

TEST(credentials)
{
	struct fixture f = fixture_start();
	struct msg *reply = driver_call(f.conn, "GetConnectionCredentials", "s", f.other->unique);
	const char *signature;
	struct reader r;
	gid_t groups[256], last = 0;
	size_t n, end;

	expect_eq(reply->type, MSG_RETURN);
	expect(msg_find(reply, "UnixUserID", &signature, &r));
	expect_str(signature, "u");
	expect_eq(read_u32(&r), getuid());
	expect(msg_find(reply, "ProcessID", &signature, &r));
	expect_str(signature, "u");
	expect_eq(read_u32(&r), (uint32_t)getpid());
	expect(msg_find(reply, "UnixGroupIDs", &signature, &r));
	expect_str(signature, "au");
	n = own_groups(groups, N_OF(groups));
	end = read_u32(&r);
	end += r.pos;
	for (size_t i = 0; r.pos < end; i++) {
		gid_t gid = read_u32(&r);

		expect_ge(gid, last);
		last = gid;
		expect(bsearch(&gid, groups, n, sizeof(gid), compare_gids) != NULL);
	}
	if (msg_find(reply, "LinuxSecurityLabel", &signature, &r)) {
		expect_str(signature, "ay");
		n = read_u32(&r);
		expect_gt(n, 1);
		expect_eq(r.data[r.pos + n - 1], 0);
	}
	expect(!msg_find(reply, "WindowsSID", &signature, &r));
	msg_free(reply);
	fixture_stop(&f);
}

TEST(credentials_of_the_driver)
{
	struct fixture f = fixture_start();
	struct msg *reply = driver_call(f.conn, "GetConnectionCredentials", "s", DRIVER_NAME);
	const char *signature;
	struct reader r;

	expect(msg_find(reply, "UnixUserID", &signature, &r));
	expect_eq(read_u32(&r), getuid());
	expect(msg_find(reply, "ProcessID", &signature, &r));
	expect_eq(read_u32(&r), (uint32_t)f.subject->pid);
	msg_free(reply);
	fixture_stop(&f);
}

/* "Pid:" of a pidfd */
static int pid_of_pidfd(int fd)
{
	char path[64], *text, *line;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = file_read(path);
	line = text ? strstr(text, "Pid:") : NULL;
	if (line)
		sscanf(line, "Pid: %d", &pid);
	free(text);
	return pid;
}

TEST(credentials_have_a_pidfd)
{
	struct fixture f = fixture_start();
	struct conn *plain = conn_auth(f.subject->address, false);
	const char *signature;
	struct msg *reply;
	struct reader r;

	conn_hello(plain);
	reply = driver_call(f.conn, "GetConnectionCredentials", "s", f.other->unique);
	/* the reference has them from 1.15.8 on: DIFFERENCES process-fd */
	if (subject_is_reference()) {
		expect(!msg_find(reply, "ProcessFD", &signature, &r));
		expect_eq(reply->n_fds, 0);
	} else if (reply->n_fds) {
		expect(msg_find(reply, "ProcessFD", &signature, &r));
		expect_str(signature, "h");
		expect_eq(read_u32(&r), 0);
		expect_eq(reply->n_fds, 1);
		expect_eq(pid_of_pidfd(reply->fds[0]), getpid());
	} else {
		note("no SO_PEERPIDFD here");
	}
	msg_free(reply);
	/* a caller that cannot take descriptors gets none */
	reply = driver_call(plain, "GetConnectionCredentials", "s", f.other->unique);
	expect_eq(reply->type, MSG_RETURN);
	expect_eq(reply->n_fds, 0);
	expect(!msg_find(reply, "ProcessFD", &signature, &r));
	msg_free(reply);
	conn_close(plain);
	fixture_stop(&f);
}

TEST(credentials_are_those_of_connect_time)
{
	struct subject *subject = subject_start(NULL);
	struct conn *conn = conn_new(subject->address);
	int pipe_fds[2];
	uint32_t pid;
	pid_t child;

	expect_eq(pipe(pipe_fds), 0);
	child = fork();
	expect_ge(child, 0);
	if (!child) {
		/* the child uses what its parent has connected */
		pid = driver_u32(conn, "GetConnectionUnixProcessID", "s", conn->unique);
		_exit(write(pipe_fds[1], &pid, sizeof(pid)) != sizeof(pid));
	}
	expect_eq(read(pipe_fds[0], &pid, sizeof(pid)), (ssize_t)sizeof(pid));
	expect_eq(pid, (uint32_t)getpid());
	expect_eq(sandbox_wait(&subject->sandbox, child), 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	conn_close(conn);
	subject_stop(subject);
}

/* Ids */

static char *string_result(struct msg *reply)
{
	const char *text;
	char *copy;

	expect_eq(reply->type, MSG_RETURN);
	expect_str(reply->signature, "s");
	msg_read(reply, "s", &text);
	copy = strdup(text);
	msg_free(reply);
	return copy;
}

TEST(bus_and_machine_id)
{
	struct fixture f = fixture_start();
	char *id = string_result(conn_call(f.conn, driver_msg("GetId")));
	char *again = string_result(conn_call(f.other, driver_msg("GetId")));
	char *machine = string_result(call_on(f.conn, "/", PEER, "GetMachineId"));
	char *same = string_result(conn_call(f.conn, msg_call(NULL, "/x", PEER, "GetMachineId")));
	char *want = file_read("/etc/machine-id") ?: file_read("/var/lib/dbus/machine-id");

	expect_eq(strlen(id), 32);
	expect_eq(strspn(id, "0123456789abcdef"), 32);
	expect_str(again, id);
	expect_eq(strlen(machine), 32);
	expect_str(same, machine);
	if (want)
		want[strcspn(want, "\n")] = 0;
	if (want && strlen(want) == 32)
		expect_str(machine, want);
	free(id);
	free(again);
	free(machine);
	free(same);
	free(want);
	fixture_stop(&f);
}

/* Properties */

static struct msg *property(struct conn *conn, const char *interface, const char *name)
{
	return conn_call(conn, msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, PROPERTIES, "Get"),
					  "ss", interface, name));
}

TEST(properties)
{
	static const char *const names[] = {"Features", "Interfaces"};
	struct fixture f = fixture_start();
	const char *signature;
	struct msg *reply;
	struct reader r;
	size_t end;

	for (size_t i = 0; i < N_OF(names); i++) {
		reply = property(f.conn, DRIVER_NAME, names[i]);
		expect_eq(reply->type, MSG_RETURN);
		expect_str(reply->signature, "v");
		r = msg_reader(reply);
		expect_str(read_signature(&r), "as");
		end = read_u32(&r);
		end += r.pos;
		while (r.pos < end) {
			const char *value = read_string(&r);

			/* what is advertised exists */
			if (i == 1) {
				char *xml = introspect(f.conn, DRIVER_PATH);

				expect(strstr(xml, value) != NULL);
				free(xml);
			}
		}
		msg_free(reply);
	}
	reply = conn_call(f.conn,
			  msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, PROPERTIES, "GetAll"), "s",
				     DRIVER_NAME));
	expect_str(reply->signature, "a{sv}");
	for (size_t i = 0; i < N_OF(names); i++) {
		expect(msg_find(reply, names[i], &signature, &r));
		expect_str(signature, "as");
	}
	msg_free(reply);
	fixture_stop(&f);
}

TEST(monitoring_is_advertised)
{
	struct fixture f = fixture_start();
	struct msg *reply = property(f.conn, DRIVER_NAME, "Interfaces");

	expect(memmem(reply->body.data, reply->body.size, MONITORING, strlen(MONITORING)) != NULL);
	msg_free(reply);
	fixture_stop(&f);
}

TEST(properties_that_are_not_there)
{
	struct fixture f = fixture_start();
	struct msg *call, *reply;

	expect_error(property(f.conn, DRIVER_NAME, "Nothing"), "UnknownProperty");
	expect_error(property(f.conn, "org.example.Nothing", "Features"), "UnknownInterface");
	expect_error(property(f.conn, "", "Features"), "UnknownInterface");
	call = msg_call(DRIVER_NAME, DRIVER_PATH, PROPERTIES, "GetAll");
	expect_error(conn_call(f.conn, msg_append(call, "s", "org.example.Nothing")),
		     "UnknownInterface");
	call = msg_call(DRIVER_NAME, DRIVER_PATH, PROPERTIES, "GetAll");
	reply = conn_call(f.conn, msg_append(call, "s", PEER));
	expect_str(reply->signature, "a{sv}");
	expect_return(reply);
	call = msg_call(DRIVER_NAME, DRIVER_PATH, PROPERTIES, "Set");
	expect_error(conn_call(f.conn, msg_append(call, "ssv", DRIVER_NAME, "Features", "as", 0)),
		     "PropertyReadOnly");
	call = msg_call(DRIVER_NAME, DRIVER_PATH, PROPERTIES, "Set");
	expect_error(conn_call(f.conn, msg_append(call, "ssv", DRIVER_NAME, "Nothing", "u", 1)),
		     "UnknownProperty");
	fixture_stop(&f);
}

/* The rest */

TEST(reload_config)
{
	struct fixture f = fixture_start();
	char *good = file_read(sandbox_path(&f.subject->sandbox, "bus.conf"));
	struct msg *reply;

	expect_return(conn_call(f.conn, driver_msg("ReloadConfig")));
	file_write(sandbox_path(&f.subject->sandbox, "bus.conf"), "<busconfig><nonsense/>");
	reply = conn_call(f.conn, driver_msg("ReloadConfig"));
	expect_eq(reply->type, MSG_ERROR);
	msg_free(reply);
	file_write(sandbox_path(&f.subject->sandbox, "bus.conf"), good);
	expect_return(conn_call(f.conn, driver_msg("ReloadConfig")));
	free(good);
	fixture_stop(&f);
}

/* rules about names go into the engine as well, and nobody there becomes a client by it */
TEST(policy_has_no_names)
{
	static const char *const rules[] = {
		"<policy context=\"mandatory\"><allow own_prefix=\"a.b\"/>"
		"<allow own=\"a.c\"/></policy>",
		"<policy context=\"mandatory\"><allow own=\"a.b\"/><allow own=\"a.d\"/></policy>",
		"",
	};
	struct subject *subject = subject_start(rules[0]);
	struct conn *conn = conn_new(subject->address);

	expect_str(conn->unique, subject_names(":1.0"));
	add_match(conn, "member='NameOwnerChanged'");
	for (size_t i = 1; i < N_OF(rules); i++) {
		char *text = config_text(&subject->sandbox, NULL, rules[i]);
		const char **names;
		struct msg *reply;
		size_t n;

		file_write(sandbox_path(&subject->sandbox, "bus.conf"), text);
		free(text);
		expect_return(conn_call(conn, driver_msg("ReloadConfig")));
		expect_quiet(conn);
		reply = conn_call(conn, driver_msg("ListNames"));
		names = msg_read_strings(reply, &n);
		expect_eq(n, 2);
		free(names);
		msg_free(reply);
	}
	conn_close(conn);
	conn = conn_new(subject->address);
	expect_str(conn->unique, subject_names(":1.1"));
	conn_close(conn);
	subject_stop(subject);
}

TEST(reload_applies_new_limits)
{
	struct fixture f = fixture_start();
	char *text;

	for (int i = 0; i < 10; i++)
		add_match(f.conn, "interface='a.b'");
	text = config_text(&f.subject->sandbox, NULL,
			   "<limit name=\"max_match_rules_per_connection\">5</limit>");
	file_write(sandbox_path(&f.subject->sandbox, "bus.conf"), text);
	free(text);
	expect_return(conn_call(f.conn, driver_msg("ReloadConfig")));
	expect_error(driver_call(f.conn, "AddMatch", "s", "interface='a.c'"), "LimitsExceeded");
	/* what exceeds the limit stays */
	for (int i = 0; i < 10; i++)
		remove_match(f.conn, "interface='a.b'");
	add_match(f.conn, "interface='a.c'");
	fixture_stop(&f);
}

TEST(update_activation_environment)
{
	struct fixture f = fixture_start();

	expect_return(driver_call(f.conn, "UpdateActivationEnvironment", "a{ss}", 2, "BP_TEST",
				  "value", "OTHER", ""));
	expect_return(driver_call(f.conn, "UpdateActivationEnvironment", "a{ss}", 0));
	fixture_stop(&f);
}

TEST(ping)
{
	struct fixture f = fixture_start();
	struct msg *reply = call_on(f.conn, "/", PEER, "Ping");

	expect_str(reply->signature, NULL);
	expect_eq(reply->body.size, 0);
	expect_return(reply);
	fixture_stop(&f);
}

TEST(acks_that_nobody_wants_are_not_sent)
{
	struct fixture f = fixture_start();

	conn_send(f.conn, msg_flags(msg_append(driver_msg("AddMatch"), "s", "type='signal'"),
				    MSG_NO_REPLY));
	conn_send(f.conn, msg_flags(msg_append(driver_msg("RemoveMatch"), "s", "type='signal'"),
				    MSG_NO_REPLY));
	conn_send(f.conn, msg_flags(msg_call(DRIVER_NAME, "/", PEER, "Ping"), MSG_NO_REPLY));
	expect_quiet(f.conn);
	fixture_stop(&f);
}

TEST(what_is_no_call_is_ignored)
{
	struct fixture f = fixture_start();
	struct msg fake = {.serial = 77, .sender = (char *)DRIVER_NAME};

	conn_send(f.conn, msg_to(msg_signal("/", DRIVER_NAME, "NameLost"), DRIVER_NAME));
	conn_send(f.conn, msg_to(msg_signal(DRIVER_PATH, DRIVER_NAME, "Hello"), DRIVER_NAME));
	conn_send(f.conn, msg_return(&fake));
	conn_send(f.conn, msg_error(&fake, "a.b.C"));
	expect_quiet(f.conn);
	expect_quiet(f.other);
	fixture_stop(&f);
}

/* DIFFERENCES driver-groups */
TEST(groups_of_the_bus)
{
	struct fixture f = fixture_start();
	struct msg *reply = driver_call(f.conn, "GetConnectionCredentials", "s", DRIVER_NAME);
	const char *signature;
	struct reader r;

	expect_eq(reply->type, MSG_RETURN);
	expect_eq(msg_find(reply, "UnixGroupIDs", &signature, &r), !subject_is_reference());
	expect(msg_find(reply, "UnixUserID", &signature, &r));
	msg_free(reply);
	fixture_stop(&f);
}

/* Privileges: root's and the owner's of the bus */

TEST(unprivileged_callers)
{
	static const struct {
		const char *interface, *member, *signature, *error;
	} calls[] = {
		{DRIVER_NAME, "UpdateActivationEnvironment", "a{ss}", "AccessDenied"},
		{MONITORING, "BecomeMonitor", "asu", "AccessDenied"},
		/* whoever wants may */
		{DRIVER_NAME, "ReloadConfig", "", NULL},
		{STATS, "GetStats", "", NULL},
		{STATS, "GetAllMatchRules", "", NULL},
	};
	struct subject *subject =
		subject_start("<policy context=\"default\"><allow user=\"*\"/></policy>");
	struct conn *conn = conn_new_nobody(subject->address);
	char want[128];
	const char *text;

	for (size_t i = 0; i < N_OF(calls); i++) {
		struct msg *call =
			msg_call(DRIVER_NAME, DRIVER_PATH, calls[i].interface, calls[i].member);
		struct msg *reply;

		if (!strcmp(calls[i].signature, "asu"))
			msg_append(call, "asu", 0, 0);
		else if (*calls[i].signature)
			msg_append(call, calls[i].signature, 0);
		reply = conn_call(conn, call);
		if (!calls[i].error) {
			expect_return(reply);
			continue;
		}
		msg_read(reply, "s", &text);
		sprintf(want,
			"rejected attempt to call %s by connection %s (uid=65534 pid=%d comm=",
			calls[i].member, subject_names(":1.0"), getpid());
		if (strcmp(calls[i].member, "UpdateActivationEnvironment"))
			expect(!strncmp(text, want, strlen(want)));
		expect_error(reply, calls[i].error);
	}
	conn_close(conn);
	subject_stop(subject);
}

/* Statistics */

static uint32_t stat_of(struct msg *reply, const char *key)
{
	const char *signature;
	struct reader r;

	expect_eq(reply->type, MSG_RETURN);
	if (!msg_find(reply, key, &signature, &r))
		fail("there is no %s", key);
	expect_str(signature, "u");
	return read_u32(&r);
}

static struct msg *connection_stats(struct conn *conn, const char *name)
{
	return conn_call(conn,
			 msg_append(msg_call(DRIVER_NAME, DRIVER_PATH, STATS, "GetConnectionStats"),
				    "s", name));
}

TEST(statistics_of_the_bus)
{
	struct fixture f = fixture_start();
	struct conn *silent = conn_auth(f.subject->address, false);
	struct msg *reply;

	expect_eq(request_name(f.other, "a.b", 0), 1);
	expect_eq(request_name(f.other, "a.c", 0), 1);
	expect_eq(release_name(f.other, "a.c"), 1);
	add_match(f.other, "member='A'");
	add_match(f.other, "member='B'");
	add_match(f.conn, "member='C'");
	remove_match(f.conn, "member='C'");
	conn_text(silent, "");
	reply = call_on(f.conn, DRIVER_PATH, STATS, "GetStats");
	stat_of(reply, "Serial");
	expect_eq(stat_of(reply, "ActiveConnections"), 2);
	expect_le(stat_of(reply, "IncompleteConnections"), 1);
	expect_eq(stat_of(reply, "MatchRules"), 2);
	expect_eq(stat_of(reply, "PeakMatchRules"), 3);
	expect_eq(stat_of(reply, "PeakMatchRulesPerConnection"), 2);
	expect_eq(stat_of(reply, "BusNames"), 3);
	/* pooled connections have no news of names */
	if (!subject_is_pooled())
		expect_eq(stat_of(reply, "PeakBusNames"), 4);
	expect_eq(stat_of(reply, "PeakBusNamesPerConnection"), 3);
	msg_free(reply);
	conn_close(silent);
	fixture_stop(&f);
}

TEST(statistics_of_a_connection)
{
	static const char *const keys[] = {
		"Serial",	   "MatchRules",	"PeakMatchRules",   "BusNames",
		"PeakBusNames",	   "IncomingMessages",	"IncomingBytes",    "IncomingFDs",
		"PeakIncomingFDs", "PeakIncomingBytes", "OutgoingMessages", "OutgoingBytes",
		"OutgoingFDs",	   "PeakOutgoingBytes", "PeakOutgoingFDs",
	};
	struct fixture f = fixture_start();
	struct msg *reply;
	char *text = calloc(1, 100001);

	expect_eq(request_name(f.other, "a.b", 0), 1);
	add_match(f.other, "member='A'");
	reply = connection_stats(f.conn, "a.b");
	for (size_t i = 0; i < N_OF(keys); i++)
		stat_of(reply, keys[i]);
	expect_eq(stat_of(reply, "MatchRules"), 1);
	expect_eq(stat_of(reply, "BusNames"), 2);
	expect_eq(stat_of(reply, "PeakBusNames"), 2);
	expect_eq(stat_of(reply, "OutgoingMessages"), 0);
	expect_eq(stat_of(reply, "OutgoingBytes"), 0);
	expect_gt(stat_of(reply, "PeakIncomingBytes"), 0);
	expect_gt(stat_of(reply, "PeakOutgoingBytes"), 0);
	msg_free(reply);
	/* one that does not read */
	memset(text, 'x', 100000);
	for (int i = 0; i < 20; i++)
		conn_send(f.conn,
			  msg_append(msg_flags(msg_call("a.b", "/", "a.b", "M"), MSG_NO_REPLY), "s",
				     text));
	reply = connection_stats(f.conn, f.other->unique);
	if (!subject_is_pooled()) {
		expect_gt(stat_of(reply, "OutgoingMessages"), 10);
		expect_gt(stat_of(reply, "OutgoingBytes"), 1000000);
	}
	expect_ge(stat_of(reply, "PeakOutgoingBytes"), stat_of(reply, "OutgoingBytes"));
	msg_free(reply);
	/* what waits for others is the sender's */
	reply = connection_stats(f.conn, f.conn->unique);
	if (!subject_is_pooled()) {
		expect_gt(stat_of(reply, "IncomingBytes"), 1000000);
		expect_gt(stat_of(reply, "PeakIncomingBytes"), 1000000);
	}
	msg_free(reply);
	expect_error(connection_stats(f.conn, "no.such"), "NameHasNoOwner");
	expect_error(connection_stats(f.conn, DRIVER_NAME), "InvalidArgs");
	free(text);
	fixture_stop(&f);
}
