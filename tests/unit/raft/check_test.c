/*
 * What a message of another member may say (raft/check.h): row by row, what is out of range is
 * refused by its cause, and changes nothing.
 */
#include "tests/unit/raft/hand.h"

#include "raft/check.h"

/* Everything that a refused message could have touched. */
struct picture {
	struct raft_hard_state hard;
	enum raft_role role;
	raft_id leader;
	raft_index last, commit, durable;
	raft_index match[RAFT_PLACES_MAX], next[RAFT_PLACES_MAX];
	uint64_t echo[RAFT_PLACES_MAX];
	uint32_t votes, waiting;
	bool lost;
};

static struct picture picture(const struct hand *h)
{
	const struct raft *r = h->r;
	struct picture p;

	memset(&p, 0, sizeof(p));
	p.hard = r->hard;
	p.role = r->role;
	p.leader = r->leader;
	p.last = r->window.last;
	p.commit = r->commit;
	p.durable = r->durable;
	p.waiting = r->reads.wait_count;
	p.lost = r->lost.is;
	for (uint32_t i = 0; i < r->peer_count; i++) {
		p.match[i] = r->peer[i]->match;
		p.next[i] = r->peer[i]->next;
		p.echo[i] = r->peer[i]->read_echo;
		p.votes += r->peer[i]->vote_granted;
	}
	return p;
}

static void refused(struct hand *h, const struct raft_message *m, int err)
{
	struct picture before = picture(h), after;

	hand_forget(h);
	assert_int_equal(hand_recv(h, m), err);
	after = picture(h);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(h->sent_count, 0);
}

/* A leader of term 2 whose log is 1 1 2, all of it acknowledged by member 2. */
static void lead(struct hand *h)
{
	hand_init(h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	hand_elect(h);
	assert_int_equal(hand_ack(h, 2, 3), 0);
	assert_int_equal(h->r->commit, 3);
}

static void V28_an_acknowledgement_names_only_what_was_sent(void **state)
{
	static const struct {
		struct raft_append_reply reply;
		int err;
	} row[] = {
		{{.accepted = true, .match = 4, .prev_index = 3}, -ERANGE},
		{{.accepted = true, .match = 3, .prev_index = 4}, -ERANGE},
		{{.match = 1, .match_term = 1, .prev_index = 4}, -ERANGE},
		{{.accepted = true, .match = 3, .prev_index = 3, .read_seq = 1}, -ERANGE},
		{{.accepted = true, .match = 3, .read_seq = UINT64_C(1) << 60}, -ERANGE},
		{{.accepted = true, .match = 3, .read_seq = RAFT_READ_SEQ_MAX + 1}, -EINVAL},
		{{.accepted = true, .match = RAFT_INDEX_MAX + 1}, -EINVAL},
		{{.match = 3, .match_term = 2, .prev_index = 3}, -EINVAL},
		{{.match = 1, .match_term = 3, .prev_index = 3}, -EINVAL},
		{{.match = 1, .prev_index = 0}, -EINVAL},
	};
	struct hand h;

	(void)state;
	lead(&h);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 3, 2);
		m.append_reply = row[i].reply;
		refused(&h, &m, row[i].err);
	}
	/* In the log is not enough: the entry has not been sent to this one. */
	raft_index index;
	raft_term term;
	assert_int_equal(raft_propose(h.r, (const uint8_t *)"z", 1, &index, &term), 0);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 3, 2);
	m.append_reply = (struct raft_append_reply){.accepted = true, .match = 4, .prev_index = 3};
	assert_int_equal(raft_recv(h.r, &m), -ERANGE);
	hand_take(&h);
	hand_fini(&h);
}

/* The follower's half: a token of a forged heartbeat is echoed once, and not for ever. */
static void V28_a_forged_read_token_is_not_remembered(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "11", .term = 1});
	m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 1);
	m.append.read_seq = 5;
	assert_int_equal(hand_recv(&h, &m), 0);
	hand_persist(&h);
	m.append.read_seq = UINT64_C(1) << 60;
	assert_int_equal(hand_recv(&h, &m), 0);
	m.append.read_seq = 6;
	hand_forget(&h);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.read_seq, 6);
	/* The newest of those that are answered together. */
	assert_int_equal(raft_recv(h.r, &m), 0);
	m.append.read_seq = 8;
	assert_int_equal(raft_recv(h.r, &m), 0);
	m.append.read_seq = 7;
	assert_int_equal(raft_recv(h.r, &m), 0);
	hand_forget(&h);
	hand_take(&h);
	assert_int_equal(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 2)->append_reply.read_seq, 8);
	hand_fini(&h);
}

static void V28_a_vote_counts_only_if_it_was_asked_for(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 5});
	hand_campaign(&h);
	m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 2, 1);
	m.vote_reply.granted = true;
	refused(&h, &m, -ERANGE); /* the request waits for the disk */
	hand_persist(&h);
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(picture(&h).votes, 1);
	m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 3, 1);
	m.vote_reply.granted = true;
	assert_int_equal(hand_recv(&h, &m), 0);
	m = hand_message(&h, RAFT_MESSAGE_VOTE_REPLY, 4, 1);
	refused(&h, &m, 0); /* honest: it was elected meanwhile */
	hand_fini(&h);
}

static void V28_a_term_has_one_leader(void **state)
{
	struct hand h;

	(void)state;
	lead(&h);
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 2);
	refused(&h, &m, -EPROTO);
	hand_fini(&h);
	hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
	assert_int_equal(hand_append(&h, 2, 1, 0, 0, "", 0), 0);
	hand_persist(&h);
	m = hand_message(&h, RAFT_MESSAGE_APPEND, 3, 1);
	refused(&h, &m, -EPROTO);
	hand_fini(&h);
}

/* One member's questions leave room for the others'. */
static void V28_one_member_does_not_take_all_reads(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	lead(&h);
	m = hand_message(&h, RAFT_MESSAGE_READ, 2, 2);
	for (uint32_t i = 0; i < 2 * RAFT_READY_READS_MAX; i++) {
		m.read.context = i + 1;
		assert_int_equal(raft_recv(h.r, &m), 0);
	}
	assert_int_equal(h.r->reads.wait_count, RAFT_READS_PEER_MAX);
	assert_int_equal(raft_read_index(h.r, 7), 0);
	m.from = 3;
	m.identity++;
	m.start = hand_start(3, 1);
	assert_int_equal(raft_recv(h.r, &m), 0);
	assert_int_equal(h.r->reads.wait_count, RAFT_READS_PEER_MAX + 2);
	/* Answered, they make room for its next ones. */
	hand_take(&h);
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 2);
	m.append_reply = (struct raft_append_reply){
		.accepted = true, .match = 3, .prev_index = 3, .read_seq = h.r->reads.seq};
	assert_int_equal(hand_recv(&h, &m), 0);
	assert_int_equal(h.r->reads.wait_count, 0);
	m = hand_message(&h, RAFT_MESSAGE_READ, 2, 2);
	assert_int_equal(raft_recv(h.r, &m), 0);
	assert_int_equal(h.r->reads.wait_count, 1);
	hand_take(&h);
	hand_fini(&h);
}

static void V11_late_answers_are_late_and_not_malformed(void **state)
{
	static const enum raft_message_type type[] = {RAFT_MESSAGE_READ, RAFT_MESSAGE_APPEND_REPLY,
						      RAFT_MESSAGE_READ_REPLY};
	struct hand h;

	(void)state;
	/* This member follows nobody in the term of the answer, or member 2, or stands itself. */
	for (int role = 0; role < 3; role++) {
		hand_init(&h, (struct hand_options){.nodes = 3, .term = 1});
		if (role == 1)
			assert_int_equal(hand_append(&h, 2, 1, 0, 0, "", 0), 0);
		if (role == 2)
			hand_campaign(&h);
		hand_persist(&h);
		for (size_t i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
			struct raft_message m = hand_message(&h, type[i], 3, raft_get_term(h.r));
			refused(&h, &m, -ESTALE);
		}
		hand_fini(&h);
	}
}

/* V30: a count of starts near the end of its range shuts nobody out. */
static void V30_a_start_that_none_can_have_made_is_not_believed(void **state)
{
	static const struct {
		uint32_t count;
		int err;
	} row[] = {{UINT32_MAX, -EINVAL},
		   {RAFT_START_COUNT_MAX + 1, -EINVAL},
		   {RAFT_START_COUNT_MAX, -EDOM},
		   {RAFT_STARTS_UNHEARD_MAX + 2, -EDOM}};
	struct hand h;

	(void)state;
	lead(&h);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (int type = RAFT_MESSAGE_VOTE; type <= RAFT_MESSAGE_START_REPLY; type++) {
			struct raft_message m =
				hand_message(&h, (enum raft_message_type)type, 2, 2);
			m.start = hand_start(2, row[i].count);
			if (type == RAFT_MESSAGE_START_REPLY)
				m.start_reply.asked = h.r->start;
			refused(&h, &m, row[i].err);
		}
	}
	assert_int_equal(hand_ack(&h, 2, 3), 0);
	hand_fini(&h);
}

/*
 * V36: other entries where this member's are committed: by term, and in the same term by content.
 * The first is named, with who sent it.
 */
static void V36_what_is_committed_is_never_overwritten(void **state)
{
	static const struct {
		raft_index prev;
		raft_term prev_term;
		const char *terms;
		raft_index index;
		raft_term theirs;
	} row[] = {
		{2, 1, "3", 3, 3},  /* an entry of another term */
		{1, 1, "12", 3, 2}, /* an older one */
		{3, 2, "3", 3, 2},  /* the one before the entries */
		{3, 2, "", 3, 2},
	};
	struct hand h;
	struct raft_status status;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		hand_init(&h, (struct hand_options){.nodes = 3, .terms = "111", .term = 1});
		struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 1);
		m.append.prev_index = 3;
		m.append.prev_term = 1;
		m.append.commit = 3;
		assert_int_equal(hand_recv(&h, &m), 0);
		assert_int_equal(h.r->commit, 3);
		raft_get_status(h.r, &status);
		assert_int_equal(status.contradiction.count, 0);
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(hand_append(&h, 3, 3, row[i].prev, row[i].prev_term,
						     row[i].terms, 9),
					 -EPROTO);
		hand_persist(&h);
		assert_int_equal(h.r->window.last, 3);
		assert_int_equal(raft_window_term(&h.r->window, 3), 1);
		assert_int_equal(h.r->commit, 3);
		assert_null(hand_sent(&h, RAFT_MESSAGE_APPEND_REPLY, 3));
		raft_get_status(h.r, &status);
		assert_int_equal(status.contradiction.count, 2);
		assert_int_equal(status.contradiction.index, row[i].index);
		assert_int_equal(status.contradiction.ours, 1);
		assert_int_equal(status.contradiction.theirs, row[i].theirs);
		assert_int_equal(status.contradiction.from, 3);
		assert_true(status.contradiction.committed);
		hand_fini(&h);
	}
}

/* One term, one index, two contents: a forger who knows the term. */
static void V36_the_same_term_with_other_bytes_is_seen(void **state)
{
	static const struct {
		uint8_t data[2];
		uint16_t size;
		uint8_t flags;
	} forged[] = {
		{{'f', 0}, 1, RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST},
		{{'x', 0}, 2, RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST},
		{{'x', 0}, 1, RAFT_ENTRY_FIRST},
	};
	struct hand h;
	struct raft_status status;

	(void)state;
	for (int i = 0; i < 6; i++) {
		bool committed = i % 2;
		struct raft_entry e = {.index = 3,
				       .term = 1,
				       .data = forged[i / 2].data,
				       .size = forged[i / 2].size,
				       .type = RAFT_ENTRY_COMMAND,
				       .flags = forged[i / 2].flags};

		hand_init(&h, (struct hand_options){.nodes = 3, .terms = "111", .term = 1});
		struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 1);
		m.append = (struct raft_append){.prev_index = 2,
						.prev_term = 1,
						.entries = &e,
						.entry_count = 1,
						.commit = 3};
		if (committed)
			assert_int_equal(hand_append(&h, 2, 1, 3, 1, "", 3), 0);
		assert_int_equal(hand_recv(&h, &m), -EPROTO);
		assert_int_equal(h.r->window.data[3][0], 'x');
		assert_int_equal(h.r->commit, committed ? 3 : 0);
		raft_get_status(h.r, &status);
		assert_int_equal(status.contradiction.count, 1);
		assert_int_equal(status.contradiction.committed, committed);
		assert_int_equal(status.contradiction.index, 3);
		assert_int_equal(status.contradiction.ours, 1);
		assert_int_equal(status.contradiction.theirs, 1);
		assert_int_equal(status.contradiction.from, 2);
		hand_fini(&h);
	}
}

/*
 * A lying leader gave this member other entries than the rest, and is gone. The next one, of term
 * 2, finds that the logs agree at 4, counts this member, and sends from 3 when it restarts: neither
 * bytes nor what follows them give way, for 4 may be committed with what this member said.
 */
static void V36_what_a_liar_left_above_the_commit_index_is_told(void **state)
{
	struct hand h;
	struct raft_status status;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1112", .term = 2});
	uint8_t other = 'y';
	struct raft_entry e = {.index = 3,
			       .term = 1,
			       .data = &other,
			       .size = 1,
			       .type = RAFT_ENTRY_COMMAND,
			       .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
	struct raft_message m = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 2);
	m.append = (struct raft_append){
		.prev_index = 2, .prev_term = 1, .entries = &e, .entry_count = 1, .commit = 4};
	for (int twice = 0; twice < 2; twice++)
		assert_int_equal(hand_recv(&h, &m), -EPROTO);
	assert_int_equal(h.r->window.last, 4);
	assert_int_equal(h.r->window.data[3][0], 'x');
	assert_int_equal(h.r->durable, 4);
	assert_int_equal(h.r->commit, 0);
	raft_get_status(h.r, &status);
	assert_int_equal(status.contradiction.count, 2);
	assert_false(status.contradiction.committed);
	assert_int_equal(status.contradiction.index, 3);
	assert_int_equal(status.contradiction.from, 2);
	hand_fini(&h);
}

/* It said in this term what stands there, and says something else now: as entry, and as prev. */
static void V36_a_leader_that_contradicts_itself_is_told(void **state)
{
	static const struct {
		raft_index prev;
		raft_term prev_term;
		const char *terms;
	} row[] = {{3, 1, "2"}, {4, 2, ""}, {4, 2, "8"}};
	struct hand h;
	struct raft_status status;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		hand_init(&h, (struct hand_options){.nodes = 3, .terms = "1111", .term = 8});
		assert_int_equal(hand_append(&h, 2, 8, 4, 1, "", 0), 0);
		hand_persist(&h);
		hand_forget(&h);
		assert_int_equal(
			hand_append(&h, 2, 8, row[i].prev, row[i].prev_term, row[i].terms, 0),
			-EPROTO);
		assert_int_equal(h.r->window.last, 4);
		assert_int_equal(h.sent_count, 0);
		raft_get_status(h.r, &status);
		assert_int_equal(status.contradiction.count, 1);
		assert_false(status.contradiction.committed);
		assert_int_equal(status.contradiction.index, 4);
		assert_int_equal(status.contradiction.ours, 1);
		assert_int_equal(status.contradiction.theirs, 2);
		hand_fini(&h);
	}
}

/* An entry that is only appended gives way to the leader's, as ever; it is no contradiction. */
static void V36_what_is_not_committed_gives_way(void **state)
{
	struct hand h;
	struct raft_status status;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "111", .term = 1});
	assert_int_equal(hand_append(&h, 3, 3, 2, 1, "3", 2), 0);
	assert_int_equal(raft_window_term(&h.r->window, 3), 3);
	raft_get_status(h.r, &status);
	assert_int_equal(status.contradiction.count, 0);
	hand_fini(&h);
}

/* What a witness says of a position is whole, or nothing. */
static void V28_a_witness_names_a_whole_position(void **state)
{
	struct hand h;
	struct raft_message m;

	(void)state;
	lead(&h);
	m = hand_told(&h, 2, h.r->start, 0, 1);
	refused(&h, &m, -EINVAL);
	m = hand_told(&h, 2, h.r->start, UINT64_C(1) << 60, 1);
	refused(&h, &m, -EDOM);
	m = hand_told(&h, 2, h.r->start, 1, RAFT_INDEX_MAX + 1);
	refused(&h, &m, -EINVAL);
	m = hand_told(&h, 2, hand_start(1, RAFT_STARTS_UNHEARD_MAX + 2), 0, 0);
	refused(&h, &m, -EDOM);
	m = hand_told(&h, 2, hand_start(1, RAFT_START_COUNT_MAX), 0, 0);
	refused(&h, &m, -EINVAL);
	hand_fini(&h);
}

/*
 * What it is told of its own start, by one alone, never takes it where the others do not believe it
 * any more: the start that it then takes is plausible to who knows the first one, and the next too.
 */
static void V28_a_start_that_it_is_told_of_shuts_it_out_nowhere(void **state)
{
	const uint32_t counts[] = {RAFT_START_COUNT_MAX, RAFT_STARTS_UNHEARD_MAX + 2,
				   RAFT_STARTS_UNHEARD_MAX + 1, RAFT_STARTS_UNHEARD_MAX,
				   RAFT_STARTS_TOLD_MAX + 1};
	raft_start first;
	struct hand h;

	(void)state;
	lead(&h);
	first = h.r->start;
	for (uint32_t again = 0; again < 4; again++) {
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
			struct raft_message m =
				hand_told(&h, 2, hand_start(1, counts[i] + again), 0, 0);
			uint32_t lost = h.lost;

			/* A burst is no insistence, and what is believed ends one. */
			for (int k = 0; k < 100 && h.lost == lost; k++)
				(void)hand_recv(&h, &m);
			(void)hand_told_well(&h, 2);
			hand_tick(&h, 2000000);
			if (h.lost == lost)
				continue;
			/* As wal_lost takes it: one more, and a nonce. */
			raft_restarted(h.r,
				       (raft_start)(raft_start_count(h.lost_known) + 1) << 32 | 9);
			assert_true(raft_start_plausible(first, h.r->start));
		}
	}
	assert_int_equal(h.lost, 1); /* and rolled back it may have been */
	assert_int_equal(hand_told_well(&h, 3), 0);
	hand_fini(&h);
}

/*
 * A witness that truly knows a start far ahead (of a former attack, say) goes on saying so: its
 * member takes new starts up to there. The first of them is believed by who knows none of it.
 */
static void RX18_a_start_that_is_further_ahead_is_reached(void **state)
{
	static const uint32_t ahead[] = {RAFT_STARTS_TOLD_MAX + 2, RAFT_STARTS_UNHEARD_MAX + 2,
					 1u << 24, RAFT_START_COUNT_MAX / 2};
	struct hand h;

	(void)state;
	for (size_t i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		raft_start first;
		uint32_t turns = 0;

		lead(&h);
		first = h.r->start;
		while (raft_start_count(h.r->start) <= ahead[i]) {
			uint32_t lost = h.lost;

			for (int k = 0; k < 100; k++) {
				struct raft_message m =
					hand_told(&h, 2, hand_start(1, ahead[i]), 0, 0);

				(void)hand_recv(&h, &m);
			}
			hand_tick(&h, 1000000);
			assert_true(++turns < 4 * 13);
			if (h.lost == lost)
				continue;
			raft_restarted(h.r,
				       (raft_start)(raft_start_count(h.lost_known) + 1) << 32 | 9);
			assert_true(lost > 0 || raft_start_plausible(first, h.r->start));
		}
		assert_int_equal(hand_told_well(&h, 3), 0);
		hand_fini(&h);
	}
}

/* Each new start is a write that the node stands still for. */
static void V28_it_takes_one_new_start_in_a_second_however_often_it_is_told(void **state)
{
	struct hand h;

	(void)state;
	lead(&h);
	for (uint32_t i = 0; i < 300; i++) {
		struct raft_message m =
			hand_told(&h, 2, hand_start(1, raft_start_count(h.r->start) + 1), 0, 0);
		uint32_t lost = h.lost;

		assert_int_equal(hand_recv(&h, &m), 0);
		hand_tick(&h, 10000);
		if (h.lost > lost)
			raft_restarted(h.r, hand_start(1, raft_start_count(h.lost_known) + 1));
	}
	assert_in_range(h.lost, 2, 4);
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V28_a_start_that_it_is_told_of_shuts_it_out_nowhere),
		cmocka_unit_test(RX18_a_start_that_is_further_ahead_is_reached),
		cmocka_unit_test(V28_it_takes_one_new_start_in_a_second_however_often_it_is_told),
		cmocka_unit_test(V28_an_acknowledgement_names_only_what_was_sent),
		cmocka_unit_test(V28_a_forged_read_token_is_not_remembered),
		cmocka_unit_test(V28_a_vote_counts_only_if_it_was_asked_for),
		cmocka_unit_test(V28_a_term_has_one_leader),
		cmocka_unit_test(V28_one_member_does_not_take_all_reads),
		cmocka_unit_test(V28_a_witness_names_a_whole_position),
		cmocka_unit_test(V11_late_answers_are_late_and_not_malformed),
		cmocka_unit_test(V30_a_start_that_none_can_have_made_is_not_believed),
		cmocka_unit_test(V36_what_is_committed_is_never_overwritten),
		cmocka_unit_test(V36_the_same_term_with_other_bytes_is_seen),
		cmocka_unit_test(V36_what_a_liar_left_above_the_commit_index_is_told),
		cmocka_unit_test(V36_a_leader_that_contradicts_itself_is_told),
		cmocka_unit_test(V36_what_is_not_committed_gives_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
