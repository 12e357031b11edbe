/*
 * Fault rules, set over the admin socket: lines of "drop tx|rx|both ADDRESS [PPM]". They replace
 * those in force as a whole; an empty text heals.
 */
#include "node/internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { FAULTS_TEXT_MAX = 4096, FAULTS_PPM_ALL = 1000000 };

/* False: the line is malformed. */
static bool rule_parse(struct fault_rule *rule, const char *line)
{
	char direction[5], address[16], extra;
	unsigned int ppm = FAULTS_PPM_ALL;
	struct in_addr in;
	int fields = sscanf(line, "drop %4s %15s %u %c", direction, address, &ppm, &extra);

	if (fields < 2 || fields > 3 || ppm > FAULTS_PPM_ALL ||
	    inet_pton(AF_INET, address, &in) != 1)
		return false;
	memset(rule, 0, sizeof(*rule));
	rule->address = ntohl(in.s_addr);
	rule->drop_tx = !strcmp(direction, "tx") || !strcmp(direction, "both");
	rule->drop_rx = !strcmp(direction, "rx") || !strcmp(direction, "both");
	rule->loss_ppm = ppm;
	return rule->drop_tx || rule->drop_rx;
}

enum serve_status faults_set(struct node *n, const uint8_t *text, uint32_t size)
{
	struct fault_rule rule[FAULT_RULES_MAX];
	char copy[FAULTS_TEXT_MAX];
	uint32_t count = 0;
	char *line, *rest;

	if (!n->fault_injection || !n->faults)
		return SERVE_REFUSED;
	if (size >= sizeof(copy))
		return SERVE_INVALID;
	memcpy(copy, text, size);
	copy[size] = '\0';
	for (line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (count == FAULT_RULES_MAX || !rule_parse(&rule[count], line))
			return SERVE_INVALID;
		count++;
	}
	memcpy(n->faults->rule, rule, count * sizeof(*rule));
	n->faults->count = count;
	journal_write(n->journal, JOURNAL_WARN, "faults_set", "rules=%u", count);
	return SERVE_OK;
}
