/*
 * charset.h - which encoding a text file is in, and UTF-8 of it.
 *
 * A file is judged as a whole, never row by row: about one in eighty rows of Chinese text in GBK is
 * valid UTF-8 by chance, and would come in as garbage. What spreadsheets in China write is GB18030
 * (GBK and GB 2312 are parts of it), converted by the C library's iconv.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum charset {
    CHARSET_UTF8, /* ASCII, too; single lines of it may be damaged */
    CHARSET_GB18030,
    CHARSET_UTF16, /* has a byte-order mark */
    CHARSET_UNKNOWN,
};
/** "UTF-8", "GB18030", "UTF-16", "unknown". */
const char *charset_name(enum charset c);

/** What was seen of a text so far; all zero at first. */
struct charset_judge {
    int64_t lines, lines_high, lines_utf8; /* with bytes beyond ASCII; those that are UTF-8 */
    int64_t pairs, pairs_common;           /* two-byte characters of GB18030; those in daily use */
    bool mark8, mark16, gb_broken;         /* byte-order marks; no GB18030 somewhere */
    uint8_t first[3];
    size_t first_n;
    uint8_t utf8_left, utf8_low, utf8_high, gb; /* within a character */
    bool high, broken;                          /* of the line under way */
};
void charset_judge_feed(struct charset_judge *j, const char *data, size_t len);
/**
 * At the end: UTF-8 when it has its mark, or most of the lines that are not ASCII are UTF-8; or
 * when few lines are not ASCII, and none of them is UTF-8 by chance: they are damaged.
 * GB18030 when all of it can be, and three fifths of its characters are of the first level of
 * GB 2312, which are those in daily use, or its signs: Latin-1, Cyrillic, Big5 and Shift JIS do not
 * look like that.
 */
enum charset charset_judge_end(struct charset_judge *j);

struct charset_conv;
/** NULL when the system cannot convert from it. */
struct charset_conv *charset_conv_new(enum charset from);
void charset_conv_free(struct charset_conv **c);
/** Appends UTF-8 of the next piece to out; a character may be cut by its end. E_INVALID at bytes
 * that are no character, E_TOOBIG when out is full. */
int charset_conv_feed(struct charset_conv *c, const char *data, size_t len,
                      struct buf *out) MUST_CHECK;
/** At the end: E_INVALID when half a character is left. */
int charset_conv_end(struct charset_conv *c) MUST_CHECK;
