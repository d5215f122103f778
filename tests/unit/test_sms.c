/*
 * test_sms.c - segments of short messages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "domain/sms.h"

struct piece {
    int times;
    const char *text;
};

/* Text is made of pieces; the expectations are those of 3GPP TS 23.040 and of the providers. */
static const struct {
    struct piece pieces[4];
    enum sms_rule rule;
    enum sms_alphabet alphabet;
    size_t units;
    int segments;
} cases[] = {
    {{{0, ""}}, SMS_NETWORK, SMS_GSM7, 0, 1},
    {{{160, "a"}}, SMS_NETWORK, SMS_GSM7, 160, 1},
    {{{161, "a"}}, SMS_NETWORK, SMS_GSM7, 161, 2},
    {{{159, "a"}, {1, "€"}}, SMS_NETWORK, SMS_GSM7, 161, 2},
    {{{306, "a"}}, SMS_NETWORK, SMS_GSM7, 306, 2},
    {{{307, "a"}}, SMS_NETWORK, SMS_GSM7, 307, 3},
    /* The escape pair may not straddle 153: one part more than the sum says. */
    {{{152, "a"}, {1, "€"}, {152, "a"}}, SMS_NETWORK, SMS_GSM7, 306, 3},
    {{{10, "[]"}}, SMS_NETWORK, SMS_GSM7, 40, 1},
    {{{1, "Ç"}}, SMS_NETWORK, SMS_GSM7, 1, 1},
    {{{1, "ç"}}, SMS_NETWORK, SMS_UCS2, 1, 1},
    {{{1, "`"}}, SMS_NETWORK, SMS_UCS2, 1, 1},
    {{{70, "中"}}, SMS_NETWORK, SMS_UCS2, 70, 1},
    {{{71, "中"}}, SMS_NETWORK, SMS_UCS2, 71, 2},
    {{{134, "中"}}, SMS_NETWORK, SMS_UCS2, 134, 2},
    {{{135, "中"}}, SMS_NETWORK, SMS_UCS2, 135, 3},
    {{{66, "中"}, {1, "😀"}, {1, "中"}}, SMS_NETWORK, SMS_UCS2, 69, 1},
    /* The pair would straddle 67. */
    {{{66, "中"}, {1, "😀"}, {66, "中"}}, SMS_NETWORK, SMS_UCS2, 134, 3},
    {{{70, "a"}}, SMS_MAINLAND, SMS_UCS2, 70, 1},
    {{{71, "a"}}, SMS_MAINLAND, SMS_UCS2, 71, 2},
    {{{1, "【四季花城】"}, {64, "中"}}, SMS_MAINLAND, SMS_UCS2, 70, 1},
    {{{1, "【四季花城】"}, {65, "中"}}, SMS_MAINLAND, SMS_UCS2, 71, 2},
    {{{66, "中"}, {1, "😀"}, {66, "中"}}, SMS_MAINLAND, SMS_UCS2, 134, 2},
    {{{1, "\xff\xfe"}}, SMS_NETWORK, SMS_UCS2, 2, 1},
};

static void measures(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = BUF_INIT(65536);
        struct sms_size size;

        for (size_t p = 0; p < ARRAY_LEN(cases[i].pieces); p++)
            for (int k = 0; k < cases[i].pieces[p].times; k++)
                buf_adds(&text, cases[i].pieces[p].text);
        sms_measure(buf_str(&text), cases[i].rule, &size);
        if (size.segments != cases[i].segments || size.units != cases[i].units ||
            size.alphabet != cases[i].alphabet)
            fail_msg("case %zu: %d segments, %zu units, alphabet %d", i, size.segments, size.units,
                     (int)size.alphabet);
        buf_free(&text);
    }
}

static void rule_by_recipient(void **state)
{
    assert_int_equal(sms_rule_for("+8613800138000"), SMS_MAINLAND);
    assert_int_equal(sms_rule_for("+85291234567"), SMS_NETWORK);
    assert_int_equal(sms_rule_for(NULL), SMS_NETWORK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures),
        cmocka_unit_test(rule_by_recipient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
