#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of the ABI's contract and the tests that name them.

    rows.py lint                       rows without a test, names without a row
    rows.py check [--carrier C]... [--profile P]... [--guest FOLDER] [--each] PROGRAM...
                                       runs the test programs, prints a table of the rows

The table has a line for each section, and below one for each row that is not the same with every carrier; with
--each, for every row.  FOLDER is where check-kernel left what it heard from guests; what is
younger than the programs is a carrier more for each kernel.

A test says "# row ID" before it checks that row.  A row has passed if it was said in a test
and no failure followed before the next one; it is skipped if the test ended as skipped.  A line
of rows that begins with "!" says which rows a carrier cannot have, and why; any other that is
skipped has failed.

Carriers are those of carrier.h; "run" is the file carrier under kdbus-run: abi-run.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROW_ID = re.compile(r'"((?:\d+\.[0-9A-Za-z.-]+)|(?:[BC]\d+)|(?:D\.[a-z-]+))"')
PROFILES = ("P2", "P1")
TIMEOUT_S = 120
# as other users they really are other users
ROOT_ONLY = ("remote", "run")

Row = collections.namedtuple("Row", "id command state input expected profile")
Exception_ = collections.namedtuple("Exception_", "ids reason")


def read_rows():
    rows = {}
    for number, line in enumerate((HERE / "rows").read_text().splitlines(), 1):
        if not line or line.startswith(("#", "!")):
            continue
        fields = line.split(" | ")
        if len(fields) != len(Row._fields) or fields[-1] not in PROFILES + ("both",):
            sys.exit(f"rows:{number}: not a row")
        row = Row(*fields)
        if row.id in rows:
            sys.exit(f"rows:{number}: {row.id} again")
        rows[row.id] = row
    return rows


def read_exceptions(carrier, rows):
    """What @carrier cannot have."""
    exceptions = []
    for number, line in enumerate((HERE / "rows").read_text().splitlines(), 1):
        if not line.startswith("! "):
            continue
        carriers, ids, reason = line[2:].split(" | ")
        for row in ids.split():
            if row not in rows:
                sys.exit(f"rows:{number}: there is no {row}")
        if carrier in carriers.split():
            exceptions.append(Exception_(ids.split(), reason))
    return exceptions


def named_rows():
    named = set()
    for path in HERE.glob("test-abi-*.c"):
        named.update(ROW_ID.findall(path.read_text()))
    return named


def lint():
    rows, named = read_rows(), named_rows()
    for row in rows:
        if row not in named:
            print(f"rows: {row} has no test")
    for row in sorted(named - set(rows)):
        print(f"{row} is named by a test and not in rows")
    missing = len(set(rows) ^ named)
    print(f"# {len(rows)} rows, {missing} without a test or a row")
    return missing > 0


def parse(output, results, failures):
    """Results of one program: a worse one replaces a better one."""
    rank = {"pass": 1, "skip": 0, "fail": 2}
    seen, lines = [], []

    def note(row, result):
        if rank[result] >= rank.get(results.get(row), -1):
            results[row] = result

    for line in output.splitlines():
        if line.startswith("# row "):
            seen.append(line[6:])
        elif line.startswith("# "):
            lines.append(line[2:])
        elif line.startswith(("ok ", "not ok ")):
            has_failed = line.startswith("not ok")
            last = "fail" if has_failed else "skip" if line.endswith("# SKIP") else "pass"
            for row in seen[:-1]:
                note(row, "skip" if last == "skip" else "pass")
            if seen:
                note(seen[-1], last)
            if has_failed:
                failures.append((seen[-1] if seen else "-", line[7:], lines))
            seen, lines = [], []


def run(program, carrier, profile):
    env = dict(os.environ, ABI_CARRIER=carrier, ABI_PROFILE=profile)
    command = ["./abi-run", program] if carrier == "run" else [program]
    try:
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, timeout=TIMEOUT_S,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").decode(errors="replace") + "not ok - took too long\n"
    return done.stdout + ("" if "1.." in done.stdout else f"not ok - {program} did not run\n")


def read_guests(folder, programs, profiles):
    """What guests said, as the output of a program for each (kernel, profile)."""
    if not folder:
        return {}
    said = {}
    since = max(os.stat(p).st_mtime for p in programs)
    for path in sorted(pathlib.Path(folder).glob("*.guest")):
        if path.stat().st_mtime < since:
            print(f"{path}: is older than the programs, not looked at")
            continue
        text = path.read_text(errors="replace")
        for profile in profiles:
            mark = f"KTAP: {profile} "
            said[path.name.split("-")[0], profile] = "".join(
                line[len(mark):] + "\n" for line in text.splitlines() if line.startswith(mark))
    return said


def print_each(rows, tables, runs, wants_all):
    """A line for each row with what became of it, or only for those that differ."""
    signs = {"pass": "pass", "skip": "-", "fail": "FAIL", "missing": "MISSING", None: ""}
    n = 0
    for row in rows:
        # of the other profile is no difference
        results = [tables[key].get(row) for key in runs]
        if not wants_all and len(set(results) - {None}) < 2:
            continue
        if n == 0:
            print()
        n += 1
        print(f"{row:28}" + "".join(f" {signs[r]:>9}" for r in results))
    if n > 0:
        print(" " * 28 + "".join(f" {c[:6]:>6} {p}" for c, p in runs) + "\n")


def section(row):
    return re.match(r"11|9|\d+\.\d+|[A-Z]", row)[0]


def check(args):
    rows = read_rows()
    carriers = args.carrier or ["embedded"]
    for carrier in ROOT_ONLY if os.geteuid() else ():
        if carrier in carriers:
            print(f"{carrier}: not tried, only root can be other users")
            carriers.remove(carrier)
    runs = [(c, p) for c in carriers for p in args.profile or PROFILES]
    guests = read_guests(args.guest, args.programs, args.profile or PROFILES)
    runs += guests
    tables, has_failed = {}, False
    for carrier, profile in runs:
        results, failures = {}, []
        if (carrier, profile) in guests:
            parse(guests[carrier, profile], results, failures)
        for program in args.programs if (carrier, profile) not in guests else ():
            parse(run(program, carrier, profile), results, failures)
        for row in rows.values():
            if row.profile in (profile, "both"):
                results.setdefault(row.id, "missing")
        # what is not of the profile may be skipped by its test
        results = {r: v for r, v in results.items()
                   if r not in rows or rows[r].profile in (profile, "both")}
        exceptions = {row for e in read_exceptions(carrier, rows) for row in e.ids}
        for row, result in results.items():
            if result == "skip" and row not in exceptions:
                results[row] = "missing"
            elif row in exceptions:
                results[row] = "skip"
                if result == "pass":
                    failures.append((None, f"{row} passes, and rows says that it cannot", []))
        tables[carrier, profile] = results
        for row, test, lines in failures:
            if row in exceptions:
                continue
            has_failed = True
            print(f"{carrier} {profile} {row}: {test}")
            print("".join(f"    {line}\n" for line in lines), end="")

    print("section" + "".join(f" {c:>10} {p:<10}" for c, p in runs))
    total = collections.defaultdict(collections.Counter)
    for name in dict.fromkeys(section(row) for row in rows):
        text = f"{name:7}"
        for key in runs:
            wanted = [r.id for r in rows.values()
                      if section(r.id) == name and r.profile in (key[1], "both")]
            count = collections.Counter(tables[key][row] for row in wanted)
            total[key].update(count)
            bad = count["fail"] + count["missing"]
            text += f" {count['pass']:>10}/{len(wanted):<4}{f'!{bad}' if bad else '':<5}"
        print(text)
    text = "all    "
    for key in runs:
        text += f" {total[key]['pass']:>10}/{sum(total[key].values()):<9}"
    print(text)
    print_each(rows, tables, runs, args.each)
    for key in runs:
        for result in ("fail", "missing"):
            which = [r for r in rows if tables[key].get(r) == result]
            if which:
                print(f"{key[0]} {key[1]} {result}: {' '.join(which)}")
                has_failed = True
        for ids, reason in read_exceptions(key[0], rows):
            which = [r for r in ids if tables[key].get(r) == "skip"]
            if which:
                print(f"{key[0]} {key[1]} cannot have {' '.join(which)}: {reason}")
        print(f"{key[0]} {key[1]}: {total[key]['pass']} rows passed, {total[key]['skip']} skipped, "
              f"{total[key]['fail'] + total[key]['missing']} failed")
    return has_failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("lint")
    sub = commands.add_parser("check")
    sub.add_argument("--carrier", action="append")
    sub.add_argument("--profile", action="append", choices=PROFILES)
    sub.add_argument("--guest")
    sub.add_argument("--each", action="store_true")
    sub.add_argument("programs", nargs="+")
    args = parser.parse_args()
    sys.exit(lint() if args.command == "lint" else check(args))


if __name__ == "__main__":
    main()
