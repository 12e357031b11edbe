/*
 * The core's own state, shared by the files of this folder and by nobody else.
 *
 * Invariants, cited by number in invariants.c. Every build checks all of them in each ready that
 * hands out anything: no message, write, apply or read leaves a core whose state is wrong. The
 * tests' build (RAFT_CHECKS_EVENTS) checks them after every event as well, where what broke one is
 * near; and it goes through each tick and ready that had nothing to do, and asserts that they do
 * nothing. All other assertions of this folder are in every build where they stand.
 *
 *	RI1  durable <= handed <= last; what is durable was handed out, in order.
 *	RI2  commit <= last, applied <= apply_handed <= commit, and none of them goes back.
 *	RI3  The window's invariants W2 and W4 (raft/window.h).
 *	RI4  last_term <= term: a log holds no entry of a term that its owner has not seen.
 *	RI5  A leader's term and vote are durable, it voted for itself, it is the leader it knows.
 *	RI6  For every peer of a leader: match <= last and match < next <= last + 1.
 *	RI7  Only a leader has reads waiting; the first of them are confirmed, the last wait for a
 *	     lease.
 *	RI8  What was proved to match the leader of this term lies within the log.
 *	RI9  members_before_index <= members_index, which is at most last, or what it began with; at
 *	     most one of them is uncommitted. A table that was told is of an index behind the log,
 *	     and by it nobody leads or is elected.
 *	RI10 A member that lost what it acknowledged is a follower.
 *	RI11 Only a leader hands over, and one has met nobody.
 *	RI12 Of nobody anything is aside but while a table was told, and of each once.
 *	RI13 base <= applied and base <= durable; what can be offered covers the base.
 *
 * Durability (R1, R2, R4, R5). Nothing that depends on the disk is ever queued. A reply is *state*:
 * who is owed an answer. raft_ready makes the answer at the moment it may leave, from what is
 * durable at that moment and for the term of that moment, and a change of term forgets what was
 * owed. So a late completion of the disk can never release an acknowledgement that was true in an
 * older term only: the acknowledgement does not exist before it is true. A slot of the window
 * remembers the token under which its entry was handed out, a token covers only what was handed out
 * under it, and an overwritten slot starts at "not handed out": a completion of the overwritten
 * entry (the ABA race) finds a newer token, or none.
 */
#ifndef RAFT_STATE_H
#define RAFT_STATE_H

#include "raft/quorum.h"
#include "raft/raft.h"
#include "raft/window.h"

#include <stddef.h>

enum {
#ifdef RAFT_TEST_SMALL
	RAFT_INFLIGHT_MESSAGES_MAX = 4,
	RAFT_READY_APPENDS_MAX = 8,
	RAFT_READ_REFUSALS_MAX = 4,
#else
	/* Unacknowledged by one peer at most: a burst the receiver's rx ring (1024) can hold. */
	RAFT_INFLIGHT_MESSAGES_MAX = 256,

	/*
	 * Appends with entries in one ready, shared among the peers. The rest of a ready's messages
	 * has room for 10 others to each of 16 peers (start, its answer, vote or prevote, the
	 * answers to both, stale, timeout now, first empty append, empty append, offer), for 3 that
	 * are owed to the leader, and for answers to reads.
	 */
	RAFT_READY_APPENDS_MAX = 128,

	/* Refused reads of other members that wait to be told so; the rest will ask again. */
	RAFT_READ_REFUSALS_MAX = 64,
#endif
	RAFT_INFLIGHT_BYTES_MAX = 512 * 1024,

	RAFT_RETRANSMIT_US_MIN = 500,

	/* The tests' build: that with a small window. */
	RAFT_CHECKS_EVENTS = RAFT_WINDOW_SLOTS < (int)RAFT_WINDOW,

	/* One place per member; a place's number is its fetch slot - 1. */
	RAFT_PLACES_MAX = RAFT_MEMBERS_MAX,
	RAFT_SLOT_APPLY = 0,
	RAFT_SLOTS_MAX = RAFT_READY_FETCH_MAX,

	/*
	 * An answer to a start is of the last second: a member that led more terms than this since
	 * makes one that lost nothing look as if it had, and catch up.
	 */
	RAFT_ACKNOWLEDGED_TERMS = 4,

	/* 2^32 doubled so often is half of the range of terms (terms.c). */
	RAFT_TERMS_DOUBLINGS_MAX = 29,

	/*
	 * A member that was just started and has this much of its log to apply lets one election
	 * timeout pass: with its own that is as long as that of any other can be (V6). Where all
	 * were started at once nobody is ahead, and nobody knows: that costs one more.
	 */
	RAFT_REPLAY_MIN = 1024,

	/*
	 * Entries are read back for a peer where it says so. So many times at once that may be
	 * elsewhere than where they were sent, which is more than the terms in a log that an honest
	 * one has to step back over; and once in this time for ever. With the reads that follow
	 * what was sent of it, the five ways of flood_test.c had 52 to 288 reads a second, of
	 * 320 KiB at most; before there was this bound, up to 48,786 (fetch.c, V28).
	 */
	RAFT_STRAYS_MAX = 16,
	RAFT_STRAY_US = 20000,

	/* Reads of one other member that wait at the leader: no member takes all places (RX14). */
	RAFT_READS_PEER_MAX = RAFT_READY_READS_MAX / 2,
};

struct raft_inflight {
	raft_index last_index;
	uint32_t size;
};

static_assert(RAFT_READY_APPENDS_MAX + 10 * RAFT_PLACES_MAX + 3 < RAFT_READY_MESSAGES_MAX,
	      "a ready holds what every peer is owed");

/* What is too far ahead to be believed, and how it is met (starts.c). */
struct raft_far {
	bool heard; /* since then, and nothing that is believed */
	uint64_t us;
	uint32_t doublings;
};

/* Acknowledged to a leader. */
struct raft_acknowledged {
	raft_term term;
	raft_index index;
};

/* Another member, as seen from here. The leader's view is reset when it is elected. */
struct raft_peer {
	raft_id id;               /* 0: the place is free */
	bool gone;                /* in no table in force: it is told so, and counts nowhere */
	bool voter, voter_before; /* in the set to come, in the one that a joint form leaves */
	raft_identity identity;   /* as the table in force says */

	/* This member's knowledge of it, as a witness (start.c). */
	struct raft_witness witness;
	bool start_reply_owed;
	raft_start start_asked; /* by its newest question */
	bool start_answered;    /* it told what it knows of this start of ours */
	bool start_owed;        /* the question is due to it */
	/* Its starts, and ours that it knows, further ahead than is believed (starts.c). */
	struct raft_far start_far, told_far;
	bool start_base_set;
	uint32_t start_base; /* the count known as of base_us */
	uint64_t start_base_us;
	/* Acknowledged to it by this start, in the newest terms that it led, the last first. */
	struct raft_acknowledged acknowledged[RAFT_ACKNOWLEDGED_TERMS];

	/* Owed to it; answers are made when they leave, with the term of that moment. */
	bool vote_request_owed; /* PREVOTE or VOTE, as the role is */
	bool vote_reply_owed;
	bool prevote_reply_owed;
	raft_term prevote_granted; /* ... in this term, if it is one to come; 0: refused */
	bool timeout_now_owed;
	bool stale_reply_owed; /* it leads an older term: tell it so */
	/* In its newest answer; if either, it counts nowhere (D9c). */
	bool lost;
	bool unconfirmed;
	bool stalled;   /* in its newest answer as well: its disk hangs */
	bool stateless; /* ... and it takes a snapshot, whatever its log has */
	bool unfit;     /* ... and it is not to lead */

	bool vote_requested; /* in this candidacy, or the one before it: the request has left */
	bool vote_answered;
	bool vote_granted;

	/* The leader's view of its log. */
	raft_index match;
	raft_index next;
	bool probing; /* one message at a time, until one is accepted */
	bool slowed;  /* ... and until it has made more durable (V4) */
	bool strayed; /* next is where its word alone has led: a read there is one of few */
	raft_index probe_prev;
	raft_index agreed; /* its log was seen to match up to here, durable or not; a hint */
	raft_index commit_told;
	bool empty_owed;        /* an empty append: heartbeat, read token, commit index */
	bool hello_owed;        /* the empty append of a leader that was just elected */
	uint32_t inflight_head; /* of its ring: raft_inflight */
	uint32_t inflight_count;
	uint32_t inflight_size;

	raft_index offered; /* the newest snapshot that it was offered in this term, and when */
	uint64_t offer_us;

	uint32_t append_size_max; /* on the way to it; 0: what all others may have */

	uint64_t empty_us; /* last empty append */
	uint64_t await_us; /* since when the oldest unanswered append waits */
	uint64_t stray_us; /* when all such reads will have been paid for */
	uint64_t heard_us;
	bool heard; /* since the last tick: time enters only there */
	uint8_t priority;
	bool unsteady; /* it was not heard since it said so: else steady, since then */
	uint64_t steady_us;
	uint32_t retransmit_us;
	uint32_t srtt_us;
	raft_index sent_high;    /* the highest index sent in this term, since it was reset */
	raft_index named;        /* ... ever, as the one before the entries too (RX11) */
	raft_index sample_index; /* 0: no sample runs */
	uint64_t sample_us;
	bool sample_acked;

	uint64_t read_echo;   /* newest read token that it answered in this term */
	uint64_t promised_us; /* it elects nobody else before, drift allowed for (lease.c) */
	uint32_t reads;       /* of it that wait */

	/* It says a term that is too far ahead to be believed, since then (terms.c). */
	bool far;
	uint64_t far_us;
};

/* What is known of a member whom the log's table has, and one that was told has not. */
struct raft_aside {
	raft_id id; /* 0: of nobody */
	raft_identity identity;
	struct raft_witness witness;
	struct raft_acknowledged acknowledged[RAFT_ACKNOWLEDGED_TERMS];
};

/* A follower's debts to the leader of its term. */
struct raft_owed {
	raft_index proved; /* the log matches the leader's up to here */
	raft_index match_sent;
	bool accept_owed;
	raft_index accept_needs; /* ... as soon as this is durable */
	raft_index accept_prev;
	uint64_t read_seq; /* the newest token of the messages that are to be answered (RX10) */
	uint64_t read_echoed;
	bool answered; /* the next token begins anew */

	raft_index offered; /* the highest snapshot that it has named */

	bool refuse_owed;
	raft_index refuse_prev;
	raft_index refuse_hint;
	raft_term refuse_hint_term;
	uint64_t refuse_read_seq;
};

/* A snapshot of which this member was told, and by whom (snapshot.c). */
struct raft_offer {
	struct raft_snapshot what;
	raft_index late; /* below what was offered before, and heard last; 0: none was */
	raft_id from;
	bool due; /* to be handed out */
};

/* A member that lost what it had acknowledged, and its way back (lost.c). */
struct raft_lost {
	bool is;
	bool told;            /* to be handed out: it was found out just now */
	raft_start known;     /* ... from a witness that knows this start */
	uint32_t times;       /* how often, since it was started */
	uint64_t told_us;     /* not before this is it handed out again, or over */
	bool ended;           /* to be handed out: it is whole again */
	raft_term voted_term; /* the newest in which it voted since it was started */

	/* Its question for a read index. */
	uint64_t asked; /* how many, each in a term and under a start of its own */
	uint64_t context;
	raft_term asked_term;
	raft_index target; /* the answer; 0: none yet */
	uint64_t ask_us;   /* when it is due again */
	bool ask_owed;
};

enum raft_slot_state {
	RAFT_SLOT_IDLE,
	RAFT_SLOT_ASKED,  /* to be handed out */
	RAFT_SLOT_OPEN,   /* handed out, not answered */
	RAFT_SLOT_FILLED, /* holds count entries from first */
};

struct raft_slot {
	enum raft_slot_state state;
	raft_index first;
	uint32_t asked;
	uint32_t count;
	uint64_t retry_us;      /* an empty answer: not before this */
	raft_index known_index; /* term of the entry before the ones asked for, kept */
	raft_term known_term;
	struct raft_entry entry[RAFT_FETCH_ENTRIES_MAX];
	uint8_t (*data)[RAFT_ENTRY_DATA_MAX];
};

/* A read that waits at the leader for a quorum to echo its token. */
struct raft_read_wait {
	raft_id from;
	uint64_t context;
	uint64_t seq;
	raft_index index;
};

struct raft_reads {
	uint64_t seq;  /* newest token; each term has tokens of its own */
	bool announce; /* the newest token is in no message yet: later reads may share it */
	struct raft_read_wait wait[RAFT_READY_READS_MAX];
	uint32_t wait_head;
	uint32_t wait_count;
	uint32_t confirmed; /* the first of them are confirmed */
	uint32_t leased;    /* the last of them have no token: they wait for a lease */
	uint32_t aged;      /* ... of these the first, since before the last tick */

	/* Local answers to hand out. wait_count + done_count <= RAFT_READY_READS_MAX, always. */
	struct raft_read done[RAFT_READY_READS_MAX];
	uint32_t done_count;

	/* A follower's questions to its leader. */
	uint64_t ask[RAFT_READY_READS_MAX];
	uint32_t ask_head;
	uint32_t ask_count;

	struct {
		raft_id to;
		uint64_t context;
	} refused[RAFT_READ_REFUSALS_MAX];
	uint32_t refused_count;
};

/* A leader's round of heartbeats. */
struct raft_contact {
	bool open; /* no majority has echoed it yet */
	uint64_t seq;
	uint64_t since_us, begun_us; /* it leads; the round is open */
	uint64_t due_us;             /* the next one, once it is closed */
	uint64_t lost_us;            /* it has waited for too long then */
};

/* While nothing is applied (W21). */
struct raft_held {
	uint32_t timeouts; /* no leader was heard in so many, one after the other */
	uint32_t patience; /* so many before it stands, and leads in vain */
	raft_index match;  /* leader: the most of the log at one that may lead ... */
	uint64_t since_us; /* ... and since when it is no more */
};

struct raft_transfer {
	raft_id to; /* 0: none is under way */
	uint64_t send_us;
	uint64_t deadline_us;
};

/* Attempts to hand over by priority. */
struct raft_prefer {
	uint64_t tried_us;
	uint32_t doublings;
	bool tried;
};

struct raft {
	raft_id id;
	raft_identity identity;
	uint64_t own_place; /* as in a table; 0: nobody said */
	raft_start start;
	uint32_t election_us_min;
	uint32_t election_us_max;
	uint32_t heartbeat_us;
	uint32_t append_size_max;
	bool pre_vote, check_quorum, lease_reads;
	uint32_t promise_us; /* to whoever it answers as its leader; 0: nothing */
	uint8_t priority;
	uint64_t random;

	uint64_t now_us; /* of the last tick */

	/*
	 * What has nothing to do costs next to nothing: a loop asks far more often than anything
	 * happens. raft_changed sets the first two.
	 */
	bool tick_due;   /* something happened since a tick looked */
	bool ready_due;  /* ... or since a ready did, or it did not fit into that */
	uint64_t due_us; /* if nothing happens; 0: to be found out */

	uint64_t election_span_us;
	uint64_t election_deadline_us;
	bool election_restarted; /* since the last tick: the span counts from the next one */
	uint64_t vote_resend_us;
	bool deferred; /* it has let a timeout pass since it heard a leader */

	enum raft_role role;
	raft_id leader;
	struct raft_hard_state hard; /* term and vote */
	bool hard_changed;           /* not yet handed out */
	uint64_t hard_seq;           /* token under which the newest was handed out */
	bool vote_new;               /* it gave its vote, and the timer waits for the disk (V5) */
	uint64_t vote_us;            /* when it gave it; then, when that was durable */

	bool disk_stalled; /* nothing that must be durable is begun */
	bool unfit;        /* raft_unfit */

	/* contact.c, transfer.c */
	bool leader_heard;   /* since the last tick */
	uint64_t elects_us;  /* it elects nobody before: it heard a leader, or may have promised */
	uint64_t leader_seq; /* the newest token that came in an append of this term */
	struct raft_contact contact;
	uint64_t quorum_lost;
	struct raft_transfer transfer;
	struct raft_prefer prefer;
	bool vote_transfer; /* this candidacy is the leader's wish */
	bool lease_void;    /* this leader has had another one stand */
	uint64_t lease_reads_count;

	uint64_t seq;       /* newest token handed out */
	uint64_t persisted; /* newest token that is durable */

	struct raft_window window;
	raft_index restore_last; /* last index of the recovered log */
	bool restored;           /* all of it is here */
	raft_index handed;
	raft_index durable;
	raft_index commit;
	raft_index apply_handed;
	raft_index applied;
	bool apply_held;
	struct raft_held held;

	struct raft_snapshot snapshot; /* that it can offer */
	struct raft_offer offer;

	struct raft_members members; /* the log's */
	raft_index members_index;
	struct raft_members members_before;
	raft_index members_before_index;
	uint64_t members_generation; /* grows when it, or who is a peer, changes */
	raft_index members_begun;    /* with this table it began: no older one of its log counts */
	struct raft_members told;    /* in force in their place, by somebody's word */
	raft_index told_index;       /* ... while the log ends before it; 0: none is */
	uint32_t told_timeouts;      /* ... and no leader was heard in so many */
	struct raft_aside aside[RAFT_MEMBERS_MAX];
	uint32_t gone;    /* peers of the table before that are in no other */
	bool gone_over;   /* ... are peers no longer */
	uint64_t gone_us; /* from then on; 0: their removal is not committed */
	raft_id met;      /* see raft_meet; 0: nobody */
	raft_identity met_identity;
	raft_index left_index;    /* of the joint table for which this leader tried to give way */
	bool voter, voter_before; /* this member, by the table in force; so are the next two */
	uint32_t voters, quorum;  /* how many there are, and a majority of them */
	uint32_t voters_before, quorum_before; /* of the set before; 0: the table is not joint */
	struct raft_peer place[RAFT_PLACES_MAX];
	struct raft_peer *peer[RAFT_PLACES_MAX]; /* the places in use, in order: for each loop */
	uint32_t peer_count;
	uint32_t send_turn; /* of them, who is sent to first */

	/* This start's knowledge of its past (start.c, lost.c). */
	raft_start start_own; /* as it was created, or met: others may know no newer one */
	bool start_confirmed;
	uint64_t start_began_us;
	uint64_t start_ask_us;
	uint64_t start_ask_all_us;
	raft_term start_term; /* as recovered; so are the next four, of the log */
	raft_index start_first;
	raft_index start_last;
	raft_term start_last_term;
	raft_term *start_terms;      /* by slot of the window */
	bool start_settled;          /* it was lost, and is whole again */
	uint64_t witness_generation; /* counts what changed in any peer's witness */
	struct raft_lost lost;

	struct {
		raft_term base; /* as of base_us: how far ahead a term may be counts from it */
		uint64_t base_us;
		bool far_heard; /* since then */
		uint32_t doublings;
	} terms;

	struct raft_contradiction contradiction; /* the first one */

	raft_index term_start; /* leader: index of the first entry of its term; 0: still owed */

	struct raft_owed owed;
	struct raft_slot slot[RAFT_SLOTS_MAX];
	struct raft_reads reads;

	/* By place. Apart from the peers, which every event walks over. */
	struct raft_inflight inflight[RAFT_PLACES_MAX][RAFT_INFLIGHT_MESSAGES_MAX];
	uint32_t fetches_asked; /* slots in that state */
	uint64_t retry_us;      /* the newest of all slots */

	bool in_ready;
	bool ready_more; /* something did not fit */

	/* The hand-out. From here on nothing means anything outside of a ready. */
	struct raft_hard_state ready_hard;
	struct raft_message message[RAFT_READY_MESSAGES_MAX];
	uint32_t message_count;
	struct raft_read ready_read[RAFT_READY_READS_MAX];
	struct raft_fetch ready_fetch[RAFT_READY_FETCH_MAX];
	struct raft_snapshot ready_offer;
	uint8_t members_data[RAFT_MEMBERS_SIZE_MAX];
};

#endif
