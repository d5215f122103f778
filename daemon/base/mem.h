/*
 * mem.h - allocation that cannot fail, for our own small objects: out of memory aborts.
 *
 * Anything whose size the outside decides goes into a struct buf with a maximum instead (buf.h).
 */
#pragma once
#include <stddef.h>
#include <stdarg.h>
#include "base/err.h"

/** As their namesakes without x; they abort instead of returning NULL. */
void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
/** Copies of text; xstrdup(NULL) is NULL. The caller frees. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/** The struct of which `member` at `ptr` is a part. */
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_LEN(a)                    (sizeof(a) / sizeof((a)[0]))
