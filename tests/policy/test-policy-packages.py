#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Policies of the shapes that packages have, with what they must come to.

Each file of tests/data/policies is included in base.conf.  Its first comment says
what to ask bus-policy-check, one question per line:

    allow: WORDS            query answers so
    deny: WORDS
    compile: NAME: GRANTS   an entry; the file has no others that grant anything
    lint: KINDS             all warnings, separated by commas; none if there is no line
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
TOOL = os.path.join(BUILD, "bus-policy-check")
DATA = os.path.join(TOP, "tests", "data", "policies")

USERS = {"root": 0, "avahi": 110, "polkitd": 111, "colord": 112, "network": 113,
         "timesync": 114, "bob": 1002}
GROUPS = {"root": 0, "netdev": 115, "bluetooth": 116, "bob": 1002}


class Check:
    """bus-policy-check on one configuration."""

    def __init__(self, directory, part):
        self.directory = directory
        self.config = os.path.join(directory, "base.conf")
        with open(os.path.join(DATA, "base.conf"), encoding="utf-8") as file:
            text = file.read()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("PART", os.path.abspath(part)))

    def run(self, command, *words):
        """Exit status and the object it printed."""
        result = subprocess.run(
            [
                TOOL,
                "--json",
                "--passwd=" + os.path.join(self.directory, "passwd"),
                "--group=" + os.path.join(self.directory, "group"),
                command,
                self.config,
                *words,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        if result.returncode > 1:
            raise ValueError(result.stderr.strip())
        return result.returncode, json.loads(result.stdout)


def grants_text(holder):
    """As in the comments."""
    names = {"user": USERS, "group": GROUPS}
    words = []
    for grant in holder["grants"]:
        kind = grant["principal"]
        if kind in names:
            by_id = {number: name for name, number in names[kind].items()}
            kind += " " + by_id[grant["id"]]
        words.append(kind + " " + grant["access"])
    return ", ".join(words)


def check_compile(check, expected):
    """Grants of the bus' own names, of which there are none, aside."""
    _, answer = check.run("compile")
    found = {h["name"]: grants_text(h) for h in answer["holders"] if h["grants"]}
    wanted = {name: grants for name, grants in expected.items() if grants}
    if found != wanted:
        return [f"compile gives {found}, not {wanted}"]
    known = {h["name"] for h in answer["holders"]}
    return [f"{name} has no entry" for name in expected if name not in known]


def check_lint(check, expected):
    """Kinds of the warnings, each once."""
    _, answer = check.run("lint")
    found = {f["kind"] for f in answer["findings"] if f["severity"] == "warning"}
    return [] if found == expected else [f"lint finds {sorted(found)}, not {sorted(expected)}"]


def check_file(directory, path):
    """Problems, and the number of questions."""
    with open(path, encoding="utf-8") as file:
        comment = re.search(r"<!--(.*?)-->", file.read(), re.DOTALL).group(1)
    check = Check(directory, path)
    problems, grants, kinds, n_questions = [], {}, set(), 0
    for line in comment.splitlines():
        what, _, rest = line.partition(": ")
        if what in ("allow", "deny"):
            n_questions += 1
            status, answer = check.run("query", *rest.split())
            if answer["allowed"] != (what == "allow") or status != (what != "allow"):
                problems.append(f"not so: {line}")
                problems += [f"  {side}" for side in answer["sides"]]
        elif what == "compile":
            name, _, text = rest.partition(":")
            grants[name] = text.strip()
        elif what == "lint":
            kinds |= set(rest.split(","))
    problems += check_compile(check, grants)
    problems += check_lint(check, kinds)
    if not n_questions:
        problems.append("asks nothing")
    return problems


def main():
    """TAP"""
    files = sorted(name for name in os.listdir(DATA) if name != "base.conf")
    n_failed = 0
    directory = tempfile.mkdtemp(prefix="bp-packages-")
    try:
        with open(os.path.join(directory, "passwd"), "w", encoding="utf-8") as file:
            for name, number in USERS.items():
                file.write(f"{name}:x:{number}:{number}::/:/bin/false\n")
        with open(os.path.join(directory, "group"), "w", encoding="utf-8") as file:
            for name, number in GROUPS.items():
                file.write(f"{name}:x:{number}:\n")
        print(f"1..{len(files)}")
        for n, name in enumerate(files, 1):
            problems = check_file(directory, os.path.join(DATA, name))
            n_failed += bool(problems)
            for problem in problems:
                print("#", problem)
            print("not ok" if problems else "ok", n, "-", name.replace(".conf", ""))
    finally:
        shutil.rmtree(directory)
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
