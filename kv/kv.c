/*
 * The state machine: entries joined to commands, commands judged by their session, applied to the
 * store, and their answers remembered. One command is one transaction of the store.
 *
 * Invariants:
 *  KV1. Every verdict of apply depends on the log alone: never on the quota, time, addresses,
 *       queries, or how often apply was called for an entry.
 *  KV2. A command that was judged new is remembered with its answer in the step that completes it,
 *       whatever the answer, a refusal too: a retry gets the same one. Then its floor counts, and
 *       at no other time (kv/session.h).
 *  KV3. While `stepping`, the entry at applied_index is not finished and no other is taken, nor is
 *       a query answered: it would see half a command. Revision and hash are still those before it,
 *       so that a status asked for meanwhile is true.
 */
#include "kv/kv.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kv/chain.h"
#include "kv/codec.h"
#include "kv/hash.h"
#include "kv/hashkv.h"
#include "kv/names.h"
#include "kv/range.h"
#include "kv/session.h"
#include "kv/snapshot.h"
#include "kv/store.h"
#include "kv/verify.h"

#ifdef NDEBUG
#error "quoin keeps its assertions in production builds: NDEBUG must not be defined"
#endif

enum {
	/*
	 * One step of a delete: 256 keys at about 1 us each, or values of 1 MiB whose digests go
	 * from the sum: hundreds of microseconds at most, below one bare-metal heartbeat.
	 */
	STEP_KEYS_MAX = 256,
	STEP_SIZE_MAX = 1024 * 1024,
};

struct kv {
	struct sm sm; /* first: ops are given this address */
	uint64_t quota;
	struct kv_store store;
	struct kv_pins pins;
	struct kv_cursors cursors;
	struct kv_session_table *sessions;
	struct kv_names names;
	struct kv_chain chain;
	uint64_t applied_index;
	bool stepping;        /* a delete over many keys is under way ... */
	uint64_t deleted;     /* ... and these are gone so far */
	uint64_t hash_before; /* the entry at applied_index */
	/* Of the marker at applied_index, until somebody takes it, or the next entry is applied. */
	struct sm_snapshot *marked;
	bool marking; /* what changes in place is being copied for it */
	struct kv_restore *restore;
	struct sm_counters counters;
	uint8_t answer[KV_ANSWER_HEADER_SIZE];
};

static struct kv *kv_of(struct sm *sm)
{
	static_assert(offsetof(struct kv, sm) == 0, "an sm is cast to its kv");
	return (struct kv *)sm;
}

/* What the store cannot do yet: refused as malformed, by all alike. */
static bool not_yet(const struct kv_request *request)
{
	const uint32_t flags = KV_PREV_KV | KV_IGNORE_VALUE | KV_IGNORE_LEASE;

	switch (request->operation) {
	case KV_PUT:
	case KV_DELETE:
		return request->flags & flags;
	case KV_RANGE:
	case KV_HASHKV:
	case KV_PUBLISH:
	case KV_MARK:
		return false;
	case KV_TXN:
	case KV_COMPACT:
		break;
	}
	return true;
}

/* Fit to be proposed: a write, and one that a retry can be told from. */
static int command_decode(struct kv_request *out, const uint8_t *data, size_t size)
{
	int err = kv_request_decode(out, data, size);

	if (err)
		return err;
	if (not_yet(out))
		return -EINVAL;
	if (out->operation == KV_PUBLISH || out->operation == KV_MARK)
		return 0;
	if (out->operation == KV_RANGE || out->operation == KV_HASHKV || out->session == 0 ||
	    out->sequence == 0)
		return -EINVAL;
	return 0;
}

/* `operation` is 0 of what cannot be read. */
static void answer_set(struct kv *kv, enum kv_operation operation, enum kv_status status,
		       uint64_t count)
{
	const struct kv_answer answer = {
		.status = status,
		.operation = operation,
		.revision = kv->store.revision,
		.count = count,
		.applied_index = kv->applied_index,
	};

	kv_answer_encode_header(&answer, kv->answer);
}

static void put_apply(struct kv *kv, const struct kv_request *request)
{
	kv_store_begin(&kv->store);
	kv_store_put(&kv->store, request->key, request->value, 0);
	kv_store_end(&kv->store);
	kv->counters.puts++;
}

/* True: the whole range is gone. False: call again with the same request. */
static bool delete_step(struct kv *kv, const struct kv_request *request)
{
	const struct kv_store_range range = {.first = request->key, .end = request->range_end};
	bool done;

	if (!kv->stepping) {
		kv_store_begin(&kv->store);
		kv->deleted = 0;
		kv->counters.deletes++;
	}
	kv->deleted += kv_store_delete(&kv->store, &range, STEP_KEYS_MAX, STEP_SIZE_MAX, &done);
	kv->stepping = !done;
	if (done)
		kv_store_end(&kv->store);
	return done;
}

/* Applies a new command and remembers its answer. 0, or -EAGAIN after a step. */
static int command_apply(struct kv *kv, const struct kv_request *request)
{
	enum kv_status status = KV_OK;
	uint64_t count = 0;

	if (request->key.size == 0) {
		status = KV_KEY_EMPTY;
	} else if (request->operation == KV_PUT) {
		put_apply(kv, request);
	} else {
		assert(request->operation == KV_DELETE);
		if (!delete_step(kv, request))
			return -EAGAIN;
		count = kv->deleted;
	}
	answer_set(kv, request->operation, status, count);
	kv_session_remember(kv->sessions, request, kv->applied_index,
			    (struct kv_bytes){kv->answer, sizeof(kv->answer)});
	return 0;
}

/* What a command is worth, by its session. True: it is not applied, and the answer is set. */
static bool command_settled(struct kv *kv, const struct kv_request *request, uint64_t index)
{
	struct kv_bytes verdict;

	switch (kv_session_judge(kv->sessions, request, index, &verdict)) {
	case KV_SESSION_NEW:
		return false;
	case KV_SESSION_DUPLICATE:
		assert(verdict.size == sizeof(kv->answer));
		memcpy(kv->answer, verdict.data, sizeof(kv->answer));
		return true;
	case KV_SESSION_LOST:
		answer_set(kv, request->operation, KV_ANSWER_GONE, 0);
		return true;
	case KV_SESSION_STALE:
		answer_set(kv, request->operation, KV_STALE_SEQUENCE, 0);
		return true;
	case KV_SESSION_UNKNOWN:
		answer_set(kv, request->operation, KV_SESSION_EXPIRED, 0);
		return true;
	case KV_SESSION_BEYOND:
		answer_set(kv, request->operation, KV_BEYOND_WINDOW, 0);
		return true;
	case KV_SESSION_MISNAMED:
		answer_set(kv, request->operation, KV_MALFORMED, 0);
		return true;
	}
	assert(false);
	return false;
}

static struct kv_parts parts_of(struct kv *kv)
{
	return (struct kv_parts){&kv->store, &kv->pins, &kv->names, kv->sessions};
}

static void marked_drop(struct kv *kv)
{
	if (kv->marked)
		kv_snapshot_close(kv->marked);
	kv->marked = NULL;
}

/*
 * The state is none the other: a member that has no memory for a copy, or does not know the format
 * that this marker is of, takes no snapshot here. 0, or -EAGAIN after a step.
 */
static int mark_apply(struct kv *kv, const struct kv_request *request)
{
	const struct kv_parts parts = parts_of(kv);

	if (!kv->marking && request->mark_format == KV_SNAPSHOT_VERSION)
		kv->marked = kv_snapshot_begin(&parts, kv->applied_index);
	kv->marking = kv->marked && kv_snapshot_copy(kv->marked);
	if (kv->marking)
		return -EAGAIN;
	answer_set(kv, KV_MARK, KV_OK, 0);
	return 0;
}

static uint64_t state_hash(const struct kv *kv)
{
	uint64_t hash = kv_store_hash(&kv->store);

	hash = kv_hash_mix(hash, kv_session_table_hash(kv->sessions));
	hash = kv_hash_mix(hash, kv->names.digest);
	return kv_hash_mix(hash, kv_chain_hash(&kv->chain));
}

static int kv_apply(struct sm *sm, const struct sm_entry *entry, struct sm_result *result)
{
	struct kv *kv = kv_of(sm);
	struct kv_request request;
	struct kv_bytes command;
	bool too_long = false;
	int err = 0;

	assert(!kv->restore);
	if (kv->stepping || kv->marking) {
		assert(entry->index == kv->applied_index);
		command = kv_chain_command(&kv->chain, entry);
	} else {
		assert(entry->index > kv->applied_index);
		marked_drop(kv);
		kv->applied_index = entry->index;
		kv->hash_before = state_hash(kv);
		if (!kv_chain_add(&kv->chain, entry, &command, &too_long))
			return 0;
	}

	/* No door lets a malformed command in, but what is in the log gets a verdict (R52). */
	if (too_long || command_decode(&request, command.data, command.size) < 0)
		answer_set(kv, (enum kv_operation)0, KV_MALFORMED, 0);
	else if (request.operation == KV_PUBLISH)
		answer_set(kv, KV_PUBLISH,
			   kv_names_publish(&kv->names, &request) ? KV_OK : KV_MALFORMED, 0);
	else if (request.operation == KV_MARK)
		err = mark_apply(kv, &request);
	else if (kv->stepping)
		err = command_apply(kv, &request);
	else if (!command_settled(kv, &request, kv->applied_index))
		err = command_apply(kv, &request);
	if (err)
		return err;

	assert(!kv->stepping);
	*result = (struct sm_result){
		.data = kv->answer, .size = sizeof(kv->answer), .marker = kv->marked != NULL};
	kv_request_identity(command.data, command.size, &result->session, &result->sequence);
	return 1;
}

static int kv_query(struct sm *sm, const uint8_t *data, uint32_t size, uint8_t *out,
		    uint32_t out_size_max, struct sm_cursor **rest)
{
	struct kv *kv = kv_of(sm);
	struct kv_request request;
	struct kv_cursor *cursor = NULL;
	int written;

	assert(!kv->stepping); /* KV3 */
	assert(out_size_max >= KV_ANSWER_HEADER_SIZE);
	assert(out_size_max <= INT32_MAX);
	if (rest)
		*rest = NULL;
	if (kv_request_decode(&request, data, size) < 0)
		return -EINVAL;
	if (request.operation == KV_HASHKV) {
		written = kv_hashkv_query(&kv->cursors, &request, out, out_size_max,
					  rest ? &cursor : NULL);
	} else if (request.operation == KV_RANGE) {
		kv->counters.ranges++;
		written = kv_range_query(&kv->cursors, &request, out, out_size_max,
					 rest ? &cursor : NULL);
	} else {
		return -EINVAL;
	}
	if (rest)
		*rest = (struct sm_cursor *)cursor;
	return written;
}

static int cursor_read(struct sm *sm, struct sm_cursor *cursor, uint8_t *out, uint32_t out_size_max,
		       bool *more)
{
	struct kv *kv = kv_of(sm);

	assert(!kv->stepping); /* KV3 */
	return kv_cursor_read((struct kv_cursor *)(void *)cursor, out, out_size_max, more);
}

static void cursor_close(struct sm *sm, struct sm_cursor *cursor)
{
	(void)sm;
	kv_cursor_close((struct kv_cursor *)(void *)cursor);
}

static bool kv_sweep(struct sm *sm)
{
	struct kv *kv = kv_of(sm);

	return kv_pins_sweep(&kv->pins, &kv->store);
}

static int kv_check(struct sm *sm, const uint8_t *command, uint32_t size, uint64_t from,
		    uint64_t *session, uint64_t *sequence)
{
	struct kv_request request;
	int err = command_decode(&request, command, size);

	(void)sm; /* the verdict before the log must not depend on a state that may be behind it */
	kv_request_identity(command, size, session, sequence);
	if (!err && request.operation == KV_PUBLISH && kv_publication_member(&request) != from)
		return -EINVAL;
	if (!err && request.operation == KV_MARK) /* the leader's own affair */
		return -EINVAL;
	return err;
}

/* A retry of what was applied gets its answer, whatever the space. */
static int kv_admit(struct sm *sm, const uint8_t *command, uint32_t size)
{
	const struct kv *kv = kv_of(sm);
	struct kv_bytes verdict;
	struct kv_request request;
	int err = command_decode(&request, command, size);

	assert(err == 0);
	if (request.operation != KV_PUT ||
	    kv_session_judge(kv->sessions, &request, UINT64_MAX, &verdict) != KV_SESSION_NEW)
		return 0;
	return kv_store_size_after(&kv->store, request.key, request.value) <= kv->quota ? 0
											: -ENOSPC;
}

/* Between two steps of a delete, too: its session is not remembered before the last of them. */
static bool kv_settled(struct sm *sm, const uint8_t *command, uint32_t size,
		       struct sm_result *result)
{
	struct kv *kv = kv_of(sm);
	struct kv_request request;
	int err = command_decode(&request, command, size);

	assert(err == 0);
	if (request.operation == KV_PUBLISH || request.operation == KV_MARK ||
	    !command_settled(kv, &request, UINT64_MAX))
		return false;
	*result = (struct sm_result){
		.session = request.session,
		.sequence = request.sequence,
		.data = kv->answer,
		.size = sizeof(kv->answer),
	};
	return true;
}

static void kv_members(struct sm *sm, const uint64_t *ids, uint32_t count)
{
	struct kv *kv = kv_of(sm);

	assert(!kv->stepping);
	kv_names_members(&kv->names, ids, count);
}

static const struct sm_attributes *kv_attributes(struct sm *sm, uint64_t member)
{
	return kv_names_find(&kv_of(sm)->names, member);
}

static uint64_t kv_hash(struct sm *sm)
{
	const struct kv *kv = kv_of(sm);

	return kv->stepping ? kv->hash_before : state_hash(kv);
}

static uint64_t kv_size(struct sm *sm)
{
	return kv_of(sm)->store.size;
}

static uint64_t kv_keys(struct sm *sm)
{
	static const uint8_t zero;
	const struct kv_store_range all = {.first = {&zero, 0}, .end = {&zero, 1}};

	return kv_store_count(&kv_of(sm)->store, &all);
}

static const struct sm_counters *kv_counters(struct sm *sm)
{
	return &kv_of(sm)->counters;
}

static struct sm_snapshot *kv_snapshot_take(struct sm *sm)
{
	struct kv *kv = kv_of(sm);
	struct sm_snapshot *s = kv->marked;

	assert(!kv->marking);
	kv->marked = NULL;
	return s;
}

/* Readers, and who writes a snapshot, find that their pins are lost. */
static int restore_begin(struct sm *sm)
{
	struct kv *kv = kv_of(sm);
	struct kv_session_table *sessions;
	struct kv_parts parts;

	marked_drop(kv);
	kv_pins_lose(&kv->pins);
	kv->stepping = kv->marking = false;
	if (kv->restore)
		kv_restore_end(kv->restore);
	kv->restore = NULL;
	if (kv_store_clear(&kv->store))
		return -EAGAIN;
	sessions = kv_session_table_create(kv->sessions->salt, KV_SESSIONS_MAX, KV_VERDICTS_MAX);
	if (!sessions)
		return -ENOMEM;
	kv_session_table_destroy(kv->sessions);
	kv->sessions = sessions;
	kv->names = (struct kv_names){0};
	kv_chain_discard(&kv->chain);
	kv->applied_index = 0;
	parts = parts_of(kv);
	kv->restore = kv_restore_begin(&parts);
	return kv->restore ? 0 : -ENOMEM;
}

static int restore_add(struct sm *sm, const uint8_t *data, uint32_t size)
{
	return kv_restore_add(kv_of(sm)->restore, data, size);
}

static uint64_t restore_end(struct sm *sm)
{
	struct kv *kv = kv_of(sm);
	uint64_t applied = kv_restore_applied(kv->restore);

	if (!applied && kv_restore_begun(kv->restore))
		return 0;
	kv_restore_end(kv->restore);
	kv->restore = NULL;
	kv->applied_index = applied;
	return applied;
}

static void kv_destroy(struct sm *sm)
{
	struct kv *kv = kv_of(sm);

	marked_drop(kv);
	if (kv->restore)
		kv_restore_end(kv->restore);
	kv_chain_destroy(&kv->chain);
	kv_session_table_destroy(kv->sessions);
	kv_cursors_destroy(&kv->cursors);
	kv_store_destroy(&kv->store);
	free(kv);
}

static uint64_t kv_revision(struct sm *sm)
{
	return kv_of(sm)->store.revision;
}

static const struct sm_ops kv_ops = {
	.apply = kv_apply,
	.query = kv_query,
	.cursor_read = cursor_read,
	.cursor_close = cursor_close,
	.sweep = kv_sweep,
	.check = kv_check,
	.admit = kv_admit,
	.settled = kv_settled,
	.members = kv_members,
	.attributes = kv_attributes,
	.hash = kv_hash,
	.revision = kv_revision,
	.size = kv_size,
	.keys = kv_keys,
	.counters = kv_counters,
	.marker = kv_snapshot_marker,
	.snapshot_take = kv_snapshot_take,
	.snapshot_read = kv_snapshot_read,
	.snapshot_close = kv_snapshot_close,
	.restore_begin = restore_begin,
	.restore_add = restore_add,
	.restore_end = restore_end,
	.destroy = kv_destroy,
};

static uint64_t pinned_size_max(const struct kv_options *options)
{
	if (options->pinned_size_max)
		return options->pinned_size_max;
	return options->quota / 4 > KV_PINNED_SIZE_MIN ? options->quota / 4 : KV_PINNED_SIZE_MIN;
}

int kv_create(struct sm **out, const struct kv_options *options)
{
	struct kv *kv = calloc(1, sizeof(*kv));
	int err;

	if (!kv)
		return -ENOMEM;
	kv->sm.ops = &kv_ops;
	kv->quota = options->quota;
	kv_store_init(&kv->store);
	kv_pins_init(&kv->pins, pinned_size_max(options));
	kv_cursors_init(&kv->cursors, &kv->pins, &kv->store);
	err = kv_chain_init(&kv->chain);
	if (err)
		goto err_kv;
	kv->sessions = kv_session_table_create(options->salt, KV_SESSIONS_MAX, KV_VERDICTS_MAX);
	if (!kv->sessions) {
		err = -ENOMEM;
		goto err_chain;
	}
	*out = &kv->sm;
	return 0;

err_chain:
	kv_chain_destroy(&kv->chain);
err_kv:
	free(kv);
	return err;
}

void kv_verify(struct sm *sm)
{
	struct kv *kv = kv_of(sm);

	kv_store_verify(&kv->store);
	kv_pins_verify(&kv->pins, &kv->store);
	kv_session_table_verify(kv->sessions);
	kv_names_verify(&kv->names);
	assert(kv->stepping == kv->store.writing);
}

uint64_t kv_pinned_size(struct sm *sm)
{
	return kv_of(sm)->store.held;
}

void kv_compact(struct sm *sm, uint64_t revision)
{
	kv_store_compact(&kv_of(sm)->store, revision);
}
