/*
 * Names, and where clients are heard: each member says it of itself, by a command of the log
 * (kv/command.h), when what is applied is not what it would say. So all have the same of each, and
 * it outlives who said it.
 *
 * It is said to the leader once, and again only if that came to nothing: later each time.
 */
#include "node/internal.h"

#include "kv/command.h"

#include <inttypes.h>
#include <string.h>

/* How often it is looked at, and after how long it is said again. */
#define NAMES_LOOK_NS 100000000ull
#define NAMES_AGAIN_NS_MIN 1000000000ull
#define NAMES_AGAIN_NS_MAX 8000000000ull

static void own_attributes(const struct node *n, struct sm_attributes *out)
{
	const struct dp_options *o = &n->options.dp;

	*out = (struct sm_attributes){.client_count = o->udp_client != 0};
	static_assert(sizeof(n->name) <= sizeof(out->name), "it fits");
	memcpy(out->name, n->name, sizeof(n->name));
	if (o->udp_client)
		node_place_text((uint64_t)o->address << 16 | o->udp_client, out->client[0]);
}

static_assert((int)NODE_PLACE_TEXT_SIZE <= (int)SM_CLIENT_MAX + 1, "an address fits");

/* All that is known to be committed is applied: else it may have been said already. */
static bool may_say(const struct node *n)
{
	const raft_index commit = raft_commit(n->raft);

	return !n->stopping && n->now_ns >= n->say_ns && raft_leader(n->raft) != 0 && commit > 0 &&
	       n->applied == commit && raft_members_find(raft_get_members(n->raft), n->id) != NULL;
}

static void say(struct node *n, const struct sm_attributes *own)
{
	uint8_t command[KV_PUBLICATION_SIZE_MAX];
	size_t size = kv_publication_encode(n->id, own, command);

	if (size == 0 || serve_offer(n->serve, command, (uint32_t)size))
		return;
	n->say_wait_ns = n->say_wait_ns ? 2 * n->say_wait_ns : NAMES_AGAIN_NS_MIN;
	if (n->say_wait_ns > NAMES_AGAIN_NS_MAX)
		n->say_wait_ns = NAMES_AGAIN_NS_MAX;
	n->say_ns = n->now_ns + n->say_wait_ns;
}

void node_names_drive(struct node *n)
{
	struct sm_attributes own;
	const struct sm_attributes *known;

	if (n->now_ns < n->next_names_ns || n->install.held)
		return;
	n->next_names_ns = n->now_ns + NAMES_LOOK_NS;
	node_names_follow(n);
	own_attributes(n, &own);
	known = node_attributes(n, n->id);
	if (known && memcmp(known, &own, sizeof(own)) == 0) {
		if (n->say_wait_ns)
			journal_write(n->journal, JOURNAL_INFO, "name_published",
				      "member_id=%016" PRIx64 " clients=%s", n->id, own.client[0]);
		n->say_wait_ns = 0;
		return;
	}
	if (may_say(n))
		say(n, &own);
}

void node_names_members(struct node *n, const struct raft_entry *entry)
{
	struct raft_members table;
	uint64_t ids[RAFT_MEMBERS_MAX];

	static_assert((int)RAFT_MEMBERS_MAX == (int)SM_MEMBERS_MAX, "whoever is a member is named");
	if (raft_members_decode(&table, entry->data, entry->size))
		return; /* the core takes none that is none */
	for (uint32_t i = 0; i < table.count; i++)
		ids[i] = table.member[i].id;
	n->sm->ops->members(n->sm, ids, table.count);
}
