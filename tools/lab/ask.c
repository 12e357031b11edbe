#include "tools/lab/ask.h"

#include "base/clock.h"
#include "tools/lab/process.h"
#include "tools/lab/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void lab_socket(const struct lab *lab, uint32_t node, struct address *out)
{
	char path[LAB_PATH_MAX], text[LAB_PATH_MAX + 8], error[ADDRESS_ERROR_MAX];
	int err;

	lab_node_path(lab, node, "/admin.sock", path);
	snprintf(text, sizeof(text), "unix:%s", path);
	err = address_parse(out, text, error);
	/* LAB_BASE_MAX leaves room for it. */
	assert(!err);
}

int lab_tell(const struct lab *lab, uint32_t node, enum wire_request kind, const char *text,
	     uint32_t timeout_ms)
{
	struct endpoint_answer answer;
	struct address address;
	struct endpoint *e;
	int err;

	lab_socket(lab, node, &address);
	err = endpoint_create(&e, &address);
	if (err)
		return err;
	err = endpoint_call(e, kind, (const uint8_t *)text, (uint32_t)strlen(text),
			    timeout_ms * CLOCK_MS, &answer);
	endpoint_close(e);
	return err ? err : (int)answer.status;
}

void lab_report_get(const struct lab *lab, uint32_t node, uint32_t timeout_ms,
		    struct lab_report *out)
{
	enum process_state state = lab_process_state(lab, node);
	struct address address;
	int err;

	*out = (struct lab_report){0};
	if (state != PROCESS_RUNS) {
		snprintf(out->why, sizeof(out->why), "%s", process_state_name(state));
		return;
	}
	lab_socket(lab, node, &address);
	err = status_ask_once(&address, timeout_ms * CLOCK_MS, &out->status);
	out->answered = !err;
	if (err == -ENOENT || err == -ECONNREFUSED)
		snprintf(out->why, sizeof(out->why), "still starting");
	else if (err)
		snprintf(out->why, sizeof(out->why), "no answer: %s", endpoint_error_text(err));
}

const char *lab_report_error(const struct lab_report *r)
{
	return r->answered ? r->status.error[0] : r->why;
}

static bool among(uint32_t nodes, uint32_t node)
{
	return (nodes >> node & 1) != 0;
}

int lab_report_leader(const struct lab_report *reports, uint32_t nodes)
{
	for (uint32_t i = 0; i < LAB_NODES_MAX; i++) {
		const struct status *leader = &reports[i].status;
		uint32_t votes = 0;

		if (!among(nodes, i) || !reports[i].answered || strcmp(leader->role, "leader") != 0)
			continue;
		for (uint32_t j = 0; j < LAB_NODES_MAX; j++)
			votes += among(nodes, j) && reports[j].answered &&
				 !reports[j].status.learner &&
				 reports[j].status.term == leader->term &&
				 reports[j].status.leader == leader->member_id;
		if (2 * votes > leader->voters)
			return (int)i;
	}
	return -1;
}

int lab_reports_get(const struct lab *lab, uint32_t timeout_ms,
		    struct lab_report reports[LAB_NODES_MAX])
{
	for (uint32_t i = 0; lab_node_next(lab, &i); i++)
		lab_report_get(lab, i, timeout_ms, &reports[i]);
	return lab_report_leader(reports, lab->nodes);
}
