/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of Exec: what is split, quoted and split again is the same */
#include <stdio.h>
#include <string.h>

#include "proxy/activation/service-exec.h"
#include "tests/fuzz/fuzz.h"

/* each argument in single quotes */
static void expect_round_trip(char *const *argv)
{
	char **again;
	char *exec;
	size_t size;
	FILE *f;

	f = open_memstream(&exec, &size);
	fuzz_expect(f);
	for (size_t i = 0; argv[i]; i++) {
		fputs(" '", f);
		for (const char *c = argv[i]; *c; c++) {
			if (*c == '\'')
				fputs("'\\''", f);
			else
				fputc(*c, f);
		}
		fputc('\'', f);
	}
	fuzz_expect(!fclose(f));
	fuzz_expect(service_exec_split(exec, &again) == 0);
	for (size_t i = 0; argv[i] || again[i]; i++)
		fuzz_expect(argv[i] && again[i] && !strcmp(argv[i], again[i]));
	free(again);
	free(exec);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *exec = malloc(size + 1);
	char **argv = NULL;
	int r;

	fuzz_expect(exec);
	if (size)
		memcpy(exec, bytes, size);
	exec[size] = '\0';
	r = service_exec_split(exec, &argv);
	free(exec);
	if (r) {
		fuzz_expect((r == SERVICE_EXEC_INVALID || r == SERVICE_EXEC_EMPTY) && !argv);
		return 0;
	}
	fuzz_expect(argv[0]);
	expect_round_trip(argv);
	free(argv);
	return 0;
}
