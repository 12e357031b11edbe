/*
 * put, get and del.
 */
#include "tools/client/draw.h"
#include "tools/quoinctl/quoinctl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TOO_LARGE "etcdserver: request is too large"

static struct kv_bytes bytes_of(const char *text)
{
	return (struct kv_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* Its exit status; of a put or del it says whether it may have been done. */
static int fail(const struct kv_request *request, bool maybe, const char *text)
{
	bool command = request->operation != KV_RANGE;

	return complain(command && maybe ? EXIT_UNCERTAIN : EXIT_FAILED, "%s%s", text,
			!command ? ""
			: maybe  ? " (it may have been done)"
				 : " (nothing was done)");
}

/* A request that etcd refuses as too large is refused before it is sent. */
static bool fits(const struct kv_request *r)
{
	return r->key.size <= KV_KEY_SIZE_MAX && r->range_end.size <= KV_KEY_SIZE_MAX &&
	       (uint64_t)r->key.size + r->range_end.size + r->value.size <= KV_VALUE_SIZE_MAX;
}

/*
 * Asks and decodes. `copy` keeps the bytes that *answer points into; the caller frees it.
 * 0, or an exit status after its error was printed.
 */
static int ask_kv(const struct options *options, struct kv_request *request, struct reply *reply,
		  struct kv_answer *answer, uint8_t **copy)
{
	enum wire_request kind = request->operation != KV_RANGE ? WIRE_COMMAND
				 : options->serializable        ? WIRE_QUERY_LOCAL
								: WIRE_QUERY;
	char error[ERROR_SIZE];
	int status;

	*copy = NULL;
	if (!fits(request))
		return fail(request, false, TOO_LARGE);
	status = ask(options, kind, request, reply, error);
	if (status)
		return complain(status, "%s", error);
	*copy = malloc(reply->size ? reply->size : 1);
	if (!*copy)
		return fail(request, true, "out of memory");
	memcpy(*copy, reply->data, reply->size);
	if (kv_answer_decode(answer, *copy, reply->size)) {
		snprintf(error, ERROR_SIZE,
			 "%s: an answer that cannot be read: is it another release?",
			 endpoint_text(reply->endpoint));
		return fail(request, true, error);
	}
	if (answer->status == KV_OK)
		return 0;
	return fail(request, kv_status_done(answer->status) != STATUS_NOTHING,
		    kv_status_text(answer->status));
}

/* A session of its own for each call, used once. */
static void begin_command(struct kv_request *request)
{
	request->flags = KV_ONE_SHOT;
	request->sequence = 1;
	request->session = draw();
}

/* The term is in no answer but a status. A header can do without: it does not wait for it long. */
static void print_header(const struct reply *reply, uint64_t revision)
{
	struct status status;
	uint64_t term = 0;

	if (status_ask(reply->endpoint, 1000000000u, &status) == 0)
		term = status.term;
	json_header(&reply->node, revision, term);
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

int command_put(const struct options *options)
{
	struct kv_request request = {.operation = KV_PUT};
	struct reply reply;
	struct kv_answer answer;
	uint8_t *value = NULL, *copy = NULL;
	int status;

	if (options->word_count < 1 || options->word_count > 2)
		return complain(EXIT_MISUSED,
				"put command needs 1 argument and input from stdin or 2 arguments");
	request.key = bytes_of(options->word[0]);
	if (options->word_count == 2) {
		request.value = bytes_of(options->word[1]);
	} else {
		/* One byte more than may be: then fits() sees that it is too large. */
		value = read_all(stdin, KV_VALUE_SIZE_MAX + 1, &request.value.size);
		if (!value)
			return complain(EXIT_FAILED, "standard input: %s", strerror(errno));
		if (request.value.size == 0) {
			free(value);
			return complain(EXIT_MISUSED,
					"put command needs 1 argument and input from stdin or 2 "
					"arguments");
		}
		request.value.data = value;
	}
	begin_command(&request);
	status = ask_kv(options, &request, &reply, &answer, &copy);
	if (!status && options->format == FORMAT_JSON) {
		putchar('{');
		print_header(&reply, answer.revision);
		puts("}");
	} else if (!status) {
		puts("OK");
	}
	free(copy);
	free(value);
	return status;
}

/* KEY [RANGE_END] and the flags that make a range of them, as etcdctl takes them. */
static int parse_range(const struct options *options, const char *command,
		       struct kv_request *request, uint8_t end[KV_KEY_SIZE_MAX])
{
	static const uint8_t zero[1] = {0};

	if (options->prefix && options->from_key)
		return complain(EXIT_MISUSED,
				"`--prefix` and `--from-key` cannot be set at the same "
				"time, choose one");
	if (options->word_count < 1 || options->word_count > 2)
		return complain(EXIT_MISUSED,
				"%s command needs one argument as key and an optional argument as "
				"range_end",
				command);
	if (options->word_count == 2 && (options->prefix || options->from_key))
		return complain(EXIT_MISUSED, "too many arguments, only accept one argument when "
					      "`--prefix` or `--from-key` is set");
	request->key = bytes_of(options->word[0]);
	if (options->word_count == 2)
		request->range_end = bytes_of(options->word[1]);
	if (!fits(request))
		return fail(request, false, TOO_LARGE);
	if (options->prefix && request->key.size > 0) {
		request->range_end.data = end;
		request->range_end.size =
			(uint32_t)kv_prefix_end(request->key.data, request->key.size, end);
	} else if (options->prefix || options->from_key) {
		/* Every key from here on; from an empty one: every key. */
		if (request->key.size == 0)
			request->key = (struct kv_bytes){zero, 1};
		request->range_end = (struct kv_bytes){zero, 1};
	}
	return 0;
}

int command_delete(const struct options *options)
{
	static uint8_t end[KV_KEY_SIZE_MAX];
	struct kv_request request = {.operation = KV_DELETE};
	struct reply reply;
	struct kv_answer answer;
	uint8_t *copy = NULL;
	int status = parse_range(options, "del", &request, end);

	if (status)
		return status;
	begin_command(&request);
	status = ask_kv(options, &request, &reply, &answer, &copy);
	if (!status && options->format == FORMAT_JSON) {
		putchar('{');
		print_header(&reply, answer.revision);
		if (answer.count)
			printf(",\"deleted\":%" PRIu64, answer.count);
		puts("}");
	} else if (!status) {
		printf("%" PRIu64 "\n", answer.count);
	}
	free(copy);
	return status;
}

/* Of a key or a value, on a line of its own. */
static void print_bytes(const struct options *options, struct kv_bytes bytes)
{
	for (uint32_t i = 0; options->hex && i < bytes.size; i++)
		printf("\\x%02x", bytes.data[i]);
	if (!options->hex)
		fwrite(bytes.data, 1, bytes.size, stdout);
	putchar('\n');
}

static void print_simple(const struct options *options, const struct kv_answer *answer)
{
	struct kv_item item;
	uint32_t at = 0;

	if (options->count_only)
		printf("%" PRIu64 "\n", answer->count);
	while (kv_item_next(answer, &at, &item)) {
		if (!options->print_value_only)
			print_bytes(options, item.key);
		/* An empty line after each key of --keys-only: so does etcdctl. */
		print_bytes(options, item.value);
	}
}

static void print_json_item(const struct kv_item *item)
{
	printf("{\"key\":");
	json_bytes(item->key.data, item->key.size);
	printf(",\"create_revision\":%" PRIu64 ",\"mod_revision\":%" PRIu64 ",\"version\":%" PRIu64,
	       item->create_revision, item->mod_revision, item->version);
	if (item->value.size) {
		printf(",\"value\":");
		json_bytes(item->value.data, item->value.size);
	}
	if (item->lease)
		printf(",\"lease\":%" PRIu64, item->lease);
	putchar('}');
}

static void print_json(const struct reply *reply, const struct kv_answer *answer)
{
	const char *before = ",\"kvs\":[";
	struct kv_item item;
	uint32_t at = 0;

	putchar('{');
	print_header(reply, answer->revision);
	while (kv_item_next(answer, &at, &item)) {
		fputs(before, stdout);
		print_json_item(&item);
		before = ",";
	}
	if (answer->item_count)
		putchar(']');
	if (answer->more)
		printf(",\"more\":true");
	if (answer->count)
		printf(",\"count\":%" PRIu64, answer->count);
	puts("}");
}

int command_get(const struct options *options)
{
	static uint8_t end[KV_KEY_SIZE_MAX];
	struct kv_request request = {.operation = KV_RANGE, .limit = options->limit};
	struct kv_answer answer;
	struct reply reply;
	uint8_t *copy = NULL;
	int status;

	if (options->keys_only && options->count_only)
		return complain(EXIT_MISUSED,
				"`--keys-only` and `--count-only` cannot be set at the "
				"same time, choose one");
	if (options->print_value_only && options->format != FORMAT_SIMPLE)
		return complain(EXIT_MISUSED, "print-value-only is only for `--write-out=simple`");
	if (options->hex && options->format != FORMAT_SIMPLE)
		return complain(EXIT_MISUSED, "--hex is only for `--write-out=simple`");
	status = parse_range(options, "get", &request, end);
	if (status)
		return status;
	request.flags = (options->keys_only ? KV_KEYS_ONLY : 0u) |
			(options->count_only ? KV_COUNT_ONLY : 0u);
	status = ask_kv(options, &request, &reply, &answer, &copy);
	if (!status && options->format == FORMAT_JSON)
		print_json(&reply, &answer);
	else if (!status)
		print_simple(options, &answer);
	free(copy);
	return status;
}
