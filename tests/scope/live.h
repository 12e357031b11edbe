/*
 * The members that run now: each at one place in memory, with its core and all that it allocated.
 */
#ifndef TESTS_SCOPE_LIVE_H
#define TESTS_SCOPE_LIVE_H

#include "tests/scope/world.h"

/* Copies the member's bytes to live[i], if they are not there. */
struct member *live_touch(struct world *w, uint32_t i);
struct raft *live_core(uint32_t i);
raft_identity live_identity(uint32_t i);

/* A place that holds nothing. */
void live_clear(struct world *w, uint32_t i);

/* A core that begins with what the member's disk holds, and with what its core knew of others. */
void live_create(struct world *w, uint32_t i, const struct raft_witness *witness, uint32_t count);

/* The table in force by a log, and by what was told: its index; 0: the one it was formed with. */
raft_index live_table_find(const struct member *m, const struct log *log, struct raft_members *out);

/* The table as of a committed entry: its index. */
raft_index live_canon_table(const struct world *w, raft_index index, struct raft_members *out);
/* Its log is what was committed up to there, and what was to be written of it is gone. */
void live_log_replace(struct world *w, uint32_t i, raft_index index);
/* It can offer that. */
void live_snapshot_tell(uint32_t i, raft_index index);

/* Takes all that is handed out, until nothing is. Messages go into flight. */
void live_drain(struct world *w, uint32_t i);

/*
 * What the cores ask each other about a start arrives, if `answers` has the one who is asked; with
 * `first` all is said before anybody else is asked.
 */
void live_starts_settle(struct world *w, uint32_t by, uint32_t answers, uint32_t first);

/* The oldest write of a member is durable. */
void live_write_finish(uint32_t i);

/* Its bytes say only what matters. */
void live_settle(struct world *w, uint32_t i);

/* --- what is the same (same.c) --- */

/* In how many orders members may be numbered, and a member's number in one of them. */
uint32_t same_orders(void);
uint32_t same_renamed(uint32_t order, uint32_t i);
uint32_t same_number(uint32_t order, uint32_t renamed);
void member_hash(struct world *w, uint32_t i);

/* --- timers, which fire when they are told to (settle.c) --- */

enum { TIME_NOW_US = 1000000000, TIME_ELECTION_US = 100000, TIME_HEARTBEAT_US = 10000 };

void time_timeout(struct raft *r);
void time_heartbeat(struct raft *r);
void time_silence(struct raft *r);
/* So much time has passed for that member that it keeps no promise of before. */
void time_promise_over(struct raft *r, raft_id id);
void time_transfer_over(struct raft *r);
/* So long after a start that a majority is enough. */
void time_start_silence(struct raft *r);

#endif
