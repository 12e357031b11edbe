/*
 * quoinctl status: each member of the cluster on a line, and below what is wrong, in sentences. Who
 * does not answer has a line all the same, with why, and what the others know of it. An endpoint
 * that does not answer and that nobody knows is no member: it may be one that has its line.
 */
#include "metrics/metrics.h"
#include "tools/quoinctl/lines.h"
#include "tools/quoinctl/members.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 12, CELL_SIZE = 160 };

/* Of the cluster as a whole. */
struct overview {
	uint64_t commit; /* the leader's, or the highest that is known */
	char leader[64]; /* "": nobody who answered leads */
	/* Of different clusters; NULL: nobody is of one; all who are, are of one. */
	const struct member *one, *other;
	bool wrong;
	const struct member *sorted[MEMBERS_MAX]; /* by name */
	uint32_t count;
	uint32_t unanswered; /* so many of them come first, and have none */
};

static uint64_t number(const struct member *m, const char *key)
{
	char text[32];

	return strtoull(status_value(m->probe->text, m->probe->text_size, key, text, sizeof(text)),
			NULL, 10);
}

static bool is_sentence(const struct status_line *line)
{
	return (line->key_size == 5 && memcmp(line->key, "error", 5) == 0) ||
	       (line->key_size == 7 && memcmp(line->key, "warning", 7) == 0);
}

static uint32_t sentences(const struct member *m)
{
	const char *at = m->probe->text, *end = at + m->probe->text_size;
	struct status_line line;
	uint32_t count = 0;

	while (status_line_next(&at, end, &line))
		count += is_sentence(&line);
	return count;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct member *const *)a)->name,
		      (*(const struct member *const *)b)->name);
}

static uint64_t cluster_of(const struct member *m)
{
	return m->probe->status.cluster_id;
}

/* One that was forced out of its cluster, say, and who stayed in it. */
static void compare(struct overview *o, const struct member *m)
{
	if (cluster_of(m) == 0)
		return;
	if (!o->one)
		o->one = m;
	else if (!o->other && cluster_of(m) != cluster_of(o->one))
		o->other = m;
}

/* Of two that say that they lead, the newer term counts. */
static void look(struct overview *o, const struct members *all)
{
	uint64_t term = 0;

	*o = (struct overview){0};
	for (uint32_t i = 0; i < all->count; i++) {
		if (member_counts(&all->member[i]))
			o->sorted[o->count++] = &all->member[i];
	}
	qsort(o->sorted, o->count, sizeof(o->sorted[0]), by_name);
	for (uint32_t i = 0; i < o->count; i++) {
		const struct member *m = o->sorted[i];

		o->unanswered += !m->name[0];
		if (!member_answered(m)) {
			o->wrong = true;
			continue;
		}
		compare(o, m);
		o->wrong |= sentences(m) > 0;
		if (m->probe->status.commit > o->commit && !o->leader[0])
			o->commit = m->probe->status.commit;
		if (strcmp(m->probe->status.role, "leader") == 0 && m->probe->status.term > term) {
			term = m->probe->status.term;
			o->commit = m->probe->status.commit;
			snprintf(o->leader, sizeof(o->leader), "%s", m->name);
		}
	}
	o->wrong |= !o->leader[0] || o->other;
}

/* How far behind the leader's commit: false, and not known. */
static bool lag_of(const struct overview *o, const struct member *m, uint64_t *out)
{
	uint64_t has = member_answered(m) ? m->probe->status.applied : strtoull(m->match, NULL, 10);

	*out = has < o->commit ? o->commit - has : 0;
	return member_answered(m) || (m->match[0] >= '0' && m->match[0] <= '9');
}

/* Of a port's line of pairs. */
static uint64_t port_losses(const char *pairs, size_t size)
{
	char text[MEMBER_LINE], name[64];
	uint64_t sum = 0;

	snprintf(text, sizeof(text), "%.*s", (int)size, pairs);
	for (size_t i = 0; i < metrics_port_values.count; i++) {
		const struct metrics_row *row = &metrics_port_values.row[i];
		const char *at;

		snprintf(name, sizeof(name), " %s=", row->key);
		at = row->kind == METRICS_LOSS ? strstr(text, name) : NULL;
		sum += at ? strtoull(at + strlen(name), NULL, 10) : 0;
	}
	return sum;
}

/* "12 (runt)": all frames that were dropped, and the cause of most. */
static void drops_cell(const struct member *m, char cell[CELL_SIZE])
{
	const char *at = m->probe->text, *end = at + m->probe->text_size;
	uint64_t sum = 0, most = 0;
	char cause[48] = "";
	struct status_line line;

	while (status_line_next(&at, end, &line)) {
		uint64_t value = 0;

		if (line.key_size > 5 && memcmp(line.key, "drop_", 5) == 0)
			value = strtoull(line.value, NULL, 10);
		else if (line.key_size == 4 && memcmp(line.key, "port", 4) == 0)
			value = port_losses(line.value, line.value_size);
		sum += value;
		if (value <= most)
			continue;
		most = value;
		snprintf(cause, sizeof(cause), " (%.*s)",
			 (int)(line.key_size > 5 ? line.key_size - 5 : 4),
			 line.key_size > 5 ? line.key + 5 : "port");
	}
	snprintf(cell, CELL_SIZE, "%" PRIu64 "%s", sum, cause);
}

static void uptime_cell(uint64_t ms, char cell[CELL_SIZE])
{
	uint64_t s = ms / 1000;

	if (s < 60)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "m%" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(cell, CELL_SIZE, "%" PRIu64 "h%" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(cell, CELL_SIZE, "%" PRIu64 "d%" PRIu64 "h", s / 86400, s / 3600 % 24);
}

static void cells_of(const struct overview *o, const struct member *m,
		     char cell[COLUMNS][CELL_SIZE])
{
	const struct status *s = m->probe ? &m->probe->status : NULL;
	char size[DURATION_SIZE];
	uint64_t lag;

	for (int c = 0; c < COLUMNS; c++)
		snprintf(cell[c], CELL_SIZE, "-");
	snprintf(cell[0], CELL_SIZE, "%s", m->name);
	if (m->endpoint[0])
		snprintf(cell[1], CELL_SIZE, "%s", m->endpoint);
	if (lag_of(o, m, &lag))
		snprintf(cell[5], CELL_SIZE, "%" PRIu64, lag);
	if (!member_answered(m)) {
		snprintf(cell[2], CELL_SIZE, "silent");
		return;
	}
	snprintf(cell[2], CELL_SIZE, "%s",
		 s->removed     ? "removed"
		 : s->member_id ? s->role
				: "waiting");
	snprintf(cell[3], CELL_SIZE, "%" PRIu64, s->term);
	snprintf(cell[4], CELL_SIZE, "%" PRIu64, s->index);
	bytes_text(number(m, "log_bytes"), size);
	snprintf(cell[6], CELL_SIZE, "%s", size);
	snprintf(cell[7], CELL_SIZE, "%" PRIu64 " ms", number(m, "disk_waiting_ms"));
	drops_cell(m, cell[8]);
	snprintf(cell[9], CELL_SIZE, "%u", sentences(m));
	snprintf(cell[10], CELL_SIZE, "%s", s->version);
	uptime_cell(number(m, "uptime_ms"), cell[11]);
}

/* Why there is no answer. */
static const char *silence(const struct member *m)
{
	return m->probe ? m->probe->error : "it has no address that can be asked";
}

static void say(const struct member *m)
{
	const char *at, *end;
	struct status_line line;

	if (!m->name[0]) {
		printf("%s: error: no answer: %s\n", m->endpoint, m->probe->error);
		return;
	}
	if (!member_answered(m)) {
		printf("%s: error: no answer%s%s: %s%s%s\n", m->name,
		       m->endpoint[0] ? " from " : "", m->endpoint, silence(m),
		       m->heard[0] ? "; " : "", m->heard);
		return;
	}
	at = m->probe->text;
	end = at + m->probe->text_size;
	while (status_line_next(&at, end, &line)) {
		if (is_sentence(&line))
			printf("%s: %.*s: %.*s\n", m->name, (int)line.key_size, line.key,
			       (int)line.value_size, line.value);
	}
}

static void print_table(const struct overview *o)
{
	static const char *cells[MEMBERS_MAX + 1][COLUMNS] = {
		{"MEMBER", "ENDPOINT", "ROLE", "TERM", "INDEX", "LAG", "LOG", "DISK AGE", "DROPS",
		 "WARNINGS", "VERSION", "UPTIME"}};
	static char cell[MEMBERS_MAX][COLUMNS][CELL_SIZE];
	uint32_t rows = 1;

	for (uint32_t i = o->unanswered; i < o->count; i++, rows++) {
		cells_of(o, o->sorted[i], cell[i]);
		for (int c = 0; c < COLUMNS; c++)
			cells[rows][c] = cell[i][c];
	}
	if (rows > 1)
		table_print(&cells[0][0], rows, COLUMNS);
	for (uint32_t i = 0; i < o->count; i++)
		say(o->sorted[i]);
	if (!o->leader[0])
		printf("error: nobody who answered leads\n");
	if (o->other)
		printf("error: these are members of different clusters: %s of %016" PRIx64
		       ", %s of %016" PRIx64 "; none of the one leads or hears the other\n",
		       o->one->name, cluster_of(o->one), o->other->name, cluster_of(o->other));
}

static void json_sentences(const struct member *m, const char *key, const char *name)
{
	const char *at = m->probe->text, *end = at + m->probe->text_size, *comma = "";
	struct status_line line;
	char text[MEMBER_LINE];

	printf(",\"%s\":[", name);
	while (status_line_next(&at, end, &line)) {
		if (line.key_size != strlen(key) || memcmp(line.key, key, line.key_size) != 0)
			continue;
		snprintf(text, sizeof(text), "%.*s", (int)line.value_size, line.value);
		fputs(comma, stdout);
		json_text(text);
		comma = ",";
	}
	putchar(']');
}

static void json_member(const struct overview *o, const struct member *m)
{
	uint64_t lag;

	printf("{\"name\":");
	json_text(m->name);
	printf(",\"id\":");
	json_text(m->id);
	printf(",\"endpoint\":");
	json_text(m->endpoint);
	printf(",\"answered\":%s,\"lag\":", member_answered(m) ? "true" : "false");
	if (lag_of(o, m, &lag))
		printf("%" PRIu64, lag);
	else
		printf("null");
	printf(",\"heard\":");
	json_text(m->heard);
	if (member_answered(m)) {
		json_sentences(m, "error", "errors");
		json_sentences(m, "warning", "warnings");
		printf(",\"status\":");
		lines_json(m->probe->text, m->probe->text_size);
	} else {
		printf(",\"errors\":[");
		json_text(silence(m));
		printf("],\"warnings\":[]");
	}
	putchar('}');
}

static void print_json(const struct overview *o)
{
	printf("{\"healthy\":%s,\"leader\":", o->wrong ? "false" : "true");
	json_text(o->leader);
	printf(",\"commit\":%" PRIu64 ",\"members\":[", o->commit);
	for (uint32_t i = o->unanswered; i < o->count; i++) {
		if (i > o->unanswered)
			putchar(',');
		json_member(o, o->sorted[i]);
	}
	printf("],\"unanswered\":[");
	for (uint32_t i = 0; i < o->unanswered; i++) {
		printf("%s{\"endpoint\":", i ? "," : "");
		json_text(o->sorted[i]->endpoint);
		printf(",\"error\":");
		json_text(o->sorted[i]->probe->error);
		putchar('}');
	}
	puts("]}");
}

int command_overview(const struct options *options)
{
	static struct members all;
	struct overview o;

	if (options->format == FORMAT_FIELDS)
		return complain(EXIT_MISUSED, "fields is not supported as output format: "
					      "\"endpoint status\" has them");
	if (members_ask(&all, options))
		return complain(EXIT_FAILED, "out of memory");
	look(&o, &all);
	if (options->format == FORMAT_JSON)
		print_json(&o);
	else
		print_table(&o);
	members_free(&all);
	return o.wrong ? EXIT_FAILED : EXIT_ANSWERED;
}
