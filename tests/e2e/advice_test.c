/*
 * F22: what a program advises is typed as it stands, and what it said is gone. tests/advice.md has
 * where each piece of advice is tried.
 */
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NODES = 3 };

static struct cluster c;
static struct run out;

/* A program's words must hold this, and end with this status. */
static void expect(int status, const char *says)
{
	require(&c, out.status == status && strstr(out.text, says), "not %d and \"%s\": %d: %s",
		status, says, out.status, out.text);
}

/* The command that stands in the last message, from this word on, up to "," or a line's end. */
static void type(const char *from)
{
	static char command[512];
	const char *at = strstr(out.text, from);
	char *name = command, *words;

	require(&c, at, "no \"%s\" in: %s", from, out.text);
	snprintf(command, sizeof(command), "%.*s", (int)strcspn(at, ",\n"), at);
	words = strchr(command, ' ');
	assert_non_null(words);
	*words++ = '\0';
	run(&out, name, "%s", words);
	require(&c, out.status == 0, "%s %s: exit %d: %s", name, words, out.status, out.text);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void F22_what_the_tools_advise(void **state)
{
	char text[128];

	(void)state;
	cluster_up(&c, 1, "memif", "--durability volatile");
	run(&out, "quoin-bench", "commit --dir %s --duration 0.1 --warmup 0 --keep-keys", c.dir);
	expect(0, "the keys stay: quoinctl del --prefix quoin-bench/");
	setenv("QUOIN_ENDPOINTS", cluster_admin(&c, 1, text), 1);
	type("quoinctl del");
	run(&out, "quoinctl", "get --prefix --count-only quoin-bench/ -w json");
	require(&c, out.status == 0 && !strstr(out.text, "\"count\""), "%s", out.text);
	unsetenv("QUOIN_ENDPOINTS");
	run(&out, "quoinctl", "--endpoints %s,%s formation reset", text, text);
	expect(2, "formation reset goes to one member: --endpoints=unix:PATH");
	run(&out, "quoinctl", "--endpoints=%s formation reset", text);
	expect(1, "it has a term or an entry");
	run(&out, "quoin-bench", "commit --dir %s --duration 0.1 --durability durable", c.dir);
	expect(3, "--durability durable: the nodes run volatile");
	run(&out, "quoin-bench", "commit --dir %s/none --duration 0.1", c.dir);
	expect(3, ": is there a lab? (quoin-lab up --dir ");
}

/* Of the lab that is up. */
static void F22_what_the_lab_advises(void **state)
{
	char path[256];

	(void)state;
	run(&out, "quoin-lab", "up --dir %s", c.dir);
	expect(1, " has a lab already: ");
	type("quoin-lab status");
	run(&out, "quoin-lab", "up --dir %s", c.dir);
	type("quoin-lab down");
	run(&out, "quoin-lab", "status --dir %s", c.dir);
	expect(1, ": no lab here ");
	type("quoin-lab up");
	snprintf(path, sizeof(path), "%s/lab.json", c.dir);
	write_file(path, "{}\n");
	run(&out, "quoin-lab", "status --dir %s", c.dir);
	expect(1, " is not a lab.json of this version: ");
	type("quoin-lab down");
	/* A namespace of a lab that was not taken down. */
	run(&out, "ip", "netns add %s", c.netns);
	expect(0, "");
	run(&out, "quoin-lab", "up --dir %s", c.dir);
	expect(1, " is left over from a crash: ");
	type("quoin-lab down");
	assert_int_equal(mkdir(c.dir, 0755), 0);
	write_file(path, "");
	snprintf(path, sizeof(path), "%s/mine", c.dir);
	write_file(path, "");
	snprintf(path, sizeof(path), "%s/lab.json", c.dir);
	unlink(path);
	run(&out, "quoin-lab", "up --dir %s", c.dir);
	expect(1, " is not empty: another --dir");
	run(&out, "quoin-lab", "up --nodes 1 --dir %s/lab", c.dir);
	expect(0, "");
	run(&out, "quoin-lab", "down --dir %s/lab", c.dir);
	expect(0, "");
	directory_remove(c.dir);
}

static bool all_is_well(void *context)
{
	char text[128];

	(void)context;
	run(&out, "quoinctl", "--endpoints %s status", cluster_admin(&c, 1, text));
	return out.status == 0;
}

static void move(uint32_t node, const char *from, const char *to)
{
	char path[2][256];

	snprintf(path[0], sizeof(path[0]), "%s/n%u%s", c.dir, node, from);
	snprintf(path[1], sizeof(path[1]), "%s/n%u%s", c.dir, node, to);
	assert_int_equal(rename(path[0], path[1]), 0);
}

struct said {
	uint32_t node;
	const char *words;
};

static bool is_said(void *context)
{
	const struct said *s = context;
	static struct node_status status;

	return cluster_status(&c, s->node, &status) && strstr(status.text, s->words);
}

/* Two of three come back without their directories, and then with them. */
static void F22_old_directories_are_restored(void **state)
{
	static const struct said said[] = {
		{3, "error this data directory is new, and cluster "},
		{2, "restore the old directory"},
		{1, "error member n2 has a new data directory and is refused"},
		{1, "error this cluster has lost its majority: 2 of 3 members"},
		{1, "restore the old ones or begin a new cluster"},
	};
	char text[128];

	(void)state;
	cluster_up(&c, NODES, "memif", "--segment-size 4MiB");
	run(&out, "quoinctl", "--endpoints %s put kept yes", cluster_admin(&c, 1, text));
	expect(0, "OK");
	for (uint32_t node = 2; node <= NODES; node++) {
		cluster_lab(&c, "kill %u", node);
		move(node, "", ".old");
		cluster_lab(&c, "restart %u --until answers", node);
	}
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct said one = said[i];

		require(&c, wait_until(is_said, &one, CLUSTER_WAIT_MS), "n%u does not say \"%s\"",
			one.node, one.words);
	}
	for (uint32_t node = 2; node <= NODES; node++) {
		cluster_lab(&c, "kill %u", node);
		move(node, "", ".new");
		move(node, ".old", "");
		cluster_lab(&c, "restart %u --until answers", node);
	}
	require(&c, wait_until(all_is_well, NULL, CLUSTER_WAIT_MS), "exit %d: %s", out.status,
		out.text);
	run(&out, "quoinctl", "--endpoints %s get kept", cluster_admin(&c, 3, text));
	expect(0, "yes");
	cluster_down(&c);
}

static char text[1 << 14];

static void pass_errors(void *context)
{
	dup2(*(int *)context, STDERR_FILENO);
}

/* A start that ends, and what it says. */
static void start_fails(struct process *p, int status, const char *says)
{
	int err = open(p->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	ssize_t size;

	assert_true(err >= 0);
	process_start(p, NULL, pass_errors, &err);
	process_must_exit(p, status);
	size = pread(err, text, sizeof(text) - 1, 0);
	text[size > 0 ? size : 0] = '\0';
	close(err);
	if (!strstr(text, says))
		fail_msg("not \"%s\": %s", says, text);
}

static void stop(struct process *p)
{
	assert_int_equal(kill(p->pid, SIGTERM), 0);
	process_must_exit(p, 0);
}

/* A place in the log that was acknowledged, changed. */
static void damage(const char *path)
{
	static const char bytes[] = "damaged!";
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 4096 + 100), sizeof(bytes));
	close(fd);
}

/* deploy.md: from a copy taken while the node was down, with nothing acknowledged since. */
static void F22_a_damaged_directory_is_brought_back(void **state)
{
	static const char *const files[] = {"segment-0000000000000001", "cluster"};
	struct process p;
	char path[128], key[64];

	(void)state;
	process_prepare(&p, "");
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	for (int i = 0; i < 8; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		run(&out, "quoinctl", "--endpoints unix:%s/n1/admin.sock put %s x", p.dir, key);
		assert_int_equal(out.status, 0);
	}
	stop(&p);
	run(&out, "cp", "-a %s/n1 %s/copy", p.dir, p.dir);
	assert_int_equal(out.status, 0);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/n1/%s", p.dir, files[i]);
		if (i == 0)
			damage(path);
		else
			assert_int_equal(unlink(path), 0);
		start_fails(&p, 4, path);
		if (i == 1 &&
		    !strstr(text,
			    "restore the directory from a copy made while this node was down"))
			fail_msg("%s", text);
		run(&out, "quoin-wal", "verify %s/n1", p.dir);
		if (i == 0 && (out.status != 1 || !strstr(out.text, path)))
			fail_msg("%d: %s", out.status, out.text);
		snprintf(path, sizeof(path), "%s/n1", p.dir);
		directory_remove(path);
		run(&out, "cp", "-a %s/copy %s/n1", p.dir, p.dir);
		assert_int_equal(out.status, 0);
		process_start(&p, NULL, NULL, NULL);
		process_wait_leading(&p);
		run(&out, "quoinctl", "--endpoints unix:%s/n1/admin.sock get key-7", p.dir);
		if (out.status != 0 || !strstr(out.text, "x"))
			fail_msg("%d: %s", out.status, out.text);
		stop(&p);
		/* What the start has written is in no copy: the next one begins from here. */
		snprintf(path, sizeof(path), "%s/copy", p.dir);
		directory_remove(path);
		run(&out, "cp", "-a %s/n1 %s/copy", p.dir, p.dir);
		assert_int_equal(out.status, 0);
	}
	process_remove(&p);
}

static char was[1024];

/* Once in the configuration, of which `was` has the first: this instead of that. */
static void configure(const struct process *p, const char *that, const char *this)
{
	const char *at = strstr(was, that);
	FILE *file = fopen(p->config, "we");

	assert_non_null(at);
	assert_non_null(file);
	fprintf(file, "%.*s%s%s", (int)(at - was), was, this, at + strlen(that));
	assert_int_equal(fclose(file), 0);
}

static void check_says(struct process *p, const char *says)
{
	run(&out, "quoind", "--config %s --check", p->config);
	if (out.status != 4 || !strstr(out.text, says))
		fail_msg("--check: %d, not 4 and \"%s\": %s", out.status, says, out.text);
}

static void check_says_nothing(struct process *p)
{
	run(&out, "quoind", "--config %s --check", p->config);
	if (out.status != 0)
		fail_msg("--check: %d: %s", out.status, out.text);
}

static void remember(const struct process *p)
{
	FILE *file = fopen(p->config, "re");

	assert_non_null(file);
	was[fread(was, 1, sizeof(was) - 1, file)] = '\0';
	fclose(file);
}

#define SET_BACK                                                                         \
	": set it back to what it was; or, if it is another cluster's directory, point " \
	"data-dir at this member's own"
#define SAME_DURABILITY                                                                     \
	": set the same durability again, or, where there is no cluster yet, use an empty " \
	"directory"

/* Keys that never change once a directory is in use: --check, also beside a node, and a start. */
static void F17_F22_F23_what_a_directory_was_used_with(void **state)
{
	static const struct {
		const char *that, *this, *says;
	} rows[] = {
		{"initial-cluster:", "initial-cluster-token: other\ninitial-cluster:", SET_BACK},
		{"wal:\n", "wal:\n  durability: volatile\n",
		 "was last used with durability durable, and is opened with "
		 "volatile" SAME_DURABILITY},
	};
	struct process p;

	(void)state;
	process_prepare(&p, "");
	remember(&p);
	check_says_nothing(&p);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		configure(&p, rows[i].that, rows[i].this);
		check_says(&p, rows[i].says);
	}
	stop(&p);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		configure(&p, rows[i].that, rows[i].this);
		check_says(&p, rows[i].says);
		start_fails(&p, 4, rows[i].says);
	}
	/* The members are those of the log, and this one may have moved (D16). */
	configure(&p, "=198.18.0.1\n", "=198.18.0.1:2390,n2=198.18.0.2\n");
	check_says_nothing(&p);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	stop(&p);
	/* This opens, and is what it was used with last. */
	configure(&p, "wal:\n", "wal:\n  durability: written\n");
	check_says_nothing(&p);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	stop(&p);
	configure(&p, "wal:\n", "wal:\n  durability: volatile\n");
	start_fails(&p, 4, "was last used with durability written, and is opened with volatile");
	write_file(p.config, was);
	process_start(&p, NULL, NULL, NULL);
	process_wait_leading(&p);
	process_remove(&p);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F22_what_the_tools_advise),
		cmocka_unit_test(F22_what_the_lab_advises),
		cmocka_unit_test(F22_old_directories_are_restored),
		cmocka_unit_test(F22_a_damaged_directory_is_brought_back),
		cmocka_unit_test(F17_F22_F23_what_a_directory_was_used_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
