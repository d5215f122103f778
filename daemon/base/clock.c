/*
 * clock.c - the only place that reads the time, and its text forms.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/day.h"

/* frozen_at != 0: the wall clock stands there; else it runs `moved` ms ahead of the system's. */
static _Atomic int64_t frozen_at;
static _Atomic int64_t moved;

int64_t clock_now_ms(void)
{
    int64_t frozen = atomic_load(&frozen_at);
    if (frozen)
        return frozen;
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + atomic_load(&moved);
}

int64_t clock_mono_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void clock_test_set(int64_t ms)
{
    atomic_store(&frozen_at, ms);
    if (!ms)
        atomic_store(&moved, 0);
}

void clock_test_advance(int64_t delta)
{
    if (atomic_load(&frozen_at))
        atomic_fetch_add(&frozen_at, delta);
    else
        atomic_fetch_add(&moved, delta);
}

bool clock_test_frozen(void)
{
    return atomic_load(&frozen_at) != 0;
}

/* n digits of v, zeros in front, and what parts them from the next. */
static char *put_digits(char *at, int v, int n, char behind)
{
    for (int i = n - 1; i >= 0; i--, v /= 10)
        at[i] = (char)('0' + v % 10);
    at[n] = behind;
    return at + n + 1;
}

const char *clock_format(int64_t ms, char out[CLOCK_TEXT_MAX])
{
    const int64_t last = 253402300799999LL; /* 9999-12-31T23:59:59.999Z */
    ms = ms < 0 ? 0 : ms > last ? last : ms;
    struct day_date c = day_date(ms / DAY_MS);
    int in_day = (int)(ms % DAY_MS);
    char *at = put_digits(out, c.year, 4, '-');
    at = put_digits(at, c.month, 2, '-');
    at = put_digits(at, c.day, 2, 'T');
    at = put_digits(at, in_day / 3600000, 2, ':');
    at = put_digits(at, in_day / 60000 % 60, 2, ':');
    at = put_digits(at, in_day / 1000 % 60, 2, '.');
    at = put_digits(at, in_day % 1000, 3, 'Z');
    *at = '\0';
    return out;
}

const char *clock_format_http(int64_t ms, char out[CLOCK_TEXT_MAX])
{
    static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int32_t days = (int32_t)(ms / DAY_MS);
    unsigned s = (unsigned)(ms % DAY_MS / 1000);
    struct day_date c = day_date(days);
    snprintf(out, CLOCK_TEXT_MAX, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             weekdays + days % 7 * 3, (unsigned)c.day % 100, months + (c.month - 1) * 3,
             (unsigned)c.year % 10000, s / 3600 % 24, s / 60 % 60, s % 60);
    return out;
}

const char *clock_format_date(int32_t days, char *out)
{
    struct day_date c = day_date(days);
    snprintf(out, 12, "%04u-%02u-%02u", (unsigned)c.year % 10000, (unsigned)c.month % 100,
             (unsigned)c.day % 100);
    return out;
}

/* Exactly n digits at *p, moved past them; -1 otherwise. */
static int digits(const char **p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (**p < '0' || **p > '9')
            return -1;
        v = v * 10 + (**p - '0');
    }
    return v;
}

static bool skip(const char **p, const char *any)
{
    if (!**p || !strchr(any, **p))
        return false;
    (*p)++;
    return true;
}

static int parse_date(const char **p, int32_t *days)
{
    struct day_date c = {.year = digits(p, 4)};
    if (c.year < 0 || !skip(p, "-"))
        return E_INVALID;
    c.month = digits(p, 2);
    if (c.month < 1 || c.month > 12 || !skip(p, "-"))
        return E_INVALID;
    c.day = digits(p, 2);
    if (c.day < 1 || c.day > day_month_length(c.year, c.month))
        return E_INVALID;
    *days = (int32_t)day_of_date(c.year, c.month, c.day);
    return E_OK;
}

int clock_parse_date(const char *text, int32_t *days)
{
    if (!text)
        return E_INVALID;
    int rc = parse_date(&text, days);
    return rc < 0 ? rc : *text ? E_INVALID : E_OK;
}

/* ".5", ".123456": milliseconds, further digits dropped. 0 where no fraction stands. */
static int parse_fraction(const char **p)
{
    if (!skip(p, ".,"))
        return 0;
    int ms = 0, n = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++, n++)
        if (n < 3)
            ms = ms * 10 + (**p - '0');
    for (int i = n; i < 3; i++)
        ms *= 10;
    return n > 0 ? ms : -1;
}

/* "12:30", "12:30:05", "12:30:05.25" to milliseconds in the day; a leap second counts as :59. */
static int parse_time_of_day(const char **p, int32_t *ms)
{
    int h = digits(p, 2);
    if (h < 0 || h > 23 || !skip(p, ":"))
        return E_INVALID;
    int m = digits(p, 2), s = 0, fraction = 0;
    if (m < 0 || m > 59)
        return E_INVALID;
    if (skip(p, ":")) {
        s = digits(p, 2);
        if (s < 0 || s > 60)
            return E_INVALID;
        fraction = parse_fraction(p);
        if (fraction < 0)
            return E_INVALID;
    }
    *ms = ((h * 60 + m) * 60 + (s == 60 ? 59 : s)) * 1000 + fraction;
    return E_OK;
}

/* "Z", "+08:00", "+0800": minutes east of UTC. */
static int parse_offset(const char **p, int *minutes)
{
    *minutes = 0;
    if (skip(p, "Zz"))
        return E_OK;
    int sign = **p == '-' ? -1 : 1;
    if (!skip(p, "+-"))
        return E_INVALID;
    int h = digits(p, 2);
    if (h < 0 || h > 23)
        return E_INVALID;
    skip(p, ":");
    int m = digits(p, 2);
    if (m < 0 || m > 59)
        return E_INVALID;
    *minutes = sign * (h * 60 + m);
    return E_OK;
}

int clock_parse(const char *text, int64_t *ms)
{
    int32_t days = 0, in_day = 0;
    int offset = 0;
    if (!text || parse_date(&text, &days) < 0 || !skip(&text, "Tt ") ||
        parse_time_of_day(&text, &in_day) < 0 || parse_offset(&text, &offset) < 0 || *text)
        return E_INVALID;
    *ms = days * DAY_MS + in_day - offset * 60000LL;
    return E_OK;
}
