/*
 * conf_node.h - a configuration file as a tree of nodes that know where they stand.
 *
 * Reading is bounded: 1 MiB of text, CONF_DEPTH_MAX levels, CONF_NODES_MAX nodes with aliases
 * written out.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/conf.h"
#include "base/err.h"

#define CONF_FILE_MAX  (1024u * 1024u)
#define CONF_DEPTH_MAX 32
#define CONF_NODES_MAX 100000u

enum conf_node_kind { CONF_SCALAR, CONF_SEQUENCE, CONF_MAPPING };

struct conf_node {
    enum conf_node_kind kind;
    const char *file;          /* as given to conf_node_read; lives in the root */
    int line, column;          /* from 1; 0 when the node was made of JSON or of a default */
    bool quoted;               /* a scalar in quotes: text whatever it looks like */
    char *text;                /* scalars */
    struct conf_node **keys;   /* mappings: scalars, each text once */
    struct conf_node **values; /* mappings and sequences */
    size_t n, cap;
    bool partial;     /* of the root: a section was left out for its syntax */
    char *owned_file; /* of the root */
};

/**
 * Read YAML text. All faults of syntax are reported: after one, its top-level section is left out
 * and the rest is read. An empty text gives an empty mapping. NULL only when nothing could be read.
 * The caller frees.
 */
struct conf_node *conf_node_read(const char *file, const char *text, size_t len,
                                 struct conf_faults *faults);
/** The same from a file; one that cannot be read is a fault. *missing (may be NULL) tells whether
 * it is not there. */
struct conf_node *conf_node_read_file(const char *file, struct conf_faults *faults, bool *missing);
/** A tree of a JSON value; no positions. The caller frees. */
struct conf_node *conf_node_from_json(const json_t *value);
/** One scalar. The caller frees. */
struct conf_node *conf_node_scalar(const char *text);
void conf_node_free(struct conf_node **n);

/** The value of a key of a mapping; NULL if there is none or n is no mapping (or NULL). */
const struct conf_node *conf_node_get(const struct conf_node *n, const char *key);
/** True for a plain scalar that says nothing: empty, null, ~. */
bool conf_node_is_null(const struct conf_node *n);
/** Whether two trees say the same in the same order, wherever they stand. */
bool conf_node_equal(const struct conf_node *a, const struct conf_node *b);

/* For builders of trees. */
struct conf_node *conf_node_new(enum conf_node_kind kind, const char *file, int line, int column);
/** Adds to a sequence (key NULL) or mapping. Takes both over. */
void conf_node_add(struct conf_node *n, struct conf_node *key, struct conf_node *value);

/** Moves the keys that `into` lacks out of `from`, with their values; both are mappings. What stays
 * belongs to `from`. */
void conf_node_move_missing(struct conf_node *into, struct conf_node *from);

/* Shared with conf_yaml.c: one pass of libyaml over text. */
struct conf_syntax {
    int line, column; /* where reading stopped, from 1; 0: it did not */
    int from;         /* the line where what is broken begins */
    char text[256];
};
struct conf_node *conf_yaml_parse(const char *file, const char *text, size_t len,
                                  struct conf_faults *faults, struct conf_syntax *stopped);
