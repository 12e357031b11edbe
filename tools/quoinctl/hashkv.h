/*
 * What a member's store hashes to at a revision.
 */
#ifndef TOOLS_QUOINCTL_HASHKV_H
#define TOOLS_QUOINCTL_HASHKV_H

#include "tools/quoinctl/endpoints.h"

/* A probe_function: the hash at options->revision, 0 for the newest, in p->node and p->answer. */
void probe_hash(struct probe *p);

/* The revision that was hashed. */
uint64_t hash_revision(const struct probe *p);

#endif
