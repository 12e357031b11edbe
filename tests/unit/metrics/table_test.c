/*
 * The table: both texts show each of its rows, and say what cannot be told.
 */
#include "tests/unit/metrics/filled.h"

#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct metrics m;
static struct metrics_process process;
static char text[METRICS_TEXT_SIZE_MAX];

/* Line by line, so that what is missing can be named. NULL: no line begins so. */
static const char *line_of(const char *begin)
{
	size_t size = strlen(begin);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, begin, size) == 0)
			return line + size;
	}
	return NULL;
}

static void require_number(uint64_t number)
{
	char decimal[24];

	snprintf(decimal, sizeof(decimal), "%" PRIu64, number);
	for (const char *at = text; (at = strstr(at, decimal)); at++) {
		char after = at[strlen(decimal)];

		if ((at == text || at[-1] == ' ' || at[-1] == '=') &&
		    (after == ' ' || after == '\n'))
			return;
	}
	fail_msg("%s stands nowhere in:\n%s", decimal, text);
}

static void status_has_each_value(void **state)
{
	uint32_t count = filled_create(&m, &process) - (uint32_t)metrics_process_values.count;

	(void)state;
	assert_true(metrics_status_text(&m, text, METRICS_STATUS_SIZE_MAX) <
		    METRICS_STATUS_SIZE_MAX);
	for (uint32_t i = 0; i < count; i++)
		require_number(FILLED_FIRST + i);
	for (size_t i = 0; i < metrics_words.count; i++) {
		char begin[64];

		snprintf(begin, sizeof(begin), "%s w%zu\n", metrics_words.row[i].key, i);
		if (!line_of(begin))
			fail_msg("no line %s", begin);
	}
	assert_non_null(line_of("wal_fsync count=1 sum_us=90 p50_us=125 p99_us=125\n"));
	assert_non_null(line_of("peer n2 id=0000000000000002 address=198.18.0.2 active="));
	assert_non_null(strstr(text, " round_trip_count=1 round_trip_p50_us=25\n"));
	assert_non_null(line_of("port memif2 up="));
}

/* A number in the unit of the name: whole, or with the digits that the scale has. */
static void require_sample(const struct metrics_row *row, const char *labels, uint64_t number)
{
	char begin[256];
	const char *at;
	double expected;

	snprintf(begin, sizeof(begin), "%s%s ", row->name, labels);
	at = line_of(begin);
	if (!at)
		fail_msg("no sample %s", begin);
	expected = (double)number / (double)row->scale;
	if (strtod(at, NULL) < expected * 0.999999999 || strtod(at, NULL) > expected * 1.000000001)
		fail_msg("%s %.30s", begin, at);
}

static void prometheus_has_each_value(void **state)
{
	uint64_t next = FILLED_FIRST;
	char labels[128];

	(void)state;
	filled_create(&m, &process);
	assert_true(metrics_prometheus_text(&m, &process, text, sizeof(text)) < sizeof(text));
	for (size_t i = 0; i < metrics_values.count; i++, next++) {
		const struct metrics_row *row = &metrics_values.row[i];

		if (!row->name)
			continue;
		labels[0] = '\0';
		if (row->label)
			snprintf(labels, sizeof(labels), "{%s}", row->label);
		require_sample(row, labels, next);
	}
	for (uint32_t p = 0; p < FILLED_PEERS; p++) {
		for (size_t i = 0; i < metrics_peer_values.count; i++, next++) {
			const struct metrics_row *row = &metrics_peer_values.row[i];

			snprintf(labels, sizeof(labels), "{%s=\"%s\"}", row->label, m.peer[p].id);
			if (strcmp(row->label, "Remote") == 0)
				snprintf(labels, sizeof(labels), "{Local=\"%s\",Remote=\"%s\"}",
					 m.member_id, m.peer[p].id);
			require_sample(row, labels, next);
		}
	}
	for (uint32_t p = 0; p < FILLED_PORTS; p++) {
		for (size_t i = 0; i < metrics_port_values.count; i++, next++) {
			snprintf(labels, sizeof(labels), "{port=\"%s\"}", m.port[p].name);
			require_sample(&metrics_port_values.row[i], labels, next);
		}
	}
	next += FILLED_DROPS;
	for (size_t i = 0; i < metrics_process_values.count; i++, next++)
		require_sample(&metrics_process_values.row[i], "", next);
	assert_non_null(line_of("etcd_server_id{server_id=\"w2\"} 1\n"));
	assert_non_null(line_of("quoin_network_dropped_packets_total{cause=\"giant\"} "));
}

/* Bounds as Go prints them, each bucket with all that are below it, and the sum in seconds. */
static void histograms_are_cumulative(void **state)
{
	(void)state;
	filled_create(&m, &process);
	histogram_observe(&m.wal_write, 1000000);
	histogram_observe(&m.wal_write, 1000001);
	histogram_observe(&m.wal_write, 9000000000);
	metrics_prometheus_text(&m, &process, text, sizeof(text));
	assert_non_null(
		line_of("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"1.5625e-05\"} 0\n"));
	assert_non_null(
		line_of("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.000125\"} 1\n"));
	assert_non_null(line_of("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.001\"} 2\n"));
	assert_non_null(line_of("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"0.002\"} 3\n"));
	assert_non_null(line_of("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"8.192\"} 3\n"));
	assert_non_null(line_of("etcd_disk_wal_fsync_duration_seconds_bucket{le=\"+Inf\"} 4\n"));
	assert_non_null(line_of("etcd_disk_wal_fsync_duration_seconds_sum 9.002090001\n"));
	assert_non_null(line_of("etcd_disk_wal_fsync_duration_seconds_count 4\n"));
	assert_non_null(line_of("etcd_network_peer_round_trip_time_seconds_bucket{To="
				"\"0000000000000003\",le=\"3.2768\"} 1\n"));
}

static void unknown_is_not_a_number(void **state)
{
	(void)state;
	filled_create(&m, &process);
	m.peer[0].heard_ms = METRICS_UNKNOWN;
	m.waiting[0] = '\0';
	metrics_status_text(&m, text, sizeof(text));
	assert_non_null(strstr(text, " heard_ms=-1 "));
	assert_null(line_of("waiting"));
	metrics_prometheus_text(&m, &process, text, sizeof(text));
	assert_null(line_of("quoin_peer_heard_seconds{From=\"0000000000000002\"}"));
	assert_non_null(line_of("quoin_peer_heard_seconds{From=\"0000000000000003\"}"));
}

static void labels_are_escaped(void **state)
{
	(void)state;
	filled_create(&m, &process);
	snprintf(m.name, sizeof(m.name), "a\"b\\c\nd");
	metrics_prometheus_text(&m, &process, text, sizeof(text));
	assert_non_null(line_of("quoin_server_name{server_name=\"a\\\"b\\\\c\\nd\"} 1\n"));
}

/* The names of one table are each in one block, whose HELP is not empty: the format's rule. */
static void names_stand_together(void **state)
{
	static char seen[65536];
	char name[128], mark[160];

	(void)state;
	seen[0] = '\0';
	filled_create(&m, &process);
	metrics_prometheus_text(&m, &process, text, sizeof(text));
	for (const char *at = text; (at = strstr(at, "# HELP ")); at++) {
		char help;

		assert_int_equal(sscanf(at, "# HELP %127s %c", name, &help), 2);
		snprintf(mark, sizeof(mark), "[%s]", name);
		if (help == '#' || strstr(seen, mark))
			fail_msg("%s has no help, or two", name);
		assert_true(strlen(seen) + strlen(mark) < sizeof(seen));
		memcpy(seen + strlen(seen), mark, strlen(mark) + 1);
	}
	assert_true(strlen(seen) > 2000);
}

/* The largest cluster, each number of the largest size: nothing is left out for want of room. */
static void sizes_suffice(void **state)
{
	static struct metrics big;

	(void)state;
	filled_create(&big, &process);
	big.peer_count = METRICS_PEERS_MAX;
	big.port_count = METRICS_PORTS_MAX;
	big.drop_count = METRICS_DROPS_MAX;
	for (uint32_t i = 0; i < METRICS_PEERS_MAX; i++) {
		big.peer[i] = big.peer[0];
		memset(big.peer[i].name, 'n', sizeof(big.peer[i].name) - 1);
	}
	for (uint32_t i = 0; i < METRICS_PORTS_MAX; i++)
		big.port[i] = big.port[0];
	for (uint32_t i = 0; i < METRICS_DROPS_MAX; i++)
		big.drop[i] = (struct metrics_drop){"a_cause_with_a_long_name", UINT64_MAX - 1};
	/* Twice what they take: values grow to 20 digits from 6. */
	assert_in_range(metrics_status_text(&big, text, sizeof(text)), 1,
			METRICS_STATUS_SIZE_MAX * 2 / 3);
	assert_in_range(metrics_prometheus_text(&big, &process, text, sizeof(text)), 1,
			METRICS_TEXT_SIZE_MAX * 2 / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_has_each_value),
		cmocka_unit_test(prometheus_has_each_value),
		cmocka_unit_test(histograms_are_cumulative),
		cmocka_unit_test(unknown_is_not_a_number),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(names_stand_together),
		cmocka_unit_test(sizes_suffice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
