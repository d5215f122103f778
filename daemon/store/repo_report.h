/*
 * repo_report.h - what reports count, grouped by whose it is; the day's complaints; and which
 * reports were sent (`report_sent`). Read alone, but for the last.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

enum report_by { REPORT_RESPONDER, REPORT_DEPARTMENT, REPORT_ESTATE, REPORT_CATEGORY, REPORT_BYS };

/** Tickets opened in [from, to), by whom. */
struct report_group {
    enum report_by by;
    int64_t from, to;
};

/** n tickets of one state, end and reason, of one key ("" for nobody's). Texts are views. */
struct report_tickets {
    const char *key, *state, *close_kind, *cancel_reason;
    int64_t n, reopened, cycles_max, urges;
};
int repo_report_tickets(struct db *db, const struct report_group *query,
                        void (*fn)(void *ctx, const struct report_tickets *r),
                        void *ctx) MUST_CHECK;
/** n clocks of one name and state. By department: those of its own dispatches; by responder: those
 * that are the responder's to keep. */
struct report_clocks {
    const char *key, *name, *state;
    bool breached;
    int64_t n;
};
int repo_report_clocks(struct db *db, const struct report_group *query,
                       void (*fn)(void *ctx, const struct report_clocks *r), void *ctx) MUST_CHECK;
/** n drawn confirmations of one state. */
struct report_samples {
    const char *key, *state;
    bool satisfied;
    int64_t n;
};
int repo_report_samples(struct db *db, const struct report_group *query,
                        void (*fn)(void *ctx, const struct report_samples *r),
                        void *ctx) MUST_CHECK;
/** Confirmations and handovers of the histories, one by one; data NULL: erased. */
int repo_report_events(struct db *db, const struct report_group *query,
                       void (*fn)(void *ctx, const char *key, const char *kind, const char *data),
                       void *ctx) MUST_CHECK;

/* ---- the day's complaints ---- */

struct complaint_counts {
    int64_t opened, closed; /* in [from, to) */
    int64_t open, overdue;  /* now */
};
/** Counted for the day and for now. */
int repo_report_complaints(struct db *db, int64_t from, int64_t to,
                           struct complaint_counts *out) MUST_CHECK;
/** A complaint opened in [from, to), or open and overdue. Texts are views. */
struct complaint_line {
    int64_t ticket_id, opened_at, cycle, urges;
    bool overdue;
    const char *subject, *category, *state, *responder, *estate, *building, *unit;
};
/** The overdue ones first, at most max. */
int repo_report_complaint_each(struct db *db, int64_t from, int64_t to, int max,
                               void (*fn)(void *ctx, const struct complaint_line *line),
                               void *ctx) MUST_CHECK;

/* ---- sent ---- */

/** Whether the digest of that day (days since 1970) went out. */
int repo_report_was_sent(struct db *db, int32_t day, bool *sent) MUST_CHECK;
/** *mine: this marks the day as sent, and nobody did before. */
int repo_report_mark_sent(struct db *db, int32_t day, int64_t now, bool *mine) MUST_CHECK;
