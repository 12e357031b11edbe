"""node/signals.c and the section SIGNALS of quoind(8) name the same signals, with the same effect."""

import pathlib
import re

CODE = "node/signals.c"
PAGE = "docs/man/quoind.8"
LIST = re.compile(r"static const int (\w+)\[\] = \{(.*?)\};", re.DOTALL)
SIGNAL = re.compile(r"\bSIG[A-Z]{2,}\b")
# Those whose effect by default is none.
IGNORED_BY_DEFAULT = {"SIGCHLD", "SIGWINCH", "SIGURG"}
# Nothing that a process says changes what it does.
BY_THE_KERNEL = {"SIGSTOP", "SIGKILL"}


def check(root):
    root = pathlib.Path(root)
    lists = {name: set(SIGNAL.findall(text))
             for name, text in LIST.findall((root / CODE).read_text(encoding="utf-8"))}
    if set(lists) != {"ends", "ignored", "defaults"}:
        return [f"{CODE}:1: {sorted(lists)} are not the lists of signals"]
    page = (root / PAGE).read_text(encoding="utf-8")
    section = re.search(r"^\.SH SIGNALS\n(.*?)^\.SH", page, re.MULTILINE | re.DOTALL)
    if not section:
        return [f"{PAGE}:1: no section SIGNALS"]
    ends, nothing, named = set(), set(), set()
    for item in re.split(r"^\.TP\n", section.group(1), flags=re.MULTILINE)[1:]:
        # Its heads: a line, and those that .TQ begins.
        lines = item.split("\n")
        heads = [lines[0]] + [lines[i + 1] for i, line in enumerate(lines) if line == ".TQ"]
        text = "\n".join(line for line in lines if line != ".TQ" and line not in heads)
        signals = set(SIGNAL.findall(" ".join(heads)))
        named |= signals
        if text.startswith("End cleanly"):
            ends |= signals
        elif text.startswith("Nothing"):
            nothing |= signals
    complaints = []
    for what, said, done in (
            ("end it cleanly", ends, lists["ends"]),
            ("do nothing", nothing,
             lists["ignored"] | lists["defaults"] & IGNORED_BY_DEFAULT),
            ("are named", named | set(SIGNAL.findall(section.group(1))),
             lists["ends"] | lists["ignored"] | lists["defaults"] | BY_THE_KERNEL)):
        said = said - BY_THE_KERNEL
        done = done - BY_THE_KERNEL
        if said != done:
            complaints.append(f"{PAGE}:1: signals that {what}: {sorted(said - done)} are in the page "
                              f"alone, {sorted(done - said)} in {CODE} alone")
    return complaints[:1]
