#include "wal/meta.h"

#include "base/bytes.h"
#include "base/crc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { CRC = 12, HEAD = 16 };

static const char segment_prefix[] = "segment-";

void meta_segment_name(char name[DISK_NAME_MAX], uint64_t sequence)
{
	(void)snprintf(name, DISK_NAME_MAX, "%s%016" PRIx64, segment_prefix, sequence);
}

void meta_temporary_name(char out[DISK_NAME_MAX], const char *name)
{
	(void)snprintf(out, DISK_NAME_MAX, "%.48s%s", name, META_TEMPORARY);
}

static bool segment_parse(const char *name, uint64_t *sequence)
{
	char canonical[DISK_NAME_MAX];

	*sequence = strtoull(name + strlen(segment_prefix), NULL, 16);
	meta_segment_name(canonical, *sequence);
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
	       (strncmp(name, segment_prefix, strlen(segment_prefix)) == 0 &&
		has_suffix(name, META_TEMPORARY));
}

static int names_add(struct meta_names *out, const char *name)
{
	if (strcmp(name, META_IDENTITY) == 0) {
		out->identity = true;
	} else if (strcmp(name, META_VOTE) == 0) {
		out->vote = true;
	} else if (strcmp(name, META_CLUSTER) == 0) {
		out->cluster = true;
	} else if (is_temporary(name)) {
		void *grown = realloc(out->temporary,
				      (out->temporary_count + 1) * sizeof(*out->temporary));

		if (grown == NULL)
			return -ENOMEM;
		out->temporary = grown;
		(void)snprintf(out->temporary[out->temporary_count++], DISK_NAME_MAX, "%s", name);
	} else if (strncmp(name, segment_prefix, strlen(segment_prefix)) == 0) {
		uint64_t *grown =
			realloc(out->segments, (out->segment_count + 1) * sizeof(*out->segments));

		if (grown == NULL)
			return -ENOMEM;
		out->segments = grown;
		if (!segment_parse(name, &out->segments[out->segment_count++]))
			return -EBADMSG;
	}
	return 0;
}

int meta_names_list(struct meta_names *out, struct disk *d, char bad[DISK_NAME_MAX])
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
	return 0;
}

void meta_names_free(struct meta_names *names)
{
	free(names->segments);
	free(names->temporary);
}

void meta_head_encode(uint8_t *out, const char magic[9], const struct log_id *id)
{
	memcpy(out, magic, 8);
	bytes_put32(out + 8, FORMAT_VERSION);
	bytes_put64(out + HEAD, id->identity);
}

void meta_crc_put(uint8_t *out, size_t size)
{
	bytes_put32(out + CRC, bytes_crc_hole(0, out, size, CRC));
}

static int head_decode(struct log_id *out, const uint8_t *in, size_t size, const char magic[9])
{
	if (memcmp(in, magic, 8) != 0 || bytes_get32(in + CRC) != bytes_crc_hole(0, in, size, CRC))
		return -EBADMSG;
	if (bytes_get32(in + 8) != FORMAT_VERSION)
		return -EPROTO;
	out->identity = bytes_get64(in + HEAD);
	return 0;
}

int meta_head_check(const uint8_t *in, size_t size, const char magic[9], const struct log_id *id)
{
	struct log_id found;
	int err = head_decode(&found, in, size, magic);

	if (err != 0)
		return err;
	return found.identity == id->identity ? 0 : -EXDEV;
}

static bool is_unit(uint32_t unit)
{
	return unit >= FORMAT_UNIT_MIN && unit <= FORMAT_UNIT_MAX && (unit & (unit - 1)) == 0;
}

void meta_identity_encode(uint8_t out[FORMAT_IDENTITY_SIZE], const struct meta_identity *identity)
{
	memset(out, 0, FORMAT_IDENTITY_SIZE);
	meta_head_encode(out, "QUOINDIR", &identity->id);
	bytes_put32(out + META_BODY, identity->durability);
	bytes_put32(out + META_BODY + 4, identity->unit);
	bytes_put64(out + META_BODY + 8, identity->formerly);
	meta_crc_put(out, FORMAT_IDENTITY_SIZE);
}

int meta_identity_decode(struct meta_identity *out, const uint8_t in[FORMAT_IDENTITY_SIZE])
{
	int err = head_decode(&out->id, in, FORMAT_IDENTITY_SIZE, "QUOINDIR");

	if (err != 0)
		return err;
	out->durability = bytes_get32(in + META_BODY);
	out->unit = bytes_get32(in + META_BODY + 4);
	out->formerly = bytes_get64(in + META_BODY + 8);
	if (out->durability < 1 || out->durability > 3 || !is_unit(out->unit))
		return -EBADMSG;
	return 0;
}

void meta_segment_encode(uint8_t *out, const struct log_id *id, const struct meta_segment *segment)
{
	memset(out, 0, segment->unit);
	meta_head_encode(out, "QUOINSEG", id);
	bytes_put64(out + META_BODY, segment->sequence);
	bytes_put32(out + META_BODY + 8, segment->size);
	bytes_put32(out + META_BODY + 12, segment->unit);
	bytes_put32(out + META_BODY + 16, segment->write_size_max);
	meta_crc_put(out, segment->unit);
}

int meta_segment_decode(struct meta_segment *out, const uint8_t *in, uint32_t unit,
			const struct log_id *id)
{
	int err = meta_head_check(in, unit, "QUOINSEG", id);

	if (err != 0)
		return err;
	out->sequence = bytes_get64(in + META_BODY);
	out->size = bytes_get32(in + META_BODY + 8);
	out->unit = bytes_get32(in + META_BODY + 12);
	out->write_size_max = bytes_get32(in + META_BODY + 16);
	if (out->unit != unit || out->size % unit != 0 || out->write_size_max % unit != 0 ||
	    out->write_size_max == 0 || out->size < unit || out->size - unit < out->write_size_max)
		return -EBADMSG;
	return 0;
}

void meta_vote_encode(uint8_t *out, uint32_t unit, const struct log_id *id,
		      const struct meta_vote *vote)
{
	uint32_t first = (uint32_t)meta_vote_offset(vote->generation, unit) / FORMAT_SECTOR;

	memset(out, 0, unit);
	for (uint32_t s = 0; s < unit / FORMAT_SECTOR; s++) {
		uint8_t *sector = out + (size_t)s * FORMAT_SECTOR;

		meta_head_encode(sector, "QUOINVOT", id);
		bytes_put64(sector + META_BODY, vote->generation);
		bytes_put64(sector + META_BODY + 8, vote->hard_state.term);
		bytes_put64(sector + META_BODY + 16, vote->hard_state.vote);
		bytes_put64(sector + META_BODY + 24, vote->start);
		bytes_put64(sector + META_BODY + 32, vote->log_number);
		bytes_put32(sector + META_BODY + 40, first + s);
		meta_crc_put(sector, FORMAT_SECTOR);
	}
}

/* One sector of the vote file; `number` is where it lies. */
static int sector_decode(struct meta_vote *out, const uint8_t *sector, uint32_t number,
			 const struct log_id *id)
{
	int err = meta_head_check(sector, FORMAT_SECTOR, "QUOINVOT", id);

	if (err != 0)
		return err;
	out->generation = bytes_get64(sector + META_BODY);
	out->hard_state.term = bytes_get64(sector + META_BODY + 8);
	out->hard_state.vote = bytes_get64(sector + META_BODY + 16);
	out->start = bytes_get64(sector + META_BODY + 24);
	out->log_number = bytes_get64(sector + META_BODY + 32);
	return bytes_get32(sector + META_BODY + 40) == number ? 0 : -EBADMSG;
}

static bool same_vote(const struct meta_vote *a, const struct meta_vote *b)
{
	return a->generation == b->generation && a->hard_state.term == b->hard_state.term &&
	       a->hard_state.vote == b->hard_state.vote && a->start == b->start &&
	       a->log_number == b->log_number;
}

/* What one slot holds: its newest record, its oldest generation, and whether all of it agrees. */
struct slot {
	struct meta_vote newest;
	uint64_t oldest;
	bool whole;
};

static int slot_decode(struct slot *out, const uint8_t *in, uint32_t unit, uint32_t slot,
		       const struct log_id *id, uint64_t *offset)
{
	uint32_t sectors = unit / FORMAT_SECTOR;

	for (uint32_t s = 0; s < sectors; s++) {
		uint32_t number = slot * sectors + s;
		struct meta_vote vote;
		int err;

		*offset = (uint64_t)number * FORMAT_SECTOR;
		err = sector_decode(&vote, in + *offset, number, id);
		if (err != 0)
			return err;
		if (vote.generation % 2 != slot)
			return -EBADMSG;
		if (s == 0) {
			*out = (struct slot){vote, vote.generation, true};
			continue;
		}
		if (!same_vote(&vote, &out->newest))
			out->whole = false;
		if (vote.generation > out->newest.generation)
			out->newest = vote;
		if (vote.generation < out->oldest)
			out->oldest = vote.generation;
	}
	return 0;
}

/*
 * The slots alternate and one write is in flight, so beside a whole slot of generation g the other
 * holds g - 1, g + 1, or, torn, sectors of both; two torn attempts at g + 1 may be mixed. A torn
 * write was not acknowledged (W22). Anything else is damage.
 */
int meta_vote_decode(struct meta_vote *out, bool *torn, const uint8_t *in, uint32_t unit,
		     const struct log_id *id, uint64_t *offset)
{
	struct slot slots[2];

	for (uint32_t i = 0; i < 2; i++) {
		int err = slot_decode(&slots[i], in, unit, i, id, offset);

		if (err != 0)
			return err;
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct slot *a = &slots[i];
		const struct slot *b = &slots[1 - i];
		uint64_t g = a->newest.generation;

		if (!a->whole)
			continue;
		*torn = !b->whole;
		if (b->whole && b->newest.generation + 1 == g) {
			*out = a->newest;
			return 0;
		}
		if (!b->whole && b->newest.generation == g + 1 &&
		    (b->oldest == g + 1 || b->oldest + 1 == g)) {
			*out = a->newest;
			return 0;
		}
	}
	*offset = 0;
	return -EBADMSG;
}

bool meta_vote_initial(const uint8_t *in, uint32_t unit)
{
	for (uint32_t at = 0; at < 2 * unit; at += FORMAT_SECTOR) {
		struct log_id id;

		if (head_decode(&id, in + at, FORMAT_SECTOR, "QUOINVOT") != 0 ||
		    bytes_get64(in + at + META_BODY) > 1)
			return false;
	}
	return true;
}
