/*
 * Whose directory data-dir is: what says so never changes once a directory was used (W25).
 * Files are read, also beside a node that runs on them.
 */
#include "node/host_internal.h"

#include "base/exits.h"
#include "node/node.h"
#include "node/wanted.h"
#include "raft/joined.h"
#include "wal/inspect.h"

#include <errno.h>
#include <inttypes.h>

static void removed(const struct config *c, const struct raft_joined *joined,
		    struct host_finding *f)
{
	char text[NODE_ERROR_MAX];

	node_removed_text(text, joined);
	if (c->removed_waits) {
		host_doubtful(f, "data-dir: %s", text);
		return;
	}
	host_wrong(f, "data-dir: %s", text);
	f->status = QUOIND_REMOVED;
}

/* Of one that joined: initial-cluster was a way to find the others, and is none of its names. */
static void host_joined(const struct config *c, const struct wal_inspect_owner *owner,
			struct host_finding *f)
{
	struct raft_joined joined;

	if (raft_joined_decode(&joined, owner->record, owner->record_size) ||
	    (!joined.removed &&
	     raft_members_find(&joined.members, joined.id)->identity != owner->identity))
		host_wrong(f, "data-dir: %s/cluster: what it says of the cluster cannot be read",
			   c->data_dir);
	else if (joined.removed)
		removed(c, &joined, f);
	else if (joined.formerly)
		host_good(f,
			  "of a member that was forced out of cluster %016" PRIx64
			  ", and is of %016" PRIx64,
			  joined.formerly, joined.cluster_id);
	else
		host_good(f, "of a member that joined cluster %016" PRIx64, joined.cluster_id);
}

void host_owner(const struct config *c, struct host_finding *f)
{
	struct wal_inspect_owner owner;
	struct formation_options options = {
		.table = wanted_members(c), .self = c->self, .existing = c->existing};
	struct formation_table then;
	struct formation formation;
	int err;
	char text[NODE_ERROR_MAX], why[WAL_ERROR_MAX];

	if (wal_inspect_owner(c->data_dir, wanted_durability(c), &owner, why) != 0) {
		host_wrong(f, "data-dir: %s", why);
		return;
	}
	if (owner.identity == 0)
		return;
	/* What a start tells by its log is not known here: a restored one's is as it should be. */
	formation_places(owner.record, owner.record_size, &then);
	if (formation_record_check(owner.record, owner.record_size, owner.term,
				   then.origin ? FORMATION_ORIGIN_INDEX : 0) == -ESTALE) {
		node_formation_unformed(text, c->data_dir);
		host_wrong(f, "data-dir: %s", text);
		return;
	}
	if (owner.record_size == 0)
		return;
	if (raft_joined_is(owner.record, owner.record_size)) {
		host_joined(c, &owner, f);
		return;
	}
	options.identity = owner.identity;
	options.record = owner.record;
	options.record_size = owner.record_size;
	options.digest_then = wanted_digest_then(c, &then);
	err = formation_create(&formation, &options);
	if (err == -EXDEV) {
		node_formation_foreign(text, &formation, &options, c->data_dir, c->name);
		host_wrong(f, "data-dir: %s", text);
	} else if (err == -ENOTSUP) {
		node_formation_restored(text, c->data_dir);
		host_wrong(f, "data-dir: %s", text);
	} else if (err) {
		host_wrong(f, "data-dir: %s/cluster: what it says of the cluster cannot be read",
			   c->data_dir);
	} else if (formation.state == FORMATION_FORMED &&
		   formation.table.member[formation.self].place !=
			   options.table.member[options.self].place) {
		host_doubtful(f, "data-dir: of a member that was at another address when the "
				 "cluster was formed: it moved, or this is another member's "
				 "directory, which a start tells by its log");
	} else {
		host_good(f, "of a member of this cluster%s",
			  formation_list_differs(&formation, &options.table)
				  ? ", which was formed with another initial-cluster: that matters "
				    "at the first start only"
				  : " and this initial-cluster");
	}
}
