#!/usr/bin/env python3
"""D9b: the drill of docs/deploy.md, as it stands there, on a host where nothing of it is yet:
drill_test.py SOURCE BUILD. Needs root.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
DRILL = re.compile(r"^The drill, on one host.*?^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMESPACES = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]


def run(script, build, work):
    """In a /var/tmp of its own, on the disk: what is durable takes no other."""
    setup = f"""
        mount --make-rprivate /
        mount -t tmpfs tmpfs /run
        mkdir /run/bin /run/netns
        ln -s {build}/tools/quoinctl {build}/tools/lab/quoin-lab {build}/node/quoind /run/bin
        mount --bind {work} /var/tmp
        export PATH=/run/bin:$PATH
        unset QUOIN_ENDPOINTS
        """
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8") as out:
        done = subprocess.run([*NAMESPACES, "bash", "-euc", setup + script], stdout=out,
                              stderr=out, stdin=subprocess.DEVNULL, check=False, timeout=150)
        out.seek(0)
        return done.returncode, out.read()


def main(source, build):
    if os.geteuid() != 0 or subprocess.run([*NAMESPACES, "true"], check=False).returncode:
        print("SKIP: this host does not allow namespaces, or this is not root")
        return SKIP
    guide = (pathlib.Path(source) / "docs/deploy.md").read_text(encoding="utf-8")
    drill = DRILL.search(guide).group(1)
    work = tempfile.mkdtemp(prefix="quoin-drill-", dir="/var/tmp")
    try:
        status, text = run(drill, build, work)
        left = os.listdir(work)
    finally:
        shutil.rmtree(work)
    print(text)
    assert status == 0, status
    assert "greeting\nhello\n" in text, "the key is not there"
    assert text.count("Snapshot restored to ") == 3, text
    assert left == [], left
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
