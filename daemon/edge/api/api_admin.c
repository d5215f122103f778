/*
 * api_admin.c - what an operator does: reload, backup, doctor, the audit log, the clock of tests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "service/auditor/auditor.h"
#include "service/clocks/clock_timer.h"
#include "service/clocks/clocks.h"
#include "store/repo_audit.h"

#define REPORT_MAX (1u << 20)

/* ---- reload ---- */

static int note_reload(struct ledger_tx *tx, struct api_job *job)
{
    return api_audit(tx, job->actor.name, "config.reload", NULL, NULL);
}

static void reload_now(struct api_job *job)
{
    struct buf report = BUF_INIT(REPORT_MAX);
    int rc = job->e->o.reload ? job->e->o.reload(job->e->o.ctx, &report) : E_UNSUPPORTED;
    if (rc == E_INVALID) {
        http_problem_code(job->req, 422, "bad_configuration", buf_str(&report));
        api_job_free(job);
    } else {
        buf_add(&job->out, buf_str(&report), report.len);
        api_answer(job, rc, NULL);
    }
    buf_free(&report);
}

static void reload(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    job->then = reload_now;
    api_write(job, "reload", note_reload);
}

/* ---- backup ---- */

static int run_backup(struct api_job *job, struct errmsg *why)
{
    struct db *db = NULL;
    int rc = db_open(&db_sqlite, job->e->store_path, DB_READER, &db, why);
    if (rc == E_OK)
        rc = db_backup(db, job->word, why);
    db_close(&db);
    jw_obj(&job->w);
    jw_kstr(&job->w, "file", job->word);
    jw_end_obj(&job->w);
    return rc;
}

static bool is_file_name(const char *s)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    return *s != '.' && strlen(s) <= 128 && strspn(s, allowed) == strlen(s);
}

/* The file is written by the daemon, so its path is the daemon's: absolute. Whoever asks over the
 * network chooses a name alone: else a token could write wherever the daemon may. */
static int backup_path(struct api_job *job)
{
    const char *file = api_text(job, "file", 4000), *folder = job->site->store.backups;
    if (!file)
        return E_INVALID;
    if (http_proof(job->req) == HTTP_BY_SOCKET) {
        job->word = file;
        return file[0] == '/' ? E_OK : api_bad(job, "file", "file must be an absolute path");
    }
    if (!folder || !*folder) {
        text_copy(job->verb.text, sizeof(job->verb.text),
                  "store.backups is not set: copies are made over the control socket alone");
        return E_DENIED;
    }
    if (!is_file_name(file))
        return api_bad(job, "file",
                       "file must be a plain name: over the network it goes into "
                       "store.backups");
    job->arg = xasprintf("%s/%s", folder, file);
    job->free_arg = free;
    job->word = job->arg;
    return E_OK;
}

static void start_backup(struct api_job *job)
{
    int rc = backup_path(job);
    if (rc == E_OK)
        api_chore(job, run_backup);
    else
        api_answer(job, rc, NULL);
}

static void backup(struct http_req *req, void *ctx)
{
    api_once(api_job(req, ctx), http_body(req), start_backup);
}

/* ---- the audit log ---- */

/* A page being written, one row more than it shows. */
struct audit_page {
    struct api_job *job;
    int64_t last;
    int n;
};

static void put_audit(void *ctx, const struct audit_row *row)
{
    struct audit_page *p = ctx;
    struct jw *w = &p->job->w;
    if (p->n++ == p->job->limit)
        return;
    p->last = row->id;
    jw_obj(w);
    jw_kint(w, "id", row->id);
    jw_ktime(w, "at", row->at);
    jw_kstr(w, "by", row->by);
    jw_kstr(w, "what", row->what);
    jw_kstr(w, "object", row->object);
    jw_kraw(w, "data", row->data_json);
    jw_end_obj(w);
}

static int read_audit(struct db *db, struct api_job *job)
{
    struct audit_page page = {.job = job};
    api_items(job);
    int rc = repo_audit_list(db, http_query(job->req, "object"), http_query(job->req, "by"),
                             job->before, job->limit + 1, put_audit, &page);
    api_items_end(job, page.n > job->limit ? page.last : 0);
    return rc;
}

static void list_audit(struct http_req *req, void *ctx)
{
    int limit;
    int64_t before;
    if (!http_page_id(req, &limit, &before))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = before;
    api_read(job, "audit", read_audit);
}

#define AGAIN_MS 400 /* a step that is missing may just be under way: look again */
#define TRIES    5

struct verify {
    struct audit_report report;
    struct loop_timer *timer;
    int tries;
};

static void free_verify(void *arg)
{
    struct verify *v = arg;
    loop_timer_free(&v->timer);
    free(v);
}

/* Reads the whole history, which takes a while if it is long, on the chores' thread. */
static int run_verify(struct api_job *job, struct errmsg *why)
{
    struct verify *v = job->arg;
    struct db *db = NULL;
    int rc = db_open(&db_sqlite, job->e->store_path, DB_READER, &db, why);
    memset(&v->report, 0, sizeof(v->report));
    if (rc == E_OK)
        rc = audit_all(db, job->e->o.clocks, clock_now_ms(), &v->report);
    db_close(&db);
    return rc;
}

static void verify_again(void *arg)
{
    api_chore(arg, run_verify);
}

static void verified(struct api_job *job)
{
    struct verify *v = job->arg;
    if (v->report.missing && !v->report.broken && ++v->tries < TRIES) {
        loop_timer_arm(v->timer, AGAIN_MS);
        api_chore_wait(job);
        return;
    }
    if (job->e->o.auditor)
        auditor_heard(job->e->o.auditor, &v->report);
    audit_report_json(&v->report, &job->out);
    api_answer(job, E_OK, NULL);
}

static void verify(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    struct verify *v = xcalloc(1, sizeof(*v));
    v->timer = loop_timer_new(e->o.loop, verify_again, job);
    job->arg = v;
    job->free_arg = free_verify;
    job->then = verified;
    if (e->o.clock_timer)
        clock_timer_poke(e->o.clock_timer);
    api_chore(job, run_verify);
}

/* ---- doctor ---- */

static void put_unknown_account(void *ctx, const char *where, const char *account)
{
    struct api_job *job = ctx;
    char text[256];
    if (staff_by_name(job->e->o.staff, account))
        return;
    snprintf(text, sizeof(text), "%.120s names %.64s, who has no account", where, account);
    jw_str(&job->w, text);
}

static void put_unknown_department(void *ctx, const struct staff_account *a)
{
    struct api_job *job = ctx;
    char text[256];
    if (!a->department[0] || a->disabled || site_department(job->site, a->department))
        return;
    snprintf(text, sizeof(text), "account %.64s is of department %.64s, which there is not",
             a->name, a->department);
    jw_str(&job->w, text);
}

static void put_lacking_year(void *ctx, const char *calendar, int year)
{
    struct api_job *job = ctx;
    char text[256];
    snprintf(text, sizeof(text), "the holiday files of calendar %.64s have no day of %d", calendar,
             year);
    jw_str(&job->w, text);
}

static void put_lacking_years(struct api_job *job)
{
    struct calendars *calendars = job->e->o.clocks ? clocks_calendars(job->e->o.clocks) : NULL;
    if (calendars)
        calendars_each_lacking(calendars, job->now, put_lacking_year, job);
    calendars_unref(&calendars);
}

/* Whether anybody has a role. */
struct role_seen {
    const char *role;
    bool found;
};

static void see_role(void *ctx, const struct staff_account *a)
{
    struct role_seen *seen = ctx;
    seen->found |= a->kind == STAFF_PERSON && !a->disabled &&
                   strcmp(staff_role_name(a->role), seen->role) == 0;
}

/* Words that are an account's role; the others (responder, on_shift …) depend on the ticket. */
static void put_empty_role(void *ctx, const char *where, const char *role)
{
    struct api_job *job = ctx;
    struct role_seen seen = {.role = role};
    char text[256];
    if (strcmp(role, "supervisor") != 0 && strcmp(role, "manager") != 0 &&
        strcmp(role, "director") != 0)
        return;
    staff_each(job->e->o.staff, see_role, &seen);
    if (seen.found)
        return;
    snprintf(text, sizeof(text), "%.120s tells %.64s: nobody has that role", where, role);
    jw_str(&job->w, text);
}

/* Everything that checks say, and what the configuration names that is not there. */
static void doctor(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    struct buf checks = BUF_INIT(REPORT_MAX);
    struct jw w;
    jw_init(&w, &checks);
    enum check_state worst = checks_write(e->o.checks, &w);
    jw_obj(&job->w);
    jw_kstr(&job->w, "status", check_state_name(worst));
    jw_kstr(&job->w, "version", STEWARD_VERSION);
    jw_kraw(&job->w, "checks", checks.data);
    jw_key(&job->w, "warnings");
    jw_arr(&job->w);
    site_each_account(job->site, put_unknown_account, job);
    site_each_role(job->site, put_empty_role, job);
    staff_each(e->o.staff, put_unknown_department, job);
    put_lacking_years(job);
    jw_end_arr(&job->w);
    jw_end_obj(&job->w);
    buf_free(&checks);
    api_answer(job, E_OK, NULL);
}

/* ---- the clock of tests ---- */

/* Only while `stewardd --test-clock` has frozen the wall clock. */
static void set_clock(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct errmsg why;
    int64_t ms = 0;
    if (!clock_test_frozen() || http_proof(req) != HTTP_BY_SOCKET) {
        http_problem(req, 404, "there is nothing at %s", http_path(req));
        return;
    }
    if (json_get_int(http_body(req), "set", 1, INT64_MAX / 2, &ms, &why) < 0 || !ms) {
        http_invalid(req, "set", "set must be milliseconds since 1970");
        return;
    }
    clock_test_set(ms);
    if (e->o.clock_timer)
        clock_timer_poke(e->o.clock_timer);
    http_reply_json(req, 204, NULL, 0);
}

const struct http_route api_admin_routes[] = {
    ROUTE(POST, "/api/v1/reload", MAY_ADMIN, reload,
          "Read the configuration again; a bad one changes nothing", .answer = "Object",
          .flags = HTTP_REPEAT),
    ROUTE(POST, "/api/v1/backup", MAY_ADMIN, backup, "Copy the live database to a file",
          .body = "file!", .answer = "Object"),
    ROUTE(GET, "/api/v1/doctor", MAY_ADMIN, doctor, "What is wrong here", .answer = "Object"),
    ROUTE(GET, "/api/v1/audit", MAY_ADMIN | MAY_ROLE(ROLE_AUDITOR), list_audit,
          "Who read or changed what, newest first", .query = "object by limit:int cursor",
          .answer = "[Audit]"),
    ROUTE(GET, "/api/v1/audit/verify", MAY_SUPERVISE | MAY_ROLE(ROLE_AUDITOR), verify,
          "Read the history again: whether it is what was written, and where it is not first",
          .answer = "Object"),
    ROUTE(POST, "/api/v1/test/clock", MAY_ADMIN, set_clock, "Move the frozen clock of a test",
          .body = "set:int!", .flags = HTTP_HIDDEN | HTTP_REPEAT),
    {.path = NULL},
};
