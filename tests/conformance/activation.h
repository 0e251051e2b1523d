/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A bus with service files
 *
 * They lie in the subject's own directory "services".  Whoever takes the name of a
 * service counts as the service: mostly the test itself does, and the program that was
 * started for it does nothing but exist.
 */
#pragma once

#include "tests/harness/client.h"
#include "tests/harness/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct activation_fixture {
	struct subject *subject;
	struct conn *a, *b, *c;
};

/* what a configuration needs for it; relative to the file that says it */
#define SERVICEDIR "<servicedir>services</servicedir>"

static inline void service_write(struct subject *subject, const char *file, const char *text)
{
	char name[300];

	snprintf(name, sizeof(name), "services/%s.service", file);
	file_write(sandbox_path(&subject->sandbox, name), text);
}

/* NAME.service; further lines may be NULL */
static inline void service_add(struct subject *subject, const char *name, const char *exec,
			       const char *lines)
{
	char text[2048];

	snprintf(text, sizeof(text), "[D-BUS Service]\nName=%s\nExec=%s\n%s", name, exec,
		 lines ?: "");
	service_write(subject, name, text);
}

static inline void service_remove(struct subject *subject, const char *name)
{
	char file[300];

	snprintf(file, sizeof(file), "services/%s.service", name);
	expect_eq(unlink(sandbox_path(&subject->sandbox, file)), 0);
}

/* @xml besides the directory, or NULL; no service yet: see services_reload() */
static inline struct activation_fixture activation_start(const char *xml, const char *const *args)
{
	struct activation_fixture f;
	char text[4096];

	snprintf(text, sizeof(text), SERVICEDIR "%s", xml ?: "");
	f.subject = subject_start_with(
		&(struct subject_options){.xml = text, .args = args, .n_files = 4096});
	expect_eq(mkdir(sandbox_path(&f.subject->sandbox, "services"), 0755), 0);
	f.a = conn_new(f.subject->address);
	f.b = conn_new(f.subject->address);
	f.c = conn_new(f.subject->address);
	return f;
}

/* the files are known now */
static inline void services_reload(struct activation_fixture *f)
{
	expect_return(conn_call(f->a, driver_msg("ReloadConfig")));
}

static inline void activation_stop(struct activation_fixture *f)
{
	conn_close(f->a);
	conn_close(f->b);
	conn_close(f->c);
	subject_stop(f->subject);
}

static inline struct msg *start_msg(const char *name)
{
	return msg_append(driver_msg("StartServiceByName"), "su", name, 0u);
}

/* as ListActivatableNames says, where the bus itself comes first */
static inline bool is_activatable(struct conn *conn, const char *name)
{
	struct msg *reply = conn_call(conn, driver_msg("ListActivatableNames"));
	size_t n;
	const char **names = msg_read_strings(reply, &n);
	bool is_there = false;

	expect_gt(n, 0u);
	expect_str(names[0], DRIVER_NAME);
	for (size_t i = 0; i < n; i++)
		is_there |= !strcmp(names[i], name);
	free(names);
	msg_free(reply);
	return is_there;
}

/* an error with this name and text; frees it */
static inline void expect_failure_at(struct msg *msg, const char *error, const char *text,
				     const char *file, int line)
{
	const char *actual = "";

	if (msg->type == MSG_ERROR && msg->signature && !strcmp(msg->signature, "s"))
		msg_read(msg, "s", &actual);
	tap_expect_str(file, line, "text", "expected", actual, text);
	expect_error_at(msg, error, file, line);
}
#define expect_failure(msg, error, text) expect_failure_at(msg, error, text, __FILE__, __LINE__)

/* how many lines a file of the sandbox has */
static inline unsigned file_lines(struct subject *subject, const char *name)
{
	char *text = file_read(sandbox_path(&subject->sandbox, name));
	unsigned n = 0;

	for (char *c = text; c && *c; c++)
		n += *c == '\n';
	free(text);
	return n;
}

/* waits until it has so many */
static inline void file_await(struct subject *subject, const char *name, unsigned n_lines)
{
	int64_t deadline = now_ms() + WAIT_MS;

	while (file_lines(subject, name) < n_lines) {
		if (now_ms() > deadline)
			fail("%s does not get %u lines", name, n_lines);
		usleep(5000);
	}
}
