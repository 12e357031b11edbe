/*
 * What is wrong by its form alone, and is refused whoever it comes from: options of a core, and
 * fields of a message (raft/check.h; the wire refuses most of them before).
 */
#include "tests/unit/raft/hand.h"

#include <errno.h>

/* --- options --------------------------------------------------------------------------------- */

typedef void (*options_spoil)(struct raft_options *o);

static void no_id(struct raft_options *o)
{
	o->id = 0;
}

static void no_identity(struct raft_options *o)
{
	o->identity = 0;
}

static void no_members(struct raft_options *o)
{
	o->members.count = 0;
}

static void too_many_members(struct raft_options *o)
{
	o->members.count = RAFT_MEMBERS_MAX + 1;
}

static void too_many_members_before(struct raft_options *o)
{
	o->members_before.count = RAFT_MEMBERS_MAX + 1;
}

static void a_member_without_id(struct raft_options *o)
{
	o->members.member[0].id = 0;
}

static void members_out_of_order(struct raft_options *o)
{
	o->members.member[1].id = o->members.member[0].id;
}

static void no_voter(struct raft_options *o)
{
	for (uint32_t i = 0; i < o->members.count; i++)
		o->members.member[i].voter = false;
}

static void too_many_voters(struct raft_options *o)
{
	o->members.count = RAFT_VOTERS_MAX + 1;
	for (uint32_t i = 0; i < o->members.count; i++)
		o->members.member[i] =
			(struct raft_member){.id = i + 1, .identity = i + 1, .voter = true};
}

static void a_table_behind_the_log(struct raft_options *o)
{
	o->members_index = o->last_index + 1;
}

static void tables_out_of_order(struct raft_options *o)
{
	o->members_before_index = o->members_index;
}

static void no_table_before(struct raft_options *o)
{
	o->members_before.count = 0;
}

static void a_log_without_a_term(struct raft_options *o)
{
	o->hard_state.term = 0;
}

static void too_long_a_log(struct raft_options *o)
{
	o->last_index = RAFT_INDEX_MAX + 1;
}

static void too_late_a_term(struct raft_options *o)
{
	o->hard_state.term = RAFT_TERM_MAX + 1;
}

static void options_that_cannot_be_are_refused(void **state)
{
	static const options_spoil spoil[] = {
		no_id,
		no_identity,
		no_members,
		too_many_members,
		too_many_members_before,
		a_member_without_id,
		members_out_of_order,
		no_voter,
		too_many_voters,
		a_table_behind_the_log,
		tables_out_of_order,
		no_table_before,
		a_log_without_a_term,
		too_long_a_log,
		too_late_a_term,
	};
	struct raft *r;

	(void)state;
	for (size_t i = 0; i <= sizeof(spoil) / sizeof(spoil[0]); i++) {
		struct raft_options o = {
			.id = 1,
			.identity = 0xa1,
			.start = hand_start(1, 1),
			.members = {.count = 2,
				    .member = {{.id = 1, .identity = 0xa1, .voter = true},
					       {.id = 2, .identity = 0xa2, .voter = true}}},
			.members_index = 2,
			.members_before_index = 1,
			.hard_state = {.term = 1},
			.last_index = 2,
			.election_timeout_us_min = 2,
			.election_timeout_us_max = 2,
			.heartbeat_us = 1,
			.append_size_max = 1400,
		};
		o.members_before = o.members;
		bool good = i == sizeof(spoil) / sizeof(spoil[0]);
		if (!good)
			spoil[i](&o);
		int err = raft_create(&r, &o);
		if (err == 0)
			raft_destroy(r);
		if (err != (good ? 0 : -EINVAL))
			fail_msg("row %zu: %d", i, err);
	}
}

/* --- messages -------------------------------------------------------------------------------- */

static const uint8_t byte = 'x';

static struct raft_entry entry_of(raft_index index, raft_term term)
{
	return (struct raft_entry){.index = index,
				   .term = term,
				   .data = &byte,
				   .size = 1,
				   .type = RAFT_ENTRY_COMMAND,
				   .flags = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST};
}

/* Refused, and neither the term nor the log nor who it follows has changed. */
static void refused(struct hand *h, const struct raft_message *m, const char *what)
{
	int err = hand_recv(h, m);

	if (err != -EINVAL)
		fail_msg("%s: %d", what, err);
	assert_int_equal(raft_get_term(h->r), 2);
	assert_int_equal(raft_leader(h->r), 0);
	assert_int_equal(h->r->window.last, 3);
	assert_int_equal(h->r->hard.vote, 0);
	assert_int_equal(h->sent_count, 0);
}

static void an_append_that_cannot_be_is_refused(void **state)
{
	static struct raft_entry many[RAFT_WINDOW + 1];
	struct raft_entry e[2] = {entry_of(4, 2), entry_of(5, 2)};
	struct raft_message good, m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "112", .term = 2});
	good = hand_message(&h, RAFT_MESSAGE_APPEND, 2, 2);
	good.append = (struct raft_append){
		.prev_index = 3, .prev_term = 2, .entries = e, .entry_count = 2};
	m = good;
	m.append.entry_count = 0;
	m.append.prev_index = RAFT_INDEX_MAX + 1;
	refused(&h, &m, "prev");
	m = good;
	m.append.commit = RAFT_INDEX_MAX + 1;
	refused(&h, &m, "commit");
	m = good;
	m.append.read_seq = RAFT_READ_SEQ_MAX + 1;
	refused(&h, &m, "read token");
	m = good;
	m.append.entry_count = 0;
	m.append.prev_term = 3;
	refused(&h, &m, "a term of prev above the message's");
	m = good;
	for (uint32_t i = 0; i <= RAFT_WINDOW; i++)
		many[i] = entry_of(4 + i, 2);
	m.append.entry_count = RAFT_WINDOW + 1;
	m.append.entries = many;
	refused(&h, &m, "too many entries");
	m = good;
	m.append.entries = NULL;
	refused(&h, &m, "entries that are not there");
	for (raft_index i = 4; i <= 6; i += 2) {
		e[1].index = i;
		refused(&h, &good, "entries that do not follow each other");
	}
	e[1] = entry_of(5, 2);
	assert_int_equal(hand_recv(&h, &good), 0);
	assert_int_equal(h.r->window.last, 5);
	hand_fini(&h);
}

static void a_message_that_cannot_be_is_refused(void **state)
{
	struct raft_message m;
	struct hand h;

	(void)state;
	hand_init(&h, (struct hand_options){.nodes = 3, .terms = "112", .term = 2});
	m = hand_message(&h, RAFT_MESSAGE_VOTE, 2, 3);
	m.vote.last_index = 3;
	m.vote.last_term = 3;
	refused(&h, &m, "a log of the term that it asks for");
	m.vote.last_term = 2;
	m.vote.last_index = RAFT_INDEX_MAX + 1;
	refused(&h, &m, "last index");
	m.vote.last_index = 3;
	m.to = 2;
	refused(&h, &m, "to another one");
	m.to = 1;
	m.from = 1;
	refused(&h, &m, "from this one");
	m = hand_message(&h, RAFT_MESSAGE_READ, 2, 0);
	refused(&h, &m, "no term");
	m = hand_message(&h, RAFT_MESSAGE_APPEND_REPLY, 2, 2);
	m.append_reply.accepted = true;
	m.append_reply.prev_index = RAFT_INDEX_MAX + 1;
	refused(&h, &m, "prev of an answer");
	m = hand_told(&h, 2, h.r->start, 2, 3);
	m.start_reply.known.entry_term = RAFT_TERM_MAX + 1;
	refused(&h, &m, "the term of an entry that a witness knows");
	hand_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_that_cannot_be_are_refused),
		cmocka_unit_test(an_append_that_cannot_be_is_refused),
		cmocka_unit_test(a_message_that_cannot_be_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
