/*
 * JSON: what the writer writes, what the reader refuses.
 */
#include "unit.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static void test_writer(void **state)
{
    struct buf b = BUF_INIT(4096);
    struct jw w;
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "a", "x\"y\\z\n\x01");
    jw_kstr(&w, "none", NULL);
    jw_kint(&w, "n", -5);
    jw_kid(&w, "id", 0);
    jw_kid(&w, "id2", 7);
    jw_key(&w, "list");
    jw_arr(&w);
    jw_int(&w, 1);
    jw_arr(&w);
    jw_end_arr(&w);
    jw_obj(&w);
    jw_kbool(&w, "t", true);
    jw_knull(&w, "z");
    jw_end_obj(&w);
    jw_bool(&w, false);
    jw_end_arr(&w);
    jw_ktime(&w, "at", 1);
    jw_ktime(&w, "never", 0);
    jw_kraw(&w, "raw", "{\"k\":[]}");
    jw_kraw(&w, "noraw", "");
    jw_key(&w, "empty");
    jw_obj(&w);
    jw_end_obj(&w);
    jw_kint(&w, "last", 9);
    jw_end_obj(&w);
    assert_string_equal(
        buf_str(&b),
        "{\"a\":\"x\\\"y\\\\z\\n\\u0001\",\"none\":null,\"n\":-5,\"id\":null,\"id2\":7,"
        "\"list\":[1,[],{\"t\":true,\"z\":null},false],\"at\":\"1970-01-01T00:00:00.001Z\","
        "\"never\":null,\"raw\":{\"k\":[]},\"noraw\":null,\"empty\":{},\"last\":9}");
    json_t *back = json_parse(b.data, b.len, NULL);
    assert_non_null(back);
    buf_reset(&b);
    jw_init(&w, &b);
    jw_json(&w, json_object_get(back, "list"));
    assert_string_equal(buf_str(&b), "[1,[],{\"t\":true,\"z\":null},false]");
    json_decref(back);
    buf_free(&b);
}

static void test_milli(void **state)
{
    static const struct {
        int64_t v;
        const char *text;
    } cases[] = {{6100, "6.1"},  {42000, "42"},  {0, "0"},         {5, "0.005"},
                 {-1, "-0.001"}, {1050, "1.05"}, {-42500, "-42.5"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT(100);
        struct jw w;
        jw_init(&w, &b);
        jw_milli(&w, cases[i].v);
        assert_string_equal(buf_str(&b), cases[i].text);
        buf_free(&b);
    }
}

static void test_quote_bad_utf8(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"王芳", "\"王芳\""},
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xe7\x8e", "\"\xef\xbf\xbd\xef\xbf\xbd\""}, /* cut inside a character */
        {"\x7f", "\"\\u007f\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT(100);
        json_quote(&b, cases[i].in, strlen(cases[i].in));
        assert_string_equal(buf_str(&b), cases[i].out);
        buf_free(&b);
    }
}

/* Each byte of ASCII at each place: what is looked at eight at a time hides none. */
static void test_quote_every_byte(void **state)
{
    for (int c = 1; c < 128; c++) {
        for (size_t at = 0; at < 19; at++) {
            char text[20] = "aaaaaaaaaaaaaaaaaaa";
            struct buf b = BUF_INIT(200);
            text[at] = (char)c;
            json_quote(&b, text, sizeof(text) - 1);
            bool escaped = c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
            assert_int_equal(b.len > sizeof(text) + 1, escaped);
            json_t *back = json_parse(b.data, b.len, NULL);
            assert_string_equal(json_string_value(back), text);
            json_decref(back);
            buf_free(&b);
        }
    }
}

/* What does not fit is said once, and nothing is written beyond the maximum. */
static void test_writer_maximum(void **state)
{
    static const char whole[] = "{\"key\":\"text\",\"n\":-12.5,\"b\":false}";
    for (size_t max = 0; max <= sizeof(whole); max++) {
        struct buf b = BUF_INIT(max);
        struct jw w;
        jw_init(&w, &b);
        jw_obj(&w);
        jw_kstr(&w, "key", "text");
        jw_key(&w, "n");
        jw_milli(&w, -12500);
        jw_kbool(&w, "b", false);
        jw_end_obj(&w);
        assert_int_equal(b.overflow, max < sizeof(whole) - 1);
        assert_true(b.len <= max);
        assert_memory_equal(buf_str(&b), whole, b.len);
        buf_free(&b);
    }
}

static void test_utf8(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        bool good;
    } cases[] = {
        {"plain", 5, true},
        {"王芳", 6, true},
        {"\xf0\x9f\x98\x80", 4, true},
        {"\xf4\x8f\xbf\xbf", 4, true},
        {"a\0b", 3, false},
        {"\xc0\xaf", 2, false},         /* overlong */
        {"\xe0\x80\xaf", 3, false},     /* overlong */
        {"\xf0\x80\x80\xaf", 4, false}, /* overlong */
        {"\xed\xa0\x80", 3, false},     /* surrogate */
        {"\xf4\x90\x80\x80", 4, false}, /* past U+10FFFF */
        {"\xf5\x80\x80\x80", 4, false},
        {"\x80", 1, false},
        {"\xe7\x8e", 2, false},
        {"", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_valid(cases[i].text, cases[i].n), cases[i].good);
}

static void test_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",      "{",           "{\"a\":1}x",       "{\"a\":1,\"a\":2}", "{'a':1}",
        "[1,]",  "nul",         "{\"a\":\"\xff\"}", "\"\\u0000\"",       "{\"a\":01}",
        "[NaN]", "\"\\ud800\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct errmsg why = {""};
        json_t *v = json_parse(bad[i], strlen(bad[i]), &why);
        assert_null(v);
        assert_string_not_equal(why.text, "");
    }
}

static void test_parse_depth(void **state)
{
    for (int depth = 32; depth <= 33; depth++) {
        struct buf b = BUF_INIT(200);
        buf_adds(&b, "");
        for (int i = 0; i < depth; i++)
            buf_addc(&b, '[');
        for (int i = 0; i < depth; i++)
            buf_addc(&b, ']');
        json_t *v = json_parse(b.data, b.len, NULL);
        assert_int_equal(v != NULL, depth == 32);
        json_decref(v);
        buf_free(&b);
    }
    static const char in_text[] = "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"";
    json_t *v = json_parse(in_text, sizeof(in_text) - 1, NULL);
    assert_non_null(v);
    json_decref(v);
}

static void test_fields(void **state)
{
    static const char text[] = "{\"s\":\"abc\",\"n\":5,\"b\":true,\"z\":null,\"f\":1.5}";
    struct errmsg why;
    json_t *o = json_parse(text, sizeof(text) - 1, &why);
    const char *s = "default";
    int64_t n = 42;
    bool b = false;
    assert_int_equal(json_get_str(o, "missing", 10, &s, &why), E_OK);
    assert_int_equal(json_get_str(o, "z", 10, &s, &why), E_OK);
    assert_string_equal(s, "default");
    assert_int_equal(json_get_str(o, "s", 3, &s, &why), E_OK);
    assert_string_equal(s, "abc");
    assert_int_equal(json_get_str(o, "s", 2, &s, &why), E_INVALID);
    assert_string_equal(why.text, "s: longer than 2 bytes");
    assert_int_equal(json_get_str(o, "n", 10, &s, &why), E_INVALID);
    assert_string_equal(why.text, "n: must be text");
    assert_int_equal(json_get_int(o, "missing", 0, 9, &n, &why), E_OK);
    assert_int_equal(n, 42);
    assert_int_equal(json_get_int(o, "n", 0, 9, &n, &why), E_OK);
    assert_int_equal(n, 5);
    assert_int_equal(json_get_int(o, "n", 6, 9, &n, &why), E_INVALID);
    assert_string_equal(why.text, "n: must be from 6 to 9");
    assert_int_equal(json_get_int(o, "f", 0, 9, &n, &why), E_INVALID);
    assert_int_equal(json_get_bool(o, "b", &b, &why), E_OK);
    assert_true(b);
    assert_int_equal(json_get_bool(o, "n", &b, &why), E_INVALID);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer),         cmocka_unit_test(test_milli),
        cmocka_unit_test(test_quote_bad_utf8), cmocka_unit_test(test_quote_every_byte),
        cmocka_unit_test(test_writer_maximum), cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_parse_refuses),  cmocka_unit_test(test_parse_depth),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
