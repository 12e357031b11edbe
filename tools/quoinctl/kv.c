/*
 * put, get, del, txn and compaction.
 */
#include "kv/txn_codec.h"
#include "tools/client/draw.h"
#include "tools/quoinctl/answers.h"
#include "tools/quoinctl/go_text.h"
#include "tools/quoinctl/requests.h"
#include "tools/quoinctl/txn_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOO_LARGE "etcdserver: request is too large"

static struct kv_bytes bytes_of(const char *text)
{
	return (struct kv_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static bool is_query(const struct kv_request *request)
{
	return request->operation == KV_RANGE ||
	       (request->txn.size > 0 && kv_txn_is_query(request->txn));
}

/* Its exit status; of what changes something the sentence says whether that was done. */
static int fail(const struct kv_request *request, enum status_done done, const char *text)
{
	static const char *const says[] = {
		[STATUS_NOTHING] = " (nothing was done)",
		[STATUS_UNKNOWN] = " (it may have been done)",
		[STATUS_DONE] = " (it was done)",
	};
	bool command = !is_query(request);

	return complain(command && done != STATUS_NOTHING ? EXIT_UNCERTAIN : EXIT_FAILED, "%s%s",
			text, command ? says[done] : "");
}

/* Wrong words and options (an -errno of requests.h); nothing was asked. */
static int refuse(const struct kv_request *request, int err, const char *error)
{
	return err == -E2BIG ? fail(request, STATUS_NOTHING, TOO_LARGE)
			     : complain(EXIT_MISUSED, "%s", error);
}

/*
 * Asks and decodes. `copy` keeps the bytes that *answer points into; the caller frees it.
 * 0, or an exit status after its error was printed.
 */
static int ask_kv(const struct options *options, struct kv_request *request, struct reply *reply,
		  struct kv_answer *answer, uint8_t **copy)
{
	enum wire_request kind = !is_query(request)      ? WIRE_COMMAND
				 : options->serializable ? WIRE_QUERY_LOCAL
							 : WIRE_QUERY;
	char error[ERROR_SIZE];
	int status;

	*copy = NULL;
	status = ask(options, kind, request, reply, error);
	if (status)
		return complain(status, "%s", error);
	*copy = malloc(reply->size ? reply->size : 1);
	if (!*copy)
		return fail(request, STATUS_UNKNOWN, "out of memory");
	memcpy(*copy, reply->data, reply->size);
	if (kv_answer_decode(answer, *copy, reply->size) ||
	    (answer->status == KV_OK && answer->operation != request->operation)) {
		snprintf(error, ERROR_SIZE,
			 "%s: an answer that cannot be read: is it another release?",
			 endpoint_text(reply->endpoint));
		return fail(request, STATUS_UNKNOWN, error);
	}
	if (answer->status == KV_OK)
		return 0;
	return fail(request, kv_status_done(answer->status), kv_status_text(answer->status));
}

/* The term is in no answer but a status. A header can do without: it does not wait for it long. */
static uint64_t ask_term(const struct reply *reply)
{
	struct status status;

	return status_ask(reply->endpoint, 1000000000u, &status) == 0 ? status.term : 0;
}

/* A session of its own for each command, used once. */
static int run(const struct options *options, struct kv_request *request)
{
	struct kv_answer answer;
	struct answerer from;
	struct reply reply;
	uint8_t *copy;
	int status;

	if (!is_query(request)) {
		request->flags |= KV_ONE_SHOT;
		request->sequence = 1;
		request->session = draw();
	}
	status = ask_kv(options, request, &reply, &answer, &copy);
	if (!status && request->operation == KV_COMPACT) {
		printf("compacted revision %" PRId64 "\n", (int64_t)request->revision);
	} else if (!status) {
		from.node = reply.node;
		from.term = options->format == FORMAT_SIMPLE ? 0 : ask_term(&reply);
		answer_print(options, &from, request, &answer);
	}
	free(copy);
	return status;
}

static uint8_t *read_all(FILE *from, size_t size_max, uint32_t *size)
{
	uint8_t *data = malloc(size_max);
	size_t n = data ? fread(data, 1, size_max, from) : 0;

	if (!data || ferror(from)) {
		free(data);
		return NULL;
	}
	*size = (uint32_t)n;
	return data;
}

/* What an option of output means where there is nothing to print by it. */
static int check_output(const struct options *o, bool items)
{
	if (o->print_value_only && o->format != FORMAT_SIMPLE)
		return complain(EXIT_MISUSED, "print-value-only is only for `--write-out=simple`");
	if (o->hex && o->format != FORMAT_SIMPLE)
		return complain(EXIT_MISUSED, "--hex is only for `--write-out=simple`");
	if (o->hex && !items)
		return complain(EXIT_MISUSED, "--hex has no meaning without --prev-kv");
	return 0;
}

int command_put(const struct options *options)
{
	struct kv_bytes word[WORDS_MAX];
	struct kv_request request = {.operation = KV_PUT};
	uint32_t count = options->word_count;
	uint8_t *value = NULL;
	char error[ERROR_SIZE];
	int status = check_output(options, options->prev_kv), err;

	if (status)
		return status;
	for (uint32_t i = 0; i < count; i++)
		word[i] = bytes_of(options->word[i]);
	if (count == 1 && !options->ignore_value) {
		/* One byte more than may be: then it is seen that it is too large. */
		value = read_all(stdin, KV_VALUE_SIZE_MAX + 1, &word[1].size);
		if (!value)
			return complain(EXIT_FAILED, "standard input: %s", strerror(errno));
		word[1].data = value;
		count += word[1].size > 0;
	}
	err = request_put(&request, options, word, count, error);
	status = err ? refuse(&request, err, error) : run(options, &request);
	free(value);
	return status;
}

int command_delete(const struct options *options)
{
	static uint8_t end[KV_KEY_SIZE_MAX];
	struct kv_bytes word[WORDS_MAX];
	struct kv_request request;
	char error[ERROR_SIZE];
	int status = check_output(options, options->prev_kv), err;

	if (status)
		return status;
	for (uint32_t i = 0; i < options->word_count; i++)
		word[i] = bytes_of(options->word[i]);
	err = request_delete(&request, options, word, options->word_count, end, error);
	return err ? refuse(&request, err, error) : run(options, &request);
}

int command_get(const struct options *options)
{
	static uint8_t end[KV_KEY_SIZE_MAX];
	struct kv_bytes word[WORDS_MAX];
	struct kv_request request;
	char error[ERROR_SIZE];
	int status = check_output(options, true), err;

	if (status)
		return status;
	for (uint32_t i = 0; i < options->word_count; i++)
		word[i] = bytes_of(options->word[i]);
	err = request_get(&request, options, word, options->word_count, end, error);
	return err ? refuse(&request, err, error) : run(options, &request);
}

static void prompt(const struct options *options, const struct txn_text *text, bool *told)
{
	static const char *const prompts[] = {"compares:", "success requests (get, put, del):",
					      "failure requests (get, put, del):"};

	if (options->interactive && !told[text->part])
		puts(prompts[text->part]);
	told[text->part] = true;
	fflush(stdout);
}

/* Until the transaction is whole: what follows is not read. */
static int read_txn(const struct options *options, struct txn_text *text, char error[ERROR_SIZE])
{
	bool told[TXN_WHOLE] = {false};
	char *line = NULL;
	size_t line_max = 0;
	int err = 0;

	while (!err && text->part != TXN_WHOLE) {
		ssize_t size;

		prompt(options, text, told);
		errno = 0;
		size = getline(&line, &line_max, stdin);
		if (size < 0 && (ferror(stdin) || !feof(stdin))) {
			snprintf(error, ERROR_SIZE, "standard input: %s", strerror(errno));
			err = -EIO;
		} else if (size < 0) {
			txn_text_ended(text, error);
			err = -EINVAL;
		} else {
			size -= line[size - 1] == '\n';
			err = txn_text_line(text, line, (size_t)size, error);
		}
	}
	free(line);
	return err;
}

int command_txn(const struct options *options)
{
	struct kv_request request = {.operation = KV_TXN};
	struct txn_text text;
	char error[ERROR_SIZE] = "out of memory";
	int status, err;

	if (options->word_count)
		return complain(EXIT_MISUSED, "txn command does not accept argument: it reads the "
					      "transaction from standard input");
	status = check_output(options, true);
	if (status)
		return status;
	err = txn_text_create(&text);
	if (!err)
		err = read_txn(options, &text, error);
	if (!err)
		request.txn = (struct kv_bytes){text.data, (uint32_t)text.size};
	if (err == -EINVAL || err == -E2BIG)
		status = refuse(&request, err, error);
	else if (err)
		status = complain(EXIT_FAILED, "%s", error);
	else
		status = run(options, &request);
	txn_text_destroy(&text);
	return status;
}

int command_compaction(const struct options *options)
{
	struct kv_request request = {
		.operation = KV_COMPACT,
		.flags = options->physical ? KV_PHYSICAL : 0u,
	};
	const char *text = options->word[0];

	if (options->word_count != 1)
		return complain(EXIT_MISUSED, "compaction command needs 1 argument");
	if (!go_number(text, &request.revision))
		return complain(EXIT_MISUSED, "compaction %.200s: it is a revision, like 100",
				text);
	return run(options, &request);
}
