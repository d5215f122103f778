/*
 * metrics.h - numbers for Prometheus: parts register a collector, /metrics asks them all.
 *
 * Names start with steward_ and follow Prometheus' habits (_total for counters, base units:
 * seconds, bytes). Loop thread only; a collector reads what its part keeps and waits for nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

struct metrics;
struct metrics_out;

/** Writes its part's numbers with metrics_int() and the like. */
typedef void metrics_cb(void *ctx, struct metrics_out *out);

/** An empty registry. */
struct metrics *metrics_new(void);
/** NULL is allowed. */
void metrics_free(struct metrics **m);
/** Ask cb(ctx, …) at every scrape from now on. */
void metrics_add(struct metrics *m, metrics_cb *cb, void *ctx);
/** Forget what was added with this ctx. */
void metrics_remove(struct metrics *m, void *ctx);
/** The text exposition format 0.0.4 of all. Families are grouped, whoever wrote into them. */
void metrics_write(struct metrics *m, struct buf *out);

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

/** One sample. label NULL: without label; else {label="value"}. help is said once a family. */
void metrics_int(struct metrics_out *out, const char *name, enum metric_type type, const char *help,
                 int64_t v, const char *label, const char *value);
/** The same in thousandths: 6100 is written 6.1 (milliseconds as seconds, say). */
void metrics_milli(struct metrics_out *out, const char *name, enum metric_type type,
                   const char *help, int64_t thousandths, const char *label, const char *value);

#define METRICS_BUCKETS 14
/** Times in microseconds, in buckets from 100 us to 10 s. Zero-initialise. Any one thread. */
struct metrics_hist {
    uint64_t buckets[METRICS_BUCKETS + 1]; /* the last: longer than the last bound */
    uint64_t count;
    int64_t sum_us;
};
void metrics_hist_note(struct metrics_hist *h, int64_t us);
/** As a histogram in seconds. */
void metrics_hist_write(struct metrics_out *out, const char *name, const char *help,
                        const struct metrics_hist *h);
