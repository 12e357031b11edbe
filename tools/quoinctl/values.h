/*
 * Options of single commands: their names, and what each takes; for the command line and for a line
 * of a transaction alike.
 */
#ifndef TOOLS_QUOINCTL_VALUES_H
#define TOOLS_QUOINCTL_VALUES_H

#include "tools/quoinctl/quoinctl.h"

/* clang-format off */
/* X(id, name, kind of its value, field of struct options, group in --help, what it does) */
#define VALUES(X) \
	X(PREFIX, "prefix", SWITCH, prefix, 1, "all keys that start with KEY") \
	X(FROM_KEY, "from-key", SWITCH, from_key, 1, "all keys from KEY on, by bytes") \
	X(REV, "rev", REVISION, revision, 2, "as of this revision; 0: the newest") \
	X(LIMIT, "limit", COUNT, limit, 2, "at most N keys; 0: all") \
	X(ORDER, "order", ORDER, order, 2, "ASCEND, the default, or DESCEND") \
	X(SORT_BY, "sort-by", TARGET, target, 2, \
	  "KEY, the default, CREATE, MODIFY, VALUE or VERSION") \
	X(KEYS_ONLY, "keys-only", SWITCH, keys_only, 2, "keys without values") \
	X(COUNT_ONLY, "count-only", SWITCH, count_only, 2, "only how many there are") \
	X(MIN_MOD, "min-mod-rev", REVISION, min_mod_revision, 2, \
	  "those alone that were changed at this revision or later") \
	X(MAX_MOD, "max-mod-rev", REVISION, max_mod_revision, 2, \
	  "those alone that were changed at this revision or earlier") \
	X(MIN_CREATE, "min-create-rev", REVISION, min_create_revision, 2, \
	  "those alone that were created at this revision or later") \
	X(MAX_CREATE, "max-create-rev", REVISION, max_create_revision, 2, \
	  "those alone that were created at this revision or earlier") \
	X(CONSISTENCY, "consistency", CONSISTENCY, serializable, 2, \
	  "l: linearizable, the default; s: what the member that is asked has applied") \
	X(PRINT_VALUE_ONLY, "print-value-only", SWITCH, print_value_only, 2, "values without keys") \
	X(PREV_KV, "prev-kv", SWITCH, prev_kv, 3, "prints what was there before") \
	X(IGNORE_VALUE, "ignore-value", SWITCH, ignore_value, 3, "put: the value stays as it is") \
	X(IGNORE_LEASE, "ignore-lease", SWITCH, ignore_lease, 3, "put: the lease stays as it is") \
	X(HEX, "hex", SWITCH, hex, 4, "get, put, del, txn: prints each byte as \\x and two digits") \
	X(INTERACTIVE, "interactive", SWITCH, interactive, 4, "txn: prompts for each part (-i)") \
	X(PHYSICAL, "physical", SWITCH, physical, 4, \
	  "compaction: waits until the memory was given back") \
	X(CLUSTER, "cluster", SWITCH, cluster, 4, \
	  "endpoint: of all members, found from the endpoints") \
	X(LEARNER, "learner", SWITCH, learner, 4, \
	  "member add: it is not to vote, also when it has caught up") \
	X(NAME, "name", NAME, name, 5, "of the member whose directory it is to be") \
	X(INITIAL_CLUSTER, "initial-cluster", LIST, initial_cluster, 5, \
	  "of the new cluster, like n1=10.0.0.1:2380,n2=10.0.0.2:2380") \
	X(INITIAL_CLUSTER_TOKEN, "initial-cluster-token", NAME, initial_cluster_token, 5, \
	  "likewise; default quoin-cluster") \
	X(DATA_DIR, "data-dir", DIRECTORY, data_dir, 5, "where to make it: empty, or not there yet") \
	X(BUMP_REVISION, "bump-revision", BUMP, bump_revision, 5, \
	  "the revision is higher by so many, so that none is given again; with --mark-compacted") \
	X(MARK_COMPACTED, "mark-compacted", SWITCH, mark_compacted, 5, \
	  "and what is older than that one is compacted")
/* clang-format on */

enum value_id {
#define VALUE_ID(id, ...) VALUE_##id,
	VALUES(VALUE_ID)
#undef VALUE_ID
		VALUE_COUNT
};

/* Sets of them. */
enum {
#define VALUE_BIT(id, ...) OPTION_##id = 1 << VALUE_##id,
	VALUES(VALUE_BIT)
#undef VALUE_BIT

		OPTIONS_RANGE = OPTION_PREFIX | OPTION_FROM_KEY,
	OPTIONS_RESTORE = OPTION_NAME | OPTION_INITIAL_CLUSTER | OPTION_INITIAL_CLUSTER_TOKEN |
			  OPTION_DATA_DIR | OPTION_BUMP_REVISION | OPTION_MARK_COMPACTED,
	OPTIONS_PUT = OPTION_PREV_KV | OPTION_IGNORE_VALUE | OPTION_IGNORE_LEASE,
	OPTIONS_DELETE = OPTIONS_RANGE | OPTION_PREV_KV,
	OPTIONS_GET = OPTIONS_RANGE | OPTION_KEYS_ONLY | OPTION_COUNT_ONLY | OPTION_LIMIT |
		      OPTION_REV | OPTION_ORDER | OPTION_SORT_BY | OPTION_MIN_MOD | OPTION_MAX_MOD |
		      OPTION_MIN_CREATE | OPTION_MAX_CREATE,
};

static_assert(VALUE_COUNT < 32, "a bit each");

/* Of --lease, which etcdctl's put has. */
#define WHY_LEASE "there are no leases yet"

/* VALUE_COUNT: there is none of this name. */
enum value_id value_named(const char *name);
const char *value_name(enum value_id id);
/* Its name alone means true, and a value is behind "=" only. */
bool value_is_switch(enum value_id id);

/*
 * Takes the value of an option, NULL for a switch without one, and sets its bit; of a switch that
 * is off, resets it: that stands in nobody's way. False: error says what would be right.
 */
bool value_take(enum value_id id, const char *text, struct options *o, unsigned int *set,
		char error[ERROR_SIZE]);

/* Of an option that is in `set` and not in `known`; NULL: there is none. */
const char *value_unknown(unsigned int set, unsigned int known);

#endif
