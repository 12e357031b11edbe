/*
 * What is said of a refusal. Before a colon stand etcd's own words, where it refuses the same: who
 * looks for them finds them.
 */
#include "raft/change.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* {id} and {other}: members; {have} and {need}: numbers. */
static const char *const sentence[RAFT_REFUSED_END] = {
	[RAFT_REFUSED_NOT_READY] = "the leader has not committed in its term yet: try again",
	[RAFT_REFUSED_BUSY] =
		"another change of members, at index {have}, is not done: try again when it is",
	[RAFT_REFUSED_NOTHING] = "nothing would change",
	[RAFT_REFUSED_TWICE] = "member {id} is changed twice: one change of each member at a time",
	[RAFT_REFUSED_NOT_FOUND] = "member not found: none has the id {id}",
	[RAFT_REFUSED_ID_IN_USE] = "member ID already exist: {id}",
	[RAFT_REFUSED_PLACE_BAD] = "given member URLs are invalid: no address was given",
	[RAFT_REFUSED_PLACE_IN_USE] =
		"Peer URLs already exists: members {id} and {other} would have one address",
	[RAFT_REFUSED_IDENTITY_BAD] = "member {id} cannot be bound to a directory without identity",
	[RAFT_REFUSED_IDENTITY_IN_USE] =
		"member {id} cannot be bound to the directory of member {other}",
	[RAFT_REFUSED_BOUND] = "member {id} has a directory already: a new one is a new member, "
			       "which replaces it",
	[RAFT_REFUSED_NOT_LEARNER] =
		"can only promote a learner member: member {id} is a voter already",
	[RAFT_REFUSED_NOT_VOTER] = "member {id} is a learner already",
	[RAFT_REFUSED_NOT_STARTED] = "can only promote a learner member which is in sync with "
				     "leader: member {id} was never started",
	[RAFT_REFUSED_NOT_HEARD] = "can only promote a learner member which is in sync with "
				   "leader: the leader does not hear member {id}",
	[RAFT_REFUSED_LOST] = "can only promote a learner member which is in sync with leader: "
			      "member {id} lost writes and is catching up",
	[RAFT_REFUSED_UNCONFIRMED] =
		"can only promote a learner member which is in sync with leader: member {id} was "
		"started, and has not heard what a majority of the others know of it: does it "
		"reach them?",
	[RAFT_REFUSED_BEHIND] = "can only promote a learner member which is in sync with leader: "
				"member {id} is {have} entries behind, and may be {need}, or "
				"takes a snapshot still",
	[RAFT_REFUSED_REPLACED] = "member {other} is to take the place of member {id}: wait until "
				  "it has, or remove {other} or replace it",
	[RAFT_REFUSED_NO_VOTER] = "no voter would be left",
	[RAFT_REFUSED_NO_LEADER] =
		"of the voters that there would be none may lead: each is down, has not caught up, "
		"takes a snapshot still, or has a state that is not the majority's",
	[RAFT_REFUSED_VOTERS_MAX] =
		"there would be {have} voters, with those that are to become one; at most {need}",
	[RAFT_REFUSED_MEMBERS_MAX] = "too many learner members in cluster: at most {need} members, "
				     "and who is removed counts until the change is done",
	[RAFT_REFUSED_NO_QUORUM_NOW] =
		"re-configuration failed due to not enough started members: of the {need} voters "
		"{have} are up and have caught up, which is no majority",
	[RAFT_REFUSED_NO_QUORUM_THEN] =
		"re-configuration failed due to not enough started members: of the {need} voters "
		"that there would be {have} are up and have caught up, which is no majority",
	[RAFT_REFUSED_MOVES] =
		"of the {need} voters {have} would be up, have caught up and stay where they are, "
		"which is no majority: move one member at a time, when the others are up",
	[RAFT_REFUSED_ELSEWHERE] =
		"the leader, member {id}, is not where the member table has it, and the others "
		"answer it there: start it there, or first update its address to where it is",
};

/* What stands in the braces at `name`, and the characters that it takes there; 0: nothing does. */
static size_t value_print(const struct raft_refusal *refusal, const char *name, char out[24])
{
	const struct {
		const char *name;
		uint64_t value;
		bool member;
	} row[] = {
		{"{id}", refusal->id, true},
		{"{other}", refusal->other, true},
		{"{have}", refusal->have, false},
		{"{need}", refusal->need, false},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (strncmp(name, row[i].name, strlen(row[i].name)) != 0)
			continue;
		if (row[i].member)
			snprintf(out, 24, "%016" PRIx64, row[i].value);
		else
			snprintf(out, 24, "%" PRIu64, row[i].value);
		return strlen(row[i].name);
	}
	return 0;
}

void raft_refusal_text(const struct raft_refusal *refusal, char text[RAFT_REFUSAL_TEXT_SIZE])
{
	assert(refusal->reason > 0);
	assert(refusal->reason < RAFT_REFUSED_END);
	size_t used = 0;
	for (const char *p = sentence[refusal->reason]; *p != '\0';) {
		char value[24] = {*p};
		size_t taken = value_print(refusal, p, value);

		p += taken ? taken : 1;
		assert(used + strlen(value) < RAFT_REFUSAL_TEXT_SIZE);
		memcpy(text + used, value, strlen(value));
		used += strlen(value);
	}
	text[used] = '\0';
}
