/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What we think of service files
 *
 *	service-verdict FILE...
 *
 * One line each: "FILE<TAB>Name" and the arguments of Exec behind further tabs, or
 * "FILE<TAB>" and what is wrong with the file; where Exec cannot be split, "FILE<TAB>Name<TAB>!".
 * Bytes other than letters and digits are %XX.  For test-service-reference.py.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy-parser/config.h"
#include "proxy/activation/service-exec.h"
#include "proxy/activation/services.h"

static void print(const char *text)
{
	putchar('\t');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		printf(isascii(*c) && isalnum(*c) ? "%c" : "%%%02x", *c);
}

static void print_file(const char *path)
{
	struct service_file_error error;
	struct service_file file;
	char **argv;
	int r;

	printf("%s", path);
	r = service_file_read(&config_files_system, path, &file, &error);
	if (r) {
		printf("\t\t%s", r < 0 ? "unreadable" : error.text);
		return;
	}
	print(file.name);
	r = service_exec_split(file.exec, &argv);
	if (r) {
		print("!");
	} else {
		for (char **arg = argv; *arg; arg++)
			print(*arg);
		free(argv);
	}
	service_file_deinit(&file);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		print_file(argv[i]);
		putchar('\n');
	}
	return 0;
}
