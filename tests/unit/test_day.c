/*
 * test_day.c - civil days: conversions there and back, ends of months, weekdays, days of moments;
 * the day of a zone and of the site around midnight and where clocks change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/day.h"
#include "base/mem.h"
#include "domain/site.h"

static int32_t day(const char *date)
{
    int32_t days;
    assert_int_equal(clock_parse_date(date, &days), 0);
    return days;
}

static int64_t moment(const char *text)
{
    int64_t ms;
    assert_int_equal(clock_parse(text, &ms), 0);
    return ms;
}

static void there_and_back(void **state)
{
    struct day_date before = {1899, 12, 31};
    for (int64_t d = day_of_date(1900, 1, 1); d < day_of_date(2200, 1, 1); d++) {
        struct day_date c = day_date(d);
        assert_int_equal(day_of_date(c.year, c.month, c.day), d);
        bool next_month = before.day == day_month_length(before.year, before.month);
        assert_int_equal(c.day, next_month ? 1 : before.day + 1);
        assert_int_equal(day_weekday(d), (day_weekday(d - 1) + 1) % 7);
        before = c;
    }
    assert_int_equal(day_of_date(1970, 1, 1), 0);
    assert_int_equal(day_weekday(0), 3);
    assert_int_equal(day_of_date(2000, 2, 29), 11016);
}

static void months(void **state)
{
    static const struct {
        const char *from;
        int n;
        const char *to;
    } rows[] = {{"2026-01-31", 1, "2026-02-28"},  {"2024-01-31", 1, "2024-02-29"},
                {"2026-12-15", 1, "2027-01-15"},  {"2026-01-15", -1, "2025-12-15"},
                {"2026-03-31", -1, "2026-02-28"}, {"2026-03-31", -13, "2025-02-28"},
                {"2026-08-31", 6, "2027-02-28"},  {"2026-05-05", 0, "2026-05-05"},
                {"1970-01-31", 1, "1970-02-28"},  {"2024-02-29", 12, "2025-02-28"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(day_add_months(day(rows[i].from), rows[i].n), day(rows[i].to));
}

static void of_moments(void **state)
{
    assert_int_equal(day_of_ms(0), 0);
    assert_int_equal(day_of_ms(DAY_MS - 1), 0);
    assert_int_equal(day_of_ms(-1), -1);
    assert_int_equal(day_of_ms(-DAY_MS), -1);
    assert_int_equal(day_of_ms(-DAY_MS - 1), -2);
}

/* zone, moment, the date that clocks show there */
static const struct {
    const char *zone, *at, *date;
} DAYS[] = {
    {"UTC", "2026-11-22T23:59:59.999Z", "2026-11-22"},
    {"Asia/Shanghai", "2026-11-22T15:59:59.999Z", "2026-11-22"},
    {"Asia/Shanghai", "2026-11-22T16:00:00Z", "2026-11-23"},
    {"Asia/Shanghai", "2026-11-22T18:00:00Z", "2026-11-23"}, /* 02:00 */
    {"Asia/Kathmandu", "2026-11-22T18:14:59Z", "2026-11-22"},
    {"Asia/Kathmandu", "2026-11-22T18:15:00Z", "2026-11-23"},
    {"America/New_York", "2026-11-23T04:59:59Z", "2026-11-22"},
    {"America/New_York", "2026-11-23T05:00:00Z", "2026-11-23"},
    /* Berlin: an hour ahead in winter, two in summer; the change is at 01:00 UTC. */
    {"Europe/Berlin", "2026-03-28T22:59:59Z", "2026-03-28"},
    {"Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29"},
    {"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29"}, /* 03:00, there is no 02:00 */
    {"Europe/Berlin", "2026-03-29T21:59:59Z", "2026-03-29"},
    {"Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30"},
    {"Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25"},
    {"Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25"}, /* a day of 25 hours */
    {"Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26"},
    /* Where the clocks change at midnight the day begins at 01:00. */
    {"America/Santiago", "2026-09-06T03:59:59Z", "2026-09-05"},
    {"America/Santiago", "2026-09-06T04:00:00Z", "2026-09-06"},
};

static void of_zones(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(DAYS); i++) {
        char yaml[160];
        struct conf_faults faults = {0};
        int n = snprintf(yaml, sizeof(yaml),
                         "site: {timezone: %s}\nstore: {path: t.db}\nlisten: {control: none}\n",
                         DAYS[i].zone);
        struct site *site = site_load_text("steward.yaml", yaml, (size_t)n, &faults);
        assert_non_null(site);
        if (site_today(site, moment(DAYS[i].at)) != day(DAYS[i].date))
            fail_msg("%s at %s is not %s", DAYS[i].zone, DAYS[i].at, DAYS[i].date);
        site_unref(&site);
        conf_faults_free(&faults);
    }
    assert_int_equal(zone_day(NULL, moment("2026-11-22T23:59:59Z")), day("2026-11-22"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(months),
                                       cmocka_unit_test(of_moments), cmocka_unit_test(of_zones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
