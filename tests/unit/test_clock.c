/*
 * Time as text and back, and the clock that tests move.
 */
#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static void test_format(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {951782399999LL, "2000-02-28T23:59:59.999Z"},
        {951782400000LL, "2000-02-29T00:00:00.000Z"},
        {1795335330123LL, "2026-11-22T08:15:30.123Z"},
        {253402300799999LL, "9999-12-31T23:59:59.999Z"},
        {253402300800000LL, "9999-12-31T23:59:59.999Z"}, /* out of range: the nearest */
        {-1, "1970-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[CLOCK_TEXT_MAX];
        assert_string_equal(clock_format(cases[i].ms, out), cases[i].text);
    }
}

static void test_format_http(void **state)
{
    char out[CLOCK_TEXT_MAX];
    assert_string_equal(clock_format_http(1795335330123LL, out), "Sun, 22 Nov 2026 08:15:30 GMT");
    assert_string_equal(clock_format_http(784111777000LL, out), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_string_equal(clock_format_http(0, out), "Thu, 01 Jan 1970 00:00:00 GMT");
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"2026-11-22T08:15:30.123Z", 1795335330123LL},
        {"2026-11-22T16:15:30.123+08:00", 1795335330123LL},
        {"2026-11-22t08:15:30.1239z", 1795335330123LL},
        {"2026-11-22 08:15:30.123Z", 1795335330123LL},
        {"2026-11-22T08:15:30Z", 1795335330000LL},
        {"2026-11-22T08:15Z", 1795335300000LL},
        {"2026-11-21T23:45:30-0830", 1795335330000LL},
        {"2026-11-22T08:15:30.5Z", 1795335330500LL},
        {"1970-01-01T00:00:00Z", 0},
        {"2016-12-31T23:59:60Z", 1483228799000LL}, /* a leap second */
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t ms = -1;
        assert_int_equal(clock_parse(good[i].text, &ms), E_OK);
        assert_int_equal(ms, good[i].ms);
    }
    static const char *const bad[] = {
        NULL,
        "",
        "2026-11-22",
        "2026-11-22T08:15:30",
        "2026-11-22T08:15:30.Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T08:60:00Z",
        "2026-11-22T08:15:61Z",
        "2026-02-29T08:15:30Z",
        "2026-13-01T08:15:30Z",
        "2026-00-01T08:15:30Z",
        "2026-11-22T08:15:30ZZ",
        "2026-11-22T08:15:30+24:00",
        "2026-11-22T08:15:30+",
        "26-11-22T08:15:30Z",
        " 2026-11-22T08:15:30Z",
        "1795335330",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t ms = 0;
        assert_int_equal(clock_parse(bad[i], &ms), E_INVALID);
    }
}

static void test_dates_round_trip(void **state)
{
    char out[CLOCK_TEXT_MAX];
    for (int32_t day = 0; day < 2932896; day += 97) { /* 1970 to 9999 */
        int32_t back = -1;
        assert_int_equal(clock_parse_date(clock_format_date(day, out), &back), E_OK);
        assert_int_equal(back, day);
    }
    int32_t day = 0;
    assert_int_equal(clock_parse_date("1969-12-31", &day), E_OK);
    assert_int_equal(day, -1);
    assert_string_equal(clock_format_date(-1, out), "1969-12-31");
    assert_int_equal(clock_parse_date("2026-11-22x", &day), E_INVALID);
    assert_int_equal(clock_parse_date("2100-02-29", &day), E_INVALID);
    assert_int_equal(clock_parse_date("2026-04-31", &day), E_INVALID);
}

static void test_moving(void **state)
{
    clock_test_set(1000);
    assert_true(clock_test_frozen());
    assert_int_equal(clock_now_ms(), 1000);
    clock_test_advance(500);
    assert_int_equal(clock_now_ms(), 1500);
    clock_test_set(0);
    assert_false(clock_test_frozen());
    int64_t now = clock_now_ms();
    clock_test_advance(3600000);
    assert_in_range(clock_now_ms() - now, 3600000, 3660000);
    clock_test_set(0);
    assert_in_range(clock_now_ms() - now, 0, 60000);
    assert_true(clock_mono_us() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format), cmocka_unit_test(test_format_http),
        cmocka_unit_test(test_parse),  cmocka_unit_test(test_dates_round_trip),
        cmocka_unit_test(test_moving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
