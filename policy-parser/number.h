/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers in a configuration */
#pragma once

/**
 * number_parse() - an integer as C writes it
 * @text: blanks, a sign, "0x" hexadecimal, "0" octal or decimal
 * @number_out: its value
 * @end_out: what stands behind it, which is ignored by tradition: "12x" is 12
 *
 * Return: 0, -EINVAL (no number), -ERANGE.
 */
int number_parse(const char *text, long long *number_out, const char **end_out);
