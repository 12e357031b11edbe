"""Deliberate mistakes in the configuration and in what a start asks of its host, in the form of
table.py."""

HOST = [
    ("held-not-counted", "F3: what a device holds of the pool is counted in what is asked for",
     "config/validate.c",
     "frames = c->pool_frames + link_facts(c->link)->held_frames;",
     "frames = c->pool_frames;",
     ["unit-dataplane-link_memory"]),
    ("driver-counted-for-all", "F23: what a NIC's driver takes is asked for with a NIC alone",
     "config/validate.c",
     "if (link_facts(c->link)->device == LINK_DEVICE_NIC)\n\t\tneed_mib += MEMORY_DRIVER_MIB;",
     "need_mib += MEMORY_DRIVER_MIB;",
     ["unit-dataplane-link_memory"]),
    ("looks-not-counted", "F23: the thread that looks at a port, or makes them, is asked for",
     "node/host_threads.c",
     "\tTHREADS_MORE = 5,", "\tTHREADS_MORE = 4,",
     ["unit-node-host_threads"]),
]
