/*
 * The state machine: entries joined to commands, commands judged by their bytes and their session,
 * applied to the store, and their verdicts remembered. One command is one transaction of the store.
 *
 * Invariants:
 *  KV1. Every verdict of apply depends on the log alone: never on the quota, time, addresses,
 *       queries, or how often apply was called for an entry.
 *  KV2. A command that was judged new is remembered with its verdict in the step that completes it,
 *       whatever that is, a refusal too: a retry gets the same one. Then its floor counts, and at
 *       no other time (kv/session.h).
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
#include "kv/judge.h"
#include "kv/names.h"
#include "kv/query.h"
#include "kv/render.h"
#include "kv/session.h"
#include "kv/snapshot.h"
#include "kv/store.h"
#include "kv/txn.h"
#include "kv/verify.h"

#ifdef NDEBUG
#error "quoin keeps its assertions in production builds: NDEBUG must not be defined"
#endif

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
	bool stepping;        /* a command is under way ... */
	struct kv_txn txn;    /* ... as far as this ... */
	uint64_t hash_before; /* the entry at applied_index */
	struct kv_outcome outcome;
	struct kv_judge judge;
	/* Of the marker at applied_index, until somebody takes it, or the next entry is applied. */
	struct sm_snapshot *marked;
	bool marking; /* what changes in place is being copied for it */
	struct kv_restore *restore;
	struct sm_counters counters;
	uint8_t result[KV_VERDICT_SIZE];
};

static struct kv *kv_of(struct sm *sm)
{
	static_assert(offsetof(struct kv, sm) == 0, "an sm is cast to its kv");
	return (struct kv *)sm;
}

/* Fit to be proposed: a write, and one that a retry can be told from. */
static int command_decode(struct kv_request *out, const uint8_t *data, size_t size)
{
	int err = kv_request_decode(out, data, size);

	if (err)
		return err;
	if (kv_request_is_members(out))
		return 0;
	if (out->operation == KV_RANGE || out->operation == KV_HASHKV || out->session == 0 ||
	    out->sequence == 0)
		return -EINVAL;
	return 0;
}

/* Of what no session remembers. `operation` is 0 of what cannot be read. */
static void result_set(struct kv *kv, enum kv_operation operation, enum kv_status status)
{
	const struct kv_outcome outcome = {
		.status = status,
		.operation = operation,
		.revision = kv->store.revision,
		.applied_index = kv->applied_index,
	};

	kv_outcome_encode(&outcome, kv->result);
}

static void compact_apply(struct kv *kv, const struct kv_request *request)
{
	kv->outcome = (struct kv_outcome){.operation = KV_COMPACT, .revision = kv->store.revision};
	kv->outcome.status = kv_store_compact_try(&kv->store, (int64_t)request->revision);
}

/* Applies a new command and remembers its verdict. 0, or -EAGAIN after a step. */
static int command_apply(struct kv *kv, const struct kv_request *request, struct kv_bytes command)
{
	int err = 0;

	if (request->operation == KV_COMPACT)
		compact_apply(kv, request);
	else
		err = kv_txn_step(&kv->txn, &kv->store, request, &kv->outcome);
	kv->stepping = err;
	if (err)
		return err;
	kv->counters.puts += request->operation == KV_PUT;
	kv->counters.deletes += request->operation == KV_DELETE;
	kv->outcome.applied_index = kv->applied_index;
	kv->outcome.digest = kv_outcome_digest(command.data, command.size);
	kv_outcome_encode(&kv->outcome, kv->result);
	kv_session_remember(kv->sessions, request, kv->applied_index,
			    (struct kv_bytes){kv->result, sizeof(kv->result)});
	return 0;
}

/*
 * What a command is worth, by its bytes alone, or by its session. True: it is not applied, and the
 * result is set.
 */
static bool command_settled(struct kv *kv, const struct kv_request *request, uint64_t index)
{
	enum kv_status status = kv_judge(&kv->judge, request);
	struct kv_bytes verdict;

	if (status != KV_OK) {
		result_set(kv, request->operation, status);
		return true;
	}
	switch (kv_session_judge(kv->sessions, request, index, &verdict)) {
	case KV_SESSION_NEW:
		return false;
	case KV_SESSION_DUPLICATE:
		assert(verdict.size == sizeof(kv->result));
		memcpy(kv->result, verdict.data, sizeof(kv->result));
		return true;
	case KV_SESSION_LOST:
		result_set(kv, request->operation, KV_ANSWER_GONE);
		return true;
	case KV_SESSION_STALE:
		result_set(kv, request->operation, KV_STALE_SEQUENCE);
		return true;
	case KV_SESSION_UNKNOWN:
		result_set(kv, request->operation, KV_SESSION_EXPIRED);
		return true;
	case KV_SESSION_BEYOND:
		result_set(kv, request->operation, KV_BEYOND_WINDOW);
		return true;
	case KV_SESSION_MISNAMED:
		result_set(kv, request->operation, KV_MALFORMED);
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
	result_set(kv, KV_MARK, KV_OK);
	return 0;
}

/* What members say, which no session remembers. 0, or -EAGAIN after a step. */
static int members_apply(struct kv *kv, const struct kv_request *request)
{
	enum kv_status status;

	if (request->operation == KV_MARK)
		return mark_apply(kv, request);
	if (request->operation == KV_COMPACT)
		status = kv_store_compact_try(&kv->store, (int64_t)request->revision);
	else
		status = kv_names_publish(&kv->names, request) ? KV_OK : KV_MALFORMED;
	result_set(kv, request->operation, status);
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
	request.operation = (enum kv_operation)0;
	if (too_long || command_decode(&request, command.data, command.size) < 0)
		result_set(kv, (enum kv_operation)0, KV_MALFORMED);
	else if (kv_request_is_members(&request))
		err = members_apply(kv, &request);
	else if (kv->stepping || !command_settled(kv, &request, kv->applied_index))
		err = command_apply(kv, &request, command);
	if (err)
		return err;

	assert(!kv->stepping);
	*result = (struct sm_result){
		.data = kv->result, .size = sizeof(kv->result), .marked = kv->marked != NULL};
	result->marker = request.operation == KV_MARK;
	if (result->marker)
		result->mark = request.mark;
	kv_request_identity(command.data, command.size, &result->session, &result->sequence);
	return 1;
}

static int kv_query(struct sm *sm, const uint8_t *data, uint32_t size, uint8_t *out,
		    uint32_t out_size_max, struct sm_cursor **rest)
{
	struct kv *kv = kv_of(sm);
	const struct kv_query_parts parts = {&kv->cursors, &kv->store, &kv->judge, &kv->txn,
					     &kv->counters};
	struct kv_cursor *cursor = NULL;
	int written;

	assert(!kv->stepping); /* KV3 */
	written = kv_query_answer(&parts, (struct kv_bytes){data, size}, out, out_size_max,
				  rest ? &cursor : NULL);
	if (rest)
		*rest = (struct sm_cursor *)cursor;
	return written;
}

static int kv_answer(struct sm *sm, const uint8_t *command, uint32_t size, const uint8_t *verdict,
		     uint32_t verdict_size, uint8_t *out, uint32_t out_size_max,
		     struct sm_cursor **rest)
{
	struct kv *kv = kv_of(sm);
	struct kv_cursor *cursor = NULL;
	int written;

	assert(!kv->stepping); /* KV3 */
	assert(verdict_size == KV_VERDICT_SIZE);
	written = kv_render(&kv->cursors, (struct kv_bytes){command, size}, verdict, out,
			    out_size_max, &cursor);
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
	/* The leader's own affairs. */
	if (!err && request.operation != KV_PUBLISH && kv_request_is_members(&request))
		return -EINVAL;
	return err;
}

/*
 * A retry of what was applied gets its answer, whatever the quota. What puts nothing is taken
 * always: deletes and compactions are the way out of NOSPACE, as in etcd.
 */
static int kv_admit(struct sm *sm, const uint8_t *command, uint32_t size, bool full)
{
	struct kv *kv = kv_of(sm);
	struct kv_request request;
	int err = command_decode(&request, command, size);
	uint64_t more;

	assert(err == 0);
	more = kv_txn_growth(&kv->store, &request);
	if (more == 0 || (!full && kv->store.size + more <= kv->quota))
		return 0;
	return !full && command_settled(kv, &request, UINT64_MAX) ? 0 : -ENOSPC;
}

/* Between two steps of a command, too: its session is not remembered before the last of them. */
static bool kv_settled(struct sm *sm, const uint8_t *command, uint32_t size,
		       struct sm_result *result)
{
	struct kv *kv = kv_of(sm);
	struct kv_request request;
	int err = command_decode(&request, command, size);

	assert(err == 0);
	if (kv_request_is_members(&request) || !command_settled(kv, &request, UINT64_MAX))
		return false;
	*result = (struct sm_result){
		.session = request.session,
		.sequence = request.sequence,
		.data = kv->result,
		.size = sizeof(kv->result),
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
	return kv_tree_live_count(&kv_of(sm)->store.keys);
}

static const struct sm_counters *kv_counters(struct sm *sm)
{
	return &kv_of(sm)->counters;
}

static uint64_t snapshot_size(struct sm *sm)
{
	return kv_snapshot_size(parts_of(kv_of(sm)));
}

static struct sm_snapshot *kv_snapshot_take(struct sm *sm)
{
	struct kv *kv = kv_of(sm);
	struct sm_snapshot *s = kv->marked;

	assert(!kv->marking);
	kv->marked = NULL;
	return s;
}

static struct sm_snapshot *kv_backup(struct sm *sm)
{
	struct kv *kv = kv_of(sm);
	const struct kv_parts parts = parts_of(kv);

	assert(!kv->stepping); /* KV3 */
	assert(!kv->marking);
	return kv_snapshot_begin_bare(&parts, kv->applied_index);
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

static bool kv_damage(struct sm *sm, uint8_t bits)
{
	assert(!kv_of(sm)->stepping);
	return kv_store_damage(&kv_of(sm)->store, bits);
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

static uint64_t compact_revision(struct sm *sm)
{
	return kv_of(sm)->store.compact_revision;
}

static const struct sm_ops kv_ops = {
	.apply = kv_apply,
	.query = kv_query,
	.answer = kv_answer,
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
	.compact_revision = compact_revision,
	.compaction = kv_compaction_encode,
	.size = kv_size,
	.keys = kv_keys,
	.counters = kv_counters,
	.snapshot_size = snapshot_size,
	.marker = kv_snapshot_marker,
	.snapshot_take = kv_snapshot_take,
	.snapshot_read = kv_snapshot_read,
	.snapshot_close = kv_snapshot_close,
	.backup = kv_backup,
	.restore_look = kv_restore_look,
	.restore_begin = restore_begin,
	.restore_add = restore_add,
	.restore_end = restore_end,
	.damage = kv_damage,
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
	assert(kv->stepping || !kv->store.writing);
}

uint64_t kv_pinned_size(struct sm *sm)
{
	return kv_of(sm)->store.held;
}
