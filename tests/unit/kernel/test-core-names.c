/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Well-known names: reference sections 5.3 (rule NAME), 6 and 7.4 (own) */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "tests/unit/kernel/kdbus-util.h"

#define REPLACE	 KDBUS_NAME_REPLACE_EXISTING
#define ALLOW	 KDBUS_NAME_ALLOW_REPLACEMENT
#define QUEUE	 KDBUS_NAME_QUEUE
#define IN_QUEUE KDBUS_NAME_IN_QUEUE
#define PRIMARY	 KDBUS_NAME_PRIMARY
#define ACQUIRED KDBUS_NAME_ACQUIRED

/* three peers A, B and C, and one who watches */
struct scene {
	struct bus bus;
	struct peer a, b, c, watch;
};

static void scene_init(struct scene *s, unsigned bus_flags, unsigned kind)
{
	bus_init(&s->bus, bus_flags);
	peer_init(&s->a, &s->bus, kind);
	peer_init(&s->b, &s->bus, kind);
	peer_init(&s->c, &s->bus, kind);
	peer_init(&s->watch, &s->bus, 0);
	peer_match_notifications(&s->watch);
}

static void scene_deinit(struct scene *s)
{
	peer_deinit(&s->watch);
	peer_deinit(&s->c);
	peer_deinit(&s->b);
	peer_deinit(&s->a);
	bus_deinit(&s->bus);
}

static void expect_acquire(struct peer *peer, uint64_t flags, int r, uint64_t return_flags)
{
	uint64_t got;

	expect_eq(peer_acquire(peer, "x.y", flags, &got), r);
	if (r == 0)
		expect_eq(got, return_flags);
}

static void expect_queue(struct scene *s, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	expect_str(name_queue(&s->bus, "x.y"), text);
}

#define ID(peer) ((unsigned long long)(peer).id)

TEST(acquire_a_free_name)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind);
		expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
		expect_name(&s.watch, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, s.a.id, PRIMARY);
		expect_nothing(&s.watch);
		expect_queue(&s, "%llu/20", ID(s.a));
		scene_deinit(&s);
	}
}

/* 6.6: only ALLOW_REPLACEMENT and QUEUE are kept of the request */
TEST(stored_flags_are_exact)
{
	static const struct {
		uint64_t flags, stored;
	} cases[] = {
		{0, PRIMARY},
		{REPLACE, PRIMARY},
		{ALLOW, PRIMARY | ALLOW},
		{QUEUE, PRIMARY | QUEUE},
		{REPLACE | ALLOW | QUEUE, PRIMARY | ALLOW | QUEUE},
	};
	struct scene s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scene_init(&s, 0, 0);
		expect_acquire(&s.a, cases[i].flags, 0, cases[i].stored | ACQUIRED);
		expect_queue(&s, "%llu/%llx", ID(s.a), (unsigned long long)cases[i].stored);
		expect_name(&s.watch, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, s.a.id, cases[i].stored);
		scene_deinit(&s);
	}
}

TEST(own_name_again_changes_flags_only)
{
	struct scene s;

	scene_init(&s, 0, 0);
	expect_acquire(&s.a, ALLOW, 0, PRIMARY | ALLOW | ACQUIRED);
	peer_drain(&s.watch);
	expect_acquire(&s.a, QUEUE, 0, PRIMARY | QUEUE);
	expect_queue(&s, "%llu/24", ID(s.a));
	expect_nothing(&s.watch);
	/* the latest flags decide */
	expect_acquire(&s.b, REPLACE, -EEXIST, 0);
	scene_deinit(&s);
}

TEST(taken_name_is_refused)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind);
		expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
		peer_drain(&s.watch);
		expect_acquire(&s.b, 0, -EEXIST, 0);
		expect_acquire(&s.b, REPLACE, -EEXIST, 0);
		expect_acquire(&s.b, ALLOW, -EEXIST, 0);
		expect_nothing(&s.watch);
		expect_queue(&s, "%llu/20", ID(s.a));
		scene_deinit(&s);
	}
}

TEST(name_that_allows_it_is_replaced)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind);
		expect_acquire(&s.a, ALLOW, 0, PRIMARY | ALLOW | ACQUIRED);
		peer_drain(&s.watch);
		/* without REPLACE_EXISTING nothing happens to it */
		expect_acquire(&s.b, 0, -EEXIST, 0);
		expect_acquire(&s.b, REPLACE, 0, PRIMARY | ACQUIRED);
		expect_name(&s.watch, KDBUS_ITEM_NAME_CHANGE, "x.y", s.a.id, PRIMARY | ALLOW,
			    s.b.id, PRIMARY);
		expect_queue(&s, "%llu/20", ID(s.b));
		expect_eq(peer_release(&s.a, "x.y"), -EADDRINUSE);
		scene_deinit(&s);
	}
}

/* C15: the replaced owner with QUEUE waits right behind the new one */
TEST(replaced_owner_with_queue_is_second)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind);
		expect_acquire(&s.a, ALLOW | QUEUE, 0, PRIMARY | ALLOW | QUEUE | ACQUIRED);
		expect_acquire(&s.c, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
		peer_drain(&s.watch);
		expect_acquire(&s.b, REPLACE, 0, PRIMARY | ACQUIRED);
		expect_name(&s.watch, KDBUS_ITEM_NAME_CHANGE, "x.y", s.a.id,
			    PRIMARY | ALLOW | QUEUE, s.b.id, PRIMARY);
		expect_queue(&s, "%llu/20 %llu/e %llu/c", ID(s.b), ID(s.a), ID(s.c));
		expect_eq(peer_release(&s.b, "x.y"), 0);
		expect_name(&s.watch, KDBUS_ITEM_NAME_CHANGE, "x.y", s.b.id, PRIMARY, s.a.id,
			    PRIMARY | ALLOW | QUEUE);
		expect_queue(&s, "%llu/26 %llu/c", ID(s.a), ID(s.c));
		scene_deinit(&s);
	}
}

/* a waiting one that replaces moves to the front */
TEST(queued_one_can_replace)
{
	struct scene s;

	scene_init(&s, 0, 0);
	expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
	expect_acquire(&s.b, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
	expect_acquire(&s.c, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
	expect_acquire(&s.a, ALLOW | QUEUE, 0, PRIMARY | ALLOW | QUEUE);
	peer_drain(&s.watch);
	expect_acquire(&s.c, REPLACE, 0, PRIMARY | ACQUIRED);
	expect_queue(&s, "%llu/20 %llu/e %llu/c", ID(s.c), ID(s.a), ID(s.b));
	scene_deinit(&s);
}

TEST(queue_is_first_in_first_out)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind);
		expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
		expect_acquire(&s.b, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
		expect_acquire(&s.c, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
		/* no second entry, no change of place, new flags */
		expect_acquire(&s.b, QUEUE | ALLOW, 0, QUEUE | ALLOW | IN_QUEUE);
		expect_queue(&s, "%llu/20 %llu/e %llu/c", ID(s.a), ID(s.b), ID(s.c));
		peer_drain(&s.watch);
		expect_eq(peer_release(&s.a, "x.y"), 0);
		expect_name(&s.watch, KDBUS_ITEM_NAME_CHANGE, "x.y", s.a.id, PRIMARY, s.b.id,
			    PRIMARY | ALLOW | QUEUE);
		expect_eq(peer_release(&s.b, "x.y"), 0);
		expect_name(&s.watch, KDBUS_ITEM_NAME_CHANGE, "x.y", s.b.id,
			    PRIMARY | ALLOW | QUEUE, s.c.id, PRIMARY | QUEUE);
		expect_eq(peer_release(&s.c, "x.y"), 0);
		expect_name(&s.watch, KDBUS_ITEM_NAME_REMOVE, "x.y", s.c.id, PRIMARY | QUEUE, 0, 0);
		expect_eq(peer_release(&s.c, "x.y"), -ESRCH);
		scene_deinit(&s);
	}
}

/* 6.3: already queued and QUEUE not asked for any more */
TEST(queued_one_can_give_up)
{
	struct scene s;

	scene_init(&s, 0, 0);
	expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
	expect_acquire(&s.b, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
	peer_drain(&s.watch);
	expect_acquire(&s.b, ALLOW, 0, ALLOW);
	expect_nothing(&s.watch);
	expect_queue(&s, "%llu/20", ID(s.a));
	scene_deinit(&s);
}

/* where a request that may replace but cannot is queued: D-Bus puts it first, kdbus last */
TEST(queued_replacement_is_first_unless_strict)
{
	struct scene s;

	scene_init(&s, 0, 0);
	expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
	expect_acquire(&s.b, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
	expect_acquire(&s.c, QUEUE | REPLACE, 0, QUEUE | IN_QUEUE | ACQUIRED);
	expect_queue(&s, "%llu/20 %llu/c %llu/c", ID(s.a), ID(s.c), ID(s.b));
	/* and moves it when it was queued already */
	expect_acquire(&s.b, QUEUE | REPLACE, 0, QUEUE | IN_QUEUE);
	expect_queue(&s, "%llu/20 %llu/c %llu/c", ID(s.a), ID(s.b), ID(s.c));
	scene_deinit(&s);

	scene_init(&s, BUS_STRICT, 0);
	expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
	expect_acquire(&s.b, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
	expect_acquire(&s.c, QUEUE | REPLACE, 0, QUEUE | IN_QUEUE | ACQUIRED);
	expect_queue(&s, "%llu/20 %llu/c %llu/c", ID(s.a), ID(s.b), ID(s.c));
	expect_acquire(&s.c, QUEUE | REPLACE, 0, QUEUE | IN_QUEUE);
	expect_queue(&s, "%llu/20 %llu/c %llu/c", ID(s.a), ID(s.b), ID(s.c));
	scene_deinit(&s);
}

TEST(release)
{
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind);
		expect_eq(peer_release(&s.a, "x.y"), -ESRCH);
		expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
		expect_eq(peer_release(&s.b, "x.y"), -EADDRINUSE);
		expect_acquire(&s.b, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
		peer_drain(&s.watch);
		/* a place in the queue is given up silently */
		expect_eq(peer_release(&s.b, "x.y"), 0);
		expect_nothing(&s.watch);
		expect_eq(peer_release(&s.b, "x.y"), -EADDRINUSE);
		expect_eq(peer_release(&s.a, "x.y"), 0);
		expect_name(&s.watch, KDBUS_ITEM_NAME_REMOVE, "x.y", s.a.id, PRIMARY, 0, 0);
		scene_deinit(&s);
	}
}

TEST(invalid_names)
{
	static const char *const names[] = {".bla.blaz", "foo",	 "foo.bla.bl.*", "a..b",
					    "a.b.",	 "a.1b", "a b.c",	 ""};
	struct scene s;

	scene_init(&s, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		expect_eq(peer_acquire(&s.a, names[i], 0, NULL), -EINVAL);
		/* RELEASE does not look whether a name could exist */
		expect_eq(peer_release(&s.a, names[i]), -ESRCH);
	}
	scene_deinit(&s);
}

TEST(unknown_flags_are_refused)
{
	struct scene s;

	scene_init(&s, 0, 0);
	expect_eq(peer_acquire(&s.a, "x.y", IN_QUEUE, NULL), -EINVAL);
	expect_eq(peer_acquire(&s.a, "x.y", PRIMARY | ACQUIRED, NULL), -EINVAL);
	scene_deinit(&s);
}

/* 6.2: one more than the limit; what needs no entry of its own still works */
TEST(number_of_names_is_limited)
{
	struct kdbus_limits limits = KDBUS_LIMITS_DEFAULT;
	struct peer a, b;
	struct bus bus;

	limits.n_names_conn = 2;
	bus_init_limits(&bus, 0, &limits);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	expect_eq(peer_acquire(&b, "b.b", 0, NULL), 0);
	expect_eq(peer_acquire(&a, "a.a", 0, NULL), 0);
	expect_eq(peer_acquire(&a, "b.b", QUEUE, NULL), 0);
	expect_eq(peer_acquire(&a, "a.c", 0, NULL), -E2BIG);
	/* before it says that the name is taken */
	expect_eq(peer_acquire(&b, "b.c", 0, NULL), 0);
	expect_eq(peer_acquire(&a, "b.c", 0, NULL), -E2BIG);
	expect_eq(peer_acquire(&a, "a.a", ALLOW, NULL), 0);
	expect_eq(peer_release(&a, "b.b"), 0);
	expect_eq(peer_acquire(&a, "a.c", 0, NULL), 0);
	/* a refused request leaves no trace of the name */
	expect_eq(peer_acquire(&a, "a.d", 0, NULL), -E2BIG);
	expect_eq(peer_release(&a, "a.d"), -ESRCH);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* C14: the name changes hands before its owner is gone */
TEST(disconnect_passes_names_on)
{
	struct scene s;
	uint64_t id;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0, kind);
		expect_acquire(&s.a, 0, 0, PRIMARY | ACQUIRED);
		expect_acquire(&s.b, QUEUE, 0, QUEUE | IN_QUEUE | ACQUIRED);
		peer_drain(&s.watch);
		id = s.a.id;
		peer_deinit(&s.a);
		expect_name(&s.watch, KDBUS_ITEM_NAME_CHANGE, "x.y", id, PRIMARY, s.b.id,
			    PRIMARY | QUEUE);
		expect_id(&s.watch, KDBUS_ITEM_ID_REMOVE, id);
		expect_nothing(&s.watch);
		scene_deinit(&s);
	}
}

/* D-Bus releases the latest name first; kdbus in the order in which they came */
TEST(disconnect_releases_latest_first_unless_strict)
{
	struct scene s;
	uint64_t id;

	for (unsigned strict = 0; strict < 2; strict++) {
		scene_init(&s, strict ? BUS_STRICT : 0, 0);
		expect_eq(peer_acquire(&s.b, "q.q", 0, NULL), 0);
		expect_eq(peer_acquire(&s.a, "a.a", 0, NULL), 0);
		expect_eq(peer_acquire(&s.a, "q.q", QUEUE, NULL), 0);
		expect_eq(peer_acquire(&s.a, "c.c", 0, NULL), 0);
		peer_drain(&s.watch);
		id = s.a.id;
		peer_deinit(&s.a);
		expect_name(&s.watch, KDBUS_ITEM_NAME_REMOVE, strict ? "a.a" : "c.c", id, PRIMARY,
			    0, 0);
		expect_name(&s.watch, KDBUS_ITEM_NAME_REMOVE, strict ? "c.c" : "a.a", id, PRIMARY,
			    0, 0);
		expect_id(&s.watch, KDBUS_ITEM_ID_REMOVE, id);
		expect_nothing(&s.watch);
		scene_deinit(&s);
	}
}

/* a name that was given up and registered again is found, and the old one is gone */
TEST(many_names_come_and_go)
{
	struct scene s;
	char name[32];

	scene_init(&s, 0, 0);
	peer_deinit(&s.watch);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "many.n%d", i);
			expect_eq(peer_acquire(i & 1 ? &s.a : &s.b, name, 0, NULL), 0);
		}
		for (int i = 0; i < 200; i++) {
			snprintf(name, sizeof(name), "many.n%d", i);
			expect_eq(peer_acquire(&s.c, name, 0, NULL), -EEXIST);
			expect_eq(peer_release(i & 1 ? &s.a : &s.b, name), 0);
			expect_eq(peer_release(&s.c, name), -ESRCH);
		}
	}
	scene_deinit(&s);
}

/* an owner always learns of its own names when it is indexed, without anybody's asking */
TEST(indexed_owners_learn_of_their_names)
{
	struct peer a, b, other;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, PEER_DIRECT | PEER_INDEXED);
	peer_init(&b, &bus, PEER_DIRECT | PEER_INDEXED);
	peer_init(&other, &bus, PEER_DIRECT | PEER_INDEXED);
	expect_eq(peer_acquire(&a, "x.y", ALLOW, NULL), 0);
	expect_name(&a, KDBUS_ITEM_NAME_ADD, "x.y", 0, 0, a.id, PRIMARY | ALLOW);
	expect_eq(peer_acquire(&b, "x.y", REPLACE, NULL), 0);
	expect_name(&a, KDBUS_ITEM_NAME_CHANGE, "x.y", a.id, PRIMARY | ALLOW, b.id, PRIMARY);
	expect_name(&b, KDBUS_ITEM_NAME_CHANGE, "x.y", a.id, PRIMARY | ALLOW, b.id, PRIMARY);
	/* once, also when the host asks for it too */
	bus.candidates[0] = b.conn;
	bus.tags[0] = 5;
	bus.n_candidates = 1;
	expect_eq(peer_release(&b, "x.y"), 0);
	expect_eq(peer_get(&b).tag, 5);
	expect_nothing(&b);
	expect_nothing(&a);
	expect_nothing(&other);
	bus.n_candidates = 0;
	peer_deinit(&other);
	peer_deinit(&b);
	peer_deinit(&a);
	bus_deinit(&bus);
}
