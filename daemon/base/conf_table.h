/*
 * conf_table.h - tables of configuration keys and the walks over them.
 *
 * A table is an array of struct conf_key that ends with a NULL name. Each row has a kind, which
 * knows how to read a node into a field, free it and write it as JSON. New kinds (a calendar's
 * hours, a ladder) are made by whoever needs them; the common ones are here.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/conf.h"
#include "base/conf_node.h"
#include "base/json.h"

struct conf_key;

/** What a walk carries along. */
struct conf_ctx {
    struct conf_faults *faults;
    const char *dir; /* relative paths are relative to this */
};

/** Where JSON goes. reveal shows secrets: for comparing alone. */
struct conf_out {
    struct jw w;
    bool reveal;
};

struct conf_kind {
    const char *name; /* for the reference: "duration" */
    /** Read n into field; wrong input is reported at n and negative. May be called with a
     * fallback's node, which has no position. */
    int (*read)(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                void *field);
    /** Free what field owns and leave it empty; NULL: nothing is owned. */
    void (*clear)(const struct conf_key *key, void *field);
    /** One JSON value. */
    void (*write)(const struct conf_key *key, const void *field, struct conf_out *out);
};

enum conf_flags {
    CONF_REQUIRED = 1, /* a fault when missing */
    CONF_RELOAD = 2,   /* a running daemon takes a change */
    CONF_SECRET = 4,   /* never shown; also read by KEY_file: and KEY_env: */
    CONF_SEE = 8       /* the reference does not repeat what is below: help says where it stands */
};

struct conf_key {
    const char *name;
    const struct conf_kind *kind;
    size_t offset;        /* of the field within the struct of its table */
    const char *fallback; /* as YAML; NULL: the field stays empty */
    int64_t min, max;     /* numbers; ms of durations; bytes of text; items of lists. 0, 0: none */
    const char *const *words;   /* allowed words, or allowed keys of a dict; NULL-terminated */
    const struct conf_key *sub; /* of maps, lists of maps, dicts */
    size_t size;           /* one element of lists of maps and dicts; its first member is char *name
                              for dicts */
    const char *shorthand; /* a value that is no mapping stands for this key of it */
    unsigned flags;
    const char *help; /* one sentence for docs/configuration.md */
};

/* Fields: */
extern const struct conf_kind conf_text; /* char *; min, max: bytes (at most 4096 unless given) */
extern const struct conf_kind conf_word; /* char *, one of words */
extern const struct conf_kind conf_path; /* char *, made absolute */
extern const struct conf_kind conf_int;  /* int64_t */
extern const struct conf_kind conf_percent;   /* int64_t: "75%" */
extern const struct conf_kind conf_size;      /* int64_t bytes: "64KiB" */
extern const struct conf_kind conf_bool;      /* bool */
extern const struct conf_kind conf_span;      /* struct span */
extern const struct conf_kind conf_span_list; /* struct span *, size_t */
extern const struct conf_kind conf_rate;      /* int64_t: events a second times 1000: "50/s" */
extern const struct conf_kind conf_url;       /* char *: http:// or https:// */
extern const struct conf_kind
    conf_texts_kind;                      /* struct conf_texts; one text stands for a list of one */
extern const struct conf_kind conf_paths; /* struct conf_texts, each made absolute */
/** Inline: sub's offsets count from the field. */
extern const struct conf_kind conf_map;
/** Pointer, then size_t count: a list of mappings. */
extern const struct conf_kind conf_maps;
/** Pointer, then size_t count: a mapping with keys of the user's choice (or of words). */
extern const struct conf_kind conf_dict;

/**
 * Read a mapping into base (zeroed by the caller) by its table: unknown, repeated and missing keys
 * and wrong values are reported, fallbacks filled in, also for keys whose value was wrong. n may be
 * NULL: all fallbacks. Returns E_INVALID if anything was reported.
 */
int conf_table_read(struct conf_ctx *cx, const struct conf_key *table, const struct conf_node *n,
                    void *base);
void conf_table_clear(const struct conf_key *table, void *base);
/** Writes the members of an object (without its braces). */
void conf_table_write(const struct conf_key *table, const void *base, struct conf_out *out);
/** Calls changed(ctx, "listen.http", key) for each key whose value differs; maps are gone into. */
void conf_table_diff(const struct conf_key *table, const void *a, const void *b,
                     void (*changed)(void *ctx, const char *path, const struct conf_key *key),
                     void *ctx);
/** The reference: one section a top-level key of the table, in Markdown. */
void conf_table_document(const struct conf_key *table, struct buf *out);

/* ---- for kinds and checks ---- */

/** The scalar's text, or NULL with a fault that says what is expected ("a duration"). */
const char *conf_expect_scalar(struct conf_ctx *cx, const struct conf_key *key,
                               const struct conf_node *n, const char *what);
/** E_INVALID with a fault unless key's bounds hold value; what is its unit, "" or "ms". */
int conf_check_bounds(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      int64_t value, const char *unit);
/** " (did you mean 'calendar'?)" for the nearest of words, "" when none is near. Into out. */
const char *conf_did_you_mean(const char *word, const char *const *words, char *out, size_t cap);
/** dir and path joined; a copy of an absolute path. The caller frees. */
char *conf_path_join(const char *dir, const char *path);
/** The content of a file of secrets without its last newline, or of an environment variable: NULL
 * with a fault. The caller frees. */
char *conf_secret_load(struct conf_ctx *cx, const struct conf_node *n, const char *key, bool env);
void conf_texts_add(struct conf_texts *t, const char *word);
void conf_texts_clear(struct conf_texts *t);
