/*
 * initial-cluster: names and addresses, in etcd's string or in a mapping; their order is that of
 * their ids, so that every member sees the same list.
 */
#include "config/load.h"

#include "config/value.h"

#include <assert.h>
#include <sha1.h>
#include <stdlib.h>
#include <string.h>

static const char key[] = "initial-cluster";

static void bad(struct config_loading *l)
{
	l->bad[KEY_INITIAL_CLUSTER] = true;
}

static void bad_endpoint(struct config_loading *l, const char *name, const char *endpoint,
			 uint32_t line)
{
	const char *scheme = strstr(endpoint, "://");
	char shown[CONFIG_SHOWN_SIZE];
	uint32_t address;
	uint16_t port;

	bad(l);
	config_shown(endpoint, shown);
	if (scheme != NULL &&
	    config_value_endpoint(scheme + 3, PEER_PORT_DEFAULT, &address, &port) == 0)
		config_error(l, line, key, "%s=%s is a URL: %s=%s", name, shown, name, scheme + 3);
	else
		config_error(l, line, key,
			     "%s=%s is no endpoint: a literal IPv4 address and a port, such as "
			     "%s=198.18.0.1:2380",
			     name, shown, name);
}

void config_member_add(struct config_loading *l, const char *name, const char *endpoint,
		       uint32_t line)
{
	struct config *c = l->config;
	struct config_member member = {0};
	char shown[CONFIG_SHOWN_SIZE];

	if (!config_value_is_name(name, CONFIG_NAME_MAX - 1)) {
		char expected[CONFIG_KEY_TEXT_SIZE];

		bad(l);
		config_error(l, line, key, "%s is no name: %s", config_shown(name, shown),
			     config_key_expected(&config_keys[KEY_NAME], expected));
		return;
	}
	if (config_value_endpoint(endpoint, PEER_PORT_DEFAULT, &member.address, &member.port) !=
	    0) {
		bad_endpoint(l, name, endpoint, line);
		return;
	}
	snprintf(member.name, sizeof(member.name), "%s", name);
	/* Counted beyond the limit, for the message; stored up to it. */
	if (c->member_count < CONFIG_MEMBERS_MAX) {
		c->member[c->member_count] = member;
		l->member_line[c->member_count] = line;
	}
	c->member_count++;
}

/* "n1=198.18.0.1:2380": `pair` is cut at its '='. */
static void set_pair(struct config_loading *l, char *pair, uint32_t line)
{
	char *equals = strchr(pair, '=');
	char shown[CONFIG_SHOWN_SIZE];

	if (equals == NULL) {
		bad(l);
		config_error(l, line, key,
			     "%s is no member: NAME=ADDRESS:PORT, such as n1=198.18.0.1:2380",
			     config_shown(pair, shown));
		return;
	}
	*equals = '\0';
	config_member_add(l, pair, equals + 1, line);
}

void config_members_set(struct config_loading *l, const char *text, uint32_t line)
{
	char *copy = strdup(text), *rest = copy, *pair;

	if (copy == NULL) {
		bad(l);
		config_error(l, line, key, "cannot be read: out of memory");
		return;
	}
	while ((pair = strsep(&rest, ",")) != NULL) {
		/* A folded string has blanks where its lines were joined. */
		pair += strspn(pair, " ");
		for (size_t size = strlen(pair); size > 0 && pair[size - 1] == ' '; size--)
			pair[size - 1] = '\0';
		set_pair(l, pair, line);
	}
	free(copy);
}

static bool check_pair(struct config_loading *l, uint32_t i, uint32_t earlier)
{
	const struct config_member *a = &l->config->member[i];
	const struct config_member *b = &l->config->member[earlier];
	char text[CONFIG_VALUE_TEXT_SIZE];

	if (strcmp(a->name, b->name) == 0) {
		config_error(l, l->member_line[i], key,
			     "%s is given twice: each member has a name of its own", a->name);
		return false;
	}
	if (a->address == b->address) {
		config_error(l, l->member_line[i], key,
			     "%s of %s is that of %s too: each member has an address of its own",
			     config_value_address_text(a->address, text), a->name, b->name);
		return false;
	}
	return true;
}

bool config_members_check(struct config_loading *l)
{
	struct config *c = l->config;
	uint32_t line = c->line[KEY_INITIAL_CLUSTER];
	bool good = true;

	if (c->member_count > CONFIG_VOTERS_MAX) {
		config_error(l, line, key, "%u members are too many: at most %u vote",
			     c->member_count, (unsigned)CONFIG_VOTERS_MAX);
		good = false;
	} else if (c->member_count == 0 && !l->bad[KEY_INITIAL_CLUSTER]) {
		config_error(l, line, key,
			     "(empty) names no member: n1=198.18.0.1:2380, "
			     "for example");
		good = false;
	}
	if (c->member_count > CONFIG_MEMBERS_MAX)
		c->member_count = CONFIG_MEMBERS_MAX;
	for (uint32_t i = 1; i < c->member_count; i++) {
		for (uint32_t earlier = 0; earlier < i; earlier++) {
			if (!check_pair(l, i, earlier)) {
				good = false;
				break;
			}
		}
	}
	if (!good)
		bad(l);
	return good;
}

static int by_place(const void *a, const void *b)
{
	uint64_t x = config_member_place(a), y = config_member_place(b);

	return (x > y) - (x < y);
}

uint64_t config_member_place(const struct config_member *m)
{
	return (uint64_t)m->address << 16 | m->port;
}

/* The first 8 bytes, big-endian, of SHA-1 over the token, a zero, and all places, 8 bytes each. */
uint64_t config_digest(const struct config *c, const uint64_t *place, uint32_t count)
{
	uint8_t digest[SHA1_DIGEST_LENGTH];
	uint64_t first = 0;
	SHA1_CTX sha;

	SHA1Init(&sha);
	SHA1Update(&sha, (const uint8_t *)c->token, strlen(c->token) + 1);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t bytes[8];

		for (size_t b = 0; b < 8; b++)
			bytes[b] = (uint8_t)(place[i] >> (56 - 8 * b));
		SHA1Update(&sha, bytes, sizeof(bytes));
	}
	SHA1Final(digest, &sha);
	for (size_t i = 0; i < 8; i++)
		first = first << 8 | digest[i];
	return first;
}

void config_members_finish(struct config_loading *l)
{
	struct config *c = l->config;
	uint64_t place[CONFIG_MEMBERS_MAX];

	assert(c->member_count > 0);
	assert(c->member_count <= CONFIG_VOTERS_MAX);
	qsort(c->member, c->member_count, sizeof(c->member[0]), by_place);
	for (uint32_t i = 0; i < c->member_count; i++) {
		if (strcmp(c->member[i].name, c->name) == 0)
			c->self = i;
		place[i] = config_member_place(&c->member[i]);
	}
	c->digest = config_digest(c, place, c->member_count);
}
