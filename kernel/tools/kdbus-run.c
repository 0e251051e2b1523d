/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kdbus-run: runs a program written for kdbusfs on a bus that another process serves
 *
 * Finds the directory of the server and the library that stands in for the file
 * system, and becomes the program.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "kernel/tools/directory.h"
#include "kernel/tools/preload.h"

#define LIBRARY "kdbus-run.so"

static void usage(FILE *file)
{
	fputs("usage: kdbus-run [--directory=DIRECTORY] [--] COMMAND [ARGUMENT...]\n", file);
}

/* beside this program where it was built, else where it is installed */
static const char *find_library(char room[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", room, PATH_MAX - sizeof(LIBRARY) - 1);
	char *slash;

	if (n > 0) {
		room[n] = '\0';
		slash = strrchr(room, '/');
		strcpy(slash + 1, LIBRARY);
		if (!access(room, R_OK))
			return room;
	}
	return BP_PKGLIBDIR "/" LIBRARY;
}

static int set_preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *all;
	int r;

	if (!others || !*others)
		return setenv("LD_PRELOAD", library, 1);
	if (asprintf(&all, "%s:%s", library, others) < 0)
		return -1;
	r = setenv("LD_PRELOAD", all, 1);
	free(all);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"directory", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	char room[PATH_MAX], absolute[PATH_MAX];
	const char *directory = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
		switch (c) {
		case 'd':
			directory = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			puts("kdbus-run " PACKAGE_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return 2;
	}
	if (!directory)
		directory = directory_find(true, room);
	if (!directory) {
		fputs("kdbus-run: no bus is served here; see --engine-socket of bus-proxyd(8)\n",
		      stderr);
		return 125;
	}
	if (!realpath(directory, absolute) || !directory_has_buses(absolute, true)) {
		fprintf(stderr, "kdbus-run: no bus is served in %s\n", directory);
		return 125;
	}
	if (setenv(PRELOAD_ROOT_VARIABLE, absolute, 1) < 0 || set_preload(find_library(room)) < 0) {
		fprintf(stderr, "kdbus-run: %s\n", strerror(errno));
		return 125;
	}
	execvp(argv[optind], argv + optind);
	fprintf(stderr, "kdbus-run: %s: %s\n", argv[optind], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
