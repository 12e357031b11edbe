#include "tools/bench/measure.h"

#include "base/clock.h"
#include "tools/bench/stop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOAD_SLICES = 5, /* floor, load, floor, ... load, floor */
	FLOOR_PART = 25, /* a floor slice lasts this part of the duration, within bounds */
	GREETINGS = 50,  /* after each floor slice */
};

#define FLOOR_SLICE_NS_MIN (200 * CLOCK_MS)
#define FLOOR_SLICE_NS_MAX CLOCK_S
#define SETTLE_NS (20 * CLOCK_MS)

static const char *const keys[MEASURE_SERIES] = {
	[MEASURE_PUT] = "put",      [MEASURE_GET] = "get",
	[MEASURE_ALL] = "all",      [MEASURE_CORRECTED] = "corrected",
	[MEASURE_QUORUM] = "floor", [MEASURE_SINGLE] = "floor_one_writer",
	[MEASURE_PATH] = "path",
};

enum measure_series measure_series_of(const char *key)
{
	int i = 0;

	while (strcmp(keys[i], key) != 0)
		i++;
	return (enum measure_series)i;
}

int measure_create(struct measure *m)
{
	for (int i = 0; i < MEASURE_SERIES; i++) {
		m->series[i] = histogram_create();
		if (!m->series[i])
			return -ENOMEM;
	}
	return 0;
}

void measure_free(struct measure *m)
{
	for (int i = 0; i < MEASURE_SERIES; i++)
		free(m->series[i]);
}

/* Nodes in this process get a turn between two rounds of the floor, so that none campaigns. */
static void between(void *context)
{
	struct measure *m = context;

	load_idle(m->load, 0);
}

static int floor_slice(struct measure *m)
{
	uint64_t duration = m->options->duration_ns / FLOOR_PART;

	if (duration < FLOOR_SLICE_NS_MIN)
		duration = FLOOR_SLICE_NS_MIN;
	if (duration > FLOOR_SLICE_NS_MAX)
		duration = FLOOR_SLICE_NS_MAX;
	load_idle(m->load, SETTLE_NS);
	return floor_run(m->floor, duration, m->series[MEASURE_QUORUM], m->series[MEASURE_SINGLE],
			 m->target->local ? between : NULL, m);
}

static int load_slice(struct measure *m, uint64_t slice)
{
	const struct commit_options *o = m->options;
	uint64_t count =
		(slice + 1) * o->requests / LOAD_SLICES - slice * o->requests / LOAD_SLICES;
	int err = 0;

	cost_begin(&m->cost, m->target);
	if (!o->requests)
		err = load_run(m->load, o->duration_ns / LOAD_SLICES, &m->series[MEASURE_PUT]);
	else if (count)
		err = load_run_count(m->load, count, &m->series[MEASURE_PUT]);
	cost_end(&m->cost, m->target);
	return err;
}

/* 0 or an exit code. */
static int said(const struct measure *m, int err)
{
	const char *last = load_get_counters(m->load)->last;

	if (target_failed(m->target)) {
		fprintf(stderr, "quoin-bench: %s\n", target_failed(m->target));
		return EXIT_CLUSTER;
	}
	switch (err) {
	case 0:
		return 0;
	case -EINTR:
		fprintf(stderr, "quoin-bench: stopped by a signal\n");
		return EXIT_STOPPED;
	case -ECONNREFUSED:
		fprintf(stderr, "quoin-bench: the node does not greet a client (%s)\n", last);
		return EXIT_CLUSTER;
	case -EIO:
		fprintf(stderr, "quoin-bench: the keys cannot be put before: %s\n", last);
		return EXIT_CLUSTER;
	default:
		fprintf(stderr, "quoin-bench: nothing was answered in %u s (%s)\n",
			(unsigned int)(2 * LOAD_TIMEOUT_NS / CLOCK_S), last[0] ? last : "no word");
		return EXIT_CLUSTER;
	}
}

static int measure_slices(struct measure *m)
{
	int err = load_open(m->load);

	if (!err && (m->options->load.gets_percent || m->options->fill))
		err = load_fill(m->load);
	if (!err && m->options->warmup_ns)
		err = load_run(m->load, m->options->warmup_ns, &m->series[MEASURE_PUT]);
	for (int i = 0; i < MEASURE_SERIES; i++)
		histogram_reset(m->series[i]);
	if (!err)
		load_reset(m->load);
	m->cost = (struct cost){.directory = m->options->target.directory};
	m->term = target_term(m->target);
	for (int i = 0; !err && i <= LOAD_SLICES; i++) {
		int floor_err = floor_slice(m);

		if (floor_err) {
			fprintf(stderr, "quoin-bench: the floor's writes: %s\n",
				strerror(-floor_err));
			return EXIT_HOST;
		}
		err = load_greet(m->load, GREETINGS, m->series[MEASURE_PATH]);
		if (!err && i < LOAD_SLICES)
			err = load_slice(m, (uint64_t)i);
	}
	return said(m, err);
}

static void add_loops(struct measure *m, struct result *r)
{
	struct histogram *all = m->series[MEASURE_ALL];
	const struct load_counters *counters = load_get_counters(m->load);
	double seconds = r->duration_s > 0 ? r->duration_s : 1;
	const char *how = m->options->load.serializable ? ", serializable" : "";
	struct result_row *row;

	histogram_add(all, m->series[MEASURE_PUT]);
	histogram_add(all, m->series[MEASURE_GET]);
	row = result_add(r, keys[MEASURE_PUT], m->series[MEASURE_PUT], "put");
	if (row)
		row->rate_per_s = (double)counters->ok[LOAD_PUT] / seconds;
	row = result_add(r, keys[MEASURE_GET], m->series[MEASURE_GET], "get%s", how);
	if (row)
		row->rate_per_s = (double)counters->ok[LOAD_GET] / seconds;
	if (r->row_count == 2) {
		row = result_add(r, keys[MEASURE_ALL], all, "both");
		row->rate_per_s = r->row[0].rate_per_s + r->row[1].rate_per_s;
	}
	if (r->rate_asked_per_s > 0 || all->count == 0)
		return;
	/* At the rate that was reached, who asked evenly would have asked so often. */
	r->corrected_for_us = histogram_mean(all) / 1000;
	histogram_correct(m->series[MEASURE_CORRECTED], all, (uint64_t)histogram_mean(all));
	result_add(r, keys[MEASURE_CORRECTED], m->series[MEASURE_CORRECTED],
		   "corrected, one each %.0f us", r->corrected_for_us);
}

static void add_cost(struct measure *m, struct result *r)
{
	const struct load_counters *counters = load_get_counters(m->load);
	double puts = (double)counters->ok[LOAD_PUT];
	double requests = puts + (double)counters->ok[LOAD_GET];

	if (requests > 0 && !m->cost.unknown_cpu)
		r->node_cpu_us = (double)m->cost.sum.node_cpu_ns / 1000 / requests;
	if (requests > 0)
		r->client_cpu_us = (double)m->cost.sum.client_cpu_ns / 1000 / requests;
	if (puts > 0 && !m->cost.unknown_log)
		r->log_bytes = (double)m->cost.sum.log_bytes / puts;
	if (puts > 0 && !m->cost.unknown_device)
		r->device_bytes = (double)m->cost.sum.device_bytes / puts;
}

static void fill_result(struct measure *m, struct result *r)
{
	const struct load_counters *counters = load_get_counters(m->load);
	const struct commit_options *o = m->options;
	const struct target *t = m->target;
	uint64_t term = target_term(m->target);
	char inflight[16];

	memset(r, 0, sizeof(*r));
	inflight[0] = '\0';
	if (o->load.inflight > 1)
		snprintf(inflight, sizeof(inflight), "x%u", o->load.inflight);
	snprintf(r->name, sizeof(r->name), "%s c%u%s v%u", o->op, o->clients, inflight,
		 o->load.value_size);
	snprintf(r->durability, sizeof(r->durability), "%s", t->durability);
	snprintf(r->client_path, sizeof(r->client_path), "%s", t->client_path);
	snprintf(r->link, sizeof(r->link), "%s", t->link);
	snprintf(r->idle, sizeof(r->idle), "%s", t->idle);
	r->nodes = t->nodes;
	r->clients = o->clients;
	r->inflight = o->load.inflight;
	r->value_size = o->load.value_size;
	r->keys = o->load.keys;
	r->duration_s = (double)load_busy_ns(m->load) / 1e9;
	r->rate_asked_per_s = o->load.rate;
	r->behind_max = counters->behind_max;
	r->unsent = counters->unsent;
	r->errors = counters->failed;
	r->unknown = counters->unknown;
	r->refused = counters->refused;
	r->terms = term > m->term ? term - m->term : 0;
	add_loops(m, r);
	result_add(r, keys[MEASURE_QUORUM], m->series[MEASURE_QUORUM],
		   "floor: %u of %u durable writes", floor_quorum(m->floor), t->nodes);
	result_add(r, keys[MEASURE_SINGLE], m->series[MEASURE_SINGLE],
		   "floor: one durable write, %u bytes", floor_write_size(m->floor));
	result_add(r, keys[MEASURE_PATH], m->series[MEASURE_PATH], "round trip of %s (HELLO)",
		   t->client_path);
	/* A get waits for no disk. */
	result_set_ratio(r, keys[MEASURE_PUT], keys[MEASURE_QUORUM]);
	add_cost(m, r);
}

int measure_run(struct measure *m, struct result *out)
{
	int code = measure_slices(m);

	fill_result(m, out);
	out->partial = code != 0;
	return code;
}
