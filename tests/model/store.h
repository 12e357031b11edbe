/* The model's requests as the store's bytes, and the store's answers as the model's. */
#ifndef TESTS_MODEL_STORE_H
#define TESTS_MODEL_STORE_H

#include "kv/command.h"
#include "tests/model/model.h"

/* Of a whole command the store has limits that etcd does not have. */
bool store_takes(const struct model_request *r);

/* It may be asked of a member, and needs no log. */
bool store_is_query(const struct model_request *r);

/* Commands of a session that are not given up. */
enum { STORE_OUTSTANDING = 30 };

/* A command, or a query if session is 0. In the arena. */
uint8_t *store_encode(const struct model_request *r, uint64_t session, uint64_t sequence,
		      size_t *size, struct model_arena *arena);

/* False: these bytes are no answer to it. */
bool store_decode(const struct model_request *r, const uint8_t *data, size_t size,
		  struct model_answer *out, struct model_arena *arena);

/* The answer says that it was applied, and that there is no answer any more. */
bool store_is_gone(const uint8_t *data, size_t size);

#endif
