/*
 * api_shifts.c - the shift plan: who is on duty or on leave, which handovers and `on_shift` follow.
 */
#include "base/clock.h"
#include "base/text.h"
#include "domain/written.h"
#include "edge/api/api_priv.h"
#include "service/staff/staff.h"
#include "store/repo_shift.h"

struct shift_query {
    const char *user;
    int64_t from, to;
};

static void put_shift(void *ctx, const struct shift_row *row)
{
    struct jw *w = ctx;
    jw_obj(w);
    jw_kint(w, "id", row->id);
    jw_kstr(w, "user", row->account);
    jw_ktime(w, "from", row->from_at);
    jw_ktime(w, "to", row->to_at);
    jw_kstr(w, "kind", row->kind);
    jw_end_obj(w);
}

/* A page being written, one row more than it shows. */
struct shift_page {
    struct api_job *job;
    int64_t last;
    int n;
};

static void page_row(void *ctx, const struct shift_row *row)
{
    struct shift_page *p = ctx;
    if (p->n++ == p->job->limit)
        return;
    p->last = row->id;
    put_shift(&p->job->w, row);
}

static int read_shifts(struct db *db, struct api_job *job)
{
    const struct shift_query *s = job->arg;
    struct shift_page page = {.job = job};
    api_items(job);
    int rc =
        repo_shift_list(db, s->user, s->from, s->to, job->before, job->limit + 1, page_row, &page);
    api_items_end(job, page.n > job->limit ? page.last : 0);
    return rc;
}

/* A moment in the query, as the plan's CSV has it, too; false: the problem was answered. */
static bool query_time(struct http_req *req, const struct edge *e, const char *name, int64_t def,
                       int64_t *out)
{
    const char *text = http_query(req, name);
    *out = def;
    if (!text || written_moment(e->o.site->zone, text, text_eq(name, "to"), out) == E_OK)
        return true;
    http_invalid(req, name, "%s: not a time like 2026-11-22 08:00 or 2026-11-22T08:15:30Z", name);
    return false;
}

static void list_shifts(struct http_req *req, void *ctx)
{
    struct shift_query s = {.user = http_query(req, "user")};
    int limit;
    int64_t after;
    if (!http_page_id(req, &limit, &after) || !query_time(req, ctx, "from", 0, &s.from) ||
        !query_time(req, ctx, "to", INT64_MAX, &s.to))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = after;
    api_job_keep(job, &s, sizeof(s));
    api_read(job, "shifts", read_shifts);
}

/* ---- changing ---- */

struct new_shift {
    const char *user, *kind;
    int64_t from, to;
};

static int run_add(struct ledger_tx *tx, struct api_job *job)
{
    const struct new_shift *s = job->arg;
    struct staff_account account;
    enum put what;
    if (staff_row_by_name(ledger_db(tx), s->user, &account) || account.kind != STAFF_PERSON)
        return api_bad(job, "user", "there is nobody '%.64s'", s->user);
    struct shift_row row = {
        .account = s->user, .from_at = s->from, .to_at = s->to, .kind = s->kind};
    int rc = repo_shift_put(ledger_db(tx), &row, &row.id, &what);
    if (rc < 0)
        return rc;
    put_shift(&job->w, &row);
    job->status = what == PUT_NEW ? 201 : 200;
    rc = staff_shifts_changed(job->e->o.staff, tx);
    return rc < 0 ? rc : api_audit(tx, job->actor.name, "shift.add", s->user, NULL);
}

static int body_time(struct api_job *job, const char *field, int64_t *out)
{
    const char *text = api_text(job, field, 64);
    if (!text)
        return E_INVALID;
    return written_moment(job->site->zone, text, text_eq(field, "to"), out) == E_OK
               ? E_OK
               : api_bad(job, field, "%s: not a time like 2026-11-22 08:00 or 2026-11-22T08:15:30Z",
                         field);
}

static int read_new(struct api_job *job, struct new_shift *s)
{
    int rc = api_text_opt(job, "kind", 16, &s->kind);
    if (rc < 0)
        return rc;
    s->user = api_text(job, "user", 64);
    if (!s->user)
        return E_INVALID;
    rc = body_time(job, "from", &s->from);
    if (rc == E_OK)
        rc = body_time(job, "to", &s->to);
    if (rc < 0)
        return rc;
    if (!s->kind)
        s->kind = "on";
    if (!text_eq(s->kind, "on") && !text_eq(s->kind, "leave"))
        return api_bad(job, "kind", "kind is not one of on, leave");
    return s->to <= s->from ? api_bad(job, "to", "to is not after from") : E_OK;
}

static void add_shift(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    struct new_shift s = {0};
    int rc = read_new(job, &s);
    api_job_keep(job, &s, sizeof(s));
    if (rc == E_OK)
        api_write(job, "shift_add", run_add);
    else
        api_answer(job, rc, NULL);
}

static int run_remove(struct ledger_tx *tx, struct api_job *job)
{
    char user[65] = "";
    int rc = repo_shift_remove(ledger_db(tx), job->id, user);
    if (rc < 0)
        return rc;
    buf_adds(&job->out, "{\"ok\":true}");
    rc = staff_shifts_changed(job->e->o.staff, tx);
    if (rc < 0)
        return rc;
    return api_audit(tx, job->actor.name, "shift.remove", user, NULL);
}

static void remove_shift(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_write(job, "shift_remove", run_remove);
}

const struct http_route api_shift_routes[] = {
    ROUTE(GET, "/api/v1/shifts", MAY_READ, list_shifts, "The shift plan, within from and to",
          .query = "user from to limit:int cursor", .answer = "[Shift]"),
    ROUTE(POST, "/api/v1/shifts", MAY_SUPERVISE, add_shift,
          "Put somebody on duty (on) or on leave; the same user, from and kind is changed",
          .body = "user! from! to! kind", .answer = "Shift"),
    ROUTE(DELETE, "/api/v1/shifts/{id}", MAY_SUPERVISE, remove_shift, "Take it off the plan",
          .answer = "Done"),
    {.path = NULL},
};
