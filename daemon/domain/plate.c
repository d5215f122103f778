/*
 * plate.c - plates in one form (plate.h).
 */
#include "domain/plate.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "domain/utf8.h"

/* What people and spreadsheets put between the parts of a plate, beside ASCII. */
static bool is_between(uint32_t c)
{
    static const uint32_t marks[] = {0xa0,   0xad,   0xb7,   0x3000, 0x2219, 0x22c5, 0x2212,
                                     0x25cf, 0x25cb, 0x2e31, 0x30fb, 0xff65, 0xfe63, 0xfeff};
    if (c < 0x80)
        return strchr(" \t-._'", (int)c) != NULL;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (c == marks[i])
            return true;
    return c >= 0x2000 && c <= 0x206f; /* spaces, dashes, bullets, marks of direction */
}

bool plate_normalise(const char *text, char *out)
{
    char *to = out;
    while (*text) {
        const char *from = text;
        uint32_t c = utf8_next(&text);
        size_t len = (size_t)(text - from);
        if (c >= 0xff01 && c <= 0xff5e)
            c -= 0xfee0;
        if (is_between(c))
            continue;
        if (c < 0x80) {
            *to++ = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
        } else {
            memmove(to, from, len);
            to += len;
        }
    }
    *to = 0;
    return to > out;
}
