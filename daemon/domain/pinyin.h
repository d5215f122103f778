/*
 * pinyin.h - the initials by which Chinese names are typed: 王小龙 -> "wxl".
 */
#pragma once
#include <stddef.h>

#define PINYIN_MAX 128

/**
 * Initials of a name in lower case: one letter a Chinese character (surnames by their reading as
 * surnames), the first letter of each word in Latin letters; other characters give none. out is
 * cut to fit; "" when the name has no Chinese character (then the name itself is what is typed).
 */
void pinyin_initials(const char *name, char *out, size_t cap);

/** For U+4E00 to U+9FFF the letter of the character's most common reading, '.' if none is known.
 * Made by daemon/domain/pinyin_initials.py from Unicode's Unihan_Readings.txt (kMandarin). */
#define PINYIN_FIRST 0x4e00
#define PINYIN_LAST  0x9fff
extern const char pinyin_table[PINYIN_LAST - PINYIN_FIRST + 2];
