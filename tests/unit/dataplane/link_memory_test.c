/*
 * F3, F23: with the least memory that the configuration asks for, the pools of each link can be
 * made, for the smallest and the largest MTU of each slot, and with a little less they cannot: who
 * asks for more refuses what works. The pools are those of link_dpdk.c. A NIC's driver is not
 * there: what it takes for itself is not seen.
 */
#include "config/config.h"
#include "dataplane/link_dpdk.h"

#include "tests/unit/config/files.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_mempool.h>
#include <rte_ring.h>

enum {
	PEERS = 2,
	FRAMES = 6144, /* so many that no link needs less than memory may be */
	MTU_CLIENTS = 1500,
	AMPLE_MIB = 512,
	EAL_MIB = 2,     /* its own: a start with nothing else takes less */
	SPARE_MIB = 3,   /* of what is asked for, that no pool has: EAL's, and what is rounded */
	DRIVER_MIB = 13, /* and left to the driver of a NIC */
	HUGE_SHIFT = 21,
};

static const uint16_t mtus[] = {1500, 1906, 1907, 9000};

static const char *const ends[LINK_KIND_COUNT] = {
	[LINK_MEMIF] = "",
	[LINK_PACKET] = "  interface: eth0\n",
	[LINK_XDP] = "  interface: eth0\n",
	[LINK_PCI] = "  pci: \"0000:01:00.0\"\n",
};

static int load(struct config *c, enum link_kind kind, uint16_t mtu, bool huge, uint32_t mib,
		struct config_errors *errors)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "name: n1\ndata-dir: /d\ninitial-cluster: n1=198.18.0.1,n2=198.18.0.2,"
		 "n3=198.18.0.3\nmemory: %uMiB\nhuge-pages: %s\nnetwork:\n  link: %s\n"
		 "  address: 198.18.0.1/24\n  frames: %d\n  mtu: %u\n%s",
		 mib, huge ? "on" : "auto", link_kind_name(kind), FRAMES, mtu, ends[kind]);
	memset(errors, 0, sizeof(*errors));
	return files_load(c, text, strlen(text), errors);
}

/* The number that the refusal names; and one less is refused still. */
static uint32_t least_mib(enum link_kind kind, uint16_t mtu, bool huge)
{
	struct config_errors errors;
	struct config c;
	const char *at;
	uint32_t mib;

	assert_int_equal(load(&c, kind, mtu, huge, 16, &errors), -EINVAL);
	if (errors.count != 1)
		fail_msg("%s%s", errors.text[0], errors.text[1]);
	at = strstr(errors.text[0], "at least ");
	assert_non_null(at);
	mib = (uint32_t)strtoul(at + strlen("at least "), NULL, 10);
	assert_int_equal(load(&c, kind, mtu, huge, mib, &errors), 0);
	assert_int_equal(load(&c, kind, mtu, huge, mib - 1, &errors), -EINVAL);
	return mib;
}

/* What DPDK takes of pages of 2 MiB for a pool like this: its objects, and the ring of them. */
static uint64_t huge_bytes(struct rte_mempool *pool)
{
	size_t chunk = 0, align = 0;
	ssize_t ring = rte_ring_get_memsize(rte_align32pow2(pool->size + 1));
	ssize_t objects;

	objects =
		rte_mempool_op_calc_mem_size_default(pool, pool->size, HUGE_SHIFT, &chunk, &align);

	if (objects < 0 || ring < 0)
		_exit(3);
	return (uint64_t)objects + (uint64_t)ring;
}

/*
 * In a process of its own: EAL starts once in each. In ordinary pages it has exactly that much, and
 * no way to more. Huge ones are the host's, and others here may want them: of those DPDK is asked
 * how many it would take for the same pools.
 */
static _Noreturn void make_pools(enum link_kind kind, uint16_t mtu, bool huge, uint32_t mib)
{
	struct link_options o = {.kind = kind, .pool_frames = FRAMES};
	uint32_t ports = link_facts(kind)->device == LINK_DEVICE_SOCKET ? PEERS + 1 : 1;
	char error[EAL_ERROR_MAX] = "", prefix[32], name[16];
	struct eal_options eal = {
		.file_prefix = prefix, .memory_mib = huge ? AMPLE_MIB : mib, .lcores = "0"};
	uint64_t bytes = (uint64_t)EAL_MIB << 20;
	struct link_dpdk *l;

	snprintf(prefix, sizeof(prefix), "memory%d", (int)getpid());
	if (eal_start(&eal, error) != 0)
		_exit(2);
	for (uint32_t i = 0; i < ports; i++) {
		snprintf(name, sizeof(name), "port%u", i);
		o.name = name;
		o.mtu = i == PEERS ? MTU_CLIENTS : mtu;
		if (link_dpdk_new(&l, &o, error) != 0) {
			fprintf(stderr, "%s\n", error);
			_exit(1);
		}
		bytes += huge_bytes(l->pool);
	}
	if (huge && bytes > (uint64_t)mib << 20) {
		fprintf(stderr, "%" PRIu64 " bytes are needed\n", bytes);
		_exit(1);
	}
	_exit(0);
}

/* 0, or 1 if there is too little memory. */
static int made(enum link_kind kind, uint16_t mtu, bool huge, uint32_t mib)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		make_pools(kind, mtu, huge, mib);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void try(enum link_kind kind, uint16_t mtu, bool huge)
{
	uint32_t mib, less;

	if (mtu > link_facts(kind)->mtu_max)
		return;
	mib = least_mib(kind, mtu, huge);
	less = mib - SPARE_MIB - (link_facts(kind)->device == LINK_DEVICE_NIC ? DRIVER_MIB : 0);
	if (made(kind, mtu, huge, mib) != 0)
		fail_msg("%s, an MTU of %u, %s pages: %u MiB are said to be enough",
			 link_kind_name(kind), mtu, huge ? "huge" : "ordinary", mib);
	/* Once for each link: and of large buffers in ordinary pages DPDK makes do with less. */
	if (mtu != mtus[0])
		return;
	if (made(kind, mtu, huge, less) != 1)
		fail_msg("%s, an MTU of %u, %s pages: %u MiB are enough, and %u are asked for",
			 link_kind_name(kind), mtu, huge ? "huge" : "ordinary", less, mib);
}

static void F3_F23_what_is_asked_for_holds_the_pools(void **state)
{
	(void)state;
	for (int kind = LINK_RING + 1; kind < LINK_KIND_COUNT; kind++)
		for (size_t i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
			if (!link_facts((enum link_kind)kind)->huge_pages)
				try((enum link_kind)kind, mtus[i], false);
			try((enum link_kind)kind, mtus[i], true);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(F3_F23_what_is_asked_for_holds_the_pools),
	};
	int failed;

	files_enter();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	files_leave();
	return failed;
}
