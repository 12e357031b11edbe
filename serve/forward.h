/*
 * Commands on their way from a follower to the leader, in parts: what passes between members, and
 * how it leaves. A forward's id is unique among all that its sender ever sends, in every life of
 * it (R42).
 */
#ifndef SERVE_FORWARD_H
#define SERVE_FORWARD_H

#include "base/parts.h"
#include "raft/types.h"
#include "serve/status.h"

/* A follower's: part of a command. */
struct forward_part {
	uint64_t id;
	struct part part;
};

/* The leader's: all parts below next_part have arrived, and what became of the command. */
struct forward_reply {
	uint64_t id;
	uint32_t next_part;
	enum serve_status status;
	uint64_t retry_after_us; /* with BUSY */
};

struct serve_peers;

struct serve_peers_ops {
	/* Both may be lost on the way. */
	void (*send_part)(struct serve_peers *peers, raft_id to, const struct forward_part *part);
	void (*send_reply)(struct serve_peers *peers, raft_id to,
			   const struct forward_reply *reply);
};

struct serve_peers {
	const struct serve_peers_ops *ops;
};

struct serve;

void serve_forward_part(struct serve *s, raft_id from, const struct forward_part *part);
void serve_forward_reply(struct serve *s, raft_id from, const struct forward_reply *reply);

#endif
