/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expected replies, and calls that wait */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/abi/client.h"

static int unexpected(void)
{
	return p1() ? -EPERM : -EBADSLT;
}

ABI_TEST(reply_once)
{
	struct peer *a = peer(), *b = peer();

	row("C6");
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	expect_message(b, a->id, 5);
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_eq(peer_reply(b, a->id, 5), unexpected());
	expect_message(a, b->id, 1005);
	row(p1() ? "0.2.6.p1" : "0.2.6.p2");
	expect_eq(peer_reply(b, a->id, 6), unexpected());
	row("4.3.reply-of-another");
	expect_eq(peer_call(a, b->id, 7, in_ms(10000)), 0);
	expect_eq(peer_reply(peer(), a->id, 7), unexpected());
	expect_eq(peer_reply(b, a->id, 7), 0);
	row("4.3.reply-unread-request");
	peer_drain(b);
	expect_eq(peer_call(a, b->id, 8, in_ms(10000)), 0);
	expect_eq(peer_reply(b, a->id, 8), 0);
	row("4.3.reply-resolves-first");
	expect_eq(peer_reply(b, 0xffffff, 8), -ENXIO);
	expect_eq(peer_send(b, &(struct send){.dst_name = "a.b", .cookie_reply = 8}), -ESRCH);
}

ABI_TEST(reply_to_self)
{
	struct peer *a = peer();

	row("4.3.call-to-self");
	expect_eq(peer_call(a, a->id, 5, in_ms(10000)), 0);
	expect_message(a, a->id, 5);
	expect_eq(peer_reply(a, a->id, 5), 0);
	expect_message(a, a->id, 1005);
}

ABI_TEST(reply_ignores_policy)
{
	struct peer *a = peer(), *b = peer_uid(OTHER_UID);

	row("4.3.reply-no-policy");
	expect_eq(peer_send_to(b, a->id, 1, 0), -EPERM);
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	expect_eq(peer_reply(b, a->id, 5), 0);
	row("7.4.reply-unchecked");
	expect_message(a, b->id, 1005);
}

ABI_TEST(tracker_is_consumed_before_delivery)
{
	struct peer *a = peer_flags(0), *b = peer();
	int fd = eventfd(0, EFD_CLOEXEC);

	row("4.3.reply-consumed");
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	expect_eq(peer_send(b,
			    &(struct send){
				    .dst_id = a->id, .cookie_reply = 5, .fds = &fd, .n_fds = 1}),
		  -ECOMM);
	expect_eq(peer_reply(b, a->id, 5), unexpected());
	row("11.7.import-keeps-tracker");
	expect_eq(peer_call(a, b->id, 6, in_ms(10000)), 0);
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id,
					      .cookie_reply = 6,
					      .fds = &(int){12345},
					      .n_fds = 1}),
		  -EBADF);
	expect_eq(peer_reply(b, a->id, 6), 0);
	close(fd);
}

ABI_TEST(replier_dies)
{
	struct peer *a = peer(), *b = peer();

	row("C7");
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	peer_close(b);
	expect_reply_note(a, KDBUS_ITEM_REPLY_DEAD, 5);
	row("0.4.one-reply-dead");
	expect_nothing(a);
	row("4.5.replier-read-it");
	b = peer();
	expect_eq(peer_call(a, b->id, 6, in_ms(10000)), 0);
	expect_message(b, a->id, 6);
	peer_close(b);
	expect_reply_note(a, KDBUS_ITEM_REPLY_DEAD, 6);
}

ABI_TEST(requester_dies)
{
	struct peer *a = peer(), *b = peer();

	row("C9");
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	peer_close(a);
	expect_eq(peer_reply(b, a->id, 5), -ENXIO);
	row("4.5.requester-dies");
	expect_message(b, a->id, 5);
	expect_nothing(b);
}

ABI_TEST(request_is_dropped)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;

	row("C10");
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	expect_eq(peer_recv_raw(b, KDBUS_RECV_DROP, 0, &recv), 0);
	expect_reply_note(a, KDBUS_ITEM_REPLY_DEAD, 5);
	row("3.13.drop-of-request");
	expect_eq(peer_reply(b, a->id, 5), unexpected());
}

ABI_TEST(deadlines)
{
	struct peer *a = peer(), *b = peer();
	uint64_t start = in_ms(0), seen = 0;
	struct got got;

	row("C8");
	expect_eq(peer_call(a, b->id, 5, in_ms(0)), 0);
	expect(peer_wait(a, 1000));
	row("4.9.reply-timeout");
	expect_reply_note(a, KDBUS_ITEM_REPLY_TIMEOUT, 5);
	expect_message(b, a->id, 5);
	row("4.5.after-timeout");
	expect_eq(peer_reply(b, a->id, 5), unexpected());
	row("4.5.past-deadline");
	expect_eq(peer_call(a, b->id, 6, 1), 0);
	expect(peer_wait(a, 1000));
	expect_reply_note(a, KDBUS_ITEM_REPLY_TIMEOUT, 6);

	row("11.15");
	start = in_ms(0);
	for (unsigned i = 1; i <= 4; i++)
		expect_eq(peer_call(a, b->id, i, in_ms(50 * i)), 0);
	for (unsigned i = 1; i <= 4; i++) {
		expect(peer_wait(a, 2000));
		got = peer_get(a);
		expect_eq(got.type, (uint64_t)KDBUS_ITEM_REPLY_TIMEOUT);
		expect_eq(got.payload_type, (uint64_t)KDBUS_PAYLOAD_KERNEL);
		expect_eq(got.dst_id, a->id);
		row(p1() ? "0.2.25.p1" : "0.2.25.p2");
		expect_eq(got.flags, p1() ? (uint64_t)KDBUS_MSG_SIGNAL : 0);
		seen |= 1 << got.cookie_reply;
		row("4.5.never-early");
		expect_ge(in_ms(0) - start, 50 * got.cookie_reply * 1000000ULL - 1000000);
	}
	expect_eq(seen, 0x1e);
}

ABI_TEST(limit_of_requests)
{
	struct peer *a = peer(), *b = peer();

	row("9.replies");
	for (unsigned i = 0; i < 128; i++)
		expect_eq(peer_call(a, b->id, i + 1, in_ms(10000)), 0);
	expect_eq(peer_call(a, b->id, 500, in_ms(10000)), -EMLINK);
	row("4.5.answered-but-unread-counts");
	expect_eq(peer_reply(b, a->id, 1), 0);
	expect_eq(peer_call(a, b->id, 500, in_ms(10000)), -EMLINK);
	row("4.5.read-and-answered");
	expect_message(b, a->id, 1);
	expect_eq(peer_call(a, b->id, 500, in_ms(10000)), 0);
	expect_eq(peer_call(a, b->id, 501, in_ms(10000)), -EMLINK);
	row("4.5.other-requester");
	expect_eq(peer_call(peer(), b->id, 500, in_ms(10000)), 0);
	row("4.5.failed-request");
	for (unsigned i = 0; i < 200; i++)
		expect_eq(peer_call(b, 0xffffff, i + 1, in_ms(10000)), -ENXIO);
	expect_eq(peer_call(b, a->id, 1, in_ms(10000)), 0);
}

ABI_TEST(timed_out_requests_count)
{
	struct peer *a = peer(), *b = peer();

	row("C46");
	for (unsigned i = 0; i < 128; i++)
		expect_eq(peer_call(a, b->id, i + 1, in_ms(1)), 0);
	for (unsigned i = 0; i < 128; i++) {
		expect(peer_wait(a, 2000));
		expect_eq(peer_get(a).type, (uint64_t)KDBUS_ITEM_REPLY_TIMEOUT);
	}
	expect_eq(peer_call(a, b->id, 500, in_ms(10000)), -EMLINK);
	expect_message(b, a->id, 1);
	expect_eq(peer_call(a, b->id, 500, in_ms(10000)), 0);
}

ABI_TEST(same_cookie_twice)
{
	struct peer *a = peer(), *b = peer();

	row("4.5.same-cookie");
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	expect_eq(peer_call(a, b->id, 5, in_ms(10000)), 0);
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_eq(peer_reply(b, a->id, 5), unexpected());
}

ABI_TEST(cookie_zero)
{
	struct peer *a = peer(), *b = peer();

	row(p1() ? "0.2.17.p1" : "0.2.17.p2");
	expect_eq(peer_call(a, b->id, 0, in_ms(10000)), p1() ? -EINVAL : 0);
	row(p1() ? "0.2.18.p1" : "0.2.18.p2");
	expect_eq(peer_send(a, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY | KDBUS_MSG_SIGNAL,
					      .dst_id = b->id,
					      .cookie = 1,
					      .cookie_reply = in_ms(1000)}),
		  p1() ? -EINVAL : -ENOTUNIQ);
}

/* calls that wait */

struct call {
	pthread_t thread;
	struct peer *peer;
	struct cmd cmd, msg;
	int result;
};

static void call_init(struct call *call, struct peer *from, uint64_t dst, uint64_t deadline_ns)
{
	call->peer = from;
	msg_init(&call->msg, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					    .dst_id = dst,
					    .cookie = 5,
					    .cookie_reply = deadline_ns});
	cmd_init(&call->cmd, sizeof(call->cmd.send), KDBUS_SEND_SYNC_REPLY);
	call->cmd.send.msg_address = (uintptr_t)&call->msg;
}

static void *call_thread(void *data)
{
	struct call *call = data;

	call->result = peer_ioctl(call->peer, KDBUS_CMD_SEND, &call->cmd);
	return NULL;
}

static void call_start(struct call *call)
{
	expect_eq(pthread_create(&call->thread, NULL, call_thread, call), 0);
}

static int call_wait(struct call *call)
{
	expect_eq(pthread_join(call->thread, NULL), 0);
	return call->result;
}

static void start(struct call *call, struct peer *from, struct peer *to)
{
	call_init(call, from, to->id, in_ms(5000));
	call_start(call);
	expect(peer_wait(to, 2000));
}

ABI_TEST(sync_reply)
{
	struct peer *a = peer(), *b = peer();
	const struct kdbus_msg *reply;
	struct call call;

	row("11.17.plain");
	start(&call, a, b);
	expect_message(b, a->id, 5);
	expect_eq(peer_reply(b, a->id, 6), unexpected());
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_eq(call_wait(&call), 0);
	row("4.6.reply-output");
	expect_ne(call.cmd.send.reply.offset, a->pool_size);
	reply = (const void *)(a->pool + call.cmd.send.reply.offset);
	expect_eq(reply->cookie_reply, 5);
	expect_eq(reply->src_id, b->id);
	expect_ge(call.cmd.send.reply.msg_size, reply->size);
	row("4.6.not-queued");
	expect_nothing(a);
	expect_eq(peer_events(a) & POLLIN, 0);
	row("4.6.free");
	expect_eq(peer_free(a, call.cmd.send.reply.offset), 0);
	expect_eq(peer_free(a, call.cmd.send.reply.offset), -ENXIO);
	row("4.6.consumed");
	expect_eq(peer_reply(b, a->id, 5), unexpected());
}

ABI_TEST(sync_and_another_thread)
{
	struct peer *a = peer(), *b = peer(), *c = peer();
	struct call call;

	row("C44");
	start(&call, a, b);
	expect_eq(peer_send_to(c, a->id, 9, 0), 0);
	expect_message(a, c->id, 9);
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_nothing(a);
	expect_eq(call_wait(&call), 0);
}

ABI_TEST(sync_deadline)
{
	struct peer *a = peer(), *b = peer();
	struct call call;

	row("C12");
	call_init(&call, a, b->id, 1);
	call_thread(&call);
	expect_eq(call.result, -ETIMEDOUT);
	expect_nothing(b);
	row("4.6.timeout");
	call_init(&call, a, b->id, in_ms(60));
	call_thread(&call);
	expect_eq(call.result, -ETIMEDOUT);
	expect_message(b, a->id, 5);
	row("4.6.after-timeout");
	expect_eq(peer_reply(b, a->id, 5), unexpected());
	expect_nothing(a);
	row("4.3.sync-deadline-before-resolve");
	call_init(&call, a, 0xffffff, 1);
	call_thread(&call);
	expect_eq(call.result, -ETIMEDOUT);
	call_init(&call, a, 0xffffff, in_ms(1000));
	call_thread(&call);
	expect_eq(call.result, -ENXIO);
}

ABI_TEST(sync_replier_goes)
{
	struct peer *a = peer(), *b = peer();
	struct kdbus_cmd_recv recv;
	struct call call;

	row("C11");
	start(&call, a, b);
	expect_eq(peer_recv_raw(b, KDBUS_RECV_DROP, 0, &recv), 0);
	expect_eq(call_wait(&call), -EPIPE);
	row("4.6.no-notification");
	expect_nothing(a);
	row("11.16.replier");
	start(&call, a, b);
	expect_message(b, a->id, 5);
	expect_eq(peer_byebye(b), 0);
	expect_eq(call_wait(&call), -EPIPE);
	expect_nothing(a);
	row("4.6.replier-closes-unread");
	b = peer();
	start(&call, a, b);
	peer_close(b);
	expect_eq(call_wait(&call), -EPIPE);
	row("0.4.epipe-alone");
	expect_nothing(a);
}

ABI_TEST(sync_own_disconnect)
{
	struct peer *a = peer(), *b = peer();
	struct call call;

	row("11.16.self");
	start(&call, a, b);
	expect_eq(peer_byebye(a), 0);
	expect_eq(call_wait(&call), -ECONNRESET);
}

ABI_TEST(sync_bus_gone)
{
	struct peer *a = peer(), *b = peer();
	struct call call;

	row("4.6.bus-gone");
	start(&call, a, b);
	node_close(B.owner);
	expect_eq(call_wait(&call), -ECONNRESET);
}

ABI_TEST(sync_cancel)
{
	struct peer *a = peer(), *b = peer();
	int event = eventfd(0, EFD_CLOEXEC);
	struct call call;

	row("11.17.cancel");
	call_init(&call, a, b->id, in_ms(5000));
	cmd_add(&call.cmd, KDBUS_ITEM_CANCEL_FD, &event, sizeof(event));
	call_start(&call);
	expect(peer_wait(b, 2000));
	expect_eq(write(event, &(uint64_t){1}, 8), 8);
	expect_eq(call_wait(&call), -ECANCELED);
	row("4.6.after-cancel");
	expect_message(b, a->id, 5);
	expect_eq(peer_reply(b, a->id, 5), unexpected());
	row("11.17.no-cancel");
	close(event);
	event = eventfd(0, EFD_CLOEXEC);
	call_init(&call, a, b->id, in_ms(5000));
	cmd_add(&call.cmd, KDBUS_ITEM_CANCEL_FD, &event, sizeof(event));
	call_start(&call);
	expect(peer_wait(b, 2000));
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_eq(call_wait(&call), 0);
	row("4.6.cancel-ready-at-entry");
	expect_eq(write(event, &(uint64_t){1}, 8), 8);
	call_init(&call, a, b->id, in_ms(5000));
	cmd_add(&call.cmd, KDBUS_ITEM_CANCEL_FD, &event, sizeof(event));
	call_start(&call);
	expect_eq(call_wait(&call), -ECANCELED);
	close(event);
}

ABI_TEST(sync_reply_beats_cancel)
{
	struct peer *a = peer();
	int event = eventfd(1, EFD_CLOEXEC);
	struct peer *b = peer();
	struct call call;

	/* the fd is not readable when the reply comes, and is afterwards */
	row("C48");
	close(event);
	event = eventfd(0, EFD_CLOEXEC);
	call_init(&call, a, b->id, in_ms(5000));
	cmd_add(&call.cmd, KDBUS_ITEM_CANCEL_FD, &event, sizeof(event));
	call_start(&call);
	expect(peer_wait(b, 2000));
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_eq(write(event, &(uint64_t){1}, 8), 8);
	expect_eq(call_wait(&call), 0);
	close(event);
}

ABI_TEST(sync_bad_replies)
{
	struct peer *a = peer_flags(0), *b = peer();
	int fd = eventfd(0, EFD_CLOEXEC);
	struct send reply = {.dst_id = a->id, .cookie_reply = 5, .fds = &fd, .n_fds = 1};
	struct call call;

	row("C13");
	start(&call, a, b);
	reply.fds = &(int){12345};
	expect_eq(peer_send(b, &reply), -EBADF);
	row("4.6.eremoteio");
	reply.fds = &fd;
	expect_eq(peer_send(b, &reply), -ECOMM);
	expect_eq(call_wait(&call), -EREMOTEIO);
	row("4.6.delivery-error");
	peer_drain(b);
	start(&call, a, b);
	struct cmd msg;
	struct kdbus_vec vec = {.size = 8, .address = 8};

	msg_init(&msg, &(struct send){.dst_id = a->id, .cookie_reply = 5});
	cmd_add(&msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	expect_eq(peer_send_msg(b, &msg), -EFAULT);
	expect_eq(call_wait(&call), -EFAULT);
	close(fd);
}

ABI_TEST(sync_reply_with_descriptors)
{
	struct peer *a = peer(), *b = peer();
	int fd = eventfd(0, EFD_CLOEXEC);
	const struct kdbus_item *item;
	const struct kdbus_msg *reply;
	struct call call;

	row("4.6.fds-installed");
	start(&call, a, b);
	expect_eq(peer_send(b,
			    &(struct send){
				    .dst_id = a->id, .cookie_reply = 5, .fds = &fd, .n_fds = 1}),
		  0);
	expect_eq(call_wait(&call), 0);
	reply = (const void *)(a->pool + call.cmd.send.reply.offset);
	item = items_find(reply->items, MSG_END(reply), KDBUS_ITEM_FDS);
	expect_ge(item->fds[0], 0);
	close(item->fds[0]);
	row("4.1.memfd-of-sync-reply");
	{
		struct peer *dull = peer_flags(0);
		struct kdbus_memfd memfd = {.size = 8, .fd = memfd_sealed(8, ALL_SEALS)};
		struct cmd msg;

		peer_drain(b);
		start(&call, dull, b);
		msg_init(&msg, &(struct send){.dst_id = dull->id, .cookie_reply = 5});
		cmd_add(&msg, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
		expect_eq(peer_send_msg(b, &msg), 0);
		expect_eq(call_wait(&call), 0);
		reply = (const void *)(dull->pool + call.cmd.send.reply.offset);
		expect_ge(reply->items[0].memfd.fd, 0);
		close(reply->items[0].memfd.fd);
		close(memfd.fd);
	}
	close(fd);
}

static int closed_fd;

static void *call_by_fd(void *data)
{
	struct call *call = data;

	call->result = ioctl(closed_fd, KDBUS_CMD_SEND, &call->cmd) < 0 ? -errno : 0;
	return NULL;
}

ABI_TEST(sync_closed_meanwhile)
{
	struct peer *a = peer(), *b = peer();
	uint64_t id = a->id;
	struct call call;

	row("1.5.closed-while-it-waits");
	need(ABI_IS_FILE);
	peer_match_type(b, KDBUS_ITEM_ID_REMOVE);
	call_init(&call, a, b->id, in_ms(5000));
	closed_fd = dup(carrier->fd(a->h));
	peer_close(a);
	expect_eq(pthread_create(&call.thread, NULL, call_by_fd, &call), 0);
	expect(peer_wait(b, 2000));
	/* it may not wait yet */
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	close(closed_fd);
	expect_message(b, id, 5);
	expect_nothing(b);
	expect_eq(peer_reply(b, id, 5), 0);
	expect_eq(call_wait(&call), 0);
	expect_id(b, KDBUS_ITEM_ID_REMOVE, id);
}

static void on_signal(int number)
{
}

ABI_TEST(sync_interrupted)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct peer *a = peer(), *b = peer();
	struct call call;
	bool has_ended = false;

	row("0.4.reply-while-interrupted");
	row("4.6.restart");
	row("4.6.interrupted");
	sigaction(SIGUSR1, &action, NULL);
	start(&call, a, b);
	/* the thread may not wait yet */
	for (unsigned i = 0; i < 1000 && !has_ended; i++) {
		pthread_kill(call.thread, SIGUSR1);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
		has_ended = pthread_tryjoin_np(call.thread, NULL) == 0;
	}
	expect(has_ended);
	expect_eq(call.result, -EINTR);
	row("4.6.restart");
	expect_message(b, a->id, 5);
	call_start(&call);
	expect(!peer_wait(b, 50));
	expect_eq(peer_reply(b, a->id, 5), 0);
	expect_eq(call_wait(&call), 0);
	row("0.4.reply-while-interrupted");
	has_ended = false;
	start(&call, a, b);
	for (unsigned i = 0; i < 1000 && !has_ended; i++) {
		pthread_kill(call.thread, SIGUSR1);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
		has_ended = pthread_tryjoin_np(call.thread, NULL) == 0;
	}
	expect_eq(call.result, -EINTR);
	expect_message(b, a->id, 5);
	expect_eq(peer_reply(b, a->id, 5), 0);
	call_thread(&call);
	expect_eq(call.result, 0);
	expect_nothing(b);
}

ABI_TEST(sync_errors)
{
	struct peer *a = peer(), *b = peer(), *other = peer_uid(OTHER_UID);
	struct call call;

	row("4.3.sync-policy");
	call_init(&call, other, a->id, in_ms(1000));
	call_thread(&call);
	expect_eq(call.result, -EPERM);
	row("4.3.sync-limit");
	for (unsigned i = 0; i < 128; i++)
		expect_eq(peer_call(a, b->id, 100 + i, in_ms(10000)), 0);
	call_init(&call, a, b->id, in_ms(1000));
	call_thread(&call);
	expect_eq(call.result, -EMLINK);
	row("4.3.sync-monitor");
	{
		struct peer *monitor = peer_monitor(), *c = peer();

		peer_drain(b);
		start(&call, c, b);
		expect_id(monitor, KDBUS_ITEM_ID_ADD, c->id);
		expect_message(monitor, c->id, 5);
		expect_eq(peer_reply(b, c->id, 5), 0);
		expect_message(monitor, b->id, 1005);
		expect_eq(call_wait(&call), 0);
	}
	row("4.7.sync-reply-charged");
	{
		struct peer *small = peer_pool(4096);

		peer_drain(b);
		start(&call, small, b);
		expect_eq(peer_send(b, &(struct send){.dst_id = small->id,
						      .cookie_reply = 5,
						      .data = "",
						      .size = 1}),
			  0);
		expect_eq(call_wait(&call), 0);
		peer_drain(b);
		start(&call, small, b);
		static char big[1000];

		expect_eq(peer_send(b, &(struct send){.dst_id = small->id,
						      .cookie_reply = 5,
						      .data = big,
						      .size = sizeof(big)}),
			  -ENOBUFS);
		expect_eq(call_wait(&call), -ENOBUFS);
	}
}
