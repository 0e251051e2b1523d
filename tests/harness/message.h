/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus messages for tests
 *
 * Written from the specification alone and sharing nothing with the code under
 * test: a mistake made twice must not cancel itself out.  What is written may
 * be broken in any way; what is parsed is checked to the last byte, so that a
 * bus which hands out anything malformed fails the test that sees it.
 *
 * Running out of memory ends the test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MSG_CALL = 1, MSG_RETURN, MSG_ERROR, MSG_SIGNAL };
enum { MSG_NO_REPLY = 1, MSG_NO_AUTO_START = 2, MSG_INTERACTIVE = 4 };
enum {
	FIELD_PATH = 1,
	FIELD_INTERFACE,
	FIELD_MEMBER,
	FIELD_ERROR_NAME,
	FIELD_REPLY_SERIAL,
	FIELD_DESTINATION,
	FIELD_SENDER,
	FIELD_SIGNATURE,
	FIELD_UNIX_FDS,
};
enum { MSG_HEADER_SIZE = 16, MSG_MAX_FDS = 253, MSG_MAX_SIZE = 1 << 27 };

#define DRIVER_NAME  "org.freedesktop.DBus"
#define DRIVER_PATH  "/org/freedesktop/DBus"
#define DRIVER_ERROR "org.freedesktop.DBus.Error."

/* Bytes that grow */
struct blob {
	uint8_t *data;
	size_t size, capacity;
	bool big; /* numbers are written in big-endian order */
};

void blob_free(struct blob *blob);
void blob_bytes(struct blob *blob, const void *data, size_t size);
void blob_zero(struct blob *blob, size_t size);
void blob_align(struct blob *blob, size_t alignment);
void blob_u8(struct blob *blob, uint8_t value);
/* these align themselves */
void blob_u16(struct blob *blob, uint16_t value);
void blob_u32(struct blob *blob, uint32_t value);
void blob_u64(struct blob *blob, uint64_t value);
void blob_string(struct blob *blob, const char *text);
void blob_signature(struct blob *blob, const char *text);
/* overwrites a number that is there already */
void blob_put_u32(struct blob *blob, size_t offset, uint32_t value);
/* bytes in hex, blanks ignored */
void blob_hex(struct blob *blob, const char *hex);

/* A message: to be sent or received.  Absent fields are NULL or 0. */
struct msg {
	struct msg *next; /* the receiving connection's */
	char endian;	  /* 'l' or 'B' */
	uint8_t type, flags, version;
	uint32_t serial, reply_serial;
	char *path, *interface, *member, *error_name, *destination, *sender, *signature;
	uint32_t unix_fds;
	unsigned int n_unknown_fields; /* received ones with codes above UNIX_FDS */
	struct blob extra;	       /* further header fields, encoded; see msg_field() */
	struct blob body;
	struct blob raw;      /* all bytes, of a received message */
	int fds[MSG_MAX_FDS]; /* owned */
	unsigned int n_fds;
};

/* Arguments may be NULL: the field is then left out. */
struct msg *msg_new(uint8_t type);
struct msg *msg_call(const char *destination, const char *path, const char *interface,
		     const char *member);
struct msg *msg_signal(const char *path, const char *interface, const char *member);
struct msg *msg_return(const struct msg *call);
struct msg *msg_error(const struct msg *call, const char *error_name);
struct msg *msg_free(struct msg *msg);

/* The following change a message and return it. */
struct msg *msg_flags(struct msg *msg, uint8_t flags);
struct msg *msg_to(struct msg *msg, const char *destination);
/* everything after this is big-endian: first thing to call */
struct msg *msg_big(struct msg *msg);
/* Appends values: basic types; arrays as their number of elements followed by
 * the elements; structs and dict entries as their members; variants as
 * signature and value.
 */
struct msg *msg_append(struct msg *msg, const char *signature, ...);
/* body as it is, with this signature */
struct msg *msg_body(struct msg *msg, const char *signature, const void *data, size_t size);
/* A duplicate of fd goes with the message and UNIX_FDS counts it. */
struct msg *msg_attach(struct msg *msg, int fd);
/* A further header field; value as in msg_append(). */
struct msg *msg_field(struct msg *msg, uint8_t code, const char *signature, ...);

void msg_encode(const struct msg *msg, struct blob *out);

/* Returns the size of the message that starts with these 16 bytes, 0 if no
 * message starts so. */
size_t msg_size(const uint8_t *header);
/* Parses exactly one message and checks all of it.  Returns NULL, or what is
 * wrong with it. */
const char *msg_parse(const uint8_t *data, size_t size, struct msg **msg_out);
/* Whether text is a signature: any number of complete types. */
bool is_signature(const char *text);

/* A position in the body of a received message. */
struct reader {
	const uint8_t *data;
	size_t size, pos;
	bool big;
};

struct reader msg_reader(const struct msg *msg);
void read_align(struct reader *r, size_t alignment);
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
const char *read_string(struct reader *r);
const char *read_signature(struct reader *r);
/* steps over one value; *signature moves to the next type */
void read_skip(struct reader *r, const char **signature);

/* Reads leading basic values: "su" stores a const char * and a uint32_t. Fails
 * the test unless the message's signature starts so. */
void msg_read(const struct msg *msg, const char *signature, ...);
/* Reads the whole body as one array of strings; the caller frees the array,
 * not the strings. Ends with NULL. */
const char **msg_read_strings(const struct msg *msg, size_t *n_out);
/* Looks key up in a body of type a{sv}: true and the reader stands at the value
 * whose type is *signature. */
bool msg_find(const struct msg *msg, const char *key, const char **signature_out,
	      struct reader *reader_out);
