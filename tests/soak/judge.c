/*
 * The judge: history.h has the rules.
 *
 * A put and those who read it are a cluster. Let `first` be the earliest end in it and `last` the
 * latest begin. If first < last the key held this value from `first` to `last`, whatever the order:
 * a forward zone. Else all of them overlap in [last, first], and one point in there suffices: a
 * backward zone. A key is linearizable if and only if no read ended before its put began, no two
 * forward zones overlap, and no backward zone lies inside a forward one.
 */
#include "tests/soak/history.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct cluster {
	const struct history_operation *put; /* NULL: the key before its first put */
	uint32_t key;
	uint64_t value;
	uint64_t first, last; /* earliest end, latest begin */
	uint64_t mod_revision;
	bool seen;
};

struct judge {
	const struct history *history;
	struct cluster *cluster; /* by key, and by value in it; 0 is the key before its first put */
	size_t count;
	struct cluster **order;
	struct history_operation *sorted;
	char *words;
};

static const char *const outcome_name[] = {
	[HISTORY_DONE] = "done",
	[HISTORY_UNKNOWN] = "unknown",
	[HISTORY_NOT_DONE] = "not done",
};

static void operation_words(char *out, size_t size, const struct history_operation *o)
{
	snprintf(out, size,
		 "client %" PRIu32 " %s key %" PRIu32 " value %" PRIx64 " (mod %" PRIu64
		 ", store %" PRIu64 ", %s) from %" PRIu64 " to %" PRIu64,
		 o->client, o->kind == HISTORY_PUT ? "put" : "got", o->key, o->value,
		 o->mod_revision, o->revision, outcome_name[o->outcome], o->begin_ns, o->end_ns);
}

static int wrong(struct judge *j, const char *rule, const struct history_operation *a,
		 const struct history_operation *b)
{
	char one[320], other[320] = "";

	operation_words(one, sizeof(one), a);
	if (b)
		operation_words(other, sizeof(other), b);
	snprintf(j->words, HISTORY_WORDS_MAX, "%s: %s%s%s", rule, one, b ? "; " : "", other);
	return 1;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_clusters(const void *left, const void *right)
{
	const struct cluster *a = left, *b = right;
	int order = compare_numbers(a->key, b->key);

	return order ? order : compare_numbers(a->value, b->value);
}

static struct cluster *find(const struct judge *j, uint32_t key, uint64_t value)
{
	const struct cluster wanted = {.key = key, .value = value};

	return bsearch(&wanted, j->cluster, j->count, sizeof(wanted), compare_clusters);
}

/* One for each put, and one for each key that an operation names. */
static int clusters_make(struct judge *j)
{
	const struct history *h = j->history;
	size_t kept = 0;

	j->cluster = calloc(2 * h->count + 1, sizeof(*j->cluster));
	if (!j->cluster)
		return -ENOMEM;
	for (size_t i = 0; i < h->count; i++) {
		const struct history_operation *o = &h->operation[i];

		j->cluster[j->count++] = (struct cluster){.key = o->key, .first = 0, .last = 0};
		if (o->kind == HISTORY_PUT)
			j->cluster[j->count++] = (struct cluster){
				.put = o,
				.key = o->key,
				.value = o->value,
				.first = o->outcome == HISTORY_DONE ? o->end_ns : HISTORY_NEVER,
				.last = o->begin_ns,
				.mod_revision = o->mod_revision,
				.seen = o->outcome == HISTORY_DONE,
			};
	}
	qsort(j->cluster, j->count, sizeof(*j->cluster), compare_clusters);
	for (size_t i = 0; i < j->count; i++) {
		bool same = kept && compare_clusters(&j->cluster[kept - 1], &j->cluster[i]) == 0;

		assert(!same || !j->cluster[i].put); /* a put's value is its own */
		if (!same)
			j->cluster[kept++] = j->cluster[i];
	}
	j->count = kept;
	return 0;
}

/* HI2, HI3: what the reads saw. */
static int clusters_fill(struct judge *j)
{
	for (size_t i = 0; i < j->history->count; i++) {
		const struct history_operation *o = &j->history->operation[i];
		struct cluster *c = find(j, o->key, o->value);

		if (o->kind != HISTORY_GET)
			continue;
		if (!c)
			return wrong(j, "HI2: nobody put it", o, NULL);
		if (c->put && c->put->outcome == HISTORY_NOT_DONE)
			return wrong(j, "HI2: it was not done, and was seen", c->put, o);
		if (c->put && o->end_ns < c->put->begin_ns)
			return wrong(j, "HI1: it was seen before it was put", c->put, o);
		if (o->mod_revision && c->mod_revision && o->mod_revision != c->mod_revision)
			return wrong(j, "HI3: one put has two revisions", c->put ? c->put : o, o);
		if (o->mod_revision)
			c->mod_revision = o->mod_revision;
		c->seen = true;
		c->first = o->end_ns < c->first ? o->end_ns : c->first;
		c->last = o->begin_ns > c->last ? o->begin_ns : c->last;
	}
	return 0;
}

static int zone_order(const void *left, const void *right)
{
	const struct cluster *a = *(struct cluster *const *)left;
	const struct cluster *b = *(struct cluster *const *)right;
	int order = compare_numbers(a->key, b->key);

	if (!order) /* by where the zone begins */
		order = compare_numbers(a->first < a->last ? a->first : a->last,
					b->first < b->last ? b->first : b->last);
	return order ? order : compare_numbers(a->value, b->value);
}

static int zones_clash(struct judge *j, const struct cluster *forward, const struct cluster *c)
{
	static const struct history_operation before = {.outcome = HISTORY_DONE};

	return wrong(j, "HI1: no order of these two, and of those who saw them, is right",
		     forward->put ? forward->put : &before, c->put ? c->put : &before);
}

/* HI1. Forward zones that do not overlap, in order: one that contains another is the newest. */
static int zones_judge(struct judge *j)
{
	const struct cluster *forward = NULL;

	for (size_t i = 0; i < j->count; i++) {
		const struct cluster *c = j->order[i];

		if (!c->seen && c->put) /* a put that nobody saw may never have been done */
			continue;
		if (forward && forward->key != c->key)
			forward = NULL;
		if (c->first < c->last) {
			if (forward && c->first < forward->last)
				return zones_clash(j, forward, c);
			forward = c;
		} else if (forward && c->last > forward->first && c->first < forward->last) {
			return zones_clash(j, forward, c);
		}
	}
	return 0;
}

static int revision_order(const void *left, const void *right)
{
	const struct cluster *a = *(struct cluster *const *)left;
	const struct cluster *b = *(struct cluster *const *)right;

	return compare_numbers(a->mod_revision, b->mod_revision);
}

static int revisions_unique(struct judge *j)
{
	qsort(j->order, j->count, sizeof(struct cluster *), revision_order);
	for (size_t i = 1; i < j->count; i++) {
		const struct cluster *a = j->order[i - 1], *b = j->order[i];

		if (a->mod_revision && a->mod_revision == b->mod_revision)
			return wrong(j, "HI3: two puts have one revision", a->put, b->put);
	}
	return 0;
}

static int begin_order(const void *left, const void *right)
{
	const struct history_operation *a = left, *b = right;

	return compare_numbers(a->begin_ns, b->begin_ns);
}

static int end_order(const void *left, const void *right)
{
	const struct history_operation *a = left, *b = right;

	return compare_numbers(a->end_ns, b->end_ns);
}

/* HI4: among what had ended when another began, the one that was told the highest revision. */
static int revisions_follow_time(struct judge *j)
{
	const struct history *h = j->history;
	struct history_operation *ended = j->sorted, *begun = j->sorted + h->count;
	const struct history_operation *newest = NULL;
	size_t at = 0;

	if (h->count == 0)
		return 0;
	memcpy(ended, h->operation, h->count * sizeof(*ended));
	memcpy(begun, h->operation, h->count * sizeof(*begun));
	qsort(ended, h->count, sizeof(*ended), end_order);
	qsort(begun, h->count, sizeof(*begun), begin_order);
	for (size_t i = 0; i < h->count; i++) {
		const struct history_operation *o = &begun[i];

		for (; at < h->count && ended[at].end_ns < o->begin_ns; at++) {
			if (!newest || ended[at].revision > newest->revision)
				newest = &ended[at];
		}
		if (!newest || o->revision == 0)
			continue;
		if (o->revision < newest->revision ||
		    (o->kind == HISTORY_PUT && o->revision == newest->revision))
			return wrong(j, "HI4: the later one was told no newer revision", newest, o);
	}
	return 0;
}

static int key_revision_order(const void *left, const void *right)
{
	const struct cluster *a = *(struct cluster *const *)left;
	const struct cluster *b = *(struct cluster *const *)right;
	int order = compare_numbers(a->key, b->key);

	return order ? order : compare_numbers(a->mod_revision, b->mod_revision);
}

/* HI5: the newest put of a key at or below a revision, of those whose revision is known. */
static const struct cluster *newest_at(const struct judge *j, uint32_t key, uint64_t revision)
{
	size_t low = 0, high = j->count;
	const struct cluster *found = NULL;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct cluster *c = j->order[middle];

		if (c->key < key || (c->key == key && c->mod_revision <= revision)) {
			found = c->key == key ? c : found;
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return found && found->mod_revision ? found : NULL;
}

static int reads_are_of_one_moment(struct judge *j)
{
	qsort(j->order, j->count, sizeof(struct cluster *), key_revision_order);
	for (size_t i = 0; i < j->history->count; i++) {
		const struct history_operation *o = &j->history->operation[i];
		const struct cluster *newest;

		if (o->kind != HISTORY_GET || o->revision == 0)
			continue;
		if (o->mod_revision > o->revision)
			return wrong(j, "HI5: newer than the store that it was read from", o, NULL);
		newest = newest_at(j, o->key, o->revision);
		if (newest && newest->mod_revision > o->mod_revision)
			return wrong(j, "HI5: a newer put was there", o, newest->put);
	}
	return 0;
}

int history_judge(const struct history *h, char words[HISTORY_WORDS_MAX])
{
	struct judge j = {.history = h, .words = words};
	int err = clusters_make(&j);

	j.order = calloc(j.count + 1, sizeof(*j.order));
	j.sorted = calloc(2 * h->count + 1, sizeof(*j.sorted));
	if (!j.order || !j.sorted)
		err = -ENOMEM;
	if (!err)
		err = clusters_fill(&j);
	if (!err) {
		for (size_t i = 0; i < j.count; i++)
			j.order[i] = &j.cluster[i];
		qsort(j.order, j.count, sizeof(*j.order), zone_order);
		err = zones_judge(&j);
	}
	if (!err)
		err = revisions_unique(&j);
	if (!err)
		err = revisions_follow_time(&j);
	if (!err)
		err = reads_are_of_one_moment(&j);
	free(j.sorted);
	free(j.order);
	free(j.cluster);
	return err;
}
