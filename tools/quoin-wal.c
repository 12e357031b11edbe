/*
 * quoin-wal: looks at a log's directory without starting a node. It changes nothing.
 */
#include "base/exits.h"
#include "base/standard.h"
#include "raft/entry.h"
#include "raft/formation.h"
#include "raft/members.h"
#include "wal/inspect.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EXIT_GOOD = EXITS_DONE,
	EXIT_DAMAGE = EXITS_FAILED,
	EXIT_USAGE = EXITS_USAGE,
	EXIT_UNREADABLE = 3,
	EXIT_LOST = 4,
	EXIT_NONE = 5,
};

const char *argp_program_version = "quoin-wal " QUOIN_VERSION;

static const char doc[] =
	"Reads a quoin log without starting a node, and changes nothing.\v"
	"dump prints the log: identity, term and vote, the mark of its end, the snapshots beside "
	"it, each write, each entry.\n"
	"verify checks every block, of snapshots too, and prints one line.\n\n"
	"The verdict is what the next start of the node makes of the directory, by the same rules "
	"(but "
	"for the configuration, for which there is quoind --check): "
	"good; torn: a write that a crash cut short is cut from its end, and was not acknowledged, "
	"unless durability is written and power was lost; lost: acknowledged writes are gone from "
	"its end, so it opens and does not vote until a leader has brought it "
	"up again; damaged: it is refused; new: there is no log yet. While a node has the "
	"directory "
	"open, what follows the last valid write is not judged: it may be a write on its way.\n\n"
	"Exit status: 0 good or torn, 1 damaged, or a snapshot is (the place is named), 2 usage, 3 "
	"it cannot be "
	"read, "
	"or is of another version, 4 lost, 5 there is no log.";

enum command { COMMAND_NONE, COMMAND_DUMP, COMMAND_VERIFY };

struct arguments {
	enum command command;
	const char *directory;
	bool json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case 'j':
		a->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num == 0 && strcmp(arg, "dump") == 0)
			a->command = COMMAND_DUMP;
		else if (state->arg_num == 0 && strcmp(arg, "verify") == 0)
			a->command = COMMAND_VERIFY;
		else if (state->arg_num == 0)
			argp_error(state, "'%s' is not a command: use dump or verify", arg);
		else if (state->arg_num == 1)
			a->directory = arg;
		else
			argp_error(state, "one directory at a time: '%s' is too many", arg);
		return 0;
	case ARGP_KEY_END:
		if (!a->directory)
			argp_error(state, "%s",
				   a->command == COMMAND_NONE
					   ? "a command is missing: dump or verify"
					   : "the log's directory is missing");
		if (a->json && a->command != COMMAND_DUMP)
			argp_error(state, "--json is for dump");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* --- as text ----------------------------------------------------------------------------- */

struct text_state {
	const struct wal_inspect_result *result;
	bool head; /* was printed */
};

static void text_head(struct text_state *s)
{
	const struct wal_inspect_result *r = s->result;

	if (s->head || r->unit == 0)
		return;
	s->head = true;
	printf("identity: %016" PRIx64 " durability %s unit %" PRIu32 "\n", r->identity,
	       wal_durability_name(r->durability), r->unit);
	if (r->durability == WAL_VOLATILE) {
		printf("a volatile log keeps nothing on disk\n");
		return;
	}
	printf("vote: term %" PRIu64 " vote %016" PRIx64 " start %" PRIu32 ".%08" PRIx32
	       " generation %" PRIu64 "%s\n",
	       r->hard_state.term, r->hard_state.vote, raft_start_count(r->start),
	       (uint32_t)r->start, r->vote_generation,
	       r->vote_torn ? " (the other slot is torn)" : "");
	printf("mark: write %" PRIu64 " segment %" PRIu64 " generation %" PRIu64 "%s%s%s\n",
	       r->mark_number, r->mark_segment, r->mark_generation, r->mark_lost ? " lost" : "",
	       r->mark_diverged ? " diverged" : "",
	       r->mark_damaged > 1   ? " (no slot can be read)"
	       : r->mark_damaged > 0 ? " (the other slot is torn or damaged)"
				     : "");
	for (uint32_t i = 0; i < r->witness_count; i++)
		printf("witness: member %016" PRIx64 " start %" PRIu32 ".%08" PRIx32
		       " acknowledged %" PRIu64 " in term %" PRIu64 "\n",
		       r->witness[i].id, raft_start_count(r->witness[i].start),
		       (uint32_t)r->witness[i].start, r->witness[i].index, r->witness[i].term);
	printf("cluster: %" PRIu32 " bytes\n", r->record_size);
	printf("base: segment %" PRIu64 " index %" PRIu64 " after term %" PRIu64
	       " and write %" PRIu64 "%s\n",
	       r->first_segment, r->first_index, r->before_term, r->before_number,
	       r->base_damaged > 0 ? " (the other slot is torn or damaged)" : "");
	for (uint32_t i = 0; i < r->snapshot_count; i++)
		printf("snapshot: index %" PRIu64 " term %" PRIu64 " size %" PRIu64
		       " hash %016" PRIx64 "\n",
		       r->snapshots[i].index, r->snapshots[i].term, r->snapshots[i].size,
		       r->snapshots[i].hash);
	if (r->part.index != 0)
		printf("pulled in part: index %" PRIu64 " term %" PRIu64 " size %" PRIu64 "\n",
		       r->part.index, r->part.term, r->part.size);
}

static void text_segment(void *arg, const struct wal_inspect_segment *segment)
{
	text_head(arg);
	printf("segment %" PRIu64 " size %" PRIu32 "\n", segment->sequence, segment->size);
}

static void text_write(void *arg, const struct wal_inspect_write *write)
{
	(void)arg;
	printf("  write %" PRIu64 " at %" PRIu32 " size %" PRIu32 " entries %" PRIu32
	       " durable-up-to %" PRIu64 " vote-generation %" PRIu64 "\n",
	       write->number, write->offset, write->size, write->entries, write->durable,
	       write->vote_generation);
}

static void text_entry(void *arg, const struct raft_entry *entry)
{
	const char *flags[] = {"middle", "first", "last", "whole"};

	(void)arg;
	printf("    entry %" PRIu64 " term %" PRIu64 " %s %s size %u\n", entry->index, entry->term,
	       raft_entry_type_name(entry->type), flags[entry->flags & 3], entry->size);
}

static void text_end(struct text_state *s)
{
	const struct wal_inspect_result *r = s->result;

	text_head(s);
	if (r->segments > 0)
		printf("log: last index %" PRIu64 " term %" PRIu64 ", %" PRIu64
		       " segments, %" PRIu64 " writes, %" PRIu64 " entries, %" PRIu64 " bytes\n",
		       r->last_index, r->last_term, r->segments, r->writes, r->entries, r->bytes);
	printf("verdict: %s\n", wal_verdict_name(r->verdict));
}

/* --- as JSON: one document, written piece by piece, for a log may be larger than memory --- */

struct json_state {
	bool open;    /* a write's object is open */
	bool writes;  /* one was printed */
	bool entries; /* one was printed in the open write */
};

static void json_out(json_t *value, bool strip)
{
	char *text = value ? json_dumps(value, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY)
			   : NULL;

	if (!text) {
		(void)fprintf(stderr, "quoin-wal: no memory\n");
		exit(EXIT_UNREADABLE);
	}
	if (strip) /* its object goes on */
		text[strlen(text) - 1] = '\0';
	(void)fputs(text, stdout);
	free(text);
	json_decref(value);
}

static void json_write_end(struct json_state *s)
{
	if (s->open)
		printf("]}");
	s->open = false;
	s->entries = false;
}

static void json_write(void *arg, const struct wal_inspect_write *write)
{
	struct json_state *s = arg;

	json_write_end(s);
	printf(s->writes ? ",\n" : "\n");
	json_out(json_pack("{sI sI sI sI sI sI}", "segment", (json_int_t)write->segment, "offset",
			   (json_int_t)write->offset, "size", (json_int_t)write->size, "write",
			   (json_int_t)write->number, "durable_up_to", (json_int_t)write->durable,
			   "vote_generation", (json_int_t)write->vote_generation),
		 true);
	printf(",\"entries\":[");
	s->writes = true;
	s->open = true;
}

static void json_entry(void *arg, const struct raft_entry *entry)
{
	struct json_state *s = arg;

	printf(s->entries ? ",\n " : "\n ");
	json_out(json_pack("{sI sI ss sb sb si}", "index", (json_int_t)entry->index, "term",
			   (json_int_t)entry->term, "type", raft_entry_type_name(entry->type),
			   "first", (entry->flags & RAFT_ENTRY_FIRST) != 0, "last",
			   (entry->flags & RAFT_ENTRY_LAST) != 0, "size", (int)entry->size),
		 false);
	s->entries = true;
}

/* Ids are 64 bits: as text, for readers whose numbers have 53. */
static json_t *hexadecimal(uint64_t value)
{
	return json_sprintf("%016" PRIx64, value);
}

static void json_end(struct json_state *s, const struct wal_inspect_result *r, const char *error)
{
	json_write_end(s);
	printf("],\n\"identity\":");
	json_out(json_pack("{so ss sI}", "identity", hexadecimal(r->identity), "durability",
			   wal_durability_name(r->durability), "unit", (json_int_t)r->unit),
		 false);
	printf(",\n\"vote\":");
	json_out(json_pack("{sI so so sI sb}", "term", (json_int_t)r->hard_state.term, "vote",
			   hexadecimal(r->hard_state.vote), "start", hexadecimal(r->start),
			   "generation", (json_int_t)r->vote_generation, "torn", r->vote_torn),
		 false);
	printf(",\n\"mark\":");
	json_out(json_pack("{sI sI sI sb si}", "write", (json_int_t)r->mark_number, "segment",
			   (json_int_t)r->mark_segment, "generation",
			   (json_int_t)r->mark_generation, "lost", r->mark_lost, "damaged",
			   (int)r->mark_damaged),
		 false);
	printf(",\n\"witnesses\":[");
	for (uint32_t i = 0; i < r->witness_count; i++) {
		printf(i > 0 ? "," : "");
		json_out(json_pack("{so so sI sI}", "member", hexadecimal(r->witness[i].id),
				   "start", hexadecimal(r->witness[i].start), "term",
				   (json_int_t)r->witness[i].term, "index",
				   (json_int_t)r->witness[i].index),
			 false);
	}
	printf("],\n\"record_size\":%" PRIu32, r->record_size);
	printf(",\n\"base\":");
	json_out(json_pack("{sI sI sI sI si}", "segment", (json_int_t)r->first_segment, "index",
			   (json_int_t)r->first_index, "before_term", (json_int_t)r->before_term,
			   "before_write", (json_int_t)r->before_number, "damaged",
			   (int)r->base_damaged),
		 false);
	printf(",\n\"snapshots\":[");
	for (uint32_t i = 0; i < r->snapshot_count; i++) {
		printf(i > 0 ? "," : "");
		json_out(json_pack("{sI sI sI so}", "index", (json_int_t)r->snapshots[i].index,
				   "term", (json_int_t)r->snapshots[i].term, "size",
				   (json_int_t)r->snapshots[i].size, "hash",
				   hexadecimal(r->snapshots[i].hash)),
			 false);
	}
	printf("],\n\"part\":");
	json_out(r->part.index == 0
			 ? json_null()
			 : json_pack("{sI sI sI}", "index", (json_int_t)r->part.index, "term",
				     (json_int_t)r->part.term, "size", (json_int_t)r->part.size),
		 false);
	printf(",\n\"log\":");
	json_out(json_pack("{sI sI sI sI sI sI sI sI sI sI sb}", "last_index",
			   (json_int_t)r->last_index, "last_term", (json_int_t)r->last_term,
			   "segments", (json_int_t)r->segments, "writes", (json_int_t)r->writes,
			   "entries", (json_int_t)r->entries, "bytes", (json_int_t)r->bytes,
			   "end_segment", (json_int_t)r->end_segment, "end_offset",
			   (json_int_t)r->end_offset, "torn_bytes", (json_int_t)r->torn_bytes,
			   "decayed", (json_int_t)r->decayed, "live", r->live),
		 false);
	printf(",\n\"verdict\":\"%s\",\n\"error\":", wal_verdict_name(r->verdict));
	json_out(*error ? json_string(error) : json_null(), false);
	printf("}\n");
}

/* --- */

/* The node's part of a start: whether a log may lie beside this record of its cluster (R56). */
static int record_judge(const char *directory, struct wal_inspect_result *r,
			char error[WAL_ERROR_MAX])
{
	/* A node that runs has a formed cluster's by the time it has a term. */
	struct formation_table begun;
	raft_index last = r->last_index;
	int err;

	formation_places(r->record, r->record_size, &begun);
	if (r->live)
		last = begun.origin ? FORMATION_ORIGIN_INDEX : 0;
	err = formation_record_check(r->record, r->record_size, r->hard_state.term, last);

	if (err == 0 || r->durability == WAL_VOLATILE ||
	    (r->verdict != WAL_GOOD && r->verdict != WAL_TORN && r->verdict != WAL_LOST))
		return 0;
	(void)snprintf(error, WAL_ERROR_MAX, "%.200s/cluster: %s", directory,
		       err == -ESTALE ? "missing, or older than the log beside it"
				      : "what it says of the cluster cannot be read");
	r->verdict = WAL_DAMAGED;
	/* Nothing is cut from a log that is refused. */
	r->torn_bytes = r->decayed = 0;
	return -EBADMSG;
}

/* What is not in the one line of the verdict. */
static void notes(const struct wal_inspect_result *r)
{
	bool never = r->tail == WAL_TAIL_UNACKNOWLEDGED;

	if (r->live)
		(void)fprintf(stderr,
			      "quoin-wal: a node has this directory open: what follows the last "
			      "valid write was not judged\n");
	for (uint32_t i = 0; i < r->snapshots_damaged_count; i++)
		(void)fprintf(stderr,
			      "quoin-wal: %s at offset %" PRIu64
			      ": %s: this snapshot is not used\n",
			      r->snapshots_damaged[i].name, r->snapshots_damaged[i].offset,
			      r->snapshots_damaged[i].error == -EBADMSG
				      ? "not the block that belongs there"
				      : strerror(-r->snapshots_damaged[i].error));
	if (r->snapshot_count > 0 && r->snapshots[0].index > r->last_index && !r->live &&
	    r->verdict != WAL_DAMAGED)
		(void)fprintf(
			stderr,
			"quoin-wal: the snapshot of index %" PRIu64 " term %" PRIu64
			" reaches further than the log: its install was cut short, or the log "
			"lost its end, and the next start of the node begins the log behind "
			"it\n",
			r->snapshots[0].index, r->snapshots[0].term);
	if (r->torn_bytes > 0)
		(void)fprintf(stderr,
			      "quoin-wal: %" PRIu32 " bytes at offset %" PRIu32
			      " of segment %" PRIu64
			      " are part of a write that %s: the next start of the node %s\n",
			      r->torn_bytes, r->end_offset, r->end_segment, wal_tail_text(r->tail),
			      r->verdict == WAL_LOST
				      ? "puts them into a file beside the log, and cuts them"
				      : "cuts them");
	if (r->decayed > 0)
		(void)fprintf(
			stderr,
			"quoin-wal: %" PRIu32
			" places past the log's end, the first at offset %" PRIu32
			" of segment %" PRIu64
			", are not zero or cannot be read, and the next start of the node zeroes "
			"them: %s%s%s\n",
			r->decayed, r->decayed_offset, r->decayed_segment,
			never ? "nothing was ever written there, and nothing is lost"
			      : "a write that ",
			never ? "" : wal_tail_text(r->tail), never ? "" : " may have been there");
}

static void verify_print(const char *directory, const struct wal_inspect_result *r)
{
	if (r->durability == WAL_VOLATILE)
		printf("%s: %s: a volatile log keeps nothing on disk\n", directory,
		       wal_verdict_name(r->verdict));
	else
		printf("%s: %s: last index %" PRIu64 " term %" PRIu64 ", %" PRIu64
		       " writes, %" PRIu64 " entries, marked up to write %" PRIu64 ", %" PRIu32
		       " snapshots, %s\n",
		       directory, wal_verdict_name(r->verdict), r->last_index, r->last_term,
		       r->writes, r->entries, r->mark_number, r->snapshot_count,
		       wal_durability_name(r->durability));
}

static int exit_status(enum wal_verdict verdict)
{
	switch (verdict) {
	case WAL_GOOD:
	case WAL_TORN:
		return EXIT_GOOD;
	case WAL_DAMAGED:
		return EXIT_DAMAGE;
	case WAL_LOST:
		return EXIT_LOST;
	case WAL_NEW:
		return EXIT_NONE;
	case WAL_UNREADABLE:
		break;
	}
	return EXIT_UNREADABLE;
}

static int run(const struct arguments *a)
{
	static const struct wal_inspect_ops text = {text_segment, text_write, text_entry};
	static const struct wal_inspect_ops json = {NULL, json_write, json_entry};
	const struct wal_inspect_ops *ops = NULL;
	struct wal_inspect_result result;
	struct json_state state = {0};
	struct text_state text_state = {.result = &result};
	char error[WAL_ERROR_MAX];
	int err;

	if (a->command == COMMAND_DUMP)
		ops = a->json ? &json : &text;
	if (a->json)
		printf("{\"writes\":[");
	err = wal_inspect(a->directory, ops, a->json ? (void *)&state : &text_state, &result,
			  error);
	if (record_judge(a->directory, &result, error) != 0)
		err = -EBADMSG;
	if (a->json)
		json_end(&state, &result, error);
	else if (a->command == COMMAND_DUMP)
		text_end(&text_state);
	else if (err == 0)
		verify_print(a->directory, &result);
	if (fflush(stdout) != 0) {
		(void)fprintf(stderr, "quoin-wal: standard output: %s\n", strerror(errno));
		return EXIT_UNREADABLE;
	}
	notes(&result);
	if (err != 0)
		(void)fprintf(stderr, "quoin-wal: %s: %s\n", wal_verdict_name(result.verdict),
			      error);
	/* The start takes the one before it, if there is one: but an operator wants to know. */
	if (exit_status(result.verdict) == EXIT_GOOD && result.snapshots_damaged_count > 0)
		return EXIT_DAMAGE;
	return exit_status(result.verdict);
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"json", 'j', NULL, 0, "print one JSON document (dump)", 0}, {0}};
	static const struct argp argp = {options, parse, "dump|verify DIRECTORY", doc, NULL,
					 NULL,    NULL};
	struct arguments a = {0};

	standard_open();
	argp_err_exit_status = EXIT_USAGE;
	if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
		return EXIT_USAGE;
	return run(&a);
}
