/*
 * Snapshots of the state machine (D17): when one is to be taken, how it comes to the disk, and what
 * it lets go of the log (D18).
 *
 * The leader says by a marker in the log where; each member that is not writing one still writes
 * the state after it, at its own pace. The log begins behind the older of the newest two, so that
 * one that turns out to be damaged is made up for by the other and the log.
 */
#include "node/internal.h"

#include "base/clock.h"
#include "wal/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	KEPT = 2,
	STEPS_MAX =
		4, /* of reading the state, in one turn: 256 KiB, or 4,096 versions passed over */
	/* How much less of a log is enough for a marker where space is short. */
	SHORT_SHARE = 4,
	/*
	 * Of all that there is for the log and snapshots: what is not cut yet, but for the segments
	 * that it begins and ends in, those that are ready, and those that are kept.
	 */
	ALL_SHARE = 4,
	ALL_SEGMENTS = 6,
	LOG_BYTES_MIN = 1024 * 1024,
	/* What its file has beside the state: stamps; and a header, a trailer, and zeros. */
	BLOCKS_SHARE = 64,
	FILE_ENDS_SIZE = 128 * 1024,
	LACKS_DOUBLINGS_MAX = 6,
};

/* That one could not be written shows in the journal, and not in each turn. */
#define FORMER_NS (10 * CLOCK_S)
/* Between two markers on a full disk. */
#define FULL_NS (10 * CLOCK_S)
/* ... and for who lacks one, twice as long each time: it is one member's word (V28). */
#define LACKS_NS (10 * CLOCK_S)
/* Between two tries to read what could not be read, where nothing else is whole. */
#define AGAIN_NS (10 * CLOCK_S)

/* Of all that is around the state's bytes: members of another one write another file. */
enum { FILE_VERSION = WAL_SNAPSHOT_VERSION << 16 | NODE_SNAPSHOT_RECORD_VERSION };

void node_snapshot_members(struct node *n, const struct raft_entry *entry)
{
	struct node_snapshot *s = &n->snapshot;

	if (raft_members_decode(&s->members, entry->data, entry->size) == 0)
		s->members_index = entry->index;
}

void node_snapshot_applied(struct node *n, const struct raft_entry *entry)
{
	n->snapshot.log_bytes += entry->size + RAFT_ENTRY_OVERHEAD;
}

/* --- the marker -------------------------------------------------------------------------- */

/* Of the log since the newest marker, as it lies on the disk: small writes take whole blocks. */
static uint64_t log_bytes(const struct node *n)
{
	const struct node_snapshot *s = &n->snapshot;
	uint64_t bytes = n->options.snapshot_often ? 0 : wal_bytes_behind(n->wal, s->marked);

	return bytes > s->log_bytes ? bytes : s->log_bytes;
}

/* A log that is longer does not fit three times. */
static uint64_t most_of_space(const struct node *n)
{
	const uint64_t segments = ALL_SEGMENTS * (uint64_t)n->options.wal.segment_size;
	uint64_t all = n->space.used + n->space.there;

	if (!n->space.known)
		return UINT64_MAX;
	all = all > segments ? (all - segments) / ALL_SHARE : 0;
	return all > LOG_BYTES_MIN ? all : LOG_BYTES_MIN;
}

/*
 * At most two bytes more are written for each byte of the log, but where space is short: the state
 * is what it was at the last marker, or less, and what the log has brought since. Three times it
 * are on the disk: behind the older one, the newer one, and that which is written.
 */
static uint64_t log_bytes_wanted(const struct node *n)
{
	uint64_t state = n->sm->ops->snapshot_size(n->sm);
	uint64_t wanted = n->options.snapshot_log_bytes;
	uint64_t most = most_of_space(n);

	if (state > n->snapshot.state_bytes)
		state = n->snapshot.state_bytes;
	if (state > wanted && !n->options.snapshot_often)
		wanted = state;
	if (wanted > most)
		wanted = most;
	if (node_space_low(n))
		wanted /= SHORT_SHARE;
	return wanted;
}

/* How large the file of the next one is at most. */
static uint64_t next_size(const struct node *n)
{
	uint64_t size = n->sm->ops->snapshot_size(n->sm);

	return size + size / BLOCKS_SHARE + FILE_ENDS_SIZE;
}

/* How many bytes the next one may take here, or the one that is pulled. */
static uint64_t reserve(const struct node *n)
{
	const struct node_snapshot *s = &n->snapshot;
	const struct node_install *in = &n->install;

	if (in->step == NODE_INSTALL_PULL)
		return wal_pull_lacks(n->wal, &in->at);
	if (in->step != NODE_INSTALL_NONE)
		return 0;
	if (in->offer.index)
		return wal_pull_lacks(n->wal, &in->offer);
	/* The log is cut behind the older of two. */
	return s->count > 0 || s->writing ? next_size(n) : 2 * next_size(n);
}

/* One that it proposed is in the log still, and may be applied. */
static bool marker_on_its_way(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;

	if (s->proposed && (n->applied >= s->proposed || raft_get_term(n->raft) != s->term))
		s->proposed = 0;
	return s->proposed != 0;
}

/* Nobody could be given what the log has no more, nor would the next start have a state. */
static bool none_is_whole(const struct node *n)
{
	return n->snapshot.count == 0 && wal_first(n->wal) > 1;
}

/*
 * It is a snapshot that makes room on a full disk, and a second one, for the log is cut behind the
 * older; more than these let go of nothing. At another member as well, of which it is not known
 * what it has room for.
 */
static bool makes_room(const struct node *n)
{
	const struct node_snapshot *s = &n->snapshot;
	const uint64_t least = n->options.wal.segment_size;
	raft_index base = s->count >= KEPT ? s->older.index : wal_first(n->wal) - 1;

	if (n->now_ns < s->full_ns || !node_space_any_full(n))
		return false;
	if (n->space.full)
		return node_space_holds(n, next_size(n)) && wal_bytes_behind(n->wal, base) >= least;
	return wal_bytes_behind(n->wal, s->marked_before) >= least;
}

/* No state, and no use for the newest one here: a log that nobody writes to brings no other. */
static bool somebody_lacks(const struct node *n)
{
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (n->peer[i].settings.snapshot_lacks && settings_silent_ns(n, i) < PEER_SILENT_NS)
			return true;
	}
	return false;
}

/* However short the log is; what does not fit here is begun when it does. */
static bool wanted_now(const struct node *n)
{
	const struct node_snapshot *s = &n->snapshot;
	bool wanted = ((s->former || none_is_whole(n)) && n->now_ns >= s->former_ns) ||
		      (n->now_ns >= s->lacks_ns && somebody_lacks(n));

	return wanted && node_space_holds(n, next_size(n));
}

static bool marker_due(const struct node *n)
{
	return wanted_now(n) || log_bytes(n) >= log_bytes_wanted(n) || makes_room(n);
}

static void lacks_wait(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;

	if (!somebody_lacks(n))
		return;
	if (n->now_ns >= s->lacks_ns + (LACKS_NS << LACKS_DOUBLINGS_MAX))
		s->lacks_doublings = 0;
	else if (s->lacks_doublings < LACKS_DOUBLINGS_MAX)
		s->lacks_doublings++;
	s->lacks_ns = n->now_ns + (LACKS_NS << s->lacks_doublings);
}

static void marker_drive(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;
	struct sm_mark mark = {.file_version = FILE_VERSION};
	uint8_t marker[SM_MARKER_SIZE_MAX];
	uint32_t size;

	if (raft_get_role(n->raft) != RAFT_LEADER || n->diverged.index || n->install.held ||
	    n->stopping || s->state || marker_on_its_way(n) || raft_get_transfer(n->raft) ||
	    !marker_due(n))
		return;
	if (wal_snapshot_result(n->wal) == -EINPROGRESS)
		return;
	node_agreed(n, &mark);
	size = n->sm->ops->marker(&mark, marker);
	/* Else the window is full, or it does not lead any more: asked again in the next turn. */
	if (raft_propose(n->raft, marker, size, &s->proposed, &s->term) == 0) {
		s->former_ns = n->now_ns + FORMER_NS;
		s->full_ns = n->now_ns + FULL_NS;
		lacks_wait(n);
	}
}

/* --- writing ----------------------------------------------------------------------------- */

static void state_close(struct node *n)
{
	n->sm->ops->snapshot_close(n->snapshot.state);
	n->snapshot.state = NULL;
}

static bool may_begin(const struct node *n, const struct raft_entry *entry,
		      const struct sm_mark *mark)
{
	const struct node_snapshot *s = &n->snapshot;

	/* Who does not know whose tables were in force there passes it over. */
	return mark->file_version == FILE_VERSION && !n->diverged.index && !s->state &&
	       s->members_index > 0 && entry->index > s->newest.index &&
	       n->install.step == NODE_INSTALL_NONE;
}

static void failed(struct node *n, const char *why)
{
	struct node_snapshot *s = &n->snapshot;

	s->writing = false;
	s->failures++;
	journal_write(n->journal, JOURNAL_ERROR, "snapshot_failed",
		      "index=%" PRIu64 " term=%" PRIu64 " bytes=%" PRIu64
		      " why=\"%s: what there is of it goes; the next one is taken at the next "
		      "marker\"",
		      s->at.index, s->at.term, s->bytes, why);
}

static void marked(struct node_snapshot *s, raft_index index)
{
	s->log_bytes = 0;
	s->marked_before = s->marked;
	s->marked = index;
}

void node_snapshot_marked(struct node *n, const struct raft_entry *entry,
			  const struct sm_mark *mark)
{
	struct node_snapshot *s = &n->snapshot;
	uint8_t record[NODE_SNAPSHOT_RECORD_MAX];
	struct sm_snapshot *state = n->sm->ops->snapshot_take(n->sm);
	bool room;

	marked(s, entry->index);
	s->state_bytes = n->sm->ops->snapshot_size(n->sm);
	s->markers++;
	node_agreed_judge(n, entry->index, mark);
	if (!state)
		return;
	room = node_space_holds(n, next_size(n));
	if (!may_begin(n, entry, mark) ||
	    (room && wal_snapshot_begin(n->wal, entry->index, entry->term, record,
					node_snapshot_record_encode(n, record)))) {
		n->sm->ops->snapshot_close(state);
		s->passed++;
		return;
	}
	s->at = (struct raft_snapshot){.index = entry->index, .term = entry->term};
	s->bytes = 0;
	if (!room) {
		n->sm->ops->snapshot_close(state);
		failed(n, "there is no room for it");
		return;
	}
	s->state = state;
	s->writing = true;
	s->began_ns = n->now_ns;
	journal_write(n->journal, JOURNAL_INFO, "snapshot_begun",
		      "index=%" PRIu64 " term=%" PRIu64 " state_bytes=%" PRIu64, entry->index,
		      entry->term, s->state_bytes);
}

/* It is done before as much of the log has come as makes the next one due. */
static uint64_t write_rate(const struct node *n)
{
	const struct node_snapshot *s = &n->snapshot;
	const uint64_t step = NODE_SNAPSHOT_STEP_SIZE;
	bool late = log_bytes(n) / step * (s->state_bytes / step) >
		    s->bytes / step * (log_bytes_wanted(n) / step);

	return late ? 0 : n->options.snapshot_rate;
}

/* What may be a step of work each; none while a command is half applied. */
static void write_drive(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;

	for (int i = 0; i < STEPS_MAX && s->state && n->applying_count == 0; i++) {
		size_t room = wal_snapshot_room(n->wal);
		bool more = false;
		int size;

		if (room == 0)
			return;
		if (room > sizeof(s->buffer))
			room = sizeof(s->buffer);
		size = n->sm->ops->snapshot_read(s->state, s->buffer, (uint32_t)room, &more);
		if (size < 0 || n->diverged.index) {
			state_close(n);
			wal_snapshot_abort(n->wal);
			failed(n, size < 0 ? "compactions would hold back too much for it"
					   : "its state is not the majority's");
			return;
		}
		n->work = true;
		if (size > 0)
			wal_snapshot_write(n->wal, s->buffer, (size_t)size, write_rate(n));
		s->bytes += (uint64_t)size;
		if (!more) {
			state_close(n);
			wal_snapshot_finish(n->wal);
		}
	}
}

/* --- what it lets go --------------------------------------------------------------------- */

/*
 * One that the log does not reach down to is of no use; nor yet is one that was pulled, and is not
 * taken: the state is not its.
 */
static void kept_look(struct node *n)
{
	struct raft_snapshot list[WAL_SNAPSHOTS_MAX], *kept = list;
	uint32_t all = wal_snapshots(n->wal, list), count = 0;
	struct node_snapshot *s = &n->snapshot;

	for (; all > 0 && kept->index > n->applied; all--)
		kept++;
	while (count < all && kept[count].index + 1 >= wal_first(n->wal))
		count++;
	s->newest = count ? kept[0] : (struct raft_snapshot){0};
	s->older = count > 1 ? kept[1] : (struct raft_snapshot){0};
	s->oldest = all > count || all > KEPT ? kept[all - 1] : (struct raft_snapshot){0};
	s->count = count;
}

static void written(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;
	uint64_t ns = n->now_ns - s->began_ns;

	s->writing = false;
	s->taken++;
	s->taken_ns += ns;
	s->former = false;
	kept_look(n);
	n->next_settings_ns = 0; /* the others are told now */
	raft_snapshot_taken(n->raft, &s->newest);
	journal_write(n->journal, JOURNAL_INFO, "snapshot_written",
		      "index=%" PRIu64 " term=%" PRIu64 " bytes=%" PRIu64 " hash=%016" PRIx64
		      " ms=%" PRIu64,
		      s->newest.index, s->newest.term, s->newest.size, s->newest.hash,
		      ns / CLOCK_MS);
}

static void result_drive(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;
	int result;

	if (!s->writing)
		return;
	result = wal_snapshot_result(n->wal);
	if (result == -EINPROGRESS)
		return;
	if (s->state)
		state_close(n);
	if (result)
		failed(n, strerror(-result));
	else
		written(n);
}

static bool is_short(const struct node *n)
{
	return node_space_low(n) || n->space.full;
}

/*
 * What the older one needs, and what followers do that were away for a moment (log-keep): as far as
 * the log reaches down. Where space is short they pull a snapshot. False: nothing may go.
 */
static bool base_find(struct node *n, raft_index *index, raft_term *term)
{
	struct node_snapshot *s = &n->snapshot;

	if (s->older.index < wal_first(n->wal) || s->older.index > raft_durable(n->raft))
		return false;
	*index = s->older.index;
	*term = s->older.term;
	if (n->options.log_keep_bytes == 0 || is_short(n))
		return true;
	if (s->newest.index > raft_durable(n->raft))
		return false;
	if (s->keep_of != s->newest.index) {
		uint64_t most = most_of_space(n), keep = n->options.log_keep_bytes;

		s->keep = wal_look_back(n->wal, s->newest.index, keep < most ? keep : most,
					&s->keep_term);
		s->keep_of = s->newest.index;
	}
	if (s->keep < *index) {
		*index = s->keep;
		*term = s->keep_term;
	}
	return *index >= wal_first(n->wal);
}

/* The core first: nobody is to be sent what is about to go (D18). */
static void base_drive(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;
	raft_index index;
	raft_term term;

	if (s->writing || s->former)
		return;
	if (base_find(n, &index, &term) && index > s->base) {
		raft_base_set(n->raft, index, term);
		s->base = index;
		s->base_term = term;
	}
	if (s->base < wal_first(n->wal))
		return;
	if (wal_base_move(n->wal, s->base + 1, s->base_term) == 0)
		journal_write(n->journal, JOURNAL_INFO, "log_begins",
			      "index=%" PRIu64 " why=\"what is before is in snapshots\"",
			      s->base + 1);
}

/* Others may be given it. */
static void newest_tell(struct node *n)
{
	const struct node_snapshot *s = &n->snapshot;

	if (s->newest.index && s->newest.index <= n->applied && s->newest.index >= s->base &&
	    !s->former)
		raft_snapshot_taken(n->raft, &s->newest);
}

/* Better one that may be read than none. */
static void again_drive(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;

	if (!none_is_whole(n) || n->now_ns < s->again_ns)
		return;
	s->again_ns = n->now_ns + AGAIN_NS;
	if (!wal_snapshots_again(n->wal))
		return;
	kept_look(n);
	newest_tell(n);
}

/*
 * What could not be read stays as long as if it were whole, for the disk may read it later; but
 * where space is short it is the first that goes.
 */
static void old_drive(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;
	raft_index kept = is_short(n) ? UINT64_MAX : s->count < KEPT ? 0 : s->older.index;
	struct raft_snapshot useless[WAL_SNAPSHOTS_MAX];

	if (wal_snapshots_useless(n->wal, kept, useless) > 0)
		(void)wal_snapshot_remove(n->wal, useless[0].index, useless[0].term);
	if (s->oldest.index && wal_snapshot_remove(n->wal, s->oldest.index, s->oldest.term) == 0)
		kept_look(n);
}

void node_snapshot_drive(struct node *n)
{
	if (n->failed)
		return;
	wal_space_reserve(n->wal, reserve(n));
	marker_drive(n);
	write_drive(n);
	result_drive(n);
	base_drive(n);
	again_drive(n);
	old_drive(n);
}

const char *node_snapshot_damage(int err)
{
	return err == -EBADMSG ? "what is there is not what was written" : strerror(-err);
}

void node_snapshot_damaged(struct node *n, raft_index index, raft_term term, int err)
{
	journal_write(n->journal, JOURNAL_ERROR, "snapshot_damaged",
		      "directory=%s index=%" PRIu64 " term=%" PRIu64
		      " why=\"%s: it counts for nothing, and is given to nobody\"",
		      n->options.wal.directory, index, term, node_snapshot_damage(err));
	kept_look(n);
	newest_tell(n);
}

bool node_snapshot_stop(struct node *n)
{
	struct node_snapshot *s = &n->snapshot;

	if (s->state)
		state_close(n);
	if (s->writing)
		wal_snapshot_abort(n->wal);
	return !s->writing;
}

void node_snapshot_installed(struct node *n, const struct node_snapshot_record *record, bool alone)
{
	struct node_snapshot *s = &n->snapshot;

	s->members = record->members;
	s->members_index = record->members_index;
	marked(s, n->applied);
	s->proposed = 0;
	kept_look(n);
	n->diverged.pulled = n->applied;
	s->former = false;
	n->next_settings_ns = 0; /* the others are told now */
	if (alone)
		s->base = n->applied;
}

void node_snapshot_restored(struct node *n)
{
	n->snapshot.state_bytes = n->sm->ops->snapshot_size(n->sm);
}

void node_snapshot_begin(struct node *n)
{
	kept_look(n);
	n->snapshot.marked = n->applied;
	n->snapshot.marked_before = n->snapshot.older.index;
	node_diverged_begin(n);
	node_snapshot_restored(n);
	newest_tell(n);
}

void node_snapshot_end(struct node *n)
{
	if (n->snapshot.state)
		state_close(n);
}
