/*
 * calendar.h - working time: when a site is open, and arithmetic over it.
 *
 * A calendar is made once from the site's hours, its time zone and its holiday files, as a table of
 * open stretches of UTC with running sums: every question afterwards is a binary search. Immutable:
 * any thread may read it.
 *
 * It knows the years 2000 to 2099; outside of them it counts as open. Moments are milliseconds UTC.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/span.h"

struct calendar;
struct site;
struct site_calendar;

/** Reads the zone and the holiday files; one that cannot be read is said in the log and left out.
 * NULL with why: unknown zone, a file that is no iCalendar, or no working time at all. The caller
 * frees. */
struct calendar *calendar_new(const struct site_calendar *def, struct errmsg *why) MUST_CHECK;
/** Open always, in UTC: what `always` is when nobody wrote it. */
struct calendar *calendar_new_always(void);
void calendar_free(struct calendar **c);
const char *calendar_name(const struct calendar *c);

/**
 * The year of which the calendar's holiday files know no day: this one, or from October on the
 * next, whose notices come out then. 0: none is missing, or the calendar names no files. What is
 * missing counts as if there were no holidays.
 */
int calendar_lacks_year(const struct calendar *c, int64_t now);

/** True while work is going on at that moment. */
bool calendar_is_open(const struct calendar *c, int64_t at);
/** The first open moment at or after `at`. */
int64_t calendar_next_open(const struct calendar *c, int64_t at);
/** Working time within [from, to); 0 when to <= from. */
int64_t calendar_between(const struct calendar *c, int64_t from, int64_t to);
/** The earliest moment by which `work` ms of working time have passed since `from`; `from` itself
 * for 0. */
int64_t calendar_add(const struct calendar *c, int64_t from, int64_t work);
/**
 * Where a span that starts at `from` ends. ms, s, m, h count while the calendar is open; d is the
 * same local time that many days later, a month that many months later (the last day of a shorter
 * month), both the next opening if closed then; wd is the close of the n-th working day after the
 * day of `from`.
 */
int64_t calendar_due(const struct calendar *c, int64_t from, const struct span *span);

/* ---- all calendars of a site ---- */

/** Shared between threads; freed when the last reference goes. */
struct calendars;

/** Every calendar of the site; NULL with why, naming the calendar at fault. */
struct calendars *calendars_new(const struct site *site, struct errmsg *why) MUST_CHECK;
struct calendars *calendars_ref(struct calendars *c);
/** Sets *c to NULL; NULL is allowed. */
void calendars_unref(struct calendars **c);
/** fn for each calendar that lacks a year (calendar_lacks_year()). */
void calendars_each_lacking(const struct calendars *c, int64_t now,
                            void (*fn)(void *ctx, const char *calendar, int year), void *ctx);
/** By name; `always` when there is none of that name (any more). Never NULL. */
const struct calendar *calendars_get(const struct calendars *c, const char *name);
