#include "tools/lab/members.h"

#include "base/clock.h"
#include "base/status.h"
#include "tools/lab/ask.h"
#include "tools/lab/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 500, ORDER_MS = 1000, LINE_SIZE = 512, VALUE_SIZE = 64 };

/* The value behind " KEY=" of a line, "" if it has none: whatever else stands there. */
static const char *value_of(const char *line, const char *key, char out[VALUE_SIZE])
{
	char word[32];
	const char *at;

	snprintf(word, sizeof(word), " %s=", key);
	at = strstr(line, word);
	if (at)
		at += strlen(word);
	snprintf(out, VALUE_SIZE, "%.*s", at ? (int)strcspn(at, " ") : 0, at ? at : "");
	return out;
}

/* "NAME id=ID address=A ... state=S bound=B replaces=ID name=N". */
static bool member_parse(struct lab_member *m, const char *line)
{
	char value[VALUE_SIZE];

	*m = (struct lab_member){
		.id = strtoull(value_of(line, "id", value), NULL, 16),
		.bound = strcmp(value_of(line, "bound", value), "1") == 0,
		.named = *value_of(line, "name", value) && strcmp(value, "-") != 0,
		.replaces = strtoull(value_of(line, "replaces", value), NULL, 16),
	};
	snprintf(m->place, sizeof(m->place), "%.31s", value_of(line, "address", value));
	snprintf(m->state, sizeof(m->state), "%.15s", value_of(line, "state", value));
	return m->id != 0;
}

void lab_members_parse(struct lab_members *out, const char *text, size_t size)
{
	const char *at = text, *end = text + size;
	struct status_line line;
	char value[LINE_SIZE], index[24], commit[24];

	out->count = 0;
	while (out->count < LAB_NODES_MAX && status_line_next(&at, end, &line)) {
		if (line.key_size != 6 || memcmp(line.key, "member", 6) != 0)
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)line.value_size, line.value);
		out->count += member_parse(&out->member[out->count], value);
	}
	status_value(text, size, "members_index", index, sizeof(index));
	status_value(text, size, "commit_index", commit, sizeof(commit));
	out->committed = strtoull(index, NULL, 10) <= strtoull(commit, NULL, 10);
}

static int table_ask(const struct lab *lab, struct lab_members *out)
{
	struct address address;
	struct status status;
	struct endpoint *e;
	const char *text;
	size_t size;
	int err;

	lab_socket(lab, (uint32_t)out->leader, &address);
	err = endpoint_create(&e, &address);
	if (err)
		return err;
	err = status_ask_text(e, ASK_MS * CLOCK_MS, &status, &text, &size);
	if (!err && strcmp(status.role, "leader") != 0)
		err = -ESRCH;
	if (!err)
		lab_members_parse(out, text, size);
	out->cluster_id = status.cluster_id;
	endpoint_close(e);
	return err > 0 ? -EIO : err;
}

int lab_members_get(const struct lab *lab, struct lab_members *out)
{
	struct lab_report reports[LAB_NODES_MAX];

	out->leader = lab_reports_get(lab, ASK_MS, reports);
	return out->leader < 0 ? -ESRCH : table_ask(lab, out);
}

const char *lab_node_place(uint32_t node, char out[LAB_PLACE_SIZE])
{
	snprintf(out, LAB_PLACE_SIZE, LAB_NET "%u:%d", node + 1, WIRE_PORT_PEER);
	return out;
}

const struct lab_member *lab_members_next(const struct lab_members *m, const char *place,
					  uint32_t *at)
{
	while (*at < m->count) {
		const struct lab_member *one = &m->member[(*at)++];

		if (strcmp(one->place, place) == 0)
			return one;
	}
	return NULL;
}

const struct lab_member *lab_members_find(const struct lab_members *m, uint64_t id)
{
	for (uint32_t i = 0; i < m->count; i++) {
		if (m->member[i].id == id)
			return &m->member[i];
	}
	return NULL;
}

bool lab_members_lack(const struct lab_members *m, const struct lab *lab, uint32_t node,
		      const struct status *s)
{
	char place[LAB_PLACE_SIZE];
	uint32_t at = 0;

	if (!m->committed || m->count == 0 || lab->node[node].change != LAB_STAYS)
		return false;
	if (s->cluster_id != 0 && s->cluster_id != m->cluster_id)
		return false;
	return !lab_members_next(m, lab_node_place(node, place), &at) &&
	       !(s->member_id != 0 && lab_members_find(m, s->member_id));
}

int lab_members_lack_say(const struct lab *lab, uint32_t node)
{
	return lab_fail("n%u is no member of the cluster: quoin-lab remove %u takes it out of the "
			"lab, quoin-lab add makes another one (--dir %s)",
			node + 1, node + 1, lab->dir);
}

enum lab_verdict lab_order_judge(unsigned int status, const char *answer, size_t size,
				 char why[LAB_WHY_SIZE])
{
	static const char refused[] = "refused ";
	const size_t length = sizeof(refused) - 1;

	if (status != WIRE_OK) {
		snprintf(why, LAB_WHY_SIZE, "%s", endpoint_error_text((int)status));
		if (status_row(status)->done != STATUS_NOTHING)
			return LAB_ORDER_UNKNOWN;
		return status_row(status)->again ? LAB_ORDER_LATER : LAB_ORDER_REFUSED;
	}
	if (size >= 4 && memcmp(answer, "done", 4) == 0)
		return LAB_ORDER_BEGUN;
	if (size <= length || memcmp(answer, refused, length) != 0) {
		snprintf(why, LAB_WHY_SIZE,
			 "the leader's answer cannot be read: is it another release?");
		return LAB_ORDER_UNKNOWN;
	}
	snprintf(why, LAB_WHY_SIZE, "%.*s", (int)(size - length), answer + length);
	why[strcspn(why, "\n")] = '\0';
	/* A leader of a moment ago has not committed, or has heard from nobody yet. */
	return strstr(why, "try again") || strstr(why, "not enough started members")
		       ? LAB_ORDER_LATER
		       : LAB_ORDER_REFUSED;
}

enum lab_verdict lab_order(const struct lab *lab, uint32_t leader, const char *line,
			   char why[LAB_WHY_SIZE])
{
	struct endpoint_answer answer;
	enum lab_verdict verdict = LAB_ORDER_LATER;
	struct address address;
	struct endpoint *e;
	int err;

	lab_socket(lab, leader, &address);
	err = endpoint_create(&e, &address);
	if (err) {
		snprintf(why, LAB_WHY_SIZE, "%s", strerror(-err));
		return LAB_ORDER_LATER;
	}
	err = endpoint_call(e, WIRE_ORDER, (const uint8_t *)line, (uint32_t)strlen(line),
			    ORDER_MS * CLOCK_MS, &answer);
	if (!err) {
		verdict =
			lab_order_judge(answer.status, (const char *)answer.data, answer.size, why);
	} else {
		snprintf(why, LAB_WHY_SIZE, "n%u: %s", leader + 1, endpoint_error_text(err));
		if (err != -ECONNREFUSED && err != -ENOENT)
			verdict = LAB_ORDER_UNKNOWN;
	}
	endpoint_close(e);
	return verdict;
}
