#include "metrics/health.h"

#include "metrics/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char timed_out[] = "etcdserver: request timed out";
static const char corrupt[] = "etcdserver: corrupt cluster";
static const char no_leader[] = "etcdserver: no leader";

bool metrics_health_parse(const char *path, bool (*excluded)(void *context, const char *check),
			  void *context, struct metrics_health_question *out)
{
	bool ready = strncmp(path, "/readyz", 7) == 0;
	const char *check;

	*out = (struct metrics_health_question){0};
	if (strcmp(path, "/health") == 0) {
		*out = (struct metrics_health_question){
			.json = true, .serializable = true, .linearizable = true};
		return true;
	}
	if (!ready && strncmp(path, "/livez", 6) != 0)
		return false;
	out->alive_is_enough = !ready;
	check = path + (ready ? 7 : 6);
	if (check[0] == '\0') {
		out->serializable = !excluded(context, "serializable_read");
		out->linearizable = ready && !excluded(context, "linearizable_read");
		out->non_learner = ready && !excluded(context, "non_learner");
		return true;
	}
	out->serializable = strcmp(check, "/serializable_read") == 0;
	out->linearizable = ready && strcmp(check, "/linearizable_read") == 0;
	out->non_learner = ready && strcmp(check, "/non_learner") == 0;
	return out->serializable || out->linearizable || out->non_learner;
}

/* Why this member cannot serve its own state, or NULL. A member that has yet to begin is alive. */
static const char *serializable_fault(const struct metrics_health_question *question,
				      const struct metrics_health_answer *answer)
{
	if (answer->read_err == -ETIMEDOUT)
		return timed_out;
	if (!question->alive_is_enough && answer->metrics->diverged)
		return corrupt;
	if (!question->alive_is_enough && answer->metrics->waiting[0])
		return answer->metrics->waiting;
	return NULL;
}

/* Why it cannot serve the cluster's, or NULL. */
static const char *linearizable_fault(const struct metrics_health_answer *answer)
{
	if (answer->metrics->waiting[0])
		return answer->metrics->waiting;
	if (answer->metrics->diverged)
		return corrupt;
	if (!answer->metrics->has_leader)
		return no_leader;
	return answer->confirm_err ? timed_out : NULL;
}

/* Why clients are not to be sent to it, or NULL. */
static const char *learner_fault(const struct metrics_health_answer *answer)
{
	if (answer->metrics->waiting[0])
		return answer->metrics->waiting;
	return answer->metrics->is_learner ? "this member is a learner" : NULL;
}

static bool json_page(const struct metrics_health_question *question,
		      const struct metrics_health_answer *answer, struct metrics_text *t)
{
	const char *fault = serializable_fault(question, answer);
	char reason[METRICS_WAITING_MAX + 64] = "";

	if (fault)
		snprintf(reason, sizeof(reason), "%s%s", fault == timed_out ? "RANGE ERROR:" : "",
			 fault == corrupt ? "ALARM CORRUPT" : fault);
	else if (question->linearizable && !answer->metrics->has_leader)
		snprintf(reason, sizeof(reason), "RAFT NO LEADER");
	else if (question->linearizable && answer->confirm_err)
		snprintf(reason, sizeof(reason), "RANGE ERROR:%s", timed_out);
	/* The words are ours; a name in them may hold what JSON would have to escape. */
	for (char *c = reason; *c; c++) {
		if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ')
			*c = '\'';
	}
	metrics_line(t, "{\"health\":\"%s\",\"reason\":\"%s\"}\n", reason[0] ? "false" : "true",
		     reason);
	return !reason[0];
}

static bool check_line(struct metrics_text *t, bool asked, const char *check, const char *fault)
{
	if (!asked)
		return true;
	if (fault)
		metrics_line(t, "[-]%s failed: %s\n", check, fault);
	else
		metrics_line(t, "[+]%s ok\n", check);
	return !fault;
}

bool metrics_health_page(const struct metrics_health_question *question,
			 const struct metrics_health_answer *answer,
			 char out[METRICS_HEALTH_SIZE_MAX])
{
	struct metrics_text t = {.at = out, .size_max = METRICS_HEALTH_SIZE_MAX};
	bool well;

	out[0] = '\0';
	if (question->json)
		return json_page(question, answer, &t);
	well = check_line(&t, question->serializable, "serializable_read",
			  serializable_fault(question, answer));
	well &= check_line(&t, question->linearizable, "linearizable_read",
			   linearizable_fault(answer));
	well &= check_line(&t, question->non_learner, "non_learner", learner_fault(answer));
	if (well && !question->verbose)
		t.size = 0;
	if (well)
		metrics_line(&t, "ok\n");
	return well;
}
