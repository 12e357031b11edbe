#!/usr/bin/env python3
"""Counts what ran: reads meson's testlog.json, prints "passed failed skipped", and names on
standard error what failed or was skipped, and why.

A cmocka program counts with each of its test functions, any other test as one.
"""
import json
import re
import sys

SUMMARY = re.compile(r"^\[  (PASSED|FAILED|SKIPPED) \s*\] (\d+) test\(s\)", re.MULTILINE)
ERROR = re.compile(r"^\[(?:  ERROR |   LINE )  \] .*(?:\n(?!\[).*)*", re.MULTILINE)
# How a test of a cluster says what is not so, before all that its members have to say.
NOT_SO = re.compile(r"^\S+:\d+: not so: .*\n.*", re.MULTILINE)
LAST_LINES = 20
CASE = re.compile(r"^\[  (FAILED|SKIPPED) \s*\] (?!\d+ test\(s\))(\S+)", re.MULTILINE)


def count(test):
    """(passed, failed, skipped) and lines about what is not passed, of one test of the log."""
    output = test.get("stdout", "") + "\n" + test.get("stderr", "")
    counts = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
    for word, number in SUMMARY.findall(output):
        counts[word] += int(number)
    cases = set(CASE.findall(output))
    lines = sorted(f"{word.lower()}: {test['name']} {case}" for word, case in cases)
    # Why: the line that a test prints before it skips.
    lines += sorted({f"  {line}" for line in re.findall(r"^SKIP: .*", output, re.MULTILINE)})
    # What cmocka said of it; of what died, the end of all that it said.
    lines += [f"  {line}" for line in ERROR.findall(output)]
    if test["result"] == "OK":
        if not any(counts.values()):
            counts["PASSED"] = 1
    elif test["result"] == "SKIP":
        counts = {"PASSED": 0, "FAILED": 0, "SKIPPED": 1}
        lines.insert(0, f"skipped: {test['name']}")
    elif not counts["FAILED"]:
        # It died, or ran out of time: that is a failure of its own.
        counts["FAILED"] = 1
        lines.insert(0, f"failed: {test['name']} ({test['result'].lower()})")
        lines += [f"  {line}" for line in NOT_SO.findall(output)]
        lines += [f"  {line}" for line in output.strip().splitlines()[-LAST_LINES:]]
    return counts, lines


def main():
    totals = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
    with open(sys.argv[1], encoding="utf-8") as log:
        for text in log:
            counts, lines = count(json.loads(text))
            for word, number in counts.items():
                totals[word] += number
            for line in lines:
                print(line, file=sys.stderr)
    print(*totals.values())


if __name__ == "__main__":
    main()
