/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hexadecimal digits */
#pragma once

/* what a digit of either case stands for; -1: it is none */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
