/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listen addresses: every form of unix:, several at once, alternatives, escapes,
 * sockets that are there already, and sockets from a service manager. */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct subject *start_listening(const char *listen)
{
	return subject_start_with(&(struct subject_options){.listen = listen});
}

/* a client gets through, and the guid is the printed one */
static void expect_reachable(const char *address)
{
	char *guid = address_value(address, "guid"), *line;
	struct conn *conn = conn_open(address);

	expect_eq(strlen(guid), 32);
	conn_write(conn, "\0AUTH EXTERNAL\r\nDATA\r\n", 22);
	expect_line(conn, "DATA");
	line = conn_line(conn);
	expect_str(line + 3, guid);
	conn_text(conn, "BEGIN\r\n");
	conn_hello(conn);
	free(line);
	free(guid);
	conn_close(conn);
}

static void expect_prefix(const char *text, const char *prefix)
{
	if (strncmp(text, prefix, strlen(prefix)))
		fail("%s does not start with %s", text, prefix);
}

/* dbus-XXXXXXXXXX */
static void expect_random_name(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	expect_prefix(name, "dbus-");
	expect_eq(strlen(name), 15);
	expect_eq(
		strspn(name + 5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
		10);
}

TEST(path)
{
	struct subject *subject = subject_start(NULL);
	char want[128];
	struct stat st;

	snprintf(want, sizeof(want), "unix:path=%s/bus,guid=", subject->sandbox.dir);
	expect_prefix(subject->address, want);
	expect_eq(strlen(subject->address), strlen(want) + 32);
	expect_reachable(subject->address);
	expect_eq(stat(sandbox_path(&subject->sandbox, "bus"), &st), 0);
	expect(S_ISSOCK(st.st_mode));
	expect_eq(st.st_mode & 0777, 0777);
	subject_stop(subject);
}

TEST(abstract)
{
	char listen[160], want[128];
	struct subject *subject;

	snprintf(want, sizeof(want), "unix:abstract=/tmp/bp-test-abstract-%d", getpid());
	snprintf(listen, sizeof(listen), "<listen>%s</listen>", want);
	subject = start_listening(listen);
	expect_prefix(subject->address, want);
	expect_reachable(subject->address);
	subject_stop(subject);
}

/* the sandbox is not known before the start: a directory of our own */
static void expect_in_directory(const char *key)
{
	char listen[160], want[128], *path;
	struct sandbox sandbox;
	struct subject *subject;
	struct stat st;

	sandbox_open(&sandbox);
	snprintf(listen, sizeof(listen), "<listen>unix:%s=%s</listen>", key, sandbox.dir);
	snprintf(want, sizeof(want), "unix:path=%s/dbus-", sandbox.dir);
	subject = start_listening(listen);
	expect_prefix(subject->address, want);
	path = address_value(subject->address, "path");
	expect_random_name(path);
	expect_reachable(subject->address);
	subject_stop(subject);
	/* and the socket is gone with the bus */
	expect_eq(stat(path, &st), -1);
	free(path);
	sandbox_close(&sandbox);
}

TEST(dir)
{
	expect_in_directory("dir");
}

TEST(tmpdir)
{
	/* abstract up to 1.15.1 */
	if (subject_is_reference())
		skip("this reference makes it abstract");
	expect_in_directory("tmpdir");
}

TEST(runtime)
{
	struct sandbox sandbox;
	struct subject *subject;
	char want[128];

	sandbox_open(&sandbox);
	setenv("XDG_RUNTIME_DIR", sandbox.dir, 1);
	subject = start_listening("<listen>unix:runtime=yes</listen>");
	snprintf(want, sizeof(want), "unix:path=%s/bus,guid=", sandbox.dir);
	expect_prefix(subject->address, want);
	expect_reachable(subject->address);
	subject_stop(subject);
	sandbox_close(&sandbox);
}

TEST(several)
{
	char listen[400], prefix[128];
	const char *address, *second;
	struct subject *subject;
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	snprintf(listen, sizeof(listen),
		 "<listen>unix:path=%s/one</listen><listen>unix:path=%s/two</listen>"
		 "<listen>unix:abstract=%s/three</listen>",
		 sandbox.dir, sandbox.dir, sandbox.dir);
	subject = start_listening(listen);
	/* last configured first, each with a guid of its own */
	address = subject->address;
	snprintf(prefix, sizeof(prefix), "unix:abstract=%s/three,guid=", sandbox.dir);
	expect_prefix(address, prefix);
	expect_reachable(address);
	second = strchr(address, ';') + 1;
	snprintf(prefix, sizeof(prefix), "unix:path=%s/two,guid=", sandbox.dir);
	expect_prefix(second, prefix);
	expect(strncmp(strstr(address, "guid="), strstr(second, "guid="), 5 + 32));
	expect_reachable(second);
	second = strchr(second, ';') + 1;
	snprintf(prefix, sizeof(prefix), "unix:path=%s/one,guid=", sandbox.dir);
	expect_prefix(second, prefix);
	expect_reachable(second);
	expect(!strchr(second, ';'));
	subject_stop(subject);
	sandbox_close(&sandbox);
}

TEST(all_sockets_lead_to_one_bus)
{
	char listen[200];
	struct subject *subject;
	struct sandbox sandbox;
	struct conn *a, *b;

	sandbox_open(&sandbox);
	snprintf(listen, sizeof(listen),
		 "<listen>unix:path=%s/one</listen><listen>unix:path=%s/two</listen>", sandbox.dir,
		 sandbox.dir);
	subject = start_listening(listen);
	a = conn_new(subject->address);
	b = conn_new(strchr(subject->address, ';') + 1);
	conn_send(a, msg_flags(msg_call(b->unique, "/", "a.b", "C"), MSG_NO_REPLY));
	expect_next(b, MSG_CALL, "C");
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
	sandbox_close(&sandbox);
}

TEST(alternatives)
{
	char listen[300], prefix[128];
	struct subject *subject;
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	snprintf(listen, sizeof(listen),
		 "<listen>nosuchtransport:key=value;unix:path=%s/one;unix:path=%s/two</listen>",
		 sandbox.dir, sandbox.dir);
	subject = start_listening(listen);
	snprintf(prefix, sizeof(prefix), "unix:path=%s/one,guid=", sandbox.dir);
	expect_prefix(subject->address, prefix);
	expect(!strchr(subject->address, ';'));
	expect_reachable(subject->address);
	subject_stop(subject);
	sandbox_close(&sandbox);
}

TEST(escapes)
{
	char listen[200], want[200], *path;
	struct subject *subject;
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	snprintf(listen, sizeof(listen), "<listen>unix:path=%s/%%62us%%20%%2c%%3B%%2b\\x</listen>",
		 sandbox.dir);
	subject = start_listening(listen);
	snprintf(want, sizeof(want), "unix:path=%s/bus%%20%%2c%%3b%%2b\\x,guid=", sandbox.dir);
	expect_prefix(subject->address, want);
	path = address_value(subject->address, "path");
	snprintf(want, sizeof(want), "%s/bus ,;+\\x", sandbox.dir);
	expect_str(path, want);
	expect_reachable(subject->address);
	free(path);
	subject_stop(subject);
	sandbox_close(&sandbox);
}

TEST(guid_key_is_ignored)
{
	char listen[200], *guid;
	struct subject *subject;
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	snprintf(listen, sizeof(listen),
		 "<listen>unix:path=%s/bus,guid=00112233445566778899aabbccddeeff</listen>",
		 sandbox.dir);
	subject = start_listening(listen);
	guid = address_value(subject->address, "guid");
	expect(strcmp(guid, "00112233445566778899aabbccddeeff"));
	expect_reachable(subject->address);
	free(guid);
	subject_stop(subject);
	sandbox_close(&sandbox);
}

/* What the path is already */

static int listen_at(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, path);
	expect_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	expect_eq(listen(fd, 10), 0);
	return fd;
}

TEST(existing_socket_is_replaced)
{
	char listen[200];
	struct subject *subject;
	struct sandbox sandbox;
	int fd;

	sandbox_open(&sandbox);
	/* even one that is listened on */
	fd = listen_at(sandbox_path(&sandbox, "bus"));
	snprintf(listen, sizeof(listen), "<listen>unix:path=%s/bus</listen>", sandbox.dir);
	subject = start_listening(listen);
	expect_reachable(subject->address);
	subject_stop(subject);
	close(fd);
	sandbox_close(&sandbox);
}

/* Starts with this configuration and expects it not to come up. */
static void expect_refused(struct sandbox *sandbox, const char *listen)
{
	char *config = config_text(sandbox, listen, NULL), *text;
	const char *argv[8];
	size_t n = subject_command(argv);
	int status;

	file_write(sandbox_path(sandbox, "bus.conf"), config);
	free(config);
	argv[n++] = "--config-file";
	argv[n++] = sandbox_path(sandbox, "bus.conf");
	argv[n++] = "--nofork";
	argv[n] = NULL;
	status = sandbox_wait(sandbox, sandbox_spawn(sandbox, argv, NULL, 0));
	expect(WIFEXITED(status));
	if (WEXITSTATUS(status) != 1)
		fail("%s: status %d", listen, WEXITSTATUS(status));
	/* and says why */
	text = file_read(sandbox_path(sandbox, "stderr"));
	expect(text && strlen(text) > 10);
	free(text);
}

TEST(existing_file_is_left_alone)
{
	struct sandbox sandbox;
	char listen[200], *text;

	sandbox_open(&sandbox);
	file_write(sandbox_path(&sandbox, "file"), "content");
	snprintf(listen, sizeof(listen), "<listen>unix:path=%s/file</listen>", sandbox.dir);
	expect_refused(&sandbox, listen);
	text = file_read(sandbox_path(&sandbox, "file"));
	expect_str(text, "content");
	free(text);
	expect_eq(mkdir(sandbox_path(&sandbox, "directory"), 0700), 0);
	snprintf(listen, sizeof(listen), "<listen>unix:path=%s/directory</listen>", sandbox.dir);
	expect_refused(&sandbox, listen);
	sandbox_close(&sandbox);
}

TEST(bad_addresses)
{
	static const char *const bad[] = {
		"<listen>unix:</listen>",
		"<listen>unix</listen>",
		"<listen>nonsense</listen>",
		"<listen>nosuchtransport:key=value</listen>",
		"<listen>unix:path=/tmp/bp-a,abstract=/tmp/bp-b</listen>",
		"<listen>unix:nonsense=/tmp/x</listen>",
		"<listen>unix:path=</listen>",
		"<listen>unix:path=/tmp/bp-%zz</listen>",
		"<listen>unix:path=/tmp/bp-%4</listen>",
		"<listen>unix:path=/nonexistent/directory/bus</listen>",
		"<listen>unix:dir=/nonexistent/directory</listen>",
		"<listen>unix:runtime=no</listen>",
		"<listen>unix:path=/tmp/bp-a+b</listen>",
		"<listen>unix:path=/tmp/bp-a b</listen>",
		"<listen>unix:path=/" /* longer than a socket's name may be */
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</"
		"listen>",
	};
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_refused(&sandbox, bad[i]);
	sandbox_close(&sandbox);
}

/* Sockets that a service manager has made */

TEST(sockets_from_the_service_manager)
{
	struct sandbox sandbox;
	struct subject *subject;
	char want[128], path[128];
	int fds[4];
	struct stat st;

	sandbox_open(&sandbox);
	snprintf(path, sizeof(path), "%s/activated", sandbox.dir);
	fds[0] = listen_at(path);
	fds[1] = 3;
	fds[2] = listen_at(sandbox_path(&sandbox, "second"));
	fds[3] = 4;
	/* LISTEN_PID must be the daemon's, which only a shell in between knows */
	setenv("BP_LISTEN", "2", 1);
	subject = subject_start_with(&(struct subject_options){
		.listen = "<listen>systemd:</listen>", .fds = fds, .n_fds = 2});
	close(fds[0]);
	close(fds[2]);
	snprintf(want, sizeof(want), "unix:path=%s/activated", sandbox.dir);
	expect(strstr(subject->address, want) != NULL);
	snprintf(want, sizeof(want), "unix:path=%s/second", sandbox.dir);
	expect(strstr(subject->address, want) != NULL);
	/* the last one has a guid in any case */
	expect_reachable(strrchr(subject->address, ';') + 1);
	conn_close(conn_new(subject->address));
	subject_stop(subject);
	/* they were not made by the bus, so they stay */
	expect_eq(stat(path, &st), 0);
	sandbox_close(&sandbox);
}

TEST(no_sockets_from_the_service_manager)
{
	struct sandbox sandbox;

	sandbox_open(&sandbox);
	unsetenv("LISTEN_FDS");
	expect_refused(&sandbox, "<listen>systemd:</listen>");
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	expect_refused(&sandbox, "<listen>systemd:</listen>");
	sandbox_close(&sandbox);
}
