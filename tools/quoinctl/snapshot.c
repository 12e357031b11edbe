/*
 * snapshot save and snapshot status, in etcdctl's forms.
 */
#include "tools/client/endpoint.h"
#include "tools/quoinctl/snapshot_file.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

/* Without --command-timeout: between two pieces of it. The whole takes as long as it does. */
#define SILENCE_NS (10 * CLOCK_S)

struct saving {
	const struct options *options;
	struct snapshot_writer *writer;
	uint64_t deadline_ns; /* 0: none */
	uint64_t told_ns, bytes;
	int status;
	char error[ERROR_SIZE];
};

static void tell(struct saving *s, uint64_t now_ns)
{
	char size[DURATION_SIZE];

	bytes_text(s->bytes, size);
	fprintf(stderr, "fetching snapshot: %s so far\n", size);
	s->told_ns = now_ns;
}

static int take(void *argument, const uint8_t *data, uint32_t size)
{
	struct saving *s = argument;
	const uint64_t now_ns = clock_now();

	if (s->deadline_ns && now_ns >= s->deadline_ns) {
		snprintf(s->error, sizeof(s->error),
			 "context deadline exceeded: nothing was saved");
		s->status = EXIT_FAILED;
		return 1;
	}
	s->bytes += size;
	s->status = snapshot_add(s->writer, data, size, s->error);
	if (now_ns - s->told_ns >= CLOCK_S)
		tell(s, now_ns);
	return s->status;
}

static int no_answer(struct saving *s, const struct endpoint *e, int err)
{
	const char *why = endpoint_error_text(err);

	if (err == WIRE_COMPACTED)
		why = "compactions would have held back too much for it: take it while there are "
		      "fewer";
	else if (err == WIRE_REFUSED || err == WIRE_INVALID)
		why = "it knows no snapshot save: it is of an older release";
	snprintf(s->error, sizeof(s->error), "%s: %s: nothing was saved", endpoint_text(e), why);
	return EXIT_FAILED;
}

static int fetch(struct saving *s)
{
	struct endpoint *e = s->options->endpoint[0];
	const uint64_t timeout_ns = s->options->timeout_given ? s->options->timeout_ns : SILENCE_NS;
	struct endpoint_answer answer;
	int err = endpoint_call_pieces(e, WIRE_BACKUP, timeout_ns, take, s, &answer);

	if (s->status)
		return s->status;
	if (!err)
		err = (int)answer.status;
	if (err)
		return no_answer(s, e, err);
	s->bytes += answer.size;
	return snapshot_add(s->writer, answer.data, answer.size, s->error);
}

int command_snapshot_save(const struct options *options)
{
	const uint64_t now_ns = clock_now();
	struct saving s = {.options = options, .told_ns = now_ns};
	char took[DURATION_SIZE], text[DURATION_SIZE];
	uint64_t size;
	int status;

	if (options->word_count != 1)
		return complain(EXIT_MISUSED, "snapshot save expects one argument, the file");
	if (options->endpoint_count != 1)
		return complain(EXIT_MISUSED,
				"snapshot must be requested to one selected node, not multiple "
				"ones: name one by --endpoints");
	if (options->timeout_given)
		s.deadline_ns = now_ns + options->timeout_ns;
	status = snapshot_create(&s.writer, options->word[0], s.error);
	if (status)
		return complain(status, "%s", s.error);
	fprintf(stderr, "fetching snapshot from %s\n", endpoint_text(options->endpoint[0]));
	status = fetch(&s);
	if (!status)
		status = snapshot_finish(s.writer, &size, s.error);
	snapshot_drop(s.writer);
	if (status)
		return complain(status, "%s", s.error);
	duration_text(clock_now() - now_ns, took);
	bytes_text(size, text);
	fprintf(stderr, "fetched snapshot: %s, took %s\n", text, took);
	printf("Snapshot saved at %s\n", options->word[0]);
	return EXIT_ANSWERED;
}

static void status_table(const struct snapshot_told *told, const char *size)
{
	char hash[20], revision[24], keys[24];
	const char *const cells[2][4] = {{"HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"},
					 {hash, revision, keys, size}};

	snprintf(hash, sizeof(hash), "%" PRIx32, told->hash);
	snprintf(revision, sizeof(revision), "%" PRIu64, told->head.revision);
	snprintf(keys, sizeof(keys), "%" PRIu64, told->versions);
	table_print(&cells[0][0], 2, 4);
}

int command_snapshot_status(const struct options *options)
{
	char error[ERROR_SIZE], size[DURATION_SIZE];
	struct snapshot_told told;
	int status;

	if (options->word_count != 1)
		return complain(EXIT_MISUSED, "snapshot status expects one argument, the file");
	status = snapshot_read(options->word[0], NULL, NULL, &told, error);
	if (status)
		return complain(status, "%s", error);
	bytes_text(told.size, size);
	switch (options->format) {
	case FORMAT_SIMPLE:
		printf("%" PRIx32 ", %" PRIu64 ", %" PRIu64 ", %s\n", told.hash, told.head.revision,
		       told.versions, size);
		break;
	case FORMAT_TABLE:
		status_table(&told, size);
		break;
	case FORMAT_JSON:
		printf("{\"hash\":%" PRIu32 ",\"revision\":%" PRIu64 ",\"totalKey\":%" PRIu64
		       ",\"totalSize\":%" PRIu64 "}\n",
		       told.hash, told.head.revision, told.versions, told.size);
		break;
	case FORMAT_FIELDS:
		printf("\"Hash\" : %" PRIu32 "\n\"Revision\" : %" PRIu64 "\n\"Keys\" : %" PRIu64
		       "\n\"Size\" : %" PRIu64 "\n",
		       told.hash, told.head.revision, told.versions, told.size);
		break;
	}
	return EXIT_ANSWERED;
}
