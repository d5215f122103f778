/*
 * repo_audit.h - rows of `audit`: who read or changed what, beside the tickets' own histories.
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

/** One line. object ("message 91", "owner 7") and data_json (one JSON object) may be NULL. */
int repo_audit_add(struct db *db, int64_t at, const char *by, const char *what, const char *object,
                   const char *data_json) MUST_CHECK;

/** Texts are views. */
struct audit_row {
    int64_t id, at;
    const char *by, *what, *object, *data_json;
};
/** Newest first, ids below `before` (0: all), of that object and by that account (NULL: any). */
int repo_audit_list(struct db *db, const char *object, const char *by, int64_t before, int limit,
                    void (*fn)(void *ctx, const struct audit_row *row), void *ctx) MUST_CHECK;
