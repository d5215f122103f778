/*
 * test_form.c - the written forms that plugins share.
 */
#include "unit.h"

#include <string.h>
#include "form.h"

static void test_hex(void **state)
{
    (void)state;
    assert_int_equal(form_hex('0'), 0);
    assert_int_equal(form_hex('9'), 9);
    assert_int_equal(form_hex('a'), 10);
    assert_int_equal(form_hex('F'), 15);
    static const char none[] = {'/', ':', '@', 'G', '`', 'g', ' ', '\0', (char)0xff};
    for (size_t i = 0; i < sizeof none; i++)
        assert_int_equal(form_hex(none[i]), -1);
}

static void test_percent_encode(void **state)
{
    (void)state;
    char out[32];
    assert_true(form_percent_encode("aZ0-_.~", out, sizeof out));
    assert_string_equal(out, "aZ0-_.~");
    assert_true(form_percent_encode("a b+c&\xe5\xbc\xa0", out, sizeof out));
    assert_string_equal(out, "a%20b%2Bc%26%E5%BC%A0");
    assert_false(form_percent_encode("                ", out, sizeof out));
}

static void test_percent_decode(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"plain", "plain"}, {"a%20b", "a b"}, {"%e5%BC%a0", "\xe5\xbc\xa0"},
        {"100%", "100%"},   {"%4", "%4"},     {"%zz", "%zz"},
        {"+", "+"},         {"a%00b", "a"}};
    char text[32];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        strcpy(text, table[i][0]);
        form_percent_decode(text);
        assert_string_equal(text, table[i][1]);
    }
}

static void test_query(void **state)
{
    (void)state;
    const char *query = "from=%2B86138&text=a+b%20c&to=&bad=%4&nul=a%00b&xto=9";
    char out[16];
    assert_true(form_query_get(query, "from", out, sizeof out));
    assert_string_equal(out, "+86138");
    assert_true(form_query_get(query, "text", out, sizeof out));
    assert_string_equal(out, "a b c");
    assert_true(form_query_get(query, "to", out, sizeof out));
    assert_string_equal(out, "");
    assert_true(form_query_get(query, "xto", out, sizeof out));
    assert_false(form_query_get(query, "bad", out, sizeof out));
    assert_false(form_query_get(query, "nul", out, sizeof out));
    assert_false(form_query_get(query, "no", out, sizeof out));
    assert_false(form_query_get("", "no", out, sizeof out));
    assert_false(form_query_get(query, "from", out, 6));
    assert_true(form_query_get(query, "from", out, 7));
}

static void test_secret(void **state)
{
    (void)state;
    assert_true(form_same_secret("abc", 3, "abc"));
    assert_true(form_same_secret("abcd", 3, "abc"));
    assert_false(form_same_secret("abd", 3, "abc"));
    assert_false(form_same_secret("ab", 2, "abc"));
    assert_false(form_same_secret("abcd", 4, "abc"));
    assert_true(form_same_secret("", 0, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex), cmocka_unit_test(test_percent_encode),
        cmocka_unit_test(test_query), cmocka_unit_test(test_percent_decode),
        cmocka_unit_test(test_secret)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
