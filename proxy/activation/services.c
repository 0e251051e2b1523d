/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services: all service files of a configuration
 *
 * One directory after the other: the names of its files, sorted, then each file.
 * In the end they are sorted by the name that they provide, those for one name by
 * what counts, and all but the first of each name go.
 *
 * Whatever lies in a directory hurts nothing but itself.  A file that is broken, is
 * called otherwise than a strict directory demands, cannot be read or is no file at
 * all is one line for the log, and so is a second file for one name in the same
 * directory.  (In another directory it is how defaults are overridden, and not worth a
 * word.)  The lines are remembered: a directory that is watched is read again and
 * again, and the log shall not repeat what it has said.
 *
 * Who may write to these directories decides what the bus runs, so they are
 * trusted; the bounds are there for accidents.
 *
 * Reference: specification, section "Message Bus Starting Services".
 */
#include "proxy/activation/services.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy-parser/names.h"
#include "policy-parser/path.h"
#include "policy-parser/strings.h"

enum {
	MAX_FILES = 65536, /* in one directory */
	FIRST_ALLOCATION = 64,
};

static const char suffix[] = ".service";

/**
 * struct entry - one service
 * @service: first, as it is looked for by its name
 * @dir: number of its directory
 * @is_exact: its file is called NAME.service
 */
struct entry {
	struct service service;
	size_t dir;
	bool is_exact;
};

/**
 * struct services - a picture of the directories
 * @entries: sorted by name, each name once
 * @strings: all of their strings
 * @said: what there was to say about them
 */
struct services {
	struct entry *entries;
	size_t n_entries;
	struct strings strings;
	struct config_messages said;
};

/**
 * struct loader - services being loaded
 * @services: has all that was read so far, not sorted
 * @dirs: all directories
 * @dir: number of the one that is being read
 */
struct loader {
	struct services *services;
	const struct config_servicedir *dirs;
	size_t dir;
	const struct config_files *files;
	const struct services *previous;
	struct config_messages *messages;
};

/* room for one more in an array that has been growing by doubling */
static int grow(void *array, size_t n, size_t size)
{
	void **items = array;
	void *grown;

	if (n && (n < FIRST_ALLOCATION || n & (n - 1)))
		return 0;
	grown = reallocarray(*items, n ? 2 * n : FIRST_ALLOCATION, size);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	return 0;
}

static bool was_said(const struct services *services, const char *text)
{
	for (size_t i = 0; i < services->said.n_items; i++) {
		if (!strcmp(services->said.items[i].text, text))
			return true;
	}
	return false;
}

/* what is wrong with @path; nothing that the last look has told already */
static int say(struct loader *loader, const char *path, unsigned line, const char *what)
{
	struct config_messages *said = &loader->services->said;
	size_t n = said->n_items;
	int r;

	r = config_messages_add(said, CONFIG_WARNING, path, line, 0, NULL, "%s", what);
	if (r < 0)
		return r;
	if (loader->previous && said->n_items > n &&
	    was_said(loader->previous, said->items[n].text))
		return 0;
	return config_messages_add(loader->messages, CONFIG_WARNING, path, line, 0, NULL, "%s",
				   what);
}

/* Is it the machine that failed rather than a file?  Then nothing is known about the services. */
static bool is_shortage(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

int service_file_read(const struct config_files *files, const char *path,
		      struct service_file *file_out, struct service_file_error *error_out)
{
	__cleanup(freep) char *bytes = NULL;
	size_t size;
	int r;

	r = files->read(files->userdata, path, SERVICE_FILE_MAX_SIZE, &bytes, &size);
	if (r < 0)
		return r;
	return service_file_parse(bytes, size, file_out, error_out);
}

/* is @path called @name.service? */
static bool is_exact(const char *path, const char *name)
{
	const char *leaf = strrchr(path, '/');
	size_t length = strlen(name);

	leaf = leaf ? leaf + 1 : path;
	return !strncmp(leaf, name, length) && !strcmp(leaf + length, suffix);
}

/* the one copy of @text in *@string_out; NULL stays NULL */
static int intern(struct services *services, const char *text, const char **string_out)
{
	const char *string = text ? strings_intern(&services->strings, text) : NULL;

	if (text && !string)
		return -ENOMEM;
	*string_out = string;
	return 0;
}

static int add_service(struct loader *loader, const char *path, const struct service_file *file)
{
	struct services *services = loader->services;
	struct entry entry = {
		.service.exec_line = file->exec_line,
		.dir = loader->dir,
		.is_exact = is_exact(path, file->name),
	};
	const struct {
		const char *text;
		const char **string;
	} strings[] = {
		{file->name, &entry.service.name},
		{file->exec, &entry.service.exec},
		{file->user, &entry.service.user},
		{file->systemd_service, &entry.service.systemd_service},
		{file->apparmor_label, &entry.service.apparmor_label},
		{path, &entry.service.path},
	};
	int r;

	if (loader->dirs[loader->dir].flags & CONFIG_SERVICEDIR_STRICT_NAMES && !entry.is_exact)
		return say(loader, path, file->name_line,
			   "the file has to be called as its Name, with .service behind it");
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		r = intern(services, strings[i].text, strings[i].string);
		if (r < 0)
			return r;
	}
	r = grow(&services->entries, services->n_entries, sizeof(entry));
	if (r < 0)
		return r;
	services->entries[services->n_entries++] = entry;
	return 0;
}

static int load_file(struct loader *loader, const char *name)
{
	struct service_file_error error;
	struct service_file file = {0};
	char *path;
	int r;

	path = path_join(loader->dirs[loader->dir].path, name);
	if (!path)
		return -ENOMEM;
	r = service_file_read(loader->files, path, &file, &error);
	if (!r)
		r = add_service(loader, path, &file);
	else if (r == SERVICE_FILE_INVALID)
		r = say(loader, path, error.line, error.text);
	else if (r == -EFBIG)
		r = say(loader, path, 0, "larger than 128 KiB");
	else if (r == -EINVAL || r == -EISDIR)
		r = say(loader, path, 0, "not a regular file");
	else if (!is_shortage(r))
		r = say(loader, path, 0, strerror(-r));
	service_file_deinit(&file);
	free(path);
	return r;
}

static int load_directory(struct loader *loader)
{
	const char *path = loader->dirs[loader->dir].path;
	struct names names = {.suffix = suffix, .max = MAX_FILES};
	int r;

	r = loader->files->list(loader->files->userdata, path, names_add, &names);
	if (names.is_full)
		r = say(loader, path, 0, "more than 65536 service files, the others are left out");
	else if (r == -ENOENT)
		r = 0;
	else if (r < 0 && !is_shortage(r))
		r = say(loader, path, 0, strerror(-r));
	names_sort(&names);
	for (size_t i = 0; !r && i < names.n_items; i++)
		r = load_file(loader, names.items[i]);
	names_deinit(&names);
	return r;
}

/* by name; of those with one name the one that counts comes first */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *left = a;
	const struct entry *right = b;
	int order = strcmp(left->service.name, right->service.name);

	if (order)
		return order;
	if (left->dir != right->dir)
		return left->dir < right->dir ? -1 : 1;
	if (left->is_exact != right->is_exact)
		return left->is_exact ? -1 : 1;
	return strcmp(left->service.path, right->service.path);
}

static int say_duplicate(struct loader *loader, const struct entry *entry,
			 const struct entry *winner)
{
	char *what;
	int r;

	if (asprintf(&what, "Name is that of %s as well, which counts", winner->service.path) < 0)
		return -ENOMEM;
	r = say(loader, entry->service.path, 0, what);
	free(what);
	return r;
}

/* sorts the services and leaves one of each name */
static int settle(struct loader *loader)
{
	struct services *services = loader->services;
	size_t n = 0;

	if (services->n_entries)
		qsort(services->entries, services->n_entries, sizeof(services->entries[0]),
		      compare_entries);
	for (size_t i = 0; i < services->n_entries; i++) {
		const struct entry *entry = &services->entries[i];
		const struct entry *last = n ? &services->entries[n - 1] : NULL;

		if (!last || strcmp(last->service.name, entry->service.name)) {
			services->entries[n++] = *entry;
		} else if (last->dir == entry->dir) {
			int r = say_duplicate(loader, entry, last);

			if (r < 0)
				return r;
		}
	}
	services->n_entries = n;
	return 0;
}

int services_load(const struct config_servicedir *dirs, size_t n_dirs,
		  const struct config_files *files, const struct services *previous,
		  struct config_messages *messages, struct services **services_out)
{
	__cleanup(services_freep) struct services *services = NULL;
	struct loader loader = {
		.dirs = dirs,
		.files = files ? files : &config_files_system,
		.previous = previous,
		.messages = messages,
	};
	int r;

	services = calloc(1, sizeof(*services));
	if (!services)
		return -ENOMEM;
	services->strings = (struct strings)STRINGS_NULL;
	loader.services = services;
	for (; loader.dir < n_dirs; loader.dir++) {
		r = load_directory(&loader);
		if (r < 0)
			return r;
	}
	r = settle(&loader);
	if (r < 0)
		return r;
	*services_out = steal(services);
	return 0;
}

struct services *services_free(struct services *services)
{
	if (!services)
		return NULL;
	free(services->entries);
	strings_deinit(&services->strings);
	config_messages_deinit(&services->said);
	free(services);
	return NULL;
}

size_t services_count(const struct services *services)
{
	return services->n_entries;
}

const struct service *services_at(const struct services *services, size_t i)
{
	return &services->entries[i].service;
}

static int compare_name(const void *key, const void *entry)
{
	return strcmp(key, ((const struct entry *)entry)->service.name);
}

const struct service *services_find(const struct services *services, const char *name)
{
	const struct entry *entry = NULL;

	if (services->n_entries)
		entry = bsearch(name, services->entries, services->n_entries, sizeof(*entry),
				compare_name);
	return entry ? &entry->service : NULL;
}
