/*
 * The ways to the other members: one port for all, or a port for each (dataplane/ways.h), which is
 * made when a member is taken on and closed when nobody is there any more. The loop waits for
 * neither: until a member's port is there it is as one that is not heard.
 *
 *	1. port_to says whose port each is: a member's at that address, whichever it is, for a new
 *	   one may be where the one that it replaces was.
 *	2. A port that could not be made is told of, and asked for again AGAIN_NS later.
 */
#include "node/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

static const uint64_t AGAIN_NS = 10 * CLOCK_S;
static const uint64_t LOOK_NS = 10 * CLOCK_MS;

void node_ways_begin(struct node *n)
{
	const struct dp_options *o = &n->options.dp;

	for (uint32_t i = 0; n->options.ways && i < o->peer_count; i++)
		n->port_to[o->peer[i].port] = o->peer[i].address;
}

/* The port that leads to an address, or DP_PORT_NONE. */
static uint8_t way_to(const struct node *n, uint32_t address)
{
	const struct dp_options *o = &n->options.dp;

	for (uint8_t i = 0; n->options.ways && i < DP_PORTS_MAX; i++) {
		if (n->port_to[i] == address)
			return i;
	}
	if (n->options.ways)
		return DP_PORT_NONE;
	for (uint32_t i = 0; i < o->peer_count; i++) {
		if (o->peer[i].address == address)
			return o->peer[i].port;
	}
	return o->client_port;
}

static const char *why_text(int err)
{
	if (err == -ENOSPC)
		return "there is no room for its MAC address";
	return "its address is this member's own, or is not in the subnet of network.address and "
	       "there is no network.gateway";
}

void node_way_set(struct node *n, uint32_t place)
{
	struct node_peer *p = &n->peer[place];
	char text[NODE_PLACE_TEXT_SIZE];
	int err;

	p->at.port = way_to(n, p->at.address);
	err = dp_peer_set(n->dp, place, &p->at);
	p->no_way = err != 0;
	if (!err)
		return;
	dp_peer_unset(n->dp, place);
	journal_write(n->journal, JOURNAL_ERROR, "no_way", "peer=%s address=%s why=\"%s\"", p->name,
		      node_place_text(node_peer_place(p), text), why_text(err));
}

static bool wanted(const struct node *n, uint32_t address)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (n->peer[i].at.address == address)
			return true;
	}
	return false;
}

/* For those who wait for it; if they have gone meanwhile it is closed as any port of nobody is. */
static void made(struct node *n, const struct way *way)
{
	int port = -1;

	if (way->link) {
		port = dp_port_add(n->dp, way->link);
		assert(port >= 0); /* there are as many places here as there */
		n->port_to[port] = way->address;
		n->port_note[port] = (struct node_port_note){0};
	}
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		struct node_peer *p = &n->peer[i];

		if (p->at.address != way->address || p->at.port != DP_PORT_NONE)
			continue;
		p->no_port[0] = '\0';
		if (port >= 0) {
			node_way_set(n, i);
			continue;
		}
		p->way_ns = n->now_ns + AGAIN_NS;
		snprintf(p->no_port, sizeof(p->no_port), "%s", way->why);
		journal_write(n->journal, JOURNAL_ERROR, "no_port", "peer=%s why=\"%s\"", p->name,
			      way->why);
	}
}

static uint32_t *asked(struct node *n, uint32_t address)
{
	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		if (n->port_asked[i] == address)
			return &n->port_asked[i];
	}
	return NULL;
}

static void hear(struct node *n)
{
	struct ways *w = n->options.ways;
	uint32_t *question;
	struct way way;

	while (w->ops->next(w, &way)) {
		question = asked(n, way.address);
		assert(question); /* nobody else asks */
		*question = 0;
		n->work = true;
		made(n, &way);
	}
}

/* For two at one address, while one replaces the other there, one port is asked for. */
static void ask(struct node *n)
{
	struct ways *w = n->options.ways;

	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		const struct node_peer *p = &n->peer[i];
		uint32_t *free = asked(n, 0);

		if (p->at.port == DP_PORT_NONE && !p->no_way && n->now_ns >= p->way_ns && free &&
		    !asked(n, p->at.address) && w->ops->ask(w, p->at.address))
			*free = p->at.address;
	}
}

static void close_unwanted(struct node *n)
{
	struct ways *w = n->options.ways;

	for (uint32_t i = 0; i < DP_PORTS_MAX; i++) {
		if (n->port_to[i] == 0 || wanted(n, n->port_to[i]))
			continue;
		n->port_to[i] = 0;
		w->ops->close(w, dp_port_remove(n->dp, i));
	}
}

/* Where the dataplane would not have a member, it may by now: for what was in the way has gone. */
static void try_again(struct node *n)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (n->peer[i].no_way && n->now_ns >= n->peer[i].way_ns) {
			n->peer[i].way_ns = n->now_ns + AGAIN_NS;
			node_way_set(n, i);
		}
	}
}

void node_ways_drive(struct node *n)
{
	if (n->now_ns < n->next_way_ns)
		return;
	n->next_way_ns = n->now_ns + LOOK_NS;
	try_again(n);
	if (!n->options.ways)
		return;
	close_unwanted(n);
	hear(n);
	ask(n);
}
