#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run-suite.py DAEMON SUITE... [--limit=SECONDS] [--results=FOLDER] [--only=TEXT]
                [--wrapper=PROGRAM] [--expected=FILE] [--patience=NUMBER]

Runs tests that others wrote, as Debian packages them, twice: with the installed
dbus-daemon as their message bus and with DAEMON, which has dbus-daemon's command
line.  Whatever passes on dbus-daemon has to pass on DAEMON:

  dbus      package dbus-tests: as root and as an ordinary user with the package's
            configurations, and with the installed configuration
  glib      package libglib2.0-tests: the programs that start "dbus-daemon"
  dbusmock  package python3-dbusmock: the tests among its examples

Prints a line for each program, then a table of all that does not pass on both,
and the sum of what happened on DAEMON; "failed" there are those that pass on
dbus-daemon.  The status is 1 if there are any, and 77 if nothing is installed.

What fails here alone is run a second time when all else is done, because some of these
tests are about time and the machine may be busy; what passes then is marked in the table.

With --wrapper it is PROGRAM DAEMON that has dbus-daemon's command line.  The lines
of FILE are "ID LABEL: NAME", failures that are known: they count as skipped, and
one that does not fail any more counts as failed, unless its ID ends in "?".

With --patience each program has that many times longer, but no more of them run at once than
there are processors: an emulated machine is busy, not asleep.

As root the ordinary user is "nobody".  A program that aborts has its remaining
tests run one by one, so that one failure does not hide the others.  All programs
are bounded in time, and run side by side, each below a worker of its own, which
ends by pid what a program leaves behind.
"""
import argparse
import ctypes
import dataclasses
import glob
import os
import pathlib
import pickle
import pwd
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DBUS = '/usr/lib/dbus-1.0/installed-tests/dbus'
GLIB = '/usr/share/installed-tests/glib'
MOCK = '/usr/share/doc/python3-dbusmock/examples'
USER = 'nobody'
ALONE_LIMIT_S = 15      # of a test that is run by itself
MAX_RETRIED = 3         # programs; if there are more it is not chance
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

# What follows is in the order in which it is started: what takes longest comes first.

# programs that start a daemon, and how long they may take
DBUS_PROGRAMS = {
    'test-dbus-daemon': 240, 'test-sd-activation': 90, 'test-monitor': 120,
    'test-header-fields': 60, 'test-dbus-daemon-eavesdrop': 60, 'test-dbus-daemon-fork.sh': 60,
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
# these skip themselves when a race between two threads did not come about
GLIB_BY_CHANCE = ['gdbus/threaded-unregistration/object', 'gdbus/threaded-unregistration/subtree']
# what looks at dbusmock's own sources
MOCK_LEFT_OUT = ['test_code']

RESULT = re.compile(r'^\s*(not ok|ok)\b\s*\d*\s*-?\s*([^#]*?)\s*(#\s*skip.*)?$', re.I)

# runs a module of Python's unittest and says TAP
UNITTEST = """
import sys, unittest
class Result(unittest.TestResult):
    def say(self, test, good, more=''):
        print('ok' if good else 'not ok', '-', test.id() + more, flush=True)
    def addSuccess(self, test):
        self.say(test, True)
    def addSkip(self, test, reason):
        self.say(test, True, ' # skip')
    def addFailure(self, test, error):
        print(self._exc_info_to_string(error, test))
        self.say(test, False)
    addError = addFailure
suite = unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])
print(f'1..{suite.countTestCases()}')
suite.run(Result())
"""


@dataclasses.dataclass
class Program:
    """One program of a suite on one daemon."""
    label: str
    command: list
    user: str
    environment: dict
    limit_s: int
    n_tests: int = 0            # if it does not tell
    daemon: str = ''            # folder with a program "dbus-daemon"
    results: str = ''           # folder
    deadline: float = 0.0
    patience: int = 1           # how many times slower it is here


@dataclasses.dataclass
class Outcome:
    label: str
    daemon: str
    found: dict                 # name of the test: passed, failed or skipped
    status: object              # of the program; None: was ended; 'late': was not
                                # started; 'lost': nobody knows
    n_missing: int              # tests without a result
    seconds: float


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


def reap():
    """Buries one child, ours or adopted: its (pid, exit status), or None when none has ended."""
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return None
    return (pid, os.waitstatus_to_exitcode(status)) if pid else None


def end_descendants():
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in descendants():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 2
        while descendants() and time.monotonic() < deadline:
            if not reap():
                time.sleep(0.02)


def worker_start():
    """What a program leaves behind becomes the worker's, and ends with it."""
    def end(_number, _frame):
        end_descendants()
        os._exit(1)
    signal.signal(signal.SIGTERM, end)
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def environment_of(program, folder):
    """A clean one: nothing of ours reaches the tests."""
    home = '/root' if program.user == 'root' else str(folder)
    return {'PATH': f'{program.daemon}:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': home,
            'USER': program.user, 'LOGNAME': program.user, 'LC_ALL': 'C.UTF-8', 'TMPDIR': '/tmp',
            'XDG_RUNTIME_DIR': str(folder), 'DBUS_TEST_DAEMON': program.daemon + '/dbus-daemon',
            **program.environment}


def run(program, command, folder, limit_s):
    """(exit status or None when ended, output); ends what is left of it."""
    account = pwd.getpwnam(program.user)
    options = {}
    if os.geteuid() == 0 and program.user != 'root':
        options = {'user': account.pw_uid, 'group': account.pw_gid, 'extra_groups': []}
    with tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace') as output, \
         subprocess.Popen(command, cwd=folder, env=environment_of(program, folder),
                          stdin=subprocess.DEVNULL, stdout=output,
                          stderr=subprocess.STDOUT, **options) as process:
        # daemons that a test ends must vanish while it looks, so all are reaped
        deadline = min(time.monotonic() + limit_s * program.patience, program.deadline)
        while process.returncode is None and time.monotonic() < deadline:
            ended = reap()
            if not ended:
                time.sleep(0.02)
            elif ended[0] == process.pid:
                process.returncode = ended[1]
        status = process.returncode
        if status is None:
            process.kill()
            process.wait()
        end_descendants()
        output.seek(0)
        return status, output.read()


def collect(text, found):
    for line in text.splitlines():
        match = RESULT.match(line)
        if match:
            kind = 'failed' if match[1].lower() == 'not ok' else \
                'skipped' if match[3] else 'passed'
            name = match[2].removeprefix('/') or f'number {len(found) + 1}'
            if found.get(name) != 'failed':
                found[name] = kind


def run_rest(program, folder, found):
    """The tests of a program that ended early which have no result yet, one by one."""
    _, listing = run(program, program.command[:-1] + ['-l'], folder, ALONE_LIMIT_S)
    text = ''
    for path in re.findall(r'^/\S+', listing, re.M):
        if path[1:] in found or time.monotonic() > program.deadline:
            continue
        _, one = run(program, program.command[:-1] + ['-p', path, '--tap'], folder, ALONE_LIMIT_S)
        text += one
        alone = {}
        collect(one, alone)
        found[path[1:]] = alone.get(path[1:], 'failed')
    return text


def run_program(program):
    """In a worker."""
    found = {}
    start = time.monotonic()
    is_late = time.monotonic() > program.deadline
    with tempfile.TemporaryDirectory(prefix='suite-', dir='/tmp') as folder:
        if os.geteuid() == 0:
            account = pwd.getpwnam(program.user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        status, text = ('late', '') if is_late else run(program, program.command, folder,
                                                        program.limit_s)
        plan = re.search(r'^1\.\.(\d+)', text, re.M)
        wanted = int(plan[1]) if plan else program.n_tests
        collect(text, found)
        if status != 0 and not is_late and program.command[-1] == '--tap':
            text += run_rest(program, folder, found)
    path = pathlib.Path(program.results, program.label.replace('/', '.'))
    path.write_text(text, encoding='utf-8')
    if plan and plan[1] == '0':
        found['all of it'] = 'skipped'
    n_missing = max(0, wanted - len(found))
    if status != 0 and not n_missing and 'failed' not in found.values():
        n_missing = 1
    return Outcome(program.label, os.path.basename(program.daemon), found, status, n_missing,
                   time.monotonic() - start)


def ordinary_user():
    return USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def dbus_programs():
    data = {'DBUS_TEST_DBUS_SEND': '/usr/bin/dbus-send', 'DBUS_TEST_EXEC': DBUS,
            'DBUS_TEST_DATA': DBUS + '/data'}
    installed = {'DBUS_TEST_DBUS_SEND': '/usr/bin/dbus-send'}
    users = ['root', USER] if os.geteuid() == 0 else [ordinary_user()]
    for name, limit_s in DBUS_PROGRAMS.items():
        command = [f'{DBUS}/{name}', '--tap']
        for user in users:
            if user == 'root' or name != 'test-uid-permissions':
                yield Program(f'dbus/{user}/{name}', command, user, data, limit_s)
        if name in DBUS_INSTALLED:
            yield Program(f'dbus/installed/{name}', command, users[0], installed, limit_s)
    # it wants a session bus at XDG_RUNTIME_DIR/bus
    script = ('"$DBUS_TEST_DAEMON" --session --address="unix:path=$XDG_RUNTIME_DIR/bus" '
              '--nofork --print-address=1 & for i in 1 2 3 4 5 6 7 8 9 10; do '
              '[ -S "$XDG_RUNTIME_DIR/bus" ] && break; sleep 0.3; done; '
              f'exec {DBUS}/integration/transient-services.sh')
    yield Program(f'dbus/{users[-1]}/transient-services', ['/bin/sh', '-c', script], users[-1],
                  installed, 60, 2)


def glib_programs():
    for name, n_tests in GLIB_PROGRAMS.items():
        try:
            test = pathlib.Path(GLIB, name + '.test').read_text(encoding='utf-8')
        except OSError:
            print(f'glib/{name}: not in this version of the package')
            continue
        command = re.search(r'^Exec=(.*)', test, re.M)[1].split()
        if 'Output=TAP' in test and not command[0].endswith('.py'):
            command.append('--tap')
        yield Program(f'glib/{name}', command, ordinary_user(), {}, 90, n_tests)


def mock_programs():
    environment = {'PYTHONPATH': MOCK, 'PYTHONDONTWRITEBYTECODE': '1'}
    for path in sorted(glob.glob(MOCK + '/test_*.py')):
        name = pathlib.Path(path).stem
        if name not in MOCK_LEFT_OUT:
            yield Program(f'dbusmock/{name}', ['/usr/bin/python3', '-c', UNITTEST, name],
                          ordinary_user(), environment, 120)


# a suite: what has to be there, whose package it is, its programs
SUITES = {'dbus': (DBUS, 'dbus-tests', dbus_programs),
          'dbusmock': (MOCK + '/test_api.py', 'python3-dbusmock (with its examples)',
                       mock_programs),
          'glib': (GLIB, 'libglib2.0-tests', glib_programs)}


def read_expected(path):
    """What is known to fail: {'LABEL: NAME': ID}."""
    expected = {}
    for line in pathlib.Path(path).read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#'):
            identifier, test = line.split(' ', 1)
            expected[test.strip()] = identifier
    return expected


def compare(theirs, ours, expected):
    """Returns how many tests on ours (passed, failed, skipped), and lines of the table for what
    does not pass on both."""
    names = list(theirs.found) + [name for name in ours.found if name not in theirs.found]
    sums = [0, 0, 0]
    lines = []
    for name in names:
        kinds = theirs.found.get(name, 'no result'), ours.found.get(name, 'no result')
        if name in GLIB_BY_CHANCE and 'skipped' in kinds and 'failed' not in kinds:
            kinds = 'skipped', 'skipped'
        identifier = expected.get(f'{ours.label}: {name}')
        if identifier:
            is_stale = kinds[1] == 'passed' and not identifier.endswith('?')
            kinds = kinds[0], ('passed, but is listed as ' if is_stale else '') + identifier
            sums[1 if is_stale else 2] += 1
        elif kinds[1] == 'passed':
            sums[0] += 1
        elif kinds[0] == 'passed':
            sums[1] += 1
        else:
            sums[2] += 1
        if kinds != ('passed', 'passed') and kinds != ('skipped', 'skipped'):
            lines.append((f'{ours.label}: {name}', *kinds))
    # a program that ends badly although it has said that all is well, or was not run at all
    if {'late', 'lost'} & {theirs.status, ours.status} or (
            not theirs.n_missing and ours.n_missing and not sums[1]):
        identifier = expected.get(f'{ours.label}: as a whole')
        sums[2 if identifier else 1] += 1
        lines.append((f'{ours.label}: as a whole', f'status {theirs.status}',
                      identifier or f'status {ours.status}'))
    return sums, lines


class Workers:
    """Runs programs side by side; a worker is a process that runs one of them."""
    def __init__(self, programs):
        self.waiting = list(reversed(programs))
        n_cpus = len(os.sched_getaffinity(0))
        # they sleep a lot
        self.n_at_once = n_cpus if programs[0].patience > 1 else 2 * n_cpus
        self.selector = selectors.DefaultSelector()

    def start(self, program):
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                worker_start()
                with open(writing, 'wb') as file:
                    pickle.dump(run_program(program), file)
            finally:
                os._exit(0)
        os.close(writing)
        self.selector.register(reading, selectors.EVENT_READ, (pid, program, []))

    def outcomes(self):
        """Yields them as they come."""
        while self.waiting or self.selector.get_map():
            while self.waiting and len(self.selector.get_map()) < self.n_at_once:
                self.start(self.waiting.pop())
            for key, _ in self.selector.select():
                pid, program, pieces = key.data
                pieces.append(os.read(key.fd, 65536))
                if not pieces[-1]:
                    self.selector.unregister(key.fd)
                    os.close(key.fd)
                    os.waitpid(pid, 0)
                    yield pickle.loads(b''.join(pieces)) if len(pieces) > 1 else Outcome(
                        program.label, os.path.basename(program.daemon), {}, 'lost', 1, 0)

    def stop(self):
        for key in list(self.selector.get_map().values()):
            os.kill(key.data[0], signal.SIGTERM)
            os.waitpid(key.data[0], 0)


def say(outcome, beside, sums):
    print('  {}: {} passed, {} failed, {} skipped ({:.1f} s, {:.1f} s)'.format(
        outcome.label, *sums, beside.seconds, outcome.seconds), flush=True)


def compare_pair(pair, expected):
    return compare(pair['theirs'], pair['ours'], expected)


def n_failed(pair, expected):
    return compare_pair(pair, expected)[0][1]


def retry(programs, outcomes, expected):
    """Runs programs again that have failed; returns lines of the table for those that passed."""
    table = []
    for program in programs if len(programs) <= MAX_RETRIED else []:
        pair = outcomes[program.label]
        lines = compare_pair(pair, expected)[1]
        again = dataclasses.replace(program, results=program.results + '-again',
                                    deadline=time.monotonic() +
                                    program.limit_s * program.patience)
        os.makedirs(again.results, exist_ok=True)
        workers = Workers([again])
        try:
            pair['ours'], = workers.outcomes()
        finally:
            workers.stop()
        say(pair['ours'], pair['theirs'], compare_pair(pair, expected)[0])
        if not n_failed(pair, expected):
            table += [(*line, '(passed when it was run again)') for line in lines]
    return table


def judge(programs, expected):
    """Runs them all, and prints what there is to say; returns whether all is well."""
    outcomes = {}
    workers = Workers(programs)
    try:
        for outcome in workers.outcomes():
            pair = outcomes.setdefault(outcome.label, {})
            pair[outcome.daemon] = outcome
            if len(pair) == 2:
                say(pair['ours'], pair['theirs'], compare_pair(pair, expected)[0])
    finally:
        workers.stop()
    table = retry([program for program in programs if program.daemon.endswith('/ours') and
                   n_failed(outcomes[program.label], expected)], outcomes, expected)
    sums = {}           # of each suite: passed, failed, skipped here, passed on dbus-daemon
    for label, pair in outcomes.items():
        numbers, lines = compare_pair(pair, expected)
        numbers.append(list(pair['theirs'].found.values()).count('passed'))
        suite = label.split('/', 1)[0]
        sums[suite] = [a + b for a, b in zip(sums.get(suite, [0] * 4), numbers)]
        table += [(*line, '') for line in lines]
    if table:
        width = max(len(line[0]) for line in table)
        print(f'{"what does not pass on both":{width}}  dbus-daemon  here')
        for name, theirs, ours, more in sorted(table):
            print(f'{name:{width}}  {theirs:11}  {ours} {more}'.rstrip())
    for suite, numbers in sorted(sums.items()):
        print('{}: {} passed, {} failed, {} skipped; on dbus-daemon {} pass'.format(
            suite, *numbers))
    print('{} passed, {} failed, {} skipped'.format(*map(sum, list(zip(*sums.values()))[:3])))
    return all(numbers[1] == 0 and numbers[3] > 0 for numbers in sums.values())


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[0], add_help=False)
    parser.add_argument('daemon')
    parser.add_argument('suites', nargs='+', choices=list(SUITES), metavar='SUITE')
    parser.add_argument('--limit', type=int, default=600)
    parser.add_argument('--results')
    parser.add_argument('--only', default='')
    parser.add_argument('--wrapper')
    parser.add_argument('--expected')
    parser.add_argument('--patience', type=int, default=1)
    arguments = parser.parse_args()
    if not os.access(arguments.daemon, os.X_OK):
        sys.exit(f'{sys.argv[0]}: cannot execute {arguments.daemon}')
    reference = shutil.which('dbus-daemon')
    if not reference:
        print('skipped: no dbus-daemon to compare with')
        sys.exit(77)
    results = arguments.results or tempfile.mkdtemp(prefix='suites-')
    programs = []
    expected = read_expected(arguments.expected) if arguments.expected else {}
    with tempfile.TemporaryDirectory(prefix='suites-', dir='/tmp') as folder:
        os.chmod(folder, 0o755)
        daemons = {'theirs': reference, 'ours': os.path.abspath(arguments.daemon)}
        for which, path in daemons.items():
            os.makedirs(os.path.join(results, which), exist_ok=True)
            wrapper = pathlib.Path(folder, which, 'dbus-daemon')
            wrapper.parent.mkdir()
            if which == 'ours':
                # the ordinary user may not get to where it was built
                path = shutil.copy(path, os.path.join(folder, os.path.basename(path)))
            command = f'"{path}"'
            if which == 'ours' and arguments.wrapper:
                command = '"{}" {}'.format(shutil.copy(arguments.wrapper, folder), command)
            wrapper.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding='utf-8')
            wrapper.chmod(0o755)
        deadline = time.monotonic() + arguments.limit
        for name, (needed, package, list_programs) in SUITES.items():
            if name not in arguments.suites:
                continue
            if not os.path.exists(needed):
                print(f'skipped: the package {package} is not installed')
                continue
            for program in list_programs():
                if arguments.only in program.label:
                    programs += [dataclasses.replace(program, daemon=os.path.join(folder, which),
                                                     results=os.path.join(results, which),
                                                     deadline=deadline,
                                                     patience=arguments.patience)
                                 for which in daemons]
        if not programs:
            sys.exit(77)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        is_good = judge(programs, expected)
    print('output of each program:', results)
    sys.exit(0 if is_good else 1)


if __name__ == '__main__':
    main()
