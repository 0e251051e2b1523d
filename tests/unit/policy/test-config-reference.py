#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks the installed dbus-daemon for its verdict on configurations, and compares.

The configurations are those of tests/data and, generated here, one rule for each
attribute and each pair of attributes.  Needs config-verdict of the build directory.
A file that says "reference: skip" is not tried.  Where we differ on purpose
DIFFERENT says so.
"""
import itertools
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile

TOP = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
DATA = os.path.join(TOP, "tests", "data")

# name of the file: what dbus-daemon says; why
DIFFERENT = {}

ATTRIBUTES = {
    "own": "a.b",
    "own_prefix": "a.b",
    "user": "root",
    "group": "root",
    "send_interface": "a.b",
    "send_member": "M",
    "send_error": "a.b",
    "send_destination": "a.b",
    "send_destination_prefix": "a.b",
    "send_path": "/a",
    "send_type": "signal",
    "send_requested_reply": "true",
    "send_broadcast": "true",
    "receive_interface": "a.b",
    "receive_member": "M",
    "receive_error": "a.b",
    "receive_sender": "a.b",
    "receive_path": "/a",
    "receive_type": "signal",
    "receive_requested_reply": "true",
    "eavesdrop": "true",
    "min_fds": "1",
    "max_fds": "1",
    "log": "true",
    "bogus": "x",
}


def generate(directory):
    """One file per single attribute and pair; returns their paths."""
    paths = []
    combinations = itertools.chain(
        itertools.combinations(ATTRIBUTES, 1), itertools.combinations(ATTRIBUTES, 2)
    )
    for names in combinations:
        path = os.path.join(directory, "+".join(names) + ".conf")
        rule = " ".join('%s="%s"' % (name, ATTRIBUTES[name]) for name in names)
        with open(path, "w") as f:
            f.write(
                "<busconfig><listen>unix:tmpdir=/tmp</listen>"
                '<policy context="default"><deny %s/></policy></busconfig>\n' % rule
            )
        paths.append(path)
    return paths


def reference_verdict(path, directory):
    """'accepted' or 'refused', and the error if there is one.

    Sockets go to the directory: a bus that is ended early leaves its own behind.
    """
    process = subprocess.Popen(
        ["dbus-daemon", "--config-file=" + path, "--address=unix:tmpdir=" + directory,
         "--print-address=1", "--nofork", "--nopidfile"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        select.select([process.stdout], [], [], 10)
        accepted = bool(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.terminate()
        _, errors = process.communicate(timeout=10)
    # what comes after parsing says nothing about the file
    if re.search(r"needs one or more <listen>", errors):
        accepted = True
    return ("accepted" if accepted else "refused"), errors.strip()


def our_verdicts(paths):
    output = subprocess.run(
        [os.path.join(BUILD, "config-verdict")] + paths,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return dict((line.split("\t")[1], line.split("\t")) for line in output.splitlines())


def data_files(name):
    directory = os.path.join(DATA, name)
    for entry in sorted(os.listdir(directory)):
        path = os.path.join(directory, entry)
        if not entry.endswith(".conf") or os.path.isdir(path):
            continue
        with open(path, "rb") as f:
            if b"reference: skip" in f.read():
                continue
        yield path


def compare(number, description, directory, paths, expected=None):
    ours = our_verdicts(paths)
    n_wrong = 0
    for path in paths:
        theirs, errors = reference_verdict(path, directory)
        wanted = DIFFERENT.get(os.path.basename(path), ours[path][0])
        if theirs != wanted or (expected and ours[path][0] != expected):
            n_wrong += 1
            print("# %s: we %s (%s), dbus-daemon %s (%s)"
                  % (path, ours[path][0], ours[path][2], theirs, errors))
    print("%sok %d - %s: %d files" % ("not " if n_wrong else "", number, description, len(paths)))
    sys.stdout.flush()
    return not n_wrong


def main():
    if not shutil.which("dbus-daemon"):
        print("1..0 # SKIP no dbus-daemon")
        return 0
    print("1..3")
    with tempfile.TemporaryDirectory(prefix="bus-proxyd-test-") as directory:
        good = compare(1, "valid configs", directory, list(data_files("valid-configs")),
                       "accepted")
        good &= compare(2, "invalid configs", directory, list(data_files("invalid-configs")),
                        "refused")
        good &= compare(3, "pairs of attributes", directory, generate(directory))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
