# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus under test for the tests in Python; tests/harness/daemon.h in short.

Also TAP: plan() first, then ok() for each result.
"""

import os
import signal
import subprocess
import sys
import tempfile

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
<type>session</type>
<listen>unix:path={}/bus</listen>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/>
<allow own="*"/>
</policy>
</busconfig>
"""

_number = 0
_failed = 0


def skip_all(reason):
    print("1..0 # SKIP", reason)
    sys.exit(0)


def plan(n):
    print(f"1..{n}", flush=True)


def ok(good, name, *why):
    global _number, _failed
    _number += 1
    if not good:
        _failed += 1
        for line in why:
            print("#", str(line).replace("\n", "\n# "))
    print("ok" if good else "not ok", _number, "-", name, flush=True)


def finish():
    sys.exit(1 if _failed else 0)


def command():
    """The start of the subject's command line"""
    subject = os.environ.get("BP_SUBJECT", "embedded")
    if subject == "reference":
        return ["dbus-daemon"]
    path = os.path.join(os.environ.get("top_builddir", "."), "bus-proxyd")
    return [path] + (["--bus=embedded:pool"] if subject == "pool" else [])


class Subject:
    """A running bus; use with "with": it must end with status 0."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory(prefix="bp-test-")
        config = os.path.join(self.dir.name, "bus.conf")
        with open(config, "w") as file:
            file.write(CONFIG.format(self.dir.name))
        self.stderr = open(os.path.join(self.dir.name, "stderr"), "w+")
        self.process = subprocess.Popen(
            command() + [f"--config-file={config}", "--nofork", "--print-address=1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.stderr, text=True)
        self.address = self.process.stdout.readline().strip()
        return self

    def __exit__(self, *exception):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.stderr.seek(0)
        text = self.stderr.read()
        self.stderr.close()
        self.process.stdout.close()
        self.dir.cleanup()
        bad = status != 0 or "Sanitizer" in text or "runtime error:" in text
        ok(not bad, "the bus ends well", f"status {status}", text)
        return False
