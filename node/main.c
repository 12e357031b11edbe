/*
 * quoind: one node, from its configuration file.
 */
#include "base/clock.h"
#include "base/exits.h"
#include "base/standard.h"
#include "config/config.h"
#include "doors/calls.h"
#include "kv/kv.h"
#include "metrics/http.h"
#include "node/again.h"
#include "node/arguments.h"
#include "node/claim.h"
#include "node/cores.h"
#include "node/force.h"
#include "node/host.h"
#include "node/idle.h"
#include "node/journal.h"
#include "node/node.h"
#include "node/notify.h"
#include "node/ports.h"
#include "node/signals.h"
#include "node/wanted.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HTTP_NS (10 * CLOCK_S)

/* All that lives as long as the process; torn down in reverse. */
struct quoind {
	struct config config;
	struct journal *journal;
	struct notify notify;
	struct fault_rules faults;
	struct claim_watch address;
	bool address_watched;
	struct node_options options;
	struct ports ports;
	uint64_t salt; /* of the store */
	struct calls *calls;
	struct metrics_exchange *exchange;
	struct metrics_http *http;
	uint64_t http_starved, http_ns; /* as it was last told, and when it is told again */
	struct node *node;
	bool again; /* it is to begin once more, in ordinary pages */
};

static int load(struct quoind *q, const char *file)
{
	struct config_errors errors;
	int error = config_load(&q->config, file, &errors);

	for (uint32_t i = 0; error && i < errors.count && i < CONFIG_ERRORS_MAX; i++)
		journal_fail(q->journal, "%s", errors.text[i]);
	if (error && errors.count > CONFIG_ERRORS_MAX)
		journal_fail(q->journal, "and %u more", errors.count - CONFIG_ERRORS_MAX);
	return error;
}

static bool goes_on(void)
{
	return signals_stops() == 0;
}

static int start_node(struct quoind *q)
{
	const struct config *c = &q->config;
	struct kv_options kv = {.quota = c->quota_bytes, .salt = q->salt};
	const struct door_welcome welcome = {0}; /* until there is a cluster */
	char text[NODE_ERROR_MAX];
	int error = kv_create(&q->options.sm, &kv);

	if (error) {
		journal_fail(q->journal, "the store: %s", strerror(-error));
		return error;
	}
	q->options.now_ns = clock_now();
	error = node_create(&q->node, &q->options, text);
	if (error == -EINTR && signals_stops())
		return error;
	if (error) {
		journal_fail(q->journal, "%s", text);
		return error;
	}
	error = calls_create(&q->calls, c->admin_socket, &welcome, text);
	if (error)
		journal_fail(q->journal, "%s", text);
	else
		error = node_serve_calls(q->node, q->calls);
	if (!error && q->exchange)
		node_serve_metrics(q->node, q->exchange);
	return error;
}

/* Before anything that takes long: whoever probes sees a process that starts, not a dead one. */
static int start_metrics(struct quoind *q)
{
	const struct config *c = &q->config;
	struct metrics_http_listener at[CONFIG_URLS_MAX];
	static struct metrics first;
	char text[METRICS_HTTP_ERROR_MAX];
	int err;

	if (c->metrics_url_count == 0)
		return 0;
	snprintf(first.name, sizeof(first.name), "%s", c->name);
	snprintf(first.version, sizeof(first.version), "%s", QUOIN_VERSION);
	snprintf(first.waiting, sizeof(first.waiting), "the node starts and reads its log");
	first.taken_ns = clock_now();
	err = metrics_exchange_create(&q->exchange, &first);
	if (err) {
		journal_fail(q->journal, "no memory for metrics");
		return err;
	}
	for (uint32_t i = 0; i < c->metrics_url_count; i++)
		at[i] = (struct metrics_http_listener){c->metrics_url[i].address,
						       c->metrics_url[i].port};
	err = metrics_http_start(&q->http, q->exchange, at, c->metrics_url_count, text);
	if (err)
		journal_fail(q->journal, "listen-metrics-urls: %s", text);
	return err;
}

static int start_watch(struct quoind *q)
{
	int error = claim_watch_begin(&q->address, q->config.address);

	if (error)
		journal_fail(q->journal, "no thread that looks at network.address: %s",
			     strerror(-error));
	q->address_watched = !error;
	return error;
}

static int draw(struct quoind *q)
{
	uint64_t seed[3];

	if (getrandom(seed, sizeof(seed), 0) != (ssize_t)sizeof(seed)) {
		journal_fail(q->journal, "the kernel gives no random numbers");
		return -EIO;
	}
	q->options.seed = seed[0];
	q->options.wal.identity_seed = seed[1];
	q->salt = seed[2] | 1;
	q->faults.random = seed[0];
	return 0;
}

static void set_options(struct quoind *q)
{
	wanted_options(&q->options, &q->config);
	q->options.faults = q->config.fault_injection ? &q->faults : NULL;
	q->options.journal = q->journal;
	q->options.goes_on = goes_on;
}

static int start(struct quoind *q)
{
	int error = draw(q);

	if (error)
		return error;
	set_options(q);
	error = start_metrics(q);
	if (!error && !signals_stops())
		error = ports_start(&q->config, goes_on, q->journal, &q->again);
	/* It ends as it would a moment later: there is nothing yet that is under way. */
	if (!error && signals_stops())
		error = -EINTR;
	if (!error)
		error = ports_create(&q->options.dp, &q->config, q->options.faults, q->journal);
	if (!error)
		error = claim_address(&q->options.dp, !ports_for_each_peer(&q->config), goes_on,
				      q->journal);
	q->ports = (struct ports){&q->config, q->options.faults, q->journal};
	if (!error)
		error = ports_ways(&q->options.ways, &q->ports, &q->options.dp);
	if (!error && !ports_for_each_peer(&q->config))
		error = start_watch(q);
	if (!error)
		error = start_node(q);
	return error;
}

static void finish(struct quoind *q)
{
	if (q->node)
		node_destroy(q->node);
	if (q->options.ways)
		q->options.ways->ops->destroy(q->options.ways);
	if (q->calls)
		calls_destroy(q->calls);
	if (q->http)
		metrics_http_stop(q->http);
	if (q->exchange)
		metrics_exchange_destroy(q->exchange);
	if (q->address_watched)
		claim_watch_end(&q->address);
	ports_stop();
}

/* As many as it may have: segments, clients and devices share them. */
static void descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* The kernel's end of the node's own interface is not on the wire: only this host sees it. */
static void address_watch(struct quoind *q)
{
	char interface[CLAIM_TEXT_MAX];

	if (q->address_watched && claim_watch_news(&q->address, interface))
		node_address_taken(q->node, interface);
}

/* F14: it waits for one, and somebody should know. */
static void http_watch(struct quoind *q, uint64_t now_ns)
{
	uint64_t starved = q->http ? metrics_http_starved(q->http) : 0;

	if (starved == q->http_starved || now_ns < q->http_ns)
		return;
	q->http_starved = starved;
	q->http_ns = now_ns + HTTP_NS;
	journal_write(q->journal, JOURNAL_ERROR, "http_starved",
		      "why=\"there is no file descriptor for who connects to listen-metrics-urls: "
		      "it waits until there is one; the limit is LimitNOFILE of the unit, or "
		      "ulimit -n\"");
}

/* To the service manager, from the loop: if that stands still, nothing is told. */
static void tell(struct quoind *q, uint64_t now)
{
	char text[NOTIFY_STATUS_SIZE];
	bool status = notify_wants_status(&q->notify, now);

	if (status)
		node_summary(q->node, text, sizeof(text));
	notify_turn(&q->notify, now, status ? text : NULL);
}

/* 0 after a stop by signal, of which the second one waits for no request; else -errno. */
static int run(struct quoind *q)
{
	static const enum idle_policy policy[] = {
		[CONFIG_IDLE_SPIN] = IDLE_SPIN,
		[CONFIG_IDLE_YIELD] = IDLE_YIELD,
		[CONFIG_IDLE_SLEEP] = IDLE_SLEEP,
	};
	struct idle idle;
	int error = 0;

	idle_create(&idle, policy[q->config.idle]);
	while (!node_stopped(q->node) && signals_stops() < 2) {
		uint64_t now = clock_now();

		error = node_poll(q->node, now);
		if (error)
			break;
		address_watch(q);
		http_watch(q, now);
		tell(q, now);
		if (signals_stops() && !node_stopping(q->node)) {
			notify_stopping(&q->notify);
			node_stop(q->node);
		}
		idle_wait(&idle, node_active(q->node), node_busy(q->node), now,
			  node_deadline(q->node));
	}
	if (error || !node_stopped(q->node))
		return error;
	return node_end(q->node);
}

/* Settings of the log that the configuration makes; what the command line says goes before. */
static void set_journal(struct quoind *q, const struct arguments *arguments)
{
	static const enum journal_level level[] = {
		[CONFIG_LOG_ERROR] = JOURNAL_ERROR,
		[CONFIG_LOG_WARN] = JOURNAL_WARN,
		[CONFIG_LOG_INFO] = JOURNAL_INFO,
		[CONFIG_LOG_DEBUG] = JOURNAL_DEBUG,
	};
	int format = q->config.log_format == CONFIG_LOG_JSON ? JOURNAL_JSON : JOURNAL_TEXT;

	journal_set(q->journal, q->config.name, level[q->config.log_level],
		    (enum journal_format)(arguments->format >= 0 ? arguments->format : format));
}

/* Before anything is touched: what would be in the way of a start. */
static void say_wrong(void *journal, const struct host_finding *finding)
{
	if (finding->wrong)
		journal_fail(journal, "%s", finding->text);
	else if (finding->doubtful)
		journal_write(journal, JOURNAL_WARN, "host_doubtful", "why=\"%s\"", finding->text);
}

/* Why it ends, where nothing failed. */
static void say_stopped(const struct quoind *q)
{
	if (signals_stops()) {
		journal_write(q->journal, JOURNAL_INFO, "stopped", "signal=%d", signals_last());
		return;
	}
	assert(node_removed(q->node)); /* nothing else ends it by itself */
	journal_write(q->journal, JOURNAL_INFO, "stopped",
		      "why=\"this member was removed from its cluster\"");
}

/* A node from its start to its end: an exit status. */
static int live(struct quoind *q)
{
	bool removed;
	int error;

	descriptors_raise();
	notify_open(&q->notify);
	error = host_check(&q->config, say_wrong, q->journal);
	if (error)
		return error;
	cores_spare(q->config.cpus);
	error = start(q);
	if (error) {
		finish(q);
		if (!signals_stops())
			return error == NODE_REMOVED ? QUOIND_REMOVED : QUOIND_START;
		q->again = false;
		say_stopped(q);
		return EXITS_DONE;
	}
	journal_write(q->journal, JOURNAL_INFO, "started",
		      "version=%s link=%s durability=%s idle=%s auth=off config=\"%s\"",
		      QUOIN_VERSION, link_kind_name(q->config.link),
		      config_durability_name(q->config.durability),
		      config_idle_name(q->config.idle), q->config.file);
	q->notify.patience_ns = node_patience_ns(q->node);
	q->notify.hand_over_ns = q->config.election_us_max * 1000;
	error = run(q);
	removed = node_removed(q->node) && !q->config.removed_waits;
	if (error)
		journal_write(q->journal, JOURNAL_ERROR, "failed", "error=\"%s\" why=\"%s\"",
			      strerror(-error), node_error(q->node));
	else
		say_stopped(q);
	finish(q);
	notify_close(&q->notify);
	if (error == NODE_PORT_GONE)
		return QUOIND_PORT;
	if (!error && removed)
		return QUOIND_REMOVED;
	return error ? QUOIND_DISK : EXITS_DONE;
}

static void explain(void *nothing, const struct host_finding *finding)
{
	(void)nothing;
	printf("%-22s %-5s  %s\n", finding->what,
	       finding->wrong      ? "WRONG"
	       : finding->doubtful ? "doubt"
				   : "good",
	       finding->text);
}

static int check(const struct quoind *q)
{
	int wrong;

	config_explain(&q->config, stdout);
	printf("\nWhat this host, and this user on it, give:\n\n");
	descriptors_raise();
	wrong = host_check(&q->config, explain, NULL);
	printf("\nNot looked at:\n\n%s", host_unseen());
	if (wrong)
		printf("\nA start would fail for what is WRONG.\n");
	if (fflush(stdout) == 0 && !ferror(stdout))
		return host_check(&q->config, say_wrong, q->journal);
	journal_fail(q->journal, "standard output: %s", strerror(errno));
	return QUOIND_START;
}

/*
 * What is made in data-dir belongs to who makes it, and the node must be able to open it again.
 * False: this is another user than the node's, and `text` says whose it is.
 */
static bool user_fits(const struct config *c, char text[NODE_ERROR_MAX])
{
	char path[CONFIG_PATH_MAX + 16];
	const struct passwd *user;
	struct stat st;

	snprintf(path, sizeof(path), "%s/identity", c->data_dir);
	if (stat(path, &st) != 0 || st.st_uid == geteuid())
		return true;
	user = getpwuid(st.st_uid);
	snprintf(text, NODE_ERROR_MAX,
		 "--force-new-cluster: data-dir: the files in %s belong to user %s (%u): run this "
		 "as that user, or the node could not open what is made there",
		 c->data_dir, user ? user->pw_name : "?", st.st_uid);
	return false;
}

/* On a stopped member: nothing is started. An exit status. */
static int force(struct quoind *q, const char *name)
{
	char text[NODE_ERROR_MAX];
	int error = draw(q);

	if (error)
		return QUOIND_START;
	set_options(q);
	error = user_fits(&q->config, text)
			? node_force(&q->options, q->config.token, name, stdout, text)
			: -EPERM;
	if (error)
		journal_fail(q->journal, "%s", text);
	if (error == -EINVAL)
		return EXITS_USAGE; /* a unit does not try that again */
	if (error)
		return QUOIND_START;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXITS_DONE;
	journal_fail(q->journal, "it was done, but not told: standard output: %s", strerror(errno));
	return QUOIND_START;
}

/* In the place of this process, with its standard error as it was. Returns if that fails. */
static void begin_again(char **argv, int error_fd)
{
	int err;

	dup2(error_fd, STDERR_FILENO);
	err = again_begin(argv);
	fprintf(stderr, "quoind: it cannot begin again: %s\n", strerror(-err));
}

int main(int argc, char **argv)
{
	static struct quoind q;
	struct arguments arguments;
	struct journal_options log = {.name = "quoind", .level = JOURNAL_INFO};
	int status, error;

	standard_open();
	again_note();
	arguments_parse(&arguments, argc, argv);
	/* A look ends by a signal as any program does that only prints. */
	if (!arguments.check)
		signals_begin();
	log.format = arguments.format == JOURNAL_JSON ? JOURNAL_JSON : JOURNAL_TEXT;
	log.fd = journal_take_stderr();
	if (log.fd < 0 || journal_create(&q.journal, &log)) {
		fprintf(stderr, "quoind: no memory, thread or descriptor for the log\n");
		return QUOIND_START;
	}
	error = load(&q, arguments.config);
	if (error) {
		/* What cannot be read now may be there later, as a mount that comes late. */
		status = error == -EINVAL ? QUOIND_CONFIG : QUOIND_START;
	} else {
		set_journal(&q, &arguments);
		if (again_is_second() && q.config.huge_pages == CONFIG_HUGE_AUTO)
			q.config.huge_pages = CONFIG_HUGE_OFF;
		status = arguments.check   ? check(&q)
			 : arguments.force ? force(&q, arguments.force)
					   : live(&q);
	}
	journal_destroy(q.journal);
	if (q.again && !signals_stops())
		begin_again(argv, log.fd);
	return status;
}
