/*
 * test_ami_parse.c - the manager's framing, wherever the bytes are split.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include "ami_parse.h"

#define BANNER "Asterisk Call Manager/11.0.0\r\n"

struct parsed {
    size_t messages;
    char text[256];
};

static bool any_banner(void *ctx, const char *line)
{
    (void)ctx;
    return strncmp(line, "Asterisk", 8) == 0;
}

static void note(void *ctx, const struct ami_msg *msg)
{
    struct parsed *p = ctx;
    p->messages++;
    for (size_t i = 0; i < msg->count; i++) {
        size_t n = strlen(p->text);
        snprintf(p->text + n, sizeof p->text - n, "%s=%.40s;", msg->fields[i].key,
                 msg->fields[i].value);
    }
}

static void test_framing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
        size_t messages;
        bool error;
    } rows[] = {
        {BANNER "A: 1\r\nb:2\r\n\r\n", "A=1;b=2;", 1, false},
        {BANNER "A:\r\nB:  x : y\r\n\r\nC: 3\r\n\r\n", "A=;B= x : y;C=3;", 2, false},
        {BANNER "\r\n\r\nA: 1\r\n\r\n", "A=1;", 1, false},
        {BANNER "R: 1\r\nMessage: Parked\n\r\n\r\n", "R=1;Message=Parked;", 1, false},
        {BANNER "R: 1\r\nA: one\nB: two\r\n\r\n", "R=1;A=one\nB: two;", 1, false},
        {"Asterisk Call Manager/1\nA: 1\nB: 2\n\n", "A=1;B=2;", 1, false},
        {BANNER "A: 1\nB: 2\n\nC: 3\r\nD: 4\r\n\r\n\nE: 5\n\n", "A=1;B=2;C=3;D=4;E=5;", 3, false},
        {"Asterisk Call Manager/1\nA: 1\r\n\r\n", "A=1;", 1, false},
        {BANNER "no colon\r\nA: 1\r\n\r\n", "A=1;", 1, false},
        {BANNER "A: half", "", 0, false},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", "", 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step < 64; step = step * 2 + 1) {
            struct ami_parser p = {0};
            struct parsed got = {0};
            struct ami_sink sink = {.banner = any_banner, .message = note, .ctx = &got};
            size_t len = strlen(rows[i].bytes), used = 0;
            for (size_t end = 0; end < len && !p.error;) {
                end = end + step < len ? end + step : len;
                used += ami_parse(&p, &sink, rows[i].bytes + used, end - used);
            }
            assert_int_equal(got.messages, rows[i].messages);
            assert_string_equal(got.text, rows[i].text);
            assert_int_equal(p.error != NULL, rows[i].error);
            ami_parser_reset(&p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
