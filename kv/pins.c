/* See kv/pins.h. */
#include "kv/pins.h"

void kv_pins_init(struct kv_pins *pins, uint64_t size_max)
{
	*pins = (struct kv_pins){.size_max = size_max};
	LIST_INIT(&pins->list);
}

void kv_pin_take(struct kv_pins *pins, struct kv_pin *pin, uint64_t revision)
{
	assert(!pin->held);
	*pin = (struct kv_pin){.revision = revision, .held = true};
	LIST_INSERT_HEAD(&pins->list, pin, entry);
}

void kv_pin_give(struct kv_pin *pin)
{
	assert(pin->held);
	pin->held = false;
	if (!pin->lost)
		LIST_REMOVE(pin, entry);
}

static uint64_t lowest(const struct kv_pins *pins, uint64_t revision)
{
	const struct kv_pin *pin;

	LIST_FOREACH(pin, &pins->list, entry)
	revision = pin->revision < revision ? pin->revision : revision;
	return revision;
}

static void lose(struct kv_pins *pins, uint64_t revision)
{
	struct kv_pin *pin = LIST_FIRST(&pins->list), *next;

	for (; pin; pin = next) {
		next = LIST_NEXT(pin, entry);
		if (pin->revision != revision)
			continue;
		pin->lost = true;
		LIST_REMOVE(pin, entry);
	}
}

void kv_pins_lose(struct kv_pins *pins)
{
	struct kv_pin *pin;

	while ((pin = LIST_FIRST(&pins->list))) {
		pin->lost = true;
		LIST_REMOVE(pin, entry);
	}
}

uint64_t kv_pins_reach(const struct kv_pins *pins, const struct kv_store *store)
{
	return lowest(pins, store->compact_revision);
}

bool kv_pins_sweep(struct kv_pins *pins, struct kv_store *store)
{
	uint64_t target = kv_pins_reach(pins, store);
	bool more;

	if (kv_store_scrub(store, target))
		return true;
	if (target == store->compact_revision)
		return false;
	more = kv_store_measure(store);
	if (store->held <= pins->size_max)
		return more;
	lose(pins, target);
	return true;
}

void kv_pins_verify(const struct kv_pins *pins, const struct kv_store *store)
{
	const struct kv_pin *pin;

	LIST_FOREACH(pin, &pins->list, entry)
	{
		assert(pin->held);
		assert(!pin->lost);
		assert(pin->revision <= store->revision);
		/* All that it shows is there. */
		assert(pin->revision >= kv_store_scrubbed(store));
	}
}
