/*
 * lang.c - language tags and text in several languages (lang.h).
 */
#include "domain/lang.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const struct {
    const char *tag;
    enum lang lang;
} tags[] = {
    {"zh-Hans", LANG_ZH},    {"zh", LANG_ZH},           {"zh-CN", LANG_ZH},
    {"zh-SG", LANG_ZH},      {"zh-Hant", LANG_ZH_HANT}, {"zh-TW", LANG_ZH_HANT},
    {"zh-HK", LANG_ZH_HANT}, {"zh-MO", LANG_ZH_HANT},   {"en", LANG_EN},
};

/* The tag itself, or the tag with further parts behind it. */
static bool tag_is(const char *text, const char *tag)
{
    size_t len = strlen(tag);
    return strncasecmp(text, tag, len) == 0 && (text[len] == '\0' || text[len] == '-');
}

enum lang lang_parse(const char *tag)
{
    enum lang found = LANG_NONE;
    size_t longest = 0;
    for (size_t i = 0; tag && i < ARRAY_LEN(tags); i++) {
        if (tag_is(tag, tags[i].tag) && strlen(tags[i].tag) > longest) {
            found = tags[i].lang;
            longest = strlen(tags[i].tag);
        }
    }
    return found;
}

const char *lang_tag(enum lang lang)
{
    static const char *const names[LANG_COUNT] = {"zh-Hans", "zh-Hant", "en"};
    return lang >= 0 && lang < LANG_COUNT ? names[lang] : names[LANG_ZH];
}

const char *local_text_get(const struct local_text *t, enum lang lang)
{
    static const enum lang order[LANG_COUNT][LANG_COUNT] = {
        [LANG_ZH] = {LANG_ZH, LANG_ZH_HANT, LANG_EN},
        [LANG_ZH_HANT] = {LANG_ZH_HANT, LANG_ZH, LANG_EN},
        [LANG_EN] = {LANG_EN, LANG_ZH, LANG_ZH_HANT},
    };
    int row = lang >= 0 && lang < LANG_COUNT ? (int)lang : LANG_ZH;
    for (int i = 0; i < LANG_COUNT; i++)
        if (t->text[order[row][i]])
            return t->text[order[row][i]];
    return NULL;
}

bool local_text_is_empty(const struct local_text *t)
{
    return local_text_get(t, LANG_ZH) == NULL;
}
