/*
 * hash.h - SHA-256, HMAC-SHA-256, base64 and hex over OpenSSL.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#define SHA256_LEN 32
#define SHA256_HEX 65

/** Digests into out. Cannot fail. */
void sha256(const void *data, size_t len, uint8_t out[SHA256_LEN]);
void hmac_sha256(const void *key, size_t keylen, const void *data, size_t len,
                 uint8_t out[SHA256_LEN]);
/** Lower-case hex; out holds 2*len+1 bytes. Returns out. */
char *hex_encode(const void *data, size_t len, char *out);
/** Standard base64 with padding; the caller frees. */
char *base64_encode(const void *data, size_t len);
/** Decodes into out (capacity cap); returns the length or E_INVALID. */
int base64_decode(const char *text, size_t len, uint8_t *out, size_t cap);
