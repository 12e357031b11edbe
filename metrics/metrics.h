/*
 * The numbers of a node at one moment, and the two texts that are made of them.
 *
 * The table is in metrics/table.h. Plain data: whoever fills it and whoever reads it agree between
 * themselves about threads (metrics/exchange.h).
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "base/histogram.h"
#include "metrics/table.h"

#include <stddef.h>
#include <stdint.h>

enum {
	METRICS_PEERS_MAX = 16,
	METRICS_PORTS_MAX = 17,
	METRICS_DROPS_MAX = 48,
	/* 60 values of 50 bytes, 15 peers of 500, 17 ports of 300, 48 drops of 40: 18 KiB. */
	METRICS_STATUS_SIZE_MAX = 24 * 1024,
	/*
	 * 110 names of 250 bytes, 15 peers with 14 values and a histogram of 24 lines of 110 bytes,
	 * 17 ports with 12 of 80, 48 drops of 60: 110 KiB.
	 */
	METRICS_TEXT_SIZE_MAX = 192 * 1024,
};

/* A value that is not known now: -1 in the status text, left out for Prometheus. */
#define METRICS_UNKNOWN UINT64_MAX

/* clang-format off */
#define METRICS_WORD_FIELD(field, size, ...) char field[size];
#define METRICS_VALUE_FIELD(field, ...) uint64_t field;
#define METRICS_HISTOGRAM_FIELD(field, ...) struct histogram field;
/* clang-format on */

struct metrics_peer {
	char name[64];
	char id[17];
	char address[16];
	METRICS_PEER_VALUES(METRICS_VALUE_FIELD)
	METRICS_PEER_HISTOGRAMS(METRICS_HISTOGRAM_FIELD)
};

struct metrics_port {
	char name[32];
	METRICS_PORT_VALUES(METRICS_VALUE_FIELD)
};

struct metrics_drop {
	const char *cause; /* static */
	uint64_t count;
};

struct metrics {
	uint64_t taken_ns; /* monotonic */
	METRICS_WORDS(METRICS_WORD_FIELD)
	METRICS_VALUES(METRICS_VALUE_FIELD)
	METRICS_HISTOGRAMS(METRICS_HISTOGRAM_FIELD)
	uint32_t peer_count, port_count, drop_count;
	struct metrics_peer peer[METRICS_PEERS_MAX];
	struct metrics_port port[METRICS_PORTS_MAX];
	struct metrics_drop drop[METRICS_DROPS_MAX];
};

struct metrics_process {
	METRICS_PROCESS_VALUES(METRICS_VALUE_FIELD)
};

/* The table as data, for those that walk it. */
enum metrics_kind { METRICS_COUNTER, METRICS_LOSS, METRICS_GAUGE, METRICS_UNTYPED };

struct metrics_row {
	size_t offset;
	const char *key, *name, *label, *help;
	enum metrics_kind kind;
	uint64_t scale;
};

struct metrics_rows {
	const struct metrics_row *row;
	size_t count;
};

extern const struct metrics_rows metrics_words, metrics_values, metrics_histograms,
	metrics_peer_values, metrics_peer_histograms, metrics_port_values, metrics_process_values;

/* The value of a row, or its histogram, in the struct that its table is about. */
uint64_t metrics_value(const void *of, const struct metrics_row *row);
const struct histogram *metrics_histogram(const void *of, const struct metrics_row *row);

/* "key value" lines: what a status request answers. Returns the size. */
size_t metrics_status_text(const struct metrics *m, char *out, size_t size_max);

/* Prometheus' text format 0.0.4, of a process and the node in it. Returns the size. */
size_t metrics_prometheus_text(const struct metrics *m, const struct metrics_process *process,
			       char *out, size_t size_max);

#endif
