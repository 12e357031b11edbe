/*
 * A fuzz target, and a main for it where there is no libFuzzer: a seeded loop of mutations
 * that can be replayed.
 *
 *	TARGET [--seconds N] [--seed N] [--runs N] [FILE...]
 *
 * With files it runs each once. It prints SEED first; before a crash, the input that did it is in
 * fuzz-crash.bin of the working directory, if the target died by a signal.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Larger than any packet. */
enum { FUZZ_INPUT_MAX = 16384 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the n-th good input, at most FUZZ_INPUT_MAX bytes, and returns its size. */
size_t fuzz_seed_input(uint64_t n, uint8_t *input);

#endif
