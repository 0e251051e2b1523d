/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus whose owner serves its engine, and clients that have a proxy process each
 *
 * The test makes both ends of a client's socket: it is what the bus takes for the client.
 * All of it lies in one sandbox.
 */
#pragma once

#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

/**
 * struct bus - an owner, and proxies
 * @sandbox: where all of it lies
 * @owner: process id
 * @address: of the owner
 * @engine: option for proxies
 */
struct bus {
	struct sandbox sandbox;
	pid_t owner;
	char address[300];
	char engine[300];
};

/* @xml: as for subject_start(); @option: one more of the owner, or NULL.  Skips the test where the
 * subject is the reference. */
void bus_open_with(struct bus *bus, const char *xml, const char *option);
void bus_open(struct bus *bus, const char *xml);
/* it must end with status 0 */
void bus_close(struct bus *bus);
/* another configuration, for the next reload */
void bus_write_config(struct bus *bus, const char *xml);

/**
 * struct proxied - a client with a proxy process
 */
struct proxied {
	pid_t pid;
	struct conn *conn;
};

/* not authenticated yet */
struct proxied proxied_open(struct bus *bus);
struct proxied proxied_new(struct bus *bus);
/* the proxy goes with its client, with status 0 */
void proxied_close(struct bus *bus, struct proxied *p);
