/*
 * config_load: the order in which a configuration comes to be.
 */
#include "config/load.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One byte more than the largest file is asked for: to know that a file is larger. */
static int read_file(const char *file, char *text, size_t *size)
{
	FILE *in = fopen(file, "re");
	int rc = 0;

	if (in == NULL)
		return -errno;
	errno = 0;
	*size = fread(text, 1, CONFIG_FILE_SIZE_MAX + 1, in);
	if (ferror(in))
		rc = errno != 0 ? -errno : -EIO;
	fclose(in);
	return rc;
}

static void check_required(struct config_loading *l)
{
	for (enum config_key_index i = 0; i < KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];
		const char *last = strrchr(key->name, '.');

		if (l->config->line[i] != 0 ||
		    strcmp(key->default_text ? key->default_text : "", "required") != 0)
			continue;
		l->bad[i] = true;
		config_error(l, 1, key->name, "is missing: %s: %s, for example",
			     last != NULL ? last + 1 : key->name, key->example);
	}
}

/* A default is text in the table and is read as if the file had said it. */
static void set_defaults(struct config_loading *l)
{
	for (enum config_key_index i = 0; i < KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];
		const char *of = key->of[l->config->profile], *text = of ? of : key->def;

		if (l->config->line[i] != 0 || text == NULL)
			continue;
		config_set(l, i, text, 1);
		l->config->line[i] = 0;
		assert(!l->bad[i]);
	}
}

static int load_text(struct config_loading *l, const char *text, size_t size)
{
	if (config_parse(l, text, size)) {
		set_defaults(l);
		check_required(l);
		config_validate(l);
	}
	return l->errors->count == 0 ? 0 : -EINVAL;
}

int config_members(struct config *out, const char *name, const char *members, const char *token,
		   struct config_errors *errors)
{
	struct config_loading l = {.config = out, .errors = errors};

	*out = (struct config){0};
	errors->count = 0;
	l.file = "--name";
	config_set(&l, KEY_NAME, name, 0);
	l.file = "--initial-cluster-token";
	config_set(&l, KEY_INITIAL_CLUSTER_TOKEN,
		   token ? token : config_keys[KEY_INITIAL_CLUSTER_TOKEN].def, 0);
	l.file = "--initial-cluster";
	config_members_set(&l, members, 0);
	if (config_members_check(&l) && errors->count == 0 && config_self_check(&l))
		config_members_finish(&l);
	return errors->count == 0 ? 0 : -EINVAL;
}

int config_load(struct config *out, const char *file, struct config_errors *errors)
{
	struct config_loading l = {.config = out, .errors = errors, .file = file};
	char *text = malloc(CONFIG_FILE_SIZE_MAX + 1);
	size_t size = 0, mark;
	int rc;

	*out = (struct config){0};
	errors->count = 0;
	if (text == NULL)
		return -ENOMEM;
	rc = strlen(file) < sizeof(out->file) ? read_file(file, text, &size) : -ENAMETOOLONG;
	/* Some editors begin a file with a byte-order mark, which is not of its text. */
	mark = rc == 0 && size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	if (rc != 0) {
		config_error_unreadable(&l, rc);
		/* No file of that name is there later. */
		rc = rc == -ENAMETOOLONG ? -EINVAL : rc;
	} else if (size > CONFIG_FILE_SIZE_MAX) {
		config_error(&l, 0, NULL, "is longer than %d KiB", CONFIG_FILE_SIZE_MAX / 1024);
		rc = -EINVAL;
	} else {
		snprintf(out->file, sizeof(out->file), "%s", file);
		rc = load_text(&l, text + mark, size - mark);
	}
	free(text);
	assert((rc == 0) == (errors->count == 0));
	return rc;
}
