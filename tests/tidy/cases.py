"""Each case of docs/cases/field.md and review.md has a test that is named by its number and is run.

Those of the other pages are partly of rooms to come. What no test function can hold stands below,
with what holds it.
"""

import citations
import promises
import source

PAGES = ("docs/cases/field.md", "docs/cases/review.md")

HELD_OTHERWISE = {
    "F20": "tools/check builds each of meson's build types, and with both compilers",
    "F28": "read, and walked by newcomers; what of it can be compared is (exits, paths, install)",
    "V38": "the cases that it names have tests of their own: N2, N3, N6, N8, N14, and tidy-promises",
}


def check(root, otherwise=None):
    otherwise = HELD_OTHERWISE if otherwise is None else otherwise
    _, functions = promises.tests(root)
    held = {number for name in functions for number in name.split("_")}
    complaints = []
    cases = set()
    for path, text in source.files(root, (".md",), ("docs",)):
        if path not in PAGES:
            continue
        for match in citations.CASE.finditer(text):
            number, place = match.group(1), f"{path}:{source.line_of(text, match.start())}"
            cases.add(number)
            if number not in held and number not in otherwise:
                complaints.append(f"{place}: no test that is run is named {number}_...")
            if number in held and number in otherwise:
                complaints.append(f"{place}: a test holds {number}: cases.py says otherwise")
    complaints += [f"{PAGES[0]}:1: there is no {number}, of which cases.py tells"
                   for number in sorted(otherwise.keys() - cases)]
    if not cases:
        complaints.append(f"{PAGES[0]}:1: no case is found")
    return complaints
