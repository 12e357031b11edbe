/*
 * The Prometheus text: for each name its HELP and TYPE once, then its samples.
 */
#include "metrics/metrics.h"
#include "metrics/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LABELS_SIZE = 256 };

static const char *kind_name(enum metrics_kind kind)
{
	switch (kind) {
	case METRICS_COUNTER:
	case METRICS_LOSS:
		return "counter";
	case METRICS_GAUGE:
		return "gauge";
	case METRICS_UNTYPED:
		return "untyped";
	}
	return "untyped";
}

static void head(struct metrics_text *t, const struct metrics_row *row, const char *kind)
{
	metrics_line(t, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, kind);
}

/* A label's value, with the three bytes escaped that must be. */
static const char *escape(const char *in, char out[LABELS_SIZE])
{
	size_t used = 0;

	for (; *in && used < LABELS_SIZE - 3; in++) {
		if (*in == '\\' || *in == '"' || *in == '\n')
			out[used++] = '\\';
		out[used++] = *in == '\n' ? 'n' : *in;
	}
	out[used] = '\0';
	return out;
}

/* Whole numbers stay whole; parts of a unit have as many digits as the scale. */
static void number(struct metrics_text *t, uint64_t value, uint64_t scale)
{
	int digits = 0;

	for (uint64_t s = scale; s > 1; s /= 10)
		digits++;
	if (digits)
		metrics_line(t, " %" PRIu64 ".%0*" PRIu64 "\n", value / scale, digits,
			     value % scale);
	else
		metrics_line(t, " %" PRIu64 "\n", value);
}

static void sample(struct metrics_text *t, const struct metrics_row *row, const char *labels,
		   uint64_t value)
{
	if (value == METRICS_UNKNOWN)
		return;
	if (labels[0])
		metrics_line(t, "%s{%s}", row->name, labels);
	else
		metrics_line(t, "%s", row->name);
	number(t, value, row->scale);
}

static void words(struct metrics_text *t, const struct metrics *m)
{
	char escaped[LABELS_SIZE], labels[LABELS_SIZE + 64];

	for (size_t i = 0; i < metrics_words.count; i++) {
		const struct metrics_row *row = &metrics_words.row[i];
		const char *word = (const char *)m + row->offset;

		if (!row->name || !word[0])
			continue;
		head(t, row, "gauge");
		snprintf(labels, sizeof(labels), "%s=\"%s\"", row->label, escape(word, escaped));
		sample(t, row, labels, 1);
	}
}

static void values(struct metrics_text *t, const struct metrics_rows *rows, const void *of)
{
	const char *before = "";

	for (size_t i = 0; i < rows->count; i++) {
		const struct metrics_row *row = &rows->row[i];

		if (!row->name)
			continue;
		if (strcmp(row->name, before) != 0)
			head(t, row, kind_name(row->kind));
		before = row->name;
		sample(t, row, row->label ? row->label : "", metrics_value(of, row));
	}
}

static void histogram(struct metrics_text *t, const struct metrics_row *row, const char *labels,
		      const struct histogram *h)
{
	const char *comma = labels[0] ? "," : "";
	const char *open = labels[0] ? "{" : "", *close = labels[0] ? "}" : "";
	uint64_t below = 0;

	for (uint32_t i = 0; i < h->count; i++) {
		uint64_t bound = histogram_bound(h, i);

		below += h->bucket[i];
		/* As Go prints it: 0.001, not 0.001000000, so that queries by le find it. */
		metrics_line(t, "%s_bucket{%s%sle=\"%.10g\"} %" PRIu64 "\n", row->name, labels,
			     comma, (double)bound / 1e9, below);
	}
	below += h->bucket[h->count];
	metrics_line(t, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", row->name, labels, comma,
		     below);
	metrics_line(t, "%s_sum%s%s%s", row->name, open, labels, close);
	number(t, h->sum_ns, row->scale);
	metrics_line(t, "%s_count%s%s%s %" PRIu64 "\n", row->name, open, labels, close, below);
}

static const char *peer_labels(const struct metrics *m, const struct metrics_row *row,
			       const struct metrics_peer *p, char out[LABELS_SIZE])
{
	/* etcd's one row that names both ends. */
	if (strcmp(row->label, "Remote") == 0)
		snprintf(out, LABELS_SIZE, "Local=\"%s\",Remote=\"%s\"", m->member_id, p->id);
	else
		snprintf(out, LABELS_SIZE, "%s=\"%s\"", row->label, p->id);
	return out;
}

static void peers(struct metrics_text *t, const struct metrics *m)
{
	char labels[LABELS_SIZE];

	for (size_t i = 0; m->peer_count && i < metrics_peer_values.count; i++) {
		const struct metrics_row *row = &metrics_peer_values.row[i];

		head(t, row, kind_name(row->kind));
		for (uint32_t p = 0; p < m->peer_count; p++)
			sample(t, row, peer_labels(m, row, &m->peer[p], labels),
			       metrics_value(&m->peer[p], row));
	}
	for (size_t i = 0; m->peer_count && i < metrics_peer_histograms.count; i++) {
		const struct metrics_row *row = &metrics_peer_histograms.row[i];

		head(t, row, "histogram");
		for (uint32_t p = 0; p < m->peer_count; p++)
			histogram(t, row, peer_labels(m, row, &m->peer[p], labels),
				  metrics_histogram(&m->peer[p], row));
	}
}

static void ports(struct metrics_text *t, const struct metrics *m)
{
	char labels[LABELS_SIZE], escaped[LABELS_SIZE];

	for (size_t i = 0; m->port_count && i < metrics_port_values.count; i++) {
		const struct metrics_row *row = &metrics_port_values.row[i];

		head(t, row, kind_name(row->kind));
		for (uint32_t p = 0; p < m->port_count; p++) {
			snprintf(labels, sizeof(labels), "%s=\"%.200s\"", row->label,
				 escape(m->port[p].name, escaped));
			sample(t, row, labels, metrics_value(&m->port[p], row));
		}
	}
}

static void drops(struct metrics_text *t, const struct metrics *m)
{
	static const struct metrics_row row = {
		.name = "quoin_network_dropped_packets_total",
		.help = "Packets dropped below the consensus core, by cause.",
		.scale = 1,
	};
	char labels[LABELS_SIZE];

	if (!m->drop_count)
		return;
	head(t, &row, "counter");
	for (uint32_t i = 0; i < m->drop_count; i++) {
		snprintf(labels, sizeof(labels), "cause=\"%s\"", m->drop[i].cause);
		sample(t, &row, labels, m->drop[i].count);
	}
}

size_t metrics_prometheus_text(const struct metrics *m, const struct metrics_process *process,
			       char *out, size_t size_max)
{
	struct metrics_text t = {.at = out, .size_max = size_max};

	words(&t, m);
	values(&t, &metrics_values, m);
	for (size_t i = 0; i < metrics_histograms.count; i++) {
		head(&t, &metrics_histograms.row[i], "histogram");
		histogram(&t, &metrics_histograms.row[i], "",
			  metrics_histogram(m, &metrics_histograms.row[i]));
	}
	drops(&t, m);
	peers(&t, m);
	ports(&t, m);
	values(&t, &metrics_process_values, process);
	return t.size;
}
