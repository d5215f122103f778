/*
 * readers.c - reading beside the ledger: jobs on worker threads, each with its own read-only
 * connection, each job inside one read transaction (one picture). Cards that wait together share
 * one: whatever was committed since the one before makes SQLite forget the pages that it knew.
 */
#include <stdlib.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/worker.h"
#include "spine/ledger_priv.h"

#define CARDS_TOGETHER 24

struct readers {
    const struct db_driver *driver;
    char *where;
    struct worker *worker;
    struct reading *out; /* submitted, not answered; loop thread */
};

struct reading {
    struct readers *readers;
    struct ledger_read job;
    int rc;
    struct reading *prev, *next;
};

/** A thread's own connection, opened at its first job and again after it broke. */
struct local {
    struct readers *readers;
    struct db *db;
    int rc; /* of the group's transaction, and of what broke the connection since */
};

static void *local_open(void *ctx)
{
    struct local *local = xcalloc(1, sizeof(*local));
    local->readers = ctx;
    return local;
}

static void local_close(void *arg)
{
    struct local *local = arg;
    if (local->db)
        db_close(&local->db);
    free(local);
}

static int local_ready(struct local *local)
{
    if (local->db)
        return 0;
    struct errmsg why = {{0}};
    struct readers *r = local->readers;
    int rc = db_open(r->driver, r->where, DB_READER, &local->db, &why);
    if (rc < 0)
        log_error(NULL, "reader: %s", why.text);
    return rc;
}

static void group_begin(void *arg)
{
    struct local *local = arg;
    local->rc = local_ready(local);
    if (local->rc == 0)
        local->rc = db_begin(local->db);
}

static void group_end(void *arg)
{
    struct local *local = arg;
    if (local->db && db_commit(local->db) < 0)
        db_rollback(local->db);
    if (local->db && (local->rc == E_IO || local->rc == E_FATAL))
        db_close(&local->db); /* a fresh connection next time */
}

static void reading_run(void *arg, void *local_arg)
{
    struct reading *job = arg;
    struct local *local = local_arg;
    job->rc = local->rc;
    if (job->rc < 0)
        return;
    job->rc = job->job.run(local->db, job->job.arg);
    if (job->rc == E_IO || job->rc == E_FATAL)
        local->rc = job->rc;
}

static void reading_done(void *arg)
{
    struct reading *job = arg;
    DL_DELETE(job->readers->out, job);
    if (job->job.done)
        job->job.done(job->job.arg, job->rc);
    pool_give(job, sizeof(*job));
}

struct readers *readers_new(struct loop *loop, const struct db_driver *driver, const char *where,
                            int threads, size_t queue_max)
{
    struct readers *r = xcalloc(1, sizeof(*r));
    r->driver = driver;
    r->where = xstrdup(where);
    r->worker = worker_new(loop, &(struct worker_opts){.name = "reader",
                                                       .threads = threads,
                                                       .queue_max = queue_max,
                                                       .open_local = local_open,
                                                       .close_local = local_close,
                                                       .group_max = CARDS_TOGETHER,
                                                       .begin_group = group_begin,
                                                       .end_group = group_end,
                                                       .ctx = r});
    return r;
}

int readers_submit(struct readers *r, const struct ledger_read *read, bool urgent)
{
    struct reading *job = pool_take0(sizeof(*job));
    job->readers = r;
    job->job = *read;
    job->rc = E_CANCELLED; /* until it ran */
    struct worker_job work = {reading_run, reading_done, job};
    int rc = r->worker ? worker_submit(r->worker, &work, urgent) : E_BUSY;
    if (rc < 0) {
        pool_give(job, sizeof(*job));
        return rc;
    }
    DL_APPEND(r->out, job);
    return 0;
}

void readers_free(struct readers **rp)
{
    struct readers *r = *rp;
    if (!r)
        return;
    worker_free(&r->worker); /* runs the rest, delivers nothing more: that is done here */
    while (r->out)
        reading_done(r->out);
    free(r->where);
    free(r);
    *rp = NULL;
}
