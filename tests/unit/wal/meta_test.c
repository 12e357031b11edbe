/*
 * The vote's two slots, and the other small blocks.
 */
#include "tests/unit/wal/helpers.h"

#include <errno.h>
#include <string.h>

enum { UNIT = 4096, SECTORS = UNIT / FORMAT_SECTOR };

static const struct log_id id = {3};

static struct meta_vote vote_of(uint64_t generation)
{
	return (struct meta_vote){.generation = generation,
				  .hard_state = {generation + 10, generation + 20},
				  .start = 4,
				  .log_number = generation + 30};
}

static void put_vote(uint8_t *file, uint64_t generation)
{
	struct meta_vote vote = vote_of(generation);

	wal_meta_vote_encode(file + wal_meta_vote_offset(generation, UNIT), UNIT, &id, &vote);
}

static void put_sector(uint8_t *file, uint64_t generation, uint32_t sector)
{
	uint8_t slot[2 * UNIT];
	uint64_t at = wal_meta_vote_offset(generation, UNIT) + sector * FORMAT_SECTOR;

	put_vote(slot, generation);
	memcpy(file + at, slot + at, FORMAT_SECTOR);
}

static int decode(struct meta_vote *out, bool *torn, const uint8_t *file)
{
	uint64_t offset;

	return wal_meta_vote_decode(out, torn, file, UNIT, &id, &offset);
}

static void the_newest_whole_slot_counts(void **state)
{
	uint8_t file[2 * UNIT];
	struct meta_vote vote;
	bool torn;

	(void)state;
	put_vote(file, 0);
	for (uint64_t g = 1; g < 9; g++) {
		struct meta_vote expected = vote_of(g);

		put_vote(file, g);
		assert_int_equal(decode(&vote, &torn, file), 0);
		assert_memory_equal(&vote, &expected, sizeof(vote));
		assert_false(torn);
	}
}

/* Every subset of the sectors of generation g + 1 over those of g - 1. */
static void R57_W22_a_torn_slot_falls_back(void **state)
{
	(void)state;
	for (uint64_t g = 1; g < 3; g++) {
		for (uint32_t mask = 0; mask < 1u << SECTORS; mask++) {
			struct meta_vote expected = vote_of(mask == 0xff ? g + 1 : g);
			uint8_t file[2 * UNIT];
			struct meta_vote vote;
			bool torn;

			put_vote(file, g - 1);
			put_vote(file, g);
			for (uint32_t s = 0; s < SECTORS; s++)
				if ((mask >> s & 1) != 0)
					put_sector(file, g + 1, s);
			assert_int_equal(decode(&vote, &torn, file), 0);
			assert_memory_equal(&vote, &expected, sizeof(vote));
			assert_int_equal(torn, mask != 0 && mask != 0xff);
		}
	}
}

/* Two attempts at the same generation, both torn, in one slot: neither was acknowledged. */
static void W22_two_torn_attempts(void **state)
{
	uint8_t file[2 * UNIT];
	uint8_t second[2 * UNIT];
	struct meta_vote attempt = vote_of(6);
	struct meta_vote vote;
	bool torn;

	(void)state;
	put_vote(file, 5);
	put_vote(file, 6);
	attempt.start++;
	wal_meta_vote_encode(second, UNIT, &id, &attempt);
	memcpy(file + 512, second + 512, 1024);
	assert_int_equal(decode(&vote, &torn, file), 0);
	assert_int_equal(vote.generation, 5);
	assert_true(torn);
}

static void W22_anything_else_is_damage(void **state)
{
	static const uint64_t pairs[][2] = {{2, 5}, {4, 1}, {0, 3}, {8, 3}};
	uint8_t file[2 * UNIT];
	struct meta_vote vote;
	uint64_t offset;
	bool torn;

	(void)state;
	/* Generations that no order of writes leaves behind. */
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		put_vote(file, pairs[i][0]);
		put_vote(file, pairs[i][1]);
		assert_int_equal(decode(&vote, &torn, file), -EBADMSG);
	}
	/* Both torn. */
	put_vote(file, 2);
	put_vote(file, 3);
	put_sector(file, 4, 0);
	put_sector(file, 5, 0);
	assert_int_equal(decode(&vote, &torn, file), -EBADMSG);
	/* Any bit, in either slot; and the sector is named. */
	put_vote(file, 2);
	put_vote(file, 3);
	for (uint32_t at = 0; at < 2 * UNIT; at++) {
		file[at] ^= (uint8_t)(1u << at % 8);
		assert_int_equal(wal_meta_vote_decode(&vote, &torn, file, UNIT, &id, &offset),
				 -EBADMSG);
		assert_int_equal(offset, at / FORMAT_SECTOR * FORMAT_SECTOR);
		file[at] ^= (uint8_t)(1u << at % 8);
	}
	/* Sectors zeroed, swapped, of the other slot. */
	memset(file + 512, 0, 512);
	assert_int_equal(decode(&vote, &torn, file), -EBADMSG);
	put_vote(file, 2);
	memcpy(file + 512, file + 1024, 512);
	assert_int_equal(decode(&vote, &torn, file), -EBADMSG);
	put_vote(file, 2);
	memcpy(file, file + UNIT, UNIT);
	assert_int_equal(decode(&vote, &torn, file), -EBADMSG);
}

static void W25_the_vote_of_another(void **state)
{
	const struct log_id other = {4};
	struct meta_vote vote = vote_of(1);
	uint8_t file[2 * UNIT];
	bool torn;

	(void)state;
	put_vote(file, 0);
	wal_meta_vote_encode(file + UNIT, UNIT, &other, &vote);
	assert_int_equal(decode(&vote, &torn, file), -EXDEV);
}

static void only_creation_leaves_initial_slots(void **state)
{
	uint8_t file[2 * UNIT];

	(void)state;
	put_vote(file, 0);
	put_vote(file, 1);
	assert_true(wal_meta_vote_initial(file, UNIT));
	file[UNIT + 600] ^= 1;
	assert_false(wal_meta_vote_initial(file, UNIT));
	put_vote(file, 1);
	put_sector(file, 2, 7);
	assert_false(wal_meta_vote_initial(file, UNIT));
}

static void identity_and_segment_headers(void **state)
{
	static uint8_t file[FORMAT_IDENTITY_SIZE];
	struct meta_identity identity = {id, 2, 8192, 77};
	struct meta_segment segment = {7, 1024 * 1024, UNIT, 65536};
	struct meta_identity found;
	struct meta_segment header;
	const struct log_id other = {9};

	(void)state;
	wal_meta_identity_encode(file, &identity);
	assert_int_equal(wal_meta_identity_decode(&found, file), 0);
	assert_memory_equal(&found, &identity, sizeof(found));
	identity.durability = 4;
	wal_meta_identity_encode(file, &identity);
	assert_int_equal(wal_meta_identity_decode(&found, file), -EBADMSG);

	wal_meta_segment_encode(file, &id, &segment);
	assert_int_equal(wal_meta_segment_decode(&header, file, UNIT, &id), 0);
	assert_int_equal(header.sequence, segment.sequence);
	assert_int_equal(header.size, segment.size);
	assert_int_equal(header.unit, segment.unit);
	assert_int_equal(header.write_size_max, segment.write_size_max);
	assert_int_equal(wal_meta_segment_decode(&header, file, UNIT, &other), -EXDEV);
	segment.write_size_max = 1024 * 1024;
	wal_meta_segment_encode(file, &id, &segment);
	assert_int_equal(wal_meta_segment_decode(&header, file, UNIT, &id), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_whole_slot_counts),
		cmocka_unit_test(R57_W22_a_torn_slot_falls_back),
		cmocka_unit_test(W22_two_torn_attempts),
		cmocka_unit_test(W22_anything_else_is_damage),
		cmocka_unit_test(W25_the_vote_of_another),
		cmocka_unit_test(only_creation_leaves_initial_slots),
		cmocka_unit_test(identity_and_segment_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
