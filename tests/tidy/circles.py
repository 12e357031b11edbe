"""No circle of calls between the files of a room: who reads one file reads on downhill.

An edge is a call of a function that another file of the same room defines for others. Rooms in
LARGER have circles for a reason, of so many files at most.
"""

import re

import source

# The core is one machine, cut by the sections of the paper: a step there may lead to any other.
LARGER = {"raft": 18, "wal": 3, "dataplane": 2}

DEFINED = re.compile(r"^(?!static)[a-z][\w \t*]*?\b(\w+)\([^;{}]*\)\n\{", re.MULTILINE)
CALLED = re.compile(r"\b(\w+)\(")


def circles(calls):
    """The sets of two files or more that reach each other. calls: file -> files."""
    reached = {}
    for start in calls:
        seen, todo = set(), [start]
        while todo:
            for file in calls[todo.pop()]:
                if file not in seen:
                    seen.add(file)
                    todo.append(file)
        reached[start] = seen
    found = {frozenset(b for b in reached[a] if a in reached[b]) for a in calls if a in reached[a]}
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def calls_of(files):
    """file -> the others that define what it calls. files: [(path, text)]."""
    bare = [(path, source.bare(text)) for path, text in files]
    home = {name: path for path, text in bare for name in DEFINED.findall(text)}
    return {path: {home[name] for name in CALLED.findall(text) if name in home} - {path}
            for path, text in bare}


def check(root, rooms=source.ROOMS, larger=None):
    larger = LARGER if larger is None else larger
    complaints = []
    for room in rooms:
        if room in ("tests", "tools"):
            continue
        longest = 1
        for circle in circles(calls_of(list(source.files(root, (".c",), (room,))))):
            longest = max(longest, len(circle))
            if len(circle) > larger.get(room, 1):
                complaints.append(f"{circle[0]}: a circle of {len(circle)} files: "
                                  + ", ".join(circle[1:]))
        if longest < larger.get(room, 1):
            complaints.append(f"{room}/: no circle of {larger[room]} files any more, but of "
                              f"{longest}: say so in LARGER")
    return complaints
