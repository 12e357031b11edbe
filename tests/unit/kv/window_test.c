/*
 * Sessions with a window against a model that is too simple to be wrong: a list of all that was
 * ever applied, searched from its start, and of the sessions and verdicts that are remembered only
 * the names. Clients send commands, again and late and in any order, some give up, and some lie.
 * Two tables with salts of their own must say the same as the model, and each other's hash; and a
 * table made of the bytes of one takes its place now and then.
 *
 *	kv-window_test [SEED [STEPS]]
 */
#include "kv/session_image.h"
#include "kv/window.h"

#include "tests/unit/kv/helper.h"

enum {
	CLIENTS_MAX = 24,
	SESSIONS_MAX = 8, /* of the limits that are drawn */
	COMMANDS_MAX = 6000,
	IMAGE_MAX = 65536,
};

/* As its client made it: each time it is sent it is the same. */
struct command {
	uint32_t client; /* CLIENTS_MAX: of one who lies */
	struct kv_request request;
	bool closed; /* its client waits for it no more */
};

struct applied {
	const struct command *command;
	uint64_t index;
	bool verdict_kept;
};

struct model_session {
	uint64_t id, made_index, last_index, evicted_index;
	uint32_t class_number;
};

struct model {
	uint32_t sessions_max, verdicts_max;
	struct applied applied[COMMANDS_MAX * 2];
	uint32_t applied_count;
	struct model_session session[2 * SESSIONS_MAX];
	uint32_t session_count;
	uint64_t evicted_index[KV_SESSION_CLASSES];
};

static struct model model;
static struct command commands[COMMANDS_MAX];
static uint32_t command_count;
static struct kv_window clients[CLIENTS_MAX];
static uint64_t seed = 1;
static uint32_t steps = 3000;

static uint32_t class_of(const struct kv_request *request)
{
	return request->flags & KV_ONE_SHOT ? 1 : 0;
}

static uint64_t floor_of(const struct kv_request *request)
{
	return request->floor ? request->floor : request->sequence;
}

static struct model_session *model_find(uint64_t id)
{
	for (uint32_t i = 0; i < model.session_count; i++) {
		if (model.session[i].id == id)
			return &model.session[i];
	}
	return NULL;
}

/* What was applied to the session since it was made. */
static bool is_of(const struct applied *a, const struct model_session *session)
{
	return a->command->request.session == session->id && a->index >= session->made_index;
}

static enum kv_session_judgement model_judge(const struct kv_request *request, uint64_t index,
					     const struct applied **before)
{
	const struct model_session *session = model_find(request->session);
	uint64_t evicted_index = model.evicted_index[class_of(request)];
	uint64_t floor = 0;

	*before = NULL;
	if (request->sequence > floor_of(request) + 63)
		return KV_SESSION_BEYOND;
	for (uint32_t i = 0; session && i < model.applied_count; i++) {
		const struct applied *a = &model.applied[i];

		if (!is_of(a, session))
			continue;
		if (floor < floor_of(&a->command->request))
			floor = floor_of(&a->command->request);
		if (a->command->request.sequence == request->sequence)
			*before = a;
	}
	if (session && session->class_number != class_of(request))
		return KV_SESSION_MISNAMED;
	if (request->sequence < floor)
		return KV_SESSION_STALE;
	if (*before)
		return (*before)->verdict_kept ? KV_SESSION_DUPLICATE : KV_SESSION_LOST;
	if (session)
		evicted_index = session->evicted_index;
	return request->session_base < evicted_index || request->session_base >= index
		       ? KV_SESSION_UNKNOWN
		       : KV_SESSION_NEW;
}

/* The one of this class that was used longest ago; or how many there are. */
static struct model_session *model_oldest(uint32_t class_number, uint32_t *count)
{
	struct model_session *oldest = NULL;

	*count = 0;
	for (uint32_t i = 0; i < model.session_count; i++) {
		struct model_session *s = &model.session[i];

		if (s->class_number != class_number)
			continue;
		++*count;
		if (!oldest || s->last_index < oldest->last_index)
			oldest = s;
	}
	return oldest;
}

static void model_forget(struct model_session *session)
{
	model.evicted_index[session->class_number] = session->last_index;
	for (uint32_t i = 0; i < model.applied_count; i++) {
		if (is_of(&model.applied[i], session))
			model.applied[i].verdict_kept = false;
	}
	*session = model.session[--model.session_count];
}

/* A verdict of what is below the floor goes, and where there are too many the oldest. */
static void model_verdicts(const struct model_session *session, uint64_t floor)
{
	struct applied *oldest = NULL;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < model.applied_count; i++) {
		struct applied *a = &model.applied[i];

		if (is_of(a, session) && a->command->request.sequence < floor)
			a->verdict_kept = false;
		if (!a->verdict_kept || class_of(&a->command->request) != session->class_number)
			continue;
		kept++;
		if (!oldest)
			oldest = a;
	}
	if (kept == model.verdicts_max)
		oldest->verdict_kept = false;
}

static void model_apply(const struct command *command, uint64_t index)
{
	uint32_t class_number = class_of(&command->request), count;
	struct model_session *session = model_find(command->request.session);
	struct model_session *oldest = model_oldest(class_number, &count);
	uint64_t evicted_index = model.evicted_index[class_number];

	if (!session) {
		if (count == model.sessions_max)
			model_forget(oldest);
		session = &model.session[model.session_count++];
		*session = (struct model_session){
			.id = command->request.session,
			.made_index = index,
			.evicted_index = evicted_index,
			.class_number = class_number,
		};
	}
	session->last_index = index;
	model_verdicts(session, floor_of(&command->request));
	model.applied[model.applied_count++] =
		(struct applied){.command = command, .index = index, .verdict_kept = true};
}

/* Who does not lie has each command applied once. */
static void assert_first(const struct command *command)
{
	for (uint32_t i = 0; i < model.applied_count; i++)
		assert_ptr_not_equal(model.applied[i].command, command);
}

/* Of any size, also none; another for each index. */
static struct kv_bytes verdict_at(uint64_t index, uint8_t out[KV_VERDICT_SIZE_MAX])
{
	memset(out, (int)(index * 37 & 0xff), KV_VERDICT_SIZE_MAX);
	memcpy(out, &index, sizeof(index));
	return blob(out, index * 11 % (KV_VERDICT_SIZE_MAX + 1));
}

static enum kv_session_judgement deliver(struct kv_session_table *table[2],
					 const struct command *command, uint64_t index)
{
	const struct applied *before;
	enum kv_session_judgement want = model_judge(&command->request, index, &before);
	uint64_t hash = kv_session_table_hash(table[0]);
	uint8_t bytes[KV_VERDICT_SIZE_MAX];

	for (int i = 0; i < 2; i++) {
		struct kv_bytes verdict = {0};

		assert_int_equal(kv_session_judge(table[i], &command->request, index, &verdict),
				 want);
		if (want == KV_SESSION_DUPLICATE)
			assert_bytes(verdict, verdict_at(before->index, bytes));
		if (want == KV_SESSION_NEW)
			kv_session_remember(table[i], &command->request, index,
					    verdict_at(index, bytes));
	}
	assert_true(kv_session_table_hash(table[0]) == kv_session_table_hash(table[1]));
	assert_int_equal(kv_session_table_hash(table[0]) != hash, want == KV_SESSION_NEW);
	if (want == KV_SESSION_NEW) {
		if (command->client < CLIENTS_MAX)
			assert_first(command);
		model_apply(command, index);
	}
	return want;
}

/* A command of an honest client, or NULL: its window is full. */
static struct command *make(uint32_t client, uint64_t index)
{
	struct command *c = &commands[command_count];

	if (!kv_window_has_room(&clients[client]))
		return NULL;
	*c = (struct command){.client = client};
	kv_window_open(&clients[client], &c->request);
	/* Clients of odd numbers name their class; what was committed is below what comes. */
	c->request.flags = client % 2 ? KV_ONE_SHOT : 0;
	c->request.session_base =
		index - random_below(&seed, index < 20 ? (uint32_t)index + 1 : 20);
	if (clients[client].size == 1 && random_below(&seed, 2))
		c->request.floor = 0;
	command_count++;
	return c;
}

/* Anything under anybody's name. */
static struct command *lie(uint64_t index)
{
	struct command *c = &commands[command_count++];
	const struct kv_window *w = &clients[random_below(&seed, CLIENTS_MAX)];

	*c = (struct command){.client = CLIENTS_MAX};
	c->request.session = w->session;
	c->request.sequence = w->floor + random_below(&seed, 200);
	c->request.floor = c->request.sequence - random_below(&seed, 70);
	if (c->request.floor > c->request.sequence)
		c->request.floor = 1;
	c->request.flags = random_below(&seed, 2) ? KV_ONE_SHOT : 0;
	c->request.session_base = index + random_below(&seed, 40) - 20;
	return c;
}

static void close_one(struct command *c)
{
	if (c->client == CLIENTS_MAX || c->closed)
		return;
	c->closed = true;
	kv_window_close(&clients[c->client], c->request.sequence);
}

/* The bytes of one, in steps of any size. */
static uint32_t image_of(const struct kv_session_table *table, uint8_t *image)
{
	struct kv_session_saver saver;
	uint32_t size = 0, some;

	kv_session_save_begin(&saver, table);
	while ((some = kv_session_save(&saver, image + size,
				       KV_SESSION_IMAGE_RECORD_MAX + random_below(&seed, 300))))
		size += some;
	assert_int_equal(size, kv_session_image_size(table));
	return size;
}

/* One made of what the other's bytes are, given in pieces; this one's are the same. */
static struct kv_session_table *copied(const struct kv_session_table *table,
				       const struct kv_session_table *other, uint64_t salt,
				       uint64_t index)
{
	static uint8_t image[IMAGE_MAX], same[IMAGE_MAX];
	struct kv_session_loader loader;
	struct kv_session_table *copy =
		kv_session_table_create(salt, table->sessions_max, table->verdicts_max);
	uint32_t size = image_of(other, image), some;

	assert_non_null(copy);
	assert_int_equal(image_of(table, same), size);
	assert_memory_equal(image, same, size);
	image[size] = 0xaa; /* what follows in a snapshot */
	kv_session_load_begin(&loader, copy, index);
	for (uint32_t at = 0; at < size + 1; at += some) {
		uint32_t left = size + 1 - at;

		some = 1 + random_below(&seed, 300);
		some = some < left ? some : left;
		assert_false(kv_session_loaded(&loader) && at < size);
		int taken = kv_session_load(&loader, image + at, some);

		assert_int_equal(taken, at + some > size ? some - 1 : some);
	}
	assert_true(kv_session_loaded(&loader));
	kv_session_table_verify(copy);
	assert_true(kv_session_table_hash(copy) == kv_session_table_hash(table));
	return copy;
}

static void begin(struct kv_session_table *table[2])
{
	memset(&model, 0, sizeof(model));
	command_count = 0;
	model.sessions_max = 1 + random_below(&seed, SESSIONS_MAX);
	model.verdicts_max = 1 + random_below(&seed, 4 * SESSIONS_MAX);
	for (uint32_t i = 0; i < CLIENTS_MAX; i++)
		kv_window_begin(&clients[i], 1 + i,
				random_below(&seed, 2) ? 1 + random_below(&seed, 64)
						       : 1 + random_below(&seed, 3));
	for (uint64_t i = 0; i < 2; i++) {
		table[i] = kv_session_table_create(3 + i, model.sessions_max, model.verdicts_max);
		assert_non_null(table[i]);
	}
}

static struct command *draw(uint64_t index, uint32_t clients_now)
{
	struct command *c = NULL;

	switch (random_below(&seed, 8)) {
	case 0:
	case 1:
	case 2:
		c = make(random_below(&seed, clients_now), index);
		break;
	case 3:
		c = random_below(&seed, 4) ? NULL : lie(index);
		break;
	default:
		break;
	}
	if (c || command_count == 0)
		return c;
	/* Sent again: one of the last mostly. */
	uint32_t among = random_below(&seed, 4) && command_count > 40 ? 40 : command_count;
	return &commands[command_count - 1 - random_below(&seed, among)];
}

static void R48_windows_against_a_list_of_all_that_was_applied(void **state)
{
	uint32_t seen[KV_SESSION_MISNAMED + 1] = {0};

	(void)state;
	print_message("SEED=%lu STEPS=%u\n", seed, steps);
	for (int round = 0; round < 8; round++) {
		struct kv_session_table *table[2];
		uint64_t index = 0;

		begin(table);
		for (uint32_t i = 0; i < steps && command_count < COMMANDS_MAX - 1; i++) {
			/* Few at first and for a while: then nobody is forgotten. */
			uint32_t now = i / 500 % 2 ? CLIENTS_MAX : 1 + model.sessions_max;
			struct command *c = draw(index, now < CLIENTS_MAX ? now : CLIENTS_MAX);

			if (!c)
				continue;
			/* Some are lost on the way. */
			if (random_below(&seed, 4))
				seen[deliver(table, c, ++index)]++;
			if (random_below(&seed, 2))
				close_one(&commands[random_below(&seed, command_count)]);
			if (random_below(&seed, 2))
				close_one(c);
			if (i % 300 == 299) {
				uint32_t t = i / 300 % 2;
				struct kv_session_table *old = table[t];

				kv_session_table_verify(old);
				table[t] = copied(old, table[1 - t], 1000 + i, index);
				kv_session_table_destroy(old);
			}
		}
		for (int i = 0; i < 2; i++)
			kv_session_table_destroy(table[i]);
	}
	for (int i = 0; i <= KV_SESSION_MISNAMED; i++)
		print_message("%d: %u\n", i, seen[i]);
	for (int i = 0; i <= KV_SESSION_MISNAMED; i++)
		assert_true(seen[i] > 20);
}

/* The floor is the oldest that is waited for, and what is above it is bounded. */
static void a_client_holds_its_window(void **state)
{
	struct kv_request request = {0};
	struct kv_window w;

	(void)state;
	kv_window_begin(&w, 7, 3);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_true(kv_window_has_room(&w));
		kv_window_open(&w, &request);
		assert_int_equal(request.session, 7);
		assert_int_equal(request.sequence, i);
		assert_int_equal(request.floor, 1);
	}
	assert_false(kv_window_has_room(&w));
	kv_window_close(&w, 3);
	kv_window_close(&w, 2);
	assert_false(kv_window_has_room(&w)); /* 1 is still waited for */
	kv_window_close(&w, 1);
	kv_window_open(&w, &request);
	assert_int_equal(request.sequence, 4);
	assert_int_equal(request.floor, 4);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_holds_its_window),
		cmocka_unit_test(R48_windows_against_a_list_of_all_that_was_applied),
	};

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		steps = (uint32_t)strtoul(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
