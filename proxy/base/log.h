/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Log
 *
 * Lines for the one who runs the bus.  Only the daemon's own code logs; libraries
 * return what went wrong.  Nothing is allocated, so running out of memory can be
 * logged.  What a message contains may come from a client: characters that could
 * forge another line or move a terminal are escaped, and a line has an end (about
 * 2000 bytes).  Whatever a client can cause goes through a struct log_limit.  Nothing
 * waits for a reader: what a target does not take at once is lost and counted, and the
 * count is logged when it takes something again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* the numbers of syslog(3) */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

#define LOG_TARGET_STDERR  (1u << 0) /* as the journal's own if it is connected there */
#define LOG_TARGET_SYSLOG  (1u << 1)
#define LOG_TARGET_JOURNAL (1u << 2)

/**
 * log_init() - say where lines go
 * @program: what they start with; borrowed for ever
 * @targets: LOG_TARGET_*
 *
 * Before it is called lines go to stderr.  If $JOURNAL_STREAM says that stderr is
 * the journal, lines for stderr go there with their level instead.
 */
void log_init(const char *program, unsigned targets);
/* lines above @level are dropped; LOG_LEVEL_INFO at first */
void log_set_level(enum log_level level);
/* does a line of that level go anywhere?  For what is costly to say. */
bool log_has_level(enum log_level level);

/* logs one line; keeps errno */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/**
 * struct log_limit - how often one kind of line may appear
 *
 * At most @burst lines in @interval_ms; the others are counted, and the count is
 * logged in front of the first line that passes again.
 */
struct log_limit {
	uint64_t interval_ms;
	unsigned burst;
	uint64_t begin_ms; /* of the current interval; 0: there was none */
	unsigned n_passed;
	unsigned n_suppressed;
};

#define LOG_LIMIT_INIT(interval, n)                                                                \
	{                                                                                          \
		.interval_ms = (interval), .burst = (n)                                            \
	}

void log_limit_init(struct log_limit *limit, uint64_t interval_ms, unsigned burst);
/* May the line be logged now?  Counts it in either case. */
bool log_limit_pass(struct log_limit *limit);
