/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata: what comes with a message, with CONN_INFO, and in which form */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define IMPLICIT                                                                                   \
	((uint64_t)(KDBUS_ATTACH_CONN_DESCRIPTION | KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_NAMES |  \
		    KDBUS_ATTACH_AUXGROUPS | KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS))
#define VISIBLE                                                                                    \
	((uint64_t)(KDBUS_ATTACH_TID_COMM | KDBUS_ATTACH_PID_COMM | KDBUS_ATTACH_SECLABEL |        \
		    KDBUS_ATTACH_CMDLINE | KDBUS_ATTACH_CGROUP | KDBUS_ATTACH_AUDIT |              \
		    KDBUS_ATTACH_CAPS | KDBUS_ATTACH_EXE))

static struct cmd c;

static struct peer *described(uint64_t send, uint64_t recv)
{
	hello_init(&c, KDBUS_HELLO_ACCEPT_FD);
	c.hello.attach_flags_send = send;
	c.hello.attach_flags_recv = recv;
	cmd_add_str(&c, KDBUS_ITEM_CONN_DESCRIPTION, "about-me");
	return peer_hello(&c, NULL, NULL);
}

/* what the system has no support for gives no item */
static uint64_t supported(struct peer *p)
{
	const struct kdbus_info *info;
	uint64_t mask;

	expect_eq(peer_info(p, p->id, NULL, _KDBUS_ATTACH_ALL, &info), 0);
	mask = items_mask(info->items, INFO_END(info));
	expect_eq(peer_free(p, (const uint8_t *)info - p->pool), 0);
	return mask | KDBUS_ATTACH_TIMESTAMP;
}

static const struct kdbus_msg *message(struct peer *from, struct peer *to)
{
	struct kdbus_cmd_recv recv;

	expect_eq(peer_send_to(from, to->id, 1, 1), 0);
	return peer_get_raw(to, &recv);
}

ABI_TEST(masks_of_a_message)
{
	struct peer *all = described(_KDBUS_ATTACH_ALL, 0), *none = described(0, 0);
	uint64_t can, expected;
	const struct kdbus_msg *msg;

	expect_eq(peer_acquire(all, "x.y", 0), 0);
	expect_eq(peer_acquire(none, "x.z", 0), 0);
	can = supported(all) | KDBUS_ATTACH_NAMES;
	for (unsigned bit = 0; bit < 14; bit++) {
		uint64_t flag = 1ULL << bit;
		struct peer *r = peer_recv_flags(flag);

		row("8.2.recv-mask");
		msg = message(all, r);
		expect_eq(items_mask(msg->items, MSG_END(msg)), flag & can);
		row(p1() ? "0.2.13.p1" : "0.2.13.p2");
		msg = message(none, r);
		expected = p1() ? 0 : flag & (IMPLICIT | VISIBLE) & can;
		expect_eq(items_mask(msg->items, MSG_END(msg)), expected);
		peer_close(r);
	}
	row("8.2.implicit");
	if (!p1()) {
		msg = message(none, peer_recv_flags(IMPLICIT));
		expect_eq(items_mask(msg->items, MSG_END(msg)), IMPLICIT & can);
	}
}

ABI_TEST(order_of_items)
{
	struct peer *from = described(_KDBUS_ATTACH_ALL, 0), *to;
	static const uint64_t order[] = {
		KDBUS_ITEM_CREDS,
		KDBUS_ITEM_PIDS,
		KDBUS_ITEM_AUXGROUPS,
		KDBUS_ITEM_TID_COMM,
		KDBUS_ITEM_PID_COMM,
		KDBUS_ITEM_EXE,
		KDBUS_ITEM_CMDLINE,
		KDBUS_ITEM_CGROUP,
		KDBUS_ITEM_CAPS,
		KDBUS_ITEM_SECLABEL,
		KDBUS_ITEM_AUDIT,
		KDBUS_ITEM_OWNED_NAME,
		KDBUS_ITEM_CONN_DESCRIPTION,
		KDBUS_ITEM_TIMESTAMP,
	};
	const struct kdbus_msg *msg;
	size_t at = 0;

	row("8.3.order");
	expect_eq(peer_acquire(from, "x.y", 0), 0);
	expect_eq(peer_acquire(from, "x.z", 0), 0);
	to = peer_recv_flags(_KDBUS_ATTACH_ALL);
	msg = message(from, to);
	FOR_EACH_ITEM(item, msg->items, MSG_END(msg))
	{
		if (item->type < _KDBUS_ITEM_ATTACH_BASE)
			continue;
		while (at < N_OF(order) && order[at] != item->type)
			at++;
		expect_lt(at, N_OF(order));
	}
	row("4.2.metadata-in-size");
	expect(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TIMESTAMP));
}

ABI_TEST(contents)
{
	struct peer *from = described(_KDBUS_ATTACH_ALL, 0);
	struct peer *to = peer_recv_flags(_KDBUS_ATTACH_ALL);
	const struct kdbus_item *item;
	const struct kdbus_msg *msg;
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	gid_t groups[256];
	char text[4096], comm[16];
	ssize_t n;
	FILE *file;
	unsigned names = 0;

	expect_eq(peer_acquire(from, "x.y", 0), 0);
	expect_eq(peer_acquire(from, "x.z", 0), 0);
	expect_eq(peer_acquire(to, "x.w", 0), 0);
	expect_eq(peer_acquire(from, "x.w", KDBUS_NAME_QUEUE), 0);
	msg = message(from, to);
#define GET(type) items_find(msg->items, MSG_END(msg), KDBUS_ITEM_##type)
	row("8.4.creds");
	getresuid(&ruid, &euid, &suid);
	getresgid(&rgid, &egid, &sgid);
	item = GET(CREDS);
	expect_eq(item->creds.uid, ruid);
	expect_eq(item->creds.euid, euid);
	expect_eq(item->creds.suid, suid);
	expect_eq(item->creds.fsuid, euid);
	expect_eq(item->creds.gid, rgid);
	expect_eq(item->creds.egid, egid);
	expect_eq(item->creds.sgid, sgid);
	expect_eq(item->creds.fsgid, egid);
	row("8.4.pids");
	item = GET(PIDS);
	expect_eq(item->pids.pid, getpid());
	expect_eq(item->pids.tid, syscall(SYS_gettid));
	expect_eq(item->pids.ppid, getppid());
	row("8.4.auxgroups");
	item = GET(AUXGROUPS);
	n = getgroups(N_OF(groups), groups);
	expect_eq((item->size - 16) / 8, (uint64_t)n);
	for (ssize_t i = 0; i < n; i++)
		expect_eq(item->data64[i], groups[i]);
	row("8.4.comm");
	prctl(PR_GET_NAME, comm);
	expect_str(GET(TID_COMM)->str, comm);
	expect_str(GET(PID_COMM)->str, comm);
	row("8.4.exe");
	n = readlink("/proc/self/exe", text, sizeof(text) - 1);
	text[n] = '\0';
	expect_str(GET(EXE)->str, text);
	row("8.4.cmdline");
	file = fopen("/proc/self/cmdline", "re");
	n = fread(text, 1, sizeof(text), file);
	fclose(file);
	item = GET(CMDLINE);
	expect_mem(item->str, item->size - 16, text, n);
	row("8.4.caps");
	item = GET(CAPS);
	expect_eq(item->size, 16 + 4 + 4 * 4 * (item->caps.last_cap / 32 + 1));
	row("8.4.owned-names");
	FOR_EACH_ITEM(i, msg->items, MSG_END(msg))
	{
		if (i->type != KDBUS_ITEM_OWNED_NAME)
			continue;
		expect_str(i->name.name, names == 0 ? "x.y" : "x.z");
		expect_eq(i->name.flags, nf(KDBUS_NAME_PRIMARY));
		names++;
	}
	expect_eq(names, 2);
	row("8.4.description");
	expect_str(GET(CONN_DESCRIPTION)->str, "about-me");
#undef GET
}

ABI_TEST(unavailable_data)
{
	struct peer *from = peer(), *to = peer_recv_flags(_KDBUS_ATTACH_ALL);
	const struct kdbus_msg *msg = message(from, to);

	row("8.2.unavailable");
	expect(!items_find(msg->items, MSG_END(msg), KDBUS_ITEM_OWNED_NAME));
	expect(!items_find(msg->items, MSG_END(msg), KDBUS_ITEM_CONN_DESCRIPTION));
}

ABI_TEST(info_is_frozen)
{
	struct peer *a = described(_KDBUS_ATTACH_ALL, 0);
	const struct kdbus_info *info;
	char before[16];

	row("8.1.frozen");
	prctl(PR_GET_NAME, before);
	prctl(PR_SET_NAME, "other");
	expect_eq(peer_info(a, a->id, NULL, KDBUS_ATTACH_TID_COMM, &info), 0);
	expect_str(info->items[0].str, before);
	row("8.1.names-are-current");
	expect_eq(peer_acquire(a, "x.y", 0), 0);
	expect_eq(peer_info(a, a->id, NULL, KDBUS_ATTACH_NAMES, &info), 0);
	expect_str(info->items[0].name.name, "x.y");
	row("8.1.message-is-current");
	{
		const struct kdbus_msg *msg = message(a, peer_recv_flags(KDBUS_ATTACH_TID_COMM));

		expect_str(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TID_COMM)->str, "other");
	}
	row("8.1.creator-is-frozen");
	expect_eq(peer_creator_info(a, KDBUS_ATTACH_TID_COMM, &info), 0);
	expect_str(items_find(info->items, INFO_END(info), KDBUS_ITEM_TID_COMM)->str, before);
	prctl(PR_SET_NAME, before);
}

ABI_TEST(info_selftest)
{
	uint64_t mask = KDBUS_ATTACH_NAMES | KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS |
			KDBUS_ATTACH_CONN_DESCRIPTION;
	struct peer *a = described(_KDBUS_ATTACH_ALL, 0);
	const struct kdbus_info *first, *second;
	unsigned n = 0;

	row("11.19");
	expect_eq(peer_info(a, a->id, NULL, 0, &first), 0);
	expect_eq(peer_free(a, (const uint8_t *)first - a->pool), 0);
	cmd_init(&c, sizeof(c.info), 0);
	cmd_add_str(&c, KDBUS_ITEM_NAME, "com.example.none");
	((struct kdbus_item *)c.info.items)->size = 17;
	c.size = sizeof(c.info) + 17;
	expect_eq(peer_ioctl(a, KDBUS_CMD_CONN_INFO, &c), -EINVAL);
	expect_eq(peer_info(a, 0, "com.example.none", 0, NULL), -ESRCH);
	expect_eq(peer_info(a, a->id, NULL, mask, &first), 0);
	expect_eq(items_mask(first->items, INFO_END(first)), mask & ~(uint64_t)KDBUS_ATTACH_NAMES);
	expect_eq(peer_acquire(a, "com.example.a", 0), 0);
	expect_eq(peer_acquire(a, "com.example.b", 0), 0);
	expect_eq(peer_free(a, (const uint8_t *)first - a->pool), 0);
	row("11.19.same-offset");
	expect_eq(peer_info(a, 0, "com.example.a", mask | KDBUS_ATTACH_CAPS, &second), 0);
	expect(first == second);
	FOR_EACH_ITEM(item, second->items, INFO_END(second))
	n += item->type == KDBUS_ITEM_OWNED_NAME;
	expect_eq(n, 2);
}

ABI_TEST(faked)
{
	struct kdbus_creds creds = {0xffffffff, 1234,	    0xffffffff, 0xffffffff,
				    0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};
	struct kdbus_pids pids = {.pid = getpid()};
	uint64_t both = KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS;
	const struct kdbus_info *info;
	const struct kdbus_msg *msg;
	struct peer *a = peer(), *p;

	row("C43");
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	p = peer_hello(&c, NULL, NULL);
	expect_eq(peer_info(a, p->id, NULL, both, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)), (uint64_t)KDBUS_ATTACH_CREDS);
	expect_eq(info->items[0].creds.euid, 1234);
	expect_eq(info->items[0].creds.uid, 0xffffffff);
	expect_eq(info->items[0].creds.fsgid, 0xffffffff);
	row("8.7.only-what-was-given");
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	cmd_add_str(&c, KDBUS_ITEM_SECLABEL, "label");
	cmd_add_str(&c, KDBUS_ITEM_CONN_DESCRIPTION, "fake");
	p = peer_hello(&c, NULL, NULL);
	expect_eq(peer_info(a, p->id, NULL, _KDBUS_ATTACH_ALL, &info), 0);
	expect_eq(items_mask(info->items, INFO_END(info)),
		  (uint64_t)(KDBUS_ATTACH_PIDS | KDBUS_ATTACH_SECLABEL |
			     KDBUS_ATTACH_CONN_DESCRIPTION));
	expect_str(items_find(info->items, INFO_END(info), KDBUS_ITEM_SECLABEL)->str, "label");
	row("8.7.pid-zero");
	expect_eq(items_find(info->items, INFO_END(info), KDBUS_ITEM_PIDS)->pids.ppid, 0);
	row("8.2.faked-messages");
	expect_eq(peer_acquire(p, "x.y", 0), 0);
	msg = message(p, peer_recv_flags(_KDBUS_ATTACH_ALL));
	expect_eq(items_mask(msg->items, MSG_END(msg)),
		  (uint64_t)(KDBUS_ATTACH_NAMES | KDBUS_ATTACH_CONN_DESCRIPTION |
			     KDBUS_ATTACH_TIMESTAMP));
	row("8.7.policy-is-real");
	expect_eq(peer_acquire(p, "x.z", 0), 0);
}

ABI_TEST(faked_accounting)
{
	struct kdbus_creds creds = {OTHER_UID,	0xffffffff, 0xffffffff, 0xffffffff,
				    0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};
	struct peer *a = peer(), *b = peer(), *fake;

	row(p1() ? "0.2.28.p1" : "0.2.28.p2");
	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	fake = peer_hello(&c, NULL, NULL);
	for (unsigned i = 0; i < 256; i++)
		expect_eq(peer_send_to(b, a->id, i, 0), 0);
	expect_eq(peer_send_to(fake, a->id, 1, 0), p1() ? -ENOBUFS : 0);
}

ABI_TEST(update_selftest)
{
	uint64_t all = _KDBUS_ATTACH_ALL, less = _KDBUS_ATTACH_ALL & ~KDBUS_ATTACH_TIMESTAMP;
	uint64_t bad = _KDBUS_ATTACH_ALL + 1;
	struct peer *a = peer_recv_flags(all), *b = peer();
	const struct kdbus_msg *msg;

	row("11.20");
	msg = message(b, a);
	expect(items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TIMESTAMP));
	expect_eq(peer_update_flags(a, &all, &less), 0);
	msg = message(b, a);
	expect(!items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TIMESTAMP));
	expect_eq(peer_update_flags(a, &bad, NULL), -EINVAL);
	row("11.9.monitor-update");
	{
		static const uint64_t none, some = KDBUS_ATTACH_TIMESTAMP | KDBUS_ATTACH_CREDS;
		struct peer *m = peer_monitor();
		struct kdbus_cmd_recv recv;

		expect_eq(peer_update_flags(m, &all, &none), 0);
		expect_eq(peer_broadcast(b, 1), 0);
		msg = peer_get_raw(m, &recv);
		expect(!items_find(msg->items, MSG_END(msg), KDBUS_ITEM_TIMESTAMP));
		expect_eq(peer_update_flags(m, NULL, &some), 0);
		expect_eq(peer_broadcast(b, 1), 0);
		msg = peer_get_raw(m, &recv);
		expect_eq(items_mask(msg->items, MSG_END(msg)), some);
	}
}
