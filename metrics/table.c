/*
 * The table as data, for the texts and for readers that walk it.
 */
#include "metrics/metrics.h"

#include <string.h>

/* clang-format off */
#define ROW(of, field_, kind_, scale_, key_, name_, label_, help_) \
	{.offset = offsetof(struct of, field_), .key = key_, .name = name_, .label = label_, \
	 .help = help_, .kind = METRICS_##kind_, .scale = scale_},
#define ROW_NODE(...) ROW(metrics, __VA_ARGS__)
/* Where a row is left out of neither text, a NULL in it does not compile: it is no literal. */
#define ROW_EACH(of, field, kind, scale, key, name, label, help) \
	ROW(of, field, kind, scale, "" key, "" name, "" label, help)
#define ROW_PEER(...) ROW_EACH(metrics_peer, __VA_ARGS__)
#define ROW_PORT(...) ROW_EACH(metrics_port, __VA_ARGS__)
#define ROW_PROCESS(field, kind, scale, key, name, label, help) \
	ROW(metrics_process, field, kind, scale, key, "" name, label, help)
#define ROW_WORD(field, size, key, name, label, help) ROW(metrics, field, GAUGE, 1, key, name, label, help)
#define ROW_HISTOGRAM(field, key, name, label, help) \
	ROW(metrics, field, UNTYPED, 1000000000, key, "" name, label, help)
#define ROW_PEER_HISTOGRAM(field, key, name, label, help) \
	ROW_EACH(metrics_peer, field, UNTYPED, 1000000000, key, name, label, help)

#define TABLE(table, LIST, MAKE) \
	static const struct metrics_row table##_row[] = {LIST(MAKE)}; \
	const struct metrics_rows table = {table##_row, sizeof(table##_row) / sizeof(table##_row[0])};

TABLE(metrics_words, METRICS_WORDS, ROW_WORD)
TABLE(metrics_values, METRICS_VALUES, ROW_NODE)
TABLE(metrics_histograms, METRICS_HISTOGRAMS, ROW_HISTOGRAM)
TABLE(metrics_peer_values, METRICS_PEER_VALUES, ROW_PEER)
TABLE(metrics_peer_histograms, METRICS_PEER_HISTOGRAMS, ROW_PEER_HISTOGRAM)
TABLE(metrics_port_values, METRICS_PORT_VALUES, ROW_PORT)
TABLE(metrics_process_values, METRICS_PROCESS_VALUES, ROW_PROCESS)
/* clang-format on */

uint64_t metrics_value(const void *of, const struct metrics_row *row)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)of + row->offset, sizeof(value));
	return value;
}

const struct histogram *metrics_histogram(const void *of, const struct metrics_row *row)
{
	return (const struct histogram *)(const void *)((const uint8_t *)of + row->offset);
}
