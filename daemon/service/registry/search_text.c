/*
 * search_text.c - one form of writing for what is searched and what is searched for.
 */
#include <string.h>

#include "base/mem.h"
#include "domain/utf8.h"
#include "service/registry/search.h"

/* Words between the parts of a home's number; longer ones first. */
static const char *const joints[] = {"号楼", "號樓", "单元", "單元", "栋", "棟", "幢",
                                     "座",   "楼",   "樓",   "号",   "號", "#",  "/"};
/* What may follow the last part. */
static const char *const tails[] = {"号房", "號房", "室", "房", "号", "號"};
/* Before the building's number, and before the home's. */
static const char *const towers[] = {"building", "bldg", "block", "blk", "tower"};
static const char *const rooms[] = {"apartment", "unit", "room", "flat", "suite", "apt", "no", "#"};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ends_with_word(const struct buf *out, size_t from)
{
    char c = out->len > from ? out->data[out->len - 1] : 0;
    return is_digit(c) || (c >= 'a' && c <= 'z');
}

static const char *one_of(const char *s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[0] == words[i][0] && strncmp(s, words[i], strlen(words[i])) == 0)
            return words[i];
    return NULL;
}

/* "栋" between the parts of a home becomes "-", "室" behind the last one goes. How many bytes it
 * took; 0: it is no such word here. */
static size_t place_word(const char *s, size_t from, struct buf *out)
{
    if (!ends_with_word(out, from))
        return 0;
    const char *joint = one_of(s, joints, ARRAY_LEN(joints));
    size_t len = joint ? strlen(joint) : 0, blanks = joint ? strspn(s + len, " ") : 0;
    if (joint && is_digit(s[len + blanks])) {
        buf_addc(out, '-');
        return len + blanks;
    }
    const char *tail = one_of(s, tails, ARRAY_LEN(tails));
    if (tail && is_digit(out->data[out->len - 1]) && !is_digit(s[strlen(tail)]))
        return strlen(tail);
    if (joint && len > 1 && (s[len] == ' ' || s[len] == 0)) {
        buf_addc(out, '-'); /* a building alone */
        return len;
    }
    return joint && len > 1 && s[len] == '-' ? len : 0;
}

/* The bytes of one of the words, with the dot and blanks behind it, where a number follows. */
static size_t before_number(const char *s, const char *const *words, size_t n)
{
    const char *word = one_of(s, words, n);
    if (!word)
        return 0;
    size_t len = strlen(word);
    len += s[len] == '.';
    len += strspn(s + len, " ");
    bool letter = s[len] >= 'a' && s[len] <= 'z' && s[len - 1] == ' ' &&
                  (s[len + 1] == ' ' || s[len + 1] == ',');
    return is_digit(s[len]) || letter ? len : 0;
}

/* "building 3, unit 1201" and "building 3 1201" are "3-1201". */
static size_t english_place(const char *s, size_t from, struct buf *out)
{
    if (ends_with_word(out, from))
        return 0;
    size_t took = before_number(s, towers, ARRAY_LEN(towers));
    if (!took)
        return 0;
    size_t number = strspn(s + took, "abcdefghijklmnopqrstuvwxyz0123456789");
    buf_add(out, s + took, number);
    took += number;
    size_t blanks = strspn(s + took, " ,"), room = 0;
    if (blanks)
        room = before_number(s + took + blanks, rooms, ARRAY_LEN(rooms));
    if (s[took] != '-')
        buf_addc(out, '-');
    return blanks && is_digit(s[took + blanks + room]) ? took + blanks + room : took;
}

/* Dots in the middle, as plates ("粤B·12345") and names have them: one writes them, another does
 * not. */
static bool is_middle_dot(uint32_t c)
{
    return c == 0xb7 || c == 0x2022 || c == 0x2027 || c == 0x2219 || c == 0x22c5 || c == 0x30fb ||
           c == 0xff65;
}

/* U+FF01..FF5E to ASCII, U+3000 to a blank, dashes to '-', letters to lower case, control
 * characters and middle dots to 0. */
static uint32_t fold(uint32_t c)
{
    if (c >= 0xff01 && c <= 0xff5e)
        c -= 0xfee0;
    if ((c >= 0x2010 && c <= 0x2015) || c == 0x2212)
        c = '-';
    if (c == 0x3000 || c == '\t')
        c = ' ';
    if (is_middle_dot(c))
        return 0;
    if (c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    return c < 0x20 || c == 0x7f ? 0 : c;
}

/* Folded text first, so that the words of places are seen in one form. */
static void fold_text(const char *s, struct buf *out)
{
    while (*s) {
        const char *from = s;
        uint32_t c = utf8_next(&s), folded = fold(c);
        if (folded == ' ' && (out->len == 0 || out->data[out->len - 1] == ' '))
            continue;
        if (folded && folded < 0x80)
            buf_addc(out, (char)folded);
        else if (folded)
            buf_add(out, from, (size_t)(s - from));
    }
}

void search_normalise(const char *text, struct buf *out)
{
    struct buf folded = BUF_CUT(out->max);
    size_t from = out->len;
    fold_text(text, &folded);
    for (const char *s = buf_str(&folded); *s;) {
        size_t took = place_word(s, from, out);
        took = took ? took : english_place(s, from, out);
        if (!took) {
            const char *at = s;
            utf8_next(&s);
            buf_add(out, at, (size_t)(s - at));
        } else {
            s += took;
        }
    }
    while (out->len > from && out->data[out->len - 1] == ' ')
        out->data[--out->len] = 0;
    out->overflow |= folded.overflow;
    buf_free(&folded);
}
