#include "tests/soak/faults.h"

#include "base/clock.h"
#include "tests/soak/flood.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* One that is under way. */
struct fault {
	uint32_t node;        /* whom it hurts; 0: all, or it has no one node */
	uint32_t duration_ms; /* drawn */
	char words[FAULTS_WORDS_MAX];
	struct flood *flood;
	uint64_t last; /* of its log, before it was away */
	bool installs; /* it is to be given a snapshot */
};

struct kind {
	const char *name;
	const char *links; /* of which it is; NULL: all */
	bool network;      /* it may come beside one that is not */
	uint32_t weight;
	uint32_t seconds_max; /* how long it may last */
	void (*begin)(struct faults *f, struct fault *fault);
	void (*end)(struct faults *f, struct fault *fault);
};

static uint32_t below(struct faults *f, uint32_t bound)
{
	return (uint32_t)sim_random_below(&f->random, bound);
}

/* Half of the time the leader: it is the one whose loss is interesting. */
static uint32_t pick(struct faults *f)
{
	uint32_t leader = below(f, 2) ? cluster_leader(f->cluster) : 0;

	return leader ? leader : 1 + below(f, f->cluster->nodes);
}

static void say(const struct faults *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(const struct faults *f, const char *format, ...)
{
	va_list args;

	printf("%8.3f ", (double)(clock_now() - f->begun_ns) / 1e9);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* --- processes --------------------------------------------------------------------------- */

static void kill_begin(struct faults *f, struct fault *fault)
{
	cluster_lab(f->cluster, "kill %" PRIu32, fault->node);
}

static void term_begin(struct faults *f, struct fault *fault)
{
	cluster_lab(f->cluster, "kill %" PRIu32 " --signal TERM", fault->node);
}

static void restart_end(struct faults *f, struct fault *fault)
{
	cluster_lab(f->cluster, "restart %" PRIu32 " --until answers", fault->node);
}

static void kill_all_begin(struct faults *f, struct fault *fault)
{
	(void)fault;
	for (uint32_t node = 1; node <= f->cluster->nodes; node++)
		cluster_lab(f->cluster, "kill %" PRIu32, node);
}

static void restart_all_end(struct faults *f, struct fault *fault)
{
	(void)fault;
	for (uint32_t node = 1; node <= f->cluster->nodes; node++)
		cluster_lab(f->cluster, "restart %" PRIu32 " --until answers", node);
}

static void pause_begin(struct faults *f, struct fault *fault)
{
	cluster_lab(f->cluster, "pause %" PRIu32, fault->node);
}

static void pause_end(struct faults *f, struct fault *fault)
{
	cluster_lab(f->cluster, "resume %" PRIu32, fault->node);
}

/* --- disks ------------------------------------------------------------------------------- */

static struct test_disk *disk_of(struct faults *f, const struct fault *fault)
{
	return &f->disks->disk[fault->node - 1];
}

static void disk_end(struct faults *f, struct fault *fault)
{
	disk_tell(disk_of(f, fault), "drop all");
	disk_tell(disk_of(f, fault), "space unlimited");
}

static void hang_begin(struct faults *f, struct fault *fault)
{
	static const char *const what[] = {"write", "fsync", "write,fsync", "meta"};

	snprintf(fault->words, sizeof(fault->words), "%s", what[below(f, 4)]);
	disk_rule(disk_of(f, fault), "on %s * stall forever", fault->words);
}

static void slow_begin(struct faults *f, struct fault *fault)
{
	snprintf(fault->words, sizeof(fault->words), "%" PRIu32 "ms", 1 + below(f, 200));
	disk_rule(disk_of(f, fault), "on write,fsync * stall %s", fault->words);
}

static void full_begin(struct faults *f, struct fault *fault)
{
	disk_tell(disk_of(f, fault), "space %" PRIu32, below(f, 2) * below(f, 6000000));
}

/* One write fails, and the node must end; or it has ended before its restart ends it. */
static void error_begin(struct faults *f, struct fault *fault)
{
	static const char *const what[] = {"segment-* times 1 fail EIO",
					   "segment-* times 1 tear EIO", "vote times 1 fail EIO",
					   "segment-* times 1 fail EROFS"};

	snprintf(fault->words, sizeof(fault->words), "%s", what[below(f, 4)]);
	disk_rule(disk_of(f, fault), "on write %s", fault->words);
}

static void error_end(struct faults *f, struct fault *fault)
{
	disk_tell(disk_of(f, fault), "drop all");
	restart_end(f, fault);
}

static void power_cut(struct faults *f, uint32_t node)
{
	cluster_lab(f->cluster, "kill %" PRIu32, node);
	disk_cut(&f->disks->disk[node - 1], below(f, 4) ? "tear" : "lose",
		 sim_random_next(&f->random));
}

static void power_begin(struct faults *f, struct fault *fault)
{
	power_cut(f, fault->node);
}

static void power_all_begin(struct faults *f, struct fault *fault)
{
	(void)fault;
	for (uint32_t node = 1; node <= f->cluster->nodes; node++)
		power_cut(f, node);
}

/* --- snapshots --------------------------------------------------------------------------- */

enum {
	CUT_MS_MAX = 10000,
	DAMAGE_AT = 4096, /* the first block of the state: who the members were can be read still */
};

static bool file_damage(const char *directory, const char *name)
{
	char path[512];
	uint8_t byte;
	int fd;

	if (strncmp(name, "snapshot-", 9) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert(fd >= 0);
	if (pread(fd, &byte, 1, DAMAGE_AT) == 1) {
		byte ^= 1;
		assert(pwrite(fd, &byte, 1, DAMAGE_AT) == 1);
	}
	close(fd);
	return true;
}

/* W21: none is whole any more, and what the log has no more others have. */
static void damage_begin(struct faults *f, struct fault *fault)
{
	const char *directory = disk_of(f, fault)->beneath;
	bool cut = cluster_number(f->cluster, fault->node, "log_first_index") > 1;
	struct dirent *entry;
	uint32_t count = 0;
	DIR *files;

	cluster_lab(f->cluster, "kill %" PRIu32, fault->node);
	files = opendir(directory);
	assert(files);
	while ((entry = readdir(files)))
		count += file_damage(directory, entry->d_name);
	closedir(files);
	fault->installs = cut;
	snprintf(fault->words, sizeof(fault->words), "%" PRIu32, count);
}

static void behind_begin(struct faults *f, struct fault *fault)
{
	fault->last = cluster_number(f->cluster, fault->node, "raft_index");
	kill_begin(f, fault);
}

struct others {
	struct faults *f;
	const struct fault *of;
};

/* All of them have cut what is before. */
static uint64_t cut_at(const struct others *o)
{
	uint64_t least = UINT64_MAX;

	for (uint32_t node = 1; node <= o->f->cluster->nodes; node++) {
		if (node == o->of->node)
			continue;
		uint64_t first = cluster_number(o->f->cluster, node, "log_first_index");
		if (first < least)
			least = first;
	}
	return least;
}

static bool have_cut(void *context)
{
	const struct others *o = context;

	return cut_at(o) > o->of->last + 1;
}

/* R17: the others have nowhere what it needs next: neither in their logs nor in their windows. */
static void behind_end(struct faults *f, struct fault *fault)
{
	struct others others = {f, fault};
	uint64_t cut = 0;

	if (wait_until(have_cut, &others, CUT_MS_MAX)) {
		for (uint32_t node = 1; node <= f->cluster->nodes; node++) {
			if (node == fault->node)
				continue;
			cluster_lab(f->cluster, "kill %" PRIu32, node);
			cluster_lab(f->cluster, "restart %" PRIu32 " --until answers", node);
		}
		cut = cut_at(&others);
	}
	restart_end(f, fault);
	/* It had more than it was asked for: it was written to until it was killed. */
	fault->installs = cut > cluster_number(f->cluster, fault->node, "recovered_index") + 1;
}

/* Before another one is hurt: of three members two without a state would be too many. */
static void wait_installed(struct faults *f, uint32_t node)
{
	cluster_wait_installed(f->cluster, node);
	f->installs++;
	say(f, "n%" PRIu32 " has installed a snapshot", node);
}

/* --- the network ------------------------------------------------------------------------- */

/* Two groups, drawn; or one way from one node to the others. */
static void cut_words(struct faults *f, struct fault *fault)
{
	uint32_t nodes = f->cluster->nodes, chosen = 1 + below(f, (1u << nodes) - 2);
	char left[32] = "", right[32] = "";

	for (uint32_t node = 1; node <= nodes; node++) {
		char *side = chosen >> (node - 1) & 1 ? left : right;
		size_t used = strlen(side);

		snprintf(side + used, sizeof(left) - used, used ? ",%" PRIu32 : "%" PRIu32, node);
	}
	snprintf(fault->words, sizeof(fault->words), "%s%c%s", left, below(f, 3) ? '|' : '>',
		 right);
}

static void cut_begin(struct faults *f, struct fault *fault)
{
	cut_words(f, fault);
	cluster_partition(f->cluster, fault->words, NULL);
}

/* Between two groups, both ways or one: frames that are lost, come twice, late or too large. */
static void bad_begin(struct faults *f, struct fault *fault)
{
	char groups[FAULTS_WORDS_MAX];

	cut_words(f, fault);
	snprintf(groups, sizeof(groups), "%s", fault->words);
	switch (below(f, 5)) {
	case 0:
		snprintf(fault->words, sizeof(fault->words), "loss %" PRIu32, 1 + below(f, 50));
		break;
	case 1:
		snprintf(fault->words, sizeof(fault->words), "duplicate %" PRIu32,
			 1 + below(f, 100));
		break;
	case 2:
		snprintf(fault->words, sizeof(fault->words), "reorder %" PRIu32, 1 + below(f, 50));
		break;
	case 3:
		snprintf(fault->words, sizeof(fault->words), "delay %" PRIu32 " %" PRIu32,
			 1 + below(f, 40), 1 + below(f, 40));
		break;
	default:
		snprintf(fault->words, sizeof(fault->words), "mtu %" PRIu32, 400 + below(f, 1000));
	}
	snprintf(fault->words + strlen(fault->words), sizeof(groups) - strlen(fault->words), " %s",
		 groups);
	cluster_partition(f->cluster, fault->words, NULL);
}

static void network_end(struct faults *f, struct fault *fault)
{
	(void)fault;
	cluster_lab(f->cluster, "heal");
}

static void link_set(struct faults *f, uint32_t node, const char *state)
{
	static struct run out;

	run(&out, "ip", "-n %s link set p%" PRIu32 " %s", f->cluster->netns, node, state);
	require(f->cluster, out.status == 0, "ip link: %s", out.text);
}

static void link_begin(struct faults *f, struct fault *fault)
{
	link_set(f, fault->node, "down");
}

static void link_end(struct faults *f, struct fault *fault)
{
	link_set(f, fault->node, "up");
}

static void flood_begin(struct faults *f, struct fault *fault)
{
	fault->flood = flood_start(f->cluster, fault->node, f->random.state);
}

static void flood_end(struct faults *f, struct fault *fault)
{
	say(f, "%" PRIu64 " datagrams sent", flood_stop(fault->flood));
}

/* --- rounds ------------------------------------------------------------------------------ */

enum { DURATION_MS_MIN = 100, CALM_MS_MAX = 700 };

static const struct kind kinds[] = {
	{"kill", NULL, false, 6, 2, kill_begin, restart_end},
	{"stop", NULL, false, 3, 2, term_begin, restart_end},
	{"kill all", NULL, false, 1, 2, kill_all_begin, restart_all_end},
	{"power cut", NULL, false, 4, 2, power_begin, restart_end},
	{"power cut of all", NULL, false, 1, 2, power_all_begin, restart_all_end},
	{"disk hangs", NULL, false, 4, 4, hang_begin, disk_end},
	{"disk is slow", NULL, false, 3, 2, slow_begin, disk_end},
	{"disk is full", NULL, false, 3, 8, full_begin, disk_end},
	{"disk fails", NULL, false, 3, 2, error_begin, error_end},
	{"snapshots damaged", NULL, false, 3, 1, damage_begin, restart_end},
	{"left behind", NULL, false, 2, 1, behind_begin, behind_end},
	{"pause", NULL, false, 4, 2, pause_begin, pause_end},
	{"link down", "packet xdp", false, 4, 2, link_begin, link_end},
	{"cut", NULL, true, 5, 2, cut_begin, network_end},
	{"bad link", NULL, true, 6, 2, bad_begin, network_end},
	{"flood", "packet xdp", false, 2, 2, flood_begin, flood_end},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static_assert((int)KINDS <= (int)(sizeof(((struct faults *)0)->counts) / sizeof(uint32_t)),
	      "a count for each");

static bool has(const struct faults *f, const struct kind *k)
{
	return !k->links || strstr(k->links, f->cluster->link);
}

static uint32_t weight(const struct faults *f, const struct kind *k, bool network)
{
	return has(f, k) && (k->network || !network) ? k->weight : 0;
}

static const struct kind *draw_kind(struct faults *f, bool network)
{
	uint32_t sum = 0, at;

	for (size_t i = 0; i < KINDS; i++)
		sum += weight(f, &kinds[i], network);
	at = below(f, sum);
	for (size_t i = 0;; i++) {
		if (at < weight(f, &kinds[i], network))
			return &kinds[i];
		at -= weight(f, &kinds[i], network);
	}
}

void faults_create(struct faults *f, struct cluster *c, struct disks *disks, uint64_t seed)
{
	*f = (struct faults){
		.cluster = c, .disks = disks, .random = {seed}, .begun_ns = clock_now()};
}

static void begin(struct faults *f, const struct kind *k, struct fault *fault)
{
	*fault = (struct fault){.node = pick(f)};
	fault->duration_ms = DURATION_MS_MIN + below(f, 1000 * k->seconds_max);
	k->begin(f, fault);
	say(f, "%s: n%" PRIu32 " for %" PRIu32 " ms%s%s", k->name, fault->node, fault->duration_ms,
	    *fault->words ? ": " : "", fault->words);
	f->counts[k - kinds]++;
}

void faults_round(struct faults *f)
{
	const struct kind *k = draw_kind(f, false);
	const struct kind *beside = k->network || below(f, 3) ? NULL : draw_kind(f, true);
	struct fault fault, other;

	if (beside)
		begin(f, beside, &other);
	begin(f, k, &fault);
	clock_sleep(fault.duration_ms * CLOCK_MS);
	k->end(f, &fault);
	if (beside)
		beside->end(f, &other);
	if (fault.installs)
		wait_installed(f, fault.node);
	clock_sleep(below(f, CALM_MS_MAX) * CLOCK_MS);
}

void faults_print(const struct faults *f)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (has(f, &kinds[i]))
			printf("%s%s %" PRIu32, i ? ", " : "", kinds[i].name, f->counts[i]);
	}
	printf("; %" PRIu64 " snapshots installed\n", f->installs);
}
