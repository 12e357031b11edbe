/*
 * Which IPv4 addresses are a host's (RFC 1122 3.2.1.3, RFC 3021). In host order.
 */
#ifndef BASE_SUBNET_H
#define BASE_SUBNET_H

#include <stdbool.h>
#include <stdint.h>

/* Not of "this network", loopback, multicast or what is reserved. */
static inline bool subnet_is_unicast(uint32_t address)
{
	const uint32_t net = address >> 24;

	return net != 0 && net != 127 && net < 224;
}

static inline bool subnet_has(uint32_t own, uint32_t prefix, uint32_t address)
{
	const uint32_t mask = prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);

	return (address & mask) == (own & mask);
}

/* In its subnet: neither that itself nor its broadcast address; a /31 has neither. */
static inline bool subnet_is_host(uint32_t prefix, uint32_t address)
{
	const uint32_t host_mask = prefix >= 32 ? 0 : UINT32_MAX >> prefix;

	return prefix >= 31 || ((address & host_mask) != 0 && (address & host_mask) != host_mask);
}

#endif
