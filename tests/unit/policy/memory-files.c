/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Configuration files that exist in memory alone */
#include "tests/unit/policy/memory-files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/base/cleanup.h"

static bool is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return !strncmp(path, directory, length) && path[length] == '/';
}

static int memory_read(void *userdata, const char *path, size_t max, char **data_out,
		       size_t *size_out)
{
	for (const struct memory_file *file = userdata; file->path; file++) {
		size_t size;
		char *data;

		if (is_below(file->path, path))
			return -EISDIR;
		if (strcmp(file->path, path))
			continue;
		if (!file->text)
			return file->error;
		size = file->size ? file->size : strlen(file->text);
		if (size > max)
			return -EFBIG;
		data = malloc(size + 1);
		if (!data)
			return -ENOMEM;
		memcpy(data, file->text, size);
		*data_out = data;
		*size_out = size;
		return 0;
	}
	return -ENOENT;
}

static int memory_list(void *userdata, const char *path,
		       int (*add)(void *add_userdata, const char *name), void *add_userdata)
{
	const struct memory_file *files = userdata;
	const struct memory_file *end = files;
	bool is_directory = false;

	while (end->path)
		end++;
	for (const struct memory_file *file = end; file-- != files;) {
		const char *name = file->path + strlen(path) + 1;
		int r;

		if (!strcmp(file->path, path))
			return file->text ? -ENOTDIR : file->error;
		if (!is_below(file->path, path))
			continue;
		is_directory = true;
		if (strchr(name, '/'))
			continue;
		r = add(add_userdata, name);
		if (r)
			return r;
	}
	return is_directory ? 0 : -ENOENT;
}

struct config_files memory_files(const struct memory_file *files)
{
	return (struct config_files){
		.userdata = (void *)files,
		.read = memory_read,
		.list = memory_list,
	};
}

int memory_load(const struct memory_file *files, unsigned flags,
		const struct config_environment *environment, struct config **config_out,
		struct config_messages *messages)
{
	const struct config_files provider = memory_files(files);
	const struct config_options options = {
		.flags = flags,
		.environment = environment,
		.files = &provider,
	};

	return config_load("/m.conf", &options, config_out, messages);
}

int memory_load_body(const char *body, struct config **config_out, struct config_messages *messages)
{
	__cleanup(freep) char *text = NULL;
	struct memory_file files[2] = {{.path = "/m.conf"}};

	if (asprintf(&text, "<busconfig>%s</busconfig>", body) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	files[0].text = text;
	return memory_load(files, 0, NULL, config_out, messages);
}
