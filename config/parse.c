/*
 * From the text of a file to keys and values. libyaml composes the document and marks each node
 * with its line. The document is a mapping; `wal` and `network` are mappings in it, initial-cluster
 * may be one; every other value is a scalar. Unknown keys and keys given twice are errors.
 */
#include "config/load.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static const char *const sections[] = {"wal", "network"};
enum { SECTION_COUNT = sizeof(sections) / sizeof(sections[0]) };
/* Longer than any known key with its section; what is longer is cut, and is unknown anyway. */
enum { PATH_MAX_SIZE = 96 };
/* Of so many letters a part of a key's name says which is meant. */
enum { PART_MIN = 4 };

struct parsing {
	struct config_loading *l;
	yaml_document_t *document;
	uint32_t section_line[SECTION_COUNT];
};

static uint32_t node_line(const yaml_node_t *node)
{
	return (uint32_t)node->start_mark.line + 1;
}

/* NULL for a node that is not a scalar, or holds a NUL, which would hide what follows it. */
static const char *scalar_text(const yaml_node_t *node)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE)
		return NULL;
	text = (const char *)node->data.scalar.value;
	return strlen(text) == node->data.scalar.length ? text : NULL;
}

/* A value's text: none is what YAML takes for nothing, and not a name of four letters. */
static const char *value_text(const yaml_node_t *node)
{
	static const char *const nothing[] = {"~", "null", "Null", "NULL"};
	const char *text = scalar_text(node);

	for (size_t i = 0; text && i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		    strcmp(text, nothing[i]) == 0)
			return "";
	}
	return text;
}

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's distance, one row at a time. */
static uint32_t distance(const char *a, const char *b)
{
	uint32_t row[PATH_MAX_SIZE];
	size_t b_size = strlen(b);

	assert(b_size < PATH_MAX_SIZE);
	for (size_t j = 0; j <= b_size; j++)
		row[j] = (uint32_t)j;
	for (uint32_t i = 1; *a != '\0'; i++, a++) {
		uint32_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			uint32_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (*a != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_size];
}

static const char *last_word(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL ? dot + 1 : path;
}

/* Whichever section it is in. NULL: each is further away than half of what was typed. */
static const char *nearest_key(const char *path)
{
	const char *best = NULL, *word = last_word(path);
	size_t size = strlen(word);
	uint32_t best_distance = UINT32_MAX;

	for (size_t i = 0; i < KEY_COUNT + SECTION_COUNT; i++) {
		const char *name = i < KEY_COUNT ? config_keys[i].name : sections[i - KEY_COUNT];
		uint32_t d = distance(path, name), d_word = distance(word, last_word(name));

		d = d_word < d ? d_word : d;
		/* So is a part of its name that is more than a letter or two. */
		if (d > size / 2 && (size < PART_MIN || strstr(name, word) == NULL))
			continue;
		if (d < best_distance) {
			best_distance = d;
			best = name;
		}
	}
	return best;
}

static void unknown_key(struct parsing *p, const char *section, const char *path, uint32_t line)
{
	const char *nearest, *dot;

	if (p->l->errors->count >= CONFIG_ERRORS_MAX) {
		config_error(p->l, line, path, "is no key");
		return;
	}
	nearest = nearest_key(path);
	dot = nearest != NULL ? strchr(nearest, '.') : NULL;
	if (nearest == NULL)
		config_error(p->l, line, path, "is no key: quoin.yaml(5) lists them");
	else if (dot != NULL &&
		 (section == NULL || strncmp(section, nearest, (size_t)(dot - nearest)) != 0))
		config_error(p->l, line, path,
			     "is no key: the nearest is %s inside of %.*s:", dot + 1,
			     (int)(dot - nearest), nearest);
	else if (dot == NULL && section != NULL)
		config_error(p->l, line, path,
			     "is no key: the nearest is %s outside of %s:", nearest, section);
	else
		config_error(p->l, line, path, "is no key: the nearest is %s", nearest);
}

static void initial_cluster(struct parsing *p, const yaml_node_t *node)
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

	for (; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name_node = yaml_document_get_node(p->document, pair->key);
		yaml_node_t *value_node = yaml_document_get_node(p->document, pair->value);
		const char *name = scalar_text(name_node);
		const char *value = value_text(value_node);

		if (name != NULL && value != NULL) {
			config_member_add(p->l, name, value, node_line(name_node));
			continue;
		}
		p->l->bad[KEY_INITIAL_CLUSTER] = true;
		config_error(p->l, node_line(name_node), "initial-cluster",
			     "%s is no pair of texts: a name and an address, such as "
			     "n1: 198.18.0.1:2380",
			     name != NULL ? name : "an entry");
	}
}

static void known_key(struct parsing *p, enum config_key_index index, const yaml_node_t *key_node,
		      const yaml_node_t *node)
{
	struct config_loading *l = p->l;
	const char *name = config_keys[index].name;
	uint32_t line = node_line(key_node), *seen = &l->config->line[index];
	const char *text = value_text(node);

	if (*seen != 0) {
		config_error_again(l, line, name, *seen);
		return;
	}
	*seen = line;
	if (index == KEY_INITIAL_CLUSTER && node->type == YAML_MAPPING_NODE) {
		initial_cluster(p, node);
	} else if (text == NULL) {
		l->bad[index] = true;
		config_error(l, line, name, "is no single value: %s, for example",
			     config_keys[index].example);
	} else {
		config_set(l, index, text, line);
	}
}

static int find_key(const char *path)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		if (strcmp(config_keys[i].name, path) == 0)
			return i;
	}
	return -1;
}

static int find_section(const char *path)
{
	for (int i = 0; i < SECTION_COUNT; i++) {
		if (strcmp(sections[i], path) == 0)
			return i;
	}
	return -1;
}

static void mapping(struct parsing *p, const char *section, const yaml_node_t *node);

static void open_section(struct parsing *p, int index, uint32_t line, const yaml_node_t *node)
{
	const char *name = sections[index];

	if (p->section_line[index] != 0)
		config_error_again(p->l, line, name, p->section_line[index]);
	else if (node->type == YAML_MAPPING_NODE)
		mapping(p, name, node);
	else
		config_error(p->l, line, name, "is no mapping: keys of it, indented below it");
	p->section_line[index] = line;
}

/* At most two levels deep: sections hold no sections. */
static void mapping(struct parsing *p, const char *section, const yaml_node_t *node)
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

	for (; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key_node = yaml_document_get_node(p->document, pair->key);
		yaml_node_t *value_node = yaml_document_get_node(p->document, pair->value);
		const char *text = scalar_text(key_node);
		char path[PATH_MAX_SIZE];
		int key, top_section;

		if (text == NULL) {
			config_error(p->l, node_line(key_node), section != NULL ? section : "key",
				     "is no text: a key, such as name");
			continue;
		}
		snprintf(path, sizeof(path), "%s%s%.64s", section != NULL ? section : "",
			 section != NULL ? "." : "", text);
		key = section == NULL && strchr(text, '.') != NULL ? -1 : find_key(path);
		top_section = section == NULL ? find_section(path) : -1;
		if (key >= 0)
			known_key(p, (enum config_key_index)key, key_node, value_node);
		else if (top_section >= 0)
			open_section(p, top_section, node_line(key_node), value_node);
		else
			unknown_key(p, section, path, node_line(key_node));
	}
}

static void syntax_error(struct config_loading *l, const yaml_parser_t *parser, const char *text)
{
	uint32_t line = (uint32_t)parser->problem_mark.line + 1;

	/* The reader of bytes marks no line, only an offset. */
	if (parser->error == YAML_READER_ERROR) {
		line = 1;
		for (size_t i = 0; i < parser->problem_offset; i++)
			line += text[i] == '\n';
	}
	config_error(l, line, "YAML", "%s%s%s: lines of `key: value`, without tabs",
		     parser->problem != NULL ? parser->problem : "not readable",
		     parser->context != NULL ? " " : "",
		     parser->context != NULL ? parser->context : "");
}

static bool document(struct config_loading *l, yaml_document_t *composed)
{
	yaml_node_t *root = yaml_document_get_root_node(composed);
	struct parsing p = {.l = l, .document = composed};

	if (root == NULL) /* an empty file: all that is required is missing, and will be said */
		return true;
	if (root->type != YAML_MAPPING_NODE) {
		config_error(l, node_line(root), "YAML", "no mapping: lines of `key: value`");
		return false;
	}
	mapping(&p, NULL, root);
	return true;
}

bool config_parse(struct config_loading *l, const char *text, size_t size)
{
	yaml_parser_t parser;
	yaml_document_t composed;
	bool readable = false;

	if (yaml_parser_initialize(&parser) == 0) {
		config_error_unreadable(l, -ENOMEM);
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	if (yaml_parser_load(&parser, &composed) == 0) {
		syntax_error(l, &parser, text);
		goto err_parser;
	}
	readable = document(l, &composed);
	yaml_document_delete(&composed);

	if (yaml_parser_load(&parser, &composed) == 0) {
		syntax_error(l, &parser, text);
	} else {
		yaml_node_t *root = yaml_document_get_root_node(&composed);

		if (root != NULL)
			config_error(l, node_line(root), "YAML",
				     "a second document: one file holds one configuration");
		yaml_document_delete(&composed);
	}
err_parser:
	yaml_parser_delete(&parser);
	return readable;
}
