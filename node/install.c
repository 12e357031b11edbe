/*
 * A state from another member (S10, ADR 19). A snapshot that was offered is pulled, whole, beside
 * the log; then the log begins behind it and the core is told, with nothing in between; and then
 * the state is made of it, a step in each turn. Until the core is told, all is as it was (R65).
 * From then on nothing of the state is shown until it is whole; meanwhile this member votes and
 * acknowledges by its log, which has all that the snapshot covers, and stands only where nobody
 * else leads for long (ADR 19).
 *
 * An end in between is finished by the next start (restore.c).
 *
 * What is begun is finished before a newer one is taken, as long as somebody has it: else a leader
 * that takes snapshots more quickly than they can be pulled would be followed by nobody.
 */
#include "node/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	CLEARS_MAX = 4,           /* steps of a turn */
	RESTORE_SIZE = 16 * 1024, /* of the stream, in a turn */
};

#define TOLD_NS CLOCK_S
/* Space does not come by itself, nor does a disk mend: tried again, and not often. */
#define AGAIN_NS CLOCK_S
#define REFUSED_NS (10 * CLOCK_S)

/* Who offered it, or is asked. */
static const char *from_text(const struct node *n, raft_id id)
{
	return node_member_name(n, id);
}

uint64_t node_install_bytes(const struct node *n)
{
	struct wal_pulled p;

	if (n->install.step == NODE_INSTALL_RESTORE)
		return n->install.bytes;
	if (n->install.step != NODE_INSTALL_PULL)
		return n->install.step > NODE_INSTALL_PULL ? n->install.at.size : 0;
	wal_pull_get(n->wal, &p);
	return p.there;
}

static void say(struct node *n, const char *event)
{
	const struct node_install *in = &n->install;

	n->install.told_ns = n->now_ns;
	journal_write(n->journal, JOURNAL_INFO, event,
		      "index=%" PRIu64 " term=%" PRIu64 " bytes=%" PRIu64 " of=%" PRIu64
		      " from=%s ms=%" PRIu64,
		      in->at.index, in->at.term, node_install_bytes(n), in->at.size,
		      from_text(n, in->pull.from), (n->now_ns - in->began_ns) / CLOCK_MS);
}

static void say_now_and_then(struct node *n, const char *event)
{
	if (n->now_ns - n->install.told_ns >= TOLD_NS)
		say(n, event);
}

static void log_failed(struct node *n, int err)
{
	n->failed = err;
	snprintf(n->error, sizeof(n->error), "the log failed: %s; %s", strerror(-err),
		 wal_error(n->wal));
}

void node_install_offered(struct node *n, const struct raft_snapshot *offer, raft_id from)
{
	n->install.offer = *offer;
	n->install.offer_from = from;
}

static const char *reason(int err)
{
	return err == -EBADMSG  ? "it is not what was offered"
	       : err == -EXDEV  ? "it is another cluster's"
	       : err == -EPROTO ? "it is of another release"
				: strerror(-err);
}

/* It is tried again, if nothing newer is offered. */
static void put_off(struct node *n, int err, const char *why)
{
	struct node_install *in = &n->install;

	journal_write(n->journal, JOURNAL_ERROR, "install_failed",
		      "index=%" PRIu64 " term=%" PRIu64 " from=%s why=\"%s: tried again\"",
		      in->at.index, in->at.term, from_text(n, in->pull.from), why);
	in->failed = err;
	in->again_ns = n->now_ns + AGAIN_NS;
	if (!in->offer.index) {
		in->offer = in->at;
		in->offer_from = in->at_from;
	}
	in->step = NODE_INSTALL_NONE;
}

static bool useless(const struct node *n, const struct raft_snapshot *s)
{
	return raft_snapshot_wanted(n->raft, s->index, s->term) == RAFT_SNAPSHOT_USELESS;
}

/* --- pulled ------------------------------------------------------------------------------ */

/* What does not fit is not begun: the disk is full, and it goes on by itself when it is not. */
static bool has_room(struct node *n)
{
	struct node_install *in = &n->install;
	const uint64_t lacks = wal_pull_lacks(n->wal, &in->offer);

	if (node_space_holds(n, lacks)) {
		in->failed = in->failed == -ENOSPC ? 0 : in->failed;
		return true;
	}
	if (in->failed != -ENOSPC)
		journal_write(n->journal, JOURNAL_ERROR, "install_waits",
			      "index=%" PRIu64 " term=%" PRIu64 " bytes=%" PRIu64 " there=%" PRIu64
			      " why=\"there is no room for a snapshot of another member: it is "
			      "pulled when there is\"",
			      in->offer.index, in->offer.term, lacks, n->space.files);
	in->failed = -ENOSPC;
	in->at = in->offer;
	in->again_ns = n->now_ns + AGAIN_NS;
	return false;
}

static void begin(struct node *n)
{
	struct node_install *in = &n->install;
	int err;

	if (!in->offer.index || n->now_ns < in->again_ns)
		return;
	if (useless(n, &in->offer)) {
		in->offer.index = 0;
		in->failed = 0;
		return;
	}
	if (!has_room(n) || !node_snapshot_stop(n))
		return;
	err = wal_pull_begin(n->wal, &in->offer);
	if (err == -EAGAIN)
		return;
	in->at = in->offer;
	in->at_from = in->offer_from;
	in->offer.index = 0;
	in->began_ns = n->now_ns;
	node_pull_begin(n, in->at_from);
	if (err == -EEXIST) {
		in->step = NODE_INSTALL_OPEN;
		return;
	}
	if (err) {
		put_off(n, err, strerror(-err));
		return;
	}
	in->step = NODE_INSTALL_PULL;
	say(n, "install_begun");
}

static void pull(struct node *n)
{
	struct node_install *in = &n->install;
	int result = wal_pull_result(n->wal);

	if (result == 0) {
		in->step = NODE_INSTALL_OPEN;
		say(n, "install_pulled");
		return;
	}
	if (result != -EINPROGRESS) {
		put_off(n, result, reason(result));
		return;
	}
	if (useless(n, &in->at)) {
		in->step = NODE_INSTALL_END;
	} else {
		node_pull_drive(n);
		say_now_and_then(n, "installing");
	}
}

/* What is offered next is as good, be it the same again: a member that lied offers once (V28). */
static void gone(struct node *n)
{
	struct node_install *in = &n->install;

	n->work = true;
	in->step = NODE_INSTALL_END;
	if (in->offer.index)
		return;
	in->again_ns = n->now_ns + AGAIN_NS;
	raft_offer_gone(n->raft);
}

static void end(struct node *n)
{
	int result;

	wal_pull_abort(n->wal, !useless(n, &n->install.at));
	result = wal_pull_result(n->wal);
	if (result == -EINPROGRESS)
		return;
	/* It may have become whole all the same. */
	if (result)
		n->install.step = NODE_INSTALL_NONE;
	else
		n->install.step =
			useless(n, &n->install.at) ? NODE_INSTALL_REMOVE : NODE_INSTALL_OPEN;
	n->install.failed = 0;
	say(n, "install_ended");
}

static void remove_it(struct node *n)
{
	int err = wal_snapshot_remove(n->wal, n->install.at.index, n->install.at.term);

	if (err != -EAGAIN)
		n->install.step = NODE_INSTALL_NONE;
}

/* --- taken ------------------------------------------------------------------------------- */

/*
 * From here on it is what the log begins with. The log first, for the core is told what is durable;
 * a crash between the two is one after the first.
 */
static void take(struct node *n, const struct node_snapshot_record *record)
{
	struct node_install *in = &n->install;
	enum raft_snapshot_use use = raft_snapshot_wanted(n->raft, in->at.index, in->at.term);
	int err;

	if (use == RAFT_SNAPSHOT_USELESS) {
		wal_snapshot_close(n->wal);
		in->step = NODE_INSTALL_REMOVE;
		return;
	}
	err = use == RAFT_SNAPSHOT_ALONE ? wal_reset(n->wal, in->at.index, in->at.term) : 0;
	if (err) {
		log_failed(n, err);
		return;
	}
	raft_apply_hold(n->raft, true);
	raft_snapshot_installed(n->raft, in->at.index, in->at.term, &record->members,
				record->members_index);
	raft_snapshot_taken(n->raft, &in->at);
	in->held = true;
	in->step = NODE_INSTALL_CLEAR;
	n->applying_count = n->applying_next = 0;
	n->applied = in->at.index;
	serve_hold(n->serve, true);
	serve_progress(n->serve, n->applied, false);
	node_snapshot_installed(n, record, use == RAFT_SNAPSHOT_ALONE);
}

/* The same one is pulled again, or what is offered next. If the state is lost, it stays so. */
static void damaged(struct node *n, int err)
{
	journal_write(n->journal, JOURNAL_ERROR, "snapshot_damaged",
		      "directory=%s index=%" PRIu64 " term=%" PRIu64 " why=\"%s: %s\"",
		      n->options.wal.directory, n->install.at.index, n->install.at.term,
		      node_snapshot_damage(err), wal_error(n->wal));
	wal_snapshot_close(n->wal);
	wal_snapshot_damaged(n->wal, n->install.at.index, n->install.at.term, err);
	put_off(n, err, "it was pulled, and cannot be read back");
}

/*
 * What a cluster began with has no record (ADR 21): the table that this member was told of is newer
 * than any that there was.
 */
static int record_of(struct node *n, struct node_snapshot_record *out)
{
	const raft_index index = n->install.at.index;
	uint32_t size;
	const uint8_t *data = wal_snapshot_record(n->wal, &size);
	int err = 0;

	if (size == 0 && index == FORMATION_ORIGIN_INDEX)
		*out = (struct node_snapshot_record){.cluster_id = n->cluster_id,
						     .members_index = index,
						     .members = *raft_get_members(n->raft)};
	else
		err = node_snapshot_record(data, size, out);
	if (err == 0 && out->members_index > index)
		err = -EBADMSG;
	return err == 0 && out->cluster_id != n->cluster_id ? -EXDEV : err;
}

/* W25: a start would refuse it. Nor does it become another one before who gives it does. */
static void refuse(struct node *n, int err)
{
	wal_snapshot_close(n->wal);
	put_off(n, err, err == -EXDEV ? "it is another cluster's" : "it is of another release");
	n->install.again_ns = n->now_ns + REFUSED_NS;
	n->install.step = NODE_INSTALL_REMOVE;
}

static void open(struct node *n)
{
	struct node_install *in = &n->install;
	struct node_snapshot_record record;
	int got;

	if (!in->opened) {
		got = wal_snapshot_open(n->wal, in->at.index, in->at.term);
		if (got == -EAGAIN)
			return;
		if (got) {
			put_off(n, got, strerror(-got));
			return;
		}
		in->opened = true;
	}
	n->work = true;
	got = wal_snapshot_next(n->wal, &in->data, &in->left);
	if (got == -EAGAIN)
		return;
	in->opened = false;
	if (got < 0) {
		damaged(n, got);
		return;
	}
	got = record_of(n, &record);
	if (!got)
		got = n->sm->ops->restore_look(in->data, in->left);
	if (got == -EXDEV || got == -EPROTO)
		refuse(n, got);
	else if (got)
		damaged(n, got);
	else
		take(n, &record);
}

/* --- the state --------------------------------------------------------------------------- */

static void clear(struct node *n)
{
	int err = -EAGAIN;

	n->work = true;
	for (int i = 0; i < CLEARS_MAX && err == -EAGAIN; i++)
		err = n->sm->ops->restore_begin(n->sm);
	if (err == -EAGAIN)
		return;
	if (err) {
		damaged(n, err);
		return;
	}
	n->install.bytes = 0;
	n->install.step = NODE_INSTALL_RESTORE;
}

static void restored(struct node *n)
{
	struct node_install *in = &n->install;

	if (n->sm->ops->restore_end(n->sm) != in->at.index) {
		damaged(n, -EBADMSG);
		return;
	}
	wal_snapshot_close(n->wal);
	in->held = false;
	in->failed = 0;
	in->installed++;
	in->ns += n->now_ns - in->began_ns;
	raft_apply_hold(n->raft, false);
	serve_hold(n->serve, false);
	node_snapshot_restored(n);
	say(n, "installed");
	in->step = NODE_INSTALL_NONE;
}

static void restore(struct node *n)
{
	struct node_install *in = &n->install;
	size_t size = in->left < RESTORE_SIZE ? in->left : RESTORE_SIZE;
	int err;

	n->work = true;
	say_now_and_then(n, "restoring_snapshot");
	err = in->left == 0 ? 0 : n->sm->ops->restore_add(n->sm, in->data, (uint32_t)size);
	in->data += size;
	in->left -= size;
	in->bytes += size;
	if (!err && in->left == 0)
		err = wal_snapshot_next(n->wal, &in->data, &in->left);
	else if (!err)
		return;
	if (err == 0)
		restored(n);
	else if (err < 0 && err != -EAGAIN)
		damaged(n, err);
}

void node_install_drive(struct node *n)
{
	static void (*const steps[])(struct node *) = {
		[NODE_INSTALL_NONE] = begin,      [NODE_INSTALL_PULL] = pull,
		[NODE_INSTALL_GONE] = gone,       [NODE_INSTALL_END] = end,
		[NODE_INSTALL_OPEN] = open,       [NODE_INSTALL_CLEAR] = clear,
		[NODE_INSTALL_RESTORE] = restore, [NODE_INSTALL_REMOVE] = remove_it,
	};

	if (!n->failed)
		steps[n->install.step](n);
}

/* What waits for the log, or is a step of work, is busy by itself. */
uint64_t node_install_deadline(const struct node *n)
{
	const struct node_install *in = &n->install;

	if (in->step == NODE_INSTALL_PULL)
		return node_pull_deadline(n);
	if (in->step == NODE_INSTALL_NONE && in->offer.index && in->again_ns > n->now_ns)
		return in->again_ns;
	return UINT64_MAX;
}

void node_install_end(struct node *n)
{
	n->install.step = NODE_INSTALL_NONE;
	n->install.offer.index = 0;
}

size_t node_install_text(const struct node *n, char *out, size_t size)
{
	const struct node_install *in = &n->install;

	out[0] = '\0';
	if (in->step == NODE_INSTALL_NONE && !in->failed && !in->held)
		return 0;
	if (in->failed)
		return (size_t)snprintf(out, size,
					"a snapshot of another member, at index %" PRIu64
					", could not be installed: %s: it is tried again",
					in->at.index, reason(in->failed));
	if (in->step == NODE_INSTALL_NONE)
		return (size_t)snprintf(
			out, size,
			"no snapshot here is whole: this member serves nothing until "
			"it has the one of another member");
	return (size_t)snprintf(
		out, size,
		"installing snapshot index=%" PRIu64 " bytes=%" PRIu64 " of=%" PRIu64 " from=%s%s",
		in->at.index, node_install_bytes(n), in->at.size, from_text(n, in->pull.from),
		in->held ? ": this member serves nothing until it is restored" : "");
}
