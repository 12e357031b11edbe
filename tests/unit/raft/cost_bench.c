/*
 * What a commit costs in the core: members 1 .. n in one process, in virtual time, with a network
 * and disks that take one turn. A turn of a member is what node_poll makes of it: its mail, a tick,
 * what became durable, its hand-outs.
 *
 *	raft_cost_bench                                     the table
 *	raft_cost_bench --members N --batch N [--rounds N]  one row: for an instruction count
 *
 * Time alone says more of the machine than of the core, so beside it stands the floor: the same
 * messages and entries, only copied from place to place as often as the core has to.
 */
#include "base/clock.h"
#include "raft/raft.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MEMBERS_MAX = RAFT_VOTERS_MAX,
	COMMAND_SIZE = 64,
	BATCH_MAX = 64,
	MAIL_MAX = 64, /* for one member, of one turn */
	APPEND_SIZE_MAX = 9000,
	MAIL_ENTRIES_MAX = APPEND_SIZE_MAX / RAFT_ENTRY_OVERHEAD,
	ROUNDS_DEFAULT = 20000,
	TURN_US = 10,
	HEARTBEAT_US = 20000,
};

struct mail {
	struct raft_message message;
	struct raft_entry entry[MAIL_ENTRIES_MAX];
	uint8_t data[APPEND_SIZE_MAX];
};

struct box {
	struct mail mail[MAIL_MAX];
	uint32_t count;
};

struct member {
	struct raft *core;
	struct box box[2]; /* what it reads in this turn, and what it is sent for the next one */
	uint64_t seq;      /* handed out in the last turn */
	raft_index applied;
};

struct bench {
	uint32_t members;
	uint32_t batch;
	uint64_t now_us;
	uint32_t phase; /* the box that is read */
	struct member member[MEMBERS_MAX];
	uint64_t messages, entries, turns;
};

static void post(struct bench *b, const struct raft_message *m)
{
	struct box *box = &b->member[m->to - 1].box[!b->phase];
	uint32_t count = m->type == RAFT_MESSAGE_APPEND ? m->append.entry_count : 0;

	assert(box->count < MAIL_MAX);
	assert(count <= MAIL_ENTRIES_MAX);
	struct mail *mail = &box->mail[box->count++];
	mail->message = *m;
	if (count > 0)
		mail->message.append.entries = mail->entry;
	uint8_t *data = mail->data;
	for (uint32_t i = 0; i < count; i++) {
		mail->entry[i] = m->append.entries[i];
		mail->entry[i].data = data;
		if (mail->entry[i].size > 0)
			memcpy(data, m->append.entries[i].data, mail->entry[i].size);
		data += mail->entry[i].size;
	}
	b->messages++;
	b->entries += count;
}

static void turn(struct bench *b, struct member *m)
{
	struct box *box = &m->box[b->phase];
	struct raft_ready ready;
	uint64_t seq = m->seq;

	b->turns++;
	for (uint32_t i = 0; i < box->count; i++)
		raft_recv(m->core, &box->mail[i].message);
	box->count = 0;
	raft_tick(m->core, b->now_us);
	raft_persisted(m->core, seq);
	while (raft_ready(m->core, UINT32_MAX, &ready)) {
		if (ready.persist_seq)
			m->seq = ready.persist_seq;
		for (uint32_t i = 0; i < ready.message_count; i++)
			post(b, &ready.messages[i]);
		m->applied += ready.apply_count;
		raft_advance(m->core);
		raft_applied(m->core, m->applied);
	}
}

static void turn_all(struct bench *b)
{
	for (uint32_t i = 0; i < b->members; i++)
		turn(b, &b->member[i]);
	b->phase = !b->phase;
	b->now_us += TURN_US;
}

static void start(struct bench *b)
{
	for (uint32_t i = 0; i < b->members; i++) {
		struct raft_options o = {
			.id = i + 1,
			.identity = 0xa0 + i + 1,
			.start = (raft_start)1 << 32 | (i + 1),
			.members = {.count = b->members},
			.seed = i + 1,
			.election_timeout_us_min = 150000,
			.election_timeout_us_max = 300000,
			.heartbeat_us = HEARTBEAT_US,
			.append_size_max = APPEND_SIZE_MAX,
			.now_us = b->now_us,
		};
		for (uint32_t k = 0; k < b->members; k++)
			o.members.member[k] = (struct raft_member){
				.id = k + 1, .identity = 0xa0 + k + 1, .voter = true};
		if (raft_create(&b->member[i].core, &o)) {
			fprintf(stderr, "out of memory\n");
			exit(1);
		}
	}
}

static struct member *leader_wait(struct bench *b)
{
	for (uint32_t turns = 0; turns < 1000000; turns++) {
		turn_all(b);
		for (uint32_t i = 0; i < b->members; i++) {
			struct member *m = &b->member[i];
			if (raft_get_role(m->core) == RAFT_LEADER && m->applied > 0)
				return m;
		}
	}
	fprintf(stderr, "nobody was elected\n");
	exit(1);
}

static bool applied_by_all(const struct bench *b, raft_index index)
{
	for (uint32_t i = 0; i < b->members; i++) {
		if (b->member[i].applied < index)
			return false;
	}
	return true;
}

/* One batch: proposed, and applied by every member. */
static void commit(struct bench *b, struct member *leader)
{
	static const uint8_t data[COMMAND_SIZE] = {1};
	raft_index index = 0;
	raft_term term;

	for (uint32_t i = 0; i < b->batch; i++) {
		int err = raft_propose(leader->core, data, sizeof(data), &index, &term);
		if (err) {
			fprintf(stderr, "a command was refused: %d\n", err);
			exit(1);
		}
	}
	while (!applied_by_all(b, index))
		turn_all(b);
}

static volatile uint8_t kept; /* so that what was copied counts as read */

/* Every message made and read, every entry copied into the window of who gets it. */
static uint64_t floor_ns(uint64_t messages, uint64_t entries)
{
	static struct raft_message m[256], to[256];
	static struct raft_entry entry[256], entry_to[256];
	static uint8_t data[256][COMMAND_SIZE], data_to[256][COMMAND_SIZE];
	uint64_t begin = clock_now();

	for (uint64_t i = 0; i < 2 * messages; i++) {
		memcpy(&to[i % 256], &m[(i * 7) % 256], sizeof(m[0]));
		kept = (uint8_t)to[i % 256].term;
	}
	for (uint64_t i = 0; i < entries; i++) {
		memcpy(&entry_to[i % 256], &entry[(i * 7) % 256], sizeof(entry[0]));
		memcpy(data_to[i % 256], data[(i * 7) % 256], COMMAND_SIZE);
		kept = data_to[i % 256][0];
	}
	return clock_now() - begin;
}

static void measure(uint32_t members, uint32_t batch, uint64_t rounds)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (!b)
		exit(1);
	b->members = members;
	b->batch = batch;
	b->now_us = 1000;
	start(b);
	struct member *leader = leader_wait(b);
	for (uint32_t i = 0; i < 100; i++)
		commit(b, leader);
	uint64_t messages = b->messages, entries = b->entries, turns = b->turns;
	uint64_t begin = clock_now();
	for (uint64_t i = 0; i < rounds; i++)
		commit(b, leader);
	uint64_t took = clock_now() - begin;
	uint64_t commands = rounds * batch;
	messages = b->messages - messages;
	entries = b->entries - entries + commands;
	uint64_t floor = floor_ns(messages, entries);
	printf("%7" PRIu32 " %5" PRIu32 " %10.0f %10.0f %7.1f %9.2f %6.2f\n", members, batch,
	       (double)took / (double)commands, (double)floor / (double)commands,
	       (double)took / (double)(floor ? floor : 1), (double)messages / (double)commands,
	       (double)(b->turns - turns) / (double)commands);
	for (uint32_t i = 0; i < members; i++)
		raft_destroy(b->member[i].core);
	free(b);
}

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s [--members N --batch N [--rounds N]]\n", program);
	return 2;
}

int main(int argc, char **argv)
{
	uint64_t members = 0, batch = 0, rounds = ROUNDS_DEFAULT;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage(argv[0]);
		uint64_t value = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--members") == 0 && value >= 1 && value <= MEMBERS_MAX)
			members = value;
		else if (strcmp(argv[i], "--batch") == 0 && value >= 1 && value <= BATCH_MAX)
			batch = value;
		else if (strcmp(argv[i], "--rounds") == 0 && value >= 1)
			rounds = value;
		else
			return usage(argv[0]);
	}
	if ((members == 0) != (batch == 0))
		return usage(argv[0]);
	printf("for a command, all members together:\n"
	       "members batch  core (ns) floor (ns)   ratio  messages  turns\n");
	if (members) {
		measure((uint32_t)members, (uint32_t)batch, rounds);
		return 0;
	}
	for (uint32_t n = 3; n <= 7; n += 4) {
		measure(n, 1, rounds);
		measure(n, 16, rounds / 16);
		measure(n, 64, rounds / 64);
	}
	return 0;
}
