/*
 * day.c - civil-day arithmetic, the only one of the daemon (day.h).
 */
#include "base/day.h"

#include <stdbool.h>

int64_t day_of_date(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct day_date day_date(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct day_date d = {.day = (int)(doy - (153 * mp + 2) / 5 + 1),
                         .month = (int)(mp < 10 ? mp + 3 : mp - 9)};
    d.year = (int)(yoe + era * 400 + (d.month <= 2));
    return d;
}

int day_month_length(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

int day_weekday(int64_t days)
{
    return (int)((days % 7 + 10) % 7); /* 1970-01-01 was a Thursday */
}

int64_t day_add_months(int64_t days, int64_t n)
{
    struct day_date d = day_date(days);
    int64_t months = d.year * INT64_C(12) + d.month - 1 + n;
    int64_t year = months / 12 - (months % 12 < 0);
    int month = (int)(months - year * 12) + 1;
    int last = day_month_length((int)year, month);
    return day_of_date((int)year, month, d.day > last ? last : d.day);
}

int64_t day_of_ms(int64_t ms)
{
    return ms / DAY_MS - (ms % DAY_MS < 0);
}
