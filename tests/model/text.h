/* Requests and answers as etcd's gateway writes them, and how two answers differ. */
#ifndef TESTS_MODEL_TEXT_H
#define TESTS_MODEL_TEXT_H

#include <jansson.h>

#include "tests/model/model.h"

/* The body of a request, and where it is posted. Owned by the caller. */
json_t *model_request_json(const struct model_request *r);
const char *model_request_path(const struct model_request *r);

/* What it points to is in the arena. False: it is not what the request is answered with. */
bool model_answer_from_json(const struct model_request *r, json_t *json,
			    struct model_answer *answer, struct model_arena *arena);

/* For people. */
void model_answer_print(const struct model_answer *answer, int depth);

/* NULL: they say the same. `exact`: and what is sorted alike is in the same order. */
const char *model_answer_difference(const struct model_request *r, const struct model_answer *want,
				    const struct model_answer *got, bool exact);

#endif
