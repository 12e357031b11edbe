/*
 * Numbers for questions that only who was asked can answer (V35). Nobody vouches for a packet: an
 * answer counts because its sender knows the number, so it is one that nobody can work out, who
 * has seen others of them neither, and none that was used in an earlier life.
 */
#include "node/internal.h"

#include "base/bytes.h"
#include "base/mix.h"

#include <sodium.h>

static_assert(NODE_QUESTION_KEY_SIZE == crypto_shorthash_KEYBYTES, "the key of SipHash-2-4");

void question_key_set(struct node *n, uint64_t seed)
{
	for (uint32_t i = 0; i < NODE_QUESTION_KEY_SIZE; i += 8)
		bytes_put64(n->question_key + i, mix(seed + i));
}

/*
 * Of a member, not of its place: whoever had that before knows some numbers of his own. In no
 * place: strangers.
 */
uint64_t question_number(const struct node *n, enum node_question kind, uint32_t peer,
			 uint64_t count)
{
	uint8_t in[24] = {0}, hash[crypto_shorthash_BYTES];

	bytes_put64(in, (uint64_t)kind);
	if (peer < DP_PEERS_MAX)
		bytes_put64(in + 8, n->peer[peer].taken);
	bytes_put64(in + 16, count);
	crypto_shorthash(hash, in, sizeof(in), n->question_key);
	return bytes_get64(hash) | 1; /* never 0 */
}
