/*
 * Before there is a cluster, and the moment when there is one (raft/formation.h): what is agreed on
 * becomes durable, the core is made, the dataplane learns who is who.
 */
#include "node/internal.h"

#include "base/clock.h"
#include "base/mix.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How often a waiting member says so in its log, if nothing changes. */
static const uint64_t SAY_NS = 10 * CLOCK_S;
static const uint64_t SAY_NS_MIN = 1 * CLOCK_S;

/* Less often than formation asks its own: where they are is somebody's word. */
static const uint64_t MET_NS = 100 * CLOCK_MS;

enum { TEXT_SIZE = 512 };

/* Which of formation's places a peer is at; count: none. */
static uint32_t place_of(const struct node *n, uint32_t peer)
{
	const struct formation_table *t = &n->formation.table;
	uint64_t there = node_peer_place(&n->peer[peer]);
	uint32_t place = 0;

	while (place < t->count && t->member[place].place != there)
		place++;
	return place;
}

/* Who is there; -1: nobody, for members come and go. */
static int peer_of(const struct node *n, uint32_t place)
{
	return node_peer_at(n, n->formation.table.member[place].place);
}

/* A directory that joined: what it was told of names it. */
static int joined_judge(struct node *n, const struct wal_recovered *found)
{
	const struct raft_member *self;

	if (raft_joined_decode(&n->joined, found->record, found->record_size))
		return -EBADMSG;
	if (n->joined.removed) {
		node_removed_text(n->error, &n->joined);
		return n->options.removed_waits ? 0 : NODE_REMOVED;
	}
	self = raft_members_find(&n->joined.members, n->joined.id);
	return self->identity == found->identity ? 0 : -EBADMSG;
}

int node_formation_judge(struct node *n, const struct wal_recovered *found)
{
	const struct node_options *o = &n->options;
	struct formation_options f = {
		.identity = found->identity,
		.table = o->initial,
		.self = o->self,
		.existing = o->existing,
		.record = found->record,
		.record_size = found->record_size,
		.now_us = n->now_ns / 1000,
	};
	struct formation_table then;
	bool joined = raft_joined_is(found->record, found->record_size);
	int err;

	memset(&n->joined, 0, sizeof(n->joined));
	if (joined)
		f.record_size = 0; /* formation has no part in it */
	formation_places(found->record, f.record_size, &then);
	f.digest_then = o->digest ? o->digest(o->config, &then) : o->initial.digest;
	err = formation_create(&n->formation, &f);
	if (!err && joined)
		err = joined_judge(n, found);
	if (err == -EXDEV)
		node_formation_foreign(n->error, &n->formation, &f, o->wal.directory, n->name);
	else if (err == -EBADMSG)
		snprintf(n->error, sizeof(n->error),
			 "%s/cluster: what it says of the cluster cannot be read; nothing was "
			 "changed: restore the directory from a copy made while this node was down",
			 o->wal.directory);
	else if (err == -ENOTSUP)
		node_formation_restored(n->error, o->wal.directory);
	else if (err && err != NODE_REMOVED)
		snprintf(n->error, sizeof(n->error), "the initial cluster is refused: %s",
			 strerror(-err));
	/* A log without it is one whose cluster nobody knows: never "a fresh one" (R56). */
	if (!err && formation_record_check(found->record, found->record_size,
					   found->hard_state.term, found->last_index)) {
		node_formation_unformed(n->error, o->wal.directory);
		err = -EBADMSG;
	}
	return err;
}

int node_formation_create(struct node *n)
{
	memset(n->word, 0, sizeof(n->word));
	return node_formation_judge(n, &n->recovered);
}

/* --- what is heard and said -------------------------------------------------------------- */

/* V35: nobody vouches for one packet of a place, so what it says is told of when it lasts. */
static void word_note(struct node *n, uint32_t place)
{
	const struct formation_peer *p = &n->formation.peer[place];
	struct node_word *w = &n->word[place];
	struct node_word now = {.identity = p->identity, .cluster_id = p->cluster_id};

	now.wait = formation_waits(&n->formation, place, &now.about);
	if (now.wait != w->wait || now.about != w->about || now.identity != w->identity ||
	    now.cluster_id != w->cluster_id)
		*w = now;
	hearsay_note(&w->lasts, n->now_ns);
}

void node_formation_receive(struct node *n, const struct dp_datagram *d)
{
	uint32_t place = place_of(n, d->peer);
	struct formation_message m;

	if (wire_formation_decode(&m, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	if (node_removed(n))
		return;
	m.identity = d->envelope.source_identity;
	if (n->raft && m.say == FORMATION_SAY_HELLO && m.existing) {
		node_join_hear(n, d->peer, m.identity, m.table.digest);
		return;
	}
	if (n->raft && n->peer[d->peer].at.identity == 0) {
		if (m.say == FORMATION_SAY_HELLO || m.say == FORMATION_SAY_REFUSED)
			node_join_warn(n, d->peer, m.identity);
		return;
	}
	/* Of who came later formation knows nothing, nor of those that joined. */
	if (n->raft && m.say == FORMATION_SAY_HELLO &&
	    (place == n->formation.table.count || node_joined(n)))
		node_join_refuse(n, d->peer, m.identity, m.table.digest);
	if (place == n->formation.table.count || node_joined(n))
		return;
	if (formation_recv(&n->formation, place, &m))
		n->counters.malformed++;
	else if (m.say != FORMATION_SAY_REFUSE || m.to == n->formation.identity)
		word_note(n, place);
}

static void say(struct node *n)
{
	for (uint32_t place = 0; place < n->formation.table.count; place++) {
		int peer = peer_of(n, place);
		struct formation_message m;
		uint32_t size_max;

		while (place != n->formation.self && formation_message(&n->formation, place, &m)) {
			uint8_t *body =
				peer < 0 ? NULL : dp_begin_peer(n->dp, (uint32_t)peer, &size_max);

			/* It is said again, or asked for again. */
			if (body)
				dp_end(n->dp, WIRE_FORMATION, wire_formation_encode(&m, body));
		}
	}
}

/* Whom this directory was told of while it waits to join: they have no place in its formation. */
static void say_met(struct node *n)
{
	const struct formation *f = &n->formation;
	const struct formation_message m = {
		.say = FORMATION_SAY_HELLO,
		.existing = true,
		.identity = f->identity,
		.table = {.digest = f->table.digest, .origin = f->table.origin},
	};
	const uint64_t own_ns = f->say_us * 1000, pause_ns = own_ns > MET_NS ? own_ns : MET_NS;

	if (!f->existing || f->state != FORMATION_FRESH || n->now_ns < n->met_ns + pause_ns)
		return;
	n->met_ns = n->now_ns;
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		uint32_t size_max;
		uint8_t *body =
			place_of(n, i) < f->table.count ? NULL : dp_begin_peer(n->dp, i, &size_max);

		if (body)
			dp_end(n->dp, WIRE_FORMATION, wire_formation_encode(&m, body));
	}
}

/* Who this member is, from now on. */
static void take_id(struct node *n)
{
	n->cluster_id = node_joined(n) ? n->joined.cluster_id : n->formation.cluster_id;
	n->id = node_own_id(n);
	const struct dp_self self = {n->cluster_id, n->id, n->recovered.identity,
				     wal_start(n->wal)};

	dp_self_set(n->dp, &self);
}

/* The opposite. */
static void leave(struct node *n)
{
	const struct dp_self self = {.identity = n->recovered.identity, .start = wal_start(n->wal)};

	n->cluster_id = 0;
	n->id = 0;
	dp_self_set(n->dp, &self);
	node_peers_begin(n);
}

/* It may be as it was, or as the members are now: neither is looked at any more. */
static void say_list(struct node *n)
{
	const struct raft_members *table = raft_get_members(n->raft);
	char text[TEXT_SIZE] = "", place[NODE_PLACE_TEXT_SIZE];

	if (node_joined(n) || !formation_list_differs(&n->formation, &n->options.initial))
		return;
	for (uint32_t i = 0; i < table->count; i++) {
		const size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
			 node_place_text(node_member_place(n, &table->member[i]), place));
	}
	journal_write(
		n->journal, JOURNAL_INFO, "initial_cluster_differs",
		"members=\"%s\" why=\"initial-cluster differs from that of the first start, and "
		"matters there alone; the members are those of the log\"",
		text);
}

static void cluster_begin(struct node *n)
{
	int err;

	take_id(n);
	err = node_raft_start(n);
	if (err) {
		n->failed = err;
		return;
	}
	n->members_seen = 0; /* none of a core's */
	node_members_drive(n);
	n->work = true;
	journal_write(n->journal, JOURNAL_INFO, "cluster",
		      "cluster_id=%016" PRIx64 " member_id=%016" PRIx64 " members=%u",
		      n->cluster_id, n->id, raft_get_members(n->raft)->count);
	/* The log of a service has no line of the command that did it. */
	if (n->joined.formerly && n->raft_options.members_index == 0)
		journal_write(n->journal, JOURNAL_WARN, "forced",
			      "formerly=%016" PRIx64 " last_index=%" PRIu64
			      " why=\"--force-new-cluster made this member a cluster of its own: "
			      "what others acknowledged after that index may be lost\"",
			      n->joined.formerly, n->joined.index);
	say_list(n);
}

static void say_waiting(struct node *n)
{
	const struct formation *f = &n->formation;
	char text[TEXT_SIZE];
	size_t size;

	if (n->now_ns < n->waiting_ns)
		return;
	size = node_formation_text(n, text, sizeof(text));
	if (size == 0 ||
	    (strcmp(text, n->waiting_text) == 0 && n->now_ns < n->waiting_ns - SAY_NS_MIN + SAY_NS))
		return;
	snprintf(n->waiting_text, sizeof(n->waiting_text), "%s", text);
	n->waiting_ns = n->now_ns + SAY_NS_MIN;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		journal_write(n->journal,
			      f->state == FORMATION_REFUSED ? JOURNAL_ERROR : JOURNAL_WARN,
			      "no_cluster", "why=\"%s\"", line + strcspn(line, " ") + 1);
	}
}

void node_formation_drive(struct node *n)
{
	uint8_t record[FORMATION_RECORD_SIZE_MAX];
	uint32_t size;

	if (node_removed(n)) {
		if (n->id == 0) {
			take_id(n);
			node_removed_begin(n);
		}
		return;
	}
	if (node_joined(n)) {
		if (!n->raft)
			cluster_begin(n);
		return; /* it asks nobody, and is asked as a member is */
	}
	formation_tick(&n->formation, n->now_ns / 1000);
	while (!n->failed && formation_record(&n->formation, record, &size)) {
		int err = wal_record_write(n->wal, record, size);

		if (err) {
			n->failed = err;
			snprintf(n->error, sizeof(n->error), "%s", wal_error(n->wal));
			return;
		}
		formation_recorded(&n->formation);
		n->work = true;
	}
	if (!n->raft && n->formation.state == FORMATION_FORMED)
		cluster_begin(n);
	say(n);
	if (!n->raft)
		say_met(n);
	if (!n->raft)
		say_waiting(n);
}

/*
 * A directory that agreed to a cluster which cannot come to be, or was refused by one, is made as
 * fresh as if it had been wiped. 0; -EBUSY: it has a term or an entry, so others may rest on it.
 */
int node_formation_reset(struct node *n)
{
	struct raft_status status;
	char text[WAL_ERROR_MAX];
	int err;

	node_raft_status(n, &status);
	if (status.term > 0 || status.last > 0 || node_joined(n))
		return -EBUSY;
	err = wal_record_write(n->wal, NULL, 0);
	if (err && err != -EBUSY) {
		n->failed = err;
		snprintf(n->error, sizeof(n->error), "%s", wal_error(n->wal));
	}
	if (err)
		return err;
	err = wal_close(n->wal);
	assert(!err); /* wal_record_write waited for all of it */
	raft_destroy(n->raft);
	n->raft = NULL;
	n->wal = NULL;
	n->options.wal.identity_seed = mix(n->options.wal.identity_seed);
	err = wal_open(&n->wal, &n->options.wal, &n->recovered, text);
	if (err) {
		n->failed = err;
		snprintf(n->error, sizeof(n->error), "%s", text);
		return err;
	}
	leave(n);
	node_raft_prepare(n);
	return node_formation_create(n);
}

/* --- what a person reads ----------------------------------------------------------------- */

static const char *wait_text(enum formation_wait wait)
{
	switch (wait) {
	case FORMATION_WAIT_NOT:
		return "";
	case FORMATION_WAIT_SILENT:
		return "does not answer";
	case FORMATION_WAIT_COPY:
		return "answers from a copy of the data directory of";
	case FORMATION_WAIT_DIGEST:
		return "has another initial-cluster or initial-cluster-token";
	case FORMATION_WAIT_ORIGIN:
		return "begins from another snapshot than this one, or one of the two from none";
	case FORMATION_WAIT_CLUSTER:
		return "belongs to a cluster that this directory is not of";
	case FORMATION_WAIT_EXISTING:
		return "is configured to join, not to form (initial-cluster-state: existing)";
	case FORMATION_WAIT_TABLE:
		return "has agreed to a cluster with another directory of";
	case FORMATION_WAIT_MISSING:
		return "answers from another directory than the one that was agreed on";
	case FORMATION_WAIT_ACCEPT:
		return "has not agreed yet";
	case FORMATION_WAIT_REFUSED:
		return "was refused by an existing cluster";
	}
	return "";
}

static const char *name_of(const struct node *n, uint32_t place)
{
	int peer = peer_of(n, place);

	if (place == n->formation.self)
		return "this member";
	return peer < 0 ? "none" : n->peer[peer].name;
}

/* Until what a place says lasts, what is true of it in any case. */
static enum formation_wait wait_told(const struct node *n, uint32_t place, uint32_t *about)
{
	const struct node_word *w = &n->word[place];
	enum formation_wait wait = formation_waits(&n->formation, place, about);

	if (wait == FORMATION_WAIT_NOT || wait == FORMATION_WAIT_SILENT ||
	    (wait == w->wait && *about == w->about &&
	     hearsay_verdict(&w->lasts, n->now_ns) == HEARSAY_ALONE))
		return wait;
	*about = place;
	return FORMATION_WAIT_ACCEPT;
}

/* What a person can do about it, but for what the words say already. */
static const char *wait_advice(const struct formation *f, enum formation_wait wait)
{
	const bool cluster = wait == FORMATION_WAIT_CLUSTER;

	if (f->existing)
		return cluster ? ": if this member was of it, and its directory is lost, it comes "
				 "back as another one: quoinctl member replace there"
			       : "";
	if (f->state != FORMATION_ACCEPTED || !(cluster || wait == FORMATION_WAIT_MISSING))
		return "";
	return f->table.origin
		       ? ": if that is lost, empty this directory, and restore it again"
		       : ": if that is lost, quoinctl formation reset makes this directory fresh "
			 "again";
}

static size_t refused_text(const struct node *n, char *out, size_t size_max)
{
	const struct formation *f = &n->formation;

	return (size_t)snprintf(
		out, size_max,
		"error %s, and cluster %016" PRIx64 " (member %s) was not formed with it: it "
		"neither votes nor acknowledges; %sa member whose directory is lost comes back "
		"as another one that replaces it: initial-cluster-state: existing here, and "
		"quoinctl member replace there\n",
		n->options.wal.durability == WAL_VOLATILE
			? "this member kept nothing of its former start (wal.durability: volatile)"
			: "this data directory is new",
		f->cluster_id, name_of(n, f->refused_by),
		n->options.wal.durability == WAL_VOLATILE ? "" : "restore the old directory; ");
}

static size_t alone_text(const struct node *n, char *out, size_t size_max)
{
	(void)n;
	return (size_t)snprintf(
		out, size_max,
		"error this member waits to join an existing cluster "
		"(initial-cluster-state: existing), and there is no other member\n");
}

/* It is awaited by a cluster that exists, as one that joins. */
static bool was_added(const struct node *n)
{
	return hearsay_verdict(&n->added, n->now_ns) != HEARSAY_NOTHING;
}

static size_t outside_text(const struct node *n, bool unsure, char *out, size_t size_max)
{
	static const char joins[] = "error no cluster yet: this member is configured to join "
				    "(initial-cluster-state: existing), and";
	char place[NODE_PLACE_TEXT_SIZE];

	if (unsure)
		return (size_t)snprintf(out, size_max, "%s asks whether it may\n", joins);
	return (size_t)snprintf(
		out, size_max,
		"%s nobody lets it in: quoinctl member add, or member replace, with the address "
		"%s, at a member that is up; if that was done, none of initial-cluster is heard: "
		"if they left, start it again with the members of today in it\n",
		joins, node_place_text(node_own_place(n), place));
}

size_t node_formation_text(const struct node *n, char *out, size_t size_max)
{
	const struct formation *f = &n->formation;
	bool unsure = n->now_ns - n->started_ns < HEARSAY_NS;
	size_t size = 0;

	out[0] = '\0';
	if (node_removed(n)) {
		char text[NODE_ERROR_MAX];

		node_removed_text(text, &n->joined);
		return (size_t)snprintf(out, size_max, "error %s\n", text);
	}
	if (f->state == FORMATION_FORMED || node_joined(n))
		return 0;
	if (was_added(n))
		return (size_t)snprintf(
			out, size_max,
			"error this member was added to cluster %016" PRIx64 ", and is configured "
			"to form one: set initial-cluster-state: existing here, and start it "
			"again\n",
			n->added_to);
	if (f->state == FORMATION_REFUSED)
		size = refused_text(n, out, size_max);
	else if (f->existing && f->table.count == 1)
		size = alone_text(n, out, size_max);
	for (uint32_t i = 0; i < f->table.count && size < size_max; i++) {
		uint32_t about;
		enum formation_wait wait = wait_told(n, i, &about);

		/* Nobody answers whom he does not know (below). */
		if (wait == FORMATION_WAIT_NOT || (f->existing && wait == FORMATION_WAIT_SILENT))
			continue;
		/* It agrees to nothing: that is only what is said until it is known. */
		if (f->existing && wait == FORMATION_WAIT_ACCEPT) {
			unsure = true;
			continue;
		}
		size += (size_t)snprintf(out + size, size_max - size,
					 "error no cluster yet: member %s %s%s%s%s\n",
					 name_of(n, i), wait_text(wait), about != i ? " " : "",
					 about != i ? name_of(n, about) : "", wait_advice(f, wait));
	}
	if (f->existing && f->state == FORMATION_FRESH && size == 0)
		size = outside_text(n, unsure, out, size_max);
	/* Half a line would be a wrong one. */
	if (size >= size_max) {
		char *last = strrchr(out, '\n');

		size = last ? (size_t)(last + 1 - out) : 0;
		out[size] = '\0';
	}
	return size;
}

const char *node_formation_state(const struct node *n)
{
	if (node_removed(n))
		return "removed";
	if (node_joined(n))
		return n->joined.formerly ? "forced" : "joined";
	switch (n->formation.state) {
	case FORMATION_FRESH:
		return "fresh";
	case FORMATION_ACCEPTED:
		return "accepted";
	case FORMATION_FORMED:
		return "formed";
	case FORMATION_REFUSED:
		return "refused";
	}
	return "?";
}
