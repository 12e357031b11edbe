/* See kv/sort.h. */
#include "kv/sort.h"

#include <errno.h>
#include <stdlib.h>

#include "kv/tree.h"

/* In byte order, as a number. */
static uint64_t first_bytes(struct kv_bytes value)
{
	uint64_t number = 0;

	for (uint32_t i = 0; i < sizeof(number); i++)
		number = number << 8 | (i < value.size ? value.data[i] : 0);
	return number;
}

static uint64_t number_of(const struct kv_sort *sort, const struct kv_version *version)
{
	switch (sort->target) {
	case KV_TARGET_KEY:
		return 0;
	case KV_TARGET_VERSION:
		return version->number;
	case KV_TARGET_CREATE:
		return version->create_revision;
	case KV_TARGET_MOD:
		return version->main;
	case KV_TARGET_VALUE:
		return first_bytes(kv_version_value(version));
	}
	assert(false);
	return 0;
}

/* What is equal is in order of keys, whichever the order. */
static bool is_before(const struct kv_sort *sort, const struct kv_sort_item *a,
		      const struct kv_sort_item *b)
{
	const struct kv_version *va = a->version, *vb = b->version;
	int order = (a->number > b->number) - (a->number < b->number);

	if (order == 0 && sort->target == KV_TARGET_VALUE)
		order = kv_bytes_compare(va->value, va->value_size, vb->value, vb->value_size);
	if (order != 0)
		return sort->descend ? order > 0 : order < 0;
	return kv_bytes_compare(va->key->bytes, va->key->size, vb->key->bytes, vb->key->size) < 0;
}

int kv_sort_init(struct kv_sort *sort, uint64_t room, enum kv_target target, bool descend)
{
	*sort = (struct kv_sort){.target = target, .descend = descend, .room = room};
	sort->item = malloc(room * sizeof(sort->item[0]));
	return sort->item || room == 0 ? 0 : -ENOMEM;
}

void kv_sort_destroy(struct kv_sort *sort)
{
	free(sort->item);
	sort->item = NULL;
}

static void sift_up(struct kv_sort *sort, uint64_t at)
{
	const struct kv_sort_item item = sort->item[at];

	while (at > 0) {
		uint64_t above = (at - 1) / 2;

		if (!is_before(sort, &sort->item[above], &item))
			break;
		sort->item[at] = sort->item[above];
		at = above;
	}
	sort->item[at] = item;
}

/* From the top. */
static void sift_down(struct kv_sort *sort, struct kv_sort_item item)
{
	uint64_t at = 0, below;

	while ((below = 2 * at + 1) < sort->heap) {
		if (below + 1 < sort->heap &&
		    is_before(sort, &sort->item[below], &sort->item[below + 1]))
			below++;
		if (!is_before(sort, &item, &sort->item[below]))
			break;
		sort->item[at] = sort->item[below];
		at = below;
	}
	sort->item[at] = item;
}

void kv_sort_add(struct kv_sort *sort, const struct kv_version *version)
{
	const struct kv_sort_item item = {number_of(sort, version), version};

	assert(sort->heap == sort->count);
	if (sort->count < sort->room) {
		sort->item[sort->count++] = item;
		sort->heap = sort->count;
		sift_up(sort, sort->count - 1);
	} else if (sort->room > 0 && is_before(sort, &item, &sort->item[0])) {
		sift_down(sort, item);
	}
}

bool kv_sort_step(struct kv_sort *sort)
{
	struct kv_sort_item last;

	if (sort->heap < 2)
		return false;
	last = sort->item[--sort->heap];
	sort->item[sort->heap] = sort->item[0];
	sift_down(sort, last);
	return true;
}
