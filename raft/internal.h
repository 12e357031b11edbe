/*
 * What the files of this folder have of each other; what they share is in raft/state.h.
 *
 * One file per event: core.c (life, terms, time), election.c, append.c (follower), replicate.c
 * (leader), send.c (what a leader says to whom), contact.c (whether a majority answers it), lease.c
 * (how long nobody else can lead), transfer.c and prefer.c (who leads next), read.c, propose.c,
 * membership.c, fetch.c, start.c and lost.c (what a member knows of its past), check.c and terms.c
 * (what it believes of others), snapshot.c (what the log has no more), ready.c (hand-out and
 * persistence); log.c and window.c hold the entries, quorum.c knows majorities. Every event that
 * changes something ends in raft_changed: without it no tick and no ready looks.
 */
#ifndef RAFT_INTERNAL_H
#define RAFT_INTERNAL_H

#include "raft/state.h"

#include <errno.h>

/* core.c */
void raft_follower_become(struct raft *r, raft_term term, raft_id leader);
void raft_election_restart(struct raft *r);
bool raft_hard_durable(const struct raft *r);
/* The end of every event that changed anything. */
void raft_changed(struct raft *r);

/* invariants.c */
void raft_check_invariants(const struct raft *r);

/* membership.c: members in force. */
void raft_members_adopt(struct raft *r, const struct raft_members *members, raft_index index);
void raft_members_rollback(struct raft *r, raft_index from);
void raft_members_put(struct raft *r, const struct raft_members *members);
void raft_members_installed(struct raft *r, const struct raft_members *members, raft_index index);
void raft_told_judge(struct raft *r, raft_index commit);
void raft_told_timeout(struct raft *r);
void raft_members_tick(struct raft *r);
uint64_t raft_members_deadline(const struct raft *r);
void raft_places_sync(struct raft *r);
struct raft_peer *raft_peer_find(struct raft *r, raft_id id);
bool raft_peer_votes(const struct raft_peer *p);
bool raft_peer_counts(const struct raft_peer *p);
bool raft_votes(const struct raft *r);
bool raft_alone(const struct raft *r);

/* reconfigure.c: what a leader does of changes by itself. False: it leads no more. */
bool raft_reconfigure_tick(struct raft *r);

/* terms.c */
void raft_terms_tick(struct raft *r);
bool raft_terms_believed(const struct raft *r, raft_term term);
/* It said one that is not. Returns the term in which to meet it, 0 if not yet. */
raft_term raft_terms_far(struct raft *r, struct raft_peer *p);

/* starts.c */
/* *meet: 0, or a start that nobody has, to be taken for its newest as it is not believed. */
bool raft_starts_believed(const struct raft *r, struct raft_peer *p, raft_start start,
			  raft_start *meet);
/* 0: a start of ours that it knows is believed, or as far as *known then says; -EINVAL, -EDOM. */
int raft_starts_told(struct raft *r, struct raft_peer *p, raft_start *known);

/* start.c */
void raft_start_raise(struct raft *r, struct raft_peer *p, raft_start start);
void raft_start_init(struct raft *r, const struct raft_options *o);
void raft_start_restored(struct raft *r, const struct raft_entry *entry);
bool raft_start_note(struct raft *r, struct raft_peer *p, raft_start start);
void raft_start_tick(struct raft *r);
uint64_t raft_start_deadline(const struct raft *r);
int raft_start_recv(struct raft_peer *p, const struct raft_message *m);
int raft_start_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
void raft_start_send(struct raft *r);
void raft_witness_note(struct raft *r, struct raft_peer *p);
void raft_witness_void(struct raft *r, struct raft_peer *p);

/* lost.c */
void raft_lost_begin(struct raft *r, raft_start known);
void raft_lost_tick(struct raft *r);
bool raft_lost_read_reply(struct raft *r, const struct raft_message *m);
void raft_lost_end_try(struct raft *r);
void raft_lost_send(struct raft *r);
void raft_lost_out(struct raft *r, struct raft_ready *out);

/* election.c */
bool raft_may_campaign(const struct raft *r);
/* After one that no leader was heard in. */
void raft_held_timeout(struct raft *r);
void raft_held_begin(struct raft *r);
void raft_held_leads(struct raft *r);
uint64_t raft_held_deadline(const struct raft *r);
void raft_held_in_vain(struct raft *r);
uint8_t raft_priority(const struct raft *r);
/* It leaves this timeout to others. */
bool raft_defers(struct raft *r);
void raft_stand(struct raft *r);
void raft_campaign(struct raft *r, bool transfer);
void raft_vote_count(struct raft *r);
void raft_vote_durable(struct raft *r);
/* In this term it votes for nobody but `id`; its own, without a candidacy: for nobody. */
void raft_vote_spend(struct raft *r, raft_id id);
int raft_vote_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
int raft_vote_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
int raft_prevote_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
int raft_prevote_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
void raft_votes_send(struct raft *r, struct raft_peer *p);

/* contact.c */
void raft_contact_init(struct raft *r, uint32_t promise_us_max);
void raft_contact_begin(struct raft *r);
void raft_contact_echoed(struct raft *r);
bool raft_contact_tick(struct raft *r);
bool raft_contact_lost(const struct raft *r, uint64_t now_us);
uint64_t raft_contact_deadline(const struct raft *r);
void raft_leader_note(struct raft *r);
bool raft_hears_leader(const struct raft *r);

/* lease.c */
void raft_lease_promised(const struct raft *r, struct raft_peer *p, uint32_t promise_us);
bool raft_lease_held(const struct raft *r);

/* transfer.c */
void raft_transfer_try(struct raft *r);
void raft_transfer_tick(struct raft *r);
void raft_transfer_end(struct raft *r);
uint64_t raft_transfer_deadline(const struct raft *r);
bool raft_transfer_held(struct raft *r);
bool raft_transfer_stalled(struct raft *r);
void raft_transfer_away(struct raft *r);
int raft_timeout_now_recv(struct raft *r);

/* prefer.c */
void raft_prefer_told(struct raft_peer *p, uint8_t priority);
void raft_prefer_heard(const struct raft *r, struct raft_peer *p);
void raft_prefer_tick(struct raft *r);
uint64_t raft_prefer_deadline(const struct raft *r);

/* append.c */
int raft_append_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
int raft_snapshot_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
void raft_owed_send(struct raft *r);

/* replicate.c */
void raft_leader_become(struct raft *r);
void raft_term_start(struct raft *r);
int raft_append_reply_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
void raft_commit_advance(struct raft *r);
void raft_leader_tick(struct raft *r);
uint64_t raft_leader_deadline(const struct raft *r);
void raft_peer_reset(struct raft_peer *p, raft_index next, uint32_t retransmit_us, uint64_t now_us);

/* send.c */
void raft_send_turn(struct raft *r);
void raft_send_appends(struct raft *r);
struct raft_message *raft_message_new(struct raft *r, const struct raft_peer *p,
				      enum raft_message_type type);

/* read.c */
int raft_read_recv(struct raft *r, struct raft_peer *p, const struct raft_message *m);
int raft_read_reply_recv(struct raft *r, const struct raft_message *m);
void raft_reads_confirm(struct raft *r);
void raft_reads_tick(struct raft *r);
void raft_reads_drop(struct raft *r);
void raft_reads_send(struct raft *r);
uint64_t raft_reads_awaited(const struct raft *r);
uint32_t raft_reads_of(const struct raft *r, raft_id id);

/* snapshot.c */
/*
 * As a leader knows it: the entry that it needs next, or the term before that, is not to be had any
 * more (R17). Such a one may be offered something, and when is the next time.
 */
static inline bool raft_peer_installs(const struct raft *r, const struct raft_peer *p)
{
	return p->next <= r->window.base && p->next <= r->window.first;
}
/* ... or its log is in good order, and its state machine is not. */
static inline bool raft_peer_takes(const struct raft *r, const struct raft_peer *p)
{
	return p->stateless || raft_peer_installs(r, p);
}
void raft_offer_send(struct raft *r, struct raft_peer *p);
uint64_t raft_offer_deadline(const struct raft *r, const struct raft_peer *p);
void raft_offer_note(struct raft *r, const struct raft_peer *p, const struct raft_snapshot *s);
void raft_offer_out(struct raft *r, struct raft_ready *out);

/* log.c */
bool raft_log_room(const struct raft *r, uint64_t count);
void raft_log_append(struct raft *r, const struct raft_entry *entry);
void raft_log_truncate(struct raft *r, raft_index from);

/* fetch.c */
void raft_fetch_ask(struct raft *r, uint32_t slot, raft_index first, raft_index last);
void raft_fetch_ask_for(struct raft *r, struct raft_peer *p, raft_index first, raft_index last);
struct raft_slot *raft_peer_slot(struct raft *r, const struct raft_peer *p);
const struct raft_entry *raft_fetch_run(const struct raft_slot *s, raft_index index,
					uint32_t *count);
/* The base has moved: what lies there is not asked for any more. */
void raft_fetch_base(struct raft *r);

#endif
