/*
 * Members tell each other the settings that a cluster should share. One that differs is warned
 * of: a cluster is as durable as its weakest majority, and a short election timeout among long
 * ones disturbs everybody.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <string.h>

#define SETTINGS_EVERY_NS 1000000000ull

void settings_drive(struct node *n)
{
	if (n->now_ns < n->next_settings_ns)
		return;
	n->next_settings_ns = n->now_ns + SETTINGS_EVERY_NS;
	for (uint32_t i = 0; i < n->peer_count; i++) {
		uint32_t size_max;
		uint8_t *body = dp_begin_peer(n->dp, i, &size_max);

		if (body)
			dp_end(n->dp, WIRE_SETTINGS, wire_settings_encode(&n->settings, body));
	}
}

bool settings_differ(const struct node *n, uint32_t peer)
{
	const struct wire_settings *a = &n->settings, *b = &n->peer_settings[peer];

	return b->heartbeat_us &&
	       (a->heartbeat_us != b->heartbeat_us || a->election_us_min != b->election_us_min ||
		a->election_us_max != b->election_us_max || a->durability != b->durability);
}

void settings_receive(struct node *n, uint32_t peer, const struct wire_settings *settings)
{
	bool differed = settings_differ(n, peer);

	/* Zero marks a peer that has not told: nobody has such a heartbeat. */
	if (!settings->heartbeat_us || settings->durability > WAL_VOLATILE) {
		n->counters.malformed++;
		return;
	}
	n->peer_settings[peer] = *settings;
	if (settings_differ(n, peer) && !differed)
		journal_write(n->journal, JOURNAL_WARN, "settings_differ",
			      "peer=%s durability=%s heartbeat_us=%" PRIu64 " election_us=%" PRIu64
			      "-%" PRIu64,
			      n->peer_name[peer],
			      wal_durability_name((enum wal_durability)settings->durability),
			      settings->heartbeat_us, settings->election_us_min,
			      settings->election_us_max);
}
