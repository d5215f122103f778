/*
 * Objects read field by field: what is scanned without a tree and what is not, and that both ways
 * agree with jansson about everything.
 */
#include "unit.h"

#include <time.h>

#include "base/mem.h"
#include "json_twin.h"

#define EVENT                                                                                      \
    "{\"type\":\"event\",\"seq\":42,\"event\":\"delivered\",\"call\":\"1732240000.17\","           \
    "\"at\":\"2026-11-22T08:15:30.123Z\",\"direction\":\"inbound\",\"calling\":\"13800138000\","   \
    "\"called\":\"4008000\",\"device\":\"1001\",\"queue\":\"客服\",\"gap\":false,\"x\":null}"

static const struct {
    const char *text;
    bool flat; /* needs no tree */
} ROWS[] = {
    {EVENT, true},
    {"{}", true},
    {" \t\r\n{ \"a\" : 1 , \"b\" : \"c\" }\r\n ", true},
    {"{\"a\":0,\"b\":-0,\"c\":-7,\"d\":999999999999999999,\"e\":-999999999999999999}", true},
    {"{\"a\":true,\"b\":false,\"c\":null,\"\":\"\"}", true},
    {"{\"a\":\"王芳 ß \xf0\x9f\x98\x80\",\"键\":1}", true},
    /* right, but for the tree */
    {"{\"a\":\"\\u738b\\n\\\"\\ud83d\\ude00\"}", false},
    {"{\"a\\u0062\":1,\"ab\":2}", false},
    {"{\"a\":1.5,\"b\":1e3,\"c\":-0.0}", false},
    {"{\"a\":9223372036854775807,\"b\":-9223372036854775808}", false},
    {"{\"a\":{\"b\":[1,{}]},\"c\":[]}", false},
    {"{\"a\":\"\x7f\"}", false},
    /* wrong */
    {"", false},
    {"{", false},
    {"}", false},
    {"{\"a\"", false},
    {"{\"a\":", false},
    {"{\"a\":1", false},
    {"{\"a\":1,", false},
    {"{\"a\":1,}", false},
    {"{,}", false},
    {"{\"a\" 1}", false},
    {"{\"a\":1 \"b\":2}", false},
    {"{\"a\":1}}", false},
    {"{\"a\":1}{}", false},
    {"{\"a\":1} x", false},
    {"{a:1}", false},
    {"{'a':1}", false},
    {"{1:1}", false},
    {"{\"a\":01}", false},
    {"{\"a\":-}", false},
    {"{\"a\":+1}", false},
    {"{\"a\":--1}", false},
    {"{\"a\":.5}", false},
    {"{\"a\":1.}", false},
    {"{\"a\":0x10}", false},
    {"{\"a\":1a}", false},
    {"{\"a\":9223372036854775808}", false},
    {"{\"a\":-9223372036854775809}", false},
    {"{\"a\":123456789012345678901234567890}", false},
    {"{\"a\":1e999}", false},
    {"{\"a\":tru}", false},
    {"{\"a\":trues}", false},
    {"{\"a\":True}", false},
    {"{\"a\":nul}", false},
    {"{\"a\":NaN}", false},
    {"{\"a\":\"b}", false},
    {"{\"a\":\"b\n\"}", false},
    {"{\"a\":\"b\\\"}", false},
    {"{\"a\":\"\\x41\"}", false},
    {"{\"a\":\"\\ud800\"}", false},
    {"{\"a\":\"\\u0000\"}", false},
    {"{\"a\":1,\"a\":1}", false},
    {"{\"a\":null,\"b\":2,\"a\":3}", false},
    {"{\"a\":\"\xff\"}", false},
    {"{\"a\":\"\xc0\x80\"}", false},
    {"{\"a\":\"\xed\xa0\x80\"}", false},
    {"{\"a\":\"\xf4\x90\x80\x80\"}", false},
    {"{\"a\":\"\xe7\x8e\"}", false},
    {"{\"\xff\":1}", false},
    {"\xef\xbb\xbf{\"a\":1}", false},
    {"[]", false},
    {"[{\"a\":1}]", false},
    {"1", false},
    {"\"a\"", false},
    {"null", false},
};

static void test_rows(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        if (twin_check(ROWS[i].text, strlen(ROWS[i].text)) != ROWS[i].flat)
            fail_msg("scanned %s: %s", ROWS[i].flat ? "not" : "by mistake", ROWS[i].text);
}

/* Cut off anywhere, with any byte anywhere. */
static void test_every_change(void **state)
{
    static const char bytes[] = "\"\\{}[]:,. -+0129eEtfn\n\t\x01\x7f\x80\xc3\xff/u";
    char text[400];
    for (size_t i = 0; i < 12; i++) {
        size_t len = strlen(ROWS[i].text);
        for (size_t at = 0; at <= len; at++) {
            memcpy(text, ROWS[i].text, len);
            twin_check(text, at);
            for (size_t c = 0; at < len && c < sizeof(bytes); c++) { /* the NUL, too */
                text[at] = bytes[c];
                twin_check(text, len);
            }
        }
    }
}

/* Pieces of lines put together at random. */
static void test_random(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (int n = 0; n < 20000; n++) {
        char text[700];
        size_t len = 0;
        for (int pieces = 1 + rand_r(&seed) % 4; pieces > 0; pieces--) {
            const char *from = ROWS[(size_t)rand_r(&seed) % ARRAY_LEN(ROWS)].text;
            size_t size = strlen(from), at = size ? (size_t)rand_r(&seed) % size : 0;
            size_t take = size - at > 150 ? 150 : size - at;
            memcpy(text + len, from + at, take);
            len += take;
        }
        twin_check(text, len);
    }
}

/* More fields or longer texts than the scanner keeps are not lost. */
static void test_big(void **state)
{
    for (int fields = JSON_OBJ_FIELDS - 1; fields <= JSON_OBJ_FIELDS + 1; fields++) {
        struct buf b = BUF_INIT(10000);
        for (int i = 0; i < fields; i++)
            buf_printf(&b, "%s\"f%d\":%d", i ? "," : "{", i, i);
        buf_addc(&b, '}');
        assert_int_equal(twin_check(b.data, b.len), fields <= JSON_OBJ_FIELDS);
        buf_free(&b);
    }
    for (size_t len = JSON_OBJ_TEXTS - 4; len < JSON_OBJ_TEXTS + 4; len++) {
        struct buf b = BUF_INIT(10000);
        buf_adds(&b, "{\"a\":\"x\",\"b\":\"");
        for (size_t i = 0; i < len - 2; i++)
            buf_addc(&b, 'y');
        buf_adds(&b, "\"}");
        assert_int_equal(twin_check(b.data, b.len), len + 1 <= JSON_OBJ_TEXTS);
        buf_free(&b);
    }
}

/* Both faces of the getters, over the same fields. */
static void check_fields(const struct json_obj *o)
{
    const char *s = "def";
    int64_t n = 7;
    struct errmsg why;
    assert_int_equal(json_obj_str(o, "s", 3, &s, &why), E_OK);
    assert_string_equal(s, "abc");
    assert_int_equal(json_obj_str(o, "s", 2, &s, &why), E_INVALID);
    assert_string_equal(why.text, "s: longer than 2 bytes");
    assert_int_equal(json_obj_str(o, "n", 9, &s, &why), E_INVALID);
    assert_string_equal(why.text, "n: must be text");
    s = "def";
    assert_int_equal(json_obj_str(o, "none", 9, &s, &why), E_OK);
    assert_int_equal(json_obj_str(o, "null", 9, &s, &why), E_OK);
    assert_string_equal(s, "def");
    assert_int_equal(json_obj_int(o, "n", -5, 9, &n, &why), E_OK);
    assert_int_equal(n, -5);
    assert_int_equal(json_obj_int(o, "n", 1, 9, &n, &why), E_INVALID);
    assert_string_equal(why.text, "n: must be from 1 to 9");
    assert_int_equal(json_obj_int(o, "s", 1, 9, &n, &why), E_INVALID);
    assert_string_equal(why.text, "s: must be a whole number");
    assert_int_equal(json_obj_int(o, "true", 1, 9, &n, &why), E_INVALID);
    assert_int_equal(json_obj_int(o, "none", 1, 9, &n, &why), E_OK);
    assert_int_equal(n, -5);
}

static void test_fields(void **state)
{
    static const char text[] = "{\"s\":\"abc\",\"n\":-5,\"null\":null,\"true\":true}";
    struct json_obj o;
    struct errmsg why;
    assert_int_equal(json_obj_read(&o, text, sizeof(text) - 1, &why), E_OK);
    assert_null(o.tree);
    check_fields(&o);
    json_obj_free(&o);
    json_t *tree = json_parse(text, sizeof(text) - 1, &why);
    json_obj_of(&o, tree);
    check_fields(&o);
    json_obj_free(&o);
    json_decref(tree);
    assert_int_equal(json_obj_read(&o, "[1]", 3, &why), E_INVALID);
    assert_string_equal(why.text, "a line is one JSON object");
    json_obj_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_every_change),
        cmocka_unit_test(test_random), cmocka_unit_test(test_big),
        cmocka_unit_test(test_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
