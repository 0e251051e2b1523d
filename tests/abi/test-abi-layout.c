/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers and layouts of the interface */
#include "tests/abi/client.h"

TEST(command_numbers)
{
	static const struct {
		const char *row;
		unsigned long nr, expected;
	} cases[] = {
		{"2.1.bus-make", KDBUS_CMD_BUS_MAKE, 0x40189500},
		{"2.1.endpoint-make", KDBUS_CMD_ENDPOINT_MAKE, 0x40189510},
		{"2.1.endpoint-update", KDBUS_CMD_ENDPOINT_UPDATE, 0x40189511},
		{"2.1.hello", KDBUS_CMD_HELLO, 0xc0609580},
		{"2.1.update", KDBUS_CMD_UPDATE, 0x40189581},
		{"2.1.byebye", KDBUS_CMD_BYEBYE, 0x40189582},
		{"2.1.free", KDBUS_CMD_FREE, 0x40209583},
		{"2.1.conn-info", KDBUS_CMD_CONN_INFO, 0x80389584},
		{"2.1.bus-creator-info", KDBUS_CMD_BUS_CREATOR_INFO, 0x80389585},
		{"2.1.list", KDBUS_CMD_LIST, 0x80289586},
		{"2.1.send", KDBUS_CMD_SEND, 0x40389590},
		{"2.1.recv", KDBUS_CMD_RECV, 0x80409591},
		{"2.1.name-acquire", KDBUS_CMD_NAME_ACQUIRE, 0x401895a0},
		{"2.1.name-release", KDBUS_CMD_NAME_RELEASE, 0x401895a1},
		{"2.1.match-add", KDBUS_CMD_MATCH_ADD, 0x402095b0},
		{"2.1.match-remove", KDBUS_CMD_MATCH_REMOVE, 0x402095b1},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		expect_eq(cases[i].nr, cases[i].expected);
	}
}

#define AT(type, member, offset) expect_eq(offsetof(struct type, member), (size_t)(offset))
#define HEAD(type)                                                                                 \
	do {                                                                                       \
		AT(type, size, 0);                                                                 \
		AT(type, flags, 8);                                                                \
		AT(type, return_flags, 16);                                                        \
	} while (0)

TEST(command_structs)
{
	row("2.2.cmd");
	HEAD(kdbus_cmd);
	AT(kdbus_cmd, items, 24);
	row("2.2.hello");
	HEAD(kdbus_cmd_hello);
	AT(kdbus_cmd_hello, attach_flags_send, 24);
	AT(kdbus_cmd_hello, attach_flags_recv, 32);
	AT(kdbus_cmd_hello, bus_flags, 40);
	AT(kdbus_cmd_hello, id, 48);
	AT(kdbus_cmd_hello, pool_size, 56);
	AT(kdbus_cmd_hello, offset, 64);
	AT(kdbus_cmd_hello, items_size, 72);
	AT(kdbus_cmd_hello, id128, 80);
	AT(kdbus_cmd_hello, items, 96);
	row("2.2.free");
	HEAD(kdbus_cmd_free);
	AT(kdbus_cmd_free, offset, 24);
	AT(kdbus_cmd_free, items, 32);
	row("2.2.info");
	HEAD(kdbus_cmd_info);
	AT(kdbus_cmd_info, id, 24);
	AT(kdbus_cmd_info, attach_flags, 32);
	AT(kdbus_cmd_info, offset, 40);
	AT(kdbus_cmd_info, info_size, 48);
	AT(kdbus_cmd_info, items, 56);
	row("2.2.list");
	HEAD(kdbus_cmd_list);
	AT(kdbus_cmd_list, offset, 24);
	AT(kdbus_cmd_list, list_size, 32);
	AT(kdbus_cmd_list, items, 40);
	row("2.2.send");
	HEAD(kdbus_cmd_send);
	AT(kdbus_cmd_send, msg_address, 24);
	AT(kdbus_cmd_send, reply, 32);
	AT(kdbus_cmd_send, items, 56);
	row("2.2.recv");
	HEAD(kdbus_cmd_recv);
	AT(kdbus_cmd_recv, priority, 24);
	AT(kdbus_cmd_recv, dropped_msgs, 32);
	AT(kdbus_cmd_recv, msg, 40);
	AT(kdbus_cmd_recv, items, 64);
	row("2.2.match");
	HEAD(kdbus_cmd_match);
	AT(kdbus_cmd_match, cookie, 24);
	AT(kdbus_cmd_match, items, 32);
	row("2.2.msg-info");
	expect_eq(sizeof(struct kdbus_msg_info), 24);
	AT(kdbus_msg_info, offset, 0);
	AT(kdbus_msg_info, msg_size, 8);
	AT(kdbus_msg_info, return_flags, 16);
	row("2.2.info-record");
	AT(kdbus_info, size, 0);
	AT(kdbus_info, id, 8);
	AT(kdbus_info, flags, 16);
	AT(kdbus_info, items, 24);
	row("2.2.msg");
	AT(kdbus_msg, size, 0);
	AT(kdbus_msg, flags, 8);
	AT(kdbus_msg, priority, 16);
	AT(kdbus_msg, dst_id, 24);
	AT(kdbus_msg, src_id, 32);
	AT(kdbus_msg, payload_type, 40);
	AT(kdbus_msg, cookie, 48);
	AT(kdbus_msg, timeout_ns, 56);
	AT(kdbus_msg, cookie_reply, 56);
	AT(kdbus_msg, items, 64);
}

TEST(payload_structs)
{
	row("2.3.item");
	AT(kdbus_item, size, 0);
	AT(kdbus_item, type, 8);
	AT(kdbus_item, data, 16);
	expect_eq(sizeof(struct kdbus_item), 80);
	row("2.3.id-change");
	expect_eq(sizeof(struct kdbus_notify_id_change), 16);
	AT(kdbus_notify_id_change, flags, 8);
	row("2.3.name-change");
	AT(kdbus_notify_name_change, new_id, 16);
	AT(kdbus_notify_name_change, name, 32);
	row("2.3.creds");
	expect_eq(sizeof(struct kdbus_creds), 64);
	AT(kdbus_creds, euid, 8);
	AT(kdbus_creds, suid, 16);
	AT(kdbus_creds, fsuid, 24);
	AT(kdbus_creds, gid, 32);
	AT(kdbus_creds, egid, 40);
	AT(kdbus_creds, sgid, 48);
	AT(kdbus_creds, fsgid, 56);
	row("2.3.pids");
	expect_eq(sizeof(struct kdbus_pids), 24);
	AT(kdbus_pids, tid, 8);
	AT(kdbus_pids, ppid, 16);
	row("2.3.caps");
	AT(kdbus_caps, last_cap, 0);
	AT(kdbus_caps, caps, 4);
	row("2.3.audit");
	expect_eq(sizeof(struct kdbus_audit), 8);
	AT(kdbus_audit, loginuid, 4);
	row("2.3.timestamp");
	expect_eq(sizeof(struct kdbus_timestamp), 24);
	AT(kdbus_timestamp, monotonic_ns, 8);
	AT(kdbus_timestamp, realtime_ns, 16);
	row("2.3.vec");
	expect_eq(sizeof(struct kdbus_vec), 16);
	AT(kdbus_vec, address, 8);
	AT(kdbus_vec, offset, 8);
	row("2.3.bloom-parameter");
	expect_eq(sizeof(struct kdbus_bloom_parameter), 16);
	AT(kdbus_bloom_parameter, n_hash, 8);
	row("2.3.bloom-filter");
	expect_eq(sizeof(struct kdbus_bloom_filter), 8);
	AT(kdbus_bloom_filter, data, 8);
	row("2.3.memfd");
	expect_eq(sizeof(struct kdbus_memfd), 24);
	AT(kdbus_memfd, size, 8);
	AT(kdbus_memfd, fd, 16);
	row("2.3.name");
	AT(kdbus_name, name, 8);
	row("2.3.policy-access");
	expect_eq(sizeof(struct kdbus_policy_access), 24);
	AT(kdbus_policy_access, access, 8);
	AT(kdbus_policy_access, id, 16);
}

TEST(values)
{
	static const struct {
		const char *row;
		unsigned long long value, expected;
	} cases[] = {
		{"2.4.null", _KDBUS_ITEM_NULL, 0},
		{"2.4.negotiate", KDBUS_ITEM_NEGOTIATE, 1},
		{"2.4.payload-vec", KDBUS_ITEM_PAYLOAD_VEC, 2},
		{"2.4.payload-off", KDBUS_ITEM_PAYLOAD_OFF, 3},
		{"2.4.payload-memfd", KDBUS_ITEM_PAYLOAD_MEMFD, 4},
		{"2.4.fds", KDBUS_ITEM_FDS, 5},
		{"2.4.cancel-fd", KDBUS_ITEM_CANCEL_FD, 6},
		{"2.4.bloom-parameter", KDBUS_ITEM_BLOOM_PARAMETER, 7},
		{"2.4.bloom-filter", KDBUS_ITEM_BLOOM_FILTER, 8},
		{"2.4.bloom-mask", KDBUS_ITEM_BLOOM_MASK, 9},
		{"2.4.dst-name", KDBUS_ITEM_DST_NAME, 0xa},
		{"2.4.make-name", KDBUS_ITEM_MAKE_NAME, 0xb},
		{"2.4.attach-flags-send", KDBUS_ITEM_ATTACH_FLAGS_SEND, 0xc},
		{"2.4.attach-flags-recv", KDBUS_ITEM_ATTACH_FLAGS_RECV, 0xd},
		{"2.4.id", KDBUS_ITEM_ID, 0xe},
		{"2.4.name", KDBUS_ITEM_NAME, 0xf},
		{"2.4.dst-id", KDBUS_ITEM_DST_ID, 0x10},
		{"2.4.timestamp", KDBUS_ITEM_TIMESTAMP, 0x1000},
		{"2.4.creds", KDBUS_ITEM_CREDS, 0x1001},
		{"2.4.pids", KDBUS_ITEM_PIDS, 0x1002},
		{"2.4.auxgroups", KDBUS_ITEM_AUXGROUPS, 0x1003},
		{"2.4.owned-name", KDBUS_ITEM_OWNED_NAME, 0x1004},
		{"2.4.tid-comm", KDBUS_ITEM_TID_COMM, 0x1005},
		{"2.4.pid-comm", KDBUS_ITEM_PID_COMM, 0x1006},
		{"2.4.exe", KDBUS_ITEM_EXE, 0x1007},
		{"2.4.cmdline", KDBUS_ITEM_CMDLINE, 0x1008},
		{"2.4.cgroup", KDBUS_ITEM_CGROUP, 0x1009},
		{"2.4.caps", KDBUS_ITEM_CAPS, 0x100a},
		{"2.4.seclabel", KDBUS_ITEM_SECLABEL, 0x100b},
		{"2.4.audit", KDBUS_ITEM_AUDIT, 0x100c},
		{"2.4.conn-description", KDBUS_ITEM_CONN_DESCRIPTION, 0x100d},
		{"2.4.policy-access", KDBUS_ITEM_POLICY_ACCESS, 0x2000},
		{"2.4.name-add", KDBUS_ITEM_NAME_ADD, 0x8000},
		{"2.4.name-remove", KDBUS_ITEM_NAME_REMOVE, 0x8001},
		{"2.4.name-change", KDBUS_ITEM_NAME_CHANGE, 0x8002},
		{"2.4.id-add", KDBUS_ITEM_ID_ADD, 0x8003},
		{"2.4.id-remove", KDBUS_ITEM_ID_REMOVE, 0x8004},
		{"2.4.reply-timeout", KDBUS_ITEM_REPLY_TIMEOUT, 0x8005},
		{"2.4.reply-dead", KDBUS_ITEM_REPLY_DEAD, 0x8006},
		{"2.5.generic", KDBUS_FLAG_NEGOTIATE, 1ULL << 63},
		{"2.5.special-ids", KDBUS_SRC_ID_KERNEL, 0},
		{"2.5.special-ids", KDBUS_DST_ID_NAME, 0},
		{"2.5.special-ids", KDBUS_DST_ID_BROADCAST, ~0ULL},
		{"2.5.special-ids", KDBUS_MATCH_ID_ANY, ~0ULL},
		{"2.5.make", KDBUS_MAKE_ACCESS_GROUP, 1},
		{"2.5.make", KDBUS_MAKE_ACCESS_WORLD, 2},
		{"2.5.hello", KDBUS_HELLO_ACCEPT_FD, 1},
		{"2.5.hello", KDBUS_HELLO_ACTIVATOR, 2},
		{"2.5.hello", KDBUS_HELLO_POLICY_HOLDER, 4},
		{"2.5.hello", KDBUS_HELLO_MONITOR, 8},
		{"2.5.msg", KDBUS_MSG_EXPECT_REPLY, 1},
		{"2.5.msg", KDBUS_MSG_NO_AUTO_START, 2},
		{"2.5.msg", KDBUS_MSG_SIGNAL, 4},
		{"2.5.send", KDBUS_SEND_SYNC_REPLY, 1},
		{"2.5.recv", KDBUS_RECV_PEEK, 1},
		{"2.5.recv", KDBUS_RECV_DROP, 2},
		{"2.5.recv", KDBUS_RECV_USE_PRIORITY, 4},
		{"2.5.recv-return", KDBUS_RECV_RETURN_INCOMPLETE_FDS, 1},
		{"2.5.recv-return", KDBUS_RECV_RETURN_DROPPED_MSGS, 2},
		{"2.5.list", KDBUS_LIST_UNIQUE, 1},
		{"2.5.list", KDBUS_LIST_NAMES, 2},
		{"2.5.list", KDBUS_LIST_ACTIVATORS, 4},
		{"2.5.list", KDBUS_LIST_QUEUED, 8},
		{"2.5.match", KDBUS_MATCH_REPLACE, 1},
		{"2.5.name", KDBUS_NAME_REPLACE_EXISTING, 1},
		{"2.5.name", KDBUS_NAME_ALLOW_REPLACEMENT, 2},
		{"2.5.name", KDBUS_NAME_QUEUE, 4},
		{"2.5.name", KDBUS_NAME_IN_QUEUE, 8},
		{"2.5.name", KDBUS_NAME_ACTIVATOR, 16},
		{"2.5.name-p2", KDBUS_NAME_PRIMARY, 32},
		{"2.5.name-p2", KDBUS_NAME_ACQUIRED, 64},
		{"2.5.payload", KDBUS_PAYLOAD_KERNEL, 0},
		{"2.5.payload", KDBUS_PAYLOAD_DBUS, 0x4442757344427573ULL},
		{"2.5.policy-type", KDBUS_POLICY_ACCESS_USER, 1},
		{"2.5.policy-type", KDBUS_POLICY_ACCESS_GROUP, 2},
		{"2.5.policy-type", KDBUS_POLICY_ACCESS_WORLD, 3},
		{"2.5.policy-access", KDBUS_POLICY_SEE, 0},
		{"2.5.policy-access", KDBUS_POLICY_TALK, 1},
		{"2.5.policy-access", KDBUS_POLICY_OWN, 2},
		{"2.5.attach", KDBUS_ATTACH_TIMESTAMP, 1},
		{"2.5.attach", KDBUS_ATTACH_CREDS, 2},
		{"2.5.attach", KDBUS_ATTACH_PIDS, 4},
		{"2.5.attach", KDBUS_ATTACH_AUXGROUPS, 8},
		{"2.5.attach", KDBUS_ATTACH_NAMES, 16},
		{"2.5.attach", KDBUS_ATTACH_TID_COMM, 32},
		{"2.5.attach", KDBUS_ATTACH_PID_COMM, 64},
		{"2.5.attach", KDBUS_ATTACH_EXE, 128},
		{"2.5.attach", KDBUS_ATTACH_CMDLINE, 256},
		{"2.5.attach", KDBUS_ATTACH_CGROUP, 512},
		{"2.5.attach", KDBUS_ATTACH_CAPS, 1024},
		{"2.5.attach", KDBUS_ATTACH_SECLABEL, 2048},
		{"2.5.attach", KDBUS_ATTACH_AUDIT, 4096},
		{"2.5.attach", KDBUS_ATTACH_CONN_DESCRIPTION, 8192},
		{"2.5.attach", _KDBUS_ATTACH_ALL, 0x3fff},
		{"2.5.attach", _KDBUS_ATTACH_ANY, ~0ULL},
	};

	for (size_t i = 0; i < N_OF(cases); i++) {
		row(cases[i].row);
		expect_eq(cases[i].value, cases[i].expected);
	}
}
