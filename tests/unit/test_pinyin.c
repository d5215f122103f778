/*
 * test_pinyin.c - initials of names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "domain/pinyin.h"

static void test_initials(void **state)
{
    static const char *const rows[][2] = {
        {"王芳", "wf"},         {"王小龙", "wxl"},   {"任我行", "rwx"}, {"单田芳", "stf"},
        {"简单", "jd"},         {"曾国藩", "zgf"},   {"仇英", "qy"},    {"解缙", "xj"},
        {"查良镛", "zly"},      {"区文", "ow"},      {"陳大文", "cdw"}, {"John Smith", ""},
        {"王 John Lee", "wjl"}, {"李(业主)", "lyz"}, {"", ""},          {"\xff\xfe王", "w"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[PINYIN_MAX];
        pinyin_initials(rows[i][0], out, sizeof(out));
        assert_string_equal(out, rows[i][1]);
    }
    char small[3];
    pinyin_initials("王小龙", small, sizeof(small));
    assert_string_equal(small, "wx");
}

static void test_table(void **state)
{
    size_t known = 0, n = strlen(pinyin_table);
    assert_int_equal(n, PINYIN_LAST - PINYIN_FIRST + 1);
    for (size_t i = 0; i < n; i++) {
        known += pinyin_table[i] >= 'a' && pinyin_table[i] <= 'z';
        assert_true(pinyin_table[i] == '.' || (pinyin_table[i] >= 'a' && pinyin_table[i] <= 'z'));
    }
    assert_true(known > 20800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_initials),
                                       cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
