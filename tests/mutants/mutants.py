#!/usr/bin/env python3
"""Makes one mistake at a time in a copy of the tree, and expects a test to go red.

    mutants.py SOURCE_ROOT [--seconds N] [--seed N] [NAME...]

All of them, or in an order drawn at random as many as the seconds allow, and no fewer than
MINIMUM. A mutant that does not compile is a failure of this test, and so is any one whose text is
no longer there: the table is to be kept true. QUOIN_LOOP_SECONDS is kept small: a mutant that only
a long run finds is not held.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

from table import MUTANTS

# The exit status of a test that this host cannot run, such as one that needs /dev/fuse.
SKIPPED = 77
# Of those that --seconds draws.
MINIMUM = 12

ROOMS = ["base", "raft", "wal", "dataplane", "kv", "config", "metrics", "serve", "doors", "node"]
ROOMS += ["tools", "tests", "docs"]


def run(command, **options):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def copy_tree(source, work):
    for name in os.listdir(source):
        path = os.path.join(source, name)
        if name in ROOMS:
            shutil.copytree(path, os.path.join(work, name), symlinks=True)
        elif os.path.isfile(path):
            shutil.copy2(path, work)


def test_programs(build):
    """How each test is called, with what in its environment, and what must be built for it."""
    tests = json.loads(run(["meson", "introspect", "--tests", build]).stdout)
    made = json.loads(run(["meson", "introspect", "--targets", build]).stdout)
    files = {target["id"]: target["filename"] for target in made}
    return {test["name"]: (test["cmd"], test["env"],
                           [os.path.relpath(file, build) for target in test["depends"]
                            for file in files[target]])
            for test in tests}


def passes(build, programs, name, env):
    command, own, targets = programs[name]
    made = run(["ninja", "-C", build] + targets)
    if made.returncode:
        return None, made.stdout[-2000:]
    try:
        ran = run(command, cwd=build, env=dict(env, **own), timeout=120)
    except subprocess.TimeoutExpired:
        return False, "it hangs"
    if ran.returncode == SKIPPED:
        return SKIPPED, ran.stdout[-300:]
    return ran.returncode == 0, ran.stdout[-300:]


def without_mistake(build, programs, test, env, skipped):
    """A test judges nothing unless it passes on the tree as it is."""
    good, said = passes(build, programs, test, env)
    if good == SKIPPED:
        print(f"{test} cannot run here, and judges nothing: {said}", flush=True)
        skipped.add(test)
    elif not good:
        sys.exit(f"{test} is red without any mistake: {said}")


def judge(work, build, programs, mutant, env):
    name, rule, path, old, new, tests = mutant
    file = os.path.join(work, path)
    with open(file, encoding="utf-8") as f:
        text = f.read()
    with open(file, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))
    try:
        for test in tests:
            good, said = passes(build, programs, test, env)
            if good is None:
                return f"does not compile:\n{said}"
            if not good:
                last = said.strip().rsplit("\n", 1)[-1]
                print(f"    seen by {test}" + (f": {last}" if "found after" in last else ""))
                return None
        return f"nobody saw it: {', '.join(tests)} passed"
    finally:
        with open(file, "w", encoding="utf-8") as f:
            f.write(text)


def stale(source, chosen):
    """Those whose text is not there, or not once."""
    for name, _, path, old, _, _ in chosen:
        with open(os.path.join(source, path), encoding="utf-8") as f:
            count = f.read().count(old)
        if count != 1:
            yield f"{name}: {path} has it {count} times instead of once"


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("only", nargs="*")
    return parser.parse_args()


def main():
    o = options()
    source, only = o.source, o.only
    end = time.monotonic() + o.seconds if o.seconds else None
    env = dict(os.environ, QUOIN_LOOP_SECONDS="3", MALLOC_PERTURB_="0")
    with tempfile.TemporaryDirectory(prefix="quoin-mutants-") as work:
        copy_tree(source, work)
        build = os.path.join(work, "build")
        settings = ["-Dwerror=false", "-Dwarning_level=0", "--buildtype=plain"]
        made = run(["meson", "setup", build, work] + settings)
        if made.returncode:
            sys.exit(made.stdout)
        programs = test_programs(build)
        chosen = [mutant for mutant in MUTANTS if not only or mutant[0] in only]
        wrong = list(stale(source, chosen))
        if wrong:
            sys.exit("\n".join(wrong))
        if end:
            random.Random(o.seed).shuffle(chosen)
        tried, skipped = set(), set()
        for i, mutant in enumerate(chosen):
            if end and i >= MINIMUM and time.monotonic() > end:
                print(f"SEED={o.seed}: {i} of {len(chosen)} were tried (at least {MINIMUM})")
                break
            for test in set(mutant[5]) - tried:
                tried.add(test)
                without_mistake(build, programs, test, env, skipped)
            if skipped.issuperset(mutant[5]):
                print(f"{mutant[0]}: not judged", flush=True)
                continue
            begin = time.monotonic()
            print(f"{mutant[0]}: {mutant[1]}", flush=True)
            what = judge(work, build, programs, mutant, env)
            print(f"    {time.monotonic() - begin:.1f} s", flush=True)
            if what:
                print(f"    FAILED: {what}")
                wrong.append(mutant[0])
    if wrong:
        sys.exit(f"{len(wrong)} mistakes were not seen: {', '.join(wrong)}")


main()
