#include "wal/end.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

void wal_end_mark(struct wal_end *end, const uint8_t *in, uint64_t size, uint32_t unit,
		  const struct log_id *id)
{
	end->mark_why[0] = '\0';
	end->slots_damaged = 0;
	if (size != 2 * (uint64_t)unit)
		(void)snprintf(end->mark_why, sizeof(end->mark_why),
			       "%" PRIu64 " bytes instead of %" PRIu64, size, 2 * (uint64_t)unit);
	else if (wal_mark_decode(&end->mark, &end->slots_damaged, in, unit, id) != 0)
		(void)snprintf(end->mark_why, sizeof(end->mark_why), "both slots are damaged");
}

static uint64_t segment_found(const struct scan *s)
{
	/* With none that is found, the base knows of those below it; a reset needs no other. */
	return s->segment_count > 0 ? s->segments[s->segment_count - 1].sequence
				    : s->base.segment - 1;
}

uint64_t wal_end_number(const struct wal_end *end, const struct scan *s)
{
	uint64_t number = s->number;

	if (end->mark.number > number)
		number = end->mark.number;
	return end->vote_number > number ? end->vote_number : number;
}

uint64_t wal_end_segment(const struct wal_end *end, const struct scan *s)
{
	uint64_t segment = segment_found(s);

	return end->mark.segment > segment ? end->mark.segment : segment;
}

/*
 * Each start is marked before the vote file counts it. With a slot that is damaged, this is the
 * older mark, which may be of an earlier start.
 */
static bool mark_older(const struct wal_end *end)
{
	return end->slots_damaged == 0 &&
	       raft_start_count(end->mark.start) < raft_start_count(end->vote_start);
}

bool wal_end_lost(const struct wal_end *end, const struct scan *s, bool live, char *why,
		  size_t size)
{
	uint64_t marked = wal_end_number(end, s);
	char place[64] = "no segment";

	if (s->segment_count > 0)
		(void)snprintf(place, sizeof(place), "segment-%016" PRIx64 " at offset %" PRIu32,
			       s->segments[s->tail].sequence, s->segments[s->tail].end);
	if (s->number < marked)
		(void)snprintf(why, size,
			       "%s: the log ends with write %" PRIu64 ", and write %" PRIu64
			       " had been acknowledged: the disk lost it, or files are gone",
			       place, s->number, marked);
	else if (end->mark_why[0] != '\0')
		(void)snprintf(why, size,
			       META_MARK ": %s: the log ends with write %" PRIu64
					 " (%s), and nobody knows whether more had been "
					 "acknowledged",
			       end->mark_why, s->number, place);
	else if (!live && segment_found(s) < end->mark.segment)
		(void)snprintf(why, size,
			       "segment-%016" PRIx64
			       ": missing, and it was there: the log ends with write %" PRIu64
			       " (%s), write %" PRIu64 " was marked, and later ones may be gone",
			       end->mark.segment, s->number, place, end->mark.number);
	else if (end->mark.lost)
		(void)snprintf(why, size,
			       META_MARK ": acknowledged writes were found to be gone at an "
					 "earlier start, and were not brought back since: the "
					 "log ends with write %" PRIu64 " (%s)",
			       s->number, place);
	else if (!live && mark_older(end))
		(void)snprintf(why, size,
			       META_MARK ": of start %" PRIu32 ", and there were %" PRIu32
					 ": it is older than vote, and so may the log be, "
					 "which ends with write %" PRIu64 " (%s)",
			       raft_start_count(end->mark.start), raft_start_count(end->vote_start),
			       s->number, place);
	else
		return false;
	return true;
}

/* Once writes were lost their numbers are given again: then the mark speaks of those that went. */
enum wal_tail wal_end_tail(const struct wal_end *end, const struct scan *s, bool lost,
			   enum wal_durability durability)
{
	if (s->number < wal_end_number(end, s) && !end->mark.lost)
		return WAL_TAIL_ACKNOWLEDGED;
	return lost || durability == WAL_WRITTEN ? WAL_TAIL_UNKNOWN : WAL_TAIL_UNACKNOWLEDGED;
}

const char *wal_tail_text(enum wal_tail tail)
{
	static const char *const texts[] = {
		[WAL_TAIL_UNACKNOWLEDGED] = "was not acknowledged",
		[WAL_TAIL_UNKNOWN] = "may have been acknowledged",
		[WAL_TAIL_ACKNOWLEDGED] = "had been acknowledged",
	};

	return texts[tail];
}

int wal_end_vote(const struct wal_end *end, const struct scan *s, char *why, size_t size)
{
	uint64_t known = s->vote_generation;

	if (end->mark.vote_generation > known)
		known = end->mark.vote_generation;
	if (known <= end->vote_generation)
		return 0;
	(void)snprintf(why, size,
		       META_VOTE ": its newest record is of generation %" PRIu64 ", but %" PRIu64
				 " had been acknowledged: the disk lost it",
		       end->vote_generation, known);
	return -EBADMSG;
}
