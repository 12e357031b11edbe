/*
 * A version: what one put, or one delete, made of a key. It is one allocation that is never changed
 * after it was written, and it knows its whole revision, its key, and its place among all versions.
 */
#ifndef KV_VERSION_H
#define KV_VERSION_H

#include <assert.h>
#include <bsd/sys/tree.h>
#include <sys/queue.h>

#include "kv/command.h"
#include "kv/history.h"

struct kv_key {
	RB_ENTRY(kv_key) node;
	struct kv_history history;
	uint32_t live : 1;        /* it has a value: its newest version is no tombstone */
	uint32_t live_count : 31; /* keys that have one, in the tree below and including it */
	uint16_t size;
	uint8_t bytes[];
};

static_assert(KV_KEY_SIZE_MAX <= UINT16_MAX, "a key's size fits");

struct kv_version {
	TAILQ_ENTRY(kv_version) order; /* of all versions, by revision */
	struct kv_key *key;
	uint64_t main; /* the revision that wrote it */
	uint64_t create_revision;
	uint64_t number; /* 1 is the put that created the key; of a tombstone all three are 0 */
	uint64_t lease;
	uint32_t sub;
	uint32_t tombstone : 1; /* the key was deleted here */
	uint32_t value_size : 31;
	uint8_t value[];
};

static_assert(KV_VALUE_SIZE_MAX <= INT32_MAX, "a value's size fits");

/*
 * A key with one version: 46 + 64 bytes beside key and value, and what the allocator rounds up to.
 * With keys of 16 bytes and values of 64 that is 64 + 128 of jemalloc's: 112 beside them.
 */
static_assert(offsetof(struct kv_key, bytes) == 46, "as stated");
static_assert(sizeof(struct kv_version) == 64, "as stated");

TAILQ_HEAD(kv_versions, kv_version);

static inline struct kv_revision kv_version_revision(const struct kv_version *version)
{
	return (struct kv_revision){.main = version->main, .sub = version->sub};
}

/* Of it alone: its key too, however many versions that has. */
static inline uint64_t kv_version_bytes(const struct kv_version *version)
{
	return (uint64_t)version->key->size + version->value_size;
}

static inline struct kv_bytes kv_version_value(const struct kv_version *version)
{
	return (struct kv_bytes){.data = version->value, .size = version->value_size};
}

static inline struct kv_bytes kv_key_bytes(const struct kv_key *key)
{
	return (struct kv_bytes){.data = key->bytes, .size = key->size};
}

static inline struct kv_item kv_version_item(const struct kv_version *version)
{
	return (struct kv_item){
		.create_revision = version->create_revision,
		.mod_revision = version->main,
		.version = version->number,
		.lease = version->lease,
		.key = kv_key_bytes(version->key),
		.value = kv_version_value(version),
	};
}

/* The key's value as it was at a revision; NULL: it had none. */
static inline const struct kv_version *kv_key_find(const struct kv_key *key, struct kv_revision at)
{
	const struct kv_version *version = kv_history_find(&key->history, at);

	return version && !version->tombstone ? version : NULL;
}

/* The newest, of an open transaction too. */
static inline const struct kv_version *kv_key_newest(const struct kv_key *key)
{
	return key->live ? kv_history_newest(&key->history) : NULL;
}

#endif
