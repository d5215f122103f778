/*
 * charset.c - judging and converting (charset.h).
 */
#include "base/charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PIECE 4096 /* bytes converted at once: at most three times as many come of them */
#define LEFT  8    /* bytes of a character that a piece cuts */

const char *charset_name(enum charset c)
{
    static const char *const names[] = {"UTF-8", "GB18030", "UTF-16", "unknown"};
    return names[c];
}

/* ---- judging ---- */

/* RFC 3629: the byte that begins a character says how many follow, and within what bounds the next
 * one lies. */
static void utf8_begin(struct charset_judge *j, uint8_t b)
{
    j->utf8_low = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    j->utf8_high = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    if (b >= 0xc2 && b <= 0xdf)
        j->utf8_left = 1;
    else if (b >= 0xe0 && b <= 0xef)
        j->utf8_left = 2;
    else if (b >= 0xf0 && b <= 0xf4)
        j->utf8_left = 3;
    else
        j->broken = true;
}

static void utf8_byte(struct charset_judge *j, uint8_t b)
{
    if (j->utf8_left && b >= j->utf8_low && b <= j->utf8_high) {
        j->utf8_left--;
        j->utf8_low = 0x80;
        j->utf8_high = 0xbf;
        return;
    }
    j->broken |= j->utf8_left > 0;
    j->utf8_left = 0;
    if (b >= 0x80)
        utf8_begin(j, b);
}

/* GB 18030-2005: pairs 81..FE 40..FE (but 7F), and quads 81..FE 30..39 81..FE 30..39. j->gb is the
 * lead of a pair, or 1 and 2 within the second half of a quad. */
static void gb_byte(struct charset_judge *j, uint8_t b)
{
    bool lead = b >= 0x81 && b <= 0xfe, digit = b >= '0' && b <= '9';
    if (j->gb == 0) {
        j->gb = lead ? b : 0;
        j->gb_broken |= b >= 0x80 && !lead;
    } else if (j->gb == 1) {
        j->gb = lead ? 2 : 0;
        j->gb_broken |= !lead;
    } else if (j->gb == 2) {
        j->gb = 0;
        j->gb_broken |= !digit;
    } else if (digit) {
        j->gb = 1;
    } else {
        j->gb_broken |= b < 0x40 || b == 0x7f || b == 0xff;
        j->pairs++;
        j->pairs_common +=
            b >= 0xa1 && ((j->gb >= 0xb0 && j->gb <= 0xd7) || (j->gb >= 0xa1 && j->gb <= 0xa3));
        j->gb = 0;
    }
}

static void line_end(struct charset_judge *j)
{
    j->broken |= j->utf8_left > 0;
    j->gb_broken |= j->gb > 0;
    j->lines++;
    j->lines_high += j->high;
    j->lines_utf8 += j->high && !j->broken;
    j->utf8_left = j->gb = 0;
    j->high = j->broken = false;
}

void charset_judge_feed(struct charset_judge *j, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)data[i];
        if (j->first_n < sizeof(j->first))
            j->first[j->first_n++] = b;
        if (b == '\n' || b == '\r') {
            line_end(j);
            continue;
        }
        j->high |= b >= 0x80;
        utf8_byte(j, b);
        gb_byte(j, b);
    }
}

enum charset charset_judge_end(struct charset_judge *j)
{
    const uint8_t *f = j->first;
    line_end(j);
    if (j->first_n >= 2 && ((f[0] == 0xff && f[1] == 0xfe) || (f[0] == 0xfe && f[1] == 0xff)))
        return CHARSET_UTF16;
    bool mark = j->first_n == 3 && f[0] == 0xef && f[1] == 0xbb && f[2] == 0xbf;
    if (mark || j->lines_utf8 * 2 > j->lines_high || j->lines_high == 0)
        return CHARSET_UTF8;
    if (!j->gb_broken && j->pairs_common * 5 >= j->pairs * 3)
        return CHARSET_GB18030;
    return j->lines_utf8 == 0 && j->lines_high * 4 <= j->lines ? CHARSET_UTF8 : CHARSET_UNKNOWN;
}

/* ---- converting ---- */

struct charset_conv {
    iconv_t cd;
    char left[LEFT]; /* of a character whose rest did not come yet */
    size_t left_n;
};

struct charset_conv *charset_conv_new(enum charset from)
{
    iconv_t cd = iconv_open("UTF-8", charset_name(from));
    if (cd == (iconv_t)-1)
        return NULL;
    struct charset_conv *c = xcalloc(1, sizeof(*c));
    c->cd = cd;
    return c;
}

void charset_conv_free(struct charset_conv **cp)
{
    struct charset_conv *c = *cp;
    if (!c)
        return;
    iconv_close(c->cd);
    free(c);
    *cp = NULL;
}

/* One piece with what was left of the one before; what it cuts is left for the next. */
static int convert(struct charset_conv *c, const char *data, size_t len, struct buf *out)
{
    char in[PIECE + LEFT], text[(PIECE + LEFT) * 3 + 4];
    char *from = in, *to = text;
    size_t n = c->left_n + len, room = sizeof(text);
    memcpy(in, c->left, c->left_n);
    memcpy(in + c->left_n, data, len);
    c->left_n = 0;
    if (iconv(c->cd, &from, &n, &to, &room) == (size_t)-1) {
        if (errno != EINVAL || n > LEFT)
            return E_INVALID;
        memcpy(c->left, from, n);
        c->left_n = n;
    }
    buf_add(out, text, (size_t)(to - text));
    return out->overflow ? E_TOOBIG : E_OK;
}

int charset_conv_feed(struct charset_conv *c, const char *data, size_t len, struct buf *out)
{
    int rc = E_OK;
    for (size_t at = 0; rc == E_OK && at < len; at += PIECE)
        rc = convert(c, data + at, len - at < PIECE ? len - at : PIECE, out);
    return rc;
}

int charset_conv_end(struct charset_conv *c)
{
    return c->left_n ? E_INVALID : E_OK;
}
