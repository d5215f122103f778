/*
 * json_obj.c - flat JSON objects scanned in one pass, without a tree.
 *
 * The scanner takes only what jansson takes too, and gives the same values; it may give up on
 * anything. tests/fuzz/fuzz_json.c holds the two against each other.
 */
#include "base/json_obj.h"

#include <string.h>

#include "base/mem.h"

enum { DIGITS = 18 }; /* as many always fit into 64 bits */

/* Where the scanner stands. */
struct scan {
    const char *at, *end;
    struct json_obj *o;
    size_t room; /* bytes of texts that are free */
};

/* ---- scanning ---- */

static char peek(const struct scan *s)
{
    return s->at < s->end ? *s->at : '\0';
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* The character, between blanks. */
static bool take(struct scan *s, char c)
{
    skip_blanks(s);
    if (peek(s) != c)
        return false;
    s->at++;
    skip_blanks(s);
    return true;
}

/* Text in quotes, without escapes, as it stands there. */
static bool take_quoted(struct scan *s, const char **text, size_t *len)
{
    if (peek(s) != '"')
        return false;
    *text = ++s->at;
    *len = json_plain(s->at, (size_t)(s->end - s->at));
    s->at += *len;
    return peek(s) == '"' && s->at++;
}

static bool take_text(struct scan *s, struct json_field *f)
{
    const char *text;
    if (!take_quoted(s, &text, &f->len) || f->len >= s->room)
        return false;
    char *copy = s->o->texts + sizeof(s->o->texts) - s->room;
    memcpy(copy, text, f->len);
    copy[f->len] = '\0';
    s->room -= f->len + 1;
    f->kind = JSON_OBJ_TEXT;
    f->text = copy;
    return true;
}

/* A whole number; what follows it tells a fraction or an exponent. */
static bool take_int(struct scan *s, struct json_field *f)
{
    bool minus = peek(s) == '-';
    const char *from = s->at += minus;
    for (f->number = 0; peek(s) >= '0' && peek(s) <= '9' && s->at - from < DIGITS; s->at++)
        f->number = f->number * 10 + (peek(s) - '0');
    if (s->at == from || (*from == '0' && s->at - from > 1))
        return false;
    f->number = minus ? -f->number : f->number;
    f->kind = JSON_OBJ_INT;
    return true;
}

static bool take_word(struct scan *s, struct json_flat *field)
{
    static const struct {
        const char *word;
        size_t len;
        enum json_kind kind;
    } words[] = {{"true", 4, JSON_OBJ_TRUE}, {"false", 5, JSON_OBJ_FALSE}, {"null", 4, 0}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if ((size_t)(s->end - s->at) < words[i].len || memcmp(s->at, words[i].word, words[i].len))
            continue;
        s->at += words[i].len;
        field->value.kind = words[i].kind;
        field->null = words[i].word[0] == 'n';
        return true;
    }
    return false;
}

static bool take_value(struct scan *s, struct json_flat *field)
{
    char c = peek(s);
    field->null = false;
    if (c == '"')
        return take_text(s, &field->value);
    return c == '-' || (c >= '0' && c <= '9') ? take_int(s, &field->value) : take_word(s, field);
}

static const struct json_flat *find(const struct json_obj *o, const char *key, size_t len)
{
    for (const struct json_flat *f = o->fields; f < o->fields + o->n; f++)
        if (f->key_len == len && memcmp(f->key, key, len) == 0)
            return f;
    return NULL;
}

static bool take_field(struct scan *s)
{
    struct json_obj *o = s->o;
    struct json_flat *field = o->fields + o->n;
    if (o->n == JSON_OBJ_FIELDS || !take_quoted(s, &field->key, &field->key_len) ||
        find(o, field->key, field->key_len) || !take(s, ':') || !take_value(s, field))
        return false;
    o->n++;
    return true;
}

/* False: not of the form that this scanner reads, whether right or wrong. */
static bool scan(struct json_obj *o, const char *text, size_t len)
{
    struct scan s = {.at = text, .end = text + len, .o = o, .room = sizeof(o->texts)};
    if (!take(&s, '{'))
        return false;
    if (!take(&s, '}')) {
        do
            if (!take_field(&s))
                return false;
        while (take(&s, ','));
        if (!take(&s, '}'))
            return false;
    }
    return s.at == s.end;
}

int json_obj_read(struct json_obj *o, const char *text, size_t len, struct errmsg *why)
{
    o->tree = o->owned = NULL;
    o->n = 0;
    if (scan(o, text, len))
        return E_OK;
    o->n = 0;
    o->tree = o->owned = json_parse(text, len, why);
    if (!o->tree)
        return E_INVALID;
    return json_is_object(o->tree) ? E_OK : errmsg_set(why, E_INVALID, "a line is one JSON object");
}

void json_obj_of(struct json_obj *o, const json_t *tree)
{
    o->tree = tree;
    o->owned = NULL;
    o->n = 0;
}

void json_obj_free(struct json_obj *o)
{
    json_decref(o->owned);
    o->tree = o->owned = NULL;
    o->n = 0;
}

/* ---- fields ---- */

static bool get_from_tree(const json_t *v, struct json_field *out)
{
    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL:
        return false;
    case JSON_STRING:
        out->kind = JSON_OBJ_TEXT;
        out->text = json_string_value(v);
        out->len = json_string_length(v);
        return true;
    case JSON_INTEGER:
        out->kind = JSON_OBJ_INT;
        out->number = json_integer_value(v);
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        out->kind = json_is_true(v) ? JSON_OBJ_TRUE : JSON_OBJ_FALSE;
        return true;
    default:
        out->kind = JSON_OBJ_OTHER;
        return true;
    }
}

bool json_obj_get(const struct json_obj *o, const char *key, struct json_field *out)
{
    if (o->tree)
        return get_from_tree(json_object_get(o->tree, key), out);
    const struct json_flat *f = find(o, key, strlen(key));
    if (!f || f->null)
        return false;
    *out = f->value;
    return true;
}

int json_obj_str(const struct json_obj *o, const char *key, size_t max, const char **out,
                 struct errmsg *why)
{
    struct json_field f;
    if (!json_obj_get(o, key, &f))
        return E_OK;
    if (f.kind != JSON_OBJ_TEXT)
        return errmsg_set(why, E_INVALID, "%s: must be text", key);
    if (f.len > max)
        return errmsg_set(why, E_INVALID, "%s: longer than %zu bytes", key, max);
    *out = f.text;
    return E_OK;
}

int json_obj_int(const struct json_obj *o, const char *key, int64_t min, int64_t max, int64_t *out,
                 struct errmsg *why)
{
    struct json_field f;
    if (!json_obj_get(o, key, &f))
        return E_OK;
    if (f.kind != JSON_OBJ_INT)
        return errmsg_set(why, E_INVALID, "%s: must be a whole number", key);
    if (f.number < min || f.number > max)
        return errmsg_set(why, E_INVALID, "%s: must be from %lld to %lld", key, (long long)min,
                          (long long)max);
    *out = f.number;
    return E_OK;
}
