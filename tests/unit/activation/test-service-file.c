/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Service files: specification, section "Message Bus Starting Services"; verdicts are dbus-daemon's
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/activation/service-file.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"

#define GROUP "[D-BUS Service]\n"
#define KEYS  "Name=t.x\nExec=/x\n"

/* a literal with its size, as some have a NUL inside */
#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *bytes;
	size_t size;
} good[] = {
	{BYTES(GROUP KEYS)},
	{BYTES("[D-BUS Service]\nName=t.x\nExec=/x")},
	/* ends of lines */
	{BYTES("[D-BUS Service]\r\nName=t.x\r\nExec=/x\r\n")},
	{BYTES("[D-BUS Service]\r\n\r\nName=t.x\r\n \r\nExec=/x\r\n\r\n")},
	{BYTES("[D-BUS Service]\rName=t.x\rExec=/x\r")},
	{BYTES("#c\r" GROUP KEYS)},
	{BYTES(GROUP KEYS "\r")},
	/* blank lines and comments */
	{BYTES("# c\n\n \n\t\n\x0c\n" GROUP "\n#\n" KEYS "\x0c\x0c \n \t ")},
	{BYTES(" \n" GROUP KEYS)},
	/* blanks around '=' */
	{BYTES(GROUP "Name  =  t.x\nExec =/x\n")},
	/* other groups */
	{BYTES("[Other]\nName=zz.z\n" GROUP KEYS)},
	{BYTES(GROUP KEYS "[Other]\nName=zz.z\n")},
	{BYTES("[X]\n[X]\n[Y]\n" GROUP KEYS)},
	{BYTES("[ a=b#c;d\\e\"f-g ]\n" GROUP KEYS)},
	/* the first of two counts */
	{BYTES(GROUP KEYS "[D-BUS Service]\nName=t.y\n")},
	{BYTES(GROUP KEYS "[X]\n[D-BUS Service]\nName=t.y\nExec=/y\n")},
	{BYTES(GROUP KEYS "Name=t.y\n")},
	{BYTES(GROUP KEYS "Name=\n")},
	{BYTES(GROUP KEYS "Exec=/y\n")},
	/* other keys */
	{BYTES(GROUP KEYS "X=1\nX=2\nf-o=1\n1=1\n")},
	{BYTES(GROUP KEYS "name=t.y\nEXEC=/y\n")},
	{BYTES(GROUP KEYS "AssumedAppArmorLabel=xx\n")},
	{BYTES(GROUP KEYS "X=\x01 \\\\q=y\n")},
	/* a key with a locale, or with what might become one, is not looked at */
	{BYTES(GROUP "Name[de]=zz.z\nExec[de_DE@euro]=1\n" KEYS)},
	{BYTES(GROUP "Exec[de\nExec[\nExec[]=\\q\nExec[\x01=\nExec[d e]x \t=1\n" KEYS)},
	/* what UTF-8 allows */
	{BYTES("#\xef\xbf\xbf\xef\xb7\x90\xf0\x9f\x98\x80\n" GROUP KEYS)},
};

TEST(good_files)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct service_file_error error = {0};
		struct service_file file;

		if (service_file_parse(good[i].bytes, good[i].size, &file, &error))
			fail("row %zu, line %u: %s", i, error.line, error.text);
		if (strcmp(file.name, "t.x") || strcmp(file.exec, "/x"))
			fail("row %zu: %s: %s", i, file.name, file.exec);
		service_file_deinit(&file);
		service_file_deinit(&file);
	}
}

static const struct {
	const char *bytes;
	size_t size;
	unsigned line;
	const char *text;
} bad[] = {
	{BYTES(""), 0, "no group [D-BUS Service]"},
	{BYTES("[D-Bus Service]\n" KEYS), 0, "no group [D-BUS Service]"},
	{BYTES("[D-BUS Service]"), 0, "no Name"},
	{BYTES(GROUP "Exec=/x\n"), 0, "no Name"},
	{BYTES(GROUP "name=t.x\nExec=/x\n"), 0, "no Name"},
	{BYTES(GROUP "Name[de]=t.x\nExec=/x\n"), 0, "no Name"},
	{BYTES(GROUP "Name=t.x\n"), 0, "no Exec"},
	{BYTES(GROUP "Name=t.x\nSystemdService=x.service\n"), 0, "no Exec"},
	{BYTES(GROUP "Name=t.x\n[D-BUS Service]\nExec=/x\n"), 0, "no Exec"},
	{BYTES("[D-BUS Service]\n[X]\n" KEYS), 0, "no Name"},
	/* groups */
	{BYTES(KEYS), 1, "a key in front of the first group"},
	{BYTES("\n\n; x\n" GROUP KEYS), 3, "a key in front of the first group"},
	{BYTES(" [D-BUS Service]\n" KEYS), 1, "a key in front of the first group"},
	{BYTES("\xef\xbb\xbf" GROUP KEYS), 1, "a key in front of the first group"},
	{BYTES("[D-BUS Service] \n" KEYS), 1, "a group without a name or its ']'"},
	{BYTES("[D-BUS Service]x\n" KEYS), 1, "a group without a name or its ']'"},
	{BYTES("[D-BUS Service]#x\n" KEYS), 1, "a group without a name or its ']'"},
	{BYTES("[D-BUS Service\n" KEYS), 1, "a group without a name or its ']'"},
	{BYTES("[]\n" GROUP KEYS), 1, "a group without a name or its ']'"},
	{BYTES("[\n" GROUP KEYS), 1, "a group without a name or its ']'"},
	{BYTES("[a[b]\n" GROUP KEYS), 1, "the group has an invalid name"},
	{BYTES(GROUP KEYS "[a]b]\n"), 4, "the group has an invalid name"},
	{BYTES("[a]]\n" GROUP KEYS), 1, "the group has an invalid name"},
	{BYTES("[\xc3\xa4]\n" GROUP KEYS), 1, "the group has an invalid name"},
	{BYTES("[a\tb]\n" GROUP KEYS), 1, "the group has an invalid name"},
	{BYTES("[a\x7f]\n" GROUP KEYS), 1, "the group has an invalid name"},
	/* keys */
	{BYTES(GROUP " Name=t.x\nExec=/x\n"), 2, "neither a key, a group nor a comment"},
	{BYTES(GROUP "\tName=t.x\nExec=/x\n"), 2, "neither a key, a group nor a comment"},
	{BYTES(GROUP "  # c\n" KEYS), 2, "neither a key, a group nor a comment"},
	{BYTES(GROUP KEYS "=foo\n"), 4, "neither a key, a group nor a comment"},
	{BYTES(GROUP KEYS ";foo\n"), 4, "neither a key, a group nor a comment"},
	{BYTES(GROUP KEYS "\x0b\n"), 4, "neither a key, a group nor a comment"},
	{BYTES(GROUP KEYS "\x7f\n"), 4, "neither a key, a group nor a comment"},
	{BYTES("[X]\r\n]\r\n" GROUP KEYS), 2, "neither a key, a group nor a comment"},
	{BYTES(GROUP KEYS "foo\n"), 4, "no '=' behind the key"},
	{BYTES(GROUP KEYS "[X]\nfoo"), 5, "no '=' behind the key"},
	{BYTES(GROUP KEYS "f_o=1\n"), 4, "no '=' behind the key"},
	{BYTES(GROUP KEYS "f.o=1\n"), 4, "no '=' behind the key"},
	{BYTES(GROUP KEYS "f o=1\n"), 4, "no '=' behind the key"},
	{BYTES(GROUP KEYS "f\xc3\xa4=1\n"), 4, "no '=' behind the key"},
	{BYTES(GROUP KEYS "a\\b=1\n"), 4, "no '=' behind the key"},
	{BYTES(GROUP KEYS "a]=1\n"), 4, "no '=' behind the key"},
	{BYTES(GROUP "Name\t=t.x\nExec=/x\n"), 2, "no '=' behind the key"},
	{BYTES(GROUP KEYS "Exec [de]=1\n"), 4, "no '=' behind the key"},
	/* escapes, wherever they are */
	{BYTES(GROUP "Name=t.x\nExec=/x\\q\n"), 3, "an unknown escape"},
	{BYTES(GROUP "Name=t.x\nExec=/x\\\n"), 3, "an unknown escape"},
	{BYTES(GROUP "Name=t.x\nExec=/x\\"), 3, "an unknown escape"},
	{BYTES(GROUP KEYS "X=\\;\n"), 4, "an unknown escape"},
	{BYTES(GROUP KEYS "X=\\\"\n"), 4, "an unknown escape"},
	{BYTES(GROUP KEYS "X=\\S\n"), 4, "an unknown escape"},
	{BYTES(GROUP KEYS "X=\\x41\n"), 4, "an unknown escape"},
	{BYTES(GROUP KEYS "Exec=\\q\n"), 4, "an unknown escape"},
	{BYTES("[X]\nX=\\q\n" GROUP KEYS), 2, "an unknown escape"},
	{BYTES(GROUP KEYS "User=\\q\n"), 4, "an unknown escape"},
	/* UTF-8, in comments as well */
	{BYTES("#\xff\n" GROUP KEYS), 0, "not UTF-8"},
	{BYTES("#\xed\xa0\x80\n" GROUP KEYS), 0, "not UTF-8"},
	{BYTES("#\xf4\x90\x80\x80\n" GROUP KEYS), 0, "not UTF-8"},
	{BYTES("#\xc0\x80\n" GROUP KEYS), 0, "not UTF-8"},
	{BYTES("#\0\n" GROUP KEYS), 0, "not UTF-8"},
	{BYTES(GROUP KEYS "\0"), 0, "not UTF-8"},
	/* DIFFERENCES service-names: dbus-daemon lists what nobody can own */
	{BYTES(GROUP "Name=\nExec=/x\n"), 2, "Name is no well-known bus name"},
	{BYTES(GROUP "Exec=/x\nName=x\n"), 3, "Name is no well-known bus name"},
	{BYTES(GROUP "Name=:1.1\nExec=/x\n"), 2, "Name is no well-known bus name"},
	{BYTES(GROUP "Name=t.x \nExec=/x\n"), 2, "Name is no well-known bus name"},
	{BYTES(GROUP "Name=\tt.x\nExec=/x\n"), 2, "Name is no well-known bus name"},
	{BYTES(GROUP "Name=t.x#c\nExec=/x\n"), 2, "Name is no well-known bus name"},
	{BYTES(GROUP "Name=t.x\\\\y\nExec=/x\n"), 2, "Name is no well-known bus name"},
	{BYTES(GROUP "Name=t./../x\nExec=/x\n"), 2, "Name is no well-known bus name"},
	{BYTES(GROUP "Name=org.freedesktop.DBus\nExec=/x\n"), 2, "Name is that of the bus itself"},
};

TEST(bad_files)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct service_file_error error = {0};
		struct service_file file = {.name_line = 77};

		if (service_file_parse(bad[i].bytes, bad[i].size, &file, &error) !=
		    SERVICE_FILE_INVALID)
			fail("row %zu is not refused, expected: %s", i, bad[i].text);
		if (error.line != bad[i].line || strcmp(error.text, bad[i].text))
			fail("row %zu: %u: %s, expected %u: %s", i, error.line, error.text,
			     bad[i].line, bad[i].text);
		expect_eq(file.name_line, 77);
	}
}

TEST(values)
{
	static const char bytes[] =
		"# all keys\n" GROUP "User= ro\\sot\nExec=\\s/a b\\n\\t\\r\\\\n  \nName=t.x.y-z\n"
		"SystemdService=x.service\nAssumedAppArmorLabel=/a\n";
	struct service_file_error error;
	struct service_file file;

	expect_eq(service_file_parse(bytes, strlen(bytes), &file, &error), 0);
	expect_str(file.name, "t.x.y-z");
	expect_str(file.exec, " /a b\n\t\r\\n  ");
	expect_str(file.user, "ro ot");
	expect_str(file.systemd_service, "x.service");
	expect_str(file.apparmor_label, "/a");
	expect_eq(file.name_line, 5);
	expect_eq(file.exec_line, 4);
	service_file_deinit(&file);
}

TEST(exec_may_be_empty)
{
	static const char bytes[] = GROUP "Name=t.x\nExec=\n";
	struct service_file_error error;
	struct service_file file;

	expect_eq(service_file_parse(bytes, strlen(bytes), &file, &error), 0);
	expect_str(file.exec, "");
	expect_str(file.user, NULL);
	service_file_deinit(&file);
}

TEST(at_most_128_KiB)
{
	static char bytes[128 * 1024 + 1];
	struct service_file_error error;
	struct service_file file;

	memset(bytes, '#', sizeof(bytes));
	memcpy(bytes, GROUP KEYS, strlen(GROUP KEYS));
	expect_eq(service_file_parse(bytes, sizeof(bytes) - 1, &file, &error), 0);
	service_file_deinit(&file);
	expect_eq(service_file_parse(bytes, sizeof(bytes), &file, &error), SERVICE_FILE_INVALID);
	expect_eq(error.line, 0);
}

TEST(memory_may_run_out)
{
	static const char bytes[] = GROUP KEYS "User=u\nSystemdService=s\nAssumedAppArmorLabel=l\n";
	struct service_file_error error;
	struct service_file file;
	unsigned long n;
	int r;

	for (n = 1;; n++) {
		fault_at(n);
		r = service_file_parse(bytes, strlen(bytes), &file, &error);
		if (!fault_disarm())
			break;
		expect_eq(r, -ENOMEM);
	}
	expect_eq(r, 0);
	expect_eq(n, 6);
	service_file_deinit(&file);
}
