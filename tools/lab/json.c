/*
 * lab.json: a lab as text, and back.
 */
#include "tools/lab/state.h"

#include <jansson.h>
#include <limits.h>
#include <string.h>

enum { STATE_VERSION = 1 };

const struct lab_setting_name lab_setting_names[LAB_SETTINGS] = {
	[LAB_DURABILITY] = {"durability", "durability", "wal", "durability"},
	[LAB_IDLE] = {"idle", "idle", "", "idle"},
	[LAB_HEARTBEAT] = {"heartbeat", "heartbeat", "", "heartbeat-interval"},
	[LAB_ELECTION] = {"election", "election", "", "election-timeout"},
	[LAB_SEGMENT_SIZE] = {"segment-size", "segment_size", "wal", "segment-size"},
};

/* A NIC a lab cannot make; both ends of a ring would be one process. */
static bool can_make(enum link_kind kind)
{
	enum link_device device = link_facts(kind)->device;

	return device == LINK_DEVICE_SOCKET || device == LINK_DEVICE_INTERFACE;
}

bool lab_link_parse(const char *name, enum link_kind *out)
{
	for (int kind = 0; kind < LINK_KIND_COUNT; kind++) {
		if (can_make((enum link_kind)kind) &&
		    strcmp(name, link_kind_name((enum link_kind)kind)) == 0) {
			*out = (enum link_kind)kind;
			return true;
		}
	}
	return false;
}

const char *lab_links_text(char out[LAB_LINKS_SIZE])
{
	out[0] = '\0';
	for (int kind = 0; kind < LINK_KIND_COUNT; kind++) {
		size_t used = strlen(out);

		if (can_make((enum link_kind)kind))
			snprintf(out + used, LAB_LINKS_SIZE - used, "%s%s", used > 0 ? " or " : "",
				 link_kind_name((enum link_kind)kind));
	}
	return out;
}

static json_t *node_json(const struct lab *lab, uint32_t i)
{
	char config[LAB_PATH_MAX], data[LAB_PATH_MAX], log[LAB_PATH_MAX], socket[LAB_PATH_MAX];
	char endpoint[LAB_PATH_MAX], metrics[LAB_PATH_MAX], name[8], address[24];

	snprintf(name, sizeof(name), "n%u", i + 1);
	snprintf(address, sizeof(address), LAB_NET "%u", i + 1);
	return json_pack(
		"{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s}", "name", name, "address", address,
		"pid", (json_int_t)lab->node[i].pid, "start_time",
		(json_int_t)lab->node[i].start_time, "endpoint",
		lab_node_endpoint(lab, i, endpoint), "metrics", lab_node_metrics(i, metrics),
		"admin_socket", lab_node_path(lab, i, "/admin.sock", socket), "config",
		lab_node_path(lab, i, ".yaml", config), "data_dir", lab_node_path(lab, i, "", data),
		"log", lab_node_path(lab, i, ".log", log));
}

char *lab_state_text(const struct lab *lab)
{
	json_t *nodes = json_array(), *partition = json_array(), *root;
	char *text = NULL;

	for (uint32_t i = 0; i < lab->node_count; i++)
		json_array_append_new(nodes, node_json(lab, i));
	for (uint32_t i = 0; i < lab->partition_count; i++)
		json_array_append_new(partition, json_string(lab->partition[i]));
	root = json_pack("{s:i,s:s,s:s,s:s,s:s}", "version", STATE_VERSION, "namespace", lab->netns,
			 "boot_id", lab->boot_id, "link", link_kind_name(lab->link), "quoind",
			 lab->quoind);
	for (int i = 0; i < LAB_SETTINGS; i++)
		json_object_set_new(root, lab_setting_names[i].name, json_string(lab->setting[i]));
	json_object_set_new(root, "nodes", nodes);
	json_object_set_new(root, "partition", partition);
	if (root)
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

static bool get_text(const json_t *root, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(root, key));

	return text && snprintf(out, size, "%s", text) < (int)size;
}

static bool parse_settings(struct lab *lab, const json_t *root)
{
	bool good = true;

	for (int i = 0; i < LAB_SETTINGS; i++)
		good = good &&
		       get_text(root, lab_setting_names[i].name, lab->setting[i], LAB_SETTING_SIZE);
	return good;
}

static bool parse_lists(struct lab *lab, const json_t *root)
{
	const json_t *nodes = json_object_get(root, "nodes");
	const json_t *partition = json_object_get(root, "partition");

	if (json_array_size(nodes) > LAB_NODES_MAX || json_array_size(nodes) == 0 ||
	    json_array_size(partition) > LAB_PARTITIONS_MAX)
		return false;
	lab->node_count = (uint32_t)json_array_size(nodes);
	for (uint32_t i = 0; i < lab->node_count; i++) {
		const json_t *node = json_array_get(nodes, i);
		json_int_t pid = json_integer_value(json_object_get(node, "pid"));
		json_int_t start = json_integer_value(json_object_get(node, "start_time"));

		if (pid < 0 || pid == 1 || pid > INT_MAX || start < 0)
			return false;
		lab->node[i] = (struct lab_node){(pid_t)pid, (uint64_t)start, 0};
	}
	lab->partition_count = (uint32_t)json_array_size(partition);
	for (uint32_t i = 0; i < lab->partition_count; i++) {
		const char *text = json_string_value(json_array_get(partition, i));

		if (!text || snprintf(lab->partition[i], LAB_PARTITION_SIZE, "%s", text) >=
				     LAB_PARTITION_SIZE)
			return false;
	}
	return true;
}

bool lab_state_parse(struct lab *lab, const char *text)
{
	json_t *root = json_loads(text, 0, NULL);
	char link[16];
	bool good = root && json_integer_value(json_object_get(root, "version")) == STATE_VERSION &&
		    get_text(root, "boot_id", lab->boot_id, sizeof(lab->boot_id)) &&
		    get_text(root, "quoind", lab->quoind, sizeof(lab->quoind)) &&
		    get_text(root, "link", link, sizeof(link)) &&
		    lab_link_parse(link, &lab->link) && parse_settings(lab, root) &&
		    parse_lists(lab, root);

	json_decref(root);
	return good;
}
