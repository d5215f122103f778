/*
 * policy_words.c - promises in words, zh and en.
 */
#include "domain/policy_words.h"

#include <inttypes.h>

#include "base/mem.h"
#include "base/text.h"

static const struct {
    enum span_unit unit;
    const char *zh, *zh_hant, *one, *many;
} units[] = {
    {SPAN_MS, "毫秒", "毫秒", "millisecond", "milliseconds"},
    {SPAN_SECOND, "秒", "秒", "second", "seconds"},
    {SPAN_MINUTE, "分钟", "分鐘", "minute", "minutes"},
    {SPAN_HOUR, "小时", "小時", "hour", "hours"},
    {SPAN_DAY, "天", "天", "day", "days"},
    {SPAN_WORKING_DAY, "个工作日", "個工作日", "working day", "working days"},
    {SPAN_MONTH, "个月", "個月", "month", "months"},
};

/* What is done within the time; the rest (milestones) goes by its own name. */
static const struct {
    const char *name, *zh, *zh_hant, *en;
} clocks[] = {
    {"claim", "有人负责", "有人負責", "taken by a first responder"},
    {"first_reply", "首次答复业主", "首次答覆業主", "first reply to the owner"},
    {"accept", "部门接单", "部門接單", "accepted by the department"},
    {"progress", "部门反馈进展", "部門回報進度", "progress from the department"},
    {"resolve", "解决", "解決", "resolved"},
    {"feedback", "答复业主", "答覆業主", "the owner told of it"},
    {"confirm", "业主确认", "業主確認", "confirmed by the owner"},
    {"handover", "接手人接受", "接手人接受", "accepted by the successor"},
};

static const char *pick(enum lang lang, const char *zh, const char *zh_hant, const char *en)
{
    return lang == LANG_EN ? en : lang == LANG_ZH_HANT ? zh_hant : zh;
}

void span_words(const struct span *s, enum lang lang, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (units[i].unit != s->unit)
            continue;
        const char *word =
            pick(lang, units[i].zh, units[i].zh_hant, s->n == 1 ? units[i].one : units[i].many);
        buf_printf(out, "%" PRId64 "%s%s", s->n, lang == LANG_EN ? " " : "", word);
    }
}

const char *clock_words(const char *name, enum lang lang)
{
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++)
        if (text_eq(clocks[i].name, name))
            return pick(lang, clocks[i].zh, clocks[i].zh_hant, clocks[i].en);
    return name;
}

void rung_words(const struct rung_place *r, enum lang lang, struct buf *out)
{
    struct span late;
    if (r->urged) {
        buf_adds(out, pick(lang, "经催办，提前督办", "經催辦，提前督辦", "is pressed for"));
    } else if (*r->at == '+' && span_parse(r->at + 1, &late) == 0 && late.n > 0) {
        buf_adds(out, pick(lang, "已超时", "已超時", "is late by "));
        span_words(&late, lang, out);
    } else if (*r->at == '+' || text_eq(r->at, "100%")) {
        buf_adds(out, pick(lang, "已到期", "已到期", "is due now"));
    } else {
        buf_adds(out, pick(lang, "已过", "已過", "has used "));
        buf_adds(out, r->at);
        buf_adds(out, pick(lang, "", "", " of its time"));
    }
    if (r->turn) {
        buf_adds(out, pick(lang, "（第", "（第", " (notice "));
        buf_adds(out, r->turn);
        buf_adds(out, pick(lang, "次督办）", "次督辦）", ")"));
    }
}

void promise_words(const char *name, const struct span *within, enum lang lang, struct buf *out)
{
    if (lang == LANG_EN)
        buf_printf(out, "%s within ", clock_words(name, lang));
    span_words(within, lang, out);
    if (lang != LANG_EN)
        buf_printf(out, "%s%s", lang == LANG_ZH_HANT ? "內" : "内", clock_words(name, lang));
}

void policy_each_promise(const struct policy *p,
                         void (*fn)(void *ctx, const char *name, const struct span *within),
                         void *ctx)
{
    for (size_t i = 0; i < p->clocks_n; i++)
        fn(ctx, p->clocks[i].name, &p->clocks[i].within);
    for (size_t i = 0; i < p->milestones_n; i++)
        fn(ctx, p->milestones[i].name, &p->milestones[i].within);
}
