/*
 * Commands enter the leader's log.
 */
#include "raft/internal.h"

/*
 * Room for the whole chain or for nothing (D5): in the window, beside the reserve, and not further
 * ahead of the state machine than the window is long, so that a slow apply slows its clients down.
 */
static bool chain_fits(const struct raft *r, uint32_t count)
{
	raft_index last = r->window.last + count;

	return last - r->commit <= RAFT_WINDOW_COMMANDS && last - r->applied <= RAFT_WINDOW_SLOTS &&
	       raft_log_room(r, count);
}

int raft_propose(struct raft *r, const uint8_t *data, size_t size, raft_index *index,
		 raft_term *term)
{
	assert(!r->in_ready);
	if (r->role != RAFT_LEADER)
		return -EREMOTE;
	if (size == 0 || size > RAFT_COMMAND_SIZE_MAX)
		return -EMSGSIZE;
	uint32_t count = (uint32_t)((size + RAFT_ENTRY_DATA_MAX - 1) / RAFT_ENTRY_DATA_MAX);
	if (r->term_start == 0 || r->transfer.to || !chain_fits(r, count))
		return -EAGAIN;
	for (uint32_t i = 0; i < count; i++) {
		size_t offset = (size_t)i * RAFT_ENTRY_DATA_MAX;
		size_t left = size - offset;
		const struct raft_entry entry = {
			.index = r->window.last + 1,
			.term = r->hard.term,
			.data = data + offset,
			.size = (uint16_t)(left < RAFT_ENTRY_DATA_MAX ? left : RAFT_ENTRY_DATA_MAX),
			.type = RAFT_ENTRY_COMMAND,
			.flags = (uint8_t)((i == 0 ? RAFT_ENTRY_FIRST : 0) |
					   (i == count - 1 ? RAFT_ENTRY_LAST : 0)),
		};
		raft_log_append(r, &entry);
	}
	*index = r->window.last;
	*term = r->hard.term;
	raft_changed(r);
	return 0;
}
