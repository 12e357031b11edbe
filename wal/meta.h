/*
 * The small files and blocks: the directory's names, `identity`, the slots of `vote`, a segment's
 * header. Encoding and checking; wal/format.h has the tables.
 */
#ifndef WAL_META_H
#define WAL_META_H

#include "raft/types.h"
#include "wal/disk.h"
#include "wal/format.h"

#define META_LOCK "lock"
#define META_IDENTITY "identity"
#define META_VOTE "vote"
#define META_CLUSTER "cluster"
#define META_MARK "mark"
#define META_BASE "base"
#define META_TEMPORARY ".tmp"
#define META_PART ".part"         /* of a snapshot that is pulled, until it is whole */
#define META_SNAPSHOT "snapshot-" /* of which entry (block.c) */
/* What was left of a write that is gone (recover.c): begins so, and is never read again. */
#define META_KEPT "lost-"

struct meta_identity {
	struct log_id id;
	uint32_t durability; /* 1 + enum wal_durability */
	uint32_t unit;
	/* Not 0: what else is here may be of the identity that this replaces, and is removed. */
	uint64_t formerly;
};

/* The term and vote, and what else must be durable beside the log. */
struct meta_vote {
	uint64_t generation;
	struct raft_hard_state hard_state;
	uint64_t start;
	uint64_t log_number;
};

struct meta_segment {
	uint64_t sequence;
	uint32_t size;
	uint32_t unit;
	uint32_t write_size_max;
};

/* The names in a log's directory. */
struct meta_names {
	bool identity;
	bool vote;
	bool cluster;
	bool mark;
	bool base;
	uint64_t *segments; /* sequences, ascending */
	size_t segment_count;
	size_t below; /* so many of them are below the base, and no part of the log */
	struct meta_snapshot_name {
		raft_index index;
		raft_term term;
	} * snapshots; /* newest first */
	size_t snapshot_count;
	struct meta_snapshot_name *parts; /* likewise */
	size_t part_count;
	char (*temporary)[DISK_NAME_MAX];
	size_t temporary_count;
};

/*
 * Lists the directory. Names that are not the log's are left alone; one that begins like a
 * segment's and is none is -EBADMSG, and `bad` gets it. 0 or -errno. wal_meta_names_free in any
 * case.
 */
int wal_meta_names_list(struct meta_names *out, struct disk *d, char bad[DISK_NAME_MAX]);
/* Without an identity: true if creation may have left them, false if the log was in use. */
bool wal_meta_names_unused(const struct meta_names *names);
/* The log begins with this segment: says how many are below it. */
void wal_meta_names_from(struct meta_names *names, uint64_t segment);
void wal_meta_names_free(struct meta_names *names);
void wal_meta_segment_name(char name[DISK_NAME_MAX], uint64_t sequence);
void wal_meta_temporary_name(char out[DISK_NAME_MAX], const char *name);
void wal_meta_part_name(char out[DISK_NAME_MAX], const char *name);
/* False: it is not the temporary name of a segment. */
bool wal_meta_temporary_segment(const char *name, uint64_t *sequence);

/* Where the fields of a block's own begin, behind its magic, version, CRC and identity. */
enum { META_BODY = 24 };

/* The head of a block, and the CRC over all of it, which comes last. */
void wal_meta_head_encode(uint8_t *out, const char magic[9], const struct log_id *id);
void wal_meta_crc_put(uint8_t *out, size_t size);
/* 0, and whose it is; -EBADMSG, -EPROTO. */
int wal_meta_head_decode(struct log_id *out, const uint8_t *in, size_t size, const char magic[9]);
/* 0; -EBADMSG, -EPROTO; -EXDEV: sound, but of another identity. */
int wal_meta_head_check(const uint8_t *in, size_t size, const char magic[9],
			const struct log_id *id);

/*
 * Decoders: 0; -EBADMSG (not what we wrote); -EPROTO (sound, but of another version; nothing more
 * is known of it).
 */
void wal_meta_identity_encode(uint8_t out[FORMAT_IDENTITY_SIZE],
			      const struct meta_identity *identity);
int wal_meta_identity_decode(struct meta_identity *out, const uint8_t in[FORMAT_IDENTITY_SIZE]);

void wal_meta_segment_encode(uint8_t *out, const struct log_id *id,
			     const struct meta_segment *segment);
/* -EXDEV: sound, but another log's. */
int wal_meta_segment_decode(struct meta_segment *out, const uint8_t *in, uint32_t unit,
			    const struct log_id *id);

/* Where the slot of a generation lies in the file. */
static inline uint64_t wal_meta_vote_offset(uint64_t generation, uint32_t unit)
{
	return generation % 2 * unit;
}

/* Encodes the unit bytes of the generation's slot. */
void wal_meta_vote_encode(uint8_t *out, uint32_t unit, const struct log_id *id,
			  const struct meta_vote *vote);

/*
 * Decides between two slots (2 * unit bytes). 0: out is the newest record that can have been
 * acknowledged; *torn says whether the other slot is a write that was cut short. -EBADMSG: damage,
 * in the sector that starts at *offset. -EPROTO, -EXDEV as above.
 */
int wal_meta_vote_decode(struct meta_vote *out, bool *torn, const uint8_t *in, uint32_t unit,
			 const struct log_id *id, uint64_t *offset);

/* True if the two slots are as creation wrote them: no open ever got further. */
bool wal_meta_vote_initial(const uint8_t *in, uint32_t unit);

#endif
