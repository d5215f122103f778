/*
 * span.h - durations as people write them: "90s", "30m", "4h", "2d", "10wd", "35 months".
 *
 * A day, a working day and a month are calendar units: how long they last depends on when they
 * start, so a span keeps its unit until somebody has a calendar (domain/calendar.h).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum span_unit {
    SPAN_NONE, /* not set */
    SPAN_MS,
    SPAN_SECOND,
    SPAN_MINUTE,
    SPAN_HOUR,
    SPAN_DAY,         /* the same time of day that many days later */
    SPAN_WORKING_DAY, /* the close of that many working days later */
    SPAN_MONTH
};

#define SPAN_TEXT_MAX 24
/** A duration; text is what was written, without blanks around it. */
struct span {
    int64_t n;
    enum span_unit unit;
    char text[SPAN_TEXT_MAX];
};

/** The largest n of a span of any unit: a hundred years of seconds. */
#define SPAN_N_MAX INT64_C(3155760000)

/** Parse "4h"; units ms, s, m, h, d, wd, month, months, one blank allowed before the unit.
 * E_INVALID for anything else, and for n over SPAN_N_MAX. */
int span_parse(const char *text, struct span *out) MUST_CHECK;
/** Compose a span and its text. */
struct span span_make(int64_t n, enum span_unit unit);
bool span_is_set(const struct span *s);
/** True, with *ms filled, for ms, s, m and h: units whose length does not depend on a calendar. */
bool span_fixed_ms(const struct span *s, int64_t *ms);
/** Milliseconds with a day of 24 hours and a month of 30 days (a working day counts as a day): for
 * bounds and for durations that run by the wall clock (calls.forget_after). 0 when not set. */
int64_t span_rough_ms(const struct span *s);
