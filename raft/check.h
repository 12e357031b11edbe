/*
 * What a message of another member may say (V28). Each field is compared with what this member has
 * itself sent, asked or holds, before anything is changed; what is out of it is refused, counted by
 * cause, and changes nothing. Ranges that hold whatever the reader holds are the wire's
 * (dataplane/wire_fields.h); those that a core can be reached by without it stand here again.
 *
 *	field			may be				else
 *	any message
 *	RX1  to, from, identity	this member; another one, as	-EINVAL, -ENOENT,
 *				the table in force names it	-EKEYREJECTED
 *	RX2  start		the newest seen, or a later	-ESTALE; -EDOM
 *				one, no further ahead than
 *				raft/starts.c allows
 *	RX3  term		1 to RAFT_TERM_MAX; no further	-EINVAL; -EDOM
 *				ahead than raft/terms.c allows
 *	VOTE
 *	RX4  last term, index	both 0 or neither; below the	-EINVAL
 *				term that it asks for
 *	PREVOTE				as VOTE; its term is the one it
 *				would stand in, and is not adopted
 *	VOTE_REPLY, PREVOTE_REPLY
 *	RX5  all of it		the answer to a request that	-ERANGE
 *				was sent to it in this term
 *	APPEND
 *	RX6  entries		follow each other, terms do	-EINVAL
 *				not fall, none is above its own
 *	RX7  from		the leader of the term		-EPROTO
 *	RX8  entries, prev	not other ones than are		-EPROTO
 *				committed here, or were proved
 *				to match in this term, nor the
 *				same term with other bytes, nor
 *				ones for which two member
 *				tables would go (append.c)
 *	RX9  commit		any: counts as far as the
 *				message proves the logs equal
 *	RX10 read token		any: it is echoed with the
 *				answer to this message, and
 *				not remembered beyond that
 *	APPEND_REPLY
 *	RX11 match, prev	no higher than was named in an	-ERANGE
 *				append or an offer to it in
 *				this term
 *	RX12 read token		no newer than the newest	-ERANGE
 *	RX13 a refusal's match	below its prev; its term not	-EINVAL
 *				above the message's
 *	SNAPSHOT
 *	RX27 from		as of APPEND			-EPROTO
 *	RX23 index, term	neither is 0; the index leaves	-EINVAL
 *				half of the range, the term is
 *				not above the message's
 *	RX24 index, term	not another one than is		-EPROTO
 *				committed here, or was proved
 *				to match in this term
 *	RX25 index		below one that it named in	the later one stays: it comes
 *				this term			late; unless it comes again
 *	RX26 size, hash		any: who fetches it looks
 *	TIMEOUT_NOW
 *	RX21 from		the leader that is followed	-EPROTO; -ESTALE
 *				(none is)
 *	RX22 read token		no older than the newest that	-ESTALE
 *				came in an append of the term
 *	READ
 *	RX14 how many		half of what may wait at most,	refused: ask again
 *				so that others have the rest
 *	READ_REPLY
 *	RX15 from		the leader that is followed	-ESTALE
 *	RX16 context		any: who asked looks it up, and
 *				an unknown one is of nobody
 *	START_REPLY
 *	RX17 asked		this start			-ESTALE
 *	RX18 start that it	not older than this one, no	-EINVAL, -EDOM
 *	     knows		further ahead than
 *				raft/starts.c allows; one new
 *				start of it in a second
 *	RX19 term that it knows	as RX3				-EDOM
 *	RX20 position		an index has a term		-EINVAL
 *
 * Not held, for it cannot be (no Byzantine fault tolerance; docs/adr/0005-marks-and-witnesses.md
 * says what follows): that the leader of a term is one, that a follower's disk has
 * what it acknowledges, and that a witness tells the truth.
 */
#ifndef RAFT_CHECK_H
#define RAFT_CHECK_H

#include "raft/internal.h"

/* RX1 to RX4, RX6, RX13, RX20, RX23: what needs no state. 0 or -EINVAL. */
int raft_check_format(const struct raft *r, const struct raft_message *m);

/* RX5, RX7, RX11, RX12, RX15: of a message of this member's term. */
int raft_check_state(const struct raft *r, const struct raft_peer *p, const struct raft_message *m);

#endif
