/*
 * ledger.c - the ledger's queue and thread, and the delivery of what its batches came to.
 *
 * Commands go in over a mutex and a condition variable; outcomes come back over the same mutex
 * and one eventfd that the loop watches, all at once.
 */
#include "spine/ledger.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "spine/ledger_priv.h"

#define QUEUE_MAX_DEFAULT 8192
#define READERS_DEFAULT   2
#define LANE_MAX          4096 /* reads waiting in each lane */
#define STOP_ROUNDS       1000 /* batches that answers may still add while stopping */

struct ledger {
    struct ledger_opts opts;
    char *where;
    struct readers *readers;
    struct db *startup;
    struct loop_fd *wake;
    int wake_fd;

    /* loop thread alone */
    size_t waiting; /* submitted, not delivered */
    bool pressed;

    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    /* under the mutex */
    struct entry *queue;
    struct outcome *outcomes;
    bool stopping, unhealthy;
    struct errmsg trouble; /* while unhealthy */
    struct ledger_stats stats;

    struct runner runner;       /* ledger thread; after the join the loop thread */
    struct complaint complaint; /* likewise */
};

/* ---- the ledger thread -------------------------------------------------------------------- */

/* On the clock of the condition variable. */
static struct timespec in_ms(int ms)
{
    int64_t us = clock_mono_us() + (int64_t)ms * 1000;
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = (us % 1000000) * 1000};
}

/* Waits for the time between two tries, however many commands come meanwhile. */
static void back_off(struct ledger *l, int ms)
{
    struct timespec until = in_ms(ms);
    while (ms > 0 && !l->stopping &&
           pthread_cond_timedwait(&l->cond, &l->mutex, &until) != ETIMEDOUT) {
    }
}

/* Moves what waits to the runner. False: nothing is left and the ledger stops. */
static bool take(struct ledger *l)
{
    struct runner *r = &l->runner;
    pthread_mutex_lock(&l->mutex);
    back_off(l, runner_backoff(r));
    while (!l->queue && !r->todo && !l->stopping) {
        if (!l->unhealthy) {
            pthread_cond_wait(&l->cond, &l->mutex);
            continue;
        }
        struct timespec until = in_ms(LEDGER_PROBE_MS);
        if (pthread_cond_timedwait(&l->cond, &l->mutex, &until) == ETIMEDOUT)
            break;
    }
    DL_CONCAT(r->todo, l->queue);
    l->queue = NULL;
    r->stopping = l->stopping;
    bool more = r->todo || !l->stopping;
    pthread_mutex_unlock(&l->mutex);
    return more;
}

static void set_health(struct ledger *l, int rc, const struct errmsg *why)
{
    pthread_mutex_lock(&l->mutex);
    l->unhealthy = rc < 0;
    if (rc < 0)
        l->trouble = *why;
    pthread_mutex_unlock(&l->mutex);
    if (rc < 0)
        log_complain(&l->complaint, NULL, "ledger: the store cannot be written to: %s", why->text);
    else
        log_recovered(&l->complaint, NULL, "ledger: the store");
}

static void count_round(struct ledger_stats *s, const struct round *round)
{
    if (!round->committed) {
        s->retried++;
        return;
    }
    s->batches++;
    s->commit_us_last = round->us;
    s->commit_us_max = round->us > s->commit_us_max ? round->us : s->commit_us_max;
}

static void hand_over(struct ledger *l, const struct round *round)
{
    struct entry *e;
    uint64_t commands = 0, refused = 0, one = 1;
    if (round->out) {
        DL_FOREACH (round->out->entries, e) {
            commands++;
            refused += e->rc < 0;
        }
    }
    pthread_mutex_lock(&l->mutex);
    count_round(&l->stats, round);
    l->stats.commands += commands;
    l->stats.refused += refused;
    bool first = !l->outcomes;
    if (round->out)
        DL_APPEND(l->outcomes, round->out);
    pthread_mutex_unlock(&l->mutex);
    if (round->out && first && write(l->wake_fd, &one, sizeof(one)) < 0)
        log_error(NULL, "ledger: cannot wake the loop: %s", strerror(errno));
}

static void one_round(struct ledger *l)
{
    struct errmsg why = {{0}};
    if (!l->runner.todo) {
        int rc = runner_probe(&l->runner, &why);
        set_health(l, rc, &why);
        return;
    }
    struct round round;
    runner_round(&l->runner, &round);
    if (round.committed || round.rc != E_CONSTRAINT)
        set_health(l, round.rc, &round.why);
    hand_over(l, &round);
    if (round.committed)
        db_tidy(l->runner.db);
}

static void *ledger_main(void *arg)
{
    struct ledger *l = arg;
    while (take(l))
        one_round(l);
    return NULL;
}

/* ---- the loop thread ---------------------------------------------------------------------- */

static void press(struct ledger *l)
{
    bool full =
        l->pressed ? l->waiting * 4 >= l->opts.queue_max : l->waiting * 4 > l->opts.queue_max * 3;
    if (full != l->pressed) {
        l->pressed = full;
        if (l->opts.pressure)
            l->opts.pressure(l->opts.ctx, full);
    }
}

static void release_effects(struct effect *e, size_t n)
{
    for (; n > 0; n--, e++) {
        e->fn(e->ctx, e->arg);
        if (e->free_arg)
            e->free_arg(e->arg);
    }
}

static void deliver_entry(struct ledger *l, struct entry *e, struct effect *effects)
{
    release_effects(effects + e->effects_from, e->effects_to - e->effects_from);
    struct errmsg why = {{0}};
    if (e->rc < 0)
        errmsg_set(&why, e->rc, "%s", e->why ? e->why : err_name(e->rc));
    l->waiting--;
    if (e->cmd.done)
        e->cmd.done(e->cmd.arg, e->rc, &why);
    free(e->why);
    free(e);
}

static void deliver(struct ledger *l, struct outcome *o)
{
    struct entry *e, *tmp;
    DL_FOREACH_SAFE (o->entries, e, tmp)
        deliver_entry(l, e, o->effects);
    release_effects(o->effects + o->hooks_from, o->effects_n - o->hooks_from);
    free(o->effects);
    free(o);
}

/* Everything that has arrived; true if there was something. */
static bool drain(struct ledger *l)
{
    pthread_mutex_lock(&l->mutex);
    struct outcome *o, *tmp, *all = l->outcomes;
    l->outcomes = NULL;
    pthread_mutex_unlock(&l->mutex);
    DL_FOREACH_SAFE (all, o, tmp)
        deliver(l, o);
    press(l);
    return all != NULL;
}

static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
    uint64_t count;
    if (read((int)fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
        drain(arg);
}

int ledger_submit(struct ledger *l, const struct ledger_cmd *cmd)
{
    assert(loop_is_mine(l->opts.loop));
    if (!cmd->insist && l->waiting >= l->opts.queue_max)
        return E_BUSY;
    struct entry *e = xcalloc(1, sizeof(*e));
    e->cmd = *cmd;
    pthread_mutex_lock(&l->mutex);
    bool first = !l->queue;
    DL_APPEND(l->queue, e);
    if (first)
        pthread_cond_signal(&l->cond);
    pthread_mutex_unlock(&l->mutex);
    l->waiting++;
    press(l);
    return 0;
}

void ledger_expect(struct ledger *l, ptrdiff_t n)
{
    assert(loop_is_mine(l->opts.loop));
    l->waiting += (size_t)n;
    press(l);
}

bool ledger_healthy(struct ledger *l, struct errmsg *why)
{
    pthread_mutex_lock(&l->mutex);
    bool healthy = !l->unhealthy;
    if (!healthy && why)
        *why = l->trouble;
    pthread_mutex_unlock(&l->mutex);
    return healthy;
}

void ledger_get_stats(struct ledger *l, struct ledger_stats *out)
{
    pthread_mutex_lock(&l->mutex);
    *out = l->stats;
    pthread_mutex_unlock(&l->mutex);
    out->waiting = l->waiting;
}

int ledger_read(struct ledger *l, const struct ledger_read *read_job, bool urgent)
{
    return l->readers ? readers_submit(l->readers, read_job, urgent) : E_BUSY;
}

struct db *ledger_startup_db(struct ledger *l)
{
    if (!l->startup) {
        struct errmsg why;
        if (db_open(l->opts.driver, l->where, DB_READER, &l->startup, &why) < 0)
            log_error(NULL, "ledger: %s", why.text);
    }
    return l->startup;
}

/* ---- start and stop ----------------------------------------------------------------------- */

/* The thread takes no signals: they are the loop's. */
static int start_thread(struct ledger *l)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&l->thread, NULL, ledger_main, l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        pthread_setname_np(l->thread, "ledger");
    return rc;
}

static void init_locks(struct ledger *l)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&l->cond, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&l->mutex, NULL);
}

static void destroy(struct ledger *l)
{
    if (l->startup)
        db_close(&l->startup);
    runner_deinit(&l->runner); /* last: who writes puts the log into the database as it closes */
    loop_fd_free(&l->wake);
    close(l->wake_fd);
    pthread_cond_destroy(&l->cond);
    pthread_mutex_destroy(&l->mutex);
    free(l->where);
    free(l);
}

struct ledger *ledger_new(const struct ledger_opts *opts, struct errmsg *why)
{
    struct db *db = NULL;
    if (db_open(opts->driver, opts->where, DB_WRITER, &db, why) < 0)
        return NULL;
    struct ledger *l = xcalloc(1, sizeof(*l));
    l->opts = *opts;
    l->opts.queue_max = opts->queue_max ? opts->queue_max : QUEUE_MAX_DEFAULT;
    l->where = xstrdup(opts->where);
    runner_init(&l->runner, db);
    init_locks(l);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    l->wake = loop_fd_new(opts->loop, l->wake_fd, EV_READ, wake_cb, l);
    if (l->wake_fd < 0 || start_thread(l) != 0) {
        errmsg_set(why, E_IO, "cannot start the ledger: %s", strerror(errno));
        destroy(l);
        return NULL;
    }
    l->readers = readers_new(opts->loop, opts->driver, l->where,
                             opts->readers ? opts->readers : READERS_DEFAULT, LANE_MAX);
    return l;
}

/* What answers submitted while the daemon stops is run, too, here: the thread is gone. */
static void finish(struct ledger *l)
{
    for (int i = 0; i < STOP_ROUNDS && (drain(l) || l->queue || l->runner.todo); i++) {
        if (l->queue || l->runner.todo) {
            take(l);
            one_round(l);
        }
    }
    if (l->queue || l->runner.todo)
        log_error(NULL, "ledger: commands were still coming while stopping; the rest is dropped");
}

void ledger_free(struct ledger **lp)
{
    struct ledger *l = *lp;
    if (!l)
        return;
    readers_free(&l->readers);
    pthread_mutex_lock(&l->mutex);
    l->stopping = true;
    pthread_cond_signal(&l->cond);
    pthread_mutex_unlock(&l->mutex);
    pthread_join(l->thread, NULL);
    finish(l);
    destroy(l);
    *lp = NULL;
}
