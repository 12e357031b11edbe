#include "kv/pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int kept_compare(const struct kv_kept *a, const struct kv_kept *b)
{
	int order = kv_bytes_compare(a->bytes, a->size, b->bytes, b->size);

	if (order)
		return order;
	return (a->version->mod_main > b->version->mod_main) -
	       (a->version->mod_main < b->version->mod_main);
}

/* RB_GENERATE_STATIC needs BSD's __unused, which this libbsd leaves undefined. */
RB_GENERATE_INTERNAL(kv_kept_tree, kv_kept, node, kept_compare, static __attribute__((unused)))

static uint64_t cost_of(uint32_t key_size, const struct kv_version *version)
{
	return sizeof(struct kv_kept) + sizeof(struct kv_version) + key_size + version->value_size;
}

int kv_pins_init(struct kv_pins *pins, uint64_t size_max)
{
	*pins = (struct kv_pins){.size_max = size_max};
	RB_INIT(&pins->kept);
	for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
		struct kv_pin *pin = &pins->pin[i];

		pin->bit = 1u << i;
		pin->clean = true;
		/* Pages that no key reaches are never touched. */
		pin->next = malloc(KV_KEY_SIZE_MAX + 1);
		pin->end = malloc(KV_KEY_SIZE_MAX);
		if (!pin->next || !pin->end) {
			kv_pins_destroy(pins);
			return -ENOMEM;
		}
	}
	return 0;
}

static void drop(struct kv_pins *pins, struct kv_kept *kept)
{
	uint64_t cost = cost_of(kept->size, kept->version);

	assert(pins->size >= cost);
	pins->size -= cost;
	RB_REMOVE(kv_kept_tree, &pins->kept, kept);
	free(kept->version);
	free(kept);
}

void kv_pins_destroy(struct kv_pins *pins)
{
	struct kv_kept *kept;

	while ((kept = RB_ROOT(&pins->kept)))
		drop(pins, kept);
	for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
		free(pins->pin[i].next);
		free(pins->pin[i].end);
	}
}

struct kv_pin *kv_pins_free(struct kv_pins *pins)
{
	for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
		if (!pins->pin[i].held && pins->pin[i].clean)
			return &pins->pin[i];
	}
	return NULL;
}

void kv_pin_begin(struct kv_pins *pins, struct kv_pin *pin, uint64_t revision,
		  const struct kv_store_range *range, bool keys_only, uint64_t left)
{
	assert(!pin->held && pin->clean && pin->kept == 0);
	assert(range->end.size > 0 && range->end.size <= KV_KEY_SIZE_MAX);
	assert(left > 0);
	pin->held = true;
	pin->over = pin->clean = false;
	pins->live++;
	pin->revision = revision;
	pin->keys_only = keys_only;
	pin->left = left;
	memcpy(pin->end, range->end.data, range->end.size);
	pin->end_size = range->end.size;
	kv_pin_move(pin, range->first);
}

void kv_pin_move(struct kv_pin *pin, struct kv_bytes next)
{
	assert(next.size <= KV_KEY_SIZE_MAX + 1);
	/* It may be where it was: then these are its own bytes. */
	memmove(pin->next, next.data, next.size);
	pin->next_size = next.size;
}

static void end(struct kv_pins *pins, struct kv_pin *pin)
{
	assert(!pin->over && !pin->clean);
	pin->over = true;
	pins->live--;
	pin->clean = pin->kept == 0;
	pins->dirty += !pin->clean;
}

void kv_pin_close(struct kv_pins *pins, struct kv_pin *pin)
{
	assert(pin->held);
	pin->held = false;
	if (!pin->over)
		end(pins, pin);
}

bool kv_pin_lost(const struct kv_pin *pin)
{
	return pin->over;
}

static bool is_before(const struct kv_pin *pin, const struct kv_key *key)
{
	if (kv_bytes_compare(key->bytes, key->size, pin->next, pin->next_size) < 0)
		return false;
	if (pin->end_size == 1 && pin->end[0] == 0)
		return true;
	return kv_bytes_compare(key->bytes, key->size, pin->end, pin->end_size) < 0;
}

bool kv_pins_keep(struct kv_pins *pins, const struct kv_key *key, struct kv_version *version)
{
	uint64_t cost = cost_of(key->size, version);
	bool fits = pins->size + cost <= pins->size_max;
	struct kv_kept *kept, *same;
	uint32_t need = 0;

	if (!pins->live)
		return false;
	for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
		struct kv_pin *pin = &pins->pin[i];

		if (!pin->held || pin->over || version->mod_main > pin->revision ||
		    !is_before(pin, key))
			continue;
		if (fits)
			need |= pin->bit;
		else
			end(pins, pin);
	}
	if (!need)
		return false;
	kept = malloc(sizeof(*kept) + key->size);
	assert(kept); /* see Memory in kv/store.h */
	kept->version = version;
	kept->pins = need;
	for (uint32_t i = 0; i < KV_PINS_MAX; i++)
		pins->pin[i].kept += (need & pins->pin[i].bit) != 0;
	kept->size = key->size;
	memcpy(kept->bytes, key->bytes, key->size);
	same = RB_INSERT(kv_kept_tree, &pins->kept, kept);
	assert(!same);
	pins->size += cost;
	return true;
}

struct kv_kept *kv_pins_seek(struct kv_pins *pins, struct kv_bytes from)
{
	struct kv_kept *kept = RB_ROOT(&pins->kept), *found = NULL;

	while (kept) {
		if (kv_bytes_compare(kept->bytes, kept->size, from.data, from.size) >= 0) {
			found = kept;
			kept = RB_LEFT(kept, node);
		} else {
			kept = RB_RIGHT(kept, node);
		}
	}
	return found;
}

struct kv_kept *kv_pins_next(struct kv_kept *kept)
{
	return kv_kept_tree_RB_NEXT(kept);
}

void kv_pins_pass(struct kv_pins *pins, struct kv_kept *kept, struct kv_pin *pin)
{
	pin->kept -= (kept->pins & pin->bit) != 0;
	kept->pins &= ~pin->bit;
	if (!kept->pins)
		drop(pins, kept);
}

/* A walk over what is kept from where the pin stands; what other pins need stays. */
static bool sweep_pin(struct kv_pins *pins, struct kv_pin *pin)
{
	const struct kv_bytes from = {pin->next, pin->next_size};
	struct kv_kept *kept = kv_pins_seek(pins, from);
	uint64_t size = pins->size;

	for (int i = 0; kept && i < KV_PINS_STEP_MAX && size - pins->size < KV_PINS_STEP_SIZE;
	     i++) {
		struct kv_kept *next = kv_pins_next(kept);

		kv_pins_pass(pins, kept, pin);
		kept = next;
	}
	if (kept)
		kv_pin_move(pin, (struct kv_bytes){kept->bytes, kept->size});
	pin->clean = !kept;
	pins->dirty -= pin->clean;
	return kept;
}

bool kv_pins_sweep(struct kv_pins *pins)
{
	bool swept = false;

	for (uint32_t i = 0; pins->dirty && i < KV_PINS_MAX; i++) {
		struct kv_pin *pin = &pins->pin[i];

		if (!pin->over || pin->clean)
			continue;
		if (swept || sweep_pin(pins, pin))
			return true;
		swept = true;
	}
	return false;
}

void kv_pins_verify(struct kv_pins *pins, uint64_t store_revision)
{
	const struct kv_kept *before = NULL;
	uint32_t live = 0, dirty = 0;
	uint64_t kept_for[KV_PINS_MAX] = {0};
	struct kv_kept *kept;
	uint64_t size = 0;

	RB_FOREACH (kept, kv_kept_tree, &pins->kept) {
		assert(!before || kept_compare(before, kept) < 0);
		assert(kept->pins);
		for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
			const struct kv_pin *pin = &pins->pin[i];
			bool same_key = before && !kv_bytes_compare(before->bytes, before->size,
								    kept->bytes, kept->size);

			if (!(kept->pins & pin->bit))
				continue;
			kept_for[i]++;
			assert(!pin->clean); /* PN1 */
			assert(pin->over || kept->version->mod_main <= pin->revision);
			assert(pin->revision <= store_revision);
			/* PN2; one that is over may have been begun anew only when clean */
			assert(!same_key || !(before->pins & pin->bit));
		}
		size += cost_of(kept->size, kept->version);
		before = kept;
	}
	for (uint32_t i = 0; i < KV_PINS_MAX; i++) {
		const struct kv_pin *pin = &pins->pin[i];

		assert(!pin->clean || !pin->held || pin->over);
		assert(pin->kept == kept_for[i]); /* PN4 */
		live += !pin->over && !pin->clean;
		dirty += pin->over && !pin->clean;
	}
	assert(live == pins->live);
	assert(dirty == pins->dirty);
	assert(size == pins->size); /* PN3 */
	assert(size <= pins->size_max);
}
