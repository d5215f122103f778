/*
 * promise.h - one time promise: a span, the stretches in which it ran, and what follows from them:
 * time used, the due moment, moments by percent. Nothing is kept as a running total.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/span.h"
#include "domain/calendar.h"

/** One stretch. Only running ones use time, each counted under its own calendar. */
struct promise_segment {
    int64_t from, to; /* to 0: still under way */
    bool running;
    const struct calendar *calendar;
};

struct promise {
    const struct calendar *calendar;
    struct span within;
    int share;        /* percent of the span that is given, 100 for all of it */
    int64_t extra_ms; /* working time added by extensions */
    int64_t started_at;
    /** Ascending; none: it has run since started_at under `calendar`. The last one is the present.
     */
    const struct promise_segment *segments;
    size_t n;
};

/** Working time given in all. */
int64_t promise_total(const struct promise *p);
/** Working time used by the moment `now`. */
int64_t promise_used(const struct promise *p, int64_t now);
/** True while the last segment is one that runs. */
bool promise_is_running(const struct promise *p);
/** The moment by which `work` ms have been used if it goes on running; 0 if it is paused before. */
int64_t promise_moment(const struct promise *p, int64_t work);
/** When it is due, or was; 0 if it is paused before. */
int64_t promise_due(const struct promise *p);
/** When that share of the total will have been used (100: the due moment); 0 likewise. */
int64_t promise_percent(const struct promise *p, int percent);
