"""Every number that is cited stands somewhere.

    R13 W15 N6 F1 V2   a case, "- **R13** ..." in docs/cases/
    D5 D9b             a decision, "### D5. ..." in docs/decisions.md
    LW3                a rule of our own, stated in the comment that opens a C file: two letters for
                       one file, so that no number means two things
    ADR 2              a page of docs/adr/, with a line in the README.md there
    R13_R14_name       a test that holds cases
"""

import re

import source

SUFFIXES = (".c", ".h", ".py", ".script", ".sh", "meson.build", ".md", ".1", ".5", ".8")

CASE = re.compile(r"^- \*\*([RWNFV]\d+)\*\*", re.MULTILINE)
DECISION = re.compile(r"^### (D\d+[a-z]?)\. ", re.MULTILINE)
# A list in a comment is indented; a sentence of it that begins with a number is not.
RULE = re.compile(r"^[ \t]*\*(?:\t|  )[ \t]*([A-Z]+)(\d+)\.?[ \t]+\S", re.MULTILINE)

CITED_CASE = re.compile(r"(?<![\w.:])([RWNFV]\d+|D\d+[a-z]?)(?!\w)")
CITED_BY_NAME = re.compile(r"(?<!\w)((?:[RWNFV]\d+_)+)[a-z]\w*")
CITED_RULE = re.compile(r"(?<!\w)([A-Z]{2})(\d+)(?!\w)")
CITED_ADR = re.compile(r"(?<!\w)ADR (\d+)")

# "docs/adr/0002-name.md", which opens with "# 2. Title".
ADR = re.compile(r"docs/adr/((\d+)-.*)")
ADR_TITLE = re.compile(r"# (\d+\. )(.*)")
ADR_INDEX = "docs/adr/README.md"


def stated(files):
    """({number: path:line} of cases and decisions, the same of rules, complaints)."""
    numbers, rules, owner, complaints = {}, {}, {}, []

    def put(table, number, place):
        if number in table:
            complaints.append(f"{place}: {number} is stated at {table[number]} too")
        table.setdefault(number, place)

    for path, text in files:
        pattern = None
        if path.startswith("docs/cases/"):
            pattern = CASE
        elif path == "docs/decisions.md":
            pattern = DECISION
        if pattern:
            for match in pattern.finditer(text):
                put(numbers, match.group(1), f"{path}:{source.line_of(text, match.start())}")
        if not path.endswith((".c", ".h")):
            continue
        for match in RULE.finditer(text):
            prefix, number = match.groups()
            place = f"{path}:{source.line_of(text, match.start())}"
            if len(prefix) != 2:
                complaints.append(f"{place}: {prefix}{number}: a rule of our own has two letters")
                continue
            if owner.setdefault(prefix, path) != path:
                complaints.append(f"{place}: the rules of {owner[prefix]} are called {prefix}")
            put(rules, prefix + number, place)
    return numbers, rules, complaints


def cited(path, text, prefixes):
    """(offset, what is cited) in one file."""
    for match in CITED_CASE.finditer(text):
        yield match.start(), match.group(1)
    for match in CITED_BY_NAME.finditer(text):
        for number in match.group(1).strip("_").split("_"):
            yield match.start(), number
    # Elsewhere than in a comment, two letters and a number may be anything.
    spans = []
    if path.endswith((".c", ".h")):
        spans = [(start, start + len(comment)) for start, comment in source.comments(text)]
    for match in CITED_RULE.finditer(text):
        at = match.start()
        if match.group(1) in prefixes or any(start <= at < end for start, end in spans):
            yield at, match.group(0)


def adr_lines(files):
    """{the number of a page: the line that its index has for it}"""
    lines = {}
    for path, text in files:
        page, title = ADR.fullmatch(path), ADR_TITLE.match(text)
        if page and title:
            number, words = title.groups()
            lines[int(page.group(2))] = f"{number}[{words}]({page.group(1)})"
    return lines


def check(root):
    files = list(source.files(root, SUFFIXES, source.ROOMS + ("docs",))) + source.pages(root)
    numbers, rules, complaints = stated(files)
    known = numbers.keys() | rules.keys()
    prefixes = {number[:2] for number in rules}
    adrs = adr_lines(files)
    index = dict(files).get(ADR_INDEX, "")
    complaints += [f"{ADR_INDEX}:1: there is no \"{line}\""
                   for line in adrs.values() if line not in index]
    for path, text in files:
        for offset, number in cited(path, text, prefixes):
            if number not in known:
                complaints.append(f"{path}:{source.line_of(text, offset)}: {number} stands nowhere")
        for match in CITED_ADR.finditer(text):
            if int(match.group(1)) not in adrs:
                place = f"{path}:{source.line_of(text, match.start())}"
                complaints.append(f"{place}: {match.group(0)} is not in docs/adr/")
    return complaints
