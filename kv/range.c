#include "kv/range.h"

#include <assert.h>
#include <errno.h>

#include "kv/codec.h"

/* One piece while it is made. */
struct piece {
	struct kv_store *store;
	struct kv_pin *pin; /* NULL: of the newest revision */
	struct kv_store_range range;
	bool keys_only;
	uint64_t left; /* items that are owed, this piece's too */
	uint8_t *out;
	uint32_t used, size_max, item_size_max;

	/* Where it stands: in the store, and among what is kept. */
	const struct kv_key *key;
	struct kv_kept *kept;
};

/* An item that is larger than a piece should be is a piece of its own. */
static uint32_t room(const struct piece *p)
{
	if (p->used == 0)
		return p->item_size_max;
	return p->used < p->size_max ? p->size_max - p->used : 0;
}

/* False: it does not fit. */
static bool put_item(struct piece *p, struct kv_bytes key, const struct kv_version *version)
{
	const struct kv_item item = {
		.create_revision = version->create_revision,
		.mod_revision = version->mod_main,
		.version = version->number,
		.lease = version->lease,
		.key = key,
		.value = {version->value, p->keys_only ? 0 : version->value_size},
	};
	size_t size = kv_item_size(&item);

	if (size > room(p))
		return false;
	kv_item_encode(&item, p->out + p->used);
	p->used += (uint32_t)size;
	p->left--;
	return true;
}

/* < 0: the store's key is next; > 0: the kept one; 0: they are the same. */
static int order_of(const struct piece *p)
{
	if (!p->key || !p->kept)
		return p->key ? -1 : 1;
	return kv_bytes_compare(p->key->bytes, p->key->size, p->kept->bytes, p->kept->size);
}

static struct kv_bytes key_bytes(const struct piece *p)
{
	if (order_of(p) <= 0)
		return (struct kv_bytes){p->key->bytes, p->key->size};
	return (struct kv_bytes){p->kept->bytes, p->kept->size};
}

/* Looks at one key. False: its item does not fit, and it is still the next. */
static bool step(struct piece *p)
{
	int order = order_of(p);
	struct kv_bytes bytes = key_bytes(p);
	const struct kv_version *version = NULL;
	struct kv_kept *mine = NULL, *after = p->kept;

	assert(p->key || p->kept); /* what is owed is there (PN1) */
	if (order <= 0 && (!p->pin || p->key->newest->mod_main <= p->pin->revision))
		version = p->key->newest;
	while (order >= 0 && after &&
	       kv_bytes_compare(after->bytes, after->size, bytes.data, bytes.size) == 0) {
		if (after->pins & p->pin->bit)
			mine = after;
		after = kv_pins_next(after);
	}
	if (mine) {
		assert(!version); /* PN2 */
		version = mine->version;
	}
	if (version && !put_item(p, bytes, version))
		return false;
	if (order <= 0)
		p->key = kv_store_next(&p->range, p->key);
	p->kept = after;
	if (mine)
		kv_pins_pass(p->store->pins, mine, p->pin);
	return true;
}

static void fill(struct piece *p)
{
	uint64_t kept_size = p->store->pins->size;

	p->key = kv_store_first(p->store, &p->range);
	p->kept = p->pin ? kv_pins_seek(p->store->pins, p->range.first) : NULL;
	/* The first piece of all looks at nothing that it does not give: its room bounds it. */
	for (int i = 0; p->left > 0 && (!p->pin || i < KV_PINS_STEP_MAX) &&
			kept_size - p->store->pins->size < KV_PINS_STEP_SIZE;
	     i++) {
		if (!step(p))
			return;
	}
}

/* A pin for what the first piece left. */
static int hold(struct piece *p, struct kv_pin **rest)
{
	struct kv_pin *pin;

	if (!rest)
		return -EMSGSIZE;
	pin = kv_pins_free(p->store->pins);
	if (!pin)
		return -EBUSY;
	p->range.first = key_bytes(p);
	kv_pin_begin(p->store->pins, pin, p->store->revision, &p->range, p->keys_only, p->left);
	*rest = pin;
	return 0;
}

int kv_range_query(struct kv_store *store, const struct kv_request *request, uint8_t *out,
		   uint32_t out_size_max, struct kv_pin **rest)
{
	struct kv_answer answer = {.revision = store->revision};
	struct piece p = {
		.store = store,
		.range = {.first = request->key, .end = request->range_end},
		.keys_only = request->flags & KV_KEYS_ONLY,
		.out = out + KV_ANSWER_HEADER_SIZE,
		.item_size_max = out_size_max - KV_ANSWER_HEADER_SIZE,
	};
	int err;

	if (rest)
		*rest = NULL;
	p.size_max = rest && p.item_size_max > KV_PIECE_SIZE ? KV_PIECE_SIZE : p.item_size_max;
	if (request->key.size == 0) {
		answer.status = KV_KEY_EMPTY;
	} else {
		answer.count = kv_store_count(store, &p.range);
		if (!(request->flags & KV_COUNT_ONLY)) {
			p.left = request->limit && request->limit < answer.count ? request->limit
										 : answer.count;
			answer.more = p.left < answer.count;
		}
	}
	assert(p.left <= UINT32_MAX);
	answer.item_count = (uint32_t)p.left;
	kv_answer_encode_header(&answer, out);
	fill(&p);
	err = p.left ? hold(&p, rest) : 0;
	return err ? err : (int)(KV_ANSWER_HEADER_SIZE + p.used);
}

int kv_range_read(struct kv_store *store, struct kv_pin *pin, uint8_t *out, uint32_t out_size_max,
		  bool *more)
{
	struct piece p = {
		.store = store,
		.pin = pin,
		.range = {.first = {pin->next, pin->next_size}, .end = {pin->end, pin->end_size}},
		.keys_only = pin->keys_only,
		.left = pin->left,
		.out = out,
		.size_max = KV_PIECE_SIZE,
		.item_size_max = out_size_max,
	};

	assert(pin->held && out_size_max >= KV_ANSWER_SIZE_MAX);
	if (kv_pin_lost(pin))
		return -ESTALE;
	fill(&p);
	pin->left = p.left;
	*more = p.left > 0;
	if (*more)
		kv_pin_move(pin, key_bytes(&p));
	return (int)p.used;
}
