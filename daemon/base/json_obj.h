/*
 * json_obj.h - one JSON object from outside, read field by field.
 *
 * Nearly every line of a PBX is a flat object of short texts and whole numbers: such a line is
 * scanned without building a tree. Whatever is not of that form (nesting, escapes, fractions,
 * faults) goes through json_parse(), which alone decides what is refused and in which words.
 */
#pragma once
#include "base/json.h"

enum json_kind { JSON_OBJ_TEXT, JSON_OBJ_INT, JSON_OBJ_TRUE, JSON_OBJ_FALSE, JSON_OBJ_OTHER };

/** A field that is there and not null. */
struct json_field {
    enum json_kind kind;
    const char *text; /* of TEXT: NUL-terminated */
    size_t len;       /* of TEXT */
    int64_t number;   /* of INT */
};

enum { JSON_OBJ_FIELDS = 20, JSON_OBJ_TEXTS = 1024 };

/** An object while it is read; on the stack of whoever reads it. */
struct json_obj {
    const json_t *tree; /* NULL: the fields below are all of it */
    json_t *owned;
    size_t n;
    struct json_flat {
        const char *key; /* in the text that was read */
        size_t key_len;
        bool null;
        struct json_field value;
    } fields[JSON_OBJ_FIELDS];
    char texts[JSON_OBJ_TEXTS]; /* of the fields */
};

/**
 * Read text, which must live as long as o: E_OK, or E_INVALID with why as json_parse() says it, or
 * when it is another value than an object. json_obj_free() either way.
 */
int json_obj_read(struct json_obj *o, const char *text, size_t len, struct errmsg *why) MUST_CHECK;
/** The same face for a value at hand, not referenced; one that is no object has no fields. */
void json_obj_of(struct json_obj *o, const json_t *tree);
void json_obj_free(struct json_obj *o);

/** The field; false when it is missing or null. */
bool json_obj_get(const struct json_obj *o, const char *key, struct json_field *out);
/** As json_get_str() and json_get_int(); texts live as long as o. */
int json_obj_str(const struct json_obj *o, const char *key, size_t max, const char **out,
                 struct errmsg *why) MUST_CHECK;
int json_obj_int(const struct json_obj *o, const char *key, int64_t min, int64_t max, int64_t *out,
                 struct errmsg *why) MUST_CHECK;
