#!/usr/bin/env python3
"""One rule of rules.py over the whole tree: tree_test.py ROOT RULE. Fails if it is broken."""

import sys

import rules


def main():
    root, name = sys.argv[1:]
    complaints = rules.check(getattr(rules, name), root)
    print("\n".join(complaints))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
