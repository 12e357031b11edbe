/*
 * Tables of members, and their changes (members.h).
 */
#include "tests/trace/members.h"

#include "tests/trace/words.h"

#include <inttypes.h>
#include <string.h>

static void member_print(FILE *out, const struct raft_member *m, bool joint)
{
	fprintf(out, "n%" PRIu64, m->id);
	if (m->leaves)
		fprintf(out, " (leaves)");
	else if (m->voter_before && !m->voter)
		fprintf(out, " (is to learn)");
	else if (joint && m->voter && !m->voter_before)
		fprintf(out, " (comes)");
	else if (m->replaces)
		fprintf(out, " (learns, for n%" PRIu64 ")", m->replaces);
	else if (m->joins)
		fprintf(out, " (learns, to vote)");
	else if (!m->voter)
		fprintf(out, " (learns)");
	if (m->identity == 0)
		fprintf(out, " (is not there yet)");
}

void trace_members_print(FILE *out, const struct raft_members *members)
{
	bool joint = raft_members_joint(members);

	fprintf(out, "%s", joint ? "joint, " : "");
	for (uint32_t i = 0; i < members->count; i++) {
		fprintf(out, "%s", i ? ", " : "");
		member_print(out, &members->member[i], joint);
	}
}

bool trace_members_same(const struct raft_members *a, const struct raft_members *b)
{
	uint8_t as[RAFT_MEMBERS_SIZE_MAX], bs[RAFT_MEMBERS_SIZE_MAX];
	size_t size = raft_members_encode(a, as);

	return size == raft_members_encode(b, bs) && memcmp(as, bs, size) == 0;
}

static enum raft_change_kind kind_find(const char *word)
{
	static const char *const name[RAFT_CHANGE_KIND_END] = {
		[RAFT_CHANGE_REMOVE] = "remove",   [RAFT_CHANGE_DEMOTE] = "demote",
		[RAFT_CHANGE_PROMOTE] = "promote", [RAFT_CHANGE_UPDATE] = "update",
		[RAFT_CHANGE_BIND] = "bind",       [RAFT_CHANGE_REPLACE] = "replace",
		[RAFT_CHANGE_ADD] = "add",         [RAFT_CHANGE_ADD_LEARNER] = "add-learner",
	};

	for (int kind = 1; kind < RAFT_CHANGE_KIND_END; kind++) {
		if (strcmp(word, name[kind]) == 0)
			return (enum raft_change_kind)kind;
	}
	return RAFT_CHANGE_KIND_END;
}

bool trace_members_change(struct cluster *c, FILE *out, struct cluster_node *n, const char *line)
{
	char word[32], text[RAFT_REFUSAL_TEXT_SIZE];
	struct raft_change change = {0};
	struct raft_refusal refusal;
	unsigned a = 0, b = 0;
	raft_index index;
	int words = sscanf(line, "%31s n%u by n%u", word, &a, &b);

	if (words < 2)
		return false;
	change.kind = kind_find(word);
	if (change.kind == RAFT_CHANGE_KIND_END ||
	    (change.kind == RAFT_CHANGE_REPLACE) != (words == 3))
		return false;
	change.id = words == 3 ? b : a;
	change.replaced = words == 3 ? a : 0;
	if (change.kind >= RAFT_CHANGE_REPLACE) {
		if (change.id != c->options.nodes + 1 || !cluster_slot(c))
			return false;
	}
	if (change.kind >= RAFT_CHANGE_UPDATE && change.kind != RAFT_CHANGE_BIND)
		change.place = 1000 + change.id;
	if (change.kind == RAFT_CHANGE_BIND)
		change.identity = cluster_node(c, change.id)->identity;
	int err = cluster_change(c, n, &change, 1, &index, &refusal);
	if (err == -EPERM) {
		raft_refusal_text(&refusal, text);
		fprintf(out, "n%" PRIu64 " refuses the change: %s\n", n->id, text);
	} else if (err) {
		fprintf(out, "n%" PRIu64 " refuses the change: %s\n", n->id, trace_error_name(err));
	}
	return true;
}

void trace_formed_print(FILE *out, const struct raft_members *members)
{
	for (uint32_t i = 0; i < members->count; i++) {
		const struct raft_member *m = &members->member[i];
		fprintf(out, "%sn%" PRIu64, i ? ", " : "", m->id);
		fprintf(out, " is %" PRIx64, m->identity);
	}
}

void trace_members_changed(FILE *out, const struct cluster_node *n,
			   const struct raft_members *members, raft_index index)
{
	const struct raft *r = n->core;

	if (members->count == 0 || trace_members_same(members, raft_get_members(r)))
		return;
	fprintf(out, "n%" PRIu64 "'s members are %s: ", n->id,
		r->members_index < index ? "again" : "now");
	trace_members_print(out, raft_get_members(r));
	fprintf(out, "\n");
}

void trace_fill(struct cluster *c, FILE *out, struct cluster_node *n)
{
	uint32_t count = 0;

	while (cluster_propose(c, n, "more", 4) == 0)
		count++;
	fprintf(out, "n%" PRIu64 " takes %" PRIu32 " commands\n", n->id, count);
}

void trace_members_join(struct cluster *c, FILE *out, struct cluster_node *n,
			struct cluster_node *teller)
{
	fprintf(out, "n%" PRIu64 " starts as %" PRIx64 ", told by n%" PRIu64 "\n", n->id,
		n->identity, teller->id);
	if (!cluster_join(c, n, teller))
		fprintf(out, "n%" PRIu64 " is not known there to be a member\n", n->id);
	else
		cluster_starts_settle(c);
}
