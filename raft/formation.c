/*
 * The round in which a cluster is formed: what is heard, what follows from it, what is said.
 */
#include "raft/formation.h"

#include "raft/formation_record.h"

#include <errno.h>
#include <string.h>

/* Said so often while not formed: a cluster of fresh members comes up within a few of these. */
static const uint64_t SAY_US = 10000;

/* One that waits to join may do so for days. It asks half as often each time, down to this. */
static const uint64_t ASK_US_MAX = 1000000;

/*
 * Only what was heard lately goes into a table: one that names a directory that is gone by now
 * could never be complete. Ten losses in a row are taken for gone.
 */
enum { LOSSES_MAX = 10 };

static bool places_valid(const struct formation_table *t, uint32_t self)
{
	if (t->count == 0 || t->count > FORMATION_PLACES_MAX || self >= t->count)
		return false;
	for (uint32_t i = 0; i < t->count; i++) {
		if (t->member[i].place == 0 ||
		    (i > 0 && t->member[i].place <= t->member[i - 1].place))
			return false;
	}
	return true;
}

static bool same_places(const struct formation_table *a, const struct formation_table *b)
{
	if (a->digest != b->digest || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->member[i].place != b->member[i].place)
			return false;
	}
	return true;
}

static struct formation fresh(const struct formation_options *o)
{
	struct formation f = {
		.state = FORMATION_FRESH,
		.next = FORMATION_FRESH,
		.identity = o->identity,
		.self = o->self,
		.existing = o->existing,
		.table = o->table,
		.refused_by = o->table.count,
		.now_us = o->now_us,
		.send_us = o->now_us,
		.say_us = SAY_US,
	};

	for (uint32_t i = 0; i < f.table.count; i++)
		f.table.member[i].identity = 0;
	return f;
}

/* Of a directory that is formed. */
static int formed_find(struct formation *f, const struct formation_options *o)
{
	uint32_t self = 0;

	while (self < f->table.count && f->table.member[self].identity != f->identity)
		self++;
	if (self == f->table.count || f->table.digest != o->digest_then)
		return -EXDEV;
	f->self = self;
	return 0;
}

void formation_places(const uint8_t *record, uint32_t size, struct formation_table *out)
{
	struct formation f;

	*out = (struct formation_table){.count = 0};
	if (size > 0 && formation_record_decode(&f, record, size) == 0)
		*out = f.table;
}

bool formation_list_differs(const struct formation *f, const struct formation_table *configured)
{
	struct formation_table then = f->table;

	then.digest = configured->digest;
	return !same_places(&then, configured);
}

int formation_create(struct formation *f, const struct formation_options *o)
{
	if (o->identity == 0 || !places_valid(&o->table, o->self))
		return -EINVAL;
	*f = fresh(o);
	if (o->record_size > 0) {
		int err = formation_record_decode(f, o->record, o->record_size);

		if (err)
			return err;
		if (f->table.origin && o->existing && f->state != FORMATION_FORMED)
			return -ENOTSUP;
		/* It has nothing, and is to come in as another member. */
		if (f->state == FORMATION_REFUSED && o->existing) {
			*f = fresh(o);
			return 0;
		}
		if (f->state == FORMATION_FORMED && formed_find(f, o))
			return -EXDEV;
		if (f->state != FORMATION_FORMED && !same_places(&f->table, &o->table))
			return -EXDEV;
		if ((f->state == FORMATION_ACCEPTED || f->state == FORMATION_FRESH) &&
		    f->table.member[f->self].identity != f->identity)
			return -EXDEV;
		if (f->state == FORMATION_FRESH)
			f->table.member[f->self].identity = 0;
	}
	f->next = f->state;
	return 0;
}

/* --- what is heard ----------------------------------------------------------------------- */

static bool lately(const struct formation *f, const struct formation_peer *p)
{
	return p->heard && f->now_us - p->heard_us <= LOSSES_MAX * f->say_us;
}

/* The table of what all places say now. */
static void table_make(const struct formation *f, struct formation_table *out)
{
	*out = f->table;
	for (uint32_t i = 0; i < out->count; i++)
		out->member[i].identity = i == f->self ? f->identity : f->peer[i].identity;
}

/* Whose directory answers there too, if it is one of two: nobody can tell them apart. */
static bool copied(const struct formation *f, uint32_t place, uint32_t *from)
{
	const struct formation_peer *p = &f->peer[place];

	for (*from = 0; *from < f->table.count; (*from)++) {
		const struct formation_peer *other = &f->peer[*from];

		if (*from == f->self
			    ? p->identity == f->identity
			    : *from != place && lately(f, other) && p->identity == other->identity)
			return true;
	}
	return false;
}

static bool joins(const struct formation *f, const struct formation_peer *p, uint64_t cluster_id)
{
	uint32_t from;

	if (copied(f, (uint32_t)(p - f->peer), &from))
		return false;
	if (!lately(f, p) || p->existing || p->digest != f->table.digest ||
	    p->origin != f->table.origin)
		return false;
	return p->say == FORMATION_SAY_HELLO ||
	       (p->say == FORMATION_SAY_ACCEPTED && p->cluster_id == cluster_id);
}

static void become(struct formation *f, enum formation_state next)
{
	assert(f->next == f->state);
	f->next = next;
}

/* FM1: only what is fresh accepts, and only the table that every place would make. */
static void accept_try(struct formation *f)
{
	struct formation_table table;

	if (f->state != FORMATION_FRESH || f->next != f->state || f->existing)
		return;
	table_make(f, &table);
	uint64_t cluster_id = formation_cluster_id(&table);
	for (uint32_t i = 0; i < table.count; i++) {
		if (i != f->self && !joins(f, &f->peer[i], cluster_id))
			return;
	}
	f->table = table;
	f->cluster_id = cluster_id;
	become(f, table.count == 1 ? FORMATION_FORMED : FORMATION_ACCEPTED);
}

void formation_tick(struct formation *f, uint64_t now_us)
{
	assert(now_us >= f->now_us);
	f->now_us = now_us;
	accept_try(f); /* a member alone hears nobody */
	if (f->state == FORMATION_FORMED || now_us < f->send_us)
		return;
	f->due = (1ull << f->table.count) - 1;
	f->send_us = now_us + f->say_us;
	if (!f->existing || f->state != FORMATION_FRESH)
		return;
	f->say_us = 2 * f->say_us < ASK_US_MAX ? 2 * f->say_us : ASK_US_MAX;
}

void formation_hurry(struct formation *f)
{
	f->say_us = SAY_US;
	if (f->send_us > f->now_us + SAY_US)
		f->send_us = f->now_us + SAY_US;
}

uint64_t formation_deadline(const struct formation *f)
{
	return f->state == FORMATION_FORMED ? UINT64_MAX : f->send_us;
}

/* FM2. */
static void complete_try(struct formation *f)
{
	if (f->state != FORMATION_ACCEPTED || f->next != f->state)
		return;
	for (uint32_t i = 0; i < f->table.count; i++) {
		if (i != f->self && !f->peer[i].accepted)
			return;
	}
	become(f, FORMATION_FORMED);
}

/*
 * Only what is fresh is refused for good: what has accepted a table may be meant by an answer to
 * its own HELLO of before, and otherwise is told why it waits in vain.
 */
static void refuse_heard(struct formation *f, uint32_t place, const struct formation_message *m)
{
	if (f->state != FORMATION_FRESH || f->next != f->state ||
	    m->table.digest != f->table.digest)
		return;
	f->refused_by = place;
	if (f->existing)
		return; /* it forms nothing in any case, and may be let in one day */
	f->cluster_id = m->cluster_id;
	become(f, FORMATION_REFUSED);
}

/*
 * A formed member's answer to one that is not: it must learn that it belongs, or that it does not.
 */
static enum formation_say answer_of(const struct formation *f, uint32_t place,
				    const struct formation_message *m)
{
	if (m->say != FORMATION_SAY_HELLO && m->say != FORMATION_SAY_ACCEPTED)
		return 0;
	if (m->say == FORMATION_SAY_ACCEPTED && m->cluster_id == f->cluster_id &&
	    m->identity == f->table.member[place].identity)
		return FORMATION_SAY_FORMED;
	return FORMATION_SAY_REFUSE;
}

static void note(struct formation *f, struct formation_peer *p, const struct formation_message *m)
{
	struct formation_table ours;

	p->heard = true;
	p->heard_us = f->now_us;
	p->say = m->say;
	p->existing = m->existing;
	p->identity = m->identity;
	p->digest = m->table.digest;
	p->origin = m->table.origin;
	p->cluster_id = m->cluster_id;
	if (m->say != FORMATION_SAY_ACCEPTED)
		return;
	if (f->state == FORMATION_FRESH)
		table_make(f, &ours);
	else
		ours = f->table;
	for (p->differs = 0; p->differs < ours.count; p->differs++) {
		if (p->differs >= m->table.count ||
		    m->table.member[p->differs].identity != ours.member[p->differs].identity)
			break;
	}
}

int formation_recv(struct formation *f, uint32_t place, const struct formation_message *m)
{
	assert(place < f->table.count);
	if (place == f->self || m->identity == 0)
		return -EINVAL;
	struct formation_peer *p = &f->peer[place];
	if (m->say == FORMATION_SAY_REFUSE && m->to != f->identity)
		return 0; /* meant for a directory that was here before */
	if (m->say == FORMATION_SAY_ACCEPTED && (m->table.count > FORMATION_PLACES_MAX ||
						 formation_cluster_id(&m->table) != m->cluster_id))
		return -EINVAL;
	note(f, p, m);
	if (m->say == FORMATION_SAY_REFUSE) {
		refuse_heard(f, place, m);
		return 0;
	}
	if (f->state == FORMATION_FORMED) {
		p->answer = answer_of(f, place, m);
		return 0;
	}
	if (f->state == FORMATION_ACCEPTED && m->cluster_id == f->cluster_id &&
	    m->identity == f->table.member[place].identity) {
		if (m->say == FORMATION_SAY_ACCEPTED || m->say == FORMATION_SAY_FORMED)
			p->accepted = true;
		/* One that is formed has heard it of all: nothing is left to wait for. */
		if (m->say == FORMATION_SAY_FORMED && f->next == f->state)
			become(f, FORMATION_FORMED);
	}
	accept_try(f);
	complete_try(f);
	return 0;
}

/* --- what follows from it ---------------------------------------------------------------- */

bool formation_record(const struct formation *f, uint8_t out[FORMATION_RECORD_SIZE_MAX],
		      uint32_t *size)
{
	if (f->next == f->state)
		return false;
	*size = formation_record_encode(f, out);
	return true;
}

void formation_recorded(struct formation *f)
{
	assert(f->next != f->state);
	/* An answer that was prepared in the state before is not given in this one. */
	for (uint32_t i = 0; i < f->table.count; i++)
		f->peer[i].answer = 0;
	if (f->next == FORMATION_REFUSED) {
		for (uint32_t i = 0; i < f->table.count; i++)
			f->table.member[i].identity = 0;
	}
	/* A table that a place accepted first was heard before it was ours. */
	for (uint32_t i = 0; f->next == FORMATION_ACCEPTED && i < f->table.count; i++) {
		struct formation_peer *p = &f->peer[i];

		p->accepted = p->heard && p->say == FORMATION_SAY_ACCEPTED &&
			      p->cluster_id == f->cluster_id &&
			      p->identity == f->table.member[i].identity;
	}
	f->state = f->next;
	f->due = (1ull << f->table.count) - 1;
	f->send_us = f->now_us + f->say_us;
	complete_try(f);
}

/* --- what is said ------------------------------------------------------------------------ */

static enum formation_say say_of(enum formation_state state)
{
	switch (state) {
	case FORMATION_FRESH:
		return FORMATION_SAY_HELLO;
	case FORMATION_ACCEPTED:
		return FORMATION_SAY_ACCEPTED;
	case FORMATION_FORMED:
		return FORMATION_SAY_FORMED;
	case FORMATION_REFUSED:
		return FORMATION_SAY_REFUSED;
	}
	return 0;
}

bool formation_message(struct formation *f, uint32_t place, struct formation_message *out)
{
	struct formation_peer *p = &f->peer[place];
	uint64_t bit = 1ull << place;
	enum formation_say say = p->answer;

	assert(place < f->table.count);
	if (place == f->self || f->next != f->state)
		return false; /* FM4 */
	if (!say && (f->due & bit))
		say = say_of(f->state);
	if (!say)
		return false;
	*out = (struct formation_message){
		.say = say,
		.existing = f->existing && f->state == FORMATION_FRESH,
		.identity = f->identity,
		.to = say == FORMATION_SAY_REFUSE ? p->identity : 0,
		.cluster_id = f->state == FORMATION_FRESH ? 0 : f->cluster_id,
		.table = {.digest = f->table.digest, .origin = f->table.origin},
	};
	if (say == FORMATION_SAY_ACCEPTED)
		out->table = f->table;
	p->answer = 0;
	f->due &= ~bit;
	return true;
}

enum formation_wait formation_waits(const struct formation *f, uint32_t place, uint32_t *about)
{
	const struct formation_peer *p = &f->peer[place];

	*about = place;
	if (place == f->self || f->state == FORMATION_FORMED || f->state == FORMATION_REFUSED)
		return FORMATION_WAIT_NOT;
	if (f->state == FORMATION_ACCEPTED && p->accepted)
		return FORMATION_WAIT_NOT;
	if (!lately(f, p))
		return FORMATION_WAIT_SILENT;
	if (copied(f, place, about))
		return FORMATION_WAIT_COPY;
	*about = place;
	if (p->digest != f->table.digest)
		return FORMATION_WAIT_DIGEST;
	if ((p->say == FORMATION_SAY_REFUSE || p->say == FORMATION_SAY_FORMED) &&
	    p->cluster_id != f->cluster_id)
		return FORMATION_WAIT_CLUSTER;
	if (f->state == FORMATION_ACCEPTED && p->identity != f->table.member[place].identity)
		return FORMATION_WAIT_MISSING;
	if (p->origin != f->table.origin)
		return FORMATION_WAIT_ORIGIN;
	if (p->say == FORMATION_SAY_REFUSED)
		return FORMATION_WAIT_REFUSED;
	if (p->existing)
		return FORMATION_WAIT_EXISTING;
	if (f->state == FORMATION_FRESH && p->say == FORMATION_SAY_ACCEPTED &&
	    p->differs < f->table.count) {
		*about = p->differs;
		return FORMATION_WAIT_TABLE;
	}
	return f->state == FORMATION_ACCEPTED ? FORMATION_WAIT_ACCEPT : FORMATION_WAIT_NOT;
}
