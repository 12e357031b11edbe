"""F22: every piece of advice is tried. Each text of a program that advises something has a row in
tests/advice.md, and so has each row of "When something is wrong" in docs/deploy.md; a row names
test functions that are run, or says why it is not tried. A row whose words nobody says is stale."""

import pathlib
import re

import promises
import source

TABLE = "tests/advice.md"
GUIDE = "docs/deploy.md"
ROOMS = ("node", "config", "wal", "serve", "doors", "dataplane", "tools")
ROW = re.compile(r"^\| (.+?) \| (.+?) \|$", re.MULTILINE)
SECTION = re.compile(r"^## 10\. When something is wrong\n(.*?)(?=^## |\Z)",
                     re.MULTILINE | re.DOTALL)
SEEN = re.compile(r"^\| ((?!what you see|---).+?) \| .+? \| .+? \|$", re.MULTILINE)
SPAN = re.compile(r"`([^`]+)`")
NOT_TRIED = "not tried"

# Adjacent literals are one text, also with PRIu64 and the like between them.
TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"(?:\s*(?:PRI\w+\s*|LOCKED_ADVICE\s*)?"(?:\\.|[^"\\\n])*")*')
PART = re.compile(r'"((?:\\.|[^"\\\n])*)"')
# Behind what is wrong stands what to do: an imperative, another thing to take, or a command.
ADVICE = re.compile(
    r"(?:[:;] |, or )(?:or )?"
    r"(?:use|set|make|raise|run|mend|restore|begin|wait for|ask|end|look|remove|install|say|"
    r"start again|leave it|another|a smaller|a shorter|a port|an address|see (?:sysctl|--help)|"
    r"ip (?:link|address)|echo %|sysctl|lspci|ethtool|quoin-(?:lab|wal|bench) [a-z-]|quoinctl [a-z]|"
    r"--(?:dir|endpoints|quoind|help)\b)")
# Longer ones are the pages of --help.
LENGTH_MAX = 600


def texts(root):
    """(place, text) of what the programs say."""
    for path, text in source.files(root, (".c", ".h"), ROOMS):
        bare = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text,
                      flags=re.DOTALL)
        for match in TEXT.finditer(bare):
            said = "".join(PART.findall(match.group(0))).replace('\\"', '"')
            if len(said) <= LENGTH_MAX:
                yield path, source.line_of(text, match.start()), said


def rows(root):
    """(line, [words or places], [tests], why not) of the table."""
    table = (pathlib.Path(root) / TABLE).read_text(encoding="utf-8")
    for match in ROW.finditer(table):
        words, tried = match.groups()
        if words.startswith("---") or words == "advice":
            continue
        yield (source.line_of(table, match.start()), SPAN.findall(words),
               [] if NOT_TRIED in tried else SPAN.findall(tried), NOT_TRIED in tried)


def covers(words, path, said):
    return words in said or (words.endswith("/") and path.startswith(words)) or words == path


def check(root):
    complaints = []
    found = list(rows(root))
    said_by = list(texts(root))
    functions = promises.tests(root)[1]
    guide = (pathlib.Path(root) / GUIDE).read_text(encoding="utf-8")
    section = SECTION.search(guide)
    if not found or not section:
        return [f"{TABLE}:1: no rows, or {GUIDE} has no section 10"]
    seen = SEEN.findall(section.group(1))
    every = [words for _, spans, _, _ in found for words in spans]
    for line, spans, tests, not_tried in found:
        if not spans or not (tests or not_tried):
            complaints.append(f"{TABLE}:{line}: a row without words in `...`, or without a test")
        complaints += [f"{TABLE}:{line}: {test} is not a test that is run" for test in tests
                       if test not in functions]
        complaints += [f"{TABLE}:{line}: nobody says \"{words}\"" for words in spans
                       if not any(covers(words, path, said) for path, _, said in said_by)
                       and not any(words in cell.replace("`", "") for cell in seen)]
    complaints += [f"{path}:{line}: advice that is in no row of {TABLE}: {said[:150]}"
                   for path, line, said in said_by if ADVICE.search(said)
                   and not any(covers(words, path, said) for words in every)]
    complaints += [f"{GUIDE}:1: no row of {TABLE} has: {cell}" for cell in seen
                   if not any(words in cell.replace("`", "") for words in every)]
    return complaints
