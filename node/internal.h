/*
 * A node's inside: what the files of node/ share.
 *
 * Invariants:
 *	ND1. Between raft_ready and raft_advance nothing else of raft is called.
 */
#ifndef NODE_INTERNAL_H
#define NODE_INTERNAL_H

#include "dataplane/path.h"
#include "doors/peer.h"
#include "doors/udp.h"
#include "doors/unix.h"
#include "metrics/exchange.h"
#include "node/diverged.h"
#include "node/install.h"
#include "node/journal.h"
#include "node/node.h"
#include "node/snapshot.h"
#include "serve/serve.h"

enum {
	/*
	 * Entries handed out for apply that a resumable command keeps waiting: one ready's worth.
	 */
	NODE_APPLY_QUEUE_MAX = RAFT_READY_APPLY_MAX,
	/* etcd's buckets, from 100 us to 3.28 s, and five finer ones below: ours are there. */
	NODE_ROUND_TRIP_NS_MIN = 3125,
	NODE_ROUND_TRIP_BUCKETS = 21,
};

/* Every member hears from every other so often, followers from each other too. */
#define SETTINGS_EVERY_NS 1000000000ull
/* Three of them in a row are no chance loss. */
#define PEER_SILENT_NS (3 * SETTINGS_EVERY_NS)

/* What is waited for: writes hold up acknowledgements and votes, reads what is read back alone. */
enum { NODE_STALL_WRITE, NODE_STALL_READ, NODE_STALLS };

/* For the log, as members tell each other; FULL: there is some for what frees some. */
enum node_space { NODE_SPACE_THERE, NODE_SPACE_FULL, NODE_SPACE_NONE };

struct node_applying {
	struct raft_entry entry;
	uint8_t data[RAFT_ENTRY_DATA_MAX];
};

/* What a heartbeat says, or its answer. */
struct node_beat {
	enum raft_message_type type;
	raft_term term;
	raft_index prev_index, index; /* the commit index; what matches */
	uint64_t read_seq;
};

struct node_counters {
	uint64_t turns;
	uint64_t malformed;
	uint64_t strangers_told;
	uint64_t over_seldom; /* questions of members that came too often */
	uint64_t raft_malformed, raft_unknown, raft_identity, raft_stale;
	uint64_t raft_far, raft_unasked, raft_contradicts, raft_disturbs;
	uint64_t disk_stalls, disk_fulls, disk_slow_writes;
	uint64_t elections_started, elections_won, leader_changes;
};

/* A linearizable read under way for a health check (metrics.c). */
struct node_probe {
	uint32_t ticket; /* 0: none is under way */
	uint64_t context;
	raft_index index; /* 0: not confirmed yet */
	uint64_t resend_ns, wait_ns;
};

/* Serve's view of this node, and the doors. */
struct node_serving {
	struct node *node;
	struct serve_port port;
	struct serve_host host;
	struct peer_door peers;
	struct udp_door *udp;
	struct unix_door *unix_door; /* NULL: no local socket yet */
	struct calls *calls;
	uint64_t leader_ns;   /* when a leader was known last, or none could be */
	uint64_t quorum_lost; /* the core's count, then */
	uint32_t core_turns;  /* up to the first in which one could be */
	raft_index told;      /* committed, by the leader of told_term; maybe not here yet */
	raft_term told_term;
};

/* What a place said last while a cluster is formed, and since when nothing else (formation.c). */
struct node_word {
	struct hearsay lasts;
	enum formation_wait wait;
	uint32_t about;
	raft_identity identity;
	uint64_t cluster_id;
};

/* Strangers, as last told of in the log (foreign.c). */
struct node_foreign {
	uint64_t count, ns;
};

enum {
	/* A disk is judged by so many of its last writes, and by the number of slow ones. */
	NODE_DISK_RECENT_MAX = 64,
	NODE_QUESTION_KEY_SIZE = 16,
	NODE_DISK_SLOW_MIN = 4,
};

/* What members ask each other seldom (seldom.c). */
enum node_seldom {
	NODE_SELDOM_FORMATION,
	NODE_SELDOM_VOTE,
	NODE_SELDOM_START,
	NODE_SELDOM_SETTINGS,
	NODE_SELDOM_PATH, /* a round */
	NODE_SELDOM_PULL,
	NODE_SELDOM_COUNT,
};

/*
 * All that is kept of another member, in the place that the dataplane knows it by. What is kept
 * nowhere else goes with it: who takes the place next finds nothing there.
 */
struct node_peer {
	struct dp_peer at; /* address 0: nobody is in this place */
	bool no_way;       /* the dataplane would not have it (peers.c) */
	uint64_t way_ns;   /* when it is asked for at the earliest */
	char no_port[256]; /* why it failed last */
	uint64_t taken;    /* the how manieth that was taken on: no two are the same */
	uint64_t met_ns;   /* not 0: it was met then, and no table has it there (meet.c) */
	char name[64];

	struct wire_settings settings; /* as it last answered; heartbeat_us 0: not yet */
	struct node_wrote wrote;       /* the snapshot of its own that it named before that one */
	struct hearsay unanswered;     /* it is heard, and answers no question */
	uint64_t answered_ns;          /* as of when settings are so */
	uint64_t asked_ns;             /* when it was last asked for its settings */
	uint64_t question;             /* under this number; 0: it has answered */
	struct histogram round_trip;

	struct hearsay forms; /* it is awaited, and what is there forms a cluster (formation.c) */
	struct hearsay asks;  /* it is bound, was told so, and asks all the same (join.c) */

	struct path path;      /* what passes to it; size_max 0: not begun */
	uint32_t path_told;    /* ... as last logged */
	uint64_t who;          /* the question that it was asked, not answered yet; 0: none */
	raft_index gone_index; /* it says that this member is none, by the table there; 0: no */
	uint64_t gone_ns;      /* when it said so */
	/* Its round that was answered last, and how many probes of it. */
	uint64_t path_round;
	uint32_t path_answers;

	struct node_peer_pulls pulls; /* of snapshots here */

	struct node_beat beat; /* as it last said it */
	uint64_t seldom_ns[NODE_SELDOM_COUNT];

	/* As last logged, or told to the core. */
	bool seen_forms;
	enum hearsay_verdict seen_said[DP_SAID_COUNT];
	uint64_t start_told_ns; /* of what a start was last told */
};

/* Members, a bit for each place, and one for this one. */
enum { NODE_SELF = 1 << DP_PEERS_MAX };

struct node_set {
	uint32_t members, count; /* count: also of those who have no place here */
};

struct node_tally {
	uint32_t are, of;
	bool majority; /* of each set that decides; are, of: of one that lacks it, if one does */
};

struct node {
	struct node_options options; /* strings and links are whoever's they were */
	char name[64];
	uint64_t now_ns;
	uint64_t started_ns;
	bool active; /* this turn did something */
	bool work;   /* ... of which more will follow, as heartbeats alone do not */
	bool stopping;
	uint64_t hand_over_ns; /* the stop waits for another leader, until then; 0: for none */
	int failed;            /* -errno: the node must end */
	char error[NODE_ERROR_MAX];

	struct formation formation;
	struct raft_joined joined; /* id 0: it did not join, it formed the cluster, or will */
	struct raft_joined gone;   /* what others said of its removal last */
	bool gone_sure;            /* ... and is so */
	uint64_t removed_ns;       /* once it was: until when it stays */
	uint64_t gone_told_ns;     /* when the log was told last */
	uint64_t who_ns;           /* who the members are is asked at this time at the earliest */
	uint64_t who_first_ns;     /* ... for the first time since a leader was known */
	uint64_t elsewhere_told_ns;
	uint32_t met; /* 1 + the place of the one who was; 0: nobody */
	struct node_meeting {
		uint64_t question; /* to a stranger, not answered yet; 0: none */
		uint64_t next_ns;  /* the next at this time at the earliest */
		uint64_t count;    /* of strangers' packets, when one was asked last */
		struct dp_address asked;
	} meeting;
	bool places_before, places_seen; /* others are looked for where they were (peers.c) */
	raft_index
		places_open; /* a leader's newest table, if it was not committed at the last look */
	uint64_t next_places_ns;
	struct node_word word[FORMATION_PLACES_MAX];
	struct hearsay added; /* it is awaited by that cluster, and does not ask to join (join.c) */
	uint64_t added_to;
	uint64_t cluster_id; /* 0 before the cluster is formed */
	raft_id id;          /* likewise */
	uint64_t waiting_ns; /* what it waits for is said next at this time at the earliest */
	uint64_t met_ns;     /* when those were asked whom it was told of (formation.c) */
	raft_index announced_index; /* the newest table told to who waits to join */
	char waiting_text[512];
	enum wal_durability durability;
	uint16_t mtu; /* of ports that lead to members */
	char link_name[32];
	struct wal_recovered recovered;
	struct journal *journal;

	struct raft_options raft_options; /* for when the cluster is formed */
	struct raft *raft;                /* NULL before it is: nothing votes that is not of one */
	struct wal *wal;
	struct dp *dp;
	struct sm *sm;
	struct serve *serve;
	struct node_serving serving;
	struct fault_rules *faults;
	bool fault_injection;
	struct node_peer peer[DP_PEERS_MAX];
	uint32_t peers;                      /* places that are taken */
	uint32_t places;                     /* ... up to the last that ever was */
	struct node_set votes, votes_before; /* who votes; votes_before: while two sets decide */
	bool learner;                        /* this member is one */
	uint64_t taken;                      /* so many were, ever */
	uint64_t members_seen;             /* the generation of the core's table that they follow */
	uint64_t next_way_ns;              /* when ways are looked at next (ways.c) */
	uint32_t port_asked[DP_PORTS_MAX]; /* to whom ports are being made; 0: none */
	uint32_t port_to[DP_PORTS_MAX];    /* whose port it is; 0: nobody's by itself */
	char configured_name[DP_PEERS_MAX][64]; /* as options.dp.peer */
	uint64_t next_names_ns;                 /* when names are looked at next (names.c) */
	uint64_t say_ns, say_wait_ns;           /* its own is said then at the earliest */
	uint64_t witnesses_seen;                /* their generation, as the log's marks know it */

	struct wire_settings settings; /* ours */
	uint64_t next_settings_ns;
	uint64_t next_said_ns;    /* when it is looked at next what is said of peers (said.c) */
	uint64_t shared_until_ns; /* until then frames here may be meant for whom it replaces */
	uint64_t questions;       /* that there were */
	uint8_t question_key[NODE_QUESTION_KEY_SIZE];

	/* The disk and how long it lets wait (disk.c). */
	uint64_t disk_stall_ns; /* from then on it counts as stalled */
	struct node_stall {
		uint64_t since_ns; /* UINT64_MAX: it is waited for nothing */
		bool is;
		struct wal_waiting waiting; /* while it is: for what */
	} stall[NODE_STALLS];
	struct wal_space space;
	enum node_space space_lack;
	/* While it is full: where the log was when it became so, or the newest snapshot since. */
	raft_index full_since;
	uint64_t next_full_ns; /* a leader that is full hands over at this time at the earliest */
	struct node_recent {
		bool told;                         /* that many of them were slow */
		uint64_t persisted;                /* by the newest of them */
		uint32_t us[NODE_DISK_RECENT_MAX]; /* of each of the last writes; 0: it was quick */
		uint32_t count; /* that there were: the next one is at count % MAX */
	} recent;

	struct node_snapshot snapshot;
	struct node_diverged diverged;
	struct node_install install;
	struct node_pulls pulls;
	struct compactor compactor;
	uint64_t persisted; /* newest token that raft knows to be durable */
	raft_index applied;
	uint32_t applying_count, applying_next;
	struct node_applying *applying; /* NODE_APPLY_QUEUE_MAX */
	int apply_left;                 /* in this turn (ready.c) */

	/* As last logged: ports, and who else has our address ("": nobody). */
	struct node_port_note {
		bool told, up, narrow, strange;
		uint64_t told_ns, narrow_ns, strange_ns;
	} port_note[DP_PORTS_MAX];
	char address_taken[32]; /* an interface of this host */
	char conflict[64];
	uint64_t conflict_told_ns;
	uint64_t next_wires_ns; /* when ports and the address are looked at next */

	/* As last logged. */
	raft_id seen_leader;
	raft_term seen_term;
	enum raft_role seen_role;
	uint64_t seen_quorum_lost;
	raft_id seen_transfer; /* to whom this leader handed over; 0: to nobody */
	const char *seen_transfer_why;
	bool ordered_transfer;     /* since the last turn's notes */
	uint64_t replay_ns;        /* how far the replay is is told then; UINT64_MAX: no more */
	uint64_t seen_contradicts; /* counted, when it was last looked for one */
	bool seen_contradiction;
	struct calls_trouble seen_calls; /* of the local socket, as it was last told */
	uint64_t seen_calls_ns;          /* when it last changed; 0: never */

	struct node_foreign foreign[DP_FOREIGN_COUNT];
	uint64_t former_count, former_ns; /* the packet of the former cluster that was answered */
	uint32_t former_to;

	struct node_counters counters;
	uint64_t quota_bytes;
	struct metrics *metrics;           /* the status request's */
	struct metrics_exchange *exchange; /* NULL: nobody asks for metrics */
	struct node_probe probe;
	uint64_t probe_id; /* of its read contexts */
	struct raft_entry wire_entries[WIRE_ENTRIES_MAX];
};

/* known.c: the newest table that is known to be committed; *index 0: none is. */
const struct raft_members *node_members_committed(const struct raft_status *s, raft_index *index);
/* ... which the log has come to: of it others are told, and of none that was told itself (V28). */
const struct raft_members *node_members_vouched(const struct raft_status *s, raft_index *index);
/* The table in force was told by another member, and its log has not come to it. */
bool node_members_told(const struct node *n);
/* As a member says of itself; NULL: it did not, or there is no state here that has it. */
const struct sm_attributes *node_attributes(const struct node *n, raft_id id);
/* The place of a member of the table, or -1. */
int node_peer_find(const struct node *n, raft_id id);
/* Of the one that was met, or -1. */
int node_peer_met(const struct node *n);
/* Its peer address as formation and the member table have it: IPv4 << 16 | UDP port. */
uint64_t node_peer_place(const struct node_peer *p);
uint64_t node_own_place(const struct node *n);
enum { NODE_PLACE_TEXT_SIZE = 24 };
const char *node_place_text(uint64_t place, char out[NODE_PLACE_TEXT_SIZE]);
/* Of whoever is there; or -1. */
int node_peer_at(const struct node *n, uint64_t place);
/* The next place that is taken, from *i on. False: there is none. */
bool node_peer_next(const struct node *n, uint32_t *i);

/* peers.c: members are taken on, and let go. */
/* Before there is a cluster: others, by where they are. */
void node_peers_meet(struct node *n, const struct raft_members *table);
/* Those of the configuration, and no others: before there is a cluster. */
void node_peers_begin(struct node *n);
/* Nobody, from now on. */
void node_peers_end(struct node *n);
/*
 * The members of this table, and no others: once there is a core. Outside dp_begin_* and dp_end,
 * and while no datagram is held.
 */
void node_members_follow(struct node *n, const struct raft_members *table);
/* Where it is, as the table has it. */
uint64_t node_member_place(const struct node *n, const struct raft_member *m);

/* In an empty place, if there is one, whoever no table has there: the one that was met. */
void node_peer_meet(struct node *n, const struct dp_peer *at);
void node_peer_part(struct node *n);

/* As they call themselves by now. */
void node_names_follow(struct node *n);

/* names.c: what members say of themselves. */
void node_names_drive(struct node *n);
/* An entry with a member table was applied. */
void node_names_members(struct node *n, const struct raft_entry *entry);

/* ways.c: ports that come and go with the members, on links that have one for each. */
void node_ways_begin(struct node *n);
/* Tells the dataplane who has this place, and where; or, if that cannot be, the log. */
void node_way_set(struct node *n, uint32_t place);
void node_ways_drive(struct node *n);

/* votes.c */
void node_votes_follow(struct node *n, const struct raft_members *table);
bool node_votes(const struct node *n, uint32_t member);
/* How many of these vote. */
struct node_tally node_votes_tally(const struct node *n, uint32_t members);

/* Without a leader: who moves is looked for at its other place. */
void node_places_turn(struct node *n);
/* What came from it now came from elsewhere than the core's table in force has it. */
bool node_peer_is_elsewhere(const struct node *n, uint32_t peer);
/* The core's table in force, when it has changed. */
void node_members_drive(struct node *n);

/* formation.c: before there is a cluster. */
/* What a directory says of its cluster. 0, or -errno and the line in n->error. */
int node_formation_judge(struct node *n, const struct wal_recovered *found);
int node_formation_create(struct node *n);
void node_formation_receive(struct node *n, const struct dp_datagram *datagram);
void node_formation_drive(struct node *n);
const char *node_formation_state(const struct node *n);

/* join.c: a directory that joins, at both ends. */
/* One that waits to join says so, at the address of that peer. */
void node_join_hear(struct node *n, uint32_t peer, raft_identity identity, uint64_t digest);
/* A directory that is new here, at the address of that peer: it is not of this cluster. */
void node_join_warn(struct node *n, uint32_t peer, raft_identity identity);
void node_join_refuse(struct node *n, uint32_t peer, raft_identity to, uint64_t digest);
/* A vote was asked for. */
void node_lag_hear(struct node *n, uint32_t peer, const struct raft_message *m);
/* MEMBERS. */
void node_join_receive(struct node *n, const struct dp_datagram *datagram);
/* who.c: who the members are: asked, and told. */
void node_who_drive(struct node *n);
/* WHO, of a peer or a stranger. */
void node_who_hear(struct node *n, const struct dp_datagram *datagram);
/* MEMBERS that answers one, and says that this member is none. */
void node_who_told(struct node *n, const struct dp_datagram *datagram,
		   const struct wire_members *m);
/* Those that say so, by now, for one line. Empty: nobody does. */
size_t node_who_text(const struct node *n, char *out, size_t size_max);
/* That the others have this member at another address. Empty: as far as is known they do not. */
size_t node_place_fault(const struct node *n, char *out, size_t size_max);

/* The place that this question was put to, of those where `peer` is; or -1. */
int node_who_asked(const struct node *n, uint32_t peer, uint64_t question);

/* meet.c: a member that finds its cluster where strangers are. */
void node_meet_drive(struct node *n);
/* MEMBERS, which has this member with its directory: of a stranger, or of another directory. */
void node_meet_told(struct node *n, const struct dp_datagram *datagram,
		    const struct wire_members *m);

/* removed.c: the end of a member that was removed. */
void node_removed_drive(struct node *n);
/* When it stops, in nanoseconds. */
uint64_t node_removed_deadline(const struct node *n);
/* It begins as one that was. */
void node_removed_begin(struct node *n);

static inline bool node_joined(const struct node *n)
{
	return n->joined.id != 0;
}

/* open.c: the rooms of a node, opened in order. */
int node_open(struct node *n);
/* The log alone. `judge`: as wal_options.judge, once the directory is known to be this member's. */
typedef int node_judge(struct node *n, const struct wal_recovered *found, void *context);
int node_log_open(struct node *n, node_judge *judge, void *context);

/* core.c: the consensus core, once there is a cluster. */
void node_raft_prepare(struct node *n);
int node_raft_start(struct node *n);
/* Whose directory this is, once it is of a cluster. */
raft_id node_own_id(const struct node *n);
/* 0, or -EXDEV: it is to be where its own log has another member. */
int node_place_judge(struct node *n);
/*
 * The tables in force by the log and by how the cluster began. In: the indexes of the newest two in
 * the log, as recovered.
 */
int node_tables_read(struct node *n, struct raft_options *raft);

/* notes.c: what changed, for the log. */
void node_notes(struct node *n);

/* network.c: frames in, raft's messages out. */
void node_receive(struct node *n);
void node_send(struct node *n, const struct raft_message *message);

/* restore.c: the state of a start, by a snapshot. 0, or -errno and the line in n->error. */
int node_restore(struct node *n);
/* Who the members were, for node_tables_read, without the state: the same. */
int node_restore_members(struct node *n);

/* ready.c: raft's hand-outs to the log, the network, the state machine. */
void node_persisted(struct node *n);
void node_ready(struct node *n);
void node_mark_last(struct node *n); /* at a stop */

/* serving.c: requests and their doors. */
int serving_start(struct node *n, uint64_t first_id, const uint8_t key[UDP_DOOR_KEY_SIZE]);
void serving_stop(struct node *n);
/* The welcome of clients that come from now on. */
void serving_welcome(struct node *n);
/* What the core took of another member. */
void serving_hear(struct node *n, const struct raft_message *m);
/* Whether somebody leads: requests wait for an election, and no longer. */
void serving_leader(struct node *n);

/* disk.c: a disk that does not answer, or has no space (D8). */
void node_disk_options(struct node *n);
void node_disk_drive(struct node *n);
struct node_slow {
	uint32_t slow, of; /* of the last writes */
	uint64_t slowest_us;
	uint64_t wanted_us; /* an election timeout for a disk like this */
};
/* False: it is quick enough for the timers. */
bool node_disk_slow(const struct node *n, struct node_slow *out);
enum { NODE_SPACE_TEXT_MAX = 512 };
struct node_tally node_space_members(const struct node *n); /* that have some, as far as is known */
/* This one, or another that votes and is heard. */
bool node_space_any_full(const struct node *n);
bool node_space_refuses(const struct node *n);
bool node_space_frees(const struct node *n); /* though it is refused: what frees some */
/* A file of so many bytes, as far as is known. */
bool node_space_holds(const struct node *n, uint64_t bytes);
/* Who is full would refuse what others could keep: it is not to be preferred. */
uint8_t node_space_priority(const struct node *n);
void node_space_text(const struct node *n, char *out, size_t size); /* while it is full */
/* Little is left, of the file system or of the quota. */
bool node_space_low(const struct node *n);
void node_space_low_text(const struct node *n, char *out, size_t size);
/* The age of what is waited for; 0: nothing. */
uint64_t node_stall_ns(const struct node *n, const struct node_stall *stall);

/* settings.c: what members should have in common. */
void settings_drive(struct node *n);
void settings_receive(struct node *n, uint32_t peer, const struct wire_settings *settings);
/* How old the last answer is; UINT64_MAX: there is none. */
uint64_t settings_age_ns(const struct node *n, uint32_t peer);
bool settings_differ(const struct node *n, uint32_t peer);
/* Since the peer was heard; UINT64_MAX: it never was. */
uint64_t settings_silent_ns(const struct node *n, uint32_t peer);
/* It is heard, answers nothing, and says that it does not hear us. */
bool settings_unheard(const struct node *n, uint32_t peer);

/* question.c */
enum node_question { NODE_QUESTION_SETTINGS, NODE_QUESTION_PATH, NODE_QUESTION_WHO };

void question_key_set(struct node *n, uint64_t seed);
/* peer: DP_PEERS_MAX is a stranger. */
uint64_t question_number(const struct node *n, enum node_question kind, uint32_t peer,
			 uint64_t count);

/* seldom.c. False: the peer asks that too often, and is not heard. */
bool seldom_hear(struct node *n, uint32_t peer, enum node_seldom what);

/* wires.c: ports that go up and down, and who else has our address. */
void node_wires_drive(struct node *n);

/* path.c: how large a packet passes to each peer. */
void node_path_drive(struct node *n);
void node_path_receive(struct node *n, const struct dp_datagram *datagram);

struct metrics_text;

/* said.c: what packets say of a peer, and are refused for. */
void said_drive(struct node *n);
/* What is there forms a cluster, and is awaited as a member that joins this one. */
bool said_forms(const struct node *n, uint32_t peer);
/* It was let in, and does not hear it. */
bool said_asks(const struct node *n, uint32_t peer);
void said_text(const struct node *n, uint32_t peer, const struct dp_peer_state *state,
	       struct metrics_text *t);

/* foreign.c: who sends what is not meant for this member. */
void foreign_drive(struct node *n);
void foreign_text(const struct node *n, struct metrics_text *t);

/* orders.c: what the leader is told to do. As serve_host_ops.order. */
enum serve_status node_order(struct node *n, const uint8_t *data, uint32_t data_size, char *out,
			     size_t size_max, size_t *size);

/* table.c: a line for each member. */
void node_table_text(const struct node *n, const struct raft_members *table,
		     struct metrics_text *t);

/* metrics.c: the node's numbers, from every room. */
void node_metrics_collect(const struct node *n, struct metrics *m);
void node_metrics_drive(struct node *n);
void node_metrics_confirmed(struct node *n, const struct raft_read *read);

/* admin.c: what the admin socket asks beside requests (unix_admin). */
bool node_admin(void *node, const struct call *call, enum serve_status *status);

/* faults.c: fault rules over the admin socket. */
enum serve_status faults_set(struct node *n, const uint8_t *text, uint32_t size);

#endif
