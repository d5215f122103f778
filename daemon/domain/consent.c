/*
 * consent.c - consent and opt-out words (docs: the MIIT order on SMS services of 2015 wants a free
 * way out of commercial messages; the word list is that of carriers and mainland providers).
 */
#include "domain/consent.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/utf8.h"

#define WORD_MAX 64 /* longer texts are no opt-out word */

/* Without blanks and hyphens: "opt-out", "STOP ALL" and "取消 订阅" are these, too. */
static const char *const stop_words[] = {
    "STOP",       "STOPALL",  "STOPSMS",  "UNSUBSCRIBE", "UNSUB",    "UNSUBSCRIBEME",
    "CANCEL",     "END",      "QUIT",     "REVOKE",      "OPTOUT",   "OPTMEOUT",
    "REMOVEME",   "退订",     "退訂",     "TD",          "TDD",      "TTD",
    "T退订",      "TD退订",   "退订T",    "退订TD",      "我要退订", "拒收",
    "拒收短信",   "取消订阅", "取消訂閱", "停止发送",    "停止發送", "不要再发",
    "不要再发了", "别再发了", "别发了",   "请勿再发",    "不要再發", "請勿再發",
};
static const char *const start_words[] = {"START",    "UNSTOP",   "OPTIN",   "RESUBSCRIBE",
                                          "恢复订阅", "恢復訂閱", "重新订阅"};
static const char *const yes_words[] = {
    "1",      "Y",        "YES",      "OK",       "SATISFIED", "SOLVED", "FIXED",
    "是",     "是的",     "好",       "好的",     "满意",      "滿意",   "很满意",
    "很滿意", "非常满意", "非常滿意", "满意了",   "同意",      "已解决", "已解決",
    "解决了", "解決了",   "已经解决", "已經解決", "已经解决了"};
static const char *const no_words[] = {
    "2",          "N",        "NO",       "NOT SATISFIED", "UNSATISFIED", "NOT SOLVED", "NOT FIXED",
    "否",         "不",       "不满意",   "不滿意",        "不太满意",    "很不满意",   "很不滿意",
    "非常不满意", "不同意",   "没解决",   "未解决",        "沒解決",      "未解決",     "没有解决",
    "沒有解決",   "还没解决", "還沒解決", "还没有解决",    "没修好",      "没好",       "还没好"};
static const char single_letters[] = "TNR";
/* How a marketing text offers a way out: "回复T退订", "reply T to stop". */
static const char *const offers[] = {"回复", "回覆", "回復", "REPLY ", "reply ", "Reply "};

const char *consent_forbids(const struct consent *c, const char *channel, const char *message_class)
{
    if (text_eq(message_class, "marketing") && !c->marketing)
        return "marketing";
    if (text_eq(channel, "sms") && !c->sms)
        return "sms";
    if (text_eq(channel, "email") && !c->email)
        return "email";
    return NULL;
}

/* Full-width forms to ASCII, ideographic space and no-break space to a space, lower to upper. */
static uint32_t fold(uint32_t cp)
{
    if (cp >= 0xff01 && cp <= 0xff5e)
        cp -= 0xfee0;
    if (cp == 0x3000 || cp == 0xa0 || cp == '\t' || cp == '\r' || cp == '\n')
        cp = ' ';
    if (cp >= 'a' && cp <= 'z')
        cp -= 'a' - 'A';
    return cp;
}

static bool is_trimmed(uint32_t cp)
{
    return cp == ' ' || cp == '.' || cp == '!' || cp == '?' || cp == ',' || cp == ';' ||
           cp == '~' || cp == '"' || cp == '\'' || cp == 0x3002 /* 。 */ || cp == 0x201c ||
           cp == 0x201d;
}

/* Folded and trimmed text into out (code points of the words above are at most three bytes);
 * false if it is empty or too long to be a word. */
static bool normalise(const char *text, char out[WORD_MAX])
{
    uint32_t cps[WORD_MAX / 3];
    size_t n = 0, len = 0;
    while (*text) {
        uint32_t cp = fold(utf8_next(&text));
        if (n == 0 && is_trimmed(cp))
            continue;
        if (n == ARRAY_LEN(cps)) {
            if (!is_trimmed(cp))
                return false;
            continue;
        }
        cps[n++] = cp;
    }
    while (n > 0 && is_trimmed(cps[n - 1]))
        n--;
    for (size_t i = 0; i < n; i++) {
        if (cps[i] < 0x80) {
            out[len++] = (char)cps[i];
        } else if (cps[i] >= 0x800 && cps[i] <= 0xffff) {
            out[len++] = (char)(0xe0 | cps[i] >> 12);
            out[len++] = (char)(0x80 | (cps[i] >> 6 & 0x3f));
            out[len++] = (char)(0x80 | (cps[i] & 0x3f));
        } else {
            return false;
        }
    }
    out[len] = 0;
    return len > 0;
}

static bool in_words(const char *const *words, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

/* "回复T", "回复 TD/T": the letter stands close behind an offer. */
static bool offered(const char *marketing, char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        const char *at = strstr(marketing, offers[i]);
        while (at) {
            const char *p = at + strlen(offers[i]);
            for (int k = 0; k < 8 && *p; k++) {
                uint32_t cp = fold(utf8_next(&p));
                if (cp == (uint32_t)letter)
                    return true;
            }
            at = strstr(at + 1, offers[i]);
        }
    }
    return false;
}

/* "opt - out" to "OPTOUT". */
static void squeeze(char *word)
{
    char *to = word;
    for (const char *p = word; *p; p++)
        if (*p != ' ' && *p != '-' && *p != '_')
            *to++ = *p;
    *to = 0;
}

enum consent_word consent_word(const char *text, const char *last_marketing)
{
    char word[WORD_MAX];
    if (!normalise(text, word))
        return CONSENT_NONE;
    squeeze(word);
    if (in_words(stop_words, ARRAY_LEN(stop_words), word))
        return CONSENT_STOP;
    if (in_words(start_words, ARRAY_LEN(start_words), word))
        return CONSENT_START;
    if (!word[1] && strchr(single_letters, word[0]) && last_marketing &&
        offered(last_marketing, word[0]))
        return CONSENT_STOP;
    return CONSENT_NONE;
}

enum answer_word answer_word(const char *text)
{
    char word[WORD_MAX];
    if (!normalise(text, word))
        return ANSWER_NONE;
    if (in_words(yes_words, ARRAY_LEN(yes_words), word))
        return ANSWER_YES;
    return in_words(no_words, ARRAY_LEN(no_words), word) ? ANSWER_NO : ANSWER_NONE;
}

int answer_figure(const char *text)
{
    static const char *const units[] = {"", "分", "星", " 分", " 星"};
    char word[WORD_MAX];
    if (!normalise(text, word) || word[0] < '1' || word[0] > '5')
        return 0;
    return in_words(units, ARRAY_LEN(units), word + 1) ? word[0] - '0' : 0;
}
