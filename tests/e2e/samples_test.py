#!/usr/bin/env python3
"""F23: the installed samples, as they are, on a fresh host: what their comments say is typed there
works, or --check refuses them, with words that are true: samples_test.py BUILD.

A fresh host is a network and a mount namespace in which /var/tmp and /run are new, and that has no
huge pages. Needs root.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

SKIP = 77
PREFIX = "usr/local"
# `ethtool -K INTERFACE tx off`, where that program is not installed.
TX_OFF = """
import array, fcntl, socket, struct, sys
value = array.array("I", [0x17, 0])  # ETHTOOL_STXCSUM
request = struct.pack("16sQ8x", sys.argv[1].encode(), value.buffer_info()[0])
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8946, request)
"""
# What is typed, as a sample's comment has it.
TYPED = re.compile(r"^#\t(.*)$", re.MULTILINE)


def quiet(*command):
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=120)


class Samples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # On a disk: what is durable takes no other.
        cls.top = tempfile.TemporaryDirectory(prefix="quoin-samples-", dir="/var/tmp")
        done = quiet("meson", "install", "--no-rebuild", "-C", cls.build, "--destdir", cls.top.name)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.prefix = pathlib.Path(cls.top.name) / PREFIX

    @classmethod
    def tearDownClass(cls):
        cls.top.cleanup()

    def fresh_host(self, script):
        """How a shell ends there; its children end with it."""
        fresh = tempfile.mkdtemp(dir=self.top.name)
        work = self.prefix / "share/doc/quoin/samples"
        # The disk's directory is where the tree lies, so it is bound elsewhere first.
        setup = f"""
            mount --make-rprivate /
            mount -t sysfs sysfs /sys
            mount -t tmpfs tmpfs /sys/kernel/mm/hugepages
            mount -t tmpfs tmpfs /run
            mkdir /run/work /run/bin {fresh}/tmp
            mount --bind {work} /run/work
            mount --bind {self.prefix}/bin /run/bin
            mount --bind {fresh}/tmp /var/tmp
            cd /run/work
            export PATH=/run/bin:$PATH
            unset QUOIN_ENDPOINTS
            """
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc",
                   "--kill-child", "bash", "-euc", setup + script]
        # Output to a file: a background process may hold a pipe open for longer.
        with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as out:
            done = subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                  check=False, timeout=120)
            out.seek(0)
            text = out.read()
        shutil.rmtree(fresh)
        return done.returncode, text

    def sample(self, name):
        path = self.prefix / f"share/doc/quoin/samples/{name}.yaml"
        return path.read_text(encoding="utf-8")

    def typed(self, name):
        return "\n".join(TYPED.findall(self.sample(name)))

    def test_F23_three_on_virtual_devices(self):
        script = self.typed("virtual-n1")
        self.assertEqual(script.count("quoind --config"), 3)
        status, text = self.fresh_host(script)
        self.assertEqual(status, 0, text)
        self.assertIn("is healthy", text)

    def test_F23_one_alone(self):
        script = self.typed("single")
        self.assertIn("ethtool -K quoin0 tx off", script)
        if not shutil.which("ethtool"):
            script = f"ethtool() {{ {sys.executable} -c '{TX_OFF}' $2; }}\n" + script
        status, text = self.fresh_host(script)
        self.assertEqual(status, 0, text)
        self.assertIn("198.18.0.1:2379 is healthy", text)

    def test_F23_one_alone_without_its_devices_is_refused(self):
        status, text = self.fresh_host("quoind --config single.yaml --check >/dev/null")
        self.assertEqual(status, 4, text)
        self.assertRegex(text, r"^quoind: network.interface: interface quoin1: No such device.*\n$")

    def test_F23_servers_are_refused_for_what_a_fresh_host_lacks(self):
        for number in 1, 2, 3:
            with self.subTest(server=number):
                status, text = self.fresh_host(
                    f"quoind --config server-{number}.yaml --check >/dev/null")
                self.assertEqual(status, 4, text)
                wrong = {}
                for line in text.splitlines():
                    key = re.match(r"quoind: ([a-z.-]+): ", line)
                    self.assertTrue(key, line)
                    wrong[key.group(1)] = line
                # /run is new, and has no /run/quoin: the unit makes it.
                self.assertIn("/run/quoin", wrong.pop("admin-socket"))
                device = re.search(r"pci: (\S+)", self.sample(f"server-{number}")).group(1)
                there = pathlib.Path(f"/sys/bus/pci/devices/{device}").exists()
                self.assertEqual("network.pci" in wrong, not there)
                self.assertIn(device, wrong.pop("network.pci", device))
                # CPU 2, where there is none.
                self.assertEqual("cpus" in wrong, 2 not in os.sched_getaffinity(0))
                self.assertIn("cpus: 2: ", wrong.pop("cpus", "cpus: 2: "))
                self.assertIn("512MiB takes 256 huge pages of 2 MiB, and of 0 that there are",
                              wrong.pop("memory"))
                self.assertEqual(wrong, {})


if __name__ == "__main__":
    Samples.build = sys.argv.pop(1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.geteuid() != 0 or quiet("unshare", "--net", "--mount", "true").returncode != 0:
        print("SKIP: no namespaces can be made here")
        sys.exit(SKIP)
    sys.exit(unittest.main())
