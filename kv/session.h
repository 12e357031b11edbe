/*
 * Exactly once: the table of sessions, and the verdicts on what each has lately had applied.
 *
 * A client whose answer was lost sends the same bytes again, and the log may then hold the command
 * twice. The second time the remembered verdict is given and nothing is applied.
 *
 * A session has up to KV_SESSION_WINDOW commands on their way, in any order. Each carries `floor`:
 * every sequence below it was answered, or given up. A session remembers the highest floor that a
 * command of it was applied with, and of the sequences from there on which ones were applied. What
 * is below the floor is stale: nobody waits for it.
 *
 * The table is bounded, so sessions are forgotten: in each class the one whose newest command was
 * applied longest ago, by log index, which is the same one on every member. Forgetting must not
 * turn a retry into a second application, which is why a class remembers `evicted_index`, the
 * highest such index it ever forgot; why a session remembers what that was when it was made; and
 * why a command carries `session_base`, an index that was committed before it was first sent:
 *
 *	Say that a command with base b was applied at index a, and comes again. It was appended
 *	after b had been committed, so a > b.
 *
 *	(1) The session as it was at a is still there. Its floor only goes up, and a command that
 *	    was applied leaves the bitmap only by ending below the floor. So this one is stale or
 *	    its bit is set: it is not applied.
 *	(2) That session was forgotten since, and its last_index n was at least a. From then on
 *	    the class's evicted_index is at least n > b. If the session is unknown now, the
 *	    command is refused for that (KV_SESSION_EXPIRED). If it was made again since, what it
 *	    remembers as evicted_index is at least n > b as well: with its bit not set the command
 *	    is refused all the same, and with its bit set it is not applied.
 *
 *	So nothing is applied twice. And whoever is refused as expired has shown a base below an
 *	evicted_index: it may have been applied, for all that is known. That is the only answer
 *	that is never wrong.
 *
 * A base may be newer with each new command, such as the index in the answer to the last: for one
 * that was not sent before, an index that was committed when it was made is below its own. So one
 * that was idle for long asks for an index first (HELLO), and is not told "expired" because others
 * filled the table meanwhile (V37). A retry carries what was sent.
 *
 * A floor moves when a command is applied for the first time, and never otherwise: a duplicate, a
 * stale or a refused one changes nothing here, so that whoever knows its end may tell it without
 * the log (sm.h, settled), and the state follows from the log alone. Nothing is lost by that: a
 * duplicate carries what it carried when it was applied, so its floor has been seen. One that is
 * not a retry but other bytes under a sequence that was used is answered as what was applied there.
 *
 * The class is part of a session's name: a retry carries the same bytes, so the same class.
 *
 * Verdicts are kept in a pool of each class. When it is full, the one that was applied longest ago
 * goes; its bit stays, and its retry is told that it was applied and what came of it is not known
 * any more (KV_ANSWER_GONE). A verdict ends with its floor or its session, so what a client does
 * not raise its floor for costs others at most a window of the pool.
 *
 * Invariants:
 *  KE1. A class's list is in order of last_index, which is unique: one command per log index. Its
 *       verdicts are in order of the index at which they were applied.
 *  KE2. No session's last_index in a class is below that class's evicted_index, and none's
 *       evicted_index above it.
 *  KE3. `digest` is the sum of the digests of all sessions and of all verdicts, and depends on
 *       nothing else.
 *  KE4. No judgement, digest or order depends on the salt: it says where a session is found, and
 *       differs among members.
 *  KE5. A verdict is kept only for a sequence whose bit is set. Every session has one bit set.
 */
#ifndef KV_SESSION_H
#define KV_SESSION_H

#include <sys/queue.h>

#include "kv/command.h"
#include "kv/kv.h"

enum {
	KV_SESSION_CLASSES = 2, /* long-lived, one-shot */
};

struct kv_session {
	TAILQ_ENTRY(kv_session) order; /* of its class */
	LIST_ENTRY(kv_session) chain;  /* of its bucket */
	uint64_t id;
	uint64_t floor;
	uint64_t applied;       /* bit i: sequence floor + i was */
	uint64_t last_index;    /* where the last of all was */
	uint64_t evicted_index; /* its class's, when this session was made */
	uint64_t digest;
	uint8_t class_number;
	uint16_t
		verdict[KV_SESSION_WINDOW]; /* by sequence, modulo: of its class, from 1; 0: none */
};

struct kv_verdict {
	TAILQ_ENTRY(kv_verdict) order; /* of its class's kept ones, or of the spare ones */
	struct kv_session *session;
	uint64_t sequence;
	uint64_t index; /* where it was applied */
	uint64_t digest;
	uint8_t size;
	uint8_t data[KV_VERDICT_SIZE_MAX];
};

TAILQ_HEAD(kv_session_order, kv_session);
TAILQ_HEAD(kv_verdict_order, kv_verdict);

struct kv_session_class {
	struct kv_session_order order; /* the next to be forgotten first */
	struct kv_verdict_order kept;  /* the next to be forgotten first */
	struct kv_verdict_order spare;
	uint64_t evicted_index; /* 0: nothing was forgotten */
	uint32_t count;         /* the first so many of `session` are in use */
	uint32_t kept_count;
	uint64_t kept_size; /* bytes of all that are kept */
	struct kv_session *session;
	struct kv_verdict *verdict;
};

LIST_HEAD(kv_session_bucket, kv_session);

struct kv_session_table {
	uint32_t sessions_max, verdicts_max; /* of a class */
	uint32_t bucket_mask;
	uint64_t digest;
	uint64_t salt;
	struct kv_session_bucket *bucket;
	struct kv_session_class classes[KV_SESSION_CLASSES];
};

enum kv_session_judgement {
	KV_SESSION_NEW,       /* apply it, then remember it */
	KV_SESSION_DUPLICATE, /* give the remembered verdict */
	KV_SESSION_LOST,      /* it was applied, and its verdict is not kept any more */
	KV_SESSION_STALE,     /* below the floor: nobody waits for it any more */
	KV_SESSION_UNKNOWN,   /* perhaps applied and forgotten */
	KV_SESSION_BEYOND,    /* so far above its own floor that no session can remember both */
	KV_SESSION_MISNAMED,  /* known, but as one of the other class */
};

/*
 * At most so many sessions and verdicts of each class: the same on each member. Ids are clients' to
 * choose; the salt, never 0, is not theirs to know, so that nobody fills one chain (V37). NULL: out
 * of memory.
 */
struct kv_session_table *kv_session_table_create(uint64_t salt, uint32_t sessions_max,
						 uint32_t verdicts_max);
void kv_session_table_destroy(struct kv_session_table *table);

/*
 * What a command at `index` is worth (UINT64_MAX: it is in no log yet); of a duplicate *verdict is
 * what is remembered, valid until the next one is. Changes nothing. A base that is no index below
 * the command's proves nothing.
 */
enum kv_session_judgement kv_session_judge(const struct kv_session_table *table,
					   const struct kv_request *request, uint64_t index,
					   struct kv_bytes *verdict);

/*
 * The command was judged KV_SESSION_NEW and applied (or refused for all alike) at `index`, above
 * every index before it. Forgets the oldest session and verdict of the class if there is no room.
 */
void kv_session_remember(struct kv_session_table *table, const struct kv_request *request,
			 uint64_t index, struct kv_bytes verdict);

uint64_t kv_session_table_hash(const struct kv_session_table *table);

/* Recomputes what the invariants state; asserts. For tests: it walks the whole table. */
void kv_session_table_verify(const struct kv_session_table *table);

/*
 * For kv/session_image.c. A session with this id, or NULL. And what is put in: a session that is
 * newer than all of its class, where there is room; a verdict that is newer than all of them.
 */
struct kv_session *kv_session_find(const struct kv_session_table *table, uint64_t id);
void kv_session_add(struct kv_session_table *table, const struct kv_session *like);
void kv_verdict_add(struct kv_session_table *table, const struct kv_verdict *like);

#endif
