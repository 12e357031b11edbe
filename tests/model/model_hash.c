/* HashKV, over the bytes that etcd stores: CRC32C, and protocol buffers by hand. */
#include "tests/model/model.h"

struct sink {
	uint32_t crc;
};

static void add_byte(struct sink *s, uint8_t byte)
{
	s->crc ^= byte;
	for (int bit = 0; bit < 8; bit++)
		s->crc = (s->crc >> 1) ^ ((s->crc & 1) != 0 ? 0x82f63b78u : 0);
}

static void add_bytes(struct sink *s, const void *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		add_byte(s, ((const uint8_t *)data)[i]);
}

static void add_big_endian(struct sink *s, int64_t number)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		add_byte(s, (uint8_t)((uint64_t)number >> shift));
}

static void add_varint(struct sink *s, uint64_t number)
{
	while (number >= 0x80) {
		add_byte(s, (uint8_t)(number | 0x80));
		number >>= 7;
	}
	add_byte(s, (uint8_t)number);
}

static void add_number_field(struct sink *s, uint8_t field, int64_t number)
{
	if (number == 0)
		return;
	add_byte(s, (uint8_t)(field << 3));
	add_varint(s, (uint64_t)number);
}

static void add_bytes_field(struct sink *s, uint8_t field, struct model_bytes bytes)
{
	if (bytes.size == 0)
		return;
	add_byte(s, (uint8_t)(field << 3 | 2));
	add_varint(s, bytes.size);
	add_bytes(s, bytes.data, bytes.size);
}

static void add_version(struct sink *s, const struct model_version *v)
{
	add_big_endian(s, v->born.main);
	add_byte(s, '_');
	add_big_endian(s, v->born.sub);
	if (v->tombstone)
		add_byte(s, 't');
	add_bytes_field(s, 1, v->kv.key);
	add_number_field(s, 2, v->kv.create);
	add_number_field(s, 3, v->kv.mod);
	add_number_field(s, 4, v->kv.number);
	add_bytes_field(s, 5, v->kv.value);
	add_number_field(s, 6, v->kv.lease);
}

struct model_answer model_hash(const struct model *m, const struct model_request *r)
{
	struct model_answer answer = {.kind = MODEL_HASH, .revision = m->revision};
	struct model_revision at = model_end_of(r->revision == 0 ? m->revision : r->revision);
	struct model_revision left = model_end_of(m->compact_revision);
	struct sink sink = {.crc = UINT32_MAX};
	bool lives = false;

	answer.compact_revision = m->compact_revision;
	if (r->revision > 0 && r->revision <= m->compact_revision)
		answer.error = MODEL_COMPACTED;
	else if (r->revision > m->revision)
		answer.error = MODEL_FUTURE_REVISION;
	if (answer.error != MODEL_OK)
		return answer;
	add_bytes(&sink, "key", 3);
	for (uint32_t i = 0; i < m->version_count; i++)
		lives = lives || model_lives(&m->versions[i], at);
	for (uint32_t i = 0; i < m->version_count; i++) {
		const struct model_version *v = &m->versions[i];

		if (v->born.main > at.main)
			continue;
		if (v->born.main > m->compact_revision ||
		    model_lives(v, lives ? at : left)) /* MF10 */
			add_version(&sink, v);
	}
	answer.hash = sink.crc ^ UINT32_MAX;
	return answer;
}
