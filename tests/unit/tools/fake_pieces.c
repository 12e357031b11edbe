/* Answers of a fake node that have several pieces, and what may become of a backup. */
#include "tests/unit/tools/fake_node.h"

#include <assert.h>

/* Of a backup, so that a small store has several. */
enum { BACKUP_PIECE = 5000 };

static bool is_backup(const struct fake_store *s, const struct sm_cursor *rest)
{
	return s->backup && (const void *)rest == (const void *)s->backup;
}

static void backup_close(struct fake_store *s, struct sm_cursor **rest)
{
	s->sm->ops->snapshot_close(s->backup);
	s->backup = NULL;
	*rest = NULL;
}

/* With the lock. */
static uint32_t backup_next(struct fake_store *s, struct sm_cursor **rest, uint8_t *out)
{
	bool more;
	int size;

	do {
		size = s->sm->ops->snapshot_read(s->backup, out, BACKUP_PIECE, &more);
		assert(size >= 0);
	} while (size == 0 && more);
	if (!more)
		backup_close(s, rest);
	return (uint32_t)size;
}

uint32_t fake_piece_next(struct fake_store *s, struct sm_cursor **rest, uint8_t *out)
{
	bool more;
	int size;

	pthread_mutex_lock(&s->lock);
	if (is_backup(s, *rest)) {
		size = (int)backup_next(s, rest, out);
		pthread_mutex_unlock(&s->lock);
		return (uint32_t)size;
	}
	do {
		size = s->sm->ops->cursor_read(s->sm, *rest, out, WIRE_MESSAGE_SIZE_MAX, &more);
		assert(size >= 0);
	} while (size == 0 && more);
	if (!more) {
		s->sm->ops->cursor_close(s->sm, *rest);
		*rest = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return (uint32_t)size;
}

uint32_t fake_backup_begin(struct fake_store *s, uint8_t *out, struct sm_cursor **rest)
{
	/* Of one whose client went away nothing is heard any more. */
	if (s->backup)
		s->sm->ops->snapshot_close(s->backup);
	s->backup = s->sm->ops->backup(s->sm);
	assert(s->backup);
	*rest = (struct sm_cursor *)(void *)s->backup;
	return backup_next(s, rest, out);
}

enum wire_status fake_backup_status(struct fake_node *n, uint8_t kind, struct sm_cursor **rest)
{
	if (kind != WIRE_BACKUP || !*rest)
		return WIRE_OK;
	if (atomic_load(&n->faults.silent_after) > 0 &&
	    atomic_fetch_sub(&n->faults.silent_after, 1) == 1)
		atomic_store(&n->faults.silent, true);
	if (atomic_load(&n->faults.cut_after) == 0 ||
	    atomic_fetch_sub(&n->faults.cut_after, 1) != 1)
		return WIRE_OK;
	backup_close(n->store, rest);
	return WIRE_COMPACTED;
}
