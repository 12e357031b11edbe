/*
 * Texts for users must be true: each sample loads, samples of one cluster agree with each
 * other, and quoin.yaml(5) holds the key table word for word. With --print-man the list of keys is
 * printed, for pasting into that page.
 */
#include "config/config.h"
#include "config/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void load(struct config *out, const char *sample)
{
	struct config_errors errors;
	char path[512];

	snprintf(path, sizeof(path), "%s/config/samples/%s.yaml", getenv("QUOIN_SOURCE"), sample);
	if (config_load(out, path, &errors) != 0)
		fail_msg("%s", errors.text[0]);
}

static void check_cluster(const char *format, struct config member[3])
{
	for (uint32_t i = 0; i < 3; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%s%u", format, i + 1);
		load(&member[i], name);
		assert_int_equal(member[i].member_count, 3);
		assert_true(member[i].digest == member[0].digest);
		assert_int_equal(member[i].heartbeat_us, member[0].heartbeat_us);
		assert_int_equal(member[i].durability, member[0].durability);
		for (uint32_t j = 0; j < i; j++) {
			assert_int_not_equal(member[i].self, member[j].self);
			assert_int_not_equal(member[i].address, member[j].address);
		}
	}
}

static void three_on_virtual_devices(void **state)
{
	struct config member[3];

	(void)state;
	check_cluster("virtual-n", member);
	assert_int_equal(member[0].link, LINK_MEMIF);
	assert_int_equal(member[0].idle, CONFIG_IDLE_SLEEP);
	assert_string_not_equal(member[0].data_dir, member[1].data_dir);
}

static void three_servers(void **state)
{
	struct config member[3];

	(void)state;
	check_cluster("server-", member);
	assert_int_equal(member[0].link, LINK_PCI);
	assert_int_equal(member[0].heartbeat_us, 200);
	assert_int_equal(member[0].election_us_max, 4000);
}

static void one_alone(void **state)
{
	struct config c;

	(void)state;
	load(&c, "single");
	assert_int_equal(c.member_count, 1);
	assert_int_equal(c.link, LINK_PACKET);
}

static char *read_all(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = calloc(1, 64 * 1024);

	assert_non_null(text);
	if (!in)
		fail_msg("%s is not there", path);
	assert_true(fread(text, 1, 64 * 1024 - 1, in) > 0);
	fclose(in);
	return text;
}

static void the_man_page_holds_the_key_table(void **state)
{
	char path[512], *page, *table = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&table, &size);

	(void)state;
	snprintf(path, sizeof(path), "%s/docs/man/quoin.yaml.5", getenv("QUOIN_SOURCE"));
	page = read_all(path);
	config_keys_man(out);
	fclose(out);
	if (!strstr(page, table))
		fail_msg("%s: its list of keys is not that of config/keys.c: put the output of "
			 "this test with --print-man there",
			 path);
	free(page);
	free(table);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_on_virtual_devices),
		cmocka_unit_test(three_servers),
		cmocka_unit_test(one_alone),
		cmocka_unit_test(the_man_page_holds_the_key_table),
	};

	if (argc == 2 && strcmp(argv[1], "--print-man") == 0) {
		config_keys_man(stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
