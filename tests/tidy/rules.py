"""What a reader relies on and a compiler does not check. Each rule takes (path, text) of one file
and yields (line, complaint)."""

import re

import source

# Who may include whom. Of another room only its public headers; a room itself may use all of its.
PUBLIC = {
    "base": {"bytes.h", "crc.h", "mix.h", "ring.h", "clock.h", "parts.h", "histogram.h",
             "exits.h", "socket_file.h", "standard.h",
             "status.h", "subnet.h"},
    "raft": {"raft.h", "types.h", "entry.h", "members.h", "change.h", "formation.h",
             "joined.h"},
    "wal": {"wal.h", "block.h", "disk.h", "inspect.h", "io.h", "pull.h", "snapshot.h", "store.h"},
    "dataplane": {"dp.h", "eal.h", "kind.h", "link.h", "fault.h", "wire.h", "client.h", "claim.h",
                  "looks.h", "pages.h", "path.h", "stream.h", "ways.h"},
    "kv": {"sm.h", "backup.h", "kv.h", "command.h", "txn_codec.h", "window.h"},
    "config": {"config.h"},
    "metrics": {"metrics.h", "table.h", "text.h", "exchange.h", "http.h"},
    "serve": {"door.h", "forward.h", "port.h", "request.h", "serve.h", "status.h"},
    "doors": {"calls.h", "peer.h", "udp.h", "unix.h", "welcome.h"},
    "node": {"node.h", "idle.h", "journal.h"},
}
RAFT_TYPES = {"raft/types.h", "raft/entry.h", "raft/members.h", "raft/formation.h",
              "raft/joined.h"}
# The leaf below every room. Time enters in one place, so only those around the loop read a clock;
# the core is moreover without threads and libraries.
BASE = {f"base/{header}" for header in PUBLIC["base"]}
NO_CLOCK = BASE - {"base/clock.h"}
PURE = {"base/bytes.h", "base/mix.h"}
# What a door knows of requests, and of the network.
SERVE_SEAM = {f"serve/{header}" for header in PUBLIC["serve"] - {"port.h", "serve.h"}}
DATAPLANE = {f"dataplane/{header}" for header in PUBLIC["dataplane"]}
EVERY_ROOM = {f"{room}/{header}" for room, headers in PUBLIC.items() for header in headers}
MAY_INCLUDE = {
    "base": set(),
    "raft": PURE,
    "wal": NO_CLOCK | RAFT_TYPES,
    "dataplane": NO_CLOCK | RAFT_TYPES,
    "kv": NO_CLOCK,
    "config": NO_CLOCK | {"dataplane/kind.h"},
    "metrics": BASE,
    "serve": NO_CLOCK | RAFT_TYPES | {"kv/sm.h"},
    "doors": NO_CLOCK | SERVE_SEAM | DATAPLANE,
    "node": EVERY_ROOM,
    "tools": EVERY_ROOM,
}

# Libraries that stay behind a seam: header, and the files that may include it.
BEHIND_SEAM = (
    (re.compile(r"rte_\w+\.h"), re.compile(r"dataplane/(eal\.c|link_\w+\.[ch])")),
    (re.compile(r"liburing\.h"), re.compile(r"wal/disk_uring\.c")),
    (re.compile(r"yaml\.h"), re.compile(r"config/\w+\.[ch]")),
    (re.compile(r"microhttpd\.h"), re.compile(r"metrics/http\.c")),
    (re.compile(r"sodium\.h"), re.compile(r"(doors/udp|node/question|tools/quoinctl/text)\.c")),
)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
COLUMNS_MAX = 100

BANNED = re.compile(
    r"(?<![\w.>])(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|system"
    r"|popen|rand|srand|random|srandom|alloca|tmpnam|mktemp|usleep)\s*\("
)
MARKS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def includes(path, text):
    room = path.split("/")[0]
    for match in INCLUDE.finditer(text):
        kind, name = match.groups()
        line = source.line_of(text, match.start())
        for library, places in BEHIND_SEAM:
            # Tests may look behind a seam: that is what they are for.
            if library.fullmatch(name) and room != "tests" and not places.fullmatch(path):
                yield line, f"{name} belongs in {places.pattern} alone"
        if kind == "<":
            continue
        if "/" not in name:
            yield line, f'"{name}" does not name its folder'
            continue
        other = name.split("/")[0]
        if room == "tests" or other == room:
            continue
        if name not in MAY_INCLUDE[room]:
            yield line, f"{room} may not include {name}"


def functions(path, text):
    """Kernel style: a function's braces, and no others, are in the first column."""
    lines = source.bare(text).split("\n")
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
            # The signature, which may take several lines, is a part of it.
            while begin > 1 and lines[begin - 2].strip() and not re.match(
                r"[#}]", lines[begin - 2]
            ):
                begin -= 1
        elif line == "}" and begin:
            length = number - begin + 1
            if length > FUNCTION_LINES_MAX:
                yield begin, f"a function of {length} lines; at most {FUNCTION_LINES_MAX}"
            begin = None


def lengths(path, text):
    count = text.count("\n")
    if count > FILE_LINES_MAX:
        yield count, f"a file of {count} lines; at most {FILE_LINES_MAX}, better 500"


STRING = re.compile(r'"(?:\\.|[^"\\])*"')
UNFORMATTED = re.compile(r"/\* clang-format off \*/.*?/\* clang-format on \*/", re.DOTALL)


def columns(path, text):
    """A table that the formatter leaves alone, and a string, which is better found whole than
    broken, may be longer."""
    text = UNFORMATTED.sub(lambda match: "\n" * match.group(0).count("\n"), text)
    for number, line in enumerate(text.split("\n"), 1):
        width = len(line.expandtabs(8))
        if width > COLUMNS_MAX and len(STRING.sub("", line).expandtabs(8)) > COLUMNS_MAX - 20:
            yield number, f"{width} columns; at most {COLUMNS_MAX}"
        if line != line.rstrip():
            yield number, "blanks at the end"


def banned(path, text):
    text = source.bare(text)
    for match in BANNED.finditer(text):
        yield source.line_of(text, match.start()), f"{match.group(1)}() is not used here"


def marks(path, text):
    for match in MARKS.finditer(text):
        yield source.line_of(text, match.start()), f"{match.group(1)}: finish it, or open an issue"


def guards(path, text):
    name = re.sub(r"[/.]", "_", path).upper()
    if f"#ifndef {name}\n#define {name}\n" not in text:
        yield 1, f"no guard {name}"


def purpose(path, text):
    """A file opens with what it is for, unless its header has said it."""
    header = path[:-2] + ".h"
    if not text.startswith(("/*", f'#include "{header}"\n')):
        yield 1, "does not open with a comment that says what it is for"


def comments(path, text):
    """A comment of several lines stands above what it is about, and its marks stand alone."""
    for offset, comment in source.comments(text):
        if "\n" not in comment:
            continue
        line = source.line_of(text, offset)
        lines = comment.split("\n")
        if text[text.rfind("\n", 0, offset) + 1:offset].strip():
            yield line, "a comment behind code takes several lines: put it above"
        elif lines[0] != "/*" or lines[-1].strip() != "*/":
            yield line, "a comment of several lines has /* and */ on lines of their own"


DECLARATION = re.compile(r"^[A-Za-z_][\w *]*\n\w+\(", re.MULTILINE)


def declarations(path, text):
    for match in DECLARATION.finditer(source.bare(text)):
        yield source.line_of(text, match.start()), "a type and its function's name are on two lines"


# rule: file names' ends, folders
RULES = {
    includes: ((".c", ".h"), source.ROOMS),
    functions: ((".c", ".h"), source.ROOMS),
    lengths: ((".c", ".h", ".py"), source.ROOMS),
    columns: ((".c", ".h", ".py", ".sh", "meson.build"), source.ROOMS),
    banned: ((".c", ".h"), source.ROOMS),
    marks: ((".c", ".h", ".py", ".sh", "meson.build", ".md", ".1", ".5", ".8"),
            source.ROOMS + ("docs",)),
    guards: ((".h",), source.ROOMS),
    purpose: ((".c", ".h"), source.ROOMS),
    comments: ((".c", ".h"), source.ROOMS),
    declarations: ((".h",), source.ROOMS),
}


def check(rule, root):
    """The complaints of one rule about the tree, each "path:line: complaint"."""
    suffixes, rooms = RULES[rule]
    complaints = []
    seen = 0
    for path, text in source.files(root, suffixes, rooms):
        seen += 1
        complaints += [f"{path}:{line}: {what}" for line, what in rule(path, text)]
    assert seen, f"{rule.__name__}: no file found below {root}"
    return complaints
