/*
 * The list of the snapshots that there are: the newest first.
 */
#include "wal/snapshot.h"

#include "wal/pull.h"
#include "wal/scan.h"
#include "wal/state.h"

#include <stdlib.h>
#include <string.h>

uint32_t wal_snapshots(const struct wal *w, struct raft_snapshot out[WAL_SNAPSHOTS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->snapshot_count; i++)
		if (!w->snapshots[i].damaged)
			out[count++] = w->snapshots[i].info;
	return count;
}

bool wal_snapshot_reaches(const struct wal *w, raft_index index, const struct snapshot_file *but)
{
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		if (&w->snapshots[i] != but && !w->snapshots[i].damaged &&
		    w->snapshots[i].info.index >= index)
			return true;
	return false;
}

struct snapshot_file *wal_snapshot_find(struct wal *w, raft_index index, raft_term term)
{
	for (uint32_t i = 0; i < w->snapshot_count; i++)
		if (w->snapshots[i].info.index == index && w->snapshots[i].info.term == term)
			return &w->snapshots[i];
	return NULL;
}

void wal_snapshot_damaged(struct wal *w, raft_index index, raft_term term, int err)
{
	struct snapshot_file *file = wal_snapshot_find(w, index, term);

	if (!file || !wal_range_damaged(err))
		return;
	file->unreadable = wal_scan_unreadable(err) && (!file->damaged || file->unreadable);
	file->damaged = true;
}

bool wal_snapshots_again(struct wal *w)
{
	bool any = false;

	for (uint32_t i = 0; i < w->snapshot_count; i++) {
		struct snapshot_file *file = &w->snapshots[i];

		any |= file->unreadable;
		file->damaged &= !file->unreadable;
		file->unreadable = false;
	}
	return any;
}

uint32_t wal_snapshots_useless(const struct wal *w, raft_index kept,
			       struct raft_snapshot out[WAL_SNAPSHOTS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->snapshot_count; i++) {
		const struct snapshot_file *file = &w->snapshots[i];

		if (file->damaged && !(file->unreadable && file->info.index >= kept))
			out[count++] = file->info;
	}
	return count;
}

static bool newer(const struct raft_snapshot *a, const struct raft_snapshot *b)
{
	return a->index != b->index ? a->index > b->index : a->term > b->term;
}

void wal_snapshot_chunks_free(struct snapshot_file *file)
{
	for (size_t i = 0; i < file->chunk_count; i++)
		free(file->chunks[i]);
	free(file->chunks);
	file->chunks = NULL;
	file->chunk_count = 0;
}

void wal_snapshot_unlist(struct wal *w, struct snapshot_file *file)
{
	uint32_t at = (uint32_t)(file - w->snapshots);

	wal_snapshot_chunks_free(file);
	w->snapshot_count--;
	memmove(file, file + 1, (w->snapshot_count - at) * sizeof(*file));
}

void wal_snapshot_list(struct wal *w, const struct snapshot_file *file)
{
	struct snapshot_file *damaged = wal_snapshot_find(w, file->info.index, file->info.term);
	uint32_t at;

	if (damaged)
		wal_snapshot_unlist(w, damaged);
	at = w->snapshot_count;
	/* The oldest is forgotten, and stays until a start finds it among fewer. */
	if (at == WAL_SNAPSHOTS_MAX)
		wal_snapshot_chunks_free(&w->snapshots[--at]);
	else
		w->snapshot_count++;
	for (; at > 0 && newer(&file->info, &w->snapshots[at - 1].info); at--)
		w->snapshots[at] = w->snapshots[at - 1];
	w->snapshots[at] = *file;
}

void wal_snapshots_free(struct wal *w)
{
	while (w->snapshot_count > 0)
		wal_snapshot_unlist(w, &w->snapshots[w->snapshot_count - 1]);
	wal_snapshot_chunks_free(&w->writer.made);
}
