/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A raw D-Bus client for tests
 *
 * It does what it is told, protocol or not.  Every message that it receives is
 * parsed and checked in full (message.h) and kept in an inbox in the order of
 * arrival; what is asked for is taken out of the inbox, the rest stays.
 *
 * Whatever should have come and did not within WAIT_MS ends the test.  Nothing
 * waits to see that nothing comes: conn_sync() asks the bus a question, and
 * because a bus handles one client's messages in order and writes to it in
 * order, what was not in front of the answer is not coming.
 */
#pragma once

#include "tests/harness/message.h"
#include "tests/harness/tap.h"

/* far above anything a loaded machine with sanitizers needs */
#define WAIT_MS (10000 * (int)tap_patience())

struct conn {
	int fd;
	char *unique; /* after Hello */
	bool eof;
	int more_ms; /* what is answered is more work than WAIT_MS is for: so much longer */
	uint32_t serial; /* the last one used */
	struct blob in;	 /* bytes not yet parsed */
	int in_fds[MSG_MAX_FDS * 2];
	unsigned int n_in_fds;
	struct msg *inbox, **inbox_tail;
};

/* Setting up.  address: the printed form, unix:path= or unix:abstract=. */

/* connects; returns -errno as the first thing that fails */
int address_connect(const char *address);
/* a key's value in the first address of the list, unescaped; the caller frees */
char *address_value(const char *address, const char *key);
/* connected, nothing sent */
struct conn *conn_open(const char *address);
/* around a socket that is already connected; takes it */
struct conn *conn_take_fd(int fd);
/* authenticates one that is connected */
void conn_login(struct conn *conn, bool with_fds);
/* connected and authenticated; with_fds: descriptors negotiated */
struct conn *conn_auth(const char *address, bool with_fds);
/* connected, authenticated, descriptors negotiated, registered */
struct conn *conn_new(const char *address);
/* As the user nobody, whom the configuration must let in; the test is skipped unless root runs it.
 * Connected with the NUL sent; registered. */
struct conn *conn_open_nobody(const char *address);
struct conn *conn_new_nobody(const char *address);
struct conn *conn_close(struct conn *conn);
/* sends Hello, takes its reply and NameAcquired */
void conn_hello(struct conn *conn);

/* Raw traffic */

/* writes all of it; returns false if the bus has closed the connection */
bool conn_write(struct conn *conn, const void *data, size_t size);
bool conn_write_fds(struct conn *conn, const void *data, size_t size, const int *fds,
		    unsigned int n_fds);
bool conn_text(struct conn *conn, const char *text);
/* waits until there are bytes that nobody has looked at; false: end of file */
bool conn_wait_bytes(struct conn *conn);
/* the next line without CRLF; NULL if the bus closed first; the caller frees */
char *conn_line(struct conn *conn);
#define expect_line(conn, text)                                                                    \
	do {                                                                                       \
		char *line_ = conn_line(conn);                                                     \
		expect_str(line_, text);                                                           \
		free(line_);                                                                       \
	} while (0)
/* a line that starts so */
#define expect_line_like(conn, start)                                                              \
	do {                                                                                       \
		char *line_ = conn_line(conn);                                                     \
		if (!line_ || strncmp(line_, start, strlen(start)))                                \
			fail("expected a line \"%s...\", got \"%s\"", start, line_ ?: "(eof)");    \
		free(line_);                                                                       \
	} while (0)

/* Messages.  Sending takes the message; a serial of 0 becomes the next one.
 * The serial is returned; it does not tell whether the bus still listened. */

uint32_t conn_send(struct conn *conn, struct msg *msg);
/* reads what is there, or waits timeout_ms for something; false: nothing came */
bool conn_fill(struct conn *conn, int timeout_ms);
/* next in order; NULL on end of file or time-out */
struct msg *conn_recv(struct conn *conn, int timeout_ms);
/* what comes next, whatever it is */
struct msg *conn_next_at(struct conn *conn, const char *file, int line);
#define conn_next(conn) conn_next_at(conn, __FILE__, __LINE__)
/* the return or error for serial; what came before it stays in the inbox */
struct msg *conn_reply_at(struct conn *conn, uint32_t serial, const char *file, int line);
#define conn_reply(conn, serial) conn_reply_at(conn, serial, __FILE__, __LINE__)
/* the same; NULL where the bus closes the connection first */
struct msg *conn_reply_or_end_at(struct conn *conn, uint32_t serial, const char *file, int line);
#define conn_reply_or_end(conn, serial) conn_reply_or_end_at(conn, serial, __FILE__, __LINE__)
/* the first message of this type and member */
struct msg *conn_find_at(struct conn *conn, uint8_t type, const char *member, const char *file,
			 int line);
#define conn_find(conn, type, member)  conn_find_at(conn, type, member, __FILE__, __LINE__)
#define conn_find_call(conn, member)   conn_find(conn, MSG_CALL, member)
#define conn_find_signal(conn, member) conn_find(conn, MSG_SIGNAL, member)
/* send and conn_reply() */
struct msg *conn_call_at(struct conn *conn, struct msg *call, const char *file, int line);
#define conn_call(conn, call) conn_call_at(conn, call, __FILE__, __LINE__)
/* everything that the bus has queued to us so far is in the inbox afterwards */
void conn_sync_at(struct conn *conn, const char *file, int line);
#define conn_sync(conn) conn_sync_at(conn, __FILE__, __LINE__)
/* Whether the bus has answered serial with AccessDenied by now; syncs, and forgets what is in
 * the inbox. */
bool conn_is_refused(struct conn *conn, uint32_t serial);
/* is this what @conn is told about the loss of its names, when it becomes a monitor? */
bool tells_loss_of(const struct msg *msg, const struct conn *conn);
/* forgets what is in the inbox */
void conn_drop(struct conn *conn);

/* Driver calls */

struct msg *driver_msg(const char *member);
/* conn_call() of a driver method with arguments as in msg_append() */
#define driver_call(conn, member, ...) conn_call(conn, msg_append(driver_msg(member), __VA_ARGS__))
uint32_t driver_u32_at(struct msg *reply, const char *file, int line);
#define driver_u32(conn, member, ...)                                                              \
	driver_u32_at(driver_call(conn, member, __VA_ARGS__), __FILE__, __LINE__)
#define request_name(conn, name, flags) driver_u32(conn, "RequestName", "su", name, (flags) + 0u)
#define release_name(conn, name)	driver_u32(conn, "ReleaseName", "s", name)
void add_match_at(struct conn *conn, const char *rule, const char *file, int line);
#define add_match(conn, rule) add_match_at(conn, rule, __FILE__, __LINE__)
void remove_match_at(struct conn *conn, const char *rule, const char *file, int line);
#define remove_match(conn, rule) remove_match_at(conn, rule, __FILE__, __LINE__)
/* the owner as a string the caller frees; NULL: NameHasNoOwner */
char *name_owner_at(struct conn *conn, const char *name, const char *file, int line);
#define name_owner(conn, name) name_owner_at(conn, name, __FILE__, __LINE__)

/* Expectations.  Those that take a message free it. */

void expect_return_at(struct msg *msg, const char *file, int line);
#define expect_return(msg) expect_return_at(msg, __FILE__, __LINE__)
/* error: without the prefix org.freedesktop.DBus.Error. when it has no dot */
void expect_error_at(struct msg *msg, const char *error, const char *file, int line);
#define expect_error(msg, error) expect_error_at(msg, error, __FILE__, __LINE__)
/* a driver signal with these string arguments, NULL-terminated; taken from the
 * head of the inbox */
void expect_driver_signal_at(struct conn *conn, const char *file, int line, const char *member,
			     ...);
#define expect_driver_signal(conn, ...)                                                            \
	expect_driver_signal_at(conn, __FILE__, __LINE__, __VA_ARGS__, NULL)
/* the next message has this type and member */
void expect_next_at(struct conn *conn, uint8_t type, const char *member, const char *file,
		    int line);
#define expect_next(conn, type, member) expect_next_at(conn, type, member, __FILE__, __LINE__)
/* nothing is in the inbox after conn_sync() */
void expect_quiet_at(struct conn *conn, const char *file, int line);
#define expect_quiet(conn) expect_quiet_at(conn, __FILE__, __LINE__)
/* nothing comes for that long: for a connection that cannot sync */
void expect_silence_at(struct conn *conn, int ms, const char *file, int line);
#define expect_silence(conn, ms) expect_silence_at(conn, ms, __FILE__, __LINE__)
/* the bus closes the connection; messages that come first are dropped */
void expect_eof_at(struct conn *conn, const char *file, int line);
#define expect_eof(conn) expect_eof_at(conn, __FILE__, __LINE__)

/* CLOCK_MONOTONIC in milliseconds */
int64_t now_ms(void);
