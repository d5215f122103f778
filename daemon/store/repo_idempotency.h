/*
 * repo_idempotency.h - rows of `idempotency`: answers kept for an Idempotency-Key, sealed by
 * whoever keeps them.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

/** A kept answer, known by (account, route, key); key is a digest of the caller's. Texts are views.
 */
struct idempotency_row {
    const char *account, *route, *key;
    const char *digest; /* of the request's body */
    int status;
    const char *body; /* of the answer, body_len bytes */
    size_t body_len;
    int64_t at;
};
/** Calls fn with the row of that name, whose other fields are filled; E_NOTFOUND. */
int repo_idempotency_get(struct db *db, const struct idempotency_row *name,
                         void (*fn)(void *ctx, const struct idempotency_row *row),
                         void *ctx) MUST_CHECK;
/** E_CONSTRAINT when there is one of that name. */
int repo_idempotency_keep(struct db *db, const struct idempotency_row *row) MUST_CHECK;
/** Forgets the one of that name, or all that were kept before a moment. */
int repo_idempotency_forget(struct db *db, const struct idempotency_row *name) MUST_CHECK;
int repo_idempotency_sweep(struct db *db, int64_t before) MUST_CHECK;
