/*
 * The way to the disk: packing entries into the buffer that forms, one write in flight, and the
 * term and vote beside it.
 */
#include "wal/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint32_t capacity(const struct wal *w)
{
	return wal_record_capacity(w->limits.write_size_max);
}

/* The buffer that takes entries, or NULL: the last pending one is in flight or there is none. */
static struct buffer *forming(struct wal *w)
{
	if (w->ring_count == 0 || (w->ring_count == 1 && w->in_flight))
		return NULL;
	return &w->ring[(w->ring_first + w->ring_count - 1) % w->limits.buffers];
}

static struct buffer *forming_new(struct wal *w, uint64_t seq)
{
	struct buffer *b = &w->ring[(w->ring_first + w->ring_count) % w->limits.buffers];

	assert(w->ring_count < w->limits.buffers);
	w->ring_count++;
	b->used = FORMAT_WRITE_HEADER;
	b->count = 0;
	b->seq_first = seq;
	return b;
}

static void put(struct wal *w, uint64_t seq, const struct raft_entry *entry)
{
	struct buffer *b = forming(w);

	if (!b || b->used + wal_record_entry_size(entry->size) > capacity(w))
		b = forming_new(w, seq);
	if (b->count == 0) {
		b->first = entry->index;
		b->lowest = entry->index;
	}
	if (entry->index < b->lowest)
		b->lowest = entry->index;
	wal_record_put(b->data, &b->used, entry);
	b->count++;
	b->seq_last = seq;
}

size_t wal_room(const struct wal *w)
{
	/*
	 * An entry takes at most 31 bytes over its data, so 64 for each covers it; at the end of a
	 * buffer less than one entry is wasted. So many as fit by this sum fit in fact.
	 */
	size_t waste = FORMAT_WRITE_HEADER + wal_record_entry_size(RAFT_ENTRY_DATA_MAX);
	uint32_t pending = w->ring_count;
	size_t room = 0;

	if (w->failed != 0)
		return 0;
	if (pending > 1 || (pending == 1 && !w->in_flight)) {
		const struct buffer *last =
			&w->ring[(w->ring_first + pending - 1) % w->limits.buffers];

		if (capacity(w) > last->used + waste)
			room += capacity(w) - last->used - waste;
	}
	return room + (w->limits.buffers - pending) * (capacity(w) - waste);
}

static int entries_append(struct wal *w, uint64_t seq, const struct raft_entry *entries,
			  uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct raft_entry *entry = &entries[i];

		assert(entry->index >= w->base.index);
		assert(entry->index <= w->last_index + 1);
		assert(entry->term > 0);
		assert(entry->size <= RAFT_ENTRY_DATA_MAX);
		if (w->memory) {
			int err = wal_memory_put(w->memory, entry);

			if (err != 0)
				return wal_fail(w, err, "memory", entry->index, "append");
		} else {
			put(w, seq, entry);
		}
		w->last_index = entry->index;
		w->stats.entries++;
	}
	return 0;
}

int wal_append(struct wal *w, uint64_t seq, const struct raft_hard_state *hard_state,
	       const struct raft_entry *entries, uint32_t count)
{
	size_t size = 0;

	if (w->failed != 0)
		return w->failed;
	assert(seq >= w->seq);
	for (uint32_t i = 0; i < count; i++)
		size += entries[i].size + 64;
	if (size > wal_room(w))
		return -ENOBUFS;
	w->seq = seq;
	if (hard_state && !w->memory) {
		assert(hard_state->term >= w->vote.durable.hard_state.term);
		/* The vote that waits is replaced, but it waits since the older token. */
		if (!w->vote.changed)
			w->vote.next_seq = seq;
		w->vote.changed = true;
		w->vote.next = *hard_state;
	}
	return entries_append(w, seq, entries, count);
}

/* Makes the buffer's entries findable; they are readable once it is no longer pending. */
static int index_buffer(struct wal *w, const struct buffer *b, const struct segment *segment)
{
	struct index_point point = {
		.number = w->number + 1, .segment = segment->sequence, .offset = segment->end};
	uint32_t cursor = FORMAT_WRITE_HEADER;
	struct raft_entry entry;

	while (cursor < b->used) {
		int err = wal_record_next(&entry, b->data, b->used, &cursor);

		assert(err == 1);
		point.first = entry.index;
		point.term = entry.term;
		err = wal_index_add(&w->index, &point);
		if (err != 0)
			return err;
		point.ordinal++;
	}
	return 0;
}

static int log_fail(struct wal *w, int err, uint64_t offset, const char *operation)
{
	char name[DISK_NAME_MAX];

	wal_meta_segment_name(name, w->segments[w->tail].sequence);
	return wal_fail(w, err, name, offset, operation);
}

/* True: a term that came with these entries, or before them, is not durable yet. */
static bool waits_for_vote(const struct wal *w, const struct buffer *b)
{
	const struct vote *v = &w->vote;

	/* The next one is written when this one is. */
	assert(!v->changed || v->in_flight);
	return v->in_flight && v->writing_seq <= b->seq_last;
}

int wal_write_start(struct wal *w)
{
	struct buffer *b = &w->ring[w->ring_first];
	struct record_header header;
	struct segment *segment;
	struct log_place place;
	int err;

	if (w->in_flight || w->ring_count == 0 || waits_for_vote(w, b))
		return 0;
	assert(b->count > 0);
	header = (struct record_header){
		.size = wal_record_disk_size(b->used, w->unit),
		.count = b->count,
		.number = w->number + 1,
		.durable = w->number_durable,
		.vote_generation = w->vote.durable.generation,
		.first_index = b->first,
		.stream_size = b->used,
	};
	segment = &w->segments[w->tail];
	if (segment->size - segment->end < header.size) {
		if (!wal_segment_roll(w))
			return 0;
		segment = &w->segments[w->tail];
	}
	assert(segment->file >= 0);
	if (segment->end == w->unit) {
		segment->first = b->first;
		segment->before = w->number;
	}
	err = index_buffer(w, b, segment);
	if (err != 0)
		return log_fail(w, err, segment->end, "index");
	place = (struct log_place){w->id, segment->sequence, segment->end};
	wal_record_seal(b->data, &header, &place);
	err = w->disk->ops->write(w->disk, segment->file, segment->end, b->data, header.size,
				  TAG_LOG);
	if (err != 0)
		return log_fail(w, err, segment->end, "submit");
	w->number++;
	w->in_flight = true;
	w->in_flight_ns = w->now_ns;
	w->in_flight_size = header.size;
	return 0;
}

int wal_write_done(struct wal *w, int err)
{
	struct segment *segment = &w->segments[w->tail];

	assert(w->in_flight);
	w->in_flight = false;
	if (err != 0)
		return log_fail(w, err, segment->end, "write");
	segment->end += w->in_flight_size;
	w->stats.writes++;
	histogram_observe(&w->stats.write_time, w->now_ns - w->in_flight_ns);
	w->stats.bytes += w->in_flight_size;
	w->ring_first = (w->ring_first + 1) % w->limits.buffers;
	w->ring_count--;
	if (w->durability == WAL_DURABLE)
		w->number_durable = w->number;
	return 0;
}

int wal_vote_start(struct wal *w)
{
	struct vote *v = &w->vote;
	int err;

	if (v->in_flight || !v->changed)
		return 0;
	v->writing = v->durable;
	v->writing.generation++;
	v->writing.hard_state = v->next;
	v->writing.log_number = w->number_durable;
	v->writing_seq = v->next_seq;
	v->changed = false;
	wal_meta_vote_encode(w->block, w->unit, &w->id, &v->writing);
	err = w->disk->ops->write(w->disk, v->file,
				  wal_meta_vote_offset(v->writing.generation, w->unit), w->block,
				  w->unit, TAG_VOTE);
	if (err != 0)
		return wal_fail(w, err, META_VOTE, 0, "submit");
	v->in_flight = true;
	v->since_ns = w->now_ns;
	return 0;
}

int wal_vote_done(struct wal *w, int err)
{
	struct vote *v = &w->vote;

	assert(v->in_flight);
	v->in_flight = false;
	if (err != 0)
		return wal_fail(w, err, META_VOTE,
				wal_meta_vote_offset(v->writing.generation, w->unit), "write");
	v->durable = v->writing;
	return 0;
}

uint64_t wal_write_seq_durable(const struct wal *w)
{
	uint64_t seq = w->seq;

	/* Pending on either way: nothing from that token on is durable (W12). */
	if (w->ring_count > 0 && w->ring[w->ring_first].seq_first - 1 < seq)
		seq = w->ring[w->ring_first].seq_first - 1;
	if (w->vote.in_flight && w->vote.writing_seq - 1 < seq)
		seq = w->vote.writing_seq - 1;
	if (w->vote.changed && w->vote.next_seq - 1 < seq)
		seq = w->vote.next_seq - 1;
	return seq;
}
