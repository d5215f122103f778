/*
 * repo_alert.h - rows of `alert`: what somebody should look at. New ones: repo_alert_add().
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

/** Texts are views. cleared_at 0: nobody has acknowledged it. */
struct alert_row {
    int64_t id, at, cleared_at;
    const char *kind, *text, *data_json;
};
/** Newest first, ids below `before` (0: all); only those that nobody acknowledged if open. */
int repo_alert_list(struct db *db, bool open, int64_t before, int limit,
                    void (*fn)(void *ctx, const struct alert_row *row), void *ctx) MUST_CHECK;
/** One by its id; E_NOTFOUND. */
int repo_alert_get(struct db *db, int64_t id, void (*fn)(void *ctx, const struct alert_row *row),
                   void *ctx) MUST_CHECK;
/** Somebody has seen it; the first moment stays. */
int repo_alert_clear(struct db *db, int64_t id, int64_t at) MUST_CHECK;
