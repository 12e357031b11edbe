/*
 * A configuration written to a file of its own for one call of config_load.
 */
#ifndef TESTS_UNIT_CONFIG_FILES_H
#define TESTS_UNIT_CONFIG_FILES_H

#include "config/config.h"

/*
 * Loads `size` bytes of text; in errors the file's name is "F". Needs a writable current directory:
 * it is a new one under /tmp after files_enter.
 */
void files_enter(void);
void files_leave(void);
int files_load(struct config *out, const char *text, size_t size, struct config_errors *errors);

#endif
