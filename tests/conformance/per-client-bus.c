/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* per-client-bus PROGRAM [ARGUMENT...]: a bus on which each client has a proxy process
 *
 * To whoever starts it it looks as PROGRAM ARGUMENT... would, bus-proxyd or dbus-daemon with
 * the same arguments: it listens where that would and prints the address.  PROGRAM itself
 * owns the bus and listens elsewhere; for each connection there is one PROGRAM --per-client.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char engine[300];
static const char *program;
static const char *config_file;
static char address[200];
static int print_address_fd = -1, print_pid_fd = -1;
static bool goes_to_background;

static void die(const char *what)
{
	fprintf(stderr, "per-client-bus: %s\n", what);
	exit(EXIT_FAILURE);
}

/* where to listen for that address: at its path, or where nobody else does */
static void choose_address(const char *wanted)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");

	if (!strncmp(wanted, "unix:path=", 10))
		snprintf(address, sizeof(address), "%.*s", (int)strcspn(wanted + 10, ",;<"),
			 wanted + 10);
	else if (!strncmp(wanted, "unix:runtime=yes", 16) && runtime_dir)
		snprintf(address, sizeof(address), "%s/bus", runtime_dir);
	else
		snprintf(address, sizeof(address), "%s/bus", dir);
}

/* of the first <listen> */
static void address_from_config(void)
{
	static char text[65536];
	FILE *file = fopen(config_file, "re");
	const char *at;

	if (!file)
		die("no configuration");
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	at = strstr(text, "<listen>");
	choose_address(at ? at + strlen("<listen>") : "");
}

/* the value, if this is that option, in one word or two, of which *i_io becomes the last */
static const char *option_value(char **argv, int *i_io, const char *name)
{
	const char *word = argv[*i_io], *next = argv[*i_io + 1];
	size_t length = strlen(name);

	if (strncmp(word, name, length))
		return NULL;
	if (word[length] == '=')
		return word + length + 1;
	if (word[length])
		return NULL;
	if (!next || !strncmp(next, "--", 2))
		return "";
	++*i_io;
	return next;
}

/* what is for us; the rest goes to the owner */
static int take_arguments(char **argv, char **args)
{
	const char *value;
	int n = 0, first;

	for (int i = 0; argv[i]; i++) {
		value = option_value(argv, &i, "--print-address");
		if (value) {
			print_address_fd = *value ? atoi(value) : STDOUT_FILENO;
			continue;
		}
		value = option_value(argv, &i, "--print-pid");
		if (value) {
			print_pid_fd = *value ? atoi(value) : STDOUT_FILENO;
			continue;
		}
		value = option_value(argv, &i, "--address");
		if (value) {
			choose_address(value);
			continue;
		}
		if (!strcmp(argv[i], "--fork")) {
			goes_to_background = true;
			continue;
		}
		first = i;
		value = option_value(argv, &i, "--config-file");
		if (value)
			config_file = value;
		while (first <= i)
			args[n++] = argv[first++];
	}
	if (!*address && config_file)
		address_from_config();
	else if (!*address)
		choose_address("");
	return n;
}

static int listen_on(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(sa.sun_path))
		die("the path is too long");
	strcpy(sa.sun_path, path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || chmod(path, 0777) < 0 ||
	    listen(fd, 1024) < 0)
		die("cannot listen");
	return fd;
}

/* who reads it waits for the end */
static void null_output(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(fd, STDOUT_FILENO);
	close(fd);
}

static pid_t start_owner(char **args, int n)
{
	static char own_address[128], own_engine[128], fd_option[32];
	char line[300];
	int fds[2];
	pid_t pid;
	ssize_t size;

	snprintf(own_address, sizeof(own_address), "--address=unix:path=%s/owner", dir);
	snprintf(own_engine, sizeof(own_engine), "--engine-socket=%s/kdbus", dir);
	if (pipe(fds) < 0)
		die("no pipe");
	snprintf(fd_option, sizeof(fd_option), "--print-address=%d", fds[1]);
	args[n++] = own_address;
	args[n++] = own_engine;
	args[n++] = fd_option;
	args[n] = NULL;
	pid = fork();
	if (pid == 0) {
		if (print_address_fd > 2)
			close(print_address_fd);
		close(fds[0]);
		if (goes_to_background)
			null_output();
		/* whoever kills this one means both */
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv(program, args);
		_exit(127);
	}
	close(fds[1]);
	size = read(fds[0], line, sizeof(line) - 1);
	close(fds[0]);
	return size > 0 ? pid : -pid;
}

/* the only bus there is */
static bool find_engine(void)
{
	struct dirent *entry;
	char kdbus[80];
	DIR *entries;

	snprintf(kdbus, sizeof(kdbus), "%s/kdbus", dir);
	entries = opendir(kdbus);
	while (entries && (entry = readdir(entries)))
		if (*entry->d_name >= '0' && *entry->d_name <= '9')
			snprintf(engine, sizeof(engine), "--bus=kernel:path=%s/%.100s/bus", kdbus,
				 entry->d_name);
	if (entries)
		closedir(entries);
	return *engine && access(strchr(engine, '/'), F_OK) == 0;
}

/* takes @fd */
static pid_t start_proxy(int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		dup2(fd, 0);
		close(fd);
		execl(program, program, "--per-client", engine, NULL);
		_exit(127);
	}
	close(fd);
	return pid;
}

/* all proxies of a bus have one: that of the bus */
static void ask_guid(char *guid_out)
{
	char text[100], *digits = text;
	size_t size = 0;
	int pair[2];
	ssize_t n;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("no socket");
	pid = start_proxy(pair[1]);
	sprintf(text, "%u", getuid());
	dprintf(pair[0], "%cAUTH EXTERNAL ", '\0');
	for (; *digits; digits++)
		dprintf(pair[0], "%02x", *digits);
	dprintf(pair[0], "\r\n");
	while (size < 35 && (n = read(pair[0], text + size, sizeof(text) - size)) > 0)
		size += n;
	close(pair[0]);
	waitpid(pid, NULL, 0);
	if (size < 35 || memcmp(text, "OK ", 3))
		die("a proxy does not say its guid");
	memcpy(guid_out, text + 3, 32);
	guid_out[32] = '\0';
}

/* as an address has it, with what is not plain escaped */
static void print_address(const char *guid)
{
	const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/.\\";

	dprintf(print_address_fd, "unix:path=");
	for (const char *c = address; *c; c++)
		dprintf(print_address_fd, strchr(plain, *c) ? "%c" : "%%%02x", (uint8_t)*c);
	dprintf(print_address_fd, ",guid=%s\n", guid);
	if (print_address_fd > 2)
		close(print_address_fd);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void clean_up(void)
{
	unlink(address);
	nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* until the owner has ended; its exit status */
static int serve(pid_t owner, int listen_fd, int signal_fd)
{
	struct pollfd fds[2] = {{.fd = listen_fd, .events = POLLIN},
				{.fd = signal_fd, .events = POLLIN}};
	struct signalfd_siginfo info;
	int fd, status;
	pid_t pid;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		fd = fds[0].revents ? accept(listen_fd, NULL, NULL) : -1;
		if (fd >= 0)
			start_proxy(fd);
		if (!fds[1].revents || read(signal_fd, &info, sizeof(info)) < 0)
			continue;
		if (info.ssi_signo != SIGCHLD)
			kill(owner, info.ssi_signo);
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid == owner)
				return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
			if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
				fprintf(stderr, "per-client-bus: a proxy died of signal %d\n",
					WTERMSIG(status));
		}
	}
}

/* The parent leaves when the child closes the pipe that is returned, and its status tells whether
 * that is because all is well. */
static int go_to_background(void)
{
	char well;
	int fds[2];

	if (pipe(fds) < 0)
		die("no pipe");
	if (fork()) {
		close(fds[1]);
		_exit(read(fds[0], &well, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	close(fds[0]);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	return fds[1];
}

int main(int argc, char **argv)
{
	int background_fd = -1, listen_fd, n, signal_fd, status;
	char *args[64], guid[33];
	sigset_t mask;
	pid_t owner;

	if (argc < 2 || argc > 50)
		die("usage: per-client-bus PROGRAM [ARGUMENT...]");
	do
		n = open("/dev/null", O_RDWR);
	while (n >= 0 && n <= STDERR_FILENO);
	close(n);
	program = argv[1];
	snprintf(dir, sizeof(dir), "/tmp/per-client-XXXXXX");
	/* the owner may become another user before it makes its bus */
	if (!mkdtemp(dir) || chmod(dir, 01777) < 0)
		die("no directory");
	n = take_arguments(argv + 1, args);
	if (goes_to_background)
		background_fd = go_to_background();
	owner = start_owner(args, n);
	if (owner < 0) {
		waitpid(-owner, &status, 0);
		clean_up();
		return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
	}
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
	/* the address is printed before the bus is there */
	for (int i = 0; i < 500 && !find_engine(); i++)
		usleep(10000);
	listen_fd = listen_on(address);
	if (print_address_fd >= 0) {
		ask_guid(guid);
		print_address(guid);
	}
	if (print_pid_fd >= 0) {
		dprintf(print_pid_fd, "%d\n", owner);
		if (print_pid_fd > STDERR_FILENO)
			close(print_pid_fd);
	}
	if (background_fd >= 0) {
		null_output();
		if (write(background_fd, "", 1) < 0)
			die("whoever started this has gone");
		close(background_fd);
	}
	status = serve(owner, listen_fd, signal_fd);
	clean_up();
	return status;
}
