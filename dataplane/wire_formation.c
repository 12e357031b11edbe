/*
 * The body of FORMATION (dataplane/wire.h).
 */
#include "dataplane/wire.h"

#include "dataplane/wire_fields.h"
#include "raft/formation.h"

#include <errno.h>

enum {
	HEADER_SIZE = WIRE_FORM_SIZE_FORMATION,
	MEMBER_SIZE = WIRE_FORM_SIZE_FORMATION_MEMBER,
};

static_assert(HEADER_SIZE + MEMBER_SIZE * FORMATION_PLACES_MAX == WIRE_FORMATION_SIZE_MAX,
	      "layout");

static void member_encode(const struct formation_member *m, uint8_t *out)
{
	assert(m->place >> 48 == 0);
	memset(out, 0, MEMBER_SIZE);
	WIRE_PUT(out, FORMATION_MEMBER_PORT, m->place & UINT16_MAX);
	WIRE_PUT(out, FORMATION_MEMBER_ADDRESS, m->place >> 16);
	WIRE_PUT(out, FORMATION_MEMBER_IDENTITY, m->identity);
	assert(wire_form_valid(WIRE_FORM_FORMATION_MEMBER, out));
}

size_t wire_formation_encode(const struct formation_message *m, uint8_t *out)
{
	memset(out, 0, HEADER_SIZE);
	WIRE_PUT(out, FORMATION_SAY, m->say);
	WIRE_PUT(out, FORMATION_EXISTING, m->existing);
	WIRE_PUT(out, FORMATION_COUNT, m->table.count);
	WIRE_PUT(out, FORMATION_DIGEST, m->table.digest);
	WIRE_PUT(out, FORMATION_ORIGIN, m->table.origin);
	WIRE_PUT(out, FORMATION_CLUSTER_ID, m->cluster_id);
	WIRE_PUT(out, FORMATION_TO, m->to);
	assert(wire_form_valid(WIRE_FORM_FORMATION, out));
	for (uint32_t i = 0; i < m->table.count; i++)
		member_encode(&m->table.member[i], out + HEADER_SIZE + (size_t)MEMBER_SIZE * i);
	return HEADER_SIZE + (size_t)MEMBER_SIZE * m->table.count;
}

/* In order, so that a table has one form. */
static int members_decode(struct formation_table *out, const uint8_t *data)
{
	for (uint32_t i = 0; i < out->count; i++) {
		const uint8_t *at = data + (size_t)MEMBER_SIZE * i;
		struct formation_member *m = &out->member[i];

		if (!wire_form_valid(WIRE_FORM_FORMATION_MEMBER, at))
			return -EINVAL;
		m->place = WIRE_GET(at, FORMATION_MEMBER_ADDRESS) << 16 |
			   WIRE_GET(at, FORMATION_MEMBER_PORT);
		m->identity = WIRE_GET(at, FORMATION_MEMBER_IDENTITY);
		if (i > 0 && m->place <= out->member[i - 1].place)
			return -EINVAL;
	}
	return 0;
}

int wire_formation_decode(struct formation_message *out, const uint8_t *data, size_t size)
{
	*out = (struct formation_message){0};
	if (size < HEADER_SIZE || !wire_form_valid(WIRE_FORM_FORMATION, data) ||
	    size != HEADER_SIZE + (size_t)MEMBER_SIZE * WIRE_GET(data, FORMATION_COUNT))
		return -EINVAL;
	out->say = (enum formation_say)WIRE_GET(data, FORMATION_SAY);
	out->existing = WIRE_GET(data, FORMATION_EXISTING) == 1;
	out->table.count = (uint32_t)WIRE_GET(data, FORMATION_COUNT);
	out->table.digest = WIRE_GET(data, FORMATION_DIGEST);
	out->table.origin = WIRE_GET(data, FORMATION_ORIGIN);
	out->cluster_id = WIRE_GET(data, FORMATION_CLUSTER_ID);
	out->to = WIRE_GET(data, FORMATION_TO);
	return members_decode(&out->table, data + HEADER_SIZE);
}
