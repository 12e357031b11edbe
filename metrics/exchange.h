/*
 * From the loop to whoever asks: three snapshots that change hands.
 *
 *	the loop    metrics_exchange_wanted, then _begin, fill, _publish
 *	a reader    metrics_exchange_read, metrics_exchange_confirm
 *
 * One snapshot is the loop's, one the readers', and the newest that was published lies between
 * them: each side takes it by exchanging its own for it. So the loop never waits, and no copy is
 * torn.
 *
 *	MX1. Nothing is collected that nobody asked for: without a request a turn pays a few loads.
 *	MX2. Nothing is collected more often than every METRICS_PUBLISH_NS, whoever asks.
 *	MX3. A reader waits at most as long as it says, and not at all before there is a loop; then
 *	    it gets the last snapshot there was.
 */
#ifndef METRICS_EXCHANGE_H
#define METRICS_EXCHANGE_H

#include "metrics/metrics.h"

#include <stdbool.h>

#define METRICS_PUBLISH_NS 5000000ull

struct metrics_exchange;

/* `first`: what is known before there is a loop. 0 or -ENOMEM. */
int metrics_exchange_create(struct metrics_exchange **out, const struct metrics *first);
void metrics_exchange_destroy(struct metrics_exchange *x);

/* The loop's. Between these two it answers. */
void metrics_exchange_attach(struct metrics_exchange *x);
void metrics_exchange_detach(struct metrics_exchange *x);

bool metrics_exchange_wanted(const struct metrics_exchange *x, uint64_t now_ns);
struct metrics *metrics_exchange_begin(struct metrics_exchange *x);
void metrics_exchange_publish(struct metrics_exchange *x, uint64_t now_ns);

/*
 * Confirmations, for health checks: proofs that a linearizable read can be served, which begin
 * after they were asked for. The loop takes the newest ticket that is open, 0 if none is, and gives
 * it back when a read that began after that has been served.
 */
uint32_t metrics_exchange_ticket(const struct metrics_exchange *x);
void metrics_exchange_confirmed(struct metrics_exchange *x, uint32_t ticket);

/*
 * Any thread's. A snapshot taken after the call: 0; or -ETIMEDOUT: the last one there was, and
 * -EAGAIN: the same, for no loop runs yet.
 */
int metrics_exchange_read(struct metrics_exchange *x, uint64_t timeout_ns, struct metrics *out);
/* The newest there is, unchanged until it is released; other readers wait, the loop does not. */
const struct metrics *metrics_exchange_hold(struct metrics_exchange *x);
void metrics_exchange_release(struct metrics_exchange *x);
/* 0: a linearizable read was served; else -ETIMEDOUT or -EAGAIN. */
int metrics_exchange_confirm(struct metrics_exchange *x, uint64_t timeout_ns);

#endif
