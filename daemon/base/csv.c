/*
 * csv.c - RFC 4180, byte by byte.
 */
#include "base/csv.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

enum state {
    FIELD,  /* at the beginning of a field (or of a record, while n is 0) */
    PLAIN,  /* in a field without quotes */
    QUOTED, /* in a field with quotes */
    QUOTE,  /* behind a quote in it: its end, or the first of two */
    SKIP,   /* behind a fault, to the end of the line */
};

struct csv {
    struct csv_opts opts;
    enum state state;
    char last;        /* the byte before: an LF behind a CR is no second line end */
    int bom;          /* bytes of a byte-order mark seen; -1: past the beginning */
    int64_t line;     /* of the next byte */
    int64_t row_line; /* of the record's beginning */
    struct buf raw;   /* the record as it came, to read it again behind a fault */
    struct buf text;  /* its fields, a NUL behind each */
    size_t start[CSV_FIELDS_MAX];
    int n;            /* fields begun; 0: the record has not begun */
    struct buf again; /* bytes to read before new ones */
    size_t again_at;
};

static const char BOM[] = "\xef\xbb\xbf";

struct csv *csv_new(const struct csv_opts *opts)
{
    struct csv *c = xcalloc(1, sizeof(*c));
    c->opts = *opts;
    c->line = c->row_line = opts->first_line > 0 ? opts->first_line : 1;
    c->raw = (struct buf)BUF_CUT(CSV_RECORD_MAX + 1);
    c->text = (struct buf)BUF_CUT(CSV_RECORD_MAX + 1);
    c->again = (struct buf)BUF_CUT((size_t)2 * CSV_RECORD_MAX + 2);
    return c;
}

void csv_free(struct csv **cp)
{
    struct csv *c = *cp;
    if (c) {
        buf_free(&c->raw);
        buf_free(&c->text);
        buf_free(&c->again);
        free(c);
        *cp = NULL;
    }
}

static void record_reset(struct csv *c)
{
    buf_reset(&c->raw);
    buf_reset(&c->text);
    c->n = 0;
    c->state = FIELD;
    c->row_line = c->line;
}

/* Reports the record and goes back to the line behind its first one. */
static void fault(struct csv *c, const char *reason)
{
    c->opts.bad(c->opts.ctx, c->row_line, reason);
    size_t end = 0;
    while (end < c->raw.len && c->raw.data[end] != '\n' && c->raw.data[end] != '\r')
        end++;
    if (end == c->raw.len) {
        record_reset(c);
        c->state = SKIP;
        return;
    }
    struct buf rest = BUF_CUT(c->again.max);
    buf_add(&rest, c->raw.data + end + 1, c->raw.len - end - 1);
    buf_add(&rest, buf_str(&c->again) + c->again_at, c->again.len - c->again_at);
    buf_free(&c->again);
    c->again = rest;
    c->again_at = 0;
    c->last = c->raw.data[end];
    c->line = c->row_line + 1;
    record_reset(c);
}

static void record_end(struct csv *c)
{
    char *fields[CSV_FIELDS_MAX];
    buf_addc(&c->text, 0);
    for (int i = 0; i < c->n; i++) {
        size_t end = i + 1 < c->n ? c->start[i + 1] : c->text.len;
        fields[i] = c->text.data + c->start[i];
        if (!utf8_valid(fields[i], end - 1 - c->start[i])) {
            c->opts.bad(c->opts.ctx, c->row_line,
                        "not valid UTF-8, or a NUL byte (save the file as 'CSV UTF-8')");
            record_reset(c);
            return;
        }
    }
    c->opts.record(c->opts.ctx, c->row_line, fields, c->n);
    record_reset(c);
}

static void line_end(struct csv *c)
{
    if (c->n == 0)
        record_reset(c); /* an empty line, or the end of a skipped one */
    else
        record_end(c);
}

static void field_end(struct csv *c)
{
    if (c->n == CSV_FIELDS_MAX) {
        fault(c, "more than 64 fields");
        return;
    }
    buf_addc(&c->text, 0);
    c->start[c->n++] = c->text.len;
    c->state = FIELD;
}

/* A byte outside of quotes that ends no line. */
static void open_byte(struct csv *c, char b)
{
    if (c->n == 0)
        c->start[c->n++] = 0;
    if (b == ',') {
        field_end(c);
    } else if (b == '"' && c->state == FIELD) {
        c->state = QUOTED;
    } else if (b == '"') {
        fault(c, "a quote inside a field without quotes");
    } else if (c->state == QUOTE) {
        fault(c, "text behind a closing quote");
    } else {
        c->state = PLAIN;
        buf_addc(&c->text, b);
    }
}

static void quoted_byte(struct csv *c, char b)
{
    if (b == '"' && c->state == QUOTED) {
        c->state = QUOTE;
        return;
    }
    c->state = QUOTED;
    buf_addc(&c->text, b);
}

static void take_byte(struct csv *c, char b)
{
    bool second = b == '\n' && c->last == '\r'; /* of CRLF */
    bool ends_line = b == '\n' || b == '\r';
    c->last = b;
    c->line += ends_line && !second;
    if (c->state != SKIP)
        buf_addc(&c->raw, b);
    if (c->raw.len > CSV_RECORD_MAX) {
        fault(c, "longer than 16384 bytes, or a quote that is not closed");
    } else if (c->state == QUOTED || (c->state == QUOTE && b == '"')) {
        quoted_byte(c, b);
    } else if (ends_line) {
        if (!second)
            line_end(c);
        else if (c->n == 0)
            record_reset(c);
    } else if (c->state != SKIP) {
        open_byte(c, b);
    }
}

static void take_again(struct csv *c)
{
    while (c->again_at < c->again.len)
        take_byte(c, c->again.data[c->again_at++]);
    buf_reset(&c->again);
    c->again_at = 0;
}

/* Bytes of a mark that turned out to be none. */
static void flush_bom(struct csv *c)
{
    int n = c->bom;
    c->bom = -1;
    for (int i = 0; i < n; i++)
        take_byte(c, BOM[i]);
}

void csv_feed(struct csv *c, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (c->bom >= 0) {
            if (data[i] == BOM[c->bom]) {
                c->bom = c->bom == 2 ? -1 : c->bom + 1;
                continue;
            }
            flush_bom(c);
        }
        take_byte(c, data[i]);
        if (c->again.len)
            take_again(c);
    }
}

void csv_end(struct csv *c)
{
    if (c->bom > 0)
        flush_bom(c);
    while (c->state == QUOTED) {
        fault(c, "a quote that is not closed");
        take_again(c);
    }
    if (c->n > 0)
        record_end(c);
}
