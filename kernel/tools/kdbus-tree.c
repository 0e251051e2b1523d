/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdbus-tree: buses, their endpoints, connections and names
 *
 * It joins each bus that it may as an ordinary connection and asks.  Who has a policy entry can be
 * seen; what is in it the bus tells nobody.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "kernel/tools/directory.h"
#include "kernel/tools/names.h"
#include "kernel/tools/node.h"

#define POOL_SIZE (16u << 20)

static const struct kdbus_item *next_item(const struct kdbus_item *item)
{
	return (const void *)((const uint8_t *)item + ((item->size + 7) & ~UINT64_C(7)));
}

#define for_each_item(item, info)                                                                  \
	for ((item) = (info)->items;                                                               \
	     (const uint8_t *)(item) < (const uint8_t *)(info) + (info)->size;                     \
	     (item) = next_item(item))

static const char *item_text(const struct kdbus_item *item, size_t *size_out)
{
	*size_out = strnlen(item->str, item->size - offsetof(struct kdbus_item, str));
	return item->str;
}

static void print_text(const char *before, const struct kdbus_item *item, const char *after)
{
	size_t size;
	const char *text = item_text(item, &size);

	fputs(before, stdout);
	print_escaped(stdout, text, size);
	fputs(after, stdout);
}

/* who that is: whatever of it is there */
static void print_identity(const struct kdbus_info *info)
{
	const struct kdbus_item *item;

	for_each_item(item, info)
	{
		switch (item->type) {
		case KDBUS_ITEM_CREDS:
			printf("  uid=%" PRIu64, (uint64_t)item->creds.uid);
			break;
		case KDBUS_ITEM_PIDS:
			printf("  pid=%" PRIu64, (uint64_t)item->pids.pid);
			break;
		case KDBUS_ITEM_PID_COMM:
			print_text("  ", item, "");
			break;
		case KDBUS_ITEM_CONN_DESCRIPTION:
			print_text("  \"", item, "\"");
			break;
		}
	}
}

static const struct kdbus_info *ask(struct node *node, unsigned long nr, uint64_t id,
				    uint64_t *offset_out)
{
	struct kdbus_cmd_info cmd = {
		.size = sizeof(cmd),
		.id = id,
		.attach_flags = KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS | KDBUS_ATTACH_PID_COMM |
				KDBUS_ATTACH_CONN_DESCRIPTION,
	};

	if (node_command(node, nr, &cmd) < 0)
		return NULL;
	*offset_out = cmd.offset;
	return (const void *)(node->pool + cmd.offset);
}

static int compare_records(const void *a, const void *b)
{
	const struct kdbus_info *x = *(const struct kdbus_info *const *)a;
	const struct kdbus_info *y = *(const struct kdbus_info *const *)b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	/* those without a name come first; the others as they are in the list */
	return (x > y) - (x < y);
}

static void print_connection(struct node *node, const struct kdbus_info *record)
{
	const struct kdbus_info *info;
	uint64_t offset;

	printf("    %" PRIu64 "  %s", (uint64_t)record->id, name_of_kind(record->flags));
	info = ask(node, KDBUS_CMD_CONN_INFO, record->id, &offset);
	if (info) {
		print_identity(info);
		node_free(node, offset);
	}
	putchar('\n');
}

static void print_names(const struct kdbus_info *record)
{
	const struct kdbus_item *item;

	for_each_item(item, record)
	{
		if (item->type != KDBUS_ITEM_OWNED_NAME)
			continue;
		printf("        %s", item->name.name);
		print_name_flags(stdout, item->name.flags);
		putchar('\n');
	}
}

static int print_connections(struct node *node, uint64_t self)
{
	struct kdbus_cmd_list cmd = {.size = sizeof(cmd),
				     .flags = KDBUS_LIST_UNIQUE | KDBUS_LIST_NAMES |
					      KDBUS_LIST_ACTIVATORS | KDBUS_LIST_QUEUED};
	const struct kdbus_info **records;
	uint64_t last = 0;
	size_t n = 0;
	int r;

	r = node_command(node, KDBUS_CMD_LIST, &cmd);
	if (r < 0)
		return r;
	records = calloc(cmd.list_size / sizeof(struct kdbus_info) + 1, sizeof(*records));
	if (!records) {
		node_free(node, cmd.offset);
		return -ENOMEM;
	}
	for (uint64_t at = 0; at < cmd.list_size;) {
		records[n] = (const void *)(node->pool + cmd.offset + at);
		at += (records[n]->size + 7) & ~UINT64_C(7);
		n++;
	}
	qsort(records, n, sizeof(*records), compare_records);
	for (size_t i = 0; i < n; i++) {
		if (records[i]->id == self)
			continue;
		if (records[i]->id != last)
			print_connection(node, records[i]);
		last = records[i]->id;
		print_names(records[i]);
	}
	free(records);
	node_free(node, cmd.offset);
	return 0;
}

static void print_bus_id(const struct kdbus_cmd_hello *hello)
{
	for (size_t i = 0; i < sizeof(hello->id128); i++)
		printf("%02x", hello->id128[i]);
}

/* the other endpoints; what is behind them is the same bus */
static void print_endpoints(const char *directory)
{
	struct dirent *entry;
	char path[PATH_MAX];
	struct stat st;
	DIR *dir;

	dir = opendir(directory);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.' ||
		    (size_t)snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) >=
			    sizeof(path) ||
		    stat(path, &st) < 0)
			continue;
		printf("    endpoint %s  %04o  uid=%u\n", entry->d_name, st.st_mode & 07777,
		       st.st_uid);
	}
	closedir(dir);
}

static int print_bus(const char *directory, const char *name)
{
	struct kdbus_cmd_hello hello;
	const struct kdbus_info *creator;
	char path[PATH_MAX];
	struct node node;
	uint64_t offset;
	int r;

	snprintf(path, sizeof(path), "%s/%s/bus", directory, name);
	printf("  %s", name);
	r = node_open(&node, path);
	if (!r)
		r = node_hello(&node, 0, 0, POOL_SIZE, "kdbus-tree", &hello);
	if (r < 0) {
		printf("  (%s)\n", strerror(-r));
		node_close(&node);
		return r;
	}
	putchar(' ');
	putchar(' ');
	print_bus_id(&hello);
	creator = ask(&node, KDBUS_CMD_BUS_CREATOR_INFO, 0, &offset);
	if (creator) {
		print_identity(creator);
		node_free(&node, offset);
	}
	putchar('\n');
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	print_endpoints(path);
	r = print_connections(&node, hello.id);
	node_close(&node);
	return r;
}

static int is_bus(const struct dirent *entry)
{
	return *entry->d_name >= '0' && *entry->d_name <= '9';
}

static int print_tree(const char *directory)
{
	struct dirent **entries;
	int n, r, failed = 0;

	n = scandir(directory, &entries, is_bus, alphasort);
	if (n < 0) {
		fprintf(stderr, "kdbus-tree: %s: %s\n", directory, strerror(errno));
		return 1;
	}
	puts(directory);
	for (int i = 0; i < n; i++) {
		r = print_bus(directory, entries[i]->d_name);
		failed |= r < 0 && r != -EACCES;
		free(entries[i]);
	}
	free(entries);
	return failed;
}

static void usage(FILE *file)
{
	fputs("usage: kdbus-tree [DIRECTORY]\n", file);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	const char *directory;
	char room[PATH_MAX];
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			puts("kdbus-tree " PACKAGE_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (argc - optind > 1) {
		usage(stderr);
		return 2;
	}
	directory = argv[optind] ?: directory_find(false, room);
	if (!directory || !directory_has_buses(directory, false)) {
		fputs("kdbus-tree: there are no buses here; see --engine-socket of bus-proxyd(8)\n",
		      stderr);
		return 1;
	}
	return print_tree(directory);
}
