/*
 * lab.json: a lab as text, and back.
 */
#include "tools/lab/state.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_VERSION = 3 };

const struct lab_setting_name lab_setting_names[LAB_SETTINGS] = {
	[LAB_DURABILITY] = {"durability", "durability", "wal", "durability"},
	[LAB_IDLE] = {"idle", "idle", "", "idle"},
	[LAB_HEARTBEAT] = {"heartbeat", "heartbeat", "", "heartbeat-interval"},
	[LAB_ELECTION] = {"election", "election", "", "election-timeout"},
	[LAB_SEGMENT_SIZE] = {"segment-size", "segment_size", "wal", "segment-size"},
	[LAB_SNAPSHOT_LOG_SIZE] = {"snapshot-log-size", "snapshot_log_size", "",
				   "snapshot-log-size"},
	[LAB_SNAPSHOT_RATE] = {"snapshot-rate", "snapshot_rate", "", "snapshot-rate"},
	[LAB_LOG_KEEP] = {"log-keep", "log_keep", "", "log-keep"},
	[LAB_DATA_DIR_QUOTA] = {"data-dir-quota", "data_dir_quota", "", "data-dir-quota"},
	[LAB_QUOTA_BACKEND_BYTES] = {"quota-backend-bytes", "quota_backend_bytes", "",
				     "quota-backend-bytes"},
	[LAB_COMPACTION_MODE] = {"auto-compaction-mode", "auto_compaction_mode", "",
				 "auto-compaction-mode"},
	[LAB_COMPACTION_RETENTION] = {"auto-compaction-retention", "auto_compaction_retention", "",
				      "auto-compaction-retention"},
};

/* In lab.json; what is under way; the command, its number behind it if it takes one. */
static const struct {
	const char *name, *text, *command;
	bool numbered;
} changes[] = {
	[LAB_STAYS] = {"", "", "status", false},
	[LAB_ADDED] = {"add", "is being added", "add", false},
	[LAB_REMOVED] = {"remove", "is being removed", "remove", true},
	[LAB_REPLACED] = {"replace", "is being replaced", "replace", true},
};

const char *lab_change_text(enum lab_change change)
{
	return changes[change].text;
}

const char *lab_change_command(const struct lab *lab, uint32_t node, char out[LAB_COMMAND_SIZE])
{
	enum lab_change change = lab->node[node].change;

	if (changes[change].numbered)
		snprintf(out, LAB_COMMAND_SIZE, "%s %u", changes[change].command, node + 1);
	else
		snprintf(out, LAB_COMMAND_SIZE, "%s%s", changes[change].command,
			 lab->node[node].learner ? " --learner" : "");
	return out;
}

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

/* What is true of few nodes stands at those. */
static json_t *node_change_json(json_t *node, const struct lab_node *n)
{
	if (n->joined)
		json_object_set_new(node, "joined", json_true());
	if (n->learner)
		json_object_set_new(node, "learner", json_true());
	if (n->change == LAB_STAYS)
		return node;
	json_object_set_new(node, "change", json_string(changes[n->change].name));
	json_object_set_new(node, "replaced", json_sprintf("%016" PRIx64, n->replaced));
	json_object_set_new(node, "fresh", json_boolean(n->fresh));
	return node;
}

static json_t *node_json(const struct lab *lab, uint32_t i)
{
	char config[LAB_PATH_MAX], data[LAB_PATH_MAX], log[LAB_PATH_MAX], socket[LAB_PATH_MAX];
	char endpoint[LAB_PATH_MAX], metrics[LAB_PATH_MAX], name[8], address[24];
	json_t *node;

	snprintf(name, sizeof(name), "n%u", i + 1);
	snprintf(address, sizeof(address), LAB_NET "%u", i + 1);
	node = json_pack(
		"{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:s,s:s,s:s}", "name", name, "address", address,
		"pid", (json_int_t)lab->node[i].pid, "start_time",
		(json_int_t)lab->node[i].start_time, "endpoint",
		lab_node_endpoint(lab, i, endpoint), "metrics", lab_node_metrics(i, metrics),
		"admin_socket", lab_node_path(lab, i, "/admin.sock", socket), "config",
		lab_node_path(lab, i, ".yaml", config), "data_dir", lab_node_path(lab, i, "", data),
		"log", lab_node_path(lab, i, ".log", log));
	return node_change_json(node, &lab->node[i]);
}

char *lab_state_text(const struct lab *lab)
{
	json_t *nodes = json_array(), *partition = json_array(), *root;
	char *text = NULL;

	for (uint32_t i = 0; lab_node_next(lab, &i); i++)
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

static bool parse_change(enum lab_change *out, const json_t *node)
{
	const json_t *change = json_object_get(node, "change");
	const char *name = json_string_value(change);

	*out = LAB_STAYS;
	if (!change)
		return true;
	for (size_t i = 0; name && i < sizeof(changes) / sizeof(changes[0]); i++) {
		*out = (enum lab_change)i;
		if (strcmp(name, changes[i].name) == 0)
			return true;
	}
	return false;
}

static bool parse_node(struct lab *lab, const json_t *node)
{
	const char *name = json_string_value(json_object_get(node, "name"));
	const char *replaced = json_string_value(json_object_get(node, "replaced"));
	json_int_t pid = json_integer_value(json_object_get(node, "pid"));
	json_int_t start = json_integer_value(json_object_get(node, "start_time"));
	struct lab_node n = {.pid = (pid_t)pid, .start_time = (uint64_t)start};
	uint32_t number = 0;
	char more;

	if (!name || sscanf(name, "n%u%c", &number, &more) != 1 || number == 0 ||
	    number > LAB_NODES_MAX || lab_node_is(lab, number - 1) || pid < 0 || pid == 1 ||
	    pid > INT_MAX || start < 0 || !parse_change(&n.change, node))
		return false;
	n.replaced = replaced ? strtoull(replaced, NULL, 16) : 0;
	n.fresh = json_is_true(json_object_get(node, "fresh"));
	n.joined = json_is_true(json_object_get(node, "joined"));
	n.learner = json_is_true(json_object_get(node, "learner"));
	lab->nodes |= 1u << (number - 1);
	lab->node[number - 1] = n;
	return true;
}

static bool parse_lists(struct lab *lab, const json_t *root)
{
	const json_t *nodes = json_object_get(root, "nodes");
	const json_t *partition = json_object_get(root, "partition");

	if (json_array_size(nodes) > LAB_NODES_MAX || json_array_size(nodes) == 0 ||
	    json_array_size(partition) > LAB_PARTITIONS_MAX)
		return false;
	lab->nodes = 0;
	for (size_t i = 0; i < json_array_size(nodes); i++) {
		if (!parse_node(lab, json_array_get(nodes, i)))
			return false;
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
