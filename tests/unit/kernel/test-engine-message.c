/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages of the ABI as bytes: what is sent, and what is made of received ones */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "kernel/engine/engine-message.h"
#include "tests/harness/tap.h"

/* sending */

static uint64_t buffer[ENGINE_MSG_SIZE_MAX / 8];

static struct engine_payload bytes_of(const void *data, size_t size)
{
	return (struct engine_payload){.refcount = 1, .data = data, .size = size};
}

/* payload of the @n-th item of that type, NULL if there is none */
static const void *find(const struct kdbus_msg *msg, uint64_t type, unsigned n, size_t *size_out)
{
	struct engine_item item;
	size_t at = sizeof(*msg);

	*size_out = 0;
	while (engine_items_next(msg, msg->size, &at, &item)) {
		if (item.type != type || n--)
			continue;
		*size_out = item.size;
		return item.data;
	}
	return NULL;
}

TEST(header_and_one_vec)
{
	struct engine_payload payload = bytes_of("hello", 5);
	struct engine_send send = {
		.dst_id = 7, .cookie = 3, .cookie_reply = 9, .payload = &payload};
	const struct kdbus_msg *msg = engine_message_build(&send, 64, buffer);
	const struct kdbus_vec *vec;
	size_t size;

	expect_eq(msg->size, 64u + 32u);
	expect_eq(msg->dst_id, 7u);
	expect_eq(msg->src_id, 0u);
	expect_eq(msg->cookie, 3u);
	expect_eq(msg->cookie_reply, 9u);
	expect_eq(msg->payload_type, (uint64_t)KDBUS_PAYLOAD_DBUS);
	vec = find(msg, KDBUS_ITEM_PAYLOAD_VEC, 0, &size);
	expect_eq(vec->size, 5u);
	expect_eq(vec->address, (uint64_t)(uintptr_t)payload.data);
}

TEST(deadline_takes_the_place_of_cookie_reply)
{
	struct engine_payload payload = bytes_of("x", 1);
	struct engine_send send = {.flags = KDBUS_MSG_EXPECT_REPLY,
				   .dst_id = 1,
				   .cookie = 1,
				   .timeout_ns = ENGINE_NO_TIMEOUT,
				   .payload = &payload};

	expect_eq(engine_message_build(&send, 64, buffer)->timeout_ns, ENGINE_NO_TIMEOUT);
}

TEST(payload_goes_in_pieces_of_2_mib)
{
	size_t size, big = 5u * 1024 * 1024 + 1;
	struct engine_payload payload = bytes_of(malloc(big), big);
	struct engine_send send = {.dst_id = 1, .payload = &payload};
	const struct kdbus_msg *msg = engine_message_build(&send, 64, buffer);
	uint64_t at = (uintptr_t)payload.data;
	const struct kdbus_vec *vec;

	for (unsigned i = 0; i < 3; i++) {
		vec = find(msg, KDBUS_ITEM_PAYLOAD_VEC, i, &size);
		expect_eq(vec->address, at);
		expect_eq(vec->size, i < 2 ? 2097152u : big - 2 * 2097152u);
		at += vec->size;
	}
	expect(!find(msg, KDBUS_ITEM_PAYLOAD_VEC, 3, &size));
	free((void *)payload.data);
}

TEST(name_descriptors_and_no_bytes)
{
	int fds[3] = {5, 6, 7};
	struct engine_payload payload = {.refcount = 1, .fds = fds, .n_fds = 3};
	struct engine_send send = {.dst_name = "org.example", .payload = &payload};
	const struct kdbus_msg *msg = engine_message_build(&send, 64, buffer);
	size_t size;

	expect_str(find(msg, KDBUS_ITEM_DST_NAME, 0, &size), "org.example");
	expect_eq(size, sizeof("org.example"));
	expect_mem(find(msg, KDBUS_ITEM_FDS, 0, &size), 12, fds, 12);
	expect_eq(size, 12u);
	expect(!find(msg, KDBUS_ITEM_PAYLOAD_VEC, 0, &size));
	expect_eq(msg->size, 64u + 32u + 32u);
}

TEST(signal_has_a_filter_and_without_one_that_suits_every_mask)
{
	struct engine_payload payload = bytes_of("x", 1);
	uint8_t bits[64] = {1, 2, 3};
	struct engine_send send = {.flags = KDBUS_MSG_SIGNAL,
				   .bloom = bits,
				   .dst_id = KDBUS_DST_ID_BROADCAST,
				   .payload = &payload};
	const struct kdbus_bloom_filter *filter;
	size_t size;

	filter = find(engine_message_build(&send, 64, buffer), KDBUS_ITEM_BLOOM_FILTER, 0, &size);
	expect_eq(size, 72u);
	expect_eq(filter->generation, 0u);
	expect_mem(filter->data, 64, bits, 64);

	send.bloom = NULL;
	memset(bits, 0xff, sizeof(bits));
	filter = find(engine_message_build(&send, 64, buffer), KDBUS_ITEM_BLOOM_FILTER, 0, &size);
	expect_mem(filter->data, 64, bits, 64);
}

TEST(what_does_not_fit_is_not_built)
{
	/* 1022 items of 32 bytes fill 32 KiB but for the header */
	struct engine_payload payload = bytes_of((void *)8, 1022ull * ENGINE_VEC_SIZE_MAX);
	struct engine_send send = {.dst_id = 1, .payload = &payload};

	expect_eq(engine_message_build(&send, 64, buffer)->size, 32768u);
	payload.size++;
	expect(!engine_message_build(&send, 64, buffer));
}

/* receiving */

static struct engine_items items;
static struct kdbus_msg *const slice = (void *)buffer;

static void slice_init(uint64_t src_id)
{
	memset(buffer, 0xaa, sizeof(buffer));
	engine_items_init(&items, slice, sizeof(*slice), sizeof(buffer) / 2);
	slice->src_id = src_id;
	slice->dst_id = 2;
	slice->cookie = 11;
	slice->cookie_reply = 12;
	slice->payload_type = KDBUS_PAYLOAD_DBUS;
}

static void slice_add_off(uint64_t offset, uint64_t size)
{
	struct kdbus_vec vec = {.size = size, .offset = offset};

	engine_items_add(&items, KDBUS_ITEM_PAYLOAD_OFF, &vec, sizeof(vec));
}

static int devnull(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	expect_ge(fd, 0);
	return fd;
}

TEST(runs_of_bytes_and_zeros_are_joined)
{
	struct engine_received received;

	slice_init(1);
	engine_items_add(&items, KDBUS_ITEM_DST_NAME, "a.b", 4);
	slice_add_off(1024, 3);
	slice_add_off(~0ull, 4);
	slice_add_off(1027, 2);
	memcpy((char *)slice + 1024, "abcde", 5);
	expect_eq(engine_message_parse(slice, 1032, NULL, &received), 0);
	expect_eq(received.src_id, 1u);
	expect_eq(received.dst_id, 2u);
	expect_str(received.dst_name, "a.b");
	expect_eq(received.cookie, 11u);
	expect_eq(received.cookie_reply, 12u);
	expect_mem(received.payload->data, received.payload->size, "abc\0\0\0\0de", 9);
	expect(!received.is_shared);
	engine_message_release(&received);
}

TEST(memfd_is_read_and_closed)
{
	struct kdbus_memfd memfd = {.start = 2, .size = 3};
	struct engine_received received;

	slice_init(1);
	slice_add_off(1024, 1);
	memcpy((char *)slice + 1024, "a", 1);
	memfd.fd = memfd_create("payload", MFD_CLOEXEC);
	expect_eq(write(memfd.fd, "01234567", 8), 8);
	engine_items_add(&items, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_mem(received.payload->data, received.payload->size, "a234", 4);
	engine_message_release(&received);
}

static void view_release(struct engine_payload *payload)
{
}

TEST(payload_in_one_piece_may_stay_where_it_is)
{
	static const struct {
		const char *what;
		struct kdbus_vec vecs[2];
		int n_fds;
		size_t size; /* of the view; 0: it is copied */
	} rows[] = {
		{"one", {{.size = 5, .offset = 1024}}, 0, 5},
		{"one behind the other",
		 {{.size = 3, .offset = 1024}, {.size = 2, .offset = 1027}},
		 0,
		 5},
		{"with a gap", {{.size = 3, .offset = 1024}, {.size = 2, .offset = 1028}}, 0, 0},
		{"the other way round",
		 {{.size = 3, .offset = 1026}, {.size = 2, .offset = 1024}},
		 0,
		 0},
		{"zeros", {{.size = 3, .offset = ~0ull}}, 0, 0},
		{"zeros behind", {{.size = 3, .offset = 1024}, {.size = 3, .offset = ~0ull}}, 0, 0},
		{"outside", {{.size = 1025, .offset = 1024}}, 0, 0},
		{"partly out", {{.size = 3, .offset = 1024}, {.size = 1022, .offset = 1027}}, 0, 0},
		{"none", {{0}}, 0, 0},
		{"with a descriptor", {{.size = 5, .offset = 1024}}, 1, 0},
	};
	struct engine_received received;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine_payload view = {.refcount = 1, .release = view_release};
		int fd;

		note("%s", rows[i].what);
		slice_init(1);
		for (int j = 0; j < 2; j++)
			if (rows[i].vecs[j].size)
				slice_add_off(rows[i].vecs[j].offset, rows[i].vecs[j].size);
		if (rows[i].n_fds) {
			fd = devnull();
			engine_items_add(&items, KDBUS_ITEM_FDS, &fd, sizeof(fd));
		}
		expect_eq(engine_message_parse(slice, 2048, &view, &received), 0);
		expect_eq(received.payload == &view, rows[i].size > 0);
		expect_eq(view.size, rows[i].size);
		if (rows[i].size)
			expect(view.data == (const char *)slice + 1024);
		engine_message_release(&received);
		expect_eq(view.refcount, rows[i].size == 0);
	}
}

TEST(payload_that_cannot_be_had_is_empty)
{
	static const struct {
		const char *what;
		uint64_t offset, size;
	} vecs[] = {
		{"begins outside", 2049, 1},
		{"ends outside", 2048, 1},
		{"wraps", UINT64_MAX - 8, 16},
		{"huge", 64, UINT64_MAX - 8},
		{"zeros without end", UINT64_MAX, UINT64_MAX},
		{"more zeros than a message may have", UINT64_MAX, ENGINE_PAYLOAD_MAX},
	};
	struct kdbus_memfd memfd = {.start = 0, .size = 1, .fd = -1};
	struct engine_received received;

	for (size_t i = 0; i < sizeof(vecs) / sizeof(vecs[0]); i++) {
		note("%s", vecs[i].what);
		slice_init(1);
		slice_add_off(1024, 1);
		slice_add_off(vecs[i].offset, vecs[i].size);
		expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
		expect_eq(received.payload->size, 0u);
		engine_message_release(&received);
	}
	for (int i = 0; i < 3; i++) {
		note("memfd %d", i);
		slice_init(1);
		slice_add_off(1024, 1);
		memfd.fd = i == 0 ? -1 : devnull();
		memfd.start = i == 1 ? UINT64_MAX : 0;
		engine_items_add(&items, KDBUS_ITEM_PAYLOAD_MEMFD, &memfd, sizeof(memfd));
		expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
		expect_eq(received.payload->size, 0u);
		engine_message_release(&received);
	}
}

TEST(descriptors_belong_to_the_payload)
{
	struct engine_received received;
	struct engine_payload *payload;
	int before = count_fds(), fds[2] = {devnull(), devnull()};

	slice_init(1);
	slice_add_off(1024, 1);
	engine_items_add(&items, KDBUS_ITEM_FDS, fds, sizeof(fds));
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.payload->n_fds, 2u);
	expect_mem(received.payload->fds, 8, fds, 8);
	payload = engine_payload_ref(received.payload);
	engine_message_release(&received);
	expect_eq(count_fds(), before + 2);
	engine_payload_unref(payload);
	expect_eq(count_fds(), before);
}

TEST(descriptors_that_did_not_all_come_are_none)
{
	struct engine_received received;
	int fds[3] = {devnull(), -1, devnull()};

	slice_init(1);
	engine_items_add(&items, KDBUS_ITEM_FDS, fds, sizeof(fds));
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.payload->n_fds, 0u);
	engine_message_release(&received);
}

TEST(metadata_is_passed_over)
{
	struct engine_received received;

	slice_init(1);
	slice_add_off(1024, 8);
	engine_items_add(&items, KDBUS_ITEM_TIMESTAMP, NULL, sizeof(struct kdbus_timestamp));
	engine_items_add(&items, KDBUS_ITEM_BLOOM_FILTER, NULL, 72);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.payload->size, 8u);
	expect(!received.dst_name);
	engine_message_release(&received);
}

static void slice_add_owned_name(const char *name, size_t size)
{
	struct kdbus_name *owned;

	owned = engine_items_add(&items, KDBUS_ITEM_OWNED_NAME, NULL, sizeof(*owned) + size);
	memcpy(owned->name, name, size);
}

TEST(names_of_the_sender_of_a_broadcast)
{
	struct engine_received received;

	slice_init(1);
	slice_add_owned_name("a.b", 4);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect(!received.src_names);
	engine_message_release(&received);

	slice_init(1);
	slice->dst_id = KDBUS_DST_ID_BROADCAST;
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_mem(received.src_names, 1, "", 1);
	engine_message_release(&received);

	slice_init(1);
	slice->dst_id = KDBUS_DST_ID_BROADCAST;
	slice_add_owned_name("a.b", 4);
	slice_add_owned_name("no.end", 6);
	slice_add_owned_name("", 1);
	slice_add_owned_name("", 0);
	slice_add_owned_name("c.d", 4);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_mem(received.src_names, 9, "a.b\0c.d\0", 9);
	engine_message_release(&received);
}

TEST(items_that_leave_their_bounds_end_the_walk)
{
	struct engine_received received;
	struct kdbus_item *item;

	slice_init(1);
	slice_add_off(1024, 8);
	slice_add_off(1024, 8);
	item = (void *)((char *)slice + 64 + 32);
	item->size = 33;
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.payload->size, 8u);
	engine_message_release(&received);
	item->size = 15;
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.payload->size, 8u);
	engine_message_release(&received);
}

TEST(slice_smaller_than_its_message_is_refused)
{
	struct engine_received received;

	slice_init(1);
	expect_eq(engine_message_parse(slice, 63, NULL, &received), -EBADMSG);
	slice->size = 63;
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), -EBADMSG);
	slice->size = 2049;
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), -EBADMSG);
}

TEST(name_without_an_end_is_none)
{
	struct engine_received received;
	char name[300];

	memset(name, 'a', sizeof(name));
	slice_init(1);
	engine_items_add(&items, KDBUS_ITEM_DST_NAME, "a.b", 3);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect(!received.dst_name);
	engine_message_release(&received);
	slice_init(1);
	name[299] = '\0';
	engine_items_add(&items, KDBUS_ITEM_DST_NAME, name, sizeof(name));
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect(!received.dst_name);
	engine_message_release(&received);
}

static void slice_add_name_change(uint64_t type, const char *name)
{
	struct kdbus_notify_name_change *change;

	change = engine_items_add(&items, type, NULL, sizeof(*change) + strlen(name) + 1);
	change->old_id.id = 3;
	change->old_id.flags = 4;
	change->new_id.id = 5;
	change->new_id.flags = 6;
	strcpy(change->name, name);
}

TEST(notifications)
{
	struct kdbus_notify_id_change change = {.id = 8, .flags = 1};
	struct engine_received received;

	slice_init(KDBUS_SRC_ID_KERNEL);
	slice_add_name_change(KDBUS_ITEM_NAME_CHANGE, "a.b");
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.notification.type, (uint64_t)KDBUS_ITEM_NAME_CHANGE);
	expect_eq(received.notification.old_id, 3u);
	expect_eq(received.notification.old_flags, 4u);
	expect_eq(received.notification.new_id, 5u);
	expect_eq(received.notification.new_flags, 6u);
	expect_str(received.notification.name, "a.b");
	expect(!received.payload);
	engine_message_release(&received);

	slice_init(KDBUS_SRC_ID_KERNEL);
	engine_items_add(&items, KDBUS_ITEM_ID_ADD, &change, sizeof(change));
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.notification.new_id, 8u);
	expect_eq(received.notification.new_flags, 1u);
	expect_eq(received.notification.old_id, 0u);
	engine_message_release(&received);

	slice_init(KDBUS_SRC_ID_KERNEL);
	engine_items_add(&items, KDBUS_ITEM_ID_REMOVE, &change, sizeof(change));
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.notification.old_id, 8u);
	expect_eq(received.notification.new_id, 0u);
	engine_message_release(&received);

	slice_init(KDBUS_SRC_ID_KERNEL);
	engine_items_add(&items, KDBUS_ITEM_REPLY_DEAD, NULL, 0);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), 0);
	expect_eq(received.notification.type, (uint64_t)KDBUS_ITEM_REPLY_DEAD);
	expect_eq(received.notification.cookie_reply, 12u);
	engine_message_release(&received);
}

TEST(notification_that_makes_no_sense_is_refused)
{
	struct engine_received received;

	slice_init(KDBUS_SRC_ID_KERNEL);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), -EBADMSG);
	engine_items_add(&items, KDBUS_ITEM_TIMESTAMP, NULL, sizeof(struct kdbus_timestamp));
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), -EBADMSG);

	slice_init(KDBUS_SRC_ID_KERNEL);
	engine_items_add(&items, KDBUS_ITEM_NAME_ADD, NULL, 32);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), -EBADMSG);

	slice_init(KDBUS_SRC_ID_KERNEL);
	engine_items_add(&items, KDBUS_ITEM_ID_ADD, NULL, 8);
	expect_eq(engine_message_parse(slice, 2048, NULL, &received), -EBADMSG);
}

TEST(random_damage_neither_reads_outside_nor_leaks)
{
	/* exactly as large as the slice, so that a sanitizer sees a read behind it */
	unsigned char *copy = malloc(2048);
	struct engine_received received;

	srandom(1);
	for (int round = 0; round < 20000; round++) {
		slice_init(random() % 4);
		if (random() % 2)
			slice_add_name_change(KDBUS_ITEM_NAME_ADD, "org.example.name");
		engine_items_add(&items, KDBUS_ITEM_DST_NAME, "a.b", 4);
		slice_add_off(1024, 100);
		slice_add_off(~0ull, 100);
		memcpy(copy, slice, 2048);
		for (int i = random() % 4; i >= 0; i--) {
			size_t at = (random() % 32) * 8;
			uint64_t word = random() % 4 ? random() % 300 : UINT64_MAX - random() % 300;

			/* descriptors would be closed: leave out what makes them */
			if (word == KDBUS_ITEM_FDS || word == KDBUS_ITEM_PAYLOAD_MEMFD)
				continue;
			memcpy(copy + at, &word, sizeof(word));
		}
		if (engine_message_parse(copy, 2048, NULL, &received) == 0)
			engine_message_release(&received);
	}
	free(copy);
}
