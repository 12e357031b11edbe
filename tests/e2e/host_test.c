/*
 * Broken hosts: --check and a start say the same of each, whatever --check lets through starts, and
 * what is advised is the way out.
 */
#include "tests/e2e/hosts.h"
#include "tests/e2e/load.h"
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_START = 4 };

static char text[1 << 16];
static uint32_t failures;

/* All hosts are tried, also after one that is not as it should be. */
#define complain(...) (failures++, printf(__VA_ARGS__))

struct trying {
	size_t index;
	int out;
	const struct remedy *remedy; /* NULL: none is tried */
	const char *said;
};

/* A command that stands in a message, as somebody types it who reads it. */
static void type(const char *said)
{
	const char *begin = strstr(said, ": ip "), *argv[12] = {NULL};
	char line[256], *rest = line;
	size_t count = 0;

	if (begin) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(begin + 2, ",\n"), begin + 2);
	} else {
		/* "KEY: PATH: No such file or directory: make it first (mkdir -p)" */
		begin = strstr(said, "data-dir: ");
		if (!begin)
			_exit(125);
		begin += strlen("data-dir: ");
		snprintf(line, sizeof(line), "mkdir -p %.*s", (int)strcspn(begin, ":"), begin);
	}
	while (rest && count < 11)
		argv[count++] = strsep(&rest, " ");
	hosts_command(argv);
}

static void remedy_host(const struct trying *t)
{
	const struct remedy *r = t->remedy;
	const char *at = r->needs ? strstr(t->said, r->needs) : NULL;

	if (r->host)
		r->host();
	if (r->typed)
		type(t->said);
	if (r->needs && !at)
		_exit(125);
	if (at)
		hosts_limit(r->resource, strtoull(at + strlen(r->needs), NULL, 10) * r->unit);
}

static void break_host(void *context)
{
	const struct trying *t = context;

	dup2(t->out, STDOUT_FILENO);
	dup2(t->out, STDERR_FILENO);
	if (t->remedy && t->remedy->instead)
		t->remedy->instead();
	else if (!t->remedy || !t->remedy->needs) /* a limit cannot be raised everywhere */
		hosts[t->index].host();
	if (t->remedy)
		remedy_host(t);
}

static void configure(struct process *p, size_t index, const struct remedy *r)
{
	const char *keys = r && r->keys ? r->keys : hosts[index].keys;
	const char *data = r && r->data_dir ? r->data_dir : hosts[index].data_dir;
	const char *link = r && r->link ? r->link : hosts[index].link;
	bool durability = strncmp(keys, "wal.", 4) == 0;
	/* Of the test's own directory; else as it is. */
	bool own = !data || data[0] == '@';
	FILE *file = fopen(p->config, "we");

	assert_non_null(file);
	fprintf(file, "%sname: n1\ndata-dir: %s%s\ninitial-cluster: n1=198.18.0.1\n",
		durability ? "" : keys, own ? p->dir : "",
		!data ? "/n1"
		: own ? data + 1
		      : data);
	fprintf(file, "wal: {segment-size: 4MiB%s}\n", durability ? ", durability: volatile" : "");
	fprintf(file, "network: {link: %s, address: 198.18.0.1/24, frames: 512}\n",
		link ? link : "memif");
	assert_int_equal(fclose(file), 0);
}

/* All of a file that the child wrote into. */
static const char *written(int fd)
{
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static bool has_started(void *context)
{
	const struct trying *t = context;

	return strstr(written(t->out), " info n1 started ") != NULL;
}

struct attempt {
	struct trying *t;
	struct process *p;
};

static bool has_started_or_ended(void *context)
{
	const struct attempt *a = context;

	return process_wait(a->p, 0) || has_started(a->t);
}

/* An error's line, among others: that of --check and of the start. */
static void require_said(size_t index, int out)
{
	const char *at = strstr(written(out), hosts[index].says);

	if (!at || strstr(text, "Usage:"))
		complain("host %zu: not \"%s\": %s", index, hosts[index].says, text);
}

static void try_host(size_t index)
{
	static const char *const check[] = {"--check", NULL};
	struct trying t = {.index = index, .out = memfd_create("out", MFD_CLOEXEC)};
	bool good = hosts[index].says == NULL;
	struct process p;

	process_prepare(&p, "");
	configure(&p, index, NULL);
	process_start(&p, check, break_host, &t);
	assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	if (!WIFEXITED(p.status) || WEXITSTATUS(p.status) != (good ? 0 : EXIT_START))
		complain("host %zu: --check ends with %x: %s", index, (unsigned)p.status,
			 written(t.out));
	if (!good)
		require_said(index, t.out);
	assert_int_equal(ftruncate(t.out, 0), 0);
	assert_int_equal(lseek(t.out, 0, SEEK_SET), 0);
	process_start(&p, NULL, break_host, &t);
	if (good) {
		if (!wait_until(has_started, &t, CLUSTER_WAIT_MS))
			complain("host %zu: passed --check and does not start: %s", index, text);
		(void)kill(p.pid, SIGTERM);
		if (!process_wait(&p, CLUSTER_WAIT_MS) || p.status != 0)
			complain("host %zu: ends with %x\n", index, (unsigned)p.status);
	} else {
		if (!process_wait(&p, CLUSTER_WAIT_MS) || !WIFEXITED(p.status) ||
		    WEXITSTATUS(p.status) != EXIT_START)
			complain("host %zu: a start ends with %x: %s\n", index, (unsigned)p.status,
				 written(t.out));
		require_said(index, t.out);
		/* And nothing was touched. */
		snprintf(text, sizeof(text), "%s/n1", p.dir);
		if (access(text, F_OK) == 0)
			complain("host %zu: %s was made\n", index, text);
	}
	close(t.out);
	process_remove(&p);
}

/*
 * With what the message advises --check has no complaint. That the message comes is the other test;
 * here it is asked for where it says what to type, or how much.
 */
static void try_remedy(size_t index, const struct remedy *r)
{
	static const char *const check[] = {"--check", NULL};
	static char said[sizeof(text)];
	struct trying t = {.index = index, .out = memfd_create("out", MFD_CLOEXEC), .said = said};
	struct process p;

	process_prepare(&p, "");
	if (r->typed || r->needs) {
		configure(&p, index, NULL);
		process_start(&p, check, break_host, &t);
		assert_true(process_wait(&p, CLUSTER_WAIT_MS));
		snprintf(said, sizeof(said), "%s", written(t.out));
		require_said(index, t.out);
		assert_int_equal(ftruncate(t.out, 0), 0);
		assert_int_equal(lseek(t.out, 0, SEEK_SET), 0);
	}
	configure(&p, index, r);
	t.remedy = r;
	process_start(&p, r->needs ? NULL : check, break_host, &t);
	if (r->needs) {
		if (!wait_until(has_started_or_ended, &(struct attempt){&t, &p}, CLUSTER_WAIT_MS))
			complain("host %zu: neither started nor ended\n", index);
		if (p.pid)
			(void)kill(p.pid, SIGTERM);
	}
	assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	if (p.status != 0)
		complain("host %zu: \"%s\" was done, and it ends with %x: %s\n", index, r->says,
			 (unsigned)p.status, written(t.out));
	close(t.out);
	process_remove(&p);
}

static bool may_lock(uint64_t bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &l), 0);
	return l.rlim_max >= bytes;
}

static void F22_what_is_advised_helps(void **state)
{
	(void)state;
	for (size_t r = 0; r < remedies_count; r++) {
		size_t i = 0;

		while (i < hosts_count &&
		       (!hosts[i].says || strcmp(hosts[i].says, remedies[r].says) != 0))
			i++;
		if (i == hosts_count)
			complain("no host is told \"%s\"\n", remedies[r].says);
		else if (!may_lock(remedies[r].locked))
			printf("not tried, for this host allows no more memory to be locked: %s\n",
			       remedies[r].says);
		else
			try_remedy(i, &remedies[r]);
	}
	assert_int_equal(failures, 0);
}

static void F17_F23_check_and_start_say_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < hosts_count; i++)
		try_host(i);
	assert_int_equal(failures, 0);
}

/* F4: what a killed node leaves is not in the way of its next start; what is another's is. */
static void F4_what_a_killed_node_left(void **state)
{
	struct process p;
	FILE *file;

	(void)state;
	process_prepare(&p, "");
	file = fopen(p.config, "we");
	assert_non_null(file);
	fprintf(file,
		"name: n1\ndata-dir: %s/n1\ninitial-cluster: n1=198.18.0.1\n"
		"network: {link: memif, address: 198.18.0.1/24, memif-socket: %s/memif}\n",
		p.dir, p.dir);
	assert_int_equal(fclose(file), 0);
	for (int life = 0; life < 3; life++) {
		process_start(&p, NULL, NULL, NULL);
		process_wait_leading(&p);
		assert_int_equal(kill(p.pid, SIGKILL), 0);
		assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	}
	/* A file that is no socket is somebody's: it is left where it is. */
	snprintf(text, sizeof(text), "%s/memif-c6120001-clients", p.dir);
	assert_int_equal(unlink(text), 0);
	file = fopen(text, "we");
	assert_non_null(file);
	fclose(file);
	process_start(&p, NULL, NULL, NULL);
	process_must_exit(&p, EXIT_START);
	assert_int_equal(access(text, F_OK), 0);
	process_remove(&p);
}

static void pass_out(void *context)
{
	dup2(*(int *)context, STDOUT_FILENO);
	dup2(*(int *)context, STDERR_FILENO);
}

/* F17: a second process of a node that runs. */
static void F17_a_node_that_runs_already(void **state)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	struct process p, second;

	(void)state;
	process_prepare(&p, "");
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	second = p;
	process_start(&second, NULL, pass_out, &out);
	process_must_exit(&second, EXIT_START);
	if (!strstr(written(out), "another process has it open: a node of this directory runs"))
		fail_msg("%s", text);
	close(out);
	process_remove(&p);
}

/* --- the log and the limit of open files ------------------------------------------------- */

enum {
	LONG_LOG = 48, /* segments: more than are left for them */
	LONG_VALUE = 1 << 20,
	LONG_PUTS = LONG_LOG * 4,
	LIMIT_LOW = 50,
	PUT_MS = 20000,
};

struct limited {
	int out;
	uint64_t files;
};

static void limit_files(void *context)
{
	const struct limited *l = context;

	dup2(l->out, STDOUT_FILENO);
	dup2(l->out, STDERR_FILENO);
	hosts_limit(RLIMIT_NOFILE, l->files);
}

static void put_much(struct process *p, uint32_t puts)
{
	char endpoint[128];
	struct one o;

	one_open(&o, cluster_admin(&p->c, 1, endpoint));
	for (uint32_t i = 0; i < puts; i++)
		assert_int_equal(one_put_large(&o, "key", LONG_VALUE, PUT_MS), 0);
	one_close(&o);
}

/* Both looks refuse it, and both name the same number. */
static uint64_t refused_with(struct process *p, struct limited *l, uint64_t files)
{
	static const char *const check[] = {"--check", NULL};
	char says[64];
	uint64_t needs = 0;

	l->files = files;
	snprintf(says, sizeof(says), "may have %llu open files, and needs ",
		 (unsigned long long)files);
	for (int i = 0; i < 2; i++) {
		const char *at;

		assert_int_equal(ftruncate(l->out, 0), 0);
		assert_int_equal(lseek(l->out, 0, SEEK_SET), 0);
		process_start(p, i == 0 ? check : NULL, limit_files, l);
		process_must_exit(p, EXIT_START);
		at = strstr(written(l->out), says);
		if (!at)
			fail_msg("not \"%s\": %s", says, text);
		assert_true(i == 0 || strtoull(at + strlen(says), NULL, 10) == needs);
		needs = strtoull(at + strlen(says), NULL, 10);
	}
	return needs;
}

/*
 * However long a log is, a start needs no more open files for it: it needs what it says, runs with
 * that, and not with one less.
 */
static void F14_F23_a_long_log_starts_with_few_open_files(void **state)
{
	struct limited l = {.out = memfd_create("out", MFD_CLOEXEC)};
	struct process p;
	uint64_t needs;

	(void)state;
	process_prepare(&p, "");
	needs = refused_with(&p, &l, LIMIT_LOW);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	put_much(&p, LONG_PUTS);
	assert_int_equal(kill(p.pid, SIGKILL), 0);
	assert_true(process_wait(&p, CLUSTER_WAIT_MS));
	assert_int_equal(refused_with(&p, &l, needs - 1), needs);
	l.files = needs;
	process_start(&p, NULL, limit_files, &l);
	process_wait_leading(&p);
	/* Its clients find descriptors too, and the log goes on to the next segments. */
	put_much(&p, 16);
	assert_int_equal(kill(p.pid, SIGTERM), 0);
	process_must_exit(&p, 0);
	if (strstr(written(l.out), "descriptor"))
		fail_msg("%s", text);
	close(l.out);
	process_remove(&p);
}

/* --- what memif shares -------------------------------------------------------------------- */

static bool has_leader(void *context)
{
	const struct limited *l = context;

	return strstr(written(l->out), " leader_known ") != NULL;
}

static void limit_file_size(void *context)
{
	const struct limited *l = context;

	dup2(l->out, STDOUT_FILENO);
	dup2(l->out, STDERR_FILENO);
	hosts_limit(RLIMIT_FSIZE, l->files << 20);
}

/*
 * Two members share files of 4 MiB and some: who may not make one has no cluster, and no cause is
 * told. With what is named the two have one.
 */
static void F23_two_members_share_files(void **state)
{
	enum { ROOM = 4 };
	static const char *const check[] = {"--check", NULL};
	static const char needs[] = "MiB, and needs ";
	struct limited l = {.out = memfd_create("out", MFD_CLOEXEC), .files = ROOM};
	struct process p, other;
	char config[512];
	FILE *file;

	(void)state;
	process_prepare(&p, "");
	other = p;
	snprintf(other.config, sizeof(other.config), "%s/n2.yaml", p.dir);
	for (int n = 1; n <= 2; n++) {
		file = fopen(n == 1 ? p.config : other.config, "we");
		assert_non_null(file);
		snprintf(config, sizeof(config),
			 "name: n%d\ndata-dir: %s/n%d\n"
			 "initial-cluster: n1=198.18.0.1,n2=198.18.0.2\n"
			 "wal: {durability: volatile}\nnetwork: {link: memif, frames: 512, "
			 "address: 198.18.0.%d/24, memif-socket: %s/m}\n",
			 n, p.dir, n, n, p.dir);
		assert_true(fputs(config, file) >= 0);
		assert_int_equal(fclose(file), 0);
	}
	for (int i = 0; i < 2; i++) {
		process_start(&p, i == 0 ? check : NULL, limit_file_size, &l);
		process_must_exit(&p, EXIT_START);
		if (!strstr(written(l.out), "for what it shares with a peer"))
			fail_msg("%s", text);
		l.files = strtoull(strstr(text, needs) + strlen(needs), NULL, 10);
		assert_int_equal(l.files, ROOM + 1);
		l.files = i == 0 ? ROOM : l.files;
		assert_int_equal(ftruncate(l.out, 0), 0);
		assert_int_equal(lseek(l.out, 0, SEEK_SET), 0);
	}
	process_start(&p, NULL, limit_file_size, &l);
	process_start(&other, NULL, limit_file_size, &l);
	if (!wait_until(has_leader, &l, CLUSTER_WAIT_MS))
		fail_msg("no cluster: %s", text);
	for (int n = 1; n <= 2; n++) {
		struct process *one = n == 1 ? &p : &other;

		assert_int_equal(kill(one->pid, SIGTERM), 0);
		process_must_exit(one, 0);
	}
	close(l.out);
	process_remove(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F17_F23_check_and_start_say_the_same),
		cmocka_unit_test(F22_what_is_advised_helps),
		cmocka_unit_test(F17_a_node_that_runs_already),
		cmocka_unit_test(F23_two_members_share_files),
		cmocka_unit_test(F4_what_a_killed_node_left),
		cmocka_unit_test(F14_F23_a_long_log_starts_with_few_open_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
