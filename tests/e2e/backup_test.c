/*
 * A cluster is saved under load, lost whole, and begun again from the file: by three, and by one.
 * And what a save that does not end well leaves: nothing.
 */
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WRITERS = 3,
	READERS = 1,
	PUTS = 20,
	PUT_MS = 5000,
	/* At 64 MiB a second no save of it is done within a third of a second. */
	LARGE = 24,
	LARGE_SIZE = 1000000,
	BUMP = 1000000,
};

#define MEMBERS "n1=198.18.0.1,n2=198.18.0.2,n3=198.18.0.3"

static struct cluster c;
static struct load load;
static char saved[128];
static uint64_t before[WRITERS]; /* what was acknowledged to each before the save began */
static uint64_t revision;        /* of the save */

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool part_is_there(void *context)
{
	char part[140];

	(void)context;
	snprintf(part, sizeof(part), "%s.part", saved);
	return is_there(part);
}

static void save(uint32_t node, struct run *out)
{
	char admin[128];

	run(out, "quoinctl", "--endpoints=%s snapshot save %s", cluster_admin(&c, node, admin),
	    saved);
}

static void *save_meanwhile(void *argument)
{
	struct run *out = argument;

	save(2, out);
	return NULL;
}

/* The members that the lab's own configuration has, and its token. */
static void restore(uint32_t node, const char *more)
{
	char path[512], line[256], token[64] = "";
	static struct run out;
	FILE *f;

	cluster_wipe(&c, node);
	snprintf(path, sizeof(path), "%s/n%u.yaml", c.dir, node);
	f = fopen(path, "re");
	require(&c, f != NULL, "%s", path);
	while (fgets(line, sizeof(line), f))
		(void)sscanf(line, "initial-cluster-token: %63s", token);
	fclose(f);
	run(&out, "quoinctl",
	    "snapshot restore %s --name n%u --initial-cluster " MEMBERS
	    " --initial-cluster-token %s --data-dir %s/n%u%s",
	    saved, node, token, c.dir, node, more);
	require(&c, out.status == 0, "%s", out.text);
}

/* The node's own disk is another one, and goes on. */
static void save_on_a_full_disk(void)
{
	char place[256], part[300], admin[128];
	static struct run out;

	snprintf(place, sizeof(place), "%s/small", c.dir);
	snprintf(part, sizeof(part), "%s/saved.part", place);
	assert_int_equal(mkdir(place, 0700), 0);
	assert_int_equal(mount("small", place, "tmpfs", 0, "size=4m"), 0);
	run(&out, "quoinctl", "--endpoints=%s snapshot save %s/saved", cluster_admin(&c, 1, admin),
	    place);
	require(&c,
		out.status == 1 && !is_there(part) &&
			strstr(out.text, "No space left on device: nothing was saved"),
		"a save on a full disk: %d: %s", out.status, out.text);
	assert_int_equal(umount2(place, 0), 0);
	assert_int_equal(rmdir(place), 0);
}

/* A save that is not whole leaves no file, whatever ends it. */
static void broken_saves(void)
{
	static struct run out;
	pthread_t thread;
	char part[140];

	snprintf(part, sizeof(part), "%s.part", saved);
	assert_int_equal(pthread_create(&thread, NULL, save_meanwhile, &out), 0);
	require(&c, wait_until(part_is_there, NULL, CLUSTER_WAIT_MS), "no save began");
	cluster_lab(&c, "kill 2");
	pthread_join(thread, NULL);
	require(&c, out.status == 1 && !is_there(saved) && !is_there(part),
		"a save of a member that is gone: %d: %s", out.status, out.text);
	cluster_lab(&c, "restart 2");
	cluster_lab_try(&c, &out,
			"exec -- timeout -s INT 0.2 %s --endpoints=unix:%s/n2/admin.sock "
			"snapshot save %s",
			program("quoinctl"), c.dir, saved);
	require(&c, out.status == 124 && !is_there(saved) && !is_there(part),
		"an interrupted save: %d: %s", out.status, out.text);
	save_on_a_full_disk();
}

/* All that was acknowledged before it began is in it; the compaction does not show. */
static void save_under_load(void)
{
	static struct run out;
	char admin[128], words[64];
	pthread_t thread;
	const char *at;

	load_wait_progress(&load, PUTS);
	for (uint32_t i = 0; i < WRITERS; i++)
		before[i] = atomic_load(&load.writer[i].acknowledged);
	assert_int_equal(pthread_create(&thread, NULL, save_meanwhile, &out), 0);
	require(&c, wait_until(part_is_there, NULL, CLUSTER_WAIT_MS), "no save began");
	snprintf(words, sizeof(words), "compaction %" PRIu64, cluster_number(&c, 2, "revision"));
	{
		static struct run compaction;

		run(&compaction, "quoinctl", "--endpoints=%s %s", cluster_admin(&c, 1, admin),
		    words);
		require(&c, compaction.status == 0, "%s", compaction.text);
	}
	load_wait_progress(&load, PUTS);
	pthread_join(thread, NULL);
	require(&c, out.status == 0 && is_there(saved), "%s", out.text);
	run(&out, "quoinctl", "snapshot status %s -w json", saved);
	at = strstr(out.text, "\"revision\":");
	require(&c, out.status == 0 && at && sscanf(at, "\"revision\":%" SCNu64, &revision) == 1,
		"%s", out.text);
}

static void holds_what_was_saved(const char *endpoint)
{
	uint64_t value, version;
	char key[32];
	struct one o;

	one_open(&o, endpoint);
	for (uint32_t i = 0; i < WRITERS; i++) {
		snprintf(key, sizeof(key), "writer/%u", i);
		assert_int_equal(one_get(&o, key, &value, &version, PUT_MS), 0);
		require(&c, value >= before[i] && version == value,
			"%s is %" PRIu64 " in its version %" PRIu64 ", and %" PRIu64
			" was acknowledged",
			key, value, version, before[i]);
	}
	assert_int_equal(one_put(&o, "new", 7, PUT_MS), 0);
	assert_int_equal(one_get(&o, "new", &value, &version, PUT_MS), 0);
	assert_int_equal(value, 7);
	one_close(&o);
}

static void D9b_a_cluster_that_was_lost_begins_again(void **state)
{
	static struct run out;
	char admin[128];
	struct one o;

	(void)state;
	cluster_up(&c, 3, "memif", "");
	snprintf(saved, sizeof(saved), "%s/saved", c.dir);
	one_open(&o, cluster_admin(&c, 1, admin));
	for (uint32_t i = 0; i < LARGE; i++) {
		char key[16];

		snprintf(key, sizeof(key), "large%u", i);
		assert_int_equal(one_put_large(&o, key, LARGE_SIZE, PUT_MS), 0);
	}
	one_close(&o);
	broken_saves();
	load_start(&load, &c, WRITERS, READERS);
	save_under_load();
	load_stop(&load);
	for (uint32_t i = 1; i <= 3; i++)
		cluster_lab(&c, "kill %u", i);
	/* One of them is restored as another state: there is no cluster, and it is named. */
	for (uint32_t i = 1; i <= 3; i++)
		restore(i, i == 3 ? "" : " --bump-revision 1000000 --mark-compacted");
	for (uint32_t i = 1; i <= 3; i++)
		cluster_lab(&c, "restart %u --until answers", i);
	cluster_wait_log(&c, 1,
			 "member n3 begins from another snapshot than this one, or "
			 "one of the two from none");
	run(&out, "quoinctl", "--endpoints=%s formation reset", cluster_admin(&c, 3, admin));
	require(&c, out.status == 1 && strstr(out.text, "empty it, and restore it again"), "%d: %s",
		out.status, out.text);
	cluster_lab(&c, "kill 3");
	restore(3, " --bump-revision 1000000 --mark-compacted");
	cluster_lab(&c, "restart 3");
	cluster_wait_equal(&c);
	for (uint32_t i = 1; i <= 3; i++)
		holds_what_was_saved(cluster_admin(&c, i, admin));
	require(&c, cluster_number(&c, 1, "revision") > revision + BUMP, "it went back");
	run(&out, "quoinctl", "--endpoints=%s get new --rev %" PRIu64, cluster_admin(&c, 1, admin),
	    revision);
	require(&c, out.status == 1 && strstr(out.text, "compacted"), "%s", out.text);
	/* Who comes now asks for entry 1, and pulls what the cluster began with (S10). */
	cluster_lab(&c, "replace 1 --kill");
	cluster_wait_equal(&c);
	holds_what_was_saved(cluster_admin(&c, 1, admin));
	/* And it is a cluster as any other: after a kill -9 of all too. */
	for (uint32_t i = 1; i <= 3; i++)
		cluster_lab(&c, "kill %u", i);
	for (uint32_t i = 1; i <= 3; i++)
		cluster_lab(&c, "restart %u --until answers", i);
	cluster_wait_leader(&c, 0);
	cluster_wait_equal(&c);
	holds_what_was_saved(cluster_admin(&c, 3, admin));
}

static void D9b_one_member_begins_again_alone(void **state)
{
	static struct process p;
	static struct run out;
	char path[128], admin[128];

	(void)state;
	process_prepare(&p, "");
	snprintf(path, sizeof(path), "%s/n1", p.dir);
	run(&out, "quoinctl",
	    "snapshot restore %s --name n1 --initial-cluster n1=198.18.0.1 --data-dir %s", saved,
	    path);
	require(&p.c, out.status == 0, "%s", out.text);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	holds_what_was_saved(cluster_admin(&p.c, 1, admin));
	/* Its members are its own again, and one is saved as any other. */
	run(&out, "quoinctl", "--endpoints=%s snapshot save %s2", cluster_admin(&p.c, 1, admin),
	    saved);
	require(&p.c, out.status == 0, "%s", out.text);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	process_remove(&p);
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(D9b_a_cluster_that_was_lost_begins_again),
		cmocka_unit_test(D9b_one_member_begins_again_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
