/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A driver on an engine, with a few callers
 *
 * Calls and answers as text, so that tests are tables:
 *
 *	expect_answer(bus, a, "RequestName", "su", "return u 1", "a.b", 0);
 */
#pragma once

#include "driver-emu/driver.h"
#include "tests/harness/tap.h"

enum { BUS_CALLERS = 6 };

struct member {
	struct driver_caller caller;
	struct creds creds;
	char unique_name[UNIQUE_NAME_SIZE];
	struct bus *bus;
};

struct bus {
	struct engine *engine;
	struct match_registry *matches;
	struct driver *driver;
	struct member members[BUS_CALLERS];
	struct driver_answer answer; /* the last one */
	/* what the operations do */
	int hello_outcome;
	int reload_outcome;
	int pidfd;
	const struct creds *late_creds; /* that only we know; NULL: nothing but what the bus does */
	int late_outcome;
	char environment[256];
	const char *const *activatable; /* up to NULL */
	uint32_t start_serial;		/* of the call that has something started */
	unsigned n_reloads;
};

/**
 * struct request - a call to be made
 *
 * NULL or 0 means the usual: the driver's name, path and interface, a call.  ""
 * means that the field is absent.
 */
struct request {
	const char *destination, *path, *interface, *member, *signature;
	uint8_t type;
	uint8_t flags;
	struct {
		const char *text; /* s, o, g; elements of "as", ended by an extra NULL */
		const char *const *texts;
		uint32_t number;
	} args[4];
};

/* @address: of the engine; @limits: or NULL */
struct bus *bus_new(const char *address, const struct driver_limits *limits);
/* on an engine without additions to the ABI */
struct bus *bus_new_strict(const char *address);
void bus_free(struct bus *bus);
/* members are early (before Hello) until this */
void bus_hello(struct bus *bus, unsigned n_members);

struct message *request_message(const struct request *request);
/* dispatches; bus->answer is what came of it; the result of driver_dispatch() */
int bus_dispatch(struct bus *bus, struct member *member, const struct request *request);

/* "return s \"x\"", "error Name \"text\"", "signal M s \"x\""; static buffer */
const char *message_dump(const struct message *message);

/* dispatches and compares what came: messages separated by "; ".  An expected text that ends in
 * "..." is a beginning. */
void expect_request(struct bus *bus, struct member *member, const struct request *request,
		    const char *expected, const char *file, int line);

/* a call on the canonical path: @args by @signature (s: text, u: number) */
#define expect_answer(bus, member, method, signature, expected, ...)                               \
	expect_call(__FILE__, __LINE__, bus, member, method, signature, expected, ##__VA_ARGS__)
void expect_call(const char *file, int line, struct bus *bus, struct member *member,
		 const char *method, const char *signature, const char *expected, ...);

/* takes everything out of a member's queue */
void bus_drain(struct member *member);

/* defines a test that runs on every carrier */
#define CARRIER_TEST(name)                                                                         \
	static void name(const char *address);                                                     \
	TEST(name##_direct)                                                                        \
	{                                                                                          \
		name("embedded");                                                                  \
	}                                                                                          \
	TEST(name##_pool)                                                                          \
	{                                                                                          \
		name("embedded:pool");                                                             \
	}                                                                                          \
	static void name(const char *address)
