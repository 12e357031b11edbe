/*
 * Values from text. Nothing here is locale-dependent, skips blanks or accepts a sign, which is why
 * strtoul and friends are not used.
 */
#include "config/value.h"

#include "base/subnet.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {{"us", 1}, {"ms", 1000}, {"s", 1000 * 1000}, {0}};
static const struct unit retention_units[] = {
	{"s", 1000 * 1000}, {"m", 60u * 1000 * 1000}, {"h", UINT64_C(3600) * 1000 * 1000}, {0}};
static const struct unit size_units[] = {
	{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {0},
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes the digits at *text; at least one. */
static int take_number(const char **text, uint64_t *out)
{
	const char *p = *text;
	uint64_t number = 0;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
			return -ERANGE;
	}
	*text = p;
	*out = number;
	return 0;
}

static int take_bounded(const char **text, uint64_t max, uint64_t *out)
{
	int rc = take_number(text, out);

	if (rc == 0 && *out > max)
		return -ERANGE;
	return rc;
}

static int number_with_unit(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t number = 0;
	int rc = take_number(&text, &number);

	if (rc != 0)
		return rc;
	if (*text == '\0')
		return -ENOMSG;
	for (; units->name != NULL; units++) {
		if (strcmp(text, units->name) != 0)
			continue;
		if (__builtin_mul_overflow(number, units->factor, &number))
			return -ERANGE;
		*out = number;
		return 0;
	}
	return -EINVAL;
}

int config_value_duration(const char *text, uint64_t *out_us)
{
	return number_with_unit(text, duration_units, out_us);
}

/* A number and its unit, of one letter. */
static int take_time(const char **text, uint64_t *out_us)
{
	const struct unit *unit = retention_units;
	uint64_t number = 0;
	int rc = take_number(text, &number);

	if (rc != 0)
		return rc;
	while (unit->name != NULL && unit->name[0] != **text)
		unit++;
	if (unit->name == NULL)
		return -EINVAL;
	*text += 1;
	if (__builtin_mul_overflow(number, unit->factor, &number) ||
	    __builtin_add_overflow(*out_us, number, out_us))
		return -ERANGE;
	return 0;
}

int config_value_retention(const char *text, uint64_t *out_us, uint64_t *out_number)
{
	uint64_t us = 0, number = 0;
	int rc = config_value_count(text, &number);

	if (rc == -EINVAL) {
		number = 0;
		do
			rc = take_time(&text, &us);
		while (rc == 0 && *text != '\0');
	}
	if (rc != 0)
		return rc;
	*out_us = us;
	*out_number = number;
	return 0;
}

int config_value_size(const char *text, uint64_t *out_bytes)
{
	return number_with_unit(text, size_units, out_bytes);
}

int config_value_count(const char *text, uint64_t *out)
{
	uint64_t number = 0;
	int rc = take_number(&text, &number);

	if (rc != 0)
		return rc;
	if (*text != '\0')
		return -EINVAL;
	*out = number;
	return 0;
}

/* Four numbers, whatever they may stand for. */
static int take_dotted(const char **text, uint32_t *out)
{
	uint32_t address = 0;

	for (int i = 0; i < 4; i++) {
		uint64_t byte = 0;

		if (i > 0 && *(*text)++ != '.')
			return -EINVAL;
		/* "010" is 8 to some and 10 to others: refused. */
		if ((*text)[0] == '0' && is_digit((*text)[1]))
			return -EINVAL;
		if (take_bounded(text, 255, &byte) != 0)
			return -EINVAL;
		address = address << 8 | (uint32_t)byte;
	}
	*out = address;
	return 0;
}

static int take_address(const char **text, uint32_t *out)
{
	uint32_t address = 0;

	if (take_dotted(text, &address) != 0)
		return -EINVAL;
	if (!subnet_is_unicast(address))
		return -EINVAL;
	*out = address;
	return 0;
}

int config_value_address(const char *text, uint32_t *out)
{
	uint32_t address = 0;

	if (take_address(&text, &address) != 0 || *text != '\0')
		return -EINVAL;
	*out = address;
	return 0;
}

int config_value_prefix(const char *text, uint32_t *out_address, uint8_t *out_prefix)
{
	uint32_t address = 0, host_mask, host;
	uint64_t prefix = 0;

	if (take_address(&text, &address) != 0)
		return -EINVAL;
	if (*text == '\0')
		return -ENOMSG;
	if (*text++ != '/' || take_bounded(&text, 31, &prefix) != 0 || prefix == 0 || *text != '\0')
		return -EINVAL;
	host_mask = UINT32_MAX >> prefix;
	host = address & host_mask;
	if (prefix < 31 && (host == 0 || host == host_mask))
		return -EINVAL;
	*out_address = address;
	*out_prefix = (uint8_t)prefix;
	return 0;
}

int config_value_endpoint(const char *text, uint16_t port_default, uint32_t *out_address,
			  uint16_t *out_port)
{
	uint32_t address = 0;
	uint64_t port = port_default;

	if (take_address(&text, &address) != 0)
		return -EINVAL;
	if (*text == ':') {
		text++;
		if (take_bounded(&text, UINT16_MAX, &port) != 0 || port == 0)
			return -EINVAL;
	}
	if (*text != '\0')
		return -EINVAL;
	*out_address = address;
	*out_port = (uint16_t)port;
	return 0;
}

int config_value_url(const char *text, uint32_t *out_address, uint16_t *out_port)
{
	static const char scheme[] = "http://";
	uint32_t address = 0;
	uint64_t port = 0;

	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return -EINVAL;
	text += sizeof(scheme) - 1;
	if (take_dotted(&text, &address) != 0)
		return -EINVAL;
	if ((address >> 24 == 0 && address != 0) || address >> 24 >= 224)
		return -EINVAL;
	if (*text++ != ':' || take_bounded(&text, UINT16_MAX, &port) != 0 || port == 0)
		return -EINVAL;
	/* A path says the same on each of them: none is needed. */
	if (*text == '/')
		text++;
	if (*text != '\0')
		return -EINVAL;
	*out_address = address;
	*out_port = (uint16_t)port;
	return 0;
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int config_value_mac(const char *text, uint8_t out[6])
{
	uint8_t mac[6], any = 0;

	for (size_t i = 0; i < 6; i++) {
		int high, low;

		if (i > 0 && *text++ != ':')
			return -EINVAL;
		high = hex_digit(text[0]);
		if (high < 0)
			return -EINVAL;
		low = hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
		text += 2;
	}
	if (*text != '\0' || any == 0 || (mac[0] & 1) != 0)
		return -EINVAL;
	memcpy(out, mac, 6);
	return 0;
}

int config_value_cpus(const char *text, uint32_t *out_count)
{
	uint8_t named[CONFIG_VALUE_CPU_MAX + 1] = {0};
	uint32_t count = 0;

	for (;;) {
		uint64_t first = 0, last;

		if (take_bounded(&text, CONFIG_VALUE_CPU_MAX, &first) != 0)
			return -EINVAL;
		last = first;
		if (*text == '-') {
			text++;
			if (take_bounded(&text, CONFIG_VALUE_CPU_MAX, &last) != 0 || last < first)
				return -EINVAL;
		}
		for (uint64_t cpu = first; cpu <= last; cpu++) {
			count += named[cpu] == 0;
			named[cpu] = 1;
		}
		if (*text == '\0')
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	*out_count = count;
	return 0;
}

bool config_value_is_name(const char *text, size_t size_max)
{
	size_t size = strlen(text);

	if (size == 0 || size > size_max || (!is_letter(text[0]) && !is_digit(text[0])))
		return false;
	for (; *text != '\0'; text++) {
		if (!is_letter(*text) && !is_digit(*text) && strchr("._-", *text) == NULL)
			return false;
	}
	return true;
}

bool config_value_is_pci(const char *text)
{
	static const char form[] = "hhhh:hh:hh.o";

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i] != '\0'; i++) {
		if (form[i] == 'h' && hex_digit(text[i]) < 0)
			return false;
		if (form[i] == 'o' && (text[i] < '0' || text[i] > '7'))
			return false;
		if ((form[i] == ':' || form[i] == '.') && text[i] != form[i])
			return false;
	}
	return true;
}

bool config_value_is_interface(const char *text)
{
	size_t size = strlen(text);

	if (size == 0 || size > 15 || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text > '~' || *text == '/' || *text == ':')
			return false;
	}
	return true;
}

static const char *unit_text(uint64_t number, const struct unit *units, char *text)
{
	const struct unit *best = units;

	for (; units->name != NULL; units++) {
		if (number != 0 && number % units->factor == 0)
			best = units;
	}
	snprintf(text, CONFIG_VALUE_TEXT_SIZE, "%" PRIu64 "%s", number / best->factor, best->name);
	return text;
}

const char *config_value_duration_text(uint64_t us, char text[CONFIG_VALUE_TEXT_SIZE])
{
	return unit_text(us, duration_units, text);
}

const char *config_value_retention_text(uint64_t us, char text[CONFIG_VALUE_TEXT_SIZE])
{
	return unit_text(us, retention_units, text);
}

const char *config_value_size_text(uint64_t bytes, char text[CONFIG_VALUE_TEXT_SIZE])
{
	return unit_text(bytes, size_units, text);
}

const char *config_value_address_text(uint32_t address, char text[CONFIG_VALUE_TEXT_SIZE])
{
	snprintf(text, CONFIG_VALUE_TEXT_SIZE, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
		 address >> 8 & 255, address & 255);
	return text;
}

const char *config_value_mac_text(const uint8_t mac[6], char text[CONFIG_VALUE_TEXT_SIZE])
{
	snprintf(text, CONFIG_VALUE_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
	return text;
}
