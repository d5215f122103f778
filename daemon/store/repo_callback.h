/*
 * repo_callback.h - rows of `callback`.
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "domain/states.h"
#include "store/db.h"

struct callback_row {
    int64_t id;
    enum callback_state state; /* written by repo_callback_move() alone */
    char number[32], reason[16], claimed_by[65];
    int64_t person_id, due_at, ticket_id, created_at, ended_at;
    int attempts;
    char *calls_json, *outcome, *note; /* owned */
};
/** Frees what the row owns. */
void callback_row_clear(struct callback_row *r);

/** E_NOTFOUND; *out is to be cleared either way, as of the next. */
int repo_callback_load(struct db *db, int64_t id, struct callback_row *out) MUST_CHECK;
/** The newest open one of that number, but for samples. */
int repo_callback_open_of(struct db *db, const char *number, struct callback_row *out) MUST_CHECK;
/** The only writer of a callback's state, in the row that repo_callback_save() will write:
 * E_CONFLICT when domain/states.h knows no such way. cause is for the log. */
int repo_callback_move(struct callback_row *r, enum callback_state to,
                       const char *cause) MUST_CHECK;
/** Inserts when id is 0 (and sets it), else updates. */
int repo_callback_save(struct db *db, struct callback_row *r) MUST_CHECK;

/** What a list shows; NULL: any. Newest first, ids below `before`. The row is fn's for the call. */
struct callback_query {
    const char *state, *number;
    int64_t before;
    int limit;
};
int repo_callback_list(struct db *db, const struct callback_query *query,
                       void (*fn)(void *ctx, const struct callback_row *row), void *ctx) MUST_CHECK;
/** The open one of that ticket and reason, 0 if there is none. */
int repo_callback_asking(struct db *db, int64_t ticket_id, const char *reason,
                         int64_t *id) MUST_CHECK;
/** Whether any is open. */
int repo_callback_any(struct db *db, bool *any) MUST_CHECK;
/** Open ones of that number, of the person or of the household (today: days since 1970), but for
 * samples; *n at most max. */
int repo_callback_of_household(struct db *db, int64_t person_id, const char *number, int32_t today,
                               int64_t *ids, int max, int *n) MUST_CHECK;
/** Those of a person: every one, ended too, into ids; *n at most max above id `after`. */
int repo_callback_of_person(struct db *db, int64_t person_id, int64_t after, int64_t *ids, int max,
                            int *n) MUST_CHECK;
