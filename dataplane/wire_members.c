/*
 * The bodies of MEMBERS, and of WHO, which asks for it (dataplane/wire.h).
 */
#include "dataplane/wire.h"

#include "dataplane/wire_fields.h"

#include "base/bytes.h"

#include <errno.h>
#include <string.h>

enum { HEADER_SIZE = WIRE_FORM_SIZE_MEMBERS };

static_assert(HEADER_SIZE + RAFT_MEMBERS_SIZE_MAX == (int)WIRE_MEMBERS_SIZE_MAX, "layout");

size_t wire_members_encode(const struct wire_members *m, uint8_t *out)
{
	memset(out, 0, HEADER_SIZE);
	WIRE_PUT(out, MEMBERS_TO, m->to);
	WIRE_PUT(out, MEMBERS_CLUSTER_ID, m->joined.cluster_id);
	WIRE_PUT(out, MEMBERS_ID, m->joined.id);
	WIRE_PUT(out, MEMBERS_INDEX, m->joined.index);
	WIRE_PUT(out, MEMBERS_QUESTION, m->question);
	assert(wire_form_valid(WIRE_FORM_MEMBERS, out));
	return HEADER_SIZE + raft_members_encode(&m->joined.members, out + HEADER_SIZE);
}

int wire_members_decode(struct wire_members *out, const uint8_t *data, size_t size)
{
	if (size < HEADER_SIZE || !wire_form_valid(WIRE_FORM_MEMBERS, data))
		return -EINVAL;
	*out = (struct wire_members){
		.to = WIRE_GET(data, MEMBERS_TO),
		.question = WIRE_GET(data, MEMBERS_QUESTION),
		.joined = {.cluster_id = WIRE_GET(data, MEMBERS_CLUSTER_ID),
			   .id = WIRE_GET(data, MEMBERS_ID),
			   .index = WIRE_GET(data, MEMBERS_INDEX)},
	};
	return raft_members_decode(&out->joined.members, data + HEADER_SIZE, size - HEADER_SIZE);
}

size_t wire_who_encode(uint64_t question, uint8_t *out)
{
	memset(out, 0, WIRE_WHO_SIZE);
	WIRE_PUT(out, WHO_QUESTION, question);
	assert(wire_form_valid(WIRE_FORM_WHO, out));
	return WIRE_WHO_SIZE;
}

int wire_who_decode(uint64_t *question, const uint8_t *data, size_t size)
{
	if (size != WIRE_WHO_SIZE || !wire_form_valid(WIRE_FORM_WHO, data) ||
	    !bytes_zero(data + WIRE_FORM_SIZE_WHO, size - WIRE_FORM_SIZE_WHO))
		return -EINVAL;
	*question = WIRE_GET(data, WHO_QUESTION);
	return 0;
}
