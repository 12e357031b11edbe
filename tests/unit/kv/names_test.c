/*
 * What members say of themselves (kv/names.h): what may be said, by whom, and that it is none of
 * the keys' business.
 */
#include "tests/unit/kv/helper.h"

#include "base/bytes.h"

enum { ID = 0xabcd, ADDRESS_SIZE = SM_CLIENT_MAX };

static struct rig rig;

static int setup(void **state)
{
	(void)state;
	rig_open(&rig, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static const struct sm_attributes one = {
	.name = "n1", .client_count = 2, .client = {"10.0.0.1:2379", "http://[fd00::1]:2379"}};

static enum kv_status say(struct rig *to, uint64_t id, const char *name)
{
	struct sm_attributes a = one;
	uint8_t bytes[KV_PUBLICATION_SIZE_MAX];
	size_t size;

	snprintf(a.name, sizeof(a.name), "%s", name);
	size = kv_publication_encode(id, &a, bytes);
	assert_true(size > 0);
	return feed_bytes(to, bytes, size).status;
}

static const char *name_of(struct rig *of, uint64_t id)
{
	const struct sm_attributes *a = of->sm->ops->attributes(of->sm, id);

	return a ? a->name : "";
}

/* Of the keys, of their revision, of what is counted, of sessions: nothing. */
static void it_is_none_of_the_keys_business(void **state)
{
	struct kv_answer answer;

	(void)state;
	assert_int_equal(put(&rig, text("k"), text("v")).status, KV_OK);
	const uint64_t size = rig.sm->ops->size(rig.sm), hash = rig.sm->ops->hash(rig.sm);
	assert_int_equal(say(&rig, ID, "n1"), KV_OK);
	assert_int_equal(rig.session, 0); /* nobody waits for it */
	assert_string_equal(name_of(&rig, ID), "n1");
	assert_memory_equal(rig.sm->ops->attributes(rig.sm, ID), &one, sizeof(one));
	assert_int_equal(rig.sm->ops->revision(rig.sm), 2);
	assert_int_equal(rig.sm->ops->size(rig.sm), size);
	assert_int_equal(rig.sm->ops->keys(rig.sm), 1);
	assert_int_equal(rig.sm->ops->counters(rig.sm)->puts, 1);
	assert_true(rig.sm->ops->hash(rig.sm) != hash); /* and it is state */
	answer = range(&rig, text("k"), text(""));
	assert_int_equal(only_item(&answer).mod_revision, 2);

	/* Said again it is the same; another word takes its place. */
	const uint64_t said = rig.sm->ops->hash(rig.sm);
	assert_int_equal(say(&rig, ID, "n1"), KV_OK);
	assert_true(rig.sm->ops->hash(rig.sm) == said);
	assert_int_equal(say(&rig, ID, "n1b"), KV_OK);
	assert_string_equal(name_of(&rig, ID), "n1b");
	assert_true(rig.sm->ops->hash(rig.sm) != said);
	assert_int_equal(put(&rig, text("k"), text("w")).revision, 3);
}

/* A full store hears it, and no session is looked for. */
static void it_needs_neither_space_nor_a_session(void **state)
{
	uint8_t bytes[KV_PUBLICATION_SIZE_MAX];
	uint32_t size = (uint32_t)kv_publication_encode(ID, &one, bytes);
	struct sm_result result;
	struct rig full;

	(void)state;
	rig_open(&full, 1);
	assert_int_equal(full.sm->ops->admit(full.sm, bytes, size, true), 0);
	assert_false(full.sm->ops->settled(full.sm, bytes, size, &result));
	rig_close(&full);
}

/* From a client, or from a member of another one, it is refused before the log. */
static void V28_a_member_speaks_for_itself_alone(void **state)
{
	static const struct {
		uint64_t from;
		int want;
	} rows[] = {{ID, 0}, {0, -EINVAL}, {ID + 1, -EINVAL}};
	uint8_t bytes[KV_PUBLICATION_SIZE_MAX];
	uint32_t size = (uint32_t)kv_publication_encode(ID, &one, bytes);
	uint64_t session = 1, sequence = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
			rig.sm->ops->check(rig.sm, bytes, size, rows[i].from, &session, &sequence),
			rows[i].want);
	assert_int_equal(session, 0);
}

/* Whatever of it is wrong, it is refused by all alike, and nothing changes. */
static void expect_refused(const uint8_t *bytes, size_t size)
{
	const uint64_t hash = rig.sm->ops->hash(rig.sm);
	uint8_t *exact = malloc(size);
	struct kv_request request;
	uint64_t session, sequence;

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	assert_int_equal(kv_request_decode(&request, exact, size), -EINVAL);
	assert_int_equal(rig.sm->ops->check(rig.sm, exact, (uint32_t)size, ID, &session, &sequence),
			 -EINVAL);
	assert_int_equal(feed_bytes(&rig, exact, size).status, KV_MALFORMED);
	assert_true(rig.sm->ops->hash(rig.sm) == hash);
	assert_null(rig.sm->ops->attributes(rig.sm, ID));
	free(exact);
}

/* Bytes that no encoder of ours makes: header, id, and whatever texts. */
static size_t forged(uint8_t out[1024], const char *name, size_t name_size, const char *client,
		     size_t client_size)
{
	uint8_t key[8], value[512] = {1, (uint8_t)name_size, client != NULL};
	struct kv_request request = {.operation = KV_PUBLISH};
	size_t size = 8;

	bytes_put64(key, ID);
	memcpy(value + size, name, name_size);
	size += name_size;
	if (client) {
		value[size++] = (uint8_t)client_size;
		memcpy(value + size, client, client_size);
		size += client_size;
	}
	request.key = blob(key, sizeof(key));
	request.value = blob(value, size);
	kv_request_encode(&request, out);
	return kv_request_size(&request);
}

static void V28_text_that_no_terminal_should_see_is_refused(void **state)
{
	static const char long_text[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const struct {
		const char *text;
		size_t size;
		bool client; /* it is good in an address */
	} rows[] = {
		{"", 0, false},
		{long_text, SM_NAME_MAX + 1, false},
		{"a\0b", 3, false},
		{"\0", 1, false},
		{"a b", 3, false},
		{"a\n", 2, false},
		{"\033[2J", 4, false},
		{"a\033]0;x\a", 7, false},
		{"\x9b"
		 "2J",
		 3, false},
		{"n\xc3\xbc", 3, false},
		{"n\xff", 2, false},
		{"a=b", 3, false},
		{"a,b", 3, false},
		{"\"a\"", 3, false},
		{"-n", 2, true},
		{".n", 2, true},
		{"[n]", 3, true},
		{"a:1", 3, true},
	};
	uint8_t bytes[1024];
	struct sm_attributes a;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_refused(bytes, forged(bytes, rows[i].text, rows[i].size, NULL, 0));
		if (!rows[i].client)
			expect_refused(bytes, forged(bytes, "n1", 2, rows[i].text, rows[i].size));
		/* Nor does a member say it of itself. */
		a = (struct sm_attributes){0};
		memcpy(a.name, rows[i].text,
		       rows[i].size < sizeof(a.name) ? rows[i].size : sizeof(a.name));
		if (strlen(rows[i].text) == rows[i].size)
			assert_int_equal(kv_publication_encode(ID, &a, bytes), 0);
	}
	/* The longest that are good. */
	assert_int_equal(feed_bytes(&rig, bytes,
				    forged(bytes, long_text, SM_NAME_MAX, long_text, ADDRESS_SIZE))
				 .status,
			 KV_OK);
}

/* Each byte of a good one changed, one missing, one more. */
static void R52_what_is_not_quite_a_publication_is_refused(void **state)
{
	static const size_t fixed[] = {0, 1, 2, 3, 4, 7, 8, 16, 24, 32};
	uint8_t good[KV_PUBLICATION_SIZE_MAX + 1] = {0}, bytes[KV_PUBLICATION_SIZE_MAX + 1];
	const size_t size = kv_publication_encode(ID, &one, good);

	(void)state;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		memcpy(bytes, good, size);
		bytes[fixed[i]] ^= 0x20;
		expect_refused(bytes, size);
	}
	memcpy(bytes, good, size);
	memset(bytes + KV_REQUEST_HEADER_SIZE, 0, 8); /* id 0 */
	expect_refused(bytes, size);
	for (size_t at = KV_REQUEST_HEADER_SIZE + 8; at < KV_REQUEST_HEADER_SIZE + 16; at++) {
		memcpy(bytes, good, size);
		bytes[at] = (uint8_t)(bytes[at] + 1);
		expect_refused(bytes, size);
	}
	for (size_t cut = KV_REQUEST_HEADER_SIZE; cut <= size + 1; cut++) {
		if (cut == size)
			continue;
		memcpy(bytes, good, sizeof(good));
		expect_refused(bytes, cut);
	}
}

/* D16: so what a later release will say changes nothing here either. */
static void D16_a_command_of_a_later_release_changes_nothing(void **state)
{
	uint8_t bytes[KV_PUBLICATION_SIZE_MAX];
	const size_t size = kv_publication_encode(ID, &one, bytes);

	(void)state;
	for (int operation = KV_PUBLISH + 1; operation < 256; operation++) {
		bytes[1] = (uint8_t)operation;
		expect_refused(bytes, size);
	}
	assert_int_equal(rig.sm->ops->revision(rig.sm), 1);
}

/* Before the log says who is a member, SM_MEMBERS_MAX say something; then those alone. */
static void V28_nobody_else_takes_a_place(void **state)
{
	const uint64_t ids[] = {3, 5, ID};

	(void)state;
	for (uint64_t id = 1; id <= SM_MEMBERS_MAX; id++)
		assert_int_equal(say(&rig, id, "n"), KV_OK);
	assert_int_equal(say(&rig, ID, "late"), KV_MALFORMED);
	assert_int_equal(say(&rig, 5, "five"), KV_OK);
	kv_verify(rig.sm);

	rig.sm->ops->members(rig.sm, ids, 3);
	kv_verify(rig.sm);
	for (uint64_t id = 1; id <= SM_MEMBERS_MAX; id++)
		assert_string_equal(name_of(&rig, id), id == 3 ? "n" : id == 5 ? "five" : "");
	assert_int_equal(say(&rig, 4, "gone"), KV_MALFORMED);
	assert_int_equal(say(&rig, ID, "late"), KV_OK);
	assert_string_equal(name_of(&rig, 4), "");
	assert_string_equal(name_of(&rig, ID), "late");
}

/* The state is who is a member and what each said last: not in which order that came. */
static void equal_whatever_the_order(void **state)
{
	const uint64_t ids[] = {1, 2, 3};
	struct rig other;

	(void)state;
	rig_open_salted(&other, 1 << 20, 77);
	rig.sm->ops->members(rig.sm, ids, 3);
	assert_int_equal(say(&rig, 3, "c"), KV_OK);
	assert_int_equal(say(&rig, 1, "a"), KV_OK);
	assert_int_equal(say(&other, 1, "x"), KV_OK);
	assert_int_equal(say(&other, 1, "a"), KV_OK);
	other.sm->ops->members(other.sm, ids, 3);
	assert_true(rig.sm->ops->hash(rig.sm) != other.sm->ops->hash(other.sm));
	assert_int_equal(say(&other, 3, "c"), KV_OK);
	assert_true(rig.sm->ops->hash(rig.sm) == other.sm->ops->hash(other.sm));
	rig.sm->ops->members(rig.sm, ids, 2);
	assert_true(rig.sm->ops->hash(rig.sm) != other.sm->ops->hash(other.sm));
	rig_close(&other);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_is_none_of_the_keys_business),
		T(it_needs_neither_space_nor_a_session),
		T(V28_a_member_speaks_for_itself_alone),
		T(V28_text_that_no_terminal_should_see_is_refused),
		T(R52_what_is_not_quite_a_publication_is_refused),
		T(D16_a_command_of_a_later_release_changes_nothing),
		T(V28_nobody_else_takes_a_place),
		T(equal_whatever_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
