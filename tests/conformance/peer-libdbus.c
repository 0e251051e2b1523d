/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A peer of test-libraries on libdbus; what a peer does is told there. */
#include <dbus/dbus.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTERFACE "org.example.Peer"

static DBusConnection *connection;
static const char *kind;

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

/* copies one value, whatever it is */
static void copy_value(DBusMessageIter *from, DBusMessageIter *to)
{
	int type = dbus_message_iter_get_arg_type(from);
	DBusMessageIter sub_from, sub_to;
	DBusBasicValue value;
	char *signature;

	if (dbus_type_is_basic(type)) {
		dbus_message_iter_get_basic(from, &value);
		dbus_message_iter_append_basic(to, type, &value);
		return;
	}
	dbus_message_iter_recurse(from, &sub_from);
	signature = dbus_message_iter_get_signature(&sub_from);
	dbus_message_iter_open_container(
		to, type, type == DBUS_TYPE_ARRAY || type == DBUS_TYPE_VARIANT ? signature : NULL,
		&sub_to);
	for (; dbus_message_iter_get_arg_type(&sub_from) != DBUS_TYPE_INVALID;
	     dbus_message_iter_next(&sub_from))
		copy_value(&sub_from, &sub_to);
	dbus_message_iter_close_container(to, &sub_to);
	dbus_free(signature);
}

static DBusMessage *answer_echo(DBusMessage *call)
{
	DBusMessage *reply = dbus_message_new_method_return(call);
	DBusMessageIter from, to;
	const char *text;
	char *answer;

	dbus_message_iter_init(call, &from);
	dbus_message_iter_get_basic(&from, &text);
	dbus_message_iter_init_append(reply, &to);
	if (asprintf(&answer, "%s from %s", text, kind) < 0)
		abort();
	dbus_message_iter_append_basic(&to, DBUS_TYPE_STRING, &answer);
	while (dbus_message_iter_next(&from))
		copy_value(&from, &to);
	free(answer);
	return reply;
}

static DBusMessage *answer_write(DBusMessage *call)
{
	int fd;

	if (!dbus_message_get_args(call, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID))
		return dbus_message_new_error(call, DBUS_ERROR_INVALID_ARGS, "no descriptor");
	dprintf(fd, "written by %s", kind);
	close(fd);
	return dbus_message_new_method_return(call);
}

static DBusMessage *answer_open(DBusMessage *call)
{
	DBusMessage *reply = dbus_message_new_method_return(call);
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	dprintf(fds[1], "opened by %s", kind);
	close(fds[1]);
	dbus_message_append_args(reply, DBUS_TYPE_UNIX_FD, &fds[0], DBUS_TYPE_INVALID);
	close(fds[0]);
	return reply;
}

static DBusHandlerResult filter(DBusConnection *unused, DBusMessage *message, void *data)
{
	DBusMessage *reply;
	const char *who, *text;
	char why[64];

	if (dbus_message_is_signal(message, INTERFACE, "Said") &&
	    dbus_message_get_args(message, NULL, DBUS_TYPE_STRING, &who, DBUS_TYPE_STRING, &text,
				  DBUS_TYPE_INVALID)) {
		printf("heard %s %s\n", who, text);
		fflush(stdout);
		return DBUS_HANDLER_RESULT_HANDLED;
	}
	if (dbus_message_is_method_call(message, INTERFACE, "Echo")) {
		reply = answer_echo(message);
	} else if (dbus_message_is_method_call(message, INTERFACE, "Write")) {
		reply = answer_write(message);
	} else if (dbus_message_is_method_call(message, INTERFACE, "Open")) {
		reply = answer_open(message);
	} else if (dbus_message_is_method_call(message, INTERFACE, "Fail")) {
		snprintf(why, sizeof(why), "failed by %s", kind);
		reply = dbus_message_new_error(message, "org.example.Error.Failed", why);
	} else {
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	}
	dbus_connection_send(connection, reply, NULL);
	dbus_message_unref(reply);
	return DBUS_HANDLER_RESULT_HANDLED;
}

static DBusMessage *new_call(const char *to, const char *member)
{
	char name[64];

	snprintf(name, sizeof(name), "org.example.Peer.%s", to);
	return dbus_message_new_method_call(name, "/peer", INTERFACE, member);
}

/* takes the call; says what is wrong and returns NULL, or returns the reply */
static DBusMessage *call_peer(DBusMessage *call)
{
	DBusError error = DBUS_ERROR_INIT;
	DBusMessage *reply =
		dbus_connection_send_with_reply_and_block(connection, call, 10000, &error);

	dbus_message_unref(call);
	if (!reply) {
		printf("%s %s\n", error.name, error.message);
		fflush(stdout);
		dbus_error_free(&error);
	}
	return reply;
}

static void append_entry(DBusMessageIter *dict, const char *key, const char *text,
			 const int32_t *list, int n)
{
	DBusMessageIter entry, variant, array;

	dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
	dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &key);
	dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, list ? "ai" : "s", &variant);
	if (list) {
		dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "i", &array);
		dbus_message_iter_append_fixed_array(&array, DBUS_TYPE_INT32, &list, n);
		dbus_message_iter_close_container(&variant, &array);
	} else {
		dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &text);
	}
	dbus_message_iter_close_container(&entry, &variant);
	dbus_message_iter_close_container(dict, &entry);
}

static void command_call(const char *to, const char *text)
{
	static const int32_t list[] = {1, 2, 3};
	DBusMessage *call = new_call(to, "Echo"), *reply;
	DBusMessageIter iter, sub;
	uint32_t number = 77;
	const char *answer;

	dbus_message_iter_init_append(call, &iter);
	dbus_message_iter_append_basic(&iter, DBUS_TYPE_STRING, &text);
	dbus_message_iter_open_container(&iter, DBUS_TYPE_VARIANT, "u", &sub);
	dbus_message_iter_append_basic(&sub, DBUS_TYPE_UINT32, &number);
	dbus_message_iter_close_container(&iter, &sub);
	dbus_message_iter_open_container(&iter, DBUS_TYPE_ARRAY, "{sv}", &sub);
	append_entry(&sub, "list", NULL, list, 3);
	append_entry(&sub, "text", text, NULL, 0);
	dbus_message_iter_close_container(&iter, &sub);
	reply = call_peer(call);
	if (!reply)
		return;
	dbus_message_iter_init(reply, &iter);
	dbus_message_iter_get_basic(&iter, &answer);
	say(dbus_message_has_signature(reply, "sva{sv}") ? answer : "changed");
	dbus_message_unref(reply);
}

static void say_what_is_in(int fd)
{
	char text[101];
	ssize_t n = read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = 0;
	say(text);
	close(fd);
}

static void command_fd(const char *to)
{
	DBusMessage *call = new_call(to, "Write"), *reply;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &fds[1], DBUS_TYPE_INVALID);
	close(fds[1]);
	reply = call_peer(call);
	if (reply) {
		say_what_is_in(fds[0]);
		dbus_message_unref(reply);
	} else {
		close(fds[0]);
	}
}

static void command_open(const char *to)
{
	DBusMessage *reply = call_peer(new_call(to, "Open"));
	int fd;

	if (!reply)
		return;
	if (dbus_message_get_args(reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID))
		say_what_is_in(fd);
	else
		say("no descriptor");
	dbus_message_unref(reply);
}

static void command_emit(const char *text)
{
	DBusMessage *signal = dbus_message_new_signal("/peer", INTERFACE, "Said");

	dbus_message_append_args(signal, DBUS_TYPE_STRING, &kind, DBUS_TYPE_STRING, &text,
				 DBUS_TYPE_INVALID);
	dbus_connection_send(connection, signal, NULL);
	dbus_message_unref(signal);
	dbus_connection_flush(connection);
	say("emitted");
}

static void run_command(char *line)
{
	char *command = strtok(line, " \n"), *to = strtok(NULL, " \n"), *text = strtok(NULL, " \n");
	DBusMessage *reply;

	if (!strcmp(command, "emit")) {
		command_emit(to);
	} else if (!strcmp(command, "call")) {
		command_call(to, text);
	} else if (!strcmp(command, "fd")) {
		command_fd(to);
	} else if (!strcmp(command, "open")) {
		command_open(to);
	} else {
		reply = call_peer(new_call(to, "Fail"));
		if (reply) {
			say("no error");
			dbus_message_unref(reply);
		}
	}
}

int main(int argc, char **argv)
{
	struct pollfd fds[2] = {{0, POLLIN, 0}, {-1, POLLIN, 0}};
	DBusError error = DBUS_ERROR_INIT;
	char name[64], line[256];

	if (argc != 3)
		return 2;
	kind = argv[1];
	connection = dbus_connection_open_private(argv[2], &error);
	if (!connection || !dbus_bus_register(connection, &error)) {
		fprintf(stderr, "%s\n", error.message);
		return 1;
	}
	snprintf(name, sizeof(name), "org.example.Peer.%s", kind);
	dbus_bus_request_name(connection, name, DBUS_NAME_FLAG_DO_NOT_QUEUE, &error);
	dbus_bus_add_match(connection, "type='signal',interface='" INTERFACE "'", &error);
	dbus_connection_add_filter(connection, filter, NULL, NULL);
	if (dbus_error_is_set(&error) || !dbus_connection_get_unix_fd(connection, &fds[1].fd))
		return 1;
	setvbuf(stdin, NULL, _IONBF, 0);
	say("ready");
	for (;;) {
		while (dbus_connection_dispatch(connection) == DBUS_DISPATCH_DATA_REMAINS)
			;
		dbus_connection_flush(connection);
		if (poll(fds, 2, -1) < 0)
			return 1;
		if (fds[1].revents && !dbus_connection_read_write(connection, 0))
			return 1;
		if (!fds[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			break;
		run_command(line);
	}
	dbus_connection_close(connection);
	dbus_connection_unref(connection);
	dbus_shutdown();
	return 0;
}
