/*
 * The simulated network below the link seam: one Ethernet switch, a port per host, virtual time.
 *
 * Frames take a random delay, so they pass each other; they get lost and duplicated at the given
 * rates. A pair of hosts can be cut in either direction. Every buffer is counted, so that a leak
 * shows.
 */
#ifndef TESTS_SIM_NET_H
#define TESTS_SIM_NET_H

#include "dataplane/link.h"

enum { SIM_PORTS_MAX = 24, SIM_FRAME_SIZE_MAX = 1600 };

struct sim_net;

struct sim_net_faults {
	uint32_t loss_ppm;
	uint32_t duplicate_ppm;
	uint64_t delay_ns_min, delay_ns_max;
};

struct sim_net *sim_net_create(uint64_t seed);
void sim_net_destroy(struct sim_net *net); /* asserts that every buffer came back */

/* The link of host `port`; destroyed by its owner, made anew after a crash. */
struct link *sim_net_link(struct sim_net *net, uint32_t port);

void sim_net_time(struct sim_net *net, uint64_t now_ns);
/* When the next frame arrives; UINT64_MAX: none. */
uint64_t sim_net_next(const struct sim_net *net);
/* When the next one from there comes here; UINT64_MAX: none is under way. */
uint64_t sim_net_due(const struct sim_net *net, uint32_t from, uint32_t to);
/* A host that is paused takes nothing: what waits for it is nothing that comes next. */
void sim_net_doze(struct sim_net *net, uint32_t port, bool dozes);
void sim_net_set_faults(struct sim_net *net, const struct sim_net_faults *faults);
void sim_net_cut(struct sim_net *net, uint32_t from, uint32_t to, bool cut);
/* None of the first `hosts` hears this one any more, nor it them; whoever else is there, does. */
void sim_net_cut_off(struct sim_net *net, uint32_t port, uint32_t hosts);
/* IP packets above this size vanish on the way; 0: none do. */
void sim_net_hole(struct sim_net *net, uint32_t from, uint32_t to, uint32_t size);
void sim_net_heal(struct sim_net *net);
/* Drops all that waits for a host that crashed. */
void sim_net_drop_port(struct sim_net *net, uint32_t port);
/* The cable of a host's port is out: it has no link, and nothing comes or goes. */
void sim_net_unlink(struct sim_net *net, uint32_t port, bool out);

uint64_t sim_net_delivered(const struct sim_net *net);

#endif
