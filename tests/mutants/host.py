"""Deliberate mistakes in the configuration and in what a start asks of its host, in the form of
table.py."""

HOST = [
    ("held-not-counted", "F3: what a device holds of the pool is counted in what is asked for",
     "config/validate.c",
     "frames = c->pool_frames + link_facts(c->link)->held_frames;",
     "frames = c->pool_frames;",
     ["unit-dataplane-link_memory"]),
]
