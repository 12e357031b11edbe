/*
 * Fault rules, set over the admin socket, one a line; DIR is tx, rx or both:
 *
 *	drop DIR ADDRESS [PPM]             duplicate DIR ADDRESS [PPM]
 *	delay DIR ADDRESS US [JITTER_US]   reorder DIR ADDRESS [PPM]
 *	mtu DIR ADDRESS BYTES
 *	hang disk
 *	flip state
 *
 * The disk does nothing of what the log asks of it from then on. A bit of the oldest value changes
 * in the state, once, and no rule changes it back.
 * They replace those in force as a whole; an empty text heals.
 */
#include "node/internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	FAULTS_TEXT_MAX = 4096,
	FAULTS_PPM_ALL = 1000000,
	FAULTS_DELAY_US_MAX = 10 * 1000 * 1000,
	FAULTS_MTU_MAX = 65535,
};

static const struct fault_word {
	const char *word;
	enum fault_kind kind;
	int numbers_min, numbers_max;
	uint32_t limit; /* of each number */
} words[] = {
	{"drop", FAULT_DROP, 0, 1, FAULTS_PPM_ALL},
	{"duplicate", FAULT_DUPLICATE, 0, 1, FAULTS_PPM_ALL},
	{"delay", FAULT_DELAY, 1, 2, FAULTS_DELAY_US_MAX},
	{"reorder", FAULT_REORDER, 0, 1, FAULTS_PPM_ALL},
	{"mtu", FAULT_MTU, 1, 1, FAULTS_MTU_MAX},
};

static const struct fault_word *word_find(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].word, word))
			return &words[i];
	return NULL;
}

/* False: the line is malformed. */
static bool rule_parse(struct fault_rule *rule, const char *line)
{
	char word[10], direction[5], address[16], extra;
	unsigned int number[2] = {0};
	struct in_addr in;
	int fields = sscanf(line, "%9s %4s %15s %u %u %c", word, direction, address, &number[0],
			    &number[1], &extra);
	const struct fault_word *w = fields >= 3 ? word_find(word) : NULL;

	if (!w || fields - 3 < w->numbers_min || fields - 3 > w->numbers_max ||
	    number[0] > w->limit || number[1] > w->limit || inet_pton(AF_INET, address, &in) != 1)
		return false;
	*rule = (struct fault_rule){.kind = w->kind, .address = ntohl(in.s_addr)};
	rule->tx = !strcmp(direction, "tx") || !strcmp(direction, "both");
	rule->rx = !strcmp(direction, "rx") || !strcmp(direction, "both");
	if (w->kind == FAULT_DELAY) {
		rule->delay_us = number[0];
		rule->jitter_us = number[1];
	} else if (w->kind == FAULT_MTU) {
		rule->mtu = number[0];
	} else {
		rule->ppm = fields > 3 ? number[0] : FAULTS_PPM_ALL;
		/* One of no frames is no rule: 0 stands for all of them. */
		if (rule->ppm == 0)
			return false;
	}
	return rule->tx || rule->rx;
}

enum serve_status faults_set(struct node *n, const uint8_t *text, uint32_t size)
{
	struct fault_rule rule[FAULT_RULES_MAX];
	char copy[FAULTS_TEXT_MAX];
	uint32_t count = 0;
	bool hangs = false, flips = false;
	char *line, *rest;

	if (!n->fault_injection || !n->faults)
		return SERVE_REFUSED;
	if (size >= sizeof(copy))
		return SERVE_INVALID;
	memcpy(copy, text, size);
	copy[size] = '\0';
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strcmp(line, "hang disk") == 0) {
			hangs = true;
			continue;
		}
		if (strcmp(line, "flip state") == 0) {
			flips = true;
			continue;
		}
		if (count == FAULT_RULES_MAX || !rule_parse(&rule[count], line))
			return SERVE_INVALID;
		count++;
	}
	if (flips && (n->applying_count > 0 || !n->sm->ops->damage(n->sm, 1)))
		return SERVE_BUSY;
	memcpy(n->faults->rule, rule, count * sizeof(*rule));
	n->faults->count = count;
	if (n->wal)
		wal_hold(n->wal, hangs);
	journal_write(n->journal, JOURNAL_WARN, "faults_set", "rules=%u%s%s", count,
		      hangs ? " disk=hangs" : "", flips ? " state=flipped" : "");
	return SERVE_OK;
}
