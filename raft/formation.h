/*
 * Formation: how a cluster comes to be, once, from all of its initial members (D9b;
 * docs/adr/0004-unanimous-formation.md has the table of who may do what, and why).
 *
 * A member is known by its place (its peer address) until the cluster is formed; a directory is
 * known by its identity, drawn when it was made. Each says what it durably is:
 *
 *	FRESH     nothing, but perhaps a state to begin with, which is of no cluster (`origin`): it
 *		  says HELLO with its identity
 *	ACCEPTED  it holds the table of all identities, and will hold no other one
 *	FORMED    it knows that every directory in the table has accepted it
 *	REFUSED   an existing cluster has told it that it does not belong
 *
 * A fresh directory accepts the table that it makes of what all places say at the time; a table
 * whose directories have all accepted it is the cluster. Only what is FORMED has a consensus core:
 * nothing else can vote, campaign, acknowledge or count.
 *
 * Pure, as the core is: events go in (formation_recv, formation_tick), then formation_record says
 * what must be durable, and formation_message what to send. No message speaks of a state that is
 * not durable yet.
 *
 *	while (formation_record(f, data, &size)) { ... make it durable ...; formation_recorded(f); }
 *	for each place: while (formation_message(f, place, &m)) ... send it ...
 *
 * Invariants, proved over small scopes by tests/unit/raft/formation_scope_test.c:
 *
 *	FM1  A directory accepts at most one table in its life.
 *	FM2  FORMED anywhere: every directory of the table has durably accepted it.
 *	FM3  Of two tables that were ever formed, no directory is in both, so all directories of the
 *	     older one were gone when the newer one was accepted.
 *	FM4  What is said is durable.
 */
#ifndef RAFT_FORMATION_H
#define RAFT_FORMATION_H

#include "raft/members.h"

enum {
#ifdef FORMATION_TEST_PLACES
	FORMATION_PLACES_MAX = FORMATION_TEST_PLACES, /* small states, for an exhaustive search */
#else
	FORMATION_PLACES_MAX = RAFT_MEMBERS_MAX,
#endif
	FORMATION_RECORD_SIZE_MAX = 40 + 16 * FORMATION_PLACES_MAX,
	/* Behind its snapshot's entry the log of a directory begins that was restored (D9b). */
	FORMATION_ORIGIN_INDEX = 1,
	FORMATION_ORIGIN_TERM = 1,
};

enum formation_state {
	FORMATION_FRESH = 1,
	FORMATION_ACCEPTED = 2,
	FORMATION_FORMED = 3,
	FORMATION_REFUSED = 4,
};

struct formation_member {
	uint64_t place; /* IPv4 address << 16 | UDP port; opaque here */
	raft_identity identity;
};

/* All initial members, ascending by place. */
struct formation_table {
	uint64_t digest; /* of the token and the member list, as configured */
	uint64_t origin; /* the state to start from: 0 empty, else the hash of a snapshot */
	uint32_t count;
	struct formation_member member[FORMATION_PLACES_MAX];
};

enum formation_say {
	FORMATION_SAY_HELLO = 1,
	FORMATION_SAY_ACCEPTED = 2, /* with the table */
	FORMATION_SAY_FORMED = 3,   /* an answer to ACCEPTED */
	FORMATION_SAY_REFUSE = 4,   /* an answer: `to` is not of the cluster that exists */
	FORMATION_SAY_REFUSED = 5,  /* I have been */
};

struct formation_message {
	enum formation_say say;
	bool existing;          /* HELLO: it waits to join, and does not form */
	raft_identity identity; /* the sender's */
	raft_identity to;       /* REFUSE: whose directory is meant */
	uint64_t
		cluster_id; /* of the sender's table, or of the cluster that refused it; HELLO: 0 */
	struct formation_table table; /* count 0 but in ACCEPTED */
};

struct formation_options {
	raft_identity identity;
	struct formation_table table; /* digest, origin and places as configured; identities 0 */
	uint64_t digest_then;  /* of the places that the record has, under the configured token */
	uint32_t self;         /* index in the table */
	bool existing;         /* initial-cluster-state: existing */
	const uint8_t *record; /* as recovered; size 0: the directory is fresh */
	uint32_t record_size;
	uint64_t now_us;
};

/* Another place, as it was last heard. */
struct formation_peer {
	bool heard;
	bool existing;
	bool accepted; /* this directory's own table, with the identity that it names there */
	enum formation_say say;
	raft_identity identity;
	uint64_t digest, origin, cluster_id;
	/* ACCEPTED: the first place where its table differs from what we hear, or the count. */
	uint32_t differs;
	uint64_t heard_us;
	enum formation_say answer; /* owed; 0: none */
};

struct formation {
	enum formation_state state; /* durable */
	enum formation_state next;  /* to be made durable; the same: nothing is */
	raft_identity identity;
	uint32_t self;
	bool existing;
	struct formation_table table; /* identities 0 while FRESH or REFUSED */
	uint64_t cluster_id;          /* ACCEPTED, FORMED: the table's. REFUSED: who refused */
	uint32_t refused_by;          /* REFUSED, or FRESH and `existing`: a place; else count */
	uint64_t now_us;
	uint64_t send_us; /* when it next says what it is, unasked */
	uint64_t say_us;  /* and then so often; one that waits to join, less and less */
	uint64_t due;     /* a bit for each place that it is said to now */
	struct formation_peer peer[FORMATION_PLACES_MAX];
};

/*
 * 0; -EINVAL (options); -EBADMSG (the record cannot be read); -EXDEV (it is another
 * configuration's, or another member's: f->table is then as recorded); -ENOTSUP (it was restored,
 * and is `existing`: it has a state of its own, and would join another's).
 *
 * Once it is FORMED the list of members has done its part: the directory is known by its identity,
 * and another list is as good, for members come, go and move. The token still has to be the same.
 * Whose place is configured for this one, the log tells (node/core.c).
 */
int formation_create(struct formation *f, const struct formation_options *options);

/* The places that a record has; count 0: it is none of these. */
void formation_places(const uint8_t *record, uint32_t size, struct formation_table *out);
/* The list is another one than this was formed with. */
bool formation_list_differs(const struct formation *f, const struct formation_table *configured);

void formation_tick(struct formation *f, uint64_t now_us);
/* One that waits to join heard something new: it asks as often as at first. */
void formation_hurry(struct formation *f);
/* UINT64_MAX once formed: then it only answers. */
uint64_t formation_deadline(const struct formation *f);

/* A message arrives from a place, decoded and unverified. 0, or -EINVAL. */
int formation_recv(struct formation *f, uint32_t place, const struct formation_message *m);

/* What a snapshot whose trailer has this hash is as an origin: never 0. */
uint64_t formation_origin(uint64_t hash);

/*
 * The record of a directory that was restored, and is fresh but for that: the table as it is to be
 * configured, with the origin, and with the directory's own identity at its place alone. Returns
 * the bytes written.
 */
uint32_t formation_restored(const struct formation_table *table,
			    uint8_t out[FORMATION_RECORD_SIZE_MAX]);

/* True: these bytes replace the directory's record, durably, before formation_recorded. */
bool formation_record(const struct formation *f, uint8_t out[FORMATION_RECORD_SIZE_MAX],
		      uint32_t *size);
void formation_recorded(struct formation *f);

/*
 * Whether a record (size 0: there is none) may lie beside a log whose last index and term are
 * these; one that has a term or an entry is a formed cluster's. 0; -EBADMSG: it cannot be read;
 * -ESTALE: there is none, or it is older than the log, or the state is gone that it is to begin
 * with.
 */
int formation_record_check(const uint8_t *data, uint32_t size, raft_term term, raft_index last);

/* Takes the next message that is due to a place. False: there is none. */
bool formation_message(struct formation *f, uint32_t place, struct formation_message *out);

/* Once FORMED: the initial members, ascending by id; and the id of a place. */
void formation_members(const struct formation *f, struct raft_members *out);
raft_id formation_member_id(const struct formation *f, uint32_t place);

/* Why a directory that is not formed waits for a place. */
enum formation_wait {
	FORMATION_WAIT_NOT,      /* it does not */
	FORMATION_WAIT_SILENT,   /* not heard, or not for a while */
	FORMATION_WAIT_COPY,     /* it answers from a copy of the directory of `about` */
	FORMATION_WAIT_DIGEST,   /* another token or member list */
	FORMATION_WAIT_ORIGIN,   /* restored from another snapshot */
	FORMATION_WAIT_CLUSTER,  /* it is of a cluster that exists, and this directory is not */
	FORMATION_WAIT_EXISTING, /* it is configured to join, not to form */
	FORMATION_WAIT_TABLE,    /* it has accepted a table with another directory of `about` */
	/* Our table names a directory of it that does not answer; a new one does. */
	FORMATION_WAIT_MISSING,
	FORMATION_WAIT_ACCEPT,  /* it has not said that it accepted */
	FORMATION_WAIT_REFUSED, /* an existing cluster refused it */
};
enum formation_wait formation_waits(const struct formation *f, uint32_t place, uint32_t *about);

#endif
