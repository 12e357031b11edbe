/*
 * Broken hosts, what is said of them, and what is done of that which is advised.
 */
#ifndef TESTS_E2E_HOSTS_H
#define TESTS_E2E_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys of the configuration, what is done to the host, and what is said of it; NULL: it starts. */
struct host {
	const char *keys, *data_dir, *link;
	void (*host)(void); /* in a child with a network namespace of its own, its loopback down */
	const char *says;
};

extern const struct host hosts[];
extern const size_t hosts_count;

/*
 * What is done of that which was said of a host (F22): other keys, another device, or something to
 * the host. `typed`: the command in the message, to the letter. `needs`: the limit is what the
 * message names behind these words, and with no more than that a node starts.
 */
struct remedy {
	const char *says; /* of hosts */
	const char *keys, *data_dir, *link;
	void (*host)(void);
	bool typed;
	const char *needs;
	int resource;
	uint64_t unit;
	void (*instead)(void); /* of what was done to the host */
	uint64_t locked;       /* memory that this test must be able to allow */
};

extern const struct remedy remedies[];
extern const size_t remedies_count;

/* In the child; it ends with 125 if they fail. */
void hosts_limit(int resource, uint64_t to);
void hosts_command(const char *const *argv);

#endif
