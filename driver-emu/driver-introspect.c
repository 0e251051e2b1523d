/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Introspection: the tables as XML
 *
 * Every path answers, as methods work on every path unless their interface is
 * canonical; the paths above the canonical one lead to it.
 *
 * See the specification, "Introspection Data Format".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver-emu/driver-internal.h"

/* length of the first complete type of a valid signature */
static size_t type_length(const char *signature)
{
	size_t n = 0, depth = 0;

	do {
		while (signature[n] == 'a')
			n++;
		if (signature[n] == '(' || signature[n] == '{')
			depth++;
		else if (signature[n] == ')' || signature[n] == '}')
			depth--;
		n++;
	} while (depth);
	return n;
}

static void print_args(FILE *out, const char *signature, const char *direction,
		       const char *const *names)
{
	for (unsigned i = 0; *signature; i++) {
		int len = type_length(signature);

		fprintf(out, "      <arg");
		if (direction)
			fprintf(out, " direction=\"%s\"", direction);
		fprintf(out, " type=\"%.*s\"", len, signature);
		if (names)
			fprintf(out, " name=\"%s\"", names[i]);
		fprintf(out, "/>\n");
		signature += len;
	}
}

static void print_interface(FILE *out, const struct driver_interface *interface)
{
	const struct driver_method *method = interface->methods;
	const struct driver_property *property = interface->properties;
	const struct driver_signal *signal = interface->signals;

	fprintf(out, "  <interface name=\"%s\">\n", interface->name);
	for (; method && method->name; method++) {
		fprintf(out, "    <method name=\"%s\">\n", method->name);
		print_args(out, method->in, "in", NULL);
		print_args(out, method->out, "out", NULL);
		fprintf(out, "    </method>\n");
	}
	for (; property && property->name; property++)
		fprintf(out,
			"    <property name=\"%s\" type=\"%s\" access=\"read\">\n"
			"      <annotation name=\"" DRIVER_INTERFACE
			".Property.EmitsChangedSignal\" value=\"const\"/>\n"
			"    </property>\n",
			property->name, property->signature);
	for (; signal && signal->name; signal++) {
		fprintf(out, "    <signal name=\"%s\">\n", signal->name);
		print_args(out, signal->signature, NULL, signal->args);
		fprintf(out, "    </signal>\n");
	}
	fprintf(out, "  </interface>\n");
}

/* what of the canonical path lies below @path, or NULL */
static const char *path_below(const char *path)
{
	size_t len = strcmp(path, "/") == 0 ? 0 : strlen(path);

	if (strncmp(DRIVER_PATH, path, len) != 0 || DRIVER_PATH[len] != '/')
		return NULL;
	return &DRIVER_PATH[len + 1];
}

static char *introspect(const char *path)
{
	bool is_canonical = strcmp(path, DRIVER_PATH) == 0;
	const char *below = path_below(path);
	char *text = NULL;
	size_t size;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	fprintf(out, "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection "
		     "1.0//EN\"\n"
		     "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
		     "<node>\n");
	for (const struct driver_interface *interface = driver_interfaces; interface->name;
	     interface++)
		if (is_canonical || !interface->is_canonical)
			print_interface(out, interface);
	if (below)
		fprintf(out, "  <node name=\"%s\"/>\n", below);
	fprintf(out, "</node>\n");
	if (ferror(out) | fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

char *driver_introspect(void)
{
	return introspect(DRIVER_PATH);
}

int driver_run_introspect(struct driver_call *call)
{
	__cleanup(freep) char *text = introspect(message_path(call->message));

	if (!text)
		return -ENOMEM;
	return driver_reply_string(call, text);
}
