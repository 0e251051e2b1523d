/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log: see log.h
 *
 * The one piece of global state in the daemon: where lines go is a property of the
 * process.  A line is put together in one buffer on the stack, made harmless, and
 * given to each target in one call that does not wait: a reader that stopped loses
 * lines, which are counted, and does not stop the bus.  So syslog(3) and
 * sd_journal_send(), which wait, are not used.
 */
#include "proxy/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_PATH "/run/systemd/journal/socket"
#define SYSLOG_PATH  "/dev/log"

enum { LINE_SIZE = 2048 };

static struct {
	const char *program;
	unsigned targets;
	enum log_level level;
	int socket_fd; /* for syslog and the journal */
	unsigned n_lost;
} the_log = {
	.program = "bus-proxyd",
	.targets = LOG_TARGET_STDERR,
	.level = LOG_LEVEL_INFO,
	.socket_fd = -1,
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
	the_log.n_lost = 0;
	tzset();
	/* without it lines for there are lost, and counted */
	if (the_log.socket_fd >= 0)
		close(the_log.socket_fd);
	the_log.socket_fd = -1;
	if (targets & (LOG_TARGET_SYSLOG | LOG_TARGET_JOURNAL))
		the_log.socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
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

/* to a socket that others serve: who does not read in time does not get it */
static bool write_datagram(const char *path, const char *text, size_t len)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	return sendto(the_log.socket_fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL,
		      (struct sockaddr *)&name, sizeof(name)) >= 0;
}

static bool write_journal(enum log_level level, const char *line)
{
	char text[LINE_SIZE + 128];
	int len;

	len = snprintf(text, sizeof(text), "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n", line,
		       level & 7, the_log.program);
	return write_datagram(JOURNAL_PATH, text, len);
}

static bool write_syslog(enum log_level level, const char *line)
{
	char text[LINE_SIZE + 128], date[32] = "";
	time_t now = time(NULL);
	struct tm tm;
	int len;

	/* English names of months, as the protocol wants: the locale is never set */
	if (localtime_r(&now, &tm))
		strftime(date, sizeof(date), "%b %e %T", &tm);
	len = snprintf(text, sizeof(text), "<%d>%s %s[%d]: %s", LOG_DAEMON | level, date,
		       the_log.program, getpid(), line);
	return write_datagram(SYSLOG_PATH, text, len);
}

/* Writes what can be written at once.  The flags of the descriptor are not touched: it is shared
 * with whoever started the bus. */
static bool write_now(int fd, struct iovec *iov, int n_iov)
{
	struct msghdr header = {.msg_iov = iov, .msg_iovlen = n_iov};
	struct pollfd poll_fd = {fd, POLLOUT, 0};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return false;
	switch (st.st_mode & S_IFMT) {
	case S_IFSOCK:
		return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
	case S_IFIFO:
		if (pwritev2(fd, iov, n_iov, -1, RWF_NOWAIT) >= 0)
			return true;
		if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL)
			return false;
		break;
	case S_IFCHR:
		break;
	default:
		return writev(fd, iov, n_iov) >= 0;
	}
	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLOUT &&
	       writev(fd, iov, n_iov) >= 0;
}

static bool write_stderr(const char *line, size_t len)
{
	char prefix[64];
	struct iovec iov[] = {
		{prefix, 0},
		{(char *)line, len},
		{(char *)"\n", 1},
	};

	snprintf(prefix, sizeof(prefix), "%s[%d]: ", the_log.program, getpid());
	iov[0].iov_len = strlen(prefix);
	/* one call, so that lines of several processes do not mix */
	return write_now(STDERR_FILENO, iov, 3);
}

/* to each target; false: it was lost for one of them */
static bool write_line(enum log_level level, const char *line, size_t len)
{
	unsigned targets = the_log.targets;
	bool is_written = true;

	if (targets & LOG_TARGET_JOURNAL && !write_journal(level, line))
		targets |= LOG_TARGET_STDERR;
	if (targets & LOG_TARGET_SYSLOG)
		is_written = write_syslog(level, line);
	if (targets & LOG_TARGET_STDERR && !write_stderr(line, len))
		is_written = false;
	return is_written;
}

void log_line(enum log_level level, const char *format, ...)
{
	char text[LINE_SIZE], line[LINE_SIZE];
	int saved_errno = errno;
	va_list args;
	size_t len;

	if (!log_has_level(level))
		return;
	if (the_log.n_lost) {
		snprintf(line, sizeof(line), "%u lines were lost: nobody reads the log",
			 the_log.n_lost);
		if (write_line(LOG_LEVEL_WARNING, line, strlen(line)))
			the_log.n_lost = 0;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	len = escape(text, line, sizeof(line));
	if (!write_line(level, line, len))
		the_log.n_lost++;
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
