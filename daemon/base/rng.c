/*
 * rng.c - random bytes and identifiers from the system's generator.
 */
#include "base/rng.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void rng_bytes(void *out, size_t len)
{
    uint8_t *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            perror("stewardd: getrandom");
            abort();
        }
        p += n;
        len -= (size_t)n;
    }
}

void rng_token(char *out, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < n; i++)
        out[i] = alphabet[rng_below(sizeof(alphabet) - 1)];
    out[n] = '\0';
}

/* Values of the last, incomplete run of n would come up more often: they are drawn again. */
uint32_t rng_below(uint32_t n)
{
    assert(n > 0);
    uint32_t limit = UINT32_MAX - UINT32_MAX % n, v;
    do
        rng_bytes(&v, sizeof(v));
    while (v >= limit);
    return v % n;
}
