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

	if (suffix && (!strcmp(suffix, ".svg") || !strcmp(suffix, ".png")))
		return 0;
	return -EINVAL;
}

/*
 * gnuplot, reading from *script and drawing to its standard output, so that any name of a file will
 * do. Its process id or -errno.
 */
static pid_t start(const char *file, FILE **script)
{
	static const char *const argv[] = {"gnuplot", "-", NULL};
	int out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int pipe_fd[2];
	pid_t pid;

	if (out < 0)
		return -errno;
	if (pipe2(pipe_fd, O_CLOEXEC)) {
		int err = -errno;

		close(out);
		return err;
	}
	pid = child_start(argv, pipe_fd[0], out, -1);
	close(out);
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
	pid_t pid = start(file, &out);

	if (pid < 0) {
		err = pid;
	} else {
		fprintf(out, "set terminal %s size 960,600 font 'sans,11'\n",
			svg ? "svg dynamic background 'white'" : "pngcairo");
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

int plot_try(void)
{
	static const char *const argv[] = {"gnuplot", "--version", NULL};
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pid_t pid = nothing < 0 ? -errno : child_start(argv, -1, nothing, nothing);
	int err = pid < 0 ? pid : child_wait(pid) ? -EIO : 0;

	if (nothing >= 0)
		close(nothing);
	if (err)
		fprintf(stderr, "quoin-bench: --plot: gnuplot does not run: %s%s\n", strerror(-err),
			err == -ENOENT ? " (package gnuplot-nox)" : "");
	return err;
}

struct latency {
	const struct result *result;
	struct histogram *const *series;
};

/* Steps of 1, 2 and 5 over all that is shown, written out: no powers of ten. */
static void y_tics(FILE *out, double low, double high)
{
	static const double steps[] = {1, 2, 5};
	double decade = 1;

	while (decade > low)
		decade /= 10;
	while (decade * 10 <= low)
		decade *= 10;
	fprintf(out, "set ytics (");
	for (int i = 0; i < 64; i++) {
		double tic = decade * steps[i % 3];

		fprintf(out, "%s'%.15g' %.15g", i > 0 ? ", " : "", tic, tic);
		if (tic >= high) {
			high = tic;
			break;
		}
		if (i % 3 == 2)
			decade *= 10;
	}
	fprintf(out, ")\nset yrange [*:%.15g]\n", high);
}

/* One curve's points; the end of the axis that it needs. */
static double write_points(FILE *out, const char *name, const struct histogram *h)
{
	struct histogram_step step = {.fraction = -1};
	double end = 10;

	fprintf(out, "$%s << END\n", name);
	while (histogram_step_next(h, &step) && step.fraction < 1) {
		end = 1 / (1 - step.fraction) > end ? 1 / (1 - step.fraction) : end;
		fprintf(out, "%.3f %.3f\n", 1 / (1 - step.fraction), (double)step.value_ns / 1000);
	}
	fprintf(out, "END\n");
	return end;
}

static void latency_script(FILE *out, const void *context)
{
	const struct latency *l = context;
	const struct result *r = l->result;
	double end = 10, low = 1e12, high = 0;
	const char *separator = "";

	for (uint32_t i = 0; i < r->row_count; i++) {
		const struct histogram *h = l->series[measure_series_of(r->row[i].key)];
		double here = write_points(out, r->row[i].key, h);

		end = here > end ? here : end;
		low = (double)h->min / 1000 < low ? (double)h->min / 1000 : low;
		high = (double)h->max / 1000 > high ? (double)h->max / 1000 : high;
	}
	fprintf(out,
		"set title \"quoin %s: %s, client path %s, link %s, %u nodes, %u clients, "
		"%u bytes, %s loop\" noenhanced\n"
		"set logscale xy\nset grid\nset key below noenhanced\n"
		"set xlabel 'percentile'\nset ylabel 'microseconds'\n"
		"set xtics ('0' 1, '50' 2, '90' 10, '99' 100, '99.9' 1000, '99.99' 10000, "
		"'99.999' 100000, '99.9999' 1000000)\nset xrange [1:%.3f]\n",
		r->name, r->durability, r->client_path, r->link, r->nodes, r->clients,
		r->value_size, r->rate_asked_per_s > 0 ? "open" : "closed", end);
	y_tics(out, low > 0.1 ? low : 0.1, high);
	fprintf(out, "plot ");
	for (uint32_t i = 0; i < r->row_count; i++) {
		const struct histogram *h = l->series[measure_series_of(r->row[i].key)];

		fprintf(out, "%s$%s using 1:2 with lines linewidth 2 title '%s: %.1f to %.1f'",
			separator, r->row[i].key, r->row[i].name, (double)h->min / 1000,
			(double)h->max / 1000);
		separator = ", ";
	}
	fprintf(out, "\n");
}

int plot_latency(const char *file, const struct result *r,
		 struct histogram *const series[MEASURE_SERIES])
{
	struct latency l = {r, series};

	return run(file, latency_script, &l);
}

/* Each figure counts from the same moment: a bar shows what it adds to the one before. */
static void rounds_script(FILE *out, const void *context)
{
	const struct result *r = context;
	uint32_t phases = 0;

	fprintf(out, "$rounds << END\nround");
	while (phases < r->row_count && r->row[phases].stacked)
		fprintf(out, " \"%s\"", r->row[phases++].name);
	fprintf(out, "\n");
	for (uint32_t round = 0; round < r->row[0].round_count; round++) {
		double before = 0;

		fprintf(out, "%u", round + 1);
		for (uint32_t i = 0; i < phases; i++) {
			double value = r->row[i].round_us[round];

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
		r->durability, r->link, r->nodes, phases + 1);
}

int plot_rounds(const char *file, const struct result *result)
{
	return run(file, rounds_script, result);
}
