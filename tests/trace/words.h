/*
 * Messages, entries and refusals as prose. 3/2 is the entry at index 3, of term 2; "writes (4)" and
 * "disk has it (4)" are one write; a1 is the directory of n1. What starts ask each other is not
 * written down, but for what comes of it.
 */
#ifndef TESTS_TRACE_WORDS_H
#define TESTS_TRACE_WORDS_H

#include "raft/types.h"

#include <stdio.h>

const char *trace_error_name(int err);
void trace_entries_print(FILE *out, const struct raft_append *a);
void trace_message_print(FILE *out, const struct raft_message *m);

#endif
