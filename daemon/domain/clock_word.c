/*
 * clock_word.c - the words for the clocks of docs/tickets.md.
 */
#include "domain/clock_word.h"

#include <string.h>

#include "base/mem.h"

static const struct {
    const char *clock, *zh, *zh_hant, *en;
} words[] = {
    {"claim", "受理", "受理", "claim"},
    {"first_reply", "首次回复", "首次回覆", "first reply"},
    {"accept", "接单", "接單", "acceptance"},
    {"progress", "进展汇报", "進展匯報", "progress report"},
    {"resolve", "解决", "解決", "resolution"},
    {"feedback", "反馈业主", "回饋業主", "feedback to the owner"},
    {"confirm", "业主确认", "業主確認", "confirmation"},
    {"handover", "交接", "交接", "handover"},
};

const char *clock_word(const char *clock, enum lang lang)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].clock, clock) == 0)
            return lang == LANG_EN        ? words[i].en
                   : lang == LANG_ZH_HANT ? words[i].zh_hant
                                          : words[i].zh;
    return clock;
}
