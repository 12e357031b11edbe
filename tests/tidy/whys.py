"""F17: each event of the log that is an error or a warning says why, but for those whose name does."""

import re

import source

CALL = re.compile(r"\bjournal_write\((.*?)\);", re.DOTALL)
EVENT = re.compile(r'JOURNAL_(?:ERROR|WARN), (?:up \? )?"(\w+)"|JOURNAL_(?:ERROR|WARN), (\w+)')
# They happened, and there is no more to it.
PLAIN = {"faults_set", "leader_lost", "link_up"}
EVENTS_MIN = 20


def check(root):
    complaints = []
    count = 0
    for path, text in source.files(root, (".c",), ("node", "wal", "serve", "doors", "metrics")):
        for call in CALL.finditer(text):
            words = " ".join(call.group(1).split())
            event = EVENT.search(words)
            if not event:
                continue
            count += 1
            if event.group(1) not in PLAIN and "why=" not in words and "says=" not in words:
                complaints.append(f"{path}:{source.line_of(text, call.start())}: an error or a "
                                  f"warning without why=: {event.group(1) or event.group(2)}")
    if count < EVENTS_MIN and not complaints:
        complaints.append(f"node/journal.h:1: {count} events can be read, of {EVENTS_MIN}")
    return complaints
