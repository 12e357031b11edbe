#include "tools/bench/round.h"

#include "base/clock.h"
#include "tools/bench/put.h"
#include "tools/bench/stop.h"
#include "tools/bench/tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ASK_NS (200 * CLOCK_US)
#define ASK_TIMEOUT_NS (200 * CLOCK_MS)
#define ROUND_NS (30 * CLOCK_S)

struct survivor {
	const struct cluster_node *node;
	struct endpoint *endpoint; /* for status; NULL: it did not answer once */
};

struct round {
	const struct round_options *options;
	uint64_t old_term;
	uint64_t begun_ns;
	struct survivor survivor[CLUSTER_NODES_MAX];
	uint32_t survivor_count;
	struct put *put;
	uint64_t at_ns[PHASES]; /* 0: not reached yet */
	uint64_t errors;
};

static void survivors_close(struct round *r)
{
	for (uint32_t i = 0; i < r->survivor_count; i++)
		endpoint_close(r->survivor[i].endpoint);
	r->survivor_count = 0;
	if (r->put)
		put_destroy(r->put);
	r->put = NULL;
}

static int survivors_open(struct round *r, int leader)
{
	struct address admin[CLUSTER_NODES_MAX];
	struct wire_hello welcome;
	int err;

	for (int i = 0; i < (int)r->options->cluster->count; i++) {
		struct survivor *s = &r->survivor[r->survivor_count];

		if (i == leader)
			continue;
		s->node = &r->options->cluster->node[i];
		err = endpoint_create(&s->endpoint, &s->node->admin);
		if (err)
			return err;
		admin[r->survivor_count++] = s->node->admin;
		err = endpoint_welcome(s->endpoint, ASK_TIMEOUT_NS, &welcome);
		if (err) {
			fprintf(stderr, "quoin-bench: %s: %s\n", s->node->admin.text,
				endpoint_error_text(err));
			return -EHOSTUNREACH;
		}
	}
	return put_create(&r->put, admin, r->survivor_count);
}

static void reached(struct round *r, enum phase phase, uint64_t now)
{
	if (!r->at_ns[phase])
		r->at_ns[phase] = now;
}

static void ask(struct round *r, struct survivor *s)
{
	struct status status;

	if (!s->endpoint)
		return;
	if (status_ask(s->endpoint, ASK_TIMEOUT_NS, &status)) {
		r->errors++;
		endpoint_close(s->endpoint);
		s->endpoint = NULL;
		return;
	}
	if (status.term > r->old_term || strstr(status.role, "candidate"))
		reached(r, PHASE_DETECTION, clock_now());
	if (status.term > r->old_term && !strcmp(status.role, "leader"))
		reached(r, PHASE_ELECTION, clock_now());
}

/* Until the first commit. 0, -ETIMEDOUT, or -EINTR: a signal asked to stop. */
static int watch(struct round *r)
{
	bool putting = false;

	while (!r->at_ns[PHASE_COMMIT]) {
		uint64_t now;

		for (uint32_t i = 0; i < r->survivor_count && !r->at_ns[PHASE_ELECTION]; i++)
			ask(r, &r->survivor[i]);
		now = clock_now();
		if (r->at_ns[PHASE_DETECTION] && !putting) {
			put_begin(r->put, now);
			putting = true;
		}
		if (putting && put_poll(r->put, ASK_NS)) {
			/* Between two questions a whole election may have passed. */
			now = clock_now();
			reached(r, PHASE_ELECTION, now);
			reached(r, PHASE_COMMIT, now);
		}
		if (!putting)
			clock_sleep(ASK_NS);
		if (now - r->begun_ns > ROUND_NS)
			return -ETIMEDOUT;
		if (stop_requested())
			return -EINTR;
	}
	return 0;
}

/* The number of a node: the lab's names are n1, n2, ... */
static const char *number_of(const struct round *r, int node)
{
	const char *name = r->options->cluster->node[node].name;

	return name + (name[0] == 'n');
}

/* "1|2,3": the leader on one side, all others on the other. */
static void argument_for(const struct round *r, int leader, char *out, size_t size_max)
{
	const char *separator = "|";
	size_t size;

	size = (size_t)snprintf(out, size_max, "%s", number_of(r, leader));
	if (!r->options->manner->cuts)
		return;
	for (int i = 0; i < (int)r->options->cluster->count && size < size_max; i++) {
		if (i == leader)
			continue;
		size += (size_t)snprintf(out + size, size_max - size, "%s%s", separator,
					 number_of(r, i));
		separator = ",";
	}
}

static int lose_leader(struct round *r, int leader, uint32_t number)
{
	const struct cluster_node *node = &r->options->cluster->node[leader];
	const struct manner *manner = r->options->manner;
	char argument[256];
	int err, tool_err;
	pid_t pid;

	argument_for(r, leader, argument, sizeof(argument));
	r->old_term = node->status.term;
	r->begun_ns = clock_now();
	pid = tool_lab_begin(manner->command, argument, r->options->directory);
	if (pid < 0)
		return pid;
	err = watch(r);
	tool_err = tool_lab_end(pid, manner->command);
	if (!err)
		err = tool_err;
	if (err == -ETIMEDOUT)
		fprintf(stderr, "quoin-bench: round %u: no commit in %u s after %s of %s\n", number,
			(unsigned int)(ROUND_NS / CLOCK_S), manner->name, node->name);
	tool_err = tool_lab(manner->undo, manner->cuts ? NULL : number_of(r, leader),
			    r->options->directory);
	return err ? err : tool_err;
}

int round_run(const struct round_options *options, uint32_t number, int leader, double us[PHASES],
	      uint64_t *errors)
{
	struct round r = {.options = options};
	int err = survivors_open(&r, leader);

	if (!err)
		err = lose_leader(&r, leader, number);
	*errors += r.errors + (r.put ? put_errors(r.put) : 0);
	survivors_close(&r);
	for (int i = 0; !err && i < PHASES; i++)
		us[i] = (double)(r.at_ns[i] - r.begun_ns) / 1000;
	return err;
}
