/*
 * history.c - SHA-256 over rows with one context that is made once.
 */
#include "domain/history.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"

struct history_hasher {
    EVP_MD_CTX *ctx;
    EVP_MD *md;
};

struct history_hasher *history_hasher_new(void)
{
    struct history_hasher *h = xcalloc(1, sizeof(*h));
    h->ctx = EVP_MD_CTX_new();
    h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    assert(h->ctx && h->md);
    return h;
}

void history_hasher_free(struct history_hasher **h)
{
    if (!*h)
        return;
    EVP_MD_CTX_free((*h)->ctx);
    EVP_MD_free((*h)->md);
    free(*h);
    *h = NULL;
}

void history_salt(char out[HISTORY_SALT])
{
    uint8_t raw[(HISTORY_SALT - 1) / 2];
    rng_bytes(raw, sizeof(raw));
    hex_encode(raw, sizeof(raw), out);
}

static void begin(struct history_hasher *h)
{
    int ok = EVP_DigestInit_ex2(h->ctx, h->md, NULL);
    assert(ok == 1);
    (void)ok;
}

static void add(struct history_hasher *h, const char *text)
{
    EVP_DigestUpdate(h->ctx, text, strlen(text));
}

static void finish(struct history_hasher *h, char out[HISTORY_HEX])
{
    uint8_t raw[SHA256_LEN];
    unsigned len = sizeof(raw);
    EVP_DigestFinal_ex(h->ctx, raw, &len);
    hex_encode(raw, sizeof(raw), out);
}

void history_digest(struct history_hasher *h, const char *salt, const char *data,
                    char out[HISTORY_HEX])
{
    begin(h);
    add(h, salt);
    add(h, data);
    finish(h, out);
}

void history_hash(struct history_hasher *h, const char *previous, const struct history_row *row,
                  const char *digest, char out[HISTORY_HEX])
{
    char numbers[64];
    snprintf(numbers, sizeof(numbers), "\n%" PRId64 "\n%" PRId64 "\n", row->seq, row->at);
    begin(h);
    add(h, previous);
    add(h, numbers);
    add(h, row->by);
    add(h, "\n");
    add(h, row->kind);
    add(h, "\n");
    add(h, digest);
    finish(h, out);
}
