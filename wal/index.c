#include "wal/index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void wal_index_init(struct log_index *x, uint32_t spacing, raft_index last)
{
	*x = (struct log_index){.spacing = spacing, .last = last};
}

void wal_index_free(struct log_index *x)
{
	free(x->points);
	x->points = NULL;
}

static int append(struct log_index *x, const struct index_point *point)
{
	if (x->count == x->capacity) {
		size_t capacity = x->capacity == 0 ? 64 : 2 * x->capacity;
		struct index_point *points =
			realloc(x->points, capacity * sizeof(struct index_point));

		if (!points)
			return -ENOMEM;
		x->points = points;
		x->capacity = capacity;
	}
	x->points[x->count++] = *point;
	return 0;
}

void wal_index_cut(struct log_index *x, raft_index last)
{
	while (x->count > 0 && x->points[x->count - 1].first > last)
		x->count--;
	if (x->last > last)
		x->last = last;
}

void wal_index_trim(struct log_index *x, raft_index first)
{
	size_t at = 0;

	while (at + 1 < x->count && x->points[at + 1].first <= first)
		at++;
	/* All of it is below. */
	if (x->last < first)
		at = x->count;
	x->count -= at;
	if (at > 0)
		memmove(x->points, x->points + at, x->count * sizeof(*x->points));
}

int wal_index_add(struct log_index *x, const struct index_point *point)
{
	const struct index_point *last;
	bool superseding = point->first <= x->last;

	assert(point->first > 0);
	assert(point->first <= x->last + 1);
	wal_index_cut(x, point->first - 1);
	x->last = point->first;
	last = x->count > 0 ? &x->points[x->count - 1] : NULL;
	/*
	 * A point stands at the start of a write, so that a read that begins there finds it near.
	 */
	if (last && !superseding &&
	    (point->number == last->number ||
	     (point->segment == last->segment && point->offset - last->offset < x->spacing)))
		return 0;
	return append(x, point);
}

/* As the points ascend by first they do by place: what was superseded has none. */
const struct index_point *wal_index_at(const struct log_index *x, uint64_t segment, uint32_t offset)
{
	size_t low = 0;
	size_t high = x->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct index_point *p = &x->points[middle];

		if (p->segment < segment || (p->segment == segment && p->offset <= offset))
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &x->points[low - 1] : NULL;
}

const struct index_point *wal_index_find(const struct log_index *x, raft_index index)
{
	size_t low = 0;
	size_t high = x->count;

	assert(index > 0);
	assert(index <= x->last);
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (x->points[middle].first <= index)
			low = middle;
		else
			high = middle;
	}
	assert(x->points[low].first <= index);
	return &x->points[low];
}
