/*
 * esl_event.c - the two forms of an event to values of the keys that are read. An event holds some
 * hundred keys and ten are read, so the others cost no more than finding their ends.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "form.h"
#include "esl_parse.h"

/* ---- keys ---- */

static const char *const names[ESL_KEY_COUNT] = {
#define X(key, name) [ESL_##key] = name,
    ESL_KEYS(X)
#undef X
};

#define TABLE 512
/* Keys by a hash of their name: an event holds hundreds that nobody reads. */
static struct {
    unsigned char key; /* + 1; 0: empty */
    unsigned char len;
} table[TABLE];
/* Which last characters (their low five bits) names of a length have: most keys end here. */
static uint32_t lasts[64];
static bool table_made;

/* A few characters of it tell nearly all apart; len > 0. */
static unsigned hash(const char *name, size_t len)
{
    const unsigned char *p = (const unsigned char *)name;
    unsigned h = (unsigned)len * 7 + (p[len - 1] | 0x20u) * 5;
    h += (p[len / 2] | 0x20u) * 31 + (p[len / 4] | 0x20u) * 3;
    return (h ^ (p[len - len / 4 - 1] | 0x20u) * 13) % TABLE;
}

static void make_table(void)
{
    for (size_t k = 0; k < ESL_KEY_COUNT; k++) {
        size_t len = strlen(names[k]);
        unsigned at = hash(names[k], len);
        while (table[at].key)
            at = (at + 1) % TABLE;
        table[at].key = (unsigned char)(k + 1);
        table[at].len = (unsigned char)len;
        lasts[len % 64] |= 1u << (names[k][len - 1] & 31);
    }
    table_made = true;
}

/* The index of a key, -1 if it is none that is read. */
static int key_of(const char *name, size_t len)
{
    if (!table_made)
        make_table();
    if (len == 0 || !(lasts[len % 64] & (1u << (name[len - 1] & 31))))
        return -1;
    for (unsigned at = hash(name, len); table[at].key; at = (at + 1) % TABLE) {
        int k = table[at].key - 1;
        if (table[at].len == len && strncasecmp(names[k], name, len) == 0)
            return k;
    }
    return -1;
}

static void set(struct esl_event *out, int key, const char *value)
{
    if (key < 0 || out->v[key]) /* of a repeated key the first counts */
        return;
    out->v[key] = strcmp(value, "_undef_") == 0 ? NULL : value;
}

/* ---- plain ---- */

void esl_event_plain(char *text, size_t len, struct esl_event *out)
{
    char *line = text, *end = text + len;
    memset(out, 0, sizeof *out);
    out->body = "";
    while (line < end && *line != '\n') {
        char *nl = memchr(line, '\n', (size_t)(end - line));
        char *stop = nl ? nl : end;
        *stop = '\0';
        char *colon = memchr(line, ':', (size_t)(stop - line));
        int key = colon ? key_of(line, (size_t)(colon - line)) : -1;
        if (key >= 0) {
            char *value = colon + 1;
            value += *value == ' ';
            form_percent_decode(value);
            set(out, key, value);
        }
        line = nl ? nl + 1 : end;
    }
    if (line < end)
        out->body = line + 1; /* its own length says no more than where the message ends */
}

/* ---- JSON ---- */

#define ONES  0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* The first quote or backslash in p..end, or end: eight bytes at a time, by the usual trick of
 * finding a zero byte in a word (the lowest that it marks is always right). */
static char *quote_or_escape(char *p, char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        uint64_t quote = word ^ (ONES * '"'), escape = word ^ (ONES * '\\');
        uint64_t hit = ((quote - ONES) & ~quote) | ((escape - ONES) & ~escape);
        hit &= HIGHS;
        if (hit)
            return p + __builtin_ctzll(hit) / 8;
        p += 8;
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* A code unit of \uXXXX as UTF-8; halves of pairs are written as they come. */
static char *put_utf8(char *to, unsigned c)
{
    if (c == 0)
        return to;
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | (c >> 6));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xE0 | (c >> 12));
        *to++ = (char)(0x80 | ((c >> 6) & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

/* Four hex digits at p; -1 if they are none. */
static int code_unit(const char *p, const char *end)
{
    int c = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int h = form_hex(p[i]);
        if (h < 0)
            return -1;
        c = c * 16 + h;
    }
    return c;
}

/* \uXXXX at its u, or two of them for one character; *to goes on. Returns the place behind it. */
static char *unescape_unit(char **to, char *from, const char *end)
{
    int c = code_unit(from + 1, end), low = -1;
    if (c < 0)
        return from + 1;
    from += 5;
    if ((c & 0xFC00) == 0xD800 && end - from >= 6 && from[0] == '\\' && from[1] == 'u')
        low = code_unit(from + 2, end);
    if ((low & 0xFC00) == 0xDC00 && low > 0) {
        unsigned full = 0x10000u + (((unsigned)c & 0x3FF) << 10) + ((unsigned)low & 0x3FF);
        *(*to)++ = (char)(0xF0 | (full >> 18));
        *(*to)++ = (char)(0x80 | ((full >> 12) & 0x3F));
        *(*to)++ = (char)(0x80 | ((full >> 6) & 0x3F));
        *(*to)++ = (char)(0x80 | (full & 0x3F));
        return from + 6;
    }
    *to = put_utf8(*to, (unsigned)c);
    return from;
}

/* Behind a backslash. */
static char *unescape(char **to, char *from, const char *end)
{
    static const char codes[] = "bfnrt\"\\/", plain[] = "\b\f\n\r\t\"\\/";
    const char *code = from < end && *from ? strchr(codes, *from) : NULL;
    if (code) {
        *(*to)++ = plain[code - codes];
        return from + 1;
    }
    return from < end && *from == 'u' ? unescape_unit(to, from, end) : from;
}

struct text {
    char *at;
    size_t len;
};

/* From the first backslash of a string on: decoded in place. */
static char *decode_rest(char *p, char *end, struct text *out)
{
    char *to = p;
    while (p < end && *p == '\\') {
        p = unescape(&to, p + 1, end);
        char *stop = quote_or_escape(p, end);
        memmove(to, p, (size_t)(stop - p));
        to += stop - p;
        p = stop;
    }
    if (p >= end)
        return NULL;
    out->len = (size_t)(to - out->at);
    *to = '\0';
    return p + 1;
}

/* A string at its opening quote: decoded in place. Returns the place behind it, NULL: no end. */
static char *json_string(char *p, char *end, struct text *out)
{
    out->at = p + 1;
    p = quote_or_escape(p + 1, end);
    if (p >= end)
        return NULL;
    if (*p == '\\')
        return decode_rest(p, end, out);
    out->len = (size_t)(p - out->at);
    *p = '\0';
    return p + 1;
}

/* A string that nobody reads: its end alone is sought. */
static char *skip_string(char *p, char *end)
{
    for (p = quote_or_escape(p + 1, end); p < end; p = quote_or_escape(p, end)) {
        if (*p == '"')
            return p + 1;
        p = end - p > 2 ? p + 2 : end;
    }
    return NULL;
}

/* Anything that is no string: an array, a number, a word. Returns the place behind it. */
static char *json_other(char *p, char *end)
{
    int depth = 0;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            if (!p)
                return NULL;
            continue;
        }
        if (*p == '[' || *p == '{') {
            depth++;
        } else if (*p == ']' || *p == '}') {
            if (depth == 0)
                return p;
            if (--depth == 0)
                return p + 1;
        } else if (*p == ',' && depth == 0) {
            return p;
        }
        p++;
    }
    return NULL;
}

static char *skip_space(char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

/* The value behind a key, of which `key` says where it goes. Returns the place behind it. */
static char *json_value(char *p, char *end, int key, bool body, struct esl_event *out)
{
    struct text value;
    if (*p != '"')
        return json_other(p, end);
    if (key < 0 && !body)
        return skip_string(p, end);
    p = json_string(p, end, &value);
    if (p && body)
        out->body = value.at;
    else if (p)
        set(out, key, value.at);
    return p;
}

char *esl_event_json(char *text, size_t len, struct esl_event *out)
{
    char *end = text + len, *p = skip_space(text, end);
    memset(out, 0, sizeof *out);
    out->body = "";
    if (p >= end || *p++ != '{')
        return NULL;
    while ((p = skip_space(p, end)) < end) {
        struct text key;
        if (*p == '}')
            return p + 1;
        if (*p == ',') {
            p++;
            continue;
        }
        p = *p == '"' ? json_string(p, end, &key) : NULL;
        if (!p)
            return NULL;
        p = skip_space(p, end);
        if (p >= end || *p++ != ':')
            return NULL;
        p = skip_space(p, end);
        if (p >= end)
            return NULL;
        bool body = key.len == 5 && memcmp(key.at, "_body", 5) == 0;
        p = json_value(p, end, key_of(key.at, key.len), body, out);
        if (!p)
            return NULL;
    }
    return NULL;
}
