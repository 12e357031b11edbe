/*
 * A leader and its cluster, for the tests of raft/change.h.
 *
 * A table reads as text: each member's id, V if it votes, B if it voted before, L if it leaves, J
 * if it is to join, >ID if it is to replace somebody, ? if it has no directory.
 */
#ifndef TESTS_UNIT_RAFT_FIELD_H
#define TESTS_UNIT_RAFT_FIELD_H

#include "raft/change.h"

#include "raft/window.h"
#include "tests/unit/test.h"

enum { COMMIT = 1000, BEHIND = RAFT_WINDOW_SLOTS / 4, TEXT = 256 };

struct field {
	struct raft_change_view view;
	struct raft_members members;
	struct raft_members next;
	struct raft_refusal refusal;
};

/* Members 1 to `voters` vote, the `learners` after them do not; 1 leads; all hold everything. */
void field_init(struct field *f, uint32_t voters, uint32_t learners);

struct raft_member *field_member(struct field *f, raft_id id);
struct raft_change_peer *field_peer(struct field *f, raft_id id);

void field_text(const struct raft_members *m, char text[TEXT]);

/* The table reads so, and is valid. */
void field_expect(const struct raft_members *members, const char *expected);

bool field_make(struct field *f, struct raft_change *changes, uint32_t count);

/* The change makes this table, or is refused. */
void field_makes(struct field *f, struct raft_change change, const char *expected);
void field_refuses(struct field *f, struct raft_change change, enum raft_refusal_reason reason);

/* The entry of `next` is appended, and in force; what was appended is committed. */
void field_append(struct field *f);
void field_commit(struct field *f);

#endif
