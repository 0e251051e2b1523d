/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activators: reference 6.4, and what else speaks of them */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "kernel/core/message.h"
#include "kernel/core/names.h"
#include "tests/unit/kernel/kdbus-util.h"

#define NAME "x.y"

#define USER  KDBUS_POLICY_ACCESS_USER
#define WORLD KDBUS_POLICY_ACCESS_WORLD
#define SEE   KDBUS_POLICY_SEE
#define TALK  KDBUS_POLICY_TALK
#define OWN   KDBUS_POLICY_OWN

#define ACT	(KDBUS_NAME_ACTIVATOR | KDBUS_NAME_PRIMARY)
#define PRIMARY KDBUS_NAME_PRIMARY

/* an activator is direct or has a pool, as is the owner: all four */
#define FOR_EACH_PAIR(activator_kind, owner_kind)                                                  \
	FOR_EACH_KIND(activator_kind)                                                              \
		FOR_EACH_KIND(owner_kind)

static void activator_hello_init(struct cmd *hello, const char *name)
{
	hello_init(hello);
	hello->hello.flags |= KDBUS_HELLO_ACTIVATOR;
	if (name)
		cmd_add_str(hello, KDBUS_ITEM_NAME, name);
}

static int activator_hello(struct peer *peer, struct bus *bus, const char *name)
{
	struct cmd hello;

	activator_hello_init(&hello, name);
	return peer_hello(peer, bus, 0, &hello, NULL);
}

static bool is_readable(struct peer *peer)
{
	struct pollfd pollfd = {.fd = kdbus_embedded_fd(peer->handle), .events = POLLIN};
	bool is_signalled = poll(&pollfd, 1, 0) > 0;

	/* the descriptor and the state say the same */
	expect_eq(kdbus_embedded_poll(peer->handle) & POLLIN, is_signalled ? POLLIN : 0);
	return is_signalled;
}

static void expect_policy(struct bus *bus, unsigned n)
{
	expect_eq(bus->core->policy.entries.n_entries, n);
}

/* 3.4 */
TEST(hello_of_an_activator_is_checked)
{
	const struct kdbus_embedded_cred stranger = cred_of(65534);
	struct peer activator, peer, holder;
	struct cmd hello;
	struct bus bus;

	FOR_EACH_KIND(flags) {
		unsigned strict = flags ? BUS_STRICT : 0;

		bus_init(&bus, strict);
		activator_hello_init(&hello, NULL);
		expect_eq(peer_hello(&peer, &bus, 0, &hello, NULL), -EINVAL);
		expect_eq(activator_hello(&peer, &bus, "x"), -EINVAL);
		expect_eq(activator_hello(&peer, &bus, "x.*"), -EINVAL);
		activator_hello_init(&hello, NAME);
		hello.hello.flags |= KDBUS_HELLO_POLICY_HOLDER;
		expect_eq(peer_hello(&peer, &bus, 0, &hello, NULL), -EINVAL);
		activator_hello_init(&hello, NAME);
		cmd_add_str(&hello, KDBUS_ITEM_NAME, "x.z");
		expect_eq(peer_hello(&peer, &bus, 0, &hello, NULL), -EINVAL);
		activator_hello_init(&hello, NAME);
		expect_eq(peer_hello(&peer, &bus, 0, &hello, &stranger), -EPERM);
		activator_hello_init(&hello, NAME);
		cmd_add_access(&hello, USER, 3, 0);
		expect_eq(peer_hello(&peer, &bus, 0, &hello, NULL), -EINVAL);
		expect_eq(bus.core->names.n_entries, 0);

		/* that the name has one comes before what is wrong with the policy */
		peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
		expect_eq(activator_hello(&peer, &bus, NAME), -EEXIST);
		activator_hello_init(&hello, NAME);
		cmd_add_access(&hello, USER, 3, 0);
		expect_eq(peer_hello(&peer, &bus, 0, &hello, NULL), -EEXIST);

		/* somebody else's entry */
		peer_init_holder(&holder, &bus, "x.z", 0, 0, 0);
		if (strict) {
			expect_eq(activator_hello(&peer, &bus, "x.z"), -EEXIST);
			expect_eq(bus.core->names.n_entries, 1);
		}
		peer_deinit(&holder);
		peer_deinit(&activator);
		expect_eq(bus.core->names.n_entries, 0);
		expect_policy(&bus, 0);
		bus_deinit(&bus);
	}
}

/* 1.2 */
TEST(commands_of_an_activator)
{
	static const struct {
		unsigned long nr;
		size_t size;
		int error;
	} commands[] = {
		{KDBUS_CMD_BYEBYE, sizeof(struct kdbus_cmd), -EOPNOTSUPP},
		{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), -EOPNOTSUPP},
		{KDBUS_CMD_NAME_ACQUIRE, sizeof(struct kdbus_cmd), -EOPNOTSUPP},
		{KDBUS_CMD_NAME_RELEASE, sizeof(struct kdbus_cmd), -EOPNOTSUPP},
		{KDBUS_CMD_MATCH_ADD, sizeof(struct kdbus_cmd_match), -EOPNOTSUPP},
		{KDBUS_CMD_MATCH_REMOVE, sizeof(struct kdbus_cmd_match), -EOPNOTSUPP},
		{KDBUS_CMD_RECV, sizeof(struct kdbus_cmd_recv), -EAGAIN},
		{KDBUS_CMD_FREE, sizeof(struct kdbus_cmd_free), -ENXIO},
		{KDBUS_CMD_LIST, sizeof(struct kdbus_cmd_list), 0},
		{KDBUS_CMD_CONN_INFO, sizeof(struct kdbus_cmd_info), -EINVAL},
		{KDBUS_CMD_BUS_CREATOR_INFO, sizeof(struct kdbus_cmd_info), 0},
		{KDBUS_CMD_UPDATE, sizeof(struct kdbus_cmd), 0},
	};
	struct peer activator;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		cmd_init(&cmd, commands[i].size, 0);
		expect_eq(peer_command(&activator, commands[i].nr, &cmd), commands[i].error);
	}
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, KDBUS_ATTACH_CREDS);
	expect_eq(peer_command(&activator, KDBUS_CMD_UPDATE, &cmd), 0);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, KDBUS_ATTACH_CREDS);
	expect_eq(peer_command(&activator, KDBUS_CMD_UPDATE, &cmd), -EOPNOTSUPP);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, NAME);
	expect_eq(peer_command(&activator, KDBUS_CMD_UPDATE, &cmd), -EOPNOTSUPP);
	peer_deinit(&activator);
	bus_deinit(&bus);
}

static int update(struct peer *activator, const char *name, uint64_t access)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	if (name)
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	cmd_add_access(&cmd, WORLD, access, 0);
	return peer_command(activator, KDBUS_CMD_UPDATE, &cmd);
}

/* an addition to the ABI */
TEST(policy_of_an_activator_can_be_updated)
{
	struct peer activator, other;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init_activator(&activator, &bus, kind, NAME, WORLD, SEE, 0);
		peer_init_uid(&other, &bus, 65534);
		expect_eq(peer_send_name(&other, NAME, 1), -EPERM);
		expect_eq(update(&activator, NAME, TALK), 0);
		expect_eq(peer_send_name(&other, NAME, 2), 0);
		expect_eq(update(&activator, "x.z", OWN), -EINVAL);
		expect_eq(update(&activator, "x.*", OWN), -EINVAL);
		expect_eq(update(&activator, NULL, OWN), -EINVAL);
		expect_eq(update(&activator, NAME, 7), -EINVAL);
		expect_eq(peer_acquire(&other, NAME, 0, NULL), -EPERM);
		expect_eq(update(&activator, NAME, OWN), 0);
		expect_eq(peer_acquire(&other, NAME, 0, NULL), 0);
		expect_message(&other, other.id, 2);
		peer_deinit(&other);
		peer_deinit(&activator);
		bus_deinit(&bus);
	}
}

/* an addition to the ABI: at no moment is the wildcard seen */
TEST(entry_passes_between_holder_and_activator)
{
	struct peer holder, activator, wildcard, other, again;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init_holder(&wildcard, &bus, "x.*", WORLD, OWN, 0);
	peer_init_holder(&holder, &bus, NAME, WORLD, TALK, 0);
	peer_init_uid(&other, &bus, 65534);
	expect_eq(peer_acquire(&other, NAME, 0, NULL), -EPERM);
	peer_init_activator(&activator, &bus, 0, NAME, WORLD, TALK, 0);
	expect_policy(&bus, 2);
	expect_eq(peer_send_name(&other, NAME, 1), 0);
	expect_eq(peer_acquire(&other, NAME, 0, NULL), -EPERM);
	/* what is left of the holder has nothing that it could take along */
	peer_deinit(&holder);
	expect_policy(&bus, 2);
	expect_eq(peer_acquire(&other, NAME, 0, NULL), -EPERM);
	/* and back */
	peer_init_holder(&holder, &bus, NAME, WORLD, SEE, 0);
	expect_policy(&bus, 2);
	expect_eq(update(&activator, NAME, TALK), -EEXIST);
	peer_deinit(&activator);
	expect_policy(&bus, 2);
	expect_eq(peer_acquire(&other, NAME, 0, NULL), -EPERM);
	/* between two of a kind it stays where it is */
	{
		struct cmd hello;

		hello_init(&hello);
		hello.hello.flags = KDBUS_HELLO_POLICY_HOLDER;
		cmd_add_str(&hello, KDBUS_ITEM_NAME, NAME);
		expect_eq(peer_hello(&again, &bus, 0, &hello, NULL), -EEXIST);
	}
	peer_deinit(&other);
	peer_deinit(&holder);
	peer_deinit(&wildcard);
	expect_policy(&bus, 0);
	bus_deinit(&bus);
}

/* 6.4: holder of a name, or behind an owner; 4.9: flags */
TEST(activator_stands_in_for_an_owner)
{
	struct peer activator, owner, watcher;
	struct bus bus;
	uint64_t id;

	FOR_EACH_PAIR(kind, owner_kind) {
		bus_init(&bus, BUS_STRICT);
		peer_init(&watcher, &bus, owner_kind);
		peer_match_notifications(&watcher);
		peer_init(&owner, &bus, owner_kind);
		expect_id(&watcher, KDBUS_ITEM_ID_ADD, owner.id);

		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		expect_id(&watcher, KDBUS_ITEM_ID_ADD, activator.id);
		expect_name(&watcher, KDBUS_ITEM_NAME_ADD, NAME, 0, 0, activator.id, ACT);
		expect_eq(peer_acquire(&owner, NAME, 0, NULL), 0);
		expect_name(&watcher, KDBUS_ITEM_NAME_CHANGE, NAME, activator.id, ACT, owner.id,
			    PRIMARY);
		expect_eq(peer_release(&owner, NAME), 0);
		expect_name(&watcher, KDBUS_ITEM_NAME_CHANGE, NAME, owner.id, PRIMARY, activator.id,
			    ACT);
		id = activator.id;
		peer_deinit(&activator);
		expect_name(&watcher, KDBUS_ITEM_NAME_REMOVE, NAME, id, ACT, 0, 0);
		expect_id(&watcher, KDBUS_ITEM_ID_REMOVE, id);

		/* behind an owner it comes and goes silently */
		expect_eq(peer_acquire(&owner, NAME, 0, NULL), 0);
		expect_name(&watcher, KDBUS_ITEM_NAME_ADD, NAME, 0, 0, owner.id, PRIMARY);
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		expect_id(&watcher, KDBUS_ITEM_ID_ADD, activator.id);
		expect_str(peer_list(&watcher, KDBUS_LIST_ACTIVATORS), "5:x.y/18");
		expect_eq(activator.id, 5u);
		peer_deinit(&activator);
		expect_id(&watcher, KDBUS_ITEM_ID_REMOVE, 5);

		/* and is there when the owner goes */
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		expect_id(&watcher, KDBUS_ITEM_ID_ADD, activator.id);
		id = owner.id;
		peer_deinit(&owner);
		expect_name(&watcher, KDBUS_ITEM_NAME_CHANGE, NAME, id, PRIMARY, activator.id, ACT);
		expect_id(&watcher, KDBUS_ITEM_ID_REMOVE, id);
		expect_str(peer_list(&watcher, KDBUS_LIST_ACTIVATORS | KDBUS_LIST_NAMES),
			   "6:x.y/30");
		expect_nothing(&watcher);
		peer_deinit(&activator);
		peer_deinit(&watcher);
		bus_deinit(&bus);
	}
}

/* design of ids on a bus that is not strict */
TEST(activators_have_ids_of_their_own)
{
	struct peer activator, a, b;
	struct bus bus;

	bus_init(&bus, 0);
	peer_init(&a, &bus, 0);
	peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
	peer_init(&b, &bus, 0);
	expect_eq(b.id, a.id + 1);
	expect_ge(activator.id, KDBUS_SPECIAL_ID_BASE);
	peer_deinit(&b);
	peer_deinit(&activator);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* 6.3, 6.4: waiting owners come before the activator */
TEST(waiters_take_precedence)
{
	struct peer activator, a, b;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	expect_eq(peer_acquire(&a, NAME, KDBUS_NAME_QUEUE, NULL), 0);
	expect_eq(peer_acquire(&b, NAME, KDBUS_NAME_QUEUE, NULL), 0);
	expect_eq(peer_send_name(&b, NAME, 1), 0);
	expect_eq(peer_release(&a, NAME), 0);
	/* what the first owner got is not moved to another owner */
	expect_nothing(&b);
	expect_message(&a, b.id, 1);
	expect_eq(peer_send_name(&a, NAME, 2), 0);
	expect_message(&b, a.id, 2);
	expect_eq(peer_release(&b, NAME), 0);
	expect_eq(peer_send_name(&a, NAME, 3), 0);
	expect_message(&activator, a.id, 3);
	peer_deinit(&b);
	peer_deinit(&a);
	peer_deinit(&activator);
	bus_deinit(&bus);
}

/* 4.3 */
TEST(addressing_an_activator)
{
	struct send send = {.flags = KDBUS_MSG_NO_AUTO_START, .dst_name = NAME, .cookie = 1};
	struct peer activator, a;
	struct cmd cmd;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, BUS_STRICT);
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		peer_init(&a, &bus, 0);
		expect_eq(peer_send_to(&a, activator.id, 1, 0), -ENXIO);
		expect_eq(peer_send(&a, &send), -EADDRNOTAVAIL);
		send.dst_id = a.id;
		expect_eq(peer_send(&a, &send), -EREMCHG);
		send.dst_id = activator.id;
		expect_eq(peer_send(&a, &send), -EADDRNOTAVAIL);
		send.flags = 0;
		expect_eq(peer_send(&a, &send), 0);
		send.dst_id = 0;
		send.flags = KDBUS_MSG_NO_AUTO_START;

		/* 3.8: by name and by id */
		cmd_init(&cmd, sizeof(cmd.info), 0);
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, NAME);
		expect_eq(peer_command(&a, KDBUS_CMD_CONN_INFO, &cmd), 0);
		cmd_init(&cmd, sizeof(cmd.info), 0);
		cmd.info.id = activator.id;
		expect_eq(peer_command(&a, KDBUS_CMD_CONN_INFO, &cmd), 0);
		/* 6.5 */
		expect_eq(peer_release(&a, NAME), -EADDRINUSE);
		expect_message(&activator, a.id, 1);
		peer_deinit(&a);
		peer_deinit(&activator);
		bus_deinit(&bus);
	}
}

/* C16, and the order of the ABI and of D-Bus */
TEST(what_waits_passes_to_the_owner)
{
	struct peer activator, a, b;
	struct bus bus;

	for (unsigned strict = 0; strict < 2; strict++)
		FOR_EACH_PAIR(kind, owner_kind) {
			bus_init(&bus, strict ? BUS_STRICT : 0);
			peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
			peer_init(&a, &bus, owner_kind);
			peer_init(&b, &bus, owner_kind);
			peer_match_notifications(&b);
			for (unsigned i = 1; i <= 3; i++)
				expect_eq(peer_send_name(&a, NAME, i), 0);
			if (!kind)
				expect(is_readable(&activator));
			expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
			if (!strict)
				expect_name(&b, KDBUS_ITEM_NAME_CHANGE, NAME, activator.id, ACT,
					    b.id, PRIMARY);
			for (unsigned i = 1; i <= 3; i++) {
				struct got got = peer_get(&b);

				expect_eq(got.src_id, a.id);
				expect_eq(got.cookie, i);
				expect_eq(got.dst_id, 0u);
				expect_str(got.text, NAME);
			}
			peer_drain(&b);
			expect_nothing(&activator);
			if (!kind)
				expect(!is_readable(&activator));
			expect_eq(bus.n_lost, 0u);
			/* it is told of the next one, too */
			expect_eq(peer_release(&b, NAME), 0);
			expect_eq(peer_send_name(&a, NAME, 4), 0);
			if (!kind)
				expect(is_readable(&activator));
			expect_message(&activator, a.id, 4);
			peer_deinit(&b);
			peer_deinit(&a);
			peer_deinit(&activator);
			bus_deinit(&bus);
		}
}

/* C17 */
TEST(what_the_owner_did_not_read_passes_back)
{
	struct peer activator, a, b, c;
	struct bus bus;

	for (unsigned closes = 0; closes < 2; closes++)
		FOR_EACH_PAIR(kind, owner_kind) {
			bus_init(&bus, 0);
			peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
			peer_init(&a, &bus, owner_kind);
			peer_init(&b, &bus, owner_kind);
			peer_init(&c, &bus, 0);
			expect_eq(peer_send_name(&a, NAME, 1), 0);
			expect_eq(peer_send_name(&a, NAME, 2), 0);
			expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
			expect_eq(peer_acquire(&b, "x.z", 0, NULL), 0);
			expect_message(&b, a.id, 1);
			expect_eq(peer_send_name(&c, NAME, 3), 0);
			expect_eq(peer_send_to(&c, b.id, 4, 0), 0);
			expect_eq(peer_send_name(&c, "x.z", 5), 0);
			expect_eq(peer_send_name(&a, NAME, 6), 0);
			if (closes) {
				peer_deinit(&b);
			} else {
				expect_eq(peer_release(&b, NAME), 0);
				expect_message(&b, c.id, 4);
				expect_message(&b, c.id, 5);
				expect_nothing(&b);
				peer_deinit(&b);
			}
			expect_message(&activator, a.id, 2);
			expect_message(&activator, c.id, 3);
			expect_message(&activator, a.id, 6);
			expect_nothing(&activator);
			peer_deinit(&c);
			peer_deinit(&a);
			peer_deinit(&activator);
			bus_deinit(&bus);
		}
}

/* C18: whoever has the request answers it */
TEST(reply_comes_from_who_has_the_request)
{
	struct peer activator, a, b;
	struct bus bus;

	FOR_EACH_PAIR(kind, owner_kind) {
		bus_init(&bus, 0);
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		peer_init(&a, &bus, owner_kind);
		peer_init(&b, &bus, owner_kind);
		expect_eq(peer_call_name(&a, NAME, 7), 0);
		expect_eq(peer_call_name(&a, NAME, 8), 0);
		expect_eq(peer_call_name(&a, NAME, 9), 0);
		expect_eq(peer_reply(&b, a.id, 7), -EBADSLT);
		expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
		/* also before it has read it, as ever */
		expect_eq(peer_reply(&b, a.id, 7), 0);
		expect_eq(peer_get(&a).cookie_reply, 7u);
		expect_message(&b, a.id, 7);
		expect_message(&b, a.id, 8);
		/* who has read a call answers it, with the name or without */
		expect_eq(peer_release(&b, NAME), 0);
		expect_eq(peer_reply(&b, a.id, 9), -EBADSLT);
		expect_eq(peer_reply(&b, a.id, 8), 0);
		expect_eq(peer_get(&a).cookie_reply, 8u);
		/* it is nobody's fault but the activator's */
		peer_deinit(&b);
		expect_nothing(&a);
		peer_deinit(&activator);
		expect_reply_note(&a, KDBUS_ITEM_REPLY_DEAD, 9);
		expect_nothing(&a);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* 4.5 */
TEST(trackers_of_a_strict_bus_follow_the_name)
{
	struct peer activator, a, b;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	/* also if the activator has read the request */
	expect_eq(peer_call_name(&a, NAME, 7), 0);
	expect_message(&activator, a.id, 7);
	/* but not for what the new owner asked for itself */
	expect_eq(peer_call_name(&b, NAME, 8), 0);
	expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
	expect_eq(peer_reply(&b, a.id, 7), 0);
	expect_eq(peer_get(&a).cookie_reply, 7u);
	expect_message(&b, b.id, 8);
	expect_eq(peer_reply(&b, b.id, 8), -EBADSLT);
	/* nor for what was addressed by id */
	expect_eq(peer_call(&a, b.id, 9, 1ULL << 62), 0);
	expect_eq(peer_call_name(&a, NAME, 10), 0);
	expect_message(&b, a.id, 9);
	expect_message(&b, a.id, 10);
	expect_eq(peer_release(&b, NAME), 0);
	expect_eq(peer_reply(&b, a.id, 9), 0);
	expect_eq(peer_get(&a).cookie_reply, 9u);
	expect_eq(peer_reply(&b, a.id, 10), -EBADSLT);
	peer_deinit(&b);
	expect_nothing(&a);
	peer_deinit(&activator);
	expect_reply_note(&a, KDBUS_ITEM_REPLY_DEAD, 10);
	peer_deinit(&a);
	bus_deinit(&bus);
}

/* D-Bus: a service may have called itself before it was there */
TEST(owner_gets_its_own_calls)
{
	struct peer activator, b;
	struct bus bus;

	FOR_EACH_PAIR(kind, owner_kind) {
		bus_init(&bus, 0);
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		peer_init(&b, &bus, owner_kind);
		expect_eq(peer_call_name(&b, NAME, 8), 0);
		expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
		expect_message(&b, b.id, 8);
		expect_eq(peer_reply(&b, b.id, 8), 0);
		expect_eq(peer_get(&b).cookie_reply, 8u);
		/* a call to itself that goes down with it */
		expect_eq(peer_call_name(&b, NAME, 9), 0);
		peer_deinit(&b);
		expect_nothing(&activator);
		peer_deinit(&activator);
		bus_deinit(&bus);
	}
}

/* 3.13 */
TEST(activator_drops_a_request)
{
	struct peer activator, a;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
	peer_init(&a, &bus, 0);
	expect_eq(peer_call_name(&a, NAME, 7), 0);
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_DROP);
	expect_eq(peer_command(&activator, KDBUS_CMD_RECV, &cmd), 0);
	expect_reply_note(&a, KDBUS_ITEM_REPLY_DEAD, 7);
	expect(!is_readable(&activator));
	peer_deinit(&a);
	peer_deinit(&activator);
	bus_deinit(&bus);
}

/* 6.4: an activator that goes takes what waits with it */
TEST(activator_goes)
{
	struct peer activator, a, b;
	struct bus bus;

	FOR_EACH_PAIR(kind, owner_kind) {
		bus_init(&bus, 0);
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		peer_init(&a, &bus, owner_kind);
		peer_init(&b, &bus, owner_kind);
		expect_eq(peer_call_name(&a, NAME, 7), 0);
		expect_eq(peer_send_name(&a, NAME, 8), 0);
		peer_deinit(&activator);
		expect_reply_note(&a, KDBUS_ITEM_REPLY_DEAD, 7);
		expect_nothing(&a);
		expect_eq(peer_send_name(&a, NAME, 9), -ESRCH);
		expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
		expect_nothing(&b);
		peer_deinit(&b);
		peer_deinit(&a);
		bus_deinit(&bus);
	}
}

/* as dbus-daemon; the ABI keeps it */
TEST(message_of_a_sender_who_has_gone)
{
	struct peer activator, a, b;
	struct bus bus;
	uint64_t id;

	for (unsigned strict = 0; strict < 2; strict++)
		FOR_EACH_KIND(kind) {
			bus_init(&bus, strict ? BUS_STRICT : 0);
			peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
			peer_init(&a, &bus, kind);
			peer_init(&b, &bus, kind);
			expect_eq(peer_call_name(&a, NAME, 7), 0);
			id = a.id;
			peer_deinit(&a);
			expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
			if (strict)
				expect_message(&b, id, 7);
			expect_nothing(&b);
			expect_eq(bus.n_lost, 0u);
			peer_deinit(&b);
			peer_deinit(&activator);
			bus_deinit(&bus);
		}
}

/* C47; D-Bus starts services for signals as well */
TEST(signals_to_an_activator)
{
	struct send send = {.flags = KDBUS_MSG_SIGNAL, .dst_name = NAME, .cookie = 5};
	struct peer activator, a, b, monitor;
	struct cmd hello;
	struct bus bus;

	for (unsigned strict = 0; strict < 2; strict++)
		FOR_EACH_KIND(kind) {
			bus_init(&bus, strict ? BUS_STRICT : 0);
			hello_init(&hello);
			hello.hello.flags = KDBUS_HELLO_MONITOR;
			expect_eq(peer_hello(&monitor, &bus, 0, &hello, NULL), 0);
			peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
			peer_init(&a, &bus, 0);
			peer_init(&b, &bus, kind ? PEER_DIRECT | PEER_INDEXED : 0);
			peer_drain(&monitor);
			expect_eq(peer_send(&a, &send), 0);
			expect_message(&monitor, a.id, 5);
			expect_eq(activator.conn ? activator.conn->queue.n_entries
						 : is_readable(&activator),
				  !strict);
			expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
			/* who is not indexed wants what it has matches for, and that is gone by */
			if (!strict && kind)
				while (peer_get(&b).cookie != 5)
					;
			else if (!kind)
				expect_nothing(&b);
			expect_nothing(&activator);
			expect_eq(bus.n_lost, 0u);
			peer_deinit(&b);
			peer_deinit(&a);
			peer_deinit(&activator);
			peer_deinit(&monitor);
			bus_deinit(&bus);
		}
}

/* all there is to a message, from every kind of sender over every kind of activator to every
 * kind of owner, and back */
TEST(message_arrives_as_it_was_sent)
{
	static const char text[] = "some text of no particular length";
	struct peer activator, a, b;
	struct bus bus;
	int fds[2];

	for (unsigned sender = 0; sender < 2; sender++)
		FOR_EACH_PAIR(kind, owner_kind) {
			struct send send = {
				.flags = KDBUS_MSG_EXPECT_REPLY,
				.dst_name = NAME,
				.cookie = 77,
				.cookie_reply = 1ULL << 62,
				.priority = 5,
				.data = text,
				.size = sizeof(text),
			};

			for (unsigned n_fds = 0; n_fds <= 2; n_fds++) {
				struct got got;

				bus_init(&bus, 0);
				peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
				peer_init(&a, &bus, sender ? PEER_DIRECT : 0);
				peer_init(&b, &bus, owner_kind);
				fds[0] = fds[1] = STDIN_FILENO;
				send.fds = fds;
				send.n_fds = n_fds;
				expect_eq(peer_send(&a, &send), 0);
				/* there, back, and there again */
				expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
				expect_eq(peer_release(&b, NAME), 0);
				expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
				got = peer_get(&b);
				expect_eq(got.src_id, a.id);
				expect_eq(got.dst_id, 0u);
				expect_eq(got.flags, KDBUS_MSG_EXPECT_REPLY);
				expect_eq(got.cookie, 77u);
				expect_eq(got.size, sizeof(text));
				expect_str(got.text, text);
				expect_eq(got.n_fds, n_fds);
				for (unsigned i = 0; i < n_fds; i++) {
					expect_ge(got.fds[i], 0);
					close(got.fds[i]);
				}
				expect_nothing(&b);
				expect_eq(bus.n_lost, 0u);
				expect_eq(peer_reply(&b, a.id, 77), 0);
				peer_deinit(&b);
				peer_deinit(&a);
				peer_deinit(&activator);
				bus_deinit(&bus);
			}
		}
}

/* what waits and may not be received is no loss of who may not */
TEST(host_may_refuse_what_waits)
{
	struct peer activator, a, b;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		peer_init(&a, &bus, kind);
		peer_init(&b, &bus, kind);
		expect_eq(peer_call_name(&a, NAME, 7), 0);
		expect_eq(peer_send_name(&a, NAME, 8), 0);
		bus.refuses = -EACCES;
		expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
		expect_reply_note(&a, KDBUS_ITEM_REPLY_DEAD, 7);
		expect_nothing(&a);
		expect_nothing(&b);
		expect_eq(bus.n_lost, 0u);
		peer_deinit(&b);
		peer_deinit(&a);
		peer_deinit(&activator);
		bus_deinit(&bus);
	}
}

/* parts that are not in the image: zeros and memory files */
TEST(parts_of_a_payload_pass_on)
{
	struct peer activator, a, b;
	struct bus bus;

	FOR_EACH_PAIR(kind, owner_kind) {
		static const char head[] = "head", tail[] = "tail";
		struct kdbus_vec parts[3] = {
			{.size = 4, .address = (uintptr_t)head},
			{.size = 21},
			{.size = 4, .address = (uintptr_t)tail},
		};
		struct send send = {.dst_name = NAME, .cookie = 3};
		struct cmd msg;
		struct got got;

		bus_init(&bus, 0);
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		peer_init(&a, &bus, 0);
		peer_init(&b, &bus, owner_kind);
		msg_init(&msg, &send);
		for (unsigned i = 0; i < 3; i++)
			cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &parts[i], sizeof(parts[i]));
		expect_eq(peer_send_msg(&a, &msg), 0);
		expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
		got = peer_get(&b);
		expect_eq(got.cookie, 3u);
		expect_eq(got.size, 29u);
		expect(!memcmp(got.text, head, 4));
		expect(!memcmp(got.text + 25, tail, 4));
		peer_deinit(&b);
		peer_deinit(&a);
		peer_deinit(&activator);
		bus_deinit(&bus);
	}
}

/* 6.4: what does not fit is the new owner's loss; not strict, somebody learns of it */
TEST(descriptors_for_an_owner_who_takes_none)
{
	int fd = STDIN_FILENO;
	struct send send = {
		.flags = KDBUS_MSG_EXPECT_REPLY,
		.dst_name = NAME,
		.cookie = 3,
		.cookie_reply = 1ULL << 62,
		.fds = &fd,
		.n_fds = 1,
	};
	struct peer activator, a, b;
	struct got got;
	struct bus bus;

	for (unsigned strict = 0; strict < 2; strict++)
		FOR_EACH_KIND(kind) {
			bus_init(&bus, strict ? BUS_STRICT : 0);
			peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
			peer_init(&a, &bus, kind);
			peer_init(&b, &bus, kind | PEER_NO_FDS);
			expect_eq(peer_send(&a, &send), 0);
			expect_eq(peer_send_name(&a, NAME, 4), 0);
			expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
			if (strict)
				expect_nothing(&a);
			else
				expect_reply_note(&a, KDBUS_ITEM_REPLY_DEAD, 3);
			expect_eq(peer_recv(&b, &got), 0);
			expect_eq(got.cookie, 4u);
			if (kind)
				expect_eq(bus.n_lost, 1u);
			else
				expect_eq(got.dropped, 1u);
			/* strict, it is for the new owner to answer, if only it knew */
			expect_eq(peer_reply(&b, a.id, 3), strict ? 0 : -EBADSLT);
			peer_deinit(&b);
			peer_deinit(&a);
			peer_deinit(&activator);
			bus_deinit(&bus);
		}
}

/* 4.7: the quota is looked at again; what was moved is charged there and no longer here */
TEST(quota_is_checked_again)
{
	struct peer activator, a, b, c;
	struct bus bus;

	FOR_EACH_PAIR(kind, owner_kind) {
		bus_init(&bus, 0);
		kdbus_embedded_domain(bus.embedded)->limits.n_msgs_user = 4;
		peer_init_activator(&activator, &bus, kind, NAME, 0, 0, 0);
		peer_init(&a, &bus, owner_kind);
		peer_init(&b, &bus, owner_kind);
		peer_init(&c, &bus, owner_kind);
		for (unsigned i = 1; i <= 4; i++)
			expect_eq(peer_send_name(&a, NAME, i), 0);
		expect_eq(peer_send_name(&a, NAME, 5), -ENOBUFS);
		for (unsigned i = 11; i <= 13; i++)
			expect_eq(peer_send_to(&c, b.id, i, 0), 0);
		expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
		for (unsigned i = 11; i <= 13; i++)
			expect_message(&b, c.id, i);
		expect_message(&b, a.id, 1);
		expect_nothing(&b);
		expect_eq(peer_release(&b, NAME), 0);
		for (unsigned i = 21; i <= 24; i++)
			expect_eq(peer_send_name(&a, NAME, i), 0);
		expect_eq(peer_send_name(&a, NAME, 25), -ENOBUFS);
		peer_drain(&activator);
		peer_deinit(&c);
		peer_deinit(&b);
		peer_deinit(&a);
		peer_deinit(&activator);
		bus_deinit(&bus);
	}
}

/* 10.4: what the peer was told of stays its own */
TEST(peeked_message_is_moved)
{
	struct peer activator, a, b;
	struct cmd cmd;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
	peer_init(&a, &bus, 0);
	peer_init(&b, &bus, 0);
	expect_eq(peer_send_name(&a, NAME, 1), 0);
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_PEEK);
	expect_eq(peer_command(&activator, KDBUS_CMD_RECV, &cmd), 0);
	expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
	expect_message(&b, a.id, 1);
	expect_eq(peer_free(&activator, cmd.recv.msg.offset), 0);
	expect_eq(peer_free(&activator, cmd.recv.msg.offset), -ENXIO);
	peer_deinit(&b);
	peer_deinit(&a);
	peer_deinit(&activator);
	bus_deinit(&bus);
}

/* 11.13, part one */
TEST(quota_of_an_activator)
{
	struct peer activator, conn, sender, other;
	static const uint8_t data[20000];
	unsigned n_sent, n_filled, n_left;
	struct got got;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	peer_init_activator(&activator, &bus, 0, NAME, USER, OWN, geteuid());
	peer_init(&conn, &bus, 0);
	peer_init(&sender, &bus, 0);
	peer_init(&other, &bus, 0);
	for (n_sent = 0; peer_send(&sender, &(struct send){.dst_name = NAME,
						     .cookie = n_sent + 1,
						     .data = data,
						     .size = 20000}) == 0;)
		n_sent++;
	expect_gt(n_sent, 0u);
	expect_lt(n_sent, 256u);
	expect_eq(peer_send_to(&other, activator.id, 1, 0), -ENXIO);
	expect_eq(peer_send(&other, &(struct send){.dst_name = NAME, .data = data, .size = 20000}),
		  -ENOBUFS);
	expect_eq(peer_broadcast(&sender, 1), 0);
	expect_eq(peer_recv(&activator, &got), 0);
	expect_eq(got.dropped, 0u);
	n_sent--;
	for (n_filled = 0; peer_send_to(&sender, conn.id, n_filled, 20000) == 0;)
		n_filled++;
	expect_eq(peer_recv(&conn, &got), 0);
	expect_eq(got.dropped, 0u);
	n_filled--;
	expect_eq(peer_acquire(&conn, NAME, KDBUS_NAME_REPLACE_EXISTING, NULL), 0);
	expect_eq(peer_recv(&conn, &got), 0);
	expect_gt(got.dropped, 0u);
	expect_lt(got.dropped, n_sent);
	expect_eq(peer_release(&conn, NAME), 0);
	expect_eq(peer_recv(&activator, &got), 0);
	expect_eq(got.src_id, sender.id);
	peer_drain(&conn);
	n_left = 0;
	for (unsigned i = 0; i < 256; i++)
		expect_eq(peer_send_to(&sender, conn.id, i, 0), 0);
	expect_eq(peer_send_to(&sender, conn.id, 256, 0), -ENOBUFS);
	/* as many as are left at the activator are lost */
	expect_eq(peer_send_name(&sender, NAME, 1), 0);
	expect_eq(peer_send_name(&sender, NAME, 2), 0);
	n_left += 2;
	expect_eq(peer_acquire(&conn, NAME, 0, NULL), 0);
	expect_eq(peer_recv(&conn, &got), 0);
	expect_eq(got.dropped, n_left);
	peer_deinit(&other);
	peer_deinit(&sender);
	peer_deinit(&conn);
	peer_deinit(&activator);
	bus_deinit(&bus);
}

/* 11.27 */
TEST(scenario_of_the_selftest)
{
	const struct kdbus_embedded_cred unpriv_cred = cred_of(65534), other_cred = cred_of(65533);
	struct peer activator, env, service, client, unpriv, holder;
	struct cmd hello;
	struct bus bus;

	bus_init(&bus, BUS_STRICT);
	activator_hello_init(&hello, "foo.test.activator");
	cmd_add_access(&hello, USER, OWN, geteuid());
	cmd_add_access(&hello, WORLD, TALK, 0);
	expect_eq(peer_hello(&activator, &bus, 0, &hello, NULL), 0);
	peer_init(&env, &bus, 0);
	expect_eq(peer_send_name(&env, "foo.test.activator", 0xdeafbeef), 0);
	expect(is_readable(&activator));
	expect_eq(peer_acquire(&env, "foo.test.activator", KDBUS_NAME_REPLACE_EXISTING, NULL), 0);
	expect(is_readable(&env));
	expect_message(&env, env.id, 0xdeafbeef);
	peer_deinit(&activator);

	/* whoever is not the user may neither own nor talk */
	activator_hello_init(&hello, "foo.priv.activator");
	cmd_add_access(&hello, USER, OWN, 65533);
	cmd_add_access(&hello, USER, TALK, 65533);
	expect_eq(peer_hello(&activator, &bus, 0, &hello, NULL), 0);
	hello_init(&hello);
	expect_eq(peer_hello(&service, &bus, 0, &hello, &other_cred), 0);
	hello_init(&hello);
	expect_eq(peer_hello(&client, &bus, 0, &hello, &other_cred), 0);
	hello_init(&hello);
	expect_eq(peer_hello(&unpriv, &bus, 0, &hello, &unpriv_cred), 0);
	expect_eq(peer_send_to(&unpriv, activator.id, 1, 0), -ENXIO);
	expect_eq(peer_send_name(&unpriv, "foo.priv.activator", 1), -EPERM);
	expect(!is_readable(&activator));
	expect_eq(peer_send_name(&service, "foo.priv.activator", 2), 0);
	expect(is_readable(&activator));
	expect_eq(peer_acquire(&unpriv, "foo.priv.activator", KDBUS_NAME_REPLACE_EXISTING, NULL),
		  -EPERM);
	expect_eq(peer_acquire(&service, "foo.priv.activator", KDBUS_NAME_REPLACE_EXISTING, NULL),
		  0);
	expect_message(&service, service.id, 2);
	expect_eq(peer_send_name(&unpriv, "foo.priv.activator", 3), -EPERM);
	expect_eq(peer_send_name(&client, "foo.priv.activator", 4), 0);
	expect_message(&service, client.id, 4);
	peer_deinit(&activator);
	expect_eq(peer_send_name(&unpriv, "foo.priv.activator", 5), -EPERM);
	expect_eq(peer_send_name(&client, "foo.priv.activator", 6), 0);
	expect_message(&service, client.id, 6);
	peer_init_holder(&holder, &bus, "foo.priv.activator", WORLD, TALK, 0);
	expect_eq(peer_send_name(&unpriv, "foo.priv.activator", 7), 0);
	expect_message(&service, unpriv.id, 7);
	expect_eq(peer_acquire(&unpriv, "foo.priv.activator", KDBUS_NAME_REPLACE_EXISTING, NULL),
		  -EPERM);
	peer_deinit(&holder);
	peer_deinit(&unpriv);
	peer_deinit(&client);
	peer_deinit(&service);
	peer_deinit(&env);
	bus_deinit(&bus);
}

/* the bus and an endpoint may go while things wait */
TEST(bus_goes_while_messages_wait)
{
	struct peer activator, a, b;
	struct bus bus;

	FOR_EACH_KIND(kind) {
		bus_init(&bus, 0);
		peer_init(&b, &bus, 0);
		peer_init_activator(&activator, &bus, 0, NAME, 0, 0, 0);
		peer_init(&a, &bus, 0);
		if (kind)
			expect_eq(peer_acquire(&b, NAME, 0, NULL), 0);
		expect_eq(peer_call_name(&a, NAME, 1), 0);
		bus.owner = kdbus_embedded_close(bus.owner);
		expect_eq(peer_recv(&a, &(struct got){}), -ECONNRESET);
		peer_deinit(&b);
		peer_deinit(&a);
		peer_deinit(&activator);
		bus_deinit(&bus);
	}
}
