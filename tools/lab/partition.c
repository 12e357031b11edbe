/*
 * Partitions: text to a matrix of who hears whom, matrix to rules of one node.
 */
#include "tools/lab/partition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	const char *text; /* the whole, for messages */
	const char *at;
	uint32_t nodes;
	char *error;
};

static int refuse(const struct reading *r, const char *why)
{
	char numbers[4 * LAB_NODES_MAX] = "";

	for (uint32_t i = 0; i < LAB_NODES_MAX; i++) {
		size_t used = strlen(numbers);

		if ((r->nodes >> i & 1) != 0)
			snprintf(numbers + used, sizeof(numbers) - used, "%s%u",
				 used > 0 ? "," : "", i + 1);
	}
	snprintf(r->error, PARTITION_ERROR_SIZE,
		 "partition %.48s: %s: groups of the nodes %s, such as 1|2,3 or, one way, 1>2,3; "
		 "before them, if they are not to be cut off, a word such as in 'loss 10 1|2'",
		 r->text, why, numbers);
	return -EINVAL;
}

/* "1" or "16" at *at, which it moves behind: from 0; -1: it is none. */
static int node_number(const char **at)
{
	int number = 0;

	if (**at < '1' || **at > '9')
		return -1;
	for (; **at >= '0' && **at <= '9'; ++*at)
		number = number > LAB_NODES_MAX ? number : 10 * number + (**at - '0');
	return number - 1;
}

/* "2,3": a set of nodes as bits. */
static int take_group(struct reading *r, uint32_t *group)
{
	*group = 0;
	for (;;) {
		int node;

		if (*r->at == 'n')
			r->at++;
		node = node_number(&r->at);
		if (node < 0)
			return refuse(r, "no node number");
		if (node >= LAB_NODES_MAX || (r->nodes >> node & 1) == 0)
			return refuse(r, "no such node");
		*group |= 1u << node;
		if (*r->at != ',')
			return 0;
		r->at++;
	}
}

static void set(bool on[LAB_NODES_MAX][LAB_NODES_MAX], uint32_t from, uint32_t to)
{
	for (uint32_t i = 0; i < LAB_NODES_MAX; i++) {
		for (uint32_t j = 0; j < LAB_NODES_MAX; j++) {
			if ((from >> i & 1) != 0 && (to >> j & 1) != 0)
				on[i][j] = true;
		}
	}
}

/* The words, and what a number of theirs is to the node: percent are millionths, ms are us. */
static const struct word {
	const char *word, *rule;
	uint32_t numbers_max, factor, limit;
} words[] = {
	{"loss", "drop", 1, 10000, 100},       {"duplicate", "duplicate", 1, 10000, 100},
	{"reorder", "reorder", 1, 10000, 100}, {"delay", "delay", 2, 1000, 10000},
	{"mtu", "mtu", 1, 1, 65535},
};

static bool take_number(struct reading *r, uint32_t limit, uint32_t *out)
{
	char *end;
	unsigned long number;

	if (*r->at < '0' || *r->at > '9')
		return false;
	number = strtoul(r->at, &end, 10);
	if ((*end != ' ' && *end != '\0') || number == 0 || number > limit)
		return false;
	*out = (uint32_t)number;
	r->at = end + (*end == ' ');
	return true;
}

/* The numbers behind a word; behind them begin the groups. */
static int take_numbers(struct reading *r, const struct word *word, struct partition_fault *f)
{
	char range[64];
	size_t digits;

	while (f->number_count < word->numbers_max &&
	       take_number(r, word->limit, &f->number[f->number_count]))
		f->number[f->number_count++] *= word->factor;
	digits = strspn(r->at, "0123456789");
	if (digits > 0 && (r->at[digits] == ' ' || r->at[digits] == '\0') &&
	    f->number_count < word->numbers_max) {
		snprintf(range, sizeof(range), "a number is out of range, 1 to %u", word->limit);
		return refuse(r, range);
	}
	if (digits > 0 && r->at[digits] == ' ')
		return refuse(r, "a number too many");
	if (f->number_count == 0)
		return refuse(r, "no number");
	return *r->at == '\0' ? refuse(r, "the groups are missing") : 0;
}

/* "delay 20 10 ": what happens to frames between the groups that follow. */
static int take_word(struct reading *r, struct partition *out, struct partition_fault **fault)
{
	size_t length = strcspn(r->at, " ");

	*fault = NULL;
	if (*r->at < 'a' || *r->at > 'z')
		return 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct partition_fault *f = &out->fault[out->fault_count];

		if (strlen(words[i].word) != length || strncmp(words[i].word, r->at, length) != 0)
			continue;
		if (out->fault_count == LAB_PARTITIONS_MAX)
			return refuse(r, "too many");
		r->at += length + (r->at[length] == ' ');
		*f = (struct partition_fault){.what = words[i].rule};
		if (take_numbers(r, &words[i], f) != 0)
			return -EINVAL;
		out->fault_count++;
		*fault = f;
		return 0;
	}
	/* A node's name has no blank behind it. */
	return r->at[length] == '\0' ? 0 : refuse(r, "no such word");
}

static void add(struct partition *p, struct partition_fault *fault, uint32_t from, uint32_t to)
{
	set(fault ? fault->on : p->drop, from, to);
}

static int take_groups(struct reading *r, struct partition *out, struct partition_fault *fault)
{
	uint32_t seen = 0, group = 0;
	char between = '\0';

	for (uint32_t groups = 0;; groups++) {
		uint32_t earlier = group;

		if (take_group(r, &group) != 0)
			return -EINVAL;
		if ((seen & group) != 0)
			return refuse(r, "a node in two groups");
		if (between == '|') {
			add(out, fault, seen, group);
			add(out, fault, group, seen);
		} else if (between == '>') {
			add(out, fault, earlier, group);
		}
		seen |= group;
		if (*r->at == '\0' && groups > 0)
			return 0;
		if ((*r->at != '|' && *r->at != '>') || (between != '\0' && *r->at != between) ||
		    (between == '>' && groups > 0))
			return refuse(r, groups == 0 ? "one group alone" : "no list of groups");
		between = *r->at++;
	}
}

/* "1", "n1" or "leader" at *at, which it moves behind: the node's index, or -1. */
static int named(const char **at, int leader)
{
	static const char word[] = "leader";
	const char *digit = *at + (**at == 'n');

	if (strncmp(*at, word, sizeof(word) - 1) == 0) {
		*at += sizeof(word) - 1;
		return leader;
	}
	if (*digit < '1' || *digit > '9')
		return -1;
	*at = digit;
	return node_number(at);
}

/* The groups begin behind the last blank. */
static const char *groups_of(const char *text)
{
	const char *blank = strrchr(text, ' ');

	return blank ? blank + 1 : text;
}

int partition_expand(char *out, size_t size, const char *text, int leader, uint32_t nodes,
		     char error[PARTITION_ERROR_SIZE])
{
	static const char rest[] = "rest";
	const char *groups = groups_of(text), *at = groups;
	size_t used = (size_t)snprintf(out, size, "%.*s", (int)(groups - text), text);
	uint32_t seen = 0;

	while (*at != '\0') {
		int node = named(&at, leader);

		if (node >= 0 && node < LAB_NODES_MAX)
			seen |= 1u << node;
		else if (node < 0)
			at++;
	}
	for (at = groups; *at != '\0' && used < size;) {
		const char *before = at;
		int node = named(&at, leader);

		if (node >= 0) {
			used += (size_t)snprintf(out + used, size - used, "%d", node + 1);
		} else if (strncmp(at, rest, sizeof(rest) - 1) == 0) {
			at += sizeof(rest) - 1;
			for (uint32_t i = 0, count = 0; i < LAB_NODES_MAX && used < size; i++) {
				if ((nodes >> i & 1) != 0 && (seen >> i & 1) == 0)
					used += (size_t)snprintf(out + used, size - used, "%s%u",
								 count++ > 0 ? "," : "", i + 1);
			}
		} else {
			used += (size_t)snprintf(out + used, size - used, "%c", *before);
			at = before + 1;
		}
	}
	if (used < size)
		return 0;
	snprintf(error, PARTITION_ERROR_SIZE, "partition %.48s: too long", text);
	return -EINVAL;
}

static const char hang[] = "hang ";

static int take_hang(struct reading *r, struct partition *out)
{
	uint32_t group;

	r->at += sizeof(hang) - 1;
	if (take_group(r, &group) != 0)
		return -EINVAL;
	if (*r->at != '\0')
		return refuse(r, "a disk that hangs is between no nodes");
	out->hangs |= group;
	return 0;
}

int partition_parse(struct partition *out, const char *text, uint32_t nodes,
		    char error[PARTITION_ERROR_SIZE])
{
	struct reading r = {text, text, nodes, error};
	struct partition_fault *fault;
	int err;

	if (strncmp(text, hang, sizeof(hang) - 1) == 0)
		return take_hang(&r, out);
	err = take_word(&r, out, &fault);
	return err != 0 ? err : take_groups(&r, out, fault);
}

/* Of one node towards another. */
static size_t fault_rules(const struct partition *p, uint32_t node, uint32_t other, char *out,
			  size_t size)
{
	size_t used = 0;

	for (uint32_t i = 0; i < p->fault_count; i++) {
		const struct partition_fault *f = &p->fault[i];

		if (!f->on[node][other])
			continue;
		snprintf(out + used, size - used, "%s tx " LAB_NET "%u %u", f->what, other + 1,
			 f->number[0]);
		used += strlen(out + used);
		if (f->number_count > 1)
			snprintf(out + used, size - used, " %u", f->number[1]);
		used += strlen(out + used);
		snprintf(out + used, size - used, "\n");
		used += strlen(out + used);
	}
	return used;
}

void partition_rules(const struct partition *p, uint32_t node, char out[PARTITION_RULES_SIZE])
{
	size_t used = 0;

	out[0] = '\0';
	if ((p->hangs >> node & 1) != 0)
		used = (size_t)snprintf(out, PARTITION_RULES_SIZE, "hang disk\n");
	for (uint32_t other = 0; other < LAB_NODES_MAX; other++) {
		bool tx = p->drop[node][other], rx = p->drop[other][node];

		used += fault_rules(p, node, other, out + used, PARTITION_RULES_SIZE - used);
		if (!tx && !rx)
			continue;
		snprintf(out + used, PARTITION_RULES_SIZE - used, "drop %s " LAB_NET "%u\n",
			 tx && rx ? "both"
			 : tx     ? "tx"
				  : "rx",
			 other + 1);
		used += strlen(out + used);
	}
}
