/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata between namespaces
 *
 * A child in namespaces of its own, and the test outside, send each other messages.  The child
 * is told the id of a peer outside, and tells its own; then each side checks what the other
 * one looks like.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/client.h"

#define NOBODY	   65534
#define IDS	   ((uint64_t)(KDBUS_ATTACH_CREDS | KDBUS_ATTACH_AUXGROUPS))
#define NEED_CHILD 77

static struct cmd c;

/* the other side */
static int other;

static void tell(uint64_t value)
{
	expect_eq(send(other, &value, sizeof(value), MSG_NOSIGNAL), (ssize_t)sizeof(value));
}

static uint64_t hear(void)
{
	uint64_t value;

	expect_eq(recv(other, &value, sizeof(value), 0), (ssize_t)sizeof(value));
	return value;
}

static const struct kdbus_msg *next_message(struct peer *to)
{
	struct kdbus_cmd_recv recv;

	expect(peer_wait(to, 10000));
	return peer_get_raw(to, &recv);
}

static const struct kdbus_item *item_of(const struct kdbus_msg *msg, uint64_t type)
{
	return items_find(msg->items, MSG_END(msg), type);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	expect_ge(fd, 0);
	expect_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void write_maps(pid_t pid, const char *uids, const char *gids)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	write_file(path, uids);
	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	write_file(path, gids);
}

/**
 * struct scene - who is where
 * @flags: namespaces that @inside has for itself
 * @uids, @gids: its maps, or NULL
 * @inside: what the child does; in a pid namespace it is the first process
 * @outside: what the test does meanwhile
 */
struct scene {
	int flags;
	const char *uids;
	const char *gids;
	void (*inside)(void);
	void (*outside)(void);
};

static pid_t child_outer_pid;

static void child(const struct scene *scene)
{
	int status;
	pid_t pid;

	if (unshare(scene->flags) < 0)
		_exit(NEED_CHILD);
	tell(0);
	hear();
	pid = fork();
	expect_ge(pid, 0);
	if (pid == 0) {
		/* its number out there is the first thing to come */
		hear();
		scene->inside();
		_exit(0);
	}
	tell(pid);
	expect_eq(waitpid(pid, &status, 0), pid);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void play(const struct scene *scene)
{
	int pair[2], status = -1;
	uint64_t value;
	pid_t pid;

	need(ABI_IS_APART);
	expect_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	expect_ge(pid, 0);
	other = pair[pid == 0];
	close(pair[pid != 0]);
	if (pid == 0)
		child(scene);
	if (recv(other, &value, sizeof(value), 0) == sizeof(value)) {
		if (scene->uids)
			write_maps(pid, scene->uids, scene->gids);
		tell(0);
		child_outer_pid = hear();
		tell(0);
		scene->outside();
	}
	expect_eq(waitpid(pid, &status, 0), pid);
	close(other);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NEED_CHILD)
		skip("no namespaces");
	expect_eq(status, 0);
}

/* ids */

static void expect_creds(const struct kdbus_msg *msg, uint64_t uid, uint64_t gid)
{
	const struct kdbus_item *item = item_of(msg, KDBUS_ITEM_CREDS);

	expect(item);
	for (unsigned i = 0; i < 4; i++) {
		expect_eq(item->data64[i], uid);
		expect_eq(item->data64[4 + i], gid);
	}
}

/* of somebody who has one of each that is his own alone: the effective one */
static void expect_nobody(const struct kdbus_msg *msg)
{
	const struct kdbus_item *item = item_of(msg, KDBUS_ITEM_CREDS);

	expect(item);
	expect_eq(item->creds.euid, NOBODY);
	expect_eq(item->creds.egid, NOBODY);
}

static void expect_groups(const struct kdbus_msg *msg, uint64_t gid)
{
	const struct kdbus_item *item = item_of(msg, KDBUS_ITEM_AUXGROUPS);

	expect(item);
	expect_eq(item->size, 16 + 2 * 8);
	expect_eq(item->data64[0], gid);
	expect_eq(item->data64[1], NOBODY);
}

/* root, in two groups, sends; then somebody else, in the same */
static void send_ids(void)
{
	static const uint32_t groups[] = {0, 4712};
	struct abi_cred root = {0, 0, 2, groups}, user = {OTHER_UID, 4712, 2, groups};
	uint64_t id;

	peer_holder("x.y", KDBUS_POLICY_ACCESS_WORLD, KDBUS_POLICY_TALK, 0);
	tell(0);
	id = hear();
	expect_eq(peer_send_to(peer_at(NULL, &root), id, 1, 0), 0);
	expect_eq(peer_send_to(peer_at(NULL, &user), id, 1, 0), 0);
}

/* a peer to whom all may talk */
static struct peer *peer_for_ids(void)
{
	struct peer *p = peer_recv_flags(IDS);

	hear();
	expect_eq(peer_acquire(p, "x.y", 0), 0);
	tell(p->id);
	return p;
}

static void recv_unmapped_ids(void)
{
	struct peer *p = peer_for_ids();
	const struct kdbus_msg *msg;

	msg = next_message(p);
	row("8.5.uid");
	expect_creds(msg, NOBODY, NOBODY);
	row("8.5.gid");
	expect_groups(msg, NOBODY);
	expect_nobody(next_message(p));
}

ABI_TEST(user_namespace_without_a_map)
{
	row("8.5.uid");
	row("8.5.gid");
	play(&(struct scene){CLONE_NEWUSER, NULL, NULL, recv_unmapped_ids, send_ids});
}

static void recv_mapped_ids(void)
{
	struct peer *p = peer_for_ids();
	const struct kdbus_msg *msg;

	msg = next_message(p);
	row("8.5.uid-mapped");
	expect_creds(msg, 7, 9);
	expect_groups(msg, 9);
	msg = next_message(p);
	row("8.5.uid-unmapped");
	expect_nobody(msg);
	expect_groups(msg, 9);
}

ABI_TEST(user_namespace_with_a_map)
{
	row("8.5.uid-mapped");
	row("8.5.uid-unmapped");
	play(&(struct scene){CLONE_NEWUSER, "100 1 5\n7 0 1\n", "9 0 1\n", recv_mapped_ids,
			     send_ids});
}

static void send_from_inside(void)
{
	expect_eq(peer_send_to(peer(), hear(), 1, 0), 0);
}

static void recv_creds_outside(void)
{
	struct peer *p = peer_recv_flags(KDBUS_ATTACH_CREDS);

	tell(p->id);
	expect_creds(next_message(p), 0, 0);
}

ABI_TEST(sender_in_a_user_namespace)
{
	row("8.5.uid-outside");
	play(&(struct scene){CLONE_NEWUSER, "7 0 1\n", "9 0 1\n", send_from_inside,
			     recv_creds_outside});
}

static void send_audit(void)
{
	uint64_t id = hear();

	write_file("/proc/self/loginuid", "4711");
	expect_eq(peer_send_to(peer(), id, 1, 0), 0);
}

static void recv_audit(void)
{
	struct peer *p = peer_recv_flags(KDBUS_ATTACH_AUDIT);

	tell(p->id);
	expect_eq(item_of(next_message(p), KDBUS_ITEM_AUDIT)->audit.loginuid, 0xffffffff);
}

ABI_TEST(loginuid_without_a_mapping)
{
	row("8.5.loginuid");
	if (access("/proc/self/loginuid", W_OK) == 0)
		play(&(struct scene){CLONE_NEWUSER, "7 0 1\n", "9 0 1\n", recv_audit, send_audit});
	else
		need(ABI_IS_APART);
}

static void say_wrong_hello(uint64_t type, const void *data, size_t size)
{
	hello_init(&c, 0);
	cmd_add(&c, type, data, size);
	expect_eq(hello(NULL, &c, NULL, NULL), -EINVAL);
}

static void fake_creds(void)
{
	struct kdbus_creds creds = {7, 7, 7, 7, 9, 9, 9, 0xffffffff};

	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	tell(peer_hello(&c, NULL, NULL)->id);
	creds.euid = 8;
	say_wrong_hello(KDBUS_ITEM_CREDS, &creds, sizeof(creds));
	hear();
}

static void check_fake_creds(void)
{
	const struct kdbus_info *info;
	const struct kdbus_creds *creds;

	expect_eq(peer_info(peer(), hear(), NULL, KDBUS_ATTACH_CREDS, &info), 0);
	creds = &info->items[0].creds;
	expect_eq(creds->uid, 0);
	expect_eq(creds->fsuid, 0);
	expect_eq(creds->sgid, 0);
	expect_eq(creds->fsgid, 0xffffffff);
	tell(0);
}

ABI_TEST(faked_ids_are_those_of_the_caller)
{
	row("8.7.ids-of-the-caller");
	play(&(struct scene){CLONE_NEWUSER, "7 0 1\n", "9 0 1\n", fake_creds, check_fake_creds});
}

static void holder_inside(void)
{
	struct peer *p = peer_holder("x.y", KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_OWN, 7);

	expect_eq(peer_update_policy(p, "x.y", KDBUS_POLICY_ACCESS_USER, KDBUS_POLICY_OWN, 8),
		  -EINVAL);
	expect_eq(peer_update_policy(p, "x.y", KDBUS_POLICY_ACCESS_GROUP, KDBUS_POLICY_OWN, 7),
		  -EINVAL);
	expect_eq(peer_update_policy(p, "x.y", KDBUS_POLICY_ACCESS_GROUP, KDBUS_POLICY_OWN, 9), 0);
}

static void nothing(void)
{
}

ABI_TEST(ids_of_a_policy_are_those_of_the_caller)
{
	row("7.3.ids-of-the-caller");
	play(&(struct scene){CLONE_NEWUSER, "7 0 1\n", "9 0 1\n", holder_inside, nothing});
}

/* pids */

static void expect_pids(const struct kdbus_msg *msg, uint64_t pid, uint64_t ppid)
{
	const struct kdbus_item *item = item_of(msg, KDBUS_ITEM_PIDS);

	expect(item);
	expect_eq(item->pids.pid, pid);
	expect_eq(item->pids.tid, pid);
	expect_eq(item->pids.ppid, ppid);
}

static void recv_no_pids(void)
{
	uint64_t implicit = KDBUS_ATTACH_CREDS | KDBUS_ATTACH_PIDS | KDBUS_ATTACH_AUXGROUPS |
			    KDBUS_ATTACH_TIMESTAMP;
	struct peer *p = peer_recv_flags(_KDBUS_ATTACH_ALL);
	const struct kdbus_msg *msg;

	tell(p->id);
	msg = next_message(p);
	row("8.5.pid");
	expect_pids(msg, 0, 0);
	row("8.2.not-visible");
	if (!p1())
		expect_eq(items_mask(msg->items, MSG_END(msg)), implicit);
}

static void send_nothing_offered(void)
{
	uint64_t id = hear();
	struct peer *p;

	hello_init(&c, 0);
	c.hello.attach_flags_send = p1() ? _KDBUS_ATTACH_ALL : 0;
	p = peer_hello(&c, NULL, NULL);
	expect_eq(peer_send_to(p, id, 1, 0), 0);
}

ABI_TEST(receiver_in_another_pid_namespace)
{
	row("8.5.pid");
	row("8.2.not-visible");
	play(&(struct scene){CLONE_NEWPID, NULL, NULL, recv_no_pids, send_nothing_offered});
}

static void talk_inside(void)
{
	struct peer *p = peer_recv_flags(KDBUS_ATTACH_PIDS);
	int status;
	pid_t pid;

	expect_eq(getpid(), 1);
	expect_eq(peer_send_to(peer(), p->id, 1, 0), 0);
	expect_pids(next_message(p), 1, 0);
	pid = fork();
	if (pid == 0) {
		expect_eq(peer_send_to(peer(), p->id, 1, 0), 0);
		_exit(0);
	}
	expect_eq(waitpid(pid, &status, 0), pid);
	expect_eq(status, 0);
	expect_pids(next_message(p), pid, 1);
}

ABI_TEST(both_in_another_pid_namespace)
{
	row("8.5.pid-inside");
	play(&(struct scene){CLONE_NEWPID, NULL, NULL, talk_inside, nothing});
}

static void recv_pids_outside(void)
{
	struct peer *p = peer_recv_flags(KDBUS_ATTACH_PIDS);
	const struct kdbus_msg *msg;

	tell(p->id);
	msg = next_message(p);
	expect_eq(item_of(msg, KDBUS_ITEM_PIDS)->pids.pid, child_outer_pid);
	expect_eq(item_of(msg, KDBUS_ITEM_PIDS)->pids.tid, child_outer_pid);
	expect_gt(item_of(msg, KDBUS_ITEM_PIDS)->pids.ppid, getpid());
}

ABI_TEST(sender_in_another_pid_namespace)
{
	row("8.5.pid-outside");
	play(&(struct scene){CLONE_NEWPID, NULL, NULL, send_from_inside, recv_pids_outside});
}

static void fake_pids(void)
{
	struct kdbus_pids pids = {.pid = 1};

	hello_init(&c, 0);
	cmd_add(&c, KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	tell(peer_hello(&c, NULL, NULL)->id);
	pids.ppid = 30000;
	say_wrong_hello(KDBUS_ITEM_PIDS, &pids, sizeof(pids));
	hear();
}

static void check_fake_pids(void)
{
	const struct kdbus_info *info;

	expect_eq(peer_info(peer(), hear(), NULL, KDBUS_ATTACH_PIDS, &info), 0);
	expect_eq(info->items[0].pids.pid, child_outer_pid);
	expect_eq(info->items[0].pids.ppid, 0);
	tell(0);
}

ABI_TEST(faked_pids_are_those_of_the_caller)
{
	row("8.7.pids-of-the-caller");
	play(&(struct scene){CLONE_NEWPID, NULL, NULL, fake_pids, check_fake_pids});
}

/* capabilities */

/* gives one capability away, so that not all that there are are its own */
static void drop_a_capability(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	expect_eq(syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~(1U << CAP_SYS_BOOT);
	expect_eq(syscall(SYS_capset, &header, data), 0);
}

static void expect_caps(const struct kdbus_msg *msg, bool are_full)
{
	const struct kdbus_item *item = item_of(msg, KDBUS_ITEM_CAPS);
	uint32_t last_cap, n_words;

	expect(item);
	last_cap = item->caps.last_cap;
	n_words = last_cap / 32 + 1;
	for (uint32_t set = 0; set < 4; set++) {
		for (uint32_t cap = 0; cap < 32 * n_words; cap++) {
			bool is_there =
				item->caps.caps[set * n_words + cap / 32] & (1U << (cap % 32));

			expect_eq(is_there, are_full && set > 0 && cap <= last_cap);
		}
	}
}

static void recv_caps_inside(void)
{
	struct peer *p = peer_recv_flags(KDBUS_ATTACH_CAPS | KDBUS_ATTACH_TIMESTAMP);
	const struct kdbus_msg *msg;

	tell(p->id);
	msg = next_message(p);
	if (p1())
		expect(!item_of(msg, KDBUS_ITEM_CAPS));
	else
		expect_caps(msg, true);
}

static void send_caps(void)
{
	struct peer *same = peer_recv_flags(KDBUS_ATTACH_CAPS), *p = peer();
	const struct kdbus_item *item;
	uint64_t id = hear();

	drop_a_capability();
	expect_eq(peer_send_to(p, id, 1, 0), 0);
	expect_eq(peer_send_to(p, same->id, 1, 0), 0);
	item = item_of(next_message(same), KDBUS_ITEM_CAPS);
	/* effective ones are the third set */
	expect_eq(item->caps.caps[2 * (item->caps.last_cap / 32 + 1)] & (1U << CAP_SYS_BOOT), 0);
}

ABI_TEST(capabilities_in_a_descendant)
{
	row(p1() ? "8.6.p1" : "8.6.descendant");
	play(&(struct scene){CLONE_NEWUSER, "7 0 1\n", "9 0 1\n", recv_caps_inside, send_caps});
}

static void recv_caps_outside(void)
{
	struct peer *p = peer_recv_flags(KDBUS_ATTACH_CAPS);
	const struct kdbus_msg *msg;

	tell(p->id);
	msg = next_message(p);
	if (p1())
		expect(!item_of(msg, KDBUS_ITEM_CAPS));
	else
		expect_caps(msg, false);
}

ABI_TEST(capabilities_in_an_ancestor)
{
	row(p1() ? "8.6.p1" : "8.6.ancestor");
	play(&(struct scene){CLONE_NEWUSER, "7 0 1\n", "9 0 1\n", send_from_inside,
			     recv_caps_outside});
}

/* another root directory is another name of the same file */

static void send_from_another_root(void)
{
	uint64_t id = hear();
	struct peer *p = peer();

	expect_eq(chroot("/proc"), 0);
	expect_eq(peer_send_to(p, id, 1, 0), 0);
}

static void recv_no_exe(void)
{
	struct peer *p = peer_recv_flags(KDBUS_ATTACH_EXE | KDBUS_ATTACH_PID_COMM);
	const struct kdbus_msg *msg;

	tell(p->id);
	msg = next_message(p);
	expect(item_of(msg, KDBUS_ITEM_PID_COMM));
	if (!p1())
		expect(!item_of(msg, KDBUS_ITEM_EXE));
}

ABI_TEST(another_root_directory)
{
	row("8.4.exe-root");
	play(&(struct scene){0, NULL, NULL, send_from_another_root, recv_no_exe});
}
