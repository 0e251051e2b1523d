/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kdbus interface, number by number
 *
 * Every size, offset, command number, item type and flag of
 * kernel/include/uapi/linux/kdbus.h next to the value it must have.  Nothing
 * here runs: a difference does not compile.  Valid C99 and C++, as the header.
 */
#pragma once

#include <stddef.h>
#include "kernel/include/uapi/linux/kdbus.h"

#define CHECK(cond) extern char uapi_check[(cond) ? 1 : -1]
#define CHECK_VALUE(name, value) CHECK((unsigned long long)(name) == (unsigned long long)(value))
#define CHECK_SIZE(type, value)	 CHECK(sizeof(type) == (value))
#define CHECK_AT(type, member, offset, size)                                                       \
	CHECK(offsetof(type, member) == (offset) && sizeof(((type *)0)->member) == (size))
/* of a member that is an array without an end */
#define CHECK_TAIL(type, member, offset, element_size)                                             \
	CHECK(offsetof(type, member) == (offset) &&                                                \
	      sizeof(((type *)0)->member[0]) == (element_size))

/* commands */
CHECK_VALUE(KDBUS_IOCTL_MAGIC, 0x95);
CHECK_VALUE(KDBUS_CMD_BUS_MAKE, 0x40189500);
CHECK_VALUE(KDBUS_CMD_ENDPOINT_MAKE, 0x40189510);
CHECK_VALUE(KDBUS_CMD_ENDPOINT_UPDATE, 0x40189511);
CHECK_VALUE(KDBUS_CMD_HELLO, 0xc0609580);
CHECK_VALUE(KDBUS_CMD_UPDATE, 0x40189581);
CHECK_VALUE(KDBUS_CMD_BYEBYE, 0x40189582);
CHECK_VALUE(KDBUS_CMD_FREE, 0x40209583);
CHECK_VALUE(KDBUS_CMD_CONN_INFO, 0x80389584);
CHECK_VALUE(KDBUS_CMD_BUS_CREATOR_INFO, 0x80389585);
CHECK_VALUE(KDBUS_CMD_LIST, 0x80289586);
CHECK_VALUE(KDBUS_CMD_SEND, 0x40389590);
CHECK_VALUE(KDBUS_CMD_RECV, 0x80409591);
CHECK_VALUE(KDBUS_CMD_NAME_ACQUIRE, 0x401895a0);
CHECK_VALUE(KDBUS_CMD_NAME_RELEASE, 0x401895a1);
CHECK_VALUE(KDBUS_CMD_MATCH_ADD, 0x402095b0);
CHECK_VALUE(KDBUS_CMD_MATCH_REMOVE, 0x402095b1);

/* command structs */
CHECK_SIZE(struct kdbus_cmd, 24);
CHECK_AT(struct kdbus_cmd, size, 0, 8);
CHECK_AT(struct kdbus_cmd, flags, 8, 8);
CHECK_AT(struct kdbus_cmd, return_flags, 16, 8);
CHECK_TAIL(struct kdbus_cmd, items, 24, 80);

CHECK_SIZE(struct kdbus_cmd_hello, 96);
CHECK_AT(struct kdbus_cmd_hello, size, 0, 8);
CHECK_AT(struct kdbus_cmd_hello, flags, 8, 8);
CHECK_AT(struct kdbus_cmd_hello, return_flags, 16, 8);
CHECK_AT(struct kdbus_cmd_hello, attach_flags_send, 24, 8);
CHECK_AT(struct kdbus_cmd_hello, attach_flags_recv, 32, 8);
CHECK_AT(struct kdbus_cmd_hello, bus_flags, 40, 8);
CHECK_AT(struct kdbus_cmd_hello, id, 48, 8);
CHECK_AT(struct kdbus_cmd_hello, pool_size, 56, 8);
CHECK_AT(struct kdbus_cmd_hello, offset, 64, 8);
CHECK_AT(struct kdbus_cmd_hello, items_size, 72, 8);
CHECK_AT(struct kdbus_cmd_hello, id128, 80, 16);
CHECK_TAIL(struct kdbus_cmd_hello, items, 96, 80);

CHECK_SIZE(struct kdbus_cmd_free, 32);
CHECK_AT(struct kdbus_cmd_free, size, 0, 8);
CHECK_AT(struct kdbus_cmd_free, flags, 8, 8);
CHECK_AT(struct kdbus_cmd_free, return_flags, 16, 8);
CHECK_AT(struct kdbus_cmd_free, offset, 24, 8);
CHECK_TAIL(struct kdbus_cmd_free, items, 32, 80);

CHECK_SIZE(struct kdbus_cmd_info, 56);
CHECK_AT(struct kdbus_cmd_info, size, 0, 8);
CHECK_AT(struct kdbus_cmd_info, flags, 8, 8);
CHECK_AT(struct kdbus_cmd_info, return_flags, 16, 8);
CHECK_AT(struct kdbus_cmd_info, id, 24, 8);
CHECK_AT(struct kdbus_cmd_info, attach_flags, 32, 8);
CHECK_AT(struct kdbus_cmd_info, offset, 40, 8);
CHECK_AT(struct kdbus_cmd_info, info_size, 48, 8);
CHECK_TAIL(struct kdbus_cmd_info, items, 56, 80);

CHECK_SIZE(struct kdbus_cmd_list, 40);
CHECK_AT(struct kdbus_cmd_list, size, 0, 8);
CHECK_AT(struct kdbus_cmd_list, flags, 8, 8);
CHECK_AT(struct kdbus_cmd_list, return_flags, 16, 8);
CHECK_AT(struct kdbus_cmd_list, offset, 24, 8);
CHECK_AT(struct kdbus_cmd_list, list_size, 32, 8);
CHECK_TAIL(struct kdbus_cmd_list, items, 40, 80);

CHECK_SIZE(struct kdbus_cmd_send, 56);
CHECK_AT(struct kdbus_cmd_send, size, 0, 8);
CHECK_AT(struct kdbus_cmd_send, flags, 8, 8);
CHECK_AT(struct kdbus_cmd_send, return_flags, 16, 8);
CHECK_AT(struct kdbus_cmd_send, msg_address, 24, 8);
CHECK_AT(struct kdbus_cmd_send, reply, 32, 24);
CHECK_TAIL(struct kdbus_cmd_send, items, 56, 80);

CHECK_SIZE(struct kdbus_cmd_recv, 64);
CHECK_AT(struct kdbus_cmd_recv, size, 0, 8);
CHECK_AT(struct kdbus_cmd_recv, flags, 8, 8);
CHECK_AT(struct kdbus_cmd_recv, return_flags, 16, 8);
CHECK_AT(struct kdbus_cmd_recv, priority, 24, 8);
CHECK_AT(struct kdbus_cmd_recv, dropped_msgs, 32, 8);
CHECK_AT(struct kdbus_cmd_recv, msg, 40, 24);
CHECK_TAIL(struct kdbus_cmd_recv, items, 64, 80);

CHECK_SIZE(struct kdbus_cmd_match, 32);
CHECK_AT(struct kdbus_cmd_match, size, 0, 8);
CHECK_AT(struct kdbus_cmd_match, flags, 8, 8);
CHECK_AT(struct kdbus_cmd_match, return_flags, 16, 8);
CHECK_AT(struct kdbus_cmd_match, cookie, 24, 8);
CHECK_TAIL(struct kdbus_cmd_match, items, 32, 80);

/* results */
CHECK_SIZE(struct kdbus_msg_info, 24);
CHECK_AT(struct kdbus_msg_info, offset, 0, 8);
CHECK_AT(struct kdbus_msg_info, msg_size, 8, 8);
CHECK_AT(struct kdbus_msg_info, return_flags, 16, 8);

CHECK_SIZE(struct kdbus_info, 24);
CHECK_AT(struct kdbus_info, size, 0, 8);
CHECK_AT(struct kdbus_info, id, 8, 8);
CHECK_AT(struct kdbus_info, flags, 16, 8);
CHECK_TAIL(struct kdbus_info, items, 24, 80);

/* messages */
CHECK_SIZE(struct kdbus_msg, 64);
CHECK_AT(struct kdbus_msg, size, 0, 8);
CHECK_AT(struct kdbus_msg, flags, 8, 8);
CHECK_AT(struct kdbus_msg, priority, 16, 8);
CHECK_AT(struct kdbus_msg, dst_id, 24, 8);
CHECK_AT(struct kdbus_msg, src_id, 32, 8);
CHECK_AT(struct kdbus_msg, payload_type, 40, 8);
CHECK_AT(struct kdbus_msg, cookie, 48, 8);
CHECK_AT(struct kdbus_msg, timeout_ns, 56, 8);
CHECK_AT(struct kdbus_msg, cookie_reply, 56, 8);
CHECK_TAIL(struct kdbus_msg, items, 64, 80);
CHECK((__typeof__(((struct kdbus_msg *)0)->priority))-1 < 0);

/* items */
CHECK_SIZE(struct kdbus_item, 80);
CHECK_AT(struct kdbus_item, size, 0, 8);
CHECK_AT(struct kdbus_item, type, 8, 8);
CHECK_TAIL(struct kdbus_item, data, 16, 1);
CHECK_TAIL(struct kdbus_item, data32, 16, 4);
CHECK_TAIL(struct kdbus_item, data64, 16, 8);
CHECK_TAIL(struct kdbus_item, str, 16, 1);
CHECK_AT(struct kdbus_item, id, 16, 8);
CHECK_AT(struct kdbus_item, vec, 16, 16);
CHECK_AT(struct kdbus_item, creds, 16, 64);
CHECK_AT(struct kdbus_item, pids, 16, 24);
CHECK_AT(struct kdbus_item, audit, 16, 8);
CHECK_AT(struct kdbus_item, caps, 16, 4);
CHECK_AT(struct kdbus_item, timestamp, 16, 24);
CHECK_AT(struct kdbus_item, name, 16, 8);
CHECK_AT(struct kdbus_item, bloom_parameter, 16, 16);
CHECK_AT(struct kdbus_item, bloom_filter, 16, 8);
CHECK_AT(struct kdbus_item, memfd, 16, 24);
CHECK_TAIL(struct kdbus_item, fds, 16, 4);
CHECK_AT(struct kdbus_item, name_change, 16, 32);
CHECK_AT(struct kdbus_item, id_change, 16, 16);
CHECK_AT(struct kdbus_item, policy_access, 16, 24);

CHECK_SIZE(struct kdbus_notify_id_change, 16);
CHECK_AT(struct kdbus_notify_id_change, id, 0, 8);
CHECK_AT(struct kdbus_notify_id_change, flags, 8, 8);

CHECK_SIZE(struct kdbus_notify_name_change, 32);
CHECK_AT(struct kdbus_notify_name_change, old_id.id, 0, 8);
CHECK_AT(struct kdbus_notify_name_change, old_id.flags, 8, 8);
CHECK_AT(struct kdbus_notify_name_change, new_id.id, 16, 8);
CHECK_AT(struct kdbus_notify_name_change, new_id.flags, 24, 8);
CHECK_TAIL(struct kdbus_notify_name_change, name, 32, 1);

CHECK_SIZE(struct kdbus_creds, 64);
CHECK_AT(struct kdbus_creds, uid, 0, 8);
CHECK_AT(struct kdbus_creds, euid, 8, 8);
CHECK_AT(struct kdbus_creds, suid, 16, 8);
CHECK_AT(struct kdbus_creds, fsuid, 24, 8);
CHECK_AT(struct kdbus_creds, gid, 32, 8);
CHECK_AT(struct kdbus_creds, egid, 40, 8);
CHECK_AT(struct kdbus_creds, sgid, 48, 8);
CHECK_AT(struct kdbus_creds, fsgid, 56, 8);

CHECK_SIZE(struct kdbus_pids, 24);
CHECK_AT(struct kdbus_pids, pid, 0, 8);
CHECK_AT(struct kdbus_pids, tid, 8, 8);
CHECK_AT(struct kdbus_pids, ppid, 16, 8);

CHECK_SIZE(struct kdbus_caps, 4);
CHECK_AT(struct kdbus_caps, last_cap, 0, 4);
CHECK_TAIL(struct kdbus_caps, caps, 4, 4);

CHECK_SIZE(struct kdbus_audit, 8);
CHECK_AT(struct kdbus_audit, sessionid, 0, 4);
CHECK_AT(struct kdbus_audit, loginuid, 4, 4);

CHECK_SIZE(struct kdbus_timestamp, 24);
CHECK_AT(struct kdbus_timestamp, seqnum, 0, 8);
CHECK_AT(struct kdbus_timestamp, monotonic_ns, 8, 8);
CHECK_AT(struct kdbus_timestamp, realtime_ns, 16, 8);

CHECK_SIZE(struct kdbus_vec, 16);
CHECK_AT(struct kdbus_vec, size, 0, 8);
CHECK_AT(struct kdbus_vec, address, 8, 8);
CHECK_AT(struct kdbus_vec, offset, 8, 8);

CHECK_SIZE(struct kdbus_bloom_parameter, 16);
CHECK_AT(struct kdbus_bloom_parameter, size, 0, 8);
CHECK_AT(struct kdbus_bloom_parameter, n_hash, 8, 8);

CHECK_SIZE(struct kdbus_bloom_filter, 8);
CHECK_AT(struct kdbus_bloom_filter, generation, 0, 8);
CHECK_TAIL(struct kdbus_bloom_filter, data, 8, 8);

CHECK_SIZE(struct kdbus_memfd, 24);
CHECK_AT(struct kdbus_memfd, start, 0, 8);
CHECK_AT(struct kdbus_memfd, size, 8, 8);
CHECK_AT(struct kdbus_memfd, fd, 16, 4);
CHECK_AT(struct kdbus_memfd, __pad, 20, 4);
CHECK((__typeof__(((struct kdbus_memfd *)0)->fd))-1 < 0);

CHECK_SIZE(struct kdbus_name, 8);
CHECK_AT(struct kdbus_name, flags, 0, 8);
CHECK_TAIL(struct kdbus_name, name, 8, 1);

CHECK_SIZE(struct kdbus_policy_access, 24);
CHECK_AT(struct kdbus_policy_access, type, 0, 8);
CHECK_AT(struct kdbus_policy_access, access, 8, 8);
CHECK_AT(struct kdbus_policy_access, id, 16, 8);

/* item types */
CHECK_VALUE(_KDBUS_ITEM_NULL, 0x0);
CHECK_VALUE(_KDBUS_ITEM_USER_BASE, 0x1);
CHECK_VALUE(KDBUS_ITEM_NEGOTIATE, 0x1);
CHECK_VALUE(KDBUS_ITEM_PAYLOAD_VEC, 0x2);
CHECK_VALUE(KDBUS_ITEM_PAYLOAD_OFF, 0x3);
CHECK_VALUE(KDBUS_ITEM_PAYLOAD_MEMFD, 0x4);
CHECK_VALUE(KDBUS_ITEM_FDS, 0x5);
CHECK_VALUE(KDBUS_ITEM_CANCEL_FD, 0x6);
CHECK_VALUE(KDBUS_ITEM_BLOOM_PARAMETER, 0x7);
CHECK_VALUE(KDBUS_ITEM_BLOOM_FILTER, 0x8);
CHECK_VALUE(KDBUS_ITEM_BLOOM_MASK, 0x9);
CHECK_VALUE(KDBUS_ITEM_DST_NAME, 0xa);
CHECK_VALUE(KDBUS_ITEM_MAKE_NAME, 0xb);
CHECK_VALUE(KDBUS_ITEM_ATTACH_FLAGS_SEND, 0xc);
CHECK_VALUE(KDBUS_ITEM_ATTACH_FLAGS_RECV, 0xd);
CHECK_VALUE(KDBUS_ITEM_ID, 0xe);
CHECK_VALUE(KDBUS_ITEM_NAME, 0xf);
CHECK_VALUE(KDBUS_ITEM_DST_ID, 0x10);
CHECK_VALUE(_KDBUS_ITEM_ATTACH_BASE, 0x1000);
CHECK_VALUE(KDBUS_ITEM_TIMESTAMP, 0x1000);
CHECK_VALUE(KDBUS_ITEM_CREDS, 0x1001);
CHECK_VALUE(KDBUS_ITEM_PIDS, 0x1002);
CHECK_VALUE(KDBUS_ITEM_AUXGROUPS, 0x1003);
CHECK_VALUE(KDBUS_ITEM_OWNED_NAME, 0x1004);
CHECK_VALUE(KDBUS_ITEM_TID_COMM, 0x1005);
CHECK_VALUE(KDBUS_ITEM_PID_COMM, 0x1006);
CHECK_VALUE(KDBUS_ITEM_EXE, 0x1007);
CHECK_VALUE(KDBUS_ITEM_CMDLINE, 0x1008);
CHECK_VALUE(KDBUS_ITEM_CGROUP, 0x1009);
CHECK_VALUE(KDBUS_ITEM_CAPS, 0x100a);
CHECK_VALUE(KDBUS_ITEM_SECLABEL, 0x100b);
CHECK_VALUE(KDBUS_ITEM_AUDIT, 0x100c);
CHECK_VALUE(KDBUS_ITEM_CONN_DESCRIPTION, 0x100d);
CHECK_VALUE(_KDBUS_ITEM_POLICY_BASE, 0x2000);
CHECK_VALUE(KDBUS_ITEM_POLICY_ACCESS, 0x2000);
CHECK_VALUE(_KDBUS_ITEM_KERNEL_BASE, 0x8000);
CHECK_VALUE(KDBUS_ITEM_NAME_ADD, 0x8000);
CHECK_VALUE(KDBUS_ITEM_NAME_REMOVE, 0x8001);
CHECK_VALUE(KDBUS_ITEM_NAME_CHANGE, 0x8002);
CHECK_VALUE(KDBUS_ITEM_ID_ADD, 0x8003);
CHECK_VALUE(KDBUS_ITEM_ID_REMOVE, 0x8004);
CHECK_VALUE(KDBUS_ITEM_REPLY_TIMEOUT, 0x8005);
CHECK_VALUE(KDBUS_ITEM_REPLY_DEAD, 0x8006);

/* flags and constants */
CHECK_VALUE(KDBUS_FLAG_NEGOTIATE, 0x8000000000000000ULL);
CHECK_VALUE(KDBUS_SRC_ID_KERNEL, 0);
CHECK_VALUE(KDBUS_DST_ID_NAME, 0);
CHECK_VALUE(KDBUS_DST_ID_BROADCAST, 0xffffffffffffffffULL);
CHECK_VALUE(KDBUS_MATCH_ID_ANY, 0xffffffffffffffffULL);
CHECK_VALUE(KDBUS_MAKE_ACCESS_GROUP, 0x1);
CHECK_VALUE(KDBUS_MAKE_ACCESS_WORLD, 0x2);
CHECK_VALUE(KDBUS_HELLO_ACCEPT_FD, 0x1);
CHECK_VALUE(KDBUS_HELLO_ACTIVATOR, 0x2);
CHECK_VALUE(KDBUS_HELLO_POLICY_HOLDER, 0x4);
CHECK_VALUE(KDBUS_HELLO_MONITOR, 0x8);
CHECK_VALUE(KDBUS_MSG_EXPECT_REPLY, 0x1);
CHECK_VALUE(KDBUS_MSG_NO_AUTO_START, 0x2);
CHECK_VALUE(KDBUS_MSG_SIGNAL, 0x4);
CHECK_VALUE(KDBUS_SEND_SYNC_REPLY, 0x1);
CHECK_VALUE(KDBUS_RECV_PEEK, 0x1);
CHECK_VALUE(KDBUS_RECV_DROP, 0x2);
CHECK_VALUE(KDBUS_RECV_USE_PRIORITY, 0x4);
CHECK_VALUE(KDBUS_RECV_RETURN_INCOMPLETE_FDS, 0x1);
CHECK_VALUE(KDBUS_RECV_RETURN_DROPPED_MSGS, 0x2);
CHECK_VALUE(KDBUS_LIST_UNIQUE, 0x1);
CHECK_VALUE(KDBUS_LIST_NAMES, 0x2);
CHECK_VALUE(KDBUS_LIST_ACTIVATORS, 0x4);
CHECK_VALUE(KDBUS_LIST_QUEUED, 0x8);
CHECK_VALUE(KDBUS_MATCH_REPLACE, 0x1);
CHECK_VALUE(KDBUS_NAME_REPLACE_EXISTING, 0x1);
CHECK_VALUE(KDBUS_NAME_ALLOW_REPLACEMENT, 0x2);
CHECK_VALUE(KDBUS_NAME_QUEUE, 0x4);
CHECK_VALUE(KDBUS_NAME_IN_QUEUE, 0x8);
CHECK_VALUE(KDBUS_NAME_ACTIVATOR, 0x10);
CHECK_VALUE(KDBUS_NAME_PRIMARY, 0x20);
CHECK_VALUE(KDBUS_NAME_ACQUIRED, 0x40);
CHECK_VALUE(KDBUS_PAYLOAD_KERNEL, 0);
CHECK_VALUE(KDBUS_PAYLOAD_DBUS, 0x4442757344427573ULL);
CHECK_VALUE(_KDBUS_POLICY_ACCESS_NULL, 0);
CHECK_VALUE(KDBUS_POLICY_ACCESS_USER, 1);
CHECK_VALUE(KDBUS_POLICY_ACCESS_GROUP, 2);
CHECK_VALUE(KDBUS_POLICY_ACCESS_WORLD, 3);
CHECK_VALUE(KDBUS_POLICY_SEE, 0);
CHECK_VALUE(KDBUS_POLICY_TALK, 1);
CHECK_VALUE(KDBUS_POLICY_OWN, 2);
CHECK_VALUE(KDBUS_ATTACH_TIMESTAMP, 0x1);
CHECK_VALUE(KDBUS_ATTACH_CREDS, 0x2);
CHECK_VALUE(KDBUS_ATTACH_PIDS, 0x4);
CHECK_VALUE(KDBUS_ATTACH_AUXGROUPS, 0x8);
CHECK_VALUE(KDBUS_ATTACH_NAMES, 0x10);
CHECK_VALUE(KDBUS_ATTACH_TID_COMM, 0x20);
CHECK_VALUE(KDBUS_ATTACH_PID_COMM, 0x40);
CHECK_VALUE(KDBUS_ATTACH_EXE, 0x80);
CHECK_VALUE(KDBUS_ATTACH_CMDLINE, 0x100);
CHECK_VALUE(KDBUS_ATTACH_CGROUP, 0x200);
CHECK_VALUE(KDBUS_ATTACH_CAPS, 0x400);
CHECK_VALUE(KDBUS_ATTACH_SECLABEL, 0x800);
CHECK_VALUE(KDBUS_ATTACH_AUDIT, 0x1000);
CHECK_VALUE(KDBUS_ATTACH_CONN_DESCRIPTION, 0x2000);
CHECK_VALUE(_KDBUS_ATTACH_ALL, 0x3fff);
CHECK_VALUE(_KDBUS_ATTACH_ANY, 0xffffffffffffffffULL);
