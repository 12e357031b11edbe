/*
 * Whether an interface of this host has the node's address, as the kernel tells it: at once, late,
 * or not at all.
 */
#include "node/claim.h"

#include "base/clock.h"
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <string.h>

#define ADDRESS 0xc6120001u
#define OTHER 0xc6120002u

enum { WAIT_SECONDS = 20 };

static atomic_bool held, waits;
static atomic_int answer; /* 0, or an errno */
static atomic_uint_least32_t has = OTHER;

static struct sockaddr_in address, mask;
static struct ifaddrs one = {.ifa_name = (char[]){"eth9:1"}};

/* The kernel's, here. */
int getifaddrs(struct ifaddrs **out)
{
	waits = held;
	while (held)
		(void)poll(NULL, 0, 1);
	errno = answer;
	if (answer)
		return -1;
	address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(has)};
	mask = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xffffff00)};
	one.ifa_addr = (struct sockaddr *)&address;
	one.ifa_netmask = (struct sockaddr *)&mask;
	*out = &one;
	return 0;
}

void freeifaddrs(struct ifaddrs *all)
{
	(void)all;
}

static void F7_what_is_not_told_is_not_taken_for_no(void **state)
{
	char interface[CLAIM_TEXT_MAX] = "";
	uint32_t prefix = 0;

	(void)state;
	assert_int_equal(claim_kernel_has(ADDRESS, interface, &prefix), 0);
	answer = EMFILE;
	assert_int_equal(claim_kernel_has(ADDRESS, interface, &prefix), -EMFILE);
	answer = 0;
	has = ADDRESS;
	assert_int_equal(claim_kernel_has(ADDRESS, interface, &prefix), 1);
	assert_string_equal(interface, "eth9");
	assert_int_equal(prefix, 24);
}

/* The loop reads what is there, also while the kernel lets its asker wait (V19). */
static void V19_F7_an_address_is_looked_at_without_the_loop(void **state)
{
	uint64_t until_ns = clock_now() + WAIT_SECONDS * CLOCK_S;
	char interface[CLAIM_TEXT_MAX];
	struct claim_watch w;

	(void)state;
	held = true;
	has = ADDRESS;
	assert_int_equal(claim_watch_begin(&w, ADDRESS), 0);
	while (!waits && clock_now() < until_ns)
		assert_false(claim_watch_news(&w, interface));
	assert_true(waits);
	assert_false(claim_watch_news(&w, interface));
	held = false;
	while (!claim_watch_news(&w, interface))
		assert_true(clock_now() < until_ns);
	assert_string_equal(interface, "eth9");
	assert_false(claim_watch_news(&w, interface));
	/* The later looks are made by hand: nobody waits ten seconds here. */
	claim_watch_end(&w);
	answer = ENOBUFS;
	has = OTHER;
	w.look.make(w.look.context);
	assert_false(claim_watch_news(&w, interface));
	answer = 0;
	w.look.make(w.look.context);
	assert_true(claim_watch_news(&w, interface));
	assert_string_equal(interface, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F7_what_is_not_told_is_not_taken_for_no),
		cmocka_unit_test(V19_F7_an_address_is_looked_at_without_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
