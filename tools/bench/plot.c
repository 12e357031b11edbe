#include "tools/bench/plot.h"

#include "tools/shared/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

int plot_check(const char *file)
{
	const char *suffix = strrchr(file, '.');

	if (suffix && (!strcmp(suffix, ".svg") || !strcmp(suffix, ".png")) && !strchr(file, '\''))
		return 0;
	return -EINVAL;
}

/* gnuplot, reading from *script. Its process id or -errno. */
static pid_t start(FILE **script)
{
	static const char *const argv[] = {"gnuplot", "-", NULL};
	int pipe_fd[2];
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC))
		return -errno;
	pid = child_start(argv, pipe_fd[0], -1, -1);
	close(pipe_fd[0]);
	*script = pid > 0 ? fdopen(pipe_fd[1], "w") : NULL;
	if (*script)
		return pid;
	close(pipe_fd[1]);
	if (pid < 0)
		return pid;
	child_wait(pid);
	return -ENOMEM;
}

/* The script's write, and gnuplot's end. */
static int run(const char *file, void (*script)(FILE *out, const void *context),
	       const void *context)
{
	const char *suffix = strrchr(file, '.');
	bool svg = suffix && !strcmp(suffix, ".svg");
	void (*before)(int) = signal(SIGPIPE, SIG_IGN);
	FILE *out = NULL;
	int err = 0;
	pid_t pid = start(&out);

	if (pid < 0) {
		err = pid;
	} else {
		fprintf(out, "set terminal %s size 960,600 font 'sans,11'\nset output '%s'\n",
			svg ? "svg dynamic background 'white'" : "pngcairo", file);
		script(out, context);
		if (fclose(out))
			err = -EIO;
		if (child_wait(pid))
			err = -EIO;
	}
	signal(SIGPIPE, before);
	if (err)
		fprintf(stderr, "quoin-bench: %s: gnuplot could not draw it: %s%s\n", file,
			strerror(-err), err == -ENOENT ? " (package gnuplot-nox)" : "");
	return err;
}

struct latency {
	const struct result *result;
	const struct histogram *histogram;
};

static void latency_script(FILE *out, const void *context)
{
	const struct latency *l = context;
	const struct result *r = l->result;
	struct histogram_step step = {.fraction = -1};
	double end = 100;

	fprintf(out, "$latency << END\n");
	while (histogram_step_next(l->histogram, &step) && step.fraction < 1) {
		end = 1 / (1 - step.fraction);
		fprintf(out, "%.3f %.3f\n", end, (double)step.value_ns / 1000);
	}
	fprintf(out,
		"END\n"
		"set title \"quoin %s: %s, client path %s, link %s, %u nodes, %u clients, "
		"%u bytes, closed loop\" noenhanced\n"
		"set logscale xy\nset grid\nset key left top\n"
		"set xlabel 'percentile'\nset ylabel 'latency, microseconds'\n"
		"set xtics ('0' 1, '50' 2, '90' 10, '99' 100, '99.9' 1000, '99.99' 10000, "
		"'99.999' 100000)\nset xrange [1:%.3f]\n",
		r->name, r->durability, r->client_path, r->link, r->nodes, r->clients,
		r->value_size, end > 10 ? end : 10);
	fprintf(out, "plot $latency using 1:2 with lines linewidth 2 title '%s'", r->durability);
	if (r->floor_p50_us > 0)
		fprintf(out,
			", %.3f with lines dashtype 2 linewidth 2 title 'floor p50: one durable 4 "
			"KiB write, %u writers'",
			r->floor_p50_us, r->floor_writers);
	fprintf(out, "\n");
}

int plot_latency(const char *file, const struct result *r, const struct histogram *latency)
{
	struct latency l = {r, latency};

	return run(file, latency_script, &l);
}

struct rounds {
	const struct result *results;
	uint32_t count;
};

/* Each figure counts from the same moment: a bar shows what it adds to the one before. */
static void rounds_script(FILE *out, const void *context)
{
	const struct rounds *p = context;
	const struct result *r = p->results;

	fprintf(out, "$rounds << END\nround");
	for (uint32_t i = 0; i < p->count; i++)
		fprintf(out, " \"%s\"", r[i].name);
	fprintf(out, "\n");
	for (uint32_t round = 0; round < r->round_count; round++) {
		double before = 0;

		fprintf(out, "%u", round + 1);
		for (uint32_t i = 0; i < p->count; i++) {
			double value = r[i].round_us[round];

			fprintf(out, " %.3f", value > before ? (value - before) / 1000 : 0);
			before = value > before ? value : before;
		}
		fprintf(out, "\n");
	}
	fprintf(out,
		"END\nset title \"quoin %s, link %s, %u nodes: from the loss of the leader\" "
		"noenhanced\nset style data histograms\nset style histogram rowstacked\n"
		"set style fill solid 0.8\nset boxwidth 0.8\nset grid ytics\nset key top "
		"right noenhanced\nset xlabel 'round'\nset ylabel 'milliseconds'\nset yrange "
		"[0:*]\n"
		"plot for [i=2:%u] $rounds using i:xtic(1) title columnheader(i)\n",
		r->durability, r->link, r->nodes, p->count + 1);
}

int plot_rounds(const char *file, const struct result *results, uint32_t count)
{
	struct rounds p = {results, count};

	return run(file, rounds_script, &p);
}
