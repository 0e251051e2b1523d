/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Synchronous calls: reference 3.12 and 4.6
 *
 * Most calls here wait without blocking, as a server does that has others to serve.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "kernel/core/call.h"
#include "kernel/embedded/shim/shim-alloc.h"
#include "tests/unit/kernel/kdbus-util.h"

#define FOREVER (1ULL << 62)

/**
 * struct sync - a call under way
 * @waiter: what the core knows of it
 * @n_wakes: how often it was woken
 * @call: while it waits
 * @cmd, @msg: what was sent
 */
struct sync {
	struct embedded_waiter waiter;
	unsigned n_wakes;
	struct kdbus_call *call;
	struct cmd cmd;
	struct cmd msg;
};

static void sync_wake(struct embedded_waiter *waiter)
{
	container_of(waiter, struct sync, waiter)->n_wakes++;
}

static void sync_init(struct sync *sync, const struct send *send)
{
	*sync = (struct sync){.waiter.wake = sync_wake};
	msg_init(&sync->msg, send);
	cmd_init(&sync->cmd, sizeof(sync->cmd.send), KDBUS_SEND_SYNC_REPLY);
	sync->cmd.send.msg_address = (uintptr_t)&sync->msg;
	sync->cmd.send.reply.offset = 1234;
}

static int sync_start(struct sync *sync, struct peer *peer)
{
	int r;

	r = embedded_start_at(peer->handle, KDBUS_CMD_SEND, (uintptr_t)&sync->cmd, &sync->waiter,
			      &sync->call);
	expect(r != 0);
	if (r < 0)
		expect_eq(sync->cmd.send.reply.offset, 1234);
	return r;
}

static int sync_end(struct sync *sync, struct peer *peer, int error)
{
	int r = embedded_end(peer->handle, sync->call, error);

	if (r < 0)
		expect_eq(sync->cmd.send.reply.offset, 1234);
	return r;
}

/* a call from @a to an id, that waits */
static void call(struct sync *sync, struct peer *a, uint64_t dst_id, uint64_t cookie)
{
	sync_init(sync, &(struct send){
				.flags = KDBUS_MSG_EXPECT_REPLY,
				.dst_id = dst_id,
				.cookie = cookie,
				.cookie_reply = FOREVER,
			});
	expect_eq(sync_start(sync, a), KDBUS_CALL_WAITS);
	expect_eq(sync->n_wakes, 0u);
}

/* it is over; what came is looked at and freed */
static void expect_answer(struct sync *sync, struct peer *a, const struct peer *from,
			  const char *text)
{
	const struct kdbus_msg_info *info = &sync->cmd.send.reply;
	const struct kdbus_msg *msg;
	const struct kdbus_item *item;

	expect_eq(sync->n_wakes, 1u);
	expect_eq(sync_end(sync, a, 0), 0);
	expect_eq(sync->cmd.send.return_flags, 0u);
	expect_eq(info->return_flags, 0u);
	msg = (const void *)(a->pool + info->offset);
	expect_ge(info->msg_size, msg->size);
	expect_eq(msg->src_id, from->id);
	item = msg->items;
	if (text) {
		expect_eq(item->type, KDBUS_ITEM_PAYLOAD_OFF);
		expect_eq(item->vec.size, strlen(text));
		expect(!memcmp((const char *)msg + item->vec.offset, text, strlen(text)));
	}
	expect_eq(peer_free(a, info->offset), 0);
	expect_eq(peer_free(a, info->offset), -ENXIO);
}

struct scene {
	struct bus bus;
	struct peer a, b;
};

static void scene_init(struct scene *s, unsigned replier_kind)
{
	bus_init(&s->bus, BUS_STRICT);
	peer_init(&s->a, &s->bus, 0);
	peer_init(&s->b, &s->bus, replier_kind);
}

static void scene_deinit(struct scene *s)
{
	struct kdbus_conn *conn = s->a.handle ? embedded_handle_conn(s->a.handle) : NULL;

	/* nothing is left that counts; with one who has gone, nobody counts any more */
	if (conn) {
		expect_eq(conn->queue.memory, 0u);
		if (conn->is_connected)
			expect_eq(conn->n_requests, 0u);
	}
	peer_deinit(&s->b);
	peer_deinit(&s->a);
	expect(RB_EMPTY_ROOT(&s->bus.core->deadlines.rb_root));
	bus_deinit(&s->bus);
	expect_eq(shim_alloc_count(), 0);
}

static int reply_text(struct peer *b, struct peer *a, uint64_t cookie, const char *text)
{
	return peer_send(b, &(struct send){
				    .dst_id = a->id,
				    .cookie = 99,
				    .cookie_reply = cookie,
				    .data = text,
				    .size = strlen(text),
			    });
}

/* 3.12 rows 2 to 13 */
TEST(arguments_of_a_call)
{
	const struct send send = {
		.flags = KDBUS_MSG_EXPECT_REPLY, .dst_id = 2, .cookie = 1, .cookie_reply = FOREVER};
	int path_fd = open("/", O_PATH | O_CLOEXEC), dir_fd = open("/", O_RDONLY | O_CLOEXEC);
	int event_fd = eventfd(0, EFD_CLOEXEC);
	const struct {
		int fd, error;
	} cancels[] = {{1000, -EBADF}, {-1, -EBADF}, {path_fd, -EBADF}, {dir_fd, -EINVAL}};
	struct sync sync;
	struct scene s;

	scene_init(&s, 0);
	sync_init(&sync, &(struct send){.dst_id = s.b.id, .cookie = 1});
	expect_eq(sync_start(&sync, &s.a), -EINVAL);
	sync_init(&sync, &send);
	sync.cmd.send.flags = 2;
	expect_eq(sync_start(&sync, &s.a), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(cancels); i++) {
		sync_init(&sync, &send);
		cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &cancels[i].fd, sizeof(int));
		/* before it is seen that the sender is wrong */
		sync.msg.msg.src_id = 77;
		expect_eq(sync_start(&sync, &s.a), cancels[i].error);
		/* as in a SEND that does not wait */
		sync.cmd.send.flags = 0;
		expect_eq(sync_start(&sync, &s.a), cancels[i].error);
	}
	sync_init(&sync, &send);
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &event_fd, sizeof(int));
	sync.msg.msg.src_id = 77;
	expect_eq(sync_start(&sync, &s.a), -EINVAL);
	sync_init(&sync, &send);
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &event_fd, sizeof(int));
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &event_fd, sizeof(int));
	expect_eq(sync_start(&sync, &s.a), -EINVAL);
	sync_init(&sync, &send);
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &(int[]){event_fd, event_fd}, 2 * sizeof(int));
	expect_eq(sync_start(&sync, &s.a), -EINVAL);
	expect_nothing(&s.b);

	/* one that is not needed does not harm */
	sync_init(&sync, &(struct send){.dst_id = s.b.id, .cookie = 5});
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &event_fd, sizeof(int));
	sync.cmd.send.flags = 0;
	expect_eq(peer_command(&s.a, KDBUS_CMD_SEND, &sync.cmd), 0);
	expect_eq(sync.cmd.send.reply.offset, s.a.pool_size);
	expect_message(&s.b, s.a.id, 5);

	/* who cannot wait */
	sync_init(&sync, &send);
	expect_eq(embedded_command_at(s.a.handle, KDBUS_CMD_SEND, (uintptr_t)&sync.cmd),
		  -EOPNOTSUPP);
	expect_nothing(&s.b);
	close(event_fd);
	close(dir_fd);
	close(path_fd);
	scene_deinit(&s);
}

/* 11.17, plain; 4.6: the reply is not for RECV */
TEST(reply_ends_the_call)
{
	struct sync sync;
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, kind);
		call(&sync, &s.a, s.b.id, 7);
		expect_message(&s.b, s.a.id, 7);
		expect_eq(reply_text(&s.b, &s.a, 8, "wrong"), -EBADSLT);
		expect_eq(sync.n_wakes, 0u);
		expect_eq(reply_text(&s.b, &s.a, 7, "reply"), 0);
		expect_eq(kdbus_embedded_poll(s.a.handle) & POLLIN, 0);
		expect_nothing(&s.a);
		expect_eq(reply_text(&s.b, &s.a, 7, "again"), -EBADSLT);
		expect_answer(&sync, &s.a, &s.b, "reply");

		/* before the request was received */
		call(&sync, &s.a, s.b.id, 7);
		expect_eq(reply_text(&s.b, &s.a, 7, "soon"), 0);
		expect_answer(&sync, &s.a, &s.b, "soon");
		expect_message(&s.b, s.a.id, 7);
		scene_deinit(&s);
	}
}

/* C44 */
TEST(other_messages_are_received_meanwhile)
{
	struct sync first, second;
	struct scene s;

	scene_init(&s, 0);
	call(&first, &s.a, s.b.id, 1);
	call(&second, &s.a, s.b.id, 2);
	expect_eq(peer_send_to(&s.b, s.a.id, 50, 0), 0);
	expect_message(&s.a, s.b.id, 50);
	expect_eq(peer_call(&s.a, s.b.id, 3, FOREVER), 0);
	expect_eq(peer_drain(&s.b), 3u);
	expect_eq(reply_text(&s.b, &s.a, 2, "two"), 0);
	expect_eq(first.n_wakes, 0u);
	expect_answer(&second, &s.a, &s.b, "two");
	expect_eq(reply_text(&s.b, &s.a, 3, "three"), 0);
	expect_eq(peer_get(&s.a).cookie_reply, 3u);
	expect_eq(reply_text(&s.b, &s.a, 1, "one"), 0);
	expect_answer(&first, &s.a, &s.b, "one");
	scene_deinit(&s);
}

/* C11, 11.16 */
TEST(nobody_will_answer)
{
	struct sync sync;
	struct scene s;
	struct cmd cmd;

	/* dropped */
	scene_init(&s, 0);
	call(&sync, &s.a, s.b.id, 7);
	cmd_init(&cmd, sizeof(cmd.recv), KDBUS_RECV_DROP);
	expect_eq(peer_command(&s.b, KDBUS_CMD_RECV, &cmd), 0);
	expect_eq(sync.n_wakes, 1u);
	expect_nothing(&s.a);
	expect_eq(sync_end(&sync, &s.a, 0), -EPIPE);
	/* the replier goes, with the request and without */
	for (unsigned is_read = 0; is_read < 2; is_read++) {
		call(&sync, &s.a, s.b.id, 7);
		if (is_read)
			expect_message(&s.b, s.a.id, 7);
		peer_deinit(&s.b);
		expect_eq(sync.n_wakes, 1u);
		expect_nothing(&s.a);
		expect_eq(sync_end(&sync, &s.a, 0), -EPIPE);
		peer_init(&s.b, &s.bus, 0);
	}
	/* whoever is there no more */
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = 999,
					.cookie = 1,
					.cookie_reply = FOREVER});
	expect_eq(sync_start(&sync, &s.a), -ENXIO);
	scene_deinit(&s);
}

/* 11.16, 10.3 */
TEST(caller_itself_goes)
{
	struct sync sync, answered;
	struct scene s;

	scene_init(&s, 0);
	call(&sync, &s.a, s.b.id, 7);
	call(&answered, &s.a, s.b.id, 8);
	expect_message(&s.b, s.a.id, 7);
	expect_eq(reply_text(&s.b, &s.a, 8, "too soon"), 0);
	expect_eq(peer_byebye(&s.a), 0);
	expect_eq(sync.n_wakes, 1u);
	expect_eq(sync_end(&sync, &s.a, 0), -ECONNRESET);
	/* even if the reply was there */
	expect_eq(sync_end(&answered, &s.a, 0), -ECONNRESET);
	expect_eq(reply_text(&s.b, &s.a, 7, "late"), -ENXIO);
	expect_message(&s.b, s.a.id, 8);
	scene_deinit(&s);
}

/* C12 */
TEST(deadline_of_a_call)
{
	struct sync sync;
	struct scene s;

	scene_init(&s, 0);
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = s.b.id,
					.cookie = 1,
					.cookie_reply = 1});
	expect_eq(sync_start(&sync, &s.a), -ETIMEDOUT);
	/* before it is seen that there is nobody */
	sync.msg.msg.dst_id = 999;
	expect_eq(sync_start(&sync, &s.a), -ETIMEDOUT);
	expect_nothing(&s.b);

	/* the bus watches it, or the one who waits */
	for (unsigned who = 0; who < 2; who++) {
		sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
						.dst_id = s.b.id,
						.cookie = 1,
						.cookie_reply = FOREVER / 2});
		expect_eq(sync_start(&sync, &s.a), KDBUS_CALL_WAITS);
		expect_eq(sync.call->deadline_ns, FOREVER / 2);
		expect_eq(s.bus.deadline, FOREVER / 2);
		if (!who) {
			kdbus_embedded_expire(s.bus.embedded, FOREVER / 2);
			expect_eq(sync.n_wakes, 1u);
		}
		expect_eq(sync_end(&sync, &s.a, who ? -ETIMEDOUT : 0), -ETIMEDOUT);
		expect_eq(s.bus.deadline, UINT64_MAX);
		expect_nothing(&s.a);
		expect_message(&s.b, s.a.id, 1);
		expect_eq(reply_text(&s.b, &s.a, 1, "late"), -EBADSLT);
	}
	scene_deinit(&s);
}

/* C48 */
TEST(cancelled_call)
{
	int event_fd = eventfd(0, EFD_CLOEXEC);
	struct sync sync;
	struct scene s;

	scene_init(&s, 0);
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = s.b.id,
					.cookie = 1,
					.cookie_reply = FOREVER});
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &event_fd, sizeof(int));
	expect_eq(sync_start(&sync, &s.a), KDBUS_CALL_WAITS);
	/* the caller may close it; we watch a copy */
	expect_ne(embedded_call_cancel_fd(sync.call), event_fd);
	expect_ge(embedded_call_cancel_fd(sync.call), 0);
	expect_eq(sync_end(&sync, &s.a, -ECANCELED), -ECANCELED);
	expect_message(&s.b, s.a.id, 1);
	expect_eq(reply_text(&s.b, &s.a, 1, "late"), -EBADSLT);

	/* a reply that was there first is not lost */
	call(&sync, &s.a, s.b.id, 2);
	expect_eq(embedded_call_cancel_fd(sync.call), -1);
	expect_message(&s.b, s.a.id, 2);
	expect_eq(reply_text(&s.b, &s.a, 2, "first"), 0);
	expect_eq(sync_end(&sync, &s.a, -ECANCELED), 0);
	expect_eq(peer_free(&s.a, sync.cmd.send.reply.offset), 0);
	close(event_fd);
	scene_deinit(&s);
}

/* 4.6: an interrupted call is resumed, and sent once */
TEST(interrupted_call)
{
	struct sync sync;
	struct scene s;

	scene_init(&s, 0);
	call(&sync, &s.a, s.b.id, 7);
	expect_eq(sync_end(&sync, &s.a, -EINTR), -EINTR);
	call(&sync, &s.a, s.b.id, 7);
	expect_message(&s.b, s.a.id, 7);
	expect_nothing(&s.b);
	expect_eq(reply_text(&s.b, &s.a, 7, "reply"), 0);
	expect_answer(&sync, &s.a, &s.b, "reply");

	/* the reply comes while nobody waits */
	call(&sync, &s.a, s.b.id, 7);
	expect_message(&s.b, s.a.id, 7);
	expect_eq(sync_end(&sync, &s.a, -EINTR), -EINTR);
	expect_eq(reply_text(&s.b, &s.a, 7, "kept"), 0);
	expect_nothing(&s.a);
	/* another cookie is another call */
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = s.b.id,
					.cookie = 8,
					.cookie_reply = 1});
	expect_eq(sync_start(&sync, &s.a), -ETIMEDOUT);
	/* whatever else the resumed one says */
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = 999,
					.cookie = 7,
					.cookie_reply = 1});
	expect_eq(sync_start(&sync, &s.a), KDBUS_CALL_WAITS);
	expect_answer(&sync, &s.a, &s.b, "kept");
	expect_nothing(&s.b);

	/* there will be none, and the caller comes back to hear that */
	call(&sync, &s.a, s.b.id, 7);
	expect_eq(sync_end(&sync, &s.a, -EINTR), -EINTR);
	peer_deinit(&s.b);
	expect_nothing(&s.a);
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = 2,
					.cookie = 7,
					.cookie_reply = FOREVER});
	expect_eq(sync_start(&sync, &s.a), KDBUS_CALL_WAITS);
	expect_eq(sync.n_wakes, 1u);
	expect_eq(sync_end(&sync, &s.a, 0), -EPIPE);
	scene_deinit(&s);
}

/* 4.6: nobody comes back */
TEST(interrupted_call_ends_at_its_deadline)
{
	struct sync sync;
	struct scene s;

	for (unsigned is_answered = 0; is_answered < 3; is_answered++) {
		scene_init(&s, 0);
		sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
						.dst_id = s.b.id,
						.cookie = 7,
						.cookie_reply = FOREVER / 2});
		expect_eq(sync_start(&sync, &s.a), KDBUS_CALL_WAITS);
		expect_message(&s.b, s.a.id, 7);
		expect_eq(sync_end(&sync, &s.a, -EINTR), -EINTR);
		if (is_answered == 1)
			expect_eq(reply_text(&s.b, &s.a, 7, "kept"), 0);
		else if (is_answered == 2)
			peer_deinit(&s.b);
		expect_eq(s.bus.deadline, FOREVER / 2);
		kdbus_embedded_expire(s.bus.embedded, FOREVER / 2);
		expect_eq(s.bus.deadline, UINT64_MAX);
		expect_nothing(&s.a);
		if (is_answered < 2)
			expect_eq(reply_text(&s.b, &s.a, 7, "late"), -EBADSLT);
		scene_deinit(&s);

		/* or the caller goes */
		scene_init(&s, 0);
		call(&sync, &s.a, s.b.id, 7);
		expect_eq(sync_end(&sync, &s.a, -EINTR), -EINTR);
		if (is_answered == 1)
			expect_eq(reply_text(&s.b, &s.a, 7, "kept"), 0);
		peer_deinit(&s.a);
		peer_drain(&s.b);
		scene_deinit(&s);
	}
}

/* C13; 4.6: what the replier did wrong, and what the caller cannot take */
TEST(reply_that_cannot_be_delivered)
{
	int fd = STDIN_FILENO, closed = 1000;
	struct send reply = {.cookie = 1, .cookie_reply = 7, .fds = &closed, .n_fds = 1};
	struct sync sync;
	struct scene s;

	bus_init(&s.bus, BUS_STRICT);
	peer_init(&s.a, &s.bus, PEER_NO_FDS);
	peer_init(&s.b, &s.bus, 0);
	reply.dst_id = s.a.id;
	call(&sync, &s.a, s.b.id, 7);
	expect_message(&s.b, s.a.id, 7);
	expect_eq(peer_send(&s.b, &reply), -EBADF);
	expect_eq(sync.n_wakes, 0u);
	reply.fds = &fd;
	expect_eq(peer_send(&s.b, &reply), -ECOMM);
	expect_eq(sync.n_wakes, 1u);
	expect_eq(sync_end(&sync, &s.a, 0), -EREMOTEIO);
	expect_eq(reply_text(&s.b, &s.a, 7, "again"), -EBADSLT);

	/* a full pool */
	kdbus_embedded_domain(s.bus.embedded)->limits.n_msgs_user = 1;
	expect_eq(peer_send_to(&s.b, s.a.id, 1, 0), 0);
	call(&sync, &s.a, s.b.id, 8);
	expect_message(&s.b, s.a.id, 8);
	expect_eq(reply_text(&s.b, &s.a, 8, "full"), -ENOBUFS);
	expect_eq(sync_end(&sync, &s.a, 0), -ENOBUFS);
	expect_message(&s.a, s.b.id, 1);
	scene_deinit(&s);
}

/* 4.7: the reply is charged to who sent it until it is taken */
TEST(reply_is_charged_until_it_is_taken)
{
	struct sync sync;
	struct scene s;

	scene_init(&s, 0);
	kdbus_embedded_domain(s.bus.embedded)->limits.n_msgs_user = 1;
	call(&sync, &s.a, s.b.id, 7);
	expect_message(&s.b, s.a.id, 7);
	expect_eq(reply_text(&s.b, &s.a, 7, "reply"), 0);
	expect_eq(peer_send_to(&s.b, s.a.id, 1, 0), -ENOBUFS);
	expect_answer(&sync, &s.a, &s.b, "reply");
	expect_eq(peer_send_to(&s.b, s.a.id, 1, 0), 0);
	expect_message(&s.a, s.b.id, 1);
	scene_deinit(&s);
}

/* 4.5: they count as the others do */
TEST(calls_are_limited)
{
	static struct sync syncs[4];
	struct scene s;

	scene_init(&s, 0);
	kdbus_embedded_domain(s.bus.embedded)->limits.n_replies_conn = 3;
	for (unsigned i = 0; i < 3; i++)
		call(&syncs[i], &s.a, s.b.id, i);
	sync_init(&syncs[3], &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					    .dst_id = s.b.id,
					    .cookie = 3,
					    .cookie_reply = FOREVER});
	expect_eq(sync_start(&syncs[3], &s.a), -EMLINK);
	/* also one that is over while its request is unread */
	expect_eq(sync_end(&syncs[0], &s.a, -ECANCELED), -ECANCELED);
	expect_eq(sync_start(&syncs[3], &s.a), -EMLINK);
	expect_message(&s.b, s.a.id, 0);
	call(&syncs[3], &s.a, s.b.id, 3);
	for (unsigned i = 1; i < 4; i++)
		expect_eq(sync_end(&syncs[i], &s.a, -ECANCELED), -ECANCELED);
	peer_drain(&s.b);
	scene_deinit(&s);
}

/* 4.1: descriptors, and memory files even for a caller who takes none */
TEST(descriptors_of_a_reply)
{
	const unsigned seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	struct send reply = {.cookie = 1, .cookie_reply = 7};
	int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING), fd = STDIN_FILENO;
	struct kdbus_memfd part = {.size = 8, .fd = memfd};
	const struct kdbus_item *item;
	const struct kdbus_msg *got;
	struct sync sync;
	struct scene s;
	struct cmd msg;

	expect_eq(ftruncate(memfd, 8), 0);
	expect_eq(fcntl(memfd, F_ADD_SEALS, seals), 0);
	for (unsigned with_fds = 0; with_fds < 2; with_fds++) {
		bus_init(&s.bus, BUS_STRICT);
		peer_init(&s.a, &s.bus, with_fds ? 0 : PEER_NO_FDS);
		peer_init(&s.b, &s.bus, 0);
		call(&sync, &s.a, s.b.id, 7);
		expect_message(&s.b, s.a.id, 7);
		reply.dst_id = s.a.id;
		reply.fds = &fd;
		reply.n_fds = with_fds;
		msg_init(&msg, &reply);
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &part, sizeof(part));
		expect_eq(peer_send_msg(&s.b, &msg), 0);
		expect_eq(sync_end(&sync, &s.a, 0), 0);
		expect_eq(sync.cmd.send.reply.return_flags, 0u);
		got = (const void *)(s.a.pool + sync.cmd.send.reply.offset);
		kdbus_items_for_each(item, got->items, (const uint8_t *)got + got->size) {
			if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD) {
				expect_ge(item->memfd.fd, 3);
				close(item->memfd.fd);
			} else if (item->type == KDBUS_ITEM_FDS) {
				expect_ge(item->fds[0], 3);
				close(item->fds[0]);
			}
		}
		expect_eq(peer_free(&s.a, sync.cmd.send.reply.offset), 0);
		scene_deinit(&s);
	}
	close(memfd);
}

/* C21: monitors see both halves */
TEST(monitors_see_calls)
{
	struct peer monitor;
	struct cmd hello;
	struct sync sync;
	struct scene s;

	scene_init(&s, 0);
	hello_init(&hello);
	hello.hello.flags = KDBUS_HELLO_MONITOR;
	expect_eq(peer_hello(&monitor, &s.bus, 0, &hello, NULL), 0);
	call(&sync, &s.a, s.b.id, 7);
	expect_message(&s.b, s.a.id, 7);
	expect_eq(reply_text(&s.b, &s.a, 7, "reply"), 0);
	expect_answer(&sync, &s.a, &s.b, "reply");
	expect_message(&monitor, s.a.id, 7);
	expect_message(&monitor, s.b.id, 99);
	expect_nothing(&monitor);
	peer_deinit(&monitor);
	scene_deinit(&s);
}

/* 6.4 */
TEST(call_waits_at_an_activator)
{
	struct peer activator;
	struct sync sync;
	struct scene s;

	FOR_EACH_KIND(kind) {
		scene_init(&s, 0);
		peer_init_activator(&activator, &s.bus, kind, "x.y", 0, 0, 0);
		sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
						.dst_name = "x.y",
						.cookie = 7,
						.cookie_reply = FOREVER});
		expect_eq(sync_start(&sync, &s.a), KDBUS_CALL_WAITS);
		expect_eq(peer_acquire(&s.b, "x.y", 0, NULL), 0);
		expect_message(&s.b, s.a.id, 7);
		expect_eq(reply_text(&s.b, &s.a, 7, "started"), 0);
		expect_answer(&sync, &s.a, &s.b, "started");
		/* and nobody will ever come */
		expect_eq(peer_release(&s.b, "x.y"), 0);
		sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
						.dst_name = "x.y",
						.cookie = 8,
						.cookie_reply = FOREVER});
		expect_eq(sync_start(&sync, &s.a), KDBUS_CALL_WAITS);
		peer_deinit(&activator);
		expect_eq(sync_end(&sync, &s.a, 0), -EPIPE);
		scene_deinit(&s);
	}
}

/* what may fail fails, and leaves nothing */
TEST(every_allocation_may_fail)
{
	struct sync sync;
	struct scene s;

	for (unsigned n = 1; n < 30; n++) {
		bool failed;
		int r;

		scene_init(&s, 0);
		sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
						.dst_id = s.b.id,
						.cookie = 7,
						.cookie_reply = FOREVER,
						.data = "data",
						.size = 4});
		shim_alloc_fail_at(n);
		r = sync_start(&sync, &s.a);
		failed = shim_alloc_fail_disarm();
		if (failed) {
			expect_eq(r, -ENOMEM);
			expect_nothing(&s.b);
			scene_deinit(&s);
			continue;
		}
		shim_alloc_fail_at(n - 5);
		r = reply_text(&s.b, &s.a, 7, "reply");
		failed = shim_alloc_fail_disarm();
		if (r < 0) {
			expect(failed);
			expect_eq(r, -ENOMEM);
		}
		if (sync.n_wakes == 0) {
			expect(failed);
			expect_eq(reply_text(&s.b, &s.a, 7, "reply"), 0);
			r = 0;
		}
		expect_eq(sync_end(&sync, &s.a, 0), r);
		if (r == 0)
			expect_eq(peer_free(&s.a, sync.cmd.send.reply.offset), 0);
		peer_drain(&s.b);
		scene_deinit(&s);
	}
}

/* a thread of this process blocks */

static uint64_t soon(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec + 20000000;
}

static void on_alarm(int number)
{
}

TEST(blocked_call_ends)
{
	const struct itimerval alarm = {.it_value.tv_usec = 10000};
	int event_fd = eventfd(0, EFD_CLOEXEC), pipe_fds[2];
	struct sync sync;
	struct scene s;

	scene_init(&s, 0);
	/* at its deadline */
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = s.b.id,
					.cookie = 1,
					.cookie_reply = soon()});
	expect_eq(kdbus_embedded_command(s.a.handle, KDBUS_CMD_SEND, &sync.cmd), -ETIMEDOUT);

	/* when it is cancelled */
	expect_eq(eventfd_write(event_fd, 1), 0);
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = s.b.id,
					.cookie = 2,
					.cookie_reply = FOREVER});
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &event_fd, sizeof(int));
	expect_eq(kdbus_embedded_command(s.a.handle, KDBUS_CMD_SEND, &sync.cmd), -ECANCELED);

	/* a file that can no longer become readable cancels nothing */
	expect_eq(pipe(pipe_fds), 0);
	close(pipe_fds[1]);
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = s.b.id,
					.cookie = 3,
					.cookie_reply = soon()});
	cmd_add(&sync.cmd, KDBUS_ITEM_CANCEL_FD, &pipe_fds[0], sizeof(int));
	expect_eq(kdbus_embedded_command(s.a.handle, KDBUS_CMD_SEND, &sync.cmd), -ETIMEDOUT);

	/* by a signal, and resumed; the reply came meanwhile */
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &alarm, NULL);
	sync_init(&sync, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					.dst_id = s.b.id,
					.cookie = 4,
					.cookie_reply = FOREVER});
	expect_eq(kdbus_embedded_command(s.a.handle, KDBUS_CMD_SEND, &sync.cmd), -EINTR);
	expect_eq(reply_text(&s.b, &s.a, 4, "reply"), 0);
	expect_eq(kdbus_embedded_command(s.a.handle, KDBUS_CMD_SEND, &sync.cmd), 0);
	expect_eq(peer_free(&s.a, sync.cmd.send.reply.offset), 0);
	expect_eq(peer_drain(&s.b), 4u);
	close(pipe_fds[0]);
	close(event_fd);
	scene_deinit(&s);
}
