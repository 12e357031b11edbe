/*
 * What an operator is told, by the shipped tools: all members from one endpoint, what is wrong with
 * them, which nodes a host runs, and who may ask.
 */
#include "base/clock.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/etcdctl.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NODES = 3, GROUP = 54321, STRANGER = 54322, NOBODY = 65534 };

static struct cluster c;
static struct run out;

/* quoinctl status by the socket of one node: how it ended. */
static int status_of(uint32_t node, const char *options)
{
	char text[128];

	run(&out, "quoinctl", "--endpoints %s status %s", cluster_admin(&c, node, text), options);
	return out.status;
}

static bool all_is_well(void *context)
{
	return status_of(*(uint32_t *)context, "") == 0;
}

/* A sentence of one member, whichever was asked. */
struct wanted {
	uint32_t ask;
	char text[256];
};

static bool is_said(void *context)
{
	const struct wanted *w = context;

	return status_of(w->ask, "") == 1 && strstr(out.text, w->text);
}

static void expect_said(uint32_t ask, const char *format, uint32_t who, uint32_t whom)
{
	struct wanted w = {.ask = ask};
	size_t used = 0;
	const char *at;

	/* "%" stands for the two nodes, in their order. */
	for (at = format; *at; at++) {
		if (*at == '%')
			used += (size_t)snprintf(w.text + used, sizeof(w.text) - used, "n%u", who);
		else
			w.text[used++] = *at;
		if (*at == '%')
			who = whom;
	}
	require(&c, wait_until(is_said, &w, CLUSTER_WAIT_MS), "no \"%s\" in:\n%s", w.text,
		out.text);
}

static bool lists_all_names(void *context)
{
	char text[128];

	run(&out, "quoinctl", "--endpoints %s member list",
	    cluster_admin(&c, *(uint32_t *)context, text));
	for (uint32_t i = 1; i <= NODES && out.status == 0; i++) {
		snprintf(text, sizeof(text), ", started, n%u, ", i);
		if (!strstr(out.text, text))
			return false;
	}
	return out.status == 0;
}

static void F11_F21_all_members_from_one_endpoint(void **state)
{
	uint32_t first = 1;
	json_t *json, *members;

	(void)state;
	cluster_up(&c, NODES, "memif", "");
	cluster_wait_leader(&c, 0);
	require(&c, wait_until(all_is_well, &first, CLUSTER_WAIT_MS), "exit %d:\n%s", out.status,
		out.text);
	for (uint32_t node = 1; node <= NODES; node++) {
		char text[128];

		require(&c, strstr(out.text, cluster_admin(&c, node, text)), "no %s in:\n%s", text,
			out.text);
	}
	for (uint32_t node = 1; node <= NODES; node++) {
		require(&c, status_of(node, "-w json") == 0, "exit %d: %s", out.status, out.text);
		json = json_loads(out.text, 0, NULL);
		require(&c, json, "no JSON: %s", out.text);
		assert_true(json_is_true(json_object_get(json, "healthy")));
		members = json_object_get(json, "members");
		assert_int_equal(json_array_size(members), NODES);
		for (size_t i = 0; i < NODES; i++) {
			json_t *one = json_object_get(json_array_get(members, i), "status");

			/* F11: what status is said to show. */
			assert_string_equal(json_string_value(json_object_get(one, "auth")), "off");
			assert_true(json_integer_value(json_object_get(one, "quota")) > 0);
			assert_true(json_integer_value(json_object_get(one, "log_bytes")) > 0);
			assert_true(json_is_integer(json_object_get(one, "uptime_ms")));
			assert_true(json_is_integer(json_object_get(one, "wal_torn_bytes")));
			assert_true(json_is_integer(json_object_get(one, "recovered_index")));
			assert_true(json_is_object(json_object_get(one, "drops")));
			assert_int_equal(json_array_size(json_object_get(one, "peers")), NODES - 1);
		}
		json_decref(json);
	}
	/* A member says its name a moment after there is a leader. */
	for (uint32_t node = 1; node <= NODES; node++)
		require(&c, wait_until(lists_all_names, &node, CLUSTER_WAIT_MS), "exit %d:\n%s",
			out.status, out.text);
}

/* etcdctl's --cluster: the two questions to an endpoint, of each member. */
static void F15_what_etcdctl_prints_quoinctl_prints(void **state)
{
	(void)state;
	etcdctl_compare(&c, 2);
}

static void R51_all_members_are_equal(void **state)
{
	(void)state;
	etcdctl_has_no_check(&c);
}

static void F21_endpoint_commands_reach_all_members(void **state)
{
	static const char *const words[] = {"health", "status"};
	char endpoint[128], text[128];

	(void)state;
	for (int i = 0; i < 2; i++) {
		run(&out, "quoinctl", "--endpoints %s endpoint %s --cluster -w table",
		    cluster_admin(&c, 2, endpoint), words[i]);
		require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
		for (uint32_t node = 1; node <= NODES; node++)
			require(&c, strstr(out.text, cluster_admin(&c, node, text)),
				"no %s in:\n%s", text, out.text);
		run(&out, "quoinctl", "--endpoints %s endpoint %s --cluster=false -w table",
		    endpoint, words[i]);
		require(&c,
			out.status == 0 && strstr(out.text, endpoint) &&
				!strstr(out.text, cluster_admin(&c, 1, text)),
			"exit %d: %s", out.status, out.text);
	}
	run(&out, "quoinctl", "--endpoints %s get a --cluster", endpoint);
	require(&c, out.status == 2 && strstr(out.text, "get does not take it"), "exit %d: %s",
		out.status, out.text);
}

static void F21_a_one_way_cut_shows_at_both_ends(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0), a = leader % NODES + 1, b = a % NODES + 1;

	(void)state;
	cluster_lab(&c, "partition %u>%u", a, b);
	expect_said(leader, "%: warning: member % does not hear this member", a, b);
	expect_said(leader, "%: warning: member % has not been heard for", b, a);
	cluster_lab(&c, "heal");
	require(&c, wait_until(all_is_well, &a, CLUSTER_WAIT_MS), "exit %d:\n%s", out.status,
		out.text);
}

/* A member's configuration as the lab wrote it, and more behind it. */
static void configure(uint32_t node, const char *more)
{
	static char written[4096];
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/n%u.yaml", c.dir, node);
	if (!written[0]) {
		file = fopen(path, "re");
		assert_non_null(file);
		written[fread(written, 1, sizeof(written) - 1, file)] = '\0';
		fclose(file);
	}
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "%s%s", written, more);
	fclose(file);
	cluster_lab(&c, "restart %u --until answers", node);
}

/* Found at both ends by each way to ask, with what to change; and gone when that is done (F22). */
static void F11_F22_a_member_with_other_settings(void **state)
{
	static const struct {
		const char *key, *said;
	} rows[] = {
		/* The last section of the file is `wal`. */
		{"heartbeat-interval: 25ms\n",
		 "durability durable, heartbeat 25000 us, election timeout 150000 to 300000 us"},
		{"election-timeout: 200ms\n",
		 "durability durable, heartbeat 20000 us, election timeout 200000 to 400000 us"},
		{"  durability: written\n",
		 "durability written, heartbeat 20000 us, election timeout 150000 to 300000 us"},
	};
	uint32_t odd = cluster_wait_leader(&c, 0) % NODES + 1, even = odd % NODES + 1;
	char text[128], line[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		configure(odd, rows[i].key);
		/* Whoever is asked; the two that are alike say nothing of each other. */
		snprintf(line, sizeof(line), "%%: warning: member %% differs: %s", rows[i].said);
		expect_said(odd, line, even, odd);
		expect_said(even,
			    "%: warning: member % differs: durability durable, heartbeat 20000 us",
			    odd, even);
		snprintf(line, sizeof(line), "n%u: warning: member n%u differs", even,
			 6 - odd - even);
		require(&c, !strstr(out.text, line), "%s", out.text);
		for (const char *const *f = (const char *const[]){"table", "fields", "json", NULL};
		     *f; f++) {
			run(&out, "quoinctl", "--endpoints %s endpoint status -w %s",
			    cluster_admin(&c, even, text), *f);
			snprintf(line, sizeof(line), "member n%u differs: %s", odd, rows[i].said);
			require(&c, strstr(out.text, line), "-w %s: %s", *f, out.text);
		}
		snprintf(line, sizeof(line), " settings_differ peer=n%u", odd);
		cluster_wait_log(&c, even, line);
		snprintf(line, sizeof(line), " settings_differ peer=n%u", even);
		cluster_wait_log(&c, odd, line);
	}
	configure(odd, "");
	require(&c, wait_until(all_is_well, &even, CLUSTER_WAIT_MS), "exit %d:\n%s", out.status,
		out.text);
}

/* Of the table, with these words. */
static uint32_t rows_with(const char *words)
{
	uint32_t count = 0;

	for (const char *at = strstr(out.text, "\n|"), *next; at; at = next) {
		const char *found = strstr(at, words);

		next = strstr(at + 1, "\n|");
		count += found && (!next || found < next);
	}
	return count;
}

/* Named by endpoints of which a silent one tells nobody whose it is. */
static void status_of_all_endpoints(const char *options)
{
	char each[NODES][128];

	run(&out, "quoinctl", "--endpoints %s,%s,%s status %s", cluster_admin(&c, 1, each[0]),
	    cluster_admin(&c, 2, each[1]), cluster_admin(&c, 3, each[2]), options);
}

static void has_one_line_whose_endpoint_is_silent(uint32_t gone)
{
	char text[192], endpoint[128];
	json_t *json;

	cluster_admin(&c, gone, endpoint);
	status_of_all_endpoints("");
	require(&c, rows_with(" silent ") == 1 && rows_with(" 0.1.0 ") == NODES - 1, "%s",
		out.text);
	snprintf(text, sizeof(text), "\n%s: error: no answer: ", endpoint);
	require(&c, strstr(out.text, text), "no \"%s\" in:\n%s", text + 1, out.text);
	status_of_all_endpoints("-w json");
	json = json_loads(out.text, 0, NULL);
	require(&c, json, "no JSON: %s", out.text);
	require(&c, json_array_size(json_object_get(json, "members")) == NODES, "%s", out.text);
	require(&c,
		strcmp(json_string_value(json_object_get(
			       json_array_get(json_object_get(json, "unanswered"), 0), "endpoint")),
		       endpoint) == 0,
		"%s", out.text);
	json_decref(json);
}

static void F21_a_member_that_is_silent_has_a_line(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0), gone = leader % NODES + 1;

	(void)state;
	cluster_lab(&c, "kill %u", gone);
	has_one_line_whose_endpoint_is_silent(gone);
	expect_said(leader, "%: error: no answer", gone, gone);
	require(&c, strstr(out.text, "silent"), "%s", out.text);
	require(&c, strstr(out.text, "no socket of it answers on this host"), "%s", out.text);
	expect_said(gone % NODES + 1, "%: error: no answer", gone, gone);
	cluster_lab(&c, "restart %u", gone);
	require(&c, wait_until(all_is_well, &gone, CLUSTER_WAIT_MS), "exit %d:\n%s", out.status,
		out.text);
}

/* In its file, which says where its socket is and what it is called, each `from` is `to`. */
static void file_change(uint32_t node, const char *from, const char *to)
{
	char path[512], text[4096];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/n%u.yaml", c.dir, node);
	file = fopen(path, "r+e");
	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	text[size] = '\0';
	assert_int_equal(strlen(from), strlen(to));
	for (char *at = text; (at = strstr(at, from)); at += strlen(to))
		memcpy(at, to, strlen(to));
	rewind(file);
	assert_int_equal(fwrite(text, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* Who is asked may call it otherwise than it calls itself: its socket says whose it is. */
static void F16_a_member_is_found_whatever_it_is_called(void **state)
{
	uint32_t asked = cluster_wait_leader(&c, 0), other = asked % NODES + 1;
	char name[2][16], address[2][16], line[64], text[128];

	(void)state;
	for (int is = 0; is < 2; is++) {
		snprintf(name[is], sizeof(name[is]), "name: %c%u\n", is ? 'm' : 'n', other);
		snprintf(address[is], sizeof(address[is]), "  %c%u: 198", is ? 'm' : 'n', other);
	}
	file_change(other, name[0], name[1]);
	file_change(other, address[0], address[1]);
	run(&out, "quoinctl", "--endpoints %s status", cluster_admin(&c, asked, text));
	snprintf(line, sizeof(line), " n%u | %s ", other, cluster_admin(&c, other, text));
	require(&c, out.status == 0 && strstr(out.text, line), "no \"%s\" in:\n%s", line, out.text);
	file_change(other, name[1], name[0]);
	file_change(other, address[1], address[0]);
}

static bool has_no_majority(void *context)
{
	char text[128];

	run(&out, "quoinctl", "--endpoints %s endpoint status",
	    cluster_admin(&c, *(uint32_t *)context, text));
	return strstr(out.text, "hears no majority") || strstr(out.text, "etcdserver: no leader");
}

static void F21_a_leader_that_is_cut_off_says_so(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0), a = leader % NODES + 1;

	(void)state;
	cluster_lab(&c, "partition %u|%u,%u", leader, a, a % NODES + 1);
	require(&c, wait_until(has_no_majority, &leader, CLUSTER_WAIT_MS), "%s", out.text);
	cluster_lab(&c, "heal");
}

/* Asked of one: what it says of another, whose socket answers as of no cluster or of one. */
static void is_not_known(uint32_t asked, uint32_t other, const char *why)
{
	char endpoint[128], text[256];

	run(&out, "quoinctl", "--endpoints %s status", cluster_admin(&c, asked, endpoint));
	snprintf(text, sizeof(text), "n%u: error: no answer: %s answers by its name, but %s, so ",
		 other, cluster_admin(&c, other, endpoint), why);
	require(&c, out.status == 1 && strstr(out.text, text), "no \"%s\" in:\n%s", text, out.text);
	require(&c, !strstr(out.text, "no socket of it answers"), "%s", out.text);
}

/* A node that runs in a network of its own, as one of this group. */
static pid_t start_apart(const char *config, gid_t group)
{
	const char *quoind = program("quoind");
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	if (unshare(CLONE_NEWNET) || setgroups(0, NULL) || setresgid(group, group, group) ||
	    !freopen("/dev/null", "w", stderr))
		_exit(126);
	execl(quoind, "quoind", "--config", config, (char *)NULL);
	_exit(127);
}

static void end_apart(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static bool socket_is_there(void *path)
{
	return access(path, F_OK) == 0;
}

/* This one is silent; another cluster on this host has one of its name and address, that waits. */
static void is_not_one_of_another_network(uint32_t asked, uint32_t other, uint32_t silent)
{
	char dir[80], path[128], place[128], text[128];
	FILE *file;
	pid_t pid;

	directory_make(dir, sizeof(dir));
	snprintf(path, sizeof(path), "%s/quoin.yaml", dir);
	snprintf(place, sizeof(place), "%s/data/admin.sock", dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file,
		"name: n%u\ndata-dir: %s/data\ninitial-cluster: n%u=198.18.0.%u,n9=198.18.0.9\n"
		"huge-pages: off\nnetwork:\n  link: memif\n  address: 198.18.0.%u/24\n",
		silent, dir, silent, silent, silent);
	fclose(file);
	pid = start_apart(path, 0);
	require(&c, wait_until(socket_is_there, place, CLUSTER_WAIT_MS), "no %s", place);
	run(&out, "quoinctl", "--endpoints unix:%s endpoint status", place);
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
	for (int i = 0; i < 2; i++) {
		(void)status_of(i ? other : asked, "");
		snprintf(text, sizeof(text),
			 "n%u: error: no answer: no socket of it answers on this host", silent);
		require(&c, strstr(out.text, text), "no \"%s\" in:\n%s", text, out.text);
		require(&c, !strstr(out.text, dir), "%s", out.text);
	}
	end_apart(pid);
	directory_remove(dir);
}

/* One that was wiped knows no ids, and is known to the others by one. */
static void F21_a_wiped_member_has_one_line(void **state)
{
	uint32_t leader = cluster_wait_leader(&c, 0), wiped = leader % NODES + 1;
	uint32_t third = wiped % NODES + 1;
	char path[512];
	json_t *json;

	(void)state;
	cluster_lab(&c, "kill %u", wiped);
	snprintf(path, sizeof(path), "%s/n%u", c.dir, wiped);
	directory_remove(path);
	cluster_lab(&c, "restart %u --until answers", wiped);
	expect_said(leader, "%: error: member % has a new data directory", leader, wiped);
	status_of_all_endpoints("-w json");
	json = json_loads(out.text, 0, NULL);
	require(&c, json, "no JSON: %s", out.text);
	require(&c, json_array_size(json_object_get(json, "members")) == NODES, "%s", out.text);
	require(&c, !strstr(out.text, "no answer"), "%s", out.text);
	json_decref(json);
	is_not_known(leader, wiped, "it is of no cluster");
	is_not_known(wiped, leader, "whoever was asked is of no cluster");
	cluster_lab(&c, "kill %u", third);
	is_not_one_of_another_network(leader, wiped, third);
	cluster_down(&c);
}

/* tests/e2e/run gives the test a process namespace of its own: nobody else's nodes are seen. */
static void F16_the_node_of_this_host_is_found(void **state)
{
	uint32_t first = 1;
	char text[256], path[512];

	(void)state;
	unsetenv("QUOIN_ENDPOINTS");
	run(&out, "quoinctl", "get a");
	require(&c, out.status == 2 && strstr(out.text, "no node is seen to run on this host"),
		"exit %d: %s", out.status, out.text);
	cluster_up(&c, 1, "memif", "");
	require(&c, wait_until(all_is_well, &first, CLUSTER_WAIT_MS), "%s", out.text);
	run(&out, "quoinctl", "put a b");
	require(&c, out.status == 0, "exit %d: %s", out.status, out.text);
	run(&out, "quoinctl", "status");
	require(&c, out.status == 0 && strstr(out.text, cluster_admin(&c, 1, text)), "exit %d: %s",
		out.status, out.text);
	/* One that has no address for us cannot be asked, but found. */
	snprintf(path, sizeof(path), "%s/n1.yaml", c.dir);
	require(&c, unlink(path) == 0, "%s", path);
	run(&out, "quoinctl", "get a");
	snprintf(text, sizeof(text),
		 "1 node runs on this host: say which by --endpoints or "
		 "QUOIN_ENDPOINTS: one whose configuration cannot be read (process %d)\n",
		 cluster_pid(&c, 1));
	require(&c, out.status == 2 && strstr(out.text, text), "exit %d: %s", out.status, out.text);
	cluster_down(&c);
	cluster_up(&c, 2, "memif", "");
	run(&out, "quoinctl", "get a");
	require(&c, out.status == 2, "exit %d: %s", out.status, out.text);
	for (uint32_t node = 1; node <= 2; node++)
		require(&c, strstr(out.text, cluster_admin(&c, node, text)), "no %s in: %s", text,
			out.text);
	cluster_down(&c);
}

/* quoinctl as another user, with or without the group. */
static int ask_as(const char *endpoint, gid_t group)
{
	int status, pipes[2];
	size_t used = 0;
	ssize_t size;
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], 1);
		dup2(pipes[1], 2);
		if (setgroups(1, &group) || setresgid(NOBODY, NOBODY, NOBODY) ||
		    setresuid(STRANGER, STRANGER, STRANGER))
			_exit(126);
		execl(program("quoinctl"), "quoinctl", "--endpoints", endpoint, "put", "a", "b",
		      (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	while (used < sizeof(out.text) - 1 &&
	       (size = read(pipes[0], out.text + used, sizeof(out.text) - 1 - used)) > 0)
		used += (size_t)size;
	out.text[used] = '\0';
	close(pipes[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* As the unit has it: the node's group, a directory that lets it through. */
static void F19_the_group_reaches_the_socket_and_nobody_else(void **state)
{
	static const struct {
		const char *place;
		bool reached;
	} rows[] = {{"run/admin.sock", true}, {"data/admin.sock", false}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char dir[80], path[128], place[128], endpoint[140];
		int status;
		FILE *file;
		pid_t pid;

		directory_make(dir, sizeof(dir));
		assert_int_equal(chmod(dir, 0755), 0);
		snprintf(path, sizeof(path), "%s/run", dir);
		assert_int_equal(mkdir(path, 0750), 0);
		assert_int_equal(chown(path, 0, GROUP), 0);
		snprintf(path, sizeof(path), "%s/quoin.yaml", dir);
		snprintf(place, sizeof(place), "%s/%s", dir, rows[i].place);
		snprintf(endpoint, sizeof(endpoint), "unix:%s", place);
		file = fopen(path, "we");
		assert_non_null(file);
		fprintf(file,
			"name: n1\ndata-dir: %s/data\ninitial-cluster: n1=198.18.0.1\n"
			"huge-pages: off\nnetwork:\n  link: memif\n  address: 198.18.0.1/24\n",
			dir);
		if (rows[i].reached) /* the other is the default */
			fprintf(file, "admin-socket: %s\n", place);
		fclose(file);
		pid = start_apart(path, GROUP);
		require(&c, wait_until(socket_is_there, place, CLUSTER_WAIT_MS), "no %s", place);
		status = ask_as(endpoint, GROUP);
		require(&c, rows[i].reached ? status == 0 : status == 1, "%s: exit %d: %s", place,
			status, out.text);
		status = ask_as(endpoint, STRANGER);
		require(&c, status == 1 && strstr(out.text, "permission denied: it is for root"),
			"%s: exit %d: %s", place, status, out.text);
		end_apart(pid);
		directory_remove(dir);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F11_F21_all_members_from_one_endpoint),
		cmocka_unit_test(F15_what_etcdctl_prints_quoinctl_prints),
		cmocka_unit_test(R51_all_members_are_equal),
		cmocka_unit_test(F21_endpoint_commands_reach_all_members),
		cmocka_unit_test(F21_a_one_way_cut_shows_at_both_ends),
		cmocka_unit_test(F11_F22_a_member_with_other_settings),
		cmocka_unit_test(F21_a_member_that_is_silent_has_a_line),
		cmocka_unit_test(F16_a_member_is_found_whatever_it_is_called),
		cmocka_unit_test(F21_a_leader_that_is_cut_off_says_so),
		cmocka_unit_test(F21_a_wiped_member_has_one_line),
		cmocka_unit_test(F16_the_node_of_this_host_is_found),
		cmocka_unit_test(F19_the_group_reaches_the_socket_and_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
