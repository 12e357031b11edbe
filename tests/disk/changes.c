/*
 * What a power cut may take of the names: the changes since their directory was synced last, undone
 * from the newest to the oldest; then those that reached the disk are made again. A change that
 * rests on one that was lost is lost too.
 */
#include "tests/disk/fs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct change {
	struct node *directory;
	struct node *node;
	struct node *victim;                       /* what stood under `to` before */
	char from[NAME_MAX + 1], to[NAME_MAX + 1]; /* "": no name */
	bool lost;
};

static struct change *changes;
static size_t count;

static void add(struct node *n, const char *from, const char *to, struct node *victim)
{
	struct change *c;

	changes = realloc(changes, (count + 1) * sizeof(*changes));
	assert(changes);
	c = &changes[count++];
	*c = (struct change){.directory = n->parent, .node = n, .victim = victim};
	(void)snprintf(c->from, sizeof(c->from), "%s", from);
	(void)snprintf(c->to, sizeof(c->to), "%s", to);
}

void change_made(struct node *n)
{
	add(n, "", n->name, NULL);
}

void change_removed(struct node *n)
{
	add(n, n->name, "", NULL);
}

void change_renamed(struct node *n, const char *from, struct node *victim)
{
	add(n, from, n->name, victim);
}

/* Its removal is durable. Who has it open goes on. */
static void end(struct node *n)
{
	char path[PATH_MAX];
	int at;

	(void)node_path(n, &at, path);
	(void)unlinkat(at, path, n->directory ? AT_REMOVEDIR : 0);
	n->removed = true;
}

void change_sync(const struct node *directory)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++) {
		struct change *c = &changes[i];

		if (c->directory != directory) {
			changes[left++] = *c;
			continue;
		}
		if (c->victim)
			end(c->victim);
		else if (c->to[0] == '\0')
			end(c->node);
	}
	count = left;
}

static void undo(const struct change *c)
{
	int err = 0;

	if (c->to[0] == '\0')
		err = node_raise(c->node, c->directory, c->from);
	else if (c->from[0] == '\0')
		err = node_bury(c->node);
	else
		err = node_move(c->node, c->from);
	if (err == 0 && c->victim)
		err = node_raise(c->victim, c->directory, c->to);
	if (err != 0)
		(void)fprintf(stderr, "undo \"%s\" to \"%s\": %s\n", c->from, c->to, strerror(err));
}

static void redo(const struct change *c)
{
	int err = c->victim ? node_bury(c->victim) : 0;

	if (err == 0 && c->to[0] == '\0')
		err = node_bury(c->node);
	else if (err == 0 && c->from[0] == '\0')
		err = node_raise(c->node, c->directory, c->to);
	else if (err == 0)
		err = node_move(c->node, c->to);
	if (err != 0)
		(void)fprintf(stderr, "redo \"%s\" to \"%s\": %s\n", c->from, c->to, strerror(err));
}

static bool has_name(const struct change *c, const char *name)
{
	return name[0] != '\0' && (strcmp(c->from, name) == 0 || strcmp(c->to, name) == 0);
}

/* It uses a name, a file or a directory that an earlier one, which was lost, has changed. */
static bool rests_on_lost(size_t at)
{
	const struct change *c = &changes[at];

	for (size_t i = 0; i < at; i++) {
		const struct change *b = &changes[i];

		if (b->lost && (b->node == c->node || b->node == c->directory ||
				(b->directory == c->directory &&
				 (has_name(b, c->from) || has_name(b, c->to)))))
			return true;
	}
	return false;
}

void change_cut(enum cut how)
{
	if (how == CUT_KEEP)
		return;
	for (size_t i = count; i > 0; i--)
		undo(&changes[i - 1]);
	for (size_t i = 0; i < count; i++) {
		changes[i].lost = how == CUT_LOSE || fs_random() % 2 || rests_on_lost(i);
		if (!changes[i].lost)
			redo(&changes[i]);
	}
	count = 0;
}
