#!/usr/bin/env python3
"""One rule over the whole tree: tree_test.py ROOT RULE. It is one of rules.py, about each file by
itself, or a module of that name, about the tree. Fails if it is broken."""

import importlib
import sys

import rules


def main():
    root, name = sys.argv[1:]
    rule = getattr(rules, name, None)
    if rule in rules.RULES:
        complaints = rules.check(rule, root)
    else:
        complaints = importlib.import_module(name).check(root)
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
