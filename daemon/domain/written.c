/*
 * written.c - dates and moments as people write them (written.h).
 */
#include "domain/written.h"

#include <string.h>

#include "base/clock.h"
#include "base/day.h"

/* At least one digit and at most max, moved past them; -1 otherwise. */
static int number(const char **p, int max)
{
    int v = 0, n = 0;
    for (; n < max && **p >= '0' && **p <= '9'; n++, (*p)++)
        v = v * 10 + (**p - '0');
    return n ? v : -1;
}

static bool take(const char **p, const char *word)
{
    size_t len = strlen(word);
    if (strncmp(*p, word, len) != 0)
        return false;
    *p += len;
    return true;
}

/* "2019/5/1" and its like, moved past it: both marks between the parts are the same. */
static int take_date(const char **p, int32_t *days)
{
    static const char *const marks[][3] = {
        {"-", "-", ""}, {"/", "/", ""}, {".", ".", ""}, {"年", "月", "日"}};
    const char *from = *p;
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        *p = from;
        int year = number(p, 4), month, day;
        if (year < 1000 || !take(p, marks[i][0]))
            continue;
        month = number(p, 2);
        if (month < 1 || month > 12 || !take(p, marks[i][1]))
            continue;
        day = number(p, 2);
        if (day < 1 || day > day_month_length(year, month) || !take(p, marks[i][2]))
            continue;
        *days = (int32_t)day_of_date(year, month, day);
        return E_OK;
    }
    return E_INVALID;
}

/* "8:00", "08:00:30" to milliseconds of the day, up to 24:00. */
static int take_time(const char **p, int32_t *ms)
{
    int hour = number(p, 2), minute, second = 0;
    if (hour < 0 || hour > 24 || !take(p, ":"))
        return E_INVALID;
    minute = number(p, 2);
    if (take(p, ":"))
        second = number(p, 2);
    if (minute < 0 || minute > 59 || second < 0 || second > 59)
        return E_INVALID;
    *ms = ((hour * 60 + minute) * 60 + second) * 1000;
    return *ms <= DAY_MS ? E_OK : E_INVALID;
}

int written_date(const char *text, int32_t *days)
{
    int32_t ms = 0;
    if (take_date(&text, days) < 0)
        return E_INVALID;
    if (*text && (!take(&text, " ") || take_time(&text, &ms) < 0))
        return E_INVALID;
    return *text || ms ? E_INVALID : E_OK;
}

int written_moment(const struct zone *zone, const char *text, bool end, int64_t *out)
{
    int32_t days, ms;
    if (clock_parse(text, out) == E_OK)
        return E_OK;
    if (take_date(&text, &days) < 0)
        return E_INVALID;
    if (!*text) {
        *out = zone_moment(zone, days + end, 0);
        return E_OK;
    }
    if ((!take(&text, " ") && !take(&text, "T")) || take_time(&text, &ms) < 0 || *text)
        return E_INVALID;
    int minute = ms / 60000;
    *out = zone_moment(zone, days + minute / 1440, minute % 1440) + ms % 60000;
    return E_OK;
}
