#include "tools/bench/result.h"

#include "tools/bench/host.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void result_set_latency(struct result *r, const struct histogram *latency)
{
	r->count = latency->count;
	r->min_us = (double)histogram_at(latency, 0) / 1000;
	r->p50_us = (double)histogram_at(latency, 50) / 1000;
	r->p90_us = (double)histogram_at(latency, 90) / 1000;
	r->p99_us = (double)histogram_at(latency, 99) / 1000;
	r->p999_us = (double)histogram_at(latency, 99.9) / 1000;
	r->max_us = (double)latency->max / 1000;
}

void result_set_floor(struct result *r, const struct histogram *floor, uint32_t writers)
{
	r->floor_p50_us = (double)histogram_at(floor, 50) / 1000;
	r->floor_p99_us = (double)histogram_at(floor, 99) / 1000;
	r->floor_writers = writers;
	r->ratio = r->floor_p50_us > 0 ? r->p50_us / r->floor_p50_us : 0;
}

void result_print_header(FILE *out)
{
	fprintf(out, "%-22s %-10s %-7s %-7s %2s %4s %6s %9s %9s %9s %9s %9s %9s %9s %6s %7s\n",
		"name", "durability", "path", "link", "n", "cl", "bytes", "rate/s", "p50 us",
		"p90 us", "p99 us", "p99.9 us", "max us", "floor p50", "ratio", "errors");
}

/* A figure that was not measured is a dash, never a zero. */
static void print_figure(double value, int width, int digits, FILE *out)
{
	if (value > 0)
		fprintf(out, " %*.*f", width, digits, value);
	else
		fprintf(out, " %*s", width, "-");
}

void result_print(const struct result *r, FILE *out)
{
	fprintf(out, "%-22s %-10s %-7s %-7s %2u %4u %6u", r->name, r->durability, r->client_path,
		r->link, r->nodes, r->clients, r->value_size);
	print_figure(r->rate_per_s, 9, 0, out);
	print_figure(r->p50_us, 9, 1, out);
	print_figure(r->p90_us, 9, 1, out);
	print_figure(r->p99_us, 9, 1, out);
	print_figure(r->p999_us, 9, 1, out);
	print_figure(r->max_us, 9, 1, out);
	print_figure(r->floor_p50_us, 9, 1, out);
	print_figure(r->ratio, 6, 2, out);
	fprintf(out, " %7" PRIu64 "\n", r->errors);
}

static json_t *figure(double value)
{
	return value > 0 ? json_real(value) : json_null();
}

static json_t *rounds_of(const struct result *r)
{
	json_t *rounds = json_array();

	for (uint32_t i = 0; i < r->round_count; i++)
		json_array_append_new(rounds, figure(r->round_us[i]));
	return rounds;
}

static json_t *json_of(const struct result *r)
{
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:f}", "name", r->name,
			      "durability", r->durability, "client_path", r->client_path, "link",
			      r->link, "nodes", (int)r->nodes, "clients", (int)r->clients,
			      "value_size", (int)r->value_size, "duration_s", r->duration_s);

	json_object_set_new(o, "rate_per_s", figure(r->rate_per_s));
	json_object_set_new(o, "count", json_integer((json_int_t)r->count));
	json_object_set_new(o, "min_us", figure(r->min_us));
	json_object_set_new(o, "p50_us", figure(r->p50_us));
	json_object_set_new(o, "p90_us", figure(r->p90_us));
	json_object_set_new(o, "p99_us", figure(r->p99_us));
	json_object_set_new(o, "p999_us", figure(r->p999_us));
	json_object_set_new(o, "max_us", figure(r->max_us));
	json_object_set_new(o, "floor_p50_us", figure(r->floor_p50_us));
	json_object_set_new(o, "floor_p99_us", figure(r->floor_p99_us));
	json_object_set_new(o, "floor_writers", json_integer(r->floor_writers));
	json_object_set_new(o, "ratio", figure(r->ratio));
	json_object_set_new(o, "path_p50_us", figure(r->path_p50_us));
	json_object_set_new(o, "errors", json_integer((json_int_t)r->errors));
	json_object_set_new(o, "errors_unknown", json_integer((json_int_t)r->unknown));
	json_object_set_new(o, "refused", json_integer((json_int_t)r->refused));
	json_object_set_new(o, "elections", json_integer((json_int_t)r->terms));
	if (r->round_count) {
		json_object_set_new(o, "rounds_us", rounds_of(r));
		json_object_set_new(o, "election_timeout_min_us", figure(r->timeout_min_us));
		json_object_set_new(o, "election_timeout_max_us", figure(r->timeout_max_us));
	}
	return o;
}

int result_write_json(const char *file, const struct result *results, uint32_t count,
		      const char *command, const char *directory)
{
	json_t *root = json_object(), *list = json_array();
	struct host host;
	FILE *out = fopen(file, "we");
	int failed = !out;

	host_describe(&host, directory);
	for (uint32_t i = 0; i < count; i++)
		json_array_append_new(list, json_of(&results[i]));
	json_object_set_new(root, "command", json_string(command));
	json_object_set_new(root, "version", json_string(QUOIN_VERSION));
	json_object_set_new(root, "loop", json_string("closed"));
	json_object_set_new(root, "results", list);
	json_object_set_new(root, "host",
			    json_pack("{s:s, s:s, s:i, s:i, s:s, s:s}", "kernel", host.kernel,
				      "cpu", host.cpu, "cpus", (int)host.cpus, "memory_mib",
				      (int)host.memory_mib, "filesystem", host.filesystem, "device",
				      host.device));
	if (out) {
		failed = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(7)) ||
			 fputc('\n', out) == EOF;
		failed |= fclose(out) != 0;
	}
	json_decref(root);
	if (failed)
		fprintf(stderr, "quoin-bench: %s: cannot be written: %s\n", file, strerror(errno));
	return failed ? -EIO : 0;
}

void result_print_host(const char *directory, FILE *out)
{
	struct host host;

	host_describe(&host, directory);
	fprintf(out, "host: %s, %u CPUs, %u MiB, %s; logs on %s (%s)\n", host.cpu, host.cpus,
		host.memory_mib, host.kernel, host.filesystem, host.device);
}
