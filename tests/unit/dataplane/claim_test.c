/*
 * Asked before the first packet (RFC 5227): who has our address (F7). One frame, or a burst, is no
 * news (V35); and nobody is asked on a port that has no link yet.
 */
#include "dataplane/claim.h"
#include "tests/unit/dataplane/dp_world.h"
#include "tests/unit/test.h"

#include <string.h>

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static bool goes_on(enum claim_verdict verdict)
{
	return verdict == CLAIM_WAITS || verdict == CLAIM_ASKS;
}

static uint32_t probes(struct world *w)
{
	uint32_t count = 0;
	struct frame f;

	while (world_take(w, &f)) {
		assert_memory_equal(f.data, everybody, 6);
		assert_int_equal(frame_get16(f.data + AT_TYPE), 0x0806);
		assert_int_equal(frame_get16(f.data + AT_ARP_OPERATION), 1);
		assert_int_equal(frame_get32(f.data + AT_ARP_SENDER), 0);
		assert_int_equal(frame_get32(f.data + AT_ARP_TARGET), OURS);
		count++;
	}
	return count;
}

/* To its end; `answer` comes `late_ns` after each question whose bit is set. */
static enum claim_verdict claim(struct world *w, const struct frame *answer, uint32_t which,
				uint64_t late_ns)
{
	uint64_t due = UINT64_MAX;
	enum claim_verdict verdict;
	uint32_t asked = 0;
	struct claim c;

	claim_begin(&c, w->link, OURS, w->now);
	do {
		verdict = claim_turn(&c, w->now);
		if (probes(w) > 0 && which >> asked++ & 1)
			due = w->now + late_ns;
		if (w->now >= due) {
			world_send(w, answer);
			due = UINT64_MAX;
		}
		w->now += MS;
	} while (goes_on(verdict));
	if (verdict == CLAIM_TAKEN)
		assert_memory_equal(c.who.byte, other_mac.byte, 6);
	else
		assert_int_equal(asked, CLAIM_PROBES);
	return verdict;
}

/* An answer, a use, another's probe; and nothing of anybody else. One of three may be lost. */
static void F7_a_claim_is_refused_by_whoever_has_it(void **state)
{
	static const struct {
		uint16_t operation;
		uint32_t sender, target;
		bool claimed;
	} cases[] = {
		{2, OURS, 0, true},     {1, OURS, PEER, true},  {1, OURS, OURS, true},
		{1, 0, OURS, true},     {1, PEER, OURS, false}, {2, PEER, OURS, false},
		{1, PEER, PEER, false}, {1, 0, PEER, false},
	};
	static const uint32_t enough[] = {7, 3, 5, 6};
	struct world *w = *state;
	struct frame f;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		frame_arp(&f, other_mac.byte, everybody, cases[i].operation, cases[i].sender,
			  cases[i].target);
		for (size_t k = 0; k < sizeof(enough) / sizeof(enough[0]); k++) {
			for (uint64_t late = 0; late < CLAIM_PROBE_NS; late += 29 * MS)
				assert_int_equal(claim(w, &f, enough[k], late),
						 cases[i].claimed ? CLAIM_TAKEN : CLAIM_FREE);
		}
	}
}

/* Before the first question, at any time of it, after the last; and many at once. */
static void F7_V35_one_frame_at_a_start_is_no_news(void **state)
{
	struct world *w = *state;
	struct frame f;

	frame_arp(&f, other_mac.byte, everybody, 2, OURS, 0);
	for (uint64_t at = 0; at <= CLAIM_PROBES * CLAIM_PROBE_NS; at += MS) {
		for (int count = 1; count <= 20; count += 19) {
			enum claim_verdict verdict;
			uint64_t begun = w->now;
			struct claim c;

			claim_begin(&c, w->link, OURS, begun);
			do {
				for (int i = 0; w->now == begun + at && i < count; i++)
					world_send(w, &f);
				verdict = claim_turn(&c, w->now);
				w->now += MS;
			} while (goes_on(verdict));
			assert_int_equal(verdict, CLAIM_FREE);
			assert_int_equal(w->now - begun, CLAIM_PROBES * CLAIM_PROBE_NS + MS);
		}
		assert_int_equal(probes(w), 2 * CLAIM_PROBES);
	}
}

/* A NIC has a link seconds after its start: until then a question reaches nobody. */
static void F7_a_link_is_waited_for(void **state)
{
	struct world *w = *state;
	struct frame f;
	struct claim c;

	frame_arp(&f, other_mac.byte, everybody, 2, OURS, 0);
	fake_link_up_set(w->link, false);
	claim_begin(&c, w->link, OURS, w->now);
	for (int i = 0; i < 80; i++, w->now += 100 * MS)
		assert_int_equal(claim_turn(&c, w->now), CLAIM_WAITS);
	assert_int_equal(probes(w), 0);
	fake_link_up_set(w->link, true);
	for (int i = 0; i < CLAIM_ANSWERS; i++, w->now += CLAIM_PROBE_NS) {
		assert_int_equal(claim_turn(&c, w->now), CLAIM_ASKS);
		assert_int_equal(probes(w), 1);
		world_send(w, &f);
	}
	assert_int_equal(claim_turn(&c, w->now), CLAIM_TAKEN);
}

/* Not for ever: who comes up later is watched over as it runs (own.h). */
static void F7_a_link_that_does_not_come_holds_nobody_up(void **state)
{
	struct world *w = *state;
	struct claim c;

	fake_link_up_set(w->link, false);
	claim_begin(&c, w->link, OURS, w->now);
	w->now += CLAIM_LINK_NS - 1;
	assert_int_equal(claim_turn(&c, w->now), CLAIM_WAITS);
	w->now++;
	assert_int_equal(claim_turn(&c, w->now), CLAIM_UNASKED);
	/* Gone between two questions: no longer than that either. */
	fake_link_up_set(w->link, true);
	claim_begin(&c, w->link, OURS, w->now);
	assert_int_equal(claim_turn(&c, w->now), CLAIM_ASKS);
	fake_link_up_set(w->link, false);
	w->now += CLAIM_PROBE_NS;
	assert_int_equal(claim_turn(&c, w->now), CLAIM_WAITS);
	w->now += CLAIM_LINK_NS;
	assert_int_equal(claim_turn(&c, w->now), CLAIM_UNASKED);
}

/* A question without a buffer was not asked. */
static void F7_a_buffer_is_waited_for(void **state)
{
	struct world *w = *state;
	struct claim c;

	fake_link_budget_set(w->link, 1);
	claim_begin(&c, w->link, OURS, w->now);
	assert_int_equal(claim_turn(&c, w->now), CLAIM_ASKS);
	w->now += CLAIM_PROBE_NS;
	assert_int_equal(claim_turn(&c, w->now), CLAIM_WAITS);
	fake_link_budget_set(w->link, UINT32_MAX);
	assert_int_equal(probes(w), 1);
	assert_int_equal(claim_turn(&c, w->now), CLAIM_ASKS);
	assert_int_equal(probes(w), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(F7_a_claim_is_refused_by_whoever_has_it),
		TEST(F7_V35_one_frame_at_a_start_is_no_news),
		TEST(F7_a_link_is_waited_for),
		TEST(F7_a_link_that_does_not_come_holds_nobody_up),
		TEST(F7_a_buffer_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
