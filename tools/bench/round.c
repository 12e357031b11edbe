#include "tools/bench/round.h"

#include "base/clock.h"
#include "tools/bench/stop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Between two questions. Each is work for a node, and so takes time from the puts. */
#define ASK_NS (500 * CLOCK_US)
#define ASK_TIMEOUT_NS (200 * CLOCK_MS)
#define ROUND_NS (30 * CLOCK_S)

struct survivor {
	const struct cluster_node *node;
	struct endpoint *endpoint; /* for status; NULL: it did not answer once */
};

struct round {
	const struct round_options *options;
	struct writers *writers;
	uint32_t leader;
	uint64_t old_term;
	struct survivor survivor[CLUSTER_NODES_MAX];
	uint32_t survivor_count, next; /* the survivor that is asked next */
	uint64_t at_ns[PHASES];        /* 0: not reached yet */
	uint64_t errors;
};

static void survivors_close(struct round *r)
{
	for (uint32_t i = 0; i < r->survivor_count; i++)
		endpoint_close(r->survivor[i].endpoint);
	r->survivor_count = 0;
}

static int survivors_open(struct round *r)
{
	struct wire_hello welcome;
	int err;

	for (uint32_t i = 0; i < r->options->cluster->count; i++) {
		struct survivor *s = &r->survivor[r->survivor_count];

		if (i == r->leader)
			continue;
		s->node = &r->options->cluster->node[i];
		err = endpoint_create(&s->endpoint, &s->node->admin);
		if (err)
			return err;
		r->survivor_count++;
		err = endpoint_welcome(s->endpoint, ASK_TIMEOUT_NS, &welcome);
		if (err) {
			fprintf(stderr, "quoin-bench: %s: %s\n", s->node->admin.text,
				endpoint_error_text(err));
			return -EHOSTUNREACH;
		}
	}
	return 0;
}

static void reached(struct round *r, enum phase phase, uint64_t now)
{
	if (!r->at_ns[phase])
		r->at_ns[phase] = now;
}

/* Between two questions a whole election may have passed. */
static void committed(struct round *r, uint64_t at)
{
	uint64_t *election = &r->at_ns[PHASE_ELECTION];

	r->at_ns[PHASE_COMMIT] = at;
	if (at && (!*election || *election > at))
		*election = at;
}

static void ask(struct round *r)
{
	struct survivor *s = &r->survivor[r->next++ % r->survivor_count];
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

/* Nothing is done to the leader. 0, -EAGAIN: another one is elected; -EINTR. */
static int control(struct round *r)
{
	uint64_t end = clock_now() + r->options->window_ns;

	writers_look(r->writers);
	while (clock_now() < end) {
		ask(r);
		clock_sleep(ASK_NS);
		if (stop_requested())
			return -EINTR;
		if (r->at_ns[PHASE_DETECTION])
			return -EAGAIN;
	}
	return 0;
}

/* For a window, and until the first commit. 0, -ETIMEDOUT, or -EINTR: a signal asked to stop. */
static int watch(struct round *r, uint64_t begun)
{
	bool expecting = false;

	while (!r->at_ns[PHASE_COMMIT] || clock_now() - begun < r->options->window_ns) {
		ask(r);
		if (r->at_ns[PHASE_DETECTION] && !expecting) {
			writers_expect(r->writers, r->leader);
			expecting = true;
		}
		if (expecting && !r->at_ns[PHASE_COMMIT])
			committed(r, writers_expected(r->writers));
		clock_sleep(ASK_NS);
		if (clock_now() - begun > ROUND_NS)
			return -ETIMEDOUT;
		if (stop_requested())
			return -EINTR;
	}
	return 0;
}

static int lose_leader(struct round *r, uint32_t number, double us[PHASES])
{
	struct hurt hurt = {
		.manner = r->options->manner,
		.cluster = r->options->cluster,
		.directory = r->options->directory,
		.leader = r->leader,
		.heir = (uint32_t)(r->survivor[number % r->survivor_count].node -
				   r->options->cluster->node),
	};
	uint64_t begun = clock_now(), gap = 0;
	int err, end_err;

	writers_look(r->writers);
	err = hurt_begin(&hurt);
	if (err)
		return err;
	err = watch(r, begun);
	gap = writers_gap(r->writers);
	if (err == -ETIMEDOUT)
		fprintf(stderr, "quoin-bench: round %u: no commit in %u s after %s of %s\n", number,
			(unsigned int)(ROUND_NS / CLOCK_S), hurt_name(hurt.manner),
			r->options->cluster->node[r->leader].name);
	end_err = hurt_end(&hurt);
	for (int i = 0; i < PHASE_GAP; i++)
		us[i] = (double)(r->at_ns[i] - begun) / 1000;
	us[PHASE_GAP] = (double)gap / 1000;
	return err ? err : end_err;
}

int round_run(const struct round_options *options, struct writers *writers, uint32_t number,
	      uint32_t leader, double us[PHASES], uint64_t *errors)
{
	struct round r = {
		.options = options,
		.writers = writers,
		.leader = leader,
		.old_term = options->cluster->node[leader].status.term,
	};
	int err = survivors_open(&r);

	if (!err)
		err = control(&r);
	if (!err) {
		us[PHASE_CONTROL] = (double)writers_gap(writers) / 1000;
		err = lose_leader(&r, number, us);
	}
	*errors += r.errors;
	survivors_close(&r);
	return err;
}
