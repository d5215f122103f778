/*
 * lang.h - the languages that the site speaks, and text in several of them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum lang { LANG_ZH, LANG_ZH_HANT, LANG_EN, LANG_COUNT, LANG_NONE = -1 };

/** Read a BCP 47 tag: zh, zh-Hans, zh-CN, zh-Hant, zh-TW, zh-HK, en, en-GB …; LANG_NONE if unknown
 * or NULL. */
enum lang lang_parse(const char *tag);
/** "zh-Hans", "zh-Hant", "en". */
const char *lang_tag(enum lang lang);

/** Text in several languages; NULL where it is not given. */
struct local_text {
    char *text[LANG_COUNT];
};

/** The text in that language, else in the nearest other one (zh-Hant and zh stand in for each
 * other first, then en, then what there is); NULL only when there is none at all. */
const char *local_text_get(const struct local_text *t, enum lang lang);
bool local_text_is_empty(const struct local_text *t);
