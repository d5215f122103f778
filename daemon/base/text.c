/*
 * text.c - small text helpers that libc lacks or makes easy to get wrong.
 */
#include "base/text.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

bool text_copyn(char *out, size_t cap, const char *s, size_t n)
{
    if (cap == 0)
        return n == 0;
    size_t take = n < cap ? n : cap - 1;
    /* Never cut inside a character: step back over continuation bytes to its first byte. */
    if (take < n)
        while (take > 0 && ((unsigned char)s[take] & 0xc0) == 0x80)
            take--;
    if (take)
        memcpy(out, s, take);
    out[take] = '\0';
    return take == n;
}

bool text_copy(char *out, size_t cap, const char *s)
{
    return text_copyn(out, cap, s ? s : "", s ? strlen(s) : 0);
}

bool text_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_starts(const char *s, const char *prefix)
{
    return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

int text_int(const char *s, int64_t min, int64_t max, int64_t *out)
{
    if (!s)
        return E_INVALID;
    const char *digits = *s == '-' ? s + 1 : s;
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return E_INVALID;
    errno = 0;
    long long v = strtoll(s, NULL, 10);
    if (errno || v < min || v > max)
        return E_INVALID;
    *out = v;
    return E_OK;
}

static bool name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool text_is_name(const char *s)
{
    if (!s || !name_start(*s))
        return false;
    size_t n = 1;
    for (; s[n]; n++)
        if (n >= 64 || !(name_start(s[n]) || s[n] == '_' || s[n] == '-'))
            return false;
    return true;
}

/* The length of a secret is no secret: tokens have a fixed one. */
bool text_secret_eq(const char *a, const char *b)
{
    size_t n = strlen(a);
    return n == strlen(b) && CRYPTO_memcmp(a, b, n) == 0;
}

const char *text_after_slash(const char *s)
{
    const char *slash = s ? strchr(s, '/') : NULL;
    return slash ? slash + 1 : s;
}
