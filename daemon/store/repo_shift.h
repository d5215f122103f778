/*
 * repo_shift.h - rows of the shift plan: who is on duty (`on`) or on leave (`leave`), from when to
 * when.
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"
#include "store/repo_person.h"

/** account and kind are views. */
struct shift_row {
    int64_t id, from_at, to_at;
    const char *account, *kind;
};
typedef void shift_row_fn(void *ctx, const struct shift_row *row);

/** One line of the plan, known by (account, from, kind); *id may be NULL. */
int repo_shift_put(struct db *db, const struct shift_row *row, int64_t *id,
                   enum put *what) MUST_CHECK;
/** Those that touch [from, to), of one account (NULL: all), ids above `after`, at most limit. */
int repo_shift_list(struct db *db, const char *account, int64_t from, int64_t to, int64_t after,
                    int limit, shift_row_fn *fn, void *ctx) MUST_CHECK;
/** Takes it off the plan; whose it was into account. E_NOTFOUND. */
int repo_shift_remove(struct db *db, int64_t id, char account[65]) MUST_CHECK;

/** Somebody of the plan. */
typedef void shift_person_fn(void *ctx, const char *name, const char *role, const char *department);
/** Enabled people who are on duty and not on leave at that moment, by name. */
int repo_shift_on_duty(struct db *db, int64_t now, shift_person_fn *fn, void *ctx) MUST_CHECK;
/** When a duty next begins or a leave ends, 0: never. */
int repo_shift_next_change(struct db *db, int64_t now, int64_t *at) MUST_CHECK;
