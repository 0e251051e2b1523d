/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services: when their directories change */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/activation/services-watch.h"
#include "tests/harness/tap.h"

static struct loop loop;
static struct services_watch *watch;
static unsigned n_changed;

static void changed(void *userdata)
{
	expect(userdata == &n_changed);
	n_changed++;
}

/* in a fresh folder, watching its directories d and deep/er/d */
static void begin(void)
{
	static char folder[] = "/tmp/test-watch-XXXXXX";
	static char paths[3][64];
	struct config_servicedir dirs[3] = {
		{paths[0], 0}, {paths[1], 0}, {paths[2], CONFIG_SERVICEDIR_UNWATCHED}};

	expect(mkdtemp(folder));
	expect_eq(chdir(folder), 0);
	expect_eq(mkdir("d", 0700), 0);
	expect_eq(mkdir("unwatched", 0700), 0);
	snprintf(paths[0], sizeof(paths[0]), "%s/d", folder);
	snprintf(paths[1], sizeof(paths[1]), "%s//deep/er/d/", folder);
	snprintf(paths[2], sizeof(paths[2]), "%s/unwatched", folder);
	expect_eq(loop_init(&loop), 0);
	expect_eq(services_watch_new(&loop, changed, &n_changed, &watch), 0);
	expect_eq(services_watch_set(watch, dirs, 3), 0);
	n_changed = 0;
}

static void end(void)
{
	services_watch_free(watch);
	loop_deinit(&loop);
	expect_eq(system("rm -rf \"$PWD\""), 0);
}

/* was there a change since the last question? */
static bool has_changed(void)
{
	unsigned n = n_changed;

	services_watch_settle(watch);
	expect_le(n_changed, n + 1);
	return n_changed > n;
}

static int begin_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	expect(fd >= 0);
	expect_eq(write(fd, "[D", 2), 2);
	return fd;
}

static void put_file(const char *path)
{
	close(begin_file(path));
}

TEST(nothing_happens)
{
	begin();
	expect(!has_changed());
	end();
}

TEST(files_come_change_and_go)
{
	int fd;

	begin();
	fd = begin_file("d/x.service");
	/* not before it is written */
	expect(!has_changed());
	close(fd);
	expect(has_changed());
	expect(!has_changed());
	put_file("d/x.service");
	expect(has_changed());
	expect_eq(rename("d/x.service", "d/y.service"), 0);
	expect(has_changed());
	expect_eq(rename("d/y.service", "y.service"), 0);
	expect(has_changed());
	expect_eq(rename("y.service", "d/x.service"), 0);
	expect(has_changed());
	expect_eq(chmod("d/x.service", 0400), 0);
	expect(has_changed());
	expect_eq(unlink("d/x.service"), 0);
	expect(has_changed());
	expect(!has_changed());
	end();
}

TEST(links_are_files_at_once)
{
	begin();
	expect_eq(symlink("../x", "d/x.service"), 0);
	expect(has_changed());
	put_file("d/y");
	expect(!has_changed());
	expect_eq(link("d/y", "d/y.service"), 0);
	expect(has_changed());
	end();
}

TEST(other_files_do_not_matter)
{
	begin();
	put_file("d/x.service.dpkg-new");
	put_file("d/service");
	put_file("unwatched/x.service");
	put_file("x.service");
	put_file("deeper");
	expect(!has_changed());
	expect_eq(rename("d/x.service.dpkg-new", "d/x.service"), 0);
	expect(has_changed());
	end();
}

TEST(directories_appear_later)
{
	begin();
	expect_eq(mkdir("deep", 0700), 0);
	has_changed();
	expect_eq(mkdir("deep/other", 0700), 0);
	expect(!has_changed());
	expect_eq(mkdir("deep/er", 0700), 0);
	has_changed();
	expect_eq(mkdir("deep/er/d", 0700), 0);
	expect(has_changed());
	put_file("deep/er/d/x.service");
	expect(has_changed());
	put_file("deep/er/x.service");
	expect(!has_changed());
	end();
}

TEST(directories_appear_at_once)
{
	begin();
	expect_eq(mkdir("new", 0700), 0);
	expect_eq(mkdir("new/er", 0700), 0);
	expect_eq(mkdir("new/er/d", 0700), 0);
	put_file("new/er/d/x.service");
	expect(!has_changed());
	expect_eq(rename("new", "deep"), 0);
	expect(has_changed());
	put_file("deep/er/d/y.service");
	expect(has_changed());
	end();
}

TEST(directories_go_and_come_again)
{
	begin();
	for (unsigned i = 0; i < 3; i++) {
		put_file("d/x.service");
		expect(has_changed());
		expect_eq(unlink("d/x.service"), 0);
		expect_eq(rmdir("d"), 0);
		expect(has_changed());
		expect(!has_changed());
		expect_eq(mkdir("d", 0700), 0);
		expect(has_changed());
		/* the old one moves away, and matters no more */
		expect_eq(rename("d", "old"), 0);
		expect(has_changed());
		put_file("old/x.service");
		expect(!has_changed());
		expect_eq(unlink("old/x.service"), 0);
		expect_eq(rename("old", "d"), 0);
		expect(has_changed());
	}
	end();
}

TEST(a_file_in_place_of_a_directory)
{
	begin();
	put_file("deep");
	has_changed();
	expect_eq(unlink("deep"), 0);
	expect_eq(mkdir("deep", 0700), 0);
	expect_eq(mkdir("deep/er", 0700), 0);
	expect_eq(mkdir("deep/er/d", 0700), 0);
	expect(has_changed());
	put_file("deep/er/d/x.service");
	expect(has_changed());
	end();
}

TEST(other_directories_from_now_on)
{
	char path[64];
	struct config_servicedir dir = {path, 0};

	begin();
	snprintf(path, sizeof(path), "%s/e", getcwd((char[64]){0}, 64));
	expect_eq(mkdir("e", 0700), 0);
	expect_eq(services_watch_set(watch, &dir, 1), 0);
	put_file("d/x.service");
	expect(!has_changed());
	put_file("e/x.service");
	expect(has_changed());
	expect_eq(services_watch_set(watch, NULL, 0), 0);
	put_file("e/x.service");
	expect(!has_changed());
	end();
}

TEST(what_cannot_be_watched_keeps_nobody_else_from_it)
{
	char d[64], file[64];
	struct config_servicedir dirs[] = {{"relative/way", 0}, {file, 0}, {d, 0}};

	begin();
	snprintf(d, sizeof(d), "%s/d", getcwd((char[64]){0}, 64));
	snprintf(file, sizeof(file), "%s/file/d", getcwd((char[64]){0}, 64));
	put_file("file");
	expect_eq(services_watch_set(watch, dirs, 3), -ENOENT);
	put_file("d/x.service");
	expect(has_changed());
	end();
}

TEST(two_directories_with_one_place)
{
	char one[64], two[64];
	struct config_servicedir dirs[] = {{one, 0}, {two, 0}};

	begin();
	snprintf(one, sizeof(one), "%s/d", getcwd((char[64]){0}, 64));
	snprintf(two, sizeof(two), "%s/d/below", getcwd((char[64]){0}, 64));
	expect_eq(services_watch_set(watch, dirs, 2), 0);
	put_file("d/x.service");
	expect(has_changed());
	expect_eq(mkdir("d/below", 0700), 0);
	expect(has_changed());
	put_file("d/below/x.service");
	expect(has_changed());
	put_file("d/y.service");
	expect(has_changed());
	end();
}

static bool stop_when_changed(void *userdata)
{
	if (n_changed)
		loop_stop(&loop);
	return false;
}

TEST(the_loop_tells_many_changes_once)
{
	begin();
	for (unsigned i = 0; i < 100; i++) {
		char path[32];

		snprintf(path, sizeof(path), "d/%u.service", i);
		put_file(path);
	}
	expect_eq(loop_run(&loop, stop_when_changed, NULL), 0);
	expect_eq(n_changed, 1);
	expect(!has_changed());
	end();
}

TEST(a_change_that_waits_is_told_when_asked_for)
{
	begin();
	put_file("d/x.service");
	expect(has_changed());
	expect_eq(n_changed, 1);
	/* and not again when the moment is over */
	put_file("d/x.service");
	expect_eq(loop_run(&loop, stop_when_changed, NULL), 0);
	expect(has_changed());
	expect_eq(n_changed, 2);
	end();
}
