/*
 * pinyin.c - initials of names.
 */
#include "domain/pinyin.h"

#include <stdbool.h>
#include <string.h>

#include "domain/utf8.h"

/* Characters that are read differently as surnames: 单 Shan, 曾 Zeng, 仇 Qiu, 解 Xie, 查 Zha, 区
 * Ou, 盖 Ge, 尉 Yu, 缪 Miao, 朴 Piao, 乐 Yue, 重 Chong, 翟 Zhai, 召 Shao, 繁 Po, 种 Chong, 秘 Bi,
 * 冼 Xian, 那 Na, 员 Yun, 黑 He, 單, 區, 繆, 蓋, 員, 樂, 種 likewise. */
static const struct {
    uint32_t c;
    char letter;
} surnames[] = {
    {0x5355, 's'}, {0x55ae, 's'}, {0x66fe, 'z'}, {0x4ec7, 'q'}, {0x89e3, 'x'}, {0x67e5, 'z'},
    {0x533a, 'o'}, {0x5340, 'o'}, {0x76d6, 'g'}, {0x84cb, 'g'}, {0x5c09, 'y'}, {0x7f2a, 'm'},
    {0x7e46, 'm'}, {0x6734, 'p'}, {0x4e50, 'y'}, {0x6a02, 'y'}, {0x91cd, 'c'}, {0x7fdf, 'z'},
    {0x53ec, 's'}, {0x7e41, 'p'}, {0x79cd, 'c'}, {0x7a2e, 'c'}, {0x79d8, 'b'}, {0x51bc, 'x'},
    {0x90a3, 'n'}, {0x5458, 'y'}, {0x54e1, 'y'}, {0x9ed1, 'h'},
};

static char surname_letter(uint32_t c)
{
    for (size_t i = 0; i < sizeof(surnames) / sizeof(surnames[0]); i++)
        if (surnames[i].c == c)
            return surnames[i].letter;
    return 0;
}

static char han_letter(uint32_t c, bool first)
{
    char letter = first ? surname_letter(c) : 0;
    if (!letter && c >= PINYIN_FIRST && c <= PINYIN_LAST)
        letter = pinyin_table[c - PINYIN_FIRST];
    return letter == '.' ? 0 : letter;
}

static char latin_letter(uint32_t c)
{
    return c >= 'a' && c <= 'z' ? (char)c : c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : 0;
}

void pinyin_initials(const char *name, char *out, size_t cap)
{
    size_t n = 0;
    bool word = false, han = false;
    while (*name && n + 1 < cap) {
        uint32_t c = utf8_next(&name);
        char letter = han_letter(c, n == 0), latin = latin_letter(c);
        han |= letter != 0;
        if (letter)
            out[n++] = letter;
        else if (latin && !word)
            out[n++] = latin;
        word = latin != 0;
    }
    out[han ? n : 0] = 0;
}
