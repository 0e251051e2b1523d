/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every allocation fails once: the command says -ENOMEM, nothing has changed, nothing leaks
 *
 * A step is run with its first allocation failing, then its second, and so on,
 * until it comes to its end without a failure, each time in a scene of its own.
 * The state of the bus is written down before, and compared when it has failed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/core/match.h"
#include "kernel/core/names.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "tests/unit/kernel/kdbus-util.h"

struct scene {
	struct bus bus;
	struct peer a, b, c;
	struct peer extra;
	unsigned kind;
	struct kdbus_embedded_handle *handle;
};

static void scene_init(struct scene *s, unsigned kind)
{
	*s = (struct scene){.kind = kind};
	bus_init(&s->bus, 0);
	peer_init(&s->a, &s->bus, kind);
	peer_init(&s->b, &s->bus, kind);
	peer_init_uid(&s->c, &s->bus, 65534);
	peer_match_everything(&s->b);
	expect_eq(peer_acquire(&s->b, "taken.name", KDBUS_NAME_ALLOW_REPLACEMENT, NULL), 0);
	peer_drain(&s->b);
}

static void scene_deinit(struct scene *s)
{
	peer_deinit(&s->extra);
	kdbus_embedded_close(s->handle);
	peer_deinit(&s->c);
	peer_deinit(&s->b);
	peer_deinit(&s->a);
	bus_deinit(&s->bus);
}

static size_t describe_conn(struct kdbus_conn *conn, char *text, size_t size)
{
	struct kdbus_name_owner *owner;
	size_t n;

	n = snprintf(text, size, "%llu: %u entries, %llu bytes, %u requests, %u matches\n",
		     (unsigned long long)conn->id, conn->queue.n_entries,
		     (unsigned long long)conn->queue.memory, conn->n_requests,
		     conn->matches ? conn->matches->n : 0);
	list_for_each_entry(owner, &conn->names, conn_link)
		n += snprintf(text + n, size - n, "  %s %llx\n", owner->entry->name,
			      (unsigned long long)owner->flags);
	return n;
}

/* all that a failed command must have left alone */
static void describe(struct scene *s, char *text, size_t size)
{
	struct kdbus_bus *core = s->bus.core;
	struct kdbus_conn *conn;
	size_t n;

	n = snprintf(text, size, "%u conns, %u names, %u policies, deadline %llu\n",
		     core->conns_by_id.n_entries, core->names.n_entries,
		     core->policy.entries.n_entries, (unsigned long long)s->bus.deadline);
	list_for_each_entry(conn, &core->conns, bus_link)
		n += describe_conn(conn, text + n, size - n);
}

/*
 * Runs @step in a scene that @prepare has changed, if given.  An allocation that may
 * fail without harm (a table that does not grow) is no failure of the step.
 */
static void run_prepared(void (*prepare)(struct scene *s), int (*step)(struct scene *s),
			 unsigned kind, unsigned min_allocs)
{
	char before[4096], after[4096];
	bool failed = true;
	struct scene s;
	int r = 0;

	for (unsigned n = 1; failed; n++) {
		scene_init(&s, kind);
		if (prepare)
			prepare(&s);
		describe(&s, before, sizeof(before));
		shim_alloc_fail_at(n);
		r = step(&s);
		failed = shim_alloc_fail_disarm();
		if (r < 0) {
			expect(failed);
			expect_eq(r, -ENOMEM);
			describe(&s, after, sizeof(after));
			expect_str(after, before);
			/* it was that one allocation alone */
			expect_eq(step(&s), 0);
		}
		scene_deinit(&s);
		expect_eq(shim_alloc_count(), 0);
		/* or the step has tested nothing */
		if (!failed)
			expect_gt(n, min_allocs);
	}
}

static void run_both(int (*step)(struct scene *s), unsigned min_allocs)
{
	FOR_EACH_KIND(kind)
		run_prepared(NULL, step, kind, min_allocs);
}

/* a notification may get lost, and then it is counted; so nobody listens here */
static void nobody_listens(struct scene *s)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.match), 0);
	expect_eq(peer_command(&s->b, KDBUS_CMD_MATCH_REMOVE, &cmd), 0);
}

static void deaf(int (*step)(struct scene *s), unsigned min_allocs)
{
	FOR_EACH_KIND(kind)
		run_prepared(nobody_listens, step, kind, min_allocs);
}

static int step_hello(struct scene *s)
{
	struct kdbus_creds creds = {5, 5, 5, 5, 5, 5, 5, 5};
	struct cmd hello;

	hello_init(&hello);
	cmd_add(&hello, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	cmd_add_str(&hello, KDBUS_ITEM_CONN_DESCRIPTION, "description");
	return peer_hello(&s->extra, &s->bus, s->kind, &hello, NULL);
}

TEST(hello)
{
	deaf(step_hello, 3);
}

static int step_holder(struct scene *s)
{
	struct cmd hello;

	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "some.name.*");
	cmd_add_access(&hello, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	return peer_hello(&s->extra, &s->bus, 0, &hello, NULL);
}

TEST(hello_of_a_holder)
{
	deaf(step_holder, 8);
}

static int step_activator(struct scene *s)
{
	struct cmd hello;

	hello_init(&hello);
	hello.hello.flags |= KDBUS_HELLO_ACTIVATOR;
	cmd_add_str(&hello, KDBUS_ITEM_NAME, "some.name");
	cmd_add_access(&hello, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	return peer_hello(&s->extra, &s->bus, s->kind, &hello, NULL);
}

/* the entry of the policy is another's until all is there */
static void holder_is_there(struct scene *s)
{
	nobody_listens(s);
	peer_deinit(&s->c);
	peer_init_holder(&s->c, &s->bus, "some.name", 0, 0, 0);
}

TEST(hello_of_an_activator)
{
	deaf(step_activator, 8);
	/* one with a pool has more to do when it is connected, and takes the entry along if it
	 * cannot */
	run_prepared(holder_is_there, step_activator, PEER_DIRECT, 6);
}

static void activator_is_there(struct scene *s)
{
	nobody_listens(s);
	expect_eq(step_activator(s), 0);
}

static int step_wait(struct scene *s)
{
	return peer_send_name(&s->a, "some.name", 1);
}

static int step_wait_for_reply(struct scene *s)
{
	return peer_call_name(&s->a, "some.name", 1);
}

static int step_update_activator(struct scene *s)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "some.name");
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_OWN, 0);
	return peer_command(&s->extra, KDBUS_CMD_UPDATE, &cmd);
}

TEST(activator)
{
	FOR_EACH_KIND(kind) {
		run_prepared(activator_is_there, step_wait, kind, 1);
		run_prepared(activator_is_there, step_wait_for_reply, kind, 1);
		run_prepared(activator_is_there, step_update_activator, kind, 1);
	}
}

/* the name is taken or not; if it is, each call is with the owner, or its caller was told */
static void move_with_failure(struct scene *s, unsigned n)
{
	struct got got;
	bool failed;
	int r;

	expect_eq(step_wait_for_reply(s), 0);
	expect_eq(peer_call_name(&s->a, "some.name", 2), 0);
	shim_alloc_fail_at(n);
	r = peer_acquire(&s->b, "some.name", 0, NULL);
	failed = shim_alloc_fail_disarm();
	if (r < 0) {
		expect(failed);
		expect_eq(r, -ENOMEM);
		expect_eq(peer_acquire(&s->b, "some.name", 0, NULL), 0);
	}
	for (unsigned i = 1; i <= 2; i++) {
		if (peer_recv(&s->a, &got) == 0) {
			expect_eq(got.type, KDBUS_ITEM_REPLY_DEAD);
			expect(failed);
			continue;
		}
		expect_eq(peer_recv(&s->b, &got), 0);
		expect_eq(got.src_id, s->a.id);
		expect_eq(peer_reply(&s->b, s->a.id, got.cookie), 0);
		expect_eq(peer_recv(&s->a, &got), 0);
		expect_eq(got.src_id, s->b.id);
	}
	expect_nothing(&s->a);
	expect_nothing(&s->b);
}

/* of every kind to every kind, and back */
TEST(messages_are_moved)
{
	struct scene s;

	for (unsigned kind = 0; kind < 4; kind++) {
		for (unsigned n = 1; n < 40; n++) {
			scene_init(&s, kind & 1 ? PEER_DIRECT : 0);
			nobody_listens(&s);
			s.kind = kind & 2 ? PEER_DIRECT : 0;
			expect_eq(step_activator(&s), 0);
			move_with_failure(&s, n);
			scene_deinit(&s);
			expect_eq(shim_alloc_count(), 0);
		}
	}
}

/* a name is given up although there is no memory; what was not read is with the activator, or its
 * sender was told */
TEST(messages_are_moved_back)
{
	struct scene s;
	struct got got;

	for (unsigned kind = 0; kind < 4; kind++) {
		for (unsigned n = 1; n < 20; n++) {
			bool failed;
			int r;

			scene_init(&s, kind & 1 ? PEER_DIRECT : 0);
			nobody_listens(&s);
			s.kind = kind & 2 ? PEER_DIRECT : 0;
			expect_eq(step_activator(&s), 0);
			expect_eq(peer_acquire(&s.b, "some.name", 0, NULL), 0);
			expect_eq(step_wait_for_reply(&s), 0);
			shim_alloc_fail_at(n);
			r = peer_release(&s.b, "some.name");
			failed = shim_alloc_fail_disarm();
			if (r < 0) {
				/* the command itself found none */
				expect_eq(r, -ENOMEM);
				expect_eq(peer_release(&s.b, "some.name"), 0);
				failed = false;
			}
			if (peer_recv(&s.extra, &got) < 0) {
				expect(failed);
				/* REPLY_DEAD needs memory as well, and that one is there */
				expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 1);
			}
			scene_deinit(&s);
			expect_eq(shim_alloc_count(), 0);
		}
	}
}

TEST(domain)
{
	static const struct kdbus_embedded_options options;
	struct kdbus_embedded *embedded;
	unsigned n = 0;
	int r;

	do {
		shim_alloc_fail_at(++n);
		r = kdbus_embedded_new(&options, &embedded);
		if (!shim_alloc_fail_disarm())
			break;
		expect_eq(r, -ENOMEM);
		expect_eq(shim_alloc_count(), 0);
	} while (n < 100);
	expect_eq(r, 0);
	expect_gt(n, 4);
	kdbus_embedded_free(embedded);
	expect_eq(shim_alloc_count(), 0);
}

static int step_bus_make(struct scene *s)
{
	struct kdbus_bloom_parameter bloom = {.size = 64, .n_hash = 1};
	struct cmd cmd;
	char name[32];
	int r;

	r = kdbus_embedded_open(s->bus.embedded, "control", NULL, &s->handle);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%u-second", geteuid());
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add(&cmd, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	r = kdbus_embedded_command(s->handle, KDBUS_CMD_BUS_MAKE, &cmd);
	if (r < 0)
		s->handle = kdbus_embedded_close(s->handle);
	return r;
}

TEST(bus_make)
{
	run_both(step_bus_make, 9);
}

static int step_endpoint_make(struct scene *s)
{
	struct cmd cmd;
	char name[32];
	int r;

	r = kdbus_embedded_open(s->bus.embedded, s->bus.path, NULL, &s->handle);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%u-ep", geteuid());
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	r = kdbus_embedded_command(s->handle, KDBUS_CMD_ENDPOINT_MAKE, &cmd);
	if (r < 0) {
		s->handle = kdbus_embedded_close(s->handle);
		return r;
	}
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "a.b");
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, "a.c");
	r = kdbus_embedded_command(s->handle, KDBUS_CMD_ENDPOINT_UPDATE, &cmd);
	if (r < 0)
		s->handle = kdbus_embedded_close(s->handle);
	return r;
}

TEST(endpoint_make)
{
	run_both(step_endpoint_make, 8);
}

static int step_acquire(struct scene *s)
{
	return peer_acquire(&s->a, "new.name", 0, NULL);
}

static int step_queue(struct scene *s)
{
	return peer_acquire(&s->a, "taken.name", KDBUS_NAME_QUEUE, NULL);
}

static int step_replace(struct scene *s)
{
	return peer_acquire(&s->a, "taken.name", KDBUS_NAME_REPLACE_EXISTING, NULL);
}

TEST(names)
{
	deaf(step_acquire, 2);
	deaf(step_queue, 1);
	deaf(step_replace, 1);
}

static int step_send(struct scene *s)
{
	int fd = STDIN_FILENO;
	struct send send = {.dst_name = "taken.name",
			    .cookie = 1,
			    .data = "data",
			    .size = 4,
			    .fds = &fd,
			    .n_fds = 1};

	return peer_send(&s->a, &send);
}

static int step_call(struct scene *s)
{
	return peer_call(&s->a, s->b.id, 5, 1000);
}

static int step_call_stranger(struct scene *s)
{
	return peer_call(&s->a, s->c.id, 5, 1000);
}

TEST(send)
{
	run_both(step_send, 1);
	run_both(step_call, 2);
	run_both(step_call_stranger, 3);
}

static int step_match(struct scene *s)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.match), KDBUS_MATCH_REPLACE);
	cmd_add_u64(&cmd, KDBUS_ITEM_ID, KDBUS_MATCH_ID_ANY);
	return peer_command(&s->b, KDBUS_CMD_MATCH_ADD, &cmd);
}

TEST(match_add)
{
	run_both(step_match, 1);
}

static int step_list(struct scene *s)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.list), KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES);
	return peer_command(&s->a, KDBUS_CMD_LIST, &cmd);
}

static int step_info(struct scene *s)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.id = s->b.id;
	cmd.info.attach_flags = _KDBUS_ATTACH_ALL;
	return peer_command(&s->a, KDBUS_CMD_CONN_INFO, &cmd);
}

static int step_creator_info(struct scene *s)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.attach_flags = _KDBUS_ATTACH_ALL;
	return peer_command(&s->a, KDBUS_CMD_BUS_CREATOR_INFO, &cmd);
}

TEST(information)
{
	run_both(step_list, 1);
	run_both(step_info, 1);
	run_both(step_creator_info, 1);
}

/* a broadcast that finds no memory for a receiver is lost for him, and he learns of it */
TEST(broadcast)
{
	struct scene s;
	struct got got;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		/* the first allocation that is the receiver's; before it, those of the sender */
		for (unsigned n = 1;; n++) {
			int r;

			shim_alloc_fail_at(n);
			r = peer_broadcast(&s.a, n);
			if (!shim_alloc_fail_disarm()) {
				expect_message(&s.b, s.a.id, n);
				break;
			}
			if (r < 0) {
				expect_eq(r, -ENOMEM);
				expect_nothing(&s.b);
				continue;
			}
			expect_eq(r, 0);
			expect_eq(peer_recv(&s.b, &got), -EAGAIN);
			if (kind)
				expect_eq(s.bus.lost_src, s.a.id);
			else
				expect_eq(got.dropped, 1);
		}
		scene_deinit(&s);
		expect_eq(shim_alloc_count(), 0);
	}
}

/* what ends something cannot fail */
TEST(disconnect_needs_no_memory)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		for (unsigned n = 1; n < 40; n++) {
			scene_init(&s, kind);
			expect_eq(peer_call(&s.a, s.b.id, 1, 1ULL << 62), 0);
			expect_eq(peer_call(&s.b, s.a.id, 2, 1ULL << 62), 0);
			expect_eq(peer_acquire(&s.a, "taken.name", KDBUS_NAME_QUEUE, NULL), 0);
			shim_alloc_fail_at(n);
			peer_deinit(&s.b);
			shim_alloc_fail_disarm();
			expect_str(name_queue(&s.bus, "taken.name"), "1/24");
			expect_eq(s.bus.core->conns_by_id.n_entries, 2);
			scene_deinit(&s);
			expect_eq(shim_alloc_count(), 0);
		}
	}
}

/* an answer that finds no memory is an answer that will not come */
TEST(reply)
{
	struct scene s;
	struct got got;
	bool failed = true;
	int r;

	for (unsigned n = 1; failed; n++) {
		scene_init(&s, PEER_DIRECT);
		nobody_listens(&s);
		expect_eq(peer_call(&s.a, s.b.id, 5, 1ULL << 62), 0);
		expect_eq(peer_recv(&s.b, &got), 0);
		shim_alloc_fail_at(n);
		r = peer_reply(&s.b, s.a.id, 5);
		failed = shim_alloc_fail_disarm();
		if (r < 0) {
			expect_eq(r, -ENOMEM);
			expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 5);
		} else {
			expect_eq(peer_recv(&s.a, &got), 0);
			expect_eq(got.src_id, s.b.id);
		}
		expect_nothing(&s.a);
		scene_deinit(&s);
		expect_eq(shim_alloc_count(), 0);
	}
}

/* whoever waits for an answer that cannot come any more learns it, memory or not */
TEST(reply_dead_needs_no_memory)
{
	struct scene s;

	for (unsigned n = 1; n < 10; n++) {
		scene_init(&s, PEER_DIRECT);
		nobody_listens(&s);
		expect_eq(peer_call(&s.a, s.b.id, 5, 1ULL << 62), 0);
		shim_alloc_fail_at(n);
		peer_deinit(&s.b);
		shim_alloc_fail_disarm();
		expect_reply_note(&s.a, KDBUS_ITEM_REPLY_DEAD, 5);
		scene_deinit(&s);
		expect_eq(shim_alloc_count(), 0);
	}
}
