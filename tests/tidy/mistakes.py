"""Each mistake of tests/mutants can still be made: its text stands in its file, and once. Trying
them all takes minutes and is left to tools/check; a row that has gone stale is seen at once."""

import pathlib
import runpy
import sys

TABLE = "tests/mutants/table.py"


def check(root):
    folder = pathlib.Path(root) / "tests/mutants"
    sys.path.insert(0, str(folder))
    try:
        rows = runpy.run_path(str(pathlib.Path(root) / TABLE))["MUTANTS"]
    finally:
        sys.path.remove(str(folder))
        for name in ("core", "host", "log", "members", "scope", "share", "wires"):
            sys.modules.pop(name, None)
    complaints = [] if rows else [f"{TABLE}:1: no mistake is made"]
    names = set()
    for name, rule, path, old, new, tests in rows:
        if name in names:
            complaints.append(f"{TABLE}:1: there are two called {name}")
        names.add(name)
        if not rule or not tests or old == new:
            complaints.append(f"{TABLE}:1: {name} holds nothing")
        file = pathlib.Path(root) / path
        count = file.read_text(encoding="utf-8").count(old) if file.is_file() else 0
        if count != 1:
            complaints.append(f"{path}:1: the text of the mutant {name} is there {count} times")
    return complaints
