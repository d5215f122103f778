/*
 * lru.h - a bounded map from text to a value, the longest unused falling out first.
 */
#pragma once
#include <stddef.h>

struct lru;

/** At most max_entries and about max_bytes (0: no limit by bytes); free_fn frees values (may be
 * NULL). */
struct lru *lru_new(size_t max_entries, size_t max_bytes, void (*free_fn)(void *));
void lru_free(struct lru **l);
/** The value, now the most recently used; NULL if absent. Owned by the map until evicted. */
void *lru_get(struct lru *l, const char *key);
/** Takes ownership of value; replaces an older one. bytes is the value's weight. */
void lru_put(struct lru *l, const char *key, void *value, size_t bytes);
void lru_drop(struct lru *l, const char *key);
void lru_clear(struct lru *l);
size_t lru_count(const struct lru *l);
size_t lru_bytes(const struct lru *l);
