/*
 * import.c - imports as jobs: starting, the ledger's commands that store their batches, status,
 * and telling the others when one has ended.
 */
#include "service/import/import.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "service/import/import_priv.h"
#include "service/registry/registry.h"
#include "service/staff/staff.h"
#include "store/repo_audit.h"

#define JOBS_MAX      8
#define REPORT_MAX    500
#define TELL_EVERY_US 5000000 /* how often cards are dropped while an import runs */

struct importer {
    struct importer_opts opts;
    char *where;
    struct import_job *jobs; /* the latest first */
    struct import_job *running;
    struct loop_fd *wake;
    int wake_fd;
    int64_t told_at;
};

/* ---- batches through the ledger ------------------------------------------------------------- */

/* A row's own fault leaves the others alone; the store's fault is the command's. */
static int apply_row(struct ledger_tx *tx, struct import_batch *b, int i)
{
    struct db *db = ledger_db(tx);
    struct errmsg why = {{0}};
    enum put what = PUT_SAME;
    int rc = db_savepoint(db);
    if (rc < 0)
        return rc;
    rc = import_kinds[b->kind].apply(db, &b->rows[i], ledger_now(tx), &what, &why);
    if (rc == 0) {
        b->result[i] = (int)what;
        return db_release(db);
    }
    if (rc != E_INVALID && rc != E_CONSTRAINT)
        return rc;
    b->result[i] = -1;
    snprintf(b->reasons[i], IMPORT_REASON_MAX, "%.190s",
             why.text[0] ? why.text : db_last_error(db));
    db_rollback_to(db);
    return db_in_transaction(db) ? 0 : E_IO;
}

static int batch_run(struct ledger_tx *tx, void *arg)
{
    struct import_batch *b = arg;
    int rc = 0;
    for (int i = 0; rc == 0 && i < b->n; i++)
        rc = apply_row(tx, b, i);
    if (rc == 0 && b->job->staff && strcmp(import_kinds[b->kind].file, "shifts.csv") == 0)
        rc = staff_shifts_changed(b->job->staff, tx);
    return rc;
}

static void count_batch(struct import_job *job, const struct import_batch *b)
{
    for (int i = 0; i < b->n; i++) {
        if (b->result[i] < 0) {
            import_refuse(job, b->kind, b->rows[i].line, b->reasons[i]);
        } else {
            pthread_mutex_lock(&job->mutex);
            job->files[b->kind].put[b->result[i]]++;
            pthread_mutex_unlock(&job->mutex);
        }
    }
}

static void tell_now_and_then(struct importer *im)
{
    int64_t now = clock_mono_us();
    if (now - im->told_at >= TELL_EVERY_US) {
        im->told_at = now;
        registry_tell_everybody(im->opts.registry, false);
    }
}

static void batch_done(void *arg, int rc, const struct errmsg *why)
{
    struct import_batch *b = arg;
    struct import_job *job = b->job;
    if (rc == 0)
        count_batch(job, b);
    pthread_mutex_lock(&job->mutex);
    job->in_flight = false;
    if (rc < 0) {
        job->lost = true;
        snprintf(job->error, sizeof(job->error), "the store refused: %.200s", why->text);
    }
    pthread_cond_signal(&job->cond);
    pthread_mutex_unlock(&job->mutex);
    if (rc == 0 && job->im)
        tell_now_and_then(job->im);
    import_batch_free(&b);
    import_job_unref(job);
}

static void submit_batch(struct importer *im, struct import_job *job, struct import_batch *b)
{
    job->refs++;
    struct ledger_cmd cmd = {
        .name = "import", .run = batch_run, .done = batch_done, .arg = b, .insist = true};
    if (ledger_submit(im->opts.ledger, &cmd) < 0) {
        struct errmsg why = {"the ledger is full"};
        batch_done(b, E_BUSY, &why);
    }
}

/* ---- the end of a job ----------------------------------------------------------------------- */

struct audit {
    char *by, *data;
};

static int audit_run(struct ledger_tx *tx, void *arg)
{
    struct audit *a = arg;
    return repo_audit_add(ledger_db(tx), ledger_now(tx), a->by, "import", NULL, a->data);
}

static void audit_done(void *arg, int rc, const struct errmsg *why)
{
    struct audit *a = arg;
    free(a->by);
    free(a->data);
    free(a);
}

static void audit_job(struct importer *im, const struct import_job *job)
{
    struct audit *a = xcalloc(1, sizeof(*a));
    struct buf b = BUF_INIT(4096);
    struct jw w;
    jw_init(&w, &b);
    jw_obj(&w);
    for (int k = 0; k < IMPORT_KINDS; k++) {
        const struct import_file *f = &job->files[k];
        if (f->rows) {
            jw_key(&w, import_kinds[k].file);
            jw_obj(&w);
            jw_kint(&w, "added", f->put[PUT_NEW]);
            jw_kint(&w, "changed", f->put[PUT_CHANGED]);
            jw_kint(&w, "refused", f->refused);
            jw_end_obj(&w);
        }
    }
    jw_end_obj(&w);
    a->by = xstrdup(job->by);
    a->data = buf_take(&b);
    struct ledger_cmd cmd = {
        .name = "audit", .run = audit_run, .done = audit_done, .arg = a, .insist = true};
    if (ledger_submit(im->opts.ledger, &cmd) < 0)
        audit_done(a, E_BUSY, NULL);
}

static int by_place(const void *a, const void *b)
{
    const struct import_refusal *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind - y->kind;
    return x->line < y->line ? -1 : x->line > y->line;
}

static void job_ended(struct importer *im, struct import_job *job)
{
    pthread_join(job->thread, NULL);
    im->running = NULL;
    buf_free(&job->body);
    int64_t changed = 0;
    for (int k = 0; k < IMPORT_KINDS; k++)
        changed += job->files[k].put[PUT_NEW] + job->files[k].put[PUT_CHANGED];
    if (job->refused_n)
        qsort(job->refused, job->refused_n, sizeof(*job->refused), by_place);
    log_info(NULL, "import %s: %lld rows added or changed, %zu refused%s%s", job->id,
             (long long)changed, job->refused_total, job->error[0] ? "; " : "", job->error);
    if (changed && !job->dry_run) {
        audit_job(im, job);
        registry_tell_everybody(im->opts.registry, true);
    }
    if (job->done)
        job->done(job->ctx, job->id);
}

static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
    struct importer *im = arg;
    struct import_job *job = im->running;
    uint64_t count;
    if (read((int)fd, &count, sizeof(count)) < 0 || !job)
        return;
    pthread_mutex_lock(&job->mutex);
    struct import_batch *b = job->outgoing;
    job->outgoing = NULL;
    bool ended = job->ended;
    pthread_mutex_unlock(&job->mutex);
    if (b)
        submit_batch(im, job, b);
    if (ended)
        job_ended(im, job);
}

/* ---- jobs --------------------------------------------------------------------------------- */

void import_job_unref(struct import_job *job)
{
    if (--job->refs > 0)
        return;
    import_batch_free(&job->outgoing);
    for (size_t i = 0; i < job->refused_n; i++)
        free(job->refused[i].reason);
    free(job->refused);
    for (size_t i = 0; i < job->warnings_n; i++)
        free(job->warnings[i].reason);
    buf_free(&job->body);
    site_unref(&job->site.site);
    pthread_mutex_destroy(&job->mutex);
    pthread_cond_destroy(&job->cond);
    free(job->dir);
    free(job->by);
    free(job->where);
    free(job);
}

static struct import_job *job_new(struct importer *im, const struct import_request *rq)
{
    struct import_job *job = xcalloc(1, sizeof(*job));
    char token[9];
    rng_token(token, 8);
    snprintf(job->id, sizeof(job->id), "i-%s", token);
    job->refs = 1;
    job->im = im;
    job->staff = im->opts.staff;
    job->dir = xstrdup(rq->dir);
    job->by = xstrdup(rq->by ? rq->by : "");
    job->where = xstrdup(im->where);
    job->driver = im->opts.driver;
    job->only = rq->dir ? -1 : (int)(import_kind_of(rq->file) - import_kinds);
    job->first_line = !rq->dir && rq->line > 1 ? rq->line - 1 : 1;
    job->dry_run = rq->dry_run;
    job->done = rq->done;
    job->ctx = rq->ctx;
    job->started_at = clock_now_ms();
    job->wake_fd = im->wake_fd;
    registry_rules(im->opts.registry, &job->site.rules);
    job->site.site = registry_site(im->opts.registry);
    pthread_mutex_init(&job->mutex, NULL);
    pthread_cond_init(&job->cond, NULL);
    for (int k = 0; k < IMPORT_KINDS; k++)
        job->files[k].state = job->only < 0 || job->only == k ? IMPORT_WAITING : IMPORT_ABSENT;
    return job;
}

static void forget_old(struct importer *im)
{
    int n = 0;
    for (struct import_job **at = &im->jobs; *at;) {
        struct import_job *job = *at;
        if (++n > JOBS_MAX) {
            *at = job->next;
            import_job_unref(job);
        } else {
            at = &job->next;
        }
    }
}

static int start_thread(struct import_job *job)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&job->thread, NULL, import_job_main, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

int importer_start(struct importer *im, const struct import_request *rq, char id[IMPORT_ID_MAX],
                   struct errmsg *why)
{
    if (!rq->dir && (!rq->file || !import_kind_of(rq->file))) {
        return errmsg_set(why, E_INVALID,
                          "file: must be units.csv, buildings.csv, persons.csv, tenures.csv, "
                          "vehicles.csv or shifts.csv");
    }
    if (im->running)
        return errmsg_set(why, E_BUSY, "import %s is still running", im->running->id);
    struct import_job *job = job_new(im, rq);
    if (rq->body && !rq->dir) {
        job->body = *rq->body;
        buf_init(rq->body, job->body.max);
    }
    int rc = start_thread(job);
    if (rc != 0) {
        import_job_unref(job);
        return errmsg_set(why, E_IO, "cannot start a thread: %s", strerror(rc));
    }
    job->next = im->jobs;
    im->jobs = im->running = job;
    forget_old(im);
    text_copy(id, IMPORT_ID_MAX, job->id);
    return 0;
}

/* ---- status ------------------------------------------------------------------------------- */

static const char *const state_names[] = {[IMPORT_WAITING] = "waiting",
                                          [IMPORT_ABSENT] = "absent",
                                          [IMPORT_RUNNING] = "running",
                                          [IMPORT_DONE] = "done",
                                          [IMPORT_FAILED] = "failed"};

/* What a dry run cannot know is null. */
static void file_json(const struct import_job *job, int k, struct jw *w)
{
    static const struct {
        const char *name;
        enum put put;
    } words[] = {{"added", PUT_NEW}, {"changed", PUT_CHANGED}, {"same", PUT_SAME}};
    const struct import_file *f = &job->files[k];
    jw_obj(w);
    jw_kstr(w, "file", import_kinds[k].file);
    jw_kstr(w, "state", state_names[f->state]);
    jw_kint(w, "bytes", f->bytes);
    jw_kint(w, "read", f->read);
    jw_kint(w, "rows", f->rows);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (job->dry_run)
            jw_kraw(w, words[i].name, "null");
        else
            jw_kint(w, words[i].name, f->put[words[i].put]);
    jw_kint(w, "good", f->good);
    jw_kint(w, "refused", f->refused);
    jw_end_obj(w);
}

static void refused_json(const struct import_job *job, size_t skip, struct jw *w)
{
    jw_kint(w, "refused_total", (int64_t)job->refused_total);
    jw_key(w, "refused");
    jw_arr(w);
    for (size_t i = skip; i < job->refused_n && i - skip < REPORT_MAX; i++) {
        jw_obj(w);
        jw_kstr(w, "file", import_kinds[job->refused[i].kind].file);
        jw_kint(w, "line", job->refused[i].line);
        jw_kstr(w, "reason", job->refused[i].reason);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void warnings_json(const struct import_job *job, struct jw *w)
{
    jw_key(w, "warnings");
    jw_arr(w);
    for (size_t i = 0; i < job->warnings_n; i++) {
        jw_obj(w);
        jw_kstr(w, "file", import_kinds[job->warnings[i].kind].file);
        jw_kstr(w, "text", job->warnings[i].reason);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void job_json(struct import_job *job, bool running, size_t skip, struct jw *w)
{
    pthread_mutex_lock(&job->mutex);
    jw_obj(w);
    jw_kstr(w, "id", job->id);
    jw_kstr(w, "state", running ? "running" : job->error[0] ? "failed" : "done");
    jw_kbool(w, "dry_run", job->dry_run);
    jw_kstr(w, "by", job->by);
    jw_ktime(w, "started_at", job->started_at);
    jw_ktime(w, "ended_at", running ? 0 : job->ended_at);
    jw_kstr(w, "error", job->error[0] ? job->error : NULL);
    jw_key(w, "files");
    jw_arr(w);
    for (int k = 0; k < IMPORT_KINDS; k++)
        file_json(job, k, w);
    jw_end_arr(w);
    refused_json(job, skip, w);
    warnings_json(job, w);
    jw_end_obj(w);
    pthread_mutex_unlock(&job->mutex);
}

int importer_status_json(struct importer *im, const char *id, size_t skip, struct jw *w)
{
    for (struct import_job *job = im->jobs; job; job = job->next) {
        if (strcmp(job->id, id) == 0) {
            job_json(job, job == im->running, skip, w);
            return 0;
        }
    }
    return E_NOTFOUND;
}

const char *importer_latest(struct importer *im)
{
    return im->jobs ? im->jobs->id : "";
}

/* ---- life --------------------------------------------------------------------------------- */

struct importer *importer_new(const struct importer_opts *opts)
{
    struct importer *im = xcalloc(1, sizeof(*im));
    im->opts = *opts;
    im->where = xstrdup(opts->where);
    im->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    im->wake = loop_fd_new(opts->loop, im->wake_fd, EV_READ, wake_cb, im);
    return im;
}

static void stop_running(struct import_job *job)
{
    pthread_mutex_lock(&job->mutex);
    job->stop = true;
    pthread_cond_signal(&job->cond);
    pthread_mutex_unlock(&job->mutex);
    pthread_join(job->thread, NULL);
}

void importer_free(struct importer **imp)
{
    struct importer *im = *imp;
    if (!im)
        return;
    if (im->running)
        stop_running(im->running);
    while (im->jobs) {
        struct import_job *job = im->jobs;
        im->jobs = job->next;
        job->im = NULL; /* a batch of it may still be with the ledger */
        import_job_unref(job);
    }
    loop_fd_free(&im->wake);
    close(im->wake_fd);
    free(im->where);
    free(im);
    *imp = NULL;
}
