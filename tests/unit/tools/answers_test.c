/*
 * Answers as etcdctl prints them: what etcdctl 3.4 gave for the same history of the same keys.
 */
#include "kv/codec.h"
#include "kv/txn_codec.h"
#include "tests/unit/test.h"
#include "tests/unit/tools/capture.h"
#include "tools/quoinctl/answers.h"

#include <string.h>

static const struct answerer from = {
	.node = {.cluster_id = 324952591200643719, .member_id = 3319814642761637952},
	.term = 2,
};
static uint8_t bytes[4096];
static char got[4096];

static struct kv_bytes text(const char *t)
{
	return (struct kv_bytes){(const uint8_t *)t, (uint32_t)strlen(t)};
}

static const struct kv_item one = {
	2, 4, 3, 0, {(const uint8_t *)"a", 1}, {(const uint8_t *)"3", 1}};
static const struct kv_item odd = {
	11, 11, 1, 0, {(const uint8_t *)"ab", 2}, {(const uint8_t *)"x\n\xff\"", 4}};
static const struct kv_item leased = {9, 9, 1, (uint64_t)-5, {(const uint8_t *)"l", 1}, {NULL, 0}};

static uint8_t *put_item(uint8_t *at, const struct kv_item *item)
{
	kv_item_encode(item, at);
	return at + kv_item_size(item);
}

static struct kv_answer decode(const struct kv_answer *header, const uint8_t *end)
{
	struct kv_answer answer;

	kv_answer_encode_header(header, bytes);
	assert_int_equal(kv_answer_decode(&answer, bytes, (size_t)(end - bytes)), 0);
	return answer;
}

static void expect(const struct options *o, const struct kv_request *request,
		   const struct kv_answer *answer, const char *expected)
{
	struct capture c = capture_begin();

	answer_print(o, &from, request, answer);
	capture_end(&c, got, sizeof(got));
	if (strcmp(got, expected) != 0)
		fail_msg("%s--- and not\n%s", got, expected);
}

static const struct options simple = {.format = FORMAT_SIMPLE}, json = {.format = FORMAT_JSON},
			    fields = {.format = FORMAT_FIELDS};

#define JSON_HEADER(revision)                             \
	"{\"header\":{\"cluster_id\":324952591200643719," \
	"\"member_id\":3319814642761637952,\"revision\":" #revision ",\"raft_term\":2}"
#define FIELDS_HEADER(revision)                                                    \
	"\"ClusterID\" : 324952591200643719\n\"MemberID\" : 3319814642761637952\n" \
	"\"Revision\" : " #revision "\n\"RaftTerm\" : 2\n"
#define FIELDS_NESTED "\"ClusterID\" : 0\n\"MemberID\" : 0\n\"Revision\" : 12\n\"RaftTerm\" : 0\n"
#define ONE_JSON                                                                    \
	"{\"key\":\"YQ==\",\"create_revision\":2,\"mod_revision\":4,\"version\":3," \
	"\"value\":\"Mw==\"}"
#define ODD_JSON                                                                      \
	"{\"key\":\"YWI=\",\"create_revision\":11,\"mod_revision\":11,\"version\":1," \
	"\"value\":\"eAr/Ig==\"}"
#define ONE_FIELDS(p)                                                                       \
	"\"" p "Key\" : \"a\"\n\"" p "CreateRevision\" : 2\n\"" p "ModRevision\" : 4\n\"" p \
	"Version\" : 3\n\"" p "Value\" : \"3\"\n\"" p "Lease\" : 0\n"
#define ODD_FIELDS(p)                                                                          \
	"\"" p "Key\" : \"ab\"\n\"" p "CreateRevision\" : 11\n\"" p "ModRevision\" : 11\n\"" p \
	"Version\" : 1\n\"" p "Value\" : \"x\\n\\xff\\\"\"\n\"" p "Lease\" : 0\n"

static void puts_and_what_was_there_before(void **state)
{
	const struct kv_request request = {.operation = KV_PUT};
	struct kv_answer header = {.operation = KV_PUT, .revision = 5};
	struct kv_answer answer = decode(&header, bytes + KV_ANSWER_HEADER_SIZE);

	(void)state;
	expect(&simple, &request, &answer, "OK\n");
	expect(&json, &request, &answer, JSON_HEADER(5) "}\n");
	expect(&fields, &request, &answer, FIELDS_HEADER(5));
	header.item_count = 1;
	answer = decode(&header, put_item(bytes + KV_ANSWER_HEADER_SIZE, &one));
	expect(&simple, &request, &answer, "OK\na\n3\n");
	expect(&(struct options){.hex = true}, &request, &answer, "OK\n\\x61\n\\x33\n");
	expect(&json, &request, &answer, JSON_HEADER(5) ",\"prev_kv\":" ONE_JSON "}\n");
	expect(&fields, &request, &answer, FIELDS_HEADER(5) ONE_FIELDS("Prev"));
}

static void deletes_and_what_was_there_before(void **state)
{
	const struct kv_request request = {.operation = KV_DELETE};
	struct kv_answer header = {.operation = KV_DELETE, .revision = 12};
	struct kv_answer answer = decode(&header, bytes + KV_ANSWER_HEADER_SIZE);
	uint8_t *end;

	(void)state;
	expect(&simple, &request, &answer, "0\n");
	expect(&json, &request, &answer, JSON_HEADER(12) "}\n");
	expect(&fields, &request, &answer, FIELDS_HEADER(12) "\"Deleted\" : 0\n");
	header.count = header.item_count = 2;
	end = put_item(put_item(bytes + KV_ANSWER_HEADER_SIZE, &one), &odd);
	answer = decode(&header, end);
	expect(&simple, &request, &answer, "2\na\n3\nab\nx\n\xff\"\n");
	expect(&json, &request, &answer,
	       JSON_HEADER(12) ",\"deleted\":2,\"prev_kvs\":[" ONE_JSON "," ODD_JSON "]}\n");
	expect(&fields, &request, &answer,
	       FIELDS_HEADER(12) "\"Deleted\" : 2\n" ONE_FIELDS("Prev") ODD_FIELDS("Prev"));
}

static void ranges(void **state)
{
	struct kv_request request = {.operation = KV_RANGE};
	struct kv_answer header = {.operation = KV_RANGE, .revision = 37};
	struct kv_answer answer = decode(&header, bytes + KV_ANSWER_HEADER_SIZE);

	(void)state;
	expect(&simple, &request, &answer, "");
	expect(&json, &request, &answer, JSON_HEADER(37) "}\n");
	expect(&fields, &request, &answer, FIELDS_HEADER(37) "\"More\" : false\n\"Count\" : 0\n");
	header.more = true;
	header.count = 3;
	header.item_count = 1;
	answer = decode(&header, put_item(bytes + KV_ANSWER_HEADER_SIZE, &one));
	expect(&simple, &request, &answer, "a\n3\n");
	expect(&(struct options){.print_value_only = true}, &request, &answer, "3\n");
	expect(&json, &request, &answer,
	       JSON_HEADER(37) ",\"kvs\":[" ONE_JSON "],\"more\":true,\"count\":3}\n");
	expect(&fields, &request, &answer,
	       FIELDS_HEADER(37) ONE_FIELDS("") "\"More\" : true\n\"Count\" : 3\n");
	/* No value, and a lease. */
	header.more = false;
	answer = decode(&header, put_item(bytes + KV_ANSWER_HEADER_SIZE, &leased));
	expect(&json, &request, &answer,
	       JSON_HEADER(37) ",\"kvs\":[{\"key\":\"bA==\",\"create_revision\":9,"
			       "\"mod_revision\":9,\"version\":1,\"lease\":-5}],\"count\":3}\n");
	/* The count alone. */
	header.item_count = 0;
	answer = decode(&header, bytes + KV_ANSWER_HEADER_SIZE);
	request.flags = KV_COUNT_ONLY;
	expect(&simple, &request, &answer, "3\n");
	expect(&fields, &request, &answer, FIELDS_HEADER(37) "\"More\" : false\n\"Count\" : 3\n");
}

static uint8_t *put_response(uint8_t *at, const struct kv_answer *response,
			     const struct kv_item *item)
{
	kv_response_encode_header(response, at);
	at += KV_RESPONSE_HEADER_SIZE;
	return item ? put_item(at, item) : at;
}

/* Two branches: "get a --count-only", and a put, a delete and a range. */
static size_t put_request(uint8_t out[1024], bool holds)
{
	static const struct kv_request operations[] = {
		{.operation = KV_PUT, .flags = KV_PREV_KV},
		{.operation = KV_DELETE, .flags = KV_PREV_KV},
		{.operation = KV_RANGE},
		{.operation = KV_RANGE, .flags = KV_COUNT_ONLY},
	};
	const struct kv_txn_counts counts = {1, holds ? 3 : 1, holds ? 1 : 3};
	const struct kv_compare compare = {.key = text("a")};
	size_t size = kv_txn_encode(&counts, out);

	size += kv_txn_encode_compare(&compare, out + size);
	for (int i = 0; i < 4; i++) {
		struct kv_request operation = operations[holds ? i : (i + 3) % 4];

		operation.key = text("a");
		size += kv_txn_encode_operation(&operation, out + size);
	}
	return size;
}

static struct kv_answer three_responses(bool holds)
{
	const struct kv_answer header = {
		.operation = KV_TXN, .revision = 12, .succeeded = holds, .item_count = 3};
	struct kv_answer response = {.operation = KV_PUT, .revision = 12, .item_count = 1};
	uint8_t *end = put_response(bytes + KV_ANSWER_HEADER_SIZE, &response, &one);

	response.operation = KV_DELETE;
	response.count = 1;
	end = put_response(end, &response, &odd);
	response.operation = KV_RANGE;
	response.count = response.item_count = 0;
	end = put_response(end, &response, NULL);
	return decode(&header, end);
}

#define RESPONSES_JSON                                                                 \
	"\"responses\":[{\"Response\":{\"ResponsePut\":{\"header\":{\"revision\":12}," \
	"\"prev_kv\":" ONE_JSON "}}},{\"Response\":{\"ResponseDeleteRange\":{"         \
	"\"header\":{\"revision\":12},\"deleted\":1,\"prev_kvs\":[" ODD_JSON "]}}},"   \
	"{\"Response\":{\"ResponseRange\":{\"header\":{\"revision\":12}}}}]}\n"

static void transactions(void **state)
{
	static uint8_t txn[1024];

	(void)state;
	for (int holds = 0; holds < 2; holds++) {
		const struct kv_request request = {.operation = KV_TXN,
						   .txn = {txn, (uint32_t)put_request(txn, holds)}};
		const struct kv_answer answer = three_responses(holds);

		expect(&simple, &request, &answer,
		       holds ? "SUCCESS\n\nOK\na\n3\n\n1\nab\nx\n\xff\"\n\n"
			     : "FAILURE\n\nOK\na\n3\n\n1\nab\nx\n\xff\"\n\n");
		expect(&json, &request, &answer,
		       holds ? JSON_HEADER(12) ",\"succeeded\":true," RESPONSES_JSON
			     : JSON_HEADER(12) "," RESPONSES_JSON);
		expect(&fields, &request, &answer,
		       holds ? FIELDS_HEADER(12) "\"Succeeded\" : true\n" FIELDS_NESTED ONE_FIELDS(
				       "Prev") FIELDS_NESTED "\"Deleted\" : 1\n" ODD_FIELDS("Prev")
				       FIELDS_NESTED "\"More\" : false\n\"Count\" : 0\n"
			     : FIELDS_HEADER(12) "\"Succeeded\" : false\n" FIELDS_NESTED ONE_FIELDS(
				       "Prev") FIELDS_NESTED "\"Deleted\" : 1\n" ODD_FIELDS("Prev")
				       FIELDS_NESTED "\"More\" : false\n\"Count\" : 0\n");
	}
}

/* Which response is a count alone, its operation says: of the branch that ran. */
static void counts_in_transactions(void **state)
{
	static uint8_t txn[1024];

	(void)state;
	for (int holds = 0; holds < 2; holds++) {
		const struct kv_request request = {.operation = KV_TXN,
						   .txn = {txn, (uint32_t)put_request(txn, holds)}};
		const struct kv_answer header = {
			.operation = KV_TXN, .revision = 12, .succeeded = !holds, .item_count = 1};
		const struct kv_answer response = {
			.operation = KV_RANGE, .revision = 12, .count = 7};
		const struct kv_answer answer = decode(
			&header, put_response(bytes + KV_ANSWER_HEADER_SIZE, &response, NULL));

		expect(&simple, &request, &answer, holds ? "FAILURE\n\n7\n" : "SUCCESS\n\n7\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_and_what_was_there_before),
		cmocka_unit_test(deletes_and_what_was_there_before),
		cmocka_unit_test(ranges),
		cmocka_unit_test(transactions),
		cmocka_unit_test(counts_in_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
