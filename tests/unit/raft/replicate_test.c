/*
 * The leader: commit, progress, retransmission, fetches, back-pressure.
 */
#include "tests/unit/raft/hand.h"

static const struct raft_message *append_to(const struct hand *h, raft_id to)
{
	return hand_sent(h, RAFT_MESSAGE_APPEND, to);
}

/* The newest that is not a heartbeat. */
static const struct raft_message *entries_to(const struct hand *h, raft_id to)
{
	for (uint32_t i = h->sent_count; i-- > 0;) {
		const struct raft_message *m = &h->sent[i];

		if (m->to == to && m->type == RAFT_MESSAGE_APPEND && m->append.entry_count > 0)
			return m;
	}
	fail_msg("no entries were sent");
	return &h->sent[0];
}

/*
 * Five members. The log before the election, what the peers acknowledge (absolute), and what is
 * then committed. The term after the election is 5; its no-op is last + 1.
 */
static void R9_R10_commit_is_a_durable_majority_in_the_own_term(void **state)
{
	static const struct {
		const char *log;
		raft_index match[4];
		raft_index want;
	} row[] = {
		{"", {0, 0, 0, 0}, 0},
		{"", {1, 0, 0, 0}, 0},
		{"", {1, 1, 0, 0}, 1},
		{"", {0, 0, 1, 1}, 1},
		/* R9: everybody has them, and they are of older terms. */
		{"1122", {4, 4, 4, 4}, 0},
		{"1122", {5, 4, 4, 4}, 0},
		/* R10: with the own entry all before it is committed. */
		{"1122", {5, 5, 0, 0}, 5},
		{"1122", {5, 5, 5, 5}, 5},
		{"1122", {5, 3, 3, 0}, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct hand h;
		hand_init(&h, (struct hand_options){.nodes = 5, .terms = row[i].log, .term = 4});
		hand_elect(&h);
		for (uint32_t k = 0; k < 4; k++)
			assert_int_equal(hand_ack(&h, k + 2, row[i].match[k]), 0);
		assert_int_equal(h.r->commit, row[i].want);
		assert_int_equal(h.applied, row[i].want);
		hand_fini(&h);
	}
}

static void R4_the_leader_counts_itself_when_it_is_durable(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(h.r->commit, 1);
	assert_int_equal(hand_propose(&h), 0); /* sent at once, in parallel with the own write */
	assert_int_equal(append_to(&h, 2)->append.entry_count, 1);
	assert_int_equal(hand_ack(&h, 2, 2), 0);
	assert_int_equal(h.r->commit, 1); /* one of three disks */
	hand_persist(&h);
	assert_int_equal(h.r->commit, 2);
	/* Two others are a majority without it. */
	hand_stream(&h, 3);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(hand_ack(&h, 2, 3), 0);
	assert_int_equal(hand_ack(&h, 3, 3), 0);
	assert_int_equal(h.r->commit, 3);
	assert_int_equal(h.r->durable, 2);
	hand_fini(&h);
}

static void R3_a_single_node_waits_for_its_own_log(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 1});
	hand_campaign(&h);
	assert_int_equal(raft_get_role(h.r),
			 RAFT_CANDIDATE); /* nor does it lead before its vote is */
	hand_persist(&h);
	assert_int_equal(raft_get_role(h.r), RAFT_LEADER);
	assert_int_equal(h.applied, 1);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(h.applied, 1);
	hand_persist(&h);
	assert_int_equal(h.applied, 2);
	hand_fini(&h);
}

static void an_elected_leader_says_so_with_an_empty_append(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	hand_elect(&h);
	uint32_t to_2 = 0;
	for (uint32_t i = 0; i < h.sent_count; i++) {
		const struct raft_message *m = &h.sent[i];
		if (m->type != RAFT_MESSAGE_APPEND || m->to != 2)
			continue;
		assert_int_equal(m->append.entry_count, to_2);
		if (to_2++ == 1)
			assert_int_equal(m->append.prev_index, 2); /* the no-op follows at once */
	}
	assert_int_equal(to_2, 2);
	hand_fini(&h);
}

static void R13_R14_acknowledgements_in_any_order(void **state)
{
	static const raft_index ack[] = {3, 1, 3, 5, 2, 5, 4, 0, 5};
	raft_index highest = 0;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	hand_stream(&h, 2);
	for (int i = 0; i < 5; i++)
		assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	for (size_t i = 0; i < sizeof(ack) / sizeof(ack[0]); i++) {
		assert_int_equal(hand_ack(&h, 2, ack[i]), 0);
		highest = ack[i] > highest ? ack[i] : highest;
		assert_int_equal(hand_peer(&h, 2)->match, highest);
		assert_true(hand_peer(&h, 2)->next > highest);
	}
	assert_int_equal(hand_ack(&h, 2, 99), -ERANGE); /* more than there is */
	assert_int_equal(hand_peer(&h, 2)->match, 5);
	hand_fini(&h);
}

static void R14_refusals_never_move_next_below_match(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	struct raft_peer *p = hand_peer(&h, 2);
	assert_int_equal(p->probe_prev, 4);
	assert_int_equal(hand_refuse(&h, 2, 4, 1, 1), 0);
	assert_int_equal(p->probe_prev, 1);
	assert_int_equal(hand_refuse(&h, 2, 4, 0, 0), 0); /* of an older probe: nothing */
	assert_int_equal(p->probe_prev, 1);
	assert_int_equal(hand_ack(&h, 2, 3), 0);
	assert_int_equal(hand_refuse(&h, 2, 4, 1, 1), 0);
	assert_int_equal(p->match, 3);
	assert_true(p->next > p->match);
	assert_int_equal(hand_refuse(&h, 2, 1, 0, 0), 0);
	assert_int_equal(p->match, 3);
	assert_int_equal(hand_refuse(&h, 2, 4, 4, 1), -EINVAL); /* a hint at what it refused */
	hand_fini(&h);
}

/* Our log is 1 1 4 4 4 4; the follower's is 1 1 2 2 3 3 3 3 3: one round per term of the loser. */
static void back_off_takes_rounds_per_term(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "114444", .term = 4});
	hand_elect(&h);
	struct raft_peer *p = hand_peer(&h, 2);
	assert_int_equal(p->probe_prev, 6);
	assert_int_equal(hand_refuse(&h, 2, 6, 5, 3), 0);
	assert_int_equal(p->probe_prev, 2); /* our highest at or below 5 with a term <= 3 */
	assert_int_equal(append_to(&h, 2)->append.prev_term, 1);
	assert_int_equal(append_to(&h, 2)->append.entry_count, 5);
	hand_fini(&h);
}

/* What carries entries may vanish where what is small does not (N17): it is no heartbeat. */
static void R19_who_is_sent_entries_hears_heartbeats_too(void **state)
{
	struct hand h;
	uint32_t beats = 0;

	(void)state;
	hand_lead(&h);
	for (int i = 0; i < 40; i++) {
		hand_forget(&h);
		assert_int_equal(hand_propose(&h), 0);
		hand_persist(&h);
		assert_int_equal(hand_ack(&h, 2, raft_last(h.r)), 0);
		hand_tick(&h, HAND_HEARTBEAT_US / 4);
		for (uint32_t k = 0; k < h.sent_count; k++)
			beats += h.sent[k].to == 3 && h.sent[k].type == RAFT_MESSAGE_APPEND &&
				 h.sent[k].append.entry_count == 0;
	}
	assert_true(beats >= 9);
	hand_fini(&h);
}

static void R19_R21_one_silent_peer_holds_nobody_up(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	for (int i = 0; i < 200; i++) {
		assert_int_equal(hand_propose(&h), 0);
		hand_persist(&h);
		assert_int_equal(hand_ack(&h, 2, (raft_index)i + 2), 0);
		assert_int_equal(h.r->commit, i + 2);
	}
	for (int i = 0; i < 5; i++) { /* both hear from the leader in every interval */
		hand_forget(&h);
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_non_null(append_to(&h, 2));
		assert_non_null(append_to(&h, 3));
	}
	/* It comes back; what it lacks left the window long ago, and is read back. */
	struct raft_peer *p = hand_peer(&h, 3);
	assert_int_equal(h.fetch_count, 1);
	assert_int_equal(p->probe_prev, 0);
	raft_index at = 0;
	for (int rounds = 0; rounds < 60 && at < 201; rounds++) {
		struct raft_entry e[RAFT_FETCH_ENTRIES_MAX];
		hand_forget(&h);
		hand_tick(&h, HAND_HEARTBEAT_US);
		for (uint32_t k = 0; k < h.fetch_count; k++) {
			/* One entry at a time is slow, and still progress. */
			e[0] = (struct raft_entry){.index = h.fetch[k].first,
						   .term = 1,
						   .data = (const uint8_t *)"z",
						   .size = 1,
						   .type = RAFT_ENTRY_COMMAND,
						   .flags = 3};
			uint32_t count = rounds < 10 ? 1 : h.fetch[k].count;
			for (uint32_t i = 1; i < count; i++) {
				e[i] = e[0];
				e[i].index += i;
			}
			uint32_t slot = h.fetch[k].slot;
			h.fetch_count = 0;
			raft_fetched(h.r, slot, e, count);
			hand_take(&h);
			break;
		}
		raft_index sent = p->next - 1;
		if (sent > at && hand_sent_count(&h, RAFT_MESSAGE_APPEND, 3) > 0) {
			assert_int_equal(hand_ack(&h, 3, sent), 0);
			at = p->match;
		}
	}
	assert_int_equal(at, 201);
	hand_fini(&h);
}

/*
 * Where large frames vanish and small ones pass, a full append that is sent every few milliseconds
 * must not be what keeps a follower quiet.
 */
static void V27_a_heartbeat_is_small_always(void **state)
{
	struct hand h;
	uint32_t empty = 0;
	raft_index index;
	raft_term term;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(hand_ack(&h, 3, 1), 0);
	for (uint64_t us = 0; us < 20 * HAND_HEARTBEAT_US; us += 10000) {
		hand_forget(&h);
		/* Entries and what is due leave in one ready. */
		assert_int_equal(raft_propose(h.r, (const uint8_t *)"z", 1, &index, &term), 0);
		hand_tick(&h, 10000);
		hand_persist(&h);
		assert_int_equal(hand_ack(&h, 3, h.persist_last), 0);
		for (uint32_t i = 0; i < h.sent_count; i++)
			empty += h.sent[i].to == 2 && h.sent[i].type == RAFT_MESSAGE_APPEND &&
				 h.sent[i].append.entry_count == 0;
	}
	assert_in_range(empty, 18, 24);
	/* What is repeated is due at the same moment as the heartbeat. */
	for (uint32_t i = 0; i < 10; i++) {
		hand_forget(&h);
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(append_to(&h, 2)->append.entry_count, 0);
		assert_true(entries_to(&h, 2)->append.entry_count > 0);
	}
	hand_fini(&h);
}

/* The way to one peer carries less than the ways to others. */
static void V27_messages_to_a_peer_are_as_large_as_pass(void **state)
{
	const struct raft_message *m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .append_size_max = 1400});
	hand_elect(&h);
	raft_append_size_set(h.r, 2, 40);
	raft_append_size_set(h.r, 9, 40); /* nobody */
	hand_take(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	assert_int_equal(hand_ack(&h, 3, 1), 0);
	/* All at once: 17 bytes each. */
	for (int i = 0; i < 8; i++)
		assert_int_equal(raft_propose(h.r, (const uint8_t *)"x", 1, &(raft_index){0},
					      &(raft_term){0}),
				 0);
	hand_forget(&h);
	hand_take(&h);
	hand_persist(&h);
	uint32_t to_2 = 0, to_3 = 0;
	for (uint32_t i = 0; i < h.sent_count; i++) {
		m = &h.sent[i];
		if (m->type != RAFT_MESSAGE_APPEND || m->append.entry_count == 0)
			continue;
		if (m->to == 2) {
			assert_int_equal(m->append.entry_count, 2);
			to_2++;
		} else {
			assert_int_equal(m->append.entry_count, 8);
			to_3++;
		}
	}
	assert_int_equal(to_2, 4);
	assert_int_equal(to_3, 1);
	/* One that is larger by itself goes alone; and with the way whole again all go together. */
	raft_append_size_set(h.r, 2, 10);
	hand_forget(&h);
	assert_int_equal(hand_propose(&h), 0);
	hand_persist(&h);
	assert_int_equal(entries_to(&h, 2)->append.entry_count, 1);
	raft_append_size_set(h.r, 2, 5000);
	assert_int_equal(hand_ack(&h, 2, h.persist_last), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(raft_propose(h.r, (const uint8_t *)"x", 1, &(raft_index){0},
					      &(raft_term){0}),
				 0);
	hand_forget(&h);
	hand_take(&h);
	assert_int_equal(entries_to(&h, 2)->append.entry_count, 8);
	hand_fini(&h);
}

/*
 * V3: a late refusal, a restart of the follower, and what was sent before it: none of them takes
 * back what the follower acknowledged, and nothing is said of its disk.
 */
static void V3_late_refusals_and_a_restart_are_no_loss(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	hand_stream(&h, 2);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(hand_ack(&h, 2, 6), 0);
	struct raft_peer *p = hand_peer(&h, 2);
	assert_int_equal(hand_refuse(&h, 2, 5, 2, 1), 0); /* made before it had the entries */
	assert_int_equal(hand_refuse(&h, 2, 4, 0, 0), 0);
	assert_int_equal(p->match, 6);
	assert_int_equal(raft_read_index(h.r, 1), 0);
	hand_take(&h);
	/* The same with the newest token: only one that lies says so. */
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, raft_get_term(h.r));
	m.append_reply = (struct raft_append_reply){
		.prev_index = 5, .match = 2, .match_term = 1, .read_seq = h.r->reads.seq};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(p->match, 6);

	/* It is started again; what its former start said comes late and is of nobody. */
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, raft_get_term(h.r));
	m.start = hand_start(2, 2);
	m.append_reply = (struct raft_append_reply){.accepted = true, .unconfirmed = true};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(p->match, 0);
	assert_int_equal(hand_refuse(&h, 2, 5, 2, 1), -ESTALE);
	assert_int_equal(hand_ack(&h, 2, 6), -ESTALE);
	/* An append from before the restart: it refuses it, and holds what it acknowledged. */
	m.append_reply = (struct raft_append_reply){.prev_index = 6, .match = 5, .match_term = 2};
	assert_int_equal(hand_recv(&h, &m), 0);
	m.append_reply = (struct raft_append_reply){.accepted = true, .prev_index = 6, .match = 6};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(p->match, 6);
	m.append_reply = (struct raft_append_reply){.prev_index = 5, .match = 2, .match_term = 1};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(p->match, 6);
	assert_false(p->lost);
	hand_fini(&h);
}

static void what_is_lost_is_sent_again(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	hand_tick(&h, 100);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	hand_tick(&h, 0);
	struct raft_status status;
	raft_get_status(h.r, &status);
	assert_int_equal(status.progress[0].rtt_us, 100);
	assert_int_equal(hand_propose(&h), 0);
	hand_forget(&h);
	/* 4 * 100 us is below the floor. */
	assert_int_equal(raft_deadline(h.r), h.now_us + RAFT_RETRANSMIT_US_MIN);
	hand_tick(&h, RAFT_RETRANSMIT_US_MIN - 1);
	assert_null(append_to(&h, 2));
	hand_tick(&h, 1);
	assert_int_equal(append_to(&h, 2)->append.prev_index, 1);
	assert_int_equal(append_to(&h, 2)->append.entry_count, 1);
	hand_tick(&h, 0);
	hand_forget(&h);
	hand_tick(&h,
		  RAFT_RETRANSMIT_US_MIN); /* it backs off: a slow disk is not a lossy network */
	assert_null(append_to(&h, 2));
	hand_tick(&h, RAFT_RETRANSMIT_US_MIN);
	assert_non_null(append_to(&h, 2));
	assert_int_equal(hand_ack(&h, 2, 2), 0);
	hand_tick(&h, 0);
	raft_get_status(h.r, &status);
	assert_int_equal(status.progress[0].rtt_us, 100); /* what was sent twice is not timed */
	hand_fini(&h);
}

/* A peer that was away when the term began gets the same probe again, not the log from 1. */
static void a_lost_probe_is_repeated_as_it_was(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 1});
	hand_elect(&h);
	for (int i = 0; i < 3; i++) {
		hand_forget(&h);
		hand_tick(&h, HAND_HEARTBEAT_US);
		assert_int_equal(entries_to(&h, 3)->append.prev_index, 4);
		assert_int_equal(entries_to(&h, 3)->append.entry_count, 1);
	}
	/* It accepts, with a disk that lags: streaming goes on from there, and resumes there. */
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 3, 2);
	m.append_reply = (struct raft_append_reply){.accepted = true, .prev_index = 4, .match = 2};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(append_to(&h, 3)->append.prev_index, 5);
	hand_forget(&h);
	hand_tick(&h, HAND_HEARTBEAT_US);
	assert_int_equal(entries_to(&h, 3)->append.prev_index, 4);
	/* It crashed before its disk had them: the refusal is believed, down to match. */
	assert_int_equal(hand_refuse(&h, 3, 4, 3, 1), 0);
	assert_int_equal(append_to(&h, 3)->append.prev_index, 3);
	hand_fini(&h);
}

static void credits_bound_what_is_in_flight(void **state)
{
	static uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct hand h;
	raft_index index;
	raft_term term;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 2, 1), 0);
	hand_forget(&h);
	for (int i = 0; i < 20; i++)
		assert_int_equal(raft_propose(h.r, data, sizeof(data), &index, &term), 0);
	hand_take(&h);
	/* The one that answered is streamed to; the silent one gets one probe at a time. */
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 2), 20);
	assert_int_equal(hand_sent_count(&h, RAFT_MESSAGE_APPEND, 3), 0);
	assert_int_equal(hand_peer(&h, 2)->inflight_count, 20);
	assert_int_equal(hand_peer(&h, 2)->inflight_size, 20 * 1216);
	assert_int_equal(hand_ack(&h, 2, 11), 0);
	assert_int_equal(hand_peer(&h, 2)->inflight_count, 10);
	hand_fini(&h);
}

static void a_chain_enters_whole_or_not_at_all(void **state)
{
	static uint8_t data[RAFT_ENTRY_DATA_MAX * 40];
	struct hand h;
	raft_index index;
	raft_term term;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	assert_int_equal(raft_propose(h.r, data, 1, &index, &term), -EREMOTE);
	hand_elect(&h);
	assert_int_equal(raft_propose(h.r, data, 0, &index, &term), -EMSGSIZE);
	assert_int_equal(raft_propose(h.r, data, RAFT_COMMAND_SIZE_MAX + 1, &index, &term),
			 -EMSGSIZE);
	assert_int_equal(raft_propose(h.r, data, 2 * RAFT_ENTRY_DATA_MAX + 1, &index, &term), 0);
	assert_int_equal(index, 4);
	assert_int_equal(term, 1);
	static const uint8_t flags[] = {RAFT_ENTRY_FIRST, 0, RAFT_ENTRY_LAST};
	static const uint16_t size[] = {RAFT_ENTRY_DATA_MAX, RAFT_ENTRY_DATA_MAX, 1};
	for (raft_index i = 2; i <= 4; i++) {
		assert_int_equal(h.r->window.entry[raft_window_slot(i)].flags, flags[i - 2]);
		assert_int_equal(h.r->window.entry[raft_window_slot(i)].size, size[i - 2]);
	}
	assert_int_equal(raft_propose(h.r, data, sizeof(data), &index, &term), 0);
	assert_int_equal(raft_propose(h.r, data, sizeof(data), &index, &term), -EAGAIN);
	assert_int_equal(h.r->window.last, 44);
	assert_int_equal(raft_propose(h.r, data, 1, &index, &term), 0);
	assert_true(h.r->window.last - h.r->commit <= RAFT_WINDOW_COMMANDS);
	hand_fini(&h);
}

static void the_commit_index_travels_at_once(void **state)
{
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	assert_int_equal(hand_ack(&h, 3, 1), 0);
	hand_forget(&h);
	assert_int_equal(hand_propose(&h), 0);
	assert_int_equal(append_to(&h, 3)->append.commit, 1);
	hand_persist(&h);
	hand_forget(&h);
	assert_int_equal(hand_ack(&h, 3, 2), 0);
	assert_int_equal(append_to(&h, 3)->append.commit, 2);
	assert_int_equal(append_to(&h, 3)->append.prev_index, 2); /* R12: it proves as much */
	assert_int_equal(append_to(&h, 3)->append.entry_count, 0);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R9_R10_commit_is_a_durable_majority_in_the_own_term),
		cmocka_unit_test(R4_the_leader_counts_itself_when_it_is_durable),
		cmocka_unit_test(R3_a_single_node_waits_for_its_own_log),
		cmocka_unit_test(an_elected_leader_says_so_with_an_empty_append),
		cmocka_unit_test(R13_R14_acknowledgements_in_any_order),
		cmocka_unit_test(R14_refusals_never_move_next_below_match),
		cmocka_unit_test(back_off_takes_rounds_per_term),
		cmocka_unit_test(R19_who_is_sent_entries_hears_heartbeats_too),
		cmocka_unit_test(R19_R21_one_silent_peer_holds_nobody_up),
		cmocka_unit_test(V27_a_heartbeat_is_small_always),
		cmocka_unit_test(V27_messages_to_a_peer_are_as_large_as_pass),
		cmocka_unit_test(V3_late_refusals_and_a_restart_are_no_loss),
		cmocka_unit_test(what_is_lost_is_sent_again),
		cmocka_unit_test(a_lost_probe_is_repeated_as_it_was),
		cmocka_unit_test(credits_bound_what_is_in_flight),
		cmocka_unit_test(a_chain_enters_whole_or_not_at_all),
		cmocka_unit_test(the_commit_index_travels_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
