/*
 * Ids as etcd draws them, so that a configuration carried over keeps its members' ids.
 */
#ifndef CONFIG_IDS_H
#define CONFIG_IDS_H

#include <stddef.h>
#include <stdint.h>

/* The first 8 bytes, big-endian, of SHA-1 over url and token; url is "http://198.18.0.1:2380". */
uint64_t config_id_of_url(const char *url, const char *token);

/* The same of the ids, 8 bytes each, big-endian; they must be ascending. */
uint64_t config_id_of_cluster(const uint64_t *ids, size_t count);

#endif
