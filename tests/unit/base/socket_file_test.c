/* Each answer to "does somebody listen there", with real sockets in a directory of its own. */
#include "base/socket_file.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char directory[] = "/tmp/quoin-socket-file-XXXXXX", path[PATH_MAX];

static int setup(void **state)
{
	(void)state;
	memset(directory + sizeof(directory) - 7, 'X', 6);
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	rmdir(directory);
	return 0;
}

static int listener(int type, int backlog)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%.107s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void who_listens_is_left_alone(void **state)
{
	static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};

	(void)state;
	assert_int_equal(socket_file_look(path, SOCK_STREAM), 0); /* nothing is there */
	for (int i = 0; i < 2; i++) {
		int fd = listener(types[i], 0);

		/* The first one stays in the backlog: then it is full. */
		assert_int_equal(socket_file_look(path, types[i]), -EADDRINUSE);
		assert_int_equal(socket_file_look(path, types[i]), -EADDRINUSE);
		assert_int_equal(socket_file_look(path, types[i]), -EADDRINUSE);
		close(fd);
		/* The file stays, and nobody is behind it. */
		assert_int_equal(access(path, F_OK), 0);
		assert_int_equal(socket_file_look(path, types[i]), 0);
		unlink(path);
	}
}

static void what_is_no_socket_is_told(void **state)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(socket_file_look(path, SOCK_STREAM), -EEXIST);
	unlink(path);
	assert_int_equal(symlink("/nowhere", path), 0);
	assert_int_equal(socket_file_look(path, SOCK_STREAM), -EEXIST);
}

/* Without a descriptor, or the right to knock, a listener is not taken for a dead one. */
static void what_cannot_be_known_is_not_nobody(void **state)
{
	struct rlimit before, none;
	int fd = listener(SOCK_STREAM, 1);

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)fd + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(socket_file_look(path, SOCK_STREAM), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(chmod(path, 0), 0);
	if (geteuid() == 0) {
		assert_int_equal(chmod(directory, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
	}
	assert_int_equal(socket_file_look(path, SOCK_STREAM), -EACCES);
	assert_int_equal(seteuid(getuid()), 0);
	/* Of another type: somebody is there, and not the one that was looked for. */
	assert_int_equal(socket_file_look(path, SOCK_SEQPACKET), -EPROTOTYPE);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_listens_is_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_socket_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_known_is_not_nobody, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
