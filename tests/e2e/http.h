/*
 * A GET as curl makes it, from inside the lab's namespace.
 */
#ifndef TESTS_E2E_HTTP_H
#define TESTS_E2E_HTTP_H

#include <stdint.h>

enum { HTTP_PAGE_SIZE = 256 * 1024 };

/* The status, and the body in `page`; 0: nobody listens there. */
int http_get(uint16_t port, const char *path, char page[HTTP_PAGE_SIZE]);

/* The value of a sample, -1 if the page has none; the labels belong to the name. */
double http_sample(const char *page, const char *name);

#endif
