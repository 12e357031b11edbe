/*
 * What a leader sends to a follower whose disk hangs.
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

/* What is below the window is read back at once. */
static void fetches_answer(struct hand *h)
{
	static const uint8_t data[RAFT_ENTRY_DATA_MAX];
	struct raft_entry e[RAFT_FETCH_ENTRIES_MAX];

	while (h->fetch_count > 0) {
		struct raft_fetch f = h->fetch[--h->fetch_count];

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V4_a_follower_whose_disk_hangs_is_not_flooded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
