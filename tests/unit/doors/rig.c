#include "tests/unit/doors/rig.h"

#include "base/mix.h"
#include "kv/kv.h"
#include "kv/verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OF(member, p) ((struct rig *)(void *)((char *)(p)-offsetof(struct rig, member)))

enum { ENTRY_MAX = 1200, DELETED_AT_ONCE = 10 };

static uint8_t value_byte(uint32_t key, uint32_t i)
{
	return (uint8_t)(mix(key) >> (i % 8 * 8));
}

static struct kv_bytes key_name(char out[8], uint32_t key)
{
	snprintf(out, 8, "k%05u", key);
	return (struct kv_bytes){(const uint8_t *)out, 6};
}

void rig_apply(struct rig *rig, const uint8_t *command, uint32_t size)
{
	struct sm_result result;
	int done = 0;

	for (uint32_t at = 0; at < size; at += ENTRY_MAX) {
		uint32_t left = size - at;
		const struct sm_entry entry = {
			.index = ++rig->index,
			.data = command + at,
			.size = left < ENTRY_MAX ? left : ENTRY_MAX,
			.first = at == 0,
			.last = left <= ENTRY_MAX,
		};

		do
			done = rig->sm->ops->apply(rig->sm, &entry, &result);
		while (done == -EAGAIN);
	}
	assert_int_equal(done, 1);
	serve_progress(rig->serve, rig->index, false);
	serve_applied(rig->serve, &result);
}

static void write_one(struct rig *rig, enum kv_operation operation, uint32_t key, uint8_t fill)
{
	static uint8_t value[RIG_VALUE], command[RIG_VALUE + 256];
	char name[8], end[8];
	struct kv_request request = {
		.operation = operation,
		.session = 1,
		.sequence = ++rig->sequence,
		.key = key_name(name, key),
	};

	if (operation == KV_PUT) {
		for (uint32_t i = 0; i < RIG_VALUE; i++)
			value[i] = (uint8_t)(value_byte(key, i) + fill);
		request.value = (struct kv_bytes){value, RIG_VALUE};
	} else {
		request.range_end = key_name(end, key + DELETED_AT_ONCE);
	}
	kv_request_encode(&request, command);
	rig_apply(rig, command, (uint32_t)kv_request_size(&request));
}

void rig_write(struct rig *rig, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++, rig->writes++) {
		uint32_t round = rig->writes / RIG_KEYS, key = rig->writes % RIG_KEYS;

		if (round % 3 != 1)
			write_one(rig, KV_PUT, key, (uint8_t)(round + 1));
		else if (key % DELETED_AT_ONCE == 0)
			write_one(rig, KV_DELETE, key, 0);
	}
	if (rig->sm->ops->revision(rig->sm) > rig->compacted) {
		uint8_t command[SM_COMPACTION_SIZE_MAX];

		rig->compacted = rig->sm->ops->revision(rig->sm);
		rig_apply(rig, command, rig->sm->ops->compaction(rig->compacted, command));
	}
	if (kv_pinned_size(rig->sm) > rig->pinned_max)
		rig->pinned_max = kv_pinned_size(rig->sm);
}

static int propose(struct serve_port *port, const uint8_t *data, uint32_t size, raft_term *term)
{
	(void)port;
	(void)data;
	(void)size;
	(void)term;
	return -EAGAIN; /* the tests' doors read */
}

static int read_index(struct serve_port *port, uint64_t context)
{
	OF(port, port)->context = context;
	return 0;
}

static void leader(struct serve_port *port, struct serve_leader *out)
{
	*out = (struct serve_leader){
		.id = 1, .self = true, .term = 1, .last = OF(port, port)->index};
}

static size_t status(struct serve_host *host, char *out, size_t size_max)
{
	(void)host;
	return (size_t)snprintf(out, size_max, "name rig\n");
}

/* Says what was ordered. */
static enum serve_status order(struct serve_host *host, const uint8_t *data, uint32_t data_size,
			       char *out, size_t size_max, size_t *size)
{
	(void)host;
	if (data_size == 0)
		return SERVE_NOT_LEADER;
	assert(data_size <= size_max);
	memcpy(out, data, data_size);
	*size = data_size;
	return SERVE_OK;
}

void rig_open(struct rig *rig)
{
	static const struct serve_port_ops port_ops = {propose, read_index, leader};
	static const struct serve_host_ops host_ops = {.status = status, .order = order};
	const struct kv_options kv = {
		.quota = 1u << 28, .pinned_size_max = RIG_PIN_BUDGET, .salt = 3};
	struct serve_options options = {
		.port = &rig->port,
		.peers = &rig->peers,
		.host = &rig->host,
		.salt = 5,
	};

	memset(rig, 0, sizeof(*rig));
	rig->port.ops = &port_ops;
	rig->host.ops = &host_ops;
	rig->now_ns = 1000000000;
	assert_int_equal(kv_create(&rig->sm, &kv), 0);
	options.sm = rig->sm;
	assert_int_equal(serve_create(&rig->serve, &options), 0);
	serve_turn(rig->serve, rig->now_ns);
	for (uint32_t i = 0; i < RIG_KEYS; i++)
		write_one(rig, KV_PUT, i, 0);
}

void rig_close(struct rig *rig)
{
	serve_destroy(rig->serve);
	rig->sm->ops->destroy(rig->sm);
}

void rig_turn_begin(struct rig *rig, uint64_t ns)
{
	rig->now_ns += ns;
	serve_turn(rig->serve, rig->now_ns);
}

void rig_turn_end(struct rig *rig)
{
	serve_drive(rig->serve);
	if (rig->context)
		serve_confirmed(rig->serve, rig->context, rig->index);
	rig->context = 0;
	serve_expire(rig->serve);
}

uint32_t rig_query(uint8_t out[RIG_QUERY_MAX])
{
	static const uint8_t first[] = "k", end[] = "l";
	const struct kv_request request = {
		.operation = KV_RANGE, .key = {first, 1}, .range_end = {end, 1}};

	assert_true(kv_request_size(&request) <= RIG_QUERY_MAX);
	kv_request_encode(&request, out);
	return (uint32_t)kv_request_size(&request);
}

uint32_t rig_deletion(uint8_t out[RIG_QUERY_MAX])
{
	const struct kv_request request = {.operation = KV_DELETE,
					   .flags = KV_PREV_KV,
					   .session = 7,
					   .sequence = 1,
					   .key = {(const uint8_t *)"k00000", 6},
					   .range_end = {(const uint8_t *)"k00040", 6}};

	assert_true(kv_request_size(&request) <= RIG_QUERY_MAX);
	kv_request_encode(&request, out);
	return (uint32_t)kv_request_size(&request);
}

void rig_check(const uint8_t *data, size_t size)
{
	struct kv_answer answer;
	struct kv_item item;
	uint32_t at = 0;
	char name[8];

	assert_int_equal(size, RIG_ANSWER);
	assert_int_equal(kv_answer_decode(&answer, data, size), 0);
	assert_int_equal(answer.count, RIG_KEYS);
	assert_int_equal(answer.revision, RIG_KEYS + 1);
	assert_false(answer.more);
	for (uint32_t key = 0; key < RIG_KEYS; key++) {
		assert_true(kv_item_next(&answer, &at, &item));
		assert_memory_equal(item.key.data, key_name(name, key).data, 6);
		assert_int_equal(item.mod_revision, key + 2);
		assert_int_equal(item.version, 1);
		assert_int_equal(item.value.size, RIG_VALUE);
		for (uint32_t i = 0; i < RIG_VALUE; i++) {
			if (item.value.data[i] != value_byte(key, i))
				fail_msg("key %u is of another revision at byte %u", key, i);
		}
	}
	assert_false(kv_item_next(&answer, &at, &item));
}

void rig_check_clean(struct rig *rig)
{
	while (rig->sm->ops->sweep(rig->sm))
		;
	assert_int_equal(kv_pinned_size(rig->sm), 0);
	assert_int_equal(serve_open_count(rig->serve), 0);
	kv_verify(rig->sm);
}
