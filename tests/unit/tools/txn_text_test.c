/*
 * etcdctl's language of transactions: what it says, as bytes of a request; and what is wrong with
 * a text, by its line and with what would be right.
 */
#include "tests/unit/test.h"
#include "tools/quoinctl/txn_text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { TOLD_MAX = 8192 };

/* The transaction that was read, in words. */
static char told[TOLD_MAX];
static char error[ERROR_SIZE];

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	size_t used = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + used, TOLD_MAX - used, format, args);
	va_end(args);
	assert_true(strlen(told) < TOLD_MAX - 1);
}

static void tell_bytes(const char *name, struct kv_bytes bytes)
{
	tell(" %s=", name);
	if (bytes.size > 64)
		tell("%u bytes", bytes.size);
	for (uint32_t i = 0; bytes.size <= 64 && i < bytes.size; i++)
		tell(bytes.data[i] > ' ' && bytes.data[i] < 0x7f ? "%c" : "<%02x>", bytes.data[i]);
}

static void tell_number(const char *name, uint64_t number)
{
	if (number)
		tell(" %s=%" PRId64, name, (int64_t)number);
}

static void tell_compare(const struct kv_compare *c)
{
	static const char *const compared[] = {"version", "create", "mod", "value", "lease"};
	static const char *const results[] = {"=", ">", "<", "!="};

	tell("%s", compared[c->compared]);
	tell_bytes("key", c->key);
	tell(" %s", results[c->result]);
	if (c->compared == KV_COMPARED_VALUE)
		tell_bytes("value", c->value);
	else
		tell(" %" PRId64, (int64_t)c->number);
	assert_int_equal(c->range_end.size, 0);
	tell("\n");
}

static void tell_operation(const struct kv_request *r)
{
	tell("%s", r->operation == KV_PUT ? "put" : r->operation == KV_DELETE ? "del" : "get");
	tell_bytes("key", r->key);
	if (r->operation == KV_PUT)
		tell_bytes("value", r->value);
	if (r->range_end.size)
		tell_bytes("end", r->range_end);
	tell_number("flags", r->flags);
	tell_number("revision", r->revision);
	tell_number("limit", r->limit);
	tell_number("order", r->order);
	tell_number("target", r->target);
	tell_number("min_mod", r->min_mod_revision);
	tell_number("max_mod", r->max_mod_revision);
	tell_number("min_create", r->min_create_revision);
	tell_number("max_create", r->max_create_revision);
	tell("\n");
}

static void tell_all(const struct txn_text *t)
{
	struct kv_txn_counts counts;
	struct kv_compare compare;
	struct kv_request operation;
	size_t at = kv_txn_decode(&counts, t->data, t->size), taken;

	assert_int_equal(at, KV_TXN_SIZE);
	assert_int_equal(kv_txn_size(t->data, t->size), t->size);
	for (uint16_t i = 0; i < counts.compares; i++, at += taken) {
		taken = kv_txn_decode_compare(&compare, t->data + at, t->size - at);
		assert_true(taken);
		tell_compare(&compare);
	}
	for (uint32_t i = 0; i < counts.then + (uint32_t)counts.otherwise; i++, at += taken) {
		tell(i == 0 ? "then\n" : "");
		tell(i == counts.then ? "else\n" : "");
		taken = kv_txn_decode_operation(&operation, t->data + at, t->size - at);
		assert_true(taken);
		tell_operation(&operation);
	}
	assert_int_equal(at, t->size);
}

/* The lines of a text that may hold zero bytes. 0, or -errno with error. */
static int parse(const char *text, size_t size)
{
	const char *end = text + size;
	struct txn_text t;
	int err = txn_text_create(&t);

	told[0] = error[0] = '\0';
	assert_int_equal(err, 0);
	while (!err && t.part != TXN_WHOLE && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		err = txn_text_line(&t, text, (size_t)(line_end - text), error);
		text = newline ? newline + 1 : end;
	}
	if (!err && t.part != TXN_WHOLE) {
		txn_text_ended(&t, error);
		err = -EINVAL;
	}
	if (!err)
		tell_all(&t);
	txn_text_destroy(&t);
	return err;
}

static void expect_of(const char *text, size_t size, const char *expected)
{
	int err = parse(text, size);

	if (err || strcmp(told, expected) != 0)
		fail_msg("%s\n--- is %d, %s\n%s--- and not\n%s", text, err, error, told, expected);
}

static void expect(const char *text, const char *expected)
{
	expect_of(text, strlen(text), expected);
}

static void comparisons(void **state)
{
	(void)state;
	expect("ver(\"k\") = \"1\"\nversion(\"k\") != \"2\"\nc(\"k\") < \"3\"\n"
	       "create(\"k\") > \"4\"\nm(\"k\") = \"-5\"\nmod(\"k\") = \"+6\"\n"
	       "val(\"k\") = \"seven\"\nvalue(\"k\") > \"\"\nlease(\"k\") = \"0\"\n\n\n\n",
	       "version key=k = 1\nversion key=k != 2\ncreate key=k < 3\ncreate key=k > 4\n"
	       "mod key=k = -5\nmod key=k = 6\nvalue key=k = value=seven\nvalue key=k > value=\n"
	       "lease key=k = 0\n");
	/* Blanks where etcdctl wants them, where it does not, and none. */
	expect(" \tval(\"k\")  =   \"v\" \r\nval(\"k\")=\"v\"\nval ( \"k\" )= \"v\"\n\n\n\n",
	       "value key=k = value=v\nvalue key=k = value=v\nvalue key=k = value=v\n");
	/* Numbers as large as etcd's. */
	expect("mod(\"k\") < \"9223372036854775807\"\nmod(\"k\") > "
	       "\"-9223372036854775808\"\n\n\n\n",
	       "mod key=k < 9223372036854775807\nmod key=k > -9223372036854775808\n");
}

static void strings_are_gos(void **state)
{
	static const char zero[] = "val(\"a\0b\") = \"\0\"\n\n\n\n";

	(void)state;
	expect("val(\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\") = \"\\x00\\xfF\\000\\377\\101\"\n\n\n\n",
	       "value key=<07><08><0c><0a><0d><09><0b>\\\" = value=<00><ff><00><ff>A\n");
	expect("val(\"\\u00e9\\u20ac\\U0001f600\\u007f\") = \"\xc3\xa9\xff\"\n\n\n\n",
	       "value key=<c3><a9><e2><82><ac><f0><9f><98><80><7f> = value=<c3><a9><ff>\n");
	expect("val(`a\\n\"b`) = ``\n\n\n\n", "value key=a\\n\"b = value=\n");
	expect("val(\"a ) = \\\"b\") = \"c\"\n\n\n\n", "value key=a<20>)<20>=<20>\"b = value=c\n");
	expect_of(zero, sizeof(zero) - 1, "value key=a<00>b = value=<00>\n");
}

static void requests_are_words_as_on_the_command_line(void **state)
{
	(void)state;
	expect("\nput a 1\nget a\n\ndel a\n\n",
	       "then\nput key=a value=1\nget key=a\nelse\ndel key=a\n");
	expect("\n\nput a 1\n\n", "then\nelse\nput key=a value=1\n");
	expect("\n\n\n", "");
	expect("\nput \"a b\" 'c d'\nput \"\\x00\" \"\"\nput '\"' '\\n'\n\n\n",
	       "then\nput key=a<20>b value=c<20>d\nput key=<00> value=\nput key=\" value=\\n\n");
	/* What does not begin with a quote has none that counts. */
	expect("\n\t put  k\"q\"  it's\\n \r\nget `x`\n\n\n",
	       "then\nput key=k\"q\" value=it's\\n\nget key=`x`\n");
}

static void options_are_those_of_the_command_line(void **state)
{
	(void)state;
	expect("\nput --prev-kv a 1\nput a --ignore-value --ignore-lease=true\n"
	       "put a 1 --prev-kv=false\nput -- --a -1\nput a -- -1\nput - -\n\n\n",
	       "then\nput key=a value=1 flags=8\nput key=a value= flags=48\nput key=a value=1\n"
	       "put key=--a value=-1\nput key=a value=-1\nput key=- value=-\n");
	expect("\nget a --prefix --keys-only\nget a c --count-only\nget a --from-key\n"
	       "get \"\" --prefix\nget a --rev 7 --limit=3 --order descend --sort-by=MODIFY\n"
	       "get a --min-mod-rev 1 --max-mod-rev 2 --min-create-rev 3 --max-create-rev 4\n\n\n",
	       "then\nget key=a end=b flags=2\nget key=a end=c flags=4\nget key=a end=<00>\n"
	       "get key=<00> end=<00>\nget key=a revision=7 limit=3 order=2 target=3\n"
	       "get key=a min_mod=1 max_mod=2 min_create=3 max_create=4\n");
	expect("\ndel a --prefix --prev-kv\ndel a b\n\n\n",
	       "then\ndel key=a end=b flags=8\ndel key=a end=b\n");
}

/* F17: what is wrong, and what is said of it: where it is, and what would be right. */
#define COMPARE_LIKE "a comparison is like mod(\"key\") > \"0\": "
static const struct {
	const char *text, *says;
} wrong[] = {
	{"foo(\"k\") = \"1\"\n", "line 1: " COMPARE_LIKE "it begins with ver, create, mod, "
				 "val or lease, and ("},
	{"ver\n", "line 1: " COMPARE_LIKE "it begins with"},
	{"put a 1\n", "line 1: " COMPARE_LIKE "it begins with"},
	{"(\"k\") = \"1\"\n", "line 1: " COMPARE_LIKE "it begins with"},
	{"ver(\"k\") = \"1\"\nver(k) = \"1\"\n",
	 "line 2: " COMPARE_LIKE "of the key: a string stands between \" and \""},
	{"ver('k') = \"1\"\n", "of the key: a string stands between \" and \""},
	{"ver(\"k) = 1\n",
	 "of the key: a string that begins with \" ends with \" in the same line"},
	{"ver(`k) = \"1\"\n", "of the key: a string that begins with ` ends with `"},
	{"ver(\"k\" = \"1\"\n", COMPARE_LIKE "after the key comes )"},
	{"ver(\"k\") == \"1\"\n", "of what it is compared with: a string stands between"},
	{"ver(\"k\") >= \"1\"\n", "of what it is compared with: a string stands between"},
	{"ver(\"k\") \"1\"\n", COMPARE_LIKE "after ) comes one of = != < >"},
	{"ver(\"k\")", COMPARE_LIKE "after ) comes one of = != < >"},
	{"ver(\"k\") = 1\n", "of what it is compared with: a string stands between"},
	{"ver(\"k\") =\n", "of what it is compared with: a string stands between"},
	{"ver(\"k\") = \"a\"\n", COMPARE_LIKE "with a number between the quotes, as all "
					      "but val have"},
	{"ver(\"k\") = \"\"\n", "with a number between the quotes"},
	{"ver(\"k\") = \"1 \"\n", "with a number between the quotes"},
	{"ver(\"k\") = \" 1\"\n", "with a number between the quotes"},
	{"ver(\"k\") = \"+-1\"\n", "with a number between the quotes"},
	{"ver(\"k\") = \"1\\x00\"\n", "with a number between the quotes"},
	{"ver(\"k\") = \"9223372036854775808\"\n", "with a number between the quotes"},
	{"ver(\"k\") = \"0x1\"\n", "with a number between the quotes"},
	{"val(\"k\") = \"1\" x\n", COMPARE_LIKE "and nothing follows"},
	{"val(\"k\\q\") = \"1\"\n", "of the key: after a backslash comes one of a b f n"},
	{"val(\"\\x1\") = \"1\"\n", "\\x is followed by two hexadecimal digits"},
	{"val(\"\\u12\") = \"1\"\n", "\\u is followed by four hexadecimal digits"},
	{"val(\"\\ud800\") = \"1\"\n", "\\u is followed by four hexadecimal digits"},
	{"val(\"\\U00110000\") = \"1\"\n", "\\U is followed by eight hexadecimal digits"},
	{"val(\"\\400\") = \"1\"\n", "three octal digits"},
	{"val(\"\\08\") = \"1\"\n", "three octal digits"},
	{"val(\"\\", "of the key: a string that begins with \" ends with \""},
	{"\nfoo x\n", "line 2: \"foo\" is no request: it is put, get or del"},
	{"\ntxn\n", "line 2: \"txn\" is no request: it is put, get or del"},
	{"\nver(\"k\") = \"1\"\n", "is no request: it is put, get or del"},
	{"\n\nput a\n", "line 3: put needs a key and a value: nothing else is read for it"},
	{"\nput\n", "line 2: put command needs 1 argument"},
	{"\nput a b c\n", "line 2: put command needs 1 argument"},
	{"\nput a b --ignore-value\n", "line 2: put command needs only 1 argument when"},
	{"\nget\n", "line 2: get command needs one argument as key"},
	{"\nget a b c\n", "line 2: get command needs one argument as key"},
	{"\nget a b --prefix\n", "line 2: too many arguments"},
	{"\nget a --prefix --from-key\n", "line 2: `--prefix` and `--from-key` cannot be"},
	{"\nget a --keys-only --count-only\n", "line 2: `--keys-only` and `--count-only`"},
	{"\nget a --order=x\n", "line 2: --order=x: it is ASCEND or DESCEND"},
	{"\nget a --sort-by x\n",
	 "line 2: --sort-by=x: it is CREATE, KEY, MODIFY, VALUE or VERSION"},
	{"\nget a --rev=x\n", "line 2: --rev=x: it is a revision, like 100"},
	{"\nget a --limit=-\n", "line 2: --limit=-: it is a number of keys, like 100"},
	{"\nget a --rev\n", "line 2: --rev is followed by its value"},
	{"\nget a --rev \"1\\x00\"\n", "line 2: --rev has a value with a zero byte"},
	{"\nget a --prefix=yes\n", "line 2: --prefix=yes: it is true or false"},
	{"\nget a --consistency=s\n", "line 2: \"--consistency=s\" is no option of get"},
	{"\nget a --print-value-only\n", "\"--print-value-only\" is no option of get here"},
	{"\nget -a\n", "\"-a\" is no option of get here; a word that begins with a dash "
		       "and is none goes after --"},
	{"\nget ---\n", "\"---\" is no option of get"},
	{"\nget --=\n", "\"--=\" is no option of get"},
	{"\ndel a --rev=1\n", "\"--rev=1\" is no option of del"},
	{"\nput a --lease=1 b\n", "line 2: --lease: there are no leases yet"},
	{"\nput a \"b\n", "line 2: a string that begins with \" ends with \""},
	{"\nput a 'b\n", "line 2: a word that begins with ' ends with ' in the same line"},
	{"\nput \"a\"b c\n", "line 2: a quoted word ends with its quote: a blank comes"},
	{"\nput 'a'b c\n", "line 2: a quoted word ends with its quote: a blank comes"},
	{"", "the input ends after line 0, in the comparisons: each of the three parts"},
	{"ver(\"k\") = \"1\"\n", "the input ends after line 1, in the comparisons"},
	{"\nput a 1\n", "the input ends after line 2, in the success requests"},
	{"\nput a 1\n\n", "the input ends after line 3, in the failure requests"},
};

static void F17_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		int err = parse(wrong[i].text, strlen(wrong[i].text));

		if (err != -EINVAL || !strstr(error, wrong[i].says))
			fail_msg("%s is %d, %s", wrong[i].text, err, error);
	}
}

static void sizes(void **state)
{
	static char text[2 * KV_VALUE_SIZE_MAX];
	size_t size;

	(void)state;
	/* A key of the largest size, and one byte more; the same in a comparison. */
	for (size_t more = 0; more < 2; more++) {
		for (int kind = 0; kind < 2; kind++) {
			memcpy(text, kind ? "val(\"" : "\nget ", 5);
			memset(text + 5, 'k', KV_KEY_SIZE_MAX + more);
			snprintf(text + 5 + KV_KEY_SIZE_MAX + more, 32, "%s",
				 kind ? "\") = \"\"\n\n\n\n" : " --prefix\n\n\n");
			assert_int_equal(parse(text, strlen(text)), more ? -E2BIG : 0);
		}
	}
	/* All of it together, in lines of which none is too large. */
	size = 1;
	for (int i = 0; i < 17; i++) {
		size += (size_t)snprintf(text + size, 16, "put k%d ", i);
		memset(text + size, 'v', 100000);
		size += 100000;
		text[size++] = '\n';
	}
	text[0] = '\n';
	memcpy(text + size, "\n\n", 2);
	size += 2;
	assert_int_equal(parse(text, size), -E2BIG);
}

/* More than any transaction may have, and the count does not run over. */
static void many_operations(void **state)
{
	enum { MANY = UINT16_MAX, LINE = 8 };
	static char text[3 + LINE * (MANY + 1)];
	char *at = text;

	(void)state;
	*at++ = '\n';
	for (int i = 0; i < MANY + 1; i++, at += LINE)
		memcpy(at, "get a b\n", LINE);
	at[0] = at[1] = '\n';
	assert_int_equal(parse(text, sizeof(text)), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons),
		cmocka_unit_test(strings_are_gos),
		cmocka_unit_test(requests_are_words_as_on_the_command_line),
		cmocka_unit_test(options_are_those_of_the_command_line),
		cmocka_unit_test(F17_what_is_wrong),
		cmocka_unit_test(sizes),
		cmocka_unit_test(many_operations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
