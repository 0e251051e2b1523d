#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run-suite.py dbus|glib DAEMON [RESULTS-FOLDER]

Runs the tests that others wrote, as Debian packages them, with DAEMON (which
has dbus-daemon's command line) as their message bus:

  dbus   package dbus-tests: as root and as an ordinary user with the package's
         configurations, and with the installed configuration
  glib   package libglib2.0-tests: the programs that start "dbus-daemon"

Without the package it says so and ends with status 77.  As root the ordinary
user is "nobody".  A program that aborts has its remaining tests run one by one,
so that one failure does not hide the others.  The last line is the sum.

Everything is bounded in time; what a test leaves behind is found as a
descendant of this process and ended by pid.
"""
import ctypes
import os
import pathlib
import pwd
import re
import signal
import subprocess
import sys
import tempfile
import time

DBUS = '/usr/lib/dbus-1.0/installed-tests/dbus'
GLIB = '/usr/share/installed-tests/glib'
USER = 'nobody'
LIMIT_S = 900           # of all together; what is left then counts as failed
ALONE_LIMIT_S = 15      # of a test that is run by itself
PR_SET_CHILD_SUBREAPER = 36

# programs that start a daemon, and how long they may take
DBUS_PROGRAMS = {
    'test-dbus-daemon': 240, 'test-dbus-daemon-eavesdrop': 60, 'test-dbus-daemon-fork.sh': 60,
    'test-header-fields': 60, 'test-monitor': 120, 'test-sd-activation': 90,
    'test-uid-permissions': 60, 'test-containers': 90}
# those that need nothing but the bus of an installed configuration
DBUS_INSTALLED = ['test-dbus-daemon', 'test-dbus-daemon-eavesdrop', 'test-dbus-daemon-fork.sh',
                  'test-header-fields', 'test-monitor']
# programs that start a bus, and the number of their tests where they do not tell it
GLIB_PROGRAMS = {
    'actions': 0, 'dbus-appinfo': 0, 'debugcontroller': 0, 'fdo-notification-backend': 0,
    'gapplication': 0, 'gdbus-bz627724': 0, 'gdbus-connection': 0, 'gdbus-connection-loss': 0,
    'gdbus-connection-slow': 0, 'gdbus-exit-on-close': 0, 'gdbus-export': 0,
    'gdbus-introspection': 0, 'gdbus-method-invocation': 0, 'gdbus-names': 0, 'gdbus-proxy': 0,
    'gdbus-proxy-threads': 0, 'gdbus-proxy-unique-name': 0, 'gdbus-proxy-well-known-name': 0,
    'gdbus-subscribe': 0, 'gdbus-test-codegen': 0, 'gdbus-test-codegen-min-required-2-64': 0,
    'gdbus-test-codegen-old': 0, 'gmenumodel': 0, 'gnotification': 0, 'memory-monitor-dbus': 1,
    'memory-monitor-portal': 1, 'power-profile-monitor-dbus': 1,
    'power-profile-monitor-portal': 1}

RESULT = re.compile(r'^\s*(not ok|ok)\b\s*\d*\s*-?\s*([^#]*?)\s*(#\s*skip.*)?$', re.I)


def descendants():
    """Pids of our descendants, the youngest generation last."""
    parents = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            try:
                stat = pathlib.Path('/proc', entry, 'stat').read_text(encoding='latin-1')
            except OSError:
                continue
            parents[int(entry)] = int(stat.rpartition(')')[2].split()[1])
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def end_descendants():
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in descendants():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 2
        while descendants() and time.monotonic() < deadline:
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.02)
            except ChildProcessError:
                return


class Suite:
    def __init__(self, daemon, results):
        self.results = pathlib.Path(results)
        self.start = time.monotonic()
        self.sum = {'passed': 0, 'failed': 0, 'skipped': 0}
        self.wrapper_dir = pathlib.Path(tempfile.mkdtemp(prefix='suite-', dir='/tmp'))
        self.wrapper_dir.chmod(0o755)
        self.wrapper = self.wrapper_dir / 'dbus-daemon'
        self.wrapper.write_text(f'#!/bin/sh\nexec "{daemon}" "$@"\n', encoding='utf-8')
        self.wrapper.chmod(0o755)

    def environment(self, user, folder, extra):
        """A clean one: nothing of ours reaches the tests."""
        home = '/root' if user == 'root' else str(folder)
        return {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': home, 'USER': user,
                'LOGNAME': user, 'LC_ALL': 'C.UTF-8', 'TMPDIR': '/tmp',
                'XDG_RUNTIME_DIR': str(folder), **extra}

    def run(self, command, user, folder, extra, limit_s):
        """(exit status or None when ended, output); ends what is left of it."""
        account = pwd.getpwnam(user)
        options = {}
        if os.geteuid() == 0 and user != 'root':
            options = {'user': account.pw_uid, 'group': account.pw_gid, 'extra_groups': []}
        with tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace') as output, \
             subprocess.Popen(command, cwd=folder, env=self.environment(user, folder, extra),
                              stdin=subprocess.DEVNULL, stdout=output,
                              stderr=subprocess.STDOUT, **options) as process:
            try:
                status = process.wait(limit_s)
            except subprocess.TimeoutExpired:
                status = None
                process.kill()
            process.wait()
            end_descendants()
            output.seek(0)
            return status, output.read()

    def program(self, label, command, user, extra, limit_s, n_tests=0):
        """Runs one program that speaks TAP; n_tests: how many, if it does not tell."""
        found = {}
        with tempfile.TemporaryDirectory(prefix='suite-', dir='/tmp') as folder:
            os.chmod(folder, 0o700)
            if os.geteuid() == 0:
                os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
            late = time.monotonic() - self.start > LIMIT_S
            status, text = (None, '') if late else self.run(command, user, folder, extra, limit_s)
            plan = re.search(r'^1\.\.(\d+)', text, re.M)
            wanted = int(plan[1]) if plan else n_tests
            self.collect(text, found)
            if status != 0 and not late and command[-1] == '--tap':
                text += self.run_rest(command, user, folder, extra, found)
        (self.results / label.replace('/', '.')).write_text(text, encoding='utf-8')
        if plan and plan[1] == '0':
            found['all of it'] = 'skipped'
        count = {kind: list(found.values()).count(kind) for kind in self.sum}
        missing = max(0, wanted - len(found))
        if status != 0 and not missing and not count['failed']:
            missing = 1
        count['failed'] += missing
        print(f"{label}: {count['passed']} passed, {count['failed']} failed, "
              f"{count['skipped']} skipped", flush=True)
        for name, kind in found.items():
            if kind == 'failed':
                print('    failed:', name)
        if missing:
            print(f'    {missing} without a result (status {status})')
        for kind, number in count.items():
            self.sum[kind] += number

    @staticmethod
    def collect(text, found):
        for line in text.splitlines():
            match = RESULT.match(line)
            if match:
                kind = 'failed' if match[1].lower() == 'not ok' else \
                    'skipped' if match[3] else 'passed'
                name = match[2].removeprefix('/') or f'number {len(found) + 1}'
                if found.get(name) != 'failed':
                    found[name] = kind

    def run_rest(self, command, user, folder, extra, found):
        """The tests of a program that ended early which have no result yet, one by one."""
        _, listing = self.run(command[:-1] + ['-l'], user, folder, extra, ALONE_LIMIT_S)
        text = ''
        for path in re.findall(r'^/\S+', listing, re.M):
            if path[1:] in found or time.monotonic() - self.start > LIMIT_S:
                continue
            _, one = self.run(command[:-1] + ['-p', path, '--tap'], user, folder, extra,
                              ALONE_LIMIT_S)
            text += one
            alone = {}
            self.collect(one, alone)
            found[path[1:]] = alone.get(path[1:], 'failed')
        return text

    def transient_services(self, user, extra):
        """The integration test wants a session bus at XDG_RUNTIME_DIR/bus and does its own TAP."""
        script = (f'"{self.wrapper}" --session --address="unix:path=$XDG_RUNTIME_DIR/bus" '
                  '--nofork --print-address=1 & for i in 1 2 3 4 5 6 7 8 9 10; do '
                  '[ -S "$XDG_RUNTIME_DIR/bus" ] && break; sleep 0.3; done; '
                  f'exec {DBUS}/integration/transient-services.sh')
        self.program(f'{user}/transient-services', ['/bin/sh', '-c', script], user, extra, 60, 2)

    def dbus(self):
        common = {'DBUS_TEST_DAEMON': str(self.wrapper), 'DBUS_TEST_DBUS_SEND': '/usr/bin/dbus-send'}
        data = {'DBUS_TEST_EXEC': DBUS, 'DBUS_TEST_DATA': DBUS + '/data'}
        me = pwd.getpwuid(os.geteuid()).pw_name
        users = ['root', USER] if me == 'root' else [me]
        for user in users:
            for name, limit_s in DBUS_PROGRAMS.items():
                if user == 'root' or name != 'test-uid-permissions':
                    self.program(f'{user}/{name}', [f'{DBUS}/{name}', '--tap'], user,
                                 {**common, **data}, limit_s)
        for name in DBUS_INSTALLED:
            self.program(f'installed/{name}', [f'{DBUS}/{name}', '--tap'], users[0], common,
                         DBUS_PROGRAMS[name])
        self.transient_services(users[-1], common)

    def glib(self):
        user = USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        path = f'{self.wrapper_dir}:/usr/sbin:/usr/bin:/sbin:/bin'
        for name, n_tests in GLIB_PROGRAMS.items():
            try:
                test = pathlib.Path(GLIB, name + '.test').read_text(encoding='utf-8')
            except OSError:
                print(f'{name}: not in this version of the package')
                continue
            command = re.search(r'^Exec=(.*)', test, re.M)[1].split()
            if 'Output=TAP' in test and not command[0].endswith('.py'):
                command.append('--tap')
            self.program(name, command, user, {'PATH': path}, 90, n_tests)

    def close(self):
        end_descendants()
        self.wrapper.unlink()
        self.wrapper_dir.rmdir()


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in ('dbus', 'glib'):
        sys.exit(__doc__.splitlines()[0])
    name, daemon = sys.argv[1:3]
    if not os.path.isdir(DBUS if name == 'dbus' else GLIB):
        print('skipped: the package', 'dbus-tests' if name == 'dbus' else 'libglib2.0-tests',
              'is not installed')
        sys.exit(77)
    if not os.access(daemon, os.X_OK):
        sys.exit(f'{sys.argv[0]}: cannot execute {daemon}')
    results = sys.argv[3] if len(sys.argv) == 4 else tempfile.mkdtemp(prefix=f'{name}-suite-')
    os.makedirs(results, exist_ok=True)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    suite = Suite(os.path.abspath(daemon), results)
    try:
        getattr(suite, name)()
    finally:
        suite.close()
    print('output of each program:', results)
    print(', '.join(f'{number} {kind}' for kind, number in suite.sum.items()))
    sys.exit(1 if suite.sum['failed'] or not suite.sum['passed'] else 0)


if __name__ == '__main__':
    main()
