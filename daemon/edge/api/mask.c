/*
 * mask.c - numbers and addresses for the eyes of those who need not see them (an auditor): the
 * members named here keep their ends and lose their middle.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"

static const char *const masked[] = {
    "party", "calling", "calling_raw", "called", "caller",    "number", "to",   "from",
    "phone", "phones",  "email",       "emails", "recipient", "raw",    "e164", "address",
};

static bool is_masked(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(masked); i++)
        if (strcmp(key, masked[i]) == 0)
            return true;
    return false;
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

static void mask_value(json_t *v, bool here);

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
    json_object_foreach(o, key, v) mask_value(v, is_masked(key));
    mask_names(o);
}

static void mask_value(json_t *v, bool here)
{
    size_t i;
    json_t *item;
    if (json_is_object(v)) {
        mask_object(v);
    } else if (json_is_array(v)) {
        json_array_foreach(v, i, item) mask_value(item, here);
    } else if (here && json_is_string(v)) {
        char out[512];
        mask_text(json_string_value(v), out, sizeof(out));
        json_string_set(v, out);
    }
}

void mask_json(struct buf *json)
{
    json_t *root = json_loadb(buf_str(json), json->len, JSON_DECODE_ANY, NULL);
    if (!root)
        return;
    struct jw w;
    mask_value(root, false);
    buf_reset(json);
    jw_init(&w, json);
    jw_json(&w, root);
    json_decref(root);
}
