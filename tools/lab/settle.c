/*
 * Waiting is always for a condition, with a deadline, and ends early when a process has.
 */
#include "tools/lab/settle.h"

#include "base/clock.h"
#include "dataplane/pages.h"
#include "tools/lab/ask.h"
#include "tools/lab/partition.h"
#include "tools/lab/process.h"
#include "tools/lab/space.h"
#include "tools/lab/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 500, FAULT_MS = 5000, POLL_MS = 5, LOG_LINES = 5, PROGRESS_MS = 2000 };

static void nap(void)
{
	clock_sleep(POLL_MS * CLOCK_MS);
}

static void write_settings(const struct lab *lab, const char *section, FILE *out)
{
	for (int i = 0; i < LAB_SETTINGS; i++) {
		const struct lab_setting_name *s = &lab_setting_names[i];

		if (lab->setting[i][0] && strcmp(s->section, section) == 0)
			fprintf(out, "%s%s: %s\n", *section ? "  " : "", s->key, lab->setting[i]);
	}
}

static void write_config(const struct lab *lab, uint32_t node, uint32_t memory_mib, FILE *out)
{
	uint32_t others = lab_voters(lab) & ~(1u << node);
	char url[LAB_PATH_MAX];

	/* No more are taken; those suffice that lead it to the leader. */
	while (__builtin_popcount(others) >= LAB_VOTERS_MAX)
		others &= others - 1;
	fprintf(out, "# Written by quoin-lab.\nname: n%u\ndata-dir: %s/n%u\n", node + 1, lab->base,
		node + 1);
	fprintf(out, "initial-cluster:\n");
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		if (i == node || (others & 1u << i))
			fprintf(out, "  n%u: " LAB_NET "%u\n", i + 1, i + 1);
	}
	if (lab->node[node].joined)
		fprintf(out, "initial-cluster-state: existing\n");
	fprintf(out, "initial-cluster-token: %s\nfault-injection: true\nhuge-pages: auto\n",
		lab->netns);
	fprintf(out, "listen-metrics-urls: %s\n", lab_node_metrics(node, url));
	if (memory_mib)
		fprintf(out, "memory: %uMiB\n", memory_mib);
	write_settings(lab, "", out);
	fprintf(out, "network:\n  link: %s\n  address: " LAB_NET "%u/24\n",
		link_kind_name(lab->link), node + 1);
	if (link_facts(lab->link)->device == LINK_DEVICE_INTERFACE)
		fprintf(out, "  interface: n%u\n", node + 1);
	fprintf(out, "wal:\n");
	write_settings(lab, "wal", out);
}

/* All or none: a lab of which some nodes start is no lab. */
static int memory_suffices(const struct lab *lab, const struct config *c, uint32_t starting)
{
	char text[PAGES_TEXT_MAX];

	if (!link_facts(lab->link)->huge_pages || pages_suffice(starting, c->memory_mib, text))
		return 0;
	return lab_fail("memory: %uMiB for each of %u node%s %s", c->memory_mib, starting,
			starting == 1 ? "" : "s", text);
}

/*
 * "FILE:LINE: KEY: what is wrong": said of the option that KEY is of, for the file is nobody's and
 * goes again. False: it is of none.
 */
static bool blame_option(const char *path, const char *error)
{
	size_t size = strlen(path);
	const char *at = strncmp(error, path, size) == 0 ? strstr(error + size, ": ") : NULL;

	for (int i = 0; at && i < LAB_SETTINGS; i++) {
		const struct lab_setting_name *s = &lab_setting_names[i];
		char key[64];
		int length = snprintf(key, sizeof(key), ": %s%s%s: ", s->section,
				      *s->section ? "." : "", s->key);

		if (strncmp(at, key, (size_t)length) != 0)
			continue;
		lab_fail("--%s: %s", s->option, at + 2);
		return true;
	}
	return false;
}

/* 0, or -errno with errors: none if the file cannot be written, which is said. */
static int configure(const struct lab *lab, uint32_t node, uint32_t memory_mib,
		     struct config *config, struct config_errors *errors)
{
	char path[LAB_PATH_MAX];
	FILE *out = fopen(lab_node_path(lab, node, ".yaml", path), "we");

	errors->count = 0;
	if (out)
		write_config(lab, node, memory_mib, out);
	if (!out || fclose(out) != 0) {
		lab_fail("%s: %s", path, strerror(errno));
		return -EIO;
	}
	return config_load(config, path, errors);
}

int lab_node_configure(const struct lab *lab, uint32_t node, uint32_t starting)
{
	int err = LAB_EXIT_FAILED;
	struct config_errors errors;
	struct config config;
	char path[LAB_PATH_MAX];
	int wrong = configure(lab, node, 0, &config, &errors);

	/* A port to each other one, and one for clients. */
	if (!wrong && link_facts(lab->link)->device == LINK_DEVICE_SOCKET)
		wrong = configure(lab, node, config_memory_mib(&config, LAB_SOCKETS_MAX), &config,
				  &errors);
	if (!wrong)
		return memory_suffices(lab, &config, starting);
	lab_node_path(lab, node, ".yaml", path);
	for (uint32_t i = 0; i < errors.count && i < CONFIG_ERRORS_MAX; i++) {
		if (blame_option(path, errors.text[i]))
			err = LAB_EXIT_USAGE;
		else
			lab_fail("%s", errors.text[i]);
	}
	return err;
}

/* The end of what it wrote since its start; `none` is said if that is nothing. */
static void say_last_words(const struct lab *lab, uint32_t node, uint32_t lines, const char *none)
{
	uint64_t from = lab->node[node].log_start;
	char log[LAB_PATH_MAX];

	lab_node_path(lab, node, ".log", log);
	if (lab_process_tail(log, from, lines, "    ", stderr) == 0)
		fprintf(stderr, "    %s\n", none);
}

bool lab_node_ended(const struct lab *lab, uint32_t node)
{
	char log[LAB_PATH_MAX], end[64];
	const char *how;

	if (lab_process_state(lab, node) != PROCESS_GONE)
		return false;
	how = lab_process_end(lab, node, end);
	lab_fail("n%u %s; its last words in %s:", node + 1, how ? how : "is gone",
		 lab_node_path(lab, node, ".log", log));
	say_last_words(lab, node, LOG_LINES, "it had written nothing");
	return true;
}

static void say_reports(const struct lab *lab, const struct lab_report *reports)
{
	for (uint32_t i = 0; lab_node_next(lab, &i); i++) {
		const struct lab_report *r = &reports[i];
		const char *error = lab_report_error(r);
		char log[LAB_PATH_MAX];

		if (r->answered)
			fprintf(stderr, "    n%u: %s, term %ju, index %ju%s%s\n", i + 1,
				r->status.role, (uintmax_t)r->status.term,
				(uintmax_t)r->status.index, *error ? ", " : "", error);
		else
			fprintf(stderr, "    n%u: %s (%s)\n", i + 1, error,
				lab_node_path(lab, i, ".log", log));
	}
}

int lab_leader_wait(const struct lab *lab, uint32_t timeout_ms)
{
	struct lab_report reports[LAB_NODES_MAX];
	uint64_t deadline = lab_clock_ms() + timeout_ms;

	for (;;) {
		bool ended = false, answered = true;
		int leader;

		for (uint32_t i = 0; lab_node_next(lab, &i); i++)
			ended |= lab_node_ended(lab, i);
		leader = lab_reports_get(lab, ASK_MS, reports);
		for (uint32_t i = 0; lab_node_next(lab, &i); i++)
			answered &= reports[i].answered;
		if (ended)
			return -1;
		if (leader >= 0 && answered)
			return leader;
		if (lab_clock_ms() >= deadline)
			break;
		nap();
	}
	lab_fail("no leader that a majority agrees on, after %u s:", timeout_ms / 1000);
	say_reports(lab, reports);
	return -1;
}

bool lab_progress_say(struct lab_progress *p, uint32_t node, const char *text)
{
	uint64_t now = lab_clock_ms();
	bool is = p->next_ms != 0 && now >= p->next_ms && strcmp(p->said, text) != 0;

	if (is || p->next_ms == 0)
		p->next_ms = now + PROGRESS_MS;
	if (!is)
		return false;
	fprintf(stderr, "quoin-lab: n%u: %s\n", node + 1, text);
	snprintf(p->said, sizeof(p->said), "%s", text);
	return true;
}

int lab_space_check(const struct lab *lab)
{
	if (lab_space_exists(lab))
		return 0;
	return lab_fail("namespace %s is gone, this host was restarted: quoin-lab down --dir %s",
			lab->netns, lab->dir);
}

int lab_node_wait(const struct lab *lab, uint32_t node, uint32_t timeout_ms)
{
	uint64_t begun = lab_clock_ms();
	struct lab_progress progress = {0};
	struct lab_report report;
	char why[sizeof(report.why) + 24];

	do {
		if (lab_node_ended(lab, node))
			return LAB_EXIT_FAILED;
		lab_report_get(lab, node, ASK_MS, &report);
		if (report.answered)
			return 0;
		nap();
		snprintf(why, sizeof(why), "%s; its last word:", report.why);
		if (lab_progress_say(&progress, node, why))
			say_last_words(lab, node, 1, "it has written nothing yet");
	} while (lab_clock_ms() < begun + timeout_ms);
	return lab_fail("n%u: %s, after %u s", node + 1, report.why, timeout_ms / 1000);
}

bool lab_majority_runs(const struct lab *lab, uint32_t but)
{
	uint32_t voters = lab_voters(lab), running = 0;

	for (uint32_t i = 0; lab_node_next(lab, &i); i++)
		running += i != but && (voters >> i & 1) != 0 &&
			   lab_process_state(lab, i) == PROCESS_RUNS;
	return 2 * running > (uint32_t)__builtin_popcount(voters);
}

/* What stands against ever knowing that a node is up to date, or NULL. */
static const char *unknowable(const struct lab *lab)
{
	if (!lab_majority_runs(lab, LAB_NODES_MAX))
		return "no majority of the nodes runs";
	return lab->partition_count > 0 ? "frames are dropped or hurt (quoin-lab heal)" : NULL;
}

/* A leader of one term, and the last that it had: what the node has to have applied. */
struct target {
	uint64_t term, index;
	bool leads; /* it still does */
};

/* All nodes are asked; false: the node has not applied all that a leader had. */
static bool is_current(const struct lab *lab, uint32_t node, struct target *target,
		       struct lab_report *own)
{
	struct lab_report reports[LAB_NODES_MAX];
	int leader;

	leader = lab_reports_get(lab, ASK_MS, reports);
	*own = reports[node];
	target->leads = leader >= 0;
	/* A leader of another term need not have what the last one had. */
	if (leader >= 0 && reports[leader].status.term != target->term) {
		target->term = reports[leader].status.term;
		target->index = reports[leader].status.index;
	}
	return leader >= 0 && own->answered && own->status.applied >= target->index;
}

enum { LACK_SIZE = 256 };

/* What it lacks to be up to date. */
static const char *lack_text(const struct target *target, const struct lab_report *own,
			     char out[LACK_SIZE])
{
	const char *error = lab_report_error(own);

	if (!own->answered)
		snprintf(out, LACK_SIZE, "%s", error);
	else if (!target->leads)
		snprintf(out, LACK_SIZE, "no leader that a majority agrees on%s%s",
			 *error ? "; it says: " : "", error);
	else
		snprintf(out, LACK_SIZE, "it has applied %ju of %ju%s%s",
			 (uintmax_t)own->status.applied, (uintmax_t)target->index,
			 *error ? "; it says: " : "", error);
	return out;
}

/* Others may end, or be paused, while it is waited for: each round looks at all of them. */
int lab_current_wait(const struct lab *lab, uint32_t node, uint64_t begun_ms, uint64_t deadline_ms)
{
	struct lab_progress progress = {0};
	struct target target = {0};
	struct lab_report own;
	char lack[LACK_SIZE];

	for (;;) {
		const char *why = unknowable(lab);

		/* After the others, so that its own end is not taken for one of theirs. */
		if (lab_node_ended(lab, node))
			return LAB_EXIT_FAILED;
		if (why) {
			printf("n%u has answered; whether it is up to date cannot be known: %s\n",
			       node + 1, why);
			return 0;
		}
		if (is_current(lab, node, &target, &own))
			break;
		if (lab_clock_ms() >= deadline_ms)
			return lab_fail("n%u is not up to date after %ju s: %s", node + 1,
					(uintmax_t)(deadline_ms - begun_ms) / 1000,
					lack_text(&target, &own, lack));
		lab_progress_say(&progress, node, lack_text(&target, &own, lack));
		nap();
	}
	printf("n%u is up to date: it has applied %ju, %ju ms after its start\n", node + 1,
	       (uintmax_t)own.status.applied, (uintmax_t)(lab_clock_ms() - begun_ms));
	return 0;
}

int lab_node_partition(const struct lab *lab, uint32_t node)
{
	struct partition partition = {0};
	char rules[PARTITION_RULES_SIZE], error[PARTITION_ERROR_SIZE];
	int err;

	for (uint32_t i = 0; i < lab->partition_count; i++) {
		/* One that was named may be gone by now. */
		if (partition_parse(&partition, lab->partition[i], PARTITION_ANY, error) != 0)
			return lab_fail("%s", error);
	}
	partition_rules(&partition, node, rules);
	err = lab_tell(lab, node, WIRE_FAULT, rules, FAULT_MS);
	if (!err)
		return 0;
	return lab_fail("n%u does not take the faults: %s", node + 1, endpoint_error_text(err));
}

static int find_leader(const struct lab *lab)
{
	struct lab_report reports[LAB_NODES_MAX];
	int leader = lab_reports_get(lab, ASK_MS, reports);

	if (leader >= 0)
		return leader;
	return -lab_fail("no leader that a majority agrees on: quoin-lab status --dir %s",
			 lab->dir);
}

int lab_node_find(const struct lab *lab, const char *text)
{
	const char *digits = text[0] == 'n' ? text + 1 : text;
	size_t length = strspn(digits, "0123456789");
	char names[LAB_NAMES_SIZE];
	uint32_t node;

	if (strcmp(text, "leader") == 0)
		return find_leader(lab);
	if (digits[0] >= '1' && length <= 2 && digits[length] == '\0') {
		node = (uint32_t)strtoul(digits, NULL, 10) - 1;
		if (lab_node_is(lab, node))
			return (int)node;
	}
	lab_fail("%s is not a node of this lab: it has %s (and leader)", text,
		 lab_node_names(lab, names));
	return -LAB_EXIT_USAGE;
}

int lab_node_open(struct lab *lab, const struct lab_arguments *a)
{
	int err = lab_state_open(lab, a->dir, true), node;

	if (err) {
		lab_state_close(lab);
		return -err;
	}
	node = lab_node_find(lab, a->rest[0]);
	if (node < 0)
		lab_state_close(lab);
	return node;
}
