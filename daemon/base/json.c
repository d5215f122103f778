/*
 * json.c - JSON written straight into a struct buf, and checked reading through jansson.
 */
#include "base/json.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

#define DEPTH_MAX 32

/* ---- text ---- */

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

/* Eight bytes that are ASCII and stand for themselves within quotes. */
static bool plain_eight(uint64_t v)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\', del = v ^ ones * 0x7f;
    /* a byte less than what is subtracted borrows from its high bit */
    return !((v | (v - ones * 0x20) | (quote - ones) | (slash - ones) | (del - ones)) & high);
}

static bool plain_at(const char *s)
{
    uint64_t v;
    memcpy(&v, s, sizeof(v));
    return plain_eight(v);
}

/* Four to eight bytes: the first four and the last four. */
static bool plain_short(const char *s, size_t n)
{
    uint32_t v[2];
    memcpy(v, s, 4);
    memcpy(v + 1, s + n - 4, 4);
    return plain_eight(v[0] | (uint64_t)v[1] << 32);
}

/* How many bytes of ASCII from s on stand for themselves within quotes. */
static inline size_t plain_ascii(const char *s, size_t n)
{
    size_t i = 0;
    while (i + 8 <= n && plain_at(s + i))
        i += 8;
    if (i + 8 > n && (n >= 8 ? plain_at(s + n - 8) : n >= 4 && plain_short(s, n)))
        return n; /* some were looked at twice */
    while (i < n && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

size_t json_plain(const char *s, size_t n)
{
    size_t i = plain_ascii(s, n);
    while (i < n && (unsigned char)s[i] >= 0x80) {
        size_t len = utf8_char((const unsigned char *)s + i, n - i);
        if (!len)
            break;
        i += len;
        i += plain_ascii(s + i, n - i);
    }
    return i;
}

/* ---- writing ---- */

void jw_init(struct jw *w, struct buf *out)
{
    *w = (struct jw){.out = out};
}

/* Room for a value of n bytes, behind the comma that parts it from the one before. NULL: past the
 * maximum. */
static inline char *value(struct jw *w, size_t n)
{
    uint32_t bit = 1u << (w->depth & 31);
    bool comma = w->depth > 0 && (w->comma & bit);
    char *at = buf_room(w->out, n + comma);
    w->comma |= bit;
    if (at && comma)
        *at++ = ',';
    return at;
}

/* A value whose text is at hand. */
static void put(struct jw *w, const char *text, size_t n)
{
    char *at = value(w, n);
    if (!at)
        return;
    memcpy(at, text, n);
    buf_end(w->out, at + n);
}

static void open_level(struct jw *w, char c)
{
    put(w, &c, 1);
    assert(w->depth < DEPTH_MAX - 1);
    w->depth++;
    w->comma &= ~(1u << w->depth);
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

/* Text of n bytes that needs no escapes, in its quotes. */
static inline char *put_plain(char *at, const char *s, size_t n)
{
    *at++ = '"';
    if (n) /* s may be NULL then */
        memcpy(at, s, n);
    at[n] = '"';
    return at + n + 1;
}

/* The value that follows a key takes no comma, what comes next does. */
static void after_key(struct jw *w)
{
    w->comma &= ~(1u << w->depth);
}

void jw_word(struct jw *w, const char *key, size_t n)
{
    char *at = value(w, n + 3);
    assert(json_plain(key, n) == n);
    if (!at)
        return;
    at = put_plain(at, key, n);
    *at = ':';
    buf_end(w->out, at + 1);
    after_key(w);
}

void jw_text_key(struct jw *w, const char *key)
{
    jw_str(w, key);
    buf_addc(w->out, ':');
    after_key(w);
}

void jw_strn(struct jw *w, const char *s, size_t n)
{
    if (json_plain(s, n) < n) {
        put(w, "", 0);
        json_quote(w->out, s, n);
        return;
    }
    char *at = value(w, n + 2);
    if (at)
        buf_end(w->out, put_plain(at, s, n));
}

void jw_str(struct jw *w, const char *s)
{
    if (s)
        jw_strn(w, s, strlen(s));
    else
        jw_null(w);
}

/* The decimal digits of v, at least so many, right before `end`; where they begin. */
static char *digits_before(char *end, uint64_t v, int least)
{
    for (; v || least > 0; v /= 10, least--)
        *--end = (char)('0' + v % 10);
    return end;
}

void jw_int(struct jw *w, int64_t v)
{
    char text[24], *end = text + sizeof(text);
    char *at = digits_before(end, v < 0 ? -(uint64_t)v : (uint64_t)v, 1);
    if (v < 0)
        *--at = '-';
    put(w, at, (size_t)(end - at));
}

void jw_milli(struct jw *w, int64_t thousandths)
{
    char text[32], *end = text + sizeof(text);
    uint64_t abs = thousandths < 0 ? -(uint64_t)thousandths : (uint64_t)thousandths;
    uint64_t rest = abs % 1000;
    int places = 3;
    for (; places && rest % 10 == 0; rest /= 10)
        places--;
    char *at = digits_before(end, rest, places);
    if (places)
        *--at = '.';
    at = digits_before(at, abs / 1000, 1);
    if (thousandths < 0)
        *--at = '-';
    put(w, at, (size_t)(end - at));
}

void jw_bool(struct jw *w, bool v)
{
    put(w, v ? "true" : "false", v ? 4 : 5);
}

void jw_null(struct jw *w)
{
    put(w, "null", 4);
}

void jw_time(struct jw *w, int64_t ms)
{
    char text[CLOCK_TEXT_MAX];
    if (!ms) {
        jw_null(w);
        return;
    }
    size_t n = strlen(clock_format(ms, text));
    char *at = value(w, n + 2);
    if (at)
        buf_end(w->out, put_plain(at, text, n));
}

void jw_raw(struct jw *w, const char *json, size_t len)
{
    if (!json || !len) {
        jw_null(w);
        return;
    }
    put(w, json, len);
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
    put(w, "", 0);
    json_dump_callback(v, dump_cb, w->out, JSON_COMPACT | JSON_ENCODE_ANY);
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

/* Text in which something must be escaped or mended; runs of plain bytes are copied whole. */
static void quote_hard(struct buf *out, const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t plain = 0;
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
}

void json_quote(struct buf *out, const char *s, size_t n)
{
    size_t run = json_plain(s, n);
    char *at = run == n ? buf_room(out, n + 2) : NULL;
    if (at) {
        buf_end(out, put_plain(at, s, n));
    } else {
        buf_addc(out, '"');
        quote_hard(out, s, n);
        buf_addc(out, '"');
    }
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
