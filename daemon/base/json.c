/*
 * json.c - JSON written straight into a struct buf, and checked reading through jansson.
 */
#include "base/json.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

#define DEPTH_MAX 32

void jw_init(struct jw *w, struct buf *out)
{
    *w = (struct jw){.out = out};
}

/* Before each value: the comma that parts it from the one before. */
static void value(struct jw *w)
{
    uint32_t bit = 1u << (w->depth & 31);
    if (w->depth > 0 && (w->comma & bit))
        buf_addc(w->out, ',');
    w->comma |= bit;
}

static void open_level(struct jw *w, char c)
{
    value(w);
    assert(w->depth < DEPTH_MAX - 1);
    w->depth++;
    w->comma &= ~(1u << w->depth);
    buf_addc(w->out, c);
}

static void close_level(struct jw *w, char c)
{
    assert(w->depth > 0);
    w->depth--;
    buf_addc(w->out, c);
}

void jw_obj(struct jw *w)
{
    open_level(w, '{');
}

void jw_end_obj(struct jw *w)
{
    close_level(w, '}');
}

void jw_arr(struct jw *w)
{
    open_level(w, '[');
}

void jw_end_arr(struct jw *w)
{
    close_level(w, ']');
}

/* Keys are ours: plain words that need no quoting, or texts of the outside that may. */
static bool is_word(const char *key, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((key[i] < 'a' || key[i] > 'z') && key[i] != '_')
            return false;
    return true;
}

void jw_key(struct jw *w, const char *key)
{
    size_t n = strlen(key);
    value(w);
    if (is_word(key, n)) {
        buf_addc(w->out, '"');
        buf_add(w->out, key, n);
        buf_add(w->out, "\":", 2);
    } else {
        json_quote(w->out, key, n);
        buf_addc(w->out, ':');
    }
    w->comma &= ~(1u << w->depth); /* the value that follows takes no comma, what comes next does */
}

void jw_strn(struct jw *w, const char *s, size_t n)
{
    value(w);
    json_quote(w->out, s, n);
}

void jw_str(struct jw *w, const char *s)
{
    if (s)
        jw_strn(w, s, strlen(s));
    else
        jw_null(w);
}

void jw_int(struct jw *w, int64_t v)
{
    char digits[24], *at = digits + sizeof(digits);
    uint64_t rest = v < 0 ? -(uint64_t)v : (uint64_t)v;
    value(w);
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (v < 0)
        *--at = '-';
    buf_add(w->out, at, (size_t)(digits + sizeof(digits) - at));
}

void jw_milli(struct jw *w, int64_t thousandths)
{
    if (thousandths % 1000 == 0) {
        jw_int(w, thousandths / 1000);
        return;
    }
    value(w);
    uint64_t abs = thousandths < 0 ? -(uint64_t)thousandths : (uint64_t)thousandths;
    buf_printf(w->out, "%s%llu", thousandths < 0 ? "-" : "", (unsigned long long)(abs / 1000));
    unsigned rest = (unsigned)(abs % 1000);
    int width = 3;
    for (; rest % 10 == 0; rest /= 10)
        width--;
    buf_printf(w->out, ".%0*u", width, rest);
}

void jw_bool(struct jw *w, bool v)
{
    value(w);
    buf_adds(w->out, v ? "true" : "false");
}

void jw_null(struct jw *w)
{
    value(w);
    buf_adds(w->out, "null");
}

void jw_time(struct jw *w, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];
    jw_str(w, ms ? clock_format(ms, text) : NULL);
}

void jw_raw(struct jw *w, const char *json, size_t len)
{
    if (!json || !len) {
        jw_null(w);
        return;
    }
    value(w);
    buf_add(w->out, json, len);
}

static int dump_cb(const char *data, size_t len, void *arg)
{
    buf_add(arg, data, len);
    return 0;
}

void jw_json(struct jw *w, const json_t *v)
{
    if (!v) {
        jw_null(w);
        return;
    }
    value(w);
    json_dump_callback(v, dump_cb, w->out, JSON_COMPACT | JSON_ENCODE_ANY);
}

void jw_kstr(struct jw *w, const char *key, const char *s)
{
    jw_key(w, key);
    jw_str(w, s);
}

void jw_kint(struct jw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kbool(struct jw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_ktime(struct jw *w, const char *key, int64_t ms)
{
    jw_key(w, key);
    jw_time(w, ms);
}

void jw_knull(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_null(w);
}

void jw_kid(struct jw *w, const char *key, int64_t id)
{
    jw_key(w, key);
    if (id)
        jw_int(w, id);
    else
        jw_null(w);
}

void jw_kraw(struct jw *w, const char *key, const char *json)
{
    jw_key(w, key);
    jw_raw(w, json, json ? strlen(json) : 0);
}

/*
 * Length of the UTF-8 character at s (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF),
 * 0 if the bytes there are none.
 */
static size_t utf8_char(const unsigned char *s, size_t n)
{
    unsigned char c = s[0];
    if (c < 0x80)
        return 1;
    size_t len = c >= 0xc2 && c <= 0xdf   ? 2
                 : c >= 0xe0 && c <= 0xef ? 3
                 : c >= 0xf0 && c <= 0xf4 ? 4
                                          : 0;
    if (!len || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) || (c == 0xf0 && s[1] < 0x90) ||
        (c == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

bool utf8_valid(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    for (size_t i = 0; i < n;) {
        size_t len = p[i] ? utf8_char(p + i, n - i) : 0;
        if (!len)
            return false;
        i += len;
    }
    return true;
}

static void quote_ascii(struct buf *out, unsigned char c)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *p = short_forms; *p; p += 2) {
        if (*p != (char)c)
            continue;
        buf_addc(out, '\\');
        buf_addc(out, p[1]);
        return;
    }
    buf_printf(out, "\\u%04x", c);
}

/* Runs of plain bytes are copied whole: cards are mostly that. */
void json_quote(struct buf *out, const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t plain = 0;
    buf_addc(out, '"');
    for (size_t i = 0; i < n;) {
        bool special = p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f;
        size_t len = special ? 0 : p[i] < 0x80 ? 1 : utf8_char(p + i, n - i);
        if (len) {
            i += len;
            continue;
        }
        buf_add(out, s + plain, i - plain);
        if (special)
            quote_ascii(out, p[i]);
        else
            buf_adds(out, "\xef\xbf\xbd");
        plain = ++i;
    }
    buf_add(out, s + plain, n - plain);
    buf_addc(out, '"');
}

/* jansson itself allows 2048 levels; brackets inside strings do not count. */
static bool too_deep(const char *text, size_t len)
{
    int depth = 0, opened = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++)
        opened += (text[i] == '{') + (text[i] == '[');
    if (opened <= DEPTH_MAX) /* nearly always, and quick to see */
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > DEPTH_MAX)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

json_t *json_parse(const char *text, size_t len, struct errmsg *why)
{
    if (too_deep(text, len)) {
        (void)errmsg_set(why, E_INVALID, "nested deeper than %d levels", DEPTH_MAX);
        return NULL;
    }
    json_error_t err;
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &err);
    if (!v)
        (void)errmsg_set(why, E_INVALID, "line %d column %d: %s", err.line, err.column, err.text);
    return v;
}

/* The field, NULL when missing or null. */
static json_t *field(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);
    return v && !json_is_null(v) ? v : NULL;
}

int json_get_str(const json_t *o, const char *key, size_t max, const char **out, struct errmsg *why)
{
    json_t *v = field(o, key);
    if (!v)
        return E_OK;
    if (!json_is_string(v))
        return errmsg_set(why, E_INVALID, "%s: must be text", key);
    if (json_string_length(v) > max)
        return errmsg_set(why, E_INVALID, "%s: longer than %zu bytes", key, max);
    *out = json_string_value(v);
    return E_OK;
}

int json_get_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *out,
                 struct errmsg *why)
{
    json_t *v = field(o, key);
    if (!v)
        return E_OK;
    if (!json_is_integer(v))
        return errmsg_set(why, E_INVALID, "%s: must be a whole number", key);
    int64_t n = json_integer_value(v);
    if (n < min || n > max)
        return errmsg_set(why, E_INVALID, "%s: must be from %lld to %lld", key, (long long)min,
                          (long long)max);
    *out = n;
    return E_OK;
}

int json_get_bool(const json_t *o, const char *key, bool *out, struct errmsg *why)
{
    json_t *v = field(o, key);
    if (!v)
        return E_OK;
    if (!json_is_boolean(v))
        return errmsg_set(why, E_INVALID, "%s: must be true or false", key);
    *out = json_is_true(v);
    return E_OK;
}
