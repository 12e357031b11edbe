"""Each promise of README.md names what goes red without it, and that is there.

A promise is an item of the list below "## What it promises". It ends with "Held by" and code spans:
a file below tests/, which the build must name, or a test function, which a program must run.
"""

import re

import source

SECTION = re.compile(r"^## What it promises\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ITEM = re.compile(r"^- (.*?)(?=^- |^\n|\Z)", re.MULTILINE | re.DOTALL)
HELD = re.compile(r"Held by\s(.*)", re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
FUNCTION = re.compile(r"^static void (\w+)\(void(?: \*\*\w+)?\)", re.MULTILINE)


def tests(root):
    """(files below tests/ that a build file names, test functions that are run)."""
    builds = "\n".join(text for _, text in source.files(root, ("meson.build",), ("tests",)))
    files, functions = set(), set()
    for path, text in source.files(root, (".c", ".script"), ("tests",)):
        stem = re.sub(r"(_test)?\.\w+$", "", path.split("/")[-1])
        if re.search(rf"'{stem}[.'_]", builds):
            files.add(path)
        for name in FUNCTION.findall(text):
            # Its definition, and its place in the list of what is run.
            if len(re.findall(rf"\b{name}\b", text)) > 1:
                functions.add(name)
    return files, functions


def check(root):
    readme = dict(source.pages(root)).get("README.md", "")
    section = SECTION.search(readme)
    if not section:
        return ["README.md:1: no section \"What it promises\""]
    files, functions = tests(root)
    complaints = []
    items = list(ITEM.finditer(section.group(1)))
    if not items:
        complaints.append("README.md:1: it promises nothing")
    for item in items:
        line = source.line_of(readme, section.start(1) + item.start())
        held = HELD.search(item.group(1))
        spans = SPAN.findall(held.group(1)) if held else []
        if not spans:
            complaints.append(f"README.md:{line}: a promise that names no test")
        for span in spans:
            if span not in files and span not in functions:
                complaints.append(f"README.md:{line}: {span} is not a test that is run")
    return complaints
