/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bus configuration: files that include files
 *
 * <include> puts one file in place; what is wrong with it is wrong with the one
 * that includes it.  Only that it does not exist can be forgiven, and only by
 * ignore_missing: a directory, or a file below something that is none, is an error.
 *
 * <includedir> puts all NAME.conf of a directory in place, sorted bytewise, so
 * that one set of files is one configuration everywhere.  No directory is no files.
 * Packages own these files, so an error in one of them stays there: everything it
 * said is taken back except its deny rules, and those of the files it includes.
 * They stay because a bus that lacks an allow rule is broken, but one that lacks
 * a deny rule is open.
 *
 * A file may be included twice, but not from within itself.  Files are told
 * apart by their simplified path; a chain that goes round by other names is ended
 * by the bound of the depth.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/config-load.h"
#include "policy-parser/names.h"
#include "policy-parser/path.h"

#define GET(element, name) ((element)->attributes[CONFIG_ATTRIBUTE_##name])

enum {
	MAX_NAMES = 20000, /* in a directory */
};

/* an attribute of <include>: "yes" or "no"; 1: wrong, and said so */
static int get_flag(struct loader *loader, const struct config_xml_element *element,
		    enum config_attribute attribute, bool *flag_out)
{
	const char *value = element->attributes[attribute];
	int r;

	if (!value || !strcmp(value, "no")) {
		*flag_out = false;
		return 0;
	}
	if (!strcmp(value, "yes")) {
		*flag_out = true;
		return 0;
	}
	r = loader_refuse(loader, element, "%s is \"yes\" or \"no\", not \"%.100s\"",
			  config_attribute_name(attribute), value);
	return r < 0 ? r : 1;
}

/* interns a string that has been allocated for it; takes @text, which may be NULL */
static const char *intern_take(struct loader *loader, char *text)
{
	const char *interned = text ? loader_intern(loader, text) : NULL;

	free(text);
	return interned;
}

int include_file(struct loader *loader, const struct config_xml_element *element)
{
	bool ignore_missing, if_selinux_enabled, selinux_root_relative;
	const char *path;
	int r;

	r = get_flag(loader, element, CONFIG_ATTRIBUTE_IGNORE_MISSING, &ignore_missing);
	if (r)
		return r < 0 ? r : 0;
	r = get_flag(loader, element, CONFIG_ATTRIBUTE_IF_SELINUX_ENABLED, &if_selinux_enabled);
	if (r)
		return r < 0 ? r : 0;
	r = get_flag(loader, element, CONFIG_ATTRIBUTE_SELINUX_ROOT_RELATIVE,
		     &selinux_root_relative);
	if (r)
		return r < 0 ? r : 0;
	if (if_selinux_enabled && !loader->environment->is_selinux_enabled)
		return 0;

	path = intern_take(loader,
			   selinux_root_relative
				   ? path_join(loader->environment->selinux_root, element->text)
				   : path_resolve(loader->source->path, element->text));
	if (!path)
		return -ENOMEM;
	r = source_load(loader, path, element);
	if (r == SOURCE_MISSING && !ignore_missing)
		return loader_refuse(loader, element, "%s: %s", path, strerror(ENOENT));
	if (r == SOURCE_BROKEN)
		loader->source->is_broken = true;
	return r < 0 ? r : 0;
}

/**
 * take_back() - undo what a broken file said
 * @config: as it is now
 * @before: a copy of it as it was before that file
 *
 * The arrays are longer now, and perhaps elsewhere; what is behind their former
 * ends goes, apart from deny rules and the sections that have some.
 */
static void take_back(struct config *config, const struct config *before)
{
	struct policy_rules *policy = &config->policy;
	struct config now = *config;

	*config = *before;
	config->listen = now.listen;
	config->servicedirs = now.servicedirs;
	config->selinux = now.selinux;
	policy->sections = now.policy.sections;
	policy->rules = now.policy.rules;

	for (size_t i = before->policy.n_sections; i < now.policy.n_sections; i++) {
		struct policy_section section = policy->sections[i];
		size_t first = policy->n_rules;

		for (size_t j = 0; j < section.n_rules; j++) {
			struct policy_rule rule = policy->rules[section.first_rule + j];

			if (rule.is_allow)
				continue;
			rule.section = policy->n_sections;
			policy->rules[policy->n_rules++] = rule;
		}
		section.first_rule = first;
		section.n_rules = policy->n_rules - first;
		if (section.n_rules)
			policy->sections[policy->n_sections++] = section;
	}
}

static int include_entry(struct loader *loader, const struct config_xml_element *element,
			 const char *path)
{
	struct config *config = loader->config;
	struct config before = *config;
	bool was_broken = loader->source->is_broken;
	size_t n_kept;
	int r;

	r = source_load(loader, path, element);
	if (r < 0)
		return r;
	if (r == SOURCE_MISSING)
		return loader_warn(loader, element, "%s: %s", path, strerror(ENOENT));
	if (!r)
		return 0;
	take_back(config, &before);
	if (loader->flags & CONFIG_STRICT) {
		loader->source->is_broken = true;
		return 0;
	}
	n_kept = config->policy.n_rules - before.policy.n_rules;
	r = loader_refuse(loader, element, "%s is left out because of its errors%s", path,
			  n_kept ? ", apart from its deny rules" : "");
	/* that is not a mistake of the file that includes it */
	loader->source->is_broken = was_broken;
	return r;
}

static int include_names(struct loader *loader, const struct config_xml_element *element,
			 const char *directory, struct names *names)
{
	names_sort(names);
	for (size_t i = 0; i < names->n_items; i++) {
		const char *path = intern_take(loader, path_join(directory, names->items[i]));
		int r;

		if (!path)
			return -ENOMEM;
		r = include_entry(loader, element, path);
		if (r < 0)
			return r;
	}
	return 0;
}

int include_directory(struct loader *loader, const struct config_xml_element *element)
{
	struct names names = {.suffix = ".conf", .max = MAX_NAMES};
	const char *path;
	int r;

	path = intern_take(loader, path_resolve(loader->source->path, element->text));
	if (!path)
		return -ENOMEM;
	r = loader->files->list(loader->files->userdata, path, names_add, &names);
	if (names.is_full)
		r = loader_give_up(loader, element, "%s: more than %d files", path, MAX_NAMES);
	else if (!r)
		r = include_names(loader, element, path, &names);
	else if (r == -ENOENT)
		r = 0;
	else if (r != -ENOMEM)
		r = loader_refuse(loader, element, "cannot read %s: %s", path, strerror(-r));
	names_deinit(&names);
	return r;
}
