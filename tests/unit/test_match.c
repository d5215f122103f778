/*
 * test_match.c - certainty, words of the reason, roles and reversed digits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "domain/match.h"

static void test_certainty(void **state)
{
    static const struct {
        bool exact, any, current;
        enum match_certainty want;
    } rows[] = {
        {true, true, true, MATCH_CERTAIN},   {true, false, false, MATCH_CERTAIN},
        {true, true, false, MATCH_FORMER},   {false, true, true, MATCH_LIKELY},
        {false, false, false, MATCH_LIKELY}, {false, true, false, MATCH_NO},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(match_certainty_of(rows[i].exact, rows[i].any, rows[i].current),
                         rows[i].want);
    }
    assert_string_equal(match_certainty_name(MATCH_LIKELY), "likely");
    assert_string_equal(match_word(0), "none");
    assert_string_equal(match_word(1), "one");
    assert_string_equal(match_word(7), "many");
}

static void test_tenures(void **state)
{
    assert_true(tenure_is_current(0, 20000));
    assert_true(tenure_is_current(20000, 20000)); /* the last day counts */
    assert_false(tenure_is_current(19999, 20000));
    assert_true(tenure_is_current(20001, 20000));
    for (int i = 0; i < TENURE_NONE; i++)
        assert_int_equal(tenure_role_parse(tenure_role_name((enum tenure_role)i)), i);
    assert_int_equal(tenure_role_parse("landlord"), TENURE_NONE);
    assert_int_equal(tenure_role_parse(NULL), TENURE_NONE);
    assert_null(tenure_role_name(TENURE_NONE));
}

static void test_reason(void **state)
{
    static const struct {
        enum match_certainty c;
        const char *label;
        enum tenure_role role;
        const char *unit;
        int more;
        const char *want;
    } rows[] = {
        {MATCH_CERTAIN, "mobile", TENURE_OWNER, "四季花城 3-1201", 0,
         "mobile of the owner of 四季花城 3-1201"},
        {MATCH_CERTAIN, "home", TENURE_FAMILY, "A 1-2", 2,
         "home of the family member of A 1-2 and 2 more"},
        {MATCH_FORMER, "mobile", TENURE_TENANT, "A 1-2", 0, "mobile of the former tenant of A 1-2"},
        {MATCH_LIKELY, "home", TENURE_CO_OWNER, "A 1-2", 0,
         "ends like the home of the co-owner of A 1-2"},
        {MATCH_CERTAIN, "", TENURE_NONE, "", 0, "number of a contact without a home here"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[256];
        match_reason(rows[i].c, rows[i].label, rows[i].role, rows[i].unit, rows[i].more, out,
                     sizeof(out));
        assert_string_equal(out, rows[i].want);
    }
}

static void test_reversed(void **state)
{
    static const char *const rows[][2] = {
        {"+8675528881234", "43218882557"},
        {"+85221234567", "76543212"},
        {"+85366123456", "65432166"},
        {"+12125550123", "3210555212"},
        {"+442079460123", "3210649702"},
        {"+8613800138000", ""},
        {"+8610086", ""},
        {"86:95588", ""},
        {"13800138000", ""},
        {"+86abc5528881234", ""},
        {"+86755288812345678901", ""},
        {"", ""},
        {"+", ""},
    };
    char out[16];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        match_reversed(rows[i][0], out);
        assert_string_equal(out, rows[i][1]);
    }
    match_reversed(NULL, out);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certainty), cmocka_unit_test(test_tenures),
        cmocka_unit_test(test_reason), cmocka_unit_test(test_reversed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
