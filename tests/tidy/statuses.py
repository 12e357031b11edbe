"""The catalogue of statuses (base/status.h) is what docs/wire.md and quoinctl(1) show, row by row;
and quoinctl(1) has what the store and quoinctl itself refuse."""

import pathlib
import re

ROW = re.compile(r'\bX\((\w+), (\d+), "([^"]*)", (\w+), (\w+), (\d+)\)')
WIRE = re.compile(r"^\| (\d+) \| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|", re.MULTILINE)
SAID = re.compile(r'^\.TP\n\.B "((?:etcdserver|quoin): [^"]*)"\n'
                  r'(Nothing was done|It may have been done|It was done)\b', re.MULTILINE)
SAYS = {"Nothing was done": "NOTHING", "It may have been done": "UNKNOWN", "It was done": "DONE"}
# kv/command.h: what the store says.
STORE = re.compile(r'\bX\(\w+, \d+,[\s\\]*"([^"]+)",[\s\\]*(\w+)\)')
# tools/quoinctl/kv.c: what it refuses itself.
OWN = re.compile(r'"(etcdserver: [^"]*)"')
DONE = {"NOTHING": "nothing", "UNKNOWN": "perhaps", "DONE": "yes"}
# Said between a client and a node, or between nodes; a user of quoinctl never sees them.
INSIDE = ("OK", "BAD_COOKIE", "NOT_LEADER")
ROWS_MIN = 11
STORE_MIN = 12


def again(text, hint):
    if text != "true":
        return "no"
    return f"after {int(hint) / 1000:g} ms" if int(hint) else "at once"


def check(root):
    root = pathlib.Path(root)
    rows = ROW.findall((root / "base/status.h").read_text(encoding="utf-8"))
    if len(rows) < ROWS_MIN:
        return [f"base/status.h:1: {len(rows)} statuses can be read, of {ROWS_MIN}"]
    complaints = []
    want = [(number, name, words, DONE[done], again(back, hint))
            for name, number, words, done, back, hint in rows]
    page = (root / "docs/wire.md").read_text(encoding="utf-8")
    found = [tuple(cell.strip(" `") for cell in row) for row in WIRE.findall(page)
             if row[1] == "OK" or row[2].startswith("`etcdserver")]
    complaints += [f"docs/wire.md:1: no row | {' | '.join(row)} |" for row in want
                   if row not in found]
    complaints += [f"docs/wire.md:1: the row | {' | '.join(row)} | is in no catalogue"
                   for row in found if row not in want]
    manual = (root / "docs/man/quoinctl.1").read_text(encoding="utf-8")
    said = {words: SAYS[sentence] for words, sentence in SAID.findall(manual)}
    shown = {row[2]: row[3] for row in rows if row[0] not in INSIDE}
    ctl = (root / "tools/quoinctl/kv.c").read_text(encoding="utf-8")
    store = STORE.findall((root / "kv/command.h").read_text(encoding="utf-8"))
    if len(store) < STORE_MIN:
        complaints.append("kv/command.h:1: the store's words cannot be read")
    shown |= dict(store)
    shown |= {words: "NOTHING" for words in OWN.findall(ctl)}
    if said != shown:
        complaints.append(f"docs/man/quoinctl.1:1: {sorted(said.items() ^ shown.items())}")
    return complaints
