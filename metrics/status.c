/*
 * The status text: "key value" lines, one for each row of the table; then a line for each
 * histogram, peer, port and cause of a drop. Readers ignore keys that they do not know.
 */
#include "metrics/metrics.h"
#include "metrics/text.h"

#include <inttypes.h>

static void words(struct metrics_text *t, const struct metrics *m)
{
	for (size_t i = 0; i < metrics_words.count; i++) {
		const struct metrics_row *row = &metrics_words.row[i];
		const char *word = (const char *)m + row->offset;

		/* A word that is not there has no line. */
		if (row->key && word[0])
			metrics_line(t, "%s %s\n", row->key, word);
	}
}

/* A value that is not known now is -1. */
static void value(struct metrics_text *t, const char *key, const char *separator, uint64_t v)
{
	if (v == METRICS_UNKNOWN)
		metrics_line(t, "%s%s-1", key, separator);
	else
		metrics_line(t, "%s%s%" PRIu64, key, separator, v);
}

static void values(struct metrics_text *t, const struct metrics *m)
{
	for (size_t i = 0; i < metrics_values.count; i++) {
		const struct metrics_row *row = &metrics_values.row[i];

		if (!row->key)
			continue;
		value(t, row->key, " ", metrics_value(m, row));
		metrics_line(t, "\n");
	}
}

/* " key=value" for each of the rows. */
static void pairs(struct metrics_text *t, const struct metrics_rows *rows, const void *of)
{
	for (size_t i = 0; i < rows->count; i++) {
		metrics_line(t, " ");
		value(t, rows->row[i].key, "=", metrics_value(of, &rows->row[i]));
	}
}

/* In microseconds; not known beyond the last bucket, and before the first observation. */
static uint64_t quantile_us(const struct histogram *h, uint32_t thousandths)
{
	uint64_t ns = histogram_quantile(h, thousandths);

	return ns == UINT64_MAX || ns == 0 ? METRICS_UNKNOWN : ns / 1000;
}

static void histograms(struct metrics_text *t, const struct metrics *m)
{
	for (size_t i = 0; i < metrics_histograms.count; i++) {
		const struct metrics_row *row = &metrics_histograms.row[i];
		const struct histogram *h = metrics_histogram(m, row);

		metrics_line(t, "%s count=%" PRIu64 " sum_us=%" PRIu64, row->key,
			     histogram_observed(h), h->sum_ns / 1000);
		value(t, " p50_us", "=", quantile_us(h, 500));
		value(t, " p99_us", "=", quantile_us(h, 990));
		metrics_line(t, "\n");
	}
}

static void peers(struct metrics_text *t, const struct metrics *m)
{
	for (uint32_t i = 0; i < m->peer_count; i++) {
		const struct metrics_peer *p = &m->peer[i];

		metrics_line(t, "peer %s id=%s address=%s", p->name, p->id, p->address);
		pairs(t, &metrics_peer_values, p);
		for (size_t j = 0; j < metrics_peer_histograms.count; j++) {
			const struct metrics_row *row = &metrics_peer_histograms.row[j];
			const struct histogram *h = metrics_histogram(p, row);

			metrics_line(t, " %s_count=%" PRIu64 " %s", row->key, histogram_observed(h),
				     row->key);
			value(t, "_p50_us", "=", quantile_us(h, 500));
		}
		metrics_line(t, "\n");
	}
}

static void ports(struct metrics_text *t, const struct metrics *m)
{
	for (uint32_t i = 0; i < m->port_count; i++) {
		metrics_line(t, "port %s", m->port[i].name);
		pairs(t, &metrics_port_values, &m->port[i]);
		metrics_line(t, "\n");
	}
}

size_t metrics_status_text(const struct metrics *m, char *out, size_t size_max)
{
	struct metrics_text t = {.at = out, .size_max = size_max};

	words(&t, m);
	values(&t, m);
	histograms(&t, m);
	for (uint32_t i = 0; i < m->drop_count; i++)
		metrics_line(&t, "drop_%s %" PRIu64 "\n", m->drop[i].cause, m->drop[i].count);
	peers(&t, m);
	ports(&t, m);
	return t.size;
}
