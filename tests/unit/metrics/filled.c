#include "tests/unit/metrics/filled.h"

#include <stdio.h>
#include <string.h>

static void fill(void *of, const struct metrics_rows *rows, uint64_t *next)
{
	for (size_t i = 0; i < rows->count; i++) {
		memcpy((uint8_t *)of + rows->row[i].offset, next, sizeof(*next));
		(*next)++;
	}
}

uint32_t filled_create(struct metrics *m, struct metrics_process *process)
{
	static const char *const causes[FILLED_DROPS] = {"runt", "giant"};
	uint64_t next = FILLED_FIRST;

	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < metrics_words.count; i++)
		snprintf((char *)m + metrics_words.row[i].offset, 8, "w%u", (uint8_t)i);
	fill(m, &metrics_values, &next);
	histogram_create(&m->wal_write, 15625, 20);
	histogram_observe(&m->wal_write, 90000);
	m->peer_count = FILLED_PEERS;
	for (uint32_t i = 0; i < FILLED_PEERS; i++) {
		snprintf(m->peer[i].name, sizeof(m->peer[i].name), "n%u", i + 2);
		snprintf(m->peer[i].id, sizeof(m->peer[i].id), "%016x", i + 2);
		snprintf(m->peer[i].address, sizeof(m->peer[i].address), "198.18.0.%u", i + 2);
		fill(&m->peer[i], &metrics_peer_values, &next);
		histogram_create(&m->peer[i].round_trip, 3125, 21);
		histogram_observe(&m->peer[i].round_trip, 25000);
	}
	m->port_count = FILLED_PORTS;
	for (uint32_t i = 0; i < FILLED_PORTS; i++) {
		snprintf(m->port[i].name, sizeof(m->port[i].name), "memif%u", i);
		fill(&m->port[i], &metrics_port_values, &next);
	}
	m->drop_count = FILLED_DROPS;
	for (uint32_t i = 0; i < FILLED_DROPS; i++)
		m->drop[i] = (struct metrics_drop){causes[i], next++};
	fill(process, &metrics_process_values, &next);
	return (uint32_t)(next - FILLED_FIRST);
}
