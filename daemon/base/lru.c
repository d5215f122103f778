/*
 * lru.c - a bounded map: uthash keeps its items in order of insertion, so the item used is taken
 * out and put in again, and the first one is always the longest unused.
 */
#include "base/lru.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/table.h"

struct item {
    char *key;
    void *value;
    size_t bytes;
    UT_hash_handle hh;
};

struct lru {
    struct item *items;
    size_t max_entries, max_bytes, bytes;
    void (*free_fn)(void *);
};

struct lru *lru_new(size_t max_entries, size_t max_bytes, void (*free_fn)(void *))
{
    struct lru *l = xcalloc(1, sizeof(*l));
    l->max_entries = max_entries;
    l->max_bytes = max_bytes;
    l->free_fn = free_fn;
    return l;
}

static struct item *find(struct lru *l, const char *key)
{
    struct item *it;
    HASH_FIND_STR(l->items, key, it);
    return it;
}

static void discard(struct lru *l, struct item *it)
{
    HASH_DEL(l->items, it);
    l->bytes -= it->bytes;
    if (l->free_fn)
        l->free_fn(it->value);
    free(it->key);
    free(it);
}

void lru_clear(struct lru *l)
{
    while (l->items)
        discard(l, l->items);
}

void lru_free(struct lru **l)
{
    if (!*l)
        return;
    lru_clear(*l);
    free(*l);
    *l = NULL;
}

static void touch(struct lru *l, struct item *it)
{
    HASH_DEL(l->items, it);
    HASH_ADD_KEYPTR(hh, l->items, it->key, strlen(it->key), it);
}

void *lru_get(struct lru *l, const char *key)
{
    struct item *it = find(l, key);
    if (!it)
        return NULL;
    touch(l, it);
    return it->value;
}

static bool too_full(const struct lru *l)
{
    return HASH_COUNT(l->items) > l->max_entries || (l->max_bytes && l->bytes > l->max_bytes);
}

void lru_put(struct lru *l, const char *key, void *value, size_t bytes)
{
    lru_drop(l, key);
    struct item *it = xcalloc(1, sizeof(*it));
    it->key = xstrdup(key);
    it->value = value;
    it->bytes = bytes;
    l->bytes += bytes;
    HASH_ADD_KEYPTR(hh, l->items, it->key, strlen(it->key), it);
    while (l->items && too_full(l))
        discard(l, l->items);
}

void lru_drop(struct lru *l, const char *key)
{
    struct item *it = find(l, key);
    if (it)
        discard(l, it);
}

size_t lru_count(const struct lru *l)
{
    return HASH_COUNT(l->items);
}

size_t lru_bytes(const struct lru *l)
{
    return l->bytes;
}
