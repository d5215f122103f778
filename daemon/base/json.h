/*
 * json.h - JSON text built straight into a struct buf, and checked reading through jansson.
 *
 * Output has no blanks between tokens. Writing is flat: commas are placed by the writer, so the
 * caller only opens, names and closes. Text that is not UTF-8 is written with U+FFFD.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/buf.h"

/** A writer; depth up to 32, more is an assertion failure (ours, never from outside). */
struct jw {
    struct buf *out;
    uint32_t comma; /* bit per depth: a value stands before */
    int depth;
};

/** Start writing at the end of out; every call below appends one token, with its comma. */
void jw_init(struct jw *w, struct buf *out);
void jw_obj(struct jw *w);
void jw_end_obj(struct jw *w);
void jw_arr(struct jw *w);
void jw_end_arr(struct jw *w);
void jw_str(struct jw *w, const char *s); /* NULL writes null */
/** n bytes of text. */
void jw_strn(struct jw *w, const char *s, size_t n);
void jw_int(struct jw *w, int64_t v);
/** A number with at most three decimals, trailing zeros cut (6.1, 42). */
void jw_milli(struct jw *w, int64_t thousandths);
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
/** RFC 3339 UTC with milliseconds; 0 writes null. */
void jw_time(struct jw *w, int64_t ms);
/** Text that is JSON already; NULL or "" writes null. */
void jw_raw(struct jw *w, const char *json, size_t len);
/** A jansson value (compact). */
void jw_json(struct jw *w, const json_t *v);

/** A key of n bytes that needs no escapes. */
void jw_word(struct jw *w, const char *key, size_t n);
/** Any other key. */
void jw_text_key(struct jw *w, const char *key);

/** A literal is a plain word; its length is known when this is compiled. */
static inline __attribute__((always_inline)) void jw_key(struct jw *w, const char *key)
{
    if (__builtin_constant_p(__builtin_strlen(key)))
        jw_word(w, key, __builtin_strlen(key));
    else
        jw_text_key(w, key);
}

/* Key and value in one line. */
#define JW_KEYED(name, type, write)                                                                \
    static inline __attribute__((always_inline)) void name(struct jw *w, const char *key, type v)  \
    {                                                                                              \
        jw_key(w, key);                                                                            \
        write;                                                                                     \
    }
JW_KEYED(jw_kstr, const char *, jw_str(w, v))
JW_KEYED(jw_kint, int64_t, jw_int(w, v))
JW_KEYED(jw_kbool, bool, jw_bool(w, v))
JW_KEYED(jw_ktime, int64_t, jw_time(w, v))
/** Writes null for 0: ids start at 1. */
JW_KEYED(jw_kid, int64_t, v ? jw_int(w, v) : jw_null(w))
JW_KEYED(jw_kraw, const char *, jw_raw(w, v, v ? strlen(v) : 0))
#undef JW_KEYED

static inline __attribute__((always_inline)) void jw_knull(struct jw *w, const char *key)
{
    jw_key(w, key);
    jw_null(w);
}

/** Append s as a JSON string with its quotes. */
void json_quote(struct buf *out, const char *s, size_t n);

/**
 * Parse text: one JSON value, UTF-8, no duplicate keys, no NUL, depth at most 32.
 * On failure NULL and why holds "line 1 column 7: …". The caller decrefs.
 */
json_t *json_parse(const char *text, size_t len, struct errmsg *why) MUST_CHECK;

/**
 * Fields of an object. A missing or null field gives the default (`def`, possibly NULL);
 * a value of another kind is E_INVALID with why naming the field. Text longer than max bytes is
 * E_INVALID too. Strings belong to the json_t.
 */
int json_get_str(const json_t *o, const char *key, size_t max, const char **out,
                 struct errmsg *why) MUST_CHECK;
int json_get_int(const json_t *o, const char *key, int64_t min, int64_t max, int64_t *out,
                 struct errmsg *why) MUST_CHECK;
int json_get_bool(const json_t *o, const char *key, bool *out, struct errmsg *why) MUST_CHECK;

/** How many bytes from s on are UTF-8 that stands for itself within quotes: no control character,
 * no quote, no backslash. */
size_t json_plain(const char *s, size_t n);

/** True if the bytes are valid UTF-8 without NUL. */
bool utf8_valid(const char *s, size_t n);
