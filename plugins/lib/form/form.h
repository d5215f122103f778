/*
 * form.h - the written forms that plugins share: hexadecimal, percent-encoding (RFC 3986) and the
 * comparison of secrets. Nothing here allocates.
 */
#ifndef STEWARD_FORM_H
#define STEWARD_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>

/** The value of a hexadecimal digit, -1 if it is none. */
int form_hex(char c);
/** Percent-encodes all but RFC 3986's unreserved characters; false if it does not fit. */
bool form_percent_encode(const char *text, char *out, size_t cap);
/** %XX to bytes, in place; an incomplete escape stays as it is. A %00 ends the text. */
void form_percent_decode(char *text);
/**
 * A parameter of a query (application/x-www-form-urlencoded), decoded into out; false if it is not
 * there, too long, not well-formed, or holds a NUL.
 */
bool form_query_get(const char *query, const char *name, char *out, size_t cap);
/** True if the len bytes are exactly the text; the time taken does not tell where they differ. */
bool form_same_secret(const char *given, size_t len, const char *want);
/** The base64 of HMAC-SHA256 of data under key; its length, or -1 when out is too small. */
int form_hmac_base64(const struct steward_host *host, const void *key, size_t key_len,
                     const void *data, size_t len, char *out, size_t cap);

#endif
