/*
 * mask.c - numbers and addresses for the eyes of those who need not see them (an auditor): the
 * members named here keep their ends and lose their middle.
 */
#include "service/staff/mask.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/json.h"

static const char *const masked[] = {
    "party", "calling", "calling_raw", "called", "caller",    "number", "to",   "from",
    "phone", "phones",  "email",       "emails", "recipient", "raw",    "e164", "address",
};

/* Members that hold what only looks like a number: identities, times, secrets of the asker's own.
 */
static const char *const plain[] = {
    "id",  "call",   "calls", "other_call", "call_id", "next",        "cursor",  "hash",
    "key", "digest", "token", "at",         "plate",   "provider_id", "version",
};

/* How the texts of a member are to be read. */
enum reading { FREE_TEXT, NUMBER, PLAIN };

static bool among(const char *key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(key, list[i]) == 0)
            return true;
    return false;
}

static enum reading reading_of(const char *key)
{
    size_t n = strlen(key);
    if (among(key, masked, ARRAY_LEN(masked)))
        return NUMBER;
    bool is_id =
        (n > 3 && strcmp(key + n - 3, "_id") == 0) || (n > 3 && strcmp(key + n - 3, "_at") == 0);
    return is_id || among(key, plain, ARRAY_LEN(plain)) ? PLAIN : FREE_TEXT;
}

bool mask_for(enum staff_kind kind, enum staff_role role)
{
    return kind == STAFF_PERSON && role == ROLE_AUDITOR;
}

static size_t count_digits(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += *s >= '0' && *s <= '9';
    return n;
}

/* Digits and what people put between them; short ones (devices, service numbers) and dates are
 * nobody's. */
static bool is_number(const char *s)
{
    int32_t day;
    return strspn(s, "+0123456789 -().") == strlen(s) && count_digits(s) >= 7 &&
           clock_parse_date(s, &day) < 0;
}

/* Of a number: the last four digits stay, the four before go. */
static void mask_number(const char *s, char *out, size_t cap)
{
    text_copy(out, cap, s);
    size_t digit = 0, all = count_digits(out);
    for (char *p = out; *p; p++) {
        if (*p < '0' || *p > '9')
            continue;
        digit++;
        if (digit + 4 <= all && digit + 8 > all)
            *p = '*';
    }
}

void mask_text(const char *s, char *out, size_t cap)
{
    const char *at = strchr(s, '@');
    if (at)
        snprintf(out, cap, "%.1s***%s", at > s ? s : "", at);
    else if (is_number(s))
        mask_number(s, out, cap);
    else
        text_copy(out, cap, s);
}

/* Digits with at most one separator between two of them, from a digit or a plus on. */
static size_t number_span(const char *s)
{
    size_t n = *s == '+', last = n;
    if (!isdigit((unsigned char)s[n]))
        return 0;
    for (; s[n]; n++)
        if (isdigit((unsigned char)s[n]))
            last = n + 1;
        else if (n != last || !strchr(" -.", s[n]))
            break;
    return last;
}

/* "2026-11-22", also at the beginning of a time. */
static bool is_day(const char *s, size_t n)
{
    char text[11];
    int32_t day;
    return n >= 10 && text_copyn(text, sizeof(text), s, 10) && clock_parse_date(text, &day) == E_OK;
}

/* A number that somebody wrote into a note: its middle goes as it does elsewhere. Part of a word
 * (an identity) it is none. */
static void mask_within(char *s)
{
    char before = ' ', one[64];
    for (char *p = s; *p; before = p[-1]) {
        bool in_id = before == '-' && p - s >= 2 && isalpha((unsigned char)p[-2]);
        bool in_word = isalnum((unsigned char)before) || before == '_' || in_id;
        size_t n = in_word ? 0 : number_span(p);
        bool number = n && n < sizeof(one) && !is_day(p, n) && !isalpha((unsigned char)p[n]);
        if (number && text_copyn(one, sizeof(one), p, n) && count_digits(one) >= 7) {
            char out[64];
            mask_number(one, out, sizeof(out));
            memcpy(p, out, n);
        }
        p += n ? n : 1;
    }
}

static void mask_value(json_t *v, enum reading how);

/* A number may also be a name ("phone_labels"): the object is made anew, in its order. */
static void mask_names(json_t *o)
{
    const char *key;
    json_t *v, *copy = json_object();
    bool any = false;
    json_object_foreach(o, key, v)
    {
        char name[512];
        mask_text(key, name, sizeof(name));
        any |= strcmp(name, key) != 0;
        json_object_set(copy, name, v);
    }
    if (any) {
        json_object_clear(o);
        json_object_update(o, copy);
    }
    json_decref(copy);
}

static void mask_object(json_t *o)
{
    const char *key;
    json_t *v;
    json_object_foreach(o, key, v) mask_value(v, reading_of(key));
    mask_names(o);
}

static void mask_string(json_t *v, enum reading how)
{
    if (how == NUMBER) {
        char out[512];
        mask_text(json_string_value(v), out, sizeof(out));
        json_string_set(v, out);
    } else if (how == FREE_TEXT) {
        char *text = xstrdup(json_string_value(v));
        mask_within(text);
        json_string_set(v, text);
        free(text);
    }
}

static void mask_value(json_t *v, enum reading how)
{
    size_t i;
    json_t *item;
    if (json_is_object(v))
        mask_object(v);
    else if (json_is_array(v))
        json_array_foreach(v, i, item) mask_value(item, how);
    else if (json_is_string(v))
        mask_string(v, how);
}

void mask_json(struct buf *json)
{
    json_t *root = json_loadb(buf_str(json), json->len, JSON_DECODE_ANY, NULL);
    struct jw w;
    buf_reset(json);
    if (!root)
        return; /* what cannot be read cannot be masked */
    mask_value(root, FREE_TEXT);
    jw_init(&w, json);
    jw_json(&w, root);
    json_decref(root);
}
