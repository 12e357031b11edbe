#include "tools/bench/result.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct result_row *result_add(struct result *r, const char *key, const struct histogram *h,
			      const char *name, ...)
{
	struct result_row *row = &r->row[r->row_count];
	va_list args;

	if (h->count == 0)
		return NULL;
	assert(r->row_count < RESULT_ROWS_MAX);
	r->row_count++;
	*row = (struct result_row){
		.key = key,
		.count = h->count,
		.min_us = (double)h->min / 1000,
		.p50_us = (double)histogram_at(h, 50) / 1000,
		.p90_us = (double)histogram_at(h, 90) / 1000,
		.p99_us = (double)histogram_at(h, 99) / 1000,
		.p999_us = (double)histogram_at(h, 99.9) / 1000,
		.max_us = (double)h->max / 1000,
	};
	va_start(args, name);
	vsnprintf(row->name, sizeof(row->name), name, args);
	va_end(args);
	return row;
}

/* NULL: it has none of that key. */
static const struct result_row *result_find(const struct result *r, const char *key)
{
	for (uint32_t i = 0; i < r->row_count; i++) {
		if (!strcmp(r->row[i].key, key))
			return &r->row[i];
	}
	return NULL;
}

void result_set_ratio(struct result *r, const char *key, const char *floor)
{
	const struct result_row *below = result_find(r, floor);

	for (uint32_t i = 0; below && i < r->row_count; i++) {
		if (!strcmp(r->row[i].key, key))
			r->row[i].ratio = r->row[i].p50_us / below->p50_us;
	}
}

void result_print_header(FILE *out)
{
	fprintf(out, "%-40s %9s %9s %9s %9s %9s %9s %9s %7s\n", "microseconds", "rate/s", "min",
		"p50", "p90", "p99", "p99.9", "max", "/floor");
}

/* A figure that was not measured is a dash, never a zero. */
static void print_figure(double value, int width, int digits, FILE *out)
{
	if (value > 0)
		fprintf(out, " %*.*f", width, digits, value);
	else
		fprintf(out, " %*s", width, "-");
}

static void print_row(const struct result_row *row, FILE *out)
{
	const double figures[] = {row->min_us, row->p50_us,  row->p90_us,
				  row->p99_us, row->p999_us, row->max_us};

	fprintf(out, "%-40s", row->name);
	print_figure(row->rate_per_s, 9, 0, out);
	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		print_figure(figures[i], 9, 1, out);
	print_figure(row->ratio, 7, 2, out);
	fprintf(out, "\n");
}

static void print_cost(const struct result *r, FILE *out)
{
	if (r->node_cpu_us > 0 && r->client_cpu_us > 0)
		fprintf(out, "CPU per request: nodes together %.1f us (idle %s), client %.1f us\n",
			r->node_cpu_us, r->idle[0] ? r->idle : "not known", r->client_cpu_us);
	else if (r->node_cpu_us > 0)
		fprintf(out,
			"CPU per request: nodes and client together %.1f us (one core, which "
			"polls)\n",
			r->node_cpu_us);
	else if (r->client_cpu_us > 0)
		fprintf(out, "CPU per request: client %.1f us\n", r->client_cpu_us);
	if (r->log_bytes > 0)
		fprintf(out, "bytes per put: logs of all nodes %.0f", r->log_bytes);
	if (r->log_bytes > 0 && r->device_bytes > 0)
		fprintf(out, ", written to the device (by whomever) %.0f", r->device_bytes);
	if (r->log_bytes > 0)
		fprintf(out, "\n");
}

void result_print(const struct result *r, FILE *out)
{
	if (r->partial)
		fprintf(out, "PARTIAL: %s, after %.1f s of load\n", r->name, r->duration_s);
	for (uint32_t i = 0; i < r->row_count; i++)
		print_row(&r->row[i], out);
	print_cost(r, out);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print_spread(double *values, uint32_t count, const char *row, const char *figure,
			 int digits, FILE *out)
{
	qsort(values, count, sizeof(*values), by_value);
	fprintf(out, "%-40s %-8s %9.*f (%.*f .. %.*f)\n", row, figure, digits,
		count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2,
		digits, values[0], digits, values[count - 1]);
}

void result_print_summary(const struct result *results, uint32_t count, FILE *out)
{
	static const struct {
		const char *name;
		size_t offset;
		int digits;
	} figures[] = {
		{"rate/s", offsetof(struct result_row, rate_per_s), 0},
		{"p50 us", offsetof(struct result_row, p50_us), 1},
		{"p99 us", offsetof(struct result_row, p99_us), 1},
		{"/floor", offsetof(struct result_row, ratio), 2},
	};
	double *values = calloc(count, sizeof(*values));

	fprintf(out, "median (lowest .. highest) of %u runs:\n", count);
	for (uint32_t i = 0; values && i < results->row_count; i++) {
		for (size_t k = 0; k < sizeof(figures) / sizeof(figures[0]); k++) {
			uint32_t found = 0;

			for (uint32_t j = 0; j < count; j++) {
				const struct result_row *row =
					result_find(&results[j], results->row[i].key);

				if (row)
					memcpy(&values[found++],
					       (const char *)row + figures[k].offset,
					       sizeof(*values));
			}
			if (found && values[0] > 0)
				print_spread(values, found, results->row[i].name, figures[k].name,
					     figures[k].digits, out);
		}
	}
	free(values);
}

int result_try_file(const char *file)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd >= 0)
		unlink(file);
	else if (errno == EEXIST)
		fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "quoin-bench: %s: cannot be written: %s\n", file, strerror(errno));
		return -EIO;
	}
	close(fd);
	return 0;
}
