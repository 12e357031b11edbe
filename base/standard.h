/*
 * Standard input, output and errors of a program that was started without (a shell's <&- >&-). What
 * it opens next would get their numbers: answers would be printed into its own connection.
 */
#ifndef BASE_STANDARD_H
#define BASE_STANDARD_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * First in main. What is missing becomes /dev/null, the wrong way round, so that it is still told
 * that nothing can be read or printed there; errors have nowhere to be told, and are dropped.
 */
static inline void standard_open(void)
{
	static const int mode[3] = {O_WRONLY, O_RDONLY, O_WRONLY};

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest number that is free is this one. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode[fd]) != fd)
			_exit(EXIT_FAILURE);
	}
}

#endif
