/*
 * What a leader sends to a follower whose disk hangs, and what it reads for one that lies.
 */
#include "tests/unit/raft/hand.h"

/* A follower's answers, to each message: `match` is durable, and its memory holds `taken`. */
static void answer(struct hand *h, raft_id from, raft_index match, raft_index taken)
{
	for (uint32_t i = 0; i < h->sent_count; i++) {
		const struct raft_append *sent = &h->sent[i].append;
		struct raft_message m = hand_message(h, RAFT_MESSAGE_APPEND_REPLY, from, 1);

		if (h->sent[i].to != from || h->sent[i].type != RAFT_MESSAGE_APPEND)
			continue;
		m.append_reply = (struct raft_append_reply){.accepted = sent->prev_index <= taken,
							    .match = match,
							    .prev_index = sent->prev_index,
							    .read_seq = sent->read_seq};
		if (!m.append_reply.accepted) {
			m.append_reply.match = taken;
			m.append_reply.match_term = 1;
		}
		assert_int_equal(raft_recv(h->r, &m), 0);
	}
}

static uint32_t reads; /* for others, not to apply */

/* What is below the window is read back at once. */
static void fetches_answer(struct hand *h)
{
	static const uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct raft_entry e[RAFT_FETCH_ENTRIES_MAX];

	while (h->fetch_count > 0) {
		struct raft_fetch f = h->fetch[--h->fetch_count];

		reads += f.slot != RAFT_SLOT_APPLY;
		for (uint32_t i = 0; i < f.count; i++)
			e[i] = (struct raft_entry){.index = f.first + i,
						   .term = 1,
						   .data = data,
						   .size = sizeof(data),
						   .type = RAFT_ENTRY_COMMAND,
						   .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
		raft_fetched(h->r, f.slot, e, f.count);
	}
	hand_take(h);
}

/*
 * Member 3's disk hangs, or its window is full; it answers each heartbeat and each token at once.
 * Under a load of writes and reads it is sent no more than the healthy member 2.
 */
static void hangs(raft_index taken)
{
	static const uint8_t large[RAFT_ENTRY_DATA_MAX];
	uint64_t sent[2] = {0, 0};
	struct hand h;
	raft_index index;
	raft_term term;

	hand_init(&h, (struct hand_options){.nodes = 3});
	hand_elect(&h);
	hand_stream(&h, 2);
	hand_stream(&h, 3);
	for (uint64_t ms = 0; ms < 5000; ms++) {
		hand_forget(&h);
		(void)raft_propose(h.r, large, sizeof(large), &index, &term);
		(void)raft_read_index(h.r, ms + 1);
		hand_tick(&h, 1000);
		hand_persist(&h);
		fetches_answer(&h);
		for (raft_id to = 2; to <= 3; to++)
			sent[to - 2] += hand_sent_count(&h, RAFT_MESSAGE_APPEND, to);
		answer(&h, 2, h.r->window.last, h.r->window.last);
		answer(&h, 3, 1, taken);
		hand_forget(&h);
		hand_take(&h);
		fetches_answer(&h);
		for (raft_id to = 2; to <= 3; to++)
			sent[to - 2] += hand_sent_count(&h, RAFT_MESSAGE_APPEND, to);
		h.read_count = 0;
	}
	assert_true(h.r->commit > 4000); /* else there was no load */
	assert_true(sent[1] <= sent[0] + sent[0] / 10);
	/* Its disk goes on: entries stream again. */
	assert_int_equal(hand_ack(&h, 3, hand_peer(&h, 3)->next - 1), 0);
	assert_false(hand_peer(&h, 3)->probing);
	hand_fini(&h);
}

static void V4_a_follower_whose_disk_hangs_is_not_flooded(void **state)
{
	(void)state;
	hangs(50);         /* its window is full */
	hangs(UINT64_MAX); /* it takes all of it */
}

/* --- reads of the log ------------------------------------------------------------------------ */

enum { LONG_LOG = 20000, ROUND_TRIP_US = 100, SECOND_US = 1000000 };

static void reads_answer(struct hand *h)
{
	while (h->fetch_count > 0)
		fetches_answer(h);
	hand_forget(h);
}

/* A leader that has named all of its log to member 3. */
static void lead_long(struct hand *h)
{
	hand_init(h, (struct hand_options){.nodes = 3, .long_log = LONG_LOG, .term = 1});
	h->r->deferred = true; /* it has much to apply */
	hand_elect(h);
	reads_answer(h);
	reads = 0;
}

static void say(struct hand *h, bool accepted, bool lost, raft_index prev, raft_index match)
{
	struct raft_message m = hand_answer(h, 3, accepted, prev, match);

	m.start = hand_peer(h, 3)->witness.start;
	m.append_reply.match_term = !accepted;
	m.append_reply.lost = lost;
	assert_int_equal(hand_recv(h, &m), 0);
	reads_answer(h);
}

/* It holds nothing any more, and all, in turn: it is sent from where it likes. */
static void loses(struct hand *h, uint32_t k)
{
	say(h, true, false, 0, 1 + k * 7919 % LONG_LOG);
	say(h, false, true, LONG_LOG, 1 + k * 4001 % (LONG_LOG - 1000));
}

/* So often was it started. */
static void starts(struct hand *h, uint32_t k)
{
	struct raft_message m = hand_answer(h, 3, true, 0, 1 + k * 7919 % (LONG_LOG - 1000));

	m.start = hand_start(3, k + 2);
	assert_int_equal(hand_recv(h, &m), 0);
	reads_answer(h);
}

static void steps_back(struct hand *h, uint32_t k)
{
	const struct raft_peer *p = hand_peer(h, 3);
	raft_index prev = p->probing ? p->probe_prev : p->next - 1;

	if (prev > 200)
		say(h, false, false, prev, prev - (k % 2 ? 65 : 100));
	else
		loses(h, k);
}

/* It has what it was never sent, further and further on; and then nothing. */
static void leaps(struct hand *h, uint32_t k)
{
	raft_index match = hand_peer(h, 3)->match;

	if (match + 1000 < LONG_LOG)
		say(h, true, false, match, match + 500);
	else
		say(h, false, true, LONG_LOG, k % 64);
}

/* Of the same, it says that the logs agree; and the leader resumes there by itself. */
static void agrees(struct hand *h, uint32_t k)
{
	const struct raft_peer *p = hand_peer(h, 3);

	if (p->probing)
		say(h, true, false, 0, p->next - 1);
	if (p->agreed + 1000 < LONG_LOG)
		say(h, true, false, p->agreed + 500, p->match);
	else
		loses(h, k);
}

static void V28_a_follower_that_lies_drives_no_reads_of_the_log(void **state)
{
	static void (*const way[])(struct hand *, uint32_t) = {loses, starts, steps_back, leaps,
							       agrees};
	struct hand h;

	(void)state;
	for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
		lead_long(&h);
		for (uint32_t k = 0; k * ROUND_TRIP_US < SECOND_US; k++) {
			way[i](&h, k);
			hand_tick(&h, ROUND_TRIP_US);
			reads_answer(&h);
		}
		if (reads > 500)
			fail_msg("way %zu: %u reads in a second", i, reads);
		hand_fini(&h);
	}
}

/* Another one's, that is not to be had now and is asked for sooner again, comes between. */
static void another_is_put_off(struct hand *h)
{
	struct raft_slot *s = raft_peer_slot(h->r, hand_peer(h, 2));
	uint32_t heartbeat_us = h->r->heartbeat_us;

	s->state = RAFT_SLOT_OPEN;
	h->r->heartbeat_us = 100;
	raft_fetched(h->r, (uint32_t)(s - h->r->slot), NULL, 0);
	h->r->heartbeat_us = heartbeat_us;
}

/* What was put off is read when its time has come, and what follows it at once. */
static void V28_a_read_that_was_put_off_comes(void **state)
{
	struct hand h;
	uint32_t before, k = 0;

	(void)state;
	lead_long(&h);
	hand_tick(&h, RAFT_STRAY_US / 2); /* between two heartbeats */
	uint64_t due_us = h.now_us + RAFT_STRAY_US;
	do {
		if (k == 2)
			hand_tick(&h, 3000); /* nothing else is due just then */
		before = reads;
		loses(&h, k++);
	} while (reads > before && k < 100);
	assert_true(k > 2);
	assert_true(k < 100);
	raft_index match = hand_peer(&h, 3)->next - 1;
	another_is_put_off(&h);
	hand_tick(&h, RAFT_STRAY_US / 2 - 3000);
	assert_int_equal(raft_deadline(h.r), due_us);
	hand_tick(&h, due_us - h.now_us);
	assert_int_equal(h.fetch_count, 1);
	assert_int_equal(h.fetch[0].first, match);
	for (; match + RAFT_WINDOW_SLOTS < LONG_LOG; match = hand_peer(&h, 3)->next - 1) {
		fetches_answer(&h);
		say(&h, true, true, match, match);
		say(&h, true, true, match, hand_peer(&h, 3)->next - 1);
	}
	hand_fini(&h);
}

/* A read that brings nothing is asked for again, a heartbeat later and not in each turn. */
static void F14_what_cannot_be_read_now_is_asked_for_later(void **state)
{
	struct hand h;

	(void)state;
	lead_long(&h);
	struct raft_message m = hand_answer(&h, 3, false, LONG_LOG, 100);
	m.append_reply.match_term = 1;
	assert_int_equal(hand_recv(&h, &m), 0);
	for (int times = 0; times < 3; times++) {
		assert_int_equal(h.fetch_count, 1);
		h.fetch_count = 0;
		raft_fetched(h.r, h.fetch[0].slot, NULL, 0);
		hand_take(&h);
		hand_tick(&h, HAND_HEARTBEAT_US - 1);
		assert_int_equal(h.fetch_count, 0);
		hand_tick(&h, 1);
	}
	hand_fini(&h);
}

/* A log whose last entries are of many terms that the leader has not: a step for each of them. */
static void an_honest_follower_steps_back_without_a_pause(void **state)
{
	struct hand h;

	(void)state;
	lead_long(&h);
	for (raft_index prev = LONG_LOG, k = 1; k < 16; k++) {
		say(&h, false, false, prev, LONG_LOG - k * 1000);
		prev = LONG_LOG - k * 1000;
		assert_int_equal(hand_peer(&h, 3)->probe_prev, prev);
		assert_int_equal(reads, k);
	}
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V4_a_follower_whose_disk_hangs_is_not_flooded),
		cmocka_unit_test(V28_a_follower_that_lies_drives_no_reads_of_the_log),
		cmocka_unit_test(V28_a_read_that_was_put_off_comes),
		cmocka_unit_test(F14_what_cannot_be_read_now_is_asked_for_later),
		cmocka_unit_test(an_honest_follower_steps_back_without_a_pause),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
