/*
 * api_reports.c - appraisal and the digest of complaints. An appraisal is computed on the chores'
 * thread with a connection of its own, so that no card ever waits behind it.
 */
#include "base/clock.h"
#include "base/day.h"
#include "base/text.h"
#include "domain/zone.h"
#include "edge/api/api_priv.h"
#include "service/reports/reports.h"

#define DAYS_MAX   400
#define DAYS_DEF   30
#define REPORT_MAX ((size_t)32 << 20)

struct report_query {
    struct appraisal_query q;
    bool csv;
};

/* ---- moments and days ---- */

static const struct zone *zone_of(const struct edge *e)
{
    return e->o.site->zone;
}

/* RFC 3339, or a date of the site's calendar: its beginning, as `to` its end. */
static int parse_bound(const struct zone *z, const char *text, bool end, int64_t *out)
{
    int32_t day;
    if (clock_parse(text, out) == 0)
        return E_OK;
    if (clock_parse_date(text, &day) < 0)
        return E_INVALID;
    *out = zone_moment(z, day + end, 0);
    return E_OK;
}

/* False: the problem was answered. */
static bool query_bound(struct http_req *req, const struct zone *z, const char *name, bool end,
                        int64_t def, int64_t *out)
{
    const char *text = http_query(req, name);
    *out = def;
    if (!text || parse_bound(z, text, end, out) == E_OK)
        return true;
    http_invalid(req, name, "%s: no date like 2026-11-22, and no time like 2026-11-22T08:15:30Z",
                 name);
    return false;
}

static bool read_span(struct http_req *req, const struct zone *z, struct appraisal_query *q)
{
    int32_t today = zone_day(z, clock_now_ms());
    if (!query_bound(req, z, "to", true, zone_moment(z, today + 1, 0), &q->to) ||
        !query_bound(req, z, "from", false, q->to - DAYS_DEF * DAY_MS, &q->from))
        return false;
    if (q->from < q->to && q->to - q->from <= (DAYS_MAX + 1) * DAY_MS)
        return true;
    http_invalid(req, "from", "from is before to, and at most %d days", DAYS_MAX);
    return false;
}

/* ---- appraisal ---- */

static int run_appraisal(struct api_job *job, struct errmsg *why)
{
    struct report_query *r = job->arg;
    struct appraisal *a = NULL;
    struct db *db = NULL;
    int rc = db_open(&db_sqlite, job->e->store_path, DB_READER, &db, why);
    r->q.site = job->site;
    if (rc == E_OK)
        rc = db_begin(db);
    if (rc == E_OK)
        rc = appraisal_read(db, &r->q, &a);
    if (rc == E_TOOBIG)
        errmsg_set(why, rc, "too many rows: ask for a shorter time");
    if (rc == E_OK && r->csv)
        appraisal_csv(a, &job->out);
    else if (rc == E_OK)
        appraisal_json(a, &job->w);
    appraisal_free(&a);
    if (db && db_in_transaction(db))
        db_rollback(db);
    db_close(&db);
    return rc;
}

static void answer_csv(struct api_job *job)
{
    http_add_header(job->req, "Content-Disposition", "attachment; filename=\"appraisal.csv\"");
    http_reply(job->req, 200, "text/csv; charset=utf-8", buf_str(&job->out), job->out.len);
    api_job_free(job);
}

static bool read_form(struct http_req *req, struct report_query *r)
{
    const char *by = http_query(req, "by"), *format = http_query(req, "format");
    r->q.by = report_by_parse(by ? by : "responder");
    r->csv = text_eq(format, "csv");
    if (r->q.by == REPORT_BYS)
        http_invalid(req, "by", "by is not one of responder, department, estate, category");
    else if (format && !r->csv && !text_eq(format, "json"))
        http_invalid(req, "format", "format is not one of json, csv");
    else
        return true;
    return false;
}

static void get_appraisal(struct http_req *req, void *ctx)
{
    struct report_query r = {0};
    if (!read_form(req, &r) || !read_span(req, zone_of(ctx), &r.q))
        return;
    struct api_job *job = api_job(req, ctx);
    job->out.max = REPORT_MAX;
    api_job_keep(job, &r, sizeof(r));
    if (r.csv)
        job->then = answer_csv;
    api_chore(job, run_appraisal);
}

/* ---- digest ---- */

static int read_digest(struct db *db, struct api_job *job)
{
    return digest_json(db, job->site, job->arg, &job->w);
}

static void get_digest(struct http_req *req, void *ctx)
{
    const char *date = http_query(req, "date");
    struct digest_day day = {0};
    const struct zone *z = zone_of(ctx);
    day.day = zone_day(z, clock_now_ms()) - 1;
    bool ok = !date || clock_parse_date(date, &day.day) == 0;
    day.from = zone_moment(z, day.day, 0);
    day.to = zone_moment(z, day.day + 1, 0);
    if (!ok) {
        http_invalid(req, "date", "date: no date like 2026-11-22");
        return;
    }
    struct api_job *job = api_job(req, ctx);
    api_job_keep(job, &day, sizeof(day));
    api_read(job, "digest", read_digest);
}

#define WHO (MAY_SUPERVISE | MAY_ROLE(ROLE_AUDITOR) | MAY_INTEGRATION)

const struct http_route api_report_routes[] = {
    ROUTE(GET, "/api/v1/reports/appraisal", WHO, get_appraisal,
          "Promises kept and broken, cycles, satisfaction … of the tickets opened in a time",
          .query = "from to by format", .answer = "Appraisal"),
    ROUTE(GET, "/api/v1/reports/digest", WHO, get_digest,
          "A day's complaints, yesterday's unless date says otherwise", .query = "date",
          .answer = "Digest"),
    {.path = NULL},
};
