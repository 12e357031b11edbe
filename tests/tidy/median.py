"""Half of the product's C files have fewer than 150 lines: a room is many small files."""

import statistics

import source

LINES_MAX = 150


def check(root):
    rooms = tuple(room for room in source.ROOMS if room != "tests")
    lengths = [text.count("\n") for _, text in source.files(root, (".c", ".h"), rooms)]
    middle = statistics.median(lengths)
    print(f"{len(lengths)} files, median {middle:g} lines, longest {max(lengths)}")
    return [] if middle < LINES_MAX else [f"the median is {middle:g} lines; below {LINES_MAX}"]
