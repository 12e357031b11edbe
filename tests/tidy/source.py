"""The tree's own files, and C text without its comments and strings."""

import pathlib
import re

ROOMS = (
    "base", "raft", "wal", "dataplane", "kv", "config", "metrics", "serve", "doors", "node", "tools",
    "tests",
)

TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


def files(root, suffixes, rooms=ROOMS):
    """(path relative to root, text) of every file with one of the suffixes, in order."""
    for room in rooms:
        for path in sorted((pathlib.Path(root) / room).rglob("*")):
            if path.is_file() and path.name.endswith(suffixes):
                yield str(path.relative_to(root)), path.read_text(encoding="utf-8")


def pages(root):
    """The same of the documents in the top folder."""
    return [(path.name, path.read_text(encoding="utf-8"))
            for path in sorted(pathlib.Path(root).glob("*.md"))]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def comments(text):
    """(offset, comment) of every comment of C text."""
    for match in TOKEN.finditer(text):
        if match.group(0)[0] == "/":
            yield match.start(), match.group(0)


def bare(text):
    """C text with comments and the contents of strings blanked out; lines keep their numbers."""

    def blank(match):
        token = match.group(0)
        if token[0] in "\"'":
            return token[0] + " " * (len(token) - 2) + token[0]
        return re.sub(r"[^\n]", " ", token)

    return TOKEN.sub(blank, text)
