/*
 * Mutual exclusion between the polling thread and net_memif's control channel.
 *
 * net_memif accepts, connects and disconnects on EAL's interrupt thread, and takes no lock that a
 * burst would take too. When the other end dies, that thread unmaps the shared rings whatever the
 * polling thread is doing: a burst under way reads unmapped memory (one kill in 25 did it, with
 * both threads on one CPU: the wake-up of the one preempts the other in the middle of a burst).
 * And when a client is gone before its greeting could be sent, net_memif closes the socket but
 * leaves it registered, upon which EAL aborts the process.
 *
 * Its client connects with a connect() that waits: the queue of a server that is stopped has two
 * places, and what has died keeps its own. Whoever comes third stood there for as long as the
 * server is stopped, deaf to signals (F2, F9).
 *
 * So this file stands between the two: it defines rte_intr_callback_register and its counterparts,
 * and connect, which the drivers, being plugins, then resolve to ours. (DPDK has no hook for it:
 * the handles and the sockets are private to the driver.) A driver's callback runs under a lock,
 * and what it registers meanwhile is handed on only if its descriptor is still open afterwards.
 *
 * And when its port is closed, a listening socket stays open and registered, with memory that was
 * freed: a client that connects then is answered out of it, and no port can listen there again. So
 * each callback has an owner, who takes what is left of them with him.
 *
 *	1. Bursts, starts and stops of memif ports are made with the lock held.
 *	2. The polling thread never waits for the lock to do a burst: it skips it.
 *	3. A callback whose unregistering is pending is not called any more.
 *	4. Who waits for the lock is let in by who polls: by bursts it is asked for again at once.
 *	5. A start between link_control_watch and link_control_leave does not wait for the other
 *	   end: where that has no place it fails.
 */
#ifndef DATAPLANE_LINK_CONTROL_H
#define DATAPLANE_LINK_CONTROL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* False: the control thread is at work or waits to be. Else link_control_leave ends it. */
bool link_control_try(void);
/* Waits for the lock; not on a thread that polls. */
void link_control_enter(void);
void link_control_leave(void);

/*
 * With the lock held: what is registered before link_control_leave is this owner's, and what its
 * callbacks register later.
 */
void link_control_own(const void *owner);
/* With the lock held: nothing of his is called any more, and its descriptors are closed. */
void link_control_disown(const void *owner);

/*
 * With the lock held: a callback that is registered before link_control_leave sets *alive, which is
 * cleared when that callback is gone. What this thread connects until then does not wait.
 */
void link_control_watch(atomic_bool *alive);
/* With the lock held: *alive is not touched any more. A callback may outlive its link. */
void link_control_forget(const atomic_bool *alive);

/* Grows with each callback: who has cached a link's state reads it anew. */
uint64_t link_control_events(void);

/*
 * How many callbacks have gone through here: 0 with a memif port open means that this file is not
 * where the driver's calls end up.
 */
uint64_t link_control_registrations(void);

#endif
