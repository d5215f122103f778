/*
 * conf.h - the configuration engine: YAML files against tables.
 *
 * A file becomes a tree of nodes that know their line and column (conf_node_read). A table of keys
 * says what is allowed, what it means and where in a struct it goes; one walk over tree and table
 * fills the struct and reports everything that is wrong. The same table frees the struct, writes it
 * as JSON, compares two of them and writes the reference in docs/configuration.md.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/** A list of text owned by its struct. */
struct conf_texts {
    char **items;
    size_t n;
};

/** Whether the list holds that word. */
bool conf_texts_has(const struct conf_texts *t, const char *word);

/* ---- faults ---- */

struct conf_fault {
    bool warning;
    char *file;
    int line, column; /* from 1; 0: of the file as a whole */
    char *text;
};

/** Everything that one run found. Zero-initialise; at most CONF_FAULTS_MAX are kept. */
struct conf_faults {
    struct conf_fault *items;
    size_t n;
    size_t errors, warnings;
};

#define CONF_FAULTS_MAX 1000

struct conf_node;

/** Note a fault at a node (NULL: at the file as a whole, then file names it). */
void conf_fault_at(struct conf_faults *f, const struct conf_node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void conf_warn_at(struct conf_faults *f, const struct conf_node *node, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void conf_fault_in(struct conf_faults *f, const char *file, int line, int column, const char *fmt,
                   ...) PRINTF_LIKE(5, 6);
void conf_warn_in(struct conf_faults *f, const char *file, int line, int column, const char *fmt,
                  ...) PRINTF_LIKE(5, 6);
/** Appends "file:line:column: text\n" for each; warnings begin with "warning: " after the place. */
void conf_faults_print(const struct conf_faults *f, struct buf *out);
/** The same without warnings: why something was refused. */
void conf_faults_print_errors(const struct conf_faults *f, struct buf *out);
/** By file, in the order in which files came, then by line and column. */
void conf_faults_sort(struct conf_faults *f);
void conf_faults_free(struct conf_faults *f);
