/*
 * Every state of a small cluster of real cores: three members that elect, replicate, crash and
 * read, with few of each (world.h has what is checked, search.h how it is gone through).
 *
 *	scope NAME [--seconds N] [--states N] [--levels]
 *	scope NAME --replay WAY
 *
 * Without a name, all of them are listed. A scope that was not seen whole says so.
 */
#include "tests/scope/search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* In which every mistake of tests/mutants/scope.py is found. */
	STATES_MIN = 300000,
	/* No core makes more in a second; of each, 15 to 25 bytes are taken at once. */
	STATES_A_SECOND = 300000,
};

static const struct scope scopes[] = {
	{.name = "elections",
	 .members = 3,
	 .alike = true,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 3, [EVENT_HOLD] = 1, [EVENT_COPY] = 1}},
	{.name = "terms",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .term_max = 4,
	 .most = {[EVENT_TIMEOUT] = 4, [EVENT_LOSE] = 2}},
	{.name = "crashes",
	 .members = 3,
	 .alike = true,
	 .slow = true,
	 .all_answer = true,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 3, [EVENT_CRASH] = 1}},
	{.name = "replication",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1, [EVENT_PROPOSE] = 2, [EVENT_HEARTBEAT] = 1}},
	{.name = "repetition",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1,
		  [EVENT_PROPOSE] = 1,
		  [EVENT_HEARTBEAT] = 2,
		  [EVENT_LOSE] = 2}},
	{.name = "disks",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1, [EVENT_PROPOSE] = 1, [EVENT_HOLD] = 1, [EVENT_CRASH] = 1}},
	{.name = "reads",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1, [EVENT_PROPOSE] = 1, [EVENT_READ] = 2}},
	{.name = "bursts",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 2, [EVENT_PROPOSE] = 2, [EVENT_HOLD] = 1, [EVENT_CRASH] = 1}},
	{.name = "prevote",
	 .members = 3,
	 .alike = true,
	 .pre_vote = 7,
	 .check_quorum = 7,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 3, [EVENT_SILENCE] = 1, [EVENT_COPY] = 1}},
	{.name = "contact",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .pre_vote = 7,
	 .check_quorum = 7,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 2,
		  [EVENT_SILENCE] = 2,
		  [EVENT_HEARTBEAT] = 1,
		  [EVENT_PROPOSE] = 1}},
	{.name = "transfer",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .pre_vote = 7,
	 .check_quorum = 7,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 1,
		  [EVENT_SILENCE] = 1,
		  [EVENT_HEARTBEAT] = 1,
		  [EVENT_TRANSFER] = 1,
		  [EVENT_PROPOSE] = 1}},
	{.name = "leases",
	 .members = 3,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .leases = true,
	 .pre_vote = 7,
	 .check_quorum = 7,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1,
		  [EVENT_SILENCE] = 1,
		  [EVENT_HEARTBEAT] = 1,
		  [EVENT_TRANSFER] = 1,
		  [EVENT_READ] = 1}},
	{.name = "mixed",
	 .members = 3,
	 .pre_vote = 3,
	 .check_quorum = 6,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 4, [EVENT_SILENCE] = 1}},
	{.name = "members",
	 .members = 4,
	 .learner = true,
	 .led = true,
	 .ordered = true,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1, [EVENT_CHANGE] = 1}},
	/* Without check_quorum who is removed can lead for good where another one knows that. */
	{.name = "changes",
	 .members = 4,
	 .learner = true,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .check_quorum = 15,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 2, [EVENT_CHANGE] = 2, [EVENT_TELL] = 1}},
	{.name = "joining",
	 .members = 4,
	 .learner = true,
	 .joins = true,
	 .alike = true,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .all_answer = true,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1,
		  [EVENT_HEARTBEAT] = 1,
		  [EVENT_LOSE] = 1,
		  [EVENT_HOLD] = 1,
		  [EVENT_CRASH] = 1,
		  [EVENT_TELL] = 1}},
	{.name = "replacing",
	 .members = 4,
	 .learner = true,
	 .joins = true,
	 .replaces = 3,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .all_answer = true,
	 .check_quorum = 15,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1, [EVENT_HEARTBEAT] = 1, [EVENT_CRASH] = 1, [EVENT_TELL] = 1}},
	{.name = "leaving",
	 .members = 4,
	 .learner = true,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .check_quorum = 15,
	 .begun = CHANGE_PROMOTES | 2,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 2, [EVENT_HEARTBEAT] = 1, [EVENT_LOSE] = 1}},
	/* The second voter has left, and the third takes the fourth for a stranger. */
	{.name = "meeting",
	 .members = 4,
	 .learner = true,
	 .away = 3,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .pre_vote = 15,
	 .check_quorum = 15,
	 .begun = CHANGE_PROMOTES | 2,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 2, [EVENT_MEET] = 1, [EVENT_TELL] = 1, [EVENT_HEARTBEAT] = 1}},
	{.name = "lagging",
	 .members = 4,
	 .learner = true,
	 .lacks = 2,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .check_quorum = 15,
	 .term_max = 2,
	 .most = {[EVENT_TIMEOUT] = 1,
		  [EVENT_HEARTBEAT] = 1,
		  [EVENT_LOSE] = 1,
		  [EVENT_PROPOSE] = 1,
		  [EVENT_CHANGE] = 1}},
	{.name = "snapshots",
	 .members = 3,
	 .lacks = 1,
	 .based = true,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .all_answer = true,
	 .term_max = 3,
	 .most = {[EVENT_TIMEOUT] = 1,
		  [EVENT_HEARTBEAT] = 1,
		  [EVENT_LOSE] = 1,
		  [EVENT_CRASH] = 1,
		  [EVENT_PROPOSE] = 1,
		  [EVENT_SNAPSHOT] = 1}},
	/* R34, R5: who lacks them has others in their place, some on the way to its disk. */
	{.name = "tails",
	 .members = 3,
	 .lacks = 1,
	 .based = true,
	 .tail = 2,
	 .led = true,
	 .ordered = true,
	 .bursts = true,
	 .all_answer = true,
	 .term_max = 4,
	 .most = {[EVENT_TIMEOUT] = 1,
		  [EVENT_HEARTBEAT] = 1,
		  [EVENT_HOLD] = 1,
		  [EVENT_CRASH] = 1,
		  [EVENT_PROPOSE] = 1}},
};

enum { SCOPES = sizeof(scopes) / sizeof(scopes[0]) };

static const struct scope *find(const char *name)
{
	for (uint32_t i = 0; i < SCOPES; i++)
		if (strcmp(scopes[i].name, name) == 0)
			return &scopes[i];
	fprintf(stderr, "there is no scope %s\n", name);
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0') {
		fprintf(stderr, "%s is no number\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	const char *loop = getenv("QUOIN_LOOP_SECONDS");
	struct search_options o = {.seconds = loop ? number(loop) : 5, .states_min = STATES_MIN};
	const struct scope *which;

	if (argc < 2) {
		for (uint32_t i = 0; i < SCOPES; i++)
			printf("%s\n", scopes[i].name);
		return 0;
	}
	which = find(argv[1]);
	for (int i = 2; i < argc; i++) {
		bool value = i + 1 < argc;

		if (strcmp(argv[i], "--levels") == 0) {
			o.levels = true;
		} else if (strcmp(argv[i], "--seconds") == 0 && value) {
			o.seconds = number(argv[++i]);
		} else if (strcmp(argv[i], "--states") == 0 && value) {
			o.states_max = number(argv[++i]);
		} else if (strcmp(argv[i], "--replay") == 0 && value) {
			search_replay(which, argv[++i]);
			return 0;
		} else {
			fprintf(stderr, "%s: see tests/scope/scope.c\n", argv[i]);
			return 2;
		}
	}
	if (o.states_max == 0)
		o.states_max = STATES_MIN + o.seconds * STATES_A_SECOND;
	search_run(which, &o);
	return 0;
}
