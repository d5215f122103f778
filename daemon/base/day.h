/*
 * day.h - arithmetic of civil days: dates of the proleptic Gregorian calendar as days since
 * 1970-01-01, and days of moments. No time zone is known here: domain/zone.h gives the day at a
 * place, domain/site.h the day of the site.
 *
 * The two conversions are Howard Hinnant's days_from_civil and civil_from_days
 * (howardhinnant.github.io/date_algorithms.html).
 */
#pragma once
#include <stdint.h>

#define DAY_MS INT64_C(86400000)
#define DAY_S  INT64_C(86400)

/** month 1 to 12, day 1 to 31. */
struct day_date {
    int year, month, day;
};

/** Days since 1970-01-01 of a date; a day beyond the month's end counts on into the next. */
int64_t day_of_date(int year, int month, int day);
/** The date of a day, before 1970 too. */
struct day_date day_date(int64_t days);
/** How many days that month has: 28 to 31. */
int day_month_length(int year, int month);
/** 0 = Monday to 6 = Sunday. */
int day_weekday(int64_t days);
/** The same day n months later (n may be negative), the month's last day if it has too few. */
int64_t day_add_months(int64_t days, int64_t n);
/** The day in which a moment lies, both by the same clock: ms rounded down, before 1970 too. */
int64_t day_of_ms(int64_t ms);
