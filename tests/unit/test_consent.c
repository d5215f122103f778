/*
 * test_consent.c - consent, the words that take it back, retries and message states.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/consent.h"
#include "domain/retry.h"

static const struct {
    struct consent consent;
    const char *channel, *cls, *forbids;
} rules[] = {
    {{true, true, true, false}, "sms", "service", NULL},
    {{false, true, true, false}, "sms", "service", "sms"},
    {{false, true, true, false}, "email", "service", NULL},
    {{true, false, true, true}, "email", "marketing", "email"},
    {{true, true, true, false}, "sms", "marketing", "marketing"},
    {{true, true, true, true}, "sms", "marketing", NULL},
};

static void consent_rules(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const char *f = consent_forbids(&rules[i].consent, rules[i].channel, rules[i].cls);
        if (!text_eq(f, rules[i].forbids))
            fail_msg("case %zu: %s", i, f ? f : "allowed");
    }
}

static const struct {
    const char *text, *marketing;
    enum consent_word word;
} words[] = {
    {"STOP", NULL, CONSENT_STOP},
    {" stop. ", NULL, CONSENT_STOP},
    {"退订", NULL, CONSENT_STOP},
    {"退訂！", NULL, CONSENT_STOP},
    {"　ＴＤ　", NULL, CONSENT_STOP},
    {"td\r\n", NULL, CONSENT_STOP},
    {"拒收", NULL, CONSENT_STOP},
    {"取消订阅。", NULL, CONSENT_STOP},
    {"please stop", NULL, CONSENT_NONE},
    {"opt out", NULL, CONSENT_STOP},
    {"Opt-Out.", NULL, CONSENT_STOP},
    {"opt - out", NULL, CONSENT_STOP},
    {"OPTOUT", NULL, CONSENT_STOP},
    {"stop all", NULL, CONSENT_STOP},
    {"STOP-ALL", NULL, CONSENT_STOP},
    {"Stopall", NULL, CONSENT_STOP},
    {"unsub", NULL, CONSENT_STOP},
    {"un-subscribe", NULL, CONSENT_STOP},
    {"unsubscribe me", NULL, CONSENT_STOP},
    {"remove me", NULL, CONSENT_STOP},
    {"退 订", NULL, CONSENT_STOP},
    {"TD退订", NULL, CONSENT_STOP},
    {"Ｔ退订", NULL, CONSENT_STOP},
    {"不要再发了！", NULL, CONSENT_STOP},
    {"停止發送", NULL, CONSENT_STOP},
    {"opt in", NULL, CONSENT_START},
    {"重新订阅", NULL, CONSENT_START},
    {"opt for tomorrow", NULL, CONSENT_NONE},
    {"stop all the noise", NULL, CONSENT_NONE},
    {"不要再发热水", NULL, CONSENT_NONE},
    {"STOP calling me", NULL, CONSENT_NONE},
    {"1", NULL, CONSENT_NONE},
    {"", NULL, CONSENT_NONE},
    {"   ", NULL, CONSENT_NONE},
    {"T", NULL, CONSENT_NONE},
    {"T", "新年快乐 拒收请回复T", CONSENT_STOP},
    {"t", "Sale! Reply T to stop", CONSENT_STOP},
    {"R", "新年快乐 拒收请回复T", CONSENT_NONE},
    {"T", "ticket talk without a way out", CONSENT_NONE},
    {"START", NULL, CONSENT_START},
    {"unstop", NULL, CONSENT_START},
    {"YES", NULL, CONSENT_NONE},
    {"\xff\xfe\xfd", NULL, CONSENT_NONE},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL,
     CONSENT_NONE},
};

static void opt_out_words(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        enum consent_word w = consent_word(words[i].text, words[i].marketing);
        if (w != words[i].word)
            fail_msg("case %zu '%s': %d", i, words[i].text, (int)w);
    }
}

static void answers_of_owners(void **state)
{
    static const struct {
        const char *text;
        enum answer_word word;
    } answers[] = {
        {"1", ANSWER_YES},   {" １ 。", ANSWER_YES}, {"满意！", ANSWER_YES},
        {"yes", ANSWER_YES}, {"2", ANSWER_NO},       {"不满意", ANSWER_NO},
        {"No.", ANSWER_NO},  {"12", ANSWER_NONE},    {"1楼漏水", ANSWER_NONE},
        {"", ANSWER_NONE},   {"3", ANSWER_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (answer_word(answers[i].text) != answers[i].word)
            fail_msg("'%s'", answers[i].text);
}

static void states_only_forward(void **state)
{
    static const struct {
        enum msg_state from, to;
        bool may;
    } moves[] = {
        {MSG_QUEUED, MSG_SENDING, true},     {MSG_SENDING, MSG_QUEUED, true},
        {MSG_SENDING, MSG_SENT, true},       {MSG_SENT, MSG_DELIVERED, true},
        {MSG_SENT, MSG_FAILED, true},        {MSG_SENDING, MSG_DELIVERED, true},
        {MSG_SENT, MSG_QUEUED, false},       {MSG_DELIVERED, MSG_SENT, false},
        {MSG_DELIVERED, MSG_FAILED, false},  {MSG_FAILED, MSG_DELIVERED, false},
        {MSG_CANCELLED, MSG_SENDING, false}, {MSG_EXPIRED, MSG_SENT, false},
        {MSG_SENT, MSG_SENT, false},         {MSG_QUEUED, MSG_CANCELLED, true},
        {MSG_STATES, MSG_SENT, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(moves); i++)
        if (msg_may_move(moves[i].from, moves[i].to) != moves[i].may)
            fail_msg("case %zu", i);
    for (int s = 0; s < MSG_STATES; s++)
        assert_int_equal(msg_state_parse(msg_state_name((enum msg_state)s)), s);
    assert_int_equal(msg_state_parse("gone"), MSG_STATES);
    assert_int_equal(msg_state_parse(NULL), MSG_STATES);
}

static void retries_from_creation(void **state)
{
    assert_int_equal(retry_at(1000000, 1, 1000100, 0, 500), 1002000);
    assert_int_equal(retry_at(1000000, 2, 1002100, 0, 500), 1006000);
    /* The same whenever it is asked before that moment: a restart resets nothing. */
    assert_int_equal(retry_at(1000000, 2, 1005999, 0, 500), 1006000);
    /* Past already: the same step from now. */
    assert_int_equal(retry_at(1000000, 2, 1007000, 0, 500), 1011000);
    assert_int_equal(retry_at(0, 1, 100, 60000, 500), 60100);
    assert_int_equal(retry_at(0, 1, 0, INT64_C(99999999999), 500), 86400000);
    for (int attempts = 0; attempts < 100; attempts++) {
        int64_t early = retry_at(0, attempts, 0, 0, 0), late = retry_at(0, attempts, 0, 0, 1000);
        assert_true(early > 0 && early < late && late < retry_at(0, attempts + 2, 0, 0, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consent_rules),         cmocka_unit_test(opt_out_words),
        cmocka_unit_test(answers_of_owners),     cmocka_unit_test(states_only_forward),
        cmocka_unit_test(retries_from_creation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
