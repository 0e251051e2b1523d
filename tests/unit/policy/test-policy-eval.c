/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verdicts: each sentence of the semantics, one table
 *
 * Every question is also answered by policy_explain(), see policy-fixture.c, and
 * tests/policy/ asks dbus-daemon about the same things at random.
 */
#include "tests/harness/tap.h"
#include "tests/unit/policy/policy-fixture.h"

/* a default section, one rule per line, the first on line 1 */
#define DEFAULT(rules)	    "<policy context=\"default\">\n" rules "</policy>"
#define SECTION(who, rules) "<policy " who ">\n" rules "</policy>\n"
#define RULE(text)	    "<" text "/>\n"

#define CALL   "message sender-user=alice receiver-names=:1.5,a.b type=method_call "
#define SIGNAL "message sender-user=alice receiver-names=:1.5,a.b type=signal "

TEST(without_a_match_the_answer_is_no)
{
	static const struct fixture_row rows[] = {
		{"", "message sender-user=alice destination=a.b", false, -1},
		{NULL, "message receiver-user=alice sender-names=a.b", false, -1},
		{NULL, "own user=alice name=a.b", false, -1},
		{NULL, "connect user=alice bus-owner=messagebus", false, -1},
		{NULL, "connect user=messagebus bus-owner=messagebus", true, -1},
		{NULL, "connect user=root bus-owner=messagebus", false, -1},
	};

	FIXTURE_CHECK(rows);
}

TEST(last_match_wins_within_a_section)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow own=\"a.b\"") RULE("deny own=\"a.b\"")),
		 "own user=alice name=a.b", false, 2},
		{DEFAULT(RULE("deny own=\"a.b\"") RULE("allow own=\"a.b\"")),
		 "own user=alice name=a.b", true, 2},
		{DEFAULT(RULE("deny own=\"a.b\"") RULE("allow own=\"*\"")),
		 "own user=alice name=a.b", true, 2},
		{DEFAULT(RULE("allow own=\"*\"") RULE("deny own=\"a.b\"")
				 RULE("allow own=\"a.c\"")),
		 "own user=alice name=a.b", false, 2},
		{NULL, "own user=alice name=a.c", true, 3},
		{NULL, "own user=alice name=a.d", true, 1},
	};

	FIXTURE_CHECK(rows);
}

#define OWN_ALLOW RULE("allow own=\"a.b\"")
#define OWN_DENY  RULE("deny own=\"a.b\"")

TEST(sections_override_in_order)
{
	static const struct fixture_row rows[] = {
		/* whatever the order in the file */
		{SECTION("context=\"mandatory\"", OWN_DENY) SECTION("user=\"alice\"", OWN_ALLOW)
			 SECTION("group=\"red\"", OWN_DENY)
				 SECTION("context=\"default\"", OWN_ALLOW),
		 "own user=alice name=a.b", false, 1},
		{SECTION("user=\"alice\"", OWN_ALLOW) SECTION("group=\"red\"", OWN_DENY)
			 SECTION("context=\"default\"", OWN_ALLOW),
		 "own user=alice name=a.b", true, 1},
		{NULL, "own user=carol name=a.b", false, 4},
		{NULL, "own user=bob name=a.b", true, 7},
		/* DIFFERENCES console: it comes behind the user, in front of the mandatory section
		 */
		{SECTION("at_console=\"false\"", OWN_DENY) SECTION("at_console=\"true\"", OWN_ALLOW)
			 SECTION("user=\"alice\"", OWN_ALLOW) SECTION("user=\"seated\"", OWN_DENY),
		 "own user=alice name=a.b", false, 1},
		{NULL, "own user=seated name=a.b", true, 4},
		{SECTION("at_console=\"true\"", OWN_ALLOW)
			 SECTION("context=\"mandatory\"", OWN_DENY),
		 "own user=seated name=a.b", false, 4},
		/* a later section of the same kind goes on where the earlier one ended */
		{SECTION("user=\"alice\"", OWN_ALLOW) SECTION("user=\"bob\"", OWN_ALLOW)
			 SECTION("user=\"1001\"", OWN_DENY),
		 "own user=alice name=a.b", false, 7},
		{NULL, "own user=bob name=a.b", true, 4},
		/* the user overrides though the default rule says more */
		{SECTION("user=\"alice\"", RULE("allow send_destination=\"a.b\"")) SECTION(
			 "context=\"default\"", RULE("deny send_destination=\"a.b\" "
						     "send_interface=\"i.j\" send_member=\"M\"")),
		 CALL "interface=i.j member=M", true, 1},
	};

	FIXTURE_CHECK(rows);
}

TEST(groups_apply_by_ascending_gid)
{
	static const struct fixture_row rows[] = {
		/* carol: blue 2003 primary, red 2001, green 2002 */
		{SECTION("group=\"green\"", OWN_DENY) SECTION("group=\"red\"", OWN_ALLOW),
		 "own user=carol name=a.b", false, 1},
		{NULL, "own user=carol groups=green,red name=a.b", false, 1},
		{NULL, "own user=carol groups=red,green name=a.b", false, 1},
		{NULL, "own user=carol groups=red name=a.b", true, 4},
		{SECTION("group=\"red\"", OWN_DENY) SECTION("group=\"green\"", OWN_ALLOW),
		 "own user=carol name=a.b", true, 4},
		/* the primary one is one among others */
		{SECTION("group=\"blue\"", OWN_DENY) SECTION("group=\"green\"", OWN_ALLOW),
		 "own user=carol name=a.b", false, 1},
		/* the rules of a group stay together, in file order */
		{SECTION("group=\"red\"", OWN_ALLOW)
			 SECTION("group=\"green\"", RULE("allow own=\"a.c\""))
				 SECTION("group=\"red\"", OWN_DENY),
		 "own user=carol name=a.b", false, 7},
		/* a number, and a group twice */
		{SECTION("group=\"2002\"", OWN_ALLOW), "own user=carol groups=2002,2002 name=a.b",
		 true, 1},
		{NULL, "own user=bob groups=blue name=a.b", false, -1},
	};

	FIXTURE_CHECK(rows);
}

TEST(names_nobody_has_are_ignored)
{
	static const struct fixture_row rows[] = {
		{SECTION("user=\"nosuch\"", OWN_ALLOW) SECTION("group=\"nosuch\"", OWN_ALLOW)
			 SECTION("user=\"*\"", OWN_ALLOW) SECTION("user=\"-1\"", OWN_ALLOW) SECTION(
				 "user=\"4294967295\"", OWN_ALLOW) SECTION("user=\"\"", OWN_ALLOW)
				 SECTION("group=\"*\"", OWN_ALLOW),
		 "own user=alice name=a.b", false, -1},
		{NULL, "own user=anonymous name=a.b", false, -1},
		/* DIFFERENCES numeric-users: a number means that id, whether the user database has
		   it or not */
		{SECTION("user=\"4711\"", OWN_ALLOW), "own user=4711 name=a.b", true, 1},
		{SECTION("group=\"4711\"", OWN_ALLOW), "own user=4712 groups=4711 name=a.b", true,
		 1},
	};

	FIXTURE_CHECK(rows);
}

TEST(anonymous_peers_have_default_and_mandatory_rules)
{
	static const struct fixture_row rows[] = {
		{SECTION("context=\"default\"", OWN_ALLOW) SECTION("at_console=\"false\"", OWN_DENY)
			 SECTION("at_console=\"true\"", OWN_DENY)
				 SECTION("user=\"root\"", OWN_DENY),
		 "own user=anonymous name=a.b", true, 1},
		{SECTION("context=\"mandatory\"", OWN_DENY)
			 SECTION("context=\"default\"", OWN_ALLOW),
		 "own user=anonymous name=a.b", false, 1},
	};

	FIXTURE_CHECK(rows);
}

TEST(own_and_own_prefix)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow own_prefix=\"a.b\"")), "own user=alice name=a.b", true, 1},
		{NULL, "own user=alice name=a.b.c", true, 1},
		{NULL, "own user=alice name=a.b.c.d.e", true, 1},
		{NULL, "own user=alice name=a.bc", false, -1},
		{NULL, "own user=alice name=a.bc.d", false, -1},
		{NULL, "own user=alice name=a", false, -1},
		{DEFAULT(RULE("allow own_prefix=\"a.b\"") RULE("deny own=\"a.b.c\"")
				 RULE("allow own_prefix=\"a.b.c.d\"")),
		 "own user=alice name=a.b.c", false, 2},
		{NULL, "own user=alice name=a.b.c.x", true, 1},
		{NULL, "own user=alice name=a.b.c.d", true, 3},
		{NULL, "own user=alice name=a.b.c.d.e", true, 3},
		{DEFAULT(RULE("allow own_prefix=\"a.b.c\"") RULE("deny own_prefix=\"a\"")),
		 "own user=alice name=a.b.c.d", false, 2},
		{DEFAULT(RULE("allow own=\"\"") RULE("allow own=\"a.*\"")
				 RULE("allow own_prefix=\"\"") RULE("allow own_prefix=\"*\"")),
		 "own user=alice name=a.b", false, -1},
	};

	FIXTURE_CHECK(rows);
}

TEST(fields_match_when_absent_or_equal)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow send_path=\"/p\"")), CALL "path=/p", true, 1},
		{NULL, CALL "path=/q", false, -1},
		{NULL, CALL, true, 1},
		{DEFAULT(RULE("allow send_destination=\"*\"") RULE("deny send_path=\"/p\"")), CALL,
		 false, 2},
		{NULL, CALL "path=/p/q", true, 1},
		{DEFAULT(RULE("allow send_path=\"*\" send_member=\"M\"")), CALL "member=M", true,
		 1},
		{NULL, CALL "member=N", false, -1},
		{NULL, CALL, true, 1},
		{DEFAULT(RULE("allow send_error=\"e.e\"")), CALL, true, 1},
		{NULL, CALL "error=e.e", true, 1},
		{NULL, CALL "error=e.f", false, -1},
		{DEFAULT(RULE("allow send_type=\"signal\"")), CALL, false, -1},
		{NULL, SIGNAL, true, 1},
		{NULL, SIGNAL "destination=a.b", true, 1},
		{DEFAULT(RULE("allow send_path=\"*\"")), CALL "path=/anything", true, 1},
	};

	FIXTURE_CHECK(rows);
}

TEST(interface_of_a_message_without_one)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow send_interface=\"i.j\"")), CALL, false, -1},
		{NULL, CALL "interface=i.j", true, 1},
		{NULL, CALL "interface=i.k", false, -1},
		{DEFAULT(RULE("allow send_destination=\"a.b\"")
				 RULE("deny send_destination=\"a.b\" send_interface=\"i.j\"")),
		 CALL, false, 2},
		{NULL, CALL "interface=i.k", true, 1},
		{NULL, CALL "interface=i.j", false, 2},
		/* opens the interface on everybody */
		{DEFAULT(RULE("allow send_interface=\"i.j\"")),
		 "message sender-user=alice receiver-names=:1.7 interface=i.j", true, 1},
		/* and the receiving side is the same */
		{DEFAULT(RULE("allow receive_interface=\"i.j\"")),
		 "message receiver-user=alice sender-names=:1.7", false, -1},
		{DEFAULT(RULE("allow receive_type=\"method_call\"")
				 RULE("deny receive_interface=\"i.j\"")),
		 "message receiver-user=alice sender-names=:1.7", false, 2},
	};

	FIXTURE_CHECK(rows);
}

TEST(destination_is_about_the_receiver)
{
	static const struct fixture_row rows[] = {
		/* one owner of both: whatever it is addressed by */
		{DEFAULT(RULE("allow send_destination=\"a.a\"")
				 RULE("deny send_destination=\"a.b\"")),
		 "message sender-user=alice receiver-names=:1.5,a.a,a.b destination=a.a", false, 2},
		{NULL, "message sender-user=alice receiver-names=:1.5,a.b,a.a destination=:1.5",
		 false, 2},
		{NULL, "message sender-user=alice receiver-names=:1.5,a.a destination=a.b", true,
		 1},
		{DEFAULT(RULE("deny send_destination=\"a.b\"")
				 RULE("allow send_destination=\"a.a\"")),
		 "message sender-user=alice receiver-names=:1.5,a.a,a.b destination=a.b", true, 2},
		{DEFAULT(RULE("allow send_destination=\":1.5\"")),
		 "message sender-user=alice receiver-names=:1.5,a.a destination=a.a", true, 1},
		{NULL, "message sender-user=alice receiver-names=:1.6,a.a destination=a.a", false,
		 -1},
		/* not yet activated, or the driver: what is in the header */
		{DEFAULT(RULE("allow send_destination=\"a.a\"")),
		 "message sender-user=alice destination=a.a", true, 1},
		{NULL, "message sender-user=alice destination=a.b", false, -1},
		{DEFAULT(RULE(
			 "allow send_destination=\"org.freedesktop.DBus\" send_interface=\"i.j\"")),
		 "message sender-user=alice destination=org.freedesktop.DBus interface=i.j", true,
		 1},
		/* no globbing */
		{DEFAULT(RULE("allow send_destination=\"a.*\"")), CALL, false, -1},
	};

	FIXTURE_CHECK(rows);
}

TEST(destination_prefix)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow send_destination_prefix=\"a.b\"")),
		 "message sender-user=alice receiver-names=:1.5,a.b", true, 1},
		{NULL, "message sender-user=alice receiver-names=:1.5,x.y,a.b.c.d", true, 1},
		{NULL, "message sender-user=alice receiver-names=:1.5,a.bc", false, -1},
		{NULL, "message sender-user=alice receiver-names=:1.5,a", false, -1},
		{NULL, "message sender-user=alice destination=a.b.c", true, 1},
		{NULL, "message sender-user=alice destination=a.bc", false, -1},
		{DEFAULT(RULE("allow send_destination_prefix=\"*\"")
				 RULE("allow send_destination_prefix=\"\"")),
		 "message sender-user=alice receiver-names=:1.5,a.b", false, -1},
		{DEFAULT(RULE("allow send_destination=\"a.b.c\"")
				 RULE("deny send_destination_prefix=\"a.b\"")
					 RULE("allow send_destination=\"x.y\"")),
		 "message sender-user=alice receiver-names=:1.5,a.b.c", false, 2},
		{NULL, "message sender-user=alice receiver-names=:1.5,x.y,a.b.c", true, 3},
	};

	FIXTURE_CHECK(rows);
}

TEST(broadcast)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow send_broadcast=\"true\"")), SIGNAL, true, 1},
		{NULL, SIGNAL "destination=a.b", false, -1},
		{NULL, CALL "destination=a.b", false, -1},
		{NULL, CALL, false, -1},
		{DEFAULT(RULE("allow send_broadcast=\"false\"")), SIGNAL, false, -1},
		{NULL, SIGNAL "destination=a.b", true, 1},
		{NULL, CALL "destination=a.b", true, 1},
		/* broadcasts that reach an owner below the prefix */
		{DEFAULT(RULE("allow send_broadcast=\"true\" send_destination_prefix=\"a\"")),
		 SIGNAL, true, 1},
		{NULL, "message sender-user=alice receiver-names=:1.5,b.a type=signal", false, -1},
		{DEFAULT(RULE("allow send_broadcast=\"true\" send_type=\"method_call\"")), CALL,
		 false, -1},
		/* a destination without a type blocks broadcasts that reach its owner */
		{DEFAULT(RULE("allow send_type=\"signal\"") RULE("deny send_destination=\"a.b\"")),
		 SIGNAL, false, 2},
		{NULL, "message sender-user=alice receiver-names=:1.5 type=signal", true, 1},
	};

	FIXTURE_CHECK(rows);
}

TEST(descriptors)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow send_destination=\"*\"") RULE("deny send_destination=\"*\" "
								   "min_fds=\"1\"")),
		 CALL, true, 1},
		{NULL, CALL "fds=1", false, 2},
		{DEFAULT(RULE("allow send_destination=\"a.b\" min_fds=\"1\" max_fds=\"2\"")), CALL,
		 false, -1},
		{NULL, CALL "fds=1", true, 1},
		{NULL, CALL "fds=2", true, 1},
		{NULL, CALL "fds=3", false, -1},
		{DEFAULT(RULE("allow send_destination=\"a.b\" min_fds=\"2\" max_fds=\"1\"")),
		 CALL "fds=1", false, -1},
		{DEFAULT(RULE("allow receive_sender=\"*\"")
				 RULE("deny receive_sender=\"*\" max_fds=\"0\"")),
		 "message receiver-user=alice sender-names=:1.1", false, 2},
		{NULL, "message receiver-user=alice sender-names=:1.1 fds=1", true, 1},
	};

	FIXTURE_CHECK(rows);
}

#define REPLY "message sender-user=alice receiver-names=:1.5,a.b type=method_return reply="

TEST(replies)
{
	static const struct fixture_row rows[] = {
		/* allow: true by default */
		{DEFAULT(RULE("allow send_type=\"method_return\"")), REPLY "requested", true, 1},
		{NULL, REPLY "unrequested", false, -1},
		{DEFAULT(RULE("allow send_requested_reply=\"true\"")), REPLY "requested", true, 1},
		{NULL, REPLY "unrequested", false, -1},
		{NULL, CALL, true, 1},
		{DEFAULT(RULE("allow send_requested_reply=\"false\"")), REPLY "requested", true, 1},
		{NULL, REPLY "unrequested", true, 1},
		{DEFAULT(RULE("allow send_type=\"method_return\" eavesdrop=\"true\"")),
		 REPLY "unrequested", true, 1},
		/* deny: false by default */
		{DEFAULT(RULE("allow send_requested_reply=\"false\"")
				 RULE("deny send_type=\"method_return\"")),
		 REPLY "requested", true, 1},
		{NULL, REPLY "unrequested", false, 2},
		{DEFAULT(RULE("allow send_requested_reply=\"false\"")
				 RULE("deny send_requested_reply=\"true\"")),
		 REPLY "requested", false, 2},
		{NULL, REPLY "unrequested", false, 2},
		{NULL, CALL, false, 2},
		/* a serial makes a reply of a signal, too */
		{DEFAULT(RULE("allow send_type=\"signal\"")), SIGNAL "reply=unrequested", false,
		 -1},
		{NULL, SIGNAL "reply=requested", true, 1},
		/* the receiving side */
		{DEFAULT(RULE("allow receive_type=\"error\"")),
		 "message receiver-user=alice sender-names=:1.1 type=error reply=unrequested",
		 false, -1},
		{NULL, "message receiver-user=alice sender-names=:1.1 type=error reply=requested",
		 true, 1},
		{DEFAULT(RULE("allow receive_sender=\"*\" receive_requested_reply=\"false\"")
				 RULE("deny receive_sender=\"*\"")),
		 "message receiver-user=alice sender-names=:1.1 type=error reply=requested", true,
		 1},
		{NULL, "message receiver-user=alice sender-names=:1.1 type=error", false, 2},
	};

	FIXTURE_CHECK(rows);
}

#define RECEIVE "message receiver-user=bob sender-names=:1.1,s.s destination=x.y "

TEST(eavesdropping)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow receive_sender=\"*\"")), RECEIVE, true, 1},
		{NULL, RECEIVE "eavesdrop=true", false, -1},
		{DEFAULT(RULE("allow eavesdrop=\"true\"")), RECEIVE, true, 1},
		{NULL, RECEIVE "eavesdrop=true", true, 1},
		{DEFAULT(RULE("allow eavesdrop=\"true\"") RULE("deny eavesdrop=\"true\"")), RECEIVE,
		 true, 1},
		{NULL, RECEIVE "eavesdrop=true", false, 2},
		{DEFAULT(RULE("allow eavesdrop=\"true\"") RULE("deny eavesdrop=\"false\"")),
		 RECEIVE, false, 2},
		{NULL, RECEIVE "eavesdrop=true", false, 2},
		/* a copy is not a reply that was asked for, but eavesdrop lifts that, too */
		{DEFAULT(RULE("allow eavesdrop=\"true\"")),
		 RECEIVE "eavesdrop=true type=method_return reply=unrequested", true, 1},
		/* on the sending side it makes no difference */
		{DEFAULT(RULE("allow send_destination=\"a.b\" eavesdrop=\"true\"")), CALL, true, 1},
		{DEFAULT(RULE("allow send_destination=\"a.b\"")
				 RULE("deny send_destination=\"a.b\" eavesdrop=\"true\"")),
		 CALL, false, 2},
	};

	FIXTURE_CHECK(rows);
}

TEST(receive_rules)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow receive_sender=\"s.s\"")), RECEIVE, true, 1},
		{NULL, "message receiver-user=bob sender-names=:1.1", false, -1},
		{NULL, "message receiver-user=bob sender-names=:1.1,q.q,s.s", true, 1},
		{DEFAULT(RULE("allow receive_sender=\"org.freedesktop.DBus\"")),
		 "message receiver-user=bob sender-names=org.freedesktop.DBus type=signal", true,
		 1},
		{NULL, RECEIVE, false, -1},
		{DEFAULT(RULE("allow receive_sender=\":1.1\"")), RECEIVE, true, 1},
		{DEFAULT(RULE("allow receive_type=\"signal\" receive_path=\"/p\" "
			      "receive_interface=\"i.j\" receive_member=\"M\"")),
		 RECEIVE "type=signal path=/p interface=i.j member=M", true, 1},
		{NULL, RECEIVE "type=signal path=/p interface=i.j member=N", false, -1},
		{NULL, RECEIVE "type=signal path=/q interface=i.j member=M", false, -1},
		{NULL, RECEIVE "type=method_call path=/p interface=i.j member=M", false, -1},
		{DEFAULT(RULE("allow receive_type=\"error\" receive_error=\"e.e\"")),
		 RECEIVE "type=error error=e.e reply=requested", true, 1},
		{NULL, RECEIVE "type=error error=e.f reply=requested", false, -1},
	};

	FIXTURE_CHECK(rows);
}

TEST(both_sides_are_asked)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow send_destination=\"*\"") RULE("allow receive_sender=\"*\""))
			 SECTION("user=\"bob\"", RULE("deny receive_sender=\"*\"")),
		 "message sender-user=alice receiver-user=bob destination=a.b", false, -2},
		{NULL, "message sender-user=bob receiver-user=alice destination=a.b", true, 2},
	};

	FIXTURE_CHECK(rows);
}

/* documented semantics: unlike dbus-daemon, nothing is forgotten in front of a rule that only
 * looks unconditional: DIFFERENCES narrow-rules. */
TEST(rules_in_front_of_a_narrow_one_count)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow send_destination=\"*\"")
				 RULE("deny send_destination=\"*\" min_fds=\"1\"")),
		 CALL, true, 1},
		{DEFAULT(RULE("allow send_destination=\"*\"")
				 RULE("deny send_destination=\"*\" send_broadcast=\"true\"")),
		 CALL, true, 1},
		{DEFAULT(RULE("allow receive_sender=\"*\"") RULE("deny eavesdrop=\"true\"")),
		 RECEIVE, true, 1},
		{DEFAULT(RULE("allow send_requested_reply=\"false\"")
				 RULE("allow send_destination=\"*\"")),
		 REPLY "unrequested", true, 1},
		{DEFAULT(RULE("allow send_requested_reply=\"false\"")
				 RULE("deny send_destination=\"*\"")),
		 REPLY "requested", true, 1},
	};

	FIXTURE_CHECK(rows);
}

TEST(connect_rules)
{
	static const struct fixture_row rows[] = {
		{DEFAULT(RULE("allow user=\"*\"")), "connect user=alice bus-owner=messagebus", true,
		 1},
		{NULL, "connect user=anonymous bus-owner=messagebus", false, -1},
		/* DIFFERENCES unlisted-users */
		{NULL, "connect user=4711 bus-owner=messagebus", true, 1},
		{DEFAULT(RULE("deny user=\"messagebus\"")),
		 "connect user=messagebus bus-owner=messagebus", false, 1},
		{DEFAULT(RULE("allow user=\"alice\"") RULE("allow user=\"nosuch\"")),
		 "connect user=alice bus-owner=messagebus", true, 1},
		{NULL, "connect user=bob bus-owner=messagebus", false, -1},
		{SECTION("context=\"mandatory\"", RULE("deny user=\"1001\""))
			 SECTION("context=\"default\"", RULE("allow user=\"*\"")),
		 "connect user=alice bus-owner=messagebus", false, 1},
		{NULL, "connect user=bob bus-owner=messagebus", true, 4},
		/* groups are those of the user database, not those of the socket */
		{DEFAULT(RULE("allow group=\"green\"")), "connect user=alice bus-owner=root", true,
		 1},
		{NULL, "connect user=alice groups=red bus-owner=root", true, 1},
		{NULL, "connect user=avahi groups=green bus-owner=root", false, -1},
		{NULL, "connect user=4711 groups=green bus-owner=root", true, 1},
		{DEFAULT(RULE("allow group=\"*\"")), "connect user=avahi bus-owner=root", true, 1},
		{DEFAULT(RULE("allow user=\"*\"") RULE("deny group=\"nosuch\"")),
		 "connect user=avahi bus-owner=root", true, 1},
	};

	FIXTURE_CHECK(rows);
}

TEST(log_of_the_rule_that_decides)
{
	fixture_load(DEFAULT(RULE("allow send_destination=\"a.b\" log=\"true\"")
				     RULE("allow send_destination=\"a.c\"")
					     RULE("deny send_destination=\"a.d\" log=\"true\"")));
	expect_eq(fixture_ask("message sender-user=alice destination=a.b").n_matched, 1);
	expect(fixture_ask("message sender-user=alice destination=a.b").log);
	expect(!fixture_ask("message sender-user=alice destination=a.c").log);
	expect(fixture_ask("message sender-user=alice destination=a.d").log);
	expect(!fixture_ask("message sender-user=alice destination=a.e").log);
	fixture_load(DEFAULT(RULE("allow send_destination=\"*\" eavesdrop=\"true\" log=\"true\"")));
	expect_eq(fixture_ask("message sender-user=alice destination=a.b").n_matched, 1);
	fixture_reset();
}

/* the number in the text of the error */
TEST(refusals_count_the_rules_that_matched)
{
	static const struct {
		const char *words;
		unsigned n_matched;
	} rows[] = {
		{CALL "interface=i.j", 3},
		{CALL "interface=i.k", 3},
		{"message sender-user=alice receiver-names=:1.5 interface=i.k", 2},
		/* two names below one prefix match its rule once */
		{"message sender-user=alice receiver-names=:1.5,p.a,p.b,p interface=i.k", 3},
		{"message sender-user=alice receiver-names=:1.5,a.b,p.a,p.b interface=i.j", 4},
		{"message sender-user=avahi receiver-names=:1.5,a.b interface=i.j", 3},
		/* what is in front of an unconditional rule is not counted */
		{"message sender-user=root receiver-names=:1.5,a.b interface=i.j", 2},
	};

	fixture_load(
		SECTION("context=\"default\"",
			RULE("deny send_requested_reply=\"true\"")
				RULE("allow send_destination=\"a.b\"")
					RULE("deny send_destination=\"a.b\" send_interface=\"i.j\"")
						RULE("deny send_destination_prefix=\"p\"")
							RULE("deny send_type=\"error\""))
			SECTION("group=\"green\"", RULE("deny send_interface=\"i.k\"")) SECTION(
				"user=\"root\"",
				RULE("deny send_destination=\"*\" send_requested_reply=\"true\"")
					RULE("deny send_path=\"/p\"")));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct policy_verdict verdict = fixture_ask(rows[i].words);

		if (verdict.n_matched != rows[i].n_matched)
			fail("%s: %u matched, not %u", rows[i].words, verdict.n_matched,
			     rows[i].n_matched);
	}
	expect_eq(fixture_ask("message sender-user=alice destination=a.b interface=x.y").n_matched,
		  0);
	fixture_reset();
}
