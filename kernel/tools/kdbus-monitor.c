/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdbus-monitor: what passes a bus
 *
 * A monitor connection of its own: one line for each message and notification, or a capture
 * with the messages that are D-Bus.  What it could not take is counted by the bus, and told.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "kernel/tools/names.h"
#include "kernel/tools/node.h"
#include "kernel/tools/pcap.h"

#define POOL_SIZE (64u << 20)

/**
 * struct monitor - what is being done
 * @node: its connection
 * @capture: or NULL: print
 * @payload: of one message, in one piece
 * @capacity: of that
 */
struct monitor {
	struct node node;
	FILE *capture;
	uint8_t *payload;
	size_t capacity;
};

#define for_each_item(item, msg)                                                                   \
	for ((item) = (msg)->items;                                                                \
	     (const uint8_t *)(item) < (const uint8_t *)(msg) + (msg)->size;                       \
	     (item) = (const void *)((const uint8_t *)(item) +                                     \
				     (((item)->size + 7) & ~UINT64_C(7))))

static const struct kdbus_item *find_item(const struct kdbus_msg *msg, uint64_t type)
{
	const struct kdbus_item *item;

	for_each_item(item, msg) if (item->type == type) return item;
	return NULL;
}

static uint64_t sent_at(const struct kdbus_msg *msg)
{
	const struct kdbus_item *item = find_item(msg, KDBUS_ITEM_TIMESTAMP);

	return item ? item->timestamp.realtime_ns : 0;
}

/* the payload */

static bool room_for(struct monitor *monitor, size_t size)
{
	uint8_t *more;

	if (size <= monitor->capacity)
		return true;
	more = realloc(monitor->payload, size);
	if (!more)
		return false;
	monitor->payload = more;
	monitor->capacity = size;
	return true;
}

static bool append_file(struct monitor *monitor, size_t at, const struct kdbus_item *item)
{
	uint64_t done = 0;
	ssize_t n;

	for (; done < item->memfd.size; done += n) {
		n = pread(item->memfd.fd, monitor->payload + at + done, item->memfd.size - done,
			  item->memfd.start + done);
		if (n <= 0)
			return false;
	}
	return true;
}

/* all of it in one piece; false if it cannot be had */
static bool collect(struct monitor *monitor, const struct kdbus_msg *msg, size_t *size_out)
{
	const struct kdbus_item *item;
	uint64_t size, total = 0;

	for_each_item(item, msg)
	{
		if (item->type != KDBUS_ITEM_PAYLOAD_OFF && item->type != KDBUS_ITEM_PAYLOAD_MEMFD)
			continue;
		size = item->type == KDBUS_ITEM_PAYLOAD_OFF ? item->vec.size : item->memfd.size;
		/* of zeros there may be any number */
		if (size > UINT32_MAX || total + size > UINT32_MAX ||
		    !room_for(monitor, total + size))
			return false;
		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD) {
			if (!append_file(monitor, total, item))
				return false;
		} else if (item->vec.offset == ~UINT64_C(0)) {
			memset(monitor->payload + total, 0, size);
		} else {
			memcpy(monitor->payload + total, (const uint8_t *)msg + item->vec.offset,
			       size);
		}
		total += size;
	}
	*size_out = total;
	return true;
}

/* descriptors that came along have been looked at */
static void close_fds(const struct kdbus_msg *msg)
{
	const struct kdbus_item *item;

	for_each_item(item, msg)
	{
		if (item->type == KDBUS_ITEM_PAYLOAD_MEMFD && item->memfd.fd >= 0)
			close(item->memfd.fd);
		if (item->type == KDBUS_ITEM_FDS)
			for (size_t i = 0; i < (item->size - 16) / sizeof(int); i++)
				if (item->fds[i] >= 0)
					close(item->fds[i]);
	}
}

/* lines */

static void print_notification(const struct kdbus_msg *msg)
{
	const struct kdbus_item *item = msg->items;
	const char *what = name_of_notification(item->type);

	printf("bus  %s", what ?: "notification");
	switch (item->type) {
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		printf("  %s  %" PRIu64 " -> %" PRIu64, item->name_change.name,
		       (uint64_t)item->name_change.old_id.id,
		       (uint64_t)item->name_change.new_id.id);
		break;
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		printf("  %" PRIu64 "  %s", (uint64_t)item->id_change.id,
		       name_of_kind(item->id_change.flags));
		break;
	case KDBUS_ITEM_REPLY_TIMEOUT:
	case KDBUS_ITEM_REPLY_DEAD:
		printf("  %" PRIu64 "  cookie=%" PRIu64, (uint64_t)msg->dst_id,
		       (uint64_t)msg->cookie_reply);
		break;
	}
	putchar('\n');
}

static void print_message(const struct kdbus_msg *msg, size_t size)
{
	const struct kdbus_item *item;
	size_t n_fds = 0;

	printf("%" PRIu64 " -> ", (uint64_t)msg->src_id);
	item = find_item(msg, KDBUS_ITEM_DST_NAME);
	if (msg->dst_id == KDBUS_DST_ID_BROADCAST)
		fputs("all", stdout);
	else if (item)
		print_escaped(stdout, item->str, strnlen(item->str, item->size - 16));
	else
		printf("%" PRIu64, (uint64_t)msg->dst_id);
	printf("  cookie=%" PRIu64, (uint64_t)msg->cookie);
	if (!(msg->flags & KDBUS_MSG_EXPECT_REPLY) && msg->cookie_reply)
		printf("  answers=%" PRIu64, (uint64_t)msg->cookie_reply);
	print_message_flags(stdout, msg->flags);
	printf("  %zu bytes", size);
	item = find_item(msg, KDBUS_ITEM_FDS);
	if (item)
		n_fds = (item->size - 16) / sizeof(int);
	if (n_fds)
		printf("  %zu descriptors", n_fds);
	if (msg->priority)
		printf("  priority=%" PRId64, (int64_t)msg->priority);
	putchar('\n');
}

static int handle(struct monitor *monitor, const struct kdbus_msg *msg)
{
	size_t size = 0;
	bool has_payload = collect(monitor, msg, &size);

	if (monitor->capture) {
		if (has_payload && msg->payload_type == KDBUS_PAYLOAD_DBUS && size)
			return pcap_write(monitor->capture, sent_at(msg), monitor->payload, size);
		return 0;
	}
	if (msg->src_id == KDBUS_SRC_ID_KERNEL)
		print_notification(msg);
	else
		print_message(msg, size);
	return 0;
}

/* one message: 0, -EAGAIN when there is none, or another errno */
static int receive(struct monitor *monitor)
{
	struct kdbus_cmd_recv cmd = {.size = sizeof(cmd)};
	const struct kdbus_msg *msg;
	int r;

	r = node_command(&monitor->node, KDBUS_CMD_RECV, &cmd);
	if (cmd.dropped_msgs)
		fprintf(stderr, "kdbus-monitor: %" PRIu64 " messages were too many\n",
			(uint64_t)cmd.dropped_msgs);
	if (r < 0)
		return r;
	msg = (const void *)(monitor->node.pool + cmd.msg.offset);
	r = handle(monitor, msg);
	close_fds(msg);
	node_free(&monitor->node, cmd.msg.offset);
	return r;
}

/* until it is told to end, or the bus does */
static int watch(struct monitor *monitor)
{
	struct pollfd fds[2] = {{.fd = monitor->node.fd, .events = POLLIN}};
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fds[1] = (struct pollfd){.fd = signalfd(-1, &mask, SFD_CLOEXEC), .events = POLLIN};
	for (;;) {
		do {
			r = receive(monitor);
		} while (!r);
		if (r != -EAGAIN)
			break;
		r = 0;
		fflush(stdout);
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			r = -errno;
		if (r < 0 || fds[1].revents)
			break;
	}
	close(fds[1].fd);
	return r;
}

static void usage(FILE *file)
{
	fputs("usage: kdbus-monitor [--pcap=FILE] ENDPOINT\n", file);
}

static int run(struct monitor *monitor, const char *path)
{
	struct kdbus_cmd_hello hello;
	struct stat st;
	char endpoint[4096];
	int r;

	/* the directory of a bus means its default endpoint */
	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		if ((size_t)snprintf(endpoint, sizeof(endpoint), "%s/bus", path) >=
		    sizeof(endpoint))
			return -ENAMETOOLONG;
		path = endpoint;
	}
	r = node_open(&monitor->node, path);
	if (!r)
		r = node_hello(&monitor->node, KDBUS_HELLO_MONITOR | KDBUS_HELLO_ACCEPT_FD,
			       KDBUS_ATTACH_TIMESTAMP, POOL_SIZE, "kdbus-monitor", &hello);
	if (!r && monitor->capture)
		r = pcap_begin(monitor->capture);
	if (!r)
		r = watch(monitor);
	node_close(&monitor->node);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"pcap", required_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	struct monitor monitor = {.node.fd = -1};
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'p':
			monitor.capture = strcmp(optarg, "-") ? fopen(optarg, "we") : stdout;
			if (!monitor.capture) {
				fprintf(stderr, "kdbus-monitor: %s: %s\n", optarg, strerror(errno));
				return 1;
			}
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			puts("kdbus-monitor " PACKAGE_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (argc - optind != 1) {
		usage(stderr);
		return 2;
	}
	r = run(&monitor, argv[optind]);
	free(monitor.payload);
	if (r == -ECONNRESET)
		fputs("kdbus-monitor: the bus is gone\n", stderr);
	else if (r < 0)
		fprintf(stderr, "kdbus-monitor: %s: %s\n", argv[optind], strerror(-r));
	return r < 0;
}
