/* See kv/cursor.h. */
#include "kv/cursor.h"

#include <errno.h>

void kv_cursors_init(struct kv_cursors *cursors, struct kv_pins *pins, const struct kv_store *store)
{
	*cursors = (struct kv_cursors){.pins = pins, .store = store};
}

void kv_cursors_destroy(struct kv_cursors *cursors)
{
	for (uint32_t i = 0; i < SM_CURSORS_MAX; i++) {
		if (cursors->place[i].ops)
			kv_cursor_close(&cursors->place[i]);
	}
}

struct kv_cursor *kv_cursor_open(struct kv_cursors *cursors, uint64_t revision,
				 const struct kv_cursor_ops *ops, void *reader)
{
	for (uint32_t i = 0; i < SM_CURSORS_MAX; i++) {
		struct kv_cursor *cursor = &cursors->place[i];

		if (cursor->ops)
			continue;
		*cursor = (struct kv_cursor){.ops = ops, .store = cursors->store, .reader = reader};
		kv_pin_take(cursors->pins, &cursor->pin, revision);
		return cursor;
	}
	return NULL;
}

int kv_cursor_read(struct kv_cursor *cursor, uint8_t *out, uint32_t out_size_max, bool *more)
{
	return cursor->pin.lost ? -ESTALE : cursor->ops->read(cursor, out, out_size_max, more);
}

void kv_cursor_close(struct kv_cursor *cursor)
{
	kv_pin_give(&cursor->pin);
	cursor->ops->close(cursor->reader);
	cursor->ops = NULL;
}
