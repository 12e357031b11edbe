#!/usr/bin/env python3
"""The rules about the whole tree, each given a made-up tree: it must complain about what it is
there for, and about nothing else."""

import pathlib
import sys
import tempfile
import unittest

import advice
import cases
import changes
import circles
import citations
import median
import mistakes
import paths
import promises
import signals
import whys

# In pieces, since this file is read by the rules too.
R = "R"
KEPT = f"{R}1"
UNKNOWN = f"{R}2"


class Tree(unittest.TestCase):
    def complaints(self, rule, files, **options):
        with tempfile.TemporaryDirectory(prefix="quoin-tidy-") as root:
            for name, text in files.items():
                path = pathlib.Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return rule.check(root, **options)

    def bad(self, rule, files, words, count=1, **options):
        found = self.complaints(rule, files, **options)
        self.assertEqual(len(found), count, found)
        for what in found:
            self.assertIn(words, what)

    def good(self, rule, files, **options):
        self.assertEqual(self.complaints(rule, files, **options), [])


class Circles(Tree):
    A = "int a_go(int x)\n{\n\treturn b_go(x);\n}\n"
    B = "int b_go(int x)\n{\n\treturn x;\n}\n"
    BACK = "int b_go(int x)\n{\n\treturn x ? a_go(x - 1) : 0;\n}\n"

    def test_circles(self):
        self.good(circles, {"kv/a.c": self.A, "kv/b.c": self.B}, larger={})
        self.bad(circles, {"kv/a.c": self.A, "kv/b.c": self.BACK}, "kv/b.c", larger={})
        self.good(circles, {"kv/a.c": self.A, "kv/b.c": self.BACK}, larger={"kv": 2})
        self.bad(circles, {"kv/a.c": self.A, "kv/b.c": self.B}, "say so", larger={"kv": 2})

    def test_no_calls(self):
        comment = self.B.replace("return x", "return x /* a_go(x) */")
        self.good(circles, {"kv/a.c": self.A, "kv/b.c": comment}, larger={})
        own = self.BACK + self.A.replace("int a_go", "static int a_go")
        self.good(circles, {"kv/b.c": own, "kv/c.c": self.B.replace("b_go", "c_go")}, larger={})
        self.good(circles, {"kv/a.c": self.A, "raft/b.c": self.BACK}, larger={})


class Citations(Tree):
    CASES = {
        "docs/cases/raft.md": f"- **{KEPT}** It holds ({UNKNOWN[0]}aft).\n",
        "docs/decisions.md": "### " "D1. We do.\n",
        "docs/adr/0001-first.md": "# 1. First\n",
        "docs/adr/README.md": "# All\n\n1. [First](0001-first.md)\n",
        "raft/window.h": "/*\n * The window. Rules:\n *\tLW" "1  It holds.\n */\n",
    }

    def with_file(self, name, text):
        return {**self.CASES, name: text}

    def test_what_is_there(self):
        self.good(citations, self.CASES)
        text = f"/* {KEPT}, D" "1, LW" "1 (ADR 1); 02:00:C6:12:R9:fe, 0xF9 */\n"
        self.good(citations, self.with_file("raft/a.c", text))
        self.good(citations, self.with_file("tests/a.c", f"static void {KEPT}_holds(void **s)\n"))

    def test_cases(self):
        for text in (f"/* {UNKNOWN}. */", f'check("{UNKNOWN}: no");', f"/* {KEPT}-{UNKNOWN} */",
                     f"/* {KEPT}/{UNKNOWN} */"):
            self.bad(citations, self.with_file("raft/a.c", text), f"{UNKNOWN} stands nowhere")
        for name in ("docs/wire.md", "docs/man/quoind.8", "README.md", "tests/mutants/table.py",
                     "tests/trace/a.script"):
            self.bad(citations, self.with_file(name, f"See {UNKNOWN}.\n"), UNKNOWN)

    def test_tests_by_their_names(self):
        for name in (f"{UNKNOWN}_holds", f"{KEPT}_{UNKNOWN}_hold"):
            text = f"static void {name}(void **state)\n"
            self.bad(citations, self.with_file("tests/unit/a_test.c", text), UNKNOWN)

    def test_decisions(self):
        self.bad(citations, self.with_file("raft/a.c", "/* D" "1b */\n"), "stands nowhere")
        self.bad(citations, self.with_file("raft/a.c", "/* D" "2 */\n"), "stands nowhere")

    def test_own_rules(self):
        self.bad(citations, self.with_file("raft/a.c", "assert(x); /* LW" "2 */\n"), "nowhere")
        self.bad(citations, self.with_file("raft/a.c", "assert(x); /* XY" "1 */\n"), "nowhere")
        self.good(citations, self.with_file("raft/a.c", 'say("XY" "1");\n'.replace('" "', "")))
        self.bad(citations, self.with_file("wal/a.h", "/*\n *\tLW" "2  Mine.\n */\n"),
                 "the rules of raft/window.h are called LW")
        self.bad(citations, self.with_file("wal/a.h", f"/*\n *  {KEPT}. Mine.\n */\n"),
                 "has two letters")
        text = self.CASES["raft/window.h"].replace("holds.", "holds.\n *\tLW" "1  Twice.")
        self.bad(citations, self.with_file("raft/window.h", text), "is stated at")

    def test_twice(self):
        text = self.CASES["docs/cases/raft.md"]
        self.bad(citations, self.with_file("docs/cases/wal.md", text), "is stated at")

    def test_adr(self):
        self.bad(citations, self.with_file("docs/wire.md", "See ADR" " 2.\n"), "docs/adr/")
        self.bad(citations, self.with_file("docs/adr/0002-next.md", "# 2. Next\n"),
                 "there is no \"2. [Next](0002-next.md)\"")
        self.bad(citations, self.with_file("docs/adr/README.md", "1. [A](0001-first.md)\n"),
                 "[First]")


class Cases(Tree):
    PAGE = {"docs/cases/field.md": "- **F" "9** It ends.\n- **F" "8** It writes.\n",
            "tests/meson.build": "test('a_test.c')"}
    TEST = "static void {0}(void **state)\n{{\n}}\nrun({0});\n"

    def test_each_has_a_test(self):
        with_both = {**self.PAGE, "tests/a_test.c": self.TEST.format("F" "9_F" "8_it_ends")}
        with_one = {**self.PAGE, "tests/a_test.c": self.TEST.format("F" "9_it_ends")}
        self.good(cases, with_both, otherwise={})
        self.bad(cases, with_one, "named F" "8_", otherwise={})
        self.good(cases, with_one, otherwise={"F" "8": "read"})
        self.bad(cases, with_both, "says otherwise", otherwise={"F" "8": "read"})
        self.bad(cases, with_both, "there is no F" "7", otherwise={"F" "7": "read"})
        self.bad(cases, {}, "no case is found", otherwise={})

    def test_a_test_that_does_not_run_holds_nothing(self):
        text = "static void F" "9_F" "8_it_ends(void **state)\n{\n}\n"
        self.bad(cases, {**self.PAGE, "tests/a_test.c": text}, "no test", 2, otherwise={})


class Paths(Tree):
    def test_what_is_there(self):
        self.good(paths, {
            "raft/core.c": "/* See raft/core.c and docs/a.md; /usr/raft/x.c, build/raft/y.c */\n",
            "dataplane/link_memif.c": "",
            "docs/a.md": "`raft/core.c`, raft/core, `core.c`, dataplane/link_NAME.c, raft/*.c, "
                         "raft/, share/doc/x.yaml, [b](a.md#the-first-one), [c](#the-first-one), "
                         "[d](https://raft.example/x)\n## The *first* one\n",
            "docs/man/quoind.8": "raft/core.c\n",
        })

    def test_what_is_not(self):
        for text in ("`raft/gone.c`", "see raft/gone.c.", "`gone.c`", "[x](gone.md)", "[x](#gone)",
                     "docs/gone/", "`wal/link_NAME.c`", "[x](b.md#gone)"):
            for name in ("README.md", "CONTRIBUTING.md"):
                self.bad(paths, {name: f"a\n{text}\n", "b.md": "# Here\n"}, f"{name}:2: ")
        self.bad(paths, {"docs/a.md": "[x](../gone.md)\n"}, "gone.md")
        self.bad(paths, {"docs/man/a.8": "raft/gone\\-far.c\n"}, "raft/gone-far.c")

    def test_comments(self):
        self.bad(paths, {"raft/a.h": "/*\n * See raft/gone.c.\n */\n"}, "raft/a.h:2: ")
        self.good(paths, {"raft/a.h": 'const char *a = "raft/gone.c";\n'})


class Promises(Tree):
    TESTS = {
        "tests/unit/meson.build": "foreach name : ['read']\n",
        "tests/unit/read_test.c": "static void it_reads(void **state)\n{\n}\n\n"
                                  "static void forgotten(void **state)\n{\n}\n\n"
                                  "\t\tcmocka_unit_test(it_reads),\n",
        "tests/unit/gone_test.c": "",
    }

    def readme(self, promise):
        text = f"# quoin\n\n## What it promises\n\nThis:\n\n- First.\n  Held by `it_reads`.\n{promise}"
        return {**self.TESTS, "README.md": text + "\nThat is all.\n\n## Next\n\n- Other.\n"}

    def test_held(self):
        self.good(promises, self.readme(
            "- `put` is read.\n  Held by `it_reads` and\n  `tests/unit/read_test.c`.\n"))

    def test_not_held(self):
        self.bad(promises, self.readme("- A put is read.\n"), "README.md:9: a promise that names")
        self.bad(promises, self.readme("- `it_reads`.\n"), "names no test")
        for name in ("it_writes", "forgotten", "tests/unit/write_test.c", "tests/unit/gone_test.c",
                     "raft/core.c"):
            self.bad(promises, self.readme(f"- So.\n  Held by `it_reads`, `{name}`.\n"),
                     f"README.md:9: {name} is not a test")

    def test_no_promise(self):
        self.bad(promises, {**self.TESTS, "README.md": "# quoin\n"}, "no section")
        self.bad(promises, {"README.md": "## What it promises\n\nMuch.\n"}, "promises nothing")


class Changes(Tree):
    FILES = {f"raft/{name}.c": "" for name in "abcdefgh"}

    def table(self, first, rows=10):
        lines = [f"| a new x{number} | `raft/a.c` | |\n" for number in range(1, rows)]
        text = "## Ten changes and what they touch\n\n| the change | files | |\n|---|---|---|\n"
        return {**self.FILES,
                "CONTRIBUTING.md": text + f"| a new thing | {first} | |\n" + "".join(lines)}

    def files(self, count):
        return ", ".join(f"`raft/{name}.c`" for name in "abcdefgh"[:count])

    def test_good(self):
        self.good(changes, self.table(self.files(6)))

    def test_bad(self):
        self.bad(changes, self.table(self.files(7)), "at most 6")
        self.bad(changes, self.table("none"), "touches 0 files")
        self.bad(changes, self.table("`raft/gone.c`"), "raft/gone.c is not there")
        self.bad(changes, self.table(self.files(1), rows=9), "9 changes of 10")
        self.bad(changes, {"CONTRIBUTING.md": "# Working\n"}, "no section")


class Median(Tree):
    def tree(self, *lengths):
        files = {f"raft/{number}.c": "\n" * length for number, length in enumerate(lengths)}
        return {**files, "tests/long_test.c": "\n" * 500, "tests/longer_test.c": "\n" * 500}

    def test_median(self):
        self.good(median, self.tree(10, 149, 590))
        self.bad(median, self.tree(10, 150, 590), "the median is 150")


class Mistakes(Tree):
    def tree(self, *rows):
        return {"raft/a.c": "int one;\nint two;\nint two;\n",
                "tests/mutants/table.py": f"MUTANTS = {list(rows)}\n"}

    def row(self, old, name="one", new="none", tests=("unit-raft-a",)):
        return name, "it is one", "raft/a.c", old, new, list(tests)

    def test_good(self):
        self.good(mistakes, self.tree(self.row("int one;")))

    def test_bad(self):
        self.bad(mistakes, self.tree(self.row("int three;")), "is there 0 times")
        self.bad(mistakes, self.tree(self.row("int two;")), "is there 2 times")
        self.bad(mistakes, self.tree(self.row("int one;", new="int one;")), "holds nothing")
        self.bad(mistakes, self.tree(self.row("int one;", tests=())), "holds nothing")
        self.bad(mistakes, self.tree(self.row("int one;"), self.row("int one")), "are two called")
        self.bad(mistakes, self.tree(), "no mistake is made")


class Signals(Tree):
    PAGE = (".SH SIGNALS\n.TP\n.BR SIGTERM\nEnd cleanly, at once.\n"
            ".TP\n.BR SIGHUP \", \" SIGCHLD\n.TQ\n.BR SIGPIPE\nNothing.\n"
            ".TP\n.BR SIGSTOP\nStand still until\n.BR SIGCONT .\n.SH NEXT\n")
    CODE = ("static const int ends[] = {SIGTERM};\n"
            "static const int ignored[] = {SIGHUP, SIGPIPE};\n"
            "static const int defaults[] = {SIGCONT, SIGCHLD};\n")

    def tree(self, page=PAGE, code=CODE):
        return {signals.PAGE: page, signals.CODE: code}

    def test_good(self):
        self.good(signals, self.tree())

    def test_F9_bad(self):
        for old, new in (("SIGHUP, ", ""), ("{SIGTERM}", "{SIGTERM, SIGINT}"), (", SIGCHLD", "")):
            self.bad(signals, self.tree(code=self.CODE.replace(old, new)), "alone")
        for old in ("SIGPIPE", "SIGTERM", "SIGCONT"):
            self.bad(signals, self.tree(page=self.PAGE.replace(old, "")), "alone")
        self.bad(signals, self.tree(page=""), "no section SIGNALS")


class Advice(Tree):
    GUIDE = ("## 10. When something is wrong\n\n| what you see | what it is | what to do |\n"
             "|---|---|---|\n| `it is full` | no space | make room |\n")
    TABLE = ("| advice | tried by |\n|---|---|\n| `: make room` | `F22_it_helps` |\n"
             "| `it is full` | not tried: no disk |\n")
    TEST = "static void F22_it_helps(void **state)\n{\n}\nlist F22_it_helps\n"

    def tree(self, said="full: make room", table=TABLE, guide=GUIDE):
        return {advice.GUIDE: guide, advice.TABLE: table,
                "node/a.c": f"/* \": use it\" */\nsay(\"{said}\");\n", "tests/a_test.c": self.TEST}

    def test_good(self):
        self.good(advice, self.tree())

    def test_F22_bad(self):
        self.bad(advice, self.tree(said='full: make " PRIu64\n"room"); say("mend: use it'),
                 "advice that is in no row")
        self.bad(advice, self.tree(said="full"), "nobody says")
        self.bad(advice, self.tree(table=self.TABLE.replace("it_helps", "no")), "not a test")
        self.bad(advice, self.tree(guide=self.GUIDE.replace("is full", "hangs")), "", count=2)
        self.bad(advice, self.tree(table=self.TABLE.replace("not tried", "tried")), "without a")


class Whys(Tree):
    LINE = 'journal_write(j, JOURNAL_WARN,\n "event", "a=%u why=\\"b\\"", 1);\n'

    def tree(self, *more):
        return {"node/a.c": self.LINE * whys.EVENTS_MIN + "".join(more)}

    def test_good(self):
        self.good(whys, self.tree('journal_write(j, JOURNAL_INFO, "event", "a=%u", 1);\n',
                                  'journal_write(j, JOURNAL_WARN, "leader_lost", "term=1");\n'))

    def test_F17_bad(self):
        self.bad(whys, self.tree('journal_write(j, JOURNAL_ERROR, "event", "a=%u", 1);\n'),
                 "an error or a warning without why=: event")
        self.bad(whys, {"node/a.c": self.LINE}, "1 events can be read")


if __name__ == "__main__":
    sys.exit(unittest.main())
