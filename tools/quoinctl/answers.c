#include "tools/quoinctl/answers.h"

#include "kv/txn_codec.h"
#include "tools/quoinctl/go_text.h"

#include <inttypes.h>

/* The responses of a transaction, and the operations that they answer. */
struct responses {
	const struct kv_answer *answer;
	uint32_t at;
	const uint8_t *operation; /* the next one */
	size_t left;              /* of the transaction's bytes */
};

static void skip_operation(struct responses *r, struct kv_request *out)
{
	size_t taken = kv_txn_decode_operation(out, r->operation, r->left);

	assert(taken);
	r->operation += taken;
	r->left -= taken;
}

static struct responses responses_of(const struct kv_bytes *txn, const struct kv_answer *answer)
{
	struct kv_txn_counts counts;
	struct kv_compare compare;
	struct kv_request operation;
	size_t taken = kv_txn_decode(&counts, txn->data, txn->size);
	struct responses r = {.answer = answer};

	assert(taken);
	for (uint16_t i = 0; i < counts.compares; i++)
		taken += kv_txn_decode_compare(&compare, txn->data + taken, txn->size - taken);
	r.operation = txn->data + taken;
	r.left = txn->size - taken;
	for (uint16_t i = 0; !answer->succeeded && i < counts.then; i++)
		skip_operation(&r, &operation);
	return r;
}

static bool response_next(struct responses *r, struct kv_request *request, struct kv_answer *out)
{
	if (!kv_response_next(r->answer, &r->at, out))
		return false;
	skip_operation(r, request);
	return true;
}

/* Of a key or a value, on a line of its own. */
static void bytes_simple(const struct options *o, struct kv_bytes bytes)
{
	for (uint32_t i = 0; o->hex && i < bytes.size; i++)
		printf("\\x%02x", bytes.data[i]);
	if (!o->hex)
		fwrite(bytes.data, 1, bytes.size, stdout);
	putchar('\n');
}

static void print_simple(const struct options *o, const struct kv_request *request,
			 const struct kv_answer *answer)
{
	struct responses responses;
	struct kv_request operation;
	struct kv_answer response;
	struct kv_item item;
	uint32_t at = 0;

	if (answer->operation == KV_TXN) {
		puts(answer->succeeded ? "SUCCESS" : "FAILURE");
		responses = responses_of(&request->txn, answer);
		while (response_next(&responses, &operation, &response)) {
			putchar('\n');
			print_simple(o, &operation, &response);
		}
		return;
	}
	if (answer->operation == KV_PUT)
		puts("OK");
	else if (answer->operation == KV_DELETE || request->flags & KV_COUNT_ONLY)
		printf("%" PRIu64 "\n", answer->count);
	while (kv_item_next(answer, &at, &item)) {
		if (!o->print_value_only)
			bytes_simple(o, item.key);
		/* An empty line after each key of --keys-only: so does etcdctl. */
		bytes_simple(o, item.value);
	}
}

static void item_json(const struct kv_item *item)
{
	printf("{\"key\":");
	json_bytes(item->key.data, item->key.size);
	printf(",\"create_revision\":%" PRIu64 ",\"mod_revision\":%" PRIu64 ",\"version\":%" PRIu64,
	       item->create_revision, item->mod_revision, item->version);
	if (item->value.size) {
		printf(",\"value\":");
		json_bytes(item->value.data, item->value.size);
	}
	if (item->lease)
		printf(",\"lease\":%" PRId64, (int64_t)item->lease);
	putchar('}');
}

static void items_json(const struct kv_answer *answer, const char *name)
{
	struct kv_item item;
	uint32_t at = 0;

	for (const char *before = name; kv_item_next(answer, &at, &item); before = ",") {
		fputs(before, stdout);
		item_json(&item);
	}
	if (answer->item_count)
		putchar(']');
}

/* All but the header, and without what is zero: Go leaves that out. */
static void body_json(const struct kv_answer *answer)
{
	struct kv_item item;
	uint32_t at = 0;

	switch (answer->operation) {
	case KV_PUT:
		if (kv_item_next(answer, &at, &item)) {
			printf(",\"prev_kv\":");
			item_json(&item);
		}
		break;
	case KV_DELETE:
		if (answer->count)
			printf(",\"deleted\":%" PRIu64, answer->count);
		items_json(answer, ",\"prev_kvs\":[");
		break;
	case KV_RANGE:
		items_json(answer, ",\"kvs\":[");
		if (answer->more)
			printf(",\"more\":true");
		if (answer->count)
			printf(",\"count\":%" PRIu64, answer->count);
		break;
	case KV_PUBLISH:
	case KV_TXN:
	case KV_COMPACT:
	case KV_HASHKV:
	case KV_MARK:
		break;
	}
}

static const char *response_name(enum kv_operation operation)
{
	return operation == KV_PUT      ? "ResponsePut"
	       : operation == KV_DELETE ? "ResponseDeleteRange"
					: "ResponseRange";
}

static void responses_json(const struct kv_answer *answer)
{
	struct kv_answer response;
	uint32_t at = 0;

	if (answer->succeeded)
		printf(",\"succeeded\":true");
	for (const char *before = ",\"responses\":["; kv_response_next(answer, &at, &response);
	     before = ",") {
		printf("%s{\"Response\":{\"%s\":{\"header\":{\"revision\":%" PRIu64 "}", before,
		       response_name(response.operation), response.revision);
		body_json(&response);
		printf("}}}");
	}
	if (answer->item_count)
		putchar(']');
}

static void print_json(const struct answerer *from, const struct kv_answer *answer)
{
	putchar('{');
	json_header(&from->node, answer->revision, from->term);
	if (answer->operation == KV_TXN)
		responses_json(answer);
	else
		body_json(answer);
	puts("}");
}

static void item_fields(const char *prefix, const struct kv_item *item)
{
	printf("\"%sKey\" : ", prefix);
	go_quote(item->key.data, item->key.size);
	printf("\n\"%sCreateRevision\" : %" PRIu64 "\n\"%sModRevision\" : %" PRIu64
	       "\n\"%sVersion\" : %" PRIu64 "\n\"%sValue\" : ",
	       prefix, item->create_revision, prefix, item->mod_revision, prefix, item->version,
	       prefix);
	go_quote(item->value.data, item->value.size);
	printf("\n\"%sLease\" : %" PRId64 "\n", prefix, (int64_t)item->lease);
}

static void print_fields(const struct answerer *from, const struct kv_answer *answer)
{
	static const struct answerer nobody;
	const char *prefix = answer->operation == KV_RANGE ? "" : "Prev";
	struct kv_answer response;
	struct kv_item item;
	uint32_t at = 0;

	header_fields(&from->node, answer->revision, from->term);
	if (answer->operation == KV_TXN) {
		printf("\"Succeeded\" : %s\n", answer->succeeded ? "true" : "false");
		while (kv_response_next(answer, &at, &response))
			print_fields(&nobody, &response);
		return;
	}
	if (answer->operation == KV_DELETE)
		printf("\"Deleted\" : %" PRIu64 "\n", answer->count);
	while (kv_item_next(answer, &at, &item))
		item_fields(prefix, &item);
	if (answer->operation == KV_RANGE)
		printf("\"More\" : %s\n\"Count\" : %" PRIu64 "\n", answer->more ? "true" : "false",
		       answer->count);
}

void answer_print(const struct options *o, const struct answerer *from,
		  const struct kv_request *request, const struct kv_answer *answer)
{
	assert(o->format != FORMAT_TABLE);
	if (o->format == FORMAT_JSON)
		print_json(from, answer);
	else if (o->format == FORMAT_FIELDS)
		print_fields(from, answer);
	else
		print_simple(o, request, answer);
}
