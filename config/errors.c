#include "config/errors.h"

#include "config/load.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

void config_error(struct config_loading *l, uint32_t line, const char *key, const char *format, ...)
{
	struct config_errors *errors = l->errors;
	char *text;
	size_t used;
	va_list args;

	if (errors->count++ >= CONFIG_ERRORS_MAX)
		return;
	text = errors->text[errors->count - 1];
	if (line == 0)
		snprintf(text, CONFIG_ERROR_SIZE, "%s: ", l->file);
	else
		snprintf(text, CONFIG_ERROR_SIZE, "%s:%u: %s: ", l->file, line, key);
	used = strlen(text);
	va_start(args, format);
	vsnprintf(text + used, CONFIG_ERROR_SIZE - used, format, args);
	va_end(args);
	for (; *text != '\0'; text++) {
		if (iscntrl((unsigned char)*text))
			*text = '?';
	}
}

const char *config_shown(const char *value, char text[CONFIG_SHOWN_SIZE])
{
	if (*value == '\0')
		snprintf(text, CONFIG_SHOWN_SIZE, "(empty)");
	else
		snprintf(text, CONFIG_SHOWN_SIZE, "%.64s%s", value,
			 strlen(value) > 64 ? "..." : "");
	return text;
}

void config_error_unreadable(struct config_loading *l, int error)
{
	config_error(l, 0, NULL, "cannot be read: %s", strerror(-error));
}

void config_error_again(struct config_loading *l, uint32_t line, const char *name,
			uint32_t line_before)
{
	config_error(l, line, name, "is given twice: line %u has it too", line_before);
}

void config_error_wrong(struct config_loading *l, uint32_t line, const struct config_key *key,
			const char *value)
{
	char expected[CONFIG_KEY_TEXT_SIZE], shown[CONFIG_SHOWN_SIZE];

	config_error(l, line, key->name, "%s is wrong: %s", config_shown(value, shown),
		     config_key_expected(key, expected));
}

void config_error_steps(struct config_loading *l, uint32_t line, const struct config_key *key,
			const char *value)
{
	char shown[CONFIG_SHOWN_SIZE];

	config_error(l, line, key->name, "%s is no multiple of 1MiB: %s, for example",
		     config_shown(value, shown), key->example);
}
