/*
 * worker.h - threads that run jobs and answer on the loop.
 *
 * Bounded queue, mutex and condition variable, answers by loop_post: see checked.md's numbers in
 * docs/performance.md. Jobs of the urgent lane go ahead of the others.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/loop.h"

struct worker;

struct worker_job {
    void (*run)(void *arg, void *local); /* on a worker thread; local: what open_local made */
    void (*done)(void *arg);             /* on the loop; may be NULL */
    void *arg;
};

struct worker_opts {
    const char *name;               /* thread name, at most 15 characters */
    int threads;                    /* 1 to 16 */
    size_t queue_max;               /* jobs waiting in each lane */
    void *(*open_local)(void *ctx); /* per thread, at its start, there; may be NULL */
    void (*close_local)(void *local);
    /** Urgent jobs that wait are run up to so many in a row, between these two on the thread: what
     * they share (a read transaction) is paid for once. A second thread is woken for them only when
     * more wait than that: urgent jobs are short. 0: 1. Both may be NULL. */
    int group_max;
    void (*begin_group)(void *local);
    void (*end_group)(void *local);
    void *ctx;
};

/** Start the threads. opts is copied. */
struct worker *worker_new(struct loop *loop, const struct worker_opts *opts);
/** How many threads have nothing to do. */
int worker_idle(const struct worker *w);
/** E_BUSY when the lane is full (then nothing was taken). Loop thread only. */
int worker_submit(struct worker *w, const struct worker_job *job, bool urgent) MUST_CHECK;
size_t worker_waiting(const struct worker *w);
/** Runs what is queued, joins the threads, calls every `done` that is left on this (loop) thread.
 * `done` must not submit again then (it gets E_BUSY). */
void worker_free(struct worker **w);
