#!/usr/bin/env python3
"""Each program's exit statuses are those that its manual page lists, and wrong usage is the same
number for all of them (F27): exits_test.py SOURCE."""

import pathlib
import re
import sys

# program: its manual page, where its statuses stand, and which enum there has them.
PROGRAMS = {
    "quoind": ("quoind.8", "base/exits.h", "quoind_exits"),
    "quoinctl": ("quoinctl.1", "tools/quoinctl/quoinctl.h", None),
    "quoin-lab": ("quoin-lab.1", "tools/lab/lab.h", None),
    "quoin-bench": ("quoin-bench.1", "tools/bench/command.h", None),
    "quoin-wal": ("quoin-wal.1", "tools/quoin-wal.c", None),
}
# Where each sets argp's own status.
USAGE = {
    "quoind": "node/arguments.c",
    "quoinctl": "tools/quoinctl/options.c",
    "quoin-lab": "tools/lab/main.c",
    "quoin-bench": "tools/bench/main.c",
    "quoin-wal": "tools/quoin-wal.c",
}
COMMON = "base/exits.h"
ENTRY = re.compile(r"^\t(\w+) = (\w+),", re.MULTILINE)


def enum_values(text, name, common):
    """{name: value} of the enum of that name, or of every enum that names a common status."""
    values = {}
    for match in re.finditer(r"^enum ?(\w*) \{\n(.*?)^\};", text, re.MULTILINE | re.DOTALL):
        entries = ENTRY.findall(match.group(2))
        if name and match.group(1) != name:
            continue
        if not name and not any(value in common for _, value in entries):
            continue
        for entry, value in entries:
            values[entry] = common.get(value, value)
    return {entry: int(value) for entry, value in values.items() if str(value).isdigit()}


def manual_values(text):
    section = re.search(r"^\.SH EXIT STATUS\n(.*?)^\.SH", text, re.MULTILINE | re.DOTALL).group(1)
    return {int(n) for n in re.findall(r"^(?:\.B )?(\d+)(?::|$)|(?<=\. )(\d+):", section,
                                       re.MULTILINE) for n in n if n}


def main(root):
    root = pathlib.Path(root)
    common = {name: int(value) for name, value in ENTRY.findall(
        re.search(r"^enum \{\n(.*?)^\};", (root / COMMON).read_text(encoding="utf-8"),
                  re.MULTILINE | re.DOTALL).group(1))}
    assert common == {"EXITS_DONE": 0, "EXITS_FAILED": 1, "EXITS_USAGE": 2}, common
    complaints = []
    for program, (page, source, name) in PROGRAMS.items():
        has = set(enum_values((root / source).read_text(encoding="utf-8"), name, common).values())
        has |= {common["EXITS_DONE"], common["EXITS_USAGE"]}
        says = manual_values((root / "docs/man" / page).read_text(encoding="utf-8"))
        if has != says:
            complaints.append(f"{program}: has {sorted(has)}, {page} says {sorted(says)}")
        usage = (root / USAGE[program]).read_text(encoding="utf-8")
        match = re.search(r"argp_err_exit_status = (\w+);", usage)
        if not match:
            complaints.append(f"{USAGE[program]}: wrong usage would end with 64")
            continue
        values = enum_values((root / source).read_text(encoding="utf-8"), None, common)
        if (common | values).get(match.group(1)) != common["EXITS_USAGE"]:
            complaints.append(f"{USAGE[program]}: wrong usage ends with {match.group(1)}")
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
