/*
 * Text helpers, random tokens and the names of errors.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

static void test_copy(void **state)
{
    char out[6];
    assert_true(text_copy(out, sizeof(out), "12345"));
    assert_string_equal(out, "12345");
    assert_false(text_copy(out, sizeof(out), "123456"));
    assert_string_equal(out, "12345");
    assert_false(text_copy(out, sizeof(out), "王芳")); /* 6 bytes: the second does not fit */
    assert_string_equal(out, "王");
    assert_true(text_copy(out, sizeof(out), NULL));
    assert_string_equal(out, "");
    assert_true(text_copyn(out, sizeof(out), "abcdef", 3));
    assert_string_equal(out, "abc");
    assert_false(text_copy(out, 1, "x"));
    assert_string_equal(out, "");
}

static void test_equal(void **state)
{
    assert_true(text_eq(NULL, NULL));
    assert_false(text_eq(NULL, ""));
    assert_true(text_eq("a", "a"));
    assert_true(text_starts("abc", "ab"));
    assert_false(text_starts("a", "ab"));
    assert_false(text_starts(NULL, "ab"));
    assert_true(text_secret_eq("secret", "secret"));
    assert_false(text_secret_eq("secret", "secreT"));
    assert_false(text_secret_eq("secret", "secre"));
    assert_string_equal(text_after_slash("pbx-a/1001"), "1001");
    assert_string_equal(text_after_slash("1001"), "1001");
    assert_null(text_after_slash(NULL));
}

static void test_int(void **state)
{
    static const struct {
        const char *text;
        int64_t min, max;
        bool good;
    } cases[] = {
        {"0", 0, 10, true},
        {"10", 0, 10, true},
        {"11", 0, 10, false},
        {"-1", -1, 10, true},
        {"-1", 0, 10, false},
        {"", 0, 10, false},
        {"-", -5, 10, false},
        {"5x", 0, 10, false},
        {" 5", 0, 10, false},
        {"+5", 0, 10, false},
        {"0x5", 0, 10, false},
        {NULL, 0, 10, false},
        {"99999999999999999999", 0, INT64_MAX, false},
        {"9223372036854775807", 0, INT64_MAX, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t v = -7;
        int rc = text_int(cases[i].text, cases[i].min, cases[i].max, &v);
        assert_int_equal(rc, cases[i].good ? E_OK : E_INVALID);
        assert_true(cases[i].good || v == -7);
    }
}

static void test_names(void **state)
{
    static const char long_name[] =
        "a23456789012345678901234567890123456789012345678901234567890123456";
    char just[65];
    text_copyn(just, sizeof(just), long_name, 64);
    assert_true(text_is_name("pbx-a"));
    assert_true(text_is_name("0_9"));
    assert_true(text_is_name(just));
    assert_false(text_is_name(long_name));
    assert_false(text_is_name(""));
    assert_false(text_is_name(NULL));
    assert_false(text_is_name("-a"));
    assert_false(text_is_name("Pbx"));
    assert_false(text_is_name("pbX"));
    assert_false(text_is_name("a.b"));
}

static void test_random(void **state)
{
    char a[41], b[41];
    rng_token(a, 40);
    rng_token(b, 40);
    assert_int_equal(strlen(a), 40);
    assert_string_not_equal(a, b);
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(7) < 7);
    assert_int_equal(rng_below(1), 0);
}

static void test_errors(void **state)
{
    assert_string_equal(err_name(E_OK), "ok");
    assert_string_equal(err_name(E_INVALID), "invalid");
    assert_string_equal(err_name(E_CONFLICT), "conflict");
    assert_string_equal(err_name(E_CANCELLED), "cancelled");
    assert_string_equal(err_name(-1), "unknown error");
    assert_string_equal(err_name(E_CANCELLED + 1), "unknown error");
    struct errmsg why;
    assert_int_equal(errmsg_set(&why, E_RATE, "%d too many", 5), E_RATE);
    assert_string_equal(why.text, "5 too many");
    assert_int_equal(errmsg_set(NULL, E_RATE, "nobody reads"), E_RATE);
}

static void test_memory(void **state)
{
    assert_null(xstrdup(NULL));
    char *s = xasprintf("%s-%d", "a", 5);
    assert_string_equal(s, "a-5");
    char *n = xstrndup(s, 2);
    assert_string_equal(n, "a-");
    free(s);
    free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),   cmocka_unit_test(test_equal),  cmocka_unit_test(test_int),
        cmocka_unit_test(test_names),  cmocka_unit_test(test_random), cmocka_unit_test(test_errors),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
