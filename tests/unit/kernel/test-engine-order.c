/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The seam: an answer has its place among the news, also while somebody else changes names
 *
 * That one is a child, which joins the bus and takes and gives up a name as fast as it can, but
 * not so often that the news are more than a queue holds.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "tests/unit/kernel/engine-util.h"

#define NAME "org.example.Name"

/* as often as the other may take the name without being looked at */
#define N_AHEAD 20

/**
 * struct view - what a peer knows of the name
 * @peer: who
 * @position: of what was received last
 * @owner: by the news until then; 0: nobody
 * @n_changes: how often the other was seen to take it; shared with the other
 */
struct view {
	struct peer *peer;
	uint64_t position;
	uint64_t owner;
	volatile unsigned *n_changes;
};

static void view_open(struct view *view, struct bus *bus)
{
	*view = (struct view){.peer = bus_connect(bus, 0)};
	peer_want(view->peer, WANT_NAMES);
	view->n_changes = mmap(NULL, sizeof(unsigned), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(view->n_changes != MAP_FAILED);
}

/* receives all up to @position */
static void view_until(struct view *view, uint64_t position)
{
	struct engine_received received;

	/* the queue has room for all: what is lost cannot be in order */
	expect_eq(view->peer->n_lost, 0u);
	while (view->position < position) {
		expect_eq(engine_recv(view->peer->conn, &received), 0);
		expect_eq(received.position, view->position + 1);
		view->position = received.position;
		if (received.src_id == KDBUS_SRC_ID_KERNEL && received.notification.name) {
			expect_eq(received.notification.old_id, view->owner);
			view->owner = received.notification.new_id;
			*view->n_changes += view->owner && view->owner != view->peer->id;
		}
		engine_received_release(&received);
	}
}

static pid_t start_other(struct bus *bus, const struct view *view, uint64_t flags)
{
	pid_t pid = fork();

	expect_ge(pid, 0);
	if (!pid) {
		const struct engine_options options = {0};
		static struct bus joined;
		struct peer *peer;
		char address[128];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(address, sizeof(address), "%s/%u-test/bus", bus->address, geteuid());
		if (engine_open(address, &options, &joined.engine) < 0)
			_exit(1);
		peer = bus_connect(&joined, 0);
		for (unsigned n = 0;; n++) {
			struct engine_received received;

			while (n > *view->n_changes + N_AHEAD)
				usleep(100);
			peer_acquire(peer, NAME, flags, NULL);
			peer_release(peer, NAME);
			while (engine_recv(peer->conn, &received) == 0)
				engine_received_release(&received);
		}
	}
	return pid;
}

static void stop_other(pid_t pid)
{
	int status;

	expect_eq(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	expect_eq(waitpid(pid, &status, 0), pid);
}

/* the owner, or 0 */
static uint64_t ask_owner(struct peer *peer)
{
	const struct kdbus_info *info;
	uint64_t buffer[16], id = 0;
	struct kdbus_cmd_info *cmd = (void *)buffer;
	struct engine_items items;

	engine_items_init(&items, cmd, sizeof(*cmd), sizeof(buffer));
	expect(engine_items_add(&items, KDBUS_ITEM_NAME, NAME, sizeof(NAME)) != NULL);
	if (engine_command(peer->conn, KDBUS_CMD_CONN_INFO, cmd) < 0)
		return 0;
	info = engine_slice(peer->conn, cmd->offset);
	id = info->id;
	engine_slice_free(peer->conn, cmd->offset);
	return id;
}

TEST_TIMEOUT(what_is_asked_agrees_with_the_news, 60)
{
	static struct bus bus;
	struct view view;
	pid_t other;

	bus_open(&bus, "remote", NULL);
	view_open(&view, &bus);
	other = start_other(&bus, &view, 0);
	for (int i = 0; i < 200 || *view.n_changes < 50; i++) {
		uint64_t owner;

		engine_conn_begin(view.peer->conn);
		owner = ask_owner(view.peer);
		view_until(&view, engine_conn_answer_position(view.peer->conn));
		expect_eq(view.owner, owner);
	}
	stop_other(other);
	bus_close(&bus);
}

TEST_TIMEOUT(who_takes_a_name_has_it_when_that_is_answered, 60)
{
	const uint64_t flags = KDBUS_NAME_ALLOW_REPLACEMENT | KDBUS_NAME_REPLACE_EXISTING;
	static struct bus bus;
	struct view view;
	pid_t other;

	bus_open(&bus, "remote", NULL);
	view_open(&view, &bus);
	other = start_other(&bus, &view, flags);
	for (int i = 0; i < 500; i++) {
		int r;

		engine_conn_begin(view.peer->conn);
		r = peer_acquire(view.peer, NAME, flags, NULL);
		view_until(&view, engine_conn_answer_position(view.peer->conn));
		if (!r)
			expect_eq(view.owner, view.peer->id);
		engine_conn_begin(view.peer->conn);
		r = peer_release(view.peer, NAME);
		view_until(&view, engine_conn_answer_position(view.peer->conn));
		if (!r)
			expect_ne(view.owner, view.peer->id);
	}
	stop_other(other);
	bus_close(&bus);
}
