#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bus-policy-check as its manual describes it: output, JSON and exit status."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ.get("top_builddir", ".")
TOOL = os.path.join(BUILD, "bus-policy-check")

PASSWD = "root:x:0:0::/:/bin/sh\nbob:x:1002:1002::/:/bin/sh\navahi:x:110:110::/:/bin/false\n"
GROUP = "root:x:0:\nbob:x:1002:\nnetdev:x:115:bob\navahi:x:110:\n"

MAIN = """<busconfig>
<type>system</type>
<user>avahi</user>
<listen>unix:path=/run/x</listen>
<policy context="default">
  <allow user="*"/>
  <deny own="*"/>
  <deny send_type="method_call"/>
  <allow send_type="signal"/>
  <allow receive_sender="*"/>
</policy>
<includedir>parts</includedir>
</busconfig>
"""

PART = """<busconfig>
<policy user="avahi">
  <allow own="org.example.Avahi"/>
</policy>
<policy context="default">
  <allow send_destination="org.example.Avahi"/>
  <deny send_destination="org.example.Avahi" send_interface="org.example.Server"
        send_member="SetHostName"/>
</policy>
<policy group="netdev">
  <allow send_destination="org.example.Avahi"/>
</policy>
</busconfig>
"""

BAD_HABITS = """<busconfig>
<policy context="default">
  <allow send_interface="org.example.I"/>
  <allow send_destination="org.example.*"/>
  <allow send_type="method_call"/>
  <deny send_destination="org.example.A" send_interface="i.j" send_member="M"/>
  <deny send_destination="org.example.A"/>
  <allow own="org.example.B"/>
  <deny own_prefix="org.example"/>
  <deny send_destination="*" min_fds="1"/>
</policy>
<policy user="nosuch">
  <allow own="org.example.C"/>
</policy>
<policy group="nosuch"/>
<policy at_console="true">
  <allow user="bob"/>
</policy>
</busconfig>
"""


class Test:
    """A directory with configurations, and a count of what was checked."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="bp-check-")
        self.n = 0
        self.n_failed = 0

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def run(self, *arguments):
        return subprocess.run(
            [
                TOOL,
                "--passwd=" + self.path("passwd"),
                "--group=" + self.path("group"),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def check(self, name, status, expected, *arguments):
        """Exit status, and parts of the output in this order."""
        result = self.run(*arguments)
        problem = None
        if result.returncode != status:
            problem = f"status {result.returncode}, not {status}"
        rest = result.stdout + result.stderr
        for part in expected:
            before, found, rest = rest.partition(part)
            if not found and not problem:
                problem = f"no {part!r} in {before!r}"
        self.report(name, problem, result)

    def check_json(self, name, status, is_right, *arguments):
        """Exit status, and a predicate of the object."""
        result = self.run("--json", *arguments)
        problem = None
        try:
            answer = json.loads(result.stdout)
            if not is_right(answer):
                problem = "not what was expected"
        except (ValueError, KeyError, IndexError, TypeError) as error:
            problem = f"{type(error).__name__}: {error}"
        if result.returncode != status:
            problem = f"status {result.returncode}, not {status}"
        self.report(name, problem, result)

    def report(self, name, problem, result):
        self.n += 1
        if problem:
            self.n_failed += 1
            for line in [problem] + (result.stdout + result.stderr).splitlines():
                print("#", line)
        print("not ok" if problem else "ok", self.n, "-", name)


def check_query(test, main):
    rename = [
        "message",
        "sender-user=avahi",
        "destination=org.example.Avahi",
        "interface=org.example.Server",
        "member=SetHostName",
    ]
    test.check(
        "query_names_the_rule_and_those_that_lost",
        1,
        [
            "send: denied by ",
            "parts/avahi.conf:7: <deny send_destination=",
            "overrides ",
            "parts/avahi.conf:6: <allow ",
            "overrides ",
            "main.conf:8: <deny ",
            "denied\n",
        ],
        "query",
        main,
        *rename,
    )
    test.check(
        "query_with_a_group_that_may",
        0,
        ["send: allowed by ", "parts/avahi.conf:11: ", "allowed\n"],
        "query",
        main,
        *rename[:1],
        "sender-user=bob",
        *rename[2:],
    )
    test.check(
        "query_takes_groups",
        1,
        ["denied\n"],
        "query",
        main,
        *rename[:1],
        "sender-user=bob",
        "sender-groups=bob",
        *rename[2:],
    )
    test.check(
        "query_verbose_says_what_rules_miss",
        1,
        ["ignores ", "main.conf:9: <allow send_type=\"signal\"/>: it is about another type"],
        "--verbose",
        "query",
        main,
        *rename,
    )
    test.check(
        "query_asks_both_sides",
        0,
        ["send: allowed", "receive: allowed", "allowed\n"],
        "query",
        main,
        "message",
        "sender-user=root",
        "receiver-user=bob",
        "type=signal",
    )
    test.check_json(
        "query_as_json",
        1,
        lambda answer: not answer["allowed"]
        and answer["sides"][0]["line"] == 7
        and [rule["line"] for rule in answer["sides"][0]["rules"]] == [8, 6, 7]
        and all(rule["matches"] for rule in answer["sides"][0]["rules"]),
        "query",
        main,
        *rename,
    )
    test.check(
        "query_own",
        0,
        ["own: allowed by ", "avahi.conf:3: <allow own=\"org.example.Avahi\"/>"],
        "query",
        main,
        "own",
        "user=avahi",
        "name=org.example.Avahi",
    )
    test.check("query_connect", 0, ["main.conf:6:"], "query", main, "connect", "user=4711")
    test.check(
        "query_connect_of_the_bus_owner",
        0,
        ["connect: allowed by default"],
        "query",
        test.path("parts/avahi.conf"),
        "connect",
        "user=bob",
        "bus-owner=bob",
    )


def check_trouble(test, main):
    for name, expected, arguments in [
        ("no_command", "query FILE", []),
        ("unknown_command", "query FILE", ["frobnicate", main]),
        ("too_few_operands", "query FILE", ["query", main]),
        ("too_many_operands", "query FILE", ["lint", main, main]),
        ("unknown_option", "query FILE", ["--frobnicate", "lint", main]),
        ("unknown_question", "connect, own or message", ["query", main, "see"]),
        ("unknown_key", "no key \"usr\"", ["query", main, "own", "usr=bob"]),
        ("key_of_another_question", "does not go with", ["query", main, "own", "fds=1"]),
        ("missing_key", "own needs name=", ["query", main, "own", "user=bob"]),
        ("missing_side", "needs sender-user=", ["query", main, "message", "type=signal"]),
        ("no_value", "not KEY=VALUE", ["query", main, "own", "user"]),
        ("unknown_user", "no user \"carol\"", ["query", main, "own", "user=carol", "name=a.b"]),
        (
            "unknown_group",
            "no group \"carol\"",
            ["query", main, "own", "user=bob", "groups=carol", "name=a.b"],
        ),
        ("bad_type", "not \"call\"", ["query", main, "message", "sender-user=0", "type=call"]),
        ("bad_number", "not \"-1\"", ["query", main, "message", "sender-user=0", "fds=-1"]),
        ("bad_owner", "no user \"x\"", ["--bus-owner=x", "compile", main]),
        ("bad_console_uid", "no uid", ["--console-uid=x", "lint", main]),
        ("no_such_file", "nosuch.conf", ["lint", test.path("nosuch.conf")]),
    ]:
        test.check("trouble_" + name, 2, [expected], *arguments)
    broken = test.write("broken.conf", "<busconfig><frobnicate/></busconfig>")
    for command in ["lint", "compile"]:
        test.check("refused_by_" + command, 2, ["broken.conf:1:"], command, broken)
    test.check("refused_by_diff", 2, ["broken.conf:1:"], "diff", main, broken)
    test.check("help", 0, ["bus-policy-check [OPTION...] lint FILE"], "--help")
    test.check("version", 0, ["bus-policy-check "], "--version")


def check_lint(test, main):
    bad = test.write("bad.conf", BAD_HABITS)
    test.check("lint_of_a_good_one", 0, [], "lint", main)
    test.check("lint_notes_are_no_warnings", 0, ["[denies-no-interface]"], "--verbose", "lint", main)
    findings = {
        3: ["opens-interface"],
        4: ["never-matches"],
        5: ["opens-everything"],
        6: ["never-decides"],
        8: ["never-decides"],
        10: ["looks-unconditional"],
        12: ["unknown-user"],
        15: ["unknown-group"],
        17: ["never-applies"],
    }

    def is_right(answer):
        found = {}
        for finding in answer["findings"]:
            if finding["severity"] == "warning":
                found.setdefault(finding["line"], []).append(finding["kind"])
        return found == findings

    test.check_json("lint_finds_bad_habits", 1, is_right, "lint", bad)
    test.check(
        "lint_as_text",
        1,
        ["bad.conf:4: warning: <allow send_destination=\"org.example.*\"/> never matches"],
        "lint",
        bad,
    )
    test.check(
        "lint_names_the_rule_that_decides",
        1,
        ["bad.conf:8: warning: ", "bad.conf:9 behind it", "[never-decides]"],
        "lint",
        bad,
    )
    dropped = test.write("drop/main.conf", MAIN)
    test.write("drop/parts/broken.conf", "<busconfig><frobnicate/></busconfig>")
    test.check("lint_of_a_broken_part", 1, ["broken.conf:1:"], "lint", dropped)
    test.check("lint_strict_refuses", 2, ["broken.conf:1:"], "--strict", "lint", dropped)


def check_compile(test, main):
    test.check(
        "compile_as_text",
        0,
        [
            "org.example.Avahi\n",
            "\tuser avahi own\n",
            "\tgroup netdev talk\n",
            "\tnot world talk: somebody else may not send it every call: ",
            "avahi.conf:7: <deny ",
        ],
        "compile",
        main,
    )

    def is_right(answer):
        holder = answer["holders"][0]
        grants = [(g["principal"], g.get("id"), g["access"]) for g in holder["grants"]]
        return (
            answer["bus_owner"] == 0
            and len(answer["holders"]) == 1
            and holder["name"] == "org.example.Avahi"
            and not holder["wildcard"]
            and grants == [("user", 110, "own"), ("group", 115, "talk")]
            and holder["withheld"][0]["principal"] == "world"
            and holder["withheld"][0]["line"] == 7
            and holder["withheld"][0]["reason"] == "call"
        )

    test.check_json("compile_as_json", 0, is_right, "compile", main)
    test.check_json(
        "compile_for_another_owner",
        0,
        lambda answer: answer["bus_owner"] == 110
        and ("user", 110) not in [
            (g["principal"], g.get("id")) for g in answer["holders"][0]["grants"]
        ],
        "--bus-owner=avahi",
        "compile",
        main,
    )
    test.check_json(
        "compile_every_name",
        0,
        lambda answer: all(not holder["conditional"] for holder in answer["holders"]),
        "--every-name",
        "compile",
        main,
    )


def check_diff(test, main):
    other = test.write("new/main.conf", MAIN)
    test.write("new/parts/avahi.conf", PART.replace("SetHostName", "SetHost"))
    test.check("diff_with_itself", 0, [], "diff", main, main)
    test.check(
        "diff_as_text",
        1,
        ["+ message ", "member=SetHostName", "before: denied by ", "after: allowed by "],
        "diff",
        main,
        other,
    )

    def is_right(answer):
        """each question, asked again, has the two answers"""
        for difference in answer["differences"]:
            for config, when in [(main, "before"), (other, "after")]:
                result = test.run("query", config, *difference["query"].split())
                if result.returncode != (0 if difference[when]["allowed"] else 1):
                    return False
        return len(answer["differences"]) > 1

    test.check_json("diff_is_what_query_says", 1, is_right, "diff", main, other)
    more = test.write(
        "more/main.conf",
        MAIN.replace('<allow user="*"/>', '<allow user="*"/><deny user="bob"/>').replace(
            '<deny own="*"/>', '<deny own="*"/><allow own_prefix="org.example.New"/>'
        ),
    )
    test.write("more/parts/avahi.conf", PART)
    test.check_json(
        "diff_of_connecting_and_owning",
        1,
        lambda answer: {d["kind"] for d in answer["differences"]} == {"connect", "own"},
        "diff",
        main,
        more,
    )


def main():
    test = Test()
    try:
        test.write("passwd", PASSWD)
        test.write("group", GROUP)
        config = test.write("main.conf", MAIN)
        test.write("parts/avahi.conf", PART)
        check_query(test, config)
        check_trouble(test, config)
        check_lint(test, config)
        check_compile(test, config)
        check_diff(test, config)
    finally:
        shutil.rmtree(test.directory)
    print(f"1..{test.n}")
    return 1 if test.n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
