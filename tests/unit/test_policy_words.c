/*
 * test_policy_words.c - promises in words.
 */
#include "unit.h"

#include "base/buf.h"
#include "base/mem.h"
#include "domain/policy_words.h"

static void words(void **state)
{
    static const struct {
        const char *name, *within;
        enum lang lang;
        const char *want;
    } cases[] = {
        {"resolve", "24h", LANG_ZH, "24小时内解决"},
        {"resolve", "24h", LANG_ZH_HANT, "24小時內解決"},
        {"resolve", "24h", LANG_EN, "resolved within 24 hours"},
        {"claim", "1m", LANG_EN, "taken by a first responder within 1 minute"},
        {"confirm", "3d", LANG_ZH, "3天内业主确认"},
        {"accept", "2 wd", LANG_ZH, "2个工作日内部门接单"},
        {"investigate", "10wd", LANG_EN, "investigate within 10 working days"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = BUF_INIT(1024);
        struct span span;
        assert_int_equal(span_parse(cases[i].within, &span), 0);
        promise_words(cases[i].name, &span, cases[i].lang, &out);
        assert_string_equal(buf_str(&out), cases[i].want);
        buf_free(&out);
    }
}

static void rungs(void **state)
{
    static const struct {
        struct rung_place place;
        enum lang lang;
        const char *want;
    } cases[] = {
        {{"80%", NULL, false}, LANG_ZH, "已过80%"},
        {{"80%", NULL, false}, LANG_EN, "has used 80% of its time"},
        {{"100%", NULL, false}, LANG_ZH, "已到期"},
        {{"+0s", NULL, false}, LANG_EN, "is due now"},
        {{"+30m", NULL, false}, LANG_ZH_HANT, "已超時30分鐘"},
        {{"+4h", "3", false}, LANG_ZH, "已超时4小时（第3次督办）"},
        {{"+1wd", "2", false}, LANG_EN, "is late by 1 working day (notice 2)"},
        {{"+30m", NULL, true}, LANG_ZH, "经催办，提前督办"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = BUF_INIT(1024);
        rung_words(&cases[i].place, cases[i].lang, &out);
        assert_string_equal(buf_str(&out), cases[i].want);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words), cmocka_unit_test(rungs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
