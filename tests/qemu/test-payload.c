/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A payload is read once, straight to who gets it, while the bus goes on
 *
 * Runs in the guest, as root, with a strict kdbusfs at ABI_ROOT.  A message is held up in the
 * middle of its way by memory that userfaultfd serves: everything that can happen to its sender
 * and its receiver happens meanwhile, and then the memory comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define PAGE	  4096UL
#define LATE_SIZE (16 * PAGE)
#define PATIENCE  20000

/**
 * struct late - a message that is being sent
 * @uffd: by which its memory is served
 * @memory: LATE_SIZE bytes, of which none is there before late_finish()
 * @thread: in SEND
 * @from: who
 * @send: what; all of @memory
 * @result: of SEND
 */
struct late {
	int uffd;
	void *memory;
	pthread_t thread;
	struct peer *from;
	struct send send;
	int result;
};

static void *late_thread(void *data)
{
	struct late *late = data;

	late->result = peer_send(late->from, &late->send);
	return NULL;
}

static int memory_open(void **memory_out)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	void *memory;

	if (fd < 0)
		skip("no userfaultfd");
	expect_eq(ioctl(fd, UFFDIO_API, &api), 0);
	memory = mmap(NULL, LATE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(memory != MAP_FAILED);
	range.range.start = (uintptr_t)memory;
	range.range.len = LATE_SIZE;
	expect_eq(ioctl(fd, UFFDIO_REGISTER, &range), 0);
	*memory_out = memory;
	return fd;
}

/* until it is in the middle of it */
static void late_start(struct late *late, struct peer *from, const struct send *send)
{
	struct pollfd fd;

	*late = (struct late){.from = from, .send = *send, .result = 1};
	late->uffd = memory_open(&late->memory);
	late->send.data = late->memory;
	late->send.size = LATE_SIZE;
	expect_eq(pthread_create(&late->thread, NULL, late_thread, late), 0);
	fd = (struct pollfd){.fd = late->uffd, .events = POLLIN};
	expect_eq(poll(&fd, 1, PATIENCE), 1);
}

/* the byte at @i of each late message */
static uint8_t pattern(size_t i)
{
	return i * 31 + i / PAGE;
}

static int late_finish(struct late *late)
{
	static uint8_t bytes[LATE_SIZE];
	struct uffdio_copy copy = {
		.dst = (uintptr_t)late->memory,
		.src = (uintptr_t)bytes,
		.len = LATE_SIZE,
	};

	for (size_t i = 0; i < LATE_SIZE; i++)
		bytes[i] = pattern(i);
	expect_eq(ioctl(late->uffd, UFFDIO_COPY, &copy), 0);
	expect_eq(pthread_join(late->thread, NULL), 0);
	munmap(late->memory, LATE_SIZE);
	close(late->uffd);
	return late->result;
}

/* the payload of a message in the pool, with its size */
static const uint8_t *payload_of(const struct kdbus_msg *msg, size_t *size_out)
{
	const struct kdbus_item *item =
		items_find(msg->items, MSG_END(msg), KDBUS_ITEM_PAYLOAD_OFF);

	expect(item);
	*size_out = item->vec.size;
	return (const uint8_t *)msg + item->vec.offset;
}

/* takes the message out; it is whole */
static const struct kdbus_msg *expect_late(struct peer *peer, uint64_t src_id, uint64_t cookie)
{
	const struct kdbus_msg *msg;
	struct kdbus_cmd_recv recv;
	const uint8_t *bytes;
	size_t size, n_wrong = 0;

	msg = peer_get_raw(peer, &recv);
	expect_eq(msg->src_id, src_id);
	expect_eq(msg->cookie, cookie);
	bytes = payload_of(msg, &size);
	expect_eq(size, LATE_SIZE);
	for (size_t i = 0; i < size; i++)
		n_wrong += bytes[i] != pattern(i);
	expect_eq(n_wrong, 0);
	return msg;
}

/* how many messages of @size bytes from @from fit */
static unsigned room(struct peer *from, struct peer *to, size_t size)
{
	unsigned n = 0;

	while (peer_send_to(from, to->id, 1, size) == 0)
		n++;
	peer_drain(to);
	return n;
}

ABI_TEST(bus_goes_on_while_a_sender_is_stuck)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *d = peer();
	struct late late;
	void *endpoint;

	peer_match_all(d);
	late_start(&late, a, &(struct send){.dst_id = b->id, .cookie = 1});
	for (unsigned i = 0; i < 300; i++) {
		expect_eq(peer_send_to(c, b->id, 100 + i, 500), 0);
		expect_message(b, c->id, 100 + i);
	}
	/* each command that changes who is who */
	expect_eq(peer_send_to(a, b->id, 2, 500), 0);
	expect_message(b, a->id, 2);
	expect_eq(peer_acquire(b, "a.b", 0), 0);
	expect_eq(peer_broadcast(c, 3), 0);
	expect_message(d, c->id, 3);
	endpoint = endpoint_make(endpoint_name("one"), 0);
	node_close(endpoint);
	peer_close(peer());
	expect_nothing(b);
	expect_eq(late_finish(&late), 0);
	expect_late(b, a->id, 1);
	expect_nothing(b);
}

ABI_TEST(receiver_leaves_meanwhile)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *d = peer();
	struct late one, two, three;

	expect_eq(peer_acquire(c, "a.b", 0), 0);
	late_start(&one, a, &(struct send){.dst_id = b->id, .cookie = 1});
	late_start(&two, a, &(struct send){.dst_name = "a.b", .cookie = 2});
	late_start(&three, a, &(struct send){.dst_id = d->id, .cookie = 3});
	peer_close(b);
	peer_close(c);
	/* what is under way is in nobody's queue */
	expect_eq(peer_byebye(d), 0);
	expect_eq(late_finish(&one), -ENXIO);
	expect_eq(late_finish(&two), -ESRCH);
	expect_eq(late_finish(&three), -ENXIO);
}

ABI_TEST(sender_leaves_meanwhile)
{
	struct peer *a = peer(), *b = peer();
	struct late late;

	late_start(&late, a, &(struct send){.dst_id = b->id, .cookie = 1});
	expect_eq(peer_byebye(a), 0);
	expect_eq(late_finish(&late), -ECONNRESET);
	expect_nothing(b);
}

ABI_TEST(bus_goes_meanwhile)
{
	struct peer *a = peer(), *b = peer();
	struct late late;

	late_start(&late, a, &(struct send){.dst_id = b->id, .cookie = 1});
	node_close(B.owner);
	expect_eq(late_finish(&late), -ECONNRESET);
}

ABI_TEST(name_passes_on_meanwhile)
{
	struct peer *a = peer(), *b = peer(), *c = peer();
	unsigned n = room(a, b, PAGE);
	struct late late;

	expect_eq(peer_acquire(b, "a.b", 0), 0);
	late_start(&late, a, &(struct send){.dst_name = "a.b", .cookie = 1});
	expect_eq(peer_release(b, "a.b"), 0);
	expect_eq(peer_acquire(c, "a.b", 0), 0);
	expect_eq(late_finish(&late), 0);
	expect_late(c, a->id, 1);
	expect_nothing(b);
	/* and the former owner has all its room back */
	expect_eq(room(a, b, PAGE), n);
}

ABI_TEST(owner_comes_back_meanwhile)
{
	struct peer *a = peer(), *b = peer();
	struct late late;

	expect_eq(peer_acquire(b, "a.b", 0), 0);
	late_start(&late, a, &(struct send){.dst_name = "a.b", .cookie = 1});
	expect_eq(peer_release(b, "a.b"), 0);
	expect_eq(peer_acquire(b, "a.b", 0), 0);
	expect_eq(late_finish(&late), 0);
	expect_late(b, a->id, 1);
}

/* what is told of the sender is true when the message is queued, whether it takes the same room or
 * not */
ABI_TEST(names_of_the_sender_change_meanwhile)
{
	static const struct {
		const char *before, *after;
	} cases[] = {
		{NULL, "x.y"},
		{"x.y", NULL},
		{"x.y", "x.z"},
		{"x.y", "x.something.much.longer"},
	};
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	struct late late;

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct peer *a = peer(), *b = peer_recv_flags(KDBUS_ATTACH_NAMES);

		if (cases[i].before)
			expect_eq(peer_acquire(a, cases[i].before, 0), 0);
		late_start(&late, a, &(struct send){.dst_id = b->id, .cookie = 1});
		if (cases[i].before)
			expect_eq(peer_release(a, cases[i].before), 0);
		if (cases[i].after)
			expect_eq(peer_acquire(a, cases[i].after, 0), 0);
		expect_eq(late_finish(&late), 0);
		msg = expect_late(b, a->id, 1);
		item = items_find(msg->items, MSG_END(msg), KDBUS_ITEM_OWNED_NAME);
		expect_eq(!item, !cases[i].after);
		if (item)
			expect_str(item->name.name, cases[i].after);
		/* nothing that was reserved is left */
		peer_drain(b);
		expect_eq(peer_free(b, (const uint8_t *)msg - b->pool), 0);
		expect_eq(room(a, b, PAGE), room(a, b, PAGE));
		peer_close(a);
		peer_close(b);
	}
}

ABI_TEST(wishes_of_the_receiver_change_meanwhile)
{
	struct peer *a = peer(), *b = peer();
	uint64_t wanted = KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_CREDS;
	const struct kdbus_msg *msg;
	struct late late;

	late_start(&late, a, &(struct send){.dst_id = b->id, .cookie = 1});
	expect_eq(peer_update_flags(b, NULL, &wanted), 0);
	expect_eq(late_finish(&late), 0);
	msg = expect_late(b, a->id, 1);
	expect(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TIMESTAMP));
}

ABI_TEST(reply_is_late)
{
	struct peer *a = peer(), *b = peer();
	struct late late;

	expect_eq(peer_call(a, b->id, 1, in_ms(1000000)), 0);
	expect_message(b, a->id, 1);
	late_start(&late, b, &(struct send){.dst_id = a->id, .cookie = 2, .cookie_reply = 1});
	expect_eq(late_finish(&late), 0);
	expect_late(a, b->id, 2);
	expect_eq(peer_reply(b, a->id, 1), -EBADSLT);
}

ABI_TEST(reply_is_too_late)
{
	struct peer *a = peer(), *b = peer();
	struct late late;

	expect_eq(peer_call(a, b->id, 1, in_ms(500)), 0);
	expect_message(b, a->id, 1);
	late_start(&late, b, &(struct send){.dst_id = a->id, .cookie = 2, .cookie_reply = 1});
	expect(peer_wait(a, PATIENCE));
	expect_reply_note(a, KDBUS_ITEM_REPLY_TIMEOUT, 1);
	expect_eq(late_finish(&late), -EBADSLT);
	expect_nothing(a);
}

static void *calling_thread(void *data)
{
	struct late *call = data;
	struct cmd cmd, msg;

	msg_init(&msg, &call->send);
	cmd_init(&cmd, sizeof(cmd.send), KDBUS_SEND_SYNC_REPLY);
	cmd.send.msg_address = (uintptr_t)&msg;
	call->result = peer_ioctl(call->from, KDBUS_CMD_SEND, &cmd);
	call->memory = (void *)(call->from->pool + cmd.send.reply.offset);
	return NULL;
}

ABI_TEST(answer_to_who_waits_is_late)
{
	struct peer *a = peer(), *b = peer();
	const uint8_t *bytes;
	struct late late, call = {
				  .from = a,
				  .send = {.flags = KDBUS_MSG_EXPECT_REPLY,
					   .dst_id = b->id,
					   .cookie = 1,
					   .cookie_reply = in_ms(1000000)},
			  };
	size_t size;

	expect_eq(pthread_create(&call.thread, NULL, calling_thread, &call), 0);
	expect(peer_wait(b, PATIENCE));
	expect_message(b, a->id, 1);
	late_start(&late, b, &(struct send){.dst_id = a->id, .cookie = 2, .cookie_reply = 1});
	expect_eq(peer_send_to(b, a->id, 3, 10), 0);
	expect_message(a, b->id, 3);
	expect_eq(late_finish(&late), 0);
	expect_eq(pthread_join(call.thread, NULL), 0);
	expect_eq(call.result, 0);
	bytes = payload_of(call.memory, &size);
	expect_eq(size, LATE_SIZE);
	for (size_t i = 0; i < size; i += 97)
		expect_eq(bytes[i], pattern(i));
}

/* nobody is owed an answer before the request is there */
ABI_TEST(request_is_late)
{
	struct peer *a = peer(), *b = peer();
	struct late late;

	late_start(&late, a,
		   &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
				  .dst_id = b->id,
				  .cookie = 1,
				  .cookie_reply = in_ms(1000000)});
	expect_eq(peer_reply(b, a->id, 1), -EBADSLT);
	expect_eq(late_finish(&late), 0);
	expect_late(b, a->id, 1);
	expect_eq(peer_reply(b, a->id, 1), 0);
	expect_message(a, b->id, 1001);
}

ABI_TEST(request_is_late_and_its_receiver_leaves)
{
	struct peer *a = peer(), *b = peer();
	struct late late;

	late_start(&late, a,
		   &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
				  .dst_id = b->id,
				  .cookie = 1,
				  .cookie_reply = in_ms(1000000)});
	peer_close(b);
	expect_eq(late_finish(&late), -ENXIO);
	/* an error is enough */
	expect_nothing(a);
}

ABI_TEST(signals_are_late)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *m;
	struct late late;

	peer_match_empty(b);
	late_start(&late, a,
		   &(struct send){.flags = KDBUS_MSG_SIGNAL, .dst_id = b->id, .cookie = 1});
	expect_eq(late_finish(&late), 0);
	expect_late(b, a->id, 1);
	/* one that its receiver does not want is for the monitor alone */
	m = peer_monitor();
	late_start(&late, a,
		   &(struct send){.flags = KDBUS_MSG_SIGNAL, .dst_id = c->id, .cookie = 2});
	expect_eq(peer_send_to(c, b->id, 3, 10), 0);
	expect_message(b, c->id, 3);
	expect_message(m, c->id, 3);
	expect_eq(late_finish(&late), 0);
	expect_nothing(c);
	expect_late(m, a->id, 2);
	/* and a broadcast is read before anybody is looked for */
	late_start(&late, a,
		   &(struct send){.flags = KDBUS_MSG_SIGNAL, .dst_id = BROADCAST, .cookie = 4});
	expect_eq(peer_send_to(c, b->id, 5, 10), 0);
	expect_message(b, c->id, 5);
	expect_message(m, c->id, 5);
	peer_match_empty(c);
	expect_eq(late_finish(&late), 0);
	expect_late(b, a->id, 4);
	expect_late(c, a->id, 4);
	expect_late(m, a->id, 4);
}

ABI_TEST(monitor_comes_meanwhile)
{
	struct peer *a = peer(), *b = peer(), *m;
	struct late late;

	late_start(&late, a, &(struct send){.dst_id = b->id, .cookie = 1});
	m = peer_monitor();
	expect_eq(late_finish(&late), 0);
	expect_late(b, a->id, 1);
	expect_late(m, a->id, 1);
}

ABI_TEST(service_is_started_meanwhile)
{
	struct peer *a = peer(), *activator = peer_activator("a.b"), *b = peer();
	struct late late;

	late_start(&late, a, &(struct send){.dst_name = "a.b", .cookie = 1});
	expect_eq(peer_acquire(b, "a.b", 0), 0);
	expect_eq(late_finish(&late), 0);
	expect_late(b, a->id, 1);
	/* and the other way round: it waits at the activator, and passes on */
	late_start(&late, a, &(struct send){.dst_name = "a.b", .cookie = 2});
	expect_eq(peer_release(b, "a.b"), 0);
	expect_eq(late_finish(&late), 0);
	expect(peer_wait(activator, PATIENCE));
	expect_nothing(b);
	expect_eq(peer_acquire(b, "a.b", 0), 0);
	expect_late(b, a->id, 2);
}

/* what cannot be read leaves nothing behind */
ABI_TEST(memory_that_ends)
{
	struct peer *a = peer(), *b = peer();
	unsigned n = room(a, b, 2 * PAGE);
	uint8_t *memory;

	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(memory != MAP_FAILED);
	memset(memory, 1, 2 * PAGE);
	expect_eq(munmap(memory + PAGE, PAGE), 0);
	for (unsigned i = 0; i < 2 * n; i++)
		expect_eq(peer_send(a, &(struct send){.dst_id = b->id,
						      .cookie = 1,
						      .data = memory,
						      .size = 2 * PAGE}),
			  -EFAULT);
	expect_nothing(b);
	expect_eq(room(a, b, 2 * PAGE), n);
	munmap(memory, PAGE);
}

/* nor does who is killed */
ABI_TEST(sender_is_killed)
{
	struct peer *a = peer(), *b = peer(), *other = peer();
	unsigned n = room(a, b, LATE_SIZE), n_stuck = 0;
	pid_t pids[3];
	int status;

	for (; n_stuck < N_OF(pids); n_stuck++) {
		pids[n_stuck] = fork();
		if (pids[n_stuck] == 0) {
			struct send send = {.dst_id = b->id, .cookie = 1, .size = LATE_SIZE};
			void *memory;
			int r;

			memory_open(&memory);
			send.data = memory;
			/* room() may have it all just now */
			do
				r = peer_send(a, &send);
			while (r == -ENOBUFS);
			_exit(r != 0);
		}
	}
	/* their slices are taken, and they do not end */
	for (unsigned tries = 0; room(a, b, LATE_SIZE) > n - n_stuck; tries++) {
		expect_lt(tries, 1000);
		usleep(10000);
	}
	expect_eq(waitpid(-1, &status, WNOHANG), 0);
	expect_eq(peer_send_to(other, b->id, 2, 10), 0);
	expect_message(b, other->id, 2);
	for (unsigned i = 0; i < n_stuck; i++) {
		kill(pids[i], SIGKILL);
		expect_eq(waitpid(pids[i], &status, 0), pids[i]);
		expect(WIFSIGNALED(status));
	}
	expect_eq(room(a, b, LATE_SIZE), n);
}

/* memory that changes: all who get a message get the same */

static atomic_bool flips;

static void *flip_thread(void *data)
{
	_Atomic uint64_t *words = data;

	for (uint64_t n = 1; flips; n++)
		for (size_t i = 0; i < LATE_SIZE / sizeof(uint64_t); i++)
			words[i] = n;
	return NULL;
}

ABI_TEST(changing_memory_is_read_once)
{
	struct peer *a = peer(), *b = peer(), *c = peer(), *m = peer_monitor();
	struct kdbus_cmd_recv of_b, of_m, of_c;
	const uint8_t *one, *two, *three;
	pthread_t thread;
	void *memory;
	size_t size;

	memory = mmap(NULL, LATE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(memory != MAP_FAILED);
	peer_match_empty(b);
	peer_match_empty(c);
	flips = true;
	expect_eq(pthread_create(&thread, NULL, flip_thread, memory), 0);
	for (unsigned i = 0; i < 100; i++) {
		bool is_broadcast = i % 2;

		expect_eq(peer_send(a, &(struct send){.flags = is_broadcast ? KDBUS_MSG_SIGNAL : 0,
						      .dst_id = is_broadcast ? BROADCAST : b->id,
						      .cookie = i + 1,
						      .data = memory,
						      .size = LATE_SIZE}),
			  0);
		one = payload_of(peer_get_raw(b, &of_b), &size);
		two = payload_of(peer_get_raw(m, &of_m), &size);
		expect_eq(memcmp(one, two, LATE_SIZE), 0);
		if (is_broadcast) {
			three = payload_of(peer_get_raw(c, &of_c), &size);
			expect_eq(memcmp(one, three, LATE_SIZE), 0);
			expect_eq(peer_free(c, of_c.msg.offset), 0);
		}
		expect_eq(peer_free(b, of_b.msg.offset), 0);
		expect_eq(peer_free(m, of_m.msg.offset), 0);
	}
	flips = false;
	pthread_join(thread, NULL);
	munmap(memory, LATE_SIZE);
}

/* nothing that is no message is in a pool, not even between two of them */
ABI_TEST(pool_has_messages_and_zeros)
{
	struct peer *a = peer(), *b = peer_pool(16 * PAGE);
	uint8_t bytes[32];
	size_t size, n_other;

	memset(bytes, 0xff, sizeof(bytes));
	for (unsigned round = 0; round < 4; round++) {
		uint64_t end = 0;

		for (unsigned n = 1; n < sizeof(bytes); n++) {
			struct kdbus_cmd_recv recv;
			const uint8_t *start;

			/* each round at other places, where there was something before */
			expect_eq(peer_send(a, &(struct send){.dst_id = b->id,
							      .cookie = n,
							      .data = bytes,
							      .size = 1 + (n + round) % 31}),
				  0);
			start = payload_of(peer_get_raw(b, &recv), &size);
			for (const uint8_t *p = start + size;
			     p < b->pool + recv.msg.offset + recv.msg.msg_size; p++)
				expect_eq(*p, 0);
			if (round > 0 || n % 2)
				expect_eq(peer_free(b, recv.msg.offset), 0);
			if (recv.msg.offset + recv.msg.msg_size > end)
				end = recv.msg.offset + recv.msg.msg_size;
		}
		n_other = 0;
		for (uint64_t i = end; round == 0 && i < b->pool_size; i++)
			n_other += b->pool[i] != 0;
		expect_eq(n_other, 0);
	}
}

/* the memory of a sender may be a pool */
ABI_TEST(message_out_of_a_pool)
{
	struct peer *a = peer(), *b = peer();
	const struct kdbus_msg *msg;
	struct late late;
	const uint8_t *bytes;
	size_t size;

	late_start(&late, a, &(struct send){.dst_id = b->id, .cookie = 1});
	expect_eq(late_finish(&late), 0);
	msg = expect_late(b, a->id, 1);
	bytes = payload_of(msg, &size);
	/* to oneself, and to somebody else */
	for (unsigned i = 0; i < 2; i++) {
		struct peer *to = i ? a : b;

		expect_eq(peer_send(b, &(struct send){.dst_id = to->id,
						      .cookie = 2,
						      .data = bytes,
						      .size = size}),
			  0);
		expect_late(to, b->id, 2);
	}
	/* pages of the own pool that are not there yet */
	expect_eq(peer_send(b, &(struct send){.dst_id = b->id,
					      .cookie = 3,
					      .data = b->pool + 8 * MiB,
					      .size = LATE_SIZE}),
		  0);
	expect_message(b, b->id, 3);
}
