/*
 * Random numbers for sessions and for seeds: no two clients have the same.
 */
#ifndef TOOLS_CLIENT_DRAW_H
#define TOOLS_CLIENT_DRAW_H

#include <stdint.h>
#include <stdlib.h>

/* Never 0: that is not a session. */
static inline uint64_t draw(void)
{
	uint64_t number;

	do
		arc4random_buf(&number, sizeof(number));
	while (number == 0);
	return number;
}

#endif
