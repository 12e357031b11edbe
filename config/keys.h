/*
 * The one table of keys. Reading a value, its default, its errors, --check and the key list of
 * quoin.yaml(5) all come from it, so that none of them can disagree.
 */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include "config/config.h"

enum config_key_index {
	KEY_NAME,
	KEY_DATA_DIR,
	KEY_DATA_DIR_QUOTA,
	KEY_ADMIN_SOCKET,
	KEY_INITIAL_CLUSTER,
	KEY_INITIAL_CLUSTER_TOKEN,
	KEY_INITIAL_CLUSTER_STATE,
	KEY_REMOVED_MEMBER,
	KEY_PROFILE,
	KEY_HEARTBEAT_INTERVAL,
	KEY_ELECTION_TIMEOUT,
	KEY_PRE_VOTE,
	KEY_CHECK_QUORUM,
	KEY_LEASE_READS,
	KEY_ELECTION_PRIORITY,
	KEY_DISK_STALL_TIMEOUT,
	KEY_QUOTA_BACKEND_BYTES,
	KEY_AUTO_COMPACTION_MODE,
	KEY_AUTO_COMPACTION_RETENTION,
	KEY_SNAPSHOT_LOG_SIZE,
	KEY_LOG_KEEP,
	KEY_SNAPSHOT_RATE,
	KEY_WAL_DURABILITY,
	KEY_WAL_SEGMENT_SIZE,
	KEY_NETWORK_LINK,
	KEY_NETWORK_ADDRESS,
	KEY_NETWORK_GATEWAY,
	KEY_NETWORK_INTERFACE,
	KEY_NETWORK_PCI,
	KEY_NETWORK_MEMIF_SOCKET,
	KEY_NETWORK_MAC,
	KEY_NETWORK_MTU,
	KEY_NETWORK_CLIENT_PORT,
	KEY_NETWORK_FRAMES,
	KEY_IDLE,
	KEY_CPUS,
	KEY_HUGE_PAGES,
	KEY_MEMORY,
	KEY_FAULT_INJECTION,
	KEY_LOG_LEVEL,
	KEY_LOG_FORMAT,
	KEY_LISTEN_METRICS_URLS,
	KEY_COUNT,
};

enum config_key_type {
	KEY_TYPE_NAME,      /* char[] */
	KEY_TYPE_PATH,      /* char[]: an absolute path */
	KEY_TYPE_MEMBERS,   /* struct config.member */
	KEY_TYPE_CHOICE,    /* an enum, or a bool: the index in `choices` + choice_first */
	KEY_TYPE_DURATION,  /* uint64_t, microseconds */
	KEY_TYPE_SIZE,      /* uint64_t bytes, or uint32_t MiB */
	KEY_TYPE_COUNT,     /* uint16_t or uint32_t */
	KEY_TYPE_RETENTION, /* struct config_retention: revisions if it has no unit */
	KEY_TYPE_PREFIX,    /* uint32_t, and struct config.prefix */
	KEY_TYPE_ADDRESS,   /* uint32_t */
	KEY_TYPE_INTERFACE,
	KEY_TYPE_PCI,
	KEY_TYPE_SOCKET, /* char[]: an absolute path, or '@' and a name */
	KEY_TYPE_MAC,
	KEY_TYPE_CPUS,
	KEY_TYPE_URLS, /* struct config_url[] */
};

enum { KEY_CHOICES_MAX = 8 };

struct config_key {
	const char *name;
	enum config_key_type type;
	size_t offset; /* of the field in struct config */
	size_t size;
	const char *def;                 /* the default, as the file would say it; NULL: none */
	const char *of[CONFIG_PROFILES]; /* the same under that profile; NULL: no difference */
	const char *default_text;        /* what stands for a default that is not a constant */
	const char *example;
	uint64_t min, max; /* of numbers: microseconds, bytes, or as they are */
	const char *choices[KEY_CHOICES_MAX + 1];
	uint32_t choice_first; /* the enum's value of choices[0] */
	const char *meaning;   /* one sentence, lower case, no full stop */
};

extern const struct config_key config_keys[KEY_COUNT];

/* The form of this key's values: "durable, written or volatile". */
enum { CONFIG_KEY_TEXT_SIZE = 160 };
const char *config_key_expected(const struct config_key *key, char text[CONFIG_KEY_TEXT_SIZE]);

/* The list of keys in the man page's language: what quoin.yaml(5) must contain, word for word. */
void config_keys_man(FILE *out);

#endif
