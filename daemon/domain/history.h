/*
 * history.h - the hash chain of a ticket's history. docs/history.md gives the byte form, so that an
 * auditor can recompute it without this program.
 *
 *   digest = hex(SHA-256(salt || data))
 *   hash   = hex(SHA-256(previous || "\n" || seq || "\n" || at || "\n" || by || "\n" || kind
 *                        || "\n" || digest))
 *
 * salt is 32 lower-case hex digits and data the JSON text, both as stored; seq and at (ms UTC) are
 * decimal. previous is the row before's hash, for the first row the ticket's id as "T-000123".
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HISTORY_HEX  65 /* hex of SHA-256 and a NUL */
#define HISTORY_SALT 33

/** One row, as the chain sees it. Text is never NULL but for salt and data after an erasure. */
struct history_row {
    int64_t seq, at;
    const char *by, *kind, *data, *salt;
};

/** A reusable hasher (OpenSSL's digest context); one thread at a time. */
struct history_hasher;
struct history_hasher *history_hasher_new(void);
void history_hasher_free(struct history_hasher **h);

/** A fresh random salt. */
void history_salt(char out[HISTORY_SALT]);
/** digest of salt and data. */
void history_digest(struct history_hasher *h, const char *salt, const char *data,
                    char out[HISTORY_HEX]);
/** hash of a row whose digest is known, after `previous`. */
void history_hash(struct history_hasher *h, const char *previous, const struct history_row *row,
                  const char *digest, char out[HISTORY_HEX]);
