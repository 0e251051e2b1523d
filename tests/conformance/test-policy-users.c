/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom rules are for, and what is said to whom of a refusal: users and groups, who may
 * connect, the text of an error, the line of the log. */
#include "tests/conformance/policy-rules.h"
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* somebody has NAME, and is called without an answer being waited for */
static uint32_t send_call(struct conn *conn, const char *interface)
{
	return conn_send(conn, msg_flags(msg_call(NAME, "/p", interface, "C"), MSG_NO_REPLY));
}

/* Other users */

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[4];
	size_t n_groups;
};

static void skip_unless_root(void)
{
	if (getuid())
		skip("only root can become another user");
}

static struct user find_user(const char *name, const char *group)
{
	struct passwd *entry = getpwnam(name);
	struct user user;
	struct group *more;

	if (!entry)
		skip("no user %s", name);
	user = (struct user){.uid = entry->pw_uid, .gid = entry->pw_gid};
	if (!group)
		return user;
	more = getgrnam(group);
	if (!more)
		skip("no group %s", group);
	user.groups[user.n_groups++] = more->gr_gid;
	return user;
}

/* connected as somebody else: what counts is who calls connect() */
static struct conn *connect_as(const char *address, const struct user *user)
{
	struct conn *conn;

	expect_eq(setgroups(user->n_groups, user->groups), 0);
	expect_eq(setresgid(user->gid, user->gid, 0), 0);
	expect_eq(setresuid(user->uid, user->uid, 0), 0);
	conn = conn_auth(address, true);
	expect_eq(setresuid(0, 0, 0), 0);
	expect_eq(setresgid(0, 0, 0), 0);
	return conn;
}

static struct conn *conn_new_as(const char *address, const struct user *user)
{
	struct conn *conn = connect_as(address, user);

	conn_hello(conn);
	return conn;
}

TEST(connect_rules)
{
	static const struct {
		const char *rules;
		bool is_allowed;
	} cases[] = {
		{"", false},
		{ALLOW("user=\"*\""), true},
		{ALLOW("user=\"nobody\""), true},
		{ALLOW("user=\"daemon\""), false},
		{ALLOW("user=\"*\"") DENY("user=\"nobody\""), false},
		{DENY("user=\"nobody\"") ALLOW("user=\"*\""), true},
		{ALLOW("user=\"*\"") DENY("user=\"daemon\""), true},
		/* of nobody, by the group file */
		{ALLOW("group=\"nogroup\""), true},
		{ALLOW("group=\"*\""), true},
		{ALLOW("user=\"*\"") DENY("group=\"nogroup\""), false},
		{ALLOW("user=\"*\"") DENY("user=\"no-such-user\""), true},
	};
	struct subject *subject;
	struct conn *root;
	struct user nobody;

	skip_unless_root();
	nobody = find_user("nobody", NULL);
	subject = subject_start(NULL);
	root = conn_new(subject->address);
	for (size_t i = 0; i < N_OF(cases); i++) {
		struct conn *conn;
		char xml[512];

		snprintf(xml, sizeof(xml), MANDATORY("%s"), cases[i].rules);
		expect(subject_reload(subject, root, xml));
		conn = connect_as(subject->address, &nobody);
		if (cases[i].is_allowed)
			conn_hello(conn);
		else
			expect_eof(conn);
		conn_close(conn);
	}
	/* who is there may stay */
	expect(subject_reload(subject, root, EVERYBODY_COMES));
	{
		struct conn *conn = conn_new_as(subject->address, &nobody);

		expect(subject_reload(subject, root, NULL));
		expect_return(conn_call(conn, driver_msg("GetId")));
		conn_close(conn);
	}
	conn_close(root);
	subject_stop(subject);
}

TEST(sections_of_users_and_groups)
{
	static const struct {
		const char *sections;
		bool nobody_may, daemon_may, root_may;
	} cases[] = {
		{"", true, true, true},
		{FOR_USER("nobody", DENY_NAME), false, true, true},
		{FOR_USER("root", DENY_NAME), true, true, false},
		{FOR_USER("no-such-user", DENY_NAME), true, true, true},
		/* nobody is in daemon by setgroups() alone, daemon by its primary group */
		{FOR_GROUP("daemon", DENY_NAME), false, false, true},
		{FOR_GROUP("nogroup", DENY_NAME), false, true, true},
		{FOR_GROUP("no-such-group", DENY_NAME), true, true, true},
		/* the user's section comes after the group's, wherever it is written */
		{FOR_USER("nobody", ALLOW_NAME) FOR_GROUP("daemon", DENY_NAME), true, false, true},
		{FOR_USER("nobody", DENY_NAME) FOR_GROUP("daemon", ALLOW_NAME), false, true, true},
		/* and among groups the highest number */
		{FOR_GROUP("nogroup", ALLOW_NAME) FOR_GROUP("daemon", DENY_NAME), true, false,
		 true},
		{FOR_GROUP("nogroup", DENY_NAME) FOR_GROUP("daemon", ALLOW_NAME), false, true,
		 true},
		/* mandatory comes last */
		{MANDATORY(DENY_NAME) FOR_USER("nobody", ALLOW_NAME), false, false, false},
	};
	struct user nobody, daemon_user;
	struct conn *root, *a, *b, *to;
	struct subject *subject;

	skip_unless_root();
	nobody = find_user("nobody", "daemon");
	daemon_user = find_user("daemon", NULL);
	subject = subject_start(EVERYBODY_COMES);
	root = conn_new(subject->address);
	to = conn_new(subject->address);
	a = conn_new_as(subject->address, &nobody);
	b = conn_new_as(subject->address, &daemon_user);
	expect_eq(request_name(to, NAME, 0), 1);
	for (size_t i = 0; i < N_OF(cases); i++) {
		bool may[3];

		expect(subject_reload(subject, root, cases[i].sections));
		may[0] = !conn_is_refused(a, send_call(a, "a.b"));
		may[1] = !conn_is_refused(b, send_call(b, "a.b"));
		may[2] = !conn_is_refused(root, send_call(root, "a.b"));
		if (may[0] != cases[i].nobody_may || may[1] != cases[i].daemon_may ||
		    may[2] != cases[i].root_may)
			fail("%s: %d %d %d", cases[i].sections, may[0], may[1], may[2]);
	}
	conn_close(root);
	conn_close(to);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* What is said of a refusal */

/* the last line of the log with this in it; to be freed */
static char *log_line(const struct subject *subject, const char *piece)
{
	char *text = file_read(sandbox_path(&subject->sandbox, "stderr")), *save = NULL;
	char *found = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, piece))
			found = line;
	if (found)
		found = strdup(found);
	free(text);
	return found;
}

/* the line of the configuration that has the deny rule */
static void rule_place(const struct subject *subject, char place[192])
{
	const char *path = sandbox_path(&subject->sandbox, "bus.conf");
	char *text = file_read(path), *rule = strstr(text, "<deny");
	unsigned int line = 1;

	for (const char *p = text; p < rule; p++)
		line += *p == '\n';
	snprintf(place, 192, "rule=\"%s:%u\"", path, line);
	free(text);
}

static char *refusal_text(struct conn *conn, struct msg *call)
{
	struct msg *reply = conn_call(conn, call);
	const char *text;
	char *copy;

	expect_str(reply->error_name, DRIVER_ERROR "AccessDenied");
	msg_read(reply, "s", &text);
	copy = strdup(text);
	msg_free(reply);
	return copy;
}

static void expect_pieces(const char *text, const char *const *pieces)
{
	for (; *pieces; pieces++)
		if (!text || !strstr(text, *pieces))
			fail("\"%s\" has no \"%s\"", text ?: "(nothing)", *pieces);
}

TEST(text_of_a_refusal)
{
	struct subject *subject = subject_start(MANDATORY(DENY_NAME));
	struct conn *a = conn_new(subject->address), *b = conn_new(subject->address);
	char sender[64], who[64], *text;

	expect_eq(request_name(b, NAME, 0), 1);
	text = refusal_text(a, msg_call(NAME, "/p", "a.b", "C"));
	snprintf(sender, sizeof(sender), "sender=\"%s\" (uid=%d pid=%d comm=\"", a->unique,
		 getuid(), getpid());
	snprintf(who, sizeof(who), "destination=\"" NAME "\" (uid=%d pid=%d comm=\"", getuid(),
		 getpid());
	expect_pieces(text,
		      (const char *[]){"Rejected send message, ",
				       " matched rules; type=\"method_call\", ", sender,
				       "interface=\"a.b\" member=\"C\" error name=\"(unset)\" "
				       "requested_reply=\"0\" ",
				       who, NULL});
	free(text);
	text = refusal_text(a, msg_call(b->unique, "/p", NULL, "C"));
	expect_pieces(text, (const char *[]){"interface=\"(unset)\"", b->unique, NULL});
	free(text);
	expect(subject_reload(subject, a, MANDATORY(DENY("receive_interface=\"a.b\""))));
	text = refusal_text(a, msg_call(NAME, "/p", "a.b", "C"));
	expect_pieces(text, (const char *[]){"Rejected receive message, ", NULL});
	free(text);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* the log always says by which rule, the answer only to those who may see everything */
TEST(rule_of_a_refusal)
{
	char place[192], *text, *line;
	struct subject *subject;
	struct conn *root, *conn;
	struct user nobody;

	skip_unless_root();
	if (subject_is_reference())
		skip("about bus-proxyd alone");
	nobody = find_user("nobody", NULL);
	subject = subject_start(EVERYBODY_COMES MANDATORY(DENY_NAME));
	rule_place(subject, place);
	root = conn_new(subject->address);
	conn = conn_new_as(subject->address, &nobody);
	expect_eq(request_name(root, NAME, 0), 1);

	text = refusal_text(root, msg_call(NAME, "/p", "a.b", "ByRoot"));
	line = log_line(subject, "ByRoot");
	expect_pieces(text, (const char *[]){place, NULL});
	expect_pieces(line, (const char *[]){place, text, NULL});
	free(line);
	free(text);
	text = refusal_text(conn, msg_call(NAME, "/p", "a.b", "ByNobody"));
	line = log_line(subject, "ByNobody");
	expect(!strstr(text, "rule="));
	expect(!strstr(text, "bus.conf"));
	expect_pieces(line, (const char *[]){place, text, NULL});
	free(line);
	free(text);

	expect(subject_reload(subject, root, EVERYBODY_COMES MANDATORY(DENY("own=\"" OTHER "\""))));
	rule_place(subject, place);
	text = refusal_text(root, msg_append(driver_msg("RequestName"), "su", OTHER, 0));
	expect_pieces(text, (const char *[]){place, NULL});
	free(text);
	text = refusal_text(conn, msg_append(driver_msg("RequestName"), "su", OTHER, 0));
	expect(!strstr(text, "rule="));
	free(text);
	line = log_line(subject, OTHER);
	expect_pieces(line, (const char *[]){place, conn->unique, NULL});
	free(line);
	conn_close(conn);

	expect(subject_reload(subject, root,
			      MANDATORY(ALLOW("user=\"*\"") DENY("user=\"nobody\""))));
	rule_place(subject, place);
	conn = connect_as(subject->address, &nobody);
	expect_eof(conn);
	line = log_line(subject, "may not connect");
	expect_pieces(line, (const char *[]){place, NULL});
	free(line);
	conn_close(conn);
	conn_close(root);
	subject_stop(subject);
}

/* a process calls itself what it likes; the harness checks that strings are UTF-8 */
TEST(names_of_processes_become_text)
{
	struct subject *subject = subject_start(MANDATORY(DENY_NAME));
	struct conn *conn = conn_new(subject->address);
	char *text;

	expect_eq(request_name(conn, NAME, 0), 1);
	expect_eq(prctl(PR_SET_NAME, "\x1b[31m\xff\xc3\" uid=0"), 0);
	text = refusal_text(conn, msg_call(NAME, "/p", "a.b", "C"));
	for (const char *p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			fail("byte %#x", (unsigned char)*p);
	if (!subject_is_reference())
		expect_pieces(text, (const char *[]){"comm=\"?[31m??? uid=0\"", NULL});
	free(text);
	conn_close(conn);
	subject_stop(subject);
}

/* log="true" */
TEST(allowed_and_logged)
{
	struct subject *subject;
	struct conn *a, *b;
	char place[192], *line;

	if (subject_is_reference())
		skip("about bus-proxyd alone");
	subject = subject_start(MANDATORY(ALLOW("send_interface=\"a.b\" log=\"true\"")));
	a = conn_new(subject->address);
	b = conn_new(subject->address);
	expect_eq(request_name(b, NAME, 0), 1);
	expect(!conn_is_refused(a, send_call(a, "a.c")));
	line = log_line(subject, a->unique);
	expect_str(line, NULL);
	expect(!conn_is_refused(a, send_call(a, "a.b")));
	line = log_line(subject, a->unique);
	snprintf(place, sizeof(place), "rule=\"%s:", sandbox_path(&subject->sandbox, "bus.conf"));
	expect_pieces(line, (const char *[]){"Would reject message, ", "interface=\"a.b\"",
					     "destination=\"" NAME "\"", place, NULL});
	free(line);
	conn_close(a);
	conn_close(b);
	subject_stop(subject);
}

/* refusals go into the log, but not without end */
TEST(flood_of_refusals_does_not_flood_the_log)
{
	struct subject *subject;
	struct conn *conn;
	unsigned int n = 0;
	char *text;

	if (subject_is_reference())
		skip("about bus-proxyd alone");
	subject = subject_start(MANDATORY(DENY("send_interface=\"a.b\"")));
	conn = conn_new(subject->address);
	for (int i = 0; i < 500; i++)
		conn_send(conn, msg_to(msg_signal("/p", "a.b", "C"), conn->unique));
	conn_sync(conn);
	text = file_read(sandbox_path(&subject->sandbox, "stderr"));
	for (const char *p = text; (p = strstr(p, "Rejected")); p++)
		n++;
	free(text);
	expect_ge(n, 1);
	expect_le(n, 60);
	conn_close(conn);
	subject_stop(subject);
}

/* Users that are made while the bus runs */

/* DIFFERENCES late-users */

/* a copy of the file, plus a line, takes its place for us and our children */
static void replace_file(const struct sandbox *sandbox, const char *path, const char *line)
{
	const char *copy = sandbox_path(sandbox, strrchr(path, '/') + 1);
	char *text = file_read(path), *all;

	expect(asprintf(&all, "%s%s", text, line) > 0);
	file_write(copy, all);
	expect_eq(chmod(copy, 0644), 0);
	free(all);
	free(text);
	if (mount(copy, path, NULL, MS_BIND, NULL) < 0)
		skip("%s cannot be replaced here", path);
}

static void append_file(const char *path, const char *line)
{
	char *text = file_read(path), *all;

	expect(asprintf(&all, "%s%s", text, line) > 0);
	file_write(path, all);
	free(all);
	free(text);
}

TEST(users_made_later)
{
	static const char rules[] =
		EVERYBODY_COMES FOR_USER("bp-late", DENY("send_interface=\"a.b\""))
			FOR_GROUP("bp-later", DENY("send_interface=\"a.c\""));
	const struct user late = {.uid = 54321, .gid = 54321};
	const struct user later = {.uid = 54322, .gid = 54321, .groups = {54322}, .n_groups = 1};
	struct conn *root, *early, *conn;
	struct subject *subject;
	struct sandbox files;

	skip_unless_root();
	if (subject_is_reference())
		skip("dbus-daemon looks when it reads its configuration");
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip("namespaces cannot be made here");
	sandbox_open(&files);
	replace_file(&files, "/etc/passwd", "");
	replace_file(&files, "/etc/group", "");
	subject = subject_start(rules);
	root = conn_new(subject->address);
	expect_eq(request_name(root, NAME, 0), 1);

	/* nobody knows them */
	early = conn_new_as(subject->address, &late);
	expect(!conn_is_refused(early, send_call(early, "a.b")));
	append_file("/etc/passwd", "bp-late:x:54321:54321::/:/bin/false\n");
	/* who comes now is known, and so is then who came before */
	expect(!conn_is_refused(early, send_call(early, "a.b")));
	conn = conn_new_as(subject->address, &late);
	expect(conn_is_refused(conn, send_call(conn, "a.b")));
	expect(conn_is_refused(early, send_call(early, "a.b")));
	expect(!conn_is_refused(conn, send_call(conn, "a.c")));
	conn_close(conn);

	append_file("/etc/group", "bp-later:x:54322:\n");
	conn = conn_new_as(subject->address, &later);
	expect(!conn_is_refused(conn, send_call(conn, "a.b")));
	expect(conn_is_refused(conn, send_call(conn, "a.c")));
	conn_close(conn);
	conn_close(early);
	conn_close(root);
	subject_stop(subject);
	umount("/etc/passwd");
	umount("/etc/group");
	sandbox_close(&files);
}
