#!/usr/bin/env python3
"""tools/demo among programs that only pretend: demo_test.py SOURCE. What it changes on the host it
undoes, however it ends, and what it is asked for is judged before anything is done."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

# In place of tools/setup.sh: nothing is installed, raised or built, and each step leaves a mark.
SETUP = "\n".join(f"{name}() {{ echo {name} >>marks; }}" for name in (
    "setup_packages", "setup_huge_pages", "setup_configure", "setup_build", "setup_undo"))
FAILS = '#!/bin/sh\necho "quoin-lab $1" >>marks\necho "there is no lab" >&2\nexit 1\n'


class Demo(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = pathlib.Path(scratch.name)
        (self.top / "tools").mkdir()
        shutil.copy(Demo.source / "tools/demo", self.top / "tools/demo")
        self.write("tools/setup.sh", SETUP)
        self.write("build-demo/tools/lab/quoin-lab", FAILS)
        self.write("bin/id", "#!/bin/sh\necho 0\n")

    def write(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def demo(self, *words):
        done = subprocess.run([self.top / "tools/demo", *words], capture_output=True, check=False,
                              timeout=60, text=True, stdin=subprocess.DEVNULL,
                              env={"PATH": f"{self.top}/bin:/usr/bin:/bin"})
        marks = self.top / "marks"
        return done, marks.read_text(encoding="utf-8").split("\n") if marks.exists() else []

    def test_F28_what_was_raised_is_lowered_also_if_there_is_no_lab(self):
        done, marks = self.demo()
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("setup_huge_pages", marks)
        self.assertEqual(marks[-3:-1], ["quoin-lab down", "setup_undo"], marks)
        self.assertIn("there is no lab", done.stdout)

    def test_F27_wrong_usage_is_said_before_anything_is_done(self):
        for words in (["--link", "foo"], ["--link", "ring"], ["--link", ""], ["--link"],
                      ["--nodes", "x"], ["--nodes", "2"], ["--nodes", "8"], ["--nodes", "33"],
                      ["--nodes", ""], ["--nodes", "-3"], ["--node", "3"], ["3"]):
            done, marks = self.demo(*words)
            self.assertEqual((done.returncode, done.stdout, marks), (2, "", []), words)
            self.assertIn(words[0], done.stderr)


if __name__ == "__main__":
    Demo.source = pathlib.Path(sys.argv.pop(1))
    sys.exit(unittest.main())
