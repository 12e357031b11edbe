/*
 * One value of the configuration, from text to number: pure, no messages, no state. Whoever reads a
 * value from a file, a command line or a test gets the same answer here.
 *
 * Each function returns 0, or -errno and leaves *out alone: -EINVAL for text that is not one,
 * -ENOMSG for a number without its unit, -ERANGE for one that does not fit.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "150us", "20ms", "1s": a whole number and its unit; in microseconds. */
int config_value_duration(const char *text, uint64_t *out_us);

/* "1h", "1h30m", "90s": in microseconds; or "1000": a number without a unit, the other one is 0. */
int config_value_retention(const char *text, uint64_t *out_us, uint64_t *out_number);

/* "4096B", "512KiB", "64MiB", "2GiB"; in bytes. */
int config_value_size(const char *text, uint64_t *out_bytes);

/* Decimal digits and nothing else. */
int config_value_count(const char *text, uint64_t *out);

/*
 * "198.18.0.1": dotted decimal, no names, no shorthand; host byte order. Only what a host can have:
 * no 0/8, loopback, multicast or class E.
 */
int config_value_address(const char *text, uint32_t *out);

/* "198.18.0.1/24", prefix 1..31; the host part is neither all zeros nor all ones (but on a /31). */
int config_value_prefix(const char *text, uint32_t *out_address, uint8_t *out_prefix);

/* "198.18.0.1" or "198.18.0.1:2380"; without a port *out_port becomes port_default. */
int config_value_endpoint(const char *text, uint16_t port_default, uint32_t *out_address,
			  uint16_t *out_port);

/* "http://127.0.0.1:2381": what the kernel can listen on, 0.0.0.0 for all of it, and a port. */
int config_value_url(const char *text, uint32_t *out_address, uint16_t *out_port);

/* "02:00:c6:12:00:01": a unicast address, not all zeros. */
int config_value_mac(const char *text, uint8_t out[6]);

/* "2", "0-3,8": as taskset reads it. *out_count: how many CPUs it names. */
enum { CONFIG_VALUE_CPU_MAX = 1023 };
int config_value_cpus(const char *text, uint32_t *out_count);

/* Letters, digits, '.', '_', '-', beginning with a letter or digit; at most size_max bytes. */
bool config_value_is_name(const char *text, size_t size_max);

/* "0000:01:00.0". */
bool config_value_is_pci(const char *text);

/* A name that a kernel interface may have: 1..15 bytes without '/', ':' or blanks. */
bool config_value_is_interface(const char *text);

/* The shortest exact way to write it: "20ms", "64MiB". Returns `text`. */
enum { CONFIG_VALUE_TEXT_SIZE = 32 };
const char *config_value_retention_text(uint64_t us, char text[CONFIG_VALUE_TEXT_SIZE]);
const char *config_value_duration_text(uint64_t us, char text[CONFIG_VALUE_TEXT_SIZE]);
const char *config_value_size_text(uint64_t bytes, char text[CONFIG_VALUE_TEXT_SIZE]);
const char *config_value_address_text(uint32_t address, char text[CONFIG_VALUE_TEXT_SIZE]);
const char *config_value_mac_text(const uint8_t mac[6], char text[CONFIG_VALUE_TEXT_SIZE]);

#endif
