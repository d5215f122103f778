/*
 * refusal.c - checked reading of request bodies.
 */
#include "spine/refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"

int verb_refuse(struct verb_out *out, int rc, const char *field, const char *fmt, ...)
{
    va_list args;
    if (!out)
        return rc;
    va_start(args, fmt);
    vsnprintf(out->text, sizeof(out->text), fmt, args);
    va_end(args);
    if (field)
        text_copy(out->field, sizeof(out->field), field);
    return rc;
}

int verb_text(const json_t *body, const char *key, size_t max, const char **value,
              struct verb_out *out)
{
    struct errmsg why = {""};
    *value = NULL;
    if (json_get_str(body, key, max, value, &why))
        return verb_refuse(out, E_INVALID, key, "%.250s", why.text);
    return 0;
}

int verb_text_needed(const json_t *body, const char *key, size_t max, const char **value,
                     struct verb_out *out)
{
    int rc = verb_text(body, key, max, value, out);
    if (rc == E_OK && (!*value || !**value))
        return verb_refuse(out, E_INVALID, key, "%s is missing", key);
    return rc;
}

int verb_int(const json_t *body, const char *key, int64_t min, int64_t max, int64_t *value,
             struct verb_out *out)
{
    struct errmsg why = {""};
    if (json_get_int(body, key, min, max, value, &why))
        return verb_refuse(out, E_INVALID, key, "%.250s", why.text);
    return 0;
}

int verb_bool(const json_t *body, const char *key, bool *value, struct verb_out *out)
{
    struct errmsg why = {""};
    if (json_get_bool(body, key, value, &why))
        return verb_refuse(out, E_INVALID, key, "%.250s", why.text);
    return 0;
}

int verb_time(const json_t *body, const char *key, int64_t *value, struct verb_out *out)
{
    const char *text = NULL;
    int rc = verb_text(body, key, 64, &text, out);
    *value = 0;
    if (rc == E_OK && text && clock_parse(text, value))
        return verb_refuse(out, E_INVALID, key, "%s: not a time like 2026-11-22T08:15:30Z", key);
    return rc;
}

bool verb_has(const json_t *body, const char *key)
{
    const json_t *v = json_object_get(body, key);
    return v && !json_is_null(v);
}
