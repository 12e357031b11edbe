/*
 * The language that the disk is steered in: a line in, a line out. disk.h has it for those who use
 * it.
 */
#include "tests/disk/fs.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const op_names[OP_COUNT] = {
	[OP_READ] = "read",     [OP_WRITE] = "write",       [OP_FSYNC] = "fsync",
	[OP_OPEN] = "open",     [OP_CREATE] = "create",     [OP_RENAME] = "rename",
	[OP_REMOVE] = "remove", [OP_FSYNCDIR] = "fsyncdir", [OP_RESIZE] = "resize",
	[OP_LOOK] = "look",
};

enum {
	OPS_META = 1 << OP_OPEN | 1 << OP_CREATE | 1 << OP_RENAME | 1 << OP_REMOVE |
		   1 << OP_FSYNCDIR | 1 << OP_RESIZE,
	OPS_ALL = (1 << OP_COUNT) - 1,
};

static const struct {
	const char *name;
	int error;
} errors[] = {
	{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS},
	{"EAGAIN", EAGAIN}, {"EINTR", EINTR},   {"ENOMEM", ENOMEM}, {"ECANCELED", ECANCELED},
	{"EACCES", EACCES}, {"ENODEV", ENODEV}, {"EMFILE", EMFILE}, {"ENOENT", ENOENT},
};

struct words {
	char *rest;
	char *answer;
};

static bool say(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool say(struct words *w, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(w->answer, TEXT_MAX, format, args);
	va_end(args);
	return false;
}

static char *next(struct words *w)
{
	char *word;

	while ((word = strsep(&w->rest, " \n")))
		if (*word != '\0')
			return word;
	return NULL;
}

static bool number(struct words *w, uint64_t *out)
{
	char *word = next(w), *end;

	if (!word)
		return say(w, "error: a number is missing");
	*out = strtoull(word, &end, 0);
	return *end == '\0' ? true : say(w, "error: %s: no number", word);
}

static bool duration(struct words *w, uint64_t *ns)
{
	char *word = next(w), *unit;

	if (!word)
		return say(w, "error: stall: how long?");
	if (strcmp(word, "forever") == 0) {
		*ns = UINT64_MAX;
		return true;
	}
	*ns = strtoull(word, &unit, 10);
	if (strcmp(unit, "us") == 0)
		*ns *= CLOCK_US;
	else if (strcmp(unit, "ms") == 0)
		*ns *= CLOCK_MS;
	else if (strcmp(unit, "s") == 0)
		*ns *= CLOCK_S;
	else
		return say(w, "error: %s: no time, such as 100ms, 2s or forever", word);
	return true;
}

static bool error_name(struct words *w, int *error)
{
	char *word = next(w);

	for (size_t i = 0; word && i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i].name, word) == 0) {
			*error = errors[i].error;
			return true;
		}
	}
	return say(w, "error: %s: no error, such as EIO", word ? word : "nothing");
}

static bool ops(struct words *w, uint32_t *out)
{
	char *list = next(w), *word;

	if (!list)
		return say(w, "error: on what? read, write, fsync, ..., meta or all");
	while ((word = strsep(&list, ","))) {
		uint32_t found = strcmp(word, "meta") == 0  ? OPS_META
				 : strcmp(word, "all") == 0 ? OPS_ALL
							    : 0;

		for (uint32_t i = 0; i < OP_COUNT; i++)
			if (strcmp(word, op_names[i]) == 0)
				found = 1u << i;
		if (found == 0)
			return say(w, "error: %s: no operation", word);
		*out |= found;
	}
	return true;
}

static bool action(struct words *w, const char *word, struct effect *out)
{
	static const struct {
		const char *name;
		enum action action;
	} names[] = {
		{"watch", ACTION_WATCH}, {"stall", ACTION_STALL}, {"fail", ACTION_FAIL},
		{"tear", ACTION_TEAR},   {"short", ACTION_SHORT}, {"forget", ACTION_FORGET},
		{"lie", ACTION_LIE},     {"gone", ACTION_GONE},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, word) == 0)
			out->action = names[i].action;
	switch (out->action) {
	case ACTION_STALL:
		return duration(w, &out->amount);
	case ACTION_FAIL:
	case ACTION_TEAR:
	case ACTION_GONE:
		return error_name(w, &out->error);
	case ACTION_SHORT:
		return number(w, &out->amount);
	case ACTION_WATCH:
	case ACTION_FORGET:
	case ACTION_LIE:
		return true;
	case ACTION_NONE:
		break;
	}
	return say(w, "error: %s: no action", word);
}

/* on OPS PATTERN [direct|buffered|dsync|nodsync] [skip N] [times N] ACTION */
static bool do_on(struct words *w)
{
	struct rule rule = {0};
	uint32_t added;
	char *word;

	if (!ops(w, &rule.ops))
		return false;
	word = next(w);
	if (!word)
		return say(w, "error: which files?");
	(void)snprintf(rule.pattern, sizeof(rule.pattern), "%s", word);
	while (rule.effect.action == ACTION_NONE) {
		bool good = true;

		word = next(w);
		if (!word)
			return say(w, "error: what shall happen?");
		if (strcmp(word, "direct") == 0)
			rule.flags_set |= O_DIRECT;
		else if (strcmp(word, "buffered") == 0)
			rule.flags_clear |= O_DIRECT;
		else if (strcmp(word, "dsync") == 0)
			rule.flags_set |= O_DSYNC;
		else if (strcmp(word, "nodsync") == 0)
			rule.flags_clear |= O_DSYNC;
		else if (strcmp(word, "skip") == 0)
			good = number(w, &rule.skip);
		else if (strcmp(word, "times") == 0)
			good = number(w, &rule.times);
		else
			good = action(w, word, &rule.effect);
		if (!good)
			return false;
	}
	if (next(w))
		return say(w, "error: too many words");
	added = rule_add(&rule);
	return added ? !say(w, "%u", added) : say(w, "error: too many rules");
}

/* drop RULE|all: and what waited for it is done. */
static bool do_drop(struct words *w)
{
	char *word = next(w);
	uint32_t rule = 0;

	if (!word)
		return say(w, "error: drop: which rule, or all");
	if (strcmp(word, "all") != 0)
		rule = (uint32_t)strtoul(word, NULL, 10);
	if (!rule_drop(rule) || (rule == 0 && strcmp(word, "all") != 0))
		return say(w, "error: no rule %s", word);
	waiting_release(rule);
	return true;
}

static bool do_hits(struct words *w)
{
	uint64_t rule = 0, count;
	bool known;

	if (!number(w, &rule))
		return false;
	count = rule_hits((uint32_t)rule, &known);
	return known ? !say(w, "%lu", (unsigned long)count) : say(w, "error: no such rule");
}

/* space N|+N|unlimited */
static bool do_space(struct words *w)
{
	char *word = next(w);

	if (!word)
		return !say(w, fs.limited ? "%lu" : "unlimited", (unsigned long)fs.space);
	if (strcmp(word, "unlimited") == 0) {
		fs.limited = false;
	} else if (word[0] == '+') {
		fs.space += strtoull(word + 1, NULL, 0);
	} else {
		fs.limited = true;
		fs.space = strtoull(word, NULL, 0);
	}
	return true;
}

static bool do_cut(struct words *w)
{
	char *word = next(w);
	enum cut how;

	if (!word)
		return say(w, "error: cut: lose, tear or keep");
	if (strcmp(word, "lose") == 0)
		how = CUT_LOSE;
	else if (strcmp(word, "tear") == 0)
		how = CUT_TEAR;
	else if (strcmp(word, "keep") == 0)
		how = CUT_KEEP;
	else
		return say(w, "error: cut %s: lose, tear or keep", word);
	waiting_cut(how);
	for (uint64_t i = 0; node_at(i); i++)
		unsynced_cut(node_at(i), how);
	change_cut(how);
	return true;
}

bool control_do(char *command, char answer[TEXT_MAX])
{
	struct words w = {command, answer};
	char *word = next(&w);
	uint64_t value = 0;

	(void)snprintf(answer, TEXT_MAX, "ok");
	if (!word) {
		(void)say(&w, "error: no command");
	} else if (strcmp(word, "on") == 0) {
		(void)do_on(&w);
	} else if (strcmp(word, "drop") == 0) {
		(void)do_drop(&w);
	} else if (strcmp(word, "hits") == 0) {
		(void)do_hits(&w);
	} else if (strcmp(word, "waiting") == 0) {
		(void)say(&w, "%u", waiting_count());
	} else if (strcmp(word, "space") == 0) {
		(void)do_space(&w);
	} else if (strcmp(word, "seed") == 0) {
		if (number(&w, &value))
			fs.random = value;
	} else if (strcmp(word, "unit") == 0) {
		if (number(&w, &value))
			fs.unit = (uint32_t)value;
	} else if (strcmp(word, "cut") == 0) {
		/* The power is off: nothing more happens here. */
		return !do_cut(&w);
	} else if (strcmp(word, "quit") == 0) {
		return false;
	} else {
		(void)say(&w, "error: %s: no command", word);
	}
	return true;
}
