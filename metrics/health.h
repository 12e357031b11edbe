/*
 * Health as etcd tells it on /health, /livez and /readyz: what is checked for each path, and the
 * page that comes of it. Pure: the answers of the checks come in.
 *
 *	/health    {"health":"true","reason":""}; needs a leader and a linearizable read
 *	/livez     serializable_read: the loop turns
 *	/readyz    serializable_read, linearizable_read (a majority answers as well), non_learner
 *	/livez/CHECK and /readyz/CHECK: one of them
 *
 * `verbose` shows each check also when all are well, `exclude=CHECK` leaves one out, and
 * `serializable=true` asks /health for this member alone.
 */
#ifndef METRICS_HEALTH_H
#define METRICS_HEALTH_H

#include "metrics/metrics.h"

#include <stdbool.h>

/* Three lines, each with what the node waits for. */
enum { METRICS_HEALTH_SIZE_MAX = 3 * (METRICS_WAITING_MAX + 64) };

/* A path and its query, understood. */
struct metrics_health_question {
	bool json; /* /health */
	bool serializable, linearizable, non_learner;
	bool verbose;
	bool alive_is_enough; /* /livez: one that waits, or starts, is alive */
};

/* False: no path of health. `excluded` says whether the query leaves a check out. */
bool metrics_health_parse(const char *path, bool (*excluded)(void *context, const char *check),
			  void *context, struct metrics_health_question *out);

struct metrics_health_answer {
	const struct metrics *metrics;
	int read_err;    /* of metrics_exchange_read */
	int confirm_err; /* of metrics_exchange_confirm, if it was asked */
};

/* True: well. The page is in `out`. */
bool metrics_health_page(const struct metrics_health_question *question,
			 const struct metrics_health_answer *answer,
			 char out[METRICS_HEALTH_SIZE_MAX]);

#endif
