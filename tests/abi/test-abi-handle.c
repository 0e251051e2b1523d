/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects: which command is for whom, states of a handle, nodes, names of the system */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/client.h"

static const unsigned long conn_commands[] = {
	KDBUS_CMD_BYEBYE,
	KDBUS_CMD_SEND,
	KDBUS_CMD_RECV,
	KDBUS_CMD_FREE,
	KDBUS_CMD_NAME_ACQUIRE,
	KDBUS_CMD_NAME_RELEASE,
	KDBUS_CMD_MATCH_ADD,
	KDBUS_CMD_MATCH_REMOVE,
	KDBUS_CMD_LIST,
	KDBUS_CMD_CONN_INFO,
	KDBUS_CMD_BUS_CREATOR_INFO,
	KDBUS_CMD_UPDATE,
};

static const unsigned long all_commands[] = {
	KDBUS_CMD_BUS_MAKE,	KDBUS_CMD_ENDPOINT_MAKE, KDBUS_CMD_ENDPOINT_UPDATE,
	KDBUS_CMD_HELLO,	KDBUS_CMD_UPDATE,	 KDBUS_CMD_BYEBYE,
	KDBUS_CMD_FREE,		KDBUS_CMD_CONN_INFO,	 KDBUS_CMD_BUS_CREATOR_INFO,
	KDBUS_CMD_LIST,		KDBUS_CMD_SEND,		 KDBUS_CMD_RECV,
	KDBUS_CMD_NAME_ACQUIRE, KDBUS_CMD_NAME_RELEASE,	 KDBUS_CMD_MATCH_ADD,
	KDBUS_CMD_MATCH_REMOVE,
};

enum kind { ORDINARY, ACTIVATOR, HOLDER, MONITOR };

static struct peer *peer_of_kind(enum kind kind)
{
	switch (kind) {
	case ORDINARY:
		return peer();
	case ACTIVATOR:
		return peer_activator("com.example.kind");
	case HOLDER:
		return peer_holder("com.example.kind", 0, 0, 0);
	default:
		return peer_monitor();
	}
}

/* a command that does its kind good never says EOPNOTSUPP; the errno of one that is not
 * admitted comes before the struct is read */
static void check_admitted(struct peer *p, unsigned long nr, bool admitted)
{
	static struct cmd cmd, msg;

	cmd_fill(&cmd, &msg, nr, p->id);
	if (admitted) {
		expect_ne(peer_ioctl(p, nr, &cmd), -EOPNOTSUPP);
		return;
	}
	expect_eq(peer_ioctl(p, nr, &cmd), -EOPNOTSUPP);
	expect_eq(peer_ioctl(p, nr, (void *)1), -EOPNOTSUPP);
}

ABI_TEST(commands_by_kind)
{
	static const struct {
		const char *row;
		unsigned long nr;
		const char *kinds; /* + and - for ORDINARY, ACTIVATOR, HOLDER, MONITOR */
	} cases[] = {
		{"1.2.byebye", KDBUS_CMD_BYEBYE, "+---"},
		{"1.2.send", KDBUS_CMD_SEND, "+---"},
		{"1.2.recv", KDBUS_CMD_RECV, "++-+"},
		{"1.2.free", KDBUS_CMD_FREE, "++-+"},
		{"1.2.name-acquire", KDBUS_CMD_NAME_ACQUIRE, "+---"},
		{"1.2.name-release", KDBUS_CMD_NAME_RELEASE, "+---"},
		{"1.2.match-add", KDBUS_CMD_MATCH_ADD, "+---"},
		{"1.2.match-remove", KDBUS_CMD_MATCH_REMOVE, "+---"},
		{"1.2.list", KDBUS_CMD_LIST, "++++"},
		{"1.2.conn-info", KDBUS_CMD_CONN_INFO, "++++"},
		{"1.2.creator-info", KDBUS_CMD_BUS_CREATOR_INFO, "++++"},
	};
	struct peer *p;

	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		for (enum kind kind = ORDINARY; kind <= MONITOR; kind++) {
			p = peer_of_kind(kind);
			check_admitted(p, cases[i].nr, cases[i].kinds[kind] == '+');
			peer_close(p);
		}
	}
}

ABI_TEST(update_by_kind)
{
	static const uint64_t all = _KDBUS_ATTACH_ALL;
	struct peer *p;

	for (enum kind kind = ORDINARY; kind <= MONITOR; kind++) {
		p = peer_of_kind(kind);
		row("1.2.update-send");
		expect_eq(peer_update_flags(p, &all, NULL),
			  kind == ORDINARY || kind == MONITOR ? 0 : -EOPNOTSUPP);
		row("1.2.update-recv");
		expect_eq(peer_update_flags(p, NULL, &all), kind == HOLDER ? -EOPNOTSUPP : 0);
		row("1.2.update-policy");
		expect_eq(peer_update_policy(p, "com.example.kind", 0, 0, 0),
			  kind == HOLDER ? 0 : -EOPNOTSUPP);
		peer_close(p);
	}
}

ABI_TEST(kinds_exclude_each_other)
{
	static const struct {
		uint64_t flags;
		bool name;
		int error;
	} cases[] = {
		{KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_MONITOR, true, -EINVAL},
		{KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_POLICY_HOLDER, true, -EINVAL},
		{KDBUS_HELLO_POLICY_HOLDER | KDBUS_HELLO_MONITOR, true, -EINVAL},
		{KDBUS_HELLO_ACTIVATOR | KDBUS_HELLO_ACCEPT_FD, true, 0},
		{KDBUS_HELLO_POLICY_HOLDER | KDBUS_HELLO_ACCEPT_FD, true, 0},
		{KDBUS_HELLO_MONITOR | KDBUS_HELLO_ACCEPT_FD, false, 0},
	};
	struct cmd cmd;
	struct peer *p;
	int r;

	row("1.2.one-kind");
	for (size_t i = 0; i < N_OF(cases); i++) {
		hello_init(&cmd, cases[i].flags);
		if (cases[i].name)
			cmd_add_str(&cmd, KDBUS_ITEM_NAME, "com.example.kind");
		r = hello(&p, &cmd, NULL, NULL);
		expect_eq(r, cases[i].error);
		if (r == 0)
			peer_close(p);
	}
}

ABI_TEST(kinds_as_others_see_them)
{
	struct peer *a = peer(), *act, *holder, *monitor;
	const struct kdbus_info *info;
	char text[64];

	peer_match_type(a, KDBUS_ITEM_ID_ADD);
	row("1.2.visible");
	act = peer_activator("com.example.act");
	expect_id(a, KDBUS_ITEM_ID_ADD, act->id);
	holder = peer_holder("com.example.holder", 0, 0, 0);
	expect_id(a, KDBUS_ITEM_ID_ADD, holder->id);
	monitor = peer_monitor();
	expect_nothing(a);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)monitor->id);
	expect(!strstr(peer_list(a, KDBUS_LIST_UNIQUE), text));
	row("3.8.monitor");
	expect_eq(peer_info(a, monitor->id, NULL, 0, &info), 0);
	expect_eq(info->flags, (uint64_t)KDBUS_HELLO_MONITOR);

	row("1.2.addressable");
	expect_eq(peer_send_to(a, act->id, 1, 0), -ENXIO);
	expect_eq(peer_send_to(a, holder->id, 1, 0), -ENXIO);
	expect_eq(peer_send_to(a, monitor->id, 1, 0), -ENXIO);
	expect_eq(peer_send_name(a, "com.example.act", 1), 0);
	expect_message(act, a->id, 1);
}

ABI_TEST(commands_in_the_wrong_state)
{
	static struct cmd cmd, msg;
	struct peer *p = peer();
	void *control, *ep, *ep_owner;

	expect_eq(node_open("control", NULL, &control), 0);
	expect_eq(node_open(B.path, NULL, &ep), 0);
	ep_owner = endpoint_make(endpoint_name("state"), 0);

	row("1.5.unset-control");
	for (size_t i = 0; i < N_OF(all_commands); i++)
		if (all_commands[i] != KDBUS_CMD_BUS_MAKE) {
			cmd_fill(&cmd, &msg, all_commands[i], p->id);
			expect_eq(node_ioctl(control, all_commands[i], &cmd), -EBADFD);
		}
	row("1.5.unset-endpoint");
	for (size_t i = 0; i < N_OF(all_commands); i++)
		if (all_commands[i] != KDBUS_CMD_HELLO &&
		    all_commands[i] != KDBUS_CMD_ENDPOINT_MAKE) {
			cmd_fill(&cmd, &msg, all_commands[i], p->id);
			expect_eq(node_ioctl(ep, all_commands[i], &cmd), -EBADFD);
		}
	row("1.5.bus-owner");
	for (size_t i = 0; i < N_OF(all_commands); i++) {
		cmd_fill(&cmd, &msg, all_commands[i], p->id);
		expect_eq(node_ioctl(B.owner, all_commands[i], &cmd), -EBADFD);
	}
	row("1.5.endpoint-owner");
	for (size_t i = 0; i < N_OF(all_commands); i++) {
		cmd_fill(&cmd, &msg, all_commands[i], p->id);
		expect_eq(node_ioctl(ep_owner, all_commands[i], &cmd),
			  all_commands[i] == KDBUS_CMD_ENDPOINT_UPDATE ? 0 : -EBADFD);
	}
	row("1.5.connected");
	for (size_t i = 0; i < 4; i++) {
		cmd_fill(&cmd, &msg, all_commands[i], p->id);
		expect_eq(peer_ioctl(p, all_commands[i], &cmd), -EBADFD);
	}
	row("C2");
	cmd_fill(&cmd, &msg, KDBUS_CMD_HELLO, 0);
	expect_eq(peer_ioctl(p, KDBUS_CMD_HELLO, &cmd), -EBADFD);
	row("1.5.notty");
	expect_eq(peer_ioctl(p, 0x40189512, &cmd), -ENOTTY);
	expect_eq(node_ioctl(control, 0x5401, &cmd), -ENOTTY);
	expect_eq(node_ioctl(ep, 0x40189513, NULL), -ENOTTY);
	row("1.5.state-before-struct");
	expect_eq(peer_ioctl(p, KDBUS_CMD_HELLO, (void *)1), -EBADFD);
}

ABI_TEST(failed_setup_may_be_repeated)
{
	struct cmd cmd;
	void *h;

	row("1.5.retry");
	expect_eq(node_open("control", NULL, &h), 0);
	bus_cmd(&cmd, "nouid", 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), -EINVAL);
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), 0);
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), -EBADFD);

	expect_eq(node_open(B.path, NULL, &h), 0);
	hello_init(&cmd, 0);
	cmd.hello.pool_size = 0;
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &cmd), -EINVAL);
	row("1.5.negotiation-leaves-unset");
	hello_init(&cmd, KDBUS_FLAG_NEGOTIATE);
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &cmd), 0);
	hello_init(&cmd, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &cmd), 0);

	expect_eq(node_open(B.path, NULL, &h), 0);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, "nouid");
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, &cmd), -EINVAL);
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, endpoint_name("retry"));
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, &cmd), 0);
}

ABI_TEST(dead_connection)
{
	static struct cmd cmd, msg;
	struct peer *p = peer();

	row("3.6.byebye");
	expect_eq(peer_byebye(p), 0);
	row("3.6.twice");
	expect_eq(peer_byebye(p), -ECONNRESET);
	row("1.5.dead-connection");
	for (size_t i = 0; i < N_OF(conn_commands); i++) {
		cmd_fill(&cmd, &msg, conn_commands[i], p->id);
		expect_eq(peer_ioctl(p, conn_commands[i], &cmd), -ECONNRESET);
		expect_eq(peer_ioctl(p, conn_commands[i], (void *)1), -ECONNRESET);
	}
}

ABI_TEST(dead_connection_of_another_kind)
{
	static struct cmd cmd, msg;
	struct peer *monitor = peer_monitor();

	node_close(B.owner);
	row("1.5.dead-before-kind");
	cmd_fill(&cmd, &msg, KDBUS_CMD_SEND, 1);
	expect_eq(peer_ioctl(monitor, KDBUS_CMD_SEND, &cmd), -ECONNRESET);
}

ABI_TEST(bus_goes)
{
	struct peer *a = peer();
	void *unset, *ep_owner;
	struct cmd cmd;
	char path[80];

	ep_owner = endpoint_make(endpoint_name("goes"), 0);
	expect_eq(node_open(B.path, NULL, &unset), 0);
	snprintf(path, sizeof(path), "%s", B.path);
	expect(carrier->exists(path));
	row("1.5.bus-owner-closes");
	node_close(B.owner);
	expect_eq(peer_events(a), POLLERR | POLLHUP);
	row("C31");
	expect(!carrier->exists(path));
	expect_eq(peer_byebye(a), -ECONNRESET);
	hello_init(&cmd, 0);
	expect_eq(node_ioctl(unset, KDBUS_CMD_HELLO, &cmd), -ESHUTDOWN);
	row("1.5.dead-endpoint-before-struct");
	expect_eq(node_ioctl(unset, KDBUS_CMD_HELLO, (void *)1), -ESHUTDOWN);
	expect_eq(node_ioctl(unset, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -ESHUTDOWN);
	row("1.5.dead-endpoint-owner");
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	expect_eq(node_ioctl(ep_owner, KDBUS_CMD_ENDPOINT_UPDATE, &cmd), -ESHUTDOWN);
	row("1.5.open-removed");
	expect_eq(node_open(path, NULL, &unset), -ENOENT);
}

ABI_TEST(dead_endpoint_before_permission)
{
	void *ep_owner, *stranger, *unset;

	need(ABI_CAN_CRED);
	row("1.5.dead-endpoint-before-eperm");
	ep_owner = endpoint_make(endpoint_name("dead"), KDBUS_MAKE_ACCESS_WORLD);
	expect_eq(node_open(node_path(endpoint_name("dead")), NULL, &unset), 0);
	expect_eq(node_open(node_path(endpoint_name("dead")), &(struct abi_cred){OTHER_UID, 1},
			    &stranger),
		  0);
	expect_eq(node_ioctl(stranger, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -EPERM);
	node_close(ep_owner);
	expect_eq(node_ioctl(stranger, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -ESHUTDOWN);
	expect_eq(node_ioctl(unset, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -ESHUTDOWN);
}

ABI_TEST(endpoint_goes)
{
	struct peer *inside, *outside = peer();
	void *ep_owner;

	ep_owner = endpoint_make(endpoint_name("gone"), 0);
	inside = peer_at(endpoint_name("gone"), NULL);
	peer_match_type(outside, KDBUS_ITEM_ID_REMOVE);
	row("1.5.endpoint-owner-closes");
	node_close(ep_owner);
	expect_eq(peer_events(inside), POLLERR | POLLHUP);
	expect_eq(peer_byebye(inside), -ECONNRESET);
	expect_eq(peer_events(outside) & POLLHUP, 0);
	expect_id(outside, KDBUS_ITEM_ID_REMOVE, inside->id);
	expect(!carrier->exists(node_path(endpoint_name("gone"))));
}

ABI_TEST(descriptors_share_the_connection)
{
	struct peer *a = peer(), *b = peer();
	int fd;
	pid_t pid;

	row("1.5.shared");
	need(ABI_IS_FILE);
	peer_match_type(b, KDBUS_ITEM_ID_REMOVE);
	fd = dup(carrier->fd(a->h));
	pid = fork();
	if (pid == 0) {
		close(fd);
		_exit(peer_send_to(a, b->id, 1, 0) < 0);
	}
	expect_eq(waitpid(pid, NULL, 0), pid);
	expect_message(b, a->id, 1);
	peer_close(a);
	expect_nothing(b);
	close(fd);
	expect_id(b, KDBUS_ITEM_ID_REMOVE, a->id);
}

ABI_TEST(closing_disconnects_with_a_full_queue)
{
	struct peer *a = peer(), *b = peer();

	row("1.5.close-disconnects");
	peer_match_type(b, KDBUS_ITEM_ID_REMOVE);
	expect_eq(peer_send_to(b, a->id, 1, 10), 0);
	peer_close(a);
	expect_id(b, KDBUS_ITEM_ID_REMOVE, a->id);
}

ABI_TEST(success_is_zero)
{
	static struct cmd cmd, msg;
	struct peer *p = peer(), *other = peer();

	row("1.5.zero");
	expect_eq(peer_send_to(other, p->id, 1, 10), 0);
	for (size_t i = 1; i < N_OF(conn_commands); i++) {
		unsigned long nr = conn_commands[i];
		int r;

		/* RELEASE needs ACQUIRE, REMOVE needs ADD: so they are ordered */
		cmd_fill(&cmd, &msg, nr, other->id);
		r = peer_ioctl(p, nr, &cmd);
		expect_eq(r, 0);
	}
	expect_eq(peer_byebye(p), 0);
}

/* nodes */

ABI_TEST(modes_of_nodes)
{
	static const struct {
		uint64_t flags;
		mode_t bus, endpoint;
	} cases[] = {
		{0, 0500, 0600},
		{KDBUS_MAKE_ACCESS_GROUP, 0550, 0660},
		{KDBUS_MAKE_ACCESS_WORLD, 0555, 0666},
		{KDBUS_MAKE_ACCESS_GROUP | KDBUS_MAKE_ACCESS_WORLD, 0555, 0666},
	};
	const char *root = getenv("ABI_ROOT") ?: "/sys/fs/kdbus";
	char path[400], name[64];
	struct stat st;
	struct cmd cmd;
	void *h, *ep;

	row("1.3.control");
	row("1.3.root");
	row("1.3.modes");
	need(ABI_IS_FILE);
	row("1.3.control");
	snprintf(path, sizeof(path), "%s/control", root);
	expect_eq(stat(path, &st), 0);
	expect_eq(st.st_mode & (S_IFMT | 07777), S_IFREG | 0666);
	row("1.3.root");
	expect_eq(stat(root, &st), 0);
	expect_eq(st.st_mode & (S_IFMT | 07777), S_IFDIR | 0555);
	row("1.3.modes");
	for (size_t i = 0; i < N_OF(cases); i++) {
		snprintf(name, sizeof(name), "%s", bus_fresh_name());
		expect_eq(node_open("control", NULL, &h), 0);
		bus_cmd(&cmd, name, 64, cases[i].flags);
		expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), 0);
		snprintf(path, sizeof(path), "%s/%s", root, name);
		expect_eq(stat(path, &st), 0);
		expect_eq(st.st_mode & (S_IFMT | 07777), S_IFDIR | cases[i].bus);
		expect_eq(st.st_uid, geteuid());
		snprintf(path, sizeof(path), "%s/%s/bus", root, name);
		expect_eq(stat(path, &st), 0);
		expect_eq(st.st_mode & (S_IFMT | 07777), S_IFREG | cases[i].endpoint);

		ep = endpoint_make(endpoint_name("modes"), cases[i].flags);
		snprintf(path, sizeof(path), "%s/%s", root, node_path(endpoint_name("modes")));
		expect_eq(stat(path, &st), 0);
		expect_eq(st.st_mode & (S_IFMT | 07777), S_IFREG | cases[i].endpoint);
		node_close(ep);
		node_close(h);
	}
}

ABI_TEST(access_to_nodes)
{
	struct abi_cred stranger = {OTHER_UID, OTHER_UID};
	void *h;

	need(ABI_CAN_CRED);
	row("1.3.dac");
	endpoint_make(endpoint_name("closed"), 0);
	endpoint_make(endpoint_name("open"), KDBUS_MAKE_ACCESS_WORLD);
	expect_eq(node_open(node_path(endpoint_name("closed")), &stranger, &h), -EACCES);
	expect_eq(node_open(node_path(endpoint_name("open")), &stranger, &h), 0);
	expect_eq(node_open("control", &stranger, &h), 0);
}

ABI_TEST(nodes_that_are_not_there)
{
	void *h;

	row("1.3.lookup");
	expect_eq(node_open("nothing", NULL, &h), -ENOENT);
	expect_eq(node_open("nothing/bus", NULL, &h), -ENOENT);
	expect_eq(node_open(node_path("nothing"), NULL, &h), -ENOENT);
	expect_eq(node_open(node_path("bu"), NULL, &h), -ENOENT);
	expect_eq(node_open(node_path("buss"), NULL, &h), -ENOENT);
}

/* names of buses, endpoints and connections */

ABI_TEST(system_names)
{
	static const struct {
		const char *row;
		const char *name; /* a number and a dash go before it, unless it is a description */
		int error;
	} cases[] = {
		{"1.4.sys-chars", "azAZ09_", 0},   {"1.4.sys-chars", "a-b.c", 0},
		{"1.4.sys-chars", "a@b", -EINVAL}, {"1.4.sys-chars", "a/b", -EINVAL},
		{"1.4.sys-chars", "a b", -EINVAL}, {"1.4.sys-chars", "a\xc3\xa4", -EINVAL},
		{"1.4.sys-ends", "a-", -EINVAL},   {"1.4.sys-ends", "a.", -EINVAL},
	};
	char name[80];
	struct cmd cmd;
	void *h;
	int r;

	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		snprintf(name, sizeof(name), "%u-%u%s", geteuid(), getpid(), cases[i].name);
		expect_eq(node_open("control", NULL, &h), 0);
		bus_cmd(&cmd, name, 64, 0);
		expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), cases[i].error);
		node_close(h);

		hello_init(&cmd, 0);
		cmd_add_str(&cmd, KDBUS_ITEM_CONN_DESCRIPTION, cases[i].name);
		expect_eq(hello(NULL, &cmd, NULL, NULL), cases[i].error);
	}
	row("1.4.sys-ends");
	hello_init(&cmd, 0);
	cmd_add_str(&cmd, KDBUS_ITEM_CONN_DESCRIPTION, ".a");
	expect_eq(hello(NULL, &cmd, NULL, NULL), -EINVAL);

	row("1.4.sys-length");
	for (size_t n = 63; n <= 65; n++) {
		memset(name, 'x', sizeof(name));
		name[n] = '\0';
		hello_init(&cmd, 0);
		cmd_add_str(&cmd, KDBUS_ITEM_CONN_DESCRIPTION, name);
		r = hello(NULL, &cmd, NULL, NULL);
		expect_eq(r, n <= 63 ? 0 : -ENAMETOOLONG);
	}
	row("1.4.sys-empty");
	hello_init(&cmd, 0);
	cmd_add_str(&cmd, KDBUS_ITEM_CONN_DESCRIPTION, "");
	expect_eq(hello(NULL, &cmd, NULL, NULL), -EINVAL);
	row("1.4.sys-nul");
	hello_init(&cmd, 0);
	cmd_add(&cmd, KDBUS_ITEM_CONN_DESCRIPTION, "a\0b", 4);
	expect_eq(hello(NULL, &cmd, NULL, NULL), -EINVAL);
	hello_init(&cmd, 0);
	cmd_add(&cmd, KDBUS_ITEM_CONN_DESCRIPTION, "abc", 3);
	expect_eq(hello(NULL, &cmd, NULL, NULL), -EINVAL);
}

ABI_TEST(uid_prefix)
{
	struct cmd cmd;
	char name[80];
	void *h;

	row("1.4.uid-prefix");
	expect_eq(node_open("control", NULL, &h), 0);
	snprintf(name, sizeof(name), "%u-x", geteuid() + 1);
	bus_cmd(&cmd, name, 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), -EINVAL);
	snprintf(name, sizeof(name), "0%u-x", geteuid());
	bus_cmd(&cmd, name, 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), -EINVAL);
	snprintf(name, sizeof(name), "%ux", geteuid());
	bus_cmd(&cmd, name, 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), -EINVAL);
	need(ABI_CAN_CRED);
	row("1.4.uid-prefix-euid");
	expect_eq(node_open("control", &(struct abi_cred){OTHER_UID, 1}, &h), 0);
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), -EINVAL);
	snprintf(name, sizeof(name), "%u-x", OTHER_UID);
	bus_cmd(&cmd, name, 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), 0);
}

ABI_TEST(well_known_names)
{
	static char long_ok[256], long_bad[257];
	const struct {
		const char *row;
		const char *name;
		bool is_valid;
	} cases[] = {
		{"1.4.name-labels", "a.b", true},	 {"1.4.name-labels", "a", false},
		{"1.4.name-labels", "a.b.c.d.e", true},	 {"1.4.name-empty-label", ".a.b", false},
		{"1.4.name-empty-label", "a.b.", false}, {"1.4.name-empty-label", "a..b", false},
		{"1.4.name-empty-label", ".", false},	 {"1.4.name-chars", "a_-Z9._b", true},
		{"1.4.name-chars", "-a.-b", true},	 {"1.4.name-chars", "a.b@", false},
		{"1.4.name-chars", "a.b c", false},	 {"1.4.name-digit", "a.9b", false},
		{"1.4.name-digit", "9a.b", false},	 {"1.4.name-wildcard", "a.*", false},
		{"1.4.name-wildcard", "a.b.*", false},	 {"1.4.name-length", long_ok, true},
		{"1.4.name-length", long_bad, false},
	};
	struct peer *p = peer();

	memset(long_ok, 'x', 255);
	memset(long_bad, 'x', 256);
	long_ok[1] = long_bad[1] = '.';
	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		expect_eq(peer_acquire(p, cases[i].name, 0), cases[i].is_valid ? 0 : -EINVAL);
		expect_eq(peer_send_name(p, cases[i].name, 1), cases[i].is_valid ? 0 : -EINVAL);
		row("1.4.name-release-unchecked");
		expect_eq(peer_release(p, cases[i].name), cases[i].is_valid ? 0 : -ESRCH);
		row("1.4.name-info-unchecked");
		expect_eq(peer_info(p, 0, cases[i].name, 0, NULL), -ESRCH);
	}
}

/* privileges */

ABI_TEST(who_is_owner)
{
	static const uint64_t special[] = {KDBUS_HELLO_ACTIVATOR, KDBUS_HELLO_POLICY_HOLDER,
					   KDBUS_HELLO_MONITOR};
	struct abi_cred stranger = {OTHER_UID, OTHER_UID};
	struct kdbus_creds creds = {};
	struct kdbus_pids pids = {};
	struct cmd cmd;
	void *h;

	need(ABI_CAN_CRED);
	row("1.6.special");
	for (size_t i = 0; i < N_OF(special); i++) {
		hello_init(&cmd, special[i]);
		if (special[i] != KDBUS_HELLO_MONITOR)
			cmd_add_str(&cmd, KDBUS_ITEM_NAME, "com.example.owner");
		expect_eq(hello(NULL, &cmd, NULL, &stranger), -EPERM);
	}
	row("1.6.fake");
	hello_init(&cmd, 0);
	cmd_add(&cmd, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(hello(NULL, &cmd, NULL, &stranger), -EPERM);
	row("C42");
	hello_init(&cmd, 0);
	cmd_add(&cmd, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	expect_eq(hello(NULL, &cmd, NULL, &stranger), -EPERM);
	hello_init(&cmd, 0);
	cmd_add_str(&cmd, KDBUS_ITEM_SECLABEL, "label");
	expect_eq(hello(NULL, &cmd, NULL, &stranger), -EPERM);
	row("1.6.endpoint-make");
	expect_eq(node_open(B.path, &stranger, &h), 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -EPERM);

	row("1.6.own-bus");
	expect_eq(node_open("control", &stranger, &h), 0);
	node_close(B.owner);
	snprintf(B.name, sizeof(B.name), "%u-own-%u", OTHER_UID, getpid());
	bus_cmd(&cmd, B.name, 64, KDBUS_MAKE_ACCESS_WORLD);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), 0);
	hello_init(&cmd, KDBUS_HELLO_MONITOR);
	expect_eq(hello(NULL, &cmd, NULL, &stranger), 0);
	hello_init(&cmd, KDBUS_HELLO_MONITOR);
	expect_eq(hello(NULL, &cmd, NULL, &(struct abi_cred){OTHER_UID + 1, 1}), -EPERM);
	row("1.6.privileged");
	hello_init(&cmd, KDBUS_HELLO_MONITOR);
	expect_eq(hello(NULL, &cmd, NULL, NULL), 0);
}

ABI_TEST(nobody_is_owner_on_a_custom_endpoint)
{
	static const uint64_t special[] = {KDBUS_HELLO_ACTIVATOR, KDBUS_HELLO_POLICY_HOLDER};
	const char *name = endpoint_name("custom");
	struct kdbus_creds creds = {};
	struct cmd cmd;
	void *h;

	endpoint_make(name, 0);
	row("1.6.custom");
	for (size_t i = 0; i < N_OF(special); i++) {
		hello_init(&cmd, special[i]);
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, "com.example.owner");
		expect_eq(hello(NULL, &cmd, name, NULL), -EPERM);
	}
	hello_init(&cmd, 0);
	cmd_add(&cmd, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(hello(NULL, &cmd, name, NULL), -EPERM);
	expect_eq(node_open(node_path(name), NULL, &h), 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -EPERM);
	row("3.4.monitor-custom");
	hello_init(&cmd, KDBUS_HELLO_MONITOR);
	expect_eq(hello(NULL, &cmd, name, NULL), -EOPNOTSUPP);
}

/* poll and mmap */

ABI_TEST(poll_of_a_handle)
{
	struct peer *a = peer(), *b = peer();
	short events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM;
	void *h;

	row("10.1.unconnected");
	expect_eq(node_open(B.path, NULL, &h), 0);
	expect_eq(carrier->poll(h, events, 0), POLLERR | POLLHUP);
	expect_eq(carrier->poll(B.owner, events, 0), POLLERR | POLLHUP);
	expect_eq(carrier->poll(endpoint_make(endpoint_name("poll"), 0), events, 0),
		  POLLERR | POLLHUP);
	row("10.1.connected");
	expect_eq(peer_events(a), POLLOUT | POLLWRNORM);
	row("C1");
	expect_eq(carrier->poll(h, events, 0), POLLERR | POLLHUP);
	expect_eq(peer_send_to(b, a->id, 1, 1), 0);
	row("10.1.readable");
	expect_eq(peer_events(a), events);
	expect_eq(peer_events(a), events);
	expect_message(a, b->id, 1);
	expect_eq(peer_events(a), POLLOUT | POLLWRNORM);
	row("10.1.disconnected");
	expect_eq(peer_byebye(a), 0);
	expect_eq(peer_events(a), POLLERR | POLLHUP);
}

ABI_TEST(mmap_of_a_handle)
{
	struct peer *a = peer_pool(8 * 4096), *b = peer();
	void *h, *address, *part;
	struct cmd cmd;

	row("10.2.unconnected");
	expect_eq(node_open(B.path, NULL, &h), 0);
	expect_eq(carrier->mmap(h, 4096, PROT_READ, false, 0, &address), -EBADFD);
	row("C3");
	expect_eq(carrier->mmap(B.owner, 4096, PROT_READ, false, 0, &address), -EBADFD);
	row("10.2.writable");
	expect_eq(carrier->mmap(a->h, 4096, PROT_READ | PROT_WRITE, false, 0, &address), -EPERM);
	expect_eq(carrier->mmap(a->h, 4096, PROT_READ | PROT_WRITE, true, 0, &address), -EPERM);
	row("10.2.too-long");
	expect_eq(carrier->mmap(a->h, 9 * 4096, PROT_READ, false, 0, &address), -EFAULT);
	expect_eq(carrier->mmap(a->h, 8 * 4096 + 1, PROT_READ, false, 0, &address), -EFAULT);
	row("10.2.mprotect");
	expect_eq(carrier->mmap(a->h, 8 * 4096, PROT_READ, false, 0, &address), 0);
	expect_eq(mprotect(address, 4096, PROT_READ | PROT_WRITE) < 0 ? -errno : 0, -EACCES);
	row("10.2.partial");
	expect_eq(carrier->mmap(a->h, 4096, PROT_READ, false, 4096, &part), 0);
	expect_eq(peer_send(b, &(struct send){.dst_id = a->id, .data = "x", .size = 1}), 0);
	expect_mem((char *)address + 4096, 4096, part, 4096);
	row("10.2.live");
	expect_eq(((struct kdbus_msg *)address)->src_id, b->id);
	row("10.2.private");
	munmap(part, 4096);
	expect_eq(carrier->mmap(a->h, 4096, PROT_READ, true, 0, &part), 0);
	expect_eq(((struct kdbus_msg *)part)->src_id, b->id);
	munmap(part, 4096);
	row("10.2.after-death");
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	node_close(B.owner);
	expect_eq(carrier->mmap(a->h, 4096, PROT_READ, false, 0, &part), 0);
	expect_eq(((struct kdbus_msg *)part)->src_id, b->id);
	peer_close(a);
	row("10.2.outlives-close");
	expect_eq(((struct kdbus_msg *)part)->src_id, b->id);
	expect_eq(((struct kdbus_msg *)address)->src_id, b->id);
	munmap(part, 4096);
	munmap(address, 8 * 4096);
}
