/*
 * ledger_priv.h - what ledger.c (queue and delivery, loop thread), ledger_batch.c (transactions,
 * ledger thread) and readers.c share.
 */
#pragma once
#include <pthread.h>
#include "spine/ledger.h"

#define LEDGER_BATCH_MAX   256
#define LEDGER_BATCH_US    5000 /* work that a batch takes before it commits */
#define LEDGER_TRIES       4 /* failed transactions before a command that does not insist is answered */
#define LEDGER_BACKOFF_MIN 20 /* milliseconds between tries, doubling up to … */
#define LEDGER_BACKOFF_MAX 1000
#define LEDGER_PROBE_MS    1000 /* how often an idle unhealthy store is tried */

struct effect {
    void (*fn)(void *ctx, void *arg);
    void *ctx, *arg;
    void (*free_arg)(void *);
};

struct hook {
    int (*fn)(struct ledger_tx *tx, void *ctx);
    void *ctx;
};

/** A command on its way: queued, run (perhaps again), delivered. */
struct entry {
    struct ledger_cmd cmd;
    int rc;
    char *why;                       /* of a refusal; NULL: none */
    size_t effects_from, effects_to; /* in the outcome's effects */
    struct entry *prev, *next;
};

/** What one committed (or given up) batch hands to the loop. */
struct outcome {
    struct entry *entries;
    struct effect *effects;
    size_t effects_n, hooks_from; /* effects of hooks come last, from here */
    struct outcome *prev, *next;
};

/** One transaction under construction. */
struct ledger_tx {
    struct db *db;
    int64_t now;
    uint64_t round;
    struct errmsg why;
    struct effect *effects;
    size_t effects_n, effects_cap;
    struct hook *hooks;
    size_t hooks_n, hooks_cap;
    bool careful;                    /* parts have savepoints */
    bool part_failed;                /* without one: the batch is to be run again, carefully */
    size_t part_effects, part_hooks; /* how many there were before the part under way */
};

/** The ledger thread's own: what it has taken from the queue and how it fares. */
struct runner {
    struct db *db;
    struct ledger_tx tx;
    struct entry *todo;
    int limit;    /* commands in the next batch: 1 after a failure, doubling back to the maximum */
    int failures; /* transactions failed in a row */
    bool stopping;
};

/** What a round came to. */
struct round {
    struct outcome *out; /* to deliver; NULL: nothing is answered yet */
    bool committed;
    int rc;     /* of the failure */
    int64_t us; /* the whole transaction, commit included */
    struct errmsg why;
};

/** Takes the connection over. */
void runner_init(struct runner *r, struct db *db);
/** Closes the connection. */
void runner_deinit(struct runner *r);
/** Run the next batch of todo (not empty). */
void runner_round(struct runner *r, struct round *out);
/** An empty write, to see whether the store takes any; 0 or the error. */
int runner_probe(struct runner *r, struct errmsg *why);
/** Milliseconds to wait before the next round. */
int runner_backoff(const struct runner *r);

struct readers;
/** where is copied; queue_max jobs may wait in each lane. */
struct readers *readers_new(struct loop *loop, const struct db_driver *driver, const char *where,
                            int threads, size_t queue_max);
/** Runs what waits, answers everything, stops. */
void readers_free(struct readers **r);
int readers_submit(struct readers *r, const struct ledger_read *read, bool urgent) MUST_CHECK;
