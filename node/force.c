#include "node/force.h"

#include "base/mix.h"
#include "node/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 96 };

/* What was typed, and whose cluster the directory is. */
struct forcing {
	const char *token;
	const char *typed;
};

static void name_make(char out[NAME_SIZE], const char *token, uint64_t cluster_id)
{
	snprintf(out, NAME_SIZE, "%s:%016" PRIx64, token, cluster_id);
}

static uint64_t cluster_of(const struct node *n)
{
	return node_joined(n) ? n->joined.cluster_id : n->formation.cluster_id;
}

/* Its zeros are typed as the log shows them, or left out as etcdctl does. */
static bool typed_is(const struct forcing *f, uint64_t cluster_id)
{
	const size_t size = strlen(f->token);
	char id[24];

	if (strncmp(f->typed, f->token, size) != 0 || f->typed[size] != ':')
		return false;
	const char *digits = f->typed + size + 1;
	digits += strspn(digits, "0");
	snprintf(id, sizeof(id), "%" PRIx64, cluster_id);
	return strcmp(digits, id) == 0;
}

/* -EALREADY: it was forced by the same words before, and is what they asked for. */
static int name_judge(struct node *n, const struct wal_recovered *found, const struct forcing *f)
{
	char name[NAME_SIZE];

	if (typed_is(f, cluster_of(n)))
		return 0;
	if (n->joined.formerly && typed_is(f, n->joined.formerly) && !found->lost)
		return -EALREADY;
	name_make(name, f->token, cluster_of(n));
	snprintf(n->error, sizeof(n->error),
		 "--force-new-cluster: that is not the name of this directory's cluster, and "
		 "nothing was changed. It gives up all other members and what they alone hold: "
		 "data may be lost. This log ends at index %" PRIu64
		 "%s%s. If the others are gone for good: --force-new-cluster=%s",
		 found->last_index, found->lost ? ", and has lost acknowledged writes" : "",
		 n->joined.removed ? ", and has nothing of what came after this member was removed"
				   : "",
		 name);
	return -EINVAL;
}

/* Before anything is changed. */
static int judge(struct node *n, const struct wal_recovered *found, void *context)
{
	if (!node_joined(n) && n->formation.state != FORMATION_FORMED) {
		snprintf(n->error, sizeof(n->error),
			 "--force-new-cluster: this directory is of no cluster yet, and has "
			 "nothing to save: begin a new cluster with it instead");
		return -EPERM;
	}
	return name_judge(n, found, context);
}

/* What is to be kept is in the log, and all of it is; and it can be led by who has it. */
static int log_judge(struct node *n)
{
	if (n->recovered.diverged) {
		snprintf(n->error, sizeof(n->error),
			 "--force-new-cluster: the state of this directory is not the one that the "
			 "majority had (index %" PRIu64
			 "), so that it leads nobody, and would not lead itself: force another "
			 "member, or begin a new cluster with a backup (quoinctl snapshot restore)",
			 n->recovered.diverged);
		return -EPERM;
	}
	if (n->recovered.installs) {
		snprintf(n->error, sizeof(n->error),
			 "--force-new-cluster: a snapshot here reaches further than the log, for "
			 "its "
			 "install was cut short; the next start finishes that: start it without "
			 "this "
			 "option, stop it, and say this again");
		return -EPERM;
	}
	if (n->recovered.last_index == 0) {
		snprintf(n->error, sizeof(n->error),
			 "--force-new-cluster: the log of this directory is empty, so there is "
			 "nothing to save: begin a new cluster in a new directory instead");
		return -EPERM;
	}
	return 0;
}

/* By the table in force this member alone decides, and nothing keeps it from that. */
static bool needs_nobody(const struct node *n, const struct raft_options *tables, raft_id id)
{
	const struct raft_member *self = raft_members_find(&tables->members, id);

	return self && self->voter && raft_members_voters(&tables->members) == 1 &&
	       !raft_members_joint(&tables->members) && !n->recovered.lost &&
	       tables->members_begun <= n->recovered.last_index;
}

/*
 * What was surely committed: what the window cannot hold, what the log was cut behind, and all
 * tables but the newest.
 */
static raft_index certain(const struct node *n, const struct raft_options *tables)
{
	raft_index last = n->recovered.last_index;
	raft_index index = last > RAFT_WINDOW ? last - RAFT_WINDOW : 0;

	if (n->recovered.first_index > index + 1)
		index = n->recovered.first_index - 1;
	if (tables->members_before_index > index && tables->members_before_index <= last)
		index = tables->members_before_index;
	return index;
}

static const char *name_at(const struct node_options *o, uint64_t place)
{
	for (uint32_t i = 0; i < o->dp.peer_count; i++) {
		const struct dp_peer *p = &o->dp.peer[i];

		if (((uint64_t)p->address << 16 | p->udp_port) == place && o->peer_name[i])
			return o->peer_name[i];
	}
	return "none";
}

static void left_behind_tell(const struct node *n, const struct raft_members *members, FILE *out)
{
	char place[NODE_PLACE_TEXT_SIZE];

	for (uint32_t i = 0; i < members->count; i++) {
		const struct raft_member *m = &members->member[i];
		uint64_t there = node_member_place(n, m);

		if (m->id != n->joined.id)
			fprintf(out, "  given up    %s, %s, member %016" PRIx64 ", a %s\n",
				name_at(&n->options, there), node_place_text(there, place), m->id,
				m->voter || m->voter_before ? "voter" : "learner");
	}
}

static void tell(const struct node *n, const struct raft_options *tables, FILE *out)
{
	const struct raft_joined *now = &n->joined;
	const struct wal_recovered *r = &n->recovered;
	char place[NODE_PLACE_TEXT_SIZE];

	fprintf(out,
		"%s is a cluster of its own now, from its next start on.\n\n"
		"  cluster     %016" PRIx64 "; it was of %016" PRIx64 "\n"
		"  member      %s, %s, member %016" PRIx64 ", the only one\n"
		"  its log     ends at index %" PRIu64 " of term %" PRIu64 ", and all of it stays\n"
		"  certain     all up to index %" PRIu64
		" was committed before (0: nobody can tell); what "
		"comes after is kept, acknowledged or not\n"
		"  may be lost what others acknowledged after index %" PRIu64
		", and nobody can tell what\n",
		n->name, now->cluster_id, now->formerly, n->name,
		node_place_text(now->members.member[0].place, place), now->id, r->last_index,
		r->last_term, certain(n, tables), r->last_index);
	if (r->lost)
		fprintf(out, "  lost        acknowledged writes, which is accepted: %s\n",
			r->lost_why);
	left_behind_tell(n, &tables->members, out);
	fprintf(out,
		"\nNever start those that were given up on their old directories: enough of them "
		"would be the old cluster again. Empty each, then:\n"
		"  1. start this member, without --force-new-cluster\n"
		"  2. for each of the others: quoinctl member add ADDRESS:PORT, "
		"initial-cluster-state: existing, start\n");
}

/* Another one at each forcing, of whichever copy of the directory. Not 0. */
static uint64_t cluster_draw(const struct node *n)
{
	uint64_t drawn = n->options.seed;

	do
		drawn = mix(drawn ^ mix(cluster_of(n) ^ mix(n->recovered.identity)));
	while (drawn == 0 || drawn == cluster_of(n));
	return drawn;
}

static int disk_failed(struct node *n, int err)
{
	snprintf(n->error, sizeof(n->error), "%s", wal_error(n->wal));
	return err;
}

/* The one step that decides; then the loss, if there was one, is over. */
static int decide(struct node *n, raft_id id)
{
	const struct node_options *o = &n->options;
	uint8_t record[RAFT_JOINED_SIZE_MAX];
	const struct raft_joined next = {
		.cluster_id = cluster_draw(n),
		.id = id,
		.index = n->recovered.last_index,
		.formerly = cluster_of(n),
		.members = {.count = 1,
			    .member = {{.id = id,
					.identity = n->recovered.identity,
					.voter = true,
					.place = o->initial.member[o->self].place}}},
	};
	int err = wal_record_write(n->wal, record, raft_joined_encode(&next, record));

	if (err)
		return disk_failed(n, err);
	n->joined = next;
	wal_whole(n->wal);
	err = wal_mark_last(n->wal, NULL, 0);
	return err ? disk_failed(n, err) : 0;
}

static int force(struct node *n, FILE *out)
{
	const raft_id id = node_own_id(n);
	struct raft_options tables = {
		.members_index = n->recovered.members_index,
		.members_before_index = n->recovered.members_before_index,
	};
	int err = log_judge(n);

	if (!err)
		err = node_restore_members(n);
	if (!err)
		err = node_place_judge(n);
	if (err)
		return err;
	err = node_tables_read(n, &tables);
	if (err) {
		snprintf(n->error, sizeof(n->error),
			 "the member table in the log is unreadable: %s", strerror(-err));
		return err;
	}
	if (needs_nobody(n, &tables, id)) {
		snprintf(n->error, sizeof(n->error),
			 "--force-new-cluster: this member is the only voter of its cluster and "
			 "needs nobody else: start it without this option");
		return -EPERM;
	}
	err = decide(n, id);
	if (err)
		return err;
	tell(n, &tables, out);
	journal_write(n->journal, JOURNAL_WARN, "forced",
		      "cluster_id=%016" PRIx64 " formerly=%016" PRIx64 " member_id=%016" PRIx64
		      " last_index=%" PRIu64 " last_term=%" PRIu64 " certain=%" PRIu64
		      " given_up=%u why=\"--force-new-cluster: what others acknowledged after "
		      "that index may be lost\"",
		      n->joined.cluster_id, n->joined.formerly, id, n->recovered.last_index,
		      n->recovered.last_term, certain(n, &tables), tables.members.count - 1);
	return 0;
}

int node_force(const struct node_options *options, const char *token, const char *name, FILE *out,
	       char error[NODE_ERROR_MAX])
{
	struct forcing forcing = {.token = token, .typed = name};
	struct node *n = calloc(1, sizeof(*n));
	int err;

	snprintf(error, NODE_ERROR_MAX, "out of memory");
	if (!n)
		return -ENOMEM;
	if (options->wal.durability == WAL_VOLATILE) {
		free(n);
		snprintf(error, NODE_ERROR_MAX,
			 "--force-new-cluster: wal.durability: volatile keeps no log: there is "
			 "nothing to save");
		return -EPERM;
	}
	n->options = *options;
	n->options.wal.create = false;
	n->options.removed_waits = true; /* judge has the word on it */
	n->journal = options->journal;
	snprintf(n->name, sizeof(n->name), "%s", options->name);
	err = node_log_open(n, judge, &forcing);
	if (err == -EALREADY) {
		fprintf(out,
			"%s was forced out of that cluster before, and is cluster %016" PRIx64
			" since; nothing was changed: start it without --force-new-cluster\n",
			n->name, n->joined.cluster_id);
		err = 0;
	} else if (!err) {
		err = force(n, out);
	}
	memcpy(error, n->error, NODE_ERROR_MAX);
	if (n->wal && wal_close(n->wal) && !err)
		err = -ETIMEDOUT;
	free(n);
	return err;
}
