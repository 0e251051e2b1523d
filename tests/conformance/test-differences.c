/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a configuration means here and what it means to dbus-daemon, where the two differ on
 * purpose: the entries of DIFFERENCES.md that no other test of this folder is about. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVERYBODY "<policy context=\"default\"><allow user=\"*\"/></policy>"

enum { UNLISTED = 54321 };

static bool may_own(struct conn *conn, const char *name)
{
	struct msg *reply = driver_call(conn, "RequestName", "su", name, 4);
	bool may = reply->type == MSG_RETURN;

	if (!may)
		expect_error(reply, "AccessDenied");
	else
		msg_free(reply);
	return may;
}

/* DIFFERENCES cookie-only */
TEST(only_cookies_to_authenticate_with)
{
	struct sandbox sandbox;
	const char *argv[8];
	size_t n = subject_command(argv);
	bool is_started;
	char *text, byte;
	int fds[2];
	pid_t pid;

	sandbox_open(&sandbox);
	text = config_text(&sandbox, NULL, "<auth>DBUS_COOKIE_SHA1</auth>");
	file_write(sandbox_path(&sandbox, "bus.conf"), text);
	free(text);
	argv[n++] = "--config-file";
	argv[n++] = sandbox_path(&sandbox, "bus.conf");
	argv[n++] = "--nofork";
	argv[n++] = "--print-address=20";
	argv[n] = NULL;
	expect_eq(pipe(fds), 0);
	pid = sandbox_spawn(&sandbox, argv, (const int[]){fds[1], 20}, 1);
	close(fds[1]);
	is_started = read(fds[0], &byte, 1) == 1;
	close(fds[0]);
	expect_eq(is_started, subject_is_reference());
	if (is_started)
		expect_eq(kill(pid, SIGTERM), 0);
	expect_eq(WEXITSTATUS(sandbox_wait(&sandbox, pid)), subject_is_reference() ? 0 : 1);
	sandbox_close(&sandbox);
}

/* DIFFERENCES narrow-rules */
TEST(rules_that_look_unconditional)
{
	struct subject *subject = subject_start("<policy context=\"mandatory\">"
						"<deny send_destination=\"*\" min_fds=\"1\"/>"
						"</policy>");
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	uint32_t serial;

	serial = conn_send(a, msg_flags(msg_call(b->unique, "/", "a.b", "M"), MSG_NO_REPLY));
	expect_eq(conn_is_refused(a, serial), subject_is_reference());
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* Files of an <includedir> */

static struct subject *start_included(const struct sandbox *files)
{
	struct subject *subject;
	char *text;

	if (asprintf(&text, "<includedir>%s</includedir>", files->dir) < 0)
		fail("out of memory");
	subject = subject_start(text);
	free(text);
	return subject;
}

/* DIFFERENCES includedir-denies */
TEST(broken_included_file)
{
	struct subject *subject;
	struct sandbox files;
	struct conn *conn;

	sandbox_open(&files);
	file_write(sandbox_path(&files, "broken.conf"),
		   "<busconfig><policy context=\"mandatory\"><deny own=\"a.denied\"/></policy>"
		   "<policy context=\"nonsense\"/></busconfig>");
	subject = start_included(&files);
	conn = conn_new(subject->address);
	expect_eq(may_own(conn, "a.denied"), subject_is_reference());
	expect(may_own(conn, "a.other"));
	conn_close(conn);
	subject_stop(subject);
	sandbox_close(&files);
}

/* DIFFERENCES includedir-order: one of each pair is made first, so that no order of a directory but
 * the sorted one can have them all right */
TEST(order_of_included_files)
{
	enum { N = 16 };
	struct subject *subject;
	struct sandbox files;
	struct conn *conn;
	int n_sorted = 0;

	sandbox_open(&files);
	for (int i = 0; i < 2 * N; i++) {
		bool is_deny = (i & 1) ^ (i / 2 & 1);
		char name[32], text[160];

		sprintf(name, "%c%d.conf", is_deny ? 'z' : 'a', i / 2);
		sprintf(text,
			"<busconfig><policy context=\"mandatory\"><%s own=\"a.n%d\"/></policy>"
			"</busconfig>",
			is_deny ? "deny" : "allow", i / 2);
		file_write(sandbox_path(&files, name), text);
	}
	subject = start_included(&files);
	conn = conn_new(subject->address);
	for (int i = 0; i < N; i++) {
		char name[16];

		sprintf(name, "a.n%d", i);
		n_sorted += !may_own(conn, name);
	}
	if (subject_is_reference())
		expect_lt(n_sorted, N);
	else
		expect_eq(n_sorted, N);
	conn_close(conn);
	subject_stop(subject);
	sandbox_close(&files);
}

/* Users */

static void become(uid_t uid, gid_t gid, gid_t group)
{
	if (getuid())
		skip("only root can become another user");
	expect_eq(setgroups(1, &group), 0);
	expect_eq(setresgid(gid, gid, 0), 0);
	expect_eq(setresuid(uid, uid, 0), 0);
}

static void become_root(void)
{
	expect_eq(setresuid(0, 0, 0), 0);
	expect_eq(setresgid(0, 0, 0), 0);
}

/* DIFFERENCES unlisted-users */
TEST(user_without_an_entry)
{
	struct subject *subject = subject_start(EVERYBODY);
	struct conn *conn;

	become(UNLISTED, UNLISTED, UNLISTED);
	conn = conn_auth(subject->address, true);
	become_root();
	if (subject_is_reference()) {
		expect_eof(conn);
	} else {
		conn_hello(conn);
		conn_sync(conn);
	}
	conn_close(conn);
	subject_stop(subject);
}

/* DIFFERENCES numeric-users */
TEST(group_by_number)
{
	struct subject *subject = subject_start("<policy group=\"54321\"><deny own=\"a.denied\"/>"
						"</policy>");
	struct conn *conn;

	become(0, 0, UNLISTED);
	conn = conn_new(subject->address);
	become_root();
	expect_eq(may_own(conn, "a.denied"), subject_is_reference());
	expect(may_own(conn, "a.other"));
	conn_close(conn);
	subject_stop(subject);
}

/* DIFFERENCES console */
TEST(at_the_console)
{
	struct subject *subject = subject_start(
		EVERYBODY "<policy at_console=\"true\"><deny own=\"a.denied\"/></policy>"
			  "<policy at_console=\"false\"><deny own=\"a.away\"/></policy>");
	struct conn *conn = conn_new_nobody(subject->address);

	expect_eq(may_own(conn, "a.denied"), subject_is_reference());
	expect_eq(may_own(conn, "a.away"), !subject_is_reference());
	conn_close(conn);
	subject_stop(subject);
}

/* Service files */

static struct subject *start_services(const struct sandbox *files)
{
	struct subject *subject;
	char *text;

	if (asprintf(&text, "<servicedir>%s</servicedir>", files->dir) < 0)
		fail("out of memory");
	subject = subject_start(text);
	free(text);
	return subject;
}

static void write_service(const struct sandbox *files, const char *file, const char *name,
			  const char *exec)
{
	char text[512];

	snprintf(text, sizeof(text), "[D-BUS Service]\nName=%s\nExec=%s\n", name, exec);
	file_write(sandbox_path(files, file), text);
}

/* the status with which a service ends that is started and does nothing else */
static int status_of(struct conn *conn, const char *name)
{
	struct msg *reply = driver_call(conn, "StartServiceByName", "su", name, 0);
	const char *text;
	int status;

	expect_eq(reply->type, MSG_ERROR);
	msg_read(reply, "s", &text);
	text = strstr(text, "exited with status ");
	if (!text)
		fail("%s: %s", name, reply->error_name);
	status = atoi(text + strlen("exited with status "));
	expect_error(reply, "Spawn.ChildExited");
	return status;
}

/* DIFFERENCES exec-empty-arguments */
TEST(blanks_at_the_end_of_a_command)
{
	struct subject *subject;
	struct sandbox files;
	struct conn *conn;

	sandbox_open(&files);
	write_service(&files, "a.none.service", "a.none", "/bin/sh -c 'exit $((10+$#))' x y");
	write_service(&files, "a.blank.service", "a.blank", "/bin/sh -c 'exit $((10+$#))' x y ");
	write_service(&files, "a.comment.service", "a.comment",
		      "/bin/sh -c 'exit $((10+$#))' x y #comment");
	subject = start_services(&files);
	conn = conn_new(subject->address);
	expect_eq(status_of(conn, "a.none"), 11);
	expect_eq(status_of(conn, "a.blank"), subject_is_reference() ? 12 : 11);
	expect_eq(status_of(conn, "a.comment"), subject_is_reference() ? 12 : 11);
	conn_close(conn);
	subject_stop(subject);
	sandbox_close(&files);
}

/* DIFFERENCES service-duplicates: made in either order, as with included files */
TEST(two_files_for_one_service)
{
	enum { N = 12 };
	struct subject *subject;
	struct sandbox files;
	struct conn *conn;
	int n_right = 0;

	sandbox_open(&files);
	for (int i = 0; i < 2 * N; i++) {
		bool is_right = (i & 1) ^ (i / 2 & 1);
		char file[32], name[16];

		sprintf(name, "a.n%d", i / 2);
		sprintf(file, is_right ? "a.n%d.service" : "a.a%d.service", i / 2);
		write_service(&files, file, name,
			      is_right ? "/bin/sh -c 'exit 3'" : "/bin/sh -c 'exit 4'");
	}
	subject = start_services(&files);
	conn = conn_new(subject->address);
	for (int i = 0; i < N; i++) {
		char name[16];

		sprintf(name, "a.n%d", i);
		n_right += status_of(conn, name) == 3;
	}
	if (subject_is_reference())
		expect_lt(n_right, N);
	else
		expect_eq(n_right, N);
	conn_close(conn);
	subject_stop(subject);
	sandbox_close(&files);
}

/* DIFFERENCES service-names */
TEST(service_for_what_is_no_name)
{
	bool is_listed = false, is_good_listed = false;
	struct subject *subject;
	struct sandbox files;
	struct conn *conn;
	struct msg *reply;
	const char **names;
	size_t n;

	sandbox_open(&files);
	write_service(&files, "bad.service", "nonsense", "/bin/false");
	write_service(&files, "a.good.service", "a.good", "/bin/false");
	subject = start_services(&files);
	conn = conn_new(subject->address);
	reply = driver_call(conn, "ListActivatableNames", "");
	names = msg_read_strings(reply, &n);
	for (size_t i = 0; i < n; i++) {
		is_listed |= !strcmp(names[i], "nonsense");
		is_good_listed |= !strcmp(names[i], "a.good");
	}
	expect_eq(is_listed, subject_is_reference());
	expect(is_good_listed);
	free(names);
	msg_free(reply);
	conn_close(conn);
	subject_stop(subject);
	sandbox_close(&files);
}

/* DIFFERENCES home: where the services of a user lie that has no XDG_DATA_HOME */
TEST(home_of_the_environment)
{
	static const char *const folders[] = {".local", ".local/share", ".local/share/dbus-1",
					      ".local/share/dbus-1/services"};
	struct subject *subject;
	struct sandbox files;
	struct conn *conn;
	struct msg *reply;

	sandbox_open(&files);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		expect_eq(mkdir(sandbox_path(&files, folders[i]), 0755), 0);
	write_service(&files, ".local/share/dbus-1/services/a.home.service", "a.home",
		      "/bin/sh -c 'exit 3'");
	expect_eq(setenv("HOME", files.dir, 1), 0);
	expect_eq(unsetenv("XDG_DATA_HOME"), 0);
	subject = subject_start("<standard_session_servicedirs/>");
	conn = conn_new(subject->address);
	reply = driver_call(conn, "StartServiceByName", "su", "a.home", 0);
	expect_error(reply, subject_is_reference() ? "ServiceUnknown" : "Spawn.ChildExited");
	conn_close(conn);
	subject_stop(subject);
	sandbox_close(&files);
}
