#include "tools/quoinctl/orders.h"

#include "tools/quoinctl/members.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Who was the leader a moment ago is not waited for longer. */
#define ORDER_NS_MAX (1000 * CLOCK_MS)
/* Nor one that hangs, while it is looked which of the endpoints leads. */
#define ORDER_PROBE_NS (1000 * CLOCK_MS)
/* A hand-over was given up by then, where timers are not long; else it is the same one. */
#define ORDER_AGAIN_NS (500 * CLOCK_MS)

uint64_t left_until(uint64_t deadline_ns)
{
	uint64_t now = clock_now();

	return deadline_ns > now ? deadline_ns - now : 0;
}

/* What the leader said. 0: it has begun; else an exit status with error. */
static int answer_take(const struct endpoint_answer *answer, struct order *o,
		       char error[ERROR_SIZE])
{
	static const char refused[] = "refused ";
	const size_t length = sizeof(refused) - 1;

	if (answer->size > length && memcmp(answer->data, refused, length) == 0) {
		const char *why = (const char *)answer->data + length;
		const char *end = memchr(why, '\n', answer->size - length);

		snprintf(error, ERROR_SIZE, "etcdserver: %.*s",
			 (int)(end ? end - why : (long)(answer->size - length)), why);
		return EXIT_FAILED;
	}
	o->maybe = true;
	if (answer->size >= 4 && memcmp(answer->data, "done", 4) == 0) {
		char text[ORDER_ANSWER_MAX];

		snprintf(text, sizeof(text), "%.*s", (int)answer->size - 4,
			 (const char *)answer->data + 4);
		for (char *at = text, *end; o->id_count < ORDER_IDS_MAX; at = end) {
			uint64_t id = strtoull(at, &end, 16);

			if (end == at)
				break;
			o->id[o->id_count++] = id;
		}
		return 0;
	}
	snprintf(error, ERROR_SIZE, "an answer that cannot be read: is it another release?");
	return EXIT_UNCERTAIN;
}

/* Of who was asked: its connection broke, or it said that it stops. */
static bool has_ended(int err, enum wire_status status)
{
	return err ? err == -ECONNRESET || err == -EPIPE : status == WIRE_STOPPING;
}

/* By this endpoint. -1: it does not lead, or is silent, with error. */
static int order_by(struct endpoint *e, struct order *o, uint64_t timeout_ns,
		    char error[ERROR_SIZE])
{
	struct endpoint_answer answer;
	int err = endpoint_call(e, WIRE_ORDER, (const uint8_t *)o->text, (uint32_t)strlen(o->text),
				timeout_ns < ORDER_NS_MAX ? timeout_ns : ORDER_NS_MAX, &answer);

	if (!err && answer.status == WIRE_OK)
		return answer_take(&answer, o, error);
	snprintf(error, ERROR_SIZE, "%s: %s", endpoint_text(e),
		 endpoint_error_text(err ? err : (int)answer.status));
	if ((err && err != -ECONNREFUSED) ||
	    (!err && status_row(answer.status)->done == STATUS_UNKNOWN)) {
		o->maybe = true;
		o->ended = has_ended(err, answer.status);
		/* Given once more it would be refused, for what it has done itself. */
		return o->once ? EXIT_UNCERTAIN : -1;
	}
	return !err && !status_row(answer.status)->again ? EXIT_FAILED : -1;
}

/* By way of the leader that this table's teller knows. */
static int order_once(const struct options *options, const struct member_table *t, struct order *o,
		      uint64_t timeout_ns, char error[ERROR_SIZE])
{
	static struct members members;
	static struct options quick;
	char id[sizeof(members.member[0].id)];
	int status = -1;

	o->ended = false;
	o->term = t->status.term;
	if (t->status.leader == t->status.member_id)
		return order_by(t->endpoint, o, timeout_ns, error);
	quick = *options;
	if (quick.timeout_ns > ORDER_PROBE_NS)
		quick.timeout_ns = ORDER_PROBE_NS;
	if (members_ask(&members, &quick)) {
		snprintf(error, ERROR_SIZE, "out of memory");
		return EXIT_FAILED;
	}
	snprintf(id, sizeof(id), "%016" PRIx64, t->status.leader);
	snprintf(error, ERROR_SIZE, "the leader, %s, is reached by no endpoint: name it",
		 t->status.leader_name[0] ? t->status.leader_name : id);
	for (uint32_t i = 0; i < members.count; i++) {
		struct member *m = &members.member[i];

		if (strcmp(m->id, id) != 0 || !member_answered(m))
			continue;
		o->term = m->probe->status.term;
		status = order_by(m->probe->endpoint, o, timeout_ns, error);
	}
	members_free(&members);
	return status;
}

int order_give(const struct options *options, struct order *o, uint64_t deadline_ns,
	       struct member_table *t, char error[ERROR_SIZE])
{
	int status;

	for (;;) {
		status = order_once(options, t, o, left_until(deadline_ns), error);
		if (status >= 0)
			return status;
		if (left_until(deadline_ns) < ORDER_NS_MAX)
			return o->maybe ? EXIT_UNCERTAIN : EXIT_FAILED;
		clock_sleep(ORDER_LOOK_NS);
		status = member_table_ask(options, t, error);
		if (status)
			return o->maybe ? EXIT_UNCERTAIN : status;
	}
}

/*
 * Until it leads, as far as the table's teller knows. An order that came to nothing is given again:
 * if it is refused then, that says why. 0, or an exit status with error.
 */
static int wait_leading(const struct options *options, struct order *o, uint64_t id,
			uint64_t deadline_ns, struct member_table *t, char error[ERROR_SIZE])
{
	uint64_t again_ns = clock_now() + ORDER_AGAIN_NS;
	int status;

	while (t->status.leader != id) {
		if (!left_until(deadline_ns)) {
			snprintf(error, ERROR_SIZE,
				 "etcdserver: request timed out, leader transfer took too long");
			return EXIT_UNCERTAIN;
		}
		clock_sleep(ORDER_LOOK_NS);
		if (clock_now() >= again_ns && t->status.leader != 0) {
			status = order_give(options, o, deadline_ns, t, error);
			if (status)
				return status;
			again_ns = clock_now() + ORDER_AGAIN_NS;
		}
		if (status_ask(t->endpoint, left_until(deadline_ns) + 1, &t->status))
			t->status.leader = 0;
	}
	return 0;
}

int command_move_leader(const struct options *options)
{
	const uint64_t deadline_ns = clock_now() + options->timeout_ns;
	static struct member_table t;
	const struct member_row *to;
	struct order order = {.once = false};
	char error[ERROR_SIZE];
	uint64_t from = 0, id;
	int status;

	if (options->word_count != 1)
		return complain(EXIT_MISUSED, "move-leader command needs 1 argument");
	status = member_table_ask(options, &t, error);
	if (status)
		return complain(status, "%s", error);
	to = member_table_find(&t, options->word[0], error);
	if (!to)
		return complain(EXIT_FAILED, "%s", error);
	id = to->id;
	if (t.status.leader == id) {
		printf("Member %" PRIx64 " leads already\n", id);
		return EXIT_ANSWERED;
	}
	snprintf(order.text, sizeof(order.text), "move-leader %016" PRIx64 "\n", id);
	status = order_give(options, &order, deadline_ns, &t, error);
	if (!status) {
		from = t.status.leader;
		status = wait_leading(options, &order, id, deadline_ns, &t, error);
	}
	if (status)
		return complain(
			status, "%s%s", error,
			status == EXIT_UNCERTAIN
				? " (it may have been done: endpoint status shows who leads)"
				: "");
	printf("Leadership transferred from %" PRIx64 " to %" PRIx64 "\n", from, id);
	return EXIT_ANSWERED;
}
