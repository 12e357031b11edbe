"""Deliberate mistakes in installing another member's snapshot, in the form of table.py."""

INSTALLS = [
    ("held-and-stands", "S10: who has no state to serve stands for nothing",
     "raft/election.c",
     "!r->disk_stalled &&\n\t       !r->apply_held;",
     "!r->disk_stalled;",
     ["unit-raft-snapshot"]),
    ("half-a-state-is-read", "R65: nothing is read of a state that is being made",
     "serve/internal.h",
     "return !s->half && !s->held;",
     "return !s->half;",
     ["unit-serve-query", "unit-serve-verdict"]),
    ("half-a-state-at-once", "R65: nor by who asks this member alone",
     "serve/serve.c",
     "if (s->retired || s->held)",
     "if (s->retired)",
     ["unit-serve-query"]),
    ("restored-and-silent", "S10: what another state knows of a command is told when it is there",
     "serve/serve.c",
     "\tif (over)\n\t\tcommand_restored(s);\n",
     "\t(void)over;\n",
     ["unit-serve-verdict"]),
]
