/*
 * Every field of every message, with its range: the one table from which come the decoders' checks,
 * the tables of docs/wire.md (tests/unit/dataplane/wire_document_test.c) and the walk over each
 * field's bounds (wire_fields_test.c beside it).
 *
 * A row: form, field, offset, bytes, least, greatest, what it says. A form's rows stand in order
 * and cover it without a gap. What an encoder is given is our own, and asserted against the same
 * rows; what a decoder finds out of range is the sender's, and refused.
 *
 * These are bounds that hold whatever the reader holds. What is bounded by what a node has itself
 * sent, or has in its log, its core checks (raft/).
 */
#ifndef DATAPLANE_WIRE_FIELDS_H
#define DATAPLANE_WIRE_FIELDS_H

#include "dataplane/stream.h"
#include "dataplane/wire.h"

#include "base/bytes.h"

/* Any eight bytes: an id, a hash, a nonce. */
#define WIRE_ANY64 UINT64_MAX
/* A count of starts of at most RAFT_START_COUNT_MAX, and any nonce. */
#define WIRE_START_MAX ((uint64_t)RAFT_START_COUNT_MAX << 32 | UINT32_MAX)

/* A PATH without a byte more than it needs. */
#define WIRE_PATH_SIZE_MIN (WIRE_IP_UDP_SIZE + WIRE_ENVELOPE_SIZE + WIRE_PATH_REPLY_SIZE)

/* clang-format off */

#define WIRE_FIELDS_ENVELOPE(X) \
	X(ENVELOPE, MAGIC, 0, 4, WIRE_MAGIC, WIRE_MAGIC, "magic `QUON`: a stray packet is told at the first comparison") \
	X(ENVELOPE, VERSION, 4, 1, 1, UINT8_MAX, "what the sender speaks at best") \
	X(ENVELOPE, READABLE, 5, 1, 1, WIRE_VERSION, "the lowest version that this can be read as, not above `version`: see \"Versions\"") \
	X(ENVELOPE, TYPE, 6, 1, WIRE_VOTE, WIRE_PULL, "of those below") \
	X(ENVELOPE, FLAGS, 7, 1, 0, 0, "until authentication uses them") \
	X(ENVELOPE, BODY_SIZE, 8, 2, 0, UINT16_MAX, "the bytes after the envelope, exactly") \
	X(ENVELOPE, ZERO, 10, 6, 0, 0, "") \
	X(ENVELOPE, CLUSTER_ID, 16, 8, 0, WIRE_ANY64, "a packet of another cluster is refused; 0 from a client that does not know it yet") \
	X(ENVELOPE, SOURCE_ID, 24, 8, 0, WIRE_ANY64, "the sending member; 0 from a client") \
	X(ENVELOPE, SOURCE_IDENTITY, 32, 8, 0, WIRE_ANY64, "drawn with its data directory: a wiped member is not the one it was") \
	X(ENVELOPE, SOURCE_START, 40, 8, 0, WIRE_START_MAX, "its count in the high half, a nonce in the low; of the newest start that was seen, or of a later one by 2^20 at most") \
	X(ENVELOPE, DESTINATION_IDENTITY, 48, 8, 0, WIRE_ANY64, "0: not known; a packet for another identity is refused, and its sender told by status") \
	X(ENVELOPE, SESSION, 56, 8, 0, 0, "until authentication uses it") \
	X(ENVELOPE, COUNTER, 64, 8, 0, 0, "until authentication uses it") \
	X(ENVELOPE, TAG, 72, 16, 0, 0, "until authentication uses it")

#define WIRE_FIELDS_VOTE(X) \
	X(VOTE, TERM, 0, 8, 1, RAFT_TERM_MAX, "in which it stands for election") \
	X(VOTE, LAST_INDEX, 8, 8, 0, RAFT_INDEX_MAX, "of its log's last entry; 0: the log is empty") \
	X(VOTE, LAST_TERM, 16, 8, 0, RAFT_TERM_MAX, "that entry's") \
	X(VOTE, TRANSFER, 24, 1, 0, 1, "1: the leader handed over to it, so whoever hears that leader votes all the same") \
	X(VOTE, ZERO, 25, 7, 0, 0, "")

#define WIRE_FIELDS_VOTE_REPLY(X) \
	X(VOTE_REPLY, TERM, 0, 8, 1, RAFT_TERM_MAX, "") \
	X(VOTE_REPLY, GRANTED, 8, 1, 0, 1, "") \
	X(VOTE_REPLY, ZERO, 9, 7, 0, 0, "")

#define WIRE_FIELDS_PREVOTE(X) \
	X(PREVOTE, TERM, 0, 8, 1, RAFT_TERM_MAX, "in which it would stand; nobody adopts it") \
	X(PREVOTE, LAST_INDEX, 8, 8, 0, RAFT_INDEX_MAX, "of its log's last entry; 0: the log is empty") \
	X(PREVOTE, LAST_TERM, 16, 8, 0, RAFT_TERM_MAX, "that entry's")

#define WIRE_FIELDS_PREVOTE_REPLY(X) \
	X(PREVOTE_REPLY, TERM, 0, 8, 1, RAFT_TERM_MAX, "granted: the one that was asked about; refused: the sender's") \
	X(PREVOTE_REPLY, GRANTED, 8, 1, 0, 1, "") \
	X(PREVOTE_REPLY, ZERO, 9, 7, 0, 0, "")

#define WIRE_FIELDS_TIMEOUT_NOW(X) \
	X(TIMEOUT_NOW, TERM, 0, 8, 1, RAFT_TERM_MAX, "the leader's, who hands over: the receiver stands for election at once") \
	X(TIMEOUT_NOW, READ_SEQ, 8, 8, 0, RAFT_READ_SEQ_MAX, "the leader's newest read token; one older than an APPEND has shown comes late, and is refused")

#define WIRE_FIELDS_APPEND(X) \
	X(APPEND, TERM, 0, 8, 1, RAFT_TERM_MAX, "the leader's") \
	X(APPEND, PREV_INDEX, 8, 8, 0, RAFT_INDEX_MAX, "of the entry before those that follow") \
	X(APPEND, PREV_TERM, 16, 8, 0, RAFT_TERM_MAX, "that entry's") \
	X(APPEND, COMMIT, 24, 8, 0, RAFT_INDEX_MAX, "the leader's commit index") \
	X(APPEND, READ_SEQ, 32, 8, 0, RAFT_READ_SEQ_MAX, "the leader's newest read token in this term; echoed by the answer") \
	X(APPEND, ENTRY_COUNT, 40, 2, 0, WIRE_ENTRIES_MAX, "the entries fill the body exactly") \
	X(APPEND, URGENT, 42, 1, 0, 1, "1: a read waits for the answer; 0: the token is a heartbeat's") \
	X(APPEND, ZERO, 43, 5, 0, 0, "")

#define WIRE_FIELDS_ENTRY(X) \
	X(ENTRY, TERM, 0, 8, 1, RAFT_TERM_MAX, "not below that of the entry before it, nor above the message's") \
	X(ENTRY, SIZE, 8, 2, 0, RAFT_ENTRY_DATA_MAX, "of its data, as its type has it") \
	X(ENTRY, TYPE, 10, 1, RAFT_ENTRY_COMMAND, RAFT_ENTRY_TYPE_END - 1, "1 command, 2 no-op, 3 member table") \
	X(ENTRY, FLAGS, 11, 1, 0, RAFT_ENTRY_FIRST | RAFT_ENTRY_LAST, "1 first, 2 last of a chain; 3 but for commands") \
	X(ENTRY, ZERO, 12, 4, 0, 0, "")

#define WIRE_FIELDS_APPEND_REPLY(X) \
	X(APPEND_REPLY, TERM, 0, 8, 1, RAFT_TERM_MAX, "") \
	X(APPEND_REPLY, MATCH, 8, 8, 0, RAFT_INDEX_MAX, "accepted: durable, and known to match, up to here; refused: the highest index where the logs may agree") \
	X(APPEND_REPLY, MATCH_TERM, 16, 8, 0, RAFT_TERM_MAX, "refused: of the entry there; 0: not known") \
	X(APPEND_REPLY, PREV_INDEX, 24, 8, 0, RAFT_INDEX_MAX, "of the message that this answers") \
	X(APPEND_REPLY, READ_SEQ, 32, 8, 0, RAFT_READ_SEQ_MAX, "the newest that came in this term") \
	X(APPEND_REPLY, ACCEPTED, 40, 1, 0, 1, "") \
	X(APPEND_REPLY, LOST, 41, 1, 0, 1, "the sender lost what it had acknowledged: it counts for nothing") \
	X(APPEND_REPLY, DOUBTS, 42, 1, 0, 15, "a sum: 1: its start is asked for, and not answered yet; 2: its disk hangs, and makes nothing durable; 4: it has no state, and takes a snapshot; 8: it is not to lead") \
	X(APPEND_REPLY, PRIORITY, 43, 1, 0, RAFT_PRIORITY_MAX, "the sender's: who leads rather than others") \
	X(APPEND_REPLY, PROMISE_US, 44, 4, 0, UINT32_MAX, "so long since the message that this answers it elects no other leader; 0: no promise")

#define WIRE_FIELDS_READ(X) \
	X(READ, TERM, 0, 8, 1, RAFT_TERM_MAX, "") \
	X(READ, CONTEXT, 8, 8, 0, WIRE_ANY64, "chosen by the asker")

#define WIRE_FIELDS_READ_REPLY(X) \
	X(READ_REPLY, TERM, 0, 8, 1, RAFT_TERM_MAX, "") \
	X(READ_REPLY, CONTEXT, 8, 8, 0, WIRE_ANY64, "echoed") \
	X(READ_REPLY, INDEX, 16, 8, 0, RAFT_INDEX_MAX, "to be applied before the read is answered; 0: refused, ask again")

#define WIRE_FIELDS_START(X) \
	X(START, TERM, 0, 8, 0, RAFT_TERM_MAX, "what do you know of me from before the start that sends this?")

/* A witness that saw two of one count answers with a count that is one higher (raft/start.c). */
#define WIRE_FIELDS_START_REPLY(X) \
	X(START_REPLY, TERM, 0, 8, 0, RAFT_TERM_MAX, "") \
	X(START_REPLY, ASKED, 8, 8, 0, WIRE_START_MAX, "the start that this answers") \
	X(START_REPLY, KNOWN_START, 16, 8, 0, WIRE_START_MAX + 1, "the newest start of the asker that is known") \
	X(START_REPLY, KNOWN_TERM, 24, 8, 0, RAFT_TERM_MAX, "of the furthest position that it acknowledged to the one that answers") \
	X(START_REPLY, KNOWN_INDEX, 32, 8, 0, RAFT_INDEX_MAX, "and its index") \
	X(START_REPLY, ENTRY_TERM, 40, 8, 0, RAFT_TERM_MAX, "of the entry there; 0: not known")

#define WIRE_FIELDS_SETTINGS(X) \
	X(SETTINGS, HEARTBEAT_US, 0, 8, 1, WIRE_TIMER_US_MAX, "") \
	X(SETTINGS, ELECTION_US_MIN, 8, 8, 1, WIRE_TIMER_US_MAX, "the least election timeout") \
	X(SETTINGS, ELECTION_US_MAX, 16, 8, 1, WIRE_TIMER_US_MAX, "the greatest") \
	X(SETTINGS, DURABILITY, 24, 1, 0, WIRE_DURABILITY_MAX, "0 durable, 1 written, 2 volatile") \
	X(SETTINGS, FULL, 25, 1, 0, WIRE_FULL_MAX, "1: the sender cannot make its log's next segment; 2: nor is there room for what frees some") \
	X(SETTINGS, CLIENT_PORT, 26, 2, 0, UINT16_MAX, "where the sender hears clients") \
	X(SETTINGS, HEARD_MS, 28, 4, 0, UINT32_MAX, "how long ago the sender heard the receiver; 4294967295: not yet, or long ago") \
	X(SETTINGS, QUESTION, 32, 8, 0, WIRE_ANY64, "a number that only the asker knows, to be sent back at once; 0: none") \
	X(SETTINGS, ANSWER, 40, 8, 0, WIRE_ANY64, "a question, sent back: the round trip in the metrics; 0: none") \
	X(SETTINGS, SNAPSHOT_INDEX, 48, 8, 0, RAFT_INDEX_MAX, "of the newest snapshot that is whole at the sender; 0: it has none to give") \
	X(SETTINGS, SNAPSHOT_TERM, 56, 8, 0, RAFT_TERM_MAX, "that snapshot's") \
	X(SETTINGS, SNAPSHOT_HASH, 64, 8, 0, WIRE_ANY64, "of its bytes (snapshot-format.md)") \
	X(SETTINGS, SNAPSHOT_OWN, 72, 1, 0, 1, "1: the sender wrote it from its own state; 0: it may have been pulled, and says nothing of that") \
	X(SETTINGS, DIVERGED, 73, 1, 0, 1, "1: the sender's state is not the one that the majority has: it answers nothing from it") \
	X(SETTINGS, SNAPSHOT_LACKS, 74, 1, 0, 1, "1: the sender has no state, and the leader's newest snapshot ends before its log begins: it needs a newer one") \
	X(SETTINGS, ZERO, 75, 5, 0, 0, "")

#define WIRE_FIELDS_SNAPSHOT(X) \
	X(SNAPSHOT, TERM, 0, 8, 1, RAFT_TERM_MAX, "the leader's, who has no entries any more that the receiver needs") \
	X(SNAPSHOT, INDEX, 8, 8, 1, RAFT_SNAPSHOT_INDEX_MAX, "of the last entry that it covers") \
	X(SNAPSHOT, ENTRY_TERM, 16, 8, 1, RAFT_TERM_MAX, "that entry's") \
	X(SNAPSHOT, SIZE, 24, 8, 1, WIRE_SNAPSHOT_SIZE_MAX, "of its file") \
	X(SNAPSHOT, HASH, 32, 8, 0, WIRE_ANY64, "of its content: the same at every member")

#define WIRE_FIELDS_SNAPSHOT_PULL(X) \
	X(SNAPSHOT_PULL, INDEX, 0, 8, 1, RAFT_SNAPSHOT_INDEX_MAX, "which snapshot, as it was offered") \
	X(SNAPSHOT_PULL, ENTRY_TERM, 8, 8, 1, RAFT_TERM_MAX, "") \
	X(SNAPSHOT_PULL, HASH, 16, 8, 0, WIRE_ANY64, "") \
	X(SNAPSHOT_PULL, OFFSET, 24, 8, 0, WIRE_SNAPSHOT_SIZE_MAX, "the first byte of its file that is wanted") \
	X(SNAPSHOT_PULL, LENGTH, 32, 4, 1, WIRE_SNAPSHOT_PULL_MAX, "how many, in as many frames as they need") \
	X(SNAPSHOT_PULL, ZERO, 36, 4, 0, 0, "")

#define WIRE_FIELDS_SNAPSHOT_CHUNK(X) \
	X(SNAPSHOT_CHUNK, INDEX, 0, 8, 1, RAFT_SNAPSHOT_INDEX_MAX, "as in the PULL") \
	X(SNAPSHOT_CHUNK, ENTRY_TERM, 8, 8, 1, RAFT_TERM_MAX, "") \
	X(SNAPSHOT_CHUNK, HASH, 16, 8, 0, WIRE_ANY64, "") \
	X(SNAPSHOT_CHUNK, OFFSET, 24, 8, 0, WIRE_SNAPSHOT_SIZE_MAX, "of the first byte that follows") \
	X(SNAPSHOT_CHUNK, SIZE, 32, 4, 0, UINT16_MAX, "how many follow, to the end of the body; 0: the sender does not have it") \
	X(SNAPSHOT_CHUNK, ZERO, 36, 4, 0, 0, "")

#define WIRE_FIELDS_PATH(X) \
	X(PATH, ROUND, 0, 8, 1, WIRE_ANY64, "a number that only the asker knows") \
	X(PATH, SIZE, 8, 4, WIRE_PATH_SIZE_MIN, UINT16_MAX, "of this IP packet; what follows is zero, to its end") \
	X(PATH, ZERO, 12, 4, 0, 0, "")

#define WIRE_FIELDS_PATH_REPLY(X) \
	X(PATH_REPLY, ROUND, 0, 8, 1, WIRE_ANY64, "echoed") \
	X(PATH_REPLY, SIZE, 8, 4, WIRE_PATH_SIZE_MIN, UINT16_MAX, "of the IP packet that arrived") \
	X(PATH_REPLY, ZERO, 12, 4, 0, 0, "")

#define WIRE_FIELDS_FORMATION(X) \
	X(FORMATION, SAY, 0, 1, 1, 5, "1 hello, 2 accepted, 3 formed, 4 refuse, 5 refused") \
	X(FORMATION, EXISTING, 1, 1, 0, 1, "it waits to join, and does not form") \
	X(FORMATION, COUNT, 2, 1, 0, RAFT_MEMBERS_MAX, "of the members that follow") \
	X(FORMATION, ZERO, 3, 5, 0, 0, "") \
	X(FORMATION, DIGEST, 8, 8, 0, WIRE_ANY64, "of token and member list, as configured") \
	X(FORMATION, ORIGIN, 16, 8, 0, WIRE_ANY64, "the state to start from; 0: empty") \
	X(FORMATION, CLUSTER_ID, 24, 8, 0, WIRE_ANY64, "of the sender's table, or of the cluster that refuses") \
	X(FORMATION, TO, 32, 8, 0, WIRE_ANY64, "refuse: whose directory is meant")

#define WIRE_FIELDS_FORMATION_MEMBER(X) \
	X(FORMATION_MEMBER, PORT, 0, 2, 1, UINT16_MAX, "its UDP port for peers") \
	X(FORMATION_MEMBER, ADDRESS, 2, 4, 1, UINT32_MAX, "its IPv4 address; ascending, then by port") \
	X(FORMATION_MEMBER, ZERO, 6, 2, 0, 0, "") \
	X(FORMATION_MEMBER, IDENTITY, 8, 8, 1, WIRE_ANY64, "of its directory")

#define WIRE_FIELDS_MEMBERS(X) \
	X(MEMBERS, TO, 0, 8, 1, WIRE_ANY64, "the identity of the directory that is told") \
	X(MEMBERS, CLUSTER_ID, 8, 8, 1, WIRE_ANY64, "") \
	X(MEMBERS, ID, 16, 8, 0, WIRE_ANY64, "what the table calls that directory; 0: it is no member") \
	X(MEMBERS, INDEX, 24, 8, 1, RAFT_INDEX_MAX, "of the entry of the member table, which is committed; the table follows, as in that entry") \
	X(MEMBERS, QUESTION, 32, 8, 0, WIRE_ANY64, "of the WHO that this answers, sent back; 0: it answers none")

#define WIRE_FIELDS_WHO(X) \
	X(WHO, QUESTION, 0, 8, 1, WIRE_ANY64, "a number that only the asker knows; what follows is zero, and makes 816 bytes with it: no answer is larger, so nothing is amplified")

#define WIRE_FIELDS_HELLO(X) \
	X(HELLO, NONCE, 0, 8, 0, WIRE_ANY64, "chosen by the client") \
	X(HELLO, ZERO, 8, 56, 0, 0, "not smaller than its answer, so that nothing is amplified")

#define WIRE_FIELDS_WELCOME(X) \
	X(WELCOME, NONCE, 0, 8, 0, WIRE_ANY64, "echoed") \
	X(WELCOME, COOKIE, 8, 8, 0, WIRE_ANY64, "proves the client's address from now on") \
	X(WELCOME, CLUSTER_ID, 16, 8, 0, WIRE_ANY64, "0: not formed yet") \
	X(WELCOME, MEMBER_ID, 24, 8, 0, WIRE_ANY64, "0: likewise") \
	X(WELCOME, COMMIT_INDEX, 32, 8, 0, RAFT_INDEX_MAX, "0: not known now") \
	X(WELCOME, ZERO, 40, 24, 0, 0, "")

/* The four that carry a part have one layout; what each leaves unused is 0. */
#define WIRE_FIELDS_PROPOSE(X) \
	X(PROPOSE, COOKIE, 0, 8, 0, 0, "") \
	X(PROPOSE, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "unique among all that its sender ever forwards") \
	X(PROPOSE, TOTAL_SIZE, 16, 4, 0, RAFT_COMMAND_SIZE_MAX, "of the whole command") \
	X(PROPOSE, PART, 20, 2, 0, WIRE_PARTS_MAX - 1, "from 0") \
	X(PROPOSE, WANTED, 22, 2, 0, 0, "") \
	X(PROPOSE, KIND, 24, 1, WIRE_COMMAND, WIRE_COMMAND, "") \
	X(PROPOSE, STATUS, 25, 1, 0, 0, "") \
	X(PROPOSE, FLAGS, 26, 1, 0, 0, "") \
	X(PROPOSE, ZERO, 27, 1, 0, 0, "") \
	X(PROPOSE, PIECE, 28, 4, 0, 0, "") \
	X(PROPOSE, TIME, 32, 8, 0, 0, "")

#define WIRE_FIELDS_REQUEST(X) \
	X(REQUEST, COOKIE, 0, 8, 0, WIRE_ANY64, "proves the client's address") \
	X(REQUEST, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "chosen by the client") \
	X(REQUEST, TOTAL_SIZE, 16, 4, 0, WIRE_MESSAGE_SIZE_MAX, "of the whole request") \
	X(REQUEST, PART, 20, 2, 0, WIRE_PARTS_MAX - 1, "from 0") \
	X(REQUEST, WANTED, 22, 2, 0, 0, "") \
	X(REQUEST, KIND, 24, 1, WIRE_COMMAND, WIRE_REQUEST_END - 1, "of those below") \
	X(REQUEST, STATUS, 25, 1, 0, 0, "") \
	X(REQUEST, FLAGS, 26, 1, 0, 1, "1: it was sent before, and its end is not known") \
	X(REQUEST, ZERO, 27, 1, 0, 0, "") \
	X(REQUEST, PIECE, 28, 4, 0, 0, "") \
	X(REQUEST, TIME, 32, 8, 0, WIRE_WAIT_US_MAX, "timeout in microseconds: how long the node may take; 0: its default")

#define WIRE_FIELDS_ANSWER(X) \
	X(ANSWER, COOKIE, 0, 8, 0, WIRE_ANY64, "echoed") \
	X(ANSWER, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "echoed") \
	X(ANSWER, TOTAL_SIZE, 16, 4, 0, WIRE_MESSAGE_SIZE_MAX, "of the whole piece") \
	X(ANSWER, PART, 20, 2, 0, WIRE_PARTS_MAX - 1, "from 0") \
	X(ANSWER, WANTED, 22, 2, 0, 0, "") \
	X(ANSWER, KIND, 24, 1, WIRE_COMMAND, WIRE_REQUEST_END - 1, "echoed") \
	X(ANSWER, STATUS, 25, 1, 0, STATUS_COUNT - 1, "below") \
	X(ANSWER, FLAGS, 26, 1, 0, 1, "1: pieces follow this one") \
	X(ANSWER, ZERO, 27, 1, 0, 0, "") \
	X(ANSWER, PIECE, 28, 4, 0, UINT32_MAX, "its number, from 0") \
	X(ANSWER, TIME, 32, 8, 0, WIRE_ANY64, "answer id: differs each time the answer to one request id is made")

#define WIRE_FIELDS_PULL(X) \
	X(PULL, COOKIE, 0, 8, 0, WIRE_ANY64, "proves the client's address") \
	X(PULL, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "") \
	X(PULL, TOTAL_SIZE, 16, 4, 0, WIRE_MESSAGE_SIZE_MAX, "of the whole piece; 0 for one whose size is not known yet") \
	X(PULL, PART, 20, 2, 0, WIRE_PARTS_MAX - 1, "the first that is wanted") \
	X(PULL, WANTED, 22, 2, 1, WIRE_PARTS_MAX, "how many from there, not past the last") \
	X(PULL, KIND, 24, 1, WIRE_COMMAND, WIRE_REQUEST_END - 1, "of the request") \
	X(PULL, STATUS, 25, 1, 0, 0, "") \
	X(PULL, FLAGS, 26, 1, 0, 0, "") \
	X(PULL, ZERO, 27, 1, 0, 0, "") \
	X(PULL, PIECE, 28, 4, 0, UINT32_MAX, "of which piece") \
	X(PULL, TIME, 32, 8, 0, WIRE_ANY64, "answer id, echoed; 0: of any")

#define WIRE_FIELDS_PROPOSE_REPLY(X) \
	X(PROPOSE_REPLY, COOKIE, 0, 8, 0, 0, "") \
	X(PROPOSE_REPLY, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "echoed") \
	X(PROPOSE_REPLY, NEXT_PART, 16, 2, 0, WIRE_PARTS_MAX, "all parts below it have arrived") \
	X(PROPOSE_REPLY, STATUS, 18, 1, 0, STATUS_COUNT - 1, "OK while parts are missing, or a refusal") \
	X(PROPOSE_REPLY, ZERO, 19, 5, 0, 0, "") \
	X(PROPOSE_REPLY, RETRY_AFTER_US, 24, 8, 0, WIRE_WAIT_US_MAX, "a hint; 0: none")

#define WIRE_FIELDS_REQUEST_REPLY(X) \
	X(REQUEST_REPLY, COOKIE, 0, 8, 0, WIRE_ANY64, "echoed") \
	X(REQUEST_REPLY, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "echoed") \
	X(REQUEST_REPLY, NEXT_PART, 16, 2, 0, WIRE_PARTS_MAX, "all parts below it have arrived") \
	X(REQUEST_REPLY, STATUS, 18, 1, 0, STATUS_COUNT - 1, "OK while parts are missing, or a refusal") \
	X(REQUEST_REPLY, ZERO, 19, 5, 0, 0, "") \
	X(REQUEST_REPLY, RETRY_AFTER_US, 24, 8, 0, WIRE_WAIT_US_MAX, "a hint; 0: none")

#define WIRE_FIELDS_STREAM_REQUEST(X) \
	X(STREAM_REQUEST, SIZE, 0, 4, 0, WIRE_MESSAGE_SIZE_MAX, "of the data that follows") \
	X(STREAM_REQUEST, KIND, 4, 1, 0, UINT8_MAX, "as in REQUEST; one that is not known is refused in an answer") \
	X(STREAM_REQUEST, FLAGS, 5, 1, 0, 0, "") \
	X(STREAM_REQUEST, ZERO, 6, 2, 0, 0, "") \
	X(STREAM_REQUEST, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "chosen by the client") \
	X(STREAM_REQUEST, TIME_US, 16, 8, 0, WIRE_WAIT_US_MAX, "timeout; 0: the node's default")

#define WIRE_FIELDS_STREAM_ANSWER(X) \
	X(STREAM_ANSWER, SIZE, 0, 4, 0, WIRE_MESSAGE_SIZE_MAX, "of the data that follows") \
	X(STREAM_ANSWER, STATUS, 4, 1, 0, UINT8_MAX, "as above; a newer node may have more") \
	X(STREAM_ANSWER, FLAGS, 5, 1, 0, 1, "1: pieces follow this one") \
	X(STREAM_ANSWER, ZERO, 6, 2, 0, 0, "") \
	X(STREAM_ANSWER, REQUEST_ID, 8, 8, 0, WIRE_ANY64, "echoed") \
	X(STREAM_ANSWER, TIME_US, 16, 8, 0, WIRE_WAIT_US_MAX, "with BUSY: retry after")

/* X(form): those that have a type of their own are named as it is. */
#define WIRE_FORMS(X) \
	X(ENVELOPE) \
	X(VOTE) X(VOTE_REPLY) X(PREVOTE) X(PREVOTE_REPLY) X(TIMEOUT_NOW) X(APPEND) X(ENTRY) X(APPEND_REPLY) X(READ) X(READ_REPLY) X(PROPOSE) \
	X(PROPOSE_REPLY) X(SETTINGS) X(START) X(START_REPLY) X(FORMATION) X(FORMATION_MEMBER) \
	X(PATH) X(PATH_REPLY) X(MEMBERS) X(WHO) X(SNAPSHOT) X(SNAPSHOT_PULL) X(SNAPSHOT_CHUNK) \
	X(HELLO) X(WELCOME) X(REQUEST) X(REQUEST_REPLY) X(ANSWER) X(PULL) \
	X(STREAM_REQUEST) X(STREAM_ANSWER)

/*
 * What must hold between two fields of one form. X(form, field, relation, other, value):
 *
 *	BELOW, AT_MOST   field < other, field <= other
 *	ZERO_WITH        both are 0, or neither is
 *	ONLY_WITH        field is 0 unless other is value
 *	JUST_WITH        field is 0 if, and only if, other is not value
 *	PART_OF          field numbers a part of a message of other bytes
 *
 * In the order of the forms.
 */
#define WIRE_RELATIONS(X) \
	X(ENVELOPE, READABLE, AT_MOST, VERSION, 0) \
	X(VOTE, LAST_TERM, BELOW, TERM, 0) \
	X(VOTE, LAST_INDEX, ZERO_WITH, LAST_TERM, 0) \
	X(PREVOTE, LAST_TERM, BELOW, TERM, 0) \
	X(PREVOTE, LAST_INDEX, ZERO_WITH, LAST_TERM, 0) \
	X(APPEND, PREV_TERM, AT_MOST, TERM, 0) \
	X(APPEND, PREV_INDEX, ZERO_WITH, PREV_TERM, 0) \
	X(APPEND_REPLY, MATCH_TERM, AT_MOST, TERM, 0) \
	X(PROPOSE, PART, PART_OF, TOTAL_SIZE, 0) \
	X(SETTINGS, HEARTBEAT_US, BELOW, ELECTION_US_MIN, 0) \
	X(SETTINGS, ELECTION_US_MIN, AT_MOST, ELECTION_US_MAX, 0) \
	X(SETTINGS, SNAPSHOT_INDEX, ZERO_WITH, SNAPSHOT_TERM, 0) \
	X(START_REPLY, ENTRY_TERM, AT_MOST, KNOWN_TERM, 0) \
	X(FORMATION, EXISTING, ONLY_WITH, SAY, 1) \
	X(FORMATION, COUNT, JUST_WITH, SAY, 2) \
	X(FORMATION, TO, JUST_WITH, SAY, 4) \
	X(SNAPSHOT, ENTRY_TERM, AT_MOST, TERM, 0) \
	X(REQUEST, PART, PART_OF, TOTAL_SIZE, 0) \
	X(ANSWER, PART, PART_OF, TOTAL_SIZE, 0) \
	X(ANSWER, FLAGS, ONLY_WITH, STATUS, 0) \
	X(PULL, PART, PART_OF, TOTAL_SIZE, 0)

/* clang-format on */

/* Where a field is, and how many bytes it has: WIRE_AT_VOTE_TERM, WIRE_SIZE_VOTE_TERM. */
#define WIRE_FIELD_ENUM(form, field, offset, size, ...) \
	WIRE_AT_##form##_##field = (offset), WIRE_BYTES_##form##_##field = (size),
#define WIRE_FORM_FIELDS(form) WIRE_FIELDS_##form(WIRE_FIELD_ENUM)
enum { WIRE_FORMS(WIRE_FORM_FIELDS) };

static_assert((int)WIRE_AT_ENVELOPE_VERSION == (int)WIRE_AT_VERSION &&
		      (int)WIRE_AT_ENVELOPE_READABLE == (int)WIRE_AT_READABLE &&
		      (int)WIRE_AT_ENVELOPE_TYPE == (int)WIRE_AT_TYPE,
	      "layout");

/* A form's bytes: WIRE_FORM_SIZE_VOTE. */
#define WIRE_FIELD_SIZE(form, field, offset, size, ...) +(size)
#define WIRE_FORM_SIZE(form) WIRE_FORM_SIZE_##form = 0 WIRE_FIELDS_##form(WIRE_FIELD_SIZE),
enum { WIRE_FORMS(WIRE_FORM_SIZE) };

#define WIRE_FORM_ENUM(form) WIRE_FORM_##form,
enum wire_form { WIRE_FORMS(WIRE_FORM_ENUM) WIRE_FORM_COUNT };

/* The table as data. */
struct wire_field {
	uint8_t form; /* enum wire_form */
	uint8_t offset, size;
	const char *name, *text;
	uint64_t min, max;
};

enum wire_relation_kind {
	WIRE_RELATION_BELOW,
	WIRE_RELATION_AT_MOST,
	WIRE_RELATION_ZERO_WITH,
	WIRE_RELATION_ONLY_WITH,
	WIRE_RELATION_JUST_WITH,
	WIRE_RELATION_PART_OF,
};

struct wire_relation {
	uint8_t form;
	uint8_t kind; /* enum wire_relation_kind */
	uint8_t field_offset, field_size, other_offset, other_size;
	const char *field, *other;
	uint64_t value;
};

extern const struct wire_field wire_fields[];
extern const size_t wire_field_count;
extern const struct wire_relation wire_relations[];
extern const size_t wire_relation_count;

/* "VOTE". */
const char *wire_form_name(enum wire_form form);
size_t wire_form_size(enum wire_form form);

/* Every field of the form is in its range and every relation holds. The bytes are there. */
bool wire_form_valid(enum wire_form form, const uint8_t *data);

static inline uint64_t wire_field_get(const uint8_t *at, size_t size)
{
	switch (size) {
	case 1:
		return *at;
	case 2:
		return bytes_get16(at);
	case 4:
		return bytes_get32(at);
	default:
		assert(size == 8);
		return bytes_get64(at);
	}
}

static inline void wire_field_put(uint8_t *at, size_t size, uint64_t value)
{
	assert(size == 8 || value >> (8 * size) == 0);
	switch (size) {
	case 1:
		*at = (uint8_t)value;
		break;
	case 2:
		bytes_put16(at, (uint16_t)value);
		break;
	case 4:
		bytes_put32(at, (uint32_t)value);
		break;
	default:
		assert(size == 8);
		bytes_put64(at, value);
		break;
	}
}

/* WIRE_GET(data, VOTE_TERM) */
#define WIRE_GET(data, field) wire_field_get((data) + WIRE_AT_##field, WIRE_BYTES_##field)
#define WIRE_PUT(out, field, value) \
	wire_field_put((out) + WIRE_AT_##field, WIRE_BYTES_##field, value)

#endif
