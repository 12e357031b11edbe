/*
 * The table of links. That each of them carries frames is seen in link_test.c.
 */
#include "dataplane/kind.h"

#include "tests/unit/test.h"

#include <string.h>

static void each_link_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < LINK_KIND_COUNT; i++) {
		const char *name = link_kind_name((enum link_kind)i);

		assert_true(strlen(name) > 0);
		assert_true(strlen(name) <= 12); /* and a port's number: a device's name has 24 */
		for (int k = 0; k < i; k++)
			assert_string_not_equal(name, link_kind_name((enum link_kind)k));
	}
}

static void only_a_ring_is_the_end_of_nothing(void **state)
{
	(void)state;
	assert_string_equal(link_kind_name(LINK_RING), "ring");
	for (int i = 0; i < LINK_KIND_COUNT; i++) {
		bool none = link_facts((enum link_kind)i)->device == LINK_DEVICE_NONE;

		assert_int_equal(none, i == LINK_RING);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_link_has_a_name_of_its_own),
		cmocka_unit_test(only_a_ring_is_the_end_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
