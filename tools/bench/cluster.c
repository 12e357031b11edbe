#include "tools/bench/cluster.h"

#include "config/config.h"
#include "tools/shared/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool copy_text(char *out, size_t size_max, const char *text)
{
	if (!text || strlen(text) >= size_max)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

/* "unix:PATH" of a path. */
static bool set_admin(struct cluster_node *n, const char *path)
{
	char text[ADDRESS_TEXT_MAX], error[ADDRESS_ERROR_MAX];

	if (!path || (size_t)snprintf(text, sizeof(text), "unix:%s", path) >= sizeof(text))
		return false;
	return address_parse(&n->admin, text, error) == 0;
}

/* Fields that lab.json lacks are in the node's configuration. False: a field is missing. */
static bool node_from_json(struct cluster *c, struct cluster_node *n, const json_t *o)
{
	const char *file = json_string_value(json_object_get(o, "config"));
	struct config_errors errors;
	struct config config;
	struct in_addr in;
	char text[ADDRESS_TEXT_MAX], error[ADDRESS_ERROR_MAX];

	if (!copy_text(n->name, sizeof(n->name), json_string_value(json_object_get(o, "name"))) ||
	    !set_admin(n, json_string_value(json_object_get(o, "admin_socket"))) || !file ||
	    config_load(&config, file, &errors))
		return false;
	n->ask = n->admin;
	in.s_addr = htonl(config.address);
	snprintf(text, sizeof(text), "%s:%u", inet_ntoa(in), config.port_client);
	if (address_parse(&n->client, text, error))
		return false;
	/* The node's own scheme: its prefix, its address in hex. */
	if (config.link == LINK_MEMIF)
		snprintf(n->memif, sizeof(n->memif), "%s-%08x-clients", config.memif_socket,
			 config.address);
	n->pid = (int)json_integer_value(json_object_get(o, "pid"));
	copy_text(c->idle, sizeof(c->idle), config_idle_name(config.idle));
	c->prefix = config.prefix;
	c->heartbeat_us = config.heartbeat_us;
	c->election_us_min = config.election_us_min;
	c->election_us_max = config.election_us_max;
	return true;
}

int cluster_from_lab(struct cluster *out, const char *directory, char error[CLUSTER_ERROR_MAX])
{
	char file[PATH_MAX];
	json_error_t json_error;
	json_t *root, *nodes, *node;
	size_t i;
	bool good;

	memset(out, 0, sizeof(*out));
	snprintf(file, sizeof(file), "%s/lab.json", directory);
	root = json_load_file(file, 0, &json_error);
	if (!root) {
		snprintf(error, CLUSTER_ERROR_MAX,
			 "%s/lab.json: %s: is there a lab? (quoin-lab up --dir %s)", directory,
			 json_error.text, directory);
		return -ENOENT;
	}
	nodes = json_object_get(root, "nodes");
	good = copy_text(out->namespace, sizeof(out->namespace),
			 json_string_value(json_object_get(root, "namespace"))) &&
	       copy_text(out->link, sizeof(out->link),
			 json_string_value(json_object_get(root, "link"))) &&
	       json_array_size(nodes) >= 1 && json_array_size(nodes) <= CLUSTER_NODES_MAX;
	json_array_foreach(nodes, i, node)
	{
		good = good && node_from_json(out, &out->node[i], node);
		out->count += good;
	}
	json_decref(root);
	if (good)
		return 0;
	snprintf(error, CLUSTER_ERROR_MAX,
		 "%s/lab.json: not a lab that this release knows, or a node's configuration is "
		 "gone",
		 directory);
	return -EINVAL;
}

int cluster_from_endpoints(struct cluster *out, const char *list, char error[CLUSTER_ERROR_MAX])
{
	struct address address[CLUSTER_NODES_MAX];
	char why[ADDRESS_ERROR_MAX];
	int count = address_list_parse(address, CLUSTER_NODES_MAX, list, why);

	memset(out, 0, sizeof(*out));
	out->prefix = 24;
	if (count < 0) {
		snprintf(error, CLUSTER_ERROR_MAX, "--endpoints: %s", why);
		return count;
	}
	for (; out->count < (uint32_t)count; out->count++) {
		struct cluster_node *n = &out->node[out->count];

		copy_text(n->name, sizeof(n->name), "?");
		n->ask = address[out->count];
		*(n->ask.local ? &n->admin : &n->client) = n->ask;
	}
	return 0;
}

int cluster_enter(const struct cluster *c, char error[CLUSTER_ERROR_MAX])
{
	char path[NETNS_PATH_MAX];
	int err = c->namespace[0] ? netns_enter(c->namespace) : 0;

	if (err)
		snprintf(error, CLUSTER_ERROR_MAX,
			 "%s: %s: the lab's network namespace cannot be entered%s",
			 netns_path(c->namespace, path), strerror(-err),
			 err == -EPERM ? " (it takes root)" : "");
	return err;
}

uint32_t cluster_refresh(struct cluster *c)
{
	uint32_t answered = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		struct cluster_node *n = &c->node[i];

		n->error = status_ask_once(&n->ask, CLUSTER_STATUS_NS, &n->status);
		answered += !n->error;
	}
	return answered;
}

int cluster_leader(const struct cluster *c)
{
	uint64_t term = 0;
	int leader = -1;

	for (uint32_t i = 0; i < c->count; i++) {
		const struct cluster_node *n = &c->node[i];

		if (n->error || strcmp(n->status.role, "leader") != 0 || n->status.term < term)
			continue;
		term = n->status.term;
		leader = (int)i;
	}
	return leader;
}

int cluster_agree(const struct cluster *c, char durability[16], char link[32],
		  char error[CLUSTER_ERROR_MAX])
{
	durability[0] = link[0] = '\0';
	for (uint32_t i = 0; i < c->count; i++) {
		const struct status *s = &c->node[i].status;

		if (c->node[i].error)
			continue;
		if (durability[0] && strcmp(durability, s->durability) != 0) {
			snprintf(error, CLUSTER_ERROR_MAX,
				 "%s is %s, another node is %s: figures of a mixed cluster would "
				 "name neither",
				 s->name, s->durability, durability);
			return -EINVAL;
		}
		copy_text(durability, 16, s->durability);
		copy_text(link, 32, s->link);
	}
	return 0;
}
