/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages written down as text
 *
 * Words between blanks, each of which gives bytes:
 *
 *	6c01		hex
 *	"text"		its characters; no blanks and no escapes in it
 *	=5		a number of 32 bits, aligned, in the byte order of the message
 *	pad		zeros up to the next multiple of 8
 *	"m"*255		anything of the first two, repeated
 *
 * or say something:
 *
 *	little, big	the byte order of numbers; the first word
 *	fields		the array of fields starts here
 *	fields-end	and ends here, if what pads it is not zero
 *	body		the body starts here; pads, and fills in the length of the fields
 *	fields-size =5	the length of the fields is this, whatever it is
 *	body-size =5	the same for the body, whose length is filled in at the end
 *
 * # starts a comment; a line "outcome: ..." says what wire_outcome_text() gives.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct message_text {
	uint8_t *bytes; /* owned */
	size_t size;
	char outcome[80]; /* "" if there is none */
};

/* reads a file; ends the test if it cannot be read or understood */
void message_text_read(const char *path, struct message_text *text);
void message_text_deinit(struct message_text *text);
