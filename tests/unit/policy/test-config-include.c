/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that include files */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/dump.h"
#include "tests/unit/policy/memory-files.h"

#define B(body)	  "<busconfig>" body "</busconfig>"
#define OWN(name) "<policy context=\"default\"><allow own=\"" name "\"/></policy>"

static struct config *config;
static struct config_messages messages = CONFIG_MESSAGES_NULL;
static unsigned load_flags;
static const struct config_environment *load_environment;

static void reset(void)
{
	config = config_free(config);
	config_messages_deinit(&messages);
}

static int load_files(const struct memory_file *files)
{
	reset();
	return memory_load(files, load_flags, load_environment, &config, &messages);
}

#define LOAD(...) load_files((const struct memory_file[]){__VA_ARGS__, {NULL}})

static void expect_message(size_t i, const char *part)
{
	if (i >= messages.n_items)
		fail("no message %zu, which should say '%s'", i, part);
	if (!strstr(messages.items[i].text, part))
		fail("message %zu is '%s', not '%s'", i, messages.items[i].text, part);
}

/* names of the own rules in order, "-" in front of denied ones */
static const char *owns(void)
{
	static char text[1024];

	text[0] = 0;
	for (size_t i = 0; i < config->policy.n_rules; i++) {
		const struct policy_rule *rule = &config->policy.rules[i];

		expect_eq(rule->kind, POLICY_RULE_OWN);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s", i ? " " : "",
			 rule->is_allow ? "" : "-", rule->name);
	}
	return text;
}

TEST(included_file_is_in_place)
{
	expect_eq(LOAD({"/m.conf", B(OWN("a") "<include>x.conf</include>" OWN("c"))},
		       {"/x.conf", B(OWN("b") "<type>session</type>")}),
		  0);
	expect_eq(messages.n_items, 0);
	expect_str(owns(), "a b c");
	expect_str(config->policy.sections[1].file, "/x.conf");
	expect_str(config->policy.sections[2].file, "/m.conf");
	expect_str(config->type_place.file, "/x.conf");
	reset();
}

TEST(limit_in_included_file_overrides)
{
	expect_eq(LOAD({"/m.conf", B("<limit name=\"auth_timeout\">1</limit>"
				     "<limit name=\"reply_timeout\">1</limit>"
				     "<include>x</include>"
				     "<limit name=\"auth_timeout\">3</limit>")},
		       {"/x", B("<limit name=\"auth_timeout\">2</limit>"
				"<limit name=\"reply_timeout\">2</limit>")}),
		  0);
	expect_eq(config->limits[CONFIG_LIMIT_AUTH_TIMEOUT].value, 3);
	expect_eq(config->limits[CONFIG_LIMIT_REPLY_TIMEOUT].value, 2);
	reset();
}

TEST(relative_to_the_including_file)
{
	expect_eq(LOAD({"/m.conf", B("<include>d/x</include>")},
		       {"/d/x", B("<include>y</include><include>/z</include>")},
		       {"/d/y", B(OWN("dy"))}, {"/y", B(OWN("y"))}, {"/z", B(OWN("z"))}),
		  0);
	expect_str(owns(), "dy z");
	reset();
}

TEST(missing_file)
{
	static const struct {
		const char *attributes;
		int expected;
	} rows[] = {
		{"", CONFIG_REFUSED},
		{"ignore_missing=\"yes\"", 0},
		{"ignore_missing=\"no\"", CONFIG_REFUSED},
		{"if_selinux_enabled=\"yes\"", 0},
		{"if_selinux_enabled=\"no\"", CONFIG_REFUSED},
		{"selinux_root_relative=\"yes\"", CONFIG_REFUSED},
		{"selinux_root_relative=\"yes\" ignore_missing=\"yes\"", 0},
		{"selinux_root_relative=\"yes\" if_selinux_enabled=\"yes\"", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		int r;

		snprintf(text, sizeof(text), B("\n<include %s>nowhere</include>"),
			 rows[i].attributes);
		r = LOAD({"/m.conf", text});
		if (r != rows[i].expected)
			fail("%s: %d", text, r);
		expect_eq(messages.n_items, r ? 1 : 0);
		if (r) {
			expect_message(0, "nowhere: No such file");
			expect_eq(messages.items[0].line, 2);
		}
	}
	expect_eq(LOAD({"/x", ""}), CONFIG_REFUSED);
	expect_str(messages.items[0].text, "/m.conf: No such file or directory");
	reset();
}

TEST(only_what_is_missing_is_forgiven)
{
	static const char text[] = B("<include ignore_missing=\"yes\">x</include>");

	expect_eq(LOAD({"/m.conf", text}, {"/x", "<busconfig>"}), CONFIG_REFUSED);
	expect_message(0, "/x:1:12: no element found");
	expect_eq(messages.n_items, 1);
	expect_eq(LOAD({"/m.conf", text}, {"/x", ""}), CONFIG_REFUSED);
	expect_eq(LOAD({"/m.conf", text}, {"/x", "<other/>"}), CONFIG_REFUSED);
	expect_eq(LOAD({"/m.conf", text}, {"/x/y", ""}), CONFIG_REFUSED);
	expect_message(0, "/m.conf:1:12: <include>: cannot read /x: Is a directory");
	expect_eq(LOAD({"/m.conf", text}, {"/x", NULL, 0, -EACCES}), CONFIG_REFUSED);
	expect_message(0, "cannot read /x: Permission denied");
	expect_eq(LOAD({"/m.conf", text}, {"/x", NULL, 0, -EINVAL}), CONFIG_REFUSED);
	expect_message(0, "/x is not a regular file");
	expect_eq(LOAD({"/m.conf", text}, {"/x", NULL, 0, -EFBIG}), CONFIG_REFUSED);
	expect_message(0, "/x is larger than");
	expect_eq(LOAD({"/m.conf", text}, {"/x", NULL, 0, -ENOMEM}), -ENOMEM);
	expect_eq(LOAD({"/m.conf", NULL, 0, -EACCES}), CONFIG_REFUSED);
	expect_message(0, "cannot read /m.conf: Permission denied");
	/* and what an included file includes */
	expect_eq(LOAD({"/m.conf", text}, {"/x", B("<include>y</include>")}), CONFIG_REFUSED);
	expect_message(0, "/x:1:12: <include>: /y: No such file");
	reset();
}

TEST(attributes_of_include)
{
	static const struct {
		const char *attributes;
		const char *message;
	} rows[] = {
		{"ignore_missing=\"true\"", "ignore_missing is"},
		{"ignore_missing=\"\"", "ignore_missing is"},
		{"if_selinux_enabled=\"moo\"", "if_selinux_enabled is"},
		{"selinux_root_relative=\"moo\"", "selinux_root_relative is"},
		{"selinux_root_relative=\"moo\" if_selinux_enabled=\"yes\"",
		 "selinux_root_relative is"},
		{"bogus=\"yes\"", "unknown attribute"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), B("<include %s>x</include>"), rows[i].attributes);
		expect_eq(LOAD({"/m.conf", text}, {"/x", B("")}), CONFIG_REFUSED);
		expect_eq(messages.n_items, 1);
		expect_message(0, rows[i].message);
	}
	reset();
}

TEST(selinux_conditions)
{
	static const struct config_environment off = {.selinux_root = "/sel"};
	static const struct config_environment on = {
		.selinux_root = "/sel",
		.is_selinux_enabled = true,
	};
	static const char text[] =
		B("<include selinux_root_relative=\"yes\">x</include>"
		  "<include if_selinux_enabled=\"yes\">x</include>"
		  "<include if_selinux_enabled=\"yes\" selinux_root_relative=\"yes\">y</include>");

	load_environment = &off;
	expect_eq(LOAD({"/m.conf", text}, {"/x", B(OWN("x"))}, {"/sel/x", B(OWN("sx"))}), 0);
	expect_str(owns(), "sx");
	load_environment = &on;
	expect_eq(LOAD({"/m.conf", text}, {"/x", B(OWN("x"))}, {"/sel/x", B(OWN("sx"))},
		       {"/sel/y", B(OWN("sy"))}),
		  0);
	expect_str(owns(), "sx x sy");
	reset();
}

TEST(the_same_file_twice)
{
	expect_eq(LOAD({"/m.conf", B("<include>x</include><include>y</include>"
				     "<include>x</include>")},
		       {"/x", B(OWN("x"))}, {"/y", B("<include>x</include>")}),
		  0);
	expect_str(owns(), "x x x");
	reset();
}

TEST(circular_inclusion)
{
	expect_eq(LOAD({"/m.conf", B("<include>m.conf</include>")}), CONFIG_REFUSED);
	expect_message(0, "/m.conf:1:12: <include>: /m.conf includes itself");
	expect_eq(messages.n_items, 1);
	expect_eq(LOAD({"/m.conf", B("<include ignore_missing=\"yes\">m.conf</include>")}),
		  CONFIG_REFUSED);
	expect_eq(LOAD({"/m.conf", B("<include>.//./m.conf</include>")}), CONFIG_REFUSED);
	expect_message(0, "includes itself");
	expect_eq(LOAD({"/m.conf", B("<include>x</include>")},
		       {"/x", B("\n<include>/m.conf</include>")}),
		  CONFIG_REFUSED);
	expect_message(0, "/x:2:1: <include>: /m.conf includes itself");
	expect_eq(LOAD({"/m.conf", B("<include>x</include>")}, {"/x", B("<include>y</include>")},
		       {"/y", B("<include>x</include>")}),
		  CONFIG_REFUSED);
	expect_message(0, "/y:1:12: <include>: /x includes itself");
	reset();
}

/* d/../x is another name of x for us: what "d" is, is for the file system to say */
static int read_round(void *userdata, const char *path, size_t max, char **data_out,
		      size_t *size_out)
{
	static const char text[] = B("<include>d/../x</include>");

	++*(unsigned *)userdata;
	*data_out = strdup(text);
	expect(*data_out != NULL);
	*size_out = sizeof(text) - 1;
	return 0;
}

static int read_tree(void *userdata, const char *path, size_t max, char **data_out,
		     size_t *size_out)
{
	static const char text[] = B("<include>d/../x</include><include>e/../x</include>");

	++*(unsigned *)userdata;
	*data_out = strdup(text);
	expect(*data_out != NULL);
	*size_out = sizeof(text) - 1;
	return 0;
}

TEST(depth_is_bounded)
{
	unsigned n_reads = 0;
	const struct config_files files = {.userdata = &n_reads, .read = read_round};
	const struct config_options options = {.files = &files};

	expect_eq(config_load("/x", &options, &config, &messages), CONFIG_REFUSED);
	expect_eq(n_reads, 65);
	expect_eq(messages.n_items, 1);
	expect_message(0, "included more than 64 files deep");
	reset();
}

TEST(number_of_files_is_bounded)
{
	unsigned n_reads = 0;
	const struct config_files files = {.userdata = &n_reads, .read = read_tree};
	const struct config_options options = {.files = &files};

	expect_eq(config_load("/x", &options, &config, &messages), CONFIG_REFUSED);
	expect_eq(n_reads, 20000);
	expect_eq(messages.n_items, 1000);
	expect_gt(messages.n_dropped, 0);
	expect_message(0, "files deep");
	reset();
}

/* DIFFERENCES includedir-order */
TEST(includedir_is_sorted_and_takes_conf_files)
{
	expect_eq(LOAD({"/m.conf", B(OWN("first") "<includedir>d</includedir>" OWN("last"))},
		       {"/d/b.conf", B(OWN("b"))}, {"/d/a.conf", B(OWN("a"))},
		       {"/d/.conf", B(OWN("hidden"))}, {"/d/B.conf", B(OWN("B"))},
		       {"/d/c.conf~", ""}, {"/d/d.confx", ""}, {"/d/conf", ""}, {"/d/e.CONF", ""},
		       {"/d/10.conf", B(OWN("10"))}, {"/d/9.conf", B(OWN("9"))},
		       {"/d/sub/z.conf", B(OWN("sub"))}),
		  0);
	expect_eq(messages.n_items, 0);
	expect_str(owns(), "first hidden 10 9 B a b last");
	reset();
}

TEST(includedir_that_is_none)
{
	expect_eq(LOAD({"/m.conf", B("<includedir>d</includedir><includedir>/x/y</includedir>")}),
		  0);
	expect_eq(messages.n_items, 0);
	expect_eq(LOAD({"/m.conf", B("<includedir>m.conf</includedir>")}), CONFIG_REFUSED);
	expect_message(0, "cannot read /m.conf: Not a directory");
	expect_eq(LOAD({"/m.conf", B("<includedir>d</includedir>")}, {"/d", NULL, 0, -EACCES}),
		  CONFIG_REFUSED);
	expect_eq(LOAD({"/m.conf", B("<includedir>d</includedir>")}, {"/d", NULL, 0, -ENOMEM}),
		  -ENOMEM);
	reset();
}

/* DIFFERENCES includedir-denies */
TEST(broken_file_of_includedir_keeps_its_denies)
{
	static const char broken[] =
		B("<type>system</type><user>x</user><listen>y</listen><fork/>"
		  "<auth>ANONYMOUS</auth><servicedir>/x</servicedir><pidfile>z</pidfile>"
		  "<limit name=\"auth_timeout\">1</limit><apparmor mode=\"required\"/>"
		  "<selinux><associate own=\"a\" context=\"b\"/></selinux>"
		  "<policy user=\"gone\"><allow own=\"a\"/></policy>"
		  "<policy user=\"u\"><allow own=\"b\"/>\n<deny own=\"c\"/><allow own=\"d\"/>"
		  "<deny own=\"e\"/></policy>\n<bogus/>"
		  "<policy context=\"mandatory\"><deny own=\"f\"/></policy>"
		  "<include>/inner</include>");

	expect_eq(LOAD({"/m.conf", B("<listen>l</listen>" OWN(
					   "first") "<includedir>d</includedir>" OWN("last"))},
		       {"/d/a.conf", B(OWN("good"))}, {"/d/b.conf", broken},
		       {"/d/c.conf", B(OWN("alsogood"))},
		       {"/inner", B("<policy context=\"default\"><allow own=\"g\"/>"
				    "<deny own=\"h\"/></policy>")}),
		  0);
	expect_str(owns(), "first good -c -e -f -h alsogood last");
	expect_eq(messages.n_items, 2);
	expect_message(0, "/d/b.conf:3:1: <bogus>: unknown element");
	expect_message(1, "/m.conf:1:");
	expect_message(1, "/d/b.conf is left out because of its errors, apart from its deny rules");
	expect_eq(messages.items[1].severity, CONFIG_ERROR);

	expect_eq(config->type, CONFIG_TYPE_NONE);
	expect_str(config->user, NULL);
	expect_str(config->pidfile, NULL);
	expect_eq(config->n_listen, 1);
	expect(!config->fork);
	expect_eq(config->auth, CONFIG_AUTH_EXTERNAL | CONFIG_AUTH_ANONYMOUS | CONFIG_AUTH_COOKIE);
	expect_eq(config->n_servicedirs, 0);
	expect_eq(config->n_selinux, 0);
	expect(!config->limits[CONFIG_LIMIT_AUTH_TIMEOUT].is_set);
	expect_eq(config->apparmor, CONFIG_APPARMOR_ENABLED);

	/* sections and rules still refer to each other */
	expect_eq(config->policy.n_sections, 7);
	expect_str(config->policy.sections[2].name, "u");
	expect_str(config->policy.sections[2].file, "/d/b.conf");
	for (size_t i = 0; i < config->policy.n_sections; i++) {
		const struct policy_section *section = &config->policy.sections[i];

		for (size_t j = 0; j < section->n_rules; j++)
			expect_eq(config->policy.rules[section->first_rule + j].section, i);
	}
	expect_eq(config->policy.rules[2].line, 2);
	reset();
}

TEST(denies_in_front_of_what_is_no_xml_stay)
{
	static const char main_text[] = B("<includedir>d</includedir>");

	expect_eq(LOAD({"/m.conf", main_text},
		       {"/d/a.conf", "<busconfig><policy context=\"default\"><deny own=\"a\"/>"
				     "<allow own=\"b\"/></polic><deny own=\"c\"/>"}),
		  0);
	expect_str(owns(), "-a");
	expect_eq(LOAD({"/m.conf", main_text},
		       {"/d/a.conf", "<busconfig><policy context=\"default\"><deny own=\"a\""}),
		  0);
	expect_str(owns(), "");
	expect_message(1, "/d/a.conf is left out because of its errors");
	expect(!strstr(messages.items[1].text, "apart"));
	/* what is wrong with a rule or a section is not guessed */
	expect_eq(LOAD({"/m.conf", main_text},
		       {"/d/a.conf", B("<policy context=\"default\"><deny own=\"a\" bogus=\"b\"/>"
				       "<deny own=\"c\"/></policy>"
				       "<policy user=\"u\" bogus=\"x\"><deny own=\"d\"/></policy>"
				       "<policy><deny own=\"e\"/></policy>")}),
		  0);
	expect_str(owns(), "-c");
	reset();
}

TEST(includedir_entries_that_cannot_be_read)
{
	static const char main_text[] = B("<includedir>d</includedir>" OWN("a"));

	expect_eq(LOAD({"/m.conf", main_text}, {"/d/a.conf", NULL, 0, -EACCES},
		       {"/d/b.conf", B(OWN("b"))}),
		  0);
	expect_eq(messages.n_items, 2);
	expect_message(0, "cannot read /d/a.conf: Permission denied");
	expect_str(owns(), "b a");
	/* a symbolic link to nowhere */
	expect_eq(LOAD({"/m.conf", main_text}, {"/d/a.conf", NULL, 0, -ENOENT}), 0);
	expect_eq(messages.n_items, 1);
	expect_eq(messages.items[0].severity, CONFIG_WARNING);
	expect_eq(LOAD({"/m.conf", main_text}, {"/d/a.conf", NULL, 0, -ENOMEM}), -ENOMEM);
	reset();
}

TEST(circle_through_a_directory_stays_there)
{
	expect_eq(LOAD({"/d/m.conf", ""}, {"/m.conf", B("<includedir>d</includedir>" OWN("a"))},
		       {"/d/a.conf", B(OWN("b") "<include>/m.conf</include>")},
		       {"/d/m.conf", B("")}),
		  0);
	expect_str(owns(), "a");
	expect_message(0, "/d/a.conf:1:");
	expect_message(0, "/m.conf includes itself");
	/* the directory that the main file itself lies in */
	expect_eq(LOAD({"/m.conf", B("<includedir>.</includedir>" OWN("a"))},
		       {"/x.conf", B(OWN("x"))}),
		  0);
	reset();
}

TEST(mistake_of_the_includer_is_not_forgiven_by_its_directory)
{
	expect_eq(LOAD({"/m.conf", B("<bogus/><includedir>d</includedir>")}, {"/d/a.conf", ""}),
		  CONFIG_REFUSED);
	expect_eq(LOAD({"/m.conf", B("<includedir>d</includedir><bogus/>")}, {"/d/a.conf", ""}),
		  CONFIG_REFUSED);
	reset();
}

TEST(strict_refuses_broken_files)
{
	load_flags = CONFIG_STRICT;
	expect_eq(LOAD({"/m.conf", B("<includedir>d</includedir>")}, {"/d/a.conf", B("")}), 0);
	expect_eq(LOAD({"/m.conf", B("<includedir>d</includedir>")}, {"/d/a.conf", ""}),
		  CONFIG_REFUSED);
	expect_eq(messages.n_items, 1);
	expect_eq(
		LOAD({"/m.conf", B("<includedir>d</includedir>")}, {"/d/a.conf", NULL, 0, -EACCES}),
		CONFIG_REFUSED);
	reset();
}

static char *repeat(const char *head, const char *format, unsigned n, const char *tail)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	expect(out != NULL);
	fputs(head, out);
	for (unsigned i = 0; i < n; i++)
		fprintf(out, format, i, i % 1000);
	fputs(tail, out);
	fclose(out);
	return text;
}

TEST_TIMEOUT(hundred_thousand_rules, 20)
{
	__cleanup(freep) char *text = NULL;

	text = repeat("<busconfig><policy context=\"default\">",
		      "<deny send_destination=\"org.example.Name%u\" send_interface=\"org.example."
		      "Interface%u\" send_member=\"Member\"/>\n",
		      100000, "</policy></busconfig>");
	expect_eq(LOAD({"/m.conf", text}), 0);
	expect_eq(config->policy.n_rules, 100000);
	expect_eq(config->policy.rules[99999].line, 100000);
	reset();
}

TEST_TIMEOUT(hundred_thousand_sections_and_listens, 20)
{
	__cleanup(freep) char *text = NULL;

	text = repeat("<busconfig>", "<policy user=\"u%u\"/><listen>unix:path=/%u</listen>", 100000,
		      "</busconfig>");
	expect_eq(LOAD({"/m.conf", text}), 0);
	expect_eq(config->policy.n_sections, 100000);
	expect_eq(config->n_listen, 100000);
	reset();
}

TEST_TIMEOUT(hundred_thousand_mistakes, 20)
{
	__cleanup(freep) char *text = NULL;

	text = repeat("<busconfig>", "<bogus%u a=\"%u\"/>", 100000, "</busconfig>");
	expect_eq(LOAD({"/m.conf", text}), CONFIG_REFUSED);
	expect_eq(messages.n_items, 1000);
	expect_eq(messages.n_dropped, 99000);
	reset();
}

/* a broken file after many warnings still says what is wrong */
TEST(first_error_is_always_kept)
{
	__cleanup(freep) char *text = NULL;

	text = repeat("<busconfig>", "<limit name=\"auth_timeout\">%u,%u</limit>", 1500,
		      "<bogus/><bogus/></busconfig>");
	expect_eq(LOAD({"/m.conf", text}), CONFIG_REFUSED);
	expect_eq(messages.n_items, 1001);
	expect_eq(messages.n_dropped, 501);
	expect_message(1000, "<bogus>");
	reset();
}

TEST_TIMEOUT(number_of_elements_is_bounded, 25)
{
	__cleanup(freep) char *text = NULL;

	text = repeat("<busconfig>", "<fork/>", 2000001, "</busconfig>");
	expect_eq(LOAD({"/m.conf", text}), CONFIG_REFUSED);
	expect_eq(messages.n_items, 1);
	expect_message(0, "more than 2000000 elements");
	reset();
}

TEST(number_of_servicedirs_is_bounded)
{
	__cleanup(freep) char *text = NULL;

	text = repeat("<busconfig>", "<servicedir>/%u</servicedir>", 1001, "</busconfig>");
	expect_eq(LOAD({"/m.conf", text}), CONFIG_REFUSED);
	expect_message(0, "more than 1000 directories");
	reset();
}

TEST(length_of_text_is_bounded)
{
	__cleanup(freep) char *text = NULL;
	__cleanup(freep) char *longer = NULL;

	text = repeat("<busconfig><user>", "x", 65536, "</user></busconfig>");
	expect_eq(LOAD({"/m.conf", text}), 0);
	expect_eq(strlen(config->user), 65536);
	longer = repeat("<busconfig><user>", "x", 65537,
			"</user><fork>x</fork><user>y</user></busconfig>");
	expect_eq(LOAD({"/m.conf", longer}), CONFIG_REFUSED);
	expect_eq(messages.n_items, 2);
	expect_message(0, "<user>: the text is longer than 65536 bytes");
	expect_message(1, "<fork>: no text");
	reset();
}

TEST(entities_are_bounded)
{
	__cleanup(freep) char *few = NULL;
	__cleanup(freep) char *many = NULL;
	__cleanup(freep) char *laughs = NULL;

	few = repeat("<!DOCTYPE busconfig [", "<!ENTITY e%u \"x\">", 64,
		     "]><busconfig><user>&e63;</user></busconfig>");
	expect_eq(LOAD({"/m.conf", few}), 0);
	expect_str(config->user, "x");
	/* each would refer to the one in front, and expat would recurse */
	many = repeat("<!DOCTYPE busconfig [<!ENTITY e \"x\">", "<!ENTITY e%u \"&e;\">", 100000,
		      "]><busconfig><user>&e63;</user></busconfig>");
	expect_eq(LOAD({"/m.conf", many}), CONFIG_REFUSED);
	expect_eq(messages.n_items, 1);
	expect_message(0, "more than 64 entities");
	laughs = strdup("<!DOCTYPE busconfig [<!ENTITY a \"lolololololololololol\">"
			"<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
			"<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">"
			"<!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">"
			"<!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">"
			"<!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">"
			"<!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\">"
			"<!ENTITY h \"&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;\">]>"
			"<busconfig><policy context=\"&h;\"/></busconfig>");
	expect(laughs != NULL);
	expect_eq(LOAD({"/m.conf", laughs}), CONFIG_REFUSED);
	expect_message(0, "amplification");
	reset();
}

TEST_TIMEOUT(size_of_files_is_bounded, 25)
{
	static char spaces[16 * 1024 * 1024 + 1];
	struct memory_file files[] = {
		{"/m.conf", B("<include>a</include><include>b</include><include>c</include>"
			      "<include>d</include><include>e</include>")},
		{"/a", spaces, sizeof(spaces) - 1},
		{"/b", spaces, sizeof(spaces) - 1},
		{"/c", spaces, sizeof(spaces) - 1},
		{"/d", spaces, sizeof(spaces) - 1},
		{"/e", spaces, sizeof(spaces) - 1},
		{NULL},
	};

	memset(spaces, ' ', sizeof(spaces));
	memcpy(spaces, "<busconfig/>", 12);
	expect_eq(load_files(files), CONFIG_REFUSED);
	expect_eq(messages.n_items, 1);
	expect_message(0, "/d: more than 67108864 bytes altogether");
	files[1].size++;
	expect_eq(load_files(files), CONFIG_REFUSED);
	expect_message(0, "/a is larger than 16777216 bytes");
	reset();
}
