#include "metrics/places.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

void places_init(struct places *p, uint32_t room)
{
	memset(p, 0, sizeof(*p));
	pthread_mutex_init(&p->lock, NULL);
	p->room = room;
}

static void set(struct places *p, struct place *place, enum place_state state)
{
	place->state = state;
	place->since = ++p->moments;
}

/* Its thread finds that the connection has ended, and closes it. */
static void leave(struct places *p, struct place *place)
{
	static const char words[] = "HTTP/1.1 503 Service Unavailable\r\n"
				    "Connection: close\r\nContent-Length: 27\r\n\r\n"
				    "others want this connection";

	if (!place->asked)
		(void)send(place->fd, words, sizeof(words) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(place->fd, SHUT_RDWR);
	set(p, place, PLACE_LEAVING);
}

/* Room for one more, if anybody does nothing. */
static bool make_room(struct places *p)
{
	struct place *longest = NULL;
	uint32_t used = 0;

	for (uint32_t i = 0; i < PLACES_MAX; i++) {
		struct place *place = &p->place[i];

		if (place->state == PLACE_FREE || place->state == PLACE_LEAVING)
			continue;
		used++;
		if (place->state != PLACE_BUSY && (!longest || place->since < longest->since))
			longest = place;
	}
	if (used < p->room)
		return true;
	if (longest)
		leave(p, longest);
	return longest;
}

struct place *places_take(struct places *p, int fd)
{
	struct place *place = p->place;
	bool room;

	pthread_mutex_lock(&p->lock);
	room = make_room(p);
	while (place->state != PLACE_FREE)
		place++;
	assert(place < p->place + PLACES_MAX);
	place->of = p;
	place->fd = fd;
	place->asked = false;
	set(p, place, room ? PLACE_IDLE : PLACE_REFUSED);
	pthread_mutex_unlock(&p->lock);
	return place;
}

void places_give(struct place *place)
{
	struct places *p = place->of;

	pthread_mutex_lock(&p->lock);
	place->state = PLACE_FREE;
	pthread_mutex_unlock(&p->lock);
}

bool places_busy(struct place *place)
{
	struct places *p = place->of;
	bool busy;

	pthread_mutex_lock(&p->lock);
	if (place->state == PLACE_IDLE)
		set(p, place, PLACE_BUSY);
	place->asked = true;
	busy = place->state != PLACE_REFUSED;
	pthread_mutex_unlock(&p->lock);
	return busy;
}

void places_idle(struct place *place)
{
	struct places *p = place->of;

	pthread_mutex_lock(&p->lock);
	if (place->state == PLACE_BUSY)
		set(p, place, PLACE_IDLE);
	pthread_mutex_unlock(&p->lock);
}
