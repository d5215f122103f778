/*
 * repo_inbound.h - rows of `receipt` (delivery reports whose message is not known yet) and
 * `inbound` (what owners write back).
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

/** A kept report. Texts are views; key and provider_id name the message, either may be NULL. */
struct receipt_row {
    int64_t id, at, kept_at;
    const char *gateway, *key, *state, *error, *provider_id;
};
int repo_receipt_keep(struct db *db, const struct receipt_row *row) MUST_CHECK;
/** Calls fn for those of that gateway that name the message either way, oldest first, at most max.
 */
int repo_receipt_of(struct db *db, const char *gateway, const char *key, const char *provider_id,
                    int max, void (*fn)(void *ctx, const struct receipt_row *row),
                    void *ctx) MUST_CHECK;
/** Drops reports kept before that moment, and the oldest above `most` of that gateway. */
int repo_receipt_sweep(struct db *db, const char *gateway, int64_t before, int most) MUST_CHECK;
int repo_receipt_drop(struct db *db, int64_t id) MUST_CHECK;

/** A text that somebody wrote to us. Texts are views. */
struct inbound_row {
    int64_t id, at, person_id, ticket_id;
    const char *gateway, *provider_id, *sender, *recipient, *text, *reply_to_key;
    const char *became; /* what came of it: confirmed, noted, opened …; NULL: not told */
};
/** *id is 0 when this text of the gateway is there already. */
int repo_inbound_add(struct db *db, const struct inbound_row *row, int64_t *id) MUST_CHECK;
/** Whose it is, the ticket that it came to (0: nobody, none), and what became of it. */
int repo_inbound_link(struct db *db, int64_t id, int64_t person_id, int64_t ticket_id,
                      const char *became) MUST_CHECK;
/** What a list shows, newest first; NULL and 0: any. before: ids below it. */
struct inbound_query {
    const char *became;
    int64_t person_id, ticket_id, before;
    int limit;
};
int repo_inbound_list(struct db *db, const struct inbound_query *query,
                      void (*fn)(void *ctx, const struct inbound_row *row), void *ctx) MUST_CHECK;
/** What a person wrote says nothing any more. */
int repo_inbound_forget(struct db *db, int64_t person_id) MUST_CHECK;
