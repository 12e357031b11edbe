/*
 * endpoint hashkv, in etcdctl's forms. Unlike etcdctl it looks at what it prints: whoever was
 * hashed at the same revision, and compacted at the same one, has the same hash.
 */
#include "tools/quoinctl/hashkv.h"
#include "tools/quoinctl/orders.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>

void probe_hash(struct probe *p)
{
	const struct kv_request request = {
		.operation = KV_HASHKV,
		.revision = p->options->revision,
	};
	const uint64_t deadline_ns = clock_now() + p->options->timeout_ns;
	uint8_t bytes[KV_REQUEST_FIXED_MAX];
	struct endpoint_answer answer;
	int err = endpoint_welcome(p->endpoint, p->options->timeout_ns, &p->node);

	if (!err && was_removed(p->endpoint, &p->node, left_until(deadline_ns) + 1)) {
		snprintf(p->error, sizeof(p->error), WAS_REMOVED);
		return;
	}
	kv_request_encode(&request, bytes);
	if (!err)
		err = endpoint_call(p->endpoint, WIRE_QUERY_LOCAL, bytes,
				    (uint32_t)kv_request_size(&request),
				    left_until(deadline_ns) + 1, &answer);
	if (!err)
		err = (int)answer.status;
	if (err)
		snprintf(p->error, sizeof(p->error), "%s", endpoint_error_text(err));
	else if (kv_answer_decode(&p->answer, answer.data, answer.size) ||
		 (p->answer.status == KV_OK && p->answer.operation != KV_HASHKV))
		snprintf(p->error, sizeof(p->error), "an answer that cannot be read");
	else if (p->answer.status != KV_OK)
		snprintf(p->error, sizeof(p->error), "%s", kv_status_text(p->answer.status));
}

uint64_t hash_revision(const struct probe *p)
{
	return p->options->revision ? p->options->revision : p->answer.revision;
}

/* The term is in no answer but a status. */
static uint64_t ask_term(const struct probe *p)
{
	struct status status;

	return status_ask(p->endpoint, CLOCK_S, &status) == 0 ? status.term : 0;
}

static void hashes_table(const struct probe *probes, uint32_t count)
{
	static const char *cells[ENDPOINTS_MAX + 1][2] = {{"ENDPOINT", "HASH"}};
	static char hash[ENDPOINTS_MAX][16];
	uint32_t rows = 1;

	for (uint32_t i = 0; i < count; i++) {
		if (probes[i].error[0])
			continue;
		snprintf(hash[i], sizeof(hash[i]), "%" PRIu32, probes[i].answer.hash);
		cells[rows][0] = endpoint_text(probes[i].endpoint);
		cells[rows++][1] = hash[i];
	}
	table_print(&cells[0][0], rows, 2);
}

static void hashes_json(const struct probe *probes, uint32_t count)
{
	const char *before = "";

	putchar('[');
	for (uint32_t i = 0; i < count; i++) {
		const struct probe *p = &probes[i];

		if (p->error[0])
			continue;
		printf("%s{\"Endpoint\":", before);
		json_text(endpoint_text(p->endpoint));
		printf(",\"HashKV\":{");
		json_header(&p->node, p->answer.revision, ask_term(p));
		if (p->answer.hash)
			printf(",\"hash\":%" PRIu32, p->answer.hash);
		if (p->answer.compact_revision)
			printf(",\"compact_revision\":%" PRId64, p->answer.compact_revision);
		printf("}}");
		before = ",";
	}
	puts("]");
}

static void hashes_fields(const struct probe *probes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct probe *p = &probes[i];

		if (p->error[0])
			continue;
		header_fields(&p->node, p->answer.revision, ask_term(p));
		printf("\"Endpoint\" : ");
		json_text(endpoint_text(p->endpoint));
		printf("\n\"Hash\" : %" PRIu32 "\n\n", p->answer.hash);
	}
}

static void hashes_simple(const struct probe *probes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!probes[i].error[0])
			printf("%s, %" PRIu32 "\n", endpoint_text(probes[i].endpoint),
			       probes[i].answer.hash);
	}
}

/* 0, or the exit status of two that should be equal and are not. */
static int compare(const struct probe *probes, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = i + 1; k < count; k++) {
			const struct probe *a = &probes[i], *b = &probes[k];

			if (a->error[0] || b->error[0] ||
			    a->node.cluster_id != b->node.cluster_id ||
			    hash_revision(a) != hash_revision(b) ||
			    a->answer.compact_revision != b->answer.compact_revision ||
			    a->answer.hash == b->answer.hash)
				continue;
			return complain(EXIT_FAILED,
					"%s and %s are of one cluster and differ at revision "
					"%" PRIu64,
					endpoint_text(a->endpoint), endpoint_text(b->endpoint),
					hash_revision(a));
		}
	}
	return 0;
}

int command_hashkv(const struct options *options)
{
	struct probe *probes = probe_all(options, probe_hash);
	const uint32_t count = options->endpoint_count;
	int status = EXIT_ANSWERED, differ;

	if (!probes)
		return complain(EXIT_FAILED, "out of memory");
	for (uint32_t i = 0; i < count; i++) {
		if (!probes[i].error[0])
			continue;
		fprintf(stderr, "Failed to get the hash of endpoint %s (%s)\n",
			endpoint_text(probes[i].endpoint), probes[i].error);
		status = EXIT_FAILED;
	}
	switch (options->format) {
	case FORMAT_SIMPLE:
		hashes_simple(probes, count);
		break;
	case FORMAT_TABLE:
		hashes_table(probes, count);
		break;
	case FORMAT_JSON:
		hashes_json(probes, count);
		break;
	case FORMAT_FIELDS:
		hashes_fields(probes, count);
		break;
	}
	differ = compare(probes, count);
	free(probes);
	return differ ? differ : status;
}
