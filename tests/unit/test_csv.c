/*
 * test_csv.c - records, faults with their lines, pieces of every size, and random texts against a
 * writer (the seed is printed).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/mem.h"

static unsigned seed; /* TEST_SEED repeats a run */

static uint32_t below(uint32_t n)
{
    return (uint32_t)rand_r(&seed) % n;
}

/* What was read, as text: "1:a|b;" for a record, "3!reason;" for a fault. */
static void record_cb(void *ctx, int64_t line, char *const *fields, int n)
{
    buf_printf(ctx, "%lld:", (long long)line);
    for (int i = 0; i < n; i++) {
        buf_adds(ctx, i ? "|" : "");
        buf_adds(ctx, fields[i]);
    }
    buf_addc(ctx, ';');
}

static void bad_cb(void *ctx, int64_t line, const char *reason)
{
    buf_printf(ctx, "%lld!%.10s;", (long long)line, reason);
}

static void read_pieces(const char *text, size_t len, size_t piece, struct buf *out)
{
    struct csv_opts opts = {record_cb, bad_cb, out, 0};
    struct csv *c = csv_new(&opts);
    for (size_t at = 0; at < len; at += piece)
        csv_feed(c, text + at, len - at < piece ? len - at : piece);
    csv_end(c);
    csv_free(&c);
}

static void reads(const char *text, size_t len, const char *want)
{
    for (size_t piece = 1; piece <= len + 1; piece += 1 + piece / 4) {
        struct buf out = BUF_INIT(1 << 20);
        read_pieces(text, len, piece, &out);
        assert_string_equal(buf_str(&out), want);
        buf_free(&out);
    }
}

static void test_records(void **state)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"a,b\n", "1:a|b;"},
        {"a,b", "1:a|b;"},
        {"a,b\r\nc,d\r\n", "1:a|b;2:c|d;"},
        {"a,b\rc,d\r", "1:a|b;2:c|d;"},
        {"\xef\xbb\xbf"
         "a\n",
         "1:a;"},
        {"\xef\xbb", "1!not valid ;"},
        {"\n\r\n\na\n", "4:a;"},
        {",\n", "1:|;"},
        {",,x", "1:||x;"},
        {"\"a\"\n", "1:a;"},
        {"\"a,\"\"b\"\"\",c\n", "1:a,\"b\"|c;"},
        {"\"two\nlines\",x\ny,z\n", "1:two\nlines|x;3:y|z;"},
        {"\"two\r\nlines\"\r\ny\r\n", "1:two\r\nlines;3:y;"},
        {"\"\"\n", "1:;"},
        {"\"\",\"\"", "1:|;"},
        {"王芳,四季花城\n", "1:王芳|四季花城;"},
        {"a\"b,c\nd\n", "1!a quote in;2:d;"},
        {"\"a\"b,c\nd\n", "1!text behin;2:d;"},
        {"x\n\"open,y\nd,e\nf\n", "1:x;2!a quote th;3:d|e;4:f;"},
        {"\"open\r\nd\r\ne", "1!a quote th;2:d;3:e;"},
        {"\"a\n\"b\n\"c\nd", "1!text behin;2!text behin;3!a quote th;4:d;"},
        {"a,\xff\nb\n", "1!not valid ;2:b;"},
        {" a , b ", "1: a | b ;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        reads(rows[i][0], strlen(rows[i][0]), rows[i][1]);
    reads("a\0b\nc\n", 6, "1!not valid ;2:c;");
}

static void test_limits(void **state)
{
    struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 20);
    buf_adds(&text, "a\n");
    for (int i = 0; i < CSV_RECORD_MAX + 5; i++)
        buf_addc(&text, 'x');
    buf_adds(&text, "\nb\n\"");
    for (int i = 0; i < 300; i++) /* an open quote costs its own line alone */
        buf_printf(&text, "row %d with some words to fill the record up to its end\n", i);
    read_pieces(text.data, text.len, 1000, &out);
    assert_memory_equal(out.data, "1:a;2!longer tha;3:b;4!longer tha;5:row 1 with", 46);
    assert_non_null(strstr(out.data, ";303:row 299 "));
    buf_reset(&text);
    buf_reset(&out);
    for (int i = 0; i < CSV_FIELDS_MAX; i++)
        buf_adds(&text, "f,");
    buf_adds(&text, "f\nb\n");
    read_pieces(text.data, text.len, 7, &out);
    assert_string_equal(out.data, "1!more than ;2:b;");
    buf_free(&text);
    buf_free(&out);
}

static void add_field(struct buf *text, struct buf *want)
{
    static const char *const parts[] = {"a", "芳", " ", ",", "\"", "\n", "\r\n", "long words", ""};
    struct buf f = BUF_INIT(1000);
    bool quotes = below(3) == 0;
    for (uint32_t i = below(5); i > 0; i--) {
        const char *part = parts[below(ARRAY_LEN(parts))];
        quotes |= strpbrk(part, ",\"\n") != NULL;
        buf_adds(&f, part);
    }
    buf_adds(want, buf_str(&f));
    buf_adds(text, quotes ? "\"" : "");
    for (const char *s = buf_str(&f); *s; s++) {
        buf_addc(text, *s);
        if (*s == '"')
            buf_addc(text, '"');
    }
    buf_adds(text, quotes ? "\"" : "");
    buf_free(&f);
}

static int64_t lines_in(const struct buf *b, size_t from)
{
    int64_t n = 0;
    for (size_t i = from; i < b->len; i++)
        n += b->data[i] == '\n';
    return n;
}

/* What a writer by the RFC writes is read back, in pieces of any size. */
static void test_random(void **state)
{
    for (int round = 0; round < 300; round++) {
        struct buf text = BUF_INIT(1 << 20), want = BUF_INIT(1 << 20);
        int64_t line = 1;
        for (uint32_t rows = below(12); rows > 0; rows--) {
            uint32_t n = 2 + below(5);
            size_t from = text.len;
            buf_printf(&want, "%lld:", (long long)line);
            for (uint32_t i = 0; i < n; i++) {
                buf_adds(&text, i ? "," : "");
                buf_adds(&want, i ? "|" : "");
                add_field(&text, &want);
            }
            buf_adds(&text, below(2) ? "\n" : "\r\n");
            buf_addc(&want, ';');
            line += lines_in(&text, from);
        }
        struct buf out = BUF_INIT(1 << 20);
        read_pieces(buf_str(&text), text.len, 1 + below(40), &out);
        assert_string_equal(buf_str(&out), buf_str(&want));
        buf_free(&out);
        buf_free(&text);
        buf_free(&want);
    }
}

/* Whatever comes, it ends, and lines are reported in order. */
static void test_garbage(void **state)
{
    static const char bytes[] = "\"\"\",,\n\r\nab\xff\xe7";
    for (int round = 0; round < 300; round++) {
        struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(1 << 22);
        for (uint32_t n = below(400); n > 0; n--)
            buf_addc(&text, bytes[below(sizeof(bytes))]);
        read_pieces(buf_str(&text), text.len, 1 + below(40), &out);
        struct buf other = BUF_INIT(1 << 22);
        read_pieces(buf_str(&text), text.len, 1 + below(400), &other);
        assert_string_equal(buf_str(&out), buf_str(&other));
        buf_free(&text);
        buf_free(&out);
        buf_free(&other);
    }
}

int main(void)
{
    const char *given = getenv("TEST_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    print_message("TEST_SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_records),
                                       cmocka_unit_test(test_limits), cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_garbage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
