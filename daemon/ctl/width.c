/*
 * width.c - how many columns of a terminal a text takes: Chinese characters take two, combining
 * ones none.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "ctl/ctl.h"

struct range {
    uint32_t from, to;
};

static const struct range wide[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0x9fff},
    {0xa000, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},
    {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};
static const struct range empty[] = {{0x0300, 0x036f}, {0x200b, 0x200f}, {0xfe00, 0xfe0f}};

static bool within(const struct range *r, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= r[i].from && c <= r[i].to)
            return true;
    return false;
}

/* One character of UTF-8 at s; *len bytes. A broken one is one byte, shown as '?'. */
static uint32_t next(const char *s, size_t *len)
{
    unsigned char c = (unsigned char)s[0];
    size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    uint32_t code = n == 1 ? c : c & (0x7fu >> n);
    *len = 1;
    if (strnlen(s, n) < n || !utf8_valid(s, n))
        return '?';
    for (size_t i = 1; i < n; i++)
        code = code << 6 | ((unsigned char)s[i] & 0x3f);
    *len = n;
    return code;
}

static int columns(uint32_t c)
{
    if (within(empty, ARRAY_LEN(empty), c))
        return 0;
    return within(wide, ARRAY_LEN(wide), c) ? 2 : 1;
}

int ctl_width(const char *s)
{
    int width = 0;
    for (size_t len; *s; s += len)
        width += columns(next(s, &len));
    return width;
}

int ctl_put(const char *s, int max)
{
    int used = 0, whole = ctl_width(s);
    bool cut = max > 0 && whole > max;
    for (size_t len; *s; s += len) {
        uint32_t c = next(s, &len);
        if (cut && used + columns(c) > max - 1) {
            (void)fputs("…", stdout);
            return used + 1;
        }
        used += columns(c);
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
            (void)fputc('?', stdout);
        else
            (void)fwrite(s, 1, len, stdout);
    }
    return used;
}
