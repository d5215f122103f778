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

static bool is_workday(icalcomponent *event)
{
    icalproperty *p = icalcomponent_get_first_property(event, ICAL_CATEGORIES_PROPERTY);
    for (; p; p = icalcomponent_get_next_property(event, ICAL_CATEGORIES_PROPERTY)) {
        const char *words = icalproperty_get_categories(p);
        if (words && strcasestr(words, "WORKDAY"))
            return true;
    }
    return false;
}

/* Days since 1970 of a date, whatever its time. */
static int day_of(struct icaltimetype t)
{
    t.is_date = 1;
    t.hour = t.minute = t.second = 0;
    t.zone = NULL;
    return (int)(icaltime_as_timet(t) / DAY_S);
}

static void mark(uint8_t *marks, int first, int days, enum day_mark what)
{
    for (int d = first; d < first + days; d++) {
        int i = d - CALENDAR_FIRST_DAY;
        if (i >= 0 && i < CALENDAR_DAYS && marks[i] < what)
            marks[i] = (uint8_t)what;
    }
}

/* How many local days the event covers: DTEND is exclusive for dates, and for midnight. */
static int days_of(icalcomponent *event, struct icaltimetype start)
{
    struct icaltimetype end = icalcomponent_get_dtend(event);
    if (icaltime_is_null_time(end))
        return 1;
    int days = day_of(end) - day_of(start);
    if (!end.is_date && (end.hour || end.minute || end.second))
        days++;
    return days < 1 ? 1 : days > EVENT_DAYS ? EVENT_DAYS : days;
}

static int read_event(icalcomponent *event, uint8_t *marks, const char *file, struct errmsg *why)
{
    struct icaltimetype start = icalcomponent_get_dtstart(event);
    enum day_mark what = is_workday(event) ? DAY_WORK : DAY_OFF;
    icalproperty *rule = icalcomponent_get_first_property(event, ICAL_RRULE_PROPERTY);
    if (icaltime_is_null_time(start) || !icaltime_is_valid_time(start))
        return errmsg_set(why, E_INVALID, "%s: an event without DTSTART", file);
    int days = days_of(event, start);
    mark(marks, day_of(start), days, what);
    if (!rule)
        return 0;
    icalrecur_iterator *it = icalrecur_iterator_new(icalproperty_get_rrule(rule), start);
    if (!it)
        return errmsg_set(why, E_INVALID, "%s: a RRULE that cannot be read", file);
    for (int i = 0; i < REPEATS_MAX; i++) {
        struct icaltimetype t = icalrecur_iterator_next(it);
        if (icaltime_is_null_time(t) || t.year >= 2100)
            break;
        mark(marks, day_of(t), days, what);
    }
    icalrecur_iterator_free(it);
    return 0;
}

int calendar_read_holidays(const char *file, uint8_t *marks, struct errmsg *why)
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
        for (icalcomponent *e; rc == E_OK && (e = icalcompiter_deref(&it)); icalcompiter_next(&it))
            rc = read_event(e, marks, file, why);
    }
    if (root)
        icalcomponent_free(root);
    buf_free(&text);
    return rc;
}
