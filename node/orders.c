/*
 * Orders: what the leader is told to do, in lines of words, by whoever may ask this node anything.
 *
 *	move-leader ID		the voter with this id (hexadecimal) is to lead
 *
 * The answer is "done", for it has begun, or "refused" and a sentence. What comes of it is seen in
 * the status of the members: a leader may fall before it does.
 */
#include "node/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ORDER_TEXT_MAX = 1024, WHY_MAX = 256 };

static void move_text(const struct node *n, int err, raft_id to, char why[WHY_MAX])
{
	if (err == -EBUSY)
		snprintf(why, WHY_MAX,
			 "leadership is being handed to member %016" PRIx64 ": try again",
			 raft_get_transfer(n->raft));
	else if (err == -EHOSTUNREACH)
		snprintf(why, WHY_MAX,
			 "bad leader transferee: member %016" PRIx64
			 " was not heard of late, or lost writes",
			 to);
	else
		snprintf(why, WHY_MAX, "bad leader transferee: no voter has the id %016" PRIx64,
			 to);
}

/* Nothing but an id, and what may end a line. False: it is none. */
static bool id_parse(const char *text, raft_id *out)
{
	const size_t digits = strspn(text, "0123456789abcdefABCDEF");

	if (digits == 0 || digits > 16 || (text[digits] && strcmp(text + digits, "\n") != 0))
		return false;
	*out = strtoull(text, NULL, 16);
	return *out != 0;
}

/* "" in why: it has begun. */
static enum serve_status move_leader(struct node *n, const char *rest, char why[WHY_MAX])
{
	raft_id to;
	int err;

	if (!id_parse(rest, &to))
		return SERVE_INVALID;
	err = raft_transfer(n->raft, to);
	if (err == -EREMOTE)
		return SERVE_NOT_LEADER;
	why[0] = '\0';
	if (err && err != -EALREADY)
		move_text(n, err, to, why);
	return SERVE_OK;
}

static const struct {
	const char *word;
	enum serve_status (*run)(struct node *n, const char *rest, char why[WHY_MAX]);
} orders[] = {
	{"move-leader ", move_leader},
};

enum serve_status node_order(struct node *n, const uint8_t *data, uint32_t data_size, char *out,
			     size_t size_max, size_t *size)
{
	char text[ORDER_TEXT_MAX], why[WHY_MAX];
	enum serve_status status = SERVE_INVALID;

	if (data_size >= sizeof(text) || memchr(data, '\0', data_size))
		return SERVE_INVALID;
	memcpy(text, data, data_size);
	text[data_size] = '\0';
	if (!n->raft || raft_leader(n->raft) == 0)
		return SERVE_NO_LEADER;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		const size_t length = strlen(orders[i].word);

		if (strncmp(text, orders[i].word, length) == 0)
			status = orders[i].run(n, text + length, why);
	}
	if (status != SERVE_OK)
		return status;
	*size = (size_t)snprintf(out, size_max, "%s%s\n", why[0] ? "refused " : "done", why);
	return SERVE_OK;
}
