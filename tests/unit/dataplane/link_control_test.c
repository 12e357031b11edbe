/*
 * The lock between the polling thread and a driver's callbacks, on EAL's own interrupt thread: what
 * is left of a callback when its link is gone.
 */
#include "base/clock.h"
#include "dataplane/eal.h"
#include "dataplane/link_control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_interrupts.h>

enum { WAIT_SECONDS = 20 };

static atomic_uint called, gone;
static socklen_t address_size;

static void on_event(void *argument)
{
	(void)argument;
	atomic_fetch_add(&called, 1);
}

static void on_gone(struct rte_intr_handle *handle, void *argument)
{
	(void)handle;
	(void)argument;
	atomic_fetch_add(&gone, 1);
}

/*
 * A link is destroyed while its connection's callback waits for the lock: the callback's end comes
 * after the link's, and must not be told to it.
 */
static void the_end_of_a_callback_is_not_told_to_a_link_that_is_gone(void **state)
{
	atomic_bool alive = false; /* the link's: any later write to it is a stray one */
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int pending = 0;

	(void)state;
	assert_non_null(handle);
	assert_true(fd >= 0);
	assert_int_equal(rte_intr_fd_set(handle, fd), 0);
	assert_int_equal(rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT), 0);

	link_control_enter();
	link_control_watch(&alive);
	assert_int_equal(rte_intr_callback_register(handle, on_event, handle), 0);
	assert_true(atomic_load(&alive));
	assert_int_equal(eventfd_write(fd, 1), 0);
	/* Refused until EAL's thread is in the callback, where it waits for the lock. */
	for (int i = 0; i < WAIT_SECONDS * 100 && pending <= 0; i++) {
		clock_sleep(10 * CLOCK_MS);
		pending = rte_intr_callback_unregister_pending(handle, on_event, handle, on_gone);
	}
	assert_true(pending > 0);
	link_control_forget(&alive);
	link_control_leave();

	for (int i = 0; i < WAIT_SECONDS * 100 && atomic_load(&gone) == 0; i++)
		clock_sleep(10 * CLOCK_MS);
	assert_int_equal(atomic_load(&gone), 1);
	assert_int_equal(atomic_load(&called), 0);
	assert_true(atomic_load(&alive));
	rte_intr_instance_free(handle);
	close(fd);
}

/* One end of a pair of sockets; *other: the one whose reader sees that it is closed. */
static struct rte_intr_handle *handle_new(int *other)
{
	struct rte_intr_handle *handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	assert_non_null(handle);
	assert_int_equal(rte_intr_fd_set(handle, pair[0]), 0);
	assert_int_equal(rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT), 0);
	*other = pair[1];
	return handle;
}

static void event(int other)
{
	assert_int_equal(write(other, "e", 1), 1);
}

static bool is_closed(int other, int timeout_ms)
{
	struct pollfd at = {.fd = other};

	return poll(&at, 1, timeout_ms) == 1 && (at.revents & POLLHUP) != 0;
}

static void wait_until_called(uint32_t count)
{
	for (int i = 0; i < WAIT_SECONDS * 100 && atomic_load(&called) < count; i++)
		clock_sleep(10 * CLOCK_MS);
	assert_int_equal(atomic_load(&called), count);
}

static struct rte_intr_handle *child;

/* As a listener accepts a connection. On EAL's thread: what is wrong shows in `called`. */
static void on_accept(void *argument)
{
	char byte;

	if (read(rte_intr_fd_get(argument), &byte, 1) == 1 &&
	    rte_intr_callback_register(child, on_event, child) == 0)
		atomic_fetch_add(&called, 1);
}

/*
 * A port is closed, and its driver leaves what listened for it registered, and a connection that
 * came by it: neither is heard again, or open. Of another port nothing is touched.
 */
static void D16_what_an_owner_leaves_is_closed_with_him(void **state)
{
	int to_listener, to_child, to_others, owner, other;
	struct rte_intr_handle *listener = handle_new(&to_listener);
	struct rte_intr_handle *others = handle_new(&to_others);

	(void)state;
	child = handle_new(&to_child);
	atomic_store(&called, 0);
	link_control_enter();
	link_control_own(&owner);
	assert_int_equal(rte_intr_callback_register(listener, on_accept, listener), 0);
	link_control_leave();
	link_control_enter();
	link_control_own(&other);
	assert_int_equal(rte_intr_callback_register(others, on_event, others), 0);
	link_control_leave();
	event(to_listener);
	wait_until_called(1);

	link_control_enter();
	/* EAL's thread is on its way into the child's callback, or in it, or not yet. */
	event(to_child);
	link_control_disown(&owner);
	link_control_leave();
	assert_true(is_closed(to_listener, WAIT_SECONDS * 1000));
	assert_true(is_closed(to_child, WAIT_SECONDS * 1000));
	assert_false(is_closed(to_others, 0));
	assert_int_equal(atomic_load(&called), 1);
	event(to_others);
	for (int i = 0; i < WAIT_SECONDS * 100 && atomic_load(&called) < 2; i++)
		clock_sleep(10 * CLOCK_MS);
	assert_true(atomic_load(&called) >= 2);
	link_control_enter();
	link_control_disown(&other);
	link_control_leave();
	assert_true(is_closed(to_others, WAIT_SECONDS * 1000));
	rte_intr_instance_free(listener);
	rte_intr_instance_free(child);
	rte_intr_instance_free(others);
	close(to_listener);
	close(to_child);
	close(to_others);
}

static int flags_after_connect(int flags, const struct sockaddr_un *to, int *result)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0), found;
	atomic_bool alive = false;

	assert_true(fd >= 0);
	link_control_enter();
	link_control_watch(&alive);
	*result = connect(fd, (const struct sockaddr *)to, address_size) == 0 ? 0 : errno;
	link_control_leave();
	found = fcntl(fd, F_GETFL);
	/* Of those that are connected the listener knows until it is closed. */
	assert_int_equal(close(fd), 0);
	return found & O_NONBLOCK;
}

/* Also where there is no place: what a driver reads and writes afterwards waits, or does not. */
static void F2_a_socket_waits_as_before_when_it_was_connected(void **state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t size = sizeof(at.sun_family);
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), result = 0;
	bool had_place = false;

	(void)state;
	/* Of a name that nobody has: the kernel gives one. */
	assert_int_equal(bind(listener, (const struct sockaddr *)&at, size), 0);
	size = sizeof(at);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &size), 0);
	assert_int_equal(listen(listener, 0), 0);
	address_size = size;
	for (int i = 0; i < 8 && result != EAGAIN; i++) {
		assert_int_equal(flags_after_connect(0, &at, &result), 0);
		had_place |= result == 0;
	}
	assert_true(had_place);
	assert_int_equal(result, EAGAIN);
	assert_int_equal(flags_after_connect(SOCK_NONBLOCK, &at, &result), O_NONBLOCK);
	close(listener);
}

static int setup(void **state)
{
	const struct eal_options options = {.file_prefix = "link-control-test", .memory_mib = 64};
	char error[EAL_ERROR_MAX];

	(void)state;
	if (eal_start(&options, error) == 0)
		return 0;
	print_error("%s\n", error);
	return -1;
}

static int teardown(void **state)
{
	(void)state;
	eal_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_end_of_a_callback_is_not_told_to_a_link_that_is_gone),
		cmocka_unit_test(D16_what_an_owner_leaves_is_closed_with_him),
		cmocka_unit_test(F2_a_socket_waits_as_before_when_it_was_connected),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
