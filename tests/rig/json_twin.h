/*
 * json_twin.h - json_obj_read() held against jansson: whatever the bytes, both take them or neither
 * does, with the same words, and every field has the same value.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json_obj.h"

static void twin_fail(const char *what, const char *text, size_t len)
{
    fprintf(stderr, "json_obj and jansson differ: %s: %.*s\n", what, (int)len, text);
    abort();
}

static bool twin_same(const struct json_field *f, const json_t *v)
{
    if (f->kind == JSON_OBJ_TEXT)
        return json_is_string(v) && f->len == json_string_length(v) && f->text[f->len] == '\0' &&
               memcmp(f->text, json_string_value(v), f->len) == 0;
    if (f->kind == JSON_OBJ_INT)
        return json_is_integer(v) && f->number == json_integer_value(v);
    if (f->kind == JSON_OBJ_OTHER)
        return json_is_real(v) || json_is_object(v) || json_is_array(v);
    return f->kind == JSON_OBJ_TRUE ? json_is_true(v) : json_is_false(v);
}

/* True when the text was scanned without a tree. */
static bool twin_check(const char *text, size_t len)
{
    struct json_obj o;
    struct errmsg mine = {""}, theirs = {""};
    int rc = json_obj_read(&o, text, len, &mine);
    json_t *t = json_parse(text, len, &theirs);
    const char *key;
    json_t *v;
    if ((rc == E_OK) != json_is_object(t))
        twin_fail("taken by one alone", text, len);
    if (!t && strcmp(mine.text, theirs.text) != 0)
        twin_fail(mine.text, text, len);
    bool flat = rc == E_OK && !o.tree;
    if (flat && o.n != json_object_size(t))
        twin_fail("number of fields", text, len);
    if (rc == E_OK)
        json_object_foreach(t, key, v)
        {
            struct json_field f;
            bool there = json_obj_get(&o, key, &f);
            if (there == json_is_null(v) || (there && !twin_same(&f, v)))
                twin_fail(key, text, len);
        }
    json_decref(t);
    json_obj_free(&o);
    return flat;
}
