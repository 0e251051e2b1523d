/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services: all service files of a configuration */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/activation/services.h"
#include "tests/harness/fault.h"
#include "tests/harness/tap.h"
#include "tests/unit/policy/memory-files.h"

#define FILE_OF(name, exec) "[D-BUS Service]\nName=" name "\nExec=" exec "\n"

static const struct config_servicedir two_dirs[] = {{"/a", 0}, {"/b", 0}};

/* loads @files from /a and /b; @said: the messages, each with a newline behind it */
static struct services *load(const struct memory_file *files, const struct services *previous,
			     const char *said)
{
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config_files provider = memory_files(files);
	struct services *services;
	char text[4096] = "";

	expect_eq(services_load(two_dirs, 2, &provider, previous, &messages, &services), 0);
	for (size_t i = 0; i < messages.n_items; i++) {
		expect_eq(messages.items[i].severity, CONFIG_WARNING);
		strcat(strcat(text, messages.items[i].text), "\n");
	}
	config_messages_deinit(&messages);
	expect_str(text, said);
	return services;
}

TEST(services_are_found_and_sorted)
{
	static const struct memory_file files[] = {
		{"/a/x.service", FILE_OF("t.x", "/x") "User=u\nSystemdService=s\n"},
		{"/b/other-name.service", FILE_OF("t.a", "/a") "AssumedAppArmorLabel=l\n"},
		{"/b/.hidden.service", FILE_OF("t.y", "/y")},
		{"/b/y.service.bak", FILE_OF("t.z", "/z")},
		{"/b/README", "?"},
		{NULL},
	};
	struct services *services = load(files, NULL, "");
	const struct service *service;

	expect_eq(services_count(services), 3);
	expect_str(services_at(services, 0)->name, "t.a");
	expect_str(services_at(services, 1)->name, "t.x");
	expect_str(services_at(services, 2)->name, "t.y");
	service = services_find(services, "t.x");
	expect(service == services_at(services, 1));
	expect_str(service->exec, "/x");
	expect_str(service->user, "u");
	expect_str(service->systemd_service, "s");
	expect_str(service->apparmor_label, NULL);
	expect_str(service->path, "/a/x.service");
	expect_eq(service->exec_line, 3);
	expect_str(services_find(services, "t.a")->apparmor_label, "l");
	expect(!services_find(services, "t.z"));
	expect(!services_find(services, ""));
	services_free(services);
}

TEST(no_directories_no_services)
{
	static const struct memory_file files[] = {{NULL}};
	struct services *services = load(files, NULL, "");

	expect_eq(services_count(services), 0);
	expect(!services_find(services, "t.x"));
	services_free(services);
	expect(!services_free(NULL));
}

TEST(the_first_directory_wins)
{
	static const struct memory_file files[] = {
		{"/a/2.service", FILE_OF("t.x", "/first")},
		{"/b/1.service", FILE_OF("t.x", "/second")},
		{"/b/t.x.service", FILE_OF("t.x", "/third")},
		{NULL},
	};
	struct services *services = load(files, NULL, "");

	expect_str(services_find(services, "t.x")->exec, "/first");
	services_free(services);
}

/* DIFFERENCES service-duplicates: with dbus-daemon either may win */
TEST(in_a_directory_the_file_of_the_right_name_wins)
{
	static const struct memory_file files[] = {
		{"/a/1.service", FILE_OF("t.x", "/1")}, {"/a/t.x.service", FILE_OF("t.x", "/t")},
		{"/a/z.service", FILE_OF("t.x", "/z")}, {"/a/3.service", FILE_OF("t.y", "/3")},
		{"/a/2.service", FILE_OF("t.y", "/2")}, {NULL},
	};
	struct services *services =
		load(files, NULL,
		     "/a/1.service: Name is that of /a/t.x.service as well, which counts\n"
		     "/a/z.service: Name is that of /a/t.x.service as well, which counts\n"
		     "/a/3.service: Name is that of /a/2.service as well, which counts\n");

	expect_str(services_find(services, "t.x")->exec, "/t");
	expect_str(services_find(services, "t.y")->exec, "/2");
	services_free(services);
}

TEST(a_broken_file_hurts_nobody_else)
{
	static const struct memory_file files[] = {
		{"/a/broken.service", "[D-BUS Service]\nName=t.x\nExec=/x\\q\n"},
		{"/a/empty.service", ""},
		{"/a/good.service", FILE_OF("t.y", "/y")},
		{"/a/huge.service", .error = -EFBIG},
		{"/a/pipe.service", .error = -EINVAL},
		{"/a/unreadable.service", .error = -EACCES},
		{"/b/good.service", FILE_OF("t.x", "/x")},
		{NULL},
	};
	struct services *services = load(files, NULL,
					 "/a/broken.service:3: an unknown escape\n"
					 "/a/empty.service: no group [D-BUS Service]\n"
					 "/a/huge.service: larger than 128 KiB\n"
					 "/a/pipe.service: not a regular file\n"
					 "/a/unreadable.service: Permission denied\n");

	expect_eq(services_count(services), 2);
	/* what is broken hides nothing */
	expect_str(services_find(services, "t.x")->path, "/b/good.service");
	services_free(services);
}

TEST(what_was_said_is_not_said_again)
{
	static const struct memory_file before[] = {
		{"/a/1.service", ""},
		{"/a/2.service", ""},
		{NULL},
	};
	static const struct memory_file after[] = {
		{"/a/1.service", ""},
		{"/a/2.service", "[D-BUS Service]\n"},
		{"/b/3.service", ""},
		{NULL},
	};
	struct services *first = load(before, NULL,
				      "/a/1.service: no group [D-BUS Service]\n"
				      "/a/2.service: no group [D-BUS Service]\n");
	struct services *second = load(after, first,
				       "/a/2.service: no Name\n"
				       "/b/3.service: no group [D-BUS Service]\n");
	struct services *third = load(after, second, "");

	services_free(first);
	services_free(second);
	/* not even when it was not said the last time */
	services_free(load(after, third, ""));
	services_free(third);
}

TEST(strict_directories_want_the_name_as_file_name)
{
	static const struct memory_file files[] = {
		{"/a/t.x.service", FILE_OF("t.x", "/x")},
		{"/a/t.y.b.service", FILE_OF("t.y", "/y")},
		{"/a/T.z.service", FILE_OF("t.z", "/z")},
		{"/b/whatever.service", FILE_OF("t.y", "/other")},
		{NULL},
	};
	static const struct config_servicedir dirs[] = {
		{"/a", CONFIG_SERVICEDIR_STRICT_NAMES},
		{"/b", CONFIG_SERVICEDIR_UNWATCHED},
	};
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct config_files provider = memory_files(files);
	struct services *services;

	expect_eq(services_load(dirs, 2, &provider, NULL, &messages, &services), 0);
	expect_eq(services_count(services), 2);
	expect_str(services_find(services, "t.x")->exec, "/x");
	expect_str(services_find(services, "t.y")->exec, "/other");
	expect_eq(messages.n_items, 2);
	expect_str(
		messages.items[0].text,
		"/a/T.z.service:2: the file has to be called as its Name, with .service behind it");
	expect_str(messages.items[1].text, "/a/t.y.b.service:2: the file has to be called as its "
					   "Name, with .service behind it");
	config_messages_deinit(&messages);
	services_free(services);
}

/* a reload that finds no descriptors left must not take the services away */
TEST(shortages_are_not_broken_files)
{
	static const int shortages[] = {-ENOMEM, -EMFILE, -ENFILE};

	for (size_t i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++) {
		struct memory_file files[] = {
			{"/a/x.service", .error = shortages[i]},
			{NULL},
		};
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct config_files provider = memory_files(files);
		struct services *services = NULL;

		expect_eq(services_load(two_dirs, 2, &provider, NULL, &messages, &services),
			  shortages[i]);
		expect(!services);
		expect_eq(messages.n_items, 0);
	}
}

TEST(memory_may_run_out)
{
	static const struct memory_file files[] = {
		{"/a/1.service", FILE_OF("t.x", "/x") "User=u\n"},
		{"/a/2.service", FILE_OF("t.x", "/x")},
		{"/a/3.service", ""},
		{"/b/4.service", FILE_OF("t.z", "/x")},
		{NULL},
	};
	struct config_files provider = memory_files(files);
	unsigned long n;

	for (n = 1;; n++) {
		struct config_messages messages = CONFIG_MESSAGES_NULL;
		struct services *services = NULL;
		int r;

		fault_at(n);
		r = services_load(two_dirs, 2, &provider, NULL, &messages, &services);
		config_messages_deinit(&messages);
		if (!fault_disarm()) {
			expect_eq(r, 0);
			expect_eq(services_count(services), 2);
			services_free(services);
			break;
		}
		expect_eq(r, -ENOMEM);
		expect(!services);
	}
	expect_gt(n, 20);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "we");

	expect(f);
	expect(fputs(text, f) >= 0);
	expect_eq(fclose(f), 0);
}

TEST(what_is_no_file_neither_blocks_nor_hurts)
{
	char folder[] = "/tmp/test-services-XXXXXX";
	struct config_messages messages = CONFIG_MESSAGES_NULL;
	struct services *services;
	struct config_servicedir dirs[] = {
		{"d", 0}, {"file", 0}, {"pipe.service", 0}, {"nowhere", 0}, {"loop", 0},
	};
	int fd;

	expect(mkdtemp(folder));
	expect_eq(chdir(folder), 0);
	write_file("file", "");
	expect_eq(symlink("loop", "loop"), 0);
	expect_eq(mkfifo("pipe.service", 0600), 0);
	expect_eq(mkdir("d", 0700), 0);
	expect_eq(mkdir("d/directory.service", 0700), 0);
	expect_eq(mkfifo("d/fifo.service", 0600), 0);
	expect_eq(symlink("/dev/zero", "d/device.service"), 0);
	expect_eq(symlink("nowhere", "d/dangling.service"), 0);
	expect_eq(symlink("looping.service", "d/looping.service"), 0);
	write_file("d/good.service", FILE_OF("t.x", "/x"));
	expect_eq(symlink("../file", "d/empty.service"), 0);
	write_file("target", FILE_OF("t.y", "/y"));
	expect_eq(symlink("../target", "d/link.service"), 0);
	fd = open("d/huge.service", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	expect_eq(ftruncate(fd, 1ll << 40), 0);
	close(fd);

	expect_eq(services_load(dirs, 5, NULL, NULL, &messages, &services), 0);
	expect_eq(services_count(services), 2);
	expect(services_find(services, "t.x"));
	expect_str(services_find(services, "t.y")->path, "d/link.service");
	static const char *const said[] = {
		"d/dangling.service: No such file or directory",
		"d/device.service: not a regular file",
		"d/directory.service: not a regular file",
		"d/empty.service: no group [D-BUS Service]",
		"d/fifo.service: not a regular file",
		"d/huge.service: larger than 128 KiB",
		"d/looping.service: Too many levels of symbolic links",
		"file: Not a directory",
		"pipe.service: Not a directory",
		"loop: Too many levels of symbolic links",
	};
	expect_eq(messages.n_items, sizeof(said) / sizeof(said[0]));
	for (size_t i = 0; i < messages.n_items; i++)
		expect_str(messages.items[i].text, said[i]);
	config_messages_deinit(&messages);
	services_free(services);
	expect_eq(system("rm -rf \"$PWD\""), 0);
}
