/*
 * clock_timer.h - makes due clocks happen. Timers are rows (`clock.next_at`); the loop holds one
 * timer for the nearest of them. When it fires, ledger commands claim due rows, 64 a round, and
 * whoever registered carries out what is due, each in the transaction that marks it done.
 *
 * Wall time may jump: the loop looks again four times a second, and a step's place in its
 * ladder only ever counts up, so that nothing happens twice.
 */
#pragma once
#include "base/loop.h"
#include "spine/ledger.h"

struct clock_timer;

/** Carries out what is due at the command's moment, at most `limit` rows; *done is how many were.
 * 0 or the store's error, after which the round is run again. */
typedef int clock_due_fn(void *ctx, struct ledger_tx *tx, int limit, int *done);

/** Does nothing before clock_timer_start(). */
struct clock_timer *clock_timer_new(struct ledger *ledger, struct loop *loop);
/** Who carries out what is due. Before clock_timer_start(). */
void clock_timer_on_due(struct clock_timer *t, clock_due_fn *due, void *ctx);
/** Begins a first round (a ledger command), which carries out what became due while nobody was
 * there and finds the nearest moment. Loop thread. */
int clock_timer_start(struct clock_timer *t) MUST_CHECK;
/** After ledger_free(), which delivers a round under way. Loop thread. */
void clock_timer_free(struct clock_timer **t);
/** Look now: after the wall clock was moved by hand (tests). Loop thread. */
void clock_timer_poke(struct clock_timer *t);

/** Inside a ledger command: a clock row now has its next moment at `next_at`. */
void clock_timer_note(struct clock_timer *t, struct ledger_tx *tx, int64_t next_at);

struct clock_timer_stats {
    uint64_t steps; /* ladder steps and breaches carried out */
    uint64_t rounds;
    int64_t next_at;     /* nearest due moment, 0 if none */
    int64_t late_ms_max; /* worst lateness since start */
};
/** Loop thread. */
void clock_timer_get_stats(const struct clock_timer *t, struct clock_timer_stats *out);
