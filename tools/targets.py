#!/usr/bin/env python3
"""What must be built for some suites: targets.py BUILD SUITE... prints the names that ninja takes."""
import json
import os
import subprocess
import sys


def read(build, kind):
    text = subprocess.run(["meson", "introspect", kind, build], stdout=subprocess.PIPE, check=True)
    return json.loads(text.stdout)


def main():
    build, suites = sys.argv[1], set(sys.argv[2:])
    files = {target["id"]: target["filename"] for target in read(build, "--targets")}
    needed = {
        os.path.relpath(file, os.path.abspath(build))
        for test in read(build, "--tests")
        if suites & {suite.partition(":")[2] for suite in test["suite"]}
        for target in test["depends"]
        for file in files[target]
    }
    print(*sorted(needed), sep="\n")


if __name__ == "__main__":
    main()
