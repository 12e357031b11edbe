/*
 * The member table in force, as status tells it: a line for each member, whoever is asked.
 */
#include "node/internal.h"

#include "metrics/text.h"

#include <inttypes.h>
#include <stdio.h>

enum { PORT_TEXT_SIZE = 8, ID_TEXT_SIZE = 20 };

/* What a member is now (raft/members.h has the table of flags). */
static const char *state_text(const struct raft_members *table, const struct raft_member *m)
{
	if (m->leaves)
		return "leaving";
	if (m->voter_before)
		return m->voter ? "voter" : "demoted";
	if (m->voter)
		return raft_members_joint(table) ? "entering" : "voter";
	return m->joins ? "joining" : "learner";
}

/* Where it hears clients, as it told; "-": it did not yet. */
static void client_port_text(const struct node *n, raft_id id, char out[PORT_TEXT_SIZE])
{
	int place = node_peer_find(n, id);
	const struct wire_settings *s = place < 0 ? NULL : &n->peer[place].settings;

	if (id == n->id)
		s = &n->settings;
	if (s && s->heartbeat_us && s->client_port)
		snprintf(out, PORT_TEXT_SIZE, "%u", s->client_port);
	else
		snprintf(out, PORT_TEXT_SIZE, "-");
}

/* As this member calls it; who is no peer of it, by what it said or by its id. */
static const char *word_of(const struct node *n, raft_id id, const struct sm_attributes *said,
			   char text[ID_TEXT_SIZE])
{
	if (id == n->id || node_peer_find(n, id) >= 0)
		return node_member_name(n, id);
	snprintf(text, ID_TEXT_SIZE, "%016" PRIx64, id);
	return said ? said->name : text;
}

/* "NAME" and "A,B", as it said; "-": it did not. */
static void attributes_text(const struct sm_attributes *said, struct metrics_text *t)
{
	metrics_line(t, " name=%s clients=%s", said ? said->name : "-",
		     said && said->client_count ? "" : "-");
	for (uint32_t i = 0; said && i < said->client_count; i++)
		metrics_line(t, "%s%s", i ? "," : "", said->client[i]);
	metrics_line(t, "\n");
}

void node_table_text(const struct node *n, const struct raft_members *table, struct metrics_text *t)
{
	for (uint32_t i = 0; i < table->count; i++) {
		const struct raft_member *m = &table->member[i];
		char address[NODE_PLACE_TEXT_SIZE], port[PORT_TEXT_SIZE];
		char replaces[ID_TEXT_SIZE] = "-", text[ID_TEXT_SIZE];
		const struct sm_attributes *said = node_attributes(n, m->id);

		client_port_text(n, m->id, port);
		if (m->replaces)
			snprintf(replaces, sizeof(replaces), "%016" PRIx64, m->replaces);
		metrics_line(t,
			     "member %s id=%016" PRIx64
			     " address=%s client_port=%s state=%s bound=%d replaces=%s",
			     word_of(n, m->id, said, text), m->id,
			     node_place_text(node_member_place(n, m), address), port,
			     state_text(table, m), m->identity != 0, replaces);
		attributes_text(said, t);
	}
}
