/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: elements in, configuration out
 *
 * One function per element, found by a table.  A mistake is reported and marks
 * the file as broken; reading goes on, as the user wants to see all mistakes
 * and the includer may want the deny rules behind them.  What becomes of a broken
 * file is for the one who included it to decide (config-include.c); a broken main
 * file is refused.
 *
 * Only what no sane configuration comes near ends everything at once: the bounds
 * below, which keep the time and memory of a load linear in what they allow.
 *
 * The configuration belongs to the loader until all is read; sections, rules and
 * whatever else repeats are arrays that grow, in file order, with included files
 * in place.
 */
#include "policy-parser/config-load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/number.h"
#include "policy-parser/path.h"
#include "policy-parser/rule-parse.h"

enum {
	MAX_DEPTH = 64,
	MAX_FILES = 20000,
	MAX_ELEMENTS = 2000000,
	MAX_FILE_SIZE = 16 * 1024 * 1024,
	MAX_TOTAL_SIZE = 64 * 1024 * 1024,
};

#define GET(element, name) ((element)->attributes[CONFIG_ATTRIBUTE_##name])

static int say(struct loader *loader, enum config_severity severity,
	       const struct config_xml_element *element, const char *format, va_list args)
{
	const char *path = loader->source ? loader->source->path : NULL;
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	if (!element)
		return config_messages_add(loader->messages, severity, path, 0, 0, NULL, "%s",
					   text);
	return config_messages_add(loader->messages, severity, path, element->line, element->column,
				   config_element_name(element->id), "%s", text);
}

int loader_refuse(struct loader *loader, const struct config_xml_element *element,
		  const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = say(loader, CONFIG_ERROR, element, format, args);
	va_end(args);
	if (loader->source)
		loader->source->is_broken = true;
	return r;
}

int loader_warn(struct loader *loader, const struct config_xml_element *element, const char *format,
		...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = say(loader, CONFIG_WARNING, element, format, args);
	va_end(args);
	return r;
}

int loader_give_up(struct loader *loader, const struct config_xml_element *element,
		   const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = say(loader, CONFIG_ERROR, element, format, args);
	va_end(args);
	loader->is_over = true;
	return r < 0 ? r : -E2BIG;
}

const char *loader_intern(struct loader *loader, const char *text)
{
	return strings_intern(&loader->config->private->strings, text);
}

/* replaces the interned string at @text_out; a NULL stays NULL */
static int intern(struct loader *loader, const char *text, const char **text_out)
{
	const char *interned = NULL;

	if (text) {
		interned = loader_intern(loader, text);
		if (!interned)
			return -ENOMEM;
	}
	*text_out = interned;
	return 0;
}

static struct config_place place_of(struct loader *loader, const struct config_xml_element *element)
{
	return (struct config_place){
		.file = loader->source->path,
		.line = element->line,
	};
}

static int load_type(struct loader *loader, const struct config_xml_element *element)
{
	struct config *config = loader->config;

	config->type = CONFIG_TYPE_OTHER;
	if (!strcmp(element->text, "session"))
		config->type = CONFIG_TYPE_SESSION;
	else if (!strcmp(element->text, "system"))
		config->type = CONFIG_TYPE_SYSTEM;
	config->type_place = place_of(loader, element);
	return intern(loader, element->text, &config->type_name);
}

static int load_user(struct loader *loader, const struct config_xml_element *element)
{
	loader->config->user_place = place_of(loader, element);
	return intern(loader, element->text, &loader->config->user);
}

static int load_pidfile(struct loader *loader, const struct config_xml_element *element)
{
	return intern(loader, element->text, &loader->config->pidfile);
}

static int load_servicehelper(struct loader *loader, const struct config_xml_element *element)
{
	return intern(loader, element->text, &loader->config->servicehelper);
}

static int load_fork(struct loader *loader, const struct config_xml_element *element)
{
	loader->config->fork = true;
	return 0;
}

static int load_keep_umask(struct loader *loader, const struct config_xml_element *element)
{
	loader->config->keep_umask = true;
	return 0;
}

static int load_syslog(struct loader *loader, const struct config_xml_element *element)
{
	loader->config->syslog = true;
	return 0;
}

static int load_allow_anonymous(struct loader *loader, const struct config_xml_element *element)
{
	loader->config->allow_anonymous = true;
	return 0;
}

static int load_listen(struct loader *loader, const struct config_xml_element *element)
{
	struct config *config = loader->config;
	struct config_listen listen = {.place = place_of(loader, element)};
	int r;

	r = intern(loader, element->text, &listen.address);
	if (r < 0)
		return r;
	r = config_grow(&config->listen, config->n_listen, &config->private->n_listen_allocated,
			sizeof(listen));
	if (r < 0)
		return r;
	config->listen[config->n_listen++] = listen;
	return 0;
}

static int load_auth(struct loader *loader, const struct config_xml_element *element)
{
	static const struct {
		const char *name;
		unsigned mechanism;
	} mechanisms[] = {
		{"EXTERNAL", CONFIG_AUTH_EXTERNAL},
		{"ANONYMOUS", CONFIG_AUTH_ANONYMOUS},
		{"DBUS_COOKIE_SHA1", CONFIG_AUTH_COOKIE},
	};

	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (strcmp(element->text, mechanisms[i].name))
			continue;
		loader->config->auth |= mechanisms[i].mechanism;
		loader->config->auth_place = place_of(loader, element);
		return 0;
	}
	return loader_refuse(loader, element, "unknown mechanism \"%.100s\"", element->text);
}

static int load_limit(struct loader *loader, const struct config_xml_element *element)
{
	const char *name = GET(element, NAME);
	enum config_limit_id id;
	long long value;
	const char *end;
	int r;

	if (!name)
		return loader_refuse(loader, element, "needs the attribute \"name\"");
	if (!config_find_limit(name, &id))
		return loader_refuse(loader, element, "there is no limit \"%.100s\"", name);
	r = number_parse(element->text, &value, &end);
	if (r == -EINVAL)
		return loader_refuse(loader, element, "%s: \"%.100s\" is not a number", name,
				     element->text);
	if (!r && value < 0)
		return loader_refuse(loader, element, "%s must not be negative", name);
	if (r || value > config_limit_max(id))
		return loader_refuse(loader, element, "%s is at most %lld", name,
				     (long long)config_limit_max(id));
	if (end[strspn(end, " \t\n\r")]) {
		r = loader_warn(loader, element, "%s: \"%.100s\" is read as %lld", name,
				element->text, value);
		if (r < 0)
			return r;
	}
	loader->config->limits[id] = (struct config_limit){.value = value, .is_set = true};
	return 0;
}

static int load_apparmor(struct loader *loader, const struct config_xml_element *element)
{
	static const char *const modes[] = {
		[CONFIG_APPARMOR_ENABLED] = "enabled",
		[CONFIG_APPARMOR_DISABLED] = "disabled",
		[CONFIG_APPARMOR_REQUIRED] = "required",
	};
	const char *mode = GET(element, MODE);

	if (!mode)
		mode = modes[CONFIG_APPARMOR_ENABLED];
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(mode, modes[i]))
			continue;
		loader->config->apparmor = i;
		loader->config->apparmor_place = place_of(loader, element);
		return 0;
	}
	return loader_refuse(loader, element,
			     "mode is \"enabled\", \"disabled\" or \"required\", not \"%.100s\"",
			     mode);
}

static int load_associate(struct loader *loader, const struct config_xml_element *element)
{
	struct config *config = loader->config;
	struct config_selinux_associate associate;
	int r;

	if (!GET(element, OWN) || !GET(element, CONTEXT))
		return loader_refuse(loader, element, "needs the attributes own and context");
	r = intern(loader, GET(element, OWN), &associate.own);
	if (r < 0)
		return r;
	r = intern(loader, GET(element, CONTEXT), &associate.context);
	if (r < 0)
		return r;
	r = config_grow(&config->selinux, config->n_selinux, &config->private->n_selinux_allocated,
			sizeof(associate));
	if (r < 0)
		return r;
	config->selinux[config->n_selinux++] = associate;
	return 0;
}

/* the kind of section that @element opens, and the attribute that says so; false: unclear */
static bool find_section(const struct config_xml_element *element,
			 enum policy_section_kind *kind_out, const char **name_out)
{
	static const struct {
		enum config_attribute attribute;
		const char *value; /* NULL: any, and it is the name */
		enum policy_section_kind kind;
	} sections[] = {
		{CONFIG_ATTRIBUTE_CONTEXT, "default", POLICY_SECTION_DEFAULT},
		{CONFIG_ATTRIBUTE_CONTEXT, "mandatory", POLICY_SECTION_MANDATORY},
		{CONFIG_ATTRIBUTE_USER, NULL, POLICY_SECTION_USER},
		{CONFIG_ATTRIBUTE_GROUP, NULL, POLICY_SECTION_GROUP},
		{CONFIG_ATTRIBUTE_AT_CONSOLE, "true", POLICY_SECTION_AT_CONSOLE},
		{CONFIG_ATTRIBUTE_AT_CONSOLE, "false", POLICY_SECTION_NOT_AT_CONSOLE},
	};

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		const char *value = element->attributes[sections[i].attribute];

		if (!value || (sections[i].value && strcmp(value, sections[i].value)))
			continue;
		*kind_out = sections[i].kind;
		*name_out = sections[i].value ? NULL : value;
		return true;
	}
	return false;
}

static int load_policy(struct loader *loader, const struct config_xml_element *element)
{
	struct policy_rules *policy = &loader->config->policy;
	struct policy_section section = {
		.file = loader->source->path,
		.line = element->line,
		.first_rule = policy->n_rules,
	};
	unsigned n_attributes = !!GET(element, CONTEXT) + !!GET(element, USER) +
				!!GET(element, GROUP) + !!GET(element, AT_CONSOLE);
	const char *name;
	int r;

	loader->source->has_section = false;
	if (n_attributes != 1)
		return loader_refuse(loader, element,
				     "needs exactly one of context, user, group and at_console");
	if (!find_section(element, &section.kind, &name)) {
		if (GET(element, CONTEXT))
			return loader_refuse(
				loader, element,
				"context is \"default\" or \"mandatory\", not \"%.100s\"",
				GET(element, CONTEXT));
		return loader_refuse(loader, element,
				     "at_console is \"true\" or \"false\", not \"%.100s\"",
				     GET(element, AT_CONSOLE));
	}
	r = intern(loader, name, &section.name);
	if (r < 0)
		return r;
	r = config_grow(&policy->sections, policy->n_sections,
			&loader->config->private->n_sections_allocated, sizeof(section));
	if (r < 0)
		return r;
	policy->sections[policy->n_sections++] = section;
	loader->source->has_section = true;
	return 0;
}

static int intern_rule(struct loader *loader, struct policy_rule *rule)
{
	const char **texts[] = {&rule->name, &rule->path, &rule->interface, &rule->member,
				&rule->error};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int r = intern(loader, *texts[i], texts[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int load_rule(struct loader *loader, const struct config_xml_element *element)
{
	struct policy_rules *policy = &loader->config->policy;
	struct policy_section *section;
	struct policy_rule rule;
	char reason[256];
	int r;

	if (!loader->source->has_section)
		return 0;
	section = &policy->sections[policy->n_sections - 1];
	if (policy_rule_parse(element, &rule, reason, sizeof(reason)))
		return loader_refuse(loader, element, "%s", reason);
	if (rule.kind == POLICY_RULE_USER || rule.kind == POLICY_RULE_GROUP) {
		if (section->kind == POLICY_SECTION_USER || section->kind == POLICY_SECTION_GROUP)
			return loader_refuse(loader, element,
					     "who may connect is decided for the whole bus, not in "
					     "the policy of a user or group");
		if (section->kind != POLICY_SECTION_DEFAULT &&
		    section->kind != POLICY_SECTION_MANDATORY) {
			r = loader_warn(loader, element,
					"who may connect is not decided by at_console: no effect");
			if (r < 0)
				return r;
		}
	}
	r = intern_rule(loader, &rule);
	if (r < 0)
		return r;
	r = config_grow(&policy->rules, policy->n_rules,
			&loader->config->private->n_rules_allocated, sizeof(rule));
	if (r < 0)
		return r;
	rule.section = policy->n_sections - 1;
	policy->rules[policy->n_rules++] = rule;
	section->n_rules++;
	return 0;
}

/* NULL: the element means nothing in itself */
static int (*const element_loaders[CONFIG_ELEMENT_N])(struct loader *loader,
						      const struct config_xml_element *element) = {
	[CONFIG_ELEMENT_TYPE] = load_type,
	[CONFIG_ELEMENT_USER] = load_user,
	[CONFIG_ELEMENT_FORK] = load_fork,
	[CONFIG_ELEMENT_KEEP_UMASK] = load_keep_umask,
	[CONFIG_ELEMENT_SYSLOG] = load_syslog,
	[CONFIG_ELEMENT_ALLOW_ANONYMOUS] = load_allow_anonymous,
	[CONFIG_ELEMENT_PIDFILE] = load_pidfile,
	[CONFIG_ELEMENT_LISTEN] = load_listen,
	[CONFIG_ELEMENT_AUTH] = load_auth,
	[CONFIG_ELEMENT_SERVICEDIR] = servicedirs_add,
	[CONFIG_ELEMENT_STANDARD_SESSION_SERVICEDIRS] = servicedirs_add_session,
	[CONFIG_ELEMENT_STANDARD_SYSTEM_SERVICEDIRS] = servicedirs_add_system,
	[CONFIG_ELEMENT_SERVICEHELPER] = load_servicehelper,
	[CONFIG_ELEMENT_LIMIT] = load_limit,
	[CONFIG_ELEMENT_INCLUDE] = include_file,
	[CONFIG_ELEMENT_INCLUDEDIR] = include_directory,
	[CONFIG_ELEMENT_POLICY] = load_policy,
	[CONFIG_ELEMENT_ALLOW] = load_rule,
	[CONFIG_ELEMENT_DENY] = load_rule,
	[CONFIG_ELEMENT_ASSOCIATE] = load_associate,
	[CONFIG_ELEMENT_APPARMOR] = load_apparmor,
};

static int on_element(void *userdata, const struct config_xml_element *element)
{
	struct loader *loader = userdata;

	if (++loader->n_elements > MAX_ELEMENTS)
		return loader_give_up(loader, element, "more than %d elements", MAX_ELEMENTS);
	if (!element_loaders[element->id])
		return 0;
	return element_loaders[element->id](loader, element);
}

static int on_error(void *userdata, unsigned line, unsigned column, const char *element,
		    const char *text)
{
	struct loader *loader = userdata;

	loader->source->is_broken = true;
	return config_messages_add(loader->messages, CONFIG_ERROR, loader->source->path, line,
				   column, element, "%s", text);
}

static const struct config_xml_events xml_events = {
	.element = on_element,
	.error = on_error,
};

/* says why a file that is there cannot be read */
static int say_unreadable(struct loader *loader, const char *path,
			  const struct config_xml_element *element, int error)
{
	switch (-error) {
	case ENOMEM:
		return error;
	case EINVAL:
		return loader_refuse(loader, element, "%s is not a regular file", path);
	case EFBIG:
		return loader_refuse(loader, element, "%s is larger than %d bytes", path,
				     MAX_FILE_SIZE);
	default:
		return loader_refuse(loader, element, "cannot read %s: %s", path, strerror(-error));
	}
}

int source_load(struct loader *loader, const char *path, const struct config_xml_element *element)
{
	__cleanup(freep) char *data = NULL;
	struct source source = {
		.includer = loader->source,
		.path = path,
		.depth = loader->source ? loader->source->depth + 1 : 0,
	};
	size_t size;
	int r;

	for (const struct source *s = loader->source; s; s = s->includer) {
		if (s->path != path)
			continue;
		r = loader_refuse(loader, element, "%s includes itself", path);
		return r < 0 ? r : SOURCE_BROKEN;
	}
	if (source.depth > MAX_DEPTH) {
		r = loader_refuse(loader, element, "%s: included more than %d files deep", path,
				  MAX_DEPTH);
		return r < 0 ? r : SOURCE_BROKEN;
	}
	if (++loader->n_files > MAX_FILES)
		return loader_give_up(loader, element, "%s: more than %d files", path, MAX_FILES);
	r = loader->files->read(loader->files->userdata, path, MAX_FILE_SIZE, &data, &size);
	if (r == -ENOENT)
		return SOURCE_MISSING;
	if (r < 0) {
		r = say_unreadable(loader, path, element, r);
		return r < 0 ? r : SOURCE_BROKEN;
	}
	loader->n_bytes += size;
	if (loader->n_bytes > MAX_TOTAL_SIZE)
		return loader_give_up(loader, element, "%s: more than %d bytes altogether", path,
				      MAX_TOTAL_SIZE);
	loader->source = &source;
	r = config_xml_parse(data, size, &xml_events, loader);
	loader->source = source.includer;
	if (r < 0)
		return r;
	return source.is_broken ? SOURCE_BROKEN : 0;
}

static int load_main(struct loader *loader, const char *path)
{
	__cleanup(freep) char *simple = NULL;
	struct config *config = loader->config;
	int r;

	simple = path_resolve("", path);
	if (!simple)
		return -ENOMEM;
	config->file = loader_intern(loader, simple);
	if (!config->file)
		return -ENOMEM;
	r = source_load(loader, config->file, NULL);
	if (loader->is_over)
		return r == -ENOMEM ? r : CONFIG_REFUSED;
	if (r < 0)
		return r;
	if (r == SOURCE_MISSING) {
		r = loader_refuse(loader, NULL, "%s: %s", config->file, strerror(ENOENT));
		return r < 0 ? r : CONFIG_REFUSED;
	}
	if (r == SOURCE_BROKEN)
		return CONFIG_REFUSED;
	if (!config->auth)
		config->auth = CONFIG_AUTH_EXTERNAL | CONFIG_AUTH_ANONYMOUS | CONFIG_AUTH_COOKIE;
	return 0;
}

int config_load(const char *path, const struct config_options *options, struct config **config_out,
		struct config_messages *messages)
{
	static const struct config_environment nothing = {
		.datadir = BP_DATADIR,
		.selinux_root = "/etc/selinux/targeted",
	};
	__cleanup(config_freep) struct config *config = NULL;
	struct loader loader = {
		.messages = messages,
		.files = &config_files_system,
		.environment = &nothing,
	};
	int r;

	if (options) {
		loader.flags = options->flags;
		if (options->files)
			loader.files = options->files;
		if (options->environment)
			loader.environment = options->environment;
	}
	r = config_new(&config);
	if (r < 0)
		return r;
	loader.config = config;
	r = load_main(&loader, path);
	if (r)
		return r;
	*config_out = steal(config);
	return 0;
}
