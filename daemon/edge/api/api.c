/*
 * api.c - jobs: what a handler asks of a reader or of the ledger, and the answer.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/number.h"
#include "edge/api/api_once.h"
#include "store/repo_audit.h"

struct api_job *api_job(struct http_req *req, struct edge *e)
{
    struct api_job *job = xcalloc(1, sizeof(*job));
    job->req = req;
    job->e = e;
    job->site = site_ref(e->o.site);
    job->actor = *http_actor(req);
    job->now = clock_now_ms();
    job->status = 200;
    buf_init(&job->out, API_OUT_MAX);
    jw_init(&job->w, &job->out);
    return job;
}

void api_job_free(struct api_job *job)
{
    if (job->free_arg)
        job->free_arg(job->arg);
    api_once_end(job);
    site_unref(&job->site);
    buf_free(&job->out);
    free(job->key);
    free(job->seen.ids);
    free(job);
}

void api_answer(struct api_job *job, int rc, const struct errmsg *why)
{
    if (rc == E_OK && job->out.overflow)
        rc = E_TOOBIG;
    if (rc == E_OK && job->after)
        job->after(job);
    if (rc == E_OK && api_once_keep(job))
        return;
    if (rc < 0 && why && why->text[0] && !job->verb.text[0])
        rc = api_why(job, rc, why);
    if (rc == E_OK)
        http_reply_json(job->req, job->status, job->out.data, job->out.len);
    else
        http_fail(job->req, rc, &job->verb, why);
    api_job_free(job);
}

/* Both run functions may be called again for the same job: begin afresh. */
static void restart(struct api_job *job)
{
    buf_reset(&job->out);
    jw_init(&job->w, &job->out);
    job->status = 200;
    job->seen.n = 0;
    job->replayed = false;
    job->refused = NULL;
    memset(&job->verb, 0, sizeof(job->verb));
}

/* ---- reading ---- */

static int run_read(struct db *db, void *arg)
{
    struct api_job *job = arg;
    restart(job);
    int rc = job->read(db, job);
    if (rc == E_OK && mask_for(job->actor.kind, job->actor.role))
        mask_json(&job->out);
    return rc;
}

static int run_audit(struct ledger_tx *tx, void *arg)
{
    struct api_job *job = arg;
    char object[32];
    struct buf data = BUF_INIT(4096);
    struct jw w;
    jw_init(&w, &data);
    jw_obj(&w);
    jw_kstr(&w, "by", http_path(job->req));
    jw_end_obj(&w);
    int rc = E_OK;
    for (size_t i = 0; i < job->seen.n && rc == E_OK; i++) {
        snprintf(object, sizeof(object), "person:%lld", (long long)job->seen.ids[i]);
        rc = api_audit(tx, job->actor.name, "person.read", object, buf_str(&data));
    }
    buf_free(&data);
    return rc;
}

static void audit_done(void *arg, int rc, const struct errmsg *why)
{
    api_answer(arg, rc, why);
}

/* Nobody reads a record that is not in the log: what cannot be logged is not answered. */
static void read_done(void *arg, int rc)
{
    struct api_job *job = arg;
    struct ledger_cmd cmd = {
        .name = "audit_read", .run = run_audit, .done = audit_done, .arg = job};
    if (rc == E_OK && job->seen.n) {
        rc = ledger_submit(job->e->o.ledger, &cmd);
        if (rc == E_OK)
            return;
    }
    api_answer(job, rc, NULL);
}

void api_read(struct api_job *job, const char *name, api_read_fn *fn)
{
    struct ledger_read read = {.name = name, .run = run_read, .done = read_done, .arg = job};
    job->read = fn;
    int rc = ledger_read(job->e->o.ledger, &read, false);
    if (rc < 0)
        api_answer(job, rc, NULL);
}

/* ---- writing ---- */

static int run_write(struct ledger_tx *tx, void *arg)
{
    struct api_job *job = arg;
    restart(job);
    job->now = ledger_now(tx);
    if (job->key) {
        int rc = api_once_recall(ledger_db(tx), job);
        job->replayed = rc == 1;
        if (rc != 0)
            return rc < 0 ? rc : E_OK;
    }
    int rc = job->write(tx, job);
    return rc == E_OK && job->key ? api_once_remember(ledger_db(tx), job) : rc;
}

static int run_refused(struct ledger_tx *tx, void *arg)
{
    struct api_job *job = arg;
    return job->refused(tx, job);
}

/* The answer is the refusal; that it could not be recorded is the log's. */
static void refused_done(void *arg, int rc, const struct errmsg *why)
{
    struct api_job *job = arg;
    if (rc < 0)
        log_error(&job->e->log, "a refused '%s' could not be recorded: %s", job->name, why->text);
    api_answer(job, job->rc, &job->why);
}

static bool record_refusal(struct api_job *job, int rc, const struct errmsg *why)
{
    struct ledger_cmd cmd = {
        .name = "refusal", .run = run_refused, .done = refused_done, .arg = job, .insist = true};
    if (rc == E_OK || !job->refused || rc == E_CANCELLED || rc == E_BUSY || job->e->closed)
        return false;
    job->rc = rc;
    if (!job->why.text[0])
        job->why = *why;
    return ledger_submit(job->e->o.ledger, &cmd) == E_OK;
}

static void write_done(void *arg, int rc, const struct errmsg *why)
{
    struct api_job *job = arg;
    if (record_refusal(job, rc, why))
        return;
    if (rc == E_OK && job->then && !job->replayed)
        job->then(job);
    else
        api_answer(job, rc, why);
}

void api_write(struct api_job *job, const char *name, api_write_fn *fn)
{
    struct ledger_cmd cmd = {.name = name, .run = run_write, .done = write_done, .arg = job};
    job->write = fn;
    int rc = api_once_key(job);
    if (rc == E_OK)
        rc = ledger_submit(job->e->o.ledger, &cmd);
    if (rc < 0)
        api_answer(job, rc, NULL);
}

/* ---- chores ---- */

static void run_chore(void *arg, void *local)
{
    struct api_job *job = arg;
    job->rc = job->chore(job, &job->why);
}

static void chore_done(void *arg)
{
    struct api_job *job = arg;
    DL_DELETE(job->e->chores, job);
    job->waiting = false;
    if (job->rc == E_OK && job->then)
        job->then(job);
    else
        api_answer(job, job->rc, &job->why);
}

void api_chore_wait(struct api_job *job)
{
    job->rc = E_CANCELLED;
    job->waiting = true;
    DL_APPEND(job->e->chores, job);
}

void api_chore(struct api_job *job, api_chore_fn *fn)
{
    struct worker_job work = {.run = run_chore, .done = chore_done, .arg = job};
    job->chore = fn;
    job->rc = E_CANCELLED; /* until it has run */
    if (!job->waiting)
        DL_APPEND(job->e->chores, job);
    job->waiting = false;
    int rc = worker_submit(job->e->worker, &work, false);
    if (rc < 0) {
        job->rc = rc;
        chore_done(job);
    }
}

void api_chores_end(struct edge *e)
{
    while (e->chores) {
        e->chores->then = NULL;
        e->chores->rc = E_CANCELLED;
        chore_done(e->chores);
    }
}

/* ---- helpers ---- */

void api_items(struct api_job *job)
{
    jw_obj(&job->w);
    jw_key(&job->w, "items");
    jw_arr(&job->w);
}

void api_items_end(struct api_job *job, int64_t next)
{
    char cursor[24];
    snprintf(cursor, sizeof(cursor), "%lld", (long long)next);
    jw_end_arr(&job->w);
    jw_kstr(&job->w, "next", next ? cursor : NULL);
    jw_end_obj(&job->w);
}

struct api_job *api_list(struct http_req *req, struct edge *e)
{
    int limit;
    int64_t seen;
    if (!http_page_id(req, &limit, &seen))
        return NULL;
    struct api_job *job = api_job(req, e);
    job->limit = http_query(req, "limit") ? limit : INT_MAX;
    job->before = seen;
    api_items(job);
    return job;
}

bool api_list_row(struct api_job *job)
{
    int64_t row = job->rows++;
    return row >= job->before && row - job->before < job->limit;
}

void api_list_end(struct api_job *job)
{
    int64_t next = job->before + job->limit;
    api_items_end(job, job->rows > next ? next : 0);
    api_answer(job, E_OK, NULL);
}

int api_audit(struct ledger_tx *tx, const char *by, const char *what, const char *object,
              const char *data_json)
{
    return repo_audit_add(ledger_db(tx), ledger_now(tx), by, what, object, data_json);
}

int api_bad(struct api_job *job, const char *field, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(job->verb.text, sizeof(job->verb.text), fmt, ap);
    va_end(ap);
    text_copy(job->verb.field, sizeof(job->verb.field), field);
    return E_INVALID;
}

int api_text_opt(struct api_job *job, const char *field, size_t max, const char **out)
{
    struct errmsg why;
    *out = NULL;
    int rc = json_get_str(http_body(job->req), field, max, out, &why);
    return rc < 0 ? api_bad(job, field, "%s", why.text) : E_OK;
}

const char *api_text(struct api_job *job, const char *field, size_t max)
{
    const char *text;
    if (api_text_opt(job, field, max, &text) < 0)
        return NULL;
    if (text && *text)
        return text;
    (void)api_bad(job, field, "%s is missing", field);
    return NULL;
}

/* "phones[0]: not a number" names its field. */
int api_why(struct api_job *job, int rc, const struct errmsg *why)
{
    size_t n = strspn(why->text, "abcdefghijklmnopqrstuvwxyz_.[]0123456789");
    text_copy(job->verb.text, sizeof(job->verb.text), why->text);
    if (rc == E_INVALID && n > 0 && why->text[n] == ':')
        text_copyn(job->verb.field, sizeof(job->verb.field), why->text, n);
    return rc;
}

void api_job_keep(struct api_job *job, const void *values, size_t size)
{
    job->arg = xmalloc(size);
    memcpy(job->arg, values, size);
    job->free_arg = free;
}

/* A '+' that was not escaped arrives as a blank. */
const char *api_number(struct api_job *job, const char *query)
{
    const char *raw = http_query(job->req, query);
    struct number_rules rules;
    struct number number;
    if (!raw)
        return NULL;
    text_copy(job->number, sizeof(job->number), raw);
    if (job->number[0] == ' ')
        job->number[0] = '+';
    number_rules_of(job->site, &rules);
    number_normalise(&rules, job->number, &number);
    if (number.value[0])
        text_copy(job->number, sizeof(job->number), number.value);
    return job->number;
}
