#include "node/idle.h"

#include "base/clock.h"

#include <sched.h>
#include <sys/prctl.h>

enum {
	IDLE_AWAKE_NS = 200000,     /* after work: a commit's round trip, disk included */
	IDLE_SLEEP_NS_MIN = 20000,  /* about 70 us with the kernel's own delay */
	IDLE_SLEEP_NS_MAX = 500000, /* the most that a frame waits in an idle node */
};

void idle_create(struct idle *idle, enum idle_policy policy)
{
	*idle = (struct idle){.policy = policy, .sleep_ns = IDLE_SLEEP_NS_MIN};
	/* The default slack of 50 us would more than double the shortest sleep. */
	if (policy == IDLE_SLEEP)
		prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
}

static void sleep_until(struct idle *idle, uint64_t now_ns, uint64_t deadline_ns)
{
	uint64_t left = deadline_ns > now_ns ? deadline_ns - now_ns : 0;

	clock_sleep(left < idle->sleep_ns ? left : idle->sleep_ns);
	if (idle->sleep_ns < IDLE_SLEEP_NS_MAX)
		idle->sleep_ns += idle->sleep_ns / 4;
}

void idle_wait(struct idle *idle, bool active, bool busy, uint64_t now_ns, uint64_t deadline_ns)
{
	if (idle->policy == IDLE_SPIN)
		return;
	if (busy) {
		idle->busy_ns = now_ns;
		idle->sleep_ns = IDLE_SLEEP_NS_MIN;
	}
	if (idle->policy == IDLE_YIELD || active || now_ns - idle->busy_ns < IDLE_AWAKE_NS)
		sched_yield();
	else
		sleep_until(idle, now_ns, deadline_ns);
}
