"""Each field of a struct of counters is counted somewhere, and each cause of a drop has its place:
a number that nothing moves would be read as good news. (That each is shown is for
tests/sim/metrics_test.c to say.)"""

import re
import sys

import source

# Where events happen; what only passes numbers on is left out.
ROOMS = ("raft", "wal", "dataplane", "kv", "serve", "doors", "node")
SHOWS = ("node/metrics.c",)

STRUCT = re.compile(r"struct (\w+_(?:counters|stats)) \{\n(.*?)\n\};", re.DOTALL)
FIELD = re.compile(r"(\w+)(?:\[[^\]]*\])?\s*[,;]")


def fields(text):
    """(struct, field) of every struct of counters in a header."""
    for match in STRUCT.finditer(source.bare(text)):
        for line in match.group(2).split(";"):
            declaration = line.strip()
            if declaration:
                # The type is the first word; what ends in a comma or with the line is a name.
                for name in FIELD.findall(declaration.split(None, 1)[1] + ";"):
                    yield match.group(1), name


def counted(name, text):
    subscript = r"(?:\[[^\]]*\])?"
    return re.search(rf"(?:\.|->){name}{subscript}\s*(?:\+\+|\+=|=(?!=))", text) or re.search(
        rf"histogram_observe\(&[^,;]*(?:\.|->){name}{subscript},", text
    )


def main(root):
    headers = list(source.files(root, (".h",), ROOMS))
    code = "\n".join(
        source.bare(text)
        for path, text in source.files(root, (".c", ".h"), ROOMS)
        if path not in SHOWS
    )
    complaints = []
    seen = 0
    for path, text in headers:
        for struct, name in fields(text):
            seen += 1
            if not counted(name, code):
                complaints.append(f"{path}: {struct}.{name}: nothing counts it")
    listed = next(text for path, text in headers if path == "dataplane/dp.h")
    causes = re.findall(r"^\tX\((\w+), \"", listed, re.MULTILINE)
    for cause in causes:
        if not re.search(rf"\bDP_DROP_{cause}\b", code):
            complaints.append(f"dataplane/dp.h: DP_DROP_{cause}: nothing is dropped for it")
    assert seen > 30 and len(causes) > 20, "the counters were not found"
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
