"""The sample changes of CONTRIBUTING.md: each is a row "| a new ... | `file`, `file` |" below
"## Ten changes and what they touch", each file is there, and no row has more than six."""

import re

import paths
import source

FILES_MAX = 6

SECTION = re.compile(r"^## Ten changes and what they touch\n(.*?)(?=^## |\Z)",
                     re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (a new [^|]*?) \| ([^|]*) \|", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
ROWS = 10


def check(root):
    text = dict(source.pages(root)).get("CONTRIBUTING.md", "")
    section = SECTION.search(text)
    if not section:
        return ["CONTRIBUTING.md:1: no section \"Ten changes and what they touch\""]
    found = paths.tree(root)
    complaints = []
    rows = list(ROW.finditer(section.group(1)))
    if len(rows) < ROWS:
        complaints.append(f"CONTRIBUTING.md:1: {len(rows)} changes of {ROWS}")
    for row in rows:
        place = f"CONTRIBUTING.md:{source.line_of(text, section.start(1) + row.start())}"
        change, files = row.group(1), SPAN.findall(row.group(2))
        complaints += [f"{place}: {path} is not there" for path in files
                       if not paths.is_there(path, found)]
        if not 0 < len(files) <= FILES_MAX:
            complaints.append(f"{place}: {change} touches {len(files)} files; at most {FILES_MAX}")
    return complaints
