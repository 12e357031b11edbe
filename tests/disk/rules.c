/*
 * What goes wrong with which request, and the requests that wait because of it.
 */
#include "tests/disk/fs.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static struct rule rules[RULES_MAX];
static uint32_t last_number;
static struct request *waiting;

uint32_t rule_add(const struct rule *rule)
{
	for (size_t i = 0; i < RULES_MAX; i++) {
		if (rules[i].number == 0) {
			rules[i] = *rule;
			rules[i].number = ++last_number;
			return last_number;
		}
	}
	return 0;
}

bool rule_drop(uint32_t number)
{
	bool found = number == 0;

	for (size_t i = 0; i < RULES_MAX; i++) {
		if (rules[i].number != 0 && (number == 0 || rules[i].number == number)) {
			rules[i].number = 0;
			found = true;
		}
	}
	return found;
}

/* How often it was in force. */
static uint64_t hits(const struct rule *rule)
{
	uint64_t n = rule->seen > rule->skip ? rule->seen - rule->skip : 0;

	return rule->times != 0 && n > rule->times ? rule->times : n;
}

uint64_t rule_hits(uint32_t number, bool *known)
{
	*known = false;
	for (size_t i = 0; i < RULES_MAX; i++) {
		if (number != 0 && rules[i].number == number) {
			*known = true;
			return hits(&rules[i]);
		}
	}
	return 0;
}

/* A request that concerns it is seen. True: it is in force. */
static bool applies(struct rule *rule, const struct request *r)
{
	const char *name = r->name[0] != '\0' ? r->name : r->node->name;

	if (rule->number == 0 || !(rule->ops & 1u << r->op) ||
	    (r->flags & rule->flags_set) != rule->flags_set || (r->flags & rule->flags_clear) != 0)
		return false;
	if (fnmatch(rule->pattern, name, 0) != 0 &&
	    (r->to[0] == '\0' || fnmatch(rule->pattern, r->to, 0) != 0))
		return false;
	rule->seen++;
	return rule->seen > rule->skip &&
	       (rule->times == 0 || rule->seen - rule->skip <= rule->times);
}

static bool delays(const struct rule *rule)
{
	return rule->effect.action == ACTION_WATCH || rule->effect.action == ACTION_STALL;
}

/* The request has answered, or will nevermore. */
static void request_free(struct request *r)
{
	free(r->copy);
	free(r);
}

static void execute(struct request *r)
{
	for (size_t i = 0; i < RULES_MAX && r->effect.action == ACTION_NONE; i++) {
		if (!delays(&rules[i]) && applies(&rules[i], r))
			r->effect = rules[i].effect;
	}
	if (r->effect.action == ACTION_FAIL)
		(void)fuse_reply_err(r->req, r->effect.error);
	else
		r->run(r);
	request_free(r);
}

void request_begin(struct request *r)
{
	uint64_t now = clock_now();

	r->due_ns = 0;
	for (size_t i = 0; i < RULES_MAX; i++) {
		const struct effect *e = &rules[i].effect;
		uint64_t due;

		if (!delays(&rules[i]) || !applies(&rules[i], r) || e->action != ACTION_STALL)
			continue;
		due = e->amount == UINT64_MAX ? UINT64_MAX : now + e->amount;
		if (due > r->due_ns) {
			r->due_ns = due;
			r->rule = rules[i].number;
		}
	}
	if (r->due_ns == 0) {
		execute(r);
		return;
	}
	if (r->data && !r->copy) {
		r->copy = malloc(r->size);
		assert(r->copy);
		memcpy(r->copy, r->data, r->size);
		r->data = r->copy;
	}
	r->next = waiting;
	waiting = r;
}

int waiting_timeout(void)
{
	uint64_t due = UINT64_MAX;
	uint64_t now = clock_now();

	for (const struct request *r = waiting; r; r = r->next)
		if (r->due_ns < due)
			due = r->due_ns;
	if (due == UINT64_MAX)
		return -1;
	/* Not before it is due. */
	return due <= now ? 0 : (int)((due - now) / CLOCK_MS) + 1;
}

/* Takes one out for which it is time, the one that is due first; NULL: there is none. */
static struct request *take(uint64_t now)
{
	struct request **first = NULL;
	struct request *r;

	/* The newest is in front: of those that are due at once the oldest goes first. */
	for (struct request **at = &waiting; *at; at = &(*at)->next)
		if ((*at)->due_ns <= now && (!first || (*at)->due_ns <= (*first)->due_ns))
			first = at;
	if (!first)
		return NULL;
	r = *first;
	*first = r->next;
	return r;
}

void waiting_run(void)
{
	uint64_t now = clock_now();
	struct request *r;

	while ((r = take(now)))
		execute(r);
}

uint32_t waiting_count(void)
{
	uint32_t count = 0;

	for (const struct request *r = waiting; r; r = r->next)
		count++;
	return count;
}

void waiting_release(uint32_t rule)
{
	for (struct request *r = waiting; r; r = r->next)
		if (rule == 0 || r->rule == rule)
			r->due_ns = 0;
	waiting_run();
}

void waiting_cut(enum cut how)
{
	struct request *r;

	while ((r = take(UINT64_MAX))) {
		if (how == CUT_TEAR && r->op == OP_WRITE && node_open(r->node) == 0) {
			unsynced_tear(r->node, r->data, r->offset, r->size);
			node_close(r->node);
		}
		request_free(r);
	}
}
