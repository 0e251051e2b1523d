/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/native/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *built(const char *name)
{
	static char paths[2][512];
	static unsigned n;
	char *path = paths[n++ % 2];

	snprintf(path, 512, "%s/%s", getenv("top_builddir") ?: ".", name);
	return path;
}

void stage_open(struct stage *stage, const char *xml)
{
	char served[160], option[160];
	const char *const args[] = {served, NULL};
	const char *under_run[] = {built("kdbus-run"), option, built("tests/native/native-peer"),
				   "serves", NULL};
	const char **argv = under_run;

	sandbox_open(&stage->nodes);
	snprintf(served, sizeof(served), "--engine-socket=%s",
		 sandbox_path(&stage->nodes, "kdbus"));
	snprintf(option, sizeof(option), "--directory=%s", sandbox_path(&stage->nodes, "kdbus"));
	/* there it needs no help, as the bus is where it looks for one */
	if (!strcmp(subject_name(), "kernel")) {
		strcpy(served, "--engine-socket=/sys/fs/kdbus");
		argv += 2;
	}
	stage->subject = subject_start_with(&(struct subject_options){.xml = xml, .args = args});
	stage->client = conn_new(stage->subject->address);
	add_match(stage->client, "type='signal',member='NameOwnerChanged',arg0='" NATIVE "'");
	/* the library comes in front of a sanitizer's, and has none */
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0", 1);
	stage->native = sandbox_spawn(&stage->nodes, argv, NULL, 0);
	msg_free(conn_find_signal(stage->client, "NameOwnerChanged"));
}

struct msg *native_call(const char *member)
{
	return msg_call(NATIVE, "/", NATIVE, member);
}

void stage_close(struct stage *stage)
{
	int status;

	expect_return(conn_call(stage->client, native_call("Quit")));
	status = sandbox_wait(&stage->nodes, stage->native);
	if (status)
		note("%s", file_read(sandbox_path(&stage->nodes, "stdout")));
	expect_eq(status, 0);
	msg_free(conn_find_signal(stage->client, "NameOwnerChanged"));
	conn_close(stage->client);
	subject_stop(stage->subject);
	sandbox_close(&stage->nodes);
}

const char *native_does_at(struct stage *stage, const char *member, const char *what,
			   const char *with, const char *file, int line)
{
	static char said[256];
	struct msg *reply;
	const char *text;

	reply = conn_call_at(stage->client, msg_append(native_call(member), "ss", what, with), file,
			     line);
	if (reply->type != MSG_RETURN)
		fail_at(file, line, "%s: %s", member, reply->error_name);
	msg_read(reply, "s", &text);
	snprintf(said, sizeof(said), "%s", text);
	msg_free(reply);
	return said;
}

unsigned int n_logged(const struct stage *stage, const char *text)
{
	char *log = file_read(sandbox_path(&stage->subject->sandbox, "stderr"));
	unsigned int n = 0;

	for (char *at = log; at && (at = strstr(at, text)); at += strlen(text))
		n++;
	free(log);
	return n;
}

void expect_logged_at(const struct stage *stage, const char *text, const char *file, int line)
{
	for (int i = 0; i < 100 && !n_logged(stage, text); i++)
		usleep(10000);
	if (!n_logged(stage, text))
		fail_at(file, line, "the log has no \"%s\"", text);
}
