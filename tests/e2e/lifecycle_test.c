/*
 * A lab comes up, answers and goes, on each link and with five nodes: lifecycle_test LINK NODES.
 */
#include "tests/e2e/load.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *link_name;
static uint32_t node_count;

/* "is healthy" once for each node, and exit status 0. */
static void all_healthy(struct cluster *c)
{
	static struct run out;
	uint32_t healthy = 0;

	run(&out, "quoin-lab", "--dir %s exec -- %s endpoint health", c->dir, program("quoinctl"));
	for (const char *at = out.text; (at = strstr(at, " is healthy: ")); at++)
		healthy++;
	require(c, out.status == 0, "quoinctl endpoint health: exit %d\n%s", out.status, out.text);
	require(c, healthy == c->nodes, "%u of %u healthy\n%s", healthy, c->nodes, out.text);
}

static void up_health_down(void **state)
{
	static struct cluster c;
	static struct run out;

	(void)state;
	cluster_up(&c, node_count, link_name, "");
	all_healthy(&c);
	run(&out, "quoin-lab", "--dir %s exec -- %s put greeting hello", c.dir,
	    program("quoinctl"));
	require(&c, out.status == 0 && strstr(out.text, "OK"), "%s", out.text);
	run(&out, "quoin-lab", "--dir %s exec -- %s get greeting", c.dir, program("quoinctl"));
	require(&c, out.status == 0 && strcmp(out.text, "greeting\nhello\n") == 0, "%s", out.text);
	cluster_wait_equal(&c);
	cluster_down(&c);
}

static void second_lab_in_the_same_place(void **state)
{
	static struct cluster c;
	static struct run out;

	(void)state;
	cluster_up(&c, node_count, link_name, "");
	require(&c, cluster_lab_try(&c, &out, "up --nodes 3") == 1, "it was made twice: %s",
		out.text);
	all_healthy(&c);
	cluster_down(&c);
	/* Nothing left to take down is fine. */
	cluster_lab(&c, "down");
}

static bool kernel_has(int family, const char *name)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT) {
		printf("SKIP: this kernel has no %s\n", name);
		return false;
	}
	if (fd >= 0)
		close(fd);
	return true;
}

/* Of 2 MiB. */
static uint32_t huge_pages_free(void)
{
	FILE *file = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	uint32_t pages = 0;

	if (file && fscanf(file, "%u", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages;
}

/* A link that needs them takes no other memory. 64 MiB are a node's. */
static bool host_has_huge_pages(uint32_t nodes)
{
	uint32_t pages = huge_pages_free();

	if (pages < 32 * nodes)
		printf("%u huge pages are free; xdp needs %u\n", pages, 32 * nodes);
	return pages >= 32 * nodes;
}

/* F3: not one node of them starts, the numbers are told, and nothing is left. */
static void F3_too_few_huge_pages_are_told(void **state)
{
	struct cluster c = {.dir = getenv("E2E_DIR"), .link = link_name, .nodes = node_count};
	static struct run out;
	char words[96];

	(void)state;
	run(&out, "quoin-lab", "up --dir %s --nodes %u --link %s", c.dir, node_count, link_name);
	require(&c, out.status == 1, "it came up: %s", out.text);
	snprintf(words, sizeof(words), "memory: 64MiB for each of %u nodes takes %u huge pages",
		 node_count, 32 * node_count);
	require(&c, strstr(out.text, words) && strstr(out.text, "/hugepages-2048kB/nr_hugepages"),
		"%s", out.text);
	require(&c, access(c.dir, F_OK) != 0, "%s was made", c.dir);
}

/* Enough for one node or two, and all start at once: the others take ordinary memory. */
static void the_last_huge_pages_are_not_counted_twice(void **state)
{
	const uint32_t left = 72;
	static struct cluster c;
	uint32_t pages = huge_pages_free();
	size_t size;
	void *taken;

	(void)state;
	if (pages <= left) {
		printf("not tried: %u huge pages are free, and more than %u are needed\n", pages,
		       left);
		skip();
	}
	size = (size_t)(pages - left) << 21;
	taken = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(taken, MAP_FAILED);
	cluster_up(&c, node_count, link_name, "");
	all_healthy(&c);
	cluster_down(&c);
	assert_int_equal(munmap(taken, size), 0);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_health_down),
		cmocka_unit_test(second_lab_in_the_same_place),
	};
	static const struct CMUnitTest memif_tests[] = {
		cmocka_unit_test(up_health_down),
		cmocka_unit_test(second_lab_in_the_same_place),
		cmocka_unit_test(the_last_huge_pages_are_not_counted_twice),
	};

	static const struct CMUnitTest refused[] = {
		cmocka_unit_test(F3_too_few_huge_pages_are_told),
	};

	if (argc != 3)
		return 2;
	link_name = argv[1];
	node_count = (uint32_t)strtoul(argv[2], NULL, 10);
	if (strcmp(link_name, "xdp") == 0 && !kernel_has(AF_XDP, "AF_XDP"))
		return 77;
	if (strcmp(link_name, "xdp") == 0 && !host_has_huge_pages(node_count))
		return cmocka_run_group_tests(refused, NULL, NULL);
	if (strcmp(link_name, "packet") == 0 && !kernel_has(AF_PACKET, "AF_PACKET"))
		return 77;
	return strcmp(link_name, "memif") == 0 ? cmocka_run_group_tests(memif_tests, NULL, NULL)
					       : cmocka_run_group_tests(tests, NULL, NULL);
}
