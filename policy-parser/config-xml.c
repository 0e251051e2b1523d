/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: bytes in, elements out
 *
 * expat knows XML, the tables below know busconfig: its elements, their parents,
 * what is in them, and their attributes.  Anything else in a file is an error: an
 * element of another name or in another place, an unknown attribute, text where
 * none is expected, and no text where some is.  Text is taken as it is, without
 * trimming; white space is no text where none is expected.
 *
 * An element with an error is skipped together with its children, and the file is
 * read on: the caller wants to know all that is wrong, and the deny rules further
 * down.  Only when the file is not XML there is nothing further down.
 *
 * Elements without text are reported at their start tag, elements with text at
 * their end tag.  The grammar is three levels deep and so is the stack; what
 * lies deeper lies in something skipped, which is counted, not stacked.
 *
 * What an author of a file can do to expat is bounded: it refuses entities that
 * expand to far more than the file; the number of entities is bounded here,
 * because expat recurses into entities of entities; external ones are not loaded.
 */
#include "policy-parser/config-xml.h"

#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"

enum {
	MAX_DEPTH = 3,
	MAX_ENTITIES = 64,
	MAX_TEXT = 64 * 1024,
};

enum content {
	CONTENT_EMPTY,
	CONTENT_TEXT,
	CONTENT_ELEMENTS,
};

#define BIT(attribute) (UINT64_C(1) << CONFIG_ATTRIBUTE_##attribute)

#define RULE_ATTRIBUTES                                                                            \
	(BIT(USER) | BIT(GROUP) | BIT(OWN) | BIT(OWN_PREFIX) | BIT(SEND_INTERFACE) |               \
	 BIT(SEND_MEMBER) | BIT(SEND_ERROR) | BIT(SEND_DESTINATION) |                              \
	 BIT(SEND_DESTINATION_PREFIX) | BIT(SEND_PATH) | BIT(SEND_TYPE) |                          \
	 BIT(SEND_REQUESTED_REPLY) | BIT(SEND_BROADCAST) | BIT(RECEIVE_INTERFACE) |                \
	 BIT(RECEIVE_MEMBER) | BIT(RECEIVE_ERROR) | BIT(RECEIVE_SENDER) | BIT(RECEIVE_PATH) |      \
	 BIT(RECEIVE_TYPE) | BIT(RECEIVE_REQUESTED_REPLY) | BIT(EAVESDROP) | BIT(MIN_FDS) |        \
	 BIT(MAX_FDS) | BIT(LOG))

/* @parent of the root is itself */
struct grammar {
	const char *name;
	enum config_element parent;
	enum content content;
	uint64_t attributes;
};

#define TOP CONFIG_ELEMENT_BUSCONFIG

static const struct grammar grammar[CONFIG_ELEMENT_N] = {
	[CONFIG_ELEMENT_BUSCONFIG] = {"busconfig", TOP, CONTENT_ELEMENTS},
	[CONFIG_ELEMENT_TYPE] = {"type", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_USER] = {"user", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_FORK] = {"fork", TOP, CONTENT_EMPTY},
	[CONFIG_ELEMENT_KEEP_UMASK] = {"keep_umask", TOP, CONTENT_EMPTY},
	[CONFIG_ELEMENT_SYSLOG] = {"syslog", TOP, CONTENT_EMPTY},
	[CONFIG_ELEMENT_ALLOW_ANONYMOUS] = {"allow_anonymous", TOP, CONTENT_EMPTY},
	[CONFIG_ELEMENT_PIDFILE] = {"pidfile", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_LISTEN] = {"listen", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_AUTH] = {"auth", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_SERVICEDIR] = {"servicedir", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_STANDARD_SESSION_SERVICEDIRS] = {"standard_session_servicedirs", TOP,
							 CONTENT_EMPTY},
	[CONFIG_ELEMENT_STANDARD_SYSTEM_SERVICEDIRS] = {"standard_system_servicedirs", TOP,
							CONTENT_EMPTY},
	[CONFIG_ELEMENT_SERVICEHELPER] = {"servicehelper", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_LIMIT] = {"limit", TOP, CONTENT_TEXT, BIT(NAME)},
	[CONFIG_ELEMENT_INCLUDE] = {"include", TOP, CONTENT_TEXT,
				    BIT(IGNORE_MISSING) | BIT(IF_SELINUX_ENABLED) |
					    BIT(SELINUX_ROOT_RELATIVE)},
	[CONFIG_ELEMENT_INCLUDEDIR] = {"includedir", TOP, CONTENT_TEXT},
	[CONFIG_ELEMENT_POLICY] = {"policy", TOP, CONTENT_ELEMENTS,
				   BIT(CONTEXT) | BIT(USER) | BIT(GROUP) | BIT(AT_CONSOLE)},
	[CONFIG_ELEMENT_ALLOW] = {"allow", CONFIG_ELEMENT_POLICY, CONTENT_EMPTY, RULE_ATTRIBUTES},
	[CONFIG_ELEMENT_DENY] = {"deny", CONFIG_ELEMENT_POLICY, CONTENT_EMPTY, RULE_ATTRIBUTES},
	[CONFIG_ELEMENT_SELINUX] = {"selinux", TOP, CONTENT_ELEMENTS},
	[CONFIG_ELEMENT_ASSOCIATE] = {"associate", CONFIG_ELEMENT_SELINUX, CONTENT_EMPTY,
				      BIT(OWN) | BIT(CONTEXT)},
	[CONFIG_ELEMENT_APPARMOR] = {"apparmor", TOP, CONTENT_EMPTY, BIT(MODE)},
};

static const char *const attribute_names[CONFIG_ATTRIBUTE_N] = {
	[CONFIG_ATTRIBUTE_NAME] = "name",
	[CONFIG_ATTRIBUTE_IGNORE_MISSING] = "ignore_missing",
	[CONFIG_ATTRIBUTE_IF_SELINUX_ENABLED] = "if_selinux_enabled",
	[CONFIG_ATTRIBUTE_SELINUX_ROOT_RELATIVE] = "selinux_root_relative",
	[CONFIG_ATTRIBUTE_CONTEXT] = "context",
	[CONFIG_ATTRIBUTE_USER] = "user",
	[CONFIG_ATTRIBUTE_GROUP] = "group",
	[CONFIG_ATTRIBUTE_AT_CONSOLE] = "at_console",
	[CONFIG_ATTRIBUTE_MODE] = "mode",
	[CONFIG_ATTRIBUTE_OWN] = "own",
	[CONFIG_ATTRIBUTE_OWN_PREFIX] = "own_prefix",
	[CONFIG_ATTRIBUTE_SEND_INTERFACE] = "send_interface",
	[CONFIG_ATTRIBUTE_SEND_MEMBER] = "send_member",
	[CONFIG_ATTRIBUTE_SEND_ERROR] = "send_error",
	[CONFIG_ATTRIBUTE_SEND_DESTINATION] = "send_destination",
	[CONFIG_ATTRIBUTE_SEND_DESTINATION_PREFIX] = "send_destination_prefix",
	[CONFIG_ATTRIBUTE_SEND_PATH] = "send_path",
	[CONFIG_ATTRIBUTE_SEND_TYPE] = "send_type",
	[CONFIG_ATTRIBUTE_SEND_REQUESTED_REPLY] = "send_requested_reply",
	[CONFIG_ATTRIBUTE_SEND_BROADCAST] = "send_broadcast",
	[CONFIG_ATTRIBUTE_RECEIVE_INTERFACE] = "receive_interface",
	[CONFIG_ATTRIBUTE_RECEIVE_MEMBER] = "receive_member",
	[CONFIG_ATTRIBUTE_RECEIVE_ERROR] = "receive_error",
	[CONFIG_ATTRIBUTE_RECEIVE_SENDER] = "receive_sender",
	[CONFIG_ATTRIBUTE_RECEIVE_PATH] = "receive_path",
	[CONFIG_ATTRIBUTE_RECEIVE_TYPE] = "receive_type",
	[CONFIG_ATTRIBUTE_RECEIVE_REQUESTED_REPLY] = "receive_requested_reply",
	[CONFIG_ATTRIBUTE_EAVESDROP] = "eavesdrop",
	[CONFIG_ATTRIBUTE_MIN_FDS] = "min_fds",
	[CONFIG_ATTRIBUTE_MAX_FDS] = "max_fds",
	[CONFIG_ATTRIBUTE_LOG] = "log",
};

const char *config_element_name(enum config_element element)
{
	return grammar[element].name;
}

const char *config_attribute_name(enum config_attribute attribute)
{
	return attribute_names[attribute];
}

/**
 * struct open_element - an element whose end tag has not been seen
 * @has_stray_text: said already that there is text in it
 */
struct open_element {
	enum config_element id;
	bool has_stray_text;
};

/**
 * struct xml - a file being parsed
 * @result: what a callback returned, once it is negative
 * @is_over: an error was reported that ends the file
 * @open: the @depth open elements
 * @skipping: number of open elements that are skipped, on top of @open
 * @n_entities: entities declared so far
 * @element: the open element with text, if the innermost is one; its attributes
 *	are copies
 * @text: its text so far, of @text_size bytes and a NUL, when it is not NULL
 */
struct xml {
	XML_Parser expat;
	const struct config_xml_events *events;
	void *userdata;
	int result;
	bool is_over;
	struct open_element open[MAX_DEPTH];
	unsigned depth;
	unsigned skipping;
	unsigned n_entities;
	struct config_xml_element element;
	char *text;
	size_t text_size;
	size_t text_allocated;
};

/* ends the parsing if @result is negative */
static void check(struct xml *xml, int result)
{
	if (result >= 0 || xml->result < 0)
		return;
	xml->result = result;
	XML_StopParser(xml->expat, XML_FALSE);
}

static void report(struct xml *xml, const char *element, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* the error is where expat is */
static void report(struct xml *xml, const char *element, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	check(xml, xml->events->error(xml->userdata, XML_GetCurrentLineNumber(xml->expat),
				      XML_GetCurrentColumnNumber(xml->expat) + 1, element, text));
}

static bool find_element(const char *name, enum config_element *element_out)
{
	for (unsigned i = 0; i < CONFIG_ELEMENT_N; i++) {
		if (!strcmp(name, grammar[i].name)) {
			*element_out = i;
			return true;
		}
	}
	return false;
}

static bool find_attribute(const char *name, enum config_attribute *attribute_out)
{
	for (unsigned i = 0; i < CONFIG_ATTRIBUTE_N; i++) {
		if (!strcmp(name, attribute_names[i])) {
			*attribute_out = i;
			return true;
		}
	}
	return false;
}

/* whether an element of that name may stand here; says so if not */
static bool check_place(struct xml *xml, const char *name, enum config_element *element_out)
{
	const struct grammar *parent;

	if (!xml->depth) {
		if (!strcmp(name, grammar[TOP].name)) {
			*element_out = TOP;
			return true;
		}
		report(xml, name, "the root element of a configuration is <busconfig>");
		return false;
	}
	parent = &grammar[xml->open[xml->depth - 1].id];
	if (!find_element(name, element_out)) {
		report(xml, name, "unknown element, in <%s>", parent->name);
		return false;
	}
	if (*element_out == TOP || parent != &grammar[grammar[*element_out].parent]) {
		report(xml, name, "not allowed in <%s>", parent->name);
		return false;
	}
	return true;
}

static bool check_attributes(struct xml *xml, struct config_xml_element *element,
			     const char *const *attributes)
{
	const struct grammar *self = &grammar[element->id];
	bool is_good = true;

	for (; *attributes; attributes += 2) {
		enum config_attribute attribute;

		if (!find_attribute(attributes[0], &attribute) ||
		    !(self->attributes & (UINT64_C(1) << attribute))) {
			report(xml, self->name, "unknown attribute \"%.100s\"", attributes[0]);
			is_good = false;
			continue;
		}
		element->attributes[attribute] = attributes[1];
	}
	return is_good;
}

static void drop_text_element(struct xml *xml)
{
	for (unsigned i = 0; i < CONFIG_ATTRIBUTE_N; i++) {
		free((char *)xml->element.attributes[i]);
		xml->element.attributes[i] = NULL;
	}
	xml->text_size = 0;
}

/* keeps an element until its text is complete: expat's strings do not last */
static int keep_text_element(struct xml *xml, const struct config_xml_element *element)
{
	xml->element = *element;
	memset(xml->element.attributes, 0, sizeof(xml->element.attributes));
	xml->text_size = 0;
	for (unsigned i = 0; i < CONFIG_ATTRIBUTE_N; i++) {
		if (!element->attributes[i])
			continue;
		xml->element.attributes[i] = strdup(element->attributes[i]);
		if (!xml->element.attributes[i])
			return -ENOMEM;
	}
	return 0;
}

static void start_element(void *userdata, const char *name, const char **attributes)
{
	struct xml *xml = userdata;
	struct config_xml_element element = {0};

	if (xml->result < 0)
		return;
	if (xml->skipping) {
		xml->skipping++;
		return;
	}
	element.line = XML_GetCurrentLineNumber(xml->expat);
	element.column = XML_GetCurrentColumnNumber(xml->expat) + 1;
	if (!check_place(xml, name, &element.id) || !check_attributes(xml, &element, attributes)) {
		xml->skipping = 1;
		return;
	}
	xml->open[xml->depth++] = (struct open_element){.id = element.id};
	if (element.id == TOP)
		return;
	if (grammar[element.id].content == CONTENT_TEXT)
		check(xml, keep_text_element(xml, &element));
	else
		check(xml, xml->events->element(xml->userdata, &element));
}

static void end_element(void *userdata, const char *name)
{
	struct xml *xml = userdata;
	enum config_element id;

	if (xml->result < 0)
		return;
	if (xml->skipping) {
		xml->skipping--;
		return;
	}
	id = xml->open[--xml->depth].id;
	if (grammar[id].content != CONTENT_TEXT)
		return;
	if (!xml->text_size) {
		report(xml, name, "needs text and has none");
	} else {
		xml->element.text = xml->text;
		check(xml, xml->events->element(xml->userdata, &xml->element));
	}
	drop_text_element(xml);
}

static bool is_blank(const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] != ' ' && data[i] != '\t' && data[i] != '\n' && data[i] != '\r')
			return false;
	}
	return true;
}

static int append_text(struct xml *xml, const char *data, size_t size)
{
	size_t needed = xml->text_size + size + 1;

	if (needed > xml->text_allocated) {
		size_t allocated = needed < 256 ? 256 : 2 * needed;
		char *text = realloc(xml->text, allocated);

		if (!text)
			return -ENOMEM;
		xml->text = text;
		xml->text_allocated = allocated;
	}
	memcpy(xml->text + xml->text_size, data, size);
	xml->text_size += size;
	xml->text[xml->text_size] = 0;
	return 0;
}

static void character_data(void *userdata, const char *data, int size)
{
	struct xml *xml = userdata;
	struct open_element *innermost;
	const struct grammar *self;

	if (xml->result < 0 || xml->skipping)
		return;
	innermost = &xml->open[xml->depth - 1];
	self = &grammar[innermost->id];
	if (self->content == CONTENT_TEXT) {
		if (xml->text_size + size <= MAX_TEXT) {
			check(xml, append_text(xml, data, size));
			return;
		}
		report(xml, self->name, "the text is longer than %d bytes", MAX_TEXT);
		/* skip this element, not one in it */
		drop_text_element(xml);
		xml->depth--;
		xml->skipping = 1;
		return;
	}
	if (innermost->has_stray_text || is_blank(data, size))
		return;
	innermost->has_stray_text = true;
	report(xml, self->name, "no text is allowed here");
}

static void entity_declaration(void *userdata, const char *name, int is_parameter_entity,
			       const char *value, int value_length, const char *base,
			       const char *system_id, const char *public_id,
			       const char *notation_name)
{
	struct xml *xml = userdata;

	if (xml->result < 0 || xml->is_over || ++xml->n_entities <= MAX_ENTITIES)
		return;
	report(xml, NULL, "more than %d entities", MAX_ENTITIES);
	xml->is_over = true;
	XML_StopParser(xml->expat, XML_FALSE);
}

static int parse(struct xml *xml, const char *data, size_t size)
{
	enum XML_Error error;

	/* a chunk that expat copies is a chunk that it wastes: one call, whose size is an int */
	if (size > INT32_MAX)
		return -EFBIG;
	if (XML_Parse(xml->expat, data, size, XML_TRUE) == XML_STATUS_OK)
		return 0;
	if (xml->result < 0 || xml->is_over)
		return xml->result;
	error = XML_GetErrorCode(xml->expat);
	if (error == XML_ERROR_NO_MEMORY)
		return -ENOMEM;
	report(xml, NULL, "%s", XML_ErrorString(error));
	return xml->result;
}

int config_xml_parse(const char *data, size_t size, const struct config_xml_events *events,
		     void *userdata)
{
	/* named, so that a test that makes allocations fail reaches them */
	static const XML_Memory_Handling_Suite memory = {malloc, realloc, free};
	struct xml xml = {.events = events, .userdata = userdata};
	int r;

	/* The encoding given here overrides that of the file, as dbus-daemon has it. */
	xml.expat = XML_ParserCreate_MM("UTF-8", &memory, NULL);
	if (!xml.expat)
		return -ENOMEM;
	XML_SetUserData(xml.expat, &xml);
	XML_SetElementHandler(xml.expat, start_element, end_element);
	XML_SetCharacterDataHandler(xml.expat, character_data);
	XML_SetEntityDeclHandler(xml.expat, entity_declaration);
	r = parse(&xml, data, size);
	drop_text_element(&xml);
	free(xml.text);
	XML_ParserFree(xml.expat);
	return r;
}
