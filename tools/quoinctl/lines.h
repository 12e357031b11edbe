/*
 * A status text (metrics/table.h) as JSON and as fields. It is walked as it comes, so that what a
 * newer node tells is shown too; the table says what is a word and what is a number.
 */
#ifndef TOOLS_QUOINCTL_LINES_H
#define TOOLS_QUOINCTL_LINES_H

#include <stddef.h>

/* {"name":"n1","raft_term":7,...,"drops":{...},"peers":[{...}],"ports":[{...}]} */
void lines_json(const char *text, size_t size);

/* "name" : "n1", a line each; those of a peer are "peer_n2_match". */
void lines_fields(const char *text, size_t size);

#endif
