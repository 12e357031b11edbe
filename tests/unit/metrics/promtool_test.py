"""promtool, which holds Prometheus' own rules for names, types and help, finds nothing to say about
a page on which every row of the table stands."""

import shutil
import subprocess
import sys

SKIPPED = 77


def main(page):
    promtool = shutil.which("promtool")
    if not promtool:
        print("skipped: promtool is not there: install prometheus (tools/packages)")
        return SKIPPED
    text = subprocess.run([page], check=True, capture_output=True).stdout
    assert text.count(b"\n# TYPE ") > 80, "the page is not whole"
    said = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, check=False
    )
    sys.stdout.write((said.stdout + said.stderr).decode())
    return said.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
