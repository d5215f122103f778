/*
 * search_text.c - one form of writing for what is searched and what is searched for.
 */
#include <string.h>

#include "domain/utf8.h"
#include "service/search.h"

/* Words between the parts of a home's number; longer ones first. */
static const char *const joints[] = {"号楼", "號樓", "单元", "單元", "栋", "棟",
                                     "幢",   "座",   "楼",   "樓",   "#"};
/* What may follow the last part. */
static const char *const tails[] = {"室", "房", "号", "號"};

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
    for (size_t i = 0; i < n; i++) {
        if (s[0] == words[i][0] && strncmp(s, words[i], strlen(words[i])) == 0) {
            return words[i];
        }
    }
    return NULL;
}

/* "栋" between the parts of a home becomes "-", "室" behind the last one goes. How many bytes it
 * took; 0: it is no such word here. */
static size_t place_word(const char *s, size_t from, struct buf *out)
{
    if (!ends_with_word(out, from)) {
        return 0;
    }
    const char *joint = one_of(s, joints, sizeof(joints) / sizeof(joints[0]));
    if (joint) {
        size_t len = strlen(joint);
        if (is_digit(s[len])) {
            buf_addc(out, '-');
        }
        return is_digit(s[len]) || s[len] == '-' || s[len] == ' ' || s[len] == 0 ? len : 0;
    }
    const char *tail = one_of(s, tails, sizeof(tails) / sizeof(tails[0]));
    return tail && !is_digit(s[strlen(tail)]) && is_digit(out->data[out->len - 1]) ? strlen(tail)
                                                                                   : 0;
}

/* U+FF01..FF5E to ASCII, U+3000 to a blank, letters to lower case, control characters to 0. */
static uint32_t fold(uint32_t c)
{
    if (c >= 0xff01 && c <= 0xff5e) {
        c -= 0xfee0;
    }
    if (c == 0x3000 || c == '\t') {
        c = ' ';
    }
    if (c >= 'A' && c <= 'Z') {
        c += 'a' - 'A';
    }
    return c < 0x20 || c == 0x7f ? 0 : c;
}

/* Folded text first, so that the words of places are seen in one form. */
static void fold_text(const char *s, struct buf *out)
{
    while (*s) {
        const char *from = s;
        uint32_t c = utf8_next(&s), folded = fold(c);
        if (folded == ' ' && (out->len == 0 || out->data[out->len - 1] == ' ')) {
            continue;
        }
        if (folded && folded < 0x80) {
            buf_addc(out, (char)folded);
        } else if (folded) {
            buf_add(out, from, (size_t)(s - from));
        }
    }
}

void search_normalise(const char *text, struct buf *out)
{
    struct buf folded = BUF_INIT(out->max);
    size_t from = out->len;
    fold_text(text, &folded);
    for (const char *s = buf_str(&folded); *s;) {
        size_t took = place_word(s, from, out);
        if (!took) {
            const char *at = s;
            utf8_next(&s);
            buf_add(out, at, (size_t)(s - at));
        } else {
            s += took;
        }
    }
    while (out->len > from && out->data[out->len - 1] == ' ') {
        out->data[--out->len] = 0;
    }
    out->overflow |= folded.overflow;
    buf_free(&folded);
}
