/*
 * mem.c - allocation that aborts when memory is gone: our own objects are small, and code for the
 * case that a few hundred bytes are missing would never be tested.
 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 1032 }; /* what that cache holds */

static void *must(void *p)
{
    if (!p) {
        fputs("stewardd: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *xmalloc(size_t size)
{
    return must(malloc(size ? size : 1));
}

/* Small ones come from malloc(), whose cache for each thread glibc's calloc() does not use. */
void *xcalloc(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SMALL)
        return must(calloc(n ? n : 1, size ? size : 1));
    return memset(xmalloc(bytes), 0, bytes);
}

void *xrealloc(void *p, size_t size)
{
    return must(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return s ? must(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    return s ? must(strndup(s, n)) : NULL;
}

char *xasprintf(const char *fmt, ...)
{
    char *out = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&out, fmt, ap);
    va_end(ap);
    return must(n < 0 ? NULL : out);
}
