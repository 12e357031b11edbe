/*
 * quoinctl's inside: what the command line said, and what the commands share.
 *
 * Words and shapes are etcdctl's (3.5), so that what reads its output reads this.
 */
#ifndef TOOLS_QUOINCTL_QUOINCTL_H
#define TOOLS_QUOINCTL_QUOINCTL_H

#include "base/exits.h"
#include "dataplane/wire.h"
#include "kv/command.h"
#include "tools/client/status.h"

#include <stdio.h>

enum quoinctl_exits {
	EXIT_ANSWERED = EXITS_DONE,
	EXIT_FAILED = EXITS_FAILED,
	EXIT_MISUSED = EXITS_USAGE,
	EXIT_UNCERTAIN = 3, /* a command that may have been done, or was, unseen */
};

enum {
	ENDPOINTS_MAX = 64,
	WORDS_MAX = 8,
	DURATION_SIZE = 32,
	ERROR_SIZE = 512,
};

enum format { FORMAT_SIMPLE, FORMAT_TABLE, FORMAT_JSON, FORMAT_FIELDS };

struct options {
	enum format format;
	uint64_t timeout_ns;
	bool timeout_given;
	uint32_t endpoint_count;
	struct endpoint *endpoint[ENDPOINTS_MAX];

	/* Of single commands. */
	bool prefix, from_key, keys_only, count_only, print_value_only, hex, serializable;
	bool prev_kv, ignore_value, ignore_lease, interactive, physical, cluster, learner;
	uint64_t limit, revision;
	uint64_t min_mod_revision, max_mod_revision, min_create_revision, max_create_revision;
	enum kv_order order;
	enum kv_target target;
	uint64_t bump_revision;
	bool mark_compacted;
	const char *name, *initial_cluster, *initial_cluster_token, *data_dir; /* or NULL */

	uint32_t word_count; /* of the command, after its name */
	const char *word[WORDS_MAX];
};

int command_put(const struct options *options);
int command_get(const struct options *options);
int command_delete(const struct options *options);
int command_txn(const struct options *options);
int command_compaction(const struct options *options);
int command_hashkv(const struct options *options);
int command_check(const struct options *options);
int command_health(const struct options *options);
int command_status(const struct options *options);
int command_overview(const struct options *options);
int command_member_list(const struct options *options);
int command_member_add(const struct options *options);
int command_member_promote(const struct options *options);
int command_member_demote(const struct options *options);
int command_member_remove(const struct options *options);
int command_member_update(const struct options *options);
int command_member_replace(const struct options *options);
int command_move_leader(const struct options *options);
int command_snapshot_save(const struct options *options);
int command_snapshot_restore(const struct options *options);
int command_snapshot_status(const struct options *options);

/* admin.c: a command that a member does at once, and answers by a status. */
struct admin {
	enum wire_request kind;
	const char *done;    /* what is so now */
	const char *refused; /* why a member may refuse */
};

int command_admin(const struct options *options, const char *name, const struct admin *admin);

/* "Error: ..." on stderr. Returns `status`, for the caller to return. */
__attribute__((format(printf, 2, 3))) int complain(int status, const char *format, ...);

/* node.c: requests to whichever endpoint answers. */
struct reply {
	struct wire_hello node; /* who answered */
	const uint8_t *data;    /* valid until the next request to the same endpoint */
	uint32_t size;
	struct endpoint *endpoint;
	bool learners; /* whoever was asked is one, and nobody else is there */
};

/*
 * Asks the endpoints in order until one answers, all within the timeout. A command may be asked of
 * several: it carries one session and one sequence, and is applied once. 0, or an exit status with
 * error, which says of a command whether it may have been done.
 */
int ask(const struct options *options, enum wire_request kind, struct kv_request *request,
	struct reply *out, char error[ERROR_SIZE]);

#define WAS_REMOVED "this member was removed from the cluster: name another one"

/* `node` is how it has greeted. */
bool was_removed(struct endpoint *e, const struct wire_hello *node, uint64_t timeout_ns);

/* text.c: durations, sizes, tables, JSON's strings. */

/* "5s", "1.5s", "500ms", "1m30s". False: it is none. */
bool duration_parse(const char *text, uint64_t *out_ns);
/* As Go prints it, with "us" for the micro sign. */
void duration_text(uint64_t ns, char out[DURATION_SIZE]);
/* "20 kB", as etcdctl says it. */
void bytes_text(uint64_t size, char out[DURATION_SIZE]);

/* rows x columns, the first row being the header. */
void table_print(const char *const *cells, uint32_t rows, uint32_t columns);

void json_text(const char *text);                  /* quoted and escaped */
void json_bytes(const uint8_t *data, size_t size); /* base64, quoted */
void json_header(const struct wire_hello *node, uint64_t revision, uint64_t term);
void header_fields(const struct wire_hello *node, uint64_t revision, uint64_t term);

#endif
