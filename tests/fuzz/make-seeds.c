/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seeds for fuzz-wire out of the messages that are written down as text
 *
 *	make-seeds OUTDIR FILE...
 *
 * "make seeds" calls it; run it when tests/data/messages/valid has changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/harness/tap.h"
#include "tests/unit/proxy/message-text.h"

/* what it needs of the test runner */
void fail_at(const char *file, int line, const char *format, ...)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, format);
	exit(1);
}

void tap_expect_int(const char *file, int line, const char *ta, const char *tb, const char *op,
		    bool ok, long long a, long long b)
{
	if (!ok)
		fail_at(file, line, "a word in the wrong place");
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		const char *name = strrchr(argv[i], '/') ? strrchr(argv[i], '/') + 1 : argv[i];
		struct message_text text;
		char path[1024];
		FILE *file;

		message_text_read(argv[i], &text);
		snprintf(path, sizeof(path), "%s/message-%s", argv[1], name);
		file = fopen(path, "we");
		/* 0: what follows is a message */
		if (!file || fputc(0, file) == EOF || fwrite(text.bytes, text.size, 1, file) != 1 ||
		    fclose(file)) {
			perror(path);
			return 1;
		}
		message_text_deinit(&text);
	}
	return 0;
}
