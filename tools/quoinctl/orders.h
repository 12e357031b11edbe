/*
 * Orders: what the leader does, and nobody else. It is found as status finds it, from whichever
 * endpoint answers, and asked itself.
 */
#ifndef TOOLS_QUOINCTL_ORDERS_H
#define TOOLS_QUOINCTL_ORDERS_H

#include "tools/quoinctl/member_table.h"

#include "base/clock.h"

enum { ORDER_SIZE = 1024, ORDER_IDS_MAX = 16, ORDER_ANSWER_MAX = 512 };

/* How often it is looked whether an order was done. */
#define ORDER_LOOK_NS (10 * CLOCK_MS)

struct order {
	char text[ORDER_SIZE];
	bool once;     /* it must not be given again where an earlier copy may have been taken */
	bool maybe;    /* a copy may have been taken, or was */
	bool ended;    /* whoever may have taken it went down: nothing takes it later */
	uint64_t term; /* of who was asked last */
	uint32_t id_count;
	uint64_t id[ORDER_IDS_MAX]; /* of new members, as the leader said */
};

/*
 * Asks until a leader has taken the order or refused it. 0, or an exit status with error. *t is the
 * table of who was asked last.
 */
int order_give(const struct options *options, struct order *o, uint64_t deadline_ns,
	       struct member_table *t, char error[ERROR_SIZE]);

/* Nanoseconds; 0: it is over. */
uint64_t left_until(uint64_t deadline_ns);

#endif
