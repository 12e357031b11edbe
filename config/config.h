/*
 * The configuration file: YAML, etcd's words where they exist, validated as a whole.
 *
 * Every value has its default filled in by config_load; nothing downstream decides a default.
 * config/keys.c lists the keys, and so does quoin.yaml(5).
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "dataplane/kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
	CONFIG_NAME_MAX = 64,
	CONFIG_PATH_MAX = 256,
	CONFIG_MEMBERS_MAX = 16, /* of which at most 7 vote */
	CONFIG_VOTERS_MAX = 7,
	CONFIG_PCI_MAX = 1,
	CONFIG_URLS_MAX = 4,
	CONFIG_ERRORS_MAX = 32,
	CONFIG_ERROR_SIZE = 512,
	CONFIG_KEYS_MAX = 48,
};

enum config_durability { CONFIG_DURABLE, CONFIG_WRITTEN, CONFIG_VOLATILE };
enum config_idle { CONFIG_IDLE_SPIN, CONFIG_IDLE_YIELD, CONFIG_IDLE_SLEEP };
enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARN, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };
enum config_log_format { CONFIG_LOG_TEXT, CONFIG_LOG_JSON };
enum config_profile {
	CONFIG_PROFILE_SHARED,
	CONFIG_PROFILE_LOW,
	CONFIG_PROFILE_BARE_METAL,
	CONFIG_PROFILES
};
enum config_compaction { CONFIG_PERIODIC, CONFIG_REVISION };
enum config_huge_pages { CONFIG_HUGE_AUTO, CONFIG_HUGE_ON, CONFIG_HUGE_OFF };

struct config_member {
	char name[CONFIG_NAME_MAX];
	uint32_t address; /* IPv4, host byte order */
	uint16_t port;    /* 2380 */
};

struct config_url {
	uint32_t address; /* IPv4, host byte order; 0: every address of this host */
	uint16_t port;
};

struct config {
	char file[CONFIG_PATH_MAX]; /* where it came from, for messages */

	char name[CONFIG_NAME_MAX];     /* name */
	char data_dir[CONFIG_PATH_MAX]; /* data-dir */
	uint64_t data_quota_bytes;      /* data-dir-quota: 0, all that the file system has */
	/* admin-socket: DATA-DIR/admin.sock; at most 107 bytes */
	char admin_socket[CONFIG_PATH_MAX];

	struct config_member member[CONFIG_MEMBERS_MAX]; /* initial-cluster, by place */
	uint32_t member_count;
	uint32_t self;               /* index of this member */
	char token[CONFIG_NAME_MAX]; /* initial-cluster-token: "quoin-cluster" */
	bool existing;               /* initial-cluster-state: new | existing */
	bool removed_waits;          /* removed-member: stop | wait */
	uint64_t digest;             /* of the token and all members: theirs must be the same */

	enum config_profile
		profile; /* profile: shared | low | bare-metal; sets the defaults of the timers */
	uint64_t heartbeat_us;    /* heartbeat-interval: 20ms; bare-metal 200us */
	uint64_t election_us_min; /* election-timeout: 150ms, 2ms; drawn from [it, twice it] */
	uint64_t election_us_max;
	bool pre_vote, check_quorum; /* pre-vote, check-quorum: true */
	bool lease_reads;            /* lease-reads: false */
	uint32_t priority;           /* election-priority: 0 */
	uint64_t disk_stall_us;      /* disk-stall-timeout: election_us_max, at least 50ms */
	uint64_t quota_bytes;        /* quota-backend-bytes: 2GiB */
	/* auto-compaction-mode: periodic | revision; both 0: nothing is compacted */
	enum config_compaction compaction_mode;
	struct config_retention {
		uint64_t us, revisions;
	} retention;

	enum config_durability durability; /* wal.durability: durable | written | volatile */
	uint64_t segment_bytes;            /* wal.segment-size: 64MiB */

	uint64_t snapshot_log_bytes; /* snapshot-log-size: 256MiB */
	uint64_t log_keep_bytes;     /* log-keep: 64MiB */
	uint64_t snapshot_rate;      /* snapshot-rate: 64MiB a second */

	enum link_kind link; /* network.link: what dataplane/kind.h lists, but ring */
	/* network.address: 198.18.0.1/24; must be this member's in initial-cluster */
	uint32_t address;
	uint8_t prefix;
	uint32_t gateway;                /* network.gateway: none */
	char interface[CONFIG_NAME_MAX]; /* network.interface, of links that take one */
	char pci[CONFIG_NAME_MAX];       /* network.pci: 0000:01:00.0 */
	/* network.memif-socket: prefix, '@' for abstract: "@quoin" */
	char memif_socket[CONFIG_NAME_MAX];
	uint8_t mac[6]; /* network.mac, if mac_set: else see config_mac */
	bool mac_set;
	uint16_t mtu;         /* network.mtu: 1500 */
	uint16_t port_client; /* network.client-port: 2379 */
	uint32_t pool_frames; /* network.frames: 4096 per port */

	/* idle: spin | yield | sleep; default: spin if cpus names one CPU, else sleep */
	enum config_idle idle;
	char cpus[CONFIG_NAME_MAX];        /* cpus: "2": where the loop runs; default all online */
	enum config_huge_pages huge_pages; /* huge-pages: auto | on | off */
	uint32_t memory_mib;  /* memory: of the dataplane; 64MiB, or what the frames need */
	uint32_t ports_more;  /* follows: it has room for so many ports more, of later members */
	bool fault_injection; /* fault-injection: false; the lab sets it */
	enum config_log_level log_level;                /* log-level: info */
	enum config_log_format log_format;              /* log-format: text | json */
	struct config_url metrics_url[CONFIG_URLS_MAX]; /* listen-metrics-urls: none */
	uint32_t metrics_url_count;

	/* for config_explain: where each key was given; 0: default */
	uint32_t line[CONFIG_KEYS_MAX];
};

/* Every error found, each a whole line: "FILE:LINE: KEY: VALUE is wrong: what would be right". */
struct config_errors {
	uint32_t count; /* all that were found; the first CONFIG_ERRORS_MAX are kept */
	char text[CONFIG_ERRORS_MAX][CONFIG_ERROR_SIZE];
};

/*
 * 0; -EINVAL with errors, of a file that is as wrong later; another -errno if it cannot be read
 * now, with one error that says so.
 */
int config_load(struct config *out, const char *file, struct config_errors *errors);

/*
 * What of a configuration says whose the member is, without a file: `token` may be NULL. Its name,
 * members, self, token and digest are set. 0, or -EINVAL with errors: "--initial-cluster: ...".
 */
int config_members(struct config *out, const char *name, const char *members, const char *token,
		   struct config_errors *errors);

/*
 * The text of --check: each setting in force, where it came from (file line or default), its
 * meaning.
 */
void config_explain(const struct config *c, FILE *out);

/* What `memory` is by default where there are to be so many ports. */
uint32_t config_memory_mib(const struct config *c, uint32_t ports);

/* A member's peer address in one number, by which members are known until they have ids. */
uint64_t config_member_place(const struct config_member *member);

/*
 * What the members' places and the token make together: members with another one form no cluster
 * with this one. Of any places, ascending, under the token of this configuration.
 */
uint64_t config_digest(const struct config *c, const uint64_t *place, uint32_t count);

/*
 * Of a port without a device that would have one: what network.mac says, or one that follows from
 * the address and the port's number. The same after a restart.
 */
void config_mac(const struct config *c, uint8_t port, uint8_t out[6]);

const char *config_durability_name(enum config_durability durability);
const char *config_idle_name(enum config_idle idle);

#endif
