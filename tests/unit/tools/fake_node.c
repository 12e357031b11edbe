/*
 * Fake nodes: docs/wire.md from the node's side, as small as it can be.
 */
#include "tests/unit/tools/fake_node.h"

#include "base/bytes.h"
#include "base/parts.h"
#include "kv/command.h"
#include "kv/kv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLOTS = 8, POLL_MS = 1, STATUS_SIZE_MAX = 2048 };

struct fake_slot {
	bool used, answered;
	uint64_t id, answer_id;
	uint8_t kind, status;
	struct parts parts;
	uint8_t request[WIRE_MESSAGE_SIZE_MAX];
	uint8_t answer[WIRE_MESSAGE_SIZE_MAX];
	uint32_t answer_size;
	uint32_t piece; /* which one answer holds */
	struct sm_cursor *rest;
};

void fake_store_create(struct fake_store *s)
{
	const struct kv_options options = {.quota = 64u << 20, .salt = 3};
	int err = kv_create(&s->sm, &options);

	assert(err == 0);
	pthread_mutex_init(&s->lock, NULL);
	s->index = 1; /* of who leads */
	s->commands = 0;
	s->leader = 1;
	s->steadfast = false;
	s->term = 7;
	s->orders = 0;
}

void fake_store_destroy(struct fake_store *s)
{
	if (s->backup)
		s->sm->ops->snapshot_close(s->backup);
	s->sm->ops->destroy(s->sm);
	pthread_mutex_destroy(&s->lock);
}

static uint64_t committed(const struct fake_node *n)
{
	return atomic_load(&n->faults.unled) || atomic_load(&n->faults.gone) ? 0 : n->store->index;
}

/* Through the log, as a chain of entries. */
static uint32_t store_apply(struct fake_store *s, const uint8_t *command, uint32_t size,
			    uint8_t *out)
{
	struct sm_result verdict;
	struct sm_cursor *rest;
	int done = 0, written;

	s->commands++;
	for (uint32_t at = 0; at < size; at += RAFT_ENTRY_DATA_MAX) {
		uint32_t left = size - at;
		struct sm_entry entry = {
			.index = ++s->index,
			.data = command + at,
			.size = left < RAFT_ENTRY_DATA_MAX ? left : RAFT_ENTRY_DATA_MAX,
			.first = at == 0,
			.last = left <= RAFT_ENTRY_DATA_MAX,
		};

		do
			done = s->sm->ops->apply(s->sm, &entry, &verdict);
		while (done == -EAGAIN);
	}
	assert(done == 1);
	written = s->sm->ops->answer(s->sm, command, size, verdict.data, verdict.size, out,
				     KV_ANSWER_SIZE_MAX, &rest);
	/* What waits for memory that is given back; its tests ask for nothing else in pieces. */
	for (bool more = rest != NULL; more;) {
		assert(written == 0);
		s->sm->ops->sweep(s->sm);
		written = s->sm->ops->cursor_read(s->sm, rest, out, KV_ANSWER_SIZE_MAX, &more);
	}
	assert(written >= 0);
	if (rest)
		s->sm->ops->cursor_close(s->sm, rest);
	return (uint32_t)written;
}

static bool is_wiped(const struct fake_node *n)
{
	return atomic_load(&n->faults.wiped);
}

/* 0: it tells of its peers as ever. */
static uint32_t status_of_one_peer(struct fake_node *n, uint8_t *out)
{
	const struct fake_node *by_id = atomic_load(&n->faults.names_by_id);
	const struct fake_node *peer = by_id ? by_id : atomic_load(&n->faults.names);
	char name[24];

	if (!peer)
		return 0;
	snprintf(name, sizeof(name), by_id ? "%016" PRIx64 : "n%" PRIu64, peer->id);
	return (uint32_t)snprintf(
		(char *)out, STATUS_SIZE_MAX,
		"name n%" PRIu64 "\ncluster_id %016x\nmember_id %016" PRIx64 "\nversion 9.8.7\n"
		"role follower\nleader %016x\nlink packet\n"
		"peer %s id=%016" PRIx64 " address=127.0.0.1 client_port=%s heard_ms=4 match=-1\n",
		n->id, is_wiped(n) ? 0 : FAKE_CLUSTER_ID, is_wiped(n) ? 0 : n->id, 0, name,
		is_wiped(n) ? 0 : peer->id, strchr(peer->udp, ':') + 1);
}

/* Its peers have names of no lab: quoinctl looks for them among the nodes of this host. */
static uint32_t status_text(struct fake_node *n, uint8_t *out)
{
	uint32_t size = status_of_one_peer(n, out);

	if (size)
		return size;
	if (is_wiped(n))
		return (uint32_t)snprintf(
			(char *)out, STATUS_SIZE_MAX,
			"name n%" PRIu64 "\ncluster_id %016x\nmember_id %016x\nversion 9.8.7\n"
			"role follower\nleader %016x\nlink memif\n"
			"peer fake1 id=%016x address=198.18.0.1 heard_ms=-1 match=-1\n"
			"peer fake9 id=%016x address=198.18.0.9 heard_ms=-1 match=-1\n",
			n->id, 0, 0, 0, 0, 0);
	return (uint32_t)snprintf(
		(char *)out, STATUS_SIZE_MAX,
		"name n%" PRIu64 "\ncluster_id %016x\nmember_id %016" PRIx64 "\nversion 9.8.7\n"
		"role leader\nleader %016" PRIx64 "\nraft_term %" PRIu64 "\nraft_index %" PRIu64
		"\nraft_applied_index %" PRIu64 "\nrevision %" PRIu64 "\ndb_size 20480\n"
		"durability durable\nlink memif\nauth off\nfuture thing\nmembers_index %u\n%s",
		n->id, FAKE_CLUSTER_ID + (atomic_load(&n->faults.forced) ? 1 : 0), n->id,
		n->store->leader, n->store->term, n->store->index, n->store->index,
		n->store->sm->ops->revision(n->store->sm),
		10 + n->store->tables + (atomic_load(&n->faults.newer) ? 5 : 0),
		n->id == 2
			? "commit_index 41\ndrop_runt 3\ndrop_vlan 0\n"
			  "wal_fsync count=2 sum_us=180 p50_us=125 p99_us=-1\n"
			  "peer fake1 id=0000000000000001 address=198.18.0.1 heard_ms=-1 match=9\n"
			  "peer fake3 id=0000000000000003 address=198.18.0.3 heard_ms=4 match=8\n"
			  "port memif0 up=1 rx_frames=9\n"
			  "error etcdserver: no \"leader\"\nerror other\n"
			  "warning member n3 differs\n"
		: atomic_load(&n->faults.newer)
			? "commit_index 41\n"
			  "member fake1 id=0000000000000001 address=198.18.0.1:2380 "
			  "client_port=- state=voter bound=1 replaces=- name=fake1 clients=-\n"
			  "member n2 id=0000000000000002 address=198.18.0.2:2380 "
			  "client_port=- state=voter bound=1 replaces=- name=n2 clients=-\n"
		: atomic_load(&n->faults.gone)
			? "formation removed\n"
			  "member fake1 id=0000000000000001 address=198.18.0.1:2380 "
			  "client_port=2379 state=voter bound=1 replaces=- name=n4 clients=-\n"
		: n->id == 3 ? "commit_index 41\n"
			       "member fake1 id=0000000000000001 address=198.18.0.1:2380 "
			       "client_port=2379 state=voter bound=1 replaces=- name=n4 "
			       "clients=198.18.0.1:2379,[fd00::1]:2379\n"
			       "member n3 id=0000000000000003 address=198.18.0.3:2380 "
			       "client_port=- state=learner bound=1 replaces=- "
			       "name=ab clients=-\n"
			       "member n4 id=00000000000000ab address=198.18.0.1:2380 "
			       "client_port=- state=joining bound=1 replaces=0000000000000001 "
			       "name=- clients=-\n"
			       "member of another release\n"
			       "port memif0 up=1 rx_frames=9 rx_missed=1 rx_no_buffer=10 "
			       "rx_segmented=100 rx_tagged=1000 rx_errors=10000 tx_dropped=100000 "
			       "link_changes=9 buffers_free=9\n"
			     : "");
}

/* Takes one of what is left of a fault. */
static bool strikes(_Atomic int *left)
{
	if (atomic_load(left) <= 0)
		return false;
	atomic_fetch_sub(left, 1);
	return true;
}

/* Takes all but a removal of member 3, unless that goes; who is new is 171. */
static enum wire_status change(struct fake_node *n, const char *text, uint8_t *out, uint32_t *size)
{
	struct fake_store *s = n->store;
	bool goes = atomic_exchange(&n->faults.goes, false);
	const char *answer =
		!goes && strstr(text, "remove 0000000000000003") ? "refused no: it stays"
		: text[0] == 'a' || strncmp(text, "rep", 3) == 0 ? "done 00000000000000ab"
								 : "done";

	atomic_store(&n->faults.gone, goes);
	s->tables += strncmp(answer, "done", 4) == 0;
	snprintf(s->order, sizeof(s->order), "%s", text);
	*size = (uint32_t)snprintf((char *)out, 64, "%s\n", answer);
	return WIRE_OK;
}

/* Only members 1 and 3 may lead. */
static enum wire_status order(struct fake_node *n, const uint8_t *text, uint32_t size, uint8_t *out,
			      uint32_t *answer_size)
{
	char words[256];

	if (n->id != n->store->leader)
		return WIRE_NOT_LEADER;
	snprintf(words, sizeof(words), "%.*s", (int)size, (const char *)text);
	if (strncmp(words, "move-leader ", 12) != 0)
		return change(n, words, out, answer_size);
	uint64_t to = strtoull(words + 12, NULL, 16);
	bool may = to == 1 || to == 3;
	if (may && !n->store->steadfast)
		n->store->leader = to;
	*answer_size = (uint32_t)snprintf((char *)out, 64, "%s\n",
					  may ? "done" : "refused bad leader transferee: it is");
	return WIRE_OK;
}

/* What it hashes to, changed by its faults. */
static void tamper(struct fake_node *n, const uint8_t *request, uint32_t request_size,
		   uint8_t *answer, uint32_t size)
{
	uint8_t *hash = answer + KV_ANSWER_HEADER_SIZE;
	struct kv_request r;

	if (kv_request_decode(&r, request, request_size) || r.operation != KV_HASHKV ||
	    size != KV_ANSWER_HEADER_SIZE + KV_HASH_SIZE)
		return;
	if (atomic_load(&n->faults.differs))
		hash[0] ^= (uint8_t)n->id;
	if (strikes(&n->faults.compacts))
		bytes_put64(hash + 8, bytes_get64(hash + 8) + 1);
}

/* Does a whole request: its status, its answer's size in *size, what it leaves in *rest. */
static enum wire_status serve(struct fake_node *n, uint8_t kind, const uint8_t *request,
			      uint32_t request_size, uint8_t *out, uint32_t *size,
			      struct sm_cursor **rest)
{
	struct fake_store *s = n->store;
	enum wire_status status = WIRE_OK;
	uint64_t session, sequence;
	int written;

	*size = 0;
	*rest = NULL;
	if (kind != WIRE_STATUS && kind != WIRE_QUERY_LOCAL && strikes(&n->faults.no_leader))
		return WIRE_NO_LEADER;
	if (kind == WIRE_COMMAND && strikes(&n->faults.no_space))
		return WIRE_NO_SPACE;
	if (kind == WIRE_QUERY && strikes(&n->faults.learner))
		return WIRE_LEARNER;
	if (kind == WIRE_QUERY && atomic_load(&n->faults.gone))
		return WIRE_NO_LEADER;
	if (strikes(&n->faults.refusing))
		return (enum wire_status)atomic_load(&n->faults.refusal);
	pthread_mutex_lock(&s->lock);
	switch (kind) {
	case WIRE_COMMAND:
		if (s->sm->ops->check(s->sm, request, request_size, 0, &session, &sequence))
			status = WIRE_INVALID;
		else
			*size = store_apply(s, request, request_size, out);
		if (!status && strikes(&n->faults.unreadable))
			out[(*size)++] = 0;
		break;
	case WIRE_QUERY:
	case WIRE_QUERY_LOCAL:
		written = s->sm->ops->query(s->sm, request, request_size, out,
					    WIRE_MESSAGE_SIZE_MAX, rest);
		if (written < 0)
			status = WIRE_INVALID;
		else
			*size = (uint32_t)written;
		if (kind == WIRE_QUERY_LOCAL)
			tamper(n, request, request_size, out, *size);
		break;
	case WIRE_STATUS:
		*size = status_text(n, out);
		break;
	case WIRE_BACKUP:
		*size = fake_backup_begin(s, out, rest);
		break;
	case WIRE_ORDER:
		status = (enum wire_status)atomic_load(&n->faults.order_refusal);
		s->orders++;
		if (!status && atomic_load(&n->faults.falls)) {
			s->tables += atomic_exchange(&n->faults.falls, 0) == FAKE_FALLS_WITH;
			status = WIRE_STOPPING;
			s->leader = 3;
			s->term++;
		}
		if (!status)
			status = order(n, request, request_size, out, size);
		break;
	default:
		status = WIRE_REFUSED;
	}
	calls_set_welcome(n->calls, &(struct door_welcome){FAKE_CLUSTER_ID, n->id, committed(n)});
	pthread_mutex_unlock(&s->lock);
	return status;
}

static bool lost(struct fake_node *n)
{
	n->random = n->random * 6364136223846793005ull + 1442695040888963407ull;
	return (int)((n->random >> 33) % 1000) < atomic_load(&n->faults.lose_in_1000);
}

static bool too_large(struct fake_node *n, size_t size)
{
	size_t hole = (size_t)atomic_load(&n->faults.hole);

	return hole && size > hole;
}

static void send_packet(struct fake_node *n, const struct sockaddr_in *to, uint8_t type,
			uint8_t *packet, size_t body_size)
{
	const struct wire_envelope envelope = {
		.type = type,
		.body_size = (uint16_t)body_size,
		.cluster_id = FAKE_CLUSTER_ID,
		.source_id = n->id,
	};

	wire_envelope_encode(&envelope, packet);
	if (!lost(n) && !too_large(n, WIRE_ENVELOPE_SIZE + body_size) &&
	    !atomic_load(&n->faults.silent))
		sendto(n->fd, packet, WIRE_ENVELOPE_SIZE + body_size, 0,
		       (const struct sockaddr *)to, sizeof(*to));
}

static void send_reply(struct fake_node *n, const struct sockaddr_in *to,
		       const struct wire_part *part, uint32_t next, enum wire_status status)
{
	const struct wire_part_reply reply = {
		.cookie = part->cookie,
		.request_id = part->request_id,
		.next_part = (uint16_t)next,
		.status = (uint8_t)status,
		.retry_after_us = status == WIRE_BUSY ? FAKE_ANSWER_BUSY_US : 0,
	};
	uint8_t packet[WIRE_PAYLOAD_1500];

	send_packet(
		n, to, WIRE_REQUEST_REPLY, packet,
		wire_part_reply_encode(&reply, WIRE_REQUEST_REPLY, packet + WIRE_ENVELOPE_SIZE));
}

static void send_answer(struct fake_node *n, const struct sockaddr_in *to, struct fake_slot *s,
			uint32_t i)
{
	const struct wire_part part = {
		.cookie = n->cookie,
		.request_id = s->id,
		.total_size = s->answer_size,
		.part = (uint16_t)i,
		.kind = s->kind,
		.status = s->status,
		.more = s->rest,
		.piece = s->piece,
		.answer_id = s->answer_id,
		.data = s->answer + (size_t)i * WIRE_PART_SIZE,
		.size = parts_size(s->answer_size, i),
	};
	uint8_t packet[WIRE_PAYLOAD_1500];

	send_packet(n, to, WIRE_ANSWER, packet,
		    wire_part_encode(&part, WIRE_ANSWER, packet + WIRE_ENVELOPE_SIZE));
}

static void receive_request(struct fake_node *n, const struct sockaddr_in *from,
			    const struct wire_part *part)
{
	struct fake_slot *s = NULL;

	for (int i = 0; i < SLOTS; i++) {
		if (n->slots[i].used && n->slots[i].id == part->request_id)
			s = &n->slots[i];
	}
	if (!s) {
		if (strikes(&n->faults.busy)) {
			send_reply(n, from, part, 0, WIRE_BUSY);
			return;
		}
		s = &n->slots[part->request_id % SLOTS];
		s->used = true;
		s->answered = false;
		s->piece = 0;
		s->id = part->request_id;
		s->kind = part->kind;
		parts_begin(&s->parts, s->request, part->total_size);
	}
	wire_part_add(&s->parts, part);
	if (!s->answered && s->parts.part_count > 1)
		send_reply(n, from, part, s->parts.next, WIRE_OK);
	if (!parts_complete(&s->parts))
		return;
	if (!s->answered) {
		s->status = (uint8_t)serve(n, s->kind, s->request, s->parts.total_size, s->answer,
					   &s->answer_size, &s->rest);
		s->answered = true;
		s->answer_id = ++n->answers;
		if (strikes(&n->faults.swallow))
			atomic_store(&n->faults.silent, true);
	}
	send_answer(n, from, s, 0);
}

static void receive_pull(struct fake_node *n, const struct sockaddr_in *from,
			 const struct wire_part *part)
{
	for (int i = 0; i < SLOTS; i++) {
		struct fake_slot *s = &n->slots[i];

		if (!s->used || !s->answered || s->id != part->request_id ||
		    s->answer_id != part->answer_id)
			continue;
		if (part->piece == s->piece + 1 && s->rest) {
			s->piece++;
			s->answer_size = fake_piece_next(n->store, &s->rest, s->answer);
			s->status = (uint8_t)fake_backup_status(n, s->kind, &s->rest);
		}
		if (part->piece != s->piece)
			continue;
		for (uint32_t j = 0; j < part->wanted; j++)
			send_answer(n, from, s, part->part + j);
	}
}

/* As a node does whose version is another. */
static void tell_version(struct fake_node *n, const struct sockaddr_in *to)
{
	uint8_t out[WIRE_ENVELOPE_SIZE + WIRE_HELLO_SIZE] = {0};
	const struct wire_envelope e = {.type = WIRE_WELCOME, .body_size = WIRE_HELLO_SIZE};

	wire_envelope_encode(&e, out);
	out[WIRE_AT_VERSION] = out[WIRE_AT_READABLE] = (uint8_t)n->faults.version;
	(void)sendto(n->fd, out, sizeof(out), 0, (const struct sockaddr *)to, sizeof(*to));
}

static void receive(struct fake_node *n, const struct sockaddr_in *from, const uint8_t *packet,
		    size_t size)
{
	const uint8_t *body = packet + WIRE_ENVELOPE_SIZE;
	uint8_t out[WIRE_PAYLOAD_1500];
	struct wire_envelope envelope;
	struct wire_hello hello;
	struct wire_part part;

	if (n->faults.version) {
		tell_version(n, from);
		return;
	}
	if (lost(n) || too_large(n, (size_t)size) ||
	    wire_envelope_decode(&envelope, packet, size) != WIRE_VERDICT_GOOD)
		return;
	if (envelope.type == WIRE_HELLO &&
	    wire_hello_decode(&hello, WIRE_HELLO, body, envelope.body_size) == 0) {
		hello.cookie = n->cookie;
		hello.cluster_id = FAKE_CLUSTER_ID;
		hello.member_id = n->id;
		pthread_mutex_lock(&n->store->lock);
		hello.commit_index = committed(n);
		pthread_mutex_unlock(&n->store->lock);
		send_packet(n, from, WIRE_WELCOME, out,
			    wire_hello_encode(&hello, WIRE_WELCOME, out + WIRE_ENVELOPE_SIZE));
		return;
	}
	if (wire_part_decode(&part, envelope.type, body, envelope.body_size))
		return;
	if (part.cookie != n->cookie)
		send_reply(n, from, &part, 0, WIRE_BAD_COOKIE);
	else if (envelope.type == WIRE_REQUEST)
		receive_request(n, from, &part);
	else
		receive_pull(n, from, &part);
}

static void serve_calls(struct fake_node *n)
{
	struct call *call = calls_take(n->calls);

	struct sm_cursor *rest = NULL;

	if (!call)
		return;
	call->answer_size = 0;
	call->retry_after_us = FAKE_ANSWER_BUSY_US;
	if (call->event != CALL_REQUEST) {
		rest = call->owner;
		call->answer_size = fake_piece_next(n->store, &rest, call->answer);
	} else if (strikes(&n->faults.busy)) {
		call->status = WIRE_BUSY;
	} else {
		call->status = (uint8_t)serve(n, call->kind, call->data, call->size, call->answer,
					      &call->answer_size, &rest);
	}
	call->owner = rest;
	call->more = rest;
	/* A call that is never given back would hold the socket's end; it is late instead. */
	while (atomic_load(&n->faults.silent) && !atomic_load(&n->stopping))
		poll(NULL, 0, POLL_MS);
	calls_give(n->calls, call);
}

static void *node_main(void *argument)
{
	struct fake_node *n = argument;
	uint8_t packet[2048];

	while (!atomic_load(&n->stopping)) {
		struct pollfd p = {.fd = n->fd, .events = POLLIN};
		struct sockaddr_in from;
		socklen_t size = sizeof(from);
		ssize_t got;

		poll(&p, 1, POLL_MS);
		while ((got = recvfrom(n->fd, packet, sizeof(packet), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &size)) >= 0)
			receive(n, &from, packet, (size_t)got);
		serve_calls(n);
	}
	return NULL;
}

void fake_node_start(struct fake_node *n, struct fake_store *store, uint64_t id)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	char error[CALLS_ERROR_MAX];
	int err;

	memset(n, 0, sizeof(*n));
	n->store = store;
	n->id = id;
	n->cookie = id * 1000 + 1;
	n->random = id;
	n->slots = calloc(SLOTS, sizeof(*n->slots));
	assert(n->slots);
	n->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert(n->fd >= 0);
	err = bind(n->fd, (struct sockaddr *)&address, sizeof(address));
	assert(err == 0);
	err = getsockname(n->fd, (struct sockaddr *)&address, &size);
	assert(err == 0);
	snprintf(n->udp, sizeof(n->udp), "127.0.0.1:%u", ntohs(address.sin_port));
	snprintf(n->directory, sizeof(n->directory), "/tmp/fake_node.XXXXXX");
	if (!mkdtemp(n->directory))
		abort();
	snprintf(n->path, sizeof(n->path), "%s/admin.sock", n->directory);
	snprintf(n->local, sizeof(n->local), "unix:%s", n->path);
	err = calls_create(&n->calls, n->path,
			   &(struct door_welcome){FAKE_CLUSTER_ID, id, store->index}, error);
	assert(err == 0);
	err = pthread_create(&n->thread, NULL, node_main, n);
	assert(err == 0);
}

void fake_node_stop(struct fake_node *n)
{
	struct call *call;

	atomic_store(&n->stopping, true);
	pthread_join(n->thread, NULL);
	while ((call = calls_take(n->calls)))
		calls_give(n->calls, call);
	calls_destroy(n->calls);
	close(n->fd);
	rmdir(n->directory);
	free(n->slots);
}
