/*
 * utf8.h - one code point at a time.
 */
#pragma once
#include <stdint.h>

/**
 * Read the code point at *s (not at the end of the text) and move *s behind it. A byte that does
 * not begin a valid sequence gives U+FFFD and moves by one, so every text can be walked.
 */
uint32_t utf8_next(const char **s);
