/*
 * The text of --check: each setting in force, where it came from, its meaning; then the figures
 * that follow from them.
 */
#include "config/config.h"
#include "config/keys.h"
#include "config/value.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { TEXT_SIZE = CONFIG_MEMBERS_MAX * (CONFIG_NAME_MAX + CONFIG_VALUE_TEXT_SIZE) };

static uint64_t number(const struct config *c, const struct config_key *key)
{
	const uint8_t *field = (const uint8_t *)c + key->offset;
	uint16_t value16;
	uint32_t value32;
	uint64_t value64;

	switch (key->size) {
	case sizeof(bool):
		return *(const bool *)field;
	case sizeof(value16):
		memcpy(&value16, field, sizeof(value16));
		return value16;
	case sizeof(value32):
		memcpy(&value32, field, sizeof(value32));
		return value32;
	default:
		assert(key->size == sizeof(value64));
		memcpy(&value64, field, sizeof(value64));
		return value64;
	}
}

static void members_text(const struct config *c, char *text)
{
	char address[CONFIG_VALUE_TEXT_SIZE];

	text[0] = '\0';
	for (uint32_t i = 0; i < c->member_count; i++) {
		size_t used = strlen(text);

		snprintf(text + used, TEXT_SIZE - used, "%s%s=%s:%u", i > 0 ? "," : "",
			 c->member[i].name,
			 config_value_address_text(c->member[i].address, address),
			 c->member[i].port);
	}
}

static void urls_text(const struct config *c, char *text)
{
	char address[CONFIG_VALUE_TEXT_SIZE];

	snprintf(text, TEXT_SIZE, "%s", c->metrics_url_count ? "" : "-");
	for (uint32_t i = 0; i < c->metrics_url_count; i++) {
		size_t used = strlen(text);

		snprintf(text + used, TEXT_SIZE - used, "%shttp://%s:%u", i > 0 ? "," : "",
			 config_value_address_text(c->metrics_url[i].address, address),
			 c->metrics_url[i].port);
	}
}

void config_mac(const struct config *c, uint8_t port, uint8_t out[6])
{
	/* Administered locally. */
	const uint8_t drawn[6] = {0x02,
				  port,
				  (uint8_t)(c->address >> 24),
				  (uint8_t)(c->address >> 16),
				  (uint8_t)(c->address >> 8),
				  (uint8_t)c->address};

	memcpy(out, c->mac_set ? c->mac : drawn, sizeof(drawn));
}

static void mac_text(const struct config *c, char *text)
{
	uint8_t mac[6];

	config_mac(c, 0, mac);
	config_value_mac_text(mac, text);
	if (c->mac_set)
		return;
	if (link_facts(c->link)->device == LINK_DEVICE_NIC)
		snprintf(text, TEXT_SIZE, "the NIC's own");
	else
		snprintf(text, TEXT_SIZE, "02:PORT:%02x:%02x:%02x:%02x", mac[2], mac[3], mac[4],
			 mac[5]);
}

static void retention_text(const struct config *c, char *text)
{
	if (c->compaction_mode == CONFIG_REVISION || c->retention.us == 0)
		snprintf(text, TEXT_SIZE, "%" PRIu64, c->retention.revisions);
	else
		config_value_retention_text(c->retention.us, text);
}

static void value_text(const struct config *c, const struct config_key *key, char *text)
{
	uint64_t value;

	switch (key->type) {
	case KEY_TYPE_MEMBERS:
		members_text(c, text);
		return;
	case KEY_TYPE_URLS:
		urls_text(c, text);
		return;
	case KEY_TYPE_MAC:
		mac_text(c, text);
		return;
	case KEY_TYPE_RETENTION:
		retention_text(c, text);
		return;
	case KEY_TYPE_NAME:
	case KEY_TYPE_PATH:
	case KEY_TYPE_INTERFACE:
	case KEY_TYPE_PCI:
	case KEY_TYPE_SOCKET:
	case KEY_TYPE_CPUS:
		snprintf(text, TEXT_SIZE, "%s", (const char *)c + key->offset);
		if (text[0] == '\0')
			snprintf(text, TEXT_SIZE, "-");
		return;
	case KEY_TYPE_CHOICE:
	case KEY_TYPE_DURATION:
	case KEY_TYPE_SIZE:
	case KEY_TYPE_COUNT:
	case KEY_TYPE_PREFIX:
	case KEY_TYPE_ADDRESS:
		break;
	}
	value = number(c, key);
	if (key->type == KEY_TYPE_CHOICE) {
		snprintf(text, TEXT_SIZE, "%s", key->choices[value - key->choice_first]);
	} else if (key->type == KEY_TYPE_DURATION) {
		config_value_duration_text(value, text);
	} else if (key->type == KEY_TYPE_SIZE && value > 0) {
		config_value_size_text(key->size == sizeof(uint32_t) ? value << 20 : value, text);
	} else if (key->type == KEY_TYPE_COUNT) {
		snprintf(text, TEXT_SIZE, "%" PRIu64, value);
	} else if (value == 0) {
		snprintf(text, TEXT_SIZE, "-");
	} else {
		char address[CONFIG_VALUE_TEXT_SIZE];

		config_value_address_text((uint32_t)value, address);
		if (key->type == KEY_TYPE_PREFIX)
			snprintf(text, TEXT_SIZE, "%s/%u", address, c->prefix);
		else
			snprintf(text, TEXT_SIZE, "%s", address);
	}
}

/* A key that the link does not use is not in force. */
static bool in_force(const struct config *c, size_t index)
{
	enum link_device device = link_facts(c->link)->device;

	if (index == KEY_NETWORK_MAC)
		return device != LINK_DEVICE_INTERFACE;
	return index != KEY_NETWORK_MEMIF_SOCKET || device == LINK_DEVICE_SOCKET;
}

static void explain_forming(const struct config *c, FILE *out)
{
	fprintf(out,
		"digest                 %016" PRIx64 " of the members and the token: the same "
		"for each of them\n",
		c->digest);
	fprintf(out, "cluster and member ids are drawn when all members have formed the cluster\n");
	fprintf(out, "a majority             %u of %u\n", c->member_count / 2 + 1, c->member_count);
}

/* Of the cluster that lets it in nothing is known here. */
static void explain_joining(const struct config *c, FILE *out)
{
	fprintf(out, "a directory that is new forms no cluster: it waits for one that lets it in, "
		     "and has its ids and its members from there\n");
	if (c->member_count > 1)
		fprintf(out, "it asks                the others of initial-cluster (%u)\n",
			c->member_count - 1);
	else
		fprintf(out,
			"it asks                nobody: initial-cluster names no other member, "
			"and so it is never let in\n");
}

void config_explain(const struct config *c, FILE *out)
{
	char text[TEXT_SIZE], origin[24], max[CONFIG_VALUE_TEXT_SIZE];

	fprintf(out, "%s is valid. Settings in force:\n\n", c->file);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct config_key *key = &config_keys[i];

		if (!in_force(c, i))
			continue;
		value_text(c, key, text);
		if (c->line[i] != 0)
			snprintf(origin, sizeof(origin), "line %u", c->line[i]);
		else
			snprintf(origin, sizeof(origin), "%s",
				 strcmp(text, "-") == 0 ? "not set" : "default");
		fprintf(out, "%-22s %-24s %-8s  %s\n", key->name, text, origin, key->meaning);
	}
	fprintf(out, "\nWhat follows from them:\n\n");
	if (c->existing)
		explain_joining(c, out);
	else
		explain_forming(c, out);
	if (link_facts(c->link)->device == LINK_DEVICE_SOCKET)
		fprintf(out,
			"later members          each has a port of its own: memory has room for "
			"%u%s\n",
			c->ports_more, c->ports_more ? "" : " (raise it)");
	fprintf(out, "an election begins     after a silence of %s to %s\n",
		config_value_duration_text(c->election_us_min, text),
		config_value_duration_text(c->election_us_max, max));
}

const char *config_durability_name(enum config_durability durability)
{
	switch (durability) {
	case CONFIG_DURABLE:
		return "durable";
	case CONFIG_WRITTEN:
		return "written";
	case CONFIG_VOLATILE:
		return "volatile";
	}
	assert(false);
	return NULL;
}

const char *config_idle_name(enum config_idle idle)
{
	switch (idle) {
	case CONFIG_IDLE_SPIN:
		return "spin";
	case CONFIG_IDLE_YIELD:
		return "yield";
	case CONFIG_IDLE_SLEEP:
		return "sleep";
	}
	assert(false);
	return NULL;
}
