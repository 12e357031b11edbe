#include "tests/unit/config/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* In memory where there is such a place: a disk would be most of the time of a fuzz run. */
static char in_memory[] = "/dev/shm/quoin-config-XXXXXX";
static char on_disk[] = "/tmp/quoin-config-XXXXXX";
static char *directory;

void files_enter(void)
{
	directory = mkdtemp(in_memory);
	if (!directory)
		directory = mkdtemp(on_disk);
	assert_non_null(directory);
	assert_int_equal(chdir(directory), 0);
}

void files_leave(void)
{
	unlink("F");
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(directory), 0);
}

int files_load(struct config *out, const char *text, size_t size, struct config_errors *errors)
{
	FILE *file = fopen("F", "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	return config_load(out, "F", errors);
}
