/*
 * What members say of themselves, applied: of each the newest.
 *
 * Invariants:
 *  KN1. `digest` depends on who the members are and on what they said alone.
 *  KN2. Once an entry of the log has said who the members are, nothing is kept of anybody else.
 *       Before it whoever says something is a member: the leader has taken it from nobody but him,
 *       and there are SM_MEMBERS_MAX at most.
 */
#ifndef KV_NAMES_H
#define KV_NAMES_H

#include "kv/command.h"

struct kv_named {
	uint64_t id;
	struct sm_attributes attributes;
};

struct kv_names {
	bool known; /* who the members are */
	uint32_t member_count, named_count;
	uint64_t member[SM_MEMBERS_MAX];
	struct kv_named named[SM_MEMBERS_MAX]; /* ascending by id */
	uint64_t digest;
};

/* A publication, decoded. False: of who is no member, or of one too many. */
bool kv_names_publish(struct kv_names *n, const struct kv_request *request);
void kv_names_members(struct kv_names *n, const uint64_t *ids, uint32_t count);
/* NULL: it said nothing. */
const struct sm_attributes *kv_names_find(const struct kv_names *n, uint64_t id);
/* After they were put in otherwise. */
void kv_names_digest(struct kv_names *n);
/* Recomputes what the invariants state; asserts. */
void kv_names_verify(const struct kv_names *n);

#endif
