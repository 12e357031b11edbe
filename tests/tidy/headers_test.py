#!/usr/bin/env python3
"""Each header compiles by itself: headers_test.py ROOT COMPILER_ARGUMENT... Its includes are then
what it needs, in whatever order it is included."""

import subprocess
import sys

import source


def main():
    root, *compiler = sys.argv[1:]
    failed = []
    count = 0
    for path, _ in source.files(root, (".h",)):
        count += 1
        done = subprocess.run(
            [*compiler, f"-I{root}", "-fsyntax-only", "-x", "c", "-"], text=True, check=False,
            input=f'#include "{path}"\n#include "{path}"\n', capture_output=True)
        if done.returncode:
            failed.append(f"{path}:\n{done.stderr}")
    print(f"{count} headers", *failed, sep="\n")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
