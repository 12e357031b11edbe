/*
 * The kinds of entries: one table, for whoever names an entry or has to tell a sound one from
 * another. What a kind means stays with those who act on it.
 */
#ifndef RAFT_ENTRY_H
#define RAFT_ENTRY_H

#include "raft/types.h"

/* "command", "no-op", "members"; "unknown" for what is none of them. */
const char *raft_entry_type_name(uint8_t type);

/* The type is known; the size and the flags are such as it has. The data is not looked at. */
bool raft_entry_form_valid(const struct raft_entry *entry);

/* And the data, if the core has to read it, can be read and acted on. */
bool raft_entry_valid(const struct raft_entry *entry);

#endif
