/*
 * Clients that go on while nodes are killed, and know what they may believe.
 *
 * Each writer has a key of its own and puts 1, 2, 3, ... there, each again and again under the same
 * session and sequence until it is acknowledged. The first has a session of its own, the others
 * have one together, so that as many commands of it are in flight (R48). Readers read those keys
 * from any node.
 *
 *  EL1. A read that begins after value v was acknowledged sees v or more: nothing acknowledged is
 *       lost, also not for a while.
 *  EL2. What one reader sees of a key never goes back.
 *  EL3. A key's version, the number of puts applied to it, is its value: each put is applied once.
 *  EL4. Nothing is seen that was not yet asked for.
 */
#ifndef TESTS_E2E_LOAD_H
#define TESTS_E2E_LOAD_H

#include "kv/window.h"
#include "tests/e2e/cluster.h"
#include "tools/client/endpoint.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LOAD_WRITERS_MAX = 8, LOAD_READERS_MAX = 4 };

struct load;

struct load_writer {
	struct load *load;
	pthread_t thread;
	uint32_t number;
	_Atomic uint64_t asked;
	_Atomic uint64_t acknowledged;
	_Atomic uint64_t acknowledged_ns; /* when it was last, or the gap was begun */
	_Atomic uint64_t gap_ns;
};

/* Its lock is of the window and of the base; each writer's command is its own. */
struct load_session {
	pthread_mutex_t lock;
	struct kv_window window;
	uint64_t base; /* 0: none was shown yet */
};

struct load_reader {
	struct load *load;
	pthread_t thread;
	uint32_t number;
	uint64_t seen[LOAD_WRITERS_MAX];
	_Atomic uint64_t reads;
};

struct load {
	struct cluster *cluster;
	uint32_t writer_count, reader_count;
	struct load_writer writer[LOAD_WRITERS_MAX];
	struct load_reader reader[LOAD_READERS_MAX];
	struct load_session session[2];
	atomic_bool stop;
	atomic_flag wrong_taken;
	_Atomic(const char *) wrong; /* the first rule that was broken, in words */
	char wrong_text[512];
};

void load_start(struct load *l, struct cluster *c, uint32_t writers, uint32_t readers);

/* Waits until every writer has had `count` more puts acknowledged and every reader has read. */
void load_wait_progress(struct load *l, uint64_t count);

/* Ends the threads and fails the test if a rule was broken. What was written stays known. */
void load_stop(struct load *l);

/* Reads every key from every node, each of which must answer, by the same rules. */
void load_verify(struct load *l);

/* Puts acknowledged so far, all together. */
uint64_t load_acknowledged(const struct load *l);

/* From now on; the longest time in which a writer had nothing acknowledged, up to now. */
void load_gap_begin(struct load *l);
uint64_t load_gap_ms(const struct load *l);

/* A client of one node: one put or get, with a time of its own. */
struct one {
	struct endpoint *endpoint;
	char address[128]; /* its */
	uint64_t session, sequence, floor, base;
};
void one_open(struct one *o, const char *endpoint);
void one_close(struct one *o);
/* 0: acknowledged. Else it was not: -errno, or the node's enum wire_status. */
int one_put(struct one *o, const char *key, uint64_t value, uint32_t timeout_ms);
/* The same by a client of its own. */
int one_put_at(const char *endpoint, const char *key, uint64_t value, uint32_t timeout_ms);
/* With a value of so many bytes. */
int one_put_large(struct one *o, const char *key, uint32_t size, uint32_t timeout_ms);
/* 0, and *value is 0 if there is no such key. Else as above. */
int one_get(struct one *o, const char *key, uint64_t *value, uint64_t *version,
	    uint32_t timeout_ms);

#endif
