/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log: see log.h
 *
 * The one piece of global state in the daemon: where lines go is a property of the
 * process.  A line is put together in one buffer on the stack, made harmless, and
 * given to each target in one call.
 */
#include "proxy/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 2048 };

static struct {
	const char *program;
	unsigned targets;
	enum log_level level;
} the_log = {
	.program = "bus-proxyd",
	.targets = LOG_TARGET_STDERR,
	.level = LOG_LEVEL_INFO,
};

/* does stderr lead to the journal?  $JOURNAL_STREAM is "device:inode" of what systemd put there */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == device && st.st_ino == inode;
}

void log_init(const char *program, unsigned targets)
{
	if (targets & LOG_TARGET_STDERR && stderr_is_journal())
		targets = (targets & ~LOG_TARGET_STDERR) | LOG_TARGET_JOURNAL;
	the_log.program = program;
	the_log.targets = targets;
	if (targets & LOG_TARGET_SYSLOG)
		openlog(program, LOG_PID, LOG_DAEMON);
}

void log_set_level(enum log_level level)
{
	the_log.level = level;
}

bool log_has_level(enum log_level level)
{
	return level <= the_log.level && the_log.targets;
}

/* copies @text, control characters as \xNN; what does not fit is left out.  Bytes beyond ASCII
 * stay: names and paths may be in any language. */
static size_t escape(const char *text, char *out, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (; *text; text++) {
		uint8_t c = *text;
		bool is_control = c < 0x20 || c == 0x7f;

		if (n + (is_control ? 4 : 1) >= size)
			break;
		if (is_control) {
			out[n++] = '\\';
			out[n++] = 'x';
			out[n++] = digits[c >> 4];
			out[n++] = digits[c & 15];
		} else {
			out[n++] = c;
		}
	}
	out[n] = '\0';
	return n;
}

static bool write_journal(enum log_level level, const char *line)
{
	char message[LINE_SIZE + sizeof("MESSAGE=")], priority[sizeof("PRIORITY=7")];
	char identifier[64];
	struct iovec iov[] = {
		{message, snprintf(message, sizeof(message), "MESSAGE=%s", line)},
		{priority, snprintf(priority, sizeof(priority), "PRIORITY=%d", level & 7)},
		{identifier, 0},
	};

	snprintf(identifier, sizeof(identifier), "SYSLOG_IDENTIFIER=%s", the_log.program);
	iov[2].iov_len = strlen(identifier);
	return sd_journal_sendv(iov, 3) >= 0;
}

static void write_stderr(const char *line, size_t len)
{
	char prefix[64];
	struct iovec iov[] = {
		{prefix, 0},
		{(char *)line, len},
		{(char *)"\n", 1},
	};
	ssize_t n;

	snprintf(prefix, sizeof(prefix), "%s[%d]: ", the_log.program, getpid());
	iov[0].iov_len = strlen(prefix);
	/* one call, so that lines of several processes do not mix; there is nobody to tell that
	 * it failed */
	n = writev(STDERR_FILENO, iov, 3);
	(void)n;
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[LINE_SIZE], line[LINE_SIZE];
	int saved_errno = errno;
	unsigned targets = the_log.targets;
	va_list args;
	size_t len;

	if (!log_has_level(level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	len = escape(text, line, sizeof(line));
	if (targets & LOG_TARGET_JOURNAL && !write_journal(level, line))
		targets |= LOG_TARGET_STDERR;
	if (targets & LOG_TARGET_SYSLOG)
		syslog(level, "%s", line);
	if (targets & LOG_TARGET_STDERR)
		write_stderr(line, len);
	errno = saved_errno;
}

void log_limit_init(struct log_limit *limit, uint64_t interval_ms, unsigned burst)
{
	*limit = (struct log_limit)LOG_LIMIT_INIT(interval_ms, burst);
}

bool log_limit_pass(struct log_limit *limit)
{
	struct timespec now;
	uint64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (!limit->begin_ms || now_ms - limit->begin_ms >= limit->interval_ms) {
		if (limit->n_suppressed)
			log_notice("%u more lines like the following were suppressed",
				   limit->n_suppressed);
		limit->begin_ms = now_ms ?: 1;
		limit->n_passed = 0;
		limit->n_suppressed = 0;
	}
	if (limit->n_passed < limit->burst) {
		limit->n_passed++;
		return true;
	}
	limit->n_suppressed++;
	return false;
}
