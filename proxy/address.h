/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses that a bus listens at
 *
 *	transport:key=value,key=value;transport:...
 *
 * A semicolon separates alternatives: the first that works is used alone.  What
 * the text says, and no more: whether there is such a directory is the listener's
 * business.  Section "Server Addresses" of the specification.
 */
#pragma once

#include <stddef.h>

enum address_kind {
	ADDRESS_UNIX_PATH,     /* value: path of the socket */
	ADDRESS_UNIX_ABSTRACT, /* value: abstract name, without the NUL in front of it */
	ADDRESS_UNIX_DIR,      /* value: directory in which a socket is made */
	ADDRESS_UNIX_TMPDIR,   /* the same; an abstract name once, no longer */
	ADDRESS_UNIX_RUNTIME,  /* $XDG_RUNTIME_DIR/bus */
	ADDRESS_SYSTEMD,       /* the sockets that were passed to this process */
	ADDRESS_UNSUPPORTED,   /* value: a transport that is known, but not here */
	ADDRESS_UNKNOWN,       /* value: something else in place of the transport */
};

/**
 * struct address - one alternative
 * @value: owned, NUL-terminated, escapes resolved; NULL if the kind has none
 */
struct address {
	enum address_kind kind;
	char *value;
};

/**
 * struct address_list - the alternatives, at least one
 */
struct address_list {
	struct address *addresses; /* owned */
	size_t n_addresses;
};

#define ADDRESS_LIST_NULL                                                                          \
	{                                                                                          \
		NULL, 0                                                                            \
	}

#define ADDRESS_INVALID 1

/**
 * address_parse() - read a listen address
 * @list_out: written on success; to be released with address_list_deinit()
 * @reason_out: written with ADDRESS_INVALID: what is wrong; static
 *
 * Keys that the transport does not know are ignored, guid among them; of a key
 * that comes twice the first counts.
 *
 * Return: 0, ADDRESS_INVALID, or -ENOMEM.
 */
int address_parse(const char *text, struct address_list *list_out, const char **reason_out);
/* idempotent */
void address_list_deinit(struct address_list *list);

/* @value as it may stand in an address; from malloc(), or NULL without memory */
char *address_escape(const char *value);
