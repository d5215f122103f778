/*
 * rng.h - random bytes and identifiers from the system's generator.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** Fill out with len random bytes. */
void rng_bytes(void *out, size_t len);
/** n characters of [A-Za-z0-9] and a NUL into out (n+1 bytes). About 5.95 bits each. */
void rng_token(char *out, size_t n);
/** Uniform in [0, n), n > 0. For jitter. */
uint32_t rng_below(uint32_t n);
