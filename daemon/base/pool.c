/*
 * pool.c - free lists of each thread, by size.
 */
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    STEP = 64,    /* sizes are multiples of it */
    CLASSES = 18, /* larger blocks are malloc's */
    KEPT = 512,   /* free blocks of a size */
};

struct block {
    struct block *next;
};

static _Thread_local struct {
    struct block *first;
    unsigned n;
} lists[CLASSES];

/* The sanitizer is to see each block come and go; else: which list the size has. */
static size_t class_of(size_t size)
{
#ifdef __SANITIZE_ADDRESS__
    return CLASSES;
#else
    return (size + STEP - 1) / STEP;
#endif
}

void *pool_take(size_t size)
{
    size_t c = class_of(size);
    if (c >= CLASSES)
        return xmalloc(size);
    struct block *b = lists[c].first;
    if (!b)
        return xmalloc(c * STEP);
    lists[c].first = b->next;
    lists[c].n--;
    return b;
}

void *pool_take0(size_t size)
{
    return memset(pool_take(size), 0, size);
}

void pool_give(void *block, size_t size)
{
    size_t c = class_of(size);
    struct block *b = block;
    if (!b || c >= CLASSES || lists[c].n == KEPT) {
        free(b);
        return;
    }
    b->next = lists[c].first;
    lists[c].first = b;
    lists[c].n++;
}
