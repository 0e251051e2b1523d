/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A peer of test-libraries on sd-bus; what a peer does is told there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define INTERFACE "org.example.Peer"

static sd_bus *bus;
static const char *kind;

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static int answer_echo(sd_bus_message *call, void *data, sd_bus_error *error)
{
	sd_bus_message *reply;
	const char *text;
	char *answer;
	int r;

	if (sd_bus_message_new_method_return(call, &reply) < 0 ||
	    sd_bus_message_read(call, "s", &text) < 0 ||
	    asprintf(&answer, "%s from %s", text, kind) < 0)
		abort();
	r = sd_bus_message_append(reply, "s", answer);
	free(answer);
	if (r >= 0)
		r = sd_bus_message_copy(reply, call, true);
	if (r >= 0)
		r = sd_bus_send(bus, reply, NULL);
	sd_bus_message_unref(reply);
	return r;
}

static int answer_write(sd_bus_message *call, void *data, sd_bus_error *error)
{
	int fd, r = sd_bus_message_read(call, "h", &fd);

	if (r < 0)
		return r;
	dprintf(fd, "written by %s", kind);
	return sd_bus_reply_method_return(call, "");
}

static int answer_open(sd_bus_message *call, void *data, sd_bus_error *error)
{
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	dprintf(fds[1], "opened by %s", kind);
	close(fds[1]);
	r = sd_bus_reply_method_return(call, "h", fds[0]);
	close(fds[0]);
	return r;
}

static int answer_fail(sd_bus_message *call, void *data, sd_bus_error *error)
{
	return sd_bus_error_setf(error, "org.example.Error.Failed", "failed by %s", kind);
}

static const sd_bus_vtable methods[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Echo", "sva{sv}", "sva{sv}", answer_echo, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Write", "h", "", answer_write, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Open", "", "h", answer_open, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("Fail", "", "", answer_fail, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("Said", "ss", 0),
	SD_BUS_VTABLE_END,
};

static int hear(sd_bus_message *signal, void *data, sd_bus_error *error)
{
	const char *who, *text;

	if (sd_bus_message_read(signal, "ss", &who, &text) >= 0) {
		printf("heard %s %s\n", who, text);
		fflush(stdout);
	}
	return 0;
}

static sd_bus_message *new_call(const char *to, const char *member)
{
	sd_bus_message *call;
	char name[64];

	snprintf(name, sizeof(name), "org.example.Peer.%s", to);
	if (sd_bus_message_new_method_call(bus, &call, name, "/peer", INTERFACE, member) < 0)
		abort();
	return call;
}

/* takes the call; says what is wrong and returns NULL, or returns the reply */
static sd_bus_message *call_peer(sd_bus_message *call)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;

	if (sd_bus_call(bus, call, 10000000, &error, &reply) < 0) {
		printf("%s %s\n", error.name, error.message);
		fflush(stdout);
	}
	sd_bus_error_free(&error);
	sd_bus_message_unref(call);
	return reply;
}

static void command_call(const char *to, const char *text)
{
	sd_bus_message *call = new_call(to, "Echo"), *reply;
	const char *answer, *back, *key_list, *key_text;
	uint32_t number;
	int32_t a, b, c;

	if (sd_bus_message_append(call, "sva{sv}", text, "u", 77, 2, "list", "ai", 3, 1, 2, 3,
				  "text", "s", text) < 0)
		abort();
	reply = call_peer(call);
	if (!reply)
		return;
	/* everybody keeps the order of what is in the dictionary, or not */
	if (sd_bus_message_read(reply, "sv", &answer, "u", &number) < 0 || number != 77 ||
	    (sd_bus_message_read(reply, "a{sv}", 2, &key_list, "ai", 3, &a, &b, &c, &key_text, "s",
				 &back) < 0 &&
	     (sd_bus_message_rewind(reply, true) < 0 || sd_bus_message_skip(reply, "sv") < 0 ||
	      sd_bus_message_read(reply, "a{sv}", 2, &key_text, "s", &back, &key_list, "ai", 3, &a,
				  &b, &c) < 0)) ||
	    a != 1 || b != 2 || c != 3 || strcmp(key_list, "list") || strcmp(key_text, "text") ||
	    strcmp(back, text))
		say("changed");
	else
		say(answer);
	sd_bus_message_unref(reply);
}

static void say_what_is_in(int fd)
{
	char text[101];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = 0;
	say(text);
}

static void command_fd(const char *to)
{
	sd_bus_message *call = new_call(to, "Write"), *reply;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0 || sd_bus_message_append(call, "h", fds[1]) < 0)
		abort();
	close(fds[1]);
	reply = call_peer(call);
	if (reply)
		say_what_is_in(fds[0]);
	close(fds[0]);
	sd_bus_message_unref(reply);
}

static void command_open(const char *to)
{
	sd_bus_message *reply = call_peer(new_call(to, "Open"));
	int fd;

	if (!reply)
		return;
	if (sd_bus_message_read(reply, "h", &fd) >= 0)
		say_what_is_in(fd);
	else
		say("no descriptor");
	sd_bus_message_unref(reply);
}

static void run_command(char *line)
{
	char *command = strtok(line, " \n"), *to = strtok(NULL, " \n"), *text = strtok(NULL, " \n");
	sd_bus_message *reply;

	if (!strcmp(command, "emit")) {
		sd_bus_emit_signal(bus, "/peer", INTERFACE, "Said", "ss", kind, to);
		sd_bus_flush(bus);
		say("emitted");
	} else if (!strcmp(command, "call")) {
		command_call(to, text);
	} else if (!strcmp(command, "fd")) {
		command_fd(to);
	} else if (!strcmp(command, "open")) {
		command_open(to);
	} else {
		reply = call_peer(new_call(to, "Fail"));
		if (reply)
			say("no error");
		sd_bus_message_unref(reply);
	}
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = {{0, POLLIN, 0}, {-1, POLLIN, 0}};
	char name[64], line[256];
	int r;

	if (argc != 3)
		return 2;
	kind = argv[1];
	snprintf(name, sizeof(name), "org.example.Peer.%s", kind);
	if ((r = sd_bus_new(&bus)) < 0 || (r = sd_bus_set_address(bus, argv[2])) < 0 ||
	    (r = sd_bus_set_bus_client(bus, true)) < 0 ||
	    (r = sd_bus_negotiate_fds(bus, true)) < 0 || (r = sd_bus_start(bus)) < 0 ||
	    (r = sd_bus_add_object_vtable(bus, NULL, "/peer", INTERFACE, methods, NULL)) < 0 ||
	    (r = sd_bus_match_signal(bus, NULL, NULL, NULL, INTERFACE, "Said", hear, NULL)) < 0 ||
	    (r = sd_bus_request_name(bus, name, 0)) < 0) {
		fprintf(stderr, "%s\n", strerror(-r));
		return 1;
	}
	fds[1].fd = sd_bus_get_fd(bus);
	setvbuf(stdin, NULL, _IONBF, 0);
	say("ready");
	for (;;) {
		while ((r = sd_bus_process(bus, NULL)) > 0)
			;
		if (r < 0)
			return 1;
		fds[1].events = sd_bus_get_events(bus);
		if (poll(fds, 2, -1) < 0)
			return 1;
		if (!fds[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			break;
		run_command(line);
	}
	sd_bus_flush_close_unref(bus);
	return 0;
}
