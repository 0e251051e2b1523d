/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing D-Bus messages
 *
 * For what the bus itself says: replies, errors and signals of the driver.  In
 * native byte order.  The first failure (no memory, or longer than the format
 * allows) poisons the writer, all later calls do nothing, and
 * wire_writer_finish() returns it: callers check once.
 *
 *	wire_writer_init(&w, WIRE_RETURN, WIRE_NO_REPLY_EXPECTED, serial);
 *	wire_put_field_u32(&w, WIRE_FIELD_REPLY_SERIAL, 7);
 *	wire_put_field_string(&w, WIRE_FIELD_DESTINATION, ":1.3");
 *	wire_put_body(&w, "as");
 *	mark = wire_put_array(&w, 4);
 *	wire_put_string(&w, "a.b");
 *	wire_end_array(&w, mark, 4);
 *	r = message_new_finish(&w, &message);
 */
#pragma once

#include "proxy/wire.h"

struct wire_writer {
	uint8_t *bytes; /* owned */
	size_t size;
	size_t capacity;
	size_t body_at; /* 0 while the header is being written */
	int error;	/* 0, or the first failure */
};

void wire_writer_init(struct wire_writer *writer, enum wire_type type, uint8_t flags,
		      uint32_t serial);
/* idempotent; frees what was not handed out */
void wire_writer_deinit(struct wire_writer *writer);

/* header fields, in any order, each at most once; the code decides the type (o, s or u) */
void wire_put_field_string(struct wire_writer *writer, enum wire_field field, const char *text);
void wire_put_field_u32(struct wire_writer *writer, enum wire_field field, uint32_t value);

/* ends the header; SIGNATURE is written unless @signature is empty */
void wire_put_body(struct wire_writer *writer, const char *signature);

/* values, which the caller puts in the order that the signature announced */
void wire_put_byte(struct wire_writer *writer, uint8_t value);
void wire_put_bool(struct wire_writer *writer, bool value);
void wire_put_u32(struct wire_writer *writer, uint32_t value);
void wire_put_u64(struct wire_writer *writer, uint64_t value);
void wire_put_string(struct wire_writer *writer, const char *text); /* object paths as well */
void wire_put_signature(struct wire_writer *writer, const char *signature);
void wire_put_bytes(struct wire_writer *writer, const void *bytes, size_t size); /* no alignment */
/* a variant: its signature; the value follows */
void wire_put_variant(struct wire_writer *writer, const char *signature);
/* an array: returns a mark for wire_end_array(); elements follow */
size_t wire_put_array(struct wire_writer *writer, unsigned element_alignment);
void wire_end_array(struct wire_writer *writer, size_t mark, unsigned element_alignment);
/* aligns to 8: a struct or a dict entry begins */
void wire_put_struct(struct wire_writer *writer);

/**
 * wire_writer_finish() - the bytes of the message
 * @bytes_out: from malloc(), the caller's
 *
 * Without wire_put_body() the message has no body.  The writer is empty
 * afterwards, whatever the result.
 *
 * Return: 0, -ENOMEM, or -EMSGSIZE.
 */
int wire_writer_finish(struct wire_writer *writer, uint8_t **bytes_out, size_t *size_out);
