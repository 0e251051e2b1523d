/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BUS_MAKE, ENDPOINT_MAKE, ENDPOINT_UPDATE, HELLO */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/abi/client.h"

static int bus_make(struct cmd *cmd, void **h_out)
{
	void *h;
	int r;

	expect_eq(node_open("control", NULL, &h), 0);
	r = node_ioctl(h, KDBUS_CMD_BUS_MAKE, cmd);
	if (r < 0 || !h_out)
		node_close(h);
	else
		*h_out = h;
	return r;
}

ABI_TEST(bloom_parameters)
{
	static const struct {
		uint64_t size, n_hash;
		int error;
	} cases[] = {
		{8, 1, 0},
		{4096, 1, 0},
		{64, ~0ULL, 0},
		{16, 3, 0},
		{0, 1, -EINVAL},
		{7, 1, -EINVAL},
		{9, 1, -EINVAL},
		{4104, 1, -EINVAL},
		{64, 0, -EINVAL},
		{4, 1, -EINVAL},
		{~0ULL & ~7ULL, 1, -EINVAL},
	};
	struct kdbus_bloom_parameter bloom;
	struct cmd cmd;

	row("3.1.bloom");
	for (size_t i = 0; i < N_OF(cases); i++) {
		bloom = (struct kdbus_bloom_parameter){cases[i].size, cases[i].n_hash};
		bus_cmd(&cmd, bus_fresh_name(), 0, 0);
		cmd_add(&cmd, KDBUS_ITEM_BLOOM_PARAMETER, &bloom, sizeof(bloom));
		expect_eq(bus_make(&cmd, NULL), cases[i].error);
	}
}

ABI_TEST(bus_make_errors)
{
	struct cmd cmd;
	char name[64];
	void *h[17];

	row("3.1.attach-flags");
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, 1ULL << 20);
	expect_eq(bus_make(&cmd, NULL), -EINVAL);
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	cmd_add_u64(&cmd, KDBUS_ITEM_ATTACH_FLAGS_SEND, _KDBUS_ATTACH_ANY);
	expect_eq(bus_make(&cmd, NULL), 0);
	row("3.1.prefix");
	bus_cmd(&cmd, "name", 64, 0);
	expect_eq(bus_make(&cmd, NULL), -EINVAL);
	row("3.1.exists");
	bus_cmd(&cmd, B.name, 64, 0);
	expect_eq(bus_make(&cmd, NULL), -EEXIST);
	row("3.1.failed-name-is-free");
	snprintf(name, sizeof(name), "%s", bus_fresh_name());
	bus_cmd(&cmd, name, 63, 0);
	expect_eq(bus_make(&cmd, NULL), -EINVAL);
	bus_cmd(&cmd, name, 64, 0);
	expect_eq(bus_make(&cmd, NULL), 0);
	row("3.1.name-is-free-again");
	expect_eq(bus_make(&cmd, NULL), 0);

	row("3.1.emfile");
	for (unsigned i = 0; i < 15; i++) {
		bus_cmd(&cmd, bus_fresh_name(), 64, 0);
		expect_eq(bus_make(&cmd, &h[i]), 0);
	}
	row("C32");
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	expect_eq(bus_make(&cmd, &h[15]), -EMFILE);
	row("3.1.exists-before-emfile");
	bus_cmd(&cmd, B.name, 64, 0);
	expect_eq(bus_make(&cmd, NULL), -EEXIST);
	node_close(h[3]);
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	expect_eq(bus_make(&cmd, &h[3]), 0);
	row("9.buses");
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	expect_eq(bus_make(&cmd, &h[15]), -EMFILE);
}

ABI_TEST(bus_of_any_user)
{
	struct abi_cred stranger = {OTHER_UID, OTHER_UID};
	struct cmd cmd;
	char name[64];
	void *h;

	need(ABI_CAN_CRED);
	row("3.1.any-user");
	expect_eq(node_open("control", &stranger, &h), 0);
	snprintf(name, sizeof(name), "%u-any-%u", OTHER_UID, getpid());
	bus_cmd(&cmd, name, 64, 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_BUS_MAKE, &cmd), 0);
}

ABI_TEST(bus_make_announces_nothing)
{
	struct peer *a = peer();
	struct cmd cmd;
	char path[80];
	void *h;

	row("3.1.no-notification");
	peer_match_empty(a);
	peer_match_notifications(a);
	bus_cmd(&cmd, bus_fresh_name(), 64, 0);
	snprintf(path, sizeof(path), "%s/bus", (char *)cmd.cmd.items + 32 + 16);
	expect_eq(bus_make(&cmd, &h), 0);
	expect_nothing(a);
	row("3.1.visible");
	expect(carrier->exists(path));
	row("1.3.gone");
	node_close(h);
	expect(!carrier->exists(path));
}

static int endpoint_try(const char *name, uint64_t flags, const struct abi_cred *cred)
{
	struct cmd cmd;
	void *h;
	int r;

	expect_eq(node_open(B.path, cred, &h), 0);
	cmd_init(&cmd, sizeof(cmd.cmd), flags);
	cmd_add_str(&cmd, KDBUS_ITEM_MAKE_NAME, name);
	r = node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, &cmd);
	if (r < 0)
		node_close(h);
	return r;
}

ABI_TEST(endpoint_make_errors)
{
	char name[80];
	void *h;

	row("3.2.prefix");
	expect_eq(endpoint_try("name", 0, NULL), -EINVAL);
	snprintf(name, sizeof(name), "%u-name", geteuid() + 1);
	expect_eq(endpoint_try(name, 0, NULL), -EINVAL);
	row("3.2.too-long");
	memset(name, 'x', 70);
	name[70] = '\0';
	expect_eq(endpoint_try(name, 0, NULL), -ENAMETOOLONG);
	row("3.2.exists");
	h = endpoint_make(endpoint_name("e"), 0);
	expect_eq(endpoint_try(endpoint_name("e"), 0, NULL), -EEXIST);
	row("3.2.name-is-free-again");
	node_close(h);
	expect_eq(endpoint_try(endpoint_name("e"), 0, NULL), 0);
	row("3.2.many");
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "%u-many%u", geteuid(), i);
		expect_eq(endpoint_try(name, 0, NULL), 0);
	}
	row("3.2.eperm-custom");
	expect_eq(node_open(node_path(endpoint_name("e")), NULL, &h), 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -EPERM);
	row("3.2.eperm");
	need(ABI_CAN_CRED);
	expect_eq(node_open(B.path, &(struct abi_cred){OTHER_UID, 1}, &h), 0);
	expect_eq(node_ioctl(h, KDBUS_CMD_ENDPOINT_MAKE, (void *)1), -EPERM);
}

ABI_TEST(endpoint_starts_empty)
{
	struct peer *owner = peer(), *inside;
	void *ep;

	row("3.2.empty-policy");
	expect_eq(peer_acquire(owner, "com.example.inside", 0), 0);
	ep = endpoint_make(endpoint_name("empty"), 0);
	inside = peer_at(endpoint_name("empty"), NULL);
	expect_eq(peer_send_to(inside, owner->id, 1, 1), -EPERM);
	expect_eq(peer_acquire(inside, "com.example.own", 0), -EPERM);
	expect_eq(peer_info(inside, 0, "com.example.inside", 0, NULL), -ESRCH);
	expect_eq(peer_info(inside, owner->id, NULL, 0, NULL), -ENXIO);
	node_close(ep);
}

static int update_endpoint(void *ep, const char *names[], unsigned n, uint64_t access)
{
	struct cmd cmd;

	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	for (unsigned i = 0; i < n; i++) {
		cmd_add_str(&cmd, KDBUS_ITEM_NAME, names[i]);
		cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_WORLD, access, 0);
	}
	return node_ioctl(ep, KDBUS_CMD_ENDPOINT_UPDATE, &cmd);
}

ABI_TEST(endpoint_update)
{
	const char *two[] = {"com.example.one", "com.example.two"};
	const char *wild[] = {"com.example.*"}, *twice[] = {"a.b", "a.b"}, *bad[] = {"nodot"};
	struct peer *owner = peer(), *inside;
	struct cmd cmd;
	void *ep;

	expect_eq(peer_acquire(owner, "com.example.one", 0), 0);
	ep = endpoint_make(endpoint_name("policy"), 0);
	inside = peer_at(endpoint_name("policy"), NULL);
	row("3.3.any-number");
	expect_eq(update_endpoint(ep, two, 2, KDBUS_POLICY_TALK), 0);
	expect_eq(peer_send_to(inside, owner->id, 1, 1), 0);
	row("3.3.errors");
	expect_eq(update_endpoint(ep, twice, 2, KDBUS_POLICY_SEE), -EEXIST);
	expect_eq(update_endpoint(ep, bad, 1, KDBUS_POLICY_SEE), -EINVAL);
	row("3.3.atomic");
	expect_eq(peer_send_to(inside, owner->id, 1, 1), 0);
	row("3.3.replace");
	expect_eq(update_endpoint(ep, two + 1, 1, KDBUS_POLICY_TALK), 0);
	expect_eq(peer_send_to(inside, owner->id, 1, 1), -EPERM);
	row("3.3.wildcard");
	expect_eq(update_endpoint(ep, wild, 1, KDBUS_POLICY_TALK), 0);
	expect_eq(peer_send_to(inside, owner->id, 1, 1), 0);
	row("3.3.clear");
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	expect_eq(node_ioctl(ep, KDBUS_CMD_ENDPOINT_UPDATE, &cmd), 0);
	expect_eq(peer_send_to(inside, owner->id, 1, 1), -EPERM);
	row("C34");
	expect_eq(peer_info(inside, 0, "com.example.one", 0, NULL), -ESRCH);
	row("3.3.access-first");
	cmd_init(&cmd, sizeof(cmd.cmd), 0);
	cmd_add_access(&cmd, KDBUS_POLICY_ACCESS_WORLD, 0, 0);
	expect_eq(node_ioctl(ep, KDBUS_CMD_ENDPOINT_UPDATE, &cmd), -EINVAL);
}

/* HELLO */

static struct cmd c;

static int hello_try(void)
{
	struct peer *p;
	int r;

	r = hello(&p, &c, NULL, NULL);
	if (r == 0)
		peer_close(p);
	return r;
}

ABI_TEST(hello_pool_size)
{
	static const struct {
		uint64_t size;
		int error;
	} cases[] = {{0, -EINVAL},
		     {1, -EINVAL},
		     {4095, -EINVAL},
		     {4097, -EINVAL},
		     {4096, 0},
		     {8192, 0},
		     {~0ULL & ~4095ULL, -EINVAL}};

	row("3.4.pool-size");
	for (size_t i = 0; i < N_OF(cases); i++) {
		hello_init(&c, 0);
		c.hello.pool_size = cases[i].size;
		expect_eq(hello_try(), cases[i].error);
	}
}

ABI_TEST(hello_names)
{
	static const struct {
		const char *row;
		uint64_t flags;
		const char *name;
		int error;
	} cases[] = {
		{"3.4.name-without-kind", 0, "com.example.n", -EINVAL},
		{"3.4.name-without-kind", KDBUS_HELLO_MONITOR, "com.example.n", -EINVAL},
		{"3.4.kind-without-name", KDBUS_HELLO_ACTIVATOR, NULL, -EINVAL},
		{"3.4.kind-without-name", KDBUS_HELLO_POLICY_HOLDER, NULL, -EINVAL},
		{"3.4.invalid-name", KDBUS_HELLO_ACTIVATOR, "nodot", -EINVAL},
		{"3.4.invalid-name", KDBUS_HELLO_POLICY_HOLDER, ".a.b", -EINVAL},
		{"3.4.holder-wildcard", KDBUS_HELLO_POLICY_HOLDER, "com.example.*", 0},
		{"3.4.activator-wildcard", KDBUS_HELLO_ACTIVATOR, "com.example.*", -EINVAL},
		{"3.4.holder", KDBUS_HELLO_POLICY_HOLDER, "com.example.h", 0},
		{"3.4.activator", KDBUS_HELLO_ACTIVATOR, "com.example.a", 0},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		hello_init(&c, cases[i].flags);
		if (cases[i].name)
			cmd_add_str(&c, KDBUS_ITEM_NAME, cases[i].name);
		expect_eq(hello_try(), cases[i].error);
	}
}

ABI_TEST(hello_order)
{
	struct abi_cred stranger = {OTHER_UID, OTHER_UID};
	struct kdbus_creds creds = {.uid = ~0ULL};

	row("3.4.order-pool-before-kinds");
	hello_init(&c, KDBUS_HELLO_MONITOR);
	c.hello.pool_size = 0;
	expect_eq(hello(NULL, &c, NULL, NULL), -EINVAL);
	need(ABI_CAN_CRED);
	row("3.4.order-name-before-owner");
	hello_init(&c, KDBUS_HELLO_POLICY_HOLDER);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "nodot");
	expect_eq(hello(NULL, &c, NULL, &stranger), -EINVAL);
	row("3.4.order-owner-before-attach");
	hello_init(&c, KDBUS_HELLO_MONITOR);
	c.hello.attach_flags_send = 1ULL << 30;
	expect_eq(hello(NULL, &c, NULL, &stranger), -EPERM);
	row("3.4.order-fake-before-values");
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(hello(NULL, &c, NULL, &stranger), -EPERM);
	row("3.4.order-attach-before-values");
	c.hello.attach_flags_recv = 1ULL << 30;
	expect_eq(hello(NULL, &c, NULL, NULL), -EINVAL);
}

ABI_TEST(hello_outputs)
{
	const struct kdbus_item *item;
	struct peer *other = peer();
	void *h, *address;
	struct cmd cmd;

	expect_eq(node_open(B.path, NULL, &h), 0);
	hello_init(&cmd, KDBUS_HELLO_ACCEPT_FD);
	cmd.hello.pool_size = 4096;
	cmd.hello.offset = 99;
	cmd_add_str(&cmd, KDBUS_ITEM_CONN_DESCRIPTION, "abc");
	row("B1");
	expect_eq(cmd.size, 116);
	cmd.size = 120;
	expect_eq(node_ioctl(h, KDBUS_CMD_HELLO, &cmd), 0);
	row("3.4.bus-flags");
	expect_eq(cmd.hello.bus_flags, (uint64_t)KDBUS_MAKE_ACCESS_WORLD);
	row("3.4.id");
	expect_gt(cmd.hello.id, other->id);
	row("3.4.id128");
	expect_eq(cmd.hello.id128[6] >> 4, 4);
	expect_eq(cmd.hello.id128[8] >> 6, 2);
	row("3.4.items");
	expect_eq(cmd.hello.offset, 0);
	expect_eq(cmd.hello.items_size, 32);
	expect_eq(carrier->mmap(h, 4096, PROT_READ, false, 0, &address), 0);
	item = address;
	expect_eq(item->size, 32);
	expect_eq(item->type, (uint64_t)KDBUS_ITEM_BLOOM_PARAMETER);
	expect_eq(item->bloom_parameter.size, 64);
	expect_eq(item->bloom_parameter.n_hash, 1);
	munmap(address, 4096);
	row("3.4.written-back");
	expect_eq(cmd.size, 120);
	expect_eq(cmd.hello.flags, (uint64_t)KDBUS_HELLO_ACCEPT_FD);
	expect_eq(cmd.hello.pool_size, 4096);
	expect_eq(cmd.hello.return_flags, 0);
}

ABI_TEST(ids_are_never_reused)
{
	struct peer *p;
	uint64_t last = 0;

	row("1.1.ids");
	for (unsigned i = 0; i < 20; i++) {
		p = peer();
		expect_gt(p->id, last);
		last = p->id;
		peer_close(p);
	}
}

ABI_TEST(number_of_connections)
{
	static struct peer *many[1024];
	struct peer *p;
	struct cmd cmd;

	row("9.connections");
	for (unsigned i = 0; i < N_OF(many); i++) {
		hello_init(&cmd, 0);
		cmd.hello.pool_size = 4096;
		expect_eq(hello(&many[i], &cmd, NULL, NULL), 0);
	}
	row("3.4.emfile");
	hello_init(&cmd, 0);
	cmd.hello.pool_size = 4096;
	expect_eq(hello(&p, &cmd, NULL, NULL), -EMFILE);
	row("3.4.emfile-of-each-user");
	if (carrier->features & ABI_CAN_CRED)
		peer_uid(OTHER_UID);
	peer_close(many[7]);
	hello_init(&cmd, 0);
	expect_eq(hello(&p, &cmd, NULL, NULL), 0);
}

ABI_TEST(faked_values)
{
	static const struct kdbus_creds none = {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff,
						0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};
	struct kdbus_creds creds = none;
	struct kdbus_pids pids = {};

	row("3.4.fake-creds");
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_CREDS, &none, sizeof(none));
	expect_eq(hello_try(), 0);
	creds.egid = ~0ULL;
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(hello_try(), -EINVAL);
	creds.egid = 0x100000000ULL;
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	expect_eq(hello_try(), -EINVAL);
	row("3.4.fake-pids");
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	expect_eq(hello_try(), 0);
	pids.pid = getpid();
	pids.ppid = 1;
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	expect_eq(hello_try(), 0);
	pids.tid = 0x7ffffff0;
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	expect_eq(hello_try(), -EINVAL);
}

ABI_TEST(hello_notifies)
{
	struct peer *a = peer(), *b;

	row("3.4.id-add");
	peer_match_type(a, KDBUS_ITEM_ID_ADD);
	b = peer_flags(KDBUS_HELLO_ACCEPT_FD);
	struct got got = peer_get(a);

	expect_eq(got.type, (uint64_t)KDBUS_ITEM_ID_ADD);
	expect_eq(got.new_id, b->id);
	expect_eq(got.new_flags, (uint64_t)KDBUS_HELLO_ACCEPT_FD);
	row("3.4.policy-of-ordinary-ignored");
	hello_init(&c, 0);
	cmd_add_access(&c, 77, 77, 77);
	expect_eq(hello_try(), 0);
}

ABI_TEST(activator_hello)
{
	struct peer *a = peer(), *act;

	row("3.4.second-activator");
	act = peer_activator("com.example.act");
	hello_init(&c, KDBUS_HELLO_ACTIVATOR);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.act");
	expect_eq(hello_try(), -EEXIST);
	expect_eq(peer_send_name(a, "com.example.act", 1), 0);
	expect_message(act, a->id, 1);
	peer_close(act);
	expect_eq(hello_try(), 0);

	row("3.4.policy-conflict");
	peer_holder("com.example.held", 0, 0, 0);
	hello_init(&c, KDBUS_HELLO_POLICY_HOLDER);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.held");
	expect_eq(hello_try(), -EEXIST);
	row("11.24.activator-of-held-name");
	hello_init(&c, KDBUS_HELLO_ACTIVATOR);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.held");
	expect_eq(hello_try(), -EEXIST);
	expect_eq(peer_acquire(a, "com.example.held", 0), 0);
	expect_eq(hello_try(), -EEXIST);
	row("3.4.bad-policy");
	hello_init(&c, KDBUS_HELLO_ACTIVATOR);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.bad");
	cmd_add_access(&c, 9, 0, 0);
	expect_eq(hello_try(), -EINVAL);
	expect_eq(peer_acquire(a, "com.example.bad", 0), 0);
	row("3.4.access-before-name");
	hello_init(&c, KDBUS_HELLO_POLICY_HOLDER);
	cmd_add_access(&c, KDBUS_POLICY_ACCESS_WORLD, 0, 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.late");
	expect_eq(hello_try(), -EINVAL);
}
