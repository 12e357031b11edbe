/*
 * What a publication says, in bytes (kv/command.h). Whether bytes are one depends on the bytes
 * alone.
 */
#include "kv/codec.h"

#include "base/bytes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum { VERSION = 1, VALUE_HEADER_SIZE = 8, ID_SIZE = 8 };

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Of 1 to size_max bytes, of those that a name may have, and of `others`. */
static bool text_good(const char *text, size_t size, size_t size_max, const char *others)
{
	if (size == 0 || size > size_max)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\0' || (!is_alphanumeric(text[i]) && !strchr(others, text[i])))
			return false;
	}
	return true;
}

static bool name_good(const char *text, size_t size)
{
	return text_good(text, size, SM_NAME_MAX, "._-") && is_alphanumeric(text[0]);
}

static bool client_good(const char *text, size_t size)
{
	return text_good(text, size, SM_CLIENT_MAX, "._-:/[]");
}

static bool attributes_good(const struct sm_attributes *a)
{
	if (!name_good(a->name, strnlen(a->name, sizeof(a->name))) ||
	    a->client_count > SM_CLIENTS_MAX)
		return false;
	for (uint32_t i = 0; i < a->client_count; i++) {
		if (!client_good(a->client[i], strnlen(a->client[i], sizeof(a->client[i]))))
			return false;
	}
	return true;
}

size_t kv_publication_value(const struct sm_attributes *a, uint8_t out[KV_PUBLICATION_SIZE_MAX])
{
	size_t size = VALUE_HEADER_SIZE, text;

	if (!attributes_good(a))
		return 0;
	text = strlen(a->name);
	memset(out, 0, VALUE_HEADER_SIZE);
	out[0] = VERSION;
	out[1] = (uint8_t)text;
	out[2] = (uint8_t)a->client_count;
	memcpy(out + size, a->name, text);
	size += text;
	for (uint32_t i = 0; i < a->client_count; i++) {
		text = strlen(a->client[i]);
		out[size++] = (uint8_t)text;
		memcpy(out + size, a->client[i], text);
		size += text;
	}
	return size;
}

uint64_t kv_publication_member(const struct kv_request *request)
{
	return bytes_get64(request->key.data);
}

/* A text of `text` bytes at *at, which moves behind it. False: it does not fit. */
static bool take(char *out, size_t text, struct kv_bytes value, size_t *at)
{
	if (text > value.size - *at || text > SM_NAME_MAX)
		return false;
	memcpy(out, value.data + *at, text);
	out[text] = '\0';
	*at += text;
	return true;
}

static_assert((int)SM_NAME_MAX == (int)SM_CLIENT_MAX, "one bound serves both");

int kv_publication_decode(struct sm_attributes *out, struct kv_bytes key, struct kv_bytes value)
{
	size_t at = VALUE_HEADER_SIZE;

	memset(out, 0, sizeof(*out));
	if (key.size != ID_SIZE || bytes_get64(key.data) == 0 || value.size < VALUE_HEADER_SIZE ||
	    value.data[0] != VERSION || value.data[2] > SM_CLIENTS_MAX ||
	    !bytes_zero(value.data + 3, 5))
		return -EINVAL;
	if (!take(out->name, value.data[1], value, &at) || !name_good(out->name, value.data[1]))
		return -EINVAL;
	out->client_count = value.data[2];
	for (uint32_t i = 0; i < out->client_count; i++) {
		if (at == value.size)
			return -EINVAL;
		size_t text = value.data[at++];

		if (!take(out->client[i], text, value, &at) || !client_good(out->client[i], text))
			return -EINVAL;
	}
	return at == value.size ? 0 : -EINVAL;
}
