/*
 * Strangers: packets of another version, cluster or member list are counted, and the last of each
 * kind is kept; a client that cannot be read is told our version.
 */
#include "tests/unit/dataplane/dp_world.h"

#include "tests/unit/test.h"

#include <string.h>

static void refused(struct world *w, const struct peer_packet *p, enum dp_drop cause)
{
	uint64_t before = world_drops(w, cause);

	assert_int_equal(world_offer(w, p), 0);
	assert_int_equal(world_drops(w, cause), before + 1);
}

/* A neighbouring release: it is read if it says that it can be. */
static void N10_a_newer_version_is_read_if_it_can_be(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	uint8_t payload[WIRE_ENVELOPE_SIZE + 16] = {0};
	struct frame f;

	p.envelope.body_size = 16;
	wire_envelope_encode(&p.envelope, payload);
	payload[WIRE_AT_VERSION] = WIRE_VERSION + 1;
	frame_udp(&f, &p.udp, payload, sizeof(payload));
	world_send(w, &f);
	world_turn(w, 0);
	assert_int_equal(w->count, 1);
	assert_int_equal(world_drops(w, DP_DROP_VERSION), 0);
	payload[WIRE_AT_READABLE] = WIRE_VERSION + 1;
	frame_udp(&f, &p.udp, payload, sizeof(payload));
	world_send(w, &f);
	world_turn(w, 0);
	assert_int_equal(w->count, 0);
	assert_int_equal(world_drops(w, DP_DROP_VERSION), 1);
}

static void F10_strangers_are_kept_with_where_they_came_from(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	const struct dp_foreign *f = dp_get_foreign(w->dp, DP_FOREIGN_CLUSTER);

	assert_int_equal(f->count, 0);
	p.envelope.cluster_id = 77;
	refused(w, &p, DP_DROP_CLUSTER);
	refused(w, &p, DP_DROP_CLUSTER);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->id, 77);
	assert_int_equal(f->from.address, PEER);
	assert_int_equal(f->from.udp_port, WIRE_PORT_PEER);
	assert_true(f->to_peer_port && f->said.last_ns == w->now);
	assert_int_equal(hearsay_verdict(&f->said, w->now), HEARSAY_NOTHING); /* two at once */
	p = world_client_packet();
	p.envelope.cluster_id = 78;
	refused(w, &p, DP_DROP_CLUSTER);
	assert_int_equal(f->id, 78);
	assert_false(f->to_peer_port);
	p = world_peer_packet();
	p.envelope.source_id = 99;
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	f = dp_get_foreign(w->dp, DP_FOREIGN_MEMBER);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->id, 99);
	p = world_peer_packet();
	p.udp.source_port++;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	assert_int_equal(f->count, 2);
	assert_int_equal(f->from.udp_port, WIRE_PORT_PEER + 1);
}

/* Who forms a cluster is of none, whatever its packets have where a member's id is. */
static void F10_a_stranger_that_forms_is_of_no_cluster(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	const struct dp_foreign *f = dp_get_foreign(w->dp, DP_FOREIGN_MEMBER);

	p.envelope.type = WIRE_FORMATION;
	p.envelope.cluster_id = 0;
	p.envelope.source_id = 99;
	p.udp.source_port++;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->id, 0);
	/* Formed, and elsewhere. */
	p.envelope.cluster_id = 77;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	assert_int_equal(f->count, 1);
	f = dp_get_foreign(w->dp, DP_FOREIGN_CLUSTER);
	assert_int_equal(f->count, 1);
	assert_int_equal(f->id, 77);
}

/* A HELLO of `size` bytes after its envelope, of a version that nobody here reads. */
static void newer_hello(struct world *w, uint8_t type, size_t size)
{
	struct peer_packet p = world_client_packet();
	uint8_t payload[WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE] = {0};
	struct frame f;

	wire_envelope_encode(&p.envelope, payload);
	payload[WIRE_AT_VERSION] = payload[WIRE_AT_READABLE] = 9;
	payload[WIRE_AT_TYPE] = type;
	frame_udp(&f, &p.udp, payload, WIRE_ENVELOPE_SIZE + size);
	world_send(w, &f);
	world_turn(w, 0);
	assert_int_equal(w->count, 0);
}

static void F10_a_client_of_another_version_is_told_ours(void **state)
{
	struct world *w = *state;
	struct frame f;
	uint32_t answers = 0;

	world_take_all(w);
	newer_hello(w, WIRE_HELLO, WIRE_HELLO_SIZE);
	assert_true(world_take(w, &f));
	assert_memory_equal(f.data + AT_PAYLOAD, "QUON\x01\x01", 6);
	assert_int_equal(f.data[AT_PAYLOAD + WIRE_AT_TYPE], WIRE_WELCOME);
	assert_int_equal(f.size, AT_PAYLOAD + WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE);
	/* Not an answer, lest two nodes answer each other; nor with more than came (N12). */
	newer_hello(w, WIRE_WELCOME, WIRE_HELLO_SIZE);
	newer_hello(w, WIRE_REQUEST, WIRE_HELLO_SIZE);
	newer_hello(w, WIRE_HELLO, WIRE_HELLO_SIZE - 1);
	assert_false(world_take(w, &f));
	/* A flood is answered for a while. */
	for (int i = 0; i < 200; i++) {
		newer_hello(w, WIRE_HELLO, WIRE_HELLO_SIZE);
		answers += world_take_all(w);
	}
	assert_true(answers > 0 && answers < 64);
	assert_int_equal(world_drops(w, DP_DROP_VERSION), 204);
	assert_int_equal(world_drops(w, DP_DROP_RATE_LIMIT), 200 - answers);
}

/*
 * D16: of what a stranger of our cluster says its question for the members alone comes through, so
 * often that a flood of it costs nothing; and the answer finds the way that it came.
 */
static void D16_a_stranger_of_our_cluster_may_ask_who_the_members_are(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	uint32_t size_max, count = 0;
	struct frame f;

	p.envelope.source_id = 99;
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	p.envelope.type = WIRE_WHO;
	assert_int_equal(world_offer(w, &p), 1);
	assert_true(w->datagram[0].stranger && !w->datagram[0].from_peer);
	assert_int_equal(w->datagram[0].from.address, PEER);
	assert_int_equal(dp_get_foreign(w->dp, DP_FOREIGN_MEMBER)->count, 2);
	world_take_all(w);
	uint8_t *body = dp_begin_stranger(w->dp, &w->datagram[0].from, 77, &size_max);
	assert_non_null(body);
	memset(body, 0, 8);
	dp_end(w->dp, WIRE_MEMBERS, 8);
	dp_flush(w->dp);
	assert_true(world_take(w, &f));
	assert_memory_equal(f.data, peer_mac.byte, 6);
	assert_int_equal(f.data[AT_PAYLOAD + WIRE_AT_TYPE], WIRE_MEMBERS);
	assert_int_equal(f.data[AT_PAYLOAD + 48], 77);

	/* One who is elsewhere asks too. Of another cluster nobody does, nor one of none. */
	p = world_peer_packet();
	p.envelope.type = WIRE_WHO;
	p.udp.source_port++;
	assert_int_equal(world_offer(w, &p), 1);
	assert_true(w->datagram[0].stranger);
	p.envelope.cluster_id = 77;
	refused(w, &p, DP_DROP_CLUSTER);
	p.envelope.cluster_id = 0;
	refused(w, &p, DP_DROP_CLUSTER);
	/* A member's is its own. */
	p = world_peer_packet();
	p.envelope.type = WIRE_WHO;
	assert_int_equal(world_offer(w, &p), 1);
	assert_true(w->datagram[0].from_peer && !w->datagram[0].stranger);

	p.envelope.source_id = 99;
	uint64_t before = world_drops(w, DP_DROP_UNKNOWN_PEER);
	for (int i = 0; i < 1000; i++)
		count += world_offer(w, &p);
	assert_true(count > 0 && count <= 16);
	assert_int_equal(world_drops(w, DP_DROP_UNKNOWN_PEER), before + 1000 - count);
	world_turn(w, SECOND);
	assert_int_equal(world_offer(w, &p), 1);
}

/* D16, V35: whoever answers must have been asked, last, and where it is; a flood is few answers. */
static void V35_a_stranger_is_heard_on_members_if_it_was_asked(void **state)
{
	struct world *w = *state;
	struct peer_packet asks = world_peer_packet(), p;
	uint32_t size_max, count = 0;
	struct frame f;

	asks.envelope.source_id = 99;
	asks.udp.source = FAR + 1;
	p = asks;
	p.envelope.type = WIRE_MEMBERS;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	refused(w, &asks, DP_DROP_UNKNOWN_PEER);
	const struct dp_address from = dp_get_foreign(w->dp, DP_FOREIGN_MEMBER)->from;
	world_take_all(w);
	uint8_t *body = dp_begin_question(w->dp, &from, &size_max);
	assert_non_null(body);
	assert_true(size_max >= WIRE_WHO_SIZE);
	dp_end(w->dp, WIRE_WHO, wire_who_encode(5, body));
	dp_flush(w->dp);
	/* By the way that it came, without a question who has that address. */
	assert_true(world_take(w, &f));
	assert_memory_equal(f.data, peer_mac.byte, 6);
	assert_int_equal(f.data[AT_PAYLOAD + WIRE_AT_TYPE], WIRE_WHO);
	assert_false(world_take(w, &f));

	const uint64_t foreign = dp_get_foreign(w->dp, DP_FOREIGN_MEMBER)->count;
	assert_int_equal(world_offer(w, &p), 1);
	assert_true(w->datagram[0].stranger && !w->datagram[0].from_peer);
	assert_int_equal(w->datagram[0].from.address, FAR + 1);
	assert_int_equal(dp_get_foreign(w->dp, DP_FOREIGN_MEMBER)->count, foreign);
	p.udp.source_port++;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	p.udp.source_port--;
	p.udp.source++;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	p.udp.source--;
	p.envelope.cluster_id++;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	p.envelope.cluster_id--;
	p.envelope.type = WIRE_APPEND;
	refused(w, &p, DP_DROP_UNKNOWN_PEER);
	p.envelope.type = WIRE_MEMBERS;
	for (int i = 0; i < 1000; i++)
		count += world_offer(w, &p);
	assert_true(count > 0 && count <= 16);
}

/* D16: one that was met elsewhere, or with the directory that it has by now, and was known. */
static void V28_a_member_that_is_met_has_two_places(void **state)
{
	struct world *w = *state;
	struct peer_packet p = world_peer_packet();
	struct dp_peer at = {
		.member_id = 2, .identity = PEER_IDENTITY, .address = 0xc6120020, .udp_port = 2380};

	p.udp.source = at.address;
	refused(w, &p, DP_DROP_PEER_ADDRESS);
	assert_int_equal(dp_peer_set(w->dp, 5, &at), 0);
	assert_int_equal(world_offer(w, &p), 1);
	assert_int_equal(w->datagram[0].peer, 5);
	p.udp.source = PEER;
	assert_int_equal(world_offer(w, &p), 1);
	assert_int_equal(w->datagram[0].peer, 0);
	p.udp.source = PEER_2;
	refused(w, &p, DP_DROP_PEER_ADDRESS);

	at.address = PEER;
	at.identity = 77;
	assert_int_equal(dp_peer_set(w->dp, 5, &at), 0);
	for (uint32_t k = 0; k < 2; k++) {
		p = world_peer_packet();
		p.envelope.source_identity = k ? 77 : PEER_IDENTITY;
		assert_int_equal(world_offer(w, &p), 1);
		assert_int_equal(w->datagram[0].peer, k ? 5 : 0);
	}
	p.envelope.source_identity = 78;
	refused(w, &p, DP_DROP_IDENTITY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(N10_a_newer_version_is_read_if_it_can_be),
		TEST(F10_strangers_are_kept_with_where_they_came_from),
		TEST(F10_a_stranger_that_forms_is_of_no_cluster),
		TEST(F10_a_client_of_another_version_is_told_ours),
		TEST(D16_a_stranger_of_our_cluster_may_ask_who_the_members_are),
		TEST(V35_a_stranger_is_heard_on_members_if_it_was_asked),
		TEST(V28_a_member_that_is_met_has_two_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
