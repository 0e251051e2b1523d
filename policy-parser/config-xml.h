/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: bytes in, elements out
 *
 * The grammar of busconfig: which element stands where, which attributes it may
 * have, and whether it has text.  What they mean is not known here, and nothing
 * is read from anywhere.
 */
#pragma once

#include <stddef.h>

enum config_element {
	CONFIG_ELEMENT_BUSCONFIG,
	CONFIG_ELEMENT_TYPE,
	CONFIG_ELEMENT_USER,
	CONFIG_ELEMENT_FORK,
	CONFIG_ELEMENT_KEEP_UMASK,
	CONFIG_ELEMENT_SYSLOG,
	CONFIG_ELEMENT_ALLOW_ANONYMOUS,
	CONFIG_ELEMENT_PIDFILE,
	CONFIG_ELEMENT_LISTEN,
	CONFIG_ELEMENT_AUTH,
	CONFIG_ELEMENT_SERVICEDIR,
	CONFIG_ELEMENT_STANDARD_SESSION_SERVICEDIRS,
	CONFIG_ELEMENT_STANDARD_SYSTEM_SERVICEDIRS,
	CONFIG_ELEMENT_SERVICEHELPER,
	CONFIG_ELEMENT_LIMIT,
	CONFIG_ELEMENT_INCLUDE,
	CONFIG_ELEMENT_INCLUDEDIR,
	CONFIG_ELEMENT_POLICY,
	CONFIG_ELEMENT_ALLOW,
	CONFIG_ELEMENT_DENY,
	CONFIG_ELEMENT_SELINUX,
	CONFIG_ELEMENT_ASSOCIATE,
	CONFIG_ELEMENT_APPARMOR,
	CONFIG_ELEMENT_N,
};

enum config_attribute {
	CONFIG_ATTRIBUTE_NAME,
	CONFIG_ATTRIBUTE_IGNORE_MISSING,
	CONFIG_ATTRIBUTE_IF_SELINUX_ENABLED,
	CONFIG_ATTRIBUTE_SELINUX_ROOT_RELATIVE,
	CONFIG_ATTRIBUTE_CONTEXT,
	CONFIG_ATTRIBUTE_USER,
	CONFIG_ATTRIBUTE_GROUP,
	CONFIG_ATTRIBUTE_AT_CONSOLE,
	CONFIG_ATTRIBUTE_MODE,
	CONFIG_ATTRIBUTE_OWN,
	CONFIG_ATTRIBUTE_OWN_PREFIX,
	CONFIG_ATTRIBUTE_SEND_INTERFACE,
	CONFIG_ATTRIBUTE_SEND_MEMBER,
	CONFIG_ATTRIBUTE_SEND_ERROR,
	CONFIG_ATTRIBUTE_SEND_DESTINATION,
	CONFIG_ATTRIBUTE_SEND_DESTINATION_PREFIX,
	CONFIG_ATTRIBUTE_SEND_PATH,
	CONFIG_ATTRIBUTE_SEND_TYPE,
	CONFIG_ATTRIBUTE_SEND_REQUESTED_REPLY,
	CONFIG_ATTRIBUTE_SEND_BROADCAST,
	CONFIG_ATTRIBUTE_RECEIVE_INTERFACE,
	CONFIG_ATTRIBUTE_RECEIVE_MEMBER,
	CONFIG_ATTRIBUTE_RECEIVE_ERROR,
	CONFIG_ATTRIBUTE_RECEIVE_SENDER,
	CONFIG_ATTRIBUTE_RECEIVE_PATH,
	CONFIG_ATTRIBUTE_RECEIVE_TYPE,
	CONFIG_ATTRIBUTE_RECEIVE_REQUESTED_REPLY,
	CONFIG_ATTRIBUTE_EAVESDROP,
	CONFIG_ATTRIBUTE_MIN_FDS,
	CONFIG_ATTRIBUTE_MAX_FDS,
	CONFIG_ATTRIBUTE_LOG,
	CONFIG_ATTRIBUTE_N,
};

/**
 * struct config_xml_element - an element that stands where it may
 * @id: which
 * @line: of its start tag, from 1
 * @column: of its start tag, from 1
 * @attributes: by enum config_attribute; NULL: not there
 * @text: the text of an element that has text, else NULL; never empty
 *
 * Valid until the callback returns.
 */
struct config_xml_element {
	enum config_element id;
	unsigned line;
	unsigned column;
	const char *attributes[CONFIG_ATTRIBUTE_N];
	const char *text;
};

/**
 * struct config_xml_events - what a file consists of
 * @element: an element that is right as far as the grammar goes; a container
 *	(<policy>, <selinux>) comes in front of its children
 * @error: something that is not; @element is the name of an element or NULL.  The
 *	element is skipped with all that is in it.  An error of XML itself ends the file.
 *
 * Either may return a negative errno, which ends the parsing and is passed up.
 */
struct config_xml_events {
	int (*element)(void *userdata, const struct config_xml_element *element);
	int (*error)(void *userdata, unsigned line, unsigned column, const char *element,
		     const char *text);
};

/**
 * config_xml_parse() - go through a file
 * @data, @size: the whole file
 * @events: called in file order
 * @userdata: passed to @events first
 *
 * A <policy> has ended when the next element is not an <allow> or <deny>.
 *
 * Return: 0, also after errors; -ENOMEM; or what @events returned.
 */
int config_xml_parse(const char *data, size_t size, const struct config_xml_events *events,
		     void *userdata);

/* name of an element */
const char *config_element_name(enum config_element element);
/* name of an attribute */
const char *config_attribute_name(enum config_attribute attribute);
