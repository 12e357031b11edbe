/*
 * Member and cluster ids. etcd hashes a member's sorted peer URLs and then the cluster token; a
 * member of quoin has one peer address, so one URL.
 */
#include "config/ids.h"

#include "config/config.h"
#include "config/value.h"

#include <assert.h>
#include <sha1.h>
#include <stdio.h>
#include <string.h>

static uint64_t first_bytes(SHA1_CTX *sha)
{
	uint8_t digest[SHA1_DIGEST_LENGTH];
	uint64_t id = 0;

	SHA1Final(digest, sha);
	for (size_t i = 0; i < 8; i++)
		id = id << 8 | digest[i];
	return id;
}

uint64_t config_id_of_url(const char *url, const char *token)
{
	SHA1_CTX sha;

	SHA1Init(&sha);
	SHA1Update(&sha, (const uint8_t *)url, strlen(url));
	SHA1Update(&sha, (const uint8_t *)token, strlen(token));
	return first_bytes(&sha);
}

uint64_t config_id_of_cluster(const uint64_t *ids, size_t count)
{
	SHA1_CTX sha;

	SHA1Init(&sha);
	for (size_t i = 0; i < count; i++) {
		uint8_t bytes[8];

		assert(i == 0 || ids[i - 1] < ids[i]);
		for (size_t b = 0; b < 8; b++)
			bytes[b] = (uint8_t)(ids[i] >> (56 - 8 * b));
		SHA1Update(&sha, bytes, sizeof(bytes));
	}
	return first_bytes(&sha);
}

uint64_t config_member_id(uint32_t address, uint16_t port, const char *token)
{
	char text[CONFIG_VALUE_TEXT_SIZE], url[64];

	snprintf(url, sizeof(url), "http://%s:%u", config_value_address_text(address, text), port);
	return config_id_of_url(url, token);
}
