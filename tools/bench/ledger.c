#include "tools/bench/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int ledger_create(struct ledger *out, uint32_t keys)
{
	*out = (struct ledger){.count = keys, .key = calloc(keys, sizeof(*out->key))};
	return out->key ? 0 : -ENOMEM;
}

void ledger_destroy(struct ledger *l)
{
	free(l->key);
}

void ledger_acknowledged(struct ledger *l, uint32_t key, uint64_t revision, uint64_t number)
{
	struct ledger_key *k = &l->key[key];

	k->acknowledged++;
	if (revision < k->revision)
		return;
	k->revision = revision;
	k->number = number;
}

void ledger_unknown(struct ledger *l, uint32_t key)
{
	l->key[key].unknown++;
}

int ledger_write(const struct ledger *l, const char *prefix, const char *file)
{
	FILE *out = fopen(file, "we");
	int err = out ? 0 : -errno;

	if (err)
		return err;
	fprintf(out, "%s\n", prefix);
	for (uint32_t i = 0; i < l->count; i++) {
		const struct ledger_key *k = &l->key[i];

		if (k->acknowledged || k->unknown)
			fprintf(out,
				"%" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", i,
				k->acknowledged, k->unknown, k->revision, k->number);
	}
	err = ferror(out) ? -EIO : 0;
	return fclose(out) ? -EIO : err;
}
