/*
 * The places of HTTP's connections. Of those beyond what there is room for, the one that has been
 * idle for longest gives way; while each of them is being answered, the newest is refused.
 */
#ifndef METRICS_PLACES_H
#define METRICS_PLACES_H

#include "metrics/http.h"

#include <pthread.h>
#include <stdbool.h>

enum { PLACES_MAX = METRICS_HTTP_CONNECTIONS_MAX + METRICS_HTTP_LEAVING_MAX };

enum place_state {
	PLACE_FREE,
	PLACE_IDLE,    /* its request is not here yet, or its answer is on its way */
	PLACE_BUSY,    /* its answer is being made */
	PLACE_REFUSED, /* it is told to come again */
	PLACE_LEAVING, /* it gave way */
};

struct places;

struct place {
	struct places *of;
	enum place_state state;
	bool asked;
	int fd;
	uint64_t since; /* the higher, the later: a count of all such moments */
};

struct places {
	pthread_mutex_t lock;
	uint32_t room;
	uint64_t moments;
	struct place place[PLACES_MAX];
};

void places_init(struct places *p, uint32_t room);

/* A connection begins. There is a place for each that the library lets in. */
struct place *places_take(struct places *p, int fd);

/* Before its descriptor is closed. */
void places_give(struct place *place);

/* It asks. False: refuse it. */
bool places_busy(struct place *place);
void places_idle(struct place *place);

#endif
