/*
 * How requests end on a running cluster, by each way to it: over UDP and by the local socket, at
 * the leader and at a follower. What cannot be provoked here is tried in
 * tests/unit/tools/quoinctl_statuses_test.c.
 */
#include "base/status.h"
#include "dataplane/wire.h"
#include "kv/command.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/crowd.h"
#include "tests/e2e/http.h"
#include "tests/e2e/load.h"
#include "tests/unit/test.h"
#include "tools/client/endpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	VALUE_SIZE = 1 << 20,
	QUOTA_MIB = 16, /* the least that there may be */
	AT_ONCE_MS = 2000,
	CROWD = 1024, /* SHARE_OPEN_ALONE: so many one source may have open while it is alone */
	CROWD_STEP = 32,
	METRICS_PORT = 2381, /* n1's */
	MOVES = 50,
};

#define CALL_NS 5000000000u

static struct cluster c;
static struct run out;

struct path {
	bool local, leader;
};

static const struct path paths[] = {{false, true}, {false, false}, {true, true}, {true, false}};

static const char *endpoint_of(const struct path *p, uint32_t leader, char text[128])
{
	uint32_t node = p->leader ? leader : leader % c.nodes + 1;

	return p->local ? cluster_admin(&c, node, text) : cluster_endpoint(&c, node, text);
}

/* A put that is no command-line's, as large as may be. */
static enum wire_status put(const char *endpoint, const char *key, const uint8_t *value,
			    uint32_t size, uint64_t sequence)
{
	struct kv_request request = {
		.operation = KV_PUT,
		.session = 77,
		.sequence = sequence,
		.key = {(const uint8_t *)key, (uint32_t)strlen(key)},
		.value = {value, size},
	};
	uint8_t *bytes = malloc(kv_request_size(&request));
	char error[ADDRESS_ERROR_MAX];
	struct endpoint_answer answer;
	struct endpoint *e;
	int err;

	assert_non_null(bytes);
	assert_int_equal(endpoint_open(&e, endpoint, error), 0);
	kv_request_encode(&request, bytes);
	err = endpoint_call(e, WIRE_COMMAND, bytes, (uint32_t)kv_request_size(&request), CALL_NS,
			    &answer);
	require(&c, !err, "%s: %s", endpoint, endpoint_error_text(err));
	endpoint_close(e);
	free(bytes);
	return answer.status;
}

/* All nodes anew, with as little room as may be. */
static void restart_with_a_small_quota(void)
{
	char line[64];

	snprintf(line, sizeof(line), "quota-backend-bytes: %dMiB\n", QUOTA_MIB);
	for (uint32_t node = 1; node <= c.nodes; node++) {
		cluster_lab(&c, "kill %u", node);
		cluster_configure(&c, node, line);
	}
	for (uint32_t node = 1; node <= c.nodes; node++)
		cluster_lab(&c, "restart %u", node);
}

static void expect_on(const struct path *p, uint32_t leader, int status, const char *says,
		      const char *words)
{
	uint64_t begin = clock_ms();
	char text[128];

	run(&out, "quoinctl", "--endpoints %s %s", endpoint_of(p, leader, text), words);
	require(&c, out.status == status && strstr(out.text, says), "%s of %s: exit %d: %s", words,
		text, out.status, out.text);
	require(&c, clock_ms() - begin < AT_ONCE_MS, "it took %" PRIu64 " ms", clock_ms() - begin);
}

static bool says_nearly_full(uint32_t leader)
{
	char text[128];

	run(&out, "quoinctl", "--endpoints %s endpoint status -w fields",
	    cluster_admin(&c, leader, text));
	return strstr(out.text, "of quota-backend-bytes: when it is full no more is put");
}

/* Now the leader has the room of what was deleted. */
static void compact(uint32_t leader)
{
	char text[128];
	const char *revision;

	run(&out, "quoinctl", "--endpoints %s -w json get small", cluster_admin(&c, leader, text));
	revision = strstr(out.text, "\"revision\":");
	require(&c, out.status == 0 && revision, "exit %d: %s", out.status, out.text);
	uint64_t number = strtoull(revision + strlen("\"revision\":"), NULL, 10);

	run(&out, "quoinctl", "--endpoints %s compaction --physical %" PRIu64, text, number);
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
}

static void F5_a_full_store_is_told_at_once_on_each_path(void **state)
{
	static uint8_t value[VALUE_SIZE];
	uint32_t leader;
	char text[128], key[16];

	(void)state;
	cluster_up(&c, 3, "packet", "");
	cluster_enter(&c);
	restart_with_a_small_quota();
	leader = cluster_wait_leader(&c, 0);
	for (int i = 0;; i++) {
		enum wire_status status;

		snprintf(key, sizeof(key), "fill/%02d", i);
		status = put(endpoint_of(&paths[i % 4], leader, text), key, value, VALUE_SIZE,
			     (uint64_t)i + 1);
		require(&c, i <= QUOTA_MIB, "there is no end to it");
		if (status == WIRE_NO_SPACE)
			break;
		require(&c, status == WIRE_OK, "%s", status_row(status)->words);
	}
	for (int i = 0; i < 4; i++) {
		expect_on(&paths[i], leader, 0, "OK", "put small x");
		/* Large ones in parts, and one that is small enough for one part. */
		require(&c,
			put(endpoint_of(&paths[i], leader, text), "large", value, VALUE_SIZE,
			    100 + (uint64_t)i) == WIRE_NO_SPACE,
			"%s takes it", text);
	}
	for (uint32_t size = VALUE_SIZE / 2, i = 0; size > 256; size /= 2, i++) {
		snprintf(key, sizeof(key), "rest/%02u", i);
		put(endpoint_of(&paths[0], leader, text), key, value, size, 300 + i);
	}
	for (int i = 0; i < 4; i++) {
		char line[900] = "put one-part ";

		memset(line + strlen(line), 'v', 800);
		expect_on(&paths[i], leader, 1,
			  "Error: etcdserver: mvcc: database space exceeded (nothing was done)\n",
			  line);
	}
	require(&c, says_nearly_full(leader), "%s", out.text);
	/* Reads, deletes and compactions go on; what these free may be used. */
	for (int i = 0; i < 4; i++) {
		expect_on(&paths[i], leader, 0, "small", "get small");
		snprintf(key, sizeof(key), "del fill/%02d", i);
		expect_on(&paths[i], leader, 0, "1", key);
		compact(leader);
		expect_on(&paths[i], leader, 0, "OK", "put room again");
	}
	require(&c, !says_nearly_full(leader), "%s", out.text);
}

static void F5_what_is_wrong_with_a_request_is_told_on_each_path(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0);

	(void)state;
	for (int i = 0; i < 4; i++) {
		char text[128], error[ADDRESS_ERROR_MAX];
		struct endpoint_answer answer;
		struct endpoint *e;

		endpoint_of(&paths[i], leader, text);
		/* Not this door, or not this member. */
		expect_on(&paths[i], leader, 1,
			  paths[i].local ? "refused" : "unix:", "formation reset");
		assert_int_equal(endpoint_open(&e, text, error), 0);
		for (int kind = WIRE_COMMAND; kind <= WIRE_QUERY_LOCAL; kind++) {
			if (kind == WIRE_STATUS || kind == WIRE_FAULT)
				continue;
			assert_int_equal(endpoint_call(e, (enum wire_request)kind,
						       (const uint8_t *)"?", 1, CALL_NS, &answer),
					 0);
			require(&c, answer.status == WIRE_INVALID, "%s: kind %d: %s", text, kind,
				status_row(answer.status)->words);
		}
		endpoint_close(e);
	}
}

/* Whoever is asked, the leader is found and told; then the one that was named leads. */
static void R45_the_leader_is_moved_on_each_path(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t leader = cluster_wait_leader(&c, 0), to = leader % c.nodes + 1;
		char words[32];

		snprintf(words, sizeof(words), "move-leader n%u", to);
		expect_on(&paths[i], leader, 0, "Leadership transferred from ", words);
		assert_int_equal(cluster_wait_leader(&c, 0), to);
		expect_on(&paths[i], to, 1, "etcdserver: member not found", "move-leader n9");
	}
}

/* One of several that give orders at once, by whichever node answers. */
struct mover {
	pthread_t thread;
	char words[96];
	struct run out;
};

static void *move_run(void *argument)
{
	struct mover *m = argument;
	char a[128], b[128], d[128];

	run(&m->out, "quoinctl", "--endpoints %s,%s,%s %s", cluster_admin(&c, 1, a),
	    cluster_admin(&c, 2, b), cluster_admin(&c, 3, d), m->words);
	return NULL;
}

static void move_begin(struct mover *m, uint32_t to, const char *flags)
{
	snprintf(m->words, sizeof(m->words), "%s move-leader n%u", flags, to);
	assert_int_equal(pthread_create(&m->thread, NULL, move_run, m), 0);
}

/* Its exit status, and that its words are those of it. */
static int move_end(struct mover *m)
{
	static const char *const says[] = {
		[0] = "Leadership transferred from ",
		[1] = "Error: ",
		[3] = "(it may have been done: endpoint status shows who leads)",
	};
	int status;

	pthread_join(m->thread, NULL);
	status = m->out.status;
	/* Another one may have moved it there before. */
	require(&c,
		(status == 0 && strstr(m->out.text, " leads already")) ||
			((status == 0 || status == 1 || status == 3) &&
			 strstr(m->out.text, says[status])),
		"%s: exit %d: %s", m->words, status, m->out.text);
	require(&c, status == 3 || !strstr(m->out.text, says[3]), "exit %d: %s", status,
		m->out.text);
	return status;
}

static int move(uint32_t to, const char *flags)
{
	static struct mover m;

	move_begin(&m, to, flags);
	out.status = move_end(&m);
	snprintf(out.text, sizeof(out.text), "%s", m.out.text);
	return out.status;
}

/* To one that stands still, and is far behind when it goes on; to one that is gone, and comes. */
static void moves_to_the_silent(struct load *load)
{
	uint32_t leader = cluster_wait_leader(&c, 0), to = leader % 3 + 1;

	cluster_lab(&c, "pause %u", to);
	require(&c, move(to, "") == 1 && strstr(out.text, "was not heard of late"), "%s", out.text);
	require(&c, cluster_wait_leader(&c, 0) == leader, "another leads");
	load_wait_progress(load, 10);
	cluster_lab(&c, "resume %u", to);
	(void)move(to, "");
	leader = cluster_wait_leader(&c, 0);
	to = leader % 3 + 1;
	cluster_lab(&c, "kill %u", to);
	require(&c, move(to, "") == 1 && strstr(out.text, "was not heard of late"), "%s", out.text);
	cluster_lab(&c, "restart %u", to);
	(void)move(to, "");
	load_wait_progress(load, 10);
}

/* Two at once, for one or each for another; one while the leader is killed; one without time. */
static void moves_at_once(struct load *load)
{
	static struct mover m[2];
	uint32_t leader;
	int status[2];

	for (uint32_t apart = 0; apart < 2; apart++) {
		leader = cluster_wait_leader(&c, 0);
		move_begin(&m[0], leader % 3 + 1, "");
		move_begin(&m[1], (leader + apart) % 3 + 1, "");
		status[0] = move_end(&m[0]);
		status[1] = move_end(&m[1]);
		require(&c, status[0] == 0 || status[1] == 0, "%s%s", m[0].out.text, m[1].out.text);
		require(&c, apart || (status[0] == 0 && status[1] == 0), "%s%s", m[0].out.text,
			m[1].out.text);
	}
	leader = cluster_wait_leader(&c, 0);
	move_begin(&m[0], leader % 3 + 1, "");
	cluster_lab(&c, "kill %u", leader);
	(void)move_end(&m[0]);
	load_wait_progress(load, 10);
	cluster_lab(&c, "restart %u", leader);
	for (uint32_t ms = 1; ms <= 64; ms *= 4) {
		char flags[40];

		snprintf(flags, sizeof(flags), "--command-timeout=%ums", ms);
		(void)move(cluster_wait_leader(&c, 0) % 3 + 1, flags);
	}
	load_wait_progress(load, 10);
}

/* Under load; whatever is ordered, somebody leads, and nothing that was acknowledged is lost. */
static void R45_hostile_moves_of_the_leader(void **state)
{
	static struct load load;
	uint32_t leader = cluster_wait_leader(&c, 0);

	(void)state;
	load_start(&load, &c, 2, 1);
	load_wait_progress(&load, 10);
	require(&c, move(leader, "") == 0, "%s", out.text); /* it does already */
	load_gap_begin(&load);
	for (uint32_t i = 0; i < MOVES; i++) {
		leader = leader % 3 + 1;
		require(&c, move(leader, "") == 0, "%s", out.text);
	}
	load_wait_progress(&load, 10);
	printf("# %d moves: no put of a client for %" PRIu64 " ms at most\n", (int)MOVES,
	       load_gap_ms(&load));
	moves_to_the_silent(&load);
	moves_at_once(&load);
	load_stop(&load);
	load_verify(&load);
	cluster_wait_equal(&c);
}

/* As etcd's: what needs the cluster is asked of another one, which may be named beside it. */
static void expect_learner(uint32_t who, bool local)
{
	static const struct {
		const char *words, *says;
		int status;
	} rows[] = {
		{"endpoint status", ", false, true, ", 0},
		{"get small --consistency=s", "small", 0},
		{"member list --consistency=s", ", true, learner\n", 0},
		{"get small", "etcdserver: rpc not supported for learner\n", 1},
		{"put small x", "rpc not supported for learner (nothing was done)\n", 1},
		{"del small", "rpc not supported for learner (nothing was done)\n", 1},
		/* The leader is found through it, and told. */
		{"member list", ", true, learner\n", 0},
		{"move-leader n9", "etcdserver: member not found", 1},
		{"member remove n9", "etcdserver: member not found", 1},
	};
	char text[128], other[128];
	const char *endpoint =
		local ? cluster_admin(&c, who, text) : cluster_endpoint(&c, who, text);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(&out, "quoinctl", "--endpoints %s %s", endpoint, rows[i].words);
		require(&c, out.status == rows[i].status && strstr(out.text, rows[i].says),
			"%s of the learner: exit %d: %s", rows[i].words, out.status, out.text);
	}
	run(&out, "quoinctl", "--endpoints %s,%s put small small", endpoint,
	    cluster_endpoint(&c, who % c.nodes + 1, other));
	require(&c, out.status == 0, "%s", out.text);
}

/* A voter, which may be the leader or who is asked, becomes a learner, and a voter again. */
static void D16_members_are_changed_on_each_path(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t leader = cluster_wait_leader(&c, 0), who = (leader + (uint32_t)i) % 3 + 1;
		/* The last one is the learner that was asked: then a voter is. */
		const struct path *by = &paths[i == 3 ? 2 : i];
		char words[64];

		snprintf(words, sizeof(words), "member demote n%u", who);
		expect_on(&paths[i], leader, 0, " demoted in cluster ", words);
		leader = cluster_wait_leader(&c, 0);
		snprintf(words, sizeof(words),
			 ", started, n%u, 198.18.0.%u:2380, 198.18.0.%u:2379, true, learner\n", who,
			 who, who);
		expect_on(by, leader, 0, words, "member list");
		expect_learner(who, by->local);
		expect_on(by, leader, 0, "OK", "put while-two-vote x");
		snprintf(words, sizeof(words), "move-leader n%u", who);
		expect_on(by, leader, 1, "bad leader transferee: no voter has the id ", words);
		snprintf(words, sizeof(words), "member promote n%u", who);
		expect_on(by, leader, 0, " promoted in cluster ", words);
		expect_on(by, leader, 1, "etcdserver: can only promote a learner member", words);
	}
}

/* It is asked itself, and by what it does the others hear it no more: they answer for it. */
static void D16_a_leader_that_moves_knows_what_became_of_it(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i += 2) {
		uint32_t moved = cluster_wait_leader(&c, 0);
		char words[64];

		snprintf(words, sizeof(words), "member update n%u 198.18.0.%u", moved, moved + 90);
		expect_on(&paths[i], moved, 0, " updated in cluster ", words);
		snprintf(words, sizeof(words), "member update n%u 198.18.0.%u", moved, moved);
		expect_on(&paths[i], cluster_wait_leader(&c, moved), 0, " updated in cluster ",
			  words);
		cluster_wait_equal(&c);
	}
}

/*
 * If it is not, a few more are sent: some are refused, for they come too fast or somebody else is
 * about, or are lost on the way. None ends: no entry of that size reaches a follower, while
 * heartbeats do, so the leader is one, and commits nothing. Nobody else can lead, for the others do
 * not meet.
 */
static bool crowd_is_full(void *context)
{
	struct crowd *w = context;
	static char page[HTTP_PAGE_SIZE];

	require(&c, http_get((uint16_t)(METRICS_PORT + w->node - 1), "/metrics", page) == 200,
		"no metrics");
	if (http_sample(page, "quoin_requests_open") >= CROWD)
		return true;
	for (int i = 0; i < CROWD_STEP; i++)
		crowd_put(w);
	return false;
}

struct kept_out {
	struct crowd crowd;
	const char *words, *says;
};

/*
 * In these words, unless an answer comes so late that the client has asked once more by then: what
 * became of that it does not know, and says so. Done it is not.
 */
static bool is_kept_out(void *context)
{
	struct kept_out *k = context;
	char text[128];

	if (!crowd_is_full(&k->crowd))
		return false;
	run(&out, "quoinctl", "--endpoints %s --command-timeout=500ms %s",
	    cluster_endpoint(&c, k->crowd.node, text), k->words);
	require(&c, out.status != 0, "%s: %s", k->words, out.text);
	return out.status == 1 && strcmp(out.text, k->says) == 0;
}

static void F5_too_many_requests_are_refused_for_now(void **state)
{
	static const char *const rows[][2] = {
		{"put a b", "Error: etcdserver: too many requests (nothing was done)\n"},
		{"del a", "Error: etcdserver: too many requests (nothing was done)\n"},
		{"get a", "Error: etcdserver: too many requests\n"},
	};
	uint32_t leader = cluster_wait_leader(&c, 0), other = leader % c.nodes + 1;
	struct kept_out k;
	char text[128], apart[32];

	(void)state;
	snprintf(apart, sizeof(apart), "%u|%u", other, other % c.nodes + 1);
	cluster_partition(&c, "mtu 500 leader|rest", apart);
	crowd_greet(&k.crowd, &c, leader);
	for (int i = 0; i < 3; i++) {
		k.words = rows[i][0];
		k.says = rows[i][1];
		require(&c, wait_until(is_kept_out, &k, CLUSTER_WAIT_MS),
			"%" PRIu64 " puts, %s: exit %d: %s", k.crowd.puts, k.words, out.status,
			out.text);
	}
	/* The node's own socket is not for the crowd. */
	expect_on(&paths[2], leader, 0, "", "get --consistency=s a");
	/* And asked again, as it may be, when the crowd has what it wanted. */
	cluster_lab(&c, "heal");
	run(&out, "quoinctl", "--endpoints %s --command-timeout=20s put a b",
	    cluster_endpoint(&c, leader, text));
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
	crowd_leave(&k.crowd);
}

static bool knows_no_leader(void *context)
{
	static struct node_status status;

	return cluster_status(&c, *(uint32_t *)context, &status) &&
	       strtoull(status.leader, NULL, 16) == 0;
}

/* In the words of each path, when the time is up that the client gives it, and not after that. */
static void has_no_leader(uint32_t node)
{
	static const struct path paths_out[] = {{false, true}, {true, true}};
	uint64_t began = clock_ms();

	for (int i = 0; i < 2; i++) {
		expect_on(&paths_out[i], node, 1, "etcdserver: no leader (nothing was done)",
			  "--command-timeout=1s put a b");
		expect_on(&paths_out[i], node, 1, "Error: etcdserver: no leader\n",
			  "--command-timeout=1s get a");
	}
	require(&c, clock_ms() - began < CLUSTER_WAIT_MS, "n%u: after %" PRIu64 " ms", node,
		clock_ms() - began);
}

static void D19_F5_without_a_majority_it_is_said_what_is_known(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0), other = leader % 3 + 1;

	(void)state;
	/* Who led, and is cut off; and one alone of three, which never did. Both did nothing. */
	cluster_lab(&c, "partition %u|%u,%u", leader, other, other % 3 + 1);
	require(&c, wait_until(knows_no_leader, &leader, CLUSTER_WAIT_MS), "it leads on");
	has_no_leader(leader);
	require(&c, cluster_log_has(&c, leader, "no majority answered it"), "n%u", leader);
	cluster_lab(&c, "kill %u", leader);
	other = cluster_wait_leader(&c, leader);
	cluster_lab(&c, "kill %u", other);
	leader = 6 - leader - other;
	cluster_lab(&c, "kill %u", leader);
	cluster_lab(&c, "restart %u", leader);
	require(&c, wait_until(knows_no_leader, &leader, CLUSTER_WAIT_MS), "it knows a leader");
	has_no_leader(leader);
	/* F21: what of its log is committed nobody has told it, so there is nothing to replay. */
	require(&c, !cluster_log_has(&c, leader, " replaying applied="), "n%u replays", leader);
	cluster_down(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F5_a_full_store_is_told_at_once_on_each_path),
		cmocka_unit_test(F5_what_is_wrong_with_a_request_is_told_on_each_path),
		cmocka_unit_test(R45_the_leader_is_moved_on_each_path),
		cmocka_unit_test(R45_hostile_moves_of_the_leader),
		cmocka_unit_test(D16_members_are_changed_on_each_path),
		cmocka_unit_test(D16_a_leader_that_moves_knows_what_became_of_it),
		cmocka_unit_test(F5_too_many_requests_are_refused_for_now),
		cmocka_unit_test(D19_F5_without_a_majority_it_is_said_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
