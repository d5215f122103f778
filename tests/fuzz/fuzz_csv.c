/*
 * fuzz_csv.c - any bytes as CSV: read whole and byte by byte the outcome is the same, lines never
 * go backwards, fields are UTF-8.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf text;
    int64_t line;
};

static void at_line(struct seen *s, int64_t line)
{
    if (line < s->line)
        abort();
    s->line = line;
    buf_printf(&s->text, "%lld", (long long)line);
}

static void record_cb(void *ctx, int64_t line, char *const *fields, int n)
{
    struct seen *s = ctx;
    at_line(s, line);
    if (n < 1 || n > CSV_FIELDS_MAX)
        abort();
    for (int i = 0; i < n; i++) {
        if (!utf8_valid(fields[i], strlen(fields[i])))
            abort();
        buf_addc(&s->text, '|');
        buf_adds(&s->text, fields[i]);
    }
    buf_addc(&s->text, '\n');
}

static void bad_cb(void *ctx, int64_t line, const char *reason)
{
    struct seen *s = ctx;
    at_line(s, line);
    buf_adds(&s->text, reason);
}

static void read_all(const char *data, size_t size, size_t step, struct seen *out)
{
    struct csv *c = csv_new(&(struct csv_opts){record_cb, bad_cb, out, 0});
    for (size_t at = 0; at < size; at += step)
        csv_feed(c, data + at, size - at < step ? size - at : step);
    csv_end(c);
    csv_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole = {.text = BUF_INIT(1 << 24)}, bytes = {.text = BUF_INIT(1 << 24)};
    read_all((const char *)data, size, size + 1, &whole);
    read_all((const char *)data, size, 1, &bytes);
    if (strcmp(buf_str(&whole.text), buf_str(&bytes.text)) != 0)
        abort();
    buf_free(&whole.text);
    buf_free(&bytes.text);
    return 0;
}
