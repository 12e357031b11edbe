#include "tools/quoinctl/requests.h"

#include <errno.h>

static int refuse(char error[ERROR_SIZE], const char *why)
{
	snprintf(error, ERROR_SIZE, "%s", why);
	return -EINVAL;
}

/* What etcd refuses as too large is refused before it is sent. */
static int check_size(const struct kv_request *r)
{
	return r->key.size <= KV_KEY_SIZE_MAX && r->range_end.size <= KV_KEY_SIZE_MAX &&
			       (uint64_t)r->key.size + r->range_end.size + r->value.size <=
				       KV_VALUE_SIZE_MAX
		       ? 0
		       : -E2BIG;
}

int request_put(struct kv_request *out, const struct options *o, const struct kv_bytes *word,
		uint32_t count, char error[ERROR_SIZE])
{
	if (count == 0 || count > 2 || (count == 1 && !o->ignore_value))
		return refuse(error, PUT_NEEDS);
	if (count == 2 && o->ignore_value)
		return refuse(error,
			      "put command needs only 1 argument when 'ignore-value' is set");
	*out = (struct kv_request){
		.operation = KV_PUT,
		.flags = (o->prev_kv ? KV_PREV_KV : 0u) | (o->ignore_value ? KV_IGNORE_VALUE : 0u) |
			 (o->ignore_lease ? KV_IGNORE_LEASE : 0u),
		.key = word[0],
	};
	if (count == 2)
		out->value = word[1];
	return check_size(out);
}

/* KEY [RANGE_END] and the options that make a range of them. */
static int range(struct kv_request *out, const char *command, const struct options *o,
		 const struct kv_bytes *word, uint32_t count, uint8_t end[KV_KEY_SIZE_MAX],
		 char error[ERROR_SIZE])
{
	static const uint8_t zero[1] = {0};

	if (o->prefix && o->from_key)
		return refuse(error, "`--prefix` and `--from-key` cannot be set at the same time, "
				     "choose one");
	if (count < 1 || count > 2) {
		snprintf(error, ERROR_SIZE,
			 "%s command needs one argument as key and an optional argument as "
			 "range_end",
			 command);
		return -EINVAL;
	}
	if (count == 2 && (o->prefix || o->from_key))
		return refuse(error, "too many arguments, only accept one argument when `--prefix` "
				     "or `--from-key` is set");
	out->key = word[0];
	if (count == 2)
		out->range_end = word[1];
	if (check_size(out))
		return -E2BIG;
	if (o->prefix && out->key.size > 0) {
		out->range_end.data = end;
		out->range_end.size = (uint32_t)kv_prefix_end(out->key.data, out->key.size, end);
	} else if (o->prefix || o->from_key) {
		/* Every key from here on; from an empty one: every key. */
		if (out->key.size == 0)
			out->key = (struct kv_bytes){zero, 1};
		out->range_end = (struct kv_bytes){zero, 1};
	}
	return 0;
}

int request_get(struct kv_request *out, const struct options *o, const struct kv_bytes *word,
		uint32_t count, uint8_t end[KV_KEY_SIZE_MAX], char error[ERROR_SIZE])
{
	if (o->keys_only && o->count_only)
		return refuse(error, "`--keys-only` and `--count-only` cannot be set at the same "
				     "time, choose one");
	*out = (struct kv_request){
		.operation = KV_RANGE,
		.flags = (o->keys_only ? KV_KEYS_ONLY : 0u) | (o->count_only ? KV_COUNT_ONLY : 0u),
		/* Below 0 etcdctl asks for none; a transaction would compare it. */
		.revision = (int64_t)o->revision > 0 ? o->revision : 0,
		.limit = o->limit,
		.min_mod_revision = o->min_mod_revision,
		.max_mod_revision = o->max_mod_revision,
		.min_create_revision = o->min_create_revision,
		.max_create_revision = o->max_create_revision,
		.order = o->order,
		.target = o->target,
	};
	return range(out, "get", o, word, count, end, error);
}

int request_delete(struct kv_request *out, const struct options *o, const struct kv_bytes *word,
		   uint32_t count, uint8_t end[KV_KEY_SIZE_MAX], char error[ERROR_SIZE])
{
	*out = (struct kv_request){
		.operation = KV_DELETE,
		.flags = o->prev_kv ? KV_PREV_KV : 0u,
	};
	return range(out, "del", o, word, count, end, error);
}
