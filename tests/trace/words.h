/*
 * Messages, entries and refusals as prose.
 */
#ifndef TESTS_TRACE_WORDS_H
#define TESTS_TRACE_WORDS_H

#include "raft/types.h"

#include <stdio.h>

const char *trace_error_name(int err);
void trace_entries_print(FILE *out, const struct raft_append *a);
void trace_message_print(FILE *out, const struct raft_message *m);

#endif
