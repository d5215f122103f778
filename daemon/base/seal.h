/*
 * seal.h - text that only the holder of a key can read again (AES-256-GCM), to be kept in a
 * database.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

#define SEAL_KEY_LEN 32

/** Appends data, sealed, to out as base64. The nonce is random: a key may seal many times. */
void seal(const uint8_t key[SEAL_KEY_LEN], const void *data, size_t len, struct buf *out);
/** Appends what was sealed to out. E_INVALID when the key is another or the text was changed. */
int unseal(const uint8_t key[SEAL_KEY_LEN], const char *text, struct buf *out) MUST_CHECK;
