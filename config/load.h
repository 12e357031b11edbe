/*
 * Shared by the files of this folder while one configuration is loaded. The order of work, in
 * load.c: the file's text becomes keys and values (parse.c), each value a field (set.c, members.c),
 * absent keys their defaults, then the relations are checked and the rest is derived (validate.c).
 * Each step goes on after an error, so that one run reports all of them.
 */
#ifndef CONFIG_LOAD_H
#define CONFIG_LOAD_H

#include "config/errors.h"
#include "config/keys.h"

enum { CONFIG_FILE_SIZE_MAX = 64 * 1024 };

struct config_loading {
	struct config *config;
	struct config_errors *errors;
	const char *file;
	bool bad[KEY_COUNT];                      /* given but wrong, or required and missing */
	uint32_t member_line[CONFIG_MEMBERS_MAX]; /* beside config->member, until that is sorted */
};

/* False if the text is not a mapping, which was said: nothing more is to be found in it. */
bool config_parse(struct config_loading *l, const char *text, size_t size);

/* Reads `text` into the key's field; says what is wrong if it cannot. */
void config_set(struct config_loading *l, enum config_key_index index, const char *text,
		uint32_t line);

enum { PEER_PORT_DEFAULT = 2380 };

/* "n1=198.18.0.1:2380,n2=..." or one pair of the mapping. */
void config_members_set(struct config_loading *l, const char *text, uint32_t line);
void config_member_add(struct config_loading *l, const char *name, const char *endpoint,
		       uint32_t line);
/* Uniqueness and number; false if there was something to say. */
bool config_members_check(struct config_loading *l);
/* Sorts by id; sets self and cluster_id. */
void config_members_finish(struct config_loading *l);

/* "http://127.0.0.1:2381,http://..." */
void config_urls_set(struct config_loading *l, const char *text, uint32_t line);

void config_validate(struct config_loading *l);
/* The name is one of them; false, and it was said that it is not. */
bool config_self_check(struct config_loading *l);

#endif
