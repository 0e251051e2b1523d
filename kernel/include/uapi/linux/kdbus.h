/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * kdbus: the interface between a bus and its users
 *
 * One header for the kernel module, for the bus inside a process and for
 * every program that talks to either.  It needs nothing but the two kernel
 * headers below and compiles as C99 and as C++.
 *
 * Rules that hold for the whole interface:
 *
 *  - All integers are host-endian; a pointer travels as a 64-bit integer, so
 *    that 32-bit programs share the layouts.  Structs are aligned to 8 bytes.
 *  - Every command struct begins with the same three words: @size (all of the
 *    struct, items included), @flags (in) and @return_flags (out).
 *  - What follows the fixed part of a struct is a list of items, each at an
 *    offset divisible by 8.  See struct kdbus_item.
 *  - A command returns 0, or -1 with errno.
 *
 * Two revisions of the interface are in use and share all of these layouts.
 * P1 (March 2015) does not know KDBUS_ITEM_DST_ID, KDBUS_NAME_PRIMARY and
 * KDBUS_NAME_ACQUIRED; P2 (August 2015), the baseline, knows everything here.
 */
#ifndef _UAPI_KDBUS_H_
#define _UAPI_KDBUS_H_

#include <linux/ioctl.h>
#include <linux/types.h>

/* the first letter of all command numbers */
#define KDBUS_IOCTL_MAGIC 0x95

/* kdbus_msg.src_id of a notification, which no connection sent */
#define KDBUS_SRC_ID_KERNEL (0)
/* kdbus_msg.dst_id: look at KDBUS_ITEM_DST_NAME */
#define KDBUS_DST_ID_NAME (0)
/* kdbus_msg.dst_id: to everybody with a match that hits */
#define KDBUS_DST_ID_BROADCAST (~0ULL)
/* in a match rule: whatever the id is */
#define KDBUS_MATCH_ID_ANY (~0ULL)

/*
 * In any flags word: execute nothing, overwrite the word with the set of flags
 * that are supported here.
 */
#define KDBUS_FLAG_NEGOTIATE (1ULL << 63)

/*
 * Arrays without an end inside unions, unions without a name, 64-bit
 * enumerators: the layouts need what every compiler of the field has and the
 * older standards have not.
 */
#ifdef __GNUC__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#endif

#ifdef __cplusplus
#define __KDBUS_FLEX_ARRAY(type, name) type name[0]
#else
#define __KDBUS_FLEX_ARRAY(type, name)                                                             \
	struct {                                                                     \
		struct {                                                                           \
		} __kdbus_empty_##name;                                                            \
		type name[];                                                                       \
	}
#endif

/* ---- payload of items ---- */

/**
 * struct kdbus_notify_id_change - a connection that came or went
 * @id:		its id; in a match rule KDBUS_MATCH_ID_ANY stands for all
 * @flags:	in ID_ADD and ID_REMOVE its KDBUS_HELLO_* flags, inside a
 *		kdbus_notify_name_change its KDBUS_NAME_* flags; ignored in rules
 *
 * Of KDBUS_ITEM_ID_ADD and KDBUS_ITEM_ID_REMOVE.
 */
struct kdbus_notify_id_change {
	__u64 id;
	__u64 flags;
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_notify_name_change - a well-known name that changed hands
 * @old_id:	the holder until now; all 0 in NAME_ADD
 * @new_id:	the holder from now on; all 0 in NAME_REMOVE
 * @name:	the name, NUL-terminated; a match rule without it is for all names
 *
 * Of KDBUS_ITEM_NAME_ADD, KDBUS_ITEM_NAME_REMOVE and KDBUS_ITEM_NAME_CHANGE.
 */
struct kdbus_notify_name_change {
	struct kdbus_notify_id_change old_id;
	struct kdbus_notify_id_change new_id;
	__KDBUS_FLEX_ARRAY(char, name);
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_creds - user and group ids of a task
 * @uid:	real user
 * @euid:	effective user
 * @suid:	saved user
 * @fsuid:	user of file accesses
 * @gid:	real group
 * @egid:	effective group
 * @sgid:	saved group
 * @fsgid:	group of file accesses
 *
 * Each is a 32-bit id, zero-extended; 0xffffffff is "not known".
 * Of KDBUS_ITEM_CREDS.
 */
struct kdbus_creds {
	__u64 uid;
	__u64 euid;
	__u64 suid;
	__u64 fsuid;
	__u64 gid;
	__u64 egid;
	__u64 sgid;
	__u64 fsgid;
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_pids - process ids of a task
 * @pid:	its process
 * @tid:	itself
 * @ppid:	the parent process
 *
 * 0 is "not known, or not visible from here".  Of KDBUS_ITEM_PIDS.
 */
struct kdbus_pids {
	__u64 pid;
	__u64 tid;
	__u64 ppid;
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_caps - capabilities of a task
 * @last_cap:	number of the highest capability there is
 * @caps:	four sets, each of last_cap / 32 + 1 words: inheritable,
 *		permitted, effective, bounding
 *
 * Of KDBUS_ITEM_CAPS.
 */
struct kdbus_caps {
	__u32 last_cap;
	__KDBUS_FLEX_ARRAY(__u32, caps);
};

/**
 * struct kdbus_audit - what the audit system knows of a task
 * @sessionid:	audit session
 * @loginuid:	user who logged in; 0xffffffff if nobody did
 *
 * Of KDBUS_ITEM_AUDIT.
 */
struct kdbus_audit {
	__u32 sessionid;
	__u32 loginuid;
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_timestamp - when a message was sent
 * @seqnum:		grows with every message of the bus
 * @monotonic_ns:	CLOCK_MONOTONIC
 * @realtime_ns:	CLOCK_REALTIME
 *
 * Of KDBUS_ITEM_TIMESTAMP.
 */
struct kdbus_timestamp {
	__u64 seqnum;
	__u64 monotonic_ns;
	__u64 realtime_ns;
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_vec - a run of payload bytes
 * @size:	how many; never 0
 * @address:	PAYLOAD_VEC, in a message to be sent: where they are in the
 *		sender's memory; 0 for a run of zero bytes
 * @offset:	PAYLOAD_OFF, in a received message: where they are, counted from
 *		the first byte of the kdbus_msg; ~0 for a run of zero bytes
 */
struct kdbus_vec {
	__u64 size;
	union {
		__u64 address;
		__u64 offset;
	};
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_bloom_parameter - the bloom filters of a bus
 * @size:	bytes of a filter: 8 to 4096, divisible by 8
 * @n_hash:	number of bits set per element
 *
 * The bus compares filters; it never hashes.  Of KDBUS_ITEM_BLOOM_PARAMETER.
 */
struct kdbus_bloom_parameter {
	__u64 size;
	__u64 n_hash;
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_bloom_filter - what a signal is about
 * @generation:	selects the block of the receivers' masks
 * @data:	exactly the bus' kdbus_bloom_parameter.size bytes
 *
 * Of KDBUS_ITEM_BLOOM_FILTER.
 */
struct kdbus_bloom_filter {
	__u64 generation;
	__KDBUS_FLEX_ARRAY(__u64, data);
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_memfd - a run of payload bytes in a sealed file
 * @start:	first byte of the file that belongs to the payload
 * @size:	number of bytes; never 0
 * @fd:		the file; a received one is owned by the receiver, or -1
 * @__pad:	unused
 *
 * Of KDBUS_ITEM_PAYLOAD_MEMFD.
 */
struct kdbus_memfd {
	__u64 start;
	__u64 size;
	__s32 fd;
	__u32 __pad;
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_name - a well-known name with its flags
 * @flags:	KDBUS_NAME_*
 * @name:	the name, NUL-terminated
 *
 * Of KDBUS_ITEM_OWNED_NAME.  (KDBUS_ITEM_NAME is a plain string.)
 */
struct kdbus_name {
	__u64 flags;
	__KDBUS_FLEX_ARRAY(char, name);
} __attribute__((__aligned__(8)));

/**
 * enum kdbus_policy_access_type - whom an access record is about
 * @_KDBUS_POLICY_ACCESS_NULL:	invalid
 * @KDBUS_POLICY_ACCESS_USER:	tasks of this effective uid
 * @KDBUS_POLICY_ACCESS_GROUP:	tasks of this effective or supplementary gid
 * @KDBUS_POLICY_ACCESS_WORLD:	everybody; the id is ignored
 */
enum kdbus_policy_access_type {
	_KDBUS_POLICY_ACCESS_NULL = 0,
	KDBUS_POLICY_ACCESS_USER = 1,
	KDBUS_POLICY_ACCESS_GROUP = 2,
	KDBUS_POLICY_ACCESS_WORLD = 3,
};

/**
 * enum kdbus_policy_access_flags - what an access record grants
 * @KDBUS_POLICY_SEE:	to see the name (of importance on custom endpoints)
 * @KDBUS_POLICY_TALK:	to send to its owner; implies SEE
 * @KDBUS_POLICY_OWN:	to acquire it; implies TALK
 */
enum kdbus_policy_access_flags {
	KDBUS_POLICY_SEE = 0,
	KDBUS_POLICY_TALK = 1,
	KDBUS_POLICY_OWN = 2,
};

/**
 * struct kdbus_policy_access - one access record of a policy entry
 * @type:	enum kdbus_policy_access_type
 * @access:	enum kdbus_policy_access_flags
 * @id:		uid or gid
 *
 * Belongs to the KDBUS_ITEM_NAME in front of it.  Of KDBUS_ITEM_POLICY_ACCESS.
 */
struct kdbus_policy_access {
	__u64 type;
	__u64 access;
	__u64 id;
} __attribute__((__aligned__(8)));

/* ---- items ---- */

/**
 * enum kdbus_attach_flags - metadata to give or to take
 * @KDBUS_ATTACH_TIMESTAMP:		KDBUS_ITEM_TIMESTAMP
 * @KDBUS_ATTACH_CREDS:			KDBUS_ITEM_CREDS
 * @KDBUS_ATTACH_PIDS:			KDBUS_ITEM_PIDS
 * @KDBUS_ATTACH_AUXGROUPS:		KDBUS_ITEM_AUXGROUPS
 * @KDBUS_ATTACH_NAMES:			KDBUS_ITEM_OWNED_NAME, one per name
 * @KDBUS_ATTACH_TID_COMM:		KDBUS_ITEM_TID_COMM
 * @KDBUS_ATTACH_PID_COMM:		KDBUS_ITEM_PID_COMM
 * @KDBUS_ATTACH_EXE:			KDBUS_ITEM_EXE
 * @KDBUS_ATTACH_CMDLINE:		KDBUS_ITEM_CMDLINE
 * @KDBUS_ATTACH_CGROUP:		KDBUS_ITEM_CGROUP
 * @KDBUS_ATTACH_CAPS:			KDBUS_ITEM_CAPS
 * @KDBUS_ATTACH_SECLABEL:		KDBUS_ITEM_SECLABEL
 * @KDBUS_ATTACH_AUDIT:			KDBUS_ITEM_AUDIT
 * @KDBUS_ATTACH_CONN_DESCRIPTION:	KDBUS_ITEM_CONN_DESCRIPTION
 * @_KDBUS_ATTACH_ALL:			all of the above
 * @_KDBUS_ATTACH_ANY:			accepted wherever a mask is, and read as
 *					_KDBUS_ATTACH_ALL
 *
 * Bit n is the item of type _KDBUS_ITEM_ATTACH_BASE + n.
 */
enum kdbus_attach_flags {
	KDBUS_ATTACH_TIMESTAMP = 1ULL << 0,
	KDBUS_ATTACH_CREDS = 1ULL << 1,
	KDBUS_ATTACH_PIDS = 1ULL << 2,
	KDBUS_ATTACH_AUXGROUPS = 1ULL << 3,
	KDBUS_ATTACH_NAMES = 1ULL << 4,
	KDBUS_ATTACH_TID_COMM = 1ULL << 5,
	KDBUS_ATTACH_PID_COMM = 1ULL << 6,
	KDBUS_ATTACH_EXE = 1ULL << 7,
	KDBUS_ATTACH_CMDLINE = 1ULL << 8,
	KDBUS_ATTACH_CGROUP = 1ULL << 9,
	KDBUS_ATTACH_CAPS = 1ULL << 10,
	KDBUS_ATTACH_SECLABEL = 1ULL << 11,
	KDBUS_ATTACH_AUDIT = 1ULL << 12,
	KDBUS_ATTACH_CONN_DESCRIPTION = 1ULL << 13,
	_KDBUS_ATTACH_ALL = (1ULL << 14) - 1,
	_KDBUS_ATTACH_ANY = ~0ULL,
};

/**
 * enum kdbus_item_type - what an item holds
 * @_KDBUS_ITEM_NULL:			invalid
 * @_KDBUS_ITEM_USER_BASE:		first of those that users pass in
 * @KDBUS_ITEM_NEGOTIATE:		__u64[] of item types; those that are not
 *					supported here become 0
 * @KDBUS_ITEM_PAYLOAD_VEC:		kdbus_vec with an address
 * @KDBUS_ITEM_PAYLOAD_OFF:		kdbus_vec with an offset
 * @KDBUS_ITEM_PAYLOAD_MEMFD:		kdbus_memfd
 * @KDBUS_ITEM_FDS:			__s32[] of descriptors to pass; received ones
 *					are owned by the receiver, or -1
 * @KDBUS_ITEM_CANCEL_FD:		__s32; readable: a synchronous send ends
 * @KDBUS_ITEM_BLOOM_PARAMETER:		kdbus_bloom_parameter
 * @KDBUS_ITEM_BLOOM_FILTER:		kdbus_bloom_filter
 * @KDBUS_ITEM_BLOOM_MASK:		__u64[], one or more blocks, one for each
 *					generation of filters
 * @KDBUS_ITEM_DST_NAME:		string: destination of a message
 * @KDBUS_ITEM_MAKE_NAME:		string: name of a new bus or endpoint,
 *					"<uid>-<name>"
 * @KDBUS_ITEM_ATTACH_FLAGS_SEND:	__u64: metadata to give
 * @KDBUS_ITEM_ATTACH_FLAGS_RECV:	__u64: metadata to take
 * @KDBUS_ITEM_ID:			__u64: id of a sender
 * @KDBUS_ITEM_NAME:			string: a well-known name
 * @KDBUS_ITEM_DST_ID:			__u64: id of a destination, P2
 * @_KDBUS_ITEM_ATTACH_BASE:		first of the metadata
 * @KDBUS_ITEM_TIMESTAMP:		kdbus_timestamp
 * @KDBUS_ITEM_CREDS:			kdbus_creds
 * @KDBUS_ITEM_PIDS:			kdbus_pids
 * @KDBUS_ITEM_AUXGROUPS:		__u64[] of supplementary groups
 * @KDBUS_ITEM_OWNED_NAME:		kdbus_name
 * @KDBUS_ITEM_TID_COMM:		string: name of the thread
 * @KDBUS_ITEM_PID_COMM:		string: name of the process
 * @KDBUS_ITEM_EXE:			string: path of the executable
 * @KDBUS_ITEM_CMDLINE:			strings: the argument vector
 * @KDBUS_ITEM_CGROUP:			string: path of the control group
 * @KDBUS_ITEM_CAPS:			kdbus_caps
 * @KDBUS_ITEM_SECLABEL:		string: security label
 * @KDBUS_ITEM_AUDIT:			kdbus_audit
 * @KDBUS_ITEM_CONN_DESCRIPTION:	string: what the connection calls itself
 * @_KDBUS_ITEM_POLICY_BASE:		first of the policy
 * @KDBUS_ITEM_POLICY_ACCESS:		kdbus_policy_access
 * @_KDBUS_ITEM_KERNEL_BASE:		first of the notifications, and of the rules
 *					for them
 * @KDBUS_ITEM_NAME_ADD:		kdbus_notify_name_change: a free name was taken
 * @KDBUS_ITEM_NAME_REMOVE:		kdbus_notify_name_change: a name became free
 * @KDBUS_ITEM_NAME_CHANGE:		kdbus_notify_name_change: a name was handed over
 * @KDBUS_ITEM_ID_ADD:			kdbus_notify_id_change: a connection came
 * @KDBUS_ITEM_ID_REMOVE:		kdbus_notify_id_change: a connection went
 * @KDBUS_ITEM_REPLY_TIMEOUT:		empty: no reply until the deadline
 * @KDBUS_ITEM_REPLY_DEAD:		empty: there will be no reply
 */
enum kdbus_item_type {
	_KDBUS_ITEM_NULL = 0,
	_KDBUS_ITEM_USER_BASE = 0x1,
	KDBUS_ITEM_NEGOTIATE = 0x1,
	KDBUS_ITEM_PAYLOAD_VEC = 0x2,
	KDBUS_ITEM_PAYLOAD_OFF = 0x3,
	KDBUS_ITEM_PAYLOAD_MEMFD = 0x4,
	KDBUS_ITEM_FDS = 0x5,
	KDBUS_ITEM_CANCEL_FD = 0x6,
	KDBUS_ITEM_BLOOM_PARAMETER = 0x7,
	KDBUS_ITEM_BLOOM_FILTER = 0x8,
	KDBUS_ITEM_BLOOM_MASK = 0x9,
	KDBUS_ITEM_DST_NAME = 0xa,
	KDBUS_ITEM_MAKE_NAME = 0xb,
	KDBUS_ITEM_ATTACH_FLAGS_SEND = 0xc,
	KDBUS_ITEM_ATTACH_FLAGS_RECV = 0xd,
	KDBUS_ITEM_ID = 0xe,
	KDBUS_ITEM_NAME = 0xf,
	KDBUS_ITEM_DST_ID = 0x10,

	_KDBUS_ITEM_ATTACH_BASE = 0x1000,
	KDBUS_ITEM_TIMESTAMP = 0x1000,
	KDBUS_ITEM_CREDS = 0x1001,
	KDBUS_ITEM_PIDS = 0x1002,
	KDBUS_ITEM_AUXGROUPS = 0x1003,
	KDBUS_ITEM_OWNED_NAME = 0x1004,
	KDBUS_ITEM_TID_COMM = 0x1005,
	KDBUS_ITEM_PID_COMM = 0x1006,
	KDBUS_ITEM_EXE = 0x1007,
	KDBUS_ITEM_CMDLINE = 0x1008,
	KDBUS_ITEM_CGROUP = 0x1009,
	KDBUS_ITEM_CAPS = 0x100a,
	KDBUS_ITEM_SECLABEL = 0x100b,
	KDBUS_ITEM_AUDIT = 0x100c,
	KDBUS_ITEM_CONN_DESCRIPTION = 0x100d,

	_KDBUS_ITEM_POLICY_BASE = 0x2000,
	KDBUS_ITEM_POLICY_ACCESS = 0x2000,

	_KDBUS_ITEM_KERNEL_BASE = 0x8000,
	KDBUS_ITEM_NAME_ADD = 0x8000,
	KDBUS_ITEM_NAME_REMOVE = 0x8001,
	KDBUS_ITEM_NAME_CHANGE = 0x8002,
	KDBUS_ITEM_ID_ADD = 0x8003,
	KDBUS_ITEM_ID_REMOVE = 0x8004,
	KDBUS_ITEM_REPLY_TIMEOUT = 0x8005,
	KDBUS_ITEM_REPLY_DEAD = 0x8006,
};

/**
 * struct kdbus_item - a typed blob
 * @size:		16 bytes of header plus the payload, without padding
 * @type:		enum kdbus_item_type
 * @data:		payload as bytes
 * @data32:		payload as words
 * @data64:		payload as double words
 * @str:		payload as a string
 * @id:			payload as an id
 * @vec:		PAYLOAD_VEC, PAYLOAD_OFF
 * @creds:		CREDS
 * @pids:		PIDS
 * @audit:		AUDIT
 * @caps:		CAPS
 * @timestamp:		TIMESTAMP
 * @name:		OWNED_NAME
 * @bloom_parameter:	BLOOM_PARAMETER
 * @bloom_filter:	BLOOM_FILTER
 * @memfd:		PAYLOAD_MEMFD
 * @fds:		FDS, CANCEL_FD
 * @name_change:	NAME_ADD, NAME_REMOVE, NAME_CHANGE
 * @id_change:		ID_ADD, ID_REMOVE
 * @policy_access:	POLICY_ACCESS
 *
 * The next item begins @size bytes further, rounded up to 8; the padding
 * behind the last one may be absent.  sizeof(struct kdbus_item) is the size of
 * no item in particular: the header ends at offsetof(struct kdbus_item, data).
 */
struct kdbus_item {
	__u64 size;
	__u64 type;
	union {
		__KDBUS_FLEX_ARRAY(__u8, data);
		__KDBUS_FLEX_ARRAY(__u32, data32);
		__KDBUS_FLEX_ARRAY(__u64, data64);
		__KDBUS_FLEX_ARRAY(char, str);

		__u64 id;
		struct kdbus_vec vec;
		struct kdbus_creds creds;
		struct kdbus_pids pids;
		struct kdbus_audit audit;
		struct kdbus_caps caps;
		struct kdbus_timestamp timestamp;
		struct kdbus_name name;
		struct kdbus_bloom_parameter bloom_parameter;
		struct kdbus_bloom_filter bloom_filter;
		struct kdbus_memfd memfd;
		__KDBUS_FLEX_ARRAY(__s32, fds);
		struct kdbus_notify_name_change name_change;
		struct kdbus_notify_id_change id_change;
		struct kdbus_policy_access policy_access;
	};
} __attribute__((__aligned__(8)));

/* ---- messages ---- */

/**
 * enum kdbus_payload_type - how to read the payload of a message
 * @KDBUS_PAYLOAD_KERNEL:	a notification; refused from users
 * @KDBUS_PAYLOAD_DBUS:		a D-Bus message ("DBusDBus")
 *
 * The bus passes any other value on as it is.
 */
enum kdbus_payload_type {
	KDBUS_PAYLOAD_KERNEL = 0,
	KDBUS_PAYLOAD_DBUS = 0x4442757344427573ULL,
};

/**
 * enum kdbus_msg_flags - kdbus_msg.flags
 * @KDBUS_MSG_EXPECT_REPLY:	a reply is wanted until timeout_ns
 * @KDBUS_MSG_NO_AUTO_START:	fails if only an activator holds the name
 * @KDBUS_MSG_SIGNAL:		delivered only where a match hits; carries a
 *				bloom filter
 */
enum kdbus_msg_flags {
	KDBUS_MSG_EXPECT_REPLY = 1ULL << 0,
	KDBUS_MSG_NO_AUTO_START = 1ULL << 1,
	KDBUS_MSG_SIGNAL = 1ULL << 2,
};

/**
 * struct kdbus_msg - a message
 * @size:		header and items, in a received one metadata items too; the
 *			payload of a received one lies behind
 * @flags:		KDBUS_MSG_*
 * @priority:		lower is more urgent
 * @dst_id:		a connection, KDBUS_DST_ID_NAME or KDBUS_DST_ID_BROADCAST
 * @src_id:		the sender; filled in by the bus
 * @payload_type:	enum kdbus_payload_type
 * @cookie:		number of the message, chosen by the sender
 * @timeout_ns:		with EXPECT_REPLY: deadline, CLOCK_MONOTONIC
 * @cookie_reply:	without: cookie of the message that this one answers
 * @items:		PAYLOAD_VEC, PAYLOAD_OFF, PAYLOAD_MEMFD, FDS, BLOOM_FILTER,
 *			DST_NAME, metadata; in a notification one item of
 *			_KDBUS_ITEM_KERNEL_BASE and above
 */
struct kdbus_msg {
	__u64 size;
	__u64 flags;
	__s64 priority;
	__u64 dst_id;
	__u64 src_id;
	__u64 payload_type;
	__u64 cookie;
	union {
		__u64 timeout_ns;
		__u64 cookie_reply;
	};
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_msg_info - where a received message lies
 * @offset:		in the receiver's pool; to be given to KDBUS_CMD_FREE
 * @msg_size:		size of the whole slice, payload included
 * @return_flags:	KDBUS_RECV_RETURN_INCOMPLETE_FDS
 */
struct kdbus_msg_info {
	__u64 offset;
	__u64 msg_size;
	__u64 return_flags;
} __attribute__((__aligned__(8)));

/* ---- commands ---- */

/**
 * enum kdbus_make_flags - flags of BUS_MAKE and ENDPOINT_MAKE
 * @KDBUS_MAKE_ACCESS_GROUP:	the group of the owner may connect
 * @KDBUS_MAKE_ACCESS_WORLD:	everybody may connect
 */
enum kdbus_make_flags {
	KDBUS_MAKE_ACCESS_GROUP = 1ULL << 0,
	KDBUS_MAKE_ACCESS_WORLD = 1ULL << 1,
};

/**
 * struct kdbus_cmd - a command that needs nothing but items
 * @size:		of the struct, items included
 * @flags:		KDBUS_MAKE_* for BUS_MAKE and ENDPOINT_MAKE, KDBUS_NAME_* for
 *			NAME_ACQUIRE; none for ENDPOINT_UPDATE, UPDATE, BYEBYE,
 *			NAME_RELEASE
 * @return_flags:	KDBUS_NAME_* from NAME_ACQUIRE, else 0
 * @items:		as the command takes them
 */
struct kdbus_cmd {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * enum kdbus_hello_flags - flags of HELLO
 * @KDBUS_HELLO_ACCEPT_FD:	takes messages with descriptors
 * @KDBUS_HELLO_ACTIVATOR:	stands in for a name while nobody owns it
 * @KDBUS_HELLO_POLICY_HOLDER:	uploads policy for a name, and no more
 * @KDBUS_HELLO_MONITOR:	gets a copy of everything
 */
enum kdbus_hello_flags {
	KDBUS_HELLO_ACCEPT_FD = 1ULL << 0,
	KDBUS_HELLO_ACTIVATOR = 1ULL << 1,
	KDBUS_HELLO_POLICY_HOLDER = 1ULL << 2,
	KDBUS_HELLO_MONITOR = 1ULL << 3,
};

/**
 * struct kdbus_cmd_hello - KDBUS_CMD_HELLO
 * @size:		of the struct, items included
 * @flags:		KDBUS_HELLO_*
 * @return_flags:	0
 * @attach_flags_send:	KDBUS_ATTACH_*: metadata to give
 * @attach_flags_recv:	KDBUS_ATTACH_*: metadata to take
 * @bus_flags:		out: flags of the bus, KDBUS_MAKE_*
 * @id:			out: id of the new connection
 * @pool_size:		bytes of its pool; whole pages
 * @offset:		out: pool slice with items about the bus, to be freed
 * @items_size:		out: size of that slice
 * @id128:		out: UUID of the bus
 * @items:		NAME, POLICY_ACCESS, CONN_DESCRIPTION, and for owners CREDS,
 *			PIDS, SECLABEL
 */
struct kdbus_cmd_hello {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 attach_flags_send;
	__u64 attach_flags_recv;
	__u64 bus_flags;
	__u64 id;
	__u64 pool_size;
	__u64 offset;
	__u64 items_size;
	__u8 id128[16];
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_cmd_free - KDBUS_CMD_FREE
 * @size:		of the struct, items included
 * @flags:		none
 * @return_flags:	0
 * @offset:		pool slice to give back; the pool's size is an empty slice
 * @items:		none
 */
struct kdbus_cmd_free {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 offset;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_cmd_info - KDBUS_CMD_CONN_INFO, KDBUS_CMD_BUS_CREATOR_INFO
 * @size:		of the struct, items included
 * @flags:		none
 * @return_flags:	0
 * @id:			of the connection in question, or 0 and an item NAME
 * @attach_flags:	KDBUS_ATTACH_*: metadata wanted
 * @offset:		out: pool slice with a kdbus_info, to be freed
 * @info_size:		out: size of that slice
 * @items:		NAME
 */
struct kdbus_cmd_info {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 id;
	__u64 attach_flags;
	__u64 offset;
	__u64 info_size;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * enum kdbus_list_flags - flags of LIST
 * @KDBUS_LIST_UNIQUE:		connections
 * @KDBUS_LIST_NAMES:		names with an owner
 * @KDBUS_LIST_ACTIVATORS:	names with an activator
 * @KDBUS_LIST_QUEUED:		connections waiting for a name
 */
enum kdbus_list_flags {
	KDBUS_LIST_UNIQUE = 1ULL << 0,
	KDBUS_LIST_NAMES = 1ULL << 1,
	KDBUS_LIST_ACTIVATORS = 1ULL << 2,
	KDBUS_LIST_QUEUED = 1ULL << 3,
};

/**
 * struct kdbus_cmd_list - KDBUS_CMD_LIST
 * @size:		of the struct, items included
 * @flags:		KDBUS_LIST_*
 * @return_flags:	0
 * @offset:		out: pool slice with kdbus_info records, to be freed
 * @list_size:		out: size of that slice
 * @items:		none
 */
struct kdbus_cmd_list {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 offset;
	__u64 list_size;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * struct kdbus_info - a record of LIST, CONN_INFO and BUS_CREATOR_INFO
 * @size:	of the record, items and padding to 8 included
 * @id:		of the connection, or of the bus
 * @flags:	KDBUS_HELLO_* of the connection, or KDBUS_MAKE_* of the bus
 * @items:	OWNED_NAME, MAKE_NAME, metadata
 */
struct kdbus_info {
	__u64 size;
	__u64 id;
	__u64 flags;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * enum kdbus_send_flags - flags of SEND
 * @KDBUS_SEND_SYNC_REPLY:	return with the reply
 */
enum kdbus_send_flags {
	KDBUS_SEND_SYNC_REPLY = 1ULL << 0,
};

/**
 * struct kdbus_cmd_send - KDBUS_CMD_SEND
 * @size:		of the struct, items included
 * @flags:		KDBUS_SEND_*
 * @return_flags:	0
 * @msg_address:	pointer to the kdbus_msg, divisible by 8
 * @reply:		out: with SYNC_REPLY the reply; else an empty slice
 * @items:		CANCEL_FD
 */
struct kdbus_cmd_send {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 msg_address;
	struct kdbus_msg_info reply;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * enum kdbus_recv_flags - flags of RECV
 * @KDBUS_RECV_PEEK:		leave the message in the queue; install no descriptors
 * @KDBUS_RECV_DROP:		remove the message without looking at it
 * @KDBUS_RECV_USE_PRIORITY:	the most urgent one, if not above @priority
 */
enum kdbus_recv_flags {
	KDBUS_RECV_PEEK = 1ULL << 0,
	KDBUS_RECV_DROP = 1ULL << 1,
	KDBUS_RECV_USE_PRIORITY = 1ULL << 2,
};

/**
 * enum kdbus_recv_return_flags - what else there is to know about a message
 * @KDBUS_RECV_RETURN_INCOMPLETE_FDS:	kdbus_msg_info.return_flags: some
 *					descriptor could not be installed
 * @KDBUS_RECV_RETURN_DROPPED_MSGS:	kdbus_cmd_recv.return_flags: dropped_msgs
 *					is not 0
 */
enum kdbus_recv_return_flags {
	KDBUS_RECV_RETURN_INCOMPLETE_FDS = 1ULL << 0,
	KDBUS_RECV_RETURN_DROPPED_MSGS = 1ULL << 1,
};

/**
 * struct kdbus_cmd_recv - KDBUS_CMD_RECV
 * @size:		of the struct, items included
 * @flags:		KDBUS_RECV_*
 * @return_flags:	KDBUS_RECV_RETURN_DROPPED_MSGS
 * @priority:		with USE_PRIORITY: the least urgent priority of interest
 * @dropped_msgs:	out: broadcasts lost since the last RECV
 * @msg:		out: the message
 * @items:		none
 */
struct kdbus_cmd_recv {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__s64 priority;
	__u64 dropped_msgs;
	struct kdbus_msg_info msg;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/**
 * enum kdbus_name_flags - what a connection has to do with a well-known name
 * @KDBUS_NAME_REPLACE_EXISTING:	in: take it from an owner that allows it
 * @KDBUS_NAME_ALLOW_REPLACEMENT:	in, out: may be taken from me
 * @KDBUS_NAME_QUEUE:			in, out: wait for it rather than go without
 * @KDBUS_NAME_IN_QUEUE:		out: waiting
 * @KDBUS_NAME_ACTIVATOR:		out: held by or for an activator
 * @KDBUS_NAME_PRIMARY:			out: the holder, P2
 * @KDBUS_NAME_ACQUIRED:		out: this very call changed something, P2
 */
enum kdbus_name_flags {
	KDBUS_NAME_REPLACE_EXISTING = 1ULL << 0,
	KDBUS_NAME_ALLOW_REPLACEMENT = 1ULL << 1,
	KDBUS_NAME_QUEUE = 1ULL << 2,
	KDBUS_NAME_IN_QUEUE = 1ULL << 3,
	KDBUS_NAME_ACTIVATOR = 1ULL << 4,
	KDBUS_NAME_PRIMARY = 1ULL << 5,
	KDBUS_NAME_ACQUIRED = 1ULL << 6,
};

/**
 * enum kdbus_cmd_match_flags - flags of MATCH_ADD
 * @KDBUS_MATCH_REPLACE:	remove the entries with this cookie first
 */
enum kdbus_cmd_match_flags {
	KDBUS_MATCH_REPLACE = 1ULL << 0,
};

/**
 * struct kdbus_cmd_match - KDBUS_CMD_MATCH_ADD, KDBUS_CMD_MATCH_REMOVE
 * @size:		of the struct, items included
 * @flags:		KDBUS_MATCH_*, none for MATCH_REMOVE
 * @return_flags:	0
 * @cookie:		number of the entry, chosen by the caller; need not be unique
 * @items:		the rules, all of which must be satisfied: BLOOM_MASK, NAME,
 *			ID, DST_ID, NAME_ADD, NAME_REMOVE, NAME_CHANGE, ID_ADD,
 *			ID_REMOVE; none for MATCH_REMOVE
 */
struct kdbus_cmd_match {
	__u64 size;
	__u64 flags;
	__u64 return_flags;
	__u64 cookie;
	__KDBUS_FLEX_ARRAY(struct kdbus_item, items);
} __attribute__((__aligned__(8)));

/*
 * Command numbers.  The direction that is part of a number says nothing:
 * every command may write into its struct.
 *
 * On the control file of a domain: BUS_MAKE.  On an endpoint file:
 * ENDPOINT_MAKE or HELLO, which decide what the file is from then on.
 */
#define KDBUS_CMD_BUS_MAKE _IOW(KDBUS_IOCTL_MAGIC, 0x00, struct kdbus_cmd)

#define KDBUS_CMD_ENDPOINT_MAKE	  _IOW(KDBUS_IOCTL_MAGIC, 0x10, struct kdbus_cmd)
#define KDBUS_CMD_ENDPOINT_UPDATE _IOW(KDBUS_IOCTL_MAGIC, 0x11, struct kdbus_cmd)

#define KDBUS_CMD_HELLO		   _IOWR(KDBUS_IOCTL_MAGIC, 0x80, struct kdbus_cmd_hello)
#define KDBUS_CMD_UPDATE	   _IOW(KDBUS_IOCTL_MAGIC, 0x81, struct kdbus_cmd)
#define KDBUS_CMD_BYEBYE	   _IOW(KDBUS_IOCTL_MAGIC, 0x82, struct kdbus_cmd)
#define KDBUS_CMD_FREE		   _IOW(KDBUS_IOCTL_MAGIC, 0x83, struct kdbus_cmd_free)
#define KDBUS_CMD_CONN_INFO	   _IOR(KDBUS_IOCTL_MAGIC, 0x84, struct kdbus_cmd_info)
#define KDBUS_CMD_BUS_CREATOR_INFO _IOR(KDBUS_IOCTL_MAGIC, 0x85, struct kdbus_cmd_info)
#define KDBUS_CMD_LIST		   _IOR(KDBUS_IOCTL_MAGIC, 0x86, struct kdbus_cmd_list)

#define KDBUS_CMD_SEND _IOW(KDBUS_IOCTL_MAGIC, 0x90, struct kdbus_cmd_send)
#define KDBUS_CMD_RECV _IOR(KDBUS_IOCTL_MAGIC, 0x91, struct kdbus_cmd_recv)

#define KDBUS_CMD_NAME_ACQUIRE _IOW(KDBUS_IOCTL_MAGIC, 0xa0, struct kdbus_cmd)
#define KDBUS_CMD_NAME_RELEASE _IOW(KDBUS_IOCTL_MAGIC, 0xa1, struct kdbus_cmd)

#define KDBUS_CMD_MATCH_ADD    _IOW(KDBUS_IOCTL_MAGIC, 0xb0, struct kdbus_cmd_match)
#define KDBUS_CMD_MATCH_REMOVE _IOW(KDBUS_IOCTL_MAGIC, 0xb1, struct kdbus_cmd_match)

#ifdef __GNUC__
#pragma GCC diagnostic pop
#endif

#endif /* _UAPI_KDBUS_H_ */
