/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loading a configuration with every allocation failing once */
#include <errno.h>

#include "tests/harness/fault.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/memory-files.h"

static const struct config_environment environment = {
	.xdg_runtime_dir = "/run/user/0",
	.home = "/root",
	.datadir = "/usr/share",
	.selinux_root = "/sel",
	.is_selinux_enabled = true,
	.is_selinux_enforcing = true,
	.has_apparmor = true,
};

static const struct memory_file good[] = {
	{"/m.conf",
	 "<!DOCTYPE busconfig [<!ENTITY e \"session\"><!ENTITY f \"&e;\">]>"
	 "<busconfig><type>&f;</type><user>u</user><fork/><pidfile>/p</pidfile>"
	 "<listen>unix:path=/x</listen><auth>EXTERNAL</auth><auth>DBUS_COOKIE_SHA1</auth>"
	 "<servicedir>s</servicedir><standard_session_servicedirs/>"
	 "<standard_system_servicedirs/><servicehelper>/h</servicehelper>"
	 "<limit name=\"auth_timeout\">1</limit>"
	 "<limit name=\"auth_timeout\">1x</limit>"
	 "<policy user=\"u\"><allow own=\"a\"/><deny send_interface=\"i\" "
	 "send_member=\"m\" send_path=\"/p\" send_destination=\"d\"/></policy>"
	 "<policy at_console=\"true\"><allow user=\"x\"/></policy>"
	 "<selinux><associate own=\"a\" context=\"b\"/></selinux>"
	 "<apparmor mode=\"enabled\"/><include>i</include>"
	 "<include ignore_missing=\"yes\">nowhere</include>"
	 "<include if_selinux_enabled=\"yes\" selinux_root_relative=\"yes\">s</include>"
	 "<includedir>d</includedir></busconfig>"},
	{"/i", "<busconfig><listen>unix:path=/y</listen></busconfig>"},
	{"/sel/s", "<busconfig/>"},
	{"/d/a.conf", "<busconfig><policy context=\"default\"><allow own=\"a\"/></policy>"
		      "</busconfig>"},
	{"/d/b.conf", "<busconfig><policy context=\"default\"><allow own=\"a\"/>"
		      "<deny own=\"b\"/></policy><bogus/></busconfig>"},
	{"/d/c.conf", "<busconfig><policy>"},
	{"/d/d.conf", NULL, 0, -ENOENT},
	{NULL},
};

static const struct memory_file bad[] = {
	{"/m.conf", "<busconfig><bogus/><fork a=\"b\">x</fork><limit name=\"x\">1</limit>"
		    "<limit name=\"auth_timeout\">-1</limit><auth>x</auth><policy/>"
		    "<policy context=\"x\"/><policy context=\"default\"><allow/></policy>"
		    "<policy user=\"x\"><allow user=\"x\"/></policy><apparmor mode=\"x\"/>"
		    "<selinux><associate own=\"a\"/></selinux><include>m.conf</include>"
		    "<include>nowhere</include><include ignore_missing=\"x\">y</include>"
		    "<include>d</include><includedir>m.conf</includedir>"
		    "<includedir>m.conf</includedir>"},
	{"/d/a.conf", ""},
	{NULL},
};

/* all that a daemon does with a configuration before it starts */
static int load_and_check(const struct memory_file *files, struct config **config,
			  struct config_messages *messages)
{
	const struct config_files provider = memory_files(files);
	const struct config_options options = {
		.environment = &environment,
		.files = &provider,
	};
	int r;

	r = config_load("/m.conf", &options, config, messages);
	if (r)
		return r;
	return config_check_bus(*config, &options, messages);
}

static void try_all(const struct memory_file *files, int expected, size_t n_messages)
{
	bool has_failed = true;
	unsigned long n;

	for (n = 1; has_failed; n++) {
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct config *config = NULL;
		int r;

		fault_at(n);
		r = load_and_check(files, &config, &messages);
		has_failed = fault_disarm();
		if (has_failed) {
			expect_eq(r, -ENOMEM);
		} else {
			expect_eq(r, expected);
			expect_eq(messages.n_items, n_messages);
		}
		config_free(config);
		config_messages_deinit(&messages);
	}
	note("%lu allocations", n - 2);
	expect_gt(n, 50);
}

TEST_TIMEOUT(good_configuration, 60)
{
	/* 1x, at_console, why and what of two broken files, one missing, the mechanism, AppArmor,
	 * SELinux, and the policy of c.conf */
	try_all(good, 0, 11);
}

TEST_TIMEOUT(bad_configuration, 60)
{
	try_all(bad, CONFIG_REFUSED, 18);
}
