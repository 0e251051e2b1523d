/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The elements of a configuration, one by one, in one file */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/tap.h"
#include "tests/unit/policy/dump.h"
#include "tests/unit/policy/memory-files.h"

static struct config *config;
static struct config_messages messages = CONFIG_MESSAGES_NULL;

static void reset(void)
{
	config = config_free(config);
	config_messages_deinit(&messages);
}

static int load(const char *body)
{
	reset();
	return memory_load_body(body, &config, &messages);
}

static void load_good(const char *body)
{
	if (load(body))
		fail("%s: %s", body, messages.n_items ? messages.items[0].text : "no message");
	if (messages.n_items)
		fail("%s: %s", body, messages.items[0].text);
}

/* each body is refused with one message, which has @expected in it */
static void check_bad(const char *body, const char *expected)
{
	int r = load(body);

	if (r != CONFIG_REFUSED)
		fail("%s: %d, not refused", body, r);
	if (messages.n_items != 1)
		fail("%s: %zu messages: %s | %s", body, messages.n_items, messages.items[0].text,
		     messages.items[1].text);
	if (!strstr(messages.items[0].text, expected))
		fail("%s says '%s', not '%s'", body, messages.items[0].text, expected);
}

struct bad {
	const char *body;
	const char *expected;
};

#define CHECK_BAD(rows)                                                                            \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < sizeof(rows) / sizeof((rows)[0]); i_++)                   \
			check_bad((rows)[i_].body, (rows)[i_].expected);                           \
		reset();                                                                           \
	} while (0)

TEST(nothing_configured)
{
	load_good("");
	expect_str(config->file, "/m.conf");
	expect_eq(config->type, CONFIG_TYPE_NONE);
	expect_str(config->type_name, NULL);
	expect_str(config->user, NULL);
	expect(!config->fork && !config->keep_umask && !config->syslog);
	expect(!config->allow_anonymous);
	expect_str(config->pidfile, NULL);
	expect_eq(config->n_listen, 0);
	expect_eq(config->auth, CONFIG_AUTH_EXTERNAL | CONFIG_AUTH_ANONYMOUS | CONFIG_AUTH_COOKIE);
	expect_eq(config->n_servicedirs, 0);
	expect_str(config->servicehelper, NULL);
	expect_eq(config->policy.n_rules, 0);
	expect_eq(config->policy.n_sections, 0);
	expect_eq(config->apparmor, CONFIG_APPARMOR_ENABLED);
	expect_eq(config->n_selinux, 0);
	reset();
}

TEST(type)
{
	static const struct {
		const char *text;
		enum config_type type;
	} rows[] = {
		{"session", CONFIG_TYPE_SESSION},     {"system", CONFIG_TYPE_SYSTEM},
		{"Session", CONFIG_TYPE_OTHER},	      {" session", CONFIG_TYPE_OTHER},
		{"accessibility", CONFIG_TYPE_OTHER}, {" ", CONFIG_TYPE_OTHER},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[128];

		snprintf(body, sizeof(body), "<type>%s</type>", rows[i].text);
		load_good(body);
		expect_eq(config->type, rows[i].type);
		expect_str(config->type_name, rows[i].text);
	}
	load_good("<type>system</type>\n<type>session</type>");
	expect_eq(config->type, CONFIG_TYPE_SESSION);
	expect_str(config->type_place.file, "/m.conf");
	expect_eq(config->type_place.line, 2);
	reset();
}

TEST(last_one_wins)
{
	load_good("<user>a</user><user>b</user><pidfile>/a</pidfile><pidfile>b</pidfile>"
		  "<servicehelper>/a</servicehelper><servicehelper>b</servicehelper>");
	expect_str(config->user, "b");
	expect_eq(config->user_place.line, 1);
	expect_str(config->pidfile, "b");
	expect_str(config->servicehelper, "b");
	reset();
}

TEST(flags_stay_set)
{
	load_good("<fork/><keep_umask/><syslog/><allow_anonymous/><fork></fork><syslog> </syslog>");
	expect(config->fork && config->keep_umask && config->syslog && config->allow_anonymous);
	load_good("<keep_umask>\n\t </keep_umask>");
	expect(config->keep_umask);
	expect(!config->fork && !config->syslog && !config->allow_anonymous);
	reset();
}

TEST(listen_accumulates_in_file_order)
{
	load_good("<listen>unix:path=/a</listen>\n<listen> b</listen>\n"
		  "<listen>unix:path=/a</listen>");
	expect_eq(config->n_listen, 3);
	expect_str(config->listen[0].address, "unix:path=/a");
	expect_str(config->listen[1].address, " b");
	expect_str(config->listen[2].address, "unix:path=/a");
	expect_eq(config->listen[1].place.line, 2);
	reset();
}

TEST(auth_accumulates)
{
	load_good("<auth>EXTERNAL</auth>");
	expect_eq(config->auth, CONFIG_AUTH_EXTERNAL);
	load_good("<auth>ANONYMOUS</auth><auth>EXTERNAL</auth><auth>ANONYMOUS</auth>");
	expect_eq(config->auth, CONFIG_AUTH_EXTERNAL | CONFIG_AUTH_ANONYMOUS);
	load_good("<auth>DBUS_COOKIE_SHA1</auth>");
	expect_eq(config->auth, CONFIG_AUTH_COOKIE);
	reset();
}

TEST(auth_of_unknown_mechanism)
{
	static const struct bad rows[] = {
		{"<auth>external</auth>", "unknown mechanism \"external\""},
		{"<auth> EXTERNAL</auth>", "unknown mechanism \" EXTERNAL\""},
		{"<auth>FOO</auth><auth>EXTERNAL</auth>", "unknown mechanism \"FOO\""},
		{"<auth> </auth>", "unknown mechanism"},
	};

	CHECK_BAD(rows);
}

TEST(text_where_it_is_needed)
{
	static const char *const names[] = {
		"type",	      "user",	       "pidfile",    "listen",	"auth",
		"servicedir", "servicehelper", "includedir", "include",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char body[128];

		snprintf(body, sizeof(body), "<%s></%s>", names[i], names[i]);
		check_bad(body, "needs text");
		snprintf(body, sizeof(body), "<%s/>", names[i]);
		check_bad(body, "needs text");
		snprintf(body, sizeof(body), "<%s a=\"b\">c</%s>", names[i], names[i]);
		check_bad(body, "unknown attribute \"a\"");
		snprintf(body, sizeof(body), "<%s>/x<fork/></%s>", names[i], names[i]);
		load(body);
		expect(messages.n_items >= 1);
		expect(strstr(messages.items[0].text, "<fork>: not allowed in <") != NULL);
	}
	reset();
}

TEST(no_text_where_none_is_expected)
{
	static const char *const names[] = {
		"fork",
		"keep_umask",
		"syslog",
		"allow_anonymous",
		"standard_session_servicedirs",
		"standard_system_servicedirs",
		"apparmor",
		"selinux",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char body[128];

		snprintf(body, sizeof(body), "<%s>x</%s>", names[i], names[i]);
		check_bad(body, "no text");
		snprintf(body, sizeof(body), "<%s a=\"b\"/>", names[i]);
		check_bad(body, "unknown attribute \"a\"");
		snprintf(body, sizeof(body), "<%s><x/></%s>", names[i], names[i]);
		check_bad(body, "unknown element");
	}
	check_bad("x<!-- -->y", "no text");
	check_bad("<policy context=\"default\">x</policy>", "no text");
	check_bad("<![CDATA[x]]>", "no text");
	reset();
}

TEST(text_is_taken_as_it_is)
{
	load_good("<user>a<!-- c -->b<?pi?><![CDATA[<c>]]>&lt;&#100; </user>");
	expect_str(config->user, "ab<c><d ");
	reset();
}

TEST(elements_in_their_place)
{
	static const struct bad rows[] = {
		{"<bogus/>", "<bogus>: unknown element, in <busconfig>"},
		{"<Type>session</Type>", "unknown element"},
		{"<x:type xmlns:x=\"y\">session</x:type>", "unknown element"},
		{"<busconfig/>", "not allowed in <busconfig>"},
		{"<allow own=\"*\"/>", "<allow>: not allowed in <busconfig>"},
		{"<deny own=\"*\"/>", "<deny>: not allowed in <busconfig>"},
		{"<associate own=\"a\" context=\"b\"/>", "not allowed in <busconfig>"},
		{"<selinux><allow own=\"*\"/></selinux>", "not allowed in <selinux>"},
		{"<policy context=\"default\"><policy context=\"default\"/></policy>",
		 "not allowed in <policy>"},
		{"<policy context=\"default\"><limit name=\"x\">1</limit></policy>",
		 "not allowed in <policy>"},
		{"<policy context=\"default\"><include>x</include></policy>",
		 "not allowed in <policy>"},
		{"<policy context=\"default\"><selinux/></policy>", "not allowed in <policy>"},
		{"<bogus><bogus><fork>x</fork></bogus>y</bogus>", "<bogus>: unknown"},
		{"<fork a=\"b\"><bogus/></fork>", "unknown attribute \"a\""},
		{"<type xml:lang=\"x\">session</type>", "unknown attribute"},
	};

	CHECK_BAD(rows);
}

TEST(limits_have_the_defaults_of_the_format)
{
	static const struct {
		const char *name;
		long long value;
	} rows[CONFIG_LIMIT_N] = {
		{"max_incoming_bytes", 133169152},
		{"max_incoming_unix_fds", 64},
		{"max_outgoing_bytes", 133169152},
		{"max_outgoing_unix_fds", 64},
		{"max_message_size", 33554432},
		{"max_message_unix_fds", 16},
		{"service_start_timeout", 25000},
		{"auth_timeout", 30000},
		{"pending_fd_timeout", 150000},
		{"max_completed_connections", 2048},
		{"max_incomplete_connections", 64},
		{"max_connections_per_user", 256},
		{"max_pending_service_starts", 512},
		{"max_names_per_connection", 512},
		{"max_match_rules_per_connection", 512},
		{"max_replies_per_connection", 128},
		{"reply_timeout", -1},
		{"max_containers", 512},
		{"max_containers_per_user", 16},
		{"max_container_metadata_bytes", 4096},
		{"max_connections_per_container", 8},
	};

	load_good("");
	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++) {
		expect_str(config_limit_name(i), rows[i].name);
		expect_eq(config->limits[i].value, rows[i].value);
		expect(!config->limits[i].is_set);
	}
	/* and each can be set */
	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++) {
		char body[128];

		snprintf(body, sizeof(body), "<limit name=\"%s\">7%u</limit>", rows[i].name, i);
		load_good(body);
		for (unsigned j = 0; j < CONFIG_LIMIT_N; j++) {
			expect_eq(config->limits[j].is_set, i == j);
			expect_eq(config->limits[j].value, i != j   ? rows[j].value
							   : i < 10 ? 70 + i
								    : 700 + i);
		}
	}
	reset();
}

static long long limit_of(const char *text, unsigned n_messages)
{
	char body[128];

	snprintf(body, sizeof(body), "<limit name=\"max_names_per_connection\">%s</limit>", text);
	expect_eq(load(body), 0);
	if (messages.n_items != n_messages)
		fail("'%s': %zu messages", text, messages.n_items);
	return config->limits[CONFIG_LIMIT_MAX_NAMES_PER_CONNECTION].value;
}

TEST(limit_is_a_number_of_c)
{
	expect_eq(limit_of("10", 0), 10);
	expect_eq(limit_of("0", 0), 0);
	expect_eq(limit_of("-0", 0), 0);
	expect_eq(limit_of("+5", 0), 5);
	expect_eq(limit_of(" 12", 0), 12);
	expect_eq(limit_of("\n12\n", 0), 12);
	expect_eq(limit_of("0x10", 0), 16);
	expect_eq(limit_of("010", 0), 8);
	expect_eq(limit_of("2147483647", 0), INT_MAX);
	expect_eq(limit_of("1<!-- c -->0", 0), 10);
	/* trailing junk loads by tradition, and is warned about */
	expect_eq(limit_of("12x", 1), 12);
	expect_eq(limit_of("1.5", 1), 1);
	expect_eq(limit_of("08", 1), 0);
	expect_eq(limit_of("0x", 1), 0);
	expect_eq(messages.items[0].severity, CONFIG_WARNING);
	expect(strstr(messages.items[0].text, "\"0x\" is read as 0") != NULL);
	reset();
}

TEST(last_limit_wins)
{
	load_good("<limit name=\"max_message_size\">1</limit>"
		  "<limit name=\"max_message_size\">2</limit>");
	expect_eq(config->limits[CONFIG_LIMIT_MAX_MESSAGE_SIZE].value, 2);
	reset();
}

TEST(limit_that_is_none)
{
	static const struct bad rows[] = {
		{"<limit>10</limit>", "needs the attribute"},
		{"<limit other=\"x\">10</limit>", "unknown attribute"},
		{"<limit name=\"\">10</limit>", "no limit \"\""},
		{"<limit name=\"nosuch\">10</limit>", "no limit \"nosuch\""},
		{"<limit name=\"MAX_names_per_connection\">10</limit>", "no limit"},
		{"<limit name=\"service_timeout\">10</limit>", "no limit"},
		{"<limit name=\"auth_timeout\" other=\"x\">10</limit>", "unknown attribute"},
		{"<limit name=\"auth_timeout\"/>", "needs text"},
		{"<limit name=\"auth_timeout\"> </limit>", "is not a number"},
		{"<limit name=\"auth_timeout\">x</limit>", "\"x\" is not a number"},
		{"<limit name=\"auth_timeout\">-1</limit>", "must not be negative"},
		{"<limit name=\"reply_timeout\">-1</limit>", "must not be negative"},
		{"<limit name=\"auth_timeout\">10<x/></limit>", "unknown element"},
	};

	CHECK_BAD(rows);
}

TEST(limit_that_is_too_large)
{
	load_good("");
	for (unsigned i = 0; i < CONFIG_LIMIT_N; i++) {
		bool is_amount = i <= CONFIG_LIMIT_MAX_MESSAGE_UNIX_FDS;
		char body[128];

		snprintf(body, sizeof(body), "<limit name=\"%s\">2147483648</limit>",
			 config_limit_name(i));
		if (is_amount && sizeof(long) > 4)
			load_good(body);
		else
			check_bad(body, "is at most 2147483647");
		snprintf(body, sizeof(body), "<limit name=\"%s\">9223372036854775808</limit>",
			 config_limit_name(i));
		check_bad(body, "is at most");
		snprintf(body, sizeof(body), "<limit name=\"%s\">-9223372036854775809</limit>",
			 config_limit_name(i));
		check_bad(body, "is at most");
	}
	reset();
}

TEST(apparmor_modes)
{
	load_good("<apparmor/>");
	expect_eq(config->apparmor, CONFIG_APPARMOR_ENABLED);
	load_good("<apparmor mode=\"disabled\"/>");
	expect_eq(config->apparmor, CONFIG_APPARMOR_DISABLED);
	load_good("<apparmor mode=\"disabled\"/><apparmor mode=\"required\"/>");
	expect_eq(config->apparmor, CONFIG_APPARMOR_REQUIRED);
	load_good("<apparmor mode=\"required\"/><apparmor mode=\"enabled\"/>");
	expect_eq(config->apparmor, CONFIG_APPARMOR_ENABLED);
	check_bad("<apparmor mode=\"bogus\"/>", "mode is");
	check_bad("<apparmor mode=\"\"/>", "mode is");
	check_bad("<apparmor x=\"enabled\"/>", "unknown attribute");
	reset();
}

TEST(selinux_associations)
{
	static const struct bad rows[] = {
		{"<selinux><associate own=\"a\"/></selinux>", "own and context"},
		{"<selinux><associate context=\"a\"/></selinux>", "own and context"},
		{"<selinux><associate own=\"a\" context=\"c\" user=\"x\"/></selinux>",
		 "unknown attribute \"user\""},
		{"<selinux><associate own=\"a\" context=\"c\">x</associate></selinux>", "no text"},
	};

	load_good("<selinux><associate own=\"a.b\" context=\"c\"/>"
		  "<associate context=\"\" own=\"*\"/></selinux>"
		  "<selinux/><selinux><associate own=\"a.b\" context=\"d\"/></selinux>");
	expect_eq(config->n_selinux, 3);
	expect_str(config->selinux[0].own, "a.b");
	expect_str(config->selinux[0].context, "c");
	expect_str(config->selinux[1].own, "*");
	expect_str(config->selinux[1].context, "");
	expect_str(config->selinux[2].context, "d");
	CHECK_BAD(rows);
}

TEST(policy_sections)
{
	static const struct {
		const char *attributes;
		enum policy_section_kind kind;
		const char *name;
	} rows[] = {
		{"context=\"default\"", POLICY_SECTION_DEFAULT, NULL},
		{"context=\"mandatory\"", POLICY_SECTION_MANDATORY, NULL},
		{"user=\"root\"", POLICY_SECTION_USER, "root"},
		{"user=\"0\"", POLICY_SECTION_USER, "0"},
		{"user=\"\"", POLICY_SECTION_USER, ""},
		{"user=\"*\"", POLICY_SECTION_USER, "*"},
		{"user=\"nosuchuser\"", POLICY_SECTION_USER, "nosuchuser"},
		{"group=\"staff\"", POLICY_SECTION_GROUP, "staff"},
		{"at_console=\"true\"", POLICY_SECTION_AT_CONSOLE, NULL},
		{"at_console=\"false\"", POLICY_SECTION_NOT_AT_CONSOLE, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char body[128];

		snprintf(body, sizeof(body), "\n<policy %s/>", rows[i].attributes);
		load_good(body);
		expect_eq(config->policy.n_sections, 1);
		expect_eq(config->policy.sections[0].kind, rows[i].kind);
		expect_str(config->policy.sections[0].name, rows[i].name);
		expect_str(config->policy.sections[0].file, "/m.conf");
		expect_eq(config->policy.sections[0].line, 2);
		expect_eq(config->policy.sections[0].n_rules, 0);
	}
	reset();
}

TEST(policy_for_nobody_in_particular)
{
	static const struct bad rows[] = {
		{"<policy/>", "exactly one of"},
		{"<policy context=\"default\" user=\"root\"/>", "exactly one of"},
		{"<policy user=\"root\" group=\"root\"/>", "exactly one of"},
		{"<policy context=\"default\" at_console=\"true\"/>", "exactly one of"},
		{"<policy context=\"Default\"/>", "context is"},
		{"<policy context=\"\"/>", "context is"},
		{"<policy at_console=\"yes\"/>", "at_console is"},
		{"<policy at_console=\"TRUE\"/>", "at_console is"},
		{"<policy at_console=\"\"/>", "at_console is"},
		{"<policy bogus=\"x\"/>", "unknown attribute"},
		{"<policy context=\"default\" bogus=\"x\"/>", "unknown attribute"},
		/* what is in it is not looked at */
		{"<policy><allow/></policy>", "exactly one of"},
		{"<policy bogus=\"x\"><allow/><bogus/></policy>", "unknown attribute"},
	};

	CHECK_BAD(rows);
}

TEST(rules_keep_order_section_and_line)
{
	load_good(
		"<policy context=\"default\">\n<allow own=\"a\"/>\n<deny own=\"b\"/>\n</policy>\n"
		"<policy user=\"u\"/>\n<policy context=\"default\">\n<allow own=\"c\"/></policy>");
	expect_eq(config->policy.n_sections, 3);
	expect_eq(config->policy.n_rules, 3);
	expect_eq(config->policy.sections[0].first_rule, 0);
	expect_eq(config->policy.sections[0].n_rules, 2);
	expect_eq(config->policy.sections[1].n_rules, 0);
	expect_eq(config->policy.sections[2].first_rule, 2);
	expect_eq(config->policy.sections[2].n_rules, 1);
	expect_eq(config->policy.rules[0].line, 2);
	expect_eq(config->policy.rules[1].line, 3);
	expect_eq(config->policy.rules[2].line, 7);
	expect_eq(config->policy.rules[2].section, 2);
	expect_str(config->policy.rules[2].name, "c");
	reset();
}

TEST(every_mistake_is_reported)
{
	expect_eq(
		load("\n<bogus/>\n  <limit name=\"x\">1</limit>\n<fork>x</fork>\n"
		     "<policy context=\"default\"><allow/>\n<deny own=\"a\" user=\"b\"/></policy>"),
		CONFIG_REFUSED);
	expect_eq(messages.n_items, 5);
	expect_str(messages.items[0].text, "/m.conf:2:1: <bogus>: unknown element, in <busconfig>");
	expect_eq(messages.items[0].line, 2);
	expect_eq(messages.items[0].severity, CONFIG_ERROR);
	expect_str(messages.items[1].text, "/m.conf:3:3: <limit>: there is no limit \"x\"");
	expect_str(messages.items[2].text, "/m.conf:4:7: <fork>: no text is allowed here");
	expect_str(messages.items[3].text,
		   "/m.conf:5:27: <allow>: has no attribute that makes a rule");
	expect_eq(messages.items[4].line, 6);
	reset();
}

/* whole files, not what is in a <busconfig> */
TEST(documents)
{
	static const struct {
		const char *text;
		int expected;
		const char *message;
	} rows[] = {
		{"<busconfig/>", 0},
		{"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<busconfig/>\n<!-- end -->\n", 0},
		{"<?xml version=\"1.0\" encoding=\"bogus\"?>\n<busconfig/>", 0},
		{"\xef\xbb\xbf<busconfig/>", 0},
		{"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration "
		 "1.0//EN\" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
		 "<busconfig/>",
		 0},
		{"<!DOCTYPE other><busconfig/>", 0},
		{"<!DOCTYPE busconfig [<!ENTITY x SYSTEM \"/etc/passwd\">]><busconfig/>", 0},
		{"<!DOCTYPE busconfig [<!ENTITY % p SYSTEM \"foo\"> %p; ]><busconfig/>", 0},
		{"<!DOCTYPE busconfig [<!ENTITY x \"<type>session</type>\">]>"
		 "<busconfig>&x;</busconfig>",
		 0},
		{"<!DOCTYPE busconfig [<!ATTLIST policy context CDATA \"default\">]>"
		 "<busconfig><policy/></busconfig>",
		 0},
		{"", CONFIG_REFUSED, "/m.conf:1:1: no element found"},
		{"\n", CONFIG_REFUSED, "/m.conf:2:1: no element found"},
		{"x", CONFIG_REFUSED, "syntax error"},
		{"<busconfig>", CONFIG_REFUSED, "no element found"},
		{"<busconfig><type>session</type>", CONFIG_REFUSED, "no element found"},
		{"<busconfig></other>", CONFIG_REFUSED, "mismatched tag"},
		{"<busconfig/><busconfig/>", CONFIG_REFUSED, "junk after"},
		{"<busconfig/>x", CONFIG_REFUSED, "junk after"},
		{"<busconfig><type a=\"b\" a=\"c\">x</type></busconfig>", CONFIG_REFUSED,
		 "duplicate attribute"},
		{"<busconfig><type>&x;</type></busconfig>", CONFIG_REFUSED, "undefined entity"},
		{"<busconfig><type>\xff</type></busconfig>", CONFIG_REFUSED, "not well-formed"},
		{"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><busconfig><type>\xe9</type>"
		 "</busconfig>",
		 CONFIG_REFUSED, "not well-formed"},
		{"<other/>", CONFIG_REFUSED, "<other>: the root element"},
		{"<other><type>x</type><bogus/></other>", CONFIG_REFUSED, "the root element"},
		{"<type>session</type>", CONFIG_REFUSED, "<type>: the root element"},
		{"<busconfig a=\"b\"/>", CONFIG_REFUSED, "unknown attribute \"a\""},
		{"<!DOCTYPE busconfig [<!ENTITY x SYSTEM \"/etc/passwd\">]>"
		 "<busconfig><type>&x;</type></busconfig>",
		 CONFIG_REFUSED, "needs text"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct memory_file files[] = {{"/m.conf", rows[i].text}, {NULL}};
		int r;

		reset();
		r = memory_load(files, 0, NULL, &config, &messages);
		if (r != rows[i].expected)
			fail("%s: %d", rows[i].text, r);
		expect_eq(messages.n_items, rows[i].message ? 1 : 0);
		if (rows[i].message && !strstr(messages.items[0].text, rows[i].message))
			fail("%s: %s", rows[i].text, messages.items[0].text);
	}
	reset();
}

TEST(nul_byte)
{
	static const char text[] = "<busconfig><type>a\0b</type></busconfig>";
	const struct memory_file files[] = {{"/m.conf", text, sizeof(text) - 1}, {NULL}};

	expect_eq(memory_load(files, 0, NULL, &config, &messages), CONFIG_REFUSED);
	expect(strstr(messages.items[0].text, "not well-formed") != NULL);
	reset();
}

TEST(message_shows_no_control_characters)
{
	check_bad("<limit name=\"&#10;\x7f&#9;\">1</limit>", "no limit \"???\"");
	reset();
}

static const struct config_environment session_environment = {
	.xdg_runtime_dir = "/run/user/1000",
	.xdg_data_home = "/home/u/data",
	.home = "/home/u",
	.xdg_data_dirs = "/a::/usr/share/:/b",
	.datadir = "/usr/share",
};

static void load_with(const struct config_environment *environment, const char *text)
{
	const struct memory_file files[] = {{"/m.conf", text}, {NULL}};

	reset();
	expect_eq(memory_load(files, 0, environment, &config, &messages), 0);
}

static void expect_servicedirs(const char *const *expected)
{
	for (size_t i = 0; i < config->n_servicedirs; i++)
		expect_str(config->servicedirs[i].path, expected[i]);
	expect_str(expected[config->n_servicedirs], NULL);
}

TEST(servicedirs_are_relative_to_the_file_and_unique)
{
	load_good("<servicedir>/x//y</servicedir><servicedir>rel</servicedir>"
		  "<servicedir>./a/./b</servicedir><servicedir>/rel</servicedir>"
		  "<servicedir>../c</servicedir>");
	expect_servicedirs((const char *const[]){"/x/y", "/rel", "/a/b", "/../c", NULL});
	for (size_t i = 0; i < config->n_servicedirs; i++)
		expect_eq(config->servicedirs[i].flags, 0);
	reset();
}

TEST(standard_session_servicedirs)
{
	struct config_environment environment = session_environment;
	static const char text[] =
		"<busconfig><servicedir>/first</servicedir><standard_session_servicedirs/>"
		"<servicedir>/b/dbus-1/services</servicedir><servicedir>/last</servicedir>"
		"<standard_session_servicedirs/></busconfig>";

	load_with(&environment, text);
	expect_servicedirs((const char *const[]){"/first", "/run/user/1000/dbus-1/services",
						 "/home/u/data/dbus-1/services",
						 "/a/dbus-1/services", "/usr/share/dbus-1/services",
						 "/b/dbus-1/services", "/last", NULL});
	expect_eq(config->servicedirs[1].flags,
		  CONFIG_SERVICEDIR_STRICT_NAMES | CONFIG_SERVICEDIR_UNWATCHED);
	expect_eq(config->servicedirs[2].flags, 0);

	environment = (struct config_environment){.home = "/home/u", .datadir = "/opt/share"};
	load_with(&environment, text);
	expect_servicedirs((const char *const[]){
		"/first", "/home/u/.local/share/dbus-1/services",
		"/usr/local/share/dbus-1/services", "/usr/share/dbus-1/services",
		"/opt/share/dbus-1/services", "/b/dbus-1/services", "/last", NULL});
	reset();
}

TEST(standard_system_servicedirs)
{
	load_with(&session_environment, "<busconfig><standard_system_servicedirs/></busconfig>");
	expect_servicedirs((const char *const[]){
		"/etc/dbus-1/system-services", "/run/dbus-1/system-services",
		"/usr/local/share/dbus-1/system-services", "/usr/share/dbus-1/system-services",
		"/lib/dbus-1/system-services", NULL});
	for (size_t i = 0; i < config->n_servicedirs; i++)
		expect_eq(config->servicedirs[i].flags,
			  i < 2 ? CONFIG_SERVICEDIR_STRICT_NAMES | CONFIG_SERVICEDIR_UNWATCHED : 0);
	reset();
}

static int check_bus(const char *body, const struct config_environment *environment, unsigned flags)
{
	const struct config_options options = {.flags = flags, .environment = environment};

	load_good(body);
	return config_check_bus(config, &options, &messages);
}

#define L "<listen>unix:path=/x</listen>"

TEST(bus_needs_an_address)
{
	expect_eq(check_bus(L, NULL, 0), 0);
	expect_eq(messages.n_items, 0);
	expect_eq(check_bus("", NULL, 0), CONFIG_REFUSED);
	expect_str(messages.items[0].text,
		   "/m.conf: there is no <listen> element, and a bus needs one");
	load_good(L);
	expect_eq(config_check_bus(config, NULL, &messages), 0);
	reset();
}

TEST(bus_needs_a_mechanism_that_we_have)
{
	expect_eq(check_bus(L "<auth>EXTERNAL</auth>", NULL, 0), 0);
	expect_eq(messages.n_items, 0);
	/* DIFFERENCES cookie-only */
	expect_eq(check_bus(L "\n<auth>DBUS_COOKIE_SHA1</auth>", NULL, 0), CONFIG_REFUSED);
	expect_eq(messages.items[0].line, 2);
	expect_eq(check_bus(L "<auth>DBUS_COOKIE_SHA1</auth><auth>ANONYMOUS</auth>", NULL, 0),
		  CONFIG_REFUSED);
	expect_eq(check_bus(L "<auth>DBUS_COOKIE_SHA1</auth><auth>EXTERNAL</auth>", NULL, 0), 0);
	expect_eq(messages.n_items, 1);
	expect_eq(messages.items[0].severity, CONFIG_WARNING);
	reset();
}

TEST(bus_cannot_have_others_mediate)
{
	const struct config_environment apparmor = {.has_apparmor = true};
	const struct config_environment selinux = {
		.is_selinux_enabled = true,
		.is_selinux_enforcing = true,
	};
	const struct config_environment both = {
		.has_apparmor = true,
		.is_selinux_enabled = true,
		.is_selinux_enforcing = true,
	};
	const struct config_environment permissive = {.is_selinux_enabled = true};
	static const char disabled[] = L "<apparmor mode=\"disabled\"/>";

	expect_eq(check_bus(L "\n\n<apparmor mode=\"required\"/>", &apparmor, 0), CONFIG_REFUSED);
	expect_eq(messages.items[0].line, 3);
	expect_eq(check_bus(L "<apparmor mode=\"required\"/>", NULL, 0), CONFIG_REFUSED);
	expect_eq(check_bus(L, &apparmor, 0), 0);
	expect_eq(messages.n_items, 1);
	expect_eq(messages.items[0].severity, CONFIG_WARNING);
	expect_eq(check_bus(L, &apparmor, CONFIG_STRICT), CONFIG_REFUSED);
	expect_eq(messages.items[0].severity, CONFIG_ERROR);
	expect_eq(check_bus(disabled, &apparmor, CONFIG_STRICT), 0);
	expect_eq(messages.n_items, 0);
	expect_eq(check_bus(L, &selinux, 0), 0);
	expect_eq(messages.n_items, 1);
	expect_eq(check_bus(disabled, &selinux, CONFIG_STRICT), CONFIG_REFUSED);
	expect_eq(check_bus(L, &permissive, CONFIG_STRICT), 0);
	expect_eq(check_bus(L, &both, 0), 0);
	expect_eq(messages.n_items, 2);
	expect_eq(check_bus(L, &both, CONFIG_STRICT), CONFIG_REFUSED);
	expect_eq(messages.n_items, 2);
	reset();
}

TEST(environment_of_this_process)
{
	struct config_environment environment;

	setenv("XDG_RUNTIME_DIR", "/r", 1);
	setenv("XDG_DATA_HOME", "", 1);
	unsetenv("XDG_DATA_DIRS");
	setenv("HOME", "/h", 1);
	config_environment_init(&environment);
	expect_str(environment.xdg_runtime_dir, "/r");
	expect_str(environment.xdg_data_home, NULL);
	expect_str(environment.xdg_data_dirs, NULL);
	expect_str(environment.home, "/h");
	expect(environment.datadir[0] == '/');
	expect(!strncmp(environment.selinux_root, "/etc/selinux/", 13));
}

TEST(freeing_nothing)
{
	expect(config_free(NULL) == NULL);
}
