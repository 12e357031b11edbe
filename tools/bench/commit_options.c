#include "tools/bench/commit_options.h"

#include "base/clock.h"
#include "tools/client/draw.h"

#include <string.h>

enum {
	KEY_IN_PROCESS = 256,
	KEY_NODES,
	KEY_PERCENTILES,
	KEY_WARMUP,
	KEY_NODE,
	KEY_OP,
	KEY_GETS,
	KEY_SERIALIZABLE,
	KEY_RATE,
	KEY_RUNS,
	KEY_KEYS,
	KEY_KEEP,
	KEY_INFLIGHT,
	KEY_REQUESTS,
	KEY_FILL,
	KEY_SERIES,
	KEY_ACKNOWLEDGED,
};

/* Most of what a store is asked is reads. */
enum {
	GETS_PERCENT_DEFAULT = 90,
	KEYS_DEFAULT = 1000,
	OPEN_CLIENTS_DEFAULT = PATH_UNIX_CLIENTS_MAX
};

static const struct argp_option option_table[] = {
	{"dir", 'd', "DIR", 0,
	 "The lab's directory (" LAB_DIR_DEFAULT "); the floor is measured on its file system. "
	 "With --in-process or --endpoints: where to measure (/var/tmp)",
	 0},
	{"endpoints", 'e', "LIST", 0, "ADDRESS:PORT or unix:PATH, with commas", 0},
	{"in-process", KEY_IN_PROCESS, NULL, 0, "Nodes in this process, over ring, on one core", 0},
	{"nodes", KEY_NODES, "N", 0, "With --in-process: how many (3)", 0},
	{"client-path", 'p', "PATH", 0,
	 "udp (kernel), memif (DPDK) or unix (admin socket); default: memif if the lab's link is "
	 "memif, unix if an admin socket alone is named, else udp",
	 0},
	{"target", KEY_NODE, "WHO", 0, "leader (default), follower or any", 0},
	{"op", KEY_OP, "WHAT", 0, "put (default), get or mixed", 0},
	{"gets", KEY_GETS, "PERCENT", 0, "Of mixed: so many are gets (90)", 0},
	{"serializable", KEY_SERIALIZABLE, NULL, 0,
	 "Gets ask the node's own state; default: they are linearizable", 0},
	{"rate", KEY_RATE, "N", 0,
	 "An open loop: N requests per second are due, whatever the answers do", 0},
	{"clients", 'c', "N", 0, "Clients, each of them a session (1; with --rate 63)", 0},
	{"inflight", KEY_INFLIGHT, "N", 0, "Requests of each client outstanding at a time (1)", 0},
	{"keys", KEY_KEYS, "N", 0, "How many different keys (1000)", 0},
	{"keep-keys", KEY_KEEP, NULL, 0, "Do not delete them afterwards", 0},
	{"value-size", 'v', "BYTES", 0, "Of each value (256)", 0},
	{"duration", 't', "S", 0, "Seconds of load, in five slices (10)", 0},
	{"requests", KEY_REQUESTS, "N", 0, "So many requests, however long they take, instead", 0},
	{"fill", KEY_FILL, NULL, 0, "Put every key once before, as is done for gets", 0},
	{"warmup", KEY_WARMUP, "S", 0, "Seconds of load before it, not counted (1)", 0},
	{"runs", KEY_RUNS, "N", 0, "So many times; medians and spread are shown at the end (1)", 0},
	{"durability", 'D', "MODE", 0,
	 "durable, written or volatile: what the nodes must run; with --in-process it sets it", 0},
	JSON_OPTION,
	{"percentiles", KEY_PERCENTILES, "FILE", 0, "In HdrHistogram's text format", 0},
	{"series", KEY_SERIES, "FILE", 0, "The latencies of each second, a line of JSON each", 0},
	{"acknowledged", KEY_ACKNOWLEDGED, "FILE", 0,
	 "What was said of the puts of each key, to be verified; the keys stay", 0},
	{"plot", KEY_PLOT, "FILE", 0, "Latency by percentile, .svg or .png, by gnuplot", 0},
	{0},
};

/* The index of a word in a list that ends with NULL. */
static int parse_word(struct argp_state *state, const char *option, const char *text,
		      const char *const *words)
{
	for (int i = 0; words[i]; i++) {
		if (!strcmp(text, words[i]))
			return i;
	}
	argp_error(state, "%s %s: should be %s, %s or %s", option, text, words[0], words[1],
		   words[2]);
	return 0;
}

static int parse_target(int key, char *value, struct argp_state *state, struct target_options *o,
			struct common *common)
{
	static const char *const paths[] = {"udp", "memif", "unix", NULL};
	static const char *const nodes[] = {"leader", "follower", "any", NULL};
	static const char *const durabilities[] = {"durable", "written", "volatile", NULL};

	switch (key) {
	case 'e':
		o->endpoints = option_text(state, "--endpoints", value);
		return 0;
	case KEY_IN_PROCESS:
		o->in_process = true;
		return 0;
	case KEY_NODES:
		/* Five nodes' links are all the ports that DPDK has. */
		o->nodes = option_number(state, "--nodes", value, 1, 5);
		return 0;
	case 'p':
		o->path = (enum target_path)(TARGET_PATH_UDP +
					     parse_word(state, "--client-path", value, paths));
		return 0;
	case KEY_NODE:
		o->node = (enum target_node)parse_word(state, "--target", value, nodes);
		return 0;
	case 'D':
		o->durability =
			durabilities[parse_word(state, "--durability", value, durabilities)];
		return 0;
	default:
		return common_option(key, value, state, common);
	}
}

static void check_target(struct commit_options *o, struct argp_state *state)
{
	struct target_options *t = &o->target;

	if (t->in_process && (t->endpoints || t->path != TARGET_PATH_DEFAULT))
		argp_error(state, "--in-process has its own nodes and path: neither --endpoints "
				  "nor --client-path goes with it");
	if (!t->in_process && t->nodes)
		argp_error(state, "--nodes goes with --in-process");
	if (!t->nodes)
		t->nodes = 3;
	t->directory = o->common.directory;
	if (!t->directory)
		t->directory = t->in_process || t->endpoints ? "/var/tmp" : LAB_DIR_DEFAULT;
}

static void check_load(struct commit_options *o, struct argp_state *state)
{
	bool mixed = !strcmp(o->op, "mixed"), get = !strcmp(o->op, "get");

	if (o->load.gets_percent && !mixed)
		argp_error(state, "--gets goes with --op mixed");
	if (o->load.serializable && !mixed && !get)
		argp_error(state, "--serializable goes with --op get or mixed");
	if (!o->load.gets_percent)
		o->load.gets_percent = get ? 100 : mixed ? GETS_PERCENT_DEFAULT : 0;
	if (!o->load.inflight)
		o->load.inflight = 1;
	if (!o->clients)
		o->clients = o->load.rate > 0 ? OPEN_CLIENTS_DEFAULT / o->load.inflight : 1;
	if (o->clients == 0)
		o->clients = 1;
	o->target.clients = o->clients * o->load.inflight;
	if (o->target.clients > PATH_CLIENTS_MAX)
		argp_error(state, "--clients %u times --inflight %u: at most %d", o->clients,
			   o->load.inflight, (int)PATH_CLIENTS_MAX);
	o->target.value_size = o->load.value_size;
}

static int parse_load(int key, char *value, struct argp_state *state)
{
	static const char *const ops[] = {"put", "get", "mixed", NULL};
	struct commit_options *o = state->input;

	switch (key) {
	case KEY_OP:
		o->op = ops[parse_word(state, "--op", value, ops)];
		return 0;
	case KEY_GETS:
		o->load.gets_percent = option_number(state, "--gets", value, 1, 99);
		return 0;
	case KEY_SERIALIZABLE:
		o->load.serializable = true;
		return 0;
	case KEY_RATE:
		o->load.rate = option_number(state, "--rate", value, 1, 100 * 1000 * 1000);
		return 0;
	case KEY_KEYS:
		o->load.keys = option_number(state, "--keys", value, 1, LOAD_KEYS_MAX);
		return 0;
	case KEY_FILL:
		o->fill = true;
		return 0;
	case KEY_KEEP:
		o->keep_keys = true;
		return 0;
	case 'c':
		o->clients = option_number(state, "--clients", value, 1, PATH_CLIENTS_MAX);
		return 0;
	case KEY_INFLIGHT:
		o->load.inflight = option_number(state, "--inflight", value, 1, KV_SESSION_WINDOW);
		return 0;
	case 'v':
		o->load.value_size =
			option_number(state, "--value-size", value, 0, LOAD_VALUE_SIZE_MAX);
		return 0;
	default:
		return parse_target(key, value, state, &o->target, &o->common);
	}
}

static int parse_option(int key, char *value, struct argp_state *state)
{
	struct commit_options *o = state->input;

	switch (key) {
	case 't':
		o->duration_ns = parse_seconds(state, "--duration", value, 0.1, 3600);
		return 0;
	case KEY_WARMUP:
		o->warmup_ns = parse_seconds(state, "--warmup", value, 0, 600);
		return 0;
	case KEY_RUNS:
		o->runs = option_number(state, "--runs", value, 1, COMMIT_RUNS_MAX);
		return 0;
	case KEY_REQUESTS:
		o->requests = option_number(state, "--requests", value, 1, 1000 * 1000 * 1000);
		return 0;
	case KEY_PERCENTILES:
		o->percentiles = option_text(state, "--percentiles", value);
		return 0;
	case KEY_SERIES:
		o->series = option_text(state, "--series", value);
		return 0;
	case KEY_ACKNOWLEDGED:
		o->acknowledged = option_text(state, "--acknowledged", value);
		o->keep_keys = true;
		return 0;
	case ARGP_KEY_END:
		check_target(o, state);
		check_load(o, state);
		return 0;
	default:
		return parse_load(key, value, state);
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.doc = "Measure puts and gets: latency from when one was due to be sent, or in a closed "
	       "loop was sent, to its answer; of a put that says committed.",
};

void commit_options_parse(struct commit_options *out, int argc, char **argv)
{
	*out = (struct commit_options){
		.op = "put",
		.load = {.value_size = 256, .keys = KEYS_DEFAULT, .seed = draw()},
		.runs = 1,
		.duration_ns = 10 * CLOCK_S,
		.warmup_ns = CLOCK_S,
	};
	argp_parse(&argp, argc, argv, 0, NULL, out);
}
