/*
 * check equality: all members are asked for the hash of their store at one revision that they all
 * have. Hashes of stores that are compacted at different revisions say nothing of each other: that
 * is so for a moment after a compaction, and they are asked again. Where that revision itself is
 * compacted, which is so for good where nobody writes, each is asked for its newest.
 */
#include "tools/quoinctl/hashkv.h"
#include "tools/quoinctl/members.h"
#include "tools/quoinctl/orders.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 6, CELL_SIZE = ERROR_SIZE };

#define AGAIN_NS (50 * CLOCK_MS)

enum verdict {
	EQUAL,     /* as most are, or as all who answered */
	DIFFERS,   /* from most */
	NOT_ALIKE, /* there are several, and none is that of most */
	UNKNOWN,   /* there is no hash that could be compared */
};

struct checked {
	const struct member *member;
	const struct probe *hash; /* NULL: it was not asked */
	char error[ERROR_SIZE];   /* why there is no hash to compare; "": there is one */
	enum verdict verdict;
};

struct check {
	struct members members;
	struct options asked; /* those who answered, and the revision; 0: the newest of each */
	uint64_t revision;    /* that was hashed */
	struct probe *hashes;
	struct checked of[MEMBERS_MAX];
	uint32_t count;
	bool passing; /* what is wrong may be so for a moment only */
};

static void check_free(struct check *c)
{
	free(c->hashes);
	members_free(&c->members);
	*c = (struct check){0};
}

/* Why a member is not asked for a hash; "": it is. */
static const char *why_not(const struct member *m)
{
	if (!m->probe)
		return "no answer";
	return m->probe->error[0]             ? m->probe->error
	       : !m->probe->status.cluster_id ? "it is of no cluster"
					      : "";
}

/* The newest revision that all have who are asked. */
static void choose_revision(struct check *c)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct member *m = c->of[i].member;

		if (!*why_not(m) && m->probe->status.revision < least)
			least = m->probe->status.revision;
	}
	/* Below 0 nothing is hashed, which is equal everywhere. */
	if ((int64_t)c->asked.revision <= 0 && least != UINT64_MAX)
		c->asked.revision = least;
}

static int by_name(const void *a, const void *b)
{
	const struct checked *one = a, *other = b;

	return strcmp(one->member->name, other->member->name);
}

/* What the answers are to be of: of each one's newest, that of who has most. */
static void note_revision(struct check *c)
{
	c->revision = c->asked.revision;
	for (uint32_t i = 0; !c->asked.revision && i < c->count; i++) {
		const struct checked *m = &c->of[i];

		if (!m->error[0] && hash_revision(m->hash) > c->revision)
			c->revision = hash_revision(m->hash);
	}
}

static int ask_all(struct check *c, const struct options *options, bool newest)
{
	uint32_t at = 0;

	if (members_ask(&c->members, options))
		return -1;
	c->asked = *options;
	c->asked.endpoint_count = 0;
	for (uint32_t i = 0; i < c->members.count; i++) {
		if (member_counts(&c->members.member[i]))
			c->of[c->count++].member = &c->members.member[i];
	}
	qsort(c->of, c->count, sizeof(c->of[0]), by_name);
	choose_revision(c);
	if (newest)
		c->asked.revision = 0;
	for (uint32_t i = 0; i < c->count; i++) {
		if (!*why_not(c->of[i].member))
			c->asked.endpoint[c->asked.endpoint_count++] =
				c->of[i].member->probe->endpoint;
	}
	c->hashes = probe_all(&c->asked, probe_hash);
	if (!c->hashes)
		return -1;
	for (uint32_t i = 0; i < c->count; i++) {
		struct checked *m = &c->of[i];
		const char *error = why_not(m->member);

		if (!*error) {
			m->hash = &c->hashes[at++];
			error = m->hash->error;
		}
		snprintf(m->error, sizeof(m->error), "%s", error);
	}
	note_revision(c);
	return 0;
}

/* etcd has -1 before the first compaction. */
static int64_t compacted(const struct checked *m)
{
	return m->hash->answer.compact_revision;
}

static const char *name_of(const struct checked *m)
{
	return m->member->name[0] ? m->member->name : m->member->endpoint;
}

/* Whose hash says nothing of the others': it is of another cluster, or compacted elsewhere. */
static void exclude(struct check *c)
{
	const struct checked *first = NULL;
	int64_t newest = INT64_MIN;

	for (uint32_t i = 0; i < c->count; i++) {
		struct checked *m = &c->of[i];

		c->passing |= m->hash && (m->hash->answer.status == KV_COMPACTED ||
					  m->hash->answer.status == KV_FUTURE_REVISION);
		if (m->error[0])
			continue;
		if (!first)
			first = m;
		if (m->hash->node.cluster_id != first->hash->node.cluster_id) {
			snprintf(m->error, sizeof(m->error), "it is of another cluster than %s",
				 name_of(first));
		} else if (hash_revision(m->hash) != c->revision) {
			snprintf(m->error, sizeof(m->error),
				 "it is at revision %" PRIu64 ", and another at %" PRIu64,
				 hash_revision(m->hash), c->revision);
			c->passing = true;
		} else if (compacted(m) > newest) {
			newest = compacted(m);
		}
	}
	for (uint32_t i = 0; i < c->count; i++) {
		struct checked *m = &c->of[i];

		if (m->error[0] || compacted(m) == newest)
			continue;
		snprintf(m->error, sizeof(m->error),
			 "it is compacted at revision %" PRId64 ", and another at %" PRId64,
			 compacted(m), newest);
		c->passing = true;
	}
}

static bool is_alike(const struct checked *a, const struct checked *b)
{
	return !a->error[0] && !b->error[0] && a->hash->answer.hash == b->hash->answer.hash;
}

/* More than half of all members have one hash: then who has another differs from most. */
static const struct checked *most(const struct check *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		uint32_t alike = 0;

		for (uint32_t k = 0; k < c->count; k++)
			alike += is_alike(&c->of[i], &c->of[k]);
		if (alike > c->count / 2)
			return &c->of[i];
	}
	return NULL;
}

static void judge(struct check *c)
{
	const struct checked *right = most(c), *first = NULL;
	bool several = false;

	for (uint32_t i = 0; i < c->count; i++) {
		struct checked *m = &c->of[i];

		if (!m->error[0] && !first)
			first = m;
		several |= !m->error[0] && !is_alike(first, m);
	}
	for (uint32_t i = 0; i < c->count; i++) {
		struct checked *m = &c->of[i];

		if (m->error[0])
			m->verdict = UNKNOWN;
		else if (!several || (right && is_alike(right, m)))
			m->verdict = EQUAL;
		else
			m->verdict = right ? DIFFERS : NOT_ALIKE;
	}
}

static const char *verdict_text(const struct checked *m)
{
	static const char *const texts[] = {
		[EQUAL] = "equal", [DIFFERS] = "differs", [NOT_ALIKE] = "not alike"};

	return m->verdict == UNKNOWN ? m->error : texts[m->verdict];
}

static void cells(const struct check *c, const struct checked *m, char cell[COLUMNS][CELL_SIZE])
{
	snprintf(cell[0], CELL_SIZE, "%s", name_of(m));
	snprintf(cell[1], CELL_SIZE, "%s", m->member->id);
	cell[2][0] = cell[3][0] = cell[4][0] = '\0';
	if (!m->error[0]) {
		snprintf(cell[2], CELL_SIZE, "%" PRIu64, c->revision);
		snprintf(cell[3], CELL_SIZE, "%" PRId64, compacted(m));
		snprintf(cell[4], CELL_SIZE, "%" PRIu32, m->hash->answer.hash);
	}
	snprintf(cell[5], CELL_SIZE, "%s", verdict_text(m));
}

static void check_simple(const struct check *c)
{
	char cell[COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < c->count; i++) {
		cells(c, &c->of[i], cell);
		for (int k = 0; k < COLUMNS; k++)
			printf("%s%s", k ? ", " : "", cell[k]);
		putchar('\n');
	}
}

static void check_table(const struct check *c)
{
	static const char *at[MEMBERS_MAX + 1][COLUMNS] = {
		{"NAME", "ID", "REVISION", "COMPACT REVISION", "HASH", "STATE"}};
	static char cell[MEMBERS_MAX][COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < c->count; i++) {
		cells(c, &c->of[i], cell[i]);
		for (int k = 0; k < COLUMNS; k++)
			at[i + 1][k] = cell[i][k];
	}
	table_print(&at[0][0], c->count + 1, COLUMNS);
}

static void check_json(const struct check *c, bool equal)
{
	printf("{\"revision\":%" PRIu64 ",\"equal\":%s,\"members\":[", c->revision,
	       equal ? "true" : "false");
	for (uint32_t i = 0; i < c->count; i++) {
		const struct checked *m = &c->of[i];

		printf("%s{\"name\":", i ? "," : "");
		json_text(name_of(m));
		printf(",\"id\":");
		json_text(m->member->id);
		if (!m->error[0])
			printf(",\"hash\":%" PRIu32 ",\"compact_revision\":%" PRId64,
			       m->hash->answer.hash, compacted(m));
		printf(",\"state\":");
		json_text(verdict_text(m));
		putchar('}');
	}
	puts("]}");
}

static void check_fields(const struct check *c)
{
	static const char *const names[] = {"Name", "ID",   "Revision", "CompactRevision",
					    "Hash", "State"};
	char cell[COLUMNS][CELL_SIZE];

	for (uint32_t i = 0; i < c->count; i++) {
		cells(c, &c->of[i], cell);
		for (int k = 0; k < COLUMNS; k++) {
			printf("\"%s\" : ", names[k]);
			if (k >= 2 && k <= 4)
				fputs(cell[k][0] ? cell[k] : "null", stdout);
			else
				json_text(cell[k]);
			putchar('\n');
		}
		putchar('\n');
	}
}

static bool all_equal(const struct check *c)
{
	bool equal = c->count > 0;

	for (uint32_t i = 0; i < c->count; i++)
		equal &= c->of[i].verdict == EQUAL;
	return equal;
}

/* What is wrong, in a sentence; the worst first. */
static int complain_of(const struct check *c)
{
	static const char *const says[] = {
		[DIFFERS] = "differs from most members: what it answers cannot be relied on",
		[NOT_ALIKE] = "and others differ, and none of the hashes is that of most members",
		[UNKNOWN] = "has no hash to compare, so whether it is equal is not known",
	};

	for (int verdict = DIFFERS; verdict <= UNKNOWN; verdict++) {
		for (uint32_t i = 0; i < c->count; i++) {
			if ((int)c->of[i].verdict == verdict)
				return complain(EXIT_FAILED, "at revision %" PRIu64 ": %s %s",
						c->revision, name_of(&c->of[i]), says[verdict]);
		}
	}
	return complain(EXIT_FAILED, "no member answered");
}

static void show(const struct check *c, enum format format)
{
	switch (format) {
	case FORMAT_SIMPLE:
		check_simple(c);
		break;
	case FORMAT_TABLE:
		check_table(c);
		break;
	case FORMAT_JSON:
		check_json(c, all_equal(c));
		break;
	case FORMAT_FIELDS:
		check_fields(c);
		break;
	}
}

/* What was asked of some member. */
static bool is_compacted(const struct check *c)
{
	for (uint32_t i = 0; i < c->count; i++) {
		if (c->of[i].hash && c->of[i].hash->answer.status == KV_COMPACTED)
			return true;
	}
	return false;
}

int command_check(const struct options *options)
{
	static struct check c;
	const uint64_t deadline_ns = clock_now() + options->timeout_ns;
	bool newest = false;
	int status;

	for (;;) {
		if (ask_all(&c, options, newest)) {
			check_free(&c);
			return complain(EXIT_FAILED, "out of memory");
		}
		exclude(&c);
		judge(&c);
		if (!c.passing || left_until(deadline_ns) <= AGAIN_NS)
			break;
		newest = !newest && (int64_t)options->revision <= 0 && is_compacted(&c);
		check_free(&c);
		clock_sleep(AGAIN_NS);
	}
	show(&c, options->format);
	if (all_equal(&c))
		status = EXIT_ANSWERED;
	else
		status = complain_of(&c);
	check_free(&c);
	return status;
}
