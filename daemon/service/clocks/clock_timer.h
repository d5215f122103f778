/*
 * clock_timer.h - makes due clocks happen. Timers are rows (`clock.next_at`); the loop holds one
 * timer for the nearest of them. When it fires, ledger commands claim due rows, 64 a round, and
 * carry out what is due, each in the transaction that marks it done.
 *
 * Wall time may jump: the loop looks again four times a second, and a step's place in its
 * ladder only ever counts up, so that nothing happens twice.
 */
#pragma once
#include "base/loop.h"
#include "service/tickets/tickets.h"

struct timers;

/** Does nothing before timers_start(). */
struct timers *timers_new(struct tickets *tickets, struct ledger *ledger, struct loop *loop);
/** Looks for the nearest due moment (with a ledger read) and goes on from there. Loop thread. */
int timers_start(struct timers *timers) MUST_CHECK;
/** After ledger_free(), which delivers a round under way. Loop thread. */
void timers_free(struct timers **timers);
/** Look now: after the wall clock was moved by hand (tests). Loop thread. */
void timers_poke(struct timers *timers);

/** Inside a ledger command: a clock row now has its next moment at `next_at`. */
void timers_note(struct timers *timers, struct ledger_tx *tx, int64_t next_at);

/** What is due at the command's moment, at most `limit` rows; *done is how many were. */
int timers_run_due(struct tickets *t, struct ledger_tx *tx, int limit, int *done) MUST_CHECK;

struct timers_stats {
    uint64_t steps; /* ladder steps and breaches carried out */
    uint64_t rounds;
    int64_t next_at;     /* nearest due moment, 0 if none */
    int64_t late_ms_max; /* worst lateness since start */
};
/** Loop thread. */
void timers_get_stats(const struct timers *timers, struct timers_stats *out);
