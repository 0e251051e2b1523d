#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Service files and their command lines, random ones, beside the installed dbus-daemon.

What it lists as activatable is what we take for a service file; what it starts a
program with is what we split Exec into.  Needs service-verdict of the build directory.
The random numbers are the same in every run; SEED=N and COUNT=N try others.
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

TOP = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", ".")
CORPUS = os.path.join(TOP, "tests", "fuzz", "corpus", "service-file")
COUNT = int(os.environ.get("COUNT", "300"))

# A carriage return alone ends a line for us, also an empty one; for it not there.
PIECES = [b"[D-BUS Service]\n", b"[X]\n", b"Name=t.y\n", b"Exec=/y\n", b"Name", b"Exec", b"[de]",
          b"=", b" ", b"\t", b"\n", b"#", b"\\", b"\\s", b"\\n", b"\\q", b"[", b"]", b"a", b"-",
          b"_", b";", b"\x00", b"\x01", b"\x0c", b"\x7f", b"\xff", b"\xc3\xa4", b"\r\n"]
WORDS = ["a", "b", " ", " ", "\t", "\n", "'", '"', "\\", "#", "$", "`", "~", "%", "*", "\u00e4"]


class Bus:
    """dbus-daemon with one directory of services."""

    def __init__(self, folder):
        self.services = os.path.join(folder, "services")
        self.config = os.path.join(folder, "bus.conf")
        os.mkdir(self.services)
        with open(self.config, "w", encoding="ascii") as f:
            f.write(f"<busconfig><listen>unix:path={folder}/bus</listen>"
                    f"<servicedir>{self.services}</servicedir>"
                    '<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/>'
                    "</policy></busconfig>")

    def __enter__(self):
        self.process = subprocess.Popen(
            ["dbus-daemon", "--config-file=" + self.config, "--nofork", "--print-address=1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True)
        self.address = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=10)

    def call(self, method, *arguments):
        return subprocess.run(
            ["dbus-send", "--bus=" + self.address, "--print-reply",
             "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
             "org.freedesktop.DBus." + method, *arguments],
            check=False, timeout=20, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ).stdout.decode(errors="surrogateescape")


def our_verdicts(paths):
    """path -> (name or None, arguments or None)"""
    output = subprocess.run([os.path.join(BUILD, "service-verdict")] + paths, check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    verdicts = {}
    for line in output.splitlines():
        path, name, *arguments = line.split("\t")
        arguments = [urllib.parse.unquote(a, errors="surrogateescape") for a in arguments]
        verdicts[path] = (urllib.parse.unquote(name) or None,
                          None if arguments[:1] == ["!"] else arguments)
    return verdicts


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(3)
        if kind == 0:
            data[at:at] = rng.choice(PIECES)
        elif kind == 1:
            del data[at:at + rng.randrange(1, 4)]
        else:
            data[at:at + 1] = rng.choice(PIECES)
    return bytes(data)


def files_are_read_alike(rng, folder):
    seeds = []
    for name in sorted(os.listdir(CORPUS)):
        with open(os.path.join(CORPUS, name), "rb") as f:
            seed = f.read()
        # carriage returns are in PIECES
        if b"Name=t.x\n" in seed:
            seeds.append(seed)
    bus = Bus(folder)
    files = {}
    for i in range(COUNT):
        data = mutate(rng, rng.choice(seeds).replace(b"t.x", b"t.x%d" % i))
        if re.search(rb"\r(?!\n)", data):
            continue
        path = os.path.join(bus.services, f"{i}.service")
        files[path] = data
        with open(path, "wb") as f:
            f.write(data)
    with bus:
        listed = set(re.findall(r'string "([^"]*)"', bus.call("ListActivatableNames")))
    ours = {name for name, _ in our_verdicts(list(files)).values() if name}
    # DIFFERENCES service-names: it lists what is no bus name; and itself
    grammar = re.compile(r"[A-Za-z_-][A-Za-z0-9_-]*(\.[A-Za-z_-][A-Za-z0-9_-]*)+")
    theirs = {name for name in listed if grammar.fullmatch(name) and len(name) <= 255}
    theirs.discard("org.freedesktop.DBus")
    for name in sorted(ours ^ theirs):
        print(f"# {name}: {'we' if name in ours else 'dbus-daemon'} alone")
        for path, data in files.items():
            if name.encode() in data:
                print("#  ", data)
    print("#", len(files), "files,", len(ours), "services")
    return ours == theirs and len(ours) > COUNT / 10


def escape(text):
    return (text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
            .replace("\r", "\\r"))


def commands_are_split_alike(rng, folder):
    bus = Bus(folder)
    program = os.path.join(folder, "program")
    result = os.path.join(folder, "result")
    with open(program, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >{result}\nexit 1\n")
    os.chmod(program, 0o755)
    texts = []
    while len(texts) < COUNT // 3:
        text = "".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 12)))
        # DIFFERENCES exec-empty-arguments: nothing behind a '#' is an error there
        if not text.endswith("#"):
            texts.append(text)
    paths = []
    for i, text in enumerate(texts):
        paths.append(os.path.join(bus.services, f"{i}.service"))
        with open(paths[-1], "w", encoding="utf-8") as f:
            f.write(f"[D-BUS Service]\nName=t.x{i}\nExec={program} x {escape(text)}\n")
    ours = our_verdicts(paths)
    n_wrong = n_good = 0
    with bus:
        for i, text in enumerate(texts):
            if os.path.exists(result):
                os.unlink(result)
            answer = bus.call("StartServiceByName", f"string:t.x{i}", "uint32:0")
            theirs = None
            if os.path.exists(result):
                with open(result, "rb") as f:
                    theirs = f.read().decode(errors="surrogateescape").split("\0")
            # and it has empty arguments more
            mine = ours[paths[i]][1]
            if mine is not None:
                mine = [a for a in mine[1:] if a]
                n_good += 1
            if theirs is not None:
                theirs = [a for a in theirs if a]
            if mine != theirs:
                n_wrong += 1
                print(f"# {text!r}: we {mine}, dbus-daemon {theirs} ({answer.strip()})")
    print("#", len(texts), "command lines,", n_good, "valid")
    return not n_wrong and n_good > len(texts) / 10


def main():
    for tool in "dbus-daemon", "dbus-send":
        if not shutil.which(tool):
            print("1..0 # SKIP no", tool)
            return 0
    rng = random.Random(int(os.environ.get("SEED", "1")))
    tests = [files_are_read_alike, commands_are_split_alike]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="bus-proxyd-test-") as folder:
            good = test(rng, folder)
        print("ok" if good else "not ok", number, "-", test.__name__)
        failed += not good
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
