/*
 * A disk that has no space, or that does not answer, or late (D8).
 *
 * Without space for the log to go on, no new command is taken but some that free (deletes,
 * compactions); elections, reads and what is under way go on in the segment that is ready.
 *
 * If it does not answer, how long the oldest write has been in flight decides whether
 * this member votes, campaigns and leads. A vote that is not durable cannot leave, and a leader
 * that the others commit without is to give way before they wait for it (R46).
 */
#include "node/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	DISK_STALL_US_MIN = 50000, /* shared disks pause for as long without anything being wrong */
	/*
	 * Whoever must stand still for the disk (a stop, the membership's record, a sign of loss)
	 * gives up after two stalls, but not before this: then the process ends.
	 */
	WAIT_MS_MIN = 5000,
};

#define FULL_HANDS_OVER_NS UINT64_C(1000000000)

void node_disk_options(struct node *n)
{
	uint64_t us = n->options.disk_stall_us;
	uint64_t wait_ns;

	if (us == 0)
		us = n->options.election_us_max;
	if (us < DISK_STALL_US_MIN)
		us = DISK_STALL_US_MIN;
	n->disk_stall_ns = us * 1000;
	wait_ns = 2 * n->disk_stall_ns;
	if (wait_ns < (uint64_t)WAIT_MS_MIN * 1000000)
		wait_ns = (uint64_t)WAIT_MS_MIN * 1000000;
	n->options.wal.wait_ns = wait_ns;
	for (int i = 0; i < NODE_STALLS; i++)
		n->stall[i].since_ns = UINT64_MAX;
}

uint64_t node_patience_ns(const struct node *n)
{
	return n->options.wal.wait_ns;
}

uint64_t node_stall_ns(const struct node *n, const struct node_stall *stall)
{
	return stall->since_ns < n->now_ns ? n->now_ns - stall->since_ns : 0;
}

static void begins(struct node *n, const struct node_stall *s)
{
	const struct wal_waiting *w = &s->waiting;

	n->counters.disk_stalls++;
	journal_write(n->journal, JOURNAL_ERROR, "disk_stalled",
		      "file=%s/%s offset=%" PRIu64 " operation=\"%s\" ms=%" PRIu64
		      " why=\"the disk does not answer: %s\"",
		      n->options.wal.directory, w->file, w->offset, w->operation,
		      node_stall_ns(n, s) / 1000000,
		      s == &n->stall[NODE_STALL_WRITE]
			      ? "no votes and no campaign until it does; a leader hands over"
			      : "what is to be read back waits, for itself or for another member");
}

/*
 * Members whose logs can go on, by what they said last, or that lack no more than so much: what
 * fewer than a majority can keep would never commit. So it is refused while that is known to be so,
 * and nothing of it was done.
 *
 * Who is silent keeps nothing either, so beside one that is there and full it does not count. While
 * none is full, that nobody is heard is no want of space, and has words of its own.
 */
static struct node_tally members(const struct node *n, enum node_space most)
{
	uint32_t can = n->space_lack > most ? 0 : NODE_SELF, silent = 0;

	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (n->peer[i].settings.full > (uint8_t)most)
			continue;
		if (settings_silent_ns(n, i) < PEER_SILENT_NS)
			can |= 1u << i;
		else
			silent |= 1u << i;
	}
	return node_votes_tally(n, node_space_any_full(n) ? can : can | silent);
}

struct node_tally node_space_members(const struct node *n)
{
	return members(n, NODE_SPACE_THERE);
}

/* Deletes and compactions are the way out of a full disk, as etcd has it. */
bool node_space_frees(const struct node *n)
{
	return n->raft && n->space_lack < NODE_SPACE_NONE && members(n, NODE_SPACE_FULL).majority;
}

bool node_space_any_full(const struct node *n)
{
	bool full = n->space.full;

	for (uint32_t i = 0; node_peer_next(n, &i); i++)
		full |= n->peer[i].settings.full && node_votes(n, 1u << i) &&
			settings_silent_ns(n, i) < PEER_SILENT_NS;
	return full;
}

bool node_space_refuses(const struct node *n)
{
	return n->space.full || (n->raft && !node_space_members(n).majority);
}

bool node_space_holds(const struct node *n, uint64_t bytes)
{
	return !n->space.known || n->space.files >= bytes;
}

static void missing_text(const struct node *n, char *out, size_t size)
{
	const struct wal_space *s = &n->space;
	const char *directory = n->options.wal.directory;

	if (s->error == -EFBIG)
		snprintf(out, size,
			 "files in %s may not grow to the %" PRIu64
			 " bytes of a segment (ulimit -f)",
			 directory, (uint64_t)n->options.wal.segment_size);
	else if (wal_no_descriptor(s->error))
		snprintf(out, size,
			 "there is no file descriptor for the next segment in %s (LimitNOFILE of "
			 "the unit, ulimit -n)",
			 directory);
	else if (wal_refused_now(s->error))
		snprintf(out, size, "the next segment cannot be made in %s: %s%s", directory,
			 strerror(-s->error),
			 wal_not_allowed(s->error)
				 ? " (look at the owner and mode of the directory)"
				 : "");
	else if (s->error == -ENOSPC && s->known && s->there >= s->wanted)
		snprintf(out, size,
			 "the file system of %s takes no more of the next segment, with %" PRIu64
			 " bytes left: it has no inode for another file (df -i), or no room for "
			 "what it keeps itself",
			 directory, s->there);
	else if (s->error == -ENOSPC && s->by_quota)
		snprintf(out, size,
			 "%s takes %" PRIu64 " bytes of the %" PRIu64
			 " of data-dir-quota, and the log wants %" PRIu64 " more",
			 directory, s->used, s->quota, s->wanted);
	else if (s->error == -EDQUOT || !s->known)
		snprintf(out, size,
			 "the %s of %s has no room for the %" PRIu64 " bytes that the log wants",
			 s->error == -EDQUOT ? "quota" : "file system", directory, s->wanted);
	else
		snprintf(out, size,
			 "the file system of %s has %" PRIu64
			 " bytes left, and the log wants %" PRIu64,
			 directory, s->there, s->wanted);
}

/* What is missing, and of what. */
void node_space_text(const struct node *n, char *out, size_t size)
{
	const struct wal_space *s = &n->space;
	size_t used;

	missing_text(n, out, size);
	used = strlen(out);
	if (s->error == -ENOSPC && s->known && s->there < s->wanted)
		snprintf(out + used, size - used, ", %" PRIu64 " of that for a snapshot",
			 s->reserve);
}

bool node_space_low(const struct node *n)
{
	return n->space.quota_low || n->space.disk_low;
}

void node_space_low_text(const struct node *n, char *out, size_t size)
{
	const struct wal_space *s = &n->space;
	const char *directory = n->options.wal.directory;

	if (s->quota_low)
		snprintf(out, size,
			 "%s takes %" PRIu64 " bytes of the %" PRIu64 " of data-dir-quota",
			 directory, s->used, s->quota);
	else
		snprintf(out, size, "the file system of %s has %" PRIu64 " bytes left of %" PRIu64,
			 directory, s->disk_left, s->disk_size);
}

static void low_drive(struct node *n, bool was)
{
	char text[NODE_SPACE_TEXT_MAX];

	if (node_space_low(n) == was)
		return;
	node_space_low_text(n, text, sizeof(text));
	if (was)
		journal_write(n->journal, JOURNAL_INFO, "disk_has_room", "directory=%s why=\"%s\"",
			      n->options.wal.directory, text);
	else
		journal_write(n->journal, JOURNAL_WARN, "disk_low",
			      "directory=%s used=%" PRIu64 " left=%" PRIu64
			      " why=\"%s: when it is full no more puts are taken\"",
			      n->options.wal.directory, n->space.used, n->space.there, text);
}

uint8_t node_space_priority(const struct node *n)
{
	return n->space.full ? 0 : n->options.priority;
}

/*
 * While it is full a segment of the log, for each snapshot that is written meanwhile, is for what
 * frees space: more would take the room of the next snapshot, without which nothing is let go. Half
 * of a segment that is ready is for elections and markers alone: the next one is made in the last
 * quarter (wal/prepare.c), and may take that room.
 */
static enum node_space lack(const struct node *n)
{
	const uint64_t segment = n->options.wal.segment_size;

	if (!n->space.full)
		return NODE_SPACE_THERE;
	return n->space.ready >= segment / 2 && wal_bytes_behind(n->wal, n->full_since) < segment
		       ? NODE_SPACE_FULL
		       : NODE_SPACE_NONE;
}

static void lack_drive(struct node *n)
{
	const enum node_space was = n->space_lack;

	if (!n->space.full)
		n->full_since = 0;
	else if (n->full_since == 0 && n->raft)
		n->full_since = raft_last(n->raft);
	if (n->full_since && n->full_since < n->snapshot.newest.index)
		n->full_since = n->snapshot.newest.index;
	n->space_lack = lack(n);
	if (n->space_lack != was)
		n->next_settings_ns = 0; /* the peers are told now */
}

static void space_drive(struct node *n)
{
	char text[NODE_SPACE_TEXT_MAX];
	bool full = n->space.full, low = node_space_low(n);

	wal_get_space(n->wal, &n->space);
	low_drive(n, low);
	lack_drive(n);
	if (n->space.full == full)
		return;
	if (n->raft)
		raft_priority_set(n->raft, node_space_priority(n));
	if (!n->space.full) {
		journal_write(n->journal, JOURNAL_INFO, "disk_has_space",
			      "directory=%s why=\"puts are taken again\"",
			      n->options.wal.directory);
		return;
	}
	n->counters.disk_fulls++;
	node_space_text(n, text, sizeof(text));
	journal_write(n->journal, JOURNAL_ERROR, "disk_full",
		      "directory=%s wanted=%" PRIu64 " there=%" PRIu64
		      " why=\"%s: no more puts are taken\"",
		      n->options.wal.directory, n->space.wanted, n->space.there, text);
}

/* It has space, by what it said last, and may lead. */
static bool may_take_over(const struct node *n, uint32_t i)
{
	return node_votes(n, 1u << i) && !n->peer[i].settings.full &&
	       settings_silent_ns(n, i) < PEER_SILENT_NS;
}

/*
 * A leader that is full takes no command, which others could. It hands over to one that has space,
 * if that is heard and a majority has some; else nothing were won. Asked again now and then, for
 * one that was not heard in this term yet.
 */
static void full_drive(struct node *n)
{
	if (!n->space.full || n->now_ns < n->next_full_ns ||
	    raft_get_role(n->raft) != RAFT_LEADER || raft_get_transfer(n->raft) ||
	    !node_space_members(n).majority)
		return;
	n->next_full_ns = n->now_ns + FULL_HANDS_OVER_NS;
	for (uint32_t i = 0; node_peer_next(n, &i); i++) {
		if (may_take_over(n, i) && raft_transfer(n->raft, n->peer[i].at.member_id) == 0)
			return;
	}
}

static void stall_one(struct node *n, struct node_stall *s, uint64_t since_ns,
		      bool (*get)(const struct wal *w, struct wal_waiting *out))
{
	const struct wal_waiting *w = &s->waiting;
	bool stalled;

	s->since_ns = since_ns;
	stalled = node_stall_ns(n, s) >= n->disk_stall_ns;
	if (stalled)
		(void)get(n->wal, &s->waiting);
	if (stalled == s->is)
		return;
	s->is = stalled;
	if (stalled)
		begins(n, s);
	else
		journal_write(n->journal, JOURNAL_WARN, "disk_answers",
			      "file=%s/%s operation=\"%s\" ms=%" PRIu64
			      " why=\"what was in flight has ended\"",
			      n->options.wal.directory, w->file, w->operation,
			      (n->now_ns - w->since_ns) / 1000000);
}

/*
 * A read that hangs is told like a write. But a vote needs writes alone, and so does an
 * acknowledgement: a member that can give both is not kept from it by a segment that cannot be
 * read, for the others may need it to elect a leader.
 */
static void stall_drive(struct node *n)
{
	stall_one(n, &n->stall[NODE_STALL_WRITE], wal_waiting_since(n->wal), wal_get_waiting);
	stall_one(n, &n->stall[NODE_STALL_READ], wal_reading_since(n->wal), wal_get_reading);
	raft_disk_stalled(n->raft, n->stall[NODE_STALL_WRITE].is);
}

/*
 * V5: an election takes two durable writes, one after the other, so what takes longer than half of
 * the shortest timeout makes elections of more than one round the rule. A disk is judged by its
 * last writes and not by time: one that is seldom written to is judged as well, and a pause under
 * load, in which there is one write, is no reason.
 */
static void recent_add(struct node *n, uint64_t us)
{
	struct node_recent *recent = &n->recent;
	bool slow = 2 * us > n->settings.election_us_min;

	recent->us[recent->count++ % NODE_DISK_RECENT_MAX] = !slow             ? 0
							     : us > UINT32_MAX ? UINT32_MAX
									       : (uint32_t)us;
	n->counters.disk_slow_writes += slow;
}

static void recent_sum(const struct node *n, struct node_slow *out)
{
	uint32_t count = n->recent.count;

	*out = (struct node_slow){.of = count < NODE_DISK_RECENT_MAX ? count
								     : NODE_DISK_RECENT_MAX};
	for (uint32_t i = 0; i < out->of; i++) {
		out->slow += n->recent.us[i] > 0;
		if (n->recent.us[i] > out->slowest_us)
			out->slowest_us = n->recent.us[i];
	}
	out->wanted_us = 2 * out->slowest_us;
}

bool node_disk_slow(const struct node *n, struct node_slow *out)
{
	recent_sum(n, out);
	return n->recent.told;
}

/* What was waited for in the last turn has ended in this one: a slow write is in many turns. */
static void slow_drive(struct node *n, uint64_t before_ns)
{
	struct node_slow s;
	uint64_t us = 0;

	if (n->persisted == n->recent.persisted)
		return;
	n->recent.persisted = n->persisted;
	if (before_ns < n->now_ns && n->stall[NODE_STALL_WRITE].since_ns != before_ns)
		us = (n->now_ns - before_ns) / 1000;
	recent_add(n, us);
	recent_sum(n, &s);
	if (n->recent.told == (s.slow >= (n->recent.told ? 1 : NODE_DISK_SLOW_MIN)))
		return;
	n->recent.told = !n->recent.told;
	if (n->recent.told)
		journal_write(n->journal, JOURNAL_WARN, "disk_slow",
			      "slow=%" PRIu32 " of=%" PRIu32 " slowest_us=%" PRIu64
			      " election_timeout_us=%" PRIu64 " wanted_us=%" PRIu64
			      " why=\"writes take longer than half of election-timeout: elections "
			      "may take several rounds\"",
			      s.slow, s.of, s.slowest_us, n->settings.election_us_min, s.wanted_us);
	else
		journal_write(n->journal, JOURNAL_INFO, "disk_keeps_up",
			      "of=%" PRIu32 " election_timeout_us=%" PRIu64
			      " why=\"none of the last writes took half of election-timeout\"",
			      s.of, n->settings.election_us_min);
}

void node_disk_drive(struct node *n)
{
	uint64_t before_ns = n->stall[NODE_STALL_WRITE].since_ns;

	if (n->failed)
		return;
	space_drive(n);
	full_drive(n);
	stall_drive(n);
	slow_drive(n, before_ns);
}
