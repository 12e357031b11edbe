/*
 * DPDK's EAL: one start per process, from a handful of settings.
 *
 * Its arguments, and why each is given:
 *	--no-pci or -a ADDRESS   only the devices that the configuration names are probed
 *	--lcores 0@(LIST)        EAL pins its main thread to one CPU; this lets it float over LIST
 *	--no-huge --no-shconf    plain memory; --in-memory cannot be combined with --no-huge
 *	--in-memory              huge pages without files: nothing is left behind by kill -9
 *	--iova-mode=va           without a PCI device nobody needs physical addresses, and reading
 *				 them needs privileges
 *	--no-telemetry           no socket beside ours
 *	--log-level=...          DPDK's chatter stays out of the node's log, unless it is asked for;
 *				 EAL itself warns of page sizes that are not there, which is not
 *				 worth a line
 */
#include "dataplane/eal.h"
#include "dataplane/link_control.h"
#include "dataplane/pages.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>

enum {
	/* Seven nodes that start at once, and on a busy machine one takes two seconds with it. */
	PAGES_WAIT_MS = 15 * 1000,
	ARGUMENTS_MAX = 24,
	ARGUMENT_SIZE = 256,
	LOG_LINE_SIZE = 512,
};

/* The argument vector that EAL gets; it keeps pointers into it, so it lives as long as EAL. */
struct arguments {
	int count;
	char text[ARGUMENTS_MAX][ARGUMENT_SIZE];
	char *vector[ARGUMENTS_MAX + 1];
};

static struct arguments arguments;
static bool started;

__attribute__((format(printf, 2, 3))) static void add(struct arguments *a, const char *format, ...)
{
	assert(a->count < ARGUMENTS_MAX);
	va_list list;
	va_start(list, format);
	int n = vsnprintf(a->text[a->count], ARGUMENT_SIZE, format, list);
	va_end(list);
	assert(n >= 0);
	assert(n < ARGUMENT_SIZE);
	a->vector[a->count] = a->text[a->count];
	a->count++;
	a->vector[a->count] = NULL;
}

/* The CPUs that this process may run on, as a list: "0-1,4". */
static void cpus_allowed(char *out, size_t out_size)
{
	cpu_set_t set;
	size_t used = 0;
	out[0] = 0;
	if (sched_getaffinity(0, sizeof(set), &set) != 0) {
		snprintf(out, out_size, "0");
		return;
	}
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		size_t last = cpu;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set))
			last++;
		int n = snprintf(out + used, out_size - used, "%s%zu-%zu", used > 0 ? "," : "", cpu,
				 last);
		if (n < 0 || (size_t)n >= out_size - used) {
			out[used] = 0; /* the ranges that fit are enough */
			return;
		}
		used += (size_t)n;
		cpu = last;
	}
}

static int check(const struct eal_options *options, char error[EAL_ERROR_MAX])
{
	if (started) {
		snprintf(error, EAL_ERROR_MAX, "the dataplane can be started once per process");
		return -EALREADY;
	}
	if (options->file_prefix == NULL || strlen(options->file_prefix) >= 64 ||
	    strpbrk(options->file_prefix, "/% ") != NULL) {
		snprintf(error, EAL_ERROR_MAX,
			 "the file prefix must be a name of at most 63 characters");
		return -EINVAL;
	}
	if (options->lcores != NULL &&
	    (strlen(options->lcores) >= ARGUMENT_SIZE / 2 ||
	     strspn(options->lcores, "0123456789,-") != strlen(options->lcores))) {
		snprintf(error, EAL_ERROR_MAX, "CPU list '%s': expected one like 2 or 0-1,4",
			 options->lcores);
		return -EINVAL;
	}
	if (options->pci_count > sizeof(options->pci) / sizeof(options->pci[0]) ||
	    options->memory_mib == 0) {
		snprintf(error, EAL_ERROR_MAX, "no memory for the dataplane, or too many devices");
		return -EINVAL;
	}
	return 0;
}

static void arguments_build(struct arguments *a, const struct eal_options *options, bool huge)
{
	char cpus[ARGUMENT_SIZE / 2];

	a->count = 0;
	add(a, "quoin");
	add(a, "--file-prefix=%s", options->file_prefix);
	if (options->lcores != NULL)
		add(a, "--lcores=0@(%s)", options->lcores);
	else {
		cpus_allowed(cpus, sizeof(cpus));
		add(a, "--lcores=0@(%s)", cpus);
	}
	add(a, "-m");
	add(a, "%u", options->memory_mib);
	if (huge)
		add(a, "--in-memory");
	else {
		add(a, "--no-huge");
		add(a, "--no-shconf");
	}
	add(a, "--no-telemetry");
	add(a, "--log-level=*:%s", options->log.verbose ? "info" : "warning");
	add(a, "--log-level=lib.eal:%s", options->log.verbose ? "info" : "error");
	if (options->pci_count == 0) {
		add(a, "--no-pci");
		add(a, "--iova-mode=va");
	}
	for (uint32_t i = 0; i < options->pci_count; i++) {
		add(a, "-a");
		add(a, "%s", options->pci[i]);
	}
}

/* Each line of what one call of rte_log said. */
static ssize_t log_write(void *cookie, const char *text, size_t size)
{
	const struct eal_log *log = cookie;
	int level = rte_log_cur_msg_loglevel();
	enum eal_severity severity = level > 0 && level <= (int)RTE_LOG_ERR ? EAL_SAYS_ERROR
				     : level == (int)RTE_LOG_WARNING        ? EAL_SAYS_WARNING
									    : EAL_SAYS_INFO;
	char line[LOG_LINE_SIZE];

	for (size_t at = 0, length; at < size; at += length + 1) {
		const char *end = memchr(text + at, '\n', size - at);

		length = end ? (size_t)(end - text) - at : size - at;
		snprintf(line, sizeof(line), "%.*s", (int)length, text + at);
		if (length > 0)
			log->line(log->context, severity, line);
	}
	return (ssize_t)size;
}

static int log_open(const struct eal_options *options)
{
	static const cookie_io_functions_t functions = {.write = log_write};
	static struct eal_log log; /* of the stream, which is never closed */
	FILE *stream = stderr;

	log = options->log;
	if (log.line)
		stream = fopencookie(&log, "w", functions);
	if (!stream)
		return -ENOMEM;
	return rte_openlog_stream(stream);
}

/* It answers an argument that it does not like with a hundred lines of usage on standard output. */
static int init_quietly(void)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int done;

	fflush(stdout);
	if (nowhere >= 0 && out >= 0)
		dup2(nowhere, STDOUT_FILENO);
	done = rte_eal_init(arguments.count, arguments.vector);
	fflush(stdout);
	if (nowhere >= 0 && out >= 0)
		dup2(out, STDOUT_FILENO);
	if (nowhere >= 0)
		close(nowhere);
	if (out >= 0)
		close(out);
	return done;
}

/*
 * EAL makes a directory for each prefix, and leaves it. There is nothing in it, as we start it: so
 * it goes, and what an earlier start left that was killed in between with it (F4).
 */
static void directory_remove(void)
{
	(void)rmdir(rte_eal_get_runtime_dir());
}

static int start(const struct eal_options *options, bool huge, char error[EAL_ERROR_MAX])
{
	char text[PAGES_TEXT_MAX];
	int err;

	arguments_build(&arguments, options, huge);
	started = init_quietly() >= 0;
	err = rte_errno > 0 ? rte_errno : EIO;
	directory_remove();
	if (started)
		return 0;
	/* Who holds no lock of ours may have been faster. */
	if (huge && !pages_suffice(1, options->memory_mib, text)) {
		snprintf(error, EAL_ERROR_MAX, "memory: %uMiB %s", options->memory_mib, text);
		return -ENOMEM;
	}
	snprintf(error, EAL_ERROR_MAX, "DPDK's EAL did not start (%s): %u MiB of %s were asked for",
		 strerror(err), options->memory_mib, huge ? "huge pages" : "memory");
	return -err;
}

/* Where huge pages are wanted; with the lock, if it was to be had. */
static int start_counted(const struct eal_options *options, char error[EAL_ERROR_MAX])
{
	char text[PAGES_TEXT_MAX];
	bool huge = pages_suffice(1, options->memory_mib, text);
	int err;

	if (!huge && options->memory == EAL_MEMORY_HUGE) {
		snprintf(error, EAL_ERROR_MAX, "memory: %uMiB %s", options->memory_mib, text);
		return -ENOMEM;
	}
	err = start(options, huge, error);
	/* Another was faster, or a limit is in the way. EAL has no second start. */
	return err && huge && options->memory == EAL_MEMORY_HUGE_IF_FREE ? -EAGAIN : err;
}

static void say_unlocked(const struct eal_log *to, int err)
{
	char line[LOG_LINE_SIZE], held[64];

	snprintf(held, sizeof(held), "another process has held it for %d s", PAGES_WAIT_MS / 1000);
	snprintf(line, sizeof(line),
		 PAGES_LOCK ": %s: free huge pages are counted without its lock, and another node "
			    "that starts now may count the same ones",
		 err == -ETIMEDOUT ? held : strerror(-err));
	if (to->line)
		to->line(to->context, EAL_SAYS_WARNING, line);
	else
		fprintf(stderr, "%s\n", line);
}

int eal_start(const struct eal_options *options, char error[EAL_ERROR_MAX])
{
	int err = check(options, error);
	int pages;

	if (err != 0)
		return err;
	/* Otherwise EAL opens syslog as well. */
	err = log_open(options);
	if (err != 0) {
		snprintf(error, EAL_ERROR_MAX, "the dataplane's log: %s", strerror(-err));
		return err;
	}
	if (options->memory == EAL_MEMORY_ORDINARY)
		return start(options, false, error);
	pages = pages_lock(PAGES_LOCK, PAGES_WAIT_MS, options->goes_on);
	if (pages == -EINTR) {
		snprintf(error, EAL_ERROR_MAX, "the start was ended");
		return pages;
	}
	/* Of none there is nothing to count. */
	if (pages < 0 && pages_read().there > 0)
		say_unlocked(&options->log, pages);
	err = start_counted(options, error);
	if (pages >= 0)
		close(pages);
	return err;
}

/*
 * The lock is kept: no driver's callback runs from here on. rte_eal_cleanup is not called, because
 * EAL cannot end its interrupt thread, and unmaps the memory that this thread uses whenever a peer
 * of a memif port connects at that moment (F2). Its ports closed, EAL holds nothing that the end of
 * the process does not give back: its huge pages have no files.
 */
void eal_stop(void)
{
	if (started)
		link_control_enter();
}
