#include "kv/names.h"

#include <assert.h>
#include <string.h>

#include "kv/hash.h"

static bool is_member(const struct kv_names *n, uint64_t id)
{
	for (uint32_t i = 0; i < n->member_count; i++) {
		if (n->member[i] == id)
			return true;
	}
	return !n->known;
}

static uint64_t digest_of(const struct kv_names *n)
{
	uint64_t digest = n->known;

	for (uint32_t i = 0; i < n->member_count; i++)
		digest = kv_hash_mix(digest, n->member[i]);
	for (uint32_t i = 0; i < n->named_count; i++) {
		uint8_t bytes[KV_PUBLICATION_SIZE_MAX];
		const struct kv_named *m = &n->named[i];
		size_t size = kv_publication_encode(m->id, &m->attributes, bytes);

		digest = kv_hash_bytes(digest, bytes, size);
	}
	return digest;
}

/* Where it is, or where it would stand. */
static uint32_t position(const struct kv_names *n, uint64_t id)
{
	uint32_t i = 0;

	while (i < n->named_count && n->named[i].id < id)
		i++;
	return i;
}

bool kv_names_publish(struct kv_names *n, const struct kv_request *request)
{
	const uint64_t id = kv_publication_member(request);
	const uint32_t at = position(n, id);
	const bool is_new = at == n->named_count || n->named[at].id != id;
	int err;

	if (!is_member(n, id) || (is_new && n->named_count == SM_MEMBERS_MAX))
		return false;
	if (is_new) {
		memmove(&n->named[at + 1], &n->named[at],
			(n->named_count - at) * sizeof(n->named[0]));
		n->named_count++;
	}
	n->named[at] = (struct kv_named){.id = id};
	err = kv_publication_decode(&n->named[at].attributes, request->key, request->value);
	assert(err == 0);
	n->digest = digest_of(n);
	return true;
}

void kv_names_members(struct kv_names *n, const uint64_t *ids, uint32_t count)
{
	uint32_t kept = 0;

	assert(count <= SM_MEMBERS_MAX);
	n->known = true;
	n->member_count = count;
	memcpy(n->member, ids, count * sizeof(ids[0]));
	for (uint32_t i = 0; i < n->named_count; i++) {
		if (is_member(n, n->named[i].id))
			n->named[kept++] = n->named[i];
	}
	n->named_count = kept;
	n->digest = digest_of(n);
}

const struct sm_attributes *kv_names_find(const struct kv_names *n, uint64_t id)
{
	const uint32_t at = position(n, id);

	return at < n->named_count && n->named[at].id == id ? &n->named[at].attributes : NULL;
}

void kv_names_digest(struct kv_names *n)
{
	n->digest = n->known || n->named_count ? digest_of(n) : 0;
}

void kv_names_verify(const struct kv_names *n)
{
	assert(n->named_count <= SM_MEMBERS_MAX);
	for (uint32_t i = 0; i < n->named_count; i++) {
		assert(is_member(n, n->named[i].id)); /* KN2 */
		assert(i == 0 || n->named[i - 1].id < n->named[i].id);
	}
	assert(n->digest == (n->known || n->named_count ? digest_of(n) : 0)); /* KN1 */
}
