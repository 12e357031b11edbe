/*
 * Three directories that form a cluster, by hand: what is said arrives when a test says so, and
 * what follows from it is durable at once.
 */
#ifndef TESTS_UNIT_RAFT_FORMING_H
#define TESTS_UNIT_RAFT_FORMING_H

#include "raft/formation.h"
#include "raft/formation_record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PLACES = 3 };

struct member {
	struct formation f;
	uint8_t record[FORMATION_RECORD_SIZE_MAX];
	uint32_t record_size;
};

static struct member m[PLACES];
static uint64_t now_us;

static inline struct formation_options options(uint32_t place, raft_identity identity)
{
	struct formation_options o = {
		.identity = identity,
		.table = {.digest = 7, .count = PLACES},
		.digest_then = 7,
		.self = place,
		.record = m[place].record,
		.record_size = m[place].record_size,
		.now_us = now_us,
	};

	for (uint32_t i = 0; i < PLACES; i++)
		o.table.member[i].place = 0x0a0000010000 + 0x10000 * i + 2380;
	return o;
}

static inline void start(uint32_t place, raft_identity identity)
{
	const struct formation_options o = options(place, identity);

	assert_int_equal(formation_create(&m[place].f, &o), 0);
}

static inline void wipe(uint32_t place, raft_identity identity)
{
	m[place].record_size = 0;
	start(place, identity);
}

static inline void record(uint32_t place)
{
	while (formation_record(&m[place].f, m[place].record, &m[place].record_size))
		formation_recorded(&m[place].f);
}

/* Everything that `from` has to say to `to` arrives, and what follows from it is durable. */
static inline void talk(uint32_t from, uint32_t to)
{
	struct formation_message message;

	record(from);
	while (formation_message(&m[from].f, to, &message))
		assert_int_equal(formation_recv(&m[to].f, from, &message), 0);
	record(to);
}

static inline void all_talk(void)
{
	now_us += 20000;
	for (uint32_t i = 0; i < PLACES; i++)
		formation_tick(&m[i].f, now_us);
	for (uint32_t i = 0; i < PLACES; i++)
		for (uint32_t k = 0; k < PLACES; k++)
			if (i != k)
				talk(i, k);
}

static inline void begin(void)
{
	memset(m, 0, sizeof(m));
	now_us = 1000000;
	for (uint32_t i = 0; i < PLACES; i++)
		start(i, 0xa0 + i);
}

static inline void form(void)
{
	begin();
	for (int round = 0; round < 4; round++)
		all_talk();
	for (uint32_t i = 0; i < PLACES; i++)
		assert_int_equal(m[i].f.state, FORMATION_FORMED);
}

static inline enum formation_wait wait_of(uint32_t place, uint32_t for_whom)
{
	uint32_t about;

	return formation_waits(&m[place].f, for_whom, &about);
}

#endif
