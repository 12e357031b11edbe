#!/usr/bin/env python3
"""Every C file is as clang-format 14 would write it: format_test.py ROOT. Another version would
write some lines otherwise, so no other is asked."""

import os
import shutil
import subprocess
import sys

import source


def main():
    root = sys.argv[1]
    program = shutil.which("clang-format-14")
    if not program:
        print("SKIP: clang-format-14 is not installed")
        return 77
    paths = [path for path, _ in source.files(root, (".c", ".h"))]
    done = subprocess.run(
        [program, "--dry-run", "-Werror", *paths], cwd=root, text=True, capture_output=True,
        check=False, env={**os.environ, "LC_ALL": "C"})
    heads = [line for line in done.stderr.split("\n") if "error: code should be" in line]
    print(f"{len(paths)} files", *heads, sep="\n")
    return 1 if done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
