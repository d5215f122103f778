/*
 * calendar_ical.c - holiday files (RFC 5545) through libical: which local days are off and which
 * are make-up working days.
 */
#include "domain/calendar_priv.h"

#include <libical/ical.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/day.h"
#include "base/mem.h"
#include "domain/zone.h"

#define FILE_MAX    (4 * 1024 * 1024)
#define REPEATS_MAX 1000 /* occurrences of one event */
#define EVENT_DAYS  366  /* days of one occurrence */

static int read_file(const char *file, struct buf *out, struct errmsg *why)
{
    char chunk[8192];
    size_t n;
    FILE *f = fopen(file, "re");
    if (!f)
        return errmsg_set(why, E_NOTFOUND, "%s: cannot be read", file);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(out, chunk, n);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad)
        return errmsg_set(why, E_IO, "%s: cannot be read", file);
    return out->overflow ? errmsg_set(why, E_TOOBIG, "%s: larger than 4 MiB", file) : 0;
}

/* Words of SUMMARY by which public Chinese feeds mark a working day that makes up for a holiday:
 * "国庆节 补班 第1天/共1天", "国庆节（班）", "调休上班". DESCRIPTION says nothing: it quotes the
 * whole notice, on days off, too. */
static bool says_work(const char *summary)
{
    static const char *const words[] = {"补班", "補班", "上班",   "（班）",  "(班)",       "【班】",
                                        "[班]", "补周", "工作日", "workday", "working day"};
    if (!summary || strstr(summary, "不上班"))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasestr(summary, words[i]))
            return true;
    return false;
}

/* CATEGORIES:WORKDAY of ours, properties of feeds (X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY,
 * X-…-KIND:WORKDAY), or the name of the day. */
static bool is_workday(icalcomponent *event)
{
    icalproperty *p = icalcomponent_get_first_property(event, ICAL_CATEGORIES_PROPERTY);
    for (; p; p = icalcomponent_get_next_property(event, ICAL_CATEGORIES_PROPERTY)) {
        const char *words = icalproperty_get_categories(p);
        if (words && strcasestr(words, "WORKDAY"))
            return true;
    }
    p = icalcomponent_get_first_property(event, ICAL_X_PROPERTY);
    for (; p; p = icalcomponent_get_next_property(event, ICAL_X_PROPERTY)) {
        const char *word = icalproperty_get_x(p);
        if (word &&
            (strcasecmp(word, "WORKDAY") == 0 || strcasecmp(word, "ALTERNATE-WORKDAY") == 0))
            return true;
    }
    return says_work(icalcomponent_get_summary(event));
}

static bool at_midnight(struct icaltimetype t)
{
    return !t.hour && !t.minute && !t.second;
}

/* The local date of a time, and how far into that day it is. A time in UTC is one of the
 * calendar's zone, so that 16:00Z begins a day in Shanghai; `whole` says that it is not, because
 * the feed writes dates as midnights of UTC. */
static int day_of(const struct zone *zone, struct icaltimetype t, bool whole, bool *midnight)
{
    bool utc = !t.is_date && icaltime_is_utc(t) && !whole;
    int64_t ms = INT64_C(1000) * (t.hour * 3600 + t.minute * 60 + t.second);
    ms += day_of_date(t.year, t.month, t.day) * DAY_MS;
    if (utc)
        ms += zone_offset(zone, ms) * INT64_C(1000);
    *midnight = t.is_date || ms % DAY_MS == 0;
    return (int)day_of_ms(ms);
}

static void mark(uint8_t *marks, int first, int days, enum day_mark what)
{
    for (int d = first; d < first + days; d++) {
        int i = d - CALENDAR_FIRST_DAY;
        if (i >= 0 && i < CALENDAR_DAYS && marks[i] < what)
            marks[i] = (uint8_t)what;
    }
}

/* One event being read. */
struct event {
    icalcomponent *root, *ical;
    const struct zone *zone;
    struct icaltimetype start;
    bool whole; /* begins and ends at midnights of UTC: dates in another form */
    int first, days;
    enum day_mark what;
    uint8_t *marks;
};

/* How many local days the event covers: DTEND is exclusive for dates, and for midnight. */
static void measure(struct event *e)
{
    struct icaltimetype end = icalcomponent_get_dtend(e->ical);
    bool midnight;
    e->whole =
        !e->start.is_date && icaltime_is_utc(e->start) && at_midnight(e->start) && at_midnight(end);
    e->first = day_of(e->zone, e->start, e->whole, &midnight);
    e->days = 1;
    if (icaltime_is_null_time(end))
        return;
    int last = day_of(e->zone, end, e->whole, &midnight);
    e->days = last - e->first + !midnight;
    e->days = e->days < 1 ? 1 : e->days > EVENT_DAYS ? EVENT_DAYS : e->days;
}

/* EXDATE names it (RFC 5545, 3.8.5.1). */
static bool is_excluded(const struct event *e, int day)
{
    bool midnight;
    icalproperty *p = icalcomponent_get_first_property(e->ical, ICAL_EXDATE_PROPERTY);
    for (; p; p = icalcomponent_get_next_property(e->ical, ICAL_EXDATE_PROPERTY))
        if (day_of(e->zone, icalproperty_get_exdate(p), e->whole, &midnight) == day)
            return true;
    return false;
}

/* Another event of this UID stands for that occurrence (RECURRENCE-ID, 3.8.4.4): that one is read
 * by itself, or is cancelled. */
static bool is_replaced(const struct event *e, int day)
{
    const char *uid = icalcomponent_get_uid(e->ical);
    bool midnight;
    if (!uid)
        return false;
    icalcompiter it = icalcomponent_begin_component(e->root, ICAL_VEVENT_COMPONENT);
    for (icalcomponent *c; (c = icalcompiter_deref(&it)); icalcompiter_next(&it)) {
        const char *other = icalcomponent_get_uid(c);
        struct icaltimetype id = icalcomponent_get_recurrenceid(c);
        if (c != e->ical && other && strcmp(other, uid) == 0 && !icaltime_is_null_time(id) &&
            day_of(e->zone, id, e->whole, &midnight) == day)
            return true;
    }
    return false;
}

static void mark_occurrence(const struct event *e, struct icaltimetype t)
{
    bool midnight;
    int day = day_of(e->zone, t, e->whole, &midnight);
    if (!is_excluded(e, day) && !is_replaced(e, day))
        mark(e->marks, day, e->days, e->what);
}

static bool repeat(const struct event *e, icalproperty *rule)
{
    icalrecur_iterator *it = icalrecur_iterator_new(icalproperty_get_rrule(rule), e->start);
    if (!it)
        return false;
    for (int i = 0; i < REPEATS_MAX; i++) {
        struct icaltimetype t = icalrecur_iterator_next(it);
        if (icaltime_is_null_time(t) || t.year >= 2100)
            break;
        mark_occurrence(e, t);
    }
    icalrecur_iterator_free(it);
    return true;
}

/* Of a value of RDATE: a date, a time or a period. */
static struct icaltimetype start_of(const icalvalue *v)
{
    icalvalue_kind kind = icalvalue_isa(v);
    if (kind == ICAL_DATE_VALUE)
        return icalvalue_get_date(v);
    return kind == ICAL_PERIOD_VALUE ? icalvalue_get_period(v).start : icalvalue_get_datetime(v);
}

/* The event's properties of a kind, at most max; a component remembers only one walk at a time, and
 * each occurrence walks it again. */
static size_t properties(const struct event *e, icalproperty_kind kind, icalproperty **out,
                         size_t max)
{
    size_t n = 0;
    icalproperty *p = icalcomponent_get_first_property(e->ical, kind);
    for (; p && n < max; p = icalcomponent_get_next_property(e->ical, kind))
        out[n++] = p;
    return n;
}

/* DTSTART, what its rules give, and the dates of RDATE, which may be periods. */
static bool mark_all(const struct event *e)
{
    icalproperty *found[REPEATS_MAX];
    size_t n = properties(e, ICAL_RRULE_PROPERTY, found, REPEATS_MAX);
    mark_occurrence(e, e->start);
    for (size_t i = 0; i < n; i++)
        if (!repeat(e, found[i]))
            return false;
    n = properties(e, ICAL_RDATE_PROPERTY, found, REPEATS_MAX);
    for (size_t i = 0; i < n; i++)
        mark_occurrence(e, start_of(icalproperty_get_value(found[i])));
    return true;
}

static int read_event(struct event *e, const char *file, struct errmsg *why)
{
    e->start = icalcomponent_get_dtstart(e->ical);
    if (icalcomponent_get_status(e->ical) == ICAL_STATUS_CANCELLED)
        return E_OK;
    if (icaltime_is_null_time(e->start) || !icaltime_is_valid_time(e->start))
        return errmsg_set(why, E_INVALID, "%s: an event without DTSTART", file);
    e->what = is_workday(e->ical) ? DAY_WORK : DAY_OFF;
    measure(e);
    if (!mark_all(e))
        return errmsg_set(why, E_INVALID, "%s: a RRULE that cannot be read", file);
    return E_OK;
}

int calendar_read_holidays(const char *file, const struct zone *zone, uint8_t *marks,
                           struct errmsg *why)
{
    struct buf text = BUF_INIT(FILE_MAX);
    icalcomponent *root = NULL;
    int rc = read_file(file, &text, why);
    if (rc == E_OK) {
        root = icalparser_parse_string(buf_str(&text));
        if (!root)
            rc = errmsg_set(why, E_INVALID, "%s: is no iCalendar file", file);
    }
    if (rc == E_OK) {
        icalcompiter it = icalcomponent_begin_component(root, ICAL_VEVENT_COMPONENT);
        for (icalcomponent *c; rc == E_OK && (c = icalcompiter_deref(&it));
             icalcompiter_next(&it)) {
            struct event e = {.root = root, .ical = c, .zone = zone, .marks = marks};
            rc = read_event(&e, file, why);
        }
    }
    if (root)
        icalcomponent_free(root);
    buf_free(&text);
    return rc;
}
