#include "kv/window.h"

#include <assert.h>

void kv_window_begin(struct kv_window *out, uint64_t session, uint32_t size)
{
	assert(session);
	assert(size >= 1);
	assert(size <= KV_SESSION_WINDOW);
	*out = (struct kv_window){.session = session, .floor = 1, .next = 1, .size = size};
}

bool kv_window_has_room(const struct kv_window *w)
{
	return w->next - w->floor < w->size;
}

void kv_window_open(struct kv_window *w, struct kv_request *request)
{
	assert(kv_window_has_room(w));
	request->session = w->session;
	request->sequence = w->next++;
	request->floor = w->floor;
}

void kv_window_close(struct kv_window *w, uint64_t sequence)
{
	assert(sequence >= w->floor);
	assert(sequence < w->next);
	assert((w->ended >> (sequence - w->floor) & 1) == 0);
	w->ended |= UINT64_C(1) << (sequence - w->floor);
	while (w->ended & 1) {
		w->ended >>= 1;
		w->floor++;
	}
}
