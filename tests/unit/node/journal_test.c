/*
 * The log: what its lines say, that nobody waits for its reader, and that what is missing is
 * counted where it is missing.
 */
#include "node/journal_internal.h"

#include "base/clock.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

static char text[TEXT_MAX];

struct pipe {
	int reader, writer;
};

static struct pipe pipe_make(void)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	return (struct pipe){ends[0], ends[1]};
}

static struct journal *begin(int fd, enum journal_format format)
{
	const struct journal_options options = {
		.fd = fd, .name = "n1", .level = JOURNAL_INFO, .format = format};
	struct journal *j;

	assert_int_equal(journal_create(&j, &options), 0);
	return j;
}

/* All that is in a pipe whose other end was closed. */
static const char *rest(int fd)
{
	size_t used = 0;
	ssize_t size;

	while ((size = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)size;
	text[used] = '\0';
	close(fd);
	return text;
}

static const char *end(struct journal *j, struct pipe p)
{
	journal_destroy(j);
	close(p.writer);
	return rest(p.reader);
}

/* Lines whose event this is. */
static uint32_t lines_of(const char *at, const char *event)
{
	uint32_t count = 0;

	while ((at = strstr(at, event))) {
		count++;
		at += strlen(event);
	}
	return count;
}

/* The sum of the numbers that follow the word. */
static uint64_t sum_of(const char *at, const char *word)
{
	uint64_t sum = 0;

	while ((at = strstr(at, word))) {
		at += strlen(word);
		sum += strtoull(at, NULL, 10);
	}
	return sum;
}

static void a_line_says_when_what_and_who(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);
	const char *out;

	(void)state;
	journal_write(j, JOURNAL_WARN, "leader_lost", "term=%d was=%s", 7, "n2");
	journal_write(j, JOURNAL_DEBUG, "chatter", "a=1");
	journal_write(NULL, JOURNAL_ERROR, "nobody", "a=1");
	out = end(j, p);
	assert_int_equal(strspn(out, "0123456789-T:.Z"), 27);
	assert_string_equal(out + 27, " warn n1 leader_lost term=7 was=n2\n");
}

static void a_failure_is_a_sentence(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);

	(void)state;
	journal_fail(j, "%s is not there\nat all", "\"eth9\"");
	assert_string_equal(end(j, p), "quoind: \"eth9\" is not there\\x0aat all\n");
}

static void fields_are_read(const char *body, const char *want_text, const char *want_json)
{
	static struct journal_line line;
	static char out[JOURNAL_LINE_SIZE];
	json_t *got, *want;
	json_error_t error;
	size_t size;

	line = (struct journal_line){.level = JOURNAL_INFO, .event = "e"};
	snprintf(line.body, sizeof(line.body), "%s", body);
	size = journal_line_text(&line, "n1", JOURNAL_TEXT, out);
	assert_int_equal(out[size - 1], '\n');
	out[size - 1] = '\0';
	assert_string_equal(out + strlen("1970-01-01T00:00:00.000000Z info n1 e"), want_text);
	size = journal_line_text(&line, "n1", JOURNAL_JSON, out);
	assert_int_equal(out[size - 1], '\n');
	got = json_loadb(out, size, JSON_REJECT_DUPLICATES, &error);
	if (!got)
		fail_msg("%s: %.*s", error.text, (int)size, out);
	want = json_loads(want_json, 0, &error);
	assert_non_null(want);
	json_object_set_new(want, "level", json_string("info"));
	json_object_set_new(want, "ts", json_string("1970-01-01T00:00:00.000000Z"));
	json_object_set_new(want, "member", json_string("n1"));
	json_object_set_new(want, "msg", json_string("e"));
	if (!json_equal(got, want))
		fail_msg("%.*s", (int)size, out);
	json_decref(got);
	json_decref(want);
}

static void a_value_may_have_any_bytes(void **state)
{
	(void)state;
	fields_are_read("", "", "{}");
	fields_are_read("term=12 leader=n2", " term=12 leader=n2",
			"{\"term\":12,\"leader\":\"n2\"}");
	fields_are_read("id=0123456789012345 b=-1 c=00 d=1e5 e=12345678901234567890",
			" id=0123456789012345 b=-1 c=00 d=1e5 e=12345678901234567890",
			"{\"id\":\"0123456789012345\",\"b\":-1,\"c\":\"00\",\"d\":\"1e5\","
			"\"e\":\"12345678901234567890\"}");
	/* A number between quotes is a word: whoever writes it says so. */
	fields_are_read("a=\"5\"", " a=\"5\"", "{\"a\":\"5\"}");
	fields_are_read("error=Input/output error why=\"the disk\"",
			" error=\"Input/output error\" why=\"the disk\"",
			"{\"error\":\"Input/output error\",\"why\":\"the disk\"}");
	fields_are_read("why=\"the path \"a b\" is \\odd\" n=1",
			" why=\"the path \\\"a b\\\" is \\\\odd\" n=1",
			"{\"why\":\"the path \\\"a b\\\" is \\\\odd\",\"n\":1}");
	fields_are_read("a=\"one\ntwo\tthree\x1b[31m\x7f\"",
			" a=\"one\\ntwo\\x09three\\x1b[31m\\x7f\"",
			"{\"a\":\"one\\ntwo\\tthree\\u001b[31m\\u007f\"}");
	fields_are_read("a=\"caf\xc3\xa9 \xff \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82\"",
			" a=\"caf\xc3\xa9 \\xff \\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 "
			"\\xe2\\x82\"",
			"{\"a\":\"caf\xc3\xa9 \\ufffd \\ufffd\\ufffd \\ufffd\\ufffd\\ufffd "
			"\\ufffd\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\"}");
	fields_are_read("a=\"\" b=", " a=\"\" b=\"\"", "{\"a\":\"\",\"b\":\"\"}");
	fields_are_read("a=\"cut off", " a=\"cut off\"", "{\"a\":\"cut off\"}");
	fields_are_read("a=\"", " a=\"\"", "{\"a\":\"\"}");
	fields_are_read("no key here", " text=\"no key here\"", "{\"text\":\"no key here\"}");
	fields_are_read("  a=1   b=2 ", " a=1 b=2", "{\"a\":1,\"b\":2}");
}

/* No body of any bytes is more than a line, and each is JSON. */
static void whatever_the_bytes_json_is_json(void **state)
{
	static struct journal_line line;
	static char out[JOURNAL_LINE_SIZE];
	static const char odd[] = "ab=\" \\\n\x01\xc3\xa9\xe2\xf0\x9f\x98\x80\xff_1-";
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t size = 0, length = round < 10 ? JOURNAL_BODY_SIZE - 1 : (size_t)round % 90;
		json_t *got;

		while (size < length) {
			seed = seed * 1103515245u + 12345u;
			line.body[size++] =
				round == 0 ? '\x01' : odd[(seed >> 16) % (sizeof(odd) - 1)];
		}
		line.body[size] = '\0';
		line.event = round % 3 ? "event" : NULL;
		line.left_out = (uint64_t)round % 2;
		size = journal_line_text(&line, "n\"1\xff", JOURNAL_JSON, out);
		assert_ptr_equal(memchr(out, '\n', size), out + size - 1);
		got = json_loadb(out, size, 0, NULL);
		if (!got)
			fail_msg("round %d: %.*s", round, (int)size, out);
		json_decref(got);
		size = journal_line_text(&line, "n1", JOURNAL_TEXT, out);
		assert_ptr_equal(memchr(out, '\n', size), out + size - 1);
	}
}

/* F13. */
static void F13_no_event_floods_the_log(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);
	struct journal_counters c;
	const char *out;

	(void)state;
	for (int i = 0; i < 1000; i++)
		journal_write(j, JOURNAL_INFO, "election_started", "term=%d", i);
	journal_write(j, JOURNAL_WARN, "leader_lost", "term=%d", 3);
	journal_get_counters(j, &c);
	assert_true(c.left_out >= 985);
	out = end(j, p);
	assert_int_equal(lines_of(out, " leader_lost "), 1);
	assert_in_range(lines_of(out, " election_started term="), JOURNAL_BURST, JOURNAL_BURST + 5);
	assert_int_equal(lines_of(out, " election_started term=") + sum_of(out, "left_out="), 1000);
}

static bool has(int fd, size_t *used, const char *words)
{
	ssize_t size = read(fd, text + *used, sizeof(text) - 1 - *used);

	if (size > 0)
		*used += (size_t)size;
	text[*used] = '\0';
	return strstr(text, words) != NULL;
}

/* F13: also when the event is never seen again. */
static void F13_what_was_left_out_is_told_by_itself(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);
	uint64_t until = clock_now() + 30 * CLOCK_S;
	size_t used = 0;

	(void)state;
	assert_int_equal(fcntl(p.reader, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < JOURNAL_BURST + 7; i++)
		journal_write(j, JOURNAL_INFO, "flap", "i=%d", i);
	while (!has(p.reader, &used, " flap left_out=7\n")) {
		assert_true(clock_now() < until);
		clock_sleep(CLOCK_MS);
	}
	(void)end(j, p);
}

/* Events of different names, so that their rate is no matter. */
static void write_many(struct journal *j, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		journal_fail(j, "the line %u, of some length that fills the pipe before long", i);
}

/* F8: the pipe is full and nobody reads: the writer of lines goes on; so does its end. */
static void F8_a_reader_that_stops_holds_nobody_up(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);
	struct journal_counters c;
	uint64_t begun = clock_now();

	(void)state;
	write_many(j, 20000);
	journal_get_counters(j, &c);
	assert_true(c.lost > 15000);
	journal_destroy(j);
	/* It would have been for ever. */
	assert_true(clock_now() - begun < JOURNAL_LAST_WORDS_NS + 20 * CLOCK_S);
	/* The thread waits on; it ends with its last lines. */
	close(p.reader);
}

/* F8: the reader goes on: each line is there, or counted at its place. */
static void F8_lost_lines_are_counted_where_they_are_missing(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);
	const uint32_t count = 20000;
	uint64_t next = 0, lost = 0, gaps = 0;
	struct journal_counters c;
	char *line, *save = NULL;
	pid_t pid;
	int status_pipe[2];

	(void)state;
	write_many(j, count);
	journal_get_counters(j, &c);
	/* The reader: another process, that begins when all has been written. */
	assert_int_equal(pipe2(status_pipe, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static char buffer[65536];
		ssize_t size;

		close(p.writer);
		while ((size = read(p.reader, buffer, sizeof(buffer))) > 0)
			if (write(status_pipe[1], buffer, (size_t)size) != size)
				_exit(1);
		_exit(0);
	}
	close(status_pipe[1]);
	close(p.reader);
	/* What it copies must be taken while the journal ends. */
	assert_true(fcntl(status_pipe[0], F_SETPIPE_SZ, 1 << 20) >= 1 << 20);
	journal_destroy(j);
	close(p.writer);
	for (line = strtok_r((char *)(uintptr_t)rest(status_pipe[0]), "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		uint64_t missing = sum_of(line, " log_lost lines="), number = sum_of(line, "line ");

		lost += missing;
		gaps += missing > 0;
		if (missing) {
			next += missing;
			continue;
		}
		assert_int_equal(number, next);
		next++;
	}
	assert_int_equal(next, count);
	assert_int_equal(lost, c.lost);
	assert_true(gaps > 0);
}

/* F8: the reader is gone: an error, counted, and no signal; and the next reader is told. */
static void F8_a_reader_that_is_gone_ends_nobody(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);
	uint64_t until = clock_now() + 30 * CLOCK_S;
	struct journal_counters c = {0};

	(void)state;
	close(p.reader);
	journal_fail(j, "to nobody");
	while (c.lost < 1) {
		assert_true(clock_now() < until);
		journal_get_counters(j, &c);
	}
	journal_destroy(j);
	close(p.writer);
}

/* F8: a file that may not grow, as one on a full disk; then it may again. */
static void F8_a_full_disk_is_told_when_there_is_room(void **state)
{
	char path[] = "/tmp/quoin-journal-XXXXXX";
	int fd = mkstemp(path);
	struct journal *j = begin(fd, JOURNAL_TEXT);
	uint64_t until = clock_now() + 30 * CLOCK_S;
	struct journal_counters c = {0};
	struct rlimit limit, small;

	(void)state;
	unlink(path);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 10; /* within the first line */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	journal_fail(j, "the first");
	journal_fail(j, "the second");
	while (c.lost < 2) {
		assert_true(clock_now() < until);
		journal_get_counters(j, &c);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	journal_fail(j, "the third");
	journal_destroy(j);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	rest(fd);
	if (strncmp(text, "quoind: th\n", 11) != 0 || sum_of(text, " log_lost lines=") != 2 ||
	    !strstr(text, "\nquoind: the third\n"))
		fail_msg("%s", text);
}

/* F8: the file is another's too, who made it non-blocking: no line is lost for that. */
static void F8_a_descriptor_that_does_not_block_loses_nothing(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j;
	pid_t pid;

	(void)state;
	assert_int_equal(fcntl(p.writer, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(fcntl(p.writer, F_SETPIPE_SZ, 4096), 4096);
	j = begin(p.writer, JOURNAL_TEXT);
	write_many(j, JOURNAL_LINES);
	pid = fork();
	if (pid == 0) {
		/* 256 lines of 70 to 80 bytes. */
		close(p.writer);
		rest(p.reader);
		_exit(lines_of(text, "the line ") == JOURNAL_LINES ? 0 : 1);
	}
	close(p.reader);
	journal_destroy(j);
	close(p.writer);
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* F8: what a dying process says is lost, and does not keep it from dying. */
static void last_words(struct pipe p)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(20); /* would be how it ends */
		dup2(p.writer, STDERR_FILENO);
		assert_int_equal(fcntl(p.writer, F_SETFL, O_NONBLOCK), 0);
		while (write(p.writer, text, 1) == 1)
			continue;
		assert_int_equal(fcntl(p.writer, F_SETFL, 0), 0);
		if (journal_take_stderr() < 0)
			_exit(1);
		/* Whoever shares the pipe waits as before. */
		if (fcntl(p.writer, F_GETFL) & O_NONBLOCK)
			_exit(1);
		fprintf(stderr, "Assertion failed\n");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(p.reader);
	close(p.writer);
}

static void F8_last_words_are_not_waited_for(void **state)
{
	(void)state;
	last_words(pipe_make());
}

/* As of a service: systemd gives it a stream to its journal. */
static void F8_last_words_into_a_socket(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	last_words((struct pipe){.reader = pair[0], .writer = pair[1]});
}

enum { THREADS = 4, EACH = 2000 };

static void *chatter(void *context)
{
	struct journal *j = context;

	for (int i = 0; i < EACH; i++)
		journal_fail(j, "a line");
	return NULL;
}

/* DPDK's threads write lines too. */
static void lines_of_several_threads_are_whole(void **state)
{
	struct pipe p = pipe_make();
	struct journal *j = begin(p.writer, JOURNAL_TEXT);
	pthread_t thread[THREADS];
	struct journal_counters c;
	size_t used = 0, before;

	(void)state;
	assert_int_equal(fcntl(p.reader, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, chatter, j), 0);
	do {
		(void)has(p.reader, &used, "-");
		journal_get_counters(j, &c);
	} while (c.lines + c.lost < THREADS * EACH);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	journal_destroy(j);
	close(p.writer);
	do {
		before = used;
		(void)has(p.reader, &used, "-");
	} while (used > before);
	journal_get_counters(NULL, &c);
	assert_int_equal(c.lines, 0);
	assert_int_equal(lines_of(text, "quoind: a line\n") + sum_of(text, " log_lost lines="),
			 THREADS * EACH);
	close(p.reader);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_when_what_and_who),
		cmocka_unit_test(a_failure_is_a_sentence),
		cmocka_unit_test(a_value_may_have_any_bytes),
		cmocka_unit_test(whatever_the_bytes_json_is_json),
		cmocka_unit_test(F13_no_event_floods_the_log),
		cmocka_unit_test(F13_what_was_left_out_is_told_by_itself),
		cmocka_unit_test(F8_a_reader_that_stops_holds_nobody_up),
		cmocka_unit_test(F8_lost_lines_are_counted_where_they_are_missing),
		cmocka_unit_test(F8_a_reader_that_is_gone_ends_nobody),
		cmocka_unit_test(F8_a_full_disk_is_told_when_there_is_room),
		cmocka_unit_test(F8_a_descriptor_that_does_not_block_loses_nothing),
		cmocka_unit_test(F8_last_words_are_not_waited_for),
		cmocka_unit_test(F8_last_words_into_a_socket),
		cmocka_unit_test(lines_of_several_threads_are_whole),
	};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
