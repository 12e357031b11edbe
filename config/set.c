/*
 * One value into its field. Only a value that is right on its own is stored; whether it fits the
 * others is for validate.c.
 */
#include "config/load.h"

#include "config/value.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void *field(struct config_loading *l, const struct config_key *key)
{
	return (uint8_t *)l->config + key->offset;
}

static void store_number(struct config_loading *l, const struct config_key *key, uint64_t value)
{
	uint16_t value16 = (uint16_t)value;
	uint32_t value32 = (uint32_t)value;

	switch (key->size) {
	case sizeof(bool):
		*(bool *)field(l, key) = value != 0;
		break;
	case sizeof(uint16_t):
		memcpy(field(l, key), &value16, sizeof(value16));
		break;
	case sizeof(uint32_t):
		memcpy(field(l, key), &value32, sizeof(value32));
		break;
	default:
		assert(key->size == sizeof(uint64_t));
		memcpy(field(l, key), &value, sizeof(value));
	}
}

static int set_text(struct config_loading *l, const struct config_key *key, const char *text,
		    bool good)
{
	if (!good || strlen(text) >= key->size)
		return -EINVAL;
	memcpy(field(l, key), text, strlen(text) + 1);
	return 0;
}

static int set_choice(struct config_loading *l, const struct config_key *key, const char *text)
{
	for (uint32_t i = 0; key->choices[i] != NULL; i++) {
		if (strcmp(key->choices[i], text) == 0) {
			store_number(l, key, key->choice_first + i);
			return 0;
		}
	}
	return -EINVAL;
}

static int set_number(struct config_loading *l, const struct config_key *key, const char *text)
{
	uint64_t value = 0;
	int rc;

	if (key->type == KEY_TYPE_DURATION)
		rc = config_value_duration(text, &value);
	else if (key->type == KEY_TYPE_SIZE)
		rc = config_value_size(text, &value);
	else
		rc = config_value_count(text, &value);
	if (rc != 0)
		return rc;
	if (value < key->min || value > key->max)
		return -ERANGE;
	/* memory is kept in MiB */
	if (key->type == KEY_TYPE_SIZE && key->size == sizeof(uint32_t)) {
		if (value % (1 << 20) != 0)
			return -EDOM;
		value >>= 20;
	}
	store_number(l, key, value);
	return 0;
}

/* What a number without a unit is, auto-compaction-mode says (validate.c). */
static int set_retention(struct config_loading *l, const struct config_key *key, const char *text)
{
	struct config_retention value = {0};
	int rc = config_value_retention(text, &value.us, &value.revisions);

	if (rc != 0)
		return rc;
	if (value.us != 0 && (value.us < key->min || value.us > key->max))
		return -ERANGE;
	memcpy(field(l, key), &value, sizeof(value));
	return 0;
}

/*
 * One path, one spelling: "/srv//q/." is "/srv/q", so that two of them can be compared (F17). ".."
 * stays, for what is above a link is for the kernel to say. What is only how names begin keeps the
 * slash at its end.
 */
static int set_path(struct config_loading *l, const struct config_key *key, const char *text,
		    bool begins)
{
	char path[CONFIG_PATH_MAX];
	size_t used = 0, size;

	if (text[0] != '/' || strlen(text) >= key->size)
		return -EINVAL;
	for (const char *at = text;; at += size) {
		at += strspn(at, "/");
		size = strcspn(at, "/");
		if (size == 1 && at[0] == '.' && (at[1] == '/' || !begins))
			continue;
		if (size == 0 && (!begins || (used > 0 && at[-1] != '/')))
			break;
		path[used++] = '/';
		memcpy(path + used, at, size);
		used += size;
		if (size == 0)
			break;
	}
	assert(used <= strlen(text));
	path[used] = '\0';
	return set_text(l, key, path, used > 0);
}

static int set(struct config_loading *l, const struct config_key *key, const char *text)
{
	uint32_t count = 0;
	int rc;

	switch (key->type) {
	case KEY_TYPE_NAME:
		return set_text(l, key, text, config_value_is_name(text, CONFIG_NAME_MAX));
	case KEY_TYPE_PATH:
		return set_path(l, key, text, false);
	case KEY_TYPE_INTERFACE:
		return set_text(l, key, text, config_value_is_interface(text));
	case KEY_TYPE_PCI:
		return set_text(l, key, text, config_value_is_pci(text));
	case KEY_TYPE_SOCKET:
		if (text[0] != '@')
			return set_path(l, key, text, true);
		return set_text(l, key, text, config_value_is_name(text + 1, CONFIG_NAME_MAX));
	case KEY_TYPE_CPUS:
		return set_text(l, key, text, config_value_cpus(text, &count) == 0);
	case KEY_TYPE_CHOICE:
		return set_choice(l, key, text);
	case KEY_TYPE_DURATION:
	case KEY_TYPE_SIZE:
	case KEY_TYPE_COUNT:
		return set_number(l, key, text);
	case KEY_TYPE_RETENTION:
		return set_retention(l, key, text);
	case KEY_TYPE_PREFIX:
		return config_value_prefix(text, &l->config->address, &l->config->prefix);
	case KEY_TYPE_ADDRESS:
		return config_value_address(text, field(l, key));
	case KEY_TYPE_MAC:
		rc = config_value_mac(text, l->config->mac);
		l->config->mac_set = rc == 0;
		return rc;
	case KEY_TYPE_MEMBERS:
	case KEY_TYPE_URLS:
		break; /* config_members_set, config_urls_set */
	}
	assert(false);
	return -EINVAL;
}

static void no_unit(struct config_loading *l, const struct config_key *key, const char *text,
		    uint32_t line)
{
	if (key->type == KEY_TYPE_DURATION)
		config_error(l, line, key->name, "%s has no unit: %sus, %sms or %ss", text, text,
			     text, text);
	else if (key->type == KEY_TYPE_SIZE)
		config_error(l, line, key->name, "%s has no unit: %sB, or in KiB, MiB or GiB", text,
			     text);
	else
		config_error(l, line, key->name, "%s has no prefix length: %s/24, for example",
			     text, text);
}

void config_set(struct config_loading *l, enum config_key_index index, const char *text,
		uint32_t line)
{
	const struct config_key *key = &config_keys[index];
	char expected[CONFIG_KEY_TEXT_SIZE], shown[CONFIG_SHOWN_SIZE];
	int rc;

	if (index == KEY_INITIAL_CLUSTER) {
		config_members_set(l, text, line);
		return;
	}
	if (index == KEY_LISTEN_METRICS_URLS) {
		config_urls_set(l, text, line);
		return;
	}
	rc = set(l, key, text);
	if (rc == 0)
		return;
	l->bad[index] = true;
	config_key_expected(key, expected);
	config_shown(text, shown);
	if (rc == -ENOMSG)
		no_unit(l, key, shown, line);
	else if (rc == -ERANGE)
		config_error(l, line, key->name, "%s is out of range: %s", shown, expected);
	else if (rc == -EDOM)
		config_error_steps(l, line, key, text);
	else
		config_error_wrong(l, line, key, text);
}
