/*
 * What is said of a directory that this member cannot start with, by what it says of its cluster.
 */
#include "node/internal.h"

#include <inttypes.h>
#include <stdio.h>

static void token_foreign(char out[NODE_ERROR_MAX], const struct formation_table *t,
			  uint64_t digest, bool formed, const char *directory)
{
	snprintf(out, NODE_ERROR_MAX,
		 "%s/cluster: this directory was used with another initial-cluster-token%s (digest "
		 "%016" PRIx64 ", configured %016" PRIx64
		 "): set %s back to what it was; or, if it is another cluster's directory, point "
		 "data-dir at this member's own",
		 directory, formed ? "" : " or initial-cluster", t->digest, digest,
		 formed ? "it" : "each");
}

void node_formation_foreign(char out[NODE_ERROR_MAX], const struct formation *f,
			    const struct formation_options *o, const char *directory,
			    const char *name)
{
	const struct formation_table *t = &f->table;
	bool formed = f->state == FORMATION_FORMED;
	uint64_t digest = formed ? o->digest_then : o->table.digest;
	char place[NODE_PLACE_TEXT_SIZE];
	uint32_t i = 0;

	while (i < t->count && t->member[i].identity != f->identity)
		i++;
	if (t->digest != digest)
		token_foreign(out, t, digest, formed, directory);
	else
		snprintf(
			out, NODE_ERROR_MAX,
			"%s/cluster: this is the directory of member %s, not of %s: point data-dir "
			"at this member's own directory",
			directory,
			i < t->count ? node_place_text(t->member[i].place, place) : "another one",
			name);
}

void node_formation_unformed(char out[NODE_ERROR_MAX], const char *directory)
{
	snprintf(out, NODE_ERROR_MAX,
		 "%s/cluster: missing, or older than the log beside it; nothing was changed: "
		 "restore the directory from a copy made while this node was down",
		 directory);
}

void node_formation_restored(char out[NODE_ERROR_MAX], const char *directory)
{
	snprintf(out, NODE_ERROR_MAX,
		 "%s/cluster: this directory was restored from a snapshot, to form a new cluster, "
		 "and joins none: set initial-cluster-state: new; or, if it is to join, begin with "
		 "an empty directory",
		 directory);
}
