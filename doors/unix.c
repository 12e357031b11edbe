/*
 * The outbox of a request is its call's own buffer: while a piece is on its way the call is away,
 * with the socket's thread. A request that ends meanwhile (its time is up, the node stops) leaves
 * the call its last word, which is said when it comes back.
 */
#include "doors/unix.h"

#include "doors/words.h"
#include "serve/request.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct unix_door {
	struct door door; /* first: a door is cast to its unix_door */
	struct calls *calls;
	struct serve *serve;
	unix_admin *admin; /* NULL: nobody is asked */
	void *admin_arg;
};

/* The door_state of this door's requests. */
struct unix_request {
	struct call *call;
	bool away; /* a piece is on its way */
};

static_assert(sizeof(struct unix_request) <= REQUEST_DOOR_SIZE, "it has room for that");

static struct unix_request *unix_request_of(struct request *q)
{
	return (struct unix_request *)(void *)q->door_state;
}

static void give(struct door *door, struct call *call, enum serve_status status, bool more,
		 const uint8_t *data, uint32_t size)
{
	struct unix_door *d = (struct unix_door *)door;

	assert(size <= WIRE_MESSAGE_SIZE_MAX);
	call->status = (uint8_t)status;
	call->retry_after_us = status_row(status)->hint_us;
	call->more = more;
	call->answer_size = size;
	if (size)
		memcpy(call->answer, data, size);
	calls_give(d->calls, call);
}

/* The last word, now or when the call is back. */
static void last_word(struct door *door, struct request *q, enum serve_status status,
		      const uint8_t *data, uint32_t size)
{
	struct unix_request *u = unix_request_of(q);

	u->call->owner = NULL;
	if (!u->away) {
		give(door, u->call, status, false, data, size);
		return;
	}
	assert(status != SERVE_OK);
	u->call->last_word = (uint8_t)status;
}

static bool unix_answer(struct door *door, struct request *q, enum serve_status status,
			const uint8_t *data, uint32_t size)
{
	last_word(door, q, status, data, size);
	return false;
}

static bool unix_push(struct door *door, struct request *q, const uint8_t *data, uint32_t size)
{
	struct unix_request *u = unix_request_of(q);

	assert(!u->away); /* DR2 */
	u->away = true;
	give(door, u->call, SERVE_OK, true, data, size);
	return true;
}

static void unix_gone(struct door *door, struct request *q)
{
	last_word(door, q, SERVE_STOPPING, NULL, 0);
}

static void begin(struct unix_door *d, struct call *call)
{
	enum request_kind kind;
	enum serve_status why;
	struct request *q;

	call->owner = NULL;
	if (!words_serve_kind(call->kind, &kind)) {
		if (!d->admin || !d->admin(d->admin_arg, call, &why))
			why = SERVE_INVALID;
		give(&d->door, call, why, false, NULL, 0);
		return;
	}
	q = serve_open(d->serve, &d->door, 0, call->id, 0, 0, call->timeout_us, &why);
	if (!q) {
		give(&d->door, call, why, false, NULL, 0);
		return;
	}
	call->owner = q;
	unix_request_of(q)->call = call;
	q->data = call->data;
	q->size = call->size;
	serve_begin(d->serve, q, kind);
}

/* A call is back from a piece of its answer. */
static void resume(struct unix_door *d, struct call *call)
{
	struct request *q = call->owner;

	if (!q) {
		give(&d->door, call, (enum serve_status)call->last_word, false, NULL, 0);
		return;
	}
	unix_request_of(q)->away = false;
	if (call->event == CALL_WRITTEN)
		serve_pulled(d->serve, q);
	else
		serve_cancel(d->serve, q);
}

void unix_door_poll(struct unix_door *d)
{
	struct call *call;

	while ((call = calls_take(d->calls))) {
		if (call->event == CALL_REQUEST)
			begin(d, call);
		else
			resume(d, call);
	}
}

int unix_door_create(struct unix_door **out, struct calls *calls, struct serve *serve)
{
	static const struct door_ops ops = {
		.answer = unix_answer, .push = unix_push, .gone = unix_gone};
	struct unix_door *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->door = (struct door){.ops = &ops};
	d->calls = calls;
	d->serve = serve;
	*out = d;
	return 0;
}

void unix_door_set_admin(struct unix_door *d, unix_admin *admin, void *arg)
{
	d->admin = admin;
	d->admin_arg = arg;
}

void unix_door_destroy(struct unix_door *d)
{
	free(d);
}
