/*
 * File systems that keep nothing, also below an overlay (V25): a durable log is not made on one.
 * In a mount namespace of its own.
 */
#include "tests/unit/wal/helpers.h"

#include "wal/store.h"

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char *root; /* a directory on a disk, which is the current one */

static void make(const char *path)
{
	assert_int_equal(mkdir(path, 0700), 0);
}

static void put_overlay(const char *options, const char *where)
{
	if (mount("overlay", where, "overlay", 0, options) != 0)
		fail_msg("%s: %s", options, strerror(errno));
}

/* An overlay at `where` with its upper layer and work directory in `upper`, by absolute paths. */
static void overlay_over(const char *upper, const char *where, const char *more)
{
	char options[1200], path[400];

	(void)snprintf(path, sizeof(path), "%s/u", upper);
	make(path);
	(void)snprintf(path, sizeof(path), "%s/w", upper);
	make(path);
	make(where);
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s/lower,upperdir=%s/%s/u,workdir=%s/%s/w%s", root, root, upper,
		       root, upper, more);
	put_overlay(options, where);
}

static int opened(const char *where, enum wal_durability durability, char error[WAL_ERROR_MAX])
{
	char path[400];
	struct wal_options options = {.directory = path,
				      .durability = durability,
				      .segment_size = WAL_SEGMENT_SIZE_MIN,
				      .identity_seed = 1,
				      .create = true};
	struct wal_recovered found;
	struct wal *w;
	int err;

	(void)snprintf(path, sizeof(path), "%s/log", where);
	err = wal_open(&w, &options, &found, error);
	assert_int_equal(wal_close(w), 0);
	return err;
}

static void require_store(const char *where, enum wal_store store)
{
	char error[WAL_ERROR_MAX];

	if (wal_store(where) != store)
		fail_msg("%s: %d instead of %d", where, (int)wal_store(where), (int)store);
	if (store == WAL_STORE_DISK)
		assert_int_equal(opened(where, WAL_DURABLE, error), 0);
	if (store != WAL_STORE_MEMORY && store != WAL_STORE_UNSYNCED)
		return;
	assert_int_equal(opened(where, WAL_DURABLE, error), -EOPNOTSUPP);
	assert_non_null(strstr(error, "no direct I/O to stable storage"));
}

static void V25_an_overlay_is_what_its_upper_layer_is(void **state)
{
	(void)state;
	make("lower");
	make("disk");
	make("memory");
	assert_int_equal(mount("tmpfs", "memory", "tmpfs", 0, "size=64m"), 0);
	require_store(".", WAL_STORE_DISK);
	require_store("memory", WAL_STORE_MEMORY);
	make("disk/a");
	overlay_over("disk/a", "over-disk", "");
	require_store("over-disk", WAL_STORE_DISK);
	make("disk/with blank");
	overlay_over("disk/with blank", "over-blank", "");
	require_store("over-blank", WAL_STORE_DISK);
	make("memory/a");
	overlay_over("memory/a", "over-memory", "");
	require_store("over-memory", WAL_STORE_MEMORY);
	make("over-memory/inside");
	require_store("over-memory/inside", WAL_STORE_MEMORY);
	make("disk/b");
	overlay_over("disk/b", "unsynced", ",volatile");
	require_store("unsynced", WAL_STORE_UNSYNCED);
	/* Its layers may lie in another mount namespace: their names say nothing here. */
	make("memory/u");
	make("memory/w");
	make("relative");
	put_overlay("lowerdir=lower,upperdir=memory/u,workdir=memory/w", "relative");
	require_store("relative", WAL_STORE_UNKNOWN);
	assert_int_equal(wal_store("not-there"), WAL_STORE_UNKNOWN);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V25_an_overlay_is_what_its_upper_layer_is),
	};
	char *name;
	int failed;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		printf("no mount namespaces here: %s\n", strerror(errno));
		return 77;
	}
	name = test_directory_make();
	assert_int_equal(chdir(name), 0);
	root = getcwd(NULL, 0);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	/* The mounts end with the namespace; what is below them goes with the directory. */
	for (const char *const *at =
		     (const char *const[]){"relative", "unsynced", "over-memory", "over-blank",
					   "over-disk", "memory", NULL};
	     *at; at++)
		(void)umount2(*at, MNT_DETACH);
	assert_int_equal(chdir(".."), 0);
	(void)nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(name);
	free(root);
	return failed;
}
