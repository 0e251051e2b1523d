/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a failure must leave alone
 *
 * A scene is a daemon, two bystanders who keep a conversation going, and a cast that
 * comes anew for each failure.  While the failure may strike the cast alone acts; the
 * bystanders have a call under way, and listen to all that the bus tells.
 * Afterwards
 *	- nobody of the cast waits for ever: an answer, an error, or the end
 *	- the bystanders have every message of each other's, in order
 *	- the bus knows nobody but them, holds as many descriptors and as many blocks of
 *	  memory as before, has no children, and takes newcomers
 *
 * The cast may have a proxy process each, which ends with its client, whatever has failed: in
 * the owner of the bus (AT_OWNER), or in the proxy of the first of them (AT_PROXY).
 */
#pragma once

#include "tests/fault/inject.h"
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

enum { N_CAST = 4 };

enum fault_place {
	AT_BUS, /* there are no proxies */
	AT_OWNER,
	AT_PROXY,
};

struct scene {
	struct subject *subject;
	struct inject *inject;
	enum fault_place place;
	struct sandbox proxies; /* where proxies are, and the engine that they join */
	char engine[128];	/* the option that says so */
	struct inject *proxy_inject;
	int proxy_fd;	     /* with which a proxy gets that */
	pid_t pids[N_CAST];  /* of proxies; 0: none */
	struct conn *x, *y;	   /* the bystanders */
	struct conn *cast[N_CAST]; /* NULL: not there */
	uint32_t n_ticks;
	uint32_t pending; /* serial of x' call to y */
	struct msg *call; /* which y has not answered */
	unsigned int n_fds;
	long n_live;
};

/**
 * struct step - a piece of the conversation
 * @setup: once, when the daemon has started; may be NULL
 * @prepare: what comes first, without failures; may be NULL
 * @run: the cast acts, and one thing fails
 * @finish: without failures again: what must be true then; may be NULL
 * @min_allocations, @min_calls: how many there are at least; or nothing is tested
 * @place: where something fails
 * @has_children: what fails in processes that the daemon forks is tried as well
 * @is_slow: nothing of the bystanders' can be under way for so long
 */
struct step {
	void (*setup)(struct scene *s);
	void (*prepare)(struct scene *s);
	void (*run)(struct scene *s);
	void (*finish)(struct scene *s);
	unsigned int min_allocations, min_calls;
	enum fault_place place;
	bool has_children;
	bool is_slow;
};

/* runs a step once for each failure, or, in a short run, for a sample of them */
void sweep(const struct step *step, const char *xml);

/* the memory that a daemon shares with us; *fd_out: for it, to be closed when it has started */
struct inject *inject_open(int *fd_out);
void inject_close(struct inject *inject);
/* a daemon that has it; NULL where it does not get that far: as subject_try() */
struct subject *inject_start(const char *xml, int fd, int *status_out, char **stderr_out);
/* the same with one more argument, or NULL */
struct subject *inject_start_with(const char *xml, const char *arg, int fd, int *status_out,
				  char **stderr_out);
/* every which failure is tried: 1 is all of them */
unsigned int fault_stride(void);

/* Of the cast.  Each may have lost its connection. */

/* connected, not authenticated yet */
struct conn *cast_open(struct scene *s, unsigned int i);
/* connected and registered, before failures begin */
struct conn *cast_join(struct scene *s, unsigned int i);
/* authenticates; false: it has been disconnected */
bool try_login(struct conn *conn);
/* the reply, an error, or NULL when it has been disconnected; anything else fails the test */
struct msg *ask(struct conn *conn, struct msg *call);
/* the same when it does not matter which */
void ask_anything(struct conn *conn, struct msg *call);
#define ask_driver(conn, member, ...)                                                              \
	ask_anything(conn, msg_append(driver_msg(member), __VA_ARGS__))
/* the daemon has done all that there was to do */
void wait_until_idle(const struct scene *s);
