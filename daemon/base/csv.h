/*
 * csv.h - a streaming reader of comma-separated values (RFC 4180).
 *
 * Bytes are fed in pieces of any size; each record is given to a callback. A byte-order mark, CRLF,
 * LF and CR line ends, quoted fields with commas, quotes and line ends in them are read; empty
 * lines are passed over. A record that breaks the rules is reported with its line and the reading
 * goes on with the line after the one where it began, so that one open quote spoils one line.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CSV_FIELDS_MAX 64
#define CSV_RECORD_MAX 16384 /* bytes, quotes and all */

struct csv;

struct csv_opts {
    /** line: of the record's beginning, from 1. fields are NUL-terminated UTF-8 without NUL
     * inside, and live during the call. */
    void (*record)(void *ctx, int64_t line, char *const *fields, int n);
    /** What is wrong with the record that began in this line. */
    void (*bad)(void *ctx, int64_t line, const char *reason);
    void *ctx;
    int64_t first_line; /* number of the first line; 0 means 1 */
};

/** opts are copied. */
struct csv *csv_new(const struct csv_opts *opts);
/** Without csv_end() what is unfinished is dropped. */
void csv_free(struct csv **c);
/** The next piece; callbacks come from within. */
void csv_feed(struct csv *c, const char *data, size_t len);
/** The end of the text: gives the last record if it had no line end. */
void csv_end(struct csv *c);
