/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus with a native program and a D-Bus client on it: native-peer.c is the one, the test
 * plays the other
 */
#pragma once

#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#define NATIVE "com.example.Native"

/**
 * struct stage - a bus, a native service on it, and a client
 * @nodes: where the bus is served
 * @subject: the bus
 * @native: process of the service
 * @client: D-Bus
 */
struct stage {
	struct sandbox nodes;
	struct subject *subject;
	pid_t native;
	struct conn *client;
};

/* @xml: more elements of the configuration, or NULL */
void stage_open(struct stage *stage, const char *xml);
/* the service ends, without a mistake, and then the rest */
void stage_close(struct stage *stage);

/* a call of the service, whose methods are in native-peer.c */
struct msg *native_call(const char *member);

/**
 * native_does_at() - has the service do something that takes two strings
 *
 * Return: what it says came of it; good until the next call.
 */
const char *native_does_at(struct stage *stage, const char *member, const char *what,
			   const char *with, const char *file, int line);
#define native_does(stage, member, what, with)                                                     \
	native_does_at(stage, member, what, with, __FILE__, __LINE__)

/* what the daemon has said so far has this in it; waits a while for it */
void expect_logged_at(const struct stage *stage, const char *text, const char *file, int line);
#define expect_logged(stage, text) expect_logged_at(stage, text, __FILE__, __LINE__)
/* how often it has */
unsigned int n_logged(const struct stage *stage, const char *text);
