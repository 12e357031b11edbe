/* A leader and its cluster by hand. */
#include "tests/unit/raft/field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static struct raft_member member(raft_id id, bool voter)
{
	return (struct raft_member){
		.id = id, .identity = 0xa0 + id, .voter = voter, .place = 0x100 + id};
}

void field_init(struct field *f, uint32_t voters, uint32_t learners)
{
	*f = (struct field){.view = {.members_index = 50,
				     .id = 1,
				     .term = 3,
				     .term_start = 90,
				     .last = COMMIT + 3,
				     .commit = COMMIT}};
	f->view.members = &f->members;
	for (raft_id id = 1; id <= voters + learners; id++) {
		f->members.member[f->members.count++] = member(id, id <= voters);
		if (id > 1)
			f->view.peer[f->view.peer_count++] = (struct raft_change_peer){
				.id = id, .heard = true, .holds = true, .match = COMMIT};
	}
}

struct raft_member *field_member(struct field *f, raft_id id)
{
	return &f->members.member[id - 1];
}

struct raft_change_peer *field_peer(struct field *f, raft_id id)
{
	return &f->view.peer[id - 2];
}

void field_text(const struct raft_members *m, char text[TEXT])
{
	size_t used = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < m->count; i++) {
		const struct raft_member *one = &m->member[i];
		char replaces[24] = "";

		if (one->replaces)
			snprintf(replaces, sizeof(replaces), ">%" PRIu64, one->replaces);
		used += (size_t)snprintf(text + used, TEXT - used, "%s%" PRIu64 "%s%s%s%s%s%s",
					 i ? " " : "", one->id, one->voter ? "V" : "",
					 one->voter_before ? "B" : "", one->leaves ? "L" : "",
					 one->joins ? "J" : "", replaces, one->identity ? "" : "?");
	}
}

void field_expect(const struct raft_members *members, const char *expected)
{
	char text[TEXT];

	field_text(members, text);
	assert_string_equal(text, expected);
	assert_true(raft_members_valid(members));
}

bool field_make(struct field *f, struct raft_change *changes, uint32_t count)
{
	return raft_change_make(&f->view, changes, count, &f->next, &f->refusal);
}

void field_makes(struct field *f, struct raft_change change, const char *expected)
{
	if (!field_make(f, &change, 1)) {
		char text[RAFT_REFUSAL_TEXT_SIZE];

		raft_refusal_text(&f->refusal, text);
		fail_msg("refused: %s", text);
	}
	field_expect(&f->next, expected);
}

void field_refuses(struct field *f, struct raft_change change, enum raft_refusal_reason reason)
{
	assert_false(field_make(f, &change, 1));
	assert_int_equal(f->refusal.reason, reason);
}

void field_append(struct field *f)
{
	f->members = f->next;
	f->view.members_index = ++f->view.last;
}

void field_commit(struct field *f)
{
	f->view.commit = f->view.last;
	for (uint32_t i = 0; i < f->view.peer_count; i++)
		f->view.peer[i].match = f->view.commit;
}
