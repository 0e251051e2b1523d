/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signatures: section "Valid Signatures" of the specification
 *
 * One pass with a stack of what is open.  The stack remembers the kind of each
 * bracket, so that "(a{s)}" cannot pass for something that nests.
 */
#include "proxy/wire-inner.h"

static inline bool is_basic(char code)
{
	switch (code) {
	case 'y':
	case 'b':
	case 'n':
	case 'q':
	case 'i':
	case 'u':
	case 'x':
	case 't':
	case 'd':
	case 'h':
	case 's':
	case 'o':
	case 'g':
		return true;
	default:
		return false;
	}
}

int wire_signature_count(const char *signature, size_t len)
{
	/* a: an array that waits for its element; ( and {: a struct without members, a dict entry
	 * without a key; ) a struct with members; : and }: a dict entry with key, with both */
	char open[3 * WIRE_MAX_NESTED];
	unsigned n_open = 0, n_arrays = 0, n_structs = 0;
	int n_types = 0;

	if (len > WIRE_MAX_SIGNATURE)
		return -1;
	for (size_t i = 0; i < len; i++) {
		char code = signature[i];
		bool is_key = is_basic(code);

		switch (code) {
		case 'a':
			if (n_arrays++ == WIRE_MAX_NESTED)
				return -1;
			open[n_open++] = 'a';
			continue;
		case '(':
			if (n_structs++ == WIRE_MAX_NESTED)
				return -1;
			open[n_open++] = '(';
			continue;
		case '{':
			/* one per array at most, so arrays bound them */
			if (!n_open || open[n_open - 1] != 'a')
				return -1;
			open[n_open++] = '{';
			continue;
		case ')':
			if (!n_open || open[n_open - 1] != ')')
				return -1;
			n_open--;
			n_structs--;
			break;
		case '}':
			if (!n_open || open[n_open - 1] != '}')
				return -1;
			n_open--;
			break;
		default:
			if (!is_key && code != 'v')
				return -1;
			break;
		}

		/* a complete type, and so is each array that was waiting for it */
		while (n_open && open[n_open - 1] == 'a') {
			n_open--;
			n_arrays--;
			is_key = false;
		}
		if (!n_open) {
			n_types++;
			continue;
		}
		switch (open[n_open - 1]) {
		case '(':
			open[n_open - 1] = ')';
			break;
		case '{':
			if (!is_key)
				return -1;
			open[n_open - 1] = ':';
			break;
		case ':':
			open[n_open - 1] = '}';
			break;
		case '}': /* a third member */
			return -1;
		}
	}
	return n_open ? -1 : n_types;
}

bool wire_signature_is_valid(const char *signature, size_t len)
{
	return wire_signature_count(signature, len) >= 0;
}

const char *wire_signature_skip(const char *signature)
{
	unsigned depth = 0;

	while (*signature == 'a')
		signature++;
	do {
		switch (*signature++) {
		case '\0': /* a signature that nobody checked */
			return signature - 1;
		case '(':
		case '{':
			depth++;
			break;
		case ')':
		case '}':
			depth--;
			break;
		}
	} while (depth);
	return signature;
}
