/*
 * Questions to nodes, each with a deadline: a paused node accepts a connection and never answers.
 */
#include "tools/lab/ask.h"

#include "tools/endpoint.h"
#include "tools/lab/process.h"
#include "tools/lab/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int lab_ask(const char *socket_path, enum wire_request kind, const char *text, uint32_t timeout_ms,
	    char answer[ASK_TEXT_SIZE])
{
	char address[LAB_PATH_MAX + 8], error[ENDPOINT_ERROR_MAX];
	struct endpoint_answer got;
	struct endpoint *e;
	int rc;

	answer[0] = '\0';
	snprintf(address, sizeof(address), "unix:%s", socket_path);
	rc = endpoint_open(&e, address, error);
	if (rc != 0)
		return rc;
	rc = endpoint_call(e, kind, (const uint8_t *)text, (uint32_t)strlen(text),
			   (uint64_t)timeout_ms * 1000 * 1000, &got);
	if (rc == 0 && got.size >= ASK_TEXT_SIZE)
		rc = -EPROTO;
	if (rc == 0) {
		snprintf(answer, ASK_TEXT_SIZE, "%.*s", (int)got.size, (const char *)got.data);
		rc = (int)got.status;
	}
	endpoint_close(e);
	return rc;
}

static void report_line(struct lab_report *out, const char *key, const char *value)
{
	if (strcmp(key, "role") == 0)
		snprintf(out->role, sizeof(out->role), "%s", value);
	else if (strcmp(key, "member_id") == 0)
		out->member_id = strtoull(value, NULL, 16);
	else if (strcmp(key, "leader") == 0)
		out->leader = strtoull(value, NULL, 16);
	else if (strcmp(key, "raft_term") == 0)
		out->term = strtoull(value, NULL, 10);
	else if (strcmp(key, "raft_index") == 0)
		out->index = strtoull(value, NULL, 10);
	else if (strcmp(key, "raft_applied_index") == 0)
		out->applied = strtoull(value, NULL, 10);
	else if (strcmp(key, "durability") == 0)
		snprintf(out->durability, sizeof(out->durability), "%s", value);
	else if (strcmp(key, "error") == 0 && out->error[0] == '\0')
		snprintf(out->error, sizeof(out->error), "%s", value);
}

void lab_report_parse(struct lab_report *out, const char *text)
{
	*out = (struct lab_report){.answered = true};
	while (*text != '\0') {
		char line[256];
		size_t size = strcspn(text, "\n");
		char *blank;

		snprintf(line, sizeof(line), "%.*s", (int)size, text);
		text += size + (text[size] == '\n');
		blank = strchr(line, ' ');
		if (blank == NULL)
			continue;
		*blank = '\0';
		report_line(out, line, blank + 1);
	}
}

void lab_report_get(const struct lab *lab, uint32_t node, uint32_t timeout_ms,
		    struct lab_report *out)
{
	char path[LAB_PATH_MAX], text[ASK_TEXT_SIZE];
	enum process_state state = lab_process_state(lab, node);
	int rc;

	*out = (struct lab_report){0};
	if (state != PROCESS_RUNS) {
		snprintf(out->error, sizeof(out->error), "%s", process_state_name(state));
		return;
	}
	rc = lab_ask(lab_node_path(lab, node, "/admin.sock", path), WIRE_STATUS, "", timeout_ms,
		     text);
	if (rc == WIRE_OK)
		lab_report_parse(out, text);
	else if (rc == -ENOENT || rc == -ECONNREFUSED)
		snprintf(out->error, sizeof(out->error), "still starting");
	else
		snprintf(out->error, sizeof(out->error), "no answer: %s",
			 rc > 0 ? wire_status_text((enum wire_status)rc) : endpoint_error_text(rc));
}

int lab_report_leader(const struct lab_report *reports, uint32_t node_count)
{
	for (uint32_t i = 0; i < node_count; i++) {
		uint32_t votes = 0;

		if (!reports[i].answered || strcmp(reports[i].role, "leader") != 0)
			continue;
		for (uint32_t j = 0; j < node_count; j++)
			votes += reports[j].answered && reports[j].term == reports[i].term &&
				 reports[j].leader == reports[i].member_id;
		if (votes > node_count / 2)
			return (int)i;
	}
	return -1;
}
