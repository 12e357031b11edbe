#include "tests/unit/wal/on_disk.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What it waits for is asked for at once: only a log that never asks takes so long. */
#define STALL_NS (30 * CLOCK_S)

static char *place;

void on_disk_begin(struct on_disk *s, enum wal_durability durability)
{
	char mount[128], beneath[128];

	place = test_directory_make();
	(void)snprintf(mount, sizeof(mount), "%s/disk", place);
	(void)snprintf(beneath, sizeof(beneath), "%s/beneath", place);
	disk_mount(&s->disk, mount, beneath);
	(void)snprintf(s->log, sizeof(s->log), "%s/log", mount);
	s->options = (struct wal_options){.directory = s->log,
					  .durability = durability,
					  .segment_size = WAL_SEGMENT_SIZE_MIN,
					  .identity_seed = 7,
					  .create = true};
}

void on_disk_open(struct on_disk *s)
{
	if (wal_open(&s->wal, &s->options, &s->found, s->error) != 0)
		fail_msg("%s", s->error);
}

void on_disk_close(struct on_disk *s)
{
	wal_close(s->wal);
	s->wal = NULL;
}

void on_disk_end(struct on_disk *s)
{
	char path[300];

	on_disk_close(s);
	disk_unmount(&s->disk);
	(void)snprintf(path, sizeof(path), "%s/log", s->disk.beneath);
	test_directory_remove(strdup(path));
	assert_int_equal(rmdir(s->disk.beneath), 0);
	(void)snprintf(path, sizeof(path), "%s.graves", s->disk.beneath);
	test_directory_remove(strdup(path));
	assert_int_equal(rmdir(s->disk.mount), 0);
	assert_int_equal(rmdir(place), 0);
	free(place);
}

void on_disk_cut(struct on_disk *s, const char *how, uint64_t seed)
{
	disk_cut(&s->disk, how, seed);
	on_disk_close(s);
}

void on_disk_settle(struct on_disk *s)
{
	test_settle(s->wal);
}

void on_disk_stall(struct on_disk *s)
{
	const uint64_t until_ns = clock_now() + STALL_NS;
	uint64_t seq;

	while (disk_ask(&s->disk, "waiting") == 0) {
		if (clock_now() > until_ns)
			fail_msg("it asks for nothing that the disk holds up");
		assert_int_equal(wal_poll(s->wal, s->wal->now_ns, &seq), 0);
	}
}
