#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes one check out of the core at a time: some row's test has to fail.

    mutations.py [--every N] [--offset M] [--seconds S] [--list] [FILE...]

A check is a statement "return -ERRNO;", "r = -ERRNO;" or "ERRNO ? :" behind an if, in the
files of kernel/core.  It becomes an empty statement, so that what was refused goes on.
Run in a build directory in which check-abi passes.  Checks that no caller of the interface
can meet are listed in tests/abi/mutations.skip, with the reason.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
CORE = TOP / "kernel" / "core"
SKIP = pathlib.Path(__file__).resolve().parent / "mutations.skip"

SIMPLE = re.compile(r"^\t+(?:return|r =|\*error_out =) -(E[A-Z0-9]+);$")
CHOICE = re.compile(r"^(\t+return [^;?]*) \? (0|-E[A-Z0-9]+) : (0|-E[A-Z0-9]+);$")
# of memory, and of programs that ask for what the table of commands has admitted before
NEVER = {"ENOMEM", "ENOTTY"}
ABI_ENV = ({"ABI_PROFILE": "P2"}, {"ABI_PROFILE": "P1"})


def guarded(lines, number):
    """Is the statement the body of an if, so that it may go?"""
    depth = len(lines[number]) - len(lines[number].lstrip("\t"))
    for line in reversed(lines[:number]):
        text = line.strip()
        if not text:
            return False
        indent = len(line) - len(line.lstrip("\t"))
        if indent < depth:
            return bool(re.match(r"(if \(|\} else|else|case |default:)", text)) or \
                text.endswith((")", "&&", "||", "{"))
        if indent == depth and text.endswith((";", "}")):
            return False
    return False


def sites(files):
    for path in files:
        lines = path.read_text().splitlines()
        function = "-"
        count = {}
        for number, line in enumerate(lines):
            match = re.match(r"^[a-z].*?\b(\w+)\(", line)
            if match and not line.endswith(";"):
                function = match[1]
            if SIMPLE.match(line):
                error = SIMPLE.match(line)[1]
                if error in NEVER or not guarded(lines, number):
                    continue
                mutant = re.match(r"^\t+", line)[0] + ";"
            elif CHOICE.match(line):
                found = CHOICE.match(line)
                error = (found[2] + found[3]).replace("0", "").strip("-")
                if error in NEVER or "0" not in (found[2], found[3]):
                    continue
                condition = found[1].split("return ", 1)[1]
                mutant = re.match(r"^\t+", line)[0] + f"return ({condition}), 0;"
            else:
                continue
            key = f"{path.name}:{function}:{error}"
            count[key] = count.get(key, 0) + 1
            yield f"{key}:{count[key]}", path, number, mutant


def skipped():
    reasons = {}
    for line in SKIP.read_text().splitlines():
        if line and not line.startswith("#"):
            name, reason = line.split(None, 1)
            reasons[name] = reason
    return reasons


class Build:
    """The test programs of this build directory with one object of the core exchanged."""

    def __init__(self, work):
        self.work = pathlib.Path(work)
        out = subprocess.run(["make", "-n", "-W", str(CORE / "args.c"), "V=1",
                              "libkdbus-threads.a"], capture_output=True, text=True, check=True)
        line = next(l for l in out.stdout.splitlines() if "args.c" in l and " -c " in l)
        self.compile = re.sub(r" -MT .*? -c ", " -c ", line.split("&&")[0].rstrip("\\ "))
        self.programs = sorted(p for p in pathlib.Path(".").glob("test-abi-*")
                               if os.access(p, os.X_OK) and not p.suffix)
        shutil.copy("libkdbus-threads.a", self.work / "lib.a")

    def mutate(self, path, number, mutant):
        lines = path.read_text().splitlines()
        lines[number] = mutant
        source = self.work / path.name
        source.write_text("\n".join(lines) + "\n")
        obj = self.work / f"libkdbus_threads_a-{path.stem}.o"
        command = re.sub(r"-o \S+", f"-o {obj}", self.compile)
        command = re.sub(r"`test -f '\S*' \|\| echo '\S*'`", "", command)
        command = re.sub(r"\S*args\.c\b", str(source), command)
        command += f" -I{TOP} -O0 -w"
        subprocess.run(command, shell=True, check=True, capture_output=True)
        shutil.copy(self.work / "lib.a", self.work / "mutant.a")
        subprocess.run(["ar", "r", self.work / "mutant.a", obj], check=True, capture_output=True)

    def link(self, program):
        out = self.work / program.name
        obj = f"tests/abi/{program.name.replace('-', '_')}-{program.name}.o"
        subprocess.run(["cc", "-o", out, obj, "libabi.a", self.work / "mutant.a", "libbase.a",
                        "libtap.a"], check=True, capture_output=True)
        return out

    def caught(self, first):
        """The row whose test fails first, or None."""
        for program in sorted(self.programs, key=lambda p: p.name not in first):
            binary = self.link(program)
            for env in ABI_ENV:
                try:
                    done = subprocess.run([binary], env=dict(os.environ, **env), text=True,
                                          capture_output=True, timeout=60, errors="replace",
                                          check=False)
                except subprocess.TimeoutExpired:
                    return f"{program.name} hangs"
                row = "-"
                for line in done.stdout.splitlines():
                    if line.startswith("# row "):
                        row = line[6:]
                    elif line.startswith("not ok"):
                        return f"{row} ({env['ABI_PROFILE']})"
                if done.returncode not in (0, 77):
                    return f"{program.name} dies"
        return None


# which programs to try first, by file
FIRST = {
    "args.c": ["test-abi-parse"], "bus.c": ["test-abi-make"], "endpoint.c": ["test-abi-make"],
    "connection.c": ["test-abi-make", "test-abi-info"], "item.c": ["test-abi-parse"],
    "connection-info.c": ["test-abi-info"], "connection-recv.c": ["test-abi-queue"],
    "message.c": ["test-abi-send"], "message-p1.c": ["test-abi-send", "test-abi-profile"],
    "delivery.c": ["test-abi-send", "test-abi-reply"], "handle.c": ["test-abi-handle"],
    "match.c": ["test-abi-match"], "names.c": ["test-abi-names"],
    "policy.c": ["test-abi-policy"], "queue.c": ["test-abi-queue"], "reply.c": ["test-abi-reply"],
    "call.c": ["test-abi-reply"], "domain.c": ["test-abi-make"], "pool.c": ["test-abi-info"],
    "activator.c": ["test-abi-names"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take each Nth")
    parser.add_argument("--offset", type=int, default=0, help="beginning with this one")
    parser.add_argument("--seconds", type=int, default=3600, help="stop after that time")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()

    files = [CORE / f for f in args.files] if args.files else sorted(CORE.glob("*.c"))
    reasons = skipped()
    all_sites = list(sites(files))
    known = {name for name, *_ in all_sites}
    stale = [] if args.files else [name for name in reasons if name not in known]
    for name in stale:
        print(f"mutations.skip: {name} is no check")
    wanted = [site for site in all_sites if site[0] not in reasons][args.offset::args.every]
    if args.list:
        print("\n".join(name for name, *_ in wanted))
        return stale != []

    survivors, n_caught, started = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        build = Build(work)
        for name, path, number, mutant in wanted:
            if time.monotonic() - started > args.seconds:
                print(f"# stopped after {args.seconds} s")
                break
            build.mutate(path, number, mutant)
            row = build.caught(FIRST.get(path.name, []))
            print(f"{'caught' if row else 'SURVIVED'} {name} {path.name}:{number + 1}"
                  f"{f' by {row}' if row else ''}", flush=True)
            if row:
                n_caught += 1
            else:
                survivors.append(name)
    print(f"# {len(all_sites)} checks, {len(reasons)} of them out of reach; "
          f"{n_caught} of {n_caught + len(survivors)} caught")
    return bool(survivors or stale)


if __name__ == "__main__":
    sys.exit(main())
