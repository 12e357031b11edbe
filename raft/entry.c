#include "raft/entry.h"

#include "raft/members.h"

#include <stddef.h>

struct kind {
	const char *name;
	uint16_t size_min, size_max;
	bool chain; /* may be a part of one; else each entry is whole */
	bool (*content_valid)(const struct raft_entry *entry); /* NULL: any bytes */
};

static bool members_valid(const struct raft_entry *entry)
{
	struct raft_members members;

	return raft_members_decode(&members, entry->data, entry->size) == 0;
}

static const struct kind kinds[RAFT_ENTRY_TYPE_END] = {
	[RAFT_ENTRY_COMMAND] = {.name = "command",
				.size_min = 1,
				.size_max = RAFT_ENTRY_DATA_MAX,
				.chain = true},
	[RAFT_ENTRY_NOOP] = {.name = "no-op"},
	[RAFT_ENTRY_MEMBERS] = {.name = "members",
				.size_min = 1,
				.size_max = RAFT_MEMBERS_SIZE_MAX,
				.content_valid = members_valid},
};

/* NULL: there is no such kind. */
static const struct kind *kind_of(uint8_t type)
{
	return type < RAFT_ENTRY_TYPE_END && kinds[type].name ? &kinds[type] : NULL;
}

const char *raft_entry_type_name(uint8_t type)
{
	const struct kind *kind = kind_of(type);

	return kind ? kind->name : "unknown";
}

bool raft_entry_form_valid(const struct raft_entry *entry)
{
	const uint8_t whole = RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST;
	const struct kind *kind = kind_of(entry->type);

	if (!kind || entry->size < kind->size_min || entry->size > kind->size_max)
		return false;
	return kind->chain ? (entry->flags & ~whole) == 0 : entry->flags == whole;
}

bool raft_entry_valid(const struct raft_entry *entry)
{
	if (!raft_entry_form_valid(entry) || (entry->size > 0 && !entry->data))
		return false;
	return !kinds[entry->type].content_valid || kinds[entry->type].content_valid(entry);
}
