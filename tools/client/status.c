#include "tools/client/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER(key, member, base)                              \
	{                                                      \
		key, offsetof(struct status, member), base, 0, \
	}
#define TEXT(key, member)                                                                      \
	{                                                                                      \
		key, offsetof(struct status, member), 0, sizeof(((struct status *)0)->member), \
	}

static const struct field {
	const char *key;
	size_t offset;
	int base;         /* of a number */
	size_t text_size; /* of a text, else 0 */
} fields[] = {
	NUMBER("cluster_id", cluster_id, 16),
	NUMBER("member_id", member_id, 16),
	NUMBER("leader", leader, 16),
	NUMBER("raft_term", term, 10),
	NUMBER("raft_index", index, 10),
	NUMBER("raft_applied_index", applied, 10),
	NUMBER("commit_index", commit, 10),
	NUMBER("revision", revision, 10),
	NUMBER("db_size", db_size, 10),
	NUMBER("wal_bytes", wal_bytes, 10),
	TEXT("name", name),
	TEXT("role", role),
	TEXT("version", version),
	TEXT("durability", durability),
	TEXT("link", link),
};

bool status_line_next(const char **at, const char *end, struct status_line *out)
{
	while (*at < end) {
		const char *line = *at;
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		const char *blank;

		if (!stop)
			stop = end;
		*at = stop < end ? stop + 1 : end;
		blank = memchr(line, ' ', (size_t)(stop - line));
		if (!blank)
			continue;
		*out = (struct status_line){line, blank + 1, (size_t)(blank - line),
					    (size_t)(stop - blank - 1)};
		return true;
	}
	return false;
}

static bool line_is(const struct status_line *line, const char *key)
{
	return strlen(key) == line->key_size && memcmp(line->key, key, line->key_size) == 0;
}

static void copy_value(const struct status_line *line, char *out, size_t size_max)
{
	snprintf(out, size_max, "%.*s", (int)line->value_size, line->value);
}

static void take(struct status *s, const struct field *f, const struct status_line *line)
{
	char *member = (char *)s + f->offset, number[24];

	if (f->text_size) {
		copy_value(line, member, f->text_size);
		return;
	}
	copy_value(line, number, sizeof(number));
	*(uint64_t *)(void *)member = strtoull(number, NULL, f->base);
}

/* "peer NAME id=ID ...": the name of the leader, if that is it. */
static void take_peer(struct status *s, const struct status_line *line)
{
	char head[128], name[sizeof(s->leader_name)];
	uint64_t id;

	copy_value(line, head, sizeof(head));
	if (sscanf(head, "%63s id=%" SCNx64, name, &id) == 2 && id == s->leader)
		snprintf(s->leader_name, sizeof(s->leader_name), "%s", name);
}

/* "member NAME id=ID ... state=STATE ...": what it is itself, and how many vote. */
static void take_member(struct status *s, const struct status_line *line)
{
	char head[256], state[16];
	uint64_t id;

	copy_value(line, head, sizeof(head));
	if (sscanf(head, "%*s id=%" SCNx64 " %*s %*s state=%15s", &id, state) != 2)
		return;
	s->voters += strcmp(state, "voter") == 0;
	if (id == s->member_id)
		s->learner = strcmp(state, "learner") == 0 || strcmp(state, "joining") == 0;
}

static bool is_removed(const char *text, size_t size)
{
	char word[24];

	return strcmp(status_value(text, size, "formation", word, sizeof(word)), "removed") == 0;
}

static void find_members(struct status *s, const char *text, const char *end)
{
	struct status_line line;

	while (status_line_next(&text, end, &line)) {
		if (line_is(&line, "member"))
			take_member(s, &line);
	}
}

/* Its lines may stand before or behind the others. */
static void find_leader_name(struct status *s, const char *text, const char *end)
{
	struct status_line line;

	if (s->leader != 0 && s->leader == s->member_id)
		snprintf(s->leader_name, sizeof(s->leader_name), "%s", s->name);
	while (s->leader != 0 && status_line_next(&text, end, &line)) {
		if (line_is(&line, "peer"))
			take_peer(s, &line);
	}
}

void status_parse(struct status *out, const char *text, size_t size)
{
	const char *begin = text, *end = text + size;
	struct status_line line;

	memset(out, 0, sizeof(*out));
	while (status_line_next(&text, end, &line)) {
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			if (line_is(&line, fields[i].key))
				take(out, &fields[i], &line);
		}
		out->peers += line_is(&line, "peer");
		if (line_is(&line, "error") && out->error_count < STATUS_ERRORS_MAX)
			copy_value(&line, out->error[out->error_count++], sizeof(out->error[0]));
		if (line_is(&line, "warning") && out->warning_count < STATUS_ERRORS_MAX)
			copy_value(&line, out->warning[out->warning_count++],
				   sizeof(out->warning[0]));
	}
	find_leader_name(out, begin, end);
	find_members(out, begin, end);
	out->removed = is_removed(begin, size);
}

const char *status_value(const char *text, size_t size, const char *key, char *out, size_t size_max)
{
	const char *end = text + size;
	struct status_line line;

	out[0] = '\0';
	while (status_line_next(&text, end, &line)) {
		if (line_is(&line, key)) {
			copy_value(&line, out, size_max);
			break;
		}
	}
	return out;
}

const char *status_pair(const char *line, const char *key, char *out, size_t size_max)
{
	size_t length = strlen(key);

	out[0] = '\0';
	for (const char *at = strchr(line, ' '); at; at = strchr(at + 1, ' ')) {
		if (strncmp(at + 1, key, length) != 0 || at[1 + length] != '=')
			continue;
		at += length + 2;
		snprintf(out, size_max, "%.*s", (int)strcspn(at, " "), at);
		break;
	}
	return out;
}

int status_ask_text(struct endpoint *e, uint64_t timeout_ns, struct status *out, const char **text,
		    size_t *size)
{
	struct endpoint_answer answer;
	int err = endpoint_call(e, WIRE_STATUS, NULL, 0, timeout_ns, &answer);

	if (err || answer.status != WIRE_OK)
		return err ? err : (int)answer.status;
	*text = (const char *)answer.data;
	*size = answer.size;
	status_parse(out, *text, *size);
	return 0;
}

int status_ask(struct endpoint *e, uint64_t timeout_ns, struct status *out)
{
	const char *text;
	size_t size;

	return status_ask_text(e, timeout_ns, out, &text, &size);
}

int status_ask_once(const struct address *to, uint64_t timeout_ns, struct status *out)
{
	struct endpoint *e;
	int err = endpoint_create(&e, to);

	if (err)
		return err;
	err = status_ask(e, timeout_ns, out);
	endpoint_close(e);
	return err;
}
