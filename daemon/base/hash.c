/*
 * hash.c - SHA-256, HMAC-SHA-256, base64 and hex over OpenSSL.
 */
#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/mem.h"

void sha256(const void *data, size_t len, uint8_t out[SHA256_LEN])
{
    SHA256(data, len, out);
}

void hmac_sha256(const void *key, size_t keylen, const void *data, size_t len,
                 uint8_t out[SHA256_LEN])
{
    HMAC(EVP_sha256(), key, (int)keylen, data, len, out, NULL);
}

char *hex_encode(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = '\0';
    return out;
}

char *base64_encode(const void *data, size_t len)
{
    char *out = xmalloc((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)out, data, (int)len);
    return out;
}

/* 0 to 63, or -1 for a character that base64 (RFC 4648, section 4) does not have. */
static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t len, uint8_t *out, size_t cap)
{
    if (len % 4 != 0 || len / 4 * 3 > INT32_MAX)
        return E_INVALID;
    size_t padding = 0;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    size_t n = len / 4 * 3 - padding, pos = 0;
    if (n > cap)
        return E_INVALID;
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        int v = i >= len - padding ? 0 : sextet(text[i]);
        if (v < 0)
            return E_INVALID;
        bits = bits << 6 | (uint32_t)v;
        if (i % 4 != 3)
            continue;
        for (int shift = 16; shift >= 0 && pos < n; shift -= 8)
            out[pos++] = (uint8_t)(bits >> shift);
    }
    return (int)n;
}
