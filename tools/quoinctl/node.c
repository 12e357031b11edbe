/*
 * Requests to whichever endpoint answers.
 */
#include "tools/quoinctl/quoinctl.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long an endpoint may be silent before the next is tried, at first; doubled each round. */
#define WELCOME_NS_FIRST (250 * CLOCK_MS)
/* And one that has greeted, until it says whether it is a member. */
#define MEMBER_NS_MAX (500 * CLOCK_MS)

struct asking {
	const struct options *options;
	enum wire_request kind;
	struct kv_request *request;
	uint64_t deadline_ns;
	uint8_t *bytes; /* the request's, once a session_base is known */
	uint32_t size;
	bool maybe;        /* a command that somebody may have taken, or may take yet */
	bool verdict;      /* somebody has said why not: that nobody answers later says less */
	uint32_t learners; /* that were asked in this round: others may answer */
	uint32_t removed;  /* in this round: members no more, that wait as they are configured to */
};

/* The base of a session is what its first node showed: it stays, whoever is asked later. */
static int encode_once(struct asking *a, const struct wire_hello *node)
{
	if (a->bytes)
		return 0;
	if (a->kind == WIRE_COMMAND)
		a->request->session_base = node->commit_index;
	a->size = (uint32_t)kv_request_size(a->request);
	a->bytes = malloc(a->size);
	if (!a->bytes)
		return -ENOMEM;
	kv_request_encode(a->request, a->bytes);
	return 0;
}

bool was_removed(struct endpoint *e, const struct wire_hello *node, uint64_t timeout_ns)
{
	struct status status;

	return node->commit_index == 0 &&
	       !status_ask(e, timeout_ns < MEMBER_NS_MAX ? timeout_ns : MEMBER_NS_MAX, &status) &&
	       status.removed;
}

/* True: it answered, well or badly, and nobody else is to be asked. */
static bool ask_one(struct asking *a, uint32_t i, uint64_t welcome_ns, struct reply *out,
		    char error[ERROR_SIZE])
{
	struct endpoint *e = a->options->endpoint[i];
	uint64_t now = clock_now();
	uint64_t left = a->deadline_ns > now ? a->deadline_ns - now : 1;
	uint32_t others = a->options->endpoint_count - i;
	struct endpoint_answer answer;
	int err;

	if (a->options->endpoint_count == 1)
		welcome_ns = left;
	err = endpoint_welcome(e, left < welcome_ns ? left : welcome_ns, &out->node);
	if (!err && was_removed(e, &out->node, left)) {
		a->removed++;
		if (!a->verdict)
			snprintf(error, ERROR_SIZE, "%s: " WAS_REMOVED, endpoint_text(e));
		return false;
	}
	if (!err && a->kind == WIRE_COMMAND && !a->bytes && out->node.commit_index == 0) {
		snprintf(error, ERROR_SIZE, "%s", status_row(WIRE_NO_LEADER)->words);
		a->verdict = true;
		return false;
	}
	if (!err)
		err = encode_once(a, &out->node);
	if (!err) {
		now = clock_now();
		left = a->deadline_ns > now ? a->deadline_ns - now : 1;
		/* Those after it get their share. */
		err = endpoint_call(e, a->kind, a->bytes, a->size, left / others, &answer);
		a->maybe |= err && err != -ECONNREFUSED;
	}
	if (err) {
		if (!a->verdict)
			snprintf(error, ERROR_SIZE, "%s: %s", endpoint_text(e),
				 endpoint_error_text(err));
		return false;
	}
	if (answer.status != WIRE_OK) {
		const struct status_row *row = status_row(answer.status);

		/* What keeps a voter from answering is the reason, unless there is none here. */
		if (answer.status == WIRE_LEARNER) {
			a->learners++;
			return false;
		}
		snprintf(error, ERROR_SIZE, "%s", row->words);
		a->verdict = true;
		a->maybe |= row->done != STATUS_NOTHING;
		/* What any node would say. */
		return row->done == STATUS_NOTHING && !row->again;
	}
	error[0] = '\0';
	out->data = answer.data;
	out->size = answer.size;
	out->endpoint = e;
	return true;
}

int ask(const struct options *options, enum wire_request kind, struct kv_request *request,
	struct reply *out, char error[ERROR_SIZE])
{
	struct asking a = {
		.options = options,
		.kind = kind,
		.request = request,
		.deadline_ns = clock_now() + options->timeout_ns,
	};
	uint64_t welcome_ns = WELCOME_NS_FIRST;
	bool done = false;

	out->learners = false;
	snprintf(error, ERROR_SIZE, "no endpoints");
	do {
		uint64_t round_ns = clock_now();

		a.learners = a.removed = 0;
		for (uint32_t i = 0; i < options->endpoint_count && !done; i++)
			done = ask_one(&a, i, welcome_ns, out, error);
		if (a.learners && a.learners + a.removed == options->endpoint_count) {
			snprintf(error, ERROR_SIZE, "%s", status_row(WIRE_LEARNER)->words);
			out->learners = true;
			break;
		}
		if (a.removed == options->endpoint_count)
			break;
		welcome_ns *= 2;
		/* All refused at once, or have no socket yet: a node that starts needs a moment. */
		if (!done && clock_now() - round_ns < 10 * CLOCK_MS)
			clock_sleep(50 * CLOCK_MS);
		/* A verdict says more than a question that has no time for its answer. */
	} while (!done && clock_now() + options->timeout_ns / 4 < a.deadline_ns);
	free(a.bytes);
	if (done && error[0] == '\0')
		return 0;
	if (kind == WIRE_COMMAND)
		snprintf(error + strlen(error), ERROR_SIZE - strlen(error), " (%s)",
			 a.maybe ? "it may have been done" : "nothing was done");
	return kind == WIRE_COMMAND && a.maybe ? EXIT_UNCERTAIN : EXIT_FAILED;
}
