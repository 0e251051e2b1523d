/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listen addresses: specification, section "Server Addresses"; verdicts are dbus-daemon's */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/address.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

static const struct {
	const char *text;
	enum address_kind kind;
	const char *value;
} good[] = {
	{"unix:path=/run/bus", ADDRESS_UNIX_PATH, "/run/bus"},
	{"unix:path=relative", ADDRESS_UNIX_PATH, "relative"},
	{"unix:abstract=/tmp/dbus-x", ADDRESS_UNIX_ABSTRACT, "/tmp/dbus-x"},
	{"unix:dir=/tmp", ADDRESS_UNIX_DIR, "/tmp"},
	{"unix:tmpdir=/tmp", ADDRESS_UNIX_TMPDIR, "/tmp"},
	{"unix:runtime=yes", ADDRESS_UNIX_RUNTIME, NULL},
	{"systemd:", ADDRESS_SYSTEMD, NULL},
	{"systemd:foo=1", ADDRESS_SYSTEMD, NULL},
	{"tcp:host=localhost,port=0", ADDRESS_UNSUPPORTED, "tcp"},
	{"tcp:", ADDRESS_UNSUPPORTED, "tcp"},
	{"nonce-tcp:host=localhost", ADDRESS_UNSUPPORTED, "nonce-tcp"},
	{"unixexec:path=/bin/true", ADDRESS_UNSUPPORTED, "unixexec"},
	{"launchd:env=X", ADDRESS_UNSUPPORTED, "launchd"},
	{"autolaunch:", ADDRESS_UNSUPPORTED, "autolaunch"},
	{"foo:bar=1", ADDRESS_UNKNOWN, "foo"},
	{"foo:", ADDRESS_UNKNOWN, "foo"},
	{"UNIX:path=/a", ADDRESS_UNKNOWN, "UNIX"},
	{" unix:path=/a", ADDRESS_UNKNOWN, " unix"},
	{"un%69x:path=/a", ADDRESS_UNKNOWN, "un%69x"},
	{":path=/a", ADDRESS_UNKNOWN, ""},
	/* escapes */
	{"unix:path=/%61%e4%20%7E%2c%25", ADDRESS_UNIX_PATH, "/a\xe4 ~,%"},
	{"unix:path=/-_.\\*aZ09", ADDRESS_UNIX_PATH, "/-_.\\*aZ09"},
	/* other keys, and keys twice */
	{"unix:path=/a,guid=1", ADDRESS_UNIX_PATH, "/a"},
	{"unix:guid=0123456789abcdef0123456789abcdef,path=/a", ADDRESS_UNIX_PATH, "/a"},
	{"unix:path=/a,foo=bar", ADDRESS_UNIX_PATH, "/a"},
	{"unix:path=/a,path=/b", ADDRESS_UNIX_PATH, "/a"},
	{"unix:path=/a,pa%74h=/b", ADDRESS_UNIX_PATH, "/a"},
	{"unix:path=/a,unix:path=/b", ADDRESS_UNIX_PATH, "/a"},
	{"unix:runtime=yes,runtime=no", ADDRESS_UNIX_RUNTIME, NULL},
	/* one separator too many at the end */
	{"unix:path=/a,", ADDRESS_UNIX_PATH, "/a"},
	{"unix:path=/a;", ADDRESS_UNIX_PATH, "/a"},
	{"unix:path=/a,;", ADDRESS_UNIX_PATH, "/a"},
};

TEST(good_addresses)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct address_list list;
		const char *reason = "";

		if (address_parse(good[i].text, &list, &reason))
			fail("%s: %s", good[i].text, reason);
		expect_eq(list.n_addresses, 1);
		if (list.addresses[0].kind != good[i].kind)
			fail("%s: kind %d", good[i].text, list.addresses[0].kind);
		expect_str(list.addresses[0].value, good[i].value);
		address_list_deinit(&list);
		address_list_deinit(&list);
	}
}

static const struct {
	const char *text;
	const char *reason; /* how it starts */
} bad[] = {
	{"", "address is empty"},
	{"unix", "address does not contain a colon"},
	{";", "address does not contain a colon"},
	{";unix:path=/a", "address does not contain a colon"},
	{"unix:path=/a;;unix:path=/b", "address does not contain a colon"},
	{"unix:path=/a;bad", "address does not contain a colon"},
	{"unix:path", "'=' character not found"},
	{"unix:path=", "'=' character not found"},
	{"unix:=x", "'=' character not found"},
	{"unix:,path=/a", "'=' character not found"},
	{"unix:path=/a,,foo=bar", "'=' character not found"},
	{"unix:x=,path=/a", "'=' character not found"},
	{"unix:runtime=", "'=' character not found"},
	{"foo:bar", "'=' character not found"},
	{"unix:path=/%", "percent character"},
	{"unix:path=/%6", "percent character"},
	{"unix:path=/%zz", "percent character"},
	{"unix:path=/%6z", "percent character"},
	{"unix:path=/a;foo:bar=%zz", "percent character"},
	{"unix:path=/a%00b", "value contains a NUL"},
	{"unix:path=/a b", "value contains a character"},
	{"unix:path=/a~b", "value contains a character"},
	{"unix:path=/a=b", "value contains a character"},
	{"unix:path=/\xc3\xa4", "value contains a character"},
	{"unix:", "address of type unix was missing"},
	{"unix:foo=bar", "address of type unix was missing"},
	{"unix: path=/a", "address of type unix was missing"},
	{"unix:;unix:path=/a", "address of type unix was missing"},
	{"unix:path=/a,dir=/b", "cannot specify two"},
	{"unix:path=/a,abstract=x", "cannot specify two"},
	{"unix:dir=/a,tmpdir=/a", "cannot specify two"},
	{"unix:runtime=yes,path=/a", "cannot specify two"},
	{"unix:path=/a,dir=/;unix:path=/b", "cannot specify two"},
	{"unix:runtime=no", "if given, the only value"},
};

TEST(bad_addresses)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct address_list list;
		const char *reason = "";

		if (address_parse(bad[i].text, &list, &reason) != ADDRESS_INVALID)
			fail("%s is taken", bad[i].text);
		if (strncmp(reason, bad[i].reason, strlen(bad[i].reason)))
			fail("%s: %s", bad[i].text, reason);
	}
}

TEST(alternatives_in_order)
{
	struct address_list list;
	const char *reason;

	expect_eq(
		address_parse("tcp:port=0;unix:path=/a;systemd:;foo:;unix:dir=/b;unix:runtime=yes",
			      &list, &reason),
		0);
	expect_eq(list.n_addresses, 6);
	expect_eq(list.addresses[0].kind, ADDRESS_UNSUPPORTED);
	expect_eq(list.addresses[1].kind, ADDRESS_UNIX_PATH);
	expect_str(list.addresses[1].value, "/a");
	expect_eq(list.addresses[2].kind, ADDRESS_SYSTEMD);
	expect_eq(list.addresses[3].kind, ADDRESS_UNKNOWN);
	expect_eq(list.addresses[4].kind, ADDRESS_UNIX_DIR);
	expect_eq(list.addresses[5].kind, ADDRESS_UNIX_RUNTIME);
	address_list_deinit(&list);
}

TEST(escaping)
{
	static const char *const pairs[][2] = {
		{"", ""},
		{"/run/user/1000/bus", "/run/user/1000/bus"},
		{"-_.\\*", "-_.\\*"},
		{"a b;c,d=e%f~", "a%20b%3bc%2cd%3de%25f%7e"},
		{"\xc3\xa4\x01\x7f", "%c3%a4%01%7f"},
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char *escaped = address_escape(pairs[i][0]);

		expect_str(escaped, pairs[i][1]);
		free(escaped);
	}
}

TEST(every_byte_survives_escaping)
{
	char value[256], text[1024] = "unix:path=", *escaped;
	struct address_list list;
	const char *reason;

	for (int i = 0; i < 255; i++)
		value[i] = i + 1;
	value[255] = '\0';
	escaped = address_escape(value);
	strcat(text, escaped);
	free(escaped);
	expect_eq(address_parse(text, &list, &reason), 0);
	expect_str(list.addresses[0].value, value);
	address_list_deinit(&list);
}

TEST(every_allocation_may_fail)
{
	struct address_list list;
	const char *reason;
	char *escaped;
	int r;

	for (unsigned long n = 1;; n++) {
		fault_at(n);
		r = address_parse("unix:path=/a;foo:;unix:dir=/b;tcp:", &list, &reason);
		if (!fault_disarm()) {
			expect_gt(n, 5);
			break;
		}
		expect_eq(r, -ENOMEM);
	}
	expect_eq(r, 0);
	address_list_deinit(&list);
	fault_at(1);
	escaped = address_escape("x");
	expect(fault_disarm());
	expect_eq(escaped, NULL);
}
