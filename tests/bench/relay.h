/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bare relay: the limit for a bus that is a process
 *
 * While a measure is set up it is as much of a bus as its clients need: it lets everybody
 * in, gives out unique names and answers every call.  Then it goes live: what the
 * last connection sends goes to all others, what those send goes to the last one.
 * It waits, receives, finds where messages end, and sends; it looks at nothing else
 * and refuses nothing.
 */
#pragma once

/* Serves @listener until @control is closed; a byte from there, which is sent back, means to go
 * live.  Return: the exit status. */
int relay_run(int listener, int control);
