/*
 * Commands of whoever may open the admin socket: they are no requests, and are done at once.
 */
#include "node/internal.h"

#include <errno.h>
#include <inttypes.h>

static enum serve_status reset(struct node *n, const struct call *call)
{
	int err = node_formation_reset(n);

	(void)call;
	if (!err)
		journal_write(n->journal, JOURNAL_WARN, "formation_reset",
			      "identity=%016" PRIx64 " why=\"asked for: the directory is fresh\"",
			      n->recovered.identity);
	if (err && err != -EBUSY)
		journal_write(n->journal, JOURNAL_ERROR, "formation_reset_failed", "why=\"%s\"",
			      n->error);
	if (!err)
		return SERVE_OK;
	return err == -EBUSY ? SERVE_REFUSED : SERVE_STOPPING;
}

static enum serve_status faults(struct node *n, const struct call *call)
{
	return faults_set(n, call->data, call->size);
}

static const struct {
	enum wire_request kind;
	enum serve_status (*run)(struct node *n, const struct call *call);
} commands[] = {
	{WIRE_FAULT, faults},
	{WIRE_RESET, reset},
};

bool node_admin(void *node, const struct call *call, enum serve_status *status)
{
	struct node *n = node;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if ((uint8_t)commands[i].kind != call->kind)
			continue;
		*status = n->stopping ? SERVE_STOPPING : commands[i].run(n, call);
		return true;
	}
	return false;
}
