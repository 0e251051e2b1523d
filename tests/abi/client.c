/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/abi/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define HANDLES_MAX 1400
#define ITEM_HEADER offsetof(struct kdbus_item, data)

static const uint64_t zero_bloom[8];
static void *handles[HANDLES_MAX];
static size_t n_handles;
static struct peer peers[HANDLES_MAX];
static size_t n_peers;

const struct abi_carrier *carrier;
struct bus B;

/* the test */

bool p1(void)
{
	const char *profile = getenv("ABI_PROFILE");

	return profile && strcmp(profile, "P1") == 0;
}

void row(const char *id)
{
	note("row %s", id);
}

void need(unsigned feature)
{
	if (!(carrier->features & feature))
		skip("not with this carrier");
}

void abi_begin(void)
{
	const char *name = getenv("ABI_CARRIER");
	struct rlimit limit;
	struct cmd cmd;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	carrier = &abi_embedded;
	if (name && strcmp(name, "file") == 0)
		carrier = &abi_file;
	else if (name && strcmp(name, "late") == 0)
		carrier = &abi_late;
	else if (name && strcmp(name, "remote") == 0)
		carrier = &abi_remote;
	expect_eq(carrier->begin(p1()), 0);
	snprintf(B.name, sizeof(B.name), "%s", bus_fresh_name());
	snprintf(B.path, sizeof(B.path), "%s/bus", B.name);
	expect_eq(node_open("control", NULL, &B.owner), 0);
	bus_cmd(&cmd, B.name, 64, KDBUS_MAKE_ACCESS_WORLD);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, _KDBUS_ATTACH_ALL);
	expect_eq(node_ioctl(B.owner, KDBUS_CMD_BUS_MAKE, &cmd), 0);
	if (p1())
		expect_eq(carrier->set_attach_mask(_KDBUS_ATTACH_ALL), 0);
}

void abi_end(void)
{
	for (size_t i = 0; i < n_peers; i++)
		if (peers[i].h)
			peer_close(&peers[i]);
	n_peers = 0;
	while (n_handles > 0)
		node_close(handles[n_handles - 1]);
	carrier->end();
}

/* system calls */

int node_open(const char *path, const struct abi_cred *cred, void **handle_out)
{
	int r;

	r = carrier->open(path, cred, handle_out);
	if (r < 0)
		return r;
	expect_lt(n_handles, HANDLES_MAX);
	handles[n_handles++] = *handle_out;
	return 0;
}

void node_close(void *handle)
{
	for (size_t i = 0; i < n_handles; i++) {
		if (handles[i] != handle)
			continue;
		handles[i] = handles[--n_handles];
		carrier->close(handle);
		return;
	}
	fail("not open");
}

int node_ioctl(void *handle, unsigned long nr, void *cmd)
{
	return carrier->ioctl(handle, nr, cmd);
}

const char *node_path(const char *endpoint)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", B.name, endpoint);
	return path;
}

/* commands */

void cmd_fill(struct cmd *cmd, struct cmd *msg, unsigned long nr, uint64_t peer_id)
{
	switch (nr) {
	case KDBUS_CMD_BUS_MAKE:
		bus_cmd(cmd, bus_fresh_name(), 64, 0);
		break;
	case KDBUS_CMD_ENDPOINT_MAKE:
		cmd_init(cmd, sizeof(cmd->cmd), 0);
		cmd_add_str(cmd, KDBUS_ITEM_MAKE_NAME, endpoint_name("fill"));
		break;
	case KDBUS_CMD_HELLO:
		hello_init(cmd, KDBUS_HELLO_ACCEPT_FD);
		break;
	case KDBUS_CMD_FREE:
		cmd_init(cmd, sizeof(cmd->free), 0);
		cmd->free.offset = 16 * MiB;
		break;
	case KDBUS_CMD_CONN_INFO:
	case KDBUS_CMD_BUS_CREATOR_INFO:
		cmd_init(cmd, sizeof(cmd->info), 0);
		if (nr == KDBUS_CMD_CONN_INFO)
			cmd->info.id = peer_id;
		break;
	case KDBUS_CMD_LIST:
		cmd_init(cmd, sizeof(cmd->list), KDBUS_LIST_UNIQUE);
		break;
	case KDBUS_CMD_SEND:
		msg_init(msg, &(struct send){.dst_id = peer_id, .cookie = 1});
		cmd_init(cmd, sizeof(cmd->send), 0);
		cmd->send.msg_address = (uintptr_t)msg;
		break;
	case KDBUS_CMD_RECV:
		cmd_init(cmd, sizeof(cmd->recv), 0);
		break;
	case KDBUS_CMD_NAME_ACQUIRE:
	case KDBUS_CMD_NAME_RELEASE:
		cmd_init(cmd, sizeof(cmd->cmd), 0);
		cmd_add_str(cmd, KDBUS_ITEM_NAME, "com.example.fill");
		break;
	case KDBUS_CMD_MATCH_ADD:
	case KDBUS_CMD_MATCH_REMOVE:
		cmd_init(cmd, sizeof(cmd->match), 0);
		cmd->match.cookie = 99;
		break;
	default:
		/* ENDPOINT_UPDATE, UPDATE, BYEBYE */
		cmd_init(cmd, sizeof(cmd->cmd), 0);
		break;
	}
}

/* bus */

const char *bus_fresh_name(void)
{
	static char name[64];
	static unsigned n;

	snprintf(name, sizeof(name), "%u-abi-%u-%u", geteuid(), getpid(), n++);
	return name;
}

void bus_cmd(struct cmd *cmd, const char *name, uint64_t bloom_size, uint64_t flags)
{
	struct kdbus_bloom_parameter bloom = {.size = bloom_size, .n_hash = 1};

	cmd_init(cmd, sizeof(cmd->cmd), flags);
	if (bloom_size)
		cmd_add(cmd, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
	if (name)
		cmd_add_str(cmd, KDBUS_ITEM_MAKE_NAME, name);
}

/* peers */

void hello_init(struct cmd *hello, uint64_t flags)
{
	cmd_init(hello, sizeof(hello->hello), flags);
	hello->hello.attach_flags_send = _KDBUS_ATTACH_ALL;
	hello->hello.pool_size = 16 * MiB;
}

int hello(struct peer **peer_out, struct cmd *cmd, const char *endpoint,
	  const struct abi_cred *cred)
{
	struct peer *peer;
	void *address, *h;
	int r;

	r = node_open(node_path(endpoint ?: "bus"), cred, &h);
	if (r < 0)
		return r;
	r = node_ioctl(h, KDBUS_CMD_HELLO, cmd);
	if (r < 0) {
		node_close(h);
		return r;
	}
	expect_lt(n_peers, HANDLES_MAX);
	peer = &peers[n_peers++];
	peer->h = h;
	peer->id = cmd->hello.id;
	peer->pool_size = cmd->hello.pool_size;
	expect_eq(carrier->mmap(h, peer->pool_size, PROT_READ, false, 0, &address), 0);
	peer->pool = address;
	if (!(cmd->hello.flags & KDBUS_HELLO_POLICY_HOLDER))
		expect_eq(peer_free(peer, cmd->hello.offset), 0);
	if (peer_out)
		*peer_out = peer;
	return 0;
}

struct peer *peer_hello(struct cmd *cmd, const char *endpoint, const struct abi_cred *cred)
{
	struct peer *peer;

	expect_eq(hello(&peer, cmd, endpoint, cred), 0);
	return peer;
}

struct peer *peer(void)
{
	return peer_flags(KDBUS_HELLO_ACCEPT_FD);
}

struct peer *peer_flags(uint64_t flags)
{
	struct cmd cmd;

	hello_init(&cmd, flags);
	return peer_hello(&cmd, NULL, NULL);
}

struct peer *peer_recv_flags(uint64_t attach_flags_recv)
{
	struct cmd cmd;

	hello_init(&cmd, KDBUS_HELLO_ACCEPT_FD);
	cmd.hello.attach_flags_recv = attach_flags_recv;
	return peer_hello(&cmd, NULL, NULL);
}

struct peer *peer_pool(uint64_t size)
{
	struct cmd cmd;

	hello_init(&cmd, KDBUS_HELLO_ACCEPT_FD);
	cmd.hello.pool_size = size;
	return peer_hello(&cmd, NULL, NULL);
}

struct peer *peer_uid(uint32_t uid)
{
	return peer_at("bus", &(struct abi_cred){.uid = uid, .gid = uid});
}

struct peer *peer_at(const char *endpoint, const struct abi_cred *cred)
{
	struct cmd cmd;

	if (cred)
		need(ABI_CAN_CRED);
	hello_init(&cmd, KDBUS_HELLO_ACCEPT_FD);
	return peer_hello(&cmd, endpoint, cred);
}

struct peer *peer_monitor(void)
{
	return peer_flags(KDBUS_HELLO_MONITOR);
}

struct peer *peer_activator(const char *name)
{
	struct cmd cmd;

	hello_init(&cmd, KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_ACCEPT_FD);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	return peer_hello(&cmd, NULL, NULL);
}

struct peer *peer_holder(const char *name, uint64_t type, uint64_t access, uint64_t id)
{
	struct cmd cmd;

	hello_init(&cmd, KDBUS_HELLO_POLICY_HOLDER);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	if (type)
		cmd_add_access(&cmd, type, access, id);
	return peer_hello(&cmd, NULL, NULL);
}

void peer_close(struct peer *peer)
{
	munmap((void *)peer->pool, peer->pool_size);
	node_close(peer->h);
	peer->h = NULL;
}

const char *endpoint_name(const char *name)
{
	static char text[80];

	snprintf(text, sizeof(text), "%u-%s", geteuid(), name);
	return text;
}

void *endpoint_make(const char *name, uint64_t flags)
{
	struct cmd cmd;
	void *h;

	expect_eq(node_open(B.path, NULL, &h), 0);
	cmd_init(&cmd, sizeof(cmd.cmd), flags);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, &cmd), 0);
	return h;
}

int peer_ioctl(struct peer *peer, unsigned long nr, void *cmd)
{
	return node_ioctl(peer->h, nr, cmd);
}

int peer_acquire_flags(struct peer *peer, const char *name, uint64_t flags,
		       uint64_t *return_flags_out)
{
	struct cmd cmd;
	int r;

	cmd_init(&cmd, sizeof(cmd.cmd), flags);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	r = peer_ioctl(peer, KDBUS_CMD_NAME_ACQUIRE, &cmd);
	*return_flags_out = cmd.cmd.return_flags;
	return r;
}

int peer_acquire(struct peer *peer, const char *name, uint64_t flags)
{
	uint64_t return_flags;

	return peer_acquire_flags(peer, name, flags, &return_flags);
}

int peer_release(struct peer *peer, const char *name)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	return peer_ioctl(peer, KDBUS_CMD_NAME_RELEASE, &cmd);
}

int peer_byebye(struct peer *peer)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	return peer_ioctl(peer, KDBUS_CMD_BYEBYE, &cmd);
}

int peer_free(struct peer *peer, uint64_t offset)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.free), 0);
	cmd.free.offset = offset;
	return peer_ioctl(peer, KDBUS_CMD_FREE, &cmd);
}

int peer_update_flags(struct peer *peer, const uint64_t *send, const uint64_t *recv)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	if (send)
		cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, *send);
	if (recv)
		cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_RECV, *recv);
	return peer_ioctl(peer, KDBUS_CMD_UPDATE, &cmd);
}

int peer_update_policy(struct peer *peer, const char *name, uint64_t type, uint64_t access,
		       uint64_t id)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	if (name)
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	if (type)
		cmd_add_access(&cmd, type, access, id);
	return peer_ioctl(peer, KDBUS_CMD_UPDATE, &cmd);
}

short peer_events(struct peer *peer)
{
	return carrier->poll(peer->h, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM, 0);
}

bool peer_wait(struct peer *peer, int timeout_ms)
{
	return carrier->poll(peer->h, POLLIN, timeout_ms) & POLLIN;
}

/* matches */

void match_init(struct cmd *match, uint64_t cookie, uint64_t flags)
{
	cmd_init(match, sizeof(match->match), flags);
	match->match.cookie = cookie;
}

int peer_match(struct peer *peer, struct cmd *match)
{
	return peer_ioctl(peer, KDBUS_CMD_MATCH_ADD, match);
}

int peer_unmatch(struct peer *peer, uint64_t cookie)
{
	struct cmd match;

	match_init(&match, cookie, 0);
	return peer_ioctl(peer, KDBUS_CMD_MATCH_REMOVE, &match);
}

void peer_match_all(struct peer *peer)
{
	struct cmd match;

	match_init(&match, 1, 0);
	cmd_add_u64(&match, KDBUS_ITEM_ID, ANY);
	expect_eq(peer_match(peer, &match), 0);
}

void peer_match_empty(struct peer *peer)
{
	struct cmd match;

	match_init(&match, 1, 0);
	expect_eq(peer_match(peer, &match), 0);
}

void peer_match_type(struct peer *peer, uint64_t type)
{
	struct cmd match;

	match_init(&match, 1, 0);
	if (type == KDBUS_ITEM_ID_ADD || type == KDBUS_ITEM_ID_REMOVE)
		cmd_add_id_change(&match, type, ANY);
	else
		cmd_add_name_change(&match, type, ANY, ANY, NULL);
	expect_eq(peer_match(peer, &match), 0);
}

void peer_match_notifications(struct peer *peer)
{
	for (uint64_t type = KDBUS_ITEM_NAME_ADD; type <= KDBUS_ITEM_ID_REMOVE; type++)
		peer_match_type(peer, type);
}

/* messages */

void msg_init(struct cmd *msg, const struct send *send)
{
	struct kdbus_item *item;

	cmd_init(msg, sizeof(msg->msg), send->flags);
	msg->msg.priority = send->priority;
	msg->msg.dst_id = send->dst_id;
	msg->msg.payload_type = KDBUS_PAYLOAD_DBUS;
	msg->msg.cookie = send->cookie;
	msg->msg.cookie_reply = send->cookie_reply;
	if (send->dst_name)
		cmd_add_str(msg, KDBUS_ITEM_DST_NAME, send->dst_name);
	if (send->flags & KDBUS_MSG_SIGNAL) {
		item = cmd_add(msg, KDBUS_ITEM_BLOOM_FILTER, NULL,
			       sizeof(struct kdbus_bloom_filter) + 64);
		item->bloom_filter.generation = send->generation;
		memcpy(item->bloom_filter.data, send->bloom ?: zero_bloom, 64);
	}
	if (send->size > 0) {
		struct kdbus_vec vec = {.size = send->size, .address = (uintptr_t)send->data};

		cmd_add(msg, KDBUS_ITEM_PAYLOAD_VEC, &vec, sizeof(vec));
	}
	if (send->n_fds > 0)
		cmd_add(msg, KDBUS_ITEM_FDS, send->fds, send->n_fds * sizeof(int));
}

int peer_send_msg(struct peer *peer, struct cmd *msg)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.send), 0);
	cmd.send.msg_address = (uintptr_t)msg;
	return peer_ioctl(peer, KDBUS_CMD_SEND, &cmd);
}

int peer_send(struct peer *peer, const struct send *send)
{
	struct cmd msg;

	msg_init(&msg, send);
	return peer_send_msg(peer, &msg);
}

int peer_send_to(struct peer *peer, uint64_t dst_id, uint64_t cookie, size_t size)
{
	static const char zeros[3 * MiB];

	expect_le(size, sizeof(zeros));
	return peer_send(
		peer,
		&(struct send){.dst_id = dst_id, .cookie = cookie, .data = zeros, .size = size});
}

int peer_send_name(struct peer *peer, const char *name, uint64_t cookie)
{
	return peer_send(peer, &(struct send){.dst_name = name, .cookie = cookie});
}

int peer_call(struct peer *peer, uint64_t dst_id, uint64_t cookie, uint64_t deadline_ns)
{
	return peer_send(peer, &(struct send){.flags = KDBUS_MSG_EXPECT_REPLY,
					      .dst_id = dst_id,
					      .cookie = cookie,
					      .cookie_reply = deadline_ns});
}

int peer_reply(struct peer *peer, uint64_t dst_id, uint64_t cookie_reply)
{
	return peer_send(peer, &(struct send){.dst_id = dst_id,
					      .cookie = 1000 + cookie_reply,
					      .cookie_reply = cookie_reply});
}

int peer_broadcast(struct peer *peer, uint64_t cookie)
{
	return peer_send(
		peer,
		&(struct send){.flags = KDBUS_MSG_SIGNAL, .dst_id = BROADCAST, .cookie = cookie});
}

uint64_t in_ms(unsigned ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec + ms * 1000000ULL;
}

int memfd_sealed(size_t size, unsigned seals)
{
	char bytes[4096];
	int fd;

	fd = memfd_create("abi", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	expect_ge(fd, 0);
	memset(bytes, 'm', sizeof(bytes));
	expect_le(size, sizeof(bytes));
	expect_eq(write(fd, bytes, size), (ssize_t)size);
	expect_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* receiving */

int peer_recv_raw(struct peer *peer, uint64_t flags, int64_t priority, struct kdbus_cmd_recv *recv)
{
	*recv = (struct kdbus_cmd_recv){
		.size = sizeof(*recv),
		.flags = flags,
		.priority = priority,
	};
	return peer_ioctl(peer, KDBUS_CMD_RECV, recv);
}

const struct kdbus_msg *peer_get_raw(struct peer *peer, struct kdbus_cmd_recv *recv)
{
	expect_eq(peer_recv_raw(peer, 0, 0, recv), 0);
	return (const void *)(peer->pool + recv->msg.offset);
}

static void got_text(struct got *got, const void *text, size_t size)
{
	size_t left = sizeof(got->text) - 1 - got->size;

	if (got->size >= sizeof(got->text) - 1)
		left = 0;
	memcpy(got->text + got->size, text, size < left ? size : left);
	got->size += size;
}

static void got_item(struct got *got, const struct kdbus_msg *msg, const struct kdbus_item *item)
{
	const struct kdbus_notify_name_change *change = &item->name_change;
	size_t n;

	switch (item->type) {
	case KDBUS_ITEM_PAYLOAD_OFF:
		if (item->vec.offset == ~0ULL)
			got->size += item->vec.size;
		else
			got_text(got, (const uint8_t *)msg + item->vec.offset, item->vec.size);
		break;
	case KDBUS_ITEM_FDS:
		n = (item->size - ITEM_HEADER) / sizeof(int);
		expect_le(n, N_OF(got->fds));
		memcpy(got->fds, item->fds, n * sizeof(int));
		got->n_fds = n;
		break;
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		if (item->memfd.fd >= 0)
			close(item->memfd.fd);
		break;
	case KDBUS_ITEM_ID_ADD:
		got->new_id = item->id_change.id;
		got->new_flags = item->id_change.flags;
		break;
	case KDBUS_ITEM_ID_REMOVE:
		got->old_id = item->id_change.id;
		got->old_flags = item->id_change.flags;
		break;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		got->old_id = change->old_id.id;
		got->old_flags = change->old_id.flags;
		got->new_id = change->new_id.id;
		got->new_flags = change->new_id.flags;
		got_text(got, change->name, strlen(change->name));
		break;
	}
}

int peer_recv(struct peer *peer, struct got *got)
{
	struct kdbus_cmd_recv recv;
	const struct kdbus_msg *msg;
	const uint8_t *end = NULL;
	int r;

	*got = (struct got){};
	r = peer_recv_raw(peer, 0, 0, &recv);
	got->dropped = recv.dropped_msgs;
	expect_eq(recv.return_flags,
		  got->dropped > 0 ? KDBUS_RECV_RETURN_DROPPED_MSGS : (uint64_t)0);
	if (r < 0)
		return r;

	got->offset = recv.msg.offset;
	got->slice_size = recv.msg.msg_size;
	got->return_flags = recv.msg.return_flags;
	msg = (const void *)(peer->pool + got->offset);
	got->src_id = msg->src_id;
	got->dst_id = msg->dst_id;
	got->flags = msg->flags;
	got->cookie = msg->cookie;
	got->cookie_reply = msg->cookie_reply;
	got->payload_type = msg->payload_type;
	if (msg->payload_type == KDBUS_PAYLOAD_KERNEL)
		got->type = msg->items[0].type;
	FOR_EACH_ITEM(item, msg->items, MSG_END(msg))
	{
		expect_ge(item->size, ITEM_HEADER);
		got_item(got, msg, item);
		end = (const uint8_t *)item + item->size;
	}
	/* 11.0: a walk does not overshoot by 8 bytes or more */
	if (end)
		expect_lt(end - MSG_END(msg), 8);
	expect_eq(peer_free(peer, got->offset), 0);
	return 0;
}

struct got peer_get(struct peer *peer)
{
	struct got got;

	expect_eq(peer_recv(peer, &got), 0);
	return got;
}

void expect_nothing(struct peer *peer)
{
	struct got got;

	expect_eq(peer_recv(peer, &got), -EAGAIN);
}

void expect_message(struct peer *peer, uint64_t src_id, uint64_t cookie)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, 0);
	expect_eq(got.src_id, src_id);
	expect_eq(got.cookie, cookie);
}

void expect_name(struct peer *peer, uint64_t type, const char *name, uint64_t old_id,
		 uint64_t old_flags, uint64_t new_id, uint64_t new_flags)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, type);
	expect_str(got.text, name);
	expect_eq(got.old_id, old_id);
	expect_eq(got.old_flags, nf(old_flags));
	expect_eq(got.new_id, new_id);
	expect_eq(got.new_flags, nf(new_flags));
}

void expect_id(struct peer *peer, uint64_t type, uint64_t id)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, type);
	expect_eq(type == KDBUS_ITEM_ID_ADD ? got.new_id : got.old_id, id);
}

void expect_reply_note(struct peer *peer, uint64_t type, uint64_t cookie)
{
	struct got got = peer_get(peer);

	expect_eq(got.type, type);
	expect_eq(got.src_id, KDBUS_SRC_ID_KERNEL);
	expect_eq(got.dst_id, peer->id);
	expect_eq(got.cookie_reply, cookie);
}

unsigned peer_drain(struct peer *peer)
{
	struct got got;
	unsigned n = 0;

	while (peer_recv(peer, &got) == 0)
		n++;
	return n;
}

/* results */

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

const char *peer_list(struct peer *peer, uint64_t flags)
{
	static char text[4096], records[64][128];
	const struct kdbus_info *info;
	const uint8_t *data;
	struct cmd cmd;
	size_t n = 0, n_records = 0;

	text[0] = '\0';
	cmd_init(&cmd, sizeof(cmd.list), flags);
	expect_eq(peer_ioctl(peer, KDBUS_CMD_LIST, &cmd), 0);
	data = peer->pool + cmd.list.offset;
	for (uint64_t pos = 0; pos < cmd.list.list_size; pos += info->size) {
		info = (const void *)(data + pos);
		expect_eq(info->size % 8, 0);
		expect_lt(n_records, N_OF(records));
		if (info->size > sizeof(*info))
			snprintf(records[n_records++], sizeof(records[0]), "%llu:%s/%llx",
				 (unsigned long long)info->id, info->items[0].name.name,
				 (unsigned long long)info->items[0].name.flags);
		else
			snprintf(records[n_records++], sizeof(records[0]), "%llu",
				 (unsigned long long)info->id);
	}
	expect_eq(peer_free(peer, cmd.list.offset), 0);
	/* the order of connections is not specified */
	qsort(records, n_records, sizeof(records[0]), by_text);
	for (size_t i = 0; i < n_records; i++)
		n += snprintf(text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "", records[i]);
	return text;
}

static int info_command(struct peer *peer, unsigned long nr, struct cmd *cmd,
			const struct kdbus_info **info_out)
{
	const struct kdbus_info *info;
	int r;

	r = peer_ioctl(peer, nr, cmd);
	if (r < 0)
		return r;
	info = (const void *)(peer->pool + cmd->info.offset);
	expect_eq(info->size, cmd->info.info_size);
	if (info_out)
		*info_out = info;
	return 0;
}

int peer_info(struct peer *peer, uint64_t id, const char *name, uint64_t attach_flags,
	      const struct kdbus_info **info_out)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.id = id;
	cmd.info.attach_flags = attach_flags;
	if (name)
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, name);
	return info_command(peer, KDBUS_CMD_CONN_INFO, &cmd, info_out);
}

int peer_creator_info(struct peer *peer, uint64_t attach_flags, const struct kdbus_info **info_out)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.info), 0);
	cmd.info.attach_flags = attach_flags;
	return info_command(peer, KDBUS_CMD_BUS_CREATOR_INFO, &cmd, info_out);
}

uint64_t items_mask(const struct kdbus_item *first, const void *end)
{
	uint64_t mask = 0;

	FOR_EACH_ITEM(item, first, end)
	if (item->type >= _KDBUS_ITEM_ATTACH_BASE && item->type < _KDBUS_ITEM_POLICY_BASE)
		mask |= 1ULL << (item->type - _KDBUS_ITEM_ATTACH_BASE);
	return mask;
}

const struct kdbus_item *items_find(const struct kdbus_item *first, const void *end, uint64_t type)
{
	FOR_EACH_ITEM(item, first, end)
	if (item->type == type)
		return item;
	return NULL;
}

uint64_t nf(uint64_t flags)
{
	return p1() ? flags & ~(uint64_t)(KDBUS_NAME_PRIMARY | KDBUS_NAME_ACQUIRED) : flags;
}
