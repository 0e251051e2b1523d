/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* abi-run PROGRAM [ARGUMENT...]: an ABI test on the file carrier, under kdbus-run
 *
 * What kdbus-run leads to is a server as the remote carrier has it, of the profile that
 * ABI_PROFILE says.  KDBUS_RUN is the program if it is not in the folder of the build.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/carrier.h"

static void run(char **argv)
{
	const char *kdbus_run = getenv("KDBUS_RUN") ?: "./kdbus-run";
	char option[96], control[16], *args[64];
	int n = 0;

	snprintf(option, sizeof(option), "--directory=%s", abi_remote_dir());
	/* the program has it too */
	snprintf(control, sizeof(control), "%d", fcntl(abi_remote_control(), F_DUPFD, 3));
	setenv("ABI_CARRIER", "file", 1);
	setenv("ABI_CONTROL", control, 1);
	unsetenv("ABI_ROOT");
	args[n++] = (char *)kdbus_run;
	args[n++] = option;
	args[n++] = "--";
	while (*argv && n < 63)
		args[n++] = *argv++;
	args[n] = NULL;
	execvp(args[0], args);
	fprintf(stderr, "abi-run: %s: %s\n", args[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	const char *profile = getenv("ABI_PROFILE");
	int status, r;
	pid_t pid;

	if (argc < 2)
		return 2;
	r = abi_remote.begin(profile && strcmp(profile, "P1") == 0);
	if (r < 0) {
		fprintf(stderr, "abi-run: %s\n", strerror(-r));
		return 1;
	}
	pid = fork();
	if (pid == 0)
		run(argv + 1);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	abi_remote.end();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
