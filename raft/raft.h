/*
 * The consensus core: Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus
 * Algorithm", 2014: "the paper"; Ongaro's dissertation, 2014: "the thesis") as a pure state
 * machine. It does no I/O, reads no clock, calls nobody back and allocates nothing after
 * raft_create.
 *
 * Events go in (raft_tick, raft_recv, raft_propose, ...); raft_ready then hands out what to
 * persist, send, apply, fetch and serve, and raft_advance says that the hand-out was taken.
 * Everything in a ready may be acted on at once and in any order: a message that depends on
 * durability is in no ready until raft_persisted has covered what it depends on.
 *
 *	raft_recv(r, &message);
 *	raft_tick(r, now_us);
 *	raft_persisted(r, seq);
 *	raft_ready(r, log_room, &ready);
 *	    ... ready.entries and ready.hard_state to the log, ready.messages to the network ...
 *	raft_advance(r);
 *
 * Pointers in a ready are valid until raft_advance; between raft_ready and raft_advance no other
 * call is made. All functions are for one thread.
 */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include "raft/change.h"
#include "raft/members.h"
#include "raft/types.h"

#include <stddef.h>

struct raft;

enum raft_role {
	RAFT_FOLLOWER,
	RAFT_PRECANDIDATE, /* asks whether it would be elected; its term is the one it was in */
	RAFT_CANDIDATE,
	RAFT_LEADER,
};

enum {
	RAFT_READY_ENTRIES_MAX = 256, /* to persist: 317 KiB with their headers */
	RAFT_READY_APPLY_MAX = 256,
	RAFT_READY_FETCH_MAX = RAFT_MEMBERS_MAX + 1, /* one for each peer and one for apply */
#ifdef RAFT_TEST_SMALL
	RAFT_READY_MESSAGES_MAX = 64,
	RAFT_READY_READS_MAX = 4,
	RAFT_FETCH_ENTRIES_MAX = 1,
#else
	RAFT_READY_MESSAGES_MAX = 304,
	RAFT_READY_READS_MAX = 1024, /* also the bound on reads that wait for a quorum */
	RAFT_FETCH_ENTRIES_MAX = 64, /* entries in one fetch: 75 KiB each */
#endif
};

struct raft_options {
	raft_id id;
	raft_identity identity;
	uint64_t place; /* where it is, as a table says it; 0: nobody said */
	raft_start start;
	/*
	 * Of the newest MEMBERS entry in the log; without one, as the snapshot has them, or, where
	 * there never was one, as the cluster was formed.
	 */
	struct raft_members members;
	raft_index members_index; /* of that entry; 0: there never was one */
	/* Those that a truncation of that entry falls back to; none if a snapshot covers it. */
	struct raft_members members_before;
	raft_index members_before_index;
	/* Of one of these two, if this member began with it: its log may end before it. Or 0. */
	raft_index members_begun;
	struct raft_hard_state hard_state; /* as recovered; a base of a later term raises it */
	/* The log begins behind this entry (ADR 9); an empty one ends there. 0: at its first. */
	raft_index base_index;
	raft_term base_term;
	/* The state machine was restored from a snapshot of so much: the base at least. Or 0. */
	raft_index applied;
	raft_index last_index; /* of the recovered log; its entries follow by raft_restore */
	bool lost;             /* it ends before what this member had acknowledged (D9c) */
	/* Its knowledge of the others, as last marked; of those without one: nothing. */
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t witness_count;
	uint64_t seed;
	/* The timeout is drawn anew, uniformly, from [min, max]. */
	uint32_t election_timeout_us_min;
	uint32_t election_timeout_us_max;
	uint32_t heartbeat_us;
	/* It asks before it stands for election (thesis 9.6): its term stays if it would lose. */
	bool pre_vote;
	/*
	 * As a leader it steps down when a round of heartbeats finds no majority within the
	 * shortest election timeout; whoever heard a leader within it elects no other (thesis 6.2,
	 * 4.2.3).
	 */
	bool check_quorum;
	/*
	 * A leader answers reads without a round of heartbeats as long as no other one can be
	 * elected. It rests on clocks (raft/lease.c says on what of them), and on check_quorum.
	 */
	bool lease_reads;
	/*
	 * The longest that this member promises to elect no other, whatever its timeouts; for so
	 * long it elects nobody after a start. No less than in any start before (raft/lease.c).
	 */
	uint32_t promise_us_max;
	/* Up to RAFT_PRIORITY_MAX. A leader hands over to a voter with a higher one (prefer.c). */
	uint8_t priority;
	/* Bytes of entries (data + RAFT_ENTRY_OVERHEAD each) in one message. */
	uint32_t append_size_max;
	uint64_t now_us;
};

/*
 * Creates a core as a follower. Allocates all memory it will ever use. 0, -EINVAL (options that
 * contradict each other), -ENOMEM.
 */
int raft_create(struct raft **out, const struct raft_options *options);
void raft_destroy(struct raft *r);

/*
 * Restores the tail of a recovered log: called for the last min(RAFT_WINDOW, last_index -
 * base_index) entries in order, each the one behind raft_last, before any other call but that.
 * Copies the data. After it, entries below the window are known to be committed (RAFT_WINDOW says
 * why).
 */
void raft_restore(struct raft *r, const struct raft_entry *entry);

/*
 * Time passes: now_us never goes back. Elections, heartbeats and retransmissions follow from it.
 * The clock was read after the tick before this one returned; events may have come since, before
 * that or after (raft/lease.c).
 */
void raft_tick(struct raft *r, uint64_t now_us);

/*
 * The earliest time at which raft_tick or raft_ready has anything to do if nothing happens before;
 * never in the past of the last tick. Asked after raft_ready was called until it returned false.
 * Entries that wait for room in the log have no time: they leave when the disk has made some.
 */
uint64_t raft_deadline(const struct raft *r);

/*
 * True if the next raft_tick, at now_us, would end a silence: whoever was descheduled reads the
 * mail that waits for it first, for the leader's heartbeats are there.
 */
bool raft_election_due(const struct raft *r, uint64_t now_us);

/*
 * A message arrives, decoded and unverified. Entries are copied. 0, or why it was dropped
 * (raft/check.h has the table): -EINVAL (malformed), -ENOENT (the sender is not a member),
 * -EKEYREJECTED (the sender's directory is not the one that the table names), -ESTALE (an older
 * term or start, or an answer that comes too late), -EBUSY (it stands for election while a leader
 * is heard), -EDOM (a term or start further ahead than is believed), -ERANGE (it answers what this
 * member never said), -EPROTO (a second leader of a term, or other entries than are committed
 * here).
 */
int raft_recv(struct raft *r, const struct raft_message *message);

/*
 * Appends a command (1 .. RAFT_COMMAND_SIZE_MAX bytes, copied) to the leader's log, whole, as a
 * chain if it is larger than one entry. *index: of its last entry, *term: its term. 0, -EREMOTE
 * (not the leader), -EAGAIN (the window is full, or it hands over: try later), -EMSGSIZE.
 */
int raft_propose(struct raft *r, const uint8_t *data, size_t size, raft_index *index,
		 raft_term *term);

/*
 * Asks for a linearizable read (thesis 6.4). The answer comes in a ready as a raft_read with the
 * same context once a quorum has confirmed the leader, or a tick has found its lease to hold; a
 * follower asks its leader over the network, where the question may be lost: the caller asks again.
 * 0, -EREMOTE (no leader known), -EAGAIN (too many wait, or the leader has not yet committed in its
 * term).
 */
int raft_read_index(struct raft *r, uint64_t context);

/* All that was handed out to persist with tokens <= seq is durable. Tokens, never log indexes. */
void raft_persisted(struct raft *r, uint64_t seq);

/*
 * The disk holds a write that is older than it may become (D8), or does no longer. Meanwhile this
 * member neither campaigns nor gives a new vote, for it could not keep it, and a candidate is not
 * elected. A leader that the others commit without hands over to who has most of the log, and
 * steps down. Said again, it changes nothing; when the disk goes on, the election timer starts
 * anew.
 */
void raft_disk_stalled(struct raft *r, bool stalled);

/* Another priority than that of the options, from now on. Outside a ready. */
void raft_priority_set(struct raft *r, uint8_t priority);

/*
 * What is made of this log here is of no use: this member stands for no election any more, by its
 * timer or because a leader hands over. It votes and acknowledges, for its log is right. Whoever
 * says so hands over, if it leads. Outside a ready.
 */
void raft_unfit(struct raft *r);

/*
 * Leadership transfer (thesis 3.10): the leader takes no command meanwhile (-EAGAIN), brings `to`
 * up to date and has it stand for election at once. `to` 0: the one that has most of the log, and
 * of those that have as much the highest priority. It is given up after the shortest election
 * timeout, and commands are taken again. Returns 0: it has begun, or goes on; -EREMOTE (not the
 * leader), -EALREADY (`to` leads), -ENOENT (no such voter), -EHOSTUNREACH (it was not heard of
 * late, lost what it had acknowledged, or its disk is stalled; `to` 0: so is everybody), -EAGAIN
 * (it was not heard yet: this leader has just begun), -EPERM (it said that it is not to lead:
 * raft_unfit), -ESTALE (it has to take a snapshot first: it lags too far, or nothing is applied
 * there), -EBUSY (another one is under way).
 */
int raft_transfer(struct raft *r, raft_id to);
/* To whom one is under way; 0: none is. */
raft_id raft_get_transfer(const struct raft *r);

/*
 * Messages to this member carry at most so many bytes of entries from now on (append_size_max of
 * the options counts them, and bounds it), but for an entry that is larger by itself: the way to it
 * loses larger frames. Of somebody who is no member: nothing. Outside a ready.
 */
void raft_append_size_set(struct raft *r, raft_id id, uint32_t size_max);

/* The state machine has applied everything up to index. */
void raft_applied(struct raft *r, raft_index index);

/*
 * Nothing is handed out to apply while this is so: the state machine is being restored. What was
 * handed out before is applied, or is covered by what raft_snapshot_installed says next. Nor does
 * this member, which does not lead, stand for election, for it could serve nothing: unless nobody
 * else has led for long; then it hands over as soon as it can. Outside a ready.
 */
void raft_apply_hold(struct raft *r, bool held);

/*
 * The log begins behind this entry from now on: nothing at or below it is fetched any more. It is
 * applied, durable in the log, and covered by the snapshot that raft_snapshot_taken said last,
 * which whoever lacks it is offered instead. Outside a ready.
 */
void raft_base_set(struct raft *r, raft_index index, raft_term term);

/*
 * What this member can offer, as a leader: the newest snapshot that it has whole and durably; said
 * anew when that is another one. It is not above what is applied, nor below the base. Outside a
 * ready.
 */
void raft_snapshot_taken(struct raft *r, const struct raft_snapshot *snapshot);

/*
 * What `offer` of a ready named last is to be had from nobody. Offered again, it is named again.
 * Outside a ready.
 */
void raft_offer_gone(struct raft *r);

/* What comes of a snapshot of another member, if it is installed. */
enum raft_snapshot_use {
	RAFT_SNAPSHOT_USELESS, /* the log has, or had, all that it covers: it is not to be */
	/* ... but the state machine, which is held, may not: the log keeps what follows it */
	RAFT_SNAPSHOT_BESIDE,
	RAFT_SNAPSHOT_ALONE, /* the log lacks it, or has other entries: nothing of it is kept */
};
enum raft_snapshot_use raft_snapshot_wanted(const struct raft *r, raft_index index, raft_term term);

/*
 * The state up to this entry is here, durably, and the log was made to begin behind it (ALONE), or
 * is as it was (BESIDE). Just before that was done, and with nothing in between, it was wanted. The
 * state machine was restored from it, or is being (raft_apply_hold). Of what was handed out to
 * persist before, entries are gone, and their tokens may still be said (R5); a hard state is not.
 * `members` as the snapshot has them, of the entry `members_index`. raft_snapshot_taken follows, if
 * it can be offered. Outside a ready.
 */
void raft_snapshot_installed(struct raft *r, raft_index index, raft_term term,
			     const struct raft_members *members, raft_index members_index);

/*
 * Answers a fetch of a ready: `count` contiguous entries from `first` (copied), 1 ..
 * RAFT_FETCH_ENTRIES_MAX; fewer than asked for is fine, and 0 says that they cannot be had now.
 */
void raft_fetched(struct raft *r, uint32_t slot, const struct raft_entry *entries, uint32_t count);

struct raft_fetch {
	uint32_t slot; /* hand back to raft_fetched, always; one question per slot is open */
	raft_index first;
	uint32_t count;
};

/*
 * A read confirmed: serve it once the state machine has applied `index`. 0: refused, ask again. A
 * context may come twice (frames are duplicated): the second one is to be ignored.
 */
struct raft_read {
	uint64_t context;
	raft_index index;
};

struct raft_ready {
	/*
	 * To persist, under one token; 0: nothing. The first entry may have the index of an entry
	 * that was handed out before: it then supersedes that entry and all that follow it.
	 */
	uint64_t persist_seq;
	const struct raft_hard_state *hard_state; /* NULL: unchanged */
	const struct raft_entry *entries;
	uint32_t entry_count;

	const struct raft_message *messages;
	uint32_t message_count;

	/* Committed, contiguous, each handed out once; more follows when raft_applied covers it. */
	const struct raft_entry *apply;
	uint32_t apply_count;

	const struct raft_read *reads;
	uint32_t read_count;

	const struct raft_fetch *fetches;
	uint32_t fetch_count;

	/*
	 * The leader offers a snapshot, and the log lacks what that covers: it is to be fetched,
	 * from whoever has it, and installed. Once for each that is another one, or another
	 * leader's, so it is to be remembered; NULL: none. It may be wanted no more when it is
	 * here, or before.
	 */
	const struct raft_snapshot *offer;
	raft_id offer_from;

	/*
	 * A witness knows a start of this member that is not this one, or more than it holds: its
	 * directory was rolled back. To be made durable, under a start above lost_known, which
	 * raft_restarted then names.
	 */
	bool lost;
	raft_start lost_known;
	/* It holds again all that was committed: to be made durable in its own time. */
	bool whole;
};

/* The start that was drawn after a ready said `lost`. Outside a ready. */
void raft_restarted(struct raft *r, raft_start start);

/*
 * Something came of a start of that member which is not its newest one: it is told what is known of
 * it, as if it had asked. Outside a ready.
 */
void raft_start_tell(struct raft *r, raft_id id, raft_start start);

/*
 * This member's knowledge of the others, to be made durable now and then: RAFT_MEMBERS_MAX at most.
 * The generation changes when it does.
 */
uint32_t raft_witnesses(const struct raft *r, struct raft_witness out[RAFT_MEMBERS_MAX]);
uint64_t raft_witnesses_generation(const struct raft *r);

/*
 * True: *out says what there is. `log_room`: how many entries, of any size, the log
 * takes now. The others wait in the window; nothing else does (V9): terms and votes, messages,
 * reads, what is to be applied or fetched need no room in the log.
 */
bool raft_ready(struct raft *r, uint32_t log_room, struct raft_ready *out);
void raft_advance(struct raft *r);

/* A peer's log as far as it is known, for status and metrics; on the leader only. */
struct raft_progress {
	raft_id id;
	raft_index match;
	raft_index next;
	/* When its last message arrived; 0: never in this term, or not since it moved. */
	uint64_t heard_us;
	/* Smoothed, from an append to its acknowledgement; 0: not measured. */
	uint32_t rtt_us;
	bool lost;     /* it says that it lost what it had acknowledged */
	bool installs; /* what it needs next is in this log no more: it is offered a snapshot */
};

/*
 * A leader's entry that is not the one that stands here at its index, and that may not take its
 * place (append.c): refused, each time. One of the two logs is wrong; this is the first such entry
 * since this member was started.
 */
struct raft_contradiction {
	uint64_t count; /* 0: there was none */
	bool committed; /* what stands here; else it is appended, and may be committed elsewhere */
	raft_index index;
	raft_term ours, theirs; /* may be the same, with other bytes */
	raft_id from;
};

struct raft_status {
	enum raft_role role;
	raft_term term;
	raft_id vote;
	raft_id leader; /* 0: none known */
	raft_index commit;
	raft_index applied;
	raft_index durable;
	raft_index last;
	raft_term last_term;
	raft_index window_first;
	raft_index base;
	struct raft_snapshot snapshot; /* as raft_snapshot_taken said last */
	struct raft_snapshot offered;  /* by a leader, and wanted; index 0: none is */
	raft_id offered_by;
	struct raft_members members; /* as of the newest appended MEMBERS entry */
	raft_index members_index;
	struct raft_members members_before; /* what a truncation of that falls back to */
	raft_index members_before_index;
	bool lost;            /* it lost what it had acknowledged: no vote, no acknowledgement */
	bool start_confirmed; /* the others were asked what they know of it: it may vote */
	bool disk_stalled;    /* as raft_disk_stalled said last */
	raft_id transfer;     /* to whom a leader hands over; 0: nobody */
	uint64_t quorum_lost; /* how often it stepped down because no majority answered */
	uint64_t lease_reads; /* confirmed under a lease, without a round */
	struct raft_contradiction contradiction;
	raft_index replay_last; /* of the log as recovered: until it is applied, it replays */
	uint32_t progress_count;
	struct raft_progress progress[RAFT_MEMBERS_MAX];
};

void raft_get_status(const struct raft *r, struct raft_status *out);

/*
 * Changes the members (raft/change.h): appended and in force at once, as a joint table if voters
 * change; the leader does the rest by itself. *index: of its entry. 0; -EREMOTE (not the leader),
 * -EAGAIN (no room in the log now, or it hands over), -EPERM (*refusal says why).
 */
int raft_members_change(struct raft *r, struct raft_change *changes, uint32_t count,
			raft_index *index, struct raft_refusal *refusal);

/*
 * Another member says that this table is committed, of the entry at `index`: in force if the log
 * has not come so far, until it does, and until then this member stands for nothing. Over as well
 * when a leader, by what it has committed, says that it is not so. Nothing on a leader.
 */
void raft_members_told(struct raft *r, const struct raft_members *members, raft_index index);

/*
 * One is met who is of the cluster, as he says, and of no table that this member has, or has no
 * directory there, or that table has elsewhere: it lags, and cannot know. He may lead, or stand,
 * whatever this member's table says (thesis 4.1), and elects nobody here; that nothing else is
 * taken from him, but as a witness if a table has his directory, is the caller's.
 * In place of whoever was met before; id 0: nobody. Nothing on a leader, and over as this member
 * leads.
 */
void raft_meet(struct raft *r, raft_id id, raft_identity identity);

/*
 * Whom this member speaks with: all in force, and those whose removal is so new that they are still
 * told of it. It changes with the generation.
 */
void raft_get_peers(const struct raft *r, struct raft_members *out);

/* The member table in force, until the next call; and what changes whenever it does. */
const struct raft_members *raft_get_members(const struct raft *r);
/* The log's newest, or that with which the member began: nobody's word is in it. As long. */
const struct raft_members *raft_get_log_members(const struct raft *r);
uint64_t raft_members_generation(const struct raft *r);

/* The cheap ones, for every loop. */
raft_id raft_leader(const struct raft *r);
enum raft_role raft_get_role(const struct raft *r);
raft_term raft_get_term(const struct raft *r);
raft_index raft_commit(const struct raft *r);
bool raft_knows_commit(const struct raft *r); /* it leads, and nothing is committed but that */
raft_index raft_last(const struct raft *r);
raft_index raft_durable(const struct raft *r);
uint64_t raft_quorum_lost(const struct raft *r); /* as in raft_status */
/* Its disk hangs, and does not have its term: it says nothing, so nobody sends it entries. */
bool raft_is_mute(const struct raft *r);

#endif
