/*
 * Strings as Go quotes them, which etcdctl reads in a transaction and writes as fields: "..." with
 * escapes, and what is between two backquotes as it stands; and numbers as it reads them.
 */
#ifndef TOOLS_QUOINCTL_GO_TEXT_H
#define TOOLS_QUOINCTL_GO_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The string that the text begins with, into `out`, which has room for `size` bytes: it is never
 * longer than it was quoted. How much of the text it takes; 0: *error says what would be right.
 */
size_t go_unquote(const char *text, size_t size, uint8_t *out, size_t *out_size,
		  const char **error);

/* An int64, of two's complement: a sign, perhaps, and digits, and nothing else. */
bool go_number(const char *text, uint64_t *out);

/* To standard output. */
void go_quote(const uint8_t *data, size_t size);

#endif
