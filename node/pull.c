/*
 * The bytes of a snapshot, from whoever has it. Who offered it is asked first, and who does not
 * have it, or is silent, or sends what is not right, gives way to the next. A few ranges are asked
 * for at a time; what is missing of one a while after its last bytes came is asked for again.
 */
#include "node/internal.h"

#include <errno.h>

enum {
	SILENT_MAX = 4,  /* times: then another one is asked */
	DOUBLED_MAX = 4, /* times */
};

/* Nothing is asked for again before; nor later, but for who is silent. */
#define AGAIN_NS_MIN UINT64_C(2000000)
#define AGAIN_NS_MAX UINT64_C(1000000000)

void node_pull_begin(struct node *n, raft_id from)
{
	n->install.pull = (struct node_pull){.from = from};
}

/* The one after whoever was asked; who offered it is the first. 0: that was all of them. */
static raft_id next_of(const struct node *n, uint32_t turn)
{
	if (turn == 0)
		return n->install.at_from;
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		raft_id id = n->peer[i].at.member_id;

		if (id && id != n->install.at_from && !n->peer[i].met_ns && --turn == 0)
			return id;
	}
	return 0;
}

/* False: all were asked. */
static bool another(struct node *n)
{
	struct node_pull *p = &n->install.pull;
	raft_id id = next_of(n, ++p->turn);

	for (uint32_t i = 0; i < NODE_PULL_ASKED_MAX; i++)
		p->asked[i].length = 0;
	p->silent = 0;
	p->trip_ns = p->varies_ns = 0;
	p->doubled = 0;
	if (id) {
		p->from = id;
		return true;
	}
	p->from = n->install.at_from;
	return false;
}

/* It is not to be had there: elsewhere, or nowhere. */
static void not_there(struct node *n)
{
	if (another(n))
		return;
	n->install.step = NODE_INSTALL_GONE;
	n->work = true;
}

/* --- asked ------------------------------------------------------------------------------- */

static uint64_t patience_ns(const struct node *n)
{
	const struct node_pull *p = &n->install.pull;
	/* What who sends may stand still for beside its other work, between two heartbeats too. */
	uint64_t least = n->options.heartbeat_us * 1000;
	uint64_t ns = p->trip_ns + 4 * p->varies_ns;

	if (least < AGAIN_NS_MIN)
		least = AGAIN_NS_MIN;
	if (ns < least)
		ns = least;
	ns <<= p->silent > p->doubled ? p->silent : p->doubled;
	return ns > AGAIN_NS_MAX ? AGAIN_NS_MAX : ns;
}

static uint64_t due_ns(const struct node *n, const struct node_pull_asked *a)
{
	return (a->heard_ns > a->asked_ns ? a->heard_ns : a->asked_ns) + patience_ns(n);
}

static void ask_at(struct node *n, int peer, const struct wire_snapshot_range *range)
{
	uint32_t size_max;
	uint8_t *body = peer < 0 ? NULL : dp_begin_peer(n->dp, (uint32_t)peer, &size_max);

	if (body)
		dp_end(n->dp, WIRE_SNAPSHOT_PULL, wire_snapshot_pull_encode(range, body));
}

/* In both places, as of all that is sent (network.c). */
static void ask(struct node *n, struct node_pull_asked *a, uint64_t offset, uint32_t length)
{
	const struct raft_snapshot *at = &n->install.at;
	struct wire_snapshot_range range = {.index = at->index,
					    .term = at->term,
					    .hash = at->hash,
					    .offset = offset,
					    .length = length};
	raft_id from = n->install.pull.from;
	int met = node_peer_met(n);

	*a = (struct node_pull_asked){
		.offset = offset, .length = length, .asked_ns = n->now_ns, .again = a->again};
	ask_at(n, node_peer_find(n, from), &range);
	if (met >= 0 && n->peer[met].at.member_id == from)
		ask_at(n, met, &range);
}

/* What is missing of it, if anything is. */
static bool missing(const struct node *n, const struct node_pull_asked *a, uint64_t *offset,
		    uint32_t *length)
{
	uint64_t end = a->offset + a->length;

	if (!wal_pull_wants(n->wal, a->offset, offset, length) || *offset >= end)
		return false;
	if (*length > end - *offset)
		*length = (uint32_t)(end - *offset);
	return true;
}

/* False: nobody answers, and another one is asked. */
static bool ask_again(struct node *n, struct node_pull_asked *a)
{
	struct node_pull *p = &n->install.pull;
	uint64_t offset;
	uint32_t length;

	if (!missing(n, a, &offset, &length)) {
		*a = (struct node_pull_asked){0};
		return true;
	}
	if (a->came == 0 && p->silent++ >= SILENT_MAX) {
		not_there(n);
		return false;
	}
	a->again = true;
	ask(n, a, offset, length);
	return true;
}

static bool is_asked(const struct node_pull *p, uint64_t *offset, uint32_t *length)
{
	for (uint32_t i = 0; i < NODE_PULL_ASKED_MAX; i++) {
		const struct node_pull_asked *a = &p->asked[i];
		uint64_t end = a->offset + a->length;

		if (a->length == 0 || *offset >= end || *offset + *length <= a->offset)
			continue;
		if (*offset >= a->offset) {
			*offset = end;
			return true;
		}
		*length = (uint32_t)(a->offset - *offset);
	}
	return false;
}

/* What nobody was asked for yet. */
static void ask_next(struct node *n, struct node_pull_asked *a)
{
	uint64_t offset, from = 0;
	uint32_t length;

	while (wal_pull_wants(n->wal, from, &offset, &length)) {
		if (is_asked(&n->install.pull, &offset, &length)) {
			from = offset;
			continue;
		}
		a->again = false;
		ask(n, a, offset, length < WAL_RANGE_SIZE_MAX ? length : WAL_RANGE_SIZE_MAX);
		return;
	}
}

void node_pull_drive(struct node *n)
{
	struct node_pull *p = &n->install.pull;

	for (uint32_t i = 0; i < NODE_PULL_ASKED_MAX; i++) {
		struct node_pull_asked *a = &p->asked[i];

		if (a->length && n->now_ns >= due_ns(n, a) && !ask_again(n, a))
			return;
		if (!a->length)
			ask_next(n, a);
	}
}

uint64_t node_pull_deadline(const struct node *n)
{
	const struct node_pull *p = &n->install.pull;
	uint64_t deadline = UINT64_MAX;

	for (uint32_t i = 0; i < NODE_PULL_ASKED_MAX; i++) {
		const struct node_pull_asked *a = &p->asked[i];

		if (a->length && due_ns(n, a) < deadline)
			deadline = due_ns(n, a);
	}
	return deadline;
}

/* --- answered ---------------------------------------------------------------------------- */

static void measure(struct node_pull *p, uint64_t ns)
{
	uint64_t off;

	if (!p->trip_ns) {
		p->trip_ns = ns;
		p->varies_ns = ns / 2;
		return;
	}
	off = ns > p->trip_ns ? ns - p->trip_ns : p->trip_ns - ns;
	p->varies_ns += off / 4 - p->varies_ns / 4;
	p->trip_ns += ns / 8 - p->trip_ns / 8;
}

static void heard(struct node *n, uint64_t offset, uint32_t size)
{
	struct node_pull *p = &n->install.pull;

	p->silent = 0;
	for (uint32_t i = 0; i < NODE_PULL_ASKED_MAX; i++) {
		struct node_pull_asked *a = &p->asked[i];
		uint64_t at;
		uint32_t length;

		if (a->length == 0 || offset < a->offset || offset >= a->offset + a->length)
			continue;
		if (a->came == 0 && !a->again) {
			measure(p, n->now_ns - a->asked_ns);
			p->doubled = 0;
		} else if (a->came == 0 && p->doubled < DOUBLED_MAX) {
			p->doubled++;
		}
		a->came += size;
		a->heard_ns = n->now_ns;
		if (a->came >= a->length && !missing(n, a, &at, &length))
			*a = (struct node_pull_asked){0};
	}
}

/* What is there already is no news: who sends nothing else is silent. */
static bool is_news(const struct node *n, const struct wire_snapshot_range *range)
{
	uint64_t offset;
	uint32_t length;

	return wal_pull_wants(n->wal, range->offset, &offset, &length) &&
	       offset - range->offset < range->length;
}

void node_pull_receive(struct node *n, const struct dp_datagram *d)
{
	const struct node_install *in = &n->install;
	struct wire_snapshot_range range;
	const uint8_t *data;
	bool asked, news;

	if (wire_snapshot_chunk_decode(&range, &data, d->body, d->envelope.body_size)) {
		n->counters.malformed++;
		return;
	}
	/* Late ones too are what they are; but that one has it not counts of who is asked alone. */
	asked = n->peer[d->peer].at.member_id == in->pull.from;
	if (in->step != NODE_INSTALL_PULL || range.index != in->at.index ||
	    range.term != in->at.term || range.hash != in->at.hash)
		return;
	n->work = true;
	if (range.length == 0) {
		if (asked)
			not_there(n);
		return;
	}
	news = is_news(n, &range);
	if (wal_pull_add(n->wal, range.offset, data, range.length) == -EBADMSG) {
		if (asked)
			not_there(n);
		return;
	}
	n->install.pulled_bytes += range.length;
	if (asked && news)
		heard(n, range.offset, range.length);
}
