/*
 * F4, F3: starts that are killed at any moment, and starts that are all at once, on each link:
 * start_test LINK.
 */
#include "tests/e2e/process.h"
#include "tests/unit/test.h"

#include "base/mix.h"
#include "dataplane/pages.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FREE_PAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"

enum {
	KILLS = 20,
	TIME_MS = 8000, /* and no more kills after it */
	AT_ONCE = 8,
	/* Of `frames: 512`, in huge pages. */
	MEMORY_MIB = 32,
	PAGES = MEMORY_MIB / 2,
};

static const char *link_name;
static char text[1 << 14];

struct start {
	struct process p;
	bool locks; /* the host's huge pages, as others do */
	uint32_t memory_mib;
	const char *wal, *more; /* of the configuration */
	int out;
	bool no_netlink; /* its sockets are refused, as a container's profile does */
	bool counts_all; /* the kernel's count of free pages says more than there are */
};

/* As with PrivateDevices=: the same devices, in files of its own. */
static bool devices_part(const struct start *s)
{
	char zero[96];

	snprintf(zero, sizeof(zero), "%s/zero", s->p.dir);
	return (mknod(zero, S_IFCHR | 0666, makedev(1, 5)) == 0 || errno == EEXIST) &&
	       mount(zero, "/dev/zero", NULL, MS_BIND, NULL) == 0;
}

/* In a /run that is its own otherwise. */
static bool lock_share(const struct start *s)
{
	char quoin[96];

	snprintf(quoin, sizeof(quoin), "%s/run/quoin", s->p.dir);
	return (mkdir(quoin, 0750) == 0 || errno == EEXIST) &&
	       mount("/run/quoin", quoin, NULL, MS_BIND, NULL) == 0;
}

static void netlink_refuse(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(125);
}

/* What a node says, and a /run and a /sys of its own: sysfs shows the interfaces of its mount. */
static void enter(void *context)
{
	const struct start *s = context;
	char run[96], file[96];

	snprintf(run, sizeof(run), "%s/run", s->p.dir);
	dup2(s->out, STDOUT_FILENO);
	dup2(s->out, STDERR_FILENO);
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    (s->locks && !lock_share(s)) || mount(run, "/run", NULL, MS_BIND | MS_REC, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL) || !devices_part(s))
		_exit(125);
	if (s->no_netlink)
		netlink_refuse();
	if (!s->counts_all)
		return;
	snprintf(file, sizeof(file), "%s/free", s->p.dir);
	if (mount(file, FREE_PAGES, NULL, MS_BIND, NULL))
		_exit(125);
	snprintf(file, sizeof(file), "%s/notify", s->p.dir);
	setenv("NOTIFY_SOCKET", file, 1);
}

static const char *written(const struct start *s)
{
	ssize_t size = pread(s->out, text, sizeof(text) - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static bool has_started(void *context)
{
	struct start *s = context;

	return strstr(written(s), " info n1 started ") || process_wait(&s->p, 0);
}

static void configure(const struct start *s, const char *huge_pages)
{
	bool interface = strcmp(link_name, "memif") != 0;
	FILE *file = fopen(s->p.config, "we");

	assert_non_null(file);
	fprintf(file,
		"name: n1\ndata-dir: %s/n1\ninitial-cluster: n1=198.18.0.1\nwal: {segment-size: "
		"4MiB%s}\nhuge-pages: %s\nmemory: %uMiB\n"
		"network: {link: %s, address: 198.18.0.1/24, frames: 512%s}\n%s",
		s->p.dir, s->wal, huge_pages, s->memory_mib, link_name,
		interface ? ", interface: v0" : "", s->more);
	assert_int_equal(fclose(file), 0);
}

static void prepare(struct start *s, const char *huge_pages)
{
	char run[96];

	*s = (struct start){0};
	process_prepare(&s->p, "");
	s->locks = true;
	s->memory_mib = MEMORY_MIB;
	s->wal = s->more = "";
	s->p.own_namespace = false; /* it is the test's, which outlives each start */
	s->out = memfd_create("out", MFD_CLOEXEC);
	assert_true(s->out >= 0);
	snprintf(run, sizeof(run), "%s/run", s->p.dir);
	assert_int_equal(mkdir(run, 0755), 0);
	configure(s, huge_pages);
}

static void begin(struct start *s)
{
	assert_int_equal(ftruncate(s->out, 0), 0);
	assert_int_equal(lseek(s->out, 0, SEEK_SET), 0);
	process_start(&s->p, NULL, enter, s);
}

static void end(struct start *s)
{
	if (s->p.pid)
		assert_int_equal(kill(s->p.pid, SIGKILL), 0);
	assert_true(process_wait(&s->p, CLUSTER_WAIT_MS));
}

/* Until it leads; how long that took. */
static uint64_t start_whole(struct start *s)
{
	uint64_t began = clock_ms();

	begin(s);
	if (!wait_until(has_started, s, CLUSTER_WAIT_MS) || s->p.pid == 0)
		fail_msg("it does not start after a kill: %s", written(s));
	process_wait_leading(&s->p);
	return clock_ms() - began;
}

/* How many names DPDK has left. */
static uint32_t left_behind(const struct start *s)
{
	char path[96];
	uint32_t names = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/run/dpdk", s->p.dir);
	dir = opendir(path);
	if (!dir)
		return 0;
	for (const struct dirent *e; (e = readdir(dir));)
		names += e->d_name[0] != '.';
	closedir(dir);
	return names;
}

static void F4_a_start_that_is_killed_at_any_moment(void **state)
{
	uint64_t seed = clock_ms(), began = clock_ms(), whole;
	uint32_t kills = 0;
	struct start s;

	(void)state;
	if (getenv("SEED"))
		seed = strtoull(getenv("SEED"), NULL, 0);
	printf("SEED=%llu\n", (unsigned long long)seed);
	prepare(&s, "auto");
	whole = start_whole(&s);
	assert_int_equal(left_behind(&s), 0);
	end(&s);
	for (; kills < KILLS && clock_ms() - began < TIME_MS; kills++) {
		seed = mix(seed + 1);
		begin(&s);
		(void)poll(NULL, 0, (int)(seed % (whole + 1)));
		end(&s);
		(void)start_whole(&s);
		assert_int_equal(left_behind(&s), 0);
		end(&s);
	}
	printf("%u starts were killed within %llu ms\n", kills, (unsigned long long)whole);
	assert_true(kills > 0);
	close(s.out);
	process_remove(&s.p);
}

/* How many of them start; those that the last pages do not suffice for say so, with numbers. */
static uint32_t start_at_once(void)
{
	struct start s[AT_ONCE];
	uint32_t started = 0;

	for (int i = 0; i < AT_ONCE; i++) {
		prepare(&s[i], "on");
		s[i].p.own_namespace = true;
		begin(&s[i]);
	}
	for (int i = 0; i < AT_ONCE; i++) {
		if (!wait_until(has_started, &s[i], CLUSTER_WAIT_MS))
			fail_msg("neither started nor refused: %s", written(&s[i]));
		started += s[i].p.pid != 0;
		if (s[i].p.pid == 0 &&
		    !strstr(written(&s[i]), "memory: 32MiB takes 16 huge pages of 2 MiB, and of "))
			fail_msg("%s", text);
	}
	printf("%u of %u started\n", started, AT_ONCE);
	for (int i = 0; i < AT_ONCE; i++) {
		end(&s[i]);
		close(s[i].out);
		process_remove(&s[i].p);
	}
	return started;
}

/* Nobody else takes pages of this host, as far as can be seen. */
static bool all_are_free(void)
{
	struct pages p = pages_read();

	return p.free == p.there;
}

/* Enough for one and a half are left to the nodes. */
static void F3_the_last_pages_are_counted_once(void **state)
{
	uint64_t pages = pages_read().free;
	bool ours = all_are_free();
	size_t size = pages > PAGES * 3 / 2 ? (size_t)(pages - PAGES * 3 / 2) << 21 : 0;
	void *taken = MAP_FAILED;
	uint32_t started;

	(void)state;
	if (size > 0)
		taken = mmap(NULL, size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	started = start_at_once();
	if (taken == MAP_FAILED)
		return;
	assert_int_equal(munmap(taken, size), 0);
	if (ours && all_are_free())
		assert_int_equal(started, 1);
}

/* F3: a node that has no lock starts, and says what that may mean. */
static void F3_without_the_lock(void **state)
{
	struct start s;
	char path[128];
	bool said;

	(void)state;
	prepare(&s, "auto");
	s.locks = false;
	snprintf(path, sizeof(path), "%s/run/quoin", s.p.dir);
	assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
	(void)start_whole(&s);
	said = strstr(written(&s), " warn n1 dpdk says=\"/run/quoin: Not a directory: free huge "
				   "pages are counted without its lock, and another node that "
				   "starts now may count the same ones\"") != NULL;
	/* Of none there is nothing to count. */
	if (said != (pages_read().there > 0))
		fail_msg("%s", text);
	end(&s);
	close(s.out);
	process_remove(&s.p);
}

/* It has the lock's directory open, and waits; or it has ended. */
static bool waits_for_lock(void *context)
{
	struct start *s = context;
	char path[64], target[64];
	bool found = process_wait(&s->p, 0);

	for (int fd = 3; fd < 32 && !found; fd++) {
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)s->p.pid, fd);
		length = readlink(path, target, sizeof(target) - 1);
		target[length > 0 ? length : 0] = '\0';
		found = strcmp(target, "/run/quoin") == 0;
	}
	return found;
}

/* While another that starts has the lock, or is stopped with it. */
static void F2_who_waits_for_pages_can_be_ended(void **state)
{
	struct start s;
	char path[128];
	int lock;

	(void)state;
	prepare(&s, "auto");
	s.locks = false;
	snprintf(path, sizeof(path), "%s/run/quoin", s.p.dir);
	lock = pages_lock(path, 0, NULL);
	assert_true(lock >= 0);
	begin(&s);
	assert_true(wait_until(waits_for_lock, &s, CLUSTER_WAIT_MS));
	assert_true(s.p.pid > 0);
	assert_int_equal(kill(s.p.pid, SIGTERM), 0);
	process_must_exit(&s.p, 0);
	if (strstr(written(&s), "without its lock") || strstr(text, " started "))
		fail_msg("%s", text);
	close(lock);
	close(s.out);
	process_remove(&s.p);
}

/* Where READY=1 is to come, and the count that is wrong as soon as it was read. */
static int files_make(struct start *s)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char path[96];
	FILE *file;

	assert_true(fd >= 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", s->p.dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	snprintf(path, sizeof(path), "%s/free", s->p.dir);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "%u\n", s->memory_mib / PAGES_MIB);
	assert_int_equal(fclose(file), 0);
	return fd;
}

/* Counted, and taken by another before they could be: auto says so, and does without. */
static void F3_pages_that_are_gone_when_they_are_wanted(void **state)
{
	const char *word = " warn n1 huge_pages_gone ", *said;
	char name[32] = "", path[64];
	struct start s;
	FILE *file;
	int notify;

	(void)state;
	prepare(&s, "auto");
	s.counts_all = true;
	s.memory_mib = (uint32_t)(pages_read().there + 1) * PAGES_MIB; /* never to be had */
	configure(&s, "auto");
	notify = files_make(&s);
	(void)start_whole(&s);
	said = strstr(written(&s), word);
	if (!said || strstr(said + 1, word))
		fail_msg("%s", text);
	/* As it was called, by the same name, and whoever waits for it hears of it. */
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)s.p.pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_non_null(fgets(name, sizeof(name), file));
	fclose(file);
	assert_string_equal(name, "quoind\n");
	assert_int_equal(recv(notify, name, sizeof(name), MSG_DONTWAIT), strlen("READY=1"));
	end(&s);
	close(notify);
	close(s.out);
	process_remove(&s.p);
}

struct threads {
	pid_t pid;
	uint32_t count, workers;
	size_t cpu; /* that the first of them has to itself */
	char wrong[96];
};

static void thread_look(struct threads *t, pid_t id)
{
	char path[64], name[32] = "";
	cpu_set_t where;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", t->pid, id);
	file = fopen(path, "re");
	if (!file || !fgets(name, sizeof(name), file) ||
	    sched_getaffinity(id, sizeof(where), &where) != 0)
		name[0] = '\0'; /* it has ended */
	if (file)
		fclose(file);
	t->count += name[0] != '\0';
	t->workers += strncmp(name, "iou-wrk", 7) == 0;
	if (name[0] && (CPU_ISSET(t->cpu, &where) != (id == t->pid) ||
			(id == t->pid && CPU_COUNT(&where) != 1)))
		snprintf(t->wrong, sizeof(t->wrong), "%d of %d: %s", id, t->pid, name);
}

/* With a worker of the kernel: one is there for some seconds after a sync of the log. */
static bool are_seen(void *context)
{
	struct threads *t = context;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", t->pid);
	tasks = opendir(path);
	t->count = t->workers = 0;
	for (const struct dirent *e; tasks && (e = readdir(tasks));) {
		if (e->d_name[0] != '.')
			thread_look(t, (pid_t)strtol(e->d_name, NULL, 10));
	}
	if (tasks)
		closedir(tasks);
	return t->workers > 0;
}

/* Log, metrics, DPDK, disk, the local socket, and the kernel's workers for the log. */
static void the_loop_has_its_cpu_to_itself(void **state)
{
	struct threads t = {0};
	char more[96];
	struct start s;
	cpu_set_t all;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	if (CPU_COUNT(&all) < 2) {
		printf("not tried: there is one CPU\n");
		skip();
	}
	while (!CPU_ISSET(t.cpu, &all))
		t.cpu++;
	prepare(&s, "auto");
	snprintf(more, sizeof(more), "cpus: \"%zu\"\nlisten-metrics-urls: http://0.0.0.0:2381\n",
		 t.cpu);
	s.more = more;
	s.wal = ", durability: written";
	configure(&s, "auto");
	s.p.own_namespace = true;
	(void)start_whole(&s);
	t.pid = s.p.pid;
	if (!wait_until(are_seen, &t, CLUSTER_WAIT_MS))
		fail_msg("of %u threads none is a worker", t.count);
	if (t.wrong[0] || t.count < 7)
		fail_msg("%u threads; elsewhere than it should: %s", t.count, t.wrong);
	end(&s);
	close(s.out);
	process_remove(&s.p);
}

/* It sees less of what is done to its port, says so, and starts (F6). */
static void F6_without_netlink(void **state)
{
	static const char *const check[] = {"--check", NULL};
	static const char *const words =
		"network.interface: v0: if its MAC address is changed while the node runs, or its "
		"XDP program taken away, that is not seen: no socket of AF_NETLINK: Address family "
		"not supported by protocol";
	struct start s;

	(void)state;
	prepare(&s, "auto");
	s.no_netlink = true;
	process_start(&s.p, check, enter, &s);
	assert_true(process_wait(&s.p, CLUSTER_WAIT_MS));
	assert_int_equal(s.p.status, 0);
	if (!strstr(written(&s), words))
		fail_msg("%s", text);
	(void)start_whole(&s);
	if (!strstr(written(&s), words))
		fail_msg("%s", text);
	end(&s);
	close(s.out);
	process_remove(&s.p);
}

static void command(const char *const *argv)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void interfaces_make(void)
{
	command((const char *const[]){"ip", "link", "add", "v0", "type", "veth", "peer", "name",
				      "v1", NULL});
	command((const char *const[]){"ip", "link", "set", "v0", "up", NULL});
	command((const char *const[]){"ip", "link", "set", "v1", "up", NULL});
}

/* Whether a node could start at all: what it needs is another test's matter. */
static bool can_start(void)
{
	static const char *const check[] = {"--check", NULL};
	struct start s;
	bool can;

	prepare(&s, "auto");
	process_start(&s.p, check, enter, &s);
	assert_true(process_wait(&s.p, CLUSTER_WAIT_MS));
	can = WIFEXITED(s.p.status) && WEXITSTATUS(s.p.status) == 0;
	if (!can)
		printf("SKIP: %s", written(&s));
	close(s.out);
	process_remove(&s.p);
	return can;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(F4_a_start_that_is_killed_at_any_moment),
	};
	static const struct CMUnitTest packet_tests[] = {
		cmocka_unit_test(F4_a_start_that_is_killed_at_any_moment),
		cmocka_unit_test(F6_without_netlink),
	};
	static const struct CMUnitTest memif_tests[] = {
		cmocka_unit_test(F4_a_start_that_is_killed_at_any_moment),
		cmocka_unit_test(F3_the_last_pages_are_counted_once),
		cmocka_unit_test(F3_pages_that_are_gone_when_they_are_wanted),
		cmocka_unit_test(F3_without_the_lock),
		cmocka_unit_test(F2_who_waits_for_pages_can_be_ended),
		cmocka_unit_test(the_loop_has_its_cpu_to_itself),
	};

	if (argc != 2)
		return 2;
	link_name = argv[1];
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	interfaces_make();
	if (!can_start())
		return 77;
	if (strcmp(link_name, "packet") == 0)
		return cmocka_run_group_tests(packet_tests, NULL, NULL);
	return strcmp(link_name, "memif") == 0 ? cmocka_run_group_tests(memif_tests, NULL, NULL)
					       : cmocka_run_group_tests(tests, NULL, NULL);
}
