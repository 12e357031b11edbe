/*
 * The other members, as the member table has them: taken on and let go while the node runs (D16).
 *
 *	1. A member keeps its place for as long as it is in the table: what other files keep of it
 *	   is in that place (struct node_peer), and nowhere else.
 *	2. Who takes a place finds it empty: of the member before it nothing is left, here or in
 *	   the dataplane.
 *	3. Before there is a cluster the members are those of the configuration, and have no ids.
 */
#include "node/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* By this member, or by one in another place. */
static bool name_taken(const struct node *n, const char *name, const struct node_peer *p)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (&n->peer[i] != p && strcmp(n->peer[i].name, name) == 0)
			return true;
	}
	return strcmp(n->name, name) == 0;
}

/* As it calls itself; NULL: it did not say. */
static const char *said_name(const struct node *n, raft_id id)
{
	const struct sm_attributes *said = node_attributes(n, id);

	return said ? said->name : NULL;
}

/* As it calls itself, or as the configuration calls whoever is there; else its id. */
static void name_set(struct node *n, struct node_peer *p)
{
	const struct dp_options *o = &n->options.dp;
	const char *name = said_name(n, p->at.member_id);

	for (uint32_t i = 0; i < o->peer_count && !name; i++) {
		if (o->peer[i].address == p->at.address && o->peer[i].udp_port == p->at.udp_port)
			name = n->configured_name[i];
	}
	if (name && !name_taken(n, name, p))
		snprintf(p->name, sizeof(p->name), "%s", name);
	else
		snprintf(p->name, sizeof(p->name), "%016" PRIx64, p->at.member_id);
}

/* Two of one name are one of a name and one of an id, until one of them is gone. */
void node_names_follow(struct node *n)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		struct node_peer *p = &n->peer[i];
		const char *name = said_name(n, p->at.member_id);

		if (name && strcmp(name, p->name) != 0 && !name_taken(n, name, p))
			snprintf(p->name, sizeof(p->name), "%s", name);
	}
}

static uint32_t place_take(struct node *n)
{
	uint32_t place = 0;

	while (n->peer[place].at.address != 0)
		place++;
	assert(place < DP_PEERS_MAX); /* a table has no more members */
	n->peers++;
	if (n->places <= place)
		n->places = place + 1;
	return place;
}

/*
 * In a place that is empty, or a member's that has another directory or is elsewhere now: then its
 * name is all that is still true of it.
 */
static void peer_set(struct node *n, uint32_t place, const struct dp_peer *at)
{
	struct node_peer *p = &n->peer[place];
	char name[sizeof(p->name)];

	memcpy(name, p->name, sizeof(name));
	*p = (struct node_peer){.at = *at, .taken = ++n->taken};
	histogram_create(&p->round_trip, NODE_ROUND_TRIP_NS_MIN, NODE_ROUND_TRIP_BUCKETS);
	if (name[0])
		memcpy(p->name, name, sizeof(name));
	else
		name_set(n, p);
	node_way_set(n, place);
}

static void let_go(struct node *n, uint32_t place)
{
	if (n->peer[place].met_ns)
		n->met = 0;
	dp_peer_unset(n->dp, place);
	n->peer[place] = (struct node_peer){0};
	n->peers--;
}

/* A log of an earlier release has no addresses in its table: they are those of the formation. */
uint64_t node_member_place(const struct node *n, const struct raft_member *m)
{
	const struct formation *f = &n->formation;

	for (uint32_t i = 0; !node_joined(n) && m->place == 0 && i < f->table.count; i++) {
		if (formation_member_id(f, i) == m->id)
			return f->table.member[i].place;
	}
	return m->place;
}

/* The newest start that is known of it. */
static raft_start start_of(const struct node *n, raft_id id)
{
	struct raft_witness witness[RAFT_MEMBERS_MAX];
	uint32_t count = raft_witnesses(n->raft, witness);

	for (uint32_t i = 0; i < count; i++) {
		if (witness[i].id == id)
			return witness[i].start;
	}
	return 0;
}

static void follow(struct node *n, const struct raft_member *m)
{
	uint64_t there = node_member_place(n, m);
	const struct dp_peer at = {
		.member_id = m->id,
		.identity = m->identity,
		.start = start_of(n, m->id),
		.address = (uint32_t)(there >> 16),
		.udp_port = (uint16_t)there,
	};
	int known = node_peer_find(n, m->id);
	const struct node_peer *p = known < 0 ? NULL : &n->peer[known];
	char text[NODE_PLACE_TEXT_SIZE];

	if (at.address == 0 || at.udp_port == 0)
		return; /* nobody can be there, and the core refuses such a table */
	if (p && p->at.identity == at.identity && node_peer_place(p) == there)
		return;
	if (!p && n->peers == DP_PEERS_MAX)
		node_peer_part(n);
	if (!p)
		known = (int)place_take(n);
	peer_set(n, (uint32_t)known, &at);
	journal_write(n->journal, JOURNAL_INFO, p ? "member_changed" : "member_taken_on",
		      "peer=%s member_id=%016" PRIx64 " address=%s", n->peer[known].name, m->id,
		      node_place_text(there, text));
}

/* Who was known by his address alone has an id now, with all that is kept of him. */
static void adopt(struct node *n, const struct raft_members *table)
{
	for (uint32_t i = 0; i < table->count; i++) {
		const struct raft_member *m = &table->member[i];
		int there = node_peer_at(n, node_member_place(n, m));

		if (m->id == n->id || there < 0 || n->peer[there].at.member_id)
			continue;
		n->peer[there].at.member_id = m->id;
		n->peer[there].at.identity = m->identity;
		n->peer[there].at.start = start_of(n, m->id);
		node_way_set(n, (uint32_t)there);
	}
}

/* Who was met is where, and what, the table has it now. */
static bool is_known(const struct node *n, const struct raft_members *table)
{
	int met = node_peer_met(n);
	const struct dp_peer *at = met < 0 ? NULL : &n->peer[met].at;
	const struct raft_member *m = at ? raft_members_find(table, at->member_id) : NULL;

	return m && m->identity == at->identity &&
	       node_member_place(n, m) == node_peer_place(&n->peer[met]);
}

void node_members_follow(struct node *n, const struct raft_members *table)
{
	char text[NODE_PLACE_TEXT_SIZE];

	adopt(n, table);
	if (is_known(n, table))
		node_peer_part(n);
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		const struct node_peer *p = &n->peer[i];

		if (p->met_ns || raft_members_find(table, p->at.member_id))
			continue;
		journal_write(n->journal, JOURNAL_INFO, "member_let_go",
			      "peer=%s member_id=%016" PRIx64 " address=%s", p->name,
			      p->at.member_id, node_place_text(node_peer_place(p), text));
		let_go(n, i);
	}
	for (uint32_t i = 0; i < table->count; i++) {
		/* Whom this member replaces where it stands has no other way to it. */
		if (table->member[i].id != n->id &&
		    node_member_place(n, &table->member[i]) != node_own_place(n))
			follow(n, &table->member[i]);
	}
}

/* Who moves by a table that is not committed is, or stays, where the one before has it. */
static void places_before(const struct node *n, struct raft_members *peers)
{
	struct raft_status s;

	node_raft_status(n, &s);
	for (uint32_t i = 0; i < peers->count; i++) {
		struct raft_member *m = &peers->member[i];
		const struct raft_member *before = raft_members_find(&s.members_before, m->id);

		if (before && before->identity == m->identity && before->place != 0)
			m->place = before->place;
	}
}

/*
 * A leader may fall before its table is committed, and a table that moves a member may be lost, or
 * not: who hears no leader tries both places in turn, for the one that leads may be that member.
 */
void node_places_turn(struct node *n)
{
	struct raft_status s;

	node_raft_status(n, &s);
	n->places_before = s.members_index > s.commit && !n->places_before;
}

/* They are as the table has them again once that is committed, or gone. */
static void places_settle(struct node *n)
{
	struct raft_status s;

	if (!n->places_before)
		return;
	node_raft_status(n, &s);
	n->places_before = s.members_index > s.commit;
}

/*
 * A leader without check-quorum hears nobody and leads on: it has to look in both places, too. One
 * whose table is the same at two looks, and not committed, does.
 */
static void places_look(struct node *n)
{
	struct raft_status s;
	raft_index before = n->places_open;

	if (n->now_ns < n->next_places_ns)
		return;
	n->next_places_ns = n->now_ns + SETTINGS_EVERY_NS;
	node_raft_status(n, &s);
	n->places_open = s.role == RAFT_LEADER && s.members_index > s.commit ? s.members_index : 0;
	if (n->places_open && n->places_open == before)
		node_places_turn(n);
}

/* The newest table was not followed yet, or not in where it has the members. */
bool node_peer_is_elsewhere(const struct node *n, uint32_t peer)
{
	const struct raft_member *m;

	if (raft_members_generation(n->raft) == n->members_seen && !n->places_seen)
		return false;
	m = raft_members_find(raft_get_members(n->raft), n->peer[peer].at.member_id);
	return m && node_member_place(n, m) != node_peer_place(&n->peer[peer]);
}

void node_members_drive(struct node *n)
{
	uint64_t generation = raft_members_generation(n->raft);
	struct raft_members peers;

	places_settle(n);
	places_look(n);
	if (generation == n->members_seen && n->places_before == n->places_seen)
		return;
	n->members_seen = generation;
	n->places_seen = n->places_before;
	raft_get_peers(n->raft, &peers);
	if (n->places_before)
		places_before(n, &peers);
	node_members_follow(n, &peers);
	node_votes_follow(n, raft_get_members(n->raft));
}

void node_peer_meet(struct node *n, const struct dp_peer *at)
{
	char text[NODE_PLACE_TEXT_SIZE];
	uint32_t place;

	if (n->peers == DP_PEERS_MAX)
		return;
	place = place_take(n);
	peer_set(n, place, at);
	if (n->peer[place].no_way) {
		let_go(n, place);
		return;
	}
	n->peer[place].met_ns = n->now_ns;
	n->met = place + 1;
	journal_write(n->journal, JOURNAL_INFO, "member_found",
		      "peer=%s member_id=%016" PRIx64 " address=%s", n->peer[place].name,
		      at->member_id, node_place_text(node_peer_place(&n->peer[place]), text));
	raft_meet(n->raft, at->member_id, at->identity);
}

void node_peer_part(struct node *n)
{
	int met = node_peer_met(n);

	if (met < 0)
		return;
	let_go(n, (uint32_t)met);
	raft_meet(n->raft, 0, 0);
}

void node_peers_end(struct node *n)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		let_go(n, i);
}

void node_peers_meet(struct node *n, const struct raft_members *table)
{
	char text[NODE_PLACE_TEXT_SIZE];

	for (uint32_t i = 0; i < table->count && n->peers < DP_PEERS_MAX; i++) {
		const struct raft_member *m = &table->member[i];
		const struct dp_peer at = {
			.address = (uint32_t)(m->place >> 16),
			.udp_port = (uint16_t)m->place,
		};
		uint32_t place;

		if (at.address == 0 || at.udp_port == 0 || m->place == node_own_place(n) ||
		    node_peer_at(n, m->place) >= 0)
			continue;
		place = place_take(n);
		peer_set(n, place, &at);
		snprintf(n->peer[place].name, sizeof(n->peer[place].name), "%016" PRIx64, m->id);
		journal_write(n->journal, JOURNAL_INFO, "member_met", "peer=%s address=%s",
			      n->peer[place].name, node_place_text(m->place, text));
	}
}

void node_peers_begin(struct node *n)
{
	const struct dp_options *o = &n->options.dp;

	node_peers_end(n);
	for (uint32_t i = 0; i < o->peer_count; i++)
		peer_set(n, place_take(n), &o->peer[i]);
}
