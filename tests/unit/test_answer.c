/*
 * test_answer.c - what owners' texts say to a question, with what they quote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "domain/answer.h"

static const struct {
    const char *text;
    enum answer_word word;
    int figure;
    int64_t ticket;
} texts[] = {
    {"满意", ANSWER_YES, 0, 0},
    {"非常满意！", ANSWER_YES, 0, 0},
    {"不太满意", ANSWER_NO, 0, 0},
    {"没有解决。", ANSWER_NO, 0, 0},
    {"Not satisfied", ANSWER_NO, 0, 0},
    {"1", ANSWER_NONE, 1, 0},
    {"５", ANSWER_NONE, 5, 0},
    {"4分", ANSWER_NONE, 4, 0},
    {"6", ANSWER_NONE, 0, 0},
    {"0", ANSWER_NONE, 0, 0},
    {"12", ANSWER_NONE, 0, 0},
    {"1 week ago", ANSWER_NONE, 0, 0},
    {"", ANSWER_NONE, 0, 0},
    {"满意，但是门口脏了", ANSWER_NONE, 0, 0},
    {"T-000123 满意", ANSWER_YES, 0, 123},
    {"[t-7]: no", ANSWER_NO, 0, 7},
    {"PT-7 no", ANSWER_NONE, 0, 0},
    {"T-7x no", ANSWER_NONE, 0, 0},
    {"T-99999999999999999999 no", ANSWER_NONE, 0, 0},
    {"满意\n\n> T-000009 已处理完成。满意请回复1", ANSWER_YES, 0, 9},
    {"2\r\n\r\nOn Sun, 22 Nov 2026 at 10:00, Site <a@b.c> wrote:\r\n> Reply 1 if T-5", ANSWER_NONE,
     2, 5},
    {"不满意\n发自我的iPhone", ANSWER_NO, 0, 0},
    {"yes\n-- \nWang Fang\n3-1201", ANSWER_YES, 0, 0},
    {"> only 1 quoted", ANSWER_NONE, 0, 0},
    {"see T-3, not T-4\nno", ANSWER_NONE, 0, 3},
    {"\xff\xfe", ANSWER_NONE, 0, 0},
};

static void texts_of_owners(void **state)
{
    struct answer a;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        answer_read(texts[i].text, &a);
        if (a.word != texts[i].word || a.figure != texts[i].figure || a.ticket != texts[i].ticket)
            fail_msg("case %zu '%s': word %d, figure %d, ticket %lld", i, texts[i].text,
                     (int)a.word, a.figure, (long long)a.ticket);
    }
}

/* A long text of any kind says something and answers nothing; nothing is read past its end. */
static void long_texts(void **state)
{
    char text[4000];
    struct answer a;
    memset(text, '1', sizeof(text));
    text[sizeof(text) - 1] = 0;
    answer_read(text, &a);
    assert_true(a.word == ANSWER_NONE && !a.figure && !a.ticket);
    memset(text, '\n', sizeof(text) - 1);
    memcpy(text + 3990, "T-12", 4);
    answer_read(text, &a);
    assert_true(a.word == ANSWER_NONE && !a.figure && a.ticket == 12);
}

static const struct {
    const char *text, *question;
    enum answer_word says;
    int score;
} answers[] = {
    {"1", "满意请回复1，不满意请回复2", ANSWER_YES, 0},
    {"2", "Reply 1 if you are satisfied, 2 if you are not", ANSWER_NO, 0},
    {"3", "满意请回复1，不满意请回复2", ANSWER_NONE, 0},
    {"1", "请打分（1-5分，5分最满意）", ANSWER_NO, 1},
    {"2", "请按1到5打分", ANSWER_NO, 2},
    {"3", "请按1到5打分", ANSWER_YES, 3},
    {"5", "Please give us 1 to 5 stars", ANSWER_YES, 5},
    {"满意", "请按1到5打分", ANSWER_YES, 0},
    {"不满意", NULL, ANSWER_NO, 0},
    {"1", NULL, ANSWER_YES, 0},
    {"4", NULL, ANSWER_NONE, 0},
    {"谢谢", NULL, ANSWER_NONE, 0},
};

static void to_a_question(void **state)
{
    struct answer a;
    int score;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        answer_read(answers[i].text, &a);
        enum answer_word says = answer_to(&a, answers[i].question, &score);
        if (says != answers[i].says || score != answers[i].score)
            fail_msg("case %zu '%s': %d, score %d", i, answers[i].text, (int)says, score);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_owners),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(to_a_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
