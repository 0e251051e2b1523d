/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is measured: see contender.h.
 *
 * dbus-broker does not listen, read files or know of any policy by itself: a
 * controller hands it a listening socket and a policy over a socket pair, by
 * org.bus1.DBus.Broker.AddListener(ohv).  broker_add_listener() is the least
 * that makes it a bus on which everything is allowed.
 */
#include "tests/bench/contender.h"

#include "tests/bench/peer.h"
#include "tests/bench/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	START_TIMEOUT_MS = 10 * 1000,
	STOP_TIMEOUT_MS = 5 * 1000,
	CHILD_FD = 3, /* the one descriptor a daemon inherits beside stdio */
};

/* of dbus-broker, which has no configuration file */
#define PLENTY	"1000000000000"
#define SOME_ID "0123456789abcdef0123456789abcdef"

static const char config_text[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig>\n"
	"  <type>session</type>\n"
	"  <listen>unix:path=%s</listen>\n"
	"  <auth>EXTERNAL</auth>\n"
	"  <policy context=\"default\">\n"
	"    <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
	"    <allow eavesdrop=\"true\"/>\n"
	"    <allow own=\"*\"/>\n"
	"    <allow user=\"*\"/>\n"
	"  </policy>\n"
	"%s"
	"</busconfig>\n";

static const char plenty_text[] =
	"  <limit name=\"max_incoming_bytes\">1000000000</limit>\n"
	"  <limit name=\"max_outgoing_bytes\">1000000000</limit>\n"
	"  <limit name=\"max_message_size\">134217728</limit>\n"
	"  <limit name=\"max_completed_connections\">100000</limit>\n"
	"  <limit name=\"max_incomplete_connections\">10000</limit>\n"
	"  <limit name=\"max_connections_per_user\">100000</limit>\n"
	"  <limit name=\"max_names_per_connection\">200000</limit>\n"
	"  <limit name=\"max_match_rules_per_connection\">200000</limit>\n"
	"  <limit name=\"max_replies_per_connection\">50000</limit>\n";

/* in the child: becomes @argv with @fd (or none, -1) as CHILD_FD and @log as stdout and stderr */
static void __attribute__((noreturn))
child_exec(const char *program, const char *const *argv, int fd, int log, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	if (fd >= 0 && fd != CHILD_FD && dup2(fd, CHILD_FD) < 0)
		_exit(127);
	if (fd == CHILD_FD)
		fcntl(fd, F_SETFD, 0);
	/* what else is open is close-on-exec */
	execvp(program, (char *const *)argv);
	dprintf(2, "%s: %s\n", program, strerror(errno));
	_exit(127);
}

/* 0, or negative errno; the child's pid in @pid_out */
static int spawn(const char *program, const char *const *argv, int fd, int log, pid_t *pid_out)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid)
		child_exec(program, argv, fd, log, parent);
	*pid_out = pid;
	return 0;
}

/* reads one line of at most @size - 1 bytes; 0 or negative errno */
static int read_line(int fd, char *line, size_t size)
{
	size_t length = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, START_TIMEOUT_MS) <= 0)
			return -ETIMEDOUT;
		n = read(fd, line + length, 1);
		if (n <= 0)
			return n ? -errno : -EPIPE;
		if (line[length] == '\n' || length == size - 2)
			break;
		length++;
	}
	line[length] = 0;
	return 0;
}

/* where it is in the folder of the build, in which the program is */
static bool find_wrapper(struct contender *c)
{
	const char *slash = strrchr(c->program, '/');
	int n;

	n = snprintf(c->wrapper, sizeof(c->wrapper), "%.*stests/conformance/per-client-bus",
		     slash ? (int)(slash - c->program + 1) : 0, c->program);
	return n < (int)sizeof(c->wrapper) && access(c->wrapper, X_OK) == 0;
}

bool contender_probe(struct contender *c)
{
	const char *argv[] = {c->program, "--version", NULL};
	int pipe_fd[2], status, r;
	pid_t pid = 0;

	if (c->kind == CONTENDER_PROXIES && !find_wrapper(c))
		return false;
	if (!c->program) {
		snprintf(c->version, sizeof(c->version), "%s",
			 c->kind == CONTENDER_RELAY
				 ? "wait, receive, find the end of the message, send"
				 : "a socket pair between the clients, and no bus");
		return true;
	}
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return false;
	r = spawn(c->program, argv, -1, pipe_fd[1], &pid);
	close(pipe_fd[1]);
	if (r >= 0) {
		r = read_line(pipe_fd[0], c->version, sizeof(c->version));
		/* the rest is of no interest, but the writer must not die of it */
		for (char rest[512]; r >= 0 && read(pipe_fd[0], rest, sizeof(rest)) > 0;)
			;
		if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
			r = -ENOENT;
	}
	close(pipe_fd[0]);
	return r >= 0;
}

static void show_log(const struct contender *c)
{
	char path[96], text[2048];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/log", c->dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text));
	if (n > 0)
		fprintf(stderr, "bus-bench: %s says:\n%.*s\n", c->name, (int)n, text);
	close(fd);
}

static int start_daemon(struct contender *c, int log)
{
	char config[96], option[128], address[512];
	const char *wrapper = c->kind == CONTENDER_PROXIES ? c->wrapper : NULL;
	const char *argv[] = {wrapper ?: c->program,
			      wrapper ? c->program : option,
			      wrapper ? option : "--nofork",
			      wrapper ? "--nofork" : "--print-address=3",
			      wrapper ? "--print-address=3" : NULL,
			      NULL};
	int pipe_fd[2], r;
	FILE *f;

	snprintf(config, sizeof(config), "%s/bus.conf", c->dir);
	f = fopen(config, "we");
	if (!f)
		return -errno;
	fprintf(f, config_text, c->socket_path, c->limits ?: plenty_text);
	if (fclose(f))
		return -errno;
	snprintf(option, sizeof(option), "--config-file=%s", config);
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -errno;
	r = spawn(argv[0], argv, pipe_fd[1], log, &c->pid);
	close(pipe_fd[1]);
	if (r >= 0)
		r = read_line(pipe_fd[0], address, sizeof(address));
	close(pipe_fd[0]);
	return r;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0777) < 0 ||
	    listen(fd, 256) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static size_t body_align(uint8_t *body, size_t size, size_t alignment)
{
	while (size & (alignment - 1))
		body[size++] = 0;
	return size;
}

static size_t body_put_u64(uint8_t *body, size_t size, uint64_t number)
{
	size = body_align(body, size, 8);
	memcpy(body + size, &number, sizeof(number));
	return size + sizeof(number);
}

/* an array of structs: four bytes of length, padding, then its first element */
static size_t array_begin(uint8_t *body, size_t size, size_t *array_out)
{
	*array_out = body_align(body, size, 4);
	return body_align(body, body_put_u32(body, size, 0), 8);
}

static void array_end(uint8_t *body, size_t array, size_t size)
{
	uint32_t length = size - ((array + 4 + 7) & ~(size_t)7);

	memcpy(body + array, &length, sizeof(length));
}

/* (btssssuutt): allow, priority, four empty matches, message type and broadcast any, all counts */
static size_t put_transmission_rule(uint8_t *body, size_t size)
{
	size = body_align(body, size, 8);
	size = body_put_u32(body, size, 1);
	size = body_put_u64(body, size, 1);
	for (int i = 0; i < 4; i++)
		size = body_put_string(body, size, "");
	size = body_put_u32(body, size, 0);
	size = body_put_u32(body, size, 0);
	size = body_put_u64(body, size, 0);
	return body_put_u64(body, size, UINT64_MAX);
}

/* the policy "everybody may everything", as the variant that AddListener() takes */
static size_t put_open_policy(uint8_t *body, size_t size)
{
	static const char batch[] = "bta(btbs)a(btssssuutt)a(btssssuutt)";
	size_t uids, rules;
	char signature[128];

	snprintf(signature, sizeof(signature), "(a(u(%s))a(buu(%s))a(ss)bs)", batch, batch);
	body[size++] = strlen(signature);
	memcpy(body + size, signature, strlen(signature) + 1);
	size += strlen(signature) + 1;
	size = body_align(body, size, 8);

	/* by uid: one entry, for all other uids */
	size = array_begin(body, size, &uids);
	size = body_put_u32(body, size, UINT32_MAX);
	size = body_align(body, size, 8);
	size = body_put_u32(body, size, 1); /* may connect */
	size = body_put_u64(body, size, 1);
	size = array_begin(body, size, &rules);
	size = body_put_u32(body, size, 1); /* may own ... */
	size = body_put_u64(body, size, 1);
	size = body_put_u32(body, size, 1); /* ... every name that starts with ... */
	size = body_put_string(body, size, "");
	array_end(body, rules, size);
	for (int i = 0; i < 2; i++) { /* may send, may receive */
		size = array_begin(body, size, &rules);
		size = put_transmission_rule(body, size);
		array_end(body, rules, size);
	}
	array_end(body, uids, size);
	/* by range of uids and gids: none */
	size = array_begin(body, size, &rules);
	/* SELinux contexts: none; AppArmor: no */
	size = array_begin(body, size, &rules);
	size = body_put_u32(body, size, 0);
	return body_put_string(body, size, "session");
}

static int broker_add_listener(struct peer *controller, int listener)
{
	uint8_t body[1024];
	struct template t;
	size_t size = 0;
	int r;

	size = body_put_string(body, size, "/org/bus1/DBus/Listener/0");
	size = body_put_u32(body, size, 0); /* the first descriptor */
	size = put_open_policy(body, size);
	r = template_init(&t, &(struct template_fields){
				      .type = MSG_CALL,
				      .path = "/org/bus1/DBus/Broker",
				      .interface = "org.bus1.DBus.Broker",
				      .member = "AddListener",
				      .n_fds = 1,
				      .signature = "ohv",
				      .body = body,
				      .body_size = size,
			      });
	if (r < 0)
		return r;
	r = peer_send_with_fd(controller, &t, listener);
	template_deinit(&t);
	return r < 0 ? r : peer_wait_answer(controller);
}

static int start_broker(struct contender *c, int log)
{
	const char *argv[] = {c->program,
			      "--controller=3",
			      "--machine-id=" SOME_ID,
			      "--max-bytes=" PLENTY,
			      "--max-fds=" PLENTY,
			      "--max-matches=" PLENTY,
			      "--max-objects=" PLENTY,
			      NULL};
	struct peer controller = PEER_NULL;
	int pair[2], listener, r;

	listener = listen_unix(c->socket_path);
	if (listener < 0)
		return listener;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		close(listener);
		return r;
	}
	/* its defaults */
	if (c->limits)
		argv[3] = NULL;
	r = spawn(c->program, argv, pair[1], log, &c->pid);
	close(pair[1]);
	if (r >= 0)
		r = peer_open_fd(&controller, pair[0]);
	if (r >= 0)
		r = broker_add_listener(&controller, listener);
	close(listener);
	/* dbus-broker leaves when its controller does: the socket stays open */
	if (r >= 0)
		c->controller = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
	peer_close(&controller);
	return r;
}

static int start_relay(struct contender *c)
{
	int pair[2], listener, r = 0;
	pid_t parent = getpid();

	listener = listen_unix(c->socket_path);
	if (listener < 0)
		return listener;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		r = -errno;
		close(listener);
		return r;
	}
	c->pid = fork();
	if (!c->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		_exit(getppid() == parent ? relay_run(listener, pair[1]) : 1);
	}
	if (c->pid < 0) {
		r = -errno;
		c->pid = 0;
	}
	close(listener);
	close(pair[1]);
	c->controller = pair[0];
	return r;
}

static int start(struct contender *c, int log)
{
	switch (c->kind) {
	case CONTENDER_BROKER:
		return start_broker(c, log);
	case CONTENDER_RELAY:
		return start_relay(c);
	default:
		return start_daemon(c, log);
	}
}

int contender_start(struct contender *c)
{
	char path[96];
	int log, r;

	c->controller = -1;
	c->pid = 0;
	c->dir[0] = 0;
	if (c->kind == CONTENDER_DIRECT)
		return 0;
	snprintf(c->dir, sizeof(c->dir), "/tmp/bus-bench-XXXXXX");
	if (!mkdtemp(c->dir)) {
		c->dir[0] = 0;
		return -errno;
	}
	/* other users may connect */
	if (chmod(c->dir, 0711) < 0) {
		r = -errno;
		contender_stop(c);
		return r;
	}
	snprintf(c->socket_path, sizeof(c->socket_path), "%s/bus", c->dir);
	snprintf(path, sizeof(path), "%s/log", c->dir);
	log = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0) {
		r = -errno;
		contender_stop(c);
		return r;
	}
	r = start(c, log);
	close(log);
	if (r >= 0)
		r = -clock_getcpuclockid(c->pid, &c->cpu_clock);
	if (r < 0) {
		show_log(c);
		contender_stop(c);
	}
	return r;
}

void contender_stop(struct contender *c)
{
	static const char *const files[] = {"bus", "bus.conf", "log"};
	char path[96];

	if (c->pid) {
		int waited_ms = 0;

		kill(c->pid, SIGTERM);
		while (waitpid(c->pid, NULL, WNOHANG) == 0) {
			if (waited_ms >= STOP_TIMEOUT_MS) {
				kill(c->pid, SIGKILL);
				waitpid(c->pid, NULL, 0);
				break;
			}
			usleep(10 * 1000);
			waited_ms += 10;
		}
		c->pid = 0;
	}
	if (c->controller >= 0)
		close(c->controller);
	c->controller = -1;
	if (!c->dir[0])
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", c->dir, files[i]);
		unlink(path);
	}
	rmdir(c->dir);
	c->dir[0] = 0;
}

int contender_go_live(const struct contender *c)
{
	char byte = 0;

	if (c->kind != CONTENDER_RELAY)
		return 0;
	if (write(c->controller, &byte, 1) != 1 || read(c->controller, &byte, 1) != 1)
		return -EPIPE;
	return 0;
}

static double clock_us(clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* of all children of the process that there are */
static double children_us(pid_t parent)
{
	double total = 0;
	clockid_t clock;
	char path[64];
	int pid;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	f = fopen(path, "re");
	if (!f)
		return NAN;
	while (fscanf(f, "%d", &pid) == 1)
		if (clock_getcpuclockid(pid, &clock) == 0)
			total += clock_us(clock);
	fclose(f);
	return total;
}

double contender_cpu_us(const struct contender *c)
{
	if (!c->pid)
		return NAN;
	return c->kind == CONTENDER_PROXIES ? children_us(c->pid) : clock_us(c->cpu_clock);
}

long long contender_resident_bytes(const struct contender *c)
{
	long long total, resident;
	char path[64];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)c->pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	n = fscanf(f, "%lld %lld", &total, &resident);
	fclose(f);
	return n == 2 ? resident * sysconf(_SC_PAGESIZE) : -ENODATA;
}
