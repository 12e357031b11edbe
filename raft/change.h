/*
 * Changes of members (D16): of the table in force, what is to change and what its leader knows, the
 * next table is made, or the reason is found why there is none. Pure: what has been appended, and
 * when, is the leader's business.
 *
 *	the changes                        the next table
 *	touch no voter                     plain, and in force with its entry
 *	touch voters                       joint: both sets decide until it is committed; then the
 *	                                   leader leaves it by itself, with one plain table more
 *
 * A set of changes is a set: it is made as a whole or not at all, and their order says nothing. A
 * new member begins as a learner, always. One that is to vote (ADD, REPLACE) is made a voter by the
 * leader itself as soon as it has caught up; whom it replaces leaves in that same joint change, so
 * that at no moment fewer members hold what is written.
 *
 * A member *counts* here if it was heard lately, and where the table in force has it; holds what it
 * acknowledged (D9c); and is at most a quarter of the window behind what is committed. Every table
 * that is made has, in each of its sets, a majority that counts: what is changed can be committed,
 * and what comes after it too.
 *
 *	CH1  A table is made only by a leader that has committed in its term (R31), of a plain
 *	     table that is committed; only the end of a joint one is made of that one.
 *	CH2  What is made is valid (MT1 to MT5), and its old set is the voters of the one before.
 *	CH3  A majority of the voters before, and one of the voters after, count.
 *	CH4  Who votes was a learner before, bound to a directory, and counted and had a state
 *	     when it was made one.
 *	CH5  An id is drawn from the leader's own, its term and the index of the entry: no second
 *	     entry has those, so no id is used twice (R60).
 *	CH6  Those that count and do not move are a majority of the voters after: who moves is
 *	     not heard until it was started there. Of two voters, or one, one may move.
 *	CH7  The leader is where the table before has it, or where the one after does: there the
 *	     others answer it, so elsewhere it commits nothing that needs one of them.
 *	CH8  One of the voters after counts and may lead: it has a state and, if it does not lead
 *	     already, one that is the majority's (W21, R51).
 */
#ifndef RAFT_CHANGE_H
#define RAFT_CHANGE_H

#include "raft/members.h"

/* They are made in this order, whatever order they come in. */
enum raft_change_kind {
	RAFT_CHANGE_REMOVE = 1, /* id: a learner at once, a voter with the end of the joint form */
	RAFT_CHANGE_DEMOTE,     /* id: a learner, or one that is not to become a voter any more */
	RAFT_CHANGE_PROMOTE,    /* id: a learner that has caught up */
	RAFT_CHANGE_UPDATE,     /* id has a new place, and is what it was (R38) */
	RAFT_CHANGE_BIND,       /* id: a learner without a directory has this identity now */
	RAFT_CHANGE_REPLACE,    /* the new one is what `replaced` is, as soon as it can be */
	RAFT_CHANGE_ADD,        /* a learner that is to vote */
	RAFT_CHANGE_ADD_LEARNER,
	RAFT_CHANGE_KIND_END,
};

struct raft_change {
	enum raft_change_kind kind;
	/*
	 * REPLACE, ADD and ADD_LEARNER: 0; then one is drawn, and written here. A number is for
	 * tests, which know what was used before.
	 */
	raft_id id;
	raft_id replaced;       /* REPLACE */
	uint64_t place;         /* UPDATE, REPLACE, ADD, ADD_LEARNER; never 0 */
	raft_identity identity; /* BIND; never 0 */
};

enum { RAFT_CHANGES_MAX = RAFT_MEMBERS_MAX };

/* Another member, as its leader knows it. */
struct raft_change_peer {
	raft_id id;
	bool heard;       /* in the last election timeout, and since it moved */
	bool holds;       /* what it acknowledged: it is neither lost nor unconfirmed (D9c) */
	bool unconfirmed; /* then it does not hold, and may have lost nothing */
	bool installs;    /* it has to take a snapshot before any entry, or did not say yet */
	bool stateless;   /* it has to take one for its state, whatever its log has */
	bool unfit;       /* its state is not the majority's */
	raft_index match;
};

/* A leader, and what is in force. */
struct raft_change_view {
	const struct raft_members *members;
	raft_index members_index;
	raft_id id;
	uint64_t place; /* where the leader is; 0: nobody said */
	raft_term term;
	raft_index term_start; /* of the first entry of its term; 0: still owed */
	raft_index last;
	raft_index commit;
	bool stateless; /* it leads for want of others that could */
	struct raft_change_peer peer[RAFT_MEMBERS_MAX];
	uint32_t peer_count;
};

/* Where etcd refuses the same, the words are its own (change_text.c). */
enum raft_refusal_reason {
	RAFT_REFUSED_NOT_READY = 1, /* the leader has not committed in its term (R31) */
	RAFT_REFUSED_BUSY,          /* another change is not done */
	RAFT_REFUSED_NOTHING,       /* it is so already, or nothing was asked for */
	RAFT_REFUSED_TWICE,         /* two of the changes are of one member */
	RAFT_REFUSED_NOT_FOUND,
	RAFT_REFUSED_ID_IN_USE,
	RAFT_REFUSED_PLACE_BAD, /* none was named */
	RAFT_REFUSED_PLACE_IN_USE,
	RAFT_REFUSED_IDENTITY_BAD,
	RAFT_REFUSED_IDENTITY_IN_USE,
	RAFT_REFUSED_BOUND,       /* BIND: it has a directory */
	RAFT_REFUSED_NOT_LEARNER, /* PROMOTE: it votes */
	RAFT_REFUSED_NOT_VOTER,   /* DEMOTE: it does not vote, nor is it to */
	RAFT_REFUSED_NOT_STARTED, /* PROMOTE: no directory is bound to it */
	RAFT_REFUSED_NOT_HEARD,   /* PROMOTE: it is down, or cut off */
	RAFT_REFUSED_LOST,        /* PROMOTE: it does not hold what it acknowledged */
	RAFT_REFUSED_UNCONFIRMED, /* PROMOTE: the others have not told it that it does */
	RAFT_REFUSED_BEHIND,      /* PROMOTE: it has not caught up */
	RAFT_REFUSED_REPLACED,    /* somebody is to take its place */
	RAFT_REFUSED_NO_VOTER,
	RAFT_REFUSED_NO_LEADER, /* nobody that may lead would be a voter */
	RAFT_REFUSED_VOTERS_MAX,
	RAFT_REFUSED_MEMBERS_MAX,
	RAFT_REFUSED_NO_QUORUM_NOW,
	RAFT_REFUSED_NO_QUORUM_THEN,
	RAFT_REFUSED_MOVES,     /* too many have another address at once */
	RAFT_REFUSED_ELSEWHERE, /* the leader is not where the table has it */
	RAFT_REFUSED_END,
};

struct raft_refusal {
	enum raft_refusal_reason reason;
	raft_id id;    /* about whom; 0: about none alone */
	raft_id other; /* who has the id, place or identity; who is to take its place */
	/* BUSY: the index; BEHIND: entries, and how many it may be; else members */
	uint64_t have, need;
};

enum { RAFT_REFUSAL_TEXT_SIZE = 256 };

/* True: `next` is to be appended. False: why not. */
bool raft_change_make(const struct raft_change_view *view, struct raft_change *changes,
		      uint32_t count, struct raft_members *next, struct raft_refusal *refusal);

/*
 * What a leader does by itself: it leaves a joint table that is committed (R58), or makes voters of
 * the learners that are to be (JOINS) and have caught up. True: `next` is to be appended.
 */
bool raft_change_step(const struct raft_change_view *view, struct raft_members *next);

/* A sentence without its full stop: what is wrong, and what to do. */
void raft_refusal_text(const struct raft_refusal *refusal, char text[RAFT_REFUSAL_TEXT_SIZE]);

#endif
