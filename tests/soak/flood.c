#include "tests/soak/flood.h"

#include "base/clock.h"
#include "dataplane/wire.h"
#include "tests/sim/random.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BURST = 200, BURST_EVERY_MS = 10, NOISE_MAX = 1400, DATAGRAM_MAX = 1500 };

struct flood {
	const struct cluster *cluster;
	pthread_t thread;
	atomic_bool stop;
	uint32_t node;
	uint64_t sent;
	struct sim_random random;
};

static size_t noise(struct sim_random *r, uint8_t *out)
{
	size_t size = 1 + sim_random_below(r, NOISE_MAX);

	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)sim_random_next(r);
	return size;
}

static size_t greeting(struct sim_random *r, uint8_t *out)
{
	const struct wire_hello hello = {.nonce = sim_random_next(r)};
	size_t size = wire_hello_encode(&hello, WIRE_HELLO, out + WIRE_ENVELOPE_SIZE);

	wire_envelope_encode(
		&(struct wire_envelope){.type = WIRE_HELLO, .body_size = (uint16_t)size}, out);
	return WIRE_ENVELOPE_SIZE + size;
}

/* The first part of a request that would be large, by a cookie that was made up. */
static size_t first_part(struct sim_random *r, uint8_t *out)
{
	uint8_t data[WIRE_PART_SIZE] = {0};
	const struct wire_part part = {
		.cookie = sim_random_next(r),
		.request_id = sim_random_next(r),
		.total_size = WIRE_MESSAGE_SIZE_MAX,
		.kind = WIRE_COMMAND,
		.timeout_us = 1000000,
		.data = data,
		.size = sizeof(data),
	};
	size_t size = wire_part_encode(&part, WIRE_REQUEST, out + WIRE_ENVELOPE_SIZE);

	wire_envelope_encode(
		&(struct wire_envelope){.type = WIRE_REQUEST, .body_size = (uint16_t)size}, out);
	return WIRE_ENVELOPE_SIZE + size;
}

static size_t draw_datagram(struct sim_random *r, uint8_t *out)
{
	size_t size;

	switch (sim_random_below(r, 4)) {
	case 0:
		return noise(r, out);
	case 1:
		return greeting(r, out);
	case 2:
		return first_part(r, out);
	default:
		size = greeting(r, out);
		out[sim_random_below(r, size)] ^= (uint8_t)(1u << sim_random_below(r, 8));
		return size;
	}
}

static void *go(void *argument)
{
	struct flood *f = argument;
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint8_t datagram[DATAGRAM_MAX];
	char text[32];
	int fd;

	cluster_enter(f->cluster);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert(fd >= 0);
	snprintf(text, sizeof(text), "198.18.0.%" PRIu32, f->node);
	assert(inet_pton(AF_INET, text, &to.sin_addr) == 1);
	while (!atomic_load(&f->stop)) {
		for (uint32_t i = 0; i < BURST; i++) {
			size_t size = draw_datagram(&f->random, datagram);

			to.sin_port = htons(i % 4 ? WIRE_PORT_CLIENT : WIRE_PORT_PEER);
			f->sent += sendto(fd, datagram, size, MSG_DONTWAIT, (struct sockaddr *)&to,
					  sizeof(to)) > 0;
		}
		clock_sleep(BURST_EVERY_MS * CLOCK_MS);
	}
	(void)close(fd);
	return NULL;
}

struct flood *flood_start(const struct cluster *c, uint32_t node, uint64_t seed)
{
	struct flood *f = calloc(1, sizeof(*f));

	assert(f);
	f->cluster = c;
	f->node = node;
	f->random.state = seed;
	assert(pthread_create(&f->thread, NULL, go, f) == 0);
	return f;
}

uint64_t flood_stop(struct flood *f)
{
	uint64_t sent;

	atomic_store(&f->stop, true);
	assert(pthread_join(f->thread, NULL) == 0);
	sent = f->sent;
	free(f);
	return sent;
}
