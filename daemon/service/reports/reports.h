/*
 * reports.h - appraisal and the digest of complaints, as docs/reports.md defines them. Any struct
 * db, any thread but the loop; nothing is written.
 *
 * Needs tell/ and messages/ for the digest that is sent, else the store alone.
 */
#pragma once
#include <stdint.h>
#include "base/buf.h"
#include "base/json.h"
#include "domain/site.h"
#include "store/db.h"
#include "store/repo_report.h"

/* ---- appraisal ---- */

/** "responder", …; REPORT_BYS for anything else. */
enum report_by report_by_parse(const char *word);
const char *report_by_name(enum report_by by);

struct appraisal;

struct appraisal_query {
    int64_t from, to; /* tickets opened in [from, to) */
    enum report_by by;
    const struct site *site; /* for names */
};
/** Reads everything in one transaction; E_TOOBIG beyond 20,000 rows. The caller frees *out. */
int appraisal_read(struct db *db, const struct appraisal_query *q,
                   struct appraisal **out) MUST_CHECK;
void appraisal_free(struct appraisal **a);
/** One object: {"from","to","by","items":[…],"total":{…}}. */
void appraisal_json(const struct appraisal *a, struct jw *w);
/** RFC 4180, one line a row, with a head. */
void appraisal_csv(const struct appraisal *a, struct buf *out);

/* ---- the daily digest ---- */

struct digest_day {
    int32_t day;      /* days since 1970, of the site's calendar */
    int64_t from, to; /* its beginning and end */
};
/** One object: {"date","opened","closed","open","overdue","items":[…],"text"}. */
int digest_json(struct db *db, const struct site *site, const struct digest_day *day,
                struct jw *w) MUST_CHECK;
/** The text alone, in the site's language; nothing is added when no complaint was opened or closed
 * that day and none is open. */
int digest_text(struct db *db, const struct site *site, const struct digest_day *day,
                struct buf *out) MUST_CHECK;
