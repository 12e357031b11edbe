/*
 * The names in a log's directory: which are the log's, and which are left alone.
 */
#include "wal/meta.h"

#include "wal/block.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char segment_prefix[] = "segment-";

void wal_meta_segment_name(char name[DISK_NAME_MAX], uint64_t sequence)
{
	(void)snprintf(name, DISK_NAME_MAX, "%s%016" PRIx64, segment_prefix, sequence);
}

void wal_meta_temporary_name(char out[DISK_NAME_MAX], const char *name)
{
	(void)snprintf(out, DISK_NAME_MAX, "%.48s%s", name, META_TEMPORARY);
}

void wal_meta_part_name(char out[DISK_NAME_MAX], const char *name)
{
	(void)snprintf(out, DISK_NAME_MAX, "%.48s%s", name, META_PART);
}

static bool segment_parse(const char *name, uint64_t *sequence)
{
	char canonical[DISK_NAME_MAX];

	*sequence = strtoull(name + strlen(segment_prefix), NULL, 16);
	wal_meta_segment_name(canonical, *sequence);
	return *sequence > 0 && strcmp(name, canonical) == 0;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x;
	uint64_t y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t size = strlen(name);
	size_t tail = strlen(suffix);

	return size > tail && strcmp(name + size - tail, suffix) == 0;
}

/* Only what the log itself makes under a temporary name: other files are not ours to remove. */
static bool is_temporary(const char *name)
{
	return strcmp(name, META_IDENTITY META_TEMPORARY) == 0 ||
	       strcmp(name, META_VOTE META_TEMPORARY) == 0 ||
	       strcmp(name, META_CLUSTER META_TEMPORARY) == 0 ||
	       strcmp(name, META_MARK META_TEMPORARY) == 0 ||
	       strcmp(name, META_BASE META_TEMPORARY) == 0 ||
	       ((strncmp(name, segment_prefix, strlen(segment_prefix)) == 0 ||
		 strncmp(name, META_SNAPSHOT, strlen(META_SNAPSHOT)) == 0 ||
		 strncmp(name, META_KEPT, strlen(META_KEPT)) == 0) &&
		has_suffix(name, META_TEMPORARY));
}

bool wal_meta_temporary_segment(const char *name, uint64_t *sequence)
{
	char segment[DISK_NAME_MAX];
	size_t size = strlen(name);

	if (!has_suffix(name, META_TEMPORARY) ||
	    strncmp(name, segment_prefix, strlen(segment_prefix)) != 0)
		return false;
	size -= strlen(META_TEMPORARY);
	memcpy(segment, name, size);
	segment[size] = '\0';
	return segment_parse(segment, sequence);
}

static int compare_snapshots(const void *a, const void *b)
{
	struct meta_snapshot_name x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x.index != y.index ? (x.index < y.index) - (x.index > y.index)
				  : (x.term < y.term) - (x.term > y.term);
}

static int snapshot_add(struct meta_snapshot_name **names, size_t *count,
			const struct meta_snapshot_name *name)
{
	void *grown = realloc(*names, (*count + 1) * sizeof(**names));

	if (!grown)
		return -ENOMEM;
	*names = grown;
	(*names)[(*count)++] = *name;
	return 0;
}

static bool part_parse(const char *name, struct meta_snapshot_name *out)
{
	char whole[DISK_NAME_MAX];

	if (!has_suffix(name, META_PART))
		return false;
	(void)snprintf(whole, sizeof(whole), "%.*s", (int)(strlen(name) - strlen(META_PART)), name);
	return wal_block_name_parse(whole, &out->index, &out->term);
}

static int names_add(struct meta_names *out, const char *name)
{
	struct meta_snapshot_name snapshot;

	if (wal_block_name_parse(name, &snapshot.index, &snapshot.term))
		return snapshot_add(&out->snapshots, &out->snapshot_count, &snapshot);
	if (part_parse(name, &snapshot))
		return snapshot_add(&out->parts, &out->part_count, &snapshot);
	if (strcmp(name, META_IDENTITY) == 0) {
		out->identity = true;
	} else if (strcmp(name, META_VOTE) == 0) {
		out->vote = true;
	} else if (strcmp(name, META_CLUSTER) == 0) {
		out->cluster = true;
	} else if (strcmp(name, META_MARK) == 0) {
		out->mark = true;
	} else if (strcmp(name, META_BASE) == 0) {
		out->base = true;
	} else if (is_temporary(name)) {
		void *grown = realloc(out->temporary,
				      (out->temporary_count + 1) * sizeof(*out->temporary));

		if (!grown)
			return -ENOMEM;
		out->temporary = grown;
		(void)snprintf(out->temporary[out->temporary_count++], DISK_NAME_MAX, "%s", name);
	} else if (strncmp(name, segment_prefix, strlen(segment_prefix)) == 0) {
		uint64_t *grown =
			realloc(out->segments, (out->segment_count + 1) * sizeof(*out->segments));

		if (!grown)
			return -ENOMEM;
		out->segments = grown;
		if (!segment_parse(name, &out->segments[out->segment_count++]))
			return -EBADMSG;
	}
	return 0;
}

int wal_meta_names_list(struct meta_names *out, struct disk *d, char bad[DISK_NAME_MAX])
{
	char name[DISK_NAME_MAX];
	int err;

	*out = (struct meta_names){0};
	for (uint32_t i = 0;; i++) {
		err = d->ops->list(d, i, name);
		if (err == -ENOENT)
			break;
		if (err == 0)
			err = names_add(out, name);
		if (err != 0) {
			(void)snprintf(bad, DISK_NAME_MAX, "%s", name);
			return err;
		}
	}
	if (out->segment_count > 0)
		qsort(out->segments, out->segment_count, sizeof(*out->segments), compare_u64);
	if (out->snapshot_count > 0)
		qsort(out->snapshots, out->snapshot_count, sizeof(*out->snapshots),
		      compare_snapshots);
	if (out->part_count > 0)
		qsort(out->parts, out->part_count, sizeof(*out->parts), compare_snapshots);
	return 0;
}

/* The vote is made first, and one segment; what is kept of a cluster, by a node that runs. */
bool wal_meta_names_unused(const struct meta_names *names)
{
	if (names->segment_count > 1 || names->cluster || names->snapshot_count > 0 ||
	    names->part_count > 0)
		return false;
	return names->vote || (names->segment_count == 0 && !names->mark && !names->base);
}

void wal_meta_names_from(struct meta_names *names, uint64_t segment)
{
	for (names->below = 0; names->below < names->segment_count; names->below++)
		if (names->segments[names->below] >= segment)
			break;
}

void wal_meta_names_free(struct meta_names *names)
{
	free(names->segments);
	free(names->temporary);
	free(names->snapshots);
	free(names->parts);
}
