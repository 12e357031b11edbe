/*
 * A large read through whole nodes: one client writes and deletes all the time, another reads all
 * keys at a follower, in pieces, over a lossy network, while the leader dies and another is
 * elected.
 *
 * Each write makes one revision, so that the revision of an answer says which writes it must show:
 * the answer is compared with the outcome of exactly those.
 */
#include "tests/sim/world.h"

#include "kv/command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 300, VALUE_SIZE = 4000, READS = 12, ANSWER_MAX = 2 << 20 };

#define MS 1000000ull

static struct sim_world w;
static uint64_t begun; /* writes; revision 1 + n is the outcome of the first n of them */
static uint8_t command[VALUE_SIZE + 128];
static uint8_t answer[ANSWER_MAX];
static size_t answer_size;

static struct kv_bytes key_name(char out[8], uint64_t write)
{
	snprintf(out, 8, "r%03u", (unsigned int)(write * 7 % KEYS));
	return (struct kv_bytes){(const uint8_t *)out, 4};
}

/* A key is put, put and deleted, in turn: a delete finds it there, and so makes a revision. */
static bool deletes(uint64_t write)
{
	static_assert(KEYS % 3 == 0, "a key's writes are of one kind modulo 3 but for the round");
	return write >= KEYS && (write / KEYS + write) % 3 == 0;
}

static uint8_t fill_of(uint64_t write)
{
	return (uint8_t)(write * 31 + 1);
}

static void write_begin(void)
{
	static uint8_t value[VALUE_SIZE];
	uint64_t write = begun++;
	char name[8];
	struct kv_request request = {
		.operation = KV_PUT,
		.session = 77,
		.sequence = write + 1,
		.key = key_name(name, write),
		.value = {value, VALUE_SIZE},
	};

	memset(value, fill_of(write), VALUE_SIZE);
	if (deletes(write)) {
		request.operation = KV_DELETE;
		request.value.size = 0;
	}
	kv_request_encode(&request, command);
	client_request(w.client[0].client, WIRE_COMMAND, command,
		       (uint32_t)kv_request_size(&request), w.now_ns, 400 * MS);
}

/* A write that is not answered is sent again, elsewhere, as itself. */
static void writer_go_on(void)
{
	struct sim_client *c = &w.client[0];
	uint32_t size;
	int err;

	switch (client_get_state(c->client)) {
	case CLIENT_WAITING:
		return;
	case CLIENT_DONE:
		/* Without an answer that is a hello, which follows what has failed (client.c). */
		(void)client_answer(c->client, &size);
		if (client_status(c->client) == WIRE_OK && size > 0) {
			write_begin();
			return;
		}
		break;
	case CLIENT_IDLE:
	case CLIENT_PIECE:
	case CLIENT_FAILED:
		break;
	}
	c->target = (c->target + 1) % w.node_count;
	client_destroy(c->client);
	err = client_create(&c->client, w.now_ns);
	assert(!err);
	begun--;
	write_begin();
}

static void reader_ask(uint32_t target)
{
	static uint8_t bytes[128];
	static const uint8_t first[] = "r", end[] = "s";
	const struct kv_request request = {
		.operation = KV_RANGE, .key = {first, 1}, .range_end = {end, 1}};
	struct sim_client *c = &w.client[1];
	int err;

	kv_request_encode(&request, bytes);
	client_destroy(c->client);
	err = client_create(&c->client, 1 + w.now_ns);
	assert(!err);
	c->target = target;
	answer_size = 0;
	client_request(c->client, WIRE_QUERY, bytes, (uint32_t)kv_request_size(&request), w.now_ns,
		       30000 * MS);
}

static void reader_take(void)
{
	uint32_t size;
	const uint8_t *data = client_answer(w.client[1].client, &size);

	assert(answer_size + size <= ANSWER_MAX);
	memcpy(answer + answer_size, data, size);
	answer_size += size;
}

static enum client_state reader_run(void)
{
	while (client_get_state(w.client[1].client) == CLIENT_WAITING) {
		sim_world_run(&w, MS / 10);
		writer_go_on();
	}
	return client_get_state(w.client[1].client);
}

/* The last write of each key among the first `writes`, or NONE: deleted, or never written. */
static void check_answer(void)
{
	enum { NONE = 0 };
	static uint64_t last[KEYS];
	struct kv_answer a;
	struct kv_item item;
	uint32_t at = 0, there = 0;
	char name[8];

	if (kv_answer_decode(&a, answer, answer_size))
		abort();
	memset(last, NONE, sizeof(last));
	assert(a.revision - 1 <= begun);
	for (uint64_t write = 0; write < a.revision - 1; write++)
		last[write * 7 % KEYS] = deletes(write) ? NONE : write + 1;
	for (uint32_t i = 0; i < KEYS; i++) {
		if (last[i] == NONE)
			continue;
		there++;
		snprintf(name, sizeof(name), "r%03u", i);
		if (!kv_item_next(&a, &at, &item))
			abort();
		assert(item.key.size == 4 && memcmp(item.key.data, name, 4) == 0);
		assert(item.mod_revision == last[i] + 1);
		assert(item.value.size == VALUE_SIZE);
		for (uint32_t b = 0; b < VALUE_SIZE; b++)
			assert(item.value.data[b] == fill_of(last[i] - 1));
	}
	assert(a.item_count == there);
	assert(!kv_item_next(&a, &at, &item));
}

/* A read at a follower, in the middle of which the leader may die. */
static void read_once(uint32_t i)
{
	uint32_t leader = (uint32_t)sim_leader(&w), follower = (leader + 1 + i % 2) % 3;
	uint32_t pieces = 0;
	bool kill = i % 3 == 1;

	reader_ask(follower);
	while (reader_run() == CLIENT_PIECE) {
		reader_take();
		pieces++;
		if (kill && pieces == 2) {
			sim_node_crash(&w, leader);
			sim_net_drop_port(w.net, leader);
		}
		/* One who dawdles: many writes are applied in between. */
		for (int ms = 0; ms < 200; ms++) {
			sim_world_run(&w, MS);
			writer_go_on();
		}
		client_next(w.client[1].client);
	}
	assert(client_get_state(w.client[1].client) == CLIENT_DONE);
	assert(client_status(w.client[1].client) == WIRE_OK);
	reader_take();
	assert(pieces > 2);
	check_answer();
	if (kill) {
		sim_node_start(&w, leader);
		while (sim_leader(&w) < 0) {
			sim_world_run(&w, MS);
			writer_go_on();
		}
	}
}

int main(void)
{
	const struct sim_net_faults faults = {
		.loss_ppm = 10000,
		.duplicate_ppm = 10000,
		.delay_ns_min = 2000,
		.delay_ns_max = 100000,
	};

	sim_world_create(&w, 11, 3, 2);
	w.resting = true;
	while (sim_leader(&w) < 0 || !sim_all_formed(&w))
		sim_world_run(&w, MS);
	sim_net_set_faults(w.net, &faults);
	write_begin();
	while (begun < KEYS) {
		sim_world_run(&w, MS / 10);
		writer_go_on();
	}
	for (uint32_t i = 0; i < READS; i++)
		read_once(i);
	printf("%llu writes, %u answers of several pieces\n", (unsigned long long)begun, READS);
	sim_world_destroy(&w);
	return 0;
}
