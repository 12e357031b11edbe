#include "node/wanted.h"

#include "dataplane/kind.h"
#include "node/host.h"
#include "node/ports.h"

struct formation_table wanted_members(const struct config *c)
{
	struct formation_table t = {.digest = c->digest, .count = c->member_count};

	for (uint32_t i = 0; i < c->member_count; i++)
		t.member[i].place = config_member_place(&c->member[i]);
	return t;
}

uint64_t wanted_digest_then(const void *config, const struct formation_table *then)
{
	uint64_t place[FORMATION_PLACES_MAX];

	for (uint32_t i = 0; i < then->count; i++)
		place[i] = then->member[i].place;
	return config_digest(config, place, then->count);
}

enum wal_durability wanted_durability(const struct config *c)
{
	static const enum wal_durability durability[] = {
		[CONFIG_DURABLE] = WAL_DURABLE,
		[CONFIG_WRITTEN] = WAL_WRITTEN,
		[CONFIG_VOLATILE] = WAL_VOLATILE,
	};

	return durability[c->durability];
}

static struct compactor_options wanted_compaction(const struct config *c)
{
	if (c->compaction_mode == CONFIG_REVISION)
		return (struct compactor_options){COMPACTOR_REVISION, c->retention.revisions};
	return (struct compactor_options){COMPACTOR_PERIODIC, c->retention.us * 1000};
}

static void set_members(struct node_options *o, const struct config *c)
{
	uint8_t port = 0;

	o->initial = wanted_members(c);
	o->digest = wanted_digest_then;
	o->config = c;
	o->self = c->self;
	for (uint32_t i = 0; i < c->member_count; i++) {
		if (i == c->self)
			continue;
		o->peer_name[o->dp.peer_count] = c->member[i].name;
		o->dp.peer[o->dp.peer_count++] = (struct dp_peer){
			.address = c->member[i].address,
			.udp_port = c->member[i].port,
			.port = ports_for_each_peer(c) ? port++ : 0,
		};
	}
}

void wanted_options(struct node_options *o, const struct config *c)
{
	o->name = c->name;
	o->existing = c->existing;
	o->removed_waits = c->removed_waits;
	o->heartbeat_us = c->heartbeat_us;
	o->election_us_min = c->election_us_min;
	o->pre_vote = c->pre_vote;
	o->check_quorum = c->check_quorum;
	o->lease_reads = c->lease_reads;
	o->priority = (uint8_t)c->priority;
	o->election_us_max = c->election_us_max;
	o->disk_stall_us = c->disk_stall_us;
	o->link_name = link_kind_name(c->link);
	o->quota_bytes = c->quota_bytes;
	o->snapshot_log_bytes = c->snapshot_log_bytes;
	o->log_keep_bytes = c->log_keep_bytes;
	o->snapshot_rate = c->snapshot_rate;
	o->compaction = wanted_compaction(c);
	o->fault_injection = c->fault_injection;
	o->wal.directory = c->data_dir;
	o->wal.durability = wanted_durability(c);
	o->wal.quota = c->durability == CONFIG_VOLATILE ? 0 : c->data_quota_bytes;
	o->wal.segment_size = (uint32_t)c->segment_bytes;
	o->wal.files_max = host_log_files(c);
	o->wal.create = true;
	o->dp.address = c->address;
	o->dp.prefix = c->prefix;
	o->dp.gateway = c->gateway;
	o->dp.udp_client = c->port_client;
	o->dp.udp_peer = c->member[c->self].port;
	set_members(o, c);
}
