/*
 * Ids must be etcd's: a cluster that moves here keeps them.
 */
#include "config/ids.h"

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The ids that every etcd shows which was started without any option. */
static void etcds_own_default_cluster(void **state)
{
	uint64_t id = config_id_of_url("http://localhost:2380", "etcd-cluster");

	(void)state;
	assert_true(id == UINT64_C(0x8e9e05c52164694d));
	assert_true(config_id_of_cluster(&id, 1) == UINT64_C(0xcdf818194e3a8c32));
}

static void a_members_address_becomes_its_url(void **state)
{
	(void)state;
	assert_true(config_member_id(0xc6120001, 2380, "t") ==
		    config_id_of_url("http://198.18.0.1:2380", "t"));
	assert_true(config_member_id(0xc6120001, 2380, "t") !=
		    config_member_id(0xc6120001, 2380, "u"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(etcds_own_default_cluster),
		cmocka_unit_test(a_members_address_becomes_its_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
