/*
 * clock_timer.c - the loop's one timer for the nearest due moment, and the rounds that it starts.
 *
 * Commands note moments they wrote through an atomic `armed`: only one that is nearer than what
 * the loop waits for costs an effect. The loop timer runs by monotonic time and never longer than
 * a quarter of a second, so that a jump of the wall clock is seen.
 */
#include "service/clocks/clock_timer.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/repo_ticket.h"

#define ROUND    64  /* clocks of one round (measured: the best point) */
#define LOOK_MS  250 /* at least so often the wall clock is asked */
#define RETRY_MS 200 /* after a round that the store refused */

struct clock_timer {
    clock_due_fn *due;
    void *due_ctx;
    struct ledger *ledger;
    struct loop_timer *timer;
    _Atomic int64_t armed; /* the nearest moment that the loop knows of; INT64_MAX: none */
    bool started, running; /* running: a round is in the ledger */
    struct clock_timer_stats stats;
};

/* One round: what it did, and what comes next. */
struct round {
    struct clock_timer *timer;
    int done;
    int64_t oldest, now;
};

static void arm(struct clock_timer *t)
{
    int64_t at = atomic_load(&t->armed);
    int64_t wait = at == INT64_MAX ? LOOK_MS : at - clock_now_ms();
    if (!t->started || t->running)
        return;
    loop_timer_arm(t->timer, wait < 0 ? 0 : wait > LOOK_MS ? LOOK_MS : wait);
}

static int run_round(struct ledger_tx *tx, void *arg)
{
    struct round *r = arg;
    int64_t nearest = 0, next = 0;
    int rc = repo_clocks_nearest(ledger_db(tx), &nearest);
    r->oldest = nearest;
    r->now = ledger_now(tx);
    if (rc == E_OK)
        rc = r->timer->due(r->timer->due_ctx, tx, ROUND, &r->done);
    if (rc == E_OK)
        rc = repo_clocks_nearest(ledger_db(tx), &next);
    /* Here and not after the commit: what later commands note is compared with this. */
    if (rc == E_OK)
        atomic_store(&r->timer->armed, next ? next : INT64_MAX);
    return rc;
}

static void after_round(void *arg, int rc, const struct errmsg *why)
{
    struct round *r = arg;
    struct clock_timer *t = r->timer;
    t->running = false;
    if (rc < 0) {
        atomic_store(&t->armed, 0);
        log_warn(NULL, "timers: a round failed, it is run again: %s", why ? why->text : "");
        loop_timer_arm(t->timer, RETRY_MS);
        free(r);
        return;
    }
    t->stats.rounds++;
    t->stats.steps += (uint64_t)r->done;
    if (r->done && r->now - r->oldest > t->stats.late_ms_max)
        t->stats.late_ms_max = r->now - r->oldest;
    free(r);
    arm(t);
}

static void begin_round(struct clock_timer *t)
{
    struct round *r = xcalloc(1, sizeof(*r));
    struct ledger_cmd cmd = {.name = "timers", .run = run_round, .done = after_round, .arg = r};
    r->timer = t;
    t->running = true;
    if (ledger_submit(t->ledger, &cmd)) {
        t->running = false;
        free(r);
        loop_timer_arm(t->timer, RETRY_MS);
    }
}

static void look(void *arg)
{
    struct clock_timer *t = arg;
    if (t->running)
        return;
    if (atomic_load(&t->armed) <= clock_now_ms())
        begin_round(t);
    else
        arm(t);
}

struct clock_timer *clock_timer_new(struct ledger *ledger, struct loop *loop)
{
    struct clock_timer *t = xcalloc(1, sizeof(*t));
    t->ledger = ledger;
    atomic_init(&t->armed, INT64_MAX);
    t->timer = loop_timer_new(loop, look, t);
    return t;
}

void clock_timer_on_due(struct clock_timer *t, clock_due_fn *due, void *ctx)
{
    t->due = due;
    t->due_ctx = ctx;
}

int clock_timer_start(struct clock_timer *t)
{
    t->started = true;
    begin_round(t); /* looks, and carries out what became due while nobody was there */
    return 0;
}

void clock_timer_free(struct clock_timer **tp)
{
    struct clock_timer *t = *tp;
    if (!t)
        return;
    assert(!t->running);
    loop_timer_free(&t->timer);
    free(t);
    *tp = NULL;
}

void clock_timer_poke(struct clock_timer *t)
{
    if (t->started)
        look(t);
}

static void noted(void *ctx, void *arg)
{
    (void)arg;
    arm(ctx);
}

void clock_timer_note(struct clock_timer *t, struct ledger_tx *tx, int64_t next_at)
{
    int64_t known = atomic_load(&t->armed);
    while (next_at < known)
        if (atomic_compare_exchange_weak(&t->armed, &known, next_at)) {
            ledger_effect(tx, noted, t, NULL, NULL);
            return;
        }
}

void clock_timer_get_stats(const struct clock_timer *t, struct clock_timer_stats *out)
{
    int64_t next = atomic_load(&t->armed);
    *out = t->stats;
    out->next_at = next == INT64_MAX ? 0 : next;
}
