/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log: what arrives at the targets, and what does not */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

static int saved_stderr = -1;

/* stderr is a pipe until captured(); no more than fits it */
static int capture(void)
{
	int fds[2];

	fflush(stdout);
	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	saved_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	return fds[0];
}

static const char *captured(int fd)
{
	static char text[16384];
	ssize_t n;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	n = read(fd, text, sizeof(text) - 1);
	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	return text;
}

static const char *prefixed(const char *text)
{
	static char line[4096];

	snprintf(line, sizeof(line), "bus[%d]: %s\n", getpid(), text);
	return line;
}

TEST(a_line_on_stderr)
{
	int fd = capture();

	log_init("bus", LOG_TARGET_STDERR);
	errno = EPERM;
	log_error("%s has %d", "it", 5);
	expect_eq(errno, EPERM);
	expect_str(captured(fd), prefixed("it has 5"));
}

TEST(levels)
{
	int fd = capture();

	log_init("bus", LOG_TARGET_STDERR);
	expect(log_has_level(LOG_LEVEL_INFO));
	expect(!log_has_level(LOG_LEVEL_DEBUG));
	log_debug("hidden");
	log_set_level(LOG_LEVEL_WARNING);
	log_info("hidden");
	log_notice("hidden");
	log_warning("seen");
	expect_str(captured(fd), prefixed("seen"));
}

TEST(no_target)
{
	int fd = capture();

	log_init("bus", 0);
	log_error("hidden");
	expect(!log_has_level(LOG_LEVEL_ERROR));
	expect_str(captured(fd), "");
}

TEST(a_client_cannot_forge_a_line)
{
	int fd = capture();

	log_init("bus", LOG_TARGET_STDERR);
	log_notice("from %s", "a\nbus[1]: b\r\x1b[2J\x7f\t gr\xc3\xbc\xc3\x9f");
	expect_str(captured(fd),
		   prefixed("from a\\x0abus[1]: b\\x0d\\x1b[2J\\x7f\\x09 gr\xc3\xbc\xc3\x9f"));
}

TEST(a_line_has_an_end)
{
	char much[10000];
	int fd = capture();
	const char *text;

	memset(much, '\n', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	log_init("bus", LOG_TARGET_STDERR);
	log_notice("%s", much);
	text = captured(fd);
	expect_gt(strlen(text), 1900);
	expect_lt(strlen(text), 2200);
	expect_eq(text[strlen(text) - 1], '\n');
	expect_eq(strchr(text, '\n') + 1, text + strlen(text));
}

TEST(nothing_is_allocated)
{
	int fd = capture();

	log_init("bus", LOG_TARGET_STDERR);
	fault_at(0);
	log_error("%s %d", "text", 1);
	expect_eq(fault_count(), 0);
	captured(fd);
}

/* there is nobody to tell, and nobody to die of it */
TEST(stderr_that_is_closed)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

	close(STDERR_FILENO);
	log_init("bus", LOG_TARGET_STDERR);
	log_error("lost");
	dup2(saved, STDERR_FILENO);
	close(saved);
}

/* $JOURNAL_STREAM of another file than stderr means nothing */
TEST(stderr_is_not_the_journal)
{
	char stream[64];
	struct stat st;
	int fd = capture();

	expect_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	log_init("bus", LOG_TARGET_STDERR);
	log_error("seen");
	setenv("JOURNAL_STREAM", "nonsense", 1);
	log_init("bus", LOG_TARGET_STDERR);
	log_error("seen");
	expect_eq(strlen(captured(fd)), 2 * strlen(prefixed("seen")));
}

/* Readers that do not read */

/* fills what has been made stderr to the last byte, and returns how many there were */
static size_t fill_stderr(void)
{
	static const char byte[1] = {'x'};
	size_t n = 0;
	int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	expect_ge(fd, 0);
	while (write(fd, byte, 1) == 1)
		n++;
	close(fd);
	return n;
}

TEST(a_pipe_that_nobody_reads)
{
	static char text[1 << 20];
	int fd = capture(), flags = fcntl(STDERR_FILENO, F_GETFL);
	size_t n = fill_stderr();

	log_init("bus", LOG_TARGET_STDERR);
	for (int i = 0; i < 3; i++)
		log_error("lost");
	expect_eq(fcntl(STDERR_FILENO, F_GETFL), flags);
	expect_lt(n, sizeof(text));
	for (size_t at = 0; at < n;)
		at += read(fd, text, n - at);
	log_error("seen");
	log_error("more");
	snprintf(text, sizeof(text), "bus[%d]: 3 lines were lost: nobody reads the log\n",
		 getpid());
	strcat(text, prefixed("seen"));
	strcat(text, prefixed("more"));
	expect_str(captured(fd), text);
}

TEST(a_socket_that_nobody_reads)
{
	int fds[2], saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	char text[4096];
	ssize_t n;

	/* each line is a message, so that none is cut */
	expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	dup2(fds[1], STDERR_FILENO);
	log_init("bus", LOG_TARGET_STDERR);
	for (int i = 0; i < 20000; i++)
		log_error("line");
	expect_eq(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK, 0);
	while (recv(fds[0], text, sizeof(text), MSG_DONTWAIT) > 0)
		continue;
	log_error("line");
	n = recv(fds[0], text, sizeof(text) - 1, MSG_DONTWAIT);
	expect_gt(n, 0);
	text[n] = '\0';
	expect(strstr(text, "lines were lost"));
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
}

/* Other targets: in a mount namespace of our own, where their sockets are ours */

static int serve(const char *dir, const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", dir, "tmpfs", 0, NULL))
		skip("needs a mount namespace: %s", strerror(errno));
	if (!strcmp(dir, "/run")) {
		expect_eq(mkdir("/run/systemd", 0755), 0);
		expect_eq(mkdir("/run/systemd/journal", 0755), 0);
	}
	strcpy(name.sun_path, path);
	expect_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static const char *served(int fd)
{
	static char text[8192];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

TEST(lines_for_syslog)
{
	int fd = serve("/dev", "/dev/log"), n_months = 0;
	char want[64], month[4], rest[256], at[16];
	int priority, day, n_lines = 0;

	log_init("bus", LOG_TARGET_SYSLOG);
	log_error("it is\nso");
	expect_eq(sscanf(served(fd), "<%d>%3s %d %15s %255[^$]", &priority, month, &day, at, rest),
		  5);
	expect_eq(priority, LOG_DAEMON | LOG_ERR);
	for (const char *m = "JanFebMarAprMayJunJulAugSepOctNovDec"; *m; m += 3)
		n_months += !strncmp(m, month, 3);
	expect_eq(n_months, 1);
	snprintf(want, sizeof(want), "bus[%d]: it is\\x0aso", getpid());
	expect_str(rest, want);
	/* one that does not read */
	for (int i = 0; i < 20000; i++)
		log_notice("line");
	while (*served(fd))
		n_lines++;
	expect_lt(n_lines, 20000);
	log_notice("line");
	expect(strstr(served(fd), "lines were lost"));
	expect(strstr(served(fd), "]: line"));
	/* one that is gone, and comes back */
	close(fd);
	log_notice("line");
	expect_eq(unlink("/dev/log"), 0);
	log_notice("line");
	fd = serve("/dev", "/dev/log");
	log_notice("back");
	expect(strstr(served(fd), "2 lines were lost"));
	expect(strstr(served(fd), "]: back"));
	close(fd);
	log_init("bus", 0);
}

TEST(lines_for_the_journal)
{
	int fd = serve("/run", "/run/systemd/journal/socket"), err;
	const char *text;

	log_init("bus", LOG_TARGET_JOURNAL);
	log_warning("it is\nPRIORITY=1");
	text = served(fd);
	expect_str(text, "MESSAGE=it is\\x0aPRIORITY=1\nPRIORITY=4\nSYSLOG_IDENTIFIER=bus\n");
	/* without it there is still stderr */
	close(fd);
	err = capture();
	log_warning("seen");
	expect_str(captured(err), prefixed("seen"));
	log_init("bus", 0);
}

TEST(limit)
{
	struct log_limit limit;
	int fd;

	log_init("bus", LOG_TARGET_STDERR);
	log_limit_init(&limit, 60000, 3);
	for (int i = 0; i < 3; i++)
		expect(log_limit_pass(&limit));
	for (int i = 0; i < 5; i++)
		expect(!log_limit_pass(&limit));
	expect_eq(limit.n_suppressed, 5);
	/* as if the interval were over */
	limit.begin_ms -= 60000;
	fd = capture();
	expect(log_limit_pass(&limit));
	expect_str(captured(fd), prefixed("5 more lines like the following were suppressed"));
	expect_eq(limit.n_suppressed, 0);
	/* nothing was suppressed: nothing is said */
	limit.begin_ms -= 60000;
	fd = capture();
	expect(log_limit_pass(&limit));
	expect_str(captured(fd), "");
}

TEST(limit_of_none)
{
	struct log_limit limit = LOG_LIMIT_INIT(1000, 0);

	expect(!log_limit_pass(&limit));
	expect(!log_limit_pass(&limit));
}
