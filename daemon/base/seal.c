/*
 * seal.c - AES-256-GCM over OpenSSL: nonce, cipher text and tag behind one another, as base64.
 */
#include "base/seal.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

#define NONCE 12
#define TAG   16

void seal(const uint8_t key[SEAL_KEY_LEN], const void *data, size_t len, struct buf *out)
{
    uint8_t *box = xmalloc(NONCE + len + TAG);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, end = 0;
    assert(ctx && len <= INT_MAX);
    bool ok = RAND_bytes(box, NONCE) == 1 &&
              EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, box) == 1 &&
              EVP_EncryptUpdate(ctx, box + NONCE, &n, data, (int)len) == 1 &&
              EVP_EncryptFinal_ex(ctx, box + NONCE + n, &end) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, box + NONCE + len) == 1;
    if (!ok)
        abort(); /* no random numbers, no cipher: nothing of this process is safe */
    char *text = base64_encode(box, NONCE + len + TAG);
    buf_adds(out, text);
    EVP_CIPHER_CTX_free(ctx);
    free(text);
    free(box);
}

static int open_box(const uint8_t *key, uint8_t *box, size_t len, uint8_t *plain)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t inner = len - NONCE - TAG;
    int n = 0, end = 0;
    assert(ctx && inner <= INT_MAX);
    bool ok = EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, box) == 1 &&
              EVP_DecryptUpdate(ctx, plain, &n, box + NONCE, (int)inner) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, box + NONCE + inner) == 1 &&
              EVP_DecryptFinal_ex(ctx, plain + n, &end) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? E_OK : E_INVALID;
}

int unseal(const uint8_t key[SEAL_KEY_LEN], const char *text, struct buf *out)
{
    size_t cap = strlen(text) / 4 * 3 + 3;
    uint8_t *box = xmalloc(cap), *plain = xmalloc(cap);
    int len = base64_decode(text, strlen(text), box, cap);
    int rc = len < NONCE + TAG ? E_INVALID : open_box(key, box, (size_t)len, plain);
    if (rc == E_OK)
        buf_add(out, plain, (size_t)len - NONCE - TAG);
    free(plain);
    free(box);
    return rc;
}
