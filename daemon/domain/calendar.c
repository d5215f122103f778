/*
 * calendar.c - open stretches of UTC with running sums, and binary searches over them.
 *
 * The table is made by walking the stretches of constant UTC offset: within one, local hours are
 * UTC hours shifted, so a day on which the clocks change is cut exactly where they do. Stretches
 * that touch are joined. Local days keep their first opening's index and their close for `wd`.
 */
#include "domain/calendar.h"
#include "domain/calendar_priv.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/day.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/site.h"
#include "domain/zone.h"

#define MINUTE_MS    INT64_C(60000)
#define YEAR_FIRST   2000
#define YEARS        100
#define NOTICE_MONTH 10 /* from when on the next year's holidays should be known */

struct stretch {
    int64_t from, to;
    int64_t before; /* working time of all earlier stretches */
};

struct calendar {
    char *name;
    struct zone *zone;         /* NULL: always, in UTC */
    struct stretch *stretches; /* ascending, apart */
    size_t n, cap;
    int64_t end;        /* where the table ends; open after it */
    int64_t *close;     /* per local day: its last open moment, 0 if it is none of work */
    int32_t *work_days; /* per local day: working days before it; one more than days */
    bool follows_files; /* holiday files are named */
    bool years[YEARS];  /* of YEAR_FIRST and up: they know a day of it */
};

/* ---- making the table ---- */

static void add_stretch(struct calendar *c, int64_t from, int64_t to)
{
    struct stretch *last = c->n ? &c->stretches[c->n - 1] : NULL;
    if (last && last->to >= from) {
        if (to > last->to)
            last->to = to;
        return;
    }
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 4096;
        c->stretches = xrealloc(c->stretches, c->cap * sizeof(*c->stretches));
    }
    c->stretches[c->n++] = (struct stretch){.from = from, .to = to};
}

/* The hours of a make-up working day: those of Monday, or of the first day that has any. */
static const struct site_day *make_up_hours(const struct site_calendar *def)
{
    for (int i = 0; i < 7; i++)
        if (def->days[i].spans_n)
            return &def->days[i];
    return &def->days[0];
}

static const struct site_day *hours_of(const struct site_calendar *def, const uint8_t *marks,
                                       int day)
{
    static const struct site_day none = {0};
    if (marks[day] == DAY_OFF)
        return &none;
    /* 2000-01-01 was a Saturday. */
    const struct site_day *plain = &def->days[(day + 5) % 7];
    return marks[day] == DAY_WORK && !plain->spans_n ? make_up_hours(def) : plain;
}

/* One local day under one offset, cut to [from, to) of UTC. */
static void add_day(struct calendar *c, const struct site_day *hours, int day, int64_t offset,
                    int64_t from, int64_t to)
{
    int64_t midnight = (CALENDAR_FIRST_DAY + (int64_t)day) * DAY_MS - offset;
    for (size_t i = 0; i < hours->spans_n; i++) {
        int64_t a = midnight + hours->spans[i].from * MINUTE_MS;
        int64_t b = midnight + hours->spans[i].to * MINUTE_MS;
        a = a < from ? from : a;
        b = b > to ? to : b;
        if (a >= b)
            continue;
        add_stretch(c, a, b);
        if (c->close[day] < b)
            c->close[day] = b;
    }
}

/* The moment within (lo, hi] from which on the offset is that of hi. */
static int64_t change_between(const struct zone *z, int64_t lo, int64_t hi)
{
    int32_t before = zone_offset(z, lo);
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        if (zone_offset(z, mid) == before)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

/* Every local day that the stretch [from, to) of constant offset touches. */
static void add_constant(struct calendar *c, const struct site_calendar *def, const uint8_t *marks,
                         int64_t offset, int64_t from, int64_t to)
{
    int64_t day = (from + offset) / DAY_MS - CALENDAR_FIRST_DAY;
    int64_t last = (to - 1 + offset) / DAY_MS - CALENDAR_FIRST_DAY;
    for (day = day < 0 ? 0 : day; day <= last && day < CALENDAR_DAYS; day++)
        add_day(c, hours_of(def, marks, (int)day), (int)day, offset, from, to);
}

static void fill(struct calendar *c, const struct site_calendar *def, const uint8_t *marks)
{
    int64_t start = zone_moment(c->zone, CALENDAR_FIRST_DAY, 0);
    int64_t from = start;
    c->end = zone_moment(c->zone, CALENDAR_FIRST_DAY + CALENDAR_DAYS, 0);
    for (int64_t at = start; at < c->end; at += DAY_MS) {
        int64_t next = at + DAY_MS < c->end ? at + DAY_MS : c->end;
        if (zone_offset(c->zone, at) == zone_offset(c->zone, next))
            continue;
        int64_t change = change_between(c->zone, at, next);
        add_constant(c, def, marks, zone_offset(c->zone, from) * INT64_C(1000), from, change);
        from = change;
    }
    add_constant(c, def, marks, zone_offset(c->zone, from) * INT64_C(1000), from, c->end);
}

static void sum_up(struct calendar *c)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->n; i++) {
        c->stretches[i].before = sum;
        sum += c->stretches[i].to - c->stretches[i].from;
    }
    for (int d = 0; d < CALENDAR_DAYS; d++)
        c->work_days[d + 1] = c->work_days[d] + (c->close[d] != 0);
}

/* A file that is not there (yet) is said when the configuration is checked, and closes no site. */
static int read_holidays(struct calendar *c, const struct site_calendar *def, uint8_t *marks,
                         struct errmsg *why)
{
    int rc = 0;
    c->follows_files = def->holidays.n > 0;
    for (size_t i = 0; rc == E_OK && i < def->holidays.n; i++) {
        rc = calendar_read_holidays(def->holidays.items[i], c->zone, marks, why);
        if (rc == E_NOTFOUND) {
            log_warn(NULL, "calendar %s: %s", def->name, why ? why->text : "no holiday file");
            rc = 0;
        }
    }
    return rc;
}

static void note_years(struct calendar *c, const uint8_t *marks)
{
    for (int d = 0; d < CALENDAR_DAYS; d++)
        if (marks[d] != DAY_PLAIN)
            c->years[day_date(CALENDAR_FIRST_DAY + d).year - YEAR_FIRST] = true;
}

struct calendar *calendar_new(const struct site_calendar *def, struct errmsg *why)
{
    uint8_t *marks = xcalloc(CALENDAR_DAYS, 1);
    struct calendar *c = xcalloc(1, sizeof(*c));
    int rc = 0;
    c->name = xstrdup(def->name);
    c->close = xcalloc(CALENDAR_DAYS, sizeof(*c->close));
    c->work_days = xcalloc(CALENDAR_DAYS + 1, sizeof(*c->work_days));
    c->zone = zone_load(def->timezone, why);
    if (!c->zone)
        rc = E_INVALID;
    if (rc == E_OK)
        rc = read_holidays(c, def, marks, why);
    if (rc == E_OK) {
        note_years(c, marks);
        fill(c, def, marks);
        sum_up(c);
        if (c->n == 0)
            rc = errmsg_set(why, E_INVALID, "has no working time");
    }
    free(marks);
    if (rc < 0)
        calendar_free(&c);
    return c;
}

struct calendar *calendar_new_always(void)
{
    struct calendar *c = xcalloc(1, sizeof(*c));
    c->name = xstrdup("always");
    return c;
}

void calendar_free(struct calendar **c)
{
    if (!*c)
        return;
    zone_free(&(*c)->zone);
    free((*c)->name);
    free((*c)->stretches);
    free((*c)->close);
    free((*c)->work_days);
    free(*c);
    *c = NULL;
}

int calendar_lacks_year(const struct calendar *c, int64_t now)
{
    struct day_date today = day_date(zone_day(c->zone, now));
    for (int year = today.year; year <= today.year + (today.month >= NOTICE_MONTH); year++)
        if (c->follows_files && year >= YEAR_FIRST && year < YEAR_FIRST + YEARS &&
            !c->years[year - YEAR_FIRST])
            return year;
    return 0;
}

const char *calendar_name(const struct calendar *c)
{
    return c->name;
}

/* ---- asking it ---- */

static bool always(const struct calendar *c)
{
    return c->zone == NULL;
}

/* Index of the first stretch that ends after `at`; n if none. */
static size_t find(const struct calendar *c, int64_t at)
{
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->stretches[mid].to <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Outside of the table's years every moment is open. */
static bool outside(const struct calendar *c, int64_t at)
{
    return always(c) || at >= c->end || at < CALENDAR_FIRST_DAY * DAY_MS - DAY_MS;
}

bool calendar_is_open(const struct calendar *c, int64_t at)
{
    size_t i = outside(c, at) ? 0 : find(c, at);
    return outside(c, at) || (i < c->n && c->stretches[i].from <= at);
}

int64_t calendar_next_open(const struct calendar *c, int64_t at)
{
    if (outside(c, at))
        return at;
    size_t i = find(c, at);
    if (i == c->n)
        return c->end;
    return c->stretches[i].from > at ? c->stretches[i].from : at;
}

/* Working time from the table's start to `at`; what lies after its end counts whole. */
static int64_t worked(const struct calendar *c, int64_t at)
{
    size_t i = find(c, at);
    if (i == c->n) {
        const struct stretch *last = &c->stretches[c->n - 1];
        return last->before + (last->to - last->from) + (at > c->end ? at - c->end : 0);
    }
    const struct stretch *s = &c->stretches[i];
    return s->before + (at > s->from ? at - s->from : 0);
}

int64_t calendar_between(const struct calendar *c, int64_t from, int64_t to)
{
    if (to <= from)
        return 0;
    return always(c) ? to - from : worked(c, to) - worked(c, from);
}

int64_t calendar_add(const struct calendar *c, int64_t from, int64_t work)
{
    if (always(c) || work <= 0)
        return from + (work > 0 ? work : 0);
    int64_t target = worked(c, from) + work;
    size_t lo = 0, hi = c->n;

    /* The first stretch by whose end the target is reached. */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct stretch *s = &c->stretches[mid];
        if (s->before + (s->to - s->from) < target)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == c->n) {
        const struct stretch *last = &c->stretches[c->n - 1];
        return c->end + target - last->before - (last->to - last->from);
    }
    return c->stretches[lo].from + target - c->stretches[lo].before;
}

/* ---- spans ---- */

static int64_t offset_at(const struct calendar *c, int64_t at)
{
    return always(c) ? 0 : zone_offset(c->zone, at) * INT64_C(1000);
}

/* The same local time on another day, or the next opening. */
static int64_t at_local(const struct calendar *c, int64_t from, int64_t day)
{
    int64_t local = from + offset_at(c, from);
    int64_t rest = local - day_of_ms(local) * DAY_MS;
    int64_t minute = rest / MINUTE_MS;
    if (always(c))
        return day * DAY_MS + rest;
    int64_t at = zone_moment(c->zone, (int32_t)day, (int)minute);
    return calendar_next_open(c, at + rest - minute * MINUTE_MS);
}

static int64_t working_days(const struct calendar *c, int64_t from, int64_t n)
{
    int64_t day = day_of_ms(from + offset_at(c, from)) - CALENDAR_FIRST_DAY;
    if (always(c)) /* every day works, until midnight */
        return (day_of_ms(from) + n + 1) * DAY_MS;
    if (day < 0 || day >= CALENDAR_DAYS)
        return from + n * DAY_MS;
    int64_t target = c->work_days[day + 1] + n; /* working days up to and with the one wanted */
    int lo = (int)day, hi = CALENDAR_DAYS;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (c->work_days[mid + 1] < target)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < CALENDAR_DAYS ? c->close[lo] : c->end;
}

int64_t calendar_due(const struct calendar *c, int64_t from, const struct span *span)
{
    int64_t ms = 0;
    int64_t day = day_of_ms(from + offset_at(c, from));
    int64_t n = span->n > CALENDAR_DAYS ? CALENDAR_DAYS : span->n;
    if (span_fixed_ms(span, &ms))
        return calendar_add(c, from, ms);
    switch (span->unit) {
    case SPAN_DAY:
        return at_local(c, from, day + n);
    case SPAN_MONTH:
        return at_local(c, from, day_add_months(day, n));
    case SPAN_WORKING_DAY:
        return working_days(c, from, n);
    default:
        return from;
    }
}

/* ---- all calendars of a site ---- */

struct calendars {
    atomic_int refs;
    struct calendar **items;
    size_t n;
    struct calendar *always;
};

struct calendars *calendars_new(const struct site *site, struct errmsg *why)
{
    struct calendars *all = xcalloc(1, sizeof(*all));
    struct errmsg cause = {""};
    atomic_init(&all->refs, 1);
    all->always = calendar_new_always();
    all->items = xcalloc(site->calendars_n + 1, sizeof(struct calendar *));
    for (size_t i = 0; i < site->calendars_n; i++) {
        struct calendar *c = calendar_new(&site->calendars[i], &cause);
        if (!c) {
            errmsg_set(why, E_INVALID, "calendar '%s': %.400s", site->calendars[i].name,
                       cause.text);
            calendars_unref(&all);
            return NULL;
        }
        all->items[all->n++] = c;
    }
    return all;
}

struct calendars *calendars_ref(struct calendars *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void calendars_unref(struct calendars **c)
{
    struct calendars *all = *c;
    *c = NULL;
    if (!all || atomic_fetch_sub(&all->refs, 1) > 1)
        return;
    for (size_t i = 0; i < all->n; i++)
        calendar_free(&all->items[i]);
    calendar_free(&all->always);
    free(all->items);
    free(all);
}

void calendars_each_lacking(const struct calendars *c, int64_t now,
                            void (*fn)(void *ctx, const char *calendar, int year), void *ctx)
{
    for (size_t i = 0; i < c->n; i++) {
        int year = calendar_lacks_year(c->items[i], now);
        if (year)
            fn(ctx, c->items[i]->name, year);
    }
}

const struct calendar *calendars_get(const struct calendars *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (text_eq(c->items[i]->name, name))
            return c->items[i];
    return c->always;
}
