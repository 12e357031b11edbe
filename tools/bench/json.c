/*
 * Results as JSON.
 */
#include "tools/bench/host.h"
#include "tools/bench/result.h"

#include <errno.h>
#include <string.h>

static json_t *figure(double value)
{
	return value > 0 ? json_real(value) : json_null();
}

static json_t *text(const char *value)
{
	return value[0] ? json_string(value) : json_null();
}

static json_t *count_of(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *json_of_row(const struct result_row *row)
{
	json_t *o = json_object(), *rounds;

	json_object_set_new(o, "count", count_of(row->count));
	json_object_set_new(o, "min_us", figure(row->min_us));
	json_object_set_new(o, "p50_us", figure(row->p50_us));
	json_object_set_new(o, "p90_us", figure(row->p90_us));
	json_object_set_new(o, "p99_us", figure(row->p99_us));
	json_object_set_new(o, "p999_us", figure(row->p999_us));
	json_object_set_new(o, "max_us", figure(row->max_us));
	if (row->rate_per_s > 0)
		json_object_set_new(o, "rate_per_s", figure(row->rate_per_s));
	if (row->ratio > 0)
		json_object_set_new(o, "ratio_to_floor", figure(row->ratio));
	if (!row->round_count)
		return o;
	rounds = json_array();
	for (uint32_t i = 0; i < row->round_count; i++)
		json_array_append_new(rounds, figure(row->round_us[i]));
	json_object_set_new(o, "rounds_us", rounds);
	return o;
}

static json_t *json_of_loop(const struct result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "kind", json_string(r->rate_asked_per_s > 0 ? "open" : "closed"));
	if (r->rate_asked_per_s > 0) {
		json_object_set_new(o, "rate_asked_per_s", figure(r->rate_asked_per_s));
		json_object_set_new(o, "behind_max", count_of(r->behind_max));
		json_object_set_new(o, "unsent", count_of(r->unsent));
	} else {
		json_object_set_new(o, "corrected_for_us", figure(r->corrected_for_us));
	}
	return o;
}

static json_t *json_of(const struct result *r)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", json_string(r->name));
	json_object_set_new(o, "partial", json_boolean(r->partial));
	json_object_set_new(o, "durability", text(r->durability));
	json_object_set_new(o, "client_path", text(r->client_path));
	json_object_set_new(o, "link", text(r->link));
	json_object_set_new(o, "idle", text(r->idle));
	json_object_set_new(o, "nodes", count_of(r->nodes));
	json_object_set_new(o, "clients", count_of(r->clients));
	json_object_set_new(o, "inflight", count_of(r->inflight));
	json_object_set_new(o, "value_size", count_of(r->value_size));
	json_object_set_new(o, "keys", count_of(r->keys));
	json_object_set_new(o, "duration_s", figure(r->duration_s));
	if (r->timeout_max_us > 0) {
		json_object_set_new(o, "election_timeout_min_us", figure(r->timeout_min_us));
		json_object_set_new(o, "election_timeout_max_us", figure(r->timeout_max_us));
	} else {
		json_object_set_new(o, "loop", json_of_loop(r));
	}
	for (uint32_t i = 0; i < r->row_count; i++)
		json_object_set_new(o, r->row[i].key, json_of_row(&r->row[i]));
	json_object_set_new(o, "node_cpu_us_per_request", figure(r->node_cpu_us));
	json_object_set_new(o, "client_cpu_us_per_request", figure(r->client_cpu_us));
	json_object_set_new(o, "log_bytes_per_put", figure(r->log_bytes));
	json_object_set_new(o, "device_bytes_per_put", figure(r->device_bytes));
	json_object_set_new(o, "errors", count_of(r->errors));
	json_object_set_new(o, "errors_unknown", count_of(r->unknown));
	json_object_set_new(o, "refused", count_of(r->refused));
	json_object_set_new(o, "elections", count_of(r->terms));
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
	json_object_set_new(root, "commit", json_string(build_commit));
	json_object_set_new(root, "build_type", json_string(build_type));
	json_object_set_new(root, "date", json_string(host.date));
	json_object_set_new(root, "results", list);
	json_object_set_new(root, "host",
			    json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:f}", "kernel", host.kernel,
				      "cpu", host.cpu, "cpus", (int)host.cpus, "memory_mib",
				      (int)host.memory_mib, "filesystem", host.filesystem, "device",
				      host.device, "load_average", host.load));
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
	fprintf(out,
		"host: %s, %u CPUs, %u MiB, %s; logs on %s (%s); load average %.2f; this is %s, "
		"%s\n",
		host.cpu, host.cpus, host.memory_mib, host.kernel, host.filesystem, host.device,
		host.load, build_commit, build_type);
}
