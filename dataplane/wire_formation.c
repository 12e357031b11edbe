/*
 * The body of FORMATION (dataplane/wire.h).
 */
#include "dataplane/wire.h"

#include "base/bytes.h"
#include "raft/formation.h"

#include <errno.h>

enum { HEADER_SIZE = 40, MEMBER_SIZE = 16 };

static_assert(HEADER_SIZE + MEMBER_SIZE * FORMATION_PLACES_MAX == WIRE_FORMATION_SIZE_MAX,
	      "layout");

size_t wire_formation_encode(const struct formation_message *m, uint8_t *out)
{
	memset(out, 0, HEADER_SIZE);
	out[0] = (uint8_t)m->say;
	out[1] = m->existing;
	out[2] = (uint8_t)m->table.count;
	bytes_put64(out + 8, m->table.digest);
	bytes_put64(out + 16, m->table.origin);
	bytes_put64(out + 24, m->cluster_id);
	bytes_put64(out + 32, m->to);
	for (uint32_t i = 0; i < m->table.count; i++) {
		uint8_t *at = out + HEADER_SIZE + (size_t)MEMBER_SIZE * i;

		bytes_put64(at, m->table.member[i].place);
		bytes_put64(at + 8, m->table.member[i].identity);
	}
	return HEADER_SIZE + (size_t)MEMBER_SIZE * m->table.count;
}

int wire_formation_decode(struct formation_message *out, const uint8_t *data, size_t size)
{
	*out = (struct formation_message){0};
	if (size < HEADER_SIZE || data[0] < FORMATION_SAY_HELLO ||
	    data[0] > FORMATION_SAY_REFUSED || data[1] > 1 || data[2] > FORMATION_PLACES_MAX ||
	    !bytes_zero(data + 3, 5) || size != HEADER_SIZE + (size_t)MEMBER_SIZE * data[2] ||
	    (data[2] > 0) != (data[0] == FORMATION_SAY_ACCEPTED))
		return -EINVAL;
	out->say = (enum formation_say)data[0];
	out->existing = data[1];
	out->table.count = data[2];
	out->table.digest = bytes_get64(data + 8);
	out->table.origin = bytes_get64(data + 16);
	out->cluster_id = bytes_get64(data + 24);
	out->to = bytes_get64(data + 32);
	for (uint32_t i = 0; i < out->table.count; i++) {
		const uint8_t *at = data + HEADER_SIZE + (size_t)MEMBER_SIZE * i;
		struct formation_member *m = &out->table.member[i];

		m->place = bytes_get64(at);
		m->identity = bytes_get64(at + 8);
		if (m->identity == 0 || m->place == 0 ||
		    (i > 0 && m->place <= out->table.member[i - 1].place))
			return -EINVAL;
	}
	return 0;
}
