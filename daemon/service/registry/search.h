/*
 * search.h - finding people by any part of what is known of them: one block of text in memory,
 * searched with memmem.
 *
 * Measured against a full-text index: two characters of a name are found at once, any substring
 * of any field works, and a search that finds nothing in 300,000 persons takes a few
 * milliseconds. Thread-safe.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "store/db.h"

struct search;

/** Empty; search_find() says E_BUSY until the first search_fill(). */
struct search *search_new(void);
/** When no other thread uses it. */
void search_free(struct search **s);

/** Set a person's text (search_text_*), replacing an older one; len 0 takes the person out. */
void search_put(struct search *s, int64_t id, const char *text, size_t len);
/** Persons whose text has every word of q: ids ascending and above after_id; returns how many.
 * E_BUSY before the first search_fill() is through. */
int search_find(struct search *s, const char *q, int64_t after_id, int64_t *ids,
                int max) MUST_CHECK;
size_t search_count(struct search *s);
/** Bytes held. */
size_t search_bytes(struct search *s);

/** A new block, filled in order of id, that takes the place of the old one at once. */
struct search_block;
struct search_block *search_block_new(void);
void search_block_free(struct search_block **b);
void search_block_add(struct search_block *b, int64_t id, const char *text, size_t len);
/** b holds the old block afterwards: free it. */
void search_swap(struct search *s, struct search_block *b);

/** Read everybody from the store into a new block and swap. */
int search_fill(struct search *s, struct db *db) MUST_CHECK;
/** Read one person again. */
int search_refresh(struct search *s, struct db *db, int64_t id) MUST_CHECK;

/**
 * Text as records and queries hold it, appended to out: lower case, full-width characters
 * half-width, control characters gone, blanks single, homes in one form ("3栋1201",
 * "3号楼2单元1201室", "Building 3, unit 1201" -> "3-1201", "3-2-1201", "3-1201").
 */
void search_normalise(const char *s, struct buf *out);
