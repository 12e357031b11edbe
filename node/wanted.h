/*
 * What the configuration wants of the cluster and the log, in the words of their rooms: for the
 * node, and for the look at its host before it.
 */
#ifndef NODE_WANTED_H
#define NODE_WANTED_H

#include "config/config.h"
#include "raft/formation.h"
#include "wal/wal.h"

static inline struct formation_table wanted_members(const struct config *c)
{
	struct formation_table t = {.digest = c->digest, .count = c->member_count};

	for (uint32_t i = 0; i < c->member_count; i++)
		t.member[i].place = config_member_place(&c->member[i]);
	return t;
}

/* formation_options.digest_then of this record. */
static inline uint64_t wanted_digest_then(const void *config, const struct formation_table *then)
{
	uint64_t place[FORMATION_PLACES_MAX];

	for (uint32_t i = 0; i < then->count; i++)
		place[i] = then->member[i].place;
	return config_digest(config, place, then->count);
}

static inline enum wal_durability wanted_durability(const struct config *c)
{
	static const enum wal_durability durability[] = {
		[CONFIG_DURABLE] = WAL_DURABLE,
		[CONFIG_WRITTEN] = WAL_WRITTEN,
		[CONFIG_VOLATILE] = WAL_VOLATILE,
	};

	return durability[c->durability];
}

#endif
