/*
 * test_quiet.c - time zones and the owners' quiet hours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "domain/quiet.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(clock_parse(text, &ms), 0);
    return ms;
}

static const struct {
    const char *zone, *utc, *local;
} locals[] = {
    {"Asia/Shanghai", "2026-11-22T08:15:30Z", "2026-11-22 16:15"},
    {"Asia/Shanghai", "1988-07-01T00:00:00Z", "1988-07-01 09:00"}, /* China had summer time then */
    {"Asia/Hong_Kong", "2026-12-31T16:00:00Z", "2027-01-01 00:00"},
    {"UTC", "1970-01-01T00:00:00Z", "1970-01-01 00:00"},
    {"Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01 05:45"},
    {"Europe/London", "2026-03-29T00:59:59Z", "2026-03-29 00:59"},
    {"Europe/London", "2026-03-29T01:00:00Z", "2026-03-29 02:00"},
    {"Europe/London", "2026-10-25T00:59:59Z", "2026-10-25 01:59"},
    {"Europe/London", "2026-10-25T01:00:00Z", "2026-10-25 01:00"},
    {"Europe/London", "2090-07-01T12:00:00Z",
     "2090-07-01 13:00"}, /* by the rule at the file's end */
    {"America/New_York", "2050-01-01T12:00:00Z", "2050-01-01 07:00"},
    {"Australia/Sydney", "2060-01-01T12:00:00Z", "2060-01-01 23:00"}, /* summer over new year */
    {"Australia/Sydney", "2060-07-01T12:00:00Z", "2060-07-01 22:00"},
};

static void local_time(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(locals); i++) {
        struct errmsg why;
        char text[20];
        struct zone *z = zone_load(locals[i].zone, &why);
        if (!z)
            fail_msg("%s", why.text);
        zone_format(z, at(locals[i].utc), text);
        if (strcmp(text, locals[i].local) != 0)
            fail_msg("%s in %s: %s, not %s", locals[i].utc, locals[i].zone, text, locals[i].local);
        zone_free(&z);
    }
}

static void bad_zones(void **state)
{
    static const char *const names[] = {"",
                                        "Mars/Olympus",
                                        "../../../etc/passwd",
                                        "/etc/passwd",
                                        "Asia/../../passwd",
                                        "Asia/Shang hai",
                                        "Asia",
                                        "tzdata.zi"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct errmsg why = {""};
        assert_null(zone_load(names[i], &why));
        assert_true(*why.text);
    }
}

static void moments(void **state)
{
    struct zone *z = zone_load("Europe/London", NULL);
    int32_t days;
    assert_int_equal(clock_parse_date("2026-03-29", &days), 0);
    assert_int_equal(zone_moment(z, days, 30), at("2026-03-29T00:30:00Z"));
    assert_int_equal(zone_moment(z, days, 90), at("2026-03-29T01:00:00Z")); /* skipped */
    assert_int_equal(zone_moment(z, days, 150), at("2026-03-29T01:30:00Z"));
    assert_int_equal(clock_parse_date("2026-10-25", &days), 0);
    assert_int_equal(zone_moment(z, days, 90), at("2026-10-25T00:30:00Z")); /* the first of two */
    assert_int_equal(zone_moment(z, days, 150), at("2026-10-25T02:30:00Z"));
    zone_free(&z);
}

static const struct {
    const char *zone;
    int from, to;
    const char *now, *until;
} quiets[] = {
    {"Asia/Shanghai", 22 * 60, 8 * 60, "2026-11-22T13:59:59Z", "2026-11-22T13:59:59Z"},
    {"Asia/Shanghai", 22 * 60, 8 * 60, "2026-11-22T14:00:00Z", "2026-11-23T00:00:00Z"},
    {"Asia/Shanghai", 22 * 60, 8 * 60, "2026-11-22T20:00:00Z", "2026-11-23T00:00:00Z"},
    {"Asia/Shanghai", 22 * 60, 8 * 60, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z"},
    {"Asia/Shanghai", 12 * 60, 14 * 60, "2026-11-22T05:00:00Z", "2026-11-22T06:00:00Z"},
    {"Asia/Shanghai", 12 * 60, 14 * 60, "2026-11-22T06:00:00Z", "2026-11-22T06:00:00Z"},
    {"Asia/Shanghai", 0, 0, "2026-11-22T20:00:00Z", "2026-11-22T20:00:00Z"},
    {"Asia/Shanghai", 20 * 60, 1440, "2026-11-22T13:00:00Z", "2026-11-22T16:00:00Z"},
    /* The night of the change is an hour shorter, or longer. */
    {"Europe/London", 22 * 60, 8 * 60, "2026-03-28T23:00:00Z", "2026-03-29T07:00:00Z"},
    {"Europe/London", 22 * 60, 8 * 60, "2026-10-24T23:00:00Z", "2026-10-25T08:00:00Z"},
    {"America/New_York", 22 * 60, 8 * 60, "2026-01-01T03:00:00Z", "2026-01-01T13:00:00Z"},
};

static void quiet_hours(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(quiets); i++) {
        struct zone *z = zone_load(quiets[i].zone, NULL);
        struct quiet_hours q = {quiets[i].from, quiets[i].to, z};
        char text[CLOCK_TEXT_MAX];
        int64_t until = quiet_until(&q, at(quiets[i].now));
        if (until != at(quiets[i].until))
            fail_msg("case %zu: until %s", i, clock_format(until, text));
        zone_free(&z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_time),
        cmocka_unit_test(bad_zones),
        cmocka_unit_test(moments),
        cmocka_unit_test(quiet_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
