/*
 * conf_kinds.c - the kinds of scalar values: text, words, paths, numbers, durations, rates
 * (conf_table.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_table.h"
#include "base/mem.h"
#include "base/text.h"

#define TEXT_MAX_DEFAULT 4096

const char *conf_expect_scalar(struct conf_ctx *cx, const struct conf_key *key,
                               const struct conf_node *n, const char *what)
{
    if (n->kind == CONF_SCALAR)
        return n->text;
    conf_fault_at(cx->faults, n, "%s: expected %s", key->name, what);
    return NULL;
}

int conf_check_bounds(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      int64_t value, const char *unit)
{
    if (key->min == 0 && key->max == 0)
        return E_OK;
    if (value < key->min)
        conf_fault_at(cx->faults, n, "%s: '%s' is under the least, %" PRId64 "%s", key->name,
                      n->text ? n->text : "", key->min, unit);
    else if (key->max && value > key->max)
        conf_fault_at(cx->faults, n, "%s: '%s' is over the most, %" PRId64 "%s", key->name,
                      n->text ? n->text : "", key->max, unit);
    else
        return E_OK;
    return E_INVALID;
}

char *conf_path_join(const char *dir, const char *path)
{
    if (path[0] == '/' || !dir || !*dir)
        return xstrdup(path);
    while (text_starts(path, "./"))
        path += 2;
    return xasprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, path);
}

static int fault(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                 const char *what)
{
    conf_fault_at(cx->faults, n, "%s: '%s' is not a %s", key->name, n->text, what);
    return E_INVALID;
}

/* ---- text ---- */

static void set_text(void *field, char *owned)
{
    char **p = field;
    free(*p);
    *p = owned;
}

static int read_text(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    const char *s = conf_expect_scalar(cx, key, n, "text");
    if (!s)
        return E_INVALID;
    size_t len = strlen(s), max = key->max ? (size_t)key->max : TEXT_MAX_DEFAULT;
    if (len > max || len < (size_t)key->min) {
        conf_fault_at(cx->faults, n, "%s: must be %" PRId64 " to %zu bytes long", key->name,
                      key->min, max);
        return E_INVALID;
    }
    set_text(field, xstrdup(s));
    return E_OK;
}

static void clear_text(const struct conf_key *key, void *field)
{
    set_text(field, NULL);
}

static void write_text(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const char *s = *(char *const *)field;
    jw_str(&out->w, s && (key->flags & CONF_SECRET) && !out->reveal ? "***" : s);
}

static int read_word(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    const char *s = conf_expect_scalar(cx, key, n, "a word");
    if (!s)
        return E_INVALID;
    struct buf all = BUF_CUT(512);
    for (const char *const *w = key->words; *w; w++) {
        if (strcmp(*w, s) == 0) {
            buf_free(&all);
            set_text(field, xstrdup(s));
            return E_OK;
        }
        buf_printf(&all, " %s", *w);
    }
    conf_fault_at(cx->faults, n, "%s: '%s' is not one of%s", key->name, s, buf_str(&all));
    buf_free(&all);
    return E_INVALID;
}

static int read_path(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    const char *s = conf_expect_scalar(cx, key, n, "a path");
    if (!s)
        return E_INVALID;
    if (strlen(s) >= TEXT_MAX_DEFAULT)
        return fault(cx, key, n, "path (too long)");
    set_text(field, *s ? conf_path_join(cx->dir, s) : xstrdup(""));
    return E_OK;
}

static int read_url(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                    void *field)
{
    const char *s = conf_expect_scalar(cx, key, n, "an address such as https://example.com/");
    if (!s)
        return E_INVALID;
    const char *rest = text_starts(s, "https://")  ? s + 8
                       : text_starts(s, "http://") ? s + 7
                                                   : NULL;
    if (!rest || !*rest || *rest == '/' || strpbrk(s, " \t\r\n"))
        return fault(cx, key, n, "web address (http:// or https://)");
    return read_text(cx, key, n, field);
}

/* ---- numbers ---- */

static int read_int(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                    void *field)
{
    int64_t v;
    const char *s = conf_expect_scalar(cx, key, n, "a whole number");
    if (!s)
        return E_INVALID;
    if (text_int(s, INT64_MIN, INT64_MAX, &v) < 0)
        return fault(cx, key, n, "whole number");
    if (conf_check_bounds(cx, key, n, v, "") < 0)
        return E_INVALID;
    *(int64_t *)field = v;
    return E_OK;
}

static void clear_int(const struct conf_key *key, void *field)
{
    *(int64_t *)field = 0;
}

static void write_int(const struct conf_key *key, const void *field, struct conf_out *out)
{
    jw_int(&out->w, *(const int64_t *)field);
}

/* A number before a suffix: "75" of "75%". */
static bool number_before(const char *s, const char *suffix, int64_t *out)
{
    size_t len = strlen(s), tail = strlen(suffix);
    char digits[20];
    if (len <= tail || len - tail >= sizeof(digits) || strcmp(s + len - tail, suffix) != 0)
        return false;
    (void)text_copyn(digits, sizeof(digits), s, len - tail);
    return text_int(digits, 0, INT64_MAX, out) == E_OK;
}

static int read_percent(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                        void *field)
{
    int64_t v;
    const char *s = conf_expect_scalar(cx, key, n, "a share such as 75%");
    if (!s)
        return E_INVALID;
    if (!number_before(s, "%", &v))
        return fault(cx, key, n, "share such as 75%");
    if (conf_check_bounds(cx, key, n, v, "%") < 0)
        return E_INVALID;
    *(int64_t *)field = v;
    return E_OK;
}

static void write_percent(const struct conf_key *key, const void *field, struct conf_out *out)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64 "%%", *(const int64_t *)field);
    jw_str(&out->w, text);
}

static int read_size(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    static const struct {
        const char *suffix;
        int shift;
    } units[] = {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}, {"", 0}};
    int64_t v;
    const char *s = conf_expect_scalar(cx, key, n, "a size such as 64KiB");
    for (size_t i = 0; s && i < ARRAY_LEN(units); i++) {
        if (!number_before(s, units[i].suffix, &v) || v > INT64_MAX >> units[i].shift)
            continue;
        v <<= units[i].shift;
        if (conf_check_bounds(cx, key, n, v, " bytes") < 0)
            return E_INVALID;
        *(int64_t *)field = v;
        return E_OK;
    }
    return s ? fault(cx, key, n, "size such as 64KiB") : E_INVALID;
}

static int read_rate(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    static const struct {
        const char *suffix;
        int64_t seconds;
    } units[] = {{"/s", 1}, {"/min", 60}, {"/m", 60}, {"/h", 3600}};
    int64_t v;
    const char *s = conf_expect_scalar(cx, key, n, "a rate such as 50/s");
    for (size_t i = 0; s && i < ARRAY_LEN(units); i++) {
        if (!number_before(s, units[i].suffix, &v) || v > 1000000000 || v == 0)
            continue;
        v = (v * 1000 + units[i].seconds - 1) / units[i].seconds;
        if (conf_check_bounds(cx, key, n, v, " a 1000 s") < 0)
            return E_INVALID;
        *(int64_t *)field = v;
        return E_OK;
    }
    return s ? fault(cx, key, n, "rate such as 50/s") : E_INVALID;
}

static int read_bool(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    const char *s = conf_expect_scalar(cx, key, n, "true or false");
    for (size_t i = 0; s && i < ARRAY_LEN(yes); i++) {
        if (strcmp(s, yes[i]) != 0 && strcmp(s, no[i]) != 0)
            continue;
        *(bool *)field = strcmp(s, yes[i]) == 0;
        return E_OK;
    }
    if (s)
        conf_fault_at(cx->faults, n, "%s: '%s' is neither true nor false", key->name, s);
    return E_INVALID;
}

static void clear_bool(const struct conf_key *key, void *field)
{
    *(bool *)field = false;
}

static void write_bool(const struct conf_key *key, const void *field, struct conf_out *out)
{
    jw_bool(&out->w, *(const bool *)field);
}

/* ---- durations ---- */

/* "365d", "90s": as a duration is written. */
static void bound_text(int64_t ms, char *out, size_t cap)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, " ms"}};
    size_t i = 0;
    while (ms % units[i].ms)
        i++;
    snprintf(out, cap, "%" PRId64 "%s", ms / units[i].ms, units[i].unit);
}

static int read_span(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    struct span v;
    char bound[32];
    const char *s = conf_expect_scalar(cx, key, n, "a duration such as 90s or 4h");
    if (!s)
        return E_INVALID;
    if (span_parse(s, &v) < 0)
        return fault(cx, key, n, "duration");
    int64_t ms = span_rough_ms(&v);
    bool bounded = key->min || key->max, over = key->max && ms > key->max;
    if (bounded && (ms < key->min || over)) {
        bound_text(over ? key->max : key->min, bound, sizeof(bound));
        conf_fault_at(cx->faults, n, "%s: '%s' is %s, %s", key->name, s,
                      over ? "over the most" : "under the least", bound);
        return E_INVALID;
    }
    *(struct span *)field = v;
    return E_OK;
}

static void clear_span(const struct conf_key *key, void *field)
{
    *(struct span *)field = (struct span){0};
}

static void write_span(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct span *s = field;
    jw_str(&out->w, span_is_set(s) ? s->text : NULL);
}

const struct conf_kind conf_text = {"text", read_text, clear_text, write_text};
const struct conf_kind conf_word = {"word", read_word, clear_text, write_text};
const struct conf_kind conf_path = {"path", read_path, clear_text, write_text};
const struct conf_kind conf_url = {"URL", read_url, clear_text, write_text};
const struct conf_kind conf_int = {"number", read_int, clear_int, write_int};
const struct conf_kind conf_percent = {"share", read_percent, clear_int, write_percent};
const struct conf_kind conf_size = {"size", read_size, clear_int, write_int};
const struct conf_kind conf_rate = {"rate", read_rate, clear_int, write_int};
const struct conf_kind conf_bool = {"true or false", read_bool, clear_bool, write_bool};
const struct conf_kind conf_span = {"duration", read_span, clear_span, write_span};
