#include "tests/soak/history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

int history_add(struct history *h, const struct history_operation *operation)
{
	if (h->count == h->capacity) {
		size_t capacity = h->capacity ? 2 * h->capacity : 1024;
		void *grown = realloc(h->operation, capacity * sizeof(*operation));

		if (!grown)
			return -ENOMEM;
		h->operation = grown;
		h->capacity = capacity;
	}
	h->operation[h->count++] = *operation;
	return 0;
}

void history_destroy(struct history *h)
{
	free(h->operation);
	*h = (struct history){0};
}

/* kind outcome client key begin end value mod_revision revision */
#define LINE \
	"%d %d %" PRIu32 " %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
#define LINE_SCAN \
	"%d %d %" SCNu32 " %" SCNu32 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64

int history_write(const struct history *h, FILE *file)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct history_operation *o = &h->operation[i];

		fprintf(file, LINE "\n", (int)o->kind, (int)o->outcome, o->client, o->key,
			o->begin_ns, o->end_ns, o->value, o->mod_revision, o->revision);
	}
	return ferror(file) ? -EIO : 0;
}

int history_read(struct history *h, FILE *file)
{
	struct history_operation o;
	int kind, outcome, fields;

	while ((fields = fscanf(file, LINE_SCAN, &kind, &outcome, &o.client, &o.key, &o.begin_ns,
				&o.end_ns, &o.value, &o.mod_revision, &o.revision)) == 9) {
		int err;

		if (kind < HISTORY_PUT || kind > HISTORY_GET || outcome < HISTORY_DONE ||
		    outcome > HISTORY_NOT_DONE)
			return -EINVAL;
		o.kind = (enum history_kind)kind;
		o.outcome = (enum history_outcome)outcome;
		err = history_add(h, &o);
		if (err)
			return err;
	}
	return fields == EOF ? 0 : -EINVAL;
}
