/*
 * test_conf.c - the configuration engine: YAML into trees, faults of syntax, tables.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/conf_table.h"
#include "base/mem.h"
#include "base/span.h"

/* ---- durations ---- */

static void test_spans(void **state)
{
    static const struct {
        const char *text;
        int64_t n;
        enum span_unit unit;
    } rows[] = {
        {"90s", 90, SPAN_SECOND},
        {"30m", 30, SPAN_MINUTE},
        {"4h", 4, SPAN_HOUR},
        {"2d", 2, SPAN_DAY},
        {"10wd", 10, SPAN_WORKING_DAY},
        {"35 months", 35, SPAN_MONTH},
        {"1 month", 1, SPAN_MONTH},
        {"250ms", 250, SPAN_MS},
        {"0s", 0, SPAN_SECOND},
        {"soon", 0, SPAN_NONE},
        {"", 0, SPAN_NONE},
        {"4", 0, SPAN_NONE},
        {"h", 0, SPAN_NONE},
        {"-4h", 0, SPAN_NONE},
        {"4h ", 0, SPAN_NONE},
        {"99999999999999h", 0, SPAN_NONE},
        {"4 hours", 0, SPAN_NONE},
        {"1.5h", 0, SPAN_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span s = {0};
        int rc = span_parse(rows[i].text, &s);
        assert_int_equal(rc, rows[i].unit == SPAN_NONE ? E_INVALID : E_OK);
        assert_int_equal(s.unit, rows[i].unit);
        assert_int_equal(s.n, rows[i].n);
        if (rc == E_OK)
            assert_string_equal(s.text, rows[i].text);
    }
    int64_t ms;
    struct span s = span_make(35, SPAN_MONTH);
    assert_string_equal(s.text, "35 months");
    assert_false(span_fixed_ms(&s, &ms));
    s = span_make(90, SPAN_SECOND);
    assert_true(span_fixed_ms(&s, &ms));
    assert_int_equal(ms, 90000);
}

/* ---- a small table ---- */

struct part {
    char *name;
    int64_t share;
};

struct sample {
    char *name, *level, *token;
    int64_t count;
    bool on;
    struct span wait;
    struct conf_texts tags;
    struct part *parts;
    size_t parts_n;
    struct part *rows;
    size_t rows_n;
};

static const char *const levels[] = {"low", "high", NULL};
static const struct conf_key part_keys[] = {
    {"share", &conf_percent, offsetof(struct part, share), "100%", .min = 1, .max = 100}, {0}};
static const struct conf_key row_keys[] = {
    {"name", &conf_text, offsetof(struct part, name), .flags = CONF_REQUIRED},
    {"share", &conf_percent, offsetof(struct part, share), "10%", .min = 0},
    {0}};
static const struct conf_key inner_keys[] = {
    {"count", &conf_int, offsetof(struct sample, count), "3", .min = 1, .max = 9,
     .flags = CONF_RELOAD},
    {"on", &conf_bool, offsetof(struct sample, on), "true", .min = 0},
    {"wait", &conf_span, offsetof(struct sample, wait), "4h", .min = 1000, .max = 86400000},
    {0}};
static const struct conf_key sample_table[] = {
    {"name", &conf_text, offsetof(struct sample, name), "nobody", .min = 1, .max = 20},
    {"level", &conf_word, offsetof(struct sample, level), "low", .words = levels},
    {"token", &conf_text, offsetof(struct sample, token), .flags = CONF_SECRET},
    {"inner", &conf_map, 0, .sub = inner_keys},
    {"tags", &conf_texts_kind, offsetof(struct sample, tags), "[a, b]", .max = 3},
    {"parts", &conf_dict, offsetof(struct sample, parts), "{}", .sub = part_keys,
     .size = sizeof(struct part), .shorthand = "share"},
    {"rows", &conf_maps, offsetof(struct sample, rows), "[]", .sub = row_keys,
     .size = sizeof(struct part)},
    {0}};

static char *load(struct sample *out, const char *text, size_t len)
{
    struct conf_faults faults = {0};
    struct conf_ctx cx = {&faults, "/tmp"};
    struct buf b = BUF_INIT(65536);
    struct conf_node *n = conf_node_read("f", text, len, &faults);
    memset(out, 0, sizeof(*out));
    if (n)
        (void)conf_table_read(&cx, sample_table, n, out);
    conf_node_free(&n);
    conf_faults_sort(&faults);
    conf_faults_print(&faults, &b);
    conf_faults_free(&faults);
    return buf_take(&b);
}

static void test_values(void **state)
{
    struct sample s;
    static const char text[] = "name: 孙丽\nlevel: high\ninner: {count: 9, on: no}\ntags: one\n"
                               "parts:\n  x: 75%\n  y: {share: 5%}\n  z:\nrows: [{name: r}]\n";
    char *faults = load(&s, text, strlen(text));
    assert_string_equal(faults, "");
    assert_string_equal(s.name, "孙丽");
    assert_string_equal(s.level, "high");
    assert_int_equal(s.count, 9);
    assert_false(s.on);
    assert_string_equal(s.wait.text, "4h");
    assert_int_equal(s.tags.n, 1);
    assert_int_equal(s.parts_n, 3);
    assert_string_equal(s.parts[0].name, "x");
    assert_int_equal(s.parts[0].share, 75);
    assert_int_equal(s.parts[1].share, 5);
    assert_int_equal(s.parts[2].share, 100);
    assert_string_equal(s.rows[0].name, "r");
    assert_int_equal(s.rows[0].share, 10);
    conf_table_clear(sample_table, &s);
    free(faults);
}

/* One text, its faults. */
static void test_faults(void **state)
{
    static const struct {
        const char *text, *faults;
    } rows[] = {
        {"", ""},
        {"# nothing\n", ""},
        {"name:\n", ""},
        {"nmae: x\n", "f:1:1: unknown key 'nmae' (did you mean 'name'?)\n"},
        {"zzz: x\n", "f:1:1: unknown key 'zzz'\n"},
        {"name: a\nname: b\n", "f:2:1: name: given twice, first in line 1\n"},
        {"name: [x]\n", "f:1:7: name: expected text\n"},
        {"name: aaaaaaaaaaaaaaaaaaaaaaaaaa\n", "f:1:7: name: must be 1 to 20 bytes long\n"},
        {"level: hihg\n", "f:1:8: level: 'hihg' is not one of low high\n"},
        {"inner: 3\n", "f:1:8: inner: expected keys and values\n"},
        {"inner: {count: many}\n", "f:1:16: count: 'many' is not a whole number\n"},
        {"inner: {count: 0}\n", "f:1:16: count: '0' is under the least, 1\n"},
        {"inner: {count: 10}\n", "f:1:16: count: '10' is over the most, 9\n"},
        {"inner: {on: maybe}\n", "f:1:13: on: 'maybe' is neither true nor false\n"},
        {"inner: {wait: soon}\n", "f:1:15: wait: 'soon' is not a duration\n"},
        {"inner: {wait: 2d}\n", "f:1:15: wait: '2d' is over the most, 1d\n"},
        {"tags: {a: b}\n", "f:1:7: tags: expected a list\n"},
        {"tags: [a, b, c, d]\n", "f:1:7: tags: more than 3 entries\n"},
        {"tags: [[a]]\n", "f:1:8: tags: expected text\n"},
        {"parts: {x: 400%}\n", "f:1:12: x: '400%' is over the most, 100%\n"},
        {"parts: {x: {shar: 4%}}\n", "f:1:13: unknown key 'shar' (did you mean 'share'?)\n"},
        {"parts: [x]\n", "f:1:8: parts: expected keys and values\n"},
        {"rows: x\n", "f:1:7: rows: expected a list\n"},
        {"rows: [{share: 1%}]\n", "f:1:8: 'name' is missing\n"},
        {"- a\n", "f:1:1: expected keys and values\n"},
        {"? [a, b]\n: c\n", "f:1:3: a key must be plain text\n"},
        {"name: \"a\\0b\"\n", "f:1:7: a NUL character inside text\n"},
        {"name: !!python/object x\n",
         "f:1:7: tags such as tag:yaml.org,2002:python/object are not read\n"},
        {"inner:\n\tcount: 3\n", "f:2:1: a tab where blanks belong\n"},
        {"tags: [a, b\nlevel: hihg\n",
         "f:1:7: '[' that is not closed well: did not find expected ',' or ']' in line 2\n"
         "f:2:8: level: 'hihg' is not one of low high\n"},
        {"name: \"abc\nlevel: hihg\n",
         "f:1:7: a quote that is not closed well: found unexpected end of stream in line 3\n"
         "f:2:8: level: 'hihg' is not one of low high\n"},
        {"name: x\n---\nname: y\n", "f:2:1: a second document: one file is one document\n"},
        {"name: *who\n", "f:1:7: *who: no such anchor\n"},
        {"tags: &t [*t]\n", "f:1:11: *t points into itself\n"},
        {"token: a\ntoken_env: PATH\n",
         "f:2:1: token: given twice, as itself, from a file or the environment\n"},
        {"token_file: /nowhere/at/all\n",
         "f:1:13: token_file: /nowhere/at/all cannot be read: No such file or directory\n"},
        {"token_env: NO_SUCH_VARIABLE_HERE\n",
         "f:1:12: token_env: the environment has no 'NO_SUCH_VARIABLE_HERE'\n"},
        {"name_file: x\n", "f:1:1: unknown key 'name_file'\n"},
        {"name: \xff\n", "f:1:7: not UTF-8 text\n"},
        {"name: a\x01z\n", "f:1:8: a control character (0x01)\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sample s;
        char *faults = load(&s, rows[i].text, strlen(rows[i].text));
        assert_string_equal(faults, rows[i].faults);
        conf_table_clear(sample_table, &s);
        free(faults);
    }
}

/* What would cost much if it were believed. */
static void test_hostile(void **state)
{
    struct buf b = BUF_INIT(4u << 20);
    struct sample s;
    buf_adds(&b, "tags: ");
    for (int i = 0; i < 100000; i++)
        buf_addc(&b, '[');
    char *faults = load(&s, buf_str(&b), b.len);
    assert_non_null(strstr(faults, "nested too deep"));
    conf_table_clear(sample_table, &s);
    free(faults);

    buf_reset(&b);
    buf_adds(&b, "a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (char c = 'b'; c < 'k'; c++)
        buf_printf(&b, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1, c - 1, c - 1,
                   c - 1, c - 1, c - 1, c - 1, c - 1);
    faults = load(&s, buf_str(&b), b.len);
    assert_non_null(strstr(faults, "too many values"));
    conf_table_clear(sample_table, &s);
    free(faults);

    buf_reset(&b);
    for (unsigned i = 0; i <= CONF_FILE_MAX; i++)
        buf_addc(&b, '#');
    faults = load(&s, buf_str(&b), b.len);
    assert_string_equal(faults, "f: is larger than 1 MiB\n");
    conf_table_clear(sample_table, &s);
    free(faults);
    faults = load(&s, "name: a\0b\n", 10);
    assert_string_equal(faults, "f:1:8: a control character (0x00)\n");
    conf_table_clear(sample_table, &s);
    free(faults);
    buf_free(&b);
}

static void note(void *ctx, const char *path, const struct conf_key *key)
{
    buf_printf(ctx, "%s%s ", path, key->flags & CONF_RELOAD ? "" : "!");
}

static void test_write_and_diff(void **state)
{
    struct sample a, b;
    struct buf out = BUF_INIT(65536);
    struct conf_out o = {0};
    static const char one[] = "token: one\nparts: {x: 5%}\n",
                      two[] = "token: two\ninner: {count: 4}\n";
    char *fa = load(&a, one, strlen(one));
    char *fb = load(&b, two, strlen(two));
    jw_init(&o.w, &out);
    jw_obj(&o.w);
    conf_table_write(sample_table, &a, &o);
    jw_end_obj(&o.w);
    assert_string_equal(
        buf_str(&out), "{\"name\":\"nobody\",\"level\":\"low\",\"token\":\"***\","
                       "\"inner\":{\"count\":3,\"on\":true,\"wait\":\"4h\"},\"tags\":[\"a\",\"b\"],"
                       "\"parts\":{\"x\":{\"share\":\"5%\"}},\"rows\":[]}");
    buf_reset(&out);
    conf_table_diff(sample_table, &a, &b, note, &out);
    assert_string_equal(buf_str(&out), "token! inner.count parts! ");
    buf_free(&out);
    conf_table_clear(sample_table, &a);
    conf_table_clear(sample_table, &b);
    free(fa);
    free(fb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),          cmocka_unit_test(test_values),
        cmocka_unit_test(test_faults),         cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_write_and_diff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
