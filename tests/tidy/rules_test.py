#!/usr/bin/env python3
"""The rules themselves: each must complain about what it is there for, and about nothing else."""

import sys
import unittest

import rules


def complaints(rule, path, text):
    return [what for _, what in rule(path, text)]


class Rules(unittest.TestCase):
    def bad(self, rule, path, text, count=1):
        self.assertEqual(len(complaints(rule, path, text)), count, text)

    def good(self, rule, path, text):
        self.assertEqual(complaints(rule, path, text), [], text)

    def test_includes(self):
        for path, name in (
            ("raft/core.c", "wal/wal.h"),
            ("raft/core.c", "kv/sm.h"),
            ("wal/wal.c", "raft/raft.h"),
            ("kv/kv.c", "raft/types.h"),
            ("config/load.c", "raft/types.h"),
            ("dataplane/dp.c", "node/node.h"),
            ("node/node.c", "raft/internal.h"),
            ("node/node.c", "tools/lab/lab.h"),
            ("tools/ctl/main.c", "node/internal.h"),
            ("raft/core.c", "internal.h"),
            ("base/bytes.h", "raft/types.h"),
            ("raft/core.c", "base/clock.h"),
            ("raft/core.c", "base/crc.h"),
            ("kv/kv.c", "base/clock.h"),
        ):
            self.bad(rules.includes, path, f'#include "{name}"\n')
        for path, name in (
            ("wal/wal.c", "raft/types.h"),
            ("dataplane/dp.c", "raft/members.h"),
            ("node/node.c", "raft/raft.h"),
            ("raft/core.c", "raft/internal.h"),
            ("base/mix.h", "base/bytes.h"),
            ("raft/core.c", "base/mix.h"),
            ("kv/kv.c", "base/bytes.h"),
            ("wal/wal.c", "base/crc.h"),
            ("node/main.c", "base/clock.h"),
            ("tests/unit/raft/core_test.c", "raft/internal.h"),
            ("tools/ctl/main.c", "kv/command.h"),
        ):
            self.good(rules.includes, path, f'#include "{name}"\n')

    def test_seams(self):
        self.bad(rules.includes, "node/node.c", "#include <rte_mbuf.h>\n")
        self.bad(rules.includes, "dataplane/wire.c", "#  include <rte_ethdev.h>\n")
        self.bad(rules.includes, "wal/write.c", "#include <liburing.h>\n")
        self.good(rules.includes, "dataplane/link_memif.c", "#include <rte_mbuf.h>\n")
        self.good(rules.includes, "dataplane/eal.c", "#include <rte_eal.h>\n")
        self.good(rules.includes, "wal/disk_uring.c", "#include <liburing.h>\n")

    def test_functions(self):
        body = "\tx();\n" * 66
        whole = "/* why */\nstatic int f(int a,\n\t\tint b)\n{\n" + body + "}\n"
        self.good(rules.functions, "raft/a.c", whole)
        self.bad(rules.functions, "raft/a.c", whole.replace("}\n", "\tx();\n}\n"))
        self.good(rules.functions, "raft/a.c", "struct s a[] = {\n" + "\t{1},\n" * 90 + "};\n")

    def test_lengths(self):
        self.good(rules.lengths, "raft/a.c", "\n" * 600)
        self.bad(rules.lengths, "raft/a.c", "\n" * 601)

    def test_columns(self):
        self.good(rules.columns, "raft/a.c", "x" * 100 + "\n")
        self.bad(rules.columns, "raft/a.c", "\t" + "x" * 93 + "\n")
        self.bad(rules.columns, "raft/a.c", "x \n")
        self.good(rules.columns, "raft/a.c", '\tsay("' + "x" * 100 + '");\n')
        table = "/* clang-format off */\n" + "x" * 101 + "\n/* clang-format on */\n"
        self.good(rules.columns, "raft/a.c", table)
        self.bad(rules.columns, "raft/a.c", table + "y" * 101 + "\n")

    def test_banned(self):
        self.bad(rules.banned, "raft/a.c", "\tstrcpy(a, b);\n\tn = atoi (a);\n", 2)
        self.bad(rules.banned, "raft/a.c", "\treturn rand();\n")
        self.good(rules.banned, "raft/a.c", '\tuse("rand()"); /* not system() */\n')
        self.good(rules.banned, "raft/a.c", "\tstrtok_r(a, b, c);\n\tsnprintf(a, 1, b);\n")
        self.good(rules.banned, "raft/a.c", "\tx->random(y);\n\tmy_rand();\n")

    def test_marks(self):
        self.bad(rules.marks, "raft/a.c", "/* TO" "DO: more */\n")
        self.good(rules.marks, "raft/a.c", "/* what is to do */\n")

    def test_guards(self):
        self.good(rules.guards, "raft/a.h", "#ifndef RAFT_A_H\n#define RAFT_A_H\n#endif\n")
        self.bad(rules.guards, "raft/a.h", "#ifndef A_H\n#define A_H\n#endif\n")
        self.bad(rules.guards, "raft/a.h", "#pragma once\n")

    def test_purpose(self):
        self.good(rules.purpose, "raft/a.c", "/*\n * It waits.\n */\n")
        self.good(rules.purpose, "raft/a.c", '#include "raft/a.h"\n')
        self.bad(rules.purpose, "raft/a.c", '#include "raft/b.h"\n')

    def test_comments(self):
        self.bad(rules.comments, "raft/a.h", "\tint a; /* one\n\t\t*/\n")
        self.bad(rules.comments, "raft/a.h", "\tint a; /* one\n\t\t  two */\n")
        self.bad(rules.comments, "raft/a.h", "int a; /*\n * One\n * two.\n */\n")
        self.bad(rules.comments, "raft/a.h", "/* One\n * two. */\nint a;\n")
        self.bad(rules.comments, "raft/a.h", "/* One.\n */\nint a;\n")
        self.bad(rules.comments, "raft/a.h", "/*\n * One\n * two. */\nint a;\n")
        self.good(rules.comments, "raft/a.h", "/*\n * One\n * two.\n */\nint a; /* three */\n")
        self.good(rules.comments, "raft/a.h", '\tsay("a; /* one\\n"); /* two */\n')

    def test_declarations(self):
        self.bad(rules.declarations, "raft/a.h", "const char *\nraft_name(int a);\n")
        self.bad(rules.declarations, "raft/a.h", "uint64_t\nraft_next(void); /* when */\n")
        self.good(rules.declarations, "raft/a.h", "const char *raft_name(int a,\n\t\tint b);\n")
        self.good(rules.declarations, "raft/a.h", "/* of\nraft(a) */\nint raft_b(void);\n")


if __name__ == "__main__":
    sys.exit(unittest.main())
