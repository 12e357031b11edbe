#!/usr/bin/env python3
"""F17: each option of each program with values that none of them takes: options_test.py BUILD.

The options are read out of --help. Whatever is given, a program ends by itself, says something on
standard error alone, and, but for files, lists and what quoind judges, that is a usage error that
names the option. An option that is wrong for sure stands behind the one that is tried: nothing is
started.
"""

import concurrent.futures
import re
import subprocess
import sys
import unittest

USAGE = 2

# program: {its words: the wrong option behind them}
PROGRAMS = {
    "node/quoind": {(): "--log-format=x"},
    "tools/quoinctl": {("get", "key"): "--limit=x"},
    "tools/quoin-wal": {("verify", "/nonexistent"): "--no-such-option"},
    "tools/lab/quoin-lab": {
        ("up",): "--nodes=0",
        ("status",): "--no-such-option",
        ("kill", "1"): "--signal=XX",
        ("restart", "1"): "--until=x",
        ("partition", "1|2"): "--no-such-option",
        ("add",): "--timeout=0",
        ("remove", "1"): "--timeout=0",
        ("replace", "1"): "--timeout=0",
        ("logs", "1"): "--lines=0",
    },
    "tools/bench/quoin-bench": {
        ("commit",): "--clients=0",
        ("election",): "--rounds=0",
        ("floor",): "--writers=0",
    },
}
# Those with commands that have a --help of their own.
HAVE_COMMANDS = ("tools/lab/quoin-lab", "tools/bench/quoin-bench")

NEVER = (b"", b"a\nb", b"%s%n", b"\xff\xfe")
# Long, below nothing, above everything, no number: but a name, a list or a word of quoin.yaml(5).
ODD = (b"x" * 5000, b"-1", b"9" * 30, b"1e999", b"nan", b"0x", b"1 ", b" 1")
NAMES = ("FILE", "DIR", "PATH", "LIST")
JUDGED_BY_QUOIND = ("durability", "idle", "heartbeat", "election", "segment-size",
                   "snapshot-log-size", "snapshot-rate", "log-keep", "data-dir-quota",
                   "quota-backend-bytes",
                   "auto-compaction-mode", "auto-compaction-retention")

OPTION = re.compile(r"^ +(?:-\S, )?--([a-z-]+)(?:\[?=(\S+?)\]?)?(?= |$)", re.MULTILINE)
OPTIONS_MIN = 45


def run(command):
    return subprocess.run(command, capture_output=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL)


def options():
    """(program, words, option, what it takes or "", the wrong one behind it)"""
    for program, commands in PROGRAMS.items():
        path = f"{Options.build}/{program}"
        for words, wrong in commands.items():
            command = words[:1] if program in HAVE_COMMANDS else ()
            text = run([path, *command, "--help"]).stdout.decode()
            for name, takes in OPTION.findall(text):
                if name not in ("help", "usage", "version"):
                    yield path, words, name, takes, wrong


def attempt(path, words, name, value, wrong, alone):
    """A complaint, or None."""
    done = run([path, *words, b"--" + name.encode() + b"=" + value, wrong])
    said = done.stderr.decode(errors="replace")
    what = f"{path} {' '.join(words)} --{name}={value[:20]}: exit {done.returncode}: {said[:200]}"
    if done.returncode <= 0 or not said or done.stdout:
        return what
    if alone and (done.returncode != USAGE or f"--{name}" not in said
                  or done.stderr == Options.of_the_wrong[path, words]):
        return what
    return None


def strict(path, name, takes, value):
    """Whether this value must be refused, by itself and at once."""
    if not takes:
        return True
    if takes in NAMES:
        return value == b"" and not path.endswith("quoinctl")
    if takes == "NAME" and path.endswith("quoinctl"):
        return False  # judged with the members that it is to be one of
    if takes in ("REVISION", "N") and path.endswith("quoinctl") and value == b"-1":
        return False  # etcd's are signed
    if name in JUDGED_BY_QUOIND and path.endswith("quoin-lab") or name == "force-new-cluster":
        return value in NEVER or b" " in value
    return True


class Options(unittest.TestCase):
    of_the_wrong = {}  # what is said of the option that stands behind

    def test_F17_wrong_values_of_every_option(self):
        found = list(options())
        self.assertGreaterEqual(len(found), OPTIONS_MIN)
        rows = []
        for path, words, name, takes, wrong in found:
            for value in NEVER + ODD:
                rows.append((path, words, name, value, wrong,
                             strict(path, name, takes, value)))
            Options.of_the_wrong[path, words] = run([path, *words, wrong]).stderr
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            complaints = [text for text in pool.map(lambda row: attempt(*row), rows) if text]
        print(f"{len(found)} options, {len(rows)} commands")
        self.assertEqual(complaints, [])


if __name__ == "__main__":
    Options.build = sys.argv.pop(1)
    sys.exit(unittest.main())
