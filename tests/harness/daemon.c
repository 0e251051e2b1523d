/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bus under test: see daemon.h.
 *
 * The keeper is a child of the test.  It reads process ids from a pipe,
 * positive to watch, negative to forget, 0 when all went well, until the test
 * closes the pipe or ends.
 */
#include "tests/harness/daemon.h"
#include "tests/harness/client.h"
#include "tests/harness/tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *subject_name(void)
{
	const char *name = getenv("BP_SUBJECT");

	if (!name || !*name)
		return "embedded";
	if (strcmp(name, "embedded") && strcmp(name, "pool") && strcmp(name, "remote") &&
	    strcmp(name, "ioctl") && strcmp(name, "kernel") && strcmp(name, "per-client") &&
	    strcmp(name, "reference"))
		fail("BP_SUBJECT=%s: no such subject", name);
	return name;
}

bool subject_is_reference(void)
{
	return !strcmp(subject_name(), "reference");
}

bool subject_is_per_client(void)
{
	return !strcmp(subject_name(), "per-client");
}

bool subject_is_pooled(void)
{
	static const char *const pooled[] = {"pool", "remote", "ioctl", "kernel"};

	for (size_t i = 0; i < sizeof(pooled) / sizeof(pooled[0]); i++)
		if (!strcmp(subject_name(), pooled[i]))
			return true;
	return false;
}

bool subject_has_own_limits(void)
{
	return strcmp(subject_name(), "remote") != 0 && strcmp(subject_name(), "ioctl") != 0;
}

bool subject_is_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
	return !subject_is_reference();
#else
	return false;
#endif
}

static bool has_peers_elsewhere(void)
{
	static const char *const subjects[] = {"remote", "ioctl", "kernel", "per-client"};

	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (!strcmp(subject_name(), subjects[i]))
			return true;
	return false;
}

const char *subject_names(const char *text)
{
	static char buffers[4][1024];
	static unsigned int next;
	char *buffer = buffers[next++ % 4], *out = buffer, *end;

	/* a bus with peers in other processes counts as its engine does: from 1 */
	if (!has_peers_elsewhere())
		return text;
	while (*text) {
		expect_lt(out - buffer, (ptrdiff_t)sizeof(buffers[0]) - 16);
		if (strncmp(text, ":1.", 3)) {
			*out++ = *text++;
			continue;
		}
		out += sprintf(out, ":1.%lu", strtoul(text + 3, &end, 10) + 1);
		text = end;
	}
	*out = '\0';
	return buffer;
}

const char *subject_program(void)
{
	static char path[4096];

	if (subject_is_reference())
		return "dbus-daemon";
	snprintf(path, sizeof(path), "%s/bus-proxyd", getenv("top_builddir") ?: ".");
	return path;
}

size_t subject_command(const char **argv)
{
	static const struct {
		const char *subject, *wrapper, *option;
	} wrapped[] = {
		{"remote", "serve-domain"},
		{"ioctl", "serve-domain", "--ioctl"},
		{"kernel", "serve-domain", "--kernel"},
		{"per-client", "per-client-bus"},
	};
	static char wrapper[4096];
	const char *builddir = getenv("top_builddir") ?: ".";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(wrapped) / sizeof(wrapped[0]); i++) {
		if (strcmp(subject_name(), wrapped[i].subject))
			continue;
		snprintf(wrapper, sizeof(wrapper), "%s/tests/conformance/%s", builddir,
			 wrapped[i].wrapper);
		argv[n++] = wrapper;
		if (wrapped[i].option)
			argv[n++] = wrapped[i].option;
	}
	argv[n++] = subject_program();
	if (!strcmp(subject_name(), "pool"))
		argv[n++] = "--bus=embedded:pool";
	return n;
}

/* The keeper */

enum { MAX_WATCHED = 1024 };

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void show_stderr(const char *dir)
{
	char path[128], *text, *line;
	size_t length;

	snprintf(path, sizeof(path), "%s/stderr", dir);
	text = file_read(path);
	if (!text)
		return;
	length = strlen(text);
	line = length > 2000 ? text + length - 2000 : text;
	for (line = strtok(line, "\n"); line; line = strtok(NULL, "\n"))
		note("stderr: %.200s", line);
	free(text);
}

static void keeper_run(const char *dir, int fd)
{
	pid_t watched[MAX_WATCHED], message;
	size_t n_watched = 0;
	bool good = false;

	while (read(fd, &message, sizeof(message)) == sizeof(message)) {
		if (!message)
			good = true;
		else if (message > 0 && n_watched < MAX_WATCHED)
			watched[n_watched++] = message;
		for (size_t i = 0; i < n_watched; i++)
			if (watched[i] == -message)
				watched[i--] = watched[--n_watched];
	}
	while (n_watched)
		kill(watched[--n_watched], SIGKILL);
	if (!good)
		show_stderr(dir);
	nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}

void sandbox_open(struct sandbox *sandbox)
{
	int fds[2];

	snprintf(sandbox->dir, sizeof(sandbox->dir), "%.40s/bp-test-XXXXXX",
		 getenv("TMPDIR") ?: "/tmp");
	expect(mkdtemp(sandbox->dir) != NULL);
	/* whatever user a test becomes must be able to get in */
	expect_eq(chmod(sandbox->dir, 0755), 0);
	expect_eq(pipe2(fds, O_CLOEXEC), 0);
	sandbox->keeper = fork();
	expect_ge(sandbox->keeper, 0);
	if (!sandbox->keeper) {
		alarm(0);
		setsid();
		dup2(fds[0], 3);
		syscall(SYS_close_range, 4, ~0u, 0);
		keeper_run(sandbox->dir, 3);
	}
	close(fds[0]);
	sandbox->keeper_fd = fds[1];
}

static void keeper_tell(const struct sandbox *sandbox, pid_t message)
{
	expect_eq(write(sandbox->keeper_fd, &message, sizeof(message)), (ssize_t)sizeof(message));
}

void sandbox_close(struct sandbox *sandbox)
{
	keeper_tell(sandbox, 0);
	close(sandbox->keeper_fd);
	expect_eq(waitpid(sandbox->keeper, NULL, 0), sandbox->keeper);
}

const char *sandbox_path(const struct sandbox *sandbox, const char *name)
{
	static char paths[4][256];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", sandbox->dir, name);
	return path;
}

void sandbox_watch(const struct sandbox *sandbox, pid_t pid)
{
	keeper_tell(sandbox, pid);
}

void sandbox_forget(const struct sandbox *sandbox, pid_t pid)
{
	keeper_tell(sandbox, -pid);
}

void file_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file))
		fail("cannot write %s: %s", path, strerror(errno));
}

char *file_read(const char *path)
{
	struct blob b = {0};
	char data[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	while ((n = read(fd, data, sizeof(data))) > 0)
		blob_bytes(&b, data, n);
	close(fd);
	blob_u8(&b, 0);
	return (char *)b.data;
}

/* in the child; fds are moved out of each other's way first */
static void place_fds(const int *fds, size_t n_fds)
{
	int high[16];

	for (size_t i = 0; i < n_fds; i++)
		high[i] = fcntl(fds[2 * i], F_DUPFD, 100);
	for (size_t i = 0; i < n_fds; i++)
		dup2(high[i], fds[2 * i + 1]);
	for (size_t i = 0; i < n_fds; i++)
		close(high[i]);
}

/* the service manager's protocol wants the process id of who gets the sockets */
static void set_listen_pid(void)
{
	char pid[16];

	if (!getenv("BP_LISTEN"))
		return;
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_FDS", getenv("BP_LISTEN"), 1);
	setenv("LISTEN_PID", pid, 1);
	unsetenv("BP_LISTEN");
}

static pid_t spawn(const struct sandbox *sandbox, const char *const *argv, const int *fds,
		   size_t n_fds, unsigned int n_files)
{
	const char *out_path = sandbox_path(sandbox, "stdout");
	const char *err_path = sandbox_path(sandbox, "stderr");
	pid_t pid = fork();

	expect_ge(pid, 0);
	if (!pid) {
		int out = open(out_path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
		int err = open(err_path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
		int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

		alarm(0);
		dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
		place_fds(fds, n_fds);
		set_listen_pid();
		if (n_files) {
			setrlimit(RLIMIT_NOFILE, &(struct rlimit){n_files, n_files});
			/* so that root cannot take more again */
			prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
		}
		execvp(argv[0], (char *const *)argv);
		dprintf(2, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	sandbox_watch(sandbox, pid);
	return pid;
}

pid_t sandbox_spawn(const struct sandbox *sandbox, const char *const *argv, const int *fds,
		    size_t n_fds)
{
	return spawn(sandbox, argv, fds, n_fds, 0);
}

int sandbox_wait(const struct sandbox *sandbox, pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), status;
	struct pollfd p = {pidfd, POLLIN, 0};

	expect_ge(pidfd, 0);
	if (poll(&p, 1, WAIT_MS) != 1)
		fail("process %d does not end", pid);
	close(pidfd);
	sandbox_forget(sandbox, pid);
	expect_eq(waitpid(pid, &status, 0), pid);
	return status;
}

char *config_text(const struct sandbox *sandbox, const char *listen, const char *xml)
{
	char *text, standard[128];

	snprintf(standard, sizeof(standard), "<listen>unix:path=%s/bus</listen>", sandbox->dir);
	if (asprintf(&text,
		     "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration "
		     "1.0//EN\"\n"
		     " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
		     "<busconfig>\n<type>session</type>\n%s\n%s\n"
		     "<policy context=\"default\">\n"
		     "<allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
		     "<allow eavesdrop=\"true\"/>\n<allow own=\"*\"/>\n"
		     "</policy>\n</busconfig>\n",
		     listen ?: standard, xml ?: "") < 0)
		fail("out of memory");
	return text;
}

/* Reads the line with the address; the daemon keeps the pipe's other end.  NULL: there is none. */
static char *read_address(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	char data[2048];
	size_t size = 0;
	ssize_t n;

	while (!size || data[size - 1] != '\n') {
		if (poll(&p, 1, WAIT_MS) != 1)
			fail("the subject printed no address");
		n = read(fd, data + size, sizeof(data) - 1 - size);
		if (n <= 0)
			return NULL;
		size += n;
	}
	data[size - 1] = 0;
	return strdup(data);
}

static struct subject *subject_spawn(const struct subject_options *options)
{
	struct subject *subject = calloc(1, sizeof(*subject));
	const char *argv[32], *config_path;
	static char program[4096];
	int address_pipe[2], fds[16];
	char *config, print[32];
	size_t n;

	if (!subject)
		fail("out of memory");
	sandbox_open(&subject->sandbox);
	config = config_text(&subject->sandbox, options->listen, options->xml);
	config_path = sandbox_path(&subject->sandbox, "bus.conf");
	file_write(config_path, config);
	free(config);

	expect_eq(pipe2(address_pipe, O_CLOEXEC), 0);
	snprintf(print, sizeof(print), "--print-address=%d", 20);
	n = subject_command(argv);
	if (options->program) {
		snprintf(program, sizeof(program), "%s/%s", getenv("top_builddir") ?: ".",
			 options->program);
		argv[0] = program;
	}
	argv[n++] = "--config-file";
	argv[n++] = config_path;
	argv[n++] = "--nofork";
	argv[n++] = print;
	for (const char *const *arg = options->args; arg && *arg; arg++)
		argv[n++] = *arg;
	argv[n] = NULL;
	fds[0] = address_pipe[1];
	fds[1] = 20;
	expect_le(options->n_fds, 7);
	if (options->n_fds)
		memcpy(fds + 2, options->fds, options->n_fds * 2 * sizeof(int));
	subject->pid = spawn(&subject->sandbox, argv, fds, options->n_fds + 1, options->n_files);
	close(address_pipe[1]);
	subject->address = read_address(address_pipe[0]);
	close(address_pipe[0]);
	return subject;
}

static void subject_free(struct subject *subject)
{
	sandbox_close(&subject->sandbox);
	free(subject->address);
	free(subject);
}

int subject_reap(struct subject *subject, char **stderr_out)
{
	int status = sandbox_wait(&subject->sandbox, subject->pid);

	*stderr_out = file_read(sandbox_path(&subject->sandbox, "stderr"));
	subject_free(subject);
	return status;
}

struct subject *subject_try(const struct subject_options *options, int *status_out,
			    char **stderr_out)
{
	struct subject *subject = subject_spawn(options);

	if (subject->address)
		return subject;
	*status_out = subject_reap(subject, stderr_out);
	return NULL;
}

struct subject *subject_start_with(const struct subject_options *options)
{
	struct subject *subject = subject_spawn(options);

	if (!subject->address)
		fail("the subject ended without printing an address");
	return subject;
}

struct subject *subject_start(const char *xml)
{
	return subject_start_with(&(struct subject_options){.xml = xml});
}

void sandbox_check(const struct sandbox *sandbox)
{
	static const char *const reports[] = {
		"Sanitizer",	    "runtime error:",	      "Assertion",
		"assertion failed", "a proxy died of signal",
	};
	char *text = file_read(sandbox_path(sandbox, "stderr"));

	for (size_t i = 0; text && i < sizeof(reports) / sizeof(reports[0]); i++)
		if (strstr(text, reports[i]))
			fail("the subject reports: %s", reports[i]);
	free(text);
}

void subject_stop(struct subject *subject)
{
	int status;

	expect_eq(kill(subject->pid, SIGTERM), 0);
	status = sandbox_wait(&subject->sandbox, subject->pid);
	if (WIFSIGNALED(status))
		fail("the subject died of signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		fail("the subject ended with status %d", WEXITSTATUS(status));
	if (!subject_is_reference())
		sandbox_check(&subject->sandbox);
	subject_free(subject);
}

bool subject_reload(struct subject *subject, struct conn *conn, const char *xml)
{
	char *text = config_text(&subject->sandbox, NULL, xml);
	struct msg *reply;
	bool is_taken;

	file_write(sandbox_path(&subject->sandbox, "bus.conf"), text);
	free(text);
	reply = conn_call(conn, driver_msg("ReloadConfig"));
	is_taken = reply->type == MSG_RETURN;
	msg_free(reply);
	return is_taken;
}

unsigned int subject_n_fds(const struct subject *subject)
{
	unsigned int n = 0;
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", subject->pid);
	dir = opendir(path);
	expect(dir != NULL);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

unsigned int subject_idle_fds(const struct subject *subject, unsigned int *per_client_out)
{
	struct conn *one = conn_new(subject->address), *two;
	unsigned int with_one = subject_n_fds(subject), per_client;

	two = conn_new(subject->address);
	per_client = subject_n_fds(subject) - with_one;
	conn_close(two);
	conn_close(one);
	expect_eq(subject_settle_fds(subject, with_one - per_client), with_one - per_client);
	if (per_client_out)
		*per_client_out = per_client;
	return with_one - per_client;
}

unsigned int subject_settle_fds(const struct subject *subject, unsigned int n_fds)
{
	int64_t deadline = now_ms() + WAIT_MS;
	unsigned int n;

	while ((n = subject_n_fds(subject)) != n_fds && now_ms() < deadline)
		usleep(5000);
	return n;
}

static size_t status_kib(const struct subject *subject, const char *field)
{
	size_t kib = 0;
	char path[64], *text, *line;

	snprintf(path, sizeof(path), "/proc/%d/status", subject->pid);
	text = file_read(path);
	expect(text != NULL);
	line = strstr(text, field);
	if (line)
		sscanf(line + strlen(field), ": %zu", &kib);
	free(text);
	return kib;
}

size_t subject_rss_kib(const struct subject *subject)
{
	return status_kib(subject, "VmRSS");
}

size_t subject_own_kib(const struct subject *subject)
{
	return status_kib(subject, "RssAnon");
}

unsigned int subject_n_mappings(const struct subject *subject)
{
	unsigned int n = 0;
	char path[64], *text;

	snprintf(path, sizeof(path), "/proc/%d/maps", subject->pid);
	text = file_read(path);
	expect(text != NULL);
	for (const char *c = text; *c; c++)
		n += *c == '\n';
	free(text);
	return n;
}

unsigned long subject_cpu_ms(const struct subject *subject)
{
	struct timespec ts;
	clockid_t clock;

	expect_eq(clock_getcpuclockid(subject->pid, &clock), 0);
	expect_eq(clock_gettime(clock, &ts), 0);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
