#!/usr/bin/env python3
"""What `meson install` puts where, and that its parts agree with each other: install_test.py BUILD.

Installs below a temporary DESTDIR; runs nothing but --help, --version and quoind --check.
"""

import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

PREFIX = "usr/local"
PROGRAMS = ("quoind", "quoinctl", "quoin-lab", "quoin-bench", "quoin-wal")
# Those whose commands have options of their own.
COMMANDS = {
    "quoin-lab": ("up", "status", "kill", "restart", "pause", "resume", "partition", "heal",
                  "exec", "logs", "down"),
    "quoin-bench": ("commit", "election", "floor"),
}
SAMPLES = ("virtual-n1", "virtual-n2", "virtual-n3", "server-1", "server-2", "server-3", "single")

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=60)


# A night without anybody, and how often a start may look at what it lacks.
TROUBLE_S = 8 * 3600
STARTS_MINUTE_MAX = 12


def unit_setting(unit, name, default):
    found = re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)
    return found[-1] if found else default


def seconds(text):
    number, word = re.fullmatch(r"(\d+)\s*(ms|s|min|h|)", text).groups()
    return int(number) * {"ms": 0.001, "min": 60, "h": 3600}.get(word, 1)


def starts_in(unit, trouble_s):
    """Of a service that ends as soon as it is started; None: systemd gives up before."""
    wait = seconds(unit_setting(unit, "RestartSec", "100ms"))
    interval = seconds(unit_setting(unit, "StartLimitIntervalSec", "10s"))
    burst = int(unit_setting(unit, "StartLimitBurst", "5"))
    now, starts, counted, since = 0, 0, 0, None
    while now < trouble_s:
        # A window that begins with its first start, and ends after the interval.
        if since is None or now >= since + interval:
            since, counted = now, 0
        if 0 < interval and counted >= burst:
            return None
        counted += 1
        starts += 1
        now += wait
    return starts


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.TemporaryDirectory(prefix="quoin-install-")
        cls.prefix = pathlib.Path(cls.top.name) / PREFIX
        done = run("meson", "install", "--no-rebuild", "-C", cls.build, "--destdir", cls.top.name)
        assert done.returncode == 0, done.stdout + done.stderr

    @classmethod
    def tearDownClass(cls):
        cls.top.cleanup()

    def manual(self, name):
        """A manual page's text with its hyphens as they are printed."""
        pages = list((self.prefix / "share/man").glob(f"man*/{name}.*"))
        self.assertEqual(len(pages), 1, f"manual pages of {name}")
        return pages[0].read_text(encoding="utf-8").replace("\\-", "-")

    def test_programs(self):
        for name in PROGRAMS:
            with self.subTest(program=name):
                program = str(self.prefix / "bin" / name)
                for option in ("--help", "--version"):
                    done = run(program, option)
                    self.assertEqual((done.returncode, done.stderr), (0, ""), option)
                    self.assertIn(name, done.stdout)
                done = run(program, "--no-such-option")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("no-such-option", done.stderr)

    def test_F27_usage_errors_exit_with_one_code(self):
        for name in PROGRAMS:
            for words in (["--no-such-option"], ["no-such-word"], []):
                with self.subTest(program=name, words=words):
                    done = run(str(self.prefix / "bin" / name), *words)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertIn(name, done.stderr)
                    self.assertRegex(self.manual(name), r"\b2[:\n] ?[Ww]rong usage")

    def test_nothing_else(self):
        expected = {f"bin/{name}" for name in PROGRAMS}
        expected |= {f"share/doc/quoin/samples/{name}.yaml" for name in SAMPLES}
        expected |= {f"share/man/man1/{name}.1" for name in PROGRAMS[1:]}
        expected |= {"share/man/man8/quoind.8", "share/man/man5/quoin.yaml.5"}
        expected |= {"lib/systemd/system/quoind.service"}
        found = {str(path.relative_to(self.prefix)) for path in self.prefix.rglob("*")
                 if path.is_file()}
        self.assertEqual(found, expected)

    def test_manuals_name_every_option(self):
        for name in PROGRAMS:
            with self.subTest(program=name):
                program = str(self.prefix / "bin" / name)
                options = set()
                for command in ((), *((word,) for word in COMMANDS.get(name, ()))):
                    options |= set(OPTION.findall(run(program, *command, "--help").stdout))
                manual = self.manual(name)
                self.assertEqual(options - {"--usage"} - set(OPTION.findall(manual)), set(),
                                 "in --help and not in the manual")
                shown = set()
                for line in re.findall(r"^\.(?:TP\n\.)B[IR]? .*", manual, re.MULTILINE):
                    shown |= set(OPTION.findall(line))
                self.assertEqual(shown - options, set(), "in the manual and not in --help")

    def test_manuals_are_well_formed(self):
        if not shutil.which("groff"):
            print("SKIP: groff is not installed")
            self.skipTest("groff is not installed")
        for page in (self.prefix / "share/man").rglob("*.[158]"):
            with self.subTest(page=page.name):
                done = run("groff", "-man", "-Tutf8", "-ww", "-z", str(page))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                text = page.read_text(encoding="utf-8")
                for section in ("NAME", "DESCRIPTION", "SEE ALSO"):
                    self.assertIn(f".SH {section}\n", text)

    def test_unit_starts_what_is_installed(self):
        unit = (self.prefix / "lib/systemd/system/quoind.service").read_text(encoding="utf-8")
        started = re.search(r"^ExecStart=(\S+)", unit, re.MULTILINE).group(1)
        self.assertTrue((pathlib.Path(self.top.name) / started.lstrip("/")).is_file(), started)
        self.assertIn("User=", unit)

    def test_F28_unit_is_what_systemd_takes(self):
        """Every line of it is known to systemd, and the statuses that it names exist."""
        unit = (self.prefix / "lib/systemd/system/quoind.service").read_text(encoding="utf-8")
        named = re.search(r"^RestartPreventExitStatus=(.*)", unit, re.MULTILINE).group(1).split()
        section = re.search(r"\.SH EXIT STATUS\n(.*?)\n\.SH", self.manual("quoind"),
                            re.DOTALL).group(1)
        known = set(re.findall(r"^\.B (\d+)$", section, re.MULTILINE))
        self.assertLessEqual(set(named), known | {one.name for one in signal.Signals})
        config = re.search(r"^ExecStart=.* --config (\S+)", unit, re.MULTILINE).group(1)
        # Below the prefix, as quoind(8) says; or /etc if that is what was configured.
        self.assertRegex(config, rf"^(/{PREFIX})?/etc/quoin/quoin.yaml$")
        if not shutil.which("systemd-analyze"):
            print("SKIP: systemd-analyze is not installed")
            self.skipTest("systemd-analyze is not installed")
        # It looks for the program, which is below DESTDIR here.
        copy = pathlib.Path(self.top.name) / "quoind.service"
        copy.write_text(unit.replace("ExecStart=/", f"ExecStart={self.top.name}/", 1),
                        encoding="utf-8")
        done = run("systemd-analyze", "verify", "--man=no", str(copy))
        complaints = [line for line in (done.stdout + done.stderr).splitlines()
                      if "quoind" in line]
        self.assertEqual((done.returncode, complaints), (0, []))

    def test_F23_unit_waits_for_its_host(self):
        """As systemd.service(5) and systemd.unit(5) have it: what ends at once with each status."""
        unit = (self.prefix / "lib/systemd/system/quoind.service").read_text(encoding="utf-8")
        self.assertEqual(unit_setting(unit, "Restart", ""), "on-failure")
        permanent = unit_setting(unit, "RestartPreventExitStatus", "").split()
        section = re.search(r"\.SH EXIT STATUS\n(.*?)\n\.SH", self.manual("quoind"),
                            re.DOTALL).group(1)
        for status in re.findall(r"^\.B (\d+)$", section, re.MULTILINE):
            # How a node was told to stop, what a person has to mend, and what may pass by itself.
            wanted = {"0": 1, "2": 1, "3": 1, "7": 1}.get(status)
            starts = 1 if status == "0" or status in permanent else starts_in(unit, TROUBLE_S)
            with self.subTest(status=status):
                if wanted:
                    self.assertEqual(starts, wanted)
                else:
                    self.assertIsNotNone(starts, "it is ended for good")
                    self.assertLessEqual(starts, TROUBLE_S / 60 * STARTS_MINUTE_MAX)

    def test_F23_unit_ends_what_replay_meets_again(self):
        """A false assertion is met by each replay of the same log; a loop that stood still is not,
        and has another signal, of which there is a core too."""
        unit = (self.prefix / "lib/systemd/system/quoind.service").read_text(encoding="utf-8")
        permanent = unit_setting(unit, "RestartPreventExitStatus", "").split()
        hung = unit_setting(unit, "WatchdogSignal", "SIGABRT")
        self.assertIn("SIGABRT", permanent)
        self.assertNotIn(hung, permanent)
        cores = re.search(r"\.BR (\w+)\nEnd at once, with a core", self.manual("quoind")).group(1)
        self.assertEqual(hung, cores)

    def test_samples_are_good(self):
        quoind = str(self.prefix / "bin/quoind")
        for name in SAMPLES:
            with self.subTest(sample=name):
                sample = str(self.prefix / f"share/doc/quoin/samples/{name}.yaml")
                done = run(quoind, "--config", sample, "--check")
                # What a host must have before, the samples say: each line names its key.
                wrong = [line for line in done.stderr.splitlines() if not re.match(
                    r"quoind: (network\.(pci|interface)|memory|cpus|admin-socket|data-dir): ", line)]
                self.assertEqual((done.returncode in (0, 4), wrong), (True, []))
                self.assertEqual(done.returncode == 0, done.stderr == "")
                self.assertIn("initial-cluster", done.stdout)


if __name__ == "__main__":
    Install.build = sys.argv.pop(1)
    sys.exit(unittest.main())
