#include "kv/session_image.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"

uint64_t kv_session_image_size(const struct kv_session_table *table)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < KV_SESSION_CLASSES; i++) {
		const struct kv_session_class *class = &table->classes[i];

		size += KV_SESSION_IMAGE_HEAD_SIZE;
		size += (uint64_t) class->count * KV_SESSION_IMAGE_SESSION_SIZE;
		size += (uint64_t) class->kept_count * KV_SESSION_IMAGE_VERDICT_SIZE;
		size += class->kept_size;
	}
	return size;
}

static uint32_t head_save(const struct kv_session_class *class, uint8_t *out)
{
	bytes_put64(out, class->evicted_index);
	bytes_put32(out + 8, class->count);
	bytes_put32(out + 12, class->kept_count);
	return KV_SESSION_IMAGE_HEAD_SIZE;
}

static uint32_t session_save(const struct kv_session *session, uint8_t *out)
{
	bytes_put64(out, session->id);
	bytes_put64(out + 8, session->floor);
	bytes_put64(out + 16, session->applied);
	bytes_put64(out + 24, session->evicted_index);
	bytes_put64(out + 32, session->last_index);
	return KV_SESSION_IMAGE_SESSION_SIZE;
}

static uint32_t verdict_save(const struct kv_verdict *verdict, uint8_t *out)
{
	bytes_put64(out, verdict->session->id);
	bytes_put64(out + 8, verdict->sequence);
	bytes_put64(out + 16, verdict->index);
	out[24] = verdict->size;
	if (verdict->size)
		memcpy(out + KV_SESSION_IMAGE_VERDICT_SIZE, verdict->data, verdict->size);
	return KV_SESSION_IMAGE_VERDICT_SIZE + verdict->size;
}

static void class_begin(struct kv_session_saver *s, uint32_t number)
{
	s->class_number = number;
	s->headed = false;
	if (number == KV_SESSION_CLASSES)
		return;
	s->session = TAILQ_FIRST(&s->table->classes[number].order);
	s->verdict = TAILQ_FIRST(&s->table->classes[number].kept);
}

void kv_session_save_begin(struct kv_session_saver *out, const struct kv_session_table *table)
{
	*out = (struct kv_session_saver){.table = table};
	class_begin(out, 0);
}

static uint32_t record_save(struct kv_session_saver *s, uint8_t *out)
{
	uint32_t size;

	if (!s->headed) {
		s->headed = true;
		size = head_save(&s->table->classes[s->class_number], out);
	} else if (s->session) {
		size = session_save(s->session, out);
		s->session = TAILQ_NEXT(s->session, order);
	} else {
		size = verdict_save(s->verdict, out);
		s->verdict = TAILQ_NEXT(s->verdict, order);
	}
	if (!s->session && !s->verdict)
		class_begin(s, s->class_number + 1);
	return size;
}

uint32_t kv_session_save(struct kv_session_saver *s, uint8_t *out, uint32_t size_max)
{
	uint32_t size = 0;

	assert(size_max >= KV_SESSION_IMAGE_RECORD_MAX);
	while (s->class_number < KV_SESSION_CLASSES &&
	       size + KV_SESSION_IMAGE_RECORD_MAX <= size_max)
		size += record_save(s, out + size);
	return size;
}

void kv_session_load_begin(struct kv_session_loader *out, struct kv_session_table *table,
			   uint64_t applied)
{
	*out = (struct kv_session_loader){.table = table, .applied = applied};
	for (uint32_t i = 0; i < KV_SESSION_CLASSES; i++)
		assert(table->classes[i].count == 0);
}

bool kv_session_loaded(const struct kv_session_loader *l)
{
	return l->class_number == KV_SESSION_CLASSES;
}

/* Nothing is forgotten before all places are taken, and then they stay taken. */
static bool head_load(struct kv_session_loader *l)
{
	struct kv_session_class *class = &l->table->classes[l->class_number];
	uint64_t evicted_index = bytes_get64(l->record);

	l->sessions_left = bytes_get32(l->record + 8);
	l->verdicts_left = bytes_get32(l->record + 12);
	if (evicted_index > l->applied || l->sessions_left > l->table->sessions_max ||
	    l->verdicts_left > l->table->verdicts_max)
		return false;
	if (evicted_index != 0 && l->sessions_left < l->table->sessions_max)
		return false;
	class->evicted_index = evicted_index;
	l->index_before = evicted_index;
	l->headed = true;
	return true;
}

/* KE1, KE2, KE5; and no sequence is above all that there are. */
static bool session_load(struct kv_session_loader *l)
{
	const struct kv_session session = {
		.id = bytes_get64(l->record),
		.floor = bytes_get64(l->record + 8),
		.applied = bytes_get64(l->record + 16),
		.evicted_index = bytes_get64(l->record + 24),
		.last_index = bytes_get64(l->record + 32),
		.class_number = (uint8_t)l->class_number,
	};

	if (session.id == 0 || session.floor == 0 || session.applied == 0 ||
	    kv_session_find(l->table, session.id))
		return false;
	if (session.floor > UINT64_MAX - (63 - (uint64_t)__builtin_clzll(session.applied)))
		return false;
	if (session.last_index <= l->index_before || session.last_index > l->applied ||
	    session.evicted_index > l->table->classes[l->class_number].evicted_index)
		return false;
	kv_session_add(l->table, &session);
	l->sessions_left--;
	l->index_before = l->sessions_left ? session.last_index : 0;
	return true;
}

static bool verdict_load(struct kv_session_loader *l)
{
	struct kv_verdict verdict = {
		.session = kv_session_find(l->table, bytes_get64(l->record)),
		.sequence = bytes_get64(l->record + 8),
		.index = bytes_get64(l->record + 16),
		.size = l->record[24],
	};
	const struct kv_session *session = verdict.session;
	uint64_t at;

	if (!session || session->class_number != l->class_number)
		return false;
	at = verdict.sequence - session->floor;
	if (at >= KV_SESSION_WINDOW || (session->applied >> at & 1) == 0 ||
	    session->verdict[verdict.sequence % KV_SESSION_WINDOW] != 0)
		return false;
	if (verdict.index <= l->index_before || verdict.index <= session->evicted_index ||
	    verdict.index > session->last_index)
		return false;
	memcpy(verdict.data, l->record + KV_SESSION_IMAGE_VERDICT_SIZE, verdict.size);
	kv_verdict_add(l->table, &verdict);
	l->verdicts_left--;
	l->index_before = verdict.index;
	return true;
}

/* The size of the record that is being read, as far as it is known: of a verdict's, two steps. */
static uint32_t record_size(const struct kv_session_loader *l)
{
	if (!l->headed)
		return KV_SESSION_IMAGE_HEAD_SIZE;
	if (l->sessions_left)
		return KV_SESSION_IMAGE_SESSION_SIZE;
	if (l->size < KV_SESSION_IMAGE_VERDICT_SIZE)
		return KV_SESSION_IMAGE_VERDICT_SIZE;
	return KV_SESSION_IMAGE_VERDICT_SIZE + l->record[24];
}

static bool record_load(struct kv_session_loader *l)
{
	bool good = !l->headed         ? head_load(l)
		    : l->sessions_left ? session_load(l)
				       : verdict_load(l);

	l->size = 0;
	if (good && !l->sessions_left && !l->verdicts_left) {
		l->class_number++;
		l->headed = false;
	}
	return good;
}

int kv_session_load(struct kv_session_loader *l, const uint8_t *data, uint32_t size)
{
	uint32_t taken = 0;

	assert(size <= INT32_MAX);
	while (taken < size && !kv_session_loaded(l)) {
		uint32_t some = record_size(l) - l->size;

		some = some < size - taken ? some : size - taken;
		memcpy(l->record + l->size, data + taken, some);
		l->size += some;
		taken += some;
		if (record_size(l) > KV_SESSION_IMAGE_RECORD_MAX)
			return -EBADMSG;
		if (l->size == record_size(l) && !record_load(l))
			return -EBADMSG;
	}
	return (int)taken;
}
