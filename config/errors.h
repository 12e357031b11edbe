/*
 * How errors of a configuration read, and the sentences that more than one step says. What one
 * check alone says stands there.
 */
#ifndef CONFIG_ERRORS_H
#define CONFIG_ERRORS_H

#include "config/keys.h"

struct config_loading;

/*
 * One error: "FILE:LINE: KEY: " and the rest; line 0: "FILE: " and the rest. Control characters
 * become '?'.
 */
void config_error(struct config_loading *l, uint32_t line, const char *key, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A value as errors show it: at most 64 bytes of it, "(empty)" if there is nothing. */
enum { CONFIG_SHOWN_SIZE = 72 };
const char *config_shown(const char *value, char text[CONFIG_SHOWN_SIZE]);

/* The file itself: -errno. */
void config_error_unreadable(struct config_loading *l, int error);
/* A key or a section that line_before has too. */
void config_error_again(struct config_loading *l, uint32_t line, const char *name,
			uint32_t line_before);
/* A value that is none of this key's; one that is between two of its steps. */
void config_error_wrong(struct config_loading *l, uint32_t line, const struct config_key *key,
			const char *value);
void config_error_steps(struct config_loading *l, uint32_t line, const struct config_key *key,
			const char *value);

#endif
