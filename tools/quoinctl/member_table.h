/*
 * The member table of the cluster, as a member tells it.
 */
#ifndef TOOLS_QUOINCTL_MEMBER_TABLE_H
#define TOOLS_QUOINCTL_MEMBER_TABLE_H

#include "tools/quoinctl/quoinctl.h"

enum { MEMBER_ROWS_MAX = 16 };

struct member_row {
	uint64_t id;
	char name[64];     /* as it called itself; "": it did not yet */
	char called[64];   /* as whoever was asked calls it */
	char clients[264]; /* where it hears clients, as it said: separated by commas */
	char peer[32], state[16];
	uint64_t replaces; /* 0: nobody */
	bool started;
};

struct member_table {
	struct status status;      /* of whoever told it */
	struct endpoint *endpoint; /* by which it was asked */
	bool gone;                 /* whoever told it is in it no more */
	uint64_t index;            /* of its entry; committed if status.commit is not below */
	uint32_t count;
	struct member_row row[MEMBER_ROWS_MAX];
};

/*
 * Whoever has just confirmed a linearizable read has every change in its table that was committed
 * before; options->serializable: as it stands at whoever answers. 0, or an exit status with error.
 */
int member_table_ask(const struct options *options, struct member_table *t, char error[ERROR_SIZE]);

/*
 * As it stands, by now, at whoever told it last; if he was removed, by which table: that is
 * committed. 0 or an error of endpoint_call; then *t is as it was.
 */
int member_table_look(struct member_table *t, uint64_t timeout_ns);
/* Out of a status that is there. */
void member_table_take(struct member_table *t, const struct status *status, const char *text,
		       size_t size);

/* By its name, or its id in hexadecimal. NULL, with error: there is none, or not one alone. */
const struct member_row *member_table_find(const struct member_table *t, const char *word,
					   char error[ERROR_SIZE]);

/* As member list has it; and apart from the others the one that was added, 0: none was. */
void member_table_json(const struct member_table *t, uint64_t added);

bool member_row_learner(const struct member_row *r);

#endif
