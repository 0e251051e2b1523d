/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is measured: daemons, and what shows how far a daemon can get
 *
 * Each is started fresh, in a folder of its own, on one socket, with the same
 * configuration: everything allowed, limits that no measure reaches.
 * dbus-daemon, bus-proxyd and anything else with their command line read it as
 * a file; dbus-broker gets it through its controller socket, which is how its
 * own launcher configures it; limits of our own choice it does not get.
 * Proxies are the same bus-proxyd, whose clients reach it through processes of their own; what
 * starts these is beside it (tests/conformance/per-client-bus).
 * The relay is a process of this program (see relay.h), and "direct" is no process
 * at all: the socket pair that a bus stands in the middle of.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

enum contender_kind {
	CONTENDER_DAEMON, /* has dbus-daemon's command line */
	CONTENDER_BROKER,
	CONTENDER_RELAY,
	CONTENDER_DIRECT,  /* nothing runs: the measure connects its two sides itself */
	CONTENDER_PROXIES, /* a daemon, and a proxy process for each client */
};

struct contender {
	const char *name;
	enum contender_kind kind;
	const char *program; /* looked up in PATH unless it has a slash; NULL: this one */
	const char *limits;  /* elements of the configuration; NULL: none is ever reached */
	char version[80];    /* first line of --version */
	char wrapper[256];   /* what starts the proxies */

	/* while it runs */
	pid_t pid;	/* 0: does not run, or is no process */
	int controller; /* -1, or the socket by which dbus-broker or the relay is controlled */
	clockid_t cpu_clock;
	char dir[64];
	char socket_path[80];
};

/* whether the program exists; fills @version */
bool contender_probe(struct contender *c);
/**
 * contender_start() - start the daemon and wait until it listens
 *
 * The daemon inherits CPU affinity and descriptor limit, and dies with us.
 *
 * Return: 0, or negative errno after what the daemon had to say went to stderr.
 */
int contender_start(struct contender *c);
/* idempotent; removes the folder */
void contender_stop(struct contender *c);
/* all clients are there: the relay begins to relay.  0 or negative errno; nothing for others */
int contender_go_live(const struct contender *c);
/* CPU time that the daemon has used, and its proxies, in microseconds; NAN when it is no process */
double contender_cpu_us(const struct contender *c);
/* resident bytes of the daemon, or negative errno */
long long contender_resident_bytes(const struct contender *c);
