/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands in for libFuzzer when the targets are not built for it
 *
 *	fuzz-x			replays the seed corpus, tests/fuzz/corpus/x
 *	fuzz-x FILE|DIR...	replays these
 *
 * Each file is a test.  A bug shows itself as a signal or a sanitizer's report,
 * so one file that fails ends the program; its name is the last thing printed.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { TIMEOUT_S = 20 };

static unsigned n_tests;

static void give_up(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(99);
}

static void replay_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *bytes;
	struct stat st;

	if (!file || fstat(fileno(file), &st) < 0)
		give_up(path);
	/* exactly as many bytes as there are, so that one read too far is seen */
	bytes = malloc(st.st_size);
	if (st.st_size && (!bytes || fread(bytes, st.st_size, 1, file) != 1))
		give_up(path);
	fclose(file);
	printf("# %s\n", path);
	fflush(stdout);
	alarm(TIMEOUT_S);
	LLVMFuzzerTestOneInput(bytes, st.st_size);
	alarm(0);
	free(bytes);
	printf("ok %u - %s\n", ++n_tests, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void replay(const char *path)
{
	struct dirent **entries;
	struct stat st;
	char *inner;
	int n;

	if (stat(path, &st) < 0)
		give_up(path);
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path);
		return;
	}
	n = scandir(path, &entries, is_visible, alphasort);
	if (n < 0)
		give_up(path);
	for (int i = 0; i < n; i++) {
		if (asprintf(&inner, "%s/%s", path, entries[i]->d_name) < 0)
			give_up("out of memory");
		replay(inner);
		free(inner);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	const char *top_srcdir = getenv("top_srcdir") ?: ".";
	const char *name = strstr(argv[0], "fuzz-");
	char *corpus;

	for (const char *p = name; p; p = strstr(p + 1, "fuzz-"))
		name = p;
	if (argc == 1) {
		if (!name || asprintf(&corpus, "%s/tests/fuzz/corpus/%s", top_srcdir, name + 5) < 0)
			give_up("no corpus");
		replay(corpus);
		free(corpus);
	}
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	printf("1..%u\n", n_tests);
	return n_tests ? 0 : 1;
}
