"""Every file that the documents and the comments name is there.

Paths begin with a folder of ours; "link_NAME.c" and "link_*" stand for any. A file without its
folder is one of that name anywhere. Installed files and those of a build begin with something else.
"""

import fnmatch
import pathlib
import re

import source

FOLDERS = source.ROOMS + ("docs", "base", "serve", "doors", "api", "metrics")
PATH = re.compile(r"(?<![\w./*-])(?:" + "|".join(FOLDERS) + r")/[\w./*-]*")
FILE = re.compile(r"`([\w*.-]+\.(?:c|h|py|md|script|golden|yaml))`")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
PLACEHOLDER = re.compile(r"[A-Z]{3,}")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)

# What a document may name that is not ours.
FOREIGN = {"liburing.h", "quoin.yaml"}


def tree(root):
    """Every path below root, folders too."""
    top = pathlib.Path(root)
    found = {path.name for path in top.iterdir()}
    for folder in FOLDERS:
        if (top / folder).is_dir():
            found |= {str(path.relative_to(top)) for path in (top / folder).rglob("*")}
    return found


def is_there(path, found):
    """A module may be named without its ".c"."""
    path = PLACEHOLDER.sub("*", path.rstrip("./"))
    names = (path, path + ".c", path + ".h")
    if "*" not in path:
        return any(name in found for name in names)
    return any(fnmatch.filter(found, name) for name in names)


def anchors(text):
    """A heading's name in a link, as GitHub makes it."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(text)}


def links(root, path, text):
    for match in LINK.finditer(text):
        target, anchor = match.groups()
        if "://" in target:
            continue
        other = pathlib.Path(root, path).parent / target if target else pathlib.Path(root, path)
        if not other.exists():
            yield match.start(), f"{target} is not there"
        elif anchor and anchor not in anchors(other.read_text(encoding="utf-8")):
            yield match.start(), f"{target or path} has no heading #{anchor}"


def named(path, text, found):
    """(offset, complaint) of what one document names."""
    bases = {name.split("/")[-1] for name in found} | FOREIGN
    text = text.replace("\\-", "-")  # a manual page's hyphens
    for match in PATH.finditer(text):
        if not is_there(match.group(0), found):
            yield match.start(), f"{match.group(0)} is not there"
    for match in FILE.finditer(text):
        if not is_there(match.group(1), bases):
            yield match.start(), f"there is no {match.group(1)}"


def check(root):
    found = tree(root)
    complaints = []
    documents = source.pages(root) + list(
        source.files(root, (".md", ".1", ".5", ".8"), ("docs",)))
    for path, text in documents:
        for offset, what in [*named(path, text, found), *links(root, path, text)]:
            complaints.append(f"{path}:{source.line_of(text, offset)}: {what}")
    for path, text in source.files(root, (".c", ".h")):
        for start, comment in source.comments(text):
            for match in PATH.finditer(comment):
                if not is_there(match.group(0), found):
                    line = source.line_of(text, start + match.start())
                    complaints.append(f"{path}:{line}: {match.group(0)} is not there")
    return complaints
