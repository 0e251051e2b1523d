/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an engine is told of policies of the shapes that packages have
 *
 * Whether it is ever told too much is for tests/policy/ to show.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/policy-compile.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/policy-fixture.h"

/* the rules of a system bus that everything else is an exception from */
#define SYSTEM                                                                                     \
	"<policy context=\"default\">"                                                             \
	"<allow user=\"*\"/><deny own=\"*\"/><deny send_type=\"method_call\"/>"                    \
	"<allow send_type=\"signal\"/>"                                                            \
	"<allow send_requested_reply=\"true\" send_type=\"method_return\"/>"                       \
	"<allow send_requested_reply=\"true\" send_type=\"error\"/>"                               \
	"<allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>"             \
	"<allow receive_type=\"error\"/><allow receive_type=\"signal\"/>"                          \
	"<allow send_destination=\"org.freedesktop.DBus\" "                                        \
	"send_interface=\"org.freedesktop.DBus\"/>"                                                \
	"<deny send_destination=\"org.freedesktop.DBus\" "                                         \
	"send_interface=\"org.freedesktop.DBus\" send_member=\"UpdateActivationEnvironment\"/>"    \
	"</policy>"                                                                                \
	"<policy user=\"root\"><allow send_destination=\"org.freedesktop.DBus\" "                  \
	"send_interface=\"org.freedesktop.DBus.Monitoring\"/></policy>"

#define DEFAULT(rules)	  "<policy context=\"default\">" rules "</policy>"
#define USER(who, rules)  "<policy user=\"" who "\">" rules "</policy>"
#define GROUP(who, rules) "<policy group=\"" who "\">" rules "</policy>"
#define OWN(name)	  "<allow own=\"" name "\"/>"
#define SEND(name)	  "<allow send_destination=\"" name "\"/>"
#define MEMBER(verb, name, interface, member)                                                      \
	"<" verb " send_destination=\"" name                                                       \
	"\" send_interface=\"" interface "\" send_member=\"" member "\"/>"

static const char *principal_text(const struct policy_principal *principal, char *text)
{
	const char *name;

	if (principal->kind == POLICY_WORLD)
		return "world";
	name = principal->kind == POLICY_USER
		       ? policy_users_get_user_name(fixture_users(), principal->id)
		       : policy_users_get_group_name(fixture_users(), principal->id);
	sprintf(text, "%s %s", principal->kind == POLICY_USER ? "user" : "group", name ?: "?");
	return text;
}

/* "name: user avahi OWN, world TALK; ..." of the entries that there are */
static char *dump(const struct policy_grants *grants)
{
	static const char *const accesses[] = {"SEE", "TALK", "OWN"};
	char *text = NULL, buffer[128];
	size_t size;
	FILE *file = open_memstream(&text, &size);

	expect(file != NULL);
	for (size_t i = 0; i < grants->n_holders; i++) {
		const struct policy_holder *holder = &grants->holders[i];

		for (size_t k = 0; k < holder->n_grants; k++) {
			if (k)
				fputs(", ", file);
			else
				fprintf(file, "%s%s%s: ", ftell(file) ? "; " : "", holder->name,
					holder->is_wildcard ? ".*" : "");
			fprintf(file, "%s %s", principal_text(&holder->grants[k].principal, buffer),
				accesses[holder->grants[k].access]);
		}
	}
	fclose(file);
	return text;
}

struct row {
	const char *body;
	const char *expected;
};

static void check(const struct row *rows, size_t n_rows, unsigned flags)
{
	for (size_t i = 0; i < n_rows; i++) {
		struct policy *policy = fixture_load(rows[i].body);
		struct policy_grants *grants;
		char *text;

		expect_eq(policy_compile(policy, 0, flags, &grants), 0);
		text = dump(grants);
		if (strcmp(text, rows[i].expected))
			fail("%s\ngives    %s\nexpected %s", rows[i].body, text, rows[i].expected);
		free(text);
		policy_grants_free(grants);
	}
	fixture_reset();
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]), 0)

TEST(packages)
{
	static const struct row rows[] = {
		/* of the bus itself nothing: whoever is there by default may not be called */
		{SYSTEM, ""},
		/* polkit: anybody calls, one user owns; its own calls to agents are too narrow */
		{SYSTEM USER("polkitd", OWN("org.freedesktop.PolicyKit1"))
			 DEFAULT(SEND("org.freedesktop.PolicyKit1")) USER(
				 "polkitd", "<allow send_interface=\"org.freedesktop.PolicyKit1."
					    "AuthenticationAgent\"/>"),
		 "org.freedesktop.PolicyKit1: user polkitd OWN, world TALK"},
		/* avahi: one member is not for everybody */
		{SYSTEM USER("avahi", OWN("org.freedesktop.Avahi"))
			 USER("root", OWN("org.freedesktop.Avahi")) DEFAULT(SEND(
				 "org.freedesktop.Avahi") "<allow "
							  "receive_sender=\"org.freedesktop."
							  "Avahi\"/>" MEMBER(
								  "deny", "org.freedesktop.Avahi",
								  "org.freedesktop.Avahi."
								  "Server",
								  "SetHostName"))
				 GROUP("netdev", SEND("org.freedesktop.Avahi"))
					 USER("root", SEND("org.freedesktop.Avahi")),
		 "org.freedesktop.Avahi: user avahi OWN, group netdev TALK"},
		/* NetworkManager: root alone, who needs no grant; narrow allows for the others */
		{SYSTEM USER("root",
			     OWN("org.freedesktop.NetworkManager") SEND(
				     "org.freedesktop.NetworkManager") "<allow "
								       "send_interface=\"org."
								       "freedesktop.NetworkManager."
								       "SecretAgent\"/>")
			 DEFAULT("<deny own=\"org.freedesktop.NetworkManager\"/>"
				 "<deny "
				 "send_destination=\"org.freedesktop.NetworkManager\"/>" MEMBER(
					 "allow", "org.freedesktop.NetworkManager",
					 "org.freedesktop.DBus.Properties", "Get")),
		 ""},
		/* bluez */
		{SYSTEM USER("root",
			     OWN("org.bluez") SEND(
				     "org.bluez") "<allow send_interface=\"org.bluez.Agent1\"/>")
			 GROUP("bluetooth", SEND("org.bluez")) DEFAULT(SEND("org.bluez")),
		 "org.bluez: world TALK"},
		/* wpa_supplicant: not even its signals are for everybody */
		{SYSTEM USER("root", OWN("fi.w1.wpa_supplicant1") SEND(
					     "fi.w1.wpa_supplicant1") "<allow "
								      "receive_sender=\"fi.w1.wpa_"
								      "supplicant1\" "
								      "receive_type=\"signal\"/>")
			 GROUP("netdev", SEND("fi.w1.wpa_supplicant1") "<allow "
								       "receive_sender=\"fi.w1.wpa_"
								       "supplicant1\" "
								       "receive_type=\"signal\"/>")
				 DEFAULT("<deny own=\"fi.w1.wpa_supplicant1\"/>"
					 "<deny send_destination=\"fi.w1.wpa_supplicant1\"/>"
					 "<deny receive_sender=\"fi.w1.wpa_supplicant1\" "
					 "receive_type=\"signal\"/>"),
		 "fi.w1.wpa_supplicant1: group netdev TALK"},
		/* colord: nobody else can own it, so owning adds nothing */
		{SYSTEM USER("colord", OWN("org.freedesktop.ColorManager"))
			 DEFAULT(MEMBER("allow", "org.freedesktop.ColorManager",
					"org.freedesktop.ColorManager", "GetDevices")),
		 "org.freedesktop.ColorManager: user colord OWN"},
		/* login1 and its like */
		{SYSTEM USER("root", OWN("org.freedesktop.login1") SEND("org.freedesktop.login1"))
			 DEFAULT("<deny send_destination=\"org.freedesktop.login1\"/>" MEMBER(
				 "allow", "org.freedesktop.login1",
				 "org.freedesktop.login1.Manager", "GetSession")),
		 ""},
		{SYSTEM USER("systemd-timesync",
			     OWN("org.freedesktop.timesync1") SEND("org.freedesktop.timesync1"))
			 DEFAULT("<deny send_destination=\"org.freedesktop.timesync1\"/>" MEMBER(
				 "allow", "org.freedesktop.timesync1",
				 "org.freedesktop.DBus.Properties", "Get")),
		 "org.freedesktop.timesync1: user systemd-timesync OWN"},
		{SYSTEM USER("systemd-network",
			     OWN("org.freedesktop.network1") SEND("org.freedesktop.network1"))
			 DEFAULT(SEND("org.freedesktop.network1")),
		 "org.freedesktop.network1: user systemd-network OWN, world TALK"},
		/* a user that does not exist owns nothing */
		{SYSTEM USER("systemd-nosuch", OWN("org.freedesktop.network1"))
			 DEFAULT(SEND("org.freedesktop.network1")),
		 "org.freedesktop.network1: world TALK"},
		/* a session bus has one user, who is the bus owner: only what all others may
		 * comes out */
		{DEFAULT("<allow send_destination=\"*\" eavesdrop=\"true\"/>"
			 "<allow eavesdrop=\"true\"/><allow own=\"*\"/>"),
		 ""},
	};

	CHECK(rows);
}

#define OPEN "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/>"

TEST(prefixes_and_wildcards)
{
	static const struct row rows[] = {
		{DEFAULT(OPEN "<allow own_prefix=\"com.a\"/><deny own=\"com.a.b\"/>"),
		 "com.a: world OWN; com.a.*: world OWN; com.a.b: world TALK"},
		/* a name without grants hides a wildcard that has some */
		{DEFAULT(OPEN "<allow own_prefix=\"com.a\"/>"
			      "<deny send_destination=\"com.a.b\"/>"),
		 "com.a: world OWN; com.a.*: world OWN; com.a.b: world SEE"},
		{DEFAULT("<allow own_prefix=\"com.a\"/><deny send_destination=\"com.a.b\"/>"), ""},
		/* a wildcard covers one element more; what lies deeper has no entry */
		{DEFAULT(OPEN "<allow own_prefix=\"com\"/>"), "com.*: world OWN"},
		{DEFAULT("<allow receive_sender=\"*\"/>"
			 "<allow send_destination_prefix=\"com.a\"/>"),
		 "com.a: world TALK; com.a.*: world TALK"},
		/* names that cannot be */
		{DEFAULT(OPEN "<allow own=\"a\"/><allow own=\"a..b\"/><allow own=\":1.5\"/>"
			      "<allow own=\"a.*\"/><allow own=\"\"/><allow own=\"a.1b\"/>"
			      "<allow own=\"org.freedesktop.DBus\"/>"),
		 ""},
	};

	CHECK(rows);
}

TEST(what_must_hold_for_whom)
{
	static const struct row rows[] = {
		/* a grant to the world cannot be taken back from one: those that are known by
		 * name get theirs */
		{DEFAULT(OPEN "<allow send_destination=\"com.a\"/>")
			 USER("bob", "<deny send_destination=\"com.a\"/>")
				 USER("alice", "<allow own=\"com.b\"/>"),
		 "com.a: user alice TALK; com.b: user alice OWN, world TALK"},
		/* nor if the one is yet to come */
		{DEFAULT(OPEN SEND("com.a")) USER("nosuch", "<deny send_destination=\"com.a\"/>"),
		 ""},
		{DEFAULT(OPEN SEND("com.a")) GROUP("nosuch", "<deny send_destination=\"com.a\"/>"),
		 ""},
		{"<policy context=\"mandatory\"><deny send_destination=\"com.a\" "
		 "send_interface=\"i.j\"/></policy>" DEFAULT(OPEN SEND("com.a")),
		 ""},
		{"<policy context=\"mandatory\">" SEND("com.a") "</policy>" DEFAULT(
			 OPEN "<deny send_destination=\"com.a\"/>"),
		 "com.a: world TALK"},
		/* a deny for a group is one for everybody who may be in it */
		{DEFAULT(OPEN SEND("com.a")) GROUP("red", "<deny send_destination=\"com.a\"/>"),
		 ""},
		{DEFAULT(OPEN SEND("com.a")) GROUP("red", "<deny send_destination=\"com.a\"/>")
			 USER("alice", SEND("com.a")),
		 "com.a: user alice TALK"},
		{DEFAULT(OPEN "<deny send_destination=\"com.a\"/>") GROUP("red", SEND("com.a"))
			 GROUP("green", SEND("com.a")),
		 "com.a: group red TALK, group green TALK"},
		{DEFAULT(OPEN "<deny send_destination=\"com.a\"/>") GROUP("red", SEND("com.a"))
			 GROUP("green", "<deny send_destination=\"com.a\" send_member=\"M\" "
					"send_path=\"/\"/>"),
		 ""},
		/* at the console or not */
		{DEFAULT(OPEN SEND("com.a")) "<policy at_console=\"true\"><deny "
					     "send_destination=\"com.a\"/></policy>" USER(
						     "alice", OWN("com.b")),
		 "com.a: user alice TALK; com.b: user alice OWN, world TALK"},
		{DEFAULT(OPEN
			 "<deny send_destination=\"com.a\"/>") "<policy "
							       "at_console=\"true\">" SEND(
								       "com.a") "</policy>"
										"<policy "
										"at_console="
										"\"false\""
										">" SEND("com."
											 "a") "</"
											      "poli"
											      "cy>",
		 "com.a: world TALK"},
		/* the other direction: signals of the owner */
		{DEFAULT(OPEN SEND("com.a") "<deny receive_sender=\"com.a\" "
					    "receive_type=\"signal\"/>"),
		 ""},
		{DEFAULT(OPEN SEND("com.a") "<deny receive_sender=\"com.a\" "
					    "receive_type=\"method_call\"/>"),
		 "com.a: world TALK"},
		{DEFAULT(OPEN SEND("com.a"))
			 USER("alice", OWN("com.a") "<deny send_type=\"signal\" "
						    "send_path=\"/p\"/>"),
		 "com.a: user alice OWN"},
		/* and calls that an owner does not take */
		{DEFAULT(OPEN SEND("com.a")) USER("alice", OWN("com.a") "<deny receive_path=\"/p\" "
									"receive_type=\"*\"/>"),
		 "com.a: user alice OWN"},
		/* an owner that is not the only one, and may not talk to the others */
		{DEFAULT("<allow receive_sender=\"*\"/>") USER("alice", OWN("com.a"))
			 USER("bob", OWN("com.a")),
		 ""},
		/* descriptors, interfaces and so on make a rule too narrow to grant by, and
		 * enough to deny */
		{DEFAULT(OPEN "<deny send_destination=\"com.a\"/>"
			      "<allow send_destination=\"com.a\" max_fds=\"0\"/>"
			      "<allow send_destination=\"com.a\" send_broadcast=\"false\" "
			      "send_path=\"/\"/>"),
		 ""},
		{DEFAULT(OPEN SEND("com.a") "<deny send_destination=\"com.a\" min_fds=\"3\"/>"),
		 ""},
		{DEFAULT(OPEN SEND("com.a") "<deny send_destination=\"com.a\" "
					    "send_type=\"method_return\"/>"),
		 "com.a: world TALK"},
		{DEFAULT(OPEN SEND("com.a") "<deny receive_sender=\"com.a\" eavesdrop=\"true\"/>"),
		 "com.a: world TALK"},
		{DEFAULT(OPEN SEND("com.a") "<deny send_destination=\":1.5\"/>"), ""},
	};

	CHECK(rows);
}

TEST(strictly_other_names_count)
{
	static const struct row rows[] = {
		/* whoever owns both */
		{DEFAULT(OPEN
			 "<allow own=\"*\"/>" SEND("com.a") "<deny send_destination=\"com.b\"/>"),
		 ""},
		/* nobody does */
		{DEFAULT(OPEN SEND("com.a") "<deny send_destination=\"com.b\"/>")
			 USER("alice", OWN("com.a")) USER("bob", OWN("com.c")),
		 "com.a: user alice OWN, world TALK; com.c: user bob OWN, world TALK"},
	};

	check(rows, 2, POLICY_COMPILE_STRICT);
}

TEST(obstacles_name_the_rule)
{
	struct policy *policy;
	struct policy_grants *grants;
	const struct policy_obstacle *obstacle;
	unsigned line;

	policy = fixture_load(DEFAULT(
		"\n" OPEN "\n" SEND("com.a") "\n"
					     "<deny send_destination=\"com.a\" send_member=\"M\" "
					     "send_path=\"/\"/>"));
	expect_eq(policy_compile(policy, 0, POLICY_COMPILE_EXPLAIN, &grants), 0);
	expect_eq(grants->n_holders, 1);
	expect_eq(grants->holders[0].n_grants, 0);
	expect_eq(grants->holders[0].n_obstacles, 1);
	expect(grants->holders[0].is_denied);
	obstacle = &grants->holders[0].obstacles[0];
	expect_eq(obstacle->principal.kind, POLICY_WORLD);
	expect_eq(obstacle->access, POLICY_TALK);
	expect_eq(obstacle->kind, POLICY_OBSTACLE_CALL);
	expect_eq(obstacle->uid, POLICY_UID_OTHER);
	expect_str(policy_rule_place(policy, obstacle->rule, &line), "/m.conf");
	expect_eq(line, 4);
	policy_grants_free(grants);
	fixture_reset();
}
