/*
 * Fuzz target: what a tool reads from a node: a status text, and the headers of the local socket's
 * stream (N15). Nothing is read past the end, and what a header says is within its bounds.
 */
#include "dataplane/stream.h"
#include "tests/fuzz/fuzz.h"
#include "tools/client/status.h"

#include <stdlib.h>
#include <string.h>

static void require(bool truth)
{
	if (!truth)
		abort();
}

static void header(const uint8_t *data, enum stream_end from)
{
	uint8_t back[STREAM_HEADER_SIZE];
	struct stream_header h;

	if (stream_header_decode(&h, from, data) != 0)
		return;
	require(h.size <= WIRE_MESSAGE_SIZE_MAX);
	stream_header_encode(&h, from, back);
	require(memcmp(back, data, STREAM_HEADER_SIZE) == 0);
}

static void text(const char *data, size_t size)
{
	/* Memory that ends where the text ends. */
	char *exact = malloc(size ? size : 1);
	struct status status;
	char value[16];

	require(exact != NULL);
	memcpy(exact, data, size);
	status_parse(&status, exact, size);
	require(status.error_count <= STATUS_ERRORS_MAX);
	require(status.warning_count <= STATUS_ERRORS_MAX);
	require(memchr(status.name, '\0', sizeof(status.name)) != NULL);
	require(memchr(status.role, '\0', sizeof(status.role)) != NULL);
	for (uint32_t i = 0; i < status.error_count; i++)
		require(memchr(status.error[i], '\0', sizeof(status.error[i])) != NULL);
	status_value(exact, size, "raft_term", value, sizeof(value));
	require(memchr(value, '\0', sizeof(value)) != NULL);
	free(exact);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= STREAM_HEADER_SIZE) {
		header(data, STREAM_CLIENT);
		header(data, STREAM_NODE);
	}
	text((const char *)data, size);
	return 0;
}

size_t fuzz_seed_input(uint64_t n, uint8_t *input)
{
	static const char good[] =
		"name n1\ncluster_id 00000000000000c1\nrole leader\nraft_term 7\n"
		"revision 12\ndrop_runt 3\nerror etcdserver: no leader\n"
		"warning member n2 differs\npeer n2 id=2 address=198.18.0.2 match=7\n"
		"port net0 up=1 rx_frames=12\n";
	const struct stream_header h = {.size = (uint32_t)n % 1000, .code = 1, .id = n};

	if (n % 4 == 0) {
		stream_header_encode(&h, STREAM_CLIENT, input);
		return STREAM_HEADER_SIZE;
	}
	memcpy(input, good, sizeof(good) - 1);
	return sizeof(good) - 1;
}
