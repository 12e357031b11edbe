/* See kv/session.h for why forgetting a session never applies a command twice. */
#include "kv/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/mix.h"
#include "kv/hash.h"

static uint32_t class_of(const struct kv_request *request)
{
	return (request->flags & KV_ONE_SHOT) != 0 ? 1 : 0;
}

/* Ids come from clients, who do not know the salt: neither a run of ids nor chosen ones meet. */
static size_t bucket_of(const struct kv_session_table *table, uint64_t id)
{
	return mix(id ^ table->salt) & (KV_SESSION_BUCKETS - 1);
}

static uint64_t session_digest(const struct kv_session *session)
{
	uint64_t digest = kv_hash_bytes(0, session->answer, session->answer_size);

	digest = kv_hash_mix(digest, session->answer_size);
	digest = kv_hash_mix(digest, session->class_number);
	digest = kv_hash_mix(digest, session->id);
	digest = kv_hash_mix(digest, session->sequence);
	return kv_hash_mix(digest, session->last_index);
}

struct kv_session_table *kv_session_table_create(uint64_t salt)
{
	struct kv_session_table *table = calloc(1, sizeof(*table));

	assert(salt);
	if (!table)
		return NULL;
	table->salt = salt;
	for (size_t i = 0; i < KV_SESSION_BUCKETS; i++)
		LIST_INIT(&table->buckets[i]);
	for (size_t i = 0; i < KV_SESSION_CLASSES; i++)
		TAILQ_INIT(&table->classes[i].order);
	return table;
}

void kv_session_table_destroy(struct kv_session_table *table)
{
	free(table);
}

static struct kv_session *session_find(const struct kv_session_table *table, uint64_t id)
{
	struct kv_session *session;

	LIST_FOREACH(session, &table->buckets[bucket_of(table, id)], chain)
	{
		if (session->id == id)
			return session;
	}
	return NULL;
}

enum kv_session_verdict kv_session_judge(const struct kv_session_table *table,
					 const struct kv_request *request, uint64_t index,
					 const struct kv_session **known)
{
	const struct kv_session *session = session_find(table, request->session);
	uint32_t class_number = class_of(request);

	assert(request->session != 0);
	assert(request->sequence != 0);
	*known = NULL;
	if (!session) {
		return request->session_base < table->classes[class_number].evicted_index ||
				       request->session_base >= index
			       ? KV_SESSION_UNKNOWN
			       : KV_SESSION_NEW;
	}
	if (session->class_number != class_number)
		return KV_SESSION_MISNAMED;
	if (request->sequence > session->sequence)
		return KV_SESSION_NEW;
	if (request->sequence < session->sequence)
		return KV_SESSION_STALE;
	*known = session;
	return KV_SESSION_DUPLICATE;
}

/* A free session of the class: unused so far, or that of the oldest, which is forgotten. */
static struct kv_session *session_take(struct kv_session_table *table,
				       struct kv_session_class *class)
{
	if (class->count < KV_SESSIONS_MAX)
		return &class->sessions[class->count++];

	struct kv_session *oldest = TAILQ_FIRST(&class->order);

	assert(oldest);
	assert(oldest->last_index > class->evicted_index);
	class->evicted_index = oldest->last_index;
	table->digest -= oldest->digest;
	TAILQ_REMOVE(&class->order, oldest, order);
	LIST_REMOVE(oldest, chain);
	return oldest;
}

void kv_session_remember(struct kv_session_table *table, const struct kv_request *request,
			 uint64_t index, const uint8_t *answer, size_t answer_size)
{
	uint32_t class_number = class_of(request);
	struct kv_session_class *class = &table->classes[class_number];
	struct kv_session *session = session_find(table, request->session);

	assert(answer_size <= KV_SESSION_ANSWER_SIZE_MAX);
	if (!session) {
		session = session_take(table, class);
		session->id = request->session;
		session->class_number = (uint8_t)class_number;
		LIST_INSERT_HEAD(&table->buckets[bucket_of(table, session->id)], session, chain);
	} else {
		assert(session->class_number == class_number);
		assert(session->sequence < request->sequence);
		table->digest -= session->digest;
		TAILQ_REMOVE(&class->order, session, order);
	}

	const struct kv_session *newest = TAILQ_LAST(&class->order, kv_session_order);
	assert(!newest || newest->last_index < index);
	session->sequence = request->sequence;
	session->last_index = index;
	session->answer_size = (uint8_t)answer_size;
	memcpy(session->answer, answer, answer_size);
	session->digest = session_digest(session);
	table->digest += session->digest;
	TAILQ_INSERT_TAIL(&class->order, session, order);
}

uint64_t kv_session_table_hash(const struct kv_session_table *table)
{
	uint64_t hash = table->digest;

	for (size_t i = 0; i < KV_SESSION_CLASSES; i++) {
		hash = kv_hash_mix(hash, table->classes[i].count);
		hash = kv_hash_mix(hash, table->classes[i].evicted_index);
	}
	return hash;
}

void kv_session_table_verify(const struct kv_session_table *table)
{
	uint64_t digest = 0;

	for (uint32_t i = 0; i < KV_SESSION_CLASSES; i++) {
		const struct kv_session_class *class = &table->classes[i];
		const struct kv_session *session;
		uint64_t index_before = class->evicted_index;
		uint32_t count = 0;

		TAILQ_FOREACH(session, &class->order, order)
		{
			assert(session->last_index > index_before); /* KE1, KE2 */
			assert(session->class_number == i);
			assert(session_find(table, session->id) == session);
			index_before = session->last_index;
			digest += session_digest(session);
			count++;
		}
		assert(count == class->count);
	}
	assert(digest == table->digest); /* KE3 */
}
