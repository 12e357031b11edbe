#include "tools/bench/hurt.h"

#include "base/clock.h"
#include "tools/bench/tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ORDER_NS (1000 * CLOCK_MS)

enum { ARGUMENT_MAX = 64 };

/* A # in an argument of quoin-lab is the leader's number. */
struct manner {
	const char *name;
	const char *command, *option, *argument;
	const char *undo, *undo_argument; /* NULL: there is nothing to give back */
};

/* clang-format off */
static const struct manner manners[] = {
	{"kill", "kill", NULL, "#", "restart", "#"},
	{"stop", "kill", "--signal=TERM", "#", "restart", "#"},
	{"pause", "pause", NULL, "#", "resume", "#"},
	{"partition", "partition", NULL, "#|rest", "heal", NULL},
	{"mute", "partition", NULL, "#>rest", "heal", NULL},
	{"deaf", "partition", NULL, "rest>#", "heal", NULL},
	{"hang", "partition", NULL, "hang #", "heal", NULL},
	{"transfer", NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */

enum { MANNERS = sizeof(manners) / sizeof(manners[0]) };

const struct manner *hurt_find(const char *name)
{
	for (size_t i = 0; i < MANNERS; i++) {
		if (strcmp(manners[i].name, name) == 0)
			return &manners[i];
	}
	return NULL;
}

const char *hurt_name(const struct manner *m)
{
	return m->name;
}

const char *hurt_names(char out[HURT_NAMES_MAX])
{
	size_t used = 0;

	for (size_t i = 0; i < MANNERS; i++)
		used += (size_t)snprintf(out + used, HURT_NAMES_MAX - used, "%s%s",
					 i == 0             ? ""
					 : i == MANNERS - 1 ? " or "
							    : ", ",
					 manners[i].name);
	return out;
}

const char *hurt_begin_text(const struct manner *m)
{
	static char text[64];

	if (!m->command)
		return "the order to the leader";
	snprintf(text, sizeof(text), "the start of quoin-lab %s", m->command);
	return text;
}

/* The lab's names are n1, n2, ... */
static const char *fill(char out[ARGUMENT_MAX], const char *argument, const char *name)
{
	const char *mark = argument ? strchr(argument, '#') : NULL;

	if (!mark)
		return argument;
	snprintf(out, ARGUMENT_MAX, "%.*s%s%s", (int)(mark - argument), argument,
		 name + (name[0] == 'n'), mark + 1);
	return out;
}

static int transfer(const struct hurt *h)
{
	const struct cluster_node *leader = &h->cluster->node[h->leader];
	struct endpoint_answer answer = {0};
	struct endpoint *endpoint;
	char text[64];
	int err, size = snprintf(text, sizeof(text), "move-leader %016" PRIx64,
				 h->cluster->node[h->heir].status.member_id);

	err = endpoint_create(&endpoint, &leader->admin);
	if (err)
		return err;
	err = endpoint_call(endpoint, WIRE_ORDER, (const uint8_t *)text, (uint32_t)size, ORDER_NS,
			    &answer);
	if (err || answer.status != WIRE_OK)
		fprintf(stderr, "quoin-bench: %s: %s: %s\n", leader->name, text,
			endpoint_error_text(err ? err : (int)answer.status));
	else if (answer.size < 4 || memcmp(answer.data, "done", 4) != 0)
		fprintf(stderr, "quoin-bench: %s: %s: %.*s", leader->name, text, (int)answer.size,
			(const char *)answer.data);
	else
		size = 0;
	endpoint_close(endpoint);
	return size ? -EHOSTUNREACH : 0;
}

int hurt_begin(struct hurt *h)
{
	const struct manner *m = h->manner;
	char argument[ARGUMENT_MAX];

	if (!m->command)
		return transfer(h);
	h->pid = tool_lab_begin(m->command, m->option,
				fill(argument, m->argument, h->cluster->node[h->leader].name),
				h->directory);
	return h->pid < 0 ? h->pid : 0;
}

int hurt_end(struct hurt *h)
{
	const struct manner *m = h->manner;
	char argument[ARGUMENT_MAX];
	int err = h->pid > 0 ? tool_lab_end(h->pid, m->command) : 0, undone = 0;

	h->pid = 0;
	if (m->undo)
		undone = tool_lab(
			m->undo, fill(argument, m->undo_argument, h->cluster->node[h->leader].name),
			h->directory);
	return err ? err : undone;
}
