/*
 * ledger.h - the single writer: commands in, one transaction a batch, effects out.
 *
 * A command is a plain synchronous function over an open transaction, run on the ledger thread
 * in its own savepoint. What it wants the rest of the daemon to know it adds as effects; these,
 * and the command's `done`, are called on the loop thread after the commit and in order. A
 * command that returns an error is rolled back alone and its effects are dropped. An error that
 * took the whole transaction (full disk) releases nothing: the commands are run again.
 *
 * The spine knows neither call nor ticket; it needs the store alone.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/loop.h"
#include "store/db.h"

struct ledger;
struct ledger_tx;

struct ledger_cmd {
    const char *name; /* for logs and metrics; a literal */
    /** May run more than once (a batch that is run again): it must not consume arg. */
    int (*run)(struct ledger_tx *tx, void *arg);
    /** After the commit, or after the refusal (rc < 0, why filled). Exactly once. Frees arg. */
    void (*done)(void *arg, int rc, const struct errmsg *why);
    void *arg;
    /** Keep trying while the store cannot take it (call events): done is never called with
     * E_BUSY or E_IO (E_CANCELLED when the daemon stops before it could be stored). It is also
     * run again after a commit of unknown outcome, so running twice must do no harm. Others are
     * answered with the retryable error after a few tries. */
    bool insist;
    /** It gets no savepoint (which costs as much again as what it writes): its error is one of the
     * whole transaction, which is run again, the command alone; it should have none of its own. */
    bool whole;
};

struct ledger_opts {
    struct loop *loop;
    const struct db_driver *driver;
    const char *where;
    size_t queue_max; /* commands waiting; default 8192 */
    int readers;      /* reader threads; default 2 */
    /** Called on the loop when the queue passes 3/4 of queue_max (true) and falls below 1/4
     * (false). */
    void (*pressure)(void *ctx, bool full);
    void *ctx;
};

/** Opens the store (migrating it) and starts the threads. NULL with why on failure. */
struct ledger *ledger_new(const struct ledger_opts *opts, struct errmsg *why);
/** Runs what is queued, commits, delivers every effect and done on this (loop) thread, stops. */
void ledger_free(struct ledger **l);

/** Loop thread only. E_BUSY: the queue is full, nothing was taken (not for insist, which always
 * fits: its callers obey `pressure`). */
int ledger_submit(struct ledger *l, const struct ledger_cmd *cmd) MUST_CHECK;

/** A module that gathers before it submits: n commands more (or fewer) count as waiting, for
 * `pressure` and the statistics. Loop thread only. */
void ledger_expect(struct ledger *l, ptrdiff_t n);

/* Inside run(): */
struct db *ledger_db(struct ledger_tx *tx);
/** One moment for the whole command, milliseconds UTC. */
int64_t ledger_now(const struct ledger_tx *tx);
/** Which attempt at a transaction this is: for what a module gathers within one batch and must
 * forget when the batch is run again. Counts up, starts at 1. */
uint64_t ledger_round(const struct ledger_tx *tx);
/**
 * What may fail alone within a command: begin, then end with its result. The end gives 0 if the
 * part is kept, or is undone with its effects because it failed; an error must go up and out of the
 * command. Parts cost nothing as long as none fails: the batch in which one does is run again, and
 * only then do savepoints stand around them. They do not nest.
 */
int ledger_part_begin(struct ledger_tx *tx) MUST_CHECK;
int ledger_part_end(struct ledger_tx *tx, int rc) MUST_CHECK;
/** The message that done will get beside a negative rc; returns rc. */
int ledger_refuse(struct ledger_tx *tx, int rc, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** Call fn(ctx, arg) on the loop after the commit; on rollback only free_arg(arg). free_arg may be
 * NULL, and is called after fn too. */
void ledger_effect(struct ledger_tx *tx, void (*fn)(void *ctx, void *arg), void *ctx, void *arg,
                   void (*free_arg)(void *));
/**
 * Run fn once before this batch commits, however many commands asked (same fn and ctx): for rows
 * that many commands of a batch would write again and again. Its failure fails the whole batch.
 */
void ledger_before_commit(struct ledger_tx *tx, int (*fn)(struct ledger_tx *tx, void *ctx),
                          void *ctx);

/** Whether calls can be stored just now, for /readyz; why (may be NULL) says what is wrong. */
bool ledger_healthy(struct ledger *l, struct errmsg *why);

struct ledger_stats {
    uint64_t commands, refused, batches, retried;
    size_t waiting;
    int64_t commit_us_last, commit_us_max;
};
/** Counters since the start. */
void ledger_get_stats(struct ledger *l, struct ledger_stats *out);

/* ---- reading ---- */

struct ledger_read {
    const char *name;
    /** On a reader thread, inside one read transaction. */
    int (*run)(struct db *db, void *arg);
    /** On the loop. Exactly once. Frees arg. */
    void (*done)(void *arg, int rc);
    void *arg;
};
/** urgent: cards go ahead of lists. E_BUSY when the lane is full: nothing was taken. */
int ledger_read(struct ledger *l, const struct ledger_read *read, bool urgent) MUST_CHECK;
/** Read on the calling thread: for start-up only. */
struct db *ledger_startup_db(struct ledger *l);
