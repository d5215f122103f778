/*
 * text.h - small text helpers that libc lacks or makes easy to get wrong.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/** strlcpy: copies at most cap-1 bytes at a character boundary of UTF-8; true if all fitted. */
bool text_copy(char *out, size_t cap, const char *s);
bool text_copyn(char *out, size_t cap, const char *s, size_t n);
/** NULL-tolerant equality; two NULLs are equal. */
bool text_eq(const char *a, const char *b);
bool text_starts(const char *s, const char *prefix);
/** The whole text is a decimal integer within [min, max]; E_INVALID otherwise. */
int text_int(const char *s, int64_t min, int64_t max, int64_t *out) MUST_CHECK;
/** Letters, digits, '_' and '-' only, starting with a lower-case letter or digit, 1 to 64 long:
 * the spec's rule for instance names: [a-z0-9][a-z0-9_-]{0,63}. */
bool text_is_name(const char *s);
/** Constant-time comparison of secrets. */
bool text_secret_eq(const char *a, const char *b);
/** "1001" of "pbx-a/1001"; the whole text when there is no slash. */
const char *text_after_slash(const char *s);
