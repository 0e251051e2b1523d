/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Malformed messages.  Each row of the tables is one way to be wrong, or one way
 * to be odd and yet right.  The wrong ones disconnect their sender and nobody
 * else, and no byte of them reaches anybody; the odd ones arrive as they are.
 *
 * Three tables: the fixed header patched, a header field added or replaced, and
 * a body with its signature.
 */
#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	struct subject *subject;
	struct conn *a, *b; /* the good pair; b is also the addressee of the bad */
	int n_wrong;
};

static struct fixture fixture_start(void)
{
	struct fixture f = {.subject = subject_start(NULL)};

	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	expect_str(f.b->unique, subject_names(":1.1"));
	return f;
}

static void expect_talk(struct fixture *f)
{
	uint32_t serial = conn_send(f->a, msg_call(f->b->unique, "/", "a.b", "Ask"));
	struct msg *call = conn_find_call(f->b, "Ask");

	conn_send(f->b, msg_return(call));
	msg_free(call);
	expect_return(conn_reply(f->a, serial));
}

static void fixture_stop(struct fixture *f)
{
	expect_talk(f);
	expect_quiet(f->a);
	expect_quiet(f->b);
	expect_eq(f->n_wrong, 0);
	conn_close(f->a);
	conn_close(f->b);
	subject_stop(f->subject);
}

/* Sends bytes as a new client and sees what becomes of it and of them: they must
 * arrive (body as given, if any) or end the client. */
static void try_bytes(struct fixture *f, const char *name, const struct blob *bytes, bool valid,
		      const struct blob *body)
{
	struct conn *conn = conn_new(f->subject->address);
	uint32_t serial = ++conn->serial;
	struct msg *reply = NULL, *got = NULL;
	struct blob all = {0}, ping = {0};
	struct msg *get_id = driver_msg("GetId");

	/* a question behind it: whoever is still answered has not been disconnected */
	get_id->serial = serial;
	msg_encode(get_id, &ping);
	msg_free(get_id);
	blob_bytes(&all, bytes->data, bytes->size);
	blob_bytes(&all, ping.data, ping.size);
	conn_write(conn, all.data, all.size);
	while (!reply && (reply = conn_recv(conn, WAIT_MS)))
		if (reply->reply_serial != serial)
			reply = msg_free(reply);
	conn_sync(f->b);
	if (f->b->inbox)
		got = conn_next(f->b);
	if (valid && (!reply || !got)) {
		note("%s: %s", name, reply ? "does not arrive" : "disconnects");
		f->n_wrong++;
	} else if (!valid && (reply || got)) {
		note("%s: %s", name, got ? "arrives" : "does not disconnect");
		f->n_wrong++;
	} else if (valid && body) {
		if (got->body.size != body->size ||
		    (body->size && memcmp(got->body.data, body->data, body->size))) {
			note("%s: arrives changed", name);
			f->n_wrong++;
		}
	}
	if (!reply && !conn->eof)
		fail("%s: neither answered nor disconnected", name);
	msg_free(reply);
	msg_free(got);
	conn_drop(f->b);
	blob_free(&all);
	blob_free(&ping);
	conn_close(conn);
}

static struct msg *signal_to_b(struct fixture *f)
{
	struct msg *msg = msg_to(msg_signal("/p", "a.b", "C"), f->b->unique);

	msg->serial = 1000;
	return msg;
}

/* The fixed header, patched. The message itself is good: a signal with "u". */

static const struct patch {
	const char *name;
	size_t offset;
	const char *hex;
	bool valid;
} patches[] = {
	{"nothing", 0, "", true},
	{"byte order 'b'", 0, "62", false},
	{"byte order 'L'", 0, "4c", false},
	{"byte order 0", 0, "00", false},
	{"byte order of the other kind", 0, "42", false},
	{"type 0", 1, "00", false},
	{"unknown flags", 2, "f8", true},
	{"every flag", 2, "ff", true},
	{"version 0", 3, "00", false},
	{"version 2", 3, "02", false},
	{"version 255", 3, "ff", false},
	{"body one byte shorter than its value", 4, "03000000", false},
	{"no body at all", 4, "00000000", false},
	{"body of 128 MiB", 4, "00000008", false},
	{"body of 4 GiB", 4, "ffffffff", false},
	{"serial 0", 8, "00000000", false},
	{"largest serial", 8, "ffffffff", true},
	{"fields of 64 MiB and one", 12, "01000004", false},
	{"fields of 4 GiB", 12, "ffffffff", false},
	{"fields that overflow with padding", 12, "f9ffffff", false},
	{"no fields", 12, "00000000", false},
	{"field array ends inside a field", 12, "09000000", false},
};

TEST(fixed_header)
{
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(patches); i++) {
		struct blob bytes = {0}, patch = {0};
		struct msg *msg = msg_append(signal_to_b(&f), "u", 7);

		msg_encode(msg, &bytes);
		blob_hex(&patch, patches[i].hex);
		if (patch.size)
			memcpy(bytes.data + patches[i].offset, patch.data, patch.size);
		try_bytes(&f, patches[i].name, &bytes, patches[i].valid, NULL);
		blob_free(&bytes);
		blob_free(&patch);
		msg_free(msg);
	}
	fixture_stop(&f);
}

/* Header fields. The message is a signal to b with body "u"; the field named by
 * drop (if any) is left out, and one is added as raw bytes: code, signature,
 * value. */

static const struct field {
	const char *name;
	int drop;
	int code;
	const char *signature;
	const char *hex;  /* of the value, from an offset that is a multiple of 8 */
	const char *text; /* or a string-like value */
	bool valid;
} fields[] = {
	{"nothing added", 0, -1, NULL, NULL, NULL, true},
	{"code 0", 0, 0, "s", NULL, "x", false},
	/* unknown codes */
	{"code 10", 0, 10, "o", NULL, "/x", true},
	{"unknown string", 0, 100, "s", NULL, "x", true},
	{"unknown with bad UTF-8", 0, 100, "s", NULL, "\xff", false},
	{"unknown with a bad path", 0, 100, "o", NULL, "x", false},
	{"unknown with a bad boolean", 0, 100, "b", "02000000", NULL, false},
	{"unknown with no signature", 0, 100, "", "", NULL, false},
	{"unknown with two types", 0, 100, "uu", "0100000002000000", NULL, false},
	{"unknown with a bad signature", 0, 100, "z", "01", NULL, false},
	{"unknown with half an array", 0, 100, "a", "00000000", NULL, false},
	{"unknown code 255", 0, 255, "y", "01", NULL, true},
	/* of wrong type */
	{"path as string", FIELD_PATH, FIELD_PATH, "s", NULL, "/p", false},
	{"interface as path", FIELD_INTERFACE, FIELD_INTERFACE, "o", NULL, "/p", false},
	{"member as signature", FIELD_MEMBER, FIELD_MEMBER, "g", NULL, "s", false},
	{"destination as path", 0, FIELD_SENDER, "o", NULL, "/p", false},
	{"signature as string", FIELD_SIGNATURE, FIELD_SIGNATURE, "s", NULL, "u", false},
	{"reply serial as string", 0, FIELD_REPLY_SERIAL, "s", NULL, "1", false},
	{"reply serial as i", 0, FIELD_REPLY_SERIAL, "i", "01000000", NULL, false},
	{"fds as string", 0, FIELD_UNIX_FDS, "s", NULL, "0", false},
	{"path in a variant", FIELD_PATH, FIELD_PATH, "v", "016f0000020000002f7000", NULL, false},
	/* twice */
	{"path twice", 0, FIELD_PATH, "o", NULL, "/p", false},
	{"interface twice", 0, FIELD_INTERFACE, "s", NULL, "a.b", false},
	{"member twice", 0, FIELD_MEMBER, "s", NULL, "C", false},
	{"destination twice", 0, FIELD_DESTINATION, "s", NULL, ":1.1", false},
	{"signature twice", 0, FIELD_SIGNATURE, "g", NULL, "u", false},
	/* missing */
	{"no path", FIELD_PATH, -1, NULL, NULL, NULL, false},
	{"no interface", FIELD_INTERFACE, -1, NULL, NULL, NULL, false},
	{"no member", FIELD_MEMBER, -1, NULL, NULL, NULL, false},
	{"no signature, but a body", FIELD_SIGNATURE, -1, NULL, NULL, NULL, false},
	/* known ones where nobody needs them */
	{"error name on a signal", 0, FIELD_ERROR_NAME, "s", NULL, "a.b", true},
	{"reply serial on a signal", 0, FIELD_REPLY_SERIAL, "u", "09000000", NULL, true},
	{"reply serial 0", 0, FIELD_REPLY_SERIAL, "u", "00000000", NULL, false},
	{"fds 0", 0, FIELD_UNIX_FDS, "u", "00000000", NULL, true},
	{"fds 1, but none comes", 0, FIELD_UNIX_FDS, "u", "01000000", NULL, false},
	{"sender", 0, FIELD_SENDER, "s", NULL, "x.y", true},
	{"sender that is no name", 0, FIELD_SENDER, "s", NULL, "x", false},
	{"bad error name on a signal", 0, FIELD_ERROR_NAME, "s", NULL, "a", false},
	/* paths */
	{"path /", FIELD_PATH, FIELD_PATH, "o", NULL, "/", true},
	{"path with digits", FIELD_PATH, FIELD_PATH, "o", NULL, "/1/_2", true},
	{"path without slash", FIELD_PATH, FIELD_PATH, "o", NULL, "p", false},
	{"path with a trailing slash", FIELD_PATH, FIELD_PATH, "o", NULL, "/p/", false},
	{"path with two slashes", FIELD_PATH, FIELD_PATH, "o", NULL, "//", false},
	{"path with a hyphen", FIELD_PATH, FIELD_PATH, "o", NULL, "/a-b", false},
	{"path with a dot", FIELD_PATH, FIELD_PATH, "o", NULL, "/a.b", false},
	{"empty path", FIELD_PATH, FIELD_PATH, "o", NULL, "", false},
	{"path of the local object", FIELD_PATH, FIELD_PATH, "o", NULL,
	 "/org/freedesktop/DBus/Local", false},
	/* interfaces */
	{"interface with one element", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, "a", false},
	{"empty interface", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, "", false},
	{"interface with a hyphen", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, "a.b-c", false},
	{"interface with a digit first", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, "a.1", false},
	{"interface with digits", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, "a1._2", true},
	{"interface with two dots", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, "a..b", false},
	{"interface with a dot last", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, "a.b.", false},
	{"interface with a dot first", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL, ".a.b", false},
	{"local interface", FIELD_INTERFACE, FIELD_INTERFACE, "s", NULL,
	 "org.freedesktop.DBus.Local", false},
	/* members */
	{"empty member", FIELD_MEMBER, FIELD_MEMBER, "s", NULL, "", false},
	{"member with a dot", FIELD_MEMBER, FIELD_MEMBER, "s", NULL, "a.b", false},
	{"member with a digit first", FIELD_MEMBER, FIELD_MEMBER, "s", NULL, "1a", false},
	{"member with a hyphen", FIELD_MEMBER, FIELD_MEMBER, "s", NULL, "a-b", false},
	{"member with a digit", FIELD_MEMBER, FIELD_MEMBER, "s", NULL, "_1", true},
	{"member with an umlaut", FIELD_MEMBER, FIELD_MEMBER, "s", NULL, "\xc3\xa4", false},
	/* destinations */
	{"destination with one element", FIELD_DESTINATION, FIELD_DESTINATION, "s", NULL, "a",
	 false},
	{"empty destination", FIELD_DESTINATION, FIELD_DESTINATION, "s", NULL, "", false},
	{"destination with an empty element", FIELD_DESTINATION, FIELD_DESTINATION, "s", NULL,
	 ":1..2", false},
	{"destination with a dot last", FIELD_DESTINATION, FIELD_DESTINATION, "s", NULL, ":1.",
	 false},
	{"destination :.", FIELD_DESTINATION, FIELD_DESTINATION, "s", NULL, ":.", false},
	{"destination with a slash", FIELD_DESTINATION, FIELD_DESTINATION, "s", NULL, "a.b/c",
	 false},
	/* signatures: the body is four bytes */
	{"signature i", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "i", true},
	{"signature yyyy", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "yyyy", true},
	{"signature (u)", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "(u)", true},
	{"empty signature", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "", false},
	{"unknown type z", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "z", false},
	{"reserved type r", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "r", false},
	{"reserved type e", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "e", false},
	{"reserved type m", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "mu", false},
	{"reserved type ?", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "?", false},
	{"reserved type *", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "*", false},
	{"reserved type @", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "@u", false},
	{"reserved type &", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "&s", false},
	{"reserved type ^", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "^as", false},
	{"open struct", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "(u", false},
	{"closed struct", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "u)", false},
	{"empty struct", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "()", false},
	{"array of nothing", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a", false},
	{"dict entry alone", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "{uu}", false},
	{"dict entry with one member", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a{u}", false},
	{"dict entry with three", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a{uuu}", false},
	{"dict entry with none", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a{}", false},
	{"dict entry with a variant first", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a{vu}",
	 false},
	{"dict entry with a struct first", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a{(u)u}",
	 false},
	{"dict entry with an array first", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a{auu}",
	 false},
	{"brackets crossed", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "a{s(u})", false},
	{"brackets crossed again", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "(a{su)}", false},
	{"struct closed as dict", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL, "(u}", false},
	{"32 arrays", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaau", true},
	{"33 arrays", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL,
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaau", false},
	{"32 structs", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL,
	 "((((((((((((((((((((((((((((((((u))))))))))))))))))))))))))))))))", true},
	{"33 structs", FIELD_SIGNATURE, FIELD_SIGNATURE, "g", NULL,
	 "(((((((((((((((((((((((((((((((((u)))))))))))))))))))))))))))))))))", false},
};

static void encode_field(const struct field *field, struct blob *extra)
{
	blob_u8(extra, field->code);
	blob_signature(extra, field->signature);
	if (field->text && field->signature[0] == 'g') {
		blob_signature(extra, field->text);
	} else if (field->text) {
		blob_string(extra, field->text);
	} else {
		/* only numbers and a variant: four is enough of alignment */
		if (*field->hex && !strchr("yv", *field->signature))
			blob_align(extra, 4);
		blob_hex(extra, field->hex);
	}
}

static void drop_field(struct msg *msg, int code)
{
	char **const strings[] = {
		[FIELD_PATH] = &msg->path,	     [FIELD_INTERFACE] = &msg->interface,
		[FIELD_MEMBER] = &msg->member,	     [FIELD_DESTINATION] = &msg->destination,
		[FIELD_SIGNATURE] = &msg->signature,
	};

	free(*strings[code]);
	*strings[code] = NULL;
}

TEST(header_fields)
{
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(fields); i++) {
		struct msg *msg = msg_append(signal_to_b(&f), "u", 0);
		struct blob bytes = {0};

		if (fields[i].drop)
			drop_field(msg, fields[i].drop);
		if (fields[i].code >= 0)
			encode_field(&fields[i], &msg->extra);
		msg_encode(msg, &bytes);
		try_bytes(&f, fields[i].name, &bytes, fields[i].valid, &msg->body);
		blob_free(&bytes);
		msg_free(msg);
	}
	fixture_stop(&f);
}

/* The reference refuses what starts with the local path: DIFFERENCES local-path. */
TEST(path_below_the_local_object)
{
	static const char *const paths[] = {
		"/org/freedesktop/DBus/Local/x",
		"/org/freedesktop/DBus/Localx",
	};
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(paths); i++) {
		struct msg *msg = signal_to_b(&f);
		struct blob bytes = {0};

		drop_field(msg, FIELD_PATH);
		msg_field(msg, FIELD_PATH, "o", paths[i]);
		msg_encode(msg, &bytes);
		try_bytes(&f, paths[i], &bytes, !subject_is_reference(), NULL);
		blob_free(&bytes);
		msg_free(msg);
	}
	fixture_stop(&f);
}

/* What each type requires */

TEST(required_fields)
{
	static const struct {
		const char *name;
		uint8_t type;
		bool path, interface, member, error, serial, valid;
	} cases[] = {
		{"call with path and member", MSG_CALL, 1, 0, 1, 0, 0, true},
		{"call without path", MSG_CALL, 0, 1, 1, 0, 0, false},
		{"call without member", MSG_CALL, 1, 1, 0, 0, 0, false},
		{"signal without path", MSG_SIGNAL, 0, 1, 1, 0, 0, false},
		{"signal without interface", MSG_SIGNAL, 1, 0, 1, 0, 0, false},
		{"signal without member", MSG_SIGNAL, 1, 1, 0, 0, 0, false},
		{"return without reply serial", MSG_RETURN, 0, 0, 0, 0, 0, false},
		{"error without reply serial", MSG_ERROR, 0, 0, 0, 1, 0, false},
		{"error without name", MSG_ERROR, 0, 0, 0, 0, 1, false},
		{"signal with everything", MSG_SIGNAL, 1, 1, 1, 1, 1, true},
		{"call with everything", MSG_CALL, 1, 1, 1, 1, 1, true},
	};
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(cases); i++) {
		struct msg *msg = msg_to(msg_new(cases[i].type), f.b->unique);
		struct blob bytes = {0};

		msg->serial = 1000;
		msg->flags = MSG_NO_REPLY;
		msg->path = cases[i].path ? strdup("/p") : NULL;
		msg->interface = cases[i].interface ? strdup("a.b") : NULL;
		msg->member = cases[i].member ? strdup("C") : NULL;
		msg->error_name = cases[i].error ? strdup("a.b") : NULL;
		msg->reply_serial = cases[i].serial ? 5 : 0;
		msg_encode(msg, &bytes);
		try_bytes(&f, cases[i].name, &bytes, cases[i].valid, NULL);
		blob_free(&bytes);
		msg_free(msg);
	}
	fixture_stop(&f);
}

/* Bodies, little-endian */

static const struct body {
	const char *name, *signature, *hex;
	bool valid;
} bodies[] = {
	/* numbers */
	{"byte", "y", "ff", true},
	{"two bytes for one", "y", "ffff", false},
	{"no bytes for one", "y", "", false},
	{"u cut short", "u", "010000", false},
	{"padding between", "yu", "01 000000 02000000", true},
	{"padding not zero", "yu", "01 000001 02000000", false},
	{"padding to 8", "yt", "01 00000000000000 0200000000000000", true},
	{"padding to 8 not zero", "yt", "01 00000000000100 0200000000000000", false},
	{"padding to 2", "yq", "01 00 0200", true},
	{"padding to 2 not zero", "yn", "01 ff 0200", false},
	{"boolean 0", "b", "00000000", true},
	{"boolean 1", "b", "01000000", true},
	{"boolean 2", "b", "02000000", false},
	{"boolean 0x01000000", "b", "00000001", false},
	{"boolean -1", "b", "ffffffff", false},
	{"double of any bits", "d", "ffffffffffffffff", true},
	{"a signalling NaN", "d", "010000000000f07f", true},
	/* strings */
	{"empty string", "s", "00000000 00", true},
	{"string", "s", "02000000 6869 00", true},
	{"string without NUL", "s", "02000000 6869", false},
	{"string with another end", "s", "02000000 6869 01", false},
	{"string longer than the body", "s", "03000000 6869 00", false},
	{"string with NUL inside", "s", "03000000 680069 00", false},
	{"string of 4 GiB", "s", "ffffffff 6869 00", false},
	{"string of 2 GiB", "s", "ffffff7f 6869 00", false},
	{"string shorter than its bytes", "s", "01000000 6869 00", false},
	/* UTF-8 */
	{"UTF-8, two bytes", "s", "02000000 c3a4 00", true},
	{"UTF-8, three bytes", "s", "03000000 e282ac 00", true},
	{"UTF-8, four bytes", "s", "04000000 f09f9880 00", true},
	{"last code point", "s", "04000000 f48fbfbf 00", true},
	{"beyond the last code point", "s", "04000000 f4908080 00", false},
	{"noncharacter U+FFFE", "s", "03000000 efbfbe 00", true},
	{"noncharacter U+FFFF", "s", "03000000 efbfbf 00", true},
	{"noncharacter U+FDD0", "s", "03000000 efb790 00", true},
	{"noncharacter U+1FFFE", "s", "04000000 f09fbfbe 00", true},
	{"byte order mark", "s", "03000000 efbbbf 00", true},
	{"surrogate U+D800", "s", "03000000 eda080 00", false},
	{"surrogate U+DFFF", "s", "03000000 edbfbf 00", false},
	{"overlong slash", "s", "02000000 c0af 00", false},
	{"overlong NUL", "s", "02000000 c080 00", false},
	{"overlong three bytes", "s", "03000000 e08080 00", false},
	{"overlong four bytes", "s", "04000000 f0808080 00", false},
	{"continuation alone", "s", "01000000 80 00", false},
	{"sequence cut short", "s", "01000000 c3 00", false},
	{"sequence cut short by ASCII", "s", "02000000 c361 00", false},
	{"three bytes cut short", "s", "02000000 e282 00", false},
	{"five bytes", "s", "05000000 f888808080 00", false},
	{"0xfe", "s", "01000000 fe 00", false},
	{"0xff", "s", "01000000 ff 00", false},
	/* the fault lies far behind good bytes */
	{"bad byte behind 16 good ones", "s", "11000000 61616161616161616161616161616161 ff 00",
	 false},
	{"cut short behind 15 good ones", "s", "10000000 616161616161616161616161616161 c3 00",
	 false},
	{"NUL behind 16 good ones", "s", "12000000 61616161616161616161616161616161 00 61 00",
	 false},
	/* object paths and signatures */
	{"path", "o", "02000000 2f61 00", true},
	{"root path", "o", "01000000 2f 00", true},
	{"path without slash", "o", "01000000 61 00", false},
	{"path with a trailing slash", "o", "03000000 2f612f 00", false},
	{"empty path", "o", "00000000 00", false},
	{"local path in a body", "o",
	 "1b000000 2f6f72672f667265656465736b746f702f444275732f4c6f63616c 00", true},
	{"signature", "g", "02 6173 00", true},
	{"empty signature", "g", "00 00", true},
	{"signature of several types", "g", "03 757575 00", true},
	{"signature that is none", "g", "01 61 00", false},
	{"signature with an unknown type", "g", "01 7a 00", false},
	{"signature without NUL", "g", "01 75", false},
	{"signature with another end", "g", "01 75 01", false},
	{"signature longer than the body", "g", "ff 75 00", false},
	{"signature with NUL inside", "g", "03 750075 00", false},
	/* arrays */
	{"empty array", "au", "00000000", true},
	{"array", "au", "08000000 01000000 02000000", true},
	{"array length not a multiple", "au", "07000000 01000000 020000", false},
	{"array length not a multiple, body whole", "au", "06000000 01000000 0200", false},
	{"array of n, odd length", "an", "03000000 010002", false},
	{"array of t, length not a multiple", "at", "0c000000 00000000 0100000000000000 02000000",
	 false},
	{"array of d, length not a multiple", "ad", "04000000 00000000 01000000", false},
	{"array longer than the body", "au", "0c000000 01000000 02000000", false},
	{"array of 64 MiB and one byte", "ay", "01000004", false},
	{"array of 4 GiB", "ay", "ffffffff", false},
	{"array ends inside a string", "as", "06000000 01000000 61 00 00", false},
	{"array of strings", "as", "0e000000 01000000 61 00 0000 01000000 62 00", true},
	{"array that counts trailing padding", "as", "08000000 01000000 61 00 0000", false},
	{"array of booleans", "ab", "08000000 01000000 00000000", true},
	{"array of booleans, the last bad", "ab", "08000000 01000000 02000000", false},
	{"padding of an empty array", "at", "00000000 00000000", true},
	{"no padding of an empty array", "at", "00000000", false},
	{"padding of an empty array not zero", "at", "00000000 01000000", false},
	{"padding of an empty array of structs", "a(y)", "00000000 00000000", true},
	{"array padding not counted", "at", "08000000 00000000 0100000000000000", true},
	{"array padding counted", "at", "0c000000 00000000 0100000000000000", false},
	{"array of h", "ah", "00000000", true},
	/* structs and dicts */
	{"struct", "(yu)", "01000000 02000000", true},
	{"struct with bad padding", "(yu)", "01000100 02000000", false},
	{"struct cut short", "(yu)", "01000000", false},
	{"array of structs", "a(yy)", "0a000000 00000000 0102000000000000 0304", true},
	{"array of structs, bad padding", "a(yy)", "0a000000 00000000 0102000001000000 0304",
	 false},
	{"dict", "a{yy}", "02000000 00000000 0102", true},
	{"dict with a key twice", "a{yy}", "0a000000 00000000 0102000000000000 0103", true},
	{"dict cut short", "a{yu}", "08000000 00000000 01000000", false},
	/* variants */
	{"variant", "v", "01 75 00 00 07000000", true},
	{"variant without type", "v", "00 00", false},
	{"variant with two types", "v", "02 7575 00 07000000 08000000", false},
	{"variant with a bad type", "v", "01 7a 00", false},
	{"variant with half a type", "v", "01 61 00 00 00000000", false},
	{"variant cut short", "v", "01 75 00 00 0700", false},
	{"variant with bad padding", "v", "01 75 00 01 07000000", false},
	{"variant with a bad boolean", "v", "01 62 00 00 02000000", false},
	{"variant in a variant", "v", "01 76 00 01 79 00 07", true},
	/* bodies and signatures that do not agree */
	{"body without signature", NULL, "00000000", false},
	{"signature without body", "u", "", false},
	{"bytes behind the last value", "u", "01000000 00", false},
	{"zeros behind the last value", "s", "00000000 00 000000", false},
};

static void try_body(struct fixture *f, const char *name, const char *signature,
		     const struct blob *body, bool valid)
{
	struct msg *msg = msg_body(signal_to_b(f), signature, body->data, body->size);
	struct blob bytes = {0};

	msg_encode(msg, &bytes);
	try_bytes(f, name, &bytes, valid, body);
	blob_free(&bytes);
	msg_free(msg);
}

TEST(bodies_little_endian)
{
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(bodies); i++) {
		struct blob body = {0};

		blob_hex(&body, bodies[i].hex);
		try_body(&f, bodies[i].name, bodies[i].signature, &body, bodies[i].valid);
		blob_free(&body);
	}
	fixture_stop(&f);
}

/* the same in the other order, as far as it says something new */
static const struct body big_bodies[] = {
	{"u", "u", "00000007", true},
	{"boolean 1", "b", "00000001", true},
	{"boolean 1 of the wrong order", "b", "01000000", false},
	{"string", "s", "00000002 6869 00", true},
	{"string of the wrong order", "s", "02000000 6869 00", false},
	{"array", "au", "00000008 00000001 00000002", true},
	{"array of the wrong order", "au", "08000000 00000001 00000002", false},
	{"array of booleans, one bad", "ab", "00000008 00000001 00000002", false},
	{"variant", "v", "01 73 00 00 00000001 61 00", true},
	{"dict", "a{sv}", "00000010 00000000 00000001 61 00 01 75 00 000000 00000007", true},
	{"padding not zero", "yt", "01 01000000000000 0000000000000002", false},
};

TEST(bodies_big_endian)
{
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(big_bodies); i++) {
		struct msg *msg = msg_big(signal_to_b(&f));
		struct blob body = {0}, bytes = {0};

		blob_hex(&body, big_bodies[i].hex);
		msg_body(msg, big_bodies[i].signature, body.data, body.size);
		msg_encode(msg, &bytes);
		try_bytes(&f, big_bodies[i].name, &bytes, big_bodies[i].valid, &body);
		blob_free(&body);
		blob_free(&bytes);
		msg_free(msg);
	}
	fixture_stop(&f);
}

/* Depth: n variants inside each other around a byte */
static void try_variants(struct fixture *f, int n, bool valid)
{
	struct blob body = {0};
	char name[32];

	for (int i = 0; i < n - 1; i++)
		blob_bytes(&body, "\1v", 3);
	blob_bytes(&body, "\1y\0\7", 4);
	snprintf(name, sizeof(name), "%d variants", n);
	try_body(f, name, "v", &body, valid);
	blob_free(&body);
}

TEST(depth)
{
	struct fixture f = fixture_start();

	try_variants(&f, 1, true);
	try_variants(&f, 60, true);
	try_variants(&f, 64, true);
	try_variants(&f, 65, false);
	try_variants(&f, 66, false);
	try_variants(&f, 1000, false);
	try_variants(&f, 100000, false);
	fixture_stop(&f);
}

/* Names of 255 bytes are good, of 256 not. */
TEST(length_of_names)
{
	static const int codes[] = {FIELD_INTERFACE, FIELD_MEMBER, FIELD_ERROR_NAME};
	struct fixture f = fixture_start();

	for (size_t i = 0; i < N_OF(codes); i++) {
		for (int length = 255; length <= 256; length++) {
			struct msg *msg = signal_to_b(&f);
			struct blob bytes = {0};
			char name[300];

			memset(name, 'a', length);
			name[length] = 0;
			if (codes[i] != FIELD_MEMBER)
				name[100] = '.';
			if (codes[i] != FIELD_ERROR_NAME)
				drop_field(msg, codes[i]);
			msg_field(msg, codes[i], "s", name);
			msg_encode(msg, &bytes);
			try_bytes(&f, name + 250, &bytes, length == 255, NULL);
			blob_free(&bytes);
			msg_free(msg);
		}
	}
	fixture_stop(&f);
}

/* a path may be as long as it likes */
TEST(long_path)
{
	struct fixture f = fixture_start();
	struct msg *msg = signal_to_b(&f);
	struct blob bytes = {0};
	char *path = malloc(100001);

	for (int i = 0; i < 100000; i += 2)
		memcpy(path + i, "/a", 2);
	path[100000] = 0;
	drop_field(msg, FIELD_PATH);
	msg_field(msg, FIELD_PATH, "o", path);
	msg_encode(msg, &bytes);
	try_bytes(&f, "long path", &bytes, true, NULL);
	blob_free(&bytes);
	msg_free(msg);
	free(path);
	fixture_stop(&f);
}

/* Padding between fields, and between fields and body, is zero. */
TEST(padding_of_the_header)
{
	struct fixture f = fixture_start();
	struct msg *msg = msg_append(signal_to_b(&f), "u", 7);
	struct blob bytes = {0};
	size_t fields_end;

	/* "/p" as first field ends 13 bytes in: 3 bytes of padding behind it */
	msg_encode(msg, &bytes);
	expect_eq(bytes.data[16 + 11], 0);
	bytes.data[16 + 12] = 1;
	try_bytes(&f, "padding between fields", &bytes, false, NULL);
	blob_free(&bytes);
	msg_encode(msg, &bytes);
	fields_end = 16 + bytes.data[12] + 256 * bytes.data[13];
	expect_ne(fields_end % 8, 0);
	bytes.data[fields_end] = 1;
	try_bytes(&f, "padding behind the fields", &bytes, false, NULL);
	blob_free(&bytes);
	msg_free(msg);
	fixture_stop(&f);
}

/* What came before the bad message in one write is still good. */
TEST(good_messages_in_front_of_a_bad_one)
{
	struct fixture f = fixture_start();
	struct conn *conn = conn_new(f.subject->address);
	struct blob all = {0};

	for (int i = 0; i < 3; i++) {
		struct msg *msg = signal_to_b(&f);
		struct blob one = {0};

		msg_encode(msg, &one);
		if (i == 2)
			one.data[1] = 0;
		blob_bytes(&all, one.data, one.size);
		blob_free(&one);
		msg_free(msg);
	}
	conn_write(conn, all.data, all.size);
	expect_eof(conn);
	expect_next(f.b, MSG_SIGNAL, "C");
	expect_next(f.b, MSG_SIGNAL, "C");
	blob_free(&all);
	conn_close(conn);
	fixture_stop(&f);
}

/* half a message and then nothing more */
TEST(end_of_file_in_mid_message)
{
	struct fixture f = fixture_start();
	unsigned int n_fds = subject_n_fds(f.subject);
	struct msg *msg = msg_append(signal_to_b(&f), "s", "text");
	struct blob bytes = {0};

	msg_encode(msg, &bytes);
	for (size_t cut = 1; cut < bytes.size; cut += 7) {
		struct conn *conn = conn_new(f.subject->address);

		conn_write(conn, bytes.data, cut);
		conn_close(conn);
	}
	expect_eq(subject_settle_fds(f.subject, n_fds), n_fds);
	expect_quiet(f.b);
	blob_free(&bytes);
	msg_free(msg);
	fixture_stop(&f);
}

/* random bytes behind a good header; whatever happens, the pair talks on */
TEST(noise)
{
	struct fixture f = fixture_start();
	uint32_t seed = 12345;

	for (int i = 0; i < 150; i++) {
		struct conn *conn = conn_new(f.subject->address);
		struct msg *msg =
			msg_append(signal_to_b(&f), "sa{sv}u", "text", 1, "key", "u", 5, 6);
		struct blob bytes = {0};

		msg_encode(msg, &bytes);
		for (int j = 0; j < 3; j++) {
			seed = seed * 1664525 + 1013904223;
			bytes.data[seed / 65536 % bytes.size] ^= 1 << (seed >> 10) % 8;
		}
		conn_write(conn, bytes.data, bytes.size);
		conn_close(conn);
		blob_free(&bytes);
		msg_free(msg);
		if (i % 10 == 0)
			expect_talk(&f);
	}
	conn_sync(f.b);
	conn_drop(f.b);
	fixture_stop(&f);
}
