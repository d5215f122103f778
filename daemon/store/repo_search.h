/*
 * repo_search.h - the words by which a person is searched for, person by person.
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

enum search_field { SEARCH_NAME, SEARCH_KEY, SEARCH_WORD };

/** text lives during the call, and may be NULL. */
typedef void search_row_fn(void *ctx, int64_t person_id, enum search_field field, const char *text);

/**
 * Of everybody with an id in [first, last], in order of id: the name (always, and first), the
 * import's key, then each number, e-mail address, car with its space, and unit they hold or held.
 * One ordered query a kind, merged here: no table of its own is made, whatever the number.
 */
int repo_search_each(struct db *db, int64_t first, int64_t last, search_row_fn *fn,
                     void *ctx) MUST_CHECK;
