/*
 * Exactly once: the table of sessions and the answer to each one's newest command.
 *
 * A client whose answer was lost sends the same (session, sequence) again, and the log may then
 *hold the command twice. The second time the remembered answer is given and nothing is applied.
 *
 * The table is bounded, so sessions are forgotten: in each class the one whose newest command was
 * applied longest ago, by log index, which is the same one on every member. Forgetting must not
 * turn a retry into a second application, which is why a class remembers `evicted_index`, the
 * highest such index it ever forgot, and a client sends `session_base`, an index that was committed
 * before the session's first command was proposed:
 *
 *	If a command of session S was applied at index a, then a > base, because a was appended
 *	after base had been committed. If S was then forgotten, its newest index was at least a, so
 *	evicted_index >= a > base. Hence an unknown session with base >= evicted_index never had
 *	a command applied: applying it now is the first time. One with base < evicted_index may
 *	have had: it is refused (KV_SESSION_EXPIRED), as the only answer that is never wrong.
 *
 * A client may show a newer index with each new command, such as the one in the answer to the last:
 * for a command that was not sent before, an index that was committed when it was made is below its
 * own as well, and the rest follows. So one that was idle for long asks for an index first (HELLO),
 * and is not told "expired" because others filled the table meanwhile (V37). A retry carries what
 * was sent.
 *
 * The class is part of a session's name: a retry carries the same bytes, so the same class.
 *
 * Invariants:
 *  KE1. A class's list is in order of last_index, which is unique: one command per log index.
 *  KE2. No session's last_index in a class is below that class's evicted_index.
 *  KE3. `digest` is the sum of the digests of all sessions and depends on nothing else.
 *  KE4. No verdict, digest or order depends on the salt: it says where a session is found, and
 *       differs among members.
 */
#ifndef KV_SESSION_H
#define KV_SESSION_H

#include <assert.h>
#include <sys/queue.h>

#include "kv/command.h"
#include "kv/kv.h"

enum {
	KV_SESSION_CLASSES = 2, /* long-lived, one-shot */
	KV_SESSION_ANSWER_SIZE_MAX = 64,
	/* As many as sessions: chains of one on average. A power of two. */
	KV_SESSION_BUCKETS = KV_SESSIONS_MAX * KV_SESSION_CLASSES,
};

static_assert((int)KV_ANSWER_HEADER_SIZE <= (int)KV_SESSION_ANSWER_SIZE_MAX, "answers fit");
static_assert((KV_SESSION_BUCKETS & (KV_SESSION_BUCKETS - 1)) == 0, "a power of two");

struct kv_session {
	TAILQ_ENTRY(kv_session) order; /* of its class */
	LIST_ENTRY(kv_session) chain;  /* of its bucket */
	uint64_t id;
	uint64_t sequence;   /* the newest applied */
	uint64_t last_index; /* where that was */
	uint64_t digest;
	uint8_t class_number;
	uint8_t answer_size;
	uint8_t answer[KV_SESSION_ANSWER_SIZE_MAX];
};

TAILQ_HEAD(kv_session_order, kv_session);

struct kv_session_class {
	struct kv_session_order order; /* the next to be forgotten first */
	uint64_t evicted_index;        /* 0: nothing was forgotten */
	uint32_t count;
	struct kv_session sessions[KV_SESSIONS_MAX]; /* the first `count` are in use */
};

struct kv_session_table {
	LIST_HEAD(, kv_session) buckets[KV_SESSION_BUCKETS];
	struct kv_session_class classes[KV_SESSION_CLASSES];
	uint64_t digest;
	uint64_t salt;
};

enum kv_session_verdict {
	KV_SESSION_NEW,       /* apply it, then remember it */
	KV_SESSION_DUPLICATE, /* give the remembered answer */
	KV_SESSION_STALE,     /* older than the newest: nobody waits for it any more */
	KV_SESSION_UNKNOWN,   /* perhaps applied and forgotten */
	KV_SESSION_MISNAMED,  /* known, but as one of the other class */
};

/*
 * About 1.3 MiB. NULL: out of memory. Ids are clients' to choose; the salt, never 0, is not
 * theirs to know, so that nobody fills one chain (V37).
 */
struct kv_session_table *kv_session_table_create(uint64_t salt);
void kv_session_table_destroy(struct kv_session_table *table);

/*
 * The verdict on a command at `index` (UINT64_MAX: it is in no log yet); for a duplicate *known is
 * its session. Changes nothing. A base that is no index below the command's proves nothing.
 */
enum kv_session_verdict kv_session_judge(const struct kv_session_table *table,
					 const struct kv_request *request, uint64_t index,
					 const struct kv_session **known);

/*
 * The command was judged KV_SESSION_NEW and applied (or refused for all alike) at `index`, above
 * every index before it. Forgets the oldest session of the class if there is no room.
 */
void kv_session_remember(struct kv_session_table *table, const struct kv_request *request,
			 uint64_t index, const uint8_t *answer, size_t answer_size);

uint64_t kv_session_table_hash(const struct kv_session_table *table);

/* Recomputes what the invariants state; asserts. For tests: it walks the whole table. */
void kv_session_table_verify(const struct kv_session_table *table);

#endif
