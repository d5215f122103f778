/*
 * answer.c - reading owners' answers. Where a quotation begins is as mail programs write it, in
 * English and Chinese.
 */
#include "domain/answer.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define LOW_FIGURE 2 /* so many of five and fewer are a no */

/* ---- what is quoted ---- */

static const char *const quote_begins[] = {
    "-----Original",    "----- Original",
    "-----原始",        "------------------ 原始",
    "________________", "-- ",
    "Sent from my",     "Get Outlook",
    "发自我的",         "来自我的",
    "发件人：",         "发件人:",
    "寄件者：",         "From: ",
};
static const char *const quote_ends[] = {"wrote:", "写道：", "写道:", "寫道：", "寫道:"};

static bool begins_with(const char *line, size_t len, const char *word)
{
    size_t n = strlen(word);
    return len >= n && memcmp(line, word, n) == 0;
}

/* Whether from this line on the text is not the sender's own. */
static bool begins_quote(const char *line, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(quote_begins); i++)
        if (begins_with(line, len, quote_begins[i]))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(quote_ends); i++) {
        size_t n = strlen(quote_ends[i]);
        if (len >= n && memcmp(line + len - n, quote_ends[i], n) == 0)
            return true;
    }
    return len == 2 && memcmp(line, "--", 2) == 0;
}

void answer_own(const char *text, char own[ANSWER_OWN_MAX])
{
    size_t n = 0;
    bool fits = true;
    while (*text) {
        size_t len = strcspn(text, "\r\n");
        if (begins_quote(text, len))
            break;
        if (*text != '>') {
            fits = fits && n + len + 2 < ANSWER_OWN_MAX;
            if (fits) {
                memcpy(own + n, text, len);
                n += len;
                own[n++] = ' ';
            }
        }
        text += len + strspn(text + len, "\r\n");
    }
    own[fits ? n : 0] = 0;
}

/* ---- the ticket that it names ---- */

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
}

/* "T-000123" somewhere in a text; *len is its length. */
static const char *find_ticket(const char *text, size_t *len, int64_t *id)
{
    char digits[20];
    for (const char *p = text; *p; p++) {
        if ((*p != 'T' && *p != 't') || p[1] != '-' || (p > text && is_word(p[-1])))
            continue;
        *len = 2 + strspn(p + 2, "0123456789");
        if (text_copyn(digits, sizeof(digits), p + 2, *len - 2) &&
            text_int(digits, 1, INT64_MAX, id) == 0 && !is_word(p[*len]))
            return p;
    }
    return NULL;
}

/* Takes the ticket's name, and what stands around it, out of the sender's own words. */
static int64_t take_ticket(char own[ANSWER_OWN_MAX])
{
    size_t len;
    int64_t id = 0;
    const char *at = find_ticket(own, &len, &id);
    if (!at)
        return 0;
    memset(own + (at - own), ' ', len);
    for (char *p = own; *p; p++)
        if (strchr("[]()#:;,-", *p))
            *p = ' ';
    return id;
}

void answer_read(const char *text, struct answer *out)
{
    char own[ANSWER_OWN_MAX];
    size_t len;
    answer_own(text, own);
    memset(out, 0, sizeof(*out));
    out->ticket = take_ticket(own);
    if (!out->ticket && !find_ticket(text, &len, &out->ticket))
        out->ticket = 0;
    out->figure = answer_figure(own);
    out->word = out->figure ? ANSWER_NONE : answer_word(own);
}

/* ---- what it says ---- */

static bool asks_figure(const char *question)
{
    static const char *const words[] = {"1-5",  "1 - 5", "1–5",    "1—5",    "1~5",    "1～5",
                                        "1到5", "1至5",  "1 到 5", "1 至 5", "1 to 5", "１-５"};
    for (size_t i = 0; question && i < ARRAY_LEN(words); i++)
        if (strstr(question, words[i]))
            return true;
    return false;
}

enum answer_word answer_to(const struct answer *a, const char *question, int *score)
{
    *score = 0;
    if (!a->figure)
        return a->word;
    if (asks_figure(question)) {
        *score = a->figure;
        return a->figure <= LOW_FIGURE ? ANSWER_NO : ANSWER_YES;
    }
    return a->figure == 1 ? ANSWER_YES : a->figure == 2 ? ANSWER_NO : ANSWER_NONE;
}
