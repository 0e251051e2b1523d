/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log: what arrives at the targets, and what does not */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
