/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside a guest: ends the emulator with a status of our own, through isa-debug-exit */
#include <stdlib.h>
#include <sys/io.h>

#define PORT 0xf4

int main(int argc, char **argv)
{
	if (argc != 2 || ioperm(PORT, 1, 1) < 0)
		return EXIT_FAILURE;
	outb(atoi(argv[1]), PORT);
	return EXIT_FAILURE;
}
