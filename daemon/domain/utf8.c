/*
 * utf8.c - decoding of UTF-8 (RFC 3629): shortest forms only, no surrogates.
 */
#include "domain/utf8.h"

static const struct {
    uint8_t mask, lead;
    uint32_t least;
    int more;
} forms[] = {
    {0x80, 0x00, 0, 0},
    {0xe0, 0xc0, 0x80, 1},
    {0xf0, 0xe0, 0x800, 2},
    {0xf8, 0xf0, 0x10000, 3},
};

uint32_t utf8_next(const char **s)
{
    const uint8_t *p = (const uint8_t *)*s;
    for (int f = 0; f < 4; f++) {
        if ((p[0] & forms[f].mask) != forms[f].lead)
            continue;
        uint32_t cp = p[0] & (uint8_t)~forms[f].mask;
        int i = 1;
        for (; i <= forms[f].more && (p[i] & 0xc0) == 0x80; i++)
            cp = cp << 6 | (p[i] & 0x3f);
        if (i <= forms[f].more || cp < forms[f].least || cp > 0x10ffff ||
            (cp >= 0xd800 && cp <= 0xdfff))
            break;
        *s += i;
        return cp;
    }
    *s += 1;
    return 0xfffd;
}
