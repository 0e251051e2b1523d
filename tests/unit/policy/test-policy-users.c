/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* passwd(5) and group(5) as tables */
#include "policy-parser/policy-users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/harness/tap.h"

static struct policy_users *make_users(const char *passwd, const char *group)
{
	struct policy_users *users;

	expect_eq(policy_users_new(&users), 0);
	expect_eq(policy_users_add_passwd(users, passwd, strlen(passwd)), 0);
	expect_eq(policy_users_add_group(users, group, strlen(group)), 0);
	return users;
}

static long find_user(const struct policy_users *users, const char *name)
{
	uint32_t uid;

	return policy_users_find_user(users, name, &uid) ? (long)uid : -1;
}

static long find_group(const struct policy_users *users, const char *name)
{
	uint32_t gid;

	return policy_users_find_group(users, name, &gid) ? (long)gid : -1;
}

TEST(names_and_numbers)
{
	struct policy_users *users = make_users("root:x:0:0:root:/root:/bin/sh\n"
						"a:x:1:10::/:\n"
						"b:x:4294967294:11:x,y:/:/bin/sh",
						"root:x:0:\nten:x:10:b,a\nlast:x:11:a");

	expect_eq(find_user(users, "root"), 0);
	expect_eq(find_user(users, "a"), 1);
	expect_eq(find_user(users, "b"), 4294967294);
	expect_eq(find_user(users, "ten"), -1);
	expect_eq(find_user(users, ""), -1);
	expect_eq(find_user(users, "roo"), -1);
	expect_eq(find_group(users, "ten"), 10);
	expect_eq(find_group(users, "last"), 11);
	expect_eq(find_group(users, "a"), -1);
	expect_str(policy_users_get_user_name(users, 1), "a");
	expect_str(policy_users_get_user_name(users, 2), NULL);
	expect_str(policy_users_get_group_name(users, 11), "last");
	expect_str(policy_users_get_group_name(users, 1), NULL);
	policy_users_unref(users);
}

TEST(lines_that_are_no_entries_are_skipped)
{
	struct policy_users *users =
		make_users("\n#c:x:1:1::/:\n+nis:x:2:2::/:\n-no:x:3:3::/:\n+\n"
			   ":x:4:4::/:\nd\ne:x\nf:x:5\ng:x::6::/:\nh:x:-1:7::/:\n"
			   "i:x:0x8:8::/:\nj:x:4294967295:9::/:\nk:x:10:\n"
			   "l:x:99999999999999999999:1::/:\nz:x:26:26\n",
			   "\n#a:x:1:\nb:x\nc:x::d\ne:x:2\n");

	for (const char *name = "cnisdefghijkl"; *name; name++)
		expect_eq(find_user(users, (char[]){*name, 0}), -1);
	expect_eq(find_user(users, "nis"), -1);
	expect_eq(find_user(users, "z"), 26);
	expect_eq(find_group(users, "a"), -1);
	expect_eq(find_group(users, "c"), -1);
	expect_eq(find_group(users, "e"), 2);
	policy_users_unref(users);
}

TEST(the_first_entry_of_a_name_counts)
{
	struct policy_users *users =
		make_users("a:x:1:1::/:\nb:x:1:2::/:\na:x:3:3::/:\n", "g:x:7:\nh:x:7:\n");

	expect_eq(policy_users_add_passwd(users, "a:x:9:9::/:\nc:x:4:4::/:", 23), 0);
	expect_eq(find_user(users, "a"), 1);
	expect_eq(find_user(users, "b"), 1);
	expect_eq(find_user(users, "c"), 4);
	expect_str(policy_users_get_user_name(users, 1), "a");
	expect_str(policy_users_get_group_name(users, 7), "g");
	policy_users_unref(users);
}

TEST(groups_of_a_user)
{
	struct policy_users *users = make_users("a:x:1:30::/:\nb:x:2:20::/:\nc:x:3:5::/:\n",
						"x:x:20:a\ny:x:10:a,b\nz:x:40:\nw:x:30:a\n");
	uint32_t primary, *groups, n_groups;

	expect(policy_users_is_member(users, 1, 30));
	expect(policy_users_is_member(users, 1, 10));
	expect(!policy_users_is_member(users, 1, 40));
	expect(policy_users_is_member(users, 2, 20));
	expect(!policy_users_is_member(users, 3, 20));
	expect(!policy_users_is_member(users, 9, 20));
	expect_eq(policy_users_get_groups(users, 1, &primary, &groups, &n_groups), 0);
	expect_eq(primary, 30);
	expect_mem(groups, n_groups * sizeof(*groups), ((uint32_t[]){10, 20, 30}), 12);
	free(groups);
	expect_eq(policy_users_get_groups(users, 9, &primary, &groups, &n_groups), -ENOENT);
	policy_users_unref(users);
}

TEST(an_overlay_adds_to_what_is_below)
{
	struct policy_users *base = make_users("a:x:1:10::/:\n", "g:x:10:\n"), *users;
	uint32_t primary, *groups, n_groups;

	expect_eq(policy_users_new_overlay(base, &users), 0);
	policy_users_unref(base);
	expect_eq(policy_users_add_passwd(users, "b:x:2:20::/:\n", 13), 0);
	expect_eq(policy_users_add_group(users, "h:x:20:\n", 8), 0);
	expect_eq(find_user(users, "a"), 1);
	expect_eq(find_user(users, "b"), 2);
	expect_eq(find_group(users, "g"), 10);
	expect_eq(find_group(users, "h"), 20);
	expect_str(policy_users_get_user_name(users, 1), "a");
	expect_str(policy_users_get_group_name(users, 10), "g");
	expect(policy_users_is_member(users, 1, 10));
	expect_eq(policy_users_get_groups(users, 1, &primary, &groups, &n_groups), 0);
	expect_eq(n_groups, 1);
	free(groups);
	policy_users_unref(users);
}

TEST(numbers)
{
	uint32_t id = 5;

	expect(policy_users_parse_id("0", &id));
	expect_eq(id, 0);
	expect(policy_users_parse_id("0010", &id));
	expect_eq(id, 10);
	expect(policy_users_parse_id("4294967294", &id));
	expect_eq(id, 4294967294);
	expect(!policy_users_parse_id("4294967295", &id));
	expect(!policy_users_parse_id("18446744073709551616", &id));
	expect(!policy_users_parse_id("", &id));
	expect(!policy_users_parse_id("-1", &id));
	expect(!policy_users_parse_id(" 1", &id));
	expect(!policy_users_parse_id("1x", &id));
	expect_eq(id, 4294967294);
}

TEST(files)
{
	char path[] = "/tmp/bp-users-XXXXXX";
	int fd = mkstemp(path);
	struct policy_users *users;

	expect_ge(fd, 0);
	expect_eq(dprintf(fd, "a:x:1:1::/:\n"), 12);
	close(fd);
	expect_eq(policy_users_new(&users), 0);
	expect_eq(policy_users_load(users, path, "/nonexistent/group"), 0);
	expect_eq(find_user(users, "a"), 1);
	expect_eq(policy_users_load(users, "/tmp", "/nonexistent/group"), -EISDIR);
	policy_users_unref(users);
	unlink(path);
}

TEST(many_entries)
{
	size_t size = 0, n = 20000;
	char *text = malloc(n * 40);
	struct policy_users *users;

	expect(text != NULL);
	for (size_t i = 0; i < n; i++)
		size += sprintf(text + size, "user%zu:x:%zu:%zu::/:\n", i, i, i);
	expect_eq(policy_users_new(&users), 0);
	expect_eq(policy_users_add_passwd(users, text, size), 0);
	expect_eq(find_user(users, "user19999"), 19999);
	expect_str(policy_users_get_user_name(users, 777), "user777");
	policy_users_unref(users);
	free(text);
}
