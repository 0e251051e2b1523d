/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commands of kdbus out of bytes: see fill.h */
#include "tests/fuzz/fill.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel/engine/engine-items.h"
#include "tests/fuzz/fuzz.h"
#include "tests/harness/command.h"

/* the input */

const uint8_t *fill_input;
size_t fill_left;

void fill_start(const uint8_t *bytes, size_t size)
{
	fill_input = bytes;
	fill_left = size;
}

uint8_t take(void)
{
	if (!fill_left)
		return 0;
	fill_left--;
	return *fill_input++;
}

unsigned take_below(unsigned n)
{
	return take() % n;
}

uint64_t take_value(void)
{
	static const uint64_t values[] = {
		UINT64_MAX,
		POOL_SIZE,
		4096,
		UINT32_MAX,
		UINT64_C(1) << 62,
		2 * 1024 * 1024,
		2 * 1024 * 1024 + 1,
		65536,
		INT64_MAX,
		UINT64_C(1) << 32,
		32768,
		63,
		64,
		255,
		256,
	};
	uint8_t byte = take();

	return byte < 0xf0 ? byte : values[byte % N(values)];
}

/* mostly some of those that are allowed */
static uint64_t take_flags(uint64_t allowed)
{
	uint8_t byte = take();

	if (byte < 0xe0)
		return byte & allowed;
	if (byte < 0xf0)
		return (byte & allowed) | KDBUS_FLAG_NEGOTIATE;
	return byte < 0xf8 ? byte : UINT64_C(1) << 40;
}

/* what there is to refer to */

int fill_fds[8];
char fill_uid_names[3][32];
unsigned char fill_bytes[8192];

static int take_fd(void)
{
	uint8_t byte = take();

	return fill_fds[byte < 0xe0 ? byte % 4 : byte % N(fill_fds)];
}

const char *take_name(void)
{
	static char longest[300];
	static const char *const names[] = {
		"org.example.A",
		"org.example.B",
		"a.b",
		"org.example.*",
		"",
		"a",
		"a..b",
		".a",
		"a.b.",
		"1.2",
		"a-b.c_d",
		"-x",
		"x\xff",
	};
	uint8_t byte = take();
	unsigned n = byte < 0xc0 ? byte % 4 : byte % (N(names) + N(fill_uid_names) + 1);

	if (n < N(names))
		return names[n];
	n -= N(names);
	if (n < N(fill_uid_names))
		return fill_uid_names[n];
	n = 200 + take_below(90);
	memset(longest, 'a', n);
	longest[1] = '.';
	longest[n] = '\0';
	return longest;
}

void fill_open_fds(void)
{
	int pair[2], flags;

	snprintf(fill_uid_names[0], sizeof(fill_uid_names[0]), "%u-fuzz", (unsigned)geteuid());
	snprintf(fill_uid_names[1], sizeof(fill_uid_names[1]), "%u-other", (unsigned)geteuid());
	snprintf(fill_uid_names[2], sizeof(fill_uid_names[2]), "%u-fuzz", (unsigned)geteuid() + 1);
	fill_fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fill_fds[1] = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fuzz_expect(ftruncate(fill_fds[1], 10000) == 0);
	flags = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
	fuzz_expect(fcntl(fill_fds[1], F_ADD_SEALS, flags) == 0);
	fill_fds[2] = open("/", O_PATH | O_CLOEXEC);
	fill_fds[3] = fcntl(fill_fds[1], F_DUPFD_CLOEXEC, 0);
	fuzz_expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	fill_fds[4] = pair[0];
	close(pair[1]);
	fill_fds[5] = memfd_create("not sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	fill_fds[6] = -1;
	fill_fds[7] = 12345;
}

/* structs with items */

static const uint64_t item_types[] = {KDBUS_ITEM_NEGOTIATE, ITEM_TYPES, 0, 0x1234};

/* @n numbers */
static size_t fill_values(uint64_t *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		words[i] = take_value();
	return n * sizeof(*words);
}

static size_t fill_name(char *str)
{
	return strlen(strcpy(str, take_name())) + 1;
}

/* payload as items of that type have it; its size, at most 1100 */
static size_t fill_payload(uint64_t type, uint64_t *words)
{
	size_t size, n;

	switch (type) {
	case KDBUS_ITEM_NEGOTIATE:
		n = take_below(4);
		for (size_t i = 0; i < n; i++)
			words[i] = item_types[take_below(N(item_types))];
		return n * sizeof(*words);
	case KDBUS_ITEM_PAYLOAD_VEC:
	case KDBUS_ITEM_PAYLOAD_OFF:
		words[0] = take_value();
		n = take_below(8);
		words[1] = n == 0 ? 0 : n == 1 ? 8 : (uintptr_t)fill_bytes + n;
		return 16;
	case KDBUS_ITEM_PAYLOAD_MEMFD:
		fill_values(words, 2);
		words[2] = take() < 0xe0 ? (uint32_t)fill_fds[1] : (uint32_t)take_fd();
		return 24;
	case KDBUS_ITEM_FDS:
		n = take();
		n = n < 0xe0 ? n % 4 : n % 20;
		for (size_t i = 0; i < n; i++)
			((int *)words)[i] = take_fd();
		return n * sizeof(int);
	case KDBUS_ITEM_CANCEL_FD:
		*(int *)words = take_fd();
		return sizeof(int);
	case KDBUS_ITEM_BLOOM_PARAMETER:
		return fill_values(words, 2);
	case KDBUS_ITEM_BLOOM_FILTER:
		words[0] = take_below(4);
		size = take() ? 64 : take();
		memset(words + 1, take(), size);
		return 8 + size;
	case KDBUS_ITEM_BLOOM_MASK:
		size = 64 * take_below(4);
		memset(words, take(), size);
		return size;
	case KDBUS_ITEM_ATTACH_FLAGS_SEND:
	case KDBUS_ITEM_ATTACH_FLAGS_RECV:
		words[0] = take_below(8) ? take() << 6 : UINT64_MAX;
		return 8;
	case KDBUS_ITEM_ID:
	case KDBUS_ITEM_DST_ID:
		return fill_values(words, 1);
	case KDBUS_ITEM_TIMESTAMP:
	case KDBUS_ITEM_PIDS:
		return fill_values(words, 3);
	case KDBUS_ITEM_CREDS:
		return fill_values(words, 8);
	case KDBUS_ITEM_AUXGROUPS:
		return fill_values(words, take_below(5));
	case KDBUS_ITEM_AUDIT:
		return fill_values(words, 1);
	case KDBUS_ITEM_CAPS:
		memset(words, 0, 40);
		*(uint32_t *)words = take();
		return 36;
	case KDBUS_ITEM_POLICY_ACCESS:
		words[0] = take_below(5);
		words[1] = take_below(4);
		words[2] = take_value();
		return 24;
	case KDBUS_ITEM_NAME_ADD:
	case KDBUS_ITEM_NAME_REMOVE:
	case KDBUS_ITEM_NAME_CHANGE:
		fill_values(words, 4);
		return take_below(2) ? 32 : 32 + fill_name((char *)(words + 4));
	case KDBUS_ITEM_ID_ADD:
	case KDBUS_ITEM_ID_REMOVE:
		return fill_values(words, 2);
	case KDBUS_ITEM_REPLY_TIMEOUT:
	case KDBUS_ITEM_REPLY_DEAD:
		return 0;
	default:
		return fill_name((char *)words);
	}
}

static void flaw_payload(uint64_t *words, size_t *size)
{
	switch (take_below(4)) {
	case 0:
		*size += take_below(9);
		break;
	case 1:
		*size -= *size ? 1 : 0;
		break;
	case 2:
		*size = take();
		for (size_t i = 0; i < *size; i++)
			((uint8_t *)words)[i] = take();
		break;
	default:
		*size = take() * 100;
		break;
	}
}

void *fill_struct(uint64_t *space, const struct fill_command *command)
{
	const uint64_t *first = command->items;
	size_t fixed = command->fixed, n_first = command->n_items;
	static uint64_t words[4096];
	struct engine_items items;
	unsigned n = take(), flaw = take();
	uint64_t type;
	size_t size;

	n = n < 0xe0 && n_first ? n % 4 : n < 0xf0 ? 0 : 2 * (n - 0xf0);
	engine_items_init(&items, space, fixed, FILL_WORDS * sizeof(*space));
	space[1] = take_flags(command->flags);
	fill_values(space + 3, fixed / 8 - 3);
	while (n--) {
		/* no payload is as large as one with a flaw */
		memset(words, 0, flaw == 1 ? sizeof(words) : 1200);
		type = n_first && take() < 0xe0 ? first[take_below(n_first)]
						: item_types[take_below(N(item_types))];
		size = fill_payload(type, words);
		if (flaw == 1)
			flaw_payload(words, &size);
		engine_items_add(&items, type, words, size);
	}
	if (flaw == 2)
		space[0] -= take_below(17);
	if (flaw == 3)
		space[0] = take_value();
	if (flaw == 4)
		space[fixed / 8] = take_value();
	if (flaw == 5)
		return (char *)space + 1;
	return flaw == 6 ? (void *)16 : space;
}

/* commands */

static const uint64_t make_items[] = {KDBUS_ITEM_MAKE_NAME, KDBUS_ITEM_BLOOM_PARAMETER,
				      KDBUS_ITEM_ATTACH_FLAGS_SEND};
static const uint64_t hello_items[] = {KDBUS_ITEM_NAME,		KDBUS_ITEM_CREDS,
				       KDBUS_ITEM_PIDS,		KDBUS_ITEM_SECLABEL,
				       KDBUS_ITEM_AUXGROUPS,	KDBUS_ITEM_CONN_DESCRIPTION,
				       KDBUS_ITEM_POLICY_ACCESS};
static const uint64_t update_items[] = {KDBUS_ITEM_ATTACH_FLAGS_SEND, KDBUS_ITEM_ATTACH_FLAGS_RECV,
					KDBUS_ITEM_NAME, KDBUS_ITEM_POLICY_ACCESS};
static const uint64_t name_items[] = {KDBUS_ITEM_NAME};
static const uint64_t send_items[] = {KDBUS_ITEM_CANCEL_FD};
static const uint64_t match_items[] = {
	KDBUS_ITEM_BLOOM_MASK,	KDBUS_ITEM_NAME,     KDBUS_ITEM_ID,
	KDBUS_ITEM_DST_ID,	KDBUS_ITEM_NAME_ADD, KDBUS_ITEM_NAME_REMOVE,
	KDBUS_ITEM_NAME_CHANGE, KDBUS_ITEM_ID_ADD,   KDBUS_ITEM_ID_REMOVE};
static const uint64_t msg_items[] = {KDBUS_ITEM_PAYLOAD_VEC,   KDBUS_ITEM_PAYLOAD_VEC,
				     KDBUS_ITEM_PAYLOAD_MEMFD, KDBUS_ITEM_FDS,
				     KDBUS_ITEM_BLOOM_FILTER,  KDBUS_ITEM_DST_NAME};

const struct fill_command fill_message = {0, sizeof(struct kdbus_msg), 7, msg_items, N(msg_items)};

const struct fill_command fill_commands[] = {
	{KDBUS_CMD_BUS_MAKE, sizeof(struct kdbus_cmd), 3, make_items, N(make_items)},
	{KDBUS_CMD_ENDPOINT_MAKE, sizeof(struct kdbus_cmd), 3, make_items, 1},
	{KDBUS_CMD_ENDPOINT_UPDATE, sizeof(struct kdbus_cmd), 0, update_items + 2, 2},
	{KDBUS_CMD_HELLO, sizeof(struct kdbus_cmd_hello), 15, hello_items, N(hello_items)},
	{KDBUS_CMD_UPDATE, sizeof(struct kdbus_cmd), 0, update_items, N(update_items)},
	{KDBUS_CMD_BYEBYE, sizeof(struct kdbus_cmd), 0, NULL, 0},
	{KDBUS_CMD_FREE, sizeof(struct kdbus_cmd_free), 0, NULL, 0},
	{KDBUS_CMD_CONN_INFO, sizeof(struct kdbus_cmd_info), 0, name_items, 1},
	{KDBUS_CMD_BUS_CREATOR_INFO, sizeof(struct kdbus_cmd_info), 0, NULL, 0},
	{KDBUS_CMD_LIST, sizeof(struct kdbus_cmd_list), 15, NULL, 0},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), 0, send_items, 1},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), 0, NULL, 0},
	{KDBUS_CMD_SEND, sizeof(struct kdbus_cmd_send), 0, NULL, 0},
	{KDBUS_CMD_RECV, sizeof(struct kdbus_cmd_recv), 7, NULL, 0},
	{KDBUS_CMD_RECV, sizeof(struct kdbus_cmd_recv), 7, NULL, 0},
	{KDBUS_CMD_NAME_ACQUIRE, sizeof(struct kdbus_cmd), 7, name_items, 1},
	{KDBUS_CMD_NAME_RELEASE, sizeof(struct kdbus_cmd), 0, name_items, 1},
	{KDBUS_CMD_MATCH_ADD, sizeof(struct kdbus_cmd_match), 1, match_items, N(match_items)},
	{KDBUS_CMD_MATCH_REMOVE, sizeof(struct kdbus_cmd_match), 0, NULL, 0},
	{0x12345678, sizeof(struct kdbus_cmd), 0, NULL, 0},
};

const size_t n_fill_commands = N(fill_commands);
