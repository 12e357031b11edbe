#include "tests/unit/serve/hand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OF(member, p) ((struct hand *)(void *)((char *)(p)-offsetof(struct hand, member)))

enum { COMMAND_HEADER = 16 };

static int propose(struct serve_port *port, const uint8_t *data, uint32_t size, raft_term *term)
{
	struct hand *h = OF(port, port);

	h->proposals++;
	h->proposed_data = data;
	h->proposed_size = size;
	*term = h->leader.term;
	return h->propose_result;
}

static int read_index(struct serve_port *port, uint64_t context)
{
	struct hand *h = OF(port, port);

	h->reads++;
	h->context = context;
	return h->read_result;
}

static void leader(struct serve_port *port, struct serve_leader *out)
{
	*out = OF(port, port)->leader;
	out->self = out->id == SELF;
}

static void send_part(struct serve_peers *peers, raft_id to, const struct forward_part *part)
{
	struct hand *h = OF(peers, peers);

	assert_true(h->parts < HAND_MAX);
	h->part[h->parts++] = *part;
	h->part_to = to;
}

static void send_reply(struct serve_peers *peers, raft_id to, const struct forward_reply *reply)
{
	struct hand *h = OF(peers, peers);

	assert_true(h->replies < HAND_MAX);
	h->reply[h->replies++] = *reply;
	h->reply_to = to;
}

static size_t status(struct serve_host *host, char *out, size_t size_max)
{
	(void)host;
	return (size_t)snprintf(out, size_max, "name hand\n");
}

/* Does "do"; whoever else asks is told that another leads. */
static enum serve_status order(struct serve_host *host, const uint8_t *data, uint32_t data_size,
			       char *out, size_t size_max, size_t *size)
{
	(void)host;
	if (data_size != 2 || memcmp(data, "do", 2) != 0)
		return SERVE_NOT_LEADER;
	*size = (size_t)snprintf(out, size_max, "did");
	return SERVE_OK;
}

static int check(struct sm *sm, const uint8_t *command, uint32_t size, uint64_t from,
		 uint64_t *session, uint64_t *sequence)
{
	OF(sm, sm)->checked_from = from;
	if (size < COMMAND_HEADER)
		return -EINVAL;
	memcpy(session, command, 8);
	memcpy(sequence, command + 8, 8);
	return 0;
}

static int admit(struct sm *sm, const uint8_t *command, uint32_t size, bool full)
{
	(void)command;
	(void)size;
	OF(sm, sm)->admitted_full = full;
	return OF(sm, sm)->admit_result;
}

static bool settled(struct sm *sm, const uint8_t *command, uint32_t size, struct sm_result *result)
{
	uint64_t session = 0, sequence = 0;

	assert_int_equal(check(sm, command, size, 0, &session, &sequence), 0);
	if (!session || session != OF(sm, sm)->settled_session)
		return false;
	*result = (struct sm_result){.session = session,
				     .sequence = sequence,
				     .data = (const uint8_t *)"then",
				     .size = 4};
	return true;
}

static int piece(uint8_t *out, uint32_t number)
{
	return snprintf((char *)out, 8, "p%u", number);
}

static int pieces_begin(struct hand *h, uint32_t pieces, uint8_t *out, struct sm_cursor **rest)
{
	uint32_t held = 0;

	for (uint32_t i = 0; i < h->cursors; i++)
		held += h->cursor[i].closed == 0;
	if (held == SM_CURSORS_MAX)
		return -EBUSY;
	assert_true(h->cursors < HAND_MAX);
	*rest = &h->cursor[h->cursors++];
	**rest = (struct sm_cursor){.piece = !h->query_waits, .pieces = pieces};
	return h->query_waits ? 0 : piece(out, 0);
}

/* The verdict itself, or pieces. */
static int answer(struct sm *sm, const uint8_t *command, uint32_t size, const uint8_t *verdict,
		  uint32_t verdict_size, uint8_t *out, uint32_t out_size_max,
		  struct sm_cursor **rest)
{
	struct hand *h = OF(sm, sm);

	(void)out_size_max;
	assert_true(size >= COMMAND_HEADER && command);
	*rest = NULL;
	if (h->answer_pieces > 1)
		return pieces_begin(h, h->answer_pieces, out, rest);
	memcpy(out, verdict, verdict_size);
	return (int)verdict_size;
}

static int query(struct sm *sm, const uint8_t *request, uint32_t size, uint8_t *out,
		 uint32_t out_size_max, struct sm_cursor **rest)
{
	struct hand *h = OF(sm, sm);

	(void)out_size_max;
	assert_int_equal(size, 1);
	h->queries++;
	*rest = NULL;
	if (h->query_result < 0)
		return h->query_result;
	return request[0] > 1 ? pieces_begin(h, request[0], out, rest) : piece(out, 0);
}

static int cursor_read(struct sm *sm, struct sm_cursor *c, uint8_t *out, uint32_t out_size_max,
		       bool *more)
{
	struct hand *h = OF(sm, sm);

	(void)out_size_max;
	assert_int_equal(c->closed, 0);
	assert_false(h->serve->half);
	*more = true;
	if (h->read_piece_result <= 0)
		return h->read_piece_result;
	*more = ++c->piece < c->pieces;
	return piece(out, c->piece - 1);
}

static void cursor_close(struct sm *sm, struct sm_cursor *c)
{
	(void)sm;
	c->closed++;
}

static struct sm_snapshot *backup(struct sm *sm)
{
	struct hand *h = OF(sm, sm);
	struct sm_snapshot *s = &h->backup[h->backups++];

	assert_false(h->serve->half);
	assert_true(h->backups < HAND_MAX);
	*s = (struct sm_snapshot){.pieces = h->backup_pieces};
	return s;
}

static struct hand *read_of; /* a snapshot knows no state machine */

static int snapshot_read(struct sm_snapshot *s, uint8_t *out, uint32_t out_size_max, bool *more)
{
	struct hand *h = read_of;

	assert_false(h->serve->half);
	assert_int_equal(s->closed, 0);
	assert_true(h->backup_size <= out_size_max);
	if (h->backup_result)
		return h->backup_result;
	memset(out, 0, h->backup_size);
	snprintf((char *)out, 8, "b%u", s->piece);
	*more = ++s->piece < s->pieces;
	return (int)h->backup_size;
}

static void snapshot_close(struct sm_snapshot *s)
{
	s->closed++;
}

static bool sweep(struct sm *sm)
{
	(void)sm;
	return false;
}

static void note(struct hand *h, const struct request *q, enum serve_status verdict, bool last,
		 const uint8_t *data, uint32_t size)
{
	struct hand_word *word = &h->word[h->words++];

	assert_true(h->words < HAND_MAX);
	*word = (struct hand_word){.id = q->id, .status = verdict, .last = last, .size = size};
	if (size)
		memcpy(word->data, data, size < sizeof(word->data) ? size : sizeof(word->data));
}

static bool door_answer(struct door *door, struct request *q, enum serve_status verdict,
			const uint8_t *data, uint32_t size)
{
	struct hand *h = OF(door, door);

	note(h, q, verdict, true, data, size);
	return h->keeps;
}

static bool door_push(struct door *door, struct request *q, const uint8_t *data, uint32_t size)
{
	struct hand *h = OF(door, door);

	note(h, q, SERVE_OK, false, data, size);
	return !h->full;
}

static void door_gone(struct door *door, struct request *q)
{
	struct hand *h = OF(door, door);

	h->gone[h->gones++ % HAND_MAX] = q->id;
}

void hand_open(struct hand *h)
{
	hand_open_rated(h, 0);
}

void hand_open_rated(struct hand *h, uint64_t backup_rate)
{
	static const struct serve_port_ops port_ops = {propose, read_index, leader};
	static const struct serve_peers_ops peers_ops = {send_part, send_reply};
	static const struct serve_host_ops host_ops = {status, order};
	static const struct door_ops door_ops = {door_answer, door_push, door_gone};
	static const struct sm_ops sm_ops = {
		.query = query,
		.answer = answer,
		.cursor_read = cursor_read,
		.cursor_close = cursor_close,
		.sweep = sweep,
		.check = check,
		.admit = admit,
		.settled = settled,
		.backup = backup,
		.snapshot_read = snapshot_read,
		.snapshot_close = snapshot_close,
	};
	const struct serve_options options = {
		.sm = &h->sm,
		.port = &h->port,
		.peers = &h->peers,
		.host = &h->host,
		.first_id = FIRST_ID,
		.salt = 7,
		.backup_rate = backup_rate,
	};

	memset(h, 0, sizeof(*h));
	h->port.ops = &port_ops;
	h->peers.ops = &peers_ops;
	h->host.ops = &host_ops;
	h->door.ops = &door_ops;
	h->sm.ops = &sm_ops;
	h->read_piece_result = 1;
	h->backup_size = 8;
	read_of = h;
	h->leader = (struct serve_leader){.id = PEER, .term = 7};
	h->now_ns = 1 * S;
	assert_int_equal(serve_create(&h->serve, &options), 0);
	serve_turn(h->serve, h->now_ns);
}

void hand_close(struct hand *h)
{
	serve_destroy(h->serve);
	for (uint32_t i = 0; i < h->cursors; i++) {
		if (h->cursor[i].closed != 1)
			fail_msg("cursor %u was closed %u times", i, h->cursor[i].closed);
	}
	for (uint32_t i = 0; i < h->backups; i++) {
		if (h->backup[i].closed != 1)
			fail_msg("backup %u was closed %u times", i, h->backup[i].closed);
	}
}

void hand_turn(struct hand *h, uint64_t ns)
{
	h->now_ns += ns;
	serve_turn(h->serve, h->now_ns);
	serve_drive(h->serve);
	serve_expire(h->serve);
}

struct request *hand_command(struct hand *h, uint64_t id, uint64_t session, uint64_t sequence,
			     uint32_t size)
{
	enum serve_status why;
	struct request *q = serve_open(h->serve, &h->door, 0, id, size, 0, 0, &why);

	assert_non_null(q);
	memset(q->data, 0, size);
	if (size >= COMMAND_HEADER) {
		memcpy(q->data, &session, 8);
		memcpy(q->data + 8, &sequence, 8);
	}
	serve_begin(h->serve, q, REQUEST_COMMAND);
	return q;
}

struct request *hand_query(struct hand *h, uint64_t id, uint32_t pieces)
{
	return hand_query_of(h, 0, id, pieces);
}

struct request *hand_query_of(struct hand *h, uint64_t source, uint64_t id, uint32_t pieces)
{
	enum serve_status why;
	struct request *q = serve_open(h->serve, &h->door, 0, id, 1, source, 0, &why);

	assert_non_null(q);
	q->data[0] = (uint8_t)pieces;
	serve_begin(h->serve, q, REQUEST_QUERY);
	return q;
}

struct request *hand_backup(struct hand *h, uint64_t source, uint64_t id)
{
	enum serve_status why;
	struct request *q = serve_open(h->serve, &h->door, 0, id, 0, source, 0, &why);

	assert_non_null(q);
	serve_begin(h->serve, q, REQUEST_BACKUP);
	return q;
}

void hand_confirm(struct hand *h, raft_index index)
{
	hand_turn(h, SERVE_RESEND_NS_MIN);
	serve_confirmed(h->serve, h->context, index);
}

void hand_apply(struct hand *h, uint64_t session, uint64_t sequence)
{
	const struct sm_result result = {.session = session,
					 .sequence = sequence,
					 .data = (const uint8_t *)"done",
					 .size = 4};

	serve_progress(h->serve, h->serve->applied + 1, false);
	serve_applied(h->serve, &result);
}

const struct hand_word *hand_heard(const struct hand *h, uint32_t count)
{
	if (h->words != count)
		fail_msg("%u words instead of %u", h->words, count);
	return count ? &h->word[count - 1] : NULL;
}

void hand_expect(const struct hand *h, uint32_t count, uint64_t id, const char *text, bool last)
{
	const struct hand_word *word = hand_heard(h, count);

	assert_int_equal(word->id, id);
	assert_int_equal(word->status, SERVE_OK);
	assert_int_equal(word->size, *text == 'b' ? h->backup_size : strlen(text));
	assert_memory_equal(word->data, text, strlen(text));
	assert_int_equal(word->last, last);
}
